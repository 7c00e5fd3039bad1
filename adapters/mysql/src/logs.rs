//! The server's query logs as files: they hold statements with their values. Lists and empties them; nothing else of the
//! server is written past the server.

use crate::error::refused;
use crate::place::Place;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Result};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

/// A log.
pub(crate) struct Log {
    /// The variable that names it.
    pub(crate) variable: &'static str,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// How big.
    pub(crate) bytes: u64,
    /// Whether we may empty it.
    pub(crate) writable: bool,
}

/// The general and the slow log, where there are such files, whether they are switched on now or were once.
pub(crate) fn query_logs(session: &mut Session, place: &Place) -> Result<Vec<Log>> {
    let mut found = Vec::new();
    for variable in ["general_log_file", "slow_query_log_file"] {
        let Some(name) = session.variable("logs", variable)?.filter(|name| !name.is_empty()) else { continue };
        let path = place.folder.join(name);
        match std::fs::metadata(&path) {
            Ok(known) if known.is_file() => {
                let writable = OpenOptions::new().append(true).open(&path).is_ok();
                found.push(Log { variable, path, bytes: known.len(), writable });
            }
            Ok(_) => {} // /dev/null, a pipe: nothing stays there
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => found.push(Log { variable, path, bytes: u64::MAX, writable: false }),
        }
    }
    Ok(found)
}

/// Empties one where it lies. The server appends to it, so it goes on at the beginning.
pub(crate) fn empty(path: &Path) -> Result<()> {
    let emptied = OpenOptions::new().write(true).open(path).and_then(|file| {
        file.set_len(0)?;
        file.sync_all()
    });
    emptied.map_err(|_| refused(ErrorKind::Denied, "scrub", "log-not-emptied"))
}
