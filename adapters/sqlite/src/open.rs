//! From a location to an open session: resolves the path, judges the file, refuses a hot journal, connects.

use crate::error::{Told, refused, system, system_number};
use crate::others;
use crate::session::{Place, Purpose, Session, connect};
use crate::sidecars;
use crate::visits::Presence;
use lastbell_contract::{ErrorKind, Location, Result};
use std::path::{Path, PathBuf};

/// How a database file begins (sqlite.org/fileformat2.html#magic_header_string).
pub(crate) const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// A session that cannot write.
pub(crate) fn for_reading(location: &Location) -> Result<Session> {
    let path = resolve(location)?;
    let presence = Presence::at(&path).told("open")?;
    check_header(&presence)?;
    refuse_hot_journal(&path, &presence)?;
    let place = Place { path, presence, leave_as_found: true };
    finish(place, Purpose::Read)
}

/// A session that holds the file for itself until it is dropped. It rolls a hot journal back.
pub(crate) fn for_erasing(location: &Location) -> Result<Session> {
    let path = resolve(location)?;
    let session = writable(&path)?;
    hold_exclusively(&session)?;
    Ok(session)
}

/// The eraser's connection without the lock yet.
pub(crate) fn writable(path: &Path) -> Result<Session> {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).map_err(|error| system_number("open", error))?;
    let presence = Presence::at(path).told("open")?;
    check_header(&presence)?;
    finish(Place { path: path.to_owned(), presence, leave_as_found: false }, Purpose::Erase)
}

/// Takes the EXCLUSIVE lock. In exclusive locking mode the end of the transaction does not give it back.
pub(crate) fn hold_exclusively(session: &Session) -> Result<()> {
    session.connection.execute_batch("BEGIN EXCLUSIVE; SELECT count(*) FROM sqlite_schema; COMMIT").told("open")
}

fn finish(place: Place, purpose: Purpose) -> Result<Session> {
    let connection = connect(&place.path, purpose)?;
    // The first real read: finds a file that is no database, and a hot journal that appeared just now.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).told("open")?;
    if !place.is_current().told("open")? {
        return Err(refused(ErrorKind::Changed, "open", "file-replaced"));
    }
    Ok(Session { connection, place, snapshot: false, swapped: false })
}

fn resolve(location: &Location) -> Result<PathBuf> {
    if location.scheme != "sqlite" {
        return Err(refused(ErrorKind::Unsupported, "open", "scheme"));
    }
    let path = std::fs::canonicalize(&location.rest).told("open")?;
    let metadata = std::fs::metadata(&path).told("open")?;
    if !metadata.is_file() {
        return Err(refused(ErrorKind::Unsupported, "open", "not-a-file"));
    }
    if metadata.len() == 0 {
        return Err(refused(ErrorKind::Damaged, "open", "empty-file"));
    }
    Ok(path)
}

fn check_header(presence: &Presence) -> Result<()> {
    let first = presence.bytes(0, HEADER.len()).map_err(|error| system("open", &error))?;
    if first == HEADER {
        return Ok(());
    }
    Err(refused(ErrorKind::Damaged, "open", "not-sqlite"))
}

/// A journal in use without a living writer is hot: reading would have to roll back, which writes.
fn refuse_hot_journal(path: &Path, presence: &Presence) -> Result<()> {
    if sidecars::journal_in_use(path).told("open")? && !others::writer_is_alive(presence) {
        return Err(refused(ErrorKind::Unsafe, "open", "hot-journal"));
    }
    Ok(())
}
