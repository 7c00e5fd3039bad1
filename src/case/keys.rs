//! The four keys of a case, each with its own end, and how they are kept: `work/keys.json`.
//!
//! Each key is wrapped twice: to the operator's X25519 public key (HPKE, RFC 9180: DHKEM(X25519, HKDF-SHA-256),
//! HKDF-SHA-256, ChaCha20-Poly1305), and, while the case is open, under an unlock secret of 32 random bytes that lies
//! outside the case. So a killed step resumes without a terminal on this machine, and the case folder alone opens nothing.

use super::folder::write_synced;
use crate::failure::{Failure, Result};
use crate::hex;
use crate::world::fault;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop};

type Kem = hpke::kem::X25519HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Cipher = hpke::aead::ChaCha20Poly1305;

/// The file inside the case.
pub const KEYS: &str = "work/keys.json";
/// Where the keys that outlive `close` stand, beside what they open.
pub const KEYS_CLOSED: &str = "sealed/keys.json";
const SCHEMA: &str = "lastbell.keys/v1";
const INFO: &[u8] = b"lastbell/v1/case-key";

/// 32 secret bytes; never shown, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes the bytes in.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// What a key is for, and thereby when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Row digests; ends with `close`.
    Verify,
    /// Pseudonyms; ends with `close`.
    Anonymise,
    /// Needles; ends with `close`.
    Needles,
    /// Proofs for persons; ends with `close --final`.
    Proof,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Verify, Self::Anonymise, Self::Needles, Self::Proof];

    /// The word in files.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Anonymise => "anonymise",
            Self::Needles => "needles",
            Self::Proof => "proof",
        }
    }
}

/// A key wrapped to the operator's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToOperator {
    encapsulated: String,
    wrapped: String,
}

/// A key wrapped under the unlock secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnderUnlock {
    nonce: String,
    wrapped: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    to_operator: ToOperator,
    under_unlock: Option<UnderUnlock>,
}

/// `work/keys.json`. A key that has ended is not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKeys {
    schema: String,
    case: String,
    operator_key_id: String,
    keys: BTreeMap<Purpose, Wrapped>,
}

impl WrappedKeys {
    /// Wraps fresh keys.
    ///
    /// # Errors
    /// `operator-key-bad` when the public key is not one.
    pub fn wrap(
        case: &str,
        operator: &OperatorKey,
        unlock: &Secret,
        fresh: &[(Purpose, Secret, [u8; 24])],
    ) -> Result<Self> {
        let mut keys = BTreeMap::new();
        for (purpose, secret, nonce) in fresh {
            let to_operator = wrap_to_operator(case, operator, *purpose, secret)?;
            let under_unlock = Some(wrap_under_unlock(case, unlock, *purpose, secret, *nonce)?);
            keys.insert(*purpose, Wrapped { to_operator, under_unlock });
        }
        Ok(Self { schema: SCHEMA.into(), case: case.into(), operator_key_id: operator.key_id.clone(), keys })
    }

