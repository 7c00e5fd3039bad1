//! Step approve: a member of the commission signs a plan. The plan's file alone is enough.
//! Reads `plan.json`, writes `approvals/<keyid>.json`: an envelope over the plan's digest. Opens no store.

use super::session::Session;
use super::{Line, Outcome, plan_check};
use crate::case::artefacts::{Member, Plan, name};
use crate::case::folder::{parse, write_synced};
use crate::case::{CaseFolder, Event};
use crate::certificate::envelope::{Envelope, PayloadType};
use crate::certificate::keys::{KeyId, SigningKey, SigningPublicKey, read_public};
use crate::failure::{Failure, Result};
use crate::hex::sha256;
use crate::json::{from_canonical, to_canonical};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a member signs.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    schema: String,
    /// The case's id.
    pub case: String,
    /// SHA-256 of the plan's file.
    pub plan_sha256: String,
    /// The member's name, as in the plan.
    pub name: String,
    /// When, by the member's clock. RFC 3339, UTC.
    pub at: String,
}

const SCHEMA: &str = "lastbell.approval/v1";

/// An approval that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The member.
    pub member: Member,
    /// The later of the member's clock and the moment at which we got it.
    pub at: String,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// Approves within a case.
///
/// # Errors
/// `plan-unsafe`, `approval-not-member`, `approval-twice`, or a stale plan.
pub fn in_case(session: &mut Session, world: &mut World, key: &SigningKey) -> Result<Outcome> {
    session.require("plan", name::PLAN, &session.inputs_of_plan())?;
    let bytes = session.case.read(name::PLAN)?;
    let (path, envelope, member) = approve(&bytes, key, world)?;
    if session.case.path().join(&path).exists() {
        return Err(failure!(Usage, "approval-twice", name = member.name));
    }
    session.case.write(world, "approve", &path, &envelope)?;
    let plan: Plan = parse(name::PLAN, &bytes)?;
    let counted = counted(&session.case, &plan, &sha256(&bytes))?;
    Ok(report(&member, &plan, counted.len()))
}

/// Approves a plan that lies anywhere; the approval goes into `approvals/` beside it.
///
/// # Errors
/// As [`in_case`], and for a file that is no plan.
pub fn file_alone(path: &Path, world: &mut World, key: &SigningKey) -> Result<Outcome> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let (name, envelope, member) = approve(&bytes, key, world)?;
    let last = path.parent().unwrap_or(Path::new(".")).join(name);
    if last.exists() {
        return Err(failure!(Usage, "approval-twice", name = member.name));
    }
    if let Some(folder) = last.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    }
    write_synced(&last, &envelope, 0o644)?;
    let plan: Plan = parse(name::PLAN, &bytes)?;
    let mut outcome = report(&member, &plan, 1);
    outcome.lines.push(line!("approved-file", path = last.display()));
    Ok(outcome)
}

fn approve(bytes: &[u8], key: &SigningKey, world: &World) -> Result<(String, Vec<u8>, Member)> {
    let plan: Plan = parse(name::PLAN, bytes)?;
    refuse_unsafe(&plan)?;
    let key_id = key.key_id().to_string();
    let member = plan.commission.members.iter().find(|member| member.key_id == key_id);
    let member = member.ok_or_else(|| failure!(Refused, "approval-not-member", key_id = key_id))?.clone();
    let approval = Approval {
        schema: SCHEMA.to_owned(),
        case: plan.origin.case,
        plan_sha256: sha256(bytes),
        name: member.name.clone(),
        at: world.now_text(),
    };
    let payload = to_canonical(&approval).map_err(|_| failure!(Bug, "json-not-canonical", path = "approval"))?;
    let envelope = Envelope::sign(PayloadType::Approval, payload, key);
    Ok((format!("approvals/{key_id}.json"), envelope.to_bytes(), member))
}

