//! The store's tables and views, from SQLite's own pragmas and from the schema's text. Runs nothing of the database's.

use crate::error::Told;
use crate::fulltext::Content;
use crate::session::{quote, rows};
use crate::shape::{self, Form, Shape};
use crate::tokens::{self, Token};
use crate::values;
use lastbell_contract::{
    Action, Catalog, Column, ForeignKey, Index, Obstacle, Result, Table, TableId, TableKind, Trigger, View,
};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Collations of every SQLite. An index by any other cannot be written here.
const COLLATIONS: [&str; 3] = ["BINARY", "NOCASE", "RTRIM"];

/// Everything, sorted by name.
pub(crate) fn read(connection: &Connection) -> Result<Catalog> {
    let names = table_names(connection)?;
    let spelling: BTreeMap<String, String> =
        names.iter().map(|name| (name.to_ascii_lowercase(), name.clone())).collect();
    let mut tables = Vec::with_capacity(names.len());
    for name in &names {
        if let Some(shape) = shape::named(connection, name)? {
            tables.push(table(connection, name, shape, &spelling)?);
        }
    }
    Ok(Catalog { tables, views: views(connection)? })
}

/// One table by name, for judging it under the lock.
pub(crate) fn one(connection: &Connection, id: &TableId) -> Result<Table> {
    let shape = shape::of(connection, "catalog", id)?;
    table(connection, &id.name, shape, &BTreeMap::new())
}

/// Shadow tables go with their full-text index; `sqlite_…` is SQLite's own.
fn table_names(connection: &Connection) -> Result<Vec<String>> {
    rows(
        connection,
        "catalog",
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
         AND lower(substr(name, 1, 7)) <> 'sqlite_' ORDER BY name",
        [],
        |row| row.get(0),
    )
}

fn table(connection: &Connection, name: &str, shape: Shape, spelling: &BTreeMap<String, String>) -> Result<Table> {
    let id = TableId::plain(name);
    let spelled = |other: &str| spelling.get(&other.to_ascii_lowercase()).cloned().unwrap_or_else(|| other.to_owned());
    let (indexes, unique_keys) = indexes(connection, name)?;
    let triggers = triggers(connection, name)?;
    let obstacles = obstacles(connection, name, &shape, &triggers)?;
    Ok(Table {
        kind: match &shape.form {
            Form::ByRowId | Form::ByKey => TableKind::Base,
            Form::FullText(index) => TableKind::FullText {
                content: match &index.content {
                    Content::External(content) => Some(TableId::plain(&spelled(content))),
                    Content::Own | Content::Nowhere => None,
                },
            },
            Form::Elsewhere(module) => TableKind::Elsewhere(module.clone()),
        },
        columns: columns(&shape),
        primary_key: shape.key(),
        unique_keys,
        foreign_keys: foreign_keys(connection, name, &spelled)?,
        parents: Vec::new(),
        indexes,
        triggers,
        rows_estimate: estimate(connection, name, &shape)?,
        definition: definition(connection, name)?,
        obstacles,
        id,
    })
}

fn columns(shape: &Shape) -> Vec<Column> {
    let column = |cell: &shape::Cell| Column {
        name: cell.name.clone(),
        declared_type: cell.declared.clone(),
        kind: values::kind_of(&cell.declared),
        // SQLite lets NULL into a primary key, unless it is the row id or the table has none.
        nullable: !(cell.not_null
            || shape.row_id_column.as_deref() == Some(&cell.name)
            || (shape.form == Form::ByKey && cell.key > 0)),
        generated: cell.generated,
        comment: None,
        charset: None,
    };
    shape.cells.iter().map(column).collect()
}

/// All indexes, and the columns of those unique ones that hold for every row and are not the primary key.
fn indexes(connection: &Connection, table: &str) -> Result<(Vec<Index>, Vec<Vec<String>>)> {
    let listed = rows(
        connection,
        "catalog",
        "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1, 'main') ORDER BY name",
        [table],
        |row| {
            let whole = !row.get::<_, bool>(3)?;
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)? && whole, row.get::<_, String>(2)?))
        },
    )?;
    let (mut all, mut keys) = (Vec::new(), Vec::new());
    for (name, unique, origin) in listed {
        let columns = rows(
            connection,
            "catalog",
            "SELECT name FROM pragma_index_xinfo(?1, 'main') WHERE key = 1 ORDER BY seqno",
            [&name],
            |row| Ok(row.get::<_, Option<String>>(0)?.unwrap_or_default()),
        )?;
        if unique && origin != "pk" && columns.iter().all(|column| !column.is_empty()) {
            keys.push(columns.clone());
        }
        all.push(Index { name, columns, unique });
    }
    keys.sort();
    keys.dedup();
    Ok((all, keys))
}

