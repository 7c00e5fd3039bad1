//! Where to connect, as whom, and how safely: the parts of a `postgres:` location. Pure but for the clock-free reading
//! of what the location names.

use crate::error::refused;
use lastbell_contract::{AdapterError, ErrorKind, Location, Result};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// A password. It is wiped when it goes and never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// One door of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A unix socket `.s.PGSQL.PORT` in a folder.
    Socket {
        /// The folder.
        folder: PathBuf,
        /// The number in its name.
        port: u16,
    },
    /// TCP. `address` is where to go when it is not the host's name (libpq's `hostaddr`).
    Tcp {
        /// The name that the certificate must show.
        host: String,
        /// An address.
        address: Option<String>,
        /// The port.
        port: u16,
    },
}

impl Place {
    /// Does it stay on this machine?
    fn is_near(&self) -> bool {
        match self {
            Self::Socket { .. } => true,
            Self::Tcp { host, address, .. } => {
                let name = address.as_deref().unwrap_or(host);
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

/// How the way is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    /// In clear.
    Disable,
    /// TLS; the authority counts, the name does not.
    VerifyCa,
    /// TLS; authority and name.
    VerifyFull,
}

/// Files for TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The authorities to trust instead of the system's.
    pub(crate) authority: Option<PathBuf>,
    /// Our own certificate.
    pub(crate) certificate: Option<PathBuf>,
    /// Its key.
    pub(crate) key: Option<PathBuf>,
}

/// Everything about a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Doors, tried in order.
    pub(crate) places: Vec<Place>,
    /// The role.
    pub(crate) user: String,
    /// The database.
    pub(crate) database: String,
    /// The password, when one is known.
    pub(crate) password: Option<Secret>,
    /// What was said about TLS; without a word it depends on the place.
    pub(crate) ssl_mode: Option<SslMode>,
    /// Files for TLS.
    pub(crate) tls: TlsFiles,
    /// For connecting, TLS and log-in together with each place.
    pub(crate) connect_timeout: Duration,
    /// How long a statement waits for a lock.
    pub(crate) lock_timeout_ms: u64,
    /// How long a statement may run; 0 is for ever.
    pub(crate) statement_timeout_ms: u64,
}

impl Settings {
    /// TLS with all checks, unless something else was said or the way does not leave this machine.
    pub(crate) fn ssl_mode(&self, place: &Place) -> SslMode {
        let unsaid = if place.is_near() { SslMode::Disable } else { SslMode::VerifyFull };
        self.ssl_mode.unwrap_or(unsaid)
    }

    /// What a location says.
    pub(crate) fn of(location: &Location) -> Result<Self> {
        if location.scheme != "postgres" && location.scheme != "postgresql" {
            return Err(bad("scheme"));
        }
        let rest = location.rest.strip_prefix("//").ok_or_else(|| bad("url"))?;
        let (head, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = head.split_once('/').unwrap_or((head, ""));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').map_or((user, None), |(user, password)| (user, Some(password)));
        let (mut host, mut port) =
            host.rsplit_once(':').map_or((host.to_owned(), None), |(h, p)| (h.to_owned(), Some(p)));
        let mut folder = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| bad("url"))?;
            match name {
                "host" if value.starts_with('/') => folder = Some(PathBuf::from(value)),
                "host" => host = value.to_owned(),
                "port" => port = Some(value),
                _ => return Err(bad("url-parameter")),
            }
        }
        let port: u16 = port.unwrap_or("5432").parse().map_err(|_| bad("url-port"))?;
        let place = match folder {
            Some(folder) => Place::Socket { folder, port },
            None => Place::Tcp { host, address: None, port },
        };
        Ok(Self {
            places: vec![place],
            user: user.to_owned(),
            database: database.to_owned(),
            password: password.map(|password| Secret(Zeroizing::new(password.to_owned()))),
            ssl_mode: None,
            tls: TlsFiles::default(),
            connect_timeout: Duration::from_secs(10),
            lock_timeout_ms: 5_000,
            statement_timeout_ms: 0,
        })
    }
}

fn bad(code: &str) -> AdapterError {
    refused(ErrorKind::Unsupported, "open", code)
}
