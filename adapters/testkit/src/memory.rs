//! An engine in memory, for tests of the core and of the suite. It keeps databases by name (`memory:NAME`), excludes
//! writers with real locks, gives snapshots, and breaks exactly where a test says.
//!
//! A database behaves as its [`StoreInfo`] says: switch `capabilities.atomic_units` off with [`Memory::describe`], and
//! every destroy takes effect at once, as on MySQL. Clones of a [`Memory`] are the same engine.

mod database;
mod faults;
mod subject;
mod unit;
mod visit;

pub use faults::{Fault, Gap, Point, Trouble};
pub use subject::MemorySubject;

use crate::setup::{Change, Setup, Written};
use database::Database;
use faults::{Hook, Plan};
use lastbell_contract::{
    Adapter, AdapterError, ErasePermit, Eraser, ErrorKind, FileRole, Location, Precondition, Reader, Result, Row,
    StoreInfo, Table, TableId,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use visit::{Handle, MemoryVisit};

/// Tells engines of one process apart, so that equal names in two of them are two stores.
static ENGINES: AtomicU64 = AtomicU64::new(1);

/// The engine. Cloning gives another handle on the same databases.
#[derive(Clone)]
pub struct Memory(Arc<Shared>);

struct Shared {
    number: u64,
    world: Mutex<World>,
    freed: Condvar,
    hook: Mutex<Option<Hook>>,
}

/// What all visits share.
pub(crate) struct World {
    databases: BTreeMap<String, Database>,
    plan: Plan,
    /// Grows with each death; a visit of an earlier life is cut off for good.
    life: u64,
    dead: bool,
    handles: u64,
}

impl World {
    /// All connections break; locks go with them. What was not committed was never in the databases.
    fn die(&mut self) {
        self.dead = true;
        self.life += 1;
        for database in self.databases.values_mut() {
            database.locks.clear();
            database.marks.clear();
        }
    }

    fn database(&self, name: &str, operation: &str) -> Result<&Database> {
        self.databases.get(name).ok_or_else(|| AdapterError::new(ErrorKind::NotFound, operation))
    }

    fn database_mut(&mut self, name: &str, operation: &str) -> Result<&mut Database> {
        self.databases.get_mut(name).ok_or_else(|| AdapterError::new(ErrorKind::NotFound, operation))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An engine without databases.
    #[must_use]
    pub fn new() -> Self {
        let world = World { databases: BTreeMap::new(), plan: Plan::default(), life: 0, dead: false, handles: 0 };
        Self(Arc::new(Shared {
            number: ENGINES.fetch_add(1, Ordering::Relaxed),
            world: Mutex::new(world),
            freed: Condvar::new(),
            hook: Mutex::new(None),
        }))
    }

    /// An engine with one database.
    #[must_use]
    pub fn with(name: &str, setup: &Setup) -> Self {
        let memory = Self::new();
        memory.create(name, setup);
        memory
    }

    /// Creates a database, in place of one of the same name.
    ///
    /// # Panics
    /// When the setup breaks its own keys: a mistake of the test.
    pub fn create(&self, name: &str, setup: &Setup) -> Location {
        let database = Database::new(&format!("memory:{}/{name}", self.0.number), setup);
        self.world().databases.insert(name.to_owned(), database);
        Self::location(name)
    }

    /// Where a database is, whether it exists or not.
    #[must_use]
    pub fn location(name: &str) -> Location {
        Location { scheme: "memory".to_owned(), rest: name.to_owned() }
    }

    /// Changes what a database says about itself and, with its capabilities, how it behaves: identity, role, last write.
    pub fn describe(&self, name: &str, change: impl FnOnce(&mut StoreInfo)) {
        self.change(name, |database| change(&mut database.info));
    }

    /// Changes what the catalog says of a table: obstacles, triggers, comments, kinds.
    pub fn alter(&self, name: &str, table: &str, change: impl FnOnce(&mut Table)) {
        self.change(name, |database| change(&mut database.kept(table).table));
    }

    /// Sets the conditions that `reach` looks at; the level follows from them.
    pub fn set_preconditions(&self, name: &str, preconditions: Vec<Precondition>) {
        self.change(name, |database| database.preconditions = preconditions);
    }

    /// The last `rows` rows of a table are kept from scans, as by row security; a count still counts them.
    pub fn hide_last_rows(&self, name: &str, table: &str, rows: usize) {
        self.change(name, |database| database.kept(table).hidden = rows);
    }

    /// Puts real files behind a database, in a temporary folder that goes with it: values stay in them until a scrub.
    pub fn with_files(&self, name: &str) {
        self.change(name, Database::open_files);
    }

    /// The bytes of the data file; `None` when the database has no files.
    #[must_use]
    pub fn data_bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.change(name, |database| database.data_bytes())
    }

    /// Puts one more file beside the database's files, such as a forgotten copy. Returns where.
    ///
    /// # Panics
    /// When the database has no files.
    pub fn leave_file(&self, name: &str, file: &str, role: FileRole, bytes: &[u8]) -> PathBuf {
        self.change(name, |database| database.leave_file(file, role, bytes))
    }

    /// The rows of a table as they are now, committed.
    #[must_use]
    pub fn rows(&self, name: &str, table: &str) -> Vec<Row> {
        self.change(name, |database| database.kept(table).rows.to_vec())
    }

    /// Names of all tables, sorted; shadows that a broken rebuild left are among them.
    #[must_use]
    pub fn tables(&self, name: &str) -> Vec<String> {
        self.change(name, |database| database.tables.keys().map(ToString::to_string).collect())
    }

    /// Another connection writes; a lock keeps it out at once, it does not wait.
    pub fn write(&self, name: &str, change: &Change) -> Written {
        self.change(name, |database| {
            if database.locks.contains_key(&TableId::plain(change.table())) {
                return Written::Excluded;
            }
            database.apply(change);
            Written::Done
        })
    }

    /// A change that no lock keeps out, as when somebody restores a file under a running engine.
    pub fn write_despite_locks(&self, name: &str, change: &Change) {
        self.change(name, |database| database.apply(change));
    }

    /// Adds trouble to the plan. It strikes once, at the n-th passing of its point, counted from now.
    pub fn plan(&self, fault: Fault) {
        self.world().plan.add(fault);
    }

    /// Whether every planned fault has struck: a test that plans one and never meets it proves nothing.
    #[must_use]
    pub fn all_struck(&self) -> bool {
        self.world().plan.is_spent()
    }

    /// Ends a death: new visits can be opened; the old ones stay broken. Planned faults stay planned.
    pub fn revive(&self) {
        self.world().dead = false;
    }

    /// Kills every connection now.
    pub fn kill(&self) {
        self.world().die();
        self.0.freed.notify_all();
    }

    /// Calls `hook` in each gap of the lock protocol, outside every lock of this engine, so it may write.
    pub fn on_gap(&self, hook: impl FnMut(Gap) + Send + 'static) {
        *self.0.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Database) -> T) -> T {
        let mut world = self.world();
        change(world.databases.get_mut(name).expect("the test created this database"))
    }

    /// Runs the hook. It is taken out meanwhile, so that a hook that opens visits itself does not call itself.
    fn call_hook(&self, gap: Gap) {
        let taken = self.0.hook.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut hook) = taken {
            hook(gap);
            self.0.hook.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(hook);
        }
    }

    fn open(&self, location: &Location) -> Result<Handle> {
        if location.scheme != "memory" {
            return Err(AdapterError::new(ErrorKind::Unsupported, "open").code("scheme"));
        }
        let mut world = self.world();
        if world.dead {
            return Err(AdapterError::new(ErrorKind::Unreachable, "open"));
        }
        world.database(&location.rest, "open")?;
        world.handles += 1;
        let (number, life) = (world.handles, world.life);
        drop(world);
        let mut handle = Handle::new(self.clone(), &location.rest, number, life);
        handle.pass(&Point::Open, "open")?;
        Ok(handle)
    }
}

impl Adapter for Memory {
    fn scheme(&self) -> &'static str {
        "memory"
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        Ok(Box::new(MemoryVisit::new(self.open(location)?)))
    }

    fn open_eraser(&self, location: &Location, _permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        Ok(Box::new(MemoryVisit::new(self.open(location)?)))
    }
}
