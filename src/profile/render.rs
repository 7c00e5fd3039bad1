//! Writes YAML that people go on editing: one line per thing, and names of any kind survive being read again.

use super::words::Language;
use serde::Serialize;
use std::fmt::Write as _;

/// A key beyond 1,024 bytes is not read as one by libyaml unless it is written with `?`; escapes may take six bytes each.
const KEY_MAX: usize = 160;

/// Words that a YAML reader, of version 1.1 or 1.2, takes for something else than a text.
const RESERVED: [&str; 11] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// A text as a scalar that reads as the same text anywhere, within `{…}` too.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Starts with a letter, goes on with letters, digits, `_`, `-`, `.` and single spaces, and is no reserved word.
fn is_plain(text: &str) -> bool {
    let starts = text.chars().next().is_some_and(char::is_alphabetic);
    let goes_on = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '));
    let spaced = text.ends_with(' ') || text.contains("  ");
    starts && goes_on && !spaced && !RESERVED.contains(&text.to_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            _ if c.is_alphanumeric() || matches!(c, '№' | '«' | '»' | '–' | '—' | '…') => out.push(c),
            // Everything else would be invisible, turn the line around, break it, or not be allowed at all.
            _ if u32::from(c) < 0x1_0000 => write!(out, "\\u{:04X}", u32::from(c)).expect("a String takes all"),
            _ => write!(out, "\\U{:08X}", u32::from(c)).expect("a String takes all"),
        }
    }
    out.push('"');
    out
}

/// `key: value` within a flow map.
pub(super) fn pair(key: &str, value: &str) -> String {
    let key_text = scalar(key);
    if key.len() > KEY_MAX { format!("? {key_text} : {value}") } else { format!("{key_text}: {value}") }
}

/// `key: value` as a line of a block map.
pub(super) fn line(out: &mut String, indent: usize, key: &str, value: &str) {
    let (space, key_text) = (" ".repeat(indent), scalar(key));
    if key.len() > KEY_MAX {
        writeln!(out, "{space}? {key_text}\n{space}: {value}").expect("a String takes all");
    } else {
        writeln!(out, "{space}{key_text}: {value}").expect("a String takes all");
    }
}

/// `{a: 1, b: 2}` from its pairs.
pub(super) fn map(pairs: &[String]) -> String {
    format!("{{{}}}", pairs.join(", "))
}

/// `[a, b]` of texts.
pub(super) fn list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<String> = items.iter().map(|item| scalar(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A text, or `null`.
pub(super) fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), scalar)
}

/// The word by which one of our enums is written.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).expect("a plain enum is a JSON text");
    value.as_str().map_or_else(|| "null".to_owned(), scalar)
}

/// A comment in the language of the case; an empty line in it stays empty.
pub(super) fn comment(out: &mut String, language: Language, russian: &str, english: &str) {
    let text = match language {
        Language::Ru => russian,
        Language::En => english,
    };
    for part in text.lines() {
        let mark = if part.is_empty() { "" } else { "# " };
        writeln!(out, "{mark}{part}").expect("a String takes all");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::profile::yaml::Source;
    use std::collections::BTreeMap;

    /// Names that have broken YAML, SQL or terminals before.
    pub(in crate::profile) const HOSTILE: [&str; 34] = [
        "yes",
        "NO",
        "null",
        "~",
        "true",
        "1e3",
        "0x10",
        "012",
        ".5",
        "-",
        "- a",
        "? a",
        ": a",
        "a: b",
        "a #b",
        "#a",
        "",
        " ",
        " a",
        "a ",
        "a'b",
        "a\"b",
        "\"; drop table pupils; --",
        "a\nb",
        "a\tb",
        "a\\b",
        "{a",
        "[a]",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
    ];

    pub(in crate::profile) fn hostile() -> Vec<String> {
        let more = [
            "Ученики",
            "Личные дела",
            "1-й класс",
            "ы, ы",
            "ё\u{301}",
            "\u{202e}abc",
            "\u{feff}a",
            "a\u{85}b",
            "a\u{2028}b",
            "\u{7f}",
            "😀",
            "e\u{0}f",
        ];
        let long = "я".repeat(2000);
        HOSTILE.iter().chain(&more).map(|name| (*name).to_owned()).chain([long]).collect()
    }

    #[test]
    fn every_name_survives_as_key_and_as_value() {
        for name in hostile() {
            let mut text = String::new();
            line(&mut text, 0, &name, &scalar(&name));
            line(&mut text, 0, "nested key", &map(&[pair(&name, &list(&[&name, &name]))]));
            let source = Source::read("x", text.as_bytes()).unwrap_or_else(|failure| panic!("{name:?}: {failure}"));
            let read = source.tree().unwrap_or_else(|failure| panic!("{name:?}: {failure}\n{text}"));
            let crate::profile::node::Node::Map(entries) = &read else { panic!("{name:?}") };
            let first: BTreeMap<String, String> = crate::profile::node::Node::Map(entries[..1].to_vec())
                .read()
                .unwrap_or_else(|why| panic!("{name:?}: {why}"));
            assert_eq!(first, BTreeMap::from([(name.clone(), name.clone())]), "{text}");
            let nested: BTreeMap<String, Vec<String>> = entries[1].1.read().unwrap();
            assert_eq!(nested, BTreeMap::from([(name.clone(), vec![name.clone(), name.clone()])]), "{text}");
        }
    }
}
