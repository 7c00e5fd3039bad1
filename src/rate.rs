//! How fast something may be read, as people write it: `20MB/s`.

use std::fmt;

/// Bytes in a second, or no bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rate(pub Option<u64>);

/// Units by name, decimal as networks count.
const UNITS: [(&str, u64); 3] = [("GB/s", 1_000_000_000), ("MB/s", 1_000_000), ("kB/s", 1_000)];

impl Rate {
    /// What holds for a platform behind a network when nobody says otherwise: a tenth of a gigabit line, and far below
    /// what a server reads from its disk.
    pub const REMOTE: Self = Self(Some(20_000_000));
    /// The unit asked for in a message.
    pub const ALLOWED: &'static str = "20MB/s, 500kB/s, none";

    /// Reads `20MB/s`, `500kB/s`, `1GB/s`, `none`. A rate of nothing is no rate.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self(None));
        }
        let (number, unit) = UNITS.iter().find_map(|(name, bytes)| Some((text.strip_suffix(name)?, bytes)))?;
        let number = number.trim_end();
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = digits.then(|| number.parse::<u64>().ok()?.checked_mul(*unit)).flatten()?;
        (bytes > 0).then_some(Self(Some(bytes)))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bytes) = self.0 else { return f.write_str("none") };
        let whole = UNITS.iter().find(|(_, unit)| bytes % unit == 0);
        // What was read by `parse` is whole in kB/s.
        let (name, unit) = whole.unwrap_or(&UNITS[2]);
        write!(f, "{}{name}", bytes / unit)
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_the_same_and_nothing_else_is_a_rate() {
        for (text, bytes) in [
            ("20MB/s", Some(20_000_000)),
            ("1500kB/s", Some(1_500_000)),
            ("1GB/s", Some(1_000_000_000)),
            ("none", None),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.0, rate.to_string().as_str()), (bytes, text));
        }
        assert_eq!(Rate::parse("20 MB/s"), Rate::parse("20MB/s"));
        for text in [
            "",
            "0MB/s",
            "20",
            "20MB",
            "-1MB/s",
            "20mb/s",
            "1.5MB/s",
            "MB/s",
            "99999999999999999999GB/s",
            "+1MB/s",
            "unlimited",
        ] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
