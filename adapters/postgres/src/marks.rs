//! The live probe "is it the same store": one session holds an advisory lock named after a mark, another looks for it.
//! Stores nothing: the lock goes with its session. Advisory locks belong to one database of one server.

use crate::session::Session;
use lastbell_contract::{Known, Result};

/// The two halves of the lock's number, from a mark. A mark is random, so an application's own lock is not met by chance;
/// if it were, we would refuse what we could have done.
const KEYS: &str = "hashtext($1::text) AS one, hashtext(reverse($1::text)) AS other";

/// Raises it.
pub(crate) fn raise(session: &mut Session, mark: &str) -> Result<()> {
    let sql = format!("SELECT pg_advisory_lock_shared(one, other)::text FROM (SELECT {KEYS}) AS keys");
    session.query("mark", &sql, &[mark]).map(drop)
}

/// Is it raised by another session? Everybody may look into `pg_locks`.
pub(crate) fn seen(session: &mut Session, mark: &str) -> Result<Known<bool>> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM (SELECT {KEYS}) AS keys JOIN pg_locks l \
             ON l.classid = (one::int8 & 4294967295)::oid AND l.objid = (other::int8 & 4294967295)::oid \
         WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.pid <> pg_backend_pid() \
         AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))"
    );
    Ok(Known::Yes(session.one("mark", &sql, &[mark])?.flag(0)?))
}
