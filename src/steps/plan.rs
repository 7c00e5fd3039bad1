//! Step plan: the dry run, whole. What goes together, what stays, what a person allowed, who must approve, until when.
//! Reads inventory and verification and asks each source how deep its role can go; writes `plan.json`. Changes no store.
//! It writes nothing while anything is open: every open point is named at once.

use super::session::{CASE_FILE, Session, Standing};
use super::verify::unwaived;
use super::{Line, Outcome, digest, plan_check};
use crate::case::artefacts::{
    ColumnCoverage, Commission, Condition, Correction, Coverage, Cut, Held, Inventory, KeptTable, Member, Plan,
    PlannedTable, PlannedUnit, ReachFound, StoreFound, TableFound, Verification, Waived, name,
};
use crate::category::Category;
use crate::certificate::keys as key_files;
use crate::detect::Verdict;
use crate::failure::{Failure, Result};
use crate::hex::sha256;
use crate::profile::Until;
use crate::profile::case_file::{MemberParty, MemberRole};
use crate::profile::decisions::WaivedVerdict;
use crate::profile::profile_file::Disposition;
use crate::verify::mapping::Coverage as MappedColumns;
use crate::verify::report::MappingResult;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Rows that a locked proof reads, digests and removes in a second, at the least: a third of what was measured on a busy
/// 2-core machine. The plan promises an upper bound, not a guess.
const ROWS_PER_LOCKED_SECOND: u64 = 50_000;

/// Makes the plan.
///
/// # Errors
/// `plan-open` with every open point; `step-missing`, `step-stale`.
pub fn run(session: &mut Session, world: &mut World, again: bool) -> Result<Outcome> {
    session.require("discover", name::INVENTORY, &session.inputs_of_discover())?;
    session.require("verify", name::VERIFICATION, &session.inputs_of_verify())?;
    let inputs = session.inputs_of_plan();
    let made = session.case.finished(name::PLAN).is_some() && session.changed(name::PLAN, &inputs)?.is_empty();
    if made && !again {
        return session.nothing_to_do(name::PLAN);
    }
    let drafted = draft(session, world)?;
    // The old plan moves away only once a new one stands: an open point must not cost a valid plan its approvals.
    if let Standing::Done = session.begin(world, "plan", name::PLAN, &inputs, again)? {
        return session.nothing_to_do(name::PLAN);
    }
    let plan = Plan { predecessor: session.predecessor(name::PLAN)?, ..drafted };
    session.case.write_artefact(world, "plan", name::PLAN, &plan)?;
    Ok(session.noted(report(&plan)))
}

fn draft(session: &Session, world: &mut World) -> Result<Plan> {
    let inventory: Inventory = session.case.artefact(name::INVENTORY)?;
    let verification: Verification = session.case.artefact(name::VERIFICATION)?;
    if let Some(target) = &verification.target {
        digest::check_still_good(session, world, target)?;
    }
    let mut open = Vec::new();
    let mut planner = Planner { session, inventory: &inventory, verification: &verification, open: &mut open };
    let waivers = planner.waivers();
    let tables = planner.tables(&waivers)?;
    let kept = planner.kept()?;
    let cuts = planner.cuts(&tables, &kept);
    let units = planner.units(tables, &kept)?;
    let commission = planner.commission();
    let system = planner.system();
    let reach = reach(session, world)?;
    let days = i64::from(session.files.case.plan_valid_days);
    let valid_until = world.clock.now() + jiff::SignedDuration::from_hours(24 * days);
    let plan = Plan {
        origin: session.origin(world, "plan", session.inputs_of_plan()),
        predecessor: None,
        system,
        valid_until: valid_until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        level: session.files.case.level.0.word().to_owned(),
        reach,
        coverage: coverage(&verification, &units),
        units,
        kept,
        cuts,
        waivers,
        holds: holds(session),
        commission: commission.unwrap_or_else(|| Commission { threshold: 0, members: Vec::new() }),
        target: verification.target.clone(),
        kinship: verification.kinship.clone(),
    };
    if open.is_empty() {
        open = plan_check::check(&plan);
    }
    if open.is_empty() { Ok(plan) } else { Err(refuse(open)) }
}

