//! Keys, links and indexes of all tables, from `pg_constraint` and `pg_index`. Reads only these.

use crate::catalog::{NOT_OURS, Names};
use crate::line::Line;
use crate::session::Session;
use crate::types::oid;
use lastbell_contract::{Action, ForeignKey, Index, Result, TableId};
use std::collections::BTreeMap;

/// What a table has of them.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) primary_key: Vec<String>,
    pub(crate) unique_keys: Vec<Vec<String>>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) indexes: Vec<Index>,
    /// Texts of checks, exclusions and index expressions: they stay when rows go.
    pub(crate) definitions: Vec<String>,
}

/// All of them by the number of their table; of a partition, by that of its root.
pub(crate) fn read(session: &mut Session, names: &Names) -> Result<BTreeMap<u32, Keys>> {
    let mut found: BTreeMap<u32, Keys> = BTreeMap::new();
    links(session, names, &mut found)?;
    checks(session, &mut found)?;
    indexes(session, &mut found)?;
    for keys in found.values_mut() {
        keys.unique_keys.sort();
        keys.unique_keys.dedup();
    }
    Ok(found)
}

/// A link of a partitioned table has copies for its partitions, and one that leads to such a table for those: only the
/// declared one counts (`conparentid = 0`). One that is not enforced (18) forbids nothing.
fn links(session: &mut Session, names: &Names, found: &mut BTreeMap<u32, Keys>) -> Result<()> {
    let enforced = if session.server.major >= 18 { "k.conenforced" } else { "true" };
    let columns = |table: &str, numbers: &str| {
        format!(
            "(SELECT array_agg(a.attname::text ORDER BY x.place) FROM unnest({numbers}) WITH ORDINALITY AS x(number, place) \
             JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = x.number)"
        )
    };
    let sql = format!(
        "SELECT coalesce(pg_partition_root(k.conrelid)::oid, k.conrelid), k.conname, {here}, \
                coalesce(pg_partition_root(k.confrelid)::oid, k.confrelid), {there}, k.confdeltype, {enforced} \
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT ({NOT_OURS}) ORDER BY k.conrelid, k.conname",
        here = columns("k.conrelid", "k.conkey"),
        there = columns("k.confrelid", "k.confkey"),
    );
    for line in session.query("catalog", &sql, &[])? {
        let Some(references) = names.get(&oid(line.number(3)?)) else { continue };
        found.entry(oid(line.number(0)?)).or_default().foreign_keys.push(link(&line, references)?);
    }
    Ok(())
}

fn link(line: &Line, references: &TableId) -> Result<ForeignKey> {
    Ok(ForeignKey {
        name: Some(line.text(1)?),
        columns: line.texts(2)?,
        references: references.clone(),
        referenced_columns: line.texts(4)?,
        on_delete: match line.text(5)?.as_str() {
            "r" => Action::Restrict,
            "c" => Action::Cascade,
            "n" => Action::SetNull,
            "d" => Action::SetDefault,
            _ => Action::NoAction, // `a`
        },
        enforced: line.flag(6)?,
    })
}

fn checks(session: &mut Session, found: &mut BTreeMap<u32, Keys>) -> Result<()> {
    let sql = format!(
        "SELECT coalesce(pg_partition_root(k.conrelid)::oid, k.conrelid), pg_get_constraintdef(k.oid) \
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE k.contype IN ('c', 'x') AND k.conparentid = 0 AND NOT ({NOT_OURS}) ORDER BY k.conrelid, k.conname"
    );
    for line in session.query("catalog", &sql, &[])? {
        found.entry(oid(line.number(0)?)).or_default().definitions.extend(line.remark(1)?);
    }
    Ok(())
}

/// Indexes that are declared, without the copies for partitions. An index that one partition has of its own, or that is
/// not yet valid, forbids nothing for all rows.
fn indexes(session: &mut Session, found: &mut BTreeMap<u32, Keys>) -> Result<()> {
    let alike = if session.server.major >= 15 { "i.indnullsnotdistinct" } else { "false" };
    let sql = format!(
        "SELECT coalesce(pg_partition_root(i.indrelid)::oid, i.indrelid), x.relname, i.indisprimary, \
                i.indisunique AND i.indisvalid AND i.indpred IS NULL AND NOT i.indisexclusion \
                AND i.indrelid = coalesce(pg_partition_root(i.indrelid)::oid, i.indrelid), \
                (SELECT array_agg(CASE WHEN k.number = 0 THEN '' ELSE a.attname::text END ORDER BY k.place) \
                 FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) \
                 LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
                 WHERE k.place <= i.indnkeyatts), \
                {alike} AND EXISTS (SELECT 1 FROM unnest(i.indkey::int2[]) AS k(number) \
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND NOT a.attnotnull), \
                CASE WHEN i.indpred IS NOT NULL OR i.indexprs IS NOT NULL THEN pg_get_indexdef(i.indexrelid) END \
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND NOT x.relispartition AND NOT ({NOT_OURS}) ORDER BY i.indrelid, x.relname"
    );
    for line in session.query("catalog", &sql, &[])? {
        let keys = found.entry(oid(line.number(0)?)).or_default();
        let (columns, primary, unique) = (line.texts(4)?, line.flag(2)?, line.flag(3)?);
        if primary && unique {
            keys.primary_key.clone_from(&columns);
        } else if unique && !line.flag(5)? && columns.iter().all(|column| !column.is_empty()) {
            keys.unique_keys.push(columns.clone());
        }
        keys.definitions.extend(line.remark(6)?);
        keys.indexes.push(Index { name: line.text(1)?, columns, unique });
    }
    Ok(())
}
