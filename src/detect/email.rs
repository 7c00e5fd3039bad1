//! Detector: e-mail address.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| address(text.trim()))
}

/// Whether the whole text is one address.
pub(crate) fn address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let fits = |part: &str, also: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || also.contains(letter))
    };
    let ends_well = domain.rsplit_once('.').is_some_and(|(host, top)| !host.is_empty() && top.chars().count() >= 2);
    text.len() <= 254 && fits(local, "._%+-'") && fits(domain, ".-") && ends_well
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn addresses_are_told_from_look_alikes() {
        for (text, expected) in [
            ("i.petrov@diary.example", true),
            ("петров@школа.рф", true),
            ("@handle", false),
            ("a@b", false),
            ("git@host:x.y", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
