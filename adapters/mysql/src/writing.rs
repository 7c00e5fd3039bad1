//! Writes typed rows into a table by batched prepared inserts, and tells by a sum whether what was read back is the same.

use crate::error::{Told, refused};
use crate::quote::{quote, quote_all};
use crate::session::Session;
use lastbell_contract::{ErrorKind, Kind, Result, Table, Value};
use mysql::prelude::Queryable;
use mysql::{Params, Value as Cell};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Rows in one statement at most; a prepared statement takes 65,535 values.
const ROWS: usize = 500;
const VALUES: usize = 60_000;

/// Bytes in one statement at most; a single bigger row goes alone, in parts.
const BYTES: usize = 4 << 20;

/// Statements in one transaction: few waits for the disk, and no giant undo.
const STATEMENTS: usize = 40;

/// The columns of a table that can be written, with their places in a row.
pub(crate) fn written_columns(table: &Table) -> Vec<(usize, String)> {
    let columns = table.columns.iter().enumerate();
    columns.filter(|(_, column)| !column.generated).map(|(at, column)| (at, column.name.clone())).collect()
}

/// Gathers rows and writes them.
pub(crate) struct Inserts<'a> {
    session: &'a mut Session,
    begin: String,
    one: String,
    width: usize,
    places: Vec<usize>,
    waiting: Vec<Vec<Cell>>,
    bytes: usize,
    statements: usize,
}

impl<'a> Inserts<'a> {
    /// Into the table of that name, which has the columns of `shape`.
    pub(crate) fn new(session: &'a mut Session, name: &str, shape: &Table) -> Result<Self> {
        let columns = written_columns(shape);
        let names: Vec<String> = columns.iter().map(|(_, name)| name.clone()).collect();
        session.run("rebuild", "SET SESSION autocommit = 0", ())?;
        Ok(Self {
            session,
            begin: format!("INSERT INTO {} ({}) VALUES ", quote(name), quote_all(&names)),
            one: format!("({})", vec!["?"; names.len()].join(",")),
            width: shape.columns.len(),
            places: columns.into_iter().map(|(at, _)| at).collect(),
            waiting: Vec::new(),
            bytes: 0,
            statements: 0,
        })
    }

    /// Takes one row.
    pub(crate) fn add(&mut self, row: &[Value]) -> Result<()> {
        if row.len() != self.width {
            return Err(refused(ErrorKind::Unsupported, "rebuild", "row-width"));
        }
        let cells = self.places.iter().map(|at| cell(&row[*at])).collect::<Result<Vec<Cell>>>()?;
        let size: usize = self.places.iter().map(|at| row[*at].size() + 8).sum();
        if self.bytes + size > BYTES {
            self.flush()?;
        }
        if self.places.iter().any(|at| raw_text(&row[*at])) {
            self.flush()?;
            let places: Vec<&str> = self.places.iter().map(|at| place(&row[*at])).collect();
            return self.send(&format!("({})", places.join(",")), cells);
        }
        self.bytes += size;
        self.waiting.push(cells);
        if self.waiting.len() == ROWS.min(VALUES / self.places.len().max(1)).max(1) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = vec![self.one.as_str(); self.waiting.len()].join(",");
        let cells: Vec<Cell> = self.waiting.drain(..).flatten().collect();
        self.bytes = 0;
        self.send(&rows, cells)
    }

    fn send(&mut self, rows: &str, cells: Vec<Cell>) -> Result<()> {
        let sql = format!("{}{rows}", self.begin);
        self.session.connection.exec_drop(&sql, Params::Positional(cells)).told("rebuild")?;
        self.statements += 1;
        if self.statements.is_multiple_of(STATEMENTS) {
            self.session.run("rebuild", "COMMIT", ())?;
        }
        Ok(())
    }

    /// Writes what waits and makes all of it durable.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.session.run("rebuild", "COMMIT", ())?;
        self.session.run("rebuild", "SET SESSION autocommit = 1", ()).map(drop)
    }
}

/// Bytes of a text column that are no text: they must not pass through a conversion.
fn raw_text(value: &Value) -> bool {
    matches!(value, Value::Invalid(Kind::Text | Kind::Json, _))
}

