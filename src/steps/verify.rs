//! Step verify: proves row by row that the target has what is to be destroyed.
//! Reads source and target over read-only snapshots, writes `verification.json`. Changes no store.

use super::Outcome;
use super::digest::{self, Taken};
use super::discover::fingerprint;
use super::explain::{DifferingKeys, explain};
use super::export;
use super::kept::{self, Kept, Side, Sight, TableKept, held};
use super::proof::{Against, ProofContext, Proved, Relative, ScanSource, ToProve};
use super::proof::{check_kinship, check_place, check_schema, compile_mappings, prove};
use super::session::{Session, Standing};
use super::visit::{self, Pace};
use crate::case::artefacts::{ExportRead, Inventory, ReadBefore, TargetRead, Verification, name};
use crate::case::folder::READING;
use crate::case::seal::seal;
use crate::case::{Event, Purpose, Secret};
use crate::failure::Result;
use crate::profile::Day;
use crate::profile::case_file::StoreRole;
use crate::profile::decisions::WaivedVerdict;
use crate::verify::causes::{Cause, ColumnCause};
use crate::verify::compare::Verdict;
use crate::verify::report::MappingResult;
use crate::world::World;
use lastbell_contract::{Catalog, Known, Reader, Scan, StoreInfo, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Where the keys of differing rows lie.
pub(super) const DIFFERING: &str = "work/differing-";

/// An open store.
struct Opened {
    name: String,
    reader: Box<dyn Reader>,
    info: StoreInfo,
    catalog: Catalog,
    /// Its files, where it is an export.
    export: Option<ExportRead>,
}

/// What stands for the platform.
#[allow(clippy::large_enum_variant, reason = "one is made in a run")]
enum Target {
    Live(Opened, Pace),
    Receipt(Taken),
}

impl Target {
    fn catalog(&self) -> &Catalog {
        match self {
            Self::Live(opened, _) => &opened.catalog,
            Self::Receipt(taken) => &taken.catalog,
        }
    }
}

impl Opened {
    fn relative(&mut self) -> Relative<'_> {
        Relative { info: &self.info, catalog: &self.catalog, reader: self.reader.as_mut() }
    }

    /// Opens what all scans to come will see.
    fn begin(&mut self) -> Result<String> {
        match &self.export {
            Some(export) => export.snapshot(),
            None => begin_on(self.reader.as_mut(), &self.info),
        }
    }

    /// What was read of the target. An export says when it was made, and not when we looked.
    fn read(&self, pace: &Pace, read_at: String, snapshot: String, rows_read: u64) -> TargetRead {
        let may_write = match &self.info.role.may_write {
            Known::Yes(may) => Some(*may),
            Known::Unknown(_) => None,
        };
        TargetRead {
            kind: if self.export.is_some() { "export" } else { "live" }.to_owned(),
            store: self.name.clone(),
            read_at: self.export.as_ref().map_or(read_at, ExportRead::made_at),
            snapshot,
            rows_read,
            bytes_read: pace.bytes(),
            max_rate: pace.rate().to_string(),
            role_could_write: may_write,
            receipt: None,
            export: self.export.clone(),
        }
    }
}

