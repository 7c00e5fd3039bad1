//! Detector: Russian birth certificate: a Roman number, two Cyrillic letters, six digits.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(certificate)
}

fn certificate(text: &str) -> bool {
    let letters: Vec<char> = text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '№')).collect();
    // People type the Roman number with Cyrillic Х or with 1 for I.
    let roman = letters.iter().take_while(|letter| "IVXLХ1".contains(**letter)).count();
    let rest = &letters[roman..];
    (1..=6).contains(&roman)
        && rest.len() == 8
        && rest[..2].iter().all(|letter| ('А'..='Я').contains(letter))
        && rest[2..].iter().all(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn a_certificate_is_read_in_its_usual_forms() {
        for (text, expected) in [
            ("IV-АИ № 000123", true),
            ("II-МЮ 123456", true),
            ("IVАИ000123", true),
            ("АИ 000123", false),
            ("IV-AB 000123", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
