//! Names in SQL: the only place where a name becomes part of a statement.

/// A name in backticks. A backtick in it is doubled; nothing else ends it, in any SQL mode.
pub(crate) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Names with commas.
pub(crate) fn quote_all(names: &[String]) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_own_quotes() {
        for (name, quoted) in [
            ("marks", "`marks`"),
            ("a`b", "`a``b`"),
            ("`; DROP TABLE x; -- ", "```; DROP TABLE x; -- `"),
            ("\"; drop table", "`\"; drop table`"),
            ("журнал №1", "`журнал №1`"),
            (":name ?", "`:name ?`"),
        ] {
            assert_eq!(quote(name), quoted);
        }
        assert_eq!(quote_all(&["a".to_owned(), "b".to_owned()]), "`a`, `b`");
    }
}
