//! Reading leaves a source as it was, sees one moment, and gives every value exactly.
#![allow(clippy::unwrap_used)]

mod common;
use common::*;
use lastbell_contract::{ErrorKind, FileRole, Flow, Kind, Known, Level, Means, Scan, State, Value};
use lastbell_sqlite::Writer;
use std::path::Path;

const PUPILS: &str = "CREATE TABLE pupils (id INTEGER PRIMARY KEY, name TEXT, note TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO pupils SELECT i, printf('canary%06d', i), hex(zeroblob(50)) FROM n;";

fn visit_everything(path: &Path) {
    let mut reader = reader(path).unwrap();
    reader.info().unwrap();
    reader.begin().unwrap();
    assert_eq!(all_rows(reader.as_mut(), "pupils").len() as u64, reader.count(&table("pupils")).unwrap());
    reader.end().unwrap();
    reader.files().unwrap();
    reader.reach(Level::L2f, Means::Dedicated).unwrap();
}

/// A store in WAL mode whose log was not checkpointed, as a killed application leaves it.
fn with_full_log() -> (tempfile::TempDir, std::path::PathBuf) {
    let (folder, path) = store(&format!("PRAGMA journal_mode = WAL; {PUPILS}"));
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join("diary.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.execute("UPDATE pupils SET name = 'new' WHERE id = 7").unwrap();
    std::fs::copy(&path, &copy).unwrap();
    let log = format!("{}-wal", path.display());
    std::fs::copy(log, copies.path().join("diary.db-wal")).unwrap();
    writer.finish().unwrap();
    drop(folder);
    (copies, copy)
}

#[test]
fn a_source_in_rollback_mode_stays_byte_for_byte() {
    let (folder, path) = store(PUPILS);
    let before = picture(folder.path());
    visit_everything(&path);
    assert_eq!(before, picture(folder.path()), "reading changed the store");
}

#[test]
fn a_source_with_a_full_log_stays_byte_for_byte_and_its_log_is_read() {
    let (folder, path) = with_full_log();
    let before = picture(folder.path());
    assert!(before["diary.db-wal"].len() > 32, "the test needs a log");
    visit_everything(&path);
    let rows = all_rows(reader(&path).unwrap().as_mut(), "pupils");
    assert!(rows.iter().any(|row| row[1] == text("new")), "the log was not read");
    assert_eq!(before, picture(folder.path()), "reading changed the store");
}

#[test]
fn a_source_in_wal_mode_without_a_log_gets_none() {
    let (folder, path) = store(&format!("PRAGMA journal_mode = WAL; {PUPILS}"));
    let before = picture(folder.path());
    assert_eq!(before.len(), 1);
    visit_everything(&path);
    assert_eq!(before, picture(folder.path()), "reading left a helper file");
}

#[test]
fn overlapping_readers_leave_no_helper_file() {
    let (folder, path) = store(&format!("PRAGMA journal_mode = WAL; {PUPILS}"));
    let before = picture(folder.path());
    let first = reader(&path).unwrap();
    let mut second = reader(&path).unwrap();
    second.begin().unwrap();
    drop(first);
    assert_eq!(second.count(&table("pupils")).unwrap(), 3000);
    assert_eq!(names(folder.path()).len(), 3, "the second reader still needs them");
    drop(second);
    assert_eq!(before, picture(folder.path()), "reading left a helper file");
}

#[test]
fn helper_files_of_another_process_stay() {
    let (folder, path) = store(&format!("PRAGMA journal_mode = WAL; {PUPILS}"));
    let mut other = Other::start("trying", &path);
    visit_everything(&path);
    assert_eq!(other.ask(), "read done write done");
    let second = reader(&path).unwrap();
    assert_eq!(other.ask(), "read done write done", "a reader must not lock out a live platform");
    drop(second);
    assert_eq!(names(folder.path()).len(), 3, "the helper files of a living connection were removed");
    other.leave();
}

#[test]
fn a_snapshot_does_not_see_what_others_write() {
    let (_folder, path) = store(&format!("PRAGMA journal_mode = WAL; {PUPILS}"));
    let mut other = Other::start("trying", &path);
    let mut reader = reader(&path).unwrap();
    let first = reader.begin().unwrap();
    assert_eq!(other.ask(), "read done write done");
    assert_eq!(reader.count(&table("pupils")).unwrap(), 3000);
    reader.end().unwrap();
    assert_ne!(first, reader.begin().unwrap(), "two moments must have two names");
    assert_eq!(reader.count(&table("pupils")).unwrap(), 3001);
    other.leave();
}

#[test]
fn a_hot_journal_is_refused_by_a_reader_and_rolled_back_by_an_eraser() {
    let (folder, path) = store(PUPILS);
    let before = all_rows(reader(&path).unwrap().as_mut(), "pupils");
    let other = Other::start("writing", &path);
    other.kill();
    let hot = picture(folder.path());
    assert_eq!(hot.len(), 2, "the test needs a hot journal");
    let error = failed(reader(&path));
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unsafe, Some("hot-journal")));
    assert_eq!(hot, picture(folder.path()), "refusing changed the store");
    drop(eraser(&path).unwrap());
    assert_eq!(names(folder.path()).len(), 1, "the journal is still there");
    assert_eq!(all_rows(reader(&path).unwrap().as_mut(), "pupils"), before, "the rollback lost rows");
}

