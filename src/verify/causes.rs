//! Why two values that should be equal are not: the class of damage, so that a person knows what went wrong in the move.
//! Pure: reads two values after the mapping's transforms, gives a word. It never decides a verdict: rows differ by digest.

use super::canonical::{is_zero_date, normal_decimal};
use super::transform::{compose, text_of};
use crate::charsets::{cp1251, koi8r};
use lastbell_contract::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Another of the words that `values:` translates to.
    Recoded,
    /// The row belongs to another row of a joined table: namesakes merged, ids mixed up.
    Reattached,
    /// In the target more often than in the source; the column is the whole key.
    Duplicated,
    /// Every row of the source that has one and the same value here is missing.
    LeftOut,
    /// A value of another kind: the mapping lacks an `as`.
    Kind,
    /// Anything else.
    Other,
}

/// A cause and what tells it closer: a length, a number of days. Never a value.
pub type Told = (Cause, Option<i64>);

/// So many causes of one column are told apart; the rest counts as [`Cause::Other`].
const CAUSES_MAX: usize = 12;

/// A column of the rows that are looked at again, and what its mapping says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookedAtColumn {
    /// The target's column.
    pub name: String,
    /// The words that `values:` translates to; empty without it.
    pub words: BTreeSet<String>,
    /// Its value tells which row of a joined table is meant.
    pub is_link: bool,
}