    /// Opens one key with the unlock secret.
    ///
    /// # Errors
    /// `key-ended` or `unlock-wrong`.
    pub fn open(&self, purpose: Purpose, unlock: &Secret) -> Result<Secret> {
        let wrapped = self.keys.get(&purpose).and_then(|wrapped| wrapped.under_unlock.as_ref());
        let wrapped = wrapped.ok_or_else(|| failure!(Refused, "key-ended", key = purpose.word()))?;
        let wrong = || failure!(Refused, "unlock-wrong", key = purpose.word());
        let nonce: [u8; 24] = hex::decode(&wrapped.nonce).and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)?;
        let body = hex::decode(&wrapped.wrapped).ok_or_else(wrong)?;
        let aad = label(&self.case, purpose);
        let plain = cipher_under(&self.case, unlock)
            .decrypt(&XNonce::from(nonce), Payload { msg: &body, aad: &aad })
            .map_err(|_| wrong())?;
        Ok(Secret(plain.try_into().map_err(|_| wrong())?))
    }

    /// Opens one key with the operator's private key: the only way after `close`.
    ///
    /// # Errors
    /// `key-ended` or `operator-key-wrong`.
    pub fn open_as_operator(&self, purpose: Purpose, private: &Secret) -> Result<Secret> {
        let wrapped = self.keys.get(&purpose).ok_or_else(|| failure!(Refused, "key-ended", key = purpose.word()))?;
        let wrong = || failure!(Refused, "operator-key-wrong", key = purpose.word());
        let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(private.bytes()).map_err(|_| wrong())?;
        let encapsulated = hex::decode(&wrapped.to_operator.encapsulated).ok_or_else(wrong)?;
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(&encapsulated).map_err(|_| wrong())?;
        let body = hex::decode(&wrapped.to_operator.wrapped).ok_or_else(wrong)?;
        let aad = label(&self.case, purpose);
        let plain =
            hpke::single_shot_open::<Cipher, Kdf, Kem>(&OpModeR::Base, &private, &encapsulated, INFO, &body, &aad)
                .map_err(|_| wrong())?;
        Ok(Secret(plain.try_into().map_err(|_| wrong())?))
    }

    /// The same without the keys that end, and without any wrapping under the unlock secret.
    #[must_use]
    pub fn closed(&self, ended: &[Purpose]) -> Self {
        let mut closed = self.clone();
        closed.keys.retain(|purpose, _| !ended.contains(purpose));
        for wrapped in closed.keys.values_mut() {
            wrapped.under_unlock = None;
        }
        closed
    }

    /// Which keys still live.
    #[must_use]
    pub fn living(&self) -> Vec<Purpose> {
        self.keys.keys().copied().collect()
    }

    /// Key id of the operator's key that they are wrapped to.
    #[must_use]
    pub fn operator_key_id(&self) -> &str {
        &self.operator_key_id
    }
}

/// The operator's X25519 public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorKey {
    /// 32 bytes.
    pub public: [u8; 32],
    /// SHA-256 of the SPKI, lower hex.
    pub key_id: String,
}

fn wrap_to_operator(case: &str, operator: &OperatorKey, purpose: Purpose, secret: &Secret) -> Result<ToOperator> {
    let bad = || failure!(Usage, "operator-key-bad", key = &operator.key_id);
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&operator.public).map_err(|_| bad())?;
    let (encapsulated, wrapped) = hpke::single_shot_seal::<Cipher, Kdf, Kem>(
        &OpModeS::Base,
        &public,
        INFO,
        secret.bytes(),
        &label(case, purpose),
    )
    .map_err(|_| bad())?;
    Ok(ToOperator { encapsulated: hex::encode(&encapsulated.to_bytes()), wrapped: hex::encode(&wrapped) })
}

fn wrap_under_unlock(
    case: &str,
    unlock: &Secret,
    purpose: Purpose,
    secret: &Secret,
    nonce: [u8; 24],
) -> Result<UnderUnlock> {
    let aad = label(case, purpose);
    let wrapped = cipher_under(case, unlock)
        .encrypt(&XNonce::from(nonce), Payload { msg: secret.bytes(), aad: &aad })
        .map_err(|_| failure!(Bug, "seal-failed", path = KEYS))?;
    Ok(UnderUnlock { nonce: hex::encode(&nonce), wrapped: hex::encode(&wrapped) })
}

fn cipher_under(case: &str, unlock: &Secret) -> XChaCha20Poly1305 {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(case.as_bytes()), unlock.bytes())
        .expand(b"lastbell/v1/unlock", &mut key)
        .expect("32 bytes are within HKDF's bound");
    XChaCha20Poly1305::new((&key).into())
}

fn label(case: &str, purpose: Purpose) -> Vec<u8> {
    let mut bytes = (case.len() as u64).to_be_bytes().to_vec();
    bytes.extend(case.as_bytes());
    bytes.extend(purpose.word().as_bytes());
    bytes
}

