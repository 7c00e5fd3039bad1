//! What can end a statement on the line: the server's refusal with its number, a broken line, an answer that is none.

use std::io;

/// Result of what goes over the line.
pub(crate) type Heard<T> = std::result::Result<T, Fault>;

/// Why there is no answer.
pub(crate) enum Fault {
    /// The server refused. The text quotes rows; `error.rs` looks for one number in it and lets it go.
    Refused {
        /// The server's number.
        number: u16,
        /// The server's text.
        text: String,
    },
    /// The line broke, or TLS failed on it.
    Line(io::Error),
    /// The answer has not the form of the protocol.
    Protocol,
    /// It could not be asked; a stable word says why.
    Own(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Line(error)
    }
}
