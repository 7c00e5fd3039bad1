//! Rows of a scan in one flat buffer: no allocation for a cell or a row, and bytes that could go through a pipe as they are.
//!
//! A cell is `tag u8 | length u32 BE | bytes`: the frame and the tags of `docs/canonical-values.md`, so that a cell that no
//! transform touches is digested without being taken apart. Unlike there nothing is normalised, for a rebuild writes these
//! values back: a decimal keeps its digits, a float its bits, and what is invalid has its kind and its raw bytes.

use crate::{Kind, Row, Value};
use std::fmt;

/// The tag of each kind of cell.
pub mod tag {
    /// SQL NULL; no bytes.
    pub const NULL: u8 = 0x00;
    /// Decimal digits in ASCII, `-` before a negative number, no leading zeros.
    pub const INT: u8 = 0x01;
    /// An exact decimal, as given.
    pub const DECIMAL: u8 = 0x02;
    /// The eight bytes of an IEEE 754 double, big-endian, as given.
    pub const FLOAT: u8 = 0x03;
    /// One byte, 0 or 1.
    pub const BOOL: u8 = 0x04;
    /// UTF-8.
    pub const TEXT: u8 = 0x05;
    /// Raw bytes.
    pub const BYTES: u8 = 0x06;
    /// Days since 1970-01-01, i64 BE.
    pub const DATE: u8 = 0x07;
    /// Microseconds, i64 BE.
    pub const TIME: u8 = 0x08;
    /// Microseconds since 1970-01-01 00:00 of a clock without a zone, i64 BE.
    pub const LOCAL_DATE_TIME: u8 = 0x09;
    /// Microseconds since 1970-01-01 00:00 UTC, i64 BE.
    pub const INSTANT: u8 = 0x0a;
    /// Sixteen bytes in the order of the text form.
    pub const UUID: u8 = 0x0b;
    /// JSON text.
    pub const JSON: u8 = 0x0c;
    /// What the declared kind does not allow: the kind's byte, then the raw bytes.
    pub const INVALID: u8 = 0x22;
}

impl Kind {
    /// The tag of this kind's values; 0xff for [`Kind::Unknown`].
    #[must_use]
    pub fn tag(self) -> u8 {
        match self {
            Self::Int => tag::INT,
            Self::Decimal => tag::DECIMAL,
            Self::Float => tag::FLOAT,
            Self::Bool => tag::BOOL,
            Self::Text => tag::TEXT,
            Self::Bytes => tag::BYTES,
            Self::Date => tag::DATE,
            Self::Time => tag::TIME,
            Self::LocalDateTime => tag::LOCAL_DATE_TIME,
            Self::Instant => tag::INSTANT,
            Self::Uuid => tag::UUID,
            Self::Json => tag::JSON,
            Self::Unknown => 0xff,
        }
    }

    fn of_tag(byte: u8) -> Self {
        Self::ALL.into_iter().find(|kind| kind.tag() == byte).unwrap_or(Self::Unknown)
    }
}

/// Bytes of a cell before its own: tag and length.
const HEAD: usize = 5;

/// Some rows, owned.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Batch {
    cells: Cells,
    /// Where each row ends in the cells.
    ends: Vec<usize>,
}

impl Batch {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes its cells take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.0.len()
    }

    /// The rows, in the order in which the engine gave them; no order is promised.
    pub fn rows(&self) -> impl Iterator<Item = PackedRow<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| PackedRow(&self.cells.0[start..*end]))
    }

    /// The rows, unpacked.
    pub fn unpacked(&self) -> impl Iterator<Item = Row> {
        self.rows().map(PackedRow::unpacked)
    }

    /// Adds a row whose cells `write` appends. When it fails the batch is as before.
    ///
    /// # Errors
    /// What `write` says.
    pub fn write<E>(&mut self, write: impl FnOnce(&mut Cells) -> Result<(), E>) -> Result<(), E> {
        let start = self.cells.0.len();
        match write(&mut self.cells) {
            Ok(()) => {
                self.ends.push(self.cells.0.len());
                Ok(())
            }
            Err(error) => {
                self.cells.0.truncate(start);
                Err(error)
            }
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: &[Value]) {
        row.iter().for_each(|value| self.cells.value(value));
        self.ends.push(self.cells.0.len());
    }

    /// An empty one that begins as large as this one became.
    pub(crate) fn next(&self) -> Self {
        let cells = Cells(Vec::with_capacity(self.cells.0.capacity()));
        Self { cells, ends: Vec::with_capacity(self.ends.capacity()) }
    }
}

