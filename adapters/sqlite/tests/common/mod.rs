//! What the tests of this crate share: a folder with a database, the adapter's doors, other processes, raw search.
#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part")]

use lastbell_contract::{
    Adapter, AdapterError, Catalog, ErasePermit, Eraser, Flow, Level, Location, LockRequest, LockedUnit, Means, Moment,
    Reader, Result, Row, Scan, Scrub, Scrubbed, Statement, TableId, Value, Witness,
};
use lastbell_sqlite::{Sqlite, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// A fresh folder; the database in it has a name that a URI would misread.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diary 100%?.db");
    (folder, path)
}

/// A fresh folder with a database made by these statements.
pub(crate) fn store(sql: &str) -> (TempDir, PathBuf) {
    let (folder, path) = folder();
    let mut writer = Writer::create(&path).unwrap();
    writer.execute(sql).unwrap();
    writer.finish().unwrap();
    (folder, path)
}

pub(crate) fn location(path: &Path) -> Location {
    Location::parse(&format!("sqlite:{}", path.display())).unwrap()
}

pub(crate) fn reader(path: &Path) -> Result<Box<dyn Reader>> {
    Sqlite.open_reader(&location(path))
}

pub(crate) fn eraser(path: &Path) -> Result<Box<dyn Eraser>> {
    Sqlite.open_eraser(&location(path), &ErasePermit::granted_by("00", &[]))
}

/// The error of something that must fail.
pub(crate) fn failed<T>(result: Result<T>) -> AdapterError {
    result.err().expect("this must be refused")
}

pub(crate) fn table(name: &str) -> TableId {
    TableId::plain(name)
}

pub(crate) fn request(tables: &[&str]) -> LockRequest {
    LockRequest { unit: tables.iter().map(|name| table(name)).collect(), watched: Vec::new(), wait_ms: 200 }
}

pub(crate) fn all_rows(reader: &mut dyn Reader, name: &str) -> Vec<Row> {
    let catalog = reader.catalog().unwrap();
    let columns = catalog.table(&table(name)).unwrap().column_names();
    let mut rows = Vec::new();
    let scan = Scan::whole(&table(name), &columns);
    let seen = reader.scan(&scan, &mut |batch| {
        rows.extend(batch.unpacked());
        Flow::Continue
    });
    assert_eq!(seen.unwrap(), rows.len() as u64);
    rows
}

pub(crate) fn catalog_of(path: &Path) -> Catalog {
    reader(path).unwrap().catalog().unwrap()
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// Remembers what it heard, and refuses at a chosen moment.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) all: Vec<(Moment, String)>,
    pub(crate) refuse: Option<(Moment, String)>,
}

impl Heard {
    pub(crate) fn refusing(moment: Moment, technique: &str) -> Self {
        Self { all: Vec::new(), refuse: Some((moment, technique.to_owned())) }
    }
}

impl Witness for Heard {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()> {
        self.all.push((moment, statement.technique.clone()));
        if self.refuse == Some((moment, statement.technique.clone())) {
            return Err(AdapterError::new(lastbell_contract::ErrorKind::Stopped, "witness"));
        }
        Ok(())
    }
}

/// Destroys tables in one unit.
pub(crate) fn destroy(eraser: &mut dyn Eraser, tables: &[&str]) -> Heard {
    let mut heard = Heard::default();
    let mut unit: Box<dyn LockedUnit + '_> = eraser.lock(&request(tables)).unwrap();
    for name in tables {
        unit.destroy(&[table(name)], &mut heard).unwrap();
    }
    unit.commit(&mut heard).unwrap();
    heard
}

pub(crate) fn scrub(eraser: &mut dyn Eraser, level: Level, tables: &[&str]) -> Result<Scrubbed> {
    let tables = tables.iter().map(|name| table(name)).collect();
    eraser.scrub(&Scrub { level, means: Means::Dedicated, tables }, &mut Heard::default())
}

/// Names and bytes of everything in a folder.
pub(crate) fn picture(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(entry).collect()
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    picture(folder).into_keys().collect()
}

/// A value to look for in raw bytes: its number is told from it.
pub(crate) fn canary(number: u32) -> String {
    format!("canary{number:06}")
}

