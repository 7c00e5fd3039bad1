//! Step residue: looks for what erasure should have removed.
//! Reads `erasure.json`, the sealed needles, the rows that stay, and every file that can be reached; writes `residue.json`.
//! Changes no store.

use super::Outcome;
use super::session::{Session, Standing, StoreAt};
use crate::case::artefacts::{ErasedUnit, Erasure, Residue, UnitEnd, UnitResidue, name};
use crate::case::seal::unseal;
use crate::case::{Event, Purpose, Secret};
use crate::failure::{Failure, Result};
use crate::residue::{Clean, Found, KeptRows, Looked, NotLookedAt, ReportDraft, Scanner, Shard, check_set};
use crate::world::World;
use lastbell_contract::{ErrorKind, FileRole, Reader, Row, Scan, StoreFile, TableKind, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A unit's needles.
struct Hunted {
    store: String,
    unit: String,
    shards: Vec<Shard>,
}

/// Looks for residue.
///
/// # Errors
/// `step-missing` before `erase`; a store that fails; needles that cannot be opened. Never a smaller search.
pub fn run(session: &mut Session, world: &mut World, again: bool) -> Result<Outcome> {
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
        let mut reader = world.open_reader(&at.name, &at.location)?;
        let mut of_store: Vec<&mut Hunted> = hunted.iter_mut().filter(|unit| unit.store == store).collect();
        let kept = spare_kept_rows(session, world, reader.as_mut(), &key, &mut of_store)?;
        session
            .case
            .record(world, Event::Look { store: store.clone(), purpose: "residue".to_owned(), rows: kept.clone() })?;
        residue.kept_rows.extend(kept);
        let places = places(session, world, &at, reader.as_mut())?;
        drop(reader);
        for unit in of_store {
            let report = hunt(world, &key, unit, &places)?;
            residue.units.push(UnitResidue { store: store.clone(), unit: unit.unit.clone(), report });
        }
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
        hunted.push(Hunted { store: unit.store.clone(), unit: unit.unit.clone(), shards });
    }
    Ok(hunted)
}

/// Every unit that was destroyed under any plan, once: a repeated run names those of the run before again.
pub(super) fn destroyed_units(erasures: &[Erasure]) -> Vec<&ErasedUnit> {
    let units = erasures.iter().flat_map(|erasure| &erasure.units).filter(|unit| unit.end == UnitEnd::Destroyed);
    units.map(|unit| (unit.unit.as_str(), unit)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// A value that also stands in a row that stays proves nothing when it is found: it is taken out, and counted.
fn spare_kept_rows(
    session: &Session,
    world: &mut World,
    reader: &mut dyn Reader,
    key: &Secret,
    hunted: &mut [&mut Hunted],
) -> Result<BTreeMap<String, u64>> {
    let mut kept = Vec::new();
    for unit in &*hunted {
        kept.push(KeptRows::new(key.bytes(), &unit.shards)?);
    }
    let gone = session.gone_tables();
    let catalog = reader.catalog()?;
    let mut rows_read = BTreeMap::new();
    for table in &catalog.tables {
        if let Some(definition) = &table.definition {
            kept.iter_mut().for_each(|kept| kept.exclude_text(definition));
        }
        // A full-text copy repeats the words of its content table, which is read anyway.
        let repeats = matches!(table.kind, TableKind::FullText { .. });
        if gone.contains(&table.id.to_string()) || repeats || matches!(table.kind, TableKind::Elsewhere(_)) {
            continue;
        }
        world.progress.begin("progress-kept", &table.id.to_string(), table.rows_estimate);
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| reader.scan(scan, visit);
        let all = Scan::whole(&table.id, &table.column_names());
        let rows = super::proof::scan_rows(world, &all, &mut scan, &mut |row: &Row| {
            for value in row {
                kept.iter_mut().for_each(|kept| kept.exclude(value));
            }
            Ok(())
        })?;
        world.progress.end();
        rows_read.insert(table.id.to_string(), rows);
    }
    for (unit, kept) in hunted.iter_mut().zip(kept) {
        kept.apply(&mut unit.shards);
    }
    Ok(rows_read)
}

/// Files to be read, and what stays unread.
struct Places {
    files: Vec<StoreFile>,
    not_looked_at: Vec<NotLookedAt>,
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
    for folder in &session.files.case.residue.folders {
        let folder = session.beside(folder);
        walk(&folder, session.case.path(), &mut files)?;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    let (theirs, ours): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| target.contains(&file.path));
    theirs.iter().for_each(|file| unseen(&file.path.display().to_string(), "target-store"));
    Ok(Places { files: ours, not_looked_at })
}

/// The platform's own files hold the values lawfully, should a named folder contain them.
fn target_files(session: &Session, world: &World) -> Result<BTreeSet<PathBuf>> {
    let Some(target) = session.files.case.target() else { return Ok(BTreeSet::new()) };
    let at = session.store(world, &target.name)?;
    let files = world.open_reader(&at.name, &at.location).ok().and_then(|mut reader| reader.files().ok());
    Ok(files.into_iter().flatten().map(|file| file.path).collect())
}

/// Every file below a folder, links not followed. The case itself is left out: it holds no values, and its fingerprints
/// must not be read as residue.
fn walk(folder: &Path, case: &Path, files: &mut Vec<StoreFile>) -> Result<()> {
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
            } else if kind.is_file() {
                files.push(StoreFile { path: entry.path(), role: FileRole::Other });
            }
        }
    }
    Ok(())
}

