//! Packets on the line: three bytes of length, one of sequence, the payload; longer ones in pieces of 16 MiB.
//! A line that ends anywhere but between two packets, or a packet out of sequence, is an error.

use crate::fault::{Fault, Heard};
use crate::stream::Stream;
use std::io::{self, Read, Write};

/// The longest piece; one of exactly this length is followed by another.
const PIECE_BYTES: usize = 0xff_ff_ff;

/// What is read at once, when the server has so much.
const INBOX_BYTES: usize = 256 << 10;

/// How the server begins a refusal.
pub(crate) const REFUSAL: u8 = 0xff;

/// Packets over a line.
pub(crate) struct Wire {
    /// The line.
    pub(crate) stream: Stream,
    sequence: u8,
    inbox: Vec<u8>,
    start: usize,
    end: usize,
    /// A packet of several pieces.
    whole: Vec<u8>,
}

impl Wire {
    /// Over an open line.
    pub(crate) fn over(stream: Stream) -> Self {
        Self { stream, sequence: 0, inbox: vec![0; INBOX_BYTES], start: 0, end: 0, whole: Vec::new() }
    }

    /// Begins a command: its packets are counted from zero.
    pub(crate) fn begin(&mut self) {
        self.sequence = 0;
    }

    /// Sends a payload. Empty ones are packets, too.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Heard<()> {
        let mut rest = payload;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(PIECE_BYTES));
            let length = u32::try_from(piece.len()).map_err(|_| Fault::Protocol)?.to_le_bytes();
            let head = [length[0], length[1], length[2], self.sequence];
            self.sequence = self.sequence.wrapping_add(1);
            // One write for what is small: two would be two packets of the network.
            if piece.len() < INBOX_BYTES {
                self.stream.write_all(&[&head, piece].concat())?;
            } else {
                self.stream.write_all(&head)?;
                self.stream.write_all(piece)?;
            }
            rest = after;
            if piece.len() < PIECE_BYTES {
                break;
            }
        }
        Ok(self.stream.flush()?)
    }

    /// The next payload. A refusal of the server comes as the error that it is.
    pub(crate) fn next(&mut self) -> Heard<&[u8]> {
        self.whole.clear();
        loop {
            self.fill(4)?;
            let head = &self.inbox[self.start..self.start + 4];
            let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
            let in_sequence = head[3] == self.sequence;
            self.sequence = head[3].wrapping_add(1);
            self.start += 4;
            self.fill(length)?;
            let piece = self.start..self.start + length;
            self.start += length;
            // A server that goes down says so out of sequence.
            if !in_sequence && self.inbox[piece.clone()].first() != Some(&REFUSAL) {
                return Err(Fault::Protocol);
            }
            if length == PIECE_BYTES || !self.whole.is_empty() {
                self.whole.extend_from_slice(&self.inbox[piece.clone()]);
            }
            if length < PIECE_BYTES {
                let payload = if self.whole.is_empty() { &self.inbox[piece] } else { self.whole.as_slice() };
                return if payload.first() == Some(&REFUSAL) { Err(refusal(payload)) } else { Ok(payload) };
            }
        }
    }

    /// Reads until so many bytes are there.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.start + wanted > self.inbox.len() {
            self.inbox.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if wanted > self.inbox.len() {
                self.inbox.resize(wanted, 0);
            }
        }
        while self.end - self.start < wanted {
            match self.stream.read(&mut self.inbox[self.end..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(more) => self.end += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// `0xff`, the number, and, once logged in, `#` with five letters of state before the text.
fn refusal(payload: &[u8]) -> Fault {
    let Some(number) = payload.get(1..3) else { return Fault::Protocol };
    let text = payload.get(3..).unwrap_or_default();
    let text = if text.first() == Some(&b'#') { text.get(6..).unwrap_or_default() } else { text };
    Fault::Refused {
        number: u16::from_le_bytes([number[0], number[1]]),
        text: String::from_utf8_lossy(text).into_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn heard(bytes: &[u8]) -> Heard<Vec<u8>> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(bytes).unwrap();
        drop(theirs);
        Wire::over(Stream::Socket(ours)).next().map(<[u8]>::to_vec)
    }

    #[test]
    fn a_line_that_ends_early_is_an_error() {
        assert!(matches!(heard(&[2, 0, 0, 0, 7, 8]), Ok(payload) if payload == [7, 8]));
        for cut in [&[][..], &[2, 0], &[2, 0, 0, 0], &[2, 0, 0, 0, 7]] {
            assert!(matches!(heard(cut), Err(Fault::Line(_))), "{cut:?}");
        }
        assert!(matches!(heard(&[1, 0, 0, 5, 7]), Err(Fault::Protocol)), "out of sequence");
    }

    #[test]
    fn a_refusal_is_told_with_and_without_a_state() {
        for (bytes, expected) in
            [(&b"\x0b\0\0\0\xff\x15\x04#28000No"[..], "No"), (&b"\x05\0\0\x09\xff\x15\x04No"[..], "No")]
        {
            let Err(Fault::Refused { number, text }) = heard(bytes) else { panic!("no refusal") };
            assert_eq!((number, text.as_str()), (1045, expected));
        }
        assert!(matches!(heard(&[1, 0, 0, 0, 0xff]), Err(Fault::Protocol)));
    }

    #[test]
    fn a_payload_longer_than_a_piece_comes_and_goes_whole() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let payload: Vec<u8> = (0..PIECE_BYTES + 70_000).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sent = payload.clone();
        let sender = std::thread::spawn(move || Wire::over(Stream::Socket(theirs)).send(&sent).is_ok());
        let mut wire = Wire::over(Stream::Socket(ours));
        let got = wire.next().map(<[u8]>::to_vec).unwrap_or_default();
        assert!(got == payload && sender.join().unwrap());
    }
}
