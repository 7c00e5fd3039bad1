//! The second pass of `verify`: reads the rows again that differ, are missing or extra, and tells which columns went wrong and how.
//! Reads both stores over the snapshots of this run, which a side that an earlier run read was not read in; gives figures for `verification.json`, and the keys of these rows
//! for `work/`, where they are sealed. It changes no verdict.

use super::proof::{Hearing, ProofContext, ScanSource, ToProve, at_once, open_reader_of, scan_rows};
use super::visit::Pace;
use crate::failure::Result;
use crate::verify::causes::{Cause, Causes, ColumnCause};
use crate::verify::compare::{KeyFinding, KeyFindings, Verdict};
use crate::verify::keys::KEY_DIGEST_BYTES;
use crate::verify::mapping::CompiledMapping;
use crate::verify::paired::{Shares, in_common, pairs};
use crate::verify::side::CompiledSide;
use crate::verify::transform::text_of;
use crate::world::World;
use lastbell_contract::{PackedRow, Reader, Scan, Value, Visit};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Values of so many bytes are held at once, for texts may be long; rows beyond are counted as not looked at.
const HELD_BYTES_MAX: usize = 8 << 20;

/// So many keys of a verdict are kept for `show`.
const KEYS_MAX: usize = 1_000;

type KeyDigest = [u8; KEY_DIGEST_BYTES];
type Wanted = HashMap<KeyDigest, Verdict>;

impl Held {
    /// Its values in the order of [`CompiledMapping::looked_at_columns`].
    fn all(&self, mapping: &CompiledMapping) -> Vec<Value> {
        let key = if mapping.keyed { &self.key[..] } else { &[] };
        key.iter().chain(&self.compared).cloned().collect()
    }
}

/// What was found out about one mapping.
pub struct Explained {
    /// Which columns of differing rows differ, and how.
    pub causes: Vec<ColumnCause>,
    /// Differing rows that were looked at.
    pub looked_at: u64,
    /// Keys of rows by verdict. Personal data.
    pub keys: DifferingKeys,
}

/// Keys of the rows that did not match: what `work/differing-*.sealed` holds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct DifferingKeys {
    /// The mapping.
    pub mapping: String,
    /// The columns that make the key, as the mapping names them.
    pub columns: Vec<String>,
    /// By verdict, each key as its columns' texts; at most [`KEYS_MAX`] of each.
    pub keys: BTreeMap<Verdict, Vec<Vec<Option<String>>>>,
}

/// A row that was found again.
struct Held {
    key: Vec<Value>,
    compared: Vec<Value>,
}

/// Reads the rows of a mapping's findings again. Reading both sides whole costs less than a question for each row; where
/// nothing differs, nothing is read.
///
/// # Errors
/// A store that fails, an interruption.
pub fn explain(
    world: &mut World,
    context: &ProofContext<'_>,
    to_prove: &ToProve<'_>,
    mapping: &CompiledMapping,
    found: &BTreeMap<Verdict, KeyFindings>,
    source: &mut ScanSource<'_>,
    (target, pace): (&mut dyn Reader, &mut Pace),
) -> Result<Explained> {
    let of = |verdicts: &[Verdict]| -> Wanted {
        let those =
            |verdict: &Verdict| listed(found, *verdict).map(|finding| (finding.key, *verdict)).collect::<Vec<_>>();
        verdicts.iter().flat_map(those).collect()
    };
    let in_source = of(&[Verdict::Missing, Verdict::Ambiguous, Verdict::Different]);
    let in_target = of(&[Verdict::Extra, Verdict::Different]);
    let name = to_prove.table.id.to_string();
    let begin = |world: &mut World| world.progress.begin("progress-explain", &name, to_prove.table.rows_estimate);
    let find_old = |hearing: &mut dyn Hearing| find(hearing, context, mapping, &mapping.source, &in_source, source);
    let find_new = |hearing: &mut dyn Hearing| {
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| target.scan(scan, visit);
        find(hearing, context, mapping, &mapping.target, &in_target, &mut scan)
    };
    let (old, new) = at_once(world, (&name, &begin), pace, find_old, find_new)?;
    let mut causes = Causes::of(mapping.looked_at_columns());
    let mut looked_at = differing(mapping, found, &old, &new, &mut causes);
    looked_at += moved(mapping, found, &old, &new, &mut causes);
    duplicated(mapping, found, &mut causes);
    if looked_at == 0 {
        left_out(world, context, mapping, found, &old, source, &mut causes)?;
    }
    Ok(Explained {
        causes: causes.lines(),
        looked_at,
        keys: differing_keys(mapping, [&in_source, &in_target], &old, &new),
    })
}

