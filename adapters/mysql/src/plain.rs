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

    /// The transactions that were prepared and not ended.
    pub(crate) fn xa_recover() -> Self {
        Self("XA RECOVER".to_owned())
    }

    /// The replicas that told their names.
    pub(crate) fn replicas(by_old_name: bool) -> Self {
        Self(if by_old_name { "SHOW SLAVE HOSTS" } else { "SHOW REPLICAS" }.to_owned())
    }

    /// Makes a further undo tablespace (MySQL).
    pub(crate) fn create_undo(name: &str) -> Self {
        Self(format!("CREATE UNDO TABLESPACE {} ADD DATAFILE '{}.ibu'", quote(name), file_word(name)))
    }

    /// Lets an undo tablespace take new transactions, or be emptied (MySQL).
    pub(crate) fn alter_undo(name: &str, active: bool) -> Self {
        let state = if active { "ACTIVE" } else { "INACTIVE" };
        Self(format!("ALTER UNDO TABLESPACE {} SET {state}", quote(name)))
    }

    /// Drops an empty undo tablespace (MySQL).
    pub(crate) fn drop_undo(name: &str) -> Self {
        Self(format!("DROP UNDO TABLESPACE {}", quote(name)))
    }

    /// Its text.
    pub(crate) fn sql(&self) -> &str {
        &self.0
    }
}

/// The letters of a name that can stand in a file's name and end no quotes.
fn file_word(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
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
