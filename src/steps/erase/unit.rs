//! One unit: lock, count, prove again, gather needles, destroy, commit. Or: find out where a killed run stood, and end it.

use super::gates::Gates;
use super::witness::JournalWitness;
use super::{Run, Target, last_write, refuse, target_snapshot};
use crate::case::Event;
use crate::case::artefacts::{ErasedTable, ErasedUnit, PlannedUnit, UnitEnd};
use crate::case::seal::seal;
use crate::failure::{Exit, Failure, Result};
use crate::residue::{Collector, Limits};
use crate::steps::proof::{Against, ProofContext, Proved, ToProve, compile_mappings, prove};
use crate::steps::session::{Session, StoreAt, table_id};
use crate::steps::{discover, verify};
use crate::verify::report::MappingResult;
use crate::verify::table_digest::TableDigester;
use crate::world::World;
use lastbell_contract::{Catalog, Eraser, LockRequest, LockedUnit, PackedRow, Scan, Table, TableId, Visit};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long to wait for others to let a table go.
const LOCK_WAIT_MS: u64 = 30_000;

/// The locked proof's figures, kept in `work/` until `erasure.json` holds them: a killed run still knows them.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct ProofFigures {
    unit: String,
    mappings: Vec<MappingResult>,
    rows: BTreeMap<String, u64>,
    target_snapshot: Option<String>,
    needles: Vec<String>,
}

/// How a unit that was begun earlier stands now.
enum Begun {
    /// No table of it was touched: it is proved anew.
    Whole,
    /// Some tables are empty already: the rest is as it was proved and may go.
    Partly(Vec<TableId>),
    /// All are empty.
    Gone,
}

/// A link of a kept table that is to be dropped.
struct DueCut {
    table: TableId,
    constraint: String,
    /// Fingerprint of the table without it.
    schema_after: String,
}

/// What working on the units of one store takes.
pub(super) struct Work<'a> {
    pub(super) session: &'a mut Session,
    pub(super) world: &'a mut World,
    pub(super) run: &'a Run,
    pub(super) at: &'a StoreAt,
    pub(super) catalog: &'a Catalog,
}

