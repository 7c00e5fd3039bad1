//! A unit is destroyed wholly or not at all, under a lock that nobody gets past, and nothing else is touched.
#![allow(clippy::unwrap_used)]

mod common;
use common::*;
use lastbell_contract::{ErrorKind, Kind, Level, LockRequest, Means, Moment, Result, Row, Statement, Value, Witness};
use lastbell_sqlite::Writer;
use std::path::Path;

const PUPILS: &str = "CREATE TABLE pupils (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
    CREATE TABLE marks (id INTEGER PRIMARY KEY, pupil INT REFERENCES pupils ON DELETE CASCADE, mark);
    CREATE INDEX by_pupil ON marks (pupil); CREATE INDEX by_name ON pupils (name);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO pupils SELECT i, printf('canary%06d', i) FROM n;
    INSERT INTO marks SELECT id, id, 5 FROM pupils; ANALYZE;";

fn count(path: &Path, name: &str) -> u64 {
    reader(path).unwrap().count(&table(name)).unwrap()
}

#[test]
fn a_unit_is_emptied_with_its_statistics_and_sequence_and_cascades_never_fire() {
    let (_folder, path) = store(PUPILS);
    let mut eraser = eraser(&path).unwrap();
    let heard = destroy(eraser.as_mut(), &["pupils"]);
    let technique = |moment, word: &str| (moment, word.to_owned());
    assert_eq!(
        heard.all,
        [
            technique(Moment::Before, "delete-all"),
            technique(Moment::After, "delete-all"),
            technique(Moment::Before, "commit"),
            technique(Moment::After, "commit")
        ]
    );
    drop(eraser);
    assert_eq!((count(&path, "pupils"), count(&path, "marks")), (0, 500), "a cascade fired");
    let connection = rusqlite::Connection::open(&path).unwrap();
    for kept in ["sqlite_stat1 WHERE tbl", "sqlite_stat4 WHERE tbl", "sqlite_sequence WHERE name"] {
        let sql = format!("SELECT count(*) FROM {kept} = 'pupils'");
        assert_eq!(connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{kept}");
    }
    let others = "SELECT count(*) FROM sqlite_stat4 WHERE tbl = 'marks'";
    assert_ne!(connection.query_row(others, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_dropped_unit_leaves_everything_as_it_was() {
    let (folder, path) = store(PUPILS);
    let before = all_rows(reader(&path).unwrap().as_mut(), "pupils");
    let mut eraser = eraser(&path).unwrap();
    let mut unit = eraser.lock(&request(&["pupils"])).unwrap();
    unit.destroy(&[table("pupils")], &mut Heard::default()).unwrap();
    assert_eq!(unit.count(&table("pupils")).unwrap().by_scan, 0);
    drop(unit);
    drop(eraser);
    assert_eq!(all_rows(reader(&path).unwrap().as_mut(), "pupils"), before);
    assert_eq!(names(folder.path()).len(), 1, "the eraser left a journal");
}

#[test]
fn a_witness_that_refuses_keeps_the_statement_from_running() {
    for (moment, technique) in
        [(Moment::Before, "delete-all"), (Moment::After, "delete-all"), (Moment::Before, "commit")]
    {
        let (_folder, path) = store(PUPILS);
        let mut eraser = eraser(&path).unwrap();
        let mut heard = Heard::refusing(moment, technique);
        let mut unit = eraser.lock(&request(&["pupils"])).unwrap();
        let ended = unit.destroy(&[table("pupils")], &mut heard).and_then(|()| unit.commit(&mut heard));
        assert_eq!(failed(ended).kind, ErrorKind::Stopped);
        drop(eraser);
        assert_eq!(count(&path, "pupils"), 500, "{moment:?} {technique}");
    }
}

#[test]
fn a_table_with_a_trigger_is_refused() {
    let (_folder, path) =
        store(&format!("{PUPILS} CREATE TRIGGER t AFTER DELETE ON pupils BEGIN DELETE FROM marks; END"));
    let mut eraser = eraser(&path).unwrap();
    let mut unit = eraser.lock(&request(&["pupils", "marks"])).unwrap();
    let error = failed(unit.destroy(&[table("pupils")], &mut Heard::default()));
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unsafe, Some("trigger:t")));
    let error = failed(unit.rebuild(&table("pupils"), &mut Some, &mut Heard::default()));
    assert_eq!(error.kind, ErrorKind::Unsafe);
    unit.destroy(&[table("marks")], &mut Heard::default()).unwrap();
}

#[test]
fn only_tables_of_the_unit_are_touched_and_all_must_exist() {
    let (_folder, path) = store(PUPILS);
    let mut eraser = eraser(&path).unwrap();
    let absent = LockRequest { watched: vec![table("absent")], ..request(&["pupils"]) };
    assert_eq!(failed(eraser.lock(&absent)).kind, ErrorKind::NotFound);
    let mut unit = eraser.lock(&request(&["pupils"])).unwrap();
    assert_eq!(failed(unit.destroy(&[table("marks")], &mut Heard::default())).code.as_deref(), Some("not-in-unit"));
}

/// Lets another process try to read and write at every announcement.
struct Gaps<'a> {
    other: &'a mut Other,
    tries: usize,
}

impl Gaps<'_> {
    fn probe(&mut self) {
        assert_eq!(self.other.ask(), "read busy write busy", "another connection came into a gap");
        self.tries += 1;
    }
}

