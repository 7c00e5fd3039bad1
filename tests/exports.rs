//! An export in the target's place: the small case with the platform's tables as CSV files, to a valid certificate; and
//! what must not pass: an export that changed, was cut, is too old, lacks a row, or is the old system itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{SetClock, SmallCase, code_of, files_below, root, world};
use lastbell::case::artefacts::{Erasure, Inventory, Plan, Verification, name};
use lastbell::certificate::envelope::{Envelope, PayloadType};
use lastbell::certificate::statement::{Statement, TargetKind};
use lastbell::failure::{Exit, Failure, Result};
use lastbell::steps::{self, Outcome};
use lastbell::world::World;
use lastbell_contract::{Flow, Location, Scan, Value};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

/// How the files are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Gzip,
}

/// A small case whose platform is a folder of files.
struct ExportCase {
    small: SmallCase,
    form: Form,
}

/// By whom, in case.yaml.
const MAKER: &str = "Выгрузкин";

impl ExportCase {
    fn new(world: &mut World, form: Form) -> Self {
        let case = Self { small: SmallCase::new(world), form };
        case.write();
        let (from, to) =
            (format!("sqlite:{}", case.small.target().display()), format!("csv:{}", case.folder().display()));
        case.edit(&from, &to);
        let stated = format!("attested: [{{what: export-made, by: {MAKER}, position: keeper, at: 2026-11-20}}]");
        case.edit("attested: []", &stated);
        case
    }

    fn folder(&self) -> PathBuf {
        self.small.folder.join("export")
    }

    fn file(&self, table: &str) -> PathBuf {
        self.folder().join(format!("{table}{}", if self.form == Form::Gzip { ".csv.gz" } else { ".csv" }))
    }