/// Every open point, as a chain that the printer walks.
fn refuse(open: Vec<Line>) -> Failure {
    let points = open.len();
    let as_failure =
        |line: Line| Failure { exit: crate::failure::Exit::Refused, code: line.code, args: line.args, cause: None };
    let chain = open.into_iter().map(as_failure).rev().reduce(|later, point| point.because(later));
    let refused = failure!(Refused, "plan-open", points = points);
    match chain {
        Some(chain) => refused.because(chain),
        None => refused,
    }
}

struct Planner<'a> {
    session: &'a Session,
    inventory: &'a Inventory,
    verification: &'a Verification,
    open: &'a mut Vec<Line>,
}

impl Planner<'_> {
    /// Waivers that this verification needs.
    fn waivers(&mut self) -> Vec<Waived> {
        let mut waivers = Vec::new();
        for result in &self.verification.mappings {
            waivers.extend(self.mapping_waivers(result));
        }
        for proof in self.verification.tables.iter().filter(|proof| proof.mappings.is_empty() && proof.result.rows > 0)
        {
            let (table, rows) = (&proof.result.table, proof.result.rows);
            match self.session.files.effective.table_waivers.get(table) {
                Some(waiver) if rows <= waiver.value => waivers.push(Waived {
                    table: table.clone(),
                    mapping: None,
                    verdict: "unmapped".to_owned(),
                    rows,
                    rows_max: waiver.value,
                    reason: waiver.reason.clone(),
                    by: waiver.by.clone(),
                    at: waiver.at.text().to_owned(),
                }),
                Some(waiver) => {
                    self.open.push(line!("open-waiver-void", name = table, rows = rows, rows_max = waiver.value))
                }
                None => self.open.push(line!("open-unmapped", table = table, rows = rows)),
            }
        }
        waivers
    }

    fn mapping_waivers(&mut self, result: &MappingResult) -> Vec<Waived> {
        let counts = &result.counts;
        let mut waivers = Vec::new();
        for (verdict, rows) in [
            (WaivedVerdict::Missing, counts.missing),
            (WaivedVerdict::Different, counts.different),
            (WaivedVerdict::Ambiguous, counts.ambiguous),
        ] {
            let waiver = self.session.files.effective.mapping_waivers.get(&(result.mapping.clone(), verdict));
            match waiver.filter(|_| rows > 0) {
                Some(waiver) if rows <= waiver.value => waivers.push(Waived {
                    table: result.source.table.clone(),
                    mapping: Some(result.mapping.clone()),
                    verdict: match verdict {
                        WaivedVerdict::Missing => "missing",
                        WaivedVerdict::Different => "different",
                        WaivedVerdict::Ambiguous => "ambiguous",
                    }
                    .to_owned(),
                    rows,
                    rows_max: waiver.value,
                    reason: waiver.reason.clone(),
                    by: waiver.by.clone(),
                    at: waiver.at.text().to_owned(),
                }),
                Some(waiver) => {
                    self.open.push(line!(
                        "open-waiver-void",
                        name = result.mapping,
                        rows = rows,
                        rows_max = waiver.value
                    ));
                }
                None => {}
            }
        }
        let unproved = unwaived(self.session, result);
        if unproved.iter().any(|(_, rows)| *rows > 0) {
            let words: Vec<String> = unproved
                .iter()
                .filter(|(_, rows)| *rows > 0)
                .map(|(verdict, rows)| format!("{verdict} {rows}"))
                .collect();
            self.open.push(line!(
                "open-unproved",
                mapping = result.mapping,
                table = result.source.table,
                rows = words.join(", ")
            ));
        }
        waivers
    }

    fn tables(&mut self, waivers: &[Waived]) -> Result<BTreeMap<String, (String, PlannedTable)>> {
        let mut tables = BTreeMap::new();
        for (store, found) in self.session.tables_to_destroy(self.inventory)? {
            let Some(proof) = self.verification.table(&found.name) else {
                self.open.push(line!("open-unverified", table = found.name));
                continue;
            };
            for obstacle in &found.obstacles {
                self.open.push(line!("open-obstacle", table = found.name, obstacle = obstacle));
            }
            let results: Vec<&MappingResult> = self.verification.mappings_of(&found.name).collect();
            let rows = proof.result.rows;
            let waived_of = |waiver: &&Waived| waiver.table == found.name;
            let waived: u64 = waivers.iter().filter(waived_of).map(|waiver| waiver.rows).sum::<u64>().min(rows);
            // With several mappings a row counts as moved on when it did so in any of them.
            let moved_on = results.iter().map(|result| result.counts.moved_on).sum::<u64>().min(rows - waived);
            let (retention, retention_category) = self.retention(found, !results.is_empty());
            let planned = PlannedTable {
                table: found.name.clone(),
                rows,
                root: proof.result.root.clone(),
                fingerprint: found.fingerprint.clone(),
                matched: if results.is_empty() { 0 } else { rows - waived - moved_on },
                moved_on,
                waived,
                retention,
                retention_category,
                categories: self.categories(found),
                columns: column_coverage(self.session, found, &results),
                leads_to: found.leads_to().cloned().collect(),
                mappings: proof.mappings.clone(),
                subject: self.subject(&found.name)?,
            };
            tables.insert(found.name.clone(), (store.to_owned(), planned));
        }
        if tables.is_empty() && self.open.is_empty() {
            self.open.push(line!("open-nothing"));
        }
        Ok(tables)
    }

    fn categories(&self, found: &TableFound) -> Vec<Category> {
        self.session.personal_columns(found).into_values().collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn subject(&self, table: &str) -> Result<Option<String>> {
        let subjects = &self.session.profile()?.subjects;
        Ok(subjects.iter().find(|subject| subject.table == table).map(|subject| subject.name.clone()))
    }

    /// Where the record lives afterwards. A table with personal data needs it; «on the platform» needs the proof.
    fn retention(&mut self, found: &TableFound, mapped: bool) -> (String, Option<String>) {
        let decided = self.session.files.effective.retentions.get(&found.name).map(|decided| decided.value);
        let rule = self.session.files.profile.as_ref().and_then(|profile| profile.tables.get(&found.name));
        let from_profile = rule.and_then(|rule| rule.retention.as_ref());
        let category = from_profile.and_then(|retention| retention.category.clone());
        let until = decided.or(from_profile.map(|retention| retention.until));
        match until {
            None if !self.categories(found).is_empty() => self.open.push(line!("open-retention", table = found.name)),
            Some(Until::Platform) if !mapped => self.open.push(line!("open-retention-unproved", table = found.name)),
            None | Some(Until::Platform | Until::Paper | Until::Expired(_)) => {}
        }
        (until.map(|until| until.to_string()).unwrap_or_default(), category)
    }

    fn kept(&mut self) -> Result<Vec<KeptTable>> {
        let mut kept = Vec::new();
        for store in self.inventory.sources() {
            for found in &store.tables {
                let ruling = self.session.ruling(&found.name)?;
                match ruling.disposition {
                    Disposition::Destroy => {}
                    Disposition::Review => self.open.push(line!("open-review", table = found.name)),
                    Disposition::Keep => kept.push(self.kept_table(store, found)?),
                }
            }
        }
        Ok(kept)
    }

    fn kept_table(&mut self, store: &StoreFound, found: &TableFound) -> Result<KeptTable> {
        let ruling = self.session.ruling(&found.name)?;
        let mut corrections = Vec::new();
        for finding in found.finding.iter().flat_map(|finding| &finding.columns) {
            let reviewed = self.session.files.effective.reviews.get(&(found.name.clone(), finding.column.clone()));
            let by_review = reviewed.filter(|review| review.value == Category::None);
            if let Some(rule) = &finding.checksum_rule {
                let named =
                    ruling.overrides.contains(rule) || by_review.is_some_and(|review| review.overrides.contains(rule));
                if !named {
                    self.open.push(line!("open-checksum", table = found.name, column = finding.column, rule = rule));
                }
            }
            match finding.verdict {
                // A person's line about the table settles its columns in review too; the profile's does not.
                Verdict::Review if !ruling.by_person && reviewed.is_none() => {
                    self.open.push(line!("open-review-column", table = found.name, column = finding.column));
                }
                Verdict::Personal => corrections.push(Correction {
                    column: Some(finding.column.clone()),
                    category: finding.category,
                    overridden_rule: finding.checksum_rule.clone(),
                    by: by_review.map_or_else(|| ruling.by.clone(), |review| review.by.clone()),
                    reason: by_review.map_or_else(|| ruling.reason.clone(), |review| review.reason.clone()),
                    at: by_review.map_or_else(|| ruling.at.clone(), |review| review.at.text().to_owned()),
                }),
                // A person called it personal, and the table stays all the same.
                Verdict::Review | Verdict::Not => {
                    corrections.extend(reviewed.filter(|review| review.value != Category::None).map(|review| {
                        Correction {
                            column: Some(finding.column.clone()),
                            category: review.value,
                            overridden_rule: finding.checksum_rule.clone(),
                            by: ruling.by.clone(),
                            reason: ruling.reason.clone(),
                            at: ruling.at.clone(),
                        }
                    }))
                }
            }
        }
        Ok(KeptTable {
            store: store.name.clone(),
            table: found.name.clone(),
            reason: ruling.reason,
            rows: found.rows,
            fingerprint: found.fingerprint.clone(),
            corrections,
        })
    }

    /// Keys of kept tables into what goes.
    fn cuts(&mut self, going: &BTreeMap<String, (String, PlannedTable)>, kept: &[KeptTable]) -> Vec<Cut> {
        let mut cuts = Vec::new();
        for kept in kept {
            let Some((_, found)) = self.inventory.source_table(&kept.table) else { continue };
            if let Some(content) = found.content.as_ref().filter(|content| going.contains_key(*content)) {
                self.open.push(line!("open-full-text", table = found.name, content = content));
            }
            for link in found.links.iter().filter(|link| going.contains_key(&link.references)) {
                // Naming any column of a composite key decides the whole key.
                let decided = link.columns.iter().find_map(|column| {
                    self.session
                        .files
                        .effective
                        .cuts
                        .get(&(found.name.clone(), column.clone()))
                        .map(|cut| (column, cut))
                });
                let column = decided
                    .map_or_else(|| link.columns.first().cloned().unwrap_or_default(), |(column, _)| column.clone());
                if decided.is_none() {
                    self.open.push(line!(
                        "open-cut",
                        table = found.name,
                        column = column,
                        references = link.references
                    ));
                }
                cuts.push(Cut {
                    table: found.name.clone(),
                    column,
                    references: link.references.clone(),
                    enforced: link.enforced,
                    constraint: link.name.clone(),
                    decided_by: decided.map(|(_, cut)| cut.by.clone()),
                    reason: decided.map(|(_, cut)| cut.reason.clone()),
                    at: decided.map(|(_, cut)| cut.at.text().to_owned()),
                });
            }
        }
        cuts
    }

    /// The closure over declared links, full-text copies, and mappings that share a table.
    fn units(&self, going: BTreeMap<String, (String, PlannedTable)>, kept: &[KeptTable]) -> Result<Vec<PlannedUnit>> {
        let mut closure = Closure::new(going.keys().cloned());
        for name in going.keys() {
            let Some((_, found)) = self.inventory.source_table(name) else { continue };
            let linked = found.leads_to().chain(&found.content);
            linked.for_each(|other| closure.join(name, other));
        }
        for mapping in &self.session.profile()?.mappings {
            let tables = mapping.source.tables();
            for pair in tables.windows(2) {
                closure.join(pair[0].table, pair[1].table);
            }
        }
        let mut groups: BTreeMap<(String, String), Vec<PlannedTable>> = BTreeMap::new();
        for (name, (store, planned)) in going {
            groups.entry((store, closure.root(&name))).or_default().push(planned);
        }
        let before = self.session.units_so_far();
        let numbered = groups.into_iter().enumerate();
        Ok(numbered
            .map(|(index, ((store, _), tables))| self.unit(before + index as u64 + 1, store, tables, kept))
            .collect())
    }

    fn unit(&self, number: u64, store: String, tables: Vec<PlannedTable>, kept: &[KeptTable]) -> PlannedUnit {
        let inside: BTreeSet<&String> = tables.iter().map(|table| &table.table).collect();
        let touches = |kept: &&KeptTable| {
            let linked = self
                .inventory
                .source_table(&kept.table)
                .is_some_and(|(_, found)| found.leads_to().any(|other| inside.contains(other)));
            let led_to = tables.iter().any(|table| table.leads_to.contains(&kept.table));
            kept.store == store && (linked || led_to || self.joined_by(&tables, &kept.table))
        };
        let watched = kept.iter().filter(touches).map(|kept| kept.table.clone()).collect();
        let rows: u64 = tables.iter().map(|table| table.rows).sum();
        PlannedUnit {
            unit: format!("u{number}"),
            store,
            tables: children_first(tables),
            watched,
            strategy: "whole-tables".to_owned(),
            strategy_reason: "all-rows-go".to_owned(),
            lock_seconds: rows.div_ceil(ROWS_PER_LOCKED_SECOND) + 1,
        }
    }

    /// A mapping of the unit reads the kept table to find its rows' keys.
    fn joined_by(&self, tables: &[PlannedTable], kept: &str) -> bool {
        let mappings = self.session.files.profile.iter().flat_map(|profile| &profile.mappings);
        mappings
            .filter(|mapping| tables.iter().any(|table| table.mappings.contains(&mapping.name)))
            .any(|mapping| mapping.source.tables().iter().any(|table| table.table == kept))
    }

    fn system(&mut self) -> String {
        let name = self.session.files.case.system.name.clone();
        if name.is_none() {
            self.open.push(line!("open-line", path = CASE_FILE, line = "system.name"));
        }
        name.unwrap_or_default()
    }

    fn commission(&mut self) -> Option<Commission> {
        let Some(commission) = &self.session.files.case.commission else {
            self.open.push(line!("open-line", path = CASE_FILE, line = "commission"));
            return None;
        };
        let mut members = Vec::new();
        for member in &commission.members {
            match self.member_key(&member.key) {
                Ok((key_id, public_key)) => members.push(Member {
                    name: member.name.clone(),
                    position: member.position.clone(),
                    role: match member.role {
                        MemberRole::Chair => "chair",
                        MemberRole::Member => "member",
                        MemberRole::Secretary => "secretary",
                    }
                    .to_owned(),
                    party: match member.party {
                        MemberParty::Operator => "operator",
                        MemberParty::Processor => "processor",
                        MemberParty::Other => "other",
                    }
                    .to_owned(),
                    key_id,
                    public_key,
                }),
                Err(failure) => self.open.push(line!("open-key", path = member.key, reason = failure.code)),
            }
        }
        Some(Commission { threshold: u64::from(commission.threshold), members })
    }

    fn member_key(&self, named: &str) -> Result<(String, String)> {
        let path = self.session.beside(named);
        let bytes = fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let key = key_files::read_public(&bytes)?;
        let pem = key.to_pem();
        Ok((key.into_signing()?.key_id().to_string(), pem))
    }
}

