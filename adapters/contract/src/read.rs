//! Reading a store. Nothing here can change a row.

use crate::{
    AdapterError, Batch, Catalog, ErasePermit, Eraser, Known, Level, Location, Means, Reach, Result, StoreFile,
    StoreInfo, TableId, Value,
};

/// One row: a value per column that the scan asked for, in that order.
pub type Row = Vec<Value>;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next batch, please.
    Continue,
    /// No more. The call ends with [`crate::ErrorKind::Stopped`], so that half a table never looks whole.
    Stop,
}

/// What a scan hands its batches to.
pub type Visit<'a> = dyn FnMut(Batch) -> Flow + 'a;

/// Which rows and columns to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The table.
    pub table: TableId,
    /// The columns, in the order wanted.
    pub columns: Vec<String>,
    /// At most so many rows in a batch.
    pub batch_rows: usize,
    /// `Some((rows, seed))`: only a sample of about so many rows, taken in blocks spread over the table; the same store
    /// and seed give the same rows. Tables of at most that size come whole. `None`: every row.
    pub sample: Option<(u64, u64)>,
}

impl Scan {
    /// Every row of a table in batches of 1,000.
    #[must_use]
    pub fn whole(table: &TableId, columns: &[String]) -> Self {
        Self { table: table.clone(), columns: columns.to_vec(), batch_rows: 1000, sample: None }
    }
}

/// The moment at which a snapshot was opened, in the engine's words (LSN, GTID, data version); no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Printed beside each verification.
    pub id: String,
}

/// Ends the statement that runs now.
pub type Canceller = Box<dyn Fn() + Send + Sync>;

/// A read-only visit to a store over one connection.
pub trait Reader: Send {
    /// What the store is.
    fn info(&mut self) -> Result<StoreInfo>;

    /// Its tables and views.
    fn catalog(&mut self) -> Result<Catalog>;

    /// Opens a snapshot that all following scans see; [`crate::ErrorKind::Unsupported`] where the engine has none.
    fn begin(&mut self) -> Result<Snapshot>;

    /// Lets the snapshot go. Without one it does nothing.
    fn end(&mut self) -> Result<()>;

    /// Hands over the rows. Returns how many, counted here. A broken connection is an error, never an end.
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64>;

    /// Counts rows by the engine's own count.
    fn count(&mut self, table: &TableId) -> Result<u64>;

    /// The raw files behind the store; [`crate::ErrorKind::Unsupported`] where they cannot be seen from here.
    fn files(&mut self) -> Result<Vec<StoreFile>>;

    /// How deep this role can go here by these means, and what stands in the way of `wanted`. Changes nothing.
    fn reach(&mut self, wanted: Level, means: Means) -> Result<Reach>;

    /// The zone in which this store itself reads a time that tells none, for whoever connects without saying otherwise:
    /// a name of the IANA list or `±HH:MM`. Only a hint for a draft that a person reads.
    fn clock(&mut self) -> Result<Known<String>> {
        Ok(Known::Unknown("no-clock".to_owned()))
    }

    /// Raises a mark that another connection to the same store sees, until this one ends; it is nothing stored. With it
    /// a store is known again under another address. `mark` is ASCII, at most 32 bytes.
    fn raise_mark(&mut self, mark: &str) -> Result<()>;

    /// Whether another connection has raised this mark on this store. Unknown where only the anchors tell.
    fn sees_mark(&mut self, mark: &str) -> Result<Known<bool>>;

    /// What ends the statement that runs on this connection, called from another thread; the call in progress then fails
    /// as [`crate::ErrorKind::Stopped`]. `None` where no statement can be ended: its batches ask often enough.
    fn canceller(&mut self) -> Option<Canceller>;
}

/// One engine.
pub trait Adapter: Send + Sync {
    /// The URL scheme, such as `sqlite`.
    fn scheme(&self) -> &'static str;

    /// Opens a visit that cannot write.
    ///
    /// # Errors
    /// `NotFound`, `Unreachable`, `Denied`, `Unsupported` (version), `Unsafe` (for instance `hot-journal`: reading would
    /// have to roll back first).
    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>>;

    /// Opens the store for destruction. The permit goes into nothing; it shows that the caller could make one.
    ///
    /// # Errors
    /// As [`Adapter::open_reader`]; besides `Busy` when others use the store, where the engine can tell.
    fn open_eraser(&self, location: &Location, permit: &ErasePermit) -> Result<Box<dyn Eraser>>;
}

/// A helper for adapters: the error with which a scan ends that was told to stop.
impl AdapterError {
    /// [`crate::ErrorKind::Stopped`] in a scan.
    #[must_use]
    pub fn stopped(table: &TableId) -> Self {
        Self::new(crate::ErrorKind::Stopped, "scan").on(table)
    }
}

/// Passes the calls of [`crate::Reader`] on to the session that the type's own `session()` gives.
#[macro_export]
macro_rules! read_through {
    ($name:ty) => {
        impl $crate::Reader for $name {
            fn info(&mut self) -> $crate::Result<$crate::StoreInfo> {
                self.session()?.info()
            }
            fn catalog(&mut self) -> $crate::Result<$crate::Catalog> {
                self.session()?.catalog()
            }
            fn begin(&mut self) -> $crate::Result<$crate::Snapshot> {
                self.session()?.begin()
            }
            fn end(&mut self) -> $crate::Result<()> {
                self.session()?.end()
            }
            fn scan(&mut self, scan: &$crate::Scan, visit: &mut $crate::Visit<'_>) -> $crate::Result<u64> {
                self.session()?.scan(scan, visit)
            }
            fn count(&mut self, table: &$crate::TableId) -> $crate::Result<u64> {
                self.session()?.count(table)
            }
            fn files(&mut self) -> $crate::Result<Vec<$crate::StoreFile>> {
                self.session()?.files()
            }
            fn reach(&mut self, wanted: $crate::Level, means: $crate::Means) -> $crate::Result<$crate::Reach> {
                self.session()?.reach(wanted, means)
            }
            fn raise_mark(&mut self, mark: &str) -> $crate::Result<()> {
                self.session()?.raise_mark(mark)
            }
            fn sees_mark(&mut self, mark: &str) -> $crate::Result<$crate::Known<bool>> {
                self.session()?.sees_mark(mark)
            }
            fn canceller(&mut self) -> Option<$crate::Canceller> {
                self.session().ok()?.canceller()
            }
        }
    };
}
