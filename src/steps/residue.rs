//! Step residue: looks for what erasure should have removed.
//! Reads `erasure.json`, the sealed needles, the rows that stay, and every file that can be reached; writes `residue.json`.
//! Changes no store.

use super::Outcome;
use super::session::{Session, Standing, StoreAt};
use crate::case::artefacts::{ErasedUnit, Erasure, Residue, UnitEnd, UnitResidue, name};
use crate::case::seal::unseal;
use crate::case::{Event, Purpose, Secret};
use crate::failure::{Failure, Result};
use crate::residue::{Clean, Ended, Found, KeptRows, Looked, NotLookedAt, ReportDraft, Scanner, Shard, check_set};
use crate::world::World;
use lastbell_contract::{ErrorKind, FileRole, PackedRow, Reader, Row, Scan, StoreFile, Table, TableKind, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A unit's needles.
struct Hunted {
    store: String,
    unit: String,
    shards: Vec<Shard>,
    shard_count: usize,
}

/// Looks for residue.
///
/// # Errors
/// `step-missing` before `erase`; a store that fails; needles that cannot be opened. Never a smaller search.
pub fn run(session: &mut Session, world: &mut World, again: bool) -> Result<Outcome> {
    // A search in another store than the one that was erased would find nothing, whatever is left.
    session.require("discover", name::INVENTORY, &session.inputs_of_discover())?;
    session.require("erase", name::ERASURE, &session.inputs_of_erase())?;
    let inputs = session.inputs_of_residue();
    if let Standing::Done = session.begin(world, "residue", name::RESIDUE, &inputs, again)? {
        return Ok(report(&session.case.artefact(name::RESIDUE)?));
    }
    let key = session.key(world, Purpose::Needles)?;
    let erasures = session.erasures()?;
    let mut hunted = open_needles(session, &erasures, &key)?;
    let mut residue = Residue {
        origin: session.origin(world, "residue", inputs),
        units: Vec::new(),
        kept_rows: BTreeMap::new(),
        levels: BTreeMap::new(),
    };
    for store in stores_of(&hunted) {
        let at = session.store(world, &store)?;
        let of_store: Vec<&mut Hunted> = hunted.iter_mut().filter(|unit| unit.store == store).collect();
        let mut search = Search { session, world, key: &key, at, units: of_store };
        let (kept, reports) = search.run()?;
        let look = Event::Look { store: store.clone(), purpose: "residue".to_owned(), rows: kept.clone() };
        session.case.record(world, look)?;
        residue.kept_rows.extend(kept);
        residue.units.extend(reports);
    }
    residue.levels = levels(&erasures, &residue);
    session.case.write_artefact(world, "residue", name::RESIDUE, &residue)?;
    Ok(session.noted(report(&residue)))
}

fn stores_of(hunted: &[Hunted]) -> BTreeSet<String> {
    hunted.iter().map(|unit| unit.store.clone()).collect()
}

fn open_needles(session: &Session, erasures: &[Erasure], key: &Secret) -> Result<Vec<Hunted>> {
    let mut hunted = Vec::new();
    for unit in destroyed_units(erasures) {
        let mut shards = Vec::new();
        for file in &unit.needles {
            let content = unseal(key, session.case.id(), file, &session.case.read(file)?)?;
            shards.push(Shard::from_bytes(key.bytes(), &content)?);
        }
        check_set(&shards)?;
        let shard_count = shards.len();
        hunted.push(Hunted { store: unit.store.clone(), unit: unit.unit.clone(), shards, shard_count });
    }
    Ok(hunted)
}

/// Every unit that was destroyed under any plan, once: a repeated run names those of the run before again.
pub(super) fn destroyed_units(erasures: &[Erasure]) -> Vec<&ErasedUnit> {
    let units = erasures.iter().flat_map(|erasure| &erasure.units).filter(|unit| unit.end == UnitEnd::Destroyed);
    units.map(|unit| (unit.unit.as_str(), unit)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// Needles that are compared with kept rows in one pass; more units than that take further passes.
const NEEDLES_IN_A_PASS: u64 = 4_000_000;

/// Needles that are looked for in files at once: what one shard may hold, so that memory stays what it is.
const NEEDLES_IN_A_SEARCH: u64 = 500_000;

/// How often a file that was written to while it was read is read anew: a server at rest still writes now and then.
const READINGS_MAX: u32 = 6;
/// What is waited before it, in milliseconds, longer each time.
const PAUSE_MS: u64 = 200;

/// The search in one store.
struct Search<'a> {
    session: &'a Session,
    world: &'a mut World,
    key: &'a Secret,
    at: StoreAt,
    units: Vec<&'a mut Hunted>,
}

impl Search<'_> {
    fn run(&mut self) -> Result<(BTreeMap<String, u64>, Vec<UnitResidue>)> {
        let mut reader = self.world.open_reader(&self.at.name, &self.at.location)?;
        let inventory = self.session.case.artefact(name::INVENTORY)?;
        super::proof::check_place(&inventory, &self.at.name, &reader.info()?)?;
        let kept = self.spare_kept_cells(reader.as_mut())?;
        let places = places(self.session, self.world, &self.at, reader.as_mut())?;
        // Closing any handle of an SQLite file drops the locks of all of them (POSIX), so no visit lasts while files are read.
        drop(reader);
        let empty = self.read_without_hits(&places)?;
        let mut hits = Vec::new();
        let mut reports = Vec::new();
        for (unit, empty) in self.units.iter().zip(&empty) {
            let (report, found) = hunt(self.world, self.key, unit, &places, empty)?;
            hits.push(found);
            reports.push(UnitResidue { store: unit.store.clone(), unit: unit.unit.clone(), report });
        }
        if hits.iter().any(|found| found.distinct() > 0) {
            self.spare_neighbours(&hits)?;
            for (at, _) in hits.iter().enumerate().filter(|(_, found)| found.distinct() > 0) {
                reports[at].report = hunt(self.world, self.key, self.units[at], &places, &empty[at])?.0;
            }
        }
        Ok((kept, reports))
    }

    /// For each unit, the files in which nothing of it and of its neighbours was found; one pass takes many units. A server's
    /// files are the same for all of them, and large.
    fn read_without_hits(&mut self, places: &Places) -> Result<Vec<Vec<Option<Looked>>>> {
        let mut answers = Vec::new();
        let (world, key) = (&mut *self.world, self.key);
        let mut left: &mut [&mut Hunted] = &mut self.units;
        while !left.is_empty() {
            let (batch, rest) = left.split_at_mut(batch_length(left, NEEDLES_IN_A_SEARCH));
            // Alone it is looked for anyway, and shard by shard.
            let empty = if batch.len() < 2 {
                places.files.iter().map(|_| None).collect()
            } else {
                let shards: Vec<Shard> = batch.iter_mut().flat_map(|unit| std::mem::take(&mut unit.shards)).collect();
                let scanner = Scanner::of_units(key.bytes(), &shards);
                give_back(batch, shards);
                without_hits(world, &scanner?, batch, places)?
            };
            answers.extend(batch.iter().map(|_| empty.clone()));
            left = rest;
        }
        Ok(answers)
    }

    /// A value that also stands in a row that stays proves nothing when it is found: it is taken out, and counted.
    fn spare_kept_cells(&mut self, reader: &mut dyn Reader) -> Result<BTreeMap<String, u64>> {
        let mut rows = BTreeMap::new();
        let (session, world, key) = (self.session, &mut *self.world, self.key);
        let mut left: &mut [&mut Hunted] = &mut self.units;
        while !left.is_empty() {
            let (batch, rest) = left.split_at_mut(batch_length(left, NEEDLES_IN_A_PASS));
            let mut shards: Vec<Shard> = batch.iter_mut().flat_map(|unit| std::mem::take(&mut unit.shards)).collect();
            let mut kept = KeptRows::new(key.bytes(), &shards)?;
            for table in &reader.catalog()?.tables {
                table.definition.iter().for_each(|definition| kept.exclude_text(definition));
            }
            rows = read_kept(session, world, reader, &mut |_, row| row.iter().for_each(|value| kept.exclude(value)))?;
            kept.apply(&mut shards);
            give_back(batch, shards);
            left = rest;
        }
        Ok(rows)
    }

    /// What was found may be two kept cells side by side. Only what was found is compared with whole records: there are
    /// many ways to put a row together, and few hits.
    fn spare_neighbours(&mut self, hits: &[Found]) -> Result<()> {
        let mut suspects: Vec<Shard> = Vec::new();
        for (unit, found) in self.units.iter().zip(hits) {
            suspects.extend(unit.shards.iter().map(|shard| shard.suspects(found)));
        }
        let mut kept = KeptRows::of_found(self.key.bytes(), &suspects, hits)?;
        let mut reader = self.world.open_reader(&self.at.name, &self.at.location)?;
        read_kept(self.session, self.world, reader.as_mut(), &mut |records, row| {
            for record in records {
                kept.exclude_record(record.iter().map(|place| &row[*place]));
            }
        })?;
        kept.apply(&mut suspects);
        let mut suspects = suspects.iter();
        for shard in self.units.iter_mut().flat_map(|unit| &mut unit.shards) {
            suspects.next().into_iter().for_each(|suspect| shard.spare(suspect));
        }
        Ok(())
    }
}

/// Every unit gets its own shards again.
fn give_back(batch: &mut [&mut Hunted], shards: Vec<Shard>) {
    let mut shards = shards.into_iter();
    for unit in batch {
        unit.shards = shards.by_ref().take(unit.shard_count).collect();
    }
}

/// How many units one pass takes: at least one.
fn batch_length(units: &[&mut Hunted], needles_max: u64) -> usize {
    let mut needles = 0;
    let fits = |unit: &&&mut Hunted| {
        needles += unit.shards.iter().map(Shard::needles).sum::<u64>();
        needles <= needles_max
    };
    units.iter().take_while(fits).count().max(1)
}

type Records = BTreeSet<Vec<usize>>;

/// Hands over every row that stays, with the ways in which its cells stand side by side.
fn read_kept(
    session: &Session,
    world: &mut World,
    reader: &mut dyn Reader,
    take: &mut dyn FnMut(&Records, &Row),
) -> Result<BTreeMap<String, u64>> {
    let gone = session.gone_tables();
    let mut rows_read = BTreeMap::new();
    for table in &reader.catalog()?.tables {
        // A full-text copy repeats the words of its content table, which is read anyway.
        let repeats = matches!(table.kind, TableKind::FullText { .. });
        if gone.contains(&table.id.to_string()) || repeats || matches!(table.kind, TableKind::Elsewhere(_)) {
            continue;
        }
        world.progress.begin("progress-kept", &table.id.to_string(), table.rows_estimate);
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| reader.scan(scan, visit);
        let all = Scan::whole(&table.id, &table.column_names());
        let records = records(table);
        let rows = super::proof::scan_rows(world, &all, &mut scan, &mut |row: PackedRow<'_>| {
            take(&records, &row.unpacked());
            Ok(())
        })?;
        world.progress.end();
        rows_read.insert(table.id.to_string(), rows);
    }
    Ok(rows_read)
}

