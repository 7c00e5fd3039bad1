//! The conformance suite of verification: what counts as the same row, over every pair of engines. 22 groups of cases, each
//! case data with the verdict it must come to; then random damage, of which exactly the damaged rows must be told.
//!
//! Needs PostgreSQL and MariaDB: one server of each serves all tests here. `LASTBELL_LONG=1` takes thousands of seeds on
//! the servers and five million rows where one bit differs.
#![cfg(all(feature = "csv", feature = "mysql", feature = "postgres", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and tells how much it did")]

mod common;

/// What a case is.
#[path = "meaning/case.rs"]
mod case;

/// The servers, and a case of the program over two stores.
#[path = "meaning/stores.rs"]
mod stores;

/// Runs and judges cases.
#[path = "meaning/suite.rs"]
mod suite;

/// The list of groups.
#[path = "meaning/groups.rs"]
mod groups;

/// Group 1.
#[path = "meaning/peers.rs"]
mod peers;

/// Groups 2 to 6.
#[path = "meaning/cells.rs"]
mod cells;

/// Group 7.
#[path = "meaning/texts.rs"]
mod texts;

/// Groups 8 to 10.
#[path = "meaning/clocks.rs"]
mod clocks;

/// Groups 11 and 12.
#[path = "meaning/keys.rs"]
mod keys;

/// Group 13.
#[path = "meaning/structure.rs"]
mod structure;

/// Groups 14 and 20.
#[path = "meaning/amounts.rs"]
mod amounts;

/// Cells as a person means them.
#[path = "meaning/model.rs"]
mod model;

/// Group 21.
#[path = "meaning/damage.rs"]
mod damage;

/// Group 20, with files.
#[path = "meaning/order.rs"]
mod order;

/// Group 22.
#[path = "meaning/unknown.rs"]
mod unknown;

/// Group 16: writers, and sessions that are ended.
#[path = "meaning/streams.rs"]
mod streams;

/// Group 16: lines that are cut.
#[path = "meaning/cuts.rs"]
mod cuts;

/// Groups 15 and 19.
#[path = "meaning/spills.rs"]
mod spills;

/// Finds planted values.
#[path = "privacy/search.rs"]
#[allow(dead_code, reason = "the tests of privacy use the rest")]
mod search;

use std::time::Instant;

/// The long form of every test here.
#[allow(clippy::disallowed_methods, reason = "a test is told by its environment how long it may run")]
pub(crate) fn long() -> bool {
    std::env::var("LASTBELL_LONG").is_ok_and(|value| value == "1")
}

#[test]
fn every_case_comes_to_its_verdict_on_every_pair_of_engines() {
    let (folder, cases, start) = (stores::quick_folder(), groups::cases(), Instant::now());
    let stores = suite::load(&cases, folder.path());
    let loaded = start.elapsed();
    let mut report = suite::Report::default();
    case::pairs().for_each(|pair| report.over(&cases, &stores, pair));
    report.one_root("any-order-of-rows");
    eprintln!(
        "── {} cases, {} rows judged; loaded in {:.1} s, all in {:.1} s\n{}",
        cases.len(),
        report.cells,
        loaded.as_secs_f64(),
        start.elapsed().as_secs_f64(),
        report.table()
    );
    assert!(report.wrong.is_empty(), "{} wrong:\n{}", report.wrong.len(), report.wrong.join("\n"));
}

#[test]
fn no_group_and_no_cell_is_left_out_without_a_reason() {
    let gaps = groups::gaps(&groups::cases(), groups::ELSEWHERE);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}

#[test]
fn a_hole_in_the_list_is_seen() {
    use case::{Case, Expected, Want, all, each, row};
    let lacking = |cases: &[Case], elsewhere: &[(u8, &str, &str)]| groups::gaps(cases, elsewhere).join("\n");
    let whole = groups::cases();
    assert!(lacking(&whole[1..], &[]).contains("group 22: neither"), "a group without anything");
    assert!(lacking(&whole, &[(16, "tests/meaning.rs", "nobody_wrote_this")]).contains("no test nobody_wrote_this"));
    assert!(!groups::has_test("fn helper() {}\n#[test]\nfn other() {}", "helper"), "a function is no test");
    assert!(!groups::has_test("#[test]\n#[ignore]\nfn other() {}", "other"), "a test that nobody runs is none");
    let cell = |old: case::Words, new: case::Words| {
        Case::of_cells(2, "planted", &all("integer"), "", vec![row(&old, &new, Want::Equal)])
    };
    assert!(cell(each("1", "", "1"), all("1")).holes()[0].contains("planted: Mariadb"), "an empty cell");
    assert!(!cell(all("1"), each("!", "1", "1")).holes().is_empty(), "no reason is no reason");
    assert!(cell(all("1"), each("!a long story", "1", "1")).holes().is_empty(), "a reason is one");
    let tables = Case::of_tables(9, "planted", all("x"), each("!a long story", "x", "x"));
    assert!(!tables.holes().is_empty(), "a case without a mapping");
    let lonely = tables.mapped("", "", Expected::Refused("x"));
    assert!(lacking(&[lonely], &[]).contains("group 9: no case on (Postgres, Postgres)"), "a pair without a case");
}

