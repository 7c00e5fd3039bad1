//! Detector: hardware address of a network card.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| {
        let parts: Vec<&str> = text.trim().split([':', '-']).collect();
        parts.len() == 6
            && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn six_pairs_of_hex_digits_are_a_hit() {
        assert!(hits(&Cell::Text(Cow::Borrowed("02:00:5e:10:00:ff"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("02:00:5e:10:00"))));
    }
}