    fn edit(&self, from: &str, to: &str) {
        let path = self.small.case().join("case.yaml");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from} in\n{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// What the keeper runs: every table of the platform's database as it is now.
    fn write(&self) {
        fs::create_dir_all(self.folder()).unwrap();
        let (world, _) = world();
        let location = Location::parse(&format!("sqlite:{}", self.small.target().display())).unwrap();
        let mut reader = world.open_reader("-", &location).unwrap();
        for table in reader.catalog().unwrap().tables {
            let columns = table.column_names();
            let mut text = columns.join(",") + "\n";
            let scan = Scan::whole(&table.id, &columns);
            reader
                .scan(&scan, &mut |batch| {
                    for row in batch.unpacked() {
                        text.push_str(&row.iter().map(field).collect::<Vec<_>>().join(","));
                        text.push('\n');
                    }
                    Flow::Continue
                })
                .unwrap();
            self.put(&table.id.name, text.as_bytes());
        }
    }

    fn put(&self, table: &str, text: &[u8]) {
        let bytes = if self.form == Form::Gzip { gzip(text) } else { text.to_vec() };
        fs::write(self.file(table), bytes).unwrap();
    }

    fn verify(&self, world: &mut World, again: bool) -> Result<Outcome> {
        steps::verify::run(&mut self.small.session(world), world, again)
    }

    fn plan(&self, world: &mut World) -> Result<Outcome> {
        steps::plan::run(&mut self.small.session(world), world, false)
    }

    fn artefact<T: serde::de::DeserializeOwned + serde::Serialize>(&self, world: &mut World, name: &str) -> T {
        self.small.session(world).case.artefact(name).unwrap()
    }

    /// Every row of the old system is still there.
    fn stands(&self) -> bool {
        ["pupils", "marks", "staff", "visits"].iter().all(|table| self.small.count(&self.small.source(), table) > 0)
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => format!("\"{}\"", text.replace('"', "\"\"")),
        other => panic!("the small case has no {}", other.variant()),
    }
}

/// Two members, stored without compression: RFC 1952 and the stored blocks of RFC 1951.
fn gzip(text: &[u8]) -> Vec<u8> {
    let (first, second) = text.split_at(text.len() / 2);
    [first, second].into_iter().flat_map(gzip_member).collect()
}

fn gzip_member(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let length = u16::try_from(text.len()).unwrap();
    bytes.push(1);
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(text);
    let crc = text.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    bytes.extend((!crc).to_le_bytes());
    bytes.extend(u32::from(length).to_le_bytes());
    bytes
}

fn written(path: &Path, at: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

/// Some days before the test's clock.
fn days_ago(clock: &SetClock, days: u64) -> SystemTime {
    let now = u64::try_from(clock.0.load(Ordering::SeqCst)).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_secs(now - days * 86_400)
}

fn told(failure: &Failure) -> (Exit, &'static str, &str) {
    let root = root(failure);
    (root.exit, root.code, root.arg("reason").or_else(|| root.arg("path")).unwrap_or_default())
}

fn to_a_certificate(form: Form) {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, form);
    case.small.approved(&mut world);
    let verification: Verification = case.artefact(&mut world, name::VERIFICATION);
    let target = verification.target.unwrap();
    let export = target.export.clone().unwrap();
    assert_eq!((target.kind.as_str(), export.files.len(), export.made_by.as_deref()), ("export", 6, Some(MAKER)));
    assert_eq!(target.read_at, export.made_at(), "an export is as old as its newest file");
    assert_eq!(verification.mappings.iter().map(|one| one.counts.matched).sum::<u64>(), 20, "4 + 12 + 2 + 2 rows");
    let pupils = export.files.iter().find(|file| file.name.starts_with("pupils.")).unwrap();
    assert_eq!(pupils.sha256, lastbell::hex::sha256(&fs::read(case.file("pupils")).unwrap()));
    let plan: Plan = case.artefact(&mut world, name::PLAN);
    assert_eq!(plan.target.as_ref(), Some(&target));
    let before = files_below(&case.folder());
    let outcome = case.small.erase(&mut world).unwrap();
    assert_eq!(outcome.exit, None, "{outcome:?}");
    let erasure: Erasure = case.artefact(&mut world, name::ERASURE);
    assert!(
        erasure.units.iter().all(|unit| unit.target_snapshot.as_ref() == Some(&target.snapshot)),
        "bound by digest"
    );
    assert_eq!(
        ["pupils", "marks", "staff", "visits"].map(|table| case.small.count(&case.small.source(), table)),
        [0; 4]
    );
    case.small.certified(&mut world);
    assert_eq!(files_below(&case.folder()), before, "an export is only read");
    check_certificate(&case, &world);
}

fn check_certificate(case: &ExportCase, world: &World) {
    let path = case.small.case().join("certificate.json");
    let envelope = Envelope::parse(&fs::read(&path).unwrap(), PayloadType::Certificate).unwrap();
    let target = Statement::from_payload(envelope.payload()).unwrap().predicate.target.unwrap();
    let export = target.export.unwrap();
    assert_eq!((target.kind, export.files.len()), (TargetKind::Export, 6));
    assert_eq!(export.made_by.unwrap().name, MAKER);
    let request =
        steps::check::Request { certificates: vec![path], trust: None, root: None, evidence: Some(case.small.case()) };
    let checked = steps::check::run(&request, world).unwrap();
    let report = &checked.document["certificates"][0]["report"];
    assert_eq!(report["verdict"], "not_checked", "without a trust list nothing is valid");
    assert_eq!(report["layers"]["evidence"]["state"], "pass");
}

#[test]
fn a_case_goes_to_a_certificate_with_an_export() {
    to_a_certificate(Form::Plain);
}

#[test]
fn a_case_goes_to_a_certificate_with_a_compressed_export() {
    to_a_certificate(Form::Gzip);
}

#[test]
fn an_export_that_changed_since_it_was_verified_destroys_nothing() {
    type Change = fn(&ExportCase);
    let changes: [(&str, Change); 4] = [
        ("pupils.csv", |case| {
            let text = fs::read_to_string(case.file("pupils")).unwrap();
            case.put("pupils", text.replace("+79000000001", "+79000000009").as_bytes());
        }),
        ("staff.csv", |case| fs::remove_file(case.file("staff")).unwrap()),
        ("extra.csv", |case| case.put("extra", b"id\n1\n")),
        // The same rows in another order are another file: what was signed is a file.
        ("visits.csv", |case| {
            let text = fs::read_to_string(case.file("visits")).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            case.put("visits", format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]).as_bytes());
        }),
    ];
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    case.small.approved(&mut world);
    let kept: Vec<(PathBuf, Vec<u8>)> =
        files_below(&case.folder()).into_iter().map(|(name, bytes)| (case.folder().join(name), bytes)).collect();
    for (file, change) in changes {
        change(&case);
        let failure = case.small.erase(&mut world).expect_err(file);
        assert_eq!(told(&failure), (Exit::Refused, "export-changed", file));
        assert!(case.stands(), "{file}");
        fs::remove_dir_all(case.folder()).unwrap();
        fs::create_dir(case.folder()).unwrap();
        kept.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    }
    // Fetched again byte for byte into the same folder it is the export that was verified.
    let erased = case.small.erase(&mut world);
    assert!(erased.is_ok(), "{erased:?}");
    assert!(!case.stands());
}

