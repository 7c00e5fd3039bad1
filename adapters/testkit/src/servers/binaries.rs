//! Finds the servers' programs. Reads LASTBELL_POSTGRES_BIN (a folder), LASTBELL_MYSQLD (a program) and PATH.

use std::path::{Path, PathBuf};

/// What installs what is missing, on Debian and Ubuntu.
const APT: &str = "apt-get install -y postgresql mariadb-server";

/// A program of PostgreSQL. Debian keeps the server's out of PATH, one folder per version: the newest has it. The folder that
/// is named comes first, but need not have all: builds for embedding bring no `psql`.
pub(super) fn postgres(name: &str) -> PathBuf {
    let named = std::env::var_os("LASTBELL_POSTGRES_BIN").map(PathBuf::from);
    if let Some(folder) = &named {
        assert!(folder.join("postgres").is_file(), "LASTBELL_POSTGRES_BIN has no postgres: {}", folder.display());
    }
    let mut folders: Vec<PathBuf> = named.into_iter().collect();
    folders.extend(installed());
    folders.extend(path());
    find(&folders, &[name])
}

/// The MariaDB server, or the MySQL server that LASTBELL_MYSQLD names.
pub(super) fn mysqld() -> PathBuf {
    match std::env::var_os("LASTBELL_MYSQLD").map(PathBuf::from) {
        Some(program) => {
            assert!(program.is_file(), "LASTBELL_MYSQLD is no program: {}", program.display());
            program
        }
        None => find(&path(), &["mariadbd", "mysqld"]),
    }
}

/// A program around MariaDB, by its names of today and of yesterday.
pub(super) fn mariadb(names: &[&str]) -> PathBuf {
    find(&path(), names)
}

/// Debian's folders of PostgreSQL, the newest version first.
fn installed() -> Vec<PathBuf> {
    let version = |folder: &Path| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> =
        entries.filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin")))).collect();
    found.sort();
    found.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// PATH, and the folders for daemons that a plain user's PATH lacks.
fn path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from)).collect()
}

fn find(folders: &[PathBuf], names: &[&str]) -> PathBuf {
    let mut all = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    all.find(|program| program.is_file()).unwrap_or_else(|| panic!("no {} here: {APT}", names.join(", no ")))
}
