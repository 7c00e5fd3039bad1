//! The diary and the register to a certificate while nobody of ours reads the platform: by a receipt that another process makes,
//! which never sees the source, and by an export to CSV. Both platforms are of another schema, with joins on their side.

use crate::common::{SetClock, SmallCase, json_file, lastbell_json, root_code, world};
use crate::corpus::database::{Database, Engine};
use crate::corpus::system::System;
use crate::corpus::walk::Walk;
use crate::diary::Diary;
use crate::keeper::{APART, Keeper, ask_instead};
use crate::register;
use lastbell::profile::profile_file::Normaliser;
use lastbell::steps;
use lastbell::steps::digest::{SealTo, request};
use lastbell::world::World;
use lastbell_contract::{Flow, Location, Scan, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Who made the export.
const MADE: &str = "[{what: export-made, by: Выгрузкин, position: keeper, at: 2026-11-20}]";

/// By mapping: rows, roots and verdicts.
type Figures = BTreeMap<String, [serde_json::Value; 3]>;

fn figures(case: &Path) -> Figures {
    let of = |result: &serde_json::Value| {
        let kept = ["source", "target", "counts"].map(|key| result[key].clone());
        (result["mapping"].as_str().unwrap().to_owned(), kept)
    };
    json_file(&case.join("verification.json"))["mappings"].as_array().unwrap().iter().map(of).collect()
}

fn rows(figures: &Figures) -> u64 {
    figures.values().map(|[source, ..]| source["rows"].as_u64().unwrap()).sum()
}

// ---- the diary

/// The test's own steps go by the clock of the processes beside them.
fn now(clock: &SetClock) {
    #[allow(clippy::disallowed_methods, reason = "the processes go by the real time")]
    clock.0.store(jiff::Timestamp::now().as_second(), Ordering::SeqCst);
}

/// A step as a process; its exit code and the code of its first cause.
fn step(case: &SmallCase, arguments: &[&str]) -> (i32, String) {
    let folder = case.case_argument();
    let (exit, document) = lastbell_json(&[&[arguments[0], folder.as_str()], &arguments[1..]].concat());
    (exit, root_code(&document))
}

/// From a verification on: plan, approvals, erasure, certificate, and a check that finds it valid.
fn to_a_valid_certificate(case: &SmallCase, (mut world, clock): (World, SetClock), kind: &str) {
    let world = &mut world;
    assert_eq!(step(case, &["plan"]), (0, "ok".to_owned()));
    now(&clock);
    case.approve(world);
    assert_eq!(step(case, &["erase", "--yes"]), (0, "ok".to_owned()));
    for table in ["ucheniki", "ocenki", "posesh", "foto", "zametki", "log_old"] {
        assert_eq!(case.count(&case.source(), table), 0, "{table}");
    }
    now(&clock);
    case.certified(world);
    let report = case.check(world);
    assert_eq!((&report["verdict"], &report["layers"]["evidence"]["state"]), (&"valid".into(), &"pass".into()));
    assert_eq!(case.predicate()["target"]["kind"], kind);
}

/// A diary whose platform has been compared where it lies, and which then must go by a receipt.
struct Asked {
    diary: Diary,
    live: Figures,
}

impl Asked {
    fn of(keeper: &Keeper, id: &str, world: &mut World) -> Self {
        let diary = Diary::in_folder(&keeper.folder().join(id), id, world, 60);
        let case = &diary.small;
        assert_eq!(step(case, &["verify"]), (0, "ok".to_owned()));
        let live = figures(&case.case());
        case.change_case_file(&format!("sqlite:{}", case.target().display()), "receipt:../receipt.lbr");
        fs::copy(keeper.signing_public(), case.folder.join("keys/keeper.pub.pem")).unwrap();
        case.set_case_line("receipt_signer", "../keys/keeper.pub.pem");
        case.set_case_line("attested", APART);
        assert_eq!(step(case, &["discover"]), (0, "ok".to_owned()));
        Self { diary, live }
    }

    /// Asks, and is answered by a process that finds neither the old diary nor the case.
    fn answered(&self, keeper: &Keeper, world: &mut World) -> Vec<u8> {
        let case = &self.diary.small;
        let asked = case.folder.join("request.json");
        let to = SealTo::Key(&keeper.sealing_public_key());
        request(&mut case.session(world), world, &asked, &to).unwrap();
        let hidden = [case.source().parent().unwrap().to_owned(), case.case()];
        keeper.answer(&asked, &case.case().join("profile.yaml"), &case.target(), &hidden)
    }

    fn put(&self, receipt: &[u8]) {
        fs::write(self.diary.small.folder.join("receipt.lbr"), receipt).unwrap();
    }
}

#[test]
fn the_diary_goes_to_a_certificate_by_a_receipt_and_by_no_other() {
    let (mut world, clock) = world();
    let keeper = Keeper::new();
    let asked = Asked::of(&keeper, "LB-DEMO-0001", &mut world);
    let other = Asked::of(&keeper, "LB-DEMO-0002", &mut world);
    now(&clock);
    let (receipt, foreign) = (asked.answered(&keeper, &mut world), other.answered(&keeper, &mut world));
    let case = &asked.diary.small;
    // From here on the platform is out of everybody's reach.
    fs::rename(case.target(), case.folder.join("gone.db")).unwrap();

    let refused = |code: &str| assert_eq!(step(case, &["verify"]), (4, code.to_owned()));
    asked.put(&foreign);
    refused("receipt-other-case");
    asked.put(&receipt);
    let profile = fs::read(case.case().join("profile.yaml")).unwrap();
    case.change_mapping("ucheniki", |mapping| mapping.columns.retain(|rule| rule.constant.is_none()));
    refused("receipt-other-mapping");
    fs::write(case.case().join("profile.yaml"), profile).unwrap();
    assert!(!case.case().join("verification.json").exists(), "nothing was verified by any of them");

    // A month and a day later the other diary's own receipt is too old for it. (Its journal is of that day from then on.)
    other.put(&foreign);
    now(&clock);
    clock.0.fetch_add(31 * 86_400, Ordering::SeqCst);
    let late = steps::verify::run(&mut other.diary.small.session(&mut world), &mut world, false).unwrap_err();
    assert_eq!((late.code, late.exit as i32), ("target-too-old", 4));

    assert_eq!(step(case, &["verify"]), (0, "ok".to_owned()));
    let verified = figures(&case.case());
    assert!(rows(&verified) > 1000 && verified == asked.live, "the same roots and verdicts as where it lies");
    to_a_valid_certificate(case, (world, clock), "receipt");
    eprintln!("── the diary: {} rows in {} mappings by a receipt", rows(&verified), verified.len());
}

#[test]
fn the_diary_goes_to_a_certificate_by_an_export() {
    let (mut world, clock) = world();
    let diary = Diary::new(&mut world, 60);
    let case = &diary.small;
    // Pictures are written by their digits.
    case.change_mapping("foto", |mapping| {
        mapping.columns.iter_mut().filter(|rule| rule.r#as == Some(Normaliser::Bytes)).for_each(|rule| {
            rule.r#as = Some(Normaliser::Hex);
        });
    });
    assert_eq!(step(case, &["verify"]), (0, "ok".to_owned()));
    let live = figures(&case.case());
    let folder = case.folder.join("export");
    export(&diary.platform, &folder);
    fs::rename(case.target(), case.folder.join("gone.db")).unwrap();
    let url = format!("csv:{}", folder.display());
    case.change_case_file(&format!("sqlite:{}", case.target().display()), &url);
    case.set_case_line("attested", MADE);
    assert_eq!(step(case, &["discover"]), (0, "ok".to_owned()));
    assert_eq!(step(case, &["verify"]), (0, "ok".to_owned()));
    let verified = figures(&case.case());
    assert!(rows(&verified) > 1000 && verified == live, "the same roots and verdicts as where it lies");
    to_a_valid_certificate(case, (world, clock), "export");
    eprintln!("── the diary: {} rows in {} mappings by an export", rows(&verified), verified.len());
}

