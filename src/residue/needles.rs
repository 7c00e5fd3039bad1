//! The collector: takes every destroyed cell while its unit is proved, keeps fingerprints of the distinctive ones.
//!
//! Memory is bounded by `needles_max × shards_max` forms of about 80 bytes (measured: 930,000 values in 3.7 million
//! forms, 300 MB). When they are used up, the column that holds most gives up the half of its values with the larger
//! identities. Identities are keyed and random, so what is left of each column is a fair sample, whatever the order of
//! rows; small columns stay whole. What is given up, and what would have been above the same mark later, counts as beyond
//! the bound.

use super::distinctive::Reason;
use super::forms::{Atom, FORMS_MAX, Form, Piece, strings_in};
use super::keyed::Keys;
use super::shard::{Class, Column, Entry, Needle, RUN_MAX, Shard, slot_of};
use lastbell_contract::Value;
use std::collections::{BTreeMap, HashMap};

/// How much the collector may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Forms in one shard: a value has three in ASCII, five in Cyrillic, up to ten when it is long.
    pub needles_max: usize,
    /// Shards of one unit.
    pub shards_max: usize,
}

impl Default for Limits {
    /// 8 million forms in four shards of 110 MB: about 1.6 million Cyrillic names or 2 million values of all sorts, and
    /// 700 MB of memory while they are gathered.
    fn default() -> Self {
        Self { needles_max: 2_000_000, shards_max: 4 }
    }
}

/// Gathers the needles of one unit.
pub struct Collector {
    keys: Keys,
    limits: Limits,
    columns: Vec<Column>,
    /// Values of this identity and above are not taken: the mark of each column, and the forms it holds.
    marks: Vec<(u64, usize)>,
    numbers: BTreeMap<String, BTreeMap<String, u32>>,
    needles: Vec<Needle>,
    entries: Vec<Entry>,
    by_id: HashMap<u64, u32>,
    /// Pieces of long values: boilerplate is common, and a thousand fingerprints of one head would only cost time.
    pieces: HashMap<u64, u32>,
    grams: Grams,
}

impl Collector {
    /// An empty collector. The key is the case's needle key.
    #[must_use]
    pub fn new(key: &[u8; 32], limits: Limits) -> Self {
        Self {
            keys: Keys::new(key),
            limits,
            columns: Vec::new(),
            marks: Vec::new(),
            numbers: BTreeMap::new(),
            needles: Vec::new(),
            entries: Vec::new(),
            by_id: HashMap::new(),
            pieces: HashMap::new(),
            grams: Grams::new(),
        }
    }

    /// Takes one destroyed cell. NULL and empty ones are not counted.
    pub fn add(&mut self, table: &str, column: &str, value: &Value) {
        let column = self.column(table, column);
        if let Some(atom) = Atom::of(value) {
            self.atom(column, atom);
        }
        if let Value::Json(document) = value {
            for text in strings_in(document) {
                if let Some(atom) = Atom::of(&Value::Text(text)) {
                    self.atom(column, atom);
                }
            }
        }
    }

    /// The finished set: at least one shard, all forms of a value in the same one.
    #[must_use]
    pub fn finish(self) -> Vec<Shard> {
        let Self { keys, limits, columns, needles, entries, marks, numbers, by_id, pieces, grams } = self;
        drop((marks, numbers, by_id, pieces, grams)); // a third of the memory, and not needed any more
        let mut order: Vec<u32> = (0..needles.len() as u32).collect();
        order.sort_unstable_by_key(|needle| needles[*needle as usize].id);
        let parts = divide(&order, &entries, needles.len(), limits.needles_max);
        let set = set_of(&keys, &columns, &order, &needles);
        let count = parts.len() as u32;
        let mut shards: Vec<Shard> = (0..count)
            .zip(&parts)
            .map(|(number, part)| Shard {
                proof: keys.proof,
                set,
                number,
                count,
                columns: if number == 0 { columns.clone() } else { columns.iter().map(without_figures).collect() },
                needles: part.iter().map(|needle| needles[*needle as usize].clone()).collect(),
                entries: Vec::new(),
            })
            .collect();
        share_out(entries, &parts, needles.len(), &mut shards);
        shards
    }

    fn column(&mut self, table: &str, column: &str) -> u32 {
        if let Some(number) = self.numbers.get(table).and_then(|columns| columns.get(column)) {
            return *number;
        }
        let number = self.columns.len() as u32;
        self.numbers.entry(table.to_owned()).or_default().insert(column.to_owned(), number);
        let (table, column) = (table.to_owned(), column.to_owned());
        self.columns.push(Column { table, column, cells: 0, skipped: BTreeMap::new() });
        self.marks.push((u64::MAX, 0));
        number
    }

