//! What a store is made of: tables, columns, keys, links, triggers, views.

use std::fmt;

/// A table's full name. `schema` is empty where the engine has one name space, or for the session's default schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// Schema or database, when it must be told.
    pub schema: Option<String>,
    /// The bare name, exactly as stored.
    pub name: String,
}

impl TableId {
    /// A table of the default name space.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        Self { schema: None, name: name.to_owned() }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The logical kind of a column: which [`crate::Value`] variant its valid values have.
/// On an engine with dynamic types it is what the declaration suggests, and values may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the variants of Value, named alike")]
pub enum Kind {
    Int,
    Decimal,
    Float,
    Bool,
    Text,
    Bytes,
    Date,
    Time,
    LocalDateTime,
    Instant,
    Uuid,
    Json,
    /// The engine tells nothing, or the type is not known to the adapter.
    Unknown,
}

impl Kind {
    /// Each once.
    pub const ALL: [Self; 13] = [
        Self::Int,
        Self::Decimal,
        Self::Float,
        Self::Bool,
        Self::Text,
        Self::Bytes,
        Self::Date,
        Self::Time,
        Self::LocalDateTime,
        Self::Instant,
        Self::Uuid,
        Self::Json,
        Self::Unknown,
    ];

    /// The word used in artefacts and profiles.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Date => "date",
            Self::Time => "time",
            Self::LocalDateTime => "datetime",
            Self::Instant => "instant",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Unknown => "unknown",
        }
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Exactly as stored.
    pub name: String,
    /// The type's text in the store's own words; may be empty on SQLite.
    pub declared_type: String,
    /// What its values are.
    pub kind: Kind,
    /// NULL allowed.
    pub nullable: bool,
    /// Computed by the engine from other columns; read and compared, never written.
    pub generated: bool,
    /// The remark stored with the column.
    pub comment: Option<String>,
    /// The character set, where the engine has one per column.
    pub charset: Option<String>,
}

/// What happens to rows that lead to a row which goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "SQL's own words")]
pub enum Action {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

/// A declared link to another table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The constraint's name, where it has one.
    pub name: Option<String>,
    /// Columns of this table.
    pub columns: Vec<String>,
    /// The table it leads to (it may be absent from the catalog: SQLite allows that).
    pub references: TableId,
    /// Columns there, in the same order; empty means its primary key.
    pub referenced_columns: Vec<String>,
    /// What a DELETE there does here.
    pub on_delete: Action,
    /// True when the engine itself enforces it for every connection (not so on SQLite, whose default is off).
    pub enforced: bool,
}

/// An index, for costs and for the check that a child's key is indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its columns; an expression stands as an empty string.
    pub columns: Vec<String>,
    /// Whether it forbids equal keys for all rows (a partial unique index does not).
    pub unique: bool,
}

/// A trigger of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// True when it would fire on our way of destroying (DELETE, or INSERT during a rebuild).
    pub fires: bool,
}

/// A view: it repeats the data of the tables that it reads. Listed, never hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub id: TableId,
    /// Tables it reads, as far as the engine tells.
    pub reads: Vec<TableId>,
    /// It holds a copy of what it shows (materialised).
    pub stored: bool,
}

/// How a table keeps its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// An ordinary table.
    Base,
    /// A full-text index that is a table of its own (FTS5). `content` names the table whose words it repeats.
    FullText {
        /// The table that holds the text; `None` when the index holds it itself or nothing does.
        content: Option<TableId>,
    },
    /// A file of an export: it tells the names of its columns, and no key that its rows have. Never to be destroyed.
    File,
    /// Rows live elsewhere or behind a module (foreign, FEDERATED, unknown virtual table): the word names it.
    Elsewhere(String),
}

/// Something about a table that forbids destroying it until a person has decided. The code is stable:
/// `trigger:NAME`, `elsewhere:MODULE`, `row-security`, `system-versioned`…
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Obstacle(pub String);

/// One table with everything that later steps need to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Full name.
    pub id: TableId,
    /// How it keeps its rows.
    pub kind: TableKind,
    /// In the store's order.
    pub columns: Vec<Column>,
    /// Columns of the primary key, in key order; empty when there is none.
    pub primary_key: Vec<String>,
    /// Further unique keys whose columns are all NOT NULL or where NULLs are distinct.
    pub unique_keys: Vec<Vec<String>>,
    /// Declared links.
    pub foreign_keys: Vec<ForeignKey>,
    /// Tables that this one inherits from. Reading, counting and destroying a table never reach its heirs; they go in one
    /// unit with it. (A partitioned table is one table; its partitions are not listed.)
    pub parents: Vec<TableId>,
    /// Indexes.
    pub indexes: Vec<Index>,
    /// Triggers.
    pub triggers: Vec<Trigger>,
    /// A cheap guess of the number of rows.
    pub rows_estimate: Option<u64>,
    /// The table's own definition text, where the engine keeps one; it may repeat personal data and stays in memory.
    pub definition: Option<String>,
    /// What forbids destroying it.
    pub obstacles: Vec<Obstacle>,
}

impl Table {
    /// The column of that exact name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// All column names in order.
    #[must_use]
    pub fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }
}

/// Everything in a store, sorted by table name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Tables that hold rows. Helper tables of a full-text index are left out: they go with it.
    pub tables: Vec<Table>,
    /// Views.
    pub views: Vec<View>,
}

impl Catalog {
    /// The table of that name.
    #[must_use]
    pub fn table(&self, id: &TableId) -> Option<&Table> {
        self.tables.iter().find(|table| &table.id == id)
    }
}