fn place(value: &Value) -> &'static str {
    if raw_text(value) { "CAST(? AS BINARY)" } else { "?" }
}

/// The driver's form of a value. Whatever the server would make of it otherwise is found by [`Sum`].
fn cell(value: &Value) -> Result<Cell> {
    let unwritable = || refused(ErrorKind::Unsupported, "rebuild", "value-range");
    Ok(match value {
        Value::Null => Cell::NULL,
        Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => Cell::Int(number),
            (Err(_), Ok(number)) => Cell::UInt(number),
            (Err(_), Err(_)) => return Err(unwritable()),
        },
        Value::Bool(yes) => Cell::Int(i64::from(*yes)),
        Value::Float(number) => Cell::Double(*number),
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => Cell::Bytes(text.clone().into_bytes()),
        Value::Bytes(raw) | Value::Invalid(_, raw) => Cell::Bytes(raw.clone()),
        Value::Uuid(raw) => Cell::Bytes(uuid_text(raw).into_bytes()),
        Value::Date(days) => moment(days.checked_mul(DAY).ok_or_else(unwritable)?).ok_or_else(unwritable)?,
        Value::LocalDateTime(micros) | Value::Instant(micros) => moment(*micros).ok_or_else(unwritable)?,
        Value::Time(micros) => span(*micros).ok_or_else(unwritable)?,
    })
}

