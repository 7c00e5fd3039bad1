//! Why a piece of work could not be done: a stable code, where, and how grave. Findings are not failures.
//!
//! The text for people stands in `cli/messages/{ru,en}.yaml` under the code: what happened, then what to do. A cause is
//! chained, never pasted into the text of its effect; the printer walks the chain once.

use lastbell_contract::{AdapterError, ErrorKind};
use std::{fmt, io, path::Path};

/// Result of anything in lastbell that can fail.
pub type Result<T> = std::result::Result<T, Failure>;

/// How the process ends when the failure reaches the top. The numbers are the documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, with findings.
    Findings = 1,
    /// Wrong use or a bad file.
    Usage = 2,
    /// Store unreachable or denied.
    Store = 3,
    /// Refused for safety.
    Refused = 4,
    /// Our bug.
    Bug = 70,
    /// Interrupted.
    Interrupted = 130,
}

/// A failure. Its arguments are names, places and figures, never row data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// Key into the messages.
    pub code: &'static str,
    /// Placeholders of the message.
    pub args: Vec<(&'static str, String)>,
    /// What led to it.
    pub cause: Option<Box<Failure>>,
}

impl Failure {
    /// A failure without arguments; `failure!` is the usual way.
    #[must_use]
    pub fn new(exit: Exit, code: &'static str) -> Self {
        Self { exit, code, args: Vec::new(), cause: None }
    }

    /// Adds a placeholder.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// Adds what led to it.
    #[must_use]
    pub fn because(mut self, cause: Failure) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The same failure, taking its gravity from a cause that weighs more than the place where it was noticed.
    #[must_use]
    pub fn caused(mut self, cause: impl Into<Failure>) -> Self {
        let cause = cause.into();
        self.exit = cause.exit;
        self.because(cause)
    }

    /// A file operation that failed. The operating system's word is kept as a kind, not as a text.
    #[must_use]
    pub fn file(path: &Path, error: &io::Error) -> Self {
        let (exit, code) = match error.kind() {
            io::ErrorKind::NotFound => (Exit::Usage, "file-not-found"),
            io::ErrorKind::PermissionDenied => (Exit::Store, "file-denied"),
            io::ErrorKind::AlreadyExists => (Exit::Refused, "file-exists"),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (Exit::Store, "file-no-space"),
            _ => (Exit::Store, "file-failed"), // io::ErrorKind is not ours and is open-ended
        };
        Self::new(exit, code).with("path", path.display()).with("os", error.kind())
    }

    /// The value of a placeholder.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<&str> {
        self.args.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

/// `failure!(Refused, "plan-stale", table = name)`: the exit's name, the code, placeholders.
#[macro_export]
macro_rules! failure {
    ($exit:ident, $code:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::failure::Failure::new($crate::failure::Exit::$exit, $code)$(.with(stringify!($name), &$value))*
    };
}

impl fmt::Display for Failure {
    /// For developers and tests; people read the message of the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for (name, value) in &self.args {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<AdapterError> for Failure {
    fn from(error: AdapterError) -> Self {
        let (exit, code) = match error.kind {
            ErrorKind::Unreachable => (Exit::Store, "store-unreachable"),
            ErrorKind::Denied => (Exit::Store, "store-denied"),
            ErrorKind::NotFound => (Exit::Store, "store-not-found"),
            ErrorKind::Unsupported => (Exit::Refused, "store-unsupported"),
            ErrorKind::Changed => (Exit::Refused, "store-changed"),
            ErrorKind::Busy => (Exit::Refused, "store-busy"),
            ErrorKind::Damaged => (Exit::Refused, "store-damaged"),
            ErrorKind::NoSpace => (Exit::Store, "store-no-space"),
            ErrorKind::Unsafe => (Exit::Refused, "store-unsafe"),
            ErrorKind::Stopped => (Exit::Interrupted, "interrupted"),
            ErrorKind::Engine => (Exit::Store, "store-engine"),
        };
        Self::new(exit, code)
            .with("operation", &error.operation)
            .with("table", error.table.as_deref().unwrap_or("-"))
            .with("reason", error.code.as_deref().unwrap_or("-"))
    }
}
