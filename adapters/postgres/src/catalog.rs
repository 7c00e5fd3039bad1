//! The store's tables and views, from PostgreSQL's own catalogs. Reads only these, locks nothing, runs nothing of the
//! database's: no function here opens a table, so that one that somebody else has locked is listed all the same.
//!
//! A partitioned table is one table: what its partitions have of their own (keys, triggers, indexes) is told of the root.

use crate::keys::{self, Keys};
use crate::line::Line;
use crate::quote::table_id;
use crate::session::Session;
use crate::shape::LARGE_OBJECTS;
use crate::triggers;
use crate::types::{self, oid};
use crate::views;
use lastbell_contract::{Catalog, Column, Kind, Obstacle, Result, Table, TableId, TableKind, Trigger};
use std::collections::BTreeMap;

/// Schemas of PostgreSQL itself; all that begin so are reserved for it.
pub(crate) const NOT_OURS: &str = "starts_with(n.nspname::text, 'pg_') OR n.nspname = 'information_schema'";

/// Tables by their number.
pub(crate) type Names = BTreeMap<u32, TableId>;

/// Everything, sorted by name.
pub(crate) fn read(session: &mut Session) -> Result<Catalog> {
    let heads = heads(session)?;
    let names: Names = heads.iter().map(|head| (head.number, head.id.clone())).collect();
    let mut columns = columns(session)?;
    let mut keys = keys::read(session, &names)?;
    let mut triggers = triggers::read(session)?;
    let views = views::read(session, &names)?;
    let mut tables: Vec<Table> = Vec::with_capacity(heads.len());
    for head in heads {
        let parts = Parts {
            columns: columns.remove(&head.number).unwrap_or_default(),
            keys: keys.remove(&head.number).unwrap_or_default(),
            triggers: triggers.remove(&head.number).unwrap_or_default(),
        };
        tables.push(table(head, parts, &names));
    }
    tables.extend(large_objects(session)?);
    tables.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Catalog { tables, views })
}

/// What `pg_class` says of a table.
struct Head {
    number: u32,
    id: TableId,
    wrapper: Option<String>,
    method: Option<String>,
    filtered: bool,
    rows: Option<u64>,
    parents: Vec<u32>,
    definition: Vec<String>,
}

struct Parts {
    columns: Vec<ToldColumn>,
    keys: Keys,
    triggers: Vec<Trigger>,
}

fn heads(session: &mut Session) -> Result<Vec<Head>> {
    let known_empty = if session.server.major >= 14 { "c.relpages = 0 AND c.reltuples = 0" } else { "false" };
    let rows =
        format!("CASE WHEN c.relpages > 0 AND c.reltuples > 0 THEN c.reltuples::int8 WHEN {known_empty} THEN 0 END");
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname, w.fdwname, m.amname, row_security_active(c.oid), \
                CASE WHEN c.relkind = 'p' THEN (SELECT sum({leaf})::int8 FROM pg_partition_tree(c.oid) t \
                     JOIN pg_class l ON l.oid = t.relid AND t.isleaf) ELSE {rows} END, \
                CASE WHEN c.relkind <> 'p' THEN (SELECT array_agg(i.inhparent::text ORDER BY i.inhseqno) \
                     FROM pg_inherits i WHERE i.inhrelid = c.oid) END, \
                pg_get_partkeydef(c.oid), obj_description(c.oid, 'pg_class'), \
                CASE WHEN c.relkind = 'p' THEN (SELECT x.fdwname FROM pg_partition_tree(c.oid) t \
                     JOIN pg_foreign_table f ON f.ftrelid = t.relid JOIN pg_foreign_server s ON s.oid = f.ftserver \
                     JOIN pg_foreign_data_wrapper x ON x.oid = s.srvfdw ORDER BY 1 LIMIT 1) END, \
                CASE WHEN c.relkind = 'p' THEN (SELECT array_agg(pg_get_expr(l.relpartbound, l.oid) ORDER BY l.oid) \
                     FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid AND t.level > 0) END \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = c.relam \
         LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid LEFT JOIN pg_foreign_server s ON s.oid = f.ftserver \
         LEFT JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw \
         WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND NOT ({NOT_OURS})",
        leaf = rows.replace("c.", "l."),
    );
    session.query("catalog", &sql, &[])?.iter().map(head).collect()
}

