//! The promises of the invented diaries: the same every time, nobody real, and broken exactly where the story says.
#![allow(clippy::unwrap_used)]

use super::people::snils_checksum;
use super::*;
use lastbell_contract::Value;
use std::collections::{BTreeMap, BTreeSet};

fn table<'a>(tables: &'a [DemoTable], name: &str) -> &'a DemoTable {
    tables.iter().find(|table| table.name == name).unwrap()
}

/// The cell as text, however it is stored; NULL is empty.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes(raw) => raw.iter().map(|byte| format!("{byte:02x}")).collect(),
        other => panic!("the demo holds a {}", other.variant()),
    }
}

fn cells(table: &DemoTable, column: &str) -> Vec<String> {
    let at = table.columns.iter().position(|name| *name == column).unwrap();
    table.rows.iter().map(|row| shown(&row[at])).collect()
}

/// From one column to another: `id` to `snils`, say.
fn lookup(table: &DemoTable, key: &str, value: &str) -> BTreeMap<String, String> {
    cells(table, key).into_iter().zip(cells(table, value)).collect()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn repaired(diaries: &Diaries) -> Vec<DemoTable> {
    let mut platform = diaries.platform.clone();
    for (name, columns, rows) in &diaries.left_out {
        let table = platform.iter_mut().find(|table| table.name == *name).unwrap();
        assert_eq!(&table.columns, columns);
        table.rows.extend(rows.clone());
    }
    platform
}

/// A mark as people read it: whose, in what, when, which.
type Reading = (String, String, String, String);

fn old_marks(diaries: &Diaries) -> BTreeSet<Reading> {
    let words =
        BTreeMap::from([("5", "excellent"), ("4", "good"), ("3", "satisfactory"), ("2", "poor"), ("н", "absent")]);
    let (marks, pupils) = (table(&diaries.retired, "ocenki"), table(&diaries.retired, "ucheniki"));
    let (snils, titles) =
        (lookup(pupils, "id", "snils"), lookup(table(&diaries.retired, "predmety"), "id", "nazvanie"));
    let reading = |row: &Row| {
        let cell = |at: usize| shown(&row[at]);
        let day = cell(3).split('.').rev().collect::<Vec<_>>().join("-");
        (digits(&snils[&cell(1)]), titles[&cell(2)].clone(), day, words[cell(4).as_str()].to_owned())
    };
    marks.rows.iter().map(reading).collect()
}

fn new_marks(platform: &[DemoTable]) -> BTreeSet<Reading> {
    let (persons, subjects) = (table(platform, "persons"), table(platform, "subjects"));
    let (snils, schools) = (lookup(persons, "id", "snils"), lookup(persons, "id", "school_id"));
    let titles = lookup(subjects, "code", "title");
    let grades = table(platform, "grades").rows.iter().filter(|row| schools[&shown(&row[1])] == "77-0001");
    grades
        .map(|row| (snils[&shown(&row[1])].clone(), titles[&shown(&row[2])].clone(), shown(&row[3]), shown(&row[4])))
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_diaries() {
    assert!(diaries(SEED, 40) == diaries(SEED, 40), "two runs of one seed differ");
    assert!(diaries(SEED, 40) != diaries(SEED + 1, 40), "the seed does nothing");
    assert!(diaries(SEED, 0) == diaries(SEED, PUPILS_MIN), "a story without people");
}

#[test]
fn every_row_has_a_value_for_each_column() {
    let diaries = diaries(SEED, 40);
    for table in diaries.retired.iter().chain(&diaries.platform) {
        assert!(!table.rows.is_empty(), "{} is empty", table.name);
        assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.name);
    }
}

#[test]
fn snils_are_valid_unique_and_never_issued() {
    let diaries = diaries(SEED, PUPILS);
    let mut seen = BTreeSet::new();
    for (name, column) in [("ucheniki", "snils"), ("roditeli", "snils"), ("uchitelya", "snils")] {
        for snils in cells(table(&diaries.retired, name), column) {
            let bare = digits(&snils);
            assert_eq!(bare[9..], format!("{:02}", snils_checksum(&bare[..9])), "a checksum is wrong");
            assert!(bare.starts_with('9') && bare.len() == 11, "a number that could be somebody's");
            assert!(seen.insert(bare), "two people share a SNILS");
        }
    }
    assert_eq!(snils_checksum("112233445"), 95, "the rule's published example");
    assert_eq!(snils_checksum("087654303"), 0, "a remainder of 100 counts as 00");
}

#[test]
fn no_phone_mail_or_address_of_a_machine_is_real() {
    let diaries = diaries(SEED, PUPILS);
    let mut phones = 0;
    for table in diaries.retired.iter().chain(&diaries.platform) {
        for column in table.columns.iter().filter(|column| ["tel", "telefon", "phone"].contains(*column)) {
            for phone in cells(table, column).iter().filter(|phone| !phone.is_empty()) {
                let bare = digits(phone);
                assert!(bare.len() == 11 && &bare[1..2] == "9" && &bare[4..7] == "000", "{}.{column}", table.name);
                phones += 1;
            }
        }
        let ips = if table.columns.contains(&"ip") { cells(table, "ip") } else { Vec::new() };
        assert!(ips.iter().all(|ip| ip.starts_with("10.")), "{}.ip", table.name);
        for cell in table.rows.iter().flatten().filter(|cell| !matches!(cell, Value::Bytes(_))) {
            let text = shown(cell);
            assert!(!text.contains('@') || text.to_lowercase().ends_with(".example"), "a mail in {}", table.name);
        }
    }
    assert!(phones > 900, "the check saw only {phones} phones");
}

#[test]
fn every_declared_link_leads_somewhere_before_and_after_the_repair() {
    let diaries = diaries(SEED, PUPILS);
    let (mut links, mended) = (0, repaired(&diaries));
    for tables in [&diaries.retired, &diaries.platform, &mended] {
        for child in tables {
            for line in child.ddl[0].lines().filter(|line| line.contains(" REFERENCES ")) {
                let column = line.split_whitespace().next().unwrap();
                let (parent, key) = line.rsplit_once("REFERENCES ").unwrap().1.split_once('(').unwrap();
                let keys: BTreeSet<_> =
                    cells(table(tables, parent), key.split(')').next().unwrap()).into_iter().collect();
                assert!(cells(child, column).iter().all(|cell| keys.contains(cell)), "{}.{column}", child.name);
                links += 1;
            }
        }
    }
    assert_eq!(links, 12 + 2 * 17, "a link of the schemas was not looked at");
}

#[test]
fn the_first_move_forgets_two_pupils_and_the_repair_brings_them() {
    let diaries = diaries(SEED, PUPILS);
    let old: BTreeSet<_> =
        cells(table(&diaries.retired, "ucheniki"), "snils").iter().map(|snils| digits(snils)).collect();
    let absent = |tables: &[DemoTable]| {
        let new: BTreeSet<_> = cells(table(tables, "persons"), "snils").into_iter().collect();
        old.difference(&new).count()
    };
    assert_eq!(absent(&diaries.platform), 2);
    assert_eq!(absent(&repaired(&diaries)), 0);
}

#[test]
fn the_marks_that_miss_are_those_of_one_class_and_two_pupils() {
    for pupils in [PUPILS_MIN, 53, PUPILS] {
        let diaries = diaries(SEED, pupils);
        let (old, before, after) = (old_marks(&diaries), new_marks(&diaries.platform), new_marks(&repaired(&diaries)));
        assert_eq!(old.len(), table(&diaries.retired, "ocenki").rows.len(), "a mark without a key of its own");
        assert!(old == after, "the repair does not restore the marks of {pupils} pupils");
        let left_out = diaries.left_out.iter().find(|(name, ..)| *name == "grades").unwrap().2.len();
        assert_eq!(old.difference(&before).count(), left_out);
        assert!(before.is_subset(&old) && left_out >= 32, "nothing to be found missing with {pupils} pupils");
    }
}

#[test]
fn only_the_stated_phones_differ() {
    for pupils in [PUPILS_MIN, 53, PUPILS] {
        let diaries = diaries(SEED, pupils);
        let platform = repaired(&diaries);
        let mut changed = 0;
        for (old, new) in [("ucheniki", "persons"), ("roditeli", "guardians")] {
            let phones = lookup(table(&platform, new), "snils", "phone");
            let people = lookup(table(&diaries.retired, old), "snils", "tel");
            let differs = |(snils, phone): &(&String, &String)| {
                let (there, here) = (digits(&phones[&digits(snils)]), digits(phone));
                there.get(1..) != here.get(1..)
            };
            let moved_on = people.iter().filter(differs).count();
            assert!(moved_on > 0 && moved_on * 10 <= people.len(), "{moved_on} of {} {old}", people.len());
            changed += moved_on;
        }
        assert_eq!(changed, diaries.phones_changed);
    }
}

#[test]
fn namesakes_are_there() {
    let diaries = diaries(SEED, 40);
    let pupils = table(&diaries.retired, "ucheniki");
    let names: Vec<_> = cells(pupils, "familiya").into_iter().zip(cells(pupils, "imya")).take(4).collect();
    let (born, snils) = (cells(pupils, "data_rozhd"), cells(pupils, "snils"));
    assert!(names[0] == names[1] && born[0] != born[1], "no namesakes with two birth dates");
    assert!(names[2] == names[3] && born[2] == born[3] && snils[2] != snils[3], "no namesakes with one birth date");
}

#[test]
fn every_picture_is_another_one() {
    let diaries = diaries(SEED, PUPILS);
    let pictures = cells(table(&diaries.retired, "foto"), "kartinka");
    assert_eq!(pictures.iter().collect::<BTreeSet<_>>().len(), pictures.len());
    assert!(pictures.iter().all(|picture| picture.starts_with("89504e470d0a1a0a")), "not a PNG");
}

#[test]
fn the_story_keeps_its_size() {
    let diaries = diaries(SEED, PUPILS);
    let rows = |name: &str| table(&diaries.retired, name).rows.len();
    assert_eq!((diaries.retired.len(), rows("ucheniki"), rows("ocenki"), rows("log_old")), (18, 200, 3_200, 600));
    let all: usize = diaries.retired.iter().map(|table| table.rows.len()).sum();
    assert!((5_000..10_000).contains(&all), "{all} rows: some thousands were promised");
}

#[test]
fn decisions_and_answers_are_filled_in() {
    let diaries = diaries(SEED, 40);
    let decisions: serde_yaml::Value = serde_yaml::from_str(&decisions(&diaries)).unwrap();
    let waived: BTreeMap<_, _> = decisions
        .as_sequence()
        .unwrap()
        .iter()
        .filter_map(|line| line.get("waive"))
        .map(|waive| (waive["table"].as_str().unwrap(), usize::try_from(waive["rows_max"].as_u64().unwrap()).unwrap()))
        .collect();
    let unmoved = ["polzovateli", "sessii", "log_old"];
    assert_eq!(waived, unmoved.map(|name| (name, table(&diaries.retired, name).rows.len())).into());
    let answers: serde_yaml::Value = serde_yaml::from_str(&answers("sqlite:old.db", "sqlite:new.db")).unwrap();
    assert_eq!(answers["stores"][0]["url"].as_str(), Some("sqlite:old.db"));
    assert_eq!(answers["stores"][1]["url"].as_str(), Some("sqlite:new.db"));
}

/// `alias.column` texts anywhere below, except in reasons, which are prose.
fn columns_below(value: &serde_yaml::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_yaml::Value::String(text) => _ = found.insert(text.clone()),
        serde_yaml::Value::Sequence(items) => items.iter().for_each(|item| columns_below(item, found)),
        serde_yaml::Value::Mapping(entries) => entries.values().for_each(|item| columns_below(item, found)),
        other => assert!(other.is_number() || other.is_bool(), "an odd node in the profile"),
    }
}

