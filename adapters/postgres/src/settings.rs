//! Where to connect, as whom, and how safely. Reads the files that an address or a variable names (service, passwords).
//! What is said twice counts in this order, as for PostgreSQL's own programs: address, service, variables, defaults.

use crate::address::{self, Parameters};
use crate::error::refused;
use crate::passfile::{self, SOCKET_FOLDERS};
use crate::service;
use crate::surroundings::Surroundings;
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

/// Everything about a connection by one door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The door.
    pub(crate) place: Place,
    /// The role.
    pub(crate) user: String,
    /// The database.
    pub(crate) database: String,
    /// The password, when one is known.
    pub(crate) password: Option<Secret>,
    /// How the way is secured.
    pub(crate) ssl_mode: SslMode,
    /// Files for TLS.
    pub(crate) tls: TlsFiles,
    /// For connecting, for TLS and for each word of the log-in.
    pub(crate) connect_timeout: Duration,
    /// How long a statement waits for a lock, in milliseconds.
    pub(crate) lock_timeout: u64,
    /// How long a statement may run, in milliseconds; 0 is for ever.
    pub(crate) statement_timeout: u64,
}

const CONNECT_TIMEOUT_S: u64 = 10;
const LOCK_TIMEOUT_MS: u64 = 5_000;
const PORT: u16 = 5432;

/// Which variable stands for which parameter.
const BY_VARIABLE: [(&str, &str); 11] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
];

impl Settings {
    /// What a location says, once for each door, in the order in which they are tried.
    pub(crate) fn of(location: &Location, around: &Surroundings) -> Result<Vec<Self>> {
        if location.scheme != "postgres" && location.scheme != "postgresql" {
            return Err(bad("scheme"));
        }
        let parameters = gathered(address::parse(&location.rest)?, around)?;
        let places = places(&parameters)?;
        places.into_iter().map(|place| Self::by(place, &parameters, around)).collect()
    }

    fn by(place: Place, parameters: &Parameters, around: &Surroundings) -> Result<Self> {
        let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let user = get("user").map(str::to_owned).or_else(|| around.user.clone()).ok_or_else(|| bad("user-missing"))?;
        let database = get("dbname").unwrap_or(&user).to_owned();
        let number = |name: &str, otherwise: u64| {
            get(name).map_or(Ok(otherwise), |text| text.parse().map_err(|_| bad("url-number")))
        };
        let password = match (get("password"), around.path("PGPASSWORD_FILE")) {
            (Some(given), _) => Some(Secret(Zeroizing::new(given.to_owned()))),
            (None, Some(path)) => Some(passfile::alone(&path)?),
            (None, None) => match passfile::path_of(get("passfile"), around) {
                Some(path) => passfile::look_up(&path, &place, &database, &user)?,
                None => None,
            },
        };
        Ok(Self {
            ssl_mode: ssl_mode(get("sslmode"), &place)?,
            tls: tls_files(&get, around),
            connect_timeout: Duration::from_secs(number("connect_timeout", CONNECT_TIMEOUT_S)?.max(2)),
            lock_timeout: number("lock_timeout", LOCK_TIMEOUT_MS)?,
            statement_timeout: number("statement_timeout", 0)?,
            place,
            user,
            database,
            password,
        })
    }
}

