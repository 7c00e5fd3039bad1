//! The command line as a process: exit codes, what goes to stdout and what to stderr, help, keys, trust lists, bad files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Ran, SmallCase, lastbell, lastbell_json, root_code, world};
use lastbell::case::artefacts::name;
use lastbell::failure::Exit;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const COMMANDS: [&str; 20] = [
    "demo", "discover", "init", "doctor", "decide", "verify", "digest", "plan", "approve", "erase", "residue",
    "certify", "sign", "check", "run", "status", "close", "profiles", "keys", "trust",
];

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A fresh case, not discovered yet.
fn fresh() -> SmallCase {
    let (mut world, _) = world();
    SmallCase::new(&mut world)
}

/// A case with a signed certificate.
fn certified() -> SmallCase {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    case.erase(&mut world).unwrap();
    case.certified(&mut world);
    case.trust_list(&world);
    case
}

fn file(case: &SmallCase, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = case.folder.join(name);
    fs::write(&path, bytes).unwrap();
    shown(&path)
}

/// Without `--json`: the code, and that stdout stayed empty.
fn for_people(arguments: &[&str]) -> Ran {
    let ran = lastbell(arguments);
    assert_eq!(ran.out, "", "{arguments:?}: what is for people goes to stderr");
    ran
}

/// With `--json`: as [`lastbell_json`], and stderr stays empty.
fn for_machines(arguments: &[&str]) -> (i32, Value) {
    let ran = lastbell(&[&["--json"], arguments].concat());
    assert_eq!(ran.err, "", "{arguments:?}: with --json nothing is told to people");
    let document: Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{arguments:?}: one document: {ran:?}"));
    let code = ran.code.unwrap();
    assert_eq!(document["exit"], code, "{arguments:?}: the document tells the exit code");
    assert_eq!(
        document.get("error").is_some(),
        document.get("result").is_none(),
        "{arguments:?}: a result or an error"
    );
    (code, document)
}

// ---- exit codes

#[test]
fn each_exit_code_has_its_meaning() {
    let case = fresh();
    let here = case.case_argument();
    let decisions = file(&case, "decisions.yaml", common::DECISIONS);
    case.sql(&case.target(), "DELETE FROM staff WHERE id = 2");
    let no_store = format!("sqlite:{}", shown(&case.folder.join("nowhere.db")));
    let lines: [(i32, &str, Vec<&str>); 12] = [
        (2, "case-not-found", vec!["verify", "/nowhere/case"]),
        (2, "usage", vec!["verify", &here, "--force"]),
        (2, "usage", vec!["erase"]),
        (3, "store-not-found", vec!["discover", "--store", &no_store]),
        (4, "step-missing", vec!["verify", &here]),
        (4, "decision-before-discover", vec!["decide", &here, "--from", &decisions]),
        (0, "ok", vec!["discover", &here]),
        (0, "ok", vec!["decide", &here, "--from", &decisions]),
        (1, "ok", vec!["verify", &here]),
        (4, "open-unproved", vec!["plan", &here]),
        (4, "confirm-missing", vec!["erase", &here]),
        (4, "artefact-missing", vec!["erase", "--yes", &here]),
    ];
    let mut met = BTreeSet::new();
    for (code, cause, arguments) in lines {
        let (found, document) = for_machines(&arguments);
        assert_eq!((found, root_code(&document).as_str()), (code, cause), "{arguments:?}: {document:#}");
        met.insert(found);
    }
    assert_eq!(
        met,
        [Exit::Findings, Exit::Usage, Exit::Store, Exit::Refused]
            .map(|exit| exit as i32)
            .into_iter()
            .chain([0])
            .collect()
    );
}

#[test]
fn an_interrupted_run_ends_with_130_and_is_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let demo = shown(&folder.path().join("demo"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_lastbell"))
        .args(["--lang", "en", "demo", "--rows", "20000", "--dir", &demo])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = [0];
    child.stderr.as_mut().unwrap().read_exact(&mut heard).unwrap(); // the story has begun, the handlers are there
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut rest = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{}", String::from_utf8_lossy(&rest));
}

// ---- stdout and stderr

/// What [`walk`] was told, over one case of this process.
fn walked() -> &'static [(i32, Value)] {
    static TOLD: OnceLock<Vec<(i32, Value)>> = OnceLock::new();
    TOLD.get_or_init(|| walk(&fresh()))
}

