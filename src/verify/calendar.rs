//! Dates and times as text and back: ISO 8601 forms, and the small `format:` language of profiles.
//! Reads and writes text and numbers only. Nothing is rounded and no zone is guessed: what does not fit is not parsed.

/// Microseconds of a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// Days since 1970-01-01 of a day in the proleptic Gregorian calendar; `None` when there is no such day.
#[must_use]
pub fn days_of(year: i64, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    // Years are counted from 1 March, so that the leap day is the last of its year; 400 years have 146,097 days.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let year_of_era = year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468) // days from 0000-03-01 to 1970-01-01
}

fn days_in_month(year: i64, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31, // a number, not an enum of ours
    }
}

/// Year, month and day of a count of days since 1970-01-01.
#[must_use]
pub fn civil_of(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// `YYYY-MM-DD`; a year outside 0000-9999 takes as many digits as it needs.
#[must_use]
pub fn date_text(days: i64) -> String {
    let (year, month, day) = civil_of(days);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

/// `[-]HH:MM:SS[.ffffff]`, without trailing zeros of the fraction.
#[must_use]
pub fn time_text(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let mut text = format!("{sign}{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

/// `YYYY-MM-DD HH:MM:SS[.ffffff]`.
#[must_use]
pub fn datetime_text(micros: i64) -> String {
    format!("{} {}", date_text(micros.div_euclid(DAY_MICROS)), time_text(micros.rem_euclid(DAY_MICROS)))
}

/// A date with what followed it: nothing, or a time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Days since 1970-01-01.
    pub days: i64,
    /// Microseconds of the day.
    pub micros: i64,
}

impl Moment {
    /// Microseconds since 1970-01-01 00:00.
    #[must_use]
    pub fn total_micros(self) -> Option<i64> {
        self.days.checked_mul(DAY_MICROS)?.checked_add(self.micros)
    }
}

/// `YYYY-MM-DD`, or with `T` or a blank and `HH:MM[:SS[.f…]]`; no zone.
#[must_use]
pub fn parse_iso(text: &str) -> Option<Moment> {
    let date = text.get(..10)?;
    let days = parse_iso_date(date)?;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(Moment { days, micros: 0 });
    }
    let micros = parse_clock(rest.strip_prefix(['T', 't', ' '])?)?;
    (micros < DAY_MICROS).then_some(Moment { days, micros })
}

fn parse_iso_date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    (bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-').then_some(())?;
    days_of(i64::from(number(&text[..4])?), number(&text[5..7])?, number(&text[8..10])?)
}

/// As [`parse_iso`] with a zone behind it (`Z`, `+03`, `+0300`, `+03:00`); microseconds since 1970-01-01 00:00 UTC.
#[must_use]
pub fn parse_instant(text: &str) -> Option<i64> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return with_time(local)?.total_micros();
    }
    let at = text.rfind(['+', '-']).filter(|at| *at > 10)?;
    let (local, zone) = text.split_at(at);
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        _ => return None, // a length, not an enum of ours
    };
    let offset = i64::from(hours * 60 + minutes) * 60_000_000;
    let signed = if zone.starts_with('-') { -offset } else { offset };
    (hours < 24 && minutes < 60).then_some(())?;
    with_time(local.trim_end_matches(' '))?.total_micros()?.checked_sub(signed)
}

fn with_time(text: &str) -> Option<Moment> {
    (text.len() > 10).then(|| parse_iso(text)).flatten()
}

/// `HH:MM[:SS[.f…]]` in microseconds; up to 999 hours, since MySQL's TIME is a duration.
#[must_use]
pub fn parse_clock(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next().unwrap_or("00"));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    ((1..=3).contains(&hours.len()) && minutes.len() == 2 && seconds.len() == 2).then_some(())?;
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    (minutes < 60 && seconds < 60).then_some(())?;
    Some(i64::from(hours * 3_600 + minutes * 60 + seconds) * 1_000_000 + fraction_micros(fraction)?)
}

/// A signed [`parse_clock`].
#[must_use]
pub fn parse_time(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(rest) => parse_clock(rest).map(|micros| -micros),
        None => parse_clock(text),
    }
}

/// Up to six digits; further ones must be zeros, since dropping them would hide a difference.
fn fraction_micros(digits: &str) -> Option<i64> {
    let (kept, beyond) = digits.split_at_checked(6).unwrap_or((digits, ""));
    (!digits.is_empty() && beyond.bytes().all(|byte| byte == b'0')).then_some(())?;
    Some(i64::from(number(kept)?) * 10_i64.pow(6 - u32::try_from(kept.len()).ok()?))
}

/// ASCII digits only: `parse` alone would also take a sign.
fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The text form of dates that a profile declares: `%d %m %Y %H %M %S`, `%%`, and literal characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateFormat {
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Literal(char),
    Day,
    Month,
    Year,
    Hour,
    Minute,
    Second,
}

