//! What only exports have: files that are cut, changed, doubled, linked or badly written; and errors that name a place and
//! never a value.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{gzip, location};
use lastbell_contract::{
    Adapter, AdapterError, ErasePermit, ErrorKind, Flow, Kind, Known, Level, Means, Reader, Result, Row, Scan, TableId,
    Value,
};
use lastbell_csv::Csv;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// Stands in cells of files that are made to fail. Invented; nobody is called that.
const MARKER: &str = "Несуществующева";

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

fn open(folder: &Path, query: &str) -> Result<Box<dyn Reader>> {
    Csv.open_reader(&location(folder, query))
}

fn rows(reader: &mut dyn Reader, table: &str) -> Result<Vec<Row>> {
    let id = TableId::plain(table);
    let catalog = reader.catalog()?;
    let scan = Scan::whole(&id, &catalog.table(&id).unwrap().column_names());
    let mut rows = Vec::new();
    reader.scan(&scan, &mut |batch| {
        rows.extend(batch.unpacked());
        Flow::Continue
    })?;
    Ok(rows)
}

/// A table of one file `a.csv`, by an address with these options.
fn read(bytes: &[u8], query: &str) -> Result<Vec<Row>> {
    let folder = folder(&[("a.csv", bytes)]);
    rows(open(folder.path(), query)?.as_mut(), "a")
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Kind, code, and nothing of what stood in the file.
fn told(error: &AdapterError) -> (ErrorKind, &str) {
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(!shown.contains(MARKER), "{shown}");
    }
    (error.kind, error.code.as_deref().unwrap_or_default())
}

#[test]
fn values_are_read_as_they_were_written() {
    let plain = read("\u{feff}id,note\n1,\n2,\"\"\n3,NULL\n4,\"a,\"\"b\"\"\r\nc\"\r\n5,\\N".as_bytes(), "").unwrap();
    let notes = [Value::Null, text(""), text("NULL"), text("a,\"b\"\r\nc"), text("\\N")];
    assert_eq!(plain.iter().map(|row| row[1].clone()).collect::<Vec<_>>(), notes);
    let russian = b"\xd4\xc8\xce;\xef\xee\xeb\r\n\xb8\xe6;\\N\r\n;\"\\N\"\r\n";
    let folder = folder(&[("a.csv", russian)]);
    let mut reader = open(folder.path(), "?delimiter=;&null=\\N&encoding=cp1251").unwrap();
    assert_eq!(reader.catalog().unwrap().tables[0].column_names(), ["ФИО", "пол"]);
    assert_eq!(rows(reader.as_mut(), "a").unwrap(), [vec![text("ёж"), Value::Null], vec![text(""), text("\\N")]]);
}

#[test]
fn a_field_that_is_no_text_is_given_with_its_bytes() {
    let raw = b"id,note\n1,\"a\xffb\"\n2,ok\n";
    let invalid = Value::Invalid(Kind::Text, b"a\xffb".to_vec());
    assert_eq!(read(raw, "").unwrap(), [vec![text("1"), invalid], vec![text("2"), text("ok")]]);
    let invalid = Value::Invalid(Kind::Text, b"\x98".to_vec());
    assert_eq!(read(b"a\n\x98\n", "?encoding=cp1251").unwrap(), [vec![invalid]]);
}

#[test]
fn what_is_no_csv_is_an_error_with_file_line_and_field() {
    let damaged = |code: &str| (ErrorKind::Damaged, code.to_owned());
    for (text, code) in [
        ("", "csv-header:a.csv:1:1"),
        ("\u{feff}", "csv-header:a.csv:1:1"),
        ("id,\n", "csv-header-empty:a.csv:1:2"),
        ("\n1\n", "csv-header-empty:a.csv:1:1"),
        ("id,name,id\n", "csv-header-twice:a.csv:1:3"),
        ("id,name\n1,X\n2\n", "csv-fields:a.csv:3:2"),
        ("id,name\n1,X,X\n", "csv-fields:a.csv:2:3"),
        ("id,name\n1,X\n\n", "csv-fields:a.csv:3:2"),
        ("id,name\n\"1\n2\n3\",X\n4,\"X\n", "csv-quote-open:a.csv:5:2"),
        ("id,name\n1,X\"X\n", "csv-quote-inside:a.csv:2:2"),
        ("id,name\n1,\"X\"X\n", "csv-after-quote:a.csv:2:2"),
        ("id,name\n1,X\rX\n", "csv-return:a.csv:2:2"),
    ] {
        let text = text.replace('X', MARKER);
        let error = read(text.as_bytes(), "").expect_err(&text);
        let (kind, said) = told(&error);
        assert_eq!((kind, said.to_owned()), damaged(code), "{text:?}");
    }
    for (bytes, query, code) in [
        (&b"\xff\xfei\x00d\x00\n\x00"[..], "", "csv-utf-16:a.csv:1:1"),
        (b"\xfe\xff\x00i\x00d\x00\n", "", "csv-utf-16:a.csv:1:1"),
        (b"\xef\xbb\xbfid\n", "?encoding=cp1251", "csv-bom:a.csv:1:1"),
        (b"id,\xff\n", "", "csv-header-text:a.csv:1:2"),
    ] {
        assert_eq!(told(&read(bytes, query).unwrap_err()), (ErrorKind::Damaged, code));
    }
}