    fn atom(&mut self, column: u32, atom: Atom<'_>) {
        self.columns[column as usize].cells += 1;
        if let Some(reason) = atom.judge() {
            return self.skip(column, reason, 1);
        }
        let (kind, bytes) = atom.identity();
        let id = self.keys.value(kind, &bytes);
        if let Some(needle) = self.by_id.get(&id) {
            return self.needles[*needle as usize].count(column, 1);
        }
        if id >= self.marks[column as usize].0 {
            return self.skip(column, Reason::BeyondBound, 1);
        }
        self.new_needle(column, id, atom.forms());
    }

    fn skip(&mut self, column: u32, reason: Reason, cells: u64) {
        *self.columns[column as usize].skipped.entry(reason).or_default() += cells;
    }

    fn new_needle(&mut self, column: u32, id: u64, forms: Vec<Form>) {
        if forms.is_empty() {
            return self.skip(column, Reason::LowEntropy, 1);
        }
        if !self.make_room(forms.len()) || id >= self.marks[column as usize].0 {
            return self.skip(column, Reason::BeyondBound, 1);
        }
        let needle = self.needles.len() as u32;
        let owners = self.claim_pieces(&forms, needle);
        if let Some(owner) = shared_wholly(&forms, &owners, needle) {
            return self.needles[owner as usize].count(column, 1);
        }
        let mut has = 0;
        for form in forms {
            if owners[form.piece as usize] == needle {
                has |= form.piece.bit();
                self.marks[column as usize].1 += 1;
                let offset = self.grams.rarest(&self.keys, &form.bytes);
                let kind = (form.encoding, form.piece);
                self.entries.push(Entry::new(&self.keys, &form.bytes, offset, kind, needle));
            }
        }
        self.by_id.insert(id, needle);
        self.needles.push(Needle { id, has, gone: 0, first: (column, 1), more: Vec::new() });
    }

    /// Which needle owns each piece: the first that had it.
    fn claim_pieces(&mut self, forms: &[Form], needle: u32) -> [u32; 3] {
        let mut owners = [needle; 3];
        let mut claimed = 0;
        for form in forms.iter().filter(|form| form.piece != Piece::Whole) {
            if claimed & form.piece.bit() == 0 {
                claimed |= form.piece.bit(); // the first form of a piece is UTF-8 or raw, and speaks for the others
                let piece = self.keys.value(b'p', &form.bytes);
                owners[form.piece as usize] = *self.pieces.entry(piece).or_insert(needle);
            }
        }
        owners
    }

    /// False when the bound leaves no room at all.
    fn make_room(&mut self, forms: usize) -> bool {
        // A shard may stay short by one value, because a value's forms are never parted.
        let room = self.limits.needles_max.saturating_sub(FORMS_MAX).saturating_mul(self.limits.shards_max);
        while self.entries.len() + forms > room {
            let fullest = (0..self.marks.len()).max_by_key(|column| self.marks[*column].1);
            match fullest {
                Some(column) if self.marks[column].1 > 0 => self.halve(column),
                Some(_) | None => return false,
            }
        }
        true
    }

    /// Lowers a column's mark to its median identity and gives up what stands above.
    fn halve(&mut self, column: usize) {
        let owned = |needle: &&Needle| needle.first.0 as usize == column;
        let mut ids: Vec<u64> = self.needles.iter().filter(owned).map(|needle| needle.id).collect();
        let middle = ids.len() / 2;
        let mark = *ids.select_nth_unstable(middle).1;
        self.marks[column] = (mark, 0);
        let mut moved = vec![u32::MAX; self.needles.len()];
        let mut kept = Vec::with_capacity(self.needles.len());
        for (old, needle) in std::mem::take(&mut self.needles).into_iter().enumerate() {
            if needle.first.0 as usize == column && needle.id >= mark {
                for (column, cells) in needle.columns() {
                    self.skip(column, Reason::BeyondBound, cells);
                }
            } else {
                moved[old] = kept.len() as u32;
                kept.push(needle);
            }
        }
        self.needles = kept;
        self.renumber(&moved);
        self.marks[column].1 = self.entries.iter().filter(|entry| owner(&self.needles, entry) == column).count();
    }

    fn renumber(&mut self, moved: &[u32]) {
        let renumber = |needle: &mut u32| {
            *needle = moved[*needle as usize];
            *needle != u32::MAX
        };
        self.entries.retain_mut(|entry| renumber(&mut entry.needle));
        self.by_id.retain(|_, needle| renumber(needle));
        self.pieces.retain(|_, needle| renumber(needle));
    }
}

fn owner(needles: &[Needle], entry: &Entry) -> usize {
    needles[entry.needle as usize].first.0 as usize
}

