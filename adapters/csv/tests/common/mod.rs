//! Writes exports as keepers do: plainly as PostgreSQL's COPY, or compressed in several members with a semicolon, `\N` for
//! NULL and every text in quotes. Not by the adapter under test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test uses what it needs")]

use flate2::Compression;
use flate2::write::GzEncoder;
use lastbell_contract::{Location, Value};
use lastbell_testkit::TableSetup;
use std::fs;
use std::io::Write;
use std::path::Path;

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `NAME.csv`: commas, quotes where they must be, nothing for NULL.
    Plain,
    /// `NAME.csv.gz` of several members: semicolons, quotes around every text, `\N` for NULL, CRLF.
    Compressed,
}

impl Style {
    /// What the address says about it.
    pub(crate) fn query(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Compressed => "?delimiter=%3B&null=\\N",
        }
    }

    fn field(self, value: &Value) -> String {
        let text = match value {
            Value::Null => return if self == Self::Plain { String::new() } else { "\\N".to_owned() },
            Value::Text(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            other => panic!("no export holds {}", other.variant()),
        };
        let must = text.is_empty() || text.contains([',', '"', '\n', '\r']);
        if must || self == Self::Compressed { quoted(&text) } else { text }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Bytes compressed in as many members as there are parts.
pub(crate) fn gzip(parts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for part in parts {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).unwrap();
        all.extend(encoder.finish().unwrap());
    }
    all
}

/// Writes one table into a folder.
pub(crate) fn write_table(folder: &Path, table: &TableSetup, style: Style) {
    let (delimiter, end) = if style == Style::Plain { (",", "\n") } else { (";", "\r\n") };
    let header = table.column_names().iter().map(|name| quoted(name)).collect::<Vec<_>>().join(delimiter);
    let mut text = header + end;
    for row in &table.rows {
        let fields: Vec<String> = row.iter().map(|value| style.field(value)).collect();
        text.push_str(&fields.join(delimiter));
        text.push_str(end);
    }
    match style {
        Style::Plain => fs::write(folder.join(format!("{}.csv", table.name)), text).unwrap(),
        Style::Compressed => {
            // Members end where they like, within a field or a letter too.
            let (first, rest) = text.as_bytes().split_at(text.len() / 3);
            let (second, third) = rest.split_at(rest.len() / 2);
            fs::write(folder.join(format!("{}.csv.gz", table.name)), gzip(&[first, second, b"", third])).unwrap();
        }
    }
}

/// The address of a folder, with options behind it.
pub(crate) fn location(folder: &Path, query: &str) -> Location {
    Location { scheme: "csv".to_owned(), rest: format!("{}{query}", folder.to_str().unwrap()) }
}
