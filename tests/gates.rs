//! The gates between a plan and destruction, each shut and opened: open points of `plan`, the independent checker, approvals,
//! cooling, expiry, holds, signs of life, a clock that runs backwards. The clock is the test's.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{SetClock, SmallCase, code_of, codes, decide, files_below, open_points, root, world};
use lastbell::case::artefacts::{Erasure, Plan, UnitEnd, Verification, Waived, name};
use lastbell::certificate::keys::{KeyKind, PrivateKey, SigningKey};
use lastbell::failure::Failure;
use lastbell::profile::profile_file::Disposition;
use lastbell::rate::Rate;
use lastbell::steps::{self, plan_check};
use lastbell::world::Progress;
use lastbell::world::World;
use lastbell_contract::{ErrorKind, Operation, Value};
use lastbell_testkit::memory::{Fault, Memory, Point, Trouble};
use lastbell_testkit::setup::Change;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn pass_time(clock: &SetClock, seconds: i64) {
    clock.0.fetch_add(seconds, Ordering::SeqCst);
}

fn planned() -> (World, SetClock, SmallCase) {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.planned(&mut world);
    (world, clock, case)
}

/// `erase` must be refused as a whole: nothing of any store is gone and no artefact is made.
fn erase_is_refused(case: &SmallCase, world: &mut World) -> Failure {
    let before = fs::read(case.source()).unwrap();
    let failure = case.erase(world).expect_err("the gate is shut");
    assert_eq!(failure.exit as i32, 4, "{:?}", codes(&failure));
    assert_eq!(fs::read(case.source()).unwrap(), before, "a shut gate leaves the store alone");
    assert!(!case.case().join(name::ERASURE).exists(), "a shut gate makes no artefact");
    root(&failure).clone()
}

fn everything_goes(case: &SmallCase, world: &mut World) {
    let erased = case.erase(world).unwrap();
    assert_eq!(erased.exit_code(), 0, "{:?}", erased.findings);
    assert_eq!(case.count(&case.source(), "pupils") + case.count(&case.source(), "staff"), 0);
}

/// Codes of units that stand, by the first table of each.
fn standing(case: &SmallCase, world: &mut World) -> Vec<(String, String)> {
    let erasure: Erasure = case.artefact(world, name::ERASURE);
    let code = |end: &UnitEnd| match end {
        UnitEnd::Refused { code, .. } => code.clone(),
        UnitEnd::Destroyed => panic!("a standing unit is a refused one"),
    };
    erasure.standing().map(|unit| (unit.tables[0].table.clone(), code(&unit.end))).collect()
}

// ---- the visit to the platform

/// Lays rules for the visit into case.yaml.
fn visited_by(case: &SmallCase, rules: &str) {
    case.set_case_line("target_visit", &format!("{{{rules}}}"));
}

/// The hours of a day that begin so many minutes from the test's now, and last an hour.
fn hours_in(clock: &SetClock, minutes: i64) -> String {
    let at = |minutes: i64| {
        let second = clock.0.load(Ordering::SeqCst) + minutes * 60;
        jiff::Timestamp::from_second(second).unwrap().strftime("%H:%M").to_string()
    };
    format!("hours: \"{}-{}\", zone: UTC", at(minutes), at(minutes + 60))
}

#[test]
fn the_platform_is_read_at_its_keepers_hours_alone() {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.discovered(&mut world);
    let closed = hours_in(&clock, 120);
    let open = hours_in(&clock, -30);
    visited_by(&case, &closed);
    let refused = steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap_err();
    assert_eq!((root(&refused).code, refused.exit as i32), ("visit-closed", 4));
    assert!(!case.case().join(name::VERIFICATION).exists());
    visited_by(&case, &open);
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    case.approve(&mut world);
    visited_by(&case, &closed);
    assert_eq!(erase_is_refused(&case, &mut world).code, "visit-closed");
    visited_by(&case, &open);
    everything_goes(&case, &mut world);
}

