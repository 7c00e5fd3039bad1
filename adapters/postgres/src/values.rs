//! One cell: from PostgreSQL's binary form to the contract's values, and to the text form of COPY for writing back. Pure.
//! Binary forms: the `…_send` functions of `src/backend/utils/adt`, the same in versions 13 to 18.

use crate::calendar;
use crate::types::How;
use lastbell_contract::{Cells, Kind, Value};
use std::fmt::Write as _;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count.
const EPOCH_DAYS: i64 = 10_957;

/// The same in microseconds.
const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// What a cell holds. `None` when its bytes are not what the type's binary form is.
pub(crate) fn read(how: How, raw: &[u8]) -> Option<Value> {
    Some(match how {
        How::Bool => match raw {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return None, // other lengths and other bytes alike
        },
        How::Int2 => Value::Int(i16::from_be_bytes(raw.try_into().ok()?).into()),
        How::Int4 => Value::Int(i32::from_be_bytes(raw.try_into().ok()?).into()),
        How::Int8 => Value::Int(int8(raw)?.into()),
        How::Oid => Value::Int(u32::from_be_bytes(raw.try_into().ok()?).into()),
        How::Float4 => Value::Float(f32::from_be_bytes(raw.try_into().ok()?).into()),
        How::Float8 => Value::Float(f64::from_be_bytes(raw.try_into().ok()?)),
        How::Numeric => Value::Decimal(numeric(raw)?),
        How::Text | How::Output => text(raw, Kind::Text, Value::Text),
        How::Json => text(raw, Kind::Json, Value::Json),
        How::Jsonb => text(raw.strip_prefix(&[1])?, Kind::Json, Value::Json),
        How::Bytea => Value::Bytes(raw.to_vec()),
        How::Date => date(i32::from_be_bytes(raw.try_into().ok()?)),
        How::Time => Value::Time(int8(raw)?),
        How::Timestamp => moment(int8(raw)?, Kind::LocalDateTime),
        How::Timestamptz => moment(int8(raw)?, Kind::Instant),
        How::Uuid => Value::Uuid(raw.try_into().ok()?),
    })
}

/// Appends what a cell holds: what [`read`] gives, for the kinds that fill tables without a value in between.
pub(crate) fn append(how: How, raw: &[u8], out: &mut Cells) -> Option<()> {
    match how {
        How::Int2 => out.int(i16::from_be_bytes(raw.try_into().ok()?).into()),
        How::Int4 => out.int(i32::from_be_bytes(raw.try_into().ok()?).into()),
        How::Int8 => out.int(int8(raw)?),
        How::Text | How::Output => out.text(raw),
        How::Json => out.json(raw),
        How::Bytea => out.bytes(raw),
        How::Bool | How::Oid | How::Float4 | How::Float8 | How::Numeric | How::Jsonb | How::Uuid => {
            out.value(&read(how, raw)?);
        }
        How::Date | How::Time | How::Timestamp | How::Timestamptz => out.value(&read(how, raw)?),
    }
    Some(())
}

fn int8(raw: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(raw.try_into().ok()?))
}

/// A database of no encoding (`SQL_ASCII`) may hold any bytes.
fn text(raw: &[u8], kind: Kind, value: fn(String) -> Value) -> Value {
    match std::str::from_utf8(raw) {
        Ok(text) => value(text.to_owned()),
        Err(_) => Value::Invalid(kind, raw.to_vec()),
    }
}

/// Infinity and years before Christ are no dates of a diary; they come as PostgreSQL writes them.
fn date(days: i32) -> Value {
    let told = |text: &str| Value::Invalid(Kind::Date, text.as_bytes().to_vec());
    match days {
        i32::MAX => told("infinity"),
        i32::MIN => told("-infinity"),
        days => {
            let days = i64::from(days) + EPOCH_DAYS;
            if calendar::is_before_christ(days) { told(&calendar::date(days)) } else { Value::Date(days) }
        }
    }
}

