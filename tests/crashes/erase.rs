//! `erase` killed by SIGKILL: at numbered places, twice in a row, and at random times.

use crate::bench::{Copy, Ended, Kind, Prepared, long};
use crate::common::{SetClock, places_of};
use lastbell::case::Event;
use lastbell::case::artefacts::{Erasure, UnitEnd, name};
use lastbell_testkit::seeded::Seeded;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant, SystemTime};

const ERASE: [&str; 2] = ["erase", "--yes"];
const HOUR: i64 = 3_600;

/// What an undisturbed run comes to.
struct Undisturbed {
    places: u64,
    claims: serde_json::Value,
}

fn undisturbed(prepared: &Prepared) -> Undisturbed {
    let copy = prepared.copy();
    let places = copy.places(&ERASE);
    copy.assert_erased(prepared, "undisturbed");
    Undisturbed { places, claims: copy.claims() }
}

fn assert_same_end(copy: &Copy, prepared: &Prepared, wanted: &Undisturbed, why: &str) {
    assert_eq!(copy.run(&ERASE, 0), Ended::Code(0), "{why}: the next run ends well");
    copy.assert_erased(prepared, why);
    assert_eq!(copy.claims(), wanted.claims, "{why}: the same claims");
}

/// Kills `erase` at `wanted` seeded places; every third run is killed a second time on its way back.
fn killed_at_places(kind: Kind, wanted: usize, seed: u64) {
    let prepared = Prepared::approved(kind);
    let undisturbed = undisturbed(&prepared);
    let mut seeded = Seeded::new(seed);
    let drawn = seeded.draw(wanted, usize::try_from(undisturbed.places).unwrap());
    assert_eq!(drawn.len(), wanted.min(undisturbed.places as usize));
    let mut twice = 0;
    for (number, place) in drawn.iter().map(|place| *place as u64 + 1).enumerate() {
        let copy = prepared.copy();
        let mut why = format!("{kind:?} killed at place {place} of {}", undisturbed.places);
        assert_eq!(copy.run(&ERASE, place), Ended::Killed, "{why}: it is");
        if number % 3 == 0 {
            let second = seeded.below(usize::try_from(undisturbed.places).unwrap() / 2) as u64 + 1;
            why = format!("{why}, then at place {second}");
            // The way back may be shorter than that.
            twice += u64::from(copy.run(&ERASE, second) == Ended::Killed);
        }
        assert_same_end(&copy, &prepared, &undisturbed, &why);
    }
    println!("{kind:?}: {} places, killed at {}, of these twice {twice}", undisturbed.places, drawn.len());
    assert!(twice > 0, "a second kill struck at least once");
}

fn sample(normal: usize, in_full: usize) -> usize {
    if long() { in_full } else { normal }
}

#[test]
fn a_small_case_killed_at_any_place_ends_the_same() {
    killed_at_places(Kind::Small, sample(4, 50), 1);
}

#[test]
fn a_case_of_many_units_killed_at_any_place_ends_the_same() {
    killed_at_places(Kind::Demo(24), sample(2, 25), 2);
}

#[test]
fn a_source_in_wal_mode_killed_at_any_place_ends_the_same() {
    killed_at_places(Kind::SmallInWal, sample(2, 25), 3);
}

#[test]
fn a_source_overwritten_in_place_killed_at_any_place_ends_the_same() {
    killed_at_places(Kind::SmallL2f, sample(2, 25), 4);
    if long() {
        killed_at_places(Kind::SmallInWalL2f, 25, 5);
    }
}

#[test]
fn our_own_broken_run_is_no_sign_of_life() {
    killed_at_places(Kind::SmallWithoutLife, sample(2, 25), 6);
}

/// Killed between two units, resumed 50 hours later; whether somebody wrote into the file in the meantime.
fn resumed_after_two_days(written_by_a_stranger: bool) -> Vec<String> {
    let prepared = Prepared::approved(Kind::SmallWithoutLife);
    let whole = prepared.copy();
    let before = whole.entries().len();
    assert_eq!(whole.run(&ERASE, 0), Ended::Code(0));
    let events: Vec<Event> = whole.entries().split_off(before).into_iter().map(|entry| entry.event).collect();
    let done = events.iter().position(|event| matches!(event, Event::UnitDone { .. })).unwrap();
    let copy = prepared.copy();
    assert_eq!(copy.run(&ERASE, places_of("erase", &events[..=done])), Ended::Killed);
    let mut world = copy.world();
    let now = world.clock.now().as_second();
    world.clock = Box::new(SetClock(Arc::new(AtomicI64::new(now + 50 * HOUR))));
    if written_by_a_stranger {
        let yesterday = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now + 40 * HOUR).unwrap());
        File::options().write(true).open(copy.case.source()).unwrap().set_modified(yesterday).unwrap();
    }
    copy.case.erase(&mut world).unwrap();
    let erasure: Erasure = copy.case.artefact(&mut world, name::ERASURE);
    assert!(
        erasure.units.len() > 1 && erasure.units[0].end == UnitEnd::Destroyed,
        "the first unit went before the kill"
    );
    let refused = erasure.standing().filter_map(|unit| match &unit.end {
        UnitEnd::Refused { code, .. } => Some(code.clone()),
        UnitEnd::Destroyed => None,
    });
    refused.collect()
}

#[test]
fn a_strangers_write_after_our_broken_run_is_a_sign_of_life() {
    assert_eq!(resumed_after_two_days(false), Vec::<String>::new(), "nobody but we wrote");
    let refused = resumed_after_two_days(true);
    assert!(!refused.is_empty() && refused.iter().all(|code| code == "store-alive"), "{refused:?}");
}

#[test]
fn a_process_killed_at_any_time_ends_the_same() {
    let (kills, pupils) = if long() { (25, 600) } else { (5, 60) };
    let prepared = Prepared::approved(Kind::Demo(pupils));
    let rows: usize = prepared.before.values().map(Vec::len).sum();
    let timed = prepared.copy();
    let begun = now();
    assert_eq!(timed.run(&ERASE, 0), Ended::Code(0));
    let lasts = begun.elapsed();
    let undisturbed = undisturbed(&prepared);
    let mut seeded = Seeded::new(7);
    let lines_before = prepared.copy().entries().len();
    let (mut struck, mut left_lines) = (0, Vec::new());
    for number in 0..kills {
        let copy = prepared.copy();
        let wait = Duration::from_micros(seeded.below(usize::try_from(lasts.as_micros()).unwrap()) as u64);
        let mut child = copy.start(&ERASE);
        std::thread::sleep(wait);
        let living = child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
        struck += u32::from(living);
        if living {
            drop(copy.session()); // finishes what the kill left half done, so that the chain can be read
            left_lines.push(copy.entries().len() - lines_before);
        }
        assert_same_end(&copy, &prepared, &undisturbed, &format!("kill {number} after {wait:?} of {lasts:?}"));
    }
    let within = left_lines.iter().filter(|lines| **lines > 0).count();
    left_lines.sort_unstable();
    println!("{rows} rows, erase lasts {lasts:?}: {kills} kills, {struck} of a living process");
    println!("{within} of them amid the work, which leave so many lines in the journal: {left_lines:?}");
    assert!(within > 0, "some kill struck amid the work");
    assert!(struck * 2 >= kills, "at least half of the kills hit a living process: {struck} of {kills}");
}

#[allow(clippy::disallowed_methods, reason = "the test measures how long a process runs")]
fn now() -> Instant {
    Instant::now()
}
