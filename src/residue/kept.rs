//! Takes away needles that also stand in rows that stay, or in the schema: a hit of such a value would prove nothing.
//!
//! Looks for the needles inside the kept cells, as substrings, as the scanner would find them in the file. Text of a kept
//! cell is compared as UTF-8; whoever is found is dropped in every encoding. A long value loses only the piece found.

use super::distinctive::SHORTEST;
use super::forms::{Atom, Encoding, strings_in};
use super::index::Index;
use super::shard::Shard;
use crate::failure::Result;
use lastbell_contract::Value;

/// The needles of one or more shards, and which of them were met in what stays.
pub struct KeptRows {
    index: Index,
    /// Pieces met, for each needle.
    gone: Vec<u8>,
}

impl KeptRows {
    /// Prepares the needles of these shards.
    ///
    /// # Errors
    /// `needles-wrong-key`, `needles-damaged`.
    pub fn new(key: &[u8; 32], shards: &[Shard]) -> Result<Self> {
        let needles = shards.iter().map(|shard| shard.needles.len()).sum();
        Ok(Self { index: Index::new(key, shards)?, gone: vec![0; needles] })
    }

    /// A cell of a row that stays.
    pub fn exclude(&mut self, value: &Value) {
        match Atom::of(value) {
            Some(Atom::Text(text)) => self.exclude_text(text),
            Some(Atom::Bytes(bytes)) => self.meet(bytes, false),
            // A number or an identifier stands in the file in forms of its own.
            Some(atom @ (Atom::Whole(_) | Atom::Decimal(_) | Atom::Real(_) | Atom::Uuid(_))) => {
                atom.forms().iter().for_each(|form| self.meet(&form.bytes, false));
            }
            Some(Atom::Small) | None => {}
        }
        if let Value::Json(document) = value {
            strings_in(document).iter().for_each(|text| self.exclude_text(text));
        }
    }

    /// A text that stays: a kept cell, a table's definition, a comment.
    pub fn exclude_text(&mut self, text: &str) {
        self.meet(text.as_bytes(), true);
    }

    /// Marks in the shards what was met. Returns how many needles are not looked for any more.
    ///
    /// The shards must be those given to [`KeptRows::new`], in the same order.
    pub fn apply(self, shards: &mut [Shard]) -> u64 {
        let mut dropped = 0;
        let needles = shards.iter_mut().flat_map(|shard| &mut shard.needles);
        for (needle, gone) in needles.zip(self.gone) {
            let before = needle.is_looked_for();
            needle.gone |= gone;
            dropped += u64::from(before && !needle.is_looked_for());
        }
        dropped
    }

    fn meet(&mut self, bytes: &[u8], only_text: bool) {
        if bytes.len() < SHORTEST {
            return;
        }
        let gone = &mut self.gone;
        self.index.search(bytes, &mut |found| {
            if !only_text || found.encoding == Encoding::Utf8 {
                gone[found.needle as usize] |= found.piece.bit();
            }
        });
    }
}
