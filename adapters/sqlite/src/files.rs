//! The raw files behind a database: itself, its journals, and copies that lie beside it. Lists names, opens nothing.

use crate::error::Told;
use crate::sidecars;
use lastbell_contract::{FileRole, Result, StoreFile};
use std::ffi::OsStr;
use std::path::Path;

/// All of them, sorted by path.
pub(crate) fn list(path: &Path) -> Result<Vec<StoreFile>> {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(sidecars::folder(path)).told("files")? {
        let entry = entry.told("files")?;
        let kind = entry.file_type().told("files")?;
        let role = role(name, &entry.file_name());
        // A copy that is a link to somewhere else holds the same rows; whoever reads it finds out whether it leads anywhere.
        if let (Some(role), true) = (role, kind.is_file() || kind.is_symlink()) {
            found.push(StoreFile { path: entry.path(), role });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// `diary.db`, `diary.db-journal`, `diary.db-mj0A1B…`; any other name that begins so is a copy. Files that an L2f left
/// unfinished are ours and go with `tidy`.
fn role(database: &[u8], name: &OsStr) -> Option<FileRole> {
    let ending = name.as_encoded_bytes().strip_prefix(database)?;
    Some(match ending {
        b"" => FileRole::Data,
        b"-journal" | b"-wal" => FileRole::Log,
        b"-shm" => FileRole::Other,
        b".lastbell-new" | b".lastbell-old" => FileRole::Data,
        other => match other.strip_prefix(b"-mj") {
            Some(digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit) => FileRole::Log,
            Some(_) | None => FileRole::Copy,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_told_from_journals() {
        for (name, expected) in [
            ("diary.db", Some(FileRole::Data)),
            ("diary.db-wal", Some(FileRole::Log)),
            ("diary.db-mj0A1B2C3D4", Some(FileRole::Log)),
            ("diary.db-mj", Some(FileRole::Copy)),
            ("diary.db-old", Some(FileRole::Copy)),
            ("diary.db.bak", Some(FileRole::Copy)),
            ("other.db", None),
        ] {
            assert_eq!(role(b"diary.db", OsStr::new(name)), expected, "{name}");
        }
    }
}
