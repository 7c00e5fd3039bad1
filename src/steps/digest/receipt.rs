//! A receipt as a file: the records of each mapping, one digest file after the other, and behind them the signed header
//! that binds size and SHA-256 of each. Reads and writes the file; `docs/receipt-v1.md` specifies it.
//!
//! `"LBRECPT1" | digest files | envelope | bytes of the envelope u32 | "LBRECEND"`. The header stands last because what it
//! binds is known only then, and a file that was cut has no end.

use crate::certificate::envelope::{ENVELOPE_BYTES_MAX, Envelope, PayloadType};
use crate::certificate::keys::SigningKey;
use crate::failure::{Failure, Result};
use crate::hex;
use crate::json::{from_canonical, to_canonical};
use crate::profile::Day;
use crate::verify::digest_file::{self, DigestFile, Expected};
use crate::verify::mapping::key_label;
use crate::verify::partitions::{RecordBytes, SortedSet};
use crate::world::{World, fault};
use lastbell_contract::{Catalog, Column, Index, Kind, Table, TableId, TableKind};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The header's schema.
pub(super) const SCHEMA: &str = "lastbell.receipt/v1";
const START: &[u8; 8] = b"LBRECPT1";
const END: &[u8; 8] = b"LBRECEND";
/// The envelope's length and [`END`].
const TAIL_BYTES: u64 = 4 + 8;

/// The request that is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answered {
    /// Its number.
    pub(super) number: String,
    /// SHA-256 of its file.
    pub(super) sha256: String,
}

/// Whether the store receives changes from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Follows {
    /// Keyed marks of the stores and streams.
    Marks(Vec<String>),
    /// Nobody could look; a stable word says why.
    Unknown(String),
}

/// The store that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreSeen {
    pub(super) engine: String,
    pub(super) product: String,
    pub(super) version: String,
    /// The snapshot's mark in the engine's words; `none` where the engine has no snapshots.
    pub(super) snapshot: String,
    /// `null`: could not look.
    pub(super) role_could_write: Option<bool>,
    /// Keyed marks that tell this store from another.
    pub(super) anchors: Vec<String>,
    pub(super) follows: Follows,
    /// Keyed shapes of all its tables, sorted: whether it looks like a copy of the source.
    pub(super) shapes: Vec<String>,
}

/// A column of a table that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnSeen {
    name: String,
    /// The logical kind.
    kind: String,
    /// CHAR(n): filled up with blanks.
    filled: bool,
}

/// A table that the mappings read: what the source's half is compiled against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableSeen {
    schema: Option<String>,
    name: String,
    columns: Vec<ColumnSeen>,
    primary_key: Vec<String>,
    unique_keys: Vec<Vec<String>>,
    unique_indexes: Vec<Vec<String>>,
}

/// The records of one mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MappingDigested {
    pub(super) mapping: String,
    /// SHA-256 of the mapping's canonical JSON.
    pub(super) definition: String,
    /// The base table.
    pub(super) table: String,
    /// Bytes of a record, and of these compared.
    pub(super) record_bytes: u64,
    pub(super) compared_bytes: u64,
    /// Rows read from the base table, and of these digested.
    pub(super) rows_read: u64,
    pub(super) rows: u64,
    /// The root over them.
    pub(super) root: String,
    /// Size and digest of the digest file.
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// What the keeper signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) schema: String,
    pub(super) case: String,
    pub(super) request: Answered,
    pub(super) profile_sha256: String,
    pub(super) canonical_version: u64,
    pub(super) migrated_on: Option<Day>,
    /// Version of the program.
    pub(super) program: String,
    /// When the snapshot was opened, and when everything was read; RFC 3339, UTC.
    pub(super) taken_at: String,
    pub(super) finished_at: String,
    pub(super) store: StoreSeen,
    pub(super) tables: Vec<TableSeen>,
    /// In the order of the digest files.
    pub(super) mappings: Vec<MappingDigested>,
}

impl MappingDigested {
    fn record(&self) -> RecordBytes {
        let bytes = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        RecordBytes { all: bytes(self.record_bytes), compared: bytes(self.compared_bytes) }
    }

    /// The figures agree with each other.
    fn holds_together(&self) -> bool {
        let record = self.record();
        let fits = (1..=1 << 20).contains(&record.all) && record.compared <= record.all;
        fits && digest_file::size(&key_label(&self.mapping), record, self.rows) == self.bytes
    }
}

