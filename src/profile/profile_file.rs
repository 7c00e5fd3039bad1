//! `profile.yaml`: what is known about one diary product. Which tables go, whose rows they are, where each value is now.
//!
//! Holds structure only, never SQL: names and values from here reach an engine as quoted names and bound values.

use super::render::{comment, line, list, map, optional, pair, scalar, word};
use super::snippet::short_word;
use super::words::{Language, Until, blank, plain};
use super::yaml::{Place, Source};
use super::zone::Zone;
use crate::failure::{Failure, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The whole file.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What the profile is.
    pub profile: Head,
    /// Kinds of people whose records the store holds.
    #[serde(default)]
    pub subjects: Vec<Subject>,
    /// What happens to each table, by its name (`schema.name` where the schema must be told).
    #[serde(default)]
    pub tables: BTreeMap<String, TableRule>,
    /// Where the rows are in the new platform.
    #[serde(default)]
    pub mappings: Vec<Mapping>,
}

/// Name and version of a profile.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Short name, such as `rosariosis`.
    pub name: String,
    /// The product in words.
    pub product: String,
    /// Counted up by hand when the profile changes.
    pub version: u32,
}

/// A kind of person and how one is told from another.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Short name, such as `pupil`.
    pub name: String,
    /// The table with one row per person.
    pub table: String,
    /// Its key columns.
    pub key: Vec<String>,
    /// The column that holds the person's id in the new platform (or SNILS), for proofs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// What happens to a table.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TableRule {
    /// The decision.
    pub disposition: Disposition,
    /// Whose rows these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectLink>,
    /// Where the record lives afterwards; may come from decisions.yaml instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Why. Obligatory for `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The decision about a table.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// Its rows are destroyed once proved or waived.
    Destroy,
    /// It stays, for a reason.
    Keep,
    /// Nobody decided yet; blocks the plan.
    Review,
}

impl Disposition {
    /// The word used in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Destroy => "destroy",
            Self::Keep => "keep",
            Self::Review => "review",
        }
    }
}

/// How a row leads to its person.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SubjectLink {
    /// `self`: the row is the person. Otherwise the column that leads to the person's row.
    pub via: String,
    /// Which of `subjects`, when the column alone does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where the record lives after the old system is gone.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The kind of record, in the operator's own list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `platform`, `paper` or `expired: DATE`.
    pub until: Until,
}

/// One comparison of source rows with target rows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Unique in the file.
    pub name: String,
    /// Extra rows in the target block when true.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exact: bool,
    /// At least so many personal columns must be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_compare: Option<u32>,
    /// The old rows.
    pub source: Side,
    /// The new rows.
    pub target: Side,
    /// What makes a row the same row on both sides; empty when there is nothing.
    #[serde(default)]
    pub key: Vec<KeyPair>,
    /// Every column of the source: compared, or not migrated for a reason.
    pub columns: Vec<ColumnRule>,
    /// Target columns (`alias.column`) that the platform may change after the move.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_change: Vec<String>,
    /// More moved-on rows than this share count as different.
    #[serde(default = "ten", skip_serializing_if = "is_ten")]
    pub may_change_percent_max: u32,
    /// Target column; a row counts as moved on only when it is later than `migrated_on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<String>,
}

fn ten() -> u32 {
    10
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_ten(percent: &u32) -> bool {
    *percent == ten()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Rows of one side: a table, what is joined to it, which of its rows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// `TABLE ALIAS`; without an alias the table's name is the alias.
    pub from: String,
    /// Joined tables, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub join: Vec<Join>,
    /// `alias.column` equals the text (or is NULL); all must hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub r#where: BTreeMap<String, Option<String>>,
}

/// A joined table.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// `TABLE ALIAS`.
    pub table: String,
    /// Pairs of `alias.column`; one of each pair belongs to this table, the other to an earlier one.
    pub on: Vec<[String; 2]>,
    /// How many rows a row finds.
    #[serde(default)]
    pub kind: JoinKind,
}

/// How many rows of the joined table a row finds.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum JoinKind {
    /// Exactly one. A row that finds none is missing, one that finds two is refused.
    #[default]
    One,
}

/// A pair of key columns.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// `alias.column` of the source.
    pub source: String,
    /// `alias.column` of the target.
    pub target: String,
    /// Normaliser of both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#as: Option<Normaliser>,
    /// Text form of the source's dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The clock of times that tell none, with `as: instant` or `datetime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

/// A rule for columns, as written. [`ColumnRule::shape`] tells which of the five kinds it is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ColumnRule {
    /// `alias.column`, or a list of them to be merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Columns>,
    /// `alias.column` of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Normaliser of both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#as: Option<Normaliser>,
    /// Text form of the source's dates, with `as: date` or `datetime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The clock of times that tell none, with `as: instant` or `datetime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// Source text to target text, after `as`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// What stands between merged columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
    /// Which part of the source is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Why the source column is not in the new platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_migrated: Option<String>,
    /// The text that the target column always has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// Differences that do not count; printed in the certificate.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tolerate: BTreeSet<Tolerance>,
}

/// One column, or several to be merged.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(untagged)]
pub enum Columns {
    /// One.
    One(String),
    /// Several, merged in this order.
    Merged(Vec<String>),
}

