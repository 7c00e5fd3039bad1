//! Detector: one word that is a known given name or a patronymic.

use super::engine::cell::Cell;
use super::engine::lexicon::lexicon;
use super::full_name::is_patronymic;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| {
        let word = text.trim();
        let plain = !word.is_empty() && word.chars().all(char::is_alphabetic);
        plain && word.len() <= 64 && (lexicon().is_given_name(word) || is_patronymic(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn given_names_in_any_spelling_are_hits() {
        for (text, expected) in [
            ("Семён", true),
            ("семен", true),
            ("Semyon", true),
            ("Игоревна", true),
            ("Стол", false),
            ("Иван Грозный", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
