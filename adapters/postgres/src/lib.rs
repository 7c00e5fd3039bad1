//! The PostgreSQL adapter: reads a database over one connection, and erases tables of one under lock.
//! Reads the store over the wire and, where they can be reached, its files; writes through the eraser only.

#![allow(dead_code, reason = "readers and erasers stand on these; they come next")]

mod cancel;
mod error;
mod line;
mod login;
mod quote;
mod session;
mod settings;
mod stream;
mod tls;
mod wire;

use lastbell_contract::{Adapter, ErasePermit, Eraser, ErrorKind, Location, Reader, Result};

/// The engine. It has no settings of its own: everything is in the location and in what PostgreSQL's own programs read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postgres;

impl Adapter for Postgres {
    fn scheme(&self) -> &'static str {
        "postgres"
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        session::connect(location, session::Purpose::Read)?;
        Err(error::refused(ErrorKind::Unsupported, "open", "reading"))
    }

    fn open_eraser(&self, location: &Location, _permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        session::connect(location, session::Purpose::Erase)?;
        Err(error::refused(ErrorKind::Unsupported, "open", "erasing"))
    }
}
