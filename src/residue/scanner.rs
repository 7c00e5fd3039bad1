//! The scanner: looks for needles in bytes, streams and files. Reads files; memory stays bounded, whatever their size.
//!
//! A stream is read in chunks; the last kilobyte of each is looked at again with the next, so nothing on a boundary is
//! missed, and what lay wholly in it is not counted twice. ASCII text in UTF-16, standing among text of the same byte
//! order, is also text of the other order one byte on, and may be counted as both.

use super::escapes::{LONGEST_ESCAPED, Unescaped, next_stretch};
use super::forms::{Encoding, LONGEST_FORM};
use super::index::{Index, Match};
use super::report::Place;
use super::shard::{Needle, Shard};
use crate::failure::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

/// Told the bytes of each chunk; answers whether to go on.
pub type Progress<'a> = dyn FnMut(u64) -> bool + 'a;

const CHUNK: usize = 1 << 20;
/// Looked at again with the next chunk.
const OVERLAP: usize = if LONGEST_ESCAPED > LONGEST_FORM { LONGEST_ESCAPED } else { LONGEST_FORM };
/// A file that grows while it is read (a busy log) is followed so far beyond its length, not for ever.
const GROWTH_MAX: u64 = 64 << 20;
/// Offsets kept for each file.
const PLACES_MAX: usize = 8;

/// What was found in some bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes read.
    pub bytes: u64,
    /// Places where a form stood, by encoding.
    pub by_encoding: BTreeMap<Encoding, u64>,
    /// Distinct needles, with the columns where each was destroyed.
    pub(super) needles: BTreeMap<u64, Vec<u32>>,
    /// Where the first hits stood.
    pub first: Vec<Place>,
    /// What was found, less its last byte.
    pub(super) ends: BTreeSet<End>,
}

/// The fingerprint of a found form without its last byte: if a kept record ends like that, the byte behind it made the hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) length: usize,
    pub(super) check: u32,
    pub(super) mac: [u8; 16],
    /// Identity of the needle.
    pub(super) id: u64,
    /// Its piece's bit.
    pub(super) piece: u8,
}

impl Found {
    /// Places where a form stood.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.by_encoding.values().sum()
    }

    /// Distinct values found.
    #[must_use]
    pub fn distinct(&self) -> u64 {
        self.needles.len() as u64
    }

    /// Adds what another pass (other shards) found in the same bytes.
    pub fn merge(&mut self, other: Self) {
        self.bytes = self.bytes.max(other.bytes);
        for (encoding, hits) in other.by_encoding {
            *self.by_encoding.entry(encoding).or_default() += hits;
        }
        self.needles.extend(other.needles);
        self.ends.extend(other.ends);
        self.first.extend(other.first);
        self.first.sort();
        self.first.truncate(PLACES_MAX);
    }
}

/// How the reading of a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Read from first to last byte, and unchanged meanwhile.
    Whole,
    /// It grew, shrank or was written to while it was read.
    Changed,
    /// Reading failed on the way, for this reason; what was found before counts.
    Broken(&'static str),
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileScan {
    /// What was found.
    pub found: Found,
    /// How it ended.
    pub ended: Ended,
}

/// The answer for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It was read.
    Read(FileScan),
    /// It could not even be opened, for this reason: `not-found`, `permission-denied`, `not-a-file`, `read-failed`…
    NotRead {
        /// Why.
        why: &'static str,
    },
}

/// Looks for the needles of some shards.
pub struct Scanner {
    index: Index,
    /// Identity and columns of each needle.
    needles: Vec<(u64, Vec<u32>)>,
    /// Table and column.
    columns: Vec<(String, String)>,
    chunk: usize,
}