impl<'de> Deserialize<'de> for Columns {
    // Not `untagged`: that would lose the place and the kind of an error inside.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> de::Visitor<'de> for OneOrMore {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or list")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Columns, E> {
                Ok(Columns::One(text.to_owned()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Columns, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Columns::Merged(all))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

/// A part of a text.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// What stands between the parts.
    pub by: String,
    /// Counted from 1. The last declared part of a column takes the rest; a missing part is NULL.
    pub part: u32,
}

/// How both sides are parsed into one typed value before they are compared.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words of the guide, one to one")]
pub enum Normaliser {
    Text,
    Int,
    Decimal,
    Float,
    Bool,
    Bytes,
    Date,
    Time,
    Datetime,
    Instant,
    Uuid,
    Json,
    /// Keeps 0-9.
    Digits,
    /// Russian E.164: 8, 7 or +7 and ten digits.
    Phone,
    Lower,
    /// Bytes and their hexadecimal text are the same.
    Hex,
}

impl Normaliser {
    /// The word used in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Bytes => "bytes",
            Self::Date => "date",
            Self::Time => "time",
            Self::Datetime => "datetime",
            Self::Instant => "instant",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Digits => "digits",
            Self::Phone => "phone",
            Self::Lower => "lower",
            Self::Hex => "hex",
        }
    }
}

/// A difference that does not count.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// White space at the ends.
    Trim,
    /// An empty text and NULL.
    EmptyIsNull,
    /// Upper and lower case.
    Case,
    /// Composed and decomposed letters.
    Nfc,
}

impl Tolerance {
    /// The word used in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Trim => "trim",
            Self::EmptyIsNull => "empty_is_null",
            Self::Case => "case",
            Self::Nfc => "nfc",
        }
    }
}

/// What a column rule means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape<'a> {
    /// One source column against one target column.
    Compared {
        /// `alias.column`.
        source: &'a str,
        /// `alias.column`.
        target: &'a str,
    },
    /// Several source columns put together.
    Merged {
        /// `alias.column` each.
        sources: &'a [String],
        /// What stands between them.
        by: &'a str,
        /// `alias.column`.
        target: &'a str,
    },
    /// A part of a source column.
    Part {
        /// `alias.column`.
        source: &'a str,
        /// Which part.
        split: &'a Split,
        /// `alias.column`.
        target: &'a str,
    },
    /// The source column was left behind.
    NotMigrated {
        /// `alias.column` each.
        sources: &'a [String],
        /// Why.
        reason: &'a str,
    },
    /// The target column always has this text.
    Constant {
        /// `alias.column`.
        target: &'a str,
        /// The text.
        text: &'a str,
    },
}

impl Columns {
    /// The columns as a list.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(column) => std::slice::from_ref(column),
            Self::Merged(columns) => columns,
        }
    }
}

impl ColumnRule {
    /// Which of the five kinds the rule is; `None` when its keys do not fit together (never so after loading).
    #[must_use]
    pub fn shape(&self) -> Option<Shape<'_>> {
        let unparsed = self.r#as.is_none() && self.format.is_none() && self.zone.is_none();
        let bare = unparsed && self.values.is_empty() && self.tolerate.is_empty();
        let alone = bare && self.join.is_none() && self.split.is_none();
        match (&self.source, self.target.as_deref(), self.not_migrated.as_deref(), self.constant.as_deref()) {
            (Some(source), None, Some(reason), None) if alone => {
                Some(Shape::NotMigrated { sources: source.all(), reason })
            }
            (None, Some(target), None, Some(text)) if alone => Some(Shape::Constant { target, text }),
            (Some(source), Some(target), None, None) => match (source, self.join.as_deref(), &self.split) {
                (Columns::One(source), None, None) => Some(Shape::Compared { source, target }),
                (Columns::One(source), None, Some(split)) => Some(Shape::Part { source, split, target }),
                (Columns::Merged(sources), Some(by), None) => Some(Shape::Merged { sources, by, target }),
                (Columns::One(_), Some(_), _)
                | (Columns::Merged(_), None, _)
                | (Columns::Merged(_), Some(_), Some(_)) => None,
            },
            (None | Some(_), None | Some(_), None | Some(_), None | Some(_)) => None,
        }
    }
}

/// A table and the short name by which a mapping's columns call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRef<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The short name.
    pub alias: &'a str,
}

impl<'a> TableRef<'a> {
    /// Splits `TABLE ALIAS` at the last space; without a space the table's name is its own alias.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        match text.rsplit_once(' ') {
            Some((table, alias)) => Self { table, alias },
            None => Self { table: text, alias: text },
        }
    }
}

/// A column of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnRef<'a> {
    /// 0 is `from`, then the joins in order.
    pub table_index: usize,
    /// The table's name.
    pub table: &'a str,
    /// The column's name, dots and all.
    pub column: &'a str,
}

impl Side {
    /// The tables: `from`, then the joins in order.
    #[must_use]
    pub fn tables(&self) -> Vec<TableRef<'_>> {
        std::iter::once(self.from.as_str())
            .chain(self.join.iter().map(|join| join.table.as_str()))
            .map(TableRef::parse)
            .collect()
    }

    /// Finds `alias.column`: the alias ends at the first dot that makes a declared one.
    #[must_use]
    pub fn resolve<'a>(&'a self, text: &'a str) -> Option<ColumnRef<'a>> {
        let tables = self.tables();
        text.match_indices('.').find_map(|(at, _)| {
            let (alias, column) = (&text[..at], &text[at + 1..]);
            let table_index = tables.iter().position(|table| table.alias == alias)?;
            (!column.is_empty()).then(|| ColumnRef { table_index, table: tables[table_index].table, column })
        })
    }
}

