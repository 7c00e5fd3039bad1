//! `decisions.yaml`: what persons decided, one entry after another. Never edited, only continued; later ones win.
//!
//! `load` checks each entry by itself, `effective` checks all against the inventory and says what holds now.

use super::render::{list, map, pair, scalar, word};
use super::snippet::short_word;
use super::words::{Category, Until, When, blank};
use super::yaml::{Place, Source};
use crate::failure::{Failure, Result};
use crate::json::to_canonical;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The whole file: a list, or nothing yet.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(transparent)]
pub struct Entries(pub Vec<Entry>);

/// An entry as written: exactly one of `review`, `table`, `retention`, `waive`, `cut`, `hold`, `release`, `allow`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// `TABLE.COLUMN` whose category is settled; with `category`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<String>,
    /// The category, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// A table that is settled; with `disposition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// `destroy` or `keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Settled>,
    /// Rules of the inventory that the decision goes against, by id.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "one_or_more")]
    #[schemars(with = "Option<super::profile_file::Columns>")]
    pub overrides: Option<Vec<String>>,
    /// A table whose record lives elsewhere; with `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
    /// `platform`, `paper` or `expired: DATE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Rows that go without being proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waive: Option<Waive>,
    /// `TABLE.COLUMN`: a kept table's key into a destroyed one, to be cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// Tables that must not be touched until released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// A table whose hold ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// A gate of `erase` to be passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Gate>,
    /// The cooling time, with `allow: cooling`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: When,
    /// Why; printed in the act.
    pub reason: String,
}

/// What a decision may settle a table to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Settled {
    /// Its rows are destroyed.
    Destroy,
    /// It stays.
    Keep,
}

/// Rows that go without being proved: of a mapping by verdict, or of a table that has none.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Waive {
    /// The mapping's name; with `verdict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
    /// Which rows of the mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<WaivedVerdict>,
    /// A table without a mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// More rows void the waiver.
    pub rows_max: u64,
}

/// Verdicts that block and can be waived.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum WaivedVerdict {
    /// Not in the target.
    Missing,
    /// In the target with other values.
    Different,
    /// One key, unlike rows.
    Ambiguous,
}

/// Tables that must not be touched.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Their names.
    pub tables: Vec<String>,
}

/// A gate of `erase`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// The waiting time between the last approval and the erasure.
    Cooling,
    /// Signs that the store is still in use.
    Life,
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Vec<String>>, D::Error> {
    Ok(Option::<super::profile_file::Columns>::deserialize(deserializer)?.map(|rules| rules.all().to_vec()))
}

/// What an entry decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice<'a> {
    /// A column's category.
    Review {
        /// `TABLE.COLUMN`.
        column: &'a str,
        /// The category.
        category: Category,
    },
    /// A table's disposition.
    Table {
        /// The table.
        table: &'a str,
        /// The disposition.
        disposition: Settled,
    },
    /// Where a table's record lives afterwards.
    Retention {
        /// The table.
        table: &'a str,
        /// Where.
        until: Until,
    },
    /// Rows of a mapping go unproved.
    WaiveMapping {
        /// The mapping.
        mapping: &'a str,
        /// Which rows.
        verdict: WaivedVerdict,
        /// At most so many.
        rows_max: u64,
    },
    /// Rows of a table go unproved.
    WaiveTable {
        /// The table.
        table: &'a str,
        /// At most so many.
        rows_max: u64,
    },
    /// A key is cut.
    Cut {
        /// `TABLE.COLUMN`.
        column: &'a str,
    },
    /// Tables are held.
    Hold {
        /// The tables.
        tables: &'a [String],
    },
    /// A hold ends.
    Release {
        /// The table.
        table: &'a str,
    },
    /// The cooling time is changed.
    AllowCooling {
        /// To so many hours.
        hours: u32,
    },
    /// Signs of life do not stop `erase`.
    AllowLife,
}