/// Verifies.
///
/// # Errors
/// `step-stale` for the inventory, a mapping that does not hold together, a target that is the source, a store that fails.
pub fn run(session: &mut Session, world: &mut World, again: bool) -> Result<Outcome> {
    session.require("discover", name::INVENTORY, &session.inputs_of_discover())?;
    let inputs = session.inputs_of_verify();
    // A successor names its predecessor, so the step looks for it only after the old artefact has moved.
    if let Standing::Done = session.begin(world, "verify", name::VERIFICATION, &inputs, again)? {
        let verification: Verification = session.case.artefact(name::VERIFICATION)?;
        kept::remove(&session.case.path().join(READING))?; // of a run that died right after it had written this
        let mut outcome = session.nothing_to_do(name::VERIFICATION)?;
        outcome.findings = findings(session, &verification);
        return Ok(outcome);
    }
    let inventory: Inventory = session.case.artefact(name::INVENTORY)?;
    let destroy: BTreeSet<String> =
        session.tables_to_destroy(&inventory)?.into_iter().map(|(_, table)| table.name.clone()).collect();
    if destroy.is_empty() {
        return Err(failure!(Refused, "nothing-to-destroy"));
    }
    let (mut sources, mut target) = open_all(session, world)?;
    for source in &sources {
        check_place(&inventory, &source.name, &source.info)?;
        check_schema(session, &inventory, &source.name, &source.catalog)?;
    }
    let kinship = match &mut target {
        Some(Target::Live(target, _)) => {
            let mut relatives: Vec<_> = sources.iter_mut().map(Opened::relative).collect();
            Some(check_kinship(session, world, &mut relatives, &mut target.relative())?)
        }
        Some(Target::Receipt(taken)) => {
            taken.check_request(session, world)?;
            taken.check_mappings(session, &destroy)?;
            let sources: Vec<_> = sources.iter().map(|source| (&source.info, &source.catalog)).collect();
            let kinship = taken.check_kinship(session, world, &sources)?;
            taken.take(session, world)?;
            Some(kinship)
        }
        None => None,
    };
    let mut verification = Verification {
        origin: session.origin(world, "verification", inputs),
        predecessor: session.predecessor(name::VERIFICATION)?,
        target: None,
        snapshots: BTreeMap::new(),
        tables: Vec::new(),
        mappings: Vec::new(),
        read_before: Vec::new(),
        kinship,
    };
    let key = session.key(world, Purpose::Verify)?;
    if again {
        // Who asks for that has changed something that no digest here knows of: rows that were missing are there now.
        kept::remove(&session.case.path().join(READING))?;
    }
    let kept = Kept::open(session, world, &key, &bound_to(session, &sources, target.as_ref())?)?;
    forget_keys(session, world, &kept.differing().cloned().collect())?;
    let (spill, kept) = (session.case.path().join("work"), Mutex::new(kept));
    let migrated_on = migrated_on(session);
    let context = ProofContext { key: &key, spill_folder: &spill, migrated_on, kept: Some(&kept) };
    let target_sight = sight(world, target.as_mut())?;
    held(&kept).look(Side::Target, target_sight.clone());
    let mut target_rows = BTreeMap::<String, u64>::new();
    for source in &mut sources {
        let mappings =
            compile_mappings(session, &inventory, &source.catalog, target.as_ref().map(Target::catalog), &destroy)?;
        let tables = to_prove(&source.name, &source.catalog, &destroy, mappings);
        let reader = source.reader.as_mut();
        let source_sight = Sight { snapshot: begin_on(reader, &source.info)?, at: world.now_text() };
        held(&kept).look(Side::Source, source_sight.clone());
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| reader.scan(scan, visit);
        let mut source_rows = BTreeMap::new();
        for table in &tables {
            let before = held(&kept).table(&source.name, &table.table.id.to_string()).cloned();
            let done = match before {
                Some(done) => done,
                None => read_table(session, world, &context, &kept, table, &mut scan, &mut target)?,
            };
            source_rows.insert(done.proof.result.table.clone(), done.proof.result.rows);
            for (name, rows) in &done.target_rows {
                *target_rows.entry(name.clone()).or_default() += rows;
            }
            verification.add(done, &source_sight, &target_sight);
        }
        source.reader.end()?;
        verification.snapshots.insert(source.name.clone(), source_sight.snapshot);
        look(session, world, &source.name, source_rows)?;
    }
    verification.target = match &mut target {
        None => None,
        Some(Target::Receipt(taken)) => Some(taken.read()),
        Some(Target::Live(target, pace)) => {
            target.reader.end()?;
            let rows_read = target_rows.values().sum();
            look(session, world, &target.name, target_rows)?;
            let before = verification.read_before.iter().filter(|read| read.side == "target");
            let first = before.map(|read| read.read_at.clone()).chain([target_sight.at]).min().unwrap_or_default();
            Some(target.read(pace, first, target_sight.snapshot, rows_read))
        }
    };
    session.case.write_artefact(world, "verify", name::VERIFICATION, &verification)?;
    kept.into_inner().unwrap_or_else(PoisonError::into_inner).end()?;
    let outcome = report(session, &verification);
    Ok(session.noted(outcome))
}

