//! Receipts: a target that nobody of ours may read. The platform's side is always another process with a folder of its
//! own, and while it works neither the source nor the case is there; what it hands over must lead to the same root and the
//! same certificate as reading the platform, and nothing else may pass for it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and tells how much it did")]

mod common;

#[path = "common/corpus/mod.rs"]
mod corpus;
#[path = "receipts/keeper.rs"]
mod keeper;
#[path = "privacy/search.rs"]
#[allow(dead_code, reason = "the privacy tests use the rest")]
mod search;

use common::{PUPILS, SmallCase, code_of, files_below, json_file, root, world};
use corpus::database::Engine;
use corpus::system::System;
use corpus::walk::Walk;
use keeper::{APART, Keeper, ask_instead};
use lastbell::case::artefacts::{Erasure, Plan, TargetRead, Verification, name};
use lastbell::failure::{Exit, Result};
use lastbell::steps::digest::{SealTo, request};
use lastbell::steps::{self, Outcome};
use lastbell::world::World;
use search::Search;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// By mapping: rows of both sides, both roots, all counts.
type Figures = BTreeMap<String, Value>;

fn figures(verification: &Value) -> Figures {
    let of = |result: &Value| {
        let kept = ["source", "target", "counts", "uncovered", "changed_by_column", "coverage", "keys"];
        let kept = kept.map(|key| (key.to_owned(), result[key].clone()));
        (result["mapping"].as_str().unwrap().to_owned(), kept.into_iter().collect())
    };
    verification["mappings"].as_array().unwrap().iter().map(of).collect()
}

// ---- the small case

/// A case whose rows were compared with the live platform first, and which then must go by a receipt.
struct Asked {
    case: SmallCase,
    keeper: Keeper,
    /// What the live platform gave.
    live: Figures,
}

impl Asked {
    fn new(world: &mut World) -> Self {
        Self::named("LB-TEST-0001", world)
    }

    fn named(id: &str, world: &mut World) -> Self {
        let keeper = Keeper::new();
        let case = SmallCase::in_folder_named(&keeper.folder().join("ours"), id, world);
        case.verified(world);
        let live = figures(&json_file(&case.case().join(name::VERIFICATION)));
        case.change_case_file(&format!("sqlite:{}", case.target().display()), "receipt:../receipt.lbr");
        case.set_case_line("receipt_signer", "../keys/keeper.pub.pem");
        case.set_case_line("attested", APART);
        fs::copy(keeper.signing_public(), case.folder.join("keys/keeper.pub.pem")).unwrap();
        steps::discover::run(&mut case.session(world), world, false).unwrap();
        Self { case, keeper, live }
    }

    fn receipt(&self) -> PathBuf {
        self.case.folder.join("receipt.lbr")
    }

    /// Asks the keeper's key.
    fn ask(&self, world: &mut World) -> PathBuf {
        let path = self.case.folder.join(format!("request-{}.json", world.random::<8>().unwrap()[0]));
        let _ = fs::remove_file(&path);
        let public = self.keeper.sealing_public_key();
        request(&mut self.case.session(world), world, &path, &SealTo::Key(&public)).unwrap();
        path
    }

    /// The keeper answers from the platform's database as it is now; the answer's bytes. Each answer has a second of its
    /// own, so that no two of a test are the same file.
    fn answered(&self, request: &Path) -> Vec<u8> {
        std::thread::sleep(std::time::Duration::from_millis(1_050));
        let hidden = [self.case.source().parent().unwrap().to_owned(), self.case.case()];
        self.keeper.answer(request, &self.case.case().join("profile.yaml"), &self.case.target(), &hidden)
    }

    /// Asked and answered, and the answer put where case.yaml looks for it.
    fn with_receipt(&self, world: &mut World) {
        let request = self.ask(world);
        fs::write(self.receipt(), self.answered(&request)).unwrap();
    }

    fn verify(&self, world: &mut World, again: bool) -> Result<Outcome> {
        steps::verify::run(&mut self.case.session(world), world, again)
    }

    /// The refusal of a receipt: exit 4, and no verification is left by it.
    fn refused(&self, world: &mut World) -> String {
        let failure = self.verify(world, false).expect_err("this receipt is refused");
        assert_eq!(failure.exit, Exit::Refused, "{failure}");
        assert!(!self.case.case().join(name::VERIFICATION).exists(), "nothing was verified: {failure}");
        root(&failure).code.to_owned()
    }

