//! What adapters and the core are tested with: an in-memory engine that fails on command, one conformance suite that
//! every adapter runs, mutants that show the suite notices a broken adapter, throw-away servers, and the independent scanner
//! of their files. Only tests depend on this crate.

pub mod memory;
pub mod mutants;
pub mod scanner;
pub mod seeded;
pub mod servers;
pub mod setup;
pub mod suite;

pub use memory::{Fault, Gap, Memory, Point, Trouble};
pub use mutants::{Bug, Mutant, MutantSubject};
pub use setup::{Change, ColumnSetup, LinkSetup, Setup, TableSetup, TriggerSetup, ViewSetup, Written};
pub use suite::{Expectations, Report, Subject, run};
