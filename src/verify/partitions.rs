//! The records of one side in bounded memory: collected in any order, handed back sorted, partition by partition.
//! Reads records, writes an anonymous spill file in the folder it is given: nothing by name is left after a kill. Only a set
//! that shall outlive one ([`DigestSet::in_file`]) has a file with a name.
//!
//! 256 partitions by the first byte of the key digest. When the bound is reached, what is held is sorted and written as one
//! run; a run keeps the places of its partitions, so a partition is the same stretch of each run. A partition that fits
//! is loaded and sorted; one that does not (all rows with one key) is merged from its runs with small buffers, so that no
//! skew can exceed the bound. Digests are keyed: nothing personal reaches the disk.

use crate::failure::{Failure, Result};
use crate::hex;
#[cfg(test)]
use crate::merkle;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How many partitions there are: one for each first byte.
pub const PARTITIONS: usize = 256;

/// A partition grows by so much at a time: doubling would leave up to half of the bound unused.
const GROWTH_BYTES: usize = 16 << 10;

/// How long records are and how much of one is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordBytes {
    /// The whole record.
    pub all: usize,
    /// The part that takes part in equality and in the tree: a prefix.
    pub compared: usize,
}

impl From<super::side::RecordShape> for RecordBytes {
    fn from(shape: super::side::RecordShape) -> Self {
        Self { all: shape.bytes(), compared: shape.compared_bytes() }
    }
}

/// Collects records.
pub struct DigestSet {
    bytes: RecordBytes,
    memory_bytes_max: usize,
    folder: PathBuf,
    rows: u64,
    held_bytes: usize,
    held: Vec<Vec<u8>>,
    spill: Option<Spill>,
    named: Option<PathBuf>,
}

struct Spill {
    file: File,
    end: u64,
    runs: Vec<Run>,
    /// Where the file has a name: that, and the digest of everything written so far, by which a later process believes it.
    named: Option<(PathBuf, Sha256)>,
}

/// What a later process must know of a set's file.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Records.
    pub rows: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Where the partitions of each run begin in it, and where the last one ends.
    runs: Vec<Vec<u64>>,
}

/// Where each partition of a run starts in the file, and where the last ends.
type Run = Box<[u64]>;

impl DigestSet {
    /// An empty set. Beyond `memory_bytes_max` it writes into an anonymous file in `folder`.
    #[must_use]
    pub fn new(bytes: impl Into<RecordBytes>, memory_bytes_max: usize, folder: &Path) -> Self {
        Self {
            bytes: bytes.into(),
            memory_bytes_max,
            folder: folder.to_owned(),
            rows: 0,
            held_bytes: 0,
            held: vec![Vec::new(); PARTITIONS],
            spill: None,
            named: None,
        }
    }

    /// The same, with a spill file of this name: it stays when the process dies, and is the caller's to remove.
    #[must_use]
    pub fn in_file(self, path: PathBuf) -> Self {
        Self { named: Some(path), ..self }
    }

    /// Whether there is a spill file by now.
    #[must_use]
    pub fn spilled(&self) -> bool {
        self.spill.is_some()
    }

    /// As [`DigestSet::finish`], with every record in the file, however few they are.
    ///
    /// # Errors
    /// As [`DigestSet::push`].
    pub fn finish_in_file(mut self) -> Result<SortedSet> {
        self.write_run()?;
        self.finish()
    }

    /// How many records there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When the spill file cannot be made or written: `file-no-space`, `file-denied`, `file-failed`.
    ///
    /// # Panics
    /// When the record has another length.
    pub fn push(&mut self, record: &[u8]) -> Result<()> {
        assert_eq!(record.len(), self.bytes.all, "a set holds records of one length");
        let held = &mut self.held[usize::from(record[0])];
        if held.capacity() - held.len() < record.len() {
            // A small bound is shared out in small steps: a quarter of an even share.
            let growth = GROWTH_BYTES.min(self.memory_bytes_max / PARTITIONS / 4).max(record.len());
            held.reserve_exact(growth);
            self.held_bytes += growth;
        }
        held.extend_from_slice(record);
        self.rows += 1;
        // One eighth is left for the order of a partition while it is sorted (16 bytes for a record, and as much to merge).
        if self.held_bytes >= self.memory_bytes_max / 8 * 7 { self.write_run() } else { Ok(()) }
    }

