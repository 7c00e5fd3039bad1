//! The account that we connect with: its name, whether it may write, whether it sees the whole database.
//! Reads SHOW GRANTS and the server's own locks against writing; changes nothing.

use crate::session::Session;
use lastbell_contract::{Known, Result, Role};

/// What the grants say about this database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// Privileges over all databases.
    pub(crate) everywhere: Vec<String>,
    /// Privileges over this database.
    pub(crate) on_database: Vec<String>,
    /// Privileges over single tables of it.
    pub(crate) on_tables: Vec<String>,
    /// Roles that were granted; what they bring is listed only while they are active.
    pub(crate) roles: bool,
}

/// Privileges with which a row, a table or a definition can be changed.
const WRITING: [&str; 11] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "ALTER",
    "TRIGGER",
    "EVENT",
    "DELETE HISTORY",
    "FILE",
    "ALL PRIVILEGES",
];

/// Privileges that write past a server's read-only switch.
const PAST_READ_ONLY: [&str; 5] = ["SUPER", "READ_ONLY ADMIN", "READ ONLY ADMIN", "CONNECTION_ADMIN", "ALL PRIVILEGES"];

impl Grants {
    /// Is one of these privileges held over all databases?
    pub(crate) fn has_everywhere(&self, privileges: &[&str]) -> bool {
        self.everywhere.iter().any(|held| privileges.contains(&held.as_str()))
    }

    /// Is one of these held over all databases or this one?
    pub(crate) fn has(&self, privileges: &[&str]) -> bool {
        self.has_everywhere(privileges) || self.on_database.iter().any(|held| privileges.contains(&held.as_str()))
    }

    /// Are all tables shown to us, and not only those granted one by one?
    pub(crate) fn sees_all(&self) -> bool {
        self.has(&["SELECT", "ALL PRIVILEGES"])
    }

    fn writes(&self) -> bool {
        self.has(&WRITING) || self.on_tables.iter().any(|held| WRITING.contains(&held.as_str()))
    }
}

/// The grants of the current account.
pub(crate) fn grants(session: &mut Session) -> Result<Grants> {
    let lines = session.rows("info", "SHOW GRANTS", (), |row| row.text(0))?;
    Ok(judge(&lines, &session.database))
}

/// Name and right to write.
pub(crate) fn of(session: &mut Session, grants: &Grants) -> Result<Role> {
    let name = session.row("info", "SELECT CURRENT_USER()", (), |row| row.text(0))?;
    let locked = ["read_only", "super_read_only", "innodb_read_only"].iter().try_fold(false, |locked, name| {
        let on = session.variable("info", name)?.is_some_and(|value| !["OFF", "0"].contains(&value.as_str()));
        // An account with the right to pass writes in spite of `read_only` alone.
        Ok(locked || (on && (*name != "read_only" || !grants.has_everywhere(&PAST_READ_ONLY))))
    })?;
    let may_write = if locked {
        Known::Yes(false)
    } else if grants.writes() {
        Known::Yes(true)
    } else if grants.roles {
        Known::Unknown("roles".to_owned())
    } else {
        Known::Yes(false)
    };
    Ok(Role { name, may_write })
}

fn judge(lines: &[String], database: &str) -> Grants {
    let mut grants = Grants::default();
    for line in lines {
        let Some(rest) = line.strip_prefix("GRANT ") else { continue };
        let Some((privileges, rest)) = split_on(rest) else {
            grants.roles = true; // GRANT `role`@`%` TO …
            continue;
        };
        let privileges = list(privileges);
        match scope(rest) {
            Some((Part::Any, _)) => grants.everywhere.extend(privileges),
            Some((Part::Name(pattern), Part::Any)) if fits(&pattern, database) => grants.on_database.extend(privileges),
            Some((Part::Name(name), Part::Name(_))) if name == database => grants.on_tables.extend(privileges),
            Some(_) | None => {}
        }
    }
    grants
}

