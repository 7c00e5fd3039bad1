//! The files that SQLite keeps beside a database: their names, whether a journal is hot, and their removal.
//! Reads `-journal` and `-wal`; removes only what the caller names.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The first 8 bytes of a rollback journal that is in use (sqlite.org/fileformat2.html#the_rollback_journal).
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// `path` with something appended to its name, whatever bytes the name has.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// The rollback journal.
pub(crate) fn journal(path: &Path) -> PathBuf {
    beside(path, "-journal")
}

/// The write-ahead log.
pub(crate) fn wal(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The shared-memory index of the log.
pub(crate) fn shm(path: &Path) -> PathBuf {
    beside(path, "-shm")
}

/// The size of a file; `None` when there is none.
pub(crate) fn size(path: &Path) -> io::Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// True when the rollback journal holds a transaction. Whether it is hot depends on a writer's lock besides.
pub(crate) fn journal_in_use(path: &Path) -> io::Result<bool> {
    let mut first = Vec::new();
    match File::open(journal(path)) {
        Ok(file) => file.take(8).read_to_end(&mut first)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(first == JOURNAL_MAGIC)
}

/// Salts and length of the write-ahead log: which generation it is and how far it goes.
pub(crate) fn wal_mark(path: &Path) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    match File::open(wal(path)) {
        Ok(file) => file.take(24).read_to_end(&mut head)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = size(&wal(path))?.unwrap_or(0);
    let salts: String = head.iter().skip(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(format!("{salts}+{length}")))
}

/// Super-journals of transactions over several files: `NAME-mjXXXXXXXXX` (hex digits).
pub(crate) fn super_journals(path: &Path) -> io::Result<Vec<PathBuf>> {
    let prefix = beside(Path::new(path.file_name().unwrap_or_default()), "-mj");
    let prefix = prefix.as_os_str().as_encoded_bytes().to_vec();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let ending = name.as_encoded_bytes().strip_prefix(prefix.as_slice());
        if ending.is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_hexdigit)) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

/// Makes the names in the folder of `path` durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// Removes a file; one that is not there is as good. Says whether there was one.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
