//! What a reader and an eraser answer alike, over one session.

use crate::error::refused;
use crate::session::{self, Purpose, Session};
use crate::{catalog, files, info, marks, reach, scan};
use lastbell_contract::{
    Canceller, Catalog, ErrorKind, Known, Level, Location, Means, Reach, Reader, Result, Scan, Snapshot, StoreFile,
    StoreInfo, TableId, Visit,
};

/// A visit that cannot write.
pub(crate) struct PostgresReader {
    session: Session,
}

impl PostgresReader {
    /// Over a session whose transactions are read-only.
    pub(crate) fn open(location: &Location) -> Result<Self> {
        Ok(Self { session: session::connect(location, Purpose::Read)? })
    }

    fn session(&mut self) -> Result<&mut Session> {
        Ok(&mut self.session)
    }
}

/// Passes the calls of [`Reader`] on to the session that the type's own `session()` gives.
macro_rules! read_through {
    ($name:ty) => {
        impl lastbell_contract::Reader for $name {
            fn info(&mut self) -> lastbell_contract::Result<lastbell_contract::StoreInfo> {
                self.session()?.info()
            }
            fn catalog(&mut self) -> lastbell_contract::Result<lastbell_contract::Catalog> {
                self.session()?.catalog()
            }
            fn begin(&mut self) -> lastbell_contract::Result<lastbell_contract::Snapshot> {
                self.session()?.begin()
            }
            fn end(&mut self) -> lastbell_contract::Result<()> {
                self.session()?.end()
            }
            fn scan(
                &mut self,
                scan: &lastbell_contract::Scan,
                visit: &mut lastbell_contract::Visit<'_>,
            ) -> lastbell_contract::Result<u64> {
                self.session()?.scan(scan, visit)
            }
            fn count(&mut self, table: &lastbell_contract::TableId) -> lastbell_contract::Result<u64> {
                self.session()?.count(table)
            }
            fn files(&mut self) -> lastbell_contract::Result<Vec<lastbell_contract::StoreFile>> {
                self.session()?.files()
            }
            fn reach(
                &mut self,
                wanted: lastbell_contract::Level,
                means: lastbell_contract::Means,
            ) -> lastbell_contract::Result<lastbell_contract::Reach> {
                self.session()?.reach(wanted, means)
            }
            fn raise_mark(&mut self, mark: &str) -> lastbell_contract::Result<()> {
                self.session()?.raise_mark(mark)
            }
            fn sees_mark(&mut self, mark: &str) -> lastbell_contract::Result<lastbell_contract::Known<bool>> {
                self.session()?.sees_mark(mark)
            }
            fn canceller(&mut self) -> Option<lastbell_contract::Canceller> {
                self.session().ok()?.canceller()
            }
        }
    };
}
pub(crate) use read_through;

read_through!(PostgresReader);

impl Reader for Session {
    fn info(&mut self) -> Result<StoreInfo> {
        info::read(self)
    }

    fn catalog(&mut self) -> Result<Catalog> {
        catalog::read(self)
    }

    fn begin(&mut self) -> Result<Snapshot> {
        self.end()?;
        if self.in_transaction() {
            return Err(refused(ErrorKind::Unsafe, "begin", "in-transaction")); // a locked unit's, not a snapshot's
        }
        self.execute("begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", &[])?;
        self.snapshot = true;
        // BEGIN alone fixes nothing; the first statement does.
        let id = info::snapshot_id(self);
        if id.is_err() {
            self.end()?;
        }
        Ok(Snapshot { id: id? })
    }

    fn end(&mut self) -> Result<()> {
        if std::mem::take(&mut self.snapshot) {
            self.execute("end", "ROLLBACK", &[])?;
        }
        Ok(())
    }

    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        scan::table(self, scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<u64> {
        scan::count(self, table)
    }

    fn files(&mut self) -> Result<Vec<StoreFile>> {
        files::list(self)
    }

    fn reach(&mut self, wanted: Level, means: Means) -> Result<Reach> {
        reach::before(self, wanted, means)
    }

    fn raise_mark(&mut self, mark: &str) -> Result<()> {
        marks::raise(self, mark)
    }

    fn sees_mark(&mut self, mark: &str) -> Result<Known<bool>> {
        marks::seen(self, mark)
    }

    fn canceller(&mut self) -> Option<Canceller> {
        let stopper = self.stopper();
        Some(Box::new(move || stopper.stop()))
    }
}
