//! Schemas of real school systems, filled with invented people: from the drafted profile to a certificate that is valid, with
//! an independent judge of what is left on disk; and what two rows in the target stop.
//!
//! Reads the corpus (`LASTBELL_CORPUS`, by default `../shared/corpus`) and the judge (`LASTBELL_RESIDUE_SCAN`, by default
//! `../shared/tools/residue_scan.py`), needs a Python with modules for both servers, writes to temporary folders. A missing corpus is a failure;
//! `LASTBELL_CORPUS=none` says that these tests are not wanted. `LASTBELL_LONG=1` loads 2,000 pupils everywhere.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and tells how much it did")]

mod common;

#[path = "common/corpus/mod.rs"]
mod corpus;

use common::{files_below, json_file, root_code};
use corpus::system::{Sample, System, scan};
use corpus::walk::Walk;
use lastbell::engines::DemoWriter;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Of the sampled values so many in a thousand must be seen before the erasure, or the judge could not have seen them.
const SEEN_BEFORE_PERMILLE: u64 = 900;

// ---- the whole way

#[test]
fn ru_cyr_sqlite_goes_from_the_draft_to_a_valid_certificate_and_leaves_no_value() {
    whole_way("ru-cyr-sqlite", 2000);
}

#[test]
fn rosariosis_goes_from_the_draft_to_a_valid_certificate_and_leaves_no_value() {
    whole_way("rosariosis", 200);
}

#[test]
fn opensis_goes_from_the_draft_to_a_valid_certificate_and_leaves_no_value() {
    whole_way("opensis", 200);
}

fn whole_way(name: &str, pupils: u32) {
    let Some(system) = System::find(name, pupils) else { return };
    let mut walk = Walk::begin(&system);
    walk.run("discover", &[], 0);
    let decided = walk.decide();
    let before = walk.dump("before");
    let sample = walk.sample();
    let seen_before = scan(&walk.source_folder(), &sample, &walk.path("seen-before.json"));
    assert!(
        seen_before.found * 1000 >= SEEN_BEFORE_PERMILLE * seen_before.total,
        "{name}: the judge saw {} of {} values before the erasure",
        seen_before.found,
        seen_before.total
    );
    prove_and_plan(&mut walk, &before);
    walk.approve();
    walk.run("erase", &["--yes"], 0);
    compare_tables(&system, &before, &walk.dump("after"));
    let searched = walk.run("residue", &[], 0);
    certified(&mut walk);
    let seen_after = scan(&walk.source_folder(), &sample, &walk.path("seen-after.json"));
    assert_eq!(seen_after.found, 0, "{name}: values are left: {}", seen_after.files);
    assert_eq!((sample.values, seen_after.total), (2000, 2000), "{name}: 2,000 values were looked for");
    tell(&walk, &before, &decided, &sample, [seen_before.found, seen_after.found], &searched);
}

fn rows_in(dump: &BTreeMap<String, Vec<String>>, tables: &BTreeSet<String>) -> u64 {
    tables.iter().map(|table| dump.get(table).map_or(0, Vec::len) as u64).sum()
}

/// Every row of every table that goes is proved, nothing is waived, and the plan says of each table what the labels say.
fn prove_and_plan(walk: &mut Walk, before: &BTreeMap<String, Vec<String>>) {
    let (name, destroyed, kept) = (walk.system.name.clone(), walk.system.destroyed(), walk.system.kept());
    let rows = rows_in(before, &destroyed);
    assert!(rows > 1000, "{name}: {rows} rows are too few to prove anything");
    let verified = walk.run("verify", &[], 0);
    assert_eq!(verified["result"]["rows"], rows, "{name}: every row that goes was read");
    assert_eq!(verified["result"]["unmapped"].as_array().unwrap().len(), 0, "{name}: the draft maps every table");
    walk.run("plan", &[], 0);
    let plan = json_file(&walk.case().join("plan.json"));
    let planned = plan["units"].as_array().unwrap().iter().flat_map(|unit| unit["tables"].as_array().unwrap());
    assert_eq!(names(planned, "table"), destroyed, "{name}: what goes is what the labels say");
    assert_eq!(names(plan["kept"].as_array().unwrap(), "table"), kept, "{name}: what stays is what the labels say");
    for figure in ["rows", "proved"] {
        assert_eq!(plan["coverage"][figure], rows, "{name}: every row was proved ({figure})");
    }
    assert_eq!(plan["waivers"].as_array().unwrap().len(), 0, "{name}: no row goes by a waiver");
    assert_eq!(plan["coverage"]["left_out"], 0, "{name}: every personal column was compared");
}

