//! A database of any engine that a test fills, hands to the program and looks into: an SQLite file in a folder of its own, or
//! one on a throw-away server. A retired one has a server to itself, whose data directory is what the judge reads.

use super::system::{System, dump, dump_of_server};
use lastbell::engines::DemoWriter;
use lastbell_contract::Location;
use lastbell_testkit::servers::{Mariadb, Options, Postgres};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

/// The engines between which a system moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
    /// A server; MariaDB unless the environment names a MySQL.
    Mysql,
}

/// A database with nothing in it, or with what was loaded.
#[derive(Clone)]
pub(crate) enum Database {
    /// A file, alone in its folder.
    File(PathBuf),
    /// A database of a PostgreSQL.
    Postgres(Arc<Postgres>, String),
    /// A database of a MariaDB.
    Mysql(Arc<Mariadb>, String),
}

/// The clock of every load: what tells no zone was said in Moscow.
pub(crate) const ZONE: &str = "Europe/Moscow";
/// What a MariaDB without a list of zones calls it; equal since 2014-10-26, and the rows with moments are younger.
const ZONE_OFFSET: &str = "+03:00";

/// The own clock of a retired PostgreSQL, by which a session goes that brings none.
pub(crate) const ZONE_OF_POSTGRES: &str = "Asia/Omsk";

/// New platforms, of all cases of this process: nothing on them is judged by bytes.
static PLATFORMS_POSTGRES: LazyLock<Arc<Postgres>> =
    LazyLock::new(|| Arc::new(Postgres::start(&Options::fast().tcp())));
static PLATFORMS_MYSQL: LazyLock<Arc<Mariadb>> =
    LazyLock::new(|| Arc::new(Mariadb::start(&Options::fast().tcp().set("default_time_zone", ZONE_OFFSET))));

impl Database {
    /// A retired system's: the folder, or a server of its own that keeps its data as in life.
    pub(crate) fn retired(engine: Engine, folder: &Path) -> Self {
        match engine {
            Engine::Sqlite => Self::file(folder),
            Engine::Postgres => {
                let options = Options::real().tcp().set("timezone", ZONE_OF_POSTGRES);
                Self::on_postgres(Arc::new(Postgres::start(&options)))
            }
            Engine::Mysql => {
                let options = Options::real().tcp().set("default_time_zone", ZONE_OFFSET);
                Self::on_mysql(Arc::new(Mariadb::start(&options)))
            }
        }
    }

    /// A new platform's.
    pub(crate) fn platform(engine: Engine, folder: &Path) -> Self {
        match engine {
            Engine::Sqlite => Self::file(folder),
            Engine::Postgres => Self::on_postgres(Arc::clone(&PLATFORMS_POSTGRES)),
            Engine::Mysql => Self::on_mysql(Arc::clone(&PLATFORMS_MYSQL)),
        }
    }

    fn file(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        Self::File(folder.join("diary.db"))
    }

    fn on_postgres(server: Arc<Postgres>) -> Self {
        let name = new_name();
        server.create_database(&name);
        Self::Postgres(server, name)
    }

    fn on_mysql(server: Arc<Mariadb>) -> Self {
        let name = new_name();
        server.create_database(&name);
        Self::Mysql(server, name)
    }

    /// The address for case.yaml.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(server, name) => server.url(name),
            Self::Mysql(server, name) => server.url(name),
        }
    }

    /// The file, of SQLite alone.
    pub(crate) fn file_path(&self) -> &Path {
        match self {
            Self::File(file) => file,
            Self::Postgres(..) | Self::Mysql(..) => panic!("a database on a server is no file"),
        }
    }

    /// Fills it, by the clock of Moscow or by the server's own. The loader speaks TCP alone.
    pub(crate) fn load(&self, system: &System, clock: bool) {
        system.load(&self.loader_url(), clock.then_some(ZONE));
    }

    fn loader_url(&self) -> String {
        match self {
            Self::File(_) => self.url(),
            Self::Postgres(server, name) => server.tcp_url("127.0.0.1", "postgres", name),
            Self::Mysql(server, name) => server.tcp_url("127.0.0.1", "root", name),
        }
    }

    /// Every row, read without a line of the program under test.
    pub(crate) fn dump(&self, out: &Path) -> BTreeMap<String, Vec<String>> {
        match self {
            Self::File(file) => dump(file, out),
            Self::Postgres(..) | Self::Mysql(..) => dump_of_server(&self.loader_url(), out),
        }
    }

    /// Runs statements, in the words of standard SQL as far as the engine has them.
    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::File(file) => {
                let mut writer = DemoWriter::open(file).unwrap();
                writer.execute(sql).unwrap_or_else(|failure| panic!("{failure}\nin: {sql}"));
                writer.finish().unwrap();
            }
            Self::Postgres(server, name) => drop(server.sql(name, sql)),
            Self::Mysql(server, name) => drop(server.sql(name, &format!("SET SESSION sql_mode = 'ANSI';\n{sql}"))),
        }
    }

    /// How many rows a question gives, told by the engine.
    pub(crate) fn count(&self, select: &str) -> u64 {
        self.execute(&format!("CREATE TABLE counted AS {select}"));
        let (world, _) = crate::common::world();
        let mut reader = world.open_reader("-", &Location::parse(&self.url()).unwrap()).unwrap();
        let catalog = reader.catalog().unwrap();
        let counted = catalog.tables.iter().find(|table| table.id.name == "counted").unwrap();
        let rows = reader.count(&counted.id).unwrap();
        drop(reader);
        self.execute("DROP TABLE counted");
        rows
    }

    /// Where its bytes are.
    pub(crate) fn bytes(&self) -> PathBuf {
        match self {
            Self::File(file) => file.parent().unwrap().to_owned(),
            Self::Postgres(server, _) => server.data_dir(),
            Self::Mysql(server, _) => server.data_dir(),
        }
    }

    /// Ends its server in order.
    pub(crate) fn stop(&self) {
        match self {
            Self::File(_) => {}
            Self::Postgres(server, _) => server.stop(),
            Self::Mysql(server, _) => server.stop(),
        }
    }
}

/// One server serves many cases.
fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("diary_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
