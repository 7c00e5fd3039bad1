//! The proof of rows: scans source tables once each, digests them whole and by their mappings, and compares each mapping
//! with the target. `verify` runs it over snapshots; `erase` runs the same code again under lock, right before destruction.
//! Reads stores through the scans handed in; writes nothing but anonymous spill files in `work/`.

use super::digest::Taken;
use super::kept::{Kept, SetRead, Side, SideRead, held};
use super::session::Session;
use super::visit::Pace;
use crate::case::Secret;
use crate::case::artefacts::{Inventory, Kinship, TableProof};
use crate::failure::{Exit, Failure, Result};
use crate::residue::Collector;
use crate::verify::compare::{KeyFindings, Verdict, compare};
use crate::verify::keys::VerifyKeys;
use crate::verify::mapping::{CompiledMapping, PersonalColumns, compile};
use crate::verify::partitions::{DigestSet, SortedSet};
use crate::verify::report::{MappingResult, TableResult, Uncovered};
use crate::verify::side::{CompiledSide, Outcome as RowOutcome, SideReader};
use crate::verify::table_digest::TableDigester;
use crate::world::{World, fault};
use lastbell_contract::{Batch, Catalog, Flow, Known, PackedRow, Reader, Scan, StoreInfo, Table, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// Memory for the records of all sides of a table's mappings together; what is beyond goes to anonymous files. With buffers,
/// batches and the program itself a proof stays below 64 MB at any number of rows.
const SIDES_MEMORY_BYTES: usize = 24 << 20;

/// Memory for the digests of a whole table.
const TABLE_MEMORY_BYTES: usize = 6 << 20;

/// A side's share is never less: its runs would become too short to be read in turn.
const SIDE_MEMORY_BYTES_MIN: usize = 2 << 20;

/// Scans a source table, by a snapshot or under lock.
pub type ScanSource<'a> = dyn FnMut(&Scan, &mut Visit<'_>) -> lastbell_contract::Result<u64> + 'a;

/// A table to be proved with its mappings.
pub struct ToProve<'a> {
    /// The source store's name.
    pub store: String,
    /// The table as it is now.
    pub table: &'a Table,
    /// Its mappings.
    pub mappings: Vec<CompiledMapping>,
}

/// What a proof came to.
pub struct Proved {
    /// The tables.
    pub tables: Vec<TableProof>,
    /// Their mappings.
    pub mappings: Vec<MappingResult>,
    /// For each of these mappings the keys that did not match.
    pub findings: Vec<BTreeMap<Verdict, KeyFindings>>,
    /// Rows read from each source table.
    pub source_rows: BTreeMap<String, u64>,
    /// Rows read from each target table.
    pub target_rows: BTreeMap<String, u64>,
}

/// What a proof needs besides the stores.
pub struct ProofContext<'a> {
    /// The verification key of the case.
    pub key: &'a Secret,
    /// Where spill files go.
    pub spill_folder: &'a Path,
    /// The day of the migration, days since 1970-01-01; a platform that tells no change is not asked.
    pub migrated_on: i64,
    /// What may outlive this process: nothing under lock, where each proof is made whole.
    pub kept: Option<&'a Mutex<Kept>>,
}

impl ProofContext<'_> {
    fn kept(&self) -> Option<MutexGuard<'_, Kept>> {
        self.kept.map(held)
    }

    fn new_set(&self, side: &CompiledSide, memory_bytes_max: usize) -> DigestSet {
        let set = DigestSet::new(side.shape(), memory_bytes_max, self.spill_folder);
        match self.kept() {
            None => set,
            Some(mut kept) => set.in_file(kept.new_file()),
        }
    }

    /// A side that an earlier run of this verification read to its end.
    fn read_before(&self, to_prove: &ToProve<'_>, which: Side) -> Option<SideRead> {
        let sides = to_prove.mappings.iter().map(|mapping| match which {
            Side::Source => &mapping.source,
            Side::Target => &mapping.target,
        });
        let records: Vec<_> = sides.map(|side| side.shape().into()).collect();
        let table = to_prove.table.id.to_string();
        self.kept()?.side(&to_prove.store, &table, which, &records, side_memory(to_prove))
    }

    fn keep(&self, to_prove: &ToProve<'_>, which: Side, read: &SideRead) -> Result<()> {
        let table = to_prove.table.id.to_string();
        self.kept().map_or(Ok(()), |mut kept| kept.keep_side(&to_prove.store, &table, which, read))
    }

    /// No more records. What may be kept goes into files, all of it, once a part of it is too large for memory.
    fn finish(&self, sets: Vec<DigestSet>) -> Result<Vec<SortedSet>> {
        let in_files = self.kept.is_some() && sets.iter().any(DigestSet::spilled);
        sets.into_iter().map(|set| if in_files { set.finish_in_file() } else { set.finish() }).collect()
    }
}

