//! Passwords that lie in files: `~/.pgpass` and its like, and files with nothing but a password. Reads these files.
//! Format: documentation, 34.16 "The Password File".

use crate::error::{Told, refused};
use crate::settings::{Place, Secret};
use crate::surroundings::Surroundings;
use lastbell_contract::{ErrorKind, Result};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use zeroize::Zeroizing;

/// Where libpq of most systems looks for the socket; passwords for it stand under `localhost`.
pub(crate) const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A file with a password and perhaps a line's end.
pub(crate) fn alone(path: &Path) -> Result<Secret> {
    let text = Zeroizing::new(std::fs::read_to_string(path).told("open").map_err(|error| error.code("password-file"))?);
    let trimmed = text.trim_end_matches(['\n', '\r']);
    Ok(Secret(Zeroizing::new(trimmed.to_owned())))
}

/// The first line that fits. A file that others may read is refused, not passed over: whoever put a password there
/// must hear of it.
pub(crate) fn look_up(path: &Path, place: &Place, database: &str, user: &str) -> Result<Option<Secret>> {
    let Ok(mut file) = std::fs::File::open(path) else { return Ok(None) };
    let metadata = file.metadata().told("open")?;
    if !metadata.is_file() {
        return Ok(None);
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(refused(ErrorKind::Unsafe, "open", "passfile-mode"));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).told("open").map_err(|error| error.code("passfile"))?;
    let (host, port) = address_of(place);
    let wanted = [host.as_str(), port.as_str(), database, user];
    Ok(text.lines().filter(|line| !line.starts_with('#')).find_map(|line| password_in(line, wanted)))
}

/// The file that counts: named, by variable, at home.
pub(crate) fn path_of(named: Option<&str>, around: &Surroundings) -> Option<std::path::PathBuf> {
    named.map(std::path::PathBuf::from).or_else(|| around.path("PGPASSFILE")).or_else(|| around.at_home(".pgpass"))
}

fn address_of(place: &Place) -> (String, String) {
    match place {
        Place::Socket { folder, port } => {
            let usual = SOCKET_FOLDERS.iter().any(|usual| Path::new(usual) == folder);
            let host = if usual { "localhost".to_owned() } else { folder.to_string_lossy().into_owned() };
            (host, port.to_string())
        }
        Place::Tcp { host, port, .. } => (host.clone(), port.to_string()),
    }
}

/// `host:port:database:user:password`; `*` fits everything, a backslash takes `:` and `\` as they are.
fn password_in(line: &str, wanted: [&str; 4]) -> Option<Secret> {
    let mut rest = line;
    for want in wanted {
        let (field, after) = field(rest)?;
        if *field != *want && rest.get(..1) != Some("*") {
            return None;
        }
        rest = after;
    }
    let mut password = Zeroizing::new(String::with_capacity(rest.len()));
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => password.extend(letters.next()),
            ':' => break, // fields that a later version may add
            other => password.push(other),
        }
    }
    (!password.is_empty()).then(|| Secret(password))
}

/// The first field without its backslashes, and what follows its colon.
fn field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => field.push(letters.next()?.1),
            ':' => return Some((field, &text[at + 1..])),
            other => field.push(other),
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn place(host: &str) -> Place {
        Place::Tcp { host: host.to_owned(), address: None, port: 5432 }
    }

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# host:5432:d:u:commented\nother:5432:d:u:no\nhost:5432:d:u:first\\:and\\\\more\n*:*:*:*:any\n";
        let passwords = file(text, 0o600);
        let look = |host: &str, database: &str| look_up(passwords.path(), &place(host), database, "u").unwrap();
        assert_eq!(look("host", "d").unwrap().0.as_str(), "first:and\\more");
        assert_eq!(look("host", "x").unwrap().0.as_str(), "any");
        let socket = Place::Socket { folder: "/run/x".into(), port: 5432 };
        let only = file("localhost:*:*:*:near\n/run/x:*:*:*:socket\n", 0o600);
        assert_eq!(look_up(only.path(), &socket, "d", "u").unwrap().unwrap().0.as_str(), "socket");
        let usual = Place::Socket { folder: SOCKET_FOLDERS[0].into(), port: 5432 };
        assert_eq!(look_up(only.path(), &usual, "d", "u").unwrap().unwrap().0.as_str(), "near");
        assert!(look_up(only.path(), &place("elsewhere"), "d", "u").unwrap().is_none());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o640, 0o604, 0o660] {
            let told = look_up(file("*:*:*:*:x\n", mode).path(), &place("h"), "d", "u").unwrap_err();
            assert_eq!(told.code.as_deref(), Some("passfile-mode"), "{mode:o}");
        }
    }

    #[test]
    fn a_file_of_one_password_may_end_in_a_line() {
        assert_eq!(alone(file("with blank \r\n", 0o444).path()).unwrap().0.as_str(), "with blank ");
        assert_eq!(alone(Path::new("/nowhere")).unwrap_err().code.as_deref(), Some("password-file"));
    }
}
