//! The PostgreSQL adapter: reads a database over one connection, and erases tables of one under lock.
//! Reads the store over the wire and, where they can be reached, its files; writes through the eraser only.

#![allow(dead_code, reason = "readers and erasers stand on these; they come next")]

mod address;
mod calendar;
mod cancel;
mod catalog;
mod copy;
mod error;
mod files;
mod info;
mod keys;
mod kin;
mod line;
mod login;
mod marks;
mod passfile;
mod quote;
mod reach;
mod read;
mod sample;
mod scan;
mod service;
mod session;
mod settings;
mod shape;
mod stream;
mod surroundings;
mod tls;
mod triggers;
mod types;
mod values;
mod views;
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
        Ok(Box::new(read::PostgresReader::open(location)?))
    }

    fn open_eraser(&self, location: &Location, _permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        session::connect(location, session::Purpose::Erase)?;
        Err(error::refused(ErrorKind::Unsupported, "open", "erasing"))
    }
}