/// What stands for the platform while rows are proved.
pub enum Against<'a> {
    /// The case has no target; no row can be proved.
    Nothing,
    /// A store that is read, in the snapshot that it has open.
    Live(&'a mut dyn Reader, &'a mut Pace),
    /// A receipt of its keeper, and the case that it was taken for.
    Receipt(&'a mut Taken, &'a Session),
}

/// Proves tables one after the other.
///
/// # Errors
/// A store that fails, a full disk, an interruption: never a smaller result.
pub fn prove(
    world: &mut World,
    context: &ProofContext<'_>,
    tables: &[ToProve<'_>],
    source: &mut ScanSource<'_>,
    mut target: Against<'_>,
    mut needles: Option<&mut Collector>,
) -> Result<Proved> {
    let mut proved = Proved {
        tables: Vec::new(),
        mappings: Vec::new(),
        findings: Vec::new(),
        source_rows: BTreeMap::new(),
        target_rows: BTreeMap::new(),
    };
    for to_prove in tables {
        world.go_on()?;
        let name = to_prove.table.id.to_string();
        let read = read_both(world, context, to_prove, source, &mut target, needles.as_deref_mut())?;
        let result = read.source.table.ok_or_else(|| failure!(Bug, "bug"))?;
        proved.source_rows.insert(name.clone(), result.rows);
        for ((mapping, source), target) in to_prove.mappings.iter().zip(read.source.sets).zip(read.target.sets) {
            *proved.target_rows.entry(mapping.target.base().table.to_string()).or_default() += target.base_rows;
            let comparison = compare(&source.set, &target.set, &mapping.rules())?;
            proved.mappings.push(MappingResult::new(mapping, &comparison, source.uncovered));
            proved.findings.push(comparison.findings);
        }
        proved.tables.push(TableProof {
            store: to_prove.store.clone(),
            result,
            mappings: to_prove.mappings.iter().map(|mapping| mapping.name.clone()).collect(),
        });
    }
    Ok(proved)
}

struct BothRead {
    source: SideRead,
    target: SideRead,
}

/// Streams both sides at once: the source on this thread, the target on one of its own.
fn read_both(
    world: &mut World,
    context: &ProofContext<'_>,
    to_prove: &ToProve<'_>,
    source: &mut ScanSource<'_>,
    target: &mut Against<'_>,
    needles: Option<&mut Collector>,
) -> Result<BothRead> {
    let name = to_prove.table.id.to_string();
    let targets = match (target, to_prove.mappings.first()) {
        (_, None) => None,
        (Against::Live(reader, pace), Some(_)) => Some((&mut **reader, &mut **pace)),
        (Against::Receipt(taken, session), Some(_)) => {
            world.progress.begin("progress-proof", &name, to_prove.table.rows_estimate);
            let source = read_source(world, context, to_prove, source, needles)?;
            let target = read_receipt(world, context, to_prove, taken, session)?;
            world.progress.end();
            return Ok(BothRead { source, target });
        }
        (Against::Nothing, Some(mapping)) => {
            return Err(failure!(Refused, "target-missing", mapping = mapping.name));
        }
    };
    let begin = |world: &mut World| world.progress.begin("progress-proof", &name, to_prove.table.rows_estimate);
    let read = |hearing: &mut dyn Hearing| read_source(hearing, context, to_prove, source, needles);
    let Some((reader, pace)) = targets else {
        begin(world);
        let source = read(world)?;
        world.progress.end();
        return Ok(BothRead { source, target: SideRead { table: None, sets: Vec::new() } });
    };
    let target = |hearing: &mut dyn Hearing| read_targets(hearing, context, to_prove, reader);
    let (source, target) = at_once(world, (&name, &begin), pace, read, target)?;
    Ok(BothRead { source, target })
}

/// Reads both sides of a table at once: the source on this thread, once its progress has begun, the target on one of its
/// own. The failure that is told is the one that came first; the other side is abandoned.
///
/// # Errors
/// That failure.
pub fn at_once<S, T: Send>(
    world: &mut World,
    (name, begin): (&str, &dyn Fn(&mut World)),
    pace: &mut Pace,
    source: impl FnOnce(&mut dyn Hearing) -> Result<S>,
    target: impl FnOnce(&mut dyn Hearing) -> Result<T> + Send,
) -> Result<(S, T)> {
    let beside = Beside::new(world);
    std::thread::scope(|scope| {
        let mut visitor = Visitor { beside: &beside, pace };
        let beside = &beside;
        let target = scope.spawn(move || beside.ended(Side::Target, target(&mut visitor)));
        begin(world);
        let source = beside.ended(Side::Source, source(&mut Owner { world: &mut *world, beside }));
        world.progress.end();
        match (source, wait(world, beside, name, target)) {
            (Ok(source), Ok(target)) => Ok((source, target)),
            (Err(_), Err(failure)) if beside.failed_first() == Some(Side::Target) => Err(failure),
            (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
        }
    })
}

/// Waits for the target's side and shows how far it is.
fn wait<T>(world: &mut World, beside: &Beside, name: &str, thread: ScopedJoinHandle<'_, T>) -> T {
    if !thread.is_finished() {
        let mut shown = beside.rows.load(Ordering::Relaxed);
        world.progress.begin("progress-proof-target", name, None);
        world.progress.advance(shown);
        while !thread.is_finished() {
            std::thread::sleep(WAIT);
            let now = beside.rows.load(Ordering::Relaxed);
            world.progress.advance(now - shown);
            shown = now;
        }
        world.progress.end();
    }
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// A proof that waits looks so often whether it can go on.
const WAIT: Duration = Duration::from_millis(5);

/// What the two sides know of each other while they are read at once.
struct Beside {
    stop: Arc<AtomicBool>,
    /// The side that failed first: nobody wants the other's rows any more.
    failed: OnceLock<Side>,
    /// Rows of the target so far.
    rows: AtomicU64,
}

impl Beside {
    fn new(world: &World) -> Self {
        Self { stop: world.stop.clone(), failed: OnceLock::new(), rows: AtomicU64::new(0) }
    }

    fn ended<T>(&self, side: Side, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.failed.get_or_init(|| side);
        }
        result
    }

    fn failed_first(&self) -> Option<Side> {
        self.failed.get().copied()
    }

    fn go_on(&self) -> Result<()> {
        if self.failed_first().is_some() {
            return Err(failure!(Interrupted, "interrupted", operation = "-", table = "-", reason = "abandoned"));
        }
        crate::world::go_on(&self.stop)
    }
}

/// Who reads the source.
struct Owner<'a> {
    world: &'a mut World,
    beside: &'a Beside,
}

impl Hearing for Owner<'_> {
    fn hear(&mut self, batch: &Batch) -> Result<()> {
        self.beside.go_on()?;
        self.world.hear(batch)
    }
}

