//! Erasing in memory. Atomic: changes wait in the unit and are published by the commit. Not atomic: each statement
//! takes effect at once, a rebuild through a shadow table that a broken run leaves behind.

use super::database::{SHADOW, check};
use super::faults::{Gap, Point};
use super::visit::{Handle, MemoryVisit, Rows, rows_now};
use lastbell_contract::{
    AdapterError, Counted, Eraser, ErrorKind, Level, LockRequest, LockedUnit, Moment, Operation, Result, Rewrite, Row,
    Scan, Scrub, Scrubbed, Setting, Statement, TableId, Visit, Witness,
};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

impl Eraser for MemoryVisit {
    fn lock(&mut self, request: &LockRequest) -> Result<Box<dyn LockedUnit + '_>> {
        self.handle.gap(Gap::BeforeLock);
        self.handle.pass(&Point::Lock, "lock")?;
        take_locks(&self.handle, request)?;
        let unit = Unit { handle: &mut self.handle, unit: request.unit.clone(), pending: BTreeMap::new() };
        unit.handle.gap(Gap::AfterLock);
        Ok(Box::new(unit))
    }

    fn scrub(&mut self, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
        let reach = self.handle.with("scrub", |database| Ok(database.reach()))?;
        if scrub.level > reach.level {
            return Err(AdapterError::new(ErrorKind::Unsupported, "scrub").code("level"));
        }
        let mut techniques = Vec::new();
        for (level, technique) in [(Level::L1, "rewrite"), (Level::L2, "turn-log"), (Level::L2f, "overwrite")] {
            if level <= scrub.level {
                let statement = statement(Operation::Scrub, None, technique);
                announced(&mut self.handle, &statement, witness, None, |handle| run_scrub(handle, level))?;
                techniques.push(technique.to_owned());
            }
        }
        let reach = self.handle.with("scrub", |database| Ok(database.reach()))?;
        Ok(Scrubbed { reach, techniques })
    }

    fn tidy(&mut self, _: &[Setting], witness: &mut dyn Witness) -> Result<()> {
        self.handle.pass(&Point::Tidy, "tidy")?;
        let shadows = self.handle.with("tidy", |database| {
            let names = database.tables.keys().filter(|id| id.name.starts_with(SHADOW));
            Ok(names.cloned().collect::<Vec<_>>())
        })?;
        for shadow in shadows {
            let statement = statement(Operation::Scrub, Some(&shadow), "drop-shadow");
            announced(&mut self.handle, &statement, witness, None, |handle| {
                handle.with("tidy", |database| {
                    database.tables.remove(&shadow);
                    Ok(())
                })
            })?;
        }
        Ok(())
    }
}

fn run_scrub(handle: &mut Handle, level: Level) -> Result<()> {
    handle.with("scrub", |database| {
        match level {
            Level::L0 => {}
            Level::L1 => database.rewrite_data(),
            Level::L2 | Level::L2f => database.empty_log(),
        }
        Ok(())
    })
}

/// Takes all locks or none, waiting for others no longer than asked.
fn take_locks(handle: &Handle, request: &LockRequest) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(request.wait_ms);
    let wanted: Vec<&TableId> = request.unit.iter().chain(&request.watched).collect();
    let mut world = handle.alive("lock")?;
    loop {
        let database = world.database_mut(&handle.database, "lock")?;
        for table in &wanted {
            database.find(table, "lock")?;
        }
        let Some(held) = wanted.iter().find(|table| database.locks.contains_key(**table)) else { break };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(AdapterError::new(ErrorKind::Busy, "lock").on(held));
        }
        let woken = handle.memory.0.freed.wait_timeout(world, left).unwrap_or_else(PoisonError::into_inner);
        drop(woken);
        world = handle.alive("lock")?; // the engine may have died meanwhile
    }
    let database = world.database_mut(&handle.database, "lock")?;
    database.locks.extend(wanted.into_iter().map(|table| (table.clone(), handle.number)));
    Ok(())
}