/// The unlock secret's file: outside the case, 0600.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnlockFile(pub PathBuf);

impl UnlockFile {
    /// Writes a fresh secret; never over a file.
    ///
    /// # Errors
    /// `file-exists`, `unlock-inside` when the place is inside the case, or a file failure.
    pub fn make(&self, case: &Path, secret: &Secret) -> Result<()> {
        self.check_place(case)?;
        if self.0.exists() {
            return Err(failure!(Refused, "file-exists", path = self.0.display(), os = "-"));
        }
        if let Some(folder) = self.0.parent() {
            fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
        }
        write_synced(&self.0, format!("{}\n", hex::encode(secret.bytes())).as_bytes(), 0o600)
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// `unlock-missing`, `unlock-bad`.
    pub fn read(&self) -> Result<Secret> {
        let mut text =
            fs::read_to_string(&self.0).map_err(|_| failure!(Refused, "unlock-missing", path = self.0.display()))?;
        let bytes: Option<[u8; 32]> = hex::decode(text.trim_end()).and_then(|bytes| bytes.try_into().ok());
        text.zeroize();
        bytes.map(Secret).ok_or_else(|| failure!(Refused, "unlock-bad", path = self.0.display()))
    }

    /// Overwrites and removes it; nothing when it is gone.
    ///
    /// # Errors
    /// File failures.
    pub fn end(&self) -> Result<()> {
        if !self.0.exists() {
            return Ok(());
        }
        write_synced(&self.0, &[b'0'; 65], 0o600)?;
        fault::point();
        fs::remove_file(&self.0).map_err(|error| Failure::file(&self.0, &error))?;
        fault::point();
        Ok(())
    }

    fn check_place(&self, case: &Path) -> Result<()> {
        // Links are followed as far as the folder exists, and `..` is resolved: either could lead back inside.
        let whole = |path: &Path| {
            let mut plain = PathBuf::new();
            for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
                match part {
                    std::path::Component::ParentDir => {
                        plain.pop();
                    }
                    part => plain.push(part),
                }
                plain = fs::canonicalize(&plain).unwrap_or(plain);
            }
            plain
        };
        if whole(&self.0).starts_with(whole(case)) {
            return Err(failure!(Usage, "unlock-inside", path = self.0.display()));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hpke::Kem as _;

    fn operator() -> (Secret, OperatorKey) {
        let (private, public) = Kem::gen_keypair();
        let key = OperatorKey { public: public.to_bytes().into(), key_id: "k".into() };
        (Secret(private.to_bytes().into()), key)
    }

    #[test]
    fn keys_open_with_the_unlock_secret_until_close_and_with_the_operators_key_while_they_live() {
        let (private, operator) = operator();
        let unlock = Secret([9; 32]);
        let fresh: Vec<_> =
            Purpose::ALL.iter().map(|purpose| (*purpose, Secret([*purpose as u8 + 1; 32]), [3; 24])).collect();
        let wrapped = WrappedKeys::wrap("LB-1", &operator, &unlock, &fresh).unwrap();
        for (purpose, secret, _) in &fresh {
            assert_eq!(wrapped.open(*purpose, &unlock).unwrap().bytes(), secret.bytes());
            assert_eq!(wrapped.open_as_operator(*purpose, &private).unwrap().bytes(), secret.bytes());
        }
        assert!(wrapped.open(Purpose::Verify, &Secret([0; 32])).is_err());

        let closed = wrapped.closed(&[Purpose::Verify, Purpose::Anonymise, Purpose::Needles]);
        assert_eq!(closed.living(), [Purpose::Proof]);
        assert_eq!(closed.open(Purpose::Proof, &unlock).unwrap_err().code, "key-ended");
        assert!(closed.open_as_operator(Purpose::Proof, &private).is_ok());
        assert_eq!(closed.open_as_operator(Purpose::Verify, &private).unwrap_err().code, "key-ended");
    }
}
