//! What a mapping does to a value before it is compared: `as`, `format`, `tolerate`. The same on both sides.
//! Reads one contract value, gives one; what cannot be parsed becomes `Invalid` with its raw text, so that it differs from
//! everything parsed and equals only the same raw text. NULL stays NULL.
//!
//! Which normalisers lose something is data (`lossy_from`): coverage prints such columns as tolerated. Kinds follow what
//! a store declares; on an engine with dynamic types a value may be of another kind, and the parsers take it as it is.

use super::calendar::{self, DateFormat};
use super::canonical::{float_bits, is_packed_so, normal_decimal, tag};
use super::json_form;
use crate::profile::Zone;
use crate::profile::profile_file::{Normaliser, Tolerance};
use lastbell_contract::{Column, Kind, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A declared transform, ready to be applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transform {
    normaliser: Option<Normaliser>,
    format: Option<DateFormat>,
    zone: Option<Zone>,
    tolerances: BTreeSet<Tolerance>,
    filled: bool,
}

impl Transform {
    /// A transform of these parts.
    #[must_use]
    pub fn new(normaliser: Option<Normaliser>, format: Option<DateFormat>, tolerances: BTreeSet<Tolerance>) -> Self {
        Self { normaliser, format, zone: None, tolerances, filled: false }
    }

    /// With the clock that times which tell no zone were read from.
    #[must_use]
    pub fn on_clock(self, zone: Option<Zone>) -> Self {
        Self { zone, ..self }
    }

    /// For a column that its engine fills up with blanks ([`is_filled`]): they are no part of what `as` reads.
    #[must_use]
    pub fn of_filled(self, filled: bool) -> Self {
        Self { filled, ..self }
    }

    /// A normaliser alone.
    #[must_use]
    pub fn of(normaliser: Normaliser) -> Self {
        Self { normaliser: Some(normaliser), ..Self::default() }
    }

    /// Whether two values of unlike meaning may come out equal when the column has this kind.
    #[must_use]
    pub fn loses(&self, kind: Kind) -> bool {
        let cuts_time =
            self.normaliser == Some(Normaliser::Date) && self.format.as_ref().is_some_and(DateFormat::has_time);
        !self.tolerances.is_empty()
            || cuts_time
            || self.normaliser.is_some_and(|normaliser| lossy_from(kind, normaliser))
    }

    /// The tolerances, in the profile's words.
    pub fn tolerance_words(&self) -> impl Iterator<Item = String> {
        self.tolerances.iter().map(|tolerance| tolerance.word().to_owned())
    }

    /// The value as it is compared.
    #[must_use]
    pub fn apply<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        let value = self.tolerate_blanks(self.without_filling(value));
        let value = match self.normaliser {
            None => value,
            Some(_) if value.is_null() => value,
            Some(normaliser) => normalise(value, normaliser, self.format.as_ref(), self.zone.as_ref()),
        };
        self.tolerate_blanks(self.tolerate_letters(value))
    }

    /// The tag under which a packed cell of this tag comes out with its bytes untouched; `None` where [`Transform::apply`]
    /// has to look at the value.
    #[must_use]
    pub fn passes(&self, cell: u8) -> Option<u8> {
        let outcome = match self.normaliser {
            None => cell,
            // The digits of an integer are its text and its decimal.
            Some(Normaliser::Text) if cell == tag::INT => tag::TEXT,
            Some(Normaliser::Decimal) if cell == tag::INT => tag::DECIMAL,
            Some(normaliser) => KEPT.iter().find(|(one, kept)| *one == normaliser && *kept == cell)?.1,
        };
        let touched = outcome == tag::TEXT && (!self.tolerances.is_empty() || self.filled);
        (is_packed_so(cell) && !touched).then_some(outcome)
    }

    fn without_filling<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        match value {
            Value::Text(text) if self.filled && self.normaliser.is_some() && text.ends_with(' ') => {
                Cow::Owned(Value::Text(text.trim_end_matches(' ').to_owned()))
            }
            other => Cow::Borrowed(other),
        }
    }

    fn tolerates(&self, tolerance: Tolerance) -> bool {
        self.tolerances.contains(&tolerance)
    }

    fn tolerate_blanks<'a>(&self, value: Cow<'a, Value>) -> Cow<'a, Value> {
        let Value::Text(text) = value.as_ref() else { return value };
        let kept = if self.tolerates(Tolerance::Trim) { text.trim() } else { text.as_str() };
        if kept.is_empty() && self.tolerates(Tolerance::EmptyIsNull) {
            return Cow::Owned(Value::Null);
        }
        if kept.len() == text.len() {
            return value;
        }
        Cow::Owned(Value::Text(kept.to_owned()))
    }

    fn tolerate_letters<'a>(&self, value: Cow<'a, Value>) -> Cow<'a, Value> {
        let Value::Text(text) = value.as_ref() else { return value };
        let composed = if self.tolerates(Tolerance::Nfc) { compose(text) } else { Cow::Borrowed(text.as_str()) };
        let changed = if self.tolerates(Tolerance::Case) { Cow::Owned(composed.to_lowercase()) } else { composed };
        match changed {
            Cow::Borrowed(_) => value,
            Cow::Owned(text) => Cow::Owned(Value::Text(text)),
        }
    }
}