    fn target(&self, world: &mut World) -> TargetRead {
        self.case.artefact::<Verification>(world, name::VERIFICATION).target.unwrap()
    }
}

#[test]
fn a_receipt_leads_to_the_live_root_and_a_valid_certificate() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    asked.with_receipt(&mut world);
    let outcome = asked.verify(&mut world, false).unwrap();
    assert_eq!(outcome.findings, [], "every row is in the receipt");
    let verified = json_file(&asked.case.case().join(name::VERIFICATION));
    assert_eq!(asked.live.len(), 4, "pupils, marks, staff, visits");
    assert_eq!(figures(&verified), asked.live, "the same rows, verdicts and roots as from the live platform");

    let target = asked.target(&mut world);
    let receipt = target.receipt.clone().unwrap();
    assert_eq!((target.kind.as_str(), receipt.signer.as_str()), ("receipt", asked.keeper.signer().as_str()));
    assert_eq!(receipt.cannot_tell, ["columns-of-different-rows", "keys-of-extra-rows"]);
    steps::plan::run(&mut asked.case.session(&mut world), &mut world, false).unwrap();
    assert_eq!(asked.case.artefact::<Plan>(&mut world, name::PLAN).target, Some(target));
    asked.case.approve(&mut world);
    asked.case.erase(&mut world).unwrap();
    let erasure: Erasure = asked.case.artefact(&mut world, name::ERASURE);
    assert_eq!(erasure.standing().count(), 0, "every unit is gone");
    for table in ["pupils", "marks", "staff", "visits"] {
        assert_eq!(asked.case.count(&asked.case.source(), table), 0, "{table}");
    }
    asked.case.certified(&mut world);
    let predicate = json_file(&asked.case.case().join("statement.json"))["predicate"].clone();
    assert_eq!(predicate["target"]["kind"], "receipt");
    assert_eq!(predicate["target"]["receipt"]["signer"], receipt.signer);
    assert_eq!(predicate["target"]["receipt"]["sha256"], receipt.sha256);
    let certificate = asked.case.case().join("certificate.json");
    let list = asked.case.trust_list(&world);
    let arguments = ["check", certificate.to_str().unwrap(), "--trust", list.to_str().unwrap()];
    let evidence = ["--evidence", asked.case.case().to_str().unwrap()].map(str::to_owned);
    let (code, report) =
        common::lastbell_json(&[&arguments[..], &[evidence[0].as_str(), evidence[1].as_str()]].concat());
    assert_eq!(report["result"]["certificates"][0]["report"]["verdict"], "valid", "{code}: {report:#}");
}

#[test]
fn a_row_that_came_after_the_receipt_is_missing_and_a_changed_one_is_different() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    asked.with_receipt(&mut world);
    asked.case.sql(&asked.case.source(), "INSERT INTO marks VALUES (99, 1, 1, '3')");
    asked.case.sql(&asked.case.source(), "UPDATE staff SET email = 'other@school.example' WHERE id = 2");
    let outcome = asked.verify(&mut world, false).unwrap();
    assert_eq!(outcome.exit_code(), 1);
    let verified: Verification = asked.case.artefact(&mut world, name::VERIFICATION);
    let counts = |mapping: &str| verified.mappings.iter().find(|result| result.mapping == mapping).unwrap().counts;
    assert_eq!((counts("marks").missing, counts("marks").matched), (1, 12));
    assert_eq!((counts("staff").different, counts("staff").matched), (1, 1));
    assert_eq!(counts("pupils").matched, 4);
}

#[test]
fn a_password_opens_a_request_and_nothing_else_does() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    let path = asked.case.folder.join("request.json");
    request(&mut asked.case.session(&mut world), &mut world, &path, &SealTo::Password("тихий звонок".as_bytes()))
        .unwrap();
    let profile = asked.case.case().join("profile.yaml");
    let ran = |option: &[&str]| asked.keeper.run(&path, &profile, &asked.case.target(), &[], option, "receipt.lbr");
    fs::write(asked.keeper.path("word"), "тихий звонок\n").unwrap();
    fs::write(asked.keeper.path("wrong"), "другой звонок\n").unwrap();
    for (option, code) in [
        (&["--password-file", "wrong"][..], "key-password-wrong"),
        (&["--unseal", "seal.pem"][..], "request-needs-password"),
        (&[][..], "request-unseal-how"),
    ] {
        let (exit, document) = ran(option);
        assert_eq!((exit, common::root_code(&document).as_str()), (2, code), "{option:?}");
        assert!(!asked.keeper.path("receipt.lbr").exists(), "{option:?}: no receipt is left");
    }
    let (exit, document) = ran(&["--password-file", "word"]);
    assert_eq!(exit, 0, "{document:#}");
    fs::copy(asked.keeper.path("receipt.lbr"), asked.receipt()).unwrap();
    asked.verify(&mut world, false).unwrap();
    let verified = json_file(&asked.case.case().join(name::VERIFICATION));
    assert_eq!(figures(&verified), asked.live);
    let (exit, document) = ran(&["--password-file", "word"]);
    assert_eq!((exit, common::root_code(&document).as_str()), (2, "file-exists"), "never over a file");
}

