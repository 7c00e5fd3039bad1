//! FTS5 tables: where their words come from, and the statements that empty or compact them.

use crate::error::Told;
use crate::session::{number, quote};
use lastbell_contract::Result;
use rusqlite::Connection;

/// Where an FTS5 table keeps the text that it indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// In a shadow table of its own.
    Own,
    /// In another table.
    External(String),
    /// Nowhere (`content=''`).
    Nowhere,
}

/// One FTS5 table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FullText {
    /// Its text.
    pub(crate) content: Content,
}

/// Reads the module's arguments. FTS5 takes any beginning of an option's name, in this order of preference.
pub(crate) fn from_arguments(arguments: &[Vec<String>]) -> FullText {
    let mut content = Content::Own;
    for argument in arguments {
        let [key, sign, text @ ..] = argument.as_slice() else { continue };
        if sign == "=" && !key.is_empty() && "content".starts_with(&key.to_ascii_lowercase()) {
            let text = text.concat();
            content = if text.is_empty() { Content::Nowhere } else { Content::External(text) };
        }
    }
    FullText { content }
}

/// How many documents the index knows. For an external content `count(*)` would count the content table.
pub(crate) fn documents(connection: &Connection, table: &str) -> Result<Option<u64>> {
    let sizes = format!("{table}_docsize");
    let there: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)", [&sizes], |row| {
            row.get(0)
        })
        .told("count")?;
    if !there {
        return Ok(None); // columnsize=0
    }
    number(connection, "count", &format!("SELECT count(*) FROM {}", quote(&sizes))).map(Some)
}

/// Terms still in the index's segments.
pub(crate) fn segments(connection: &Connection, table: &str) -> Result<u64> {
    number(connection, "count", &format!("SELECT count(*) FROM {}", quote(&format!("{table}_idx"))))
}

/// One of FTS5's own commands: `optimize`, `rebuild`, `delete-all`.
pub(crate) fn command(connection: &Connection, table: &str, word: &str) -> Result<()> {
    let name = quote(table);
    connection.execute(&format!("INSERT INTO {name}({name}) VALUES (?1)"), [word]).told("scrub").map(|_| ())
}
