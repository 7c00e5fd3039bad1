//! Groups 15 and 19: the program as a process over rows that do not fit into its memory, all of them different, under keys
//! that are all one. How much memory it takes; and what it wrote by the time at which it was killed, and at its end.
//!
//! A verification may write keyed digests alone: no value, and nothing that whoever guesses a value could compute.

use crate::case::{Mariadb, Postgres};
use crate::search::{Search, digests};
use crate::stores::{Bench, Store, insert_many};
use lastbell::hex::sha256;
use lastbell::verify::canonical::{append_row, append_value};
use lastbell_contract::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Invented, with a right sum of digits.
const SNILS: &str = "957-318-642 51";
const DIGITS: &str = "95731864251";
const PERSON: &str = "Громоздкина Пелагея Вымысловна";

/// Two names for the same tables: each row differs, by keys of its own and by one key for all.
const YAML: &str = "  - name: own\n    source: {from: big s}\n    target: {from: big t}\n    \
    key: [{source: s.id, target: t.id}]\n    columns: [&r {source: s.snils, target: t.snils}, \
    {source: s.person, target: t.person}, {source: s.v, target: t.v}, {source: s.skew, target: t.skew}]\n  \
    - name: skewed\n    source: {from: big s}\n    target: {from: big t}\n    \
    key: [{source: s.skew, target: t.skew}]\n    columns: [{source: s.snils, target: t.snils}, \
    {source: s.person, target: t.person}, {source: s.v, target: t.v}, {source: s.id, target: t.id}]\n";

fn store(engine: crate::case::Engine, folder: &Path, rows: u64, more: u32) -> Store {
    let store = Store::new(engine, folder, "spills");
    let table = "CREATE TABLE big (id integer NOT NULL PRIMARY KEY, snils varchar(20), person varchar(60), v integer, skew integer);";
    let cells = format!("n, CASE WHEN n % 2 = 0 THEN '{SNILS}' ELSE '{DIGITS}' END, '{PERSON}', n + {more}, 7");
    store.sql(&format!("{table}\n{}", insert_many(engine, "big", rows, &cells)));
    store
}

/// What is looked for: values in every spelling, their plain digests, and the first half of those of all that is digested.
fn search() -> (Search, Vec<Vec<u8>>) {
    let search = Search::new(&[SNILS, DIGITS, PERSON]);
    let mut halves: Vec<Vec<u8>> = Vec::new();
    let mut half_of = |bytes: &[u8]| halves.push(raw(&sha256(bytes))[..12].to_vec());
    for text in [SNILS, DIGITS, PERSON] {
        let value = Value::Text(text.to_owned());
        let (mut one, mut row) = (Vec::new(), Vec::new());
        append_value(&mut one, &value);
        append_row(&mut row, [&value].into_iter());
        [text.as_bytes(), &one, &row].into_iter().for_each(&mut half_of);
    }
    for (id, snils) in [(1, DIGITS), (2, SNILS)] {
        let int = |number: i128| Value::Int(number);
        let text = |text: &str| Value::Text(text.to_owned());
        let mut row = |values: Vec<Value>| {
            let mut bytes = Vec::new();
            append_row(&mut bytes, values.iter());
            half_of(&bytes);
        };
        row(vec![int(id)]);
        row(vec![text(snils), text(PERSON), int(id), int(7)]);
        row(vec![int(id), text(snils), text(PERSON), int(id), int(7)]);
    }
    (search, halves)
}

fn raw(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// What leaks from some bytes.
fn leaks((search, halves): &(Search, Vec<Vec<u8>>), place: &str, bytes: &[u8]) -> Vec<String> {
    let mut found: Vec<String> = search.find(bytes).into_iter().map(|what| format!("{place}: {what}")).collect();
    for half in halves {
        if bytes.windows(half.len()).step_by(1).any(|window| window[0] == half[0] && window == half) {
            found.push(format!("{place}: a plain digest of a value or a row"));
        }
    }
    found
}

/// What such a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Bytes of digests that lay on the disk when it was killed.
    pub(crate) spilled: usize,
    /// The largest resident memory, in KB.
    pub(crate) resident: u64,
    /// The same of a start that does nothing.
    pub(crate) alone: u64,
    /// Where a value or a plain digest was found.
    pub(crate) leaks: Vec<String>,
    /// The last exit code.
    pub(crate) code: Option<i32>,
    /// Figures of both mappings.
    pub(crate) figures: Vec<[u64; 6]>,
}

/// Kills a verification while it spills, looks at what it wrote, and lets the next one go to its end.
pub(crate) fn run(folder: &Path, rows: u64) -> Ran {
    let looked = search();
    assert!(!leaks(&looked, "-", SNILS.as_bytes()).is_empty() && !leaks(&looked, "-", &digests(SNILS)[3].1).is_empty());
    let (old, new) = (store(Postgres, folder, rows, 0), store(Mariadb, folder, rows, 1));
    let mut bench = Bench::new(&old.url(), &new.url()).unwrap();
    bench.profile(&["big".to_owned()], &YAML.replace("&r ", ""));
    let case = bench.case.case();
    let mut ran = Ran { spilled: 0, resident: 0, alone: 0, leaks: Vec::new(), code: None, figures: Vec::new() };
    killed_while_it_spills(&case, &looked, &mut ran);
    ran.leaks.extend(leaks_below(&case, &looked));
    to_the_end(&case, &looked, &mut ran);
    ran.leaks.extend(leaks_below(&case, &looked));
    let said = bench.said();
    ran.figures = ["own", "skewed"].map(|name| said[name].figures()).to_vec();
    ran
}

fn start(step: &str, case: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
    command.args(["--lang", "en", step]).arg(case).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Files of digests that a process has open in `work/`, by name or without one.
fn open_files(child: &Child, case: &Path) -> Vec<PathBuf> {
    let open =
        fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten().flatten().map(|entry| entry.path());
    let ours = |fd: &PathBuf| {
        let large = fs::metadata(fd).is_ok_and(|about| about.is_file() && about.len() > 1 << 20);
        large && fs::read_link(fd).is_ok_and(|to| to.starts_with(case.join("work")))
    };
    open.filter(ours).collect()
}

fn killed_while_it_spills(case: &Path, looked: &(Search, Vec<Vec<u8>>), ran: &mut Ran) {
    let mut child = start("verify", case);
    while ran.spilled == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it spills before it ends");
        for file in open_files(&child, case) {
            let bytes = fs::read(&file).unwrap_or_default();
            ran.spilled += bytes.len();
            ran.leaks.extend(leaks(looked, "a spill file", &bytes));
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Lets a process end; its output, and the largest resident memory that was seen, in KB.
fn ended(child: Child) -> (Output, u64) {
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let (reading, mut resident) = (std::thread::spawn(move || child.wait_with_output().unwrap()), 0);
    while !reading.is_finished() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        resident = resident.max(peak.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    (reading.join().unwrap(), resident)
}

fn to_the_end(case: &Path, looked: &(Search, Vec<Vec<u8>>), ran: &mut Ran) {
    ran.alone = ended(start("status", case)).1;
    let (output, resident) = ended(start("verify", case));
    ran.resident = resident;
    ran.code = output.status.code();
    for (stream, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        ran.leaks.extend(leaks(looked, stream, bytes));
    }
}

fn leaks_below(case: &Path, looked: &(Search, Vec<Vec<u8>>)) -> Vec<String> {
    let files = crate::common::files_below(case);
    files.iter().flat_map(|(name, bytes)| leaks(looked, name, bytes)).collect()
}
