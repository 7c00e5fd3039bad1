//! What a scrub leaves in the files: of the destroyed values nothing, of the kept ones everything.
#![allow(clippy::unwrap_used)]

mod common;
use common::*;
use lastbell_contract::{Level, Means, State, Value};
use rusqlite::Connection;
use std::path::Path;

/// Rows 1 to 2,000 with a value each; every tenth is kept where only a part goes.
const LOADED: &str = "CREATE TABLE pupils (id INTEGER PRIMARY KEY, name TEXT, note TEXT);
    CREATE INDEX by_name ON pupils (name);
    CREATE TABLE kept (x); INSERT INTO kept VALUES ('stays');
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO pupils SELECT i, printf('canary%06d', i), hex(randomblob(40)) FROM n;
    CREATE VIRTUAL TABLE words USING fts5(name); INSERT INTO words (rowid, name) SELECT id, name FROM pupils;
    CREATE VIRTUAL TABLE repeated USING fts5(name, content=pupils, content_rowid=id);
    INSERT INTO repeated (repeated) VALUES ('rebuild');
    ANALYZE;";

const MODES: [&str; 6] = [
    "PRAGMA journal_mode = DELETE",
    "PRAGMA journal_mode = TRUNCATE",
    "PRAGMA journal_mode = PERSIST",
    "PRAGMA journal_mode = WAL",
    "PRAGMA auto_vacuum = FULL",
    "PRAGMA auto_vacuum = INCREMENTAL",
];

const TABLES: [&str; 3] = ["pupils", "words", "repeated"];

/// A store whose life was without `secure_delete`, with an update that moved every row.
fn loaded(mode: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = store(&format!("{mode}; PRAGMA secure_delete = OFF; {LOADED}"));
    let connection = Connection::open(&path).unwrap();
    let change = "PRAGMA secure_delete = OFF; UPDATE pupils SET note = note || 'longer' WHERE id % 2";
    connection.execute_batch(&format!("{mode}; {change}")).unwrap();
    connection.close().unwrap();
    let found = canaries_in(folder.path()).len();
    assert!(found >= 1800, "the test must find at least 90 % before, not {found}");
    (folder, path)
}

fn destroy_part(path: &Path, level: Level) -> lastbell_contract::Scrubbed {
    let mut eraser = eraser(path).unwrap();
    let mut unit = eraser.lock(&request(&TABLES)).unwrap();
    let mut number = 0;
    let mut tenth = |row| {
        number += 1;
        (number % 10 == 0).then_some(row)
    };
    unit.rebuild(&table("pupils"), &mut tenth, &mut Heard::default()).unwrap();
    number_of_words(&mut *unit);
    unit.commit(&mut Heard::default()).unwrap();
    scrub(eraser.as_mut(), level, &TABLES).unwrap()
}

/// The words of every tenth pupil stay, by their own value.
fn number_of_words(unit: &mut dyn lastbell_contract::LockedUnit) {
    let mut tenth = |row: Vec<Value>| match &row[0] {
        Value::Text(name) if name.ends_with('0') => Some(row),
        _ => None,
    };
    assert_eq!(unit.rebuild(&table("words"), &mut tenth, &mut Heard::default()).unwrap(), 200);
    unit.rebuild(&table("repeated"), &mut Some, &mut Heard::default()).unwrap();
}

#[test]
fn after_a_scrub_no_destroyed_value_is_in_any_file() {
    for mode in MODES {
        for level in [Level::L1, Level::L2] {
            let (folder, path) = loaded(mode);
            let mut eraser = eraser(&path).unwrap();
            destroy(eraser.as_mut(), &TABLES);
            let scrubbed = scrub(eraser.as_mut(), level, &TABLES).unwrap();
            assert_eq!(scrubbed.reach.level, level, "{mode}: {:?}", scrubbed.reach);
            assert!(scrubbed.techniques.contains(&"vacuum".to_owned()));
            assert_eq!(all_rows(eraser.as_mut(), "kept"), [[text("stays")]]);
            drop(eraser);
            assert_eq!(canaries_in(folder.path()).len(), 0, "{mode} {level:?}");
            assert_eq!(names(folder.path()).len(), 1, "{mode} {level:?}: helper files are left");
        }
    }
}

#[test]
fn after_a_part_only_the_kept_values_are_left() {
    for mode in MODES {
        for level in [Level::L1, Level::L2] {
            let (folder, path) = loaded(mode);
            let scrubbed = destroy_part(&path, level);
            assert_eq!(scrubbed.reach.level, level, "{mode}: {:?}", scrubbed.reach);
            let left = canaries_in(folder.path());
            let wrong = left.iter().filter(|number| *number % 10 != 0).count();
            assert_eq!(wrong, 0, "{mode} {level:?}: destroyed values are left");
            assert_eq!(left.len(), 200, "{mode} {level:?}: kept values are lost");
        }
    }
}

