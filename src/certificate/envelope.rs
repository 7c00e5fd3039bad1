//! The signed envelope, DSSE v1: a payload, its type, and signatures over both.
//! Reads and writes bytes; verifies the payload as received, never a document that was written again.
//!
//! The type stands inside what is signed (PAE), and a reader names the type that it expects: an approval can never be
//! shown as a certificate (such a confusion was CVE-2022-35929). Signers are counted as distinct keys:
//! one signature copied twice was once counted as two.

use crate::{
    certificate::keys::{KeyId, SigningKey, SigningPublicKey},
    failure::Result,
    json,
};
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A certificate of 100 stores is under a megabyte; the bound keeps a hostile file from filling memory.
pub const ENVELOPE_BYTES_MAX: usize = 64 << 20;
/// More signers than any commission has.
const SIGNATURES_MAX: usize = 64;

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadType {
    /// An in-toto statement: the certificate.
    Certificate,
    /// A member's approval of a plan.
    Approval,
    /// A list of trusted keys.
    Trust,
    /// What the platform's keeper says of the digests in a receipt.
    Receipt,
}

impl PayloadType {
    /// The type's name inside the signature.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Certificate => "application/vnd.in-toto+json",
            Self::Approval => "application/vnd.lastbell.approval+json",
            Self::Trust => "application/vnd.lastbell.trust+json",
            Self::Receipt => "application/vnd.lastbell.receipt+json",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Certificate, Self::Approval, Self::Trust, Self::Receipt].into_iter().find(|known| known.text() == text)
    }
}

/// One signature and the id of the key that is said to have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key that is said to have signed; what counts is that the signature fits it.
    pub key_id: KeyId,
    /// Ed25519, 64 bytes.
    pub bytes: [u8; 64],
}

/// A payload with its signatures, sorted by key id, each key once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: PayloadType,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// The envelope as it stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WrittenSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSignature {
    keyid: KeyId,
    sig: String,
}

