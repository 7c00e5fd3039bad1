//! The guard around the YAML crate: what it takes silently is refused here, with the exact place.
//!
//! Measured on yaml_serde 0.10.7: a repeated key in a map is silently the last one, a tag on a text is ignored, a BOM
//! becomes part of the first key, an error in a struct points at the struct. Hence two passes build a tree of our own.

use super::node::{Kind, Node, Plain, Trouble};
use super::snippet::{Spot, render, short_word, spot};
use crate::failure::{Exit, Failure, Result};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;

pub use super::node::Step;

/// A profile of 2,000 tables is about 300 KiB.
pub const SIZE_MAX: usize = 1 << 20;

/// Aliases multiply: a file of 1 MiB may unfold to any size. A profile of 2,000 tables has about 60,000 nodes.
const NODES_MAX: usize = 200_000;

/// The YAML crate itself stops at a depth of 128, but only after the parser has gone through the whole file.
const BRACKETS_MAX: usize = 1000;

/// The way to a node from the top of its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    steps: Vec<Step>,
    on_key: bool,
}

impl Place {
    /// The whole file.
    #[must_use]
    pub fn top() -> Self {
        Self::default()
    }

    /// The value of a key.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        self.step(Step::Key(name.to_owned()))
    }

    /// An item of a list, from 0.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.step(Step::Item(index))
    }

    /// The key itself instead of its value.
    #[must_use]
    pub fn itself(&self) -> Self {
        Self { on_key: true, steps: self.steps.clone() }
    }

    /// The same way, begun at an item of the top list.
    pub(super) fn under(&self, index: usize) -> Self {
        let steps = std::iter::once(Step::Item(index)).chain(self.steps.iter().cloned()).collect();
        Self { steps, on_key: self.on_key }
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps, on_key: false }
    }

    fn is_secret(&self) -> bool {
        let telling =
            |step: &Step| matches!(step, Step::Key(key) if matches!(key.as_str(), "url" | "password" | "unlock_file"));
        self.steps.iter().any(telling)
    }
}

impl fmt::Display for Place {
    /// `tables.students.disposition`, `mappings[0].key`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(&short_word(key))?,
                Step::Key(key) => write!(f, ".{}", short_word(key))?,
                Step::Item(item) => write!(f, "[{item}]")?,
            }
        }
        if self.steps.is_empty() { f.write_str("-") } else { Ok(()) }
    }
}

/// A written file: its name for messages, its text without BOM.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    file: String,
    text: String,
}

impl fmt::Debug for Source {
    /// The name only: the text may hold a password that was about to be refused.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, hidden, {} bytes)", self.file, self.text.len())
    }
}

