//! The layout's own rules, each a test whose name is the rule. Reads the repository's text; writes `docs/errors.md` when
//! LASTBELL_WRITE_DOCS is set, nothing else. A rule is a function from text to violations, and each is shown planted text
//! that breaks it, so that none can fall silent.
//!
//! Missing messages: `cargo test --test tidy messages` prints every code without a text, with file, line and placeholders.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

// ---- The rules' own lists: what is allowed, and why -----------------------------------------------------------------

/// Everybody may import these.
const GROUND: [&str; 7] = ["failure", "json", "hex", "category", "charsets", "merkle", "rate"];

/// `importer → imported`, beyond the ground floor, with the reason.
const IMPORTS: [(&str, &str, &str); 6] = [
    ("case", "detect", "inventory.json carries the detectors' findings"),
    ("case", "verify", "verification.json carries the mappings' results"),
    ("case", "residue", "residue.json carries the search's reports"),
    ("case", "world", "clock, user and randomness come in as arguments"),
    ("verify", "profile", "a mapping is compiled from what people wrote in profile.yaml"),
    ("world", "engines", "a world brings all engines of the build"),
];

/// Who stands above the others and may import any of them but those that stand above itself.
const ABOVE: [(&str, &[&str]); 2] = [("cli", &[]), ("steps", &["cli", "demo", "engines"])];

/// What an adapter may depend on besides the contract.
const DRIVERS: [(&str, &[&str], &str); 5] = [
    ("csv", &["flate2", "rustix"], "compressed files; files opened without following links, and who may write them"),
    (
        "mysql",
        &["mysql", "rustix", "rustls"],
        "the driver; ages of processes and owners of files; what went wrong in TLS",
    ),
    (
        "postgres",
        &["bytes", "postgres-protocol", "rustix", "rustls", "rustls-native-certs", "zeroize"],
        "messages and authentication; keep-alive of sockets and owners of files; TLS; passwords are wiped",
    ),
    ("sqlite", &["rusqlite", "rustix"], "the driver; locks, owners and free space of the database's file"),
    ("testkit", &["rustix", "tempfile"], "throw-away stores and servers; no driver"),
];

/// `file, what, reason`: what only `cli/` may do elsewhere.
const OUTSIDE_CLI: [(&str, &str, &str); 3] = [
    ("src/main.rs", "env::args_os", "the binary hands its arguments to cli::run"),
    ("adapters/mysql/src/options.rs", "env::", "MYSQL_HOST and the like belong to the engine's own programs"),
    ("adapters/postgres/src/surroundings.rs", "env::", "PGHOST and the like belong to the engine's own programs"),
];

/// Codes of `src/profile/` that also arise where no written file is at hand, so that their texts cannot name a place.
const PLACELESS: [&str; 3] = ["case-variable", "case-variable-missing", "case-url"];

/// What `Source::at` adds to a failure about a written file.
const PLACE: [&str; 5] = ["file", "line", "column", "path", "snippet"];

// ---- Reading text ---------------------------------------------------------------------------------------------------

fn root() -> PathBuf {
    std::env::var_os("LASTBELL_TREE").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files under a folder, relative to the root, sorted.
fn files(inside: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(inside)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            if path.is_symlink() || ["target", ".git", "lastbell-demo"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() { folders.push(path) } else { found.push(name) }
        }
    }
    found.sort();
    found
}

fn with_ending(inside: &str, ending: &str) -> Vec<String> {
    files(inside).into_iter().filter(|name| name.ends_with(ending)).collect()
}

/// Folders right inside a folder.
fn folders(inside: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(inside)).into_iter().flatten().map(|entry| entry.unwrap());
    let names = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Rust text in two copies of the same length: without comments, and without comments and the insides of literals.
struct Code {
    words: String,
    bones: String,
}

impl Code {
    fn new(text: &str) -> Self {
        let (mut words, mut bones) = (text.as_bytes().to_vec(), text.as_bytes().to_vec());
        let mut at = 0;
        while at < bones.len() {
            let (end, comment) = piece(text.as_bytes(), at);
            let inside = if comment { at..end } else { at + 1..(end - 1).max(at + 1) };
            if end > at + 1 {
                blank(&mut bones[inside.clone()]);
                if comment {
                    blank(&mut words[inside]);
                }
            }
            at = end;
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { words: text(words), bones: text(bones) }
    }

    /// The same without items under `#[cfg(test)]`.
    fn production(text: &str) -> Self {
        let mut code = Self::new(text);
        while let Some(start) = code.bones.find("#[cfg(test)]") {
            let end = item_end(&code.bones, start);
            for copy in [&mut code.words, &mut code.bones] {
                let mut bytes = std::mem::take(copy).into_bytes();
                blank(&mut bytes[start..end]);
                *copy = String::from_utf8_lossy(&bytes).into_owned();
            }
        }
        code
    }

    /// Places of a text that does not go on from a longer word.
    fn places<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
        let starts_word = wanted.starts_with(|c: char| c.is_alphanumeric());
        self.bones
            .match_indices(wanted)
            .map(|(at, _)| at)
            .filter(move |at| !starts_word || !self.bones[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    }

    fn line(&self, at: usize) -> usize {
        line_of(&self.bones, at)
    }
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// The end of what begins here, and whether it is a comment. A piece longer than one byte is a comment or a literal.
fn piece(text: &[u8], at: usize) -> (usize, bool) {
    let rest = &text[at..];
    let before = at.checked_sub(1).map_or(b' ', |at| text[at]);
    let in_word = before.is_ascii_alphanumeric() || before == b'_';
    if rest.starts_with(b"//") {
        return (at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()), true);
    }
    if rest.starts_with(b"/*") {
        return (at + find(rest, b"*/").map_or(rest.len(), |end| end + 2), true);
    }
    if rest[0] == b'r' && (!in_word || before == b'b') {
        let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
        if rest.get(1 + hashes) == Some(&b'"') {
            let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            return (at + 2 + hashes + find(&rest[2 + hashes..], &close).map_or(0, |end| end + close.len()), false);
        }
    }
    if rest[0] == b'"' {
        return (at + quoted(rest, b'"'), false);
    }
    // A letter in quotes, or a lifetime.
    let letter = rest[0] == b'\'' && (rest.get(1) == Some(&b'\\') || letter_closes(rest));
    if letter { (at + quoted(rest, b'\''), false) } else { (at + 1, false) }
}

fn letter_closes(rest: &[u8]) -> bool {
    let width = rest.get(1).map_or(1, |byte| if *byte < 0x80 { 1 } else { byte.leading_ones() as usize });
    rest.get(1 + width) == Some(&b'\'')
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// The end of the item that begins here: its closing brace, or a semicolon before any brace.
fn item_end(bones: &str, start: usize) -> usize {
    let after = start + "#[cfg(test)]".len();
    let open = bones[after..].find(['{', ';']).map_or(bones.len(), |at| after + at);
    if bones[open..].starts_with('{') { closing(bones, open) + 1 } else { (open + 1).min(bones.len()) }
}

/// The bracket that closes the one that stands here.
fn closing(bones: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in bones.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {} // every other byte
        }
    }
    bones.len()
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn is_kebab(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(letter) && !text.ends_with('-')
}

/// String literals of a stretch of code, each with its place.
fn literals(code: &Code, from: usize, to: usize) -> Vec<(usize, &str)> {
    let (mut found, mut at) = (Vec::new(), from);
    while let Some(open) = code.bones[at..to].find('"').map(|place| at + place) {
        let Some(close) = code.bones[open + 1..].find('"').map(|place| open + 1 + place) else { break };
        found.push((open, &code.words[open + 1..close]));
        at = close + 1;
        if at >= to {
            break;
        }
    }
    found
}

fn demand(rule: &str, violations: Vec<String>) {
    assert!(violations.is_empty(), "\nRule: {rule}\n  {}\n", violations.join("\n  "));
}

// ---- The tree of modules --------------------------------------------------------------------------------------------

/// Every file reached by `mod` from a root, and whether only tests see it.
fn reached(start: &str) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(start.to_owned(), false, true)];
    while let Some((path, test, root)) = waiting.pop() {
        let Ok(text) = fs::read_to_string(self::root().join(&path)) else { continue };
        for (named, only_tests) in modules(&path, &text, root) {
            let existing = named.into_iter().find(|name| self::root().join(name).is_file());
            waiting.extend(existing.map(|name| (name, test || only_tests, false)));
        }
        found.insert(path, test);
    }
    found
}

