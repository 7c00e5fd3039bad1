//! The list of trusted keys: who holds which key, and how many holders a certificate needs. Signed by a root key.
//! Reads and writes the list's bytes; the caller reads and writes the file and tells the time.
//!
//! The root's public key stands inside the list, so anyone can make a list that is right in itself. What makes it *the*
//! list is the root's key id, which a reader compares with what the region published, or pins.

use crate::{
    certificate::{
        envelope::{Envelope, PayloadType},
        keys::{KeyId, SigningKey, SigningPublicKey},
        scalars::{Digest, Instant, Party, is_printable},
    },
    failure::Result,
    json,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The policy that certificates are judged by.
pub const CERTIFICATE_POLICY: &str = "deletion-certificate/v1";

/// Version of the list's shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TrustSchema {
    /// The only one.
    #[default]
    #[serde(rename = "lastbell.trust/v1")]
    V1,
}

/// The list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustList {
    /// Version of the shape.
    pub schema: TrustSchema,
    /// Counts up from 1.
    pub version: u64,
    /// When this version was made.
    pub issued_at: Instant,
    /// Whose list.
    pub region: String,
    /// The key that signs it.
    pub root: SigningPublicKey,
    /// The trusted keys.
    pub keys: BTreeMap<KeyId, TrustedKey>,
    /// What each kind of document needs.
    pub policies: BTreeMap<String, Policy>,
    /// The version before; `null` in the first.
    pub prev: Option<Previous>,
}

/// A key and its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Who holds it. Two keys of one holder are one signer.
    pub holder: String,
    /// What the holder is: commission, auditor, tool… Shown, never judged.
    pub role: String,
    /// Whose person the holder is.
    pub party: Party,
    /// Whether it may be used.
    pub status: KeyStatus,
    /// Valid from.
    pub not_before: Instant,
    /// Valid until; `null` for no end.
    pub not_after: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// Why.
    pub reason: Option<String>,
    /// The key.
    pub spki: SigningPublicKey,
}

/// Whether a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It may.
    Active,
    /// It may not, whenever the signature claims to have been made: nothing proves when.
    Revoked,
}

/// What a kind of document needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Distinct holders.
    pub threshold: u32,
    /// Whether one of them at least must not be of the processor.
    pub at_least_one_not_processor: bool,
}

impl Default for Policy {
    /// Two holders, not both of the contractor: one person alone never vouches for a destruction.
    fn default() -> Self {
        Self { threshold: 2, at_least_one_not_processor: true }
    }
}

/// The version before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// Digest of its file.
    pub sha256: Digest,
}

/// A key to be added.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key.
    pub key: SigningPublicKey,
    /// Who holds it.
    pub holder: String,
    /// What the holder is.
    pub role: String,
    /// Whose person the holder is.
    pub party: Party,
    /// Valid from.
    pub not_before: Instant,
    /// Valid until.
    pub not_after: Option<Instant>,
}

/// Makes a region's first list: signed, without keys. Returns the file's bytes.
///
/// # Errors
/// `trust-rule`.
pub fn new(region: &str, policy: Policy, issued_at: Instant, root: &SigningKey) -> Result<Vec<u8>> {
    let list = TrustList {
        schema: TrustSchema::V1,
        version: 1,
        issued_at,
        region: region.into(),
        root: root.public(),
        keys: BTreeMap::new(),
        policies: BTreeMap::from([(CERTIFICATE_POLICY.into(), policy)]),
        prev: None,
    };
    seal(&list, root)
}

