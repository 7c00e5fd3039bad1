//! What is left of destroyed values in the bytes of a real, durable server: nothing, and of the kept ones everything.
//! Judged by an independent scanner on the data directory, live, after a clean stop, after kill -9 with recovery.
#![allow(clippy::unwrap_used)]

mod erased;

use erased::*;
use lastbell_contract::{Eraser, Level, Means, State, Value};
use lastbell_testkit::scanner::scan_for;
use lastbell_testkit::servers::{Mariadb, Options};
use std::fmt::Write;
use std::path::Path;

const ROWS: usize = 3000;

/// Every so many rows one has a long text and bytes; no divisor of ten, so that kept and destroyed rows have them.
const LONG_EVERY: usize = 7;

/// Label and prefix of each kind of value. `old` was updated away, `gone` stood in a column that was dropped, `deleted` in
/// rows that the application deleted.
const KINDS: [(&str, &str); 11] = [
    ("name", "canary-name-"),
    ("address", "улица-канарейка-"),
    ("old", "canary-old-"),
    ("gone", "canary-gone-"),
    ("deleted", "canary-deleted-"),
    ("mark", "canary-mark-"),
    ("packed", "canary-packed-"),
    ("isam", "canary-isam-"),
    ("long", "canary-long-"),
    ("raw", "canary-raw-"),
    ("int", ""),
];

/// What a life leaves behind: an update of every row, a column dropped without a rebuild, statistics, deleted rows, a failed
/// statement, a query log. The undo of the update is written out before it is purged.
fn life() -> String {
    format!(
        "CREATE TABLE pupils (id BIGINT PRIMARY KEY, name VARCHAR(80), address VARCHAR(120), old VARCHAR(80),
             story LONGTEXT, photo LONGBLOB, KEY (name), KEY (address), FULLTEXT KEY words (name));
         CREATE TABLE marks (id BIGINT AUTO_INCREMENT PRIMARY KEY, pupil BIGINT, remark VARCHAR(80), gone VARCHAR(80),
             KEY (remark), FOREIGN KEY (pupil) REFERENCES pupils (id));
         CREATE TABLE packed (id BIGINT PRIMARY KEY, v VARCHAR(80), KEY (v)) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8;
         CREATE TABLE isam (id BIGINT PRIMARY KEY, v VARCHAR(80), KEY (v)) ENGINE=MyISAM;
         INSERT INTO pupils SELECT 7700000000000 + seq, CONCAT('canary-name-', LPAD(seq, 6, '0')),
             CONCAT('улица-канарейка-', LPAD(seq, 6, '0')), CONCAT('canary-old-', LPAD(seq, 6, '0')),
             IF(seq % {LONG_EVERY} = 0, CONCAT('canary-long-', LPAD(seq, 6, '0'), REPEAT(SHA2(seq, 256), 150)), NULL),
             IF(seq % {LONG_EVERY} = 0, CONCAT(REPEAT(UNHEX(SHA2(seq, 256)), 250), 'canary-raw-', LPAD(seq, 6, '0')), NULL)
             FROM seq_1_to_{ROWS};
         INSERT INTO marks SELECT seq, 7700000000000 + seq, CONCAT('canary-mark-', LPAD(seq, 6, '0')),
             CONCAT('canary-gone-', LPAD(seq, 6, '0')) FROM seq_1_to_{ROWS};
         INSERT INTO marks SELECT 100000 + seq, NULL, CONCAT('canary-deleted-', LPAD(seq, 6, '0')), NULL
             FROM seq_1_to_{ROWS};
         INSERT INTO packed SELECT seq, CONCAT('canary-packed-', LPAD(seq, 6, '0')) FROM seq_1_to_{ROWS};
         INSERT INTO isam SELECT seq, CONCAT('canary-isam-', LPAD(seq, 6, '0')) FROM seq_1_to_{ROWS};
         {}; {};
         FLUSH TABLES pupils, marks, packed FOR EXPORT; UNLOCK TABLES;
         SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0; SET GLOBAL innodb_max_dirty_pages_pct = 0;
         BEGIN; UPDATE pupils SET old = CONCAT('new', id); DELETE FROM marks WHERE id > 100000;
         SELECT SLEEP(3); COMMIT;
         ALTER TABLE marks DROP COLUMN gone, ALGORITHM=INSTANT;
         SELECT SLEEP(2); SET GLOBAL innodb_max_dirty_pages_pct = 90;
         INSERT INTO packed VALUES (100001, 'canary-packed-000001'), (100002, 'canary-packed-000002');
         DELETE FROM packed WHERE id > 100000; {};
         FLUSH TABLES;",
        statistics_of("pupils", "name"),
        statistics_of("marks", "remark"),
        statistics_of("packed", "v")
    )
}