#[test]
fn a_request_opens_for_its_keeper_alone_and_only_whole() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    let path = asked.ask(&mut world);
    let (profile, store) = (asked.case.case().join("profile.yaml"), asked.case.target());
    let stranger = Keeper::new();
    let (exit, document) = stranger.run(&path, &profile, &store, &[], &["--unseal", "seal.pem"], "receipt.lbr");
    assert_eq!((exit, common::root_code(&document).as_str()), (2, "request-unseal"));
    // Another day, another case: the seal holds the whole request together.
    let whole = fs::read_to_string(&path).unwrap();
    for (old, new) in [("2026-09-01", "2026-09-02"), ("LB-TEST-0001", "LB-TEST-0002"), ("\"marks\"", "\"staff\"")] {
        let changed = asked.case.folder.join("changed.json");
        let text = whole.replacen(old, new, 1);
        assert_ne!(text, whole, "{old} is in the request");
        fs::write(&changed, text).unwrap();
        let (exit, document) = asked.keeper.run(&changed, &profile, &store, &[], &["--unseal", "seal.pem"], "r.lbr");
        assert_eq!((exit, common::root_code(&document).as_str()), (2, "request-unseal"), "{old}");
    }
    let other = asked.case.folder.join("other.yaml");
    fs::write(&other, [fs::read(&profile).unwrap(), b"# one more line\n".to_vec()].concat()).unwrap();
    let (exit, document) = asked.keeper.run(&path, &other, &store, &[], &["--unseal", "seal.pem"], "r.lbr");
    assert_eq!((exit, common::root_code(&document).as_str()), (2, "request-other-profile"));
    assert!(!asked.keeper.path("r.lbr").exists(), "no receipt is left");
}

#[test]
fn what_is_not_the_answer_to_this_cases_last_request_is_refused() {
    let (mut world, clock) = world();
    let asked = Asked::new(&mut world);
    assert_eq!(asked.refused(&mut world), "receipt-missing");
    let other = Asked::named("LB-TEST-0002", &mut world);
    let foreign = other.answered(&other.ask(&mut world));

    // Another case, and a case that never asked.
    let request = asked.ask(&mut world);
    fs::copy(other.keeper.signing_public(), asked.case.folder.join("keys/keeper.pub.pem")).unwrap();
    fs::write(asked.receipt(), &foreign).unwrap();
    assert_eq!(asked.refused(&mut world), "receipt-other-case");
    // An unknown signer; nobody named.
    let good = asked.answered(&request);
    fs::write(asked.receipt(), &good).unwrap();
    assert_eq!(asked.refused(&mut world), "envelope-key-unknown");
    fs::copy(asked.keeper.signing_public(), asked.case.folder.join("keys/keeper.pub.pem")).unwrap();
    asked.case.set_case_line("receipt_signer", "null");
    assert_eq!(asked.refused(&mut world), "receipt-signer-missing");
    asked.case.set_case_line("receipt_signer", "../keys/keeper.pub.pem");

    // Too old by a second; made in a time that has not come.
    let now = clock.0.load(Ordering::SeqCst);
    clock.0.store(now + 30 * DAY + 120, Ordering::SeqCst);
    let failure = asked.verify(&mut world, false).unwrap_err();
    assert_eq!((failure.code, failure.exit), ("target-too-old", Exit::Refused));
    assert_eq!((failure.arg("days"), failure.arg("days_max")), (Some("30"), Some("30")), "the figures are told");
    clock.0.store(now - 2 * DAY, Ordering::SeqCst);
    assert_eq!(asked.refused(&mut world), "target-from-future");
    clock.0.store(now, Ordering::SeqCst);

    // Another meaning of a mapping than the one that was asked for.
    let profile = fs::read(asked.case.case().join("profile.yaml")).unwrap();
    asked.case.change_mapping("pupils", |mapping| {
        let phone = mapping.columns.iter_mut().find(|rule| rule.target.as_deref() == Some("t.phone")).unwrap();
        phone.r#as = Some(lastbell::profile::profile_file::Normaliser::Phone);
    });
    assert_eq!(asked.refused(&mut world), "receipt-other-mapping");
    fs::write(asked.case.case().join("profile.yaml"), profile).unwrap();

    // Another day of the migration.
    asked.case.set_case_line("migrated_on", "2026-09-02");
    assert_eq!(asked.refused(&mut world), "receipt-other-day");
    asked.case.set_case_line("migrated_on", "2026-09-01");

    // A second answer to the request, once the first was taken.
    let second = asked.answered(&request);
    asked.verify(&mut world, false).unwrap();
    assert_ne!(second, good, "the second answer has its own time");
    fs::write(asked.receipt(), &second).unwrap();
    assert_eq!(code_of(asked.verify(&mut world, true)), "receipt-second-answer");

    // A later request supersedes the earlier one: its answer is refused, the new one's is taken.
    fs::write(asked.receipt(), &good).unwrap();
    let later = asked.ask(&mut world);
    assert_eq!(code_of(asked.verify(&mut world, true)), "receipt-other-request");
    fs::write(asked.receipt(), asked.answered(&later)).unwrap();
    asked.verify(&mut world, true).unwrap();
}