/// Which columns stand side by side: in the table itself, and in each of its indexes.
fn records(table: &Table) -> Records {
    let place = |name: &String| table.columns.iter().position(|column| column.name == *name);
    let whole = (0..table.columns.len()).collect();
    let keys = table.indexes.iter().map(|index| &index.columns).chain(&table.unique_keys).chain([&table.primary_key]);
    let sets =
        keys.map(|columns| columns.iter().filter_map(place).collect::<Vec<usize>>()).filter(|set| !set.is_empty());
    // A table without row ids is stored by its key, then the rest; in others the row's number is not in the record.
    let by_key = table.primary_key.iter().filter_map(place).collect::<Vec<usize>>();
    let rest: Vec<usize> = (0..table.columns.len()).filter(|column| !by_key.contains(column)).collect();
    let key_first = by_key.into_iter().chain(rest.iter().copied()).collect();
    sets.chain([whole, key_first, rest]).collect()
}

/// Files to be read, and what stays unread.
struct Places {
    files: Vec<StoreFile>,
    not_looked_at: Vec<NotLookedAt>,
}

impl Places {
    fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| fs::metadata(&file.path).ok()).map(|meta| meta.len()).sum()
    }
}

fn places(session: &Session, world: &World, at: &StoreAt, reader: &mut dyn Reader) -> Result<Places> {
    let mut not_looked_at = Vec::new();
    let mut unseen =
        |what: &str, why: &str| not_looked_at.push(NotLookedAt { what: what.to_owned(), why: why.to_owned() });
    unseen("free-space", "outside-files");
    unseen("copies-elsewhere", "not-named");
    unseen("compressed-content", "not-decoded");
    let mut files = match reader.files() {
        Ok(files) => files,
        Err(error) if error.kind == ErrorKind::Unsupported => {
            unseen(&format!("files-of-{}", at.name), "not-reachable");
            Vec::new()
        }
        Err(error) => return Err(error.into()),
    };
    let target = target_files(session, world)?;
    let own: BTreeSet<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    for folder in &session.files.case.residue.folders {
        let folder = session.beside(folder);
        walk(&folder, session.case.path(), &mut files, &mut unseen)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    // A copy belongs to whoever lists it; where both do (`diary` and `diary.db` in one folder), it is looked into.
    let is_theirs = |file: &StoreFile| {
        let real = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        match target.get(&real) {
            Some(FileRole::Data | FileRole::Log | FileRole::Other) => true,
            Some(FileRole::Copy) => !own.contains(&file.path),
            None => false,
        }
    };
    let (theirs, ours): (Vec<_>, Vec<_>) = files.into_iter().partition(is_theirs);
    theirs.iter().for_each(|file| unseen(&file.path.display().to_string(), "target-store"));
    Ok(Places { files: ours, not_looked_at })
}

/// The platform's own files hold the values lawfully, should a named folder contain them.
fn target_files(session: &Session, world: &World) -> Result<BTreeMap<PathBuf, FileRole>> {
    let Some(target) = session.files.case.target() else { return Ok(BTreeMap::new()) };
    let at = session.store(world, &target.name)?;
    let files = world.open_reader(&at.name, &at.location).ok().and_then(|mut reader| reader.files().ok());
    Ok(files.into_iter().flatten().map(|file| (file.path, file.role)).collect())
}

/// Every file below a folder, and what a link there leads to: a file is read, a folder elsewhere is told as unread. Sockets
/// and pipes are named as not looked at. The case itself is left out: it holds no values, and its fingerprints must not be
/// read as residue.
fn walk(folder: &Path, case: &Path, files: &mut Vec<StoreFile>, unseen: &mut dyn FnMut(&str, &str)) -> Result<()> {
    let case = fs::canonicalize(case).map_err(|error| Failure::file(case, &error))?;
    let mut folders = vec![fs::canonicalize(folder).map_err(|error| Failure::file(folder, &error))?];
    while let Some(folder) = folders.pop() {
        if folder.starts_with(&case) {
            continue;
        }
        let entries = fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Failure::file(&folder, &error))?;
            let kind = entry.file_type().map_err(|error| Failure::file(&folder, &error))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() || kind.is_symlink() {
                files.push(StoreFile { path: entry.path(), role: FileRole::Other });
            } else {
                unseen(&entry.path().display().to_string(), "not-a-file");
            }
        }
    }
    Ok(())
}

