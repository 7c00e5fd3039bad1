//! What the crash tests stand on: a case that was prepared once, fresh copies of it, runs of the program that end as told,
//! and what must be true after the last of them.
//!
//! The stores' addresses are variables, so that a copy means its own source. The target is never copied: a case knows its
//! platform by the file's identity, and every step only reads it.

use crate::common::{DECISIONS, SmallCase, copy_folder, decide, files_below, json_file, world};
use lastbell::case::folder::inspect;
use lastbell::case::{Entry, Event};
use lastbell::certificate::scalars::{Instant, Party};
use lastbell::certificate::{keys::SigningKey, trust};
use lastbell::demo;
use lastbell::engines::DemoWriter;
use lastbell::steps::{self, Session};
use lastbell::world::World;
use lastbell_contract::{Location, Row, Scan, Value};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Variables in the stores' addresses.
const SOURCE: &str = "LASTBELL_TEST_SOURCE";
const TARGET: &str = "LASTBELL_TEST_TARGET";
const KILLED: i32 = 9;

/// What a prepared case is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Six tables, twenty rows, level L2.
    Small,
    /// The same, its source in WAL mode.
    SmallInWal,
    /// The same, overwritten in place.
    SmallL2f,
    /// The same, its source in WAL mode and overwritten in place.
    SmallInWalL2f,
    /// The same, but no decision allows a store that is still written to.
    SmallWithoutLife,
    /// The same with more marks than a side may hold in memory.
    Large,
    /// The demo's school with so many pupils.
    Demo(usize),
}

/// Records of 49 bytes: 11 MB of them are held, the rest is written.
pub(crate) const MARKS: u64 = 260_000;

impl Kind {
    fn level(self) -> &'static str {
        match self {
            Self::SmallL2f | Self::SmallInWalL2f => "L2f",
            Self::Small | Self::SmallInWal | Self::SmallWithoutLife | Self::Large | Self::Demo(_) => "L2",
        }
    }

    fn in_wal(self) -> bool {
        match self {
            Self::SmallInWal | Self::SmallInWalL2f => true,
            Self::Small | Self::SmallL2f | Self::SmallWithoutLife | Self::Large | Self::Demo(_) => false,
        }
    }
}

/// The long form of every test here.
#[allow(clippy::disallowed_methods, reason = "a test is told by its environment how long it may run")]
pub(crate) fn long() -> bool {
    std::env::var("LASTBELL_LONG").is_ok_and(|value| value == "1")
}

/// A killed process loses nothing that it wrote, synced or not, so memory serves as well as a disk, where each of the some
/// 200 syncs of one `erase` takes 6 ms instead of 0.02.
pub(crate) fn room() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A case and the databases of its own, brought to some stage.
pub(crate) struct Prepared {
    keep: TempDir,
    kind: Kind,
    /// Every table of the source before anything went.
    pub(crate) before: BTreeMap<String, Vec<Row>>,
    /// Tables that the plan destroys; empty before there is one.
    pub(crate) destroyed: Vec<String>,
}

impl Prepared {
    /// Initialised.
    pub(crate) fn initialised(kind: Kind) -> Self {
        let keep = room();
        match kind {
            Kind::Demo(pupils) => make_demo(keep.path(), pupils),
            Kind::Small
            | Kind::SmallInWal
            | Kind::SmallL2f
            | Kind::SmallInWalL2f
            | Kind::SmallWithoutLife
            | Kind::Large => make_small(keep.path()),
        }
        let mut prepared = Self { keep, kind, before: BTreeMap::new(), destroyed: Vec::new() };
        let case = prepared.case();
        if kind.in_wal() {
            case.sql(&case.source(), "PRAGMA journal_mode = WAL");
        }
        if kind == Kind::Large {
            fill(&case);
        }
        case.set_case_line("level", kind.level());
        prepared.before = tables(&case.source());
        prepared
    }

    /// Up to two approvals.
    pub(crate) fn approved(kind: Kind) -> Self {
        let mut prepared = Self::initialised(kind);
        for step in ["discover", "verify", "plan"] {
            prepared.advance(step);
        }
        prepared
    }

