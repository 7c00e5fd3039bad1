//! Bugs of erasing.

use super::reading::{Seen, scan_with};
use super::{Bug, Traces, Wrapped, kind_lost};
use lastbell_contract::{
    AdapterError, Catalog, Counted, Eraser, ErrorKind, Level, LockRequest, LockedUnit, Moment, Operation, Result,
    Rewrite, Row, Scan, Scrub, Scrubbed, Setting, Statement, TableId, Value, Visit, Witness,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Hears nothing.
pub(super) struct Mute;

impl Witness for Mute {
    fn hear(&mut self, _moment: Moment, _statement: &Statement) -> Result<()> {
        Ok(())
    }
}

/// Passes on what it hears, in a wrong manner.
struct Bent<'a> {
    bug: Bug,
    to: &'a mut dyn Witness,
}

impl Witness for Bent<'_> {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()> {
        if matches!(self.bug, Bug::SaysNothing | Bug::SaysAfterwards) {
            return Ok(());
        }
        let heard = self.to.hear(moment, statement);
        if self.bug == Bug::SaysTwice {
            self.to.hear(moment, statement)?;
        }
        let swallowed =
            self.bug == Bug::IgnoresTheWitness || self.bug == Bug::IgnoresTheWitnessAfter && moment == Moment::After;
        if swallowed { Ok(()) } else { heard }
    }
}

fn say(witness: &mut dyn Witness, operation: Operation, table: Option<&TableId>, technique: &str) -> Result<()> {
    let statement = Statement::new(operation, table, technique);
    witness.hear(Moment::Before, &statement)?;
    witness.hear(Moment::After, &statement)
}

impl Eraser for Wrapped<dyn Eraser> {
    fn lock(&mut self, request: &LockRequest) -> Result<Box<dyn LockedUnit + '_>> {
        let catalog = self.inner.catalog()?;
        if self.bug == Bug::DoesNotExclude {
            return Ok(Box::new(Unlocked { eraser: self.inner.as_mut(), request: request.clone() }));
        }
        let asked = change_request(self.bug, request, &catalog);
        let (bug, memory) = (self.bug, Arc::clone(&self.memory));
        let inner = self.inner.lock(&asked).map_err(|error| kind_lost(bug, error))?;
        let mut unit = Bugged {
            inner: Some(inner),
            bug,
            memory,
            request: request.clone(),
            catalog,
            remembered: BTreeMap::new(),
            rebuilt: BTreeSet::new(),
        };
        unit.remember()?;
        Ok(Box::new(unit))
    }

    fn scrub(&mut self, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
        if self.bug == Bug::OnlyAnnouncesScrubs && scrub.level > Level::L0 {
            say(witness, Operation::Scrub, None, "rewrite")?;
            let reach = self.inner.reach(scrub.level, scrub.means)?;
            return Ok(Scrubbed { reach, techniques: vec!["rewrite".to_owned()] });
        }
        let mut done = self.inner.scrub(scrub, &mut Bent { bug: self.bug, to: witness })?;
        if self.bug == Bug::ScrubLies {
            done.techniques.push("burn".to_owned());
        }
        Ok(done)
    }

    fn tidy(&mut self, left: &[Setting], witness: &mut dyn Witness) -> Result<()> {
        if self.bug == Bug::TidiesAlways {
            say(witness, Operation::Scrub, None, "drop-shadow")?;
        }
        self.inner.tidy(left, witness)
    }
}

fn change_request(bug: Bug, request: &LockRequest, catalog: &Catalog) -> LockRequest {
    let mut asked = request.clone();
    if bug == Bug::ForgetsWatched {
        asked.watched.clear();
    }
    if bug == Bug::LocksUnknownTables {
        asked.unit.retain(|table| catalog.table(table).is_some());
        asked.watched.retain(|table| catalog.table(table).is_some());
    }
    if bug == Bug::FiresCascades {
        asked.unit.append(&mut asked.watched);
    }
    if bug == Bug::IgnoresTheUnit {
        asked.watched.clear();
        asked.unit = catalog.tables.iter().map(|table| table.id.clone()).collect();
    }
    asked
}

