//! Where something runs out: room on a disk, patience for a lock, the right to write. Each is told, nothing is lost, and once
//! it is mended the work goes on to a certificate.

use crate::ground::{Ground, Place, lasting};
use crate::server::{DIARY, ENGINES, Engine, Server};
use crate::stage::{ERASE, Stage};
use lastbell::case::Event;
use lastbell_testkit::servers::{Options, Postgres, SmallFolder};
use serde_json::Value;

/// The first cause of a failed run.
#[track_caller]
fn cause(document: &Value) -> &Value {
    let mut error = &document["error"];
    while error["cause"].is_object() {
        error = &error["cause"];
    }
    error
}

/// `erase` on a server whose disk gets full at a place.
#[track_caller]
fn gets_full_at(ground: &Ground, place: Place, leave_bytes: u64) {
    let stage = ground.again();
    let halted = ground.erase_halted_at(&stage, place);
    ground.server.disk().fill(leave_bytes);
    let ran = stage.ended(halted.go_on());
    let why = format!("a disk that got full at {place:?}");
    assert_eq!(ran.code, Some(3), "{why}: {}\n{}", ran.out, ran.err);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(cause(&document)["code"], "store-no-space", "{why}: {document:#}");
    crate::stage::assert_says_what_to_do(&document);
    stage.assert_case_tells_nothing();
    ground.server.disk().relieve();
    ground.assert_same_end(&stage, &why);
}

#[test]
fn on_a_full_disk_of_postgres_the_work_stops_and_goes_on_when_there_is_room() {
    let ground = Ground::new(Engine::Postgres, &lasting(Engine::Postgres).disk(400 << 20), "L2");
    gets_full_at(&ground, Place::before("destroy", "truncate"), 0);
    gets_full_at(&ground, Place::before("scrub", "vacuum-full"), 0);
}

#[test]
fn on_a_full_disk_of_mariadb_the_work_stops_and_goes_on_when_there_is_room() {
    let ground = Ground::new(Engine::Mariadb, &lasting(Engine::Mariadb).disk(500 << 20), "L2");
    gets_full_at(&ground, Place::before("scrub", "table-rebuild"), 0);
    gets_full_at(&ground, Place::before("scrub", "filler"), 1 << 20);
}

/// The case's own folder lies on a disk that gets full.
fn case_folder_gets_full(engine: Engine) {
    let server = Server::with_diary(engine, &Options::fast());
    let small = SmallFolder::new(8 << 20);
    let stage = Stage::in_folder(&small.path(), &server.url(DIARY));
    stage.case.set_case_line("level", "L1");
    stage.discovered();
    small.disk().fill(0);
    stage.fails(&["verify"], 3, "file-no-space");
    assert!(!stage.case.case().join("verification.json").exists(), "{engine:?}");
    small.disk().relieve();
    stage.verified_and_approved();
    small.disk().fill(0);
    stage.fails(&ERASE, 3, "file-no-space");
    assert_eq!(server.count("pupils"), 4, "{engine:?}: what cannot be journalled is not destroyed");
    small.disk().relieve();
    let session = stage.case.session(&mut stage.world());
    assert!(session.case.entries().iter().all(|entry| !matches!(entry.event, Event::Statement { .. })), "{engine:?}");
    drop(session);
    stage.runs(&ERASE, 0);
    let paper = stage.certified(1);
    assert_eq!(Stage::level(&paper), "L1", "{engine:?}: {:#}", paper["levels"]);
}

#[test]
fn a_case_on_a_full_disk_destroys_nothing_and_goes_on_when_there_is_room() {
    ENGINES.into_iter().for_each(case_folder_gets_full);
}

/// The disk gets full while tables go: what went is found by its rows, not by what could be written down.
#[test]
fn a_case_on_a_full_disk_amid_an_erasure_goes_on_when_there_is_room() {
    for engine in ENGINES {
        let ground = Ground::new(engine, &lasting(engine), "L2");
        for place in [Place::before("destroy", "truncate"), Place::before("commit", "")] {
            let small = SmallFolder::new(8 << 20);
            let stage = ground.again_in(&small.path());
            let halted = ground.erase_halted_at(&stage, place);
            small.disk().fill(0);
            let ran = stage.ended(halted.go_on());
            assert_eq!(ran.code, Some(3), "{engine:?} {place:?}: {}\n{}", ran.out, ran.err);
            let document: Value = serde_json::from_str(&ran.out).unwrap();
            assert_eq!(cause(&document)["code"], "file-no-space", "{engine:?} {place:?}: {document:#}");
            small.disk().relieve();
            ground.assert_same_end(&stage, &format!("{engine:?}, the case's disk was full at {place:?}"));
        }
    }
}