/// The files that `mod name;` may mean, and whether it stands under `#[cfg(test)]`.
fn modules(path: &str, text: &str, is_root: bool) -> Vec<(Vec<String>, bool)> {
    let code = Code::new(text);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let own = if is_root || path.ends_with("/mod.rs") { folder } else { path.trim_end_matches(".rs") };
    let declared = code.places("mod ").filter_map(|at| {
        let name = identifier(&code.bones[at + 4..]);
        if !code.bones[at + 4 + name.len()..].starts_with(';') {
            return None;
        }
        let attributes = &code.words[attributes_start(&code.bones, at)..at];
        let elsewhere = attributes.split_once("#[path = \"").and_then(|(_, rest)| rest.split_once('"'));
        let files = match elsewhere {
            Some((named, _)) => vec![format!("{folder}/{named}")],
            None => vec![format!("{own}/{name}.rs"), format!("{own}/{name}/mod.rs")],
        };
        Some((files, attributes.contains("#[cfg(test)]")))
    });
    declared.collect()
}

/// Where the attributes of an item begin: behind the end of the item before it.
fn attributes_start(bones: &str, at: usize) -> usize {
    bones[..at].rfind([';', '{', '}']).map_or(0, |end| end + 1)
}

/// Every production file of `src/`: path and text.
fn production() -> Vec<(String, String)> {
    let all = reached("src/lib.rs").into_iter().chain(reached("src/main.rs"));
    all.filter(|(_, test)| !test).map(|(path, _)| (path.clone(), read(&path))).collect()
}

/// Every production file of the adapters, without the test kit.
fn adapter_production() -> Vec<(String, String)> {
    let engines = folders("adapters").into_iter().filter(|name| name != "testkit");
    let all = engines.flat_map(|name| reached(&format!("adapters/{name}/src/lib.rs")));
    all.filter(|(_, test)| !test).map(|(path, _)| (path.clone(), read(&path))).collect()
}

fn each(files: &[(String, String)], rule: impl Fn(&str, &str) -> Vec<String>) -> Vec<String> {
    files.iter().flat_map(|(path, text)| rule(path, text)).collect()
}

// ---- Rule: who may import whom --------------------------------------------------------------------------------------

fn module_of(path: &str) -> &str {
    let inside = path.trim_start_matches("src/");
    inside.split_once('/').map_or(inside.trim_end_matches(".rs"), |(module, _)| module)
}

/// Top modules that a file names: `crate::x`, `crate::{x, y::z}`, and `super::` chains that climb to the root.
fn imported(path: &str, code: &Code) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in code.places("crate::").filter(|at| !code.bones[..*at].ends_with('$')) {
        found.extend(first_names(&code.bones, at + "crate::".len()).into_iter().map(|name| (at, name)));
    }
    let file = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let climb = "super::".repeat(file.split('/').count());
    for at in code.places(&climb) {
        found.extend(first_names(&code.bones, at + climb.len()).into_iter().map(|name| (at, name)));
    }
    let lines = code.places("line!(").filter(|_| path != "src/steps/outcome.rs");
    found.extend(lines.map(|at| (at, "steps".to_owned())));
    found
}

fn first_names(bones: &str, at: usize) -> Vec<String> {
    if !bones[at..].starts_with('{') {
        return vec![identifier(&bones[at..]).to_owned()];
    }
    let inside = &bones[at + 1..closing(bones, at)];
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (place, byte) in inside.bytes().chain([b',']).enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                names.push(identifier(inside[start..place].trim_start()).to_owned());
                start = place + 1;
            }
            _ => {} // every other byte
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

fn may_import(from: &str, to: &str) -> bool {
    let above = ABOVE.iter().find(|(name, _)| *name == from);
    from == to
        || GROUND.contains(&to)
        || IMPORTS.iter().any(|(importer, imported, _)| (*importer, *imported) == (from, to))
        || above.is_some_and(|(_, not)| !not.contains(&to))
}

fn wrong_imports(path: &str, text: &str, tops: &BTreeSet<String>) -> Vec<String> {
    let code = Code::production(text);
    let from = module_of(path);
    let wrong = imported(path, &code).into_iter().filter(|(_, to)| tops.contains(to) && !may_import(from, to));
    wrong.map(|(at, to)| format!("{path}:{}: {from} may not import {to}", code.line(at))).collect()
}

fn top_modules() -> BTreeSet<String> {
    let text = read("src/lib.rs");
    modules("src/lib.rs", &text, true).into_iter().map(|(names, _)| module_of(&names[0]).to_owned()).collect()
}

#[test]
fn modules_import_only_what_stands_below_them() {
    let tops = top_modules();
    let mut violations = each(&production(), |path, text| match path {
        "src/main.rs" | "src/lib.rs" => Vec::new(),
        _ => wrong_imports(path, text, &tops),
    });
    let code: Vec<_> = production().into_iter().map(|(path, text)| (path, Code::production(&text))).collect();
    for (from, to, reason) in IMPORTS {
        // The arrow world → engines is the design's; a build whose cli fills the world's list does not need it.
        let mut used = code.iter().filter(|(path, _)| module_of(path) == from);
        if from != "world" && !used.any(|(path, code)| imported(path, code).iter().any(|(_, name)| name == to)) {
            violations.push(format!("tests/tidy.rs: IMPORTS allows {from} → {to} ({reason}), and nobody uses it"));
        }
    }
    demand("cli → steps → {case, profile, detect, verify, residue, certificate, world} → the ground floor", violations);
}

#[test]
fn certificate_reaches_no_engine_no_case_and_no_verify() {
    let tops = top_modules();
    let certificate: Vec<_> =
        production().into_iter().filter(|(path, _)| path.starts_with("src/certificate/")).collect();
    assert!(certificate.len() > 5, "the folder has moved");
    let mut violations = each(&certificate, |path, text| wrong_imports(path, text, &tops));
    violations.extend(each(&certificate, |path, text| {
        named(path, text, &["lastbell_contract::Adapter", "Reader", "Eraser", "std::net", "std::fs"])
    }));
    demand("certificate stands alone: no engine, no case, no verify, no network, no file", violations);
}

