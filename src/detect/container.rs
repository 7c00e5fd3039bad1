//! Detector: serialised containers, JSON or PHP. What they hold is not typed, and changing a text inside PHP's form breaks
//! its length prefix.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| {
        let text = text.trim();
        json(text) || php(text)
    })
}

fn json(text: &str) -> bool {
    text.len() > 7 && (text.starts_with("{\"") || text.starts_with("[{\""))
}

/// `a:2:{…}`, `O:8:"stdClass":…`
fn php(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let (kind, size, rest) = (parts.next(), parts.next(), parts.next());
    let counted = size.is_some_and(|size| !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit()));
    counted
        && matches!(
            (kind, rest.and_then(|rest| rest.chars().next())),
            (Some("a"), Some('{')) | (Some("O" | "s"), Some('"'))
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn containers_are_known_by_their_opening() {
        for (text, expected) in [
            ("{\"k\": \"v\"}", true),
            ("a:1:{s:4:\"name\";s:2:\"xy\";}", true),
            ("O:8:\"stdClass\":0:{}", true),
            ("[1,2]", false),
            ("a:b", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
