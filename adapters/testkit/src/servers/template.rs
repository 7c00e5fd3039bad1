//! Data directories are made once per version and copied afterwards: `initdb` costs seconds, a copy tenths.
//! Writes `/tmp/lb-UID/BOOT/template-KIND-DIGEST`, whole or not at all, by a rename; nothing in it is ever synced, so that it
//! is not used after the next boot.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use super::folder::{Folder, base};
use super::process::complete;

/// Copies the template of this program and these arguments to a folder's data directory; `make` fills the data directory of a folder of its own,
/// if there is none. Other test processes may want it at the same moment: one makes, the others wait.
#[track_caller]
pub(super) fn copy(kind: &str, program: &Path, arguments: &[String], folder: &Folder, make: impl FnOnce(&Folder)) {
    let place = base().join(format!("template-{kind}-{:016x}", digest(program, arguments)));
    let lock = File::create(place.with_extension("lock")).expect("the template's lock");
    lock.lock().expect("the template's lock");
    if !place.exists() {
        // Killed in between, the watchdog removes it, and nobody has seen it.
        let private = Folder::new("new", "KILL", None);
        make(&private);
        fs::rename(private.data(), &place).expect("the template takes its place");
    }
    drop(lock);
    // Under the watchdog, too: it must not write into what is being removed.
    let mut command = folder.command(Path::new("cp"));
    complete(folder, command.args(["-a", "--reflink=auto", "--"]).arg(&place).arg(folder.data_of_server()));
}

/// What makes one template unlike another.
fn digest(program: &Path, arguments: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let version = Command::new(program).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    (program, version, arguments).hash(&mut hasher);
    hasher.finish()
}
