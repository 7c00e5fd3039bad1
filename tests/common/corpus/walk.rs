//! One case over a system of the corpus, taken through its steps by the program as a process: keys, answers, decisions
//! written from the labels, and how long each step took.

use super::database::{Database, Engine, ZONE};
use super::system::{Sample, System};
use crate::common::{json_file, lastbell_json};
use lastbell::profile::Profile;
use lastbell::profile::profile_file::Disposition;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Instant;
use tempfile::TempDir;

/// The commission's members: key file and name.
const MEMBERS: [(&str, &str); 2] = [("ivanova", "Иванова"), ("petrov", "Петров")];

/// A case and all that belongs to it, in a temporary folder.
pub(crate) struct Walk {
    /// Whose databases these are.
    pub(crate) system: System,
    /// The retired database.
    pub(crate) old: Database,
    /// The platform's database.
    pub(crate) new: Database,
    keep: TempDir,
    steps: Vec<(String, f64)>,
}

impl Walk {
    /// Two equal databases of SQLite, keys, an initialised case.
    pub(crate) fn begin(system: &System) -> Self {
        let (old, keep) = (Engine::Sqlite, tempfile::tempdir().unwrap());
        let new = Database::platform(Engine::Sqlite, &keep.path().join("new"));
        let mut walk = Self::with_source(system, old, new, keep, true);
        // A second load with this seed gives the same bytes (compared for all three systems), and takes up to a minute longer.
        fs::copy(walk.old.file_path(), walk.new.file_path()).unwrap();
        walk.initialise(true, &[]);
        walk
    }

