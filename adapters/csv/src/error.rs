//! Errors of exports: a kind and a word, with file, line and field where one stands there; never what stands in it.

use lastbell_contract::{AdapterError, ErrorKind, Result};
use std::io;

/// An error of this adapter's own making.
pub(crate) fn refused(kind: ErrorKind, operation: &str, code: &str) -> AdapterError {
    AdapterError::new(kind, operation).code(code)
}

/// The operating system's word is kept as a kind.
pub(crate) fn system(operation: &str, error: &io::Error) -> AdapterError {
    let (kind, code) = match error.kind() {
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "file-not-found"),
        io::ErrorKind::PermissionDenied => (ErrorKind::Denied, "file-denied"),
        _ => (ErrorKind::Engine, "file-failed"), // io::ErrorKind is not ours and is open-ended
    };
    refused(kind, operation, code)
}

/// Gives a result of the operating system the contract's error.
pub(crate) trait Told<T> {
    /// What was being done when it failed.
    fn told(self, operation: &str) -> Result<T>;
}

impl<T> Told<T> for io::Result<T> {
    fn told(self, operation: &str) -> Result<T> {
        self.map_err(|error| system(operation, &error))
    }
}

impl<T> Told<T> for rustix::io::Result<T> {
    fn told(self, operation: &str) -> Result<T> {
        self.map_err(|error| system(operation, &error.into()))
    }
}