    /// No more records: hands them back sorted.
    ///
    /// # Errors
    /// As [`DigestSet::push`].
    pub fn finish(mut self) -> Result<SortedSet> {
        if self.spill.is_some() {
            self.write_run()?;
        }
        let held = if self.spill.is_some() { Vec::new() } else { self.held };
        Ok(SortedSet {
            bytes: self.bytes,
            load_bytes_max: self.memory_bytes_max / 4,
            folder: self.folder,
            rows: self.rows,
            held,
            spill: self.spill,
        })
    }

    fn write_run(&mut self) -> Result<()> {
        let failed = |error: io::Error| Failure::file(self.named.as_ref().unwrap_or(&self.folder), &error);
        if self.spill.is_none() {
            let file = match &self.named {
                None => tempfile::tempfile_in(&self.folder),
                Some(path) => OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path),
            };
            let named = self.named.clone().map(|path| (path, Sha256::new()));
            self.spill = Some(Spill { file: file.map_err(failed)?, end: 0, runs: Vec::new(), named });
        }
        let spill = self.spill.as_mut().expect("made above");
        let mut places = Vec::with_capacity(PARTITIONS + 1);
        let mut writer = BufWriter::with_capacity(GROWTH_BYTES, &mut spill.file);
        for held in &mut self.held {
            places.push(spill.end);
            spill.end += held.len() as u64;
            for (_, place) in sorted_order(held, self.bytes.all) {
                let record = record_at(held, place, self.bytes.all);
                writer.write_all(record).map_err(failed)?;
                if let Some((_, digest)) = &mut spill.named {
                    digest.update(record);
                }
            }
            *held = Vec::new();
        }
        writer.flush().map_err(failed)?;
        places.push(spill.end);
        spill.runs.push(places.into_boxed_slice());
        self.held_bytes = 0;
        Ok(())
    }
}

fn record_at(records: &[u8], place: u32, bytes: usize) -> &[u8] {
    let start = place as usize * bytes;
    &records[start..start + bytes]
}

/// The order of the records, by their bytes. Each comes with its first eight bytes, which nearly always decide: a sort that
/// looks up whole records waits for memory at each step. Stretches that are sorted already are merged.
fn sorted_order(records: &[u8], bytes: usize) -> Vec<(u64, u32)> {
    let begin = |record: &[u8]| u64::from_be_bytes(record[..8].try_into().expect("a record begins with a digest"));
    let mut order: Vec<(u64, u32)> =
        (0_u32..).zip(records.chunks_exact(bytes)).map(|(at, one)| (begin(one), at)).collect();
    order.sort_by(|(a, place), (b, other)| {
        a.cmp(b).then_with(|| record_at(records, *place, bytes).cmp(record_at(records, *other, bytes)))
    });
    order
}

/// The records of one side, sorted.
pub struct SortedSet {
    bytes: RecordBytes,
    load_bytes_max: usize,
    folder: PathBuf,
    rows: u64,
    held: Vec<Vec<u8>>,
    spill: Option<Spill>,
}

impl SortedSet {
    /// The set in a file that an earlier process finished. The caller has compared the file with [`Written::sha256`].
    #[must_use]
    pub fn reopen(
        file: File,
        written: &Written,
        bytes: impl Into<RecordBytes>,
        memory_bytes_max: usize,
        folder: &Path,
    ) -> Option<Self> {
        let runs: Vec<Run> = written.runs.iter().map(|run| run.clone().into_boxed_slice()).collect();
        let whole = |run: &Run| run.len() == PARTITIONS + 1 && run.is_sorted();
        let end = runs.last().and_then(|run| run.last()).copied().unwrap_or(0);
        let bytes = bytes.into();
        let fits = runs.iter().all(whole) && end == written.rows * bytes.all as u64;
        fits.then(|| Self {
            bytes,
            load_bytes_max: memory_bytes_max / 4,
            folder: folder.to_owned(),
            rows: written.rows,
            held: Vec::new(),
            spill: Some(Spill { file, end, runs, named: None }),
        })
    }

