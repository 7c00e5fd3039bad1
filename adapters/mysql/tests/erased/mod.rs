//! What the tests of erasing share: databases on servers, erasers, a witness, the independent scanner.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses its part")]

use lastbell_contract::{
    Adapter, AdapterError, ErasePermit, Eraser, ErrorKind, Level, Location, LockRequest, Means, Moment, Precondition,
    Reach, Reader, Result, Scrub, Scrubbed, Setting, Statement, TableId, Value, Witness,
};
use lastbell_mysql::Mysql;
use lastbell_testkit::servers::{Mariadb, Options};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The server of all tests that need none of their own.
static SERVER: LazyLock<Mariadb> = LazyLock::new(|| Mariadb::start(&Options::fast()));

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// One database.
pub(crate) struct Store<'a> {
    pub(crate) server: &'a Mariadb,
    pub(crate) name: String,
}

/// A fresh database on the common server, with these statements run in it.
pub(crate) fn fresh(sql: &str) -> Store<'static> {
    Store::on(&SERVER, sql)
}

impl<'a> Store<'a> {
    /// A fresh database on a server.
    pub(crate) fn on(server: &'a Mariadb, sql: &str) -> Self {
        let store = Self { server, name: format!("diary_{}", NUMBER.fetch_add(1, Ordering::Relaxed)) };
        server.create_database(&store.name);
        store.sql(sql);
        store
    }

    /// Runs statements, `seq_1_to_N` in the server's own words.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.name, &in_own_words(sql)).trim_end().to_owned()
    }

    pub(crate) fn location(&self, account: &str) -> Location {
        Location::parse(&self.server.url_as(account, &self.name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn eraser(&self) -> Box<dyn Eraser> {
        self.eraser_as("root")
    }

    #[track_caller]
    pub(crate) fn eraser_as(&self, account: &str) -> Box<dyn Eraser> {
        Mysql.open_eraser(&self.location(account), &permit()).unwrap()
    }

    #[track_caller]
    pub(crate) fn reader_as(&self, account: &str) -> Box<dyn Reader> {
        Mysql.open_reader(&self.location(account)).unwrap()
    }

    /// Rows of a table, counted past the adapter.
    #[track_caller]
    pub(crate) fn rows(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT COUNT(*) FROM {table}")).parse().unwrap()
    }

    /// Names of our own that stand in the database.
    pub(crate) fn ours(&self) -> String {
        self.sql(
            "SELECT TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'lastbell%' ORDER BY 1",
        )
    }

    /// An account with these privileges on this database.
    pub(crate) fn account(&self, name: &str, privileges: &str) {
        self.sql(&format!("CREATE USER {name}@localhost; GRANT {privileges} ON {}.* TO {name}@localhost", self.name));
    }
}

/// Whether the servers of this run are MariaDB.
pub(crate) static MARIADB: LazyLock<bool> = LazyLock::new(|| SERVER.sql("", "SELECT VERSION()").contains("MariaDB"));

/// A durable server as an operator has made it ready. MySQL buffers changes of indexes by default, and what was buffered
/// stays in a file that never shrinks.
pub(crate) fn ready() -> Options {
    match *MARIADB {
        true => Options::real(),
        false => Options::real().set("innodb_change_buffering", "none"),
    }
}

/// Only MariaDB has the tables `seq_1_to_N`.
fn in_own_words(sql: &str) -> String {
    if *MARIADB {
        return sql.to_owned();
    }
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL \
                  SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let from: Vec<String> = ["a", "b", "c", "d"].iter().map(|name| format!("{digits} AS {name}")).collect();
    let (sum, from) = ("1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d", from.join(", "));
    let mut parts = sql.split("seq_1_to_");
    let mut own = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let last = &part[..digits];
        own.push_str(&format!(
            "(SELECT seq FROM (SELECT {sum} AS seq FROM {from}) AS every WHERE seq <= {last}) AS numbers"
        ));
        own.push_str(&part[digits..]);
    }
    own
}

/// The statement that makes statistics with values of a column.
pub(crate) fn statistics_of(table: &str, column: &str) -> String {
    match *MARIADB {
        true => format!("ANALYZE TABLE {table} PERSISTENT FOR ALL"),
        false => format!("ANALYZE TABLE {table} UPDATE HISTOGRAM ON {column} WITH 100 BUCKETS"),
    }
}

/// Says loudly that a test is about the other product.
#[allow(clippy::print_stderr)]
pub(crate) fn only_mariadb(what: &str) -> bool {
    if !*MARIADB {
        eprintln!("!!!!! NOT TRIED ON THIS SERVER: {what}");
    }
    *MARIADB
}

/// Likewise.
#[allow(clippy::print_stderr)]
pub(crate) fn only_mysql(what: &str) -> bool {
    if *MARIADB {
        eprintln!("!!!!! NOT TRIED ON THIS SERVER: {what}");
    }
    !*MARIADB
}

pub(crate) fn permit() -> ErasePermit {
    ErasePermit::granted_by(&"0".repeat(64), &["1".repeat(64)])
}

pub(crate) fn table(name: &str) -> TableId {
    TableId::plain(name)
}

pub(crate) fn tables(names: &[&str]) -> Vec<TableId> {
    names.iter().map(|name| table(name)).collect()
}

pub(crate) fn request(unit: &[&str], watched: &[&str]) -> LockRequest {
    LockRequest { unit: tables(unit), watched: tables(watched), wait_ms: 2000 }
}

/// What happens beside an announcement.
pub(crate) type Acts<'a> = &'a mut dyn FnMut(Moment, &Statement);

/// Hears and writes down; may refuse one announcement; may act at each.
#[derive(Default)]
pub(crate) struct Heard<'a> {
    pub(crate) all: Vec<(Moment, Statement)>,
    pub(crate) refuses: Option<(Moment, &'static str)>,
    pub(crate) acts: Option<Acts<'a>>,
}

impl Heard<'_> {
    pub(crate) fn refusing(moment: Moment, technique: &'static str) -> Self {
        Self { refuses: Some((moment, technique)), ..Self::default() }
    }

    pub(crate) fn techniques(&self) -> Vec<&str> {
        let before = self.all.iter().filter(|(moment, _)| *moment == Moment::Before);
        before.map(|(_, statement)| statement.technique.as_str()).collect()
    }

    /// Settings that were changed and not surely taken back, as the core finds them in its journal.
    pub(crate) fn settings_left(&self) -> Vec<Setting> {
        let told = self.all.iter().filter_map(|(at, statement)| Some((*at, statement.setting.as_ref()?)));
        lastbell_contract::settings_left(told)
    }
}

