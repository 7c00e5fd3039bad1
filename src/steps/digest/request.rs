//! A request for a receipt: what the platform's keeper must know to digest their rows for one case, and nothing else. It
//! carries the secrets of the mappings, sealed to the keeper's key or under a password, never the key of the case.
//! Reads the case and its profile, writes the request and a line of the journal.

use crate::case::artefacts::{Inventory, name};
use crate::case::{Event, Purpose};
use crate::certificate::keys::{KeyKind, PrivateKey, Sealed, SealingKey, SealingPublicKey, read_private};
use crate::failure::{Failure, Result};
use crate::hex;
use crate::json::{from_canonical, to_canonical};
use crate::profile::profile_file::Disposition;
use crate::profile::{Day, Profile, sections};
use crate::steps::session::PROFILE_FILE;
use crate::steps::{Outcome, Session};
use crate::verify::canonical;
use crate::verify::keys::mapping_secret;
use crate::verify::mapping::key_label;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::Zeroizing;

const SCHEMA: &str = "lastbell.receipt-request/v1";
/// What the secrets are sealed for: nothing sealed for another purpose opens.
const PURPOSE: &[u8] = b"lastbell/v1/receipt-request";
/// A request of 10,000 mappings has about 2 MB.
const BYTES_MAX: usize = 16 << 20;

/// A mapping that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Its name in the profile.
    pub(super) mapping: String,
    /// SHA-256 of its canonical JSON: what it means, whatever stands around it in the file.
    pub(super) definition: String,
}

/// The secrets: of the marks first, then of each mapping in the order of the request, 32 bytes each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedSecrets {
    /// Id of the X25519 key that opens them.
    key_id: String,
    /// That key under a password (PKCS#8, scrypt), when they are not sealed to a key that the keeper has.
    private_key: Option<String>,
    encapsulated: String,
    ciphertext: String,
}

/// The request's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    schema: String,
    /// The case.
    pub(super) case: String,
    /// 32 random bytes, used once.
    pub(super) number: String,
    /// When it was made.
    pub(super) made_at: String,
    program: String,
    /// The version of the canonical values.
    pub(super) canonical_version: u64,
    /// The day of the migration; `null` when it is not known.
    pub(super) migrated_on: Option<Day>,
    /// SHA-256 of the profile's file, which travels beside.
    pub(super) profile_sha256: String,
    /// The mappings, each once.
    pub(super) mappings: Vec<Asked>,
    secrets: SealedSecrets,
}