fn foreign_keys(connection: &Connection, table: &str, spelled: &dyn Fn(&str) -> String) -> Result<Vec<ForeignKey>> {
    let parts = rows(
        connection,
        "catalog",
        "SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq",
        [table],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, Option<String>>(3)?,
                row.get::<_, String>(4)?,
            ))
        },
    )?;
    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    for (id, target, from, to, on_delete) in parts {
        let key = keys.entry(id).or_insert_with(|| ForeignKey {
            name: None,
            columns: Vec::new(),
            references: TableId::plain(&spelled(&target)),
            referenced_columns: Vec::new(),
            on_delete: action(&on_delete),
            enforced: false, // per connection, and off by default
        });
        key.columns.push(from);
        key.referenced_columns.extend(to);
    }
    Ok(keys.into_values().collect())
}

fn action(word: &str) -> Action {
    match word {
        "RESTRICT" => Action::Restrict,
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        _ => Action::NoAction, // SQLite's word for none
    }
}

fn triggers(connection: &Connection, table: &str) -> Result<Vec<Trigger>> {
    rows(
        connection,
        "catalog",
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) ORDER BY name",
        [table],
        |row| {
            let sql: Option<String> = row.get(1)?;
            Ok(Trigger { name: row.get(0)?, fires: tokens::trigger_fires(&sql.unwrap_or_default()) })
        },
    )
}

fn obstacles(connection: &Connection, table: &str, shape: &Shape, triggers: &[Trigger]) -> Result<Vec<Obstacle>> {
    let mut found: Vec<Obstacle> = triggers
        .iter()
        .filter(|trigger| trigger.fires)
        .map(|trigger| Obstacle(format!("trigger:{}", trigger.name)))
        .collect();
    if let Form::Elsewhere(module) = &shape.form {
        found.push(Obstacle(format!("elsewhere:{module}")));
    }
    found.extend(foreign_collations(connection, table)?.into_iter().map(|name| Obstacle(format!("collation:{name}"))));
    found.sort();
    Ok(found)
}

/// Collations of an application's own that a table's indexes are sorted by.
pub(crate) fn foreign_collations(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let used = rows(
        connection,
        "catalog",
        "SELECT DISTINCT x.coll FROM pragma_index_list(?1, 'main') l, pragma_index_xinfo(l.name, 'main') x \
         WHERE x.coll IS NOT NULL ORDER BY 1",
        [table],
        |row| row.get::<_, String>(0),
    )?;
    Ok(used.into_iter().filter(|name| !COLLATIONS.iter().any(|known| known.eq_ignore_ascii_case(name))).collect())
}

/// From ANALYZE's figures, else from the highest row id; both without reading the table.
fn estimate(connection: &Connection, table: &str, shape: &Shape) -> Result<Option<u64>> {
    if has_table(connection, "sqlite_stat1")? {
        let figures = rows(connection, "catalog", "SELECT stat FROM sqlite_stat1 WHERE tbl = ?1", [table], |row| {
            row.get::<_, Option<String>>(0)
        })?;
        let first = |text: &String| text.split(' ').next().and_then(|word| word.parse().ok());
        if let Some(rows) = figures.iter().flatten().filter_map(first).max() {
            return Ok(Some(rows));
        }
    }
    let (Form::ByRowId, Some(row_id)) = (&shape.form, &shape.row_id) else { return Ok(None) };
    let sql = format!("SELECT max({}) FROM {}", quote(row_id), quote(table));
    let highest: Option<i64> = connection.query_row(&sql, [], |row| row.get(0)).told("catalog")?;
    Ok(Some(highest.map_or(0, |highest| u64::try_from(highest).unwrap_or(0))))
}

/// Is there an ordinary table of that name?
pub(crate) fn has_table(connection: &Connection, name: &str) -> Result<bool> {
    connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)", [name], |row| {
            row.get(0)
        })
        .told("catalog")
}

fn definition(connection: &Connection, table: &str) -> Result<Option<String>> {
    let found = rows(
        connection,
        "catalog",
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        [table],
        |row| row.get::<_, Option<String>>(0),
    );
    Ok(found?.pop().flatten())
}

/// Views with every table or view whose name stands in their text. A name that is meant otherwise lists too much,
/// never too little.
fn views(connection: &Connection) -> Result<Vec<View>> {
    let read = |sql: &str, kind: &str| {
        rows(connection, "catalog", sql, [kind], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
        })
    };
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = ?1 ORDER BY name";
    let (tables, views) = (read(sql, "table")?, read(sql, "view")?);
    let known: BTreeMap<String, &String> =
        tables.iter().chain(&views).map(|(name, _)| (name.to_ascii_lowercase(), name)).collect();
    Ok(views
        .iter()
        .map(|(name, sql)| {
            let mut reads: Vec<TableId> = tokens::tokens(sql)
                .into_iter()
                .filter_map(|token| match token {
                    Token::Name { text, .. } => known.get(&text.to_ascii_lowercase()).copied(),
                    Token::Sign(_) => None,
                })
                .filter(|other| *other != name)
                .map(|other| TableId::plain(other))
                .collect();
            reads.sort();
            reads.dedup();
            View { id: TableId::plain(name), reads, stored: false }
        })
        .collect())
}
