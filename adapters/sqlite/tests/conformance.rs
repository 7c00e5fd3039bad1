//! SQLite keeps every promise of the contract's suite on real files; and the suite notices bugs planted around it.
#![allow(clippy::unwrap_used)]

use lastbell_contract::{Action, Adapter, Capabilities, Kind, Location, Value};
use lastbell_sqlite::Sqlite;
use lastbell_testkit::mutants::{Excuse, Share, assert_noticed_on};
use lastbell_testkit::{Bug, Change, Expectations, LinkSetup, Setup, Subject, TableSetup, Written, run};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// A file per store, in the journal mode asked for.
struct Files {
    folder: TempDir,
    journal_mode: &'static str,
    made: AtomicU64,
}

impl Files {
    fn new(journal_mode: &'static str) -> Self {
        Self { folder: TempDir::new().unwrap(), journal_mode, made: AtomicU64::new(0) }
    }

    fn location(path: &Path) -> Location {
        Location { scheme: "sqlite".to_owned(), rest: path.to_str().unwrap().to_owned() }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "INTEGER",
        Kind::Float => "REAL",
        Kind::Text => "TEXT",
        Kind::Bytes => "BLOB",
        Kind::Decimal
        | Kind::Bool
        | Kind::Date
        | Kind::Time
        | Kind::LocalDateTime
        | Kind::Instant
        | Kind::Uuid
        | Kind::Json
        | Kind::Unknown => panic!("SQLite has no {kind:?} of its own"),
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::NoAction => "NO ACTION",
        Action::Restrict => "RESTRICT",
        Action::Cascade => "CASCADE",
        Action::SetNull => "SET NULL",
        Action::SetDefault => "SET DEFAULT",
    }
}

fn link(link: &LinkSetup) -> String {
    let (here, there) = (list(&link.columns), list(&link.referenced_columns));
    let (table, action) = (quoted(&link.references), action(link.on_delete));
    format!("FOREIGN KEY ({here}) REFERENCES {table} ({there}) ON DELETE {action}")
}

fn create(table: &TableSetup) -> String {
    let mut parts: Vec<String> = Vec::new();
    for column in &table.columns {
        let null = if column.nullable { "" } else { " NOT NULL" };
        parts.push(format!("{} {}{null}", quoted(&column.name), type_of(column.kind)));
    }
    if !table.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", list(&table.primary_key)));
    }
    parts.extend(table.unique_keys.iter().map(|key| format!("UNIQUE ({})", list(key))));
    parts.extend(table.links.iter().map(link));
    format!("CREATE TABLE {} ({})", quoted(&table.name), parts.join(", "))
}

/// A value bound as SQLite stores it.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(i64::try_from(*number).unwrap()),
            Value::Float(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(raw) => ValueRef::Blob(raw),
            Value::Decimal(_)
            | Value::Bool(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::LocalDateTime(_)
            | Value::Instant(_)
            | Value::Uuid(_)
            | Value::Json(_)
            | Value::Invalid(..) => panic!("SQLite does not store {}", self.0.variant()),
        }))
    }
}

fn insert(connection: &Connection, table: &TableSetup) -> rusqlite::Result<()> {
    let places = vec!["?"; table.columns.len()].join(", ");
    let mut statement = connection.prepare(&format!("INSERT INTO {} VALUES ({places})", quoted(&table.name)))?;
    for row in &table.rows {
        statement.execute(rusqlite::params_from_iter(row.iter().map(Bound)))?;
    }
    Ok(())
}

fn fill(connection: &Connection, setup: &Setup) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    for table in &setup.tables {
        connection.execute_batch(&create(table))?;
        insert(connection, table)?;
    }
    for table in &setup.tables {
        for trigger in &table.triggers {
            let (name, on, clears) = (quoted(&trigger.name), quoted(&table.name), quoted(&trigger.clears));
            connection.execute_batch(&format!(
                "CREATE TRIGGER {name} AFTER DELETE ON {on} BEGIN DELETE FROM {clears}; END"
            ))?;
        }
    }
    for view in &setup.views {
        let (name, reads) = (quoted(&view.name), quoted(&view.reads));
        connection.execute_batch(&format!("CREATE VIEW {name} AS SELECT * FROM {reads}"))?;
    }
    connection.execute_batch("COMMIT")
}

