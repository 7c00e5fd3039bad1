//! MariaDB keeps every promise of the contract's suite on a real server; and the suite notices bugs planted around it.
#![allow(clippy::unwrap_used)]

mod common;

use common::proxy::Proxy;
use common::{MARIADB, SERVER, database_name, raw, stores};
use lastbell_contract::{Adapter, Capabilities, Kind, Location};
use lastbell_mysql::Mysql;
use lastbell_testkit::mutants::{Excuse, Share, assert_noticed_on};
use lastbell_testkit::{Bug, Change, Expectations, Setup, Subject, Written, run};
use std::os::unix::fs::MetadataExt;

/// A database per store; every line goes through a proxy, so that it can be cut.
struct Databases {
    proxy: Proxy,
}

impl Databases {
    fn new() -> Self {
        Self { proxy: Proxy::before(&SERVER.socket()) }
    }

    fn location(&self, database: &str) -> Location {
        let socket = self.proxy.socket();
        Location::parse(&format!("mysql://root@localhost/{database}?socket={}", socket.display())).unwrap()
    }

    fn database(location: &Location) -> &str {
        location.rest.split(['/', '?']).nth(3).unwrap()
    }
}

impl Subject for Databases {
    fn adapter(&self) -> &dyn Adapter {
        &Mysql
    }

    fn fresh(&self, setup: &Setup) -> Location {
        let name = database_name();
        SERVER.create_database(&name);
        stores::fill(&mut raw(&SERVER, &name), setup).unwrap();
        self.location(&name)
    }

    fn absent(&self) -> Location {
        self.location("nowhere")
    }

    fn write_beside(&self, location: &Location, change: &Change) -> Written {
        stores::write(&mut raw(&SERVER, Self::database(location)), change)
    }

    fn expectations(&self) -> Expectations {
        Expectations {
            kinds: [
                Kind::Int,
                Kind::Decimal,
                Kind::Float,
                Kind::Text,
                Kind::Bytes,
                Kind::Date,
                Kind::Time,
                Kind::LocalDateTime,
                Kind::Instant,
                Kind::Uuid,
                Kind::Json,
            ]
            .into_iter()
            // MySQL has no UUID, and writes JSON in a form of its own.
            .filter(|kind| *MARIADB || ![Kind::Uuid, Kind::Json].contains(kind))
            .collect(),
            capabilities: Capabilities {
                snapshot_reads: true,
                atomic_units: false,
                rebuilds: true,
                enforces_links: true,
                sees_files: true,
                overwrites_freed: false,
            },
            text_with_nul: true,
            gap_rounds: 50,
        }
    }

    /// Rows of a running server lie in its memory; that a table was written anew shows in its files' names and numbers, and
    /// a change of rows in the time of the last one.
    fn raw_bytes(&self, location: &Location) -> Option<Vec<u8>> {
        let database = Self::database(location);
        let files = std::fs::read_dir(SERVER.data_dir().join(database)).unwrap().map(|entry| {
            let entry = entry.unwrap();
            format!("{:?} {}", entry.file_name(), entry.metadata().unwrap().ino())
        });
        let mut lines: Vec<String> = files.collect();
        lines.sort();
        let written = "SELECT TABLE_NAME, UPDATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()";
        lines.push(SERVER.sql(database, written));
        Some(lines.join("\n").into_bytes())
    }

    /// The suite's scans that are cut read `pupils` in batches of five.
    fn cut_next_scan(&self, _: &Location, after_batches: u32) -> bool {
        self.proxy.cut_next("FROM `pupils`", after_batches * 5);
        true
    }
}

/// What the server does not promise: it has snapshots, and a change of a table takes effect at once.
const NOT_APPLYING: [&str; 2] = [
    "snapshots are refused where the engine has none",
    "a unit dropped without commit leaves everything, where units are atomic",
];

#[test]
fn every_promise_is_kept() {
    let report = run(&Databases::new());
    report.assert_all();
    assert_eq!(report.not_applying(), NOT_APPLYING, "{report}");
}

/// What cannot show on MySQL and MariaDB.
const EXCUSED: [Excuse; 2] = [
    (Bug::CommitsOnDrop, "each statement is durable at once: a unit that is dropped takes nothing back"),
    (Bug::ForgetsTheCommit, "each statement is durable at once: a commit has nothing to forget"),
];

fn every_bug_is_noticed(nth: usize) {
    assert_noticed_on(&[&Databases::new()], Share { nth, of: 2 }, &EXCUSED);
}

#[test]
fn every_bug_planted_around_it_is_noticed_first_half() {
    every_bug_is_noticed(0);
}

#[test]
fn every_bug_planted_around_it_is_noticed_second_half() {
    every_bug_is_noticed(1);
}
