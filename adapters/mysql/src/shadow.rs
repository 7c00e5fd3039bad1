//! What a shadow table is made of: everything that the table has but its links, which bear names that no two constraints of
//! a database may bear; they are added when the shadow takes the table's place.
//! Reads `SHOW CREATE TABLE`, because a copy cannot be asked for: under LOCK TABLES `CREATE … LIKE` fails with 1100.

use crate::error::refused;
use crate::quote::quote;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Result, TableId};

/// The definition of a table, taken apart.
pub(crate) struct Blueprint {
    items: Vec<String>,
    /// Its links, each as the server tells it.
    pub(crate) links: Vec<String>,
    options: String,
}

impl Blueprint {
    /// Reads it from the connection that sees the table, by the name under which it does.
    pub(crate) fn read(session: &mut Session, seen: &TableId, table: &TableId) -> Result<Self> {
        let create = format!("SHOW CREATE TABLE {}", quote(&seen.name));
        let text = session.row("rebuild", &create, (), |row| row.text(1))?;
        let mariadb = session.server.is_mariadb();
        take_apart(&text, mariadb).ok_or_else(|| refused(ErrorKind::Unsupported, "rebuild", "definition").on(table))
    }

    /// The statement that makes an empty shadow.
    pub(crate) fn create(&self, name: &str) -> String {
        format!("CREATE TABLE {} (\n{}\n){}", quote(name), self.items.join(",\n"), self.options)
    }
}

fn take_apart(text: &str, mariadb: bool) -> Option<Blueprint> {
    let (all, options) = split(text)?;
    let (mut items, mut links) = (Vec::new(), Vec::new());
    for item in all {
        match part_of(item, mariadb)? {
            Part::Link => links.push(item.to_owned()),
            Part::Own(text) => items.push(text),
        }
    }
    Some(Blueprint { items, links, options: options.to_owned() })
}

/// The items between the outer parentheses of a definition, and what follows them. A comma inside quotes or inner
/// parentheses divides nothing.
fn split(create: &str) -> Option<(Vec<&str>, &str)> {
    let (mut items, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, letter) in outside_quotes(create) {
        match letter {
            '(' => {
                depth += 1;
                if depth == 1 {
                    from = at + 1;
                }
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    items.push(create[from..at].trim());
                    return Some((items, &create[at + 1..]));
                }
            }
            ',' if depth == 1 => {
                items.push(create[from..at].trim());
                from = at + 1;
            }
            _ => {} // any other letter
        }
    }
    None
}

/// The letters outside quotes, with their places. A quote is doubled inside itself; a backslash escapes in texts only.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut inside: Option<char> = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, letter)| match inside {
        None => {
            if ['`', '\'', '"'].contains(letter) {
                inside = Some(*letter);
            }
            inside.is_none()
        }
        Some(quote) => {
            if escaped {
                escaped = false;
            } else if *letter == '\\' && quote != '`' {
                escaped = true;
            } else if *letter == quote {
                inside = None; // a doubled one opens it again at once
            }
            false
        }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// A link.
    Link,
    /// A column, a key, a check: as the shadow has it.
    Own(String),
}

/// Nothing when the item is not known: a kind that came with a later version.
fn part_of(item: &str, mariadb: bool) -> Option<Part> {
    let (name, rest) = match item.strip_prefix("CONSTRAINT ") {
        Some(rest) => after_name(rest)?,
        None => ("", item),
    };
    let first = rest.split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
    match first {
        "FOREIGN" => Some(Part::Link),
        // On MySQL the name of a check is one in the whole database. One that the server made follows the table's name.
        "CHECK" if !mariadb && !name.is_empty() => is_generated(name).then(|| Part::Own(rest.to_owned())),
        "PRIMARY" | "UNIQUE" | "PERIOD" | "CHECK" | "KEY" | "FULLTEXT" | "SPATIAL" | "VECTOR" => {
            Some(Part::Own(item.to_owned()))
        }
        "" if item.starts_with('`') => Some(Part::Own(item.to_owned())),
        _ => None, // see above
    }
}

fn is_generated(quoted: &str) -> bool {
    let name = quoted.trim_matches('`');
    name.rsplit_once("_chk_")
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn after_name(text: &str) -> Option<(&str, &str)> {
    let end = outside_quotes(text).find(|(_, letter)| *letter == ' ')?.0;
    Some((&text[..end], text[end..].trim_start()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOSTILE: &str = "CREATE TABLE `a(b` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'a, FOREIGN KEY (x',
  `x``y,(` enum('a,b','it''s )','c\\'d') CHARACTER SET latin1 DEFAULT 'a,b',
  `line\nbreak` decimal(10,2) GENERATED ALWAYS AS (`id` * 2) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `CONSTRAINT` (`x``y,(`,`id`),
  FULLTEXT KEY `f` (`x``y,(`),
  CONSTRAINT `fk, (1` FOREIGN KEY (`id`) REFERENCES `b` (`id`) ON DELETE CASCADE,
  CONSTRAINT `FOREIGN KEY` CHECK (`id` > 0)
) ENGINE=MyISAM AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COMMENT='PARTITION (a, b'
 PARTITION BY HASH (`id`) PARTITIONS 2";

    #[test]
    fn a_shadow_has_everything_but_the_links() {
        let parts = take_apart(HOSTILE, true).unwrap();
        assert_eq!(parts.links, ["CONSTRAINT `fk, (1` FOREIGN KEY (`id`) REFERENCES `b` (`id`) ON DELETE CASCADE"]);
        let made = parts.create("s`1");
        let expected = HOSTILE
            .replace("CREATE TABLE `a(b`", "CREATE TABLE `s``1`")
            .replace("  CONSTRAINT `fk, (1` FOREIGN KEY (`id`) REFERENCES `b` (`id`) ON DELETE CASCADE,\n", "");
        let plain = |text: &str| text.replace("\n  ", "\n");
        assert_eq!(plain(&made), plain(&expected));
    }

    #[test]
    fn an_item_of_an_unknown_kind_is_refused() {
        for item in ["EXCLUDE USING gist (x)", "CONSTRAINT `x` EXCLUDE (y)", ""] {
            assert_eq!(part_of(item, true), None, "{item}");
        }
        assert!(split("CREATE TABLE `x` (`a` int").is_none(), "cut off");
    }

    #[test]
    fn on_mysql_a_check_with_a_name_of_its_own_is_refused() {
        for (item, expected) in [
            ("CONSTRAINT `marks_chk_1` CHECK ((`a` > 0))", Some(Part::Own("CHECK ((`a` > 0))".to_owned()))),
            ("CONSTRAINT `positive` CHECK ((`a` > 0))", None),
            ("CONSTRAINT `x_chk_` CHECK ((`a` > 0))", None),
        ] {
            assert_eq!(part_of(item, false), expected);
        }
    }
}
