//! The gates of `erase`: approvals, cooling time, expiry, holds, signs of life, a clock that runs backwards.
//! Reads plan, approvals, journal and decisions as they are now; writes nothing. A unit that was begun passes them all.

use crate::case::artefacts::{Allowance, Plan, PlannedUnit, name};
use crate::case::{Entry, Event};
use crate::failure::{Failure, Result};
use crate::steps::approve::{self, Counted};
use crate::steps::digest;
use crate::steps::session::Session;
use crate::world::World;
use lastbell_contract::{Known, StoreInfo};

/// Between the last approval and the first destruction, unless a decision shortens it.
const COOLING_HOURS: i64 = 24;
/// A store that somebody else wrote to within this time is still in use.
const LIFE_HOURS: i64 = 72;
/// A statement that was announced and never confirmed may have gone on for so long before it was killed: an hour rewrites
/// some 100 GB.
const STATEMENT_SECONDS: i64 = 3_600;

/// What the gates saw.
#[derive(Clone)]
pub(super) struct Gates {
    counted: Vec<Counted>,
    closed: Option<Failure>,
    /// Gates that a person opened.
    pub(super) allowances: Vec<Allowance>,
}

impl Gates {
    /// Looks at the gates that hold for the whole plan.
    pub(super) fn look(session: &Session, world: &World, plan: &Plan, plan_sha256: &str) -> Result<Self> {
        approve::refuse_unsafe(plan)?;
        let counted = approve::counted(&session.case, plan, plan_sha256)?;
        let closed = [
            clock(session, world),
            stale(session),
            approvals(plan, &counted),
            cooling(session, world, &counted),
            expiry(world, plan),
            target(session, world, plan),
        ];
        let closed = closed.into_iter().find_map(Result::err);
        Ok(Self { counted, closed, allowances: allowances(session) })
    }

    /// Refuses unless every gate stands open.
    pub(super) fn open_for_new_units(&self) -> Result<()> {
        self.closed.clone().map_or(Ok(()), Err)
    }

    pub(super) fn approved_by(&self) -> Vec<String> {
        self.counted.iter().map(|approval| approval.member.key_id.clone()).collect()
    }

    pub(super) fn approvals_sha256(&self) -> Vec<String> {
        self.counted.iter().map(|approval| approval.sha256.clone()).collect()
    }

    /// A hold on any table of the unit.
    pub(super) fn hold(session: &Session, planned: &PlannedUnit) -> Result<()> {
        let held = planned.tables.iter().find(|table| session.files.effective.holds.contains_key(&table.table));
        held.map_or(Ok(()), |table| Err(failure!(Refused, "hold", table = table.table)))
    }

    /// A write by somebody else within 72 hours, unless a decision allows it. The store's last write is ours when the
    /// journal knows its mark, or when it fits a run of ours that broke off before it could journal one.
    pub(super) fn sign_of_life(
        &self,
        session: &Session,
        world: &World,
        store: &str,
        info: &StoreInfo,
    ) -> Option<Failure> {
        if session.files.effective.life.is_some() {
            return None;
        }
        let Known::Yes(micros) = info.last_write else { return None };
        let ours = session.case.entries().iter().any(|entry| match &entry.event {
            Event::UnitDone { last_write, .. } | Event::StoreScrubbed { last_write, .. } => {
                *last_write == micros.to_string()
            }
            _ => false, // every other event
        });
        let ours = ours || fits_broken_run(session, store, micros);
        let age_hours = (world.clock.now().as_microsecond() - micros) / 3_600_000_000;
        (!ours && age_hours < LIFE_HOURS).then(|| failure!(Refused, "store-alive", hours = age_hours))
    }
}

impl Gates {
    /// Why nobody can tell when a store was last written to, unless a person answered for it: then nothing keeps us from
    /// erasing, but it is said.
    pub(super) fn life_unknown(session: &Session, info: &StoreInfo) -> Option<String> {
        match &info.last_write {
            Known::Unknown(why) if session.files.effective.life.is_none() => Some(why.clone()),
            Known::Unknown(_) | Known::Yes(_) => None,
        }
    }
}

