//! Promise: no personal data leaves the case. Values planted in every kind of row are looked for in all artefacts, output,
//! provoked errors, temporary files, open files and panics of the program, in every spelling and as plain digests.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "privacy/search.rs"]
mod search;
#[path = "privacy/watch.rs"]
mod watch;

use common::LockHolder;
use lastbell::case::folder::READING;
use lastbell::certificate::keys::{KeyKind, PrivateKey};
use lastbell::engines::DemoWriter;
use lastbell_contract::{ErasePermit, Location, LockRequest, Moment, Statement, TableId, Value, Witness};
use search::{Search, cp1251, digests, spellings};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use watch::{Seen, Watch, as_nobody};

// Invented: the SNILS has a valid checksum and belongs to nobody, subscribers are 000xxxx, mails end in .example.
const FULL: &str = "Громоздкина Пелагея Вымысловна";
const SURNAME: &str = "Громоздкина";
const SNILS: &str = "957-318-642 51";
const SNILS_DIGITS: &str = "95731864251";
const PHONE_CORE: &str = "9120007319";
const PHONE_SPACED: &str = "8 (912) 000-73-19";
const MAIL: &str = "gromozdkina.p@school.example";
const IN_KEYLESS: &str = "Придуманникова";
const IN_LOG: &str = "Журнальщиков";
const IN_PICTURE: &str = "Фотокарточкина";
const IN_GARBLED: &str = "Битобайтова";
const IN_UNIQUE: &str = "Двойняшечкина";
const IN_CHECKED: &str = "Недопустимова";
const IN_JOINED: &str = "Присоединова";
const DRIFTED: &str = "Позднопришельцева";

/// All that is planted.
const PLANTED: [&str; 15] = [
    FULL,
    SURNAME,
    SNILS,
    SNILS_DIGITS,
    PHONE_CORE,
    PHONE_SPACED,
    MAIL,
    IN_KEYLESS,
    IN_LOG,
    IN_PICTURE,
    IN_GARBLED,
    IN_UNIQUE,
    IN_CHECKED,
    IN_JOINED,
    DRIFTED,
];

// ----------------------------------------------------------------------------------------------------------------- scene

/// Two databases, a log file, keys, and homes that begin empty.
struct Scene {
    keep: tempfile::TempDir,
    search: &'static Search,
}

/// Made once: the digests take a process each.
static SEARCH: LazyLock<Search> = LazyLock::new(|| Search::new(&PLANTED));

const SCHEMA: &str = "
    CREATE TABLE pupils (id INTEGER PRIMARY KEY, fio TEXT, snils TEXT UNIQUE, phone TEXT, phone2 TEXT, email TEXT, photo BLOB);
    CREATE TABLE notes (at TEXT, body TEXT);
    CREATE TABLE events (id INTEGER PRIMARY KEY, line TEXT);
    CREATE TABLE logins (id INTEGER PRIMARY KEY, login TEXT UNIQUE, pupil_id INTEGER REFERENCES pupils(id));
    CREATE TABLE parents (id INTEGER PRIMARY KEY, fio TEXT, pupil_id INTEGER REFERENCES pupils(id));
    CREATE TABLE marks (id INTEGER PRIMARY KEY, who TEXT, mark INTEGER CHECK (mark BETWEEN 1 AND 5));
    CREATE TABLE garbled (id INTEGER PRIMARY KEY, raw TEXT);
    CREATE TABLE subjects (id INTEGER PRIMARY KEY, title TEXT);
