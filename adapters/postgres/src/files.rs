//! The raw files behind a database, where its data directory lies on this machine: its own folder in every tablespace, what
//! all databases share (the log, transactions, statistics), the server's log files. Lists names; of the data directory it
//! reads only the eight bytes that show whose it is.
//!
//! Files of other databases are left out: they are not this store's, and what stands in them stays.

use crate::error::{Told, refused, system};
use crate::info;
use crate::session::Session;
use lastbell_contract::{ErrorKind, FileRole, Result, StoreFile};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Where the server says its files are.
struct Home {
    data: PathBuf,
    /// The number of our database, the name of its folders.
    database: String,
    logs: Vec<PathBuf>,
}

/// Can they be listed from here?
pub(crate) fn can_be_seen(session: &mut Session) -> Result<bool> {
    match home(session) {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::Unsupported => Ok(false),
        Err(error) => Err(error),
    }
}

/// All of them, sorted by path.
pub(crate) fn list(session: &mut Session) -> Result<Vec<StoreFile>> {
    let home = home(session)?;
    let mut found = BTreeMap::new();
    walk(&home.data, &mut |path| sort(&home, path), &mut found).map_err(|error| system("files", &error))?;
    for log in &home.logs {
        beside_log(log, &mut found).map_err(|error| system("files", &error))?;
    }
    Ok(found.into_iter().map(|(path, role)| StoreFile { path, role }).collect())
}

/// The data directory, if we may know it and if the folder of that name on this machine is this server's.
fn home(session: &mut Session) -> Result<Home> {
    let unseen = |code: &str| refused(ErrorKind::Unsupported, "files", code);
    let may =
        "SELECT current_setting('is_superuser') = 'on' OR pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')";
    if !session.one("files", may, &[])?.flag(0)? {
        return Err(unseen("files-privilege"));
    }
    let sql = "SELECT current_setting('data_directory'), d.oid, current_setting('log_directory'), \
                      current_setting('logging_collector') = 'on' FROM pg_database d WHERE d.datname = current_database()";
    let line = session.one("files", sql, &[])?;
    let (data, database) = (PathBuf::from(line.text(0)?), line.text(1)?);
    let identifier = info::system_identifier(session)?.ok_or_else(|| unseen("files-privilege"))?;
    match identifier_in(&data) {
        Ok(there) if there == identifier => {}
        Ok(_) => return Err(unseen("files-of-another-server")),
        Err(_) => return Err(unseen("files-not-here")),
    }
    let mut logs = Vec::new();
    if line.flag(3)? {
        logs.push(data.join(line.text(2)?).join("any")); // an absolute name replaces the first
    }
    logs.extend(standard_error(&data));
    Ok(Home { data, database, logs })
}

/// `pg_control` begins with the cluster's number, in the byte order of the machine.
fn identifier_in(data: &Path) -> io::Result<String> {
    let mut number = [0; 8];
    File::open(data.join("global/pg_control"))?.read_exact(&mut number)?;
    fs::read_dir(data.join("base"))?; // to know a name is not to be let in
    Ok(u64::from_ne_bytes(number).to_string())
}

/// Where the server's messages go without a collector: a file that its starter gave it (`pg_ctl -l`, Debian's tools).
fn standard_error(data: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let process: u32 = text.lines().next()?.trim().parse().ok()?;
    let path = fs::read_link(format!("/proc/{process}/fd/2")).ok()?;
    path.is_file().then_some(path)
}

/// A log file and those that it was before: `postgresql-15-main.log`, `….log.1`, `….log.2.gz`; or a whole folder of them.
fn beside_log(log: &Path, found: &mut BTreeMap<PathBuf, FileRole>) -> io::Result<()> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name()) else { return Ok(()) };
    let whole = !log.exists();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let same = entry.file_name().as_encoded_bytes().starts_with(name.as_encoded_bytes());
        if (whole || same) && entry.file_type()?.is_file() {
            found.insert(entry.path(), FileRole::Log);
        }
    }
    Ok(())
}

/// Files below a folder; links are followed only where PostgreSQL makes them (tablespaces, a log on another disk). What
/// vanishes meanwhile was not behind the store any more.
fn walk(
    folder: &Path,
    sort: &mut dyn FnMut(&Path) -> Option<FileRole>,
    found: &mut BTreeMap<PathBuf, FileRole>,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let metadata = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_dir() {
            walk(&path, sort, found)?;
        } else if let (true, Some(role)) = (metadata.is_file(), sort(&path)) {
            found.insert(path, role);
        }
    }
    Ok(())
}

/// What a file in the data directory is; nothing for another database's.
fn sort(home: &Home, path: &Path) -> Option<FileRole> {
    let inside = path.strip_prefix(&home.data).ok()?;
    let names: Vec<&str> = inside.iter().filter_map(|name| name.to_str()).collect();
    let of_database = |folder: &str| folder == home.database || folder == "pgsql_tmp";
    match names.as_slice() {
        ["base", folder, ..] => of_database(folder).then_some(FileRole::Data),
        // A tablespace holds a folder per server version, and these one per database.
        ["pg_tblspc", _, _, folder, ..] => of_database(folder).then_some(FileRole::Data),
        ["global", ..] => Some(FileRole::Data),
        ["pg_wal", ..] => Some(FileRole::Log),
        _ => Some(FileRole::Other), // transactions, statistics, slots, settings
    }
}

/// Room in the file system of the data directory, when it is here.
pub(crate) fn free_bytes(session: &mut Session) -> Result<u64> {
    let home = home(session)?;
    let told = rustix::fs::statvfs(&home.data).map_err(io::Error::from).told("files")?;
    Ok(told.f_bavail.saturating_mul(told.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_databases_are_not_ours() {
        let home = Home { data: "/pg".into(), database: "16384".to_owned(), logs: Vec::new() };
        for (path, role) in [
            ("/pg/base/16384/1259", Some(FileRole::Data)),
            ("/pg/base/1/1259", None),
            ("/pg/base/pgsql_tmp/pgsql_tmp1.0", Some(FileRole::Data)),
            ("/pg/pg_tblspc/17000/PG_15_202209061/16384/17001", Some(FileRole::Data)),
            ("/pg/pg_tblspc/17000/PG_15_202209061/5/17001", None),
            ("/pg/global/1262", Some(FileRole::Data)),
            ("/pg/pg_wal/000000010000000000000001", Some(FileRole::Log)),
            ("/pg/pg_wal/archive_status/000000010000000000000001.ready", Some(FileRole::Log)),
            ("/pg/pg_stat/pg_stat_statements.stat", Some(FileRole::Other)),
            ("/elsewhere/1", None),
        ] {
            assert_eq!(sort(&home, Path::new(path)), role, "{path}");
        }
    }
}
