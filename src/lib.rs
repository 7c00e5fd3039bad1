//! lastbell takes a retired electronic school diary out of the world: it finds the personal data, proves row by row that
//! the new platform has it, destroys it, looks for what is left on disk, and signs a certificate that an auditor checks
//! without trusting us.
//!
//! The steps in case order, one file each in [`steps`]: init, discover, decide, verify, plan, approve, erase, residue,
//! certify, sign, check, close. Each is a function from artefacts to one artefact in the [`case`] folder.

#[macro_use]
pub mod failure;
#[macro_use]
pub mod steps;

pub mod case;
pub mod category;
pub mod certificate;
pub mod charsets;
pub mod cli;
#[cfg(feature = "sqlite")]
pub mod demo;
pub mod detect;
pub mod engines;
pub mod hex;
pub mod json;
pub mod merkle;
pub mod profile;
pub mod rate;
pub mod residue;
pub mod verify;
pub mod world;
