//! A visit to the new platform's store: at its keeper's hours, at their pace, with a bounded snapshot. Whoever reads there
//! reports each batch here and is made to wait, or to leave. Reads case.yaml's rules and the clock; writes nothing.

use super::session::StoreAt;
use crate::failure::Result;
use crate::rate::Rate;
use crate::world::{World, go_on};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Who waits looks so often whether somebody asked to stop.
const LOOK: Duration = Duration::from_millis(50);

/// The pace of one visit.
pub struct Pace {
    store: String,
    rate: Rate,
    stop: Arc<AtomicBool>,
    bytes: u64,
    /// Before this moment nothing more may be read.
    free_at: Instant,
    hours_end: Option<Instant>,
    snapshot_max: Option<Duration>,
    snapshot_end: Option<Instant>,
}

impl Pace {
    /// Begins a visit, if the hours allow one. `remote`: reached over a network, so that without a word a bound holds; a
    /// bound given on the command line goes before that of case.yaml.
    ///
    /// # Errors
    /// `visit-closed` outside the hours.
    pub fn begin(world: &World, at: &StoreAt, remote: bool) -> Result<Self> {
        let rules = at.visit.clone().unwrap_or_default();
        let usual = if remote { Rate::REMOTE } else { Rate(None) };
        let now = Instant::now();
        Ok(Self {
            store: at.name.clone(),
            rate: world.max_rate.or(rules.max_rate).unwrap_or(usual),
            stop: Arc::clone(&world.stop),
            bytes: 0,
            free_at: now,
            hours_end: open_for(world, at)?.map(|left| now + left),
            snapshot_max: rules.snapshot_minutes_max.map(|minutes| Duration::from_secs(u64::from(minutes) * 60)),
            snapshot_end: None,
        })
    }

    /// A snapshot was opened now.
    pub fn snapshot(&mut self) {
        self.snapshot_end = self.snapshot_max.map(|most| Instant::now() + most);
    }

    /// So many bytes came; waits as long as the rate wants. What was not read in time gives no right to a burst later.
    ///
    /// # Errors
    /// `visit-hours-over`, `visit-snapshot-long`, `interrupted`.
    pub fn heard(&mut self, bytes: usize) -> Result<()> {
        let now = Instant::now();
        self.bytes += bytes as u64;
        if self.hours_end.is_some_and(|end| end <= now) {
            return Err(failure!(Refused, "visit-hours-over", store = self.store));
        }
        if let (Some(most), Some(_)) = (self.snapshot_max, self.snapshot_end.filter(|end| *end <= now)) {
            let minutes = most.as_secs() / 60;
            return Err(failure!(Refused, "visit-snapshot-long", store = self.store, minutes = minutes));
        }
        let Some(rate) = self.rate.0 else { return Ok(()) };
        self.free_at = self.free_at.max(now) + Duration::from_secs_f64(bytes as f64 / rate as f64);
        while let Some(left) = self.free_at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::sleep(left.min(LOOK));
            go_on(&self.stop)?;
        }
        Ok(())
    }

    /// The bound, as it is printed.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Bytes of rows that came, as the packed batch counts them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// How long the store may still be visited; `None` where no hours are named.
///
/// # Errors
/// `visit-closed`.
pub fn open_for(world: &World, at: &StoreAt) -> Result<Option<Duration>> {
    let hours = at.visit.as_ref().and_then(|rules| rules.hours.zip(rules.zone.as_ref()));
    let Some((hours, zone)) = hours else { return Ok(None) };
    let now = zone.time_of(world.clock.now());
    match hours.left_at(now) {
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
        None => Err(failure!(
            Refused,
            "visit-closed",
            store = at.name,
            hours = hours,
            now = now.strftime("%H:%M"),
            zone = zone.name()
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_was_open_for_its_time_ends_the_visit_and_a_new_one_begins_anew() {
        let mut pace = Pace {
            store: "new".to_owned(),
            rate: Rate(None),
            stop: Arc::default(),
            bytes: 0,
            free_at: Instant::now(),
            hours_end: None,
            snapshot_max: Some(Duration::from_secs(60)),
            snapshot_end: None,
        };
        pace.heard(1).unwrap();
        pace.snapshot();
        pace.heard(1).unwrap();
        pace.snapshot_end = Some(Instant::now());
        let failure = pace.heard(1).unwrap_err();
        assert_eq!((failure.code, failure.arg("minutes")), ("visit-snapshot-long", Some("1")));
        pace.snapshot();
        pace.heard(1).unwrap();
        assert_eq!(pace.bytes(), 4);
    }
}
