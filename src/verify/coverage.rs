//! What a mapping proves about the source table's columns: every column accounted for, personal ones compared or not.
//! Reads the uses of columns that `mapping` collected, writes coverage figures and the problems of weak mappings.

use crate::failure::Failure;
use lastbell_contract::{Table, TableId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The personal columns of the source, from inventory and decisions: table, column, and whether the column identifies a
/// person (key to a declared subject, or of category name, birth_date, national_id, contact_*, online_id,
/// pseudonymous_link).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonalColumns(pub BTreeMap<TableId, BTreeMap<String, bool>>);

impl PersonalColumns {
    /// The personal columns of a table.
    #[must_use]
    pub fn of(&self, table: &TableId) -> Option<&BTreeMap<String, bool>> {
        self.0.get(table).filter(|columns| !columns.is_empty())
    }

    /// Whether the column identifies a person.
    #[must_use]
    pub fn identifies(&self, table: &TableId, column: &str) -> bool {
        self.of(table).and_then(|columns| columns.get(column)).is_some_and(|identifies| *identifies)
    }
}

/// What a mapping does with a source column. A column may have several uses; the first of this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// Part of the key or compared, without loss; or a link whose row is proved by what it leads to.
    Compared,
    /// Likewise, but with a tolerance or a normaliser that loses something.
    Tolerated,
    /// Compared, and may have changed.
    MayChange,
    /// The filter lets one value through.
    Filtered,
    /// Left behind for a reason.
    NotMigrated,
}

/// How the columns of all the source's tables are used: (table's place, column).
pub(super) type Uses = BTreeMap<(usize, String), BTreeSet<Use>>;

/// The personal columns of a mapping's source table, by what was done with them. Each stands in one list.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Compared exactly, or part of the key.
    pub compared: Vec<String>,
    /// Compared with a declared tolerance or loss.
    pub tolerated: Vec<String>,
    /// Compared, but allowed to have changed.
    pub may_change: Vec<String>,
    /// Not compared.
    pub left_out: Vec<String>,
}

impl Coverage {
    /// How many personal columns the table has.
    #[must_use]
    pub fn personal_columns(&self) -> usize {
        self.compared.len() + self.tolerated.len() + self.may_change.len() + self.left_out.len()
    }
}

/// Files each personal column of the base table.
pub(super) fn coverage(base: &Table, uses: &Uses, personal: &PersonalColumns) -> Coverage {
    let mut coverage = Coverage::default();
    for column in personal.of(&base.id).into_iter().flat_map(BTreeMap::keys) {
        let list = match first_use(uses, column) {
            Some(Use::Compared) => &mut coverage.compared,
            Some(Use::Tolerated) => &mut coverage.tolerated,
            Some(Use::MayChange) => &mut coverage.may_change,
            Some(Use::Filtered | Use::NotMigrated) | None => &mut coverage.left_out,
        };
        list.push(column.clone());
    }
    coverage
}

fn first_use(uses: &Uses, column: &str) -> Option<Use> {
    uses.get(&(0, column.to_owned())).and_then(|uses| uses.first().copied())
}

/// Columns of the base table that no rule speaks of, or that rules contradict each other about.
pub(super) fn unaccounted(mapping: &str, base: &Table, alias: &str, uses: &Uses) -> Vec<Failure> {
    let mut problems = Vec::new();
    for column in &base.columns {
        let written = format!("{alias}.{}", column.name);
        match uses.get(&(0, column.name.clone())) {
            None => problems.push(failure!(Refused, "mapping-column-left", mapping = mapping, column = written)),
            Some(uses) if uses.contains(&Use::NotMigrated) && uses.len() > 1 => {
                problems.push(failure!(Usage, "mapping-column-twice", mapping = mapping, column = written));
            }
            Some(_) => {}
        }
    }
    problems
}

/// A mapping of a personal table must compare every column, or at least one that identifies.
pub(super) fn weakness(
    mapping: &str,
    tables: &[&Table],
    uses: &Uses,
    personal: &PersonalColumns,
    must_compare: Option<u32>,
) -> Vec<Failure> {
    let base = tables[0];
    if personal.of(&base.id).is_none() {
        return Vec::new();
    }
    let proves = |uses: &BTreeSet<Use>| matches!(uses.first(), Some(Use::Compared | Use::Tolerated));
    let every = base.columns.iter().all(|column| uses.get(&(0, column.name.clone())).is_some_and(proves));
    let identifies =
        uses.iter().any(|((table, column), uses)| proves(uses) && personal.identifies(&tables[*table].id, column));
    let mut problems = Vec::new();
    if !every && !identifies {
        problems.push(failure!(Refused, "mapping-weak", mapping = mapping, table = base.id));
    }
    let covered = coverage(base, uses, personal);
    let compared = covered.compared.len() + covered.tolerated.len();
    if let Some(needed) = must_compare.filter(|needed| compared < *needed as usize) {
        problems.push(failure!(
            Refused,
            "mapping-must-compare",
            mapping = mapping,
            table = base.id,
            compared = compared,
            needed = needed
        ));
    }
    problems
}
