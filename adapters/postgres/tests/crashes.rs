//! The server is killed, or we are, or the disk is full, in the middle: nothing is lost, and the next run ends it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod store;
use lastbell_contract::{
    Adapter, ErrorKind, Level, Location, Means, Moment, Scrub, Setting, Statement, Value, Witness, settings_left,
};
use lastbell_testkit::servers::{Options, Postgres};
use std::process::Command;
use store::*;

const LIFE: &str = "CREATE TABLE pupils (id int PRIMARY KEY, name text);
    CREATE TABLE marks (id int PRIMARY KEY, pupil int REFERENCES pupils, mark int);
    INSERT INTO pupils SELECT i, 'pupil ' || i FROM generate_series(1, 500) i;
    INSERT INTO marks SELECT i, i, 5 FROM generate_series(1, 500) i;
    CREATE MATERIALIZED VIEW shown AS SELECT * FROM pupils;";

/// Every announcement of a unit that has both ways, in order.
const MOMENTS: [(Moment, &str); 6] = [
    (Moment::Before, "truncate"),
    (Moment::After, "truncate"),
    (Moment::Before, "truncate-refill"),
    (Moment::After, "truncate-refill"),
    (Moment::Before, "commit"),
    (Moment::After, "commit"),
];

fn both_ways(store: &Store<'_>, witness: &mut dyn Witness) -> lastbell_contract::Result<()> {
    let mut eraser = store.eraser();
    let mut unit = eraser.lock(&request(&["pupils", "marks"], &[]))?;
    unit.destroy(&tables(&["marks"]), witness)?;
    unit.rebuild(&table("pupils"), &mut tenth, witness)?;
    unit.commit(witness)
}

#[test]
fn a_server_killed_in_mid_erase_has_all_or_nothing_and_is_erased_again() {
    let server = Postgres::start(&Options::real());
    let store = Store::on(&server, LIFE);
    for (moment, technique) in MOMENTS {
        let mut kill = |when: Moment, statement: &Statement| {
            if (when, statement.technique.as_str()) == (moment, technique) {
                server.kill9();
            }
        };
        let mut heard = Heard { acts: Some(&mut kill), ..Heard::default() };
        let ended = both_ways(&store, &mut heard);
        let committed = (moment, technique) == (Moment::After, "commit");
        match ended {
            Ok(()) => assert!(committed, "{moment:?} {technique}"),
            Err(error) => {
                assert_eq!((error.kind, committed), (ErrorKind::Unreachable, false), "{moment:?} {technique}")
            }
        }
        server.restart();
        let rows = if committed { (50, 0) } else { (500, 500) };
        assert_eq!((store.rows("pupils"), store.rows("marks")), rows, "{moment:?} {technique}");
    }
    // Done again, the end is the same.
    both_ways(&store, &mut Heard::default()).unwrap();
    assert_eq!((store.rows("pupils"), store.rows("marks")), (50, 0));
}

#[test]
fn a_server_killed_in_mid_scrub_is_scrubbed_again() {
    let server = Postgres::start(&Options::real());
    let store = Store::on(&server, LIFE);
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &["pupils", "marks"]);
    let wish = Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils", "marks"]) };
    let mut heard = Heard::default();
    assert_eq!(eraser.scrub(&wish, &mut heard).unwrap().reach.level, Level::L2);
    drop(eraser);
    let all: Vec<String> = heard.techniques().into_iter().map(str::to_owned).collect();
    let said = "SELECT count(*) FROM pg_file_settings WHERE name = 'wal_recycle' AND sourcefile LIKE '%auto.conf'";
    // What the core's journal would hold over all runs.
    let mut told: Vec<(Moment, Setting)> = Vec::new();
    let left = |told: &[(Moment, Setting)]| settings_left(told.iter().map(|(moment, setting)| (*moment, setting)));
    for (place, technique) in all.iter().enumerate() {
        let mut seen = 0;
        let mut kill = |moment: Moment, _: &Statement| {
            if moment == Moment::Before {
                if seen == place {
                    server.kill9();
                }
                seen += 1;
            }
        };
        let mut tidied = Heard::default();
        let mut heard = Heard { acts: Some(&mut kill), ..Heard::default() };
        let mut eraser = store.eraser();
        eraser.tidy(&left(&told), &mut tidied).unwrap();
        assert_eq!(store.sql(said), "0", "tidy alone restores, after {place} statements too");
        let ended = eraser.scrub(&wish, &mut heard);
        told.extend(tidied.settings().chain(heard.settings()));
        if let Err(error) = &ended {
            assert_eq!(error.kind, ErrorKind::Unreachable, "{technique}: {error}");
        }
        drop(heard);
        drop(eraser);
        if !server.runs() {
            server.restart();
        }
    }
    let mut eraser = store.eraser();
    eraser.tidy(&left(&told), &mut Heard::default()).unwrap();
    assert_eq!(store.sql(said), "0", "tidy alone restores");
    assert_eq!(eraser.scrub(&wish, &mut Heard::default()).unwrap().reach.level, Level::L2);
    assert_eq!(store.sql("SHOW wal_recycle"), "on");
}

