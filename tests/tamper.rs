//! Promise: machine files are never edited by people. A changed byte, a cut, a missing, foreign or swapped file is refused
//! with the file's name, by the next step and by `check`; what people edit in their own files makes stale only what used it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{DECISIONS, SmallCase, code_of, codes, files_below, root, world};
use lastbell::case::artefacts::name;
use lastbell::case::folder::inspect;
use lastbell::certificate::envelope::{Envelope, PayloadType};
use lastbell::certificate::keys::SigningKey;
use lastbell::failure::{Exit, Failure};
use lastbell::hex::sha256;
use lastbell::json::to_canonical;
use lastbell::steps::{self, Session};
use lastbell::world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Bytes per file in the short form; `LASTBELL_LONG=1` flips every byte twice.
const SAMPLE: usize = 40;

// ---------------------------------------------------------------------------------------------------------------- cases

/// A case, its trust list and its outside, in memory where the system has such a place.
struct Bench {
    case: SmallCase,
    world: World,
    clock: common::SetClock,
    _keep: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::named("LB-TEST-0001")
    }

    fn named(id: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let keep = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let (mut world, clock) = world();
        world.random = Box::new(Seeded(id.bytes().map(u64::from).sum()));
        let case = SmallCase::in_folder_named(keep.path(), id, &mut world);
        Self { case, world, clock, _keep: keep }
    }

    /// Approved, with a verification in `history/`; nothing erased yet.
    fn approved(id: &str) -> Self {
        let mut bench = Self::named(id);
        let (case, world) = (&bench.case, &mut bench.world);
        case.verified(world);
        steps::verify::run(&mut case.session(world), world, true).unwrap();
        steps::plan::run(&mut case.session(world), world, false).unwrap();
        case.approve(world);
        bench
    }

    /// With its certificate.
    fn certified(id: &str) -> Self {
        let mut bench = Self::approved(id);
        assert_eq!(bench.case.erase(&mut bench.world).unwrap().exit_code(), 0);
        bench.case.certified(&mut bench.world);
        bench
    }

    /// Closed: keys in `sealed/`, nothing in `work/`.
    fn closed(id: &str) -> Self {
        let mut bench = Self::certified(id);
        let mut session = bench.case.session(&mut bench.world);
        steps::close::run(&mut session, &mut bench.world, false).unwrap();
        bench
    }

    fn folder(&self) -> PathBuf {
        self.case.case()
    }

    fn open(&mut self) -> Result<(), Failure> {
        Session::open(&self.case.case(), &mut self.world).map(|_| ())
    }

    /// The judgement of `check` with the trust list: its verdict, and the files that its findings name.
    fn check(&self, trust: &Path) -> Checked {
        check(&self.world, &self.folder(), trust, true)
    }
}

struct Checked {
    verdict: String,
    said_valid: bool,
    named: Vec<String>,
    exit: i32,
}

fn check(world: &World, folder: &Path, trust: &Path, with_evidence: bool) -> Checked {
    let request = steps::check::Request {
        certificates: vec![folder.join(name::CERTIFICATE)],
        trust: Some(trust.to_owned()),
        root: None,
        evidence: with_evidence.then(|| folder.to_owned()),
    };
    let outcome = steps::check::run(&request, world).unwrap();
    let arg = |line: &steps::Line, wanted: &str| {
        line.args.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
    };
    Checked {
        verdict: outcome.document["certificates"][0]["report"]["verdict"].as_str().unwrap().to_owned(),
        said_valid: outcome.lines.iter().any(|line| line.code == "check-valid"),
        named: outcome.findings.iter().filter_map(|line| arg(line, "file")).collect(),
        exit: outcome.exit_code(),
    }
}

/// Everything that only machines write.
fn machine_files(folder: &Path) -> Vec<String> {
    let all = files_below(folder).into_keys();
    all.filter(|name| (name.contains('/') || !name.ends_with(".yaml")) && name != ".lock").collect()
}

/// Does the failure, or one of its causes, name the file?
fn names(failure: &Failure, file: &str) -> bool {
    std::iter::successors(Some(failure), |failure| failure.cause.as_deref())
        .any(|failure| [failure.arg("path"), failure.arg("file")].iter().flatten().any(|path| path.ends_with(file)))
}

#[allow(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
fn long() -> bool {
    std::env::var_os("LASTBELL_LONG").is_some_and(|value| value == "1")
}

/// SplitMix64: the same bytes in every run.
fn chance(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// No secret, but two cases do not share their keys.
struct Seeded(u64);

impl lastbell::world::Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> lastbell::failure::Result<()> {
        bytes.iter_mut().for_each(|byte| *byte = chance(&mut self.0).to_le_bytes()[3]);
        Ok(())
    }
}

/// Which byte is changed by which mask: first, last and a sample, or every byte twice.
fn flips(length: usize, seed: &mut u64) -> Vec<(usize, u8)> {
    if long() {
        return (0..length).flat_map(|at| [(at, 0x01), (at, 0x80)]).collect();
    }
    let mut places: std::collections::BTreeSet<usize> = [0, length - 1].into();
    while places.len() < SAMPLE.min(length) {
        places.insert(usize::try_from(chance(seed) % length as u64).unwrap());
    }
    places.into_iter().map(|at| (at, 1 << (chance(seed) % 8))).collect()
}

// ---------------------------------------------------------------------------------------------------------------- bytes

