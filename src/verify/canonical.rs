//! Canonical bytes: one typed value is `tag u8 | length u32 BE | bytes`, one row is `version u8 | count u32 BE | values`.
//! Reads contract values, writes bytes; the specification with test vectors is `docs/canonical-values.md`.
//!
//! Values are never joined as text: with a separator, `('a|b','c')` and `('b|c','a')` can look alike, and a NULL can look
//! like the word for it (both reproduced with a known comparison tool, see the test vectors).

use lastbell_contract::{Kind, PackedCell, Value};

/// Version of the form. A change of any rule below is a new version, since digests of the old one stop matching.
pub const VERSION: u8 = 1;

/// The tag of each kind of value: those of a packed cell, and three for what is not what it should be.
pub mod tag {
    pub use lastbell_contract::packed::tag::{
        BOOL, BYTES, DATE, DECIMAL, FLOAT, INSTANT, INT, JSON, LOCAL_DATE_TIME, NULL, TEXT, TIME, UUID,
    };
    /// Bytes that should have been text and are not UTF-8.
    pub const BAD_TEXT: u8 = 0x20;
    /// `0000-00-00`, with or without a time of zero: one byte, the kind that it should have been.
    pub const ZERO_DATE: u8 = 0x21;
    /// Anything else that is not what it should have been: the kind's byte, then the raw text.
    pub const UNPARSED: u8 = lastbell_contract::packed::tag::INVALID;
}

/// Whether a packed cell of this tag is canonical as it stands. A decimal and a float take one form first, and of what is
/// invalid three kinds are told apart.
#[must_use]
pub fn is_packed_so(tag: u8) -> bool {
    !matches!(tag, tag::DECIMAL | tag::FLOAT | tag::UNPARSED)
}

/// Appends the canonical bytes of a packed cell.
pub fn append_cell(out: &mut Vec<u8>, cell: PackedCell<'_>) {
    if is_packed_so(cell.tag()) {
        out.extend_from_slice(cell.framed());
    } else {
        append_value(out, &cell.value());
    }
}

/// Appends the canonical bytes of one value.
pub fn append_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => append(out, tag::NULL, &[]),
        Value::Int(number) => append_measured(out, tag::INT, |out| append_int(out, *number)),
        Value::Decimal(text) => append_decimal(out, text),
        Value::Float(number) => append(out, tag::FLOAT, &float_bits(*number).to_be_bytes()),
        Value::Bool(yes) => append(out, tag::BOOL, &[u8::from(*yes)]),
        Value::Text(text) => append(out, tag::TEXT, text.as_bytes()),
        Value::Bytes(raw) => append(out, tag::BYTES, raw),
        Value::Date(days) => append(out, tag::DATE, &days.to_be_bytes()),
        Value::Time(micros) => append(out, tag::TIME, &micros.to_be_bytes()),
        Value::LocalDateTime(micros) => append(out, tag::LOCAL_DATE_TIME, &micros.to_be_bytes()),
        Value::Instant(micros) => append(out, tag::INSTANT, &micros.to_be_bytes()),
        Value::Uuid(raw) => append(out, tag::UUID, raw),
        Value::Json(text) => append(out, tag::JSON, text.as_bytes()),
        Value::Invalid(kind, raw) => append_invalid(out, *kind, raw),
    }
}

/// Appends `version | count`, the head of a row; the values follow by [`append_value`].
///
/// # Panics
/// When there are 2^32 columns.
pub fn append_row_head(out: &mut Vec<u8>, columns: usize) {
    out.push(VERSION);
    let count = u32::try_from(columns).expect("no engine has 2^32 columns");
    out.extend_from_slice(&count.to_be_bytes());
}

/// Appends a whole row.
pub fn append_row<'a>(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = &'a Value>) {
    append_row_head(out, values.len());
    values.for_each(|value| append_value(out, value));
}

fn append(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&length(bytes.len()));
    out.extend_from_slice(bytes);
}

/// Writes the bytes first and their length afterwards, so that nothing is copied twice.
fn append_measured(out: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    out.extend_from_slice(&[0; 4]);
    let start = out.len();
    write(out);
    let bytes = length(out.len() - start);
    out[start - 4..start].copy_from_slice(&bytes);
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("the longest cell of any engine (LONGBLOB) ends at 2^32 - 1 bytes").to_be_bytes()
}