impl Witness for Gaps<'_> {
    fn hear(&mut self, _moment: Moment, _statement: &Statement) -> Result<()> {
        self.probe();
        Ok(())
    }
}

#[test]
fn nobody_reads_or_writes_from_the_lock_to_the_end_of_the_scrub() {
    for mode in ["DELETE", "WAL"] {
        for level in [Level::L0, Level::L1, Level::L2] {
            let (_folder, path) = store(&format!("PRAGMA journal_mode = {mode}; {PUPILS}"));
            let mut other = Other::start("trying", &path);
            let mut eraser = eraser(&path).unwrap();
            let mut gaps = Gaps { other: &mut other, tries: 0 };
            gaps.probe();
            let mut unit = eraser.lock(&request(&["pupils"])).unwrap();
            gaps.probe();
            unit.count(&table("pupils")).unwrap();
            unit.destroy(&[table("pupils")], &mut gaps).unwrap();
            unit.commit(&mut gaps).unwrap();
            for _ in 0..20 {
                gaps.probe();
            }
            let tables = vec![table("pupils")];
            eraser.scrub(&lastbell_contract::Scrub { level, means: Means::Dedicated, tables }, &mut gaps).unwrap();
            gaps.probe();
            assert!(gaps.tries > 26, "{}", gaps.tries);
            drop(eraser);
            assert_eq!(other.ask(), "read done write done", "{mode} {level:?}: the lock was never let go");
            other.leave();
        }
    }
}

#[test]
fn a_store_in_use_is_busy() {
    for (mode, act) in [("DELETE", "reading"), ("WAL", "reading"), ("WAL", "resting"), ("DELETE", "writing")] {
        let (_folder, path) = store(&format!("PRAGMA journal_mode = {mode}; {PUPILS}"));
        let other = Other::start(act, &path);
        assert_eq!(failed(eraser(&path)).kind, ErrorKind::Busy, "{mode} {act}");
        other.leave();
        eraser(&path).unwrap();
    }
}

fn rebuilt(sql: &str, name: &str, rewrite: &mut dyn FnMut(Row) -> Option<Row>) -> (u64, Vec<Row>, Vec<String>) {
    let (folder, path) = store(sql);
    let mut eraser = eraser(&path).unwrap();
    let mut unit = eraser.lock(&request(&[name])).unwrap();
    let kept = unit.rebuild(&table(name), rewrite, &mut Heard::default()).unwrap();
    let counted = unit.count(&table(name)).unwrap();
    assert_eq!((counted.by_scan, counted.by_count), (kept, kept));
    unit.commit(&mut Heard::default()).unwrap();
    let rows = all_rows(eraser.as_mut(), name);
    let tables = eraser.catalog().unwrap().tables.into_iter().map(|one| one.id.name).collect();
    drop(eraser);
    drop(folder);
    (kept, rows, tables)
}

#[test]
fn a_rebuild_keeps_a_tenth_and_changes_it() {
    let (kept, rows, tables) = rebuilt(PUPILS, "pupils", &mut |mut row| match row[0] {
        Value::Int(id) if id % 10 == 0 => {
            row[1] = Value::Null;
            Some(row)
        }
        _ => None,
    });
    assert_eq!((kept, rows.len()), (50, 50));
    assert!(rows.iter().all(|row| row[1].is_null()));
    assert_eq!(tables, ["marks", "pupils"], "a shadow was left");
}

