//! PostgreSQL as the suite's subject: a database per store, made and written by another client.
#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part")]

mod cutter;

use cutter::Cutter;
use lastbell_contract::{Action, Adapter, Capabilities, Kind, Location, Row, Value};
use lastbell_postgres::Postgres;
use lastbell_testkit::servers::{self, Options};
use lastbell_testkit::{Change, Expectations, LinkSetup, Setup, Subject, TableSetup, Written};
use postgres::error::SqlState;
use postgres::{Client, NoTls};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A server of its own with a door that can be broken.
pub(crate) struct Engine {
    server: servers::Postgres,
    door: Cutter,
    made: AtomicU64,
    /// Its triggers fire when a table is truncated, too.
    fires: bool,
    /// The client that wrote last, and where: connecting anew for every change would take longer than the changes.
    beside: Mutex<Option<(String, Client)>>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        let server = servers::Postgres::start(&Options::fast());
        let door = Cutter::before(server.socket_dir(), server.port());
        Self { server, door, made: AtomicU64::new(0), fires: false, beside: Mutex::new(None) }
    }

    /// One whose triggers fire when a table is truncated, and not only when rows are deleted.
    pub(crate) fn firing() -> Self {
        Self { fires: true, ..Self::new() }
    }

    fn client(&self, database: &str) -> Client {
        let folder = self.server.socket_dir().display();
        let settings = format!("host={folder} port={} user=postgres dbname={database}", self.server.port());
        Client::connect(&settings, NoTls).unwrap()
    }

    fn location(&self, database: &str) -> Location {
        let (folder, port) = (self.door.folder().display(), self.server.port());
        Location::parse(&format!("postgres:///{database}?host={folder}&port={port}&user=postgres")).unwrap()
    }
}

/// The database of an address of ours.
fn database_of(location: &Location) -> &str {
    location.rest.trim_start_matches('/').split('?').next().unwrap()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "bigint",
        Kind::Decimal => "numeric(24, 4)",
        Kind::Float => "double precision",
        Kind::Bool => "boolean",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::LocalDateTime => "timestamp",
        Kind::Instant => "timestamptz",
        Kind::Uuid => "uuid",
        Kind::Json => "json",
        Kind::Unknown => panic!("a column needs a type"),
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
    format!("CREATE TABLE {} ({});", quoted(&table.name), parts.join(", "))
}

fn text(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A value in SQL. Moments are sums, so that no calendar of ours is needed to test another.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(number) => format!("'{number}'"),
        Value::Float(number) => format!("'{number:e}'"),
        Value::Bool(yes) => yes.to_string(),
        Value::Text(told) | Value::Json(told) => text(told),
        Value::Bytes(raw) => {
            let digits = raw.iter().fold(String::new(), |mut all, byte| {
                let _ = write!(all, "{byte:02x}");
                all
            });
            format!("'\\x{digits}'::bytea")
        }
        Value::Date(days) => format!("date '1970-01-01' + {days}"),
        Value::Time(micros) => format!("time '00:00' + {micros} * interval '1 microsecond'"),
        Value::LocalDateTime(micros) => format!("timestamp '1970-01-01' + {micros} * interval '1 microsecond'"),
        Value::Instant(micros) => format!("timestamptz '1970-01-01 00:00+00' + {micros} * interval '1 microsecond'"),
        Value::Uuid(raw) => format!("'{:032x}'", u128::from_be_bytes(*raw)),
        Value::Invalid(..) => panic!("nobody writes what is invalid"),
    }
}

fn literals(row: &Row) -> String {
    format!("({})", row.iter().map(literal).collect::<Vec<_>>().join(", "))
}

