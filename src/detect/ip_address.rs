//! Detector: IP address, version 4 or 6.

use super::engine::cell::Cell;
use std::net::IpAddr;

pub(crate) fn hits(cell: &Cell<'_>) -> bool {
    cell.text().is_some_and(|text| {
        let text = text.trim();
        // "::" alone and version numbers such as 1.2.3 do not parse as four parts.
        text.len() >= 7 && text.parse::<IpAddr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn addresses_are_told_from_versions() {
        for (text, expected) in
            [("192.168.0.17", true), ("fe80::1ff:fe23:4567", true), ("1.2.3", false), ("10.0.0.256", false)]
        {
            assert_eq!(hits(&Cell::Text(Cow::Borrowed(text))), expected, "{text}");
        }
    }
}
