//! Step discover: what is in the stores, and which of it is personal data.
//! Reads source and target (the target's catalog only), writes `inventory.json`, and drafts `profile.yaml` when there is
//! none (else `profile.draft.yaml` beside it). Changes no store.

use super::session::{Session, Standing};
use super::{Line, Outcome, digest, visit};
use crate::case::artefacts::{ColumnFound, Inventory, Link, StoreFound, TableFound, name};
use crate::case::{Event, Purpose};
use crate::detect::{self, TableFinding, TableSample, Verdict};
use crate::failure::{Failure, Result};
use crate::hex::sha256;
use crate::profile::profile_file::{Disposition, Head, Mapping, Subject, SubjectLink, TableRule};
use crate::profile::{Profile, Zone, case_file};
use crate::verify::identity::{self, Clock, Drafted, Stores, Why};
use crate::world::World;
use lastbell_contract::{Action, Catalog, Flow, ForeignKey, Known, Location, Reader, Scan, Table, TableKind};
use std::collections::{BTreeMap, BTreeSet};

/// Rows of a table that discovery looks at. Measured: a column whose hit share is near the threshold is judged wrongly in
/// 7 % of the cases at 200 rows and in under 1 % at 500.
pub const SAMPLE_ROWS: u64 = 500;
/// Seed of the samples; it stands in the inventory, so that an auditor can look at the same rows.
const SEED: u64 = 1;

/// Looks into the stores of a case.
///
/// # Errors
/// A store that cannot be read, or a case that was tampered with.
pub fn run(session: &mut Session, world: &mut World, again: bool) -> Result<Outcome> {
    let inputs = session.inputs_of_discover();
    if let Standing::Done = session.begin(world, "discover", name::INVENTORY, &inputs, again)? {
        return session.nothing_to_do(name::INVENTORY);
    }
    session.make_keys_if_missing(world)?;
    let mut stores = Vec::new();
    let mut catalogs = BTreeMap::new();
    for store in session.stores(world)? {
        if store.location.scheme == digest::SCHEME {
            stores.push(receipt_found(&store.name));
            continue;
        }
        visit::open_for(world, &store)?;
        let mut reader = world.open_reader(&store.name, &store.location)?;
        let Looked { found, catalog, clock, rows_read } = look(world, &store.name, store.role, reader.as_mut())?;
        let look = Event::Look { store: store.name.clone(), purpose: "discover".into(), rows: rows_read };
        session.case.record(world, look)?;
        let clock = Clock { declared: store.zone, setting: clock };
        catalogs.insert(store.name, (catalog, clock));
        stores.push(found);
    }
    refuse_double_names(&stores)?;
    let inventory = Inventory {
        origin: session.origin(world, "inventory", inputs),
        rule_set: detect::rule_set_sha256(),
        seed: SEED,
        sample_rows: SAMPLE_ROWS,
        stores,
    };
    let profile =
        draft_profile(session.files.case.system.name.as_deref().unwrap_or(session.case.id()), &inventory, &catalogs);
    let drafted = session.put_draft(&profile)?;
    session.case.write_artefact(world, "discover", name::INVENTORY, &inventory)?;
    Ok(session.noted(report(&inventory, &drafted, &profile)))
}

/// A first look at any store, without a case; writes nothing.
///
/// # Errors
/// A store that cannot be read.
pub fn first_look(world: &mut World, url: &str) -> Result<StoreFound> {
    let location = Location::parse(url).ok_or_else(|| failure!(Usage, "url-bad"))?;
    let mut reader = world.open_reader("-", &location)?;
    look(world, "-", case_file::StoreRole::Source, reader.as_mut()).map(|looked| looked.found)
}

/// What a look into one store gave.
struct Looked {
    found: StoreFound,
    catalog: Catalog,
    /// The zone in which the store reads times that tell none, where it says so.
    clock: Option<Zone>,
    rows_read: BTreeMap<String, u64>,
}

