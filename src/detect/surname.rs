//! Detector: one word with the suffix of a Russian or Ukrainian surname. Streets and towns share the suffixes, so it
//! only supports a name.

use super::engine::cell::Cell;
use super::engine::fold::fold;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| is_surname(text.trim()))
}

pub(crate) fn is_surname(word: &str) -> bool {
    const SUFFIXES: [&str; 15] =
        ["ov", "ova", "ev", "eva", "in", "ina", "ski", "skaa", "ska", "enko", "chuk", "ian", "dze", "shvili", "ih"];
    let letters = word.chars().count();
    let plain = word.chars().all(|letter| letter.is_alphabetic() || letter == '-');
    let capital = word.chars().next().is_some_and(char::is_uppercase);
    plain && capital && (4..=24).contains(&letters) && {
        let folded = fold(word);
        SUFFIXES.iter().any(|suffix| folded.len() > suffix.len() + 1 && folded.ends_with(suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surnames_are_known_by_their_suffix() {
        for word in ["Небывалов", "Небывалова", "Вымышленский", "Придуменко", "Nebyvalov", "Салтыков-Щедрин"]
        {
            assert!(is_surname(word), "{word}");
        }
        for word in ["алгебра", "Урок", "Ов", "Дом 5"] {
            assert!(!is_surname(word), "{word}");
        }
    }
}
