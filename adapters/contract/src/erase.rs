//! Destroying. Everything here is behind a permit, and every statement that destroys is announced before it runs.

use crate::{Level, Means, Reader, Result, Row, Scan, TableId, Visit};

/// Shows that an approved plan stands behind the caller. Only `src/steps/erase/mod.rs` makes one; a test keeps it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasePermit {
    plan_sha256: String,
    approvals_sha256: Vec<String>,
}

impl ErasePermit {
    /// A permit granted by a plan and its approvals, each given by its SHA-256 in lower hex.
    #[must_use]
    pub fn granted_by(plan_sha256: &str, approvals_sha256: &[String]) -> Self {
        Self { plan_sha256: plan_sha256.to_owned(), approvals_sha256: approvals_sha256.to_vec() }
    }

    /// The plan's digest, for an adapter that leaves a mark of who acts (application name).
    #[must_use]
    pub fn plan_sha256(&self) -> &str {
        &self.plan_sha256
    }

    /// The approvals' digests.
    #[must_use]
    pub fn approvals_sha256(&self) -> &[String] {
        &self.approvals_sha256
    }
}

/// What a statement does to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Removes all rows of a table.
    Destroy,
    /// Writes a table anew from the rows that a rewrite keeps.
    Rebuild,
    /// Drops the link of a kept table into the unit, as a person decided.
    Cut,
    /// Makes the above durable for the whole unit.
    Commit,
    /// Changes a setting of the server, or restores it.
    Setting,
    /// Rewrites a file, an index or statistics after the fact (VACUUM, optimize, checkpoint, overwrite).
    Scrub,
}

/// One statement that changes the store: what is written to the journal before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it does.
    pub operation: Operation,
    /// The table, when it is about one.
    pub table: Option<TableId>,
    /// A stable word for the technique: `delete-all`, `fts5-delete-all`, `commit`, `vacuum`, `vacuum-into`, `overwrite`…
    pub technique: String,
    /// The setting, when it is about one.
    pub setting: Option<Setting>,
}

impl Statement {
    /// A statement that is about no setting.
    #[must_use]
    pub fn new(operation: Operation, table: Option<&TableId>, technique: &str) -> Self {
        Self { operation, table: table.cloned(), technique: technique.to_owned(), setting: None }
    }

    /// A change of a setting.
    #[must_use]
    pub fn of_setting(technique: &str, setting: &Setting) -> Self {
        Self {
            operation: Operation::Setting,
            table: None,
            technique: technique.to_owned(),
            setting: Some(setting.clone()),
        }
    }
}

/// A setting of the server and how it changes. `None` stands for: not set, the server's own default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as the server knows it.
    pub name: String,
    /// What it was.
    pub old: Option<String>,
    /// What it becomes.
    pub new: Option<String>,
}

impl Setting {
    /// The change that takes this one back.
    #[must_use]
    pub fn back(&self) -> Self {
        Self { name: self.name.clone(), old: self.new.clone(), new: self.old.clone() }
    }
}

/// Before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The statement is about to run. An error means: do not run it.
    Before,
    /// It has run without error.
    After,
}

/// Hears of each statement. The core writes the journal here and syncs it before it returns.
pub trait Witness {
    /// # Errors
    /// Before a statement, an error keeps it from running; the call that announced it returns this error.
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()>;
}

/// Which tables to lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockRequest {
    /// Tables of the unit: nobody else may write them, and in the end nobody may read them.
    pub unit: Vec<TableId>,
    /// Kept tables that are watched with the unit; never changed.
    pub watched: Vec<TableId>,
    /// How long to wait for others.
    pub wait_ms: u64,
}

/// A number of rows, by two routes that must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Rows seen one by one.
    pub by_scan: u64,
    /// The engine's own count, row security off.
    pub by_count: u64,
}

/// Decides about each row of a rebuild: the row to write instead, or `None` to leave it out.
/// The row has all columns in the table's order; generated columns are given and ignored in what comes back.
pub type Rewrite<'a> = dyn FnMut(Row) -> Option<Row> + 'a;

/// Some tables of one store under lock, on one connection. Dropping it without [`LockedUnit::commit`] lets everything
/// that the engine can take back be as it was.
pub trait LockedUnit {
    /// As [`Reader::scan`], on the locked connection.
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64>;

    /// Counts a table by both routes.
    fn count(&mut self, table: &TableId) -> Result<Counted>;

    /// Removes every row of these tables of the unit, and what the engine keeps about them besides (statistics,
    /// sequences). All of them go together: links among them hold nothing up, whatever their order. An engine that can
    /// takes one statement; each table is announced all the same. Cascades never fire, triggers neither: a table with
    /// either is refused as `Unsafe`.
    fn destroy(&mut self, tables: &[TableId], witness: &mut dyn Witness) -> Result<()>;

    /// Drops a declared link of a watched, kept table, by the name of its constraint; its rows stay byte for byte.
    /// `Unsupported` where the engine does not enforce links: there nothing needs to be cut.
    fn cut(&mut self, table: &TableId, constraint: &str, witness: &mut dyn Witness) -> Result<()>;

    /// Writes a table of the unit anew. Returns the number of rows kept.
    fn rebuild(&mut self, table: &TableId, rewrite: &mut Rewrite<'_>, witness: &mut dyn Witness) -> Result<u64>;

    /// Makes it durable and lets the lock go as far as the protocol of the engine allows.
    fn commit(self: Box<Self>, witness: &mut dyn Witness) -> Result<()>;
}

/// What to clean after the units are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrub {
    /// How deep.
    pub level: Level,
    /// What may be touched on the way.
    pub means: Means,
    /// The tables that were destroyed or rebuilt.
    pub tables: Vec<TableId>,
}

/// What cleaning reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrubbed {
    /// What was looked at again afterwards.
    pub reach: crate::Reach,
    /// The techniques that ran, in order.
    pub techniques: Vec<String>,
}

/// A visit that may destroy. It holds the store for itself from [`Eraser::lock`] on, as far as the engine can.
pub trait Eraser: Reader {
    /// Locks a unit. Fails with `Busy` after the wait, with `NotFound` or `Changed` when a table is not what it was.
    fn lock(&mut self, request: &LockRequest) -> Result<Box<dyn LockedUnit + '_>>;

    /// Brings the store to `level` after its units are gone. May be repeated: the end is the same.
    fn scrub(&mut self, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed>;

    /// Removes what an earlier, broken run left behind in the store: shadow tables, fillers, and the settings that it
    /// changed and did not surely restore. `left` names these, as [`crate::settings_left`] finds them.
    fn tidy(&mut self, left: &[Setting], witness: &mut dyn Witness) -> Result<()>;
}