    /// Takes the case itself through one step and what people do after it.
    pub(crate) fn advance(&mut self, step: &str) {
        let (case, mut world) = (self.case(), self.world());
        match step {
            "discover" => {
                steps::discover::run(&mut case.session(&mut world), &mut world, false).unwrap();
                let decisions = self.decisions();
                decide(&mut case.session(&mut world), &mut world, &decisions).unwrap();
            }
            "verify" => {
                let verified = steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
                assert_eq!(verified.exit_code(), 0, "{:?}", verified.findings);
            }
            "plan" => {
                steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
                case.approve(&mut world);
                let plan = case.session(&mut world).plan().unwrap();
                self.destroyed = plan.tables().map(|table| table.table.clone()).collect();
            }
            "erase" => assert_eq!(case.erase(&mut world).unwrap().exit_code(), 0),
            "residue" => {
                steps::residue::run(&mut case.session(&mut world), &mut world, false).unwrap();
            }
            "certify" => {
                steps::certify::run(&mut case.session(&mut world), &mut world, false).unwrap();
                for key in &case.keys[..2] {
                    steps::sign::in_case(&mut case.session(&mut world), &mut world, key).unwrap();
                }
            }
            other => panic!("{other} is no step that these tests take"),
        }
    }

    fn decisions(&self) -> String {
        match self.kind {
            Kind::Demo(pupils) => demo::decisions(&demo::diaries(demo::SEED, pupils)),
            Kind::SmallWithoutLife => {
                DECISIONS.lines().filter(|line| !line.contains("allow: life")).collect::<Vec<_>>().join("\n")
            }
            Kind::Small | Kind::SmallInWal | Kind::SmallL2f | Kind::SmallInWalL2f | Kind::Large => DECISIONS.to_owned(),
        }
    }

    fn case(&self) -> SmallCase {
        SmallCase::reopened(self.keep.path())
    }

    fn world(&self) -> World {
        world_of(&self.case().source(), &self.case().target())
    }

    /// A fresh copy of everything but the target.
    pub(crate) fn copy(&self) -> Copy {
        let keep = room();
        for part in ["case", "old", "keys"] {
            copy_folder(&self.keep.path().join(part), &keep.path().join(part));
        }
        for unlock in
            ["case.unlock", "demo.unlock"].map(Path::new).iter().filter(|name| self.keep.path().join(name).exists())
        {
            fs::copy(self.keep.path().join(unlock), keep.path().join(unlock)).unwrap();
        }
        let copy = Copy { case: SmallCase::reopened(keep.path()), keep, target: self.case().target() };
        // Nobody has used the retired system for longer than the 72 hours after which a store counts as alive.
        #[allow(clippy::disallowed_methods, reason = "files carry real times")]
        let long_ago = SystemTime::now() - Duration::from_secs(100 * 3600);
        File::options().write(true).open(copy.case.source()).unwrap().set_modified(long_ago).unwrap();
        copy
    }
}

fn make_small(folder: &Path) {
    let (mut world, _) = world();
    let case = SmallCase::in_folder(folder, &mut world);
    for (path, variable) in [(case.source(), SOURCE), (case.target(), TARGET)] {
        case.change_case_file(&path.display().to_string(), &format!("${{{variable}}}"));
    }
}

/// The same marks on both sides.
fn fill(case: &SmallCase) {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < {})
         INSERT INTO marks SELECT i, 1 + i % 4, 1, '5' FROM n",
        1000 + MARKS - 1
    );
    [case.source(), case.target()].iter().for_each(|path| case.sql(path, &sql));
}

fn make_demo(folder: &Path, pupils: usize) {
    let case = SmallCase::reopened(folder);
    fs::copy(folder.join("keys/operator.pub.pem"), folder.join("keys/operator.x25519.pub.pem")).unwrap();
    let diaries = demo::diaries(demo::SEED, pupils);
    for (path, tables) in [(case.source(), &diaries.retired), (case.target(), &diaries.platform)] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = DemoWriter::create(&path).unwrap();
        for table in tables {
            table.ddl.iter().for_each(|ddl| writer.execute(ddl).unwrap());
            writer.insert(table.name, &table.columns, &table.rows).unwrap();
        }
        writer.finish().unwrap();
    }
    let mut writer = DemoWriter::open(&case.target()).unwrap();
    diaries.left_out.iter().for_each(|(table, columns, rows)| writer.insert(table, columns, rows).unwrap());
    writer.finish().unwrap();
    let url = |variable: &str| format!("sqlite:${{{variable}}}");
    let answers = demo::answers(&url(SOURCE), &url(TARGET));
    let given = steps::init::Given {
        profile: Some("demo".to_owned()),
        answers: Some(answers.into_bytes()),
        ..steps::init::Given::default()
    };
    steps::init::run(&case.case(), &given, &mut world_of(&case.source(), &case.target())).unwrap();
}

