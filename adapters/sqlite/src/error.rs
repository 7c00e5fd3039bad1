//! Turns what SQLite and the operating system say into an [`AdapterError`]: a kind and a number, never a text.
//! SQLite quotes table, column and sometimes values in its messages, so they end here.

use lastbell_contract::{AdapterError, ErrorKind, Result, TableId};
use std::io;

/// Gives a foreign result the contract's error.
pub(crate) trait Told<T> {
    /// What was being done when it failed.
    fn told(self, operation: &str) -> Result<T>;
}

impl<T> Told<T> for rusqlite::Result<T> {
    fn told(self, operation: &str) -> Result<T> {
        self.map_err(|error| engine(operation, &error))
    }
}

impl<T> Told<T> for io::Result<T> {
    fn told(self, operation: &str) -> Result<T> {
        self.map_err(|error| system(operation, &error))
    }
}

/// Names the table in an error.
pub(crate) trait About<T> {
    /// The table that the work was about.
    fn about(self, table: &TableId) -> Result<T>;
}

impl<T> About<T> for Result<T> {
    fn about(self, table: &TableId) -> Result<T> {
        self.map_err(|error| error.on(table))
    }
}

/// An error of this adapter's own making.
pub(crate) fn refused(kind: ErrorKind, operation: &str, code: &str) -> AdapterError {
    AdapterError::new(kind, operation).code(code)
}

fn engine(operation: &str, error: &rusqlite::Error) -> AdapterError {
    let code = match error {
        rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code,
        rusqlite::Error::SqlInputError { error: failure, .. } => failure.extended_code,
        _ => return refused(ErrorKind::Engine, operation, "driver"), // the driver's own, open-ended
    };
    if code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK {
        return refused(ErrorKind::Unsafe, operation, "hot-journal");
    }
    AdapterError::new(kind_of(code), operation).code(format!("sqlite-{code}"))
}

/// The low byte is the primary result code (sqlite.org/rescode.html).
fn kind_of(extended: i32) -> ErrorKind {
    use rusqlite::ffi;
    match extended & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => ErrorKind::Busy,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => ErrorKind::Damaged,
        ffi::SQLITE_FULL => ErrorKind::NoSpace,
        // The file itself was looked at before; what cannot be opened now is a journal or shared memory beside it.
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_AUTH | ffi::SQLITE_CANTOPEN => ErrorKind::Denied,
        ffi::SQLITE_SCHEMA => ErrorKind::Changed,
        ffi::SQLITE_INTERRUPT => ErrorKind::Stopped,
        _ => ErrorKind::Engine, // SQLite's numbers are open-ended
    }
}

/// The operating system's word is kept as a kind.
pub(crate) fn system(operation: &str, error: &io::Error) -> AdapterError {
    let (kind, code) = match error.kind() {
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "file-not-found"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (ErrorKind::Denied, "file-denied"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (ErrorKind::NoSpace, "file-no-space"),
        io::ErrorKind::AlreadyExists => (ErrorKind::Unsafe, "file-exists"),
        _ => (ErrorKind::Engine, "file-failed"), // io::ErrorKind is not ours and is open-ended
    };
    refused(kind, operation, code)
}

/// The same for rustix.
pub(crate) fn system_number(operation: &str, error: rustix::io::Errno) -> AdapterError {
    system(operation, &error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_text_never_leaves() {
        let failure = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(2067), Some("UNIQUE: Иванова".into()));
        let told = engine("destroy", &failure);
        assert_eq!(told.code.as_deref(), Some("sqlite-2067"));
        assert!(!format!("{told:?} {told}").contains("Иванова"));
    }

    #[test]
    fn a_driver_error_without_a_number_is_no_text_either() {
        let told = engine("scan", &rusqlite::Error::InvalidParameterName("Иванова".into()));
        assert_eq!(told.code.as_deref(), Some("driver"));
    }
}