fn names<'a>(tables: impl IntoIterator<Item = &'a Value>, key: &str) -> BTreeSet<String> {
    tables.into_iter().map(|table| table[key].as_str().unwrap().to_owned()).collect()
}

/// Kept tables are what they were, row by row and cell by cell; the others are empty.
fn compare_tables(system: &System, before: &BTreeMap<String, Vec<String>>, after: &BTreeMap<String, Vec<String>>) {
    let (destroyed, kept, name) = (system.destroyed(), system.kept(), &system.name);
    assert!(rows_in(before, &kept) > 0, "{name}: the kept tables have rows");
    for table in &kept {
        let (was, is) = (before.get(table), after.get(table));
        // Not assert_eq!: a row is long, and which one differs is enough.
        assert!(was == is, "{name}: kept table {table} is what it was: {} rows, then {}", count(was), count(is));
    }
    assert_eq!(rows_in(after, &destroyed), 0, "{name}: no row of a table that goes is left");
    let known: BTreeSet<String> = destroyed.union(&kept).cloned().collect();
    assert!(
        before.keys().chain(after.keys()).all(|table| known.contains(table)),
        "{name}: the labels know every table"
    );
}

fn count(rows: Option<&Vec<String>>) -> usize {
    rows.map_or(0, Vec::len)
}

/// To a certificate that a trust list and every file behind it bear out, and that says what the labels say.
fn certified(walk: &mut Walk) {
    let name = walk.system.name.clone();
    walk.run("certify", &[], 0);
    walk.sign();
    let checked = walk.check();
    let report = &checked["result"]["certificates"][0]["report"];
    assert_eq!(report["verdict"], "valid", "{name}: {report:#}");
    assert_eq!(report["layers"]["evidence"]["state"], "pass", "{name}: {report:#}");
    let predicate = json_file(&walk.case().join("statement.json"))["predicate"].clone();
    assert_eq!(predicate["outcome"], "destroyed", "{name}: nothing stands");
    assert_eq!(
        predicate["coverage"]["rows_total"], predicate["coverage"]["rows_proved"],
        "{name}: all rows were proved"
    );
    let residue = json_file(&walk.case().join("residue.json"));
    let found = sum(&residue, "distinct_found");
    assert_eq!(found, 0, "{name}: the program itself found nothing");
    assert!(sum(&residue, "looked_for") > 1000, "{name}: the program itself looked for values");
}

fn sum(residue: &Value, figure: &str) -> u64 {
    residue["units"].as_array().unwrap().iter().map(|unit| unit["report"][figure].as_u64().unwrap()).sum()
}

fn tell(
    walk: &Walk,
    before: &BTreeMap<String, Vec<String>>,
    decided: &BTreeMap<String, usize>,
    sample: &Sample,
    [seen_before, seen_after]: [u64; 2],
    searched: &Value,
) {
    let (destroyed, kept, system) = (walk.system.destroyed(), walk.system.kept(), &walk.system);
    let plan = json_file(&walk.case().join("plan.json"));
    let residue = json_file(&walk.case().join("residue.json"));
    eprintln!("── {} with {} pupils", system.name, system.pupils);
    eprintln!(
        "   tables: {} destroyed in {} units, {} kept; rows: {} destroyed, {} proved, {} kept unchanged",
        destroyed.len(),
        plan["units"].as_array().unwrap().len(),
        kept.len(),
        rows_in(before, &destroyed),
        plan["coverage"]["proved"],
        rows_in(before, &kept)
    );
    eprintln!("   decisions by kind: {decided:?}");
    eprintln!(
        "   needles: {} of {} looked for, {} found; {}",
        sum(&residue, "looked_for"),
        sum(&residue, "needles_total"),
        sum(&residue, "distinct_found"),
        searched["result"]["levels"]
    );
    eprintln!(
        "   judge: {} values from {} columns; found {seen_before} before, {seen_after} after ({})",
        sample.values, sample.columns, sample.facts
    );
    eprintln!("   seconds: {}", walk.seconds());
}