";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn write_database(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = DemoWriter::create(path).unwrap();
    writer.execute(SCHEMA).unwrap();
    let photo = [b"\xff\xd8\xff\xe0\0\x10JFIF\0", IN_PICTURE.as_bytes(), &cp1251(IN_PICTURE), b"\xff\xd9"].concat();
    let pupil = vec![
        Value::Int(1),
        text(FULL),
        text(SNILS),
        text(&format!("+7{PHONE_CORE}")),
        text(PHONE_SPACED),
        text(MAIL),
        Value::Bytes(photo),
    ];
    let other = vec![
        Value::Int(2),
        text(SURNAME),
        text(SNILS_DIGITS),
        text(&format!("8{PHONE_CORE}")),
        Value::Null,
        Value::Null,
        Value::Null,
    ];
    writer.insert("pupils", &["id", "fio", "snils", "phone", "phone2", "email", "photo"], &[pupil, other]).unwrap();
    writer
        .insert(
            "notes",
            &["at", "body"],
            &[vec![text("2026-05-01"), text(&format!("{IN_KEYLESS} не пришла, звонить {PHONE_SPACED}"))]],
        )
        .unwrap();
    writer
        .insert("events", &["id", "line"], &[vec![Value::Int(1), text(&format!("10.1.2.3 login {IN_LOG} ok"))]])
        .unwrap();
    writer
        .insert("logins", &["id", "login", "pupil_id"], &[vec![Value::Int(1), text(IN_UNIQUE), Value::Int(1)]])
        .unwrap();
    writer
        .insert("parents", &["id", "fio", "pupil_id"], &[vec![Value::Int(1), text(IN_JOINED), Value::Int(1)]])
        .unwrap();
    writer.execute("PRAGMA ignore_check_constraints = ON").unwrap();
    writer.insert("marks", &["id", "who", "mark"], &[vec![Value::Int(1), text(IN_CHECKED), Value::Int(9)]]).unwrap();
    let raw: String = [b"\xff\xfe".as_slice(), IN_GARBLED.as_bytes(), b"\xff"]
        .concat()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    writer.execute(&format!("INSERT INTO garbled VALUES (1, CAST(X'{raw}' AS TEXT))")).unwrap();
    writer.insert("subjects", &["id", "title"], &[vec![Value::Int(1), text("Чистописание")]]).unwrap();
    writer.finish().unwrap();
}

const DESTROYED: [&str; 7] = ["pupils", "notes", "events", "logins", "parents", "marks", "garbled"];

fn decisions() -> String {
    let who = "by: Иванова, at: 2026-11-12, reason: проверка";
    let mut lines = String::new();
    for table in DESTROYED {
        lines += &format!(
            "- {{table: {table}, disposition: destroy, {who}}}\n- {{retention: {table}, until: platform, {who}}}\n"
        );
    }
    lines
        + &format!(
            "- {{table: subjects, disposition: keep, {who}}}\n- {{allow: cooling, hours: 0, {who}}}\n- {{allow: life, {who}}}\n"
        )
}

