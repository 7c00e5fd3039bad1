//! Detector: two to four words that are a person's name: a Russian patronymic beside another word, or a known given name
//! beside another capitalised word. The suffix of the patronymic is the strongest Russian signal there is.

use super::engine::cell::Cell;
use super::engine::fold::fold;
use super::engine::lexicon::lexicon;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| {
        let words: Vec<&str> = words(text);
        (2..=4).contains(&words.len()) && text.len() <= 120 && (named(&words) || surname_and_initials(&words))
    })
}

fn words(text: &str) -> Vec<&str> {
    text.split([' ', ',', '.']).filter(|word| !word.is_empty()).collect()
}

fn named(words: &[&str]) -> bool {
    let plain = words.iter().all(|word| word.chars().all(|letter| letter.is_alphabetic() || "-'’".contains(letter)));
    plain && words.iter().any(|word| is_patronymic(word) || lexicon().is_given_name(word))
}

/// Петров И. С., И. С. Петров
fn surname_and_initials(words: &[&str]) -> bool {
    let initial = |word: &&&str| word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    let initials = words.iter().filter(initial).count();
    initials + 1 == words.len() && words.iter().any(|word| super::surname::is_surname(word))
}

/// By its suffix; five letters at least, so that "ович" alone is none.
pub(crate) fn is_patronymic(word: &str) -> bool {
    const SUFFIXES: [&str; 9] = ["ovich", "evich", "ich", "ovna", "evna", "ichna", "inichna", "ogli", "kizi"];
    let folded = fold(word);
    let long = folded.len() >= 6;
    // "ich" alone would take in surnames such as Petrovich, which are one spelling with patronymics anyway; it stands for Ильич.
    long && SUFFIXES.iter().any(|suffix| {
        folded.ends_with(suffix) && (*suffix != "ich" || folded.ends_with("lich") || folded.ends_with("mich"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn names_of_people_are_told_from_other_words() {
        for (text, expected) in [
            ("Небывалова Яна Игоревна", true),
            ("небывалов игорь", true),
            ("Nebyvalov Igor Petrovich", true),
            ("Небывалов И. С.", true),
            ("Mary Fictional", true),
            ("Контрольная работа", false),
            ("Алгебра", false),
            ("кабинет 12", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }

    #[test]
    fn patronymics_are_known_by_their_suffix() {
        for word in ["Игоревна", "Сергеевич", "Ильинична", "Кузьмич", "Sergeevich"] {
            assert!(is_patronymic(word), "{word}");
        }
        for word in ["ович", "Москва", "кирпич"] {
            assert!(!is_patronymic(word), "{word}");
        }
    }
}
