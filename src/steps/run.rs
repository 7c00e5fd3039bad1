//! Step run: walks the steps of a case and stops where a person must decide, approve, erase or sign.

use super::session::Session;
use super::{Outcome, certify, discover, plan, residue, status, verify};
use crate::failure::Result;
use crate::world::World;
use std::path::Path;

/// Walks on.
///
/// # Errors
/// Whatever stops a step.
pub fn run(path: &Path, world: &mut World) -> Result<Outcome> {
    let mut walked = Outcome::default();
    let mut steps = Vec::new();
    loop {
        let mut session = Session::open(path, world)?;
        let standing = status::standing(&session, world)?;
        let outcome = match standing.next {
            "discover" => discover::run(&mut session, world, false)?,
            "verify" => verify::run(&mut session, world, false)?,
            "plan" => plan::run(&mut session, world, false)?,
            "residue" => residue::run(&mut session, world, false)?,
            "certify" => certify::run(&mut session, world, false)?,
            // What is left needs a person: approve, erase, sign, close, or a decision.
            next => {
                walked.lines.push(line!("run-stops", next = next, who = standing.who));
                walked.document = serde_json::json!({ "walked": steps, "next": next, "who": standing.who });
                return Ok(walked);
            }
        };
        steps.push(standing.next);
        let found = !outcome.findings.is_empty();
        walked.lines.extend(outcome.lines);
        walked.findings.extend(outcome.findings);
        if found {
            walked.lines.push(line!("run-stops", next = standing.next, who = "operator"));
            walked.document = serde_json::json!({ "walked": steps, "next": standing.next, "who": "operator" });
            return Ok(walked);
        }
    }
}
