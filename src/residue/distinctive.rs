//! Which destroyed values can be told from chance and from everybody's words.
//!
//! Distinctive is: at least 11 bytes in UTF-8; or at least 6 with a valid check digit (SNILS, INN, OMS policy) or 32 bits
//! of estimated entropy. In each case at least three different characters, one of them a letter or digit, so that fillers
//! such as `00000000000` are none, not a common word, and not a date: dates stand in every log.
//!
//! The estimate is log2(size of the character classes used) × length × share of different characters, that is
//! log2(classes) × number of different characters: `0000000` has 3 bits, `12.12.12` 16, `Xk9#qT` 39. Raw bytes are given
//! 5 bits for each different byte rather than 8, because binary cells are mostly counters and flags.

use super::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a value is not looked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Fewer than 6 bytes.
    TooShort,
    /// Chance or a filler would write it, too.
    LowEntropy,
    /// A month, a subject, a role…
    CommonWord,
    /// A number of fewer than 11 digits, a truth value, a date or a time.
    Number,
    /// More values than the bound allows: outside of the sample.
    BeyondBound,
    /// It also stands in a row that stays, or in the schema: a hit would mean nothing.
    StandsInKeptRows,
}

impl Reason {
    /// All reasons, in the order of their number on disk.
    pub(super) const ALL: [Self; 6] =
        [Self::TooShort, Self::LowEntropy, Self::CommonWord, Self::Number, Self::BeyondBound, Self::StandsInKeptRows];
}

/// Shorter than this nothing is looked for.
pub(super) const SHORTEST: usize = 6;
/// From here on length alone is enough.
const LONG: usize = 11;
/// Digits from which a number is as good as a text.
pub(super) const NUMBER_DIGITS: usize = 11;
const ENTROPY_BITS: f64 = 32.0;
const DIFFERENT_MIN: usize = 3;
const BITS_OF_RAW_BYTE: usize = 5;

/// Why a trimmed, not empty text is not looked for.
pub(super) fn of_text(text: &str) -> Option<Reason> {
    if text.len() < SHORTEST {
        return Some(Reason::TooShort);
    }
    if is_date(text.as_bytes()) {
        return Some(Reason::Number);
    }
    if words::is_common(text) {
        return Some(Reason::CommonWord);
    }
    let sound = has_substance(text);
    let enough = text.len() >= LONG || has_check_digit(text) || entropy_bits(text) >= ENTROPY_BITS;
    (!(sound && enough)).then_some(Reason::LowEntropy)
}

/// Why a number, given as plain decimal text, is not looked for.
pub(super) fn of_number(text: &str) -> Option<Reason> {
    if text.bytes().filter(u8::is_ascii_digit).count() < NUMBER_DIGITS {
        return Some(Reason::Number);
    }
    (!has_substance(text)).then_some(Reason::LowEntropy)
}

/// Why raw, not empty bytes are not looked for.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<Reason> {
    if bytes.len() < SHORTEST {
        return Some(Reason::TooShort);
    }
    let bits = different_bytes(bytes) * BITS_OF_RAW_BYTE;
    ((bits as f64) < ENTROPY_BITS).then_some(Reason::LowEntropy)
}

/// True for a piece of a long text that may stand for it.
pub(super) fn piece_of_text(text: &str) -> bool {
    text.len() >= SHORTEST
        && has_substance(text)
        && entropy_bits(text) >= ENTROPY_BITS
        && !words::is_common(text.trim())
}

fn has_substance(text: &str) -> bool {
    different_chars(text) >= DIFFERENT_MIN && text.chars().any(char::is_alphanumeric)
}

/// Tells whether a character belongs to a class.
type CharTest = fn(char) -> bool;

/// The estimate described above.
pub(super) fn entropy_bits(text: &str) -> f64 {
    let classes: [(CharTest, f64); 7] = [
        (|c| c.is_ascii_digit(), 10.0),
        (|c| c.is_ascii_lowercase(), 26.0),
        (|c| c.is_ascii_uppercase(), 26.0),
        (|c| matches!(c, 'а'..='я' | 'ё'), 33.0),
        (|c| matches!(c, 'А'..='Я' | 'Ё'), 33.0),
        (|c| c.is_ascii() && !c.is_ascii_alphanumeric(), 32.0),
        (|c| !c.is_ascii() && !matches!(c, 'А'..='я' | 'ё' | 'Ё'), 64.0),
    ];
    let size: f64 = classes.iter().filter(|(is_in, _)| text.chars().any(is_in)).map(|(_, size)| size).sum();
    size.max(1.0).log2() * different_chars(text) as f64
}

