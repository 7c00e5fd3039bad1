//! Drafts the mapping of a table as itself: the key, every column, and a visible transform for each pair of unlike kinds.
//! Reads two table descriptions, writes a mapping that a person then reads. What has no partner is told, never guessed.
//! A transform that may make unlike values equal, and a clock that nobody declared, are told too: a person decides.

use super::transform::{is_filled, lossy_from};
use crate::profile::Zone;
use crate::profile::profile_file::{ColumnRule, Columns, KeyPair, Mapping, Normaliser, Side};
use lastbell_contract::{Column, Kind, Table};
use std::collections::BTreeMap;

/// A drafted mapping and what it could not draft.
#[derive(Clone, Debug, PartialEq)]
pub struct Drafted {
    /// The mapping. It does not compile while `absent` or `unbridged` columns stand: a person must decide about them.
    pub mapping: Mapping,
    /// Source columns that the target's table does not have.
    pub absent: Vec<String>,
    /// Columns whose kinds no transform brings together (a number may be seconds or milliseconds).
    pub unbridged: Vec<String>,
    /// Columns that are compared in a way which a person has to agree to.
    pub doubts: Vec<Doubt>,
}

/// Why a person has to agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The column.
    pub column: String,
    /// The reason.
    pub why: Why,
}

/// What a drafted comparison rests on besides what the stores declare.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// Unlike values may count as equal.
    Loses(Normaliser),
    /// The clock was not declared in case.yaml.
    Clock(Zone),
}

/// What is known of the two stores beyond their tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stores {
    /// Both are of one engine: equal kinds then have equal values. Across engines the kind alone does not tell that, since
    /// one of them may keep a date as text.
    pub one_engine: bool,
    /// The source's clock.
    pub source: Clock,
    /// The target's clock.
    pub target: Clock,
}

/// By which clock a store's times without a zone are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clock {
    /// A person said so in case.yaml.
    pub declared: Option<Zone>,
    /// The store's own setting.
    pub setting: Option<Zone>,
}

/// How a pair of columns is compared.
#[derive(Clone, Debug, PartialEq)]
enum Bridge {
    Plain,
    As(Normaliser),
    /// A moment against a clock: `as: instant`, with the zone of the side that tells none.
    OnClock,
    None,
}

/// The words of a rule: how both sides are parsed, and by which clock.
#[derive(Clone, Debug, Default, PartialEq)]
struct Words {
    r#as: Option<Normaliser>,
    zone: Option<Zone>,
    doubt: Option<Why>,
}