/// What was read counts for the same question alone: the same decisions and mappings, the same stores in the same shape,
/// the same export or receipt, the same reading of values.
fn bound_to(session: &Session, sources: &[Opened], target: Option<&Target>) -> Result<String> {
    let store = |opened: &Opened| {
        let shapes: BTreeSet<_> = opened.catalog.tables.iter().map(fingerprint).collect();
        let files = opened.export.as_ref().map(ExportRead::snapshot).transpose()?;
        Ok(serde_json::json!([opened.name, opened.info.identity.anchors, shapes, files]))
    };
    let question = serde_json::json!({
        "program": env!("CARGO_PKG_VERSION"),
        "canonical": crate::verify::canonical::VERSION,
        "inputs": session.inputs_of_verify(),
        "sources": sources.iter().map(store).collect::<Result<Vec<_>>>()?,
        "target": match target {
            Some(Target::Live(opened, _)) => store(opened)?,
            Some(Target::Receipt(taken)) => serde_json::json!(taken.read()),
            None => serde_json::Value::Null,
        },
    });
    Ok(crate::hex::sha256(question.to_string().as_bytes()))
}

/// Opens the view of the target in which all scans to come are made.
fn sight(world: &World, target: Option<&mut Target>) -> Result<Sight> {
    let snapshot = match target {
        Some(Target::Live(target, pace)) => {
            pace.snapshot();
            target.begin()?
        }
        Some(Target::Receipt(_)) | None => "-".to_owned(),
    };
    Ok(Sight { snapshot, at: world.now_text() })
}

/// Proves one table, says what went wrong in it, and keeps both for a run that may have to go on from here.
fn read_table(
    session: &mut Session,
    world: &mut World,
    context: &ProofContext<'_>,
    kept: &Mutex<Kept>,
    table: &ToProve<'_>,
    scan: &mut ScanSource<'_>,
    target: &mut Option<Target>,
) -> Result<TableKept> {
    let against = match &mut *target {
        None => Against::Nothing,
        Some(Target::Live(target, pace)) => Against::Live(target.reader.as_mut(), pace),
        Some(Target::Receipt(taken)) => Against::Receipt(taken, session),
    };
    let mut proved = prove(world, context, std::slice::from_ref(table), scan, against, None)?;
    // A receipt has no values to look at: what it cannot tell is told to be unknown.
    let differing = match target {
        Some(Target::Live(target, pace)) => {
            explain_table(session, world, context, table, &mut proved, scan, (target.reader.as_mut(), pace))?
        }
        Some(Target::Receipt(_)) | None => Vec::new(),
    };
    let proof = proved.tables.pop().ok_or_else(|| failure!(Bug, "bug"))?;
    let mut kept = held(kept);
    let [source, target] = kept.sights(&proof.store, &proof.result.table);
    let (mappings, target_rows) = (proved.mappings, proved.target_rows);
    let done = TableKept { proof, mappings, target_rows, differing, source, target };
    kept.keep_table(done.clone())?;
    Ok(done)
}

/// Says of each mapping with differing rows what went wrong, and keeps their keys under seal for `show`. Gives the names of
/// the sealed files.
fn explain_table(
    session: &mut Session,
    world: &mut World,
    context: &ProofContext<'_>,
    table: &ToProve<'_>,
    proved: &mut Proved,
    source: &mut ScanSource<'_>,
    (target, pace): (&mut dyn Reader, &mut Pace),
) -> Result<Vec<String>> {
    let mut sealed = Vec::new();
    for (mapping, (result, found)) in table.mappings.iter().zip(proved.mappings.iter_mut().zip(&proved.findings)) {
        // What may change was changed: nobody has to look into that.
        if found.keys().all(|verdict| *verdict == Verdict::MovedOn) {
            continue;
        }
        let explained = explain(world, context, table, mapping, found, source, (&mut *target, &mut *pace))?;
        (result.causes, result.looked_at) = (explained.causes, explained.looked_at);
        sealed.push(keep_keys(session, world, context.key, &explained.keys)?);
    }
    Ok(sealed)
}

