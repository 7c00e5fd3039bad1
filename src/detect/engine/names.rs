//! Reads the name of a column: what it may hold, whether it is a key, a switch, a stamp, and which person it mentions.

use super::lexicon::{Lexicon, Strength};
use super::tokens::{Token, split};
use super::words::{Category, SubjectKind};

/// What a phrase of the lexicon says of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameHit {
    pub(crate) category: Category,
    pub(crate) strength: Strength,
    /// How many words matched; a longer phrase knows better.
    pub(crate) words: usize,
    /// A negative word stands beside the phrase: "email verified", "price staff".
    pub(crate) denied: bool,
}

/// Everything a name tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) hits: Vec<NameHit>,
    /// Describes the row, not its subject.
    pub(crate) structural: bool,
    /// Describes the row unless the whole record is of health, money or conduct.
    pub(crate) soft: bool,
    /// A number of people or a price for them, not a person.
    pub(crate) measure: bool,
    /// A switch.
    pub(crate) flag: bool,
    /// Begins or ends as keys do.
    pub(crate) key: bool,
    /// Words without those that mark a key.
    pub(crate) rest: Vec<Token>,
    /// The person noun, when it is what the name is about: "student id", "to user", "id uchenika".
    pub(crate) person: Option<SubjectKind>,
    /// A person noun anywhere.
    pub(crate) mentions: Option<SubjectKind>,
    /// That person only acted.
    pub(crate) actor: bool,
}

/// Reads a name. `russian`: the short Russian words count.
pub(crate) fn read(lexicon: &Lexicon, name: &str, russian: bool) -> Reading {
    let tokens = lexicon.tokens(name);
    let (key, rest) = without_key(&tokens);
    let mentions = lexicon.person(&rest);
    let person = mentions.filter(|&(_, end)| end == rest.len() || (key_first(name) && end == 1));
    Reading {
        hits: hits(lexicon, &tokens, russian),
        structural: lexicon.structural.hit(&tokens),
        soft: lexicon.soft.find(&rest).is_some_and(|(at, words)| at + words == rest.len()),
        measure: !key && lexicon.measures.hit(&tokens),
        flag: tokens.first().is_some_and(|first| lexicon.flags.is_word(first)),
        key,
        person: person.map(|(kind, _)| kind),
        mentions: mentions.map(|(kind, _)| kind),
        actor: lexicon.actors.hit(&tokens) || tokens.last().is_some_and(|last| last.word == "bi"),
        rest,
    }
}

fn hits(lexicon: &Lexicon, tokens: &[Token], russian: bool) -> Vec<NameHit> {
    let mut found: Vec<NameHit> = Vec::new();
    for (category, strength, vote, phrases) in &lexicon.columns {
        if *vote && !russian {
            continue;
        }
        let Some((at, words)) = phrases.find(tokens) else { continue };
        let outside: Vec<Token> = tokens[..at].iter().chain(&tokens[at + words..]).cloned().collect();
        let denied = lexicon.negatives.hit(&outside);
        found.push(NameHit { category: *category, strength: *strength, words, denied });
    }
    found.sort_by_key(|hit| (hit.strength, std::cmp::Reverse(hit.words), hit.category));
    found
}

/// Whether the name is a key, and its other words. `id` and `kod` come first in Russian names, last in English ones.
fn without_key(tokens: &[Token]) -> (bool, Vec<Token>) {
    let last =
        |token: &Token| matches!(token.word.as_str(), "id" | "uuid" | "uid" | "guid" | "fk" | "pk" | "ref" | "refid");
    let first = |token: &Token| matches!(token.word.as_str(), "id" | "kod" | "fk" | "pk");
    if tokens.len() > 1 && tokens.last().is_some_and(last) {
        let rest = &tokens[..tokens.len() - 1];
        return (true, rest.to_vec());
    }
    if tokens.len() > 1 && tokens.first().is_some_and(first) {
        return (true, tokens[1..].to_vec());
    }
    // `personIDCreator`: the role stands behind the key.
    match tokens.iter().position(|token| token.word == "id") {
        Some(at) if at > 0 => (true, tokens[..at].to_vec()),
        Some(_) | None => (tokens.len() == 1 && last(&tokens[0]), tokens.to_vec()),
    }
}

fn key_first(name: &str) -> bool {
    split(name).first().is_some_and(|word| matches!(word.as_str(), "id" | "kod" | "ид" | "код"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::engine::lexicon::lexicon;

    #[test]
    fn keys_and_the_person_they_lead_to_are_read_in_both_languages() {
        for (name, key, person, actor) in [
            ("student_id", true, Some(SubjectKind::Pupil), false),
            ("id_uchenika", true, Some(SubjectKind::Pupil), false),
            ("id_учителя", true, Some(SubjectKind::Staff), false),
            ("created_by_user_id", true, Some(SubjectKind::Mixed), true),
            ("student_group_id", true, None, false),
            ("updated_by", false, None, true),
            ("lesson_id", true, None, false),
            ("session_id", true, None, false),
        ] {
            let reading = read(lexicon(), name, true);
            assert_eq!((reading.key, reading.person, reading.actor), (key, person, actor), "{name}");
        }
    }

    #[test]
    fn a_negative_word_beside_the_phrase_denies_it() {
        for (name, denied) in
            [("email_verified", true), ("email", false), ("gender_restriction", true), ("gender", false)]
        {
            let reading = read(lexicon(), name, false);
            assert_eq!(reading.hits.first().map(|hit| hit.denied), Some(denied), "{name}");
        }
    }

    #[test]
    fn short_russian_words_wait_for_the_vote() {
        assert!(read(lexicon(), "pol", false).hits.is_empty());
        assert_eq!(read(lexicon(), "pol", true).hits.first().map(|hit| hit.category), Some(Category::OtherPersonal));
    }
}
