//! The byte forms in which one value may stand in a file.
//!
//! Text: UTF-8, UTF-16 in both byte orders, CP1251 and KOI8-R where they have all characters and differ from UTF-8.
//! Text escaped as in JSON or SQL dumps has no form of its own: the scanner takes the escapes away (`escapes`). Numbers of
//! at least 11 digits: their decimal text, and 8 bytes in both orders, as PostgreSQL, InnoDB (sign bit turned) and arrays
//! hold them. Database pages split long values, so text of more than 128 bytes in UTF-8 is cut into a head and a tail of
//! at most 64 bytes, by characters, so that each charset has the same piece. Raw bytes are cut into a piece from the
//! middle and the tail: the heads of pictures and archives are alike.

use super::distinctive::{self, Reason, SHORTEST};
use crate::charsets::{cp1251, koi8r, utf16be, utf16le};
use lastbell_contract::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// How a value stood in a file.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Text in UTF-8 (ASCII in any of the one-byte charsets).
    Utf8,
    /// Text in UTF-16, low byte first.
    Utf16Le,
    /// Text in UTF-16, high byte first.
    Utf16Be,
    /// Text in windows-1251.
    Cp1251,
    /// Text in KOI8-R.
    Koi8R,
    /// Raw bytes.
    Raw,
    /// A number in 8 bytes.
    Number,
    /// Text in UTF-8 or ASCII with escapes: `\u0438`, `\"`, `\n`…
    Escaped,
}

impl Encoding {
    /// All encodings, in the order of their number on disk.
    pub(super) const ALL: [Self; 8] =
        [Self::Utf8, Self::Utf16Le, Self::Utf16Be, Self::Cp1251, Self::Koi8R, Self::Raw, Self::Number, Self::Escaped];
}

/// Which part of a value a form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Whole,
    Head,
    Tail,
}

impl Piece {
    /// All pieces, in the order of their number on disk.
    pub(super) const ALL: [Self; 3] = [Self::Whole, Self::Head, Self::Tail];

    /// A bit of its own.
    pub(super) fn bit(self) -> u8 {
        match self {
            Self::Whole => 1,
            Self::Head => 2,
            Self::Tail => 4,
        }
    }
}

/// One form of a value.
pub(super) struct Form {
    pub(super) encoding: Encoding,
    pub(super) piece: Piece,
    pub(super) bytes: Vec<u8>,
}

/// Values of more bytes than this are cut.
const WHOLE_MAX: usize = 128;
/// The bytes of a piece.
const PIECE: usize = 64;
/// 128 ASCII characters in UTF-16.
pub(super) const LONGEST_FORM: usize = 256;
/// Two pieces in five charsets.
pub(super) const FORMS_MAX: usize = 10;
/// Fewer different bytes in a raw piece, and it is a picture's background or padding.
const RAW_PIECE_DIFFERENT_MIN: usize = 8;

/// What a cell holds, in the few kinds that matter for looking.
#[derive(Clone, Copy)]
pub(super) enum Atom<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
    Whole(i128),
    /// A decimal with its text.
    Decimal(&'a str),
    Real(f64),
    Uuid([u8; 16]),
    /// A truth value, a date, a time.
    Small,
}

impl<'a> Atom<'a> {
    /// The atom of a cell; none for NULL and for what is empty.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        let text = |text: &'a str| Some(text.trim()).filter(|text| !text.is_empty()).map(Self::Text);
        match value {
            Value::Null => None,
            Value::Int(number) => Some(Self::Whole(*number)),
            Value::Decimal(number) => Some(Self::Decimal(number)),
            Value::Float(number) => Some(Self::Real(*number)),
            Value::Bool(_) | Value::Date(_) | Value::Time(_) | Value::LocalDateTime(_) | Value::Instant(_) => {
                Some(Self::Small)
            }
            Value::Text(content) | Value::Json(content) => text(content),
            Value::Bytes(raw) => (!raw.is_empty()).then_some(Self::Bytes(raw)),
            Value::Invalid(_, raw) => match std::str::from_utf8(raw) {
                Ok(content) => text(content),
                Err(_) => Some(Self::Bytes(raw)),
            },
            Value::Uuid(raw) => Some(Self::Uuid(*raw)),
        }
    }

    /// Why it is not looked for.
    pub(super) fn judge(self) -> Option<Reason> {
        match self {
            Self::Text(text) => distinctive::of_text(text),
            Self::Bytes(bytes) => distinctive::of_bytes(bytes),
            Self::Whole(number) => distinctive::of_number(&number.to_string()),
            Self::Decimal(text) => distinctive::of_number(text),
            // The text of a broken float depends on who writes it; a whole one is a number kept in the wrong column.
            Self::Real(number) => match whole(number) {
                Some(number) => distinctive::of_number(&number.to_string()),
                None => Some(Reason::Number),
            },
            Self::Uuid(raw) => distinctive::of_bytes(&raw),
            Self::Small => Some(Reason::Number),
        }
    }

    /// What makes two atoms the same value: a letter for the kind, and its bytes.
    pub(super) fn identity(self) -> (u8, Vec<u8>) {
        match self {
            Self::Text(text) => (b't', text.as_bytes().to_vec()),
            Self::Bytes(bytes) => (b'b', bytes.to_vec()),
            Self::Whole(number) => (b'i', number.to_be_bytes().to_vec()),
            Self::Decimal(text) => (b'd', text.as_bytes().to_vec()),
            Self::Real(number) => (b'f', number.to_bits().to_be_bytes().to_vec()),
            Self::Uuid(raw) => (b'u', raw.to_vec()),
            Self::Small => (b's', Vec::new()),
        }
    }

    /// Every form to look for. Empty where no piece of a long value is distinctive.
    pub(super) fn forms(self) -> Vec<Form> {
        let mut forms = Vec::new();
        match self {
            Self::Text(text) => cut_text(text, &mut forms),
            Self::Bytes(bytes) => cut_bytes(bytes, &mut forms),
            Self::Decimal(text) => text_forms(text, Piece::Whole, &mut forms),
            Self::Whole(number) => {
                text_forms(&number.to_string(), Piece::Whole, &mut forms);
                integer_forms(number, &mut forms);
            }
            Self::Real(number) => {
                if let Some(number) = whole(number) {
                    text_forms(&number.to_string(), Piece::Whole, &mut forms);
                }
                number_form(number.to_le_bytes(), &mut forms);
                number_form(number.to_be_bytes(), &mut forms);
            }
            Self::Uuid(raw) => {
                text_forms(&uuid_text(&raw), Piece::Whole, &mut forms);
                push(Encoding::Raw, Piece::Whole, raw.to_vec(), &mut forms);
            }
            Self::Small => {}
        }
        forms
    }
}