impl FromIterator<Row> for Batch {
    fn from_iter<I: IntoIterator<Item = Row>>(rows: I) -> Self {
        let mut batch = Self::default();
        rows.into_iter().for_each(|row| batch.push(&row));
        batch
    }
}

impl fmt::Debug for Batch {
    /// Figures only: the cells are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} rows, hidden)", self.len())
    }
}

/// Cells that are being written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Cells(Vec<u8>);

impl Cells {
    /// SQL NULL.
    pub fn null(&mut self) {
        self.0.extend([tag::NULL, 0, 0, 0, 0]);
    }

    /// An integer.
    pub fn int(&mut self, number: i64) {
        let mut digits = [0_u8; 20]; // -2^63 has 19 digits and a sign
        let mut start = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            start -= 1;
            digits[start] = b'-';
        }
        self.framed(tag::INT, &digits[start..]);
    }

    /// Text, or the bytes that are none.
    pub fn text(&mut self, raw: &[u8]) {
        self.utf8(tag::TEXT, raw);
    }

    /// JSON text, or the bytes that are none.
    pub fn json(&mut self, raw: &[u8]) {
        self.utf8(tag::JSON, raw);
    }

    fn utf8(&mut self, tag: u8, raw: &[u8]) {
        match std::str::from_utf8(raw) {
            Ok(_) => self.framed(tag, raw),
            Err(_) => self.invalid(tag, raw),
        }
    }

    /// Raw bytes.
    pub fn bytes(&mut self, raw: &[u8]) {
        self.framed(tag::BYTES, raw);
    }

    /// Days since 1970-01-01.
    pub fn date(&mut self, days: i64) {
        self.framed(tag::DATE, &days.to_be_bytes());
    }

    /// Microseconds since 1970-01-01 00:00 of a clock whose zone is not told.
    pub fn local_date_time(&mut self, micros: i64) {
        self.framed(tag::LOCAL_DATE_TIME, &micros.to_be_bytes());
    }

    /// Microseconds since 1970-01-01 00:00 UTC.
    pub fn instant(&mut self, micros: i64) {
        self.framed(tag::INSTANT, &micros.to_be_bytes());
    }

    /// Any value.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.null(),
            Value::Int(number) => match i64::try_from(*number) {
                Ok(number) => self.int(number),
                Err(_) => self.framed(tag::INT, number.to_string().as_bytes()), // an unsigned one beyond 2^63
            },
            Value::Decimal(text) => self.framed(tag::DECIMAL, text.as_bytes()),
            Value::Float(number) => self.framed(tag::FLOAT, &number.to_bits().to_be_bytes()),
            Value::Bool(yes) => self.framed(tag::BOOL, &[u8::from(*yes)]),
            Value::Text(text) => self.framed(tag::TEXT, text.as_bytes()),
            Value::Bytes(raw) => self.bytes(raw),
            Value::Date(days) => self.date(*days),
            Value::Time(micros) => self.framed(tag::TIME, &micros.to_be_bytes()),
            Value::LocalDateTime(micros) => self.local_date_time(*micros),
            Value::Instant(micros) => self.instant(*micros),
            Value::Uuid(raw) => self.framed(tag::UUID, raw),
            Value::Json(text) => self.framed(tag::JSON, text.as_bytes()),
            Value::Invalid(kind, raw) => self.invalid(kind.tag(), raw),
        }
    }

    fn invalid(&mut self, kind: u8, raw: &[u8]) {
        self.head(tag::INVALID, raw.len() + 1);
        self.0.push(kind);
        self.0.extend_from_slice(raw);
    }

    fn framed(&mut self, tag: u8, bytes: &[u8]) {
        self.head(tag, bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn head(&mut self, tag: u8, bytes: usize) {
        let length = u32::try_from(bytes).expect("the longest cell of any engine (LONGBLOB) ends at 2^32 - 1 bytes");
        let [a, b, c, d] = length.to_be_bytes();
        self.0.extend_from_slice(&[tag, a, b, c, d]);
    }
}

/// A row of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PackedRow<'a>(&'a [u8]);

impl<'a> PackedRow<'a> {
    /// The cells in the order that the scan asked for.
    pub fn cells(self) -> impl Iterator<Item = PackedCell<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (head, after) = rest.split_first_chunk::<HEAD>()?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            let (whole, after) = (&rest[..HEAD + length], &after[length..]);
            rest = after;
            Some(PackedCell(whole))
        })
    }

    /// Where each of its cells begins, for [`PackedRow::cell_at`].
    pub fn starts(self, starts: &mut Vec<usize>) {
        starts.clear();
        let mut at = 0;
        while let Some([_, a, b, c, d]) = self.0.get(at..).and_then(|rest| rest.first_chunk::<HEAD>()) {
            starts.push(at);
            at += HEAD + u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        }
    }

    /// The cell that begins there.
    ///
    /// # Panics
    /// When none does.
    #[must_use]
    pub fn cell_at(self, start: usize) -> PackedCell<'a> {
        let rest = &self.0[start..];
        let length = u32::from_be_bytes([rest[1], rest[2], rest[3], rest[4]]) as usize;
        PackedCell(&rest[..HEAD + length])
    }

    /// All its cells, framed, one after the other.
    #[must_use]
    pub fn framed(self) -> &'a [u8] {
        self.0
    }

    /// The row that [`PackedRow::framed`] gave these bytes for.
    #[must_use]
    pub fn of_framed(framed: &'a [u8]) -> Self {
        Self(framed)
    }

    /// Its values.
    #[must_use]
    pub fn unpacked(self) -> Row {
        self.cells().map(PackedCell::value).collect()
    }
}

