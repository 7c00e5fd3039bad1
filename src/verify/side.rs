//! One side of a compiled mapping: which tables and columns to scan, and how a row becomes a record of digests.
//! Reads contract rows, writes records into a buffer of its own.
//!
//! A record is `key digest 16 | row digest 32 | 8 for each column that may change | 1: changed later?`. Joined tables are
//! held in memory, the needed columns only, by canonical join key: they are the smaller ones (people, subjects, classes),
//! but a join into a table of a million rows costs a few hundred megabytes. The base table is never held.

use super::calendar::{self, DAY_MICROS};
use super::canonical;
use super::keys::{COLUMN_DIGEST_BYTES, KEY_DIGEST_BYTES, ROW_DIGEST_BYTES, VerifyKeys};
use super::transform::{Transform, raw_of, text_of};
use lastbell_contract::packed::tag;
use lastbell_contract::{Kind, PackedCell, PackedRow, Scan, TableId, Value};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, hash_map::Entry};

/// How long a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordShape {
    /// How many columns may change.
    pub movable: usize,
}

impl RecordShape {
    /// Bytes that take part in equality: all but the last.
    #[must_use]
    pub fn compared_bytes(self) -> usize {
        KEY_DIGEST_BYTES + ROW_DIGEST_BYTES + COLUMN_DIGEST_BYTES * self.movable
    }

    /// Bytes of a record.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.compared_bytes() + 1
    }
}

/// Whether a row was changed after the migration, as its `changed_at` column tells. The last byte of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changed {
    /// No such column, or nothing readable in it.
    Unknown = 0,
    /// On the day of the migration or before.
    NotLater = 1,
    /// On a later day.
    Later = 2,
}

impl Changed {
    /// The meaning of a record's last byte.
    #[must_use]
    pub fn of_byte(byte: u8) -> Self {
        [Self::NotLater, Self::Later].into_iter().find(|one| *one as u8 == byte).unwrap_or(Self::Unknown)
    }

    /// Compares the day of a moment; an instant counts by its day in UTC, which is never later than the day in Russia.
    fn of_value(value: &Value, migrated_on: i64) -> Self {
        let days = match value {
            Value::Date(days) => Some(*days),
            Value::LocalDateTime(micros) | Value::Instant(micros) => Some(micros.div_euclid(DAY_MICROS)),
            Value::Text(text) => calendar::parse_instant(text)
                .map(|micros| micros.div_euclid(DAY_MICROS))
                .or_else(|| calendar::parse_iso(text).map(|moment| moment.days)),
            Value::Null | Value::Int(_) | Value::Decimal(_) | Value::Float(_) | Value::Bool(_) | Value::Bytes(_) => {
                None
            }
            Value::Time(_) | Value::Uuid(_) | Value::Json(_) | Value::Invalid(..) => None,
        };
        match days {
            None => Self::Unknown,
            Some(days) if days > migrated_on => Self::Later,
            Some(_) => Self::NotLater,
        }
    }
}

/// A table to be scanned, with the columns in the order in which rows must hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// The table.
    pub table: TableId,
    /// The columns.
    pub columns: Vec<String>,
}

impl Scanned {
    /// The scan of every row.
    #[must_use]
    pub fn scan(&self) -> Scan {
        Scan::whole(&self.table, &self.columns)
    }
}

/// A scanned column: of the base table (0) or of the n-th joined one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// 0 is the base table.
    pub table: usize,
    /// Position in [`Scanned::columns`].
    pub column: usize,
}

/// Where a compared value comes from.
#[derive(Clone, PartialEq)]
pub(super) enum Content {
    One(Place),
    /// The part of that number (from 0); the last declared part takes the rest.
    Part {
        place: Place,
        by: String,
        part: usize,
        last: bool,
    },
    Merged {
        places: Vec<Place>,
        by: String,
    },
    Constant(Value),
}

/// A compared value of a side.
#[derive(Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) content: Content,
    pub(super) transform: Transform,
    /// Source side only.
    pub(super) values: ValueMap,
}

