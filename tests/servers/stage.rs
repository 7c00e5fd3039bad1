//! A case whose retired system lies on a server, the program run on it as a process, and what no output may ever hold.

use crate::common::{DECISIONS, PUPILS, Ran, SmallCase, copy_folder, files_below, json_file, world};
use crate::server::{DIARY, Server};
use lastbell::world::World;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Variables in the stores' addresses.
pub(crate) const SOURCE: &str = "LASTBELL_TEST_SOURCE";
pub(crate) const TARGET: &str = "LASTBELL_TEST_TARGET";

/// The step that destroys, as it is typed.
pub(crate) const ERASE: [&str; 2] = ["erase", "--yes"];

/// A password that must be seen nowhere.
pub(crate) const SECRET: &str = "S3cret-Zvonok-77";

/// In memory, where it can be: each run syncs hundreds of times, which on a busy disk takes its time and proves nothing here.
fn room() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A case and the addresses of its stores.
pub(crate) struct Stage {
    /// What goes with it.
    _keep: Option<TempDir>,
    pub(crate) case: SmallCase,
    pub(crate) source: String,
    pub(crate) target: String,
}

impl Stage {
    /// The retired system as the server's master sees it; the platform is a file.
    pub(crate) fn on(server: &Server) -> Self {
        Self::with_source(&server.url(DIARY))
    }

    /// The retired system at an address; the platform is a file.
    pub(crate) fn with_source(source: &str) -> Self {
        let keep = room();
        let stage = Self::in_folder(keep.path(), source);
        Self { _keep: Some(keep), ..stage }
    }

    /// The same in a folder of the caller's.
    pub(crate) fn in_folder(folder: &Path, source: &str) -> Self {
        let (mut world, _) = world();
        let case = SmallCase::in_folder(folder, &mut world);
        let target = format!("sqlite:{}", case.target().display());
        for (path, variable) in [(case.source(), SOURCE), (case.target(), TARGET)] {
            case.change_case_file(&format!("sqlite:{}", path.display()), &format!("${{{variable}}}"));
        }
        Self { _keep: None, case, source: source.to_owned(), target }
    }

    /// The same with a server as platform.
    pub(crate) fn between(source: &str, target: &str) -> Self {
        let mut stage = Self::with_source(source);
        target.clone_into(&mut stage.target);
        stage
    }

    /// This case as it stands, in a folder of its own: the stores' addresses stay.
    pub(crate) fn copy(&self) -> Self {
        let keep = room();
        let copy = self.copy_into(keep.path());
        Self { _keep: Some(keep), ..copy }
    }

    /// The same in a folder of the caller's.
    pub(crate) fn copy_into(&self, folder: &Path) -> Self {
        for part in ["case", "keys"] {
            copy_folder(&self.case.folder.join(part), &folder.join(part));
        }
        fs::copy(self.case.folder.join("case.unlock"), folder.join("case.unlock")).unwrap();
        let case = SmallCase::reopened(folder);
        Self { _keep: None, case, source: self.source.clone(), target: self.target.clone() }
    }

    /// An outside that knows the addresses.
    pub(crate) fn world(&self) -> World {
        let (mut world, _) = world();
        let (source, target) = (self.source.clone(), self.target.clone());
        world.variable = Box::new(move |name| match name {
            SOURCE => Some(source.clone()),
            TARGET => Some(target.clone()),
            _ => None, // any other variable
        });
        world
    }

    fn command(&self, step: &[&str]) -> Command {
        let mut command = self.for_people(step);
        command.arg("--json");
        command
    }

