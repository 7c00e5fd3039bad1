//! What the integration tests share: the program as a process, a replaceable outside, and one small invented case that can
//! be taken to any stage. Two units (pupils with their marks; staff), a waived log, a kept dictionary, a cut.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses its part; a test may panic")]

use lastbell::case::Event;
use lastbell::certificate::keys::{KeyKind, PrivateKey, SigningKey, read_private};
use lastbell::engines::DemoWriter;
use lastbell::failure::{Failure, Result};
use lastbell::steps::{self, Outcome, Session};
use lastbell::world::{Clock, Place, Progress, Randomness, World};
use lastbell_contract::{Kind, Row, Value};
use lastbell_testkit::Memory;
use lastbell_testkit::setup::{Setup, TableSetup};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the program in English.
pub fn lastbell(arguments: &[&str]) -> Ran {
    lastbell_with(arguments, &[])
}

/// Runs the program in English with variables of the environment.
pub fn lastbell_with(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
    command.args(["--lang", "en"]).args(arguments).envs(variables.iter().copied());
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A clock that a test sets; seconds since 1970. It starts at the real time, because files carry real times.
#[derive(Clone)]
pub struct SetClock(pub Arc<AtomicI64>);

impl Clock for SetClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

struct Counting(u64);

impl Randomness for Counting {
    /// SplitMix64: no secret, but no two keys alike.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        for byte in bytes {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 40) as u8;
        }
        Ok(())
    }
}

struct Quiet;

