//! Detector: number of a bank card: Luhn check and the prefix of a payment system.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.digits(" -")
        .is_some_and(|digits| matches!(digits.len(), 16 | 19) && issued(&digits) && super::oms::luhn(&digits))
}

/// Mir, Visa, Mastercard, UnionPay.
fn issued(digits: &[u8]) -> bool {
    let prefix = digits[..4].iter().fold(0u32, |number, &digit| number * 10 + u32::from(digit));
    matches!(prefix, 2200..=2204 | 2221..=2720 | 4000..=4999 | 5100..=5599 | 6200..=6299)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn a_card_needs_prefix_and_check() {
        for (text, expected) in
            [("4111 1111 1111 1111", true), ("4111 1111 1111 1112", false), ("1234567812345670", false)]
        {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
