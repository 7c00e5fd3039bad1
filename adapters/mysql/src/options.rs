//! What the surroundings say about a connection: the option file `~/.my.cnf` and variables of the environment.
//! Reads that file and, where `MYSQL_PWD_FILE` names one, the file of a secret. Writes nothing.

use crate::error::refused;
use crate::settings::{Said, Secret};
use lastbell_contract::{ErrorKind, Result};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The surroundings, so that a test can give its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// The home folder.
    pub(crate) home: Option<PathBuf>,
    /// The log-in name.
    pub(crate) login: Option<String>,
    /// The variables of [`VARIABLES`] that are set and not empty.
    variables: BTreeMap<&'static str, String>,
}

/// The variables that MySQL's own programs know, and the `_FILE` form of the secret.
const VARIABLES: [&str; 5] = ["MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_UNIX_PORT", "MYSQL_PWD", "MYSQL_PWD_FILE"];

impl Around {
    /// Those of this process.
    #[allow(clippy::disallowed_methods, reason = "these variables belong to the engine's own programs")]
    pub(crate) fn of_process() -> Self {
        let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            home: std::env::home_dir(),
            login: get("USER").or_else(|| get("LOGNAME")),
            variables: VARIABLES.iter().filter_map(|name| Some((*name, get(name)?))).collect(),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// What the environment says.
pub(crate) fn from_environment(around: &Around) -> Result<Said> {
    let password = match around.variable("MYSQL_PWD_FILE") {
        Some(path) => Some(secret_file(Path::new(&path))?),
        None => around.variable("MYSQL_PWD"),
    };
    Ok(Said {
        host: around.variable("MYSQL_HOST"),
        port: around.variable("MYSQL_TCP_PORT"),
        socket: around.variable("MYSQL_UNIX_PORT"),
        password: password.map(Secret),
        ..Said::default()
    })
}

/// The first line of the file of a secret. Its mode is not judged: containers mount secrets readable for all inside.
fn secret_file(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|_| refused(ErrorKind::Denied, "open", "password-file"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// What the option file says: the named one, which must be there, or `~/.my.cnf`, which may.
pub(crate) fn from_file(named: Option<&str>, around: &Around) -> Result<Said> {
    let unreadable = || refused(ErrorKind::Denied, "open", "option-file");
    let path = match (named, &around.home) {
        (Some(named), _) => PathBuf::from(named),
        (None, Some(home)) => home.join(".my.cnf"),
        (None, None) => return Ok(Said::default()),
    };
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| unreadable())?,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Said::default()),
        Err(_) => return Err(unreadable()),
    };
    let said = parse(&text);
    let mode = std::fs::metadata(&path).map_err(|_| unreadable())?.permissions().mode();
    // MySQL's programs ignore a file that anybody may write; a password that others can read is refused as well.
    if mode & 0o002 != 0 || (said.password.is_some() && mode & 0o077 != 0) {
        return Err(refused(ErrorKind::Unsafe, "open", "option-file-mode"));
    }
    Ok(said)
}

/// The groups that all clients read (mariadb.com/kb: "Option Groups"). Lines for other programs are passed over, and so
/// are `!include` lines: a secret is read from the file that was named, and from no other.
fn parse(text: &str) -> Said {
    let mut said = Said::default();
    let mut ours = false;
    for line in text.lines().map(str::trim) {
        if let Some(group) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            ours = ["client", "client-server", "client-mariadb"].contains(&group.trim());
        } else if ours && !line.starts_with(['#', ';', '!']) {
            take(&mut said, line);
        }
    }
    said
}