/// Between its first statement and the end of its last one a run wrote to the store; killed there, it left no mark. What
/// it left half done the engine takes back when the next run opens the store: that write is ours, too.
fn fits_broken_run(session: &Session, store: &str, micros: i64) -> bool {
    let entries = session.case.entries();
    let step_begun = |event: &Event| matches!(event, Event::StepBegun { step, .. } if step == "erase");
    let Some(this_run) = entries.iter().rposition(|entry| step_begun(&entry.event)) else { return false };
    let marked = |event: &Event| match event {
        Event::StoreScrubbed { store: known, .. } => known == store,
        Event::File { path, .. } => path == name::ERASURE,
        _ => false, // every other event
    };
    let since = entries[..this_run].iter().rposition(|entry| marked(&entry.event)).map_or(0, |last| last + 1);
    let of_store = |event: &Event| matches!(event, Event::Statement { store: known, .. } if known == store);
    let mut statements = entries[since..this_run].iter().filter(|entry| of_store(&entry.event));
    let Some(first) = statements.next() else { return false };
    let seconds = |entry: &Entry| entry.at.parse::<jiff::Timestamp>().map_or(i64::MAX, jiff::Timestamp::as_second);
    let last = statements.next_back().unwrap_or(first);
    // Lines carry whole seconds, files more; a file's clock may lag behind by a tick (4 ms).
    let (written, a_tick) = (micros.div_euclid(1_000_000), 1);
    let by_the_run = (seconds(first) - a_tick..=seconds(last) + STATEMENT_SECONDS).contains(&written);
    by_the_run || written >= seconds(&entries[this_run]) - a_tick
}

/// The journal's last line is from the future: the clock was set back, and no term can be trusted.
fn clock(session: &Session, world: &World) -> Result<()> {
    let last = session.case.entries().iter().map(|entry| entry.at.as_str()).max().unwrap_or_default();
    let now = world.now_text();
    if last > now.as_str() { Err(failure!(Refused, "clock-back", last = last, now = now)) } else { Ok(()) }
}

/// The plan stands on what is there now. A hold added since does not make it stale: it is looked at for each unit.
fn stale(session: &Session) -> Result<()> {
    session.require("discover", name::INVENTORY, &session.inputs_of_discover())?;
    let mut changed = session.changed(name::PLAN, &session.inputs_of_plan())?;
    changed.retain(|name| name != "decisions.hold");
    if changed.is_empty() {
        return Ok(());
    }
    Err(failure!(Refused, "step-stale", step = "plan", changed = changed.join(", ")))
}

/// Enough distinct members, and not the contractor's people alone.
fn approvals(plan: &Plan, counted: &[Counted]) -> Result<()> {
    let threshold = plan.commission.threshold;
    if (counted.len() as u64) < threshold {
        return Err(failure!(Refused, "approvals-missing", counted = counted.len(), threshold = threshold));
    }
    if counted.iter().all(|approval| approval.member.party == "processor") {
        return Err(failure!(Refused, "approvals-processor-only"));
    }
    Ok(())
}

fn cooling(session: &Session, world: &World, counted: &[Counted]) -> Result<()> {
    let hours = session.files.effective.cooling.as_ref().map_or(COOLING_HOURS, |cooling| i64::from(cooling.value));
    let last = counted.iter().filter_map(|approval| approval.at.parse::<jiff::Timestamp>().ok()).max();
    let Some(last) = last else { return Ok(()) };
    let until = last + jiff::SignedDuration::from_hours(hours);
    if world.clock.now() < until {
        let until = until.strftime("%Y-%m-%dT%H:%M:%SZ");
        return Err(failure!(Refused, "cooling", until = until, hours = hours));
    }
    Ok(())
}

fn expiry(world: &World, plan: &Plan) -> Result<()> {
    if world.now_text() > plan.valid_until {
        return Err(failure!(Refused, "plan-expired", until = plan.valid_until));
    }
    Ok(())
}

/// What stands for the platform may have grown too old since the plan, or been asked for anew.
fn target(session: &Session, world: &World, plan: &Plan) -> Result<()> {
    plan.target.as_ref().map_or(Ok(()), |target| digest::check_still_good(session, world, target))
}

fn allowances(session: &Session) -> Vec<Allowance> {
    let effective = &session.files.effective;
    let cooling = effective.cooling.as_ref().map(|cooling| Allowance {
        gate: "cooling".to_owned(),
        hours: Some(u64::from(cooling.value)),
        by: cooling.by.clone(),
        reason: cooling.reason.clone(),
        at: cooling.at.text().to_owned(),
    });
    let life = effective.life.as_ref().map(|life| Allowance {
        gate: "life".to_owned(),
        hours: None,
        by: life.by.clone(),
        reason: life.reason.clone(),
        at: life.at.text().to_owned(),
    });
    cooling.into_iter().chain(life).collect()
}