/// Files in which none of the units' values stands, with what they gave; `None` for the others, and for what must be read
/// for each unit.
fn without_hits(
    world: &mut World,
    scanner: &Scanner,
    batch: &[&mut Hunted],
    places: &Places,
) -> Result<Vec<Option<Looked>>> {
    let names: Vec<&str> = batch.iter().map(|unit| unit.unit.as_str()).collect();
    world.progress.begin("progress-residue", &names.join(", "), Some(places.bytes()));
    let mut answers = Vec::new();
    for file in &places.files {
        let looked = look_through(world, scanner, &file.path)?;
        let empty = match &looked {
            Looked::Read(scan) => scan.found.distinct() == 0,
            Looked::NotRead { .. } => true,
        };
        answers.push(empty.then_some(looked));
    }
    world.progress.end();
    Ok(answers)
}

/// Reads a file; again when it was written to meanwhile, since that answer is none.
fn look_through(world: &mut World, scanner: &Scanner, path: &Path) -> Result<Looked> {
    let mut reading = 1;
    loop {
        let stop = std::sync::Arc::clone(&world.stop);
        let progress = &mut world.progress;
        let mut go_on = |bytes: u64| {
            progress.advance(if reading == 1 { bytes } else { 0 });
            !stop.load(std::sync::atomic::Ordering::Relaxed)
        };
        let looked = scanner.scan_file(path, &mut go_on)?;
        let changed = matches!(&looked, Looked::Read(scan) if scan.ended == Ended::Changed);
        if !changed || reading == READINGS_MAX {
            return Ok(looked);
        }
        std::thread::sleep(Duration::from_millis(PAUSE_MS * u64::from(reading)));
        reading += 1;
    }
}

