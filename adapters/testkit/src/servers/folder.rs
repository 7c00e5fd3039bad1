//! A server's folder and its watchdog. Writes `/tmp/lb-UID/BOOT/KIND-PID-RANDOM`; it goes when its owner, process PID,
//! does, however that goes.
//!
//! The watchdog is a shell that reads from a pipe of the test's process: when that ends, by whatever, SIGKILL too, it ends
//! what runs in the folder and removes it. PR_SET_PDEATHSIG would not do: it fires when the *thread* that started the
//! server ends, and each test is a thread. A static server is never dropped by Rust: the watchdog is what ends it.

use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::disk::Disk;

/// `sun_path` holds 107 bytes and a zero.
const SOCKET_PATH_BYTES: usize = 107;

/// Arguments: folder, signal, the user whose process may be ended. The folder is moved first: who is just being started
/// finds no place for its process id and gives up ([`LAUNCH`]), or has written it and is seen.
/// A process that is dead but not yet collected (`Z`) would keep `kill -0` content for ever.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP QUIT
while read -r _; do :; done
mv "$1" "$1.gone" || exit 0
read -r pid < "$1.gone/pid"
user=$3
ours() { [ -n "$pid" ] && [ "$(stat -c %u "/proc/$pid")" = "$user" ] && ! grep -q ') Z ' "/proc/$pid/stat"; }
if ours; then
    kill -s "$2" -- "-$pid"
    tries=0
    while ours && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    ours && kill -s KILL -- "-$pid"
fi
[ ! -d "$1.gone/disk" ] || umount -l "$1.gone/disk"
rm -rf "$1.gone" || { sleep 1; rm -rf "$1.gone"; }
"#;

/// Arguments: file for the process id, program, its arguments.
const LAUNCH: &str = r#"echo $$ > "$0" || exit 126; exec "$@""#;

/// A folder with a watchdog.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    disk: Option<Disk>,
    watchdog: Child,
}

impl Folder {
    /// A new one. `signal` ends at once what runs there. With a number of bytes its data lie on a disk of that size.
    #[track_caller]
    pub(super) fn new(kind: &str, signal: &str, disk: Option<u64>) -> Self {
        // Nobody else has this number, so that the watchdog may stand before its folder: a test killed in between leaves
        // nothing. (Found by killing.)
        let random = RandomState::new().build_hasher().finish();
        let path = base().join(format!("{kind}-{}-{random:016x}", std::process::id()));
        let watchdog = watch(&path, signal);
        fs::DirBuilder::new().mode(0o700).create(&path).expect("a folder for a server");
        own(&path);
        let mut folder = Self { path, disk: None, watchdog };
        folder.disk = disk.map(|bytes| Disk::new(&folder.path.join("disk"), bytes));
        folder
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The data directory, as we see it.
    pub(super) fn data(&self) -> PathBuf {
        self.disk.as_ref().map_or_else(|| self.path.join("data"), |disk| disk.seen().join("data"))
    }

    /// The data directory, as the server sees it.
    pub(super) fn data_of_server(&self) -> PathBuf {
        if self.disk.is_some() { self.path.join("disk/data") } else { self.path.join("data") }
    }

    /// Its small disk.
    pub(super) fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// A path in it for a socket.
    pub(super) fn socket(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        let bytes = path.as_os_str().len();
        assert!(bytes <= SOCKET_PATH_BYTES, "a socket's path of {bytes} bytes is too long: {}", path.display());
        path
    }

    /// A program that will run here under the watchdog, as the user of [`runs_as`]. One at a time.
    pub(super) fn command(&self, program: &Path) -> Command {
        let enter = self.disk.as_ref().map(Disk::enter).unwrap_or_default();
        let mut words = enter.iter().map(String::as_str).chain(["sh", "-c", LAUNCH]);
        let mut command = Command::new(words.next().unwrap_or("sh"));
        command.args(words).arg(self.pid_file()).arg(program);
        command.stdin(Stdio::null()).current_dir(&self.path).process_group(0).env("TMPDIR", &self.path);
        lower(&mut command);
        command
    }

    /// What ran here has ended and was collected: its number may soon be another's.
    pub(super) fn ended(&self) {
        let _ = fs::remove_file(self.pid_file());
    }

    fn pid_file(&self) -> PathBuf {
        self.path.join("pid")
    }
}

impl Drop for Folder {
    /// The watchdog goes last and finds nothing to do, or finds what we could not remove.
    fn drop(&mut self) {
        drop(self.disk.take());
        let _ = fs::remove_dir_all(&self.path);
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

fn watch(folder: &Path, signal: &str) -> Child {
    let user = runs_as().0.to_string();
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "watchdog"]).args([folder.as_os_str(), OsStr::new(signal), OsStr::new(&user)]);
    // Not our output: who reads it to its end would wait for the watchdog.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.current_dir("/").process_group(0).spawn().expect("sh for the watchdog")
}

/// `/tmp/lb-UID/BOOT`: short enough for sockets, and passable for `nobody`, unlike a check-out in somebody's home.
/// What an earlier boot of the machine left has no owner and may be torn: it goes.
pub(super) fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.get(..8).unwrap_or("one");
        let all = ours(PathBuf::from(format!("/tmp/lb-{}", rustix::process::geteuid().as_raw())));
        for entry in fs::read_dir(&all).into_iter().flatten().flatten().filter(|entry| entry.file_name() != boot) {
            let _ = fs::remove_dir_all(entry.path());
        }
        ours(all.join(boot))
    })
}

fn ours(folder: PathBuf) -> PathBuf {
    let _ = fs::DirBuilder::new().mode(0o711).create(&folder);
    let found = fs::symlink_metadata(&folder).expect("/tmp is writable");
    let user = rustix::process::geteuid().as_raw();
    assert!(found.is_dir() && found.uid() == user, "{} is somebody else's", folder.display());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).expect("our own folder");
    folder
}

/// User and group of the servers: ours, or `nobody` for root.
pub(super) fn runs_as() -> (u32, u32) {
    let user = rustix::process::geteuid();
    if !user.is_root() {
        return (user.as_raw(), rustix::process::getegid().as_raw());
    }
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let nobody = users.lines().find(|line| line.starts_with("nobody:")).expect("a user named nobody");
    let number = |place| nobody.split(':').nth(place).and_then(|text| text.parse().ok()).expect("a number");
    (number(2), number(3))
}

/// Gives a file to the user of [`runs_as`].
pub(super) fn own(path: &Path) {
    let (user, group) = runs_as();
    std::os::unix::fs::chown(path, Some(user), Some(group)).expect("a file changes its owner");
}

/// Makes a command run as [`runs_as`], with nothing of the caller's environment that servers and clients listen to.
pub(super) fn lower(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["PG", "MYSQL", "MARIADB", "LC_", "LANG"].iter().any(|start| name.starts_with(start)) {
            command.env_remove(&*name);
        }
    }
    command.env("LC_ALL", "C").env("PGCLIENTENCODING", "UTF8").env("HOME", "/nonexistent");
    if rustix::process::geteuid().is_root() {
        let (user, group) = runs_as();
        // Root's other groups go by this, too.
        command.uid(user).gid(group);
    }
}