/// Which cells a normaliser leaves as they are: those that are what it makes.
const KEPT: &[(Normaliser, u8)] = &[
    (Normaliser::Text, tag::TEXT),
    (Normaliser::Int, tag::INT),
    (Normaliser::Bool, tag::BOOL),
    (Normaliser::Bytes, tag::BYTES),
    (Normaliser::Date, tag::DATE),
    (Normaliser::Time, tag::TIME),
    (Normaliser::Datetime, tag::LOCAL_DATE_TIME),
    (Normaliser::Instant, tag::INSTANT),
    (Normaliser::Uuid, tag::UUID),
    (Normaliser::Hex, tag::BYTES),
];

/// Whether a column is CHAR(n). PostgreSQL gives its texts filled up with blanks to n characters, MySQL takes all blanks at
/// the end away, and SQL counts them nowhere: they are not the text's own. (SQLite fills nothing and takes nothing away.)
#[must_use]
pub fn is_filled(column: &Column) -> bool {
    let declared = column.declared_type.to_ascii_lowercase();
    let word = declared.split('(').next().unwrap_or_default().trim();
    column.kind == Kind::Text && matches!(word, "char" | "character" | "bpchar" | "nchar")
}

/// Puts the letters of Russian together that Unicode also writes in two parts: й and ё, small and capital.
/// Other letters stay as they are: their difference is shown, not hidden.
pub(super) fn compose(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{306}', '\u{308}']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let whole = match (out.chars().next_back(), letter) {
            (Some('и'), '\u{306}') => 'й',
            (Some('И'), '\u{306}') => 'Й',
            (Some('е'), '\u{308}') => 'ё',
            (Some('Е'), '\u{308}') => 'Ё',
            _ => {
                out.push(letter);
                continue;
            }
        };
        out.pop();
        out.push(whole);
    }
    Cow::Owned(out)
}

/// Whether a normaliser may make unlike meanings equal, whatever the column's kind.
#[must_use]
pub fn lossy(normaliser: Normaliser) -> bool {
    LOSSY.iter().any(|(one, _)| *one == normaliser)
}

/// Whether it may when the column has this kind.
#[must_use]
pub fn lossy_from(kind: Kind, normaliser: Normaliser) -> bool {
    LOSSY.iter().any(|(one, kinds)| *one == normaliser && kinds.contains(&kind))
}

const ANY: &[Kind] = &Kind::ALL;

/// What is lost: leading zeros of numbers in text, digits beyond a double, the time of a day, which of two equal hours it was
/// when a clock was set back, letters, case.
const LOSSY: &[(Normaliser, &[Kind])] = &[
    (Normaliser::Int, &[Kind::Text, Kind::Bytes, Kind::Unknown]),
    (Normaliser::Decimal, &[Kind::Text, Kind::Bytes, Kind::Unknown]),
    (Normaliser::Float, &[Kind::Text, Kind::Bytes, Kind::Unknown, Kind::Int, Kind::Decimal]),
    (Normaliser::Date, &[Kind::LocalDateTime]),
    (Normaliser::Datetime, &[Kind::Instant]),
    (Normaliser::Digits, ANY),
    (Normaliser::Lower, ANY),
];