/// Who reads the target beside the source.
struct Visitor<'a> {
    beside: &'a Beside,
    pace: &'a mut Pace,
}

impl Hearing for Visitor<'_> {
    fn hear(&mut self, batch: &Batch) -> Result<()> {
        self.beside.rows.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.beside.go_on()?;
        self.pace.heard(batch.bytes())
    }
}

/// Whom a scan tells of its rows, and who may end it.
pub trait Hearing {
    /// More rows came; an error ends the scan.
    fn hear(&mut self, batch: &Batch) -> Result<()>;
}

impl Hearing for World {
    fn hear(&mut self, batch: &Batch) -> Result<()> {
        self.progress.advance(batch.len() as u64);
        self.go_on()
    }
}

/// Who reads the target and nothing else.
pub struct Visiting<'a> {
    /// Shows how far it is.
    pub world: &'a mut World,
    /// The pace of the visit.
    pub pace: &'a mut Pace,
}

impl Hearing for Visiting<'_> {
    fn hear(&mut self, batch: &Batch) -> Result<()> {
        self.world.hear(batch)?;
        self.pace.heard(batch.bytes())
    }
}

fn side_memory(to_prove: &ToProve<'_>) -> usize {
    (SIDES_MEMORY_BYTES / (2 * to_prove.mappings.len()).max(1)).max(SIDE_MEMORY_BYTES_MIN)
}

