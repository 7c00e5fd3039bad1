//! One sampled value as detectors see it, and the distinct values of a column. Nothing here can be printed.

use lastbell_contract::{Row, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Detectors look at so many bytes of a long text; rare mentions further on are for the full pass, not for a sample.
const TEXT_BYTES_MAX: usize = 4096;

/// A value as detectors see it.
pub(crate) enum Cell<'a> {
    /// Text, decoded; numbers in plain notation.
    Text(Cow<'a, str>),
    /// Bytes that are no text.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Day(i64),
    /// A moment with a time of day, a boolean, a UUID value and the like: only its kind counts.
    Other(&'static str),
}

impl<'a> Cell<'a> {
    /// `None` for NULL, empty text and placeholders.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        let text = |text: &'a str| {
            placeholder(text).then_some(()).map_or_else(|| Some(Self::Text(mend(head(text)))), |()| None)
        };
        match value {
            Value::Null => None,
            Value::Int(number) => Some(Self::Text(Cow::Owned(number.to_string()))),
            Value::Decimal(digits) => Some(Self::Text(Cow::Borrowed(digits))),
            Value::Text(written) | Value::Json(written) => text(written),
            Value::Bytes(raw) => Self::of_bytes(raw),
            Value::Invalid(_, raw) => {
                (!raw.is_empty()).then(|| Self::Text(Cow::Owned(from_cp1251(&raw[..raw.len().min(TEXT_BYTES_MAX)]))))
            }
            Value::Date(days) => Some(Self::Day(*days)),
            Value::LocalDateTime(micros) | Value::Instant(micros) => Some(Self::of_moment(*micros)),
            Value::Uuid(_) => Some(Self::Other("uuid")),
            Value::Float(_) => Some(Self::Other("float")),
            Value::Bool(_) => Some(Self::Other("bool")),
            Value::Time(_) => Some(Self::Other("time")),
        }
    }

    fn of_bytes(raw: &'a [u8]) -> Option<Self> {
        match std::str::from_utf8(raw) {
            Ok(text) if !text.contains('\0') => (!placeholder(text)).then(|| Self::Text(mend(head(text)))),
            Ok(_) | Err(_) => Some(Self::Bytes(raw)),
        }
    }

    /// Midnight stands for a bare date in stores that have no date kind.
    fn of_moment(micros: i64) -> Self {
        const DAY: i64 = 86_400_000_000;
        if micros.rem_euclid(DAY) == 0 { Self::Day(micros.div_euclid(DAY)) } else { Self::Other("moment") }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(_) | Self::Day(_) | Self::Other(_) => None,
        }
    }

    /// The digits of a text that holds digits and the given separators only.
    pub(crate) fn digits(&self, separators: &str) -> Option<Vec<u8>> {
        let text = self.text()?.trim();
        let fits =
            !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit() || separators.contains(letter));
        fits.then(|| text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect())
    }
}

/// The distinct values of one column.
pub(crate) struct Values<'a> {
    pub(crate) cells: Vec<Cell<'a>>,
    /// Keys in a form that compares across columns; `None` where a value cannot be a key.
    pub(crate) keys: BTreeSet<Cow<'a, str>>,
}

impl<'a> Values<'a> {
    pub(crate) fn of(rows: &'a [Row], column: usize) -> Self {
        let mut seen = BTreeSet::new();
        let mut keys = BTreeSet::new();
        let mut cells = Vec::new();
        for value in rows.iter().filter_map(|row| row.get(column)) {
            let Some(cell) = Cell::of(value) else { continue };
            if let Some(key) = key(value) {
                keys.insert(key);
            }
            if seen.insert(identity(value)) {
                cells.push(cell);
            }
        }
        Self { cells, keys }
    }
}

/// What two equal values share. Only equality matters, so the forms of different kinds may meet.
fn identity(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::Int(number) => number.to_be_bytes().to_vec(),
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => text.as_bytes().to_vec(),
        Value::Float(number) => number.to_bits().to_be_bytes().to_vec(),
        Value::Bool(flag) => vec![u8::from(*flag)],
        Value::Bytes(raw) | Value::Invalid(_, raw) => raw[..raw.len().min(TEXT_BYTES_MAX)].to_vec(),
        Value::Date(number) | Value::Time(number) | Value::LocalDateTime(number) | Value::Instant(number) => {
            number.to_be_bytes().to_vec()
        }
        Value::Uuid(raw) => raw.to_vec(),
    }
}