    /// This set's file with a name that it wrote, and what a later process must know of it.
    #[must_use]
    pub fn written(&self) -> Option<(&Path, Written)> {
        let spill = self.spill.as_ref()?;
        let (path, digest) = spill.named.as_ref()?;
        let written = Written {
            rows: self.rows,
            sha256: hex::encode(&digest.clone().finalize()),
            runs: spill.runs.iter().map(|run| run.to_vec()).collect(),
        };
        Some((path, written))
    }

    /// How many records there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How much lies in the spill file; 0 when everything is in memory.
    #[must_use]
    pub fn spilled_bytes(&self) -> u64 {
        self.spill.as_ref().map_or(0, |spill| spill.end)
    }

    /// The length of the records.
    #[must_use]
    pub fn record_bytes(&self) -> RecordBytes {
        self.bytes
    }

    /// Hands over every record, in sorted order, each as often as it occurs.
    ///
    /// # Errors
    /// When the spill file cannot be read, and whatever `take` says.
    pub fn each(&self, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        for number in 0..PARTITIONS {
            let mut partition = self.partition(number)?;
            while let Some(record) = partition.next()? {
                take(record)?;
            }
        }
        Ok(())
    }

    /// The root of the tree over all records, by a pass of its own: what `compare` and a digest file must come to.
    #[cfg(test)]
    pub(crate) fn root(&self) -> Result<merkle::Hash> {
        let mut tree = merkle::Builder::new();
        self.each(&mut |record| {
            tree.push(merkle::leaf_hash(&record[..self.bytes.compared]));
            Ok(())
        })?;
        Ok(tree.root())
    }

    /// How many records begin with the byte `number`.
    #[must_use]
    pub fn partition_rows(&self, number: usize) -> u64 {
        let bytes = match &self.spill {
            None => self.held[number].len() as u64,
            Some(spill) => spill.runs.iter().map(|run| run[number + 1] - run[number]).sum(),
        };
        bytes / self.bytes.all as u64
    }

    /// The records whose first byte is `number`, sorted.
    ///
    /// # Errors
    /// When the spill file cannot be read.
    pub fn partition(&self, number: usize) -> Result<Partition<'_>> {
        let Some(spill) = &self.spill else {
            return Ok(Partition::sorted(std::borrow::Cow::Borrowed(&self.held[number]), self.bytes.all));
        };
        let stretches: Vec<(u64, u64)> =
            spill.runs.iter().map(|run| (run[number], run[number + 1])).filter(|(start, end)| start < end).collect();
        let bytes: u64 = stretches.iter().map(|(start, end)| end - start).sum();
        if bytes > self.load_bytes_max as u64 {
            return self.merged(&spill.file, &stretches);
        }
        let mut records = Vec::with_capacity(usize::try_from(bytes).expect("it is below the bound"));
        for (start, end) in stretches {
            self.read(&spill.file, start, end, &mut records)?;
        }
        Ok(Partition::sorted(std::borrow::Cow::Owned(records), self.bytes.all))
    }

    /// Several threads read at once, each at its own place. A file that became shorter is an error: it would look like rows
    /// that are not there.
    fn read(&self, file: &File, start: u64, end: u64, into: &mut Vec<u8>) -> Result<()> {
        let before = into.len();
        into.resize(before + usize::try_from(end - start).expect("it is below the bound"), 0);
        file.read_exact_at(&mut into[before..], start).map_err(|error| Failure::file(&self.folder, &error))
    }

    fn merged<'a>(&'a self, file: &'a File, stretches: &[(u64, u64)]) -> Result<Partition<'a>> {
        let record = self.bytes.all;
        let buffer_bytes = (self.load_bytes_max / stretches.len() / record).max(1) * record;
        let mut merge = Merge { set: self, file, heap: BinaryHeap::new(), cursors: Vec::new(), current: Vec::new() };
        for (index, (start, end)) in stretches.iter().enumerate() {
            merge.cursors.push(Cursor { next: *start, end: *end, buffer: Vec::new(), at: 0, buffer_bytes });
            merge.refill(index, Vec::with_capacity(record))?;
        }
        Ok(Partition::Merged(merge))
    }
}