/// The hours end while rows are read: what was read proves nothing, and the next visit begins anew.
#[test]
fn a_visit_ends_with_its_hours() {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.discovered(&mut world);
    // The last second of an hour that is open: a slow reader does not come to its end in it.
    let now = clock.0.load(Ordering::SeqCst);
    clock.0.store(now - now.rem_euclid(60) + 59, Ordering::SeqCst);
    let until = jiff::Timestamp::from_second(clock.0.load(Ordering::SeqCst) + 1).unwrap().strftime("%H:%M");
    let from = jiff::Timestamp::from_second(clock.0.load(Ordering::SeqCst) - 3600).unwrap().strftime("%H:%M");
    visited_by(&case, &format!("hours: \"{from}-{until}\", zone: UTC"));
    world.max_rate = Some(Rate(Some(200)));
    let refused = steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap_err();
    assert_eq!((root(&refused).code, refused.exit as i32), ("visit-hours-over", 4));
    assert!(!case.case().join(name::VERIFICATION).exists());
    pass_time(&clock, -600);
    world.max_rate = None;
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
}

#[test]
fn no_more_is_read_in_a_second_than_the_rate_allows() {
    let (mut world, _clock) = world();
    let case = SmallCase::new(&mut world);
    case.discovered(&mut world);
    let verify = |world: &mut World| {
        let begun = std::time::Instant::now();
        steps::verify::run(&mut case.session(world), world, true).unwrap();
        let read = case.artefact::<Verification>(world, name::VERIFICATION).target.unwrap();
        (begun.elapsed(), read)
    };
    let (_, free) = verify(&mut world);
    assert_eq!(free.max_rate, "none", "a file is on this machine");
    world.max_rate = Some(Rate(Some(1_000)));
    let (took, read) = verify(&mut world);
    assert_eq!((read.bytes_read, read.max_rate.as_str()), (free.bytes_read, "1kB/s"));
    assert!(read.bytes_read > 500, "{} bytes", read.bytes_read);
    assert!(took >= Duration::from_millis(read.bytes_read), "{} bytes took {took:?}", read.bytes_read);
    // The command line goes before case.yaml.
    visited_by(&case, "max_rate: 2kB/s");
    assert_eq!(verify(&mut world).1.max_rate, "1kB/s");
    world.max_rate = None;
    assert_eq!(verify(&mut world).1.max_rate, "2kB/s");
}

#[test]
fn a_platform_behind_a_network_is_read_slowly_without_a_word() {
    let memory = Memory::new();
    let (mut world, _, case) = common::memory_case(&memory);
    let rate = |world: &mut World| {
        steps::verify::run(&mut case.session(world), world, true).unwrap();
        case.artefact::<Verification>(world, name::VERIFICATION).target.unwrap().max_rate
    };
    memory.describe("old", |info| info.remote = true);
    assert_eq!(rate(&mut world), "none", "the retired system is nobody's to be spared");
    memory.describe("new", |info| info.remote = true);
    assert_eq!(rate(&mut world), "20MB/s");
}

/// Counts rows that were read.
struct Counted(Arc<AtomicU64>);

impl Progress for Counted {
    fn begin(&mut self, _: &'static str, _: &str, _: Option<u64>) {}
    fn advance(&mut self, by: u64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
    fn end(&mut self) {}
}

#[test]
fn a_platform_that_fails_ends_the_reading_of_the_source_too() {
    const ROWS: i128 = 2_200; // in batches of a thousand
    let memory = Memory::new();
    let (mut world, _, case) = common::memory_case(&memory);
    for id in 0..ROWS {
        let name = Value::Text("Звонкова Аглая Тестовна".to_owned());
        let row = vec![Value::Int(1_000 + id), name, Value::Text(format!("{id}"))];
        memory.write("old", &Change::Insert { table: "staff".to_owned(), row });
    }
    let read = Arc::new(AtomicU64::new(0));
    world.progress = Box::new(Counted(Arc::clone(&read)));
    // The third: the table before is read by two.
    memory.plan(Fault::new("new", Point::ScanBatch, 3, Trouble::Fail(ErrorKind::Unreachable)));
    let failure = steps::verify::run(&mut case.session(&mut world), &mut world, true).unwrap_err();
    assert!(memory.all_struck());
    assert_eq!(root(&failure).code, "store-unreachable", "the platform's own failure is told: {failure}");
    assert!(read.load(Ordering::SeqCst) < ROWS as u64, "{} rows were read for nothing", read.load(Ordering::SeqCst));
}

// ---- approvals

#[test]
fn fewer_approvals_than_the_threshold_open_nothing() {
    let (mut world, _, case) = planned();
    assert_eq!(erase_is_refused(&case, &mut world).to_string(), "approvals-missing counted=0 threshold=2");
    steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[0]).unwrap();
    assert_eq!(erase_is_refused(&case, &mut world).to_string(), "approvals-missing counted=1 threshold=2");
    steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[1]).unwrap();
    everything_goes(&case, &mut world);
}

