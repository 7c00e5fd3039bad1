//! A sample of a big table: blocks of neighbouring rows by its key, at the first, the last and seeded places.
//! The same store and seed give the same rows. Reads the key and its bounds; changes nothing.
//!
//! A key of one integer column is probed by value, any other by its position in the index: `LIMIT 1 OFFSET n` over the
//! primary key reads index entries, not rows. Without a key the first rows come; no order is promised of them.

use crate::columns::{Form, Told};
use crate::quote::{quote, quote_all};
use crate::session::Session;
use lastbell_contract::{Result, Scan};
use mysql::Value;
use std::collections::BTreeSet;

const BLOCK_ROWS: u64 = 25;

/// A table with gaps in its key gives the same block twice; so many tries for each block wanted.
const TRIES: u64 = 4;

/// Some neighbouring rows.
pub(crate) struct Block {
    /// What follows the table's name in the statement.
    pub(crate) rest: String,
    /// Its parameters.
    pub(crate) values: Vec<Value>,
}

/// What to read.
pub(crate) enum Plan {
    /// Everything.
    Whole,
    /// These blocks, which have no row in common.
    Blocks(Vec<Block>),
}

/// Decides for a scan.
pub(crate) fn plan(session: &mut Session, scan: &Scan, columns: &[Told]) -> Result<Plan> {
    let Some((rows, seed)) = scan.sample else { return Ok(Plan::Whole) };
    let table = quote(&scan.table.name);
    let more = rows.saturating_add(1);
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {more}) AS beginning");
    if session.number("scan", &sql, ())? <= rows {
        return Ok(Plan::Whole);
    }
    let key = primary_key(session, &scan.table.name)?;
    let is_int = |name: &String| columns.iter().any(|told| told.column.name == *name && told.form == Form::Int);
    match key.as_slice() {
        [] => Ok(Plan::Blocks(vec![Block { rest: format!(" LIMIT {rows}"), values: Vec::new() }])),
        [only] if is_int(only) => by_value(session, &table, only, rows, seed),
        several => by_place(session, &table, &quote_all(several), rows, seed),
    }
}

fn primary_key(session: &mut Session, table: &str) -> Result<Vec<String>> {
    let sql = "SELECT COLUMN_NAME, TABLE_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() \
               AND TABLE_NAME = ? AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX";
    let found = session.rows("scan", sql, (table,), |row| Ok((row.text(0)?, row.text(1)?)))?;
    Ok(found.into_iter().filter(|(_, of)| of == table).map(|(name, _)| name).collect())
}

/// Ranges of an integer key. Each block is fixed by its first and last key, so that no row comes twice.
fn by_value(session: &mut Session, table: &str, key: &str, wanted: u64, seed: u64) -> Result<Plan> {
    let key = quote(key);
    let bounds = format!("SELECT CAST(MIN({key}) AS CHAR), CAST(MAX({key}) AS CHAR) FROM {table}");
    let bounds = session.row("scan", &bounds, (), |row| Ok((row.maybe_text(0)?, row.maybe_text(1)?)))?;
    let number = |text: Option<String>| text.and_then(|text| text.parse::<i128>().ok());
    let (Some(lowest), Some(highest)) = (number(bounds.0), number(bounds.1)) else { return Ok(Plan::Whole) };
    let mut chosen = Chosen { keys: BTreeSet::new(), wanted };
    let up = format!("SELECT CAST({key} AS CHAR) FROM {table} WHERE {key} >= ? ORDER BY {key} LIMIT ");
    let down = format!("SELECT CAST({key} AS CHAR) FROM {table} WHERE {key} <= ? ORDER BY {key} DESC LIMIT ");
    chosen.probe(session, &up, lowest)?;
    chosen.probe(session, &down, highest)?;
    let mut random = seed;
    for _ in 0..TRIES * wanted.div_ceil(BLOCK_ROWS) {
        if chosen.is_full() {
            break;
        }
        chosen.probe(session, &up, between(lowest, highest, next(&mut random)))?;
    }
    let block = |keys: &[i128]| Block {
        rest: format!(" WHERE {key} IN ({})", vec!["?"; keys.len()].join(", ")),
        values: keys.iter().map(|key| bound(*key)).collect(),
    };
    let keys: Vec<i128> = chosen.keys.into_iter().collect();
    Ok(Plan::Blocks(keys.chunks(1000).map(block).collect()))
}

struct Chosen {
    keys: BTreeSet<i128>,
    wanted: u64,
}

impl Chosen {
    fn is_full(&self) -> bool {
        self.keys.len() as u64 >= self.wanted
    }

    fn probe(&mut self, session: &mut Session, sql: &str, from: i128) -> Result<()> {
        let sql = format!("{sql}{}", BLOCK_ROWS.min(self.wanted));
        let found = session.rows("scan", &sql, vec![bound(from)], |row| row.text(0))?;
        for key in found.iter().filter_map(|text| text.parse().ok()) {
            if !self.is_full() {
                self.keys.insert(key);
            }
        }
        Ok(())
    }
}

/// A key that is at most 64 bits, signed or not.
fn bound(key: i128) -> Value {
    i64::try_from(key).map(Value::Int).or_else(|_| u64::try_from(key).map(Value::UInt)).unwrap_or(Value::NULL)
}

/// Blocks by their place in the order of the key.
fn by_place(session: &mut Session, table: &str, order: &str, wanted: u64, seed: u64) -> Result<Plan> {
    let rows = session.number("scan", &format!("SELECT COUNT(*) FROM {table}"), ())?;
    let slots = rows.div_ceil(BLOCK_ROWS);
    let blocks = wanted.div_ceil(BLOCK_ROWS).min(slots);
    let mut chosen: BTreeSet<u64> = [0, slots.saturating_sub(1)].into_iter().collect();
    let mut random = seed;
    for _ in 0..TRIES * blocks {
        if chosen.len() as u64 >= blocks {
            break;
        }
        chosen.insert(next(&mut random) % slots.max(1));
    }
    let mut left = wanted;
    let block = |slot: u64| {
        let size = BLOCK_ROWS.min(left);
        left -= size;
        let offset = slot * BLOCK_ROWS;
        Block { rest: format!(" ORDER BY {order} LIMIT {size} OFFSET {offset}"), values: Vec::new() }
    };
    Ok(Plan::Blocks(chosen.into_iter().map(block).collect()))
}

/// A key in the closed range; the bias of the remainder is of no weight here.
fn between(lowest: i128, highest: i128, random: u64) -> i128 {
    lowest + i128::from(random) % (highest - lowest + 1)
}

/// SplitMix64 (Steele, Lea, Flood 2014): a fixed sequence for each seed.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