/// How often each cause was found in each column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    columns: Vec<LookedAtColumn>,
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
    /// Nothing looked at yet; rows will have these columns.
    #[must_use]
    pub fn of(columns: Vec<LookedAtColumn>) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Looks at a row of both sides, of which there are so many: its values in the order of the columns.
    pub fn add(&mut self, old: &[Value], new: &[Value], rows: u64) {
        self.rows += rows;
        let differing: Vec<usize> = (0..old.len()).filter(|at| !alike(&old[*at], &new[*at])).collect();
        for at in &differing {
            let others = differing.iter().filter(|other| *other != at);
            let swapped = |other: &usize| alike(&old[*at], &new[*other]) && alike(&old[*other], &new[*at]);
            let is_swapped = !is_nothing(&old[*at]) && others.into_iter().any(swapped);
            let told = if is_swapped { (Cause::Swapped, None) } else { self.columns[*at].cause(&old[*at], &new[*at]) };
            self.count(*at, told, rows);
        }
    }

    fn count(&mut self, column: usize, told: Told, rows: u64) {
        let known = self.by_column.entry(column).or_default();
        let told = if known.len() < CAUSES_MAX || known.contains_key(&told) { told } else { (Cause::Other, None) };
        *known.entry(told).or_default() += rows;
    }

    /// Says of rows as a whole what happened to them; the name of their column is the caller's.
    pub fn add_rows(&mut self, column: &str, cause: Cause, rows: u64) {
        let known = self.columns.iter().position(|known| known.name == column);
        let at = known.unwrap_or_else(|| {
            self.columns.push(LookedAtColumn { name: column.to_owned(), ..LookedAtColumn::default() });
            self.columns.len() - 1
        });
        self.count(at, (cause, None), rows);
    }

    /// How many rows were looked at.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Line by line, the most frequent first.
    #[must_use]
    pub fn lines(&self) -> Vec<ColumnCause> {
        let of_column = |(at, causes): (&usize, &BTreeMap<Told, u64>)| {
            let line = |((cause, detail), rows): (&Told, &u64)| ColumnCause {
                column: self.columns[*at].name.clone(),
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

impl LookedAtColumn {
    /// Why two unlike values of this column are unlike.
    fn cause(&self, old: &Value, new: &Value) -> Told {
        let told = cause(old, new);
        let is_word = |value: &Value| text_of(value).is_some_and(|text| self.words.contains(text.as_ref()));
        match told.0 {
            // Numbers of rows are not nearer to one another for being few apart.
            Cause::Other | Cause::NumberShift if self.is_link => (Cause::Reattached, None),
            Cause::Other if is_word(old) && is_word(new) => (Cause::Recoded, None),
            Cause::NullOrEmpty | Cause::ZeroDate | Cause::Lost | Cause::Appeared | Cause::Swapped => told,
            Cause::Blanks | Cause::UnicodeForm | Cause::LetterCase | Cause::Mojibake | Cause::Replaced => told,
            Cause::Truncated | Cause::Scale | Cause::Zone | Cause::DayShift | Cause::NumberShift => told,
            Cause::Recoded | Cause::Reattached | Cause::Duplicated | Cause::LeftOut => told,
            Cause::Kind | Cause::Other => told,
        }
    }
}

/// Whether two values are one by their canonical bytes.
pub(super) fn alike(old: &Value, new: &Value) -> bool {
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
    if let Some(shift) = number_shift(old, new) {
        return (Cause::NumberShift, Some(shift));
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

/// Short whole numbers written as texts: marks, classes, rooms. Long ones are numbers of people and phones.
fn number_shift(old: &str, new: &str) -> Option<i64> {
    let number = |text: &str| {
        let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let shift = number(new)? - number(old)?;
    (shift != 0 && shift.unsigned_abs() <= SHIFT_MAX).then_some(shift)
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

    fn column(name: &str) -> LookedAtColumn {
        LookedAtColumn { name: name.to_owned(), ..LookedAtColumn::default() }
    }

    #[test]
    fn what_the_mapping_says_of_a_column_names_what_its_values_alone_do_not() {
        let words = LookedAtColumn { words: ["good", "poor"].map(str::to_owned).into(), ..column("score") };
        let link = LookedAtColumn { is_link: true, ..column("person") };
        for (column, old, new, expected) in [
            (&words, text("good"), text("poor"), Cause::Recoded),
            (&words, text("good"), text("gold"), Cause::Other),
            (&words, text("good"), Value::Null, Cause::Lost),
            (&link, text("90000000182"), text("90000000283"), Cause::Reattached),
            (&link, Value::Int(7), Value::Int(8), Cause::Reattached),
            (&link, Value::Int(7), Value::Null, Cause::Lost),
        ] {
            assert_eq!(column.cause(&old, &new).0, expected, "{}: {old:?} {new:?}", column.name);
        }
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
            (text("4"), text("3"), (Cause::NumberShift, Some(-1))),
            (text("10"), text("9"), (Cause::NumberShift, Some(-1))),
            (text("9000000018"), text("9000000019"), (Cause::Other, None)),
            (text("4а"), text("5а"), (Cause::Other, None)),
            (Value::Int(4), text("4"), (Cause::Kind, None)),
            (text("Ждан"), text("Добрыня"), (Cause::Other, None)),
        ] {
            assert_eq!(cause(&old, &new), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn exchanged_columns_are_told_and_not_what_they_look_like() {
        let mut causes = Causes::of(["name", "surname", "class"].map(column).into());
        causes.add(&[text("Ждан"), text("Партин"), Value::Int(1)], &[text("Партин"), text("Ждан"), Value::Int(1)], 1);
        causes.add(&[text("Ждан"), Value::Null, Value::Int(1)], &[Value::Null, Value::Null, Value::Int(1)], 1);
        let line = |column: &str, cause, rows| ColumnCause { column: column.into(), cause, detail: None, rows };
        assert_eq!(
            causes.lines(),
            [line("name", Cause::Lost, 1), line("name", Cause::Swapped, 1), line("surname", Cause::Swapped, 1)]
        );
        assert_eq!(causes.rows(), 2);
    }

    #[test]
    fn there_are_not_more_lines_than_a_person_reads() {
        let mut causes = Causes::of(vec![column("comment")]);
        for length in 1..=50 {
            causes.add(&[text(&"а".repeat(60))], &[text(&"а".repeat(length))], 1);
        }
        let lines = causes.lines();
        assert_eq!(lines.len(), CAUSES_MAX + 1);
        assert_eq!(lines.iter().map(|line| line.rows).sum::<u64>(), 50);
    }
}
