//! Why two values that should be equal are not: the class of damage, so that a person knows what went wrong in the move.
//! Pure: reads two values after the mapping's transforms, gives a word. It never decides a verdict: rows differ by digest.

use super::canonical::{is_zero_date, normal_decimal};
use super::transform::{compose, text_of};
use crate::charsets::{cp1251, koi8r};
use lastbell_contract::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened to a value on its way. In the order in which they are looked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// NULL on one side, an empty text on the other.
    NullOrEmpty,
    /// A zero date on one side.
    ZeroDate,
    /// A value was there, and is not any more.
    Lost,
    /// Nothing was there, and now something is.
    Appeared,
    /// The value of another column of the same row, and that one has this column's.
    Swapped,
    /// Blanks at an end.
    Blanks,
    /// Letters written in one part or in two: й, ё.
    UnicodeForm,
    /// Capital and small letters.
    LetterCase,
    /// Text that was read in another character set.
    Mojibake,
    /// Letters became question marks.
    Replaced,
    /// The end of a text was cut off; the detail is how many characters are left.
    Truncated,
    /// A number or a time lost digits.
    Scale,
    /// Another time zone: hours apart by whole quarters; the detail is minutes.
    Zone,
    /// Another day; the detail is days.
    DayShift,
    /// Another number, few apart; the detail is by how much.
    NumberShift,
    /// A value of another kind: the mapping lacks an `as`.
    Kind,
    /// Anything else.
    Other,
}

/// A cause and what tells it closer: a length, a number of days. Never a value.
pub type Told = (Cause, Option<i64>);

/// So many causes of one column are told apart; the rest counts as [`Cause::Other`].
const CAUSES_MAX: usize = 12;

/// How often each cause was found in each column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    by_column: BTreeMap<usize, BTreeMap<Told, u64>>,
    rows: u64,
}

/// A line of the findings: how many of the rows that were looked at differ in a column, and why.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ColumnCause {
    /// The target's column.
    pub column: String,
    /// What happened.
    pub cause: Cause,
    /// What tells it closer: characters left, minutes, days, the difference of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<i64>,
    /// In so many rows.
    pub rows: u64,
}

impl Causes {
    /// Looks at a row of both sides: the compared values in the same order.
    pub fn add(&mut self, old: &[Value], new: &[Value]) {
        self.rows += 1;
        let differing: Vec<usize> = (0..old.len()).filter(|at| !alike(&old[*at], &new[*at])).collect();
        for at in &differing {
            let others = differing.iter().filter(|other| *other != at);
            let swapped = |other: &usize| alike(&old[*at], &new[*other]) && alike(&old[*other], &new[*at]);
            let is_swapped = !is_nothing(&old[*at]) && others.into_iter().any(swapped);
            let told = if is_swapped { (Cause::Swapped, None) } else { cause(&old[*at], &new[*at]) };
            let known = self.by_column.entry(*at).or_default();
            let told = if known.len() < CAUSES_MAX || known.contains_key(&told) { told } else { (Cause::Other, None) };
            *known.entry(told).or_default() += 1;
        }
    }

    /// How many rows were looked at.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Line by line, the most frequent first. `columns` are the names of the compared values.
    #[must_use]
    pub fn lines(&self, columns: &[String]) -> Vec<ColumnCause> {
        let of_column = |(at, causes): (&usize, &BTreeMap<Told, u64>)| {
            let line = |((cause, detail), rows): (&Told, &u64)| ColumnCause {
                column: columns[*at].clone(),
                cause: *cause,
                detail: *detail,
                rows: *rows,
            };
            causes.iter().map(line).collect::<Vec<_>>()
        };
        let mut lines: Vec<ColumnCause> = self.by_column.iter().flat_map(of_column).collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.rows));
        lines
    }
}

/// Whether two values are one by their canonical bytes.
fn alike(old: &Value, new: &Value) -> bool {
    let bytes = |value| {
        let mut bytes = Vec::new();
        super::canonical::append_value(&mut bytes, value);
        bytes
    };
    bytes(old) == bytes(new)
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || matches!(value, Value::Text(text) if text.is_empty())
}

fn is_zero(value: &Value) -> bool {
    matches!(value, Value::Invalid(_, raw) if is_zero_date(raw))
}