/// Drafts the mapping called `name` of a table as itself.
#[must_use]
pub fn draft(name: &str, source: &Table, target: &Table, stores: &Stores) -> Drafted {
    let (mut absent, mut unbridged, mut columns, mut doubts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let keys = draft_key(source, target, stores);
    let mut doubt = |column: &str, why: Option<Why>| {
        doubts.extend(why.map(|why| Doubt { column: column.to_owned(), why }));
    };
    let key = keys.into_iter().map(|(column, words)| {
        doubt(&column, words.doubt);
        KeyPair {
            source: format!("s.{column}"),
            target: format!("t.{column}"),
            r#as: words.r#as,
            format: None,
            zone: words.zone,
        }
    });
    let key: Vec<KeyPair> = key.collect();
    for column in &source.columns {
        let old = format!("s.{}", column.name);
        if key.iter().any(|pair| pair.source == old) {
            continue;
        }
        match target.column(&column.name).map(|partner| words(column, partner, stores)) {
            None => absent.push(column.name.clone()),
            Some(None) => unbridged.push(column.name.clone()),
            Some(Some(words)) => {
                doubt(&column.name, words.doubt);
                columns.push(ColumnRule {
                    source: Some(Columns::One(old)),
                    target: Some(format!("t.{}", column.name)),
                    r#as: words.r#as,
                    zone: words.zone,
                    ..ColumnRule::default()
                });
            }
        }
    }
    let mapping = Mapping {
        name: name.to_owned(),
        exact: false,
        must_compare: None,
        source: side(source, "s"),
        target: side(target, "t"),
        key,
        columns,
        may_change: Vec::new(),
        may_change_percent_max: 10,
        changed_at: None,
    };
    Drafted { mapping, absent, unbridged, doubts }
}

fn side(table: &Table, alias: &str) -> Side {
    Side { from: format!("{} {alias}", table.id), join: Vec::new(), r#where: BTreeMap::new() }
}

/// The primary key, or else the first unique one, whose columns the target has too; one that leaves no doubt goes first.
fn draft_key(source: &Table, target: &Table, stores: &Stores) -> Vec<(String, Words)> {
    let shared = |column: &String| {
        let words = words(source.column(column)?, target.column(column)?, stores)?;
        Some((column.clone(), words))
    };
    let keys = std::iter::once(&source.primary_key).chain(&source.unique_keys).filter(|key| !key.is_empty());
    let mut keys: Vec<Vec<(String, Words)>> = keys.filter_map(|key| key.iter().map(shared).collect()).collect();
    keys.sort_by_key(|key| key.iter().any(|(_, words)| words.doubt.is_some())); // stable: the order stays otherwise
    keys.into_iter().next().unwrap_or_default()
}

/// `None` when no transform brings the columns together.
fn words(old: &Column, new: &Column, stores: &Stores) -> Option<Words> {
    let normaliser = match bridge(old.kind, new.kind, stores.one_engine) {
        Bridge::None => return None,
        Bridge::Plain if fills_otherwise(old, new, stores.one_engine) => Normaliser::Text,
        Bridge::Plain => return Some(Words::default()),
        Bridge::OnClock => return Some(on_clock(old.kind, stores)),
        Bridge::As(normaliser) => normaliser,
    };
    let loses = [old.kind, new.kind].into_iter().any(|kind| lossy_from(kind, normaliser));
    let zone = (normaliser == Normaliser::Instant).then(|| clock_of_text(old.kind, new.kind, stores)).flatten();
    Some(Words { r#as: Some(normaliser), zone, doubt: loses.then_some(Why::Loses(normaliser)) })
}

/// CHAR(n) beside what is filled up to another length, or not at all.
fn fills_otherwise(old: &Column, new: &Column, one_engine: bool) -> bool {
    let alike = one_engine && old.declared_type == new.declared_type;
    (is_filled(old) || is_filled(new)) && !alike
}

/// A text may tell its zone; one that does not is by the clock declared for its store.
fn clock_of_text(old: Kind, new: Kind, stores: &Stores) -> Option<Zone> {
    let holds_text = |kind| matches!(kind, Kind::Text | Kind::Bytes | Kind::Unknown);
    let clock = if holds_text(old) { Some(&stores.source) } else { holds_text(new).then_some(&stores.target) };
    clock?.declared.clone()
}

/// The clock that was declared for the store whose times tell no zone; else, to be agreed to, the one by which the other
/// store reads such times: what a plain copy between the two went by. UTC where that is not known either.
fn on_clock(old: Kind, stores: &Stores) -> Words {
    let (local, moments) =
        if old == Kind::Instant { (&stores.target, &stores.source) } else { (&stores.source, &stores.target) };
    let zone = local.declared.clone().or_else(|| moments.setting.clone()).unwrap_or_else(Zone::utc);
    let doubt = local.declared.is_none().then(|| Why::Clock(zone.clone()));
    Words { r#as: Some(Normaliser::Instant), zone: Some(zone), doubt }
}

/// The transform that brings two kinds together and loses least. Of an unlike pair the narrower kind is the measure: a date
/// in a text is compared as a date, so that a text that is no date differs.
fn bridge(old: Kind, new: Kind, one_engine: bool) -> Bridge {
    let (a, b) = if old <= new { (old, new) } else { (new, old) }; // the order of `Kind`: Int first, Unknown last
    match (a, b) {
        (Kind::Json, Kind::Json) => Bridge::As(Normaliser::Json), // jsonb sorts members and drops blanks
        (a, b) if a == b => alike(a, one_engine),
        (Kind::Int, Kind::Decimal | Kind::Float) | (Kind::Decimal, Kind::Float) => Bridge::As(Normaliser::Decimal),
        (Kind::Int | Kind::Decimal | Kind::Float, Kind::Bool) => Bridge::As(Normaliser::Bool),
        // As text, not as a number: `007` and 7 stay different.
        (Kind::Int, Kind::Text | Kind::Unknown) => Bridge::As(Normaliser::Text),
        (Kind::Int | Kind::Decimal | Kind::Float | Kind::Bool, Kind::Json) => Bridge::As(Normaliser::Json),
        (Kind::Text, Kind::Bytes) => Bridge::As(Normaliser::Bytes),
        (Kind::Date, Kind::LocalDateTime) => Bridge::As(Normaliser::Datetime),
        (Kind::Date | Kind::LocalDateTime, Kind::Instant) => Bridge::OnClock,
        // A text holds the other one; bytes hold the text of it, or the 16 bytes of a UUID.
        (one, Kind::Text | Kind::Unknown)
        | (Kind::Text, one)
        | (
            Kind::Bytes,
            one @ (Kind::Date | Kind::Time | Kind::LocalDateTime | Kind::Instant | Kind::Uuid | Kind::Json),
        ) => Bridge::As(normaliser_of(one)),
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

/// Two columns of one kind. What one engine keeps as a type of its own another keeps as text or number; numbers, texts and
/// bytes are values of their own everywhere.
fn alike(kind: Kind, one_engine: bool) -> Bridge {
    match kind {
        Kind::Int | Kind::Float | Kind::Text | Kind::Bytes | Kind::Unknown => Bridge::Plain,
        Kind::Json => Bridge::As(Normaliser::Json),
        Kind::Decimal | Kind::Bool | Kind::Date | Kind::Time | Kind::LocalDateTime | Kind::Instant | Kind::Uuid
            if one_engine =>
        {
            Bridge::Plain
        }
        Kind::Decimal | Kind::Bool | Kind::Date | Kind::Time | Kind::LocalDateTime | Kind::Instant | Kind::Uuid => {
            Bridge::As(normaliser_of(kind))
        }
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