    /// A platform with a schema of its own: it is made of the same rows by `migrate`, and the profile tells what became of them.
    pub(crate) fn migrated(
        system: &System,
        old: Engine,
        new: Engine,
        profile: &str,
        migrate: impl FnOnce(&Database),
    ) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let new = Database::platform(new, &keep.path().join("new"));
        let mut walk = Self::with_source(system, old, new, keep, true);
        walk.new.load(system, true);
        migrate(&walk.new);
        fs::write(walk.path("profile.yaml"), profile).unwrap();
        let profile = walk.text("profile.yaml");
        walk.initialise(true, &["--profile", &profile]);
        walk
    }

    /// The same rows on two engines; `clock` says whether case.yaml tells by which one they were loaded.
    pub(crate) fn between(system: &System, old: Engine, new: Engine, clock: bool) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let new = Database::platform(new, &keep.path().join("new"));
        let mut walk = Self::with_source(system, old, new, keep, clock);
        let start = Instant::now();
        walk.new.load(system, clock);
        walk.note("load target", start);
        walk.initialise(clock, &[]);
        walk
    }

    fn with_source(system: &System, engine: Engine, new: Database, keep: TempDir, clock: bool) -> Self {
        let old = Database::retired(engine, &keep.path().join("old"));
        let start = Instant::now();
        old.load(system, clock);
        let mut walk = Self { system: system.clone(), old, new, keep, steps: Vec::new() };
        walk.note("load", start);
        walk
    }

    fn initialise(&mut self, clock: bool, options: &[&str]) {
        fs::create_dir(self.path("keys")).unwrap();
        for (purpose, name) in
            [("signing", "ivanova"), ("signing", "petrov"), ("signing", "region"), ("sealing", "operator")]
        {
            self.program("keys", &["keys", "new", "--for", purpose, "--out", &self.text(&format!("keys/{name}"))], 0);
        }
        fs::write(self.path("answers.yaml"), self.answers(clock)).unwrap();
        let (case, answers) = (self.text("case"), self.text("answers.yaml"));
        self.program("init", &[&["init", &case, "--answers", &answers], options].concat(), 0);
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The case folder.
    pub(crate) fn case(&self) -> PathBuf {
        self.path("case")
    }

    /// The retired database's file.
    pub(crate) fn source(&self) -> PathBuf {
        self.old.file_path().to_owned()
    }

    /// Where its bytes are, and nothing else.
    pub(crate) fn source_folder(&self) -> PathBuf {
        self.old.bytes()
    }

    /// The platform's database's file.
    pub(crate) fn target(&self) -> PathBuf {
        self.new.file_path().to_owned()
    }

    fn answers(&self, clock: bool) -> String {
        let member = |(file, name): (&str, &str)| {
            json!({ "name": name, "position": "member", "role": if file == "ivanova" { "chair" } else { "member" },
                    "party": "operator", "key": format!("../keys/{file}.pub.pem") })
        };
        let store = |name: &str, role: &str, database: &Database| {
            let zone = clock.then_some(ZONE);
            json!({ "name": name, "role": role, "url": database.url(), "zone": zone })
        };
        // JSON is YAML, too.
        json!({
            "case": "LB-CORPUS-0001",
            "language": "en",
            "system": { "name": self.system.name, "ispdn_id": "ISPDN-01", "server": "dedicated" },
            "operator": { "name": "School", "inn": "0000000000", "ogrn": "0000000000000", "address": "Testing, 1" },
            "legal": { "reason": "purpose-reached", "purpose_reached_on": "2026-11-10", "order": "No 1" },
            "stores": [
                store("old", "source", &self.old),
                store("new", "target", &self.new),
            ],
            "migrated_on": "2026-09-01",
            "level": "L2",
            "operator_key": "../keys/operator.pub.pem",
            "unlock_file": "../case.unlock",
            "commission": { "threshold": 2, "members": MEMBERS.map(member) },
        })
        .to_string()
    }

    /// A step of the case; its document. Another exit code is a failure.
    pub(crate) fn run(&mut self, step: &str, options: &[&str], exit: i32) -> Value {
        let case = self.text("case");
        self.program(step, &[&[step, &case], options].concat(), exit)
    }

    fn program(&mut self, step: &str, arguments: &[&str], exit: i32) -> Value {
        let start = Instant::now();
        let (code, document) = lastbell_json(arguments);
        self.note(step, start);
        assert_eq!(code, exit, "{}: {step}: {document:#}", self.system.name);
        document
    }

    fn note(&mut self, step: &str, start: Instant) {
        self.steps.push((step.to_owned(), start.elapsed().as_secs_f64()));
    }

    /// Seconds of every step that takes long enough to be told.
    pub(crate) fn seconds(&self) -> String {
        let long = self.steps.iter().filter(|(_, seconds)| *seconds >= 0.05);
        long.map(|(step, seconds)| format!("{step} {seconds:.1}")).collect::<Vec<_>>().join(", ")
    }

    /// Writes the decisions from the labels and appends them. Returns how many there are of each kind.
    pub(crate) fn decide(&mut self) -> BTreeMap<String, usize> {
        let profile = fs::read(self.case().join("profile.yaml")).unwrap();
        let (profile, _) = Profile::load("profile.yaml", &profile).unwrap();
        let inventory = json_file(&self.case().join("inventory.json"));
        let mut decisions = Decisions { system: &self.system, profile: &profile, lines: Vec::new() };
        let source = inventory["stores"].as_array().unwrap().iter().find(|store| store["role"] == "source").unwrap();
        source["tables"].as_array().unwrap().iter().for_each(|table| decisions.about_table(table));
        decisions.add(json!({ "allow": "cooling", "hours": 0 }), "a test does not wait");
        decisions.add(json!({ "allow": "life" }), "the database was made a moment ago");
        let counts = decisions.by_kind();
        let lines: String = decisions.lines.iter().map(|line| format!("- {line}\n")).collect();
        fs::write(self.path("decisions.yaml"), lines).unwrap();
        let file = self.text("decisions.yaml");
        self.run("decide", &["--from", &file], 0);
        counts
    }

    /// Puts other text into case.yaml, once; the text must be there.
    pub(crate) fn edit_case(&self, old: &str, new: &str) {
        let path = self.case().join("case.yaml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "case.yaml has {old}");
        fs::write(path, text.replacen(old, new, 1)).unwrap();
    }

    /// Both members approve.
    pub(crate) fn approve(&mut self) {
        self.with_each_key("approve");
    }

    /// From a verification that found nothing to a certificate that is valid; what it states.
    pub(crate) fn reach_certificate(&mut self) -> Value {
        self.run("plan", &[], 0);
        self.approve();
        self.run("erase", &["--yes"], 0);
        self.run("residue", &[], 0);
        self.run("certify", &[], 0);
        self.sign();
        let checked = self.check();
        assert_eq!(checked["result"]["certificates"][0]["report"]["verdict"], "valid", "{checked:#}");
        json_file(&self.case().join("statement.json"))["predicate"].clone()
    }

    /// Both members sign.
    pub(crate) fn sign(&mut self) {
        self.with_each_key("sign");
    }

    fn with_each_key(&mut self, step: &str) {
        for (file, _) in MEMBERS {
            let key = self.text(&format!("keys/{file}.pem"));
            self.run(step, &["--key", &key], 0);
        }
    }

    /// Checks the certificate against a trust list and every file of the case.
    pub(crate) fn check(&mut self) -> Value {
        let (list, root) = (self.text("trust.json"), self.text("keys/region.pem"));
        self.program("trust", &["trust", "new", "--region", "Test region", "--out", &list, "--key", &root], 0);
        for (file, name) in MEMBERS {
            let public = self.text(&format!("keys/{file}.pub.pem"));
            let about = ["--holder", name, "--role", "member", "--party", "operator", "--key", &root];
            self.program("trust", &[&["trust", "add", &list, &public], &about[..]].concat(), 0);
        }
        let (certificate, case) = (self.text("case/certificate.json"), self.text("case"));
        self.program("check", &["check", &certificate, "--trust", &list, "--evidence", &case], 0)
    }

    /// Every row of the source now.
    pub(crate) fn dump(&self, name: &str) -> BTreeMap<String, Vec<String>> {
        self.old.dump(&self.path(&format!("dump-{name}.jsonl")))
    }

    /// Values that only destroyed cells of the source hold.
    pub(crate) fn sample(&self) -> Sample {
        self.system.sample(&self.source(), self.keep.path())
    }

    /// The same for whatever engine: from a further load into SQLite, when neither database is one.
    pub(crate) fn sample_of_texts(&mut self) -> Sample {
        let file = match (&self.old, &self.new) {
            (Database::File(file), _) | (_, Database::File(file)) => file.clone(),
            (Database::Postgres(..) | Database::Mysql(..), Database::Postgres(..) | Database::Mysql(..)) => {
                let start = Instant::now();
                let further = Database::platform(Engine::Sqlite, &self.path("further"));
                further.load(&self.system, true);
                self.note("load once more", start);
                further.file_path().to_owned()
            }
        };
        self.system.sample_of_texts(&file, self.keep.path())
    }
}

/// Decisions as a person would write them who knows the labels: one line for each thing that the draft does not settle.
struct Decisions<'a> {
    system: &'a System,
    profile: &'a Profile,
    lines: Vec<Value>,
}