/// Runs one statement between its two announcements, past the points where faults strike.
fn announced<T>(
    handle: &mut Handle,
    statement: &Statement,
    witness: &mut dyn Witness,
    gap: Option<Gap>,
    run: impl FnOnce(&mut Handle) -> Result<T>,
) -> Result<T> {
    let word = word(statement.operation);
    let about = |error: AdapterError| match &statement.table {
        Some(table) => error.on(table),
        None => error,
    };
    drop(handle.alive(word)?);
    witness.hear(Moment::Before, statement)?;
    if let Some(gap) = gap {
        handle.gap(gap);
    }
    handle.pass(&Point::Before(statement.operation), word).map_err(about)?;
    handle.pass(&Point::BeforeStatement, word).map_err(about)?;
    let result = run(handle)?;
    handle.pass(&Point::After(statement.operation), word).map_err(about)?;
    handle.pass(&Point::AfterStatement, word).map_err(about)?;
    witness.hear(Moment::After, statement)?;
    Ok(result)
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Destroy => "destroy",
        Operation::Rebuild => "rebuild",
        Operation::Cut => "cut",
        Operation::Commit => "commit",
        Operation::Setting => "setting",
        Operation::Scrub => "scrub",
    }
}

fn statement(operation: Operation, table: Option<&TableId>, technique: &str) -> Statement {
    Statement::new(operation, table, technique)
}

/// Rows that the commit will publish.
type Pending = BTreeMap<TableId, Arc<Vec<Row>>>;

struct Unit<'a> {
    handle: &'a mut Handle,
    unit: Vec<TableId>,
    /// Empty where units are not atomic.
    pending: Pending,
}

impl Unit<'_> {
    /// A table that is not locked may not be read here: MySQL answers 1100 to that.
    fn rows(&self, table: &TableId, operation: &str) -> Result<Rows> {
        let holder = self.handle.number;
        self.handle.with(operation, |database| {
            database.find(table, operation)?;
            match database.locks.get(table) {
                Some(number) if *number == holder => Ok(()),
                Some(_) | None => Err(AdapterError::new(ErrorKind::Unsafe, operation).on(table).code("not-locked")),
            }
        })?;
        match self.pending.get(table) {
            Some(rows) => Ok(Rows { rows: Arc::clone(rows), hidden: 0 }),
            None => rows_now(self.handle, table, operation),
        }
    }

    /// Only tables of the unit, and none whose trigger would fire.
    fn allow(&self, table: &TableId, operation: &str) -> Result<()> {
        let refused = |code: &str| Err(AdapterError::new(ErrorKind::Unsafe, operation).on(table).code(code));
        if !self.unit.contains(table) {
            return refused("not-in-unit");
        }
        let fires = self.handle.with(operation, |database| {
            database.find(table, operation)?;
            Ok(database.fires(table))
        })?;
        if fires { refused("trigger") } else { Ok(()) }
    }
}

/// Refuses to leave only `rows` in a table while an enforced link leads to more.
fn keep_links(handle: &Handle, pending: &Pending, table: &TableId, rows: &[Row], operation: &str) -> Result<()> {
    handle.with(operation, |database| {
        let database = &*database;
        let rows_of = |id: &TableId| match (pending.get(id), database.tables.get(id)) {
            (Some(rows), _) => rows.as_slice(),
            (None, Some(kept)) => kept.rows.as_slice(),
            (None, None) => &[],
        };
        let refused = |code| Err(AdapterError::new(ErrorKind::Unsafe, operation).on(table).code(code));
        database.pulled(table, rows, rows_of).map_or(Ok(()), refused)
    })
}

/// Puts new rows where they belong: into the unit, or into the database at once.
fn put(handle: &mut Handle, pending: &mut Pending, table: &TableId, rows: Vec<Row>) -> Result<()> {
    let rows = Arc::new(rows);
    let atomic = handle.with("destroy", |database| Ok(database.info.capabilities.atomic_units))?;
    if atomic {
        pending.insert(table.clone(), rows);
        return Ok(());
    }
    handle.with("destroy", |database| {
        database.replace(table, rows);
        Ok(())
    })
}

