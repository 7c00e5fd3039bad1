//! The tables as discovery sees them: words, readings of names, distinct values and what the detectors say of them.

use super::cell::Values;
use super::finding::TableSample;
use super::lexicon::Lexicon;
use super::names::{Reading, read};
use super::tokens::{Token, split};
use super::words::{Category, SubjectKind};
use crate::detect::{DETECTORS, Detector};
use lastbell_contract::{Column, Kind, TableId};
use std::collections::BTreeMap;

/// What one detector says of the distinct values of a column.
pub(crate) struct ValueHit {
    pub(crate) detector: &'static Detector,
    pub(crate) share_permille: u32,
    pub(crate) seen: u32,
}

/// One column, read.
pub(crate) struct ColumnView<'a> {
    pub(crate) column: &'a Column,
    pub(crate) reading: Reading,
    /// What the remark, or the title in a catalogue of custom fields, says.
    pub(crate) remark: Reading,
    pub(crate) values: Values<'a>,
    pub(crate) hits: Vec<ValueHit>,
}

impl ColumnView<'_> {
    /// Share of the distinct values that the detector of this rule hits.
    pub(crate) fn share(&self, rule: &str) -> u32 {
        self.hits.iter().find(|hit| hit.detector.rule == rule).map_or(0, |hit| hit.share_permille)
    }

    /// Whether its values can be numbers or UUIDs that lead somewhere.
    pub(crate) fn may_be_key(&self) -> bool {
        match self.column.kind {
            Kind::Int | Kind::Decimal | Kind::Uuid => true,
            Kind::Text | Kind::Unknown | Kind::Bytes => self.share("value.uuid") > 900,
            Kind::Float | Kind::Bool | Kind::Date | Kind::Time | Kind::LocalDateTime | Kind::Instant | Kind::Json => {
                false
            }
        }
    }

    /// One-letter texts, booleans and the like: a switch, whatever its name.
    pub(crate) fn is_switch(&self) -> bool {
        let narrow = [
            "char(1)",
            "varchar(1)",
            "character(1)",
            "character varying(1)",
            "tinyint(1)",
            "bit(1)",
            "bool",
            "boolean",
        ];
        self.column.kind == Kind::Bool || narrow.contains(&self.column.declared_type.to_lowercase().as_str())
    }
}

/// One table, read.
pub(crate) struct TableView<'a> {
    pub(crate) sample: &'a TableSample<'a>,
    pub(crate) tokens: Vec<Token>,
    /// The words without fillers.
    pub(crate) head: Vec<Token>,
    pub(crate) columns: Vec<ColumnView<'a>>,
}

impl TableView<'_> {
    pub(crate) fn id(&self) -> &TableId {
        &self.sample.table.id
    }

    /// The column by which a row is known: the primary key, or in a table without one a first column that is named as
    /// the table's key would be. Old tables often declare none.
    pub(crate) fn key(&self) -> Option<&str> {
        match &self.sample.table.primary_key[..] {
            [key] => Some(key),
            [] => self.columns.first().filter(|first| self.is_named_key(first)).map(|first| first.column.name.as_str()),
            [..] => None,
        }
    }

    fn is_named_key(&self, column: &ColumnView<'_>) -> bool {
        let rest = &column.reading.rest;
        let same =
            |words: &[Token]| words.len() == rest.len() && words.iter().zip(rest).all(|(one, two)| one.akin(two));
        let bare = rest.len() == 1 && rest[0].word == "id";
        let unique = column.values.keys.len() == self.sample.rows.len();
        unique && column.reading.key && (bare || same(&self.tokens) || same(&self.head))
    }

    /// The person noun that heads the name, if one does: the last word, or the first of a Russian name.
    pub(crate) fn person(&self, lexicon: &Lexicon) -> Option<SubjectKind> {
        let last = lexicon.person(&self.head).filter(|&(_, end)| end == self.head.len());
        last.map(|(kind, _)| kind)
    }

    /// The person noun anywhere in the name.
    pub(crate) fn mentions(&self, lexicon: &Lexicon) -> Option<SubjectKind> {
        lexicon.person(&self.tokens).map(|(kind, _)| kind)
    }

    /// What the name says of its records.
    pub(crate) fn theme(&self, lexicon: &Lexicon) -> Option<Category> {
        let hits = lexicon
            .themes
            .iter()
            .filter_map(|(category, phrases)| phrases.find(&self.tokens).map(|(_, words)| (words, *category)));
        hits.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, category)| category)
    }

    /// Whether the last word is in the list.
    pub(crate) fn headed_by(&self, phrases: &super::lexicon::Phrases) -> bool {
        let last = phrases.find(&self.head).is_some_and(|(at, words)| at + words == self.head.len());
        last || self.head.last().is_some_and(|token| phrases.is_word(token))
    }
}

