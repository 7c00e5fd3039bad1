//! A locked unit: LOCK TABLES … WRITE on one connection, proof on it, then one destroying statement after the other.
//!
//! Neither server can take such a statement back, so each is an intent of its own. No transaction may begin while the
//! locks are held: START TRANSACTION lets them go without a word (measured), and so the lock is probed again before each
//! statement that destroys.

use crate::catalog;
use crate::error::{About, Told, refused};
use crate::mark::{self, Mark};
use crate::note::{self, Note};
use crate::plain::Plain;
use crate::quote::quote;
use crate::rebuild::{self, Standing};
use crate::scan;
use crate::session::Session;
use lastbell_contract::{
    AdapterError, Counted, ErrorKind, LockRequest, LockedUnit, Moment, Operation, Result, Rewrite, Scan, Statement,
    Table, TableId, Visit, Witness,
};
use mysql::prelude::Queryable;
use std::collections::BTreeMap;

/// Some tables under lock.
pub(crate) struct Unit<'a> {
    /// Holds the locks.
    pub(crate) session: &'a mut Session,
    /// A second connection, made by the first rebuild: under LOCK TABLES no table can be created (1100).
    pub(crate) beside: Option<Session>,
    pub(crate) mark: &'a Mark,
    pub(crate) tables: Vec<TableId>,
    pub(crate) watched: Vec<TableId>,
    /// What the tables are made of, looked at under lock.
    shapes: BTreeMap<String, Table>,
    /// Rebuilt tables by their names. Until the commit only their shadows stand, under names that nobody else knows.
    pub(crate) standing: BTreeMap<String, Standing>,
    /// A statement failed half way: only dropping is left.
    broken: bool,
}

impl<'a> Unit<'a> {
    /// Takes the locks, all or none.
    pub(crate) fn begin(session: &'a mut Session, mark: &'a Mark, request: &LockRequest) -> Result<Self> {
        leave_snapshot(session)?;
        let mut all: Vec<&TableId> = request.unit.iter().chain(&request.watched).collect();
        all.sort();
        all.dedup();
        for table in &all {
            must_be_table(session, table)?;
        }
        wait_at_most(session, request.wait_ms)?;
        let names: Vec<&str> = all.iter().map(|table| table.name.as_str()).collect();
        session.run_plain("lock", &Plain::lock_for_writing(&names)).map_err(named)?;
        let (tables, watched) = (request.unit.clone(), request.watched.clone());
        // From here on dropping lets the locks go.
        let mut unit = Self {
            session,
            beside: None,
            mark,
            tables,
            watched,
            shapes: BTreeMap::new(),
            standing: BTreeMap::new(),
            broken: false,
        };
        for table in &all {
            must_be_table(unit.session, table)?; // it may have been dropped while we waited
        }
        let shapes = catalog::read(unit.session)?.tables.into_iter();
        unit.shapes = shapes.map(|table| (table.id.name.clone(), table)).collect();
        unit.must_hold("lock")?;
        Ok(unit)
    }

    /// Are the locks still ours? Under them a table is visible only by the name it was locked by, so another name for one
    /// of our own tables must be refused with 1100.
    pub(crate) fn must_hold(&mut self, operation: &str) -> Result<()> {
        if self.broken {
            return Err(refused(ErrorKind::Unsafe, operation, "unit-broken"));
        }
        let locked = self.tables.iter().chain(&self.watched).find(|table| !self.standing.contains_key(&table.name));
        let Some(table) = locked else { return Ok(()) };
        if mark::sees_by_alias(self.session, operation, &table.name)? {
            return Err(refused(ErrorKind::Unsafe, operation, "lock-lost"));
        }
        Ok(())
    }

    /// The table, when it is of the unit and nothing forbids destroying it.
    fn judge(&mut self, operation: &str, table: &TableId) -> Result<Table> {
        if !self.tables.contains(table) {
            return Err(refused(ErrorKind::Unsafe, operation, "not-in-unit").on(table));
        }
        self.must_hold(operation)?;
        let gone = || refused(ErrorKind::NotFound, operation, "table").on(table);
        let found = self.shapes.get(&table.name).cloned().ok_or_else(gone)?;
        if let Some(obstacle) = found.obstacles.first() {
            return Err(refused(ErrorKind::Unsafe, operation, &obstacle.0).on(table));
        }
        Ok(found)
    }

    /// No kept table's key may lead into a table that goes: with checks off its rows would be left leading nowhere.
    fn judge_links(&mut self, table: &TableId) -> Result<()> {
        let unit = &self.tables;
        let from_outside = links_to(self.session, table)?;
        match from_outside.iter().find(|link| unit.iter().all(|own| own.name != link.child)) {
            Some(link) => {
                let code = format!("referenced-by:{}.{}", link.child, link.name);
                Err(refused(ErrorKind::Unsafe, "destroy", &code).on(table))
            }
            None => Ok(()),
        }
    }

