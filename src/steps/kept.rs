//! What a verification that broke off had read already: sides of tables, whole, and the results of finished tables. The next
//! run goes on from there. Reads and writes `work/reading/` alone: `kept.json`, and a file of keyed digests for each set of a
//! side that was too large for memory.
//!
//! A side counts from the moment at which `kept.json` names it, and never before: a stream that broke off leaves a file
//! that no list names, which the next run removes. The list carries an HMAC under the case's key and says what it was read
//! for; another profile, another store, a changed byte, a day that has passed or `--again`, and everything is read anew.

use super::session::Session;
use crate::case::Secret;
use crate::case::artefacts::TableProof;
use crate::case::folder::READING;
use crate::failure::{Failure, Result};
use crate::hex;
use crate::json;
use crate::verify::keys::mapping_secret;
use crate::verify::partitions::{RecordBytes, SortedSet, Written};
use crate::verify::report::{MappingResult, TableResult, Uncovered};
use crate::world::{World, fault};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

const LIST: &str = "kept.json";
/// What was read so long ago is not what the stores hold now: an inventory of the day before is checked against them, rows
/// are not.
const HOURS_MAX: i64 = 24;

/// In which view of a store something was read.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The snapshot's mark.
    pub snapshot: String,
    /// When it was opened, RFC 3339 UTC.
    pub at: String,
}

/// Which side of a table.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The retired system's.
    Source,
    /// The platform's.
    Target,
}

/// A side of a table that was read to its end.
pub struct SideRead {
    /// The table's own result; of a source alone.
    pub table: Option<TableResult>,
    /// Of each mapping.
    pub sets: Vec<SetRead>,
}

/// What a mapping made of a side.
pub struct SetRead {
    /// Its records.
    pub set: SortedSet,
    /// Source rows that no mapping took.
    pub uncovered: Uncovered,
    /// Rows of the target's base table.
    pub base_rows: u64,
}

/// A finished table.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct TableKept {
    /// Its proof.
    pub proof: TableProof,
    /// Its mappings.
    pub mappings: Vec<MappingResult>,
    /// Rows read from target tables.
    pub target_rows: BTreeMap<String, u64>,
    /// Sealed files with the keys of differing rows.
    pub differing: Vec<String>,
    /// What the source was read in.
    pub source: Sight,
    /// What the target was read in.
    pub target: Sight,
}

#[derive(Serialize, Deserialize)]
struct SideKept {
    store: String,
    table: String,
    side: Side,
    sight: Sight,
    result: Option<TableResult>,
    sets: Vec<SetKept>,
}

#[derive(Serialize, Deserialize)]
struct SetKept {
    file: String,
    record_bytes: usize,
    compared_bytes: usize,
    written: Written,
    uncovered: Uncovered,
    base_rows: u64,
}

#[derive(Serialize, Deserialize, Default)]
struct List {
    /// What it was read for.
    bound_to: String,
    /// When the first of it was read, seconds since 1970.
    begun: i64,
    tables: Vec<TableKept>,
    sides: Vec<SideKept>,
}

/// The list as it lies on disk.
#[derive(Serialize, Deserialize)]
struct Signed {
    list: List,
    hmac_sha256: String,
}

/// What is kept of a verification that has not ended.
pub struct Kept {
    folder: PathBuf,
    key: Zeroizing<[u8; 32]>,
    list: List,
    next: u64,
    source: Sight,
    target: Sight,
}

impl Kept {
    /// Takes up what an earlier run left for the same question, and removes everything else.
    ///
    /// # Errors
    /// File failures. What cannot be believed is no error: it is read again.
    pub fn open(session: &Session, world: &World, key: &Secret, bound_to: &str) -> Result<Self> {
        let folder = session.case.path().join(READING);
        let mut kept = Self {
            folder,
            key: mapping_secret(key.bytes(), "reading"),
            list: List { bound_to: bound_to.to_owned(), begun: world.clock.now().as_second(), ..List::default() },
            next: 0,
            source: Sight::default(),
            target: Sight::default(),
        };
        if let Some(list) = kept.believed() {
            let hours = (kept.list.begun - list.begun) / 3600;
            if list.bound_to == bound_to && (0..HOURS_MAX).contains(&hours) {
                kept.list = list;
            }
        }
        kept.make_folder()?;
        kept.remove_unnamed()?;
        Ok(kept)
    }

    fn believed(&self) -> Option<List> {
        let bytes = fs::read(self.folder.join(LIST)).ok()?;
        let signed: Signed = serde_json::from_slice(&bytes).ok()?;
        let told = hex::decode(&signed.hmac_sha256)?;
        self.mac(&signed.list).verify_slice(&told).ok()?;
        Some(signed.list)
    }

