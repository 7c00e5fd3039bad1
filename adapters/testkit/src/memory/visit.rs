//! A visit to a database in memory: reading, snapshots, and the points at which planned faults strike.

use super::database::Database;
use super::faults::{Gap, Point, Trouble};
use super::{Memory, World};
use crate::seeded::Seeded;
use lastbell_contract::{
    AdapterError, Batch, Canceller, Catalog, ErrorKind, Flow, Known, Level, Means, Reach, Reader, Result, Row, Scan,
    Snapshot, StoreFile, StoreInfo, TableId, Visit,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};

/// One connection.
pub(super) struct Handle {
    pub(super) memory: Memory,
    pub(super) database: String,
    pub(super) number: u64,
    life: u64,
    cut: bool,
    cancelled: Arc<AtomicBool>,
}

impl Handle {
    pub(super) fn new(memory: Memory, database: &str, number: u64, life: u64) -> Self {
        Self { memory, database: database.to_owned(), number, life, cut: false, cancelled: Arc::default() }
    }

    /// Passes a point: fails when the connection is gone or when a planned fault strikes here.
    pub(super) fn pass(&mut self, point: &Point, operation: &str) -> Result<()> {
        let trouble = self.alive(operation)?.plan.pass(&self.database, point);
        let broken = AdapterError::new(ErrorKind::Unreachable, operation);
        match trouble {
            None => Ok(()),
            Some(Trouble::Fail(kind)) => Err(AdapterError::new(kind, operation).code("planned")),
            Some(Trouble::Cut) => {
                self.cut = true;
                self.release();
                Err(broken)
            }
            Some(Trouble::Die) => {
                self.memory.kill();
                Err(broken)
            }
        }
    }

    /// The engine, if this connection still stands.
    pub(super) fn alive(&self, operation: &str) -> Result<MutexGuard<'_, World>> {
        let world = self.memory.world();
        if self.cut || world.dead || world.life != self.life {
            return Err(AdapterError::new(ErrorKind::Unreachable, operation));
        }
        Ok(world)
    }

    /// Looks at the database, or changes it, at one moment.
    pub(super) fn with<T>(&self, operation: &str, look: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        let mut world = self.alive(operation)?;
        look(world.database_mut(&self.database, operation)?)
    }

    pub(super) fn gap(&self, gap: Gap) {
        self.memory.call_hook(gap);
    }

    /// Lets go of every lock of this connection.
    pub(super) fn release(&self) {
        let mut world = self.memory.world();
        if let Ok(database) = world.database_mut(&self.database, "release") {
            database.locks.retain(|_, holder| *holder != self.number);
        }
        drop(world);
        self.memory.0.freed.notify_all();
    }

    /// Hands rows over in batches. `rows` is asked once per batch, so that an engine without snapshots sees changes.
    pub(super) fn hand_over(
        &mut self,
        scan: &Scan,
        rows: &dyn Fn(&Self) -> Result<Rows>,
        visit: &mut Visit<'_>,
    ) -> Result<u64> {
        let places = self.places(scan)?;
        let order = order(scan, rows(self)?.visible());
        let (mut at, mut handed) = (0, 0);
        loop {
            self.pass(&Point::ScanBatch, "scan").map_err(|error| error.on(&scan.table))?;
            if self.cancelled.swap(false, Ordering::Relaxed) {
                return Err(AdapterError::stopped(&scan.table));
            }
            let now = rows(self)?;
            let next = order.batch(at, scan.batch_rows.max(1), now.visible());
            if next.is_empty() {
                return Ok(handed);
            }
            at += next.len();
            let batch: Batch = next.iter().map(|row| pick(&now.rows[*row], &places)).collect();
            handed += batch.len() as u64;
            match visit(batch) {
                Flow::Continue => {}
                Flow::Stop => return Err(AdapterError::stopped(&scan.table)),
            }
        }
    }

    fn places(&self, scan: &Scan) -> Result<Vec<usize>> {
        self.with("scan", |database| {
            let table = &database.find(&scan.table, "scan")?.table;
            let place = |name: &String| table.columns.iter().position(|column| &column.name == name);
            let missing = || AdapterError::new(ErrorKind::NotFound, "scan").on(&scan.table).code("column");
            scan.columns.iter().map(|name| place(name).ok_or_else(missing)).collect()
        })
    }
}

/// The rows of one table at one moment.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) rows: Arc<Vec<Row>>,
    pub(super) hidden: usize,
}

impl Rows {
    pub(super) fn visible(&self) -> usize {
        self.rows.len().saturating_sub(self.hidden)
    }
}

/// Which rows of a table a scan takes.
enum Order {
    All,
    Chosen(Vec<usize>),
}

impl Order {
    fn batch(&self, at: usize, size: usize, visible: usize) -> Vec<usize> {
        match self {
            Self::All => (at..visible.min(at.saturating_add(size))).collect(),
            Self::Chosen(rows) => rows.iter().copied().skip(at).take(size).filter(|row| *row < visible).collect(),
        }
    }
}

