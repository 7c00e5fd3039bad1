//! One row of an answer to a question of our own (catalog, settings, figures), all cells as text. Pure.
//! Rows of the store's tables go another way: `copy.rs`.

use crate::error::refused;
use lastbell_contract::{AdapterError, ErrorKind, Result};

/// A row, every cell in the text form of its type.
pub(crate) struct Line {
    operation: &'static str,
    cells: Vec<Option<Vec<u8>>>,
}

impl Line {
    /// From the body of a DataRow message.
    pub(crate) fn parse(operation: &'static str, body: &[u8]) -> Option<Self> {
        let (count, mut rest) = body.split_first_chunk::<2>()?;
        let mut cells = Vec::new();
        for _ in 0..i16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                cells.push(None);
                rest = after;
                continue;
            };
            let (cell, after) = after.split_at_checked(length)?;
            cells.push(Some(cell.to_vec()));
            rest = after;
        }
        rest.is_empty().then_some(Self { operation, cells })
    }

    fn odd(&self) -> AdapterError {
        refused(ErrorKind::Engine, self.operation, "odd-answer")
    }

    fn cell(&self, place: usize) -> Result<Option<&[u8]>> {
        self.cells.get(place).map(Option::as_deref).ok_or_else(|| self.odd())
    }

    /// A text, or nothing for NULL.
    pub(crate) fn maybe(&self, place: usize) -> Result<Option<String>> {
        let Some(raw) = self.cell(place)? else { return Ok(None) };
        let text = std::str::from_utf8(raw).map_err(|_| refused(ErrorKind::Unsupported, self.operation, "not-utf8"))?;
        Ok(Some(text.to_owned()))
    }

    /// A text of people (a comment, a definition), in which a database of no encoding may hold anything.
    pub(crate) fn remark(&self, place: usize) -> Result<Option<String>> {
        Ok(self.cell(place)?.map(|raw| String::from_utf8_lossy(raw).into_owned()))
    }

    /// A text that cannot be NULL.
    pub(crate) fn text(&self, place: usize) -> Result<String> {
        self.maybe(place)?.ok_or_else(|| self.odd())
    }

    /// A whole number that cannot be NULL.
    pub(crate) fn number(&self, place: usize) -> Result<i64> {
        self.text(place)?.parse().map_err(|_| self.odd())
    }

    /// A whole number, or nothing for NULL.
    pub(crate) fn maybe_number(&self, place: usize) -> Result<Option<i64>> {
        self.maybe(place)?.map(|text| text.parse().map_err(|_| self.odd())).transpose()
    }

    /// A boolean that cannot be NULL.
    pub(crate) fn flag(&self, place: usize) -> Result<bool> {
        match self.cell(place)? {
            Some(b"t") => Ok(true),
            Some(b"f") => Ok(false),
            Some(_) | None => Err(self.odd()),
        }
    }

    /// The elements of a one-dimensional array of texts; NULL is an empty one, a NULL in it an empty text.
    pub(crate) fn texts(&self, place: usize) -> Result<Vec<String>> {
        let Some(text) = self.maybe(place)? else { return Ok(Vec::new()) };
        elements(&text).ok_or_else(|| self.odd())
    }
}

/// The text form of an array: `{plain,"quoted, with \" and \\",NULL}` (documentation, 8.15.6).
fn elements(text: &str) -> Option<Vec<String>> {
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut found = Vec::new();
    let mut letters = inside.chars().peekable();
    while letters.peek().is_some() {
        let mut element = String::new();
        if letters.next_if_eq(&'"').is_some() {
            loop {
                match letters.next()? {
                    '"' => break,
                    '\\' => element.push(letters.next()?),
                    letter => element.push(letter),
                }
            }
        } else {
            while let Some(letter) = letters.next_if(|letter| *letter != ',') {
                element.push(letter);
            }
            if element == "NULL" {
                element.clear();
            }
        }
        found.push(element);
        if letters.peek().is_some() {
            letters.next_if_eq(&',')?;
        }
    }
    Some(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_taken_apart() {
        assert_eq!(elements("{}").unwrap(), Vec::<String>::new());
        assert_eq!(elements("{a,b}").unwrap(), ["a", "b"]);
        assert_eq!(elements(r#"{"a,b","c\"d\\e",NULL,"NULL",№}"#).unwrap(), ["a,b", "c\"d\\e", "", "NULL", "№"]);
        assert!(elements("{\"a").is_none());
        assert!(elements("a").is_none());
    }

    #[test]
    fn a_short_row_is_no_row() {
        assert!(Line::parse("t", &[0, 1, 0, 0, 0, 5, b'a']).is_none());
        let line = Line::parse("t", &[0, 2, 0, 0, 0, 1, b'7', 255, 255, 255, 255]).unwrap();
        assert_eq!(line.number(0).unwrap(), 7);
        assert_eq!(line.maybe(1).unwrap(), None);
        assert!(line.text(2).is_err());
    }
}