#[test]
fn the_files_are_clean_while_the_eraser_still_holds_them() {
    let (folder, path) = loaded("PRAGMA journal_mode = PERSIST");
    let mut eraser = eraser(&path).unwrap();
    destroy(eraser.as_mut(), &TABLES);
    scrub(eraser.as_mut(), Level::L2, &TABLES).unwrap();
    assert_eq!(names(folder.path()).len(), 1, "helper files are left");
    drop(eraser);
    assert_eq!(canaries_in(folder.path()).len(), 0);
}

#[test]
fn a_level_is_not_claimed_from_deleting_alone() {
    let (folder, path) = loaded("PRAGMA journal_mode = DELETE");
    let mut eraser = eraser(&path).unwrap();
    destroy(eraser.as_mut(), &TABLES);
    let scrubbed = scrub(eraser.as_mut(), Level::L0, &TABLES).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L0);
    let integrity = scrubbed.reach.preconditions.iter().find(|one| one.code == "integrity").unwrap();
    assert_eq!(integrity.state, State::Unknown, "what did not run was not looked at");
    drop(eraser);
    assert_ne!(canaries_in(folder.path()).len(), 0, "the measured fact behind the levels has changed: look again");
}

#[test]
fn scrubbing_twice_ends_the_same() {
    let (folder, path) = loaded("PRAGMA journal_mode = WAL");
    let mut eraser = eraser(&path).unwrap();
    destroy(eraser.as_mut(), &TABLES);
    let first = scrub(eraser.as_mut(), Level::L2, &TABLES).unwrap();
    let second = scrub(eraser.as_mut(), Level::L2, &TABLES).unwrap();
    assert_eq!(first.reach, second.reach);
    drop(eraser);
    assert_eq!(canaries_in(folder.path()).len(), 0);
    assert_eq!(reader(&path).unwrap().info().unwrap().read_footprint, [""; 0], "L2 leaves WAL mode");
}

#[test]
fn a_kill_after_the_commit_is_finished_by_the_next_run() {
    for mode in ["PRAGMA journal_mode = DELETE", "PRAGMA journal_mode = WAL"] {
        for refused in ["vacuum", "fts5-optimize", "statistics-delete", "journal-delete", "wal-checkpoint"] {
            let (folder, path) = loaded(mode);
            let mut first = eraser(&path).unwrap();
            destroy(first.as_mut(), &TABLES);
            let scrub_all = || lastbell_contract::Scrub {
                level: Level::L2,
                means: Means::Dedicated,
                tables: TABLES.map(table).to_vec(),
            };
            let mut heard = Heard::refusing(lastbell_contract::Moment::After, refused);
            let ended = first.scrub(&scrub_all(), &mut heard);
            // A copy of the folder at this moment is what a kill leaves.
            let killed = tempfile::tempdir().unwrap();
            for (name, bytes) in picture(folder.path()) {
                std::fs::write(killed.path().join(name), bytes).unwrap();
            }
            drop(first);
            let copy = killed.path().join(path.file_name().unwrap());
            let mut second = eraser(&copy).unwrap();
            second.tidy(&[], &mut Heard::default()).unwrap();
            second.scrub(&scrub_all(), &mut Heard::default()).unwrap();
            assert_eq!(all_rows(second.as_mut(), "kept"), [[text("stays")]]);
            drop(second);
            assert_eq!(canaries_in(killed.path()).len(), 0, "{mode} {refused} {}", ended.is_err());
            assert_eq!(names(killed.path()).len(), 1, "{mode} {refused}");
        }
    }
}

#[test]
fn a_full_text_index_over_a_kept_table_still_finds_its_rows() {
    for level in [Level::L1, Level::L2] {
        let (_folder, path) = store(
            "CREATE TABLE pupils (x); INSERT INTO pupils VALUES (1);
            CREATE TABLE notes (body); INSERT INTO notes (rowid, body) VALUES (5, 'gone'), (900, 'apple'), (77, 'pear');
            DELETE FROM notes WHERE rowid = 5;
            CREATE VIRTUAL TABLE found USING fts5(body, content=notes); INSERT INTO found (found) VALUES ('rebuild');",
        );
        let mut eraser = eraser(&path).unwrap();
        destroy(eraser.as_mut(), &["pupils"]);
        scrub(eraser.as_mut(), level, &["pupils"]).unwrap();
        drop(eraser);
        let connection = Connection::open(&path).unwrap();
        let body = |word: &str| {
            connection.query_row("SELECT body FROM found WHERE found MATCH ?1", [word], |row| row.get::<_, String>(0))
        };
        assert_eq!((body("apple").unwrap().as_str(), body("pear").unwrap().as_str()), ("apple", "pear"));
    }
}