impl Scanner {
    /// A scanner for shards of one unit: all at once, or one after another where memory is short ([`Found::merge`]).
    ///
    /// # Errors
    /// `needles-wrong-key` (a wrong key would find nothing and call it clean), `needles-damaged`, and
    /// `needles-incomplete` for shards of different units.
    pub fn new(key: &[u8; 32], shards: &[Shard]) -> Result<Self> {
        let first = shards.first().ok_or_else(|| failure!(Refused, "needles-incomplete", shards = 0))?;
        if shards.iter().any(|shard| shard.set != first.set) {
            return Err(failure!(Refused, "needles-incomplete", shards = shards.len()));
        }
        Self::over(key, shards)
    }

    /// A scanner for shards of many units: it tells whether the value of any stands in a file, and a scanner of each unit
    /// alone then tells whose. Most files hold none, and are read once.
    ///
    /// # Errors
    /// `needles-wrong-key`, `needles-damaged`.
    pub fn of_units(key: &[u8; 32], shards: &[Shard]) -> Result<Self> {
        Self::over(key, shards)
    }

    fn over(key: &[u8; 32], shards: &[Shard]) -> Result<Self> {
        let (mut needles, mut columns) = (Vec::new(), Vec::<(String, String)>::new());
        let mut base = 0;
        for (number, shard) in shards.iter().enumerate() {
            // Shards of one unit number their columns alike.
            if number == 0 || shard.set != shards[number - 1].set {
                base = columns.len() as u32;
                columns.extend(shard.columns.iter().map(|column| (column.table.clone(), column.column.clone())));
            }
            let numbered = |needle: &Needle| needle.columns().map(|(at, _)| base + at).collect();
            needles.extend(shard.needles.iter().map(|needle| (needle.id, numbered(needle))));
        }
        Ok(Self { index: Index::new(key, shards)?, needles, columns, chunk: CHUNK })
    }

    /// Looks at bytes that are at hand.
    #[must_use]
    pub fn scan_bytes(&self, bytes: &[u8]) -> Found {
        let mut found = Found { bytes: bytes.len() as u64, ..Found::default() };
        self.look(bytes, 0, 0, &mut Unescaped::default(), &mut found);
        found
    }

    /// Looks at a stream, such as a decoder's output, to its end.
    ///
    /// # Errors
    /// `interrupted` when progress says stop. A failed read is an answer ([`Ended::Broken`]), not an error.
    pub fn scan_reader(&self, reader: &mut dyn Read, progress: &mut Progress<'_>) -> Result<FileScan> {
        let mut found = Found::default();
        let mut scratch = Unescaped::default();
        let mut buffer = vec![0; OVERLAP + self.chunk];
        let mut carried = 0;
        loop {
            let (fresh, failed) = fill(reader, &mut buffer[carried..carried + self.chunk]);
            let filled = carried + fresh;
            self.look(&buffer[..filled], found.bytes - carried as u64, carried, &mut scratch, &mut found);
            found.bytes += fresh as u64;
            if let Some(why) = failed {
                return Ok(FileScan { found, ended: Ended::Broken(why) });
            }
            if !progress(fresh as u64) {
                return Err(failure!(Interrupted, "interrupted", operation = "residue", table = "-", reason = "-"));
            }
            if fresh < self.chunk {
                return Ok(FileScan { found, ended: Ended::Whole });
            }
            carried = filled.min(OVERLAP);
            buffer.copy_within(filled - carried..filled, 0);
        }
    }

    /// Looks at a file. Symbolic links are followed; pipes and sockets are never opened, since that could wait for ever.
    ///
    /// # Errors
    /// `interrupted` when progress says stop. A file that cannot be read is an answer, not an error.
    pub fn scan_file(&self, path: &Path, progress: &mut Progress<'_>) -> Result<Looked> {
        let (file, before) = match open(path) {
            Ok(opened) => opened,
            Err(why) => return Ok(Looked::NotRead { why }),
        };
        let length_max = if before.is_file() { before.len().saturating_add(GROWTH_MAX) } else { u64::MAX };
        let mut scan = self.scan_reader(&mut (&file).take(length_max), progress)?;
        if scan.ended == Ended::Whole && before.is_file() && !is_same(&before, &file, scan.found.bytes) {
            scan.ended = Ended::Changed;
        }
        Ok(Looked::Read(scan))
    }

