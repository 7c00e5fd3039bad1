//! A receipt in the target's place: signed by the key that case.yaml names, for this case, its last request, these
//! mappings, not too old; then read like a live target, and the same bytes again under lock.
//! Reads the receipt, case.yaml and the journal; writes a line of the journal when a receipt is taken for the first time.

use super::SCHEME;
use super::marks::Marks;
use super::receipt::{Follows, Header, ReceiptFile};
use super::request::marks_label;
use crate::case::artefacts::{Kinship, ReceiptRead, TargetRead};
use crate::case::{Event, Purpose};
use crate::certificate::keys::{PublicKey, read_public};
use crate::failure::{Failure, Result};
use crate::profile::sections;
use crate::steps::session::{CASE_FILE, StoreAt};
use crate::steps::{Session, export, proof, target_age};
use crate::verify::canonical;
use crate::verify::keys::mapping_secret;
use crate::verify::mapping::CompiledMapping;
use crate::verify::partitions::{DigestSet, RecordBytes, SortedSet};
use crate::world::World;
use lastbell_contract::{Catalog, Known, StoreInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What digests do not tell: which columns of a different row differ, and which rows the extra ones are.
const CANNOT_TELL: [&str; 2] = ["columns-of-different-rows", "keys-of-extra-rows"];

/// A receipt that may stand for the platform.
pub struct Taken {
    /// The store's name in case.yaml.
    pub store: String,
    /// The tables that the receipt's mappings read.
    pub catalog: Catalog,
    file: ReceiptFile,
    signer: String,
}

/// A request that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Its number.
    pub number: String,
    /// SHA-256 of its file.
    pub sha256: String,
    /// SHA-256 of the profile's file that went with it.
    pub profile: String,
}

/// The last request of the case: it alone can be answered.
#[must_use]
pub fn last_request(session: &Session) -> Option<Requested> {
    session.case.entries().iter().rev().find_map(|entry| match &entry.event {
        Event::ReceiptRequested { number, sha256, profile, .. } => {
            Some(Requested { number: number.clone(), sha256: sha256.clone(), profile: profile.clone() })
        }
        _ => None, // every other event
    })
}

/// Refuses a plan's or a verification's target that is no longer good: too old, or a later request asked for another one.
/// A live target is always good: it is looked at anew.
///
/// # Errors
/// `target-too-old`, `target-from-future`, `receipt-superseded`.
pub fn check_still_good(session: &Session, world: &World, target: &TargetRead) -> Result<()> {
    if target.kind == "live" {
        return Ok(());
    }
    match &target.export {
        Some(export) => export::check_age(session, world, &target.store, export)?,
        None => target_age::check(session, world, &target.store, &target.read_at)?,
    }
    match (&target.receipt, last_request(session)) {
        (Some(receipt), Some(last)) if receipt.request != last.number => {
            Err(failure!(Refused, "receipt-superseded", store = target.store))
        }
        (_, _) => Ok(()), // no receipt, or the last request's
    }
}

/// The digest of the receipt that was taken for a request.
fn taken_before(session: &Session, asked: &str) -> Option<String> {
    session.case.entries().iter().rev().find_map(|entry| match &entry.event {
        Event::ReceiptTaken { number, sha256, .. } if number == asked => Some(sha256.clone()),
        _ => None, // every other event
    })
}

impl Taken {
    /// Opens a receipt: whole, signed by the keeper's key, of this case.
    ///
    /// # Errors
    /// `receipt-missing`, `receipt-damaged`, `digest-file-damaged`, `receipt-signer-missing`, `receipt-signer-unknown`,
    /// `receipt-other-case`, `receipt-version`.
    pub fn open(session: &Session, world: &World, at: &StoreAt) -> Result<Self> {
        let path = session.beside(&at.location.rest);
        let mut file = ReceiptFile::open(&path)?;
        let signer = check_signature(session, &path, &file)?;
        let header = &file.header;
        if header.case != session.case.id() {
            return Err(failure!(
                Refused,
                "receipt-other-case",
                path = path.display(),
                found = header.case,
                case = session.case.id()
            ));
        }
        if header.canonical_version != u64::from(canonical::VERSION) {
            return Err(failure!(
                Refused,
                "receipt-version",
                path = path.display(),
                version = header.canonical_version
            ));
        }
        file.check_records(world)?;
        Ok(Self { store: at.name.clone(), catalog: file.header.catalog(), signer, file })
    }