#[test]
fn a_key_outside_the_commission_cannot_approve() {
    let (mut world, _, case) = planned();
    let stranger = SigningKey::from_random(&[42; 32]);
    let refused = steps::approve::in_case(&mut case.session(&mut world), &mut world, &stranger);
    assert_eq!(code_of(refused), "approval-not-member");
    assert_eq!(fs::read_dir(case.case().join("approvals")).unwrap().count(), 0);
    // A member's approval of another case's plan, renamed: the file is named, not skipped.
    let (mut other_world, _, other) = planned();
    steps::approve::in_case(&mut other.session(&mut other_world), &mut other_world, &other.keys[0]).unwrap();
    let file = format!("approvals/{}.json", other.keys[0].key_id());
    fs::copy(other.case().join(&file), case.case().join(&file)).unwrap();
    let failure = erase_is_refused(&case, &mut world);
    assert_eq!(
        (failure.code, failure.arg("path"), failure.arg("reason")),
        ("approval-bad", Some(file.as_str()), Some("other-plan"))
    );
    fs::remove_file(case.case().join(&file)).unwrap();
    case.approve(&mut world);
    everything_goes(&case, &mut world);
}

#[test]
fn the_contractors_people_alone_are_never_enough() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.change_case_file("threshold: 2", "threshold: 1");
    case.planned(&mut world);
    steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[2]).unwrap();
    assert_eq!(erase_is_refused(&case, &mut world).code, "approvals-processor-only");
    steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[0]).unwrap();
    everything_goes(&case, &mut world);
}

#[test]
fn a_commission_of_the_contractors_people_makes_no_plan() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    let path = case.case().join("case.yaml");
    let text = fs::read_to_string(&path).unwrap().replace("party: operator", "party: processor");
    fs::write(&path, text).unwrap();
    case.verified(&mut world);
    let points = open_points(steps::plan::run(&mut case.session(&mut world), &mut world, false));
    assert_eq!(points, ["check-commission threshold=2 members=3"]);
}

#[test]
fn two_members_with_one_key_make_no_plan() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    fs::copy(case.folder.join("keys/ivanova.pub.pem"), case.folder.join("keys/petrov.pub.pem")).unwrap();
    case.verified(&mut world);
    let points = open_points(steps::plan::run(&mut case.session(&mut world), &mut world, false));
    assert_eq!(points, ["check-commission threshold=2 members=2"]);
    assert!(!case.case().join(name::PLAN).exists());
}

#[test]
fn a_sealing_key_is_no_members_key() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    let sealing = PrivateKey::from_random(KeyKind::Sealing, &[5; 32]);
    fs::write(case.folder.join("keys/petrov.pub.pem"), sealing.public().to_pem()).unwrap();
    case.verified(&mut world);
    let points = open_points(steps::plan::run(&mut case.session(&mut world), &mut world, false));
    assert_eq!(points.len(), 1, "{points:?}");
    assert!(points[0].starts_with("open-key path=../keys/petrov.pub.pem "), "{points:?}");
}

#[test]
fn one_member_counts_once() {
    let (mut world, _, case) = planned();
    steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[0]).unwrap();
    let twice = steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[0]).unwrap_err();
    assert_eq!((twice.code, twice.exit as i32), ("approval-twice", 2));
    let id = case.keys[0].key_id().to_string();
    let folder = case.case().join("approvals");
    fs::copy(folder.join(format!("{id}.json")), folder.join(format!("copy-of-{id}.json"))).unwrap();
    let failure = case.erase(&mut world).unwrap_err();
    let copy = format!("approvals/copy-of-{id}.json");
    assert_eq!(
        (root(&failure).code, root(&failure).arg("path")),
        ("approval-bad", Some(copy.as_str())),
        "no second member"
    );
    assert_eq!(case.count(&case.source(), "pupils"), 4);
}

