//! A parsed document before it is given a type: each scalar keeps its text, each error its path.
//!
//! Types are read from this tree and not from the YAML crate, because its errors lose the place (a repeated key in a map
//! is not even one) and because a text such as `0012` or `1e3` must stay as written when a text is wanted.

use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Unexpected, Visitor};
use std::fmt;

/// What a plain scalar is in YAML 1.2; a quoted one is always `Text`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Whole(u64),
    /// A negative, fractional or larger number. No file of ours takes one.
    Number,
    Text,
}

/// A node of the document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Scalar(Plain, String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn null() -> Self {
        Self::Scalar(Plain::Null, String::new())
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Plain::Null, _))
    }

    /// Gives the tree a type.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Trouble> {
        T::deserialize(Reading(self))
    }

    /// Lays `over` on top: maps are merged key by key, everything else is replaced. An empty answer replaces nothing.
    pub(super) fn lay(&mut self, over: &Node) {
        match (self, over) {
            (Self::Map(below), Self::Map(above)) => {
                for (key, value) in above {
                    match below.iter_mut().find(|(known, _)| known == key) {
                        Some((_, place)) => place.lay(value),
                        None => below.push((key.clone(), value.clone())),
                    }
                }
            }
            (_, above) if above.is_null() => {}
            (place, above) => *place = above.clone(),
        }
    }
}

/// One step from a node to a node within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
}

/// Why a tree has not the wanted type.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    UnknownKey { key: String, allowed: &'static [&'static str] },
    MissingKey(&'static str),
    UnknownValue { value: String, allowed: &'static [&'static str] },
    Expected(String),
    TooManyItems,
}

/// An error with the way to it, innermost step first.
#[derive(Debug, PartialEq)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) steps: Vec<Step>,
    /// The key itself is wrong, not its value.
    pub(super) on_key: bool,
}

impl Trouble {
    fn new(kind: Kind) -> Self {
        Self { kind, steps: Vec::new(), on_key: false }
    }

    fn expected(what: &str) -> Self {
        Self::new(Kind::Expected(what.to_owned()))
    }

    fn inside(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Trouble {}

impl de::Error for Trouble {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::expected(&message.to_string())
    }

    // The value that was found is dropped on purpose: it may be a password.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::expected(&expected.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::expected(&expected.to_string())
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::new(Kind::TooManyItems)
    }

    fn unknown_variant(value: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownValue { value: value.to_owned(), allowed })
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey { key: key.to_owned(), allowed })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::MissingKey(field))
    }
}

/// The deserializer of a node.
#[derive(Clone, Copy)]
struct Reading<'a>(&'a Node);

macro_rules! whole_numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
            match self.0 {
                Node::Scalar(Plain::Whole(number), _) => visitor.visit_u64(*number),
                Node::Scalar(..) | Node::List(_) | Node::Map(_) => Err(Trouble::expected("number")),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reading<'_> {
    type Error = Trouble;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.0 {
            Node::Scalar(Plain::Null, _) => visitor.visit_unit(),
            Node::Scalar(_, text) => visitor.visit_str(text),
            Node::List(items) => read_list(items, visitor),
            Node::Map(entries) => visitor.visit_map(MapReading::new(entries, &[])),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.0 {
            Node::Scalar(Plain::Null, _) | Node::List(_) | Node::Map(_) => Err(Trouble::expected("text")),
            Node::Scalar(_, text) => visitor.visit_str(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.0 {
            Node::Scalar(Plain::Bool(flag), _) => visitor.visit_bool(*flag),
            Node::Scalar(..) | Node::List(_) | Node::Map(_) => Err(Trouble::expected("bool")),
        }
    }

    whole_numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.0 {
            Node::List(items) => read_list(items, visitor),
            Node::Scalar(..) | Node::Map(_) => Err(Trouble::expected("list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.read_map(&[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        self.read_map(keys, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        match self.0 {
            Node::Scalar(Plain::Null, _) | Node::List(_) | Node::Map(_) => Err(Trouble::expected("text")),
            Node::Scalar(_, text) => visitor.visit_enum(text.as_str().into_deserializer()),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! { i128 u128 f32 f64 bytes byte_buf unit unit_struct tuple_struct ignored_any }
}

impl Reading<'_> {
    fn read_map<'de, V: Visitor<'de>>(self, keys: &'static [&'static str], visitor: V) -> Result<V::Value, Trouble> {
        match self.0 {
            Node::Map(entries) => visitor.visit_map(MapReading::new(entries, keys)),
            Node::Scalar(..) | Node::List(_) => Err(Trouble::expected("map")),
        }
    }
}

fn read_list<'de, V: Visitor<'de>>(items: &[Node], visitor: V) -> Result<V::Value, Trouble> {
    let mut access = ListReading { items, next: 0 };
    let value = visitor.visit_seq(&mut access)?;
    // A pair `[a, b]` reads two items and would not notice a third.
    if access.next < items.len() { Err(Trouble::new(Kind::TooManyItems)) } else { Ok(value) }
}

struct ListReading<'a> {
    items: &'a [Node],
    next: usize,
}

impl<'de> de::SeqAccess<'de> for ListReading<'_> {
    type Error = Trouble;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Trouble> {
        let Some(item) = self.items.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(Reading(item)).map(Some).map_err(|trouble| trouble.inside(Step::Item(index)))
    }
}

struct MapReading<'a> {
    rest: std::slice::Iter<'a, (String, Node)>,
    current: Option<&'a (String, Node)>,
    /// Known keys whose empty value (`mappings:` and nothing behind it) is the same as no key.
    keys: &'static [&'static str],
}

impl<'a> MapReading<'a> {
    fn new(entries: &'a [(String, Node)], keys: &'static [&'static str]) -> Self {
        Self { rest: entries.iter(), current: None, keys }
    }
}

impl<'de> de::MapAccess<'de> for MapReading<'_> {
    type Error = Trouble;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Trouble> {
        let keys = self.keys;
        self.current = self.rest.find(|(key, value)| !(value.is_null() && keys.contains(&key.as_str())));
        let Some((key, _)) = self.current else { return Ok(None) };
        let on_key = |trouble: Trouble| Trouble { on_key: true, ..trouble.inside(Step::Key(key.clone())) };
        seed.deserialize(key.as_str().into_deserializer()).map(Some).map_err(on_key)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Trouble> {
        let (key, value) = self.current.expect("serde asks for a value only after its key");
        seed.deserialize(Reading(value)).map_err(|trouble| trouble.inside(Step::Key(key.clone())))
    }
}
