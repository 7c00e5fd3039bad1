//! Step erase: destroys what the approved plan names, unit by unit, each proved again under lock right before.
//! Reads `plan.json` and its approvals, writes `erasure.json`; every statement that changes a store stands in the journal
//! before it runs. A refused unit stands untouched and does not stop the others. Killed anywhere, the next run ends the same.

mod gates;
mod unit;
mod witness;

use super::digest::{self, Taken};
use super::session::{Session, Standing, StoreAt};
use super::visit::{self, Pace};
use super::{Outcome, approve, export, proof, verify};
use crate::case::artefacts::{
    CleanedStore, Condition, ErasedTable, ErasedUnit, Erasure, Inventory, Plan, PlannedUnit, ReachFound, UnitEnd, name,
};
use crate::case::{Event, Purpose, Secret};
use crate::failure::{Exit, Failure, Result};
use crate::world::World;
use gates::Gates;
use lastbell_contract::{Catalog, ErasePermit, Eraser, Known, Level, Reader, Scrub, StoreInfo};
use std::collections::{BTreeMap, BTreeSet};
use witness::JournalWitness;

/// What all units of a run share.
struct Run {
    plan: Plan,
    plan_sha256: String,
    inventory: Inventory,
    verify_key: Secret,
    needle_key: Secret,
    gates: Gates,
}

/// Has everything that the plan names been destroyed? Then there is nothing to confirm.
#[must_use]
pub fn nothing_left(session: &Session) -> bool {
    session
        .case
        .artefact_if_made::<Erasure>(name::ERASURE)
        .ok()
        .flatten()
        .is_some_and(|made| made.standing().next().is_none())
}

/// Erases.
///
/// # Errors
/// A closed gate (approval, cooling, expiry, a changed plan), a store that fails. Nothing is lost then: run it again.
pub fn run(session: &mut Session, world: &mut World, again: bool) -> Result<Outcome> {
    let plan = session.plan()?;
    let plan_sha256 = session.plan_sha256()?;
    let inputs = session.inputs_of_erase();
    let done = session.case.finished(name::ERASURE).is_some() && session.changed(name::ERASURE, &inputs)?.is_empty();
    if done && !again {
        return Ok(report(&session.case.artefact(name::ERASURE)?, &plan.level));
    }
    approve::receive(session, world, &plan, &plan_sha256)?;
    let gates = Gates::look(session, world, &plan, &plan_sha256)?;
    // What was begun may always be finished, whatever expired meanwhile; each unit that was not is judged on its own then.
    let in_progress = session.begun_unit().is_some() || plan.units.iter().any(|unit| session.is_done(unit));
    if !in_progress {
        gates.open_for_new_units()?;
    }
    if let Standing::Done = session.begin(world, "erase", name::ERASURE, &inputs, again)? {
        return session.nothing_to_do(name::ERASURE);
    }
    let run = Run {
        inventory: session.case.artefact(name::INVENTORY)?,
        verify_key: session.key(world, Purpose::Verify)?,
        needle_key: session.key(world, Purpose::Needles)?,
        plan,
        plan_sha256,
        gates,
    };
    let started_at = session.erase_began();
    let mut target = open_target(session, world, &run)?;
    let (mut units, mut stores) = (Vec::new(), Vec::new());
    for store in stores_of(&run.plan) {
        let at = session.store(world, &store)?;
        erase_store(session, world, &run, &at, target.as_mut(), &mut units, &mut stores)?;
    }
    count_again(session, world, &mut units)?;
    let erasure = Erasure {
        origin: session.origin(world, "erasure", inputs),
        predecessor: session.predecessor(name::ERASURE)?,
        started_at,
        approved_by: run.gates.approved_by(),
        allowances: run.gates.allowances.clone(),
        units,
        stores,
    };
    session.case.write_artefact(world, "erase", name::ERASURE, &erasure)?;
    Ok(session.noted(report(&erasure, &run.plan.level)))
}

fn stores_of(plan: &Plan) -> BTreeSet<String> {
    plan.units.iter().map(|unit| unit.store.clone()).collect()
}

/// The target, looked at again: it may not be the source today either.
#[allow(clippy::large_enum_variant, reason = "one is made in a run")]
enum Target {
    Live(LiveTarget),
    /// The same bytes as were verified.
    Receipt(Taken),
}

struct LiveTarget {
    name: String,
    reader: Box<dyn Reader>,
    pace: Pace,
    info: StoreInfo,
    catalog: Catalog,
    /// What stands for a snapshot where it is an export: the same files as were verified.
    export: Option<String>,
}

