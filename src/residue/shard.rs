//! A shard: the fingerprints of some needles, and their form on disk. The caller seals the bytes; even unsealed they let
//! nobody test a guess without the key: every hash is keyed, places and lengths are masked, needles are in random order.
//!
//! Bytes (integers low byte first): `LBNEEDLE`, version u16, key proof 16, set 16, number u32, count u32 of shards;
//! columns u32 × {table, column: u32 length + UTF-8; cells u64; reasons u8 × (reason u8, count u64)};
//! needles u32 × {id u64, gone u8, columns u32 × (column u32, cells u64)};
//! entries u32 × {anchor u64, masked 20, mac 16, check u32, needle u32}; HMAC-SHA-256 over all before it.

use super::distinctive::{Reason, SHORTEST};
use super::forms::LONGEST_FORM;
use super::forms::{Encoding, Piece};
use super::keyed::Keys;
use super::scanner::Found;
use crate::failure::Result;
use std::{collections::BTreeMap, fmt};

const MAGIC: &[u8; 8] = b"LBNEEDLE";
const VERSION: u16 = 1;
const ENTRY_BYTES: usize = 52;
/// The most windows of a form that go into the filter.
pub(super) const RUN_MAX: usize = 4;

/// How forms of some length are anchored: by a window of some bytes, of which so many stand in a row that the scanner
/// need only probe every so-many-th byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    /// Bytes of the window.
    pub(super) window: usize,
    /// Windows in a row, and the scanner's step.
    pub(super) run: usize,
}

impl Class {
    /// All classes. Windows of 16 bytes because 8 are four Cyrillic letters: in Russian prose every place has such an
    /// anchor (measured with 50,000 names: 15 times slower).
    pub(super) const ALL: [Self; 3] =
        [Self { window: 6, run: 1 }, Self { window: 8, run: RUN_MAX }, Self { window: 16, run: RUN_MAX }];

    /// The number in [`Class::ALL`] for forms of this length: the widest that fits.
    pub(super) fn number(length: usize) -> usize {
        Self::ALL.iter().rposition(|class| class.span() <= length).unwrap_or(0)
    }

    /// The class for forms of this length.
    pub(super) fn of(length: usize) -> Self {
        Self::ALL[Self::number(length)]
    }

    /// Bytes from the first window's begin to the last one's end.
    pub(super) fn span(self) -> usize {
        self.window + self.run - 1
    }
}

/// One form's fingerprint.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) anchor: u64,
    /// A [`Spot`] under its pad.
    pub(super) masked: [u32; 5],
    pub(super) mac: [u8; 16],
    pub(super) check: u32,
    /// Which needle of this shard.
    pub(super) needle: u32,
}

/// Where the anchor stands in the form, and what the form is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// Hashes of the windows for the quick filter; the class tells how many.
    pub(super) slots: [u32; RUN_MAX],
    pub(super) offset: u8,
    /// 6 to 256.
    pub(super) length: u16,
    pub(super) encoding: Encoding,
    pub(super) piece: Piece,
}

impl Spot {
    fn pack(self) -> [u32; 5] {
        let [a, b, c, d] = self.slots;
        let place = u32::from(self.offset) << 24 | u32::from(self.length - 1) << 16;
        [a, b, c, d, place | (self.encoding as u32) << 8 | self.piece as u32]
    }

    fn unpack([a, b, c, d, place]: [u32; 5]) -> Option<Self> {
        let byte = |shift: u32| (place >> shift) as u8;
        let spot = Self {
            slots: [a, b, c, d],
            offset: byte(24),
            length: u16::from(byte(16)) + 1,
            encoding: *Encoding::ALL.get(usize::from(byte(8)))?,
            piece: *Piece::ALL.get(usize::from(byte(0)))?,
        };
        let length = usize::from(spot.length);
        let fits = usize::from(spot.offset) + Class::of(length).span() <= length;
        (length >= SHORTEST && fits).then_some(spot)
    }
}

