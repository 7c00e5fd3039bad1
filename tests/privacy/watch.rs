//! Runs a program and looks over its shoulder: what it prints, every file that appears in the watched folders while it
//! works and afterwards, every file that it holds open (unlinked ones too), and every process that it starts.

use crate::search::Search;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What is watched and what is not.
pub(crate) struct Watch<'a> {
    /// Finds planted values.
    pub(crate) search: &'a Search,
    /// Folders in which any file may appear.
    pub(crate) folders: Vec<PathBuf>,
    /// Where the values lie rightly: the stores.
    pub(crate) rightly: Vec<PathBuf>,
}

/// A run and what was seen of it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// Where a value was found, and which.
    pub(crate) leaks: BTreeSet<String>,
    /// Processes that it started.
    pub(crate) children: BTreeSet<String>,
    /// How often we looked while it worked.
    pub(crate) looks: usize,
    /// Names of files and folders that appeared.
    pub(crate) names: BTreeSet<PathBuf>,
    /// Which files were read.
    pub(crate) files: BTreeSet<PathBuf>,
}

impl Watch<'_> {
    /// Runs to the end. `interrupt` is asked at each look with the looks so far; once it says yes, SIGINT is sent.
    pub(crate) fn run(&self, command: &mut Command, interrupt: &mut dyn FnMut(&Seen) -> bool) -> Seen {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let out = std::thread::spawn(move || read_all(&mut out));
        let err = std::thread::spawn(move || read_all(&mut err));
        let (mut seen, mut known, mut sent) = (Seen::default(), BTreeMap::new(), false);
        let status = loop {
            self.look(child.id(), &mut seen, &mut known);
            if !sent && interrupt(&seen) {
                let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
                assert!(told.success(), "the signal was sent");
                sent = true;
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        self.look_at_folders(&mut seen, &mut known);
        let (out, err) = (out.join().unwrap(), err.join().unwrap());
        for (stream, bytes) in [("stdout", &out), ("stderr", &err)] {
            self.judge(stream, bytes, &mut seen);
        }
        seen.code = status.code();
        seen.out = String::from_utf8_lossy(&out).into_owned();
        seen.err = String::from_utf8_lossy(&err).into_owned();
        seen
    }

    fn look(&self, process: u32, seen: &mut Seen, known: &mut BTreeMap<PathBuf, (u64, i64, i64)>) {
        seen.looks += 1;
        let process = PathBuf::from(format!("/proc/{process}"));
        for task in entries(&process.join("task")) {
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            seen.children.extend(children.split_whitespace().map(str::to_owned));
        }
        self.look_at_folders(seen, known);
        for open in entries(&process.join("fd")) {
            let Ok(target) = fs::read_link(&open) else { continue };
            let Ok(about) = fs::metadata(&open) else { continue };
            if about.is_file() && !self.rightly.iter().any(|folder| target.starts_with(folder)) {
                self.read(&open, &target, &about, seen, known);
            }
        }
    }

    fn look_at_folders(&self, seen: &mut Seen, known: &mut BTreeMap<PathBuf, (u64, i64, i64)>) {
        let mut folders = self.folders.clone();
        while let Some(folder) = folders.pop() {
            for path in entries(&folder) {
                let Ok(about) = fs::symlink_metadata(&path) else { continue };
                // A name may tell as much as what it names.
                if seen.names.insert(path.clone()) {
                    self.judge(&path.display().to_string(), path.as_os_str().as_encoded_bytes(), seen);
                }
                if about.is_dir() {
                    folders.push(path);
                } else if about.is_file() {
                    self.read(&path, &path, &about, seen, known);
                }
            }
        }
    }

    fn read(
        &self,
        path: &Path,
        name: &Path,
        about: &fs::Metadata,
        seen: &mut Seen,
        known: &mut BTreeMap<PathBuf, (u64, i64, i64)>,
    ) {
        let state = (about.len(), about.mtime(), about.mtime_nsec());
        if known.get(name) == Some(&state) {
            return;
        }
        if let Ok(bytes) = fs::read(path) {
            known.insert(name.to_owned(), state);
            seen.files.insert(name.to_owned());
            self.judge(&name.display().to_string(), &bytes, seen);
        }
    }

    fn judge(&self, place: &str, bytes: &[u8], seen: &mut Seen) {
        let found = self.search.find(bytes);
        seen.leaks.extend(found.into_iter().map(|value| format!("{place}: {value}")));
    }
}

/// Another user, so that file modes count for a process that root starts.
pub(crate) fn as_nobody(command: &mut Command) {
    command.uid(65_534).gid(65_534);
}

fn read_all(stream: &mut dyn std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// What is there now; a folder that is gone has nothing.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