#[test]
fn an_approval_of_the_plan_file_alone_counts_once_it_lies_in_the_case() {
    let (mut world, _, case) = planned();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("plan.json");
    fs::copy(case.case().join(name::PLAN), &copy).unwrap();
    for key in &case.keys[..2] {
        steps::approve::file_alone(&copy, &mut world, key).unwrap();
    }
    assert_eq!(code_of(steps::approve::file_alone(&copy, &mut world, &case.keys[0])), "approval-twice");
    assert_eq!(erase_is_refused(&case, &mut world).to_string(), "approvals-missing counted=0 threshold=2");
    for key in &case.keys[..2] {
        let file = format!("approvals/{}.json", key.key_id());
        fs::copy(elsewhere.path().join(&file), case.case().join(&file)).unwrap();
    }
    everything_goes(&case, &mut world);
    let erasure: Erasure = case.artefact(&mut world, name::ERASURE);
    assert_eq!(erasure.approved_by.len(), 2);
    case.certified(&mut world);
    assert_eq!(case.check(&world)["verdict"], "valid", "received approvals are evidence like any other");
}

#[test]
fn a_changed_plan_or_approval_is_tampering() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    for file in [name::PLAN.to_owned(), format!("approvals/{}.json", case.keys[1].key_id())] {
        let path = case.case().join(&file);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let last = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
        bytes[last] = if bytes[last] == b'9' { b'8' } else { b'9' };
        fs::write(&path, bytes).unwrap();
        let failure = steps::Session::open(&case.case(), &mut world).err().expect("a changed byte is tampering");
        assert_eq!((failure.exit as i32, failure.arg("path")), (4, Some(file.as_str())), "{failure}");
        assert!(failure.code.starts_with("tampered"), "{failure}");
        fs::write(&path, whole).unwrap();
    }
    everything_goes(&case, &mut world);
}

// ---- cooling, expiry, the clock

#[test]
fn a_day_passes_between_the_last_approval_and_destruction() {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.discovered_without(&mut world, &["allow: cooling"]);
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[0]).unwrap();
    pass_time(&clock, 20 * HOUR);
    steps::approve::in_case(&mut case.session(&mut world), &mut world, &case.keys[1]).unwrap();
    let failure = erase_is_refused(&case, &mut world);
    assert_eq!((failure.code, failure.arg("hours")), ("cooling", Some("24")));
    pass_time(&clock, DAY - 1);
    assert_eq!(erase_is_refused(&case, &mut world).code, "cooling", "the last approval starts the time");
    pass_time(&clock, 1);
    everything_goes(&case, &mut world);
    case.certified(&mut world);
    let gates: Vec<_> =
        case.predicate()["allowances"].as_array().unwrap().iter().map(|one| one["gate"].clone()).collect();
    assert_eq!(gates, ["life"], "a gate that nobody opened is not printed");
}

#[test]
fn only_a_decision_shortens_the_cooling_and_it_is_printed() {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.discovered_without(&mut world, &["allow: cooling"]);
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    case.approve(&mut world);
    assert_eq!(erase_is_refused(&case, &mut world).code, "cooling");
    case.decide(&mut world, "- {allow: cooling, hours: 3, by: Иванова, at: 2026-11-12, reason: \"торопимся\"}\n");
    assert_eq!(erase_is_refused(&case, &mut world).arg("hours"), Some("3"));
    pass_time(&clock, 3 * HOUR);
    everything_goes(&case, &mut world);
    case.certified(&mut world);
    let allowances = case.predicate()["allowances"].clone();
    let cooling = allowances.as_array().unwrap().iter().find(|one| one["gate"] == "cooling").expect("it is printed");
    assert_eq!(
        (&cooling["hours"], &cooling["reason"], &cooling["by"]),
        (&3.into(), &"торопимся".into(), &"Иванова".into())
    );
}

#[test]
fn an_approval_put_in_by_hand_cools_from_the_moment_we_got_it() {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.discovered_without(&mut world, &["allow: cooling"]);
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("plan.json");
    fs::copy(case.case().join(name::PLAN), &copy).unwrap();
    for key in &case.keys[..2] {
        steps::approve::file_alone(&copy, &mut world, key).unwrap();
        pass_time(&clock, 2 * DAY);
        let file = format!("approvals/{}.json", key.key_id());
        fs::copy(elsewhere.path().join(&file), case.case().join(&file)).unwrap();
    }
    // Signed two days ago by the member's own clock, which anyone can set back.
    assert_eq!(erase_is_refused(&case, &mut world).code, "cooling");
    pass_time(&clock, DAY);
    everything_goes(&case, &mut world);
}

