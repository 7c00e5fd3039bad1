//! One PostgreSQL and one MariaDB for the whole suite, files of SQLite, and a case of the program over any two stores.
//! Writes databases and case folders of its own; the steps are the program's, in this process.

use crate::case::{Engine, Mariadb, Postgres, Sqlite};
use crate::common::{SmallCase, world};
use lastbell::case::artefacts::{Verification, name};
use lastbell::case::seal::unseal;
use lastbell::case::{Purpose, folder};
use lastbell::engines::DemoWriter;
use lastbell::failure::Result;
use lastbell::steps;
use lastbell::steps::explain::DifferingKeys;
use lastbell::verify::report::MappingResult;
use lastbell::world::World;
use lastbell_testkit::servers::{self, Options};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

static POSTGRES: LazyLock<servers::Postgres> = LazyLock::new(|| servers::Postgres::start(&Options::fast()));
static MARIADB: LazyLock<servers::Mariadb> =
    LazyLock::new(|| servers::Mariadb::start(&Options::fast().set("max_allowed_packet", "128M")));

/// What MariaDB's client is told before everything: literals as in the standard, dates that are none, one clock.
const MARIADB_MODE: &str = "SET sql_mode = 'NO_BACKSLASH_ESCAPES,ALLOW_INVALID_DATES,PIPES_AS_CONCAT', \
                            time_zone = '+00:00', max_recursive_iterations = 100000000;\n";

/// A database of any engine.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) engine: Engine,
    /// Of a server: its name; of SQLite: the file.
    name: String,
}

impl Store {
    /// An empty one. A file lies in the folder.
    pub(crate) fn new(engine: Engine, folder: &Path, name: &str) -> Self {
        match engine {
            Postgres => POSTGRES.create_database(name),
            Mariadb => MARIADB.create_database(name),
            Sqlite => {
                let file = folder.join(format!("{name}.db"));
                DemoWriter::create(&file).unwrap().finish().unwrap();
                return Self { engine, name: file.display().to_string() };
            }
        }
        Self { engine, name: name.to_owned() }
    }

    /// Runs statements as its application would, all in one session.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> String {
        match self.engine {
            Postgres => POSTGRES.sql(&self.name, sql),
            Mariadb => MARIADB.sql(&self.name, &format!("{MARIADB_MODE}{sql}")),
            Sqlite => {
                let mut writer = DemoWriter::open(Path::new(&self.name)).unwrap();
                writer.execute(sql).unwrap_or_else(|error| panic!("{error:?} in {sql}"));
                writer.finish().unwrap();
                String::new()
            }
        }
    }

    /// The address for case.yaml.
    pub(crate) fn url(&self) -> String {
        match self.engine {
            Postgres => POSTGRES.url(&self.name),
            Mariadb => MARIADB.url(&self.name),
            Sqlite => format!("sqlite:{}", self.name),
        }
    }

    /// The name of its database, or its file.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// A server's socket.
pub(crate) fn address(engine: Engine) -> PathBuf {
    match engine {
        Postgres => POSTGRES.socket_dir().join(format!(".s.PGSQL.{}", POSTGRES.port())),
        Mariadb => MARIADB.socket(),
        Sqlite => panic!("a file has no socket"),
    }
}

/// Statements for many rows, without a word for each: `n` runs from 1 to `rows`. Ends with what stands before `FROM`.
pub(crate) fn insert_many(engine: Engine, table: &str, rows: u64, cells: &str) -> String {
    let numbers = format!("WITH RECURSIVE q (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM q WHERE n < {rows})");
    match (engine, rows) {
        (_, 0) => String::new(),
        (Postgres, _) => format!("INSERT INTO {table} SELECT {cells} FROM generate_series(1, {rows}) AS q (n);\n"),
        (Mariadb, _) => format!("INSERT INTO {table} {numbers} SELECT {cells} FROM q;\n"),
        (Sqlite, _) => format!("{numbers} INSERT INTO {table} SELECT {cells} FROM q;\n"),
    }
}