impl Entry {
    /// Fingerprints a form whose first anchor window begins at `offset`.
    pub(super) fn new(keys: &Keys, form: &[u8], offset: usize, kind: (Encoding, Piece), needle: u32) -> Self {
        debug_assert!(form.len() <= LONGEST_FORM);
        let class = Class::of(form.len());
        let (anchor, mac) = (keys.anchor(&form[offset..offset + class.window]), keys.form(form));
        let mut slots = [0; RUN_MAX];
        let run = form[offset..offset + class.span()].windows(class.window);
        slots.iter_mut().zip(run).for_each(|(slot, window)| *slot = slot_of(keys, window));
        let spot = Spot {
            slots,
            offset: u8::try_from(offset).expect("a form has at most 256 bytes, its windows 11 of them"),
            length: u16::try_from(form.len()).expect("a form has at most 256 bytes"),
            encoding: kind.0,
            piece: kind.1,
        };
        Self { anchor, masked: masked(keys, anchor, &mac, spot.pack()), mac, check: keys.check(form), needle }
    }

    /// The spot, if the entry is sound.
    pub(super) fn spot(&self, keys: &Keys) -> Option<Spot> {
        Spot::unpack(masked(keys, self.anchor, &self.mac, self.masked))
    }
}

/// Puts the pad on, or takes it off.
fn masked(keys: &Keys, anchor: u64, mac: &[u8; 16], mut words: [u32; 5]) -> [u32; 5] {
    let pad = keys.mask(anchor, mac).into_iter().flat_map(|word| [word as u32, (word >> 32) as u32]);
    words.iter_mut().zip(pad).for_each(|(word, pad)| *word ^= pad);
    words
}

/// The filter hash of a window of 6, 8 or 16 bytes.
pub(super) fn slot_of(keys: &Keys, window: &[u8]) -> u32 {
    let mut word = [0; 16];
    word[..window.len()].copy_from_slice(window);
    let word = u128::from_le_bytes(word);
    match window.len() {
        16 => keys.gram16(word),
        8 => keys.gram8(word as u64),
        _ => keys.gram6(word as u64), // a length, not an enum
    }
}

/// One distinct value.
#[derive(Clone)]
pub(super) struct Needle {
    /// Keyed, the same in every unit under the same key.
    pub(super) id: u64,
    /// Which pieces have forms (bits of [`Piece::bit`]); not stored, read off the entries.
    pub(super) has: u8,
    /// Which pieces also stand in kept rows.
    pub(super) gone: u8,
    /// The column where it was seen first, and in how many cells.
    pub(super) first: (u32, u64),
    /// Further columns.
    pub(super) more: Vec<(u32, u64)>,
}

impl Needle {
    /// False when every piece stands in kept rows, too.
    pub(super) fn is_looked_for(&self) -> bool {
        self.has & !self.gone != 0
    }

    /// Column and cells.
    pub(super) fn columns(&self) -> impl Iterator<Item = (u32, u64)> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }

    /// Counts more cells of this value.
    pub(super) fn count(&mut self, column: u32, cells: u64) {
        let known = std::iter::once(&mut self.first).chain(&mut self.more).find(|(known, _)| *known == column);
        match known {
            Some((_, count)) => *count += cells,
            None => self.more.push((column, cells)),
        }
    }
}

/// What was handed in, by column. Only the first shard of a set has figures; the names stand in each.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) table: String,
    pub(super) column: String,
    /// Values that were neither NULL nor empty.
    pub(super) cells: u64,
    pub(super) skipped: BTreeMap<Reason, u64>,
}

/// Some of the needles of one unit.
#[derive(Clone)]
pub struct Shard {
    pub(super) proof: [u8; 16],
    pub(super) set: [u8; 16],
    pub(super) number: u32,
    pub(super) count: u32,
    pub(super) columns: Vec<Column>,
    pub(super) needles: Vec<Needle>,
    pub(super) entries: Vec<Entry>,
}

impl Shard {
    /// The same shard with the forms of those needles alone that were found: small enough to be looked for in every way in
    /// which kept cells can stand side by side.
    #[must_use]
    pub fn suspects(&self, found: &Found) -> Self {
        let entries =
            self.entries.iter().filter(|entry| found.needles.contains_key(&self.needles[entry.needle as usize].id));
        Self { entries: entries.cloned().collect(), ..self.clone() }
    }