#[test]
fn planted_imports_are_seen() {
    let tops: BTreeSet<String> = ["cli", "case", "steps", "verify", "profile", "json"].map(String::from).into();
    let bad = |path: &str, text: &str| wrong_imports(path, text, &tops).len();
    assert_eq!(bad("src/certificate/x.rs", "use crate::verify::Y;"), 1);
    assert_eq!(bad("src/certificate/x.rs", "use crate::{json, case::{A, B}, profile};"), 2);
    assert_eq!(bad("src/verify/x.rs", "fn f() { crate::steps::run(); }"), 1);
    assert_eq!(bad("src/verify/x.rs", "use super::super::case;"), 1);
    assert_eq!(bad("src/verify/x.rs", "fn f() { line!(\"code\"); }"), 1);
    assert_eq!(
        bad("src/verify/x.rs", "use crate::profile::A; // crate::case\n#[cfg(test)]\nmod tests { use crate::case; }"),
        0
    );
    assert_eq!(bad("src/steps/x.rs", "use crate::cli;"), 1);
}

// ---- Rules about single words ---------------------------------------------------------------------------------------

/// Every place where a production file has one of these texts.
fn named(path: &str, text: &str, wanted: &[&str]) -> Vec<String> {
    let code = Code::production(text);
    let places = wanted.iter().flat_map(|wanted| code.places(wanted).map(|at| (code.line(at), *wanted)));
    places.map(|(line, wanted)| format!("{path}:{line}: {wanted}")).collect()
}

fn adapter_crates() -> Vec<String> {
    let engines = folders("adapters").into_iter().filter(|name| name != "contract");
    engines.map(|name| format!("lastbell_{}", name.replace('-', "_"))).collect()
}

#[test]
fn only_engines_rs_names_adapters() {
    let crates = adapter_crates();
    let crates: Vec<&str> = crates.iter().map(String::as_str).collect();
    let others: Vec<_> = production().into_iter().filter(|(path, _)| path != "src/engines.rs").collect();
    demand("only engines.rs names adapters", each(&others, |path, text| named(path, text, &crates)));
}

const ONLY_CLI: [&str; 9] =
    ["print!", "println!", "eprint!", "eprintln!", "stdout(", "stderr(", "stdin(", "env::", "process::exit"];

fn talks(path: &str, text: &str) -> Vec<String> {
    let code = Code::production(text);
    let mut found = Vec::new();
    for wanted in ONLY_CLI {
        for at in code.places(wanted) {
            let allowed = |(file, what, _): &(&str, &str, &str)| *file == path && code.bones[at..].starts_with(what);
            if !OUTSIDE_CLI.iter().any(allowed) {
                found.push(format!("{path}:{}: {wanted}", code.line(at)));
            }
        }
    }
    found
}

#[test]
fn only_cli_prints_asks_reads_the_environment_and_exits() {
    let others = production().into_iter().chain(adapter_production());
    let others: Vec<_> = others.filter(|(path, _)| !path.starts_with("src/cli/")).collect();
    demand("only cli/ prints, asks, reads the environment, exits", each(&others, talks));
}

#[test]
fn only_the_erase_step_grants_a_permit() {
    let others: Vec<_> = production().into_iter().filter(|(path, _)| !path.starts_with("src/steps/erase/")).collect();
    let mut violations = each(&others, |path, text| named(path, text, &["granted_by"]));
    let erase = production().into_iter().filter(|(path, _)| path.starts_with("src/steps/erase/"));
    if !erase.into_iter().any(|(path, text)| !named(&path, &text, &["granted_by"]).is_empty()) {
        violations.push("src/steps/erase/: nobody grants a permit: the rule looks for the wrong name".to_owned());
    }
    demand("only steps/erase/** calls ErasePermit::granted_by", violations);
}

const FAULTS: [&str; 5] = [".unwrap()", "todo!", "unimplemented!", "dbg!", "unsafe "];

#[test]
fn production_code_has_no_unwrap_todo_dbg_or_unsafe() {
    let all: Vec<_> = production().into_iter().chain(adapter_production()).collect();
    assert!(all.len() > 120, "only {} files were found", all.len());
    let mut violations = each(&all, |path, text| named(path, text, &FAULTS));
    for manifest in with_ending("", "Cargo.toml") {
        if !read(&manifest).contains("[lints]\nworkspace = true") {
            violations.push(format!("{manifest}: takes no lints from the workspace, which forbids unsafe code"));
        }
    }
    demand(
        "no unwrap(), todo!, unimplemented!, dbg!, unsafe outside tests; the workspace's lints everywhere",
        violations,
    );
}

#[test]
fn planted_words_are_seen() {
    let text =
        "fn f() { x.unwrap(); todo!(); \"println!\"; my_println!(); // dbg!\n eprintln!(\"\"); std::env::var(\"A\"); }";
    assert_eq!(named("x.rs", text, &FAULTS).len(), 2);
    assert_eq!(talks("src/x.rs", text), ["src/x.rs:2: eprintln!", "src/x.rs:2: env::"]);
    assert_eq!(talks("src/main.rs", "fn main() { std::env::args_os(); }").len(), 0);
    assert_eq!(
        named(
            "x.rs",
            "fn f() { ErasePermit::granted_by(); lastbell_sqlite::open(); }",
            &["granted_by", "lastbell_sqlite"]
        )
        .len(),
        2
    );
    assert_eq!(named("x.rs", "fn f<'a>(c: char) -> bool { c == '\"' } fn g() { x.unwrap() }", &FAULTS).len(), 1);
    assert_eq!(
        named("x.rs", "const T: &str = r#\"a \" .unwrap() \"#; /* dbg! */ fn g() { dbg!(1) }", &FAULTS).len(),
        1
    );
}

// ---- Rules about crates and folders ---------------------------------------------------------------------------------

/// Names under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[").find(|section| section.trim_start_matches('[').starts_with("dependencies]"));
    let lines = section.unwrap_or("").lines().skip(1).filter(|line| line.contains('=') && !line.starts_with('#'));
    lines.map(|line| line.split(['=', '.', ' ']).next().unwrap_or("").to_owned()).collect()
}

fn foreign_dependencies(name: &str, manifest: &str) -> Vec<String> {
    let known = DRIVERS.iter().find(|(engine, _, _)| *engine == name).map_or(&[][..], |(_, known, _)| known);
    let mut found = dependencies(manifest);
    found.retain(|one| !known.contains(&one.as_str()) && (name == "contract" || one != "lastbell-contract"));
    found.iter().map(|one| format!("adapters/{name}/Cargo.toml: {one}")).collect()
}

#[test]
fn an_adapter_knows_the_contract_and_its_driver_alone() {
    let mut violations = Vec::new();
    for name in folders("adapters") {
        violations.extend(foreign_dependencies(&name, &read(&format!("adapters/{name}/Cargo.toml"))));
    }
    for (path, text) in adapter_production() {
        violations.extend(named(&path, &text, &["lastbell::"]));
    }
    demand(
        "an adapter depends on the contract and its driver, the contract on std alone (DRIVERS lists drivers)",
        violations,
    );
}

