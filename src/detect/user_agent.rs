//! Detector: what a browser says of itself.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| {
        ["Mozilla/", "Opera/", "okhttp/", "Dalvik/", "curl/", "PostmanRuntime/"]
            .iter()
            .any(|start| text.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn an_agent_is_known_by_its_beginning() {
        assert!(hits(&Cell::Text(Cow::Borrowed("Mozilla/5.0 (X11; Linux x86_64)"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("Lesson about Mozilla/5.0"))));
    }
}
