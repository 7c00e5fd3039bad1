//! PostgreSQL keeps every promise of the contract's suite on a real server; and the suite notices bugs planted around it.

mod subject;

use lastbell_testkit::mutants::{Excuse, Share, assert_noticed_on};
use lastbell_testkit::suite::{names, run_some};
use lastbell_testkit::{Bug, run};
use subject::Engine;

/// What PostgreSQL does not promise: it has snapshots and atomic units, and no trigger fires on its way of emptying a table.
const NOT_APPLYING: [&str; 3] = [
    "snapshots are refused where the engine has none",
    "each statement is durable at once, where units are not atomic",
    "a rebuild of a table whose trigger would fire is refused as Unsafe",
];

#[test]
fn every_promise_is_kept() {
    let report = run(&Engine::new());
    report.assert_all();
    assert_eq!(report.not_applying(), NOT_APPLYING, "{report}");
}

/// With a trigger that fires when a table is truncated, too, the promises about triggers have something to refuse.
#[test]
fn with_triggers_that_fire_on_truncation_the_promises_about_them_are_kept() {
    let about: Vec<&str> = names().into_iter().filter(|name| name.contains("trigger")).collect();
    assert_eq!(about.len(), 3, "{about:?}");
    let report = run_some(&Engine::firing(), &about);
    report.assert_all();
    assert!(report.not_applying().is_empty(), "{report}");
}

/// What cannot show on PostgreSQL.
const EXCUSED: [Excuse; 1] = [(Bug::CutsAtNul, "its text holds no NUL")];

/// Beside the plain manner, one in which triggers fire: without them nothing is refused as unsafe.
fn every_bug_is_noticed(nth: usize) {
    assert_noticed_on(&[&Engine::new(), &Engine::firing()], Share { nth, of: 2 }, &EXCUSED);
}

#[test]
fn every_bug_planted_around_it_is_noticed_first_half() {
    every_bug_is_noticed(0);
}

#[test]
fn every_bug_planted_around_it_is_noticed_second_half() {
    every_bug_is_noticed(1);
}
