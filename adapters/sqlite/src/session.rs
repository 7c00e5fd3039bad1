//! One open connection with the file it stands on: what reader and eraser share.
//! The connection is closed before the raw handle (`visits.rs`), and what reading left beside the file goes in between.

use crate::error::{Told, refused};
use crate::sidecars;
use crate::visits::{Before, Presence, key_of};
use lastbell_contract::{ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Params, Row};
use rustix::fs::FlockOperation;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The field order is the order of closing.
pub(crate) struct Session {
    /// The one connection.
    pub(crate) connection: Connection,
    /// The file behind it.
    pub(crate) place: Place,
    /// Whether a read transaction is open.
    pub(crate) snapshot: bool,
    /// After a swap the connection knows its file by another name than it has now, and can only read.
    pub(crate) swapped: bool,
}

/// The file of a session.
pub(crate) struct Place {
    /// Absolute, links resolved.
    pub(crate) path: PathBuf,
    /// The shared raw handle.
    pub(crate) presence: Presence,
    /// Whether to take away helper files that reading made: so for a reader.
    pub(crate) leave_as_found: bool,
}

impl Place {
    /// Does the path still lead to the file that we opened?
    pub(crate) fn is_current(&self) -> io::Result<bool> {
        Ok(key_of(&std::fs::metadata(&self.path)?) == self.presence.key())
    }
}

/// For which purpose a connection is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// No write of any kind.
    Read,
    /// Everything, without triggers and links.
    Erase,
}

/// Opens a connection and takes from it all that a database file could make it do by itself.
pub(crate) fn connect(path: &Path, purpose: Purpose) -> Result<Connection> {
    // Never SQLITE_OPEN_URI: `?` and `%` in a path are a path. The build has URIs on for names that begin with `file:`,
    // so callers give absolute paths only.
    let access = match purpose {
        Purpose::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Purpose::Erase => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags).told("open")?;
    connection.busy_timeout(Duration::from_secs(2)).told("open")?;
    restrict(&connection, purpose).told("open")?;
    Ok(connection)
}

fn restrict(connection: &Connection, purpose: Purpose) -> rusqlite::Result<()> {
    let reading = purpose == Purpose::Read;
    for (switch, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        // VACUUM runs the schema's own CREATE statements; old schemas have CHECK(sex IN ("m", "f")).
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, !reading),
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, reading),
    ] {
        connection.set_db_config(switch, on)?;
    }
    for (name, value) in [("mmap_size", "0"), ("cell_size_check", "ON"), ("temp_store", "MEMORY")] {
        set(connection, name, value)?;
    }
    match purpose {
        Purpose::Read => set(connection, "query_only", "ON"),
        Purpose::Erase => {
            set(connection, "recursive_triggers", "OFF")?;
            set(connection, "secure_delete", "ON")?;
            set(connection, "synchronous", "FULL")?;
            set(connection, "locking_mode", "EXCLUSIVE")
        }
    }
}

fn set(connection: &Connection, name: &str, value: &str) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, name, value, |_| Ok(())).or_else(|error| match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        other => Err(other),
    })
}

/// All rows of a query, each turned into a value.
pub(crate) fn rows<T>(
    connection: &Connection,
    operation: &str,
    sql: &str,
    parameters: impl Params,
    turn: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare(sql).told(operation)?;
    let found = statement.query_map(parameters, turn).told(operation)?.collect::<rusqlite::Result<Vec<T>>>();
    found.told(operation)
}

/// One number.
pub(crate) fn number(connection: &Connection, operation: &str, sql: &str) -> Result<u64> {
    let found: i64 = connection.query_row(sql, [], |row| row.get(0)).told(operation)?;
    u64::try_from(found).map_err(|_| refused(ErrorKind::Damaged, operation, "negative-count"))
}

/// A name in SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names in SQL, with commas.
pub(crate) fn quote_all(names: &[String]) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

impl Session {
    /// `delete`, `wal`, …
    pub(crate) fn journal_mode(&self) -> Result<String> {
        self.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).told("journal-mode")
    }

    /// Sets the journal mode and makes sure that SQLite took it.
    pub(crate) fn set_journal_mode(&self, mode: &str) -> Result<()> {
        let took: String = self
            .connection
            .pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0))
            .told("journal-mode")?;
        if took.eq_ignore_ascii_case(mode) {
            return Ok(());
        }
        Err(refused(ErrorKind::Busy, "journal-mode", "journal-mode-unchanged"))
    }
}

impl Drop for Place {
    /// The connection is closed by now. A reader takes away the `-shm` and the empty `-wal` that it made.
    fn drop(&mut self) {
        if self.leave_as_found {
            self.presence.when_alone(|before| remove_own_helpers(&self.path, before));
        }
    }
}

/// Every connection in WAL mode holds a SHARED lock on the database as long as it lives. So an exclusive lock on the
/// whole file shows that nobody has `-shm` open, and keeps others from opening it until we let go. Without the right
/// to take that lock the files stay.
fn remove_own_helpers(path: &Path, before: Before) {
    if before.wal && before.shm {
        return;
    }
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return };
    if rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return;
    }
    let (wal, shm) = (sidecars::wal(path), sidecars::shm(path));
    if !before.wal && matches!(sidecars::size(&wal), Ok(Some(0))) {
        let _ = sidecars::remove(&wal); // an empty log is harmless where it cannot be removed
    }
    let log_is_ours = before.wal || matches!(sidecars::size(&wal), Ok(None));
    if !before.shm && log_is_ours {
        let _ = sidecars::remove(&shm); // rebuilt from the log by the next connection
    }
}
