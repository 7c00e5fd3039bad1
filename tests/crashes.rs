//! Killed anywhere, resumed to the same end: SIGKILL at seeded places and at random times, in every step, and an engine
//! without rollback that dies around each of its statements.
//!
//! The places exist only in a build with the feature `faults`. `LASTBELL_LONG=1` tries as many as the promise names;
//! without it each test takes a seeded sample.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and tells how much it tried")]

#[cfg(feature = "faults")]
mod common;

/// Copies of a prepared case, the program as a process that can be killed, and what the end must look like.
#[cfg(feature = "faults")]
#[path = "crashes/bench.rs"]
mod bench;

/// `erase`, killed at places and at times.
#[cfg(feature = "faults")]
#[path = "crashes/erase.rs"]
mod erase;

/// `verify`, killed while it reads and resumed from what it kept.
#[cfg(feature = "faults")]
#[path = "crashes/reading.rs"]
mod reading;

/// The other steps, and how many places each run must pass.
#[cfg(feature = "faults")]
#[path = "crashes/steps.rs"]
mod steps;

/// An engine without rollback.
#[cfg(feature = "faults")]
#[path = "crashes/memory.rs"]
mod memory;

/// The hook is no part of what is shipped: neither its switch nor its effect.
#[cfg(not(feature = "faults"))]
#[test]
fn a_build_without_the_feature_cannot_be_killed_by_a_variable() {
    let program = env!("CARGO_BIN_EXE_lastbell");
    let bytes = std::fs::read(program).unwrap();
    assert!(!bytes.windows(14).any(|window| window == b"LASTBELL_FAULT"), "the binary does not know the switch");
    let ran = std::process::Command::new(program).arg("--version").env("LASTBELL_FAULT", "1").status().unwrap();
    assert!(ran.success(), "{ran}");
}
