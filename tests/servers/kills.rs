//! The program killed by SIGKILL amid `erase` on a server, at numbered places: resumed to the same end.
//! `LASTBELL_LONG=1` tries every place, else a seeded sample.

use crate::ground::{Ground, lasting, long};
use crate::server::Engine;
use crate::stage::ERASE;
use lastbell_testkit::seeded::Seeded;
use std::os::unix::process::ExitStatusExt as _;

/// Of some 300 places.
const SAMPLE: usize = 6;
const SIGKILL: i32 = 9;

#[allow(clippy::print_stdout, reason = "a test tells how much it tried")]
fn killed_at_places(engine: Engine, seed: u64) {
    let ground = Ground::new(engine, &lasting(engine), "L2");
    let all = usize::try_from(ground.places).unwrap();
    let drawn = Seeded::new(seed).draw(if long() { all } else { SAMPLE }, all);
    for place in drawn.iter().map(|place| place + 1) {
        let stage = ground.again();
        let mut child = stage.start_with(&ERASE, "LASTBELL_FAULT", &place.to_string());
        let why = format!("{engine:?}, killed at place {place} of {all}");
        assert_eq!(child.wait().unwrap().signal(), Some(SIGKILL), "{why}: it is");
        ground.assert_same_end(&stage, &why);
    }
    println!("{engine:?}: {all} places, killed at {}", drawn.len());
}

#[test]
fn killed_anywhere_while_postgres_is_erased_the_end_is_the_same() {
    killed_at_places(Engine::Postgres, 31);
}

#[test]
fn killed_anywhere_while_mariadb_is_erased_the_end_is_the_same() {
    killed_at_places(Engine::Mariadb, 32);
}
