//! Step show: the keys of the rows that did not match, for the one who has to look into them. Reads what `verify` sealed in
//! `work/`; prints personal data, so the caller makes sure that it goes to a terminal. Each look is journalled before.

use super::verify::DIFFERING;
use super::{Outcome, Session};
use crate::case::seal::unseal;
use crate::case::{Event, Purpose};
use crate::failure::Result;
use crate::steps::explain::DifferingKeys;
use crate::verify::compare::Verdict;
use crate::world::World;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Shows the keys of one mapping, or of all.
///
/// # Errors
/// `show-nothing` when there is nothing to show, `tampered`.
pub fn run(session: &mut Session, world: &mut World, mapping: Option<&str>) -> Result<Outcome> {
    let key = session.key(world, Purpose::Verify)?;
    let names: Vec<String> = session.case.files().keys().filter(|name| name.starts_with(DIFFERING)).cloned().collect();
    let mut all = Vec::new();
    for name in names {
        let opened = unseal(&key, session.case.id(), &name, &session.case.read(&name)?)?;
        let keys: DifferingKeys = crate::case::folder::parse(&name, &opened)?;
        if mapping.is_none_or(|wanted| keys.mapping == wanted) {
            all.push(keys);
        }
    }
    if all.is_empty() {
        return Err(failure!(Refused, "show-nothing", mapping = mapping.unwrap_or("-")));
    }
    let rows: BTreeMap<String, u64> = all.iter().map(|keys| (keys.mapping.clone(), count(keys))).collect();
    session.case.record(world, Event::Look { store: "-".to_owned(), purpose: "show".to_owned(), rows })?;
    Ok(Outcome { text: Some(all.iter().map(text).collect()), ..Outcome::default() })
}

fn count(keys: &DifferingKeys) -> u64 {
    keys.keys.values().map(|keys| keys.len() as u64).sum()
}

/// A line for each key: mapping, verdict, the key's columns. What a terminal would obey in a value is written out where
/// it is printed; a line end is here, or it would look like the next key.
fn text(keys: &DifferingKeys) -> String {
    let mut text = format!("{} | - | {}\n", keys.mapping, keys.columns.join(" | "));
    let cell =
        |cell: &Option<String>| cell.as_ref().map_or_else(|| "NULL".to_owned(), |text| text.replace('\n', "\\n"));
    for (verdict, rows) in &keys.keys {
        for row in rows {
            let cells: Vec<String> = row.iter().map(cell).collect();
            // Writing into a text cannot fail.
            let _ = writeln!(text, "{} | {} | {}", keys.mapping, word(*verdict), cells.join(" | "));
        }
    }
    text
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Matched => "matched",
        Verdict::MovedOn => "moved_on",
        Verdict::Different => "different",
        Verdict::Missing => "missing",
        Verdict::Ambiguous => "ambiguous",
        Verdict::Extra => "extra",
    }
}
