//! Takes away what a killed run of ours left in the store. Shadows there are none: the rows of a rebuild wait in a
//! temporary table, which the server drops with the session. Fillers neither: the log is turned over without.

use crate::session::Session;
use crate::turnover;
use lastbell_contract::{Result, Setting, Steps, Witness};

/// Restores the settings that `left` names, where they still stand as we left them.
pub(crate) fn run(session: &mut Session, left: &[Setting], witness: &mut dyn Witness) -> Result<()> {
    turnover::restore(session, left, &mut Steps::new(witness))
}