impl Decisions<'_> {
    fn add(&mut self, mut line: Value, reason: &str) {
        for (key, value) in [("by", MEMBERS[0].1), ("at", "2026-11-12"), ("reason", reason)] {
            line[key] = value.into();
        }
        self.lines.push(line);
    }

    fn about_table(&mut self, found: &Value) {
        let table = found["name"].as_str().unwrap();
        let goes = self.system.destroyed().contains(table);
        let columns = found["finding"]["columns"].as_array().unwrap();
        let hits: BTreeSet<&str> = columns.iter().filter_map(|column| column["checksum_rule"].as_str()).collect();
        self.disposition(table, goes, &hits);
        columns.iter().filter(|column| column["verdict"] == "review").for_each(|column| self.review(table, column));
        if goes {
            self.add(json!({ "retention": table, "until": "platform" }), "the new platform has it");
            return;
        }
        for link in found["links"].as_array().unwrap() {
            if self.system.destroyed().contains(link["references"].as_str().unwrap()) {
                let column = format!("{table}.{}", link["columns"][0].as_str().unwrap());
                self.add(json!({ "cut": column }), "the table stays, what it leads to goes");
            }
        }
    }

    /// Only where the draft says otherwise, or a kept column's value checks itself.
    fn disposition(&mut self, table: &str, goes: bool, hits: &BTreeSet<&str>) {
        let wanted = if goes { Disposition::Destroy } else { Disposition::Keep };
        let overridden = if goes { &BTreeSet::new() } else { hits };
        if self.profile.tables[table].disposition == wanted && overridden.is_empty() {
            return;
        }
        let mut line = json!({ "table": table, "disposition": wanted.word() });
        if !overridden.is_empty() {
            line["overrides"] = json!(overridden);
        }
        self.add(line, if goes { "personal by its labels" } else { self.system.reason_to_keep(table) });
    }

    fn review(&mut self, table: &str, found: &Value) {
        let column = found["column"].as_str().unwrap();
        let label = self.system.label(table, column);
        let mut line = json!({ "review": format!("{table}.{column}"), "category": label.category });
        if let (Some(rule), "none") = (found["checksum_rule"].as_str(), label.category.as_str()) {
            line["overrides"] = rule.into();
        }
        let reason = if label.arguable.is_empty() { "by its label" } else { &label.arguable };
        self.add(line, reason);
    }

    fn by_kind(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in &self.lines {
            let kinds = ["review", "table", "retention", "cut", "allow"];
            let kind = kinds.into_iter().find(|kind| line.get(kind).is_some()).expect("every line is of a kind");
            *counts.entry(kind.to_owned()).or_default() += 1;
            let overrides = usize::from(line.get("overrides").is_some());
            *counts.entry("with overrides".to_owned()).or_default() += overrides;
        }
        counts
    }
}