#[test]
fn a_changed_bit_or_a_cut_anywhere_is_refused() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    asked.with_receipt(&mut world);
    let whole = fs::read(asked.receipt()).unwrap();
    let places = |step: usize| (0..whole.len()).step_by(step);
    let mut seen = BTreeMap::<String, usize>::new();
    for place in places(whole.len() / 40) {
        let mut changed = whole.clone();
        changed[place] ^= 1 << (place % 8);
        fs::write(asked.receipt(), changed).unwrap();
        *seen.entry(asked.refused(&mut world)).or_default() += 1;
    }
    for place in places(whole.len() / 20) {
        fs::write(asked.receipt(), &whole[..place]).unwrap();
        let code = asked.refused(&mut world);
        assert!(code == "receipt-damaged", "cut at {place}: {code}");
    }
    eprintln!("── {} bytes; refused by: {seen:?}", whole.len());
    assert!(seen.len() >= 3 && seen.contains_key("digest-file-damaged"), "records, header and signature were hit");
    fs::write(asked.receipt(), whole).unwrap();
    asked.verify(&mut world, false).unwrap();
}

#[test]
fn the_locked_proof_takes_the_verified_bytes_or_none() {
    let (mut world, clock) = world();
    let asked = Asked::new(&mut world);
    asked.case.set_case_line("target_days_max", "3");
    let request = asked.ask(&mut world);
    let (first, second) = (asked.answered(&request), asked.answered(&request));
    fs::write(asked.receipt(), &first).unwrap();
    asked.verify(&mut world, false).unwrap();
    steps::plan::run(&mut asked.case.session(&mut world), &mut world, false).unwrap();
    asked.case.approve(&mut world);
    let source = files_below(asked.case.source().parent().unwrap());
    let refuse = |world: &mut World, expected: &str| {
        let failure = asked.case.erase(world).expect_err(expected);
        assert_eq!((root(&failure).code, failure.exit), (expected, Exit::Refused), "{failure}");
        assert!(files_below(asked.case.source().parent().unwrap()) == source, "{expected}: the source is untouched");
    };
    fs::write(asked.receipt(), &second).unwrap();
    refuse(&mut world, "receipt-changed");
    let mut flipped = first.clone();
    flipped[200] ^= 4;
    fs::write(asked.receipt(), &flipped).unwrap();
    refuse(&mut world, "digest-file-damaged");
    fs::remove_file(asked.receipt()).unwrap();
    refuse(&mut world, "receipt-missing");
    fs::write(asked.receipt(), &first).unwrap();
    let now = clock.0.load(Ordering::SeqCst);
    clock.0.store(now + 3 * DAY + 120, Ordering::SeqCst);
    refuse(&mut world, "target-too-old");
    clock.0.store(now, Ordering::SeqCst);
    asked.case.erase(&mut world).unwrap();
    assert_eq!(asked.case.artefact::<Erasure>(&mut world, name::ERASURE).standing().count(), 0);
}