impl Target {
    fn catalog(&self) -> &Catalog {
        match self {
            Self::Live(live) => &live.catalog,
            Self::Receipt(taken) => &taken.catalog,
        }
    }
}

fn open_target(session: &Session, world: &World, run: &Run) -> Result<Option<Target>> {
    if !run.plan.tables().any(|table| !table.mappings.is_empty()) {
        return Ok(None);
    }
    let named = session.files.case.target().ok_or_else(|| failure!(Refused, "target-missing", mapping = "-"))?;
    let at = session.store(world, &named.name)?;
    if at.location.scheme == digest::SCHEME {
        let taken = Taken::open(session, world, &at)?;
        taken.is_the_same(run.plan.target.as_ref())?;
        return Ok(Some(Target::Receipt(taken)));
    }
    visit::open_for(world, &at)?;
    let mut reader = world.open_reader(&at.name, &at.location)?;
    let (info, catalog) = (reader.info()?, reader.catalog()?);
    let pace = Pace::begin(world, &at, info.remote)?;
    // An export is known by its bytes, wherever it lies by now; a store by its marks.
    if world.is_export(&info.engine) {
        let read = export::take(session, world, &at.name, reader.as_mut())?;
        export::is_the_same(&at.name, &read, run.plan.target.as_ref())?;
        let export = Some(read.snapshot()?);
        return Ok(Some(Target::Live(LiveTarget { name: at.name, reader, pace, info, catalog, export })));
    }
    let known = run.inventory.target().map(|target| &target.anchors);
    if known.is_some_and(|anchors| !anchors.iter().any(|anchor| info.identity.anchors.contains(anchor))) {
        return Err(failure!(Refused, "target-changed", store = at.name));
    }
    Ok(Some(Target::Live(LiveTarget { name: at.name, reader, pace, info, catalog, export: None })))
}

fn erase_store(
    session: &mut Session,
    world: &mut World,
    run: &Run,
    at: &StoreAt,
    mut target: Option<&mut Target>,
    units: &mut Vec<ErasedUnit>,
    stores: &mut Vec<CleanedStore>,
) -> Result<()> {
    let permit = ErasePermit::granted_by(&run.plan_sha256, &run.gates.approvals_sha256());
    let mut eraser = match world.open_eraser(&at.name, &at.location, &permit) {
        Ok(eraser) => eraser,
        Err(failure) if failure.exit == Exit::Refused => return refuse_all(session, world, run, at, &failure, units),
        Err(failure) => return Err(failure),
    };
    proof::check_place(&run.inventory, &at.name, &eraser.info()?)?;
    let left = session.settings_left(&at.name);
    witnessed(session, world, &at.name, |witness| eraser.tidy(&left, witness))?;
    let catalog = eraser.catalog()?;
    let info = eraser.info()?;
    match target.as_deref_mut() {
        None => {}
        Some(Target::Live(live)) => {
            let source = proof::Relative { info: &info, catalog: &catalog, reader: eraser.as_mut() };
            let mut target = proof::Relative { info: &live.info, catalog: &live.catalog, reader: live.reader.as_mut() };
            proof::check_kinship(session, world, &mut [source], &mut target)?;
        }
        Some(Target::Receipt(taken)) => {
            taken.check_kinship(session, world, &[(&info, &catalog)])?;
        }
    }
    // As late as can be: who wrote while kinship was looked at shows, too.
    let info = eraser.info()?;
    let alive = run.gates.sign_of_life(session, world, &at.name, &info);
    let life_unknown = Gates::life_unknown(session, &info);
    let mut work = unit::Work { session, world, run, at, catalog: &catalog };
    for planned in run.plan.units.iter().filter(|unit| unit.store == at.name) {
        let ended = work.erase(eraser.as_mut(), target.as_deref_mut(), planned, alive.clone())?;
        units.push(ended);
    }
    if units.iter().any(|unit| unit.store == at.name && unit.end == UnitEnd::Destroyed) {
        let cleaned = scrub(session, world, run, at, eraser.as_mut())?;
        stores.push(CleanedStore { life_unknown, ..cleaned });
    }
    Ok(())
}

