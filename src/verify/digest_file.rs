//! The records of one side as a file: whole, sorted, with their count and digest, so that another machine or a later run
//! can compare with them. Reads and writes byte streams that the caller opened; holds one record and one buffer.
//!
//! `"LBDIGST1" | bytes of a record u32 | of these compared u32 | bytes of the label u32 | label | records, sorted by their
//! bytes | how many u64 | SHA-256 of everything before it`, integers big-endian. The records are keyed digests: nothing
//! personal is in the file. What is cut, out of order or changed by a bit is refused, never read as fewer rows.

use super::partitions::{RecordBytes, SortedSet};
use crate::failure::{Failure, Result};
use crate::merkle::{self, Hash};
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// Begins every file.
pub const MAGIC: &[u8; 8] = b"LBDIGST1";
/// Bytes that are read or written at a time.
const BUFFER_BYTES: usize = 64 << 10;
/// Before the label.
const HEAD_BYTES: u64 = 8 + 3 * 4;
/// After the records: how many, and the digest.
const TRAILER_BYTES: u64 = 8 + 32;

/// What a file holds, as its writer and its reader both know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestFile {
    /// Records.
    pub rows: u64,
    /// The file's size.
    pub bytes: u64,
    /// Its last 32 bytes: SHA-256 of all before them.
    pub sha256: [u8; 32],
    /// The root over the compared part of the records.
    pub root: Hash,
}

/// How long a file with these rows is.
#[must_use]
pub fn size(label: &str, record: RecordBytes, rows: u64) -> u64 {
    let records = rows.saturating_mul(record.all as u64);
    records.saturating_add(HEAD_BYTES + label.len() as u64 + TRAILER_BYTES)
}

/// Writes the records of a side. `label` says of what: a reader that expects another one refuses.
///
/// # Errors
/// When the file cannot be written, or the set's spill file cannot be read.
pub fn write(out: &mut dyn Write, path: &Path, label: &str, set: &SortedSet) -> Result<DigestFile> {
    let record = set.record_bytes();
    let mut out = Hashing { out, path, hash: Sha256::new(), buffer: Vec::with_capacity(BUFFER_BYTES), bytes: 0 };
    out.push(&head(label, record))?;
    let mut tree = merkle::Builder::new();
    set.each(&mut |bytes| {
        tree.push(merkle::leaf_hash(&bytes[..record.compared]));
        out.push(bytes)
    })?;
    out.push(&tree.size().to_be_bytes())?;
    let (sha256, bytes) = out.finish()?;
    Ok(DigestFile { rows: tree.size(), bytes, sha256, root: tree.root() })
}

fn head(label: &str, record: RecordBytes) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).expect("far below 4 GB").to_be_bytes();
    let (all, compared, length) = (number(record.all), number(record.compared), number(label.len()));
    [&MAGIC[..], &all, &compared, &length, label.as_bytes()].concat()
}

/// Writes through a buffer and digests what it writes.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    path: &'a Path,
    hash: Sha256,
    buffer: Vec<u8>,
    bytes: u64,
}

impl Hashing<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.hash.update(&self.buffer);
        self.out.write_all(&self.buffer).map_err(|error| Failure::file(self.path, &error))?;
        self.bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<([u8; 32], u64)> {
        self.flush()?;
        let sha256: [u8; 32] = self.hash.finalize().into();
        self.out.write_all(&sha256).map_err(|error| Failure::file(self.path, &error))?;
        Ok((sha256, self.bytes + 32))
    }
}

/// What a reader expects of a file.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Of what the records are.
    pub label: &'a str,
    /// Their length.
    pub record: RecordBytes,
    /// The size of the file.
    pub bytes: u64,
}