impl DateFormat {
    /// Reads a format; `None` for an unknown letter, one that stands twice, or one without day, month and year.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut items = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let item = if letter == '%' { directive(letters.next()?)? } else { Item::Literal(letter) };
            if !matches!(item, Item::Literal(_)) && items.contains(&item) {
                return None;
            }
            items.push(item);
        }
        [Item::Day, Item::Month, Item::Year].iter().all(|item| items.contains(item)).then_some(Self { items })
    }

    /// Whether the form has a time of the day, which `as: date` then cuts off.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Hour | Item::Minute | Item::Second))
    }

    /// Reads a text of this form, to its very end.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Moment> {
        let (mut rest, mut parts) = (text, [0_u32; 6]);
        for item in &self.items {
            let (place, digits_min, digits_max) = match item {
                Item::Literal(letter) => {
                    rest = rest.strip_prefix(*letter)?;
                    continue;
                }
                Item::Day => (0, 1, 2),
                Item::Month => (1, 1, 2),
                Item::Year => (2, 4, 4), // a year of two digits would have to be guessed
                Item::Hour => (3, 1, 2),
                Item::Minute => (4, 1, 2),
                Item::Second => (5, 1, 2),
            };
            let digits = rest.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
            (digits >= digits_min).then_some(())?;
            parts[place] = number(&rest[..digits])?;
            rest = &rest[digits..];
        }
        let [day, month, year, hour, minute, second] = parts;
        (rest.is_empty() && hour < 24 && minute < 60 && second < 60).then_some(())?;
        let micros = i64::from(hour * 3_600 + minute * 60 + second) * 1_000_000;
        Some(Moment { days: days_of(i64::from(year), month, day)?, micros })
    }
}

fn directive(letter: char) -> Option<Item> {
    Some(match letter {
        'd' => Item::Day,
        'm' => Item::Month,
        'Y' => Item::Year,
        'H' => Item::Hour,
        'M' => Item::Minute,
        'S' => Item::Second,
        '%' => Item::Literal('%'),
        _ => return None, // a letter, not an enum of ours
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_lead_to_each_other() {
        for days in (-1_000_000..1_000_000).step_by(97) {
            let (year, month, day) = civil_of(days);
            assert_eq!(days_of(year, month as u32, day as u32), Some(days));
        }
        assert_eq!(
            (days_of(1970, 1, 1), days_of(2024, 2, 29), days_of(9, 12, 4)),
            (Some(0), Some(19_782), Some(-715_903))
        );
        assert_eq!(date_text(-715_903), "0009-12-04", "a real date that a known tool made NULL");
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2024, 13, 1), (2024, 4, 31), (2024, 0, 10), (2024, 1, 0)]
        {
            assert_eq!(days_of(year, month, day), None, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn iso_forms_are_read_whole_or_not_at_all() {
        let micros = |text| parse_iso(text).and_then(Moment::total_micros);
        assert_eq!(micros("1970-01-02"), Some(DAY_MICROS));
        assert_eq!(micros("1970-01-02 00:00:01.5"), Some(DAY_MICROS + 1_500_000));
        assert_eq!(micros("1970-01-02T00:01"), Some(DAY_MICROS + 60_000_000));
        for text in [
            "1970-01-02 ",
            "1970-1-2",
            "19700102",
            "+970-01-02",
            "1970-01-02 24:00:00",
            "1970-01-02 00:00:60",
            "0000-00-00",
            "1970-01-02 00:00:00.1234567",
            "1970-01-02 00:00:00.",
            "1970-01-02 00:00:00+03",
            "1970-01-02x",
            "я970-01-0",
            "",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
        assert_eq!(
            micros("1970-01-01 00:00:00.1234560000"),
            Some(123_456),
            "zeros beyond the sixth digit lose nothing"
        );
    }

    #[test]
    fn an_instant_needs_its_zone() {
        for text in
            ["1970-01-01T03:00:00+03:00", "1970-01-01 03:00:00+03", "1969-12-31 23:30:00-0030", "1970-01-01T00:00Z"]
        {
            assert_eq!(parse_instant(text), Some(0), "{text}");
        }
        for text in ["1970-01-01 00:00:00", "1970-01-01", "1970-01-01Z", "1970-01-01 00:00+24", "1970-01-01 00:00+3"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn times_may_be_long_and_negative() {
        assert_eq!(parse_time("-838:59:59"), Some(-3_020_399_000_000));
        assert_eq!(time_text(-3_020_399_000_000), "-838:59:59");
        assert_eq!((parse_time("24:00:00"), time_text(1_500_000)), (Some(DAY_MICROS), "00:00:01.5".to_owned()));
        assert_eq!((parse_time("--1:00"), parse_time("1:60"), parse_time("12")), (None, None, None));
    }

    #[test]
    fn a_declared_form_reads_its_dates_and_no_others() {
        let form = DateFormat::parse("%d.%m.%Y").unwrap();
        let days = |text| form.read(text).map(|moment| moment.days);
        assert_eq!((days("02.01.1970"), days("2.1.1970")), (Some(1), Some(1)));
        for text in ["2.1.70", "31.02.2024", "01.02.2024 ", "01/02/2024", "1.2", "٠١.02.2024"] {
            assert_eq!(days(text), None, "{text}");
        }
        let long = DateFormat::parse("%d/%m/%Y %H:%M:%S").unwrap();
        assert!(long.has_time() && !form.has_time());
        assert_eq!(long.read("02/01/1970 01:00:01"), Some(Moment { days: 1, micros: 3_601_000_000 }));
        for text in ["%d.%m.%y", "%d.%m", "%d.%m.%Y %d", "%d.%m.%Y %", ""] {
            assert_eq!(DateFormat::parse(text), None, "{text}");
        }
    }
}
