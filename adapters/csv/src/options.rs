//! Takes `DIR?delimiter=;&null=\N&encoding=cp1251` apart. Pure.
//!
//! - `delimiter`: one ASCII character, or `tab`; a comma without it.
//! - `null`: the text that, unquoted, is NULL; nothing at all without it.
//! - `encoding`: `utf-8`, which is the default, or `cp1251`.
//!
//! A value may be percent-encoded (`%3B` is a semicolon). The folder is taken as it stands, up to the first `?`.

use crate::error::refused;
use lastbell_contract::{AdapterError, ErrorKind, Kind, Location, Result, Value};

/// How the files of an export are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Between two fields.
    pub(crate) delimiter: u8,
    /// What is NULL when it stands unquoted.
    pub(crate) null: Vec<u8>,
    /// How texts are written.
    pub(crate) encoding: Encoding,
}

/// How texts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF-8, checked.
    Utf8,
    /// Windows-1251: what Russian spreadsheets write.
    Cp1251,
}

impl Default for Options {
    fn default() -> Self {
        Self { delimiter: b',', null: Vec::new(), encoding: Encoding::Utf8 }
    }
}

/// The folder, and how its files are written.
pub(crate) fn parse(rest: &str) -> Result<(&str, Options)> {
    let (folder, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut options = Options::default();
    let mut seen = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| bad("csv-option"))?;
        if seen.contains(&name) {
            return Err(bad("csv-option"));
        }
        seen.push(name);
        let value = decoded(value)?;
        match name {
            "delimiter" => options.delimiter = delimiter(&value)?,
            "null" => options.null = value,
            "encoding" => options.encoding = encoding(&value)?,
            _ => return Err(bad("csv-option")), // a text: whatever else it is
        }
    }
    // What holds a delimiter, a quote or a line break never stands unquoted: nothing would ever be NULL.
    let apart = [options.delimiter, b'"', b'\n', b'\r'];
    if options.null.iter().any(|byte| apart.contains(byte)) { Err(bad("csv-null")) } else { Ok((folder, options)) }
}

fn delimiter(value: &[u8]) -> Result<u8> {
    match value {
        b"tab" => Ok(b'\t'),
        [one] if (one.is_ascii_punctuation() && *one != b'"') || [b'\t', b' '].contains(one) => Ok(*one),
        _ => Err(bad("csv-delimiter")), // bytes: whatever else they are
    }
}

fn encoding(value: &[u8]) -> Result<Encoding> {
    let known = |names: &[&str]| names.iter().any(|name| value.eq_ignore_ascii_case(name.as_bytes()));
    if known(&["utf-8", "utf8"]) {
        Ok(Encoding::Utf8)
    } else if known(&["cp1251", "windows-1251"]) {
        Ok(Encoding::Cp1251)
    } else {
        Err(bad("csv-encoding"))
    }
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    Location::decoded(text).ok_or_else(|| bad("csv-option"))
}

fn bad(code: &str) -> AdapterError {
    refused(ErrorKind::Unsupported, "open", code)
}

/// Windows-1251 from 0x80 to 0xBF; from 0xC0 on stand the letters from U+0410 in order. Nothing stands at 0x98.
const CP1251: &str = "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї";

impl Options {
    /// What a field holds.
    pub(crate) fn value(&self, raw: &[u8], quoted: bool) -> Value {
        if !quoted && raw == self.null {
            return Value::Null;
        }
        match self.encoding.text(raw) {
            Some(text) => Value::Text(text),
            None => Value::Invalid(Kind::Text, raw.to_vec()),
        }
    }
}

impl Encoding {
    /// The text; `None` when it is none in this encoding.
    pub(crate) fn text(self, raw: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(raw).ok().map(str::to_owned),
            Self::Cp1251 => raw.iter().map(|byte| letter(*byte)).collect(),
        }
    }
}

fn letter(byte: u8) -> Option<char> {
    match byte {
        0x98 => None,
        0..0x80 => Some(char::from(byte)),
        0x80..0xC0 => CP1251.chars().nth(usize::from(byte - 0x80)),
        0xC0.. => char::from_u32(0x0410 + u32::from(byte - 0xC0)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        assert_eq!(parse("/srv/export").unwrap(), ("/srv/export", Options::default()));
        let all = Options { delimiter: b';', null: b"\\N".to_vec(), encoding: Encoding::Cp1251 };
        for query in ["delimiter=;&null=\\N&encoding=cp1251", "encoding=Windows-1251&null=%5cN&delimiter=%3B"] {
            assert_eq!(parse(&format!("a b?{query}")).unwrap(), ("a b", all.clone()), "{query}");
        }
        for (word, delimiter) in [("tab", b'\t'), ("%09", b'\t'), ("|", b'|'), (",", b',')] {
            assert_eq!(parse(&format!("a?delimiter={word}")).unwrap().1.delimiter, delimiter, "{word}");
        }
        assert_eq!(parse("a?null=").unwrap().1, Options::default());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (query, code) in [
            ("delimiter", "csv-option"),
            ("delimiter=;&delimiter=,", "csv-option"),
            ("header=no", "csv-option"),
            ("null=%zz", "csv-option"),
            ("delimiter=", "csv-delimiter"),
            ("delimiter=%22", "csv-delimiter"),
            ("delimiter=%0A", "csv-delimiter"),
            ("delimiter=a", "csv-delimiter"),
            ("delimiter=;;", "csv-delimiter"),
            ("encoding=koi8-r", "csv-encoding"),
            ("null=a,b", "csv-null"),
            ("null=a;b&delimiter=;", "csv-null"),
            ("null=%22%22", "csv-null"),
            ("null=%0A", "csv-null"),
        ] {
            assert_eq!(parse(&format!("a?{query}")).unwrap_err().code.as_deref(), Some(code), "{query}");
        }
    }

    #[test]
    fn windows_1251_is_read_letter_by_letter() {
        let raw = b"\xcf\xf0\xe8\xe2\xe5\xf2, \xb8\xe6! \xb9 7 \x80\xff\xa8";
        assert_eq!(Encoding::Cp1251.text(raw).unwrap(), "Привет, ёж! № 7 ЂяЁ");
        assert_eq!(Encoding::Cp1251.text(b"\x98"), None);
        let all: std::collections::BTreeSet<char> = (0..=255).filter_map(letter).collect();
        assert_eq!((all.len(), CP1251.chars().count()), (255, 64), "each byte but 0x98 is a letter of its own");
    }

    #[test]
    fn null_is_what_stands_unquoted_and_equals_the_option() {
        let plain = Options::default();
        assert_eq!(plain.value(b"", false), Value::Null);
        assert_eq!(plain.value(b"", true), Value::Text(String::new()));
        let marked = Options { null: b"\\N".to_vec(), ..Options::default() };
        assert_eq!(marked.value(b"\\N", false), Value::Null);
        assert_eq!(marked.value(b"\\N", true), Value::Text("\\N".to_owned()));
        assert_eq!(marked.value(b"", false), Value::Text(String::new()));
        assert_eq!(plain.value(b"\xff", false), Value::Invalid(Kind::Text, vec![0xff]));
    }
}
