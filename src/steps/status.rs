//! Step status: where each case stands, who must act, how many days are left. Reads cases, writes nothing.

use super::session::Session;
use super::{Line, Outcome, approve};
use crate::case::Event;
use crate::case::artefacts::{Erasure, name};
use crate::failure::{Exit, Result};
use crate::world::World;
use std::path::{Path, PathBuf};

/// What comes next in a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The next command, or `-`.
    pub next: &'static str,
    /// Who must act: `program`, `commission`, `operator`, `nobody`.
    pub who: &'static str,
    /// Days until the plan expires, when there is one and nothing is erased yet.
    pub days: Option<i64>,
    /// Approvals or signatures so far and wanted.
    pub counted: Option<(u64, u64)>,
}

/// Tells the standing of each case; over several the gravest exit counts.
///
/// # Errors
/// None: a case that cannot be read is a finding.
pub fn run(cases: &[PathBuf], world: &mut World) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let (mut found, mut gravest) = (Vec::new(), None);
    for path in cases {
        match Session::open(path, world)
            .and_then(|session| Ok((session.case.id().to_owned(), standing(&session, world)?)))
        {
            Ok((case, standing)) => {
                outcome.lines.push(told(path, &case, &standing));
                let counted = standing.counted.map(|(counted, wanted)| serde_json::json!([counted, wanted]));
                found.push(serde_json::json!({
                    "path": path, "case": case, "next": standing.next, "who": standing.who, "days": standing.days,
                    "counted": counted,
                }));
            }
            Err(failure) => {
                let file = failure.arg("path").unwrap_or("-").to_owned();
                outcome.findings.push(line!("status-broken", path = path.display(), code = failure.code, file = file));
                found.push(serde_json::json!({ "path": path, "error": failure.code, "file": file }));
                gravest = graver(gravest, failure.exit);
            }
        }
    }
    outcome.exit = gravest;
    outcome.document = serde_json::json!({ "cases": found });
    Ok(outcome)
}

/// The order of gravity over several cases: 70, 3, 4, 2, 1.
fn graver(so_far: Option<Exit>, now: Exit) -> Option<Exit> {
    let weight = |exit: Exit| match exit {
        Exit::Bug => 6,
        Exit::Interrupted => 5,
        Exit::Store => 4,
        Exit::Refused => 3,
        Exit::Usage => 2,
        Exit::Findings => 1,
    };
    match so_far {
        Some(before) if weight(before) >= weight(now) => Some(before),
        Some(_) | None => Some(now),
    }
}

fn told(path: &Path, case: &str, standing: &Standing) -> Line {
    let days = standing.days.map_or_else(|| "-".to_owned(), |days| days.to_string());
    let counted = standing.counted.map_or_else(|| "-".to_owned(), |(counted, wanted)| format!("{counted}/{wanted}"));
    line!(
        "status",
        path = path.display(),
        case = case,
        next = standing.next,
        who = standing.who,
        days = days,
        counted = counted
    )
}

/// The next step of a case.
///
/// # Errors
/// `tampered`.
pub fn standing(session: &Session, world: &World) -> Result<Standing> {
    let done = |artefact: &str, inputs: &super::session::Inputs| -> Result<bool> {
        Ok(session.case.finished(artefact).is_some() && session.changed(artefact, inputs)?.is_empty())
    };
    let program = |next| Standing { next, who: "program", days: None, counted: None };
    if session.case.entries().iter().any(|entry| matches!(entry.event, Event::Closed { .. })) {
        return Ok(Standing { next: "-", who: "nobody", days: None, counted: None });
    }
    if let Some(erasure) = session.case.artefact_if_made::<Erasure>(name::ERASURE)? {
        return after_erasure(session, &erasure, &done);
    }
    if session.begun_unit().is_some() {
        return Ok(program("erase"));
    }
    if !done(name::INVENTORY, &session.inputs_of_discover())? {
        return Ok(program("discover"));
    }
    if !done(name::VERIFICATION, &session.inputs_of_verify())? {
        return Ok(program("verify"));
    }
    if !done(name::PLAN, &session.inputs_of_plan())? {
        return Ok(Standing { who: "operator", ..program("plan") });
    }
    let plan = session.plan()?;
    let counted = approve::counted(&session.case, &plan, &session.plan_sha256()?)?.len() as u64;
    let threshold = plan.commission.threshold;
    let until: Option<jiff::Timestamp> = plan.valid_until.parse().ok();
    let days = until.map(|until| (until.as_second() - world.clock.now().as_second()) / 86_400);
    let (next, who) = if counted < threshold { ("approve", "commission") } else { ("erase", "operator") };
    Ok(Standing { next, who, days, counted: Some((counted, threshold)) })
}

fn after_erasure(
    session: &Session,
    erasure: &Erasure,
    done: &dyn Fn(&str, &super::session::Inputs) -> Result<bool>,
) -> Result<Standing> {
    let step = |next, who| Standing { next, who, days: None, counted: None };
    if erasure.standing().next().is_some() {
        return Ok(step("verify --again", "operator"));
    }
    if !done(name::RESIDUE, &session.inputs_of_residue())? {
        return Ok(step("residue", "program"));
    }
    if !done(name::STATEMENT, &session.inputs_of_certify())? {
        return Ok(step("certify", "program"));
    }
    if session.case.finished(name::CERTIFICATE).is_none() {
        let signed = session.case.files().keys().filter(|path| path.starts_with("signatures/")).count() as u64;
        let counted = Some((signed, session.plan()?.commission.threshold));
        return Ok(Standing { counted, ..step("sign", "commission") });
    }
    Ok(step("close", "operator"))
}
