//! One cell: from SQLite's five storage classes to the contract's values, and back for a rebuild.

use crate::error::refused;
use lastbell_contract::{Cells, ErrorKind, Kind, Result, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};

/// What a cell holds. A UTF-16 database was converted by SQLite; UTF-8 is taken as stored, checked here.
pub(crate) fn read(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number.into()),
        ValueRef::Real(number) => Value::Float(number),
        ValueRef::Text(raw) => match std::str::from_utf8(raw) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Invalid(Kind::Text, raw.to_vec()),
        },
        ValueRef::Blob(raw) => Value::Bytes(raw.to_vec()),
    }
}

/// Appends what a cell holds: what [`read`] gives, without a value in between.
pub(crate) fn append(cell: ValueRef<'_>, out: &mut Cells) {
    match cell {
        ValueRef::Null => out.null(),
        ValueRef::Integer(number) => out.int(number),
        ValueRef::Real(number) => out.value(&Value::Float(number)),
        ValueRef::Text(raw) => out.text(raw),
        ValueRef::Blob(raw) => out.bytes(raw),
    }
}

/// What to store for a value. A kind that SQLite has not is refused rather than written in a form of our choosing.
pub(crate) fn write(value: &Value) -> Result<ToSqlOutput<'_>> {
    let unsupported = || refused(ErrorKind::Unsupported, "write", &format!("value:{}", value.variant()));
    Ok(ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Int(number) => ValueRef::Integer(i64::try_from(*number).map_err(|_| unsupported())?),
        Value::Float(number) if number.is_nan() => return Err(unsupported()), // SQLite would store NULL
        Value::Float(number) => ValueRef::Real(*number),
        Value::Bool(yes) => ValueRef::Integer((*yes).into()),
        Value::Text(text) | Value::Decimal(text) | Value::Json(text) => ValueRef::Text(text.as_bytes()),
        Value::Invalid(Kind::Text, raw) => ValueRef::Text(raw),
        Value::Bytes(raw) => ValueRef::Blob(raw),
        Value::Date(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::Instant(_)
        | Value::Uuid(_)
        | Value::Invalid(..) => return Err(unsupported()),
    }))
}

/// What a column's declaration suggests: common names first, then SQLite's own affinity rules
/// (sqlite.org/datatype3.html, section 3.1). Only a hint: any cell may hold anything.
pub(crate) fn kind_of(declared: &str) -> Kind {
    let lower = declared.to_lowercase();
    let word = lower.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    match word {
        "" => return Kind::Unknown,
        "date" => return Kind::Date,
        "datetime" | "timestamp" => return Kind::LocalDateTime,
        "timestamptz" => return Kind::Instant,
        "time" => return Kind::Time,
        "bool" | "boolean" => return Kind::Bool,
        "uuid" | "guid" => return Kind::Uuid,
        "json" | "jsonb" => return Kind::Json,
        "decimal" | "numeric" | "number" | "money" => return Kind::Decimal,
        _ => {} // any other word goes by affinity
    }
    let has = |part: &str| lower.contains(part);
    if has("int") {
        Kind::Int
    } else if has("char") || has("clob") || has("text") {
        Kind::Text
    } else if has("blob") {
        Kind::Bytes
    } else if has("real") || has("floa") || has("doub") {
        Kind::Float
    } else {
        Kind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_suggest_a_kind() {
        for (declared, kind) in [
            ("INTEGER", Kind::Int),
            ("VARCHAR(20)", Kind::Text),
            ("DateTime", Kind::LocalDateTime),
            ("NUMERIC(10,2)", Kind::Decimal),
            ("DOUBLE PRECISION", Kind::Float),
            ("floating point", Kind::Int), // SQLite's own rule: it contains "int"
            ("", Kind::Unknown),
            ("whatever", Kind::Unknown),
        ] {
            assert_eq!(kind_of(declared), kind, "{declared}");
        }
    }

    #[test]
    fn a_value_that_sqlite_cannot_hold_is_refused() {
        assert!(write(&Value::Int(i128::from(i64::MAX) + 1)).is_err());
        assert!(write(&Value::Float(f64::NAN)).is_err());
        assert!(write(&Value::Date(0)).is_err());
        assert!(write(&Value::Int(-1)).is_ok());
    }
}
