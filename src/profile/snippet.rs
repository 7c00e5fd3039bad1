//! The line of a written file that an error is about, with a caret, and never with a password.

/// More than this is cut: a line of a generated file may be a whole document.
const WIDTH: usize = 100;

/// Words behind which a value is hidden to the end of the line, in lower case.
const SECRET: [&str; 9] = ["url", "passw", "pwd", "secret", "unlock_file", "token", "парол", "dsn", "@"];

/// Stands for what is hidden.
const HIDDEN: &str = "(hidden)";

/// A place in a text: line and column as an editor counts them, from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The place of a byte. Any number is taken: one inside a letter means that letter, one beyond the end the end.
pub(super) fn spot(text: &str, index: usize) -> Spot {
    let before = &text[..floor(text, index)];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Spot { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
}

fn floor(text: &str, index: usize) -> usize {
    let mut at = index.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Two lines: the text of the line, and a caret under the column. `secret` hides the whole line.
pub(super) fn render(text: &str, spot: Spot, secret: bool) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let line = lines.get(spot.line - 1).map_or("", |line| line.trim_end_matches('\r'));
    let hide_all = secret || below_secret(&lines, spot.line - 1);
    let shown = if hide_all { hide(line, 0) } else { hide(line, secret_start(line).unwrap_or(line.len())) };
    let shown: Vec<char> = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let caret = (spot.column - 1).min(shown.len());
    // A short line is shown whole; of a long one the part around the caret, with marks where it was cut.
    let from = if shown.len() <= WIDTH { 0 } else { caret.saturating_sub(WIDTH / 2) };
    let to = shown.len().min(from + WIDTH);
    let window: String = shown[from..to].iter().collect();
    let (before, after) = (if from > 0 { "…" } else { "" }, if to < shown.len() { "…" } else { "" });
    let gutter = spot.line.to_string();
    let space = " ".repeat(caret - from + before.chars().count());
    format!("{gutter} | {before}{window}{after}\n{} | {space}^", " ".repeat(gutter.len()))
}

fn hide(line: &str, from: usize) -> String {
    let kept = &line[..from];
    if from == line.len() { kept.to_owned() } else { format!("{kept}{HIDDEN}") }
}

/// Where in the line something begins that could be a password: after a telling key, or at the word that holds `://`.
fn secret_start(line: &str) -> Option<usize> {
    let address = line.find("://").map(|at| word_start(line, at));
    let telling = SECRET.iter().filter_map(|word| secret_word(line, word)).min();
    address.into_iter().chain(telling).min()
}

fn secret_word(line: &str, word: &str) -> Option<usize> {
    // Lower-casing may change lengths in other scripts, so places are looked for letter by letter in the line itself.
    let at = line.char_indices().map(|(at, _)| at).find(|at| starts_with_folded(&line[*at..], word))?;
    if word == "@" {
        return Some(word_start(line, at));
    }
    // The key stays readable; with no colon or `=` behind it, the rest of the line is hidden all the same.
    let end = line[at..].find([':', '=']).map_or(at, |colon| at + colon + 1);
    Some(end + line[end..].len() - line[end..].trim_start_matches([' ', '"', '\'']).len())
}

fn starts_with_folded(text: &str, word: &str) -> bool {
    let mut letters = text.chars().flat_map(char::to_lowercase);
    word.chars().all(|wanted| letters.next() == Some(wanted))
}

fn word_start(line: &str, at: usize) -> usize {
    let stop = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | '[' | ',');
    line[..at].rfind(stop).map_or(0, |before| before + line[before..].chars().next().map_or(1, char::len_utf8))
}

/// A value on its own line, below a telling key: `url: >` and the address underneath.
fn below_secret(lines: &[&str], index: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(own) = lines.get(index).map(|line| indent(line)) else { return false };
    let parent = lines[..index].iter().rev().find(|line| !line.trim().is_empty() && indent(line) < own);
    parent.is_some_and(|line| {
        let value_starts = secret_start(line);
        value_starts.is_some_and(|at| line[at..].trim_end().len() <= 2)
    })
}

/// A name fit for a message: short, and nothing that could be an address or a password.
pub(super) fn short_word(text: &str) -> String {
    let harmless = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '<' | '*' | '?' | '%');
    let fits = text.chars().count() <= 40 && text.chars().all(harmless);
    if fits { text.to_owned() } else { "…".to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(text: &str, line: usize) -> String {
        render(text, Spot { line, column: 1 }, false).lines().next().unwrap().to_owned()
    }

    #[test]
    fn a_password_never_shows() {
        for text in [
            "url: postgres://app:hunter2@db/diary",
            "  - {name: main, url: \"postgres://app:hunter2@db/diary\"}",
            "urll: postgres://app:hunter2@db/diary",
            "store: mysql://app:hunter2@db/diary",
            "  - app:hunter2@db",
            "PASSWORD: hunter2",
            "Пароль: hunter2",
            "unlock_file: /srv/hunter2",
            "dsn = hunter2",
            "{token: hunter2}",
            "url: [hunter2",
            "İİİ url: hunter2",
        ] {
            assert!(!shown(text, 1).contains("hunter2"), "{text} shows as {}", shown(text, 1));
            assert!(shown(text, 1).ends_with(HIDDEN), "{text}");
        }
        for text in ["url: >\n  hunter2", "stores:\n  - url:\n      hunter2", "password: |\n\n  hunter2"] {
            let last = text.lines().count();
            assert_eq!(shown(text, last), format!("{last} | {HIDDEN}"), "{text}");
        }
        assert_eq!(render("- hunter2", Spot { line: 1, column: 3 }, true), format!("1 | {HIDDEN}\n  |   ^"));
    }

    #[test]
    fn other_lines_show_whole() {
        assert_eq!(shown("name: Школа № 1", 1), "1 | name: Школа № 1");
        assert_eq!(shown("stores:\n  - name: main", 2), "2 |   - name: main");
        assert_eq!(shown("- {name: main, url: x}", 1), format!("1 | - {{name: main, url: {HIDDEN}"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = "я".repeat(500);
        for column in [1, 2, 50, 51, 250, 499, 500, 501] {
            let snippet = render(&text, Spot { line: 1, column }, false);
            let (line, caret) = snippet.split_once('\n').unwrap();
            assert!(line.chars().count() <= WIDTH + 6, "{column}");
            assert!(caret.chars().count() <= line.chars().count() + 1, "{column}");
        }
    }

    #[test]
    fn any_byte_has_a_place() {
        let text = "ы\n😀я";
        let places: Vec<(usize, usize)> =
            (0..=text.len() + 2).map(|at| spot(text, at)).map(|spot| (spot.line, spot.column)).collect();
        let wanted = [(1, 1), (1, 1), (1, 2), (2, 1), (2, 1), (2, 1), (2, 1), (2, 2), (2, 2), (2, 3), (2, 3), (2, 3)];
        assert_eq!(places, wanted);
    }

    #[test]
    fn what_could_be_an_address_is_no_short_word() {
        assert_eq!(short_word("dispositon"), "dispositon");
        assert_eq!(short_word("Личные дела"), "Личные дела");
        for text in ["a:b@c", "postgres://x", "a\nb", &"a".repeat(41), "\u{202e}x"] {
            assert_eq!(short_word(text), "…");
        }
    }
}
