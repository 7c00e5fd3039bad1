//! A locked unit: one READ COMMITTED transaction in which tables are locked, proved, truncated or refilled, committed.
//!
//! A snapshot taken before the lock would hide what others committed while we waited, so each statement takes its own.
//! SHARE ROW EXCLUSIVE keeps every writer out and lets readers in until the first table is truncated; from then on it is
//! ACCESS EXCLUSIVE. All is taken back by a ROLLBACK, the files too.

use crate::catalog;
use crate::error::{About, refused};
use crate::found::{Found, find};
use crate::judge::{Way, judge, refuse_event_triggers};
use crate::links::{self, Link};
use crate::rebuild;
use crate::scan;
use crate::session::Session;
use lastbell_contract::{
    AdapterError, Catalog, Counted, ErrorKind, Flow, LockRequest, LockedUnit, Moment, Operation, Result, Rewrite, Scan,
    Statement, TableId, Visit, Witness,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What a transaction of ours must not inherit from a role, a database or the server. `local` is durable here and does
/// not wait for a standby that may be gone.
const OPENING: [&str; 6] = [
    "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE",
    "SET LOCAL synchronous_commit TO local",
    "SET LOCAL statement_timeout TO 0",
    "SET LOCAL temp_tablespaces TO ''",
    "SET LOCAL default_tablespace TO ''",
    "SET CONSTRAINTS ALL IMMEDIATE",
];

/// Numbers of the files that hold tables since their rows went, by table.
pub(crate) type Replaced = BTreeMap<TableId, BTreeSet<i64>>;

/// What a visit remembers from one unit to the next.
#[derive(Default)]
pub(crate) struct Memory {
    /// The catalog as the core has it.
    pub(crate) known: Option<Catalog>,
    /// Files of tables that were destroyed or rebuilt.
    pub(crate) replaced: Replaced,
}

/// Some tables under lock.
pub(crate) struct Unit<'a> {
    session: &'a mut Session,
    memory: &'a mut Memory,
    unit: Vec<TableId>,
    watched: Vec<TableId>,
    wait: Duration,
    open: bool,
    /// Files at the moment of the lock.
    before: Replaced,
    /// Tables that were truncated here and not filled again.
    emptied: BTreeSet<TableId>,
    /// Files at the moment after the rows went.
    after: Replaced,
    /// Links to be put back.
    loose: Vec<Link>,
}

impl<'a> Unit<'a> {
    /// Begins the transaction, takes the lock, looks at the tables again.
    pub(crate) fn begin(session: &'a mut Session, memory: &'a mut Memory, request: &LockRequest) -> Result<Self> {
        let mut unit = Self {
            session,
            memory,
            unit: request.unit.clone(),
            watched: request.watched.clone(),
            wait: Duration::from_millis(request.wait_ms.max(1)), // 0 would wait for ever
            open: true,
            before: Replaced::new(),
            emptied: BTreeSet::new(),
            after: Replaced::new(),
            loose: Vec::new(),
        }; // from here on dropping rolls back
        if unit.session.one("lock", "SELECT pg_is_in_recovery()", &[])?.flag(0)? {
            return Err(refused(ErrorKind::Denied, "lock", "in-recovery"));
        }
        for sql in OPENING {
            unit.session.execute("lock", sql, &[])?;
        }
        if unit.session.server.major >= 17 {
            unit.session.execute("lock", "SET LOCAL transaction_timeout TO 0", &[])?;
        }
        unit.lock_all(request)?;
        unit.compare_columns()?;
        Ok(unit)
    }

    /// In the order of their numbers, so that two of us cannot wait for each other.
    fn lock_all(&mut self, request: &LockRequest) -> Result<()> {
        let until = Instant::now() + self.wait;
        let mut tables = Vec::new();
        for table in request.unit.iter().chain(&request.watched) {
            let found = find(self.session, "lock", table)?;
            found.must_be_here("lock")?;
            tables.push(found);
        }
        tables.sort_by_key(|found| found.oid);
        tables.dedup();
        for found in &tables {
            self.lock_one(found, "SHARE ROW EXCLUSIVE", until)?;
            // Renamed or dropped while we waited: the lock is on another table than the one that was asked for.
            if find(self.session, "lock", &found.id)?.oid != found.oid {
                return Err(refused(ErrorKind::Changed, "lock", "table-replaced").on(&found.id));
            }
        }
        for found in tables.iter().filter(|found| request.unit.contains(&found.id)) {
            // Partitions may have come before the lock; none comes now.
            let found = find(self.session, "lock", &found.id)?;
            let files = found.files(self.session, "lock")?;
            self.before.insert(found.id, files);
        }
        Ok(())
    }

    /// A column that came between the last look at the catalog and the lock holds what nobody will prove.
    fn compare_columns(&mut self) -> Result<()> {
        let Some(known) = self.memory.known.take() else { return Ok(()) };
        let now = catalog::read(self.session)?;
        for table in self.unit.iter().chain(&self.watched) {
            let columns = |catalog: &Catalog| catalog.table(table).map(|found| found.columns.clone());
            if columns(&known).is_some_and(|before| Some(before) != columns(&now)) {
                return Err(refused(ErrorKind::Changed, "lock", "columns").on(table));
            }
        }
        self.memory.known = Some(known);
        Ok(())
    }

