//! The contract between lastbell and an engine: plain types, three traits, one error.
//!
//! An adapter knows this crate and its driver, nothing else. Every type that crosses the line is owned and free of
//! generics, so that an adapter can later be another process. Reading and erasing are separate traits: to get an
//! [`Eraser`] one must show an [`ErasePermit`], which only the erase step makes from an approved plan.
//!
//! Personal data cannot be printed by accident: `Debug` of a [`Value`] and of a [`Location`] hides the content, and an
//! [`AdapterError`] has no place for a driver's text (PostgreSQL and MariaDB quote the child's row in it: measured).

mod batches;
mod catalog;
mod erase;
mod error;
pub mod packed;
mod read;
mod steps;
mod store;
mod value;

pub use batches::Batches;
pub use catalog::{
    Action, Catalog, Column, ForeignKey, Index, Kind, Obstacle, Table, TableId, TableKind, Trigger, View,
};
pub use erase::{
    Counted, ErasePermit, Eraser, LockRequest, LockedUnit, Moment, Operation, Rewrite, Scrub, Scrubbed, Setting,
    Statement, Witness,
};
pub use error::{AdapterError, ErrorKind, Result};
pub use packed::{Batch, Cells, PackedCell, PackedRow};
pub use read::{Adapter, Canceller, Flow, Reader, Row, Scan, Snapshot, Visit};
pub use steps::{Steps, settings_left};
pub use store::{
    Capabilities, FileRole, Identity, Known, Level, Location, Means, Precondition, Reach, Role, State, StoreFile,
    StoreInfo,
};
pub use value::Value;