fn hunt(
    world: &mut World,
    key: &Secret,
    unit: &Hunted,
    places: &Places,
    empty: &[Option<Looked>],
) -> Result<(crate::residue::Report, Found)> {
    let mut draft = ReportDraft::new(&unit.shards);
    world.progress.begin("progress-residue", &unit.unit, Some(places.bytes() * unit.shards.len() as u64));
    // One shard at a time: that is what keeps memory bounded.
    let mut looked: Vec<Option<Looked>> = empty.to_vec();
    for shard in &unit.shards {
        let scanner = Scanner::new(key.bytes(), std::slice::from_ref(shard))?;
        let open = places.files.iter().zip(&mut looked).zip(empty).filter(|(_, empty)| empty.is_none());
        for ((file, looked), _) in open {
            let found = look_through(world, &scanner, &file.path)?;
            *looked = Some(match looked.take() {
                Some(before) => both(before, found),
                None => found,
            });
        }
    }
    world.progress.end();
    let mut all = Found::default();
    for (file, looked) in places.files.iter().zip(looked) {
        let role = match file.role {
            FileRole::Data => "data",
            FileRole::Log => "log",
            FileRole::Copy => "copy",
            FileRole::Other => "other",
        };
        if let Some(Looked::Read(scan)) = &looked {
            all.merge(scan.found.clone());
        }
        if let Some(looked) = looked {
            draft.file(&file.path.display().to_string(), role, looked);
        }
    }
    places.not_looked_at.iter().for_each(|one| draft.not_looked_at(&one.what, &one.why));
    Ok((draft.finish(), all))
}