/// What is signed: `DSSEv1 LEN(type) type LEN(payload) payload`, lengths in bytes.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Envelope {
    /// Signs a payload with a first key.
    #[must_use]
    pub fn sign(payload_type: PayloadType, payload: Vec<u8>, key: &SigningKey) -> Self {
        let bytes = key.sign(&pre_authentication_encoding(payload_type.text(), &payload));
        Self { payload_type, payload, signatures: vec![Signature { key_id: key.key_id(), bytes }] }
    }

    /// Adds the signature of a further key.
    ///
    /// # Errors
    /// `envelope-key-twice` when this key signed already.
    pub fn add(&mut self, key: &SigningKey) -> Result<()> {
        let bytes = key.sign(&self.signed_bytes());
        self.insert(Signature { key_id: key.key_id(), bytes })
    }

    /// Adds the signatures of another envelope over the same payload, as when members sign in different places.
    ///
    /// # Errors
    /// `envelope-other-payload`, `envelope-key-twice`, `envelope-signature-copied`. Nothing is added then.
    pub fn merge(&mut self, other: Envelope) -> Result<()> {
        if (other.payload_type, &other.payload) != (self.payload_type, &self.payload) {
            return Err(failure!(Refused, "envelope-other-payload"));
        }
        let mut merged = self.clone();
        other.signatures.into_iter().try_for_each(|signature| merged.insert(signature))?;
        *self = merged;
        Ok(())
    }

    fn insert(&mut self, signature: Signature) -> Result<()> {
        let key_id = signature.key_id;
        if self.signatures.iter().any(|present| present.bytes == signature.bytes && present.key_id != key_id) {
            return Err(failure!(Refused, "envelope-signature-copied", key_id = key_id));
        }
        match self.signatures.binary_search_by_key(&key_id, |present| present.key_id) {
            Ok(_) => Err(failure!(Refused, "envelope-key-twice", key_id = key_id)),
            Err(place) => {
                self.signatures.insert(place, signature);
                Ok(())
            }
        }
    }

    /// Reads an envelope: canonical JSON and at most one newline after it, strict base64, signatures sorted by key id,
    /// no key and no signature twice. Says nothing about whether the signatures fit: see [`Envelope::verify`].
    ///
    /// # Errors
    /// `envelope-not-canonical`, `envelope-wrong-type`, `envelope-base64`, `envelope-unsigned`, `envelope-key-twice`,
    /// `envelope-signature-copied`, `envelope-not-sorted`, `envelope-too-large`.
    pub fn parse(bytes: &[u8], expected: PayloadType) -> Result<Self> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(failure!(Refused, "envelope-too-large"));
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let written: Written = json::from_canonical(line).map_err(|_| failure!(Refused, "envelope-not-canonical"))?;
        if PayloadType::parse(&written.payload_type) != Some(expected) {
            return Err(failure!(Refused, "envelope-wrong-type", expected = expected.text()));
        }
        let payload = decode(&written.payload)?;
        let mut envelope = Self { payload_type: expected, payload, signatures: Vec::new() };
        if written.signatures.is_empty() {
            return Err(failure!(Refused, "envelope-unsigned"));
        }
        if written.signatures.len() > SIGNATURES_MAX {
            return Err(failure!(Refused, "envelope-too-large"));
        }
        let order: Vec<KeyId> = written.signatures.iter().map(|signature| signature.keyid).collect();
        for signature in written.signatures {
            let bytes = decode(&signature.sig)?;
            let bytes = bytes.try_into().map_err(|_| failure!(Refused, "envelope-base64"))?;
            envelope.insert(Signature { key_id: signature.keyid, bytes })?;
        }
        if !order.is_sorted() {
            return Err(failure!(Refused, "envelope-not-sorted"));
        }
        Ok(envelope)
    }

    /// The file's bytes: canonical JSON and one newline.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|signature| WrittenSignature {
            keyid: signature.key_id,
            sig: Base64::encode_string(&signature.bytes),
        });
        let written = Written {
            payload: Base64::encode_string(&self.payload),
            payload_type: self.payload_type.text().into(),
            signatures: signatures.collect(),
        };
        let mut bytes = json::to_canonical(&written).expect("an envelope holds texts only");
        bytes.push(b'\n');
        bytes
    }

    /// Demands that every signature fits the key of its key id, and that each of these keys is at hand.
    /// Returns the signers: distinct keys, never counted twice.
    ///
    /// # Errors
    /// `envelope-key-unknown`, `envelope-signature-invalid`.
    pub fn verify(&self, keys: &BTreeMap<KeyId, SigningPublicKey>) -> Result<Vec<KeyId>> {
        self.signatures
            .iter()
            .map(|signature| match keys.get(&signature.key_id) {
                Some(key) if self.fits(signature, key) => Ok(signature.key_id),
                Some(_) => Err(failure!(Refused, "envelope-signature-invalid", key_id = signature.key_id)),
                None => Err(failure!(Refused, "envelope-key-unknown", key_id = signature.key_id)),
            })
            .collect()
    }

    /// Whether the signature was made by this key, over this payload and type, and names this key.
    #[must_use]
    pub fn fits(&self, signature: &Signature, key: &SigningPublicKey) -> bool {
        key.key_id() == signature.key_id && key.verifies(&self.signed_bytes(), &signature.bytes)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(self.payload_type.text(), &self.payload)
    }

    /// The payload as received. Not trustworthy before the signatures were verified.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload's type.
    #[must_use]
    pub fn payload_type(&self) -> PayloadType {
        self.payload_type
    }

    /// The signatures, sorted by key id.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

