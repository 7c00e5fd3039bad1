//! Gathers the rows of a scan into batches, alike for every engine.

use crate::{AdapterError, Batch, Cells, Flow, Result, Row, Scan, TableId, Visit};

/// A batch is handed over early when its values take so many bytes: 1,000 rows of 1 MiB would be a gigabyte.
const BATCH_BYTES: usize = 8 << 20;

/// Gathers rows and hands them over.
pub struct Batches<'a, 'v> {
    table: &'a TableId,
    most: usize,
    batch: Batch,
    rows: u64,
    visit: &'a mut Visit<'v>,
}

impl<'a, 'v> Batches<'a, 'v> {
    /// For one scan.
    pub fn new(scan: &'a Scan, visit: &'a mut Visit<'v>) -> Self {
        let most = scan.batch_rows.max(1);
        Self { table: &scan.table, most, batch: Batch::default(), rows: 0, visit }
    }

    /// One more row.
    ///
    /// # Errors
    /// `Stopped` when the visitor wants no more.
    pub fn push(&mut self, row: &Row) -> Result<()> {
        self.batch.push(row);
        self.pushed()
    }

    /// One more row, whose cells `write` appends in their order.
    ///
    /// # Errors
    /// What `write` says; `Stopped` when the visitor wants no more.
    pub fn write(&mut self, write: impl FnOnce(&mut Cells) -> Result<()>) -> Result<()> {
        self.batch.write(write)?;
        self.pushed()
    }

    fn pushed(&mut self) -> Result<()> {
        self.rows += 1;
        if self.batch.len() >= self.most || self.batch.bytes() >= BATCH_BYTES { self.hand_over() } else { Ok(()) }
    }

    /// Rows so far, those that wait included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The error with which the scan ends that was told to stop from outside.
    #[must_use]
    pub fn stopped(&self) -> AdapterError {
        AdapterError::stopped(self.table)
    }

    fn hand_over(&mut self) -> Result<()> {
        let next = self.batch.next();
        match (self.visit)(std::mem::replace(&mut self.batch, next)) {
            Flow::Continue => Ok(()),
            Flow::Stop => Err(self.stopped()),
        }
    }

    /// Hands over what waits. Returns the number of rows.
    ///
    /// # Errors
    /// `Stopped` when the visitor did not want the last batch.
    pub fn finish(mut self) -> Result<u64> {
        if !self.batch.is_empty() {
            self.hand_over()?;
        }
        Ok(self.rows)
    }
}