    fn lock_one(&mut self, found: &Found, mode: &str, until: Instant) -> Result<()> {
        let left = until.saturating_duration_since(Instant::now()).as_millis().max(1).to_string();
        self.session.query("lock", "SELECT set_config('lock_timeout', $1, true)", &[&left])?;
        let sql = format!("LOCK TABLE {} IN {mode} MODE", found.alone());
        self.session.execute("lock", &sql, &[]).map(drop).about(&found.id)
    }

    fn check_open(&self, operation: &'static str) -> Result<()> {
        let whole = self.open && !self.session.is_failed();
        if whole { Ok(()) } else { Err(refused(ErrorKind::Unsafe, operation, "unit-broken")) }
    }

    /// The table, when it is of the unit and nothing forbids destroying it.
    fn judged(&mut self, operation: &'static str, table: &TableId, way: Way) -> Result<Found> {
        self.check_open(operation)?;
        if !self.unit.contains(table) {
            return Err(refused(ErrorKind::Unsafe, operation, "not-in-unit").on(table));
        }
        let found = find(self.session, operation, table)?;
        judge(self.session, operation, &found, way)?;
        Ok(found)
    }

    /// Announces, works, announces. A failure in between takes the whole unit back: the server does so, too.
    fn step<T>(
        &mut self,
        statements: &[Statement],
        witness: &mut dyn Witness,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        for statement in statements {
            witness.hear(Moment::Before, statement)?;
        }
        let done = work(self).inspect_err(|_| self.roll_back())?;
        for statement in statements {
            witness.hear(Moment::After, statement)?;
        }
        Ok(done)
    }

    /// ACCESS EXCLUSIVE on what is about to go. Only readers can hold it up by now.
    fn exclude_readers(&mut self, tables: &[Found]) -> Result<()> {
        let until = Instant::now() + self.wait;
        tables.iter().try_for_each(|found| self.lock_one(found, "ACCESS EXCLUSIVE", until))
    }

    /// A kept table's link would have to cascade, or to lead nowhere.
    fn refuse_kept_links(&mut self, found: &Found) -> Result<()> {
        let declared = links::into(self.session, "destroy", found)?;
        let loose = self.loose.iter().filter(|link| link.leads_into(found));
        match declared.iter().chain(loose).find(|link| !self.unit.contains(&link.of)) {
            Some(link) => {
                let code = format!("referenced-by:{}", link.of);
                Err(refused(ErrorKind::Unsafe, "destroy", &code).on(&found.id))
            }
            None => Ok(()),
        }
    }

    /// Links of the unit's own tables are taken off where they would hold a truncation up. Returns what must be named in
    /// the statement besides.
    fn free(&mut self, tables: &[Found]) -> Result<Vec<Found>> {
        let mut besides = Vec::new();
        for found in tables {
            for link in links::into(self.session, "destroy", found)? {
                if tables.iter().any(|other| other.id == link.of) {
                    continue;
                }
                if self.emptied.contains(&link.of) {
                    besides.push(find(self.session, "destroy", &link.of)?); // empty: once more does no harm
                } else {
                    self.loosen(link)?;
                }
            }
        }
        Ok(besides)
    }

    /// Takes a link off until the commit.
    pub(crate) fn loosen(&mut self, link: Link) -> Result<()> {
        refuse_event_triggers(self.session, "destroy")?;
        link.loosen(self.session, "destroy")?;
        self.loose.push(link);
        Ok(())
    }

    fn truncate(&mut self, tables: &[Found]) -> Result<()> {
        self.exclude_readers(tables)?;
        let besides = self.free(tables)?;
        let names: BTreeSet<String> = tables.iter().chain(&besides).map(Found::alone).collect();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        // RESTRICT is the default; the word makes plain that nothing else goes.
        self.session.execute("destroy", &format!("TRUNCATE TABLE {names} RESTART IDENTITY RESTRICT"), &[])?;
        for found in tables {
            self.check_replaced(found)?;
            self.forget_statistics(found)?;
            self.emptied.insert(found.id.clone());
        }
        Ok(())
    }

    /// The rows' old files are none of the table's files any more. After the commit the server cuts and unlinks them.
    pub(crate) fn check_replaced(&mut self, found: &Found) -> Result<()> {
        let files = found.files(self.session, "destroy")?;
        if self.before.get(&found.id).is_none_or(|before| before.is_disjoint(&files)) {
            self.after.insert(found.id.clone(), files);
            return Ok(());
        }
        Err(refused(ErrorKind::Engine, "destroy", "files-kept").on(&found.id))
    }

    /// Most common values and histograms repeat rows. Only a superuser may take them out; from others they go with
    /// ANALYZE where rows are left, else they stay and are told by the level.
    pub(crate) fn forget_statistics(&mut self, found: &Found) -> Result<()> {
        if self.session.server.superuser {
            crate::statistics::forget(self.session, "destroy", &found.tree)?;
        }
        Ok(())
    }