/// A sorted stream of records.
pub enum Partition<'a> {
    /// All in memory.
    Sorted(Sorted<'a>),
    /// Merged from runs.
    Merged(Merge<'a>),
}

impl<'a> Partition<'a> {
    fn sorted(records: std::borrow::Cow<'a, [u8]>, bytes: usize) -> Self {
        let order = sorted_order(&records, bytes).into_iter();
        Self::Sorted(Sorted { records, order, bytes })
    }

    /// The next record.
    ///
    /// # Errors
    /// When the spill file cannot be read.
    #[allow(clippy::should_implement_trait, reason = "it lends its buffer and may fail")]
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        match self {
            Self::Sorted(sorted) => {
                Ok(sorted.order.next().map(|(_, place)| record_at(&sorted.records, place, sorted.bytes)))
            }
            Self::Merged(merge) => merge.next(),
        }
    }
}

/// A partition in memory, with the order of its records.
pub struct Sorted<'a> {
    records: std::borrow::Cow<'a, [u8]>,
    order: std::vec::IntoIter<(u64, u32)>,
    bytes: usize,
}

/// A partition on disk, read from all its runs at once.
pub struct Merge<'a> {
    set: &'a SortedSet,
    file: &'a File,
    heap: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    cursors: Vec<Cursor>,
    current: Vec<u8>,
}

struct Cursor {
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
    buffer_bytes: usize,
}

impl Merge<'_> {
    fn next(&mut self) -> Result<Option<&[u8]>> {
        let Some(Reverse((record, index))) = self.heap.pop() else { return Ok(None) };
        let used = std::mem::replace(&mut self.current, record);
        self.refill(index, used)?;
        Ok(Some(&self.current))
    }

    /// Puts the next record of a run on the heap, in a buffer that is free again.
    fn refill(&mut self, index: usize, mut record: Vec<u8>) -> Result<()> {
        let cursor = &mut self.cursors[index];
        if cursor.at == cursor.buffer.len() {
            let end = cursor.end.min(cursor.next + cursor.buffer_bytes as u64);
            cursor.buffer.clear();
            cursor.at = 0;
            self.set.read(self.file, cursor.next, end, &mut cursor.buffer)?;
            cursor.next = end;
        }
        if cursor.at < cursor.buffer.len() {
            let bytes = self.set.bytes.all;
            record.clear();
            record.extend_from_slice(&cursor.buffer[cursor.at..cursor.at + bytes]);
            cursor.at += bytes;
            self.heap.push(Reverse((record, index)));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_never_exceeds_the_bound() {
        let (bytes, bound) = (RecordBytes { all: 49, compared: 48 }, 256 << 10);
        for skewed in [false, true] {
            let mut set = DigestSet::new(bytes, bound, &std::env::temp_dir());
            for n in 0..12_000_u64 {
                let digest = Sha256::digest(n.to_be_bytes());
                let key = if skewed { [7; 17] } else { digest[..17].try_into().unwrap() };
                set.push(&[&key[..], &digest[..]].concat()).unwrap();
                let held: usize = set.held.iter().map(Vec::capacity).sum();
                assert!(held <= bound, "{held} bytes after {n} records, skewed: {skewed}");
            }
            assert!(set.spill.is_some(), "12,000 records of 49 bytes are more than the bound");
            assert_eq!(set.finish().unwrap().spilled_bytes(), 12_000 * 49);
        }
    }
}
