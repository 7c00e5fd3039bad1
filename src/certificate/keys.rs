//! Key files: Ed25519 keys for signing, X25519 keys for sealing, as PEM that `openssl pkey` reads and writes.
//! Bytes in, bytes out: the caller reads and writes the files and brings the randomness.
//!
//! A private key is PKCS#8 **version 1** (RFC 5958 with no public key inside): OpenSSL 3.0.19 answers "Could not read key"
//! to version 2, which the signature crate writes by default (measured). A public key is SPKI (RFC 8410). The key id is
//! the lower-hex SHA-256 of the SPKI's DER: `openssl pkey -pubin -in k.pub.pem -outform DER | sha256sum`.

use crate::{
    certificate::scalars::Digest,
    failure::{Failure, Result},
};
use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer, VerifyingKey};
use hpke::{Deserializable, Kem, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256, kem::X25519HkdfSha256};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, LineEnding, ObjectIdentifier, PrivateKeyInfoRef,
    der::{Decode, Encode, pem},
    pkcs5::{pbes2, scrypt},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// 1.3.101.112, RFC 8410.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// 1.3.101.110, RFC 8410.
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// SEQUENCE { SEQUENCE { OID }, BIT STRING } up to the 32 key bytes; the one before last byte of the OID differs.
const SPKI_ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const SPKI_X25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];
const SPKI_BYTES: usize = 44;
const PEM_PRIVATE: &str = "PRIVATE KEY";
const PEM_ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PEM_PUBLIC: &str = "PUBLIC KEY";
/// A key file is well under a kilobyte; more is another file.
const FILE_BYTES_MAX: usize = 16 * 1024;
/// scrypt N = 2^14, r = 8, p = 5: 16 MiB, because OpenSSL 3.0 refuses more than 32 MiB; p makes up for it in time.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 5;
/// A foreign file may ask for this much scrypt memory (128 · N · r bytes) before it is refused: 256 MiB.
const SCRYPT_BYTES_MAX: u64 = 256 << 20;

/// Identifies a key: SHA-256 of its SPKI's DER.
pub type KeyId = Digest;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Ed25519.
    Signing,
    /// X25519.
    Sealing,
}

impl KeyKind {
    /// `signing` or `sealing`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Sealing => "sealing",
        }
    }
}

/// A private Ed25519 key. `Debug` shows its id alone; the secret is overwritten when dropped.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Makes a key from 32 random bytes.
    #[must_use]
    pub fn from_random(random: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(random))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> SigningPublicKey {
        SigningPublicKey(self.0.verifying_key())
    }

    /// The key id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.public().key_id()
    }

    /// Signs; `envelope` is the only caller, so that nothing without a declared type is ever signed.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// A private X25519 key. `Debug` shows its id alone; the secret is overwritten when dropped.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Makes a key from 32 random bytes.
    #[must_use]
    pub fn from_random(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*random))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> SealingPublicKey {
        let public = X25519HkdfSha256::sk_to_pk(&self.for_hpke()).to_bytes();
        SealingPublicKey(public.as_slice().try_into().expect("an X25519 public key has 32 bytes"))
    }

    /// The key id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.public().key_id()
    }

    /// As the HPKE crate wants it.
    #[must_use]
    pub fn for_hpke(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&*self.0).expect("an X25519 private key is any 32 bytes")
    }

    /// Opens what was sealed to this key; `None` when it was sealed to another one, or for something else.
    #[must_use]
    pub fn open(&self, sealed: &Sealed, purpose: &[u8], bound: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&sealed.encapsulated).ok()?;
        let (mode, key) = (hpke::OpModeR::Base, self.for_hpke());
        let clear = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &mode,
            &key,
            &encapsulated,
            purpose,
            &sealed.ciphertext,
            bound,
        );
        clear.ok().map(Zeroizing::new)
    }
}

/// A secret sealed to an X25519 key by HPKE (RFC 9180: DHKEM(X25519, HKDF-SHA-256), HKDF-SHA-256, ChaCha20-Poly1305).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The encapsulated key, 32 bytes.
    pub encapsulated: Vec<u8>,
    /// The ciphertext with its tag.
    pub ciphertext: Vec<u8>,
}

