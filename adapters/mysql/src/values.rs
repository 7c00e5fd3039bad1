//! One cell: from the driver's binary values to the contract's, by the column's type.
//! What the type should not hold (a zero date, bytes that are no UTF-8) comes as [`Value::Invalid`] with what was there.

use crate::columns::Form;
use lastbell_contract::{Cells, Kind, Value};
use mysql::Value as Cell;

const DAY: i64 = 86_400_000_000;

/// What a cell of a column holds; `None` when it is not of the column's type. An option and inlined: handed over in memory
/// as a result with our error in it, cells made the processor wait, a third of a scan's time (measured).
#[inline(always)]
pub(crate) fn read(form: &Form, cell: Cell) -> Option<Value> {
    if cell == Cell::NULL {
        return Some(Value::Null);
    }
    match (form, cell) {
        (Form::Int, Cell::Int(number)) => Some(Value::Int(number.into())),
        (Form::Int, Cell::UInt(number)) => Some(Value::Int(number.into())),
        (Form::Bit, Cell::Bytes(bits)) => bits_of(&bits),
        (Form::Decimal, Cell::Bytes(digits)) => decimal(&digits),
        (Form::Float, Cell::Float(number)) => Some(Value::Float(number.into())),
        (Form::Float, Cell::Double(number)) => Some(Value::Float(number)),
        (Form::Text | Form::LossyText(_), Cell::Bytes(bytes)) => Some(text(bytes)),
        (Form::Bytes, Cell::Bytes(bytes)) => Some(Value::Bytes(bytes)),
        (Form::Json, Cell::Bytes(bytes)) => Some(json(bytes)),
        (Form::Uuid, Cell::Bytes(bytes)) => Some(uuid(bytes)),
        (Form::Date, Cell::Date(year, month, day, ..)) => Some(date(year, month, day)),
        (Form::DateTime { digits }, Cell::Date(year, month, day, hour, minute, second, micro)) => {
            Some(moment(Kind::LocalDateTime, *digits, (year, month, day), (hour, minute, second, micro)))
        }
        (Form::Timestamp { digits }, Cell::Date(year, month, day, hour, minute, second, micro)) => {
            Some(moment(Kind::Instant, *digits, (year, month, day), (hour, minute, second, micro)))
        }
        (Form::Time { .. }, Cell::Time(negative, days, hours, minutes, seconds, micros)) => {
            Some(Value::Time(duration(negative, days, (hours, minutes, seconds, micros))))
        }
        // A cell of another type than the column's: the table changed under us, or the server is not what it says.
        (
            Form::Int
            | Form::Bit
            | Form::Decimal
            | Form::Float
            | Form::Text
            | Form::LossyText(_)
            | Form::Bytes
            | Form::Json
            | Form::Uuid
            | Form::Date
            | Form::DateTime { .. }
            | Form::Timestamp { .. }
            | Form::Time { .. }
            | Form::Unknown(_),
            _,
        ) => None,
    }
}

/// Appends what a cell holds: what [`read`] gives, for the kinds that fill tables without a value in between.
pub(crate) fn append(form: &Form, cell: Cell, out: &mut Cells) -> Option<()> {
    match (form, cell) {
        (_, Cell::NULL) => out.null(),
        (Form::Int, Cell::Int(number)) => out.int(number),
        (Form::Text | Form::LossyText(_), Cell::Bytes(bytes)) => out.text(&bytes),
        (Form::Json, Cell::Bytes(bytes)) => out.json(&bytes),
        (Form::Bytes, Cell::Bytes(bytes)) => out.bytes(&bytes),
        (form, cell) => out.value(&read(form, cell)?), // the driver's enum: every other pair
    }
    Some(())
}

/// Text, or the bytes that are none.
pub(crate) fn text(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::Text(text),
        Err(error) => Value::Invalid(Kind::Text, error.into_bytes()),
    }
}

fn json(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => Value::Json(text),
        Err(error) => Value::Invalid(Kind::Json, error.into_bytes()),
    }
}

fn bits_of(bits: &[u8]) -> Option<Value> {
    if bits.len() > 8 {
        return None;
    }
    Some(Value::Int(bits.iter().fold(0, |number, byte| number << 8 | i128::from(*byte))))
}

/// ZEROFILL pads with zeros, which are no part of the number.
fn decimal(digits: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(digits).ok()?;
    let (sign, body) = text.strip_prefix('-').map_or(("", text), |body| ("-", body));
    let whole = body.split('.').next().unwrap_or_default();
    let plain = body.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !whole.is_empty();
    if !plain {
        return None;
    }
    let zeros = whole.len() - whole.trim_start_matches('0').len();
    let padding = zeros.min(whole.len() - 1);
    Some(Value::Decimal(format!("{sign}{}", &body[padding..])))
}

fn uuid(text: Vec<u8>) -> Value {
    let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'-').collect();
    let half = |byte: u8| char::from(byte).to_digit(16).and_then(|half| u8::try_from(half).ok());
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| Some(half(pair[0])? << 4 | half(*pair.get(1)?)?)).collect();
    match bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) {
        Some(bytes) => Value::Uuid(bytes),
        None => Value::Invalid(Kind::Uuid, text),
    }
}

fn date(year: u16, month: u8, day: u8) -> Value {
    match days_since_1970(year, month, day) {
        Some(days) => Value::Date(days),
        None => Value::Invalid(Kind::Date, format!("{year:04}-{month:02}-{day:02}").into_bytes()),
    }
}

type Clock = (u8, u8, u8, u32);