    /// Is it the answer to the case's last request, the only one so far, and young enough?
    ///
    /// # Errors
    /// `receipt-unasked`, `receipt-other-request`, `receipt-other-profile`, `receipt-other-day`, `receipt-second-answer`,
    /// `target-too-old`, `target-from-future`.
    pub fn check_request(&self, session: &Session, world: &World) -> Result<()> {
        let (header, sha256) = (&self.file.header, &self.file.sha256);
        let asked = last_request(session).ok_or_else(|| failure!(Refused, "receipt-unasked", store = self.store))?;
        if (&header.request.number, &header.request.sha256) != (&asked.number, &asked.sha256) {
            return Err(failure!(Refused, "receipt-other-request", store = self.store));
        }
        if header.profile_sha256 != asked.profile {
            return Err(failure!(Refused, "receipt-other-profile", store = self.store));
        }
        if header.migrated_on != session.files.case.migrated_on {
            return Err(failure!(Refused, "receipt-other-day", store = self.store));
        }
        target_age::check(session, world, &self.store, &header.taken_at)?;
        match taken_before(session, &asked.number) {
            Some(before) if before != *sha256 => Err(failure!(Refused, "receipt-second-answer", store = self.store)),
            Some(_) | None => Ok(()),
        }
    }

    /// Has it the mappings that start from these tables, each as the profile means it now?
    ///
    /// # Errors
    /// `receipt-lacks-mapping`, `receipt-other-mapping`.
    pub fn check_mappings(&self, session: &Session, tables: &BTreeSet<String>) -> Result<()> {
        let mut wanted = session
            .profile()?
            .mappings
            .iter()
            .filter(|mapping| mapping.source.tables().first().is_some_and(|base| tables.contains(base.table)));
        wanted.try_for_each(|mapping| self.place(session, &mapping.name).map(|_| ()))
    }

    /// Where the records of a mapping are, when they were made with its meaning of now.
    fn place(&self, session: &Session, mapping: &str) -> Result<usize> {
        let lacks = || failure!(Refused, "receipt-lacks-mapping", store = self.store, mapping = mapping);
        let place = self.file.place(mapping).ok_or_else(lacks)?;
        let meant = session.profile()?.mappings.iter().find(|known| known.name == mapping).map(sections::of_mapping);
        if meant.as_ref() != Some(&self.file.header.mappings[place].definition) {
            return Err(failure!(Refused, "receipt-other-mapping", store = self.store, mapping = mapping));
        }
        Ok(place)
    }

    /// Takes it: no other receipt answers this request from now on.
    ///
    /// # Errors
    /// File failures.
    pub fn take(&self, session: &mut Session, world: &World) -> Result<()> {
        let number = self.file.header.request.number.clone();
        if taken_before(session, &number).is_some() {
            return Ok(());
        }
        let (sha256, signer) = (self.file.sha256.clone(), self.signer.clone());
        session.case.record(world, Event::ReceiptTaken { number, sha256, signer })
    }

    /// Refuses unless these are the bytes that were verified.
    ///
    /// # Errors
    /// `receipt-changed`.
    pub fn is_the_same(&self, verified: Option<&TargetRead>) -> Result<()> {
        let before = verified.and_then(|target| target.receipt.as_ref());
        if before.is_some_and(|before| before.sha256 == self.file.sha256 && before.signer == self.signer) {
            return Ok(());
        }
        Err(failure!(Refused, "receipt-changed", store = self.store))
    }

    /// The platform's rows of a mapping.
    ///
    /// # Errors
    /// `receipt-lacks-mapping`, `receipt-other-mapping`, `digest-file-damaged`, a full disk.
    pub fn side(
        &mut self,
        session: &Session,
        world: &World,
        mapping: &CompiledMapping,
        memory_bytes_max: usize,
        spill_folder: &Path,
    ) -> Result<SortedSet> {
        let place = self.place(session, &mapping.name)?;
        let digested = &self.file.header.mappings[place];
        let record = RecordBytes::from(mapping.shape());
        if (digested.record_bytes, digested.compared_bytes) != (record.all as u64, record.compared as u64) {
            return Err(failure!(Refused, "receipt-other-mapping", store = self.store, mapping = mapping.name));
        }
        let mut set = DigestSet::new(record, memory_bytes_max, spill_folder);
        self.file.records(world, place, &mut |record| set.push(record))?;
        set.finish()
    }