/// A private key of either kind.
#[derive(Clone)]
pub enum PrivateKey {
    /// Ed25519.
    Signing(SigningKey),
    /// X25519.
    Sealing(SealingKey),
}

impl PrivateKey {
    /// A new key of that kind from 32 random bytes.
    #[must_use]
    pub fn from_random(kind: KeyKind, random: &[u8; 32]) -> Self {
        match kind {
            KeyKind::Signing => Self::Signing(SigningKey::from_random(random)),
            KeyKind::Sealing => Self::Sealing(SealingKey::from_random(random)),
        }
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Signing(_) => KeyKind::Signing,
            Self::Sealing(_) => KeyKind::Sealing,
        }
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Signing(key) => PublicKey::Signing(key.public()),
            Self::Sealing(key) => PublicKey::Sealing(key.public()),
        }
    }

    /// The signing key in it.
    ///
    /// # Errors
    /// `key-wrong-kind`.
    pub fn into_signing(self) -> Result<SigningKey> {
        match self {
            Self::Signing(key) => Ok(key),
            Self::Sealing(_) => Err(wrong_kind(KeyKind::Signing, KeyKind::Sealing)),
        }
    }

    /// The sealing key in it.
    ///
    /// # Errors
    /// `key-wrong-kind`.
    pub fn into_sealing(self) -> Result<SealingKey> {
        match self {
            Self::Sealing(key) => Ok(key),
            Self::Signing(_) => Err(wrong_kind(KeyKind::Sealing, KeyKind::Signing)),
        }
    }

    /// PKCS#8 v1 in the clear, as PEM.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        to_pem(PEM_PRIVATE, &self.to_der())
    }

    /// PKCS#8 v1 under a password (PBES2: scrypt, AES-256-CBC), as PEM. `random` gives salt and initialisation vector.
    ///
    /// # Errors
    /// `key-password-empty`.
    pub fn to_encrypted_pem(&self, password: &[u8], random: &[u8; 32]) -> Result<Zeroizing<String>> {
        if password.is_empty() {
            return Err(failure!(Usage, "key-password-empty"));
        }
        let (salt, iv) = random.split_at(16);
        let cost = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P).expect("the constants are valid scrypt costs");
        let iv = iv.try_into().expect("half of 32 bytes");
        let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(cost, salt, iv).expect("a salt of 16 bytes is valid");
        let sealed = scheme.encrypt(password, &self.to_der()).expect("a key of 48 bytes can be encrypted");
        let file = pkcs8::EncryptedPrivateKeyInfoOwned {
            encryption_algorithm: scheme.into(),
            encrypted_data: pkcs8::der::asn1::OctetString::new(sealed).expect("64 bytes fit an octet string"),
        };
        Ok(to_pem(PEM_ENCRYPTED, &file.to_der().expect("a well-formed structure has a DER form")))
    }

    fn to_der(&self) -> Zeroizing<Vec<u8>> {
        let (last_of_oid, secret) = match self {
            Self::Signing(key) => (0x70, Zeroizing::new(key.0.to_bytes())),
            Self::Sealing(key) => (0x6e, key.0.clone()),
        };
        // SEQUENCE { INTEGER 0, SEQUENCE { OID }, OCTET STRING { OCTET STRING } }: RFC 8410, section 7
        let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, last_of_oid, 4, 0x22, 4, 0x20];
        let mut der = Zeroizing::new(Vec::with_capacity(head.len() + secret.len()));
        der.extend_from_slice(&head);
        der.extend_from_slice(&*secret);
        der
    }
}

/// A public Ed25519 key, written in JSON as the base64 of its SPKI.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct SigningPublicKey(VerifyingKey);

impl SigningPublicKey {
    /// The key id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        Digest::of(&self.to_spki())
    }

    /// SPKI, DER.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        [&SPKI_ED25519[..], self.0.as_bytes()].concat()
    }

    /// `verify_strict`: refuses small-order keys, and signatures that another spelling could replace.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl From<SigningPublicKey> for String {
    fn from(key: SigningPublicKey) -> Self {
        Base64::encode_string(&key.to_spki())
    }
}