impl Scene {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let scene = Self { keep, search: &SEARCH };
        for folder in ["tmp", "home", "state", "keys", "logs"] {
            fs::create_dir(scene.at(folder)).unwrap();
        }
        write_database(&scene.source());
        write_database(&scene.target());
        fs::write(scene.at("logs/diary.log"), format!("2026-05-01 {IN_LOG} вошёл\n")).unwrap();
        for (number, name) in ["ivanova", "petrov"].iter().enumerate() {
            let key = PrivateKey::from_random(KeyKind::Signing, &[u8::try_from(number).unwrap() + 1; 32]);
            fs::write(scene.at(&format!("keys/{name}.pem")), key.to_pem().as_bytes()).unwrap();
            fs::write(scene.at(&format!("keys/{name}.pub.pem")), key.public().to_pem()).unwrap();
        }
        let sealing = PrivateKey::from_random(KeyKind::Sealing, &[9; 32]);
        fs::write(scene.at("keys/operator.pub.pem"), sealing.public().to_pem()).unwrap();
        fs::write(scene.at("decisions.in.yaml"), decisions()).unwrap();
        fs::write(scene.at("answers.yaml"), scene.answers()).unwrap();
        scene
    }

    fn answers(&self) -> String {
        format!(
            r#"
case: LB-TEST-0001
language: ru
system: {{name: "Дневник", ispdn_id: ISPDN-01, server: dedicated}}
operator: {{name: "Школа", inn: "0000000000", ogrn: "0000000000000", address: "Testing, 1"}}
legal: {{reason: purpose-reached, purpose_reached_on: 2026-11-10, order: "No 1"}}
stores:
  - {{name: main, role: source, url: "sqlite:{}"}}
  - {{name: new, role: target, url: "sqlite:{}"}}
migrated_on: 2026-09-01
level: L2
operator_key: ../keys/operator.pub.pem
residue: {{folders: ["{}"]}}
commission:
  threshold: 2
  members:
    - {{name: "Иванова", position: "head", role: chair, party: operator, key: ../keys/ivanova.pub.pem}}
    - {{name: "Петров", position: "deputy", role: member, party: operator, key: ../keys/petrov.pub.pem}}
"#,
            self.source().display(),
            self.target().display(),
            self.at("logs").display()
        )
    }

    fn at(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }

    fn source(&self) -> PathBuf {
        self.at("old/old.db")
    }

    fn target(&self) -> PathBuf {
        self.at("new/new.db")
    }

    fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    fn sql(&self, database: &Path, sql: &str) {
        let mut writer = DemoWriter::open(database).unwrap();
        writer.execute(sql).unwrap();
        writer.finish().unwrap();
    }

    fn watch(&self) -> Watch<'_> {
        Watch {
            search: self.search,
            folders: ["case", "tmp", "home", "state"].map(|name| self.at(name)).into(),
            // The program digests its own file when it starts.
            rightly: ["old", "new", "logs", env!("CARGO_BIN_EXE_lastbell")].map(|name| self.at(name)).into(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
        command.args(arguments).env_clear();
        for (name, folder) in
            [("TMPDIR", "tmp"), ("SQLITE_TMPDIR", "tmp"), ("HOME", "home"), ("XDG_STATE_HOME", "state")]
        {
            command.env(name, self.at(folder));
        }
        command.current_dir(self.keep.path());
        command
    }

    /// Runs the program under watch: whatever happens, nothing leaks and no process is started.
    fn run(&self, arguments: &[&str]) -> Seen {
        self.run_command(&mut self.command(arguments), arguments)
    }

    fn run_command(&self, command: &mut Command, arguments: &[&str]) -> Seen {
        let seen = self.watch().run(command, &mut |_| false);
        self.quiet(&seen, arguments);
        seen
    }

    fn quiet(&self, seen: &Seen, arguments: &[&str]) {
        assert!(seen.leaks.is_empty(), "{arguments:?} leaks {:#?}", seen.leaks);
        assert!(seen.children.is_empty(), "{arguments:?} starts {:?}", seen.children);
        let printed = self.search.find(arguments.join(" ").as_bytes());
        assert!(printed.is_empty(), "argv holds {printed:?}");
        assert!(seen.looks > 0);
    }

    /// Runs a step that must end so.
    fn step(&self, code: i32, arguments: &[&str]) -> Seen {
        let seen = self.run(arguments);
        assert_eq!(seen.code, Some(code), "{arguments:?}: {}{}", seen.out, seen.err);
        seen
    }

    /// A step with `--json`: the one document, whose exit code is the process's own.
    fn json(&self, code: i32, arguments: &[&str]) -> serde_json::Value {
        let arguments = [&["--json"], arguments].concat();
        let seen = self.step(code, &arguments);
        serde_json::from_str(&seen.out).unwrap_or_else(|_| panic!("{arguments:?}: one document: {}", seen.out))
    }

    /// Up to a stage, quietly.
    fn until(&self, last: &str) {
        for (name, arguments) in self.way() {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let seen = self.run(&arguments);
            assert!(seen.code == Some(0), "{arguments:?}: {}{}", seen.out, seen.err);
            if name == last {
                return;
            }
        }
        panic!("no stage {last}");
    }

    /// The whole way, command by command, each with the name of its stage.
    fn way(&self) -> Vec<(&'static str, Vec<String>)> {
        let case = self.path("case");
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        vec![
            ("init", own(&["init", &case, "--answers", &self.path("answers.yaml")])),
            ("discover", own(&["discover", &case])),
            ("decide", own(&["decide", &case, "--from", &self.path("decisions.in.yaml")])),
            ("doctor", own(&["doctor", &case])),
            ("verify", own(&["verify", &case])),
            ("plan", own(&["plan", &case])),
            ("approve", own(&["approve", &case, "--key", &self.path("keys/ivanova.pem")])),
            ("approve2", own(&["approve", &case, "--key", &self.path("keys/petrov.pem")])),
            ("erase", own(&["erase", "--yes", &case])),
            ("residue", own(&["residue", &case])),
            ("certify", own(&["certify", &case])),
            ("sign", own(&["sign", &case, "--key", &self.path("keys/ivanova.pem")])),
            ("sign2", own(&["sign", &case, "--key", &self.path("keys/petrov.pem")])),
            ("check", own(&["check", &format!("{case}/certificate.json"), "--evidence", &case])),
            ("run", own(&["run", &case])),
            ("status", own(&["status", &case])),
            ("close", own(&["close", &case])),
        ]
    }
}

