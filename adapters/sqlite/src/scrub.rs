//! Brings a file to a level after its units are gone. Repeatable: the end is the same.
//!
//! Recipe and traps are measured: VACUUM gets to zero and `secure_delete` alone never does; FTS5 keeps terms until
//! `optimize`; ANALYZE keeps sample rows; a persistent journal keeps old pages; a checkpoint that was kept from its
//! work says so only in its three numbers.

use crate::catalog;
use crate::error::{Told, refused};
use crate::fulltext::{self, Content};
use crate::reach;
use crate::session::{Session, number};
use crate::shape::{self, Form};
use crate::sidecars;
use crate::swap;
use crate::unit::forget_statistics;
use lastbell_contract::{
    AdapterError, ErrorKind, Level, Precondition, Result, Scrub, Scrubbed, State, Steps, TableId, TableKind, Witness,
};
use rusqlite::Connection;
use std::path::Path;

/// Above this size VACUUM's copy goes into an unlinked file beside the database instead of into memory.
const MEMORY_BYTES: u64 = 1 << 30;

/// Returns what was reached.
pub(crate) fn run(session: &mut Session, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
    let mut steps = Steps::new(witness);
    check_conditions(session, scrub.level)?;
    swap::finish_interrupted(&session.place, &mut steps)?;
    if scrub.level >= Level::L1 {
        full_text(session, &scrub.tables, &mut steps)?;
    }
    if scrub.level >= Level::L2 {
        statistics(session, &scrub.tables, &mut steps)?;
    }
    let intact = match scrub.level {
        Level::L0 => {
            checkpoint(session, &mut steps)?;
            drop_journal(session, false, &mut steps)?;
            None
        }
        Level::L1 => {
            vacuum(session, &mut steps)?;
            checkpoint(session, &mut steps)?;
            drop_journal(session, false, &mut steps)?;
            None
        }
        Level::L2 => {
            checkpoint(session, &mut steps)?;
            leave_wal(session, &mut steps)?;
            vacuum(session, &mut steps)?;
            drop_journal(session, false, &mut steps)?;
            Some(check(&session.connection)?)
        }
        Level::L2f => {
            overwrite_log(session, &mut steps)?;
            leave_wal(session, &mut steps)?;
            drop_journal(session, true, &mut steps)?;
            swap::run(session, &mut steps)?; // it checks the new file before it puts it in place
            Some(true)
        }
    };
    let reach = reach::after(session, scrub.level, intact)?;
    Ok(Scrubbed { reach, techniques: steps.techniques() })
}

/// A level is not begun when a condition of it does not pass: unknown is no pass.
fn check_conditions(session: &Session, level: Level) -> Result<()> {
    let looked = reach::before(session, level)?;
    let blocking = |one: &&Precondition| one.blocks <= level && one.state != State::Pass;
    looked.preconditions.iter().find(blocking).map_or(Ok(()), |one| Err(blocked(one)))
}

fn blocked(condition: &Precondition) -> AdapterError {
    let kind = match (condition.code.as_str(), &condition.state) {
        ("disk-space", State::Fail) => ErrorKind::NoSpace,
        ("file-writable" | "folder-writable", State::Fail) => ErrorKind::Denied,
        ("no-other-lock" | "no-other-connection", State::Fail) => ErrorKind::Busy,
        _ => ErrorKind::Unsafe, // the codes are words, and unknown is never a pass
    };
    refused(kind, "scrub", &condition.code)
}

/// Compacts each full-text index that was touched, or whose content was; terms of deleted rows stay until then.
fn full_text(session: &Session, touched: &[TableId], steps: &mut Steps<'_>) -> Result<()> {
    let connection = &session.connection;
    for table in catalog::read(connection)?.tables {
        let Some(found) = shape::named(connection, &table.id.name)? else { continue };
        let Form::FullText(index) = &found.form else { continue };
        let own = touched.contains(&table.id);
        let command = match &index.content {
            Content::Own | Content::Nowhere if own => "optimize",
            Content::Own | Content::Nowhere => continue,
            Content::External(_) if own && is_empty(connection, &table.id)? => "optimize",
            Content::External(name) if own || touched.iter().any(|one| one.name.eq_ignore_ascii_case(name)) => {
                "rebuild"
            }
            Content::External(_) => continue,
        };
        steps.run(&format!("fts5-{command}"), Some(&table.id), || {
            fulltext::command(connection, &table.id.name, command)
        })?;
    }
    Ok(())
}

/// An index that was emptied on purpose must not be filled again from a content table that is kept.
fn is_empty(connection: &Connection, table: &TableId) -> Result<bool> {
    Ok(fulltext::documents(connection, &table.name)?.unwrap_or(0) + fulltext::segments(connection, &table.name)? == 0)
}

fn statistics(session: &Session, touched: &[TableId], steps: &mut Steps<'_>) -> Result<()> {
    for table in touched {
        steps.run("statistics-delete", Some(table), || forget_statistics(&session.connection, table))?;
    }
    Ok(())
}

/// In WAL mode: everything into the database, the log empty. `(0, 0, 0)` is the only good answer: a checkpoint that was
/// kept from its work by a reader raises no error (measured).
fn checkpoint(session: &Session, steps: &mut Steps<'_>) -> Result<()> {
    if session.journal_mode()? != "wal" {
        return Ok(());
    }
    steps.run("wal-checkpoint", None, || match checkpoint_numbers(&session.connection, "TRUNCATE")? {
        (0, 0, 0) => Ok(()),
        _ => Err(refused(ErrorKind::Busy, "scrub", "wal-checkpoint-busy")), // any other answer
    })
}