#[test]
fn an_expired_plan_begins_nothing_and_a_new_one_needs_new_approvals() {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    pass_time(&clock, 14 * DAY + 1);
    assert_eq!(erase_is_refused(&case, &mut world).code, "plan-expired");
    steps::plan::run(&mut case.session(&mut world), &mut world, true).unwrap();
    assert_eq!(erase_is_refused(&case, &mut world).code, "approvals-missing");
    case.approve(&mut world);
    pass_time(&clock, 14 * DAY);
    everything_goes(&case, &mut world);
}

#[test]
fn a_clock_that_was_set_back_is_refused() {
    let (mut world, clock) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    pass_time(&clock, -HOUR);
    assert_eq!(erase_is_refused(&case, &mut world).code, "clock-back", "no term can be trusted");
    pass_time(&clock, HOUR);
    everything_goes(&case, &mut world);
}

// ---- a unit that was begun

#[test]
fn a_unit_that_was_begun_is_finished_whatever_expired_meanwhile() {
    let memory = Memory::new();
    let (mut world, clock, case) = common::memory_case(&memory);
    memory.describe("old", |info| info.capabilities.atomic_units = false);
    memory.plan(Fault::new("old", Point::After(Operation::Destroy), 1, Trouble::Die));
    assert!(case.erase(&mut world).is_err(), "the engine died");
    assert!(memory.all_struck());
    assert_eq!(memory.rows("old", "pupils").len(), 0, "the first unit's rows went at once: there is no rollback");
    assert_eq!(memory.rows("old", "staff").len(), 2);
    memory.revive();
    // The plan has expired and the clock stands before the journal's last line in the second round.
    pass_time(&clock, 30 * DAY);
    case.decide(&mut world, "- {hold: {tables: [pupils]}, by: Иванова, at: 2026-11-12, reason: \"поздно\"}\n");
    let failure = steps::plan::run(&mut case.session(&mut world), &mut world, true).unwrap_err();
    assert_eq!(code_of::<()>(Err(failure)), "unit-begun", "a begun unit keeps its plan for good");
    let erased = case.erase(&mut world).unwrap();
    assert_eq!(erased.exit_code(), 4);
    assert_eq!(standing(&case, &mut world), [("staff".to_owned(), "plan-expired".to_owned())]);
    let erasure: Erasure = case.artefact(&mut world, name::ERASURE);
    let finished = erasure.units.iter().find(|unit| unit.end == UnitEnd::Destroyed).expect("the begun unit ended");
    assert_eq!((finished.tables[0].rows_before, finished.tables[0].rows_left), (2, Some(0)), "counted, not remembered");
    assert_eq!(memory.rows("old", "staff").len(), 2, "no new unit begins under an expired plan");
}

// ---- holds and signs of life

#[test]
fn a_hold_stops_its_unit_alone_until_it_is_released() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.discovered(&mut world);
    case.decide(&mut world, "- {hold: {tables: [marks]}, by: Иванова, at: 2026-11-12, reason: \"запрос суда\"}\n");
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    let plan: Plan = case.artefact(&mut world, name::PLAN);
    assert_eq!(plan.holds.iter().map(|held| held.table.as_str()).collect::<Vec<_>>(), ["marks"], "the plan says so");
    case.approve(&mut world);
    assert_eq!(case.erase(&mut world).unwrap().exit_code(), 4);
    assert_eq!(standing(&case, &mut world), [("marks".to_owned(), "hold".to_owned())]);
    assert_eq!(case.count(&case.source(), "pupils"), 4, "pupils stand with marks: one unit");
    assert_eq!(case.count(&case.source(), "staff"), 0, "the other unit went");
    case.decide(&mut world, "- {release: marks, by: Иванова, at: 2026-11-13, reason: \"снято\"}\n");
    let again = steps::erase::run(&mut case.session(&mut world), &mut world, true).unwrap();
    assert_eq!(again.exit_code(), 0, "{:?}", again.findings);
    assert_eq!(case.count(&case.source(), "pupils") + case.count(&case.source(), "marks"), 0);
}

/// Sets the time at which the source was last written.
fn written_before(case: &SmallCase, hours: u64) {
    let file = File::options().append(true).open(case.source()).unwrap();
    #[allow(clippy::disallowed_methods, reason = "files carry real times")]
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3_600)).unwrap();
}

/// An approved case without the decision that lets `erase` pass signs of life.
fn approved_without_life(world: &mut World) -> SmallCase {
    let case = SmallCase::new(world);
    case.discovered_without(world, &["allow: life"]);
    steps::verify::run(&mut case.session(world), world, false).unwrap();
    steps::plan::run(&mut case.session(world), world, false).unwrap();
    case.approve(world);
    case
}

