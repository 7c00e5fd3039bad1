//! Step decide: appends decisions to `decisions.yaml`, each checked against the inventory, and journals them.
//! All or nothing: one entry that does not fit, and none is appended.

use super::Outcome;
use super::session::{DECISIONS_FILE, Session};
use crate::case::Event;
use crate::case::artefacts::{Inventory, name};
use crate::case::folder::write_whole;
use crate::failure::Result;
use crate::profile::decisions::{Decisions, append};
use crate::world::World;
use std::path::Path;

/// Appends the entries of a file.
///
/// # Errors
/// `decision-before-discover`, or what is wrong with an entry, with its place in the file given.
pub fn run(session: &mut Session, world: &mut World, file: &Path, bytes: &[u8]) -> Result<Outcome> {
    let inventory = session.case.artefact_if_made::<Inventory>(name::INVENTORY)?;
    let inventory = inventory.ok_or_else(|| failure!(Refused, "decision-before-discover"))?;
    let new = Decisions::load(&file.display().to_string(), bytes)?;
    if new.entries().is_empty() {
        return Err(failure!(Usage, "decision-none", path = file.display()));
    }
    let text = append(&session.files.decisions, &new)?;
    let all = Decisions::load(DECISIONS_FILE, text.as_bytes())?;
    let effective = session.judge_decisions(&inventory, &all)?;
    write_whole(&session.case.path().join(DECISIONS_FILE), text.as_bytes())?;
    session.case.record(world, Event::Decided { entries: new.digests() })?;
    let added = new.entries().len();
    session.files.decisions = all;
    session.files.effective = effective;
    Ok(Outcome::done(line!("decided", entries = added), serde_json::json!({ "appended": added })))
}