    fn tie_all(&mut self) -> Result<()> {
        std::mem::take(&mut self.loose).iter().try_for_each(|link| link.tie(self.session, "commit"))
    }

    fn roll_back(&mut self) {
        if std::mem::take(&mut self.open) && self.session.in_transaction() {
            // A connection that is gone has rolled back by itself.
            let _ = self.session.execute("lock", "ROLLBACK", &[]);
        }
    }

    /// One connection, one transaction.
    pub(crate) fn session(&mut self) -> &mut Session {
        self.session
    }

    /// A table that was emptied has rows again.
    fn refilled(&mut self, table: &TableId) {
        self.emptied.remove(table);
    }
}

impl LockedUnit for Unit<'_> {
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        self.check_open("scan")?;
        scan::table(self.session, scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<Counted> {
        self.check_open("count")?;
        count(self.session, table)
    }

    fn destroy(&mut self, tables: &[TableId], witness: &mut dyn Witness) -> Result<()> {
        let mut all = Vec::new();
        for table in tables {
            let found = self.judged("destroy", table, Way::Empty)?;
            self.refuse_kept_links(&found)?;
            all.push(found);
        }
        if all.is_empty() {
            return Ok(());
        }
        let say = |table: &TableId| Statement::new(Operation::Destroy, Some(table), "truncate");
        let statements: Vec<Statement> = tables.iter().map(say).collect();
        self.step(&statements, witness, |unit| unit.truncate(&all))
    }

    fn cut(&mut self, table: &TableId, constraint: &str, witness: &mut dyn Witness) -> Result<()> {
        self.check_open("cut")?;
        if !self.watched.contains(table) || self.unit.contains(table) {
            return Err(refused(ErrorKind::Unsafe, "cut", "not-watched").on(table));
        }
        let link = self.link_into_unit(table, constraint)?;
        refuse_event_triggers(self.session, "cut")?;
        let statement = Statement::new(Operation::Cut, Some(table), "drop-foreign-key");
        self.step(&[statement], witness, |unit| link.drop_it(unit.session, "cut"))
    }

    fn rebuild(&mut self, table: &TableId, rewrite: &mut Rewrite<'_>, witness: &mut dyn Witness) -> Result<u64> {
        let found = self.judged("rebuild", table, Way::Refill)?;
        let statement = Statement::new(Operation::Rebuild, Some(table), "truncate-refill");
        self.step(&[statement], witness, |unit| {
            unit.exclude_readers(std::slice::from_ref(&found))?;
            let kept = rebuild::run(unit, &found, rewrite).about(table)?;
            unit.check_replaced(&found)?;
            unit.refilled(table);
            Ok(kept)
        })
    }

    fn commit(mut self: Box<Self>, witness: &mut dyn Witness) -> Result<()> {
        self.check_open("commit")?;
        let statement = Statement::new(Operation::Commit, None, "commit");
        self.step(&[statement], witness, |unit| {
            unit.tie_all()?;
            unit.session.execute("commit", "COMMIT", &[])?;
            unit.open = false;
            unit.memory.replaced.append(&mut unit.after);
            Ok(())
        })
    }
}

impl Unit<'_> {
    fn link_into_unit(&mut self, table: &TableId, constraint: &str) -> Result<Link> {
        for parent in self.unit.clone() {
            let parent = find(self.session, "cut", &parent)?;
            let declared = links::into(self.session, "cut", &parent)?;
            if let Some(link) = declared.into_iter().find(|link| link.of == *table && link.name == constraint) {
                return Ok(link);
            }
        }
        Err(refused(ErrorKind::NotFound, "cut", "42704").on(table))
    }

    /// Is a table of the unit, which may lead nowhere until the commit?
    pub(crate) fn has(&self, table: &TableId) -> bool {
        self.unit.contains(table)
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        self.roll_back();
    }
}

/// Rows seen one by one, without an index; and the server's own count.
fn count(session: &mut Session, table: &TableId) -> Result<Counted> {
    let found = find(session, "count", table)?;
    let name = found.alone();
    let mut by_scan = 0;
    // COPY of a query whose plan can be nothing but a scan of the heap: no column is asked for, no index is allowed.
    session.query("count", "SELECT set_config('enable_indexonlyscan', 'off', true)", &[])?;
    session
        .stream("count", &format!("SELECT FROM {name}"), &[], &mut |_| {
            by_scan += 1;
            Ok(Flow::Continue)
        })
        .about(table)?;
    session.query("count", "SELECT set_config('enable_indexonlyscan', 'on', true)", &[])?;
    let by_count = session.one("count", &format!("SELECT count(*) FROM {name}"), &[]).about(table)?.number(0)?;
    let by_count = u64::try_from(by_count).map_err(|_| AdapterError::new(ErrorKind::Damaged, "count"))?;
    Ok(Counted { by_scan, by_count })
}
