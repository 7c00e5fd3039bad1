//! One typed cell. The set is what diaries on SQLite, PostgreSQL, MySQL and MariaDB hold, each kind once.

use std::fmt;

/// A typed value of one cell, as the engine gave it and before any transform.
///
/// Equality is by representation: floats compare by bits, so that a NaN equals itself.
#[derive(Clone)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// Any integer, signed or unsigned, of at most 64 bits in the store.
    Int(i128),
    /// An exact decimal in plain notation: optional `-`, digits, optional `.` and digits; or `NaN`, `Infinity`, `-Infinity`.
    Decimal(String),
    /// A binary float. A 4-byte float is widened.
    Float(f64),
    /// A boolean of an engine that has them.
    Bool(bool),
    /// Valid UTF-8 text, exactly as stored.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Days since 1970-01-01 in the proleptic Gregorian calendar.
    Date(i64),
    /// Microseconds; negative or over 24 hours where the engine has durations (MySQL TIME).
    Time(i64),
    /// Microseconds since 1970-01-01 00:00 of a clock whose zone is not told.
    LocalDateTime(i64),
    /// Microseconds since 1970-01-01 00:00 UTC.
    Instant(i64),
    /// 16 bytes in the order of the text form.
    Uuid([u8; 16]),
    /// JSON text, exactly as stored.
    Json(String),
    /// Something the declared kind does not allow (bad UTF-8, a zero date): the raw bytes and the kind it should have been.
    Invalid(crate::Kind, Vec<u8>),
}

impl Value {
    /// The name of the variant, for messages.
    #[must_use]
    pub fn variant(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Int(_) => "int",
            Self::Decimal(_) => "decimal",
            Self::Float(_) => "float",
            Self::Bool(_) => "bool",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::LocalDateTime(_) => "datetime",
            Self::Instant(_) => "instant",
            Self::Uuid(_) => "uuid",
            Self::Json(_) => "json",
            Self::Invalid(..) => "invalid",
        }
    }

    /// True for SQL NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// How many bytes the value itself takes, without overhead.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) | Self::Uuid(_) => 16,
            Self::Float(_) | Self::Date(_) | Self::Time(_) | Self::LocalDateTime(_) | Self::Instant(_) => 8,
            Self::Decimal(text) | Self::Text(text) | Self::Json(text) => text.len(),
            Self::Bytes(raw) | Self::Invalid(_, raw) => raw.len(),
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Decimal(a), Self::Decimal(b)) | (Self::Text(a), Self::Text(b)) | (Self::Json(a), Self::Json(b)) => {
                a == b
            }
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Date(a), Self::Date(b))
            | (Self::Time(a), Self::Time(b))
            | (Self::LocalDateTime(a), Self::LocalDateTime(b))
            | (Self::Instant(a), Self::Instant(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Invalid(kind, a), Self::Invalid(other_kind, b)) => kind == other_kind && a == b,
            (
                Self::Null
                | Self::Int(_)
                | Self::Decimal(_)
                | Self::Float(_)
                | Self::Bool(_)
                | Self::Text(_)
                | Self::Bytes(_)
                | Self::Date(_)
                | Self::Time(_)
                | Self::LocalDateTime(_)
                | Self::Instant(_)
                | Self::Uuid(_)
                | Self::Json(_)
                | Self::Invalid(..),
                _,
            ) => false,
        }
    }
}

impl fmt::Debug for Value {
    /// Kind and size only: a value may be a child's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            other => write!(f, "{}(hidden, {} bytes)", other.variant(), other.size()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_content() {
        let shown = format!("{:?}", vec![Value::Text("Иванова".into()), Value::Int(11_223_344_595), Value::Null]);
        assert_eq!(shown, "[text(hidden, 14 bytes), int(hidden, 16 bytes), Null]");
    }
}
