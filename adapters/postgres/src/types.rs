//! Which type of PostgreSQL is read how. Reads `pg_type` once per session; an unknown type is refused by its name.
//!
//! Types with a value of the contract come in their binary form. Others that diaries hold (intervals, addresses, arrays,
//! enumerations, ranges…) come as the text that the type's own output function gives under the session's fixed settings.
//! The output function is called by its name: a cast to text is not the same (`inet` gains a netmask, `char(n)` loses its
//! blanks), and a cast may be anybody's function.

use crate::error::refused;
use crate::quote::quote;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Kind, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a column's values are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Bool,
    Int2,
    Int4,
    Int8,
    /// `oid`: 32 bits without a sign.
    Oid,
    Float4,
    Float8,
    Numeric,
    /// The binary form is the text: `text`, `varchar`, `char(n)` with its blanks, `name`, `"char"`.
    Text,
    /// The text of the type's output function.
    Output,
    Bytea,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    Json,
    /// The text after one byte of version.
    Jsonb,
}

impl How {
    /// The variant that its values have.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid => Kind::Int,
            Self::Float4 | Self::Float8 => Kind::Float,
            Self::Numeric => Kind::Decimal,
            Self::Text | Self::Output => Kind::Text,
            Self::Bytea => Kind::Bytes,
            Self::Date => Kind::Date,
            Self::Time => Kind::Time,
            Self::Timestamp => Kind::LocalDateTime,
            Self::Timestamptz => Kind::Instant,
            Self::Uuid => Kind::Uuid,
            Self::Json | Self::Jsonb => Kind::Json,
        }
    }
}

/// Types of PostgreSQL itself that are read as their output text.
const OUTPUT: [&str; 26] = [
    "interval",
    "timetz",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "bit",
    "varbit",
    "xml",
    "money",
    "tsvector",
    "tsquery",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "jsonpath",
    "pg_lsn",
    "tid",
    "xid",
    "xid8",
    "int2vector",
    "oidvector",
];

/// Types of extensions that are read so, too.
const EXTENSIONS: [&str; 3] = ["citext", "hstore", "ltree"];

/// One type.
struct Type {
    schema: String,
    name: String,
    /// `typtype`: base, domain, enum, range, multirange, composite, pseudo.
    sort: String,
    element: u32,
    base: u32,
    output: String,
    extension: bool,
}

/// All types of the database but the rows of its tables.
pub(crate) struct Types(BTreeMap<u32, Type>);

/// How to read a column, and from which expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How.
    pub(crate) how: How,
    /// What the cell must be cast to and put through before it can be read so: a type's and a function's quoted names.
    output: Option<(String, String)>,
}

impl Reading {
    /// The cell of a column in a `SELECT`.
    pub(crate) fn expression(&self, column: &str) -> String {
        match &self.output {
            None => quote(column),
            Some((of_type, function)) => format!("pg_catalog.textin({function}({}::{of_type}))", quote(column)),
        }
    }

    /// Of a column that is what it seems.
    pub(crate) fn plain(how: How) -> Self {
        Self { how, output: None }
    }
}

impl Types {
    fn load(session: &mut Session, operation: &'static str) -> Result<Self> {
        let sql = "SELECT t.oid, n.nspname, t.typname, t.typtype, \
                          CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, t.typbasetype, p.proname, np.nspname, \
                          EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid \
                                  AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e') \
                   FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_proc p ON p.oid = t.typoutput \
                   JOIN pg_namespace np ON np.oid = p.pronamespace \
                   WHERE t.typtype <> 'c' \
                   AND NOT EXISTS (SELECT 1 FROM pg_type e WHERE e.oid = t.typelem AND e.typtype = 'c')";
        let mut types = BTreeMap::new();
        for line in session.query(operation, sql, &[])? {
            let one = Type {
                schema: line.text(1)?,
                name: line.text(2)?,
                sort: line.text(3)?,
                element: oid(line.number(4)?),
                base: oid(line.number(5)?),
                output: format!("{}.{}", quote(&line.text(7)?), quote(&line.text(6)?)),
                extension: line.flag(8)?,
            };
            types.insert(oid(line.number(0)?), one);
        }
        Ok(Self(types))
    }

    fn has(&self, oid: u32) -> bool {
        self.0.contains_key(&oid)
    }

    /// How values of a type are read; its name when nobody knows.
    pub(crate) fn reading(&self, oid: u32) -> std::result::Result<Reading, String> {
        let Some(of_type) = self.0.get(&oid) else { return Err("row".to_owned()) };
        if of_type.sort == "d" {
            return self.reading(of_type.base);
        }
        let how = self.how(of_type).ok_or_else(|| self.word(of_type))?;
        let name = || format!("{}.{}", quote(&of_type.schema), quote(&of_type.name));
        let output = (how == How::Output).then(|| (name(), of_type.output.clone()));
        Ok(Reading { how, output })
    }

    fn how(&self, of_type: &Type) -> Option<How> {
        match of_type.sort.as_str() {
            "e" | "r" | "m" => Some(How::Output),
            "b" if of_type.element != 0 => self.reading(of_type.element).ok().map(|_| How::Output),
            "b" if of_type.schema == "pg_catalog" => built_in(&of_type.name),
            "b" if of_type.extension && EXTENSIONS.contains(&of_type.name.as_str()) => Some(How::Output),
            _ => None, // pseudo-types, base types of somebody else
        }
    }

    /// The name by which an unknown type is refused; of an array, its element's.
    fn word(&self, of_type: &Type) -> String {
        match self.0.get(&of_type.element) {
            Some(element) => self.word(element),
            None => of_type.name.clone(),
        }
    }
}

fn built_in(name: &str) -> Option<How> {
    Some(match name {
        "bool" => How::Bool,
        "int2" => How::Int2,
        "int4" => How::Int4,
        "int8" => How::Int8,
        "oid" => How::Oid,
        "float4" => How::Float4,
        "float8" => How::Float8,
        "numeric" => How::Numeric,
        "text" | "varchar" | "bpchar" | "name" | "char" => How::Text,
        "bytea" => How::Bytea,
        "date" => How::Date,
        "time" => How::Time,
        "timestamp" => How::Timestamp,
        "timestamptz" => How::Timestamptz,
        "uuid" => How::Uuid,
        "json" => How::Json,
        "jsonb" => How::Jsonb,
        other if OUTPUT.contains(&other) || other.starts_with("reg") => How::Output,
        _ => return None, // a type of a later version, or one that no table should hold
    })
}

/// An object's number as the catalogs print it.
pub(crate) fn oid(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// The types of the session's database; read again when a column has one that came later.
pub(crate) fn of(session: &mut Session, operation: &'static str, needed: &[u32]) -> Result<Arc<Types>> {
    if let Some(known) = session.types.as_ref().filter(|known| needed.iter().all(|oid| known.has(*oid))) {
        return Ok(Arc::clone(known));
    }
    let types = Arc::new(Types::load(session, operation)?);
    session.types = Some(Arc::clone(&types));
    Ok(types)
}

/// The refusal of a type nobody knows.
pub(crate) fn unknown(operation: &str, name: &str) -> lastbell_contract::AdapterError {
    refused(ErrorKind::Unsupported, operation, &format!("type:{name}"))
}