#[test]
fn a_plan_is_not_made_on_a_receipt_that_was_asked_for_anew_or_grew_old() {
    let (mut world, clock) = world();
    let asked = Asked::new(&mut world);
    asked.with_receipt(&mut world);
    asked.verify(&mut world, false).unwrap();
    let plan = |world: &mut World| code_of(steps::plan::run(&mut asked.case.session(world), world, false));
    let now = clock.0.load(Ordering::SeqCst);
    clock.0.store(now + 31 * DAY, Ordering::SeqCst);
    assert_eq!(plan(&mut world), "target-too-old");
    clock.0.store(now, Ordering::SeqCst);
    asked.ask(&mut world);
    assert_eq!(plan(&mut world), "receipt-superseded");
}

#[test]
fn the_platform_is_neither_the_source_nor_unknown_without_a_persons_word() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    let request = asked.ask(&mut world);
    let profile = asked.case.case().join("profile.yaml");
    // The keeper, by mistake, digested the old diary itself.
    let options = ["--unseal", "seal.pem"];
    let (exit, _) = asked.keeper.run_at(&request, &profile, &asked.case.source(), &options, "same.lbr");
    assert_eq!(exit, 0);
    fs::copy(asked.keeper.path("same.lbr"), asked.receipt()).unwrap();
    assert_eq!(asked.refused(&mut world), "target-is-source");
    // Two stores of one engine: nobody can know from here, and nobody states it.
    asked.with_receipt(&mut world);
    asked.case.set_case_line("attested", "[]");
    assert_eq!(asked.refused(&mut world), "receipt-one-engine");
}

#[test]
fn nothing_of_a_person_is_in_request_receipt_or_spill_file() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    let request = asked.ask(&mut world);
    let receipt = asked.answered(&request);
    let values: Vec<&str> = PUPILS.iter().flat_map(|(_, fio, snils, phone)| [*fio, *snils, *phone]).collect();
    let digits: Vec<String> = PUPILS.iter().map(|(_, _, snils, _)| snils.replace(['-', ' '], "")).collect();
    let values: Vec<&str> = values.into_iter().chain(digits.iter().map(String::as_str)).collect();
    let search = Search::new(&values);
    let store = fs::read(asked.case.target()).unwrap();
    assert!(!search.find(&store).is_empty(), "the search finds what is in the platform's database");
    let hashed = search::digests(values[1]);
    assert!(hashed.iter().all(|(_, bytes)| !search.find(bytes).is_empty()), "and what was only hashed");
    for (what, bytes) in [("request", fs::read(&request).unwrap()), ("receipt", receipt)] {
        assert_eq!(search.find(&bytes), Vec::<&str>::new(), "{what}");
    }
    let spill = keeper::spilled(&asked.case.target(), &asked.case.case().join("profile.yaml"));
    assert!(spill.len() > 100_000, "the set was spilled: {} bytes", spill.len());
    assert_eq!(search.find(&spill), Vec::<&str>::new(), "spill file");
    eprintln!("── {} values and their digests searched for", search.len());
}

// ---- killed

/// A command with variables of the environment: its exit code.
type Ran<'a> = dyn Fn(&[(&str, &str)]) -> Option<i32> + 'a;

/// Kills a command at each place in turn and runs it again; `end` looks at what came of it.
fn killed_everywhere(ran: &Ran<'_>, fresh: &dyn Fn(), end: &dyn Fn(u64)) -> u64 {
    let count = tempfile::NamedTempFile::new().unwrap();
    fresh();
    assert_eq!(ran(&[("LASTBELL_FAULT_COUNT", count.path().to_str().unwrap())]), Some(0));
    end(0);
    let places: u64 = fs::read_to_string(count.path()).unwrap().parse().unwrap();
    for place in 1..=places {
        fresh();
        assert_eq!(ran(&[("LASTBELL_FAULT", &place.to_string())]), None, "killed at place {place} of {places}");
        let again = ran(&[]);
        assert!(again == Some(0) || again == Some(2), "place {place}: {again:?}");
        end(place);
    }
    places
}

#[test]
fn a_killed_digest_leaves_a_whole_receipt_or_none() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    let request = asked.ask(&mut world);
    let whole = asked.answered(&request);
    let out = asked.keeper.path("receipt.lbr");
    let ran = |variables: &[(&str, &str)]| asked.keeper.answer_again(variables);
    let fresh = || fs::remove_file(&out).unwrap_or(());
    let end = |place| {
        let receipt = fs::read(&out).unwrap();
        assert!(receipt.len().abs_diff(whole.len()) < 8, "place {place}: the receipt is whole");
        fs::write(asked.receipt(), receipt).unwrap();
    };
    let places = killed_everywhere(&ran, &fresh, &end);
    assert!(places >= 2, "before and after the rename: {places}");
    asked.verify(&mut world, false).unwrap();
}