/// The kind whose name an unparsed value carries.
fn kind_of(normaliser: Normaliser) -> Kind {
    match normaliser {
        Normaliser::Int => Kind::Int,
        Normaliser::Decimal => Kind::Decimal,
        Normaliser::Float => Kind::Float,
        Normaliser::Bool => Kind::Bool,
        Normaliser::Bytes | Normaliser::Hex => Kind::Bytes,
        Normaliser::Date => Kind::Date,
        Normaliser::Time => Kind::Time,
        Normaliser::Datetime => Kind::LocalDateTime,
        Normaliser::Instant => Kind::Instant,
        Normaliser::Uuid => Kind::Uuid,
        Normaliser::Json => Kind::Json,
        Normaliser::Text | Normaliser::Digits | Normaliser::Phone | Normaliser::Lower => Kind::Text,
    }
}

fn normalise<'a>(
    value: Cow<'a, Value>,
    normaliser: Normaliser,
    format: Option<&DateFormat>,
    zone: Option<&Zone>,
) -> Cow<'a, Value> {
    let parsed = match normaliser {
        Normaliser::Text if matches!(value.as_ref(), Value::Text(_)) => return value,
        Normaliser::Text => text_of(&value).map(|text| Value::Text(text.into_owned())),
        Normaliser::Int => int(&value),
        Normaliser::Decimal => decimal(&value),
        Normaliser::Float => float(&value),
        Normaliser::Bool => boolean(&value),
        Normaliser::Bytes => bytes(&value),
        Normaliser::Date => date(&value, format),
        Normaliser::Time => time(&value),
        Normaliser::Datetime => datetime(&value, format, zone),
        Normaliser::Instant => instant(&value, zone),
        Normaliser::Uuid => uuid(&value),
        Normaliser::Json => text_of(&value).and_then(|text| json_form::canonical(&text)).map(Value::Json),
        Normaliser::Digits => text_of(&value).and_then(|text| digits(&text)),
        Normaliser::Phone => text_of(&value).and_then(|text| phone(&text)),
        Normaliser::Lower => text_of(&value).map(|text| Value::Text(text.to_lowercase())),
        Normaliser::Hex => hex(&value),
    };
    Cow::Owned(parsed.unwrap_or_else(|| Value::Invalid(kind_of(normaliser), raw_of(&value).into_owned())))
}

/// A value as text: numbers in their canonical form, dates in ISO form. `None` for NULL and for bytes that are no UTF-8.
#[must_use]
pub fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::Null => return None,
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Decimal(text) => normal_decimal(text).map_or(Cow::Borrowed(text.as_str()), Cow::Owned),
        Value::Float(number) => Cow::Owned(float_text(*number)),
        Value::Bool(yes) => Cow::Borrowed(if *yes { "true" } else { "false" }),
        Value::Text(text) | Value::Json(text) => Cow::Borrowed(text),
        Value::Bytes(raw) | Value::Invalid(_, raw) => Cow::Borrowed(std::str::from_utf8(raw).ok()?),
        Value::Date(days) => Cow::Owned(calendar::date_text(*days)),
        Value::Time(micros) => Cow::Owned(calendar::time_text(*micros)),
        Value::LocalDateTime(micros) => Cow::Owned(calendar::datetime_text(*micros)),
        Value::Instant(micros) => Cow::Owned(calendar::datetime_text(*micros) + "Z"),
        Value::Uuid(raw) => Cow::Owned(uuid_text(raw)),
    })
}