/// Every command once where it does its work and once where it cannot; each with `--json`.
fn walk(case: &SmallCase) -> Vec<(i32, Value)> {
    let here = case.case_argument();
    let decisions = file(case, "decisions.yaml", common::DECISIONS);
    let nothing = shown(&case.folder.join("nothing"));
    let [key, second, stranger] =
        ["ivanova", "petrov", "stranger"].map(|name| shown(&case.folder.join("keys").join(name)));
    let [pem, pem2, pem3] = [&key, &second, &stranger].map(|key| format!("{key}.pem"));
    let public = format!("{key}.pub.pem");
    let source = format!("sqlite:{}", shown(&case.source()));
    let [other, trust, demo] = ["other", "list.json", "demo"].map(|name| shown(&case.folder.join(name)));
    let plan = shown(&case.case().join(name::PLAN));
    let statement = shown(&case.case().join(name::STATEMENT));
    let certificate = shown(&case.case().join(name::CERTIFICATE));
    let [request, receipt] = ["request.json", "receipt"].map(|name| shown(&case.folder.join(name)));
    let [seal, seal_public] = ["pem", "pub.pem"].map(|end| shown(&case.folder.join(format!("keys/operator.{end}"))));
    let (profile, store) = (shown(&case.case().join("profile.yaml")), format!("sqlite:{}", shown(&case.target())));
    let answer =
        ["digest", "--for", &request, "--profile", &profile, "--store", &store, "--key", &pem, "--unseal", &seal];
    let operator_key = "operator_key: ../keys/operator.pub.pem\nunlock_file: ../other.unlock\n";
    let answers = file(case, "answers.yaml", operator_key);
    let lines: Vec<(i32, Vec<&str>)> = vec![
        (2, vec!["init", &here, "--source", &source]),
        (0, vec!["init", &other, "--source", &source, "--answers", &answers]),
        (0, vec!["keys", "new", "--for", "signing", "--out", &stranger]),
        (2, vec!["keys", "new", "--for", "signing", "--out", &stranger]),
        (0, vec!["keys", "show", &pem3]),
        (2, vec!["keys", "show", &decisions]),
        (0, vec!["doctor", &here]),
        (2, vec!["doctor", &nothing]),
        (0, vec!["discover", "--store", &source]),
        (2, vec!["discover", "--store", "nothing"]),
        (0, vec!["status", &here, &other]),
        (2, vec!["status", &nothing]),
        (4, vec!["plan", &here]),
        (4, vec!["approve", &here, "--key", &pem]),
        (0, vec!["discover", &here]),
        (0, vec!["discover", &here]),
        (2, vec!["discover", &nothing]),
        (0, vec!["decide", &here, "--from", &decisions]),
        (2, vec!["decide", &here, "--from", &nothing]),
        (0, vec!["digest", "--request", &here, "-o", &request, "--to", &seal_public]),
        (2, vec!["digest", "--request", &here, "-o", &request, "--to", &seal_public]),
        (0, [&answer[..], &["-o", &receipt]].concat()),
        (2, [&answer[..], &["-o", &receipt]].concat()),
        (0, vec!["verify", &here]),
        (0, vec!["verify", &here, "--again"]),
        (0, vec!["profiles", "check", &here]),
        (2, vec!["profiles", "check", &nothing]),
        (0, vec!["plan", &here]),
        (0, vec!["approve", &here, "--key", &pem]),
        (2, vec!["approve", &here, "--key", &pem]),
        (4, vec!["approve", &plan, "--key", &pem3]),
        (2, vec!["approve", &nothing, "--key", &pem]),
        (0, vec!["run", &here]),
        (1, vec!["run", &other]),
        (4, vec!["erase", &here, "--yes"]),
        (0, vec!["approve", &here, "--key", &pem2]),
        (4, vec!["residue", &here]),
        (0, vec!["erase", &here, "--yes"]),
        (4, vec!["certify", &here]),
        (0, vec!["residue", &here]),
        (0, vec!["certify", &here]),
        (4, vec!["close", &here]),
        (0, vec!["sign", &here, "--key", &pem]),
        (4, vec!["sign", &statement, "--key", &pem3]),
        (0, vec!["sign", &here, "--key", &pem2]),
        (0, vec!["trust", "new", "--region", "Test", "--out", &trust, "--key", &pem3]),
        (2, vec!["trust", "new", "--region", "Test", "--out", &trust, "--key", &pem3]),
        (
            0,
            vec![
                "trust", "add", &trust, &public, "--holder", "A", "--role", "chair", "--party", "operator", "--key",
                &pem3,
            ],
        ),
        (
            2,
            vec![
                "trust", "add", &trust, &public, "--holder", "A", "--role", "chair", "--party", "king", "--key", &pem3,
            ],
        ),
        (1, vec!["check", &certificate, "--trust", &trust, "--evidence", &here]),
        (1, vec!["check", &decisions]),
        (2, vec!["check", &nothing]),
        (0, vec!["run", &here]),
        (0, vec!["close", &here]),
        (0, vec!["close", &here]),
        (4, vec!["close", &here, "--final"]),
        (0, vec!["demo", "--rows", "20", "--dir", &demo]),
        (2, vec!["demo", "--dir", &other]),
    ];
    let mut told = Vec::new();
    let mut met = BTreeSet::new();
    for (expected, arguments) in lines {
        let (code, document) = for_machines(&arguments);
        // Refusals of one kind are 2 or 4 by what is wrong; what matters here is whether it worked.
        let fits = if expected < 2 { code == expected } else { code >= 2 && code != 70 };
        assert!(fits, "{arguments:?} ends with {expected}: {document:#}");
        assert_eq!(document["command"], arguments[0], "the document names its command");
        met.insert(arguments[0].to_owned());
        told.push((code, document));
    }
    assert_eq!(met, COMMANDS.map(str::to_owned).into(), "every command was met");
    told
}