impl Profile {
    /// Reads and checks `profile.yaml`.
    ///
    /// # Errors
    /// `yaml-…` for the form, `profile-…` for what does not fit together; each with its place.
    pub fn load(file: &str, bytes: &[u8]) -> Result<(Self, Source)> {
        let source = Source::read(file, bytes)?;
        let profile: Self = source.parse()?;
        check(&profile).map_err(|(place, failure)| source.at(&place, failure))?;
        Ok((profile, source))
    }
}

/// A failure and where in the file.
type Misfit = (Place, Failure);
type Fits = std::result::Result<(), Misfit>;

fn check(profile: &Profile) -> Fits {
    let top = Place::top();
    named(&top.key("profile").key("name"), &profile.profile.name)?;
    unique(&top.key("subjects"), profile.subjects.iter().map(|subject| subject.name.as_str()))?;
    for (index, subject) in profile.subjects.iter().enumerate() {
        check_subject(&top.key("subjects").item(index), subject)?;
    }
    for (name, rule) in &profile.tables {
        check_table(&top.key("tables").key(name), rule, &profile.subjects)?;
    }
    unique(&top.key("mappings"), profile.mappings.iter().map(|mapping| mapping.name.as_str()))?;
    for (index, mapping) in profile.mappings.iter().enumerate() {
        check_mapping(&top.key("mappings").item(index), mapping)?;
    }
    Ok(())
}

/// A short name that people and messages use.
fn named(place: &Place, name: &str) -> Fits {
    if plain(name) { Ok(()) } else { Err((place.clone(), failure!(Usage, "profile-name"))) }
}

/// A name, a column or a reason that must say something.
fn filled(place: &Place, text: &str) -> Fits {
    if blank(text) { Err((place.clone(), failure!(Usage, "profile-blank"))) } else { Ok(()) }
}

fn unique<'a>(list: &Place, names: impl Iterator<Item = &'a str>) -> Fits {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            return Err((
                list.item(index).key("name"),
                failure!(Usage, "profile-duplicate-name", name = short_word(name)),
            ));
        }
    }
    Ok(())
}

fn check_subject(place: &Place, subject: &Subject) -> Fits {
    named(&place.key("name"), &subject.name)?;
    filled(&place.key("table"), &subject.table)?;
    if subject.key.is_empty() {
        return Err((place.key("key"), failure!(Usage, "profile-empty-list")));
    }
    let mut seen = BTreeSet::new();
    for (index, column) in subject.key.iter().enumerate() {
        filled(&place.key("key").item(index), column)?;
        if !seen.insert(column) {
            return Err((
                place.key("key").item(index),
                failure!(Usage, "profile-duplicate-name", name = short_word(column)),
            ));
        }
    }
    subject.external_id.iter().try_for_each(|column| filled(&place.key("external_id"), column))
}