/// Flips bytes of every machine file; returns how many flips each file saw.
fn flip_all(bench: &mut Bench, certified: bool) -> BTreeMap<String, usize> {
    let folder = bench.folder();
    let trust = bench.case.trust_list(&bench.world);
    bench.open().expect("an untouched case opens");
    inspect(&folder).expect("an untouched case is whole");
    if certified {
        let checked = bench.check(&trust);
        assert_eq!((checked.verdict.as_str(), checked.said_valid, checked.exit), ("valid", true, 0));
    }
    let (mut seed, mut done, mut opened) = (20_261_112, BTreeMap::new(), 0_u32);
    for file in machine_files(&folder) {
        let path = folder.join(&file);
        let whole = fs::read(&path).unwrap();
        assert!(!whole.is_empty(), "{file} has bytes to flip");
        for (at, mask) in flips(whole.len(), &mut seed) {
            let mut changed = whole.clone();
            changed[at] ^= mask;
            fs::write(&path, &changed).unwrap();
            let before = opened.is_multiple_of(25).then(|| files_below(&folder));
            opened += 1;
            refused(bench, &file, &format!("{file} byte {at} ^ {mask:#04x}"));
            if let Some(before) = before {
                assert_eq!(files_below(&folder), before, "{file} byte {at}: a failed start leaves the folder as it is");
            }
            if certified {
                not_valid(bench, &trust, &file, &format!("{file} byte {at} ^ {mask:#04x}"));
            } else {
                let failure = inspect(&folder).expect_err("a changed byte is found by reading alone, too");
                assert!(names(&failure, &file), "{file} byte {at}: {failure}");
            }
            *done.entry(file.clone()).or_default() += 1;
        }
        fs::write(&path, &whole).unwrap();
    }
    bench.open().expect("with every byte restored the case opens");
    done
}

/// The next start refuses and names the file.
fn refused(bench: &mut Bench, file: &str, what: &str) {
    let failure = bench.open().expect_err(what);
    assert_eq!(failure.exit, Exit::Refused, "{what}: {:?}", codes(&failure));
    assert!(names(&failure, file), "{what}: {:?} names {file}", codes(&failure));
    assert!(failure.code.starts_with("tampered"), "{what}: {}", failure.code);
}

fn not_valid(bench: &Bench, trust: &Path, file: &str, what: &str) {
    let checked = bench.check(trust);
    assert!(checked.verdict != "valid" && !checked.said_valid, "{what}: check says {}", checked.verdict);
    assert_eq!(checked.exit, 1, "{what}");
    assert!(checked.named.iter().any(|named| named == file), "{what}: check names {file}, not {:?}", checked.named);
}

/// Every file saw its flips, and the kinds of files that the stage must have were among them.
fn assert_all_flipped(done: &BTreeMap<String, usize>, folder: &Path, wanted: &[&str]) {
    for (file, flips) in done {
        let bytes = usize::try_from(fs::metadata(folder.join(file)).unwrap().len()).unwrap();
        let least = if long() { 2 * bytes } else { SAMPLE.min(bytes) };
        assert!(*flips >= least, "{file}: {flips} of {least} flips");
    }
    for kind in wanted {
        assert!(done.keys().any(|file| file.starts_with(kind)), "no {kind} among {:?}", done.keys());
    }
}

#[test]
fn every_flipped_byte_of_a_case_before_erasure_is_refused_with_the_files_name() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let done = flip_all(&mut bench, false);
    let wanted = [
        "inventory.json",
        "verification.json",
        "plan.json",
        "approvals/",
        "history/1/verification.json",
        "work/keys.json",
        "journal.jsonl",
        "journal.head",
    ];
    assert_all_flipped(&done, &bench.folder(), &wanted);
}

#[test]
fn every_flipped_byte_of_a_certified_case_is_refused_and_no_certificate_is_valid_beside_it() {
    let mut bench = Bench::certified("LB-TEST-0001");
    let done = flip_all(&mut bench, true);
    let wanted = [
        "inventory.json",
        "verification.json",
        "plan.json",
        "approvals/",
        "erasure.json",
        "residue.json",
        "statement.json",
        "signatures/",
        "certificate.json",
        "history/1/verification.json",
        "work/keys.json",
        "work/needles-",
        "work/proof-",
        "journal.jsonl",
        "journal.head",
    ];
    assert_all_flipped(&done, &bench.folder(), &wanted);
}

#[test]
fn every_flipped_byte_of_a_closed_case_is_refused_and_no_certificate_is_valid_beside_it() {
    let mut bench = Bench::closed("LB-TEST-0001");
    let done = flip_all(&mut bench, true);
    assert_all_flipped(&done, &bench.folder(), &["sealed/keys.json", "certificate.json", "journal.jsonl"]);
    assert!(!done.keys().any(|file| file.starts_with("work/")), "a closed case has nothing in work/");
}

#[test]
fn a_flipped_journal_line_is_named_by_its_number() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let path = bench.folder().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let lines = whole.iter().filter(|byte| **byte == b'\n').count();
    let mut start = 0;
    for (index, line) in whole.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let mut changed = whole.clone();
        changed[start + line.len() / 2] ^= 1;
        start += line.len();
        fs::write(&path, &changed).unwrap();
        let failure = bench.open().expect_err("a changed line");
        let number = (index + 1).to_string();
        assert_eq!((failure.code, failure.arg("line")), ("tampered-line", Some(number.as_str())));
    }
    assert!(lines >= 15 && start == whole.len(), "{lines} lines");
}

// ------------------------------------------------------------------------------------------------- cut, missing, foreign

