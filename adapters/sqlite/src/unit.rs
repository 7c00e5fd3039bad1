//! A locked unit: one exclusive transaction in which tables are proved, emptied or rebuilt, and then committed.

use crate::catalog::{self, has_table};
use crate::error::{About, Told, refused};
use crate::fulltext::{self, Content};
use crate::read::{count_by_engine, count_by_scan, scan_table};
use crate::rebuild;
use crate::session::{number, quote};
use crate::shape::{self, Form, Shape};
use lastbell_contract::{
    Counted, ErrorKind, LockRequest, LockedUnit, Moment, Operation, Result, Rewrite, Scan, Statement, TableId, Visit,
    Witness,
};
use rusqlite::Connection;
use std::time::Duration;

/// Tables that ANALYZE fills; stat3 and stat4 hold whole sample rows.
const STATISTICS: [&str; 3] = ["sqlite_stat1", "sqlite_stat3", "sqlite_stat4"];

/// The helper tables of FTS5.
const FULL_TEXT_PARTS: [&str; 5] = ["data", "idx", "content", "docsize", "config"];

/// Some tables under the exclusive lock.
pub(crate) struct Unit<'a> {
    connection: &'a Connection,
    tables: Vec<TableId>,
    open: bool,
}

impl<'a> Unit<'a> {
    /// Takes the lock and looks at the tables again.
    pub(crate) fn begin(connection: &'a Connection, request: &LockRequest) -> Result<Self> {
        connection.busy_timeout(Duration::from_millis(request.wait_ms)).told("lock")?;
        connection.execute_batch("BEGIN EXCLUSIVE").told("lock")?;
        let unit = Self { connection, tables: request.unit.clone(), open: true }; // from here on dropping rolls back
        for table in request.unit.iter().chain(&request.watched) {
            shape::of(connection, "lock", table)?;
        }
        Ok(unit)
    }

    fn check_open(&self, operation: &str) -> Result<()> {
        if self.open { Ok(()) } else { Err(refused(ErrorKind::Unsafe, operation, "unit-broken")) }
    }

    /// The table's shape, when it is of the unit and nothing forbids destroying it.
    fn judge(&self, operation: &str, table: &TableId) -> Result<Shape> {
        self.check_open(operation)?;
        if !self.tables.contains(table) {
            return Err(refused(ErrorKind::Unsafe, operation, "not-in-unit").on(table));
        }
        let found = catalog::one(self.connection, table)?;
        if let Some(obstacle) = found.obstacles.first() {
            return Err(refused(ErrorKind::Unsafe, operation, &obstacle.0).on(table));
        }
        shape::of(self.connection, operation, table)
    }