impl Progress for Quiet {
    fn begin(&mut self, _: &'static str, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn end(&mut self) {}
}

/// An outside whose clock the test holds.
pub fn world() -> (World, SetClock) {
    world_with(lastbell::engines::all())
}

/// The same with other engines.
pub fn world_with(adapters: Vec<Box<dyn lastbell_contract::Adapter>>) -> (World, SetClock) {
    #[allow(clippy::disallowed_methods, reason = "files carry real times, so the test clock starts there")]
    let now = jiff::Timestamp::now().as_second();
    let clock = SetClock(Arc::new(AtomicI64::new(now)));
    let place = Place {
        user: "tester".into(),
        host: "bench".into(),
        machine_sha256: String::new(),
        system: "Linux".into(),
        binary_sha256: String::new(),
    };
    let world = World {
        clock: Box::new(clock.clone()),
        random: Box::new(Counting(7)),
        progress: Box::new(Quiet),
        stop: Arc::new(AtomicBool::new(false)),
        running: lastbell::world::Running::default(),
        adapters,
        max_rate: None,
        variable: Box::new(|_| None),
        place,
        unlock_folder: PathBuf::from("/nowhere"),
    };
    (world, clock)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Rows of the small diary. Invented: SNILS have valid checksums and belong to nobody, phones are 000xxxx.
pub const PUPILS: [(i128, &str, &str, &str); 4] = [
    (1, "Звонкова Аглая Тестовна", "900-000-001 82", "+79000000001"),
    (2, "Последний Добрыня Пробович", "900-000-002 83", "+79000000002"),
    (3, "Линейкина Ефросинья Образцовна", "900-000-003 84", "+79000000003"),
    (4, "Партин Ждан Примерович", "900-000-004 85", "+79000000004"),
];

/// Both databases' tables; the target has the same rows.
pub const SCHEMA: [&str; 6] = [
    "CREATE TABLE pupils (id INTEGER PRIMARY KEY, fio TEXT NOT NULL, snils TEXT UNIQUE, phone TEXT)",
    "CREATE TABLE marks (id INTEGER PRIMARY KEY, pupil_id INTEGER NOT NULL REFERENCES pupils(id), subject_id INTEGER, mark TEXT)",
    "CREATE TABLE staff (id INTEGER PRIMARY KEY, fio TEXT NOT NULL, email TEXT)",
    "CREATE TABLE subjects (id INTEGER PRIMARY KEY, title TEXT NOT NULL)",
    "CREATE TABLE rooms (id INTEGER PRIMARY KEY, title TEXT, keeper_id INTEGER REFERENCES staff(id))",
    "CREATE TABLE visits (at TEXT, who TEXT)",
];

/// A small case in a temporary folder.
pub struct SmallCase {
    /// The folder of everything.
    pub folder: PathBuf,
    /// Keys of the commission: two of the operator, one of the processor.
    pub keys: Vec<SigningKey>,
    _keep: Option<tempfile::TempDir>,
}

impl SmallCase {
    /// Databases, keys and an initialised case; nothing discovered yet.
    pub fn new(world: &mut World) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let mut case = Self::in_folder(keep.path(), world);
        case._keep = Some(keep);
        case
    }

    /// The same in a folder of the caller's.
    pub fn in_folder(folder: &Path, world: &mut World) -> Self {
        Self::in_folder_named(folder, "LB-TEST-0001", world)
    }

    /// The same under another id.
    pub fn in_folder_named(folder: &Path, id: &str, world: &mut World) -> Self {
        let case = Self { folder: folder.to_owned(), keys: make_keys(folder), _keep: None };
        write_database(&case.source());
        write_database(&case.target());
        let answers = answers(&case).replacen("LB-TEST-0001", id, 1);
        let given = steps::init::Given { answers: Some(answers.into_bytes()), ..steps::init::Given::default() };
        steps::init::run(&case.case(), &given, world).unwrap();
        case
    }

    /// Over a folder that has been filled already: a copy of a case that was brought to some stage.
    pub fn reopened(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), keys: make_keys(folder), _keep: None }
    }

    /// The case folder.
    pub fn case(&self) -> PathBuf {
        self.folder.join("case")
    }

    /// The retired database.
    pub fn source(&self) -> PathBuf {
        self.folder.join("old/old.db")
    }

    /// The platform's database.
    pub fn target(&self) -> PathBuf {
        self.folder.join("new/new.db")
    }

    /// Opens the case.
    pub fn session(&self, world: &mut World) -> Session {
        Session::open(&self.case(), world).unwrap()
    }

    /// Runs SQL on one of the databases, as its application would.
    pub fn sql(&self, database: &Path, sql: &str) {
        let mut writer = DemoWriter::open(database).unwrap();
        writer.execute(sql).unwrap();
        writer.finish().unwrap();
    }

    /// `discover` and the decisions that let the plan pass.
    pub fn discovered(&self, world: &mut World) {
        let mut session = self.session(world);
        steps::discover::run(&mut session, world, false).unwrap();
        decide(&mut session, world, DECISIONS).unwrap();
    }

    /// Up to a verification, whatever it found.
    pub fn verified(&self, world: &mut World) -> Outcome {
        self.discovered(world);
        steps::verify::run(&mut self.session(world), world, false).unwrap()
    }

    /// Up to a plan.
    pub fn planned(&self, world: &mut World) {
        self.verified(world);
        steps::plan::run(&mut self.session(world), world, false).unwrap();
    }

    /// Up to two approvals.
    pub fn approved(&self, world: &mut World) {
        self.planned(world);
        self.approve(world);
    }

    /// Two members approve the current plan.
    pub fn approve(&self, world: &mut World) {
        for key in &self.keys[..2] {
            steps::approve::in_case(&mut self.session(world), world, key).unwrap();
        }
    }

    /// Erases.
    pub fn erase(&self, world: &mut World) -> Result<Outcome> {
        steps::erase::run(&mut self.session(world), world, false)
    }

    /// From an erasure to a certificate.
    pub fn certified(&self, world: &mut World) {
        steps::residue::run(&mut self.session(world), world, false).unwrap();
        steps::certify::run(&mut self.session(world), world, false).unwrap();
        for key in &self.keys[..2] {
            steps::sign::in_case(&mut self.session(world), world, key).unwrap();
        }
    }

    /// Rows of a table, by the database itself.
    pub fn count(&self, database: &Path, table: &str) -> u64 {
        use lastbell_contract::TableId;
        let (world, _) = world();
        let location = lastbell_contract::Location::parse(&format!("sqlite:{}", database.display())).unwrap();
        world.open_reader("-", &location).unwrap().count(&TableId::plain(table)).unwrap()
    }
}

/// Appends decisions.
pub fn decide(session: &mut Session, world: &mut World, yaml: &str) -> Result<Outcome> {
    steps::decide::run(session, world, Path::new("decisions"), yaml.as_bytes())
}

