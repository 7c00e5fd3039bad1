//! The case folder: files that are written whole, once, and journalled; the lock; the check of every byte at each start.
//!
//! A finished file goes draft → journal line with its digest → rename. So after a crash a journalled file that has not its
//! name yet still stands as a draft with the right digest and is given its name; a draft without a line is left over and
//! removed. The same order holds for moves into `history/` and for destruction.

use super::journal::{Entry, Event, HEAD, Head, JOURNAL, Journal, Stamp, check_head, read_lines};
use crate::failure::{Failure, Result};
use crate::hex::sha256;
use crate::json::{from_canonical, to_canonical};
use crate::world::{World, fault};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Digest and size of a finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// SHA-256, lower hex.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
}

/// An open case, locked for this process.
pub struct CaseFolder {
    path: PathBuf,
    journal: Journal,
    files: BTreeMap<String, Finished>,
    lock: File,
}

impl Drop for CaseFolder {
    /// Closing alone keeps the lock as long as a process forked meanwhile has not yet begun its own program (flock(2): the
    /// lock belongs to the open file, not to the handle).
    fn drop(&mut self) {
        let _ = self.lock.unlock(); // closing it does the rest
    }
}

/// Folders whose files only machines write. What lies there without a journal line is refused.
const MACHINE_FOLDERS: [&str; 3] = ["work", "sealed", "history"];
/// Files at the top that only machines write.
const MACHINE_FILES: [&str; 8] = [
    "inventory.json",
    "verification.json",
    "plan.json",
    "erasure.json",
    "residue.json",
    "statement.json",
    "certificate.json",
    "certificate.html",
];
const LOCK: &str = ".lock";
/// What is written without a journal line of its own.
const OWN_FILES: [&str; 4] = [JOURNAL, HEAD, LOCK, ".journal.head.draft"];
/// Folders into which members put what they signed elsewhere.
const RECEIVING_FOLDERS: [&str; 2] = ["approvals", "signatures"];

