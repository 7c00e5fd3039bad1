//! Custom fields: columns such as `custom_12` mean what row 12 of a catalogue table says. Its titles become remarks.

use super::lexicon::Lexicon;
use super::names::read;
use super::schema::TableView;
use super::words::SubjectKind;
use lastbell_contract::Value;
use std::collections::BTreeMap;

/// Titles of one catalogue, by number.
struct Catalogue {
    kind: Option<SubjectKind>,
    titles: BTreeMap<String, String>,
}

/// Gives each custom column the title of its catalogue row.
pub(crate) fn explain(lexicon: &Lexicon, tables: &mut [TableView<'_>]) {
    let catalogues: Vec<Catalogue> = tables.iter().filter_map(|table| catalogue(lexicon, table)).collect();
    for table in tables.iter_mut() {
        let kind = table.person(lexicon);
        for column in &mut table.columns {
            let Some(number) = number(lexicon, &column.column.name) else { continue };
            // A catalogue of the same kind of person first; one that names nobody is the pupils' as a rule.
            let rank = |catalogue: &&Catalogue| match catalogue.kind {
                found if found == kind => 0,
                None if kind == Some(SubjectKind::Pupil) => 0,
                None => 1,
                Some(_) => 2,
            };
            let titled = catalogues.iter().filter(|catalogue| catalogue.titles.contains_key(number));
            if let Some(title) = titled.min_by_key(rank).and_then(|catalogue| catalogue.titles.get(number)) {
                column.remark = read(lexicon, title, true);
            }
        }
    }
}

/// The number at the end of a custom column's name.
fn number<'n>(lexicon: &Lexicon, name: &'n str) -> Option<&'n str> {
    let start = name
        .rfind(|letter: char| !letter.is_ascii_digit())
        .map_or(0, |at| at + name[at..].chars().next().map_or(1, char::len_utf8));
    let digits = &name[start..];
    let custom = lexicon.custom.hit(&lexicon.tokens(&name[..start]));
    (custom && !digits.is_empty()).then_some(digits)
}

fn catalogue(lexicon: &Lexicon, table: &TableView<'_>) -> Option<Catalogue> {
    if !lexicon.custom.hit(&table.tokens) {
        return None;
    }
    let at = |words: &[&str]| {
        table.columns.iter().position(|column| {
            let tokens = lexicon.tokens(&column.column.name);
            tokens.len() == 1 && words.contains(&tokens[0].word.as_str())
        })
    };
    let (key, title) = (at(&["id", "nomer", "kod"])?, at(&["title", "name", "label", "nazvane", "caption"])?);
    let mut titles = BTreeMap::new();
    for row in &table.sample.rows {
        let (Some(key), Some(Value::Text(title))) = (row.get(key), row.get(title)) else { continue };
        match key {
            Value::Int(number) => titles.insert(number.to_string(), title.clone()),
            Value::Text(digits) | Value::Decimal(digits) => titles.insert(digits.clone(), title.clone()),
            Value::Null
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Bytes(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::LocalDateTime(_)
            | Value::Instant(_)
            | Value::Uuid(_)
            | Value::Json(_)
            | Value::Invalid(..) => None,
        };
    }
    (!titles.is_empty()).then(|| Catalogue { kind: lexicon.person(&table.tokens).map(|(kind, _)| kind), titles })
}
