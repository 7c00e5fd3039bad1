//! Random damage: change cells, drop rows, add rows; exactly the damaged ones must be told. Seeded, so that a failure repeats.

use super::{Store, counts, int, text, verify};
use lastbell_contract::{Kind, Row, Value};
use std::collections::BTreeSet;

/// SplitMix64: small, seeded, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of few values of each kind, so that equal cells and near misses are frequent.
    fn value(&mut self) -> Value {
        let small = self.below(3) as i64;
        match self.below(10) {
            0 => Value::Null,
            1 => int(i128::from(small)),
            2 => Value::Decimal(format!("{small}.50")),
            3 => Value::Float(small as f64),
            4 => text(["", " ", "0", "NULL", "й", "и\u{306}"][self.below(6)]),
            5 => Value::Bytes(vec![small as u8; self.below(3)]),
            6 => Value::Date(small),
            7 => Value::LocalDateTime(small),
            8 => Value::Bool(small == 0),
            _ => Value::Invalid(Kind::Text, vec![0xff; self.below(3)]),
        }
    }
}

const COLUMNS: [(&str, Kind); 5] =
    [("id", Kind::Int), ("a", Kind::Unknown), ("b", Kind::Unknown), ("c", Kind::Unknown), ("d", Kind::Unknown)];

const MAPPING: &str = "
name: t
source: {from: t s}
target: {from: t t}
key: [{source: s.id, target: t.id}]
columns: [{source: s.a, target: t.d}, {source: s.b, target: t.c}, {source: s.c, target: t.b}, {source: s.d, target: t.a}]
";

fn store(rows: Vec<Row>) -> Store {
    Store::default().with("t", &["id"], &COLUMNS, rows)
}

/// The target of the mapping above: columns in reverse, rows shuffled.
fn migrated(rows: &[Row], random: &mut Random) -> Vec<Row> {
    let mut rows: Vec<Row> = rows
        .iter()
        .map(|row| vec![row[0].clone(), row[4].clone(), row[3].clone(), row[2].clone(), row[1].clone()])
        .collect();
    for place in (1..rows.len()).rev() {
        rows.swap(place, random.below(place + 1));
    }
    rows
}

#[test]
fn exactly_the_damaged_rows_differ() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let rows: Vec<Row> = (0..40 + random.below(40) as i128)
            .map(|id| std::iter::once(int(id)).chain((0..4).map(|_| random.value())).collect())
            .collect();
        let mut target = migrated(&rows, &mut random);
        let dropped = random.below(4);
        target.truncate(target.len() - dropped);
        let mut damaged = BTreeSet::new();
        for _ in 0..random.below(8) {
            let (place, column) = (random.below(target.len()), 1 + random.below(4));
            // A text that occurs nowhere else: a second change of one cell cannot undo the first.
            target[place][column] = text(&format!("damage {}", random.next()));
            damaged.insert(place);
        }
        let added = random.below(4);
        target.extend(
            (0..added).map(|n| vec![int(1_000 + n as i128), Value::Null, Value::Null, Value::Null, Value::Null]),
        );
        let (different, missing) = (damaged.len() as u64, dropped as u64);
        let matched = rows.len() as u64 - different - missing;
        let result = verify(MAPPING, &store(rows), &store(target));
        assert_eq!(result.counts, counts([matched, 0, different, missing, 0, added as u64]), "seed {seed}");
        let untouched = different + missing + added as u64 == 0;
        assert_eq!(result.source.root == result.target.root, untouched, "the roots of seed {seed}");
    }
}

#[test]
fn any_unlike_cell_makes_its_row_differ() {
    let mut random = Random(99);
    for round in 0..800 {
        let (old, new) = (random.value(), random.value());
        let rows = |value: &Value| store(vec![vec![int(1), value.clone(), Value::Null, Value::Null, Value::Null]]);
        let target = |value: &Value| store(vec![vec![int(1), Value::Null, Value::Null, Value::Null, value.clone()]]);
        let matched = verify(MAPPING, &rows(&old), &target(&new)).counts.matched == 1;
        assert_eq!(matched, old == new, "round {round}: {old:?} and {new:?}");
    }
}