    /// Without `--json`: what a person sees.
    fn for_people(&self, step: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
        command.args(["--lang", "en"]).args(step).arg(self.case.case());
        command.env(SOURCE, &self.source).env(TARGET, &self.target);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a step.
    pub(crate) fn start(&self, step: &[&str]) -> Child {
        self.command(step).spawn().unwrap()
    }

    /// Starts a step with another variable.
    pub(crate) fn start_with(&self, step: &[&str], name: &str, value: &str) -> Child {
        self.command(step).env(name, value).spawn().unwrap()
    }

    /// Runs a step; nothing of what it says is a secret.
    pub(crate) fn run(&self, step: &[&str]) -> Ran {
        self.ended(self.start(step))
    }

    /// Waits for a started step.
    pub(crate) fn ended(&self, child: Child) -> Ran {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran = Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        assert_tells_nothing(&format!("{}\n{}", ran.out, ran.err));
        assert_commands_no_terminal(&format!("{}\n{}", ran.out, ran.err));
        ran
    }

    /// Runs a step for a person, and gives all that it says.
    #[track_caller]
    pub(crate) fn says(&self, step: &[&str], code: i32) -> String {
        let ran = self.ended(self.for_people(step).spawn().unwrap());
        assert_eq!(ran.code, Some(code), "{step:?}: {}\n{}", ran.out, ran.err);
        ran.out + &ran.err
    }

    /// Runs a step that must end with this code.
    #[track_caller]
    pub(crate) fn runs(&self, step: &[&str], code: i32) -> Value {
        let ran = self.run(step);
        assert_eq!(ran.code, Some(code), "{step:?}: {}\n{}", ran.out, ran.err);
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{step:?}: stdout is one JSON document: {ran:?}"))
    }

    /// Runs a step that must fail with this code for this reason; it says what happened and what to do.
    #[track_caller]
    pub(crate) fn fails(&self, step: &[&str], code: i32, reason: &str) -> Value {
        let document = self.runs(step, code);
        assert_eq!(crate::common::root_code(&document), reason, "{step:?}: {document:#}");
        assert_says_what_to_do(&document);
        document
    }

    /// `discover` and all decisions.
    #[track_caller]
    pub(crate) fn discovered(&self) {
        self.discovered_with(DECISIONS);
    }

    #[track_caller]
    pub(crate) fn discovered_with(&self, decisions: &str) {
        self.runs(&["discover"], 0);
        self.case.decide(&mut self.world(), decisions);
    }

    /// Up to two approvals.
    #[track_caller]
    pub(crate) fn approved(&self) {
        self.discovered();
        self.verified_and_approved();
    }

    #[track_caller]
    pub(crate) fn verified_and_approved(&self) {
        self.runs(&["verify"], 0);
        self.runs(&["plan"], 0);
        self.approved_now();
    }

    /// Two members approve the plan that stands.
    #[track_caller]
    pub(crate) fn approved_now(&self) {
        for key in self.members() {
            self.runs(&["approve", "--key", &key], 0);
        }
    }

    /// The private keys of two members.
    fn members(&self) -> [String; 2] {
        ["ivanova", "petrov"]
            .map(|name| self.case.folder.join("keys").join(format!("{name}.pem")).display().to_string())
    }

    /// From an erasure to a certificate that is valid with its evidence; nothing in the case tells a secret. The search ends
    /// with `residue`: 0 where nothing is left, 1 where values still stand in files, as they do at L1.
    #[track_caller]
    pub(crate) fn certified(&self, residue: i32) -> Value {
        self.runs(&["residue"], residue);
        self.runs(&["certify"], 0);
        for key in self.members() {
            self.runs(&["sign", "--key", &key], 0);
        }
        let trust = self.case.trust_list(&self.world()).display().to_string();
        let certificate = self.case.case().join("certificate.json").display().to_string();
        let checked = self.runs(&["check", &certificate, "--trust", &trust, "--evidence"], 0);
        let report = &checked["result"]["certificates"][0]["report"];
        assert_eq!(report["verdict"], "valid", "{report:#}");
        assert_eq!(report["layers"]["evidence"]["state"], "pass", "{report:#}");
        self.assert_case_tells_nothing();
        json_file(&self.case.case().join("statement.json"))["predicate"].clone()
    }

    /// The level that the certificate names for the retired system.
    pub(crate) fn level(predicate: &Value) -> String {
        predicate["levels"][0]["level"].as_str().unwrap().to_owned()
    }

    /// No password and no value of a row in journal and artefacts; what is sealed or in `work/` is encrypted.
    pub(crate) fn assert_case_tells_nothing(&self) {
        for (name, bytes) in files_below(&self.case.case()) {
            // What people write themselves may hold whatever they wrote.
            if !name.ends_with(".yaml") {
                assert_tells_nothing(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    /// What a certificate claims, without times, digests and counts of files.
    pub(crate) fn claims(predicate: &Value) -> Value {
        let each = |list: &str, fields: &[&str]| -> Value {
            let items = predicate[list].as_array().unwrap_or_else(|| panic!("{list} is a list: {predicate:#}"));
            items.iter().map(|one| fields.iter().map(|field| one[*field].clone()).collect::<Value>()).collect()
        };
        serde_json::json!({
            "outcome": predicate["outcome"],
            "levels": each("levels", &["store", "level", "paper"]),
            "coverage": predicate["coverage"],
            "methods": each("methods", &["store", "action", "tables", "rows"]),
            "cuts": predicate["cuts"],
            "subjects": predicate["subjects"],
            "residue": [predicate["residue"]["needles"], predicate["residue"]["hits"]],
            "claims": each("claims", &["code", "basis"]),
        })
    }
}

/// The findings of a step that carry a code.
pub(crate) fn findings<'a>(document: &'a Value, code: &str) -> Vec<&'a Value> {
    document["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code).collect()
}

/// Words of the servers and their drivers that only their own messages hold.
const DRIVERS: [&str; 7] = [
    "duplicate key value",
    "violates",
    "ERROR:",
    "DETAIL",
    "SQLSTATE[",
    "password authentication failed",
    "Access denied for",
];

/// Neither a password, nor a value of a row, nor a driver's sentence.
#[track_caller]
pub(crate) fn assert_tells_nothing(text: &str) {
    let values = PUPILS.iter().flat_map(|(_, fio, snils, phone)| [*fio, *snils, *phone]);
    let others = ["Указкина Милица", "Журналов Тихон", "ukazkina@school", "10.1.2.3", SECRET];
    for told in values.chain(others).chain(DRIVERS) {
        assert!(!text.contains(told), "{told:?} is told:\n{text}");
    }
}

/// Neither a control character nor a letter that turns the order of reading.
#[track_caller]
pub(crate) fn assert_commands_no_terminal(text: &str) {
    let turns = |letter| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let obeyed = text.chars().find(|letter| (letter.is_control() && *letter != '\n') || turns(*letter));
    assert_eq!(obeyed, None, "a terminal would obey:\n{text:?}");
}

/// Each link of an error's chain has a text, and some link says what to do.
#[track_caller]
pub(crate) fn assert_says_what_to_do(document: &Value) {
    let (mut error, mut next) = (&document["error"], String::new());
    while error.is_object() {
        assert!(error["what"].as_str().is_some_and(|what| !what.is_empty()), "what happened: {document:#}");
        next += error["next"].as_str().unwrap_or_default();
        error = &error["cause"];
    }
    assert!(!next.is_empty(), "what to do: {document:#}");
}
