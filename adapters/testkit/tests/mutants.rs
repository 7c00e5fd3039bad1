//! The suite notices every planted bug, by the promise that it breaks; and no promise stands there that no bug breaks.
#![allow(clippy::unwrap_used)]

use lastbell_contract::Capabilities;
use lastbell_testkit::memory::MemorySubject;
use lastbell_testkit::mutants::BUGS;
use lastbell_testkit::suite::{Verdict, names, run_some};
use lastbell_testkit::{Bug, MutantSubject, Subject};
use std::collections::BTreeSet;

/// The manners in which a bug can show: an engine that can do most, one that cannot do these, and one that enforces links.
fn manners() -> [MemorySubject; 3] {
    let able = Capabilities { overwrites_freed: false, ..MemorySubject::able() };
    let less = Capabilities { snapshot_reads: false, atomic_units: false, ..able };
    let strict = Capabilities { enforces_links: true, ..able };
    [MemorySubject::new(able), MemorySubject::new(less), MemorySubject::new(strict)]
}

fn verdicts(subject: &dyn Subject, promise: &str) -> Vec<Verdict> {
    run_some(subject, &[promise]).verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

#[test]
fn every_bug_breaks_the_promises_that_it_is_said_to_break() {
    let manners = manners();
    let mut unnoticed = Vec::new();
    for (bug, promises) in BUGS {
        for promise in *promises {
            let told = manners.iter().flat_map(|plain| verdicts(&MutantSubject::new(plain, *bug), promise));
            let told: Vec<Verdict> = told.collect();
            let noticed = told.iter().any(|verdict| matches!(verdict, Verdict::Broken(_)));
            if !noticed {
                unnoticed.push(format!("{bug:?} was not noticed by «{promise}»: {told:?}"));
            }
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

#[test]
fn without_a_bug_the_same_promises_are_kept() {
    for plain in manners() {
        lastbell_testkit::run(&plain).assert_all();
    }
}

#[test]
fn every_promise_is_broken_by_some_bug() {
    let broken: BTreeSet<&str> = BUGS.iter().flat_map(|(_, promises)| promises.iter().copied()).collect();
    let all: BTreeSet<&str> = names().into_iter().collect();
    assert_eq!(broken, all, "left: promises that bugs name, right: promises of the suite");
    assert_eq!(all.len(), names().len(), "two promises have one name");
}

#[test]
fn a_report_names_the_broken_promise() {
    let [plain, _, _] = manners();
    let mutant = MutantSubject::new(&plain, Bug::LosesLastRow);
    let promise = "a scan gives every row exactly once, in batches of any size";
    let report = run_some(&mutant, &[promise]);
    assert_eq!(report.broken(), [promise]);
    assert!(report.to_string().starts_with(&format!("BROKEN {promise}: ")), "{report}");
    assert!(std::panic::catch_unwind(|| report.assert_all()).is_err());
}