#[test]
fn exactly_the_damaged_rows_are_told_in_memory() {
    let seeds = if long() { 20_000 } else { 1_500 };
    let batches = (0..seeds).step_by(100);
    let changed = batches.map(|from| damage::in_memory(from..from + 100)).fold((0, 0), add);
    eprintln!("── memory: {seeds} seeds, {} rows changed in {} of them", changed.0, changed.1);
}

#[test]
fn exactly_the_damaged_rows_are_told_in_files() {
    let (folder, seeds) = (stores::quick_folder(), if long() { 10_000 } else { 400 });
    let one = |from| damage::between(case::Sqlite, case::Sqlite, from..from + 100, folder.path());
    let changed = (100_000..100_000 + seeds).step_by(100).map(one).fold((0, 0), add);
    eprintln!("── files: {seeds} seeds, {} rows changed in {} of them", changed.0, changed.1);
}

#[test]
fn exactly_the_damaged_rows_are_told_between_servers() {
    let folder = stores::quick_folder();
    let (rounds, seeds): (u64, u64) = if long() { (6, 100) } else { (1, 15) };
    for ((old, new), pair) in damage::pairs_of_two().into_iter().zip(1_u64..) {
        let first = pair * 1_000_000;
        let one = |round| damage::between(old, new, first + round * seeds..first + (round + 1) * seeds, folder.path());
        let changed = (0..rounds).map(one).fold((0, 0), add);
        eprintln!(
            "── {old:?} to {new:?}: {} seeds, {} rows changed in {} of them",
            rounds * seeds,
            changed.0,
            changed.1
        );
    }
}

fn add(all: (usize, usize), one: (usize, usize)) -> (usize, usize) {
    (all.0 + one.0, all.1 + one.1)
}

#[test]
fn the_root_is_one_from_every_engine_and_from_files_in_any_order() {
    let folder = stores::quick_folder();
    let roots = order::roots(folder.path());
    assert_eq!(roots.len(), 1, "three engines and an export: {roots:?}");
}

#[test]
fn a_type_that_nobody_knows_stops_the_work() {
    let folder = stores::quick_folder();
    let [in_source, compared, beside] = unknown::refusals(folder.path());
    for told in [&in_source, &compared] {
        assert!(told.contains("table=c reason=type:row"), "the type is named: {told}");
    }
    assert_eq!(beside, "[1, 0, 0, 0, 0, 0]", "what the platform has besides is nobody's business");
}

#[test]
fn what_somebody_writes_meanwhile_is_seen_by_the_next_verification_and_not_by_this_one() {
    let folder = stores::quick_folder();
    for (old, new) in case::pairs() {
        let [first, second] = streams::written_meanwhile(old, new, folder.path());
        assert_eq!(first, [3_000, 0, 0, 0, 0, 0], "{old:?} to {new:?}: the snapshots hold");
        // 7 and 2999 are others, 3000 is gone there; 8 is gone here, and 9001 and 9002 came.
        assert_eq!(second, [2_996, 0, 2, 2, 0, 2], "{old:?} to {new:?}: everything is seen afterwards");
    }
}

#[test]
fn a_session_that_is_ended_amid_its_rows_proves_nothing() {
    let folder = stores::quick_folder();
    let tried = streams::ended_by_the_keeper(folder.path());
    eprintln!("── {tried} streams were ended");
    assert_eq!(tried, 6, "by pg_terminate_backend, KILL CONNECTION and KILL QUERY, on either side");
}

#[test]
fn a_line_that_is_cut_anywhere_is_no_end_of_a_table() {
    let (folder, cuts) = (stores::quick_folder(), if long() { 400 } else { 16 });
    for engine in [case::Postgres, case::Mariadb] {
        for old in [true, false] {
            let (failed, complete) = cuts::cut(engine, old, cuts, folder.path());
            eprintln!("── {engine:?}, source {old}: {failed} cuts told, {complete} after the last row");
            assert!(failed * 3 > cuts, "{engine:?}: cuts are noticed: {failed} of {cuts}");
        }
    }
}

#[test]
fn whatever_the_rows_memory_is_bounded_and_only_keyed_digests_are_written() {
    let (folder, rows) = (stores::quick_folder(), if long() { 3_000_000 } else { 150_000 });
    let ran = spills::run(folder.path(), rows);
    eprintln!(
        "── {rows} rows: {} KB resident (a start alone {}), {} bytes spilled when it was killed",
        ran.resident, ran.alone, ran.spilled
    );
    assert_eq!(ran.leaks, Vec::<String>::new(), "no value, no plain digest");
    assert_eq!(ran.figures, [[0, 0, rows, 0, 0, 0], [0, 0, 0, 0, rows, 0]], "all rows differ");
    assert_eq!(ran.code, Some(1), "with findings");
    // A build for debugging is larger than that by itself: it digests its own file when it starts.
    let bound = (ran.alone + 1024).max(64 << 10);
    assert!(ran.resident <= bound, "{} KB are more than {bound} KB", ran.resident);
}