/// `values:` of a column.
#[derive(Clone, Default, PartialEq)]
pub(super) struct ValueMap {
    /// Source text to target value.
    pub(super) by_text: HashMap<String, Value>,
    /// The target values as text.
    pub(super) results: HashSet<String>,
}

/// A joined table: its columns and those of earlier tables that must be equal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CompiledJoin {
    pub(super) own: Vec<usize>,
    pub(super) earlier: Vec<Place>,
}

/// One side of a mapping, ready to read rows.
#[derive(Clone, PartialEq)]
pub struct CompiledSide {
    pub(super) tables: Vec<Scanned>,
    pub(super) joins: Vec<CompiledJoin>,
    pub(super) filter: Vec<(Place, Option<String>)>,
    pub(super) key: Vec<Cell>,
    pub(super) fixed: Vec<Cell>,
    pub(super) movable: Vec<Cell>,
    pub(super) changed_at: Option<Place>,
}

impl CompiledSide {
    /// The base table: its rows go to [`SideReader::row`].
    #[must_use]
    pub fn base(&self) -> &Scanned {
        &self.tables[0]
    }

    /// The joined tables: all rows of the n-th go to [`SideReader::add_joined`] first.
    #[must_use]
    pub fn joined(&self) -> &[Scanned] {
        &self.tables[1..]
    }

    /// The shape of this side's records.
    #[must_use]
    pub fn shape(&self) -> RecordShape {
        RecordShape { movable: self.movable.len() }
    }
}

impl std::fmt::Debug for CompiledSide {
    /// Names and figures: filters, constants and value maps may hold personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figures = (self.key.len(), self.fixed.len(), self.movable.len());
        f.debug_struct("CompiledSide").field("tables", &self.tables).field("key, fixed, movable", &figures).finish()
    }
}

/// What became of a row.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Its record, for the set of its side.
    Digested(&'a [u8]),
    /// A join found nothing: of the source, the row is missing unless another mapping covers it.
    NoPartner,
    /// The filter leaves it out: likewise.
    OutsideFilter,
    /// A join found several rows: the row is ambiguous.
    AmbiguousJoin,
}

enum Found {
    /// The row as it was packed.
    One(Box<[u8]>),
    Several,
}

/// A row of a side with what it joined.
struct Joined<'a> {
    base: PackedRow<'a>,
    /// Where each cell of the base row begins.
    starts: &'a [usize],
    partners: Vec<PackedRow<'a>>,
}

impl<'a> Joined<'a> {
    fn cell(&self, place: Place) -> PackedCell<'a> {
        if place.table == 0 {
            return self.base.cell_at(self.starts[place.column]);
        }
        // Of a joined table only the columns are held that are asked for: few.
        self.partners[place.table - 1].cells().nth(place.column).expect("a joined row has the columns of its scan")
    }
}

/// Turns the rows of one side into records.
pub struct SideReader<'a> {
    side: &'a CompiledSide,
    keys: VerifyKeys,
    /// Days since 1970-01-01.
    migrated_on: i64,
    joined: Vec<HashMap<Vec<u8>, Found>>,
    starts: Vec<usize>,
    canonical: Vec<u8>,
    record: Vec<u8>,
}

impl<'a> SideReader<'a> {
    /// A reader of that side. `migrated_on` is the day of the migration, in days since 1970-01-01.
    #[must_use]
    pub fn new(side: &'a CompiledSide, keys: VerifyKeys, migrated_on: i64) -> Self {
        let joined = side.joins.iter().map(|_| HashMap::new()).collect();
        Self { side, keys, migrated_on, joined, starts: Vec::new(), canonical: Vec::new(), record: Vec::new() }
    }

    /// Takes a row of the n-th joined table. A row with a NULL in its join columns is never found, as in SQL.
    ///
    /// # Panics
    /// When there is no such joined table.
    pub fn add_joined(&mut self, index: usize, row: PackedRow<'_>) {
        let own = &self.side.joins[index].own;
        let cells: Vec<PackedCell<'_>> = row.cells().collect();
        let mut key = Vec::new();
        if !append_join_key(own.iter().map(|column| cells[*column]), &mut key) {
            return;
        }
        match self.joined[index].entry(key) {
            Entry::Vacant(free) => {
                free.insert(Found::One(row.framed().into()));
            }
            Entry::Occupied(mut taken) => {
                taken.insert(Found::Several);
            }
        }
    }

