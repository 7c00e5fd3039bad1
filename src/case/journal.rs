//! The journal of a case: `journal.jsonl`, one canonical JSON object a line, each carrying the previous line's digest and
//! its own; `journal.head` beside it names the last one.
//!
//! A line's digest is SHA-256 of its canonical form without the member `digest`. The head file is there because a chain
//! alone does not show that its last lines were cut off: it may lag one line behind (a crash between the two writes),
//! never lead. A line that was being written when the process died has no newline and is dropped on the next start.

use crate::failure::{Failure, Result};
use crate::hex::sha256;
use crate::json::{from_canonical, to_canonical};
use crate::world::fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The journal's file name.
pub const JOURNAL: &str = "journal.jsonl";
/// The head's file name.
pub const HEAD: &str = "journal.head";
/// `prev` of the first line.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How a setting of the server changes. Without a value it stands for the server's own default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingChanged {
    /// Its name.
    pub name: String,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

impl From<&SettingChanged> for lastbell_contract::Setting {
    fn from(changed: &SettingChanged) -> Self {
        Self { name: changed.name.clone(), old: changed.old.clone(), new: changed.new.clone() }
    }
}

impl From<&lastbell_contract::Setting> for SettingChanged {
    fn from(setting: &lastbell_contract::Setting) -> Self {
        Self { name: setting.name.clone(), old: setting.old.clone(), new: setting.new.clone() }
    }
}

/// What happened. Names, digests and counts only; never a value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The case was made.
    Opened {
        /// Its id, as in case.yaml.
        case: String,
        /// Version of the program.
        program: String,
    },
    /// A step starts work, and why it runs (again).
    StepBegun {
        /// The step's name.
        step: String,
        /// A stable word: `first`, `again`, `stale`, `resume`.
        why: String,
        /// Names of the inputs that changed, for `stale`.
        changed: Vec<String>,
        /// Digests of the inputs that the step stands on.
        inputs: BTreeMap<String, String>,
    },
    /// A finished file is about to get its name.
    File {
        /// Path inside the case.
        path: String,
        /// Its digest.
        sha256: String,
        /// Its size.
        bytes: u64,
        /// Who made it.
        step: String,
    },
    /// A file gets another place.
    Moved {
        /// Old path inside the case.
        from: String,
        /// New path inside the case.
        to: String,
    },
    /// A file is destroyed.
    Destroyed {
        /// Path inside the case.
        path: String,
        /// A stable word: `closed`, `superseded`.
        why: String,
    },
    /// Rows of a store were read.
    Look {
        /// The store's name in case.yaml.
        store: String,
        /// A stable word: `discover`, `verify`, `proof`, `residue`, `show`.
        purpose: String,
        /// Rows by table.
        rows: BTreeMap<String, u64>,
    },
    /// Lines of decisions.yaml came into force, each by its SHA-256.
    Decided {
        /// Digests in the file's order.
        entries: Vec<String>,
    },
    /// The platform's keeper was asked for a receipt; an earlier request no longer counts.
    ReceiptRequested {
        /// The number that is used once.
        number: String,
        /// The request's digest.
        sha256: String,
        /// Digest of the profile's file that goes with it.
        profile: String,
        /// Key id of the key that its secrets are sealed to.
        sealed_to: String,
    },
    /// A receipt was taken for the answer to a request; from now on no other one answers it.
    ReceiptTaken {
        /// The request's number.
        number: String,
        /// The receipt's digest.
        sha256: String,
        /// Key id of who signed it.
        signer: String,
    },
    /// An approval or a signature made elsewhere was accepted.
    Received {
        /// Path inside the case.
        path: String,
        /// Whose key.
        key_id: String,
    },
    /// The locked proof of a unit has passed; destruction may begin.
    UnitProved {
        /// The unit.
        unit: String,
        /// The plan's digest.
        plan: String,
        /// Rows by table, as counted under lock.
        rows: BTreeMap<String, u64>,
        /// Digest of each table's rows, as read under lock.
        roots: BTreeMap<String, String>,
        /// Fingerprint of each table's schema.
        schema: BTreeMap<String, String>,
    },
    /// A statement that changes a store: intent before, confirmation after.
    Statement {
        /// The store.
        store: String,
        /// The unit, or `-` for work on the whole store.
        unit: String,
        /// `before` or `after`.
        moment: String,
        /// `destroy`, `rebuild`, `cut`, `commit`, `setting`, `scrub`.
        operation: String,
        /// The table, or `-`.
        table: String,
        /// The technique's word.
        technique: String,
        /// Fingerprint of the table's schema at that moment, or `-`.
        schema: String,
        /// The fingerprint that the statement leaves, where it changes the schema.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema_after: Option<String>,
        /// The server's setting that it changes, with its old value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        setting: Option<SettingChanged>,
    },
    /// A unit is gone: counted again from the store.
    UnitDone {
        /// The unit.
        unit: String,
        /// Rows left by table: all zero.
        left: BTreeMap<String, u64>,
        /// Mark of the store's last write, by which our own writes are told from others'.
        last_write: String,
    },
    /// A unit was refused and stands untouched.
    UnitRefused {
        /// The unit.
        unit: String,
        /// The failure's code.
        code: String,
    },
    /// The store was cleaned.
    StoreScrubbed {
        /// The store.
        store: String,
        /// The level reached.
        level: String,
        /// Mark of the store's last write.
        last_write: String,
    },
    /// Keys have ended.
    KeysEnded {
        /// Their names.
        keys: Vec<String>,
    },
    /// The case was closed.
    Closed {
        /// True after the retention's end.
        final_: bool,
    },
    /// A half-written line of an earlier run was dropped.
    TornLineDropped {
        /// Its size.
        bytes: u64,
    },
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Counts from 1.
    pub seq: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// Login name.
    pub user: String,
    /// Host name.
    pub host: String,
    /// What happened.
    pub event: Event,
    /// The previous line's digest.
    pub prev: String,
    /// This line's digest.
    pub digest: String,
}

