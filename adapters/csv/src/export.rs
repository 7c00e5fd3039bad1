//! The folder of an export: which of its files are tables. Reads the list of names and what stands beside them; each
//! file's mark is taken once, here, and every later look is held to it.

use crate::error::{Told, refused};
use crate::file::{self, ExportFile, Mark};
use crate::options::{self, Options};
use lastbell_contract::{ErrorKind, Location, Result, TableId};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// An export as it was when the visit was opened.
pub(crate) struct Export {
    /// The folder, links resolved.
    pub(crate) folder: PathBuf,
    /// The folder's own mark.
    pub(crate) mark: Mark,
    /// How its files are written.
    pub(crate) options: Options,
    /// Its files by the names of their tables.
    pub(crate) files: BTreeMap<String, ExportFile>,
}

impl Export {
    /// Looks into the folder.
    pub(crate) fn open(location: &Location) -> Result<Self> {
        if location.scheme != "csv" {
            return Err(refused(ErrorKind::Unsupported, "open", "scheme"));
        }
        let (folder, options) = options::parse(&location.rest)?;
        let folder = std::fs::canonicalize(folder).told("open")?;
        let metadata = std::fs::metadata(&folder).told("open")?;
        if !metadata.is_dir() {
            return Err(refused(ErrorKind::NotFound, "open", "csv-no-folder"));
        }
        let mut files: BTreeMap<String, ExportFile> = BTreeMap::new();
        for entry in std::fs::read_dir(&folder).told("open")? {
            let entry = entry.told("open")?;
            let Some((table, gzip)) = table_of(&entry.file_name())? else { continue };
            let found = look(&folder, &entry.path(), gzip)?;
            if let Some(other) = files.insert(table, found.clone()) {
                let mut both = [other.name, found.name];
                both.sort();
                let code = format!("csv-twice:{}", both.join(" + "));
                return Err(refused(ErrorKind::Unsafe, "open", &code));
            }
        }
        Ok(Self { folder, mark: Mark::of(&metadata), options, files })
    }

    /// The file of a table.
    pub(crate) fn file(&self, table: &TableId, operation: &str) -> Result<&ExportFile> {
        let found = self.files.get(&table.name).filter(|_| table.schema.is_none());
        found.ok_or_else(|| refused(ErrorKind::NotFound, operation, "no-such-table").on(table))
    }
}

/// The table's name and whether the file is compressed; `None` for what is no table. The ending may be in capitals, as
/// other systems write it.
fn table_of(name: &OsStr) -> Result<Option<(String, bool)>> {
    let bytes = name.as_encoded_bytes();
    let ends = |ending: &str| {
        let start = bytes.len().checked_sub(ending.len())?;
        bytes[start..].eq_ignore_ascii_case(ending.as_bytes()).then_some(start)
    };
    let found = ends(".csv.gz").map(|length| (length, true)).or_else(|| ends(".csv").map(|length| (length, false)));
    let Some((length, gzip)) = found.filter(|_| !bytes.starts_with(b".")) else { return Ok(None) };
    match name.to_str() {
        Some(name) => Ok(Some((name[..length].to_owned(), gzip))),
        None => Err(refused(ErrorKind::Unsupported, "open", "csv-name")),
    }
}

/// A plain file of the folder, or a link to one that lies in it too.
fn look(folder: &Path, entry: &Path, gzip: bool) -> Result<ExportFile> {
    let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = std::fs::canonicalize(entry).told("open")?;
    if !path.starts_with(folder) {
        return Err(refused(ErrorKind::Unsafe, "open", &format!("csv-link:{name}")));
    }
    let metadata = file::open(&path, &name, "open")?.metadata().told("open")?;
    Ok(ExportFile { name, path, gzip, mark: Mark::of(&metadata) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn names_of_tables_are_those_of_files_without_their_ending() {
        for (name, table) in [
            ("pupils.csv", Some(("pupils", false))),
            ("pupils.csv.gz", Some(("pupils", true))),
            ("PUPILS.CSV", Some(("PUPILS", false))),
            ("Ученики.csv", Some(("Ученики", false))),
            ("public.marks.csv", Some(("public.marks", false))),
            ("pupils.csv.bak", None),
            ("pupils.tsv", None),
            ("pupils", None),
            ("._pupils.csv", None),
            (".csv", None),
            (".csv.gz", None),
        ] {
            let told = table_of(OsStr::new(name)).unwrap();
            assert_eq!(told.as_ref().map(|(name, gzip)| (name.as_str(), *gzip)), table, "{name}");
        }
        assert!(table_of(OsStr::from_bytes(b"\xff.csv")).is_err());
        assert_eq!(table_of(OsStr::from_bytes(b"\xff.txt")).unwrap(), None);
    }
}