fn check_table(place: &Place, rule: &TableRule, subjects: &[Subject]) -> Fits {
    if let Some(reason) = &rule.reason {
        filled(&place.key("reason"), reason)?;
    } else if rule.disposition == Disposition::Keep {
        return Err((place.itself(), failure!(Usage, "profile-keep-without-reason")));
    }
    let Some(link) = &rule.subject else { return Ok(()) };
    filled(&place.key("subject").key("via"), &link.via)?;
    match &link.name {
        Some(name) if !subjects.iter().any(|subject| subject.name == *name) => {
            Err((place.key("subject").key("name"), failure!(Usage, "profile-unknown-subject", name = short_word(name))))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_mapping(place: &Place, mapping: &Mapping) -> Fits {
    // The name stands in file names of `work/` and in decisions, but a table's name may become one: any text goes.
    filled(&place.key("name"), &mapping.name)?;
    check_side(&place.key("source"), &mapping.source)?;
    check_side(&place.key("target"), &mapping.target)?;
    if mapping.may_change_percent_max > 100 {
        return Err((place.key("may_change_percent_max"), failure!(Usage, "yaml-number-range")));
    }
    for (index, pair) in mapping.key.iter().enumerate() {
        let place = place.key("key").item(index);
        column(&place.key("source"), &mapping.source, &pair.source)?;
        column(&place.key("target"), &mapping.target, &pair.target)?;
        check_format(&place, pair.format.as_deref(), pair.r#as)?;
        check_zone(&place, pair.zone.as_ref(), pair.r#as)?;
    }
    if mapping.columns.is_empty() && mapping.key.is_empty() {
        return Err((place.key("columns"), failure!(Usage, "profile-empty-list")));
    }
    for (index, rule) in mapping.columns.iter().enumerate() {
        check_rule(&place.key("columns").item(index), rule, mapping)?;
    }
    check_parts(&place.key("columns"), &mapping.columns)?;
    check_left_behind(&place.key("columns"), mapping)?;
    for (index, name) in mapping.may_change.iter().enumerate() {
        let place = place.key("may_change").item(index);
        column(&place, &mapping.target, name)?;
        if !mapping.columns.iter().any(|rule| rule.target.as_deref() == Some(name)) {
            return Err((place, failure!(Usage, "profile-may-change-not-compared", column = short_word(name))));
        }
    }
    mapping.changed_at.iter().try_for_each(|name| column(&place.key("changed_at"), &mapping.target, name))
}

fn check_side(place: &Place, side: &Side) -> Fits {
    let mut seen = BTreeSet::new();
    for (index, table) in side.tables().into_iter().enumerate() {
        let place = if index == 0 { place.key("from") } else { place.key("join").item(index - 1).key("table") };
        filled(&place, table.table)?;
        filled(&place, table.alias)?;
        if !seen.insert(table.alias) {
            return Err((place, failure!(Usage, "profile-duplicate-alias", alias = short_word(table.alias))));
        }
    }
    for (index, join) in side.join.iter().enumerate() {
        check_join(&place.key("join").item(index), side, index + 1, join)?;
    }
    side.r#where.keys().try_for_each(|name| column(&place.key("where").key(name).itself(), side, name))
}

/// Each pair ties the joined table to one that stands before it; otherwise the join would be a product of rows.
fn check_join(place: &Place, side: &Side, own_index: usize, join: &Join) -> Fits {
    if join.on.is_empty() {
        return Err((place.key("on"), failure!(Usage, "profile-empty-list")));
    }
    for (index, pair) in join.on.iter().enumerate() {
        let place = place.key("on").item(index);
        let mut ends = Vec::new();
        for (end, name) in pair.iter().enumerate() {
            column(&place.item(end), side, name)?;
            ends.extend(side.resolve(name).map(|found| found.table_index));
        }
        ends.sort_unstable();
        if !matches!(ends[..], [earlier, own] if earlier < own && own == own_index) {
            return Err((place, failure!(Usage, "profile-join-pair")));
        }
    }
    Ok(())
}

fn column(place: &Place, side: &Side, name: &str) -> Fits {
    if side.resolve(name).is_some() {
        return Ok(());
    }
    let aliases: Vec<String> = side.tables().iter().map(|table| short_word(table.alias)).collect();
    let failure = failure!(Usage, "profile-unknown-alias", column = short_word(name), aliases = aliases.join(", "));
    Err((place.clone(), failure))
}

fn check_rule(place: &Place, rule: &ColumnRule, mapping: &Mapping) -> Fits {
    let Some(shape) = rule.shape() else { return Err((place.clone(), failure!(Usage, "profile-column-rule"))) };
    if let Some(name) = &rule.target {
        column(&place.key("target"), &mapping.target, name)?;
    }
    match &rule.source {
        Some(Columns::One(name)) => column(&place.key("source"), &mapping.source, name)?,
        Some(Columns::Merged(names)) => {
            if names.is_empty() {
                return Err((place.key("source"), failure!(Usage, "profile-empty-list")));
            }
            for (index, name) in names.iter().enumerate() {
                column(&place.key("source").item(index), &mapping.source, name)?;
            }
        }
        None => {}
    }
    match shape {
        Shape::NotMigrated { reason, .. } => filled(&place.key("not_migrated"), reason)?,
        Shape::Part { split, .. } if split.by.is_empty() || split.part == 0 => {
            return Err((place.key("split"), failure!(Usage, "profile-split")));
        }
        Shape::Part { .. } | Shape::Compared { .. } | Shape::Merged { .. } | Shape::Constant { .. } => {}
    }
    check_format(place, rule.format.as_deref(), rule.r#as)?;
    check_zone(place, rule.zone.as_ref(), rule.r#as)
}

/// Parts of one column must be cut alike and be told apart, or the "last part takes the rest" rule means nothing.
fn check_parts(place: &Place, rules: &[ColumnRule]) -> Fits {
    let mut cuts: BTreeMap<&str, (&str, BTreeSet<u32>)> = BTreeMap::new();
    for (index, rule) in rules.iter().enumerate() {
        if let Some(Shape::Part { source, split, .. }) = rule.shape() {
            let (by, parts) = cuts.entry(source).or_insert((&split.by, BTreeSet::new()));
            if *by != split.by || !parts.insert(split.part) {
                return Err((place.item(index).key("split"), failure!(Usage, "profile-split")));
            }
        }
    }
    Ok(())
}

/// A column cannot be compared and left behind at once: one of the two lines is a slip.
fn check_left_behind(place: &Place, mapping: &Mapping) -> Fits {
    let moved =
        mapping.columns.iter().filter(|rule| rule.not_migrated.is_none()).filter_map(|rule| rule.source.as_ref());
    let mut used: BTreeSet<&String> = moved.flat_map(Columns::all).collect();
    used.extend(mapping.key.iter().map(|pair| &pair.source));
    for (index, rule) in mapping.columns.iter().enumerate() {
        if let Some(Shape::NotMigrated { sources, .. }) = rule.shape()
            && let Some(column) = sources.iter().find(|column| !used.insert(column))
        {
            let failure = failure!(Usage, "profile-not-migrated-used", column = short_word(column));
            return Err((place.item(index).key("source"), failure));
        }
    }
    Ok(())
}

fn check_format(place: &Place, format: Option<&str>, normaliser: Option<Normaliser>) -> Fits {
    let Some(format) = format else { return Ok(()) };
    let dated = match normaliser {
        Some(Normaliser::Date) => Some("Ymd"),
        Some(Normaliser::Datetime) => Some("YmdHMS"),
        Some(
            Normaliser::Text
            | Normaliser::Int
            | Normaliser::Decimal
            | Normaliser::Float
            | Normaliser::Bool
            | Normaliser::Bytes
            | Normaliser::Time
            | Normaliser::Instant
            | Normaliser::Uuid
            | Normaliser::Json
            | Normaliser::Digits
            | Normaliser::Phone
            | Normaliser::Lower
            | Normaliser::Hex,
        )
        | None => None,
    };
    let fits = dated.is_some_and(|letters| format_fits(format, letters));
    if fits { Ok(()) } else { Err((place.key("format"), failure!(Usage, "profile-format"))) }
}

/// A zone brings moments and clocks together; nothing else has one.
fn check_zone(place: &Place, zone: Option<&Zone>, normaliser: Option<Normaliser>) -> Fits {
    let fits = zone.is_none() || matches!(normaliser, Some(Normaliser::Instant | Normaliser::Datetime));
    if fits { Ok(()) } else { Err((place.key("zone"), failure!(Usage, "profile-zone"))) }
}

/// `%` and one of the letters; day, month and year once each, the others at most once.
fn format_fits(format: &str, letters: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut rest = format.chars();
    while let Some(letter) = rest.next() {
        if letter == '%' && !rest.next().is_some_and(|code| letters.contains(code) && seen.insert(code)) {
            return false;
        }
    }
    ['Y', 'm', 'd'].iter().all(|needed| seen.contains(needed))
}

impl Profile {
    /// The profile as text that people go on editing. Reading it again gives an equal profile.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let mut out = String::new();
        comment(
            &mut out,
            language,
            "Профиль продукта: что делать с каждой таблицей и где её строки в новой системе.\n\
             disposition: destroy (уничтожить) | keep (оставить, с причиной) | review (не решено: план не составить).",
            "What is known about one product: what happens to each table, and where its rows are in the new platform.\n\
             disposition: destroy | keep (with a reason) | review (not decided yet: blocks the plan).",
        );
        let head = &self.profile;
        let version = head.version.to_string();
        let head =
            [pair("name", &scalar(&head.name)), pair("product", &scalar(&head.product)), pair("version", &version)];
        line(&mut out, 0, "profile", &map(&head));
        comment(&mut out, language, "\nЧьи записи здесь хранятся.", "\nWhose records these are.");
        block(&mut out, "subjects", &self.subjects.iter().map(render_subject).collect::<Vec<_>>());
        comment(&mut out, language, "\nТаблицы.", "\nTables.");
        self.render_tables(&mut out);
        comment(
            &mut out,
            language,
            "\nСопоставления: каждый столбец источника сравнивается или назван с причиной (not_migrated).",
            "\nMappings: every column of the source is compared, or named with a reason (not_migrated).",
        );
        self.render_mappings(&mut out);
        out
    }

    fn render_tables(&self, out: &mut String) {
        if self.tables.is_empty() {
            return line(out, 0, "tables", "{}");
        }
        out.push_str("tables:\n");
        for (name, rule) in &self.tables {
            line(out, 2, name, &render_rule(rule));
        }
    }

    fn render_mappings(&self, out: &mut String) {
        if self.mappings.is_empty() {
            return line(out, 0, "mappings", "[]");
        }
        out.push_str("mappings:\n");
        for mapping in &self.mappings {
            render_mapping(out, mapping);
        }
    }
}

/// A top list with a line per item, or `[]`.
fn block(out: &mut String, key: &str, items: &[String]) {
    if items.is_empty() {
        return line(out, 0, key, "[]");
    }
    out.push_str(key);
    out.push_str(":\n");
    for item in items {
        out.push_str("  - ");
        out.push_str(item);
        out.push('\n');
    }
}

fn render_subject(subject: &Subject) -> String {
    let mut pairs = vec![
        pair("name", &scalar(&subject.name)),
        pair("table", &scalar(&subject.table)),
        pair("key", &list(&subject.key)),
    ];
    pairs.extend(subject.external_id.iter().map(|column| pair("external_id", &scalar(column))));
    map(&pairs)
}

fn render_rule(rule: &TableRule) -> String {
    let mut pairs = vec![pair("disposition", &word(&rule.disposition))];
    pairs.extend(rule.subject.iter().map(|link| {
        let mut link_pairs = vec![pair("via", &scalar(&link.via))];
        link_pairs.extend(link.name.iter().map(|name| pair("name", &scalar(name))));
        pair("subject", &map(&link_pairs))
    }));
    pairs.extend(rule.retention.iter().map(|retention| {
        let mut parts: Vec<String> =
            retention.category.iter().map(|category| pair("category", &scalar(category))).collect();
        parts.push(pair("until", &scalar(&retention.until.to_string())));
        pair("retention", &map(&parts))
    }));
    pairs.extend(rule.reason.iter().map(|reason| pair("reason", &scalar(reason))));
    map(&pairs)
}

fn render_mapping(out: &mut String, mapping: &Mapping) {
    out.push_str("  - name: ");
    out.push_str(&scalar(&mapping.name));
    out.push('\n');
    if mapping.exact {
        line(out, 4, "exact", "true");
    }
    if let Some(columns) = mapping.must_compare {
        line(out, 4, "must_compare", &columns.to_string());
    }
    line(out, 4, "source", &render_side(&mapping.source));
    line(out, 4, "target", &render_side(&mapping.target));
    nested(out, "key", &mapping.key.iter().map(render_key).collect::<Vec<_>>());
    nested(out, "columns", &mapping.columns.iter().map(render_column).collect::<Vec<_>>());
    if !mapping.may_change.is_empty() {
        line(out, 4, "may_change", &list(&mapping.may_change));
    }
    if !is_ten(&mapping.may_change_percent_max) {
        line(out, 4, "may_change_percent_max", &mapping.may_change_percent_max.to_string());
    }
    if let Some(column) = &mapping.changed_at {
        line(out, 4, "changed_at", &scalar(column));
    }
}

fn nested(out: &mut String, key: &str, items: &[String]) {
    if items.is_empty() {
        return line(out, 4, key, "[]");
    }
    line(out, 4, key, "");
    for item in items {
        out.push_str("      - ");
        out.push_str(item);
        out.push('\n');
    }
}

fn render_side(side: &Side) -> String {
    let mut pairs = vec![pair("from", &scalar(&side.from))];
    if !side.join.is_empty() {
        let joins: Vec<String> = side.join.iter().map(render_join).collect();
        pairs.push(pair("join", &format!("[{}]", joins.join(", "))));
    }
    if !side.r#where.is_empty() {
        let equal = |(column, text): (&String, &Option<String>)| pair(column, &optional(text.as_deref()));
        pairs.push(pair("where", &map(&side.r#where.iter().map(equal).collect::<Vec<_>>())));
    }
    map(&pairs)
}

fn render_join(join: &Join) -> String {
    let ends: Vec<String> = join.on.iter().map(|ends| list(ends)).collect();
    map(&[
        pair("table", &scalar(&join.table)),
        pair("on", &format!("[{}]", ends.join(", "))),
        pair("kind", &word(&join.kind)),
    ])
}

fn render_key(key: &KeyPair) -> String {
    let mut pairs = vec![pair("source", &scalar(&key.source)), pair("target", &scalar(&key.target))];
    pairs.extend(key.r#as.iter().map(|normaliser| pair("as", &word(normaliser))));
    pairs.extend(key.format.iter().map(|format| pair("format", &scalar(format))));
    pairs.extend(key.zone.iter().map(|zone| pair("zone", &scalar(zone.name()))));
    map(&pairs)
}

fn render_column(rule: &ColumnRule) -> String {
    let mut pairs = Vec::new();
    pairs.extend(rule.source.iter().map(|source| match source {
        Columns::One(column) => pair("source", &scalar(column)),
        Columns::Merged(columns) => pair("source", &list(columns)),
    }));
    pairs.extend(rule.join.iter().map(|by| pair("join", &scalar(by))));
    pairs.extend(
        rule.split
            .iter()
            .map(|split| pair("split", &map(&[pair("by", &scalar(&split.by)), pair("part", &split.part.to_string())]))),
    );
    pairs.extend(rule.target.iter().map(|column| pair("target", &scalar(column))));
    pairs.extend(rule.r#as.iter().map(|normaliser| pair("as", &word(normaliser))));
    pairs.extend(rule.format.iter().map(|format| pair("format", &scalar(format))));
    pairs.extend(rule.zone.iter().map(|zone| pair("zone", &scalar(zone.name()))));
    if !rule.values.is_empty() {
        let values: Vec<String> = rule.values.iter().map(|(from, to)| pair(from, &scalar(to))).collect();
        pairs.push(pair("values", &map(&values)));
    }
    pairs.extend(rule.not_migrated.iter().map(|reason| pair("not_migrated", &scalar(reason))));
    pairs.extend(rule.constant.iter().map(|text| pair("constant", &scalar(text))));
    if !rule.tolerate.is_empty() {
        let words: Vec<String> = rule.tolerate.iter().map(word).collect();
        pairs.push(pair("tolerate", &format!("[{}]", words.join(", "))));
    }
    map(&pairs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::profile::render::tests::hostile;

    const WHOLE: &str = r#"
profile: {name: demo, product: "Дневник", version: 1}
subjects: [{name: pupil, table: students, key: [id], external_id: snils}]
tables:
  students: {disposition: destroy, subject: {via: self, name: pupil}, retention: {category: pupil-record, until: platform}, reason: "…"}
  auth_log: {disposition: destroy, retention: {until: "expired: 2026-09-01"}}
  subjects: {disposition: keep, reason: dictionary}
  odd: {disposition: review}
mappings:
  - name: marks
    exact: true
    must_compare: 3
    source: {from: marks m, join: [{table: students s, on: [[m.student_id, s.id]], kind: one}], where: {m.deleted: "0", m.x: null}}
    target: {from: grades g, join: [{table: people p, on: [[p.id, g.pid]]}], where: {g.school: "77-0001"}}
    key: [{source: s.snils, target: p.person_snils, as: digits}, {source: m.dt, target: g.day, as: date, format: "%d.%m.%Y"}]
    columns:
      - {source: m.mark, target: g.score, as: text, values: {"5": excellent}}
      - {source: [s.f, s.i, s.o], join: " ", target: p.full_name}
      - {source: s.fio, split: {by: " ", part: 1}, target: p.surname}
      - {source: s.fio, split: {by: " ", part: 2}, target: p.first}
      - {source: m.note, not_migrated: "приказ № 1"}
      - {source: [m.a, m.b], not_migrated: "приказ № 2"}
      - {target: g.origin, constant: "old diary"}
      - {source: s.tel, target: p.phone, as: phone, tolerate: [trim, empty_is_null, case, nfc]}
      - {source: s.Дата рождения.стар, target: p.born, as: datetime, format: "%d.%m.%Y %H:%M"}
      - {source: m.seen, target: g.seen, as: instant, zone: Europe/Moscow}
    may_change: [p.phone]
    may_change_percent_max: 25
    changed_at: p.updated_at
"#;

    fn load(text: &str) -> Profile {
        Profile::load("profile.yaml", text.as_bytes()).unwrap_or_else(|failure| panic!("{failure}\n{text}")).0
    }

    #[test]
    fn what_is_rendered_reads_as_the_same() {
        let profile = load(WHOLE);
        for language in [Language::Ru, Language::En] {
            assert_eq!(load(&profile.render(language)), profile);
        }
        let empty = Profile { subjects: vec![], tables: BTreeMap::new(), mappings: vec![], ..profile };
        assert_eq!(load(&empty.render(Language::Ru)), empty);
    }

    #[test]
    fn hostile_names_survive_the_rendering() {
        let names: Vec<String> = hostile().into_iter().filter(|name| !blank(name)).collect();
        let mut profile = load(WHOLE);
        let rule = profile.tables["subjects"].clone();
        profile.tables =
            names.iter().map(|name| (name.clone(), TableRule { reason: Some(name.clone()), ..rule.clone() })).collect();
        profile.mappings = names.iter().map(|name| self_mapping(name)).collect();
        let text = profile.render(Language::Ru);
        let read = load(&text);
        assert_eq!(read, profile);
        for (mapping, name) in read.mappings.iter().zip(&names) {
            assert_eq!(mapping.source.tables()[0], TableRef { table: name, alias: "t" });
            let column = format!("t.{name}");
            let wanted = ColumnRef { table_index: 0, table: name, column: name };
            assert_eq!(mapping.source.resolve(&column), Some(wanted));
        }
    }

    fn self_mapping(name: &str) -> Mapping {
        let side = Side {
            from: format!("{name} t"),
            join: vec![],
            r#where: [(format!("t.{name}"), Some(name.to_owned()))].into(),
        };
        let column = format!("t.{name}");
        let rule = ColumnRule {
            source: Some(Columns::One(column.clone())),
            target: Some(column.clone()),
            values: [(name.to_owned(), name.to_owned())].into(),
            ..ColumnRule::default()
        };
        Mapping {
            name: name.to_owned(),
            exact: false,
            must_compare: None,
            source: side.clone(),
            target: side,
            key: vec![KeyPair { source: column.clone(), target: column.clone(), r#as: None, format: None, zone: None }],
            columns: vec![rule],
            may_change: vec![column.clone()],
            may_change_percent_max: 10,
            changed_at: Some(column),
        }
    }

    #[test]
    fn each_rule_is_one_of_five_shapes() {
        let profile = load(WHOLE);
        let shapes: Vec<&str> = profile.mappings[0]
            .columns
            .iter()
            .map(|rule| match rule.shape().unwrap() {
                Shape::Compared { .. } => "compared",
                Shape::Merged { .. } => "merged",
                Shape::Part { .. } => "part",
                Shape::NotMigrated { .. } => "not migrated",
                Shape::Constant { .. } => "constant",
            })
            .collect();
        let left = ["not migrated", "not migrated", "constant"];
        let wanted = [&["compared", "merged", "part", "part"][..], &left, &["compared"; 3]].concat();
        assert_eq!(shapes, wanted);
    }

    #[test]
    fn an_alias_ends_at_the_first_dot_that_makes_one() {
        let side = Side {
            from: "public.marks".to_owned(),
            join: vec![Join { table: "Личные дела d".to_owned(), on: vec![], kind: JoinKind::One }],
            r#where: BTreeMap::new(),
        };
        let found = |text| side.resolve(text).map(|found| (found.table, found.column.to_owned()));
        assert_eq!(found("public.marks.mark"), Some(("public.marks", "mark".to_owned())));
        assert_eq!(found("d.Дата рождения.стар"), Some(("Личные дела", "Дата рождения.стар".to_owned())));
        assert_eq!(found("public.mark"), None);
        assert_eq!(found("d."), None);
        assert_eq!(found("d"), None);
    }

    /// Each text replaces another in the whole profile; what comes out must be refused at that place.
    #[rustfmt::skip]
    const MISFITS: &[(&str, &str, &str, &str)] = &[
        ("name: demo,", "name: de mo,", "profile-name", "profile.name"),
        ("{name: pupil,", "{name: \"\",", "profile-name", "subjects[0].name"),
        ("key: [id],", "key: [],", "profile-empty-list", "subjects[0].key"),
        ("key: [id],", "key: [id, id],", "profile-duplicate-name", "subjects[0].key[1]"),
        ("table: students, key", "table: \" \", key", "profile-blank", "subjects[0].table"),
        ("external_id: snils}]", "external_id: snils}, {name: pupil, table: t, key: [a]}]", "profile-duplicate-name", "subjects[1].name"),
        ("keep, reason: dictionary", "keep", "profile-keep-without-reason", "tables.subjects"),
        ("reason: dictionary", "reason: \"  \"", "profile-blank", "tables.subjects.reason"),
        ("via: self, name: pupil", "via: self, name: parent", "profile-unknown-subject", "tables.students.subject.name"),
        ("via: self,", "via: \"\",", "profile-blank", "tables.students.subject.via"),
        ("from: marks m,", "from: marks x,", "profile-unknown-alias", "mappings[0].source.join[0].on[0][0]"),
        ("table: students s", "table: students m", "profile-duplicate-alias", "mappings[0].source.join[0].table"),
        ("[[m.student_id, s.id]]", "[]", "profile-empty-list", "mappings[0].source.join[0].on"),
        ("[[m.student_id, s.id]]", "[[s.student_id, s.id]]", "profile-join-pair", "mappings[0].source.join[0].on[0]"),
        ("[[m.student_id, s.id]]", "[[m.student_id, m.id]]", "profile-join-pair", "mappings[0].source.join[0].on[0]"),
        ("m.deleted: ", "q.deleted: ", "profile-unknown-alias", "mappings[0].source.where.q.deleted"),
        ("source: s.snils", "source: snils", "profile-unknown-alias", "mappings[0].key[0].source"),
        ("target: p.person_snils", "target: s.person_snils", "profile-unknown-alias", "mappings[0].key[0].target"),
        ("as: date, format", "as: text, format", "profile-format", "mappings[0].key[1].format"),
        ("\"%d.%m.%Y\"", "\"%d.%m\"", "profile-format", "mappings[0].key[1].format"),
        ("\"%d.%m.%Y\"", "\"%d.%m.%Y %H\"", "profile-format", "mappings[0].key[1].format"),
        ("\"%d.%m.%Y %H:%M\"", "\"%d.%m.%Y %d\"", "profile-format", "mappings[0].columns[8].format"),
        ("instant, zone", "date, zone", "profile-zone", "mappings[0].columns[9].zone"),
        ("instant, zone: Europe/Moscow", "instant, zone: Moscow", "yaml-expected-zone", "mappings[0].columns[9].zone"),
        ("target: g.score, as", "target: m.score, as", "profile-unknown-alias", "mappings[0].columns[0].target"),
        ("[s.f, s.i, s.o]", "[]", "profile-empty-list", "mappings[0].columns[1].source"),
        ("[s.f, s.i, s.o]", "[s.f, x.i]", "profile-unknown-alias", "mappings[0].columns[1].source[1]"),
        ("join: \" \", target", "target", "profile-column-rule", "mappings[0].columns[1]"),
        ("part: 1}", "part: 0}", "profile-split", "mappings[0].columns[2].split"),
        ("part: 2}", "part: 1}", "profile-split", "mappings[0].columns[3].split"),
        ("{by: \" \", part: 2}", "{by: \",\", part: 2}", "profile-split", "mappings[0].columns[3].split"),
        ("{by: \" \", part: 1}", "{by: \"\", part: 1}", "profile-split", "mappings[0].columns[2].split"),
        ("not_migrated: \"приказ № 1\"", "not_migrated: \"\"", "profile-blank", "mappings[0].columns[4].not_migrated"),
        ("{target: g.origin, constant", "{target: g.origin, as: text, constant", "profile-column-rule", "mappings[0].columns[6]"),
        ("{source: m.note, not", "{source: m.note, target: g.x, not", "profile-column-rule", "mappings[0].columns[4]"),
        ("{source: m.note, not", "{source: m.mark, not", "profile-not-migrated-used", "mappings[0].columns[4].source"),
        ("{source: m.note, not", "{source: m.dt, not", "profile-not-migrated-used", "mappings[0].columns[4].source"),
        ("[m.a, m.b], not", "[m.a, m.note], not", "profile-not-migrated-used", "mappings[0].columns[5].source"),
        ("may_change: [p.phone]", "may_change: [p.fax]", "profile-may-change-not-compared", "mappings[0].may_change[0]"),
        ("percent_max: 25", "percent_max: 101", "yaml-number-range", "mappings[0].may_change_percent_max"),
        ("changed_at: p.", "changed_at: q.", "profile-unknown-alias", "mappings[0].changed_at"),
        ("  - name: marks", "  - {name: marks, source: {from: a}, target: {from: b}, columns: [{source: a.x, target: b.x}]}\n  - name: marks", "profile-duplicate-name", "mappings[1].name"),
        ("  - name: marks", "  - {name: m, source: {from: a}, target: {from: b}, columns: []}\n  - name: marks", "profile-empty-list", "mappings[0].columns"),
    ];

    #[test]
    fn what_does_not_fit_together_is_refused_at_its_place() {
        for (from, to, code, path) in MISFITS {
            assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
            let text = WHOLE.replace(from, to);
            let failure = Profile::load("profile.yaml", text.as_bytes()).expect_err(to);
            assert_eq!((failure.code, failure.arg("path").unwrap()), (*code, *path), "{to}: {failure}");
            let before = WHOLE[..WHOLE.find(from).unwrap()].matches('\n').count() + 1;
            let line: usize = failure.arg("line").unwrap().parse().unwrap();
            assert!((before..before + 2).contains(&line), "{to}: line {line}, the slip is at {before}");
        }
    }
}