/// The last line's number and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of lines.
    pub seq: u64,
    /// Digest of the last one.
    pub digest: String,
}

/// Who writes and when.
pub struct Stamp {
    /// RFC 3339, UTC.
    pub at: String,
    /// Login name.
    pub user: String,
    /// Host name.
    pub host: String,
}

/// The open journal.
pub struct Journal {
    file: File,
    folder: std::path::PathBuf,
    entries: Vec<Entry>,
    dropped: u64,
    /// Bytes of the complete lines that were read on opening.
    whole: u64,
    /// The head on disk names the line before the last one.
    lags: bool,
}

impl Journal {
    /// Starts a journal in a new, empty folder.
    ///
    /// # Errors
    /// File failures.
    pub fn start(folder: &Path) -> Result<Self> {
        let path = folder.join(JOURNAL);
        let file = OpenOptions::new()
            .create_new(true)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|error| Failure::file(&path, &error))?;
        Ok(Self { file, folder: folder.to_owned(), entries: Vec::new(), dropped: 0, whole: 0, lags: false })
    }

    /// Opens the journal and checks every line; changes nothing yet.
    ///
    /// # Errors
    /// `tampered` naming the file, or a file failure.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(JOURNAL);
        let mut file =
            OpenOptions::new().read(true).append(true).open(&path).map_err(|error| missing(&path, &error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| Failure::file(&path, &error))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let entries = read_lines(&bytes[..whole])?;
        let head = read_head(folder)?;
        let torn = (bytes.len() - whole) as u64;
        check_head(&entries, &head, torn)?;
        let lags = entries.len() as u64 != head.seq;
        Ok(Self { file, folder: folder.to_owned(), entries, dropped: torn, whole: whole as u64, lags })
    }

    /// Drops a torn line and lets the head catch up. Not before the case's files were checked: a case that is refused
    /// stays as it is, and the drop is journalled by the start that succeeds.
    ///
    /// # Errors
    /// File failures.
    pub fn settle(&mut self) -> Result<()> {
        let path = self.folder.join(JOURNAL);
        if self.dropped > 0 {
            self.file.set_len(self.whole).map_err(|error| Failure::file(&path, &error))?;
            self.file.seek(SeekFrom::End(0)).map_err(|error| Failure::file(&path, &error))?;
            fault::point();
        }
        if self.lags { self.write_head() } else { Ok(()) }
    }

    /// All lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of a half-written line that [`Journal::settle`] drops.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Number and digest of the last line.
    #[must_use]
    pub fn head(&self) -> Head {
        match self.entries.last() {
            Some(entry) => Head { seq: entry.seq, digest: entry.digest.clone() },
            None => Head { seq: 0, digest: START.to_owned() },
        }
    }

    /// Appends a line and syncs it before it returns.
    ///
    /// # Errors
    /// File failures; the journal then has the line or not, never half of it after the next start.
    pub fn append(&mut self, stamp: Stamp, event: Event) -> Result<()> {
        let head = self.head();
        let mut entry = Entry {
            seq: head.seq + 1,
            at: stamp.at,
            user: stamp.user,
            host: stamp.host,
            event,
            prev: head.digest,
            digest: String::new(),
        };
        entry.digest = digest_of(&entry)?;
        let mut line = to_canonical(&entry).map_err(|_| failure!(Bug, "json-not-canonical", path = JOURNAL))?;
        line.push(b'\n');
        let path = self.folder.join(JOURNAL);
        fault::point();
        self.file.write_all(&line).map_err(|error| Failure::file(&path, &error))?;
        fault::point();
        self.file.sync_data().map_err(|error| Failure::file(&path, &error))?;
        fault::point();
        self.entries.push(entry);
        self.write_head()
    }

    fn write_head(&mut self) -> Result<()> {
        let bytes = to_canonical(&self.head()).map_err(|_| failure!(Bug, "json-not-canonical", path = HEAD))?;
        let (draft, last) = (self.folder.join(format!(".{HEAD}.draft")), self.folder.join(HEAD));
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(&bytes)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fault::point();
            fs::rename(&draft, &last)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| Failure::file(&last, &error))?;
        fault::point();
        Ok(())
    }
}