#[test]
fn a_killed_verification_by_a_receipt_ends_the_same() {
    let (mut world, _) = world();
    let asked = Asked::new(&mut world);
    asked.with_receipt(&mut world);
    let aside = asked.keeper.folder().join("untouched");
    common::copy_folder(&asked.case.case(), &aside);
    let case = asked.case.case();
    let folder = case.to_str().unwrap();
    let ran = |variables: &[(&str, &str)]| common::lastbell_with(&["verify", folder], variables).code;
    let fresh = || {
        fs::remove_dir_all(&case).unwrap();
        common::copy_folder(&aside, &case);
    };
    let end = |place| {
        let verified = json_file(&case.join(name::VERIFICATION));
        assert_eq!(figures(&verified), asked.live, "place {place}: the same rows, verdicts and roots");
    };
    let places = killed_everywhere(&ran, &fresh, &end);
    assert!(places > 10, "{places} places");
    eprintln!("── verify was killed at {places} places");
}

// ---- a system of the corpus

/// The same rows on a server: the receipt of another engine has the root that reading the server gave.
fn same_root_from(engine: Engine) {
    let Some(system) = System::find_of("boyutov", 30) else { return };
    let mut walk = Walk::between(&system, Engine::Sqlite, engine, true);
    walk.run("discover", &[], 0);
    walk.decide();
    walk.run("verify", &[], 0);
    let live = figures(&json_file(&walk.case().join(name::VERIFICATION)));
    let keeper = Keeper::new();
    let request = ask_instead(&mut walk, &keeper, "[]");
    let receipt = keeper.answer_url(&request, &walk.case().join("profile.yaml"), &walk.new.url());
    fs::write(walk.path("receipt.lbr"), &receipt).unwrap();
    walk.run("verify", &[], 0);
    let verification = json_file(&walk.case().join(name::VERIFICATION));
    assert_eq!(figures(&verification), live, "{engine:?}: the same roots and verdicts as live");
    assert_eq!(verification["kinship"]["state"], "apart", "{engine:?}: no store speaks for two engines");
    let rows: u64 = live.values().map(|result| result["source"]["rows"].as_u64().unwrap()).sum();
    assert!(rows > 300, "{engine:?}: {rows} rows");
    eprintln!("── {engine:?}: {rows} rows in {} mappings; receipt: {} bytes", live.len(), receipt.len());
}

#[test]
fn a_receipt_of_postgres_has_the_root_of_reading_it() {
    same_root_from(Engine::Postgres);
}

#[test]
fn a_receipt_of_mariadb_has_the_root_of_reading_it() {
    same_root_from(Engine::Mysql);
}

#[test]
fn ru_cyr_sqlite_goes_to_a_valid_certificate_by_a_receipt() {
    let Some(system) = System::find("ru-cyr-sqlite", 200) else { return };
    let mut walk = Walk::begin(&system);
    walk.run("discover", &[], 0);
    walk.decide();
    walk.run("verify", &[], 0);
    let live = figures(&json_file(&walk.case().join(name::VERIFICATION)));

    let keeper = Keeper::new();
    let request = ask_instead(&mut walk, &keeper, APART);
    let hidden = [walk.source_folder(), walk.case()];
    let receipt = keeper.answer(&request, &walk.case().join("profile.yaml"), &walk.target(), &hidden);
    fs::write(walk.path("receipt.lbr"), &receipt).unwrap();
    // From here on the platform is out of everybody's reach.
    fs::rename(walk.target(), walk.path("gone.db")).unwrap();

    walk.run("verify", &[], 0);
    let verified = figures(&json_file(&walk.case().join(name::VERIFICATION)));
    let rows: u64 = verified.values().map(|result| result["source"]["rows"].as_u64().unwrap()).sum();
    assert!(rows > 1000 && verified == live, "the same roots and verdicts as live, over {rows} rows");
    let predicate = walk.reach_certificate();
    assert_eq!((&predicate["target"]["kind"], &predicate["outcome"]), (&"receipt".into(), &"destroyed".into()));
    eprintln!("── {rows} rows in {} mappings; receipt: {} bytes; {}", live.len(), receipt.len(), walk.seconds());
}