/// Why two unlike values are unlike.
#[must_use]
pub fn cause(old: &Value, new: &Value) -> Told {
    let plain = |cause| (cause, None);
    match (is_nothing(old), is_nothing(new)) {
        (true, true) => return plain(Cause::NullOrEmpty),
        (false, false) if is_zero(old) || is_zero(new) => return plain(Cause::ZeroDate),
        (true, false) if is_zero(new) => return plain(Cause::ZeroDate),
        (false, true) if is_zero(old) => return plain(Cause::ZeroDate),
        (true, false) => return plain(Cause::Appeared),
        (false, true) => return plain(Cause::Lost),
        (false, false) => {}
    }
    match (old, new) {
        (Value::Text(old), Value::Text(new)) => of_texts(old, new),
        (Value::Date(old), Value::Date(new)) => (Cause::DayShift, Some(new.saturating_sub(*old))),
        (Value::LocalDateTime(old), Value::LocalDateTime(new)) | (Value::Instant(old), Value::Instant(new)) => {
            of_moments(*old, *new)
        }
        (Value::Int(old), Value::Int(new)) => match i64::try_from(new.saturating_sub(*old)) {
            Ok(shift) if shift.unsigned_abs() <= SHIFT_MAX => (Cause::NumberShift, Some(shift)),
            Ok(_) | Err(_) => plain(Cause::Other),
        },
        (Value::Int(_) | Value::Decimal(_) | Value::Float(_), Value::Int(_) | Value::Decimal(_) | Value::Float(_)) => {
            plain(if lost_digits(old, new) { Cause::Scale } else { Cause::Other })
        }
        (old, new) => plain(if old.variant() == new.variant() { Cause::Other } else { Cause::Kind }), // any other pair
    }
}

/// Numbers that are further apart say nothing about how that came.
const SHIFT_MAX: u64 = 10;

fn of_texts(old: &str, new: &str) -> Told {
    type Step = fn(&str) -> String;
    let steps: [(Cause, Step); 3] = [
        (Cause::Blanks, |text| text.trim().to_owned()),
        (Cause::UnicodeForm, |text| compose(text).into_owned()),
        (Cause::LetterCase, str::to_lowercase),
    ];
    let (mut a, mut b) = (old.to_owned(), new.to_owned());
    for (cause, step) in steps {
        (a, b) = (step(&a), step(&b));
        if a == b {
            return (cause, None);
        }
    }
    if is_misread(old, new) || is_misread(new, old) {
        return (Cause::Mojibake, None);
    }
    if is_replaced(old, new) {
        return (Cause::Replaced, None);
    }
    let (old, new) = (old.trim_end(), new.trim_end());
    if !new.is_empty() && old.starts_with(new) {
        return (Cause::Truncated, i64::try_from(new.chars().count()).ok());
    }
    (Cause::Other, None)
}

/// Whether `wrong` is what one gets by reading the bytes of `right` in another character set. UTF-8 read as windows-1251,
/// KOI8-R or Latin-1; and the Russian sets read as one another or as Latin-1.
fn is_misread(right: &str, wrong: &str) -> bool {
    let latin1 =
        |text: &str| text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect::<Option<Vec<u8>>>();
    let as_read = [cp1251(wrong), koi8r(wrong), latin1(wrong)];
    let as_written = [Some(right.as_bytes().to_vec()), cp1251(right), koi8r(right)];
    !right.is_ascii() && as_read.iter().flatten().any(|read| as_written.iter().flatten().any(|written| read == written))
}

/// Whether every letter that differs became a question mark or the sign for an unreadable one.
fn is_replaced(old: &str, new: &str) -> bool {
    old.chars().count() == new.chars().count()
        && old.chars().zip(new.chars()).all(|(a, b)| a == b || matches!(b, '?' | '\u{fffd}'))
}

const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

/// No zone is further from another than 26 hours; all of them differ by quarters of an hour.
fn of_moments(old: i64, new: i64) -> Told {
    let shift = new.saturating_sub(old);
    let minutes = shift / MINUTE;
    if shift % (15 * MINUTE) == 0 && minutes.abs() < 24 * 60 {
        return (Cause::Zone, Some(minutes));
    }
    if shift % (24 * 60 * MINUTE) == 0 {
        return (Cause::DayShift, Some(minutes / (24 * 60)));
    }
    if shift.abs() <= SECOND && (new % SECOND == 0 || new % 1000 == 0) {
        return (Cause::Scale, None);
    }
    (Cause::Other, None)
}