/// Every decision of the small case: who, when and why stand on each line.
pub const DECISIONS: &str = r#"
- {table: pupils, disposition: destroy, by: Иванова, at: 2026-11-12, reason: "ученики"}
- {table: marks, disposition: destroy, by: Иванова, at: 2026-11-12, reason: "оценки"}
- {table: staff, disposition: destroy, by: Иванова, at: 2026-11-12, reason: "сотрудники"}
- {table: visits, disposition: destroy, by: Иванова, at: 2026-11-12, reason: "журнал"}
- {table: subjects, disposition: keep, by: Иванова, at: 2026-11-12, reason: "справочник"}
- {table: rooms, disposition: keep, by: Иванова, at: 2026-11-12, reason: "кабинеты"}
- {cut: rooms.keeper_id, by: Иванова, at: 2026-11-12, reason: "кабинеты остаются"}
- {retention: pupils, until: platform, by: Иванова, at: 2026-11-12, reason: "в новой системе"}
- {retention: marks, until: platform, by: Иванова, at: 2026-11-12, reason: "в новой системе"}
- {retention: staff, until: platform, by: Иванова, at: 2026-11-12, reason: "в новой системе"}
- {retention: visits, until: platform, by: Иванова, at: 2026-11-12, reason: "в новой системе"}
- {allow: cooling, hours: 0, by: Иванова, at: 2026-11-12, reason: "проверка программы"}
- {allow: life, by: Иванова, at: 2026-11-12, reason: "проверка программы"}
"#;

fn make_keys(folder: &Path) -> Vec<SigningKey> {
    let keys = folder.join("keys");
    fs::create_dir_all(&keys).unwrap();
    let mut made = Vec::new();
    for (number, name) in ["ivanova", "petrov", "sidorov"].iter().enumerate() {
        let key = PrivateKey::from_random(KeyKind::Signing, &[number as u8 + 1; 32]);
        fs::write(keys.join(format!("{name}.pem")), key.to_pem().as_bytes()).unwrap();
        fs::write(keys.join(format!("{name}.pub.pem")), key.public().to_pem()).unwrap();
        made.push(read_private(key.to_pem().as_bytes(), None).and_then(PrivateKey::into_signing).unwrap());
    }
    let sealing = PrivateKey::from_random(KeyKind::Sealing, &[9; 32]);
    fs::write(keys.join("operator.pem"), sealing.to_pem().as_bytes()).unwrap();
    fs::write(keys.join("operator.pub.pem"), sealing.public().to_pem()).unwrap();
    made
}

fn write_database(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = DemoWriter::create(path).unwrap();
    SCHEMA.iter().for_each(|ddl| writer.execute(ddl).unwrap());
    let pupils: Vec<Row> = PUPILS
        .iter()
        .map(|(id, fio, snils, phone)| vec![Value::Int(*id), text(fio), text(snils), text(phone)])
        .collect();
    writer.insert("pupils", &["id", "fio", "snils", "phone"], &pupils).unwrap();
    let marks: Vec<Row> = (0..12_i128)
        .map(|id| {
            vec![
                Value::Int(id + 1),
                Value::Int(id % 4 + 1),
                Value::Int(id % 2 + 1),
                text(["5", "4", "н"][id as usize % 3]),
            ]
        })
        .collect();
    writer.insert("marks", &["id", "pupil_id", "subject_id", "mark"], &marks).unwrap();
    let staff = vec![
        vec![Value::Int(1), text("Указкина Милица Проверовна"), text("ukazkina@school.example")],
        vec![Value::Int(2), text("Журналов Тихон Опытович"), text("zhurnalov@school.example")],
    ];
    writer.insert("staff", &["id", "fio", "email"], &staff).unwrap();
    let subjects = vec![vec![Value::Int(1), text("Чистописание")], vec![Value::Int(2), text("Астрономия")]];
    writer.insert("subjects", &["id", "title"], &subjects).unwrap();
    writer
        .insert("rooms", &["id", "title", "keeper_id"], &[vec![Value::Int(1), text("кабинет 7"), Value::Int(1)]])
        .unwrap();
    let visits = vec![
        vec![text("2026-08-30 08:00:00"), text("Звонкова Аглая Тестовна вошла с 10.1.2.3")],
        vec![text("2026-08-31 09:30:00"), text("Указкина Милица Проверовна поставила 5")],
    ];
    writer.insert("visits", &["at", "who"], &visits).unwrap();
    writer.finish().unwrap();
}

