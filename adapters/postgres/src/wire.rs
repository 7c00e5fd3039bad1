//! The messages of PostgreSQL's protocol 3.0 over one stream: framing, buffers, the server's error codes.
//! Reads and writes the stream; knows no SQL. What the client says is laid out by `postgres-protocol`; what the server
//! says is read here, because the bulk of it is rows and these must not be copied (see `copy.rs`).
//! Message formats: PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats".

use crate::error::{Fault, SqlState};
use crate::stream::Stream;
use bytes::BytesMut;
use std::io::{self, Read, Write};
use std::ops::Range;

type Heard<T> = std::result::Result<T, Fault>;

/// One read takes so much; a row that is longer makes the buffer grow.
const INBOX_BYTES: usize = 128 * 1024;

/// What the client says is sent when so much has gathered.
const OUTBOX_BYTES: usize = 64 * 1024;

/// A message takes a length of 31 bits; a row of the server cannot be longer than 1 GiB.
const MESSAGE_BYTES_MAX: usize = 0x7fff_ffff;

/// Where in the inbox a message lies.
pub(crate) struct Message {
    /// The server's letter for it.
    pub(crate) tag: u8,
    body: Range<usize>,
}

/// A stream with its buffers.
pub(crate) struct Wire {
    stream: Stream,
    inbox: Vec<u8>,
    read: usize,
    filled: usize,
    outbox: BytesMut,
    broken: bool,
}

impl Wire {
    pub(crate) fn new(stream: Stream) -> Self {
        let inbox = vec![0; INBOX_BYTES];
        Self { stream, inbox, read: 0, filled: 0, outbox: BytesMut::new(), broken: false }
    }

    /// Nothing can be said any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Gives the connection up: what comes next cannot be told apart from what came before.
    pub(crate) fn give_up(&mut self) {
        self.broken = true;
        self.stream.close();
    }

    /// The stream, for the address of a cancellation.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Adds a message; `lay` writes it into the outbox.
    pub(crate) fn say(&mut self, lay: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Heard<()> {
        lay(&mut self.outbox).map_err(|_| Fault::Protocol("statement-text"))?;
        if self.outbox.len() >= OUTBOX_BYTES { self.flush() } else { Ok(()) }
    }

    /// Sends what was said.
    pub(crate) fn flush(&mut self) -> Heard<()> {
        if self.broken {
            return Err(Fault::Gone("lost"));
        }
        let sent = self.stream.write_all(&self.outbox).and_then(|()| self.stream.flush());
        self.outbox.clear();
        sent.map_err(|_| self.lost())
    }

    /// The next message that matters: notices, notifications and changed parameters are passed over, and an error of
    /// the server becomes a fault. A fatal one ends the connection.
    pub(crate) fn next(&mut self) -> Heard<Message> {
        loop {
            let message = self.any()?;
            match message.tag {
                b'N' | b'S' | b'A' => {}
                b'E' => return Err(self.refusal(&message)),
                _ => return Ok(message),
            }
        }
    }

    /// The bytes of a message; valid until the next one is asked for.
    pub(crate) fn body(&self, message: &Message) -> &[u8] {
        &self.inbox[message.body.clone()]
    }

    fn any(&mut self) -> Heard<Message> {
        self.fill(5)?;
        let head = &self.inbox[self.read..self.read + 5];
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let tag = head[0];
        if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
            self.give_up();
            return Err(Fault::Protocol("odd-answer"));
        }
        self.fill(1 + length)?;
        let start = self.read + 5;
        self.read += 1 + length;
        Ok(Message { tag, body: start..self.read })
    }

    /// Makes sure that so many bytes lie ahead.
    fn fill(&mut self, wanted: usize) -> Heard<()> {
        if self.filled - self.read >= wanted {
            return Ok(());
        }
        if self.broken {
            return Err(Fault::Gone("lost"));
        }
        self.inbox.copy_within(self.read..self.filled, 0);
        (self.read, self.filled) = (0, self.filled - self.read);
        if self.inbox.len() < wanted {
            self.inbox.resize(wanted.next_power_of_two(), 0);
        } else if wanted <= INBOX_BYTES && self.filled < INBOX_BYTES && self.inbox.len() > INBOX_BYTES {
            self.inbox.truncate(INBOX_BYTES); // a long row has passed
            self.inbox.shrink_to_fit();
        }
        while self.filled < wanted {
            match self.stream.read(&mut self.inbox[self.filled..]) {
                Ok(0) => return Err(self.lost()),
                Ok(more) => self.filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(self.lost()),
            }
        }
        Ok(())
    }

    fn lost(&mut self) -> Fault {
        self.give_up();
        Fault::Gone("lost")
    }

    /// Of an error message: the code and whether the session goes on. Its texts quote rows and are not read.
    fn refusal(&mut self, message: &Message) -> Fault {
        let (mut state, mut fatal): (SqlState, bool) = (*b"XX000", false);
        let body = &self.inbox[message.body.clone()];
        for field in body.split(|byte| *byte == 0) {
            match field.split_first() {
                Some((b'C', code)) if code.len() == 5 && code.iter().all(u8::is_ascii_alphanumeric) => {
                    state.copy_from_slice(code);
                }
                Some((b'V', severity)) => fatal = severity == b"FATAL" || severity == b"PANIC",
                _ => {} // texts, positions, names
            }
        }
        if fatal {
            self.give_up();
        }
        Fault::Server { state, fatal }
    }
}