#[test]
fn a_truncated_or_missing_file_is_refused_with_its_name() {
    let mut bench = Bench::certified("LB-TEST-0001");
    let (folder, trust) = (bench.folder(), bench.case.trust_list(&bench.world));
    let mut tried = 0;
    for file in machine_files(&folder) {
        let path = folder.join(&file);
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            refused(&mut bench, &file, &format!("{file} cut to {length}"));
            not_valid(&bench, &trust, &file, &format!("{file} cut to {length}"));
            tried += 1;
        }
        fs::remove_file(&path).unwrap();
        refused(&mut bench, &file, &format!("{file} missing"));
        if file == name::CERTIFICATE {
            assert!(!path.exists(), "nothing makes it again by itself");
        } else {
            not_valid(&bench, &trust, &file, &format!("{file} missing"));
        }
        tried += 1;
        fs::write(&path, &whole).unwrap();
    }
    assert!(tried >= 5 * 20, "{tried}");
    bench.open().expect("with everything restored the case opens");
}

#[test]
fn last_journal_lines_that_were_cut_are_missed() {
    let mut bench = Bench::certified("LB-TEST-0001");
    let (folder, trust) = (bench.folder(), bench.case.trust_list(&bench.world));
    let path = folder.join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for cut in 1..lines.len() {
        fs::write(&path, lines[..lines.len() - cut].concat()).unwrap();
        let failure = bench.open().expect_err("lines are missing");
        assert_eq!((failure.code, failure.exit), ("tampered-cut", Exit::Refused), "{cut} lines cut");
        not_valid(&bench, &trust, "journal.jsonl", &format!("{cut} lines cut"));
    }
}

/// Cut lines and a head made to fit are found by what the lines were about: a file without a line, or what was signed.
#[test]
fn journal_lines_cut_together_with_the_head_are_missed_by_what_they_were_about() {
    let mut bench = Bench::certified("LB-TEST-0001");
    let (folder, trust) = (bench.folder(), bench.case.trust_list(&bench.world));
    let lines = read_journal(&folder).len();
    let mut refused = 0;
    for cut in 1..lines {
        let copy = bench.case.folder.join("copy");
        copy_folder(&folder, &copy);
        rewrite_journal(&copy, |entries| entries.truncate(lines - cut));
        if let Err(failure) = Session::open(&copy, &mut bench.world) {
            assert!(failure.exit == Exit::Refused, "{cut}: {:?}", codes(&failure));
            refused += 1;
        }
        assert_ne!(check(&bench.world, &copy, &trust, true).verdict, "valid", "{cut} lines and the head cut back");
        fs::remove_dir_all(&copy).unwrap();
    }
    assert!(refused > lines / 2, "{refused} of {lines}");
}

#[test]
fn a_file_that_no_step_made_is_refused_with_its_name() {
    let mut bench = Bench::new();
    bench.case.discovered(&mut bench.world);
    let folder = bench.folder();
    let foreign = [
        "work/x",
        "work/keys.json.bak",
        "work/deep/x",
        "sealed/x",
        "history/x",
        "history/1/plan.json",
        "verification.json",
        "plan.json",
        "erasure.json",
        "residue.json",
        "statement.json",
        "certificate.json",
        "certificate.html",
    ];
    for file in foreign {
        let path = folder.join(file);
        let made = path.parent().filter(|parent| !parent.exists());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"{}\n").unwrap();
        refused(&mut bench, file, file);
        assert!(names(&inspect(&folder).expect_err(file), file));
        fs::remove_file(&path).unwrap();
        if let Some(folder) = made {
            fs::remove_dir(folder).unwrap();
        }
    }
    bench.open().expect("without them the case opens");
    // Before `discover` an inventory is foreign, too.
    let mut fresh = Bench::new();
    fs::write(fresh.folder().join("inventory.json"), b"{}\n").unwrap();
    refused(&mut fresh, "inventory.json", "an inventory that nobody made");
}

// -------------------------------------------------------------------------------------------------------------- swapped

#[test]
fn files_swapped_between_two_cases_are_refused_with_their_name() {
    let mut ours = Bench::certified("LB-TEST-0001");
    let theirs = Bench::certified("LB-TEST-0002");
    let (folder, other, trust) = (ours.folder(), theirs.folder(), ours.case.trust_list(&ours.world));
    let files = machine_files(&folder);
    assert_eq!(files, machine_files(&other), "both stand at the same stage");
    for file in &files {
        let (path, whole) = (folder.join(file), fs::read(folder.join(file)).unwrap());
        let swapped = fs::read(other.join(file)).unwrap();
        assert_ne!(whole, swapped, "{file} tells one case from another");
        fs::write(&path, &swapped).unwrap();
        // A journal with a whole chain of its own is told by the head that it does not fit.
        let named = if file == "journal.jsonl" { "journal.head" } else { file };
        refused(&mut ours, named, &format!("{file} of another case"));
        not_valid(&ours, &trust, named, &format!("{file} of another case"));
        fs::write(&path, &whole).unwrap();
    }
    assert!(files.len() >= 18, "{files:?}");
    for file in ["journal.jsonl", "journal.head"] {
        fs::copy(other.join(file), folder.join(file)).unwrap();
    }
    let failure = ours.open().expect_err("another case's journal");
    assert!(failure.exit == Exit::Refused && failure.code.starts_with("tampered"), "{:?}", codes(&failure));
    assert_ne!(ours.check(&trust).verdict, "valid", "another case's journal with its head");
    for file in &files {
        fs::copy(other.join(file), folder.join(file)).unwrap();
    }
    let failure = ours.open().expect_err("all machine files of another case");
    assert_eq!((failure.code, failure.exit), ("case-other-id", Exit::Refused));
}

