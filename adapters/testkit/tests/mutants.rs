//! The suite notices every planted bug, by the promise that it breaks; and no promise stands there that no bug breaks.
#![allow(clippy::unwrap_used)]

use lastbell_contract::Capabilities;
use lastbell_testkit::memory::MemorySubject;
use lastbell_testkit::mutants::{BUGS, Excuse, KINDS, Share, assert_noticed_on};
use lastbell_testkit::suite::{Verdict, names, run_some};
use lastbell_testkit::{Bug, MutantSubject, Subject};
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

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

/// What is said of one bug on an engine; nothing when all is well.
fn said_on(engine: &MemorySubject, bug: Bug, excused: &[Excuse]) -> Option<String> {
    let nth = BUGS.iter().position(|(known, _)| *known == bug).unwrap();
    let only = Share { nth, of: BUGS.len() };
    let told = std::panic::catch_unwind(AssertUnwindSafe(|| assert_noticed_on(&[engine], only, excused)));
    told.err().map(|panic| *panic.downcast::<String>().unwrap())
}

/// The same where no link is enforced.
fn said(bug: Bug, excused: &[Excuse]) -> Option<String> {
    let [plain, _, _] = manners();
    said_on(&plain, bug, excused)
}

#[test]
fn a_bug_that_cannot_show_must_be_excused_and_no_other_may_be() {
    let told = |said: Option<String>, wanted: &str| {
        assert!(said.as_ref().is_some_and(|text| text.contains(wanted)), "{said:?}")
    };
    assert_eq!(said(Bug::LosesLastRow, &[]), None);
    told(
        said(Bug::LosesLastRow, &[(Bug::LosesLastRow, "no reason")]),
        "LosesLastRow is excused (no reason) and was noticed",
    );
    told(said(Bug::CutsEveryLink, &[]), "CutsEveryLink was not noticed");
    assert_eq!(said(Bug::CutsEveryLink, &[(Bug::CutsEveryLink, "no link is enforced")]), None);
    let of_another = said(Bug::CutsEveryLink, &[(Bug::ForgetsWatched, "of another bug")]);
    told(of_another, "CutsEveryLink was not noticed");
    // Not promised at all, where units are not atomic.
    let less = MemorySubject::new(Capabilities { atomic_units: false, ..MemorySubject::able() });
    told(said_on(&less, Bug::CommitsOnDrop, &[]), "CommitsOnDrop breaks nothing that this engine promises");
}

#[test]
fn a_kind_of_bug_cannot_be_excused_whole() {
    for (kind, bugs) in KINDS {
        assert!(bugs.iter().all(|bug| BUGS.iter().any(|(known, _)| known == bug)), "{kind}");
        let excused: Vec<Excuse> = bugs.iter().map(|bug| (*bug, "too hard")).collect();
        let said = said(Bug::CutsEveryLink, &excused).unwrap();
        assert!(said.contains(&format!("every bug of the kind «{kind}» is excused")), "{said}");
        assert!(!self::said(Bug::CutsEveryLink, &excused[1..]).unwrap().contains("of the kind"), "{kind}");
    }
}