fn statements(setup: &Setup, fires: bool) -> String {
    let [events, each] = if fires { ["DELETE OR TRUNCATE", "STATEMENT"] } else { ["DELETE", "ROW"] };
    let mut sql = String::new();
    for table in &setup.tables {
        sql.push_str(&create(table));
        if !table.rows.is_empty() {
            let rows: Vec<String> = table.rows.iter().map(literals).collect();
            let _ = write!(sql, "INSERT INTO {} VALUES {};", quoted(&table.name), rows.join(", "));
        }
    }
    for table in &setup.tables {
        for trigger in &table.triggers {
            let (name, on, clears) = (quoted(&trigger.name), quoted(&table.name), quoted(&trigger.clears));
            let _ = write!(
                sql,
                "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE FROM {clears}; RETURN NULL; END$$; \
                 CREATE TRIGGER {name} AFTER {events} ON {on} FOR EACH {each} EXECUTE FUNCTION {name}();"
            );
        }
    }
    for view in &setup.views {
        let _ = write!(sql, "CREATE VIEW {} AS SELECT * FROM {};", quoted(&view.name), quoted(&view.reads));
    }
    sql
}

fn change(change: &Change) -> String {
    match change {
        Change::Insert { table, row } => format!("INSERT INTO {} VALUES {}", quoted(table), literals(row)),
        Change::Update { table, key, set } => format!(
            "UPDATE {} SET {} = {} WHERE {} = {}",
            quoted(table),
            quoted(&set.0),
            literal(&set.1),
            quoted(&key.0),
            literal(&key.1)
        ),
        Change::DeleteAll { table } => format!("DELETE FROM {}", quoted(table)),
    }
}

impl Subject for Engine {
    fn adapter(&self) -> &dyn Adapter {
        &Postgres
    }

    fn fresh(&self, setup: &Setup) -> Location {
        let name = format!("store_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.client("postgres").batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let mut client = self.client(&name);
        client.batch_execute(&statements(setup, self.fires)).unwrap();
        client.batch_execute("CHECKPOINT").unwrap(); // so that the rows stand in files, where a case looks for them
        self.location(&name)
    }

    fn absent(&self) -> Location {
        self.location("nowhere")
    }

    fn write_beside(&self, location: &Location, wanted: &Change) -> Written {
        let database = database_of(location);
        let mut beside = self.beside.lock().unwrap();
        if beside.as_ref().is_none_or(|(known, _)| known != database) {
            let mut client = self.client(database);
            client.batch_execute("SET lock_timeout = 20").unwrap();
            *beside = Some((database.to_owned(), client));
        }
        let (_, client) = beside.as_mut().unwrap();
        match client.batch_execute(&change(wanted)) {
            Ok(()) => Written::Done,
            Err(error) => {
                assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE), "neither written nor excluded: {error}");
                Written::Excluded
            }
        }
    }

    fn expectations(&self) -> Expectations {
        Expectations {
            kinds: vec![
                Kind::Int,
                Kind::Decimal,
                Kind::Float,
                Kind::Bool,
                Kind::Text,
                Kind::Bytes,
                Kind::Date,
                Kind::Time,
                Kind::LocalDateTime,
                Kind::Instant,
                Kind::Uuid,
                Kind::Json,
            ],
            capabilities: Capabilities {
                snapshot_reads: true,
                atomic_units: true,
                rebuilds: true,
                enforces_links: true,
                sees_files: true,
                overwrites_freed: false,
            },
            text_with_nul: false,
            gap_rounds: 50,
        }
    }

    /// Where every row of every table lies and who wrote it: a reader may leave hint bits, and moves no row.
    fn raw_bytes(&self, location: &Location) -> Option<Vec<u8>> {
        let mut client = self.client(database_of(location));
        let sql = "SELECT c.oid::regclass::text, c.oid, c.relfilenode FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace \
                   AND c.relkind = 'r' ORDER BY c.oid";
        let mut picture = String::new();
        for table in client.query(sql, &[]).unwrap() {
            let (name, number, file): (String, u32, u32) = (table.get(0), table.get(1), table.get(2));
            let rows =
                format!("SELECT string_agg(concat_ws(' ', ctid, xmin, xmax, t), ',' ORDER BY ctid) FROM {name} t");
            let rows: Option<String> = client.query_one(&rows, &[]).unwrap().get(0);
            let _ = writeln!(picture, "{number} {file} {rows:?}");
        }
        Some(picture.into_bytes())
    }

    /// Batches of five rows in the suite's case.
    fn cut_next_scan(&self, _location: &Location, after_batches: u32) -> bool {
        self.door.arm(after_batches * 5);
        true
    }
}
