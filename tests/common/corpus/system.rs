//! A system of the corpus: what its labels say, a database filled with invented rows, and the judge of what is left on disk.
//! Runs Python with the corpus's loader, the judge, `look.py` and `peer.py`; writes where it is told.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// Seed of the loader: the same system, pupils and seed give the same rows.
const SEED: &str = "7";
/// Pupils in the long form of the tests.
const PUPILS_LONG: u32 = 2000;

/// A column's labels.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    /// The category's word, `none` included.
    pub(crate) category: String,
    /// Empty, `arguable` or `arguable-category`.
    pub(crate) arguable: String,
}

impl Label {
    fn is_personal_for_sure(&self) -> bool {
        self.category != "none" && self.arguable != "arguable"
    }
}

/// A system of the corpus.
#[derive(Clone)]
pub(crate) struct System {
    /// Its folder's name.
    pub(crate) name: String,
    /// How many pupils are loaded.
    pub(crate) pupils: u32,
    corpus: PathBuf,
    tables: BTreeMap<String, BTreeMap<String, Label>>,
}

#[allow(clippy::disallowed_methods, reason = "a test is told by its environment where the corpus is")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether the long form is wanted.
pub(crate) fn is_long() -> bool {
    variable("LASTBELL_LONG").is_some_and(|value| value == "1")
}

fn beside_the_sources(variable_name: &str, path: &str) -> PathBuf {
    variable(variable_name).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(path), PathBuf::from)
}

impl System {
    /// The system with so many pupils; with `LASTBELL_LONG=1` with 2,000. `None` when the corpus is not wanted.
    pub(crate) fn find(name: &str, pupils: u32) -> Option<Self> {
        Self::find_of(name, if is_long() { PUPILS_LONG } else { pupils })
    }

    /// The system with so many pupils.
    pub(crate) fn find_of(name: &str, pupils: u32) -> Option<Self> {
        let corpus = beside_the_sources("LASTBELL_CORPUS", "../shared/corpus");
        if corpus == Path::new("none") {
            eprintln!("LASTBELL_CORPUS=none: {name} was NOT tried");
            return None;
        }
        let catalog = corpus.join(name).join("catalog.csv");
        assert!(
            catalog.is_file() && corpus.join("load.py").is_file(),
            "THE CORPUS IS MISSING: no {} with load.py beside its folder. Set LASTBELL_CORPUS to the corpus's folder, or to \
             `none` if these tests are not wanted.",
            catalog.display()
        );
        let mut tables: BTreeMap<String, BTreeMap<String, Label>> = BTreeMap::new();
        for row in serde_json::from_str::<Vec<Value>>(&look(&[&"labels", &catalog])).unwrap() {
            let field = |name: &str| row[name].as_str().unwrap().to_owned();
            let label = Label { category: field("category"), arguable: field("arguable") };
            tables.entry(field("table")).or_default().insert(field("column"), label);
        }
        Some(Self { name: name.to_owned(), pupils, corpus, tables })
    }

    /// Tables with at least one column that is personal for sure.
    pub(crate) fn destroyed(&self) -> BTreeSet<String> {
        let personal = |labels: &BTreeMap<String, Label>| labels.values().any(Label::is_personal_for_sure);
        self.tables.iter().filter(|(_, labels)| personal(labels)).map(|(table, _)| table.clone()).collect()
    }

    /// All others.
    pub(crate) fn kept(&self) -> BTreeSet<String> {
        let destroyed = self.destroyed();
        self.tables.keys().filter(|table| !destroyed.contains(*table)).cloned().collect()
    }

    /// Why a table stays: some of its columns can be argued about, or none is personal.
    pub(crate) fn reason_to_keep(&self, table: &str) -> &'static str {
        if self.tables[table].values().any(|label| label.category != "none") { "arguable" } else { "none" }
    }

    /// The labels of a column.
    pub(crate) fn label(&self, table: &str, column: &str) -> &Label {
        self.tables.get(table).and_then(|columns| columns.get(column)).expect("the labels know every column")
    }

    /// Fills a new database, in a session with this clock where the engine asks for one.
    pub(crate) fn load(&self, url: &str, zone: Option<&str>) {
        let mut load = python();
        load.current_dir(&self.corpus).env_remove("PGTZ").envs(zone.map(|zone| ("PGTZ", zone)));
        load.args(["load.py", &self.name, "--seed", SEED, "--rows", &self.pupils.to_string(), "--to", url]);
        let told = output(&mut load, &[0]);
        assert!(
            told.contains(" rows ") && !told.contains("EXPECTED"),
            "{}: the database was filled: {told}",
            self.name
        );
    }

    /// The same for a server's files, from a database of SQLite with the same rows: texts alone, since only they are bytes
    /// of text everywhere, and long ones, since a server's own files hold many words.
    pub(crate) fn sample_of_texts(&self, database: &Path, folder: &Path) -> Sample {
        let catalog = self.corpus.join(&self.name).join("catalog.csv");
        self.draw(&[&"texts", &database, &self.lists(folder), &catalog], folder)
    }

    fn lists(&self, folder: &Path) -> PathBuf {
        let tables = folder.join("tables.json");
        let lists = serde_json::json!({ "destroyed": self.destroyed(), "kept": self.kept() });
        fs::write(&tables, lists.to_string()).unwrap();
        tables
    }

    fn draw(&self, arguments: &[&dyn AsRef<std::ffi::OsStr>], folder: &Path) -> Sample {
        let values = folder.join("sample.txt");
        let facts: Value = serde_json::from_str(&look(&[arguments, &[&values]].concat())).unwrap();
        let figure = |name: &str| facts[name].as_u64().unwrap();
        Sample { file: values, values: figure("sample"), columns: figure("columns"), facts: facts.clone() }
    }

    /// Draws values that only destroyed cells hold, and writes them for the judge.
    pub(crate) fn sample(&self, database: &Path, folder: &Path) -> Sample {
        self.draw(&[&"sample", &database, &self.lists(folder), &judge()], folder)
    }
}