/// The bytes by which a value is told when it cannot be parsed.
#[must_use]
pub fn raw_of(value: &Value) -> Cow<'_, [u8]> {
    match value {
        Value::Bytes(raw) | Value::Invalid(_, raw) => Cow::Borrowed(raw),
        Value::Null
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Text(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::Instant(_)
        | Value::Uuid(_)
        | Value::Json(_) => match text_of(value) {
            Some(Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
            None => Cow::Borrowed(&[]),
        },
    }
}

/// The shortest digits that give the same double again, without an exponent.
fn float_text(number: f64) -> String {
    let number = f64::from_bits(float_bits(number));
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    number.to_string()
}

fn uuid_text(raw: &[u8; 16]) -> String {
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn int(value: &Value) -> Option<Value> {
    let number = match value {
        Value::Int(number) => return Some(Value::Int(*number)),
        Value::Bool(yes) => return Some(Value::Int(i128::from(*yes))),
        Value::Text(text) => plain_integer(text)?,
        other => plain_integer(&text_of(other)?)?, // decimals and floats print without a fraction when they have none
    };
    Some(Value::Int(number))
}

fn plain_integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn decimal(value: &Value) -> Option<Value> {
    if let Value::Bool(_) = value {
        return None;
    }
    normal_decimal(&text_of(value)?).map(Value::Decimal)
}

fn float(value: &Value) -> Option<Value> {
    if let Value::Float(number) = value {
        return Some(Value::Float(*number));
    }
    // The decimal grammar first: Rust's own also reads `inf` and `nan` in any case.
    let Value::Decimal(text) = decimal(value)? else { return None };
    text.parse().ok().map(Value::Float)
}

fn boolean(value: &Value) -> Option<Value> {
    let yes = match value {
        Value::Bool(yes) => *yes,
        other => match text_of(other)?.to_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" => true,
            "0" | "f" | "false" | "n" | "no" => false,
            _ => return None, // 2 is not true: a text, not an enum of ours
        },
    };
    Some(Value::Bool(yes))
}

fn bytes(value: &Value) -> Option<Value> {
    match value {
        Value::Text(_) | Value::Json(_) | Value::Bytes(_) | Value::Invalid(..) => {
            Some(Value::Bytes(raw_of(value).into_owned()))
        }
        Value::Uuid(raw) => Some(Value::Bytes(raw.to_vec())),
        Value::Null
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::Instant(_) => None,
    }
}

fn date(value: &Value, format: Option<&DateFormat>) -> Option<Value> {
    let days = match value {
        Value::Date(days) => *days,
        Value::LocalDateTime(micros) => micros.div_euclid(calendar::DAY_MICROS), // declared: the time is cut off
        Value::Text(text) => date_in_text(text, format)?,
        Value::Bytes(_) => date_in_text(&text_of(value)?, format)?,
        // An instant has a date only in a zone, and a mapping names none; a number may be seconds or milliseconds.
        Value::Instant(_) | Value::Null | Value::Int(_) | Value::Decimal(_) | Value::Float(_) | Value::Bool(_) => {
            return None;
        }
        Value::Time(_) | Value::Uuid(_) | Value::Json(_) | Value::Invalid(..) => return None,
    };
    Some(Value::Date(days))
}

/// A declared form may cut a time off, since the profile wrote it down; an ISO text with a time must say midnight.
fn date_in_text(text: &str, format: Option<&DateFormat>) -> Option<i64> {
    if let Some(moment) = format.and_then(|format| format.read(text)) {
        return Some(moment.days);
    }
    calendar::parse_iso(text).filter(|moment| moment.micros == 0).map(|moment| moment.days)
}

fn datetime(value: &Value, format: Option<&DateFormat>, zone: Option<&Zone>) -> Option<Value> {
    let micros = match value {
        Value::LocalDateTime(micros) => *micros,
        Value::Instant(micros) => zone?.local_of(*micros)?,
        Value::Date(days) => days.checked_mul(calendar::DAY_MICROS)?,
        Value::Text(_) | Value::Bytes(_) => {
            let text = text_of(value)?;
            let declared = format.and_then(|format| format.read(&text));
            declared.or_else(|| calendar::parse_iso(&text))?.total_micros()?
        }
        Value::Null | Value::Int(_) | Value::Decimal(_) | Value::Float(_) | Value::Bool(_) => return None,
        Value::Time(_) | Value::Uuid(_) | Value::Json(_) | Value::Invalid(..) => return None,
    };
    Some(Value::LocalDateTime(micros))
}

/// A clock without a declared zone is no instant: Russian zones changed in 2010, 2011 and 2014.
fn instant(value: &Value, zone: Option<&Zone>) -> Option<Value> {
    let micros = match value {
        Value::Instant(micros) => *micros,
        Value::LocalDateTime(micros) => zone?.instant_of(*micros)?,
        Value::Date(days) => zone?.instant_of(days.checked_mul(calendar::DAY_MICROS)?)?,
        Value::Text(_) | Value::Bytes(_) => {
            let text = text_of(value)?;
            let local = || zone?.instant_of(calendar::parse_iso(&text)?.total_micros()?);
            calendar::parse_instant(&text).or_else(local)?
        }
        Value::Null | Value::Int(_) | Value::Decimal(_) | Value::Float(_) => return None,
        Value::Bool(_) | Value::Time(_) | Value::Uuid(_) | Value::Json(_) | Value::Invalid(..) => return None,
    };
    Some(Value::Instant(micros))
}

fn time(value: &Value) -> Option<Value> {
    match value {
        Value::Time(micros) => Some(Value::Time(*micros)),
        Value::Text(_) | Value::Bytes(_) => calendar::parse_time(&text_of(value)?).map(Value::Time),
        Value::Null | Value::Int(_) | Value::Decimal(_) | Value::Float(_) | Value::Bool(_) | Value::Date(_) => None,
        Value::LocalDateTime(_) | Value::Instant(_) | Value::Uuid(_) | Value::Json(_) | Value::Invalid(..) => None,
    }
}

fn uuid(value: &Value) -> Option<Value> {
    match value {
        Value::Uuid(raw) => Some(Value::Uuid(*raw)),
        Value::Bytes(raw) if raw.len() == 16 => raw.as_slice().try_into().ok().map(Value::Uuid),
        other => {
            let text = text_of(other)?;
            let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(&text);
            let digits: Cow<'_, str> = match bare.len() {
                36 if [8, 13, 18, 23].iter().all(|at| bare.as_bytes()[*at] == b'-') => {
                    Cow::Owned(bare.replace('-', ""))
                }
                _ => Cow::Borrowed(bare), // a length, not an enum of ours
            };
            unhex(&digits)?.try_into().ok().map(Value::Uuid)
        }
    }
}

