//! The eraser: a session that may write, hands out locked units, scrubs and tidies.

use crate::session::{self, Purpose, Session};
use crate::unit::{Memory, Unit};
use crate::{scrub, tidy};
use lastbell_contract::{
    Canceller, Catalog, Eraser, Known, Level, Location, LockRequest, LockedUnit, Means, Reach, Reader, Result, Scan,
    Scrub, Scrubbed, Setting, Snapshot, StoreFile, StoreInfo, TableId, Visit, Witness,
};

/// A visit that may destroy.
pub(crate) struct PostgresEraser {
    session: Session,
    memory: Memory,
}

impl PostgresEraser {
    /// Over a session that may write.
    pub(crate) fn open(location: &Location) -> Result<Self> {
        Ok(Self { session: session::connect(location, Purpose::Erase)?, memory: Memory::default() })
    }
}

/// As any session; but what the catalog said is remembered, so that a lock can tell whether it still holds.
impl Reader for PostgresEraser {
    fn info(&mut self) -> Result<StoreInfo> {
        self.session.info()
    }

    fn catalog(&mut self) -> Result<Catalog> {
        let catalog = self.session.catalog()?;
        self.memory.known = Some(catalog.clone());
        Ok(catalog)
    }

    fn begin(&mut self) -> Result<Snapshot> {
        self.session.begin()
    }

    fn end(&mut self) -> Result<()> {
        self.session.end()
    }

    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        self.session.scan(scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<u64> {
        self.session.count(table)
    }

    fn files(&mut self) -> Result<Vec<StoreFile>> {
        self.session.files()
    }

    fn reach(&mut self, wanted: Level, means: Means) -> Result<Reach> {
        self.session.reach(wanted, means)
    }

    fn raise_mark(&mut self, mark: &str) -> Result<()> {
        self.session.raise_mark(mark)
    }

    fn sees_mark(&mut self, mark: &str) -> Result<Known<bool>> {
        self.session.sees_mark(mark)
    }

    fn canceller(&mut self) -> Option<Canceller> {
        self.session.canceller()
    }
}

impl Eraser for PostgresEraser {
    fn lock(&mut self, request: &LockRequest) -> Result<Box<dyn LockedUnit + '_>> {
        self.end()?;
        Ok(Box::new(Unit::begin(&mut self.session, &mut self.memory, request)?))
    }

    fn scrub(&mut self, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
        self.end()?;
        self.memory.known = None; // comments on columns are part of it
        scrub::run(&mut self.session, &mut self.memory.replaced, scrub, witness)
    }

    fn tidy(&mut self, left: &[Setting], witness: &mut dyn Witness) -> Result<()> {
        self.end()?;
        tidy::run(&mut self.session, left, witness)
    }
}