#[test]
fn a_store_written_to_within_72_hours_is_in_use() {
    let (mut world, _) = world();
    let case = approved_without_life(&mut world);
    written_before(&case, 71);
    assert_eq!(case.erase(&mut world).unwrap().exit_code(), 4);
    let codes: BTreeSet<String> = standing(&case, &mut world).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, BTreeSet::from(["store-alive".to_owned()]));
    assert_eq!(case.count(&case.source(), "pupils"), 4);
    case.decide(&mut world, "- {allow: life, by: Иванова, at: 2026-11-12, reason: \"резервное копирование\"}\n");
    let again = steps::erase::run(&mut case.session(&mut world), &mut world, true).unwrap();
    assert_eq!(again.exit_code(), 0, "{:?}", again.findings);
    case.certified(&mut world);
    let gates = case.predicate()["allowances"].clone();
    assert!(gates.as_array().unwrap().iter().any(|one| one["gate"] == "life"), "it is printed: {gates}");
}

#[test]
fn our_own_writes_are_no_sign_of_life_and_others_are() {
    for (somebody_wrote, ends) in [(false, 0), (true, 4)] {
        let (mut world, _) = world();
        let case = approved_without_life(&mut world);
        case.decide(&mut world, "- {hold: {tables: [staff]}, by: Иванова, at: 2026-11-12, reason: \"позже\"}\n");
        written_before(&case, 73);
        assert_eq!(case.erase(&mut world).unwrap().exit_code(), 4);
        assert_eq!(standing(&case, &mut world), [("staff".to_owned(), "hold".to_owned())]);
        assert_eq!(case.count(&case.source(), "pupils"), 0, "a store at rest for 73 hours is not alive");
        case.decide(&mut world, "- {release: staff, by: Иванова, at: 2026-11-13, reason: \"снято\"}\n");
        if somebody_wrote {
            case.sql(&case.source(), "UPDATE subjects SET title = 'Чистописание и счёт' WHERE id = 1");
        }
        let again = steps::erase::run(&mut case.session(&mut world), &mut world, true).unwrap();
        assert_eq!(again.exit_code(), ends, "somebody else wrote: {somebody_wrote}: {:?}", again.findings);
        let stands = if somebody_wrote { vec![("staff".to_owned(), "store-alive".to_owned())] } else { Vec::new() };
        assert_eq!(standing(&case, &mut world), stands);
    }
}

// ---- open points of `plan`