fn answers(case: &SmallCase) -> String {
    let (source, target) = (case.source(), case.target());
    format!(
        r#"
case: LB-TEST-0001
language: en
system: {{name: "Diary", ispdn_id: ISPDN-01, server: dedicated}}
operator: {{name: "School", inn: "0000000000", ogrn: "0000000000000", address: "Testing, 1"}}
legal: {{reason: purpose-reached, purpose_reached_on: 2026-11-10, order: "No 1"}}
stores:
  - {{name: main, role: source, url: "sqlite:{}"}}
  - {{name: new, role: target, url: "sqlite:{}"}}
migrated_on: 2026-09-01
level: L2
operator_key: ../keys/operator.pub.pem
unlock_file: ../case.unlock
commission:
  threshold: 2
  members:
    - {{name: "Иванова", position: "head", role: chair, party: operator, key: ../keys/ivanova.pub.pem}}
    - {{name: "Петров", position: "deputy", role: member, party: operator, key: ../keys/petrov.pub.pem}}
    - {{name: "Сидоров", position: "engineer", role: member, party: processor, key: ../keys/sidorov.pub.pem}}
"#,
        source.display(),
        target.display()
    )
}

/// A failure's code, for a result that must be one.
pub fn code_of<T>(result: Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(failure) => root(&failure).code,
    }
}

/// The first cause.
pub fn root(failure: &Failure) -> &Failure {
    failure.cause.as_deref().map_or(failure, root)
}

/// Every file below a folder with its bytes, by its path from there: two of these show that nothing was touched.
pub fn files_below(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read(&path).unwrap_or_default());
            }
        }
    }
    files
}