fn append_int(out: &mut Vec<u8>, number: i128) {
    let mut digits = [0_u8; 40]; // 2^127 has 39 digits
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + u8::try_from(rest % 10).expect("a remainder of ten");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

fn append_decimal(out: &mut Vec<u8>, text: &str) {
    match normal_decimal(text) {
        Some(normal) => append(out, tag::DECIMAL, normal.as_bytes()),
        None => append_invalid(out, Kind::Decimal, text.as_bytes()),
    }
}

fn append_invalid(out: &mut Vec<u8>, kind: Kind, raw: &[u8]) {
    if kind == Kind::Text && std::str::from_utf8(raw).is_err() {
        append(out, tag::BAD_TEXT, raw);
    } else if is_date(kind) && is_zero_date(raw) {
        append(out, tag::ZERO_DATE, &[kind.tag()]);
    } else {
        append_measured(out, tag::UNPARSED, |out| {
            out.push(kind.tag());
            out.extend_from_slice(raw);
        });
    }
}

fn is_date(kind: Kind) -> bool {
    matches!(kind, Kind::Date | Kind::LocalDateTime | Kind::Instant)
}

/// `0000-00-00`, alone or with a time of zeros. A day of zero in a real month is not a zero date: it keeps its raw text.
#[must_use]
pub fn is_zero_date(raw: &[u8]) -> bool {
    raw.strip_prefix(b"0000-00-00")
        .is_some_and(|time| time.iter().all(|byte| matches!(byte, b'0' | b':' | b'.' | b' ' | b'T')))
}

/// The bits of a float with one zero and one NaN.
#[must_use]
pub fn float_bits(number: f64) -> u64 {
    if number.is_nan() {
        0x7ff8_0000_0000_0000
    } else if number == 0.0 {
        0
    } else {
        number.to_bits()
    }
}

/// At most so many digits are written out: PostgreSQL's numeric ends at 131,072 before the point and 16,383 behind it.
/// Beyond it an exponent could ask for any amount of memory.
const DIGITS_MAX: usize = 160_000;

/// The one form of a decimal: no exponent, no leading zeros, no trailing zeros of the fraction, no `-0`, no `+`.
/// `None` when the text is no decimal.
#[must_use]
pub fn normal_decimal(text: &str) -> Option<String> {
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return Some(text.to_owned());
    }
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text), // a byte, not an enum of ours
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !only_digits(whole) || !only_digits(fraction) {
        return None;
    }
    let (whole, fraction) = shift_point(whole, fraction, exponent)?;
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let mut normal = String::with_capacity(whole.len() + fraction.len() + 3);
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        normal.push('-');
    }
    normal.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        normal.push('.');
        normal.push_str(fraction);
    }
    Some(normal)
}