#[test]
fn a_compressed_export_that_was_cut_is_refused_and_nothing_is_written() {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Gzip);
    case.small.discovered(&mut world);
    let whole = fs::read(case.file("marks")).unwrap();
    for cut in [whole.len() - 1, whole.len() / 2 + 30] {
        fs::write(case.file("marks"), &whole[..cut]).unwrap();
        let failure = case.verify(&mut world, false).unwrap_err();
        assert_eq!(told(&failure), (Exit::Refused, "store-damaged", "gzip-cut:marks.csv.gz"), "{cut}");
        assert!(!case.small.case().join(name::VERIFICATION).exists());
    }
    fs::write(case.file("marks"), &whole).unwrap();
    case.verify(&mut world, false).unwrap();
    case.plan(&mut world).unwrap();
    case.small.approve(&mut world);
    fs::write(case.file("marks"), &whole[..whole.len() - 1]).unwrap();
    assert_eq!(told(&case.small.erase(&mut world).unwrap_err()).1, "export-changed");
    assert!(case.stands());
}

#[test]
fn a_row_that_the_export_lacks_is_missing() {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    let text = fs::read_to_string(case.file("marks")).unwrap();
    let all: Vec<&str> = text.lines().collect();
    case.put("marks", (all[..all.len() - 1].join("\n") + "\n").as_bytes());
    let outcome = case.small.verified(&mut world);
    let verification: Verification = case.artefact(&mut world, name::VERIFICATION);
    let marks = verification.mappings_of("marks").next().unwrap();
    assert_eq!((marks.counts.missing, marks.counts.matched), (1, 11));
    assert!(outcome.findings.iter().any(|line| line.code == "verify-differs"), "{outcome:?}");
    assert_eq!(code_of(case.plan(&mut world)), "open-unproved");
}

#[test]
fn nothing_and_an_empty_text_are_two_things() {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    case.small.sql(&case.small.source(), "UPDATE pupils SET phone = '' WHERE id = 1");
    case.small.sql(&case.small.target(), "UPDATE pupils SET phone = '' WHERE id = 1");
    case.small.sql(&case.small.source(), "UPDATE pupils SET phone = NULL WHERE id = 2");
    case.small.sql(&case.small.target(), "UPDATE pupils SET phone = NULL WHERE id = 2");
    case.write();
    case.small.verified(&mut world);
    let counts = |world: &mut World| {
        let verification: Verification = case.artefact(world, name::VERIFICATION);
        let counts = verification.mappings_of("pupils").next().unwrap().counts;
        (counts.matched, counts.different)
    };
    assert_eq!(counts(&mut world), (4, 0));
    let text = fs::read_to_string(case.file("pupils")).unwrap();
    assert_eq!(text.matches(",\"\"\n").count(), 1, "{text}");
    case.put("pupils", text.replace(",\"\"\n", ",\n").as_bytes());
    case.verify(&mut world, true).unwrap();
    assert_eq!(counts(&mut world), (3, 1), "an empty text that became nothing differs");
}