const TABLES: [&str; 4] = ["pupils", "marks", "packed", "isam"];

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
        let long = matches!(kind, "long" | "raw");
        let rows = (1..=ROWS).filter(|row| !long || row.is_multiple_of(LONG_EVERY));
        for row in rows.filter(|row| destroyed(kind, *row)) {
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
fn nothing_left(server: &Mariadb, canaries: &str, when: &str) {
    let data = server.data_dir();
    let left = scan_for(canaries, std::slice::from_ref(&data));
    assert_eq!((left.canaries, left.not_read), (0, 0), "{when}: {left:?}");
    assert_eq!(left.of, canaries.lines().count());
    let slack = if server.runs() { 20 } else { 0 }; // it works
    assert!(left.files.abs_diff(files_below(&data)) <= slack, "{when}: {left:?}");
}

/// A server with all that a life has: binary log by rows, a general log that was once on.
fn server(options: Options) -> Mariadb {
    // With consistent GTIDs, MySQL's default, tables with and without transactions cannot be locked together.
    let mixed = match *MARIADB {
        true => options,
        false => options.set("gtid_mode", "OFF").set("enforce_gtid_consistency", "OFF"),
    };
    let server = Mariadb::start(&mixed.set("log_bin", "binlog").set("binlog_format", "ROW"));
    server.sql("", "SET GLOBAL general_log_file = 'general.log'; SET GLOBAL general_log = 1");
    server
}

/// The whole judgement around one way of destroying.
fn judged(options: Options, destroyed: impl Fn(&str, usize) -> bool, erase: impl Fn(&mut dyn Eraser)) {
    let server = server(options);
    let store = Store::on(&server, &life());
    server.sql("", "SELECT 'canary-name-000001'; SET GLOBAL general_log = 0");
    let list = canaries(destroyed);
    let before = scan_for(&list, &[server.data_dir()]);
    assert!(before.canaries * 10 >= before.of * 9, "the scanner must find what is there: {before:?}");
    let picture = "SELECT SHA2(GROUP_CONCAT(SHA2(CONCAT_WS('|', id, name, address, old, story, HEX(photo)), 256) ORDER BY id), 256) \
                   FROM pupils WHERE id % 10 = 0";
    let kept = store.sql(&format!("SET SESSION group_concat_max_len = 10000000; {picture}"));
    let settings = "SHOW GLOBAL VARIABLES WHERE Variable_name LIKE 'innodb_undo%' OR Variable_name LIKE 'innodb_max_undo%' \
                    OR Variable_name LIKE 'innodb_change%'";
    let set = server.sql("", settings);
    let mut eraser = store.eraser();
    erase(eraser.as_mut());
    let scrubbed = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &TABLES).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L2, "{:?}", scrubbed.reach);
    assert_eq!(found(&scrubbed.reach, "doublewrite-turned-over").detail, [("pages".to_owned(), "0".to_owned())]);
    nothing_left(&server, &list, "live, with the eraser");
    assert_eq!(server.sql("", settings), set, "settings are as they were");
    drop(eraser);
    assert_eq!(store.ours(), "");
    server.stop();
    nothing_left(&server, &list, "stopped");
    server.restart();
    server.kill9();
    nothing_left(&server, &list, "killed");
    server.restart();
    nothing_left(&server, &list, "recovered");
    if store.rows("pupils") == ROWS as u64 / 10 {
        let now = store.sql(&format!("SET SESSION group_concat_max_len = 10000000; {picture}"));
        assert_eq!(now, kept, "kept rows are as they were");
    }
}