impl Witness for Heard<'_> {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()> {
        self.all.push((moment, statement.clone()));
        if let Some(acts) = &mut self.acts {
            acts(moment, statement);
        }
        if self.refuses.is_some_and(|(when, what)| when == moment && what == statement.technique) {
            return Err(AdapterError::new(ErrorKind::Stopped, "test"));
        }
        Ok(())
    }
}

/// Destroys tables and commits.
#[track_caller]
pub(crate) fn destroy(eraser: &mut dyn Eraser, names: &[&str]) {
    try_destroy(eraser, names, &[]).unwrap();
}

pub(crate) fn try_destroy(eraser: &mut dyn Eraser, names: &[&str], watched: &[&str]) -> Result<()> {
    let mut unit = eraser.lock(&request(names, watched))?;
    unit.destroy(&tables(names), &mut Heard::default())?;
    unit.commit(&mut Heard::default())
}

/// Rebuilds one table and commits.
pub(crate) fn try_rebuild(
    eraser: &mut dyn Eraser,
    name: &str,
    watched: &[&str],
    rewrite: &mut dyn FnMut(Vec<Value>) -> Option<Vec<Value>>,
) -> Result<u64> {
    let mut unit = eraser.lock(&request(&[name], watched))?;
    let kept = unit.rebuild(&table(name), rewrite, &mut Heard::default())?;
    unit.commit(&mut Heard::default())?;
    Ok(kept)
}

pub(crate) fn scrub(eraser: &mut dyn Eraser, level: Level, means: Means, names: &[&str]) -> Result<Scrubbed> {
    eraser.scrub(&Scrub { level, means, tables: tables(names) }, &mut Heard::default())
}

/// Kind and code of a refusal.
#[track_caller]
pub(crate) fn refusal<T>(ended: Result<T>) -> (ErrorKind, String) {
    match ended {
        Ok(_) => panic!("it was not refused"),
        Err(error) => (error.kind, error.code.unwrap_or_default()),
    }
}

#[track_caller]
pub(crate) fn found<'a>(reach: &'a Reach, code: &str) -> &'a Precondition {
    reach.preconditions.iter().find(|one| one.code == code).unwrap_or_else(|| panic!("no condition {code}: {reach:?}"))
}

/// The first whole number of a row.
pub(crate) fn number(row: &[Value]) -> i128 {
    match &row[0] {
        Value::Int(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

/// Keeps every tenth row.
pub(crate) fn tenth(row: Vec<Value>) -> Option<Vec<Value>> {
    (number(&row) % 10 == 0).then_some(row)
}