    /// The record of a base row, with the columns of [`CompiledSide::base`].
    pub fn row(&mut self, base: PackedRow<'_>) -> Outcome<'_> {
        base.starts(&mut self.starts);
        let joined = match find_partners(self.side, &self.joined, base, &self.starts) {
            Ok(joined) => joined,
            Err(outcome) => return outcome,
        };
        self.record.clear();
        append_cells(&mut self.canonical, &self.side.key, &joined);
        self.keys.append_key_digest(&self.canonical, &mut self.record);
        append_cells(&mut self.canonical, &self.side.fixed, &joined);
        self.keys.append_row_digest(&self.canonical, &mut self.record);
        for (position, cell) in (0_u32..).zip(&self.side.movable) {
            self.canonical.clear();
            cell.append(&mut self.canonical, &joined);
            self.keys.append_column_digest(position, &self.canonical, &mut self.record);
        }
        let changed =
            self.side.changed_at.map(|place| Changed::of_value(&joined.cell(place).value(), self.migrated_on));
        self.record.push(changed.unwrap_or(Changed::Unknown) as u8);
        Outcome::Digested(&self.record)
    }
}

impl SideReader<'_> {
    /// The key digest of a base row; none when it has no record.
    pub fn key(&mut self, base: PackedRow<'_>) -> Option<[u8; KEY_DIGEST_BYTES]> {
        base.starts(&mut self.starts);
        let joined = find_partners(self.side, &self.joined, base, &self.starts).ok()?;
        self.record.clear();
        append_cells(&mut self.canonical, &self.side.key, &joined);
        self.keys.append_key_digest(&self.canonical, &mut self.record);
        self.record.as_slice().try_into().ok()
    }

    /// The key of a base row and its compared values after their transforms: those that may not change, then the others.
    pub fn values(&mut self, base: PackedRow<'_>) -> Option<(Vec<Value>, Vec<Value>)> {
        base.starts(&mut self.starts);
        let joined = find_partners(self.side, &self.joined, base, &self.starts).ok()?;
        let value = |cell: &Cell| cell.value(&joined);
        let compared = self.side.fixed.iter().chain(&self.side.movable).map(value).collect();
        Some((self.side.key.iter().map(value).collect(), compared))
    }
}

fn find_partners<'a>(
    side: &CompiledSide,
    tables: &'a [HashMap<Vec<u8>, Found>],
    base: PackedRow<'a>,
    starts: &'a [usize],
) -> Result<Joined<'a>, Outcome<'static>> {
    let mut joined = Joined { base, starts, partners: Vec::with_capacity(tables.len()) };
    let passes = |joined: &Joined<'_>, table| {
        side.filter.iter().filter(|(place, _)| place.table == table).all(|(place, wanted)| {
            let cell = joined.cell(*place);
            wanted.as_ref().map_or_else(|| cell.is_null(), |wanted| reads(cell, wanted))
        })
    };
    if !passes(&joined, 0) {
        return Err(Outcome::OutsideFilter);
    }
    for (index, (join, table)) in side.joins.iter().zip(tables).enumerate() {
        let mut key = Vec::new();
        let complete = append_join_key(join.earlier.iter().map(|place| joined.cell(*place)), &mut key);
        match table.get(&key).filter(|_| complete) {
            None => return Err(Outcome::NoPartner),
            Some(Found::Several) => return Err(Outcome::AmbiguousJoin),
            Some(Found::One(row)) => joined.partners.push(PackedRow::of_framed(row)),
        }
        if !passes(&joined, index + 1) {
            return Err(Outcome::OutsideFilter);
        }
    }
    Ok(joined)
}