impl Source {
    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// `yaml-too-large`, `yaml-not-utf8`, `yaml-control-character`.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self> {
        if bytes.len() > SIZE_MAX {
            let failure = Failure::new(Exit::Usage, "yaml-too-large").with("bytes_max", SIZE_MAX);
            return Err(decorate(failure, file, "", &Place::top(), Spot { line: 1, column: 1 }));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let readable = String::from_utf8_lossy(bytes);
            // Up to the bad byte both texts are the same, so its place is the same, too.
            let place = spot(&readable, error.valid_up_to());
            decorate(Failure::new(Exit::Usage, "yaml-not-utf8"), file, &readable, &Place::top(), place)
        })?;
        let source = Self { file: file.to_owned(), text: text.to_owned() };
        match text.char_indices().find(|(_, c)| !printable(*c)) {
            Some((index, _)) => Err(source.at_index("yaml-control-character", index)),
            None => Ok(source),
        }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads the file as a type.
    ///
    /// # Errors
    /// The codes `yaml-…`, each with file, line, column, path and snippet.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        self.give_type(&self.tree()?)
    }

    /// Gives a tree its type; places are looked up in this file.
    pub(super) fn give_type<T: DeserializeOwned>(&self, tree: &Node) -> Result<T> {
        if tree.is_null() {
            return Err(self.at(&Place::top(), Failure::new(Exit::Usage, "yaml-empty")));
        }
        tree.read().map_err(|trouble| self.trouble(trouble))
    }

    /// The document as a tree, with everything refused that no type of ours can see.
    pub(super) fn tree(&self) -> Result<Node> {
        if self.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Node::null());
        }
        if let Some(index) = too_many_brackets(&self.text) {
            return Err(self.at_index("yaml-too-deep", index));
        }
        self.refuse_hidden_tags()?;
        let context = Context::default();
        build(&context, &self.text).map_err(|error| self.refusal(&context, &error))
    }

    /// Tags of the forms `!!x` and `!<x>` never reach a visitor. Turned into local tags they do; in a text the change
    /// does no harm, because this copy is only looked at for tags.
    fn refuse_hidden_tags(&self) -> Result<()> {
        if let Some(index) = self.text.match_indices("%TAG").map(|(at, _)| at).find(|at| starts_line(&self.text, *at)) {
            return Err(self.at_index("yaml-tag", index));
        }
        if !self.text.contains("!!") && !self.text.contains("!<") {
            return Ok(());
        }
        let local = self.text.replace("!!", "!x").replace("!<", "!x");
        let context = Context::default();
        let Err(error) = build(&context, &local) else { return Ok(()) };
        let found = context.found.take();
        // Other errors are met again in the true text, but for the bad tag that `!<x>` may have become.
        let became_bad = found.is_none() && build(&Context::default(), &self.text).is_ok();
        if found == Some(Found::Tag) || became_bad {
            context.found.set(Some(Found::Tag));
            return Err(self.refusal(&context, &error));
        }
        Ok(())
    }

    /// A failure at a node: adds file, line, column, path and snippet.
    #[must_use]
    pub fn at(&self, place: &Place, failure: Failure) -> Failure {
        let found = locate(&self.text, place).unwrap_or(Spot { line: 1, column: 1 });
        decorate(failure, &self.file, &self.text, place, found)
    }

    /// The place of a node; what is wrong there is its cause's business.
    #[must_use]
    pub fn whereabouts(&self, place: &Place, exit: Exit) -> Failure {
        self.at(place, Failure::new(exit, "profile-at"))
    }

    /// The line of a node, from 1.
    #[must_use]
    pub fn line(&self, place: &Place) -> usize {
        locate(&self.text, place).map_or(1, |found| found.line)
    }

    fn at_index(&self, code: &'static str, index: usize) -> Failure {
        let failure = Failure::new(Exit::Usage, code);
        decorate(failure, &self.file, &self.text, &Place::top(), spot(&self.text, index))
    }

    fn trouble(&self, trouble: Trouble) -> Failure {
        let mut steps = trouble.steps;
        steps.reverse();
        // A missing key is shown at the name of the thing that lacks it, not at the first of its other keys.
        let named = matches!(trouble.kind, Kind::MissingKey(_)) && matches!(steps.last(), Some(Step::Key(_)));
        let place = Place { steps, on_key: trouble.on_key || named };
        self.at(&place, explain(&trouble.kind))
    }

    fn refusal(&self, context: &Context, error: &serde_yaml::Error) -> Failure {
        let text = &self.text;
        let failure = match context.found.take() {
            Some(found) => found.failure(),
            None if context.in_key.get() => Failure::new(Exit::Usage, "yaml-key-shape"),
            None => syntax(error),
        };
        let found = match failure.code {
            "yaml-many-documents" => second_document(text),
            "yaml-unclosed-quote" => opening_quote(&error.to_string()),
            _ => None, // codes are texts: there is no list to be complete over
        };
        let index = error.location().map_or(0, |location| location.index());
        decorate(failure, &self.file, text, &context.place(), found.unwrap_or_else(|| spot(text, index)))
    }
}

