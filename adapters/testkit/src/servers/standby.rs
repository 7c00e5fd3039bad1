//! Copies a running PostgreSQL for a standby of it. Writes the standby's data directory.

use std::fs;
use std::path::Path;

use super::folder::{Folder, own};
use super::process::complete;
use super::{Postgres, binaries};

/// Fills the folder's data directory. By `pg_basebackup`, which takes along the WAL written meanwhile; a build for embedding
/// has none, and another version's refuses a newer server: then by what `pg_basebackup` itself is made of.
#[track_caller]
pub(super) fn copy(primary: &Postgres, folder: &Folder) {
    let program = binaries::postgres("postgres").with_file_name("pg_basebackup");
    if program.is_file() {
        let mut command = folder.command(&program);
        command.args(["-U", "postgres", "-X", "stream", "-c", "fast", "--no-sync", "-p", &primary.port().to_string()]);
        complete(folder, command.arg("-h").arg(primary.socket_dir()).arg("-D").arg(folder.data_of_server()));
    } else {
        by_hand(primary, folder);
    }
    mark(&folder.data(), "standby.signal", "");
}

/// PostgreSQL's "low-level backup": the files are copied while one session has the backup open. Fit for a quiet primary:
/// what it recycles of its WAL meanwhile is missed later.
fn by_hand(primary: &Postgres, folder: &Folder) {
    let version: u32 = primary.sql("postgres", "SHOW server_version_num").parse().expect("a version");
    let (start, stop) = if version >= 150_000 {
        ("pg_backup_start('standby', true)", "pg_backup_stop(false)")
    } else {
        ("pg_start_backup('standby', true, false)", "pg_stop_backup(false)")
    };
    let (from, to) = (primary.data_dir(), folder.data());
    let script =
        format!("SELECT 1 FROM {start};\n\\! cp -a {} {}\nSELECT labelfile FROM {stop}", from.display(), to.display());
    let said = primary.sql("postgres", &script);
    // A line for the start; then the label, which the server wants as it is.
    let (_, label) = said.split_once('\n').expect("a backup's label");
    mark(&to, "backup_label", &format!("{label}\n"));
    for name in ["postmaster.pid", "postmaster.opts"] {
        let _ = fs::remove_file(to.join(name));
    }
    for slot in fs::read_dir(to.join("pg_replslot")).into_iter().flatten().flatten() {
        let _ = fs::remove_dir_all(slot.path());
    }
}

fn mark(data: &Path, name: &str, text: &str) {
    let path = data.join(name);
    fs::write(&path, text).expect("a file of the standby");
    own(&path);
}
