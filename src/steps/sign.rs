//! Step sign: a member signs the statement; the file alone is enough. At the threshold the certificate is assembled.
//! Reads `statement.json` and `signatures/`, writes `signatures/<keyid>.json` and `certificate.json`.

use super::Outcome;
use super::certify::payload_of;
use super::session::Session;
use crate::case::artefacts::name;
use crate::case::folder::write_synced;
use crate::certificate::envelope::{Envelope, PayloadType};
use crate::certificate::keys::{KeyId, SigningKey, SigningPublicKey};
use crate::certificate::statement::Statement;
use crate::failure::{Failure, Result};
use crate::world::World;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Signs within a case, and assembles when enough have signed.
///
/// # Errors
/// `sign-not-member`, `sign-twice`, a stale statement.
pub fn in_case(session: &mut Session, world: &mut World, key: &SigningKey) -> Result<Outcome> {
    session.require("certify", name::STATEMENT, &session.inputs_of_certify())?;
    let bytes = session.case.read(name::STATEMENT)?;
    let (path, envelope) = sign(&bytes, key)?;
    if session.case.path().join(&path).exists() {
        return Err(failure!(Usage, "sign-twice", key_id = key.key_id()));
    }
    session.case.write(world, "sign", &path, &envelope)?;
    assemble(session, world)
}

/// Signs a statement that lies anywhere; the signature goes into `signatures/` beside it.
///
/// # Errors
/// As [`in_case`], and for a file that is no statement.
pub fn file_alone(path: &Path, key: &SigningKey) -> Result<Outcome> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let (name, envelope) = sign(&bytes, key)?;
    let last = path.parent().unwrap_or(Path::new(".")).join(name);
    if last.exists() {
        return Err(failure!(Usage, "sign-twice", key_id = key.key_id()));
    }
    if let Some(folder) = last.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    }
    write_synced(&last, &envelope, 0o644)?;
    let document = serde_json::json!({ "signature": last, "key_id": key.key_id().to_string() });
    Ok(Outcome::done(line!("signed-file", path = last.display()), document))
}

fn sign(bytes: &[u8], key: &SigningKey) -> Result<(String, Vec<u8>)> {
    let payload = payload_of(bytes)?;
    let statement = Statement::from_payload(payload)?;
    let key_id = key.key_id();
    if !statement.signers().any(|(_, known)| known.key_id == key_id) {
        return Err(failure!(Refused, "sign-not-member", key_id = key_id));
    }
    let envelope = Envelope::sign(PayloadType::Certificate, payload.to_vec(), key);
    Ok((format!("signatures/{key_id}.json"), envelope.to_bytes()))
}

/// Takes in signatures made elsewhere and assembles the certificate once the threshold is reached.
///
/// # Errors
/// `signature-bad` naming the file.
pub(super) fn assemble(session: &mut Session, world: &mut World) -> Result<Outcome> {
    let bytes = session.case.read(name::STATEMENT)?;
    let statement = Statement::from_payload(payload_of(&bytes)?)?;
    for path in session.case.loose_files("signatures")? {
        let file = session.case.path().join(&path);
        let found = fs::read(&file).map_err(|error| Failure::file(&file, &error))?;
        let signed = read(&path, &found, &bytes, &statement)?;
        let signer = signed.signatures().first().map(|signature| signature.key_id.to_string()).unwrap_or_default();
        session.case.receive(world, "sign", &path, &signer)?;
    }
    let paths: Vec<String> =
        session.case.files().keys().filter(|path| path.starts_with("signatures/")).cloned().collect();
    let mut envelope: Option<Envelope> = None;
    for path in &paths {
        let signed = read(path, &session.case.read(path)?, &bytes, &statement)?;
        match &mut envelope {
            Some(envelope) => envelope.merge(signed)?,
            None => envelope = Some(signed),
        }
    }
    let threshold = statement.predicate.policy.threshold as usize;
    let document = serde_json::json!({ "signatures": paths.len(), "threshold": threshold });
    let Some(envelope) = envelope.filter(|_| paths.len() >= threshold) else {
        return Ok(Outcome::done(line!("signatures-wanting", counted = paths.len(), threshold = threshold), document));
    };
    let assembled = envelope.to_bytes();
    let standing = session.case.finished(name::CERTIFICATE).is_some();
    if standing && session.case.read(name::CERTIFICATE)? == assembled {
        return session.nothing_to_do(name::CERTIFICATE);
    }
    // A further member's signature makes a fuller certificate; the earlier one stays true and goes to history.
    if standing {
        session.case.retire(world, &[name::CERTIFICATE.to_owned()])?;
    }
    session.case.write(world, "sign", name::CERTIFICATE, &assembled)?;
    Ok(Outcome::done(line!("certificate-made", path = name::CERTIFICATE, signatures = paths.len()), document))
}

/// One member's signature over exactly this statement.
fn read(path: &str, found: &[u8], statement_bytes: &[u8], statement: &Statement) -> Result<Envelope> {
    let bad = |reason: &str| failure!(Refused, "signature-bad", path = path, reason = reason);
    let envelope = Envelope::parse(found, PayloadType::Certificate).map_err(|failure| bad(failure.code))?;
    if envelope.payload() != payload_of(statement_bytes)? {
        return Err(bad("other-statement"));
    }
    let keys: BTreeMap<KeyId, SigningPublicKey> = statement.signers().map(|(_, key)| (key.key_id, key.spki)).collect();
    envelope.verify(&keys).map_err(|failure| bad(failure.code))?;
    if envelope.signatures().len() == 1 { Ok(envelope) } else { Err(bad("signers")) }
}
