//! What the tests of this crate share: one throw-away server per test file, databases in it, the adapter's doors.
#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part")]

use lastbell_contract::{
    Adapter, AdapterError, Catalog, ErasePermit, Eraser, Flow, Location, Reader, Result, Row, Scan, TableId, Value,
};
use lastbell_postgres::Postgres;
use lastbell_testkit::servers::{self, Options};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static SERVER: OnceLock<servers::Postgres> = OnceLock::new();
static MADE: AtomicU64 = AtomicU64::new(0);

/// The server of this test file. Its watchdog ends it with the process.
pub(crate) fn server() -> &'static servers::Postgres {
    SERVER.get_or_init(|| servers::Postgres::start(&Options::fast()))
}

/// The major version of that server: some of what is tested came later than the oldest one.
pub(crate) fn major() -> u32 {
    server().sql("postgres", "SELECT current_setting('server_version_num')::int / 10000").parse().unwrap()
}

/// A new database made by these statements, by its name.
pub(crate) fn database(sql: &str) -> String {
    let name = format!("d{}", MADE.fetch_add(1, Ordering::Relaxed));
    server().create_database(&name);
    if !sql.is_empty() {
        server().sql(&name, sql);
    }
    name
}

pub(crate) fn location(url: &str) -> Location {
    Location::parse(url).unwrap()
}

/// A reader as the superuser.
pub(crate) fn reader(database: &str) -> Box<dyn Reader> {
    open(&server().url(database)).unwrap()
}

/// A reader as a role.
pub(crate) fn reader_as(role: &str, database: &str) -> Box<dyn Reader> {
    open(&server().url_as(role, database)).unwrap()
}

pub(crate) fn open(url: &str) -> Result<Box<dyn Reader>> {
    Postgres.open_reader(&location(url))
}

pub(crate) fn eraser(database: &str) -> Result<Box<dyn Eraser>> {
    Postgres.open_eraser(&location(&server().url(database)), &ErasePermit::granted_by("00", &[]))
}

/// The error of something that must fail.
pub(crate) fn failed<T>(result: Result<T>) -> AdapterError {
    result.err().expect("this must be refused")
}

/// The word of that error.
pub(crate) fn code<T>(result: Result<T>) -> String {
    failed(result).code.unwrap_or_default()
}

pub(crate) fn table(name: &str) -> TableId {
    TableId::plain(name)
}

pub(crate) fn in_schema(schema: &str, name: &str) -> TableId {
    TableId { schema: Some(schema.to_owned()), name: name.to_owned() }
}

pub(crate) fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

/// All columns of all rows of a table.
pub(crate) fn all_rows(reader: &mut dyn Reader, id: &TableId) -> Vec<Row> {
    let columns = reader.catalog().unwrap().table(id).unwrap().column_names();
    rows(reader, id, &columns)
}

pub(crate) fn rows(reader: &mut dyn Reader, id: &TableId, columns: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    let seen = reader.scan(&Scan::whole(id, columns), &mut |batch| {
        rows.extend(batch.unpacked());
        Flow::Continue
    });
    assert_eq!(seen.unwrap(), rows.len() as u64);
    rows
}

/// One column of a table, in the order of the rows' first column.
pub(crate) fn column(database: &str, name: &str, column: &str) -> Vec<Value> {
    let mut reader = reader(database);
    let mut found = rows(reader.as_mut(), &table(name), &["id".to_owned(), column.to_owned()]);
    found.sort_by_key(|row| match &row[0] {
        Value::Int(number) => *number,
        other => panic!("the first column is {}", other.variant()),
    });
    found.into_iter().map(|mut row| row.pop().unwrap()).collect()
}

pub(crate) fn catalog(database: &str) -> Catalog {
    reader(database).catalog().unwrap()
}
