//! A server with an approved case on it that can be begun again and again, the program halted or killed on its way, and what
//! must be true at the end.

use crate::common::places_of;
use crate::server::{DIARY, Engine, Server};
use crate::stage::{ERASE, Stage};
use lastbell::case::folder::inspect;
use lastbell::case::{Entry, Event};
use lastbell_testkit::servers::{Held, Options};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// What the plan destroys, and what it keeps.
const DESTROYED: [&str; 4] = ["pupils", "marks", "staff", "visits"];
const KEPT: [&str; 2] = ["rooms", "subjects"];

/// The long form of every test here.
#[allow(clippy::disallowed_methods, reason = "a test is told by its environment how long it may run")]
pub(crate) fn long() -> bool {
    std::env::var("LASTBELL_LONG").is_ok_and(|value| value == "1")
}

/// What outlives a server that is killed, though no power cut: nothing is synced. A redo log smaller than its buffer would be
/// the smallest server's of a test; only a restart restores its size.
pub(crate) fn lasting(engine: Engine) -> Options {
    match engine {
        Engine::Postgres => Options::real().set("fsync", "off"),
        Engine::Mariadb => Options::real()
            .set("innodb_flush_method", "nosync")
            .set("sync_binlog", "0")
            .set("innodb_log_buffer_size", "2M"),
    }
}

