//! A time zone that a person names: the clock that stands behind times which tell none.
//! Reads a name of the IANA list or an offset; the list is built in, so that two machines never judge a row differently.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use std::fmt;

/// `Europe/Moscow`, `UTC`, `+03:00`. Kept as written.
#[derive(Clone, PartialEq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// UTC.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// Reads a name of the list or `±HH:MM`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let zone = match text.as_bytes() {
            [b'+' | b'-', ..] => TimeZone::fixed(offset(text)?),
            _ => TimeZone::get(text).ok().filter(|zone| !zone.is_unknown())?,
        };
        Some(Self { name: text.to_owned(), zone })
    }

    /// As it stands in the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Microseconds since 1970-01-01 00:00 UTC of a local time in microseconds since 1970-01-01 00:00 on this clock. `None`
    /// for the hour that a change of the clock left out and for the one that it repeated: Moscow's 2014-10-26 01:30 was
    /// twice, and which of them is meant nobody wrote down.
    #[must_use]
    pub fn instant_of(&self, local_micros: i64) -> Option<i64> {
        match self.zone.to_ambiguous_timestamp(civil(local_micros)?).offset() {
            AmbiguousOffset::Unambiguous { offset } => local_micros.checked_sub(micros_of(offset)),
            AmbiguousOffset::Gap { .. } | AmbiguousOffset::Fold { .. } => None,
        }
    }

    /// The time of day on this clock at that moment.
    #[must_use]
    pub fn time_of(&self, moment: jiff::Timestamp) -> jiff::civil::Time {
        self.zone.to_datetime(moment).time()
    }

    /// What this clock showed then, in microseconds since 1970-01-01 00:00; there is always one answer, and the hour that was
    /// twice gives the same one for two moments.
    #[must_use]
    pub fn local_of(&self, instant_micros: i64) -> Option<i64> {
        let moment = jiff::Timestamp::from_microsecond(instant_micros).ok()?;
        instant_micros.checked_add(micros_of(self.zone.to_offset(moment)))
    }
}

/// The digits of a local time, read as if they were UTC's.
fn civil(local_micros: i64) -> Option<DateTime> {
    let moment = jiff::Timestamp::from_microsecond(local_micros).ok()?;
    Some(Offset::UTC.to_datetime(moment))
}

fn micros_of(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * 1_000_000
}

/// `±HH:MM`, as both servers write their own; nothing farther than the 14 hours that any clock has ever been off.
fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = text.split_at(1);
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    (two_digits(hours) && two_digits(minutes)).then_some(())?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds = (hours * 60 + minutes) * 60;
    (minutes < 60 && seconds <= 14 * 3600).then_some(())?;
    Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::verify::calendar::{datetime_text, parse_instant, parse_iso};

    fn local(text: &str) -> i64 {
        parse_iso(text).unwrap().total_micros().unwrap()
    }

    fn utc(zone: &str, text: &str) -> Option<String> {
        Zone::parse(zone).unwrap().instant_of(local(text)).map(datetime_text)
    }

    #[test]
    fn russian_clocks_are_what_they_were_in_each_year() {
        for (zone, at, was) in [
            ("Europe/Moscow", "2009-12-01 12:00:00", "2009-12-01 09:00:00"),
            ("Europe/Moscow", "2009-07-01 12:00:00", "2009-07-01 08:00:00"), // summer time, until 2010
            ("Europe/Moscow", "2011-12-01 12:00:00", "2011-12-01 08:00:00"), // +4 all the year, 2011 to 2014
            ("Europe/Moscow", "2014-12-01 12:00:00", "2014-12-01 09:00:00"),
            ("Europe/Kaliningrad", "2012-01-01 12:00:00", "2012-01-01 09:00:00"),
            ("Europe/Samara", "2015-01-01 12:00:00", "2015-01-01 08:00:00"),
            ("Europe/Volgograd", "2019-06-01 12:00:00", "2019-06-01 08:00:00"), // +4 from 2018 to 2020
            ("Europe/Volgograd", "2021-06-01 12:00:00", "2021-06-01 09:00:00"),
            ("UTC", "2014-12-01 12:00:00.25", "2014-12-01 12:00:00.25"),
            ("+03:00", "2009-07-01 12:00:00", "2009-07-01 09:00:00"),
            ("-03:30", "1969-12-31 20:30:00", "1970-01-01 00:00:00"),
        ] {
            assert_eq!(utc(zone, at).as_deref(), Some(was), "{zone} {at}");
            let back = Zone::parse(zone).unwrap().local_of(local(was)).map(datetime_text);
            assert_eq!(back.as_deref(), Some(at), "and back: {zone} {was}");
        }
    }

    #[test]
    fn an_hour_that_was_twice_or_never_is_no_moment() {
        assert_eq!(utc("Europe/Moscow", "2014-10-26 01:30:00"), None, "twice");
        assert_eq!(utc("Europe/Moscow", "2010-10-31 02:30:00"), None, "twice");
        assert_eq!(utc("Europe/Moscow", "2011-03-27 02:30:00"), None, "never");
        let moscow = Zone::parse("Europe/Moscow").unwrap();
        let shown =
            ["2014-10-25 21:30:00Z", "2014-10-25 22:30:00Z"].map(|at| moscow.local_of(parse_instant(at).unwrap()));
        assert_eq!(shown, [Some(local("2014-10-26 01:30:00")); 2], "both moments show the same");
        assert_eq!((moscow.instant_of(i64::MAX), moscow.local_of(i64::MIN)), (None, None), "beyond every calendar");
    }

    #[test]
    fn only_zones_that_are_known_are_read() {
        for text in ["Europe/Moskow", "", "MSK+3", "Etc/Unknown", "+3", "+03:60", "+15:00", "+0300", "+٠٣:00", " UTC"]
        {
            assert_eq!(Zone::parse(text), None, "{text}");
        }
        assert_eq!(Zone::parse("UTC"), Some(Zone::utc()));
        assert_eq!(Zone::parse("Asia/Yekaterinburg").unwrap().to_string(), "Asia/Yekaterinburg");
    }
}
