//! Detector: series and number of a Russian internal passport: region, year of the form, six digits. No check digit.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    let Some(text) = cell.text() else { return false };
    let spaced = text.trim().contains([' ', '№']);
    cell.digits(" №").is_some_and(|digits| digits.len() == 10 && spaced && plausible(&digits))
}

/// The third and fourth digit are the year in which the form was printed, 97 to 29 or so.
fn plausible(digits: &[u8]) -> bool {
    let year = digits[2] * 10 + digits[3];
    digits[..2] != [0, 0] && (year >= 97 || year <= 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn a_passport_needs_its_gap_and_a_year_of_forms() {
        for (text, expected) in [
            ("45 08 123456", true),
            ("4508 123456", true),
            ("4508№123456", true),
            ("4550 123456", false),
            ("4508123456", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