fn look(world: &mut World, store: &str, role: case_file::StoreRole, reader: &mut dyn Reader) -> Result<Looked> {
    let info = reader.info()?;
    let catalog = reader.catalog()?;
    let clock = known(reader.clock()?).and_then(|name| Zone::parse(&name));
    let snapshot = if info.capabilities.snapshot_reads { Some(reader.begin()?) } else { None };
    let source = role == case_file::StoreRole::Source;
    let mut rows_read = BTreeMap::new();
    let mut findings = BTreeMap::new();
    let mut counts = BTreeMap::new();
    if source {
        let samples = sample_all(world, store, reader, &catalog, &mut rows_read)?;
        counts = samples.iter().map(|sample| (sample.table.id.to_string(), sample.rows_counted)).collect();
        findings = detect::judge(&samples).into_iter().map(|finding| (finding.table.clone(), finding)).collect();
    }
    if snapshot.is_some() {
        reader.end()?;
    }
    let tables = catalog.tables.iter().map(|table| table_found(table, &counts, &mut findings)).collect();
    let found = StoreFound {
        name: store.to_owned(),
        role: if source { "source" } else { "target" }.to_owned(),
        engine: info.engine,
        product: info.product,
        version: info.version,
        anchors: info.identity.anchors,
        follows: known(info.identity.follows),
        role_name: info.role.name,
        may_write: known(info.role.may_write),
        snapshot_reads: info.capabilities.snapshot_reads,
        atomic_units: info.capabilities.atomic_units,
        enforces_links: info.capabilities.enforces_links,
        read_footprint: info.read_footprint,
        tables,
        views: catalog.views.iter().map(|view| view.id.to_string()).collect(),
    };
    Ok(Looked { found, catalog, clock, rows_read })
}

/// A target that nobody of ours may read: what it is, its receipt will say.
fn receipt_found(store: &str) -> StoreFound {
    StoreFound {
        name: store.to_owned(),
        role: "target".to_owned(),
        engine: digest::SCHEME.to_owned(),
        product: digest::SCHEME.to_owned(),
        version: "-".to_owned(),
        anchors: Vec::new(),
        follows: None,
        role_name: "-".to_owned(),
        may_write: Some(false),
        snapshot_reads: false,
        atomic_units: false,
        enforces_links: false,
        read_footprint: Vec::new(),
        tables: Vec::new(),
        views: Vec::new(),
    }
}

fn known<T>(known: Known<T>) -> Option<T> {
    match known {
        Known::Yes(value) => Some(value),
        Known::Unknown(_) => None,
    }
}

fn sample_all<'a>(
    world: &mut World,
    store: &str,
    reader: &mut dyn Reader,
    catalog: &'a Catalog,
    rows_read: &mut BTreeMap<String, u64>,
) -> Result<Vec<TableSample<'a>>> {
    world.progress.begin("progress-discover", store, Some(catalog.tables.len() as u64));
    let mut samples = Vec::new();
    for table in &catalog.tables {
        world.go_on()?;
        world.progress.advance(1);
        // What lives elsewhere cannot be looked at here; its obstacle names it, and it is judged by its names.
        if matches!(table.kind, TableKind::Elsewhere(_)) {
            samples.push(TableSample { table, rows: Vec::new(), rows_counted: 0 });
            continue;
        }
        let mut rows = Vec::new();
        let mut scan = Scan::whole(&table.id, &table.column_names());
        scan.sample = Some((SAMPLE_ROWS, SEED));
        let read = reader.scan(&scan, &mut |batch| {
            rows.extend(batch.unpacked());
            Flow::Continue
        })?;
        rows_read.insert(table.id.to_string(), read);
        let rows_counted = reader.count(&table.id)?;
        samples.push(TableSample { table, rows, rows_counted });
    }
    world.progress.end();
    Ok(samples)
}

fn table_found(
    table: &Table,
    counts: &BTreeMap<String, u64>,
    findings: &mut BTreeMap<String, TableFinding>,
) -> TableFound {
    let name = table.id.to_string();
    let (kind, content) = match &table.kind {
        TableKind::Base => ("base", None),
        TableKind::File => ("file", None),
        TableKind::FullText { content } => ("full-text", content.as_ref().map(ToString::to_string)),
        TableKind::Elsewhere(_) => ("elsewhere", None),
    };
    let columns = table.columns.iter().map(|column| ColumnFound {
        name: column.name.clone(),
        declared_type: column.declared_type.clone(),
        kind: column.kind.word().to_owned(),
        nullable: column.nullable,
    });
    TableFound {
        kind: kind.to_owned(),
        content,
        rows: counts.get(&name).copied().unwrap_or(0),
        fingerprint: fingerprint(table),
        columns: columns.collect(),
        primary_key: table.primary_key.clone(),
        links: table.foreign_keys.iter().map(link).collect(),
        parents: table.parents.iter().map(ToString::to_string).collect(),
        obstacles: table.obstacles.iter().map(|obstacle| obstacle.0.clone()).collect(),
        finding: findings.remove(&name),
        name,
    }
}

