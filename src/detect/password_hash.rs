//! Detector: password hashes that say what they are: bcrypt, argon2, crypt, phpass, PBKDF2 of common frameworks.
//! Bare hexadecimal digests are not among them: a file's checksum looks the same.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    const PREFIXES: [&str; 16] = [
        "$2a$", "$2b$", "$2y$", "$argon2", "$1$", "$5$", "$6$", "$7$", "$y$", "$P$", "$H$", "$S$", "pbkdf2_",
        "pbkdf2:", "{SSHA}", "scrypt:",
    ];
    cell.text().is_some_and(|text| text.len() >= 20 && PREFIXES.iter().any(|prefix| text.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn only_hashes_that_name_themselves_are_hits() {
        assert!(hits(&Cell::Text(Cow::Borrowed("$2y$10$abcdefghijklmnopqrstuuJ8Q1fWq"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("d41d8cd98f00b204e9800998ecf8427e"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("$1$"))));
    }
}