/// The strings inside a JSON cell: an engine may store the document in another form, but the strings as they are.
pub(super) fn strings_in(json: &str) -> Vec<String> {
    let mut strings = Vec::new();
    if let Ok(document) = serde_json::from_str(json) {
        gather(document, &mut strings);
    }
    strings
}

fn gather(value: serde_json::Value, strings: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => strings.push(text),
        serde_json::Value::Array(items) => items.into_iter().for_each(|item| gather(item, strings)),
        serde_json::Value::Object(map) => map.into_iter().for_each(|(_, item)| gather(item, strings)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// A float that is a whole number and exactly so (below 2^53).
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i128)
}

fn cut_text(text: &str, forms: &mut Vec<Form>) {
    if text.len() <= WHOLE_MAX {
        return text_forms(text, Piece::Whole, forms);
    }
    let head_end = (0..=PIECE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail_from = (text.len() - PIECE..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    for (part, piece) in [(&text[..head_end], Piece::Head), (&text[tail_from..], Piece::Tail)] {
        if distinctive::piece_of_text(part) {
            text_forms(part, piece, forms);
        }
    }
}

fn text_forms(text: &str, piece: Piece, forms: &mut Vec<Form>) {
    push(Encoding::Utf8, piece, text.as_bytes().to_vec(), forms);
    push(Encoding::Utf16Le, piece, utf16le(text), forms);
    push(Encoding::Utf16Be, piece, utf16be(text), forms);
    if !text.is_ascii() {
        cp1251(text).into_iter().for_each(|bytes| push(Encoding::Cp1251, piece, bytes, forms));
        koi8r(text).into_iter().for_each(|bytes| push(Encoding::Koi8R, piece, bytes, forms));
    }
}

fn cut_bytes(bytes: &[u8], forms: &mut Vec<Form>) {
    if bytes.len() <= WHOLE_MAX {
        return push(Encoding::Raw, Piece::Whole, bytes.to_vec(), forms);
    }
    let middle = (bytes.len() - PIECE) / 2;
    for (part, piece) in [(&bytes[middle..middle + PIECE], Piece::Head), (&bytes[bytes.len() - PIECE..], Piece::Tail)] {
        if distinctive::different_bytes(part) >= RAW_PIECE_DIFFERENT_MIN {
            push(Encoding::Raw, piece, part.to_vec(), forms);
        }
    }
}

fn integer_forms(number: i128, forms: &mut Vec<Form>) {
    let Some(bits) = i64::try_from(number).ok().map(|n| n as u64).or_else(|| u64::try_from(number).ok()) else {
        return;
    };
    for bytes in [bits.to_le_bytes(), bits.to_be_bytes(), (bits ^ (1 << 63)).to_be_bytes()] {
        number_form(bytes, forms);
    }
}

/// Long runs of one byte fill every file: the least integer, with its sign turned, is eight zeros. A number of 11 digits has
/// at least three bytes of its own besides the zeros before them, as a rule.
fn number_form(bytes: [u8; 8], forms: &mut Vec<Form>) {
    if distinctive::different_bytes(&bytes) >= 4 {
        push(Encoding::Number, Piece::Whole, bytes.to_vec(), forms);
    }
}

fn uuid_text(raw: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in raw.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

fn push(encoding: Encoding, piece: Piece, bytes: Vec<u8>, forms: &mut Vec<Form>) {
    if bytes.len() >= SHORTEST {
        forms.push(Form { encoding, piece, bytes });
    }
}