/// A locked unit with a bug.
struct Bugged<'a> {
    bug: Bug,
    memory: Arc<Traces>,
    request: LockRequest,
    catalog: Catalog,
    remembered: BTreeMap<TableId, Counted>,
    rebuilt: BTreeSet<TableId>,
    inner: Option<Box<dyn LockedUnit + 'a>>,
}

impl<'a> Bugged<'a> {
    fn inner(&mut self) -> &mut (dyn LockedUnit + 'a) {
        self.inner.as_mut().expect("taken only by commit and drop").as_mut()
    }

    fn remember(&mut self) -> Result<()> {
        if self.bug == Bug::CountsFromMemory {
            for table in self.request.unit.clone() {
                let counted = self.inner().count(&table)?;
                self.remembered.insert(table, counted);
            }
        }
        Ok(())
    }

    /// What the bug destroys besides `table`.
    fn besides(&self, table: &TableId) -> Vec<TableId> {
        let mut others = Vec::new();
        if self.bug == Bug::FiresCascades {
            others.extend(self.request.watched.iter().cloned());
        }
        if self.bug == Bug::DestroysANeighbour {
            others.extend(self.request.unit.iter().find(|other| *other != table).cloned());
        }
        others
    }

    fn leads_here(&self, table: &TableId) -> bool {
        self.catalog.tables.iter().flat_map(|child| &child.foreign_keys).any(|link| &link.references == table)
    }
}

/// Lets what is unsafe look done, where that is the bug.
fn swallow<T: Default>(bug: Bug, result: Result<T>) -> Result<T> {
    match result {
        Err(error) if bug == Bug::SwallowsUnsafe && error.kind == ErrorKind::Unsafe => Ok(T::default()),
        other => other,
    }
}

impl LockedUnit for Bugged<'_> {
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        let (bug, memory) = (self.bug, Arc::clone(&self.memory));
        let inner = self.inner();
        scan_with(bug, &memory, &mut |scan, visit| inner.scan(scan, visit), scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<Counted> {
        match self.remembered.get(table) {
            Some(counted) => Ok(*counted),
            None => self.inner().count(table),
        }
    }

    fn destroy(&mut self, tables: &[TableId], witness: &mut dyn Witness) -> Result<()> {
        let bug = self.bug;
        for table in tables {
            if bug == Bug::OnlyAnnounces {
                say(witness, Operation::Destroy, Some(table), "delete-all")?;
            }
            if bug == Bug::RefusesParents && self.leads_here(table) {
                return Err(AdapterError::new(ErrorKind::Unsafe, "destroy").on(table).code("cascade"));
            }
            if bug == Bug::FailsOnEmpty && self.inner().count(table)?.by_scan == 0 {
                return Err(AdapterError::new(ErrorKind::NotFound, "destroy").on(table));
            }
        }
        if bug == Bug::OnlyAnnounces {
            return Ok(());
        }
        let besides: Vec<TableId> = tables.iter().flat_map(|table| self.besides(table)).collect();
        if !besides.is_empty() {
            self.inner().destroy(&besides, &mut Mute)?;
        }
        let going = if bug == Bug::DestroysTheFirstOnly { &tables[..tables.len().min(1)] } else { tables };
        let done = self.inner().destroy(going, &mut Bent { bug, to: witness });
        swallow(bug, done)?;
        if bug == Bug::SaysAfterwards {
            tables.iter().try_for_each(|table| say(witness, Operation::Destroy, Some(table), "delete-all"))?;
        }
        Ok(())
    }

    fn cut(&mut self, table: &TableId, constraint: &str, witness: &mut dyn Witness) -> Result<()> {
        if self.bug == Bug::OnlyAnnounces {
            return say(witness, Operation::Cut, Some(table), "drop-foreign-key");
        }
        if self.bug == Bug::CutsNothing {
            return say(witness, Operation::Cut, Some(table), "drop-foreign-key");
        }
        let links = self.catalog.table(table).map(|table| table.foreign_keys.clone()).unwrap_or_default();
        let others = links.into_iter().filter_map(|link| link.name).filter(|name| name != constraint);
        let bug = self.bug;
        for other in others.filter(|_| bug == Bug::CutsEveryLink) {
            self.inner().cut(table, &other, &mut Mute)?;
        }
        self.inner().cut(table, constraint, &mut Bent { bug, to: witness })
    }

    fn rebuild(&mut self, table: &TableId, rewrite: &mut Rewrite<'_>, witness: &mut dyn Witness) -> Result<u64> {
        let bug = self.bug;
        if bug == Bug::RebuildsOnce && !self.rebuilt.insert(table.clone()) {
            say(witness, Operation::Rebuild, Some(table), "rewrite")?;
            return Ok(self.inner().count(table)?.by_scan);
        }
        for other in self.besides(table) {
            self.inner().rebuild(&other, &mut |_| None, &mut Mute)?;
        }
        let (mut seen, mut last) = (Seen::default(), Vec::new());
        let mut bent = |row: Row| {
            last.clone_from(&row);
            if bug == Bug::RebuildMergesEqualRows && !seen.is_new(&row) {
                rewrite(row);
                return None;
            }
            rewrite_with(bug, rewrite, row)
        };
        let done = self.inner().rebuild(table, &mut bent, &mut Bent { bug, to: witness });
        self.memory.rebuilt.store(true, Ordering::Relaxed);
        swallow(bug, done.map_err(|error| if bug == Bug::LeaksRows { error.code(shown(&last)) } else { error }))
    }

    fn commit(mut self: Box<Self>, witness: &mut dyn Witness) -> Result<()> {
        let bug = self.bug;
        let inner = self.inner.take().expect("taken only by commit and drop");
        if bug == Bug::ForgetsTheCommit {
            drop(inner);
            return say(witness, Operation::Commit, None, "commit");
        }
        inner.commit(&mut Bent { bug, to: witness })
    }
}