impl Entry {
    /// The names of the keys that say what is decided, as far as they are there.
    fn heads(&self) -> Vec<&'static str> {
        let there = [
            ("review", self.review.is_some()),
            ("table", self.table.is_some()),
            ("retention", self.retention.is_some()),
            ("waive", self.waive.is_some()),
            ("cut", self.cut.is_some()),
            ("hold", self.hold.is_some()),
            ("release", self.release.is_some()),
            ("allow", self.allow.is_some()),
        ];
        there.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
    }

    /// The kind: the one key of the eight that is there.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.heads().first().copied().unwrap_or("-")
    }

    /// What is decided; `None` when the keys do not fit together (never so after loading).
    #[must_use]
    pub fn choice(&self) -> Option<Choice<'_>> {
        let heads = self.heads();
        let [head] = heads[..] else { return None };
        let only = |name: &str, there: bool| head == name || !there;
        let fits = only("review", self.category.is_some())
            && only("table", self.disposition.is_some())
            && only("retention", self.until.is_some())
            && only("allow", self.hours.is_some())
            && (only("review", self.overrides.is_some()) || only("table", self.overrides.is_some()));
        if !fits {
            return None;
        }
        self.review
            .as_deref()
            .and_then(|column| Some(Choice::Review { column, category: self.category? }))
            .or_else(|| Some(Choice::Table { table: self.table.as_deref()?, disposition: self.disposition? }))
            .or_else(|| Some(Choice::Retention { table: self.retention.as_deref()?, until: self.until? }))
            .or_else(|| self.waive.as_ref()?.choice())
            .or_else(|| Some(Choice::Cut { column: self.cut.as_deref()? }))
            .or_else(|| Some(Choice::Hold { tables: &self.hold.as_ref()?.tables }))
            .or_else(|| Some(Choice::Release { table: self.release.as_deref()? }))
            .or_else(|| self.gate())
    }

    fn gate(&self) -> Option<Choice<'_>> {
        match (self.allow?, self.hours) {
            (Gate::Cooling, Some(hours)) => Some(Choice::AllowCooling { hours }),
            (Gate::Life, None) => Some(Choice::AllowLife),
            (Gate::Cooling, None) | (Gate::Life, Some(_)) => None,
        }
    }

    /// SHA-256 of the entry's canonical JSON, in hexadecimal: its name in the journal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex_digest(self)
    }

    /// The entry as one line of YAML, without the dash.
    fn line(&self) -> String {
        let text = |value: &Option<String>| value.as_deref().map(scalar);
        let pairs = [
            ("review", text(&self.review)),
            ("category", self.category.map(|category| category.word().to_owned())),
            ("table", text(&self.table)),
            ("disposition", self.disposition.map(|settled| word(&settled))),
            ("overrides", self.overrides.as_deref().map(list)),
            ("retention", text(&self.retention)),
            ("until", self.until.map(|until| scalar(&until.to_string()))),
            ("waive", self.waive.as_ref().map(Waive::text)),
            ("cut", text(&self.cut)),
            ("hold", self.hold.as_ref().map(|hold| map(&[pair("tables", &list(&hold.tables))]))),
            ("release", text(&self.release)),
            ("allow", self.allow.map(|gate| word(&gate))),
            ("hours", self.hours.map(|hours| hours.to_string())),
            ("by", Some(scalar(&self.by))),
            ("at", Some(scalar(self.at.text()))),
            ("reason", Some(scalar(&self.reason))),
        ];
        map(&pairs.into_iter().filter_map(|(key, value)| Some(pair(key, &value?))).collect::<Vec<_>>())
    }
}

impl Waive {
    fn choice(&self) -> Option<Choice<'_>> {
        match (self.mapping.as_deref(), self.verdict, self.table.as_deref()) {
            (Some(mapping), Some(verdict), None) => {
                Some(Choice::WaiveMapping { mapping, verdict, rows_max: self.rows_max })
            }
            (None, None, Some(table)) => Some(Choice::WaiveTable { table, rows_max: self.rows_max }),
            (Some(_) | None, Some(_) | None, Some(_) | None) => None,
        }
    }

    fn text(&self) -> String {
        let pairs = [
            ("mapping", self.mapping.as_deref().map(scalar)),
            ("verdict", self.verdict.map(|verdict| word(&verdict))),
            ("table", self.table.as_deref().map(scalar)),
            ("rows_max", Some(self.rows_max.to_string())),
        ];
        map(&pairs.into_iter().filter_map(|(key, value)| Some(pair(key, &value?))).collect::<Vec<_>>())
    }
}

/// SHA-256 of canonical JSON, in hexadecimal.
pub(super) fn hex_digest<T: Serialize>(value: &T) -> String {
    // Not canonical are floats, which no type of ours has, and integers from 2^53 on, which loading refuses.
    let bytes = to_canonical(value).expect("no float, no integer beyond 2^53");
    crate::hex::sha256(&bytes)
}

/// A loaded file.
#[derive(Clone, Debug)]
pub struct Decisions {
    entries: Vec<Entry>,
    source: Source,
}

