//! One connection with the state that this adapter set on it: what reader and eraser share.
//! Statements go through here, prepared, and their errors come back as kinds and numbers.

use crate::error::{Told, odd_answer};
use crate::open;
use crate::plain::Plain;
use crate::settings::Settings;
use crate::version::{self, Server};
use lastbell_contract::Result;
use mysql::prelude::Queryable;
use mysql::{Conn, Params, Row, Value};

/// For which purpose a connection is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// No write of any kind: the server itself refuses one (1792).
    Read,
    /// Everything, without links being checked.
    Erase,
}

/// One open connection.
pub(crate) struct Session {
    /// The driver's connection. Statements belong into the methods here; the bulk reader alone goes past them.
    pub(crate) connection: Conn,
    /// How it was made, for a second one.
    pub(crate) settings: Settings,
    /// Product and version.
    pub(crate) server: Server,
    /// The database that is the store, as the server names it.
    pub(crate) database: String,
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Whether a snapshot is open.
    pub(crate) snapshot: bool,
}

/// Zero and impossible dates are read, and written again by a rebuild, as they are; everything else is strict.
/// `ANSI_QUOTES` and `PAD_CHAR_TO_FULL_LENGTH` are off whatever the server's default is.
const SQL_MODE: &str = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";

/// A day: between two calls people may have to decide, and a slow reader must not lose the line (defaults 8 h, 60 s).
const IDLE_SECONDS: u64 = 86_400;

impl Session {
    /// Judges the server and sets the session.
    pub(crate) fn over(connection: Conn, settings: Settings, purpose: Purpose) -> Result<Self> {
        let server = Server { product: version::Product::MySql, number: (0, 0), text: String::new() };
        let mut session = Self { connection, settings, server, database: String::new(), purpose, snapshot: false };
        session.run("open", "SET NAMES utf8mb4", ())?;
        let said = session.row("open", "SELECT VERSION(), @@version_comment, DATABASE()", (), |row| {
            Ok((row.text(0)?, row.text(1)?, row.text(2)?))
        })?;
        session.server = version::judge(&said.0, &said.1)?;
        session.database = said.2;
        session.set_up()?;
        Ok(session)
    }

    fn set_up(&mut self) -> Result<()> {
        let limits = self.settings.limits;
        self.run("open", "SET SESSION sql_mode = ?", (SQL_MODE,))?;
        self.run("open", "SET SESSION time_zone = '+00:00'", ())?;
        self.run("open", "SET SESSION autocommit = 1", ())?;
        self.run("open", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", ())?;
        for (sql, seconds) in [
            ("SET SESSION lock_wait_timeout = ?", limits.lock),
            ("SET SESSION innodb_lock_wait_timeout = ?", limits.lock),
            ("SET SESSION wait_timeout = ?", IDLE_SECONDS),
            ("SET SESSION net_write_timeout = ?", IDLE_SECONDS),
            ("SET SESSION net_read_timeout = ?", IDLE_SECONDS),
        ] {
            self.run("open", sql, (seconds,))?;
        }
        if self.server.is_mariadb() {
            self.run("open", "SET SESSION max_statement_time = ?", (limits.statement,))?;
        } else {
            self.run("open", "SET SESSION max_execution_time = ?", (limits.statement * 1000,))?;
        }
        if !self.server.is_mariadb() {
            // Else estimates and times of change may be a day old, and asking writes them down.
            self.run("open", "SET SESSION information_schema_stats_expiry = 0", ())?;
        }
        match self.purpose {
            Purpose::Read => self.run("open", "SET SESSION TRANSACTION READ ONLY", ()).map(drop),
            Purpose::Erase => self.run("open", "SET SESSION foreign_key_checks = 0", ()).map(drop),
        }
    }

    /// A further session on the same server, for the same purpose.
    pub(crate) fn another(&self) -> Result<Self> {
        Self::over(open::dial(&self.settings)?, self.settings.clone(), self.purpose)
    }

    /// What ends the statement that runs on this connection, from another one. Where that cannot be opened nothing
    /// happens: the statement then ends by itself.
    #[allow(clippy::disallowed_methods, reason = "only plain.rs makes such a statement")]
    pub(crate) fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let (settings, plain) = (self.settings.clone(), Plain::kill_query(self.connection.connection_id()));
        move || {
            if let Ok(mut beside) = open::dial(&settings) {
                let _ = beside.query_drop(plain.sql());
            }
        }
    }

    /// After a kill that may have come too late for its statement: takes the blow, so that no later one does.
    pub(crate) fn after_kill(&mut self) {
        let _ = self.run("scan", "DO 0", ());
    }

    /// Runs a statement that gives no rows; how many rows it touched.
    pub(crate) fn run(&mut self, operation: &str, sql: &str, parameters: impl Into<Params>) -> Result<u64> {
        let result = self.connection.exec_iter(sql, parameters).told(operation)?;
        let touched = result.affected_rows();
        // A statement like OPTIMIZE answers with rows; they must be taken off the line, and an error among them told.
        for row in result {
            row.told(operation)?;
        }
        Ok(touched)
    }