fn link(key: &ForeignKey) -> Link {
    let on_delete = match key.on_delete {
        Action::NoAction | Action::Restrict => "none",
        Action::Cascade => "cascade",
        Action::SetNull => "set-null",
        Action::SetDefault => "set-default",
    };
    Link {
        name: key.name.clone(),
        columns: key.columns.clone(),
        references: key.references.to_string(),
        on_delete: on_delete.to_owned(),
        enforced: key.enforced,
    }
}

/// SHA-256 over what a later step relies on: names, types, keys, links, triggers. Row counts and indexes are left out:
/// they may change without making the plan wrong.
#[must_use]
pub fn fingerprint(table: &Table) -> String {
    let mut text = String::new();
    let mut add = |part: &str| {
        text.push_str(&format!("{}:{part};", part.len()));
    };
    add(&table.id.to_string());
    add(&format!("{:?}", table.kind));
    for column in &table.columns {
        for part in [&column.name, &column.declared_type, column.kind.word()] {
            add(part);
        }
        add(&format!("{} {}", column.nullable, column.generated));
    }
    for columns in std::iter::once(&table.primary_key).chain(&table.unique_keys) {
        add(&format!("{columns:?}"));
    }
    for key in &table.foreign_keys {
        add(&format!("{:?} {} {:?} {:?}", key.columns, key.references, key.referenced_columns, key.on_delete));
    }
    for trigger in &table.triggers {
        add(&format!("{} {}", trigger.name, trigger.fires));
    }
    for parent in &table.parents {
        add(&parent.to_string());
    }
    sha256(text.as_bytes())
}

/// With several source stores a table's name must tell which one is meant.
fn refuse_double_names(stores: &[StoreFound]) -> Result<()> {
    let mut seen = BTreeMap::new();
    for store in stores.iter().filter(|store| store.role == "source") {
        for table in &store.tables {
            if let Some(other) = seen.insert(&table.name, &store.name) {
                return Err(failure!(Refused, "table-twice", table = table.name, first = other, second = store.name));
            }
        }
    }
    Ok(())
}

/// A profile drawn from the inventory: `destroy` for personal tables, `keep` with a reason for the rest, `review` where
/// discovery is not sure; and a mapping onto the table of the same name for every table, kept ones too, so that a decision
/// can raise one later.
fn draft_profile(product: &str, inventory: &Inventory, catalogs: &BTreeMap<String, (Catalog, Clock)>) -> Profile {
    let target = inventory.target().and_then(|store| Some((store, catalogs.get(&store.name)?)));
    let mut tables = BTreeMap::new();
    let mut mappings: Vec<Mapping> = Vec::new();
    let mut subjects = Vec::new();
    for store in inventory.sources() {
        let Some((catalog, clock)) = catalogs.get(&store.name) else { continue };
        for (found, table) in store.tables.iter().zip(&catalog.tables) {
            subjects.extend(draft_subject(found));
            let drafted = target.and_then(|(other, (target, target_clock))| {
                let one_engine = store.engine == other.engine;
                let stores = Stores { one_engine, source: clock.clone(), target: target_clock.clone() };
                Some(identity::draft(&found.name, table, target.table(&table.id)?, &stores))
            });
            tables.insert(found.name.clone(), draft_rule(found, drafted.as_ref()));
            mappings.extend(drafted.map(|drafted| drafted.mapping));
        }
    }
    let head = Head { name: "draft".into(), product: product.to_owned(), version: 1 };
    Profile { profile: head, subjects, tables, mappings }
}

/// What goes by a comparison that a person has not agreed to is not decided yet.
fn draft_rule(found: &TableFound, drafted: Option<&Drafted>) -> TableRule {
    let finding = found.finding.as_ref();
    let verdict = finding.map_or(Verdict::Review, |finding| finding.verdict);
    let via_self = finding.is_some_and(|finding| finding.about == detect::RowAbout::Person);
    let open = drafted.and_then(open_comparisons);
    let (disposition, reason) = match (verdict, open) {
        (Verdict::Personal, None) => (Disposition::Destroy, None),
        (Verdict::Personal, Some(open)) => (Disposition::Review, Some(open)),
        (Verdict::Not, _) => (Disposition::Keep, Some("discovery found no personal data".to_owned())),
        (Verdict::Review, open) => {
            let unsure = "discovery is not sure: see the columns in review".to_owned();
            (Disposition::Review, Some(open.map_or(unsure.clone(), |open| format!("{unsure}; {open}"))))
        }
    };
    let subject = via_self.then(|| SubjectLink { via: "self".into(), name: None });
    TableRule { disposition, subject, retention: None, reason }
}