impl CaseFolder {
    /// Makes a case with the people's files given, in a folder that does not exist yet.
    ///
    /// # Errors
    /// `file-exists` when the folder is there.
    pub fn create(path: &Path, id: &str, people: &[(&str, &str)], world: &World) -> Result<Self> {
        if path.exists() {
            return Err(failure!(Usage, "case-exists", path = path.display()));
        }
        let name = path.file_name().ok_or_else(|| failure!(Usage, "case-path", path = path.display()))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|error| Failure::file(parent, &error))?;
        // Built under another name and renamed, so that a case is either whole or not there.
        let draft = parent.join(format!(".{}.draft", name.to_string_lossy()));
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(|error| Failure::file(&draft, &error))?;
        }
        make_folder(&draft)?;
        for folder in MACHINE_FOLDERS.iter().chain(&["approvals", "signatures", "attestations", "attachments"]) {
            make_folder(&draft.join(folder))?;
        }
        for (file, text) in people {
            write_synced(&draft.join(file), text.as_bytes(), 0o644)?;
        }
        let mut journal = Journal::start(&draft)?;
        let program = env!("CARGO_PKG_VERSION").to_owned();
        journal.append(stamp(world), Event::Opened { case: id.to_owned(), program })?;
        drop(journal);
        fs::rename(&draft, path).map_err(|error| Failure::file(path, &error))?;
        sync_folder(parent)?;
        Self::open(path, world)
    }

    /// Opens and locks a case, finishes what a crash left half done, and checks every journalled byte.
    ///
    /// # Errors
    /// `case-not-found`, `case-busy`, or `tampered…` naming the file.
    pub fn open(path: &Path, world: &World) -> Result<Self> {
        refuse_links(path, &[&OWN_FILES[..], &MACHINE_FOLDERS, &MACHINE_FILES, &RECEIVING_FOLDERS].concat())?;
        let lock = lock_case(path)?;
        let journal = Journal::open(path)?;
        let mut case = Self { path: path.to_owned(), journal, files: BTreeMap::new(), lock };
        case.replay()?;
        check_files(&case.path, &case.files)?;
        case.journal.settle()?;
        if case.journal.dropped() > 0 {
            let bytes = case.journal.dropped();
            case.record(world, Event::TornLineDropped { bytes })?;
        }
        Ok(case)
    }

    /// The id under which the case was opened.
    #[must_use]
    pub fn id(&self) -> &str {
        self.journal
            .entries()
            .iter()
            .find_map(|entry| match &entry.event {
                Event::Opened { case, .. } => Some(case.as_str()),
                _ => None, // every other event
            })
            .unwrap_or_default()
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All journal lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        self.journal.entries()
    }

    /// The journal's last line.
    #[must_use]
    pub fn head(&self) -> Head {
        self.journal.head()
    }

    /// Appends to the journal.
    ///
    /// # Errors
    /// File failures.
    pub fn record(&mut self, world: &World, event: Event) -> Result<()> {
        self.journal.append(stamp(world), event)
    }

    /// Digest of a finished file, if it is there.
    #[must_use]
    pub fn finished(&self, name: &str) -> Option<&Finished> {
        self.files.get(name)
    }

    /// All finished files by their path inside the case.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Finished> {
        &self.files
    }

    /// Reads a finished file; its digest was checked on opening.
    ///
    /// # Errors
    /// `artefact-missing` when no step has made it.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        if !self.files.contains_key(name) {
            return Err(failure!(Refused, "artefact-missing", path = name));
        }
        let path = self.path.join(name);
        fs::read(&path).map_err(|error| Failure::file(&path, &error))
    }

    /// Reads a finished JSON artefact.
    ///
    /// # Errors
    /// `artefact-missing`; `tampered` when it is not canonical.
    pub fn artefact<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        parse(name, &self.read(name)?)
    }

    /// Like [`CaseFolder::artefact`], `None` when no step has made it.
    ///
    /// # Errors
    /// `tampered` when it is not canonical.
    pub fn artefact_if_made<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        if self.files.contains_key(name) { self.artefact(name).map(Some) } else { Ok(None) }
    }

    /// Writes a JSON artefact.
    ///
    /// # Errors
    /// As [`CaseFolder::write`].
    pub fn write_artefact<T: Serialize>(&mut self, world: &World, step: &str, name: &str, value: &T) -> Result<()> {
        let mut bytes = to_canonical(value).map_err(|_| failure!(Bug, "json-not-canonical", path = name))?;
        bytes.push(b'\n');
        self.write(world, step, name, &bytes)
    }

    /// Writes a file whole, once, and journals it.
    ///
    /// # Errors
    /// `file-exists` for a name that is taken, or a file failure (nothing then has the name).
    pub fn write(&mut self, world: &World, step: &str, name: &str, bytes: &[u8]) -> Result<()> {
        let last = self.path.join(name);
        if last.exists() {
            return Err(failure!(Refused, "file-exists", path = name, os = "-"));
        }
        let draft = draft_of(&last);
        let private = name.starts_with("work/") || name.starts_with("sealed/") || name.starts_with("history/");
        write_synced(&draft, bytes, if private { 0o600 } else { 0o644 })?;
        fault::point();
        let finished = self.announce(world, step, name, bytes)?;
        fault::point();
        fs::rename(&draft, &last).map_err(|error| Failure::file(&last, &error))?;
        sync_folder(last.parent().unwrap_or(&self.path))?;
        fault::point();
        self.files.insert(name.to_owned(), finished);
        Ok(())
    }

    /// Takes in a file that a person put into `approvals/` or `signatures/`: from now on its bytes are fixed.
    ///
    /// # Errors
    /// File failures.
    pub fn receive(&mut self, world: &World, step: &str, name: &str, key_id: &str) -> Result<()> {
        let path = self.path.join(name);
        let bytes = fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        self.record(world, Event::Received { path: name.to_owned(), key_id: key_id.to_owned() })?;
        let finished = self.announce(world, step, name, &bytes)?;
        self.files.insert(name.to_owned(), finished);
        Ok(())
    }

    /// Journals that a file with these bytes is about to be a finished one.
    fn announce(&mut self, world: &World, step: &str, name: &str, bytes: &[u8]) -> Result<Finished> {
        let finished = Finished { sha256: sha256(bytes), bytes: bytes.len() as u64 };
        let event = Event::File {
            path: name.to_owned(),
            sha256: finished.sha256.clone(),
            bytes: finished.bytes,
            step: step.to_owned(),
        };
        self.record(world, event)?;
        Ok(finished)
    }

    /// Files of a folder that no journal line names: put there by hand.
    ///
    /// # Errors
    /// File failures.
    pub fn loose_files(&self, inside: &str) -> Result<Vec<String>> {
        let folder = self.path.join(inside);
        let mut loose = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))? {
            let entry = entry.map_err(|error| Failure::file(&folder, &error))?;
            let name = format!("{inside}/{}", entry.file_name().to_string_lossy());
            if self.files.contains_key(&name) {
                continue;
            }
            // A pipe would make us wait for ever, a link would let us sign for a file that lies elsewhere.
            if !entry.file_type().map_err(|error| Failure::file(&folder, &error))?.is_file() {
                return Err(failure!(Refused, "tampered-foreign", path = name));
            }
            loose.push(name);
        }
        loose.sort();
        Ok(loose)
    }

    /// Moves finished files into the next `history/<n>/`.
    ///
    /// # Errors
    /// File failures; the next start finishes a move that broke off.
    pub fn retire(&mut self, world: &World, names: &[String]) -> Result<Option<String>> {
        let names: Vec<_> = names.iter().filter(|name| self.files.contains_key(*name)).cloned().collect();
        if names.is_empty() {
            return Ok(None);
        }
        let taken = |n: u64| self.files.keys().any(|path| path.starts_with(&format!("history/{n}/")));
        let next = (1..).find(|n| !taken(*n)).unwrap_or(1);
        let folder = format!("history/{next}");
        for name in names {
            let to = format!("{folder}/{}", name.replace('/', "-"));
            make_folder_if_missing(&self.path.join(&folder))?;
            self.record(world, Event::Moved { from: name.clone(), to: to.clone() })?;
            self.finish_move(&name, &to)?;
            if let Some(finished) = self.files.remove(&name) {
                self.files.insert(to, finished);
            }
        }
        Ok(Some(folder))
    }

    /// Overwrites and removes a finished file.
    ///
    /// # Errors
    /// File failures; the next start finishes it.
    pub fn destroy(&mut self, world: &World, name: &str, why: &str) -> Result<()> {
        if self.files.remove(name).is_some() {
            self.record(world, Event::Destroyed { path: name.to_owned(), why: why.to_owned() })?;
            fault::point();
            overwrite_and_remove(&self.path.join(name))?;
            fault::point();
        }
        Ok(())
    }

    /// Builds the list of files from the journal and finishes what a crash left half done.
    fn replay(&mut self) -> Result<()> {
        let events: Vec<Event> = self.journal.entries().iter().map(|entry| entry.event.clone()).collect();
        let (files, destroyed) = file_list(&events)?;
        let named: Vec<&str> = events.iter().flat_map(paths_of).map(String::as_str).collect();
        refuse_links(&self.path, &named)?;
        if let Some(Event::Moved { from, to }) = events.last() {
            self.finish_move(from, to)?;
        }
        for path in destroyed.iter().map(|path| self.path.join(path)).filter(|path| path.exists()) {
            overwrite_and_remove(&path)?;
        }
        if let Some(Event::File { path, sha256, .. }) = events.last() {
            self.finish_write(path, sha256)?;
        }
        self.files = files;
        self.remove_drafts(&self.path)
    }

    fn finish_write(&self, name: &str, digest: &str) -> Result<()> {
        let last = self.path.join(name);
        let draft = draft_of(&last);
        if !last.exists() && fs::read(&draft).is_ok_and(|bytes| sha256(&bytes) == digest) {
            fault::point();
            fs::rename(&draft, &last).map_err(|error| Failure::file(&last, &error))?;
            sync_folder(last.parent().unwrap_or(&self.path))?;
            fault::point();
        }
        Ok(())
    }

    fn finish_move(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.path.join(from), self.path.join(to));
        if from.exists() && !to.exists() {
            fault::point();
            fs::rename(&from, &to).map_err(|error| Failure::file(&from, &error))?;
            for folder in [from.parent(), to.parent()].into_iter().flatten() {
                sync_folder(folder)?;
            }
            fault::point();
        }
        Ok(())
    }

    /// Drafts without a journal line are left over from a crash.
    fn remove_drafts(&self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))? {
            let path = entry.map_err(|error| Failure::file(folder, &error))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let kind = fs::symlink_metadata(&path).map_err(|error| Failure::file(&path, &error))?.file_type();
            let draft = name.starts_with('.') && name.ends_with(".draft");
            if kind.is_dir() {
                self.remove_drafts(&path)?;
            } else if draft && kind.is_file() {
                overwrite_and_remove(&path)?;
            } else if draft {
                // A link or a pipe is none of ours: what it leads to is not touched.
                fs::remove_file(&path).map_err(|error| Failure::file(&path, &error))?;
            }
        }
        Ok(())
    }
}