fn not_registered(name: &str, workspace: &str, engines: &str) -> Vec<String> {
    let mut missing = Vec::new();
    if !workspace.contains(&format!("\"adapters/{name}\"")) {
        missing.push(format!("Cargo.toml: adapters/{name} is no member of the workspace"));
    }
    if !["contract", "testkit"].contains(&name) {
        let word = name.replace('-', "_");
        if !engines.contains(&format!("lastbell_{word}::")) || !engines.contains(&format!("feature = \"{name}\"")) {
            missing.push(format!("src/engines.rs: no line and feature for adapters/{name}"));
        }
        if !workspace.contains(&format!("\"dep:lastbell-{name}\"")) {
            missing.push(format!("Cargo.toml: no feature for adapters/{name}"));
        }
    }
    missing
}

#[test]
fn every_adapter_is_registered_and_runs_the_conformance_suite() {
    let (workspace, engines) = (read("Cargo.toml"), read("src/engines.rs"));
    let mut violations = Vec::new();
    for name in folders("adapters") {
        violations.extend(not_registered(&name, &workspace, &engines));
        if name != "contract" && !root().join(format!("adapters/{name}/tests/conformance.rs")).is_file() {
            violations.push(format!("adapters/{name}/tests/conformance.rs: missing"));
        }
    }
    demand("each adapter is in the workspace, engines.rs and a feature, and runs tests/conformance.rs", violations);
}

#[test]
fn no_file_is_dead() {
    let mut alive: BTreeSet<String> =
        reached("src/lib.rs").into_keys().chain(reached("src/main.rs").into_keys()).collect();
    for name in folders("adapters") {
        alive.extend(reached(&format!("adapters/{name}/src/lib.rs")).into_keys());
    }
    let tests =
        folders("adapters").into_iter().map(|name| format!("adapters/{name}/tests")).chain(["tests".to_owned()]);
    for folder in tests {
        for path in
            with_ending(&folder, ".rs").into_iter().filter(|path| path[folder.len() + 1..].matches('/').count() == 0)
        {
            alive.extend(reached(&path).into_keys());
        }
    }
    for name in folders("tests/bench") {
        alive.extend(reached(&format!("tests/bench/{name}/main.rs")).into_keys());
    }
    let all = ["src", "adapters", "tests"].into_iter().flat_map(|folder| with_ending(folder, ".rs"));
    let dead = all.filter(|path| !alive.contains(path)).map(|path| format!("{path}: no `mod` leads to it"));
    demand("every .rs file is reached by a `mod`", dead.collect());
}

fn unlisted_detector(name: &str, list: &str, rules: &str) -> Vec<String> {
    let mut missing = Vec::new();
    if !list.contains(&format!("mod {name};")) || !list.contains(&format!("{name}::hits")) {
        missing.push(format!("src/detect/mod.rs: no line for {name}.rs"));
    }
    if !rules.contains(&format!("(\"{name}.rs\", include_str!(\"{name}.rs\"))")) {
        missing.push(format!("src/detect/rule_set.rs: no line for {name}.rs"));
    }
    missing
}

#[test]
fn every_detector_is_listed() {
    let (list, rules) = (read("src/detect/mod.rs"), read("src/detect/rule_set.rs"));
    let names = with_ending("src/detect", ".rs").into_iter().filter(|path| path.matches('/').count() == 2);
    let names = names.filter_map(|path| path.rsplit_once('/').map(|(_, name)| name.trim_end_matches(".rs").to_owned()));
    let names: Vec<String> = names.filter(|name| name != "mod" && name != "rule_set").collect();
    assert!(names.len() > 15, "the detectors have moved");
    let violations = names.iter().flat_map(|name| unlisted_detector(name, &list, &rules)).collect();
    demand("each detector has a line in DETECTORS and in the rule set's sources", violations);
}

#[test]
fn every_profile_has_its_files() {
    let products = folders("profiles");
    assert!(!products.is_empty(), "there are no profiles");
    let wanted =
        products.iter().flat_map(|name| ["profile.yaml", "README.md"].map(|file| format!("profiles/{name}/{file}")));
    let missing = wanted.filter(|path| !root().join(path).is_file()).map(|path| format!("{path}: missing"));
    demand("profiles/<product>/ has profile.yaml and README.md", missing.collect());
}

#[test]
fn planted_crates_and_folders_are_seen() {
    let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nlastbell-contract.workspace = true\nserde = \"1\"\n\n[dev-dependencies]\ntempfile = \"3\"\n";
    assert_eq!(foreign_dependencies("sqlite", manifest), ["adapters/sqlite/Cargo.toml: serde"]);
    assert_eq!(foreign_dependencies("contract", manifest).len(), 2);
    assert_eq!(not_registered("other", "\"adapters/sqlite\"", "lastbell_sqlite::Sqlite").len(), 3);
    assert_eq!(unlisted_detector("snils", "mod snils;", "").len(), 2);
    let text = "//! mod gone;\n#[cfg(test)]\n#[allow(x)]\nmod tests;\npub mod a;\nmod inline { }\n#[path = \"b/c.rs\"]\nmod c;";
    let found = modules("src/x/mod.rs", text, false);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0], (vec!["src/x/tests.rs".to_owned(), "src/x/tests/mod.rs".to_owned()], true));
    assert_eq!(found[2].0, ["src/x/b/c.rs"]);
    assert_eq!(modules("src/x.rs", "mod a;", false)[0].0[0], "src/x/a.rs");
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let all = ["src", "adapters", "tests"].into_iter().flat_map(|folder| with_ending(folder, ".rs"));
    let silent = all.filter(|path| !read(path).starts_with("//! ")).map(|path| format!("{path}:1: no `//!` line"));
    demand("each .rs file begins with a `//!` line", silent.collect());
}

// ---- Rule: no text tells of a machine -------------------------------------------------------------------------------

const TEXT_ENDINGS: [&str; 9] = [".rs", ".md", ".toml", ".yaml", ".yml", ".sh", ".json", ".html", ".txt"];

/// Written in pieces, so that this file does not break its own rule.
fn machine_words() -> Vec<String> {
    let pieces: [&[&str]; 9] = [
        &["/wo", "rk/"],
        &["/ro", "ot/"],
        &["/ho", "me/"],
        &["/tmp", "/h-"],
        &["../sha", "red"],
        &["cra", "tes.io"],
        &["py", "pi.org"],
        &["npm", "js.org"],
        &["proxy.gol", "ang.org"],
    ];
    pieces.iter().map(|piece| piece.concat()).collect()
}

fn tells_of_a_machine(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // Tests, and they alone, know where the corpus lies.
        let corpus = |word: &str| path.starts_with("tests/") && word.starts_with("../");
        let told = machine_words().into_iter().filter(|word| !corpus(word) && begins_path(line, word));
        let told = told.chain(issue_number(line).map(str::to_owned));
        found.extend(told.map(|word| format!("{path}:{}: {word}", number + 1)));
    }
    found
}

/// `/a/` counts where a path begins; within a longer path it is only a folder's name.
fn begins_path(line: &str, word: &str) -> bool {
    let inside = |at: usize| line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/}>*$".contains(c));
    line.match_indices(word).any(|(at, _)| !word.starts_with('/') || !inside(at))
}

fn issue_number(line: &str) -> Option<&str> {
    let digit = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    ["issue #", "issues/", "pull/", "PR #", "(#", "issue "].into_iter().find(|mark| {
        let lower = line.match_indices(mark).any(|(at, _)| digit(&line[at + mark.len()..]));
        lower && !line.contains("http")
    })
}

