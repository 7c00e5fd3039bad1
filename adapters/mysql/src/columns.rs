//! The columns of tables as the server tells them, and what each means for reading its cells.
//! Reads `information_schema`; changes nothing.

use crate::error::{odd_answer, refused};
use crate::session::{Cells, Session};
use lastbell_contract::{Column, ErrorKind, Kind, Result, TableId};
use std::collections::BTreeSet;

/// How the cells of a column arrive over the binary protocol, and what they become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Integers of any width and sign, ZEROFILL and YEAR too: the number.
    Int,
    /// BIT(n): the number that the bits make, `n` is at most 64.
    Bit,
    /// DECIMAL: its digits.
    Decimal,
    /// FLOAT and DOUBLE.
    Float,
    /// Text that the server turns into UTF-8.
    Text,
    /// Text in a character set with bytes or pairs that stand for no character; the server would give `?` for them.
    /// The word is the set.
    LossyText(String),
    /// Bytes as they are; GEOMETRY too, in the server's own form (four bytes of SRID, then WKB).
    Bytes,
    /// DATE.
    Date,
    /// TIME: a duration between -838 and 838 hours.
    Time {
        /// Digits after the second.
        digits: u8,
    },
    /// DATETIME.
    DateTime {
        /// Digits after the second.
        digits: u8,
    },
    /// TIMESTAMP: a moment; the session speaks UTC.
    Timestamp {
        /// Digits after the second.
        digits: u8,
    },
    /// JSON; on MariaDB LONGTEXT that a CHECK holds to be JSON.
    Json,
    /// MariaDB's UUID, which arrives as text.
    Uuid,
    /// A type that this adapter does not know; its name.
    Unknown(String),
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The table's name.
    pub(crate) table: String,
    /// As the catalog tells it.
    pub(crate) column: Column,
    /// How it is read.
    pub(crate) form: Form,
}

const COLUMNS: &str = "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, EXTRA, COLUMN_COMMENT, \
     CHARACTER_SET_NAME, COLLATION_NAME, DATETIME_PRECISION FROM information_schema.COLUMNS \
     WHERE TABLE_SCHEMA = DATABASE()";

/// The columns of all tables, by table, each table's in its order.
pub(crate) fn all(session: &mut Session) -> Result<Vec<Told>> {
    let json = json_columns(session, "catalog", None)?;
    let sql = format!("{COLUMNS} ORDER BY TABLE_NAME, ORDINAL_POSITION");
    session.rows("catalog", &sql, (), |row| told(row, &json))
}

/// The columns of one table; `NotFound` when there is none of exactly that name.
pub(crate) fn of(session: &mut Session, operation: &str, table: &TableId) -> Result<Vec<Told>> {
    let json = json_columns(session, operation, Some(&table.name))?;
    let sql = format!("{COLUMNS} AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION");
    let found = session.rows(operation, &sql, (&table.name,), |row| told(row, &json))?;
    // The server compares names here without regard to case and trailing blanks.
    let found: Vec<Told> = found.into_iter().filter(|told| told.table == table.name).collect();
    let here = table.schema.as_ref().is_none_or(|schema| *schema == session.database);
    if found.is_empty() || !here {
        return Err(refused(ErrorKind::NotFound, operation, "table").on(table));
    }
    Ok(found)
}