fn hunt(world: &mut World, key: &Secret, unit: &Hunted, places: &Places) -> Result<crate::residue::Report> {
    let mut draft = ReportDraft::new(&unit.shards);
    let bytes: u64 = places.files.iter().filter_map(|file| fs::metadata(&file.path).ok()).map(|meta| meta.len()).sum();
    world.progress.begin("progress-residue", &unit.unit, Some(bytes * unit.shards.len() as u64));
    // One shard at a time: that is what keeps memory bounded.
    let mut looked: Vec<Option<Looked>> = places.files.iter().map(|_| None).collect();
    for shard in &unit.shards {
        let scanner = Scanner::new(key.bytes(), std::slice::from_ref(shard))?;
        for (file, looked) in places.files.iter().zip(&mut looked) {
            let stop = std::sync::Arc::clone(&world.stop);
            let progress = &mut world.progress;
            let mut go_on = |bytes: u64| {
                progress.advance(bytes);
                !stop.load(std::sync::atomic::Ordering::Relaxed)
            };
            let found = scanner.scan_file(&file.path, &mut go_on)?;
            *looked = Some(match looked.take() {
                Some(before) => both(before, found),
                None => found,
            });
        }
    }
    world.progress.end();
    for (file, looked) in places.files.iter().zip(looked) {
        let role = match file.role {
            FileRole::Data => "data",
            FileRole::Log => "log",
            FileRole::Copy => "copy",
            FileRole::Other => "other",
        };
        if let Some(looked) = looked {
            draft.file(&file.path.display().to_string(), role, looked);
        }
    }
    places.not_looked_at.iter().for_each(|one| draft.not_looked_at(&one.what, &one.why));
    Ok(draft.finish())
}

/// The same file read for two shards: the worse end counts.
fn both(before: Looked, now: Looked) -> Looked {
    use crate::residue::{Ended, FileScan};
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
        let reports = residue.units.iter().filter(|unit| unit.store == store.store);
        let clean = reports.clone().count() > 0 && reports.clone().all(|unit| unit.report.clean == Clean::Pass);
        let reached = store.reach.level.clone();
        let level = if reached.as_str() >= "L2" && !clean { "L1".to_owned() } else { reached };
        levels.insert(store.store.clone(), level);
    }
    levels
}

fn report(residue: &Residue) -> Outcome {
    let sum = |of: fn(&crate::residue::Report) -> u64| residue.units.iter().map(|unit| of(&unit.report)).sum::<u64>();
    let files: BTreeSet<&String> =
        residue.units.iter().flat_map(|unit| &unit.report.files).map(|file| &file.path).collect();
    let clean = residue.units.iter().all(|unit| unit.report.clean == Clean::Pass);
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
        if unit.report.clean == Clean::Unknown && unit.report.not_read.is_empty() {
            findings.push(line!("residue-unknown", unit = unit.unit, looked_for = unit.report.looked_for));
        }
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