/// One pass over a source table feeds its digest, all its mappings and the needles.
fn read_source(
    hearing: &mut dyn Hearing,
    context: &ProofContext<'_>,
    to_prove: &ToProve<'_>,
    source: &mut ScanSource<'_>,
    mut needles: Option<&mut Collector>,
) -> Result<SideRead> {
    if let Some(read) = context.read_before(to_prove, Side::Source) {
        return Ok(read);
    }
    let table = to_prove.table;
    let columns = table.column_names();
    let mut digester =
        TableDigester::new(context.key.bytes(), &table.id, &columns, TABLE_MEMORY_BYTES, context.spill_folder);
    let mut sides = Vec::new();
    for mapping in &to_prove.mappings {
        let reader = open_reader_of(hearing, context, mapping, &mapping.source, source)?;
        sides.push((reader, context.new_set(&mapping.source, side_memory(to_prove))));
    }
    let mut uncovered = vec![Uncovered::default(); sides.len()];
    let name = table.id.to_string();
    let mut take = |row: PackedRow<'_>| -> Result<()> {
        digester.row(row)?;
        if let Some(needles) = needles.as_deref_mut() {
            columns.iter().zip(row.cells()).for_each(|(column, cell)| needles.add(&name, column, &cell.value()));
        }
        feed_mappings(&mut sides, &mut uncovered, row)
    };
    scan_rows(hearing, &Scan::whole(&table.id, &columns), source, &mut take)?;
    let sets = context.finish(sides.into_iter().map(|(_, set)| set).collect())?;
    let sets = sets.into_iter().zip(uncovered).map(|(set, uncovered)| SetRead { set, uncovered, base_rows: 0 });
    let read = SideRead { table: Some(TableResult::new(&table.id, &digester.finish()?)), sets: sets.collect() };
    context.keep(to_prove, Side::Source, &read)?;
    Ok(read)
}

/// A row that no mapping of its table digests is missing; it is booked once, with the first mapping.
fn feed_mappings(
    sides: &mut [(SideReader<'_>, DigestSet)],
    uncovered: &mut [Uncovered],
    row: PackedRow<'_>,
) -> Result<()> {
    let (mut digested, mut reason) = (false, None);
    for (reader, set) in &mut *sides {
        match reader.row(row) {
            RowOutcome::Digested(record) => {
                set.push(record)?;
                digested = true;
            }
            RowOutcome::NoPartner => reason = reason.or(Some(RowOutcome::NoPartner)),
            RowOutcome::OutsideFilter => reason = reason.or(Some(RowOutcome::OutsideFilter)),
            RowOutcome::AmbiguousJoin => reason = reason.or(Some(RowOutcome::AmbiguousJoin)),
        }
    }
    if let (false, Some(reason), Some(first)) = (digested, reason, uncovered.first_mut()) {
        match reason {
            RowOutcome::NoPartner => first.no_partner += 1,
            RowOutcome::OutsideFilter => first.outside_filter += 1,
            RowOutcome::AmbiguousJoin => first.ambiguous_join += 1,
            RowOutcome::Digested(_) => {}
        }
    }
    Ok(())
}

fn keys_of(context: &ProofContext<'_>, mapping: &CompiledMapping) -> VerifyKeys {
    VerifyKeys::derive(context.key.bytes(), &mapping.key_label())
}

pub(super) fn load_joined(
    hearing: &mut dyn Hearing,
    side: &CompiledSide,
    reader: &mut SideReader<'_>,
    scan: &mut ScanSource<'_>,
) -> Result<()> {
    for (index, joined) in side.joined().iter().enumerate() {
        scan_rows(hearing, &joined.scan(), scan, &mut |row| {
            reader.add_joined(index, row);
            Ok(())
        })?;
    }
    Ok(())
}

/// A reader of a side for a pass of its own.
///
/// # Errors
/// As [`prove`].
pub fn open_reader_of<'a>(
    hearing: &mut dyn Hearing,
    context: &ProofContext<'_>,
    mapping: &CompiledMapping,
    side: &'a CompiledSide,
    scan: &mut ScanSource<'_>,
) -> Result<SideReader<'a>> {
    let mut reader = SideReader::new(side, keys_of(context, mapping), context.migrated_on);
    load_joined(hearing, side, &mut reader, scan)?;
    Ok(reader)
}

