//! Writes a table anew from the rows that a rewrite keeps: into a shadow, empty the table, back, drop the shadow.
//! All inside the unit's transaction. Never renames: the table keeps its definition, indexes, triggers and links.

use crate::catalog::has_table;
use crate::erase::SHADOW_PREFIX;
use crate::error::{Told, refused};
use crate::fulltext::{self, Content};
use crate::read::values_from;
use crate::session::{number, quote, quote_all};
use crate::shape::{Form, Shape};
use crate::values;
use lastbell_contract::{ErrorKind, Result, Rewrite, Row, TableId};
use rusqlite::{Connection, Statement};

/// How a table is taken out and put back.
struct Plan<'a> {
    table: &'a str,
    shadow: String,
    shape: &'a Shape,
    /// The row id to keep where it is no column of the table.
    row_id: Option<&'a str>,
}

/// Returns the number of rows kept.
pub(crate) fn run(connection: &Connection, table: &TableId, shape: &Shape, rewrite: &mut Rewrite<'_>) -> Result<u64> {
    if matches!(&shape.form, Form::FullText(index) if index.content != Content::Own) {
        // It repeats another table's words: read them again from there.
        fulltext::command(connection, &table.name, "rebuild")?;
        return Ok(fulltext::documents(connection, &table.name)?.unwrap_or(0));
    }
    let row_id = if shape.row_id_column.is_none() { shape.row_id.as_deref() } else { None };
    let plan = Plan { table: &table.name, shadow: free_shadow(connection)?, shape, row_id };
    let kept = plan.take_out(connection, rewrite)?;
    plan.put_back(connection)?;
    let found = number(connection, "rebuild", &format!("SELECT count(*) FROM {}", quote(plan.table)))?;
    if found != kept {
        return Err(refused(ErrorKind::Engine, "rebuild", "rows-differ"));
    }
    Ok(kept)
}

fn free_shadow(connection: &Connection) -> Result<String> {
    let mut number = 0_u32;
    loop {
        let name = format!("{SHADOW_PREFIX}{number}");
        if !has_table(connection, &name)? {
            return Ok(name);
        }
        number += 1;
    }
}

impl Plan<'_> {
    /// Names of the shadow's columns: no types, so that every value stays as it is.
    fn cells(&self) -> Vec<String> {
        (0..self.shape.stored().len()).map(|at| format!("c{at}")).collect()
    }

    fn take_out(&self, connection: &Connection, rewrite: &mut Rewrite<'_>) -> Result<u64> {
        let (shadow, cells) = (quote(&self.shadow), self.cells());
        connection.execute_batch(&format!("CREATE TABLE {shadow} (r, {})", quote_all(&cells))).told("rebuild")?;
        let names = self.shape.names();
        let row_id = self.row_id.map_or_else(|| "NULL".to_owned(), quote);
        let read = format!("SELECT {row_id}, {} FROM {}", quote_all(&names), quote(self.table));
        let places = vec!["?"; cells.len() + 1].join(", ");
        let mut insert = connection.prepare(&format!("INSERT INTO {shadow} VALUES ({places})")).told("rebuild")?;
        let mut select = connection.prepare(&read).told("rebuild")?;
        let mut rows = select.query([]).told("rebuild")?;
        let mut kept = 0;
        while let Some(row) = rows.next().told("rebuild")? {
            let old_id: Option<i64> = row.get(0).told("rebuild")?;
            if let Some(new) = rewrite(values_from(row, 1, names.len())?) {
                self.keep(&mut insert, old_id, &new)?;
                kept += 1;
            }
        }
        Ok(kept)
    }

    fn keep(&self, insert: &mut Statement<'_>, row_id: Option<i64>, row: &Row) -> Result<()> {
        if row.len() != self.shape.cells.len() {
            return Err(refused(ErrorKind::Unsupported, "rebuild", "row-width"));
        }
        insert.raw_bind_parameter(1, row_id).told("rebuild")?;
        let stored = self.shape.cells.iter().zip(row).filter(|(cell, _)| !cell.generated);
        for (at, (_, value)) in stored.enumerate() {
            insert.raw_bind_parameter(at + 2, values::write(value)?).told("rebuild")?;
        }
        insert.raw_execute().told("rebuild").map(|_| ())
    }

    /// OR ABORT: a table may say `UNIQUE ON CONFLICT IGNORE`, and would then lose rows without a word.
    fn put_back(&self, connection: &Connection) -> Result<()> {
        let (table, shadow) = (quote(self.table), quote(&self.shadow));
        let (mut into, mut from) = (self.shape.stored(), self.cells());
        if let Some(row_id) = self.row_id {
            into.insert(0, row_id.to_owned());
            from.insert(0, "r".to_owned());
        }
        let (into, from) = (quote_all(&into), quote_all(&from));
        connection.execute(&format!("DELETE FROM {table}"), []).told("rebuild")?;
        let refill = format!("INSERT OR ABORT INTO {table} ({into}) SELECT {from} FROM {shadow} ORDER BY rowid");
        connection.execute(&refill, []).told("rebuild")?;
        connection.execute_batch(&format!("DROP TABLE {shadow}")).told("rebuild")
    }
}
