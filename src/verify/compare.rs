//! Gives each source row its verdict: merges the sorted records of both sides, partition by partition.
//! Reads two sorted sets, writes figures, both roots, and a bounded list of the key digests that did not match.

use super::keys::{COLUMN_DIGEST_BYTES, KEY_DIGEST_BYTES, ROW_DIGEST_BYTES};
use super::partitions::{PARTITIONS, Partition, SortedSet};
use super::side::{Changed, RecordShape};
use crate::failure::Result;
use crate::merkle::{self, Hash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many key digests are listed for a verdict, for the second pass that fetches the keys of differing rows.
pub const LISTED_MAX: usize = 10_000;

/// What became of a row.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is in the target.
    Matched,
    /// It is there, changed since in columns that may change.
    MovedOn,
    /// A row of its key is there, with other values.
    Different,
    /// It is not there.
    Missing,
    /// Its key stands for unlike rows.
    Ambiguous,
    /// In the target only.
    Extra,
}

/// Rows by verdict. All but `extra` count source rows, each once.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the verdicts, one to one")]
pub struct Counts {
    pub matched: u64,
    pub moved_on: u64,
    pub different: u64,
    pub missing: u64,
    pub ambiguous: u64,
    pub extra: u64,
}

impl Counts {
    /// Rows of the source.
    #[must_use]
    pub fn source_rows(&self) -> u64 {
        self.matched + self.moved_on + self.different + self.missing + self.ambiguous
    }

    fn add(&mut self, verdict: Verdict, rows: u64) {
        *match verdict {
            Verdict::Matched => &mut self.matched,
            Verdict::MovedOn => &mut self.moved_on,
            Verdict::Different => &mut self.different,
            Verdict::Missing => &mut self.missing,
            Verdict::Ambiguous => &mut self.ambiguous,
            Verdict::Extra => &mut self.extra,
        } += rows;
    }
}

/// What a mapping says about its comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompareRules {
    /// The shape of both sides' records.
    pub shape: RecordShape,
    /// Whether the target tells when a row was changed; then only rows changed later move on.
    pub tells_change: bool,
    /// More moved-on rows than this share of the source's rows count as different.
    pub may_change_percent_max: u32,
}

/// A key that did not simply match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFinding {
    /// Its digest.
    pub key: [u8; KEY_DIGEST_BYTES],
    /// Rows of the source with that key.
    pub source_rows: u64,
    /// Rows of the target with that key.
    pub target_rows: u64,
}

/// The keys of one verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFindings {
    /// The first [`LISTED_MAX`], in the order of their digests.
    pub listed: Vec<KeyFinding>,
    /// All.
    pub total: u64,
}

/// What one side held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideFigures {
    /// Records.
    pub rows: u64,
    /// The root over them.
    pub root: Hash,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Rows by verdict.
    pub counts: Counts,
    /// Rows in which the n-th column that may change was changed, moved on or over the limit.
    pub changed_by_column: Vec<u64>,
    /// Rows that would have moved on, but are counted as different because there were too many of them.
    pub over_limit: u64,
    /// The source.
    pub source: SideFigures,
    /// The target.
    pub target: SideFigures,
    /// Keys by verdict; none for [`Verdict::Matched`].
    pub findings: BTreeMap<Verdict, KeyFindings>,
}

/// Compares the rows of both sides.
///
/// # Errors
/// When a spill file cannot be read; `verify-count-mismatch` (our bug) when a source row would have no verdict or two.
///
/// # Panics
/// When the sets hold records of another shape than the rules name.
pub fn compare(source: &SortedSet, target: &SortedSet, rules: &CompareRules) -> Result<Comparison> {
    for set in [source, target] {
        assert_eq!(set.record_bytes(), rules.shape.into(), "both sides are of the mapping's shape");
    }
    let mut tally = Tally::new(*rules);
    let (mut source_tree, mut target_tree) = (merkle::Builder::new(), merkle::Builder::new());
    for number in 0..PARTITIONS {
        let mut old = Stream::open(source.partition(number)?, &mut source_tree, rules.shape)?;
        let mut new = Stream::open(target.partition(number)?, &mut target_tree, rules.shape)?;
        while let Some(key) = next_key(&old, &new) {
            let (old, new) = (old.take_group(&key)?, new.take_group(&key)?);
            tally.judge(key, old.as_ref(), new.as_ref());
        }
    }
    let figures = |tree: &merkle::Builder| SideFigures { rows: tree.size(), root: tree.root() };
    let comparison = tally.finish(figures(&source_tree), figures(&target_tree));
    let counted = comparison.counts.source_rows();
    if counted != source.rows() || comparison.source.rows != source.rows() || comparison.target.rows != target.rows() {
        return Err(failure!(Bug, "verify-count-mismatch", counted = counted, rows = source.rows()));
    }
    Ok(comparison)
}

type KeyDigest = [u8; KEY_DIGEST_BYTES];

fn key_of(record: &[u8]) -> KeyDigest {
    record[..KEY_DIGEST_BYTES].try_into().expect("a record begins with its key digest")
}

fn next_key(old: &Stream<'_, '_>, new: &Stream<'_, '_>) -> Option<KeyDigest> {
    match (old.key(), new.key()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, None) => a,
        (None, b) => b,
    }
}

/// A sorted partition with the record at its head; every record that passes goes into the side's tree.
struct Stream<'a, 't> {
    partition: Partition<'a>,
    tree: &'t mut merkle::Builder,
    shape: RecordShape,
    head: Vec<u8>,
    ended: bool,
}