/// A mapping's name may hold anything, so the files are numbered.
fn keep_keys(session: &mut Session, world: &mut World, key: &Secret, keys: &DifferingKeys) -> Result<String> {
    let taken = |number: &usize| session.case.files().contains_key(&differing(*number));
    let name = differing((0..).find(|number| !taken(number)).unwrap_or_default());
    let mut content = crate::json::to_canonical(keys).map_err(|_| failure!(Bug, "json-not-canonical", path = name))?;
    content.push(b'\n');
    let sealed = seal(key, session.case.id(), &name, world.random()?, &content)?;
    session.case.write(world, "verify", &name, &sealed)?;
    Ok(name)
}

fn differing(number: usize) -> String {
    format!("{DIFFERING}{number}.sealed")
}

/// Keys of an earlier verification say nothing of this one; those of the tables that it goes on from are its own.
fn forget_keys(session: &mut Session, world: &World, own: &BTreeSet<String>) -> Result<()> {
    let names = session.case.files().keys().filter(|name| name.starts_with(DIFFERING) && !own.contains(*name));
    let old: Vec<String> = names.cloned().collect();
    old.iter().try_for_each(|name| session.case.destroy(world, name, "superseded"))
}

fn open_all(session: &Session, world: &World) -> Result<(Vec<Opened>, Option<Target>)> {
    let (mut sources, mut target) = (Vec::new(), None);
    for store in session.stores(world)? {
        if store.location.scheme == digest::SCHEME {
            target = Some(Target::Receipt(Taken::open(session, world, &store)?));
            continue;
        }
        visit::open_for(world, &store)?;
        let mut reader = world.open_reader(&store.name, &store.location)?;
        let (info, catalog) = (reader.info()?, reader.catalog()?);
        let export = match store.role {
            StoreRole::Target if world.is_export(&info.engine) => {
                let export = export::take(session, world, &store.name, reader.as_mut())?;
                export::check_age(session, world, &store.name, &export)?;
                Some(export)
            }
            StoreRole::Source | StoreRole::Target => None,
        };
        match store.role {
            StoreRole::Source => sources.push(Opened { name: store.name, reader, info, catalog, export }),
            StoreRole::Target => {
                let pace = Pace::begin(world, &store, info.remote)?;
                target = Some(Target::Live(Opened { name: store.name, reader, info, catalog, export }, pace));
            }
        }
    }
    Ok((sources, target))
}

fn to_prove<'a>(
    store: &str,
    catalog: &'a Catalog,
    destroy: &BTreeSet<String>,
    mut mappings: BTreeMap<String, Vec<crate::verify::mapping::CompiledMapping>>,
) -> Vec<ToProve<'a>> {
    let wanted = catalog.tables.iter().filter(|table| destroy.contains(&table.id.to_string()));
    wanted
        .map(|table| ToProve {
            store: store.to_owned(),
            table,
            mappings: mappings.remove(&table.id.to_string()).unwrap_or_default(),
        })
        .collect()
}

/// Opens a snapshot where the engine has them; elsewhere the artefact says that it had none.
pub(super) fn begin_on(reader: &mut dyn Reader, info: &StoreInfo) -> Result<String> {
    if info.capabilities.snapshot_reads { Ok(reader.begin()?.id) } else { Ok("none".to_owned()) }
}

fn look(session: &mut Session, world: &World, store: &str, rows: BTreeMap<String, u64>) -> Result<()> {
    session.case.record(world, Event::Look { store: store.to_owned(), purpose: "verify".to_owned(), rows })
}

/// The day of the migration, as rows are asked whether they changed later.
pub(super) fn migrated_on(session: &Session) -> i64 {
    days_since_1970(session.files.case.migrated_on)
}

/// A day in days since 1970-01-01. Without the day nothing counts as later.
pub(super) fn days_since_1970(day: Option<Day>) -> i64 {
    let start = jiff::civil::date(1970, 1, 1);
    day.map_or(i64::MAX, |day| i64::from((day.0 - start).get_days()))
}

