//! What adapters and the core are tested with: an in-memory engine that fails on command, one conformance suite that
//! every adapter runs, mutants that show the suite notices a broken adapter, and throw-away servers. Only tests depend on
//! this crate.

pub mod memory;
pub mod mutants;
pub mod seeded;
pub mod servers;
pub mod setup;
pub mod suite;

pub use memory::{Fault, Gap, Memory, Point, Trouble};
pub use mutants::{Bug, Mutant, MutantSubject};
pub use setup::{Change, ColumnSetup, LinkSetup, Setup, TableSetup, TriggerSetup, ViewSetup, Written};
pub use suite::{Expectations, Report, Subject, run};
