//! Sets of records: one root for any order, memory or disk, any skew; trees of every small size; one bit in many rows.

use super::{Store, counts, int, text, verify};
use crate::merkle;
use crate::verify::compare::{CompareRules, Counts, LISTED_MAX, Verdict, compare};
use crate::verify::partitions::{DigestSet, RecordBytes, SortedSet};
use crate::verify::side::RecordShape;
use crate::verify::table_digest::TableDigester;
use lastbell_contract::{Batch, Kind, Row, TableId, Value};
use sha2::{Digest, Sha256};

const SHAPE: RecordShape = RecordShape { movable: 0 };
const RULES: CompareRules = CompareRules { shape: SHAPE, tells_change: false, may_change_percent_max: 10 };

/// The record of an invented row.
fn record(key: u64, row: u64) -> Vec<u8> {
    let key = Sha256::digest(key.to_be_bytes());
    let row = Sha256::digest(row.to_le_bytes());
    [&key[..16], &row[..], &[0]].concat()
}

fn set(records: impl Iterator<Item = Vec<u8>>, memory: usize) -> SortedSet {
    let mut set = DigestSet::new(SHAPE, memory, &std::env::temp_dir());
    records.for_each(|record| set.push(&record).unwrap());
    set.finish().unwrap()
}

/// The root by its definition: sort, hash, RFC 9162.
fn root_by_definition(mut records: Vec<Vec<u8>>) -> merkle::Hash {
    records.sort();
    let leaves: Vec<_> = records.iter().map(|record| merkle::leaf_hash(&record[..48])).collect();
    merkle::root(&leaves)
}

#[test]
fn trees_of_every_size_have_the_root_of_the_definition() {
    for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 257, 1023, 1024, 1025] {
        let records: Vec<_> = (0..count).map(|n| record(n, n)).collect();
        assert_eq!(
            set(records.clone().into_iter(), 1 << 20).root().unwrap(),
            root_by_definition(records),
            "{count} rows"
        );
    }
}

#[test]
fn memory_and_disk_give_the_same_root_in_any_order() {
    let records: Vec<_> = (0..6_000).map(|n| record(n % 4_500, n % 4_500)).collect();
    let in_memory = set(records.iter().cloned(), 64 << 20);
    let on_disk = set(records.iter().rev().cloned(), 64 << 10);
    assert_eq!(in_memory.spilled_bytes(), 0);
    assert_eq!(on_disk.spilled_bytes(), 6_000 * 49, "everything lies in the spill file once it is needed");
    assert_eq!(in_memory.root().unwrap(), on_disk.root().unwrap());
    assert_eq!(in_memory.root().unwrap(), root_by_definition(records));
    let comparison = compare(&in_memory, &on_disk, &RULES).unwrap();
    assert_eq!(comparison.counts, Counts { matched: 6_000, ..Counts::default() });
    assert_eq!((comparison.source.root, comparison.target.root), (in_memory.root().unwrap(), on_disk.root().unwrap()));
}

#[test]
fn all_rows_in_one_partition_are_merged_within_the_bound() {
    let skewed = |row: u64| [vec![7; 16], Sha256::digest(row.to_be_bytes()).to_vec(), vec![0]].concat();
    let records: Vec<_> = (0..6_000).map(|n| skewed(n / 2)).collect();
    let (on_disk, in_memory) = (set(records.iter().cloned(), 128 << 10), set(records.iter().cloned(), 64 << 20));
    assert!(on_disk.spilled_bytes() > (128 << 10) / 4, "the partition is larger than what may be loaded");
    assert_eq!(on_disk.root().unwrap(), root_by_definition(records));
    let comparison = compare(&on_disk, &in_memory, &RULES).unwrap();
    assert_eq!(comparison.counts, Counts { ambiguous: 6_000, ..Counts::default() }, "one key, unlike rows");
}

#[test]
fn the_last_byte_takes_no_part_in_equality() {
    let with_last = |last: u8| {
        let mut record = record(1, 1);
        record[48] = last;
        record
    };
    let (old, new) = (set([with_last(0)].into_iter(), 1 << 20), set([with_last(2)].into_iter(), 1 << 20));
    assert_eq!(old.root().unwrap(), new.root().unwrap());
    assert_eq!(compare(&old, &new, &RULES).unwrap().counts.matched, 1);
}

