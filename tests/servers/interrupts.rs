//! Ctrl-C while a statement of ours runs on a server: the program ends as interrupted, the statement ends on the server too, and
//! the same command goes on.

use crate::ground::{Ground, Place, lasting, signal, until};
use crate::server::{DIARY, ENGINES, Engine, Server};
use crate::stage::{ERASE, Stage};
use lastbell_testkit::servers::Options;
use std::process::Child;

/// Interrupts a step whose statement waits for a table that somebody else keeps, and keeps on keeping.
#[track_caller]
fn interrupted(server: &Server, stage: &Stage, child: Child, why: &str) {
    until("the statement waits for the table", || server.waiting() == 1);
    signal(&child, "INT");
    let ran = stage.ended(child);
    assert_eq!(ran.code, Some(130), "{why}: {}\n{}", ran.out, ran.err);
    let document = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(crate::common::root_code(&document), "interrupted", "{why}: {document:#}");
    crate::stage::assert_says_what_to_do(&document);
    // The lock is held still, so what still ran would be seen. A session may take a moment to find that we are gone.
    until("the statement has ended on the server", || server.running() == 0);
}

#[test]
fn ctrl_c_ends_a_scan_on_the_server_too() {
    for engine in ENGINES {
        let server = Server::with_diary(engine, &Options::fast());
        let stage = Stage::on(&server);
        stage.case.set_case_line("level", "L1");
        stage.discovered();
        let held = server.hold(DIARY, "pupils");
        interrupted(&server, &stage, stage.start(&["verify"]), &format!("{engine:?}"));
        drop(held);
        assert!(!stage.case.case().join("verification.json").exists(), "{engine:?}");
        stage.verified_and_approved();
        stage.runs(&ERASE, 0);
        stage.certified(1);
    }
}

fn in_mid_erase(engine: Engine, rewrite: &'static str) {
    let ground = Ground::new(engine, &lasting(engine), "L2");
    let stage = ground.again();
    // The program waits for the lock on its unit.
    let held = ground.server.hold(DIARY, "marks");
    interrupted(&ground.server, &stage, stage.start(&ERASE), "waiting for the unit");
    drop(held);
    assert_eq!(ground.server.count("marks"), 12, "nothing is destroyed");
    ground.assert_same_end(&stage, "interrupted while it waited for the unit");
    // All units are gone, and a table is written anew.
    let stage = ground.again();
    let halted = ground.erase_halted_at(&stage, Place::before("scrub", rewrite));
    let held = ground.server.hold(DIARY, "marks");
    interrupted(&ground.server, &stage, halted.go_on(), "in a rewrite");
    drop(held);
    ground.assert_same_end(&stage, "interrupted in a rewrite");
}

#[test]
fn ctrl_c_amid_an_erasure_on_postgres_leaves_what_the_same_command_ends() {
    in_mid_erase(Engine::Postgres, "vacuum-full");
}

#[test]
fn ctrl_c_amid_an_erasure_on_mariadb_leaves_what_the_same_command_ends() {
    in_mid_erase(Engine::Mariadb, "table-rebuild");
}