/// MariaDB stores a column declared JSON as LONGTEXT with the check `json_valid(column)`.
fn json_columns(session: &mut Session, operation: &str, table: Option<&str>) -> Result<BTreeSet<(String, String)>> {
    if !session.server.is_mariadb() {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
               WHERE CONSTRAINT_SCHEMA = DATABASE() AND CHECK_CLAUSE LIKE 'json_valid(%' \
               AND (? IS NULL OR TABLE_NAME = ?)";
    let found = session.rows(operation, sql, (table, table), |row| Ok((row.text(0)?, row.text(1)?)))?;
    Ok(found.into_iter().filter_map(|(table, clause)| Some((table, checked_name(&clause)?))).collect())
}

/// `json_valid(`name`)` gives the name; any other clause gives nothing.
fn checked_name(clause: &str) -> Option<String> {
    let inner = clause.strip_prefix("json_valid(`")?.strip_suffix("`)")?;
    let name = inner.replace("``", "`");
    (crate::quote::quote(&name) == format!("`{inner}`")).then_some(name)
}

fn told(row: &Cells, json: &BTreeSet<(String, String)>) -> Result<Told> {
    let (table, name) = (row.text(0)?, row.text(1)?);
    let data_type = row.text(2)?.to_lowercase();
    let charset = row.maybe_text(7)?;
    let is_json = data_type == "longtext"
        && row.maybe_text(8)?.as_deref() == Some("utf8mb4_bin")
        && json.contains(&(table.clone(), name.clone()));
    let digits = row.maybe_number(9)?.unwrap_or_default();
    let digits = u8::try_from(digits).map_err(|_| odd_answer("catalog"))?;
    let form = if is_json { Form::Json } else { form_of(&data_type, charset.as_deref(), digits) };
    let extra = row.text(5)?.to_uppercase();
    let comment = row.text(6)?;
    let column = Column {
        name,
        declared_type: row.text(3)?,
        kind: kind_of(&form),
        nullable: row.text(4)? == "YES",
        generated: ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT"].iter().any(|word| extra.contains(word)),
        comment: Some(comment).filter(|text| !text.is_empty()),
        charset,
    };
    Ok(Told { table, column, form })
}

fn form_of(data_type: &str, charset: Option<&str>, digits: u8) -> Form {
    match data_type {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Form::Int,
        "bit" => Form::Bit,
        "decimal" => Form::Decimal,
        "float" | "double" => Form::Float,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => text(charset),
        "inet4" | "inet6" => Form::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Form::Bytes,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => Form::Bytes,
        "date" => Form::Date,
        "time" => Form::Time { digits },
        "datetime" => Form::DateTime { digits },
        "timestamp" => Form::Timestamp { digits },
        "json" => Form::Json,
        "uuid" => Form::Uuid,
        other => Form::Unknown(other.to_owned()),
    }
}

/// UTF-8 comes as it is stored, valid or not; every byte of latin1 is a character. Of all other sets some bytes are none.
fn text(charset: Option<&str>) -> Form {
    match charset {
        None | Some("utf8mb4" | "utf8mb3" | "utf8" | "latin1") => Form::Text,
        Some("binary") => Form::Bytes,
        Some(other) => Form::LossyText(other.to_owned()),
    }
}

fn kind_of(form: &Form) -> Kind {
    match form {
        Form::Int | Form::Bit => Kind::Int,
        Form::Decimal => Kind::Decimal,
        Form::Float => Kind::Float,
        Form::Text | Form::LossyText(_) => Kind::Text,
        Form::Bytes => Kind::Bytes,
        Form::Date => Kind::Date,
        Form::Time { .. } => Kind::Time,
        Form::DateTime { .. } => Kind::LocalDateTime,
        Form::Timestamp { .. } => Kind::Instant,
        Form::Json => Kind::Json,
        Form::Uuid => Kind::Uuid,
        Form::Unknown(_) => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_json_check_makes_json_of_a_text() {
        for (clause, expected) in [
            ("json_valid(`note`)", Some("note")),
            ("json_valid(`a``b`)", Some("a`b")),
            ("json_valid(`a`) and `b` > json_valid(`c`)", None),
            ("json_valid(`note`) or 1", None),
            ("octet_length(`note`) > 3", None),
        ] {
            assert_eq!(checked_name(clause).as_deref(), expected, "{clause}");
        }
    }

    #[test]
    fn an_unknown_type_keeps_its_name() {
        assert_eq!(form_of("vector", None, 0), Form::Unknown("vector".to_owned()));
        assert_eq!(kind_of(&form_of("vector", None, 0)), Kind::Unknown);
        assert_eq!(form_of("varchar", Some("cp1251"), 0), Form::LossyText("cp1251".to_owned()));
    }
}
