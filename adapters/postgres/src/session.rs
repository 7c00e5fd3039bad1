//! One session on one server: statements in, rows out. Every statement of this adapter passes here.
//!
//! Only the extended protocol is used, so one call is one statement whatever its text. Values are parameters. The
//! session's settings are fixed at the beginning, so that neither a role nor a database can change what a value looks
//! like or which function a name means.

use crate::cancel::Stopper;
use crate::error::{Fault, Told, refused};
use crate::line::Line;
use crate::login;
use crate::settings::Settings;
use crate::stream::Stream;
use crate::surroundings::Surroundings;
use crate::types::Types;
use crate::wire::Wire;
use lastbell_contract::{AdapterError, ErrorKind, Flow, Location, Result};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Major versions whose catalogs, statements and residue were looked at. Others are refused.
pub(crate) const VERSIONS: RangeInclusive<i64> = 13..=18;

/// What the session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Transactions are read-only.
    Read,
    /// They are not.
    Erase,
}

/// Set for every session. The search path holds the system's names alone, temporary ones last, so that no function,
/// operator or type of the store can stand in for PostgreSQL's.
const FIXED: [(&str, &str); 21] = [
    ("search_path", "pg_catalog, pg_temp"),
    ("application_name", "lastbell"),
    ("standard_conforming_strings", "on"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"), // the shortest text that gives the same bits again
    ("bytea_output", "hex"),
    ("xmlbinary", "base64"),
    ("xmloption", "content"),
    ("lc_monetary", "C"),
    ("lc_messages", "C"),
    ("row_security", "off"), // rows that a policy would hide make the statement fail instead
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_deferrable", "off"),
    ("idle_in_transaction_session_timeout", "0"),
    ("synchronize_seqscans", "off"),
    ("max_parallel_workers_per_gather", "0"), // one visitor, one process
    ("jit", "off"),
    ("tcp_keepalives_idle", "60"),
    ("tcp_keepalives_interval", "10"),
];

/// Settings that only a superuser may touch on some versions are no business of an ordinary session.
const SUPERUSER_ONLY: [&str; 1] = ["lc_messages"];

/// The server as it said itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// `server_version`, such as `15.18 (Debian …)`.
    pub(crate) version: String,
    /// `server_version_num / 10000`.
    pub(crate) major: i64,
    /// The current role is a superuser.
    pub(crate) superuser: bool,
    /// `server_encoding`: `UTF8`, `WIN1251`…
    pub(crate) encoding: String,
}

/// A connection with fixed settings.
pub(crate) struct Session {
    wire: Wire,
    stopper: Stopper,
    /// Who answers.
    pub(crate) server: Server,
    /// A snapshot of ours is open.
    pub(crate) snapshot: bool,
    /// Its types, once somebody asked (`types.rs`).
    pub(crate) types: Option<Arc<Types>>,
    /// The last ReadyForQuery: `I` idle, `T` in a transaction, `E` in a failed one.
    state: u8,
}

/// Connects to the first place that answers.
pub(crate) fn connect(location: &Location, purpose: Purpose) -> Result<Session> {
    let mut failure = refused(ErrorKind::Unreachable, "open", "host-missing");
    for settings in Settings::of(location, &Surroundings::of_this_process())? {
        match visit(&Arc::new(settings), purpose) {
            Ok(session) => return Ok(session),
            // As libpq: another door is tried when this one is not there, not when it refuses us.
            Err(error) if error.kind == ErrorKind::Unreachable => failure = error,
            Err(error) => return Err(error),
        }
    }
    Err(failure)
}

fn visit(settings: &Arc<Settings>, purpose: Purpose) -> Result<Session> {
    let mut wire = Wire::new(Stream::open(settings)?);
    let key = login::log_in(&mut wire, settings)?;
    wire.stream().limit(None).told("open")?;
    let stopper = Stopper::new(Arc::clone(settings), key);
    let server = Server { version: String::new(), major: 0, superuser: false, encoding: String::new() };
    let mut session = Session { wire, stopper, server, snapshot: false, types: None, state: b'I' };
    session.server = session.introduce()?;
    session.settle(settings, purpose)?;
    Ok(session)
}

