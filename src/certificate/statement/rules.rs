//! What the fields of a statement owe each other. A statement that breaks a rule is neither signed nor believed.
//! Reads a statement, writes nothing; each rule has a stable name that the refusal carries.

use super::{JOURNAL_FILE, Outcome, Paper, Predicate, RETAINED_YEARS, Statement, Subjects, TargetKind};
use crate::{
    certificate::{
        claims::ClaimCode,
        scalars::{Party, State, is_printable},
    },
    failure::Result,
};
use lastbell_contract::Level;
use serde_json::Value;
use std::collections::BTreeSet;

type Rule = (&'static str, fn(&Statement) -> bool);

const RULES: &[Rule] = &[
    ("evidence-named", evidence_named),
    ("stores-named", stores_named),
    ("groups-sorted", groups_sorted),
    ("levels-borne", levels_borne),
    ("coverage-sums", coverage_sums),
    ("waivers-sum", waivers_sum),
    ("times-in-order", times_in_order),
    ("outcome-fits", outcome_fits),
    ("platform-attested", platform_attested),
    ("receipt-told", receipt_told),
    ("export-told", export_told),
    ("persons-distinct", persons_distinct),
    ("threshold-reachable", threshold_reachable),
    ("claims-borne", claims_borne),
];

impl Statement {
    /// Checks every rule.
    pub(super) fn check_rules(&self) -> Result<()> {
        let whole = serde_json::to_value(self).map_err(|_| failure!(Refused, "statement-not-canonical"))?;
        if !texts_printable(&whole) {
            return Err(failure!(Refused, "statement-text"));
        }
        match RULES.iter().find(|(_, kept)| !kept(self)) {
            Some((rule, _)) => Err(failure!(Refused, "statement-rule", rule = rule)),
            None => Ok(()),
        }
    }
}

fn texts_printable(value: &Value) -> bool {
    match value {
        Value::String(text) => is_printable(text),
        Value::Array(items) => items.iter().all(texts_printable),
        Value::Object(map) => map.iter().all(|(key, value)| is_printable(key) && texts_printable(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Sorted, each once.
fn strictly_sorted<T: PartialOrd>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair[0] < pair[1])
}

/// Names lead to files inside the case folder, and a shell can hold them without quoting. The journal is not among them:
/// it grows, so its first lines have a digest of their own.
fn evidence_named(statement: &Statement) -> bool {
    let names: Vec<&str> = statement.subject.iter().map(|evidence| evidence.name.as_str()).collect();
    !names.is_empty()
        && strictly_sorted(&names)
        && !names.contains(&JOURNAL_FILE)
        && names.into_iter().all(is_plain_path)
}

fn is_plain_path(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    name.len() <= 255 && name.split('/').all(plain)
}

fn stores_named(statement: &Statement) -> bool {
    let of = &statement.predicate;
    let names: Vec<&str> = of.system.stores.iter().map(|store| store.name.as_str()).collect();
    let levels: Vec<&str> = of.levels.iter().map(|level| level.store.as_str()).collect();
    !names.is_empty()
        && strictly_sorted(&names)
        && strictly_sorted(&levels)
        && levels.iter().all(|store| names.contains(store))
        && of.methods.iter().all(|method| levels.contains(&method.store.as_str()))
}

fn groups_sorted(statement: &Statement) -> bool {
    let of = &statement.predicate;
    let (count, groups, annex) = match &of.subjects {
        Subjects::Count { count, groups } => (count, groups, None),
        Subjects::Commitment { count, groups, annex, .. } => (count, groups, annex.as_ref()),
    };
    let codes: Vec<&str> = groups.iter().map(|group| group.code.as_str()).collect();
    let categories: Vec<&str> = of.categories.iter().map(|category| category.code.as_str()).collect();
    strictly_sorted(&codes)
        && strictly_sorted(&categories)
        && groups.iter().all(|group| group.count <= *count)
        && annex.is_none_or(|annex| statement.subject.contains(annex))
}

/// A level is claimed only when each condition that could block it was looked at and passed.
fn levels_borne(statement: &Statement) -> bool {
    statement.predicate.levels.iter().all(|store| {
        let paper = if store.level.0 == Level::L0 { Paper::Protocol } else { Paper::Act };
        let borne = |state, blocks| state == State::Pass || blocks > store.level;
        store.paper == paper && store.preconditions.iter().all(|condition| borne(condition.state, condition.blocks))
    })
}

fn sum(figures: impl IntoIterator<Item = u64>) -> Option<u64> {
    figures.into_iter().try_fold(0_u64, u64::checked_add)
}

fn coverage_sums(statement: &Statement) -> bool {
    let coverage = &statement.predicate.coverage;
    sum([coverage.rows_proved, coverage.rows_moved_on, coverage.rows_waived]) == Some(coverage.rows_total)
        && sum([coverage.compared, coverage.left_out]) == Some(coverage.personal_columns)
        && coverage.tolerated <= coverage.compared
        && (statement.predicate.target.is_some() || coverage.rows_total == coverage.rows_waived)
}

/// Every waived row stands in a waiver, and no waiver holds more rows than was decided.
fn waivers_sum(statement: &Statement) -> bool {
    let of = &statement.predicate;
    sum(of.waivers.iter().map(|waiver| waiver.rows)) == Some(of.coverage.rows_waived)
        && of.waivers.iter().all(|waiver| waiver.rows <= waiver.rows_max && !waiver.reason.is_empty())
}

fn times_in_order(statement: &Statement) -> bool {
    let of = &statement.predicate;
    of.started_at <= of.finished_at
        && of.finished_at <= of.issued_at
        && of.started_at.day() <= of.destroyed_on
        // The act's day is the operator's; at most 14 hours lie between it and UTC.
        && of.destroyed_on <= of.issued_at.day().next()
        && of.retain_until >= of.destroyed_on.years_later(RETAINED_YEARS)
}

/// «Destroyed» needs a search that ran and found nothing; a unit that stands makes it incomplete, and only that does.
fn outcome_fits(statement: &Statement) -> bool {
    let of = &statement.predicate;
    let searched = of.residue.as_ref().is_some_and(|residue| residue.hits == 0);
    match of.outcome {
        Outcome::Destroyed => searched && of.exceptions.is_empty() && of.standing_units.is_empty(),
        Outcome::DestroyedWithExceptions => {
            of.residue.is_some() && !of.exceptions.is_empty() && of.standing_units.is_empty()
        }
        Outcome::Incomplete => !of.standing_units.is_empty(),
        Outcome::Unknown => true,
    }
}

fn platform_attested(statement: &Statement) -> bool {
    let by = statement.predicate.target.as_ref().and_then(|target| target.is_platform_attested_by.as_ref());
    by.is_none_or(|by| by.party != Party::Processor && !by.name.is_empty())
}

/// A receipt's signer and digest are told, and those of nothing else.
fn receipt_told(statement: &Statement) -> bool {
    let target = statement.predicate.target.as_ref();
    target.is_none_or(|target| (target.kind == TargetKind::Receipt) == target.receipt.is_some())
}

/// An export's files are told, and those of nothing else; its newest file is its age, and the contractor made it never.
fn export_told(statement: &Statement) -> bool {
    let Some(target) = &statement.predicate.target else { return true };
    let Some(export) = &target.export else { return target.kind != TargetKind::Export };
    let newest = export.files.iter().map(|file| file.modified_at).max();
    target.kind == TargetKind::Export
        && newest == Some(target.read_at)
        && export.made_by.as_ref().is_none_or(|by| by.party != Party::Processor && !by.name.is_empty())
}

fn persons_distinct(statement: &Statement) -> bool {
    let keys: Vec<_> = statement.signers().map(|(_, key)| key).collect();
    let distinct: BTreeSet<_> = keys.iter().map(|key| key.key_id).collect();
    distinct.len() == keys.len()
        && keys.iter().all(|key| key.spki.key_id() == key.key_id)
        && statement.predicate.persons.iter().all(|person| !person.name.is_empty())
}

fn threshold_reachable(statement: &Statement) -> bool {
    let policy = statement.predicate.policy;
    (1..=policy.of).contains(&policy.threshold) && policy.of as usize == statement.signers().count()
}

fn claims_borne(statement: &Statement) -> bool {
    let of: &Predicate = &statement.predicate;
    let codes: Vec<_> = of.claims.iter().map(|claim| claim.code).collect();
    let rests_on =
        |code, name: &str| !codes.contains(&code) || statement.subject.iter().any(|evidence| evidence.name == name);
    strictly_sorted(&codes)
        && of.claims.iter().all(|claim| claim.is_borne_by(of))
        && rests_on(ClaimCode::InventoryTaken, "inventory.json")
        && rests_on(ClaimCode::PlanApproved, "plan.json")
}
