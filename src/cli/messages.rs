//! Texts for people: a stable code, what happened, what to do. Both languages stand in YAML beside this file.

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

/// All texts of one language.
pub struct Messages {
    texts: BTreeMap<String, Text>,
}

impl Messages {
    /// Loads a language.
    #[must_use]
    pub fn load(language: Language) -> Self {
        let yaml = match language {
            Language::Ru => include_str!("messages/ru.yaml"),
            Language::En => include_str!("messages/en.yaml"),
        };
        Self { texts: serde_yaml::from_str(yaml).expect("the messages are checked by a test") }
    }

    /// What happened, with placeholders filled. A code without a text stands for itself.
    #[must_use]
    pub fn what(&self, code: &str, args: &[(&'static str, String)]) -> String {
        match self.texts.get(code) {
            Some(text) => fill(&text.what, args),
            None => {
                let args: Vec<_> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{code} {}", args.join(" "))
            }
        }
    }

    /// What to do, if there is something.
    #[must_use]
    pub fn next(&self, code: &str, args: &[(&'static str, String)]) -> Option<String> {
        self.texts.get(code)?.next.as_deref().map(|next| fill(next, args))
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
    fn a_value_that_looks_like_a_placeholder_stays_as_it_is() {
        let args = [("table", "{rows} and {".to_owned()), ("rows", "7".to_owned())];
        assert_eq!(fill("{table}: {rows} {other} {", &args), "{rows} and {: 7 {other} {");
    }
}
