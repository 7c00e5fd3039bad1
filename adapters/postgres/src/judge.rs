//! What forbids destroying a table, looked at again under lock: the catalog that the plan stood on may be old by then.
//! Reads the catalog, changes nothing.

use crate::error::{About, refused};
use crate::found::Found;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Result};

/// How the rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// TRUNCATE alone.
    Empty,
    /// TRUNCATE, then the kept rows again: inserts, and statements that event triggers hear of.
    Refill,
}

/// `pg_trigger.tgtype` (src/include/catalog/pg_trigger.h).
const ON_INSERT: u8 = 1 << 2;
const ON_TRUNCATE: u8 = 1 << 5;

/// The first obstacle: its number in [`word`], and a name. $1 the tree, $2 the table, $3 the bits of triggers, $4 whether
/// rows are written again. TRUNCATE of a foreign partition would reach the other server (since version 14). A truncation
/// that is published empties the subscriber's table: that may be the new system. Other plugins than `pgoutput` give out every table.
const OBSTACLES: &str = "SELECT o.number, o.name FROM ( \
    SELECT 1, '' WHERE current_setting('session_replication_role') <> 'origin' \
    UNION ALL SELECT 2, '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.oid = $2::oid AND starts_with(n.nspname::text, 'pg_') \
    UNION ALL SELECT 3, m.amname FROM pg_class c JOIN pg_am m ON m.oid = c.relam \
        WHERE c.oid = ANY ($1::oid[]) AND m.amname <> 'heap' AND c.relkind IN ('r', 'p') \
    UNION ALL SELECT 4, 'foreign' FROM pg_class WHERE oid = ANY ($1::oid[]) AND relkind = 'f' \
    UNION ALL SELECT 5, '' WHERE row_security_active($2::oid) \
    UNION ALL SELECT 6, tgname FROM pg_trigger WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal \
        AND tgenabled <> 'D' AND tgtype::int & $3::int <> 0 \
    UNION ALL SELECT 7, rulename FROM pg_rewrite WHERE $4::bool AND ev_class = ANY ($1::oid[]) \
        AND ev_type = '3' AND ev_enabled <> 'D' \
    UNION ALL SELECT 8, evtname FROM pg_event_trigger WHERE $4::bool AND evtenabled <> 'D' \
    UNION ALL SELECT 9, p.pubname FROM pg_publication_tables t JOIN pg_publication p USING (pubname) \
        JOIN pg_namespace n ON n.nspname = t.schemaname \
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename \
        WHERE c.oid = ANY ($1::oid[]) AND (p.pubtruncate OR p.pubinsert AND $4::bool) AND EXISTS \
        (SELECT FROM pg_replication_slots s WHERE s.slot_type = 'logical' AND s.database = current_database()) \
    UNION ALL SELECT 10, slot_name FROM pg_replication_slots WHERE slot_type = 'logical' \
        AND database = current_database() AND plugin <> 'pgoutput' \
    ) o(number, name) ORDER BY 1, 2 LIMIT 1";

/// The stable word of an obstacle.
fn word(number: i64, name: &str) -> String {
    match number {
        1 => "replication-role".to_owned(),
        2 => "system-table".to_owned(),
        3 => format!("access-method:{name}"),
        4 => format!("elsewhere:{name}"),
        5 => "row-security".to_owned(),
        6 => format!("trigger:{name}"),
        7 => format!("rule:{name}"),
        8 => format!("event-trigger:{name}"),
        _ => format!("published:{name}"), // the last one of the list
    }
}

const OWNED: &str = "SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY ($1::oid[])";

/// Refuses a table that cannot be destroyed safely, by the name of the reason.
pub(crate) fn judge(session: &mut Session, operation: &'static str, found: &Found, way: Way) -> Result<()> {
    let (bits, refills) = match way {
        Way::Empty => (ON_TRUNCATE, "false"),
        Way::Refill => (ON_TRUNCATE | ON_INSERT, "true"),
    };
    let parameters = [found.tree.as_str(), &found.oid.to_string(), &bits.to_string(), refills];
    if let Some(line) = session.query(operation, OBSTACLES, &parameters).about(&found.id)?.first() {
        let code = word(line.number(0)?, &line.text(1)?);
        return Err(refused(ErrorKind::Unsafe, operation, &code).on(&found.id));
    }
    if !session.one(operation, OWNED, &[&found.tree])?.flag(0)? {
        return Err(refused(ErrorKind::Denied, operation, "not-owner").on(&found.id));
    }
    Ok(())
}

/// ALTER TABLE runs event triggers, and nobody knows what they do.
pub(crate) fn refuse_event_triggers(session: &mut Session, operation: &'static str) -> Result<()> {
    let sql = "SELECT evtname FROM pg_event_trigger WHERE evtenabled <> 'D' ORDER BY 1 LIMIT 1";
    match session.query(operation, sql, &[])?.first() {
        Some(line) => Err(refused(ErrorKind::Unsafe, operation, &word(8, &line.text(0)?))),
        None => Ok(()),
    }
}
