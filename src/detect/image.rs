//! Detector: a picture by its first bytes, raw or as base64 text.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    const MAGIC: [&[u8]; 5] = [b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1A\n", b"GIF8", b"BM", b"II*\0"];
    const BASE64: [&str; 4] = ["data:image/", "/9j/4", "iVBORw0KGgo", "R0lGOD"];
    match cell {
        Cell::Bytes(raw) => {
            MAGIC.iter().any(|magic| raw.starts_with(magic))
                || (raw.starts_with(b"RIFF") && raw.get(8..12) == Some(b"WEBP"))
        }
        Cell::Text(text) => BASE64.iter().any(|start| text.starts_with(start)),
        Cell::Day(_) | Cell::Other(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn pictures_are_known_raw_and_as_text() {
        assert!(hits(&Cell::Bytes(b"\xFF\xD8\xFF\xE0\0\x10JFIF")));
        assert!(hits(&Cell::Text(Cow::Borrowed("/9j/4AAQSkZJRg=="))));
        assert!(!hits(&Cell::Bytes(b"%PDF-1.4\0")));
    }
}