/// May this version be worked with?
fn judge(product: &str, version_number: i64) -> Result<i64> {
    if !product.starts_with("PostgreSQL ") {
        return Err(refused(ErrorKind::Unsupported, "open", "product"));
    }
    let major = version_number / 10_000;
    if VERSIONS.contains(&major) { Ok(major) } else { Err(refused(ErrorKind::Unsupported, "open", "version")) }
}

impl Session {
    /// Does the connection leave this machine?
    pub(crate) fn is_remote(&self) -> bool {
        self.wire.stream().is_remote()
    }

    fn introduce(&mut self) -> Result<Server> {
        let sql = "SELECT pg_catalog.version(), pg_catalog.current_setting('server_version'), \
                   pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('is_superuser'), \
                   pg_catalog.current_setting('server_encoding')";
        let line = self.one("open", sql, &[])?;
        let major = judge(&line.text(0)?, line.number(2)?)?;
        Ok(Server { version: line.text(1)?, major, superuser: line.text(3)? == "on", encoding: line.text(4)? })
    }

    fn settle(&mut self, settings: &Settings, purpose: Purpose) -> Result<()> {
        let read_only = match purpose {
            Purpose::Read => "on",
            Purpose::Erase => "off",
        };
        let (lock, statement) = (settings.lock_timeout.to_string(), settings.statement_timeout.to_string());
        // A database of no encoding may hold any bytes, and under UTF8 the server would refuse to send them.
        let encoding = if self.server.encoding == "SQL_ASCII" { "SQL_ASCII" } else { "UTF8" };
        let chosen = [
            ("client_encoding", encoding),
            ("default_transaction_read_only", read_only),
            ("lock_timeout", lock.as_str()),
            ("statement_timeout", statement.as_str()),
        ];
        let superuser = self.server.superuser;
        let allowed = |(name, _): &(&str, &str)| superuser || !SUPERUSER_ONLY.contains(name);
        let all: Vec<_> = FIXED.into_iter().filter(allowed).chain(chosen).collect();
        let call = |place: usize| format!("pg_catalog.set_config(${}, ${}, false)", 2 * place + 1, 2 * place + 2);
        let sql = format!("SELECT {}", (0..all.len()).map(call).collect::<Vec<_>>().join(", "));
        let parameters: Vec<&str> = all.iter().flat_map(|(name, value)| [*name, *value]).collect();
        self.query("open", &sql, &parameters).map(drop)
    }

