//! What a reader and an eraser answer alike, over one session.

use crate::error::refused;
use crate::session::Session;
use crate::{catalog, files, info, marks, reach, scan};
use lastbell_contract::{
    Canceller, Catalog, ErrorKind, Known, Level, Means, Reach, Reader, Result, Scan, Snapshot, StoreFile, StoreInfo,
    TableId, Visit,
};

/// A session that was opened for reading is the reader itself; an eraser has one inside.
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

    fn clock(&mut self) -> Result<Known<String>> {
        // What RESET would bring back: our own setting came after the connection was made.
        let sql = "SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'";
        Ok(Known::Yes(self.one("clock", sql, &[])?.text(0)?))
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