fn head(line: &Line) -> Result<Head> {
    let parents = line.texts(7)?;
    let definition = [line.remark(8)?, line.remark(9)?].into_iter().flatten().chain(line.texts(11)?);
    Ok(Head {
        number: oid(line.number(0)?),
        id: table_id(&line.text(1)?, &line.text(2)?),
        wrapper: line.maybe(3)?.or(line.maybe(10)?),
        method: line.maybe(4)?.filter(|method| method != "heap"),
        filtered: line.flag(5)?,
        rows: line.maybe_number(6)?.and_then(|rows| u64::try_from(rows).ok()),
        parents: parents.iter().filter_map(|parent| parent.parse().ok()).collect(),
        definition: definition.collect(),
    })
}

fn table(head: Head, parts: Parts, names: &Names) -> Table {
    let mut obstacles: Vec<Obstacle> = Vec::new();
    let mut add = |code: String| obstacles.push(Obstacle(code));
    parts.triggers.iter().filter(|one| one.fires).for_each(|one| add(format!("trigger:{}", one.name)));
    head.wrapper.iter().for_each(|wrapper| add(format!("elsewhere:{wrapper}")));
    head.method.iter().for_each(|method| add(format!("access-method:{method}")));
    if head.filtered {
        add("row-security".to_owned());
    }
    obstacles.sort();
    let mut definition = head.definition;
    let mut columns = Vec::with_capacity(parts.columns.len());
    for (column, texts) in parts.columns {
        definition.extend(texts);
        columns.push(column);
    }
    definition.extend(parts.keys.definitions);
    Table {
        kind: head.wrapper.map_or(TableKind::Base, TableKind::Elsewhere),
        columns,
        primary_key: parts.keys.primary_key,
        unique_keys: parts.keys.unique_keys,
        foreign_keys: parts.keys.foreign_keys,
        indexes: parts.keys.indexes,
        triggers: parts.triggers,
        rows_estimate: head.rows,
        definition: (!definition.is_empty()).then(|| definition.join("\n")),
        parents: head.parents.iter().filter_map(|parent| names.get(parent).cloned()).collect(),
        obstacles,
        id: head.id,
    }
}

/// A column with the texts of its definition that stay when rows go: default, computation, labels.
type ToldColumn = (Column, Vec<String>);

/// Columns of each table.
fn columns(session: &mut Session) -> Result<BTreeMap<u32, Vec<ToldColumn>>> {
    let sql = format!(
        "SELECT a.attrelid, a.attname, a.atttypid, format_type(a.atttypid, a.atttypmod), a.attnotnull OR t.typnotnull, \
                a.attgenerated <> '', col_description(a.attrelid, a.attnum), pg_get_expr(d.adbin, d.adrelid), \
                (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND NOT ({NOT_OURS}) \
         AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum"
    );
    let lines = session.query("catalog", &sql, &[])?;
    let numbers = lines.iter().map(|line| Ok(oid(line.number(2)?))).collect::<Result<Vec<u32>>>()?;
    let types = types::of(session, "catalog", &numbers)?;
    let mut found: BTreeMap<u32, Vec<ToldColumn>> = BTreeMap::new();
    for (line, number) in lines.iter().zip(&numbers) {
        let column = Column {
            name: line.text(1)?,
            declared_type: line.text(3)?,
            kind: types.reading(*number).map_or(Kind::Unknown, |reading| reading.how.kind()),
            nullable: !line.flag(4)?,
            generated: line.flag(5)?,
            comment: line.remark(6)?,
            charset: None, // one for the whole database
        };
        let texts = line.remark(7)?.into_iter().chain(line.texts(8)?).collect();
        found.entry(oid(line.number(0)?)).or_default().push((column, texts));
    }
    Ok(found)
}

/// Large objects lie in one table of the system, whoever made them. Where there are any, they are listed as a table that
/// can be read (those that the role may read) and that nobody destroys by emptying a table.
fn large_objects(session: &mut Session) -> Result<Option<Table>> {
    let sql = "SELECT count(*) FROM pg_largeobject_metadata";
    let rows = session.one("catalog", sql, &[])?.number(0)?;
    if rows == 0 {
        return Ok(None);
    }
    let column = |name: &str, declared: &str, kind| Column {
        name: name.to_owned(),
        declared_type: declared.to_owned(),
        kind,
        nullable: false,
        generated: false,
        comment: None,
        charset: None,
    };
    Ok(Some(Table {
        id: table_id(LARGE_OBJECTS.0, LARGE_OBJECTS.1),
        kind: TableKind::Base,
        columns: vec![column("loid", "oid", Kind::Int), column("data", "bytea", Kind::Bytes)],
        primary_key: vec!["loid".to_owned()],
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        rows_estimate: u64::try_from(rows).ok(),
        definition: None,
        parents: Vec::new(),
        obstacles: vec![Obstacle("large-objects".to_owned())],
    }))
}