/// Checks a case as it stands: chain, head, and every byte of every journalled file. Takes no lock and writes nothing, so
/// that an auditor can run it over a read-only copy; what a crash left half done is then reported, not finished.
///
/// # Errors
/// `tampered…` naming the file.
pub fn inspect(path: &Path) -> Result<(Vec<Entry>, BTreeMap<String, Finished>)> {
    let read = |name: &str| match fs::read(path.join(name)) {
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(failure!(Refused, "tampered-missing", path = name)),
    };
    let entries = read_lines(&read(JOURNAL)?)?;
    let head: Head = parse(HEAD, &read(HEAD)?)?;
    check_head(&entries, &head, 0)?;
    if entries.len() as u64 != head.seq {
        return Err(failure!(Refused, "tampered", path = HEAD));
    }
    let events: Vec<Event> = entries.iter().map(|entry| entry.event.clone()).collect();
    let (files, _) = file_list(&events)?;
    refuse_links(path, &MACHINE_FOLDERS)?;
    refuse_links(path, &files.keys().map(String::as_str).collect::<Vec<_>>())?;
    check_files(path, &files)?;
    Ok((entries, files))
}

/// The finished files that the events leave, and those that were destroyed and not made again.
fn file_list(events: &[Event]) -> Result<(BTreeMap<String, Finished>, Vec<String>)> {
    let mut files: BTreeMap<String, Finished> = BTreeMap::new();
    let mut destroyed: Vec<String> = Vec::new();
    for event in events {
        check_paths(event)?;
        match event {
            Event::File { path, sha256, bytes, .. } => {
                destroyed.retain(|gone| gone != path);
                files.insert(path.clone(), Finished { sha256: sha256.clone(), bytes: *bytes });
            }
            Event::Moved { from, to } => {
                if let Some(finished) = files.remove(from) {
                    files.insert(to.clone(), finished);
                }
            }
            Event::Destroyed { path, .. } => {
                files.remove(path);
                destroyed.push(path.clone());
            }
            _ => {} // events that are not about files
        }
    }
    Ok((files, destroyed))
}