#[test]
fn differing_keys_are_listed_up_to_a_bound_and_counted_without_one() {
    let all = LISTED_MAX as u64 + 500;
    let (old, new) = (set((0..all).map(|n| record(n, n)), 1 << 20), set((0..all).map(|n| record(n, n + 1)), 1 << 20));
    let comparison = compare(&old, &new, &RULES).unwrap();
    let different = &comparison.findings[&Verdict::Different];
    assert_eq!((comparison.counts.different, different.total, different.listed.len()), (all, all, LISTED_MAX));
    assert!(different.listed.is_sorted_by_key(|finding| finding.key));
}

#[test]
fn a_folder_without_room_for_the_spill_file_is_a_failure_not_a_smaller_set() {
    let folder = std::env::temp_dir().join("lastbell-no-such-folder");
    let mut set = DigestSet::new(SHAPE, 64 << 10, &folder);
    let failed = (0..10_000).find_map(|n| set.push(&record(n, n)).err()).expect("the bound is reached");
    assert_eq!(failed.code, "file-not-found");
}

#[test]
#[should_panic(expected = "of the mapping's shape")]
fn sets_of_another_shape_are_never_compared() {
    let other = DigestSet::new(RecordBytes { all: 32, compared: 32 }, 1 << 20, &std::env::temp_dir()).finish().unwrap();
    let _ = compare(&other, &other, &RULES);
}

#[test]
fn one_bit_in_many_rows_is_found() {
    let yaml = "{name: t, source: {from: t s}, target: {from: t t}, key: [{source: s.id, target: t.id}],
                 columns: [{source: s.a, target: t.a}]}";
    let rows = || -> Vec<Row> { (0..4_000).map(|n| vec![int(n), text(&format!("отметка {n}"))]).collect() };
    let store = |rows| Store::default().with("t", &["id"], &[("id", Kind::Int), ("a", Kind::Text)], rows);
    let old = verify(yaml, &store(rows()), &store(rows()));
    assert_eq!((old.counts, &old.source.root), (counts([4_000, 0, 0, 0, 0, 0]), &old.target.root));
    for place in [0, 2_345, 3_999] {
        let mut changed = rows();
        changed[place][1] = text(&format!("отметка {}", place ^ 1));
        let result = verify(yaml, &store(rows()), &store(changed));
        assert_eq!(result.counts, counts([3_999, 0, 1, 0, 0, 0]), "row {place}");
        assert_ne!(result.source.root, result.target.root);
    }
}

fn table_digest(name: &str, columns: &[&str], rows: &[Row]) -> (u64, merkle::Hash) {
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    let folder = std::env::temp_dir();
    let mut digester = TableDigester::new(&[1; 32], &TableId::plain(name), &columns, 1 << 20, &folder);
    rows.iter().cloned().collect::<Batch>().rows().for_each(|row| digester.row(row).unwrap());
    let digest = digester.finish().unwrap();
    (digest.rows, digest.root)
}

#[test]
fn a_table_digest_tells_every_drift_and_no_order() {
    let rows: Vec<Row> = (0..500).map(|n| vec![int(n % 100), Value::Null]).collect();
    let mut permuted = rows.clone();
    permuted.rotate_left(123);
    let before = table_digest("t", &["a", "b"], &rows);
    assert_eq!(before, table_digest("t", &["a", "b"], &permuted));
    let mut changed = rows.clone();
    changed[77][1] = text("");
    let mut swapped = rows.clone();
    swapped[0][0] = int(1);
    for (name, other) in [
        ("a cell", table_digest("t", &["a", "b"], &changed)),
        ("one duplicate for another", table_digest("t", &["a", "b"], &swapped)),
        ("a row less", table_digest("t", &["a", "b"], &rows[1..])),
        ("a table's name", table_digest("u", &["a", "b"], &rows)),
        ("a column's name", table_digest("t", &["a", "c"], &rows)),
    ] {
        assert_ne!(before.1, other.1, "{name}");
    }
    assert_ne!(table_digest("t", &["a"], &[]), table_digest("u", &["a"], &[]), "an empty table is told by its name");
}

#[test]
fn comparing_sets_counts_every_source_row_once() {
    // Keys 0-99 on both sides, 100-149 in the source, 150-199 in the target, 0-9 twice in the source.
    let old = (0..150).chain(0..10).map(|n| record(n, n));
    let new = (0..100).chain(150..200).map(|n| record(n, if n < 5 { 999 } else { n }));
    let comparison = compare(&set(old, 1 << 20), &set(new, 1 << 20), &RULES).unwrap();
    let expected = Counts { matched: 95, different: 5, missing: 60, extra: 50, ..Counts::default() };
    assert_eq!((comparison.counts, comparison.counts.source_rows()), (expected, 160));
}