#[test]
fn a_living_writers_journal_is_not_hot() {
    let (_folder, path) = store(PUPILS);
    let other = Other::start("writing", &path);
    assert_eq!(failed(reader(&path)).kind, ErrorKind::Busy);
    other.leave();
    reader(&path).unwrap();
}

#[test]
fn a_persistent_journal_at_rest_is_not_hot() {
    let (_folder, path) = store(PUPILS);
    let mut writer = Writer::open(&path).unwrap();
    writer.execute("PRAGMA journal_mode = PERSIST; UPDATE pupils SET note = 'x' WHERE id = 1").unwrap();
    writer.finish().unwrap();
    assert!(Path::new(&format!("{}-journal", path.display())).exists(), "the test needs a journal");
    reader(&path).unwrap();
}

#[test]
fn what_is_no_database_is_refused_with_a_code() {
    let (folder, path) = folder();
    assert_eq!(failed(reader(&path)).kind, ErrorKind::NotFound);
    std::fs::write(&path, b"").unwrap();
    assert_eq!(failed(reader(&path)).code.as_deref(), Some("empty-file"));
    std::fs::write(&path, b"something else, longer than a header").unwrap();
    assert_eq!(failed(reader(&path)).code.as_deref(), Some("not-sqlite"));
    assert_eq!(failed(reader(folder.path())).code.as_deref(), Some("not-a-file"));
    let mut cut = b"SQLite format 3\0".to_vec();
    cut.resize(1024, 7);
    std::fs::write(&path, cut).unwrap();
    assert_eq!(failed(reader(&path)).kind, ErrorKind::Damaged);
}

#[test]
fn two_names_of_one_file_have_one_anchor() {
    let (folder, path) = store(PUPILS);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let anchors = |path: &Path| reader(path).unwrap().info().unwrap().identity.anchors;
    assert_eq!(anchors(&path), anchors(&link));
}

#[test]
fn info_tells_the_role_the_time_and_the_footprint() {
    let (_folder, path) = store(&format!("PRAGMA journal_mode = WAL; {PUPILS}"));
    let info = reader(&path).unwrap().info().unwrap();
    assert_eq!(info.read_footprint, ["shm-file"]);
    assert!(matches!(info.last_write, Known::Yes(micros) if micros > 1_600_000_000_000_000));
    assert_eq!(info.identity.follows, Known::Yes(Vec::new()));
    assert!(!info.capabilities.enforces_links);
}

#[test]
fn every_value_comes_exactly() {
    let (_folder, path) = store("CREATE TABLE pupils (v); CREATE TABLE twice (a INT, b AS (a * 2) STORED)");
    let mut writer = Writer::open(&path).unwrap();
    let long = Value::Text("я".repeat(512 * 1024)); // 1 MiB
    let values = [
        Value::Null,
        Value::Int(i64::MIN.into()),
        Value::Int(i64::MAX.into()),
        Value::Float(0.1),
        Value::Float(f64::NEG_INFINITY),
        text(""),
        text("before\0after"),
        long,
        Value::Bytes(vec![0, 255]),
        Value::Invalid(Kind::Text, vec![0xcf, 0xf0, 0xe8]), // CP1251 in a text column
    ];
    let rows: Vec<_> = values.iter().map(|value| vec![value.clone()]).collect();
    writer.insert("pupils", &["v"], &rows).unwrap();
    writer.insert("twice", &["a"], &[vec![Value::Int(21)]]).unwrap();
    writer.finish().unwrap();
    let mut reader = reader(&path).unwrap();
    assert_eq!(all_rows(reader.as_mut(), "pupils"), rows);
    assert_eq!(all_rows(reader.as_mut(), "twice"), [[Value::Int(21), Value::Int(42)]]);
}