/// Hands over each record in the order of the file, and in the end says what the file held. Before that nothing of it may
/// be believed: a caller that fails midway throws away what it was given.
///
/// # Errors
/// `digest-file-damaged` with a stable word: `form` (another kind of file, label or record), `cut`, `order`, `count`,
/// `changed`. A file that cannot be read, and whatever `take` says.
pub fn read(
    input: &mut dyn Read,
    path: &Path,
    expected: &Expected<'_>,
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<DigestFile> {
    let damaged = |why: &'static str| failure!(Refused, "digest-file-damaged", path = path.display(), reason = why);
    let record = expected.record;
    let head = head(expected.label, record);
    let records = expected.bytes.checked_sub(head.len() as u64 + TRAILER_BYTES).ok_or_else(|| damaged("cut"))?;
    if record.all == 0 || records % record.all as u64 != 0 {
        return Err(damaged("form"));
    }
    let rows = records / record.all as u64;
    let mut source = Checking { input, path, hash: Sha256::new() };
    let mut found = vec![0; head.len()];
    source.fill(&mut found)?;
    if found != head {
        return Err(damaged("form"));
    }
    let mut tree = merkle::Builder::new();
    let (mut buffer, mut before) = (Vec::new(), Vec::new());
    let at_once = (BUFFER_BYTES / record.all).max(1) as u64;
    while tree.size() < rows {
        let now = at_once.min(rows - tree.size());
        buffer.resize(usize::try_from(now).expect("it is below the buffer's size") * record.all, 0);
        source.fill(&mut buffer)?;
        for bytes in buffer.chunks_exact(record.all) {
            if bytes < before.as_slice() {
                return Err(damaged("order"));
            }
            before.clear();
            before.extend_from_slice(bytes);
            tree.push(merkle::leaf_hash(&bytes[..record.compared]));
            take(bytes)?;
        }
    }
    let mut count = [0; 8];
    source.fill(&mut count)?;
    if u64::from_be_bytes(count) != rows {
        return Err(damaged("count"));
    }
    let sha256: [u8; 32] = source.hash.clone().finalize().into();
    let mut told = [0; 32];
    source.fill(&mut told)?;
    if told != sha256 {
        return Err(damaged("changed"));
    }
    Ok(DigestFile { rows, bytes: expected.bytes, sha256, root: tree.root() })
}

/// Reads and digests what it reads.
struct Checking<'a> {
    input: &'a mut dyn Read,
    path: &'a Path,
    hash: Sha256,
}