fn world_of(source: &Path, target: &Path) -> World {
    let (mut world, _) = world();
    let (source, target) = (source.display().to_string(), target.display().to_string());
    world.variable = Box::new(move |name| match name {
        SOURCE => Some(source.clone()),
        TARGET => Some(target.clone()),
        _ => None, // any other variable
    });
    world
}

/// Every row of every table, typed.
fn tables(database: &Path) -> BTreeMap<String, Vec<Row>> {
    let (world, _) = world();
    let location = Location::parse(&format!("sqlite:{}", database.display())).unwrap();
    let mut reader = world.open_reader("-", &location).unwrap();
    let mut dump = BTreeMap::new();
    for table in reader.catalog().unwrap().tables {
        let mut rows: Vec<Row> = Vec::new();
        let scan = Scan::whole(&table.id, &table.column_names());
        reader
            .scan(&scan, &mut |batch| {
                rows.extend(batch.unpacked());
                lastbell_contract::Flow::Continue
            })
            .unwrap();
        dump.insert(table.id.to_string(), rows);
    }
    dump
}

/// How a run of the program ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With an exit code.
    Code(i32),
    /// By SIGKILL.
    Killed,
}

/// A copy of a prepared case.
pub(crate) struct Copy {
    keep: TempDir,
    /// The case.
    pub(crate) case: SmallCase,
    target: PathBuf,
}

impl Copy {
    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        self.keep.path()
    }

    /// An outside that knows the addresses; its clock starts now.
    pub(crate) fn world(&self) -> World {
        world_of(&self.case.source(), &self.target)
    }

    fn command(&self, step: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
        command.args(["--json", "--lang", "en"]).args(step).arg(self.case.case());
        command.env(SOURCE, self.case.source()).env(TARGET, &self.target).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts a step.
    pub(crate) fn start(&self, step: &[&str]) -> Child {
        self.command(step, &[]).spawn().unwrap()
    }

    /// Runs a step, killed at its n-th place; 0 is never.
    pub(crate) fn run(&self, step: &[&str], fault: u64) -> Ended {
        let output =
            self.command(step, &[("LASTBELL_FAULT", &fault.to_string())]).stdout(Stdio::piped()).output().unwrap();
        match (output.status.code(), output.status.signal()) {
            (Some(0), _) => Ended::Code(0),
            (Some(code), _) => {
                println!("{step:?} said {}", String::from_utf8_lossy(&output.stdout));
                Ended::Code(code)
            }
            (None, signal) => {
                assert_eq!(signal, Some(KILLED), "only our own SIGKILL ends {step:?}");
                Ended::Killed
            }
        }
    }

    /// Runs a step undisturbed and returns how many places it passed.
    pub(crate) fn places(&self, step: &[&str]) -> u64 {
        let file = self.folder().join("places");
        let status = self.command(step, &[("LASTBELL_FAULT_COUNT", file.to_str().unwrap())]).status().unwrap();
        assert!(status.success(), "an undisturbed {step:?} ends well: {status}");
        fs::read_to_string(file).unwrap().parse().unwrap()
    }

    /// The journal's lines, after a check of the chain and of every journalled file.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        inspect(&self.case.case())
            .map(|(entries, _)| entries)
            .unwrap_or_else(|failure| panic!("the chain is intact: {failure}"))
    }

    /// What must be true once `erase` has ended well, whatever came before.
    pub(crate) fn assert_erased(&self, prepared: &Prepared, why: &str) {
        let now = tables(&self.case.source());
        assert_eq!(
            now.keys().collect::<Vec<_>>(),
            prepared.before.keys().collect::<Vec<_>>(),
            "{why}: the same tables, and no shadow beside them"
        );
        let mut kept = 0;
        for (table, rows) in &now {
            if prepared.destroyed.contains(table) {
                assert_eq!(rows.len(), 0, "{why}: {table} is destroyed");
            } else {
                kept += rows.len();
                assert!(*rows == prepared.before[table], "{why}: {table} is kept, row for row");
            }
        }
        assert!(kept > 0 && !prepared.destroyed.is_empty(), "the case keeps rows and destroys tables");
        let beside: Vec<String> = files_below(self.case.source().parent().unwrap()).into_keys().collect();
        assert_eq!(beside, ["old.db"], "{why}: nothing is left beside the source");
        self.assert_no_drafts(why);
        let units_done: Vec<String> = self
            .entries()
            .into_iter()
            .filter_map(|entry| match entry.event {
                Event::UnitDone { unit, left, .. } => {
                    assert!(left.values().all(|rows| *rows == 0), "{why}: counted again, nothing is left of {unit}");
                    Some(unit)
                }
                _ => None, // every other event
            })
            .collect();
        let distinct: std::collections::BTreeSet<&String> = units_done.iter().collect();
        assert_eq!(distinct.len(), units_done.len(), "{why}: each unit ends once: {units_done:?}");
    }

    /// Nothing half written is left in the case.
    pub(crate) fn assert_no_drafts(&self, why: &str) {
        let drafts: Vec<String> = files_below(&self.case.case()).into_keys().filter(|name| is_draft(name)).collect();
        assert_eq!(drafts, Vec::<String>::new(), "{why}: no draft is left in the case");
    }

    /// Goes on to the certificate, checks it, and returns what it claims.
    pub(crate) fn claims(&self) -> serde_json::Value {
        let mut world = self.world();
        self.case.certified(&mut world);
        let request = steps::check::Request {
            certificates: vec![self.case.case().join("certificate.json")],
            trust: Some(self.trust_list(&world)),
            root: None,
            evidence: Some(self.case.case()),
        };
        let report = steps::check::run(&request, &world).unwrap().document["certificates"][0]["report"].clone();
        assert_eq!(report["verdict"], "valid", "{report:#}");
        assert_eq!(report["layers"]["evidence"]["state"], "pass", "{report:#}");
        claims(&json_file(&self.case.case().join("statement.json"))["predicate"])
    }

    /// A list of the region with the commission's people under the names that the case gives them.
    fn trust_list(&self, world: &World) -> PathBuf {
        let root = SigningKey::from_random(&[77; 32]);
        let at = Instant::from_unix(world.clock.now().as_second() - 40 * 86_400).unwrap();
        let mut list = trust::new("Test region", trust::Policy::default(), at, &root).unwrap();
        let persons = json_file(&self.case.case().join("statement.json"))["predicate"]["persons"].clone();
        for (key, person) in self.case.keys.iter().zip(persons.as_array().unwrap()) {
            let party = if person["party"] == "processor" { Party::Processor } else { Party::Operator };
            let new = trust::NewKey {
                key: key.public(),
                holder: person["name"].as_str().unwrap().to_owned(),
                role: "member".to_owned(),
                party,
                not_before: at,
                not_after: None,
            };
            list = trust::add(&list, new, at, &root).unwrap();
        }
        let path = self.folder().join("trust.json");
        fs::write(&path, list).unwrap();
        path
    }

    /// The session, for a look at what is there.
    pub(crate) fn session(&self) -> Session {
        self.case.session(&mut self.world())
    }
}