    /// Takes over which pieces of the suspects stand in kept rows.
    pub fn spare(&mut self, suspects: &Self) {
        self.needles.iter_mut().zip(&suspects.needles).for_each(|(needle, suspect)| needle.gone |= suspect.gone);
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Shard({} of {}, {} needles, {} forms)",
            self.number,
            self.count,
            self.needles.len(),
            self.entries.len()
        )
    }
}

/// What became of one column's values. `cells` is the sum of `looked_for` and of all that were not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnTally {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Values that were neither NULL nor empty; strings inside a JSON cell count besides the cell.
    pub cells: u64,
    /// Cells whose value is looked for.
    pub looked_for: u64,
    /// Cells whose value is not.
    pub not_looked_for: BTreeMap<Reason, u64>,
}

impl Shard {
    /// Its number in the set, from 0, and how many there are.
    #[must_use]
    pub fn place(&self) -> (u32, u32) {
        (self.number, self.count)
    }

    /// Distinct values in it, also those not looked for because of kept rows.
    #[must_use]
    pub fn needles(&self) -> u64 {
        self.needles.len() as u64
    }

    /// Distinct values in it that are looked for.
    #[must_use]
    pub fn looked_for(&self) -> u64 {
        self.needles.iter().filter(|needle| needle.is_looked_for()).count() as u64
    }

    /// The bytes to be sealed and written.
    #[must_use]
    pub fn to_bytes(&self, key: &[u8; 32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() * ENTRY_BYTES + self.needles.len() * 25 + 4096);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.proof);
        out.extend_from_slice(&self.set);
        put_u32(&mut out, self.number as usize);
        put_u32(&mut out, self.count as usize);
        put_u32(&mut out, self.columns.len());
        self.columns.iter().for_each(|column| put_column(&mut out, column));
        put_u32(&mut out, self.needles.len());
        self.needles.iter().for_each(|needle| put_needle(&mut out, needle));
        put_u32(&mut out, self.entries.len());
        self.entries.iter().for_each(|entry| put_entry(&mut out, entry));
        let seal = Keys::new(key).shard(&out);
        out.extend_from_slice(&seal);
        out
    }

    /// Reads bytes written by [`Shard::to_bytes`].
    ///
    /// # Errors
    /// `needles-version`, `needles-wrong-key`, `needles-damaged`.
    pub fn from_bytes(key: &[u8; 32], bytes: &[u8]) -> Result<Self> {
        let keys = Keys::new(key);
        let mut head = Bytes(bytes);
        if head.take(MAGIC.len()) != Some(MAGIC) {
            return Err(failure!(Refused, "needles-damaged"));
        }
        match head.array().map(u16::from_le_bytes) {
            Some(VERSION) => {}
            Some(version) => return Err(failure!(Refused, "needles-version", version = version)),
            None => return Err(failure!(Refused, "needles-damaged")),
        }
        if head.array::<16>().is_some_and(|proof| proof != keys.proof) {
            return Err(failure!(Refused, "needles-wrong-key"));
        }
        parse(&keys, bytes).ok_or_else(|| failure!(Refused, "needles-damaged"))
    }
}

fn put_u32(out: &mut Vec<u8>, number: usize) {
    let number = u32::try_from(number).expect("counts and lengths in a shard stay below 2^32");
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u32(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_column(out: &mut Vec<u8>, column: &Column) {
    put_text(out, &column.table);
    put_text(out, &column.column);
    out.extend_from_slice(&column.cells.to_le_bytes());
    out.push(column.skipped.len() as u8); // at most six reasons
    for (reason, count) in &column.skipped {
        out.push(*reason as u8);
        out.extend_from_slice(&count.to_le_bytes());
    }
}

fn put_needle(out: &mut Vec<u8>, needle: &Needle) {
    out.extend_from_slice(&needle.id.to_le_bytes());
    out.push(needle.gone);
    put_u32(out, needle.columns().count());
    for (column, cells) in needle.columns() {
        out.extend_from_slice(&column.to_le_bytes());
        out.extend_from_slice(&cells.to_le_bytes());
    }
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.extend_from_slice(&entry.anchor.to_le_bytes());
    entry.masked.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    out.extend_from_slice(&entry.mac);
    out.extend_from_slice(&entry.check.to_le_bytes());
    out.extend_from_slice(&entry.needle.to_le_bytes());
}

/// The part of the bytes not yet read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u32()?;
        String::from_utf8(self.take(length as usize)?.to_vec()).ok()
    }

    /// As many items as announced; an announcement that cannot fit is refused before memory is asked for.
    fn list<T>(&mut self, bytes_min: usize, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.u32()? as usize;
        if length > self.0.len() / bytes_min {
            return None;
        }
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(item(self)?);
        }
        Some(items)
    }
}

