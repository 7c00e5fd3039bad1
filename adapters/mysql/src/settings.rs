//! From a location to everything that a connection needs: the URL first, then the option file, then the environment.
//! Reads the option file and the file of a secret; prints nothing, and shows the password to nobody.
//!
//! `mysql://USER:PASSWORD@HOST:PORT/DATABASE?socket=PATH&ssl-mode=MODE&ssl-ca=PATH&…`; every part but the database may be
//! missing. The order of the places is that of MySQL's own programs.

use crate::error::refused;
use crate::options::{self, Around};
use lastbell_contract::{AdapterError, ErrorKind, Location, Result};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// A password. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A socket of this machine.
    Socket(PathBuf),
    /// Host and port.
    Tcp(String, u16),
}

/// How the line is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Not at all: a socket, a loopback address, or `ssl-mode=disabled`.
    Plain,
    /// TLS; the certificate must come from a trusted authority.
    Authority,
    /// TLS; besides, it must be made out to the host's name.
    Name,
}

/// Time limits of a session, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// To connect.
    pub(crate) connect: u64,
    /// To wait for a lock of somebody else.
    pub(crate) lock: u64,
    /// For one statement, the reading of a whole table included.
    pub(crate) statement: u64,
}

/// Half a day for a statement: a table of 10^9 rows takes under an hour at 0.5 million rows a second, and a rebuild
/// several times that. It replaces a server's own limit, which may be 30 seconds.
const LIMITS: Limits = Limits { connect: 20, lock: 10, statement: 43_200 };

/// Everything a connection needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where.
    pub(crate) way: Way,
    /// As whom.
    pub(crate) user: String,
    /// With which secret.
    pub(crate) password: Option<Secret>,
    /// The one database that is the store.
    pub(crate) database: String,
    /// How the line is protected.
    pub(crate) protection: Protection,
    /// Certificates of the authority, besides Mozilla's.
    pub(crate) authority: Option<PathBuf>,
    /// Certificate and key that we show.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Time limits.
    pub(crate) limits: Limits,
}

/// What one place says; the first place that says something wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Host name or address.
    pub(crate) host: Option<String>,
    /// Port.
    pub(crate) port: Option<String>,
    /// Path of a socket.
    pub(crate) socket: Option<String>,
    /// User.
    pub(crate) user: Option<String>,
    /// Password.
    pub(crate) password: Option<Secret>,
    /// Database.
    pub(crate) database: Option<String>,
    /// `disabled`, `verify-ca`, `verify-identity`.
    pub(crate) ssl_mode: Option<String>,
    /// Authority.
    pub(crate) ssl_ca: Option<String>,
    /// Our certificate.
    pub(crate) ssl_cert: Option<String>,
    /// Its key.
    pub(crate) ssl_key: Option<String>,
    /// Another option file than `~/.my.cnf`.
    pub(crate) defaults_file: Option<String>,
    /// Seconds.
    pub(crate) connect_timeout: Option<String>,
    /// Seconds.
    pub(crate) lock_timeout: Option<String>,
    /// Seconds.
    pub(crate) statement_timeout: Option<String>,
}

fn bad(code: &str) -> AdapterError {
    refused(ErrorKind::Unsupported, "open", code)
}

/// Gathers the settings for a location.
pub(crate) fn gather(location: &Location, around: &Around) -> Result<Settings> {
    if location.scheme != "mysql" {
        return Err(bad("scheme"));
    }
    let url = from_url(&location.rest)?;
    let file = options::from_file(url.defaults_file.as_deref(), around)?;
    let environment = options::from_environment(around)?;
    settle(url, file, environment, around)
}

fn settle(url: Said, file: Said, environment: Said, around: &Around) -> Result<Settings> {
    let password = url.password.clone().or_else(|| fitting_password(&url, &file, &environment));
    let way = way(&url, &file, &environment)?;
    let first = |part: fn(&Said) -> &Option<String>| {
        [&url, &file, &environment].into_iter().find_map(|said| part(said).clone()).filter(|text| !text.is_empty())
    };
    let user = first(|said| &said.user).or_else(|| around.login.clone()).ok_or_else(|| bad("user-missing"))?;
    let database = first(|said| &said.database).ok_or_else(|| bad("database-missing"))?;
    let protection = protection(&way, first(|said| &said.ssl_mode).as_deref())?;
    let identity = match (first(|said| &said.ssl_cert), first(|said| &said.ssl_key)) {
        (Some(certificate), Some(key)) => Some((PathBuf::from(certificate), PathBuf::from(key))),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(bad("tls-identity")),
    };
    let seconds = |text: Option<String>, default: u64| match text {
        None => Ok(default),
        Some(text) => text.parse().ok().filter(|count| (1..=604_800).contains(count)).ok_or_else(|| bad("timeout")),
    };
    let limits = Limits {
        connect: seconds(url.connect_timeout.clone(), LIMITS.connect)?,
        lock: seconds(url.lock_timeout.clone(), LIMITS.lock)?,
        statement: seconds(url.statement_timeout.clone(), LIMITS.statement)?,
    };
    let authority = first(|said| &said.ssl_ca).map(PathBuf::from);
    Ok(Settings { way, user, password, database, protection, authority, identity, limits })
}

