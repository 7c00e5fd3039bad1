//! Loads `lexicon.yaml`, which is part of the program, and matches phrases against the words of a name.

use super::fold::fold;
use super::tokens::{Token, singular, split, unglue};
use super::words::{Category, SubjectKind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The file itself; its bytes are part of the rule set's digest.
pub(crate) const TEXT: &str = include_str!("../lexicon.yaml");

/// How much a phrase of a column's name says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Personal wherever it stands.
    Strong,
    /// Personal when the row is about a person.
    Context,
    /// Something said of the person the row is about.
    Record,
}

impl Strength {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Context => "context",
            Self::Record => "record",
        }
    }
}

#[derive(Clone, Debug)]
enum Part {
    /// The singular and the word as written: plurals are not cut in Cyrillic (`СНИЛС` is none).
    Word(String, String),
    Stem(String),
}

impl Part {
    fn matches(&self, token: &Token) -> bool {
        match self {
            Self::Word(one, written) => token.word == *one || token.whole == *one || token.whole == *written,
            Self::Stem(stem) => !token.english && token.whole.starts_with(stem.as_str()),
        }
    }
}

#[derive(Clone, Debug)]
struct Phrase {
    parts: Vec<Part>,
    whole_name: bool,
}

impl Phrase {
    fn parse(line: &str) -> Self {
        let (whole_name, text) = line.strip_prefix('=').map_or((false, line), |rest| (true, rest));
        let part = |word: &str| match word.strip_suffix('*') {
            Some(stem) => Part::Stem(fold(stem)),
            None => Part::Word(fold(&singular(word)), fold(word)),
        };
        Self { parts: text.split(' ').map(part).collect(), whole_name }
    }

    /// Where the phrase begins, if it stands in the name.
    fn find(&self, tokens: &[Token]) -> Option<usize> {
        if self.parts.is_empty() || tokens.len() < self.parts.len() {
            return None;
        }
        let last = if self.whole_name { 0 } else { tokens.len() - self.parts.len() };
        if self.whole_name && tokens.len() != self.parts.len() {
            return None;
        }
        (0..=last).find(|&at| self.parts.iter().zip(&tokens[at..]).all(|(part, token)| part.matches(token)))
    }
}

/// Phrases that mean one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phrases(Vec<Phrase>);

impl Phrases {
    fn parse(lines: &[String]) -> Self {
        Self(lines.iter().map(|line| Phrase::parse(line)).collect())
    }

    /// The longest phrase in the name: where it begins and how many words it has.
    pub(crate) fn find(&self, tokens: &[Token]) -> Option<(usize, usize)> {
        let hits = self.0.iter().filter_map(|phrase| phrase.find(tokens).map(|at| (at, phrase.parts.len())));
        hits.max_by_key(|&(at, words)| (words, std::cmp::Reverse(at)))
    }

    pub(crate) fn hit(&self, tokens: &[Token]) -> bool {
        self.find(tokens).is_some()
    }

    /// Whether one word by itself is among them.
    pub(crate) fn is_word(&self, token: &Token) -> bool {
        self.0.iter().any(|phrase| phrase.parts.len() == 1 && phrase.parts[0].matches(token))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    english: Vec<String>,
    people: BTreeMap<String, Vec<String>>,
    actors: Vec<String>,
    authored: Vec<String>,
    staff_themes: Vec<String>,
    organisations: Vec<String>,
    references: Vec<String>,
    link_only: Vec<String>,
    access: Vec<String>,
    plans: Vec<String>,
    columns: BTreeMap<String, Lists>,
    negatives: Vec<String>,
    structural: Vec<String>,
    soft: Vec<String>,
    record_keys: Vec<String>,
    measures: Vec<String>,
    personal_records: Vec<String>,
    flags: Vec<String>,
    themes: BTreeMap<String, Vec<String>>,
    custom: Vec<String>,
    russian: Vec<String>,
    glue: Vec<String>,
    fillers: Vec<String>,
    given_names: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    #[serde(default)]
    strong: Vec<String>,
    #[serde(default)]
    context: Vec<String>,
    #[serde(default)]
    record: Vec<String>,
    #[serde(default)]
    short: Vec<String>,
}

/// The lexicon, ready to match.
pub(crate) struct Lexicon {
    pub(crate) version: u32,
    people: Vec<(SubjectKind, Phrases)>,
    pub(crate) actors: Phrases,
    pub(crate) authored: Phrases,
    pub(crate) staff_themes: Phrases,
    pub(crate) organisations: Phrases,
    pub(crate) references: Phrases,
    pub(crate) link_only: Phrases,
    pub(crate) access: Phrases,
    pub(crate) plans: Phrases,
    /// Category, strength, whether it needs the locale vote, phrases.
    pub(crate) columns: Vec<(Category, Strength, bool, Phrases)>,
    pub(crate) negatives: Phrases,
    pub(crate) structural: Phrases,
    pub(crate) soft: Phrases,
    pub(crate) record_keys: Phrases,
    pub(crate) measures: Phrases,
    pub(crate) personal_records: Phrases,
    pub(crate) flags: Phrases,
    pub(crate) themes: Vec<(Category, Phrases)>,
    pub(crate) custom: Phrases,
    pub(crate) russian: Phrases,
    pub(crate) fillers: Phrases,
    given_names: BTreeSet<String>,
    english: BTreeSet<String>,
    vocabulary: BTreeSet<String>,
    stems: Vec<String>,
}

/// The lexicon of this program.
pub(crate) fn lexicon() -> &'static Lexicon {
    static LEXICON: LazyLock<Lexicon> =
        LazyLock::new(|| load(TEXT).expect("the embedded lexicon loads: a test reads it"));
    &LEXICON
}