fn parse(keys: &Keys, bytes: &[u8]) -> Option<Shard> {
    let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if keys.shard(body) != seal {
        return None;
    }
    let mut rest = Bytes(body.get(MAGIC.len() + 2..)?);
    let (proof, set, number, count) = (rest.array()?, rest.array()?, rest.u32()?, rest.u32()?);
    let columns = rest.list(17, column)?;
    let width = columns.len() as u32;
    let mut needles = rest.list(13, |rest| needle(rest, width))?;
    let entries = rest.list(ENTRY_BYTES, entry)?;
    for entry in &entries {
        needles.get_mut(entry.needle as usize)?.has |= entry.spot(keys)?.piece.bit();
    }
    (rest.0.is_empty() && number < count).then_some(Shard { proof, set, number, count, columns, needles, entries })
}

fn column(rest: &mut Bytes<'_>) -> Option<Column> {
    let (table, column, cells) = (rest.text()?, rest.text()?, rest.u64()?);
    let [reasons] = rest.array()?;
    let mut skipped = BTreeMap::new();
    for _ in 0..reasons {
        let [reason] = rest.array()?;
        skipped.insert(*Reason::ALL.get(usize::from(reason))?, rest.u64()?);
    }
    Some(Column { table, column, cells, skipped })
}

fn needle(rest: &mut Bytes<'_>, width: u32) -> Option<Needle> {
    let (id, [gone]) = (rest.u64()?, rest.array()?);
    let mut columns = rest.list(12, |rest| Some((rest.u32().filter(|column| *column < width)?, rest.u64()?)))?;
    let more = columns.split_off(columns.len().min(1));
    Some(Needle { id, has: 0, gone, first: *columns.first()?, more })
}

fn entry(rest: &mut Bytes<'_>) -> Option<Entry> {
    let anchor = rest.u64()?;
    let masked = [rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?];
    Some(Entry { anchor, masked, mac: rest.array()?, check: rest.u32()?, needle: rest.u32()? })
}

/// Refuses anything but all shards of one unit in order: a lost shard would look like "nothing found".
///
/// # Errors
/// `needles-incomplete`.
pub fn check_set(shards: &[Shard]) -> Result<()> {
    let whole = shards.first().is_some_and(|first| {
        first.count as usize == shards.len()
            && shards
                .iter()
                .zip(0..)
                .all(|(shard, number)| shard.number == number && shard.count == first.count && shard.set == first.set)
    });
    if whole { Ok(()) } else { Err(failure!(Refused, "needles-incomplete", shards = shards.len())) }
}

/// What became of the values of each column, over all shards of one unit.
#[must_use]
pub fn tallies(shards: &[Shard]) -> Vec<ColumnTally> {
    let Some(first) = shards.first() else { return Vec::new() };
    let named = |column: &Column| ColumnTally {
        table: column.table.clone(),
        column: column.column.clone(),
        cells: 0,
        looked_for: 0,
        not_looked_for: BTreeMap::new(),
    };
    let mut tallies: Vec<ColumnTally> = first.columns.iter().map(named).collect();
    for shard in shards {
        for (tally, column) in tallies.iter_mut().zip(&shard.columns) {
            tally.cells += column.cells;
            for (reason, count) in &column.skipped {
                *tally.not_looked_for.entry(*reason).or_default() += count;
            }
        }
        for needle in &shard.needles {
            for (column, cells) in needle.columns() {
                let tally = &mut tallies[column as usize];
                if needle.is_looked_for() {
                    tally.looked_for += cells;
                } else {
                    *tally.not_looked_for.entry(Reason::StandsInKeptRows).or_default() += cells;
                }
            }
        }
    }
    tallies.sort_by(|a, b| (&a.table, &a.column).cmp(&(&b.table, &b.column)));
    tallies
}
