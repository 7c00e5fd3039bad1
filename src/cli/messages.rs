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
        self.what(line.code, &line.args)
    }

    /// The text of a bare word (a state, a verdict), or the word itself.
    #[must_use]
    pub fn word(&self, code: &str) -> String {
        self.texts.get(code).map_or_else(|| code.to_owned(), |text| text.what.clone())
    }
}

fn fill(text: &str, args: &[(&'static str, String)]) -> String {
    args.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}
