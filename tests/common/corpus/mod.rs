//! Systems of the corpus in a case: what the labels say, databases filled with invented rows, the program over them, and the
//! judge of what is left. For the tests over SQLite alone (`corpus.rs`) and over all pairs of engines (`pairs.rs`).
#![allow(dead_code, reason = "each of the two uses its part")]

/// A database of any engine.
pub(crate) mod database;
/// A system of the corpus: its labels, its rows, the judge.
pub(crate) mod system;
/// The program as a process, over one case.
pub(crate) mod walk;
