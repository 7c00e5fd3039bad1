//! The adapter for MySQL and MariaDB: reads a database over one read-only connection, and erases one under table locks.
//! Reads the database that the location names, and the server's own tables about it; writes through the eraser only.
//!
//! # What whoever uses this crate must know
//!
//! * **Statements are prepared.** The driver announces multi-statements on every connection, so a text that came from
//!   outside could end one statement and begin another (measured: `select 1; drop table x` drops the table). A prepared
//!   statement is one statement. The few that a server cannot prepare stand in `plain.rs`, made of constants and quoted
//!   names alone. Names are quoted in `quote.rs` and nowhere else; values are parameters.
//! * **One session state**, set by `session.rs` before anything else: UTC, `utf8mb4`, no ANSI quotes, own time limits. A
//!   reader's session is read-only.
//! * **Dropping a result early drains it** in this driver (measured: the whole rest crosses the line), so a stopped scan
//!   kills its own query from a second connection.
//! * **TLS** is on by default for hosts that are not loopback, with the name checked. The driver always trusts Mozilla's
//!   roots besides the authority given by `ssl-ca`: it cannot pin.
//! * **Speed** (MariaDB 10.11, unix socket, rows of six columns): a scan takes 0.36 s of the client's processor for a
//!   million rows, 0.19 s of it in the driver; a client of our own took 0.22 s in all, which the hashing behind it hides.
//! * **MySQL writes JSON in a form of its own** (keys sorted, blanks set), whatever was stored; MariaDB gives it as written.
//! * **L2 turns over what the server reuses** (`turnover.rs`, `fillers.rs`) and looks at what it can look at: the doublewrite
//!   area is read from the disk (`doublewrite.rs`), and while a page of it is what it was, no L2 is claimed.
//! * An error text of the server quotes rows (measured: a duplicate key prints the pupil's number), so only numbers leave.

mod catalog;
mod columns;
mod doublewrite;
mod erase;
mod error;
mod files;
mod fillers;
mod identity;
mod info;
mod logs;
mod mark;
mod mentions;
mod note;
mod open;
mod options;
mod place;
mod plain;
mod quote;
mod reach;
mod read;
mod rebuild;
mod role;
mod sample;
mod scan;
mod scrub;
mod session;
mod settings;
mod shadow;
mod tidy;
mod turnover;
mod unit;
mod values;
mod version;
mod writing;

use lastbell_contract::{Adapter, ErasePermit, Eraser, Location, Reader, Result};

/// The engine. It has no settings: everything is in the location, the option file and the environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mysql;

impl Adapter for Mysql {
    fn scheme(&self) -> &'static str {
        "mysql"
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        Ok(Box::new(read::MysqlReader::new(open::connect(location, session::Purpose::Read)?)))
    }

    fn open_eraser(&self, location: &Location, permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        Ok(Box::new(erase::MysqlEraser::new(open::connect(location, session::Purpose::Erase)?, permit)))
    }
}
