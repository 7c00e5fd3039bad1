//! Takes a `postgres://` address apart into the parameters that PostgreSQL's own programs know. Pure.
//! Form: documentation, 34.1.1.2 "Connection URIs": `//user:password@host:port,host:port/database?name=value&…`.

use crate::error::refused;
use lastbell_contract::{AdapterError, ErrorKind, Location, Result};
use std::collections::BTreeMap;

/// Parameters by name; a password may be among them, so this is never shown.
pub(crate) type Parameters = BTreeMap<String, String>;

/// What may be said about a connection, in an address or a service file.
pub(crate) const KNOWN: [&str; 15] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "passfile",
    "service",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "connect_timeout",
    "lock_timeout",
    "statement_timeout",
];

/// What others say in the same places and what changes nothing here: we fix the session's settings ourselves.
pub(crate) const IDLE: [&str; 10] = [
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "gssencmode",
    "channel_binding",
];

/// The parameters of an address, from what follows the scheme's colon.
pub(crate) fn parse(rest: &str) -> Result<Parameters> {
    let rest = rest.strip_prefix("//").ok_or_else(|| bad("url"))?;
    let (head, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = head.split_once('/').unwrap_or((head, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mut found = Parameters::new();
    let (names, ports) = split_hosts(hosts)?;
    for (name, value) in
        [("user", user), ("password", password), ("dbname", database), ("host", &names), ("port", &ports)]
    {
        if !value.is_empty() {
            found.insert(name.to_owned(), decoded(value)?);
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| bad("url"))?;
        let (name, value) = (decoded(name)?, decoded(value)?);
        if KNOWN.contains(&name.as_str()) {
            found.insert(name, value);
        } else if !IDLE.contains(&name.as_str()) {
            return Err(bad("url-parameter"));
        }
    }
    Ok(found)
}

/// `a:1,[::1]:2,c` as `a,::1,c` and `1,2,`.
fn split_hosts(hosts: &str) -> Result<(String, String)> {
    if hosts.is_empty() {
        return Ok((String::new(), String::new()));
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for one in hosts.split(',') {
        let (name, port) = match one.strip_prefix('[') {
            Some(rest) => {
                let (name, after) = rest.split_once(']').ok_or_else(|| bad("url"))?;
                let port = if after.is_empty() { "" } else { after.strip_prefix(':').ok_or_else(|| bad("url"))? };
                (name, port)
            }
            None => one.split_once(':').unwrap_or((one, "")),
        };
        names.push(name);
        ports.push(port);
    }
    let ports = if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") };
    Ok((names.join(","), ports))
}

fn decoded(text: &str) -> Result<String> {
    let bytes = Location::decoded(text).ok_or_else(|| bad("url"))?;
    // PostgreSQL's names and passwords hold no U+0000, and the startup message ends its texts with one.
    let text = String::from_utf8(bytes).map_err(|_| bad("url"))?;
    if text.contains('\0') { Err(bad("url")) } else { Ok(text) }
}

fn bad(code: &str) -> AdapterError {
    refused(ErrorKind::Unsupported, "open", code)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(rest: &str) -> Vec<(String, String)> {
        parse(rest).unwrap().into_iter().collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_address_is_taken_apart() {
        let all = told("//me:se%3Acret@db.example:5433/diary?sslmode=verify-ca");
        let expected = [
            ("dbname", "diary"),
            ("host", "db.example"),
            ("password", "se:cret"),
            ("port", "5433"),
            ("sslmode", "verify-ca"),
            ("user", "me"),
        ];
        assert_eq!(all, pairs(&expected));
        assert_eq!(told("///diary?host=/run/x"), pairs(&[("dbname", "diary"), ("host", "/run/x")]));
        assert_eq!(told("//%2Frun%2Fx/diary"), pairs(&[("dbname", "diary"), ("host", "/run/x")]));
        assert_eq!(told("//a:1,[::1]:2,c"), pairs(&[("host", "a,::1,c"), ("port", "1,2,")]));
        assert_eq!(told("//"), pairs(&[]));
        assert_eq!(told("//u@h/%D0%B4?application_name=x"), pairs(&[("dbname", "д"), ("host", "h"), ("user", "u")]));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (rest, code) in [
            ("diary.db", "url"),
            ("//h/d?sslmode", "url"),
            ("//h/d?options=-crow_security=on", "url-parameter"),
            ("//h/%zz", "url"),
            ("//h/%00", "url"),
            ("//[::1/d", "url"),
        ] {
            assert_eq!(parse(rest).unwrap_err().code.as_deref(), Some(code), "{rest}");
        }
    }
}