fn holds(session: &Session) -> Vec<Held> {
    let held = session.files.effective.holds.iter();
    held.map(|(table, hold)| Held { table: table.clone(), reason: hold.reason.clone() }).collect()
}

/// Union of names.
struct Closure {
    parent: BTreeMap<String, String>,
}

impl Closure {
    fn new(names: impl Iterator<Item = String>) -> Self {
        Self { parent: names.map(|name| (name.clone(), name)).collect() }
    }

    /// The group's name; a name that was never in stays alone.
    fn root(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while let Some(parent) = self.parent.get(&name).filter(|parent| **parent != name) {
            name = parent.clone();
        }
        name
    }

    /// Joins two groups when both names are in.
    fn join(&mut self, one: &str, other: &str) {
        if self.parent.contains_key(one) && self.parent.contains_key(other) {
            let (one, other) = (self.root(one), self.root(other));
            // The smaller name leads, so that a plan does not depend on the order of links.
            self.parent.insert(one.clone().max(other.clone()), one.min(other));
        }
    }
}

/// Children before the tables that their declared links lead to; a cycle is broken at its smallest name.
fn children_first(mut left: Vec<PlannedTable>) -> Vec<PlannedTable> {
    left.sort_by(|a, b| a.table.cmp(&b.table));
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let led_to = |table: &PlannedTable| {
            left.iter().any(|other| other.table != table.table && other.leads_to.contains(&table.table))
        };
        let next = left.iter().position(|table| !led_to(table)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}

/// How deep the role can go in each source.
fn reach(session: &Session, world: &mut World) -> Result<BTreeMap<String, ReachFound>> {
    let mut reach = BTreeMap::new();
    for store in session.stores(world)? {
        if store.role == crate::profile::case_file::StoreRole::Source {
            let mut reader = world.open_reader(&store.name, &store.location)?;
            reach.insert(
                store.name,
                ReachFound::from(&reader.reach(session.files.case.level.0, session.files.case.means())?),
            );
        }
    }
    Ok(reach)
}

/// What the mappings of a table compare of its personal columns. With several mappings the best one counts.
fn column_coverage(session: &Session, found: &TableFound, results: &[&MappingResult]) -> ColumnCoverage {
    let mut coverage = ColumnCoverage::default();
    let is_in = |list: fn(&MappedColumns) -> &Vec<String>, column: &String| {
        results.iter().any(|result| list(&result.coverage).contains(column))
    };
    for column in session.personal_columns(found).keys() {
        coverage.personal += 1;
        if is_in(|mapped| &mapped.compared, column) {
            coverage.compared += 1;
        } else if is_in(|mapped| &mapped.tolerated, column) || is_in(|mapped| &mapped.may_change, column) {
            coverage.tolerated += 1;
        } else {
            coverage.left_out += 1;
        }
    }
    coverage
}

fn coverage(verification: &Verification, units: &[PlannedUnit]) -> Coverage {
    let mut coverage = Coverage::default();
    for planned in units.iter().flat_map(|unit| &unit.tables) {
        coverage.rows += planned.rows;
        coverage.proved += planned.matched;
        coverage.moved_on += planned.moved_on;
        coverage.waived += planned.waived;
        coverage.personal_columns += planned.columns.personal;
        coverage.compared += planned.columns.compared;
        coverage.tolerated += planned.columns.tolerated;
        coverage.left_out += planned.columns.left_out;
        for result in verification.mappings_of(&planned.table) {
            for (column, rows) in &result.changed_by_column {
                *coverage.moved_on_by_column.entry(format!("{}.{column}", result.mapping)).or_default() += rows;
            }
            coverage.tolerances.extend(
                result
                    .tolerances
                    .iter()
                    .map(|one| format!("{}.{}: {}", result.mapping, one.target, one.tolerances.join(", "))),
            );
        }
    }
    coverage
}

fn report(plan: &Plan) -> Outcome {
    let mut lines = vec![
        line!(
            "planned",
            units = plan.units.len(),
            tables = plan.tables().count(),
            rows = plan.coverage.rows,
            kept = plan.kept.len(),
            until = plan.valid_until
        ),
        line!(
            "planned-coverage",
            proved = plan.coverage.proved,
            moved_on = plan.coverage.moved_on,
            waived = plan.coverage.waived,
            personal = plan.coverage.personal_columns,
            compared = plan.coverage.compared,
            tolerated = plan.coverage.tolerated,
            left_out = plan.coverage.left_out
        ),
    ];
    let corrections = plan.kept.iter().filter(|kept| !kept.corrections.is_empty()).count();
    if corrections > 0 {
        lines.push(line!("planned-corrections", tables = corrections));
    }
    lines.push(line!(
        "planned-approve",
        threshold = plan.commission.threshold,
        members = plan.commission.members.len()
    ));
    let findings = plan.reach.iter().filter(|(_, reach)| reach.level < plan.level).map(|(store, reach)| {
        let in_the_way = |one: &&Condition| one.state != "pass" && one.blocks <= plan.level;
        let blocked = reach.conditions.iter().filter(in_the_way);
        let blocked: Vec<&str> = blocked.map(|condition| condition.code.as_str()).collect();
        line!("planned-reach", store = store, level = plan.level, reachable = reach.level, blocked = blocked.join(", "))
    });
    let units: Vec<_> = plan
        .units
        .iter()
        .map(|unit| {
            let tables: Vec<&String> = unit.tables.iter().map(|table| &table.table).collect();
            serde_json::json!({ "unit": unit.unit, "store": unit.store, "tables": tables, "lock_seconds": unit.lock_seconds })
        })
        .collect();
    Outcome {
        findings: findings.collect(),
        document: serde_json::json!({ "units": units, "coverage": plan.coverage, "valid_until": plan.valid_until }),
        lines,
        ..Outcome::default()
    }
}

impl Session {
    /// How many units all plans of the case have had, so that a successor's units have new names.
    fn units_so_far(&self) -> u64 {
        let numbers = self.case.entries().iter().filter_map(|entry| match &entry.event {
            crate::case::Event::UnitProved { unit, .. } | crate::case::Event::UnitRefused { unit, .. } => {
                unit.strip_prefix('u')?.parse::<u64>().ok()
            }
            _ => None, // every other event
        });
        numbers.max().unwrap_or(0)
    }

    /// SHA-256 of the plan's bytes.
    ///
    /// # Errors
    /// `artefact-missing`.
    pub fn plan_sha256(&self) -> Result<String> {
        Ok(sha256(&self.case.read(name::PLAN)?))
    }
}