/// The rows of a side whose key is wanted, by key; one of each key.
fn find(
    hearing: &mut dyn Hearing,
    context: &ProofContext<'_>,
    mapping: &CompiledMapping,
    side: &CompiledSide,
    wanted: &Wanted,
    scan: &mut ScanSource<'_>,
) -> Result<HashMap<KeyDigest, Held>> {
    let (mut found, mut bytes) = (HashMap::new(), 0);
    if wanted.is_empty() {
        return Ok(found);
    }
    let mut reader = open_reader_of(hearing, context, mapping, side, scan)?;
    scan_rows(hearing, &side.base().scan(), scan, &mut |row: PackedRow<'_>| {
        if let Some(key) = reader.key(row).filter(|key| wanted.contains_key(key) && !found.contains_key(key)) {
            bytes += row.framed().len();
            if bytes <= HELD_BYTES_MAX
                && let Some((shown, compared)) = reader.values(row)
            {
                found.insert(key, Held { key: shown, compared });
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Rows of one key that are unlike: their values, one by one. Returns how many.
fn differing(
    mapping: &CompiledMapping,
    found: &BTreeMap<Verdict, KeyFindings>,
    old: &HashMap<KeyDigest, Held>,
    new: &HashMap<KeyDigest, Held>,
    causes: &mut Causes,
) -> u64 {
    let mut looked_at = 0;
    for finding in listed(found, Verdict::Different) {
        let (Some(old), Some(new)) = (old.get(&finding.key), new.get(&finding.key)) else { continue };
        let rows = finding.source_rows.min(finding.target_rows);
        causes.add(&old.all(mapping), &new.all(mapping), rows);
        looked_at += rows;
    }
    looked_at
}

/// Rows whose key went wrong are missing and extra; found again by all else. Returns how many.
fn moved(
    mapping: &CompiledMapping,
    found: &BTreeMap<Verdict, KeyFindings>,
    old: &HashMap<KeyDigest, Held>,
    new: &HashMap<KeyDigest, Held>,
    causes: &mut Causes,
) -> u64 {
    let missing = listed(found, Verdict::Missing).filter(|finding| finding.target_rows == 0);
    let missing = missing.filter_map(|finding| Some((old.get(&finding.key)?.all(mapping), finding.source_rows)));
    let extra = listed(found, Verdict::Extra).filter(|finding| finding.source_rows == 0);
    let extra = extra.filter_map(|finding| Some((new.get(&finding.key)?.all(mapping), finding.target_rows)));
    let (missing, of_missing): (Vec<Vec<Value>>, Vec<u64>) = missing.unzip();
    let (extra, of_extra): (Vec<Vec<Value>>, Vec<u64>) = extra.unzip();
    let mut looked_at = 0;
    for (a, b) in pairs(&missing, &extra) {
        let rows = of_missing[a].min(of_extra[b]);
        causes.add(&missing[a], &extra[b], rows);
        looked_at += rows;
    }
    looked_at
}

fn listed(found: &BTreeMap<Verdict, KeyFindings>, verdict: Verdict) -> impl Iterator<Item = &KeyFinding> {
    found.get(&verdict).into_iter().flat_map(|findings| &findings.listed)
}

/// Extra rows that the source has, too, only fewer times.
fn duplicated(mapping: &CompiledMapping, found: &BTreeMap<Verdict, KeyFindings>, causes: &mut Causes) {
    let more = listed(found, Verdict::Extra).filter(|finding| finding.source_rows > 0);
    let rows: u64 = more.map(|finding| finding.target_rows.saturating_sub(finding.source_rows)).sum();
    if rows > 0 {
        causes.add_rows(&mapping.key_columns.join(", "), Cause::Duplicated, rows);
    }
}

/// Where rows are missing and nothing else is wrong with them: whether they are all that have one value in a column. The
/// source is read once more, if there is such a value at all.
fn left_out(
    world: &mut World,
    context: &ProofContext<'_>,
    mapping: &CompiledMapping,
    found: &BTreeMap<Verdict, KeyFindings>,
    old: &HashMap<KeyDigest, Held>,
    scan: &mut ScanSource<'_>,
    causes: &mut Causes,
) -> Result<()> {
    let Some(missing) = found.get(&Verdict::Missing) else { return Ok(()) };
    let of_missing = missing.listed.iter().filter_map(|finding| old.get(&finding.key));
    let rows: Vec<Vec<Value>> = of_missing.map(|held| held.all(mapping)).collect();
    let common = in_common(&rows);
    // What was not held, or is there fewer times, is not known to be of these.
    let is_whole = missing.total == missing.listed.len() as u64 && rows.len() == missing.listed.len();
    if common.is_empty() || !is_whole || missing.listed.iter().any(|finding| finding.target_rows > 0) {
        return Ok(());
    }
    let mut shares = Shares::of(&common, &rows[0]);
    let mut reader = open_reader_of(world, context, mapping, &mapping.source, scan)?;
    scan_rows(world, &mapping.source.base().scan(), scan, &mut |row: PackedRow<'_>| {
        if let Some((key, compared)) = reader.values(row) {
            shares.add(&Held { key, compared }.all(mapping));
        }
        Ok(())
    })?;
    let rows = missing.listed.iter().map(|finding| finding.source_rows).sum();
    let columns = mapping.looked_at_columns();
    shares.exactly(rows).into_iter().for_each(|at| causes.add_rows(&columns[at].name, Cause::LeftOut, rows));
    Ok(())
}

fn differing_keys(
    mapping: &CompiledMapping,
    wanted: [&Wanted; 2],
    old: &HashMap<KeyDigest, Held>,
    new: &HashMap<KeyDigest, Held>,
) -> DifferingKeys {
    let mut keys = DifferingKeys {
        mapping: mapping.name.clone(),
        columns: mapping.key_columns.clone(),
        ..DifferingKeys::default()
    };
    in_order(old).into_iter().for_each(|(key, held)| keys.add(wanted[0][key], held));
    for (_, held) in in_order(new).into_iter().filter(|(key, _)| wanted[1][*key] == Verdict::Extra) {
        keys.add(Verdict::Extra, held);
    }
    keys
}

/// By their digests, which tell nothing: the same order in each run.
fn in_order(held: &HashMap<KeyDigest, Held>) -> Vec<(&KeyDigest, &Held)> {
    let mut rows: Vec<_> = held.iter().collect();
    rows.sort_unstable_by_key(|(key, _)| **key);
    rows
}

impl DifferingKeys {
    fn add(&mut self, verdict: Verdict, held: &Held) {
        let known = self.keys.entry(verdict).or_default();
        if known.len() < KEYS_MAX {
            known.push(held.key.iter().map(|value| text_of(value).map(std::borrow::Cow::into_owned)).collect());
        }
    }
}
