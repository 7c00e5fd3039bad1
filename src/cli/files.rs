//! Files that a person names on the command line: keys, trust lists, texts.

use super::args::KeyPurpose;
use super::named;
use crate::case::folder::write_synced;
use crate::certificate::keys::{self, KeyKind, PrivateKey, SealingKey, SealingPublicKey, SigningKey};
use crate::certificate::scalars::{Day, Instant, Party};
use crate::certificate::trust;
use crate::failure::{Failure, Result};
use crate::steps::Outcome;
use crate::world::World;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads a file that a person named.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| named(path, &error))
}

/// A password file's first line.
pub(super) fn password(path: Option<&Path>) -> Result<Option<Vec<u8>>> {
    let Some(path) = path else { return Ok(None) };
    let bytes = read(path)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(failure!(Usage, "password-empty", path = path.display()));
    }
    Ok(Some(line.to_vec()))
}

/// A signing key, with its file's name in every error.
pub(super) fn signing_key(path: &Path, password_file: Option<&Path>) -> Result<SigningKey> {
    let about = |failure: Failure| failure!(Usage, "key-file", path = path.display()).caused(failure);
    let password = password(password_file)?;
    keys::read_private(&read(path)?, password.as_deref()).and_then(PrivateKey::into_signing).map_err(about)
}

/// A private sealing key, likewise.
pub(super) fn sealing_key(path: &Path, password_file: Option<&Path>) -> Result<SealingKey> {
    let about = |failure: Failure| failure!(Usage, "key-file", path = path.display()).caused(failure);
    let password = password(password_file)?;
    keys::read_private(&read(path)?, password.as_deref()).and_then(PrivateKey::into_sealing).map_err(about)
}

/// A public sealing key, likewise.
pub(super) fn sealing_public_key(path: &Path) -> Result<SealingPublicKey> {
    let about = |failure: Failure| failure!(Usage, "key-file", path = path.display()).caused(failure);
    keys::read_public(&read(path)?).and_then(keys::PublicKey::into_sealing).map_err(about)
}

/// `keys new`.
pub(super) fn new_key(
    world: &mut World,
    purpose: KeyPurpose,
    out: &Path,
    password_file: Option<&Path>,
) -> Result<Outcome> {
    let kind = match purpose {
        KeyPurpose::Signing => KeyKind::Signing,
        KeyPurpose::Sealing => KeyKind::Sealing,
    };
    let ending = |ending: &str| PathBuf::from(format!("{}.{ending}", out.display()));
    let (private_path, public_path) = (ending("pem"), ending("pub.pem"));
    for path in [&private_path, &public_path] {
        if path.exists() {
            return Err(failure!(Usage, "file-exists", path = path.display(), os = "-"));
        }
    }
    let key = PrivateKey::from_random(kind, &world.random()?);
    let pem = match password(password_file)? {
        Some(password) => key.to_encrypted_pem(&password, &world.random()?)?,
        None => key.to_pem(),
    };
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
    }
    write_synced(&private_path, pem.as_bytes(), 0o600)?;
    write_synced(&public_path, key.public().to_pem().as_bytes(), 0o644)?;
    let key_id = key.public().key_id().to_string();
    let document = serde_json::json!({
        "kind": kind.word(), "key_id": key_id, "private": private_path, "public": public_path,
    });
    let line = line!("key-made", kind = kind.word(), key_id = key_id, private = private_path.display());
    Ok(Outcome { text: Some(format!("{key_id}\n")), ..Outcome::done(line, document) })
}

/// `keys show`.
pub(super) fn show_key(file: &Path, password_file: Option<&Path>) -> Result<Outcome> {
    let about = |failure: Failure| failure!(Usage, "key-file", path = file.display()).caused(failure);
    let password = password(password_file)?;
    let found = keys::describe(&read(file)?, password.as_deref()).map_err(about)?;
    let document = serde_json::to_value(&found).map_err(|_| failure!(Bug, "json-not-canonical", path = "-"))?;
    let half = if found.private { "private" } else { "public" };
    let line = line!("key-shown", kind = found.kind.word(), half = half, key_id = found.key_id);
    Ok(Outcome { text: Some(format!("{}\n", found.key_id)), ..Outcome::done(line, document) })
}

/// A key to be added to a trust list.
pub(super) struct NewHolder<'a> {
    pub(super) public: &'a Path,
    pub(super) holder: &'a str,
    pub(super) role: &'a str,
    pub(super) party: &'a str,
    pub(super) from: Option<&'a str>,
}

fn now(world: &World) -> Result<Instant> {
    Instant::from_unix(world.clock.now().as_second()).ok_or_else(|| failure!(Usage, "clock-bad"))
}

/// `trust new`: never over a file.
pub(super) fn new_trust(world: &World, region: &str, out: &Path, key: &SigningKey) -> Result<Outcome> {
    if out.exists() {
        return Err(failure!(Usage, "file-exists", path = out.display(), os = "-"));
    }
    let list = trust::new(region, trust::Policy::default(), now(world)?, key)?;
    write_synced(out, &list, 0o644)?;
    let root = key.key_id().to_string();
    let document = serde_json::json!({ "path": out, "root": root, "version": 1 });
    Ok(Outcome::done(line!("trust-made", path = out.display(), root = root), document))
}

/// `trust add`: the new version takes the old one's place; the old one's digest stands in it.
pub(super) fn add_trust(world: &World, path: &Path, new: &NewHolder<'_>, key: &SigningKey) -> Result<Outcome> {
    let about = |failure: Failure| failure!(Usage, "key-file", path = new.public.display()).caused(failure);
    let public = keys::read_public(&read(new.public)?).and_then(keys::PublicKey::into_signing).map_err(about)?;
    let party = Party::parse(new.party).ok_or_else(|| failure!(Usage, "party-unknown", party = new.party))?;
    let at = now(world)?;
    let key_id = public.key_id().to_string();
    let entry = trust::NewKey {
        key: public,
        holder: new.holder.to_owned(),
        role: new.role.to_owned(),
        party,
        not_before: first_moment(new.from, at)?,
        not_after: None,
    };
    let list = trust::add(&read(path)?, entry, at, key)?;
    replace(path, &list)?;
    let document = serde_json::json!({ "path": path, "key_id": key_id, "holder": new.holder });
    Ok(Outcome::done(line!("trust-added", key_id = key_id, holder = new.holder), document))
}

/// Midnight UTC of the day given, or of today: a certificate issued in the morning is judged by a list made at noon.
fn first_moment(from: Option<&str>, now: Instant) -> Result<Instant> {
    let day = from.map_or_else(|| now.day().to_string(), str::to_owned);
    let bad = || failure!(Usage, "date-bad", date = day);
    Day::parse(&day).and_then(|day| Instant::parse(&format!("{day}T00:00:00Z"))).ok_or_else(bad)
}

/// Whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = path.with_extension("draft");
    write_synced(&draft, bytes, 0o644)?;
    fs::rename(&draft, path).map_err(|error| named(path, &error))
}