fn root_code(document: &serde_json::Value) -> String {
    common::root_code(document)
}

// ------------------------------------------------------------------------------------------------------- the judge itself

#[test]
fn the_search_finds_every_spelling_that_was_planted_on_purpose() {
    let search = &*SEARCH;
    let mut tried = 0;
    for value in PLANTED {
        for (kind, bytes) in spellings(value).into_iter().chain(digests(value)) {
            let haystack = [b"{\"a\":\"x ", &bytes[..], b"\"}\n"].concat();
            assert!(!search.find(&haystack).is_empty(), "{value} as {kind} is found");
            tried += 1;
        }
    }
    assert!(tried > 500 && search.len() > 1000, "{tried} of {}", search.len());
    assert!(search.find("Ничего личного: 957-318-642 52, 9120007318, Громоздкин".as_bytes()).is_empty());
    // Spellings that this test did not make itself: by the standard programs and by serde.
    for (program, arguments) in
        [("base64", &["-w0"][..]), ("od", &["-An", "-v", "-tx1", "-w4096"]), ("iconv", &["-t", "CP1251"])]
    {
        for before in ["", "а", "a", "ab"] {
            let spelled = piped(program, arguments, format!("{before}{FULL} конец").as_bytes());
            let spelled: Vec<u8> =
                if program == "od" { spelled.into_iter().filter(|byte| *byte != b' ').collect() } else { spelled };
            assert!(!search.find(&spelled).is_empty(), "{program} after {before:?}");
        }
    }
    let upper = piped("iconv", &["-t", "UTF-16BE"], SURNAME.to_uppercase().as_bytes());
    assert!(!search.find(&upper).is_empty(), "an upper case surname in UTF-16");
}