/// The value as a key that can lead to another table.
fn key(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        Value::Text(text) | Value::Decimal(text) if !text.is_empty() && text.len() <= 64 => Some(Cow::Borrowed(text)),
        Value::Uuid(raw) => Some(Cow::Owned(raw.iter().map(|byte| format!("{byte:02x}")).collect())),
        Value::Null
        | Value::Decimal(_)
        | Value::Text(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Bytes(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::Instant(_)
        | Value::Json(_)
        | Value::Invalid(..) => None,
    }
}

/// Dashes, zeros, "нет" and the like stand for a missing value: they neither confirm nor deny.
fn placeholder(text: &str) -> bool {
    let text = text.trim();
    let hollow = text
        .chars()
        .all(|letter| matches!(letter, '-' | '0' | ' ' | '.' | '/' | '_' | '?' | '*' | '+' | '(' | ')' | ':'));
    hollow && text != "0"
        || ["нет", "нету", "не указано", "неизвестно", "отсутствует", "null", "none", "n/a", "na", "unknown", "nan"]
            .contains(&text.to_lowercase().as_str())
}

fn head(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Text that was UTF-8, was read as CP1252 and written again ("Ð˜Ð²Ð°Ð½"), as old PHP code did over latin1 columns.
fn mend(text: &str) -> Cow<'_, str> {
    let strange = text.chars().filter(|letter| matches!(letter, 'Ð' | 'Ñ')).count();
    if strange * 4 < text.chars().count() || strange == 0 {
        return Cow::Borrowed(text);
    }
    let raw: Option<Vec<u8>> = text.chars().map(to_cp1252).collect();
    match raw.map(String::from_utf8) {
        Some(Ok(mended)) => Cow::Owned(mended),
        Some(Err(_)) | None => Cow::Borrowed(text),
    }
}

fn to_cp1252(letter: char) -> Option<u8> {
    // The places 0x80 to 0x9F of CP1252; its five holes stand as the control characters themselves.
    const HIGH: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    let code = u32::from(letter);
    match HIGH.chars().position(|high| high == letter) {
        Some(at) => u8::try_from(0x80 + at).ok(),
        None => u8::try_from(code).ok(),
    }
}

/// Bytes that a column's character set does not allow are in practice CP1251.
fn from_cp1251(raw: &[u8]) -> String {
    raw.iter()
        .map(|&byte| match byte {
            0..=0x7F => char::from(byte),
            0xA8 => 'Ё',
            0xB8 => 'ё',
            0xC0..=0xFF => char::from_u32(0x410 + u32::from(byte) - 0xC0).unwrap_or(' '),
            0x80..=0xA7 | 0xA9..=0xB7 | 0xB9..=0xBF => ' ',
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use lastbell_contract::Kind;

    fn shown(value: &Value) -> Option<String> {
        Cell::of(value).and_then(|cell| cell.text().map(str::to_owned))
    }

    #[test]
    fn damaged_texts_are_read_as_they_were_meant() {
        let twice: String = "Петров".bytes().map(from_cp1252).collect();
        assert_eq!(shown(&Value::Text(twice)).unwrap(), "Петров");
        assert_eq!(shown(&Value::Invalid(Kind::Text, vec![0xCF, 0xE5, 0xF2, 0xF0, 0xB8])).unwrap(), "Петрё");
        assert_eq!(shown(&Value::Bytes("Петров".as_bytes().to_vec())).unwrap(), "Петров");
    }

    fn from_cp1252(byte: u8) -> char {
        (0u32..0x2200).filter_map(char::from_u32).find(|&letter| to_cp1252(letter) == Some(byte)).unwrap()
    }

    #[test]
    fn placeholders_count_as_missing() {
        for text in ["", " ", "-", "000-000-000 00", "нет", "N/A", "+7 (000) 000-00-00".replace('7', "0").as_str()] {
            assert!(Cell::of(&Value::Text(text.to_owned())).is_none(), "{text:?}");
        }
        assert!(Cell::of(&Value::Text("0".into())).is_some(), "a mark of 0 is a value");
    }

    #[test]
    fn equal_values_are_counted_once() {
        let rows: Vec<Row> = ["a", "b", "a"].iter().map(|text| vec![Value::Text((*text).to_owned())]).collect();
        let values = Values::of(&rows, 0);
        assert_eq!((values.cells.len(), values.keys.len()), (2, 2));
    }
}