/// A sample is made of eight or so blocks, drawn by the seed and read in the table's order.
fn order(scan: &Scan, visible: usize) -> Order {
    let Some((size, seed)) = scan.sample else { return Order::All };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if visible <= size {
        return Order::All;
    }
    let block = (size / 8).max(1);
    let mut blocks = Seeded::new(seed).draw(size.div_ceil(block), visible / block);
    blocks.sort_unstable();
    let mut rows: Vec<usize> = blocks.into_iter().flat_map(|number| number * block..(number + 1) * block).collect();
    rows.truncate(size);
    Order::Chosen(rows)
}

fn pick(row: &Row, places: &[usize]) -> Row {
    places.iter().map(|place| row[*place].clone()).collect()
}

/// A reader, and with a permit an eraser.
pub(super) struct MemoryVisit {
    pub(super) handle: Handle,
    snapshot: Option<BTreeMap<TableId, Rows>>,
}

impl MemoryVisit {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, snapshot: None }
    }
}

impl Drop for MemoryVisit {
    /// A mark ends with the connection that raised it.
    fn drop(&mut self) {
        let mut world = self.handle.memory.world();
        if let Ok(database) = world.database_mut(&self.handle.database, "close") {
            database.marks.retain(|(by, _)| *by != self.handle.number);
        }
    }
}

/// The rows that are there now.
pub(super) fn rows_now(handle: &Handle, table: &TableId, operation: &str) -> Result<Rows> {
    handle.with(operation, |database| {
        let kept = database.find(table, operation)?;
        Ok(Rows { rows: Arc::clone(&kept.rows), hidden: kept.hidden })
    })
}

impl Reader for MemoryVisit {
    fn info(&mut self) -> Result<StoreInfo> {
        self.handle.pass(&Point::Info, "info")?;
        self.handle.with("info", |database| Ok(database.info.clone()))
    }

    fn catalog(&mut self) -> Result<Catalog> {
        self.handle.pass(&Point::Catalog, "catalog")?;
        self.handle.with("catalog", |database| Ok(database.catalog()))
    }

    fn begin(&mut self) -> Result<Snapshot> {
        self.handle.pass(&Point::Begin, "begin")?;
        let (snapshot, version) = self.handle.with("begin", |database| {
            if !database.info.capabilities.snapshot_reads {
                return Err(AdapterError::new(ErrorKind::Unsupported, "begin"));
            }
            let rows = database
                .tables
                .iter()
                .map(|(id, kept)| (id.clone(), Rows { rows: Arc::clone(&kept.rows), hidden: kept.hidden }));
            Ok((rows.collect(), database.version))
        })?;
        self.snapshot = Some(snapshot);
        Ok(Snapshot { id: format!("version {version}") })
    }

    fn end(&mut self) -> Result<()> {
        self.snapshot = None;
        self.handle.alive("end").map(drop)
    }

    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        let steady = self.handle.with("scan", |database| Ok(database.info.capabilities.snapshot_reads))?;
        let fixed = match &self.snapshot {
            Some(snapshot) => snapshot.get(&scan.table).cloned(),
            None if steady => Some(rows_now(&self.handle, &scan.table, "scan")?),
            None => None,
        };
        let rows = |handle: &Handle| match &fixed {
            Some(rows) => Ok(rows.clone()),
            None => rows_now(handle, &scan.table, "scan"),
        };
        self.handle.hand_over(scan, &rows, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<u64> {
        self.handle.pass(&Point::Count, "count")?;
        let now = rows_now(&self.handle, table, "count")?;
        let seen = self.snapshot.as_ref().and_then(|snapshot| snapshot.get(table)).unwrap_or(&now);
        Ok(seen.rows.len() as u64)
    }

    fn files(&mut self) -> Result<Vec<StoreFile>> {
        self.handle.pass(&Point::Files, "files")?;
        let files = self.handle.with("files", |database| Ok(database.files()))?;
        files.ok_or_else(|| AdapterError::new(ErrorKind::Unsupported, "files"))
    }

    fn reach(&mut self, _wanted: Level, _means: Means) -> Result<Reach> {
        self.handle.pass(&Point::Reach, "reach")?;
        self.handle.with("reach", |database| Ok(database.reach()))
    }

    fn raise_mark(&mut self, mark: &str) -> Result<()> {
        let number = self.handle.number;
        self.handle.with("mark", |database| {
            database.marks.push((number, mark.to_owned()));
            Ok(())
        })
    }

    fn sees_mark(&mut self, mark: &str) -> Result<Known<bool>> {
        let number = self.handle.number;
        let raised = |(by, raised): &(u64, String)| *by != number && raised == mark;
        self.handle.with("mark", |database| Ok(Known::Yes(database.marks.iter().any(raised))))
    }

    fn canceller(&mut self) -> Option<Canceller> {
        let cancelled = Arc::clone(&self.handle.cancelled);
        Some(Box::new(move || cancelled.store(true, Ordering::Relaxed)))
    }
}