impl Checking<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => {
                failure!(Refused, "digest-file-damaged", path = self.path.display(), reason = "cut")
            }
            _ => Failure::file(self.path, &error), // std's kinds are open-ended
        })?;
        self.hash.update(&*bytes);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::verify::partitions::DigestSet;

    const RECORD: RecordBytes = RecordBytes { all: 49, compared: 48 };
    const LABEL: &str = "mapping:marks";

    fn set(rows: u64, memory: usize) -> SortedSet {
        let mut set = DigestSet::new(RECORD, memory, &std::env::temp_dir());
        for n in 0..rows {
            let digest = Sha256::digest((n / 2 * 2).to_be_bytes()); // each record twice
            set.push(&[&digest[..], &digest[..16], &[1]].concat()).unwrap();
        }
        set.finish().unwrap()
    }

    fn written(rows: u64) -> (Vec<u8>, DigestFile) {
        let mut bytes = Vec::new();
        let file = write(&mut bytes, Path::new("x"), LABEL, &set(rows, 1 << 20)).unwrap();
        (bytes, file)
    }

    fn reread(bytes: &[u8], size: u64) -> Result<(Vec<Vec<u8>>, DigestFile)> {
        let mut records = Vec::new();
        let expected = Expected { label: LABEL, record: RECORD, bytes: size };
        let mut take = |record: &[u8]| {
            records.push(record.to_vec());
            Ok(())
        };
        let file = read(&mut &*bytes, Path::new("x"), &expected, &mut take)?;
        Ok((records, file))
    }

    fn why(bytes: &[u8], size: u64) -> String {
        let failure = reread(bytes, size).map(|_| ()).expect_err("it is damaged");
        assert_eq!(failure.code, "digest-file-damaged");
        failure.arg("reason").unwrap().to_owned()
    }

    #[test]
    fn what_is_written_is_read_again_with_the_sets_root_whether_it_was_spilled_or_not() {
        for (rows, memory) in [(0, 1 << 20), (1, 1 << 20), (3, 1 << 20), (5_000, 1 << 20), (5_000, 64 << 10)] {
            let set = set(rows, memory);
            assert_eq!(set.spilled_bytes() > 0, memory < 1 << 20, "{rows} rows");
            let mut bytes = Vec::new();
            let file = write(&mut bytes, Path::new("x"), LABEL, &set).unwrap();
            assert_eq!((file.bytes, file.rows), (bytes.len() as u64, rows));
            assert_eq!(size(LABEL, RECORD, rows), file.bytes);
            assert_eq!(file.root, set.root().unwrap(), "{rows} rows have the root of their set");
            let (records, reread) = reread(&bytes, file.bytes).unwrap();
            assert_eq!((records.len() as u64, reread), (rows, file));
        }
    }

    #[test]
    fn the_file_is_that_of_the_specification() {
        use crate::verify::keys::VerifyKeys;
        let keys = VerifyKeys::derive(&std::array::from_fn(|i| i as u8), LABEL);
        let (mut canonical, mut record) = (Vec::new(), Vec::new());
        crate::verify::canonical::append_row(&mut canonical, [lastbell_contract::Value::Int(1)].iter());
        keys.append_key_digest(&canonical, &mut record);
        keys.append_row_digest(&canonical, &mut record);
        record.push(1);
        let mut set = DigestSet::new(RECORD, 1 << 20, &std::env::temp_dir());
        set.push(&record).unwrap();
        let mut bytes = Vec::new();
        write(&mut bytes, Path::new("x"), LABEL, &set.finish().unwrap()).unwrap();
        let page = include_str!("../../docs/receipt-v1.md");
        let part = |from: usize, to: usize| format!("`{}`", crate::hex::encode(&bytes[from..to]));
        let head = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 33)].join(" ");
        let rows = [("head", head), ("record", part(33, 82)), ("count", part(82, 90)), ("digest", part(90, 122))];
        for (name, hex) in rows {
            assert!(page.contains(&format!("| {name} | {hex} |")), "| {name} | {hex} |");
        }
        assert_eq!(bytes.len(), 122);
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let (bytes, file) = written(7);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            assert!(reread(&changed, file.bytes).is_err(), "byte {place} was changed");
            assert_eq!(why(&bytes[..place], file.bytes), "cut", "cut at {place}");
            assert!(reread(&bytes[..place], place as u64).is_err(), "cut at {place}, and its size told so");
        }
    }

    #[test]
    fn unsorted_records_a_wrong_count_and_another_label_are_refused_by_name() {
        let (bytes, file) = written(6);
        let again = |mut bytes: Vec<u8>| {
            let end = bytes.len() - 32;
            let sha256 = Sha256::digest(&bytes[..end]);
            bytes[end..].copy_from_slice(&sha256);
            bytes
        };
        let first = HEAD_BYTES as usize + LABEL.len();
        let mut unsorted = bytes.clone();
        let (one, other) = (bytes[first..first + 49].to_vec(), bytes[first + 98..first + 147].to_vec());
        unsorted[first..first + 49].copy_from_slice(&other);
        unsorted[first + 98..first + 147].copy_from_slice(&one);
        assert_eq!(why(&again(unsorted), file.bytes), "order");
        let mut counted = bytes.clone();
        let count = bytes.len() - 33;
        counted[count] += 1;
        assert_eq!(why(&again(counted), file.bytes), "count");
        assert_eq!(why(&bytes, file.bytes + 1), "form");
        assert_eq!(why(&bytes, 12), "cut");
        let expected = Expected { label: "mapping:other", record: RECORD, bytes: file.bytes };
        let failure = read(&mut &bytes[..], Path::new("x"), &expected, &mut |_| Ok(())).unwrap_err();
        assert_eq!(failure.arg("reason"), Some("form"));
    }
}