#[test]
fn no_text_names_a_machine_a_registry_or_an_issue() {
    let all = files("").into_iter().filter(|path| TEXT_ENDINGS.iter().any(|ending| path.ends_with(ending)));
    // A broken certificate among the vectors is no UTF-8.
    let lossy = |path: &str| String::from_utf8_lossy(&fs::read(root().join(path)).unwrap()).into_owned();
    let violations: Vec<String> = all.flat_map(|path| tells_of_a_machine(&path, &lossy(&path))).collect();
    demand("no machine's path, registry host or issue number in the tree", violations);
}

#[test]
fn planted_machine_words_are_seen() {
    let path = machine_words().remove(0);
    assert_eq!(tells_of_a_machine("x.md", &format!("see {path}main/x")).len(), 1);
    assert_eq!(tells_of_a_machine("x.md", &format!("see CASE{path}keys.json")).len(), 0);
    let corpus = machine_words().into_iter().find(|word| word.starts_with("../")).unwrap();
    assert_eq!(
        (tells_of_a_machine("src/x.rs", &corpus).len(), tells_of_a_machine("tests/x.rs", &corpus).len()),
        (1, 0)
    );
    assert_eq!(tells_of_a_machine("x.md", &["see issue ", "#12"].concat()).len(), 1);
    assert_eq!(tells_of_a_machine("x.md", &["fixed (", "#7)"].concat()).len(), 1);
    assert_eq!(tells_of_a_machine("x.md", "r#\"text\"# and a colour (#fff)").len(), 0);
}

// ---- Rules about documents ------------------------------------------------------------------------------------------

fn has_status(text: &str) -> bool {
    let mut first = text.lines().filter(|line| !line.trim().is_empty()).take(3);
    first.any(|line| line.trim_start_matches(['*', '_', '-', ' ']).to_lowercase().starts_with("status"))
}

#[test]
fn each_decision_begins_with_its_status() {
    let all = with_ending("docs/decisions", ".md");
    let silent = all.into_iter().filter(|path| !has_status(&read(path)));
    let violations = silent.map(|path| format!("{path}:1: no `Status: …` among the first three lines")).collect();
    demand("each docs/decisions/*.md begins with a status line", violations);
}

/// Repository paths that a document names: links, and paths in backticks.
fn quoted_paths(text: &str) -> Vec<(usize, String, bool)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link));
        let links = links.map(|link| link.split(['#', ' ']).next().unwrap_or(""));
        let links = links.filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"));
        found.extend(links.map(|link| (number + 1, link.to_owned(), true)));
        found.extend(tree_paths(line).into_iter().map(|path| (number + 1, path, false)));
    }
    found
}

/// Words that look like paths of the tree: they begin with one of its folders and hold no placeholder.
fn tree_paths(line: &str) -> Vec<String> {
    let words = line.split(|c: char| c.is_whitespace() || "`\"'(),;|»«→".contains(c));
    let words = words.map(|word| word.trim_end_matches(['.', ':', '!', '?']).trim_end_matches("/**"));
    let tops = ["docs/", "src/", "tests/", "profiles/", "adapters/", ".ci/"];
    let real =
        |word: &&str| tops.iter().any(|top| word.starts_with(top)) && !word.contains(['<', '*', '{', '…', '$', '[']);
    words.filter(real).map(str::to_owned).collect()
}

fn broken_quotes(path: &str, text: &str) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap();
    let missing = quoted_paths(text).into_iter().filter(|(_, quoted, link)| {
        let beside = root().join(folder).join(quoted).exists();
        if *link { !beside } else { !beside && !root().join(quoted).exists() }
    });
    missing.map(|(line, quoted, _)| format!("{path}:{line}: {quoted} is not there")).collect()
}

#[test]
fn documents_quote_files_that_exist() {
    let documents = with_ending("", ".md").into_iter().chain(with_ending("src/cli/messages", ".yaml"));
    let mut violations: Vec<String> = documents.flat_map(|path| broken_quotes(&path, &read(&path))).collect();
    if !root().join("README.md").is_file() {
        violations.push("README.md: missing".to_owned());
    }
    demand("links and paths in documents and messages lead to files of the tree", violations);
}

#[test]
fn planted_documents_are_seen() {
    assert!(!has_status("# A choice\n\nWe chose.\n\nBecause.\nStatus: late"));
    assert!(has_status("# A choice\n\nStatus: accepted\n"));
    assert!(has_status("**Status:** accepted"));
    let text =
        "See [this](gone.md), [that](https://x.example), `src/no-such.rs`, `src/<x>.rs`.\n```\nsrc/fenced.rs\n```";
    assert_eq!(broken_quotes("docs/x.md", text).len(), 2);
}

// ---- Rules about messages -------------------------------------------------------------------------------------------

/// A use of a code: where, which placeholders are at hand, how the process ends when it is a failure.
#[derive(Clone, Debug)]
struct Use {
    code: String,
    given: BTreeSet<String>,
    exit: Option<String>,
    place: String,
}

/// Calls whose first kebab literal is a code: what they are, what they add, how the process ends.
const CALLS: [(&str, &[&str], Option<&str>); 9] = [
    ("Failure::new(", &[], None),
    ("Layer::new(", &[], None),
    ("usage(", &[], Some("Usage")),
    ("at_index(", &[], Some("Usage")),
    ("problem(", &["mapping", "column"], Some("Usage")),
    ("join_failure(", &["mapping", "side", "table"], Some("Usage")),
    ("unknown(", &["name"], Some("Usage")),
    ("progress.begin(", &["on"], None),
    ("chapter(", &[], None),
];

/// Every code that a file uses.
fn codes(path: &str, text: &str) -> Vec<Use> {
    let code = Code::production(text);
    let mut seen = BTreeSet::new();
    let mut found = macros(path, &code, &mut seen);
    found.extend(calls(path, &code, &mut seen));
    found.extend(pairs(path, &code, &mut seen));
    if path.starts_with("src/profile/") {
        found.extend(yaml_words(path, &code, &mut seen));
        let placed = found.iter_mut().filter(|one| !PLACELESS.contains(&one.code.as_str()));
        placed.for_each(|one| one.given.extend(PLACE.map(String::from)));
    }
    if path == "src/certificate/check.rs" {
        found.extend(left_open(path, &code, &mut seen));
    }
    found
}

type Seen = BTreeSet<usize>;

fn macros(path: &str, code: &Code, seen: &mut Seen) -> Vec<Use> {
    let mut found = Vec::new();
    for (name, fails) in [("failure!(", true), ("line!(", false)] {
        for at in code.places(name) {
            let (open, end) = (at + name.len() - 1, closing(&code.bones, at + name.len() - 1));
            let Some((place, literal)) = literals(code, open, end).into_iter().next() else { continue };
            if !is_kebab(literal) {
                continue; // the macro's own definition
            }
            seen.insert(place);
            let mut given = macro_names(&code.bones[place..end]);
            given.extend(chained(code, end + 1));
            let exit = fails.then(|| identifier(code.bones[open + 1..].trim_start()).to_owned());
            let exit = exit.or_else(|| told_as_failure(path, literal).then(|| "Refused".to_owned()));
            found.push(Use { code: literal.to_owned(), given, exit, place: format!("{path}:{}", code.line(at)) });
        }
    }
    found
}

/// The open points of a plan, and what its checker finds, are refusals.
fn told_as_failure(path: &str, code: &str) -> bool {
    (path == "src/steps/plan.rs" && code.starts_with("open-")) || path == "src/steps/plan_check.rs"
}

