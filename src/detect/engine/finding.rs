//! What discovery hands over: per table and column a verdict with its evidence. Evidence never holds a value.

use super::words::{Category, RowAbout, SubjectKind, Verdict};
use lastbell_contract::{Row, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A table with some of its rows. `Debug` shows their number only.
#[derive(Clone)]
pub struct TableSample<'a> {
    /// The table.
    pub table: &'a Table,
    /// Sampled rows, every column in the table's order.
    pub rows: Vec<Row>,
    /// How many rows the table has.
    pub rows_counted: u64,
}

impl fmt::Debug for TableSample<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableSample({}, {} rows hidden, of {})", self.table.id, self.rows.len(), self.rows_counted)
    }
}

/// One reason for or against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Stable id of the rule, such as `value.snils`, `name.strong.birth_date`, `key.name`.
    pub rule: String,
    /// What the rule speaks for; `none` when it speaks about the column as a whole.
    pub category: Category,
    /// Log-odds times 1,000.
    pub weight_millis: i32,
    /// Share of the distinct values that hit, where the rule looks at values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_permille: Option<u32>,
    /// How many distinct values were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u32>,
}

/// The verdict for one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnFinding {
    /// Its name.
    pub column: String,
    /// The answer.
    pub verdict: Verdict,
    /// What it holds; `none` unless personal.
    pub category: Category,
    /// What it may hold, when a person must decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guess: Option<Category>,
    /// Whom it is about.
    pub subject: SubjectKind,
    /// How sure, 0 to 1,000. Scores cluster; they are no probabilities.
    pub score_permille: u32,
    /// The reasons, in the order in which they were found.
    pub evidence: Vec<Evidence>,
    /// The checksum rule that more than half of the values satisfy. It does not happen by chance (at most 6 % of random
    /// digits pass), so nobody may override it without naming it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum_rule: Option<String>,
}

/// The verdict for one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableFinding {
    /// Its full name, as `TableId` prints it.
    pub table: String,
    /// How its rows relate to people.
    pub about: RowAbout,
    /// Whom they are about.
    pub subject: SubjectKind,
    /// Its columns, in the table's order.
    pub columns: Vec<ColumnFinding>,
    /// Personal when a column is; otherwise review when a column is.
    pub verdict: Verdict,
}
