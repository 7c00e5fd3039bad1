//! Words that several of the written files share: a day, a moment, where a record lives after us, a category, a language.

use super::visit::Hours;
use super::zone::Zone;
use crate::rate::Rate;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, de::Unexpected};
use std::{borrow::Cow, fmt};

/// The language of comments in rendered files.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Russian, the default: the papers are Russian.
    #[default]
    Ru,
    /// English.
    En,
}

/// A civil date such as `2026-09-01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub jiff::civil::Date);

impl Day {
    /// Reads exactly `YYYY-MM-DD`. jiff alone would also take `20260901` and a date with a time, dropping the time.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        shape.then(|| text.parse().ok().map(Self)).flatten()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// When a person decided or said something: a date, or a moment with its offset (RFC 3339). Kept as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    text: String,
    /// The moment; a bare date counts from its midnight UTC.
    pub moment: jiff::Timestamp,
}

impl When {
    /// Reads a date or an RFC 3339 moment.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = match Day::parse(text) {
            Some(day) => jiff::tz::TimeZone::UTC.to_timestamp(day.0.at(0, 0, 0, 0)).ok()?,
            None => text.parse().ok()?,
        };
        Some(Self { text: text.to_owned(), moment })
    }

    /// As it stands in the file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where a person's record lives after the old system is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// In the new platform, proved row by row.
    Platform,
    /// On paper, stated by a person.
    Paper,
    /// Nowhere: its time ran out on that day.
    Expired(Day),
}

impl Until {
    /// The values that `until` may have.
    pub const ALLOWED: &'static [&'static str] = &["platform", "paper", "expired: YYYY-MM-DD"];

    /// Reads `platform`, `paper` or `expired: DATE`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "platform" => Some(Self::Platform),
            "paper" => Some(Self::Paper),
            other => Day::parse(other.strip_prefix("expired:")?.trim()).map(Self::Expired),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Paper => f.write_str("paper"),
            Self::Expired(day) => write!(f, "expired: {day}"),
        }
    }
}

pub use crate::category::Category;

/// Texts that stand for a typed value: written as they print, read by `parse`, refused with `$expected`.
macro_rules! as_text {
    ($name:ident, $expected:literal, $description:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| D::Error::invalid_value(Unexpected::Other("text"), &$expected))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $description })
            }
        }
    };
}

as_text!(Day, "date", "A date: YYYY-MM-DD");
as_text!(Zone, "zone", "A time zone: Europe/Moscow, UTC, +03:00");
as_text!(Rate, "rate", "Bytes in a second: 20MB/s, 500kB/s, none");
as_text!(Hours, "hours", "Hours of the day: 22:00-06:00");
as_text!(When, "moment", "A date (YYYY-MM-DD) or a moment with its offset (RFC 3339)");

impl Serialize for Until {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.starts_with("expired:") && Self::parse(&text).is_none() {
            return Err(D::Error::invalid_value(Unexpected::Other("text"), &"date"));
        }
        Self::parse(&text).ok_or_else(|| D::Error::unknown_variant(&text, Self::ALLOWED))
    }
}

impl JsonSchema for Until {
    fn schema_name() -> Cow<'static, str> {
        "Until".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(platform|paper|expired: ?[0-9]{4}-[0-9]{2}-[0-9]{2})$",
            "description": "platform (proved), paper (attested) or \"expired: YYYY-MM-DD\""
        })
    }
}

/// True for a word that is safe as an identifier of ours: letters of any script, digits, `_` and `-`.
#[must_use]
pub(super) fn plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

/// A text that people must fill in: absent and blank are the same.
#[must_use]
pub(super) fn blank(text: &str) -> bool {
    text.trim().is_empty()
}