fn many() -> Vec<u8> {
    let line = |number: u32| format!("{number},{MARKER}-{}\n", number.wrapping_mul(2_654_435_761));
    ("id,name\n".to_owned() + &(1..=5000).map(line).collect::<String>()).into_bytes()
}

#[test]
fn a_compressed_file_that_was_cut_is_an_error_wherever_it_was_cut() {
    let text = many();
    let (first, second) = text.split_at(text.len() / 2);
    let whole = gzip(&[first, second]);
    let members = gzip(&[first]).len();
    let mut cuts: Vec<usize> = (1..whole.len()).step_by(997).collect();
    cuts.extend([1, 2, 9, 10, 11, members - 9, members - 8, members - 1]);
    cuts.extend([members + 1, members + 5, members + 10, whole.len() - 9, whole.len() - 8, whole.len() - 1]);
    for cut in cuts.into_iter().filter(|cut| *cut != members) {
        let folder = folder(&[("a.csv.gz", &whole[..cut])]);
        let error = open(folder.path(), "").and_then(|mut reader| rows(reader.as_mut(), "a")).expect_err("was whole");
        assert_eq!(told(&error), (ErrorKind::Damaged, "gzip-cut:a.csv.gz"), "cut after {cut} of {}", whole.len());
        let counted = open(folder.path(), "").unwrap().count(&TableId::plain("a"));
        assert_eq!(told(&counted.unwrap_err()).1, "gzip-cut:a.csv.gz", "a count after {cut}");
    }
    let empty = folder(&[("a.csv.gz", b"")]);
    assert!(open(empty.path(), "").unwrap().catalog().is_err(), "no gzip file is empty");
    let all = folder(&[("a.csv.gz", &whole)]);
    assert_eq!(rows(open(all.path(), "").unwrap().as_mut(), "a").unwrap().len(), 5000);
}

#[test]
fn a_compressed_file_with_a_changed_byte_or_a_tail_is_an_error() {
    let whole = gzip(&[&many()]);
    let mut changed = whole.clone();
    let middle = changed.len() - 6;
    changed[middle] ^= 1; // the checksum
    let tail = [&whole[..], b"tail of something"].concat();
    for bytes in [changed, tail, many()] {
        let folder = folder(&[("a.csv.gz", &bytes)]);
        let error = open(folder.path(), "").and_then(|mut reader| rows(reader.as_mut(), "a")).unwrap_err();
        assert_eq!(told(&error), (ErrorKind::Damaged, "gzip-broken:a.csv.gz"));
    }
}

/// What somebody does to a file.
type Change = fn(&Path);

#[test]
fn a_file_that_changes_after_the_visit_began_is_an_error() {
    let id = TableId::plain("a");
    let scan = Scan { batch_rows: 10, ..Scan::whole(&id, &["id".to_owned()]) };
    let changes: [(&str, Change); 5] = [
        ("longer", |path| fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"9,x\n").unwrap()),
        ("shorter", |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(5000).unwrap()),
        ("of the same length and time", same_length_and_time),
        ("replaced by its copy", |path| {
            let other = path.with_extension("new");
            fs::copy(path, &other).unwrap();
            fs::rename(other, path).unwrap();
        }),
        ("gone", |path| fs::remove_file(path).unwrap()),
    ];
    for (what, change) in changes {
        for within in [false, true] {
            let folder = folder(&[("a.csv", &many())]);
            let path = folder.path().join("a.csv");
            let mut reader = open(folder.path(), "").unwrap();
            assert_eq!(reader.count(&id).unwrap(), 5000);
            let mut due = Some(|| change(&path));
            if !within {
                due.take().unwrap()();
            }
            let ended = reader.scan(&scan, &mut |_| {
                if let Some(change) = due.take() {
                    change();
                }
                Flow::Continue
            });
            let error = ended.expect_err(what);
            let (kind, code) = told(&error);
            // A file that is gone before it is opened is not there.
            let changed = kind == ErrorKind::Changed && code == "csv-changed:a.csv";
            let gone = what == "gone" && !within && (kind, code) == (ErrorKind::NotFound, "file-not-found");
            assert!(changed || gone, "{what}, {within}: {error}");
        }
    }
}

