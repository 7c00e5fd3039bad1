//! Group 16: somebody writes while rows are read, and the snapshot holds; a session is ended by the server's keeper in the
//! middle of a stream, and nothing is proved; a line is cut at any byte, and nothing is called the end of a table.

use crate::case::{Engine, Mariadb, Postgres, Sqlite};
use crate::common::world;
use crate::stores::{Bench, Said, Store, insert_many};
use crate::suite::told;
use lastbell::case::artefacts::name;
use lastbell::failure::Failure;
use lastbell::rate::Rate;
use lastbell::world::Progress;
use std::path::Path;

/// So much is more than what sockets take before the other end reads.
const ROWS: u64 = 30_000;

const YAML: &str = "  - name: r\n    source: {from: r s}\n    target: {from: r t}\n    \
                    key: [{source: s.id, target: t.id}]\n    columns: [{source: s.v, target: t.v}]\n";

/// A store with many rows.
pub(crate) fn filled(engine: Engine, folder: &Path, name: &str, rows: u64) -> Store {
    let store = Store::new(engine, folder, name);
    let words = "вошла через ворота у реки и вышла с урока ".repeat(6);
    let wal = if engine == Sqlite { "PRAGMA journal_mode = WAL;" } else { "" };
    let table = "CREATE TABLE r (id integer NOT NULL PRIMARY KEY, v varchar(500));";
    store.sql(&format!("{wal}{table}{}", insert_many(engine, "r", rows, &format!("n, '{words}' || n"))));
    store
}

/// Does something once, when work of a kind begins or has gone on a little.
struct Striking<F: FnMut() + Send> {
    at: Moment,
    reading: bool,
    strike: Option<F>,
}

/// When.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Both snapshots are open, no row of the old system was read.
    Begun,
    /// Some rows of the old system have come.
    Amid,
}

impl<F: FnMut() + Send> Striking<F> {
    fn now(&mut self) {
        if let Some(mut strike) = self.strike.take() {
            strike();
        }
    }
}

impl<F: FnMut() + Send> Progress for Striking<F> {
    fn begin(&mut self, what: &'static str, _: &str, _: Option<u64>) {
        self.reading = what == "progress-proof";
        if self.reading && self.at == Moment::Begun {
            self.now();
        }
    }

    fn advance(&mut self, _: u64) {
        if self.reading && self.at == Moment::Amid {
            self.now();
        }
    }

    fn end(&mut self) {
        self.reading = false;
    }
}

fn bench(old: &str, new: &str) -> Bench {
    let bench = Bench::new(old, new).unwrap_or_else(|failure| panic!("{}", told(&failure)));
    bench.profile(&["r".to_owned()], YAML);
    bench
}

/// A verification during which something is done; whether it was, too.
fn disturbed(bench: &mut Bench, at: Moment, strike: impl FnMut() + Send + 'static) -> Result<Said, Failure> {
    bench.world.progress = Box::new(Striking { at, reading: false, strike: Some(strike) });
    let said = bench.verify();
    bench.world.progress = world().0.progress;
    said.map(|said| said["r"].clone())
}

/// Somebody changes, removes and adds rows on both sides once the snapshots are open: the first verification does not see
/// it, the second does. Gives both.
pub(crate) fn written_meanwhile(old: Engine, new: Engine, folder: &Path) -> [[u64; 6]; 2] {
    let name = |side: &str| format!("while_{old:?}_{new:?}_{side}").to_lowercase();
    let (source, target) = (filled(old, folder, &name("old"), 3_000), filled(new, folder, &name("new"), 3_000));
    let mut bench = bench(&source.url(), &target.url());
    let writes = move || {
        source.sql("UPDATE r SET v = 'x' WHERE id = 7; DELETE FROM r WHERE id = 8; INSERT INTO r VALUES (9001, 'x');");
        target.sql(
            "UPDATE r SET v = 'y' WHERE id = 2999; DELETE FROM r WHERE id = 3000; INSERT INTO r VALUES (9002, 'y');",
        );
    };
    let first = disturbed(&mut bench, Moment::Begun, writes).unwrap_or_else(|failure| panic!("{}", told(&failure)));
    let second = bench.verify().unwrap_or_else(|failure| panic!("{}", told(&failure)));
    [first.figures(), second["r"].figures()]
}

/// How a server's keeper ends what we do.
fn end(store: &Store, word: &str) -> u64 {
    let database = store.name();
    match store.engine {
        Postgres => {
            let sql = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE application_name = 'lastbell' AND datname = '{database}' AND state = 'active'"
            );
            store.sql(&sql).trim().parse().unwrap()
        }
        Mariadb => {
            let sql = format!(
                "SELECT ID FROM information_schema.PROCESSLIST
                 WHERE DB = '{database}' AND COMMAND = 'Execute' AND ID <> CONNECTION_ID()"
            );
            let ids = store.sql(&sql);
            ids.lines().for_each(|id| drop(store.sql(&format!("KILL {word} {id}"))));
            ids.lines().count() as u64
        }
        Sqlite => panic!("a file has no sessions"),
    }
}

/// Waits until there is something to end, and ends it.
fn end_soon(store: &Store, word: &str) {
    let ended = (0..2_000).any(|_| {
        end(store, word) > 0 || {
            std::thread::sleep(std::time::Duration::from_millis(2));
            false
        }
    });
    assert!(ended, "{}: a stream is there to be cut", store.name());
}

/// Bytes in a second: a table takes ten and more of them.
const SLOW: u64 = 500_000;

/// Both streams of every pair of servers are ended in their middle. How often it was tried.
pub(crate) fn ended_by_the_keeper(folder: &Path) -> usize {
    let stores = [Postgres, Mariadb].map(|engine| filled(engine, folder, "ended", ROWS));
    let ways = |store: &Store| if store.engine == Postgres { vec![""] } else { vec!["CONNECTION", "QUERY"] };
    let mut tried = 0;
    for (old, new) in [(&stores[0], &stores[1]), (&stores[1], &stores[0])] {
        let mut bench = bench(&old.url(), &new.url());
        for (store, at) in [(old, Moment::Amid), (new, Moment::Begun)] {
            for word in ways(store) {
                // The platform is read on a thread of its own: slowly, so that its stream is still there to be ended.
                bench.world.max_rate = (at == Moment::Begun).then_some(Rate(Some(SLOW)));
                let (ended, why) = (store.clone(), format!("{:?} {at:?} {word}", store.engine));
                let said = disturbed(&mut bench, at, move || end_soon(&ended, word));
                let failure = said.map(|said| said.figures()).expect_err(&why);
                assert!(told(&failure).contains("table=r"), "{why}: the table is named: {}", told(&failure));
                assert!(!bench.case.case().join(name::VERIFICATION).exists(), "{why}: nothing is proved");
                tried += 1;
            }
        }
        bench.world.max_rate = None;
        let said = bench.verify().unwrap_or_else(|failure| panic!("{}", told(&failure)));
        assert_eq!(said["r"].figures(), [ROWS, 0, 0, 0, 0, 0], "left alone it ends well");
    }
    tried
}
