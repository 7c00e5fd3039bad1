//! The way through a small case on real SQLite files: from two databases to a certificate that checks out.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{SmallCase, world};
use lastbell::steps;

#[test]
fn a_small_case_goes_from_two_databases_to_a_certificate() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    let erased = case.erase(&mut world).unwrap();
    assert_eq!(erased.exit_code(), 0, "{:?}", erased.findings);
    case.certified(&mut world);
    for table in ["pupils", "marks", "staff", "visits"] {
        assert_eq!(case.count(&case.source(), table), 0, "{table} is gone");
    }
    for (table, rows) in [("subjects", 2), ("rooms", 1)] {
        assert_eq!(case.count(&case.source(), table), rows, "{table} stays");
    }
    let request = steps::check::Request {
        certificates: vec![case.case().join("certificate.json")],
        trust: None,
        root: None,
        evidence: Some(case.case()),
    };
    let checked = steps::check::run(&request, &world).unwrap();
    let verdict = &checked.document["certificates"][0]["report"];
    assert_eq!(verdict["verdict"], "not_checked", "without a trust list nothing is valid");
    assert_eq!(verdict["layers"]["evidence"]["state"], "pass");
}
