//! How the new platform may be visited: how fast, at what hours, how long one snapshot may stay open. The rules stand in
//! case.yaml under `target_visit`; the platform's keeper names them, and everybody who reads there holds them.

use super::zone::Zone;
use crate::rate::Rate;
use jiff::civil::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Rules for reading the target.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct VisitRules {
    /// At most so much in a second; 20 MB/s where it is reached over a network and nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<Rate>,
    /// Only between these hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// The clock of the hours: those of this machine would change with the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// One snapshot stays open for at most so many minutes: it keeps the server from clearing away old versions of rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_minutes_max: Option<u32>,
}

/// From one time of day to another, which may lie behind midnight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    until: Time,
}

const DAY_SECONDS: i64 = 24 * 60 * 60;

impl Hours {
    /// Reads `22:00-06:00`. From an hour to the same hour would be never or always, and nobody could say which.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let hours = Self { from: time(from)?, until: time(until)? };
        (hours.from != hours.until).then_some(hours)
    }

    /// How many seconds are left of them at this time of day; `None` outside.
    #[must_use]
    pub fn left_at(&self, now: Time) -> Option<u64> {
        let since = |from: Time, until: Time| (seconds(until) - seconds(from)).rem_euclid(DAY_SECONDS);
        let left = since(self.from, self.until) - since(self.from, now);
        u64::try_from(left).ok().filter(|left| *left > 0)
    }
}

fn seconds(time: Time) -> i64 {
    i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second())
}

/// Exactly `HH:MM`.
fn time(text: &str) -> Option<Time> {
    let shape = text.len() == 5
        && text.bytes().enumerate().all(|(at, byte)| if at == 2 { byte == b':' } else { byte.is_ascii_digit() });
    shape.then(|| Time::new(text[..2].parse().ok()?, text[3..].parse().ok()?, 0, 0).ok()).flatten()
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn hours_are_left_over_midnight_too() {
        let at = |hour, minute| Time::new(hour, minute, 0, 0).unwrap();
        let night = Hours::parse("22:00-06:00").unwrap();
        for (now, left) in [
            (at(22, 0), Some(8 * 3600)),
            (at(23, 59), Some(6 * 3600 + 60)),
            (at(5, 59), Some(60)),
            (at(6, 0), None),
            (at(12, 0), None),
            (at(21, 59), None),
        ] {
            assert_eq!(night.left_at(now), left, "{now}");
        }
        let day = Hours::parse("09:30-17:00").unwrap();
        assert_eq!((day.left_at(at(9, 29)), day.left_at(at(16, 0)), day.left_at(at(17, 0))), (None, Some(3600), None));
        assert_eq!(night.to_string(), "22:00-06:00");
        for text in
            ["", "22:00", "22:00-22:00", "24:00-06:00", "9:00-17:00", "22:00-06:00:00", "22.00-06.00", "aa:bb-cc:dd"]
        {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
    }
}
