//! Which server this is, and whether this adapter knows it. What is not known is refused at the first connection.

use crate::error::refused;
use lastbell_contract::{ErrorKind, Result};

/// The two products, which differ in places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// MariaDB 10.5 to 12.
    MariaDb,
    /// MySQL 8.0 to 9, and Percona Server, which is one.
    MySql,
}

impl Product {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MariaDb => "MariaDB",
            Self::MySql => "MySQL",
        }
    }
}

/// Product and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Which of the two.
    pub(crate) product: Product,
    /// Major and minor number.
    pub(crate) number: (u16, u16),
    /// As the server says it.
    pub(crate) text: String,
}

impl Server {
    /// Is it MariaDB?
    pub(crate) fn is_mariadb(&self) -> bool {
        self.product == Product::MariaDb
    }
}

/// Judges what `SELECT VERSION()` and `@@version_comment` say.
pub(crate) fn judge(text: &str, comment: &str) -> Result<Server> {
    let unsupported = || refused(ErrorKind::Unsupported, "open", "version");
    let said = format!("{text} {comment}").to_lowercase();
    // They speak the protocol and are other engines inside: what was measured on the two does not hold for them.
    if ["tidb", "vitess", "oceanbase", "polardb", "singlestore", "memsql", "clickhouse", "doris", "starrocks"]
        .iter()
        .any(|other| said.contains(other))
    {
        return Err(unsupported());
    }
    // Up to 10.x the text may begin with `5.5.5-`, a prefix for old replicas.
    let plain = text.strip_prefix("5.5.5-").filter(|_| said.contains("mariadb")).unwrap_or(text);
    let mut parts = plain.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else { return Err(unsupported()) };
    let product = if said.contains("mariadb") { Product::MariaDb } else { Product::MySql };
    let known = match product {
        Product::MariaDb => (major == 10 && (5..=11).contains(&minor)) || major == 11 || major == 12,
        Product::MySql => major == 8 || major == 9,
    };
    if known { Ok(Server { product, number: (major, minor), text: text.to_owned() }) } else { Err(unsupported()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supported_versions_are_named_and_others_refused() {
        for (text, comment, expected) in [
            ("10.11.19-MariaDB-0+deb12u1-log", "Debian 12", Some((Product::MariaDb, (10, 11)))),
            ("5.5.5-10.5.8-MariaDB", "", Some((Product::MariaDb, (10, 5)))),
            ("11.8.3-MariaDB", "", Some((Product::MariaDb, (11, 8)))),
            ("12.0.2-MariaDB", "", Some((Product::MariaDb, (12, 0)))),
            ("8.0.46", "MySQL Community Server - GPL", Some((Product::MySql, (8, 0)))),
            ("9.7.4", "", Some((Product::MySql, (9, 7)))),
            ("8.0.36-28", "Percona Server (GPL)", Some((Product::MySql, (8, 0)))),
            ("10.4.34-MariaDB", "", None),
            ("5.7.44-log", "MySQL Community Server (GPL)", None),
            ("5.5.62", "", None),
            ("13.0.1-MariaDB", "", None),
            ("8.0.11-TiDB-v7.5.0", "TiDB Server", None),
            ("", "", None),
            ("eight", "", None),
        ] {
            let judged = judge(text, comment);
            assert_eq!(judged.as_ref().ok().map(|server| (server.product, server.number)), expected, "{text}");
            if let Err(error) = judged {
                assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unsupported, Some("version")));
            }
        }
    }
}
