//! One cell of the binary protocol, as it lies in its packet. Reads bytes, checks every length, knows no meaning.
//! (dev.mysql.com/doc/dev/mysql-server: "Binary Protocol Resultset"; MariaDB sends the same.)

use mysql_common::constants::ColumnType;
use mysql_common::value::Value;

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// NULL.
    Null,
    /// An integer with a sign.
    Int(i64),
    /// An integer without.
    UInt(u64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// Everything that is sent with its length.
    Bytes(&'a [u8]),
    /// Year, month, day, hour, minute, second, microsecond.
    Date(u16, u8, u8, u8, u8, u8, u32),
    /// Negative, days, hours, minutes, seconds, microseconds.
    Time(bool, u32, u8, u8, u8, u32),
}

impl Cell<'_> {
    /// The same, owned.
    pub(crate) fn owned(self) -> Value {
        match self {
            Self::Null => Value::NULL,
            Self::Int(number) => Value::Int(number),
            Self::UInt(number) => Value::UInt(number),
            Self::Float(number) => Value::Float(number),
            Self::Double(number) => Value::Double(number),
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
            Self::Date(year, month, day, hour, minute, second, micro) => {
                Value::Date(year, month, day, hour, minute, second, micro)
            }
            Self::Time(negative, days, hours, minutes, seconds, micros) => {
                Value::Time(negative, days, hours, minutes, seconds, micros)
            }
        }
    }
}

/// How the server says a column will come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The column's name.
    pub(crate) name: String,
    /// Its type on the line.
    pub(crate) wire_type: ColumnType,
    /// Without a sign.
    pub(crate) unsigned: bool,
}

/// UNSIGNED_FLAG.
const UNSIGNED: u16 = 32;

/// From a column's description: six names, then twelve bytes (collation, width, type, flags, decimals, filler).
pub(crate) fn shape(packet: &[u8]) -> Option<Shape> {
    let mut rest = packet;
    let mut names = Vec::new();
    for _ in 0..6 {
        names.push(counted(&mut rest)?);
    }
    let fixed = counted(&mut rest)?;
    let flags = u16::from_le_bytes(fixed.get(7..9)?.try_into().ok()?);
    Some(Shape {
        name: String::from_utf8_lossy(names[4]).into_owned(),
        wire_type: ColumnType::try_from(*fixed.get(6)?).ok()?,
        unsigned: flags & UNSIGNED != 0,
    })
}

/// The cells of a row, one by one. `None` when the packet is not the row that its columns promise.
pub(crate) struct Packed<'a> {
    nulls: &'a [u8],
    rest: &'a [u8],
    at: usize,
}

impl<'a> Packed<'a> {
    /// Of a packet: a zero, then two bits and one more for each column that says NULL.
    pub(crate) fn of(packet: &'a [u8], columns: usize) -> Option<Self> {
        let (zero, rest) = packet.split_first()?;
        let (nulls, rest) = rest.split_at_checked((columns + 9) / 8)?;
        (*zero == 0).then_some(Self { nulls, rest, at: 0 })
    }

    /// The next one, of that shape.
    pub(crate) fn next(&mut self, shape: &Shape) -> Option<Cell<'a>> {
        let bit = self.at + 2;
        self.at += 1;
        if self.nulls.get(bit / 8)? & (1 << (bit % 8)) != 0 {
            return Some(Cell::Null);
        }
        read(&mut self.rest, shape)
    }

    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

fn read<'a>(rest: &mut &'a [u8], shape: &Shape) -> Option<Cell<'a>> {
    use ColumnType as T;
    Some(match (shape.wire_type, shape.unsigned) {
        (T::MYSQL_TYPE_TINY, false) => Cell::Int(i8::from_le_bytes(taken(rest)?).into()),
        (T::MYSQL_TYPE_TINY, true) => Cell::UInt(u8::from_le_bytes(taken(rest)?).into()),
        (T::MYSQL_TYPE_SHORT, false) => Cell::Int(i16::from_le_bytes(taken(rest)?).into()),
        (T::MYSQL_TYPE_SHORT, true) | (T::MYSQL_TYPE_YEAR, _) => Cell::UInt(u16::from_le_bytes(taken(rest)?).into()),
        (T::MYSQL_TYPE_LONG | T::MYSQL_TYPE_INT24, false) => Cell::Int(i32::from_le_bytes(taken(rest)?).into()),
        (T::MYSQL_TYPE_LONG | T::MYSQL_TYPE_INT24, true) => Cell::UInt(u32::from_le_bytes(taken(rest)?).into()),
        (T::MYSQL_TYPE_LONGLONG, false) => Cell::Int(i64::from_le_bytes(taken(rest)?)),
        (T::MYSQL_TYPE_LONGLONG, true) => Cell::UInt(u64::from_le_bytes(taken(rest)?)),
        (T::MYSQL_TYPE_FLOAT, _) => Cell::Float(f32::from_le_bytes(taken(rest)?)),
        (T::MYSQL_TYPE_DOUBLE, _) => Cell::Double(f64::from_le_bytes(taken(rest)?)),
        (T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_NEWDATE, _) => {
            date(rest)?
        }
        (T::MYSQL_TYPE_TIME, _) => time(rest)?,
        (T::MYSQL_TYPE_NULL, _) => Cell::Null,
        _ => Cell::Bytes(counted(rest)?), // every other type comes with its length
    })
}