/// Reads all tables.
pub(crate) fn read_all<'a>(lexicon: &Lexicon, samples: &'a [TableSample<'a>]) -> Vec<TableView<'a>> {
    let russian = speaks_russian(lexicon, samples);
    let prefix = shared_prefix(samples);
    samples
        .iter()
        .map(|sample| {
            let tokens = lexicon.tokens(without(&sample.table.id.name, prefix.as_deref()));
            let head = head(lexicon, &tokens);
            let columns = (0..sample.table.columns.len())
                .map(|at| view(lexicon, sample, at, russian, prefix.as_deref()))
                .collect();
            TableView { sample, tokens, head, columns }
        })
        .collect()
}

/// The name without the product's prefix: `mdl_user` is `user`, `schoolPersonId` is `PersonId`.
fn without<'n>(name: &'n str, prefix: Option<&str>) -> &'n str {
    let Some(prefix) = prefix else { return name };
    let fits = split(name).first().is_some_and(|first| first == prefix) && name.to_lowercase().starts_with(prefix);
    let rest = name
        .get(prefix.len()..)
        .filter(|_| fits && name.is_ascii())
        .unwrap_or(name)
        .trim_start_matches(['_', '-', '.']);
    if split(rest).is_empty() { name } else { rest }
}

fn head(lexicon: &Lexicon, tokens: &[Token]) -> Vec<Token> {
    let kept: Vec<Token> = tokens.iter().filter(|token| !lexicon.fillers.is_word(token)).cloned().collect();
    if kept.is_empty() { tokens.to_vec() } else { kept }
}

fn view<'a>(
    lexicon: &Lexicon,
    sample: &'a TableSample<'a>,
    at: usize,
    russian: bool,
    prefix: Option<&str>,
) -> ColumnView<'a> {
    let column = &sample.table.columns[at];
    let values = Values::of(&sample.rows, at);
    let hits = look(&values);
    let remark = column.comment.as_deref().map(|remark| first_words(remark, 8)).unwrap_or_default();
    ColumnView {
        column,
        reading: read(lexicon, without(&column.name, prefix), russian),
        remark: read(lexicon, &remark, russian),
        values,
        hits,
    }
}

/// A remark's beginning names the column; what follows explains and mentions other things.
fn first_words(text: &str, words_max: usize) -> String {
    let sentence = text.split(['.', ';', '(', ':', '\n']).next().unwrap_or_default();
    sentence.split_whitespace().take(words_max).collect::<Vec<_>>().join(" ")
}

fn look(values: &Values<'_>) -> Vec<ValueHit> {
    let seen = values.cells.len();
    if seen == 0 {
        return Vec::new();
    }
    let count = |detector: &Detector| values.cells.iter().filter(|cell| (detector.hits)(cell)).count();
    let permille = |hits: usize| u32::try_from(hits * 1000 / seen).unwrap_or(1000);
    DETECTORS
        .iter()
        .map(|detector| (detector, count(detector)))
        .filter(|(_, hits)| *hits > 0)
        .map(|(detector, hits)| ValueHit {
            detector,
            share_permille: permille(hits),
            seen: u32::try_from(seen).unwrap_or(u32::MAX),
        })
        .collect()
}

/// The vote: at least three columns and three of a hundred hit stems that are Russian beyond doubt.
fn speaks_russian(lexicon: &Lexicon, samples: &[TableSample<'_>]) -> bool {
    let names: Vec<&String> =
        samples.iter().flat_map(|sample| &sample.table.columns).map(|column| &column.name).collect();
    let hits = names.iter().filter(|name| lexicon.russian.hit(&lexicon.tokens(name))).count();
    hits >= 3 && hits * 100 >= names.len() * 3
}

/// A first word that at least three of five tables share is the product's, not the table's.
fn shared_prefix(samples: &[TableSample<'_>]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for sample in samples {
        if let Some(first) = split(&sample.table.id.name).into_iter().next() {
            *counts.entry(first).or_default() += 1;
        }
    }
    let (prefix, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (samples.len() >= 5 && count * 5 >= samples.len() * 3).then_some(prefix)
}