/// What a run that refused a unit tells of it.
#[track_caller]
fn tells_of(document: &Value, code: &str, table: &str) {
    let finding = &document["findings"][0];
    assert_eq!(finding["code"], "erase-stands", "{document:#}");
    let text = finding["text"].as_str().unwrap();
    assert!(text.contains(code) && text.contains(table), "code and table are told: {document:#}");
}

/// Somebody else keeps a table for longer than we wait.
fn keeps_a_table(engine: Engine) {
    let server = Server::with_diary(engine, &Options::fast());
    let stage = Stage::on(&server);
    stage.case.set_case_line("level", "L1");
    stage.discovered();
    let held = server.hold(DIARY, "marks");
    let refused = stage.fails(&["verify"], 4, "store-busy");
    assert_eq!(cause(&refused)["args"]["table"], "marks", "{engine:?}: the table is named: {refused:#}");
    assert!(!stage.case.case().join("verification.json").exists(), "{engine:?}");
    drop(held);
    stage.verified_and_approved();
    let held = server.hold(DIARY, "marks");
    let stands = stage.runs(&ERASE, 4);
    tells_of(&stands, "store-busy", "marks");
    drop(held);
    assert_eq!(server.count("marks"), 12, "{engine:?}: the unit stands");
    assert_eq!(server.count("pupils"), 4, "{engine:?}: all of it");
    assert_eq!(server.count("staff"), 0, "{engine:?}: and stops no other");
    // As the message says.
    for step in ["verify", "plan"] {
        stage.runs(&[step, "--again"], 0);
    }
    stage.approved_now();
    stage.runs(&ERASE, 0);
    assert_eq!(server.count("marks") + server.count("pupils"), 0, "{engine:?}");
    stage.certified(1);
}

#[test]
fn on_postgres_a_table_that_somebody_keeps_is_named_and_goes_later() {
    keeps_a_table(Engine::Postgres);
}

#[test]
fn on_mariadb_a_table_that_somebody_keeps_is_named_and_goes_later() {
    keeps_a_table(Engine::Mariadb);
}

#[test]
fn a_standby_is_never_erased() {
    let primary = Server::with_diary(Engine::Postgres, &Options::real());
    let Server::Postgres(of) = &primary else { unreachable!("it was asked for") };
    let standby = Postgres::standby_of(of, &Options::real());
    standby.catch_up(of);
    let mut stage = Stage::with_source(&primary.url(DIARY));
    stage.case.set_case_line("level", "L1");
    stage.approved();
    let at_primary = std::mem::replace(&mut stage.source, standby.url(DIARY));
    let refused = stage.fails(&ERASE, 3, "store-denied");
    assert_eq!(cause(&refused)["args"]["reason"], "in-recovery", "{refused:#}");
    assert_eq!(primary.count("pupils") + primary.count("marks"), 16, "nothing is lost");
    stage.source = at_primary;
    stage.runs(&ERASE, 0);
    stage.certified(1);
}

#[test]
fn a_read_only_mariadb_is_never_erased_by_who_may_not_pass() {
    let server = Server::with_diary(Engine::Mariadb, &Options::fast());
    server.sql(
        DIARY,
        "CREATE USER holder@localhost; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES,
         LOCK TABLES ON diary.* TO holder@localhost",
    );
    let stage = Stage::with_source(&server.url_as("holder", DIARY));
    stage.case.set_case_line("level", "L1");
    stage.approved();
    server.sql("", "SET GLOBAL read_only = 1");
    let refused = stage.fails(&ERASE, 3, "store-denied");
    assert_eq!(cause(&refused)["args"]["reason"], "1290", "{refused:#}");
    assert_eq!(server.count("pupils") + server.count("marks") + server.count("staff"), 18, "nothing is lost");
    assert_eq!(server.links_of_rooms(), "kept_by", "no link is cut");
    server.sql("", "SET GLOBAL read_only = 0");
    stage.runs(&ERASE, 0);
    stage.certified(1);
}

/// Who freezes a retired diary so that its application writes no more has not forbidden its destruction: a default binds
/// sessions that choose nothing, and the commission has approved.
#[test]
fn a_postgres_that_is_read_only_by_default_is_erased_and_stays_so() {
    let server = Server::with_diary(Engine::Postgres, &Options::fast());
    server.sql("postgres", &format!("ALTER DATABASE {DIARY} SET default_transaction_read_only = on"));
    let Server::Postgres(postgres) = &server else { unreachable!("it was asked for") };
    let refused = postgres.try_sql("postgres", DIARY, "DELETE FROM marks").unwrap_err();
    assert!(refused.contains("read-only transaction"), "{refused}");
    let stage = Stage::on(&server);
    stage.case.set_case_line("level", "L1");
    stage.approved();
    stage.runs(&ERASE, 0);
    assert_eq!(server.count("pupils") + server.count("marks"), 0);
    assert_eq!(server.sql(DIARY, "SHOW default_transaction_read_only"), "on", "it stays frozen");
    stage.certified(1);
}
