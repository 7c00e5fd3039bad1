//! Reads the stream of `COPY … TO STDOUT (FORMAT binary)`: rows in, values out, without a copy of the message between.
//! Pure. Format: documentation, COPY, "Binary Format".
//!
//! A message of the server usually holds one row, but nothing promises it: what is left of one is kept for the next. The
//! stream ends with a mark of its own, and without it the table was not read to its end.

use crate::error::refused;
use crate::types::How;
use crate::values;
use lastbell_contract::{AdapterError, Cells, ErrorKind, Result, Row, Value};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Where in the stream we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Rows,
    End,
}

/// A reader of one stream.
pub(crate) struct Reader {
    columns: usize,
    rest: Vec<u8>,
    place: Place,
}

impl Reader {
    /// For rows of so many columns.
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns, rest: Vec::new(), place: Place::Head }
    }

    /// Takes the data of one message and gives the body of each row that is whole: for [`append`] or [`data_row`].
    pub(crate) fn take(&mut self, data: &[u8], each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.rest.is_empty() {
            let used = self.rows(data, each)?;
            self.rest.extend_from_slice(&data[used..]);
            return Ok(());
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(data);
        let used = self.rows(&joined, each)?;
        joined.drain(..used);
        self.rest = joined;
        Ok(())
    }

    /// The stream is over.
    pub(crate) fn finish(self) -> Result<()> {
        if self.place == Place::End && self.rest.is_empty() { Ok(()) } else { Err(cut()) }
    }

    /// Reads as many whole rows as there are. Returns how many bytes that took.
    fn rows(&mut self, data: &[u8], each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<usize> {
        let mut used = 0;
        if self.place == Place::Head {
            let Some(head) = head(data)? else { return Ok(0) };
            used = head;
            self.place = Place::Rows;
        }
        while self.place == Place::Rows {
            match row(self.columns, &data[used..])? {
                Found::Row(length) => {
                    each(&data[used..used + length])?;
                    used += length;
                }
                Found::End => {
                    used += 2;
                    self.place = Place::End;
                }
                Found::Part => break,
            }
        }
        Ok(used)
    }
}

enum Found {
    /// So many bytes.
    Row(usize),
    End,
    Part,
}

/// Signature, flags, length of an extension, the extension; `None` while it is not all there.
fn head(data: &[u8]) -> Result<Option<usize>> {
    let Some((signature, rest)) = data.split_first_chunk::<11>() else { return Ok(None) };
    let Some((flags, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let Some((extension, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    // Flags of the upper half change the format; of them none is known that a server would set.
    if signature != SIGNATURE || u32::from_be_bytes(*flags) >> 16 != 0 {
        return Err(odd());
    }
    let extension = u32::from_be_bytes(*extension) as usize;
    Ok((rest.len() >= extension).then_some(19 + extension))
}

/// How long the row is with which the data begins.
fn row(columns: usize, data: &[u8]) -> Result<Found> {
    let Some((count, _)) = data.split_first_chunk::<2>() else { return Ok(Found::Part) };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Ok(Found::End);
    }
    if usize::try_from(count) != Ok(columns) {
        return Err(odd());
    }
    let mut at = 2;
    for _ in 0..columns {
        let Some((length, _)) = data.get(at..).and_then(|rest| rest.split_first_chunk::<4>()) else {
            return Ok(Found::Part);
        };
        at += 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0); // -1 stands for NULL
    }
    Ok(if at <= data.len() { Found::Row(at) } else { Found::Part })
}

/// The cells of a whole row: `None` for NULL.
fn cells(columns: usize, body: &[u8]) -> Result<impl Iterator<Item = Option<&[u8]>>> {
    match row(columns, body)? {
        Found::Row(length) if length == body.len() => {}
        Found::Row(_) | Found::End | Found::Part => return Err(odd()),
    }
    let mut rest = &body[2..];
    Ok(std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (cell, after) = after.split_at(length.unwrap_or(0));
        rest = after;
        Some(length.map(|_| cell))
    }))
}

/// Appends the cells of a row, unchanged in meaning.
pub(crate) fn append(hows: &[How], body: &[u8], out: &mut Cells) -> Result<()> {
    for (how, cell) in hows.iter().zip(cells(hows.len(), body)?) {
        match cell {
            None => out.null(),
            Some(raw) => values::append(*how, raw, out).ok_or_else(odd)?,
        }
    }
    Ok(())
}

/// The values of a row, as [`Reader::take`] and [`crate::session::Session::stream`] give it: whole and by itself.
pub(crate) fn data_row(hows: &[How], body: &[u8]) -> Result<Row> {
    let read = |how: &How, cell: Option<&[u8]>| match cell {
        None => Ok(Value::Null),
        Some(raw) => values::read(*how, raw).ok_or_else(odd),
    };
    hows.iter().zip(cells(hows.len(), body)?).map(|(how, cell)| read(how, cell)).collect()
}

fn odd() -> AdapterError {
    refused(ErrorKind::Damaged, "scan", "odd-answer")
}

fn cut() -> AdapterError {
    refused(ErrorKind::Unreachable, "scan", "lost")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use lastbell_contract::Batch;

    const HOWS: [How; 2] = [How::Int2, How::Text];

    fn stream() -> Vec<u8> {
        let mut all = SIGNATURE.to_vec();
        all.extend([0, 0, 0, 0, 0, 0, 0, 3, 9, 9, 9]);
        all.extend([0, 2, 0, 0, 0, 2, 0, 7, 0, 0, 0, 3, b'a', b'b', b'c']);
        all.extend([0, 2, 255, 255, 255, 255, 0, 0, 0, 0]);
        all.extend([255, 255]);
        all
    }

    fn read(pieces: &[&[u8]]) -> Result<Vec<Row>> {
        let (mut reader, mut rows, mut batch) = (Reader::new(HOWS.len()), Vec::new(), Batch::default());
        for piece in pieces {
            reader.take(piece, &mut |body| {
                rows.push(data_row(&HOWS, body)?);
                batch.write(|cells| append(&HOWS, body, cells))
            })?;
        }
        assert_eq!(batch.unpacked().collect::<Vec<Row>>(), rows, "both ways give the same");
        reader.finish().map(|()| rows)
    }

    #[test]
    fn rows_are_whole_wherever_the_messages_are_cut() {
        let all = stream();
        let expected =
            vec![vec![Value::Int(7), Value::Text("abc".into())], vec![Value::Null, Value::Text(String::new())]];
        assert_eq!(read(&[&all]).unwrap(), expected);
        for first in 0..all.len() {
            for second in first..all.len() {
                let pieces = [&all[..first], &all[first..second], &all[second..]];
                assert_eq!(read(&pieces).unwrap(), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_stream_without_its_end_is_an_error() {
        let all = stream();
        for length in 0..all.len() {
            assert!(read(&[&all[..length]]).is_err(), "{length} bytes of {} look whole", all.len());
        }
    }

    #[test]
    fn what_is_no_such_stream_is_refused() {
        let mut wrong = stream();
        wrong[3] ^= 1;
        assert!(read(&[&wrong]).is_err());
        let mut flagged = stream();
        flagged[11] = 1;
        assert!(read(&[&flagged]).is_err());
        let mut wide = stream();
        wide[23] = 3;
        assert!(read(&[&wide]).is_err());
    }
}
