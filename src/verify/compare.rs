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
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

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

/// So many threads compare at most: each loads a partition of both sides at a time, and these must stay within the bound.
const THREADS_MAX: usize = 4;

/// Compares the rows of both sides, each partition by itself on a thread of several.
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
    let (next, parts) = (AtomicUsize::new(0), Mutex::new(Parts::new(*rules)));
    let starts = [starts(source), starts(target)];
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= PARTITIONS {
                return Ok(());
            }
            let part = compare_partition(source, target, rules, number, [starts[0][number], starts[1][number]])?;
            parts.lock().unwrap_or_else(PoisonError::into_inner).add(number, part);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let ended = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        std::iter::once(mine).chain(ended.collect::<Vec<_>>()).collect::<Result<()>>()
    })?;
    let comparison = parts.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
    let counted = comparison.counts.source_rows();
    if counted != source.rows() || comparison.source.rows != source.rows() || comparison.target.rows != target.rows() {
        return Err(failure!(Bug, "verify-count-mismatch", counted = counted, rows = source.rows()));
    }
    Ok(comparison)
}

/// The place of each partition's first record among all.
fn starts(set: &SortedSet) -> Vec<u64> {
    let mut before = 0;
    let places = (0..PARTITIONS).map(|number| {
        let start = before;
        before += set.partition_rows(number);
        start
    });
    places.collect()
}

/// One partition, judged.
struct Part {
    tally: Tally,
    trees: Trees,
}

/// The judged partitions, put together in their order; those that came early wait.
struct Parts {
    whole: Tally,
    source_tree: merkle::Builder,
    target_tree: merkle::Builder,
    next: usize,
    waiting: BTreeMap<usize, Part>,
}

impl Parts {
    fn new(rules: CompareRules) -> Self {
        let (source_tree, target_tree) = (merkle::Builder::new(), merkle::Builder::new());
        Self { whole: Tally::new(rules), source_tree, target_tree, next: 0, waiting: BTreeMap::new() }
    }

    fn add(&mut self, number: usize, part: Part) {
        self.waiting.insert(number, part);
        while let Some(part) = self.waiting.remove(&self.next) {
            self.whole.append(part.tally);
            let (old, new) = part.trees.both();
            self.source_tree.append(old);
            self.target_tree.append(new);
            self.next += 1;
        }
    }

    fn finish(self) -> Comparison {
        let figures = |tree: &merkle::Builder| SideFigures { rows: tree.size(), root: tree.root() };
        self.whole.finish(figures(&self.source_tree), figures(&self.target_tree))
    }
}

/// The trees of both sides. As long as both have the same leaves at the same places they are one, and hashed once.
enum Trees {
    One(merkle::Builder),
    Two(merkle::Builder, merkle::Builder),
}

impl Trees {
    fn starting_at([old, new]: [u64; 2]) -> Self {
        let tree = merkle::Builder::starting_at;
        if old == new { Self::One(tree(old)) } else { Self::Two(tree(old), tree(new)) }
    }

    fn push_both(&mut self, leaf: Hash) {
        match self {
            Self::One(tree) => tree.push(leaf),
            Self::Two(old, new) => {
                old.push(leaf);
                new.push(leaf);
            }
        }
    }

    fn apart(&mut self) -> (&mut merkle::Builder, &mut merkle::Builder) {
        if let Self::One(tree) = self {
            *self = Self::Two(tree.clone(), tree.clone());
        }
        match self {
            Self::Two(old, new) => (old, new),
            Self::One(_) => unreachable!("they were put apart above"),
        }
    }

    fn both(&self) -> (&merkle::Builder, &merkle::Builder) {
        match self {
            Self::One(tree) => (tree, tree),
            Self::Two(old, new) => (old, new),
        }
    }
}

/// Walks the records of a partition of both sides in their order, and judges each key when it is through.
fn compare_partition(
    source: &SortedSet,
    target: &SortedSet,
    rules: &CompareRules,
    number: usize,
    starts: [u64; 2],
) -> Result<Part> {
    let compared = rules.shape.compared_bytes();
    let mut part = Part { tally: Tally::new(*rules), trees: Trees::starting_at(starts) };
    let (mut old, mut new) = (Stream::open(source.partition(number)?)?, Stream::open(target.partition(number)?)?);
    let mut group = Groups::default();
    while let Some(side) = next_side(&old, &new, compared) {
        let record = if side == std::cmp::Ordering::Greater { &new.head } else { &old.head };
        if group.is_over(record) {
            group.judge(&mut part.tally);
        }
        group.key.copy_from_slice(&record[..KEY_DIGEST_BYTES]);
        let leaf = merkle::leaf_hash(&record[..compared]);
        match side {
            std::cmp::Ordering::Equal => part.trees.push_both(leaf),
            std::cmp::Ordering::Less => part.trees.apart().0.push(leaf),
            std::cmp::Ordering::Greater => part.trees.apart().1.push(leaf),
        }
        if side != std::cmp::Ordering::Greater {
            group.old.add(&old.head, compared);
            old.advance()?;
        }
        if side != std::cmp::Ordering::Less {
            group.new.add(&new.head, compared);
            new.advance()?;
        }
    }
    group.judge(&mut part.tally);
    Ok(part)
}

