//! A table being filled, and how values are written into it. Reads and writes nothing.

use jiff::civil::{Date, DateTime};
use lastbell_contract::{Row, Value};

/// One table of a demo diary, ready to be created and filled in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoTable {
    /// Its name.
    pub name: &'static str,
    /// The statements that create it and its indexes.
    pub ddl: Vec<String>,
    /// The columns of each row.
    pub columns: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl DemoTable {
    /// An empty table from its column definitions; a definition that begins in capitals is a constraint.
    pub(super) fn new(name: &'static str, definitions: &[&'static str]) -> Self {
        let columns = definitions
            .iter()
            .filter_map(|definition| definition.split(' ').next())
            .filter(|word| word.starts_with(|letter: char| letter.is_ascii_lowercase()))
            .collect();
        let ddl = vec![format!("CREATE TABLE {name} (\n  {}\n)", definitions.join(",\n  "))];
        Self { name, ddl, columns, rows: Vec::new() }
    }

    /// Adds an index over one column.
    pub(super) fn index(mut self, column: &str) -> Self {
        self.ddl.push(format!("CREATE INDEX {}_{column} ON {} ({column})", self.name, self.name));
        self
    }

    /// Adds the rows.
    pub(super) fn filled(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows);
        self
    }
}

/// A text.
pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// A text or NULL.
pub(super) fn text_or_null(text: Option<impl Into<String>>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.into()))
}

/// A whole number.
pub(super) fn number(number: impl TryInto<i128>) -> Value {
    Value::Int(number.try_into().ok().expect("a small number"))
}

/// The id that the retired diary gives to the person or thing at a position.
pub(super) fn id(position: usize) -> Value {
    number(position + 1)
}

/// 09.11.2012
pub(super) fn russian(day: Date) -> String {
    day.strftime("%d.%m.%Y").to_string()
}

/// 09.11.2012 15:04:00
pub(super) fn russian_time(moment: DateTime) -> String {
    moment.strftime("%d.%m.%Y %H:%M:%S").to_string()
}