#[test]
fn every_open_point_is_named_at_once_and_nothing_is_written() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    let extra = "CREATE TABLE guests (id INTEGER PRIMARY KEY, fio TEXT, phone TEXT);
        INSERT INTO guests VALUES (1, 'Гостев Лев Пробович', '+79000000021'), (2, 'Гостева Яна Пробовна', '+79000000022');
        CREATE TABLE alumni (id INTEGER PRIMARY KEY, fio TEXT, phone TEXT);
        INSERT INTO alumni VALUES (1, 'Выпускников Лев Пробович', '+79000000031');
        CREATE TABLE codes (id INTEGER PRIMARY KEY, snils TEXT);
        INSERT INTO codes VALUES (1, '900-000-001 82'), (2, '900-000-002 83'), (3, '900-000-003 84');
        CREATE TABLE forms (id INTEGER PRIMARY KEY, title TEXT);
        INSERT INTO forms VALUES (1, '7А');
        CREATE TRIGGER log_staff AFTER DELETE ON staff BEGIN INSERT INTO visits VALUES ('x', old.fio); END;";
    case.sql(&case.source(), extra);
    case.sql(&case.target(), "DELETE FROM marks WHERE id = 3");
    case.discovered_without(&mut world, &["retention: staff", "cut: rooms"]);
    case.decide(
        &mut world,
        r#"
- {table: guests, disposition: destroy, by: Иванова, at: 2026-11-12, reason: "гости"}
- {table: alumni, disposition: destroy, by: Иванова, at: 2026-11-12, reason: "выпускники"}
- {retention: guests, until: paper, by: Иванова, at: 2026-11-12, reason: "личные дела"}
- {retention: alumni, until: platform, by: Иванова, at: 2026-11-12, reason: "перенесены?"}
- {waive: {table: guests, rows_max: 1}, by: Иванова, at: 2026-11-12, reason: "мало"}
"#,
    );
    case.change_profile(|profile| {
        let rule = |disposition, reason: Option<&str>| lastbell::profile::profile_file::TableRule {
            disposition,
            subject: None,
            retention: None,
            reason: reason.map(str::to_owned),
        };
        profile.tables.insert("codes".into(), rule(Disposition::Keep, Some("номера нужны")));
        profile.tables.insert("forms".into(), rule(Disposition::Review, None));
        profile.subjects.retain(|subject| subject.table != "codes");
    });
    let path = case.case().join("case.yaml");
    let mut text = fs::read_to_string(&path).unwrap();
    let at = text.find("\ncommission:").unwrap();
    let rest = text[at + 1..].find("\nplan_valid_days").map_or(text.len(), |end| at + 1 + end);
    text.replace_range(at..rest, "");
    let text = text.replacen("name: Diary", "name: null", 1).replacen("name: \"Diary\"", "name: null", 1);
    fs::write(&path, text).unwrap();
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    let before = files_below(&case.case());
    let points = open_points(steps::plan::run(&mut case.session(&mut world), &mut world, false));
    let expected = [
        "open-checksum table=codes column=snils rule=value.snils",
        "open-cut table=rooms column=keeper_id references=staff",
        "open-line path=case.yaml line=commission",
        "open-line path=case.yaml line=system.name",
        "open-obstacle table=staff obstacle=trigger:log_staff",
        "open-retention table=staff",
        "open-retention-unproved table=alumni",
        "open-review table=forms",
        "open-unmapped table=alumni rows=1",
        "open-unproved mapping=marks table=marks rows=missing 1",
        "open-waiver-void name=guests rows=2 rows_max=1",
    ];
    assert_eq!(points, expected, "every point, once");
    assert_eq!(files_below(&case.case()), before, "a plan with an open point writes nothing");
}

#[test]
fn a_checksum_hit_is_kept_only_by_naming_its_rule() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.discovered(&mut world);
    let keep = |more: &str| {
        format!("- {{table: pupils, disposition: keep, {more}by: Иванова, at: 2026-11-12, reason: \"оставить\"}}\n")
    };
    let before = fs::read(case.case().join("decisions.yaml")).unwrap();
    let refused = decide(&mut case.session(&mut world), &mut world, &keep("")).unwrap_err();
    assert_eq!((root(&refused).code, refused.exit as i32), ("decision-checksum", 2), "{:?}", codes(&refused));
    assert_eq!(fs::read(case.case().join("decisions.yaml")).unwrap(), before, "nothing is appended");
    decide(&mut case.session(&mut world), &mut world, &keep("overrides: value.snils, ")).unwrap();
}

// ---- the independent checker

/// A way to break a plan.
type Break = (&'static str, &'static str, fn(&mut Plan));