    #[cfg(test)]
    pub(super) fn with_chunk(mut self, chunk: usize) -> Self {
        self.chunk = chunk;
        self
    }

    /// `text` begins at `base` of the stream; what ends within its first `known` bytes was found before.
    fn look(&self, text: &[u8], base: u64, known: usize, scratch: &mut Unescaped, found: &mut Found) {
        self.index.search(text, &mut |hit| {
            if hit.span.end > known {
                let short = &text[hit.span.start..hit.span.end - 1];
                let (check, mac) = self.index.fingerprint(short);
                let id = self.needles[hit.needle as usize].0;
                found.ends.insert(End { length: short.len(), check, mac, id, piece: hit.piece.bit() });
                self.note(hit, hit.encoding, base + hit.span.start as u64, found);
            }
        });
        let mut at = 0;
        while let Some((stretch, next)) = next_stretch(text, at) {
            scratch.fill(text, stretch);
            self.index.search(&scratch.bytes, &mut |hit| {
                let origin = scratch.origin(hit.span.clone());
                if let Some(origin) = origin.filter(|origin| hit.encoding == Encoding::Utf8 && origin.end > known) {
                    self.note(hit, Encoding::Escaped, base + origin.start as u64, found);
                }
            });
            at = next;
        }
    }

    fn note(&self, hit: &Match, encoding: Encoding, offset: u64, found: &mut Found) {
        let (id, columns) = &self.needles[hit.needle as usize];
        found.needles.entry(*id).or_insert_with(|| columns.clone());
        if hit.again {
            return;
        }
        *found.by_encoding.entry(encoding).or_default() += 1;
        let (table, column) = &self.columns[columns[0] as usize];
        let key = (offset, encoding, table, column);
        let at =
            found.first.partition_point(|place| (place.offset, place.encoding, &place.table, &place.column) <= key);
        if at < PLACES_MAX {
            let (table, column) = (table.clone(), column.clone());
            found.first.insert(at, Place { offset, encoding, table, column });
            found.first.truncate(PLACES_MAX);
        }
    }
}

/// Fills the buffer as far as the stream goes.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<&'static str>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(why(&error))),
        }
    }
    (filled, None)
}

fn open(path: &Path) -> std::result::Result<(File, Metadata), &'static str> {
    let kind = std::fs::metadata(path).map_err(|error| why(&error))?;
    if !can_be_read(&kind) {
        return Err("not-a-file");
    }
    let file = File::open(path).map_err(|error| why(&error))?;
    let opened = file.metadata().map_err(|error| why(&error))?;
    Ok((file, opened))
}

/// A file, or the raw device of L2f.
fn can_be_read(kind: &Metadata) -> bool {
    #[cfg(unix)]
    let device = std::os::unix::fs::FileTypeExt::is_block_device(&kind.file_type());
    #[cfg(not(unix))]
    let device = false;
    kind.is_file() || device
}

fn is_same(before: &Metadata, file: &File, read: u64) -> bool {
    let unchanged = |after: Metadata| {
        let times = (before.modified().ok(), after.modified().ok());
        after.len() == before.len() && times.0 == times.1
    };
    read == before.len() && file.metadata().is_ok_and(unchanged)
}

/// The operating system's reason as a stable word; its text may quote paths.
fn why(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "not-found",
        io::ErrorKind::PermissionDenied => "permission-denied",
        io::ErrorKind::IsADirectory => "not-a-file",
        io::ErrorKind::NotADirectory => "not-found",
        io::ErrorKind::StaleNetworkFileHandle => "stale-file-handle",
        io::ErrorKind::TimedOut => "timed-out",
        io::ErrorKind::InvalidData => "bad-format",
        io::ErrorKind::UnexpectedEof => "ends-too-early",
        _ => "read-failed", // io::ErrorKind is not ours and is open-ended
    }
}
