//! Detector: a date on which somebody who was ever in a school may have been born, in any usual spelling. The range holds
//! enrolment dates as well, so it only supports a name. No clock: the range is fixed and belongs to the rule set.

use super::engine::cell::Cell;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    // A first of September is a school year's beginning, not a birthday (one birthday in 365 is lost).
    day(cell).is_some_and(|(year, month, day)| (1935..=2019).contains(&year) && (month, day) != (9, 1))
}

/// Year, month and day of a bare date.
fn day(cell: &Cell<'_>) -> Option<(i64, i64, i64)> {
    match cell {
        // A store may hold any number as a date; ten million days are 27,000 years.
        Cell::Day(days) => (days.unsigned_abs() < 10_000_000).then(|| civil(*days)),
        Cell::Text(text) => written(text.trim()),
        Cell::Bytes(_) | Cell::Other(_) => None,
    }
}

fn written(text: &str) -> Option<(i64, i64, i64)> {
    let text = text.strip_suffix(" 00:00:00").unwrap_or(text);
    let parts: Vec<&str> = text.split(['-', '.', '/']).collect();
    let [one, two, three] = parts[..] else { return None };
    let number =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten();
    let (year, month, day) = match (one.len(), three.len()) {
        (4, 1 | 2) => (number(one)?, number(two)?, number(three)?),
        (1 | 2, 4) => (number(three)?, number(two)?, number(one)?),
        _ => return None, // lengths are open-ended
    };
    // 03/25/2009 is the American order.
    let (month, day) = if month > 12 && day <= 12 { (day, month) } else { (month, day) };
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

/// Days since 1970 to a date (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn dates_are_read_in_every_spelling() {
        for (text, expected) in [
            ("2009-03-25", true),
            ("25.03.2009", true),
            ("03/25/2009", true),
            ("2009-03-25 00:00:00", true),
            ("01.09.2014", false),
            ("2024-03-25", false),
            ("25.13.2009", false),
            ("192.168.0", false),
        ] {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert!(hits(&Cell::Day(14_328)));
        assert!(!hits(&Cell::Day(i64::MAX)));
    }
}
