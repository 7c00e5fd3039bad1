//! What the two sides tell each other of their stores without naming them: keyed digests of the marks by which one store
//! is known from another, and of tables' shapes. Reads what an adapter says of a store; writes nothing.

use crate::hex;
use crate::verify::canonical;
use crate::verify::keys::VerifyKeys;
use lastbell_contract::{Catalog, Value};
use std::collections::BTreeSet;

/// Digests marks under the request's own secret: equal marks of both sides meet, and nobody else can try names out.
pub(super) struct Marks(VerifyKeys);

impl Marks {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(VerifyKeys::from_secret(secret))
    }

    /// Of a store, or of a stream that it receives or gives out.
    pub(super) fn mark(&self, mark: &str) -> String {
        self.digest("mark", mark)
    }

    /// The shapes of all tables: names, types, keys and links, each table by one digest.
    pub(super) fn shapes(&self, catalog: &Catalog) -> BTreeSet<String> {
        let shape = |table| self.digest("table", &crate::steps::discover::fingerprint(table));
        catalog.tables.iter().map(shape).collect()
    }

    /// Equal marks of two kinds stay apart.
    fn digest(&self, kind: &str, text: &str) -> String {
        let (mut row, mut digest) = (Vec::new(), Vec::new());
        canonical::append_row(&mut row, [kind, text].map(|text| Value::Text(text.to_owned())).iter());
        self.0.append_row_digest(&row, &mut digest);
        hex::encode(&digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_specification() {
        let (case, number) = (std::array::from_fn(|i| i as u8), "0".repeat(64));
        let secret = crate::verify::keys::mapping_secret(&case, &super::super::request::marks_label(&number));
        let page = include_str!("../../../docs/receipt-v1.md");
        let rows = [
            ("secret of the marks", hex::encode(&*secret)),
            ("mark `pg-system:1/2`", Marks::new(&secret).mark("pg-system:1/2")),
        ];
        for (name, hex) in rows {
            assert!(page.contains(&format!("| {name} | `{hex}` |")), "| {name} | `{hex}` |");
        }
    }

    #[test]
    fn marks_meet_under_one_secret_alone() {
        let (one, other) = (Marks::new(&[1; 32]), Marks::new(&[2; 32]));
        assert_eq!(one.mark("pg-system:1/2"), Marks::new(&[1; 32]).mark("pg-system:1/2"));
        assert_ne!(one.mark("pg-system:1/2"), other.mark("pg-system:1/2"));
        assert_ne!(one.mark("a"), one.digest("table", "a"));
    }
}
