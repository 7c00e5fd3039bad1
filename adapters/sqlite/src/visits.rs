//! Keeps one file handle per database file for all visits of this process, and closes it when the last one is gone.
//! Reads only: header bytes, lock probes, syncs.
//!
//! Why: POSIX drops *every* lock of a process on a file when the process closes *any* handle of it (fcntl(2)). SQLite
//! guards against this for its own handles; ours would silently unlock SQLite's. So a raw handle is opened before the
//! connection and closed after it, under one mutex, and only when no other visit in this process is left.

use crate::sidecars;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Key = (u64, u64);

struct Entry {
    file: Arc<File>,
    visits: usize,
    before: Before,
}

/// Which helper files of WAL mode were there before the first of the visits that overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// `-wal`.
    pub(crate) wal: bool,
    /// `-shm`.
    pub(crate) shm: bool,
}

static VISITS: Mutex<BTreeMap<Key, Entry>> = Mutex::new(BTreeMap::new());

/// The map stays right when another thread panicked: each change is one step.
fn all() -> MutexGuard<'static, BTreeMap<Key, Entry>> {
    VISITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Device and inode.
pub(crate) fn key_of(metadata: &Metadata) -> Key {
    (metadata.dev(), metadata.ino())
}

/// One visit's share of the handle.
pub(crate) struct Presence {
    key: Key,
    file: Option<Arc<File>>,
}

impl Presence {
    /// Joins the visits of the regular file at `path`; opens it when this is the first.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let mut visits = all();
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let key = key_of(&metadata);
        let entry = match visits.entry(key) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let there = |helper: std::path::PathBuf| Ok::<_, io::Error>(sidecars::size(&helper)?.is_some());
                let before = Before { wal: there(sidecars::wal(path))?, shm: there(sidecars::shm(path))? };
                place.insert(Entry { file: Arc::new(File::open(path)?), visits: 0, before })
            }
        };
        entry.visits += 1;
        Ok(Self { key, file: Some(Arc::clone(&entry.file)) })
    }

    /// Device and inode of the file.
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// The shared handle.
    pub(crate) fn file(&self) -> &File {
        self.file.as_deref().expect("the handle is taken only in drop")
    }

    /// Bytes at an offset; fewer at the end of the file.
    pub(crate) fn bytes(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let got = self.file().read_at(&mut bytes, offset)?;
        bytes.truncate(got);
        Ok(bytes)
    }

    /// Runs `work` when this is the only visit in the process and lets no other begin meanwhile.
    pub(crate) fn when_alone(&self, work: impl FnOnce(Before)) {
        let visits = all();
        if let Some(entry) = visits.get(&self.key).filter(|entry| entry.visits == 1) {
            work(entry.before);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut visits = all();
        drop(self.file.take());
        if let Some(entry) = visits.get_mut(&self.key) {
            entry.visits -= 1;
            if entry.visits == 0 {
                visits.remove(&self.key); // closes the handle while nobody else can open the file
            }
        }
    }
}