impl TableSeen {
    pub(super) fn of(table: &Table) -> Self {
        let column = |column: &Column| ColumnSeen {
            name: column.name.clone(),
            kind: column.kind.word().to_owned(),
            filled: crate::verify::transform::is_filled(column),
        };
        let unique = table.indexes.iter().filter(|index| index.unique);
        Self {
            schema: table.id.schema.clone(),
            name: table.id.name.clone(),
            columns: table.columns.iter().map(column).collect(),
            primary_key: table.primary_key.clone(),
            unique_keys: table.unique_keys.clone(),
            unique_indexes: unique.map(|index| index.columns.clone()).collect(),
        }
    }

    /// As far as a mapping asks.
    fn table(&self) -> Table {
        let column = |column: &ColumnSeen| Column {
            name: column.name.clone(),
            declared_type: if column.filled { "char".to_owned() } else { String::new() },
            kind: Kind::ALL.into_iter().find(|kind| kind.word() == column.kind).unwrap_or(Kind::Unknown),
            nullable: true,
            generated: false,
            comment: None,
            charset: None,
        };
        let index = |columns: &Vec<String>| Index { name: String::new(), columns: columns.clone(), unique: true };
        Table {
            id: TableId { schema: self.schema.clone(), name: self.name.clone() },
            kind: TableKind::Base,
            columns: self.columns.iter().map(column).collect(),
            primary_key: self.primary_key.clone(),
            unique_keys: self.unique_keys.clone(),
            foreign_keys: Vec::new(),
            parents: Vec::new(),
            indexes: self.unique_indexes.iter().map(index).collect(),
            triggers: Vec::new(),
            rows_estimate: None,
            definition: None,
            obstacles: Vec::new(),
        }
    }
}

impl Header {
    /// The tables that the mappings read.
    pub(super) fn catalog(&self) -> Catalog {
        Catalog { tables: self.tables.iter().map(TableSeen::table).collect(), views: Vec::new() }
    }
}

/// Writes a file under another name and gives it its own when it is whole; never over a file. Mode 0600.
pub(super) fn write_new<T>(path: &Path, write: impl FnOnce(&mut File, &Path) -> Result<T>) -> Result<T> {
    let name = path.file_name().ok_or_else(|| failure!(Usage, "file-not-found", path = path.display(), os = "-"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = folder.join(format!(".{}.draft", name.to_string_lossy()));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Failure::file(&path, &error)
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft).map_err(failed(&draft))?;
    let written = write(&mut file, &draft).inspect_err(|_| drop(fs::remove_file(&draft)))?;
    file.sync_all().map_err(failed(&draft))?;
    fault::point();
    super::request::refuse_existing(path)?;
    fs::rename(&draft, path).map_err(failed(path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
    fault::point();
    Ok(written)
}

/// A receipt while it is written.
pub(super) struct Writer<'a> {
    file: &'a mut File,
    path: &'a Path,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(file: &'a mut File, path: &'a Path) -> Result<Self> {
        let mut writer = Self { file, path };
        writer.push(START)?;
        Ok(writer)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Failure::file(self.path, &error))
    }

    /// Appends the records of a mapping.
    pub(super) fn add(&mut self, mapping: &str, set: &SortedSet) -> Result<DigestFile> {
        digest_file::write(self.file, self.path, &key_label(mapping), set)
    }

    /// Signs and ends.
    pub(super) fn finish(mut self, header: &Header, key: &SigningKey) -> Result<()> {
        let payload =
            to_canonical(header).map_err(|_| failure!(Bug, "json-not-canonical", path = self.path.display()))?;
        let envelope = Envelope::sign(PayloadType::Receipt, payload, key).to_bytes();
        let length = u32::try_from(envelope.len()).map_err(|_| failure!(Bug, "bug"))?;
        self.push(&envelope)?;
        self.push(&length.to_be_bytes())?;
        self.push(END)
    }
}

/// A receipt that was opened: whole by its own account. Nothing in it is to be believed before its signature was checked.
pub(super) struct ReceiptFile {
    path: PathBuf,
    file: File,
    /// Of the whole file.
    pub(super) sha256: String,
    pub(super) envelope: Envelope,
    pub(super) header: Header,
    /// Where the digest files begin.
    starts: Vec<u64>,
}

