//! Looks for planted values in bytes, in every spelling in which they could leak: character sets, hex, base64 at every
//! alignment, JSON escapes, and the plain digests that anybody could compute from a guess.

use lastbell::hex::sha256;
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// Base64 in both alphabets: files, and names that must suit a path.
const ALPHABETS: [(&str, &[u8; 64]); 2] = [
    ("base64", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
    ("base64url", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
];

/// All spellings of all values, found in one pass.
pub(crate) struct Search {
    patterns: Vec<(String, Vec<u8>)>,
    /// By their first four bytes.
    starts: HashMap<[u8; 4], Vec<usize>>,
    /// Whether any begins with these two bytes: most places are passed over by this alone.
    begins: Vec<bool>,
}

impl Search {
    /// For these values, each in the spellings given, in upper and lower case too.
    pub(crate) fn new(values: &[&str]) -> Self {
        let mut patterns: Vec<(String, Vec<u8>)> = Vec::new();
        for value in values {
            let mut cases = vec![(*value).to_owned(), value.to_lowercase(), value.to_uppercase()];
            cases.dedup();
            for text in cases {
                patterns.extend(spellings(&text).into_iter().map(|(kind, bytes)| (format!("{text} as {kind}"), bytes)));
                patterns.extend(digests(&text));
            }
        }
        let mut starts: HashMap<[u8; 4], Vec<usize>> = HashMap::new();
        for (index, (label, bytes)) in patterns.iter().enumerate() {
            let start = bytes.first_chunk::<4>().unwrap_or_else(|| panic!("{label} is too short to look for"));
            starts.entry(*start).or_default().push(index);
        }
        let mut begins = vec![false; 1 << 16];
        starts.keys().for_each(|start| begins[usize::from(u16::from_be_bytes([start[0], start[1]]))] = true);
        Self { patterns, starts, begins }
    }

    /// How many spellings are looked for.
    pub(crate) fn len(&self) -> usize {
        self.patterns.len()
    }

    /// What occurs in the bytes.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<&str> {
        let mut found = std::collections::BTreeSet::new();
        let mut pair = 0_u16;
        for (end, byte) in bytes.iter().enumerate() {
            pair = pair << 8 | u16::from(*byte);
            if end == 0 || !self.begins[usize::from(pair)] {
                continue;
            }
            let at = end - 1;
            let Some(start) = bytes[at..].first_chunk::<4>() else { break };
            for index in self.starts.get(start).into_iter().flatten() {
                let (label, pattern) = &self.patterns[*index];
                if bytes[at..].starts_with(pattern) {
                    found.insert(label.as_str());
                }
            }
        }
        found.into_iter().collect()
    }
}

/// CP1251 of Russian text and ASCII.
pub(crate) fn cp1251(text: &str) -> Vec<u8> {
    let byte = |letter: char| match letter {
        'А'..='я' => u8::try_from(letter as u32 - 'А' as u32 + 0xC0).unwrap(),
        'Ё' => 0xA8,
        'ё' => 0xB8,
        other => u8::try_from(other as u32).unwrap(),
    };
    text.chars().map(byte).collect()
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if upper { text.to_uppercase().into_bytes() } else { text.into_bytes() }
}

/// The letters of a base64 text that depend on these bytes alone, when `before` bytes stand before them in their group of
/// three.
fn base64(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits = |at: usize| -> u8 {
        // The at-th letter's six bits, counted from the group's start; `None` when a foreign byte has a part in it.
        let bit = |index: usize| bytes[index / 8 - before] >> (7 - index % 8) & 1;
        (at * 6..at * 6 + 6).fold(0, |sum, index| sum << 1 | bit(index))
    };
    let first = (before * 8).div_ceil(6);
    let end = (before + bytes.len()) * 8 / 6;
    (first..end).map(|at| alphabet[usize::from(bits(at))]).collect()
}

fn json_escapes(text: &str, upper: bool) -> Vec<u8> {
    let escape = |unit: u16| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
    let plain = |unit: u16| char::from_u32(unit.into()).filter(char::is_ascii).map(String::from);
    text.encode_utf16().map(|unit| plain(unit).unwrap_or_else(|| escape(unit))).collect::<String>().into_bytes()
}

/// Every spelling of a text, by a word for it. What is spelled alike in two ways stands once.
pub(crate) fn spellings(text: &str) -> Vec<(String, Vec<u8>)> {
    let sets = [
        ("utf-8", text.as_bytes().to_vec()),
        ("cp1251", cp1251(text)),
        ("utf-16le", utf16(text, false)),
        ("utf-16be", utf16(text, true)),
    ];
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for (set, bytes) in &sets {
        all.push(((*set).to_owned(), bytes.clone()));
        all.push((format!("hex of {set}"), hex(bytes, false)));
        all.push((format!("upper hex of {set}"), hex(bytes, true)));
        for before in 0..3 {
            all.extend(
                ALPHABETS.iter().map(|(name, alphabet)| {
                    (format!("{name} of {set} after {before}"), base64(bytes, before, alphabet))
                }),
            );
        }
    }
    all.push(("json".to_owned(), json_escapes(text, false)));
    all.push(("upper json".to_owned(), json_escapes(text, true)));
    let mut seen = std::collections::HashSet::new();
    all.retain(|(_, bytes)| seen.insert(bytes.clone()));
    all
}

/// Unkeyed digests of a text: whoever guesses the value would know from them that it was there.
pub(crate) fn digests(text: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (set, bytes) in [("utf-8", text.as_bytes().to_vec()), ("cp1251", cp1251(text))] {
        let digests =
            [("sha-256", sha256(&bytes)), ("sha-1", summed("sha1sum", &bytes)), ("md5", summed("md5sum", &bytes))];
        for (algorithm, digest) in digests {
            let raw: Vec<u8> = digest
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            let label = |form: &str| format!("{text} as {form} {algorithm} of {set}");
            all.push((label("hex"), hex(&raw, false)));
            all.push((label("upper hex"), hex(&raw, true)));
            all.push((label("base64"), base64(&raw, 0, ALPHABETS[0].1)));
            all.push((label("raw"), raw));
        }
    }
    all
}

/// By the system's own program: nothing here needs these digests otherwise.
fn summed(program: &str, bytes: &[u8]) -> String {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}