#[test]
fn a_case_file_with_another_id_is_refused() {
    let mut bench = Bench::approved("LB-TEST-0001");
    bench.case.change_case_file("case: LB-TEST-0001", "case: LB-TEST-0009");
    let failure = bench.open().expect_err("another id");
    assert_eq!((failure.code, failure.exit), ("case-other-id", Exit::Refused));
    assert_eq!((failure.arg("found"), failure.arg("opened")), (Some("LB-TEST-0009"), Some("LB-TEST-0001")));
}

// ------------------------------------------------------------------------------------------------------- people's files

#[test]
fn a_journalled_decision_that_was_changed_or_removed_is_refused_with_its_place() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let path = bench.folder().join("decisions.yaml");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(lines.len(), DECISIONS.lines().filter(|line| line.starts_with('-')).count());
    for (index, line) in lines.iter().enumerate() {
        let number = (index + 1).to_string();
        let mut changed = lines.clone();
        let other = line.replace("by: Иванова", "by: Петров");
        changed[index] = &other;
        fs::write(&path, changed.join("\n") + "\n").unwrap();
        let failure = bench.open().expect_err("a changed decision");
        assert_eq!((failure.code, failure.arg("number")), ("decision-changed", Some(number.as_str())));
        assert!(failure.exit == Exit::Refused && names(&failure, "decisions.yaml"), "{failure}");
        let mut removed = lines.clone();
        removed.remove(index);
        fs::write(&path, removed.join("\n") + "\n").unwrap();
        let failure = bench.open().expect_err("a removed decision");
        assert!(["decision-changed", "decision-removed"].contains(&failure.code), "{failure}");
        assert!(failure.exit == Exit::Refused && names(&failure, "decisions.yaml"), "{failure}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(code_of(bench.open()), "decision-removed", "all of them");
    fs::write(&path, format!("# замечание\n{whole}# конец\n")).unwrap();
    bench.open().expect("a comment changes no decision");
}

/// What an edit of a people's file makes stale: each step that used the section, and no other.
struct Edit {
    what: &'static str,
    file: &'static str,
    old: &'static str,
    new: &'static str,
    /// Discover, verify, plan: stale or not.
    stale: [bool; 3],
    /// How `erase` refuses, and which step it names.
    erase: (&'static str, Option<&'static str>),
}

const NONE: [bool; 3] = [false, false, false];
const PLAN: [bool; 3] = [false, false, true];
const VERIFY: [bool; 3] = [false, true, true];
const STALE: (&str, Option<&str>) = ("step-stale", Some("plan"));

fn edit(what: &'static str, file: &'static str, old: &'static str, new: &'static str, stale: [bool; 3]) -> Edit {
    Edit { what, file, old, new, stale, erase: STALE }
}

fn edits() -> Vec<Edit> {
    let line = |what, new, stale| edit(what, "decisions.yaml", "", new, stale);
    vec![
        edit(
            "mappings",
            "profile.yaml",
            "{source: s.mark, target: t.mark}",
            "{source: s.mark, target: t.mark, as: lower}",
            VERIFY,
        ),
        edit(
            "subjects",
            "profile.yaml",
            "- {name: staff, table: staff, key: [id]}",
            "- {name: teacher, table: staff, key: [id]}",
            VERIFY,
        ),
        edit(
            "profile's tables",
            "profile.yaml",
            "reason: discovery found no personal data",
            "reason: looked at",
            VERIFY,
        ),
        edit("migrated_on", "case.yaml", "migrated_on: 2026-09-01", "migrated_on: 2026-09-02", VERIFY),
        line(
            "review",
            "- {review: marks.mark, category: education_record, by: Б, at: 2026-11-13, reason: в}\n",
            VERIFY,
        ),
        line("table", "- {table: subjects, disposition: keep, by: Б, at: 2026-11-13, reason: в}\n", VERIFY),
        edit("level", "case.yaml", "level: L2\n", "level: L1\n", PLAN),
        edit("plan_valid_days", "case.yaml", "plan_valid_days: 14", "plan_valid_days: 13", PLAN),
        edit("target_days_max", "case.yaml", "target_days_max: 30", "target_days_max: 29", PLAN),
        edit("receipt_signer", "case.yaml", "receipt_signer: null", "receipt_signer: keys/keeper.pub.pem", VERIFY),
        edit("commission", "case.yaml", "position: engineer", "position: driver", PLAN),
        edit(
            "threshold",
            "case.yaml",
            "threshold: 2\n  members:\n    - {name: Иванова",
            "threshold: 1\n  members:\n    - {name: Иванова",
            PLAN,
        ),
        edit("system", "case.yaml", "name: Diary", "name: Notebook", PLAN),
        line(
            "waive",
            "- {waive: {mapping: marks, verdict: missing, rows_max: 1}, by: Б, at: 2026-11-13, reason: в}\n",
            PLAN,
        ),
        line("retention", "- {retention: visits, until: paper, by: Б, at: 2026-11-13, reason: в}\n", PLAN),
        line("cut", "- {cut: rooms.keeper_id, by: Б, at: 2026-11-13, reason: в}\n", PLAN),
        Edit {
            erase: ("step-stale", Some("discover")),
            ..edit("stores", "case.yaml", "new/new.db", "new/../new/new.db", [true, false, false])
        },
        // A hold ends the plan for the next `plan`, and blocks each unit at `erase`; the units without it go on.
        Edit {
            erase: ("units", None),
            ..line("hold", "- {hold: {tables: [pupils, staff, visits]}, by: Б, at: 2026-11-13, reason: в}\n", PLAN)
        },
        Edit {
            erase: ("-", None), ..edit("a comment", "case.yaml", "level: L2\n", "level: L2 # до конца\n", NONE)
        },
        Edit {
            erase: ("-", None),
            ..edit(
                "layout",
                "profile.yaml",
                "key: \n      - {source: s.id, target: t.id}",
                "key: [{target: t.id, source: s.id}]",
                NONE,
            )
        },
        Edit {
            erase: ("-", None),
            ..edit("a residue folder", "case.yaml", "residue: {folders: []}", "residue: {folders: [\"../keys\"]}", NONE)
        },
    ]
}

#[test]
fn an_edit_makes_stale_only_what_used_it_and_erase_names_the_command() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let edits = edits();
    for edit in &edits {
        let copy = bench.case.folder.join("copy");
        copy_folder(&bench.folder(), &copy);
        let path = copy.join(edit.file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(edit.old), "{}: {} has {:?}", edit.what, edit.file, edit.old);
        let new = if edit.old.is_empty() { text + edit.new } else { text.replacen(edit.old, edit.new, 1) };
        fs::write(&path, new).unwrap();
        let mut session = Session::open(&copy, &mut bench.world).unwrap();
        let stale = [
            session.changed(name::INVENTORY, &session.inputs_of_discover()).unwrap(),
            session.changed(name::VERIFICATION, &session.inputs_of_verify()).unwrap(),
            session.changed(name::PLAN, &session.inputs_of_plan()).unwrap(),
        ];
        assert_eq!(stale.clone().map(|changed| !changed.is_empty()), edit.stale, "{}: {stale:?}", edit.what);
        if edit.erase.0 != "-" {
            let before = files_below(&bench.case.folder.join("old"));
            erase_refuses(edit, steps::erase::run(&mut session, &mut bench.world, false));
            assert_eq!(files_below(&bench.case.folder.join("old")), before, "{}: the store stands", edit.what);
        }
        drop(session);
        fs::remove_dir_all(&copy).unwrap();
    }
    // What made nothing stale lets the erasure go on: all of it at once.
    for edit in edits.iter().filter(|edit| edit.erase.0 == "-") {
        let path = bench.folder().join(edit.file);
        fs::write(&path, fs::read_to_string(&path).unwrap().replacen(edit.old, edit.new, 1)).unwrap();
    }
    assert_eq!(bench.case.erase(&mut bench.world).unwrap().exit_code(), 0, "comments and layout stop nothing");
    assert_eq!(bench.case.count(&bench.case.source(), "pupils"), 0);
}

