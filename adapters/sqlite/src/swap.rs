//! The file swap of L2f: a new file with what is kept, and the old one overwritten in place.
//! Measured on a raw ext4 device: VACUUM leaves 153,798 of 184,000 values in free blocks, this recipe none.
//!
//! Order, and what a kill leaves at each place (P the database, N and O its `.lastbell-new` and `.lastbell-old`):
//! 1. N is written, synced, checked, compared with P by rows, locked. Killed: P is whole; N is removed by `tidy`.
//! 2. O becomes a second name of P's file. Killed: O and P are one file; `tidy` removes the name O, and N.
//! 3. N is renamed to P in one step. Killed: P is the new file; `tidy` overwrites O and removes it.
//! 4. O is overwritten, its header last, synced, removed. Killed: as 3; overwriting begins again.
//!
//! P exists at every moment and is complete at every moment.

use crate::error::{Told, refused};
use crate::open::HEADER;
use crate::scrub;
use crate::session::{Place, Purpose, Session, connect, number, quote, rows};
use crate::sidecars::{self, beside, remove, sync_folder};
use crate::visits::{Presence, key_of};
use lastbell_contract::{ErrorKind, Result, Steps};
use rusqlite::Connection;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Zeros are written in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// So many bytes at the beginning are overwritten last, for the resumed run to know the file by.
const HEAD_BYTES: u64 = 4096;

fn new_name(path: &Path) -> PathBuf {
    beside(path, ".lastbell-new")
}

fn old_name(path: &Path) -> PathBuf {
    beside(path, ".lastbell-old")
}

/// Swaps the session's file. Its journal is gone and memory mode is set, so that closing it touches no journal.
pub(crate) fn run(session: &mut Session, steps: &mut Steps<'_>) -> Result<()> {
    session.set_journal_mode("memory")?;
    let path = session.place.path.clone();
    let (presence, connection) = steps.run("vacuum-into", None, || write_new(session, &path))?;
    let old = steps.run("swap-file", None, || {
        put_in_place(&path).told("scrub")?;
        let place = Place { path, presence, leave_as_found: false };
        // Before anything else can fail: from here on the session stands on the new file.
        Ok(std::mem::replace(session, Session { connection, place, snapshot: false, swapped: true }))
    })?;
    steps.run("overwrite", None, || overwrite_old(&session.place.path).told("scrub"))?;
    drop(old); // only now: until here its exclusive lock keeps others from a file that is being overwritten
    Ok(())
}

/// Removes or finishes what a killed swap left. The caller holds the exclusive lock on the database.
pub(crate) fn finish_interrupted(place: &Place, steps: &mut Steps<'_>) -> Result<()> {
    let path = &place.path;
    if let Some(metadata) = regular(&old_name(path)).told("tidy")? {
        if key_of(&metadata) == place.presence.key() {
            steps.run("old-name-delete", None, || remove(&old_name(path)).told("tidy"))?;
        } else {
            check_is_ours(path, &metadata)?;
            steps.run("overwrite", None, || overwrite_old(path).told("tidy"))?;
        }
    }
    for ending in ["", "-journal", "-wal", "-shm"] {
        let left = beside(&new_name(path), ending);
        if sidecars::size(&left).told("tidy")?.is_some() {
            steps.run("new-file-delete", None, || remove(&left).told("tidy"))?;
        }
    }
    sync_folder(path).told("tidy")
}

