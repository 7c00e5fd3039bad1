//! The server seen from its own machine: its data directory, its process, the room on its volume.
//! Asks the server and reads `postmaster.pid`; nothing is taken for the server's that was not recognised as its own.

use crate::files;
use crate::session::Session;
use lastbell_contract::Result;
use std::path::{Path, PathBuf};

/// What can be seen from here; everything is missing where the server is elsewhere, or hides where it lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surface {
    /// Its data directory.
    pub(crate) data_directory: Option<PathBuf>,
    /// The process that all others of the server come from.
    pub(crate) postmaster: Option<u32>,
    /// Free for the server.
    pub(crate) free_bytes: Option<u64>,
}

/// Looks.
pub(crate) fn of(session: &mut Session) -> Result<Surface> {
    if !files::can_be_seen(session)? {
        return Ok(Surface::default());
    }
    let directory = PathBuf::from(session.one("reach", "SELECT current_setting('data_directory')", &[])?.text(0)?);
    let free_bytes = files::free_bytes(session).ok();
    Ok(Surface { postmaster: postmaster(&directory), data_directory: Some(directory), free_bytes })
}

/// The first line of the file that a running server keeps in its directory.
fn postmaster(directory: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(directory.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}