/// A folder in memory, where the system has one: each mapping with rows that differ costs half a dozen syncs, and here
/// nobody's power fails.
pub(crate) fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A case over two stores.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) case: SmallCase,
    _folder: TempDir,
}

/// What a verification said of one mapping.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) result: MappingResult,
    /// Keys of rows that did not match, from `work/`, sorted.
    pub(crate) keys: crate::case::Keys,
}

impl Bench {
    /// Discovered. The random numbers are the same each time, so the keys are, and with them the roots of equal rows.
    pub(crate) fn new(old: &str, new: &str) -> Result<Self> {
        let (world, _) = world();
        Self::in_world(world, old, new)
    }

    /// The same in a world of the caller's.
    pub(crate) fn in_world(mut world: World, old: &str, new: &str) -> Result<Self> {
        let folder = quick_folder();
        let case = SmallCase::in_folder(folder.path(), &mut world);
        for (path, url) in [(case.source(), old), (case.target(), new)] {
            case.change_case_file(&format!("sqlite:{}", path.display()), url);
        }
        steps::discover::run(&mut case.session(&mut world), &mut world, false)?;
        Ok(Self { world, case, _folder: folder })
    }

    /// Writes profile.yaml: the mappings' tables go, all others stay.
    pub(crate) fn profile(&self, gone: &[String], mappings: &str) {
        let inventory: Value = crate::common::json_file(&self.case.case().join(name::INVENTORY));
        let stores = inventory["stores"].as_array().unwrap().iter().filter(|store| store["role"] == "source");
        let mut text = "profile: {name: meaning, product: meaning, version: 1}\ntables:\n".to_owned();
        for table in stores.flat_map(|store| store["tables"].as_array().unwrap()) {
            let table = table["name"].as_str().unwrap();
            let rule = if gone.iter().any(|name| name == table) { "destroy" } else { "keep, reason: no case" };
            text += &format!("  {table}: {{disposition: {rule}}}\n");
        }
        fs::write(self.profile_file(), format!("{text}mappings:\n{mappings}")).unwrap();
    }

    fn profile_file(&self) -> PathBuf {
        self.case.case().join("profile.yaml")
    }

    /// Verifies, and tells what was said of each mapping.
    pub(crate) fn verify(&mut self) -> Result<BTreeMap<String, Said>> {
        let made = self.case.case().join(name::VERIFICATION).exists();
        steps::verify::run(&mut self.case.session(&mut self.world), &mut self.world, made)?;
        Ok(self.said())
    }

    /// What the last verification said.
    pub(crate) fn said(&mut self) -> BTreeMap<String, Said> {
        let session = self.case.session(&mut self.world);
        let verification: Verification = session.case.artefact(name::VERIFICATION).unwrap();
        let of = |result: MappingResult| (result.mapping.clone(), Said { result, keys: BTreeMap::new() });
        let mut said: BTreeMap<String, Said> = verification.mappings.into_iter().map(of).collect();
        let key = session.key(&self.world, Purpose::Verify).unwrap();
        for name in session.case.files().keys().filter(|name| name.starts_with("work/differing-")) {
            let opened = unseal(&key, session.case.id(), name, &session.case.read(name).unwrap()).unwrap();
            let kept: DifferingKeys = folder::parse(name, &opened).unwrap();
            let found = said.get_mut(&kept.mapping).unwrap();
            found.keys = kept.keys.iter().map(|(verdict, keys)| (*verdict, sorted(keys))).collect();
        }
        said
    }
}

fn sorted(keys: &[Vec<Option<String>>]) -> Vec<String> {
    let cell = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".to_owned());
    let mut keys: Vec<String> = keys.iter().map(|key| key.iter().map(cell).collect::<Vec<_>>().join("|")).collect();
    keys.sort();
    keys
}

impl Said {
    /// Matched, moved on, different, missing, ambiguous, extra.
    pub(crate) fn figures(&self) -> [u64; 6] {
        let counts = self.result.counts;
        [counts.matched, counts.moved_on, counts.different, counts.missing, counts.ambiguous, counts.extra]
    }
}
