//! Whom a row is about. This decides more than names and values together: without it F1 falls from .935 to .523.

use super::lexicon::{Lexicon, Strength};
use super::links::{Links, Role};
use super::schema::{ColumnView, TableView};
use super::words::{Category, RowAbout, SubjectKind};

/// How many hops a part of a record may be away from it.
const HOPS_MAX: usize = 3;

/// What the rows of one table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) rows: RowAbout,
    pub(crate) subject: SubjectKind,
    /// Only links count: the other columns are settings, rights or plans.
    pub(crate) links_only: bool,
    /// The person is known by a login or a name in the row, not by a key.
    pub(crate) listing: bool,
    /// The rows are organisations: their phone is not a person's.
    pub(crate) organisation: bool,
}

impl About {
    /// Whether what the row says is said of a person.
    pub(crate) fn of_person(self) -> bool {
        match self.rows {
            RowAbout::Person => true,
            RowAbout::Record | RowAbout::Part => !self.links_only,
            RowAbout::Actor | RowAbout::Reference => false,
        }
    }
}

/// Tables whose rows are people, or papers and dwellings of people.
pub(crate) fn entities(lexicon: &Lexicon, tables: &[TableView<'_>]) -> Vec<Option<SubjectKind>> {
    tables.iter().map(|table| entity(lexicon, table)).collect()
}

fn entity(lexicon: &Lexicon, table: &TableView<'_>) -> Option<SubjectKind> {
    if table.headed_by(&lexicon.organisations)
        || (table.headed_by(&lexicon.references) && table.person(lexicon).is_none())
    {
        return None;
    }
    let strong = |category: Category| count(table, |column| has(column, category, true));
    let any = |category: Category| count(table, |column| has(column, category, false));
    let names = strong(Category::Name);
    let contacts = any(Category::ContactPhone)
        + any(Category::ContactEmail)
        + any(Category::BirthDate)
        + strong(Category::NationalId);
    let accounts = strong(Category::OnlineId) + strong(Category::Credential);
    let bare_name = any(Category::Name);
    let leads = leads(lexicon, table);
    match table.person(lexicon) {
        Some(kind) if bare_name + contacts + accounts > 0 && leads == 0 => Some(kind),
        // A table with names, birth date and contacts of people headed by their noun is theirs, whatever else it holds.
        Some(kind) if table.head.len() == 1 && names >= 2 && contacts >= 2 => Some(kind),
        Some(_) => None,
        None if names > 0 && names + contacts >= 2 && leads == 0 && log_free(lexicon, table) => {
            Some(table.mentions(lexicon).unwrap_or(SubjectKind::Mixed))
        }
        None if paper(table, any(Category::Address), any(Category::NationalId)) && leads == 0 => {
            Some(table.mentions(lexicon).unwrap_or(SubjectKind::Mixed))
        }
        None => None,
    }
}

/// A log that copies names is about people, but its rows are not people.
fn log_free(lexicon: &Lexicon, table: &TableView<'_>) -> bool {
    !table.tokens.iter().any(|token| matches!(token.word.as_str(), "log" | "login" | "audit" | "history"))
        && !lexicon.plans.hit(&table.head)
}

/// A table called by a document or a dwelling, most of whose columns are its parts.
fn paper(table: &TableView<'_>, address: usize, document: usize) -> bool {
    let called = |category: Category| {
        super::lexicon::lexicon().themes.iter().any(|(theme, phrases)| {
            *theme == category
                && phrases.find(&table.head).is_some_and(|(at, words)| at == 0 && words == table.head.len())
        })
    };
    (address >= 2 && called(Category::Address)) || (document >= 2 && called(Category::NationalId))
}

/// Keys that lead to other people. A person's row may lead to its account (`user_id`), and its own key is no link.
/// A pupil's row may name the parent and the class teacher, a parent's row the child: it stays a person's row.
fn relative(head: Option<SubjectKind>, led: SubjectKind) -> bool {
    let single = |kind| matches!(kind, SubjectKind::Pupil | SubjectKind::Parent | SubjectKind::Staff);
    head.is_some_and(|head| head != led && single(head) && single(led))
}

fn leads(lexicon: &Lexicon, table: &TableView<'_>) -> usize {
    let head = table.person(lexicon).filter(|_| table.head.len() == 1);
    let key = table.key();
    count(table, |column| {
        let reading = &column.reading;
        let account = reading.rest.last().is_some_and(|word| word.word == "user" || word.word.starts_with("polzovat"));
        let own = key == Some(column.column.name.as_str());
        reading.key
            && reading.person.is_some()
            && !reading.actor
            && !account
            && !own
            && !reading.person.is_some_and(|kind| relative(head, kind))
    })
}

fn count(table: &TableView<'_>, test: impl Fn(&ColumnView<'_>) -> bool) -> usize {
    table.columns.iter().filter(|column| test(column)).count()
}

fn has(column: &ColumnView<'_>, category: Category, strong: bool) -> bool {
    let fits = |strength: Strength| strength == Strength::Strong || (!strong && strength == Strength::Context);
    column.reading.hits.iter().any(|hit| hit.category == category && !hit.denied && fits(hit.strength))
}

