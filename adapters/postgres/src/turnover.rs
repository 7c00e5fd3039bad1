//! Turns the write-ahead log over: after it no segment is left that held anything from before.
//! Changes one setting of the server for its time, announced and restored.
//!
//! Measured (15.18): with `wal_recycle` on, segments are renamed and keep 145,559 of 184,000 values; one switch of the
//! segment leaves 180,862 in the segments that were recycled ahead. So recycling is off, and the log walks past every
//! segment that was there; `min_wal_size` does not matter then.

use crate::error::refused;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Result, Setting, Steps};
use std::time::{Duration, Instant};

/// The only setting of the server that is ever changed. `tidy` restores no other.
pub(crate) const RECYCLE: &str = "wal_recycle";

/// A checkpoint removes what was walked past, so that the walk never needs more room than so many segments.
const SEGMENTS_AT_ONCE: usize = 8;

/// How often the log is walked when segments stay: the checkpointer may have heard of the setting a moment late.
const ROUNDS: usize = 5;

/// Time for it to hear.
const PAUSE: Duration = Duration::from_millis(200);

/// The server reads its files again when it is told to, at once but not at the same moment.
const RELOAD: Duration = Duration::from_secs(30);

/// Names of segments, without the history and backup files beside them.
const SEGMENTS: &str = "FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'";

/// What stands in `postgresql.auto.conf`, or nothing.
const SAID: &str = "SELECT (SELECT setting FROM pg_file_settings WHERE name = $1 AND sourcefile LIKE '%postgresql.auto.conf' \
    ORDER BY seqno DESC LIMIT 1)";

/// Whether the log was turned over wholly.
pub(crate) fn run(session: &mut Session, steps: &mut Steps<'_>) -> Result<bool> {
    let change = Setting { name: RECYCLE.to_owned(), old: said(session)?, new: Some("off".to_owned()) };
    let back = change.back();
    steps.set("wal-recycle-off", &change, || put(session, &change))?;
    let walked = steps.run("wal-turnover", None, || walk_rounds(session));
    // Also after a failure: whatever is left is restored by the next `tidy`, but it need not be left.
    let restored = steps.set("wal-recycle-restore", &back, || put(session, &back));
    let walked = walked?;
    restored?;
    Ok(walked)
}

fn said(session: &mut Session) -> Result<Option<String>> {
    session.one("scrub", SAID, &[RECYCLE])?.maybe(0)
}

/// Restores what a killed run left, unless somebody has changed it since.
pub(crate) fn restore(session: &mut Session, left: &[Setting], steps: &mut Steps<'_>) -> Result<()> {
    if left.iter().any(|setting| setting.name != RECYCLE) {
        return Err(refused(ErrorKind::Unsupported, "tidy", "setting-unknown"));
    }
    for setting in left {
        let back = setting.back();
        if said(session)? == setting.new {
            steps.set("wal-recycle-restore", &back, || put(session, &back))?;
        }
    }
    Ok(())
}

/// ALTER SYSTEM, and waits until the server goes by it.
fn put(session: &mut Session, setting: &Setting) -> Result<()> {
    let sql = match setting.new.as_deref() {
        None => format!("ALTER SYSTEM RESET {RECYCLE}"),
        Some("on") => format!("ALTER SYSTEM SET {RECYCLE} TO on"),
        Some("off") => format!("ALTER SYSTEM SET {RECYCLE} TO off"),
        Some(_) => return Err(refused(ErrorKind::Unsupported, "scrub", "setting-value")),
    };
    session.execute("scrub", &sql, &[])?;
    session.query("scrub", "SELECT pg_reload_conf()", &[])?;
    let Some(wanted) = setting.new.as_deref() else { return Ok(()) };
    let until = Instant::now() + RELOAD;
    while session.one("scrub", "SELECT current_setting($1)", &[RECYCLE])?.text(0)? != wanted {
        if Instant::now() > until {
            return Err(refused(ErrorKind::Unsafe, "scrub", "wal-recycle-fixed"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn walk_rounds(session: &mut Session) -> Result<bool> {
    for round in 1..=ROUNDS {
        let last = session.one("scrub", &format!("SELECT max(name) {SEGMENTS}"), &[])?.maybe(0)?.unwrap_or_default();
        walk(session, &last)?;
        if is_past(session, &last)? {
            return Ok(true);
        }
        if round < ROUNDS {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(false)
}

/// Switches segments until the log writes behind `last`, removing as it goes.
fn walk(session: &mut Session, last: &str) -> Result<()> {
    for step in 1.. {
        // A switch of a segment that nothing was written to does nothing.
        session.query("scrub", "SELECT pg_logical_emit_message(false, 'lastbell', 'x')", &[])?;
        session.query("scrub", "SELECT pg_switch_wal()", &[])?;
        if step % SEGMENTS_AT_ONCE == 0 {
            session.execute("scrub", "CHECKPOINT", &[])?;
        }
        let now = session.one("scrub", "SELECT pg_walfile_name(pg_current_wal_insert_lsn())", &[])?.text(0)?;
        if now.as_str() > last {
            break;
        }
    }
    // The first moves the point from which recovery starts, the second removes what lies before it.
    session.execute("scrub", "CHECKPOINT", &[])?;
    session.execute("scrub", "CHECKPOINT", &[]).map(drop)
}

/// No segment from before is left: neither under its own name nor under one that the log has yet to reach. A checkpointer
/// that had not heard of the setting renames old segments to such names, and their bytes stay.
fn is_past(session: &mut Session, last: &str) -> Result<bool> {
    let sql = format!("SELECT min(name) > $1 AND max(name) <= pg_walfile_name(pg_current_wal_insert_lsn()) {SEGMENTS}");
    Ok(session.one("scrub", &sql, &[last])?.maybe(0)?.is_some_and(|past| past == "t"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::session::{Purpose, connect};
    use lastbell_contract::Location;
    use lastbell_testkit::servers::{Options, Postgres};

    /// As if the checkpointer never heard: what was renamed ahead is not past.
    #[test]
    fn a_log_that_is_recycled_is_never_turned_over() {
        let server = Postgres::start(&Options::real().set("fsync", "off").set("min_wal_size", "128MB"));
        server.sql(
            "postgres",
            "CREATE TABLE t AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 60000) AS s(i)",
        );
        let location = Location::parse(&server.url("postgres")).unwrap();
        let mut session = connect(&location, Purpose::Erase).unwrap();
        assert!(!walk_rounds(&mut session).unwrap(), "segments are recycled");
        let change = Setting { name: RECYCLE.to_owned(), old: None, new: Some("off".to_owned()) };
        put(&mut session, &change).unwrap();
        assert!(walk_rounds(&mut session).unwrap(), "they are removed, those ahead too");
    }
}
