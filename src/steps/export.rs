//! An export in the target's place: files that the platform produced. `verify` takes them down by digest and time, and
//! `erase` destroys only against the same bytes; the mark of every file holds the scans in between to what was digested.
//! Reads the files, case.yaml and the clock; writes nothing.

use super::session::Session;
use super::target_age;
use crate::case::artefacts::{ExportFile, ExportRead, TargetRead};
use crate::failure::{Failure, Result};
use crate::hex;
use crate::json;
use crate::world::World;
use lastbell_contract::Reader;
use std::fs::File;
use std::path::Path;

/// The statement in case.yaml by which a person says that they made the export on the platform.
pub const MADE: &str = "export-made";

/// Digest and time of every file behind the reader, by name. The reader was opened before: a file that changes between
/// that moment and the end of a scan is an error of the scan, so what is digested here is what is read there.
///
/// # Errors
/// A file that cannot be read, `export-empty`, an interruption.
pub fn take(session: &Session, world: &World, store: &str, reader: &mut dyn Reader) -> Result<ExportRead> {
    let mut files = Vec::new();
    for file in reader.files()? {
        files.push(digest(world, &file.path)?);
    }
    if files.is_empty() {
        return Err(failure!(Refused, "export-empty", store = store));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(ExportRead { files, made_by: session.attested(MADE) })
}

fn digest(world: &World, path: &Path) -> Result<ExportFile> {
    let told = |error: std::io::Error| Failure::file(path, &error);
    let mut file = File::open(path).map_err(told)?;
    let modified = file.metadata().and_then(|metadata| metadata.modified()).map_err(told)?;
    let modified =
        jiff::Timestamp::try_from(modified).map_err(|_| failure!(Refused, "export-time", path = path.display()))?;
    let (sha256, bytes) = hex::sha256_of(&mut file, &told, &|| world.go_on())?;
    Ok(ExportFile {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes,
        modified_at: modified.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        sha256,
    })
}

impl ExportRead {
    /// When the newest of its files was written: the export is as old as that.
    #[must_use]
    pub fn made_at(&self) -> String {
        self.files.iter().map(|file| file.modified_at.clone()).max().unwrap_or_default()
    }

    /// What stands for a snapshot: one digest over the files' names and digests.
    ///
    /// # Errors
    /// None in practice.
    pub fn snapshot(&self) -> Result<String> {
        let names: Vec<(&str, &str)> =
            self.files.iter().map(|file| (file.name.as_str(), file.sha256.as_str())).collect();
        let listed = json::to_canonical(&names).map_err(|_| failure!(Bug, "bug"))?;
        Ok(format!("sha256:{}", hex::sha256(&listed)))
    }
}

/// Refuses an export of which any file is older than case.yaml allows: one fresh file makes the others no younger.
///
/// # Errors
/// `target-too-old` or `target-from-future`, naming store and file.
pub fn check_age(session: &Session, world: &World, store: &str, export: &ExportRead) -> Result<()> {
    let one =
        |file: &ExportFile| target_age::check(session, world, &format!("{store}: {}", file.name), &file.modified_at);
    export.files.iter().try_for_each(one)
}

/// Refuses unless the files are, byte for byte, those that were verified.
///
/// # Errors
/// `export-changed`, naming the first file that differs, came or went.
pub fn is_the_same(store: &str, now: &ExportRead, verified: Option<&TargetRead>) -> Result<()> {
    let before = verified.and_then(|target| target.export.as_ref());
    let before: &[ExportFile] = before.map_or(&[], |export| &export.files);
    let key = |file: &ExportFile| (file.name.clone(), file.bytes, file.sha256.clone());
    let lacks = |files: &[ExportFile], file: &ExportFile| !files.iter().any(|other| key(other) == key(file));
    let changed = now.files.iter().find(|file| lacks(before, file));
    match changed.or_else(|| before.iter().find(|file| lacks(&now.files, file))) {
        Some(file) => Err(failure!(Refused, "export-changed", store = store, path = file.name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(files: &[(&str, &str, &str)]) -> ExportRead {
        let file = |(name, sha256, modified_at): &(&str, &str, &str)| ExportFile {
            name: (*name).to_owned(),
            bytes: 1,
            modified_at: (*modified_at).to_owned(),
            sha256: (*sha256).to_owned(),
        };
        ExportRead { files: files.iter().map(file).collect(), made_by: None }
    }

    fn verified(export: ExportRead) -> TargetRead {
        TargetRead {
            kind: "export".to_owned(),
            store: "new".to_owned(),
            read_at: export.made_at(),
            snapshot: String::new(),
            rows_read: 0,
            bytes_read: 0,
            max_rate: String::new(),
            role_could_write: None,
            receipt: None,
            export: Some(export),
        }
    }

    #[test]
    fn an_export_is_the_same_by_its_bytes_alone() {
        let before = verified(export(&[("a.csv", "1", "t"), ("b.csv", "2", "t")]));
        let changed = |now: &ExportRead| {
            let failure = is_the_same("new", now, Some(&before)).err();
            failure.map(|failure| failure.arg("path").unwrap_or_default().to_owned())
        };
        assert_eq!(changed(&export(&[("a.csv", "1", "later"), ("b.csv", "2", "t")])), None, "a copy with another time");
        assert_eq!(changed(&export(&[("a.csv", "1", "t"), ("b.csv", "3", "t")])).as_deref(), Some("b.csv"));
        assert_eq!(changed(&export(&[("a.csv", "1", "t")])).as_deref(), Some("b.csv"), "one went");
        let more = export(&[("a.csv", "1", "t"), ("b.csv", "2", "t"), ("c.csv", "2", "t")]);
        assert_eq!(changed(&more).as_deref(), Some("c.csv"), "one came");
        let swapped = export(&[("a.csv", "2", "t"), ("b.csv", "1", "t")]);
        assert_eq!(changed(&swapped).as_deref(), Some("a.csv"), "two changed places");
        assert!(is_the_same("new", &more, None).is_err(), "a plan that knows no export");
    }

    #[test]
    fn an_export_is_as_old_as_its_newest_file_and_named_by_all() {
        let one = export(&[("a.csv", "1", "2026-11-01T00:00:00Z"), ("b.csv", "2", "2026-11-03T00:00:00Z")]);
        assert_eq!(one.made_at(), "2026-11-03T00:00:00Z");
        let other = export(&[("a.csv", "12", ""), ("b.csv", "", "")]);
        assert_ne!(one.snapshot().ok(), other.snapshot().ok());
    }
}
