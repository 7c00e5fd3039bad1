//! What the tests of this crate share: one throw-away server, raw connections, stores made past the adapter.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, dead_code, reason = "each test file uses a part")]

pub(crate) mod proxy;
pub(crate) mod stores;

use lastbell_contract::{Adapter, AdapterError, Flow, Location, Reader, Row, Scan, TableId};
use lastbell_mysql::Mysql;
use lastbell_testkit::servers::{Mariadb, Options};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// One server for all tests of a file. Each test makes databases of its own.
pub(crate) static SERVER: LazyLock<Mariadb> = LazyLock::new(|| Mariadb::start(&Options::fast()));

/// Whether the server is MariaDB, and not the MySQL that the environment names.
pub(crate) static MARIADB: LazyLock<bool> = LazyLock::new(|| SERVER.sql("", "SELECT VERSION()").contains("MariaDB"));

/// `FROM` what gives the numbers from 1 to `last` as `seq`; MySQL has no table for it.
pub(crate) fn numbers(last: u32) -> String {
    if *MARIADB {
        return format!("seq_1_to_{last}");
    }
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL \
                  SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let places = ["a", "b", "c", "d", "e"];
    let from: Vec<String> = places.iter().map(|name| format!("{digits} AS {name}")).collect();
    let sum = "1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d";
    format!("(SELECT {sum} AS seq FROM {}) AS numbers WHERE seq <= {last}", from.join(", "))
}

/// A new account without a password.
pub(crate) fn account(server: &Mariadb, name: &str, rest: &str) {
    server.sql("", &format!("DROP USER IF EXISTS {name}; CREATE USER {name} {rest};"));
}

/// The parsed address of a database.
pub(crate) fn location(server: &Mariadb, database: &str) -> Location {
    Location::parse(&server.url(&encoded(database))).unwrap()
}

/// Everything but letters and digits as `%41`.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A raw connection, past the adapter.
pub(crate) fn raw(server: &Mariadb, database: &str) -> Conn {
    let options = OptsBuilder::new()
        .socket(Some(server.socket().to_str().unwrap().to_owned()))
        .user(Some("root"))
        .db_name(Some(database).filter(|name| !name.is_empty()));
    let mut connection = Conn::new(options).unwrap();
    connection.query_drop("SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'").unwrap();
    connection
}

/// A name for a database that no other test has.
pub(crate) fn database_name() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    format!("store_{}", MADE.fetch_add(1, Ordering::Relaxed))
}

/// A new database with these statements run in it, and its address.
pub(crate) fn store(server: &Mariadb, sql: &str) -> (String, Location) {
    let name = database_name();
    server.create_database(&name);
    server.sql(&name, sql);
    let location = location(server, &name);
    (name, location)
}

/// A reader.
pub(crate) fn reader(location: &Location) -> Box<dyn Reader> {
    Mysql.open_reader(location).unwrap()
}

/// All rows of some columns.
pub(crate) fn rows(reader: &mut dyn Reader, table: &str, columns: &[&str]) -> Result<Vec<Row>, AdapterError> {
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut rows = Vec::new();
    reader.scan(&Scan::whole(&TableId::plain(table), &columns), &mut |batch| {
        rows.extend(batch.unpacked());
        Flow::Continue
    })?;
    Ok(rows)
}
