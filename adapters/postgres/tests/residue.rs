//! What is left of destroyed values in the bytes of a real, durable server: nothing, and of the kept ones everything.
//! Judged by an independent scanner on the data directory, live, after a clean stop, after kill -9 with recovery.
#![allow(clippy::unwrap_used)]

mod store;
use lastbell_contract::{Eraser, Level, Means, Value};
use lastbell_testkit::scanner::scan_for;
use lastbell_testkit::servers::{Options, Postgres};
use std::fmt::Write;
use std::path::Path;
use store::*;

const ROWS: usize = 3000;
/// Every so many rows one has long texts; it is no divisor of ten, so that both kept and destroyed rows have them.
const LONG_EVERY: usize = 7;

/// Label and prefix of each kind of value. `old` was updated away, `gone` stood in a column that was dropped.
const KINDS: [(&str, &str); 10] = [
    ("name", "canary-name-"),
    ("address", "улица-канарейка-"),
    ("raw", "canary-raw-"),
    ("packed", "canary-packed-"),
    ("plain", "canary-plain-"),
    ("old", "canary-old-"),
    ("gone", "canary-gone-"),
    ("mark", "canary-mark-"),
    ("visit", "canary-visit-"),
    ("int", ""),
];

/// What a life leaves behind: an update of every row, a dropped column, statistics, a materialised view, a comment, texts
/// of statements, rows that were deleted, a failed statement.
fn life() -> String {
    format!(
        "CREATE EXTENSION pg_stat_statements;
         CREATE TABLE pupils (id bigint PRIMARY KEY, name text, address text, raw bytea, packed text, plain text, old text,
             gone text);
         ALTER TABLE pupils ALTER plain SET STORAGE EXTERNAL;
         CREATE TABLE marks (id int PRIMARY KEY, pupil bigint REFERENCES pupils, remark text);
         INSERT INTO pupils SELECT 7700000000000 + i, 'canary-name-' || n, 'улица-канарейка-' || n,
             convert_to('canary-raw-' || n, 'UTF8'),
             CASE WHEN i % {LONG_EVERY} = 0 THEN 'canary-packed-' || n || repeat('слово за словом ' || n, 500) END,
             CASE WHEN i % {LONG_EVERY} = 0 THEN 'canary-plain-' || n || repeat(md5(n), 200) END,
             'canary-old-' || n, 'canary-gone-' || n
         FROM (SELECT i, lpad(i::text, 6, '0') n FROM generate_series(1, {ROWS}) i) s;
         INSERT INTO marks SELECT i, 7700000000000 + i, 'canary-mark-' || lpad(i::text, 6, '0')
             FROM generate_series(1, {ROWS}) i;
         CREATE TABLE visits (id int, year int, note text) PARTITION BY RANGE (year);
         CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (2020) TO (2021);
         CREATE TABLE visits_2 PARTITION OF visits DEFAULT; CREATE INDEX ON visits (note);
         INSERT INTO visits SELECT i, 2020 + i % 2, 'canary-visit-' || lpad(i::text, 6, '0') FROM generate_series(1, {ROWS}) i;
         CREATE INDEX ON pupils (name); CREATE INDEX ON pupils (lower(address));
         CREATE STATISTICS together (mcv) ON name, address FROM pupils;
         CREATE MATERIALIZED VIEW shown AS SELECT name, address FROM pupils;
         ANALYZE;
         UPDATE pupils SET old = 'new' || id;
         ALTER TABLE pupils DROP COLUMN gone;
         COMMENT ON TABLE pupils IS 'canary-name-000011'; COMMENT ON COLUMN pupils.name IS 'canary-name-000012';
         DO $$ BEGIN PERFORM 'canary-name-000013'; END $$;
         CHECKPOINT; ANALYZE;
         UPDATE pupils SET old = 'newer' || id WHERE id % 3 = 0;"
    )
}

fn canary(kind: &str, prefix: &str, row: usize) -> String {
    match kind {
        "int" => format!("int\t{}", 7_700_000_000_000 + row),
        _ => format!("{kind}\t{prefix}{row:06}"),
    }
}

