//! The statements that go as text, because a server cannot prepare them. They are constants, or are made of names that
//! `quote.rs` has quoted: text from outside never stands in one, for with this driver a text may hold several statements.

use crate::quote::quote;

/// A statement that may be sent as text. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plain(String);

impl Plain {
    /// A read-only transaction that sees one moment of all transactional tables.
    pub(crate) fn snapshot() -> Self {
        Self("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".to_owned())
    }

    /// Ends a transaction; without one it does nothing.
    pub(crate) fn rollback() -> Self {
        Self("ROLLBACK".to_owned())
    }

    /// Takes write locks on all tables at once. It ends a transaction and lets earlier table locks go.
    pub(crate) fn lock_for_writing(tables: &[&str]) -> Self {
        let locks: Vec<String> = tables.iter().map(|table| format!("{} WRITE", quote(table))).collect();
        Self(format!("LOCK TABLES {}", locks.join(", ")))
    }

    /// Ends the statement that runs on another connection, and nothing else of it.
    pub(crate) fn kill_query(connection: u32) -> Self {
        Self(format!("KILL QUERY {connection}"))
    }

    /// Lets table locks go.
    pub(crate) fn unlock() -> Self {
        Self("UNLOCK TABLES".to_owned())
    }

    /// Its text.
    pub(crate) fn sql(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_name_stays_one_name() {
        let plain = Plain::lock_for_writing(&["marks", "a`; DROP TABLE b"]);
        assert_eq!(plain.sql(), "LOCK TABLES `marks` WRITE, `a``; DROP TABLE b` WRITE");
    }
}
