//! The suite's stores in the words of the server: tables, links, triggers, views, rows, and changes by somebody else.

use super::{MARIADB, SERVER, raw};
use lastbell_contract::{Action, Kind, Value};
use lastbell_testkit::{Change, LinkSetup, Setup, TableSetup, Written};
use mysql::prelude::Queryable;
use mysql::{Conn, Value as Bound};

pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// `a`, `A` and `a ` are three values, in a key, too.
fn exact() -> &'static str {
    if *MARIADB {
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
    } else {
        "CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
    }
}

fn type_of(kind: Kind, in_a_key: bool) -> String {
    match kind {
        Kind::Int => "BIGINT".to_owned(),
        Kind::Decimal => "DECIMAL(24, 4)".to_owned(),
        Kind::Float => "DOUBLE".to_owned(),
        Kind::Text if in_a_key => format!("VARCHAR(64) {}", exact()),
        Kind::Text => format!("LONGTEXT {}", exact()),
        Kind::Bytes => "LONGBLOB".to_owned(),
        Kind::Date => "DATE".to_owned(),
        Kind::Time => "TIME(6)".to_owned(),
        Kind::LocalDateTime => "DATETIME(6)".to_owned(),
        Kind::Instant => "TIMESTAMP(6)".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Json => "JSON".to_owned(),
        Kind::Bool | Kind::Unknown => panic!("the server has no {kind:?} of its own"),
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
        let null = if column.nullable { "NULL" } else { "NOT NULL" };
        // A TIMESTAMP without a default is given one that changes by itself on some servers.
        let default = if column.kind == Kind::Instant && !column.nullable { " DEFAULT '2000-01-01'" } else { "" };
        let kind = type_of(column.kind, table.in_a_key(&column.name));
        parts.push(format!("{} {kind} {null}{default}", quoted(&column.name)));
    }
    if !table.primary_key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", list(&table.primary_key)));
    }
    parts.extend(table.unique_keys.iter().map(|key| format!("UNIQUE ({})", list(key))));
    parts.extend(table.links.iter().map(link));
    format!("CREATE TABLE {} ({}) ENGINE = InnoDB", quoted(&table.name), parts.join(", "))
}

/// How a value is written, as an expression with one parameter.
fn expression(value: &Value) -> &'static str {
    match value {
        Value::Date(_) => "DATE_ADD(DATE '1970-01-01', INTERVAL ? DAY)",
        Value::LocalDateTime(_) | Value::Instant(_) => {
            "DATE_ADD(TIMESTAMP '1970-01-01 00:00:00.000000', INTERVAL ? MICROSECOND)"
        }
        Value::Null
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Time(_)
        | Value::Uuid(_)
        | Value::Json(_) => "?",
        Value::Bool(_) | Value::Invalid(..) => panic!("the server does not store {}", value.variant()),
    }
}

fn bound(value: &Value) -> Bound {
    match value {
        Value::Null => Bound::NULL,
        Value::Int(number) => Bound::Int(i64::try_from(*number).unwrap()),
        Value::Float(number) => Bound::Double(*number),
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => Bound::Bytes(text.clone().into_bytes()),
        Value::Bytes(raw) => Bound::Bytes(raw.clone()),
        Value::Date(count) | Value::LocalDateTime(count) | Value::Instant(count) => Bound::Int(*count),
        Value::Time(micros) => {
            let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
            let text = format!("{}:{:02}:{:02}.{micros:06}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            Bound::Bytes(text.into_bytes())
        }
        Value::Uuid(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
            Bound::Bytes(parts.join("-").into_bytes())
        }
        Value::Bool(_) | Value::Invalid(..) => panic!("the server does not store {}", value.variant()),
    }
}

fn insert(connection: &mut Conn, table: &str, row: &[Value]) -> mysql::Result<()> {
    let places: Vec<&str> = row.iter().map(expression).collect();
    let sql = format!("INSERT INTO {} VALUES ({})", quoted(table), places.join(", "));
    connection.exec_drop(sql, row.iter().map(bound).collect::<Vec<_>>())
}

/// Makes everything of a setup in the connection's database.
pub(crate) fn fill(connection: &mut Conn, setup: &Setup) -> mysql::Result<()> {
    for table in &setup.tables {
        connection.exec_drop(create(table), ())?;
        connection.query_drop("BEGIN")?;
        for row in &table.rows {
            insert(connection, &table.name, row)?;
        }
        connection.query_drop("COMMIT")?;
    }
    if !setup.tables.is_empty() {
        // Onto the disk: rows of a new table otherwise lie in memory and in the redo log alone.
        let names: Vec<String> = setup.tables.iter().map(|table| quoted(&table.name)).collect();
        connection.query_drop(format!("FLUSH TABLES {} FOR EXPORT", names.join(", ")))?;
        connection.query_drop("UNLOCK TABLES")?;
    }
    for table in &setup.tables {
        for trigger in &table.triggers {
            let (name, on, clears) = (quoted(&trigger.name), quoted(&table.name), quoted(&trigger.clears));
            connection
                .query_drop(format!("CREATE TRIGGER {name} AFTER DELETE ON {on} FOR EACH ROW DELETE FROM {clears}"))?;
        }
    }
    for view in &setup.views {
        connection.query_drop(format!(
            "CREATE VIEW {} AS SELECT * FROM {}",
            quoted(&view.name),
            quoted(&view.reads)
        ))?;
    }
    Ok(())
}

/// One change in a transaction of its own, without waiting for anybody.
pub(crate) fn write(connection: &mut Conn, change: &Change) -> Written {
    // 0 means not at all; MySQL refuses less than a second (9.7 with 1231), so there the wait is ended from beside.
    let seconds = u8::from(!*MARIADB);
    let wait = format!("SET lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}");
    connection.query_drop(wait).unwrap();
    let impatient = (!*MARIADB).then(|| Impatient::with(connection.connection_id()));
    let done = match change {
        Change::Insert { table, row } => insert(connection, table, row),
        Change::Update { table, key, set } => {
            let sql = format!("UPDATE {} SET {} = ? WHERE {} = ?", quoted(table), quoted(&set.0), quoted(&key.0));
            connection.exec_drop(sql, (bound(&set.1), bound(&key.1)))
        }
        Change::DeleteAll { table } => connection.query_drop(format!("DELETE FROM {}", quoted(table))),
    };
    drop(impatient);
    match done {
        Ok(()) => Written::Done,
        // The wait for a lock ended; it was killed; NOWAIT.
        Err(mysql::Error::MySqlError(error)) if [1205, 1317, 3572].contains(&error.code) => Written::Excluded,
        Err(error) => panic!("neither written nor excluded: {error}"),
    }
}

/// Kills the query of a connection after 80 ms, unless dropped before.
struct Impatient {
    done: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Impatient {
    fn with(connection: u32) -> Self {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let patience = std::time::Duration::from_millis(80);
            if wait.recv_timeout(patience) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                raw(&SERVER, "").query_drop(format!("KILL QUERY {connection}")).unwrap();
            }
        });
        Self { done: Some(done), thread: Some(thread) }
    }
}

impl Drop for Impatient {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