    /// Rows of a question of our own, as text.
    pub(crate) fn query(&mut self, operation: &'static str, sql: &str, parameters: &[&str]) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        let mut take = |body: &[u8]| {
            lines
                .push(Line::parse(operation, body).ok_or_else(|| refused(ErrorKind::Engine, operation, "odd-answer"))?);
            Ok(Flow::Continue)
        };
        self.ask(operation, sql, parameters, Form::Text, &mut take)?;
        Ok(lines)
    }

    /// The only row.
    pub(crate) fn one(&mut self, operation: &'static str, sql: &str, parameters: &[&str]) -> Result<Line> {
        let mut lines = self.query(operation, sql, parameters)?;
        match (lines.pop(), lines.is_empty()) {
            (Some(line), true) => Ok(line),
            (Some(_), false) | (None, _) => Err(refused(ErrorKind::Engine, operation, "odd-answer")),
        }
    }

    /// A statement without rows. Returns how many rows the server says it touched; never a figure for a certificate.
    pub(crate) fn execute(&mut self, operation: &'static str, sql: &str, parameters: &[&str]) -> Result<u64> {
        self.ask(operation, sql, parameters, Form::Text, &mut |_| Ok(Flow::Continue))
    }

    /// Rows in the binary form: the visitor gets the body of each DataRow message, which is laid out as a row of
    /// `COPY … (FORMAT binary)`. [`Flow::Stop`] ends the statement with [`ErrorKind::Stopped`].
    pub(crate) fn stream(
        &mut self,
        operation: &'static str,
        sql: &str,
        parameters: &[&str],
        each: &mut dyn FnMut(&[u8]) -> Result<Flow>,
    ) -> Result<u64> {
        self.ask(operation, sql, parameters, Form::Binary, each)
    }

    /// `COPY … TO STDOUT`: the visitor gets the data of each CopyData message.
    pub(crate) fn copy_out(
        &mut self,
        operation: &'static str,
        sql: &str,
        each: &mut dyn FnMut(&[u8]) -> Result<Flow>,
    ) -> Result<u64> {
        self.ask(operation, sql, &[], Form::Text, each)
    }

    /// `COPY … FROM STDIN`: `feed` appends bytes to what it is given and says whether there is more. Its error, or the
    /// server's, ends the statement, and nothing of it stays.
    pub(crate) fn copy_in(
        &mut self,
        operation: &'static str,
        sql: &str,
        feed: &mut dyn FnMut(&mut Vec<u8>) -> Result<bool>,
    ) -> Result<u64> {
        self.begin(operation, sql, &[], Form::Text)?;
        let mut refusal = self.until_copying(operation)?;
        let mut data = Vec::new();
        let mut more = refusal.is_none();
        while more {
            data.clear();
            match feed(&mut data) {
                Ok(goes_on) => more = goes_on,
                Err(error) => {
                    refusal = Some(error);
                    break;
                }
            }
            if !data.is_empty() {
                self.send_data(operation, &data)?;
            }
        }
        self.end_copy(operation, refusal)
    }

    fn send_data(&mut self, operation: &'static str, data: &[u8]) -> Result<()> {
        let lay = |out: &mut bytes::BytesMut| frontend::CopyData::new(data).map(|data| data.write(out));
        self.wire.say(lay).told(operation)
    }

    /// Waits for CopyInResponse, or for the refusal of the statement.
    fn until_copying(&mut self, operation: &'static str) -> Result<Option<AdapterError>> {
        loop {
            match self.wire.next() {
                Ok(message) if message.tag == b'G' => return Ok(None),
                Ok(message) if message.tag == b'Z' => {
                    self.wire.give_up();
                    return Err(refused(ErrorKind::Engine, operation, "odd-answer"));
                }
                Ok(_) => {}
                Err(fault) if self.wire.is_broken() => return Err(fault.during(operation)),
                Err(fault) => {
                    // The Sync behind the statement was taken already.
                    self.finish(operation, Some(fault.during(operation)), &mut |_| Ok(Flow::Continue))?;
                    return Err(fault.during(operation));
                }
            }
        }
    }

    fn end_copy(&mut self, operation: &'static str, refusal: Option<AdapterError>) -> Result<u64> {
        match refusal {
            None => self.wire.say(|out| {
                frontend::copy_done(out);
                Ok(())
            }),
            Some(_) => self.wire.say(|out| frontend::copy_fail("stopped", out)),
        }
        .told(operation)?;
        self.wire
            .say(|out| {
                frontend::sync(out);
                Ok(())
            })
            .told(operation)?;
        self.wire.flush().told(operation)?;
        self.finish(operation, refusal, &mut |_| Ok(Flow::Continue))
    }

    fn ask(
        &mut self,
        operation: &'static str,
        sql: &str,
        parameters: &[&str],
        form: Form,
        each: &mut dyn FnMut(&[u8]) -> Result<Flow>,
    ) -> Result<u64> {
        self.begin(operation, sql, parameters, form)?;
        self.finish(operation, None, each)
    }

    /// Parse, Bind, Execute, Sync in one go.
    fn begin(&mut self, operation: &'static str, sql: &str, parameters: &[&str], form: Form) -> Result<()> {
        let unsaid = |_| refused(ErrorKind::Unsupported, operation, "statement-text");
        self.wire.say(|out| frontend::parse("", sql, [], out)).map_err(unsaid)?;
        let lay = |out: &mut bytes::BytesMut| {
            let text = |value: &&str, out: &mut bytes::BytesMut| {
                out.extend_from_slice(value.as_bytes());
                Ok(IsNull::No)
            };
            let laid = frontend::bind("", "", [], parameters, text, form.codes(), out);
            laid.map_err(|_| std::io::ErrorKind::InvalidInput)?;
            frontend::execute("", 0, out)?;
            frontend::sync(out);
            Ok(())
        };
        self.wire.say(lay).map_err(unsaid)?;
        self.wire.flush().told(operation)
    }

    /// Reads to ReadyForQuery and gives the rows away. The first error counts; after it the rest is passed over.
    fn finish(
        &mut self,
        operation: &'static str,
        mut failure: Option<AdapterError>,
        each: &mut dyn FnMut(&[u8]) -> Result<Flow>,
    ) -> Result<u64> {
        let mut touched = 0;
        loop {
            let message = match self.wire.next() {
                Ok(message) => message,
                Err(fault) => {
                    failure.get_or_insert(self.refusal(operation, fault));
                    if self.wire.is_broken() {
                        break;
                    }
                    continue;
                }
            };
            match message.tag {
                b'D' | b'd' if failure.is_none() => {
                    failure = match each(self.wire.body(&message)) {
                        Ok(Flow::Continue) => None,
                        Ok(Flow::Stop) => Some(AdapterError::new(ErrorKind::Stopped, operation)),
                        Err(error) => Some(error),
                    };
                    if failure.is_some() {
                        self.interrupt();
                    }
                }
                b'C' => touched = tagged(self.wire.body(&message)),
                b'Z' => {
                    self.state = self.wire.body(&message).first().copied().unwrap_or(b'E');
                    break;
                }
                _ => {} // ParseComplete, BindComplete, descriptions, CopyDone, rows after an error
            }
        }
        failure.map_or(Ok(touched), Err)
    }

    /// A visitor wants no more: the server is told to stop, so that a huge table is not read to its end. When it cannot
    /// be told, the connection is given up.
    fn interrupt(&mut self) {
        if self.stopper.cancel().is_err() {
            self.wire.give_up();
        }
    }

    fn refusal(&self, operation: &'static str, fault: Fault) -> AdapterError {
        if fault.state() == Some(*b"57014") && self.stopper.take() {
            return AdapterError::new(ErrorKind::Stopped, operation);
        }
        fault.during(operation)
    }

    /// Inside a transaction, failed or not.
    pub(crate) fn in_transaction(&self) -> bool {
        self.state != b'I'
    }

    /// The transaction failed: everything but ROLLBACK is refused.
    pub(crate) fn is_failed(&self) -> bool {
        self.state == b'E'
    }

    /// Nothing can be said any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.wire.is_broken()
    }

    /// Was the statement to end? Told once.
    pub(crate) fn was_stopped(&self) -> bool {
        self.stopper.take()
    }

    /// Ends the statement that runs now, from another thread.
    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }
}

