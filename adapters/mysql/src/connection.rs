//! Statements over the wire: prepared ones with their parameters, and the few constant texts of `plain.rs`. Rows come
//! one by one, as the server sends them; what was not read is read away before the next statement.

use crate::cell::{self, Shape};
use crate::fault::{Fault, Heard};
use crate::login;
use crate::plain::Plain;
use crate::settings::Settings;
use crate::wire::Wire;
use mysql_common::packets::{ComStmtExecuteRequestBuilder, ComStmtSendLongData};
use mysql_common::params::Params;
use mysql_common::proto::MySerialize;
use mysql_common::value::Value;
use std::sync::Arc;

const QUIT: u8 = 0x01;
const QUERY: u8 = 0x03;
const PREPARE: u8 = 0x16;
const CLOSE: u8 = 0x19;

const OK: u8 = 0x00;
const FILE_WANTED: u8 = 0xfb;
const END: u8 = 0xfe;

/// An end is shorter than any row that could begin like it.
const END_BYTES: usize = 9;

/// SERVER_MORE_RESULTS_EXISTS: we send one statement at a time and call no procedure.
const MORE_RESULTS: u16 = 8;

/// Statements kept prepared: a rebuild runs the same INSERT for each row.
const KEPT: usize = 16;

/// A piece of a long parameter, within one packet with its head.
const LONG_PIECE_BYTES: usize = (16 << 20) - 64;

/// A statement that the server has prepared.
#[derive(Clone, Copy, Debug)]
struct Prepared {
    id: u32,
    parameters: usize,
}

/// An open connection.
pub(crate) struct Connection {
    wire: Wire,
    id: u32,
    kept: Vec<(String, Prepared)>,
    affected: u64,
    columns: Arc<[Shape]>,
    reading: bool,
}

impl Connection {
    /// Opens one by the settings.
    pub(crate) fn open(settings: &Settings) -> Heard<Self> {
        let (wire, id) = login::log_in(settings)?;
        Ok(Self { wire, id, kept: Vec::new(), affected: 0, columns: Arc::new([]), reading: false })
    }

    /// The number that the server gave it.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// How many rows the last statement touched.
    pub(crate) fn affected(&self) -> u64 {
        self.affected
    }

    /// The columns of the rows that are coming.
    pub(crate) fn columns(&self) -> Arc<[Shape]> {
        Arc::clone(&self.columns)
    }

    /// Runs a prepared statement; its rows are read by [`Connection::row`].
    pub(crate) fn execute(&mut self, sql: &str, parameters: Params) -> Heard<()> {
        self.rest()?;
        let values = match parameters {
            Params::Empty => Vec::new(),
            Params::Positional(values) => values,
            Params::Named(_) => return Err(Fault::Own("driver")),
        };
        let statement = self.prepared(sql)?;
        if statement.parameters != values.len() {
            return Err(Fault::Own("driver"));
        }
        let (request, in_pieces) = ComStmtExecuteRequestBuilder::new(statement.id).build(&values);
        if in_pieces {
            self.send_long(statement.id, &values)?;
        }
        let mut bytes = Vec::new();
        request.serialize(&mut bytes);
        self.wire.begin();
        self.wire.send(&bytes)?;
        self.answer()
    }

    /// Runs a constant text.
    pub(crate) fn text(&mut self, statement: &Plain) -> Heard<()> {
        self.rest()?;
        self.command(QUERY, statement.sql().as_bytes())?;
        self.answer()?;
        self.rest()
    }

    /// The next row's packet, or nothing at the end. A broken line and a refusal in the middle are errors.
    pub(crate) fn row(&mut self) -> Heard<Option<&[u8]>> {
        if !self.reading {
            return Ok(None);
        }
        // Whatever goes wrong now, no row follows it.
        self.reading = false;
        let packet = self.wire.next()?;
        if packet.first() != Some(&END) || packet.len() >= END_BYTES {
            self.reading = true;
            return Ok(Some(packet));
        }
        let status = packet.get(3..5).and_then(|status| status.try_into().ok()).map(u16::from_le_bytes);
        match status {
            Some(status) if status & MORE_RESULTS == 0 => Ok(None),
            Some(_) | None => Err(Fault::Protocol),
        }
    }

