//! Removes what a killed run of this plan left in the store: finishes rebuilds, drops shadows, notes and fillers, restores
//! settings. Knows its tables by the mark in their names; nothing else is touched.

use crate::error::{About, refused};
use crate::mark::{Found, Mark, Role};
use crate::note::{self, Note};
use crate::rebuild::drop_table;
use crate::session::Session;
use crate::turnover;
use crate::unit::leave_snapshot;
use lastbell_contract::{ErrorKind, Result, Setting, Steps, TableId, Witness};

/// Tidies.
pub(crate) fn run(session: &mut Session, mark: &Mark, left: &[Setting], witness: &mut dyn Witness) -> Result<()> {
    leave_snapshot(session)?;
    let mut steps = Steps::new(witness);
    for shadow in mark.tables(session, "tidy")?.iter().filter(|one| one.role == Role::Full) {
        finish(session, mark, shadow, &mut steps)?;
    }
    for one in mark.tables(session, "tidy")? {
        let technique = match one.role {
            Role::New | Role::Full => "drop-shadow",
            Role::Note => "drop-note",
            Role::Fill => "drop-filler",
        };
        steps.run(technique, Some(&TableId::plain(&one.name)), || drop_table(session, "tidy", &one.name))?;
    }
    turnover::restore(session, left, &mut steps)
}

/// A full shadow whose table is gone takes its place. Where the table still stands, nothing of it was destroyed: it is
/// proved and rebuilt anew, and the shadow goes.
fn finish(session: &mut Session, mark: &Mark, shadow: &Found, steps: &mut Steps<'_>) -> Result<()> {
    let hidden = TableId::plain(&shadow.name);
    let lost = || refused(ErrorKind::Unsafe, "tidy", "note-lost").on(&hidden);
    let note = Note::read(session, mark, shadow.number)?.ok_or_else(lost)?;
    let table = TableId::plain(&note.table);
    match (note::made(session, &note.table)?, &note.doomed) {
        (Some(_), None) => Ok(()),
        (Some(made), Some(doomed)) if made == *doomed => Ok(()),
        // Somebody made a new table of that name meanwhile: which one is right is for a person to say.
        (Some(_), Some(_)) => Err(refused(ErrorKind::Unsafe, "tidy", "name-taken").on(&table)),
        (None, None) => Err(refused(ErrorKind::Unsafe, "tidy", "table-gone").on(&table)),
        (None, Some(_)) => steps.run("finish-rebuild", Some(&table), || {
            note::take_place(session, "tidy", &shadow.name, &note).about(&table)
        }),
    }
}
