//! Hands over the rows of one table: unbuffered, typed by the column, in batches. A broken line, an error of the server
//! in mid-result and a cell of another type are errors, never an end.

use crate::columns::{self, Form, Told};
use crate::error::{About, Told as _, odd_answer, refused};
use crate::quote::quote;
use crate::sample;
use crate::session::Session;
use crate::values;
use lastbell_contract::{Batches, Cells, ErrorKind, Kind, Result, Scan, TableId, Value, Visit};
use mysql::Params;
use mysql::prelude::Queryable;

/// [`lastbell_contract::Reader::scan`] on any session, a locked one too.
pub(crate) fn table(session: &mut Session, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
    let columns = columns::of(session, "scan", &scan.table)?;
    readable(session, &scan.table)?;
    let wanted = wanted(&columns, scan)?;
    let mut batches = Batches::new(scan, visit);
    match sample::plan(session, scan, &columns).about(&scan.table)? {
        sample::Plan::Whole => stream(session, &wanted, &scan.table, "", Params::Empty, &mut batches)?,
        sample::Plan::Blocks(blocks) => {
            for block in blocks {
                stream(session, &wanted, &scan.table, &block.rest, Params::Positional(block.values), &mut batches)?;
            }
        }
    }
    batches.finish()
}

/// Rows that live on another server are not this store's.
fn readable(session: &mut Session, table: &TableId) -> Result<()> {
    let sql =
        "SELECT ENGINE, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";
    let found = session.first("scan", sql, (&table.name,), |row| Ok((row.maybe_text(0)?, row.text(1)?)))?;
    let Some((engine, table_type)) = found else { return Err(refused(ErrorKind::NotFound, "scan", "table").on(table)) };
    match crate::catalog::kind_of_engine(engine.as_deref()) {
        Some(elsewhere) if table_type != "VIEW" => {
            Err(refused(ErrorKind::Unsupported, "scan", &format!("elsewhere:{elsewhere}")).on(table))
        }
        Some(_) | None => Ok(()),
    }
}

/// The columns asked for, in that order; an unknown name or type ends the scan before it begins.
fn wanted<'a>(columns: &'a [Told], scan: &Scan) -> Result<Vec<&'a Told>> {
    let find = |name: &String| {
        let found = columns.iter().find(|told| told.column.name == *name);
        let found = found.ok_or_else(|| refused(ErrorKind::NotFound, "scan", "column").on(&scan.table))?;
        match &found.form {
            Form::Unknown(name) => {
                Err(refused(ErrorKind::Unsupported, "scan", &format!("type:{name}")).on(&scan.table))
            }
            _ => Ok(found), // every form that can be read
        }
    };
    scan.columns.iter().map(find).collect()
}

/// `SELECT` of the wanted columns, then for each that may lose bytes in the conversion those bytes where it lost them.
/// Without any column, of a one, so that rows still come.
fn select(wanted: &[&Told], table: &TableId, rest: &str) -> String {
    let mut parts: Vec<String> = wanted.iter().map(|told| quote(&told.column.name)).collect();
    parts.extend(wanted.iter().filter_map(|told| lost_bytes(told)));
    if parts.is_empty() {
        parts.push("1".to_owned());
    }
    format!("SELECT {} FROM {}{rest}", parts.join(", "), quote(&table.name))
}

/// NULL where the text survives the way to UTF-8 and back, else the bytes that stand in the column: the server gives `?`
/// for a byte that is no character, and a row that says `?` would look like any other.
fn lost_bytes(told: &Told) -> Option<String> {
    let Form::LossyText(charset) = &told.form else { return None };
    let plain = charset.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let name = quote(&told.column.name);
    let there_and_back = format!("CAST(CONVERT(CONVERT({name} USING utf8mb4) USING {charset}) AS BINARY)");
    let raw = format!("CAST({name} AS BINARY)");
    plain.then(|| format!("IF({there_and_back} <=> {raw}, NULL, {raw})"))
}

/// One statement's rows into the batches. When they are not wanted any more the query is killed: dropping the result
/// would read the whole rest.
fn stream(
    session: &mut Session,
    wanted: &[&Told],
    table: &TableId,
    rest: &str,
    parameters: Params,
    batches: &mut Batches<'_, '_>,
) -> Result<()> {
    let sql = select(wanted, table, rest);
    let lossy: Vec<usize> =
        wanted.iter().enumerate().filter(|(_, told)| lost_bytes(told).is_some()).map(|(at, _)| at).collect();
    let killer = session.killer();
    let statement = session.connection.prep(&sql).told("scan").about(table)?;
    let mut result = session.connection.exec_iter(&statement, parameters).told("scan").about(table)?;
    let (mut end, mut unwanted) = (Ok(()), false);
    for row in result.by_ref() {
        let row = match row.told("scan").about(table) {
            Ok(row) => row,
            Err(error) => {
                end = Err(error);
                break;
            }
        };
        end = batches.write(|cells| append(wanted, &lossy, row, cells).ok_or_else(|| odd_answer("scan").on(table)));
        unwanted = end.is_err();
        if unwanted {
            break;
        }
    }
    if unwanted {
        killer();
    }
    drop(result);
    if unwanted {
        session.after_kill();
    }
    // On a broken line this fails, too, and else costs the server a little memory; the rows are what they are.
    let _ = session.connection.close(statement);
    end
}

/// Appends the cells of a row; `None` when it is not what its columns promise.
fn append(wanted: &[&Told], lossy: &[usize], row: mysql::Row, out: &mut Cells) -> Option<()> {
    let mut cells = row.unwrap_raw().into_iter();
    if lossy.is_empty() {
        return wanted.iter().try_for_each(|told| values::append(&told.form, cells.next()??, out));
    }
    // The bytes that were lost stand behind the last column.
    let mut row = Vec::with_capacity(wanted.len());
    for told in wanted {
        row.push(values::read(&told.form, cells.next()??)?);
    }
    for at in lossy {
        if let mysql::Value::Bytes(raw) = cells.next()?? {
            row[*at] = Value::Invalid(Kind::Text, raw);
        }
    }
    row.iter().for_each(|value| out.value(value));
    Some(())
}

/// The engine's own count.
pub(crate) fn count(session: &mut Session, table: &TableId) -> Result<u64> {
    columns::of(session, "count", table)?;
    readable(session, table)?;
    session.number("count", &format!("SELECT COUNT(*) FROM {}", quote(&table.name)), ()).about(table)
}
