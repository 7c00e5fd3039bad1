//! Finds the tables and columns that a mapping names, and says which names were probably meant when one is not there.
//! Reads one side of a mapping and a catalog.

use crate::failure::Failure;
use crate::profile::profile_file::{Side, TableRef};
use lastbell_contract::{Catalog, Table};

/// The two sides of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SideName {
    Source,
    Target,
}

impl SideName {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// The table of a written name: `name`, or `schema.name` where several schemas have one.
///
/// # Errors
/// Names that were probably meant; all of them when the name fits several tables.
pub(super) fn find_table<'a>(catalog: &'a Catalog, text: &str) -> Result<&'a Table, Vec<String>> {
    if let Some(table) = catalog.tables.iter().find(|table| table.id.to_string() == text) {
        return Ok(table);
    }
    let bare: Vec<&Table> = catalog.tables.iter().filter(|table| table.id.name == text).collect();
    match bare.as_slice() {
        [one] => Ok(one),
        [] => Err(near(text, catalog.tables.iter().map(|table| table.id.to_string()))),
        several => Err(several.iter().map(|table| table.id.to_string()).collect()),
    }
}

/// At most three names that look like `name`, the nearest first.
pub(super) fn near(name: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, String)> = names
        .map(|other| (strsim::jaro_winkler(&wanted, &other.to_lowercase()), other))
        .filter(|(score, _)| *score >= 0.75) // `pupil` and `pupils` have 0.97, `marks` and `grades` 0.58
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The names as a message shows them.
pub(super) fn listed(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

/// A side whose tables were found.
pub(super) struct Names<'a> {
    pub(super) mapping: &'a str,
    pub(super) name: SideName,
    pub(super) side: &'a Side,
    /// In the order of `from`, `join`.
    pub(super) tables: Vec<&'a Table>,
}

impl<'a> Names<'a> {
    /// Finds the side's tables.
    pub(super) fn find(
        mapping: &'a str,
        name: SideName,
        side: &'a Side,
        catalog: &'a Catalog,
        problems: &mut Vec<Failure>,
    ) -> Option<Self> {
        let written = side.tables();
        for (place, table) in written.iter().enumerate() {
            if written[..place].iter().any(|earlier| earlier.alias == table.alias) {
                problems.push(failure!(
                    Usage,
                    "mapping-alias-twice",
                    mapping = mapping,
                    side = name.word(),
                    alias = table.alias
                ));
            }
        }
        let tables: Vec<&Table> = written
            .iter()
            .filter_map(|table| {
                find_table(catalog, table.table)
                    .map_err(|meant| problems.push(unknown_table(mapping, name, *table, &meant)))
                    .ok()
            })
            .collect();
        (tables.len() == written.len()).then_some(Self { mapping, name, side, tables })
    }

    /// The place of `alias.column` among the side's tables and its name there.
    pub(super) fn column(&self, text: &'a str, problems: &mut Vec<Failure>) -> Option<(usize, &'a str)> {
        let found = self.side.resolve(text);
        if let Some(found) = found.filter(|found| self.tables[found.table_index].column(found.column).is_some()) {
            return Some((found.table_index, found.column));
        }
        let aliases = self.side.tables();
        let all = aliases.iter().zip(&self.tables).flat_map(|(alias, table)| {
            table.columns.iter().map(move |column| format!("{}.{}", alias.alias, column.name))
        });
        problems.push(failure!(
            Usage,
            "mapping-column-unknown",
            mapping = self.mapping,
            side = self.name.word(),
            column = text,
            candidates = listed(&near(text, all))
        ));
        None
    }
}

fn unknown_table(mapping: &str, side: SideName, table: TableRef<'_>, meant: &[String]) -> Failure {
    failure!(
        Usage,
        "mapping-table-unknown",
        mapping = mapping,
        side = side.word(),
        table = table.table,
        candidates = listed(meant)
    )
}

/// Whether rows of the table are told apart by these columns: they hold a declared unique key.
pub(super) fn holds_unique_key(table: &Table, columns: &[&str]) -> bool {
    let held = |key: &[String]| !key.is_empty() && key.iter().all(|column| columns.contains(&column.as_str()));
    held(&table.primary_key)
        || table.unique_keys.iter().any(|key| held(key))
        || table.indexes.iter().any(|index| index.unique && held(&index.columns))
}