/// The metadata of a regular file that is no link; `None` when nothing is there.
fn regular(path: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(io::ErrorKind::InvalidInput.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file of that name that is no database, not of the same owner, or neither untouched nor overwritten, is not ours.
fn check_is_ours(path: &Path, old: &fs::Metadata) -> Result<()> {
    let owner = fs::metadata(path).told("tidy")?.uid();
    let mut head = [0_u8; 16];
    let read = File::open(old_name(path)).and_then(|mut file| io::Read::read_exact(&mut file, &mut head));
    if old.uid() == owner && read.is_ok() && (&head == HEADER || head == [0; 16]) {
        return Ok(());
    }
    Err(refused(ErrorKind::Unsafe, "tidy", "foreign-file"))
}

/// The new file: written, given the old one's owner and mode, checked, compared, locked and synced.
fn write_new(session: &Session, path: &Path) -> Result<(Presence, Connection)> {
    let new = new_name(path);
    let name = new.to_str().ok_or_else(|| refused(ErrorKind::Unsupported, "scrub", "path-encoding"))?;
    // Made by us, empty, before SQLite fills it: its own way of making it would follow the umask.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).told("scrub")?;
    session.connection.execute("VACUUM INTO ?1", [name]).told("scrub")?;
    let presence = Presence::at(&new).told("scrub")?;
    let connection = connect(&new, Purpose::Erase)?;
    connection.execute_batch("BEGIN EXCLUSIVE").told("scrub")?;
    scrub::check(&connection)?;
    compare(&session.connection, &connection)?;
    connection.execute_batch("COMMIT").told("scrub")?; // exclusive locking mode: the lock stays
    // Nobody may write by this connection after the rename: its journal would have the new file's old name.
    connection.pragma_update(None, "query_only", "ON").told("scrub")?;
    give_owner_and_mode(path, presence.file()).told("scrub")?;
    presence.file().sync_all().told("scrub")?;
    Ok((presence, connection))
}

fn give_owner_and_mode(old: &Path, new: &File) -> io::Result<()> {
    let (old, made) = (fs::metadata(old)?, new.metadata()?);
    if (old.uid(), old.gid()) != (made.uid(), made.gid()) {
        std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid()))?;
    }
    new.set_permissions(Permissions::from_mode(old.mode() & 0o7777))
}

/// Every stored table, helper tables of full-text indexes too, has as many rows in both.
fn compare(old: &Connection, new: &Connection) -> Result<()> {
    let counts = |connection: &Connection| {
        let names = rows(
            connection,
            "scrub",
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name",
            [],
            |row| row.get::<_, String>(0),
        )?;
        names
            .into_iter()
            .map(|name| Ok((number(connection, "scrub", &format!("SELECT count(*) FROM {}", quote(&name)))?, name)))
            .collect::<Result<Vec<_>>>()
    };
    let schema = |connection: &Connection| {
        rows(connection, "scrub", "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
        })
    };
    if counts(old)? == counts(new)? && schema(old)? == schema(new)? {
        return Ok(());
    }
    Err(refused(ErrorKind::Damaged, "scrub", "copy-differs"))
}

/// The old file gets a second name, then the new one takes its place in one step. A file system without hard links
/// fails here, before anything is changed.
fn put_in_place(path: &Path) -> io::Result<()> {
    fs::hard_link(path, old_name(path))?;
    sync_folder(path)?;
    fs::rename(new_name(path), path)?;
    sync_folder(path)
}

fn overwrite_old(path: &Path) -> io::Result<()> {
    let old = old_name(path);
    overwrite(&old)?;
    remove(&old)?;
    sync_folder(path)
}

/// Zeros over the whole length of a file, in place and synced. Logs and journals begin with the bytes by which SQLite
/// would take them for valid, databases with those by which we know them again. So the order differs: of a log the head
/// goes first, since frames after a valid head could be played back; of a database it goes last.
pub(crate) fn overwrite(path: &Path) -> io::Result<()> {
    if regular(path)?.is_none() {
        return Ok(());
    }
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    let length = file.metadata()?.len();
    let head = length.min(HEAD_BYTES);
    let mut first = [0_u8; 16];
    let is_database = io::Read::read_exact(&mut file, &mut first).is_ok() && &first == HEADER;
    let parts = if is_database { [(head, length), (0, head)] } else { [(0, head), (head, length)] };
    for (from, to) in parts {
        zeros(&mut file, from, to)?;
        file.sync_all()?;
    }
    Ok(())
}

fn zeros(file: &mut File, from: u64, to: u64) -> io::Result<()> {
    let piece = vec![0_u8; PIECE_BYTES];
    file.seek(SeekFrom::Start(from))?;
    let mut left = to - from;
    while left > 0 {
        let now = left.min(PIECE_BYTES as u64);
        file.write_all(&piece[..usize::try_from(now).expect("a piece is at most 1 MiB")])?;
        left -= now;
    }
    Ok(())
}
