//! Lists the raw files behind a database: its tables, and everything of the server into which rows may have been copied:
//! redo, undo, doublewrite, binary and relay logs, query logs, statistics. Reads folders; opens none of the files but
//! the links of InnoDB. Other databases' folders are not this store's.

use crate::error::{odd_answer, refused};
use crate::identity;
use crate::place::{self, Place};
use crate::session::Session;
use lastbell_contract::{ErrorKind, FileRole, Result, StoreFile};
use mysql::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

type Found = BTreeMap<PathBuf, FileRole>;

/// The system tables that repeat values of rows: query logs as tables, statistics with lowest and highest values.
const SYSTEM_TABLES: [(&str, FileRole); 7] = [
    ("general_log", FileRole::Log),
    ("slow_log", FileRole::Log),
    ("column_stats", FileRole::Data),
    ("table_stats", FileRole::Data),
    ("index_stats", FileRole::Data),
    ("innodb_index_stats", FileRole::Data),
    ("innodb_table_stats", FileRole::Data),
];

/// Variables that name a folder for files of their own, and what lies there.
const FOLDERS: [(&str, FileRole); 7] = [
    ("innodb_log_group_home_dir", FileRole::Log),
    ("innodb_undo_directory", FileRole::Log),
    ("innodb_doublewrite_dir", FileRole::Log),
    ("innodb_data_home_dir", FileRole::Data),
    ("innodb_temp_tablespaces_dir", FileRole::Data),
    ("aria_log_dir_path", FileRole::Log),
    ("tmpdir", FileRole::Other),
];

/// Variables that name one file, or the beginning of the names of several.
const NAMED: [&str; 5] =
    ["log_bin_basename", "relay_log_basename", "general_log_file", "slow_query_log_file", "log_error"];

/// All of them.
pub(crate) fn list(session: &mut Session) -> Result<Vec<StoreFile>> {
    let place = place::find(session)?.ok_or_else(|| refused(ErrorKind::Unsupported, "files", "files-not-here"))?;
    let mut found = Found::new();
    let own = database_folder(session, &place)?;
    if own.is_dir() {
        of_database(&own, &mut found)?;
    }
    of_root(&place.folder, &mut found)?;
    of_system(&place.folder.join("mysql"), &mut found)?;
    for (name, role) in FOLDERS {
        for folder in session.variable("files", name)?.iter().flat_map(|paths| paths.split(':')) {
            of_folder(&place.folder.join(folder), &place.folder, role, &mut found)?;
        }
    }
    for name in NAMED {
        if let Some(path) = session.variable("files", name)?.filter(|path| path.contains(['/', '.'])) {
            beginning_with(&place.folder.join(path), &mut found)?;
        }
    }
    // What the server made for a statement of ours may be gone by now.
    found.retain(|path, _| path.is_file());
    Ok(found.into_iter().map(|(path, role)| StoreFile { path, role }).collect())
}

/// The folder of the database. Letters, digits and `_` stand for themselves, everything else is encoded: MariaDB tells how
/// by a character set, MySQL shows it in the paths of tables, to those who may see them.
pub(crate) fn database_folder(session: &mut Session, place: &Place) -> Result<PathBuf> {
    let database = identity::folded(session)?;
    if database.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(place.folder.join(database));
    }
    if !session.server.is_mariadb() {
        return by_path_of_a_table(session, place);
    }
    let sql = "SELECT CAST(CONVERT(CAST(? AS CHAR CHARACTER SET utf8mb4) USING filename) AS BINARY)";
    let name = session.row("files", sql, (&database,), |row| match row.cell(0)? {
        Value::Bytes(bytes) => Ok(bytes.clone()),
        _ => Err(odd_answer("files")), // the driver's type
    })?;
    Ok(place.folder.join(OsStr::from_bytes(&name)))
}

fn by_path_of_a_table(session: &mut Session, place: &Place) -> Result<PathBuf> {
    let start = format!("{}/", session.database);
    let sql = "SELECT FILE_NAME, TABLESPACE_NAME FROM information_schema.FILES WHERE FILE_NAME LIKE './%/%'";
    let all = session.rows("files", sql, (), |row| Ok((row.text(0)?, row.text(1)?)))?;
    let path = all.into_iter().find(|(_, table)| table.starts_with(&start)).map(|(path, _)| PathBuf::from(path));
    let folder = path.and_then(|path| Some(place.folder.join(path.parent()?.file_name()?)));
    folder.ok_or_else(|| refused(ErrorKind::Unsupported, "files", "database-folder"))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let denied = |_| refused(ErrorKind::Denied, "files", "file-denied");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(denied)? {
        all.push(entry.map_err(denied)?.path());
    }
    Ok(all)
}