impl TryFrom<String> for SigningPublicKey {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        const EXPECTED: &str = "base64 of the SPKI of an Ed25519 key";
        let der = Base64::decode_vec(&text).map_err(|_| EXPECTED)?;
        let key = public_from_spki(&der).and_then(PublicKey::into_signing).map_err(|_| EXPECTED)?;
        (String::from(key) == text).then_some(key).ok_or(EXPECTED)
    }
}

/// A public X25519 key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealingPublicKey([u8; 32]);

impl SealingPublicKey {
    /// The key id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        Digest::of(&[&SPKI_X25519[..], &self.0].concat())
    }

    /// As the HPKE crate wants it.
    #[must_use]
    pub fn for_hpke(&self) -> <X25519HkdfSha256 as Kem>::PublicKey {
        <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.0).expect("an X25519 public key is any 32 bytes")
    }

    /// Seals a secret to this key: for `purpose` alone, and together with `bound`, which the opener must show unchanged.
    ///
    /// # Errors
    /// `key-weak` for a key of small order: everybody could open what was sealed to it.
    pub fn seal(&self, secret: &[u8], purpose: &[u8], bound: &[u8]) -> Result<Sealed> {
        let sealed = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &hpke::OpModeS::Base,
            &self.for_hpke(),
            purpose,
            secret,
            bound,
        );
        let (encapsulated, ciphertext) = sealed.map_err(|_| failure!(Usage, "key-weak"))?;
        Ok(Sealed { encapsulated: encapsulated.to_bytes().to_vec(), ciphertext })
    }
}

/// A public key of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519.
    Signing(SigningPublicKey),
    /// X25519.
    Sealing(SealingPublicKey),
}

impl PublicKey {
    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Signing(_) => KeyKind::Signing,
            Self::Sealing(_) => KeyKind::Sealing,
        }
    }

    /// The key id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        match self {
            Self::Signing(key) => key.key_id(),
            Self::Sealing(key) => key.key_id(),
        }
    }

    /// The signing key in it.
    ///
    /// # Errors
    /// `key-wrong-kind`.
    pub fn into_signing(self) -> Result<SigningPublicKey> {
        match self {
            Self::Signing(key) => Ok(key),
            Self::Sealing(_) => Err(wrong_kind(KeyKind::Signing, KeyKind::Sealing)),
        }
    }

    /// The sealing key in it.
    ///
    /// # Errors
    /// `key-wrong-kind`.
    pub fn into_sealing(self) -> Result<SealingPublicKey> {
        match self {
            Self::Sealing(key) => Ok(key),
            Self::Signing(_) => Err(wrong_kind(KeyKind::Sealing, KeyKind::Signing)),
        }
    }

    /// SPKI as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let der = match self {
            Self::Signing(key) => key.to_spki(),
            Self::Sealing(key) => [&SPKI_X25519[..], &key.0].concat(),
        };
        to_pem(PEM_PUBLIC, &der).to_string()
    }
}

/// What `keys show` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyDescription {
    /// What the key is for.
    pub kind: KeyKind,
    /// Its id.
    pub key_id: KeyId,
    /// Whether the file holds the private half.
    pub private: bool,
    /// Whether the file is under a password.
    pub encrypted: bool,
}

/// Describes a key file, public or private.
///
/// # Errors
/// As [`read_private`] and [`read_public`].
pub fn describe(file: &[u8], password: Option<&[u8]>) -> Result<KeyDescription> {
    let (label, _) = decode_pem(file)?;
    let private = label != PEM_PUBLIC;
    let key = if private { read_private(file, password)?.public() } else { read_public(file)? };
    Ok(KeyDescription { kind: key.kind(), key_id: key.key_id(), private, encrypted: label == PEM_ENCRYPTED })
}