#[test]
fn a_row_of_an_export_that_finds_two_partners_proves_nothing() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 40);
    let case = &diary.small;
    let folder = case.folder.join("export");
    export(&diary.platform, &folder);
    // The same person once more: each mark of theirs would belong to two.
    let persons = folder.join("persons.csv");
    let text = fs::read_to_string(&persons).unwrap();
    let first = text.lines().nth(1).unwrap().to_owned();
    fs::write(&persons, format!("{text}{first}\n")).unwrap();
    let id = first.split(',').next().unwrap().trim_matches('"').to_owned();
    let marks = diary.platform.count(&format!("SELECT 1 AS one FROM grades WHERE person_id = '{id}'"));
    case.change_case_file(&format!("sqlite:{}", case.target().display()), &format!("csv:{}", folder.display()));
    case.set_case_line("attested", MADE);
    case.change_mapping("foto", |mapping| mapping.columns[0].r#as = Some(Normaliser::Hex));
    assert_eq!(step(case, &["discover"]), (0, "ok".to_owned()));
    assert_eq!(step(case, &["verify"]).0, 1);
    let found = figures(&case.case());
    assert_eq!((&found["ocenki"][2]["missing"], &found["ucheniki"][2]["missing"]), (&marks.into(), &1.into()));
    assert_eq!(step(case, &["plan"]).0, 4);
}

