//! Makes new database files for the demonstration and for tests, and changes them. Never a diary: nothing in a case
//! writes by this way.

use crate::error::{Told, refused};
use crate::session::{quote, quote_all};
use crate::values;
use crate::visits::Presence;
use lastbell_contract::{ErrorKind, Result, Row, Value};
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A connection to a database of our own making. The field order is the order of closing.
pub struct Writer {
    connection: Connection,
    _presence: Presence,
}

impl Writer {
    /// A new file, never over an existing one, readable by its owner only.
    ///
    /// # Errors
    /// `Unsafe` (`file-exists`) when something is there; otherwise what the file system or SQLite says.
    pub fn create(path: &Path) -> Result<Self> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).told("create")?;
        Self::open(path)
    }

    /// An existing file, to change it.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Damaged`.
    pub fn open(path: &Path) -> Result<Self> {
        let path: PathBuf = std::fs::canonicalize(path).told("open")?;
        let presence = Presence::at(&path).told("open")?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).told("open")?;
        connection.execute_batch("PRAGMA foreign_keys = OFF; SELECT count(*) FROM sqlite_schema").told("open")?;
        Ok(Self { connection, _presence: presence })
    }

    /// Runs statements without parameters, such as a schema.
    ///
    /// # Errors
    /// What SQLite says, as a number.
    pub fn execute(&mut self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).told("execute")
    }

    /// Runs one statement with parameters; returns the number of rows it changed.
    ///
    /// # Errors
    /// What SQLite says, as a number; `Unsupported` for a value that it cannot hold.
    pub fn execute_with(&mut self, sql: &str, values: &[Value]) -> Result<usize> {
        let mut statement = self.connection.prepare(sql).told("execute")?;
        bind(&mut statement, values)?;
        statement.raw_execute().told("execute")
    }

    /// Adds rows, all or none.
    ///
    /// # Errors
    /// As [`Writer::execute_with`]; `Unsupported` (`row-width`) when a row has not a value for each column.
    pub fn insert(&mut self, table: &str, columns: &[&str], rows: &[Row]) -> Result<()> {
        let names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let places = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({places})", quote(table), quote_all(&names));
        let transaction = self.connection.transaction().told("insert")?;
        {
            let mut statement = transaction.prepare(&sql).told("insert")?;
            for row in rows {
                if row.len() != columns.len() {
                    return Err(refused(ErrorKind::Unsupported, "insert", "row-width"));
                }
                bind(&mut statement, row)?;
                statement.raw_execute().told("insert")?;
            }
        }
        transaction.commit().told("insert")
    }

    /// Closes the file; in WAL mode everything goes into the database.
    ///
    /// # Errors
    /// What SQLite says, as a number.
    pub fn finish(self) -> Result<()> {
        let Self { connection, _presence } = self;
        connection.close().map_err(|(_, error)| error).told("finish")
    }
}

fn bind(statement: &mut rusqlite::Statement<'_>, values: &[Value]) -> Result<()> {
    for (at, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, values::write(value)?).told("bind")?;
    }
    Ok(())
}
