//! Judges each signature of a certificate and counts the holders behind them.
//! Reads envelope, statement and trust list, writes a verdict per signature and the threshold's figures.

use super::{Signer, SignerVerdict, Threshold};
use crate::certificate::{
    envelope::{Envelope, Signature},
    keys::{KeyId, SigningPublicKey},
    scalars::{Instant, Party},
    statement::{Person, Statement},
    trust::{CERTIFICATE_POLICY, KeyStatus, TrustList, TrustedKey, same_holder},
};
use std::collections::BTreeMap;

/// A verdict per signature, in the envelope's order. `Counted` here means: may be counted.
pub(super) fn judge(envelope: &Envelope, statement: &Statement, list: Option<&TrustList>, now: Instant) -> Vec<Signer> {
    let named: BTreeMap<KeyId, (&Person, &SigningPublicKey)> =
        statement.signers().map(|(person, key)| (key.key_id, (person, &key.spki))).collect();
    let one = |signature: &Signature| {
        let named = named.get(&signature.key_id);
        let listed = list.and_then(|list| list.keys.get(&signature.key_id));
        let key = listed.map(|key| &key.spki).or(named.map(|(_, key)| *key));
        let verdict = match key {
            None => SignerVerdict::UnknownKey,
            Some(key) if !envelope.fits(signature, key) => SignerVerdict::Invalid,
            Some(_) => match listed {
                Some(listed) => trusted(listed, named.is_some(), statement.predicate.issued_at, now),
                None if list.is_some() => SignerVerdict::NotListed,
                None => SignerVerdict::FitsUntrusted,
            },
        };
        Signer {
            key_id: signature.key_id,
            holder: listed.map(|key| key.holder.clone()),
            party: listed.map(|key| key.party),
            name_stated: named.map(|(person, _)| person.name.clone()),
            party_stated: named.map(|(person, _)| person.party),
            verdict,
        }
    };
    envelope.signatures().iter().map(one).collect()
}

/// A revoked key is worth nothing at any time: without a time-stamp, whoever stole it can date back. A key's time is
/// held against the statement's own date and against the present.
fn trusted(key: &TrustedKey, named: bool, issued_at: Instant, now: Instant) -> SignerVerdict {
    let over = |at: Instant| key.not_after.is_some_and(|end| end < at);
    match key.status {
        KeyStatus::Revoked => SignerVerdict::Revoked,
        KeyStatus::Active if over(issued_at) || over(now) => SignerVerdict::Expired,
        KeyStatus::Active if issued_at < key.not_before || now < key.not_before => SignerVerdict::NotYetValid,
        KeyStatus::Active if !named => SignerVerdict::NotNamed,
        KeyStatus::Active => SignerVerdict::Counted,
    }
}

/// Counts distinct holders by the trust list's names; a holder's further keys become `SameHolder`.
/// `None` when the list has no policy for certificates.
pub(super) fn count(signers: &mut [Signer], statement: &Statement, list: &TrustList) -> Option<Threshold> {
    let policy = list.policies.get(CERTIFICATE_POLICY)?;
    let mut holders: BTreeMap<String, Option<Party>> = BTreeMap::new();
    for signer in signers.iter_mut().filter(|signer| signer.verdict == SignerVerdict::Counted) {
        let holder = same_holder(signer.holder.as_deref().expect("a counted key stands in the list"));
        if holders.insert(holder, signer.party).is_some() {
            signer.verdict = SignerVerdict::SameHolder;
        }
    }
    let by_statement = statement.predicate.policy.threshold;
    let outsiders = holders.values().filter(|party| **party != Some(Party::Processor)).count();
    Some(Threshold {
        needed: policy.threshold.max(by_statement),
        by_trust: policy.threshold,
        by_statement,
        counted: as_count(holders.len()),
        counted_not_processor: as_count(outsiders),
        at_least_one_not_processor: policy.at_least_one_not_processor,
    })
}

fn as_count(holders: usize) -> u32 {
    u32::try_from(holders).expect("an envelope holds at most 64 signatures")
}