/// Reads a private key file. A password for a file without one is refused: the caller believes in a protection that is
/// not there.
///
/// # Errors
/// `key-unreadable`, `key-is-public`, `key-algorithm`, `key-password-needed`, `key-password-wrong`,
/// `key-password-unused`, `key-encryption-unknown`.
pub fn read_private(file: &[u8], password: Option<&[u8]>) -> Result<PrivateKey> {
    let (label, der) = decode_pem(file)?;
    match (label.as_str(), password) {
        (PEM_PRIVATE, None) => private_from_pkcs8(&der).ok_or(failure!(Usage, "key-unreadable"))?,
        (PEM_PRIVATE, Some(_)) => Err(failure!(Usage, "key-password-unused")),
        (PEM_ENCRYPTED, Some(password)) => decrypt(&der, password),
        (PEM_ENCRYPTED, None) => Err(failure!(Usage, "key-password-needed")),
        (PEM_PUBLIC, _) => Err(failure!(Usage, "key-is-public")),
        _ => Err(failure!(Usage, "key-unreadable")), // a label is text, not an enum
    }
}

/// Reads a public key file.
///
/// # Errors
/// `key-unreadable`, `key-is-private`, `key-algorithm`, `key-weak`.
pub fn read_public(file: &[u8]) -> Result<PublicKey> {
    let (label, der) = decode_pem(file)?;
    match label.as_str() {
        PEM_PUBLIC => public_from_spki(&der),
        PEM_PRIVATE | PEM_ENCRYPTED => Err(failure!(Usage, "key-is-private")),
        _ => Err(failure!(Usage, "key-unreadable")), // a label is text, not an enum
    }
}

fn wrong_kind(wanted: KeyKind, found: KeyKind) -> Failure {
    failure!(Usage, "key-wrong-kind", wanted = wanted.word(), found = found.word())
}

fn to_pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(pem::encode_string(label, LineEnding::LF, der).expect("a short DER has a PEM form"))
}

fn decode_pem(file: &[u8]) -> Result<(String, Zeroizing<Vec<u8>>)> {
    if file.len() > FILE_BYTES_MAX {
        return Err(failure!(Usage, "key-unreadable"));
    }
    let (label, der) = pem::decode_vec(file).map_err(|_| failure!(Usage, "key-unreadable"))?;
    Ok((label.to_owned(), Zeroizing::new(der)))
}

/// `None` when it is no PKCS#8 at all: of a decrypted file that means a wrong password.
fn private_from_pkcs8(der: &[u8]) -> Option<Result<PrivateKey>> {
    let info = PrivateKeyInfoRef::from_der(der).ok()?;
    let (ED25519 | X25519) = info.algorithm.oid else {
        return Some(Err(failure!(Usage, "key-algorithm")));
    };
    let [4, 0x20, secret @ ..] = info.private_key.as_bytes() else { return None };
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(secret.try_into().ok()?);
    let kind = if info.algorithm.oid == ED25519 { KeyKind::Signing } else { KeyKind::Sealing };
    Some(Ok(PrivateKey::from_random(kind, &secret)))
}

fn decrypt(der: &[u8], password: &[u8]) -> Result<PrivateKey> {
    use pkcs8::pkcs5;
    let file = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| failure!(Usage, "key-unreadable"))?;
    let too_dear = file.encryption_algorithm.pbes2().and_then(|scheme| scheme.kdf.scrypt()).is_some_and(|cost| {
        u64::from(cost.block_size).saturating_mul(128).saturating_mul(cost.cost_parameter) > SCRYPT_BYTES_MAX
    });
    if too_dear {
        return Err(failure!(Usage, "key-encryption-unknown"));
    }
    let clear = file.encryption_algorithm.decrypt(password, file.encrypted_data.as_bytes());
    match clear.map(Zeroizing::new) {
        // With a wrong password the padding fits by chance about once in 256 times; then the content is no PKCS#8.
        Ok(clear) => private_from_pkcs8(&clear).ok_or(failure!(Usage, "key-password-wrong"))?,
        Err(pkcs5::Error::DecryptFailed) => Err(failure!(Usage, "key-password-wrong")),
        Err(_) => Err(failure!(Usage, "key-encryption-unknown")), // the crate's error is open-ended
    }
}