fn erase_refuses(edit: &Edit, result: lastbell::failure::Result<steps::Outcome>) {
    if edit.erase.0 == "units" {
        let outcome = result.unwrap();
        assert_eq!(outcome.exit_code(), 4, "{}", edit.what);
        let why =
            |line: &steps::Line| line.args.iter().any(|(name, value)| *name == "why" && value.starts_with("hold "));
        assert!(
            outcome.findings.len() == 3 && outcome.findings.iter().all(why),
            "{}: {:?}",
            edit.what,
            outcome.findings
        );
        return;
    }
    let failure = result.expect_err(edit.what);
    assert_eq!(failure.exit, Exit::Refused, "{}", edit.what);
    assert_eq!((failure.code, failure.arg("step")), edit.erase, "{}: {:?}", edit.what, codes(&failure));
}

/// A search in another place than the one that was erased would find nothing, whatever is left.
#[test]
fn residue_and_certify_refuse_other_stores_than_those_that_were_erased() {
    let mut bench = Bench::approved("LB-TEST-0001");
    bench.case.erase(&mut bench.world).unwrap();
    fs::create_dir(bench.case.folder.join("clean")).unwrap();
    fs::copy(bench.case.source(), bench.case.folder.join("clean/old.db")).unwrap();
    let whole = fs::read(bench.folder().join("case.yaml")).unwrap();
    bench.case.change_case_file("/old/old.db", "/clean/old.db");
    let world = &mut bench.world;
    let failure = steps::residue::run(&mut bench.case.session(world), world, false).expect_err("another store");
    assert_eq!((failure.code, failure.arg("step"), failure.exit), ("step-stale", Some("discover"), Exit::Refused));
    fs::write(bench.case.case().join("case.yaml"), &whole).unwrap();
    steps::residue::run(&mut bench.case.session(world), world, false).unwrap();
    bench.case.change_case_file("/old/old.db", "/clean/old.db");
    let failure = steps::certify::run(&mut bench.case.session(world), world, false).expect_err("another store");
    assert_eq!((failure.code, failure.arg("step"), failure.exit), ("step-stale", Some("discover"), Exit::Refused));
}

// ------------------------------------------------------------------------------------------------------------ approvals

