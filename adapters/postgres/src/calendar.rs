//! Days and microseconds as PostgreSQL writes them under `DateStyle = ISO`, years before Christ included. Pure.
//! The proleptic Gregorian calendar by Howard Hinnant's `civil_from_days`.

/// A day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// The year (0 is 1 BC), month and day of a number of days since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468; // to 0000-03-01
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153; // from March
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Is the day in a year that PostgreSQL writes with `BC`?
pub(crate) fn is_before_christ(days: i64) -> bool {
    civil(days).0 <= 0
}

fn parts(days: i64) -> (String, &'static str) {
    let (year, month, day) = civil(days);
    let (year, era) = if year <= 0 { (1 - year, " BC") } else { (year, "") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

/// `2026-11-24`, `0044-03-15 BC`.
pub(crate) fn date(days: i64) -> String {
    let (date, era) = parts(days);
    format!("{date}{era}")
}

/// `13:05:00.000001`; 24:00 is one, too.
pub(crate) fn time(micros: i64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    format!("{:02}:{:02}:{:02}.{micros:06}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Date, time, zone, era, in PostgreSQL's order, from the day and the microseconds of the day.
pub(crate) fn moment_of_day(days: i64, micros: i64, zone: &str) -> String {
    let (date, era) = parts(days);
    format!("{date} {}{zone}{era}", time(micros))
}

/// The same from microseconds since 1970.
pub(crate) fn moment(micros: i64, zone: &str) -> String {
    moment_of_day(micros.div_euclid(DAY_MICROS), micros.rem_euclid(DAY_MICROS), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (20_781, "2026-11-24"),
            (2_932_897, "10000-01-01"),
            (-719_162, "0001-01-01"),
            (-719_163, "0001-12-31 BC"),
        ] {
            assert_eq!(date(days), text);
        }
        assert!(is_before_christ(-719_163) && !is_before_christ(-719_162));
        assert_eq!(moment(-1, ""), "1969-12-31 23:59:59.999999");
    }
}