/// Every row of every table as a line of text, in order of rowid.
pub(crate) fn dump(database: &Path, out: &Path) -> BTreeMap<String, Vec<String>> {
    look(&[&"dump", &database, &out]);
    lines_by_table(out)
}

/// The same of a database on a server, in order of the lines.
pub(crate) fn dump_of_server(url: &str, out: &Path) -> BTreeMap<String, Vec<String>> {
    let mut dump = python();
    dump.arg(beside_this_file("peer.py")).arg(url).arg(out);
    output(&mut dump, &[0]);
    lines_by_table(out)
}

fn lines_by_table(out: &Path) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in fs::read_to_string(out).unwrap().lines() {
        let (table, _): (String, Value) = serde_json::from_str(line).unwrap();
        tables.entry(table).or_default().push(line.to_owned());
    }
    tables
}

/// Values to look for.
pub(crate) struct Sample {
    /// `table.column<TAB>value` lines.
    pub(crate) file: PathBuf,
    /// How many.
    pub(crate) values: u64,
    /// From so many columns.
    pub(crate) columns: u64,
    /// How they were drawn.
    pub(crate) facts: Value,
}

/// What the judge says.
pub(crate) struct Seen {
    /// Distinct values found.
    pub(crate) found: u64,
    /// Values looked for.
    pub(crate) total: u64,
    /// Where, by column.
    pub(crate) files: Value,
}

fn judge() -> PathBuf {
    let judge = beside_the_sources("LASTBELL_RESIDUE_SCAN", "../shared/tools/residue_scan.py");
    assert!(
        judge.is_file(),
        "THE JUDGE IS MISSING: no {}. Set LASTBELL_RESIDUE_SCAN to residue_scan.py.",
        judge.display()
    );
    judge
}

/// Has the judge look for the sampled values in every file of a folder.
pub(crate) fn scan(folder: &Path, sample: &Sample, out: &Path) -> Seen {
    let mut judge_run = python();
    judge_run.arg(judge()).args(["--quiet", "--no-partial", "--json"]).arg(out).arg(folder).arg(&sample.file);
    // 1: something was found; 0: nothing was; 2 would be a file that could not be read, and is never «clean».
    let told = output(&mut judge_run, &[0, 1]);
    assert!(told.contains(" not_read=0 ") && !told.contains("TOTAL files=0 "), "the judge read every file: {told}");
    let answer = crate::common::json_file(out);
    let figure = |name: &str| answer[name].as_u64().unwrap();
    Seen { found: figure("found"), total: figure("total"), files: answer["files"].clone() }
}

fn look(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> String {
    let mut look = python();
    look.arg(beside_this_file("look.py"));
    output(look.args(arguments.iter().map(AsRef::as_ref)), &[0])
}

fn beside_this_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/corpus").join(name)
}

/// A Python that speaks to both servers: the one in the path, else Debian's own, for which `tests/run` installs the modules.
/// One and the same for all loads: another version may draw other rows from the same seed.
fn python() -> Command {
    static PROGRAM: LazyLock<&str> = LazyLock::new(|| {
        let speaks = |program: &&&str| {
            let run = Command::new(program).args(["-c", "import psycopg2, pymysql"]).output();
            run.is_ok_and(|run| run.status.success())
        };
        let programs = ["python3", "/usr/bin/python3"];
        programs.iter().find(speaks).expect("apt-get install -y python3-psycopg2 python3-pymysql")
    });
    Command::new(*PROGRAM)
}

/// Runs and returns what was printed; any other exit is a failure that shows all of it: every person here is invented.
fn output(command: &mut Command, exits: &[i32]) -> String {
    let run = command.stdin(Stdio::null()).output().expect("python3 is there");
    let told = String::from_utf8_lossy(&run.stdout).into_owned();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.code().is_some_and(|code| exits.contains(&code)), "{command:?}: {}\n{told}{errors}", run.status);
    told
}