/// Each safety condition, broken one at a time: the code that must be told, and what was broken.
const BREAKS: [Break; 26] = [
    ("check-table-twice", "a table in two units", |plan| {
        let table = plan.units[0].tables[0].clone();
        plan.units[1].tables.push(table);
    }),
    ("check-table-twice", "a table that goes and stays", |plan| {
        plan.kept[0].table = plan.units[0].tables[0].table.clone();
    }),
    ("check-empty-unit", "a unit without tables", |plan| plan.units[0].tables.clear()),
    ("check-empty-unit", "a plan without units", |plan| plan.units.clear()),
    ("check-unit-twice", "two units with one name", |plan| plan.units[1].unit = plan.units[0].unit.clone()),
    ("check-open-unit", "a link from one unit into another", |plan| {
        let other = plan.units[1].tables[0].table.clone();
        plan.units[0].tables[0].leads_to.push(other);
    }),
    ("check-rows", "a row that is neither matched nor waived", |plan| plan.units[0].tables[0].matched -= 1),
    ("check-rows", "more rows than were proved", |plan| plan.units[0].tables[0].rows += 1),
    ("check-waived", "rows waived by nobody", |plan| {
        plan.units[0].tables[0].matched -= 1;
        plan.units[0].tables[0].waived += 1;
    }),
    ("check-retention", "a personal table whose record lives nowhere", |plan| {
        let table = plan.units.iter_mut().flat_map(|unit| &mut unit.tables).find(|table| !table.categories.is_empty());
        table.unwrap().retention.clear();
    }),
    ("check-retention", "on the platform without a proof", |plan| {
        let table = &mut plan.units[0].tables[0];
        (table.matched, table.waived) = (0, table.rows);
        table.mappings.clear();
        let waiver = waiver(&table.table.clone(), table.rows);
        plan.waivers.push(waiver);
    }),
    ("check-unmapped", "rows matched by no mapping", |plan| plan.units[0].tables[0].mappings.clear()),
    ("check-cut", "a cut that nobody decided", |plan| plan.cuts[0].decided_by = None),
    ("check-waiver", "more rows than were waived", |plan| {
        let mut waived = waiver("pupils", 3);
        waived.rows_max = 2;
        plan.waivers.push(waived);
    }),
    ("check-waiver", "a waiver without a reason", |plan| {
        let mut waived = waiver("pupils", 1);
        waived.reason = " ".to_owned();
        plan.waivers.push(waived);
    }),
    ("check-waiver", "a waiver by nobody", |plan| {
        let mut waived = waiver("pupils", 1);
        waived.by.clear();
        plan.waivers.push(waived);
    }),
    ("check-waiver", "a waiver counted twice", |plan| plan.waivers.extend([waiver("pupils", 1), waiver("pupils", 1)])),
    ("check-commission", "a threshold of nobody", |plan| plan.commission.threshold = 0),
    ("check-commission", "a threshold beyond the members", |plan| plan.commission.threshold = 4),
    ("check-commission", "one key twice", |plan| {
        plan.commission.members[1].key_id = plan.commission.members[0].key_id.clone();
    }),
    ("check-commission", "only the contractor's people", |plan| {
        plan.commission.members.iter_mut().for_each(|member| member.party = "processor".to_owned());
    }),
    ("check-validity", "a plan that ends before it begins", |plan| plan.valid_until = plan.origin.made_at.clone()),
    ("check-target", "mapped rows without a target", |plan| plan.target = None),
    ("check-target", "a receipt of which nobody says who signed it", |plan| {
        plan.target.as_mut().unwrap().kind = "receipt".to_owned();
    }),
    ("check-coverage", "a headline that says more than the tables", |plan| plan.coverage.proved += 1),
    ("check-level", "a level that does not exist", |plan| plan.level = "L9".to_owned()),
];

fn waiver(table: &str, rows: u64) -> Waived {
    Waived {
        table: table.to_owned(),
        mapping: None,
        verdict: "unmapped".to_owned(),
        rows,
        rows_max: rows,
        reason: "проверка".to_owned(),
        by: "Иванова".to_owned(),
        at: "2026-11-12".to_owned(),
    }
}

#[test]
fn the_independent_checker_finds_each_broken_condition() {
    let (mut world, _, case) = planned();
    let good: Plan = case.artefact(&mut world, name::PLAN);
    assert_eq!(plan_check::check(&good), [], "the planner's plan passes");
    let mut found = BTreeSet::new();
    for (code, what, broken) in BREAKS {
        let mut plan = good.clone();
        broken(&mut plan);
        let problems: BTreeSet<&str> = plan_check::check(&plan).into_iter().map(|line| line.code).collect();
        assert!(problems.contains(code), "{what}: {code} is told, not {problems:?}");
        found.insert(code.to_owned());
    }
    let source = include_str!("../src/steps/plan_check.rs");
    let known = source.split("line!(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    assert_eq!(found, known.collect::<BTreeSet<String>>(), "each code of the checker was met");
}

#[test]
fn a_plan_that_the_checker_refuses_is_never_approved() {
    let (mut world, _, case) = planned();
    let good: Plan = case.artefact(&mut world, name::PLAN);
    let elsewhere = tempfile::tempdir().unwrap();
    for (code, what, broken) in BREAKS {
        let mut plan = good.clone();
        broken(&mut plan);
        let path = elsewhere.path().join("plan.json");
        let mut bytes = lastbell::json::to_canonical(&plan).unwrap();
        bytes.push(b'\n');
        fs::write(&path, bytes).unwrap();
        let failure = steps::approve::file_alone(&path, &mut world, &case.keys[0]).unwrap_err();
        assert_eq!(failure.code, "plan-unsafe", "{what}: {:?}", codes(&failure));
        assert!(codes(&failure).iter().any(|told| told.split(' ').next() == Some(code)), "{what}");
        assert!(!elsewhere.path().join("approvals").exists(), "{what}: nothing was signed");
    }
}