    /// What verification, plan and certificate say of it.
    #[must_use]
    pub fn read(&self) -> TargetRead {
        let header = &self.file.header;
        TargetRead {
            kind: SCHEME.to_owned(),
            store: self.store.clone(),
            read_at: header.taken_at.clone(),
            snapshot: header.store.snapshot.clone(),
            rows_read: header.mappings.iter().map(|mapping| mapping.rows_read).sum(),
            bytes_read: 0,
            max_rate: String::new(),
            role_could_write: header.store.role_could_write,
            receipt: Some(ReceiptRead {
                sha256: self.file.sha256.clone(),
                request: header.request.number.clone(),
                signer: self.signer.clone(),
                engine: header.store.engine.clone(),
                product: header.store.product.clone(),
                version: header.store.version.clone(),
                finished_at: header.finished_at.clone(),
                cannot_tell: CANNOT_TELL.map(str::to_owned).to_vec(),
            }),
            export: None,
        }
    }

    /// Refuses a platform that is the source or receives its changes, as far as marks tell; the rest must be attested.
    ///
    /// # Errors
    /// `target-is-source`, `target-follows-source`, `kinship-unknown`, `receipt-one-engine`.
    pub fn check_kinship(
        &self,
        session: &Session,
        world: &World,
        sources: &[(&StoreInfo, &Catalog)],
    ) -> Result<Kinship> {
        let header = &self.file.header;
        let key = session.key(world, Purpose::Verify)?;
        let marks = Marks::new(&mapping_secret(key.bytes(), &marks_label(&header.request.number)));
        let mut refused = None;
        for (source, _) in sources {
            refused = refused.or(check_source(&self.store, header, source, &marks)?);
        }
        let mut shapes = sources.iter().flat_map(|(_, catalog)| marks.shapes(catalog)).peekable();
        let looks_like_a_copy = shapes.peek().is_some() && shapes.all(|shape| header.store.shapes.contains(&shape));
        proof::kinship(session, refused, looks_like_a_copy)
    }
}

/// Gives the refusal for what nobody can know. A mark that is raised on one connection and seen on the other cannot be
/// tried from here: of two stores of one engine, unlike anchors alone do not prove that they are two.
fn check_source(store: &str, header: &Header, source: &StoreInfo, marks: &Marks) -> Result<Option<Failure>> {
    let keyed = |list: &[String]| -> Vec<String> { list.iter().map(|mark| marks.mark(mark)).collect() };
    let anchors = keyed(&source.identity.anchors);
    if anchors.iter().any(|anchor| header.store.anchors.contains(anchor)) {
        return Err(failure!(Refused, "target-is-source"));
    }
    let feeds = match &source.identity.feeds {
        Known::Yes(fed) => Known::Yes(keyed(fed)),
        Known::Unknown(why) => Known::Unknown(why.clone()),
    };
    let follows = match &header.store.follows {
        Follows::Marks(followed) => Known::Yes(followed.clone()),
        Follows::Unknown(why) => Known::Unknown(why.clone()),
    };
    if let Some(why) = proof::check_follows(&anchors, &feeds, &follows)? {
        return Ok(Some(failure!(Refused, "kinship-unknown", reason = why)));
    }
    let one_engine = header.store.engine == source.engine;
    Ok(one_engine.then(|| failure!(Refused, "receipt-one-engine", store = store, engine = source.engine)))
}

/// The one signature must be by the key that case.yaml names. Returns its key id.
fn check_signature(session: &Session, path: &Path, file: &ReceiptFile) -> Result<String> {
    let named = session.files.case.receipt_signer.as_deref();
    let named = named.ok_or_else(|| failure!(Refused, "receipt-signer-missing", path = CASE_FILE))?;
    let key_path = session.beside(named);
    let about = |failure: Failure| failure!(Usage, "key-file", path = key_path.display()).caused(failure);
    let bytes = std::fs::read(&key_path).map_err(|error| Failure::file(&key_path, &error))?;
    let key = read_public(&bytes).and_then(PublicKey::into_signing).map_err(about)?;
    let keys = BTreeMap::from([(key.key_id(), key)]);
    // Every signature must fit a known key, and here only one is known.
    file.envelope.verify(&keys).map_err(|failure| {
        failure!(Refused, "receipt-signer-unknown", path = path.display(), key_id = key.key_id()).because(failure)
    })?;
    Ok(key.key_id().to_string())
}