/// The rows of one key on one side. Only the first is held: whether others are unlike it is all that is asked.
struct Group {
    first: Vec<u8>,
    rows: u64,
    unlike: bool,
    changed: Changed,
}

impl<'a, 't> Stream<'a, 't> {
    fn open(partition: Partition<'a>, tree: &'t mut merkle::Builder, shape: RecordShape) -> Result<Self> {
        let mut stream = Self { partition, tree, shape, head: Vec::new(), ended: false };
        stream.advance()?;
        Ok(stream)
    }

    fn advance(&mut self) -> Result<()> {
        self.head.clear();
        match self.partition.next()? {
            None => self.ended = true,
            Some(record) => {
                self.tree.push(merkle::leaf_hash(&record[..self.shape.compared_bytes()]));
                self.head.extend_from_slice(record);
            }
        }
        Ok(())
    }

    fn key(&self) -> Option<KeyDigest> {
        (!self.ended).then(|| key_of(&self.head))
    }

    fn take_group(&mut self, key: &KeyDigest) -> Result<Option<Group>> {
        let compared = self.shape.compared_bytes();
        let mut group: Option<Group> = None;
        while self.key().as_ref() == Some(key) {
            let changed = Changed::of_byte(self.head[compared]);
            match &mut group {
                None => group = Some(Group { first: self.head.clone(), rows: 1, unlike: false, changed }),
                Some(group) => {
                    group.rows += 1;
                    group.unlike |= group.first[..compared] != self.head[..compared];
                    group.changed = group.changed.min(changed); // of several rows the least sure one decides
                }
            }
            self.advance()?;
        }
        Ok(group)
    }
}

/// Verdicts so far.
struct Tally {
    rules: CompareRules,
    counts: Counts,
    changed_by_column: Vec<u64>,
    findings: BTreeMap<Verdict, KeyFindings>,
}

impl Tally {
    fn new(rules: CompareRules) -> Self {
        let changed_by_column = vec![0; rules.shape.movable];
        Self { rules, counts: Counts::default(), changed_by_column, findings: BTreeMap::new() }
    }

    /// One key: unlike rows on either side leave it open which is which; otherwise rows are paired one to one, and what one
    /// side has more of is missing or extra.
    fn judge(&mut self, key: KeyDigest, old: Option<&Group>, new: Option<&Group>) {
        let (old_rows, new_rows) = (old.map_or(0, |group| group.rows), new.map_or(0, |group| group.rows));
        let finding = KeyFinding { key, source_rows: old_rows, target_rows: new_rows };
        if let (Some(old), Some(new)) = (old, new) {
            if old.unlike || new.unlike {
                return self.count(Verdict::Ambiguous, old_rows, finding);
            }
            let paired = old_rows.min(new_rows);
            let verdict = self.judge_pair(old, new, paired);
            self.count(verdict, paired, finding);
        } else if old.is_some_and(|group| group.unlike) {
            return self.count(Verdict::Ambiguous, old_rows, finding);
        }
        self.count(Verdict::Missing, old_rows.saturating_sub(new_rows), finding);
        self.count(Verdict::Extra, new_rows.saturating_sub(old_rows), finding);
    }

    fn judge_pair(&mut self, old: &Group, new: &Group, rows: u64) -> Verdict {
        let (fixed, compared) = (KEY_DIGEST_BYTES + ROW_DIGEST_BYTES, self.rules.shape.compared_bytes());
        if old.first[..compared] == new.first[..compared] {
            return Verdict::Matched;
        }
        let in_time = !self.rules.tells_change || new.changed == Changed::Later;
        if old.first[..fixed] != new.first[..fixed] || !in_time {
            return Verdict::Different;
        }
        let columns =
            |group: &Group| -> Vec<[u8; COLUMN_DIGEST_BYTES]> { group.first[fixed..compared].as_chunks().0.to_vec() };
        for (count, (old, new)) in self.changed_by_column.iter_mut().zip(columns(old).iter().zip(&columns(new))) {
            *count += if old == new { 0 } else { rows };
        }
        Verdict::MovedOn
    }

    fn count(&mut self, verdict: Verdict, rows: u64, finding: KeyFinding) {
        self.counts.add(verdict, rows);
        if rows == 0 || verdict == Verdict::Matched {
            return;
        }
        let findings = self.findings.entry(verdict).or_default();
        findings.total += 1;
        if findings.listed.len() < LISTED_MAX {
            findings.listed.push(finding);
        }
    }

    fn finish(mut self, source: SideFigures, target: SideFigures) -> Comparison {
        let allowed = u128::from(source.rows) * u128::from(self.rules.may_change_percent_max);
        let over_limit = if u128::from(self.counts.moved_on) * 100 > allowed { self.counts.moved_on } else { 0 };
        if over_limit > 0 {
            self.counts.different += over_limit;
            self.counts.moved_on = 0;
            let moved = self.findings.remove(&Verdict::MovedOn).unwrap_or_default();
            let different = self.findings.entry(Verdict::Different).or_default();
            different.total += moved.total;
            different.listed.extend(moved.listed);
            different.listed.sort_unstable_by_key(|finding| finding.key);
            different.listed.truncate(LISTED_MAX);
        }
        Comparison {
            counts: self.counts,
            changed_by_column: self.changed_by_column,
            over_limit,
            source,
            target,
            findings: self.findings,
        }
    }
}
