//! Whether the server's data directory is one of this machine, seen from here, and where.
//! Reads the server's variables and `/proc`; changes nothing.
//!
//! A path that the server names proves nothing: the same path may lie here and belong to another server. So the data
//! directory counts as seen only when the server says our host name, the process of its pid file stands in that
//! directory, and that process is as old as the server says it is.

use crate::session::Session;
use lastbell_contract::Result;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The age that the server tells and that of its process: it counts from a moment of its start-up, in whole seconds.
const AGE_TOLERANCE_SECONDS: u64 = 15;

/// A data directory that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Absolute, with links resolved.
    pub(crate) folder: PathBuf,
    /// Device and inode.
    pub(crate) key: (u64, u64),
}

/// The data directory, when it is here and can be listed.
pub(crate) fn find(session: &mut Session) -> Result<Option<Place>> {
    let (Some(folder), Some(pid_file), Some(host)) = (
        session.variable("files", "datadir")?,
        session.variable("files", "pid_file")?,
        session.variable("files", "hostname")?,
    ) else {
        return Ok(None);
    };
    let age = session.status("files", "Uptime")?.and_then(|text| text.parse().ok());
    let here = rustix::system::uname();
    if here.nodename().to_bytes() != host.as_bytes() {
        return Ok(None);
    }
    let folder = PathBuf::from(folder);
    let pid_file = folder.join(pid_file); // an absolute one replaces the folder
    Ok(age.and_then(|age| seen(&folder, &pid_file, age)))
}

fn seen(folder: &Path, pid_file: &Path, age: u64) -> Option<Place> {
    let pid: u32 = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
    let folder = fs::canonicalize(folder).ok()?;
    let own = fs::metadata(&folder).ok()?;
    // The server makes its data directory its working directory.
    let of_process = fs::metadata(format!("/proc/{pid}/cwd")).ok()?;
    let same = (own.dev(), own.ino()) == (of_process.dev(), of_process.ino());
    let as_old = age_of(pid)?.abs_diff(age) <= AGE_TOLERANCE_SECONDS;
    let listed = fs::read_dir(&folder).is_ok();
    (same && as_old && listed).then(|| Place { folder, key: (own.dev(), own.ino()) })
}

/// Seconds since the process began (proc_pid_stat(5), field 22, in ticks since the machine started).
fn age_of(pid: u32) -> Option<u64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = line.rsplit_once(')')?.1;
    let began: u64 = after_name.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: u64 = uptime.split('.').next()?.parse().ok()?;
    Some(uptime.saturating_sub(began / rustix::param::clock_ticks_per_second()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_counts_as_seen_only_with_its_own_process() {
        let folder = tempfile::TempDir::new().unwrap();
        let pid_file = folder.path().join("pid");
        let own = std::process::id();
        fs::write(&pid_file, own.to_string()).unwrap();
        let age = age_of(own).unwrap();
        let here = std::env::current_dir().unwrap();
        assert!(seen(&here, &pid_file, age).is_some());
        assert_eq!(seen(folder.path(), &pid_file, age), None, "another folder");
        assert_eq!(seen(&here, &pid_file, age + 60), None, "another age");
        assert_eq!(seen(&here, &folder.path().join("none"), age), None, "no pid file");
    }
}
