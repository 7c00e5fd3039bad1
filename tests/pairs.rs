//! All nine pairs of engines: real school systems with invented people, loaded alike into the retired system's engine and the
//! platform's, from the drafted profile to a certificate that is valid; what the judge finds afterwards in the old one's files.
//!
//! Reads the corpus and the judge as `corpus.rs` does; needs PostgreSQL, MariaDB and a Python that speaks to both. Each pair
//! takes one system; `LASTBELL_LONG=1` takes all four, larger, and also asks a living server and one that was killed.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and tells how much it did")]

mod common;

#[path = "common/corpus/mod.rs"]
mod corpus;

use common::{SmallCase, json_file, world};
use corpus::database::Engine::{self, Mysql, Postgres, Sqlite};
use corpus::database::ZONE_OF_POSTGRES;
use corpus::system::{Sample, System, is_long, scan};
use corpus::walk::Walk;
use lastbell::profile::Profile;
use lastbell::profile::profile_file::{ColumnRule, Columns, Disposition, Mapping};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Of the sampled values so many in a thousand must be seen before the erasure, or the judge could not have seen them.
const SEEN_BEFORE_PERMILLE: u64 = 900;

/// Each system with the pupils that make enough rows: in the small form, in the long one.
const SYSTEMS: [(&str, u32, u32); 4] =
    [("rosariosis", 8, 40), ("opensis", 8, 40), ("boyutov", 30, 300), ("telecomdep", 30, 300)];

#[test]
fn from_a_file_to_a_file() {
    pair(Sqlite, Sqlite, "boyutov");
}

#[test]
fn from_a_file_to_postgres() {
    pair(Sqlite, Postgres, "rosariosis");
}

#[test]
fn from_a_file_to_mysql() {
    pair(Sqlite, Mysql, "telecomdep");
}

#[test]
fn from_postgres_to_a_file() {
    pair(Postgres, Sqlite, "telecomdep");
}

#[test]
fn from_postgres_to_postgres() {
    pair(Postgres, Postgres, "rosariosis");
}

#[test]
fn from_postgres_to_mysql() {
    pair(Postgres, Mysql, "boyutov");
}

#[test]
fn from_mysql_to_a_file() {
    pair(Mysql, Sqlite, "boyutov");
}

#[test]
fn from_mysql_to_postgres() {
    pair(Mysql, Postgres, "opensis");
}

#[test]
fn from_mysql_to_mysql() {
    pair(Mysql, Mysql, "telecomdep");
}

/// One system in the small form, every system in the long one.
fn pair(old: Engine, new: Engine, small: &str) {
    for (name, pupils, pupils_long) in SYSTEMS {
        let pupils = if is_long() { pupils_long } else { pupils };
        if (is_long() || name == small)
            && let Some(system) = System::find_of(name, pupils)
        {
            whole_way(&mut Walk::between(&system, old, new, true), &format!("{name}, {old:?} to {new:?}"));
        }
    }
}

fn whole_way(walk: &mut Walk, what: &str) {
    let sample = walk.sample_of_texts();
    assert!(sample.values >= 50, "{what}: {} values are too few to find anything", sample.values);
    walk.run("discover", &[], 0);
    let transforms = transforms_are_visible(walk, what);
    let profile = drafted_profile(walk);
    let open = profile.tables.values().filter_map(|rule| rule.reason.as_ref());
    let open: Vec<&String> = open.filter(|reason| reason.contains("`as:") || reason.contains("zone")).collect();
    assert_eq!(open, Vec::<&String>::new(), "{what}: nothing is lost between these types, and the clock was declared");
    walk.decide();
    let before = walk.dump("before");
    let seen = [judged(walk, &sample, "before"), 0];
    assert!(
        seen[0] * 1000 >= SEEN_BEFORE_PERMILLE * sample.values,
        "{what}: the judge saw {} of {} values before the erasure",
        seen[0],
        sample.values
    );
    let rows = prove_and_plan(walk, &before, what);
    walk.approve();
    walk.run("erase", &["--yes"], 0);
    compare_tables(&walk.system, &before, &walk.dump("after"), what);
    walk.run("residue", &[], 0);
    if is_long() {
        assert_eq!(judged(walk, &sample, "live"), 0, "{what}: values are left while the server runs");
    }
    let level = certified(walk, what);
    walk.old.stop();
    assert_eq!(judged(walk, &sample, "after"), 0, "{what}: values are left");
    eprintln!(
        "── {what}: {rows} rows proved and destroyed at {level}; {transforms:?}; judge: {} values from {} columns, {} seen \
         before, none after; seconds: {}",
        sample.values,
        sample.columns,
        seen[0],
        walk.seconds()
    );
}

fn judged(walk: &Walk, sample: &Sample, name: &str) -> u64 {
    let seen = scan(&walk.source_folder(), sample, &walk.path(&format!("seen-{name}.json")));
    assert_eq!(seen.total, sample.values, "all values were looked for");
    if name != "before" && seen.found > 0 {
        eprintln!("found {name}: {:#}", seen.files);
    }
    seen.found
}

