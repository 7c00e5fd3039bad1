//! The statements that the documentation gives a platform's keeper, run on real servers: what they write is read as what
//! was stored. And the ways that do not write RFC 4180: each is an error or visibly another value, never a silent guess.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::location;
use lastbell_contract::{Adapter, Flow, Result, Row, Scan, TableId, Value};
use lastbell_csv::Csv;
use lastbell_testkit::servers::{Mariadb, Options, Postgres};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// Invented notes that break careless exports; `None` is NULL.
const NOTES: [Option<&str>; 11] = [
    None,
    Some(""),
    Some(" "),
    Some("NULL"),
    Some("\\N"),
    Some("say \"yes\", or; no"),
    Some("\""),
    Some("line\nline\r\nline\rend"),
    Some("back\\slash\\"),
    Some("Ёлка 🔔"),
    Some("\\."),
];

/// The statement that fills the table, in both servers' words: texts as bytes, so that no quoting is at stake here.
fn filled(bytes: fn(&str) -> String) -> String {
    let row = |(number, note): (usize, &Option<&str>)| format!("({number}, {})", note.map_or("NULL".to_owned(), bytes));
    let rows: Vec<String> = NOTES.iter().enumerate().map(row).collect();
    format!("CREATE TABLE notes (id int, note text); INSERT INTO notes VALUES {}", rows.join(", "))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder into which the server may write.
fn shared() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    folder
}

fn read(folder: &Path, query: &str) -> Result<Vec<Row>> {
    let columns = ["id".to_owned(), "note".to_owned()];
    let mut rows = Vec::new();
    let mut reader = Csv.open_reader(&location(folder, query))?;
    reader.scan(&Scan::whole(&TableId::plain("notes"), &columns), &mut |batch| {
        rows.extend(batch.unpacked());
        Flow::Continue
    })?;
    Ok(rows)
}

fn stored() -> Vec<Row> {
    let value = |note: &Option<&str>| note.map_or(Value::Null, |note| Value::Text(note.to_owned()));
    NOTES.iter().enumerate().map(|(number, note)| vec![Value::Text(number.to_string()), value(note)]).collect()
}

/// How many of the rows are read as they were stored; `None` when the file is refused.
fn alike(folder: &Path, query: &str) -> Option<usize> {
    let rows = read(folder, query).ok()?;
    Some(rows.iter().filter(|row| stored().contains(row)).count())
}

#[test]
fn what_postgresql_copies_is_read_as_it_was_stored() {
    let server = Postgres::start(&Options::fast());
    server.create_database("platform");
    server.sql("platform", &filled(|text| format!("convert_from('\\x{}', 'UTF8')", hex(text))));
    for (options, query) in [
        ("FORMAT csv, HEADER", ""),
        ("FORMAT csv, HEADER, DELIMITER ';', NULL '\\N'", "?delimiter=;&null=\\N"),
        ("FORMAT csv, HEADER, DELIMITER E'\\t', FORCE_QUOTE *", "?delimiter=tab"),
    ] {
        let folder = shared();
        let file = folder.path().join("notes.csv");
        server.sql("platform", &format!("COPY notes TO '{}' WITH ({options})", file.display()));
        assert_eq!(read(folder.path(), query).unwrap(), stored(), "{options}");
    }
    // Not CSV: backslashes are escapes there, and NULL is one of them.
    let folder = shared();
    let file = folder.path().join("notes.csv");
    server.sql("platform", &format!("COPY notes TO '{}' WITH (DELIMITER ',')", file.display()));
    assert!(alike(folder.path(), "").is_none_or(|alike| alike < NOTES.len()));
}

/// The statement of the page that writes each table's own.
fn statement_of_the_page() -> &'static str {
    let page = include_str!("../../../docs/exports.md");
    let (_, from) = page.split_once("```sql\n").unwrap();
    from.split_once("```").unwrap().0
}

#[test]
fn what_mariadb_is_told_to_write_is_read_as_it_was_stored() {
    let server = Mariadb::start(&Options::fast());
    server.create_database("platform");
    server.sql("platform", &filled(|text| format!("CONVERT(x'{}' USING utf8mb4)", hex(text))));
    let folder = shared();
    let written = server.sql("platform", statement_of_the_page());
    server.sql("platform", &written.replace("/srv/export", folder.path().to_str().unwrap()));
    assert_eq!(read(folder.path(), "").unwrap(), stored());
    for (how, query) in [
        ("FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'", "?null=\\N"),
        ("FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '\"'", ""),
        ("FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''", "?null=NULL"),
    ] {
        let folder = shared();
        let file = folder.path().join("notes.csv");
        let sql =
            format!("SELECT 'id', 'note' UNION ALL SELECT id, note FROM notes INTO OUTFILE '{}' {how}", file.display());
        server.sql("platform", &sql);
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        assert_eq!(alike(folder.path(), query), None, "{how} wrote\n{text}");
    }
}
