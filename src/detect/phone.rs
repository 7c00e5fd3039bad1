//! Detector: phone number, Russian by its shape, others by their plus sign. It has no check, so it never decides alone.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| text.split([',', ';']).any(|part| one(part.trim())))
}

fn one(text: &str) -> bool {
    // An extension follows the number: "8 (912) 000-12-34 доб. 5".
    let number = text.split(['д', 'x', '#']).next().unwrap_or(text).trim();
    let plain = number.chars().all(|letter| letter.is_ascii_digit() || " +-().".contains(letter));
    let digits: Vec<u8> = number.bytes().filter(u8::is_ascii_digit).collect();
    if !plain || digits.is_empty() {
        return false;
    }
    let grouped = number.contains(['-', '(', ' ']) && !number.contains('.');
    match digits.len() {
        11 => {
            number.starts_with("+7")
                || (matches!(digits[0], b'7' | b'8') && matches!(digits[1], b'3' | b'4' | b'8' | b'9'))
        }
        10 => grouped || digits[0] == b'9',
        5..=7 => grouped && number.matches('-').count() == 2 && digits.len() < 8,
        12..=15 => number.starts_with('+'),
        8 | 9 => number.starts_with('+') && grouped,
        _ => false, // lengths are open-ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn shapes_of_phones_are_told_from_other_numbers() {
        for (text, expected) in [
            ("+7 912 000-12-34", true),
            ("8-912-000-12-34", true),
            ("89120001234", true),
            ("8 (912) 000-12-34 доб. 5", true),
            ("8-912-000-12-34, 8-913-000-55-66", true),
            ("00-12-34", true),
            ("7707083893", false),
            ("2024-09-01", false),
            ("01.09.2014", false),
            ("112-233-445 95", false),
            ("12", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