impl Drop for Session {
    /// Says good-bye, so that the server does not log a broken connection. It rolls an open transaction back.
    fn drop(&mut self) {
        if !self.wire.is_broken() {
            let said = self.wire.say(|out| {
                frontend::terminate(out);
                Ok(())
            });
            let _ = said.and_then(|()| self.wire.flush());
        }
    }
}

/// In which form the cells of an answer come.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Binary,
}

impl Form {
    fn codes(self) -> [i16; 1] {
        match self {
            Self::Text => [0],
            Self::Binary => [1],
        }
    }
}

/// The number at the end of a CommandComplete tag: `COPY 5`, `INSERT 0 5`, `TRUNCATE TABLE`.
fn tagged(body: &[u8]) -> u64 {
    let tag = std::str::from_utf8(body).unwrap_or_default().trim_end_matches('\0');
    tag.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_that_were_looked_at_are_worked_with() {
        for number in [130_000, 150_018, 180_004] {
            assert_eq!(judge("PostgreSQL 15.18 on x86_64", number).unwrap(), number / 10_000);
        }
        for number in [90_624, 120_022, 190_000, 0] {
            let told = judge("PostgreSQL 9", number).unwrap_err();
            assert_eq!((told.kind, told.code.as_deref()), (ErrorKind::Unsupported, Some("version")));
        }
        assert_eq!(judge("CockroachDB CCL v23", 130_000).unwrap_err().code.as_deref(), Some("product"));
    }

    #[test]
    fn a_tag_tells_a_number() {
        assert_eq!(tagged(b"COPY 17\0"), 17);
        assert_eq!(tagged(b"INSERT 0 5\0"), 5);
        assert_eq!(tagged(b"TRUNCATE TABLE\0"), 0);
    }
}