#[test]
fn an_approval_that_is_not_a_members_over_this_plan_is_refused_with_its_name() {
    let mut bench = Bench::new();
    bench.case.planned(&mut bench.world);
    let mut theirs = Bench::approved("LB-TEST-0002");
    let (folder, key) = (bench.folder(), &bench.case.keys[0]);
    let id = key.key_id().to_string();
    let plan = fs::read(folder.join(name::PLAN)).unwrap();
    let good = approval_of(&plan, &bench.case.keys[0], &mut bench.world);
    let stranger = SigningKey::from_random(&[55; 32]);
    let payload = Envelope::parse(&good, PayloadType::Approval).unwrap().payload().to_vec();
    let by = |key: &SigningKey, payload: &[u8]| Envelope::sign(PayloadType::Approval, payload.to_vec(), key).to_bytes();
    let edited = |old: &str, new: &str| {
        let text = String::from_utf8(payload.clone()).unwrap();
        assert!(text.contains(old), "{text}");
        text.replace(old, new).into_bytes()
    };
    // The payload exchanged under the old signature.
    let forged = |other: &[u8]| {
        let mut envelope: Value = serde_json::from_slice(&good).unwrap();
        let of_other: Value = serde_json::from_slice(&by(key, other)).unwrap();
        envelope["payload"] = of_other["payload"].clone();
        to_canonical(&envelope).unwrap()
    };
    let mut two = Envelope::parse(&good, PayloadType::Approval).unwrap();
    two.add(&bench.case.keys[1]).unwrap();
    let other_plan = fs::read(theirs.folder().join("approvals").join(format!("{id}.json"))).unwrap();
    let own = format!("approvals/{id}.json");
    let cases: Vec<(&str, String, Vec<u8>)> = vec![
        ("of another case", own.clone(), other_plan),
        ("of another plan", own.clone(), by(key, &edited(&sha256(&plan), &sha256(b"another")))),
        ("by a stranger", format!("approvals/{}.json", stranger.key_id()), by(&stranger, &payload)),
        ("by a stranger in a member's file", own.clone(), by(&stranger, &payload)),
        ("under another name of the file", format!("approvals/0{id}.json"), good.clone()),
        ("under a free name of the file", "approvals/second.json".to_owned(), good.clone()),
        ("in another member's file", format!("approvals/{}.json", bench.case.keys[1].key_id()), good.clone()),
        ("in another member's name", own.clone(), by(key, &edited("Иванова", "Петров"))),
        ("of another schema", own.clone(), by(key, &edited("lastbell.approval/v1", "lastbell.approval/v2"))),
        ("edited after signing", own.clone(), forged(&edited("Иванова", "Петровa"))),
        ("with two signatures", own.clone(), two.to_bytes()),
        (
            "a certificate's envelope",
            own.clone(),
            Envelope::sign(PayloadType::Certificate, payload.clone(), key).to_bytes(),
        ),
        ("garbage", "approvals/readme.txt".to_owned(), b"approved!".to_vec()),
        ("empty", own.clone(), Vec::new()),
        ("cut short", own.clone(), good[..good.len() - 2].to_vec()),
        ("with a byte more", own.clone(), [&good[..], b" "].concat()),
    ];
    let decisive = cases.len();
    for (what, file, bytes) in cases {
        fs::write(folder.join(&file), &bytes).unwrap();
        let before = files_below(&folder);
        let failure = bench.case.erase(&mut bench.world).expect_err(what);
        assert_eq!((failure.code, failure.exit), ("approval-bad", Exit::Refused), "{what}: {:?}", codes(&failure));
        assert_eq!(failure.arg("path"), Some(file.as_str()), "{what}");
        assert_eq!(files_below(&folder), before, "{what}: it is not taken into the journal");
        fs::remove_file(folder.join(&file)).unwrap();
    }
    assert_eq!(decisive, 16);
    // The good one is taken in, and alone it is not enough.
    fs::write(folder.join(&own), &good).unwrap();
    assert_eq!(code_of(bench.case.erase(&mut bench.world)), "approvals-missing");
    theirs.open().expect("the other case was only read");
}

#[test]
fn a_plan_that_changed_in_any_byte_is_unapproved() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let folder = bench.folder();
    let approvals: Vec<(String, Vec<u8>)> =
        files_below(&folder).into_iter().filter(|(name, _)| name.starts_with("approvals/")).collect();
    assert_eq!(approvals.len(), 2);
    // The same plan made a second later: one digit differs.
    bench.clock.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let world = &mut bench.world;
    steps::plan::run(&mut bench.case.session(world), world, true).unwrap();
    for (name, _) in &approvals {
        assert!(!folder.join(name).exists(), "{name}: approvals die with their plan");
    }
    assert_eq!(code_of(bench.case.erase(world)), "approvals-missing");
    for (name, bytes) in &approvals {
        fs::write(folder.join(name), bytes).unwrap();
        let failure = bench.case.erase(world).expect_err("approvals of the earlier plan");
        assert_eq!((failure.code, failure.arg("path")), ("approval-bad", Some(name.as_str())));
        fs::remove_file(folder.join(name)).unwrap();
    }
    assert_eq!(bench.case.count(&bench.case.source(), "pupils"), 4);
    bench.case.approve(world);
    assert_eq!(bench.case.erase(world).unwrap().exit_code(), 0, "new approvals count");
}

/// An approval made of the plan's file alone.
fn approval_of(plan: &[u8], key: &SigningKey, world: &mut World) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name::PLAN);
    fs::write(&path, plan).unwrap();
    steps::approve::file_alone(&path, world, key).unwrap();
    fs::read(folder.path().join(format!("approvals/{}.json", key.key_id()))).unwrap()
}

// ------------------------------------------------------------------------------------------------------ hostile journals