/// Another value, and then the old time of writing.
fn same_length_and_time(path: &Path) {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() - 2;
    bytes[last] = if bytes[last] == b'1' { b'2' } else { b'1' };
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
    assert_eq!(fs::metadata(path).unwrap().modified().unwrap(), before);
}

#[test]
fn two_files_of_one_table_are_refused_by_name() {
    for (one, other) in [("a.csv", "a.csv.gz"), ("a.CSV", "a.csv")] {
        let folder = folder(&[(one, b"id\n1\n"), (other, b"id\n1\n"), ("b.csv", b"id\n")]);
        let error = open(folder.path(), "").err().unwrap();
        assert_eq!(told(&error), (ErrorKind::Unsafe, format!("csv-twice:{one} + {other}").as_str()));
    }
}

#[test]
fn what_leads_out_of_the_folder_or_is_no_file_is_refused() {
    let outside = folder(&[("a.csv", b"id\n1\n")]);
    let linked = folder(&[("b.csv", b"id\n2\n")]);
    symlink(outside.path().join("a.csv"), linked.path().join("a.csv")).unwrap();
    let error = open(linked.path(), "").err().unwrap();
    assert_eq!(told(&error), (ErrorKind::Unsafe, "csv-link:a.csv"));
    fs::remove_file(linked.path().join("a.csv")).unwrap();
    symlink("b.csv", linked.path().join("a.csv")).unwrap();
    let mut reader = open(linked.path(), "").unwrap();
    assert_eq!(rows(reader.as_mut(), "a").unwrap(), rows(reader.as_mut(), "b").unwrap());
    assert_eq!(reader.files().unwrap().len(), 1, "one file, whatever its names");
    fs::create_dir(linked.path().join("c.csv")).unwrap();
    let error = open(linked.path(), "").err().unwrap();
    assert_eq!(told(&error), (ErrorKind::Unsupported, "csv-no-file:c.csv"));
    fs::remove_dir(linked.path().join("c.csv")).unwrap();
    let pipe = linked.path().join("d.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(told(&open(linked.path(), "").err().unwrap()).1, "csv-no-file:d.csv");
    let of_a_file = Csv.open_reader(&location(&outside.path().join("a.csv"), "")).err().unwrap();
    assert_eq!(told(&of_a_file), (ErrorKind::NotFound, "csv-no-folder"));
}

#[test]
fn one_export_is_itself_by_any_name_and_no_database_is_an_export() {
    let one = folder(&[("a.csv", b"id\n1\n")]);
    let other = folder(&[("a.csv", b"id\n1\n")]);
    let beside = TempDir::new().unwrap();
    let link = beside.path().join("link");
    symlink(one.path(), &link).unwrap();
    let hard = folder(&[]);
    fs::hard_link(one.path().join("a.csv"), hard.path().join("b.csv")).unwrap();
    let anchors = |folder: &Path| open(folder, "?delimiter=;").unwrap().info().unwrap().identity.anchors;
    let shared = |a: &[String], b: &[String]| a.iter().any(|anchor| b.contains(anchor));
    let first = anchors(one.path());
    assert!(shared(&first, &anchors(&link)), "by a link");
    assert!(shared(&first, &anchors(hard.path())), "the same file in another folder");
    assert!(!shared(&first, &anchors(other.path())), "equal files are not the same ones");
    assert_eq!(first.len(), 2);
}

#[test]
fn an_export_says_that_it_is_only_read() {
    let folder = folder(&[("a.csv", b"id\n1\n"), ("b.csv", b"id\n"), ("notes.txt", b"x"), ("._a.csv", b"\0")]);
    let newest = std::time::UNIX_EPOCH + std::time::Duration::from_micros(4_000_000_000_123_456);
    fs::File::options().write(true).open(folder.path().join("a.csv")).unwrap().set_modified(newest).unwrap();
    let mut reader = open(folder.path(), "").unwrap();
    let info = reader.info().unwrap();
    assert_eq!(info.last_write, Known::Yes(4_000_000_000_123_456), "the newest file");
    assert_eq!(reader.files().unwrap().len(), 2);
    let reach = reader.reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!((reach.level, reach.preconditions[0].code.as_str()), (Level::L0, "read-only-store"));
    let permit = ErasePermit::granted_by(&"0".repeat(64), &[]);
    let refused = Csv.open_eraser(&location(folder.path(), ""), &permit).err().unwrap();
    assert_eq!(told(&refused), (ErrorKind::Unsupported, "read-only-store"));
    let missing = open(&folder.path().join(MARKER), "").err().unwrap();
    assert_eq!(told(&missing), (ErrorKind::NotFound, "file-not-found"));
    let scan = Scan::whole(&TableId::plain("a"), &[MARKER.to_owned()]);
    assert_eq!(told(&reader.scan(&scan, &mut |_| Flow::Continue).unwrap_err()).1, "column");
}