/// The target's side of every mapping from a receipt. No row of a store is read for it.
fn read_receipt(
    world: &World,
    context: &ProofContext<'_>,
    to_prove: &ToProve<'_>,
    taken: &mut Taken,
    session: &Session,
) -> Result<SideRead> {
    let memory = side_memory(to_prove);
    let side = |mapping| {
        let set = taken.side(session, world, mapping, memory, context.spill_folder)?;
        Ok(SetRead { set, uncovered: Uncovered::default(), base_rows: 0 })
    };
    Ok(SideRead { table: None, sets: to_prove.mappings.iter().map(side).collect::<Result<_>>()? })
}

/// Reads the target's side of every mapping.
fn read_targets(
    hearing: &mut dyn Hearing,
    context: &ProofContext<'_>,
    to_prove: &ToProve<'_>,
    reader: &mut (dyn Reader + '_),
) -> Result<SideRead> {
    if let Some(read) = context.read_before(to_prove, Side::Target) {
        return Ok(read);
    }
    let mut scan_target = |scan: &Scan, visit: &mut Visit<'_>| reader.scan(scan, visit);
    let (mut sets, mut rows) = (Vec::new(), Vec::new());
    for mapping in &to_prove.mappings {
        let side = &mapping.target;
        let mut set = context.new_set(side, side_memory(to_prove));
        let rows_reader = SideReader::new(side, keys_of(context, mapping), context.migrated_on);
        rows.push(digest_target(hearing, side, rows_reader, &mut set, &mut scan_target)?);
        sets.push(set);
    }
    let set_read = |(set, base_rows)| SetRead { set, uncovered: Uncovered::default(), base_rows };
    let read = SideRead { table: None, sets: context.finish(sets)?.into_iter().zip(rows).map(set_read).collect() };
    context.keep(to_prove, Side::Target, &read)?;
    Ok(read)
}

/// Digests the target's side of one mapping: a live target's, or the platform's own for a receipt. Rows outside its filter
/// or without a partner are not of this mapping; there they are nothing. Gives how many rows its base table has.
///
/// # Errors
/// As [`prove`].
pub fn digest_target(
    hearing: &mut dyn Hearing,
    side: &CompiledSide,
    mut reader: SideReader<'_>,
    set: &mut DigestSet,
    scan: &mut ScanSource<'_>,
) -> Result<u64> {
    load_joined(hearing, side, &mut reader, scan)?;
    scan_rows(hearing, &side.base().scan(), scan, &mut |row| match reader.row(row) {
        RowOutcome::Digested(record) => set.push(record),
        RowOutcome::NoPartner | RowOutcome::OutsideFilter | RowOutcome::AmbiguousJoin => Ok(()),
    })
}

/// What takes the rows of a scan.
type Take<'a> = dyn FnMut(PackedRow<'_>) -> Result<()> + 'a;

/// Scans a table row by row; a failure of ours stops the scan and is the one that is told.
pub fn scan_rows(
    hearing: &mut dyn Hearing,
    scan: &Scan,
    source: &mut ScanSource<'_>,
    take: &mut Take<'_>,
) -> Result<u64> {
    let mut ours: Option<Failure> = None;
    let rows = source(scan, &mut |batch: Batch| {
        let mut visit = |row: PackedRow<'_>| {
            fault::row(row);
            take(row)
        };
        match hearing.hear(&batch).and_then(|()| batch.rows().try_for_each(&mut visit)) {
            Ok(()) => Flow::Continue,
            Err(failure) => {
                ours = Some(failure);
                Flow::Stop
            }
        }
    });
    match (ours, rows) {
        (Some(failure), _) => Err(failure),
        (None, rows) => Ok(rows?),
    }
}