fn load(text: &str) -> Result<Lexicon, String> {
    let file: File = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let category = |word: &String| Category::parse(word).ok_or_else(|| format!("no category {word}"));
    let kind = |word: &String| SubjectKind::parse(word).ok_or_else(|| format!("no subject {word}"));
    let (vocabulary, stems) = vocabulary(&file);
    let mut columns = Vec::new();
    for (word, lists) in &file.columns {
        let category = category(word)?;
        for (strength, vote, lines) in [
            (Strength::Strong, false, &lists.strong),
            (Strength::Strong, true, &lists.short),
            (Strength::Context, false, &lists.context),
            (Strength::Record, false, &lists.record),
        ] {
            columns.push((category, strength, vote, Phrases::parse(lines)));
        }
    }
    let mut people = Vec::new();
    for (word, lines) in &file.people {
        people.push((kind(word)?, Phrases::parse(lines)));
    }
    people.sort_by_key(|(kind, _)| *kind);
    let mut themes = Vec::new();
    for (word, lines) in &file.themes {
        themes.push((category(word)?, Phrases::parse(lines)));
    }
    Ok(Lexicon {
        version: file.version,
        people,
        actors: Phrases::parse(&file.actors),
        authored: Phrases::parse(&file.authored),
        staff_themes: Phrases::parse(&file.staff_themes),
        organisations: Phrases::parse(&file.organisations),
        references: Phrases::parse(&file.references),
        link_only: Phrases::parse(&file.link_only),
        access: Phrases::parse(&file.access),
        plans: Phrases::parse(&file.plans),
        columns,
        negatives: Phrases::parse(&file.negatives),
        structural: Phrases::parse(&file.structural),
        soft: Phrases::parse(&file.soft),
        record_keys: Phrases::parse(&file.record_keys),
        measures: Phrases::parse(&file.measures),
        personal_records: Phrases::parse(&file.personal_records),
        flags: Phrases::parse(&file.flags),
        themes,
        custom: Phrases::parse(&file.custom),
        russian: Phrases::parse(&file.russian),
        fillers: Phrases::parse(&file.fillers),
        given_names: file.given_names.iter().map(|name| fold(name)).collect(),
        english: file.english.iter().cloned().collect(),
        vocabulary,
        stems,
    })
}

/// Single words and stems of all phrases, for cutting glued words.
fn vocabulary(file: &File) -> (BTreeSet<String>, Vec<String>) {
    let lists = file.columns.values().flat_map(|lists| [&lists.strong, &lists.context, &lists.record]);
    let people = file.people.values();
    let others = [&file.glue, &file.organisations, &file.references, &file.plans, &file.structural];
    let mut words = BTreeSet::new();
    let mut stems = BTreeSet::new();
    for word in lists.chain(people).chain(others).flatten().flat_map(|line| line.trim_start_matches('=').split(' ')) {
        match word.strip_suffix('*') {
            Some(stem) if stem.len() >= 4 => {
                stems.insert(fold(stem));
            }
            Some(_) => {}
            None if word.len() >= 3 || file.glue.iter().any(|glue| glue == word) => {
                words.insert(singular(word));
            }
            None => {}
        }
    }
    (words, stems.into_iter().collect())
}

impl Lexicon {
    /// The words of a name.
    pub(crate) fn tokens(&self, name: &str) -> Vec<Token> {
        let known = |word: &str| self.vocabulary.contains(word) || self.vocabulary.contains(&singular(word));
        let stem = |word: &str| {
            let folded = fold(word);
            self.stems.iter().any(|stem| folded.starts_with(stem.as_str()))
        };
        split(name)
            .into_iter()
            .flat_map(|word| unglue(&word, &known, &stem).unwrap_or_else(|| vec![word]))
            .map(|word| Token { english: self.english.contains(&word), ..Token::new(&word) })
            .filter(|token| !token.whole.is_empty())
            .collect()
    }

