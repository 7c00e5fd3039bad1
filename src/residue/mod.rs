//! Residue: what was destroyed is looked for in every file that can be read.
//!
//! `needles` takes every destroyed cell while its unit is proved and keeps keyed fingerprints of those that can be told
//! from chance; `shard` is their form on disk (the caller seals it); `kept` takes away what also stands in rows that stay;
//! `scanner` reads files; `report` says what was found, and what was not looked for or not looked at. Knows no engine,
//! no clock, no terminal; reads files only in `scanner`.
//!
//! Not searched: base64, hex, percent and HTML escapes, compressed bytes (a decoder hands its output to
//! [`Scanner::scan_reader`]), integers of fewer than 11 digits, and SQLite's own 6-byte integers, of which chance makes
//! too many: about one false hit in 100 MB for 100,000 eleven-digit values.

mod distinctive;
mod escapes;
mod forms;
mod index;
mod kept;
mod keyed;
mod needles;
mod report;
mod scanner;
mod shard;
mod words;

#[cfg(test)]
mod tests;

pub use distinctive::Reason;
pub use forms::Encoding;
pub use kept::KeptRows;
pub use needles::{Collector, Limits};
pub use report::{Clean, ColumnReport, FileReport, NotLookedAt, NotLookedFor, NotRead, Place, Report, ReportDraft};
pub use scanner::{Ended, FileScan, Found, Looked, Progress, Scanner};
pub use shard::{ColumnTally, Shard, check_set, tallies};
