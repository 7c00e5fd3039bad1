//! Cases of the conformance suite that need no engine: two stores in memory, a mapping in YAML, the verdicts.

#![allow(clippy::unwrap_used)]

mod bridges;
mod mappings;
mod random;
mod sets;
mod transforms;
mod verdicts;

use super::compare::{Comparison, Counts, compare};
use super::keys::VerifyKeys;
use super::mapping::{CompiledMapping, PersonalColumns, compile, compile_target};
use super::partitions::DigestSet;
use super::report::{MappingResult, Uncovered};
use super::side::{CompiledSide, Outcome, SideReader};
use crate::failure::Failure;
use crate::profile::profile_file::Mapping;
use lastbell_contract::{Batch, Catalog, Column, Kind, Row, Table, TableId, TableKind, Value};
use std::collections::BTreeMap;

/// 2026-09-01, the day of the migration in all cases.
const MIGRATED_ON: i64 = 20_697;

/// A store: its catalog and the rows of each table.
#[derive(Clone, Default)]
struct Store {
    catalog: Catalog,
    rows: BTreeMap<String, Vec<Row>>,
}

impl Store {
    fn with(mut self, name: &str, key: &[&str], columns: &[(&str, Kind)], rows: Vec<Row>) -> Self {
        self.catalog.tables.push(table(name, key, columns));
        self.rows.insert(name.to_owned(), rows);
        self
    }

    fn rows_of<'a>(&'a self, scanned: &'a super::side::Scanned) -> impl Iterator<Item = Row> + 'a {
        let table = self.catalog.table(&scanned.table).unwrap();
        let place = |name: &String| table.columns.iter().position(|column| &column.name == name).unwrap();
        let places: Vec<usize> = scanned.columns.iter().map(place).collect();
        self.rows[&scanned.table.name].iter().map(move |row| places.iter().map(|place| row[*place].clone()).collect())
    }
}

fn table(name: &str, key: &[&str], columns: &[(&str, Kind)]) -> Table {
    let column = |(name, kind): &(&str, Kind)| Column {
        name: (*name).to_owned(),
        declared_type: String::new(),
        kind: *kind,
        nullable: true,
        generated: false,
        comment: None,
        charset: None,
    };
    Table {
        id: TableId::plain(name),
        kind: TableKind::Base,
        columns: columns.iter().map(column).collect(),
        primary_key: key.iter().map(|column| (*column).to_owned()).collect(),
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        parents: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        rows_estimate: None,
        definition: None,
        obstacles: Vec::new(),
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn int(number: i128) -> Value {
    Value::Int(number)
}

fn mapping(yaml: &str) -> Mapping {
    serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("the case's mapping: {error}"))
}

/// What the inventory of these cases knows: the SNILS of students identifies them.
fn snils() -> PersonalColumns {
    PersonalColumns([(TableId::plain("students"), [("snils".to_owned(), true)].into())].into())
}

fn compiled(yaml: &str, source: &Store, target: &Store) -> CompiledMapping {
    let whole = compile(&mapping(yaml), &source.catalog, &target.catalog, &snils())
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let half = compile_target(&mapping(yaml), &target.catalog).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(half.side == whole.target && half.name == whole.name, "the target's half alone is the same: {yaml}");
    whole
}

fn problems(yaml: &str, source: &Store, target: &Store, personal: &PersonalColumns) -> Vec<Failure> {
    compile(&mapping(yaml), &source.catalog, &target.catalog, personal).err().unwrap_or_default()
}

/// The records of a side, and the rows that have none.
fn digest(mapping: &CompiledMapping, side: &CompiledSide, store: &Store, memory: usize) -> (DigestSet, Uncovered) {
    let folder = std::env::temp_dir();
    let keys = VerifyKeys::derive(&[42; 32], &mapping.key_label());
    let (mut set, mut uncovered) = (DigestSet::new(mapping.shape(), memory, &folder), Uncovered::default());
    let mut reader = SideReader::new(side, keys, MIGRATED_ON);
    for (index, joined) in side.joined().iter().enumerate() {
        store.rows_of(joined).collect::<Batch>().rows().for_each(|row| reader.add_joined(index, row));
    }
    for row in store.rows_of(side.base()).collect::<Batch>().rows() {
        match reader.row(row) {
            Outcome::Digested(record) => set.push(record).unwrap(),
            Outcome::NoPartner => uncovered.no_partner += 1,
            Outcome::OutsideFilter => uncovered.outside_filter += 1,
            Outcome::AmbiguousJoin => uncovered.ambiguous_join += 1,
        }
    }
    (set, uncovered)
}

fn compared(yaml: &str, source: &Store, target: &Store) -> (MappingResult, Comparison) {
    let mapping = compiled(yaml, source, target);
    let (old, uncovered) = digest(&mapping, &mapping.source, source, 1 << 20);
    let (new, _) = digest(&mapping, &mapping.target, target, 1 << 20);
    let comparison = compare(&old.finish().unwrap(), &new.finish().unwrap(), &mapping.rules()).unwrap();
    (MappingResult::new(&mapping, &comparison, uncovered), comparison)
}

fn verify(yaml: &str, source: &Store, target: &Store) -> MappingResult {
    compared(yaml, source, target).0
}

fn counts(figures: [u64; 6]) -> Counts {
    let [matched, moved_on, different, missing, ambiguous, extra] = figures;
    Counts { matched, moved_on, different, missing, ambiguous, extra }
}
