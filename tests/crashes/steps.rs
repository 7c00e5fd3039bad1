//! Every other step killed at seeded places, `close` with the keys that it must not lose, and how many places a run of
//! any step must pass: so many for each line of its journal.

use crate::bench::{Copy, Ended, Kind, Prepared, long};
use crate::common::places_of;
use lastbell::case::keys::{KEYS, KEYS_CLOSED};
use lastbell::case::{Event, Purpose, Secret, WrappedKeys};
use lastbell_testkit::seeded::Seeded;
use std::fs;
use std::path::Path;

/// Each step as it is typed, with what stands at its end.
const STEPS: [(&str, &[&str], &str); 7] = [
    ("discover", &["discover"], "inventory.json"),
    ("verify", &["verify"], "verification.json"),
    ("plan", &["plan"], "plan.json"),
    ("erase", &["erase", "--yes"], "erasure.json"),
    ("residue", &["residue"], "residue.json"),
    ("certify", &["certify"], "statement.json"),
    ("close", &["close"], KEYS_CLOSED),
];

/// The operator's private key, as the shared bench makes it.
const OPERATOR: [u8; 32] = [9; 32];

#[test]
fn every_step_killed_at_any_place_ends_well_the_next_time() {
    let wanted = if long() { 10 } else { 2 };
    let mut prepared = Prepared::initialised(Kind::Small);
    let mut seeded = Seeded::new(8);
    let mut tried = 0;
    for (step, typed, artefact) in STEPS.iter().filter(|(step, ..)| *step != "close") {
        let places = prepared.copy().places(typed);
        for place in seeded.draw(wanted, usize::try_from(places).unwrap()).into_iter().map(|place| place as u64 + 1) {
            let why = format!("{step} killed at place {place} of {places}");
            let copy = prepared.copy();
            assert_eq!(copy.run(typed, place), Ended::Killed, "{why}: it is");
            assert_eq!(copy.run(typed, 0), Ended::Code(0), "{why}: the next run ends well");
            assert!(copy.case.case().join(artefact).is_file(), "{why}: {artefact} is made");
            copy.entries();
            copy.assert_no_drafts(&why);
            tried += 1;
        }
        println!("{step}: {places} places, killed at {wanted}");
        prepared.advance(step);
    }
    assert_eq!(tried, 6 * wanted);
}

#[test]
fn a_discovery_killed_anywhere_leaves_one_profile() {
    let prepared = Prepared::initialised(Kind::Small);
    let whole = prepared.copy();
    let places = whole.places(&["discover"]);
    let profile = fs::read(whole.case.case().join("profile.yaml")).unwrap();
    // The last places are those between the draft of the profile and the inventory's name.
    for place in (places.saturating_sub(14)..=places).step_by(if long() { 1 } else { 4 }) {
        let copy = prepared.copy();
        assert_eq!(copy.run(&["discover"], place), Ended::Killed, "at {place}");
        assert_eq!(copy.run(&["discover"], 0), Ended::Code(0), "at {place}");
        assert_eq!(fs::read(copy.case.case().join("profile.yaml")).unwrap(), profile, "at {place}: whole");
        assert!(!copy.case.case().join("profile.draft.yaml").exists(), "at {place}: no second one beside it");
    }
}

fn certified() -> Prepared {
    let mut prepared = Prepared::initialised(Kind::Small);
    STEPS.iter().filter(|(step, ..)| *step != "close").for_each(|(step, ..)| prepared.advance(step));
    prepared
}

/// The proof key as the operator's private key opens it, from wherever it stands now.
fn proof_key(copy: &Copy) -> ([u8; 32], String) {
    let session = copy.session();
    let name = [KEYS_CLOSED, KEYS].into_iter().find(|name| session.case.finished(name).is_some());
    let name = name.expect("one of the two files of keys stands");
    let keys: WrappedKeys = session.case.artefact(name).unwrap();
    (*keys.open_as_operator(Purpose::Proof, &Secret::new(OPERATOR)).unwrap().bytes(), name.to_owned())
}

#[test]
fn a_close_killed_anywhere_keeps_the_proof_key_and_ends_the_others() {
    let prepared = certified();
    let key = proof_key(&prepared.copy()).0;
    let places = usize::try_from(prepared.copy().places(&["close"])).unwrap();
    let drawn = Seeded::new(9).draw(if long() { places } else { 4 }, places);
    println!("close: {places} places, killed at {}", drawn.len());
    let mut stood_in = Vec::new();
    for place in drawn.into_iter().map(|place| place as u64 + 1) {
        let why = format!("close killed at place {place} of {places}");
        let copy = prepared.copy();
        assert_eq!(copy.run(&["close"], place), Ended::Killed, "{why}: it is");
        let (found, name) = proof_key(&copy);
        assert_eq!(found, key, "{why}: the proof key lives");
        stood_in.push(name);
        assert_eq!(copy.run(&["close"], 0), Ended::Code(0), "{why}: the next run ends well");
        assert_closed(&copy, key, &why);
    }
    if long() {
        assert!(stood_in.iter().any(|name| name == KEYS) && stood_in.iter().any(|name| name == KEYS_CLOSED), "both");
    }
}

fn assert_closed(copy: &Copy, key: [u8; 32], why: &str) {
    assert_eq!(proof_key(copy), (key, KEYS_CLOSED.to_owned()), "{why}: it opens with the operator's key");
    let keys: WrappedKeys = copy.session().case.artefact(KEYS_CLOSED).unwrap();
    assert_eq!(keys.living(), [Purpose::Proof], "{why}: the others have ended");
    assert!(!copy.folder().join("case.unlock").exists(), "{why}: no unlock secret is left");
    assert_eq!(files_in(&copy.case.case().join("work")), 0, "{why}: nothing is left in work/");
    let closed = |event: &Event| matches!(event, Event::Closed { final_: false });
    assert_eq!(copy.entries().iter().filter(|entry| closed(&entry.event)).count(), 1, "{why}: closed once");
    copy.assert_no_drafts(why);
}

fn files_in(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn assert_places(copy: &Copy, step: &str, typed: &[&str], why: &str) {
    let before = copy.entries().len();
    let places = copy.places(typed);
    let events: Vec<Event> = copy.entries().split_off(before).into_iter().map(|entry| entry.event).collect();
    assert!(!events.is_empty(), "{why} {step}: it wrote");
    assert_eq!(places, places_of(step, &events), "{why} {step}: a place on both sides of each write: {events:#?}");
}

#[test]
fn every_journal_line_statement_and_rename_has_places_on_both_sides() {
    let mut prepared = Prepared::initialised(Kind::Small);
    for (step, typed, _) in STEPS {
        let copy = prepared.copy();
        assert_places(&copy, step, typed, "first");
        if step == "verify" {
            assert_places(&copy, step, &["verify", "--again"], "again"); // moves the old one to history
        }
        if step != "close" {
            prepared.advance(step);
        }
    }
    for kind in [Kind::SmallInWal, Kind::SmallL2f, Kind::Demo(24)] {
        let prepared = Prepared::approved(kind);
        let copy = prepared.copy();
        assert_places(&copy, "erase", &["erase", "--yes"], &format!("{kind:?}"));
        let statements = copy.entries().iter().filter(|entry| matches!(entry.event, Event::Statement { .. })).count();
        assert!(statements >= 12, "{kind:?} runs statements: {statements}");
    }
}
