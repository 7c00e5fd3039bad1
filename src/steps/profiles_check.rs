//! Step `profiles check`: says what is wrong with a profile before anything is verified by it, with file, line and column. A
//! file alone is checked for its form; in a case every mapping is tried on both stores, and the rows of both sides are counted
//! by what becomes of them. Reads the profile, the inventory and both stores; writes no artefact, changes nothing.

use super::proof::{Hearing, ScanSource, Visiting, load_joined, personal_columns, scan_rows};
use super::session::{PROFILE_FILE, Session, StoreAt};
use super::verify::begin_on;
use super::visit::{Pace, open_for};
use super::{Line, Outcome, digest};
use crate::case::Event;
use crate::case::artefacts::{Inventory, name};
use crate::failure::{Exit, Failure, Result};
use crate::profile::case_file::StoreRole;
use crate::profile::profile_file::{Columns, Mapping};
use crate::profile::{Place, Profile, Source};
use crate::verify::keys::VerifyKeys;
use crate::verify::mapping::{CompiledMapping, PersonalColumns, compile};
use crate::verify::side::{CompiledSide, Outcome as RowOutcome, SideReader};
use crate::world::World;
use lastbell_contract::{Catalog, PackedRow, Reader, Scan, StoreInfo, Visit};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What became of the rows of a side.
#[derive(Serialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rows {
    read: u64,
    compared: u64,
    filtered: u64,
    without_partner: u64,
    ambiguous: u64,
}

/// A mapping that fits, of the source with that position, and its rows.
struct Tried {
    of: usize,
    mapping: CompiledMapping,
    source: Rows,
    target: Rows,
}

/// A store that is open.
struct Opened {
    at: StoreAt,
    reader: Box<dyn Reader>,
    info: StoreInfo,
    catalog: Catalog,
}

/// Checks the form of a profile that lies anywhere.
///
/// # Errors
/// What is wrong first, with its place.
pub fn of_file(path: &Path, bytes: &[u8]) -> Result<Outcome> {
    let file = path.display().to_string();
    let (profile, _) = Profile::load(&file, bytes)?;
    Ok(outcome(&file, &profile, &[]))
}

/// Checks a case's profile against its stores. Of a receipt no row can be counted: then the form alone is checked.
///
/// # Errors
/// Every mistake at once, each with its place; `profile-missing`; a store that fails.
pub fn of_case(session: &mut Session, world: &mut World) -> Result<Outcome> {
    let profile = session.profile()?.clone();
    let Some((mut sources, mut target)) = open_all(session, world)? else {
        let mut alone = outcome(PROFILE_FILE, &profile, &[]);
        alone.lines.push(line!("profile-form-alone"));
        return Ok(alone);
    };
    let mut tried = try_all(session, &profile, &sources, &target.catalog)?;
    count_all(world, &mut sources, &mut target, &mut tried)?;
    for (store, rows) in looks(&sources, &target, &tried) {
        session.case.record(world, Event::Look { store, purpose: "profiles-check".to_owned(), rows })?;
    }
    Ok(outcome(PROFILE_FILE, &profile, &tried))
}

/// The sources and the target; nothing without a target that can be read.
fn open_all(session: &Session, world: &World) -> Result<Option<(Vec<Opened>, Opened)>> {
    let (mut sources, mut target) = (Vec::new(), None);
    for at in session.stores(world)? {
        if at.location.scheme == digest::SCHEME {
            return Ok(None);
        }
        open_for(world, &at)?;
        let mut reader = world.open_reader(&at.name, &at.location)?;
        let (info, catalog) = (reader.info()?, reader.catalog()?);
        let role = at.role;
        let opened = Opened { at, reader, info, catalog };
        match role {
            StoreRole::Source => sources.push(opened),
            StoreRole::Target => target = Some(opened),
        }
    }
    Ok(target.map(|target| (sources, target)))
}

/// Every mapping, or every mistake.
fn try_all(session: &Session, profile: &Profile, sources: &[Opened], target: &Catalog) -> Result<Vec<Tried>> {
    let path = session.case.path().join(PROFILE_FILE);
    let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
    let text = Source::read(PROFILE_FILE, &bytes)?;
    let inventory: Option<Inventory> = session.case.artefact_if_made(name::INVENTORY)?;
    let (mut tried, mut problems) = (Vec::new(), Vec::new());
    for (index, mapping) in profile.mappings.iter().enumerate() {
        let base = mapping.source.tables().first().map_or_else(String::new, |table| table.table.to_owned());
        let has = |opened: &Opened| opened.catalog.tables.iter().any(|table| table.id.to_string() == base);
        // Where no source has it, the first is told not to.
        let of = sources.iter().position(has).unwrap_or_default();
        let catalog = &sources[of].catalog;
        let personal = match &inventory {
            Some(inventory) => personal_columns(session, inventory, catalog)?,
            None => PersonalColumns::default(),
        };
        match compile(mapping, catalog, target, &personal) {
            Ok(mapping) => tried.push(Tried { of, mapping, source: Rows::default(), target: Rows::default() }),
            Err(found) => problems.extend(found.into_iter().map(|problem| placed(&text, index, mapping, problem))),
        }
    }
    let proves_little = problems.iter().all(|(_, problem)| problem.exit == Exit::Refused);
    let chained = problems.into_iter().rev().fold(None, |later: Option<Failure>, (at, problem)| {
        Some(at.because(if let Some(later) = later { problem.because(later) } else { problem }))
    });
    match chained {
        Some(chained) if proves_little => Err(failure!(Refused, "mapping-weakness").because(chained)),
        Some(chained) => Err(failure!(Usage, "mapping-problems").because(chained)),
        None => Ok(tried),
    }
}