/// The line `---` with which a second document begins; the crate does not tell.
fn second_document(text: &str) -> Option<Spot> {
    let mark = |line: &str| line.starts_with("---") || line.starts_with("...");
    let silent = |line: &str| line.trim().is_empty() || line.starts_with(['#', '%']);
    let first = text.split('\n').position(|line| !mark(line) && !silent(line))?;
    let second = text.split('\n').skip(first).position(mark)?;
    Some(Spot { line: first + second + 1, column: 1 })
}

/// The crate's place of an unclosed quote is the end of the file; where the quote was opened stands in its text only.
fn opening_quote(message: &str) -> Option<Spot> {
    let (_, place) = message.split_once("quoted scalar at line ")?;
    let (line, column) = place.split_once(" column ")?;
    let column: String = column.chars().take_while(char::is_ascii_digit).collect();
    Some(Spot { line: line.parse().ok()?, column: column.parse().ok()? })
}

/// The parser looks at every open bracket for every token: 20,000 of them took 10 s in a debug build, and a file has room
/// for a million. Brackets within texts count, too; a file of ours never has a thousand more opened than closed.
fn too_many_brackets(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {} // bytes of a text: there is no list of ours to be complete over
        }
        open > BRACKETS_MAX
    })
}

fn starts_line(text: &str, at: usize) -> bool {
    at == 0 || text.as_bytes()[at - 1] == b'\n'
}

/// What YAML allows to stand in a file (YAML 1.2, production 1, without the byte order mark).
fn printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

fn decorate(failure: Failure, file: &str, text: &str, place: &Place, found: Spot) -> Failure {
    failure
        .with("file", file)
        .with("line", found.line)
        .with("column", found.column)
        .with("path", place)
        .with("snippet", render(text, found, place.is_secret()))
}

/// What the YAML crate's own errors mean. Its text is matched, never shown: it may hold a value.
fn syntax(error: &serde_yaml::Error) -> Failure {
    let text = error.to_string();
    let has = |part: &str| text.contains(part);
    let code = if has("unknown anchor") || has("undefined alias") {
        "yaml-unknown-anchor"
    } else if has("more than one document") {
        "yaml-many-documents"
    } else if has("recursion limit") {
        "yaml-too-deep"
    } else if has("repetition limit") {
        "yaml-too-large-inside"
    } else if has("cannot start any token") || has("found a tab character") {
        "yaml-bad-character"
    } else if has("escape character") || has("escaped Unicode") || has("hexdecimal number") {
        "yaml-escape"
    } else if has("quoted scalar") {
        "yaml-unclosed-quote"
    } else if has("mapping values are not allowed") {
        "yaml-colon"
    } else {
        "yaml-syntax"
    };
    Failure::new(Exit::Usage, code)
}

fn explain(kind: &Kind) -> Failure {
    let usage = |code| Failure::new(Exit::Usage, code);
    match kind {
        Kind::UnknownKey { key, .. } if key == "<<" => usage("yaml-merge-key"),
        Kind::UnknownKey { key, allowed } => match similar(key, allowed) {
            Some(meant) => usage("yaml-unknown-key-similar").with("key", short_word(key)).with("meant", meant),
            None => usage("yaml-unknown-key").with("key", short_word(key)).with("allowed", allowed.join(", ")),
        },
        Kind::MissingKey(key) => usage("yaml-missing-key").with("key", key),
        Kind::UnknownValue { value, allowed } => {
            usage("yaml-unknown-value").with("value", short_word(value)).with("allowed", allowed.join(", "))
        }
        Kind::Expected(what) => expected(what),
        Kind::TooManyItems => usage("yaml-list-length"),
    }
}