fn taken<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}

/// A length, then so many bytes.
pub(crate) fn counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

/// A number of one byte, or of two, three or eight behind a byte that says so.
pub(crate) fn number(rest: &mut &[u8]) -> Option<u64> {
    Some(match taken::<1>(rest)?[0] {
        0xfc => u16::from_le_bytes(taken(rest)?).into(),
        0xfd => {
            let [low, middle, high] = taken(rest)?;
            u32::from_le_bytes([low, middle, high, 0]).into()
        }
        0xfe => u64::from_le_bytes(taken(rest)?),
        0xfb | 0xff => return None, // NULL of the text protocol; a refusal
        small => small.into(),
    })
}

/// Four bytes, seven or eleven; none is the zero date, and what is left out at the end is zero.
fn date<'a>(rest: &mut &[u8]) -> Option<Cell<'a>> {
    let length = usize::from(taken::<1>(rest)?[0]);
    let mut all = [0; 11];
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    all.get_mut(..length)?.copy_from_slice(bytes);
    let micro = u32::from_le_bytes([all[7], all[8], all[9], all[10]]);
    Some(Cell::Date(u16::from_le_bytes([all[0], all[1]]), all[2], all[3], all[4], all[5], all[6], micro))
}

/// Eight bytes or twelve; none is zero.
fn time<'a>(rest: &mut &[u8]) -> Option<Cell<'a>> {
    let length = usize::from(taken::<1>(rest)?[0]);
    let mut all = [0; 12];
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    all.get_mut(..length)?.copy_from_slice(bytes);
    let days = u32::from_le_bytes([all[1], all[2], all[3], all[4]]);
    let micro = u32::from_le_bytes([all[8], all[9], all[10], all[11]]);
    Some(Cell::Time(all[0] == 1, days, all[5], all[6], all[7], micro))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(wire_type: ColumnType, unsigned: bool) -> Shape {
        Shape { name: "c".to_owned(), wire_type, unsigned }
    }

    #[test]
    fn a_packet_that_is_cut_is_no_row() {
        let shapes = [shape_of(ColumnType::MYSQL_TYPE_LONG, false), shape_of(ColumnType::MYSQL_TYPE_VAR_STRING, false)];
        let packet = [0, 0, 7, 0, 0, 0, 2, b'a', b'b'];
        let row = |packet: &[u8]| {
            let mut cells = Packed::of(packet, 2)?;
            let found = (cells.next(&shapes[0])?.owned(), cells.next(&shapes[1])?.owned());
            cells.is_empty().then_some(found)
        };
        assert_eq!(row(&packet), Some((Value::Int(7), Value::Bytes(b"ab".to_vec()))));
        for length in 0..packet.len() {
            assert_eq!(row(&packet[..length]), None, "{length}");
        }
        assert_eq!(row(&[0, 0, 7, 0, 0, 0, 2, b'a', b'b', 0]), None, "too long");
        assert_eq!(row(&[1, 0, 7, 0, 0, 0, 2, b'a', b'b']), None, "no row");
        assert_eq!(row(&[0, 0b1100]), Some((Value::NULL, Value::NULL)));
    }

    #[test]
    fn numbers_of_every_length_are_read() {
        for (bytes, expected) in [
            (&[7][..], Some(7)),
            (&[0xfc, 1, 2], Some(513)),
            (&[0xfd, 1, 0, 1], Some(65_537)),
            (&[0xfe, 0, 0, 0, 0, 1, 0, 0, 0], Some(1 << 32)),
            (&[0xfb], None),
            (&[0xfc, 1], None),
        ] {
            assert_eq!(number(&mut &*bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn an_unsigned_number_keeps_its_size_and_a_short_date_is_midnight() {
        let mut bytes: &[u8] = &[0xff; 8];
        assert_eq!(read(&mut bytes, &shape_of(ColumnType::MYSQL_TYPE_LONGLONG, true)), Some(Cell::UInt(u64::MAX)));
        let mut bytes: &[u8] = &[4, 0xde, 7, 9, 1, 0];
        let expected = Cell::Date(2014, 9, 1, 0, 0, 0, 0);
        assert_eq!(read(&mut bytes, &shape_of(ColumnType::MYSQL_TYPE_DATETIME, false)), Some(expected));
        assert_eq!(
            read(&mut bytes, &shape_of(ColumnType::MYSQL_TYPE_DATE, false)),
            Some(Cell::Date(0, 0, 0, 0, 0, 0, 0))
        );
        let mut endless: &[u8] = &[200, 1];
        assert_eq!(read(&mut endless, &shape_of(ColumnType::MYSQL_TYPE_TIME, false)), None);
    }
}
