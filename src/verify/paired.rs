//! Finds the rows again that went wrong in their key: missing on one side, extra on the other, and alike but for one column.
//! Pure: reads the values of both, gives pairs of positions. It decides no verdict: such rows stay missing and extra.

use super::canonical::append_value;
use super::causes::alike;
use lastbell_contract::Value;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Positions of missing and of extra rows that are one row, each in one pair at most. Columns are left out in their order, so
/// a mapping's key comes first. Where several rows are alike, they are paired only if it does not matter which with which.
#[must_use]
pub fn pairs(missing: &[Vec<Value>], extra: &[Vec<Value>]) -> Vec<(usize, usize)> {
    let columns = missing.first().map_or(0, Vec::len);
    let (mut open, mut waiting) = (vec![true; missing.len()], vec![true; extra.len()]);
    let mut found = Vec::new();
    for column in 0..columns {
        let (old, new) = (groups(missing, &open, column), groups(extra, &waiting, column));
        for (rest, old) in old {
            let Some(new) = new.get(&rest).filter(|new| fit(missing, &old, extra, new, column)) else { continue };
            for (a, b) in old.iter().zip(new) {
                (open[*a], waiting[*b]) = (false, false);
                found.push((*a, *b));
            }
        }
    }
    found
}

/// Rows that are not paired yet, by what they hold beside one column.
fn groups(rows: &[Vec<Value>], open: &[bool], column: usize) -> BTreeMap<u64, Vec<usize>> {
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut bytes = Vec::new();
    for (place, row) in rows.iter().enumerate().filter(|(place, _)| open[*place]) {
        bytes.clear();
        others(row, column).for_each(|value| append_value(&mut bytes, value));
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        groups.entry(hasher.finish()).or_default().push(place);
    }
    groups
}

fn others(row: &[Value], column: usize) -> impl Iterator<Item = &Value> {
    row.iter().enumerate().filter(move |(place, _)| *place != column).map(|(_, value)| value)
}

/// As many on both sides, alike within each side, and alike beside the column, whatever the hash says.
fn fit(missing: &[Vec<Value>], old: &[usize], extra: &[Vec<Value>], new: &[usize], column: usize) -> bool {
    let same = |rows: &[Vec<Value>], places: &[usize]| {
        places.iter().all(|place| rows[*place].iter().zip(&rows[places[0]]).all(|(a, b)| alike(a, b)))
    };
    let beside = |a: &[Value], b: &[Value]| others(a, column).zip(others(b, column)).all(|(a, b)| alike(a, b));
    old.len() == new.len() && same(missing, old) && same(extra, new) && beside(&missing[old[0]], &extra[new[0]])
}

/// Columns in which all these rows have one value; none for fewer than two rows, of which every column would be one.
#[must_use]
pub fn in_common(rows: &[Vec<Value>]) -> Vec<usize> {
    let Some((first, others)) = rows.split_first().filter(|(_, others)| !others.is_empty()) else { return Vec::new() };
    (0..first.len()).filter(|column| others.iter().all(|row| alike(&row[*column], &first[*column]))).collect()
}

/// How many rows have the value that is looked for, by column.
#[derive(Clone, Debug)]
pub struct Shares {
    wanted: Vec<(usize, Value, u64)>,
    rows: u64,
}

impl Shares {
    /// Looks for the values that one row has in these columns.
    #[must_use]
    pub fn of(columns: &[usize], row: &[Value]) -> Self {
        Self { wanted: columns.iter().map(|column| (*column, row[*column].clone(), 0)).collect(), rows: 0 }
    }

    /// Counts a row.
    pub fn add(&mut self, row: &[Value]) {
        self.rows += 1;
        for (column, value, rows) in &mut self.wanted {
            *rows += u64::from(alike(value, &row[*column]));
        }
    }

    /// The columns whose value so many rows have and no more, while others have another one.
    #[must_use]
    pub fn exactly(&self, rows: u64) -> Vec<usize> {
        let those = self.wanted.iter().filter(|(_, _, counted)| *counted == rows && rows < self.rows);
        those.map(|(column, ..)| *column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(person: &str, day: i64, score: i128) -> Vec<Value> {
        vec![Value::Text(person.to_owned()), Value::Date(day), Value::Int(score)]
    }

    fn paired(missing: &[Vec<Value>], extra: &[Vec<Value>]) -> Vec<(usize, usize)> {
        let mut pairs = pairs(missing, extra);
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn rows_that_are_alike_but_for_one_column_are_found_again() {
        let missing = [row("Ждан", 1, 5), row("Аглая", 2, 4), row("Добрыня", 3, 3)];
        let extra = [row("Аглая", 9, 4), row("Партин", 1, 5), row("Ефросинья", 8, 3)];
        assert_eq!(paired(&missing, &extra), [(0, 1), (1, 0)], "two columns apart is another row");
    }

    #[test]
    fn where_it_matters_which_with_which_nobody_guesses() {
        let two_days = [row("Ждан", 1, 5), row("Ждан", 2, 5)];
        assert_eq!(paired(&two_days, &[row("Ждан", 11, 5), row("Ждан", 12, 5)]), []);
        assert_eq!(paired(&two_days, &[row("Ждан", 11, 5)]), []);
        let twice = [row("Ждан", 1, 5), row("Ждан", 1, 5)];
        assert_eq!(paired(&twice, &[row("Ждан", 2, 5), row("Ждан", 2, 5)]), [(0, 0), (1, 1)]);
        assert_eq!(paired(&twice, &[]), []);
    }

    #[test]
    fn a_value_is_left_out_when_all_rows_that_have_it_are_and_others_are_not() {
        let missing = [row("Ждан", 1, 5), row("Аглая", 2, 5)];
        let common = in_common(&missing);
        assert_eq!(common, [2]);
        assert!(in_common(&missing[..1]).is_empty(), "one row has everything in common with itself");
        let mut shares = Shares::of(&common, &missing[0]);
        missing.iter().for_each(|row| shares.add(row));
        assert!(shares.exactly(2).is_empty(), "there is no other row");
        shares.add(&row("Добрыня", 3, 4));
        assert_eq!(shares.exactly(2), [2]);
        shares.add(&row("Партин", 3, 5));
        assert!(shares.exactly(2).is_empty(), "a row that has it is not missing");
    }
}