fn note(found: &mut Found, path: PathBuf, role: FileRole) {
    // A file may go between the listing and now, as temporary ones do.
    if path.is_file() {
        let role = if looks_like_a_copy(&path) { FileRole::Copy } else { role };
        found.entry(path).or_insert(role);
    }
}

fn looks_like_a_copy(path: &Path) -> bool {
    const ENDINGS: [&str; 12] = ["bak", "old", "orig", "save", "sql", "dump", "gz", "bz2", "xz", "zst", "zip", "tar"];
    let ending = path.extension().and_then(OsStr::to_str).map(str::to_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// A table may lie elsewhere by DATA DIRECTORY; InnoDB leaves a file with the path, MyISAM a symbolic link.
fn of_database(folder: &Path, found: &mut Found) -> Result<()> {
    for path in entries(folder)? {
        let link = (path.extension() == Some(OsStr::new("isl"))).then(|| fs::read(&path).ok()).flatten();
        if let Some(bytes) = link {
            let target = PathBuf::from(OsString::from_vec(bytes.trim_ascii().to_vec()));
            note(found, folder.join(target), FileRole::Data);
        }
        note(found, path, FileRole::Data);
    }
    Ok(())
}

/// What lies beside the databases' folders.
fn of_root(folder: &Path, found: &mut Found) -> Result<()> {
    for path in entries(folder)? {
        let role = role_in_root(&name_of(&path));
        if path.is_dir() {
            // MySQL: #innodb_redo, #innodb_temp.
            if name_of(&path).starts_with("#innodb") {
                for inner in entries(&path)? {
                    note(found, inner, role);
                }
            }
        } else {
            note(found, path, role);
        }
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn role_in_root(name: &str) -> FileRole {
    const LOGS: [&str; 8] =
        ["ib_logfile", "undo", "#ib_", "#innodb_redo", "aria_log", "ddl_recovery", "ddl_log", "tc.log"];
    const DATA: [&str; 5] = ["ibdata", "ibtmp", "mysql.ibd", "#innodb_temp", "#sql"];
    if LOGS.iter().any(|start| name.starts_with(start)) {
        FileRole::Log
    } else if DATA.iter().any(|start| name.starts_with(start)) {
        FileRole::Data
    } else {
        FileRole::Other
    }
}

fn of_system(folder: &Path, found: &mut Found) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for path in entries(folder)? {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        // MySQL adds a number to the stem of a table without rows of its own file: general_log_213.sdi.
        let of = SYSTEM_TABLES.iter().find(|(table, _)| {
            stem.strip_prefix(table).is_some_and(|rest| rest.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit()))
        });
        if let Some((_, role)) = of {
            note(found, path, *role);
        }
    }
    Ok(())
}

/// A folder outside of the data directory may hold files of others: only those count that have the server's names.
fn of_folder(folder: &Path, root: &Path, role: FileRole, found: &mut Found) -> Result<()> {
    let Ok(folder) = fs::canonicalize(folder) else { return Ok(()) };
    if folder == root || !folder.is_dir() {
        return Ok(());
    }
    for path in entries(&folder)? {
        let by_name = role_in_root(&name_of(&path));
        if by_name != FileRole::Other {
            note(found, path, if role == FileRole::Other { by_name } else { role });
        }
    }
    Ok(())
}

/// The file itself and its numbered followers: `binlog.000001`, `binlog.index`, `slow.log.1`.
fn beginning_with(path: &Path, found: &mut Found) -> Result<()> {
    let (Some(folder), Some(start)) = (path.parent(), path.file_name()) else { return Ok(()) };
    if !folder.is_dir() {
        return Ok(());
    }
    for path in entries(folder)? {
        let name = name_of(&path);
        let rest = name.strip_prefix(start.to_string_lossy().as_ref());
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-'])) && path.is_file() {
            found.insert(path, FileRole::Log);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_server_have_their_roles() {
        for (name, role) in [
            ("ib_logfile0", FileRole::Log),
            ("undo001", FileRole::Log),
            ("#ib_16384_0.dblwr", FileRole::Log),
            ("aria_log.00000001", FileRole::Log),
            ("ibdata1", FileRole::Data),
            ("ibtmp1", FileRole::Data),
            ("mysql.ibd", FileRole::Data),
            ("auto.cnf", FileRole::Other),
        ] {
            assert_eq!(role_in_root(name), role, "{name}");
        }
        assert!(looks_like_a_copy(Path::new("/d/marks.SQL")));
        assert!(!looks_like_a_copy(Path::new("/d/marks.ibd")));
    }
}