/// What each table is about.
pub(crate) fn about(
    lexicon: &Lexicon,
    tables: &[TableView<'_>],
    entities: &[Option<SubjectKind>],
    links: &Links,
) -> Vec<About> {
    let mut found: Vec<About> =
        tables.iter().enumerate().map(|(at, table)| first_look(lexicon, table, at, entities[at], links)).collect();
    for _ in 0..HOPS_MAX {
        let before = found.clone();
        for (&(at, place), &target) in &links.others {
            let record = matches!(before[target].rows, RowAbout::Record | RowAbout::Part) && before[target].of_person();
            let open = matches!(before[at].rows, RowAbout::Reference | RowAbout::Actor) && !before[at].organisation;
            let proper = !before[target].listing && whole_key(&tables[target], &tables[at].columns[place]);
            if at != target && record && open && proper {
                found[at].rows = RowAbout::Part;
                found[at].subject = before[target].subject;
            }
        }
        if before == found {
            break;
        }
    }
    found
}

/// Whether the column can lead to one row of the target: the key is a single column, called `id` or as here.
fn whole_key(target: &TableView<'_>, column: &ColumnView<'_>) -> bool {
    let Some(key) = target.key() else { return false };
    let bare = target.columns.iter().find(|found| found.column.name == key);
    key == column.column.name || bare.is_some_and(|found| found.reading.key && found.reading.rest.len() <= 1)
}

fn first_look(
    lexicon: &Lexicon,
    table: &TableView<'_>,
    at: usize,
    entity: Option<SubjectKind>,
    links: &Links,
) -> About {
    let organisation = table.headed_by(&lexicon.organisations);
    let links_only = table.headed_by(&lexicon.link_only);
    let blank =
        About { rows: RowAbout::Reference, subject: SubjectKind::None, links_only, listing: false, organisation };
    if let Some(subject) = entity {
        return About { rows: RowAbout::Person, subject, links_only: false, ..blank };
    }
    let own: Vec<_> = links.people.range((at, 0)..(at + 1, 0)).map(|(_, link)| link).collect();
    let subjects = own.iter().filter(|link| is_subject(lexicon, table, link.kind, link.role));
    if let Some(kind) = subjects.map(|link| link.kind).reduce(foremost) {
        return About { rows: RowAbout::Record, subject: kind, ..blank };
    }
    if table.headed_by(&lexicon.personal_records) {
        return About { rows: RowAbout::Record, subject: SubjectKind::Mixed, ..blank };
    }
    if let Some(kind) = listed(lexicon, table) {
        return About { rows: RowAbout::Record, subject: kind, listing: true, ..blank };
    }
    match own.iter().map(|link| link.kind).reduce(SubjectKind::with) {
        Some(subject) => About { rows: RowAbout::Actor, subject, ..blank },
        None => blank,
    }
}

/// A pupil's record stays the pupil's, whoever else it names.
fn foremost(one: SubjectKind, two: SubjectKind) -> SubjectKind {
    match (one, two) {
        (SubjectKind::Pupil, _) | (_, SubjectKind::Pupil) => SubjectKind::Pupil,
        (SubjectKind::Parent, _) | (_, SubjectKind::Parent) => SubjectKind::Parent,
        (one, two) => one.with(two),
    }
}

fn is_subject(lexicon: &Lexicon, table: &TableView<'_>, kind: SubjectKind, role: Role) -> bool {
    let authored = lexicon.authored.hit(&table.tokens);
    match (kind, role) {
        (SubjectKind::Pupil | SubjectKind::Parent, Role::Subject) => true,
        (SubjectKind::Mixed, Role::Subject) => !table.headed_by(&lexicon.plans) || table.mentions(lexicon).is_some(),
        (SubjectKind::Staff, Role::Subject) => {
            table.mentions(lexicon) == Some(SubjectKind::Staff) || lexicon.staff_themes.hit(&table.tokens)
        }
        (SubjectKind::Pupil | SubjectKind::Parent | SubjectKind::Mixed | SubjectKind::Staff, Role::Actor) => authored,
        (SubjectKind::None, _) => false,
    }
}

/// A login or a person's name stands in the row itself.
fn listed(lexicon: &Lexicon, table: &TableView<'_>) -> Option<SubjectKind> {
    if table.headed_by(&lexicon.organisations) {
        return None;
    }
    // A token beside an e-mail address is the token of its owner.
    let login = table.theme(lexicon) == Some(Category::OnlineId);
    let person = |column: &ColumnView<'_>| {
        !column.is_switch()
            && ((login && has(column, Category::ContactEmail, false))
                || has(column, Category::Name, true)
                || has(column, Category::OnlineId, true)
                || has(column, Category::NationalId, true)
                || has(column, Category::BirthDate, true)
                || has(column, Category::Credential, true))
    };
    let columns: Vec<_> = table.columns.iter().filter(|column| person(column)).collect();
    let kind = columns.iter().filter_map(|column| column.reading.mentions).reduce(SubjectKind::with);
    (!columns.is_empty()).then(|| kind.or(table.mentions(lexicon)).unwrap_or(SubjectKind::Mixed))
}
