//! The second, independent checker of a plan: derives every safety condition again from the plan alone.
//! Reads `plan.json`, writes nothing, trusts no other file and no code of the planner. `approve` and `erase` both call it.

use super::Line;
use crate::case::artefacts::{Plan, PlannedTable, PlannedUnit};
use lastbell_contract::Level;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is wrong with a plan; empty when nothing is.
#[must_use]
pub fn check(plan: &Plan) -> Vec<Line> {
    let mut problems = Vec::new();
    check_names(plan, &mut problems);
    for unit in &plan.units {
        check_closed(plan, unit, &mut problems);
        unit.tables.iter().for_each(|table| check_rows(plan, table, &mut problems));
    }
    check_cuts(plan, &mut problems);
    check_waivers(plan, &mut problems);
    check_commission(plan, &mut problems);
    check_target(plan, &mut problems);
    check_headline(plan, &mut problems);
    if Level::parse(&plan.level).is_none() {
        problems.push(line!("check-level", level = plan.level));
    }
    if plan.valid_until <= plan.origin.made_at {
        problems.push(line!("check-validity", until = plan.valid_until));
    }
    problems
}

/// Each table stands once: in one unit, or among the kept.
fn check_names(plan: &Plan, problems: &mut Vec<Line>) {
    let mut seen = BTreeSet::new();
    let kept = plan.kept.iter().map(|kept| &kept.table);
    for table in plan.tables().map(|table| &table.table).chain(kept) {
        if !seen.insert(table) {
            problems.push(line!("check-table-twice", table = table));
        }
    }
    if plan.units.iter().any(|unit| unit.tables.is_empty()) || plan.units.is_empty() {
        problems.push(line!("check-empty-unit"));
    }
    // A unit that is done is known by its name: of two with one name the second would pass for done.
    let mut names = BTreeSet::new();
    for unit in plan.units.iter().filter(|unit| !names.insert(&unit.unit)) {
        problems.push(line!("check-unit-twice", unit = unit.unit));
    }
}

/// A unit is closed: no declared link and no mapping leads from one unit into another.
fn check_closed(plan: &Plan, unit: &PlannedUnit, problems: &mut Vec<Line>) {
    let inside: BTreeSet<&String> = unit.tables.iter().map(|table| &table.table).collect();
    let elsewhere: BTreeSet<&String> = plan
        .units
        .iter()
        .filter(|other| other.unit != unit.unit)
        .flat_map(|other| &other.tables)
        .map(|table| &table.table)
        .collect();
    for table in &unit.tables {
        for led in table.leads_to.iter().filter(|led| elsewhere.contains(led) && !inside.contains(led)) {
            problems.push(line!("check-open-unit", unit = unit.unit, table = table.table, leads_to = led));
        }
    }
}

/// Every row is matched, moved on or waived, and the record lives somewhere afterwards.
fn check_rows(plan: &Plan, table: &PlannedTable, problems: &mut Vec<Line>) {
    if table.matched + table.moved_on + table.waived != table.rows {
        problems.push(line!("check-rows", table = table.table, rows = table.rows));
    }
    let waived: u64 = plan.waivers.iter().filter(|waiver| waiver.table == table.table).map(|waiver| waiver.rows).sum();
    if table.waived > waived {
        problems.push(line!("check-waived", table = table.table, rows = table.waived));
    }
    let on_platform_unproved = table.retention == "platform" && table.mappings.is_empty();
    if !table.categories.is_empty() && table.retention.is_empty() || on_platform_unproved {
        problems.push(line!("check-retention", table = table.table));
    }
    if table.mappings.is_empty() && table.matched + table.moved_on > 0 {
        problems.push(line!("check-unmapped", table = table.table));
    }
}

/// No kept table leads into what goes without a decision.
fn check_cuts(plan: &Plan, problems: &mut Vec<Line>) {
    for cut in plan.cuts.iter().filter(|cut| cut.decided_by.is_none()) {
        problems.push(line!("check-cut", table = cut.table, column = cut.column, references = cut.references));
    }
}

fn check_waivers(plan: &Plan, problems: &mut Vec<Line>) {
    let mut seen = BTreeSet::new();
    for waiver in &plan.waivers {
        let named = !waiver.reason.trim().is_empty() && !waiver.by.trim().is_empty();
        let counted_twice = !seen.insert((&waiver.table, &waiver.mapping, &waiver.verdict));
        if waiver.rows > waiver.rows_max || !named || counted_twice {
            problems.push(line!("check-waiver", table = waiver.table, rows = waiver.rows, rows_max = waiver.rows_max));
        }
    }
}

/// The threshold can be reached by distinct keys and holders, and not by the contractor's party alone.
fn check_commission(plan: &Plan, problems: &mut Vec<Line>) {
    let members = &plan.commission.members;
    let keys: BTreeSet<&String> = members.iter().map(|member| &member.key_id).collect();
    let names: BTreeSet<&String> = members.iter().map(|member| &member.name).collect();
    let by_party = members.iter().fold(BTreeMap::<&str, u64>::new(), |mut count, member| {
        *count.entry(member.party.as_str()).or_default() += 1;
        count
    });
    let others: u64 = by_party.iter().filter(|(party, _)| **party != "processor").map(|(_, count)| count).sum();
    let distinct = keys.len().min(names.len()) as u64;
    let threshold = plan.commission.threshold;
    if keys.len() != members.len()
        || names.len() != members.len()
        || threshold < 1
        || threshold > distinct
        || others == 0
    {
        problems.push(line!("check-commission", threshold = threshold, members = distinct));
    }
}

/// Rows can only be matched in a target that was read and is not fed by the source, or of which a person states it.
fn check_target(plan: &Plan, problems: &mut Vec<Line>) {
    let mapped = plan.tables().any(|table| !table.mappings.is_empty());
    let apart = plan.kinship.as_ref().is_some_and(|kinship| match kinship.state.as_str() {
        "apart" => true,
        "attested" => kinship.attested_by.as_ref().is_some_and(|by| !by.trim().is_empty()),
        _ => false, // a text: any other word is no answer
    });
    // What a receipt is, and who signed it, is told, and which files an export is; of nothing else.
    let told = plan.target.as_ref().is_none_or(|target| {
        let files = target.export.as_ref().map(|export| export.files.len());
        (target.kind == "receipt") == target.receipt.is_some()
            && (target.kind == "export") == files.is_some()
            && files != Some(0)
    });
    if (mapped && (plan.target.is_none() || !apart)) || !told {
        problems.push(line!("check-target"));
    }
}

/// The headline that the commission reads is the sum of the tables.
fn check_headline(plan: &Plan, problems: &mut Vec<Line>) {
    let sum = |of: fn(&PlannedTable) -> u64| plan.tables().map(of).sum::<u64>();
    let of = &plan.coverage;
    let told =
        [of.rows, of.proved, of.moved_on, of.waived, of.personal_columns, of.compared, of.tolerated, of.left_out];
    let summed = [
        sum(|table| table.rows),
        sum(|table| table.matched),
        sum(|table| table.moved_on),
        sum(|table| table.waived),
        sum(|table| table.columns.personal),
        sum(|table| table.columns.compared),
        sum(|table| table.columns.tolerated),
        sum(|table| table.columns.left_out),
    ];
    if told != summed {
        problems.push(line!("check-coverage", told = of.rows, rows = summed[0]));
    }
}
