//! Detector: INN of an organisation, 10 digits of which one is a check. It speaks *against* personal data.

use super::engine::cell::Cell;

/// Random 10 digits pass in 9 % of cases, so only a large share counts.
pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    const WEIGHTS: [u32; 9] = [2, 4, 10, 3, 5, 9, 4, 6, 8];
    cell.digits("").is_some_and(|digits| {
        digits.len() == 10
            && digits[..2] != [0, 0]
            && super::inn_person::check(&digits, &WEIGHTS) == u32::from(digits[9])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn an_organisation_is_told_from_a_person() {
        assert!(hits(&Cell::Text(Cow::Borrowed("7707083893"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("7707083894"))));
        assert!(!hits(&Cell::Text(Cow::Borrowed("500100732259"))));
    }
}