fn public_from_spki(der: &[u8]) -> Result<PublicKey> {
    let prefix = der.first_chunk::<12>().ok_or(failure!(Usage, "key-unreadable"))?;
    if der.len() != SPKI_BYTES || (*prefix != SPKI_ED25519 && *prefix != SPKI_X25519) {
        return Err(failure!(Usage, "key-algorithm"));
    }
    let bytes: [u8; 32] = der[12..].try_into().expect("44 bytes less 12");
    if *prefix == SPKI_X25519 {
        return Ok(PublicKey::Sealing(SealingPublicKey(bytes)));
    }
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| failure!(Usage, "key-unreadable"))?;
    if key.is_weak() {
        // Under a key of small order one signature fits many messages.
        return Err(failure!(Usage, "key-weak"));
    }
    Ok(PublicKey::Signing(SigningPublicKey(key)))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret hidden)", self.key_id())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({}, secret hidden)", self.key_id())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signing(key) => key.fmt(f),
            Self::Sealing(key) => key.fmt(f),
        }
    }
}

impl fmt::Debug for SigningPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningPublicKey({})", self.key_id())
    }
}

impl fmt::Debug for SealingPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingPublicKey({})", self.key_id())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const RANDOM: [u8; 32] = [7; 32];

    fn code<T>(result: Result<T>) -> &'static str {
        result.err().map_or("ok", |failure| failure.code)
    }

    #[test]
    fn a_key_file_gives_the_key_back() {
        for kind in [KeyKind::Signing, KeyKind::Sealing] {
            let key = PrivateKey::from_random(kind, &RANDOM);
            let again = read_private(key.to_pem().as_bytes(), None).unwrap();
            assert_eq!((again.kind(), again.public()), (kind, key.public()));
            assert_eq!(read_public(key.public().to_pem().as_bytes()).unwrap(), key.public());
            let windows = key.to_pem().replace('\n', "\r\n");
            assert_eq!(read_private(windows.as_bytes(), None).unwrap().public(), key.public());
        }
    }

    #[test]
    fn a_password_is_needed_and_must_be_right() {
        let key = PrivateKey::from_random(KeyKind::Signing, &RANDOM);
        let file = key.to_encrypted_pem("пароль".as_bytes(), &[9; 32]).unwrap();
        let read = |password: Option<&str>| read_private(file.as_bytes(), password.map(str::as_bytes));
        assert_eq!(read(Some("пароль")).unwrap().public(), key.public());
        assert_eq!(code(read(None)), "key-password-needed");
        assert_eq!(code(read(Some("пароль "))), "key-password-wrong");
        assert_eq!(code(read_private(key.to_pem().as_bytes(), Some(b"x"))), "key-password-unused");
        assert_eq!(code(key.to_encrypted_pem(b"", &RANDOM)), "key-password-empty");
        let description = describe(file.as_bytes(), Some("пароль".as_bytes())).unwrap();
        assert_eq!((description.private, description.encrypted), (true, true));
    }

    #[test]
    fn the_wrong_file_is_named() {
        let signing = PrivateKey::from_random(KeyKind::Signing, &RANDOM);
        let sealing = PrivateKey::from_random(KeyKind::Sealing, &RANDOM);
        assert_eq!(code(read_public(signing.to_pem().as_bytes())), "key-is-private");
        assert_eq!(code(read_private(signing.public().to_pem().as_bytes(), None)), "key-is-public");
        assert_eq!(code(read_private(b"not a key", None)), "key-unreadable");
        assert_eq!(code(read_public(&[b'-'; FILE_BYTES_MAX + 1])), "key-unreadable");
        assert_eq!(code(sealing.into_signing()), "key-wrong-kind");
        assert_eq!(code(signing.public().into_sealing()), "key-wrong-kind");
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(code(public_from_spki(&[&SPKI_ED25519[..], &neutral].concat())), "key-weak");
    }

    #[test]
    fn a_secret_is_not_shown() {
        let key = PrivateKey::from_random(KeyKind::Sealing, &RANDOM);
        let shown = format!("{key:?} {:?}", PrivateKey::from_random(KeyKind::Signing, &RANDOM));
        assert!(!shown.contains("7, 7") && !shown.contains("0707"), "{shown}");
    }
}