#[test]
fn json_is_one_document_for_every_command_and_every_error() {
    let told = walked();
    assert!(told.len() > 50);
    let errors: Vec<&Value> = told.iter().filter(|(code, _)| *code >= 2).map(|(_, document)| document).collect();
    assert!(errors.len() > 15);
    for document in errors.iter().filter(|document| document.get("error").is_some()) {
        assert!(document["error"]["code"].is_string() && document["error"]["args"].is_object(), "{document:#}");
    }
    let findings = told.iter().filter(|(code, _)| *code == 1);
    assert!(findings.clone().all(|(_, document)| !document["findings"].as_array().unwrap().is_empty()));
}

/// Every `code` with the text that stands beside it.
fn texts(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            let text = map.get("text").or_else(|| map.get("what"));
            if let (Some(Value::String(code)), Some(Value::String(text))) = (map.get("code"), text) {
                found.push((code.clone(), text.clone()));
            }
            map.values().for_each(|value| texts(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn no_code_is_told_without_a_text() {
    let mut found = Vec::new();
    walked().iter().for_each(|(_, document)| texts(document, &mut found));
    assert!(found.len() > 80, "lines, findings and errors were told");
    let bare: BTreeSet<&String> = found
        .iter()
        .filter(|(code, text)| code != "usage" && text.split(' ').next() == Some(code))
        .map(|(code, _)| code)
        .collect();
    assert!(bare.is_empty(), "codes without a text: {bare:?}");
}

#[test]
fn what_is_for_people_goes_to_stderr() {
    let case = fresh();
    let here = case.case_argument();
    let decisions = file(&case, "decisions.yaml", common::DECISIONS);
    let lines: [&[&str]; 8] = [
        &["doctor", &here],
        &["discover", &here],
        &["decide", &here, "--from", &decisions],
        &["verify", &here],
        &["plan", &here],
        &["status", &here],
        &["run", &here],
        &["erase", &here],
    ];
    for arguments in lines {
        assert!(!for_people(arguments).err.trim().is_empty(), "{arguments:?} says something");
    }
    // The result itself is for stdout: a key id, a table, a list.
    let key = lastbell(&["keys", "show", &shown(&case.folder.join("keys/ivanova.pem"))]);
    assert_eq!(key.out.trim(), case.keys[0].key_id().to_string());
}

#[test]
fn every_command_explains_itself() {
    let top = lastbell(&["--help"]);
    assert_eq!((top.code, top.err.as_str()), (Some(0), ""), "help that was asked for is a result");
    for command in COMMANDS {
        assert!(top.out.contains(&format!("\n  {command} ")), "--help lists {command}");
        let ran = lastbell(&[command, "--help"]);
        assert_eq!(ran.code, Some(0), "{command}");
        assert!(ran.out.contains(&format!("Usage: lastbell {command}")), "{command}: {}", ran.out);
        assert!(ran.out.lines().next().unwrap().len() > 10, "{command} says what it is for");
    }
    for command in [["keys", "new"], ["keys", "show"], ["trust", "new"], ["trust", "add"]] {
        assert!(lastbell(&[command[0], command[1], "--help"]).out.contains("Usage: lastbell"), "{command:?}");
    }
    assert_eq!(lastbell(&[]).code, Some(2), "nothing asked is wrong use");
    assert_eq!(lastbell(&["--version"]).out.trim(), format!("lastbell {}", env!("CARGO_PKG_VERSION")));
}

// ---- erase

#[test]
fn erase_without_a_terminal_wants_to_be_told_yes() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    let before = common::files_below(&case.folder);
    let (code, document) = for_machines(&["erase", &case.case_argument()]);
    assert_eq!((code, root_code(&document).as_str()), (4, "confirm-missing"));
    assert_eq!(for_people(&["erase", &case.case_argument()]).code, Some(4));
    assert_eq!(common::files_below(&case.folder), before, "nothing was touched, in case and stores");
    assert_eq!(for_people(&["erase", "--yes", &case.case_argument()]).code, Some(0));
    assert_eq!(case.count(&case.source(), "pupils"), 0);
    assert_eq!(for_people(&["erase", &case.case_argument()]).code, Some(0), "nothing is left to be confirmed");
}

// ---- keys

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_made_never_over_a_file_and_the_private_half_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["signing", "sealing"] {
        let out = folder.path().join(format!("deep/{kind}"));
        let (code, document) = for_machines(&["keys", "new", "--for", kind, "--out", &shown(&out)]);
        assert_eq!(code, 0, "{document:#}");
        let [private, public] = ["pem", "pub.pem"].map(|ending| PathBuf::from(format!("{}.{ending}", shown(&out))));
        assert_eq!((mode(&private), mode(&public)), (0o600, 0o644));
        for (half, path) in [("private", &private), ("public", &public)] {
            let (_, shown_key) = for_machines(&["keys", "show", &shown(path)]);
            assert_eq!(shown_key["result"]["key_id"], document["result"]["key_id"], "both halves have one id");
            assert_eq!(shown_key["result"]["kind"], kind);
            assert_eq!(shown_key["result"]["private"], half == "private");
        }
        for (keep, gone) in [(&private, &public), (&public, &private)] {
            let saved = fs::read(gone).unwrap();
            fs::remove_file(gone).unwrap();
            let before = fs::read(keep).unwrap();
            let (code, document) = for_machines(&["keys", "new", "--for", kind, "--out", &shown(&out)]);
            assert_eq!((code, root_code(&document).as_str()), (2, "file-exists"), "{document:#}");
            assert_eq!(fs::read(keep).unwrap(), before, "a key is never written over");
            assert!(!gone.exists(), "nor half a pair made");
            fs::write(gone, saved).unwrap();
        }
    }
    let ids = ["a", "b"].map(|name| {
        let out = shown(&folder.path().join(name));
        for_machines(&["keys", "new", "--for", "signing", "--out", &out]).1["result"]["key_id"].clone()
    });
    assert_ne!(ids[0], ids[1], "no two keys are alike");
}

#[test]
fn a_key_with_a_password_opens_with_it_alone() {
    let case = fresh();
    let [right, wrong, empty] = [("right", "верный пароль\n"), ("wrong", "другой\n"), ("empty", "\n")]
        .map(|(name, text)| file(&case, name, text));
    let out = shown(&case.folder.join("locked"));
    let made = for_machines(&["keys", "new", "--for", "signing", "--out", &out, "--password-file", &right]);
    assert_eq!(made.0, 0, "{:#}", made.1);
    let key = format!("{out}.pem");
    let text = fs::read_to_string(&key).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "PKCS#8, encrypted");
    let (code, document) = for_machines(&["keys", "show", &key, "--password-file", &right]);
    assert_eq!((code, &document["result"]["key_id"]), (0, &made.1["result"]["key_id"]));
    for arguments in [vec![], vec!["--password-file", &wrong], vec!["--password-file", &empty]] {
        let (code, document) = for_machines(&[&["keys", "show", &key][..], &arguments].concat());
        assert_eq!(code, 2, "{arguments:?}: {document:#}");
        let public = fs::read_to_string(format!("{out}.pub.pem")).unwrap();
        assert!(!document.to_string().contains(public.lines().nth(1).unwrap()), "nothing of the key is told");
    }
    let refused =
        for_machines(&["keys", "new", "--for", "signing", "--out", &format!("{out}2"), "--password-file", &empty]);
    assert_eq!((refused.0, root_code(&refused.1).as_str()), (2, "password-empty"));
    assert!(!Path::new(&format!("{out}2.pem")).exists(), "no key without the password that was asked for");
}