/// Kills its own process at one announcement, after writing down what a journal would know.
struct Suicidal {
    at: &'static str,
    settings: Vec<Setting>,
}

impl Witness for Suicidal {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> lastbell_contract::Result<()> {
        self.settings.extend(statement.setting.clone());
        if moment == Moment::After && statement.technique == self.at {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        Ok(())
    }
}

/// What the process does that gets killed.
fn scrub_and_die(url: &str) {
    let location = Location::parse(url).unwrap();
    let mut eraser = lastbell_postgres::Postgres.open_eraser(&location, &permit()).unwrap();
    destroy(eraser.as_mut(), &["pupils", "marks"]);
    let wish = Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils", "marks"]) };
    let mut witness = Suicidal { at: "wal-recycle-off", settings: Vec::new() };
    panic!("it outlived itself: {:?}", eraser.scrub(&wish, &mut witness).map(drop));
}

#[test]
fn a_setting_that_our_killed_process_left_is_restored() {
    if let Ok(url) = std::env::var("LASTBELL_TEST_STORE") {
        return scrub_and_die(&url);
    }
    let server = Postgres::start(&Options::real());
    let store = Store::on(&server, LIFE);
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_setting_that_our_killed_process_left_is_restored"])
        .env("LASTBELL_TEST_STORE", server.url(&store.name))
        .output()
        .unwrap()
        .status;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    assert_eq!(store.sql("SHOW wal_recycle"), "off");
    let left = Setting { name: "wal_recycle".to_owned(), old: None, new: Some("off".to_owned()) };
    let mut eraser = store.eraser();
    let mut heard = Heard::default();
    eraser.tidy(&[left], &mut heard).unwrap();
    assert_eq!(heard.techniques(), ["wal-recycle-restore"]);
    assert_eq!(store.sql("SELECT pg_sleep(0.5); SHOW wal_recycle").lines().last(), Some("on"));
    let scrubbed = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils", "marks"]).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L2);
}

#[test]
fn a_full_disk_takes_the_unit_back_and_is_told() {
    let server =
        Postgres::start(&Options::fast().disk(100 << 20).set("max_wal_size", "32MB").set("min_wal_size", "32MB"));
    let store = Store::on(
        &server,
        "CREATE TABLE pupils (id int PRIMARY KEY, name text); CREATE TABLE filler (x text);
         INSERT INTO pupils SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 20000) i; CHECKPOINT;",
    );
    let sum = "SELECT count(*), md5(string_agg(p::text, '' ORDER BY id)) FROM pupils p";
    let before = store.sql(sum);
    let mut eraser = store.eraser();
    let reach = eraser.reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!(found(&reach, "disk-space").blocks, Level::L1);
    assert_eq!((reach.level, &found(&reach, "disk-space").state), (Level::L0, &lastbell_contract::State::Fail));
    let mut unit = eraser.lock(&request(&["pupils"], &[])).unwrap();
    let mut longer = |row: Vec<Value>| {
        let digits: String = (0..200).map(|place| format!("{:x}", number(&row) * 7919 + place * 104_729)).collect();
        Some(vec![row[0].clone(), Value::Text(digits.repeat(4))])
    };
    let ended = unit.rebuild(&table("pupils"), &mut longer, &mut Heard::default());
    assert_eq!(refusal(ended), (ErrorKind::NoSpace, "53100".to_owned()));
    drop(unit);
    drop(eraser);
    assert_eq!(store.sql(sum), before);
    // A truncation needs no room.
    destroy(store.eraser().as_mut(), &["pupils"]);
    assert_eq!(store.rows("pupils"), 0);
}
