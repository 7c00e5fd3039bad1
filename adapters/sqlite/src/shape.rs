//! What one table is: how it keeps rows, its columns, how a row is addressed. Asked anew for each scan and count, so
//! that a table that changed is not read by an old picture.

use crate::error::{Told, refused};
use crate::fulltext::{self, FullText};
use crate::session::rows;
use crate::tokens;
use lastbell_contract::{ErrorKind, Result, TableId};
use rusqlite::Connection;

/// How a table keeps its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A b-tree by row id.
    ByRowId,
    /// A b-tree by primary key.
    ByKey,
    /// FTS5.
    FullText(FullText),
    /// Another module.
    Elsewhere(String),
}

/// A column as `PRAGMA table_xinfo` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its name.
    pub(crate) name: String,
    /// Its type's text.
    pub(crate) declared: String,
    /// NOT NULL.
    pub(crate) not_null: bool,
    /// Its place in the primary key, from 1; 0 outside.
    pub(crate) key: i64,
    /// Computed.
    pub(crate) generated: bool,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How it keeps rows.
    pub(crate) form: Form,
    /// Its visible columns.
    pub(crate) cells: Vec<Cell>,
    /// `INTEGER PRIMARY KEY`: the column that *is* the row id.
    pub(crate) row_id_column: Option<String>,
    /// A name by which SQL reaches the row id; `None` when columns hide all of them, or there is none.
    pub(crate) row_id: Option<String>,
}

impl Shape {
    /// Names of the columns that can be written.
    pub(crate) fn stored(&self) -> Vec<String> {
        self.cells.iter().filter(|cell| !cell.generated).map(|cell| cell.name.clone()).collect()
    }

    /// Names of all visible columns.
    pub(crate) fn names(&self) -> Vec<String> {
        self.cells.iter().map(|cell| cell.name.clone()).collect()
    }

    /// Names of the key columns in key order.
    pub(crate) fn key(&self) -> Vec<String> {
        let mut key: Vec<&Cell> = self.cells.iter().filter(|cell| cell.key > 0).collect();
        key.sort_by_key(|cell| cell.key);
        key.into_iter().map(|cell| cell.name.clone()).collect()
    }
}

/// The shape of a table that a caller named.
pub(crate) fn of(connection: &Connection, operation: &str, table: &TableId) -> Result<Shape> {
    let missing = || refused(ErrorKind::NotFound, operation, "table").on(table);
    if table.schema.as_deref().is_some_and(|schema| schema != "main") {
        return Err(missing());
    }
    named(connection, &table.name)?.ok_or_else(missing)
}

/// The shape of a table by its exact name; `None` when there is none, or it is a view.
pub(crate) fn named(connection: &Connection, name: &str) -> Result<Option<Shape>> {
    let found = rows(
        connection,
        "catalog",
        "SELECT l.type, l.wr, s.sql FROM pragma_table_list(?1) l \
         JOIN sqlite_schema s ON s.name = l.name AND s.type = 'table' WHERE l.schema = 'main' AND l.name = ?1",
        [name],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, Option<String>>(2)?)),
    );
    let Some((kind, by_key, sql)) = found?.pop() else { return Ok(None) };
    let form = match (kind.as_str(), by_key) {
        ("virtual", _) => virtual_form(&sql.unwrap_or_default()),
        (_, true) => Form::ByKey,
        (_, false) => Form::ByRowId,
    };
    whole(connection, name, form).map(Some)
}

fn virtual_form(sql: &str) -> Form {
    match tokens::module(sql) {
        Some((module, arguments)) if module == "fts5" => Form::FullText(fulltext::from_arguments(&arguments)),
        Some((module, _)) => Form::Elsewhere(module),
        None => Form::Elsewhere("unknown".to_owned()),
    }
}

fn whole(connection: &Connection, name: &str, form: Form) -> Result<Shape> {
    let cells = match (cells(connection, name), &form) {
        (Ok(cells), _) => cells,
        // The module, or a tokenizer of FTS5, is not in this build: the table is there, but nobody can read it.
        (Err(_), Form::Elsewhere(_)) => Vec::new(),
        (Err(_), Form::FullText(_)) => {
            let form = Form::Elsewhere("fts5".to_owned());
            return Ok(Shape { form, cells: Vec::new(), row_id_column: None, row_id: None });
        }
        (Err(error), Form::ByRowId | Form::ByKey) => return Err(error),
    };
    let row_id_column = if form == Form::ByRowId { row_id_column(connection, name, &cells)? } else { None };
    let row_id = match &form {
        Form::ByRowId | Form::FullText(_) => row_id_column.clone().or_else(|| free_row_id_name(&cells)),
        Form::ByKey | Form::Elsewhere(_) => None,
    };
    Ok(Shape { form, cells, row_id_column, row_id })
}

fn cells(connection: &Connection, name: &str) -> Result<Vec<Cell>> {
    rows(
        connection,
        "catalog",
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
        [name],
        |row| {
            Ok(Cell {
                name: row.get(0)?,
                declared: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                not_null: row.get(2)?,
                key: row.get(3)?,
                generated: row.get::<_, i64>(4)? >= 2,
            })
        },
    )
}

/// `INTEGER PRIMARY KEY` has no index of its own; `INTEGER PRIMARY KEY DESC` and all other keys have one.
fn row_id_column(connection: &Connection, name: &str, cells: &[Cell]) -> Result<Option<String>> {
    let mut key = cells.iter().filter(|cell| cell.key > 0);
    let (Some(only), None) = (key.next(), key.next()) else { return Ok(None) };
    if !only.declared.eq_ignore_ascii_case("integer") {
        return Ok(None);
    }
    let indexed: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin = 'pk')", [name], |row| {
            row.get(0)
        })
        .told("catalog")?;
    Ok((!indexed).then(|| only.name.clone()))
}

fn free_row_id_name(cells: &[Cell]) -> Option<String> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !cells.iter().any(|cell| cell.name.eq_ignore_ascii_case(name)))
        .map(str::to_owned)
}
