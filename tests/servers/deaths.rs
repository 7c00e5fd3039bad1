//! A server that dies in the middle of a step: the program ends with a clear error, loses nothing, and the same command goes on
//! once the server is back. What was cut never counts as the end of a table.

use crate::ground::{Ground, Halted, Place, lasting, until};
use crate::server::{DIARY, Engine, Server};
use crate::stage::Stage;
use serde_json::Value;
use std::process::Child;

/// A platform on the same server.
const PLATFORM: &str = "platform";

/// A megabyte of visits: more than what a socket takes before the other end reads.
const VISITS: u64 = 1_000;

fn with_visits(server: &Server, database: &str) {
    server.sql(database, &server.engine().diary());
    let many = format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})", VISITS - 2);
    let words = "вошла через ворота у реки и вышла с урока ".repeat(12);
    let insert = format!("INSERT INTO visits {many} SELECT '2026-08-30 08:00:00', concat('{words}', i) FROM n");
    let longer = match server.engine() {
        Engine::Postgres => "",
        Engine::Mariadb => "ALTER TABLE visits MODIFY who TEXT; SET max_recursive_iterations = 100000;",
    };
    server.sql(database, &format!("{longer} {insert}"));
}

fn started(engine: Engine) -> Server {
    let server = Server::start(engine, &lasting(engine));
    for database in [DIARY, PLATFORM] {
        server.create(database);
        with_visits(&server, database);
    }
    server
}

/// With patience for locks: how fast this machine is must not decide.
fn patient(server: &Server, database: &str) -> String {
    let patience = match server.engine() {
        Engine::Postgres => "lock_timeout=100000",
        Engine::Mariadb => "lock-timeout=100",
    };
    format!("{}&{patience}", server.url(database))
}

/// From a verification on.
fn claims_from_verify(stage: &Stage) -> Value {
    stage.verified_and_approved();
    stage.runs(&["erase", "--yes"], 0);
    // Another database lives on the server, so what holds the values of both is not looked at, and said so.
    Stage::claims(&stage.certified(0))
}

/// The program must say that the server does not answer.
#[track_caller]
fn ends_unreachable(stage: &Stage, child: Child, why: &str) -> Value {
    let ran = stage.ended(child);
    assert_eq!(ran.code, Some(3), "{why}: {}\n{}", ran.out, ran.err);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(crate::common::root_code(&document), "store-unreachable", "{why}: {document:#}");
    crate::stage::assert_says_what_to_do(&document);
    document
}

/// The server dies while it sends the rows of `visits`, some of which have arrived.
fn dies_in_mid_scan(engine: Engine, held_in: &str) {
    let server = started(engine);
    let stage = Stage::between(&patient(&server, DIARY), &patient(&server, PLATFORM));
    stage.case.set_case_line("level", "L1");
    stage.discovered();
    let undisturbed = claims_from_verify(&stage.copy());
    let rows = 4 + 12 + 2 + VISITS;
    assert_eq!(undisturbed["methods"][0], serde_json::json!(["main", "destroy", 4, rows]), "all visits are proved");
    server.clear();
    with_visits(&server, DIARY);
    let held = server.hold(held_in, "visits");
    let child = stage.start(&["verify"]);
    until("the scan waits for the table", || server.waiting() == 1);
    let halted = Halted::now(child);
    drop(held);
    until("rows are sent to nobody", || server.sending(held_in) == 1);
    server.kill9();
    let told = ends_unreachable(&stage, halted.go_on(), held_in);
    assert!(told["error"].to_string().contains("visits"), "{engine:?}: the table is named: {told:#}");
    assert!(!stage.case.case().join("verification.json").exists(), "{engine:?}: a cut is no end of a table");
    stage.assert_case_tells_nothing();
    server.start_again();
    assert_eq!(claims_from_verify(&stage), undisturbed, "{engine:?}: the same claims");
}

#[test]
fn postgres_that_dies_while_its_rows_are_read_is_no_end_of_a_table() {
    dies_in_mid_scan(Engine::Postgres, DIARY);
}

#[test]
fn mariadb_that_dies_while_its_rows_are_read_is_no_end_of_a_table() {
    dies_in_mid_scan(Engine::Mariadb, DIARY);
}

#[test]
fn a_platform_on_postgres_that_dies_while_it_is_read_is_no_end_of_a_table() {
    dies_in_mid_scan(Engine::Postgres, PLATFORM);
}

#[test]
fn a_platform_on_mariadb_that_dies_while_it_is_read_is_no_end_of_a_table() {
    dies_in_mid_scan(Engine::Mariadb, PLATFORM);
}

/// The server dies while `erase` stands at each of the places.
fn dies_at_each(ground: &Ground, places: &[Place]) {
    for place in places {
        let stage = ground.again();
        let halted = ground.erase_halted_at(&stage, *place);
        ground.server.kill9();
        let why = format!("the server died at {place:?}");
        ends_unreachable(&stage, halted.go_on(), &why);
        stage.assert_case_tells_nothing();
        ground.server.start_again();
        ground.assert_same_end(&stage, &why);
    }
}

/// The server dies in a statement that runs: it waits for a table that somebody else keeps.
fn dies_in_a_statement(ground: &Ground, place: Place, table: &str) {
    let stage = ground.again();
    let halted = ground.erase_halted_at(&stage, place);
    let held = ground.server.hold(DIARY, table);
    let child = halted.go_on();
    until("the statement waits for the table", || ground.server.waiting() == 1);
    ground.server.kill9();
    drop(held);
    let why = format!("the server died in the statement after {place:?}");
    ends_unreachable(&stage, child, &why);
    ground.server.start_again();
    ground.assert_same_end(&stage, &why);
}

#[test]
fn postgres_that_dies_while_it_erases_loses_nothing_and_the_same_command_goes_on() {
    let ground = Ground::new(Engine::Postgres, &lasting(Engine::Postgres), "L2");
    let places = [
        Place::before("destroy", "truncate"),
        Place::after("destroy", "truncate"), // the rows are gone for this transaction alone
        Place::before("commit", ""),
        Place::after("commit", ""),
        Place::before("scrub", "wal-turnover"), // the server does not recycle its log now
    ];
    dies_at_each(&ground, &places);
    dies_in_a_statement(&ground, Place::before("scrub", "vacuum-full"), "marks");
}

#[test]
fn mariadb_that_dies_while_it_erases_loses_nothing_and_the_same_command_goes_on() {
    let ground = Ground::new(Engine::Mariadb, &lasting(Engine::Mariadb), "L2");
    let places = [
        Place::before("destroy", "truncate"),
        Place::after("destroy", "truncate"), // one table of the unit is gone for good, the other is not
        Place::before("commit", ""),
        Place::before("scrub", "doublewrite-fill"), // a filler stands, and the redo log has another size
    ];
    dies_at_each(&ground, &places);
    dies_in_a_statement(&ground, Place::before("scrub", "table-rebuild"), "marks");
}
