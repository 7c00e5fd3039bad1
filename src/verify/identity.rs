//! Drafts the mapping of a table as itself: the key, every column, and a visible transform for each pair of unlike kinds.
//! Reads two table descriptions, writes a mapping that a person then reads. What has no partner is told, never guessed.

use crate::profile::profile_file::{ColumnRule, Columns, KeyPair, Mapping, Normaliser, Side};
use lastbell_contract::{Kind, Table};
use std::collections::BTreeMap;

/// A drafted mapping and what it could not draft.
#[derive(Clone, Debug, PartialEq)]
pub struct Drafted {
    /// The mapping. It does not compile while `absent` or `unbridged` columns stand: a person must decide about them.
    pub mapping: Mapping,
    /// Source columns that the target's table does not have.
    pub absent: Vec<String>,
    /// Columns whose kinds no transform brings together (a local time and an instant need a zone).
    pub unbridged: Vec<String>,
}

/// How a pair of columns is compared.
enum Bridge {
    Plain,
    As(Normaliser),
    None,
}

/// Drafts the mapping called `name` of a table as itself.
#[must_use]
pub fn draft(name: &str, source: &Table, target: &Table) -> Drafted {
    let (mut absent, mut unbridged, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    let key = draft_key(source, target);
    for column in source.columns.iter().filter(|column| !key.iter().any(|known| known == &column.name)) {
        let Some(partner) = target.column(&column.name) else {
            absent.push(column.name.clone());
            continue;
        };
        match bridge(column.kind, partner.kind) {
            Bridge::None => unbridged.push(column.name.clone()),
            Bridge::Plain => columns.push(rule(&column.name, None)),
            Bridge::As(normaliser) => columns.push(rule(&column.name, Some(normaliser))),
        }
    }
    let side = |table: &Table, alias| Side {
        from: format!("{} {alias}", table.id),
        join: Vec::new(),
        r#where: BTreeMap::new(),
    };
    let mapping = Mapping {
        name: name.to_owned(),
        exact: false,
        must_compare: None,
        source: side(source, "s"),
        target: side(target, "t"),
        key: key.iter().map(|column| key_pair(column, source, target)).collect(),
        columns,
        may_change: Vec::new(),
        may_change_percent_max: 10,
        changed_at: None,
    };
    Drafted { mapping, absent, unbridged }
}

/// The primary key, or else the first unique one, whose columns the target has too.
fn draft_key(source: &Table, target: &Table) -> Vec<String> {
    let shared = |column: &String| match (source.column(column), target.column(column)) {
        (Some(old), Some(new)) => !matches!(bridge(old.kind, new.kind), Bridge::None),
        (None, _) | (Some(_), None) => false,
    };
    let mut keys = std::iter::once(&source.primary_key).chain(&source.unique_keys);
    keys.find(|key| !key.is_empty() && key.iter().all(shared)).cloned().unwrap_or_default()
}

fn key_pair(column: &str, source: &Table, target: &Table) -> KeyPair {
    let kind = |table: &Table| table.column(column).map_or(Kind::Unknown, |column| column.kind);
    let r#as = match bridge(kind(source), kind(target)) {
        Bridge::As(normaliser) => Some(normaliser),
        Bridge::Plain | Bridge::None => None,
    };
    KeyPair { source: format!("s.{column}"), target: format!("t.{column}"), r#as, format: None }
}

fn rule(column: &str, r#as: Option<Normaliser>) -> ColumnRule {
    ColumnRule {
        source: Some(Columns::One(format!("s.{column}"))),
        target: Some(format!("t.{column}")),
        r#as,
        ..ColumnRule::default()
    }
}

/// The transform that brings two kinds together and loses least. Of an unlike pair the narrower kind is the measure: a date
/// in a text is compared as a date, so that a text that is no date differs.
fn bridge(old: Kind, new: Kind) -> Bridge {
    let (a, b) = if old <= new { (old, new) } else { (new, old) }; // the order of `Kind`: Int first, Unknown last
    match (a, b) {
        (Kind::Json, Kind::Json) => Bridge::As(Normaliser::Json), // jsonb sorts members and drops blanks
        (a, b) if a == b => Bridge::Plain,
        (Kind::Int, Kind::Decimal | Kind::Float) | (Kind::Decimal, Kind::Float) => Bridge::As(Normaliser::Decimal),
        (Kind::Int | Kind::Text, Kind::Bool) | (Kind::Bool, Kind::Text) => Bridge::As(Normaliser::Bool),
        // As text, not as a number: `007` and 7 stay different.
        (Kind::Int, Kind::Text) => Bridge::As(Normaliser::Text),
        (Kind::Text, Kind::Bytes) => Bridge::As(Normaliser::Bytes),
        (Kind::Bytes, Kind::Uuid) => Bridge::As(Normaliser::Uuid),
        (Kind::Date, Kind::LocalDateTime) => Bridge::As(Normaliser::Datetime),
        (one, Kind::Text | Kind::Unknown) | (Kind::Text, one) => Bridge::As(normaliser_of(one)),
        // Every other pair: no transform brings them together without a guess.
        (
            Kind::Int
            | Kind::Decimal
            | Kind::Float
            | Kind::Bool
            | Kind::Bytes
            | Kind::Date
            | Kind::Time
            | Kind::LocalDateTime
            | Kind::Instant
            | Kind::Uuid
            | Kind::Json
            | Kind::Unknown,
            Kind::Int
            | Kind::Decimal
            | Kind::Float
            | Kind::Bool
            | Kind::Bytes
            | Kind::Date
            | Kind::Time
            | Kind::LocalDateTime
            | Kind::Instant
            | Kind::Uuid
            | Kind::Json,
        ) => Bridge::None,
    }
}

fn normaliser_of(kind: Kind) -> Normaliser {
    match kind {
        Kind::Int => Normaliser::Int,
        Kind::Decimal => Normaliser::Decimal,
        Kind::Float => Normaliser::Float,
        Kind::Bool => Normaliser::Bool,
        Kind::Text | Kind::Unknown => Normaliser::Text,
        Kind::Bytes => Normaliser::Bytes,
        Kind::Date => Normaliser::Date,
        Kind::Time => Normaliser::Time,
        Kind::LocalDateTime => Normaliser::Datetime,
        Kind::Instant => Normaliser::Instant,
        Kind::Uuid => Normaliser::Uuid,
        Kind::Json => Normaliser::Json,
    }
}
