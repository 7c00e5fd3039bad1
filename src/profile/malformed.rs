//! Tests: every way in which we have seen a written file go wrong, with the code and the exact place that a person is shown.

#![allow(clippy::unwrap_used)]

use super::profile_file::Profile;
use super::yaml::{SIZE_MAX, Source};
use crate::failure::{Exit, Failure};
use std::time::{Duration, Instant};

const HEAD: &str = "profile: {name: demo, product: \"Дневник\", version: 1}\n";

struct Case {
    what: &'static str,
    body: &'static str,
    code: &'static str,
    line: usize,
    column: usize,
    path: &'static str,
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { what: "unknown key, a slip", body: "tables:\n  ученики: {dispositon: keep}\n", code: "yaml-unknown-key-similar", line: 3, column: 13, path: "tables.ученики.dispositon" },
    Case { what: "unknown key, no slip", body: "tables:\n  ученики: {sql: keep}\n", code: "yaml-unknown-key", line: 3, column: 13, path: "tables.ученики.sql" },
    Case { what: "unknown key on top", body: "таблицы: {}\n", code: "yaml-unknown-key", line: 2, column: 1, path: "таблицы" },
    Case { what: "unknown key in a list", body: "mappings:\n  - name: оценки\n    colums: []\n", code: "yaml-unknown-key-similar", line: 4, column: 5, path: "mappings[0].colums" },
    Case { what: "list instead of a text", body: "subjects:\n  - {name: [у], table: т, key: [id]}\n", code: "yaml-expected-text", line: 3, column: 12, path: "subjects[0].name" },
    Case { what: "text instead of a list", body: "subjects:\n  - {name: у, table: т, key: id}\n", code: "yaml-expected-list", line: 3, column: 30, path: "subjects[0].key" },
    Case { what: "text instead of a map", body: "tables: ученики\n", code: "yaml-expected-map", line: 2, column: 9, path: "tables" },
    Case { what: "map instead of text or list", body: "mappings:\n  - name: м\n    source: {from: a}\n    target: {from: b}\n    columns: [{source: {a: b}}]\n", code: "yaml-expected-text-or-list", line: 6, column: 24, path: "mappings[0].columns[0].source" },
    Case { what: "nothing where a text is wanted", body: "subjects:\n  - name:\n    table: т\n    key: [id]\n", code: "yaml-missing-key", line: 3, column: 5, path: "subjects[0]" },
    Case { what: "unknown key with nothing behind it", body: "tables:\n  ученики: {sql: , disposition: destroy}\n", code: "yaml-unknown-key", line: 3, column: 13, path: "tables.ученики.sql" },
    Case { what: "nothing behind a name", body: "tables:\n  ученики:\n", code: "yaml-expected-map", line: 3, column: 11, path: "tables.ученики" },
    Case { what: "unknown word", body: "tables:\n  ученики:\n    disposition: икс\n", code: "yaml-unknown-value", line: 4, column: 18, path: "tables.ученики.disposition" },
    Case { what: "a disposition that is not there yet", body: "tables: {т: {disposition: anonymise}}\n", code: "yaml-unknown-value", line: 2, column: 27, path: "tables.т.disposition" },
    Case { what: "archive is not there yet", body: "tables: {т: {disposition: destroy, retention: {until: archive}}}\n", code: "yaml-unknown-value", line: 2, column: 55, path: "tables.т.retention.until" },
    Case { what: "expired without a day", body: "tables: {т: {disposition: destroy, retention: {until: \"expired: 01.09.2026\"}}}\n", code: "yaml-expected-date", line: 2, column: 55, path: "tables.т.retention.until" },
    Case { what: "repeated key in a struct", body: "tables:\n  т:\n    disposition: keep\n    reason: ы\n    disposition: destroy\n", code: "yaml-duplicate-key", line: 6, column: 5, path: "tables.т.disposition" },
    Case { what: "repeated key in a map", body: "tables:\n  ученики: {disposition: keep, reason: ы}\n  ученики: {disposition: destroy}\n", code: "yaml-duplicate-key", line: 4, column: 3, path: "tables.ученики" },
    Case { what: "the same key, once quoted", body: "tables: {т: {disposition: destroy}, \"т\": {disposition: destroy}}\n", code: "yaml-duplicate-key", line: 2, column: 37, path: "tables.т" },
    Case { what: "missing key", body: "tables:\n  ученики: {reason: ы}\n", code: "yaml-missing-key", line: 3, column: 3, path: "tables.ученики" },
    Case { what: "missing key in a list", body: "mappings:\n  - {name: м, target: {from: a}}\n", code: "yaml-missing-key", line: 3, column: 5, path: "mappings[0]" },
    Case { what: "indented with a tab", body: "tables:\n\tученики: {disposition: keep}\n", code: "yaml-bad-character", line: 3, column: 1, path: "tables" },
    Case { what: "unclosed quote", body: "tables:\n  т: {disposition: destroy, reason: \"ы}\n  у: 1\n", code: "yaml-unclosed-quote", line: 3, column: 37, path: "tables.т.reason" },
    Case { what: "unclosed brace", body: "tables: {т: {disposition: keep\n", code: "yaml-syntax", line: 3, column: 1, path: "tables.т" },
    Case { what: "merge key", body: "tables:\n  а: &a {disposition: destroy}\n  б: {<<: *a, reason: ы}\n", code: "yaml-merge-key", line: 4, column: 7, path: "tables.б.<<" },
    Case { what: "unknown anchor", body: "tables:\n  б: *нет\n", code: "yaml-syntax", line: 3, column: 7, path: "tables.б" },
    Case { what: "unknown anchor in Latin", body: "tables:\n  б: *none\n", code: "yaml-unknown-anchor", line: 3, column: 6, path: "tables.б" },
    Case { what: "two documents", body: "---\ntables: {}\n", code: "yaml-many-documents", line: 2, column: 1, path: "-" },
    Case { what: "leading zero", body: "mappings: [{name: м, source: {from: a}, target: {from: b}, columns: [], must_compare: 012}]\n", code: "yaml-expected-number", line: 2, column: 87, path: "mappings[0].must_compare" },
    Case { what: "yes is a text", body: "mappings: [{name: м, source: {from: a}, target: {from: b}, columns: [], exact: yes}]\n", code: "yaml-expected-bool", line: 2, column: 80, path: "mappings[0].exact" },
    Case { what: "\"true\" is a text", body: "mappings: [{name: м, source: {from: a}, target: {from: b}, columns: [], exact: \"true\"}]\n", code: "yaml-expected-bool", line: 2, column: 80, path: "mappings[0].exact" },
    Case { what: "integer beyond 32 bits", body: "mappings: [{name: м, source: {from: a}, target: {from: b}, columns: [], must_compare: 4294967296}]\n", code: "yaml-number-range", line: 2, column: 87, path: "mappings[0].must_compare" },
    Case { what: "integer beyond 64 bits", body: "mappings: [{name: м, source: {from: a}, target: {from: b}, columns: [], must_compare: 99999999999999999999999}]\n", code: "yaml-expected-number", line: 2, column: 87, path: "mappings[0].must_compare" },
    Case { what: "negative integer", body: "mappings: [{name: м, source: {from: a}, target: {from: b}, columns: [], must_compare: -1}]\n", code: "yaml-expected-number", line: 2, column: 87, path: "mappings[0].must_compare" },
    Case { what: "fraction", body: "mappings: [{name: м, source: {from: a}, target: {from: b}, columns: [], must_compare: 1.5}]\n", code: "yaml-expected-number", line: 2, column: 87, path: "mappings[0].must_compare" },
    Case { what: "colon in a value", body: "tables:\n  т:\n    disposition: keep\n    reason: приказ: № 1\n", code: "yaml-colon", line: 5, column: 19, path: "tables.т" },
    Case { what: "local tag", body: "tables: {т: {disposition: destroy, reason: !s ы}}\n", code: "yaml-tag", line: 2, column: 44, path: "tables.т.reason" },
    Case { what: "tag on a text", body: "tables: {т: {disposition: destroy, reason: !!python/object ы}}\n", code: "yaml-tag", line: 2, column: 44, path: "tables.т.reason" },
    Case { what: "tag behind an anchor", body: "tables: {т: {disposition: destroy, reason: &a !!str ы}}\n", code: "yaml-tag", line: 2, column: 44, path: "tables.т.reason" },
    Case { what: "tag on a map", body: "tables: !!omap {т: {disposition: destroy}}\n", code: "yaml-tag", line: 2, column: 9, path: "tables" },
    Case { what: "tag on a key", body: "tables: {!!x т: {disposition: destroy}}\n", code: "yaml-tag", line: 2, column: 10, path: "tables" },
    Case { what: "local tag on a key", body: "tables: {!x т: {disposition: destroy}}\n", code: "yaml-tag", line: 2, column: 10, path: "tables" },
    Case { what: "list as a key", body: "tables: {[т]: {disposition: destroy}}\n", code: "yaml-key-shape", line: 2, column: 10, path: "tables" },
    Case { what: "a pair of three", body: "mappings: [{name: м, source: {from: a, join: [{table: b, on: [[a.x, b.y, b.z]]}]}, target: {from: b}, columns: []}]\n", code: "yaml-list-length", line: 2, column: 63, path: "mappings[0].source.join[0].on[0]" },
    Case { what: "a pair of one", body: "mappings: [{name: м, source: {from: a, join: [{table: b, on: [[a.x]]}]}, target: {from: b}, columns: []}]\n", code: "yaml-list-length", line: 2, column: 63, path: "mappings[0].source.join[0].on[0]" },
    Case { what: "control character", body: "tables: {т: {disposition: destroy, reason: \"ы\u{7}\"}}\n", code: "yaml-control-character", line: 2, column: 46, path: "-" },
    Case { what: "a BOM in the middle", body: "tables: {т\u{feff}: {disposition: destroy}}\n", code: "yaml-control-character", line: 2, column: 11, path: "-" },
    Case { what: "bad escape", body: "tables: {т: {disposition: destroy, reason: \"\\ы\"}}\n", code: "yaml-escape", line: 2, column: 45, path: "tables.т.reason" },
];