/// The store as a whole is refused: each unit that has not begun stands.
fn refuse_all(
    session: &mut Session,
    world: &World,
    run: &Run,
    at: &StoreAt,
    failure: &Failure,
    units: &mut Vec<ErasedUnit>,
) -> Result<()> {
    if session.begun_unit().is_some() {
        return Err(failure.clone());
    }
    for planned in run.plan.units.iter().filter(|unit| unit.store == at.name) {
        if session.is_done(planned) {
            return Err(failure.clone()); // it waits for its store to be cleaned
        }
        units.push(refuse(session, world, planned, failure)?);
    }
    Ok(())
}

/// Journals a refusal; nothing of the unit was touched.
fn refuse(session: &mut Session, world: &World, planned: &PlannedUnit, failure: &Failure) -> Result<ErasedUnit> {
    let mut root = failure;
    while let Some(cause) = root.cause.as_deref() {
        root = cause;
    }
    session.case.record(world, Event::UnitRefused { unit: planned.unit.clone(), code: root.code.to_owned() })?;
    let args = root.args.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Ok(ErasedUnit {
        unit: planned.unit.clone(),
        store: planned.store.clone(),
        end: UnitEnd::Refused { code: root.code.to_owned(), args },
        tables: planned
            .tables
            .iter()
            .map(|table| ErasedTable { table: table.table.clone(), rows_before: table.rows, rows_left: None })
            .collect(),
        proof: Vec::new(),
        destroyed_at: None,
        needles: Vec::new(),
        target_snapshot: None,
    })
}