/// A later line wins, as in MySQL's programs.
fn take(said: &mut Said, line: &str) {
    let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(plain_value(value))));
    let name = name.trim().replace('_', "-");
    match (name.as_str(), value) {
        ("user", value) => said.user = value,
        ("password", value) => said.password = value.map(Secret),
        ("host", value) => said.host = value,
        ("port", value) => said.port = value,
        ("socket", value) => said.socket = value,
        ("database", value) => said.database = value,
        ("ssl-ca", value) => said.ssl_ca = value,
        ("ssl-cert", value) => said.ssl_cert = value,
        ("ssl-key", value) => said.ssl_key = value,
        ("ssl-mode", value) => said.ssl_mode = value,
        ("skip-ssl", None) => said.ssl_mode = Some("disabled".to_owned()),
        ("ssl", Some(value)) if ["0", "off", "false"].contains(&value.to_ascii_lowercase().as_str()) => {
            said.ssl_mode = Some("disabled".to_owned());
        }
        _ => {} // a line for another program
    }
}

/// Quotes around a value go, ` #` begins a remark outside of them, and backslashes escape.
fn plain_value(text: &str) -> String {
    let text = text.trim();
    let quoted = text.chars().next().filter(|first| ['"', '\''].contains(first));
    let inner = match quoted {
        Some(quote) => text[1..].rsplit_once(quote).map_or(&text[1..], |(inner, _)| inner),
        None => text.split(" #").next().unwrap_or_default().trim_end(),
    };
    let mut value = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            value.push(letter);
            continue;
        }
        match letters.next() {
            Some('b') => value.push('\u{8}'),
            Some('t') => value.push('\t'),
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some('s') => value.push(' '),
            Some('\\') => value.push('\\'),
            Some(other) => value.extend(['\\', other]),
            None => value.push('\\'),
        }
    }
    value
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("my.cnf");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn only_the_groups_of_clients_are_read() {
        let said = parse(
            "user = nobody\n[mysqld]\nuser=mysql\nport=1\n[client]\nuser = olga # she\npassword=\"a#b \\\\ c\"\n\
             socket='/tmp/my socket'\n!include /etc/x\n[mysqldump]\nhost=elsewhere\n[client-server]\nport=3310\n",
        );
        assert_eq!(said.user.as_deref(), Some("olga"));
        assert_eq!(said.password, Some(Secret("a#b \\ c".into())));
        assert_eq!(said.socket.as_deref(), Some("/tmp/my socket"));
        assert_eq!(said.port.as_deref(), Some("3310"));
        assert_eq!(said.host, None);
    }

    #[test]
    fn a_password_that_others_can_read_is_refused() {
        for (text, mode, refused) in [
            ("[client]\npassword=x", 0o600, false),
            ("[client]\npassword=x", 0o640, true),
            ("[client]\npassword=x", 0o604, true),
            ("[client]\nhost=h", 0o644, false),
            ("[client]\nhost=h", 0o646, true),
        ] {
            let (_folder, path) = file(text, mode);
            let said = from_file(path.to_str(), &Around::default());
            let code = said.err().and_then(|error| error.code);
            assert_eq!(code.as_deref(), refused.then_some("option-file-mode"), "{mode:o} {text}");
        }
    }

    #[test]
    fn the_home_file_may_be_missing_and_a_named_one_may_not() {
        let folder = tempfile::TempDir::new().unwrap();
        let around = Around { home: Some(folder.path().to_owned()), ..Around::default() };
        assert_eq!(from_file(None, &around).unwrap(), Said::default());
        let absent = folder.path().join("absent");
        assert_eq!(from_file(absent.to_str(), &around).unwrap_err().code.as_deref(), Some("option-file"));
    }

    #[test]
    fn a_secret_comes_from_its_file_and_never_from_argv() {
        let (_folder, path) = file("word\n", 0o444);
        let variables = [
            ("MYSQL_PWD", "other".to_owned()),
            ("MYSQL_PWD_FILE", path.to_str().unwrap().to_owned()),
            ("MYSQL_HOST", "db.example".to_owned()),
        ];
        let around = Around { variables: variables.into_iter().collect(), ..Around::default() };
        let said = from_environment(&around).unwrap();
        assert_eq!(said.password, Some(Secret("word".into())));
        assert_eq!(said.host.as_deref(), Some("db.example"));
    }
}
