//! What the tests of erasing share: servers, fresh databases, erasers, a witness, the independent scanner.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its part")]

use lastbell_contract::{
    Adapter, AdapterError, ErasePermit, Eraser, ErrorKind, Level, Location, LockRequest, Means, Moment, Operation,
    Precondition, Reach, Reader, Result, Scrub, Scrubbed, Setting, Statement, TableId, Value, Witness,
};
use lastbell_postgres::Postgres as Engine;
use lastbell_testkit::servers::{Options, Postgres};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The server of all tests that need none of their own.
static SERVER: LazyLock<Postgres> = LazyLock::new(|| Postgres::start(&Options::fast()));

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A fresh database on the common server, with these statements run in it.
pub(crate) fn fresh(sql: &str) -> Store<'static> {
    let store = Store { server: &SERVER, name: format!("db{}", NUMBER.fetch_add(1, Ordering::Relaxed)) };
    store.server.create_database(&store.name);
    store.sql(sql);
    store
}

/// One database.
pub(crate) struct Store<'a> {
    pub(crate) server: &'a Postgres,
    pub(crate) name: String,
}

impl<'a> Store<'a> {
    /// A fresh database on a server of one's own.
    pub(crate) fn on(server: &'a Postgres, sql: &str) -> Self {
        let store = Self { server, name: "diary".to_owned() };
        server.create_database(&store.name);
        store.sql(sql);
        store
    }

    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, sql)
    }

    pub(crate) fn location(&self, role: &str) -> Location {
        Location::parse(&self.server.url_as(role, &self.name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn eraser(&self) -> Box<dyn Eraser> {
        self.eraser_as("postgres")
    }

    #[track_caller]
    pub(crate) fn eraser_as(&self, role: &str) -> Box<dyn Eraser> {
        Engine.open_eraser(&self.location(role), &permit()).unwrap()
    }

    #[track_caller]
    pub(crate) fn reader_as(&self, role: &str) -> Box<dyn Reader> {
        Engine.open_reader(&self.location(role)).unwrap()
    }

    /// Rows of a table, counted past the adapter.
    #[track_caller]
    pub(crate) fn rows(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT count(*) FROM ONLY {table}")).parse().unwrap()
    }
}

/// Another connection to a store, that stays open. It waits for a lock no longer than a blink.
pub(crate) struct Beside {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Beside {
    pub(crate) fn new(store: &Store<'_>) -> Self {
        let mut command = Command::new("psql");
        command
            .args(["-X", "-q", "-A", "-t", "-U", "postgres", "-d", &store.name, "-h"])
            .arg(store.server.socket_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut beside = Self { child, input, output };
        assert!(beside.run("SET lock_timeout = '10ms'"));
        beside
    }

    /// Runs one statement; whether it was done.
    pub(crate) fn run(&mut self, sql: &str) -> bool {
        writeln!(self.input, "{sql};\n\\echo :ERROR").unwrap();
        self.input.flush().unwrap();
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "psql ended");
            match line.trim() {
                "true" => return false,
                "false" => return true,
                _ => {} // rows
            }
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = writeln!(self.input, "\\q");
        let _ = self.child.wait();
    }
}

pub(crate) fn permit() -> ErasePermit {
    ErasePermit::granted_by(&"0".repeat(64), &["1".repeat(64)])
}

pub(crate) fn table(name: &str) -> TableId {
    match name.split_once('.') {
        Some((schema, name)) => TableId { schema: Some(schema.to_owned()), name: name.to_owned() },
        None => TableId::plain(name),
    }
}

pub(crate) fn tables(names: &[&str]) -> Vec<TableId> {
    names.iter().map(|name| table(name)).collect()
}

pub(crate) fn request(unit: &[&str], watched: &[&str]) -> LockRequest {
    LockRequest { unit: tables(unit), watched: tables(watched), wait_ms: 2000 }
}

/// What happens beside an announcement.
pub(crate) type Acts<'a> = &'a mut dyn FnMut(Moment, &Statement);

/// Hears and writes down; may refuse one announcement; may act at each.
#[derive(Default)]
pub(crate) struct Heard<'a> {
    pub(crate) all: Vec<(Moment, Statement)>,
    pub(crate) refuses: Option<(Moment, &'static str)>,
    pub(crate) acts: Option<Acts<'a>>,
}

impl Heard<'_> {
    pub(crate) fn refusing(moment: Moment, technique: &'static str) -> Self {
        Self { refuses: Some((moment, technique)), ..Self::default() }
    }

    pub(crate) fn techniques(&self) -> Vec<&str> {
        let before = self.all.iter().filter(|(moment, _)| *moment == Moment::Before);
        before.map(|(_, statement)| statement.technique.as_str()).collect()
    }

    /// What was heard of settings, in order.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (Moment, Setting)> {
        self.all.iter().filter_map(|(moment, statement)| Some((*moment, statement.setting.clone()?)))
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        let before = self.all.iter().filter(|(moment, _)| *moment == Moment::Before);
        before.map(|(_, statement)| statement.operation).collect()
    }
}

impl Witness for Heard<'_> {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()> {
        self.all.push((moment, statement.clone()));
        if let Some(acts) = &mut self.acts {
            acts(moment, statement);
        }
        if self.refuses.is_some_and(|(when, what)| when == moment && what == statement.technique) {
            return Err(AdapterError::new(ErrorKind::Stopped, "test"));
        }
        Ok(())
    }
}

/// Destroys tables and commits.
#[track_caller]
pub(crate) fn destroy(eraser: &mut dyn Eraser, names: &[&str]) {
    let mut unit = eraser.lock(&request(names, &[])).unwrap();
    unit.destroy(&tables(names), &mut Heard::default()).unwrap();
    unit.commit(&mut Heard::default()).unwrap();
}

pub(crate) fn try_destroy(eraser: &mut dyn Eraser, names: &[&str], watched: &[&str]) -> Result<()> {
    let mut unit = eraser.lock(&request(names, watched))?;
    unit.destroy(&tables(names), &mut Heard::default())?;
    unit.commit(&mut Heard::default())
}

pub(crate) fn scrub(eraser: &mut dyn Eraser, level: Level, means: Means, names: &[&str]) -> Result<Scrubbed> {
    eraser.scrub(&Scrub { level, means, tables: tables(names) }, &mut Heard::default())
}

/// Kind and code of a refusal.
#[track_caller]
pub(crate) fn refusal<T>(ended: Result<T>) -> (ErrorKind, String) {
    match ended {
        Ok(_) => panic!("it was not refused"),
        Err(error) => (error.kind, error.code.unwrap_or_default()),
    }
}

#[track_caller]
pub(crate) fn found<'a>(reach: &'a Reach, code: &str) -> &'a Precondition {
    reach.preconditions.iter().find(|one| one.code == code).unwrap_or_else(|| panic!("no condition {code}: {reach:?}"))
}

/// The first whole number of a row.
pub(crate) fn number(row: &[Value]) -> i128 {
    match &row[0] {
        Value::Int(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

/// Keeps every tenth row.
pub(crate) fn tenth(row: Vec<Value>) -> Option<Vec<Value>> {
    (number(&row) % 10 == 0).then_some(row)
}
