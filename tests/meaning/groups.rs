//! The list of the 22 groups: all cases, and the tests elsewhere that stand for groups which are not about the contents of
//! tables. A pointer holds only while a test of that name stands in that file.

use crate::case::{Case, pairs};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    let groups = [
        crate::peers::cases(),
        crate::cells::cases(),
        crate::texts::cases(),
        crate::clocks::cases(),
        crate::keys::cases(),
        crate::structure::cases(),
        crate::amounts::cases(),
    ];
    groups.concat()
}

/// Every group of the conformance list.
pub(crate) const GROUPS: std::ops::RangeInclusive<u8> = 1..=22;

/// Tests of this suite that are no tables.
const HERE: &str = "tests/meaning.rs";
/// Servers that die.
const DEATHS: &str = "tests/servers/deaths.rs";

/// Group, file, test.
pub(crate) const ELSEWHERE: &[(u8, &str, &str)] = &[
    (15, HERE, "whatever_the_rows_memory_is_bounded_and_only_keyed_digests_are_written"),
    (15, "src/verify/tests/sets.rs", "all_rows_in_one_partition_are_merged_within_the_bound"),
    (16, HERE, "what_somebody_writes_meanwhile_is_seen_by_the_next_verification_and_not_by_this_one"),
    (16, HERE, "a_session_that_is_ended_amid_its_rows_proves_nothing"),
    (16, HERE, "a_line_that_is_cut_anywhere_is_no_end_of_a_table"),
    (16, DEATHS, "postgres_that_dies_while_its_rows_are_read_is_no_end_of_a_table"),
    (16, DEATHS, "mariadb_that_dies_while_its_rows_are_read_is_no_end_of_a_table"),
    (16, DEATHS, "a_platform_on_postgres_that_dies_while_it_is_read_is_no_end_of_a_table"),
    (16, DEATHS, "a_platform_on_mariadb_that_dies_while_it_is_read_is_no_end_of_a_table"),
    (17, "tests/crashes/reading.rs", "a_reading_killed_anywhere_goes_on_to_the_same_roots"),
    (17, "tests/receipts.rs", "a_killed_verification_by_a_receipt_ends_the_same"),
    (18, "src/merkle.rs", "known_trees_have_their_known_roots"),
    (18, "src/merkle.rs", "every_leaf_of_every_small_tree_has_a_proof_that_holds_there_only"),
    (19, HERE, "whatever_the_rows_memory_is_bounded_and_only_keyed_digests_are_written"),
    (19, "tests/privacy.rs", "rows_that_differ_or_are_missing_are_told_as_figures"),
    (19, "tests/receipts.rs", "nothing_of_a_person_is_in_request_receipt_or_spill_file"),
    (20, HERE, "the_root_is_one_from_every_engine_and_from_files_in_any_order"),
    (21, HERE, "exactly_the_damaged_rows_are_told_in_memory"),
    (21, HERE, "exactly_the_damaged_rows_are_told_in_files"),
    (21, HERE, "exactly_the_damaged_rows_are_told_between_servers"),
    (22, HERE, "a_type_that_nobody_knows_stops_the_work"),
];

/// Whether a test of that name stands in a text, and is not skipped.
pub(crate) fn has_test(text: &str, name: &str) -> bool {
    let Some(at) = text.find(&format!("fn {name}()")) else { return false };
    let before = text[..at].trim_end();
    before.lines().next_back().is_some_and(|line| line.trim() == "#[test]")
}

/// Everything that the list lacks.
pub(crate) fn gaps(cases: &[Case], elsewhere: &[(u8, &str, &str)]) -> Vec<String> {
    let mut gaps: Vec<String> = cases.iter().flat_map(Case::holes).collect();
    let mut names = BTreeSet::new();
    gaps.extend(
        cases
            .iter()
            .filter(|case| !names.insert(case.name))
            .map(|case| format!("{}: a second case of this name", case.name)),
    );
    for (group, file, name) in elsewhere {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_default();
        if !has_test(&text, name) {
            gaps.push(format!("group {group}: {file} has no test {name}"));
        }
    }
    for group in GROUPS {
        let of_group: Vec<&Case> = cases.iter().filter(|case| case.group == group).collect();
        if of_group.is_empty() && !elsewhere.iter().any(|(other, ..)| *other == group) {
            gaps.push(format!("group {group}: neither a case nor a test elsewhere"));
        }
        // Not even by good reasons may a pair be without any case of a group.
        let bare =
            pairs().filter(|pair| !of_group.is_empty() && of_group.iter().all(|case| case.absent(*pair).is_some()));
        gaps.extend(bare.map(|pair| format!("group {group}: no case on {pair:?}")));
    }
    gaps
}