    /// Reads away what is left of an answer.
    pub(crate) fn rest(&mut self) -> Heard<()> {
        while self.row()?.is_some() {}
        Ok(())
    }

    fn command(&mut self, command: u8, body: &[u8]) -> Heard<()> {
        self.wire.begin();
        self.wire.send(&[&[command], body].concat())
    }

    fn prepared(&mut self, sql: &str) -> Heard<Prepared> {
        if let Some(at) = self.kept.iter().position(|(known, _)| known == sql) {
            let known = self.kept.remove(at);
            let statement = known.1;
            self.kept.push(known);
            return Ok(statement);
        }
        self.command(PREPARE, sql.as_bytes())?;
        let statement = self.prepare_answer()?;
        if self.kept.len() == KEPT {
            let (_, oldest) = self.kept.remove(0);
            self.command(CLOSE, &oldest.id.to_le_bytes())?;
        }
        self.kept.push((sql.to_owned(), statement));
        Ok(statement)
    }

    /// `0x00`, number, columns, parameters; then the descriptions of parameters and columns, each list with an end.
    fn prepare_answer(&mut self) -> Heard<Prepared> {
        let head: [u8; 9] = self.wire.next()?.get(..9).and_then(|head| head.try_into().ok()).ok_or(Fault::Protocol)?;
        if head[0] != OK {
            return Err(Fault::Protocol);
        }
        let [columns, parameters] = [[head[5], head[6]], [head[7], head[8]]].map(u16::from_le_bytes);
        for described in [parameters, columns].into_iter().filter(|count| *count > 0) {
            for _ in 0..described {
                self.wire.next()?;
            }
            self.end_of_list()?;
        }
        Ok(Prepared { id: u32::from_le_bytes([head[1], head[2], head[3], head[4]]), parameters: parameters.into() })
    }

    fn end_of_list(&mut self) -> Heard<()> {
        let packet = self.wire.next()?;
        if packet.first() == Some(&END) && packet.len() < END_BYTES { Ok(()) } else { Err(Fault::Protocol) }
    }

    fn send_long(&mut self, statement: u32, values: &[Value]) -> Heard<()> {
        for (value, at) in values.iter().zip(0_u16..) {
            let Value::Bytes(bytes) = value else { continue };
            for piece in bytes.chunks(LONG_PIECE_BYTES).chain(bytes.is_empty().then_some(&[][..])) {
                let mut packet = Vec::with_capacity(piece.len() + 16);
                ComStmtSendLongData::new(statement, at, piece).serialize(&mut packet);
                self.wire.begin();
                self.wire.send(&packet)?;
            }
        }
        Ok(())
    }

    /// An end without rows, or the columns of rows to come.
    fn answer(&mut self) -> Heard<()> {
        let packet = self.wire.next()?;
        match packet.first() {
            Some(&OK) => {
                let mut rest = &packet[1..];
                let affected = cell::number(&mut rest).ok_or(Fault::Protocol)?;
                cell::number(&mut rest).ok_or(Fault::Protocol)?;
                let status = rest.get(..2).and_then(|status| status.try_into().ok()).map(u16::from_le_bytes);
                self.affected = affected;
                self.columns = Arc::new([]);
                if status.is_some_and(|status| status & MORE_RESULTS == 0) { Ok(()) } else { Err(Fault::Protocol) }
            }
            // We said that we give no files, so no honest server asks.
            Some(&FILE_WANTED) | None => Err(Fault::Protocol),
            Some(_) => {
                let count = cell::number(&mut &*packet).ok_or(Fault::Protocol)?;
                let mut columns = Vec::new();
                for _ in 0..count {
                    columns.push(cell::shape(self.wire.next()?).ok_or(Fault::Protocol)?);
                }
                self.end_of_list()?;
                self.affected = 0;
                self.columns = columns.into();
                self.reading = true;
                Ok(())
            }
        }
    }
}

impl Drop for Connection {
    /// In the middle of an answer the server finds the line closed soon enough.
    fn drop(&mut self) {
        if !self.reading {
            let _ = self.command(QUIT, &[]);
        }
    }
}