#[test]
fn of_all_rows_nothing_is_left() {
    judged(ready(), |_, _| true, |eraser| destroy(eraser, &TABLES));
}

#[test]
fn of_nine_tenths_of_the_rows_nothing_is_left() {
    let whole = ["old", "gone", "deleted"];
    let went = |kind: &str, row: usize| !row.is_multiple_of(10) || whole.contains(&kind);
    judged(ready(), went, |eraser| {
        let mut unit = eraser.lock(&request(&TABLES, &[])).unwrap();
        for name in TABLES {
            let kept = unit.rebuild(&table(name), &mut tenth, &mut Heard::default()).unwrap();
            assert_eq!(kept, ROWS as u64 / 10, "{name}");
        }
        unit.commit(&mut Heard::default()).unwrap();
    });
}

#[test]
fn of_values_that_were_replaced_nothing_is_left() {
    let went = |kind: &str, _: usize| kind != "int";
    judged(ready(), went, |eraser| {
        let mut unit = eraser.lock(&request(&TABLES, &[])).unwrap();
        for name in TABLES {
            let mut rewrite = |mut row: Vec<Value>| {
                for value in &mut row {
                    match value {
                        Value::Text(text) => *value = Value::Text(format!("nobody {}", text.len())),
                        Value::Bytes(raw) => *value = Value::Bytes(vec![0; raw.len()]),
                        _ => {} // keys and NULLs stay
                    }
                }
                Some(row)
            };
            unit.rebuild(&table(name), &mut rewrite, &mut Heard::default()).unwrap();
        }
        unit.commit(&mut Heard::default()).unwrap();
    });
}

#[test]
fn with_undo_in_files_of_its_own_no_l2_is_claimed() {
    if !only_mariadb("undo in files of its own, which MySQL always has") {
        return;
    }
    let server = server(ready().init("--innodb-undo-tablespaces=2").set("innodb_undo_tablespaces", "2"));
    let store = Store::on(&server, &life());
    let reach = store.eraser().reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!(reach.level, Level::L1, "{reach:?}");
    let open: Vec<&str> = reach
        .preconditions
        .iter()
        .filter(|one| one.blocks == Level::L2 && one.state != State::Pass)
        .map(|one| &*one.code)
        .collect();
    assert_eq!(open, ["undo-turns-over"]);
}

#[test]
fn with_a_redo_log_of_the_usual_size_nothing_is_left_and_it_is_as_before() {
    if !only_mariadb("innodb_log_file_size") {
        return;
    }
    let server = server(ready().set("innodb_log_file_size", "32M"));
    let store = Store::on(&server, &life());
    server.sql("", "SET GLOBAL general_log = 0");
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &TABLES);
    let scrubbed = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &TABLES).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L2, "{:?}", scrubbed.reach);
    nothing_left(&server, &canaries(|_, _| true), "live");
    assert_eq!(server.sql("", "SELECT @@innodb_log_file_size").trim(), (32 << 20).to_string());
}

#[test]
fn a_level_is_not_claimed_from_destroying_alone() {
    let server = server(ready());
    let store = Store::on(&server, &life());
    server.sql("", "SET GLOBAL general_log = 0");
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &TABLES);
    let scrubbed = scrub(eraser.as_mut(), Level::L1, Means::Dedicated, &TABLES).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L1);
    let left = scan_for(&canaries(|_, _| true), &[server.data_dir()]);
    assert!(left.canaries > ROWS, "the measured fact behind the levels has changed, look again: {left:?}");
    let files = server.data_dir().join(&store.name);
    assert_eq!(
        scan_for(&canaries(|_, _| true), std::slice::from_ref(&files)).canaries,
        0,
        "L1 is about the tables' own files"
    );
}
