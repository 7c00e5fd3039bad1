//! `verify` killed while it reads: the next run goes on from the sides and tables that were read whole, and from nothing
//! else, to the same roots. `LASTBELL_LONG=1` tries every place, else some of each kind.

use crate::bench::{Copy, Ended, Kind, MARKS, Prepared, long};
use crate::common::SetClock;
use lastbell::case::artefacts::{ReadBefore, Verification, name};
use lastbell::case::folder::READING;
use lastbell::steps;
use lastbell_testkit::seeded::Seeded;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, OnceLock};

const VERIFY: [&str; 1] = ["verify"];

/// A case up to its decisions, with marks that do not fit into memory; and what an undisturbed run says of it.
fn large() -> &'static (Prepared, Verification) {
    static LARGE: OnceLock<(Prepared, Verification)> = OnceLock::new();
    LARGE.get_or_init(|| {
        let mut prepared = Prepared::initialised(Kind::Large);
        prepared.advance("discover");
        let copy = prepared.copy();
        assert_eq!(copy.run(&VERIFY, 0), Ended::Code(0));
        let whole = verified(&copy);
        let marks = whole.table("marks").unwrap().result.rows;
        assert!(marks >= MARKS && whole.read_before.is_empty(), "{marks} marks");
        (prepared, whole)
    })
}

fn verified(copy: &Copy) -> Verification {
    copy.session().case.artefact(name::VERIFICATION).unwrap()
}

fn reading(copy: &Copy) -> PathBuf {
    copy.case.case().join(READING)
}

/// Tables and mappings, to the last digest, are those of a run that nobody disturbed.
fn assert_same(copy: &Copy, why: &str) -> Vec<ReadBefore> {
    let (now, whole) = (verified(copy), &large().1);
    assert_eq!(now.tables, whole.tables, "{why}: the tables");
    assert_eq!(now.mappings, whole.mappings, "{why}: the mappings");
    assert!(!reading(copy).exists(), "{why}: what was kept is gone");
    now.read_before
}

/// Sides of the marks that were kept.
fn marks_kept(read_before: &[ReadBefore]) -> Vec<&str> {
    read_before.iter().filter(|read| read.table == "marks").map(|read| read.side.as_str()).collect()
}

/// The first place at which both sides of the marks are kept, and their result is not.
fn between() -> u64 {
    static BETWEEN: OnceLock<u64> = OnceLock::new();
    *BETWEEN.get_or_init(|| {
        let both_kept = |place: &u64| {
            let copy = large().0.copy();
            assert_eq!(copy.run(&VERIFY, *place), Ended::Killed);
            let list = fs::read_to_string(reading(&copy).join("kept.json")).unwrap_or_default();
            list.matches("\"record_bytes\"").count() == 2
        };
        (1..=large_places()).find(both_kept).expect("a place between the sides and the result")
    })
}

fn large_places() -> u64 {
    static PLACES: OnceLock<u64> = OnceLock::new();
    *PLACES.get_or_init(|| large().0.copy().places(&VERIFY))
}

#[test]
fn a_reading_killed_anywhere_goes_on_to_the_same_roots() {
    let places = usize::try_from(large_places()).unwrap();
    let drawn = Seeded::new(17).draw(if long() { places } else { 2 }, places);
    let (mut sides, mut tables) = (0, 0);
    for place in drawn.iter().map(|place| *place as u64 + 1) {
        let why = format!("killed at place {place} of {places}");
        let copy = large().0.copy();
        assert_eq!(copy.run(&VERIFY, place), Ended::Killed, "{why}: it is");
        assert_eq!(copy.run(&VERIFY, 0), Ended::Code(0), "{why}: the next run ends well");
        let before = assert_same(&copy, &why);
        sides += marks_kept(&before).len();
        tables += before.iter().filter(|read| read.table != "marks").count();
    }
    println!(
        "verify: {places} places, killed at {}; kept of the marks {sides} sides, of other tables {tables}",
        drawn.len()
    );
    assert!(!long() || (sides > 2 && tables > 2), "it goes on from sides and from tables");
}

#[test]
fn what_was_kept_is_believed_only_as_it_was_written_and_for_the_same_question() {
    let killed = || {
        let copy = large().0.copy();
        assert_eq!(copy.run(&VERIFY, between()), Ended::Killed);
        copy
    };
    let sets = |copy: &Copy| {
        let files = fs::read_dir(reading(copy)).unwrap().map(|file| file.unwrap().path());
        let mut sets: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "set")).collect();
        sets.sort();
        sets
    };
    let goes_on = |copy: &Copy, why: &str| {
        assert_eq!(copy.run(&VERIFY, 0), Ended::Code(0), "{why}");
        let before = assert_same(copy, why);
        marks_kept(&before).len()
    };
    assert_eq!(goes_on(&killed(), "untouched"), 2, "both sides are taken");
    let flipped = killed();
    let path = &sets(&flipped)[0];
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    assert_eq!(goes_on(&flipped, "one bit of a set"), 1, "the other side is taken");
    let cut = killed();
    fs::File::options().write(true).open(&sets(&cut)[1]).unwrap().set_len(49 * 1000).unwrap();
    assert_eq!(goes_on(&cut, "a set that was cut"), 1, "the other side is taken");
    let lied = killed();
    let list = reading(&lied).join("kept.json");
    let text = fs::read_to_string(&list).unwrap().replacen("\"no_partner\":0", "\"no_partner\":1", 1);
    fs::write(&list, text).unwrap();
    assert_eq!(goes_on(&lied, "a changed list"), 0, "nothing is believed");
    let foreign = killed();
    fs::write(reading(&foreign).join("999.set"), b"x").unwrap();
    assert_eq!(goes_on(&foreign, "a file of nobody's"), 2, "it is removed");
    let late = killed();
    let mut world = late.world();
    let tomorrow = world.clock.now().as_second() + 25 * 3600;
    world.clock = Box::new(SetClock(Arc::new(AtomicI64::new(tomorrow))));
    steps::verify::run(&mut late.case.session(&mut world), &mut world, false).unwrap();
    assert!(assert_same(&late, "a day later").is_empty(), "what was read yesterday is read again");
    let again = killed();
    assert_eq!(again.run(&["verify", "--again"], 0), Ended::Code(0));
    assert!(assert_same(&again, "--again").is_empty(), "who asks for it has everything read again");
    let asked_otherwise = killed();
    asked_otherwise.case.set_case_line("migrated_on", "2020-01-01");
    assert_eq!(asked_otherwise.run(&VERIFY, 0), Ended::Code(0));
    assert!(verified(&asked_otherwise).read_before.is_empty(), "another question");
}