// ---- the drafted profile

fn drafted_profile(walk: &Walk) -> Profile {
    let text = fs::read(walk.case().join("profile.yaml")).unwrap();
    Profile::load("profile.yaml", &text).unwrap().0
}

/// Wherever the kinds of a pair are unlike, the profile says how they are compared. Returns how often it says what.
fn transforms_are_visible(walk: &Walk, what: &str) -> BTreeMap<String, usize> {
    let (profile, inventory) = (drafted_profile(walk), json_file(&walk.case().join("inventory.json")));
    let (old, new) = (kinds(&inventory, "source"), kinds(&inventory, "target"));
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for mapping in &profile.mappings {
        for (source, words) in pairs_of(mapping) {
            let column = (mapping.name.clone(), source);
            let (was, is) = (&old[&column], &new[&column]);
            assert!(was == is || !words.is_empty(), "{what}: {column:?} is {was} and {is}: how is it compared?");
            if !words.is_empty() {
                *said.entry(format!("{was}-{is}: {words}")).or_default() += 1;
            }
        }
        let compared = mapping.columns.len() + mapping.key.len();
        let columns = old.keys().filter(|(table, _)| *table == mapping.name).count();
        assert_eq!(compared, columns, "{what}: every column of {} is compared", mapping.name);
    }
    assert_eq!(profile.mappings.len(), profile.tables.len(), "{what}: every table has its mapping");
    said
}