fn gathered(mut parameters: Parameters, around: &Surroundings) -> Result<Parameters> {
    let service = parameters.get("service").map(String::as_str).or_else(|| around.text("PGSERVICE"));
    if let Some(name) = service.map(str::to_owned) {
        for (name, value) in service::look_up(&name, around)? {
            parameters.entry(name).or_insert(value);
        }
    }
    for (name, variable) in BY_VARIABLE {
        // A host from one source and the address of another from elsewhere would be a mixture of two servers.
        let foreign = name == "hostaddr" && parameters.contains_key("host");
        if let Some(value) = around.text(variable).filter(|_| !foreign) {
            parameters.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    Ok(parameters)
}

/// Lists of hosts, addresses and ports; one port stands for all.
fn places(parameters: &Parameters) -> Result<Vec<Place>> {
    let list = |name: &str| -> Vec<String> {
        let text = parameters.get(name).map_or("", String::as_str);
        text.split(',').map(str::to_owned).collect()
    };
    let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = hosts.len().max(addresses.len());
    let fits = |one: &[String]| one.len() == count || one == [String::new()];
    if !fits(&hosts) || !fits(&addresses) || (ports.len() != count && ports.len() != 1) {
        return Err(bad("url-hosts"));
    }
    let at = |list: &[String], number: usize| list.get(number).or(list.first()).cloned().unwrap_or_default();
    (0..count).map(|number| place(&at(&hosts, number), &at(&addresses, number), &at(&ports, number))).collect()
}

fn place(host: &str, address: &str, port: &str) -> Result<Place> {
    let port = if port.is_empty() { PORT } else { port.parse().map_err(|_| bad("url-number"))? };
    Ok(match (host, address) {
        ("", "") => {
            let usual = SOCKET_FOLDERS.iter().map(PathBuf::from).find(|folder| folder.is_dir());
            Place::Socket { folder: usual.unwrap_or_else(|| PathBuf::from(SOCKET_FOLDERS[0])), port }
        }
        (folder, "") if folder.starts_with('/') => Place::Socket { folder: PathBuf::from(folder), port },
        (host, "") => Place::Tcp { host: host.to_owned(), address: None, port },
        ("", address) => Place::Tcp { host: address.to_owned(), address: Some(address.to_owned()), port },
        (host, address) => Place::Tcp { host: host.to_owned(), address: Some(address.to_owned()), port },
    })
}

/// TLS with all checks, unless something else was said or the way does not leave this machine. `allow` and `prefer` let
/// whoever stands in the way take TLS off; `require`, which asks for no check, gets all of them.
fn ssl_mode(word: Option<&str>, place: &Place) -> Result<SslMode> {
    match word {
        None if place.is_near() => Ok(SslMode::Disable),
        None | Some("require" | "verify-full") => Ok(SslMode::VerifyFull),
        Some("verify-ca") => Ok(SslMode::VerifyCa),
        Some("disable") => Ok(SslMode::Disable),
        Some("allow" | "prefer") => Err(refused(ErrorKind::Unsafe, "open", "sslmode-unsafe")),
        Some(_) => Err(bad("sslmode")),
    }
}

/// As libpq: files named, else those at home. `sslrootcert=system` is the machine's own list of authorities.
fn tls_files<'a>(get: &dyn Fn(&str) -> Option<&'a str>, around: &Surroundings) -> TlsFiles {
    let at_home = |name: &str| around.at_home(&format!(".postgresql/{name}")).filter(|path| path.is_file());
    let file = |name: &str, usual: &str| get(name).map(PathBuf::from).or_else(|| at_home(usual));
    TlsFiles {
        authority: if get("sslrootcert") == Some("system") { None } else { file("sslrootcert", "root.crt") },
        certificate: file("sslcert", "postgresql.crt"),
        key: file("sslkey", "postgresql.key"),
    }
}

fn bad(code: &str) -> AdapterError {
    refused(ErrorKind::Unsupported, "open", code)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn around(variables: &[(&'static str, &str)]) -> Surroundings {
        let variables = variables.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        Surroundings { variables, user: Some("me".to_owned()) }
    }

    fn all(url: &str, variables: &[(&'static str, &str)]) -> Result<Vec<Settings>> {
        Settings::of(&Location::parse(url).unwrap(), &around(variables))
    }

    fn only(url: &str, variables: &[(&'static str, &str)]) -> Settings {
        all(url, variables).unwrap().pop().unwrap()
    }

    fn tcp(host: &str, address: Option<&str>, port: u16) -> Place {
        Place::Tcp { host: host.to_owned(), address: address.map(str::to_owned), port }
    }

    #[test]
    fn an_address_goes_before_variables_and_these_before_defaults() {
        let said =
            only("postgres://u@h:1/d", &[("PGHOST", "x"), ("PGPORT", "2"), ("PGUSER", "y"), ("PGDATABASE", "z")]);
        assert_eq!((said.place, said.user.as_str(), said.database.as_str()), (tcp("h", None, 1), "u", "d"));
        let set = only("postgres://", &[("PGHOST", "x"), ("PGPORT", "2"), ("PGUSER", "y"), ("PGDATABASE", "z")]);
        assert_eq!((set.place, set.user.as_str(), set.database.as_str()), (tcp("x", None, 2), "y", "z"));
        let unsaid = only("postgres://", &[]);
        assert!(matches!(unsaid.place, Place::Socket { port: 5432, .. }));
        assert_eq!((unsaid.user.as_str(), unsaid.database.as_str()), ("me", "me"));
    }

    #[test]
    fn several_doors_are_tried_in_order() {
        let places: Vec<Place> =
            all("postgresql://a,b:7/d", &[]).unwrap().into_iter().map(|settings| settings.place).collect();
        assert_eq!(places, [tcp("a", None, 5432), tcp("b", None, 7)]);
        let by_address = only("postgres://name/d?hostaddr=192.0.2.7", &[]);
        assert_eq!(by_address.place, tcp("name", Some("192.0.2.7"), 5432));
        assert!(all("postgres://a,b/d?hostaddr=192.0.2.7,192.0.2.8,192.0.2.9", &[]).is_err());
        assert_eq!(only("postgres://a/d", &[("PGHOSTADDR", "192.0.2.7")]).place, tcp("a", None, 5432));
    }

    #[test]
    fn tls_with_all_checks_is_the_default_where_the_way_leaves_the_machine() {
        for (url, mode) in [
            ("postgres://db.example/d", SslMode::VerifyFull),
            ("postgres://192.0.2.1/d", SslMode::VerifyFull),
            ("postgres://localhost/d?hostaddr=192.0.2.1", SslMode::VerifyFull),
            ("postgres://db.example/d?sslmode=require", SslMode::VerifyFull),
            ("postgres://db.example/d?sslmode=verify-ca", SslMode::VerifyCa),
            ("postgres://db.example/d?sslmode=disable", SslMode::Disable),
            ("postgres://localhost/d", SslMode::Disable),
            ("postgres://127.0.0.9/d", SslMode::Disable),
            ("postgres://[::1]/d", SslMode::Disable),
            ("postgres://localhost/d?sslmode=verify-full", SslMode::VerifyFull),
            ("postgres:///d?host=/run/x", SslMode::Disable),
        ] {
            assert_eq!(only(url, &[]).ssl_mode, mode, "{url}");
        }
        assert_eq!(all("postgres://h/d?sslmode=prefer", &[]).unwrap_err().code.as_deref(), Some("sslmode-unsafe"));
        assert_eq!(all("postgres://h/d", &[("PGSSLMODE", "x")]).unwrap_err().code.as_deref(), Some("sslmode"));
    }

    #[test]
    fn a_password_is_found_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from-file\n").unwrap();
        let path = file.path().to_str().unwrap();
        let by_file = only("postgres://h/d", &[("PGPASSWORD_FILE", path)]);
        assert_eq!(by_file.password.as_ref().unwrap().0.as_str(), "from-file");
        assert!(!format!("{by_file:?}").contains("from-file"));
        let by_url = only("postgres://u:from-url@h/d", &[("PGPASSWORD", "from-variable"), ("PGPASSWORD_FILE", path)]);
        assert_eq!(by_url.password.unwrap().0.as_str(), "from-url");
        assert_eq!(only("postgres://h/d", &[("PGPASSWORD", "v")]).password.unwrap().0.as_str(), "v");
        assert_eq!(only("postgres://h/d", &[]).password, None);
    }

    #[test]
    fn a_service_fills_what_the_address_leaves_open() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[school]\nhost=s\nport=9\ndbname=diary\n").unwrap();
        let path = file.path().to_str().unwrap();
        let set = [("PGSERVICEFILE", path), ("PGHOST", "x")];
        let found = only("postgres://:8?service=school", &set);
        assert_eq!((found.place, found.database.as_str()), (tcp("s", None, 8), "diary"));
        let by_variable = [("PGSERVICEFILE", path), ("PGSERVICE", "school")];
        assert_eq!(only("postgres://", &by_variable).place, tcp("s", None, 9));
        let missing = all("postgres://?service=none", &set).unwrap_err();
        assert_eq!((missing.kind, missing.code.as_deref()), (ErrorKind::NotFound, Some("service")));
    }
}
