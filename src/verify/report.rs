//! The results of a verification as machine types: figures, names and roots, never values.
//! Built from a compiled mapping and its comparison; `verification.json` holds them.

use super::causes::ColumnCause;
use super::compare::{Comparison, Counts, KeyFindings, Verdict};
use super::coverage::Coverage;
use super::mapping::{CompiledMapping, ToleratedColumn};
use super::table_digest::TableDigest;
use crate::hex;
use lastbell_contract::TableId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows of the source that no mapping of their table digested. The caller counts them, since only it sees all mappings.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Uncovered {
    /// A join found nothing.
    pub no_partner: u64,
    /// The filter left them out.
    pub outside_filter: u64,
    /// A join found several rows.
    pub ambiguous_join: u64,
}

/// The rows of one side.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct SideResult {
    /// The base table.
    pub table: String,
    /// Rows that were digested.
    pub rows: u64,
    /// The root over their digests, hexadecimal.
    pub root: String,
}

/// The result of one mapping.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct MappingResult {
    /// The mapping's name.
    pub mapping: String,
    /// The old rows.
    pub source: SideResult,
    /// The new rows.
    pub target: SideResult,
    /// Whether a key was declared; otherwise rows were compared as a multiset.
    pub keyed: bool,
    /// Extra rows block.
    pub exact: bool,
    /// Rows by verdict: digested ones, and uncovered ones as missing or ambiguous.
    pub counts: Counts,
    /// Of the missing and ambiguous: source rows that were never digested.
    pub uncovered: Uncovered,
    /// Rows in which a column that may change was changed, by target column.
    pub changed_by_column: BTreeMap<String, u64>,
    /// The share of moved-on rows that was allowed.
    pub may_change_percent_max: u32,
    /// Of the different: rows that would have moved on, had there been fewer.
    pub over_limit: u64,
    /// The source table's personal columns.
    pub coverage: Coverage,
    /// Compared columns with a tolerance or a loss.
    pub tolerances: Vec<ToleratedColumn>,
    /// Source columns left behind, with the reason.
    pub not_migrated: BTreeMap<String, String>,
    /// Which columns of the differing rows differ, and how, as far as these rows were looked at again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<ColumnCause>,
    /// How many differing rows were looked at again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub looked_at: u64,
    /// Keys that did not match, by verdict: how many there are (the digests stay in `work/`).
    pub keys: BTreeMap<Verdict, u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

impl MappingResult {
    /// Puts the figures together. Uncovered rows are added here, so that each source row has one verdict.
    #[must_use]
    pub fn new(mapping: &CompiledMapping, comparison: &Comparison, uncovered: Uncovered) -> Self {
        let mut counts = comparison.counts;
        counts.missing += uncovered.no_partner + uncovered.outside_filter;
        counts.ambiguous += uncovered.ambiguous_join;
        let side = |side: &super::side::CompiledSide, figures: &super::compare::SideFigures| SideResult {
            table: side.base().table.to_string(),
            rows: figures.rows,
            root: hex::encode(&figures.root),
        };
        let total = |(verdict, findings): (&Verdict, &KeyFindings)| (*verdict, findings.total);
        Self {
            mapping: mapping.name.clone(),
            source: side(&mapping.source, &comparison.source),
            target: side(&mapping.target, &comparison.target),
            keyed: mapping.keyed,
            exact: mapping.exact,
            counts,
            uncovered,
            changed_by_column: mapping
                .may_change
                .iter()
                .cloned()
                .zip(comparison.changed_by_column.iter().copied())
                .collect(),
            may_change_percent_max: mapping.may_change_percent_max,
            over_limit: comparison.over_limit,
            coverage: mapping.coverage.clone(),
            tolerances: mapping.tolerances.clone(),
            not_migrated: mapping.not_migrated.clone(),
            causes: Vec::new(),
            looked_at: 0,
            keys: comparison.findings.iter().map(total).collect(),
        }
    }

    /// Rows that block destruction until they are waived. Extra rows block only an exact mapping.
    #[must_use]
    pub fn blocking_rows(&self) -> u64 {
        let extra = if self.exact { self.counts.extra } else { 0 };
        self.counts.different + self.counts.missing + self.counts.ambiguous + extra
    }
}

/// The digest of one whole table.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct TableResult {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// The root over their digests, hexadecimal.
    pub root: String,
}

impl TableResult {
    /// A table's result.
    #[must_use]
    pub fn new(table: &TableId, digest: &TableDigest) -> Self {
        Self { table: table.to_string(), rows: digest.rows, root: hex::encode(&digest.root) }
    }
}
