//! One file per step, in case order. A step is a function from artefacts to one artefact; it does not print, ask, look at
//! the clock or read the environment.

#[macro_use]
pub mod outcome;

pub mod session;

pub mod approve;
pub mod certify;
pub mod check;
pub mod close;
pub mod decide;
pub mod digest;
pub mod discover;
pub mod doctor;
pub mod erase;
pub mod explain;
pub mod export;
pub mod init;
pub mod kept;
pub mod plan;
pub mod plan_check;
pub mod profiles_check;
pub mod proof;
pub mod residue;
pub mod run;
pub mod show;
pub mod sign;
pub mod status;
pub mod target_age;
pub mod verify;
pub mod visit;

pub use outcome::{Line, Outcome};
pub use session::Session;