/// SHA-256 of the canonical line without its own digest.
fn digest_of(entry: &Entry) -> Result<String> {
    let bug = || failure!(Bug, "json-not-canonical", path = JOURNAL);
    let mut value = serde_json::to_value(entry).map_err(|_| bug())?;
    if let Some(map) = value.as_object_mut() {
        map.remove("digest");
    }
    Ok(sha256(&to_canonical(&value).map_err(|_| bug())?))
}

/// Reads complete lines and checks number, chain and digest of each.
///
/// # Errors
/// `tampered`, naming the journal and the line.
pub fn read_lines(bytes: &[u8]) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index as u64 + 1;
        let broken = || failure!(Refused, "tampered-line", path = JOURNAL, line = number);
        let line = line.strip_suffix(b"\n").ok_or_else(broken)?;
        let entry: Entry = from_canonical(line).map_err(|_| broken())?;
        let prev = entries.last().map_or(START, |last| last.digest.as_str());
        if entry.seq != number || entry.prev != prev || digest_of(&entry)? != entry.digest {
            return Err(broken());
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn read_head(folder: &Path) -> Result<Head> {
    let path = folder.join(HEAD);
    let bytes = fs::read(&path).map_err(|error| missing(&path, &error))?;
    let body = bytes.strip_suffix(b"\n").unwrap_or(&[]);
    from_canonical(body).map_err(|_| failure!(Refused, "tampered", path = HEAD))
}

/// Does the head name the last line, or, after a crash between the two writes, the one before it?
///
/// # Errors
/// `tampered-cut` naming the journal, `tampered` naming the head.
pub(super) fn check_head(entries: &[Entry], head: &Head, torn: u64) -> Result<()> {
    let lines = entries.len() as u64;
    let at_head = |seq: u64| {
        let digest = seq
            .checked_sub(1)
            .and_then(|last| entries.get(usize::try_from(last).ok()?))
            .map_or(START, |entry| &entry.digest);
        digest == head.digest
    };
    // The last line's digest beside another number: the head was changed, and no line was cut.
    if lines != head.seq && at_head(lines) {
        return Err(failure!(Refused, "tampered", path = HEAD));
    }
    if lines < head.seq {
        return Err(failure!(Refused, "tampered-cut", path = JOURNAL, lines = lines, expected = head.seq));
    }
    // One line more than the head names is a crash between the two writes; a torn line only follows a full head.
    let lag = lines - head.seq;
    if lag > 1 || (lag == 1 && torn > 0) || !at_head(head.seq) {
        return Err(failure!(Refused, "tampered", path = HEAD));
    }
    Ok(())
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::NotFound {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        return failure!(Refused, "tampered-missing", path = name);
    }
    Failure::file(path, error)
}
