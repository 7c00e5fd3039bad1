//! One file per step, in case order. A step is a function from artefacts to one artefact; it does not print, ask, look at
//! the clock or read the environment.

#[macro_use]
pub mod outcome;

pub mod session;

pub mod init;
pub mod discover;
pub mod decide;
pub mod doctor;
pub mod proof;
pub mod verify;
pub mod plan;
pub mod plan_check;
pub mod approve;
pub mod erase;
pub mod residue;
pub mod certify;
pub mod sign;
pub mod check;
pub mod close;
pub mod status;
pub mod run;

pub use outcome::{Line, Outcome};
pub use session::Session;