/// Rows that block and no waiver covers, by mapping; and tables without a mapping or waiver.
pub(super) fn findings(session: &Session, verification: &Verification) -> Vec<super::Line> {
    let mut findings = Vec::new();
    for result in &verification.mappings {
        let open = unwaived(session, result);
        if open.iter().any(|(_, rows)| *rows > 0) {
            findings.push(line!(
                "verify-differs",
                mapping = result.mapping,
                table = result.source.table,
                missing = result.counts.missing,
                different = result.counts.different,
                ambiguous = result.counts.ambiguous,
                extra = result.counts.extra
            ));
            findings.extend(result.causes.iter().take(CAUSES_SHOWN).map(|cause| told(&result.mapping, cause)));
        }
    }
    for table in verification.tables.iter().filter(|table| table.mappings.is_empty()) {
        let allowed = session.files.effective.table_waivers.get(&table.result.table).map(|waiver| waiver.value);
        if table.result.rows > 0 && allowed.is_none_or(|rows_max| table.result.rows > rows_max) {
            findings.push(line!("verify-unmapped", table = table.result.table, rows = table.result.rows));
        }
    }
    findings
}

/// Rows of each blocking verdict that no waiver covers.
pub(super) fn unwaived(session: &Session, result: &MappingResult) -> [(&'static str, u64); 4] {
    let left = |verdict: WaivedVerdict, rows: u64| {
        let waiver = session.files.effective.mapping_waivers.get(&(result.mapping.clone(), verdict));
        // A waiver that is too small covers nothing: more rows than a person agreed to are not what they agreed to.
        if waiver.is_some_and(|waiver| rows <= waiver.value) { 0 } else { rows }
    };
    [
        ("missing", left(WaivedVerdict::Missing, result.counts.missing)),
        ("different", left(WaivedVerdict::Different, result.counts.different)),
        ("ambiguous", left(WaivedVerdict::Ambiguous, result.counts.ambiguous)),
        ("extra", if result.exact { result.counts.extra } else { 0 }),
    ]
}

/// More causes than these are in verification.json.
const CAUSES_SHOWN: usize = 6;

/// What went wrong in a column.
fn told(mapping: &str, found: &ColumnCause) -> super::Line {
    let (column, rows, detail) = (&found.column, found.rows, found.detail.unwrap_or_default());
    match found.cause {
        Cause::NullOrEmpty => line!("cause-null-or-empty", mapping = mapping, column = column, rows = rows),
        Cause::ZeroDate => line!("cause-zero-date", mapping = mapping, column = column, rows = rows),
        Cause::Lost => line!("cause-lost", mapping = mapping, column = column, rows = rows),
        Cause::Appeared => line!("cause-appeared", mapping = mapping, column = column, rows = rows),
        Cause::Swapped => line!("cause-swapped", mapping = mapping, column = column, rows = rows),
        Cause::Blanks => line!("cause-blanks", mapping = mapping, column = column, rows = rows),
        Cause::UnicodeForm => line!("cause-unicode-form", mapping = mapping, column = column, rows = rows),
        Cause::LetterCase => line!("cause-letter-case", mapping = mapping, column = column, rows = rows),
        Cause::Mojibake => line!("cause-mojibake", mapping = mapping, column = column, rows = rows),
        Cause::Replaced => line!("cause-replaced", mapping = mapping, column = column, rows = rows),
        Cause::Truncated => line!("cause-truncated", mapping = mapping, column = column, rows = rows, detail = detail),
        Cause::Scale => line!("cause-scale", mapping = mapping, column = column, rows = rows),
        Cause::Zone => line!("cause-zone", mapping = mapping, column = column, rows = rows, detail = detail),
        Cause::DayShift => line!("cause-day-shift", mapping = mapping, column = column, rows = rows, detail = detail),
        Cause::NumberShift => {
            line!("cause-number-shift", mapping = mapping, column = column, rows = rows, detail = detail)
        }
        Cause::Recoded => line!("cause-recoded", mapping = mapping, column = column, rows = rows),
        Cause::Reattached => line!("cause-reattached", mapping = mapping, column = column, rows = rows),
        Cause::Duplicated => line!("cause-duplicated", mapping = mapping, column = column, rows = rows),
        Cause::LeftOut => line!("cause-left-out", mapping = mapping, column = column, rows = rows),
        Cause::Kind => line!("cause-kind", mapping = mapping, column = column, rows = rows),
        Cause::Other => line!("cause-other", mapping = mapping, column = column, rows = rows),
    }
}

impl Verification {
    /// A table that was read: now, or by an earlier run in another view of a store.
    fn add(&mut self, done: TableKept, source: &Sight, target: &Sight) {
        let table = &done.proof.result.table;
        let store = done.proof.store.clone();
        for (side, sight, now) in [("source", done.source, source), ("target", done.target, target)] {
            if sight != *now && !(side == "target" && done.mappings.is_empty()) {
                let (table, side) = (table.clone(), side.to_owned());
                self.read_before.push(ReadBefore {
                    store: store.clone(),
                    table,
                    side,
                    snapshot: sight.snapshot,
                    read_at: sight.at,
                });
            }
        }
        self.tables.push(done.proof);
        self.mappings.extend(done.mappings);
    }
}

/// Rows only in the target, where that blocks nothing: how many, and which of them are there twice.
fn not_blocking(result: &MappingResult) -> Vec<super::Line> {
    if result.counts.extra == 0 {
        return Vec::new();
    }
    let (table, extra) = (&result.target.table, result.counts.extra);
    let mut lines = vec![line!("verified-extra", mapping = result.mapping, table = table, extra = extra)];
    if result.blocking_rows() == 0 {
        lines.extend(result.causes.iter().take(CAUSES_SHOWN).map(|cause| told(&result.mapping, cause)));
    }
    lines
}

fn report(session: &Session, verification: &Verification) -> Outcome {
    let sum = |of: fn(&MappingResult) -> u64| verification.mappings.iter().map(of).sum::<u64>();
    let rows: u64 = verification.tables.iter().map(|table| table.result.rows).sum();
    let mut lines = vec![line!(
        "verified",
        tables = verification.tables.len(),
        rows = rows,
        matched = sum(|result| result.counts.matched),
        moved_on = sum(|result| result.counts.moved_on),
        extra = sum(|result| result.counts.extra)
    )];
    if let Some(target) = &verification.target {
        lines.push(line!(
            "verified-target",
            store = target.store,
            rows = target.rows_read,
            bytes = target.bytes_read,
            rate = target.max_rate,
            at = target.read_at
        ));
        if let Some(receipt) = &target.receipt {
            lines.push(line!("verified-receipt", store = target.store, key_id = receipt.signer));
        }
        if let Some(export) = &target.export {
            lines.push(line!("verified-export", store = target.store, files = export.files.len(), at = target.read_at));
            if export.made_by.is_none() {
                lines.push(line!("export-unattested", store = target.store));
            }
        } else if target.role_could_write == Some(true) {
            lines.push(line!("verified-role-writes", store = target.store));
        }
    }
    if let Some(first) = verification.read_before.iter().map(|read| &read.read_at).min() {
        lines.push(line!("verified-before", sides = verification.read_before.len(), at = first));
    }
    lines.extend(verification.mappings.iter().filter(|result| !result.exact).flat_map(not_blocking));
    if verification.kinship.as_ref().is_some_and(|kinship| kinship.looks_like_a_copy) {
        lines.push(line!("verified-copy"));
    }
    let by_mapping: Vec<_> = verification
        .mappings
        .iter()
        .map(|result| serde_json::json!({ "mapping": result.mapping, "table": result.source.table, "counts": result.counts }))
        .collect();
    let unmapped: Vec<_> = verification
        .tables
        .iter()
        .filter(|table| table.mappings.is_empty())
        .map(|table| serde_json::json!({ "table": table.result.table, "rows": table.result.rows }))
        .collect();
    Outcome {
        lines,
        findings: findings(session, verification),
        document: serde_json::json!({ "mappings": by_mapping, "unmapped": unmapped, "rows": rows }),
        ..Outcome::default()
    }
}