#[test]
fn a_rebuild_keeps_every_kind_of_table_as_it_is() {
    let odd = "CREATE TABLE odd (\"a\"\"b\" TEXT DEFAULT 'x', sex TEXT CHECK (sex IN (\"m\", \"f\")),
            long AS (length(sex)) VIRTUAL, rowid TEXT, UNIQUE (sex, rowid) ON CONFLICT IGNORE);
        INSERT INTO odd (oid, \"a\"\"b\", sex, rowid) VALUES (-9, 1, 'm', 'r'), (1000, NULL, 'f', X'00ff'), (7, 'z', 'f', '');
        INSERT INTO odd (oid, \"a\"\"b\") VALUES (8, CAST(X'cff0e8' AS TEXT));";
    let keyed = "CREATE TABLE odd (k TEXT COLLATE NOCASE, n NUMERIC, r REAL, PRIMARY KEY (n, k)) WITHOUT ROWID;
        INSERT INTO odd VALUES ('b', 1, 2), ('B', 2, 2.5), ('a', '007x', NULL);";
    let strict = "CREATE TABLE odd (a INT, b ANY) STRICT; INSERT INTO odd VALUES (1, '1'), (2, 1), (3, 1.0);";
    let words = "CREATE VIRTUAL TABLE odd USING fts5(body, extra);
        INSERT INTO odd (rowid, body, extra) VALUES (5, 'one two', 'x'), (9, 'three', NULL);";
    for sql in [odd, keyed, strict, words] {
        let (_folder, path) = store(sql);
        let before = all_rows(reader(&path).unwrap().as_mut(), "odd");
        let (kept, after, _) = rebuilt(sql, "odd", &mut Some);
        assert_eq!(kept, before.len() as u64);
        assert_eq!(after, before, "{sql}");
    }
    let ids = |path: &Path| -> Vec<i64> {
        let connection = rusqlite::Connection::open(path).unwrap();
        let mut statement = connection.prepare("SELECT _rowid_ FROM odd ORDER BY 1").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(|id| id.unwrap()).collect()
    };
    let (_folder, path) = store(odd);
    let mut eraser = eraser(&path).unwrap();
    let mut unit = eraser.lock(&request(&["odd"])).unwrap();
    unit.rebuild(&table("odd"), &mut Some, &mut Heard::default()).unwrap();
    unit.commit(&mut Heard::default()).unwrap();
    scrub(eraser.as_mut(), Level::L2, &["odd"]).unwrap(); // VACUUM keeps row ids only where a column is one
    drop(eraser);
    assert_eq!(ids(&path).len(), 4);
}

#[test]
fn row_ids_survive_a_rebuild() {
    let (_folder, path) =
        store("CREATE TABLE notes (body); INSERT INTO notes (rowid, body) VALUES (-3, 'a'), (77, 'b')");
    let mut eraser = eraser(&path).unwrap();
    let mut unit = eraser.lock(&request(&["notes"])).unwrap();
    unit.rebuild(&table("notes"), &mut Some, &mut Heard::default()).unwrap();
    unit.commit(&mut Heard::default()).unwrap();
    drop(eraser);
    let connection = rusqlite::Connection::open(&path).unwrap();
    let sum = connection.query_row("SELECT sum(rowid * rowid) FROM notes", [], |row| row.get::<_, i64>(0));
    assert_eq!(sum.unwrap(), 9 + 77 * 77);
}

#[test]
fn a_rebuild_that_breaks_a_rule_takes_everything_back_and_tells_no_value() {
    let (_folder, path) = store(
        "CREATE TABLE marks (id INTEGER PRIMARY KEY, code TEXT UNIQUE ON CONFLICT REPLACE, mark INT CHECK (mark < 6));
        INSERT INTO marks VALUES (1, 'Иванова', 5), (2, 'Петров', 4); CREATE TABLE pupils (x); INSERT INTO pupils VALUES (1);",
    );
    let same: &mut dyn FnMut(Row) -> Option<Row> = &mut |mut row| {
        row[1] = text("Иванова");
        Some(row)
    };
    let high: &mut dyn FnMut(Row) -> Option<Row> = &mut |mut row| {
        row[2] = Value::Int(6);
        Some(row)
    };
    let foreign: &mut dyn FnMut(Row) -> Option<Row> = &mut |mut row| {
        row[2] = Value::Date(1);
        Some(row)
    };
    for (rewrite, code) in [(same, "sqlite-2067"), (high, "sqlite-275"), (foreign, "value:date")] {
        let mut eraser = eraser(&path).unwrap();
        let mut unit = eraser.lock(&request(&["marks", "pupils"])).unwrap();
        unit.destroy(&[table("pupils")], &mut Heard::default()).unwrap();
        let error = failed(unit.rebuild(&table("marks"), rewrite, &mut Heard::default()));
        assert_eq!(error.code.as_deref(), Some(code));
        assert!(!format!("{error:?}{error}").contains("Иванова"));
        let error = failed(unit.commit(&mut Heard::default()));
        assert_eq!(error.code.as_deref(), Some("unit-broken"), "half a unit was committed");
        drop(eraser);
        assert_eq!((count(&path, "marks"), count(&path, "pupils")), (2, 1));
    }
}

#[test]
fn full_text_tables_are_emptied_whatever_their_content() {
    let (_folder, path) = store(
        "CREATE TABLE pupils (id INTEGER PRIMARY KEY, name); INSERT INTO pupils VALUES (1, 'canary000001');
        CREATE VIRTUAL TABLE own USING fts5(name); INSERT INTO own SELECT name FROM pupils;
        CREATE VIRTUAL TABLE outer_text USING fts5(name, content=pupils, content_rowid=id);
        INSERT INTO outer_text (outer_text) VALUES ('rebuild');
        CREATE VIRTUAL TABLE bare USING fts5(name, content=''); INSERT INTO bare (rowid, name) SELECT * FROM pupils;",
    );
    let mut eraser = eraser(&path).unwrap();
    let scan = lastbell_contract::Scan::whole(&table("bare"), &["name".to_owned()]);
    let error = failed(eraser.scan(&scan, &mut |_| lastbell_contract::Flow::Continue));
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unsupported, Some("contentless")));
    let names = ["own", "outer_text", "bare"];
    assert!(names.iter().all(|name| eraser.count(&table(name)).unwrap() == 1));
    let heard = destroy(eraser.as_mut(), &names);
    assert_eq!(heard.all[0].1, "fts5-delete");
    assert_eq!(heard.all[2].1, "fts5-delete-all");
    assert!(names.iter().all(|name| eraser.count(&table(name)).unwrap() == 0));
    assert_eq!(eraser.count(&table("pupils")).unwrap(), 1);
    scrub(eraser.as_mut(), Level::L2, &names).unwrap();
    assert_eq!(eraser.count(&table("outer_text")).unwrap(), 0, "an emptied index was filled again");
}