impl fmt::Debug for PackedRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackedRow(hidden)")
    }
}

/// A cell of a row, with its frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PackedCell<'a>(&'a [u8]);

impl<'a> PackedCell<'a> {
    /// What kind of cell it is: one of [`tag`].
    #[must_use]
    pub fn tag(self) -> u8 {
        self.0[0]
    }

    /// Its bytes without the frame.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        &self.0[HEAD..]
    }

    /// With its frame.
    #[must_use]
    pub fn framed(self) -> &'a [u8] {
        self.0
    }

    /// True for SQL NULL.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.tag() == tag::NULL
    }

    /// Its value.
    ///
    /// # Panics
    /// When the bytes were not written by [`Cells`].
    #[must_use]
    pub fn value(self) -> Value {
        let bytes = self.bytes();
        let text = || std::str::from_utf8(bytes).expect("what is framed as text is UTF-8").to_owned();
        let number = || i64::from_be_bytes(bytes.try_into().expect("such a cell has eight bytes"));
        match self.tag() {
            tag::NULL => Value::Null,
            tag::INT => Value::Int(text().parse().expect("an integer's digits")),
            tag::DECIMAL => Value::Decimal(text()),
            tag::FLOAT => Value::Float(f64::from_bits(number().cast_unsigned())),
            tag::BOOL => Value::Bool(bytes == [1]),
            tag::TEXT => Value::Text(text()),
            tag::BYTES => Value::Bytes(bytes.to_vec()),
            tag::DATE => Value::Date(number()),
            tag::TIME => Value::Time(number()),
            tag::LOCAL_DATE_TIME => Value::LocalDateTime(number()),
            tag::INSTANT => Value::Instant(number()),
            tag::UUID => Value::Uuid(bytes.try_into().expect("a UUID has sixteen bytes")),
            tag::JSON => Value::Json(text()),
            tag::INVALID => Value::Invalid(Kind::of_tag(bytes[0]), bytes[1..].to_vec()),
            other => unreachable!("no cell is written with the tag {other}"),
        }
    }
}

