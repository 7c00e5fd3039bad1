//! The digest of one whole table as it stands: every column, no transform, rows as a multiset.
//! Reads contract rows, writes a count and a root. It tells drift between `verify` and the locked proof, and stands for
//! tables without a mapping.

use super::canonical;
use super::keys::{ROW_DIGEST_BYTES, VerifyKeys};
use super::partitions::{DigestSet, RecordBytes};
use crate::failure::Result;
use crate::merkle::Hash;
use lastbell_contract::{PackedRow, TableId, Value};
use sha2::{Digest, Sha256};
use std::path::Path;

/// A table's rows at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDigest {
    /// How many rows.
    pub rows: u64,
    /// The digest over them, in the order of their own digests. Two tables of unlike names or columns have unlike roots, even when both are empty of rows.
    pub root: Hash,
}

/// Digests a table's rows as they come.
pub struct TableDigester {
    keys: VerifyKeys,
    set: DigestSet,
    columns: usize,
    canonical: Vec<u8>,
    record: Vec<u8>,
    header: Vec<u8>,
}

impl TableDigester {
    /// A digester for a table with these columns in this order. `case_key` is the verification key of the case.
    #[must_use]
    pub fn new(
        case_key: &[u8; 32],
        table: &TableId,
        columns: &[String],
        memory_bytes_max: usize,
        spill_folder: &Path,
    ) -> Self {
        let mut header = Vec::new();
        let name = Value::Text(table.name.clone());
        let schema = table.schema.clone().map_or(Value::Null, Value::Text);
        let names: Vec<Value> = [schema, name].into_iter().chain(columns.iter().cloned().map(Value::Text)).collect();
        canonical::append_row(&mut header, names.iter());
        let bytes = RecordBytes { all: ROW_DIGEST_BYTES, compared: ROW_DIGEST_BYTES };
        Self {
            keys: VerifyKeys::derive(case_key, &format!("table:{table}")),
            set: DigestSet::new(bytes, memory_bytes_max, spill_folder),
            columns: columns.len(),
            canonical: Vec::new(),
            record: Vec::new(),
            header,
        }
    }

    /// Takes a row.
    ///
    /// # Errors
    /// When the spill file cannot be written.
    ///
    /// # Panics
    /// When the row has another number of columns.
    pub fn row(&mut self, row: PackedRow<'_>) -> Result<()> {
        self.canonical.clear();
        canonical::append_row_head(&mut self.canonical, self.columns);
        let mut cells = 0;
        for cell in row.cells() {
            canonical::append_cell(&mut self.canonical, cell);
            cells += 1;
        }
        assert_eq!(cells, self.columns, "a row has the columns that the scan asked for");
        self.record.clear();
        self.keys.append_row_digest(&self.canonical, &mut self.record);
        self.set.push(&self.record)
    }

    /// The table's digest: SHA-256 over the header's digest and the sorted digests of all rows. No tree: nobody is ever shown
    /// that a row is in it, and a row then costs half a block of SHA-256, not the three of a leaf and a node.
    ///
    /// # Errors
    /// When the spill file cannot be read.
    pub fn finish(self) -> Result<TableDigest> {
        let mut header = Vec::new();
        self.keys.append_row_digest(&self.header, &mut header);
        let set = self.set.finish()?;
        let mut whole = Sha256::new_with_prefix(&header);
        set.each(&mut |digest| {
            whole.update(digest);
            Ok(())
        })?;
        Ok(TableDigest { rows: set.rows(), root: whole.finalize().into() })
    }
}
