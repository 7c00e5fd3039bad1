//! Connection service files: parameters under a name. Reads `PGSERVICEFILE` or `~/.pg_service.conf`, then the machine's.
//! Format: documentation, 34.17 "The Connection Service File".

use crate::address::{IDLE, KNOWN, Parameters};
use crate::error::refused;
use crate::surroundings::Surroundings;
use lastbell_contract::{ErrorKind, Result};
use std::path::PathBuf;

/// Where the machine's own file lies (PostgreSQL built by hand, Debian).
const MACHINE_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/usr/local/pgsql/etc"];

/// The parameters of a service. One that stands nowhere is an error.
pub(crate) fn look_up(name: &str, around: &Surroundings) -> Result<Parameters> {
    let own = around.path("PGSERVICEFILE").or_else(|| around.at_home(".pg_service.conf"));
    let named = around.path("PGSYSCONFDIR");
    let folders = named.into_iter().chain(MACHINE_FOLDERS.iter().map(PathBuf::from));
    for path in own.into_iter().chain(folders.map(|folder| folder.join("pg_service.conf"))) {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        if let Some(found) = section(&text, name)? {
            return Ok(found);
        }
    }
    Err(refused(ErrorKind::NotFound, "open", "service"))
}

fn section(text: &str, name: &str) -> Result<Option<Parameters>> {
    let mut found: Option<Parameters> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if head.strip_suffix(']') == Some(name) {
                found = Some(Parameters::new());
            }
        } else if let Some(found) = &mut found {
            let odd = || refused(ErrorKind::Unsupported, "open", "service-file");
            let (key, value) = line.split_once('=').ok_or_else(odd)?;
            let (key, value) = (key.trim(), value.trim());
            if KNOWN.contains(&key) && key != "service" {
                found.insert(key.to_owned(), value.to_owned());
            } else if !IDLE.contains(&key) {
                return Err(odd());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_and_read() {
        let text = "# ours\n[one]\nhost=a\n\n[two]\nhost = b\nport=1\napplication_name=x\n[three]\nhost=c\n";
        let two = section(text, "two").unwrap().unwrap();
        assert_eq!((two["host"].as_str(), two["port"].as_str(), two.len()), ("b", "1", 2));
        assert!(section(text, "four").unwrap().is_none());
        for bad in ["[x]\nhost", "[x]\noptions=-c a=b", "[x]\nservice=y"] {
            assert_eq!(section(bad, "x").unwrap_err().code.as_deref(), Some("service-file"), "{bad}");
        }
    }
}
