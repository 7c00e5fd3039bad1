//! The SQLite adapter: reads a database file without changing a byte, and erases one under an exclusive lock.
//! Reads and (through the eraser only) writes one database file and its `-journal`, `-wal` and `-shm`.
//!
//! # What whoever uses this crate must know
//!
//! SQLite locks with POSIX record locks, and these have a trap: **when a process closes any file handle of a file, all
//! its locks on that file are gone**, whoever took them. So while a [`lastbell_contract::Reader`] or
//! [`lastbell_contract::Eraser`] of a store lives, nobody in the same process may open and close the database file or
//! its `-shm` by other means (to hash it, to scan it, through another SQLite library). The visits of this crate keep
//! one shared handle per file and close it last (`visits.rs`), so they may overlap with each other.
//!
//! # What holds during destruction
//!
//! * From [`lastbell_contract::Adapter::open_eraser`] until the eraser is dropped, the connection is in exclusive
//!   locking mode and has taken the EXCLUSIVE lock: no other connection reads or writes in any gap, in WAL mode too.
//! * A unit is one transaction. A store in WAL mode stays so during the unit, because nothing could be announced to the
//!   witness before the unit begins; `scrub` from L2 on leaves WAL mode, announced, and does not restore it: a retired
//!   store needs no concurrent readers. Otherwise the rollback journal is persistent while the eraser lives, so that an
//!   L2f can overwrite it in place, and it is removed by `scrub` and when the eraser is dropped.
//! * An L2f swaps the file: the new one is complete, synced, checked and compared by row counts, and exclusively locked,
//!   *before* one atomic rename puts it in place. The old file then has a name of its own until it is overwritten.
//!   It must be the first scrub after the units: an L1 or L2 gives blocks back that an L2f later cannot reach.
//!   Measured on a raw ext4 device, 20,000 values: none left, from rollback and from WAL mode. What the application's
//!   own journals and logs gave back to the file system earlier is not reached (126 values were left of such a log).
//!   After the swap the eraser's connection can read only; the next lock or scrub opens the file again, and in that
//!   moment alone another process may come in.

mod catalog;
mod erase;
mod error;
mod files;
mod fulltext;
mod open;
mod others;
mod reach;
mod read;
mod rebuild;
mod sample;
mod scrub;
mod session;
mod shape;
mod sidecars;
mod swap;
mod tokens;
mod unit;
mod values;
mod visits;
mod writer;

pub use writer::Writer;

use lastbell_contract::{Adapter, ErasePermit, Eraser, Location, Reader, Result};

/// The engine. It has no settings: everything is in the location.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sqlite;

impl Adapter for Sqlite {
    fn scheme(&self) -> &'static str {
        "sqlite"
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        Ok(Box::new(read::SqliteReader::new(open::for_reading(location)?)))
    }

    fn open_eraser(&self, location: &Location, _permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        Ok(Box::new(erase::SqliteEraser::new(open::for_erasing(location)?)))
    }
}