/// What the inventory knows. Table names are those of the inventory, with the schema where it is told.
pub trait Known {
    /// Whether the store has the table.
    fn has_table(&self, table: &str) -> bool;
    /// Whether the table has the column.
    fn has_column(&self, table: &str, column: &str) -> bool;
    /// Whether the profile has the mapping.
    fn has_mapping(&self, name: &str) -> bool;
    /// The checksum rule that hit in the column: it holds until a decision names it.
    fn checksum_rule(&self, table: &str, column: &str) -> Option<String>;
    /// The checksum rules that hit in any column of the table.
    fn checksum_rules(&self, table: &str) -> BTreeSet<String>;
}

impl Decisions {
    /// Reads and checks the entries, each by itself.
    ///
    /// # Errors
    /// `yaml-…` for the form, `decision-…` for an entry whose keys do not fit together.
    pub fn load(file: &str, bytes: &[u8]) -> Result<Self> {
        let source = Source::read(file, bytes)?;
        let tree = source.tree()?;
        let Entries(entries) = if tree.is_null() { Entries::default() } else { source.give_type(&tree)? };
        let decisions = Self { entries, source };
        for (index, entry) in decisions.entries.iter().enumerate() {
            check_entry(entry).map_err(|(place, failure)| decisions.at(index, place, failure))?;
        }
        Ok(decisions)
    }

    /// The entries in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The line on which an entry begins, from 1.
    #[must_use]
    pub fn line(&self, index: usize) -> usize {
        self.source.line(&Place::top().item(index))
    }

    /// The digest of each entry, in order: what the journal keeps.
    #[must_use]
    pub fn digests(&self) -> Vec<String> {
        self.entries.iter().map(Entry::sha256).collect()
    }