/// Whether a cell's text form is that text.
fn reads(cell: PackedCell<'_>, wanted: &str) -> bool {
    match cell.tag() {
        tag::TEXT | tag::INT => cell.bytes() == wanted.as_bytes(),
        _ => text_of(&cell.value()).is_some_and(|text| text == wanted), // a byte, not an enum of ours
    }
}

/// Join columns are compared as text, since an id is often an integer on one side of a link and a text on the other.
/// False when one is NULL.
fn append_join_key<'a>(cells: impl Iterator<Item = PackedCell<'a>>, key: &mut Vec<u8>) -> bool {
    let as_text = Transform::of(crate::profile::profile_file::Normaliser::Text);
    for cell in cells {
        if cell.is_null() {
            return false;
        }
        append_transformed(key, &as_text, cell);
    }
    true
}

/// Appends the canonical bytes of a cell after its transform; without taking it apart where nothing of it changes.
fn append_transformed(out: &mut Vec<u8>, transform: &Transform, cell: PackedCell<'_>) {
    match transform.passes(cell.tag()) {
        Some(tag) => {
            out.push(tag);
            out.extend_from_slice(&cell.framed()[1..]);
        }
        None => canonical::append_value(out, &transform.apply(&cell.value())),
    }
}

fn append_cells(out: &mut Vec<u8>, cells: &[Cell], joined: &Joined<'_>) {
    out.clear();
    canonical::append_row_head(out, cells.len());
    for cell in cells {
        cell.append(out, joined);
    }
}

impl Cell {
    /// Appends the canonical bytes of its value.
    fn append(&self, out: &mut Vec<u8>, joined: &Joined<'_>) {
        if let (Content::One(place), true) = (&self.content, self.values.by_text.is_empty()) {
            return append_transformed(out, &self.transform, joined.cell(*place));
        }
        canonical::append_value(out, &self.value(joined));
    }

    fn value(&self, joined: &Joined<'_>) -> Value {
        let value = self.content.value(joined);
        self.mapped(self.transform.apply(&value)).into_owned()
    }

    fn mapped<'a>(&'a self, value: Cow<'a, Value>) -> Cow<'a, Value> {
        let Some(text) = text_of(&value).filter(|_| !self.values.by_text.is_empty()) else { return value };
        match self.values.by_text.get(text.as_ref()) {
            Some(mapped) => Cow::Borrowed(mapped),
            // With {1: 2}, an undeclared 2 of the source would merge with the mapped 1. It must not look like a match.
            None if self.values.results.contains(text.as_ref()) => {
                Cow::Owned(Value::Invalid(Kind::Unknown, text.as_bytes().to_vec()))
            }
            None => {
                drop(text);
                value
            }
        }
    }
}

impl Content {
    fn value(&self, joined: &Joined<'_>) -> Cow<'_, Value> {
        match self {
            Self::One(place) => Cow::Owned(joined.cell(*place).value()),
            Self::Constant(value) => Cow::Borrowed(value),
            Self::Part { place, by, part, last } => {
                let whole = joined.cell(*place).value();
                // NULL has no parts; bytes that are no text stay whole, and differ.
                let found = text_of(&whole).map(|text| part_of(&text, by, *part, *last));
                Cow::Owned(found.unwrap_or(whole))
            }
            Self::Merged { places, by } => {
                let values: Vec<Value> = places.iter().map(|place| joined.cell(*place).value()).collect();
                Cow::Owned(merged(values.iter(), by))
            }
        }
    }
}

fn part_of(text: &str, by: &str, part: usize, last: bool) -> Value {
    let found = if last { text.splitn(part + 1, by).nth(part) } else { text.split(by).nth(part) };
    found.map_or(Value::Null, |found| Value::Text(found.to_owned()))
}

/// NULL and empty parts are left out; nothing at all is NULL.
fn merged<'a>(values: impl Iterator<Item = &'a Value>, by: &str) -> Value {
    let parts: Vec<Cow<'_, [u8]>> = values.map(raw_of).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Value::Null;
    }
    match String::from_utf8(parts.join(by.as_bytes())) {
        Ok(text) => Value::Text(text),
        Err(bad) => Value::Invalid(Kind::Text, bad.into_bytes()),
    }
}