/// Compiles the mappings that start from the given tables.
///
/// # Errors
/// `mapping-problems`, with every problem as its cause; `mapping-weakness` where all of them are that it proves too little.
pub fn compile_mappings(
    session: &Session,
    inventory: &Inventory,
    source: &Catalog,
    target: Option<&Catalog>,
    tables: &BTreeSet<String>,
) -> Result<BTreeMap<String, Vec<CompiledMapping>>> {
    let empty = Catalog::default();
    let personal = personal_columns(session, inventory, source)?;
    let (mut compiled, mut problems) = (BTreeMap::<String, Vec<CompiledMapping>>::new(), Vec::new());
    for mapping in &session.profile()?.mappings {
        let base = mapping.source.tables().first().map(|table| table.table.to_owned()).unwrap_or_default();
        if inventory.source_table(&base).is_none() {
            problems.push(failure!(Usage, "mapping-base-unknown", mapping = mapping.name, table = base));
        }
        let here = source.tables.iter().any(|table| table.id.to_string() == base);
        // Without a target nothing can be proved; the tables then need waivers.
        if !here || !tables.contains(&base) || target.is_none() {
            continue;
        }
        match compile(mapping, source, target.unwrap_or(&empty), &personal) {
            Ok(mapping) => compiled.entry(base).or_default().push(mapping),
            Err(found) => problems.extend(found),
        }
    }
    // A profile that fits the stores and only proves too little is no bad file: it is refused.
    let proves_little = problems.iter().all(|problem| problem.exit == Exit::Refused);
    match problems.into_iter().rev().reduce(|later, problem| problem.because(later)) {
        Some(problems) if proves_little => Err(failure!(Refused, "mapping-weakness").because(problems)),
        Some(problems) => Err(failure!(Usage, "mapping-problems").because(problems)),
        None => Ok(compiled),
    }
}

/// Which columns are personal, and which of them tell one person from another: by category, or as key to a declared subject.
pub(super) fn personal_columns(session: &Session, inventory: &Inventory, catalog: &Catalog) -> Result<PersonalColumns> {
    let profile = session.profile()?;
    let mut all = BTreeMap::new();
    for table in &catalog.tables {
        let name = table.id.to_string();
        let Some((_, found)) = inventory.source_table(&name) else { continue };
        let key_to_subject = |column: &str| {
            let via =
                profile.tables.get(&name).and_then(|rule| rule.subject.as_ref()).is_some_and(|link| link.via == column);
            via || profile
                .subjects
                .iter()
                .any(|subject| subject.table == name && subject.key.iter().any(|key| key == column))
        };
        let columns = session.personal_columns(found).into_iter().map(|(column, category)| {
            let identifies = category.identifies() || key_to_subject(&column);
            (column, identifies)
        });
        all.insert(table.id.clone(), columns.collect());
    }
    Ok(PersonalColumns(all))
}

/// A store that is looked at for kinship: what it says of itself, and a visit to probe it by.
pub struct Relative<'a> {
    /// What it is.
    pub info: &'a StoreInfo,
    /// Its tables.
    pub catalog: &'a Catalog,
    /// The visit.
    pub reader: &'a mut dyn Reader,
}