#[test]
fn a_key_of_the_other_kind_is_told_so() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.planned(&mut world);
    let sealing = shown(&case.folder.join("keys/operator.pem"));
    let public = shown(&case.folder.join("keys/ivanova.pub.pem"));
    for key in [sealing, public] {
        let (code, document) = for_machines(&["approve", &case.case_argument(), "--key", &key]);
        assert_eq!((code, document["error"]["code"].as_str()), (2, Some("key-file")), "{document:#}");
        assert!(document["error"]["cause"]["code"].is_string(), "and why: {document:#}");
    }
}

// ---- trust lists and certificates

#[test]
fn a_certificate_is_valid_by_a_list_and_by_nothing_less() {
    let case = certified();
    let certificate = shown(&case.case().join(name::CERTIFICATE));
    let trust = shown(&case.folder.join("trust.json"));
    let here = case.case_argument();
    let verdict = |arguments: &[&str]| {
        let (code, document) = for_machines(&[&["check", &certificate][..], arguments].concat());
        (code, document["result"]["certificates"][0]["report"]["verdict"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(verdict(&["--trust", &trust, "--evidence", &here]), (0, "valid".to_owned()));
    let (code, without) = verdict(&[]);
    assert_eq!(code, 1, "without a list nothing is valid: {without}");
    let (code, document) = for_machines(&["check", &certificate, "--trust", &trust, "--evidence", &here]);
    assert_eq!(code, 0);
    let root = document["result"]["certificates"][0]["report"]["trust"]["root_key_id"].as_str().unwrap().to_owned();
    assert_eq!(
        verdict(&["--trust", &trust, "--evidence", &here, "--root", &root]).0,
        0,
        "the printed root can be pinned"
    );
    let other = "0".repeat(64);
    assert_eq!(
        verdict(&["--trust", &trust, "--evidence", &here, "--root", &other]).0,
        1,
        "another root is another list"
    );
    let (code, document) = for_machines(&["check", &certificate, "--trust", &trust, "--root", "xyz"]);
    assert_eq!((code, root_code(&document).as_str()), (2, "root-bad"));
    assert_eq!(for_machines(&["check", &certificate, "--root", &root]).0, 2, "a root without a list is wrong use");
}

#[test]
fn many_certificates_are_each_judged_and_garbage_is_a_finding() {
    let case = certified();
    let certificate = shown(&case.case().join(name::CERTIFICATE));
    let trust = shown(&case.folder.join("trust.json"));
    let mut bytes = fs::read(&certificate).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let changed = file(&case, "changed.json", &bytes);
    let garbage = [
        file(&case, "empty.json", ""),
        file(&case, "noise.bin", [0xff, 0, 0xfe, 10]),
        file(&case, "other.json", "{\"a\": 1}"),
        file(&case, "deep.json", "[".repeat(100_000)),
        changed,
    ];
    let mut arguments = vec!["check", &certificate, &certificate];
    arguments.extend(garbage.iter().map(String::as_str));
    arguments.extend(["--trust", &trust, "--evidence"]);
    let here = case.case_argument();
    arguments.push(&here);
    let (code, document) = for_machines(&arguments);
    assert_eq!(code, 1, "{document:#}");
    let reports = document["result"]["certificates"].as_array().unwrap();
    let valid: Vec<bool> = reports.iter().map(|one| one["report"]["verdict"] == "valid").collect();
    assert_eq!(valid, [true, true, false, false, false, false, false]);
    let nothing = shown(&case.folder.join("nothing.json"));
    for missing in [vec!["check", &nothing], vec!["check", &certificate, &nothing]] {
        let (code, document) = for_machines(&missing);
        assert_eq!((code, root_code(&document).as_str()), (2, "file-not-found"), "{missing:?}");
    }
    let (code, document) = for_machines(&["check", &certificate, "--trust", &nothing]);
    assert_eq!((code, root_code(&document).as_str()), (2, "file-not-found"));
    let (code, document) = for_machines(&["check", &certificate, "--trust", &trust, "--evidence", &nothing]);
    assert_eq!((code, root_code(&document).as_str()), (2, "case-not-found"));
}

#[test]
fn a_trust_list_is_made_once_and_grows_by_its_root_alone() {
    let case = fresh();
    let [root, other] = ["root", "other"].map(|name| shown(&case.folder.join(name)));
    for key in [&root, &other] {
        for_machines(&["keys", "new", "--for", "signing", "--out", key]);
    }
    let (root_pem, other_pem) = (format!("{root}.pem"), format!("{other}.pem"));
    let list = shown(&case.folder.join("list.json"));
    assert_eq!(for_machines(&["trust", "new", "--region", "Область", "--out", &list, "--key", &root_pem]).0, 0);
    let first = fs::read(&list).unwrap();
    let again = for_machines(&["trust", "new", "--region", "Область", "--out", &list, "--key", &root_pem]);
    assert_eq!((again.0, root_code(&again.1).as_str()), (2, "file-exists"));
    let public = shown(&case.folder.join("keys/ivanova.pub.pem"));
    let add = |key: &str, party: &str, date: &str| {
        let arguments = [
            "trust",
            "add",
            &list,
            &public,
            "--holder",
            "Иванова",
            "--role",
            "chair",
            "--party",
            party,
            "--from",
            date,
            "--key",
            key,
        ];
        let (code, document) = for_machines(&arguments);
        (code, root_code(&document))
    };
    assert!(add(&other_pem, "operator", "2026-01-01").0 >= 2, "another key may not add");
    assert_eq!(add(&root_pem, "king", "2026-01-01"), (2, "party-unknown".to_owned()));
    assert_eq!(add(&root_pem, "operator", "32.13.2026"), (2, "date-bad".to_owned()));
    assert_eq!(fs::read(&list).unwrap(), first, "a refused addition changes nothing");
    assert_eq!(add(&root_pem, "operator", "2026-01-01").0, 0);
    let second = fs::read(&list).unwrap();
    assert!(add(&root_pem, "operator", "2026-01-01").0 >= 2, "one key is listed once");
    assert_eq!(fs::read(&list).unwrap(), second);
    let left: Vec<_> = fs::read_dir(&case.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("draft")), "{left:?}");
}

// ---- a first look

#[test]
fn a_first_look_prints_a_line_for_every_column_and_changes_nothing() {
    let case = fresh();
    case.sql(&case.source(), "CREATE TABLE \"a,\"\"b\" (\"c,d\" TEXT, e BLOB); CREATE TABLE blank (x)");
    let before = common::files_below(&case.folder);
    let ran = lastbell(&["discover", "--csv", "--store", &format!("sqlite:{}", shown(&case.source()))]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "table,column,category,subject,verdict,score,guess");
    let columns = 4 + 4 + 3 + 2 + 3 + 2 + 2 + 1;
    assert_eq!(lines.len(), 1 + columns, "{}", ran.out);
    for start in ["pupils,snils,national_id,", "pupils,fio,name,", "subjects,title,none,", "\"a,\"\"b\",\"c,d\",none,"]
    {
        assert_eq!(lines.iter().filter(|line| line.starts_with(start)).count(), 1, "{start}: {}", ran.out);
    }
    assert!(lines[1..].iter().all(|line| line.split(',').count() >= 7), "seven fields each");
    for (_, _, snils, phone) in common::PUPILS {
        assert!(!ran.out.contains(snils) && !ran.err.contains(phone), "no value is printed");
    }
    let (_, document) = for_machines(&["discover", "--store", &format!("sqlite:{}", shown(&case.source()))]);
    assert_eq!(document["result"]["tables"].as_array().unwrap().len(), 8);
    assert_eq!(common::files_below(&case.folder), before, "nothing was written anywhere");
    assert_eq!(lastbell(&["discover", "--csv", "--json", "--store", "sqlite:x"]).code, Some(2), "one form at a time");
}

#[test]
fn what_is_no_database_is_told_so() {
    let case = fresh();
    let folder = shown(&case.folder);
    let [empty, text, cut] = [
        file(&case, "empty.db", ""),
        file(&case, "text.db", "не база данных ".repeat(100)),
        file(&case, "cut.db", &fs::read(case.source()).unwrap()[..5000]),
    ];
    for (url, code, cause, reason) in [
        (format!("sqlite:{folder}"), 4, "store-unsupported", "not-a-file"),
        (format!("sqlite:{empty}"), 4, "store-damaged", "empty-file"),
        (format!("sqlite:{text}"), 4, "store-damaged", "not-sqlite"),
        (format!("sqlite:{folder}/nothing.db"), 3, "store-not-found", "file-not-found"),
        (format!("sqlite:{folder}/empty.db/x"), 3, "store-engine", "file-failed"),
        (format!("nosuch:{folder}"), 2, "engine-unknown", ""),
        (folder.clone(), 2, "url-bad", ""),
    ] {
        let (found, document) = for_machines(&["discover", "--store", &url]);
        assert_eq!((found, root_code(&document).as_str()), (code, cause), "{url}: {document:#}");
        if !reason.is_empty() {
            assert!(document.to_string().contains(reason), "{url}: {document:#}");
        }
    }
    let (code, document) = for_machines(&["discover", "--store", &format!("sqlite:{cut}")]);
    assert!(code == 4 && root_code(&document) == "store-damaged", "a cut file is damaged: {document:#}");
}

// ---- the build

#[test]
fn the_list_of_engines_is_that_of_the_build() {
    let schemes: Vec<&str> = lastbell::engines::all().iter().map(|engine| engine.scheme()).collect();
    let built = [
        ("csv", cfg!(feature = "csv")),
        ("mysql", cfg!(feature = "mysql")),
        ("postgres", cfg!(feature = "postgres")),
        ("sqlite", cfg!(feature = "sqlite")),
    ];
    let expected: Vec<&str> = built.into_iter().filter_map(|(scheme, there)| there.then_some(scheme)).collect();
    assert_eq!(schemes, expected, "each engine has its feature");
    let (code, document) = lastbell_json(&["discover", "--store", "oracle://localhost/x"]);
    assert_eq!((code, root_code(&document).as_str()), (2, "engine-unknown"));
    assert_eq!(document["error"]["args"]["known"], expected.join(", "), "and the program says what it has");
}
