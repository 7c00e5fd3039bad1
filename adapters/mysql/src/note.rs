//! What must be known of a table while its shadow stands in for it: its name, its links, and from which moment it may be
//! gone. Kept in a table of our own with one row, because after a kill nothing else in the store knows it.

use crate::error::refused;
use crate::mark::{Mark, Role};
use crate::quote::quote;
use crate::rebuild::drop_table;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Result};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The table's own name.
    pub(crate) table: String,
    /// Its links, one item of a definition each, with commas.
    pub(crate) links: String,
    /// When the table was made, as the server tells it; told only once the table may be dropped. A table of that name made
    /// at another moment is not the one that was to go.
    pub(crate) doomed: Option<String>,
}

impl Note {
    /// Writes it down.
    pub(crate) fn keep(&self, session: &mut Session, mark: &Mark, number: u32) -> Result<()> {
        let name = quote(&mark.name(number, Role::Note));
        let create = format!(
            "CREATE TABLE {name} (own_name TEXT NOT NULL, links LONGTEXT NOT NULL, doomed TEXT) ENGINE=InnoDB \
             DEFAULT CHARSET=utf8mb4"
        );
        session.run("rebuild", &create, ())?;
        session.run("rebuild", &format!("INSERT INTO {name} VALUES (?, ?, NULL)"), (&self.table, &self.links)).map(drop)
    }

    /// From now on the table may be gone.
    pub(crate) fn doom(session: &mut Session, mark: &Mark, number: u32, made: &str) -> Result<()> {
        let name = quote(&mark.name(number, Role::Note));
        session.run("rebuild", &format!("UPDATE {name} SET doomed = ?"), (made,)).map(drop)
    }

    /// Reads one; nothing when there is none of that number or it was never written.
    pub(crate) fn read(session: &mut Session, mark: &Mark, number: u32) -> Result<Option<Self>> {
        let sql = format!("SELECT own_name, links, doomed FROM {}", quote(&mark.name(number, Role::Note)));
        let read = session.first("tidy", &sql, (), |row| {
            Ok(Self { table: row.text(0)?, links: row.text(1)?, doomed: row.maybe_text(2)? })
        });
        match read {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            other => other,
        }
    }

    /// Forgets it.
    pub(crate) fn drop(session: &mut Session, operation: &str, mark: &Mark, number: u32) -> Result<()> {
        drop_table(session, operation, &mark.name(number, Role::Note))
    }
}

/// When a table was made; nothing when there is none of that name.
pub(crate) fn made(session: &mut Session, name: &str) -> Result<Option<String>> {
    let sql = "SELECT COALESCE(CAST(CREATE_TIME AS CHAR), '-') FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?";
    session.first("rebuild", sql, (name,), |row| row.text(0))
}

/// The shadow of that number takes the table's place: it gets links and name in one statement.
pub(crate) fn take_place(session: &mut Session, operation: &str, shadow: &str, note: &Note) -> Result<()> {
    if made(session, &note.table)?.is_some() {
        return Err(refused(ErrorKind::Unsafe, operation, "name-taken"));
    }
    let name = quote(&note.table);
    let sql = format!("ALTER TABLE {} {}RENAME TO {name}", quote(shadow), note.links);
    session.run(operation, &sql, ()).map(drop)
}