fn place(failure: &Failure) -> (&'static str, usize, usize, String) {
    let number = |name| failure.arg(name).unwrap().parse().unwrap();
    (failure.code, number("line"), number("column"), failure.arg("path").unwrap().to_owned())
}

/// The caret must stand under the letter that line and column name.
fn caret_fits(text: &str, failure: &Failure, line: usize, column: usize) -> bool {
    let (shown, caret) = failure.arg("snippet").unwrap().split_once('\n').unwrap();
    let under = shown.chars().nth(caret.chars().count() - 1);
    under
        == text.split('\n').nth(line - 1).unwrap().chars().nth(column - 1).map(|c| if c.is_control() { ' ' } else { c })
}

#[test]
fn every_malformed_file_is_refused_at_its_place() {
    let mut wrong = Vec::new();
    for case in CASES {
        let text = format!("{HEAD}{}", case.body);
        let failure = Profile::load("profile.yaml", text.as_bytes()).expect_err(case.what);
        assert_eq!(failure.exit, Exit::Usage, "{}", case.what);
        assert_eq!(failure.arg("file"), Some("profile.yaml"), "{}", case.what);
        let wanted = (case.code, case.line, case.column, case.path.to_owned());
        if place(&failure) != wanted || !caret_fits(&text, &failure, case.line, case.column) {
            wrong.push(format!("{}: {failure}\n  instead of {wanted:?}\n", case.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn a_bom_and_windows_line_ends_change_nothing() {
    let text = format!("{HEAD}tables:\n  ученики: {{dispositon: keep}}\n");
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let plain = Profile::load("x", text.as_bytes()).unwrap_err();
    assert_eq!(Profile::load("x", windows.as_bytes()).unwrap_err(), plain);
    let good = format!("\u{feff}{}", HEAD.replace('\n', "\r\n"));
    assert_eq!(Profile::load("x", good.as_bytes()).unwrap().0, Profile::load("x", HEAD.as_bytes()).unwrap().0);
}

#[test]
fn another_encoding_is_told_so() {
    // «Дневник» in Windows-1251; its first byte stands at line 2, column 11.
    let cp1251 = b"profile:\n product: \xc4\xed\xe5\xe2\xed\xe8\xea\n";
    let failure = Profile::load("x", cp1251).unwrap_err();
    assert_eq!(place(&failure), ("yaml-not-utf8", 2, 11, "-".to_owned()));
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain("a: ы".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(Profile::load("x", &utf16).unwrap_err().code, "yaml-not-utf8");
    let cut = "имя".as_bytes();
    assert_eq!(place(&Profile::load("x", &cut[..5]).unwrap_err()), ("yaml-not-utf8", 1, 3, "-".to_owned()));
}

#[test]
fn an_empty_file_is_told_so() {
    for text in ["", "\n", "# только слова\n", "---\n", "\u{feff}"] {
        assert_eq!(Profile::load("x", text.as_bytes()).unwrap_err().code, "yaml-empty", "{text:?}");
    }
}

#[test]
fn bombs_are_refused_soon() {
    let mut laughs = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (before, name) in ('a'..'i').zip('b'..='i') {
        laughs.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(",")));
    }
    // Below the crate's own limit of 100 jumps per event, above ours of nodes.
    let wide = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(20_000), "*a,".repeat(60));
    let deep = format!("a: {}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    let deeper = "[".repeat(1_000_000);
    let nested = format!("a: {}{}\n", "[".repeat(500), "]".repeat(500));
    let deep_block: String = (0..1_200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let own = "a: &a [*a]\n".to_owned();
    let tags = "!!".repeat(50_000);
    for (what, text, codes) in [
        ("laughs", laughs, &["yaml-too-large-inside"][..]),
        ("wide", wide, &["yaml-too-large-inside"]),
        ("deep", deep, &["yaml-too-deep"]),
        ("deeper", deeper, &["yaml-too-deep"]),
        ("nested", nested, &["yaml-too-deep"]),
        ("deep block", deep_block, &["yaml-too-deep"]),
        ("self", own, &["yaml-too-deep", "yaml-unknown-anchor", "yaml-too-large-inside"]),
        ("tags", tags, &["yaml-syntax", "yaml-tag"]),
        ("size", "#".repeat(SIZE_MAX + 1), &["yaml-too-large"]),
    ] {
        let begun = Instant::now();
        let failure = Profile::load("x", text.as_bytes()).expect_err(what);
        assert!(codes.contains(&failure.code), "{what}: {failure}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} took {:?}", begun.elapsed());
        assert!(failure.arg("snippet").unwrap().len() < 1000, "{what}");
    }
}

#[test]
fn texts_stay_as_written() {
    let text = format!(
        "{HEAD}tables:\n  0012: {{disposition: keep, reason: yes}}\n  1e3: {{disposition: keep, reason: 0x10}}\n  \
         null: {{disposition: keep, reason: \"приказ: № 1 !! срочно\"}}\n  'b': {{disposition: keep, reason: 2026-09-01}}\n"
    );
    let (profile, _) = Profile::load("x", text.as_bytes()).unwrap();
    let read: Vec<(&str, &str)> =
        profile.tables.iter().map(|(name, rule)| (name.as_str(), rule.reason.as_deref().unwrap())).collect();
    assert_eq!(read, [("0012", "yes"), ("1e3", "0x10"), ("b", "2026-09-01"), ("null", "приказ: № 1 !! срочно")]);
}

#[test]
fn a_key_with_nothing_behind_it_is_no_key() {
    let bare = Profile::load("x", HEAD.as_bytes()).unwrap().0;
    let text = format!("{HEAD}subjects:\ntables: ~\nmappings: null\n");
    assert_eq!(Profile::load("x", text.as_bytes()).unwrap().0, bare);
}

#[test]
fn a_similar_key_is_offered() {
    let text = format!("{HEAD}tabels: {{}}\n");
    let failure = Profile::load("x", text.as_bytes()).unwrap_err();
    assert_eq!(failure.arg("meant"), Some("tables"));
}

#[test]
fn no_text_makes_the_guard_panic() {
    // Every prefix and every text with one letter replaced, of a file with all that YAML has.
    let text = format!(
        "{HEAD}tables: &a\n  'у': {{disposition: keep, reason: !!x |\n ы}}\nb: *a\n? [с]\n: \"\\u0041\u{2028}\u{85}\"\n"
    );
    let letters: Vec<char> = text.chars().collect();
    for at in 0..=letters.len() {
        let prefix: String = letters[..at].iter().collect();
        let _ = Profile::load("x", prefix.as_bytes()).map_err(|failure| place(&failure));
        for other in ['"', '\'', '{', '[', ':', '-', '\n', '\t', '!', '&', '*', '<', '%', '😀', 'ы'] {
            let mut changed = letters.clone();
            if at < changed.len() {
                changed[at] = other;
            }
            let changed: String = changed.into_iter().collect();
            let _ = Profile::load("x", changed.as_bytes()).map_err(|failure| place(&failure));
        }
    }
    for end in 0..text.len() {
        let _ = Source::read("x", &text.as_bytes()[..end]).map_err(|failure| place(&failure));
    }
}