#[test]
fn tidy_removes_shadows_of_a_broken_run_and_nothing_else() {
    let (_folder, path) = store(
        "CREATE TABLE lastbell_shadow_0 (r); CREATE TABLE lastbell_shadow_12 (r); CREATE TABLE lastbell_shadow_x (r);
        CREATE TABLE pupils (x);",
    );
    let mut eraser = eraser(&path).unwrap();
    let mut heard = Heard::default();
    eraser.tidy(&[], &mut heard).unwrap();
    assert_eq!(heard.all.len(), 4);
    let left: Vec<_> = eraser.catalog().unwrap().tables.into_iter().map(|one| one.id.name).collect();
    assert_eq!(left, ["lastbell_shadow_x", "pupils"]);
    eraser.tidy(&[], &mut heard).unwrap();
    assert_eq!(heard.all.len(), 4, "tidying twice is tidying once");
}

#[test]
fn a_unit_that_was_killed_in_the_middle_is_rolled_back() {
    let wide = "CREATE TABLE pupils (id INTEGER PRIMARY KEY, name TEXT, note TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO pupils SELECT i, printf('canary%06d', i), hex(zeroblob(200)) FROM n;";
    for mode in ["DELETE", "WAL"] {
        let (folder, path) = store(&format!("PRAGMA journal_mode = {mode}; {wide}"));
        let before = all_rows(reader(&path).unwrap().as_mut(), "pupils");
        Other::start("destroying", &path).kill();
        assert!(names(folder.path()).len() > 1, "{mode}: the test needs a transaction that reached the disk");
        let mut eraser = eraser(&path).unwrap();
        eraser.tidy(&[], &mut Heard::default()).unwrap();
        assert_eq!(all_rows(eraser.as_mut(), "pupils"), before, "{mode}");
    }
}

#[test]
fn the_writer_never_writes_over_a_file_and_takes_every_value() {
    let (_folder, path) = store(PUPILS);
    assert_eq!(Writer::create(&path).err().unwrap().code.as_deref(), Some("file-exists"));
    let mut writer = Writer::open(&path).unwrap();
    let bad = Value::Invalid(Kind::Text, vec![0xff]);
    assert_eq!(
        writer.execute_with("UPDATE pupils SET name = ?1 WHERE id = ?2", &[bad.clone(), Value::Int(3)]).unwrap(),
        1
    );
    writer.finish().unwrap();
    assert_eq!(all_rows(reader(&path).unwrap().as_mut(), "pupils")[2][1], bad);
}