/// Whether one number is the other with fewer digits behind the point, cut off or rounded.
fn lost_digits(old: &Value, new: &Value) -> bool {
    let text = |value| text_of(value).and_then(|text| normal_decimal(&text));
    let (Some(old), Some(new)) = (text(old), text(new)) else { return false };
    let scale = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let (long, short) = if scale(&old) > scale(&new) { (old, new) } else { (new, old) };
    if scale(&long) == scale(&short) {
        return false;
    }
    let (Ok(exact), Ok(rounded)) = (long.parse::<f64>(), short.parse::<f64>()) else { return false };
    let unit = 10_f64.powi(-i32::try_from(scale(&short)).unwrap_or(i32::MAX));
    (exact - rounded).abs() < unit
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use lastbell_contract::Kind;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.to_owned())
    }

    #[test]
    fn each_damage_is_called_by_its_name() {
        let zero = Value::Invalid(Kind::Date, b"0000-00-00".to_vec());
        let moment = |hours: i64| Value::LocalDateTime(hours * 3_600_000_000 + 123_456);
        for (old, new, expected) in [
            (Value::Null, text(""), (Cause::NullOrEmpty, None)),
            (text(""), Value::Null, (Cause::NullOrEmpty, None)),
            (zero.clone(), Value::Null, (Cause::ZeroDate, None)),
            (zero, Value::Date(-719_528), (Cause::ZeroDate, None)),
            (text("Тестовна"), Value::Null, (Cause::Lost, None)),
            (Value::Null, text("<null>"), (Cause::Appeared, None)),
            (text("Аглая"), text(" Аглая\u{a0}"), (Cause::Blanks, None)),
            (text("Алёна"), text("Але\u{308}на"), (Cause::UnicodeForm, None)),
            (text("Аглая"), text("АГЛАЯ"), (Cause::LetterCase, None)),
            (text("Аглая "), text("АГЛАЯ"), (Cause::LetterCase, None)),
            (text("Ждан"), text("Р–РґР°РЅ"), (Cause::Mojibake, None)),
            (text("Ждан"), text("Æäàí"), (Cause::Mojibake, None)),
            (text("Ждан"), text("????"), (Cause::Replaced, None)),
            (text("Ждан 😀"), text("Ждан ?"), (Cause::Replaced, None)),
            (text("Контрольная работа"), text("Контрольная"), (Cause::Truncated, Some(11))),
            (text("Контрольная работа"), text("Контрольная "), (Cause::Truncated, Some(11))),
            (decimal("4.1234"), decimal("4.12"), (Cause::Scale, None)),
            (decimal("4.5"), Value::Int(5), (Cause::Scale, None)),
            (Value::Float(0.125), decimal("0.13"), (Cause::Scale, None)),
            (decimal("4.5"), decimal("5.6"), (Cause::Other, None)),
            (moment(10), moment(7), (Cause::Zone, Some(-180))),
            (moment(10), moment(34), (Cause::DayShift, Some(1))),
            (Value::Instant(1_999_999), Value::Instant(1_000_000), (Cause::Scale, None)),
            (Value::Date(10), Value::Date(9), (Cause::DayShift, Some(-1))),
            (Value::Int(4), Value::Int(5), (Cause::NumberShift, Some(1))),
            (Value::Int(4), Value::Int(500), (Cause::Other, None)),
            (Value::Int(4), text("4"), (Cause::Kind, None)),
            (text("Ждан"), text("Добрыня"), (Cause::Other, None)),
        ] {
            assert_eq!(cause(&old, &new), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn exchanged_columns_are_told_and_not_what_they_look_like() {
        let mut causes = Causes::default();
        causes.add(&[text("Ждан"), text("Партин"), Value::Int(1)], &[text("Партин"), text("Ждан"), Value::Int(1)]);
        causes.add(&[text("Ждан"), Value::Null, Value::Int(1)], &[Value::Null, Value::Null, Value::Int(1)]);
        let columns = ["name".to_owned(), "surname".to_owned(), "class".to_owned()];
        let line = |column: &str, cause, rows| ColumnCause { column: column.into(), cause, detail: None, rows };
        assert_eq!(
            causes.lines(&columns),
            [line("name", Cause::Lost, 1), line("name", Cause::Swapped, 1), line("surname", Cause::Swapped, 1)]
        );
        assert_eq!(causes.rows(), 2);
    }

    #[test]
    fn there_are_not_more_lines_than_a_person_reads() {
        let mut causes = Causes::default();
        for length in 1..=50 {
            causes.add(&[text(&"а".repeat(60))], &[text(&"а".repeat(length))]);
        }
        let lines = causes.lines(&["comment".to_owned()]);
        assert_eq!(lines.len(), CAUSES_MAX + 1);
        assert_eq!(lines.iter().map(|line| line.rows).sum::<u64>(), 50);
    }
}