fn moment(kind: Kind, digits: u8, (year, month, day): (u16, u8, u8), clock: Clock) -> Value {
    let Some(days) = days_since_1970(year, month, day) else {
        let (hour, minute, second, micro) = clock;
        let mut raw = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
        if digits > 0 {
            let fraction = format!("{micro:06}");
            raw.push('.');
            raw.push_str(fraction.get(..usize::from(digits)).unwrap_or(&fraction));
        }
        return Value::Invalid(kind, raw.into_bytes());
    };
    let micros = days * DAY + duration(false, 0, clock);
    if kind == Kind::Instant { Value::Instant(micros) } else { Value::LocalDateTime(micros) }
}

fn duration(negative: bool, days: u32, (hours, minutes, seconds, micros): Clock) -> i64 {
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    let all = i64::from(days) * DAY + seconds * 1_000_000 + i64::from(micros);
    if negative { -all } else { all }
}

/// Days of a real date (Howard Hinnant, "chrono-compatible low-level date algorithms"). Zero parts, the 31st of February
/// and the year 0, which for the server is no leap year and for the calendar is one, are no dates.
fn days_since_1970(year: u16, month: u8, day: u8) -> Option<i64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        _ => 0, // no month
    };
    if year == 0 || day == 0 || day > length {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let shifted = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(form: Form, cell: Cell) -> Value {
        read(&form, cell).expect("a value")
    }

    #[test]
    fn dates_are_days_and_zero_dates_are_told_as_they_stand() {
        for (year, month, day, expected) in [
            (1970, 1, 1, Value::Date(0)),
            (1969, 12, 31, Value::Date(-1)),
            (2000, 2, 29, Value::Date(11_016)),
            (9, 12, 4, Value::Date(-715_903)),
            (9999, 12, 31, Value::Date(2_932_896)),
            (0, 0, 0, Value::Invalid(Kind::Date, b"0000-00-00".to_vec())),
            (2024, 0, 10, Value::Invalid(Kind::Date, b"2024-00-10".to_vec())),
            (2024, 2, 31, Value::Invalid(Kind::Date, b"2024-02-31".to_vec())),
            (1900, 2, 29, Value::Invalid(Kind::Date, b"1900-02-29".to_vec())),
            (0, 1, 1, Value::Invalid(Kind::Date, b"0000-01-01".to_vec())),
        ] {
            assert_eq!(given(Form::Date, Cell::Date(year, month, day, 0, 0, 0, 0)), expected, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn a_datetime_at_midnight_is_no_date() {
        let midnight = Cell::Date(2014, 9, 1, 0, 0, 0, 0);
        assert_eq!(given(Form::DateTime { digits: 0 }, midnight.clone()), Value::LocalDateTime(16_314 * DAY));
        assert_eq!(given(Form::Timestamp { digits: 0 }, midnight), Value::Instant(16_314 * DAY));
        let partial = given(Form::DateTime { digits: 3 }, Cell::Date(2014, 0, 0, 1, 2, 3, 450_000));
        assert_eq!(partial, Value::Invalid(Kind::LocalDateTime, b"2014-00-00 01:02:03.450".to_vec()));
        let zero = given(Form::Timestamp { digits: 0 }, Cell::Date(0, 0, 0, 0, 0, 0, 0));
        assert_eq!(zero, Value::Invalid(Kind::Instant, b"0000-00-00 00:00:00".to_vec()));
    }

    #[test]
    fn a_time_is_a_duration() {
        let form = Form::Time { digits: 6 };
        assert_eq!(given(form.clone(), Cell::Time(true, 34, 22, 59, 59, 1)), Value::Time(-3_020_399_000_001));
        assert_eq!(given(form, Cell::Time(false, 0, 0, 0, 0, 0)), Value::Time(0));
    }

    #[test]
    fn padding_is_no_part_of_a_decimal() {
        for (digits, expected) in
            [("0000012.50", "12.50"), ("-0.10", "-0.10"), ("0", "0"), ("000", "0"), ("00.5", "0.5")]
        {
            let found = given(Form::Decimal, Cell::Bytes(digits.as_bytes().to_vec()));
            assert_eq!(found, Value::Decimal(expected.to_owned()));
        }
        assert!(read(&Form::Decimal, Cell::Bytes(b"1e5".to_vec())).is_none());
    }

    #[test]
    fn bits_are_a_number_and_unsigned_ones_keep_their_size() {
        assert_eq!(given(Form::Bit, Cell::Bytes(vec![1, 2])), Value::Int(258));
        assert_eq!(given(Form::Bit, Cell::Bytes(vec![0xff; 8])), Value::Int(u64::MAX.into()));
        assert_eq!(given(Form::Int, Cell::UInt(u64::MAX)), Value::Int(u64::MAX.into()));
    }

    #[test]
    fn what_is_no_text_keeps_its_bytes() {
        assert_eq!(given(Form::Text, Cell::Bytes(vec![0xc8, 0xe2])), Value::Invalid(Kind::Text, vec![0xc8, 0xe2]));
        let uuid = b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".to_vec();
        let Value::Uuid(bytes) = given(Form::Uuid, Cell::Bytes(uuid)) else { panic!("no uuid") };
        assert_eq!((bytes[0], bytes[15]), (0xa0, 0x11));
    }

    #[test]
    fn a_cell_of_another_type_is_an_error() {
        assert!(read(&Form::Int, Cell::Bytes(b"7".to_vec())).is_none());
        assert!(read(&Form::Unknown("vector".into()), Cell::Bytes(Vec::new())).is_none());
        assert_eq!(read(&Form::Unknown("vector".into()), Cell::NULL), Some(Value::Null));
    }
}
