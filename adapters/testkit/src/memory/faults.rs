//! Where the engine in memory breaks, and how: the plan that a test lays.

use lastbell_contract::{ErrorKind, Operation};

/// A place that a call passes. A fault strikes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Opening a reader or an eraser.
    Open,
    /// `info`.
    Info,
    /// `catalog`.
    Catalog,
    /// `begin`.
    Begin,
    /// Before each batch of a scan, and once more at its end: the last one tells «no more rows» from «cut».
    ScanBatch,
    /// `count`.
    Count,
    /// `files`.
    Files,
    /// `reach`.
    Reach,
    /// `lock`, before anything is locked.
    Lock,
    /// `tidy`.
    Tidy,
    /// Between filling a shadow and swapping it in, where units are not atomic.
    MidRebuild,
    /// A statement was announced and has not run.
    Before(Operation),
    /// A statement has run, and nobody was told.
    After(Operation),
    /// As `Before`, of any statement.
    BeforeStatement,
    /// As `After`, of any statement.
    AfterStatement,
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The call fails; the connection lives.
    Fail(ErrorKind),
    /// This connection breaks for good, and its locks go.
    Cut,
    /// Every connection breaks, as when the process is killed, until [`crate::Memory::revive`].
    Die,
}

/// One planned trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Only calls on this database count.
    pub database: String,
    /// Where.
    pub point: Point,
    /// At which passing, from 1.
    pub nth: u32,
    /// What.
    pub trouble: Trouble,
}

impl Fault {
    /// Trouble at the n-th passing of a point.
    #[must_use]
    pub fn new(database: &str, point: Point, nth: u32, trouble: Trouble) -> Self {
        Self { database: database.to_owned(), point, nth, trouble }
    }
}

/// A moment in which somebody else may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// `lock` was called; nothing is locked.
    BeforeLock,
    /// The unit is locked and not yet proved.
    AfterLock,
    /// A destroy or rebuild was announced; it has not run.
    BeforeDestroy,
    /// The commit was announced; it has not run.
    BeforeCommit,
}

pub(super) type Hook = Box<dyn FnMut(Gap) + Send>;

/// The faults that have not struck.
#[derive(Default)]
pub(super) struct Plan(Vec<Fault>);

impl Plan {
    pub(super) fn add(&mut self, fault: Fault) {
        assert!(fault.nth > 0, "passings count from 1");
        self.0.push(fault);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts a passing; the first fault whose number came up strikes and is taken off.
    pub(super) fn pass(&mut self, database: &str, point: &Point) -> Option<Trouble> {
        let mut struck = None;
        for (place, fault) in self.0.iter_mut().enumerate() {
            if fault.database == database && &fault.point == point {
                fault.nth = fault.nth.saturating_sub(1);
                if fault.nth == 0 && struck.is_none() {
                    struck = Some(place);
                }
            }
        }
        struck.map(|place| self.0.remove(place).trouble)
    }
}