fn hex(value: &Value) -> Option<Value> {
    match value {
        Value::Bytes(raw) => Some(Value::Bytes(raw.clone())),
        Value::Uuid(raw) => Some(Value::Bytes(raw.to_vec())),
        other => {
            let text = text_of(other)?;
            unhex(text.strip_prefix("0x").or_else(|| text.strip_prefix("\\x")).unwrap_or(&text)).map(Value::Bytes)
        }
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    odd.is_empty()
        .then(|| pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect())
        .flatten()
}

/// A text without any digit is not parsed: otherwise `as: digits` on names would make all of them equal.
fn digits(text: &str) -> Option<Value> {
    let kept: String = text.chars().filter(char::is_ascii_digit).collect();
    (!kept.is_empty()).then_some(Value::Text(kept))
}

/// Russian numbers only: ten digits, or eleven that begin with 8 or 7 (`+7`). Anything else keeps its raw text.
fn phone(text: &str) -> Option<Value> {
    let (international, rest) = match text.trim().strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let ornament = |c: char| matches!(c, '-' | '(' | ')' | '.' | '\u{2010}'..='\u{2015}') || c.is_whitespace();
    if !rest.chars().all(|c| c.is_ascii_digit() || ornament(c)) {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let subscriber = match (digits.len(), digits.as_bytes().first()?) {
        (11, b'7') => &digits[1..],
        (11, b'8') if !international => &digits[1..],
        (10, _) if !international => &digits,
        _ => return None, // a length and a byte, not an enum of ours
    };
    Some(Value::Text(format!("+7{subscriber}")))
}
