//! One table as scans, counts and statements need it: its number, how it keeps rows, its columns and how they are read.
//! Looks a table up by its exact name; a name that PostgreSQL's parser would cut or refuse is simply not found.

use crate::error::{About, refused};
use crate::quote::{quote_table, schema_of, table_id};
use crate::session::Session;
use crate::types::{self, How, Reading, oid};
use lastbell_contract::{ErrorKind, Result, TableId};

/// The name under which large objects stand in the catalog: their bytes lie in one system table, whoever made them.
pub(crate) const LARGE_OBJECTS: (&str, &str) = ("pg_catalog", "pg_largeobject");

/// How a table keeps its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In files of its own. Tables that inherit from it are not part of it.
    Plain,
    /// In partitions, at any depth.
    Partitioned,
    /// On another server or behind a wrapper of that name.
    Elsewhere(String),
    /// All large objects of the database.
    LargeObjects,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its name.
    pub(crate) name: String,
    /// How it is read; of an unknown type, the name.
    pub(crate) reading: std::result::Result<Reading, String>,
    /// Computed by the server; not written by anybody.
    pub(crate) generated: bool,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Its number in `pg_class`.
    pub(crate) oid: u32,
    /// Its name.
    pub(crate) id: TableId,
    /// How it keeps its rows.
    pub(crate) form: Form,
    /// Columns in order, without dropped ones.
    pub(crate) cells: Vec<Cell>,
}

impl Shape {
    /// What stands behind `FROM`: the table and nothing that inherits from it, or all partitions.
    pub(crate) fn source(&self) -> String {
        match self.form {
            Form::Plain | Form::Elsewhere(_) => format!("ONLY {}", quote_table(&self.id)),
            Form::Partitioned => quote_table(&self.id),
            Form::LargeObjects => "(SELECT m.oid AS loid, lo_get(m.oid) AS data \
                                   FROM pg_catalog.pg_largeobject_metadata m) AS large_objects"
                .to_owned(),
        }
    }

    /// The columns of these names, in that order.
    pub(crate) fn pick(&self, operation: &str, names: &[String]) -> Result<Vec<&Cell>> {
        let find = |name: &String| self.cells.iter().find(|cell| cell.name == *name);
        let missing = || refused(ErrorKind::NotFound, operation, "column").on(&self.id);
        names.iter().map(|name| find(name).ok_or_else(missing)).collect()
    }

    /// Refuses a table whose rows are not in this server.
    pub(crate) fn must_be_here(&self, operation: &str) -> Result<()> {
        match &self.form {
            Form::Plain | Form::Partitioned | Form::LargeObjects => Ok(()),
            Form::Elsewhere(name) => {
                Err(refused(ErrorKind::Unsupported, operation, &format!("elsewhere:{name}")).on(&self.id))
            }
        }
    }
}

/// Expressions and ways of reading for some columns; the first one of an unknown type is refused by its name.
pub(crate) fn readings(operation: &str, cells: &[&Cell]) -> Result<(Vec<String>, Vec<How>)> {
    let (mut expressions, mut hows) = (Vec::new(), Vec::new());
    for cell in cells {
        let reading = cell.reading.as_ref().map_err(|name| types::unknown(operation, name))?;
        expressions.push(reading.expression(&cell.name));
        hows.push(reading.how);
    }
    Ok((expressions, hows))
}

/// The table of that name.
pub(crate) fn of(session: &mut Session, operation: &'static str, table: &TableId) -> Result<Shape> {
    if (schema_of(table), table.name.as_str()) == LARGE_OBJECTS {
        return Ok(large_objects());
    }
    let missing = || refused(ErrorKind::NotFound, operation, "table").on(table);
    if table.name.contains('\0') || schema_of(table).contains('\0') {
        return Err(missing()); // no name of PostgreSQL holds one, and no parameter may
    }
    let sql = "SELECT c.oid, c.relkind, \
                      (SELECT w.fdwname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver \
                       JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw \
                       WHERE f.ftrelid = c.oid OR (c.relkind = 'p' AND f.ftrelid IN \
                             (SELECT t.relid FROM pg_partition_tree(c.oid) t)) ORDER BY 1 LIMIT 1) \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1::text AND c.relname = $2::text AND c.relkind IN ('r', 'p', 'f') \
               AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    let found = session.query(operation, sql, &[schema_of(table), &table.name]).about(table)?;
    let Some(line) = found.first() else { return Err(missing()) };
    let number = oid(line.number(0)?);
    let form = match (line.maybe(2)?, line.text(1)?.as_str()) {
        (Some(wrapper), _) => Form::Elsewhere(wrapper),
        (None, "p") => Form::Partitioned,
        (None, _) => Form::Plain,
    };
    let cells = cells(session, operation, number).about(table)?;
    Ok(Shape { oid: number, id: table.clone(), form, cells })
}

fn cells(session: &mut Session, operation: &'static str, table: u32) -> Result<Vec<Cell>> {
    let sql = "SELECT a.attname, a.atttypid, a.attgenerated <> '' FROM pg_attribute a \
               WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let lines = session.query(operation, sql, &[&table.to_string()])?;
    let numbers = lines.iter().map(|line| Ok(oid(line.number(1)?))).collect::<Result<Vec<u32>>>()?;
    let types = types::of(session, operation, &numbers)?;
    let cell = |(line, number): (&crate::line::Line, &u32)| {
        Ok(Cell { name: line.text(0)?, reading: types.reading(*number), generated: line.flag(2)? })
    };
    lines.iter().zip(&numbers).map(cell).collect()
}

/// Large objects as a table of two columns. `lo_get` reads those that the role may read.
fn large_objects() -> Shape {
    let cell = |name: &str, how| Cell { name: name.to_owned(), reading: Ok(Reading::plain(how)), generated: false };
    Shape {
        oid: 2613, // pg_largeobject in every version (pg_largeobject.h)
        id: table_id(LARGE_OBJECTS.0, LARGE_OBJECTS.1),
        form: Form::LargeObjects,
        cells: vec![cell("loid", How::Oid), cell("data", How::Bytea)],
    }
}