    /// Refuses when an entry that was journalled is no longer there as it was.
    ///
    /// # Errors
    /// `decision-changed` with the place, `decision-removed` with the number of the entry (from 1).
    pub fn check_journalled(&self, journalled: &[String]) -> Result<()> {
        for (index, digest) in journalled.iter().enumerate() {
            match self.entries.get(index) {
                None => return Err(self.at_top(failure!(Refused, "decision-removed", number = index + 1))),
                Some(entry) if entry.sha256() != *digest => {
                    let failure = failure!(Refused, "decision-changed", number = index + 1);
                    return Err(self.at(index, Place::top(), failure));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What holds now, with every entry checked against the inventory.
    ///
    /// # Errors
    /// Every entry that does not fit, with its place.
    pub fn effective(&self, known: &dyn Known) -> std::result::Result<Effective, Vec<Failure>> {
        let mut effective = Effective::default();
        let mut failures = Vec::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if let Err((place, failure)) = effective.take(entry, known) {
                failures.push(self.at(index, place, failure));
            }
        }
        if failures.is_empty() { Ok(effective) } else { Err(failures) }
    }

    fn at(&self, index: usize, place: Place, failure: Failure) -> Failure {
        self.source.at(&place.under(index), failure)
    }
}

type Misfit = (Place, Failure);
type Fits = std::result::Result<(), Misfit>;

/// Integers from here on are not canonical JSON.
const ROWS_MAX: u64 = crate::json::INTEGER_MAX;

fn check_entry(entry: &Entry) -> Fits {
    let top = Place::top();
    for (key, text) in [("by", &entry.by), ("reason", &entry.reason)] {
        if blank(text) {
            return Err((top.key(key), failure!(Usage, "decision-blank", key = key)));
        }
    }
    let heads = entry.heads();
    if heads.len() != 1 {
        return Err((top, failure!(Usage, "decision-kind", found = heads.join(", "))));
    }
    let Some(choice) = entry.choice() else {
        return Err((top, failure!(Usage, "decision-keys", kind = heads[0])));
    };
    match &choice {
        Choice::Review { column, .. } => check_name(&top.key("review"), column)?,
        Choice::Table { table, .. } => check_name(&top.key("table"), table)?,
        Choice::Retention { table, .. } => check_name(&top.key("retention"), table)?,
        Choice::WaiveMapping { mapping, rows_max, .. } => check_waive("mapping", mapping, *rows_max)?,
        Choice::WaiveTable { table, rows_max } => check_waive("table", table, *rows_max)?,
        Choice::Cut { column } => check_name(&top.key("cut"), column)?,
        Choice::Hold { tables: [] } => {
            return Err((top.key("hold").key("tables"), failure!(Usage, "profile-empty-list")));
        }
        Choice::Hold { tables } => {
            for (index, table) in tables.iter().enumerate() {
                check_name(&top.key("hold").key("tables").item(index), table)?;
            }
        }
        Choice::Release { table } => check_name(&top.key("release"), table)?,
        Choice::AllowCooling { .. } | Choice::AllowLife => {}
    }
    Ok(())
}

fn check_waive(key: &str, name: &str, rows_max: u64) -> Fits {
    let place = Place::top().key("waive");
    check_name(&place.key(key), name)?;
    if rows_max > ROWS_MAX { Err((place.key("rows_max"), failure!(Usage, "yaml-number-range"))) } else { Ok(()) }
}

/// A decision names what it is about; "all of them" is none. A `*`, `%` or `?` may be part of a name: see [`unknown`].
fn check_name(place: &Place, name: &str) -> Fits {
    if blank(name) {
        return Err((place.clone(), failure!(Usage, "decision-blank", key = "name")));
    }
    let all = |part: &str| matches!(part.to_lowercase().as_str(), "*" | "**" | "%" | "?" | "all" | "все" | "всё");
    let wild = all(name) || name.split('.').any(all);
    if wild { Err((place.clone(), failure!(Usage, "decision-wildcard"))) } else { Ok(()) }
}

/// An unknown name that looks like a pattern is told so.
fn unknown(place: Place, what: &'static str, name: &str) -> Misfit {
    let failure = if name.contains(['*', '%', '?']) {
        failure!(Usage, "decision-wildcard")
    } else {
        Failure::new(crate::failure::Exit::Usage, what).with("name", short_word(name))
    };
    (place, failure)
}

/// Splits `TABLE.COLUMN` by what the inventory knows; both names may contain dots.
///
/// # Errors
/// `decision-unknown-column`; `decision-ambiguous-column` when two tables could be meant.
pub fn resolve_column(known: &dyn Known, text: &str) -> Result<(String, String)> {
    let splits = text.match_indices('.').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let mut found = splits.filter(|(table, column)| known.has_table(table) && known.has_column(table, column));
    match (found.next(), found.next()) {
        (Some((table, column)), None) => Ok((table.to_owned(), column.to_owned())),
        (Some(_), Some(_)) => Err(failure!(Usage, "decision-ambiguous-column", name = short_word(text))),
        (None, _) => Err(failure!(Usage, "decision-unknown-column", name = short_word(text))),
    }
}

/// A decision that holds, with who, when, why.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Decided<T> {
    /// What.
    pub value: T,
    /// Who.
    pub by: String,
    /// When.
    pub at: When,
    /// Why.
    pub reason: String,
    /// Rules it goes against.
    pub overrides: Vec<String>,
    /// The entry's digest.
    pub entry_sha256: String,
}

/// What holds after all entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    /// By table and column.
    pub reviews: BTreeMap<(String, String), Decided<Category>>,
    /// By table.
    pub tables: BTreeMap<String, Decided<Settled>>,
    /// By table.
    pub retentions: BTreeMap<String, Decided<Until>>,
    /// Most rows that may go, by mapping and verdict.
    pub mapping_waivers: BTreeMap<(String, WaivedVerdict), Decided<u64>>,
    /// Most rows that may go, by table.
    pub table_waivers: BTreeMap<String, Decided<u64>>,
    /// By table and column.
    pub cuts: BTreeMap<(String, String), Decided<()>>,
    /// Held tables; a released one is gone from here.
    pub holds: BTreeMap<String, Decided<()>>,
    /// The cooling time in hours.
    pub cooling: Option<Decided<u32>>,
    /// Signs of life do not stop `erase`.
    pub life: Option<Decided<()>>,
}

impl Effective {
    fn take(&mut self, entry: &Entry, known: &dyn Known) -> Fits {
        let top = Place::top();
        match entry.choice().ok_or_else(|| (top.clone(), failure!(Usage, "decision-keys", kind = entry.kind())))? {
            Choice::Review { column, category } => {
                let place = resolved(known, top.key("review"), column)?;
                let hit = known.checksum_rule(&place.0, &place.1).filter(|_| category == Category::None);
                not_overridden(&top.key("category"), entry, hit)?;
                self.reviews.insert(place, decided(entry, category));
            }
            Choice::Table { table, disposition } => {
                let name = table_of(known, top.key("table"), table)?;
                let hits = if disposition == Settled::Keep { known.checksum_rules(table) } else { BTreeSet::new() };
                not_overridden(&top.key("disposition"), entry, hits)?;
                self.tables.insert(name, decided(entry, disposition));
            }
            Choice::Retention { table, until } => {
                self.retentions.insert(table_of(known, top.key("retention"), table)?, decided(entry, until));
            }
            Choice::WaiveMapping { mapping, verdict, rows_max } => {
                if !known.has_mapping(mapping) {
                    return Err(unknown(top.key("waive").key("mapping"), "decision-unknown-mapping", mapping));
                }
                self.mapping_waivers.insert((mapping.to_owned(), verdict), decided(entry, rows_max));
            }
            Choice::WaiveTable { table, rows_max } => {
                let name = table_of(known, top.key("waive").key("table"), table)?;
                self.table_waivers.insert(name, decided(entry, rows_max));
            }
            Choice::Cut { column } => {
                self.cuts.insert(resolved(known, top.key("cut"), column)?, decided(entry, ()));
            }
            Choice::Hold { tables } => {
                for (index, table) in tables.iter().enumerate() {
                    let name = table_of(known, top.key("hold").key("tables").item(index), table)?;
                    self.holds.insert(name, decided(entry, ()));
                }
            }
            Choice::Release { table } => {
                let name = table_of(known, top.key("release"), table)?;
                if self.holds.remove(&name).is_none() {
                    return Err((top.key("release"), failure!(Usage, "decision-not-held", name = short_word(table))));
                }
            }
            Choice::AllowCooling { hours } => self.cooling = Some(decided(entry, hours)),
            Choice::AllowLife => self.life = Some(decided(entry, ())),
        }
        Ok(())
    }
}

fn decided<T>(entry: &Entry, value: T) -> Decided<T> {
    Decided {
        value,
        by: entry.by.clone(),
        at: entry.at.clone(),
        reason: entry.reason.clone(),
        overrides: entry.overrides.clone().unwrap_or_default(),
        entry_sha256: entry.sha256(),
    }
}

fn table_of(known: &dyn Known, place: Place, table: &str) -> std::result::Result<String, Misfit> {
    if known.has_table(table) { Ok(table.to_owned()) } else { Err(unknown(place, "decision-unknown-table", table)) }
}

fn resolved(known: &dyn Known, place: Place, text: &str) -> std::result::Result<(String, String), Misfit> {
    resolve_column(known, text).map_err(|failure| match failure.code {
        "decision-unknown-column" => unknown(place, "decision-unknown-column", text),
        _ => (place, failure), // codes are texts: there is no list to be complete over
    })
}

fn not_overridden(place: &Place, entry: &Entry, hits: impl IntoIterator<Item = String>) -> Fits {
    let named = entry.overrides.as_deref().unwrap_or_default();
    match hits.into_iter().find(|rule| !named.contains(rule)) {
        Some(rule) => Err((place.clone(), failure!(Usage, "decision-checksum", rule = rule))),
        None => Ok(()),
    }
}

/// The existing text with the new entries behind it. Not a byte of the existing text changes; comments of the new text are
/// not taken over.
///
/// # Errors
/// Those of [`Decisions::load`] for either text; `decision-cannot-append` when the existing list is written in `[…]`.
pub fn append(existing: &Decisions, new: &Decisions) -> Result<String> {
    let mut text = existing.source.text().to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let indent = existing.indent();
    for entry in &new.entries {
        writeln!(text, "{indent}- {}", entry.line()).expect("a String takes all");
    }
    let wanted: Vec<Entry> = existing.entries.iter().chain(&new.entries).cloned().collect();
    // Whatever the existing text looks like, what comes out must read as both lists, or nothing is written.
    match Decisions::load("decisions.yaml", text.as_bytes()) {
        Ok(both) if both.entries == wanted => Ok(text),
        Ok(_) | Err(_) => Err(existing.at_top(failure!(Usage, "decision-cannot-append"))),
    }
}

impl Decisions {
    fn at_top(&self, failure: Failure) -> Failure {
        self.source.at(&Place::top(), failure)
    }