    /// The last person noun among the words: which kind, and where it ends.
    pub(crate) fn person(&self, tokens: &[Token]) -> Option<(SubjectKind, usize)> {
        let hits = self
            .people
            .iter()
            .flat_map(|(kind, phrases)| phrases.0.iter().map(move |phrase| (*kind, phrase)))
            .filter_map(|(kind, phrase)| {
                let size = phrase.parts.len();
                let at = (0..=tokens.len().checked_sub(size)?)
                    .rev()
                    .find(|&at| phrase.parts.iter().zip(&tokens[at..]).all(|(part, token)| part.matches(token)))?;
                Some((kind, at + size))
            });
        // The first kind of the list wins a tie, so max_by_key must see it last.
        hits.collect::<Vec<_>>().into_iter().rev().max_by_key(|&(_, end)| end)
    }

    /// Whether a given name is known.
    pub(crate) fn is_given_name(&self, word: &str) -> bool {
        self.given_names.contains(&fold(word))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn strongest(name: &str) -> Option<(Category, Strength)> {
        let lexicon = lexicon();
        let tokens = lexicon.tokens(name);
        let hits = lexicon.columns.iter().filter(|(_, _, vote, _)| !vote);
        hits.filter_map(|(category, strength, _, phrases)| {
            phrases.find(&tokens).map(|(_, size)| (*strength, size, *category))
        })
        .min_by_key(|&(strength, size, _)| (strength, std::cmp::Reverse(size)))
        .map(|(strength, _, category)| (category, strength))
    }

    #[test]
    fn the_embedded_file_loads_and_every_list_has_words() {
        let lexicon = load(TEXT).unwrap();
        assert!(lexicon.version >= 1 && lexicon.themes.len() > 5 && lexicon.people.len() == 4);
    }

    #[test]
    fn one_stem_finds_every_spelling_and_glued_words_are_read() {
        for (name, category) in [
            ("Фамилия_ученика", Category::Name),
            ("familija", Category::Name),
            ("Otchestvo", Category::Name),
            ("Отчетво", Category::Name),
            ("dateofbirth", Category::BirthDate),
            ("ДатаРождения", Category::BirthDate),
            ("data_rojdenia", Category::BirthDate),
            ("homephone", Category::ContactPhone),
            ("parol", Category::Credential),
            ("СНИЛС", Category::NationalId),
            ("nomer_pasporta", Category::NationalId),
        ] {
            assert_eq!(strongest(name), Some((category, Strength::Strong)), "{name}");
        }
    }

    #[test]
    fn a_substring_is_no_match() {
        for name in ["imagination", "publication", "surnamely", "personnelx", "policymaker"] {
            assert!(strongest(name).is_none_or(|(_, strength)| strength != Strength::Strong), "{name}");
        }
    }

    #[test]
    fn stems_are_long_enough_to_mean_something() {
        // "fio" folds to "fo", which begins "form", "font" and "follow". Beside another word three letters will do.
        for phrase in TEXT.lines().flat_map(|line| line.split([',', '[', ']'])).map(str::trim) {
            for stem in phrase.split(' ').filter_map(|word| word.strip_suffix('*')) {
                let least = if phrase.contains(' ') { 3 } else { 4 };
                assert!(fold(stem).len() >= least, "{phrase}: {stem}* is {} after folding", fold(stem));
            }
        }
    }

    #[test]
    fn english_words_that_begin_like_a_stem_are_left_alone() {
        for name in ["family_id", "form_name", "policy_id", "answer_sheet", "summary", "invalid_attempts", "follow_up"]
        {
            assert!(
                strongest(name).is_none_or(|(_, strength)| strength != Strength::Strong),
                "{name}: {:?}",
                strongest(name)
            );
        }
    }

    #[test]
    fn person_nouns_are_found_in_both_languages() {
        let kind = |name: &str| lexicon().person(&lexicon().tokens(name)).map(|(kind, _)| kind);
        for (name, expected) in [
            ("id_uchenika", SubjectKind::Pupil),
            ("teacher_id", SubjectKind::Staff),
            ("Учитель", SubjectKind::Staff),
            ("roditeli", SubjectKind::Parent),
            ("user_id", SubjectKind::Mixed),
        ] {
            assert_eq!(kind(name), Some(expected), "{name}");
        }
        assert_eq!(kind("lesson_id"), None);
    }
}