fn write(path: &Path, change: &Change) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(Duration::from_millis(0))?;
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    match change {
        Change::Insert { table, row } => {
            let sql = format!("INSERT INTO {} VALUES ({})", quoted(table), vec!["?"; row.len()].join(", "));
            connection.execute(&sql, rusqlite::params_from_iter(row.iter().map(Bound))).map(drop)
        }
        Change::Update { table, key, set } => {
            let sql = format!("UPDATE {} SET {} = ?1 WHERE {} = ?2", quoted(table), quoted(&set.0), quoted(&key.0));
            connection.execute(&sql, [Bound(&set.1), Bound(&key.1)]).map(drop)
        }
        Change::DeleteAll { table } => connection.execute(&format!("DELETE FROM {}", quoted(table)), []).map(drop),
    }
}

impl Subject for Files {
    fn adapter(&self) -> &dyn Adapter {
        &Sqlite
    }

    fn fresh(&self, setup: &Setup) -> Location {
        let path = self.folder.path().join(format!("store-{}.db", self.made.fetch_add(1, Ordering::Relaxed)));
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", self.journal_mode).unwrap();
        // The version makes a database of a file that gets no table: without it SQLite writes nothing at all.
        connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA user_version = 1").unwrap();
        fill(&connection, setup).unwrap();
        connection.close().unwrap();
        Self::location(&path)
    }

    fn absent(&self) -> Location {
        Self::location(&self.folder.path().join("nowhere.db"))
    }

    fn write_beside(&self, location: &Location, change: &Change) -> Written {
        match write(Path::new(&location.rest), change) {
            Ok(()) => Written::Done,
            Err(error) => {
                let excluded = [Some(ErrorCode::DatabaseBusy), Some(ErrorCode::DatabaseLocked)];
                assert!(excluded.contains(&error.sqlite_error_code()), "neither written nor excluded: {error}");
                Written::Excluded
            }
        }
    }

    fn expectations(&self) -> Expectations {
        Expectations {
            kinds: vec![Kind::Int, Kind::Float, Kind::Text, Kind::Bytes],
            capabilities: Capabilities {
                snapshot_reads: true,
                atomic_units: true,
                rebuilds: true,
                enforces_links: false,
                sees_files: true,
                overwrites_freed: true,
            },
            text_with_nul: true,
            gap_rounds: 50,
        }
    }

    fn raw_bytes(&self, location: &Location) -> Option<Vec<u8>> {
        Some(std::fs::read(PathBuf::from(&location.rest)).unwrap())
    }
}

/// What SQLite does not promise: it has snapshots and atomic units, and no connection to cut.
const NOT_APPLYING: [&str; 4] = [
    "a mark that one visit raises is seen by others to the same store alone, while it stays",
    "snapshots are refused where the engine has none",
    "a connection that breaks in a scan is an error, never an end",
    "each statement is durable at once, where units are not atomic",
];

#[test]
fn with_a_rollback_journal_every_promise_is_kept() {
    let report = run(&Files::new("DELETE"));
    report.assert_all();
    assert_eq!(report.not_applying(), NOT_APPLYING, "{report}");
}

#[test]
fn with_a_write_ahead_log_every_promise_is_kept() {
    let report = run(&Files::new("WAL"));
    report.assert_all();
    assert_eq!(report.not_applying(), NOT_APPLYING, "{report}");
}

/// What cannot show on SQLite.
const EXCUSED: [Excuse; 6] = [
    (Bug::RaisesNoMark, "a file's anchors tell it, and no mark is raised"),
    (Bug::SeesEveryMark, "a file's anchors tell it, and no mark is looked for"),
    (Bug::CutIsAnEnd, "there is no connection to cut"),
    (Bug::DoesNotExclude, "a visit that may destroy holds the file from its opening on, whatever its unit locks"),
    (Bug::ForgetsWatched, "a lock is on the whole file"),
    (Bug::CutsEveryLink, "no link is enforced, so that none is cut"),
];

/// In both journal modes: with a rollback journal a reader's snapshot keeps every writer out, and its end shows nothing new.
#[test]
fn every_bug_planted_around_it_is_noticed() {
    let (journal, log) = (Files::new("DELETE"), Files::new("WAL"));
    assert_noticed_on(&[&journal, &log], Share { nth: 0, of: 1 }, &EXCUSED);
}
