//! PostgreSQL keeps every promise of the contract's suite on a real server; and the suite notices bugs planted around it.

mod subject;

use lastbell_testkit::suite::{Verdict, run_some};
use lastbell_testkit::{Bug, MutantSubject, run};
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

#[test]
fn bugs_planted_around_it_are_noticed() {
    let engine = Engine::new();
    let planted = [
        (Bug::LosesLastRow, "a scan gives every row exactly once, in batches of any size"),
        (Bug::EmptyTextForNull, "a scan gives the values that were written, of every kind"),
        (Bug::ReaderWrites, "a reader changes nothing"),
        (Bug::ForgetsTheCommit, "a commit is durable, and several units can follow one another"),
        (Bug::CommitsOnDrop, "a unit dropped without commit leaves everything, where units are atomic"),
        (Bug::DestroysANeighbour, "destroy removes all rows of that table and of no other"),
        (Bug::FiresCascades, "a cascade never fires: rows that lead here stay byte for byte"),
        (Bug::ScrubLies, "a scrub announces itself, says what it did and can be repeated"),
        (Bug::LeaksRows, "an error tells nothing of a row"),
    ];
    for (bug, promise) in planted {
        let report = run_some(&MutantSubject::new(&engine, bug), &[promise]);
        let verdict = &report.verdicts[0].1;
        assert!(matches!(verdict, Verdict::Broken(_)), "{bug:?} was not noticed by «{promise}»: {verdict:?}");
    }
}