/// Column and words of each rule of a drafted mapping, in which names are the same on both sides.
fn pairs_of(mapping: &Mapping) -> Vec<(String, String)> {
    let column = |text: &str| text.split_once('.').unwrap().1.to_owned();
    let words = |r#as: &Option<_>, zone: &Option<_>| {
        let normaliser = r#as.map(|word: lastbell::profile::profile_file::Normaliser| word.word().to_owned());
        let zone = zone.as_ref().map(|zone: &lastbell::profile::Zone| format!("zone {zone}"));
        normaliser.into_iter().chain(zone).collect::<Vec<_>>().join(", ")
    };
    let key = mapping.key.iter().map(|pair| (column(&pair.source), words(&pair.r#as, &pair.zone)));
    let rule = |rule: &ColumnRule| match rule.source.as_ref().unwrap() {
        Columns::One(source) => (column(source), words(&rule.r#as, &rule.zone)),
        Columns::Merged(_) => panic!("a draft merges nothing"),
    };
    key.chain(mapping.columns.iter().map(rule)).collect()
}

/// The kind of each column of a side.
fn kinds(inventory: &Value, role: &str) -> BTreeMap<(String, String), String> {
    let stores = inventory["stores"].as_array().unwrap().iter().filter(|store| store["role"] == role);
    let mut kinds = BTreeMap::new();
    for table in stores.flat_map(|store| store["tables"].as_array().unwrap()) {
        for column in table["columns"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            kinds.insert((text(&table["name"]), text(&column["name"])), text(&column["kind"]));
        }
    }
    kinds
}

// ---- proof, destruction, certificate

fn rows_in(dump: &BTreeMap<String, Vec<String>>, tables: &BTreeSet<String>) -> u64 {
    tables.iter().map(|table| dump.get(table).map_or(0, Vec::len) as u64).sum()
}

/// Every row of every table that goes is proved, nothing is waived, and the plan says of each table what the labels say.
fn prove_and_plan(walk: &mut Walk, before: &BTreeMap<String, Vec<String>>, what: &str) -> u64 {
    let (destroyed, kept) = (walk.system.destroyed(), walk.system.kept());
    let rows = rows_in(before, &destroyed);
    assert!(rows > 100, "{what}: {rows} rows are too few to prove anything");
    let verified = walk.run("verify", &[], 0);
    assert_eq!(verified["result"]["rows"], rows, "{what}: every row that goes was read");
    assert_eq!(verified["result"]["unmapped"].as_array().unwrap().len(), 0, "{what}: the draft maps every table");
    walk.run("plan", &[], 0);
    let plan = json_file(&walk.case().join("plan.json"));
    let planned = plan["units"].as_array().unwrap().iter().flat_map(|unit| unit["tables"].as_array().unwrap());
    assert_eq!(names(planned), destroyed, "{what}: what goes is what the labels say");
    assert_eq!(names(plan["kept"].as_array().unwrap()), kept, "{what}: what stays is what the labels say");
    for figure in ["rows", "proved"] {
        assert_eq!(plan["coverage"][figure], rows, "{what}: every row was proved ({figure})");
    }
    assert_eq!(plan["waivers"].as_array().unwrap().len(), 0, "{what}: no row goes by a waiver");
    assert_eq!(plan["coverage"]["left_out"], 0, "{what}: every personal column was compared");
    rows
}

fn names<'a>(tables: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    tables.into_iter().map(|table| table["table"].as_str().unwrap().to_owned()).collect()
}

/// Kept tables are what they were, row by row and cell by cell; the others are empty.
fn compare_tables(
    system: &System,
    before: &BTreeMap<String, Vec<String>>,
    after: &BTreeMap<String, Vec<String>>,
    what: &str,
) {
    let (destroyed, kept) = (system.destroyed(), system.kept());
    assert!(rows_in(before, &kept) > 0, "{what}: the kept tables have rows");
    for table in &kept {
        // Not assert_eq!: a row is long, and which table differs is enough.
        assert!(before.get(table) == after.get(table), "{what}: kept table {table} is what it was");
    }
    assert_eq!(rows_in(after, &destroyed), 0, "{what}: no row of a table that goes is left");
    let mut known = destroyed.union(&kept);
    let unknown: Vec<&String> = after.keys().filter(|table| !known.any(|name| name == *table)).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "{what}: no table is there that the labels do not know");
}

/// To a certificate that a trust list and every file behind it bear out. Returns the level that it claims.
fn certified(walk: &mut Walk, what: &str) -> String {
    walk.run("certify", &[], 0);
    walk.sign();
    let checked = walk.check();
    let report = &checked["result"]["certificates"][0]["report"];
    assert_eq!(report["verdict"], "valid", "{what}: {report:#}");
    assert_eq!(report["layers"]["evidence"]["state"], "pass", "{what}: {report:#}");
    let predicate = json_file(&walk.case().join("statement.json"))["predicate"].clone();
    assert_eq!(predicate["outcome"], "destroyed", "{what}: nothing stands");
    assert_eq!(
        predicate["coverage"]["rows_total"], predicate["coverage"]["rows_proved"],
        "{what}: all rows were proved"
    );
    let residue = json_file(&walk.case().join("residue.json"));
    let sum = |figure: &str| -> u64 {
        residue["units"].as_array().unwrap().iter().map(|unit| unit["report"][figure].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("distinct_found"), 0, "{what}: the program itself found nothing");
    assert!(sum("looked_for") > 50, "{what}: the program itself looked for values");
    let levels: BTreeSet<&str> =
        predicate["levels"].as_array().unwrap().iter().map(|store| store["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["L2"].into(), "{what}: the superuser of a server that nobody else uses reaches L2");
    "L2".to_owned()
}

// ---- what waits for a person

#[test]
fn a_clock_that_nobody_declared_waits_for_a_person_and_a_decision_agrees_to_it() {
    let Some(system) = System::find_of("telecomdep", 8) else { return };
    let mut walk = Walk::between(&system, Postgres, Mysql, false);
    walk.run("discover", &[], 0);
    let profile = drafted_profile(&walk);
    let clocks = |mapping: &Mapping| -> BTreeSet<String> {
        pairs_of(mapping).into_iter().map(|(_, words)| words).filter(|words| words.contains("zone")).collect()
    };
    let moments: Vec<&Mapping> = profile.mappings.iter().filter(|mapping| !clocks(mapping).is_empty()).collect();
    assert!(moments.len() >= 3, "the system has moments in {} tables", moments.len());
    for mapping in moments {
        // A plain copy goes by the zone of the server that reads the copied times as moments.
        assert_eq!(clocks(mapping), [format!("instant, zone {ZONE_OF_POSTGRES}")].into(), "{}", mapping.name);
        let rule = &profile.tables[&mapping.name];
        let told = rule.reason.as_ref().is_some_and(|reason| reason.contains("nobody declared the clock"));
        assert!(told == (rule.disposition == Disposition::Review), "{}: {:?}", mapping.name, rule.reason);
        assert!(told || rule.disposition == Disposition::Keep, "{}: what goes waits", mapping.name);
    }
    walk.decide();
    let verified = walk.run("verify", &[], 0);
    assert_eq!(verified["findings"].as_array().unwrap().len(), 0, "that was the clock");
}

#[test]
fn a_comparison_that_loses_waits_for_a_person() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.sql(&case.source(), "ALTER TABLE pupils ADD COLUMN paid NUMERIC(10, 2)");
    case.sql(&case.target(), "ALTER TABLE pupils ADD COLUMN paid TEXT");
    let mut session = case.session(&mut world);
    lastbell::steps::discover::run(&mut session, &mut world, false).unwrap();
    let text = fs::read(case.case().join("profile.yaml")).unwrap();
    let (profile, _) = Profile::load("profile.yaml", &text).unwrap();
    let pupils = &profile.tables["pupils"];
    assert_eq!(pupils.disposition, Disposition::Review);
    assert_eq!(pupils.reason.as_deref(), Some("`as: decimal` may make unlike values equal: paid"));
    assert_eq!(profile.tables["staff"].disposition, Disposition::Destroy, "the others wait for nothing");
    let told = String::from_utf8(text).unwrap();
    assert!(told.contains("{source: s.paid, target: t.paid, as: decimal}"), "{told}");
}
