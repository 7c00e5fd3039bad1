//! Who follows whom: the streams through which this database receives changes, and those through which it gives them out.
//! Reads the system's catalogs and views. What may not be looked at is unknown, never nothing.

use crate::session::Session;
use lastbell_contract::{Known, Result};

/// Extensions that bring changes in by ways of their own, which PostgreSQL's catalogs do not tell.
const CARRIERS: [&str; 7] = ["pglogical", "bdr", "spock", "dblink", "londiste", "bucardo", "slony1_funcs"];

/// Marks of what this database receives changes from: the slots of its subscriptions, the slot of a standby. Foreign tables
/// lead to servers of which nothing but an address is known here: whether the source is one of them, a person must say.
pub(crate) fn follows(session: &mut Session) -> Result<Known<Vec<String>>> {
    let carriers = CARRIERS.map(|name| format!("'{name}'")).join(", ");
    let sql = format!(
        "SELECT (SELECT min(e.extname::text) FROM pg_extension e WHERE e.extname IN ({carriers})), \
                EXISTS (SELECT 1 FROM pg_foreign_table), pg_is_in_recovery(), current_setting('primary_slot_name', true)"
    );
    let line = session.one("info", &sql, &[])?;
    if let Some(carrier) = line.maybe(0)? {
        return Ok(Known::Unknown(format!("extension:{carrier}")));
    }
    if line.flag(1)? {
        return Ok(Known::Unknown("foreign-tables".to_owned()));
    }
    let mut marks = subscriptions(session)?;
    if line.flag(2)? {
        // A standby has the anchors of its primary; the slot tells it besides.
        marks.extend(line.maybe(3)?.filter(|slot| !slot.is_empty()).map(|slot| format!("pg-slot:{slot}")));
    }
    Ok(Known::Yes(marks))
}

/// Everybody may read these columns of `pg_subscription`; the addresses in it are a superuser's.
fn subscriptions(session: &mut Session) -> Result<Vec<String>> {
    let sql = "SELECT s.subname, s.subslotname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
               WHERE d.datname = current_database() ORDER BY 1";
    let mut marks = Vec::new();
    for line in session.query("info", sql, &[])? {
        // A subscription without a slot receives nothing by itself, but its workers have its name at the publisher's.
        let slot = line.maybe(1)?.map_or_else(|| line.text(0), Ok)?;
        marks.push(format!("pg-slot:{slot}"));
    }
    Ok(marks)
}

/// Marks of what this database gives out: slots of its own changes, and slots of the whole cluster. Everybody may look.
pub(crate) fn feeds(session: &mut Session) -> Result<Known<Vec<String>>> {
    let sql = "SELECT slot_name FROM pg_replication_slots WHERE database IS NULL OR database = current_database() \
               ORDER BY 1";
    let lines = session.query("info", sql, &[])?;
    let marks = lines.iter().map(|line| Ok(format!("pg-slot:{}", line.text(0)?)));
    Ok(Known::Yes(marks.collect::<Result<_>>()?))
}