#[test]
fn the_profile_knows_every_table_and_accounts_for_every_column() {
    let diaries = diaries(SEED, 40);
    let profile: serde_yaml::Value = serde_yaml::from_str(crate::profile::builtin::builtin("demo").unwrap()).unwrap();
    let rules = profile["tables"].as_mapping().unwrap();
    let known: BTreeSet<_> = rules.keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(known, diaries.retired.iter().map(|table| table.name).collect::<BTreeSet<_>>());
    let mut mapped = BTreeSet::from(["polzovateli", "sessii", "log_old"]);
    for mapping in profile["mappings"].as_sequence().unwrap() {
        let (name, alias) = mapping["source"]["from"].as_str().unwrap().split_once(' ').unwrap();
        let mut used = BTreeSet::new();
        columns_below(mapping, &mut used);
        let source = table(&diaries.retired, name);
        let lost = source.columns.iter().find(|column| !used.contains(&format!("{alias}.{column}")));
        assert_eq!(lost, None, "{name} has a column that nobody accounts for");
        mapped.insert(source.name);
    }
    let destroyed = rules.iter().filter(|(_, rule)| rule["disposition"].as_str() == Some("destroy"));
    let destroyed: BTreeSet<_> = destroyed.map(|(name, _)| name.as_str().unwrap()).collect();
    assert_eq!(destroyed, mapped, "a table goes without a mapping or a waiver");
}
