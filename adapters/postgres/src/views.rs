//! Views and materialised views with the tables that they read, directly or through other views, as far as PostgreSQL
//! tells: what a function reads that a view calls is not written down anywhere. Reads `pg_rewrite` and `pg_depend`.

use crate::catalog::{NOT_OURS, Names};
use crate::quote::table_id;
use crate::session::Session;
use crate::types::oid;
use lastbell_contract::{Result, TableId, View};
use std::collections::{BTreeMap, BTreeSet};

/// All of them, sorted by name.
pub(crate) fn read(session: &mut Session, tables: &Names) -> Result<Vec<View>> {
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind = 'm' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('v', 'm') AND NOT ({NOT_OURS})"
    );
    let mut views: BTreeMap<u32, (TableId, bool)> = BTreeMap::new();
    for line in session.query("catalog", &sql, &[])? {
        views.insert(oid(line.number(0)?), (table_id(&line.text(1)?, &line.text(2)?), line.flag(3)?));
    }
    let reads = reads(session)?;
    let mut found: Vec<View> = views
        .iter()
        .map(|(number, (id, stored))| View {
            id: id.clone(),
            stored: *stored,
            reads: behind(*number, &reads).iter().filter_map(|number| tables.get(number).cloned()).collect(),
        })
        .collect();
    for view in &mut found {
        view.reads.sort();
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

/// What each view reads itself; of a partition, its root.
fn reads(session: &mut Session) -> Result<BTreeMap<u32, BTreeSet<u32>>> {
    let sql = "SELECT DISTINCT r.ev_class, coalesce(pg_partition_root(d.refobjid)::oid, d.refobjid) \
               FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid \
               WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass \
               AND d.refobjid <> r.ev_class";
    let mut found: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for line in session.query("catalog", sql, &[])? {
        found.entry(oid(line.number(0)?)).or_default().insert(oid(line.number(1)?));
    }
    Ok(found)
}

/// Everything that can be reached from a view.
fn behind(view: u32, reads: &BTreeMap<u32, BTreeSet<u32>>) -> BTreeSet<u32> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![view]);
    while let Some(one) = open.pop() {
        let next = reads.get(&one).into_iter().flatten();
        open.extend(next.filter(|number| reached.insert(**number)));
    }
    reached
}