fn rewrite_with(bug: Bug, rewrite: &mut Rewrite<'_>, row: Row) -> Option<Row> {
    if bug == Bug::RebuildShowsTwice {
        rewrite(row.clone());
    }
    let written = rewrite(row.clone());
    if bug == Bug::RebuildKeepsAll {
        return written.or(Some(row));
    }
    if bug == Bug::RebuildWritesOld {
        return written.map(|_| row);
    }
    written
}

/// The first text of a row: what a driver's message would have quoted.
fn shown(row: &Row) -> String {
    let text = row.iter().find_map(|value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Null
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Bytes(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::Instant(_)
        | Value::Uuid(_)
        | Value::Json(_)
        | Value::Invalid(..) => None,
    });
    text.unwrap_or_default()
}

impl Drop for Bugged<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take().filter(|_| self.bug == Bug::CommitsOnDrop) {
            // Whether it works is the suite's to see; a drop has nobody to tell.
            let _committed = inner.commit(&mut Mute);
        }
    }
}

/// The unit of an eraser that locks only while a statement runs.
struct Unlocked<'a> {
    eraser: &'a mut dyn Eraser,
    request: LockRequest,
}

impl LockedUnit for Unlocked<'_> {
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        self.eraser.scan(scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<Counted> {
        let rows = self.eraser.count(table)?;
        Ok(Counted { by_scan: rows, by_count: rows })
    }

    fn destroy(&mut self, tables: &[TableId], witness: &mut dyn Witness) -> Result<()> {
        std::thread::sleep(Duration::from_millis(1)); // as long as a real proof takes, for the writer that never stops
        let mut unit = self.eraser.lock(&self.request)?;
        unit.destroy(tables, witness)?;
        unit.commit(&mut Mute)
    }

    fn cut(&mut self, table: &TableId, constraint: &str, witness: &mut dyn Witness) -> Result<()> {
        let mut unit = self.eraser.lock(&self.request)?;
        unit.cut(table, constraint, witness)?;
        unit.commit(&mut Mute)
    }

    fn rebuild(&mut self, table: &TableId, rewrite: &mut Rewrite<'_>, witness: &mut dyn Witness) -> Result<u64> {
        let mut unit = self.eraser.lock(&self.request)?;
        let kept = unit.rebuild(table, rewrite, witness)?;
        unit.commit(&mut Mute)?;
        Ok(kept)
    }

    fn commit(self: Box<Self>, witness: &mut dyn Witness) -> Result<()> {
        say(witness, Operation::Commit, None, "commit")
    }
}