    /// A second connection, once.
    pub(crate) fn connect_beside(&mut self) -> Result<()> {
        if self.beside.is_none() {
            self.beside = Some(self.session.another()?);
        }
        Ok(())
    }

    /// Announces, works, announces. What fails between the two may be half done, so nothing more is done here then.
    pub(crate) fn step<T>(
        &mut self,
        statement: &Statement,
        witness: &mut dyn Witness,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        witness.hear(Moment::Before, statement)?;
        let done = work(self).inspect_err(|_| self.broken = true);
        let done = done.map_err(|error| match &statement.table {
            Some(table) => error.on(table),
            None => error,
        })?;
        witness.hear(Moment::After, statement)?;
        Ok(done)
    }

    /// Empties one table, or the shadow that stands for it.
    fn truncate(&mut self, table: &TableId) -> Result<()> {
        match (self.standing.get(&table.name), self.beside.as_mut()) {
            (Some(standing), Some(beside)) => truncate(beside, &standing.shadow),
            (Some(_), None) => Err(refused(ErrorKind::Unsafe, "destroy", "unit-broken")),
            (None, _) => {
                self.must_hold("destroy")?;
                truncate(self.session, &table.name)
            }
        }
    }

    /// The connection that sees a table, and the name by which it does.
    pub(crate) fn sight(&mut self, table: &TableId) -> (&mut Session, TableId) {
        match (self.standing.get(&table.name), self.beside.as_mut()) {
            (Some(standing), Some(beside)) => (beside, TableId::plain(&standing.shadow)),
            (Some(_) | None, _) => (self.session, table.clone()),
        }
    }

    /// Lets each rebuilt table's shadow take its place.
    fn bring_back(&mut self, witness: &mut dyn Witness) -> Result<()> {
        let names: Vec<String> = self.standing.keys().cloned().collect();
        for name in names {
            let statement = Statement::new(Operation::Commit, Some(&TableId::plain(&name)), "take-place");
            self.step(&statement, witness, |unit| unit.take_place(&name))?;
        }
        Ok(())
    }

    fn take_place(&mut self, name: &str) -> Result<()> {
        let (Some(standing), Some(beside)) = (self.standing.get(name), self.beside.as_mut()) else { return Ok(()) };
        note::take_place(beside, "commit", &standing.shadow, &standing.note)?;
        Note::drop(beside, "commit", self.mark, standing.number)?;
        self.standing.remove(name);
        Ok(())
    }
}

impl LockedUnit for Unit<'_> {
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        let (session, table) = self.sight(&scan.table);
        scan::table(session, &Scan { table, ..scan.clone() }, visit).about(&scan.table)
    }

    fn count(&mut self, table: &TableId) -> Result<Counted> {
        let (session, seen) = self.sight(table);
        let by_count = scan::count(session, &seen).about(table)?;
        Ok(Counted { by_scan: count_one_by_one(session, &seen).about(table)?, by_count })
    }

    fn destroy(&mut self, tables: &[TableId], witness: &mut dyn Witness) -> Result<()> {
        for table in tables {
            self.judge("destroy", table)?;
            self.judge_links(table)?;
        }
        for table in tables {
            let statement = Statement::new(Operation::Destroy, Some(table), "truncate");
            self.step(&statement, witness, |unit| unit.truncate(table))?;
        }
        Ok(())
    }

    fn cut(&mut self, table: &TableId, constraint: &str, witness: &mut dyn Witness) -> Result<()> {
        if !self.watched.contains(table) {
            return Err(refused(ErrorKind::Unsafe, "cut", "not-watched").on(table));
        }
        self.must_hold("cut")?;
        if !links_of(self.session, table)?.iter().any(|link| link.name == constraint) {
            return Err(refused(ErrorKind::NotFound, "cut", "no-such-link").on(table));
        }
        let statement = Statement::new(Operation::Cut, Some(table), "drop-foreign-key");
        let sql = format!("ALTER TABLE {} DROP FOREIGN KEY {}", quote(&table.name), quote(constraint));
        self.step(&statement, witness, |unit| unit.session.run("cut", &sql, ()).map(drop))
    }

    fn rebuild(&mut self, table: &TableId, rewrite: &mut Rewrite<'_>, witness: &mut dyn Witness) -> Result<u64> {
        let shape = self.judge("rebuild", table)?;
        rebuild::run(self, &shape, rewrite, witness)
    }

    fn commit(mut self: Box<Self>, witness: &mut dyn Witness) -> Result<()> {
        self.must_hold("commit")?;
        // MySQL would wait for the locks of children when a parent gets its name.
        let statement = Statement::new(Operation::Commit, None, "unlock");
        self.step(&statement, witness, |unit| unit.session.run_plain("commit", &Plain::unlock()))?;
        self.bring_back(witness)
    }
}

