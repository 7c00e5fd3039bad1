//! The platform's side: digests the rows that a request asks for and signs the receipt. It never sees the source or the
//! case; what it reads is one store, in one snapshot, over one connection.
//! Reads request, profile and store, writes the receipt: keyed digests, counts and names, no value.

use super::marks::Marks;
use super::receipt::{Answered, Follows, Header, MappingDigested, SCHEMA, StoreSeen, TableSeen, Writer, write_new};
use super::request::{Asked, Request, Secrets, Unseal, refuse_existing};
use crate::certificate::keys::SigningKey;
use crate::failure::Result;
use crate::hex;
use crate::profile::Profile;
use crate::profile::case_file::{StoreEntry, StoreRole};
use crate::steps::Outcome;
use crate::steps::proof::{Visiting, digest_target};
use crate::steps::session::StoreAt;
use crate::steps::verify::{begin_on, days_since_1970};
use crate::steps::visit::Pace;
use crate::verify::keys::VerifyKeys;
use crate::verify::mapping::{CompiledTarget, compile_target};
use crate::verify::partitions::{DigestSet, RecordBytes, SortedSet};
use crate::verify::side::SideReader;
use crate::world::World;
use lastbell_contract::{Catalog, Known, Reader, Scan, StoreInfo, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

/// Memory for the records of one mapping; what is beyond goes to an anonymous file beside the receipt.
const MEMORY_BYTES: usize = 32 << 20;

/// What the keeper gives.
pub struct Answer<'a> {
    /// The request: where it lies, and its bytes.
    pub request: (&'a Path, &'a [u8]),
    /// The profile that came with it.
    pub profile: (&'a Path, &'a [u8]),
    /// The store's address.
    pub store: &'a str,
    /// The receipt to be made.
    pub out: &'a Path,
    /// Who signs.
    pub key: &'a SigningKey,
    /// What opens the request.
    pub unseal: Unseal<'a>,
}

/// Makes the receipt.
///
/// # Errors
/// A request that does not open or goes with another profile, mappings that do not fit the store, a store that fails, a
/// file that is there. No receipt is left then.
pub fn answer(world: &mut World, given: &Answer<'_>) -> Result<Outcome> {
    let request = Request::parse(given.request.0, given.request.1)?;
    refuse_existing(given.out)?;
    let secrets = request.open(&given.unseal)?;
    let profile = request.profile(given.profile.0, given.profile.1)?;
    let entry = StoreEntry { name: "-".to_owned(), role: StoreRole::Target, url: given.store.to_owned(), zone: None };
    let location = entry.location(&*world.variable).map_err(|failure| match failure.arg("name") {
        Some(name) => failure!(Usage, "url-variable-missing", name = name),
        None => failure!(Usage, "url-bad"),
    })?;
    let mut reader = world.open_reader("-", &location)?;
    let (info, catalog) = (reader.info()?, reader.catalog()?);
    let at = StoreAt { name: entry.name, role: entry.role, location, zone: None, visit: None };
    let mut pace = Pace::begin(world, &at, info.remote)?;
    let compiled = compile_asked(&request, &profile, &catalog)?;
    let snapshot = begin_on(reader.as_mut(), &info)?;
    let seen = seen(&info, &catalog, &Marks::new(&secrets.marks), snapshot);
    let header = Header {
        schema: SCHEMA.to_owned(),
        case: request.case.clone(),
        request: Answered { number: request.number.clone(), sha256: hex::sha256(given.request.1) },
        profile_sha256: request.profile_sha256.clone(),
        canonical_version: request.canonical_version,
        migrated_on: request.migrated_on,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: world.now_text(),
        finished_at: String::new(),
        store: seen,
        tables: tables(&catalog, &compiled),
        mappings: Vec::new(),
    };
    let mut work =
        Work { world, reader: reader.as_mut(), pace: &mut pace, request: &request, secrets: &secrets, out: given.out };
    let header = write_new(given.out, |file, path| work.write(file, path, header, &compiled, given.key))?;
    reader.end()?;
    Ok(report(given.out, &header, &info, &pace))
}

/// The targets' halves of the mappings, in the order of the request.
fn compile_asked(request: &Request, profile: &Profile, catalog: &Catalog) -> Result<Vec<CompiledTarget>> {
    let (mut compiled, mut problems) = (Vec::new(), Vec::new());
    for asked in &request.mappings {
        let mapping = profile.mappings.iter().find(|mapping| mapping.name == asked.mapping);
        let mapping = mapping.filter(|mapping| crate::profile::sections::of_mapping(mapping) == asked.definition);
        match mapping.map(|mapping| compile_target(mapping, catalog)) {
            Some(Ok(target)) => compiled.push(target),
            Some(Err(found)) => problems.extend(found),
            None => problems.push(failure!(Usage, "request-mapping-unknown", mapping = asked.mapping)),
        }
    }
    match problems.into_iter().rev().reduce(|later, problem| problem.because(later)) {
        Some(problems) => Err(failure!(Usage, "mapping-problems").because(problems)),
        None => Ok(compiled),
    }
}