/// Digits before and behind the point once the exponent is worked in.
fn shift_point(whole: &str, fraction: &str, exponent: i64) -> Option<(String, String)> {
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|digit| digit == b'0') {
        return Some((String::new(), String::new())); // zero, whatever its exponent
    }
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let beyond = point.unsigned_abs().saturating_add(digits.len() as u64);
    if beyond > DIGITS_MAX as u64 {
        return None;
    }
    let zeros = |count: usize| "0".repeat(count);
    Some(match usize::try_from(point) {
        Ok(point) if point <= digits.len() => (digits[..point].to_owned(), digits[point..].to_owned()),
        Ok(point) => (digits.clone() + &zeros(point - digits.len()), String::new()),
        Err(_) => (String::new(), zeros(usize::try_from(point.unsigned_abs()).ok()?) + &digits),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bytes(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        append_value(&mut out, value);
        out
    }

    fn row(values: &[Value]) -> Vec<u8> {
        let mut out = Vec::new();
        append_row(&mut out, values.iter());
        out
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn vectors() -> Vec<(&'static str, Value)> {
        vec![
            ("null", Value::Null),
            ("int 0", Value::Int(0)),
            ("int -12", Value::Int(-12)),
            ("int 18446744073709551615", Value::Int(i128::from(u64::MAX))),
            ("decimal 1.50", Value::Decimal("1.50".into())),
            ("decimal -0.00", Value::Decimal("-0.00".into())),
            ("decimal NaN", Value::Decimal("NaN".into())),
            ("float 0.1", Value::Float(0.1)),
            ("float -0", Value::Float(-0.0)),
            ("float NaN", Value::Float(-f64::NAN)),
            ("bool true", Value::Bool(true)),
            ("text empty", text("")),
            ("text й (U+0439)", text("\u{439}")),
            ("text й (U+0438 U+0306)", text("\u{438}\u{306}")),
            ("bytes 00ff", Value::Bytes(vec![0, 255])),
            ("date 2024-02-29", Value::Date(19_782)),
            ("time -00:00:01", Value::Time(-1_000_000)),
            ("datetime 1970-01-02 00:00", Value::LocalDateTime(86_400_000_000)),
            ("instant 1970-01-02 00:00 UTC", Value::Instant(86_400_000_000)),
            ("uuid 00112233-4455-6677-8899-aabbccddeeff", Value::Uuid(std::array::from_fn(|i| (i as u8) * 0x11))),
            ("json {\"a\":1}", Value::Json("{\"a\":1}".into())),
            ("bad text ff", Value::Invalid(Kind::Text, vec![0xff])),
            ("zero date", Value::Invalid(Kind::Date, b"0000-00-00".to_vec())),
            ("date 2024-00-10", Value::Invalid(Kind::Date, b"2024-00-10".to_vec())),
        ]
    }

    #[test]
    fn every_vector_of_the_specification_holds() {
        let page = include_str!("../../docs/canonical-values.md");
        for (name, value) in vectors() {
            let line = format!("| {name} | `{}` |", hex(&bytes(&value)));
            assert!(page.contains(&line), "the specification lacks the line {line}");
        }
    }

    #[test]
    fn values_of_different_meaning_have_different_bytes() {
        let mut all: Vec<Vec<u8>> = vectors().iter().map(|(_, value)| bytes(value)).collect();
        for word in ["NULL", "\\N", "<null>", " ", "0", "0000-00-00"] {
            all.push(bytes(&text(word)));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn what_is_equal_in_meaning_is_equal_in_bytes() {
        let decimal = |text: &str| Value::Decimal(text.into());
        for (a, b) in [
            (decimal("1.50"), decimal("1.5")),
            (decimal("-0.00"), decimal("0")),
            (decimal("0100"), decimal("100.000")),
            (Value::Float(-0.0), Value::Float(0.0)),
            (Value::Float(f64::NAN), Value::Float(f64::from_bits(0xfff8_0000_0000_0001))),
        ] {
            assert_eq!(bytes(&a), bytes(&b), "{a:?} {b:?}");
        }
        assert_ne!(bytes(&decimal("0.1234")), bytes(&decimal("0.12")), "scale loss is a difference");
    }

    #[test]
    fn a_separator_cannot_wander_between_columns() {
        for (a, b) in [(["a|b", "c"], ["a", "b|c"]), (["1", "11"], ["11", "1"]), (["", "a"], ["a", ""])] {
            assert_ne!(row(&a.map(text)), row(&b.map(text)));
        }
        assert_ne!(row(&[text("a")]), row(&[text("a"), Value::Null]), "the number of columns counts");
    }

    #[test]
    fn decimals_take_one_form_or_none() {
        for (given, normal) in [
            ("1E20", Some("100000000000000000000")),
            ("1.5e-3", Some("0.0015")),
            ("-.5", Some("-0.5")),
            ("5.", Some("5")),
            ("+007.70", Some("7.7")),
            ("0e999999999", Some("0")),
            ("1e999999999", None),
            ("1e-999999999", None),
            ("1e9223372036854775807", None),
            ("", None),
            ("-", None),
            (".", None),
            ("1,5", None),
            ("1_0", None),
            ("0x10", None),
            ("1e", None),
        ] {
            assert_eq!(normal_decimal(given).as_deref(), normal, "{given}");
        }
        let long = format!("{}.{}", "9".repeat(65), "1".repeat(30));
        assert_eq!(normal_decimal(&long).as_deref(), Some(long.as_str()));
    }

    #[test]
    fn integers_are_written_whole() {
        for number in [0, 1, -1, 9, 10, i128::from(i64::MIN), i128::from(u64::MAX), i128::MIN, i128::MAX] {
            assert_eq!(&bytes(&Value::Int(number))[5..], number.to_string().as_bytes());
        }
    }
}
