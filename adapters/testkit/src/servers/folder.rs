//! A server's folder and its watchdog. Writes `/tmp/lb-UID/KIND-RANDOM`; both go when the owner does, however it goes.
//!
//! The watchdog is a shell that reads from a pipe of the test's process: when that ends, by whatever, SIGKILL too, it ends
//! what runs in the folder and removes it. PR_SET_PDEATHSIG would not do: it fires when the *thread* that started the
//! server ends, and each test is a thread. A static server is never dropped by Rust: the watchdog is what ends it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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
rm -rf "$1.gone" || { sleep 1; rm -rf "$1.gone"; }
"#;

/// Arguments: file for the process id, program, its arguments.
const LAUNCH: &str = r#"echo $$ > "$0" || exit 126; exec "$@""#;

/// A folder with a watchdog.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    watchdog: Child,
}

impl Folder {
    /// A new one. `signal` ends at once what runs there.
    pub(super) fn new(kind: &str, signal: &str) -> Self {
        let made = tempfile::Builder::new().prefix(&format!("{kind}-")).tempdir_in(base());
        let path = made.expect("a folder for a server").keep();
        let owner = runs_as();
        std::os::unix::fs::chown(&path, Some(owner.0), Some(owner.1)).expect("the folder's owner");
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .args([path.as_os_str(), OsStr::new(signal), OsStr::new(&owner.0.to_string())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .expect("sh for the watchdog");
        Self { path, watchdog }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
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
        let mut command = Command::new("sh");
        command.args(["-c", LAUNCH]).arg(self.pid_file()).arg(program);
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
        let _ = fs::remove_dir_all(&self.path);
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// `/tmp/lb-UID`: short enough for sockets, and passable for `nobody`, unlike a check-out in somebody's home.
pub(super) fn base() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let base = PathBuf::from(format!("/tmp/lb-{user}"));
    let _ = fs::DirBuilder::new().mode(0o711).create(&base);
    let found = fs::symlink_metadata(&base).expect("/tmp is writable");
    assert!(found.is_dir() && found.uid() == user, "{} is somebody else's", base.display());
    fs::set_permissions(&base, fs::Permissions::from_mode(0o711)).expect("our own folder");
    base
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
