//! Where the server's log goes. It quotes rows: a failed statement with its values, the row that broke a unique key
//! (measured with default settings). Nobody but its owner removes it; what can be read from here is searched with all else.
//! Reads settings, the log's folder, `/proc`.

use crate::reach::{self, with};
use crate::session::Session;
use crate::surface::Surface;
use lastbell_contract::{Level, Precondition, Result, State};
use std::fs::File;
use std::path::{Path, PathBuf};

/// What is known about the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// In these files, all of which can be read from here.
    Files(Vec<PathBuf>),
    /// Nowhere.
    Nowhere,
    /// Somewhere that cannot be read from here; the word says where.
    Elsewhere(&'static str),
}

/// The log can be searched from here, or there is none.
pub(crate) fn condition(session: &mut Session, surface: &Surface) -> Result<Precondition> {
    let told = |state, kept: &str| with(reach::condition("server-log", Level::L2, state), "kept", kept);
    Ok(match kept(session, surface)? {
        Kept::Nowhere => told(State::Pass, "nowhere"),
        Kept::Files(files) => {
            // Not in the way: they are searched. Who wants them gone removes the older ones after pg_rotate_logfile().
            with(told(State::Pass, "files"), "files", files.len())
        }
        Kept::Elsewhere(place) => told(State::Unknown, place),
    })
}

/// Looks for it.
pub(crate) fn kept(session: &mut Session, surface: &Surface) -> Result<Kept> {
    let sql = "SELECT current_setting('logging_collector'), current_setting('log_destination'), \
               (SELECT setting FROM pg_settings WHERE name = 'log_directory')";
    let line = session.one("reach", sql, &[])?;
    let (collects, destination) = (line.text(0)? == "on", line.text(1)?);
    if destination.split(',').any(|one| matches!(one.trim(), "syslog" | "eventlog")) {
        return Ok(Kept::Elsewhere("syslog"));
    }
    let Some(data) = &surface.data_directory else { return Ok(Kept::Elsewhere("unseen")) };
    if collects {
        let Some(folder) = line.maybe(2)? else { return Ok(Kept::Elsewhere("unseen")) };
        return Ok(in_folder(&data.join(folder)));
    }
    Ok(surface.postmaster.map_or(Kept::Elsewhere("unseen"), standard_error))
}

fn in_folder(folder: &Path) -> Kept {
    let Ok(entries) = std::fs::read_dir(folder) else { return Kept::Elsewhere("unreadable") };
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    if files.iter().all(|file| File::open(file).is_ok()) { Kept::Files(files) } else { Kept::Elsewhere("unreadable") }
}

/// Without a collector the log goes where the postmaster's standard error goes.
fn standard_error(postmaster: u32) -> Kept {
    let Ok(place) = std::fs::read_link(format!("/proc/{postmaster}/fd/2")) else { return Kept::Elsewhere("unseen") };
    if place == Path::new("/dev/null") {
        return Kept::Nowhere;
    }
    let readable = place.is_absolute() && place.is_file() && File::open(&place).is_ok();
    if readable { Kept::Files(vec![place]) } else { Kept::Elsewhere("pipe") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_and_a_missing_one_is_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("postgresql.log"), "x").unwrap();
        assert_eq!(in_folder(folder.path()), Kept::Files(vec![folder.path().join("postgresql.log")]));
        assert_eq!(in_folder(&folder.path().join("gone")), Kept::Elsewhere("unreadable"));
    }
}