/// Fills a shadow and swaps it in; what stands between the two may break.
fn through_shadow(handle: &mut Handle, table: &TableId, rows: &[Row]) -> Result<()> {
    let shadow = TableId::plain(&format!("{SHADOW}{}", table.name));
    handle.with("rebuild", |database| {
        let own = database.find(table, "rebuild")?;
        let mut copy = own.table.clone();
        copy.id = shadow.clone();
        let kept = super::database::Kept { table: copy, rows: Arc::new(rows.to_vec()), hidden: 0 };
        database.tables.insert(shadow.clone(), kept);
        Ok(())
    })?;
    handle.pass(&Point::MidRebuild, "rebuild").map_err(|error| error.on(table))?;
    handle.with("rebuild", |database| {
        database.tables.remove(&shadow);
        Ok(())
    })
}

impl LockedUnit for Unit<'_> {
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        let rows = self.rows(&scan.table, "scan")?;
        self.handle.hand_over(scan, &|_| Ok(rows.clone()), visit)
    }

    fn count(&mut self, table: &TableId) -> Result<Counted> {
        self.handle.pass(&Point::Count, "count")?;
        let rows = self.rows(table, "count")?;
        Ok(Counted { by_scan: rows.visible() as u64, by_count: rows.rows.len() as u64 })
    }

    fn destroy(&mut self, tables: &[TableId], witness: &mut dyn Witness) -> Result<()> {
        let mut gone = self.pending.clone();
        for table in tables {
            self.allow(table, "destroy")?;
            gone.insert(table.clone(), Arc::new(Vec::new()));
        }
        for table in tables {
            keep_links(self.handle, &gone, table, &[], "destroy")?;
        }
        let (handle, pending) = (&mut *self.handle, &mut self.pending);
        for table in tables {
            let said = statement(Operation::Destroy, Some(table), "delete-all");
            announced(handle, &said, witness, Some(Gap::BeforeDestroy), |handle| {
                put(handle, pending, table, Vec::new())
            })?;
        }
        Ok(())
    }

    fn cut(&mut self, table: &TableId, constraint: &str, witness: &mut dyn Witness) -> Result<()> {
        let (handle, unit) = (&mut *self.handle, &self.unit);
        let said = statement(Operation::Cut, Some(table), "drop-foreign-key");
        announced(handle, &said, witness, None, |handle| {
            let holder = handle.number;
            handle.with("cut", |database| database.cut(table, constraint, unit, holder))
        })
    }

    fn rebuild(&mut self, table: &TableId, rewrite: &mut Rewrite<'_>, witness: &mut dyn Witness) -> Result<u64> {
        self.allow(table, "rebuild")?;
        let atomic = self.handle.with("rebuild", |database| {
            let can = database.info.capabilities;
            if can.rebuilds { Ok(can.atomic_units) } else { Err(AdapterError::new(ErrorKind::Unsupported, "rebuild")) }
        })?;
        let old = self.rows(table, "rebuild")?;
        let (handle, pending) = (&mut *self.handle, &mut self.pending);
        let said = statement(Operation::Rebuild, Some(table), if atomic { "rewrite" } else { "shadow-swap" });
        announced(handle, &said, witness, Some(Gap::BeforeDestroy), |handle| {
            let rows: Vec<Row> = old.rows[..old.visible()].iter().cloned().filter_map(&mut *rewrite).collect();
            handle.with("rebuild", |database| check(&database.find(table, "rebuild")?.table, &rows, "rebuild"))?;
            keep_links(handle, pending, table, &rows, "rebuild")?;
            if !atomic {
                through_shadow(handle, table, &rows)?;
            }
            let kept = rows.len() as u64;
            put(handle, pending, table, rows)?;
            Ok(kept)
        })
    }

    fn commit(mut self: Box<Self>, witness: &mut dyn Witness) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let said = statement(Operation::Commit, None, "commit");
        announced(self.handle, &said, witness, Some(Gap::BeforeCommit), |handle| {
            handle.with("commit", |database| {
                for (table, rows) in pending {
                    database.replace(&table, rows);
                }
                Ok(())
            })
        })
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        self.handle.release();
    }
}