fn uuid_text(raw: &[u8; 16]) -> String {
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Date and time of day; nothing when the year has not four digits.
fn moment(micros: i64) -> Option<Cell> {
    let (year, month, day) = civil(micros.div_euclid(DAY))?;
    let (hour, minute, second, part) = clock(micros.rem_euclid(DAY));
    Some(Cell::Date(year, month, day, hour, minute, second, part))
}

fn span(micros: i64) -> Option<Cell> {
    let size = i64::try_from(micros.unsigned_abs()).ok()?;
    let (hour, minute, second, part) = clock(size % DAY);
    Some(Cell::Time(micros < 0, u32::try_from(size / DAY).ok()?, hour, minute, second, part))
}

/// Hours, minutes, seconds and microseconds of less than a day: each fits its type.
fn clock(micros: i64) -> (u8, u8, u8, u32) {
    let seconds = micros / SECOND;
    let small = |number: i64| u8::try_from(number).unwrap_or_default();
    let part = u32::try_from(micros % SECOND).unwrap_or_default();
    (small(seconds / 3600), small(seconds / 60 % 60), small(seconds % 60), part)
}

/// Year, month and day of days since 1970, by the proleptic Gregorian calendar (H. Hinnant, `civil_from_days`).
fn civil(days: i64) -> Option<(u16, u8, u8)> {
    let shifted = days.checked_add(719_468)?;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let year = u16::try_from(year).ok().filter(|year| *year <= 9999)?;
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

/// A sum over rows in any order. Two tables whose sums and counts agree hold the same rows (128 bits, not keyed: it finds
/// a server that rounds, cuts or converts, not an attacker).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    rows: u64,
    low: u64,
    high: u64,
}

impl Sum {
    /// Takes one row: the columns of these places.
    pub(crate) fn add(&mut self, row: &[Value], places: &[usize]) {
        let (mut low, mut high) = (DefaultHasher::new(), DefaultHasher::new());
        1_u8.hash(&mut high); // makes the second independent of the first
        for at in places {
            feed(&mut low, &row[*at]);
            feed(&mut high, &row[*at]);
        }
        self.rows += 1;
        self.low = self.low.wrapping_add(low.finish());
        self.high = self.high.wrapping_add(high.finish());
    }

    /// How many rows.
    pub(crate) fn rows(self) -> u64 {
        self.rows
    }
}

/// A key of some columns, for asking whether a row leads somewhere.
pub(crate) fn key(row: &[Value], places: &[usize]) -> (u64, u64) {
    let mut sum = Sum::default();
    sum.add(row, places);
    (sum.low, sum.high)
}

/// Values that a column of MySQL cannot tell apart count as one: true is 1, and 1.5 is 1.50.
fn feed(hasher: &mut DefaultHasher, value: &Value) {
    let (kind, bytes): (u8, Vec<u8>) = match value {
        Value::Null => (0, Vec::new()),
        Value::Int(number) => (1, number.to_le_bytes().to_vec()),
        Value::Bool(yes) => (1, i128::from(*yes).to_le_bytes().to_vec()),
        Value::Decimal(text) => (2, plain_decimal(text).into_bytes()),
        Value::Float(number) => (3, number.to_bits().to_le_bytes().to_vec()),
        Value::Text(text) | Value::Json(text) => (4, text.clone().into_bytes()),
        Value::Bytes(raw) => (5, raw.clone()),
        Value::Uuid(raw) => (6, raw.to_vec()),
        Value::Date(days) => (7, days.to_le_bytes().to_vec()),
        Value::Time(micros) => (8, micros.to_le_bytes().to_vec()),
        Value::LocalDateTime(micros) => (9, micros.to_le_bytes().to_vec()),
        Value::Instant(micros) => (10, micros.to_le_bytes().to_vec()),
        Value::Invalid(kind, raw) => (11, [kind.word().as_bytes(), &[0], raw].concat()),
    };
    kind.hash(hasher);
    bytes.hash(hasher);
}

fn plain_decimal(text: &str) -> String {
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// The places of the columns whose values must come back as they were given. MySQL writes JSON in its own form.
pub(crate) fn compared(table: &Table, is_mariadb: bool) -> Vec<usize> {
    let own_form = |at: &usize| !is_mariadb && table.columns[*at].kind == Kind::Json;
    written_columns(table).into_iter().map(|(at, _)| at).filter(|at| !own_form(at)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_become_what_the_server_understands() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (-719_528, (0, 1, 1)),
            (-715_906, (9, 12, 1)),
            (2_932_896, (9999, 12, 31)),
        ] {
            assert_eq!(civil(days).unwrap(), expected, "{days}");
        }
        assert_eq!(civil(2_932_897), None, "the year 10000");
        assert_eq!(moment(-1).unwrap(), Cell::Date(1969, 12, 31, 23, 59, 59, 999_999));
        assert_eq!(span(-(838 * 3600 + 59 * 60 + 59) * SECOND).unwrap(), Cell::Time(true, 34, 22, 59, 59, 0));
    }

    #[test]
    fn a_number_too_big_for_the_server_is_refused() {
        assert_eq!(cell(&Value::Int(i128::from(u64::MAX))).unwrap(), Cell::UInt(u64::MAX));
        assert_eq!(cell(&Value::Int(i128::from(i64::MIN))).unwrap(), Cell::Int(i64::MIN));
        assert!(cell(&Value::Int(i128::from(u64::MAX) + 1)).is_err());
    }

    #[test]
    fn a_sum_knows_rows_in_any_order_and_every_change() {
        let text = |text: &str| Value::Text(text.to_owned());
        let sum = |rows: &[Vec<Value>]| {
            let mut sum = Sum::default();
            rows.iter().for_each(|row| sum.add(row, &[0, 1]));
            sum
        };
        let (one, two) = (vec![text("a"), Value::Null], vec![text(""), Value::Int(1)]);
        assert_eq!(sum(&[one.clone(), two.clone()]), sum(&[two.clone(), one.clone()]));
        assert_eq!(
            sum(&[vec![Value::Decimal("1.50".into()), Value::Null]]),
            sum(&[vec![Value::Decimal("1.5".into()), Value::Null]])
        );
        for other in [
            vec![one.clone()],
            vec![one.clone(), two.clone(), two.clone()],
            vec![one.clone(), vec![text(""), text("1")]],
            vec![one.clone(), vec![Value::Null, Value::Int(1)]],
            vec![vec![text("a "), Value::Null], two.clone()],
            vec![vec![Value::Null, text("a")], two],
        ] {
            assert_ne!(sum(&other), sum(&[one.clone(), vec![text(""), Value::Int(1)]]), "{other:?}");
        }
    }
}