/// Standard alphabet, padded, and the one spelling of these bytes.
fn decode(text: &str) -> Result<Vec<u8>> {
    let bytes = Base64::decode_vec(text).map_err(|_| failure!(Refused, "envelope-base64"))?;
    // "QQ==" and "QR==" may both decode to one byte; only the first is what an encoder writes.
    if Base64::encode_string(&bytes) == text { Ok(bytes) } else { Err(failure!(Refused, "envelope-base64")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_random(&[seed; 32])
    }

    fn keys(seeds: &[u8]) -> BTreeMap<KeyId, SigningPublicKey> {
        seeds.iter().map(|seed| (key(*seed).key_id(), key(*seed).public())).collect()
    }

    fn two_signers() -> Envelope {
        let mut envelope = Envelope::sign(PayloadType::Approval, b"{}".to_vec(), &key(1));
        envelope.add(&key(2)).unwrap();
        envelope
    }

    fn code<T>(result: Result<T>) -> &'static str {
        result.err().map_or("ok", |failure| failure.code)
    }

    fn parse(bytes: &[u8]) -> Result<Envelope> {
        Envelope::parse(bytes, PayloadType::Approval)
    }

    /// The example of the DSSE specification, protocol.md.
    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pre_authentication_encoding("я", b""), "DSSEv1 2 я 0 ".as_bytes(), "lengths are in bytes");
    }

    #[test]
    fn what_was_signed_verifies_and_reads_back() {
        let envelope = two_signers();
        assert_eq!(envelope.verify(&keys(&[1, 2, 3])).unwrap().len(), 2);
        assert_eq!(parse(&envelope.to_bytes()).unwrap(), envelope);
        assert_eq!(parse(envelope.to_bytes().trim_ascii_end()).unwrap(), envelope, "the newline may be missing");
        assert_eq!(code(parse(&[envelope.to_bytes(), b"\n".to_vec()].concat())), "envelope-not-canonical");
    }

    #[test]
    fn the_type_is_part_of_the_signature_and_of_the_question() {
        let bytes = two_signers().to_bytes();
        assert_eq!(code(Envelope::parse(&bytes, PayloadType::Certificate)), "envelope-wrong-type");
        let renamed = String::from_utf8(bytes).unwrap().replace("lastbell.approval", "lastbell.trust");
        let envelope = Envelope::parse(renamed.as_bytes(), PayloadType::Trust).unwrap();
        assert_eq!(code(envelope.verify(&keys(&[1, 2]))), "envelope-signature-invalid");
    }

    #[test]
    fn one_signer_is_never_counted_twice() {
        let mut envelope = Envelope::sign(PayloadType::Approval, b"{}".to_vec(), &key(1));
        assert_eq!(code(envelope.add(&key(1))), "envelope-key-twice");
        assert_eq!(code(envelope.clone().merge(envelope.clone())), "envelope-key-twice");
        let signature = envelope.signatures()[0].clone();
        let copied = Signature { key_id: key(2).key_id(), ..signature };
        assert_eq!(code(envelope.insert(copied)), "envelope-signature-copied");
        assert_eq!(envelope.signatures().len(), 1);
    }

    #[test]
    fn copies_in_the_file_are_refused_by_name() {
        let text = String::from_utf8(two_signers().to_bytes()).unwrap();
        let list = text.split_once('[').unwrap().1.split_once(']').unwrap().0;
        let (first, second) = list.split_once("},").map(|(first, second)| (format!("{first}}}"), second)).unwrap();
        let with = |list: String| text.replace(&format!("[{first},{second}]"), &format!("[{list}]"));
        assert_eq!(code(parse(with(format!("{first},{second}")).as_bytes())), "ok");
        assert_eq!(code(parse(with(format!("{first},{first}")).as_bytes())), "envelope-key-twice");
        assert_eq!(code(parse(with(format!("{second},{first}")).as_bytes())), "envelope-not-sorted");
        assert_eq!(code(parse(with(String::new()).as_bytes())), "envelope-unsigned");
        let other_id = format!("{first},{}", first.replacen(&key(1).key_id().to_string(), &"ff".repeat(32), 1));
        let other_id = other_id.replacen(&key(2).key_id().to_string(), &"ff".repeat(32), 1);
        assert!(["envelope-signature-copied", "envelope-key-twice"].contains(&code(parse(with(other_id).as_bytes()))));
    }

    #[test]
    fn a_key_id_that_does_not_match_is_not_a_signature() {
        let signed = Envelope::sign(PayloadType::Approval, b"{}".to_vec(), &key(1));
        let mut renamed = signed.clone();
        renamed.signatures[0].key_id = key(2).key_id();
        assert_eq!(code(renamed.verify(&keys(&[1, 2]))), "envelope-signature-invalid");
        assert_eq!(code(renamed.verify(&keys(&[1]))), "envelope-key-unknown");
        // A caller who files a key under another's id gains nothing.
        let misfiled = BTreeMap::from([(key(2).key_id(), key(1).public())]);
        assert_eq!(code(renamed.verify(&misfiled)), "envelope-signature-invalid");
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(decode("QQ==").unwrap(), b"A");
        for other in ["QR==", "QQ=", "QQ", "QQ==\n", " QQ==", "Q-==", "QQ==="] {
            assert_eq!(code(decode(other)), "envelope-base64", "{other:?}");
        }
    }

    #[test]
    fn members_may_sign_in_different_places() {
        let mut here = Envelope::sign(PayloadType::Approval, b"{}".to_vec(), &key(1));
        let there = Envelope::sign(PayloadType::Approval, b"{}".to_vec(), &key(2));
        here.merge(there).unwrap();
        assert_eq!(here, two_signers());
        let other = Envelope::sign(PayloadType::Approval, b"[]".to_vec(), &key(3));
        assert_eq!(code(here.merge(other)), "envelope-other-payload");
    }
}