/// A password that stands in a file or in the environment belongs to the user and host named there: that of one server
/// is not shown to another.
fn fitting_password(url: &Said, file: &Said, environment: &Said) -> Option<Secret> {
    let fits = |said: &Said| {
        let same = |wanted: &Option<String>, named: &Option<String>| match (wanted, named) {
            (Some(wanted), Some(named)) => wanted == named,
            (None, _) | (Some(_), None) => true,
        };
        same(&url.user, &said.user) && same(&url.host, &said.host)
    };
    [file, environment].into_iter().filter(|said| fits(said)).find_map(|said| said.password.clone())
}

/// A socket is taken when the URL names one, or when no host is named and another place knows one.
fn way(url: &Said, file: &Said, environment: &Said) -> Result<Way> {
    if let Some(socket) = &url.socket {
        return Ok(Way::Socket(PathBuf::from(socket)));
    }
    let host = [url, file, environment].into_iter().find_map(|said| said.host.clone());
    let near = host.as_deref().is_none_or(|host| host == "localhost");
    let socket = file.socket.as_ref().or(environment.socket.as_ref());
    if let Some(socket) = socket.filter(|_| near && url.port.is_none()) {
        return Ok(Way::Socket(PathBuf::from(socket)));
    }
    let port = [url, file, environment].into_iter().find_map(|said| said.port.clone());
    let port = port.map_or(Ok(3306), |text| text.parse().map_err(|_| bad("port")))?;
    Ok(Way::Tcp(host.unwrap_or_else(|| "127.0.0.1".to_owned()), port))
}

impl Way {
    /// Does it leave this machine?
    pub(crate) fn is_remote(&self) -> bool {
        match self {
            Self::Socket(_) => false,
            Self::Tcp(host, _) => !is_loopback(host),
        }
    }
}

/// Plain only where nobody can listen in, or when it is said. MySQL's `preferred` and `required` accept any certificate,
/// which protects from nobody who sits on the line; they are refused rather than read as something else.
fn protection(way: &Way, mode: Option<&str>) -> Result<Protection> {
    let near = !way.is_remote();
    let mode = mode.map(|mode| mode.to_ascii_lowercase().replace('_', "-"));
    let wanted = match mode.as_deref() {
        None if near => Protection::Plain,
        None | Some("verify-identity") => Protection::Name,
        Some("verify-ca") => Protection::Authority,
        Some("disabled") => Protection::Plain,
        Some(_) => return Err(bad("tls-mode")),
    };
    // The driver would leave a socket in clear without a word.
    if matches!(way, Way::Socket(_)) && wanted != Protection::Plain {
        return Err(bad("tls-on-socket"));
    }
    Ok(wanted)
}

/// An address of this machine alone.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Splits what stands after the scheme.
fn from_url(rest: &str) -> Result<Said> {
    let rest = rest.strip_prefix("//").ok_or_else(|| bad("address"))?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let mut said = Said { database: filled(database)?, ..Said::default() };
    let (account, place) = match authority.rsplit_once('@') {
        Some((account, place)) => (Some(account), place),
        None => (None, authority),
    };
    if let Some(account) = account {
        let (user, password) = account.split_once(':').map_or((account, None), |(user, word)| (user, Some(word)));
        said.user = filled(user)?;
        said.password = password.map(decoded).transpose()?.map(Secret);
    }
    let (host, port) = host_and_port(place)?;
    said.host = filled(host)?;
    said.port = filled(port)?;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| bad("address-option"))?;
        *place_of(&mut said, name)? = Some(decoded(value)?);
    }
    Ok(said)
}

fn host_and_port(place: &str) -> Result<(&str, &str)> {
    if place.starts_with('[') {
        let end = place.find(']').ok_or_else(|| bad("address"))?;
        let (host, rest) = place.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if rest.is_empty() => Ok((host, "")),
            None => Err(bad("address")),
        };
    }
    match place.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(bad("address")),
        Some(parts) => Ok(parts),
        None => Ok((place, "")),
    }
}

