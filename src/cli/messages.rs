//! Texts for people: a stable code, what happened, what to do. Both languages stand in YAML beside this file: `en`, `ru`
//! for the codes of failures and lines, `words.en`, `words.ru` for the words that adapters use: reasons of their errors,
//! conditions of a level, obstacles, traces of reading.

use crate::steps::Line;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The language of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Russian.
    Ru,
    /// English.
    En,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    what: String,
    #[serde(default)]
    next: Option<String>,
}

/// The words of adapters. What follows a colon in a word (`type:GEOMETRY`) fills `{it}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    reasons: BTreeMap<String, Text>,
    conditions: BTreeMap<String, Text>,
    obstacles: BTreeMap<String, Text>,
    footprint: BTreeMap<String, Text>,
}

impl Words {
    /// The text of a word, where there is one for the place in which it stands.
    fn text(&self, place: &str, word: &str) -> Option<&Text> {
        let code = word.split_once(':').map_or(word, |(code, _)| code);
        match place {
            "reason" | "why" => self.reasons.get(code),
            "condition" | "blocked" => self.conditions.get(code),
            "obstacle" => self.obstacles.get(code),
            "footprint" => self.footprint.get(code),
            _ => None, // a placeholder's name: open-ended
        }
    }

    /// A list of words told; each keeps its code, by which a colleague can look it up.
    fn told(&self, place: &str, value: &str) -> Option<String> {
        let told: Vec<Option<String>> = value
            .split(", ")
            .map(|word| Some(format!("{} [{word}]", fill(&self.text(place, word)?.what, &it(word)))))
            .collect();
        if told.iter().all(Option::is_none) {
            return None;
        }
        let plain = value.split(", ").map(str::to_owned);
        Some(told.into_iter().zip(plain).map(|(told, word)| told.unwrap_or(word)).collect::<Vec<_>>().join(", "))
    }
}

