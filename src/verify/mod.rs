//! Verification: rows of two unlike schemas compared as meaning, by keyed digests in bounded memory.
//! Reads mappings, catalogs and rows that the caller scanned; writes results and anonymous spill files.
//!
//! The way of a row: `mapping` says which columns mean the same → `side` joins, filters and takes the values →
//! `transform` parses them → `canonical` gives their bytes → `keys` the digests → `partitions` sorts the records of a side
//! → `compare` gives each source row its verdict → `report` holds the figures. `causes` tells
//! afterwards what went wrong with the rows that differ, and `paired` finds those again that went wrong in their key.

pub mod calendar;
pub mod canonical;
pub mod causes;
pub mod compare;
mod coverage;
pub mod digest_file;
pub mod identity;
pub mod json_form;
pub mod keys;
pub mod mapping;
mod names;
pub mod paired;
pub mod partitions;
pub mod report;
pub mod side;
pub mod table_digest;
pub mod transform;

#[cfg(test)]
mod tests;