/// As `folder.rs` names what has no journal line yet; `profile.draft.yaml` is a file for people.
fn is_draft(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with('.') && name.ends_with(".draft")
    })
}

/// What a certificate says of the world. Left out: times, digests, counts of journal lines and of files, and the words
/// for techniques, since a level that was reached twice may have taken fewer steps the second time.
fn claims(predicate: &serde_json::Value) -> serde_json::Value {
    let each = |list: &str, fields: &[&str]| -> Vec<serde_json::Value> {
        let of =
            |one: &serde_json::Value| fields.iter().map(|field| one[*field].clone()).collect::<serde_json::Value>();
        predicate[list].as_array().unwrap_or_else(|| panic!("{list} is a list: {predicate:#}")).iter().map(of).collect()
    };
    let residue = &predicate["residue"];
    assert!(residue["needles"].as_u64().is_some_and(|needles| needles > 0), "values were looked for: {residue}");
    json!({
        "outcome": predicate["outcome"],
        "levels": each("levels", &["store", "level", "paper"]),
        "coverage": predicate["coverage"],
        "methods": each("methods", &["store", "action", "tables", "rows"]),
        "residue": [residue["needles"], residue["hits"], residue["not_looked_for"]],
        "standing_units": predicate["standing_units"],
        "corrections": predicate["corrections_downwards"],
        "waivers": predicate["waivers"],
        "cuts": predicate["cuts"],
        "exceptions": predicate["exceptions"],
        "allowances": predicate["allowances"],
        "categories": predicate["categories"],
        "subjects": predicate["subjects"],
        "tables_kept": predicate["tables_kept"],
        "claims": each("claims", &["code", "basis"]),
    })
}

/// A row of numbers and texts, for the engine in memory.
pub(crate) fn row(number: i128, texts: &[&str]) -> Row {
    std::iter::once(Value::Int(number)).chain(texts.iter().map(|text| Value::Text((*text).to_owned()))).collect()
}
