//! The PostgreSQL adapter: reads a database over one connection, and erases tables of one under lock.
//! Reads the store over the wire and, where they can be reached, its files; writes through the eraser only.
//!
//! # What holds while reading
//!
//! * One connection, one statement a call: only the extended protocol is spoken (`session.rs`). The session's settings are
//!   fixed first, and its search path holds PostgreSQL's own names alone, so that neither a role's nor a database's settings
//!   nor a function of the same name changes a value.
//! * Tables come by `COPY … (FORMAT binary)` and are read where they lie in the receive buffer (`copy.rs`): half the client
//!   CPU of the `postgres` crate's iterator, values included (ratio 2.1, 1,000,000 rows; `tests/speed.rs`). The stream has an
//!   end of its own and the server says how many rows it sent; without both the scan is an error.
//! * A visitor's stop is a cancellation, not the reading of the rest; inside a snapshot or a lock it goes back to a savepoint.
//! * Reading takes ACCESS SHARE for the time of a statement, and the moment of a snapshot holds VACUUM back. Listing the
//!   catalog opens no table and waits for no lock.
//! * Types without a value of the contract come as the text of their own output function; unknown ones are refused by name
//!   (`types.rs`). Row security that would hide rows makes a scan fail.
//! * The way leaves the machine under TLS with authority and name checked, unless `sslmode=disable` is said; SCRAM is done
//!   without channel binding.
//!
//! # What holds during destruction
//!
//! * A unit is one READ COMMITTED transaction: SHARE ROW EXCLUSIVE on its tables and the watched ones from the beginning,
//!   ACCESS EXCLUSIVE from the first truncation on. Dropped, it is rolled back, files included.
//! * Tables go by TRUNCATE, all in one statement, never CASCADE, sequences begin again. A rebuild keeps the kept rows in a
//!   temporary table meanwhile (why: `rebuild.rs`), and takes foreign keys off to put them back, checked, by the commit.
//! * `scrub` from L2 on rewrites system tables, resets pg_stat_statements and turns the log over; of the server's settings
//!   it changes `wal_recycle` alone, announced and restored. Log files of the server it never removes, nor large objects.
//! * A restart is never done. What only a restart, a privilege or a person can clear stands in a condition's `unblock`.

mod address;
mod calendar;
mod cancel;
mod catalog;
mod copy;
mod erase;
mod error;
mod files;
mod found;
mod indexes;
mod info;
mod judge;
mod keys;
mod kin;
mod line;
mod links;
mod login;
mod marks;
mod passfile;
mod quote;
mod reach;
mod read;
mod rebuild;
mod sample;
mod scan;
mod scrub;
mod server_log;
mod service;
mod session;
mod settings;
mod shape;
mod snapshots;
mod statistics;
mod stream;
mod surface;
mod surroundings;
mod tidy;
mod tls;
mod triggers;
mod turnover;
mod types;
mod unit;
mod values;
mod views;
mod wire;

use lastbell_contract::{Adapter, ErasePermit, Eraser, Location, Reader, Result};

/// The engine. It has no settings of its own: everything is in the location and in what PostgreSQL's own programs read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postgres;

impl Adapter for Postgres {
    fn scheme(&self) -> &'static str {
        "postgres"
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        Ok(Box::new(session::connect(location, session::Purpose::Read)?))
    }

    fn open_eraser(&self, location: &Location, _permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        Ok(Box::new(erase::PostgresEraser::open(location)?))
    }
}
