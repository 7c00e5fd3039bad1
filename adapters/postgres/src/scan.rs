//! Reading and counting the rows of a table, by a reader and under a lock alike.

use crate::copy;
use crate::error::{About, refused};
use crate::sample;
use crate::session::Session;
use crate::shape::{self, Form, Shape};
use crate::types::How;
use lastbell_contract::{Batches, ErrorKind, Flow, Result, Scan, TableId, Visit};

/// [`lastbell_contract::Reader::scan`] on any session.
pub(crate) fn table(session: &mut Session, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
    session.was_stopped(); // a wish that came between two calls was for the one before
    let shape = shape::of(session, "scan", &scan.table)?;
    shape.must_be_here("scan")?;
    let cells = shape.pick("scan", &scan.columns)?;
    let (expressions, hows) = shape::readings("scan", &cells).about(&scan.table)?;
    let columns = expressions.join(", ");
    let mut batches = Batches::new(scan, visit);
    for source in sources(session, &shape, scan)? {
        copy_rows(session, &format!("SELECT {columns} FROM {source}"), &hows, &mut batches).about(&scan.table)?;
    }
    batches.finish()
}

/// What stands behind `FROM`: one for the whole table, or one for each part of which a sample is taken.
fn sources(session: &mut Session, shape: &Shape, scan: &Scan) -> Result<Vec<String>> {
    match scan.sample {
        Some((rows, seed)) if !is_at_most(session, shape, rows)? => {
            sample::sources(session, shape, rows, seed).about(&shape.id)
        }
        Some(_) | None => Ok(vec![shape.source()]),
    }
}

fn is_at_most(session: &mut Session, shape: &Shape, rows: u64) -> Result<bool> {
    let more = i64::try_from(rows.saturating_add(1)).unwrap_or(i64::MAX);
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {more}) AS beginning", counted(shape));
    let line = session.one("scan", &sql, &[]).about(&shape.id)?;
    Ok(line.number(0)? < more)
}

/// Runs one `COPY` and gives its rows to the batches. Inside a transaction it stands behind a savepoint: a scan that is
/// stopped must not end a snapshot or a lock.
fn copy_rows(session: &mut Session, select: &str, hows: &[How], batches: &mut Batches<'_, '_>) -> Result<()> {
    let sql = format!("COPY ({select}) TO STDOUT (FORMAT binary)");
    let guarded = session.in_transaction();
    if guarded {
        session.execute("scan", "SAVEPOINT lastbell_scan", &[])?;
    }
    let before = batches.rows();
    let mut reader = copy::Reader::new(hows.len());
    let mut take = |body: &[u8]| batches.write(|cells| copy::append(hows, body, cells));
    let copied = session.copy_out("scan", &sql, &mut |data| reader.take(data, &mut take).map(|()| Flow::Continue));
    if guarded && !session.is_gone() {
        if session.is_failed() {
            session.execute("scan", "ROLLBACK TO SAVEPOINT lastbell_scan", &[])?;
        }
        session.execute("scan", "RELEASE SAVEPOINT lastbell_scan", &[])?;
    }
    let told = copied?;
    if session.was_stopped() {
        return Err(batches.stopped()); // the rest was on its way already
    }
    reader.finish()?;
    // The server says how many rows it sent; so many must have come.
    if told == batches.rows() - before { Ok(()) } else { Err(refused(ErrorKind::Damaged, "scan", "copy-count")) }
}

/// [`lastbell_contract::Reader::count`] on any session.
pub(crate) fn count(session: &mut Session, table: &TableId) -> Result<u64> {
    let shape = shape::of(session, "count", table)?;
    shape.must_be_here("count")?;
    let line = session.one("count", &format!("SELECT count(*) FROM {}", counted(&shape)), &[]).about(table)?;
    u64::try_from(line.number(0)?).map_err(|_| refused(ErrorKind::Damaged, "count", "odd-answer").on(table))
}

/// Large objects are counted without reading them.
fn counted(shape: &Shape) -> String {
    match shape.form {
        Form::LargeObjects => "pg_catalog.pg_largeobject_metadata".to_owned(),
        Form::Plain | Form::Partitioned | Form::Elsewhere(_) => shape.source(),
    }
}