fn different_chars(text: &str) -> usize {
    let mut chars: Vec<char> = text.chars().collect();
    chars.sort_unstable();
    chars.dedup();
    chars.len()
}

/// How many different bytes there are.
pub(super) fn different_bytes(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// `2008-05-14`, `14.05.2008`, `2024/10/01 08:00:00.123+03`: a date, perhaps with a time.
fn is_date(text: &[u8]) -> bool {
    let shape: Vec<u8> = text.iter().take(10).map(|b| if b.is_ascii_digit() { b'0' } else { *b }).collect();
    let dated = ["-", ".", "/"].iter().any(|dot| {
        [format!("0000{dot}00{dot}00"), format!("00{dot}00{dot}0000")].iter().any(|form| form.as_bytes() == shape)
    });
    let rest = text.get(10..).unwrap_or_default();
    let timed = matches!(rest.first(), None | Some(b' ' | b'T' | b't'));
    dated && timed && rest.iter().all(|byte| byte.is_ascii_digit() || b" Tt:.,+-Zz".contains(byte))
}

fn has_check_digit(text: &str) -> bool {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ' || byte == b'-') {
        return false;
    }
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    match digits.len() {
        10 => inn_digit(&digits, &[2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[9],
        11 => is_snils(&digits),
        12 => {
            inn_digit(&digits, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[10]
                && inn_digit(&digits, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[11]
        }
        16 => is_oms(&digits),
        _ => false, // a length, not an enum
    }
}

fn inn_digit(digits: &[u32], weights: &[u32]) -> u32 {
    weights.iter().zip(digits).map(|(weight, digit)| weight * digit).sum::<u32>() % 11 % 10
}

fn is_snils(digits: &[u32]) -> bool {
    let sum: u32 = digits[..9].iter().zip((1..=9).rev()).map(|(digit, weight)| digit * weight).sum();
    sum % 101 % 100 == digits[9] * 10 + digits[10]
}

/// The policy number of mandatory health insurance ends in a Luhn digit.
fn is_oms(digits: &[u32]) -> bool {
    let doubled = |(at, digit): (usize, &u32)| match (at % 2, digit * 2) {
        (0, twice) if twice > 9 => twice - 9,
        (0, twice) => twice,
        (_, _) => *digit,
    };
    digits.iter().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_distinctive_and_what_is_not() {
        for (text, why) in [
            ("Ivan", Some(Reason::TooShort)),
            ("0000000", Some(Reason::LowEntropy)),
            ("12.12.12", Some(Reason::LowEntropy)),
            ("00000000000", Some(Reason::LowEntropy)),
            ("---- ---- ----", Some(Reason::LowEntropy)),
            ("ivanova", Some(Reason::LowEntropy)),
            ("2008-05-14", Some(Reason::Number)),
            ("2024-10-01T08:00:00+03:00", Some(Reason::Number)),
            ("14.05.2008", Some(Reason::Number)),
            ("Математика", Some(Reason::CommonWord)),
            ("7707083894", Some(Reason::LowEntropy)),
            ("7707083893", None),     // an INN with its check digit
            ("112-233-445 95", None), // a SNILS
            ("+79990000001", None),
            ("Xk9#qT", None),
            ("Иванов", None),
        ] {
            assert_eq!(of_text(text), why, "{text}");
        }
        assert_eq!(of_number("1122334459"), Some(Reason::Number));
        assert_eq!(of_number("11223344595"), None);
        assert_eq!(of_number("10000000000"), Some(Reason::LowEntropy));
        assert_eq!(of_bytes(&[0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0]), Some(Reason::LowEntropy));
        assert_eq!(of_bytes(&[9, 8, 7, 6, 5, 4, 3]), None);
    }

    #[test]
    fn check_digits_are_computed() {
        assert!(has_check_digit("112-233-445 95") && !has_check_digit("112-233-445 96"));
        assert!(has_check_digit("500100732259") && !has_check_digit("500100732258"));
        assert!(has_check_digit("4561261212345467") && !has_check_digit("4561261212345464"));
    }
}