/// The independent checker has the last word, before approval and before erasure.
///
/// # Errors
/// `plan-unsafe`, with every point as its cause.
pub fn refuse_unsafe(plan: &Plan) -> Result<()> {
    let as_failure =
        |line: Line| Failure { exit: crate::failure::Exit::Refused, code: line.code, args: line.args, cause: None };
    let chain = plan_check::check(plan).into_iter().map(as_failure).rev().reduce(|later, point| point.because(later));
    chain.map_or(Ok(()), |chain| Err(failure!(Refused, "plan-unsafe").because(chain)))
}

/// Takes in approvals that were put into the folder by hand.
///
/// # Errors
/// `approval-bad` naming the file.
pub fn receive(session: &mut Session, world: &World, plan: &Plan, plan_sha256: &str) -> Result<()> {
    for path in session.case.loose_files("approvals")? {
        let bytes =
            fs::read(session.case.path().join(&path)).map_err(|error| Failure::file(Path::new(&path), &error))?;
        let approved = read(&path, &bytes, plan, plan_sha256)?;
        session.case.receive(world, "approve", &path, &approved.0.key_id)?;
    }
    Ok(())
}

/// The approvals of a plan: each by another member's key, each over exactly these bytes.
///
/// # Errors
/// `approval-bad` naming the file.
pub fn counted(case: &CaseFolder, plan: &Plan, plan_sha256: &str) -> Result<Vec<Counted>> {
    let mut counted: Vec<Counted> = Vec::new();
    let mut seen = BTreeSet::new();
    let paths: Vec<String> = case.files().keys().filter(|path| path.starts_with("approvals/")).cloned().collect();
    for path in paths {
        let bytes = case.read(&path)?;
        let (member, approval) = read(&path, &bytes, plan, plan_sha256)?;
        if seen.insert(member.name.clone()) {
            let received = case.entries().iter().rev().find_map(|entry| match &entry.event {
                Event::File { path: known, .. } if *known == path => Some(entry.at.clone()),
                _ => None, // every other event
            });
            let at = received.map_or(approval.at.clone(), |received| received.max(approval.at));
            counted.push(Counted { member, at, sha256: sha256(&bytes) });
        }
    }
    Ok(counted)
}

fn read(path: &str, bytes: &[u8], plan: &Plan, plan_sha256: &str) -> Result<(Member, Approval)> {
    let bad = |reason: &str| failure!(Refused, "approval-bad", path = path, reason = reason);
    let envelope = Envelope::parse(bytes, PayloadType::Approval).map_err(|failure| bad(failure.code))?;
    let signers = envelope.verify(&member_keys(plan)?).map_err(|failure| bad(failure.code))?;
    let approval: Approval = from_canonical(envelope.payload()).map_err(|_| bad("payload"))?;
    let [signer] = signers[..] else { return Err(bad("signers")) };
    let member = plan.commission.members.iter().find(|member| member.key_id == signer.to_string());
    let member = member.ok_or_else(|| bad("approval-not-member"))?;
    let fits = approval.schema == SCHEMA
        && approval.case == plan.origin.case
        && approval.plan_sha256 == plan_sha256
        && approval.name == member.name
        && path == format!("approvals/{signer}.json");
    if fits { Ok((member.clone(), approval)) } else { Err(bad("other-plan")) }
}

fn member_keys(plan: &Plan) -> Result<BTreeMap<KeyId, SigningPublicKey>> {
    let mut keys = BTreeMap::new();
    for member in &plan.commission.members {
        let key = read_public(member.public_key.as_bytes())?.into_signing()?;
        if key.key_id().to_string() != member.key_id {
            return Err(failure!(Refused, "tampered", path = name::PLAN));
        }
        keys.insert(key.key_id(), key);
    }
    Ok(keys)
}

fn report(member: &Member, plan: &Plan, counted: usize) -> Outcome {
    let threshold = plan.commission.threshold;
    Outcome::done(
        line!("approved", name = member.name, counted = counted, threshold = threshold),
        serde_json::json!({ "key_id": member.key_id, "approvals": counted, "threshold": threshold }),
    )
}