impl Server {
    /// The diary's database anew, with nothing in it.
    pub(crate) fn clear(&self) {
        match self.engine() {
            Engine::Postgres => self.sql(DIARY, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"),
            Engine::Mariadb => self.sql("", &format!("DROP DATABASE {DIARY}; CREATE DATABASE {DIARY}")),
        };
    }

    /// The small diary anew, as it was made.
    pub(crate) fn refill(&self) {
        self.clear();
        self.sql(DIARY, &self.engine().diary());
    }

    /// Keeps a table from everybody else.
    pub(crate) fn hold(&self, database: &str, table: &str) -> Held {
        match self {
            Self::Postgres(server) => {
                server.hold(database, &format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            }
            Self::Mariadb(server) => server.hold(database, &format!("LOCK TABLES {table} WRITE")),
        }
    }

    /// How many statements of the program wait for somebody else's lock.
    pub(crate) fn waiting(&self) -> u64 {
        self.at_work("wait_event_type = 'Lock'", "STATE LIKE 'Waiting for table%lock'")
    }

    /// How many statements of the program have rows of a database to send and nobody to take them.
    pub(crate) fn sending(&self, database: &str) -> u64 {
        let postgres = format!("wait_event = 'ClientWrite' AND datname = '{database}'");
        self.at_work(&postgres, &format!("STATE IN ('Writing to net', 'Sending data') AND DB = '{database}'"))
    }

    /// How many statements of the program run, whatever they do.
    pub(crate) fn running(&self) -> u64 {
        self.at_work("true", "TRUE")
    }

    /// On MariaDB what is not our own question and no idle session: nobody but the program asks there.
    fn at_work(&self, postgres: &str, mariadb: &str) -> u64 {
        let sql = match self.engine() {
            Engine::Postgres => format!(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lastbell' AND state = 'active' AND {postgres}"
            ),
            Engine::Mariadb => format!(
                "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute')
                 AND ID <> CONNECTION_ID() AND {mariadb}"
            ),
        };
        let database = match self.engine() {
            Engine::Postgres => "postgres",
            Engine::Mariadb => "",
        };
        self.sql(database, &sql).trim().parse().unwrap()
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("within a minute: {what}");
}

/// A process of the program that is halted, or will be.
pub(crate) struct Halted(Option<Child>);

impl Halted {
    /// Halts it now.
    pub(crate) fn now(child: Child) -> Self {
        signal(&child, "STOP");
        Self::expected(child)
    }

    /// Waits until it has halted itself.
    #[track_caller]
    fn expected(child: Child) -> Self {
        let halted = Self(Some(child));
        until("the process is halted", || state_of(halted.0.as_ref().unwrap()) == 'T');
        halted
    }

    /// Lets it go on.
    pub(crate) fn go_on(mut self) -> Child {
        let child = self.0.take().unwrap();
        signal(&child, "CONT");
        child
    }
}

impl Drop for Halted {
    /// A test that failed leaves no halted process.
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a signal by its name.
#[track_caller]
pub(crate) fn signal(child: &Child, name: &str) {
    let told = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(told.success(), "SIG{name} is sent");
}

fn state_of(child: &Child) -> char {
    let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let state = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap();
    assert_ne!(state, 'Z', "the process ended instead");
    state
}

/// A line of the journal about a statement: when, which operation, by which technique. `""` is any technique.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) moment: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) technique: &'static str,
}

impl Place {
    /// Right before a statement, its intent written.
    pub(crate) const fn before(operation: &'static str, technique: &'static str) -> Self {
        Self { moment: "before", operation, technique }
    }

    /// Right after one.
    pub(crate) const fn after(operation: &'static str, technique: &'static str) -> Self {
        Self { moment: "after", operation, technique }
    }

    fn is(&self, event: &Event) -> bool {
        match event {
            Event::Statement { moment, operation, technique, .. } => {
                let technique_fits = self.technique.is_empty() || technique == self.technique;
                moment == self.moment && operation == self.operation && technique_fits
            }
            _ => false, // every other event
        }
    }
}

/// The ground: a server, a case approved on it, and what an undisturbed run comes to.
pub(crate) struct Ground {
    pub(crate) server: Server,
    stage: Stage,
    tables: String,
    kept: Vec<String>,
    settings: String,
    /// What an undisturbed `erase` writes into the journal.
    events: Vec<Event>,
    /// How many places it passes.
    pub(crate) places: u64,
    claims: Value,
}

impl Ground {
    /// Starts the server, prepares the case, and takes a copy of it to its end.
    pub(crate) fn new(engine: Engine, options: &Options, level: &str) -> Self {
        Self::over(Server::with_diary(engine, options), level)
    }

    /// The same over a server that has the diary.
    pub(crate) fn over(server: Server, level: &str) -> Self {
        let stage = Stage::on(&server);
        stage.case.set_case_line("level", level);
        stage.approved();
        let kept = KEPT.map(|table| server.rows(table)).to_vec();
        let (tables, settings) = (server.tables(), server.settings());
        let mut ground =
            Self { server, stage, tables, kept, settings, events: Vec::new(), places: 0, claims: Value::Null };
        ground.go_undisturbed(level);
        ground
    }

    fn go_undisturbed(&mut self, level: &str) {
        let stage = self.stage.copy();
        let before = entries(&stage).len();
        let file = stage.case.folder.join("places");
        let child = stage.start_with(&ERASE, "LASTBELL_FAULT_COUNT", file.to_str().unwrap());
        let ran = stage.ended(child);
        assert_eq!(ran.code, Some(0), "an undisturbed run ends well: {}\n{}", ran.out, ran.err);
        self.places = fs::read_to_string(file).unwrap().parse().unwrap();
        self.events = entries(&stage).split_off(before).into_iter().map(|entry| entry.event).collect();
        assert_eq!(self.places, places_of("erase", &self.events), "a place on both sides of each write");
        self.assert_store("undisturbed");
        let paper = stage.certified(0);
        assert_eq!(Stage::level(&paper), level, "{:#}", paper["levels"]);
        self.claims = Stage::claims(&paper);
    }

    /// The diary anew, and a copy of the approved case.
    pub(crate) fn again(&self) -> Stage {
        self.server.refill();
        self.stage.copy()
    }

    /// The same in a folder of the caller's.
    pub(crate) fn again_in(&self, folder: &Path) -> Stage {
        self.server.refill();
        self.stage.copy_into(folder)
    }

    /// Starts `erase`, which halts itself at a place.
    #[track_caller]
    pub(crate) fn erase_halted_at(&self, stage: &Stage, place: Place) -> Halted {
        let said: Vec<&Event> = self.events.iter().filter(|event| matches!(event, Event::Statement { .. })).collect();
        let at = self.events.iter().position(|event| place.is(event));
        let at = at.unwrap_or_else(|| panic!("an undisturbed run passes {place:?}: {said:#?}"));
        let number = places_of("erase", &self.events[..=at]).to_string();
        let halted = Halted::expected(stage.start_with(&ERASE, "LASTBELL_FAULT_HALT", &number));
        let last = entries(stage).pop().unwrap();
        assert!(place.is(&last.event), "it is halted at {place:?}: {last:?}");
        halted
    }

    /// The same command again ends well, with the same store and the same claims as an undisturbed run.
    #[track_caller]
    pub(crate) fn assert_same_end(&self, stage: &Stage, why: &str) {
        let ran = stage.run(&ERASE);
        assert_eq!(ran.code, Some(0), "{why}: the same command goes on: {}\n{}", ran.out, ran.err);
        self.assert_store(why);
        assert_eq!(Stage::claims(&stage.certified(0)), self.claims, "{why}: the same claims");
    }

    #[track_caller]
    fn assert_store(&self, why: &str) {
        assert_eq!(self.server.tables(), self.tables, "{why}: the same tables, and nothing of ours beside them");
        assert_eq!(self.server.settings(), self.settings, "{why}: the server's settings are what they were");
        for table in DESTROYED {
            assert_eq!(self.server.count(table), 0, "{why}: {table} is destroyed");
        }
        for (table, rows) in KEPT.iter().zip(&self.kept) {
            assert_eq!(self.server.rows(table), *rows, "{why}: {table} is kept, row for row");
        }
        assert_eq!(self.server.links_of_rooms(), "", "{why}: the cut is made");
    }
}

/// The journal's lines, after a check of the chain and of every journalled file.
#[track_caller]
pub(crate) fn entries(stage: &Stage) -> Vec<Entry> {
    let inspected = inspect(&stage.case.case());
    inspected.map(|(entries, _)| entries).unwrap_or_else(|failure| panic!("the chain is intact: {failure}"))
}