/// Makes the next version with one key more.
///
/// # Errors
/// `trust-other-root`, `trust-key-twice`, `trust-holder-conflict`, `trust-rule`, `trust-clock`, and those of [`open`].
pub fn add(file: &[u8], new: NewKey, issued_at: Instant, root: &SigningKey) -> Result<Vec<u8>> {
    let mut list = next_version(file, issued_at, root)?;
    let key_id = new.key.key_id();
    if list.keys.contains_key(&key_id) {
        return Err(failure!(Refused, "trust-key-twice", key_id = key_id));
    }
    let entry = TrustedKey {
        holder: new.holder,
        role: new.role,
        party: new.party,
        status: KeyStatus::Active,
        not_before: new.not_before,
        not_after: new.not_after,
        revoked_at: None,
        reason: None,
        spki: new.key,
    };
    list.keys.insert(key_id, entry);
    seal(&list, root)
}

/// Makes the next version in which a key is revoked.
///
/// # Errors
/// `trust-key-absent`, `trust-key-revoked`, and those of [`add`].
pub fn revoke(file: &[u8], key_id: KeyId, reason: &str, issued_at: Instant, root: &SigningKey) -> Result<Vec<u8>> {
    let mut list = next_version(file, issued_at, root)?;
    let entry = list.keys.get_mut(&key_id).ok_or(failure!(Usage, "trust-key-absent", key_id = key_id))?;
    if entry.status == KeyStatus::Revoked {
        return Err(failure!(Refused, "trust-key-revoked", key_id = key_id));
    }
    entry.status = KeyStatus::Revoked;
    entry.revoked_at = Some(issued_at);
    entry.reason = Some(reason.into());
    seal(&list, root)
}

/// Reads a list: signed by the root that it names and by nobody else, the pinned one if one is pinned.
///
/// # Errors
/// `trust-root-not-pinned`, `trust-not-canonical`, `trust-rule`, `trust-holder-conflict`, `trust-signers`, and those of
/// the envelope.
pub fn open(file: &[u8], pinned_root: Option<KeyId>) -> Result<TrustList> {
    let envelope = Envelope::parse(file, PayloadType::Trust)?;
    let list: TrustList =
        json::from_canonical(envelope.payload()).map_err(|_| failure!(Refused, "trust-not-canonical"))?;
    let root = list.root_key_id();
    if envelope.signatures().len() != 1 {
        return Err(failure!(Refused, "trust-signers"));
    }
    envelope.verify(&BTreeMap::from([(root, list.root)]))?;
    if let Some(pinned) = pinned_root.filter(|pinned| *pinned != root) {
        return Err(failure!(Refused, "trust-root-not-pinned", found = root, pinned = pinned));
    }
    list.check_rules()?;
    // A field that may be null must say so: serde would read a missing one as null.
    if !json::to_canonical(&list).is_ok_and(|written| written == envelope.payload()) {
        return Err(failure!(Refused, "trust-not-canonical"));
    }
    Ok(list)
}

/// Demands that `next` is the version right after `previous`: same root and region, next number, its digest.
///
/// # Errors
/// `trust-not-successor`, and those of [`open`].
pub fn check_successor(previous: &[u8], next: &[u8]) -> Result<()> {
    let (old, new) = (open(previous, None)?, open(next, None)?);
    let follows = new.root == old.root
        && new.region == old.region
        && Some(new.version) == old.version.checked_add(1)
        && new.issued_at >= old.issued_at
        && new.prev == Some(Previous { sha256: Digest::of(previous) });
    if follows { Ok(()) } else { Err(failure!(Refused, "trust-not-successor", version = new.version)) }
}

fn next_version(file: &[u8], issued_at: Instant, root: &SigningKey) -> Result<TrustList> {
    let list = open(file, None)?;
    if list.root != root.public() {
        return Err(failure!(Refused, "trust-other-root", root = list.root_key_id(), key_id = root.key_id()));
    }
    if issued_at < list.issued_at {
        return Err(failure!(Refused, "trust-clock", issued_at = list.issued_at));
    }
    let prev = Some(Previous { sha256: Digest::of(file) });
    Ok(TrustList { version: list.version + 1, issued_at, prev, ..list })
}

