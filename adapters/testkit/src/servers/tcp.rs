//! TCP on 127.0.0.1: a port, and the certificate's files. Writes `tls/` in the server's folder.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::folder::own;
use super::tls::Identity;

/// Below the ports from which outgoing connections start (32768 on Linux): those come and go.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// What both servers say when somebody took the port between our look and theirs.
pub(super) const TAKEN: &str = "ddress already in use";

/// A port that was free a moment ago. Folders differ, so that servers that start together look in different places.
pub(super) fn free_port(folder: &Path, attempt: u16) -> u16 {
    let mut hasher = DefaultHasher::new();
    (folder, attempt).hash(&mut hasher);
    let many = u64::from(PORTS.end - PORTS.start);
    let first = PORTS.start + u16::try_from(hasher.finish() % many).expect("fewer than 65536 ports");
    let mut all = (first..PORTS.end).chain(PORTS.start..first);
    all.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// Writes the certificate and its key where the server will read them. PostgreSQL refuses a key that others can read.
pub(super) fn install(folder: &Path, identity: &Identity) -> (PathBuf, PathBuf) {
    let place = folder.join("tls");
    let _ = fs::create_dir(&place);
    own(&place);
    let write = |name: &str, text: &str| {
        let path = place.join(name);
        fs::write(&path, text).expect("the server's certificate");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
        own(&path);
        path
    };
    (write("certificate.pem", &identity.certificate), write("key.pem", &identity.key))
}
