//! How deep destruction can go here. Nothing beyond emptying tables was looked at yet, and so nothing is claimed.

use crate::session::Session;
use lastbell_contract::{Level, Means, Precondition, Reach, Result, State};

/// The level that needs no condition, and the one that was not looked at.
pub(crate) fn before(_session: &mut Session, _wanted: Level, _means: Means) -> Result<Reach> {
    let unlooked =
        Precondition { code: "not-looked-at".to_owned(), state: State::Unknown, blocks: Level::L1, detail: Vec::new() };
    Ok(Reach { level: Level::L0, preconditions: vec![unlooked] })
}
