//! Turns what the server, the connection and the operating system say into an [`AdapterError`]: a kind and an SQLSTATE
//! or a stable word. The server quotes rows in its messages (measured: a duplicate key prints the pupil's number), so
//! of an error message nothing but the five characters of its code is ever kept.

use lastbell_contract::{AdapterError, ErrorKind, Result, TableId};
use std::io;

/// An SQLSTATE: five letters or digits.
pub(crate) type SqlState = [u8; 5];

/// What went wrong on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server refused the statement, or ended the session (`fatal`).
    Server {
        /// Its code.
        state: SqlState,
        /// The server closes the connection after it.
        fatal: bool,
    },
    /// The connection is gone, or what came was cut.
    Gone(&'static str),
    /// The server does not speak as PostgreSQL does.
    Protocol(&'static str),
}

impl Fault {
    /// The five characters, when the server gave any.
    pub(crate) fn state(self) -> Option<SqlState> {
        match self {
            Self::Server { state, .. } => Some(state),
            Self::Gone(_) | Self::Protocol(_) => None,
        }
    }

    /// The contract's error.
    pub(crate) fn during(self, operation: &str) -> AdapterError {
        match self {
            Self::Server { state, .. } => {
                let code: String = state.iter().map(|byte| char::from(*byte)).collect();
                refused(kind_of(&code), operation, &code)
            }
            Self::Gone(code) => refused(ErrorKind::Unreachable, operation, code),
            Self::Protocol(code) => refused(ErrorKind::Engine, operation, code),
        }
    }
}

/// SQLSTATE to kind (PostgreSQL 18, appendix A). Single codes first, then their classes.
fn kind_of(state: &str) -> ErrorKind {
    match state {
        "42P01" | "42703" | "42704" | "3F000" | "3D000" => ErrorKind::NotFound,
        "42501" | "25006" => ErrorKind::Denied,
        // 57014 is a timeout here: a cancellation that we asked for is told by the session.
        "55P03" | "40P01" | "40001" | "55006" | "57014" | "53300" => ErrorKind::Busy,
        "53100" => ErrorKind::NoSpace,
        "0A000" => ErrorKind::Unsupported,
        // The schema changed under a cached plan, or the snapshot is too old for the table.
        "72000" => ErrorKind::Changed,
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => ErrorKind::Unreachable,
        "58P01" | "58P02" | "58030" => ErrorKind::Damaged,
        _ => match state.get(..2) {
            Some("08") => ErrorKind::Unreachable,
            Some("28") => ErrorKind::Denied,
            Some("XX") if state != "XX000" => ErrorKind::Damaged,
            _ => ErrorKind::Engine, // the server's codes are open-ended
        },
    }
}

/// An error of this adapter's own making.
pub(crate) fn refused(kind: ErrorKind, operation: &str, code: &str) -> AdapterError {
    AdapterError::new(kind, operation).code(code)
}

/// Gives a foreign result the contract's error.
pub(crate) trait Told<T> {
    /// What was being done when it failed.
    fn told(self, operation: &str) -> Result<T>;
}

impl<T> Told<T> for std::result::Result<T, Fault> {
    fn told(self, operation: &str) -> Result<T> {
        self.map_err(|fault| fault.during(operation))
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

/// The operating system's word about a file is kept as a kind.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_the_kind() {
        for (state, kind) in [
            (b"42P01", ErrorKind::NotFound),
            (b"28P01", ErrorKind::Denied),
            (b"55P03", ErrorKind::Busy),
            (b"57P01", ErrorKind::Unreachable),
            (b"53100", ErrorKind::NoSpace),
            (b"XX001", ErrorKind::Damaged),
            (b"23505", ErrorKind::Engine),
        ] {
            let told = Fault::Server { state: *state, fatal: false }.during("scan");
            assert_eq!(told.kind, kind);
            assert_eq!(told.code.as_deref().map(str::as_bytes), Some(&state[..]));
        }
    }
}