/// Who can open the request.
pub enum SealTo<'a> {
    /// Whoever has this key's private half.
    Key(&'a SealingPublicKey),
    /// Whoever knows the password, which is told apart.
    Password(&'a [u8]),
}

/// What opens a request.
pub enum Unseal<'a> {
    /// The keeper's sealing key.
    Key(&'a SealingKey),
    /// The password.
    Password(&'a [u8]),
}

/// What a request gives away to whom it is sealed to.
pub(super) struct Secrets {
    pub(super) marks: Zeroizing<[u8; 32]>,
    pub(super) mappings: Vec<Zeroizing<[u8; 32]>>,
}

/// Asks for a receipt.
///
/// # Errors
/// `step-missing`, `step-stale` for the inventory; `request-nothing` when no mapping is wanted; a file that is there.
pub fn request(session: &mut Session, world: &mut World, out: &Path, to: &SealTo<'_>) -> Result<Outcome> {
    session.require("discover", name::INVENTORY, &session.inputs_of_discover())?;
    refuse_existing(out)?;
    let wanted = wanted(session)?;
    if wanted.is_empty() {
        return Err(failure!(Refused, "request-nothing"));
    }
    let made = draft(session, world, wanted, to)?;
    let mut bytes = to_canonical(&made).map_err(|_| failure!(Bug, "json-not-canonical", path = out.display()))?;
    bytes.push(b'\n');
    let event = Event::ReceiptRequested {
        number: made.number.clone(),
        sha256: hex::sha256(&bytes),
        profile: made.profile_sha256.clone(),
        sealed_to: made.secrets.key_id.clone(),
    };
    // Journalled first: a request that is out can never be one that nobody knows of.
    session.case.record(world, event)?;
    super::receipt::write_new(out, |file, path| {
        std::io::Write::write_all(file, &bytes).map_err(|error| Failure::file(path, &error))
    })?;
    let document = serde_json::json!({
        "request": out, "number": made.number, "mappings": made.mappings.len(), "sealed_to": made.secrets.key_id,
    });
    let line = line!("request-made", path = out.display(), mappings = made.mappings.len(), profile = PROFILE_FILE);
    let mut outcome = Outcome::done(line, document);
    if matches!(to, SealTo::Password(_)) {
        outcome.lines.push(line!("request-password"));
    }
    Ok(outcome)
}

/// Mappings of every table that is not kept: a table that a person has not settled yet may still be to be destroyed.
fn wanted(session: &Session) -> Result<Vec<Asked>> {
    let inventory: Inventory = session.case.artefact(name::INVENTORY)?;
    let mut wanted = Vec::new();
    for mapping in &session.profile()?.mappings {
        let base = mapping.source.tables().first().map(|table| table.table.to_owned()).unwrap_or_default();
        let known = inventory.source_table(&base).is_some();
        if known && session.ruling(&base)?.disposition != Disposition::Keep {
            wanted.push(Asked { mapping: mapping.name.clone(), definition: sections::of_mapping(mapping) });
        }
    }
    Ok(wanted)
}

fn draft(session: &Session, world: &mut World, mappings: Vec<Asked>, to: &SealTo<'_>) -> Result<Request> {
    let path = session.case.path().join(PROFILE_FILE);
    let profile = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
    let key = session.key(world, Purpose::Verify)?;
    let number = hex::encode(&world.random::<32>()?);
    let (public, private_key) = match to {
        SealTo::Key(public) => (**public, None),
        SealTo::Password(password) => under_password(world, password)?,
    };
    let mut request = Request {
        schema: SCHEMA.to_owned(),
        case: session.case.id().to_owned(),
        made_at: world.now_text(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        canonical_version: u64::from(canonical::VERSION),
        migrated_on: session.files.case.migrated_on,
        profile_sha256: hex::sha256(&profile),
        secrets: SealedSecrets {
            key_id: public.key_id().to_string(),
            private_key,
            encapsulated: String::new(),
            ciphertext: String::new(),
        },
        mappings,
        number,
    };
    let mut clear = Zeroizing::new(mapping_secret(key.bytes(), &marks_label(&request.number)).to_vec());
    for asked in &request.mappings {
        clear.extend_from_slice(&*mapping_secret(key.bytes(), &key_label(&asked.mapping)));
    }
    let sealed = public.seal(&clear, PURPOSE, &request.bound()?)?;
    request.secrets.encapsulated = hex::encode(&sealed.encapsulated);
    request.secrets.ciphertext = hex::encode(&sealed.ciphertext);
    Ok(request)
}

/// A key pair for this request alone, its private half under the password as key files are.
fn under_password(world: &mut World, password: &[u8]) -> Result<(SealingPublicKey, Option<String>)> {
    let random = Zeroizing::new(world.random()?);
    let private = PrivateKey::from_random(KeyKind::Sealing, &random);
    let pem = private.to_encrypted_pem(password, &world.random()?)?.to_string();
    Ok((private.public().into_sealing()?, Some(pem)))
}

/// The label of the secret under which stores' marks are digested; it ends with its request.
pub(super) fn marks_label(number: &str) -> String {
    format!("receipt:{number}")
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// `request-damaged`; `request-version` for one of another version.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self> {
        let damaged = || failure!(Usage, "request-damaged", path = path.display());
        if bytes.len() > BYTES_MAX {
            return Err(damaged());
        }
        let line = bytes.strip_suffix(b"\n").ok_or_else(damaged)?;
        let head: serde_json::Value = from_canonical(line).map_err(|_| damaged())?;
        let version = head["canonical_version"].as_u64();
        if head["schema"] != SCHEMA || version != Some(u64::from(canonical::VERSION)) {
            let known = head["schema"].as_str().is_some_and(|schema| schema.starts_with("lastbell.receipt-request/"));
            let other = failure!(Usage, "request-version", path = path.display());
            return Err(if known { other } else { damaged() });
        }
        from_canonical(line).map_err(|_| damaged())
    }

    /// What the secrets are bound to: the whole request with both halves of what is sealed left empty.
    fn bound(&self) -> Result<Vec<u8>> {
        let mut bare = self.clone();
        bare.secrets.encapsulated.clear();
        bare.secrets.ciphertext.clear();
        to_canonical(&bare).map_err(|_| failure!(Bug, "json-not-canonical", path = "-"))
    }

    /// Opens the secrets.
    ///
    /// # Errors
    /// `request-needs-key`, `request-needs-password`, `request-unseal`, or what is wrong with the key under the password.
    pub(super) fn open(&self, with: &Unseal<'_>) -> Result<Secrets> {
        let wrong = || failure!(Usage, "request-unseal", key_id = self.secrets.key_id);
        let key = match (with, &self.secrets.private_key) {
            (Unseal::Key(key), None) => (*key).clone(),
            (Unseal::Password(password), Some(pem)) => {
                read_private(pem.as_bytes(), Some(password)).and_then(PrivateKey::into_sealing)?
            }
            (Unseal::Key(_), Some(_)) => return Err(failure!(Usage, "request-needs-password")),
            (Unseal::Password(_), None) => {
                return Err(failure!(Usage, "request-needs-key", key_id = self.secrets.key_id));
            }
        };
        let bytes = |text: &str| hex::decode(text).ok_or_else(wrong);
        let sealed =
            Sealed { encapsulated: bytes(&self.secrets.encapsulated)?, ciphertext: bytes(&self.secrets.ciphertext)? };
        let clear = key.open(&sealed, PURPOSE, &self.bound()?).ok_or_else(wrong)?;
        let (secrets, rest) = clear.as_chunks::<32>();
        let [marks, mappings @ ..] = secrets else { return Err(wrong()) };
        if !rest.is_empty() || mappings.len() != self.mappings.len() {
            return Err(wrong());
        }
        let mappings = mappings.iter().map(|secret| Zeroizing::new(*secret)).collect();
        Ok(Secrets { marks: Zeroizing::new(*marks), mappings })
    }

    /// The profile that the request was made with, and no other.
    ///
    /// # Errors
    /// `request-other-profile`, or what is wrong in the profile.
    pub(super) fn profile(&self, path: &Path, bytes: &[u8]) -> Result<Profile> {
        if hex::sha256(bytes) != self.profile_sha256 {
            return Err(failure!(Usage, "request-other-profile", path = path.display()));
        }
        Ok(Profile::load(&path.display().to_string(), bytes)?.0)
    }
}

/// Nothing is written over a file.
///
/// # Errors
/// `file-exists`.
pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(failure!(Usage, "file-exists", path = path.display(), os = "-"));
    }
    Ok(())
}
