//! A store described in no engine's words: tables, keys, links, triggers, views, rows; and a change by somebody else.
//! Each engine's test turns it into its own statements. What it stays within, so that every engine can:
//!
//! - text in a key takes at most 64 bytes; text compares byte by byte (`a`, `A` and `a ` are three values);
//! - a decimal has four digits after the point and at most twenty before it;
//! - tables stand in the order in which they can be created, parents first.

use lastbell_contract::{Action, Kind, Row, Value};

/// Everything to create in a fresh store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// Parents before children.
    pub tables: Vec<TableSetup>,
    /// Made after the tables.
    pub views: Vec<ViewSetup>,
}

impl Setup {
    /// A store with these tables.
    #[must_use]
    pub fn of(tables: Vec<TableSetup>) -> Self {
        Self { tables, views: Vec::new() }
    }

    /// The same with a view that shows every column of a table.
    #[must_use]
    pub fn view(mut self, name: &str, reads: &str) -> Self {
        self.views.push(ViewSetup { name: name.to_owned(), reads: reads.to_owned() });
        self
    }

    /// The table of that name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableSetup> {
        self.tables.iter().find(|table| table.name == name)
    }
}

/// `CREATE VIEW name AS SELECT * FROM reads`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewSetup {
    /// Its name.
    pub name: String,
    /// The table it shows.
    pub reads: String,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSetup {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// NULL allowed.
    pub nullable: bool,
}

/// A link to a table that was created before, or to the table itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSetup {
    /// Columns here.
    pub columns: Vec<String>,
    /// The other table.
    pub references: String,
    /// Its columns; they are its primary key or a unique key.
    pub referenced_columns: Vec<String>,
    /// What a DELETE there does here.
    pub on_delete: Action,
}

/// A trigger: after a row of this table is deleted, all rows of another table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerSetup {
    /// Its name.
    pub name: String,
    /// The table that it empties.
    pub clears: String,
}

/// One table and its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSetup {
    /// Its name.
    pub name: String,
    /// In order.
    pub columns: Vec<ColumnSetup>,
    /// Empty when there is none. Its columns are not nullable.
    pub primary_key: Vec<String>,
    /// Further unique keys; NULLs in them are distinct.
    pub unique_keys: Vec<Vec<String>>,
    /// Links.
    pub links: Vec<LinkSetup>,
    /// Triggers; created after all tables, because they name other tables.
    pub triggers: Vec<TriggerSetup>,
    /// A value per column.
    pub rows: Vec<Row>,
}

impl TableSetup {
    /// A table without columns; the methods below add them.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            unique_keys: Vec::new(),
            links: Vec::new(),
            triggers: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// A column that is NOT NULL.
    #[must_use]
    pub fn column(mut self, name: &str, kind: Kind) -> Self {
        self.columns.push(ColumnSetup { name: name.to_owned(), kind, nullable: false });
        self
    }

    /// A column that may be NULL.
    #[must_use]
    pub fn nullable(mut self, name: &str, kind: Kind) -> Self {
        self.columns.push(ColumnSetup { name: name.to_owned(), kind, nullable: true });
        self
    }

    /// The primary key.
    #[must_use]
    pub fn key(mut self, columns: &[&str]) -> Self {
        self.primary_key = owned(columns);
        self
    }

    /// A further unique key.
    #[must_use]
    pub fn unique(mut self, columns: &[&str]) -> Self {
        self.unique_keys.push(owned(columns));
        self
    }

    /// A link.
    #[must_use]
    pub fn link(mut self, columns: &[&str], references: &str, referenced: &[&str], on_delete: Action) -> Self {
        self.links.push(LinkSetup {
            columns: owned(columns),
            references: references.to_owned(),
            referenced_columns: owned(referenced),
            on_delete,
        });
        self
    }

    /// A trigger that empties another table when a row here is deleted.
    #[must_use]
    pub fn trigger(mut self, name: &str, clears: &str) -> Self {
        self.triggers.push(TriggerSetup { name: name.to_owned(), clears: clears.to_owned() });
        self
    }

    /// One more row.
    #[must_use]
    pub fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// More rows.
    #[must_use]
    pub fn rows(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows);
        self
    }

    /// All column names in order.
    #[must_use]
    pub fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Where a column stands.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|other| other.name == column)
    }

    /// Whether a column is part of the primary key, a unique key or a link, so that an engine may need a bounded type.
    #[must_use]
    pub fn in_a_key(&self, column: &str) -> bool {
        let links = self.links.iter().map(|link| &link.columns);
        let mut keys = std::iter::once(&self.primary_key).chain(&self.unique_keys).chain(links);
        keys.any(|key| key.iter().any(|part| part == column))
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What another connection does to the store, in one transaction of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new row, a value per column.
    Insert {
        /// Where.
        table: String,
        /// The row.
        row: Row,
    },
    /// One column of the rows where another has a value.
    Update {
        /// Where.
        table: String,
        /// Which rows: column and value.
        key: (String, Value),
        /// What: column and new value.
        set: (String, Value),
    },
    /// All rows go.
    DeleteAll {
        /// Where.
        table: String,
    },
}

impl Change {
    /// The table it touches.
    #[must_use]
    pub fn table(&self) -> &str {
        match self {
            Self::Insert { table, .. } | Self::Update { table, .. } | Self::DeleteAll { table } => table,
        }
    }
}

/// How it went for the other connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Committed.
    Done,
    /// A lock kept it out; nothing was written.
    Excluded,
}