/// Splits at the ` ON ` outside of parentheses and quotes.
fn split_on(text: &str) -> Option<(&str, &str)> {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '`' | '\'' | '"') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ' ') if depth == 0 && text[at..].starts_with(" ON ") => return Some((&text[..at], &text[at + 4..])),
            (None, ' ') if depth == 0 && text[at..].starts_with(" TO ") => return None,
            _ => {} // any other letter
        }
    }
    None
}

/// `SELECT, INSERT (a, b), SHOW VIEW` without the columns.
fn list(text: &str) -> Vec<String> {
    let (mut depth, mut all) = (0_u32, vec![String::new()]);
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => all.push(String::new()),
            other if depth == 0 => all.last_mut().map_or((), |last| last.push(other)),
            _ => {} // inside of parentheses
        }
    }
    all.iter().map(|privilege| privilege.trim().to_uppercase()).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Any,
    Name(String),
}

/// `*.*`, `` `db`.* ``, `` `db`.`table` ``; what else can be granted on is no table.
fn scope(text: &str) -> Option<(Part, Part)> {
    let (first, rest) = part(text)?;
    let (second, _) = part(rest.strip_prefix('.')?)?;
    Some((first, second))
}

fn part(text: &str) -> Option<(Part, &str)> {
    if let Some(rest) = text.strip_prefix('*') {
        return Some((Part::Any, rest));
    }
    let mut name = String::new();
    let mut rest = text.strip_prefix('`')?;
    loop {
        let end = rest.find('`')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('`') {
            Some(more) => {
                name.push('`');
                rest = more;
            }
            None => return Some((Part::Name(name), rest)),
        }
    }
}

/// A database in a grant is a pattern: `%` any letters, `_` any letter, a backslash before either takes that away.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pattern = pattern.chars();
    match pattern.next() {
        None => name.is_empty(),
        Some('%') => {
            let rest = pattern.as_str();
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| fits(rest, &name[at..]))
        }
        Some(first) => {
            let wanted = if first == '\\' { pattern.next() } else { (first != '_').then_some(first) };
            let mut letters = name.chars();
            let letter = letters.next();
            letter.is_some() && (wanted.is_none() || wanted == letter) && fits(pattern.as_str(), letters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lines(lines: &[&str]) -> Grants {
        judge(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), "di_ary")
    }

    #[test]
    fn a_role_that_only_reads_is_told_from_one_that_writes() {
        for (lines, sees_all, writes) in [
            (&["GRANT USAGE ON *.* TO `u`@`%`"][..], false, false),
            (&["GRANT USAGE ON *.* TO `u`@`%`", "GRANT SELECT, SHOW VIEW ON `di\\_ary`.* TO `u`@`%`"], true, false),
            (&["GRANT SELECT ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*X'"], true, false),
            (&["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"], true, true),
            (&["GRANT ALL PRIVILEGES ON `di%`.* TO `u`@`%`"], true, true),
            (&["GRANT ALL PRIVILEGES ON `other`.* TO `u`@`%`"], false, false),
            (&["GRANT SELECT, INSERT (`a ON b`, `c`) ON `di_ary`.`marks` TO `u`@`%`"], false, true),
            (&["GRANT SELECT ON `di_ary`.`marks` TO `u`@`%`"], false, false),
            (&["GRANT EXECUTE ON PROCEDURE `di_ary`.`p` TO `u`@`%`"], false, false),
        ] {
            let grants = of_lines(lines);
            assert_eq!((grants.sees_all(), grants.writes()), (sees_all, writes), "{lines:?}");
            assert!(!grants.roles);
        }
        assert!(of_lines(&["GRANT `reader`@`%` TO `u`@`%`"]).roles);
    }

    #[test]
    fn a_database_in_a_grant_is_a_pattern() {
        for (pattern, name, expected) in [
            ("diary", "diary", true),
            ("di_ry", "diary", true),
            ("di\\_ry", "diary", false),
            ("di\\_ry", "di_ry", true),
            ("%", "", true),
            ("%x%", "axb", true),
            ("%x", "axb", false),
            ("жур%", "журнал", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
