//! Brings a server to a level after its units are gone. May be repeated: the end is the same.
//!
//! L1 rebuilds the tables, by the table owner's means. L2 turns over what the whole server keeps (`turnover.rs`), and runs
//! only where nobody else lives on it. The order matters: each later step writes redo and binary log of the earlier ones.

use crate::error::{About, refused};
use crate::logs;
use crate::mark::Mark;
use crate::place;
use crate::quote::quote;
use crate::reach;
use crate::session::Session;
use crate::turnover;
use lastbell_contract::{ErrorKind, Level, Means, Result, Scrub, Scrubbed, State, Steps, TableId, Witness};

/// Returns what was reached.
pub(crate) fn run(session: &mut Session, mark: &Mark, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
    let mut steps = Steps::new(witness);
    let level = scrub.level.min(Level::L2); // freed space cannot be overwritten from here
    must_be_open(session, level, scrub.means)?;
    let tables = existing(session, &scrub.tables)?;
    if level >= Level::L2 {
        steps.run("purge-wait", None, || turnover::wait_for_purge(session))?;
    }
    if level >= Level::L1 {
        for table in &tables {
            steps.run("table-rebuild", Some(table), || rebuild(session, table).about(table))?;
        }
    }
    let mut found = Vec::new();
    if level >= Level::L2 {
        let unturned = turn_over(session, mark, &tables, &mut steps)?;
        found.push(reach::doublewrite_turned_over(unturned));
    }
    let mut reach = reach::after(session, level, scrub.means, found)?;
    reach.level = reach.level.min(level);
    Ok(Scrubbed { reach, techniques: steps.techniques() })
}

/// Nothing is changed for a level that cannot be reached.
fn must_be_open(session: &mut Session, level: Level, means: Means) -> Result<()> {
    let reach = reach::before(session, level, means)?;
    let shut = reach.preconditions.into_iter().find(|one| one.blocks <= level && one.state != State::Pass);
    match shut {
        Some(condition) => Err(refused(ErrorKind::Unsafe, "scrub", &condition.code)),
        None => Ok(()),
    }
}

/// A table may have been dropped by its application since.
fn existing(session: &mut Session, tables: &[TableId]) -> Result<Vec<TableId>> {
    let sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";
    let mut there = Vec::new();
    for table in tables {
        if session.number("scrub", sql, (&table.name,))? > 0 {
            there.push(table.clone());
        }
    }
    Ok(there)
}

/// A new file from the rows that are there; columns dropped without a rebuild, and what lay in page gaps, are not among them.
fn rebuild(session: &mut Session, table: &TableId) -> Result<()> {
    session.run("scrub", &format!("ALTER TABLE {} FORCE", quote(&table.name)), ()).map(drop)
}

/// Returns how many pages of the doublewrite area could not be turned over.
fn turn_over(session: &mut Session, mark: &Mark, tables: &[TableId], steps: &mut Steps<'_>) -> Result<usize> {
    let place = place::find(session)?.ok_or_else(|| refused(ErrorKind::Unsupported, "scrub", "files-not-here"))?;
    turnover::statistics(session, tables, steps)?;
    let unturned = if session.server.is_mariadb() {
        turnover::engine_of_mariadb(session, mark, &place, steps)?
    } else {
        turnover::engine_of_mysql(session, mark, &place, steps)?
    };
    turnover::binary_log(session, steps)?;
    turnover::remembered_statements(session, steps)?;
    let named = logs::query_logs(session, &place)?;
    for log in named.iter().filter(|log| log.bytes > 0) {
        steps.run("log-truncate", None, || logs::empty(&log.path))?;
    }
    Ok(unturned)
}