/// Where an option of the URL goes. A password is none: it would stand in a place that looks harmless.
fn place_of<'a>(said: &'a mut Said, name: &str) -> Result<&'a mut Option<String>> {
    Ok(match name {
        "socket" => &mut said.socket,
        "ssl-mode" => &mut said.ssl_mode,
        "ssl-ca" => &mut said.ssl_ca,
        "ssl-cert" => &mut said.ssl_cert,
        "ssl-key" => &mut said.ssl_key,
        "defaults-file" => &mut said.defaults_file,
        "connect-timeout" => &mut said.connect_timeout,
        "lock-timeout" => &mut said.lock_timeout,
        "statement-timeout" => &mut said.statement_timeout,
        _ => return Err(bad("address-option")), // somebody else's word
    })
}

fn filled(text: &str) -> Result<Option<String>> {
    if text.is_empty() { Ok(None) } else { decoded(text).map(Some) }
}

/// `%41` is `A`; everything else stands for itself.
fn decoded(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
            let digits = digits.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            let value = digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(|| bad("address"))?;
            bytes.push(value);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).map_err(|_| bad("address"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settled(url: &str) -> Result<Settings> {
        settle(from_url(url)?, Said::default(), Said::default(), &Around::default())
    }

    fn code(url: &str) -> String {
        settled(url).unwrap_err().code.unwrap_or_default()
    }

    #[test]
    fn a_url_names_everything() {
        let found = settled("//olga:p%40ss@db.example:3307/%D0%B6%D1%83%D1%80?ssl-ca=/ca.pem&lock-timeout=5").unwrap();
        assert_eq!(found.way, Way::Tcp("db.example".into(), 3307));
        assert!(found.way.is_remote() && !settled("//olga@127.0.0.1/diary").unwrap().way.is_remote());
        assert_eq!((found.user.as_str(), found.database.as_str()), ("olga", "жур"));
        assert_eq!(found.password, Some(Secret("p@ss".into())));
        assert_eq!(found.protection, Protection::Name);
        assert_eq!(found.authority, Some("/ca.pem".into()));
        assert_eq!(found.limits, Limits { lock: 5, ..LIMITS });
    }

    #[test]
    fn a_line_is_plain_only_where_nobody_listens_or_when_it_is_said() {
        for (url, expected) in [
            ("//u@db.example/d", Protection::Name),
            ("//u@10.0.0.1/d", Protection::Name),
            ("//u@localhost.example/d", Protection::Name),
            ("//u@127.0.0.1/d", Protection::Plain),
            ("//u@[::1]:3306/d", Protection::Plain),
            ("//u@localhost/d", Protection::Plain),
            ("//u@/d?socket=/s", Protection::Plain),
            ("//u@127.0.0.1/d?ssl-mode=VERIFY_IDENTITY", Protection::Name),
            ("//u@db.example/d?ssl-mode=verify-ca", Protection::Authority),
            ("//u@db.example/d?ssl-mode=disabled", Protection::Plain),
        ] {
            assert_eq!(settled(url).unwrap().protection, expected, "{url}");
        }
    }

    #[test]
    fn what_would_be_read_as_something_else_is_refused() {
        for (url, expected) in [
            ("u@host/d", "address"),
            ("//u@a:b:c/d", "address"),
            ("//u@%zz/d", "address"),
            ("//u@%+1/d", "address"),
            ("//u@h:70000/d", "port"),
            ("//u@h", "database-missing"),
            ("//h/d", "user-missing"),
            ("//u@h/d?ssl-mode=required", "tls-mode"),
            ("//u@h/d?ssl-mode=preferred", "tls-mode"),
            ("//u@/d?socket=/s&ssl-mode=verify-ca", "tls-on-socket"),
            ("//u@h/d?ssl-cert=/c", "tls-identity"),
            ("//u@h/d?password=x", "address-option"),
            ("//u@h/d?init_command=x", "address-option"),
            ("//u@h/d?lock-timeout=0", "timeout"),
        ] {
            assert_eq!(code(url), expected, "{url}");
        }
    }

    #[test]
    fn a_password_is_shown_to_no_other_server() {
        let secret = Some(Secret("s".into()));
        let file =
            Said { user: Some("olga".into()), host: Some("a".into()), password: secret.clone(), ..Said::default() };
        for (url, expected) in
            [("///d", secret.clone()), ("//olga@a/d", secret), ("//olga@b/d", None), ("//ivan@a/d", None)]
        {
            let url = from_url(url).unwrap();
            let found = settle(url, file.clone(), Said::default(), &Around::default()).unwrap();
            assert_eq!(found.password, expected);
        }
    }

    #[test]
    fn debug_shows_no_password() {
        let shown = format!("{:?}", settled("//olga:topsecret@h/d").unwrap());
        assert!(!shown.contains("topsecret"), "{shown}");
    }
}