/// The needle that already stands for a value whose every piece is taken.
fn shared_wholly(forms: &[Form], owners: &[u32; 3], needle: u32) -> Option<u32> {
    let taken = forms.iter().all(|form| owners[form.piece as usize] != needle);
    forms.first().filter(|_| taken).map(|form| owners[form.piece as usize])
}

fn without_figures(column: &Column) -> Column {
    Column { cells: 0, skipped: BTreeMap::new(), ..column.clone() }
}

/// Needles in the order of their identities, cut where a shard is full.
fn divide(order: &[u32], entries: &[Entry], needles: usize, forms_max: usize) -> Vec<Vec<u32>> {
    let mut forms = vec![0_usize; needles];
    entries.iter().for_each(|entry| forms[entry.needle as usize] += 1);
    let (mut parts, mut held) = (vec![Vec::new()], 0);
    for needle in order {
        let more = forms[*needle as usize];
        if held + more > forms_max && held > 0 {
            parts.push(Vec::new());
            held = 0;
        }
        held += more;
        parts.last_mut().expect("there is always a last part").push(*needle);
    }
    parts
}

/// Puts each entry into its needle's shard, in the random order of the anchors. Cut off from the end, so that no more
/// than one shard is in memory twice.
fn share_out(mut entries: Vec<Entry>, parts: &[Vec<u32>], needles: usize, shards: &mut [Shard]) {
    let mut places = vec![(0_u32, 0_u32); needles];
    for (part, members) in (0..).zip(parts) {
        (0..).zip(members).for_each(|(at, needle)| places[*needle as usize] = (part, at));
    }
    entries.sort_unstable_by_key(|entry| (places[entry.needle as usize].0, entry.anchor, entry.mac));
    for (number, shard) in shards.iter_mut().enumerate().rev() {
        let begin = entries.partition_point(|entry| places[entry.needle as usize].0 < number as u32);
        let mut own = if begin == 0 { std::mem::take(&mut entries) } else { entries.split_off(begin) };
        entries.shrink_to_fit();
        own.iter_mut().for_each(|entry| entry.needle = places[entry.needle as usize].1);
        shard.entries = own;
    }
}

/// Names the set, so that shards of two units are never mixed.
fn set_of(keys: &Keys, columns: &[Column], order: &[u32], needles: &[Needle]) -> [u8; 16] {
    let mut bytes: Vec<u8> = order.iter().flat_map(|needle| needles[*needle as usize].id.to_le_bytes()).collect();
    for column in columns {
        for name in [&column.table, &column.column] {
            bytes.extend_from_slice(&(name.len() as u64).to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.extend_from_slice(&column.cells.to_le_bytes());
    }
    let mut set = [0; 16];
    set.copy_from_slice(&keys.shard(&bytes)[..16]);
    set
}

/// Counts windows in a sketch of fixed size (two rows of a count-min sketch), to anchor a form where it is rarest: the
/// four letters of "Иван" begin a hundred thousand values, and would stop the scanner at each of them.
struct Grams(Vec<u16>);

const GRAM_ROW: usize = 1 << 20;
/// Windows such as eight zeros are in every page, however rare among the values.
const DIFFERENT_MIN: usize = 3;
/// Worse than any count.
const DULL: u32 = 1 << 20;

impl Grams {
    fn new() -> Self {
        Self(vec![0; 2 * GRAM_ROW])
    }

    /// Where the rarest run of windows so far begins; counts all windows of the form.
    fn rarest(&mut self, keys: &Keys, form: &[u8]) -> usize {
        let class = Class::of(form.len());
        let mut ranks = [0; RUN_MAX];
        let (mut best, mut at_best) = (u32::MAX, 0);
        for (at, window) in form.windows(class.window).enumerate() {
            let dull = if is_dull(window) { DULL } else { 0 };
            ranks[at % class.run] = dull + u32::from(self.count(slot_of(keys, window)));
            let run: u32 = ranks[..class.run].iter().sum();
            if at + 1 >= class.run && run < best {
                (best, at_best) = (run, at + 1 - class.run);
            }
        }
        at_best
    }

    /// How often it was seen before, then once more.
    fn count(&mut self, slot: u32) -> u16 {
        let cells = [slot as usize % GRAM_ROW, GRAM_ROW + (slot as usize >> 12) % GRAM_ROW];
        let seen = cells.map(|cell| self.0[cell]).into_iter().min().unwrap_or(0);
        cells.into_iter().for_each(|cell| self.0[cell] = self.0[cell].saturating_add(1));
        seen
    }
}

fn is_dull(window: &[u8]) -> bool {
    let mut different = [0; DIFFERENT_MIN];
    let mut count = 0;
    for byte in window {
        if !different[..count].contains(byte) {
            different[count] = *byte;
            count += 1;
            if count == DIFFERENT_MIN {
                return false;
            }
        }
    }
    true
}