    /// Announces, works, announces. A failure after the first announcement takes the whole unit back: SQLite may have
    /// done half of it.
    fn step<T>(
        &mut self,
        statement: &Statement,
        witness: &mut dyn Witness,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        witness.hear(Moment::Before, statement)?;
        match work(self.connection) {
            Ok(done) => {
                witness.hear(Moment::After, statement)?;
                Ok(done)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    fn roll_back(&mut self) {
        if std::mem::take(&mut self.open) {
            // SQLite may have rolled back by itself (SQLITE_FULL, SQLITE_IOERR); then there is nothing to do.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

impl LockedUnit for Unit<'_> {
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        self.check_open("scan")?;
        scan_table(self.connection, scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<Counted> {
        self.check_open("count")?;
        let shape = shape::of(self.connection, "count", table)?;
        let by_count = count_by_engine(self.connection, table, &shape)?;
        Ok(Counted { by_scan: count_by_scan(self.connection, table, &shape)?, by_count })
    }

    fn destroy(&mut self, tables: &[TableId], witness: &mut dyn Witness) -> Result<()> {
        let shapes: Vec<Shape> = tables.iter().map(|table| self.judge("destroy", table)).collect::<Result<_>>()?;
        for (table, shape) in tables.iter().zip(&shapes) {
            let statement = Statement::new(Operation::Destroy, Some(table), technique(shape));
            self.step(&statement, witness, |connection| empty(connection, table, shape).about(table))?;
        }
        Ok(())
    }

    /// SQLite enforces a declared link only for a connection that asks for it, and ours does not.
    fn cut(&mut self, table: &TableId, _: &str, _: &mut dyn Witness) -> Result<()> {
        Err(refused(ErrorKind::Unsupported, "cut", "not-enforced").on(table))
    }

    fn rebuild(&mut self, table: &TableId, rewrite: &mut Rewrite<'_>, witness: &mut dyn Witness) -> Result<u64> {
        let shape = self.judge("rebuild", table)?;
        let technique = match &shape.form {
            Form::FullText(index) if index.content == Content::Nowhere => {
                return Err(refused(ErrorKind::Unsupported, "rebuild", "contentless").on(table));
            }
            Form::FullText(index) if index.content != Content::Own => "fts5-rebuild",
            Form::FullText(_) | Form::ByRowId | Form::ByKey | Form::Elsewhere(_) => "shadow-refill",
        };
        let statement = Statement::new(Operation::Rebuild, Some(table), technique);
        self.step(&statement, witness, |connection| {
            let kept = rebuild::run(connection, table, &shape, rewrite).about(table)?;
            forget_statistics(connection, table)?;
            Ok(kept)
        })
    }

    fn commit(mut self: Box<Self>, witness: &mut dyn Witness) -> Result<()> {
        self.check_open("commit")?;
        let statement = Statement::new(Operation::Commit, None, "commit");
        self.step(&statement, witness, |connection| connection.execute_batch("COMMIT").told("commit"))?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        self.roll_back();
    }
}

fn technique(shape: &Shape) -> &'static str {
    match &shape.form {
        Form::FullText(index) if index.content == Content::Own => "fts5-delete",
        Form::FullText(_) => "fts5-delete-all",
        Form::ByRowId | Form::ByKey | Form::Elsewhere(_) => "delete-all",
    }
}

fn empty(connection: &Connection, table: &TableId, shape: &Shape) -> Result<()> {
    match &shape.form {
        Form::FullText(index) if index.content != Content::Own => {
            fulltext::command(connection, &table.name, "delete-all")?;
        }
        Form::FullText(_) | Form::ByRowId | Form::ByKey | Form::Elsewhere(_) => {
            connection.execute(&format!("DELETE FROM {}", quote(&table.name)), []).told("destroy")?;
        }
    }
    if has_table(connection, "sqlite_sequence")? {
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [&table.name]).told("destroy")?;
    }
    forget_statistics(connection, table)?;
    if left(connection, table, shape)? == 0 {
        return Ok(());
    }
    Err(refused(ErrorKind::Engine, "destroy", "rows-left"))
}

/// An emptied index may keep its structure record, but knows no document and no term.
fn left(connection: &Connection, table: &TableId, shape: &Shape) -> Result<u64> {
    match &shape.form {
        Form::FullText(index) if index.content != Content::Own => {
            let documents = fulltext::documents(connection, &table.name)?.unwrap_or(0);
            Ok(documents + fulltext::segments(connection, &table.name)?)
        }
        Form::FullText(_) | Form::ByRowId | Form::ByKey | Form::Elsewhere(_) => {
            number(connection, "destroy", &format!("SELECT count(*) FROM {}", quote(&table.name)))
        }
    }
}

/// What ANALYZE remembers of a table: sample rows with whole values (measured: 24 of each column).
pub(crate) fn forget_statistics(connection: &Connection, table: &TableId) -> Result<()> {
    let mut names = vec![table.name.clone()];
    if matches!(shape::named(connection, &table.name)?, Some(Shape { form: Form::FullText(_), .. })) {
        names.extend(FULL_TEXT_PARTS.iter().map(|part| format!("{}_{part}", table.name)));
    }
    for statistics in STATISTICS {
        if !has_table(connection, statistics)? {
            continue;
        }
        for name in &names {
            let sql = format!("DELETE FROM {} WHERE tbl = ?1 COLLATE NOCASE", quote(statistics));
            connection.execute(&sql, [name]).told("statistics")?;
        }
    }
    Ok(())
}