/// The numbers of all canaries in some bytes.
pub(crate) fn canaries(bytes: &[u8]) -> BTreeSet<u32> {
    let number = |window: &[u8]| std::str::from_utf8(window.strip_prefix(b"canary")?).ok()?.parse().ok();
    bytes.windows(12).filter_map(number).collect()
}

/// The numbers of all canaries in all files of a folder.
pub(crate) fn canaries_in(folder: &Path) -> BTreeSet<u32> {
    picture(folder).values().flat_map(|bytes| canaries(bytes)).collect()
}

/// A second process with a connection of its own; it says a line when it is ready and ends with its input.
pub(crate) struct Other {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Other {
    /// `act` is one of those of [`child_process`].
    pub(crate) fn start(act: &str, path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["common::child_process", "--exact", "--ignored", "--nocapture"])
            .env("LASTBELL_TEST_CHILD", act)
            .env("LASTBELL_TEST_PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut other = Self { child, input, output };
        assert_eq!(other.answer(), "ready");
        other
    }

    /// The next line that the child meant for us.
    pub(crate) fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the other process ended early");
            if let Some((_, told)) = line.trim_end().split_once("child:") {
                return told.to_owned();
            }
        }
    }

    /// Asks for one more try.
    pub(crate) fn ask(&mut self) -> String {
        self.input.as_mut().unwrap().write_all(b"try\n").unwrap();
        self.answer()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn leave(mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

/// The other process. Acts: `reading` (open read transaction), `resting` (read once, no lock in rollback mode),
/// `writing` (an open transaction that has spilled into the file), `trying` (a read and a write for each line),
/// `destroying` (an eraser in the middle of a unit), `erasing` (an eraser from lock to the end of an L2f).
#[test]
#[ignore = "started by other tests as a second process"]
fn child_process() {
    let (Some(act), Some(path)) = (std::env::var_os("LASTBELL_TEST_CHILD"), std::env::var_os("LASTBELL_TEST_PATH"))
    else {
        return;
    };
    let path = PathBuf::from(path);
    match act.to_str() {
        Some("destroying") => return be_destroying(&path),
        Some("erasing") => return be_erasing(&path),
        _ => {}
    }
    let connection = rusqlite::Connection::open_with_flags(path, Default::default()).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let mut input = std::io::stdin().lock();
    let read = || connection.query_row("SELECT count(*) FROM pupils", [], |row| row.get::<_, i64>(0));
    match act.to_str().unwrap() {
        "reading" => {
            connection.execute_batch("BEGIN").unwrap();
            read().unwrap();
        }
        "resting" => {
            read().unwrap();
        }
        "writing" => connection
            .execute_batch("PRAGMA cache_size = 2; BEGIN IMMEDIATE; UPDATE pupils SET name = 'x' || name")
            .unwrap(),
        _ => {}
    }
    tell("ready");
    if act == "trying" {
        for _ in input.by_ref().lines() {
            let write = connection.execute("INSERT INTO pupils (name) VALUES ('late')", []);
            tell(&format!("read {} write {}", word(&read()), word(&write)));
        }
    }
    input.read_to_end(&mut Vec::new()).unwrap();
}

fn be_destroying(path: &Path) {
    let mut eraser = eraser(path).unwrap();
    let mut unit = eraser.lock(&request(&["pupils"])).unwrap();
    let mut half = |row: Row| matches!(row[0], Value::Int(id) if id % 2 == 0).then_some(row);
    unit.rebuild(&table("pupils"), &mut half, &mut Heard::default()).unwrap();
    tell("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn be_erasing(path: &Path) {
    let mut eraser = eraser(path).unwrap();
    tell("ready");
    destroy(eraser.as_mut(), &["pupils"]);
    scrub(eraser.as_mut(), Level::L2f, &["pupils"]).unwrap();
    tell("done");
}

#[allow(clippy::print_stdout, reason = "how the child answers")]
fn tell(line: &str) {
    println!("\nchild:{line}");
}

fn word<T>(result: &rusqlite::Result<T>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(rusqlite::Error::SqliteFailure(failure, _)) if failure.code == rusqlite::ErrorCode::DatabaseBusy => "busy",
        Err(_) => "failed",
    }
}