// ---- what two rows stop

/// What happens to the databases before `verify`; each SQL changes exactly one row.
struct Rows {
    /// In both databases; in the source it stands in the write-ahead log alone.
    on_both: &'static str,
    /// In the target, with the table that then differs.
    changed: (&'static str, &'static str),
    /// In the target, with the table that then misses a row.
    deleted: (&'static str, &'static str),
    /// In the target, with the table that then has one more.
    added: (&'static str, &'static str),
}

#[test]
fn ru_cyr_sqlite_is_stopped_by_a_changed_and_a_missing_row_and_not_by_an_extra_one() {
    stopped_by_two_rows(
        "ru-cyr-sqlite",
        2000,
        &Rows {
            on_both: r#"UPDATE "Паспортные_данные" SET "номер" = '000001'
                        WHERE "id_паспортных_данных" = (SELECT min("id_паспортных_данных") FROM "Паспортные_данные")"#,
            changed: (
                "Ученик",
                r#"UPDATE "Ученик" SET "Контактный_телефон_ученика" = '79000000099'
                   WHERE "id_ученика" = (SELECT max("id_ученика") FROM "Ученик")"#,
            ),
            deleted: (
                "Успеваемость",
                r#"DELETE FROM "Успеваемость"
                   WHERE "id_успеваемость" = (SELECT min("id_успеваемость") FROM "Успеваемость")"#,
            ),
            added: (
                "Учитель",
                r#"INSERT INTO "Учитель" SELECT max("id_учителя") + 1, 'Новичкова', 'Ульяна', 'Пробовна', '79000000098'
                   FROM "Учитель""#,
            ),
        },
    );
}

#[test]
fn rosariosis_is_stopped_by_a_changed_and_a_missing_row_and_not_by_an_extra_one() {
    stopped_by_two_rows(
        "rosariosis",
        200,
        &Rows {
            on_both: "UPDATE staff SET middle_name = 'Пробович' WHERE staff_id = (SELECT min(staff_id) FROM staff)",
            changed: (
                "students",
                "UPDATE students SET first_name = 'Пробирка' WHERE student_id = (SELECT max(student_id) FROM students)",
            ),
            deleted: (
                "attendance_day",
                "DELETE FROM attendance_day WHERE rowid = (SELECT min(rowid) FROM attendance_day)",
            ),
            added: (
                "people",
                "INSERT INTO people (person_id, last_name, first_name) \
                 SELECT max(person_id) + 1, 'Новичкова', 'Ульяна' FROM people",
            ),
        },
    );
}

