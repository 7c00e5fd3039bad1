//! Detector: words and letters for a sex.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    const WORDS: [&str; 14] = [
        "м",
        "ж",
        "муж",
        "жен",
        "муж.",
        "жен.",
        "мужской",
        "женский",
        "male",
        "female",
        "m",
        "f",
        "мальчик",
        "девочка",
    ];
    cell.text().is_some_and(|text| WORDS.contains(&text.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn only_words_for_a_sex_are_hits() {
        for (text, expected) in [("Ж", true), ("Female", true), ("мужской", true), ("B", false), ("да", false)]
        {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
