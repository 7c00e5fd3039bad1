//! The second pass of `verify`: reads the rows again that differ or are missing, and tells which columns went wrong and how.
//! Reads both stores over the snapshots of the proof; gives figures for `verification.json`, and the keys of these rows
//! for `work/`, where they are sealed. It changes no verdict.

use super::proof::{Hearing, ProofContext, ScanSource, ToProve, Visiting, open_reader_of, scan_rows};
use super::visit::Pace;
use crate::failure::Result;
use crate::verify::causes::{Causes, ColumnCause};
use crate::verify::compare::{KeyFindings, Verdict};
use crate::verify::keys::KEY_DIGEST_BYTES;
use crate::verify::mapping::CompiledMapping;
use crate::verify::side::CompiledSide;
use crate::verify::transform::text_of;
use crate::world::World;
use lastbell_contract::{PackedRow, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Values of so many bytes are held at once, for texts may be long; rows beyond are counted as not looked at.
const HELD_BYTES_MAX: usize = 8 << 20;

/// So many keys of a verdict are kept for `show`.
const KEYS_MAX: usize = 1_000;

type KeyDigest = [u8; KEY_DIGEST_BYTES];

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
    [source, target]: [&mut ScanSource<'_>; 2],
    pace: &mut Pace,
) -> Result<Explained> {
    let of = |verdicts: &[Verdict]| -> HashMap<KeyDigest, Verdict> {
        let listed = |verdict: &Verdict| found.get(verdict).into_iter().flat_map(|findings| &findings.listed);
        verdicts.iter().flat_map(|verdict| listed(verdict).map(|finding| (finding.key, *verdict))).collect()
    };
    let in_source = of(&[Verdict::Missing, Verdict::Ambiguous, Verdict::Different]);
    let in_target = of(&[Verdict::Extra, Verdict::Different]);
    let name = to_prove.table.id.to_string();
    world.progress.begin("progress-explain", &name, to_prove.table.rows_estimate);
    let old = find(world, context, mapping, &mapping.source, &in_source, source)?;
    world.progress.end();
    world.progress.begin("progress-explain", &mapping.target.base().table.to_string(), None);
    let new = find(&mut Visiting { world, pace }, context, mapping, &mapping.target, &in_target, target)?;
    world.progress.end();
    Ok(told(mapping, [&in_source, &in_target], &old, &new))
}

/// The rows of a side whose key is wanted, by key; one of each key.
fn find(
    hearing: &mut dyn Hearing,
    context: &ProofContext<'_>,
    mapping: &CompiledMapping,
    side: &CompiledSide,
    wanted: &HashMap<KeyDigest, Verdict>,
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

fn told(
    mapping: &CompiledMapping,
    wanted: [&HashMap<KeyDigest, Verdict>; 2],
    old: &HashMap<KeyDigest, Held>,
    new: &HashMap<KeyDigest, Held>,
) -> Explained {
    let mut causes = Causes::default();
    let mut keys = DifferingKeys {
        mapping: mapping.name.clone(),
        columns: mapping.key_columns.clone(),
        ..DifferingKeys::default()
    };
    for (key, held) in in_order(old) {
        let verdict = wanted[0][key];
        if let (Verdict::Different, Some(new)) = (verdict, new.get(key)) {
            causes.add(&held.compared, &new.compared);
        }
        keys.add(verdict, held);
    }
    for (_, held) in in_order(new).into_iter().filter(|(key, _)| wanted[1][*key] == Verdict::Extra) {
        keys.add(Verdict::Extra, held);
    }
    Explained { causes: causes.lines(&mapping.compared_columns), looked_at: causes.rows(), keys }
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