/// The journal's lines as JSON.
fn read_journal(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Changes the lines and makes chain and head anew: what somebody who knows the format can always do.
fn rewrite_journal(folder: &Path, change: impl FnOnce(&mut Vec<Value>)) {
    let mut entries = read_journal(folder);
    change(&mut entries);
    let (mut previous, mut text) = ("0".repeat(64), Vec::new());
    for (index, entry) in entries.iter_mut().enumerate() {
        let entry = entry.as_object_mut().unwrap();
        entry.insert("seq".into(), json!(index + 1));
        entry.insert("prev".into(), previous.into());
        entry.remove("digest");
        previous = sha256(&to_canonical(&entry).unwrap());
        entry.insert("digest".into(), previous.clone().into());
        text.extend(to_canonical(&entry).unwrap());
        text.push(b'\n');
    }
    fs::write(folder.join("journal.jsonl"), text).unwrap();
    let mut head = to_canonical(&json!({ "seq": entries.len(), "digest": previous })).unwrap();
    head.push(b'\n');
    fs::write(folder.join("journal.head"), head).unwrap();
}

fn event(folder: &Path, event: &Value) {
    rewrite_journal(folder, |entries| {
        let mut entry = entries.last().unwrap().clone();
        entry["event"] = event.clone();
        entries.push(entry);
    });
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

const VICTIM: &[u8] = b"somebody else's file";

/// A copy of the case beside a folder that is none of its business.
fn hostile(bench: &Bench) -> (PathBuf, PathBuf) {
    let (copy, outside) = (bench.case.folder.join("copy"), bench.case.folder.join("outside"));
    for folder in [&copy, &outside] {
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
    }
    copy_folder(&bench.folder(), &copy);
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), VICTIM).unwrap();
    (copy, outside)
}

fn untouched(outside: &Path) -> bool {
    files_below(outside) == BTreeMap::from([("victim".to_owned(), VICTIM.to_vec())])
}

#[test]
fn a_journal_whose_paths_lead_outside_touches_nothing_there() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let (copy, _) = hostile(&bench);
    rewrite_journal(&copy, |_| {});
    Session::open(&copy, &mut bench.world).map(drop).expect("a chain made anew without a change is a chain");
    let absolute = bench.case.folder.join("outside/victim").display().to_string();
    let digest = sha256(VICTIM);
    let mut tried = 0;
    for path in ["../outside/victim", &absolute, "work/../../outside/victim", "./../outside/victim", "", ".", "/"] {
        let events = [
            json!({ "destroyed": { "path": path, "why": "closed" } }),
            json!({ "moved": { "from": path, "to": "work/stolen" } }),
            json!({ "moved": { "from": "work/keys.json", "to": path } }),
            json!({ "moved": { "from": "work/keys.json", "to": format!("{path}2") } }),
            json!({ "file": { "path": path, "sha256": digest, "bytes": VICTIM.len(), "step": "plan" } }),
            json!({ "received": { "path": path, "key_id": "x" } }),
        ];
        for one in events {
            if ["2", ".2"].iter().any(|name| one["moved"]["to"] == *name) {
                continue; // these are plain names
            }
            let (copy, outside) = hostile(&bench);
            event(&copy, &one);
            let failure = Session::open(&copy, &mut bench.world).map(drop).expect_err(&one.to_string());
            assert_eq!((failure.exit, failure.arg("path")), (Exit::Refused, Some("journal.jsonl")), "{one}: {failure}");
            assert!(untouched(&outside), "{one}");
            assert!(inspect(&copy).is_err() && untouched(&outside), "{one}: by reading alone");
            tried += 1;
        }
    }
    assert!(tried > 35, "{tried}");
}

#[test]
fn links_where_only_machines_write_lead_nowhere() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let destroyed = |path: &str| json!({ "destroyed": { "path": path, "why": "closed" } });
    let moved = |from: &str, to: &str| json!({ "moved": { "from": from, "to": to } });
    // Where a link is planted, what it leads to, and the journal line that would follow it.
    let planted: Vec<(&str, &str, Option<Value>)> = vec![
        ("work/x", "victim", Some(destroyed("work/x"))),
        ("docs", ".", Some(destroyed("docs/victim"))),
        ("history/9", ".", Some(destroyed("history/9/victim"))),
        ("docs", ".", Some(moved("docs/victim", "work/stolen"))),
        ("docs", ".", Some(moved("work/keys.json", "docs/keys.json"))),
        ("approvals/x.json", "victim", Some(destroyed("approvals/x.json"))),
        (".journal.head.draft", "victim", None),
        ("work/extra", "victim", None),
        ("sealed/extra", ".", None),
        ("certificate.json", "victim", None),
    ];
    let count = planted.len();
    for (link, to, line) in planted {
        let (copy, outside) = hostile(&bench);
        line.iter().for_each(|line| event(&copy, line));
        symlink(outside.join(to), copy.join(link)).unwrap();
        let failure = Session::open(&copy, &mut bench.world).map(drop).expect_err(link);
        assert!(failure.exit == Exit::Refused && names(&failure, link), "{link} {line:?}: {failure}");
        assert!(untouched(&outside), "{link} {line:?}: nothing outside is touched");
    }
    assert_eq!(count, 10);
    // Whole folders and files of the case, moved away and linked.
    for name in
        ["work", "history", "approvals", "journal.jsonl", "journal.head", "plan.json", "work/keys.json", ".lock"]
    {
        let (copy, outside) = hostile(&bench);
        let away = bench.case.folder.join("away");
        fs::rename(copy.join(name), &away).unwrap();
        symlink(&away, copy.join(name)).unwrap();
        let failure = Session::open(&copy, &mut bench.world).map(drop).expect_err(name);
        assert!(failure.exit == Exit::Refused && names(&failure, name), "{name}: {failure}");
        assert!(untouched(&outside));
        if away.is_dir() { fs::remove_dir_all(&away).unwrap() } else { fs::remove_file(&away).unwrap() }
    }
    // Left-over drafts are removed, but a link by such a name is only unlinked.
    for draft in ["work/.keys.json.draft", ".plan.json.draft", "approvals/.x.json.draft", "attachments/.x.draft"] {
        let (copy, outside) = hostile(&bench);
        symlink(outside.join("victim"), copy.join(draft)).unwrap();
        Session::open(&copy, &mut bench.world).map(drop).expect(draft);
        assert!(!copy.join(draft).is_symlink(), "{draft} is gone");
        assert!(untouched(&outside), "{draft}: the file that it led to stands");
    }
}

