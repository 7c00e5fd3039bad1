//! What the search for residue says: found where, not looked for why, not looked at why; and the one verdict.
//!
//! Values never stand here, only places and figures. Labels of files come from the caller.

use super::distinctive::Reason;
use super::forms::Encoding;
use super::scanner::{Ended, FileScan, Found, Looked};
use super::shard::{Shard, tallies};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The verdict.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Clean {
    /// Looked everywhere in reach, and nothing was found.
    Pass,
    /// Something was found.
    Fail,
    /// Nothing was found, but some file could not be read, or changed meanwhile, or there was nothing to look for or in.
    Unknown,
}

/// Where a hit stood.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Byte of the file.
    pub offset: u64,
    /// How it was written.
    pub encoding: Encoding,
    /// Table where the value was destroyed first.
    pub table: String,
    /// Its column.
    pub column: String,
}

/// A column whose values are looked for, at least in part.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ColumnReport {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Destroyed cells that were neither NULL nor empty (strings inside a JSON cell count besides the cell).
    pub cells: u64,
    /// Cells whose value is looked for.
    pub looked_for: u64,
    /// Distinct values of this column that were found anywhere.
    pub found: u64,
}

/// Cells whose values are not looked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NotLookedFor {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Why.
    pub reason: Reason,
    /// Cells.
    pub count: u64,
}

/// A file that was read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FileReport {
    /// The caller's label.
    pub path: String,
    /// The caller's word: `data`, `log`, `copy`…
    pub role: String,
    /// Bytes read.
    pub bytes: u64,
    /// It changed while it was read.
    pub changed: bool,
    /// Places where a form of a value stood.
    pub hits: u64,
    /// Distinct values found.
    pub distinct: u64,
    /// Hits by encoding.
    pub by_encoding: BTreeMap<Encoding, u64>,
    /// Some of the first places.
    pub first: Vec<Place>,
}

/// A file in reach that could not be read, or not to its end. Then nothing found is not clean.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NotRead {
    /// The caller's label.
    pub path: String,
    /// Why: a stable word.
    pub why: String,
}

/// Something that this search does not cover at all, such as free space or backups. Listed beside the verdict.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NotLookedAt {
    /// What.
    pub what: String,
    /// Why: a stable word.
    pub why: String,
}

/// The search for residue of one unit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Distinct values fingerprinted, with those that were later met in kept rows.
    pub needles_total: u64,
    /// Distinct values looked for.
    pub looked_for: u64,
    /// Columns, sorted.
    pub columns: Vec<ColumnReport>,
    /// What is not looked for, sorted.
    pub not_looked_for: Vec<NotLookedFor>,
    /// Files read, sorted by label.
    pub files: Vec<FileReport>,
    /// Files in reach that were not read to their end, sorted.
    pub not_read: Vec<NotRead>,
    /// What the search does not cover, sorted.
    pub not_looked_at: Vec<NotLookedAt>,
    /// Distinct values found in any file.
    pub distinct_found: u64,
    /// The verdict; [`Report::verdict`] derives it again.
    pub clean: Clean,
}

impl Report {
    /// The verdict that the figures allow.
    #[must_use]
    pub fn verdict(&self) -> Clean {
        if self.distinct_found > 0 || self.files.iter().any(|file| file.hits > 0 || file.distinct > 0) {
            return Clean::Fail;
        }
        let looked = self.looked_for > 0 && !self.files.is_empty();
        let all = self.not_read.is_empty() && self.files.iter().all(|file| !file.changed);
        if looked && all { Clean::Pass } else { Clean::Unknown }
    }
}

/// A report in the making.
pub struct ReportDraft {
    report: Report,
    /// Every needle found, with its columns.
    found: BTreeMap<u64, Vec<u32>>,
    /// Table and column, as the needles number them.
    names: Vec<(String, String)>,
}

impl ReportDraft {
    /// Begins with what is looked for. Give all shards of the unit.
    #[must_use]
    pub fn new(shards: &[Shard]) -> Self {
        let mut report = Report {
            needles_total: shards.iter().map(Shard::needles).sum(),
            looked_for: shards.iter().map(Shard::looked_for).sum(),
            columns: Vec::new(),
            not_looked_for: Vec::new(),
            files: Vec::new(),
            not_read: Vec::new(),
            not_looked_at: Vec::new(),
            distinct_found: 0,
            clean: Clean::Unknown,
        };
        for tally in tallies(shards) {
            for (reason, count) in tally.not_looked_for {
                let (table, column) = (tally.table.clone(), tally.column.clone());
                report.not_looked_for.push(NotLookedFor { table, column, reason, count });
            }
            let (table, column, cells, looked_for) = (tally.table, tally.column, tally.cells, tally.looked_for);
            report.columns.push(ColumnReport { table, column, cells, looked_for, found: 0 });
        }
        let names = shards.first().map(|shard| &shard.columns[..]).unwrap_or_default();
        let names = names.iter().map(|column| (column.table.clone(), column.column.clone())).collect();
        Self { report, found: BTreeMap::new(), names }
    }

    /// Adds the answer for one file under a label.
    pub fn file(&mut self, label: &str, role: &str, looked: Looked) {
        match looked {
            Looked::NotRead { why } => self.not_read(label, why),
            Looked::Read(FileScan { found, ended }) => {
                match ended {
                    Ended::Whole | Ended::Changed => {}
                    Ended::Broken(why) => self.not_read(label, why),
                }
                self.read(label, role, found, ended == Ended::Changed);
            }
        }
    }

    /// Adds a file in reach that was not read, or one whose content stays hidden: the verdict cannot be pass any more.
    pub fn not_read(&mut self, label: &str, why: &str) {
        self.report.not_read.push(NotRead { path: label.to_owned(), why: why.to_owned() });
    }

    /// Names something that the search does not cover.
    pub fn not_looked_at(&mut self, what: &str, why: &str) {
        self.report.not_looked_at.push(NotLookedAt { what: what.to_owned(), why: why.to_owned() });
    }

    /// The report.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let by_column = self.found_by_column();
        for column in &mut self.report.columns {
            let name = (column.table.clone(), column.column.clone());
            column.found = by_column.get(&name).copied().unwrap_or(0);
        }
        let mut report = self.report;
        report.files.sort_by(|a, b| a.path.cmp(&b.path));
        report.not_read.sort_by(|a, b| (&a.path, &a.why).cmp(&(&b.path, &b.why)));
        report.not_looked_at.sort_by(|a, b| (&a.what, &a.why).cmp(&(&b.what, &b.why)));
        report.distinct_found = self.found.len() as u64;
        report.clean = report.verdict();
        report
    }

    fn read(&mut self, label: &str, role: &str, found: Found, changed: bool) {
        self.report.files.push(FileReport {
            path: label.to_owned(),
            role: role.to_owned(),
            bytes: found.bytes,
            changed,
            hits: found.hits(),
            distinct: found.distinct(),
            by_encoding: found.by_encoding,
            first: found.first,
        });
        self.found.extend(found.needles);
    }

    fn found_by_column(&self) -> BTreeMap<(String, String), u64> {
        let mut by_column = BTreeMap::new();
        for column in self.found.values().flatten() {
            if let Some(name) = self.names.get(*column as usize) {
                *by_column.entry(name.clone()).or_default() += 1;
            }
        }
        by_column
    }
}
