//! A small disk of a server's own: a tmpfs in its folder. For what happens when a disk is full. Tests that want one are named
//! `…full_disk…`: by that name `tests/run` leaves them out, loudly, where LASTBELL_DISK_FULL=none says that none can be had.
//!
//! Root mounts it where it lies. Anybody else may mount only in a namespace of user and mounts that is his own: a process holds
//! that namespace until the test's end, the server is started into it, and we look in by `/proc/HOLDER/root`.
//! `RLIMIT_FSIZE` would need no rights at all, but gives EFBIG, which is not a full disk to anybody.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::folder::{Folder, own, runs_as};

/// Arguments: where, how many bytes. Ends with its input.
const HOLD: &str = r#"mount -t tmpfs -o "size=$1,mode=0700" none "$0" || exit 1; echo ready; read -r _"#;

/// A file system of a few bytes.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    holder: Option<Child>,
}

impl Disk {
    #[track_caller]
    pub(super) fn new(at: &Path, bytes: u64) -> Self {
        fs::create_dir(at).expect("a place for a disk");
        own(at);
        let root = rustix::process::geteuid().is_root();
        let made = if root { mount(at, bytes).then_some(None) } else { hold(at, bytes).map(Some) };
        let holder = made.unwrap_or_else(|| {
            panic!(
                "no small disk can be mounted here, not even in a namespace: the tests of a full disk cannot run. \
                 To say that they are not wanted: LASTBELL_DISK_FULL=none tests/run, cargo test -- --skip full_disk"
            )
        });
        Self { at: at.to_owned(), holder }
    }

    /// Where it is, as we see it.
    pub(super) fn seen(&self) -> PathBuf {
        match &self.holder {
            None => self.at.clone(),
            Some(holder) => {
                let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
                root.join(self.at.strip_prefix("/").unwrap_or(&self.at))
            }
        }
    }

    /// The words before a command that shall see it. In the holder's namespace we are root, which PostgreSQL refuses: a
    /// second namespace makes us ourselves again.
    pub(super) fn enter(&self) -> Vec<String> {
        let Some(holder) = &self.holder else { return Vec::new() };
        let (user, group) = runs_as();
        let enter = format!("nsenter --user --mount --preserve-credentials --target {}", holder.id());
        let become_us = format!("unshare --user --map-user={user} --map-group={group}");
        enter.split(' ').chain(become_us.split(' ')).map(str::to_owned).collect()
    }

    /// How many bytes are free.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        let found = rustix::fs::statvfs(self.seen()).expect("the disk is mounted");
        found.f_bavail * found.f_frsize
    }

    /// Takes the room away until so many bytes are left.
    pub fn fill(&self, leave_bytes: u64) {
        let filler = File::options().create(true).append(true).open(self.filler()).expect("a file on the disk");
        let have = filler.metadata().expect("its size").len();
        let take = self.free_bytes().saturating_sub(leave_bytes);
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&filler, flags, have, take).expect("room on the disk");
    }

    /// Gives the room back.
    pub fn relieve(&self) {
        let _ = fs::remove_file(self.filler());
    }

    /// Beside the data directory, never in it.
    fn filler(&self) -> PathBuf {
        self.seen().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        match &mut self.holder {
            // Lazily: a process that is just dying must not keep it.
            None => drop(Command::new("umount").arg("-l").arg(&self.at).status()),
            Some(holder) => {
                drop(holder.stdin.take());
                let _ = holder.wait();
            }
        }
    }
}

/// A folder on a small disk, with no server. Goes when dropped, and with a test that is killed.
#[derive(Debug)]
pub struct SmallFolder {
    folder: Folder,
}

impl SmallFolder {
    /// A new one.
    #[must_use]
    #[track_caller]
    pub fn new(bytes: u64) -> Self {
        Self { folder: Folder::new("d", "KILL", Some(bytes)) }
    }

    /// Its disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        self.folder.disk().expect("it was made with a disk")
    }

    /// A folder on it, empty at first.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let path = self.folder.data();
        let _ = fs::create_dir(&path);
        path
    }
}

fn mount(at: &Path, bytes: u64) -> bool {
    let (user, group) = runs_as();
    let options = format!("size={bytes},mode=0700,uid={user},gid={group}");
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(at).status();
    status.is_ok_and(|status| status.success())
}

fn hold(at: &Path, bytes: u64) -> Option<Child> {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", HOLD]).arg(at).arg(bytes.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut holder = command.spawn().ok()?;
    let mut said = String::new();
    let output = holder.stdout.take()?;
    let heard = BufReader::new(output).read_line(&mut said).is_ok();
    if heard && said == "ready\n" {
        return Some(holder);
    }
    let _ = holder.wait();
    None
}