    /// What stands before the dashes of the list.
    fn indent(&self) -> String {
        if self.entries.is_empty() {
            return String::new();
        }
        let line = self.source.text().lines().nth(self.line(0) - 1).unwrap_or("");
        line.chars().take_while(|c| *c == ' ').collect()
    }
}

/// The digest of the entries of each kind, in order; `hold` and `release` are one kind.
#[must_use]
pub fn digests_by_kind(decisions: &Decisions) -> BTreeMap<String, String> {
    let mut kinds: BTreeMap<&str, Vec<&Entry>> =
        ["review", "table", "retention", "waive", "cut", "hold", "allow"].map(|kind| (kind, Vec::new())).into();
    for entry in &decisions.entries {
        let kind = if entry.kind() == "release" { "hold" } else { entry.kind() };
        kinds.entry(kind).or_default().push(entry);
    }
    kinds.into_iter().map(|(kind, entries)| (format!("decisions.{kind}"), hex_digest(&entries))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::profile::render::tests::hostile;

    const WHOLE: &str = r#"# решения по делу
- {review: log_old.message, category: free_text_about_person, by: Один, at: 2026-11-01, reason: "прочитано 20 строк"}
- {review: staff.code, category: none, overrides: snils-checksum, by: Один, at: 2026-11-01, reason: "номер кабинета"}
- {table: sessions, disposition: destroy, by: Один, at: "2026-11-01T10:00:00+03:00", reason: "сеансы"}
- {retention: sessions, until: "expired: 2026-09-01", by: Один, at: 2026-11-01, reason: "срок вышел"}
- {waive: {mapping: marks, verdict: missing, rows_max: 12}, by: Один, at: 2026-11-01, reason: "черновики"}
- {waive: {table: sessions, rows_max: 4100}, by: Один, at: 2026-11-01, reason: "сеансы"}
- {cut: codes.school.id, by: Один, at: 2026-11-01, reason: "справочник остаётся"}
- {hold: {tables: [auth_log, sessions]}, by: Один, at: 2026-11-01, reason: "запрос прокуратуры"}
- {release: auth_log, by: Один, at: 2026-11-02, reason: "ответ дан"}
- {allow: cooling, hours: 0, by: Один, at: 2026-11-02, reason: "приказ"}
- {allow: life, by: Один, at: 2026-11-02, reason: "робот мониторинга"}
- {table: sessions, disposition: keep, by: Два, at: 2026-11-03, reason: "передумали"}
"#;

    struct Inventory(BTreeMap<&'static str, Vec<&'static str>>);

    impl Known for Inventory {
        fn has_table(&self, table: &str) -> bool {
            self.0.contains_key(table)
        }

        fn has_column(&self, table: &str, column: &str) -> bool {
            self.0.get(table).is_some_and(|columns| columns.contains(&column))
        }

        fn has_mapping(&self, name: &str) -> bool {
            name == "marks"
        }

        fn checksum_rule(&self, table: &str, column: &str) -> Option<String> {
            (table == "staff" && column == "code").then(|| "snils-checksum".to_owned())
        }

        fn checksum_rules(&self, table: &str) -> BTreeSet<String> {
            self.checksum_rule(table, "code").into_iter().collect()
        }
    }

    fn inventory() -> Inventory {
        let tables = [
            ("log_old", vec!["message"]),
            ("staff", vec!["code", "скидка,%"]),
            ("sessions", vec!["id"]),
            ("codes", vec!["school.id"]),
            ("auth_log", vec!["id"]),
            ("a", vec!["b.c"]),
            ("a.b", vec!["c"]),
        ];
        Inventory(tables.into())
    }

    fn load(text: &str) -> Decisions {
        Decisions::load("decisions.yaml", text.as_bytes()).unwrap_or_else(|failure| panic!("{failure}\n{text}"))
    }

    fn one(body: &str) -> String {
        format!("- {{{body}, by: Один, at: 2026-11-01, reason: потому}}\n")
    }

    #[test]
    fn later_decisions_win_and_a_hold_stands_until_released() {
        let decisions = load(WHOLE);
        let now = decisions.effective(&inventory()).unwrap();
        let pair = |table: &str, column: &str| (table.to_owned(), column.to_owned());
        assert_eq!(now.tables["sessions"].value, Settled::Keep);
        assert_eq!(now.tables["sessions"].by, "Два");
        assert_eq!(now.tables["sessions"].entry_sha256, decisions.entries()[11].sha256());
        assert_eq!(now.reviews[&pair("log_old", "message")].value, Category::FreeTextAboutPerson);
        assert_eq!(now.reviews[&pair("staff", "code")].overrides, ["snils-checksum"]);
        assert_eq!(now.retentions["sessions"].value.to_string(), "expired: 2026-09-01");
        assert_eq!(now.mapping_waivers[&("marks".to_owned(), WaivedVerdict::Missing)].value, 12);
        assert_eq!(now.table_waivers["sessions"].value, 4100);
        assert!(now.cuts.contains_key(&pair("codes", "school.id")));
        assert_eq!(now.holds.keys().collect::<Vec<_>>(), ["sessions"]);
        assert_eq!(now.cooling.unwrap().value, 0);
        assert!(now.life.is_some());
        assert_eq!((decisions.line(0), decisions.line(11)), (2, 13));
    }

    #[test]
    fn no_file_and_no_entry_are_no_decisions() {
        for text in ["", "# пока ничего\n", "[]\n", "\u{feff}"] {
            assert_eq!(load(text).effective(&inventory()).unwrap(), Effective::default(), "{text:?}");
        }
    }

    #[rustfmt::skip]
    const BAD_ENTRIES: &[(&str, &str, &str)] = &[
        ("table: t", "decision-keys", "[1]"),
        ("disposition: keep", "decision-kind", "[1]"),
        ("table: t, disposition: keep, cut: a.b", "decision-kind", "[1]"),
        ("table: t, disposition: review", "yaml-unknown-value", "[1].disposition"),
        ("table: t, disposition: keep, category: none", "decision-keys", "[1]"),
        ("review: t.c", "decision-keys", "[1]"),
        ("review: t.c, category: secret", "yaml-unknown-value", "[1].category"),
        ("retention: t", "decision-keys", "[1]"),
        ("retention: t, until: archive", "yaml-unknown-value", "[1].until"),
        ("retention: t, until: platform, hours: 1", "decision-keys", "[1]"),
        ("waive: {table: t}", "yaml-missing-key", "[1].waive"),
        ("waive: {mapping: m, rows_max: 1}", "decision-keys", "[1]"),
        ("waive: {mapping: m, table: t, rows_max: 1}", "decision-keys", "[1]"),
        ("waive: {mapping: m, verdict: extra, rows_max: 1}", "yaml-unknown-value", "[1].waive.verdict"),
        ("waive: {table: t, rows_max: all}", "yaml-expected-number", "[1].waive.rows_max"),
        ("waive: {table: t, rows_max: 9007199254740992}", "yaml-number-range", "[1].waive.rows_max"),
        ("waive: all", "yaml-expected-map", "[1].waive"),
        ("waive: {mapping: all, verdict: missing, rows_max: 1}", "decision-wildcard", "[1].waive.mapping"),
        ("waive: {table: \"*\", rows_max: 1}", "decision-wildcard", "[1].waive.table"),
        ("table: \"%\", disposition: destroy", "decision-wildcard", "[1].table"),
        ("table: \"public.*\", disposition: destroy", "decision-wildcard", "[1].table"),
        ("table: Все, disposition: destroy", "decision-wildcard", "[1].table"),
        ("cut: \"t.*\"", "decision-wildcard", "[1].cut"),
        ("hold: {tables: []}", "profile-empty-list", "[1].hold.tables"),
        ("hold: {tables: [a, \"?\"]}", "decision-wildcard", "[1].hold.tables[1]"),
        ("hold: t", "yaml-expected-map", "[1].hold"),
        ("release: \" \"", "decision-blank", "[1].release"),
        ("allow: cooling", "decision-keys", "[1]"),
        ("allow: life, hours: 1", "decision-keys", "[1]"),
        ("allow: everything", "yaml-unknown-value", "[1].allow"),
        ("cut: a.b, overrides: x", "decision-keys", "[1]"),
        ("table: t, dispositon: keep", "yaml-unknown-key-similar", "[1].dispositon"),
    ];

    #[test]
    fn an_entry_that_does_not_fit_is_refused_at_its_place() {
        for (body, code, path) in BAD_ENTRIES {
            let text = format!("{}{}", one("release: t"), one(body));
            let failure = Decisions::load("decisions.yaml", text.as_bytes()).expect_err(body);
            assert_eq!((failure.code, failure.arg("path").unwrap()), (*code, *path), "{body}: {failure}");
            assert_eq!(failure.arg("line"), Some("2"), "{body}");
        }
        for missing in ["by: Один, ", "at: 2026-11-01, ", ", reason: потому"] {
            let text = one("release: t").replace(missing, "");
            assert_eq!(Decisions::load("x", text.as_bytes()).unwrap_err().code, "yaml-missing-key", "{missing}");
        }
        for (from, to, code) in [
            ("Один", "\" \"", "decision-blank"),
            ("потому", "\"\"", "decision-blank"),
            ("2026-11-01", "01.11.2026", "yaml-expected-moment"),
            ("2026-11-01", "\"2026-11-01T10:00\"", "yaml-expected-moment"),
        ] {
            let text = one("release: t").replace(from, to);
            assert_eq!(Decisions::load("x", text.as_bytes()).unwrap_err().code, code, "{to}");
        }
    }

    #[test]
    fn every_entry_is_checked_against_the_inventory() {
        let bodies = [
            ("review: staff.code, category: none", "decision-checksum", "[0].category"),
            ("review: staff.code, category: none, overrides: [inn-checksum]", "decision-checksum", "[1].category"),
            ("table: staff, disposition: keep", "decision-checksum", "[2].disposition"),
            ("table: nowhere, disposition: keep", "decision-unknown-table", "[3].table"),
            ("table: \"sess%\", disposition: destroy", "decision-wildcard", "[4].table"),
            ("review: staff.nothing, category: none", "decision-unknown-column", "[5].review"),
            ("review: \"staff.c?de\", category: none", "decision-wildcard", "[6].review"),
            ("review: a.b.c, category: none", "decision-ambiguous-column", "[7].review"),
            (
                "waive: {mapping: grades, verdict: missing, rows_max: 1}",
                "decision-unknown-mapping",
                "[8].waive.mapping",
            ),
            ("waive: {table: nowhere, rows_max: 1}", "decision-unknown-table", "[9].waive.table"),
            ("cut: codes.id", "decision-unknown-column", "[10].cut"),
            ("hold: {tables: [sessions, nowhere]}", "decision-unknown-table", "[11].hold.tables[1]"),
            ("release: auth_log", "decision-not-held", "[12].release"),
            ("retention: nowhere, until: paper", "decision-unknown-table", "[13].retention"),
            ("table: \"sess*\", disposition: destroy", "decision-wildcard", "[14].table"),
        ];
        let text: String = bodies.iter().map(|(body, ..)| one(body)).collect();
        let failures = load(&text).effective(&inventory()).unwrap_err();
        let found: Vec<(&str, &str)> =
            failures.iter().map(|failure| (failure.code, failure.arg("path").unwrap())).collect();
        assert_eq!(found, bodies.map(|(_, code, path)| (code, path)));
        let lines: Vec<&str> = failures.iter().map(|failure| failure.arg("line").unwrap()).collect();
        assert_eq!(lines, (1..=bodies.len()).map(|line| line.to_string()).collect::<Vec<_>>());
        let fine = [
            "review: \"staff.скидка,%\", category: none",
            "review: staff.code, category: national_id",
            "table: staff, disposition: keep, overrides: [snils-checksum]",
        ];
        load(&fine.map(one).concat()).effective(&inventory()).unwrap();
    }

    #[test]
    fn appending_changes_no_byte_that_was_there() {
        let new = load(&one("release: sessions"));
        for existing in [
            WHOLE,
            "",
            "# пока ничего",
            "- {allow: life, by: А, at: 2026-11-02, reason: б}",
            "---\n  - allow: life\n    by: А\n    at: 2026-11-02\n    reason: |\n      две\n      строки\n  # хвост\n",
            "- {allow: life, by: А, at: 2026-11-02, reason: б}\r\n",
        ] {
            let before = load(existing);
            let text = append(&before, &new).unwrap_or_else(|failure| panic!("{failure}\n{existing}"));
            assert!(text.starts_with(existing), "{text}");
            let both = load(&text);
            assert_eq!(both.entries(), [before.entries(), new.entries()].concat());
            both.check_journalled(&before.digests()).unwrap();
        }
        let all = load(WHOLE);
        assert_eq!(load(&append(&load(""), &all).unwrap()).entries(), all.entries(), "every kind of entry is written");
    }

    #[test]
    fn hostile_names_survive_appending() {
        let allowed = |name: &String| !blank(name) && !name.contains('*');
        for name in hostile().into_iter().filter(allowed) {
            let mut entry = load(&one("table: t, disposition: keep")).entries()[0].clone();
            (entry.table, entry.reason, entry.by) = (Some(name.clone()), name.clone(), name.clone());
            entry.overrides = Some(vec![name.clone()]);
            let new = Decisions { entries: vec![entry.clone()], source: load("").source };
            let text = append(&load(WHOLE), &new).unwrap_or_else(|failure| panic!("{name:?}: {failure}"));
            assert_eq!(load(&text).entries().last(), Some(&entry));
        }
    }

    #[test]
    fn a_list_in_brackets_cannot_be_continued() {
        let existing = load("[{allow: life, by: А, at: 2026-11-02, reason: б}]\n");
        assert_eq!(append(&existing, &load(&one("release: t"))).unwrap_err().code, "decision-cannot-append");
    }

    #[test]
    fn a_journalled_entry_may_not_change() {
        let before = load(WHOLE).digests();
        load(WHOLE).check_journalled(&before).unwrap();
        load(&format!("{WHOLE}{}", one("release: sessions"))).check_journalled(&before).unwrap();
        // Another layout of the same entry is the same entry.
        load(&WHOLE.replace("{table: sessions, disposition: destroy", "{disposition: destroy, table: sessions"))
            .check_journalled(&before)
            .unwrap();
        let changed = load(&WHOLE.replace("rows_max: 12", "rows_max: 13")).check_journalled(&before).unwrap_err();
        assert_eq!(
            (changed.code, changed.arg("line"), changed.arg("number")),
            ("decision-changed", Some("6"), Some("5"))
        );
        assert_eq!(changed.exit, crate::failure::Exit::Refused);
        let shorter = WHOLE.trim_end().rsplit_once('\n').unwrap().0;
        assert_eq!(load(shorter).check_journalled(&before).unwrap_err().code, "decision-removed");
    }
}
