//! The small values that statements, envelopes and lists are made of: digests, instants, days, levels, printable text.
//! Each has exactly one spelling, so that a document that was read and written again has the same bytes.

use lastbell_contract as contract;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None, // a byte is not an enum of ours
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("64 lower-case hexadecimal digits")
    }
}

/// A point in time: RFC 3339 in UTC with whole seconds, `2026-11-22T07:05:00Z` and no other spelling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Instant(jiff::Timestamp);

impl Instant {
    /// From seconds since 1970; `None` beyond the year 9999.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok().map(Self)
    }

    /// Reads the one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let instant = Self(text.parse().ok()?);
        (instant.0.subsec_nanosecond() == 0 && instant.to_string() == text).then_some(instant)
    }

    /// Its day in UTC.
    #[must_use]
    pub fn day(self) -> Day {
        Day(jiff::tz::Offset::UTC.to_datetime(self.0).date())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Instant> for String {
    fn from(instant: Instant) -> Self {
        instant.to_string()
    }
}

impl TryFrom<String> for Instant {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("RFC 3339 in UTC with whole seconds, like 2026-11-22T07:05:00Z")
    }
}

/// A calendar day, `2026-11-22`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Day(jiff::civil::Date);

impl Day {
    /// Reads the one spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let day = Self(text.parse().ok()?);
        (day.to_string() == text).then_some(day)
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(jiff::Span::new().days(1)))
    }

    /// The same day so many years later; 29 February becomes the 28th.
    #[must_use]
    pub fn years_later(self, years: i16) -> Self {
        Self(self.0.saturating_add(jiff::Span::new().years(years)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a day like 2026-11-22")
    }
}

/// A level of destruction, written as its word: `L0`, `L1`, `L2`, `L2f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Level(pub contract::Level);

impl From<Level> for String {
    fn from(level: Level) -> Self {
        level.0.word().into()
    }
}

impl TryFrom<String> for Level {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        contract::Level::parse(&text).map(Self).ok_or("L0, L1, L2 or L2f")
    }
}

/// The answer of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Looked, and it is as it should be.
    Pass,
    /// Looked, and it is not.
    Fail,
    /// Could not look, or was not asked to.
    Unknown,
}

impl From<contract::State> for State {
    fn from(state: contract::State) -> Self {
        match state {
            contract::State::Pass => Self::Pass,
            contract::State::Fail => Self::Fail,
            contract::State::Unknown => Self::Unknown,
        }
    }
}

/// Whose person or key it is. Only `processor` changes a verdict: processors alone never make a certificate valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Of the operator, whose data it is.
    Operator,
    /// Of the contractor who did the work.
    Processor,
    /// Of an auditor or inspector.
    Auditor,
    /// Of the new platform's keeper.
    Platform,
    /// Anyone else.
    Other,
}

impl Party {
    /// The party of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            ("operator", Self::Operator),
            ("processor", Self::Processor),
            ("auditor", Self::Auditor),
            ("platform", Self::Platform),
            ("other", Self::Other),
        ];
        all.into_iter().find_map(|(known, party)| (known == word).then_some(party))
    }
}

/// Longest text of a statement, in characters: a reason is a sentence, not a file.
pub const TEXT_CHARS_MAX: usize = 2000;

/// Whether a text may be printed as it is: one line, no control characters, nothing that reorders or hides characters.
/// A certificate comes from a stranger; a terminal and a page must not be steered by it.
#[must_use]
pub fn is_printable(text: &str) -> bool {
    text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(steers)
}

fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Makes a person's text printable: white space becomes single spaces, steering characters go, length is cut.
#[must_use]
pub fn one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.chars().filter(|character| !steers(*character)).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    words.join(" ").chars().take(TEXT_CHARS_MAX).collect::<String>().trim_end().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_spelling() {
        assert!(Instant::parse("2026-11-22T07:05:00Z").is_some());
        for other in [
            "2026-11-22T07:05:00+00:00",
            "2026-11-22t07:05:00z",
            "2026-11-22 07:05:00Z",
            "2026-11-22T07:05Z",
            "2026-11-22T10:05:00+03:00",
            "2026-11-31T07:05:00Z",
            "2026-11-22T07:05:00.000Z",
            "2026-11-22T07:05:00.5Z",
            "",
        ] {
            assert_eq!(Instant::parse(other), None, "{other}");
        }
        assert!(Day::parse("2026-11-22").is_some());
        for other in ["2026-1-2", "20261122", "2026-11-22T00:00:00Z", "2026-02-30", " 2026-11-22"] {
            assert_eq!(Day::parse(other), None, "{other}");
        }
        assert!(Digest::parse(&"ab".repeat(32)).is_some());
        for other in ["AB".repeat(32), "ab".repeat(31), "ab".repeat(33), "zz".repeat(32), "é".repeat(32)] {
            assert_eq!(Digest::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn days_and_years_are_counted() {
        assert_eq!(Instant::from_unix(1_795_331_100).unwrap().to_string(), "2026-11-22T07:05:00Z");
        assert_eq!(Instant::from_unix(1_795_331_100).unwrap().day(), Day::parse("2026-11-22").unwrap());
        assert_eq!(Day::parse("2028-02-29").unwrap().years_later(3), Day::parse("2031-02-28").unwrap());
    }

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        for text in ["a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{200b}b", "\u{feff}a", "a\u{9b}1m"] {
            assert!(!is_printable(text), "{text:?}");
            assert!(is_printable(&one_line(text)), "{text:?}");
        }
        assert!(is_printable("Приказ № 101-ОД «О выводе», ул. Примерная"));
        assert!(!is_printable(&"я".repeat(TEXT_CHARS_MAX + 1)));
        assert_eq!(one_line("  one\n\ttwo\u{202e} "), "one two");
    }
}
