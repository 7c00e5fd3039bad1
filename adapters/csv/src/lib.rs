//! The adapter of exports: a folder of CSV files, each a table, read whole and never changed.
//! Reads `NAME.csv` and `NAME.csv.gz` of one folder; writes nothing and can destroy nothing.
//!
//! # What whoever uses this crate must know
//!
//! * The address is `csv:DIR?delimiter=;&null=\N&encoding=cp1251`, each option optional ([`options`]).
//! * A file is read by RFC 4180, strictly: what two programs could read in two ways (a quote inside a field that is not
//!   quoted, a lone carriage return, a line of another number of fields, an empty line among several columns) is an error
//!   that names file, line and field, and never a guess. Every value is a text; a mapping's `as:` gives it a meaning.
//! * NULL is what stands unquoted and equals `null`, which is empty by default: PostgreSQL's COPY writes it so, with `""`
//!   for the empty text. That is why the fields are read here and not by the crate `csv`, which tells `""` and nothing at
//!   all apart no more once it has read them; the tests hold our reader to that crate on all that both read.
//! * There are no snapshots. In their place each file's device, inode, size and both times are taken when the visit is
//!   opened, and compared at the beginning and the end of each scan: a file that changed in between is an error, so all
//!   scans of a visit see the files of one moment or fail.
//! * What cannot be seen: a file without compression that was cut right between two lines, or within the last field, is a
//!   shorter file. Its rows are then missing or different, never matched. A compressed one that was cut is an error.
//! * Names that begin with a dot are left alone (`._pupils.csv` is another system's note about a file), and so is every
//!   file with another ending. A link that leads out of the folder is refused, and so is what is no plain file.

mod error;
mod export;
mod fields;
mod file;
mod options;
mod read;
mod table;

use lastbell_contract::{Adapter, ErasePermit, Eraser, ErrorKind, Location, Reader, Result};

/// The engine. It has no settings: everything is in the location.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl Adapter for Csv {
    fn scheme(&self) -> &'static str {
        "csv"
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        Ok(Box::new(read::ExportReader::new(export::Export::open(location)?)))
    }

    fn open_eraser(&self, location: &Location, _: &ErasePermit) -> Result<Box<dyn Eraser>> {
        export::Export::open(location)?;
        Err(error::refused(ErrorKind::Unsupported, "open", "read-only-store"))
    }
}
