//! Detector: a longer text or container that mentions somebody: an e-mail address, a phone in full form, or a patronymic
//! after another capitalised word.

use super::engine::cell::Cell;
use super::full_name::is_patronymic;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| text.len() > 40 && mentions(text))
}

fn mentions(text: &str) -> bool {
    let border = |letter: char| letter.is_whitespace() || "\",;:()<>{}[]!?".contains(letter);
    let words: Vec<&str> =
        text.split(border).map(|word| word.trim_matches('.')).filter(|word| !word.is_empty()).collect();
    let capital = |word: &str| word.chars().next().is_some_and(char::is_uppercase);
    words.iter().any(|word| word.contains('@') && super::email::address(word))
        || words.windows(2).any(|pair| capital(pair[0]) && capital(pair[1]) && is_patronymic(pair[1]))
        || phone(text)
}

/// +7 and ten more digits, however grouped.
fn phone(text: &str) -> bool {
    text.match_indices("+7").any(|(at, _)| {
        let tail = text[at + 2..].chars().take(16);
        let digits =
            tail.take_while(|letter| letter.is_ascii_digit() || " -()".contains(*letter)).filter(char::is_ascii_digit);
        digits.count() >= 10
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn mentions_in_long_texts_are_found() {
        for (text, expected) in [
            ("Сегодня Яна Игоревна сообщила, что придёт завтра.", true),
            ("{\"old\":{\"phone\":\"+7 (912) 000-12-34\"},\"new\":null}", true),
            ("Writes that i.petrov@diary.example must be asked first", true),
            ("Прочитать параграф 12 и ответить на вопросы в конце", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
