//! Who else uses the database file: locks of other processes, and processes that have it open. Reads `/proc` only.

use crate::visits::{Presence, key_of};
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Where SQLite's lock bytes lie (sqlite.org/lockingv3.html; `PENDING_BYTE` in its source).
const PENDING_BYTE: u64 = 0x4000_0000;
const RESERVED_BYTE: u64 = PENDING_BYTE + 1;

/// The initial pid namespace's number in Linux (`PROC_PID_INIT_INO`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// How often an opener is looked for again, and how long after.
const LOOKS_AGAIN: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// What a look at the other processes gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Openers {
    /// Processes that have the file open.
    pub(crate) found: u64,
    /// Processes that we may not look into.
    pub(crate) hidden: u64,
}

/// True when another process is about to write: it holds RESERVED or more.
pub(crate) fn writer_is_alive(presence: &Presence) -> bool {
    matches!(lock_of_another(presence, RESERVED_BYTE, 1), Ok(true))
}

/// True when another process holds any lock on the file. Our own process's locks never show here.
pub(crate) fn is_locked_elsewhere(presence: &Presence) -> io::Result<bool> {
    lock_of_another(presence, 0, 0) // length 0: to the end
}

fn lock_of_another(presence: &Presence, start: u64, length: u64) -> io::Result<bool> {
    let asked = Flock { start, length, pid: None, typ: FlockType::WriteLock, offset_type: FlockOffsetType::Set };
    Ok(fcntl_getlk(presence.file(), &asked)?.is_some())
}

/// True when processes outside our own pid namespace cannot be seen (in a container).
pub(crate) fn in_own_namespace() -> bool {
    fs::read_link("/proc/self/ns/pid").map_or(true, |name| name.as_os_str() != FIRST_PID_NAMESPACE)
}

/// Looks through `/proc/*/fd`. An error means that there is nothing to look through. Who is seen is looked for again:
/// a child of our own process has our handles for a moment, between its fork and its exec.
pub(crate) fn openers(presence: &Presence) -> io::Result<Openers> {
    let mut seen = look(presence)?;
    for _ in 0..LOOKS_AGAIN {
        if seen.found == 0 {
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
        seen = look(presence)?;
    }
    Ok(seen)
}

fn look(presence: &Presence) -> io::Result<Openers> {
    let own = std::process::id().to_string();
    let mut seen = Openers::default();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let name = entry.file_name();
        let is_process = name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        if !is_process || name.as_encoded_bytes() == own.as_bytes() {
            continue;
        }
        match has_open(&entry.path().join("fd"), presence) {
            Ok(true) => seen.found += 1,
            Ok(false) => {}
            Err(error) if gone(&error) => {}
            Err(_) => seen.hidden += 1,
        }
    }
    Ok(seen)
}

/// A process that ended while we looked: ENOENT or ESRCH (3).
fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3)
}

fn has_open(folder: &Path, presence: &Presence) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        // stat follows the link; a handle that was closed meanwhile is no opener
        if fs::metadata(entry?.path()).is_ok_and(|metadata| key_of(&metadata) == presence.key()) {
            return Ok(true);
        }
    }
    Ok(false)
}