impl fmt::Debug for PackedCell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackedCell(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_value() -> Row {
        vec![
            Value::Null,
            Value::Int(0),
            Value::Int(-1),
            Value::Int(i64::MIN.into()),
            Value::Int(i64::MAX.into()),
            Value::Int(u64::MAX.into()),
            Value::Int(i128::MIN),
            Value::Decimal("1.50".into()),
            Value::Decimal("NaN".into()),
            Value::Float(-0.0),
            Value::Float(f64::from_bits(0xfff8_0000_0000_0001)),
            Value::Bool(true),
            Value::Bool(false),
            Value::Text(String::new()),
            Value::Text("ё\0".into()),
            Value::Bytes(vec![0, 255]),
            Value::Date(-715_903),
            Value::Time(-1),
            Value::LocalDateTime(i64::MAX),
            Value::Instant(i64::MIN),
            Value::Uuid([7; 16]),
            Value::Json("{}".into()),
            Value::Invalid(Kind::Text, vec![0xff]),
            Value::Invalid(Kind::Date, b"0000-00-00".to_vec()),
            Value::Invalid(Kind::Unknown, Vec::new()),
        ]
    }

    #[test]
    fn what_is_packed_comes_out_again_to_the_last_bit() {
        let rows: Vec<Row> =
            vec![every_value(), Vec::new(), every_value().into_iter().rev().collect(), vec![Value::Null]];
        let batch: Batch = rows.iter().cloned().collect();
        assert_eq!(batch.len(), rows.len());
        assert_eq!(batch.unpacked().collect::<Vec<Row>>(), rows);
        for (packed, row) in batch.rows().zip(&rows) {
            assert_eq!(packed.cells().count(), row.len());
            assert_eq!(PackedRow::of_framed(packed.framed()).unpacked(), *row);
            let mut starts = Vec::new();
            packed.starts(&mut starts);
            assert_eq!(starts.iter().map(|start| packed.cell_at(*start).value()).collect::<Row>(), *row);
        }
    }

    #[test]
    fn the_short_ways_write_what_the_long_way_writes() {
        for (short, long) in [
            (written(|cells| cells.int(-120)), Value::Int(-120)),
            (written(|cells| cells.text("й".as_bytes())), Value::Text("й".into())),
            (written(|cells| cells.text(&[0xd0])), Value::Invalid(Kind::Text, vec![0xd0])),
            (written(|cells| cells.json(b"[1]")), Value::Json("[1]".into())),
            (written(|cells| cells.json(&[0xd0])), Value::Invalid(Kind::Json, vec![0xd0])),
            (written(|cells| cells.bytes(&[0xd0])), Value::Bytes(vec![0xd0])),
            (written(|cells| cells.date(5)), Value::Date(5)),
            (written(|cells| cells.local_date_time(5)), Value::LocalDateTime(5)),
            (written(|cells| cells.instant(5)), Value::Instant(5)),
        ] {
            assert!(short == written(|cells| cells.value(&long)), "{}", long.variant());
        }
    }

    fn written(write: impl FnOnce(&mut Cells)) -> Cells {
        let mut cells = Cells::default();
        write(&mut cells);
        cells
    }

    #[test]
    fn a_row_that_could_not_be_written_leaves_nothing() {
        let mut batch = Batch::default();
        batch.push(&[Value::Int(1)]);
        let failed: Result<(), u8> = batch.write(|cells| {
            cells.int(2);
            Err(9)
        });
        assert_eq!(failed, Err(9));
        assert_eq!(batch.unpacked().collect::<Vec<Row>>(), [[Value::Int(1)]]);
        assert_eq!(format!("{batch:?}"), "Batch(1 rows, hidden)");
    }
}