fn seal(list: &TrustList, root: &SigningKey) -> Result<Vec<u8>> {
    list.check_rules()?;
    let payload = json::to_canonical(list).map_err(|_| failure!(Refused, "trust-not-canonical"))?;
    Ok(Envelope::sign(PayloadType::Trust, payload, root).to_bytes())
}

impl TrustList {
    /// What a reader compares with the published id.
    #[must_use]
    pub fn root_key_id(&self) -> KeyId {
        self.root.key_id()
    }

    /// Demands what the fields owe each other.
    fn check_rules(&self) -> Result<()> {
        let rules = [
            ("version-counts", self.version >= 1 && (self.version == 1) == self.prev.is_none()),
            ("region-printable", is_name(&self.region)),
            ("policy-threshold", self.policies.values().all(|policy| policy.threshold >= 1)),
            ("policy-name", self.policies.keys().all(|name| is_name(name))),
            ("key-id", self.keys.iter().all(|(key_id, key)| key.spki.key_id() == *key_id)),
            ("key-names", self.keys.values().all(TrustedKey::is_named)),
            ("key-validity", self.keys.values().all(|key| key.not_after.is_none_or(|end| key.not_before < end))),
            ("key-status", self.keys.values().all(TrustedKey::is_consistent)),
        ];
        if let Some((rule, _)) = rules.iter().find(|(_, kept)| !kept) {
            return Err(failure!(Refused, "trust-rule", rule = rule));
        }
        self.check_holders()
    }

    /// One holder cannot be of two parties: a contractor's man would count as the operator's with his second key.
    fn check_holders(&self) -> Result<()> {
        let mut parties = BTreeMap::new();
        for (key_id, key) in &self.keys {
            if *parties.entry(same_holder(&key.holder)).or_insert(key.party) != key.party {
                return Err(failure!(Refused, "trust-holder-conflict", key_id = key_id));
            }
        }
        Ok(())
    }
}

impl TrustedKey {
    fn is_named(&self) -> bool {
        is_name(&self.holder)
            && is_name(&self.role)
            && !same_holder(&self.holder).is_empty()
            && self.reason.as_deref().is_none_or(is_printable)
    }

    fn is_consistent(&self) -> bool {
        (self.status == KeyStatus::Revoked) == self.revoked_at.is_some()
            && (self.revoked_at.is_some() || self.reason.is_none())
    }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && is_printable(text)
}