/// What a word is about, as a placeholder.
fn it(word: &str) -> [(&'static str, String); 1] {
    [("it", word.split_once(':').map(|(_, it)| it.to_owned()).unwrap_or_default())]
}

/// All texts of one language.
pub struct Messages {
    texts: BTreeMap<String, Text>,
    words: Words,
}

impl Messages {
    /// Loads a language.
    #[must_use]
    pub fn load(language: Language) -> Self {
        let (texts, words) = match language {
            Language::Ru => (include_str!("messages/ru.yaml"), include_str!("messages/words.ru.yaml")),
            Language::En => (include_str!("messages/en.yaml"), include_str!("messages/words.en.yaml")),
        };
        Self {
            texts: serde_yaml::from_str(texts).expect("the messages are checked by a test"),
            words: serde_yaml::from_str(words).expect("the words are checked by a test"),
        }
    }

    /// What happened, with placeholders filled. A code without a text stands for itself.
    #[must_use]
    pub fn what(&self, code: &str, args: &[(&'static str, String)]) -> String {
        let args = &all_plain(args);
        match self.texts.get(code) {
            Some(text) => fill(&text.what, &self.with_words(args)),
            None => {
                let args: Vec<_> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{code} {}", args.join(" "))
            }
        }
    }

    /// What to do, if there is something: by the adapter's word, when it has an answer of its own.
    #[must_use]
    pub fn next(&self, code: &str, args: &[(&'static str, String)]) -> Option<String> {
        let by_word = args.iter().find_map(|(place, word)| {
            let next = self.words.text(place, word)?.next.as_deref()?;
            Some(fill(next, &all_plain(&it(word))))
        });
        if by_word.is_some() {
            return by_word;
        }
        self.texts.get(code)?.next.as_deref().map(|next| fill(next, &all_plain(args)))
    }

    fn with_words(&self, args: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let told = |place: &str, value: &String| self.words.told(place, value).unwrap_or_else(|| value.clone());
        args.iter().map(|(place, value)| (*place, told(place, value))).collect()
    }

    /// A line's text.
    #[must_use]
    pub fn line(&self, line: &Line) -> String {
        let args: Vec<_> = line.args.iter().map(|(name, value)| (*name, self.in_words(name, value))).collect();
        self.what(line.code, &args)
    }

    /// Machine words in the places where lines have them, when there are texts for all of a list.
    fn in_words(&self, name: &str, value: &str) -> String {
        let worded = ["what", "who", "verdict", "outcome"].contains(&name);
        let words: Option<Vec<&str>> =
            value.split(", ").map(|word| self.texts.get(word).map(|text| text.what.as_str())).collect();
        words.filter(|_| worded).map_or_else(|| value.to_owned(), |words| words.join(", "))
    }

    /// The text of a bare word (a state, a verdict), or the word itself.
    #[must_use]
    pub fn word(&self, code: &str) -> String {
        self.texts.get(code).map_or_else(|| code.to_owned(), |text| text.what.clone())
    }
}

/// Text from a store or a file that people write, with nothing in it that a terminal obeys: names of tables may hold the
/// commands that repaint a screen, and letters that turn the order of reading.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if obeyed(letter) { shown.extend(letter.escape_unicode()) } else { shown.push(letter) }
    }
    shown
}

/// Control characters (ESC among them, the 8-bit ones too), and those that change the direction of a text.
pub(super) fn obeyed(letter: char) -> bool {
    let turns =
        matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Values of placeholders as they may be shown. A snippet of a file has two lines, and shows nothing that is obeyed.
fn all_plain(args: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let shown = |name: &str, value: &str| match name {
        "snippet" => value.split('\n').map(plain).collect::<Vec<_>>().join("\n"),
        _ => plain(value), // every other placeholder
    };
    args.iter().map(|(name, value)| (*name, shown(name, value))).collect()
}

/// Fills placeholders in one pass, so that a value that looks like a placeholder stays as it is.
fn fill(text: &str, args: &[(&'static str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let known = inside.find('}').and_then(|close| {
            let value = args.iter().find(|(name, _)| *name == &inside[..close])?;
            Some((close, &value.1))
        });
        match known {
            Some((close, value)) => {
                filled.push_str(value);
                rest = &inside[close + 1..];
            }
            None => {
                filled.push('{');
                rest = inside;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapters_word_is_told_with_its_code_and_brings_its_own_advice() {
        let messages = Messages::load(Language::En);
        let args = [("operation", "open".to_owned()), ("table", "-".to_owned()), ("reason", "hot-journal".to_owned())];
        assert!(
            messages.what("store-unsafe", &args).contains(" [hot-journal]"),
            "{}",
            messages.what("store-unsafe", &args)
        );
        let other = [args[0].clone(), args[1].clone(), ("reason", "sqlite-26".to_owned())];
        assert!(messages.what("store-unsafe", &other).contains("reason: sqlite-26"));
        assert_ne!(messages.next("store-unsafe", &args), messages.next("store-unsafe", &other));
    }

    #[test]
    fn nothing_that_a_terminal_obeys_comes_from_a_name() {
        let messages = Messages::load(Language::En);
        let name = "\u{1b}[2J\u{9b}1m a\nb\u{202e}\u{7f}№".to_owned();
        let shown = r"\u{1b}[2J\u{9b}1m a\u{a}b\u{202e}\u{7f}№";
        for code in ["drift-gone-table", "no-text-for-this-code"] {
            let what = messages.what(code, &[("table", name.clone())]);
            assert!(what.contains(shown) && !what.contains(obeyed), "{code}: {what:?}");
        }
        let line = Line { code: "drift-gone-table", args: vec![("table", name.clone())] };
        assert!(messages.line(&line).contains(shown));
        let snippet = messages.what("no-text", &[("snippet", "3 | a\u{1b}\n  | ^".to_owned())]);
        assert!(snippet.contains("a\\u{1b}\n  | ^"), "{snippet:?}");
    }

    #[test]
    fn a_value_that_looks_like_a_placeholder_stays_as_it_is() {
        let args = [("table", "{rows} and {".to_owned()), ("rows", "7".to_owned())];
        assert_eq!(fill("{table}: {rows} {other} {", &args), "{rows} and {: 7 {other} {");
    }
}