/// Runs work on the whole store with a witness; our own failure behind a witness's error is the one that is told.
fn witnessed<T>(
    session: &mut Session,
    world: &World,
    store: &str,
    work: impl FnOnce(&mut JournalWitness<'_>) -> lastbell_contract::Result<T>,
) -> Result<T> {
    let mut witness = JournalWitness::new(&mut session.case, world, store, "-", BTreeMap::new());
    let result = work(&mut witness);
    match witness.into_failure() {
        Some(failure) => Err(failure),
        None => Ok(result?),
    }
}

fn scrub(
    session: &mut Session,
    world: &World,
    run: &Run,
    at: &StoreAt,
    eraser: &mut dyn Eraser,
) -> Result<CleanedStore> {
    let level = Level::parse(&run.plan.level).ok_or_else(|| failure!(Refused, "tampered", path = name::PLAN))?;
    let gone = session.gone_tables();
    let catalog = eraser.catalog()?;
    let tables =
        catalog.tables.iter().filter(|table| gone.contains(&table.id.to_string())).map(|table| table.id.clone());
    // The rows are gone by now: a store that cannot go as deep as was wished goes as deep as it can, and says so.
    let means = session.files.case.means();
    let before = eraser.reach(level, means)?;
    let request = Scrub { level: level.min(before.level), means, tables: tables.collect() };
    let scrubbed = witnessed(session, world, &at.name, |witness| eraser.scrub(&request, witness))?;
    let last_write = last_write(&eraser.info()?);
    let reach = with_reasons(ReachFound::from(&scrubbed.reach), &ReachFound::from(&before));
    let event = Event::StoreScrubbed { store: at.name.clone(), level: reach.level.clone(), last_write };
    session.case.record(world, event)?;
    Ok(CleanedStore { store: at.name.clone(), reach, techniques: scrubbed.techniques, life_unknown: None })
}

/// What was reached, besides with the conditions that kept us from more: a look at the lesser level may not name them again.
fn with_reasons(reached: ReachFound, before: &ReachFound) -> ReachFound {
    let known: BTreeSet<&String> = reached.conditions.iter().map(|one| &one.code).collect();
    let kept_us = |one: &&Condition| one.state != "pass" && one.blocks > reached.level && !known.contains(&one.code);
    let reasons: Vec<Condition> = before.conditions.iter().filter(kept_us).cloned().collect();
    ReachFound { conditions: reached.conditions.iter().cloned().chain(reasons).collect(), ..reached }
}

/// The mark by which our own last write is told from somebody else's.
fn last_write(info: &StoreInfo) -> String {
    match &info.last_write {
        Known::Yes(micros) => micros.to_string(),
        Known::Unknown(_) => "unknown".to_owned(),
    }
}

/// Counts every destroyed table once more, over a fresh connection: what the certificate says is what is there now.
fn count_again(session: &mut Session, world: &World, units: &mut [ErasedUnit]) -> Result<()> {
    let mut readers: BTreeMap<String, (Box<dyn Reader>, Catalog)> = BTreeMap::new();
    for unit in units.iter_mut().filter(|unit| unit.end == UnitEnd::Destroyed) {
        if !readers.contains_key(&unit.store) {
            let at = session.store(world, &unit.store)?;
            let mut reader = world.open_reader(&at.name, &at.location)?;
            let catalog = reader.catalog()?;
            readers.insert(unit.store.clone(), (reader, catalog));
        }
        let Some((reader, catalog)) = readers.get_mut(&unit.store) else { continue };
        for table in &mut unit.tables {
            let id = super::session::table_id(catalog, &table.table);
            let id = id.ok_or_else(|| failure!(Refused, "drift-gone-table", table = table.table))?;
            let left = reader.count(&id)?;
            if left > 0 {
                return Err(failure!(Refused, "rows-again", table = table.table, rows = left));
            }
            table.rows_left = Some(left);
        }
    }
    Ok(())
}

impl Session {
    /// When the work on the erasure to come began: a run that broke off and was resumed began with its first start.
    fn erase_began(&self) -> String {
        let made = |event: &Event| match event {
            Event::File { path, .. } | Event::Moved { from: path, .. } => path == name::ERASURE,
            _ => false, // every other event
        };
        let entries = self.case.entries();
        let since = entries.iter().rposition(|entry| made(&entry.event)).map_or(0, |last| last + 1);
        let began = |event: &Event| matches!(event, Event::StepBegun { step, .. } if step == "erase");
        let first = entries[since..].iter().find(|entry| began(&entry.event));
        first.map(|entry| entry.at.clone()).unwrap_or_default()
    }

    /// Whether a unit is done.
    pub(super) fn is_done(&self, planned: &PlannedUnit) -> bool {
        self.case
            .entries()
            .iter()
            .any(|entry| matches!(&entry.event, Event::UnitDone { unit, .. } if *unit == planned.unit))
    }
}

fn report(erasure: &Erasure, wanted: &str) -> Outcome {
    let destroyed: Vec<&ErasedUnit> = erasure.units.iter().filter(|unit| unit.end == UnitEnd::Destroyed).collect();
    let rows: u64 = destroyed.iter().flat_map(|unit| &unit.tables).map(|table| table.rows_before).sum();
    let tables = destroyed.iter().map(|unit| unit.tables.len()).sum::<usize>();
    let mut lines = vec![line!("erased", units = destroyed.len(), tables = tables, rows = rows)];
    lines.extend(erasure.stores.iter().map(|store| {
        let mut techniques = store.techniques.clone();
        techniques.dedup();
        line!("erased-store", store = store.store, level = store.reach.level, techniques = techniques.join(", "))
    }));
    let mut findings = Vec::new();
    for unit in &erasure.units {
        if let UnitEnd::Refused { code, args } = &unit.end {
            let tables: Vec<&str> = unit.tables.iter().map(|table| table.table.as_str()).collect();
            let why: Vec<String> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let why = format!("{code} {}", why.join(" "));
            findings.push(line!("erase-stands", unit = unit.unit, tables = tables.join(", "), why = why.trim_end()));
        }
    }
    findings.extend(erasure.stores.iter().filter(|store| store.reach.level.as_str() < wanted).map(|store| {
        let in_the_way = |one: &&Condition| one.state != "pass" && one.blocks.as_str() <= wanted;
        let blocked = store.reach.conditions.iter().filter(in_the_way);
        let blocked: Vec<&str> = blocked.map(|condition| condition.code.as_str()).collect();
        let (level, blocked) = (&store.reach.level, blocked.join(", "));
        line!("erased-shallower", store = store.store, level = wanted, reached = level, blocked = blocked)
    }));
    findings.extend(erasure.stores.iter().filter_map(|store| {
        Some(line!("erased-life-unknown", store = store.store, reason = store.life_unknown.as_ref()?))
    }));
    let standing: Vec<&str> = erasure.standing().map(|unit| unit.unit.as_str()).collect();
    Outcome {
        exit: (!standing.is_empty()).then_some(Exit::Refused),
        document: serde_json::json!({ "destroyed_rows": rows, "destroyed_tables": tables, "standing": standing }),
        lines,
        findings,
        ..Outcome::default()
    }
}

/// Shared with `verify`: the snapshot of the target is opened after the source's lock. A receipt's was taken long ago.
fn target_snapshot(target: &mut Target) -> Result<String> {
    match target {
        Target::Live(LiveTarget { export: Some(export), .. }) => Ok(export.clone()),
        Target::Live(live) => {
            live.reader.end()?;
            live.pace.snapshot();
            verify::begin_on(live.reader.as_mut(), &live.info)
        }
        Target::Receipt(taken) => Ok(taken.read().snapshot),
    }
}
