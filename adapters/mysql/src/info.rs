//! What the store is as a whole: product, identity, role, abilities, last write, and what reading it does.
//! Reads the server's variables and `information_schema`; changes nothing.

use crate::role::{self, Grants};
use crate::session::Session;
use crate::{identity, place};
use lastbell_contract::{Capabilities, Known, Result, StoreInfo};

/// All of it.
pub(crate) fn of(session: &mut Session) -> Result<StoreInfo> {
    let place = place::find(session)?;
    let grants = role::grants(session)?;
    let tables = tables(session)?;
    Ok(StoreInfo {
        engine: "mysql".to_owned(),
        product: session.server.product.name().to_owned(),
        version: session.server.text.clone(),
        identity: identity::of(session, place.as_ref())?,
        role: role::of(session, &grants)?,
        capabilities: Capabilities {
            // A MyISAM table stands outside of every snapshot; one of ten such makes no store without snapshots, and the
            // footprint counts them.
            snapshot_reads: tables.transactional > 0 || tables.others == 0,
            atomic_units: false,
            rebuilds: true,
            enforces_links: true,
            sees_files: place.is_some(),
            overwrites_freed: false,
        },
        last_write: last_write(session)?,
        remote: session.settings.way.is_remote(),
        read_footprint: footprint(session, &grants, &tables)?,
    })
}

/// How many tables can be read in a snapshot, and how many cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    /// InnoDB.
    pub(crate) transactional: u64,
    /// Everything else.
    pub(crate) others: u64,
}

/// Counts them.
pub(crate) fn tables(session: &mut Session) -> Result<Tables> {
    let sql = "SELECT COUNT(CASE WHEN ENGINE = 'InnoDB' THEN 1 END), COUNT(CASE WHEN ENGINE <> 'InnoDB' THEN 1 END) \
               FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    session.row("info", sql, (), |row| Ok(Tables { transactional: row.number(0)?, others: row.number(1)? }))
}

/// InnoDB keeps the time of the last change in memory: after a restart it knows none. Then only a change since the start
/// can be told, and that of another table from before it would be no answer.
fn last_write(session: &mut Session) -> Result<Known<i64>> {
    let sql = "SELECT CAST(UNIX_TIMESTAMP(MAX(UPDATE_TIME)) AS CHAR), COUNT(*) - COUNT(UPDATE_TIME), \
               CAST(UNIX_TIMESTAMP() AS CHAR) FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    let (last, untold, now) =
        session.row("info", sql, (), |row| Ok((row.maybe_text(0)?, row.number(1)?, row.number(2)?)))?;
    let last = last.and_then(|text| text.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok()));
    let uptime = session.status("info", "Uptime")?.and_then(|text| text.parse().ok()).unwrap_or(0);
    let told = last.filter(|last| untold == 0 || *last >= now.saturating_sub(uptime));
    let micros = told.and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000_000));
    Ok(micros.map_or_else(|| Known::Unknown("update-time-missing".to_owned()), Known::Yes))
}

/// What reading leaves behind or holds up.
fn footprint(session: &mut Session, grants: &Grants, tables: &Tables) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for (variable, word) in
        [("general_log", "general-log"), ("slow_query_log", "slow-log"), ("performance_schema", "statement-digests")]
    {
        if session.variable("info", variable)?.as_deref() == Some("ON") {
            words.push(word.to_owned());
        }
    }
    if tables.transactional > 0 {
        words.push("undo-history".to_owned()); // old row versions stay while a snapshot is open
    }
    if tables.others > 0 {
        words.push("read-locks".to_owned()); // MyISAM and Aria keep writers out while a table is read
        words.push(format!("outside-snapshot:{}", tables.others));
    }
    if !grants.sees_all() {
        words.push("granted-tables-only".to_owned());
    }
    Ok(words)
}