/// Refuses a target that is the source or receives changes from it; what cannot be looked at must be attested.
///
/// # Errors
/// `target-is-source`, `target-follows-source`, `kinship-unknown`.
pub fn check_kinship(
    session: &Session,
    world: &mut World,
    sources: &mut [Relative<'_>],
    target: &mut Relative<'_>,
) -> Result<Kinship> {
    let mut unknown = Vec::new();
    for source in &mut *sources {
        let (of_source, of_target) = (&source.info.identity, &target.info.identity);
        let follows = check_follows(&of_source.anchors, &of_source.feeds, &of_target.follows);
        unknown.extend(check_same(world, source, target)?);
        unknown.extend(follows?);
    }
    let refused = unknown.first().map(|why| failure!(Refused, "kinship-unknown", reason = why));
    kinship(session, refused, looks_like_a_copy(sources, target.catalog))
}

/// What is known of target and source: apart, or stated to be so by a person where nobody can look; else `refused`.
///
/// # Errors
/// `refused`, when there is such a thing and no such statement.
pub fn kinship(session: &Session, refused: Option<Failure>, looks_like_a_copy: bool) -> Result<Kinship> {
    let attested_by = session.attested("target-apart");
    let state = match (refused, &attested_by) {
        (None, _) => "apart",
        (Some(_), Some(_)) => "attested",
        (Some(refused), None) => return Err(refused),
    };
    Ok(Kinship {
        state: state.to_owned(),
        attested_by,
        looks_like_a_copy,
        platform_attested_by: session.attested("target-is-platform"),
    })
}

/// Is it one store under two addresses? Marks that lie in the store tell, and a mark that is raised on one connection and
/// seen on the other. Gives the reason why nobody can know.
fn check_same(world: &mut World, source: &mut Relative<'_>, target: &mut Relative<'_>) -> Result<Option<String>> {
    let anchors = &source.info.identity.anchors;
    if target.info.identity.anchors.iter().any(|anchor| anchors.contains(anchor)) {
        return Err(failure!(Refused, "target-is-source"));
    }
    if source.info.engine != target.info.engine {
        return Ok(None); // no store speaks for two engines
    }
    let mark = crate::hex::encode(&world.random::<12>()?);
    source.reader.raise_mark(&mark)?;
    match target.reader.sees_mark(&mark)? {
        Known::Yes(true) => Err(failure!(Refused, "target-is-source")),
        Known::Yes(false) => Ok(None),
        Known::Unknown(why) if why == "anchors-only" => Ok(None),
        Known::Unknown(why) => Ok(Some(why)),
    }
}

/// Does the target follow the source, known by its anchors and the streams that it gives out? Gives the reason why nobody
/// can know.
///
/// # Errors
/// `target-follows-source`.
pub fn check_follows(
    anchors: &[String],
    feeds: &Known<Vec<String>>,
    follows: &Known<Vec<String>>,
) -> Result<Option<String>> {
    let followed = match follows {
        Known::Yes(followed) if followed.is_empty() => return Ok(None),
        Known::Yes(followed) => followed,
        Known::Unknown(why) => return Ok(Some(why.clone())),
    };
    if followed.iter().any(|mark| anchors.contains(mark)) {
        return Err(failure!(Refused, "target-follows-source"));
    }
    match feeds {
        Known::Yes(fed) if followed.iter().any(|mark| fed.contains(mark)) => {
            Err(failure!(Refused, "target-follows-source"))
        }
        Known::Yes(_) => Ok(None),
        Known::Unknown(why) => Ok(Some(why.clone())),
    }
}

/// Every table of the source stands in the target with the same shape.
fn looks_like_a_copy(sources: &[Relative<'_>], target: &Catalog) -> bool {
    let mut tables = sources.iter().flat_map(|source| &source.catalog.tables).peekable();
    let same = |table: &Table| {
        let twin = target.table(&table.id);
        twin.is_some_and(|twin| super::discover::fingerprint(twin) == super::discover::fingerprint(table))
    };
    tables.peek().is_some() && tables.all(same)
}

/// Refuses a source that is not the store which the inventory saw: an address may lead elsewhere today, to rows that are as
/// good as equal (the platform's, a copy that is in use), and what was approved is the one store. A file's mark is its place
/// on the disk; that of a file which was put back from a copy, or that we wrote anew, is another, so it tells nothing here.
///
/// # Errors
/// `source-changed`.
pub fn check_place(inventory: &Inventory, store: &str, info: &StoreInfo) -> Result<()> {
    let found = inventory.sources().find(|found| found.name == store);
    let mut lasting =
        found.into_iter().flat_map(|found| &found.anchors).filter(|anchor| !anchor.starts_with("file:")).peekable();
    if lasting.peek().is_none() || lasting.any(|anchor| info.identity.anchors.contains(anchor)) {
        return Ok(());
    }
    Err(failure!(Refused, "source-changed", store = store))
}

/// Refuses when a source's schema is not what the inventory saw.
///
/// # Errors
/// `drift-schema`, `drift-new-table`, `drift-gone-table`.
pub fn check_schema(session: &Session, inventory: &Inventory, store: &str, catalog: &Catalog) -> Result<()> {
    let found = inventory.sources().find(|found| found.name == store);
    let found = found.ok_or_else(|| failure!(Refused, "store-unknown", store = store))?;
    for table in &catalog.tables {
        let name = table.id.to_string();
        match found.tables.iter().find(|known| known.name == name) {
            None => return Err(failure!(Refused, "drift-new-table", table = name)),
            Some(known) if !session.is_schema(table, &known.fingerprint) => {
                return Err(failure!(Refused, "drift-schema", table = name));
            }
            Some(_) => {}
        }
    }
    let gone = found.tables.iter().find(|known| !catalog.tables.iter().any(|table| table.id.to_string() == known.name));
    gone.map_or(Ok(()), |known| Err(failure!(Refused, "drift-gone-table", table = known.name)))
}
