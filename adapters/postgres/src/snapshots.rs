//! Who still sees the store as it was: while somebody does, a rewrite of a catalog copies the dead rows.
//! Reads `pg_stat_activity`; TRUNCATE does not care.

use crate::reach::{self, passes, unblocked, with};
use crate::session::Session;
use lastbell_contract::{Level, Precondition, Result, State};
use std::collections::BTreeSet;
use std::time::Duration;

/// A statement that runs just now has a snapshot, too. One that is there at each look is an old one.
const LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Others in this database, and receivers of the log whose standby reports what it still reads. What a role may not see of
/// others' sessions comes as NULL. The server's own launchers are in no database and have no view.
const OTHERS: &str = "SELECT a.pid || '-' || coalesce(extract(epoch FROM a.xact_start)::text, ''), \
    a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL, \
    NOT coalesce(pg_has_role(a.usesysid, 'USAGE'), false) AND NOT pg_has_role('pg_read_all_stats', 'USAGE') \
    FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL \
    AND (a.datname = current_database() OR a.pid IN (SELECT r.pid FROM pg_stat_replication r))";

/// No session has an old view.
pub(crate) fn condition(session: &mut Session, blocks: Level) -> Result<Precondition> {
    let (mut old, mut hidden) = look(session)?;
    for _ in 1..LOOKS {
        if old.is_empty() && hidden.is_empty() {
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
        let (now, unseen) = look(session)?;
        old.retain(|one| now.contains(one));
        hidden.retain(|one| unseen.contains(one));
    }
    let state = if old.is_empty() && !hidden.is_empty() { State::Unknown } else { passes(old.is_empty()) };
    let told =
        with(with(reach::condition("no-old-snapshot", blocks, state), "sessions", old.len()), "hidden", hidden.len());
    Ok(unblocked(told, "SELECT pg_terminate_backend(…)"))
}

fn look(session: &mut Session) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let (mut old, mut hidden) = (BTreeSet::new(), BTreeSet::new());
    for line in session.query("reach", OTHERS, &[])? {
        if line.flag(2)? {
            hidden.insert(line.text(0)?);
        } else if line.flag(1)? {
            old.insert(line.text(0)?);
        }
    }
    Ok((old, hidden))
}