/// Besides, the last years of PostgreSQL (to 294276) are past what 64 bits hold from 1970 on.
fn moment(micros: i64, kind: Kind) -> Value {
    let told = |text: &str| Value::Invalid(kind, text.as_bytes().to_vec());
    match micros {
        i64::MAX => return told("infinity"),
        i64::MIN => return told("-infinity"),
        _ => {} // every other number is a moment
    }
    let days = micros.div_euclid(calendar::DAY_MICROS) + EPOCH_DAYS;
    let zone = if kind == Kind::Instant { "+00" } else { "" };
    match micros.checked_add(EPOCH_MICROS) {
        Some(since_1970) if !calendar::is_before_christ(days) => {
            if kind == Kind::Instant {
                Value::Instant(since_1970)
            } else {
                Value::LocalDateTime(since_1970)
            }
        }
        Some(_) | None => told(&calendar::moment_of_day(days, micros.rem_euclid(calendar::DAY_MICROS), zone)),
    }
}

/// Groups of four decimal digits (`numeric_send`): count, weight of the first, sign, digits after the point, groups.
fn numeric(raw: &[u8]) -> Option<String> {
    let (head, groups) = raw.split_first_chunk::<8>()?;
    let count = usize::from(u16::from_be_bytes([head[0], head[1]]));
    let weight = i64::from(i16::from_be_bytes([head[2], head[3]]));
    let sign = u16::from_be_bytes([head[4], head[5]]);
    let scale = usize::from(u16::from_be_bytes([head[6], head[7]]));
    if groups.len() != 2 * count {
        return None;
    }
    let mut text = match sign {
        0x0000 => String::new(),
        0x4000 => "-".to_owned(),
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None, // no sign of any version
    };
    let group = |place: i64| -> Option<u16> {
        let Ok(at) = usize::try_from(weight - place) else { return Some(0) };
        let Some(pair) = groups.get(2 * at..2 * at + 2) else { return Some(0) };
        Some(u16::from_be_bytes([pair[0], pair[1]])).filter(|group| *group < 10_000)
    };
    if weight < 0 {
        text.push('0');
    }
    for place in (0..=weight).rev() {
        let group = group(place)?;
        if place == weight { write!(text, "{group}").ok()? } else { write!(text, "{group:04}").ok()? }
    }
    if scale > 0 {
        text.push('.');
        let whole = text.len();
        for place in 1..=scale.div_ceil(4) {
            write!(text, "{:04}", group(-i64::try_from(place).ok()?)?).ok()?;
        }
        text.truncate(whole + scale);
    }
    Some(text)
}

/// Appends a cell in the text form of COPY, so that the column's own input function gives the same value again.
/// `None` stands for a value that no text form gives.
pub(crate) fn write(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => out.extend(b"\\N"),
        Value::Int(number) => out.extend(number.to_string().bytes()),
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => escape(text.as_bytes(), out),
        Value::Float(number) => out.extend(float(*number).bytes()),
        Value::Bool(yes) => out.push(if *yes { b't' } else { b'f' }),
        Value::Bytes(raw) => {
            out.extend(b"\\\\x");
            raw.iter().for_each(|byte| hex(*byte, out));
        }
        Value::Date(days) => out.extend(calendar::date(*days).bytes()),
        Value::Time(micros) if (0..=calendar::DAY_MICROS).contains(micros) => {
            out.extend(calendar::time(*micros).bytes());
        }
        Value::Time(_) => return None, // a duration is no time of day
        Value::LocalDateTime(micros) => out.extend(calendar::moment(*micros, "").bytes()),
        Value::Instant(micros) => out.extend(calendar::moment(*micros, "+00").bytes()),
        Value::Uuid(raw) => raw.iter().for_each(|byte| hex(*byte, out)),
        Value::Invalid(_, raw) => escape(raw, out),
    }
    Some(())
}

/// The shortest digits that give the same bits again; PostgreSQL rounds the text of a widened `float4` back to it.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() };
    }
    format!("{number:e}")
}