fn piped(program: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let pipe = std::process::Stdio::piped;
    let mut child = Command::new(program).args(arguments).stdin(pipe()).stdout(pipe()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn the_watch_sees_a_file_that_is_there_for_a_moment_only_and_a_process_that_is_started() {
    let scene = Scene::new();
    fs::write(scene.at("secret"), FULL).unwrap();
    let leaky = [
        ("by name", "cat secret > tmp/x; sleep 0.3; rm tmp/x".to_owned()),
        ("unlinked", "exec 7<> tmp/y; rm tmp/y; cat secret >&7; sleep 0.3".to_owned()),
        ("printed", "cat secret".to_owned()),
        ("complained", "cat secret >&2".to_owned()),
        ("left in the case", "mkdir case; cp secret case/z".to_owned()),
        ("told by a name", "touch \"home/$(cat secret)\"".to_owned()),
    ];
    for (what, script) in leaky {
        let mut command = scene.command(&[]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(scene.keep.path());
        command.env_clear();
        let seen = scene.watch().run(&mut shell, &mut |_| false);
        assert!(!seen.leaks.is_empty(), "{what} is seen");
        fs::remove_file(scene.at(&format!("home/{FULL}"))).unwrap_or_default();
        fs::remove_dir_all(scene.at("case")).unwrap_or_default();
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "sleep 0.3; true"]);
    let seen = scene.watch().run(&mut shell, &mut |_| false);
    assert!(!seen.children.is_empty() && seen.leaks.is_empty(), "a started process is seen");
}

#[test]
fn before_erasure_the_source_holds_every_planted_value() {
    let scene = Scene::new();
    let found = scene.search.find(&fs::read(scene.source()).unwrap());
    for value in PLANTED.iter().filter(|value| **value != DRIFTED) {
        assert!(found.iter().any(|label| label.starts_with(&format!("{value} as utf-8"))), "{value} among {found:?}");
    }
    assert!(found.iter().any(|label| *label == format!("{IN_PICTURE} as cp1251")));
}

// ------------------------------------------------------------------------------------------------------------ the way

#[test]
fn the_whole_way_leaks_nothing_in_english_as_json() {
    whole_way(&["--json", "--lang", "en"]);
}

#[test]
fn the_whole_way_leaks_nothing_in_russian_for_people() {
    whole_way(&["--lang", "ru"]);
}

fn whole_way(before: &[&str]) {
    let scene = Scene::new();
    let (mut files, mut looks) = (std::collections::BTreeSet::new(), 0);
    let store = format!("sqlite:{}", scene.source().display());
    scene.step(0, &[before, &["discover", "--store", &store]].concat());
    for (name, arguments) in scene.way() {
        let arguments: Vec<&str> = before.iter().copied().chain(arguments.iter().map(String::as_str)).collect();
        let seen = scene.run(&arguments);
        // The log still holds a name: residue and what comes after say so; a certificate without a trust list is not checked.
        let may_find = ["residue", "check", "doctor"].contains(&name);
        let fine = seen.code == Some(0) || (may_find && seen.code == Some(1));
        assert!(fine, "{arguments:?}: {:?} {}{}", seen.code, seen.out, seen.err);
        assert!(!(seen.out.is_empty() && seen.err.is_empty()), "{arguments:?} says something");
        looks += seen.looks;
        files.extend(seen.files);
        if name == "discover" && !before.contains(&"--json") {
            scene.step(0, &["discover", "--csv", &scene.path("case")]);
        }
    }
    let case = scene.at("case");
    let wanted = [
        "inventory.json",
        "verification.json",
        "plan.json",
        "erasure.json",
        "residue.json",
        "statement.json",
        "certificate.json",
        "journal.jsonl",
        "profile.yaml",
        "sealed/keys.json",
        "work/keys.json",
    ];
    for name in wanted {
        assert!(files.contains(&case.join(name)), "{name} was read");
    }
    assert!(
        files.iter().any(|file| file.starts_with(case.join("work")) && file.display().to_string().contains("needles-"))
    );
    assert!(looks > 100, "{looks} looks");
    // What the search would have found had the search of the program not been true.
    let left = scene.search.find(&fs::read(scene.source()).unwrap());
    assert!(left.is_empty(), "after erasure the source holds {left:?}");
    let residue = common::json_file(&case.join("residue.json")).to_string();
    assert!(residue.contains("diary.log"), "the log's name was found with its value: {residue}");
    for folder in ["tmp", "home"] {
        assert!(common::files_below(&scene.at(folder)).is_empty(), "nothing is left in {folder}");
    }
}

/// Files of the program's own carry modes that keep others out.
#[test]
fn what_lies_in_work_is_for_its_owner_alone() {
    let scene = Scene::new();
    scene.until("erase");
    let mut seen = 0;
    for name in common::files_below(&scene.at("case/work")).into_keys() {
        let mode = fs::metadata(scene.at("case/work").join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        seen += 1;
    }
    assert!(seen >= 5, "{seen} files in work/");
}

// ------------------------------------------------------------------------------------------------------ provoked errors

#[test]
fn rows_that_differ_or_are_missing_are_told_as_figures() {
    let scene = Scene::new();
    scene.until("decide");
    let sql = format!(
        "UPDATE pupils SET phone = '+79120007320' WHERE id = 1; UPDATE notes SET body = '{IN_KEYLESS}'; DELETE FROM parents"
    );
    scene.sql(&scene.target(), &sql);
    let found = scene.json(1, &["verify", &scene.path("case")]);
    assert!(found["findings"].as_array().unwrap().len() >= 3, "{found}");
    for language in ["ru", "en"] {
        scene.step(1, &["--lang", language, "verify", "--again", &scene.path("case")]);
    }
    let refused = scene.json(4, &["plan", &scene.path("case")]);
    assert!(refused["error"]["code"].is_string());
}

#[test]
fn drift_is_told_without_the_row_that_drifted() {
    let scene = Scene::new();
    scene.until("approve2");
    scene.sql(&scene.source(), &format!("INSERT INTO parents VALUES (7, '{DRIFTED}', 1)"));
    let refused = scene.json(4, &["erase", "--yes", &scene.path("case")]);
    assert!(refused["findings"].to_string().contains("parents"), "{refused}");
    scene.step(0, &["status", &scene.path("case")]);
}

#[test]
fn a_changed_schema_is_told_by_names_alone() {
    let scene = Scene::new();
    scene.until("decide");
    scene.sql(&scene.source(), "ALTER TABLE pupils DROP COLUMN phone2");
    let refused = scene.json(4, &["verify", &scene.path("case")]);
    assert_eq!(root_code(&refused), "drift-schema");
    scene.step(4, &["--lang", "ru", "verify", &scene.path("case")]);
    // A column that the mapping names and the target has lost.
    let scene = Scene::new();
    scene.until("decide");
    scene.sql(&scene.target(), "ALTER TABLE pupils DROP COLUMN phone2");
    let refused = scene.json(2, &["verify", &scene.path("case")]);
    assert_eq!(refused["error"]["code"], "mapping-problems");
    scene.step(2, &["--lang", "ru", "verify", &scene.path("case")]);
}

#[test]
fn a_locked_store_is_told_without_its_rows() {
    let scene = Scene::new();
    scene.until("approve2");
    let holder = LockHolder::on(&scene.source());
    let refused = scene.run(&["--json", "erase", "--yes", &scene.path("case")]);
    assert!(refused.code == Some(4) || refused.code == Some(3), "{refused:?}");
    drop(holder);
    scene.step(4, &["--lang", "ru", "erase", "--yes", &scene.path("case")]);
    scene.step(0, &["--lang", "ru", "erase", "--again", "--yes", &scene.path("case")]);
}

#[test]
#[ignore = "the other process of a test above"]
fn holds_a_write_lock() {
    common::hold_a_write_lock();
}

#[test]
fn a_store_that_may_not_be_written_is_told_without_its_rows() {
    let scene = Scene::new();
    scene.until("approve2");
    // Everything is for everybody, but the store is for nobody to write: modes count for another user than root.
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let mut folders = vec![scene.keep.path().to_owned()];
    while let Some(folder) = folders.pop() {
        mode(&folder, 0o777);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { mode(&path, 0o666) }
        }
    }
    mode(&scene.source(), 0o444);
    mode(&scene.at("old"), 0o555);
    let arguments = ["--json", "erase", "--yes", &scene.path("case")];
    let mut command = scene.command(&arguments);
    if is_root() {
        as_nobody(&mut command);
    }
    let seen = scene.run_command(&mut command, &arguments);
    mode(&scene.at("old"), 0o755);
    let document: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!((seen.code, root_code(&document).as_str()), (Some(3), "store-denied"), "{document}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn a_damaged_store_is_told_without_what_its_pages_hold() {
    for stage in ["decide", "approve2"] {
        let scene = Scene::new();
        scene.until(stage);
        let mut bytes = fs::read(scene.source()).unwrap();
        let page = damaged_page(&bytes);
        bytes[page..page + 8].fill(0xff);
        fs::write(scene.source(), &bytes).unwrap();
        let step: &[&str] = if stage == "decide" { &["verify"] } else { &["erase", "--yes"] };
        for before in [&["--json"][..], &["--lang", "ru"]] {
            let seen = scene.run(&[before, step, &[&scene.path("case")]].concat());
            assert!([Some(3), Some(4)].contains(&seen.code), "{stage}: {seen:?}");
            assert!(
                format!("{}{}", seen.out, seen.err).contains("sqlite-") || seen.out.contains("damaged"),
                "{seen:?}"
            );
        }
    }
}

/// The page on which the pupils lie: its header is what SQLite checks.
fn damaged_page(bytes: &[u8]) -> usize {
    let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    let at = bytes.windows(MAIL.len()).position(|window| window == MAIL.as_bytes()).expect("the pupils' page");
    assert!(at >= size, "not the schema's page");
    at / size * size
}

#[test]
fn a_full_disk_is_told_without_what_was_being_written() {
    let scene = Scene::new();
    scene.until("approve2");
    let case = scene.path("case");
    // No file may grow beyond so many blocks of 512 bytes: the journal first, then what the store's own work needs.
    let mut told = std::collections::BTreeSet::new();
    for blocks in [8, 16, 24, 40] {
        let arguments = ["--json", "erase", "--yes", &case];
        let mut shell = Command::new("sh");
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_lastbell")]).args(arguments).env_clear();
        for (name, folder) in [("TMPDIR", "tmp"), ("HOME", "home"), ("XDG_STATE_HOME", "state")] {
            shell.env(name, scene.at(folder));
        }
        shell.current_dir(scene.keep.path());
        let seen = scene.run_command(&mut shell, &arguments);
        assert_eq!(seen.code, Some(3), "{blocks} blocks: {seen:?}");
        told.insert(root_code(&serde_json::from_str(&seen.out).unwrap()));
    }
    let both = ["file-failed", "store-engine"].map(str::to_owned);
    assert_eq!(told, both.into(), "the journal found no room, and so did the store");
    let seen = scene.run(&["--json", "erase", "--yes", &case]);
    assert_eq!(seen.code, Some(0), "with room again it is finished: {seen:?}");
}

#[test]
fn an_interrupted_proof_leaves_no_value_behind() {
    let scene = Scene::new();
    for database in [scene.source(), scene.target()] {
        let sql = format!(
            "INSERT INTO parents SELECT value + 100, '{IN_JOINED} ' || value, 1 FROM (
                WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 60000) SELECT value FROM n)"
        );
        scene.sql(&database, &sql);
    }
    scene.until("decide");
    let case = scene.path("case");
    let arguments = ["--json", "verify", case.as_str()];
    let journal = fs::read(scene.at("case/journal.jsonl")).unwrap().len();
    // Once the step stands in the journal it is at work.
    let at_work =
        |_: &Seen| fs::metadata(scene.at("case/journal.jsonl")).is_ok_and(|about| about.len() > journal as u64);
    let mut waited = 0;
    let seen = scene.watch().run(&mut scene.command(&arguments), &mut |seen| {
        waited += usize::from(at_work(seen));
        waited > 20
    });
    scene.quiet(&seen, &arguments);
    assert_eq!(seen.code, Some(130), "{seen:?}");
    let document: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
    assert_eq!(root_code(&document), "interrupted");
    assert!(common::files_below(&scene.at("tmp")).is_empty());
    // What was read whole is kept for the next run, as figures and keyed digests.
    let (kept, left): (Vec<_>, Vec<_>) =
        common::files_below(&scene.at("case/work")).into_iter().partition(|(name, _)| name.starts_with("reading/"));
    for (name, bytes) in kept {
        assert_eq!(scene.search.find(&bytes), [""; 0], "{name} holds what somebody wrote");
    }
    assert_eq!(left.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["keys.json"], "nothing else is left");
    scene.step(0, &["verify", &case]);
    assert!(!scene.at("case").join(READING).exists(), "it ends with the verification");
}

// ------------------------------------------------------------------------------------------------------- adapter errors

struct Deaf;

impl Witness for Deaf {
    fn hear(&mut self, _: Moment, _: &Statement) -> lastbell_contract::Result<()> {
        Ok(())
    }
}

/// SQLite's own words for these failures quote names and, on other engines, the row.
#[test]
fn errors_of_the_adapter_hold_no_value() {
    type Change<'a> = &'a mut dyn FnMut(lastbell_contract::Row) -> Option<lastbell_contract::Row>;
    let broken: [(&str, &str, Change<'_>, &str); 3] = [
        (
            "pupils",
            "a UNIQUE key twice",
            &mut |mut row| {
                row[2] = text(SNILS);
                Some(row)
            },
            "sqlite-2067",
        ),
        (
            "logins",
            "a foreign type",
            &mut |mut row| {
                row[0] = text(IN_UNIQUE);
                Some(row)
            },
            "sqlite-",
        ),
        ("marks", "a CHECK that fails", &mut Some, "sqlite-275"),
    ];
    let scene = Scene::new();
    for (table, what, change, code) in broken {
        let location = Location::parse(&format!("sqlite:{}", scene.source().display())).unwrap();
        let engines = lastbell::engines::all();
        let sqlite = engines.iter().find(|engine| engine.scheme() == "sqlite").unwrap();
        let permit = ErasePermit::granted_by("p", &["a".to_owned()]);
        let mut eraser = sqlite.open_eraser(&location, &permit).unwrap();
        let request = LockRequest { unit: vec![TableId::plain(table)], watched: Vec::new(), wait_ms: 1000 };
        let mut unit = eraser.lock(&request).unwrap();
        let error = unit.rebuild(&TableId::plain(table), change, &mut Deaf).expect_err(what);
        let failure = lastbell::failure::Failure::from(error.clone());
        let told = format!("{error} {error:?} {failure} {failure:?}");
        assert!(told.contains(code), "{what}: {told}");
        assert_eq!(scene.search.find(told.as_bytes()), Vec::<&str>::new(), "{what}");
    }
}

// ------------------------------------------------------------------------------------------------------ a planted panic

#[cfg(feature = "faults")]
mod panics {
    use super::*;

    /// The planted panic's message does hold the row: otherwise its silence would prove nothing.
    #[test]
    fn the_planted_panic_holds_the_row() {
        use lastbell::world::fault;
        fault::arm_panic(1);
        let rows: lastbell_contract::Batch = [vec![Value::Int(1), text(FULL), text(SNILS)]].into_iter().collect();
        let caught = std::panic::catch_unwind(|| rows.rows().for_each(fault::row));
        rows.rows().for_each(fault::row); // it goes off once
        let message = caught.expect_err("the hook panics");
        let message = message.downcast_ref::<String>().expect("a text");
        assert!(message.contains(FULL) && message.contains(SNILS));
    }

    #[test]
    fn a_panic_over_a_row_tells_the_place_in_the_program_alone() {
        for (stage, step) in [("decide", &["verify"][..]), ("approve2", &["erase", "--yes"]), ("erase", &["residue"])] {
            let scene = Scene::new();
            scene.until(stage);
            let stores = common::files_below(&scene.at("new"));
            let journal = fs::read(scene.at("case/journal.jsonl")).unwrap();
            for (before, row) in [(&["--json"][..], "1"), (&["--lang", "ru"], "1"), (&["--lang", "en"], "1")] {
                let case = scene.path("case");
                let arguments = [before, step, &[case.as_str()]].concat();
                let mut command = scene.command(&arguments);
                command.env("LASTBELL_PANIC", row).env("RUST_BACKTRACE", "full");
                let seen = scene.run_command(&mut command, &arguments);
                assert_eq!(seen.code, Some(70), "{arguments:?}: {seen:?}");
                if before == ["--json"] {
                    let document: serde_json::Value = serde_json::from_str(&seen.out).unwrap();
                    assert_eq!(
                        (&document["error"]["code"], document["exit"].as_i64()),
                        (&"bug".into(), Some(70)),
                        "{document}"
                    );
                    assert!(!seen.err.contains("panicked"), "{}", seen.err);
                } else {
                    assert!(seen.err.contains("world.rs"), "the place in the program is told: {}", seen.err);
                }
            }
            assert!(
                fs::read(scene.at("case/journal.jsonl")).unwrap().starts_with(&journal),
                "{stage}: the journal only grew"
            );
            assert_eq!(common::files_below(&scene.at("new")), stores, "{stage}: the target is untouched");
            scene.step(0, &["status", &scene.path("case")]);
            let seen = scene.run(&[step, &[&scene.path("case")]].concat());
            assert!([Some(0), Some(1)].contains(&seen.code), "{stage}: the step is done after the panic: {seen:?}");
        }
    }
}