fn stopped_by_two_rows(name: &str, pupils: u32, rows: &Rows) {
    let Some(system) = System::find_of(name, pupils) else { return };
    let mut walk = Walk::begin(&system);
    execute(&walk.target(), rows.on_both);
    leave_in_log(&walk.source(), rows.on_both);
    let whole = fs::read(walk.target()).unwrap();
    for (_, sql) in [rows.changed, rows.deleted, rows.added] {
        execute(&walk.target(), sql);
    }
    let source = files_below(&walk.source_folder());
    assert!(
        source.iter().any(|(file, bytes)| file.ends_with("-wal") && bytes.len() > 4096),
        "the log holds the change"
    );
    walk.run("discover", &[], 0);
    walk.decide();

    let verified = walk.run("verify", &[], 1);
    let expected = [(rows.changed.0, [0, 1, 0, 0]), (rows.deleted.0, [1, 0, 0, 0]), (rows.added.0, [0, 0, 0, 1])];
    assert_eq!(unlike(&verified), expected.map(|(table, counts)| (table.to_owned(), counts)).into(), "{name}");
    let open: BTreeSet<String> = [rows.changed.0, rows.deleted.0].map(str::to_owned).into();
    let is_cause = |finding: &&Value| finding["code"].as_str().unwrap().starts_with("cause-");
    let (causes, findings): (Vec<&Value>, Vec<&Value>) =
        verified["findings"].as_array().unwrap().iter().partition(is_cause);
    assert_eq!(causes.len(), 1, "{name}: one cell was changed, and what happened to it is told: {causes:?}");
    assert_eq!(names(findings.iter().map(|finding| &finding["args"]), "table"), open, "{name}: both tables are named");
    assert_eq!(findings.len(), 2, "{name}: the row only in the target is none of them");

    let refused = walk.run("plan", &[], 4);
    assert_eq!(open_points(&refused), open, "{name}: the plan is refused for both, and for nothing else");
    let refused = walk.run("erase", &["--yes"], 4);
    assert_eq!(root_code(&refused), "artefact-missing", "{name}: there is no plan to erase by");
    assert!(files_below(&walk.source_folder()) == source, "{name}: not a byte, not a file of the source changed");

    // With the two rows repaired the third alone stops nothing.
    fs::write(walk.target(), whole).unwrap();
    execute(&walk.target(), rows.added.1);
    let verified = walk.run("verify", &["--again"], 0);
    assert_eq!(unlike(&verified), [(rows.added.0.to_owned(), [0, 0, 0, 1])].into(), "{name}");
    walk.run("plan", &[], 0);
    assert!(files_below(&walk.source_folder()) == source, "{name}: not a byte, not a file of the source changed");
    eprintln!("── {name}: stopped as told, {} tables compared; seconds: {}", system.destroyed().len(), walk.seconds());
}

/// Missing, different, ambiguous, extra, for each table where one of them is not 0.
fn unlike(verified: &Value) -> BTreeMap<String, [u64; 4]> {
    let mut unlike = BTreeMap::new();
    for mapping in verified["result"]["mappings"].as_array().unwrap() {
        let counts = ["missing", "different", "ambiguous", "extra"].map(|verdict| mapping["counts"][verdict].as_u64());
        let counts = counts.map(|count| count.expect("every verdict is counted"));
        if counts != [0; 4] {
            unlike.insert(mapping["table"].as_str().unwrap().to_owned(), counts);
        }
    }
    unlike
}

/// Tables named by the open points of a refused plan, all of which must be unproved rows.
fn open_points(refused: &Value) -> BTreeSet<String> {
    assert_eq!(refused["error"]["code"], "plan-open");
    let mut tables = BTreeSet::new();
    let mut point = &refused["error"]["cause"];
    while point.is_object() {
        assert_eq!(point["code"], "open-unproved", "{point:#}");
        tables.insert(point["args"]["table"].as_str().unwrap().to_owned());
        point = &point["cause"];
    }
    assert_eq!(refused["error"]["args"]["points"], tables.len().to_string(), "every point is named");
    tables
}

fn execute(database: &Path, sql: &str) {
    let mut writer = DemoWriter::open(database).unwrap();
    writer.execute(sql).unwrap();
    writer.finish().unwrap();
}

/// Leaves the change in the write-ahead log alone, as an application that was killed leaves it.
fn leave_in_log(database: &Path, sql: &str) {
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", database.display()));
    let mut application = DemoWriter::open(database).unwrap();
    application.execute(&format!("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; {sql}")).unwrap();
    let (base, log) = (fs::read(database).unwrap(), fs::read(beside("-wal")).unwrap());
    drop(application);
    for helper in ["-wal", "-shm"] {
        let _ = fs::remove_file(beside(helper));
    }
    fs::write(database, base).unwrap();
    fs::write(beside("-wal"), log).unwrap();
}