/// What a person has to agree to before the rows may go by this mapping. `None`: nothing is lost, nothing was assumed.
fn open_comparisons(drafted: &Drafted) -> Option<String> {
    let mut parts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for doubt in &drafted.doubts {
        let part = match &doubt.why {
            Why::Loses(normaliser) => format!("`as: {}` may make unlike values equal", normaliser.word()),
            Why::Clock(zone) => format!("nobody declared the clock, the draft took `zone: {zone}`"),
        };
        parts.entry(part).or_default().push(&doubt.column);
    }
    if !drafted.unbridged.is_empty() {
        let columns = drafted.unbridged.iter().map(String::as_str).collect();
        parts.insert("nothing brings the two types together, write a rule".to_owned(), columns);
    }
    let parts: Vec<String> = parts.iter().map(|(part, columns)| format!("{part}: {}", columns.join(", "))).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn draft_subject(found: &TableFound) -> Option<Subject> {
    let finding = found.finding.as_ref()?;
    let person = finding.about == detect::RowAbout::Person && finding.verdict == Verdict::Personal;
    (person && !found.primary_key.is_empty()).then(|| Subject {
        name: found.name.clone(),
        table: found.name.clone(),
        key: found.primary_key.clone(),
        external_id: None,
    })
}

fn report(inventory: &Inventory, drafted: &str, profile: &Profile) -> Outcome {
    let findings: Vec<&TableFinding> =
        inventory.sources().flat_map(|store| &store.tables).filter_map(|table| table.finding.as_ref()).collect();
    let of = |verdict: Verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let columns =
        findings.iter().flat_map(|finding| &finding.columns).filter(|column| column.verdict == Verdict::Personal);
    let mut lines = vec![
        line!(
            "discovered",
            tables = findings.len(),
            personal = of(Verdict::Personal),
            review = of(Verdict::Review),
            columns = columns.count()
        ),
        line!("discovered-draft", path = drafted, mappings = profile.mappings.len()),
    ];
    let views: BTreeSet<&String> = inventory.sources().flat_map(|store| &store.views).collect();
    if !views.is_empty() {
        lines.push(line!("discovered-views", views = views.len()));
    }
    let footprints: BTreeSet<&String> = inventory.stores.iter().flat_map(|store| &store.read_footprint).collect();
    lines.extend(footprints.into_iter().map(|footprint| line!("discovered-footprint", footprint = footprint)));
    Outcome {
        lines: lines.into_iter().collect::<Vec<Line>>(),
        document: serde_json::json!({
            "inventory": name::INVENTORY, "draft": drafted, "tables": findings.len(),
            "personal": of(Verdict::Personal), "review": of(Verdict::Review),
        }),
        ..Outcome::default()
    }
}

/// The lines of `--csv`: `table,column,category,subject,verdict,score,guess`.
#[must_use]
pub fn csv(stores: &[&StoreFound]) -> String {
    let mut text = "table,column,category,subject,verdict,score,guess\n".to_owned();
    for finding in stores.iter().flat_map(|store| &store.tables).filter_map(|table| table.finding.as_ref()) {
        for column in &finding.columns {
            let guess = column.guess.map_or("", detect::Category::word);
            let fields = [
                finding.table.as_str(),
                &column.column,
                column.category.word(),
                column.subject.word(),
                column.verdict.word(),
                &column.score_permille.to_string(),
                guess,
            ];
            text.push_str(&fields.map(csv_field).join(","));
            text.push('\n');
        }
    }
    text
}

fn csv_field(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// Keys exist from the first step on.
impl Session {
    fn make_keys_if_missing(&mut self, world: &mut World) -> Result<()> {
        if self.case.finished(crate::case::keys::KEYS).is_some() {
            return Ok(());
        }
        let operator = self.operator_key()?;
        let unlock = self.unlock_file(world).read()?;
        let mut fresh = Vec::new();
        for purpose in Purpose::ALL {
            fresh.push((purpose, crate::case::Secret::new(world.random()?), world.random()?));
        }
        let keys = crate::case::WrappedKeys::wrap(self.case.id(), &operator, &unlock, &fresh)?;
        self.case.write_artefact(world, "discover", crate::case::keys::KEYS, &keys).map_err(|error: Failure| error)
    }
}