#[test]
fn an_export_that_is_too_old_is_refused_at_every_step() {
    let (mut world, clock) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    case.small.discovered(&mut world);
    // One old file is enough: the others are fresh.
    written(&case.file("rooms"), days_ago(&clock, 31));
    let failure = case.verify(&mut world, false).unwrap_err();
    let root = root(&failure);
    assert_eq!((root.exit, root.code, root.arg("store")), (Exit::Refused, "target-too-old", Some("new: rooms.csv")));
    assert_eq!((root.arg("days"), root.arg("days_max")), (Some("31"), Some("30")));
    written(&case.file("rooms"), days_ago(&clock, 29));
    case.verify(&mut world, false).unwrap();
    let set = clock.0.load(Ordering::SeqCst);
    clock.0.store(set + 2 * 86_400, Ordering::SeqCst);
    assert_eq!(code_of(case.plan(&mut world)), "target-too-old");
    clock.0.store(set, Ordering::SeqCst);
    case.plan(&mut world).unwrap();
    case.small.approve(&mut world);
    clock.0.store(set + 2 * 86_400, Ordering::SeqCst);
    assert_eq!(code_of(case.small.erase(&mut world)), "target-too-old");
    assert!(case.stands());
    clock.0.store(set, Ordering::SeqCst);
    case.small.erase(&mut world).unwrap();
    assert!(!case.stands());
}

#[test]
fn an_export_may_not_be_erased_or_stand_for_the_old_system() {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    case.small.discovered(&mut world);
    let inventory: Inventory = case.artefact(&mut world, name::INVENTORY);
    let anchors = |role: &str| inventory.stores.iter().find(|store| store.role == role).unwrap().anchors.clone();
    assert!(anchors("source").iter().all(|anchor| !anchors("target").contains(anchor)));
    case.edit("role: source, url: \"sqlite:", "role: source, url: \"csv:");
    let failure = steps::Session::open(&case.small.case(), &mut world).err().unwrap();
    assert_eq!((failure.exit, failure.code), (Exit::Usage, "case-target-only"));
}

#[test]
fn an_export_that_nobody_states_is_named() {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    let stated = format!("[{{what: export-made, by: {MAKER}, position: keeper, at: 2026-11-20}}]");
    let text = fs::read_to_string(case.small.case().join("case.yaml")).unwrap();
    fs::write(case.small.case().join("case.yaml"), text.replace(&stated, "[]")).unwrap();
    let outcome = case.small.verified(&mut world);
    assert!(outcome.lines.iter().any(|line| line.code == "export-unattested"), "{outcome:?}");
    let verification: Verification = case.artefact(&mut world, name::VERIFICATION);
    assert_eq!(verification.target.unwrap().export.unwrap().made_by, None);
}

#[test]
fn an_export_without_tables_is_refused() {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    case.small.discovered(&mut world);
    fs::remove_dir_all(case.folder()).unwrap();
    fs::create_dir(case.folder()).unwrap();
    let mut note = fs::File::create(case.folder().join("readme.txt")).unwrap();
    note.write_all(b"nothing yet").unwrap();
    assert_eq!(code_of(case.verify(&mut world, false)), "export-empty");
}

#[test]
fn the_second_checker_wants_an_export_to_be_told_with_its_files() {
    let (mut world, _) = world();
    let case = ExportCase::new(&mut world, Form::Plain);
    case.small.planned(&mut world);
    let plan: Plan = case.artefact(&mut world, name::PLAN);
    assert!(steps::plan_check::check(&plan).is_empty());
    let breaks: [fn(&mut lastbell::case::artefacts::TargetRead); 3] = [
        |target| target.export = None,
        |target| target.kind = "live".to_owned(),
        |target| target.export.as_mut().unwrap().files.clear(),
    ];
    for break_it in breaks {
        let mut broken = plan.clone();
        break_it(broken.target.as_mut().unwrap());
        assert!(steps::plan_check::check(&broken).iter().any(|line| line.code == "check-target"));
    }
}
