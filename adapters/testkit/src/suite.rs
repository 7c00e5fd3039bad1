//! The promises of the engine contract, one named case each, for every adapter. An engine's test implements
//! [`Subject`] in its own words and asserts the [`Report`]. A case that an engine cannot have (no snapshots, no files)
//! says so in the report; it never counts as kept.

mod erasing;
mod gaps;
mod hostile;
mod reading;
mod rebuilding;
mod rows;
mod shape;
mod stage;
mod store;

use crate::setup::{Change, Setup, Written};
use lastbell_contract::{Adapter, AdapterError, Capabilities, Kind, Location};
use stage::Stage;
use std::fmt::{self, Write};

/// What an engine's test says the engine can do; the suite holds the adapter to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    /// Kinds whose values come back exactly as they were written.
    pub kinds: Vec<Kind>,
    /// The abilities that the adapter must claim; each case then holds it to its own claim.
    pub capabilities: Capabilities,
    /// Text may contain a NUL.
    pub text_with_nul: bool,
    /// How many rounds each gap of the lock protocol is tried.
    pub gap_rounds: u32,
}

/// An engine under test.
pub trait Subject: Sync {
    /// The adapter.
    fn adapter(&self) -> &dyn Adapter;

    /// A store of its own with these tables, views and rows, in the engine's own statements, past the adapter.
    fn fresh(&self, setup: &Setup) -> Location;

    /// An address of the right form at which there is no store; nobody creates one there.
    fn absent(&self) -> Location;

    /// One change by another connection, committed, or kept out by a lock. It must not wait longer than 100 ms for a
    /// lock, must not touch the adapter, and may be called from another thread.
    fn write_beside(&self, location: &Location, change: &Change) -> Written;

    /// What to expect.
    fn expectations(&self) -> Expectations;

    /// Whether anything can be destroyed there. Without it an eraser must be refused as Unsupported, and every promise that
    /// only an eraser can keep does not apply.
    fn erases(&self) -> bool {
        true
    }

    /// Whether the store keeps more about its tables than their names and columns: types, keys, links, triggers, views.
    fn keeps_schema(&self) -> bool {
        true
    }

    /// The store's raw bytes, where it is a file: reading must not change one of them. Asked only while no visit lives,
    /// because closing a file takes away the POSIX locks that the process has on it.
    fn raw_bytes(&self, _location: &Location) -> Option<Vec<u8>> {
        None
    }

    /// Breaks the connection of the next scan on this store after so many batches; `false` where that cannot be done.
    fn cut_next_scan(&self, _location: &Location, _after_batches: u32) -> bool {
        false
    }
}

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The promise was kept.
    Kept,
    /// It was not, and how.
    Broken(String),
    /// The engine does not make this promise, and why.
    DoesNotApply(&'static str),
}

/// Why a case ends early.
pub(crate) enum Ended {
    Broken(String),
    DoesNotApply(&'static str),
}

impl From<AdapterError> for Ended {
    fn from(error: AdapterError) -> Self {
        Self::Broken(format!("failed where it may not: {error}"))
    }
}

pub(crate) type Told = Result<(), Ended>;

/// Ends the case as broken unless the condition holds.
macro_rules! promise {
    ($condition:expr, $($broken:tt)+) => {
        if !$condition {
            return Err($crate::suite::Ended::Broken(format!($($broken)+)));
        }
    };
}
pub(crate) use promise;

/// One promise and how it is tried.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Stage<'_>) -> Told,
}

/// Promises that only an eraser can keep.
fn of_erasers() -> impl Iterator<Item = &'static Case> {
    [erasing::CASES, rebuilding::CASES, gaps::CASES].into_iter().flatten()
}

fn cases() -> impl Iterator<Item = &'static Case> {
    let all: [&'static [Case]; 4] = [store::CASES, shape::CASES, reading::CASES, hostile::CASES];
    all.into_iter().flatten().chain(of_erasers())
}

/// Every case's verdict, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name and verdict.
    pub verdicts: Vec<(&'static str, Verdict)>,
}

impl Report {
    /// The names of the broken promises.
    #[must_use]
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = self.verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Broken(_)));
        broken.map(|(name, _)| *name).collect()
    }

    /// The names of the promises that the engine does not make.
    #[must_use]
    pub fn not_applying(&self) -> Vec<&'static str> {
        let left = self.verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::DoesNotApply(_)));
        left.map(|(name, _)| *name).collect()
    }

    /// # Panics
    /// With every broken promise and how it was broken.
    pub fn assert_all(&self) {
        assert!(self.broken().is_empty(), "\n{self}");
    }
}

impl fmt::Display for Report {
    /// The broken promises first; the rest as figures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = String::new();
        for (name, verdict) in &self.verdicts {
            match verdict {
                Verdict::Kept => {}
                Verdict::Broken(how) => writeln!(f, "BROKEN {name}: {how}")?,
                Verdict::DoesNotApply(why) => writeln!(left, "not promised: {name}: {why}")?,
            }
        }
        write!(f, "{left}{} promises, {} broken", self.verdicts.len(), self.broken().len())
    }
}

/// Names of all promises, in the order in which they are tried.
#[must_use]
pub fn names() -> Vec<&'static str> {
    cases().map(|case| case.name).collect()
}

/// Tries every promise on an engine.
#[must_use]
pub fn run(subject: &dyn Subject) -> Report {
    run_some(subject, &names())
}

/// Tries only the promises of these names.
#[must_use]
pub fn run_some(subject: &dyn Subject, names: &[&str]) -> Report {
    let stage = Stage::new(subject);
    let chosen = cases().filter(|case| names.contains(&case.name));
    let wants_eraser = |case: &Case| of_erasers().any(|one| one.name == case.name);
    let tried = |case: &Case| {
        stage.needs(subject.erases() || !wants_eraser(case), "nothing can be destroyed there")?;
        (case.run)(&stage)
    };
    let verdict = |case: &Case| match tried(case) {
        Ok(()) => Verdict::Kept,
        Err(Ended::Broken(how)) => Verdict::Broken(how),
        Err(Ended::DoesNotApply(why)) => Verdict::DoesNotApply(why),
    };
    Report { verdicts: chosen.map(|case| (case.name, verdict(case))).collect() }
}