    fn mac(&self, list: &List) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&*self.key).expect("HMAC takes a key of any length");
        mac.update(&json::to_canonical(list).expect("keys are texts, numbers are whole"));
        mac
    }

    /// A link in its place would have us write and remove elsewhere.
    fn make_folder(&self) -> Result<()> {
        match fs::symlink_metadata(&self.folder) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(failure!(Refused, "tampered-foreign", path = READING)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::DirBuilder::new().mode(0o700).create(&self.folder).map_err(|error| self.failed(&error))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::file(&self.folder, error)
    }

    fn remove_unnamed(&self) -> Result<()> {
        let sets = self.list.sides.iter().flat_map(|side| &side.sets);
        let named: BTreeSet<&str> = sets.map(|set| set.file.as_str()).chain([LIST]).collect();
        for entry in fs::read_dir(&self.folder).map_err(|error| self.failed(&error))? {
            let entry = entry.map_err(|error| self.failed(&error))?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                fs::remove_file(entry.path()).map_err(|error| self.failed(&error))?;
            }
        }
        Ok(())
    }

    /// From now on sides are read in these views.
    pub fn look(&mut self, side: Side, sight: Sight) {
        match side {
            Side::Source => self.source = sight,
            Side::Target => self.target = sight,
        }
    }

    /// A table that was finished.
    #[must_use]
    pub fn table(&self, store: &str, table: &str) -> Option<&TableKept> {
        self.list.tables.iter().find(|kept| kept.proof.store == store && kept.proof.result.table == table)
    }

    /// Sealed files that belong to finished tables.
    pub fn differing(&self) -> impl Iterator<Item = &String> {
        self.list.tables.iter().flat_map(|table| &table.differing)
    }

    /// The name of a file that is not there yet.
    pub fn new_file(&mut self) -> PathBuf {
        loop {
            let path = self.folder.join(format!("{}.set", self.next));
            self.next += 1;
            if !path.exists() {
                return path;
            }
        }
    }

    /// A side that was read to its end, if its files are still those that were written. `records` are the lengths that the
    /// mappings want, in their order.
    #[must_use]
    pub fn side(
        &self,
        store: &str,
        table: &str,
        side: Side,
        records: &[RecordBytes],
        memory_bytes_max: usize,
    ) -> Option<SideRead> {
        let kept = self.side_kept(store, table, side)?;
        let lengths = kept.sets.iter().map(|set| RecordBytes { all: set.record_bytes, compared: set.compared_bytes });
        if !lengths.eq(records.iter().copied()) {
            return None;
        }
        let sets = kept.sets.iter().zip(records).map(|(set, record)| {
            let path = self.folder.join(&set.file);
            Some(SetRead {
                set: SortedSet::reopen(
                    whole(&path, &set.written)?,
                    &set.written,
                    *record,
                    memory_bytes_max,
                    &self.folder,
                )?,
                uncovered: set.uncovered,
                base_rows: set.base_rows,
            })
        });
        Some(SideRead { table: kept.result.clone(), sets: sets.collect::<Option<_>>()? })
    }

    fn side_kept(&self, store: &str, table: &str, side: Side) -> Option<&SideKept> {
        self.list.sides.iter().find(|kept| kept.store == store && kept.table == table && kept.side == side)
    }

    /// Keeps a side that was read to its end just now. One that was small enough for memory is not kept: it is read again
    /// in a moment.
    ///
    /// # Errors
    /// File failures.
    pub fn keep_side(&mut self, store: &str, table: &str, side: Side, read: &SideRead) -> Result<()> {
        let mut sets = Vec::new();
        for SetRead { set, uncovered, base_rows } in &read.sets {
            let Some((file, written)) = set.written() else { return Ok(()) };
            let RecordBytes { all, compared } = set.record_bytes();
            sets.push(SetKept {
                file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                record_bytes: all,
                compared_bytes: compared,
                written,
                uncovered: *uncovered,
                base_rows: *base_rows,
            });
        }
        if sets.is_empty() {
            return Ok(());
        }
        let sight = match side {
            Side::Source => self.source.clone(),
            Side::Target => self.target.clone(),
        };
        self.list.sides.retain(|kept| !(kept.store == store && kept.table == table && kept.side == side));
        self.list.sides.push(SideKept {
            store: store.to_owned(),
            table: table.to_owned(),
            side,
            sight,
            result: read.table.clone(),
            sets,
        });
        self.write()
    }

    /// In which views the sides of a table were read: those of now, where they were not kept.
    #[must_use]
    pub fn sights(&self, store: &str, table: &str) -> [Sight; 2] {
        [(Side::Source, &self.source), (Side::Target, &self.target)].map(|(side, now)| {
            self.side_kept(store, table, side).map_or_else(|| now.clone(), |kept| kept.sight.clone())
        })
    }

    /// Keeps the results of a table; its sides are needed no more.
    ///
    /// # Errors
    /// File failures.
    pub fn keep_table(&mut self, table: TableKept) -> Result<()> {
        let is_its = |side: &SideKept| side.store == table.proof.store && side.table == table.proof.result.table;
        self.list.sides.retain(|side| !is_its(side));
        self.list.tables.push(table);
        self.write()?;
        self.remove_unnamed()
    }

    /// Whole, by another name first. Not synced: it must outlive us, not the machine; a list that lost bytes is not believed.
    fn write(&self) -> Result<()> {
        let list = &self.list;
        let hmac_sha256 = hex::encode(&self.mac(list).finalize().into_bytes());
        let text = serde_json::json!({ "list": list, "hmac_sha256": hmac_sha256 }).to_string();
        let draft = self.folder.join("kept.draft");
        fs::write(&draft, text).map_err(|error| self.failed(&error))?;
        fault::point();
        fs::rename(&draft, self.folder.join(LIST)).map_err(|error| self.failed(&error))?;
        fault::point();
        Ok(())
    }

    /// The verification is written: nothing of this is needed any more.
    ///
    /// # Errors
    /// File failures.
    pub fn end(self) -> Result<()> {
        remove(&self.folder)
    }
}

/// Both sides' threads have it in turn.
pub fn held(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what a verification that never ended has left in a case. The digests are keyed: once the key is gone they say
/// nothing, so they are removed and not overwritten.
///
/// # Errors
/// File failures.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::file(folder, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The file, if it holds what was written.
fn whole(path: &Path, written: &Written) -> Option<File> {
    let mut file = File::open(path).ok()?;
    let (sha256, _) = hex::sha256_of(&mut file, &|error| error, &|| Ok(())).ok()?;
    (sha256 == written.sha256).then_some(file)
}
