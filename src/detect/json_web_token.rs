//! Detector: JSON Web Token: three base64url parts, the first of which begins as `{"` does.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| {
        let parts: Vec<&str> = text.trim().split('.').collect();
        let base64 = |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        parts.len() == 3 && parts[0].starts_with("eyJ") && parts[1].starts_with("eyJ") && parts.iter().all(base64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn three_parts_are_needed() {
        assert!(hits(&Cell::Text(Cow::Borrowed("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0"))));
    }
}
