//! Triggers and rules of all tables, from `pg_trigger` and `pg_rewrite`. Reads only these.
//!
//! A table is emptied by TRUNCATE, so of all triggers only those ON TRUNCATE would fire, and no rule. A rebuild inserts
//! the kept rows again; what fires then is refused by the rebuild itself (`judge.rs`).

use crate::catalog::NOT_OURS;
use crate::session::Session;
use crate::types::oid;
use lastbell_contract::{Result, Trigger};
use std::collections::BTreeMap;

/// The bit of `tgtype` for TRUNCATE (`src/include/catalog/pg_trigger.h`).
const ON_TRUNCATE: i64 = 1 << 5;

/// All of them by the number of their table; of a partition, by that of its root, whose TRUNCATE reaches them all.
pub(crate) fn read(session: &mut Session) -> Result<BTreeMap<u32, Vec<Trigger>>> {
    let sql = format!(
        "SELECT coalesce(pg_partition_root(g.tgrelid)::oid, g.tgrelid), g.tgname, g.tgtype, g.tgenabled IN ('O', 'A') \
         FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND c.relkind IN ('r', 'p', 'f') AND NOT ({NOT_OURS}) \
         UNION ALL \
         SELECT coalesce(pg_partition_root(r.ev_class)::oid, r.ev_class), r.rulename, 0, false \
         FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'f') AND NOT ({NOT_OURS}) ORDER BY 1, 2"
    );
    let mut found: BTreeMap<u32, Vec<Trigger>> = BTreeMap::new();
    for line in session.query("catalog", &sql, &[])? {
        let fires = line.flag(3)? && line.number(2)? & ON_TRUNCATE != 0;
        found.entry(oid(line.number(0)?)).or_default().push(Trigger { name: line.text(1)?, fires });
    }
    Ok(found)
}