#[test]
fn what_is_no_file_among_the_approvals_is_refused_and_not_waited_for() {
    let mut bench = Bench::new();
    bench.case.planned(&mut bench.world);
    let folder = bench.folder().join("approvals");
    fs::create_dir(folder.join("more")).unwrap();
    let failure = bench.case.erase(&mut bench.world).expect_err("a folder");
    assert!(failure.exit == Exit::Refused && names(&failure, "approvals/more"), "{failure}");
    fs::remove_dir(folder.join("more")).unwrap();
    symlink(bench.case.folder.join("keys"), folder.join("link.json")).unwrap();
    let failure = bench.case.erase(&mut bench.world).expect_err("a link");
    assert!(failure.exit == Exit::Refused && names(&failure, "approvals/link.json"), "{failure}");
    fs::remove_file(folder.join("link.json")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join("pipe.json")).status();
    if made.is_ok_and(|status| status.success()) {
        let failure = bench.case.erase(&mut bench.world).expect_err("a pipe");
        assert!(failure.exit == Exit::Refused && names(&failure, "approvals/pipe.json"), "{failure}");
    }
}

/// A torn last line is a crash and is dropped; a file that was changed at the same time is told first, and the line is
/// still there to be dropped and journalled once the file is back.
#[test]
fn a_torn_line_is_not_dropped_from_a_case_that_is_refused() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let (folder, plan) = (bench.folder(), bench.folder().join(name::PLAN));
    let whole = fs::read(&plan).unwrap();
    let journal = folder.join("journal.jsonl");
    fs::write(&journal, [&fs::read(&journal).unwrap()[..], b"{\"at\":\"20"].concat()).unwrap();
    let mut changed = whole.clone();
    changed[10] ^= 1;
    fs::write(&plan, &changed).unwrap();
    let before = files_below(&folder);
    refused(&mut bench, name::PLAN, "a changed plan beside a torn line");
    assert_eq!(files_below(&folder), before, "a failed start leaves the folder as it is");
    fs::write(&plan, &whole).unwrap();
    bench.open().unwrap();
    let last = read_journal(&folder).pop().unwrap();
    assert_eq!(last["event"]["torn_line_dropped"]["bytes"], 9, "the dropped line is journalled: {last}");
}

// ---------------------------------------------------------------------------------------------------------- certificate

#[test]
fn no_flipped_byte_of_the_certificate_is_ever_valid() {
    let bench = Bench::certified("LB-TEST-0001");
    let (folder, trust) = (bench.folder(), bench.case.trust_list(&bench.world));
    let path = folder.join(name::CERTIFICATE);
    let whole = fs::read(&path).unwrap();
    for evidence in [false, true] {
        assert_eq!(check(&bench.world, &folder, &trust, evidence).verdict, "valid", "the test can tell");
    }
    let stride = if long() { 1 } else { 31 };
    let (mut seed, mut flipped) = (7, 0);
    for at in (0..whole.len()).step_by(stride) {
        for mask in [0x01, 0x80, 1 << (chance(&mut seed) % 8)] {
            let mut changed = whole.clone();
            changed[at] ^= mask;
            fs::write(&path, &changed).unwrap();
            let checked = check(&bench.world, &folder, &trust, false);
            assert!(checked.verdict != "valid" && !checked.said_valid && checked.exit == 1, "byte {at} ^ {mask:#04x}");
            flipped += 1;
        }
        // With evidence the folder is read as well, which is slow: one flip of three.
        let checked = check(&bench.world, &folder, &trust, true);
        assert!(checked.verdict != "valid" && !checked.said_valid, "byte {at} with evidence");
    }
    assert!(flipped >= 900, "{flipped}");
}

#[test]
fn the_first_cause_of_a_refusal_is_what_people_read() {
    let mut bench = Bench::approved("LB-TEST-0001");
    let plan = bench.folder().join(name::PLAN);
    let mut bytes = fs::read(&plan).unwrap();
    bytes[0] ^= 1;
    fs::write(&plan, bytes).unwrap();
    let failure = bench.open().unwrap_err();
    assert_eq!((root(&failure).code, root(&failure).arg("path")), ("tampered", Some("plan.json")));
    let outcome = steps::status::run(&[bench.folder()], &mut bench.world).unwrap();
    assert_eq!(outcome.exit_code(), 4);
    assert_eq!(outcome.document["cases"][0]["file"], "plan.json", "status names it, too");
}