/// The word of a deserializer for what it wanted becomes a code, so that each has its own sentence in each language.
fn expected(what: &str) -> Failure {
    let code = match what {
        "text" | "a string" => "yaml-expected-text",
        "number" => "yaml-expected-number",
        "u8" | "u16" | "u32" | "u64" => "yaml-number-range",
        "bool" => "yaml-expected-bool",
        "list" => "yaml-expected-list",
        "map" => "yaml-expected-map",
        "date" => "yaml-expected-date",
        "moment" => "yaml-expected-moment",
        "zone" => "yaml-expected-zone",
        "rate" => "yaml-expected-rate",
        "hours" => "yaml-expected-hours",
        "text or list" => "yaml-expected-text-or-list",
        other => return Failure::new(Exit::Usage, "yaml-wrong-value").with("expected", other),
    };
    Failure::new(Exit::Usage, code)
}

/// The nearest of the allowed words, when it is near enough to be meant.
pub(super) fn similar(word: &str, allowed: &[&'static str]) -> Option<&'static str> {
    let distance = |other: &str| strsim::damerau_levenshtein(word, other);
    let nearest = allowed.iter().copied().min_by_key(|other| distance(other))?;
    (distance(nearest) <= 1 + word.chars().count() / 4).then_some(nearest)
}

/// What was found in the document and is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Repeated(String),
    Merge,
    Tag,
    TooMany,
}

impl Found {
    fn failure(&self) -> Failure {
        match self {
            Self::Repeated(key) => Failure::new(Exit::Usage, "yaml-duplicate-key").with("key", short_word(key)),
            Self::Merge => Failure::new(Exit::Usage, "yaml-merge-key"),
            Self::Tag => Failure::new(Exit::Usage, "yaml-tag"),
            Self::TooMany => Failure::new(Exit::Usage, "yaml-too-large-inside"),
        }
    }
}

/// What the passes share.
#[derive(Default)]
struct Context {
    nodes: Cell<usize>,
    in_key: Cell<bool>,
    found: Cell<Option<Found>>,
    steps: RefCell<Vec<Step>>,
}

impl Context {
    fn refuse<E: de::Error>(&self, found: Found) -> E {
        self.found.set(Some(found));
        E::custom("refused")
    }

    fn count<E: de::Error>(&self) -> std::result::Result<(), E> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > NODES_MAX { Err(self.refuse(Found::TooMany)) } else { Ok(()) }
    }

    /// Runs one step deeper; on an error the way stays as it is, for the message.
    fn inside<T, E>(&self, step: Step, work: impl FnOnce() -> std::result::Result<T, E>) -> std::result::Result<T, E> {
        self.steps.borrow_mut().push(step);
        let value = work()?;
        self.steps.borrow_mut().pop();
        Ok(value)
    }

    fn place(&self) -> Place {
        Place { steps: self.steps.borrow().clone(), on_key: self.in_key.get() }
    }
}

/// Both passes.
fn build(context: &Context, text: &str) -> std::result::Result<Node, serde_yaml::Error> {
    let mut tree = Build(context).deserialize(serde_yaml::Deserializer::from_str(text))?;
    KeepText(context, &mut tree).deserialize(serde_yaml::Deserializer::from_str(text))?;
    Ok(tree)
}

/// First pass: shape, kinds of scalars, repeated keys, tags, size.
#[derive(Clone, Copy)]
struct Build<'a>(&'a Context);

impl<'de> DeserializeSeed<'de> for Build<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Node, D::Error> {
        self.0.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Build<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> std::result::Result<Node, E> {
        Ok(Node::null())
    }