/// The form by which holders are told apart: letters and digits alone, small, ё as е, so that «Иванова А.А.» and
/// «иванова а. а.» are one person and one signature.
#[must_use]
pub fn same_holder(holder: &str) -> String {
    let letters = holder.chars().filter(|character| character.is_alphanumeric());
    letters.flat_map(char::to_lowercase).map(|letter| if letter == 'ё' { 'е' } else { letter }).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_random(&[seed; 32])
    }

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    fn first() -> Vec<u8> {
        new("Образцовая область", Policy::default(), at("2026-09-01T00:00:00Z"), &key(1)).unwrap()
    }

    fn new_key(seed: u8, holder: &str, party: Party) -> NewKey {
        NewKey {
            key: key(seed).public(),
            holder: holder.into(),
            role: "commission".into(),
            party,
            not_before: at("2026-09-01T00:00:00Z"),
            not_after: None,
        }
    }

    fn add_to(file: &[u8], new: NewKey) -> Result<Vec<u8>> {
        add(file, new, at("2026-09-02T00:00:00Z"), &key(1))
    }

    fn code<T>(result: Result<T>) -> &'static str {
        result.err().map_or("ok", |failure| failure.code)
    }

    #[test]
    fn versions_follow_each_other() {
        let second = add_to(&first(), new_key(2, "Иванова А. А.", Party::Operator)).unwrap();
        let third = add_to(&second, new_key(3, "Петров Б. Б.", Party::Operator)).unwrap();
        let list = open(&third, Some(key(1).key_id())).unwrap();
        assert_eq!((list.version, list.keys.len()), (3, 2));
        check_successor(&first(), &second).unwrap();
        check_successor(&second, &third).unwrap();
        assert_eq!(code(check_successor(&first(), &third)), "trust-not-successor");
        assert_eq!(code(check_successor(&third, &second)), "trust-not-successor");
    }

    #[test]
    fn only_the_root_makes_a_new_version() {
        let stranger = add(&first(), new_key(2, "N", Party::Other), at("2026-09-02T00:00:00Z"), &key(9));
        assert_eq!(code(stranger), "trust-other-root");
        let back = add(&first(), new_key(2, "N", Party::Other), at("2026-08-01T00:00:00Z"), &key(1));
        assert_eq!(code(back), "trust-clock");
        assert_eq!(code(open(&first(), Some(key(9).key_id()))), "trust-root-not-pinned");
    }

    #[test]
    fn a_list_signed_by_another_than_its_root_is_refused() {
        let payload = Envelope::parse(&first(), PayloadType::Trust).unwrap().payload().to_vec();
        let forged = Envelope::sign(PayloadType::Trust, payload.clone(), &key(9));
        assert_eq!(code(open(&forged.to_bytes(), None)), "envelope-key-unknown");
        let mut two = Envelope::sign(PayloadType::Trust, payload.clone(), &key(1));
        two.add(&key(9)).unwrap();
        assert_eq!(code(open(&two.to_bytes(), None)), "trust-signers");
        let other_type = Envelope::sign(PayloadType::Approval, payload, &key(1));
        assert_eq!(code(open(&other_type.to_bytes(), None)), "envelope-wrong-type");
    }

    #[test]
    fn a_key_and_a_holder_stand_once() {
        let file = add_to(&first(), new_key(2, "Иванова А. А.", Party::Operator)).unwrap();
        assert_eq!(code(add_to(&file, new_key(2, "Другой", Party::Operator))), "trust-key-twice");
        assert_eq!(code(add_to(&file, new_key(3, "иванова А.А.", Party::Processor))), "trust-holder-conflict");
        assert_eq!(code(add_to(&file, new_key(3, "Иванова А. А.", Party::Operator))), "ok", "a second key of hers");
        assert_eq!(code(add_to(&file, new_key(3, " . ", Party::Operator))), "trust-rule");
        assert_eq!(code(add_to(&file, new_key(3, "a\u{1b}[2J", Party::Operator))), "trust-rule");
        let mut backwards = new_key(3, "N", Party::Other);
        backwards.not_after = Some(backwards.not_before);
        assert_eq!(code(add_to(&file, backwards)), "trust-rule");
    }

    #[test]
    fn a_revoked_key_stays_revoked() {
        let file = add_to(&first(), new_key(2, "Иванова А. А.", Party::Operator)).unwrap();
        let id = key(2).key_id();
        let revoked = revoke(&file, id, "утрачен", at("2026-10-01T00:00:00Z"), &key(1)).unwrap();
        assert_eq!(open(&revoked, None).unwrap().keys[&id].status, KeyStatus::Revoked);
        check_successor(&file, &revoked).unwrap();
        let again = |file: &[u8], id| code(revoke(file, id, "x", at("2026-10-02T00:00:00Z"), &key(1)));
        assert_eq!(again(&revoked, id), "trust-key-revoked");
        assert_eq!(again(&revoked, key(7).key_id()), "trust-key-absent");
        let readded = add(&revoked, new_key(2, "Иванова А. А.", Party::Operator), at("2026-10-02T00:00:00Z"), &key(1));
        assert_eq!(code(readded), "trust-key-twice");
    }

    #[test]
    fn holders_are_told_apart_by_letters_alone() {
        assert_eq!(same_holder("Семёнов  С.С."), same_holder("СЕМЕНОВ С. С."));
        assert_ne!(same_holder("Иванова А. А."), same_holder("Иванова А. Б."));
    }
}
