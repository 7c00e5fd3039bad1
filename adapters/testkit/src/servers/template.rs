//! Data directories are made once per version and copied afterwards: `initdb` costs seconds, a copy tenths.
//! Writes `/tmp/lb-UID/template-KIND-DIGEST`, whole or not at all, by a rename.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::{Folder, base};

/// Copies the template of this program and these arguments to `data`; `make` fills a new one, `PRIVATE/data`, if there is
/// none. Other test processes may want it at the same moment: one makes, the others wait.
#[track_caller]
pub(super) fn copy(kind: &str, program: &Path, arguments: &[String], data: &Path, make: impl FnOnce(&Folder)) {
    let place = base().join(format!("template-{kind}-{:016x}", digest(program, arguments)));
    let lock = File::create(place.with_extension("lock")).expect("the template's lock");
    lock.lock().expect("the template's lock");
    if !place.exists() {
        // Killed in between, the watchdog removes it, and nobody has seen it.
        let private = Folder::new("new", "KILL");
        make(&private);
        fs::rename(private.path().join("data"), &place).expect("the template takes its place");
    }
    drop(lock);
    clone(&place, data);
}

/// A directory with all in it; owners and modes stay.
#[track_caller]
pub(super) fn clone(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(from).arg(to).status();
    assert!(status.is_ok_and(|status| status.success()), "cp -a {} {}", from.display(), to.display());
}

/// What makes one template unlike another. The boot is in it: what was never synced may be torn after a power cut.
fn digest(program: &Path, arguments: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let version = Command::new(program).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    (program, version, boot, arguments).hash(&mut hasher);
    hasher.finish()
}

/// Where `make` puts it.
pub(super) fn inside(private: &Folder) -> PathBuf {
    private.path().join("data")
}
