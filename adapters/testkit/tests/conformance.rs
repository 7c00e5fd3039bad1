//! The engine in memory keeps every promise of the suite, in each manner it can have; so a test of the core that
//! stands on it stands on what real engines promise.
#![allow(clippy::unwrap_used)]

use lastbell_contract::Capabilities;
use lastbell_testkit::memory::MemorySubject;
use lastbell_testkit::{Report, run};

fn report(change: impl Fn(&mut Capabilities)) -> Report {
    let mut capabilities = MemorySubject::able();
    change(&mut capabilities);
    run(&MemorySubject::new(capabilities))
}

#[test]
fn an_engine_like_sqlite_keeps_every_promise() {
    let report = report(|_| {});
    report.assert_all();
    assert_eq!(
        report.not_applying(),
        [
            "snapshots are refused where the engine has none",
            "each statement is durable at once, where units are not atomic",
        ]
    );
}

#[test]
fn an_engine_that_enforces_links_keeps_every_promise() {
    report(|can| can.enforces_links = true).assert_all();
}

#[test]
fn an_engine_without_atomic_units_keeps_every_promise() {
    report(|can| can.atomic_units = false).assert_all();
    report(|can| (can.atomic_units, can.enforces_links) = (false, true)).assert_all();
}

#[test]
fn an_engine_that_can_do_little_keeps_every_promise_that_it_makes() {
    let report = report(|can| {
        *can = Capabilities {
            snapshot_reads: false,
            atomic_units: false,
            rebuilds: false,
            enforces_links: false,
            sees_files: false,
            overwrites_freed: false,
        };
    });
    report.assert_all();
    assert!(report.not_applying().contains(&"a whole scan sees one moment"), "{report}");
}