/// Where in the file a mistake of a mapping stands: at the rule that names the column, else at the mapping.
fn placed(text: &Source, index: usize, mapping: &Mapping, problem: Failure) -> (Failure, Failure) {
    let whole = Place::top().key("mappings").item(index);
    let column = problem.arg("column").unwrap_or_default();
    let key = mapping.key.iter().position(|pair| pair.source == column || pair.target == column);
    let rule = mapping.columns.iter().position(|rule| {
        let of_source = match &rule.source {
            Some(Columns::One(source)) => source == column,
            Some(Columns::Merged(sources)) => sources.iter().any(|source| source == column),
            None => false,
        };
        of_source || rule.target.as_deref() == Some(column)
    });
    let place = match (key, rule) {
        (Some(key), _) => whole.key("key").item(key),
        (None, Some(rule)) => whole.key("columns").item(rule),
        (None, None) => whole,
    };
    let at = text.whereabouts(&place, problem.exit);
    (at, problem)
}

fn count_all(world: &mut World, sources: &mut [Opened], target: &mut Opened, tried: &mut [Tried]) -> Result<()> {
    let secret = world.random::<32>()?;
    let mut pace = Pace::begin(world, &target.at, target.info.remote)?;
    begin_on(target.reader.as_mut(), &target.info)?;
    pace.snapshot();
    for source in sources.iter_mut() {
        begin_on(source.reader.as_mut(), &source.info)?;
    }
    for one in tried.iter_mut() {
        let (base, to) = (one.mapping.source.base().table.to_string(), one.mapping.target.base().table.to_string());
        world.progress.begin("progress-profile", &base, None);
        let reader = &mut sources[one.of].reader;
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| reader.scan(scan, visit);
        one.source = count(world, &one.mapping.source, &secret, &mut scan)?;
        world.progress.end();
        world.progress.begin("progress-profile", &to, None);
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| target.reader.scan(scan, visit);
        let mut visiting = Visiting { world, pace: &mut pace };
        one.target = count(&mut visiting, &one.mapping.target, &secret, &mut scan)?;
        world.progress.end();
    }
    target.reader.end()?;
    sources.iter_mut().try_for_each(|source| Ok(source.reader.end()?))
}

/// The digests are thrown away, and so is their key.
fn count(hearing: &mut dyn Hearing, side: &CompiledSide, secret: &[u8; 32], scan: &mut ScanSource<'_>) -> Result<Rows> {
    let mut reader = SideReader::new(side, VerifyKeys::from_secret(secret), i64::MAX);
    load_joined(hearing, side, &mut reader, scan)?;
    let mut rows = Rows::default();
    let read = scan_rows(hearing, &side.base().scan(), scan, &mut |row: PackedRow<'_>| {
        *match reader.row(row) {
            RowOutcome::Digested(_) => &mut rows.compared,
            RowOutcome::OutsideFilter => &mut rows.filtered,
            RowOutcome::NoPartner => &mut rows.without_partner,
            RowOutcome::AmbiguousJoin => &mut rows.ambiguous,
        } += 1;
        Ok(())
    })?;
    Ok(Rows { read, ..rows })
}

/// By store and table: rows that were read.
fn looks(sources: &[Opened], target: &Opened, tried: &[Tried]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut looks: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for one in tried {
        let of_source = (&sources[one.of].at.name, &one.mapping.source, one.source.read);
        let of_target = (&target.at.name, &one.mapping.target, one.target.read);
        for (store, side, read) in [of_source, of_target] {
            *looks.entry(store.clone()).or_default().entry(side.base().table.to_string()).or_default() += read;
        }
    }
    looks
}

fn outcome(file: &str, profile: &Profile, tried: &[Tried]) -> Outcome {
    let (tables, mappings) = (profile.tables.len(), profile.mappings.len());
    let by_mapping: Vec<_> = tried
        .iter()
        .map(|one| serde_json::json!({ "mapping": one.mapping.name, "source": one.source, "target": one.target }))
        .collect();
    let form = line!("profile-form", file = file, tables = tables, mappings = mappings);
    let mut outcome =
        Outcome::done(form, serde_json::json!({ "file": file, "tables": tables, "mappings": by_mapping }));
    outcome.lines.extend(tried.iter().flat_map(counted));
    outcome.findings = tried.iter().filter_map(dropped).collect();
    outcome
}

fn counted(one: &Tried) -> [Line; 2] {
    let (name, old, new) = (&one.mapping.name, one.source, one.target);
    let [from, to] = [&one.mapping.source, &one.mapping.target].map(|side| side.base().table.to_string());
    [
        line!(
            "profile-rows-source",
            mapping = name,
            table = from,
            read = old.read,
            compared = old.compared,
            filtered = old.filtered,
            without_partner = old.without_partner,
            ambiguous = old.ambiguous
        ),
        line!(
            "profile-rows-target",
            mapping = name,
            table = to,
            read = new.read,
            compared = new.compared,
            filtered = new.filtered,
            without_partner = new.without_partner,
            ambiguous = new.ambiguous
        ),
    ]
}

/// Rows of the source that a join loses; or all, whatever loses them. What the filter leaves out another mapping may take.
fn dropped(one: &Tried) -> Option<Line> {
    let rows = one.source;
    let lost = rows.without_partner + rows.ambiguous;
    (lost > 0 || (rows.compared == 0 && rows.read > 0))
        .then(|| line!("profile-drops", mapping = one.mapping.name, rows = rows.read - rows.compared, read = rows.read))
}
