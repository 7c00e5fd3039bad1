//! A table as the server knows it at this moment: its number, its kind, its partitions, the files it lies in.
//! Reads the catalog; under lock what it says stays true.

use crate::error::{About, refused};
use crate::quote::{quote_table, schema_of};
use crate::session::Session;
use lastbell_contract::{ErrorKind, Result, TableId};
use std::collections::BTreeSet;

/// One table of the catalog; a partitioned one with all its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name.
    pub(crate) id: TableId,
    /// Its number.
    pub(crate) oid: i64,
    /// The numbers of itself and its partitions, as the text of an array.
    pub(crate) tree: String,
    /// It holds its rows in partitions.
    pub(crate) partitioned: bool,
    /// It is another server's.
    foreign: bool,
}

const FIND: &str = "SELECT c.oid, coalesce((SELECT array_agg(t.relid::oid) FROM pg_partition_tree(c.oid) t), ARRAY[c.oid]), \
    c.relkind = 'p', c.relispartition, c.relkind = 'f' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f')";

/// Files of a tree: tables, TOAST, indexes of both. A partitioned table itself has none.
const FILES: &str = "WITH heap AS (SELECT oid, reltoastrelid FROM pg_class WHERE oid = ANY ($1::oid[])), \
    held AS (SELECT oid FROM heap UNION SELECT reltoastrelid FROM heap) \
    SELECT pg_relation_filenode(oid) FROM held WHERE pg_relation_filenode(oid) IS NOT NULL \
    UNION SELECT pg_relation_filenode(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM held) \
    AND pg_relation_filenode(indexrelid) IS NOT NULL";

/// Looks a table up. A partition is not a table of its own here: its rows are its root's.
pub(crate) fn find(session: &mut Session, operation: &'static str, table: &TableId) -> Result<Found> {
    let lines = session.query(operation, FIND, &[schema_of(table), &table.name]).about(table)?;
    let Some(line) = lines.first() else { return Err(refused(ErrorKind::NotFound, operation, "42P01").on(table)) };
    if line.flag(3)? {
        return Err(refused(ErrorKind::Unsupported, operation, "partition").on(table));
    }
    let (oid, tree, partitioned, foreign) = (line.number(0)?, line.text(1)?, line.flag(2)?, line.flag(4)?);
    Ok(Found { id: table.clone(), oid, tree, partitioned, foreign })
}

impl Found {
    /// The table alone in SQL, never its heirs; of a partitioned one ONLY would name no row.
    pub(crate) fn alone(&self) -> String {
        let only = if self.partitioned { "" } else { "ONLY " };
        format!("{only}{}", quote_table(&self.id))
    }

    /// A foreign table cannot be locked from here.
    pub(crate) fn must_be_here(&self, operation: &'static str) -> Result<()> {
        if self.foreign { Err(refused(ErrorKind::Unsafe, operation, "elsewhere:foreign").on(&self.id)) } else { Ok(()) }
    }

    /// The numbers of all files that hold it now. A rewrite gives new ones.
    pub(crate) fn files(&self, session: &mut Session, operation: &'static str) -> Result<BTreeSet<i64>> {
        let lines = session.query(operation, FILES, &[&self.tree]).about(&self.id)?;
        lines.iter().map(|line| line.number(0)).collect()
    }
}
