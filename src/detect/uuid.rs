//! Detector: UUID in text. By itself it says nothing of people; it tells a key from free text.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Text(text) => written(text.trim()),
        Cell::Other(kind) => *kind == "uuid",
        Cell::Bytes(_) | Cell::Day(_) => false,
    }
}

fn written(text: &str) -> bool {
    let sizes: Vec<usize> = text.split('-').map(str::len).collect();
    sizes == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn the_usual_form_is_a_hit() {
        assert!(hits(&Cell::Text(Cow::Borrowed("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("6ba7b8109dad11d180b400c04fd430c8"))));
    }
}
