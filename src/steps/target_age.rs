//! How old a receipt or an export of the new platform may be: `target_days_max` of case.yaml. Reads clock and case.yaml,
//! writes nothing. A live target has no age: it is read while we look.

use super::session::Session;
use crate::failure::Result;
use crate::world::World;

const DAY_SECONDS: i64 = 86_400;
/// So far may the platform's clock be from ours: a moment beyond it would make an age that means nothing.
const CLOCK_APART_SECONDS: i64 = DAY_SECONDS;

/// Refuses what was taken too long ago, or later than now.
///
/// # Errors
/// `target-too-old` naming both figures, `target-from-future`.
pub fn check(session: &Session, world: &World, store: &str, taken_at: &str) -> Result<()> {
    let now = world.clock.now();
    let Ok(taken) = taken_at.parse::<jiff::Timestamp>() else {
        return Err(failure!(Refused, "target-from-future", store = store, at = "-", now = world.now_text()));
    };
    let seconds = now.as_second() - taken.as_second();
    if seconds < -CLOCK_APART_SECONDS {
        return Err(failure!(Refused, "target-from-future", store = store, at = taken_at, now = world.now_text()));
    }
    let days_max = i64::from(session.files.case.target_days_max);
    if seconds > days_max * DAY_SECONDS {
        let days = seconds / DAY_SECONDS;
        return Err(failure!(
            Refused,
            "target-too-old",
            store = store,
            days = days,
            days_max = days_max,
            at = taken_at
        ));
    }
    Ok(())
}