impl Drop for Unit<'_> {
    /// Locks go, and what was rebuilt gets its name: else the store would lack it until the next run. Nothing is destroyed
    /// here, and what fails is done by `tidy`.
    fn drop(&mut self) {
        let _ = self.session.run_plain("lock", &Plain::unlock());
        let names: Vec<String> = self.standing.keys().cloned().collect();
        for name in names {
            let _ = self.take_place(&name);
        }
    }
}

/// A declared link between two tables.
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) child: String,
    pub(crate) columns: Vec<String>,
    pub(crate) referenced: Vec<String>,
}

/// The links that lead to a table, its own to itself too.
pub(crate) fn links_to(session: &mut Session, table: &TableId) -> Result<Vec<Link>> {
    links(session, "REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ?", &table.name)
}

fn links_of(session: &mut Session, table: &TableId) -> Result<Vec<Link>> {
    links(session, "TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL AND TABLE_NAME = ?", &table.name)
}

/// A child in another database counts: its name is then told with the database's.
fn links(session: &mut Session, which: &str, name: &str) -> Result<Vec<Link>> {
    let sql = format!(
        "SELECT CONSTRAINT_NAME, IF(TABLE_SCHEMA = DATABASE(), TABLE_NAME, CONCAT(TABLE_SCHEMA, '.', TABLE_NAME)), \
         COLUMN_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE {which} \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
    );
    let cells =
        session.rows("links", &sql, (name,), |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?)))?;
    let mut found: Vec<Link> = Vec::new();
    for (name, child, column, referenced) in cells {
        match found.last_mut().filter(|link| link.name == name && link.child == child) {
            Some(link) => {
                link.columns.push(column);
                link.referenced.push(referenced);
            }
            None => found.push(Link { name, child, columns: vec![column], referenced: vec![referenced] }),
        }
    }
    Ok(found)
}

/// LOCK TABLES takes views, too, and then locks other tables than we name.
fn must_be_table(session: &mut Session, table: &TableId) -> Result<()> {
    let sql = "SELECT COUNT(*) FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    let here = table.schema.as_ref().is_none_or(|schema| *schema == session.database);
    if here && session.number("lock", sql, (&table.name,))? == 1 {
        return Ok(());
    }
    Err(refused(ErrorKind::NotFound, "lock", "no-such-table").on(table))
}

/// Under `enforce_gtid_consistency` MySQL locks no table without transactions beside one with (1785).
fn named(error: AdapterError) -> AdapterError {
    if error.code.as_deref() == Some("1785") {
        return refused(ErrorKind::Unsafe, "lock", "mixed-engines");
    }
    error
}

/// The servers wait in whole seconds; MySQL at least one.
fn wait_at_most(session: &mut Session, wait_ms: u64) -> Result<()> {
    let seconds = wait_ms.div_ceil(1000).max(u64::from(!session.server.is_mariadb()));
    session.run("lock", "SET SESSION lock_wait_timeout = ?", (seconds,))?;
    session.run("lock", "SET SESSION innodb_lock_wait_timeout = ?", (seconds.max(1),)).map(drop)
}

/// Ends whatever transaction is open: LOCK TABLES would do so silently.
pub(crate) fn leave_snapshot(session: &mut Session) -> Result<()> {
    session.run_plain("lock", &Plain::rollback())?;
    session.snapshot = false;
    Ok(())
}

/// Rows seen one by one as they lie in the table itself, no index asked: a damaged one would tell another number.
fn count_one_by_one(session: &mut Session, table: &TableId) -> Result<u64> {
    let sql = format!("SELECT 1 FROM {} USE INDEX ()", quote(&table.name));
    let mut rows = 0;
    for row in session.connection.exec_iter(&sql, ()).told("count")? {
        row.told("count")?;
        rows += 1;
    }
    Ok(rows)
}

/// Empties a table and makes sure that it is empty.
pub(crate) fn truncate(session: &mut Session, name: &str) -> Result<()> {
    session.run("destroy", &format!("TRUNCATE TABLE {}", quote(name)), ())?;
    let sql = format!("SELECT 1 FROM {} LIMIT 1", quote(name));
    match session.first("destroy", &sql, (), |_| Ok(()))? {
        None => Ok(()),
        Some(()) => Err(refused(ErrorKind::Engine, "destroy", "rows-left")),
    }
}