/// Values of the rows that a test destroys, and those that went in the store's own life.
fn canaries(destroyed: impl Fn(&str, usize) -> bool) -> String {
    let mut list = String::new();
    for (kind, prefix) in KINDS {
        let long = matches!(kind, "packed" | "plain");
        for row in (1..=ROWS).filter(|row| !long || row.is_multiple_of(LONG_EVERY)).filter(|row| destroyed(kind, *row))
        {
            writeln!(list, "{}", canary(kind, prefix, row)).unwrap();
        }
    }
    list
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| if entry.file_type().unwrap().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

#[track_caller]
fn nothing_left(store: &Store<'_>, canaries: &str, when: &str) {
    let data = store.server.data_dir();
    let left = scan_for(canaries, std::slice::from_ref(&data));
    assert_eq!((left.canaries, left.not_read), (0, 0), "{when}: {left:?}");
    assert_eq!(left.of, canaries.lines().count());
    if store.server.runs() {
        assert!(left.files.abs_diff(files_below(&data)) < 20, "{when}: {left:?}"); // it works
    } else {
        assert_eq!(left.files, files_below(&data), "{when}");
    }
}

/// The whole judgement around one way of destroying.
fn judged(autovacuum: &str, destroyed: impl Fn(&str, usize) -> bool, erase: impl Fn(&mut dyn Eraser)) {
    let options = Options::real().set("shared_preload_libraries", "pg_stat_statements");
    let server = Postgres::start(&options.set("autovacuum", autovacuum).set("autovacuum_naptime", "1s"));
    let store = Store::on(&server, &life());
    let list = canaries(destroyed);
    let before = scan_for(&list, &[server.data_dir()]);
    assert!(before.canaries * 10 >= before.of * 9, "the scanner must find what is there: {before:?}");
    let kept = store.sql("SELECT md5(string_agg(p::text, '' ORDER BY id)) FROM pupils p WHERE id % 10 = 0");
    let mut eraser = store.eraser();
    erase(eraser.as_mut());
    let scrubbed = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils", "marks", "visits"]).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L2, "{:?}", scrubbed.reach);
    nothing_left(&store, &list, "live, with the eraser");
    drop(eraser);
    server.stop();
    nothing_left(&store, &list, "stopped");
    server.restart();
    server.kill9();
    nothing_left(&store, &list, "killed");
    server.restart();
    nothing_left(&store, &list, "recovered");
    if store.rows("pupils") == ROWS as u64 / 10 {
        let now = store.sql("SELECT md5(string_agg(p::text, '' ORDER BY id)) FROM pupils p WHERE id % 10 = 0");
        assert_eq!(now, kept, "kept rows are as they were");
    }
}

#[test]
fn of_all_rows_nothing_is_left() {
    judged("on", |_, _| true, |eraser| destroy(eraser, &["pupils", "marks", "visits"]));
}

#[test]
fn of_nine_tenths_of_the_rows_nothing_is_left() {
    let went = |kind: &str, row: usize| !row.is_multiple_of(10) || matches!(kind, "old" | "gone" | "mark");
    judged("off", went, |eraser| {
        let mut unit = eraser.lock(&request(&["pupils", "marks", "visits"], &[])).unwrap();
        unit.destroy(&tables(&["marks"]), &mut Heard::default()).unwrap();
        assert_eq!(unit.rebuild(&table("visits"), &mut tenth, &mut Heard::default()).unwrap(), ROWS as u64 / 10);
        assert_eq!(unit.rebuild(&table("pupils"), &mut tenth, &mut Heard::default()).unwrap(), ROWS as u64 / 10);
        unit.commit(&mut Heard::default()).unwrap();
    });
}

#[test]
fn of_values_that_were_replaced_nothing_is_left() {
    let went = |kind: &str, _: usize| !matches!(kind, "int" | "mark" | "visit");
    judged("off", went, |eraser| {
        let mut unit = eraser.lock(&request(&["pupils"], &["marks"])).unwrap();
        let mut rewrite = |row: Vec<Value>| {
            let nobody = Value::Text(format!("nobody {}", number(&row)));
            let long = if row[4].is_null() { Value::Null } else { Value::Text("nothing ".repeat(2000)) };
            Some(vec![
                row[0].clone(),
                nobody.clone(),
                nobody,
                Value::Bytes(vec![0; 8]),
                long.clone(),
                long,
                Value::Null,
            ])
        };
        assert_eq!(unit.rebuild(&table("pupils"), &mut rewrite, &mut Heard::default()).unwrap(), ROWS as u64);
        unit.commit(&mut Heard::default()).unwrap();
    });
}