/// Which side's record comes next; both, when they are alike.
fn next_side(old: &Stream<'_>, new: &Stream<'_>, compared: usize) -> Option<std::cmp::Ordering> {
    match (old.ended, new.ended) {
        (true, true) => None,
        (false, true) => Some(std::cmp::Ordering::Less),
        (true, false) => Some(std::cmp::Ordering::Greater),
        (false, false) => Some(old.head[..compared].cmp(&new.head[..compared])),
    }
}

type KeyDigest = [u8; KEY_DIGEST_BYTES];

/// A sorted partition with the record at its head.
struct Stream<'a> {
    partition: Partition<'a>,
    head: Vec<u8>,
    ended: bool,
}

impl<'a> Stream<'a> {
    fn open(partition: Partition<'a>) -> Result<Self> {
        let mut stream = Self { partition, head: Vec::new(), ended: false };
        stream.advance()?;
        Ok(stream)
    }

    fn advance(&mut self) -> Result<()> {
        self.head.clear();
        match self.partition.next()? {
            None => self.ended = true,
            Some(record) => self.head.extend_from_slice(record),
        }
        Ok(())
    }
}

/// The rows of one key on both sides.
#[derive(Default)]
struct Groups {
    key: KeyDigest,
    old: Group,
    new: Group,
}

impl Groups {
    /// Whether a record is of another key than the rows so far.
    fn is_over(&self, record: &[u8]) -> bool {
        self.old.rows + self.new.rows > 0 && self.key != record[..KEY_DIGEST_BYTES]
    }

    fn judge(&mut self, tally: &mut Tally) {
        if self.old.rows + self.new.rows > 0 {
            tally.judge(self.key, &self.old, &self.new);
        }
        self.old.rows = 0;
        self.new.rows = 0;
    }
}

/// The rows of one key on one side. Only the first is held: whether others are unlike it is all that is asked.
struct Group {
    first: Vec<u8>,
    rows: u64,
    unlike: bool,
    changed: Changed,
}

impl Default for Group {
    fn default() -> Self {
        Self { first: Vec::new(), rows: 0, unlike: false, changed: Changed::Unknown }
    }
}

impl Group {
    fn add(&mut self, record: &[u8], compared: usize) {
        let changed = Changed::of_byte(record[compared]);
        self.rows += 1;
        if self.rows == 1 {
            self.first.clear();
            self.first.extend_from_slice(record);
            (self.unlike, self.changed) = (false, changed);
        } else {
            self.unlike |= self.first[..compared] != record[..compared];
            self.changed = self.changed.min(changed); // of several rows the least sure one decides
        }
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
    fn judge(&mut self, key: KeyDigest, old: &Group, new: &Group) {
        let (old_rows, new_rows) = (old.rows, new.rows);
        let finding = KeyFinding { key, source_rows: old_rows, target_rows: new_rows };
        if old_rows > 0 && (old.unlike || (new_rows > 0 && new.unlike)) {
            return self.count(Verdict::Ambiguous, old_rows, finding);
        }
        let paired = old_rows.min(new_rows);
        if paired > 0 {
            let verdict = self.judge_pair(old, new, paired);
            self.count(verdict, paired, finding);
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

    /// Takes up what was judged behind this.
    fn append(&mut self, next: Self) {
        let Counts { matched, moved_on, different, missing, ambiguous, extra } = next.counts;
        for (verdict, rows) in [
            (Verdict::Matched, matched),
            (Verdict::MovedOn, moved_on),
            (Verdict::Different, different),
            (Verdict::Missing, missing),
            (Verdict::Ambiguous, ambiguous),
            (Verdict::Extra, extra),
        ] {
            self.counts.add(verdict, rows);
        }
        self.changed_by_column.iter_mut().zip(next.changed_by_column).for_each(|(all, more)| *all += more);
        for (verdict, found) in next.findings {
            let findings = self.findings.entry(verdict).or_default();
            findings.total += found.total;
            let free = LISTED_MAX - findings.listed.len();
            findings.listed.extend(found.listed.into_iter().take(free));
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