fn checkpoint_numbers(connection: &Connection, how: &str) -> Result<(i64, i64, i64)> {
    connection
        .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .told("scrub")
}

/// Everything into the database, but the log's file keeps its length, so that its blocks can be overwritten.
fn overwrite_log(session: &Session, steps: &mut Steps<'_>) -> Result<()> {
    if session.journal_mode()? != "wal" {
        return Ok(());
    }
    steps.run("wal-checkpoint", None, || checkpoint_in_place(&session.connection))?;
    steps.run("wal-overwrite", None, || swap::overwrite(&sidecars::wal(&session.place.path)).told("scrub"))
}

fn checkpoint_in_place(connection: &Connection) -> Result<()> {
    let (busy, frames, moved) = checkpoint_numbers(connection, "RESTART")?;
    if busy == 0 && frames == moved {
        return Ok(());
    }
    Err(refused(ErrorKind::Busy, "scrub", "wal-checkpoint-busy"))
}

/// When the eraser goes: its journal or log is overwritten where it lies. Closing then removes the log.
pub(crate) fn retire_log(session: &Session) -> Result<()> {
    if session.journal_mode()? != "wal" {
        return session.drop_journal(true);
    }
    checkpoint_in_place(&session.connection)?;
    swap::overwrite(&sidecars::wal(&session.place.path)).told("close")
}

/// Leaves WAL mode for good and removes what may lie there from earlier connections.
fn leave_wal(session: &Session, steps: &mut Steps<'_>) -> Result<()> {
    if session.journal_mode()? == "wal" {
        steps.run("journal-mode", None, || session.set_journal_mode("persist"))?;
    }
    let path = &session.place.path;
    for helper in [sidecars::wal(path), sidecars::shm(path)] {
        if sidecars::size(&helper).told("scrub")?.is_some() {
            steps.run("helper-delete", None, || sidecars::remove(&helper).told("scrub"))?;
        }
    }
    Ok(())
}

fn drop_journal(session: &Session, overwrite: bool, steps: &mut Steps<'_>) -> Result<()> {
    if session.journal_mode()? == "wal"
        || sidecars::size(&sidecars::journal(&session.place.path)).told("scrub")?.is_none()
    {
        return Ok(());
    }
    let technique = if overwrite { "journal-overwrite" } else { "journal-delete" };
    steps.run(technique, None, || {
        session.drop_journal(overwrite)?;
        session.keep_journal()
    })
}

fn vacuum(session: &Session, steps: &mut Steps<'_>) -> Result<()> {
    let connection = &session.connection;
    steps.run("vacuum", None, || {
        place_temporary(connection, sidecars::folder(&session.place.path), MEMORY_BYTES)?;
        connection.execute_batch("VACUUM").told("scrub")
    })?;
    for table in renumbered(connection)? {
        steps.run("fts5-rebuild", Some(&table), || fulltext::command(connection, &table.name, "rebuild"))?;
    }
    Ok(())
}

/// VACUUM numbers the rows of a table without `INTEGER PRIMARY KEY` anew (sqlite.org/lang_vacuum.html), and a full-text
/// index over such a table would then point at other rows. Indexes that were emptied stay so.
fn renumbered(connection: &Connection) -> Result<Vec<TableId>> {
    let mut found = Vec::new();
    for table in catalog::read(connection)?.tables {
        let TableKind::FullText { content: Some(content) } = &table.kind else { continue };
        let numbered = shape::named(connection, &content.name)?.is_none_or(|shape| shape.row_id_column.is_some());
        if !numbered && !is_empty(connection, &table.id)? {
            found.push(table.id);
        }
    }
    Ok(found)
}

/// The copy that VACUUM makes holds kept rows. It stays in memory up to a size, else on the database's own volume.
fn place_temporary(connection: &Connection, folder: &Path, memory_bytes: u64) -> Result<()> {
    let pages = number(connection, "scrub", "PRAGMA page_count")?;
    let bytes = pages.saturating_mul(number(connection, "scrub", "PRAGMA page_size")?);
    if bytes <= memory_bytes {
        return Ok(());
    }
    let folder = folder.to_str().ok_or_else(|| refused(ErrorKind::Unsupported, "scrub", "path-encoding"))?;
    connection.pragma_update(None, "temp_store_directory", folder).told("scrub")?;
    connection.pragma_update(None, "temp_store", "FILE").told("scrub")
}

/// SQLite's own check of every page, index and full-text index.
pub(crate) fn check(connection: &Connection) -> Result<bool> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).told("integrity")?;
    if said == "ok" {
        return Ok(true);
    }
    Err(refused(ErrorKind::Damaged, "integrity", "integrity-check"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_big_copy_goes_beside_the_database() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("diary.db")).unwrap();
        connection.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))").unwrap();
        let place = || connection.pragma_query_value(None, "temp_store", |row| row.get::<_, i64>(0)).unwrap();
        place_temporary(&connection, folder.path(), 1 << 20).unwrap();
        assert_eq!(place(), 0, "a small one was moved");
        place_temporary(&connection, folder.path(), 1 << 10).unwrap();
        let told = connection.pragma_query_value(None, "temp_store_directory", |row| row.get::<_, String>(0)).unwrap();
        assert_eq!((place(), Path::new(&told)), (1, folder.path()));
        connection.execute_batch("VACUUM").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the copy was left");
    }
}