/// The same file read for two shards: the worse end counts.
fn both(before: Looked, now: Looked) -> Looked {
    use crate::residue::FileScan;
    match (before, now) {
        (Looked::Read(before), Looked::Read(now)) => {
            let mut found: Found = before.found;
            found.merge(now.found);
            let ended = if before.ended == Ended::Whole { now.ended } else { before.ended };
            Looked::Read(FileScan { found, ended })
        }
        (Looked::NotRead { why }, _) | (_, Looked::NotRead { why }) => Looked::NotRead { why },
    }
}

/// What the evidence carries: L2 and L2f only when nothing was found and everything in reach was read.
fn levels(erasures: &[Erasure], residue: &Residue) -> BTreeMap<String, String> {
    let mut levels = BTreeMap::new();
    for store in erasures.iter().flat_map(|erasure| &erasure.stores) {
        let clean = verdict(residue.units.iter().filter(|unit| unit.store == store.store)) == Clean::Pass;
        let reached = store.reach.level.clone();
        let level = if reached.as_str() >= "L2" && !clean { "L1".to_owned() } else { reached };
        levels.insert(store.store.clone(), level);
    }
    levels
}

/// The verdict over some units that were searched for in the same files. A unit of bare numbers has nothing to look for;
/// that alone leaves the others' search as good as it is, but where no unit had anything, nobody looked.
pub(super) fn verdict<'a>(units: impl Iterator<Item = &'a UnitResidue>) -> Clean {
    let reports: Vec<&crate::residue::Report> = units.map(|unit| &unit.report).collect();
    let unread = |report: &crate::residue::Report| {
        report.files.is_empty() || !report.not_read.is_empty() || report.files.iter().any(|file| file.changed)
    };
    if reports.iter().any(|report| report.clean == Clean::Fail) {
        Clean::Fail
    } else if reports.iter().all(|report| report.looked_for == 0) || reports.iter().any(|report| unread(report)) {
        Clean::Unknown
    } else {
        Clean::Pass
    }
}