/// Every journalled file is there with its bytes, and nothing else stands where only machines write.
fn check_files(folder: &Path, files: &BTreeMap<String, Finished>) -> Result<()> {
    for (name, finished) in files {
        let path = folder.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(failure!(Refused, "tampered-missing", path = name));
            }
            Err(error) => return Err(Failure::file(&path, &error)),
        };
        if bytes.len() as u64 != finished.bytes || sha256(&bytes) != finished.sha256 {
            return Err(failure!(Refused, "tampered", path = name));
        }
    }
    for name in MACHINE_FILES {
        if !files.contains_key(name) && folder.join(name).exists() {
            return Err(failure!(Refused, "tampered-foreign", path = name));
        }
    }
    MACHINE_FOLDERS.iter().try_for_each(|inside| check_folder(folder, files, inside))
}

/// Where a verification keeps what it has read until it is finished: no finished file, so none is journalled.
pub const READING: &str = "work/reading";

fn check_folder(case: &Path, files: &BTreeMap<String, Finished>, inside: &str) -> Result<()> {
    let folder = case.join(inside);
    if !folder.exists() {
        return Ok(()); // a journalled file in it was missed above
    }
    for entry in fs::read_dir(&folder).map_err(|error| Failure::file(&folder, &error))? {
        let entry = entry.map_err(|error| Failure::file(&folder, &error))?;
        let name = format!("{inside}/{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(|error| Failure::file(&folder, &error))?;
        if kind.is_dir() && name == READING {
            continue; // believed by its own list alone
        }
        if kind.is_dir() {
            check_folder(case, files, &name)?;
        } else if !files.contains_key(&name) {
            return Err(failure!(Refused, "tampered-foreign", path = name));
        }
    }
    Ok(())
}

/// The files that an event is about.
fn paths_of(event: &Event) -> Vec<&String> {
    match event {
        Event::File { path, .. } | Event::Destroyed { path, .. } | Event::Received { path, .. } => vec![path],
        Event::Moved { from, to } => vec![from, to],
        _ => Vec::new(), // events that are not about files
    }
}

/// A journal from a stranger must not make us touch anything outside its case.
fn check_paths(event: &Event) -> Result<()> {
    let plain = |path: &String| {
        Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_))) && !path.is_empty()
    };
    if paths_of(event).into_iter().all(plain) { Ok(()) } else { Err(failure!(Refused, "tampered", path = JOURNAL)) }
}