fn seen(info: &StoreInfo, catalog: &Catalog, marks: &Marks, snapshot: String) -> StoreSeen {
    let keyed = |list: &[String]| list.iter().map(|mark| marks.mark(mark)).collect::<BTreeSet<_>>();
    StoreSeen {
        engine: info.engine.clone(),
        product: info.product.clone(),
        version: info.version.clone(),
        snapshot,
        role_could_write: match &info.role.may_write {
            Known::Yes(may) => Some(*may),
            Known::Unknown(_) => None,
        },
        anchors: keyed(&info.identity.anchors).into_iter().collect(),
        follows: match &info.identity.follows {
            Known::Yes(followed) => Follows::Marks(keyed(followed).into_iter().collect()),
            Known::Unknown(why) => Follows::Unknown(why.clone()),
        },
        shapes: marks.shapes(catalog).into_iter().collect(),
    }
}

/// The tables that the mappings read, each once.
fn tables(catalog: &Catalog, compiled: &[CompiledTarget]) -> Vec<TableSeen> {
    let read = compiled.iter().flat_map(|target| std::iter::once(target.side.base()).chain(target.side.joined()));
    let read: BTreeSet<_> = read.map(|scanned| &scanned.table).collect();
    read.into_iter().filter_map(|id| catalog.table(id)).map(TableSeen::of).collect()
}

struct Work<'a> {
    world: &'a mut World,
    reader: &'a mut dyn Reader,
    pace: &'a mut Pace,
    request: &'a Request,
    secrets: &'a Secrets,
    out: &'a Path,
}

impl Work<'_> {
    fn write(
        &mut self,
        file: &mut File,
        path: &Path,
        mut header: Header,
        compiled: &[CompiledTarget],
        key: &SigningKey,
    ) -> Result<Header> {
        let mut writer = Writer::begin(file, path)?;
        for ((asked, target), secret) in self.request.mappings.iter().zip(compiled).zip(&self.secrets.mappings) {
            let (set, rows_read) = self.digest(target, VerifyKeys::from_secret(secret))?;
            let written = writer.add(&asked.mapping, &set)?;
            header.mappings.push(digested(asked, target, rows_read, &written));
        }
        header.finished_at = self.world.now_text();
        writer.finish(&header, key)?;
        Ok(header)
    }

    fn digest(&mut self, target: &CompiledTarget, keys: VerifyKeys) -> Result<(SortedSet, u64)> {
        self.world.go_on()?;
        let side = &target.side;
        self.world.progress.begin("progress-digest", &target.name, None);
        let reader = &mut *self.reader;
        let mut scan = |scan: &Scan, visit: &mut Visit<'_>| reader.scan(scan, visit);
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let rows = SideReader::new(side, keys, days_since_1970(self.request.migrated_on));
        let mut set = DigestSet::new(side.shape(), MEMORY_BYTES, folder);
        let rows_read =
            digest_target(&mut Visiting { world: self.world, pace: self.pace }, side, rows, &mut set, &mut scan)?;
        self.world.progress.end();
        Ok((set.finish()?, rows_read))
    }
}

fn digested(
    asked: &Asked,
    target: &CompiledTarget,
    rows_read: u64,
    written: &crate::verify::digest_file::DigestFile,
) -> MappingDigested {
    let record = RecordBytes::from(target.side.shape());
    MappingDigested {
        mapping: asked.mapping.clone(),
        definition: asked.definition.clone(),
        table: target.side.base().table.to_string(),
        record_bytes: record.all as u64,
        compared_bytes: record.compared as u64,
        rows_read,
        rows: written.rows,
        root: hex::encode(&written.root),
        bytes: written.bytes,
        sha256: hex::encode(&written.sha256),
    }
}

fn report(out: &Path, header: &Header, info: &StoreInfo, pace: &Pace) -> Outcome {
    let by_table: BTreeMap<&str, u64> =
        header.mappings.iter().map(|mapping| (mapping.table.as_str(), mapping.rows_read)).collect();
    let rows: u64 = header.mappings.iter().map(|mapping| mapping.rows).sum();
    let document = serde_json::json!({
        "receipt": out, "request": header.request.number, "case": header.case, "rows": rows, "rows_read": by_table,
        "snapshot": header.store.snapshot, "taken_at": header.taken_at,
        "mappings": header.mappings.iter().map(|one| (one.mapping.clone(), one.rows.into())).collect::<serde_json::Map<_, _>>(),
    });
    let line =
        line!("receipt-made", path = out.display(), mappings = header.mappings.len(), rows = rows, case = header.case);
    let mut outcome = Outcome::done(line, document);
    outcome.lines.push(line!(
        "verified-target",
        store = info.product,
        rows = header.mappings.iter().map(|mapping| mapping.rows_read).sum::<u64>(),
        bytes = pace.bytes(),
        rate = pace.rate(),
        at = header.taken_at
    ));
    if header.store.role_could_write == Some(true) {
        outcome.lines.push(line!("verified-role-writes", store = info.product));
    }
    let footprint = info.read_footprint.iter();
    outcome.lines.extend(footprint.map(|footprint| line!("discovered-footprint", footprint = footprint)));
    outcome
}