#[test]
fn a_utf16_store_is_read_as_text() {
    let (_folder, path) =
        store("PRAGMA encoding = 'UTF-16le'; CREATE TABLE pupils (v); INSERT INTO pupils VALUES ('Ёлка')");
    assert_eq!(all_rows(reader(&path).unwrap().as_mut(), "pupils"), [[text("Ёлка")]]);
}

#[test]
fn a_visitor_can_stop_and_gets_no_half_table() {
    let (_folder, path) = store(PUPILS);
    let mut reader = reader(&path).unwrap();
    let scan = Scan { batch_rows: 10, ..Scan::whole(&table("pupils"), &["id".to_owned()]) };
    let mut batches = 0;
    let error = failed(reader.scan(&scan, &mut |batch| {
        assert_eq!(batch.len(), 10);
        batches += 1;
        Flow::Stop
    }));
    assert_eq!((error.kind, batches), (ErrorKind::Stopped, 1));
}

#[test]
fn an_unknown_table_or_column_is_not_found() {
    let (_folder, path) = store(PUPILS);
    let mut reader = reader(&path).unwrap();
    assert_eq!(failed(reader.count(&table("Pupils"))).kind, ErrorKind::NotFound);
    let scan = Scan::whole(&table("pupils"), &["nobody".to_owned()]); // SQLite's old habit: a string
    assert_eq!(failed(reader.scan(&scan, &mut |_| Flow::Continue)).kind, ErrorKind::NotFound);
}

fn sampled(path: &Path, name: &str, rows: u64, seed: u64) -> Vec<Value> {
    let mut found = Vec::new();
    let scan = Scan { sample: Some((rows, seed)), ..Scan::whole(&table(name), &["id".to_owned()]) };
    reader(path)
        .unwrap()
        .scan(&scan, &mut |batch| {
            found.extend(batch.unpacked().flatten());
            Flow::Continue
        })
        .unwrap();
    found
}

#[test]
fn a_sample_is_spread_repeatable_and_whole_for_a_small_table() {
    let (_folder, path) = store(&format!(
        "{PUPILS} DELETE FROM pupils WHERE id % 3 = 0;
        CREATE TABLE coded (id TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO coded SELECT name FROM pupils;
        CREATE TABLE hidden (id, rowid, oid, _rowid_); INSERT INTO hidden (id) SELECT id FROM pupils"
    ));
    let first = sampled(&path, "pupils", 500, 1);
    assert_eq!(first.len(), 500);
    assert_eq!(first, sampled(&path, "pupils", 500, 1), "the same seed gave other rows");
    assert_ne!(first, sampled(&path, "pupils", 500, 2), "another seed gave the same rows");
    assert!(first.contains(&Value::Int(1)) && first.contains(&Value::Int(2999)), "both ends belong to it");
    let middle = first.iter().filter(|id| matches!(id, Value::Int(500..2500))).count();
    assert!(middle > 200, "only {middle} rows are from the middle");
    assert_eq!(sampled(&path, "pupils", 2000, 1).len(), 2000);
    assert_eq!(sampled(&path, "coded", 100, 1).len(), 100);
    assert_eq!(sampled(&path, "hidden", 100, 1).len(), 100);
}

#[test]
fn copies_beside_the_store_are_listed() {
    let (folder, path) = store(PUPILS);
    std::fs::write(format!("{}.bak", path.display()), b"x").unwrap();
    std::fs::write(folder.path().join("other"), b"x").unwrap();
    let files = reader(&path).unwrap().files().unwrap();
    let roles: Vec<_> = files.iter().map(|file| file.role).collect();
    assert_eq!(roles, [FileRole::Data, FileRole::Copy]);
}

#[test]
fn reach_sees_another_process_and_a_super_journal() {
    let (_folder, path) = store(PUPILS);
    let state = |code: &str| {
        let reach = reader(&path).unwrap().reach(Level::L2f, Means::Dedicated).unwrap();
        (reach.preconditions.into_iter().find(|one| one.code == code).unwrap().state, reach.level)
    };
    let other = Other::start("resting", &path);
    assert_eq!(state("no-other-connection").0, State::Fail);
    assert_eq!(state("no-other-lock").0, State::Pass);
    other.leave();
    let other = Other::start("reading", &path);
    assert_eq!(state("no-other-lock"), (State::Fail, Level::L0));
    other.leave();
    std::fs::write(format!("{}-mj0123ABCDE", path.display()), b"x").unwrap();
    assert_eq!(state("no-leftover-journal"), (State::Fail, Level::L0));
}
