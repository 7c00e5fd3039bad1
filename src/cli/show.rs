//! Prints. What is for people goes to stderr; results and `--json` go to stdout.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use super::messages::{Messages, obeyed, plain};
use crate::case::artefacts::{Inventory, StoreFound, name};
use crate::failure::{Exit, Failure, Result};
use crate::steps::{Line, Outcome, Session, discover};
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Write};

/// Prints how a command ended and returns the exit code.
pub(super) fn result(messages: &Messages, json: bool, command: &str, result: &Result<Outcome>) -> i32 {
    match (json, result) {
        (true, Ok(outcome)) => {
            let code = outcome.exit_code();
            document(&json!({
                "command": command, "exit": code, "result": outcome.document,
                "lines": described(messages, &outcome.lines), "findings": described(messages, &outcome.findings),
            }));
            code
        }
        (true, Err(failure)) => {
            document(&json!({ "command": command, "exit": failure.exit as i32, "error": chain(messages, failure) }));
            failure.exit as i32
        }
        (false, Ok(outcome)) => {
            if let Some(text) = &outcome.text {
                text_out(text);
            }
            lines(messages, outcome);
            outcome.exit_code()
        }
        (false, Err(failure)) => {
            explain(messages, failure);
            failure.exit as i32
        }
    }
}

/// An outcome's lines, then its findings.
pub(super) fn lines(messages: &Messages, outcome: &Outcome) {
    for line in &outcome.lines {
        eprintln!("{}", messages.line(line));
    }
    for finding in &outcome.findings {
        eprintln!("  ! {}", messages.line(finding));
        if let Some(next) = messages.next(finding.code, &finding.args) {
            eprintln!("    → {next}");
        }
    }
}

/// What happened, why, what to do.
pub(super) fn explain(messages: &Messages, failure: &Failure) {
    eprintln!("lastbell: {}", messages.what(failure.code, &failure.args));
    let mut next = messages.next(failure.code, &failure.args);
    let mut cause = failure.cause.as_deref();
    while let Some(failure) = cause {
        eprintln!("  {}", messages.what(failure.code, &failure.args));
        next = messages.next(failure.code, &failure.args).or(next);
        cause = failure.cause.as_deref();
    }
    if let Some(next) = next {
        eprintln!("  → {next}");
    }
}

fn described(messages: &Messages, lines: &[Line]) -> Vec<Value> {
    let described = |line: &Line| {
        let mut value = serde_json::to_value(line).unwrap_or_default();
        value["text"] = messages.line(line).into();
        value
    };
    lines.iter().map(described).collect()
}

fn chain(messages: &Messages, failure: &Failure) -> Value {
    let args: serde_json::Map<String, Value> =
        failure.args.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    json!({
        "code": failure.code, "args": args, "what": messages.what(failure.code, &failure.args),
        "next": messages.next(failure.code, &failure.args),
        "cause": failure.cause.as_deref().map(|cause| chain(messages, cause)),
    })
}

/// JSON escapes the first control characters itself; the others stand only inside texts, and are written likewise.
fn document(value: &Value) {
    let mut shown = String::new();
    for letter in format!("{value:#}").chars() {
        if letter != '\n' && obeyed(letter) {
            shown.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            shown.push(letter);
        }
    }
    println!("{shown}");
}

/// A file or a pipe gets names as they are; a terminal gets nothing that it would obey.
fn text_out(text: &str) {
    let mut out = std::io::stdout();
    let shown = if out.is_terminal() {
        text.split_inclusive('\n').map(|line| plain(line.trim_end_matches('\n')) + "\n").collect()
    } else {
        text.to_owned()
    };
    let _ = out.write_all(shown.as_bytes());
}

/// Wrong use of the command line, or a request for help.
pub(super) fn usage(error: &clap::Error, json: bool) -> i32 {
    if json && error.use_stderr() {
        let what = error.to_string();
        document(&json!({ "command": null, "exit": 2, "error": { "code": "usage", "what": what.trim_end() } }));
    } else {
        let _ = error.print();
    }
    if error.use_stderr() { Exit::Usage as i32 } else { 0 }
}

/// Where we failed by our own fault.
pub(super) fn panic_place(file: &str, line: u32) {
    eprintln!("lastbell: bug at {file}:{line}");
}

/// Asks for the system's name.
pub(super) fn ask_name(name: &str) -> Result<bool> {
    eprint!("«{}»: ", plain(name));
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    read.map_err(|error| super::named(std::path::Path::new("stdin"), &error))?;
    Ok(typed.trim() == name)
}

/// A first look at a store as a table for people or as CSV.
pub(super) fn first_look(store: &StoreFound, csv: bool) -> Result<Outcome> {
    let stores = [store];
    let findings = store.tables.iter().filter_map(|table| table.finding.as_ref());
    let personal = findings.filter(|finding| finding.verdict == crate::detect::Verdict::Personal).count();
    let line = line!("first-look", tables = store.tables.len(), personal = personal, product = store.product);
    let document = serde_json::to_value(store).map_err(|_| failure!(Bug, "json-not-canonical", path = "-"))?;
    let text = if csv { discover::csv(&stores) } else { table(store) };
    Ok(Outcome { text: Some(text), ..Outcome::done(line, document) })
}

/// The inventory of a case as CSV.
pub(super) fn inventory_csv(session: &Session) -> Result<Outcome> {
    let inventory: Inventory = session.case.artefact(name::INVENTORY)?;
    let sources: Vec<&StoreFound> = inventory.sources().collect();
    Ok(Outcome { text: Some(discover::csv(&sources)), ..Outcome::default() })
}

fn table(store: &StoreFound) -> String {
    let mut text = String::new();
    for table in &store.tables {
        let Some(finding) = &table.finding else { continue };
        let categories: std::collections::BTreeSet<&str> = finding
            .columns
            .iter()
            .filter(|column| column.verdict == crate::detect::Verdict::Personal)
            .map(|column| column.category.word())
            .collect();
        let categories: Vec<&str> = categories.into_iter().collect();
        text.push_str(&format!(
            "{:<9} {:>10}  {}  {}\n",
            finding.verdict.word(),
            table.rows,
            plain(&table.name),
            categories.join(", ")
        ));
    }
    text
}

/// A heading of the demo's story.
#[cfg(feature = "sqlite")]
pub(super) fn chapter(messages: &Messages, heading: &str) {
    eprintln!("\n──── {}", messages.word(heading));
}
