//! Step doctor: what stands in the way, before anything is begun. Reads case and stores; writes nothing, changes nothing.

use super::session::Session;
use super::{Line, Outcome, digest};
use crate::case::artefacts::{Inventory, ReachFound, name};
use crate::failure::{Failure, Result};
use crate::profile::case_file::StoreRole;
use crate::world::World;
use lastbell_contract::{Known, Reader};

/// Looks.
///
/// # Errors
/// Only a case that cannot be opened; what is wrong with stores, keys and lines are findings.
pub fn run(session: &mut Session, world: &mut World) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let unanswered = session.files.case.unanswered();
    if !unanswered.is_empty() {
        outcome.findings.push(line!("doctor-unanswered", lines = unanswered.join(", ")));
    }
    keys(session, world, &mut outcome);
    outcome.lines.push(line!("doctor-clock", now = world.now_text()));
    let mut stores = Vec::new();
    for store in session.files.case.stores.clone() {
        let location = store.location(&*world.variable);
        if location.as_ref().is_ok_and(|location| location.scheme == digest::SCHEME) {
            stores.push(receipt(session, world, &store.name, &mut outcome));
            continue;
        }
        let opened = location.and_then(|location| world.open_reader(&store.name, &location));
        match opened.and_then(|mut reader| look(session, &store.name, store.role, reader.as_mut(), &mut outcome)) {
            Ok(found) => stores.push(found),
            Err(failure) => outcome.findings.push(told(&store.name, &failure)),
        }
    }
    if let Some(inventory) = session.case.artefact_if_made::<Inventory>(name::INVENTORY)? {
        let rows: u64 = inventory.sources().flat_map(|store| &store.tables).map(|table| table.rows).sum();
        outcome.lines.push(line!("doctor-time", rows = rows, seconds = rows.div_ceil(50_000) + 1));
    }
    outcome.document = serde_json::json!({ "unanswered": unanswered, "stores": stores });
    Ok(outcome)
}

/// Is there a receipt that could be taken? Its request and its age are looked at when `verify` takes it.
fn receipt(session: &Session, world: &World, store: &str, outcome: &mut Outcome) -> serde_json::Value {
    let opened = session.store(world, store).and_then(|at| digest::Taken::open(session, world, &at));
    match opened.map(|taken| taken.read()) {
        Ok(read) => {
            outcome.lines.push(line!("doctor-receipt", store = store, at = read.read_at, rows = read.rows_read));
            serde_json::json!({ "store": store, "role": "target", "receipt": read.receipt })
        }
        Err(failure) => {
            outcome.findings.push(told(store, &failure));
            serde_json::json!({ "store": store, "role": "target", "receipt": null })
        }
    }
}

fn keys(session: &Session, world: &World, outcome: &mut Outcome) {
    if let Err(failure) = session.operator_key() {
        outcome.findings.push(told("operator_key", &failure));
    }
    if let Err(failure) = session.unlock_file(world).read() {
        outcome.findings.push(told("unlock_file", &failure));
    }
    for member in session.files.case.commission.iter().flat_map(|commission| &commission.members) {
        let path = session.beside(&member.key);
        let read = std::fs::read(&path).map_err(|error| Failure::file(&path, &error));
        let key = read.and_then(|bytes| crate::certificate::keys::read_public(&bytes)?.into_signing());
        if let Err(failure) = key {
            outcome.findings.push(told(&member.key, &failure));
        }
    }
}

fn look(
    session: &Session,
    store: &str,
    role: StoreRole,
    reader: &mut dyn Reader,
    outcome: &mut Outcome,
) -> Result<serde_json::Value> {
    let info = reader.info()?;
    outcome.lines.push(line!("doctor-store", store = store, product = info.product, version = info.version));
    let may_write = match &info.role.may_write {
        Known::Yes(may) => Some(*may),
        Known::Unknown(_) => None,
    };
    if role == StoreRole::Target {
        match may_write {
            Some(true) => outcome.lines.push(line!("verified-role-writes", store = store)),
            None => outcome.lines.push(line!("doctor-role-unknown", store = store)),
            Some(false) => {}
        }
        return Ok(serde_json::json!({ "store": store, "role": "target", "may_write": may_write }));
    }
    let wanted = session.files.case.level.0;
    let reach = ReachFound::from(&reader.reach(wanted, session.files.case.means())?);
    outcome.lines.push(line!("doctor-reach", store = store, level = reach.level));
    for condition in reach.conditions.iter().filter(|condition| condition.state != "pass") {
        let detail: Vec<String> = condition.detail.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let line = line!(
            "doctor-condition",
            store = store,
            condition = condition.code,
            state = condition.state,
            level = condition.blocks,
            detail = detail.join(" ")
        );
        // What a deeper level than the wished one would need is told, and is nothing that anybody has to mend.
        let deeper = condition.blocks.as_str() > wanted.word();
        if deeper { outcome.lines.push(line) } else { outcome.findings.push(line) }
    }
    Ok(serde_json::json!({ "store": store, "role": "source", "reach": reach }))
}

fn told(what: &str, failure: &Failure) -> Line {
    let mut root = failure;
    while let Some(cause) = root.cause.as_deref() {
        root = cause;
    }
    let args: Vec<String> = root.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
    line!("doctor-problem", what = what, code = root.code, detail = args.join(" "))
}