/// `name = value` at the top of a macro's arguments.
fn macro_names(arguments: &str) -> BTreeSet<String> {
    let (mut depth, mut names, mut start) = (0_i32, BTreeSet::new(), 0);
    for (place, byte) in arguments.bytes().chain([b',']).enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                let argument = arguments[start..place].trim_start();
                let name = identifier(argument);
                if argument[name.len()..].trim_start().starts_with("= ") && !name.is_empty() {
                    names.insert(name.to_owned());
                }
                start = place + 1;
            }
            _ => {} // every other byte
        }
    }
    names
}

/// `.with("name", …)` right behind.
fn chained(code: &Code, mut at: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    loop {
        let gap = code.bones[at..].len() - code.bones[at..].trim_start().len();
        at += gap;
        if !code.bones[at..].starts_with(".with(\"") {
            return names;
        }
        let end = closing(&code.bones, at + ".with".len());
        names.extend(literals(code, at, end).into_iter().take(1).map(|(_, name)| name.to_owned()));
        at = end + 1;
    }
}

/// Every `.with("name", …)` up to the next function.
fn with_names(code: &Code, at: usize) -> BTreeSet<String> {
    let end = code.bones[at..].find("fn ").map_or(code.bones.len(), |end| at + end);
    let places = code.places(".with(\"").filter(|place| (at..end).contains(place));
    places.filter_map(|place| literals(code, place, end).first().map(|(_, name)| (*name).to_owned())).collect()
}

fn calls(path: &str, code: &Code, seen: &mut Seen) -> Vec<Use> {
    let mut found = Vec::new();
    for (name, added, exit) in CALLS {
        for at in code.places(name) {
            let (open, end) = (at + name.len() - 1, closing(&code.bones, at + name.len() - 1));
            let literal = literals(code, open, end).into_iter().find(|(_, text)| is_kebab(text) && text.contains('-'));
            let Some((_, literal)) = literal.filter(|(place, _)| seen.insert(*place)) else { continue };
            let mut given: BTreeSet<String> = added.iter().map(|name| (*name).to_owned()).collect();
            given.extend(if name.starts_with("Layer") { with_names(code, end) } else { chained(code, end + 1) });
            let named_exit = code.bones[open..end].split_once("Exit::").map(|(_, rest)| identifier(rest).to_owned());
            let exit = named_exit.or_else(|| exit.map(str::to_owned));
            found.push(Use { code: literal.to_owned(), given, exit, place: format!("{path}:{}", code.line(at)) });
        }
    }
    found
}

/// `(Exit::Store, "code")`.
fn pairs(path: &str, code: &Code, seen: &mut Seen) -> Vec<Use> {
    let mut found = Vec::new();
    for at in code.places("Exit::") {
        let exit = identifier(&code.bones[at + 6..]);
        let after = at + 6 + exit.len();
        if !code.bones[after..].starts_with(", \"") {
            continue;
        }
        let Some((place, literal)) = literals(code, after, code.bones.len()).into_iter().next() else { continue };
        if is_kebab(literal) && seen.insert(place) {
            let place = format!("{path}:{}", code.line(at));
            let given = with_names(code, after);
            found.push(Use { code: literal.to_owned(), given, exit: Some(exit.to_owned()), place });
        }
    }
    found
}

/// `"yaml-…"` by itself: a code that is chosen first and made a failure later.
fn yaml_words(path: &str, code: &Code, seen: &mut Seen) -> Vec<Use> {
    let mut found = Vec::new();
    for (place, literal) in literals(code, 0, code.bones.len()) {
        let pattern = code.bones[place + literal.len() + 2..].starts_with(" =>");
        if literal.starts_with("yaml-") && is_kebab(literal) && !pattern && seen.insert(place) {
            let place = format!("{path}:{}", code.line(place));
            found.push(Use { code: literal.to_owned(), given: BTreeSet::new(), exit: Some("Usage".to_owned()), place });
        }
    }
    found
}

/// The words of what a check leaves open.
fn left_open(path: &str, code: &Code, seen: &mut Seen) -> Vec<Use> {
    let mut found = Vec::new();
    for start in ["fn left_open", "fn unreadable"].into_iter().flat_map(|name| code.places(name)) {
        let open = start + code.bones[start..].find(" {\n").unwrap_or(0) + 1;
        for (place, literal) in literals(code, open, closing(&code.bones, open)) {
            if is_kebab(literal) && seen.insert(place) {
                let place = format!("{path}:{}", code.line(place));
                found.push(Use { code: literal.to_owned(), given: BTreeSet::new(), exit: None, place });
            }
        }
    }
    found
}

/// Texts whose codes are put together: two for each claim and for each word of what a check shows.
fn claim_codes(claims: &str) -> Vec<Use> {
    let code = Code::production(claims);
    let mut found = Vec::new();
    let start = code.bones.find("fn word(").unwrap_or(0);
    let open = start + code.bones[start..].find(" {\n").unwrap_or(0) + 1;
    let words = literals(&code, open, closing(&code.bones, open)).into_iter().map(|(_, word)| ("claim", word));
    let shown = code.places("CHECKED").next().map(|at| (at, at + code.bones[at..].find(';').unwrap_or(0)));
    let list = shown.map(|(at, _)| at + code.bones[at..].find("= [").unwrap_or(0) + 2);
    let shown = list.map(|open| literals(&code, open, closing(&code.bones, open))).unwrap_or_default();
    for (kind, word) in words.chain(shown.into_iter().map(|(_, word)| ("checked", word))) {
        for half in ["proves", "limits"] {
            let place = "src/certificate/claims.rs".to_owned();
            let code = format!("{kind}-{word}-{half}");
            found.push(Use { code, given: BTreeSet::new(), exit: None, place });
        }
    }
    found
}

/// Several tests ask; the tree is read once.
static USES: LazyLock<Vec<Use>> = LazyLock::new(|| {
    let mut uses: Vec<Use> = production().iter().flat_map(|(path, text)| codes(path, text)).collect();
    uses.extend(claim_codes(&read("src/certificate/claims.rs")));
    uses
});

/// A language's texts: code → what, next.
type Texts = BTreeMap<String, (String, Option<String>)>;

fn texts(yaml: &str) -> Texts {
    let read: BTreeMap<String, BTreeMap<String, String>> = serde_yaml::from_str(yaml).unwrap();
    let text = |(code, mut parts): (String, BTreeMap<String, String>)| {
        let what = parts.remove("what").unwrap_or_else(|| panic!("{code} has no `what`"));
        let next = parts.remove("next");
        assert!(parts.is_empty(), "{code} has keys besides `what` and `next`: {:?}", parts.keys());
        (code, (what, next))
    };
    read.into_iter().map(text).collect()
}

fn language(name: &str) -> (String, Texts) {
    let path = format!("src/cli/messages/{name}.yaml");
    let yaml = read(&path);
    let texts = texts(&yaml);
    (yaml, texts)
}

/// `{name}`, but not `${NAME}` and not `{name: value}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    let parts = text.match_indices('{').filter(|(at, _)| !text[..*at].ends_with('$'));
    let names = parts.filter_map(|(at, _)| text[at + 1..].split_once('}').map(|(name, _)| name));
    names
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .map(str::to_owned)
        .collect()
}

