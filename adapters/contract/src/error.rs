//! What an adapter may say when it cannot do its work.

use std::fmt;

/// Result of an adapter call.
pub type Result<T> = std::result::Result<T, AdapterError>;

/// What the core decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No connection, or it broke.
    Unreachable,
    /// The store refused us: password, privilege, file mode.
    Denied,
    /// A table, column or file is not there.
    NotFound,
    /// The adapter cannot do this (an unknown type, a table kind it does not handle). `code` names what.
    Unsupported,
    /// The store is not what it was: schema or identity differs.
    Changed,
    /// Somebody else holds a lock, and waiting took too long.
    Busy,
    /// The store's own check failed, or its file is damaged.
    Damaged,
    /// No room on the disk.
    NoSpace,
    /// Doing this would be unsafe; `code` names the reason.
    Unsafe,
    /// The visitor or a witness asked to stop.
    Stopped,
    /// Anything else; `code` is the engine's number.
    Engine,
}

/// An error without the driver's text: PostgreSQL and MariaDB quote the row in it (measured), so it ends here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterError {
    /// What the core decides on.
    pub kind: ErrorKind,
    /// What was being done: `open`, `scan`, `lock`, `destroy`…
    pub operation: String,
    /// The table concerned, when there is one.
    pub table: Option<String>,
    /// SQLSTATE, error number, or a stable word of the adapter such as `hot-journal`. Never a message.
    pub code: Option<String>,
}

impl AdapterError {
    /// An error of `kind` while doing `operation`.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &str) -> Self {
        Self { kind, operation: operation.to_owned(), table: None, code: None }
    }

    /// The same error, about one table.
    #[must_use]
    pub fn on(mut self, table: &crate::TableId) -> Self {
        self.table = Some(table.to_string());
        self
    }

    /// The same error with the engine's code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {}", self.kind, self.operation)?;
        if let Some(table) = &self.table {
            write!(f, " on {table}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        Ok(())
    }
}

impl std::error::Error for AdapterError {}