fn hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Backslash, tab and line ends have a meaning in COPY's text form (documentation, COPY, "Text Format").
fn escape(raw: &[u8], out: &mut Vec<u8>) {
    for byte in raw {
        match byte {
            b'\\' => out.extend(b"\\\\"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            other => out.push(*other),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decimal(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Option<String> {
        let mut raw = Vec::new();
        raw.extend((groups.len() as u16).to_be_bytes());
        raw.extend(weight.to_be_bytes());
        raw.extend(sign.to_be_bytes());
        raw.extend(scale.to_be_bytes());
        groups.iter().for_each(|group| raw.extend(group.to_be_bytes()));
        numeric(&raw)
    }

    #[test]
    fn a_decimal_keeps_every_digit() {
        for (weight, sign, scale, groups, text) in [
            (0, 0, 0, &[][..], "0"),
            (0, 0, 4, &[], "0.0000"),
            (0, 0, 2, &[1, 5000], "1.50"),
            (-1, 0x4000, 4, &[1], "-0.0001"),
            (-2, 0, 8, &[42], "0.00000042"),
            (1, 0, 0, &[1], "10000"),
            (2, 0, 3, &[12, 34, 5, 6780], "1200340005.678"),
            (0, 0xC000, 0, &[], "NaN"),
            (0, 0xD000, 0, &[], "Infinity"),
            (0, 0xF000, 0, &[], "-Infinity"),
        ] {
            assert_eq!(decimal(weight, sign, scale, groups).as_deref(), Some(text));
        }
        assert_eq!(decimal(0, 0x1234, 0, &[]), None);
        assert_eq!(decimal(0, 0, 0, &[10_000]), None);
        assert_eq!(numeric(&[0, 1, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn what_no_calendar_holds_is_told_as_written() {
        let days = |days: i32| read(How::Date, &days.to_be_bytes()).unwrap();
        assert_eq!(days(0), Value::Date(10_957));
        assert_eq!(days(i32::MAX), Value::Invalid(Kind::Date, b"infinity".to_vec()));
        assert_eq!(days(i32::MIN), Value::Invalid(Kind::Date, b"-infinity".to_vec()));
        let ides = Value::Invalid(Kind::Date, b"0044-03-15 BC".to_vec()); // SELECT '0044-03-15 BC'::date - '2000-01-01'
        assert_eq!(days(-746_117), ides);
        let micros = |micros: i64| read(How::Timestamptz, &micros.to_be_bytes()).unwrap();
        assert_eq!(micros(0), Value::Instant(946_684_800_000_000));
        assert_eq!(micros(i64::MAX), Value::Invalid(Kind::Instant, b"infinity".to_vec()));
        assert_eq!(micros(i64::MIN), Value::Invalid(Kind::Instant, b"-infinity".to_vec()));
    }

    #[test]
    fn wrong_lengths_are_no_values() {
        for how in [How::Bool, How::Int2, How::Int4, How::Int8, How::Oid, How::Float4, How::Float8, How::Numeric] {
            assert!(read(how, &[0, 0, 0]).is_none(), "{how:?}");
        }
        for how in [How::Date, How::Time, How::Timestamp, How::Timestamptz, How::Uuid, How::Jsonb] {
            assert!(read(how, &[0, 0, 0]).is_none(), "{how:?}");
        }
    }

    #[test]
    fn text_for_copy_gives_the_value_again() {
        let written = |value: Value| {
            let mut out = Vec::new();
            write(&value, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(written(Value::Text("a\\b\tc\nd\re".into())).unwrap(), "a\\\\b\\tc\\nd\\re");
        assert_eq!(written(Value::Text("\\N".into())).unwrap(), "\\\\N");
        assert_eq!(written(Value::Text("\\.".into())).unwrap(), "\\\\.");
        assert_eq!(written(Value::Bytes(vec![0, 255])).unwrap(), "\\\\x00ff");
        assert_eq!(written(Value::Date(10_957)).unwrap(), "2000-01-01");
        assert_eq!(written(Value::Time(86_400_000_000)).unwrap(), "24:00:00.000000");
        assert_eq!(written(Value::Instant(946_684_800_000_001)).unwrap(), "2000-01-01 00:00:00.000001+00");
        assert_eq!(written(Value::Time(-1)), None);
        for number in [0.1, -0.0, 1e300, f64::MIN_POSITIVE, f64::from(0.1_f32), 5e-324] {
            let back: f64 = written(Value::Float(number)).unwrap().parse().unwrap();
            assert_eq!(back.to_bits(), number.to_bits());
        }
    }
}