fn report(residue: &Residue) -> Outcome {
    let sum = |of: fn(&crate::residue::Report) -> u64| residue.units.iter().map(|unit| of(&unit.report)).sum::<u64>();
    let files: BTreeSet<&String> =
        residue.units.iter().flat_map(|unit| &unit.report.files).map(|file| &file.path).collect();
    let clean = verdict(residue.units.iter()) == Clean::Pass;
    let mut lines = vec![line!(
        "searched",
        looked_for = sum(|report| report.looked_for),
        needles = sum(|report| report.needles_total),
        files = files.len(),
        found = sum(|report| report.distinct_found)
    )];
    lines.extend(residue.levels.iter().map(|(store, level)| line!("searched-level", store = store, level = level)));
    let unseen: BTreeSet<&str> =
        residue.units.iter().flat_map(|unit| &unit.report.not_looked_at).map(|one| one.what.as_str()).collect();
    lines.push(line!("searched-not", what = unseen.into_iter().collect::<Vec<_>>().join(", ")));
    let mut findings = Vec::new();
    for unit in &residue.units {
        for file in unit.report.files.iter().filter(|file| file.hits > 0) {
            findings.push(line!(
                "residue-found",
                unit = unit.unit,
                path = file.path,
                values = file.distinct,
                hits = file.hits
            ));
        }
        for file in &unit.report.not_read {
            findings.push(line!("residue-unread", path = file.path, why = file.why));
        }
        for file in unit.report.files.iter().filter(|file| file.changed) {
            findings.push(line!("residue-unread", path = file.path, why = "changed"));
        }
    }
    let blind = residue.units.iter().filter(|unit| unit.report.looked_for > 0 && unit.report.files.is_empty());
    let blind: BTreeSet<&str> = blind.map(|unit| unit.store.as_str()).collect();
    findings.extend(blind.into_iter().map(|store| line!("residue-unseen", store = store)));
    let nothing = residue.units.iter().filter(|unit| unit.report.looked_for == 0);
    let nothing: Vec<&str> = nothing.map(|unit| unit.unit.as_str()).collect();
    if nothing.len() == residue.units.len() {
        findings.push(line!("residue-unknown"));
    } else if !nothing.is_empty() {
        lines.push(line!("searched-nothing", units = nothing.join(", ")));
    }
    Outcome {
        document: serde_json::json!({
            "clean": clean, "levels": residue.levels, "looked_for": sum(|report| report.looked_for),
            "found": sum(|report| report.distinct_found), "files": files.len(),
        }),
        lines,
        findings,
        ..Outcome::default()
    }
}

impl Session {
    /// The erasures of the case, oldest first: the current one and those that it goes on from.
    ///
    /// # Errors
    /// `tampered` when a predecessor is not the one that was named.
    pub fn erasures(&self) -> Result<Vec<Erasure>> {
        let mut erasures: Vec<Erasure> = vec![self.case.artefact(name::ERASURE)?];
        while let Some(predecessor) = erasures.last().and_then(|erasure| erasure.predecessor.clone()) {
            let known = self.case.finished(&predecessor.path).is_some_and(|file| file.sha256 == predecessor.sha256);
            if !known {
                return Err(failure!(Refused, "tampered", path = predecessor.path));
            }
            erasures.push(self.case.artefact(&predecessor.path)?);
        }
        erasures.reverse();
        Ok(erasures)
    }
}
