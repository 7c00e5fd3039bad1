//! Which columns lead to a person: by declared key, by name, by polymorphic pair, by overlap of values.

use super::lexicon::Lexicon;
use super::schema::{ColumnView, TableView};
use super::tokens::Token;
use super::words::SubjectKind;
use lastbell_contract::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// What the linked person is to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The row is about them.
    Subject,
    /// They did something with the row.
    Actor,
}

/// A column that leads to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) kind: SubjectKind,
    pub(crate) role: Role,
    pub(crate) rule: &'static str,
}

/// Where the keys of a database lead.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// (table, column) that leads to a person.
    pub(crate) people: BTreeMap<(usize, usize), Link>,
    /// (table, column) that leads to a table which holds no person: the table's place.
    pub(crate) others: BTreeMap<(usize, usize), usize>,
    /// Halves of polymorphic pairs that nobody could resolve.
    pub(crate) untold: BTreeSet<(usize, usize)>,
}

/// Finds the links. `entities[i]` tells whether table i holds people, and which.
pub(crate) fn find(lexicon: &Lexicon, tables: &[TableView<'_>], entities: &[Option<SubjectKind>]) -> Links {
    let keys = person_keys(tables, entities);
    let mut links = Links::default();
    for (at, table) in tables.iter().enumerate() {
        for (place, column) in table.columns.iter().enumerate() {
            let declared = declared(tables, at, &column.column.name);
            let target = declared.or_else(|| named(tables, at, column).filter(|_| !is_tree(tables, at, place)));
            let link = match target {
                Some(target) => toward(column, target, entities).or_else(|| by_name(lexicon, tables, at, place)),
                None => by_name(lexicon, tables, at, place).or_else(|| by_overlap(tables, at, place, &keys)),
            };
            match (link, target) {
                (Some(link), _) if !own_key(tables, at, place, entities, declared, target) => {
                    links.people.insert((at, place), link);
                }
                (Some(_), _) => {}
                (None, None) if polymorphic(lexicon, tables, at, place) == Pair::Untold => {
                    links.untold.insert((at, place));
                }
                (None, None) => {}
                (None, Some(target)) => {
                    links.others.insert((at, place), target);
                }
            }
        }
    }
    links
}

/// A person table's own primary key is not a link to itself.
fn own_key(
    tables: &[TableView<'_>],
    at: usize,
    place: usize,
    entities: &[Option<SubjectKind>],
    declared: Option<usize>,
    target: Option<usize>,
) -> bool {
    let own = tables[at].key() == Some(tables[at].columns[place].column.name.as_str());
    // Elsewhere it is a link only when it is declared to lead to another table: `staff_contact_id` of `staff_contact` is not.
    own && (entities[at].is_some() || declared.is_none()) && target.is_none_or(|target| target == at)
}

fn role(column: &ColumnView<'_>) -> Role {
    if column.reading.actor { Role::Actor } else { Role::Subject }
}

/// The table that a declared key with this column leads to.
fn declared(tables: &[TableView<'_>], at: usize, column: &str) -> Option<usize> {
    let keys = &tables[at].sample.table.foreign_keys;
    // A key of one column says more than a composite one that shares a column with others.
    let mut candidates: Vec<_> = keys.iter().filter(|key| key.columns.iter().any(|name| name == column)).collect();
    candidates.sort_by_key(|key| key.columns.len());
    candidates.iter().find_map(|key| tables.iter().position(|table| *table.id() == key.references))
}

/// The table whose name the key repeats: `lesson_id` and `lessons`, `id_адрес` and `Адрес`.
fn named(tables: &[TableView<'_>], at: usize, column: &ColumnView<'_>) -> Option<usize> {
    let rest = &column.reading.rest;
    if !column.reading.key || rest.is_empty() {
        return None;
    }
    let same = |table: &TableView<'_>| {
        table.head.len() == rest.len() && table.head.iter().zip(rest).all(|(one, two)| one.akin(two))
    };
    let ends = |table: &TableView<'_>| {
        table.head.len() > rest.len()
            && table.head[table.head.len() - rest.len()..].iter().zip(rest).all(|(a, b)| a.word == b.word)
    };
    // A whole name before one that is equal but for fillers: `school_id` leads to `schools`, not to `history_school`.
    let whole = |table: &TableView<'_>| same(table) && table.tokens.len() == rest.len();
    let exact = tables.iter().position(whole).or_else(|| tables.iter().position(same));
    // `transaction_id` beside `food_transactions`: the only table that ends so and shares this table's first word.
    let kin = || {
        let own = tables[at].head.first()?;
        let mut found = tables
            .iter()
            .enumerate()
            .filter(|(other, table)| *other != at && ends(table) && table.head.first() == Some(own));
        let first = found.next()?;
        found.next().is_none().then_some(first.0)
    };
    exact.or_else(kin)
}

/// The same words, plural or not.
fn alike(one: &[Token], two: &[Token]) -> bool {
    one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.word == two.word)
}

/// The link by a known target.
fn toward(column: &ColumnView<'_>, target: usize, entities: &[Option<SubjectKind>]) -> Option<Link> {
    let entity = entities[target]?;
    let kind = column.reading.mentions.filter(|kind| *kind != SubjectKind::Mixed).unwrap_or(entity);
    Some(Link { kind, role: role(column), rule: "key.declared" })
}

fn by_name(lexicon: &Lexicon, tables: &[TableView<'_>], at: usize, place: usize) -> Option<Link> {
    let column = &tables[at].columns[place];
    let reading = &column.reading;
    if column.is_switch() || reading.flag || reading.measure || reading.structural {
        return None;
    }
    match polymorphic(lexicon, tables, at, place) {
        Pair::Person(kind) => return Some(Link { kind, role: role(column), rule: "key.pair" }),
        // Rights and tokens belong to accounts, whatever the type column calls them.
        Pair::Untold if lexicon.access.hit(&tables[at].tokens) => {
            return Some(Link { kind: SubjectKind::Mixed, role: Role::Subject, rule: "key.pair" });
        }
        Pair::Untold | Pair::Thing | Pair::No => {}
    }
    // A number called `curator` leads to one; one called `computer_student` counts something.
    let keyish = reading.key || (column.may_be_key() && (reading.rest.len() == 1 || reading.actor));
    match reading.person {
        Some(SubjectKind::Parent) if is_tree(tables, at, place) => None,
        Some(kind) if keyish => Some(Link { kind, role: role(column), rule: "key.name" }),
        Some(kind) if reading.actor && texts(column) => Some(Link { kind, role: Role::Actor, rule: "key.actor" }),
        Some(_) => None,
        None if reading.actor && (keyish || by_whom(column)) => {
            Some(Link { kind: SubjectKind::Staff, role: Role::Actor, rule: "key.actor" })
        }
        None => None,
    }
}

fn texts(column: &ColumnView<'_>) -> bool {
    column.column.kind == Kind::Text && by_whom(column)
}

/// `created_by`, as text: a login or a name.
fn by_whom(column: &ColumnView<'_>) -> bool {
    column.reading.rest.iter().any(|token| token.word == "bi")
}

/// A bare `parent_id` is a tree unless something else in the table speaks of families.
fn is_tree(tables: &[TableView<'_>], at: usize, place: usize) -> bool {
    let table = &tables[at];
    if table.columns[place].reading.rest.len() != 1 || table.columns[place].reading.rest[0].word != "parent" {
        return false;
    }
    let family = table.mentions(super::lexicon::lexicon()).is_some();
    let pupil = table.columns.iter().any(|column| column.reading.person == Some(SubjectKind::Pupil));
    !family && !pupil
}

/// What the other half of a polymorphic pair says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// Its values name people.
    Person(SubjectKind),
    /// Its values name other tables.
    Thing,
    /// There is one, but its values are none or name no table: a person must look.
    Untold,
    /// The column is not half of a pair.
    No,
}

/// `commentable_type` + `commentable_id`: the type's values name tables of people.
pub(crate) fn polymorphic(lexicon: &Lexicon, tables: &[TableView<'_>], at: usize, place: usize) -> Pair {
    let name = &tables[at].columns[place].column.name;
    let Some(stem) = name.strip_suffix("_id").or_else(|| name.strip_suffix("Id")) else { return Pair::No };
    let pair = [format!("{stem}_type"), format!("{stem}Type")];
    let Some(kinds) = tables[at].columns.iter().find(|column| pair.contains(&column.column.name)) else {
        return Pair::No;
    };
    let words =
        kinds.values.keys.iter().map(|word| lexicon.tokens(word.rsplit(['\\', '.', '/']).next().unwrap_or(word)));
    let words: Vec<_> = words.collect();
    let person =
        words.iter().filter_map(|tokens| lexicon.person(tokens).map(|(kind, _)| kind)).reduce(SubjectKind::with);
    let thing = words.iter().any(|tokens| tables.iter().any(|table| alike(&table.head, tokens)));
    match (person, thing) {
        (Some(kind), _) => Pair::Person(kind),
        (None, true) => Pair::Thing,
        (None, false) => Pair::Untold,
    }
}

/// The sampled keys of a person table, when they are sparse enough to prove something.
struct PersonKeys<'a> {
    table: usize,
    kind: SubjectKind,
    keys: &'a BTreeSet<std::borrow::Cow<'a, str>>,
    /// How much of all keys the sample holds, per mille.
    coverage_permille: usize,
}

fn person_keys<'a>(tables: &'a [TableView<'a>], entities: &[Option<SubjectKind>]) -> Vec<PersonKeys<'a>> {
    let mut found = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let (Some(kind), Some(key)) = (entities[at], table.key()) else { continue };
        let Some(column) = table.columns.iter().find(|column| column.column.name == key) else { continue };
        let keys = &column.values.keys;
        let total = usize::try_from(table.sample.rows_counted).unwrap_or(usize::MAX).max(keys.len());
        if keys.len() >= 20 && sparse(keys, total) {
            found.push(PersonKeys { table: at, kind, keys, coverage_permille: keys.len() * 1000 / total });
        }
    }
    found
}

/// Dense 1..n ranges include each other and prove nothing: at most one number in twenty of the range may be a key.
fn sparse(keys: &BTreeSet<std::borrow::Cow<'_, str>>, total: usize) -> bool {
    let numbers: Vec<i128> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    match (numbers.iter().min(), numbers.iter().max()) {
        (Some(least), Some(most)) if numbers.len() == keys.len() => {
            most.saturating_sub(*least) / i128::try_from(total).unwrap_or(i128::MAX).max(1) >= 20
        }
        (_, _) => keys.iter().all(|key| key.len() >= 8),
    }
}

/// At least ten distinct values, 95 % of which (times the sample's coverage) are keys of one person table.
fn by_overlap(tables: &[TableView<'_>], at: usize, place: usize, people: &[PersonKeys<'_>]) -> Option<Link> {
    let column = &tables[at].columns[place];
    let values = &column.values.keys;
    if values.len() < 10 {
        return None;
    }
    let inside = people.iter().filter(|person| person.table != at).find(|person| {
        let shared = values.iter().filter(|value| person.keys.contains(*value)).count();
        shared >= 5 && shared * 1_000_000 >= values.len() * person.coverage_permille * 950
    })?;
    let kind = column.reading.mentions.unwrap_or(inside.kind);
    Some(Link { kind, role: role(column), rule: "key.overlap" })
}