    fn visit_bool<E>(self, flag: bool) -> std::result::Result<Node, E> {
        Ok(Node::Scalar(Plain::Bool(flag), String::new()))
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<Node, E> {
        Ok(Node::Scalar(Plain::Whole(number), String::new()))
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Node, E> {
        Ok(Node::Scalar(Plain::Number, String::new()))
    }

    fn visit_u128<E>(self, _: u128) -> std::result::Result<Node, E> {
        Ok(Node::Scalar(Plain::Number, String::new()))
    }

    fn visit_i128<E>(self, _: i128) -> std::result::Result<Node, E> {
        Ok(Node::Scalar(Plain::Number, String::new()))
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Node, E> {
        Ok(Node::Scalar(Plain::Number, String::new()))
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Node, E> {
        Ok(Node::Scalar(Plain::Text, String::new()))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> std::result::Result<Node, A::Error> {
        Err(self.0.refuse(Found::Tag))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = self.0.inside(Step::Item(list.len()), || items.next_element_seed(self))? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Node, A::Error> {
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(NewKey { context: self.0, seen: &mut seen })? {
            let value = self.0.inside(Step::Key(key.clone()), || map.next_value_seed(self))?;
            entries.push((key, value));
        }
        Ok(Node::Map(entries))
    }
}

/// A key that must not have been there before.
struct NewKey<'a> {
    context: &'a Context,
    seen: &'a mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<String, D::Error> {
        let context = self.context;
        context.in_key.set(true);
        let key = deserializer.deserialize_str(self)?;
        context.in_key.set(false);
        Ok(key)
    }
}

impl de::Visitor<'_> for NewKey<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> std::result::Result<String, E> {
        let refused = if key == "<<" {
            Some(Found::Merge)
        } else if self.seen.insert(key.to_owned()) {
            None
        } else {
            Some(Found::Repeated(key.to_owned()))
        };
        match refused {
            Some(found) => {
                self.context.steps.borrow_mut().push(Step::Key(key.to_owned()));
                Err(self.context.refuse(found))
            }
            None => Ok(key.to_owned()),
        }
    }
}

/// Second pass: the text of each scalar as written, and tags on keys.
struct KeepText<'a>(&'a Context, &'a mut Node);

impl<'de> DeserializeSeed<'de> for KeepText<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        match self.1 {
            Node::Scalar(..) => deserializer.deserialize_str(self),
            Node::List(_) => deserializer.deserialize_seq(self),
            Node::Map(_) => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> de::Visitor<'de> for KeepText<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same document")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<(), E> {
        if let Node::Scalar(_, kept) = self.1 {
            text.clone_into(kept);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<(), A::Error> {
        if let Node::List(nodes) = self.1 {
            for (index, node) in nodes.iter_mut().enumerate() {
                self.0.inside(Step::Item(index), || items.next_element_seed(KeepText(self.0, node)))?;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        if let Node::Map(entries) = self.1 {
            for (key, node) in entries {
                map.next_key_seed(Build(self.0))?;
                self.0.inside(Step::Key(key.clone()), || map.next_value_seed(KeepText(self.0, node)))?;
            }
        }
        Ok(())
    }
}

/// Finds a node by walking to it and failing there: the crate then tells where it was.
fn locate(text: &str, place: &Place) -> Option<Spot> {
    let walk = Walk { steps: &place.steps, on_key: place.on_key && !place.steps.is_empty() };
    let error = walk.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    Some(spot(text, error.location()?.index()))
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    steps: &'a [Step],
    on_key: bool,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Walk<'_> {
    type Value = ();

    // Scalars are not visited on purpose: serde's default refuses them, and a refusal is what tells the place.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the place")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<(), A::Error> {
        let Some((Step::Item(index), rest)) = self.steps.split_first() else { return Err(de::Error::custom("here")) };
        for _ in 0..*index {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Walk { steps: rest, ..self })?;
        Err(de::Error::custom("here"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.steps.split_first() else { return Err(de::Error::custom("here")) };
        let stop = self.on_key && rest.is_empty();
        while let Some(found) = map.next_key_seed(FindKey { wanted, stop })? {
            if found {
                map.next_value_seed(Walk { steps: rest, ..self })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(de::Error::custom("here"))
    }
}

struct FindKey<'a> {
    wanted: &'a str,
    stop: bool,
}

impl<'de> DeserializeSeed<'de> for FindKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl de::Visitor<'_> for FindKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> std::result::Result<bool, E> {
        if key == self.wanted && self.stop { Err(E::custom("here")) } else { Ok(key == self.wanted) }
    }
}