/// Copies a folder with all that is below it; files keep their modes.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// One JSON file.
pub fn json_file(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Runs the program with `--json`: the exit code, and the one document that stdout must be.
pub fn lastbell_json(arguments: &[&str]) -> (i32, serde_json::Value) {
    let ran = lastbell(&[&["--json"], arguments].concat());
    let document = serde_json::from_str(&ran.out);
    let document = document.unwrap_or_else(|_| panic!("{arguments:?}: stdout is one JSON document: {ran:?}"));
    (ran.code.unwrap(), document)
}

/// The code at the end of an error document's chain of causes.
pub fn root_code(document: &serde_json::Value) -> String {
    let mut error = &document["error"];
    while error["cause"].is_object() {
        error = &error["cause"];
    }
    error["code"].as_str().unwrap_or("ok").to_owned()
}

/// All codes of an error document, from what was noticed to the first cause.
pub fn codes_of(document: &serde_json::Value) -> Vec<String> {
    let chain = std::iter::successors(Some(&document["error"]), |error| Some(&error["cause"]));
    chain.map_while(|error| error["code"].as_str()).map(str::to_owned).collect()
}

/// All codes of a failure, from what was noticed to the first cause, each with its placeholders.
pub fn codes(failure: &Failure) -> Vec<String> {
    std::iter::successors(Some(failure), |failure| failure.cause.as_deref()).map(ToString::to_string).collect()
}

/// A `plan` that must be refused: the codes of its open points, sorted.
pub fn open_points(result: Result<Outcome>) -> Vec<String> {
    let failure = result.expect_err("a plan with an open point is refused");
    assert_eq!(failure.code, "plan-open", "{:?}", codes(&failure));
    let mut points = codes(&failure).split_off(1);
    assert_eq!(failure.arg("points"), Some(points.len().to_string().as_str()), "every point is named");
    points.sort();
    points
}

impl SmallCase {
    /// Reads an artefact.
    pub fn artefact<T: serde::de::DeserializeOwned>(&self, world: &mut World, name: &str) -> T {
        self.session(world).case.artefact(name).unwrap()
    }

    /// Rewrites profile.yaml as a person would.
    pub fn change_profile(&self, change: impl FnOnce(&mut lastbell::profile::Profile)) {
        let path = self.case().join("profile.yaml");
        let (mut profile, _) = lastbell::profile::Profile::load("profile.yaml", &fs::read(&path).unwrap()).unwrap();
        change(&mut profile);
        fs::write(&path, profile.render(lastbell::profile::Language::En)).unwrap();
    }

    /// Changes one mapping of profile.yaml.
    pub fn change_mapping(&self, name: &str, change: impl FnOnce(&mut lastbell::profile::profile_file::Mapping)) {
        self.change_profile(|profile| {
            change(profile.mappings.iter_mut().find(|mapping| mapping.name == name).expect("a drafted mapping"));
        });
    }

    /// Puts other text into case.yaml. The text must be there; its last place is meant, since comments stand before.
    pub fn change_case_file(&self, old: &str, new: &str) {
        let path = self.case().join("case.yaml");
        let mut text = fs::read_to_string(&path).unwrap();
        let at = text.rfind(old).unwrap_or_else(|| panic!("case.yaml has {old:?}:\n{text}"));
        text.replace_range(at..at + old.len(), new);
        fs::write(&path, text).unwrap();
    }

    /// Puts a value behind a key of the top of case.yaml that stands on one line, such as `residue:`.
    pub fn set_case_line(&self, key: &str, value: &str) {
        let path = self.case().join("case.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let start = format!("{key}:");
        let other = text.lines().filter(|line| !line.starts_with(&start)).collect::<Vec<_>>().join("\n");
        fs::write(&path, format!("{other}\n{start} {value}\n")).unwrap();
    }

    /// Appends decisions.
    pub fn decide(&self, world: &mut World, yaml: &str) {
        decide(&mut self.session(world), world, yaml).unwrap();
    }

    /// Decisions of the small case without the lines that contain any of the words.
    pub fn discovered_without(&self, world: &mut World, words: &[&str]) {
        let mut session = self.session(world);
        steps::discover::run(&mut session, world, false).unwrap();
        let kept = DECISIONS.lines().filter(|line| !words.iter().any(|word| line.contains(word)));
        let lines = kept.collect::<Vec<_>>().join("\n");
        decide(&mut session, world, &lines).unwrap();
    }

    /// A trust list in which the region lists all members; made by `root`.
    pub fn trust_list(&self, world: &World) -> PathBuf {
        use lastbell::certificate::scalars::{Instant, Party};
        use lastbell::certificate::trust;
        let root = SigningKey::from_random(&[77; 32]);
        let at = Instant::from_unix(world.clock.now().as_second() - 40 * 86_400).unwrap();
        let mut list = trust::new("Test region", trust::Policy::default(), at, &root).unwrap();
        for (key, (holder, party)) in self.keys.iter().zip([
            ("Иванова", Party::Operator),
            ("Петров", Party::Operator),
            ("Сидоров", Party::Processor),
        ]) {
            let new = trust::NewKey {
                key: key.public(),
                holder: holder.to_owned(),
                role: "member".to_owned(),
                party,
                not_before: at,
                not_after: None,
            };
            list = trust::add(&list, new, at, &root).unwrap();
        }
        let path = self.folder.join("trust.json");
        fs::write(&path, list).unwrap();
        path
    }

    /// The report of `check` with trust list and evidence.
    pub fn check(&self, world: &World) -> serde_json::Value {
        let request = steps::check::Request {
            certificates: vec![self.case().join("certificate.json")],
            trust: Some(self.trust_list(world)),
            root: None,
            evidence: Some(self.case()),
        };
        steps::check::run(&request, world).unwrap().document["certificates"][0]["report"].clone()
    }

    /// The statement's predicate.
    pub fn predicate(&self) -> serde_json::Value {
        json_file(&self.case().join("statement.json"))["predicate"].clone()
    }

    /// A path as the program takes it.
    pub fn case_argument(&self) -> String {
        self.case().display().to_string()
    }
}

/// Another process that has begun to write to a database and holds it until this is dropped: the test binary itself, run
/// with the ignored test `holds_a_write_lock`, which calls [`hold_a_write_lock`].
pub struct LockHolder(std::process::Child);

impl LockHolder {
    /// Starts it and waits until it holds the lock.
    pub fn on(database: &Path) -> Self {
        use std::io::BufRead;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "holds_a_write_lock", "--ignored", "--nocapture"])
            .env("LASTBELL_TEST_LOCK", database)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let held = lines.by_ref().map_while(std::io::Result::ok).any(|line| line.contains("held"));
        assert!(held, "the other process holds the lock");
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for LockHolder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The body of the other process.
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a test's child process is told by its environment")]
pub fn hold_a_write_lock() {
    use std::io::Read;
    let database = std::env::var("LASTBELL_TEST_LOCK").expect("only another test runs this");
    let mut writer = DemoWriter::open(Path::new(&database)).unwrap();
    writer.execute("BEGIN IMMEDIATE").unwrap();
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn person(id: i128, name: &str, snils: &str) -> Vec<Value> {
    vec![Value::Int(id), Value::Text(name.into()), Value::Text(snils.into())]
}

/// Two tables in two units, in an engine without rollback.
pub fn memory_setup() -> Setup {
    let table = |name: &str| {
        TableSetup::new(name).column("id", Kind::Int).column("fio", Kind::Text).column("snils", Kind::Text).key(&["id"])
    };
    let (a, b) = (PUPILS[0], PUPILS[1]);
    let (c, d) = (PUPILS[2], PUPILS[3]);
    Setup::of(vec![
        table("pupils").rows([person(a.0, a.1, a.2), person(b.0, b.1, b.2)]),
        table("staff").rows([person(c.0, c.1, c.2), person(d.0, d.1, d.2)]),
    ])
}

/// The small case with its stores in memory, approved.
pub fn memory_case(memory: &Memory) -> (World, SetClock, SmallCase) {
    let (mut world, clock, case) = memory_case_undiscovered(memory);
    case.discovered_without(&mut world, &["marks", "visits", "subjects", "rooms"]);
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    case.approve(&mut world);
    (world, clock, case)
}

/// The same, only made.
pub fn memory_case_undiscovered(memory: &Memory) -> (World, SetClock, SmallCase) {
    memory.create("old", &memory_setup());
    memory.create("new", &memory_setup());
    memory.with_files("old");
    let (mut world, clock) = world_with(vec![Box::new(memory.clone())]);
    let case = SmallCase::new(&mut world);
    for (path, url) in [(case.source(), "memory:old"), (case.target(), "memory:new")] {
        case.change_case_file(&format!("sqlite:{}", path.display()), url);
    }
    (world, clock, case)
}

/// Each line of the journal passes five places: before it is written, written, synced, its head written, its head named.
/// A statement's line stands between two more, a file's between draft, line, name and folder, a move and a destruction
/// likewise. `discover` puts a profile in its place, `close` ends the unlock secret: two each.
pub fn places_of(step: &str, events: &[Event]) -> u64 {
    let of = |event: &Event| match event {
        Event::Statement { .. } => 5 + 2,
        Event::File { .. } => 5 + 3,
        Event::Moved { .. } => 5 + 2,
        Event::Destroyed { .. } => 5 + 3,
        Event::Opened { .. }
        | Event::StepBegun { .. }
        | Event::Look { .. }
        | Event::Decided { .. }
        | Event::Received { .. }
        | Event::ReceiptRequested { .. }
        | Event::ReceiptTaken { .. }
        | Event::UnitProved { .. }
        | Event::UnitDone { .. }
        | Event::UnitRefused { .. }
        | Event::StoreScrubbed { .. }
        | Event::KeysEnded { .. }
        | Event::Closed { .. }
        | Event::TornLineDropped { .. } => 5,
    };
    // Each table that `verify` finishes is kept: before and after its list has the name.
    let kept = events.iter().map(|event| match event {
        Event::Look { purpose, rows, .. } if purpose == "verify" => rows.len() as u64 * 2,
        _ => 0, // every other event
    });
    let besides = if ["discover", "close"].contains(&step) { 2 } else { kept.max().unwrap_or(0) };
    events.iter().map(of).sum::<u64>() + besides
}