impl Work<'_> {
    /// Brings one unit to its end: destroyed, or refused and untouched.
    pub(super) fn erase(
        &mut self,
        eraser: &mut dyn Eraser,
        target: Option<&mut Target>,
        planned: &PlannedUnit,
        alive: Option<Failure>,
    ) -> Result<ErasedUnit> {
        if self.session.is_done(planned) {
            return self.ended(planned);
        }
        let begun = self.session.begun_unit().as_deref() == Some(&planned.unit);
        let allowed = if begun { Ok(()) } else { self.may_begin(planned, alive) };
        match allowed.and_then(|()| self.destroy(eraser, target, planned, begun)) {
            Ok(()) => self.ended(planned),
            // Only a refusal leaves the unit standing; a broken store or our own bug ends the run, to be resumed.
            Err(failure) if failure.exit == Exit::Refused && !self.is_partly_gone(eraser, planned)? => {
                refuse(self.session, self.world, planned, &failure)
            }
            Err(failure) => Err(failure),
        }
    }

    fn may_begin(&self, planned: &PlannedUnit, alive: Option<Failure>) -> Result<()> {
        self.run.gates.open_for_new_units()?;
        Gates::hold(self.session, planned)?;
        alive.map_or(Ok(()), Err)
    }

    fn destroy(
        &mut self,
        eraser: &mut dyn Eraser,
        target: Option<&mut Target>,
        planned: &PlannedUnit,
        begun: bool,
    ) -> Result<()> {
        self.check_schema(planned)?;
        let ids = self.ids(planned)?;
        let watched = planned.watched.iter().filter_map(|name| table_id(self.catalog, name)).collect();
        let request = LockRequest { unit: ids.clone(), watched, wait_ms: LOCK_WAIT_MS };
        let mut locked = eraser.lock(&request)?;
        let left = match if begun { self.standing(locked.as_mut(), planned, &ids)? } else { Begun::Whole } {
            Begun::Gone => Vec::new(),
            Begun::Partly(left) => left,
            Begun::Whole => {
                self.prove(locked.as_mut(), target, planned, &ids)?;
                ids.clone()
            }
        };
        if left.is_empty() {
            drop(locked);
        } else {
            self.destroy_tables(locked, planned, &left)?;
        }
        self.finish(eraser, planned, &ids)
    }

    fn ids(&self, planned: &PlannedUnit) -> Result<Vec<TableId>> {
        let found = |name: &String| {
            table_id(self.catalog, name).ok_or_else(|| failure!(Refused, "drift-gone-table", table = name))
        };
        planned.tables.iter().map(|table| found(&table.table)).collect()
    }

    /// The schema of the unit's tables and of the kept tables watched with it is what the plan saw.
    fn check_schema(&self, planned: &PlannedUnit) -> Result<()> {
        let kept = self.run.plan.kept.iter().filter(|kept| planned.watched.contains(&kept.table));
        let expected = planned.tables.iter().map(|table| (&table.table, &table.fingerprint));
        for (name, fingerprint) in expected.chain(kept.map(|kept| (&kept.table, &kept.fingerprint))) {
            match self.catalog.tables.iter().find(|table| table.id.to_string() == **name) {
                Some(table) if self.session.is_schema(table, fingerprint) => {}
                Some(_) => return Err(failure!(Refused, "drift-schema", table = name)),
                None => return Err(failure!(Refused, "drift-gone-table", table = name)),
            }
        }
        Ok(())
    }

    /// Counts by both routes, proves every row again, writes needles and figures, and journals that destruction may begin.
    fn prove(
        &mut self,
        locked: &mut dyn LockedUnit,
        mut target: Option<&mut Target>,
        planned: &PlannedUnit,
        ids: &[TableId],
    ) -> Result<()> {
        let rows = count(locked, ids)?;
        let target_catalog = target.as_deref().map(|target| target.catalog().clone());
        let names: BTreeSet<String> = planned.tables.iter().map(|table| table.table.clone()).collect();
        let mut mappings =
            compile_mappings(self.session, &self.run.inventory, self.catalog, target_catalog.as_ref(), &names)?;
        let tables = self.catalog.tables.iter().filter(|table| names.contains(&table.id.to_string()));
        let tables: Vec<ToProve<'_>> = tables
            .map(|table| ToProve {
                store: self.at.name.clone(),
                table,
                mappings: mappings.remove(&table.id.to_string()).unwrap_or_default(),
            })
            .collect();
        // Opened after the source's lock: what was written into both in between is seen on both sides.
        let snapshot = target.as_deref_mut().map(target_snapshot).transpose()?;
        let spill = self.session.case.path().join("work");
        let context = ProofContext {
            key: &self.run.verify_key,
            spill_folder: &spill,
            migrated_on: verify::migrated_on(self.session),
            kept: None,
        };
        let mut needles = Collector::new(self.run.needle_key.bytes(), Limits::default());
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| locked.scan(scan, visit);
        let against = match target.as_deref_mut() {
            None => Against::Nothing,
            Some(Target::Live(live)) => Against::Live(live.reader.as_mut(), &mut live.pace),
            Some(Target::Receipt(taken)) => Against::Receipt(taken, self.session),
        };
        let proved = prove(self.world, &context, &tables, &mut scan, against, Some(&mut needles))?;
        self.look(&proved, target.as_deref())?;
        self.judge(planned, &proved, &rows)?;
        let needles = self.keep_needles(planned, needles)?;
        self.record_proof(planned, proved, rows, snapshot, needles)
    }

    fn look(&mut self, proved: &Proved, target: Option<&Target>) -> Result<()> {
        let looks = [(self.at.name.clone(), proved.source_rows.clone())];
        let at_target = match target {
            Some(Target::Live(live)) => Some((live.name.clone(), proved.target_rows.clone())),
            Some(Target::Receipt(_)) | None => None, // nobody looked into a store
        };
        for (store, rows) in looks.into_iter().chain(at_target) {
            self.session.case.record(self.world, Event::Look { store, purpose: "proof".to_owned(), rows })?;
        }
        Ok(())
    }

    /// The rows are those of the plan, to the last bit, and each is matched, moved on or waived, still.
    fn judge(&self, planned: &PlannedUnit, proved: &Proved, rows: &BTreeMap<String, u64>) -> Result<()> {
        for table in &planned.tables {
            let proof = proved.tables.iter().find(|proof| proof.result.table == table.table);
            let proof = proof.ok_or_else(|| failure!(Bug, "bug"))?;
            let counted = rows.get(&table.table).copied().unwrap_or(0);
            if proof.result.rows != counted {
                return Err(failure!(
                    Refused,
                    "count-routes",
                    table = table.table,
                    scan = proof.result.rows,
                    count = counted
                ));
            }
            if proof.result.root != table.root {
                return Err(failure!(Refused, "drift-rows", table = table.table, rows = counted, planned = table.rows));
            }
            if proof.mappings != table.mappings {
                return Err(failure!(Refused, "step-stale", step = "verify", changed = "profile.mappings"));
            }
        }
        for result in &proved.mappings {
            self.judge_mapping(result)?;
        }
        Ok(())
    }

    /// A waiver counts only as far as the plan names it: what a person decided since is not in what was approved.
    fn judge_mapping(&self, result: &MappingResult) -> Result<()> {
        let waived = |verdict: &str| {
            let waivers = self.run.plan.waivers.iter();
            let mut waivers = waivers.filter(|waiver| waiver.mapping.as_deref() == Some(&result.mapping));
            waivers.find(|waiver| waiver.verdict == verdict).map_or(0, |waiver| waiver.rows_max)
        };
        let extra = if result.exact { result.counts.extra } else { 0 };
        let counts = [
            ("missing", result.counts.missing, waived("missing")),
            ("different", result.counts.different, waived("different")),
            ("ambiguous", result.counts.ambiguous, waived("ambiguous")),
            ("extra", extra, 0),
        ];
        for (verdict, rows, rows_max) in counts {
            if rows > rows_max {
                return Err(failure!(
                    Refused,
                    "proof-failed",
                    table = result.source.table,
                    mapping = result.mapping,
                    verdict = verdict,
                    rows = rows
                ));
            }
        }
        Ok(())
    }

    /// Whole and synced before the first intent. Those of an earlier, broken proof are superseded.
    fn keep_needles(&mut self, planned: &PlannedUnit, needles: Collector) -> Result<Vec<String>> {
        let prefix = format!("work/needles-{}-", planned.unit);
        let old: Vec<String> =
            self.session.case.files().keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        for name in old {
            self.session.case.destroy(self.world, &name, "superseded")?;
        }
        let mut names = Vec::new();
        for (number, shard) in needles.finish().iter().enumerate() {
            let name = format!("{prefix}{number}.sealed");
            let content = shard.to_bytes(self.run.needle_key.bytes());
            let nonce = self.world.random()?;
            let sealed = seal(&self.run.needle_key, self.session.case.id(), &name, nonce, &content)?;
            self.session.case.write(self.world, "erase", &name, &sealed)?;
            names.push(name);
        }
        Ok(names)
    }

    fn record_proof(
        &mut self,
        planned: &PlannedUnit,
        proved: Proved,
        rows: BTreeMap<String, u64>,
        target_snapshot: Option<String>,
        needles: Vec<String>,
    ) -> Result<()> {
        let roots = proved.tables.iter().map(|proof| (proof.result.table.clone(), proof.result.root.clone())).collect();
        let figures = ProofFigures {
            unit: planned.unit.clone(),
            mappings: proved.mappings,
            rows: rows.clone(),
            target_snapshot,
            needles,
        };
        let name = figures_name(planned);
        self.session.case.destroy(self.world, &name, "superseded")?;
        self.session.case.write_artefact(self.world, "erase", &name, &figures)?;
        let event = Event::UnitProved {
            unit: planned.unit.clone(),
            plan: self.run.plan_sha256.clone(),
            rows,
            roots,
            schema: schema(planned),
        };
        self.session.case.record(self.world, event)
    }

    fn destroy_tables(
        &mut self,
        mut locked: Box<dyn LockedUnit + '_>,
        planned: &PlannedUnit,
        left: &[TableId],
    ) -> Result<()> {
        let cuts = self.cuts(left)?;
        let mut schema = schema(planned);
        schema.extend(self.run.plan.kept.iter().map(|kept| (kept.table.clone(), kept.fingerprint.clone())));
        let mut witness = JournalWitness::new(&mut self.session.case, self.world, &self.at.name, &planned.unit, schema);
        let cut = cuts.iter().try_for_each(|cut| {
            witness.schema_becomes(Some(cut.schema_after.clone()));
            locked.cut(&cut.table, &cut.constraint, &mut witness)
        });
        witness.schema_becomes(None);
        let destroyed = cut.and_then(|()| locked.destroy(left, &mut witness));
        let done = destroyed.and_then(|()| locked.commit(&mut witness));
        match witness.into_failure() {
            Some(failure) => Err(failure),
            None => Ok(done?),
        }
    }

    /// Links of kept tables into what goes now, that the engine enforces and that still stand.
    fn cuts(&self, left: &[TableId]) -> Result<Vec<DueCut>> {
        let names: BTreeSet<String> = left.iter().map(ToString::to_string).collect();
        let mut changed: BTreeMap<String, Table> = BTreeMap::new();
        let mut due = Vec::new();
        let planned = self.run.plan.cuts.iter().filter(|cut| cut.enforced && names.contains(&cut.references));
        for cut in planned {
            let Some(id) = table_id(self.catalog, &cut.table) else { continue }; // not of this store
            let constraint = cut.constraint.clone();
            let constraint =
                constraint.ok_or_else(|| failure!(Refused, "cut-unnamed", table = cut.table, column = cut.column))?;
            let Some(stands) = self.catalog.table(&id) else { continue };
            let table = changed.entry(cut.table.clone()).or_insert_with(|| stands.clone());
            let before = table.foreign_keys.len();
            table.foreign_keys.retain(|link| link.name.as_ref() != Some(&constraint));
            if table.foreign_keys.len() < before {
                due.push(DueCut { table: id, constraint, schema_after: discover::fingerprint(table) });
            }
        }
        Ok(due)
    }

    /// Counted again from the store, never summed.
    fn finish(&mut self, eraser: &mut dyn Eraser, planned: &PlannedUnit, ids: &[TableId]) -> Result<()> {
        let mut left = BTreeMap::new();
        for id in ids {
            left.insert(id.to_string(), eraser.count(id)?);
        }
        if let Some((table, rows)) = left.iter().find(|(_, rows)| **rows > 0) {
            return Err(failure!(Refused, "rows-again", table = table, rows = rows));
        }
        let last_write = last_write(&eraser.info()?);
        self.session.case.record(self.world, Event::UnitDone { unit: planned.unit.clone(), left, last_write })
    }

    /// Where a killed run left the unit, judged by the rows and not by what it meant to do.
    fn standing(&mut self, locked: &mut dyn LockedUnit, planned: &PlannedUnit, ids: &[TableId]) -> Result<Begun> {
        let (rows, roots) = self.proved_before(planned)?;
        let (mut empty, mut left) = (0, Vec::new());
        for id in ids {
            let name = id.to_string();
            let before = rows.get(&name).copied().unwrap_or(0);
            if before > 0 && locked.count(id)?.by_scan == 0 {
                empty += 1;
                continue;
            }
            if self.root(locked, id)? != roots.get(&name).cloned().unwrap_or_default() {
                return Err(failure!(Refused, "drift-rows", table = name, rows = "-", planned = before));
            }
            left.push(id.clone());
        }
        let still_full = left.iter().any(|id| rows.get(&id.to_string()).copied().unwrap_or(0) > 0);
        Ok(match (empty, still_full) {
            (0, true) => Begun::Whole,
            (_, true) => Begun::Partly(left),
            (_, false) => Begun::Gone,
        })
    }

    fn proved_before(&self, planned: &PlannedUnit) -> Result<(BTreeMap<String, u64>, BTreeMap<String, String>)> {
        let proved = self.session.case.entries().iter().rev().find_map(|entry| match &entry.event {
            Event::UnitProved { unit, rows, roots, .. } if *unit == planned.unit => Some((rows.clone(), roots.clone())),
            _ => None, // every other event
        });
        proved.ok_or_else(|| failure!(Bug, "bug"))
    }

    fn root(&mut self, locked: &mut dyn LockedUnit, id: &TableId) -> Result<String> {
        let table = self.catalog.table(id).ok_or_else(|| failure!(Refused, "drift-gone-table", table = id))?;
        let columns = table.column_names();
        let spill = self.session.case.path().join("work");
        let mut digester = TableDigester::new(self.run.verify_key.bytes(), id, &columns, 64 << 20, &spill);
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| locked.scan(scan, visit);
        let scan_all = Scan::whole(id, &columns);
        crate::steps::proof::scan_rows(self.world, &scan_all, &mut scan, &mut |row: PackedRow<'_>| digester.row(row))?;
        let digest = digester.finish()?;
        Ok(crate::verify::report::TableResult::new(id, &digest).root)
    }

    /// After a failure: has anything of the unit gone? Only a unit of which nothing is gone can be refused. A table that
    /// we emptied is not empty for ever: somebody may write into it before the next run.
    fn is_partly_gone(&self, eraser: &mut dyn Eraser, planned: &PlannedUnit) -> Result<bool> {
        if self.session.begun_unit().as_deref() != Some(&planned.unit) {
            return Ok(false);
        }
        if self.said(planned, "commit", "-", "after") {
            return Ok(true);
        }
        let atomic = eraser.info()?.capabilities.atomic_units;
        let (rows, _) = self.proved_before(planned)?;
        for id in self.ids(planned)? {
            let (before, now) = (rows.get(&id.to_string()).copied().unwrap_or(0), eraser.count(&id)?);
            let (operation, table) = if atomic { ("commit", "-".to_owned()) } else { ("destroy", id.to_string()) };
            if before > 0 && (now == 0 || (now < before && self.said(planned, operation, &table, "before"))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has the journal such a statement of the unit since its last proof?
    fn said(&self, planned: &PlannedUnit, wanted: &str, on: &str, when: &str) -> bool {
        let since = self.session.case.entries().iter().rev().map(|entry| &entry.event);
        let mut since =
            since.take_while(|event| !matches!(event, Event::UnitProved { unit, .. } if *unit == planned.unit));
        since.any(|event| match event {
            Event::Statement { unit, moment, operation, table, .. } => {
                *unit == planned.unit && moment == when && operation == wanted && table == on
            }
            _ => false, // every other event
        })
    }

    fn ended(&self, planned: &PlannedUnit) -> Result<ErasedUnit> {
        let figures: ProofFigures = self.session.case.artefact(&figures_name(planned))?;
        let destroyed_at = self.session.case.entries().iter().find_map(|entry| match &entry.event {
            Event::UnitDone { unit, .. } if *unit == planned.unit => Some(entry.at.clone()),
            _ => None, // every other event
        });
        let table = |(table, rows_before): (&String, &u64)| ErasedTable {
            table: table.clone(),
            rows_before: *rows_before,
            rows_left: None,
        };
        Ok(ErasedUnit {
            unit: planned.unit.clone(),
            store: planned.store.clone(),
            end: UnitEnd::Destroyed,
            tables: figures.rows.iter().map(table).collect(),
            proof: figures.mappings,
            destroyed_at,
            needles: figures.needles,
            target_snapshot: figures.target_snapshot,
        })
    }
}

fn figures_name(planned: &PlannedUnit) -> String {
    format!("work/proof-{}.json", planned.unit)
}

fn schema(planned: &PlannedUnit) -> BTreeMap<String, String> {
    planned.tables.iter().map(|table| (table.table.clone(), table.fingerprint.clone())).collect()
}

/// Counts by two routes that must agree: row security or a broken index would make them differ.
fn count(locked: &mut dyn LockedUnit, ids: &[TableId]) -> Result<BTreeMap<String, u64>> {
    let mut rows = BTreeMap::new();
    for id in ids {
        let counted = locked.count(id)?;
        if counted.by_scan != counted.by_count {
            let (scan, count) = (counted.by_scan, counted.by_count);
            return Err(failure!(Refused, "count-routes", table = id, scan = scan, count = count));
        }
        rows.insert(id.to_string(), counted.by_scan);
    }
    Ok(rows)
}