/// Codes that stand twice in a file: YAML readers let the second win.
fn repeated(yaml: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let keys = yaml.lines().filter(|line| !line.starts_with([' ', '#'])).filter_map(|line| line.split_once(':'));
    keys.filter(|(key, _)| !seen.insert(*key)).map(|(key, _)| format!("{key} stands twice")).collect()
}

fn unlike(one: &Texts, other: &Texts) -> Vec<String> {
    let codes: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut found = Vec::new();
    for code in codes {
        match (one.get(code), other.get(code)) {
            (Some(one), Some(other)) => {
                let next = |next: &Option<String>| next.as_deref().map(placeholders);
                if placeholders(&one.0) != placeholders(&other.0) || next(&one.1) != next(&other.1) {
                    found.push(format!("{code}: the two languages have different placeholders or parts"));
                }
                if one.0.trim().is_empty() != other.0.trim().is_empty() || (one.0.is_empty() && code != "empty") {
                    found.push(format!("{code}: says nothing"));
                }
            }
            (one, _) => found.push(format!("{code}: only in {}", if one.is_some() { "en.yaml" } else { "ru.yaml" })),
        }
    }
    found
}

#[test]
fn messages_are_alike_in_both_languages() {
    let ((english_yaml, english), (russian_yaml, russian)) = (language("en"), language("ru"));
    let mut violations = unlike(&english, &russian);
    violations.extend(repeated(&english_yaml).into_iter().map(|one| format!("en.yaml: {one}")));
    violations.extend(repeated(&russian_yaml).into_iter().map(|one| format!("ru.yaml: {one}")));
    let forbidden = russian_yaml.lines().filter(|line| line.to_lowercase().contains("сертификат"));
    violations.extend(forbidden.map(|line| format!("ru.yaml: «электронное свидетельство», not: {}", line.trim())));
    demand("ru.yaml and en.yaml have the same codes, parts and placeholders", violations);
}

fn untold(uses: &[Use], texts: &Texts) -> Vec<String> {
    let missing = uses.iter().filter(|one| !texts.contains_key(&one.code));
    let told = missing.map(|one| {
        let given: Vec<&str> = one.given.iter().map(String::as_str).collect();
        format!("{}: `{}` has no text (placeholders: {})", one.place, one.code, given.join(", "))
    });
    told.collect()
}

#[test]
fn messages_exist_for_every_code() {
    let uses = &*USES;
    assert!(uses.len() > 300, "only {} uses were found", uses.len());
    demand("every code has a text in src/cli/messages/{en,ru}.yaml", untold(uses, &language("en").1));
}

fn unused(uses: &[Use], texts: &Texts) -> Vec<String> {
    let used: BTreeSet<&str> = uses.iter().map(|one| one.code.as_str()).collect();
    texts.keys().filter(|code| !used.contains(code.as_str())).map(|code| format!("`{code}` is used nowhere")).collect()
}

#[test]
fn messages_are_all_used() {
    demand("every text belongs to a code of src/", unused(&USES, &language("en").1));
}

fn not_given(uses: &[Use], texts: &Texts) -> Vec<String> {
    let mut found = Vec::new();
    for one in uses {
        let Some((what, next)) = texts.get(&one.code) else { continue };
        let wanted = placeholders(what).into_iter().chain(next.as_deref().map(placeholders).unwrap_or_default());
        let missing = wanted.filter(|name| !one.given.contains(name));
        found.extend(missing.map(|name| format!("{}: `{}` is not given {{{name}}}", one.place, one.code)));
    }
    found
}

#[test]
fn messages_use_only_placeholders_that_the_code_gives() {
    demand("a text's placeholders are given at every use of its code", not_given(&USES, &language("en").1));
}

/// A failure tells what to do, unless it only heads the one that led to it.
const HEADS: [&str; 1] = ["key-file"];

fn helpless(uses: &[Use], texts: &Texts) -> Vec<String> {
    let failures = uses.iter().filter(|one| one.exit.is_some() && !HEADS.contains(&one.code.as_str()));
    let silent = failures.filter(|one| texts.get(&one.code).is_some_and(|(_, next)| next.is_none()));
    silent.map(|one| format!("{}: `{}` does not say what to do", one.place, one.code)).collect()
}

#[test]
fn messages_of_failures_say_what_to_do() {
    demand("every failure has a `next`", helpless(&USES, &language("en").1));
}

// ---- Rule: words of adapters ----------------------------------------------------------------------------------------

/// A language's words of adapters by their part: reasons, conditions, obstacles, footprint.
fn words(name: &str) -> BTreeMap<String, Texts> {
    let yaml = read(&format!("src/cli/messages/words.{name}.yaml"));
    let parts: BTreeMap<String, serde_yaml::Value> = serde_yaml::from_str(&yaml).unwrap();
    parts.into_iter().map(|(part, words)| (part, texts(&serde_yaml::to_string(&words).unwrap()))).collect()
}

/// Words that an adapter gives as the reason of an error or of what it does not know, and as conditions, where they stand
/// as literals. `type:NAME` is told by `type`.
fn adapter_words(path: &str, text: &str) -> Vec<(&'static str, String, String)> {
    let code = Code::production(text);
    let mut found = Vec::new();
    for (call, kind) in
        [("refused(", "reasons"), (".code(", "reasons"), ("Unknown(", "reasons"), ("condition(", "conditions")]
    {
        for at in code.places(call) {
            let open = at + call.len() - 1;
            let inside = literals(&code, open, closing(&code.bones, open));
            let word = if kind == "conditions" { inside.first() } else { inside.last() };
            let Some((place, word)) = word else { continue };
            let word = word.split_once(':').map_or(*word, |(code, _)| code);
            // The first literal of a refusal is the operation; alone, it says that the reason is computed.
            let computed = call == "refused(" && inside.len() < 2;
            if is_kebab(word) && !computed {
                found.push((kind, word.to_owned(), format!("{path}:{}", code.line(*place))));
            }
        }
    }
    found
}

#[test]
fn words_of_adapters_have_texts_in_both_languages() {
    let (english, russian) = (words("en"), words("ru"));
    let mut violations: Vec<String> =
        english.iter().flat_map(|(part, texts)| unlike(texts, &russian[part.as_str()])).collect();
    let files = adapter_production();
    for (kind, word, place) in files.iter().flat_map(|(path, text)| adapter_words(path, text)) {
        if !english[kind].contains_key(&word) {
            violations.push(format!("{place}: `{word}` has no text among the {kind}"));
        }
    }
    let named = |word: &str| {
        // A word may also be put together in SQL.
        let said = ['"', '\''].map(|quote| [format!("{quote}{word}{quote}"), format!("{quote}{word}:")]).concat();
        files.iter().any(|(_, text)| said.iter().any(|one| text.contains(one)))
    };
    let unused = english.values().flat_map(BTreeMap::keys).filter(|word| !named(word));
    violations.extend(unused.map(|word| format!("`{word}` is used by no adapter")));
    demand("each word that an adapter gives has a text in src/cli/messages/words.{en,ru}.yaml", violations);
}

