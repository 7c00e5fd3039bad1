//! Adapters with one planted bug each, around any adapter. The suite must notice every one: a suite that a broken
//! adapter passes protects nobody. [`bugs::BUGS`] names for each bug the promises that it breaks.

mod bugs;
mod erasing;
mod noticed;
mod reading;

pub use bugs::{BUGS, Bug, KINDS};
pub use noticed::{Excuse, Share, assert_noticed_on};

use crate::setup::{Change, Setup, Written};
use crate::suite::{Expectations, Subject};
use lastbell_contract::{Adapter, AdapterError, ErasePermit, Eraser, ErrorKind, Location, LockRequest, Reader, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// An adapter with a bug.
pub struct Mutant<'a> {
    inner: &'a dyn Adapter,
    bug: Bug,
    memory: Arc<Traces>,
}

/// What a bug remembers across visits.
#[derive(Default)]
struct Traces {
    calls: AtomicU64,
    rebuilt: AtomicBool,
}

impl<'a> Mutant<'a> {
    /// Plants a bug.
    #[must_use]
    pub fn new(inner: &'a dyn Adapter, bug: Bug) -> Self {
        Self { inner, bug, memory: Arc::default() }
    }

    fn wrap<V: ?Sized>(&self, inner: Box<V>) -> Wrapped<V> {
        Wrapped { inner, bug: self.bug, memory: Arc::clone(&self.memory) }
    }
}

/// A visit with a bug.
struct Wrapped<V: ?Sized> {
    bug: Bug,
    memory: Arc<Traces>,
    inner: Box<V>,
}

/// The bug that forgets what kind an error was.
fn kind_lost(bug: Bug, error: AdapterError) -> AdapterError {
    if bug == Bug::LosesErrorKinds { AdapterError { kind: ErrorKind::Engine, ..error } } else { error }
}

/// The bug that writes while it opens a reader: every row of the first table anew.
fn rewrite_first_table(inner: &dyn Adapter, location: &Location, permit: &ErasePermit) -> Result<()> {
    let mut eraser = inner.open_eraser(location, permit)?;
    let Some(first) = eraser.catalog()?.tables.into_iter().next() else { return Ok(()) };
    let request = LockRequest { unit: vec![first.id.clone()], watched: Vec::new(), wait_ms: 100 };
    let mut unit = eraser.lock(&request)?;
    unit.rebuild(&first.id, &mut |row| Some(row), &mut erasing::Mute)?;
    unit.commit(&mut erasing::Mute)
}

impl Adapter for Mutant<'_> {
    fn scheme(&self) -> &'static str {
        self.inner.scheme()
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        if self.bug == Bug::ReaderWrites {
            rewrite_first_table(self.inner, location, &ErasePermit::granted_by("", &[]))?;
        }
        let reader = self.inner.open_reader(location).map_err(|error| kind_lost(self.bug, error))?;
        Ok(Box::new(self.wrap(reader)))
    }

    fn open_eraser(&self, location: &Location, permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        let eraser = self.inner.open_eraser(location, permit).map_err(|error| kind_lost(self.bug, error))?;
        Ok(Box::new(self.wrap(eraser)))
    }
}

/// A subject whose adapter has a bug; all else is the subject's own.
pub struct MutantSubject<'a> {
    subject: &'a dyn Subject,
    mutant: Mutant<'a>,
}

impl<'a> MutantSubject<'a> {
    /// Plants a bug in a subject's adapter.
    #[must_use]
    pub fn new(subject: &'a dyn Subject, bug: Bug) -> Self {
        Self { subject, mutant: Mutant::new(subject.adapter(), bug) }
    }
}

impl Subject for MutantSubject<'_> {
    fn adapter(&self) -> &dyn Adapter {
        &self.mutant
    }

    fn fresh(&self, setup: &Setup) -> Location {
        self.subject.fresh(setup)
    }

    fn absent(&self) -> Location {
        self.subject.absent()
    }

    fn write_beside(&self, location: &Location, change: &Change) -> Written {
        self.subject.write_beside(location, change)
    }

    fn expectations(&self) -> Expectations {
        self.subject.expectations()
    }

    fn erases(&self) -> bool {
        self.subject.erases()
    }

    fn keeps_schema(&self) -> bool {
        self.subject.keeps_schema()
    }

    fn raw_bytes(&self, location: &Location) -> Option<Vec<u8>> {
        self.subject.raw_bytes(location)
    }

    fn cut_next_scan(&self, location: &Location, after_batches: u32) -> bool {
        self.subject.cut_next_scan(location, after_batches)
    }
}
