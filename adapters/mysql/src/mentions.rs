//! Finds names in the text of a view, a trigger or an event. A finding is a suspicion, never a proof: text in quotes and
//! remarks counts, too, because missing a name would be worse than naming one too many.

/// Does the word stand in the text by itself, without regard to case?
pub(crate) fn word(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    text.match_indices(&wanted).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + wanted.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

/// Does the name stand in the text, bare or in backticks?
pub(crate) fn name(text: &str, wanted: &str) -> bool {
    word(text, wanted) || text.to_lowercase().contains(&crate::quote::quote(wanted).to_lowercase())
}

/// Names that stand behind that database's name: of `` `d`.`t`.`c` `` the `t`. Sorted, each once.
pub(crate) fn qualified(text: &str, database: &str) -> Vec<String> {
    let start = format!("{}.`", crate::quote::quote(database));
    let mut found: Vec<String> =
        text.match_indices(&start).filter_map(|(at, _)| quoted(&text[at + start.len()..])).collect();
    found.sort();
    found.dedup();
    found
}

/// The name up to its closing backtick.
fn quoted(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut letters = text.chars().peekable();
    loop {
        match letters.next()? {
            '`' if letters.peek() == Some(&'`') => {
                letters.next();
                name.push('`');
            }
            '`' => return Some(name),
            other => name.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_by_itself() {
        for (text, wanted, expected) in [
            ("DELETE FROM Marks;", "marks", true),
            ("delete from bookmarks", "marks", false),
            ("delete from marks_old", "marks", false),
            ("insert into оценки select 1", "Оценки", true),
            ("delete from d.`a b`", "a b", true),
            ("delete from `a``b`", "a`b", true),
            ("recall(1)", "call", false),
        ] {
            assert_eq!(name(text, wanted), expected, "{text} / {wanted}");
        }
    }

    #[test]
    fn the_tables_of_a_view_are_those_behind_the_database() {
        let text = "select `d`.`m`.`id` AS `id`,`d`.`a``b`.`x` AS `d` from (`d`.`m` join `other`.`n` join `d`.`a``b`)";
        assert_eq!(qualified(text, "d"), ["a`b", "m"]);
        assert_eq!(qualified("select 1", "d"), Vec::<String>::new());
    }
}