#[test]
fn planted_words_of_adapters_are_seen() {
    let text = "fn f() { refused(ErrorKind::Unsafe, \"open\", \"hot-journal\"); refused(kind, \"open\", word); \
                x.code(\"a-b\"); Known::Unknown(\"c-d\".to_owned()); condition(\"e-f\", Level::L1, \"no\"); \
                x.code(format!(\"type:{name}\")) }";
    let found: Vec<_> = adapter_words("x.rs", text).into_iter().map(|(kind, word, _)| (kind, word)).collect();
    let wanted = [
        ("reasons", "hot-journal"),
        ("reasons", "a-b"),
        ("reasons", "type"),
        ("reasons", "c-d"),
        ("conditions", "e-f"),
    ];
    assert_eq!(found, wanted.map(|(kind, word)| (kind, word.to_owned())));
}

#[test]
fn planted_messages_are_seen() {
    let text = "fn f() -> X { failure!(Refused, \"a-b\", table = name, rows = f(x, y)).with(\"more\", 1); line!(\n \"c-d\", k = 1\n); Failure::new(Exit::Usage, \"e-f\").with(\"g\", 1); (Exit::Store, \"h-i\"); progress.begin(\"progress-x\", y) } // failure!(Bug, \"no-no\")";
    let uses = codes("src/x.rs", text);
    let of = |code: &str| uses.iter().find(|one| one.code == code).unwrap().clone();
    assert_eq!(uses.len(), 5, "{uses:?}");
    assert_eq!(of("a-b").given, ["more", "rows", "table"].map(String::from).into());
    assert_eq!((of("a-b").exit.unwrap(), of("h-i").exit.unwrap()), ("Refused".to_owned(), "Store".to_owned()));
    assert_eq!(of("e-f").given, ["g"].map(String::from).into());
    assert!(codes("src/profile/x.rs", text).iter().all(|one| one.given.contains("snippet")));
    let here =
        texts("a-b: {what: \"t {table} {gone} ${NAME} {key: value}\", next: n}\nz: {what: unused}\nc-d: {what: x}\n");
    assert_eq!(untold(&uses, &here).len(), 3);
    assert_eq!(unused(&uses, &here), ["`z` is used nowhere"]);
    assert_eq!(not_given(&uses, &here), ["src/x.rs:1: `a-b` is not given {gone}"]);
    assert_eq!(helpless(&uses, &texts("a-b: {what: x}")).len(), 1);
    assert_eq!(unlike(&here, &texts("a-b: {what: \"{table}\", next: n}\nc-d: {what: y, next: x}")).len(), 3);
    assert_eq!(repeated("a: 1\nb:\n  a: 2\na: 3\n"), ["a stands twice"]);
    let claims =
        "fn word(self) -> &'static str {\n match self { A => \"x-y\" } }\npub const CHECKED: [&str; 1] = [\"sig\"];";
    let claims: Vec<String> = claim_codes(claims).into_iter().map(|one| one.code).collect();
    assert_eq!(claims, ["claim-x-y-proves", "claim-x-y-limits", "checked-sig-proves", "checked-sig-limits"]);
}

// ---- docs/errors.md -------------------------------------------------------------------------------------------------

const ERRORS: &str = "docs/errors.md";

const ERRORS_HEAD: &str = "# Exit codes and messages

Made from the program's own messages; `tests/tidy.rs` compares this page with them (LASTBELL_WRITE_DOCS=1 writes it anew).

| exit | name | means |
|---|---|---|
| 0 | | done |
| 1 | Findings | done, with findings: rows differ, residue found, a certificate that is not valid |
| 2 | Usage | wrong use, or a bad file |
| 3 | Store | a store that is unreachable or denied |
| 4 | Refused | refused for safety: not verified, not approved, drift, a machine file that changed, an unanswered question |
| 70 | Bug | our bug |
| 130 | Interrupted | interrupted; the same command goes on where it stopped |

Over several cases the gravest counts, in the order 70, 3, 4, 2, 1. `--json` prints the code and its arguments.
";

fn errors_page(uses: &[Use], texts: &Texts, words: &BTreeMap<String, Texts>) -> String {
    let mut failures: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut layers = BTreeSet::new();
    for one in uses {
        match &one.exit {
            Some(exit) => {
                failures.entry(&one.code).or_default().insert(exit);
            }
            None if one.place.starts_with("src/certificate/check.rs") => {
                layers.insert(one.code.as_str());
            }
            None => {}
        }
    }
    let mut page = ERRORS_HEAD.to_owned();
    page.push_str("\n## Failures\n| code | exit | what happened | what to do |\n|---|---|---|---|\n");
    for (code, exits) in &failures {
        let exits: Vec<&str> = exits.iter().copied().collect();
        let _ = writeln!(page, "| `{code}` | {} | {} |", exits.join(", "), cells(texts, code));
    }
    page.push_str("\n## Layers of a check, and what it leaves open\n| code | says | what to do |\n|---|---|---|\n");
    for code in layers.iter().filter(|code| !failures.contains_key(*code)) {
        let _ = writeln!(page, "| `{code}` | {} |", cells(texts, code));
    }
    let titles = [
        ("reasons", "Reasons that engines give"),
        ("conditions", "Conditions of a level"),
        ("obstacles", "Obstacles to destroying a table"),
        ("footprint", "Traces that reading leaves"),
    ];
    for (title, words) in titles.into_iter().filter_map(|(part, title)| Some((title, words.get(part)?))) {
        let _ = write!(page, "\n## {title}\n| word | says | what to do |\n|---|---|---|\n");
        for word in words.keys() {
            let _ = writeln!(page, "| `{word}` | {} |", cells(words, word));
        }
    }
    page
}

fn cells(texts: &Texts, code: &str) -> String {
    let cell = |text: &str| text.replace("\n{snippet}", "").replace('\n', " ").replace('|', "\\|");
    texts.get(code).map_or_else(
        || " | ".to_owned(),
        |(what, next)| format!("{} | {}", cell(what), cell(next.as_deref().unwrap_or(""))),
    )
}

#[test]
fn docs_list_every_error() {
    let page = errors_page(&USES, &language("en").1, &words("en"));
    if std::env::var_os("LASTBELL_WRITE_DOCS").is_some() {
        fs::write(root().join(ERRORS), &page).unwrap();
    }
    let standing = fs::read_to_string(root().join(ERRORS)).unwrap_or_default();
    let missing: Vec<&str> = page.lines().filter(|line| !standing.lines().any(|one| one == *line)).collect();
    let old = standing.lines().filter(|line| !page.lines().any(|one| one == *line));
    let told = missing.into_iter().map(|line| format!("missing: {line}")).chain(old.map(|line| format!("old: {line}")));
    let mut told: Vec<String> = told.collect();
    if told.is_empty() && standing != page {
        told.push("the order of lines differs".to_owned());
    }
    demand("docs/errors.md is made from the messages: LASTBELL_WRITE_DOCS=1 cargo test --test tidy docs", told);
}

#[test]
fn planted_errors_are_listed() {
    let uses = codes("src/x.rs", "fn f() { failure!(Store, \"a-b\"); line!(\"c-d\"); }");
    let told = texts("a-b: {what: \"x | y\\n{snippet}\", next: z}\nc-d: {what: w}");
    let page = errors_page(&uses, &told, &BTreeMap::from([("conditions".to_owned(), texts("e-f: {what: v}"))]));
    assert!(page.contains("| `e-f` | v |"), "{page}");
    assert!(page.contains("| `a-b` | Store | x \\| y | z |"), "{page}");
    assert!(!page.contains("c-d"));
}