/// Neither must a link that lies where only machines write: what we finish, overwrite or remove would be elsewhere.
fn refuse_links(case: &Path, names: &[&str]) -> Result<()> {
    for name in names {
        for place in Path::new(name).ancestors().filter(|place| !place.as_os_str().is_empty()) {
            if case.join(place).is_symlink() {
                return Err(failure!(Refused, "tampered-foreign", path = place.display()));
            }
        }
    }
    Ok(())
}

/// Parses a canonical JSON artefact with its trailing newline.
///
/// # Errors
/// `tampered` naming the file.
pub fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T> {
    let body = bytes.strip_suffix(b"\n").ok_or_else(|| failure!(Refused, "tampered", path = name))?;
    from_canonical(body).map_err(|_| failure!(Refused, "tampered", path = name))
}

fn stamp(world: &World) -> Stamp {
    Stamp { at: world.now_text(), user: world.place.user.clone(), host: world.place.host.clone() }
}

fn lock_case(path: &Path) -> Result<File> {
    if !path.join(JOURNAL).exists() && !path.join(HEAD).exists() {
        return Err(failure!(Usage, "case-not-found", path = path.display()));
    }
    let lock = path.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .map_err(|error| Failure::file(&lock, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(failure!(Refused, "case-busy", path = path.display())),
        Err(TryLockError::Error(error)) => Err(Failure::file(&lock, &error)),
    }
}

fn draft_of(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.draft"))
}

/// Writes a people's file whole: a kill leaves what stood there before, or all of it.
///
/// # Errors
/// File failures.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = draft_of(path);
    write_synced(&draft, bytes, 0o644)?;
    fault::point();
    fs::rename(&draft, path).map_err(|error| Failure::file(path, &error))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    fault::point();
    Ok(())
}

/// Writes bytes and syncs them; an existing file of that name is replaced.
///
/// # Errors
/// File failures.
pub fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| Failure::file(path, &error))
}

fn overwrite_and_remove(path: &Path) -> Result<()> {
    let erase = || {
        let length = fs::metadata(path)?.len();
        let mut file = OpenOptions::new().write(true).open(path)?;
        let zeros = [0; 65536];
        let mut left = length;
        while left > 0 {
            let part = usize::try_from(left.min(65536)).unwrap_or(65536);
            file.write_all(&zeros[..part])?;
            left -= part as u64;
        }
        file.sync_all()?;
        fault::point();
        fs::remove_file(path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    erase().map_err(|error| Failure::file(path, &error))
}

fn make_folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path).map_err(|error| Failure::file(path, &error))
}

fn make_folder_if_missing(path: &Path) -> Result<()> {
    if path.is_dir() { Ok(()) } else { make_folder(path) }
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|error| Failure::file(path, &error))
}