    /// Runs a statement that no server prepares.
    #[allow(clippy::disallowed_methods, reason = "only plain.rs makes such a statement")]
    pub(crate) fn run_plain(&mut self, operation: &str, statement: &Plain) -> Result<()> {
        self.connection.query_drop(statement.sql()).told(operation)
    }

    /// How many rows a query gives that no server prepares.
    #[allow(clippy::disallowed_methods, reason = "only plain.rs makes such a statement")]
    pub(crate) fn count_plain(&mut self, operation: &str, statement: &Plain) -> Result<u64> {
        let mut rows = 0;
        for row in self.connection.query_iter(statement.sql()).told(operation)? {
            row.told(operation)?;
            rows += 1;
        }
        Ok(rows)
    }

    /// All rows of a query, each turned into a value. For what fits in memory.
    pub(crate) fn rows<T>(
        &mut self,
        operation: &str,
        sql: &str,
        parameters: impl Into<Params>,
        mut turn: impl FnMut(&Cells) -> Result<T>,
    ) -> Result<Vec<T>> {
        let result = self.connection.exec_iter(sql, parameters).told(operation)?;
        result.map(|row| turn(&Cells::new(operation, row.told(operation)?))).collect()
    }

    /// The one row of a query.
    pub(crate) fn row<T>(
        &mut self,
        operation: &str,
        sql: &str,
        parameters: impl Into<Params>,
        turn: impl FnMut(&Cells) -> Result<T>,
    ) -> Result<T> {
        self.first(operation, sql, parameters, turn)?.ok_or_else(|| odd_answer(operation))
    }

    /// The first row of a query, when there is one.
    pub(crate) fn first<T>(
        &mut self,
        operation: &str,
        sql: &str,
        parameters: impl Into<Params>,
        turn: impl FnMut(&Cells) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.rows(operation, sql, parameters, turn)?.into_iter().next())
    }

    /// One number.
    pub(crate) fn number(&mut self, operation: &str, sql: &str, parameters: impl Into<Params>) -> Result<u64> {
        self.row(operation, sql, parameters, |row| row.number(0))
    }

    /// A figure of the server's status; `None` when this server has none of that name.
    pub(crate) fn status(&mut self, operation: &str, name: &str) -> Result<Option<String>> {
        self.first(operation, "SHOW GLOBAL STATUS WHERE Variable_name = ?", (name,), |row| row.text(1))
    }

    /// A variable of the server by its name; `None` when this server has none of that name.
    pub(crate) fn variable(&mut self, operation: &str, name: &str) -> Result<Option<String>> {
        self.first(operation, "SHOW GLOBAL VARIABLES WHERE Variable_name = ?", (name,), |row| row.text(1))
    }
}

/// The cells of one row of a small query.
pub(crate) struct Cells {
    operation: String,
    values: Vec<Value>,
    names: Vec<String>,
}

impl Cells {
    fn new(operation: &str, row: Row) -> Self {
        let names = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
        Self { operation: operation.to_owned(), values: row.unwrap_raw().into_iter().flatten().collect(), names }
    }

    /// Where the column of that name stands; names of SHOW results differ between servers.
    pub(crate) fn at(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known.eq_ignore_ascii_case(name))
    }

    /// The raw cell.
    pub(crate) fn cell(&self, at: usize) -> Result<&Value> {
        self.values.get(at).ok_or_else(|| odd_answer(&self.operation))
    }

    /// Text, or `None` for NULL. Numbers come as their digits.
    pub(crate) fn maybe_text(&self, at: usize) -> Result<Option<String>> {
        match self.cell(at)? {
            Value::NULL => Ok(None),
            Value::Bytes(bytes) => match String::from_utf8(bytes.clone()) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(odd_answer(&self.operation)),
            },
            Value::Int(number) => Ok(Some(number.to_string())),
            Value::UInt(number) => Ok(Some(number.to_string())),
            Value::Float(_) | Value::Double(_) | Value::Date(..) | Value::Time(..) => Err(odd_answer(&self.operation)),
        }
    }

    /// Text that is there.
    pub(crate) fn text(&self, at: usize) -> Result<String> {
        self.maybe_text(at)?.ok_or_else(|| odd_answer(&self.operation))
    }

    /// A number that is not negative, or `None` for NULL.
    pub(crate) fn maybe_number(&self, at: usize) -> Result<Option<u64>> {
        self.maybe_text(at)?.map(|text| text.parse().map_err(|_| odd_answer(&self.operation))).transpose()
    }

    /// A number that is there.
    pub(crate) fn number(&self, at: usize) -> Result<u64> {
        self.maybe_number(at)?.ok_or_else(|| odd_answer(&self.operation))
    }
}