impl ReceiptFile {
    /// Opens a receipt and reads its end.
    ///
    /// # Errors
    /// `receipt-missing`, `receipt-damaged` with a stable word, what is wrong with the envelope.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => failure!(Refused, "receipt-missing", path = path.display()),
            _ => Failure::file(path, &error), // std's kinds are open-ended
        })?;
        let damaged = |why: &'static str| failure!(Refused, "receipt-damaged", path = path.display(), reason = why);
        let about = |failure: Failure| damaged("envelope").because(failure);
        let (sha256, bytes) = sha256_of(&mut file, path)?;
        let tail = bytes.checked_sub(TAIL_BYTES).ok_or_else(|| damaged("cut"))?;
        let end = read_at(&mut file, path, tail, TAIL_BYTES)?;
        let (length, end) = end.split_at(4);
        if end != END {
            return Err(damaged("cut"));
        }
        let length = u64::from(u32::from_be_bytes(length.try_into().expect("four bytes")));
        let start = tail.checked_sub(length).filter(|start| *start >= START.len() as u64);
        let start = start.filter(|_| length <= ENVELOPE_BYTES_MAX as u64).ok_or_else(|| damaged("form"))?;
        if read_at(&mut file, path, 0, START.len() as u64)? != START {
            return Err(damaged("form"));
        }
        let envelope = Envelope::parse(&read_at(&mut file, path, start, length)?, PayloadType::Receipt);
        let envelope = envelope.map_err(about)?;
        let header: Header = read_header(&envelope).ok_or_else(|| damaged("header"))?;
        let (mut starts, mut at) = (Vec::new(), START.len() as u64);
        for mapping in &header.mappings {
            starts.push(at);
            at = at.checked_add(mapping.bytes).ok_or_else(|| damaged("form"))?;
        }
        if at != start || !header.mappings.iter().all(MappingDigested::holds_together) {
            return Err(damaged("form"));
        }
        Ok(Self { path: path.to_owned(), file, sha256, envelope, header, starts })
    }

    /// The place of a mapping's records.
    pub(super) fn place(&self, mapping: &str) -> Option<usize> {
        self.header.mappings.iter().position(|digested| digested.mapping == mapping)
    }

    /// Reads all records once, so that a receipt is refused before anything else is read for it.
    pub(super) fn check_records(&mut self, world: &World) -> Result<()> {
        (0..self.starts.len()).try_for_each(|place| self.records(world, place, &mut |_| Ok(())))
    }

    /// Hands over the records of a mapping; they are those that the header binds, or it fails.
    pub(super) fn records(
        &mut self,
        world: &World,
        place: usize,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let digested = &self.header.mappings[place];
        let label = key_label(&digested.mapping);
        let expected = Expected { label: &label, record: digested.record(), bytes: digested.bytes };
        let failed = |error| Failure::file(&self.path, &error);
        self.file.seek(SeekFrom::Start(self.starts[place])).map_err(failed)?;
        let mut input = (&self.file).take(digested.bytes);
        let mut taken = 0_u64;
        let found = digest_file::read(&mut input, &self.path, &expected, &mut |record| {
            taken += 1;
            // Asked now and then: a clean end on a signal must not wait for five million records.
            if taken.is_multiple_of(10_000) {
                world.go_on()?;
            }
            take(record)
        })?;
        if (hex::encode(&found.sha256), hex::encode(&found.root)) != (digested.sha256.clone(), digested.root.clone()) {
            return Err(failure!(Refused, "receipt-damaged", path = self.path.display(), reason = "changed"));
        }
        Ok(())
    }
}

fn read_header(envelope: &Envelope) -> Option<Header> {
    let header: Header = from_canonical(envelope.payload()).ok()?;
    (header.schema == SCHEMA).then_some(header)
}

fn read_at(file: &mut File, path: &Path, at: u64, bytes: u64) -> Result<Vec<u8>> {
    let mut read = || {
        file.seek(SeekFrom::Start(at))?;
        let mut found = Vec::new();
        (&mut *file).take(bytes).read_to_end(&mut found).map(|_| found)
    };
    let found = read().map_err(|error| Failure::file(path, &error))?;
    if found.len() as u64 == bytes {
        Ok(found)
    } else {
        Err(failure!(Refused, "receipt-damaged", path = path.display(), reason = "cut"))
    }
}

fn sha256_of(file: &mut File, path: &Path) -> Result<(String, u64)> {
    let failed = |error: std::io::Error| Failure::file(path, &error);
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failure!(Refused, "receipt-damaged", path = path.display(), reason = "form")); // a pipe never ends
    }
    hex::sha256_of(file, &failed, &|| Ok(()))
}