// ---- the register

/// The register's case, decided, with what reading the platform gave.
fn register_case() -> Option<(Walk, Figures)> {
    let system = System::find_of("ru-cyr-sqlite", 200)?;
    let mut walk = Walk::migrated(&system, Engine::Sqlite, Engine::Sqlite, register::PROFILE, register::migrate);
    walk.run("discover", &[], 0);
    walk.decide();
    walk.run("verify", &[], 0);
    let live = figures(&walk.case());
    Some((walk, live))
}

fn register_to_a_certificate(mut walk: Walk, live: &Figures, kind: &str) {
    walk.run("verify", &[], 0);
    let verified = figures(&walk.case());
    assert!(rows(&verified) > 1000 && &verified == live, "the same roots and verdicts as where it lies");
    let predicate = walk.reach_certificate();
    assert_eq!((&predicate["target"]["kind"], &predicate["outcome"]), (&kind.into(), &"destroyed".into()));
    eprintln!("── the register: {} rows by {kind}; {}", rows(&verified), walk.seconds());
}

#[test]
fn the_register_goes_to_a_certificate_by_a_receipt() {
    let Some((mut walk, live)) = register_case() else { return };
    let keeper = Keeper::new();
    let asked = ask_instead(&mut walk, &keeper, APART);
    let hidden = [walk.source_folder(), walk.case()];
    let receipt = keeper.answer(&asked, &walk.case().join("profile.yaml"), &walk.target(), &hidden);
    fs::write(walk.path("receipt.lbr"), receipt).unwrap();
    fs::rename(walk.target(), walk.path("gone.db")).unwrap();
    register_to_a_certificate(walk, &live, "receipt");
}

#[test]
fn the_register_goes_to_a_certificate_by_an_export() {
    let Some((mut walk, live)) = register_case() else { return };
    let folder = walk.path("export");
    export(&walk.new, &folder);
    walk.edit_case(&walk.new.url(), &format!("csv:{}", folder.display()));
    walk.edit_case("attested: []", &format!("attested: {MADE}"));
    fs::rename(walk.target(), walk.path("gone.db")).unwrap();
    walk.run("discover", &[], 0);
    register_to_a_certificate(walk, &live, "export");
}

// ---- what the keeper runs

/// Every table as a file of RFC 4180; NULL is nothing, bytes are hexadecimal digits.
fn export(platform: &Database, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let (world, _) = world();
    let mut reader = world.open_reader("-", &Location::parse(&platform.url()).unwrap()).unwrap();
    for table in reader.catalog().unwrap().tables {
        let columns = table.column_names();
        let mut text = columns.join(",") + "\n";
        let mut write = |batch: lastbell_contract::Batch| {
            for row in batch.unpacked() {
                text.push_str(&(row.iter().map(field).collect::<Vec<_>>().join(",") + "\n"));
            }
            Flow::Continue
        };
        reader.scan(&Scan::whole(&table.id, &columns), &mut write).unwrap();
        fs::write(file(folder, &table.id.name), text).unwrap();
    }
}

fn file(folder: &Path, table: &str) -> PathBuf {
    folder.join(format!("{table}.csv"))
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::Bytes(bytes) => lastbell::hex::encode(bytes),
        other => panic!("no platform of these has {}", other.variant()),
    }
}
