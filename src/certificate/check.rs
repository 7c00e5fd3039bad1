//! Judges a certificate: its bytes, its signatures, the trust in its signers, its evidence; each layer by itself.
//! Reads bytes and digests that the caller brings, writes a report. Garbage is a verdict, not an error.
//!
//! Six verdicts, never collapsed into two: a verifier once reported a forged document as an unsigned one. «Valid» needs
//! every signature in the file to fit, the holders that the trust list asks for, and no evidence that differs or lacks;
//! without a trust list nothing is ever valid.

mod signers;

use crate::{
    certificate::{
        claims::Claim,
        envelope::{Envelope, PayloadType},
        keys::KeyId,
        scalars::{Digest, Instant, Level, Party, State},
        statement::{Coverage, JOURNAL_FILE, Outcome, Statement},
        trust::{self, CERTIFICATE_POLICY, TrustList},
    },
    failure::{Failure, Result},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is judged, by what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The certificate file.
    pub certificate: &'a [u8],
    /// The trust file, if one was given.
    pub trust: Option<&'a [u8]>,
    /// The root key id that the trust file must have.
    pub pinned_root: Option<KeyId>,
    /// The present time.
    pub now: Instant,
    /// What the caller found under the names of [`expected_evidence`], if it looked.
    pub evidence: Option<&'a [FoundEvidence]>,
}

/// A file that the certificate rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedEvidence {
    /// Its path in the case folder.
    pub name: String,
    /// Its digest.
    pub sha256: Digest,
    /// When set, the digest is that of so many first lines: the journal grows.
    pub first_lines: Option<u64>,
}

/// What the caller found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEvidence {
    /// Path in the case folder.
    pub name: String,
    /// Its digest; `None` when there is no such file.
    pub sha256: Option<Digest>,
}

/// The verdict over all layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The holders that the trust list asks for signed exactly these bytes. `not_checked` says what that leaves open.
    Valid,
    /// Damaged, altered, not signed by those who must sign, or not fitting its evidence.
    Invalid,
    /// A signature is by a key that is not known.
    UnknownKey,
    /// Too few signers are left without a revoked key.
    Revoked,
    /// Too few signers are left whose keys are within their time.
    Expired,
    /// No trust list that could be used, or evidence that is missing.
    NotChecked,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckReport {
    /// The verdict.
    pub verdict: Verdict,
    /// What led to it.
    pub layers: Layers,
    /// Who signed.
    pub signers: Vec<Signer>,
    /// How many were needed; `null` when the trust layer was not reached.
    pub threshold: Option<Threshold>,
    /// The trust list that was used.
    pub trust: Option<TrustUsed>,
    /// Codes of what this check leaves open.
    pub not_checked: Vec<String>,
    /// What the certificate states; `null` when it could not be read.
    pub statement: Option<Summary>,
}

/// The layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// Envelope and statement are well-formed, in their one spelling, and keep the format's rules.
    pub bytes: Layer,
    /// Every signature fits its key.
    pub signatures: Layer,
    /// The signers are those that the trust list asks for.
    pub trust: Layer,
    /// The files are those that were signed.
    pub evidence: Layer,
}

/// The answer of one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Pass, fail, or not checked.
    pub state: State,
    /// Message.
    pub code: String,
    /// Placeholders of the message.
    pub detail: BTreeMap<String, String>,
}

/// A signature's maker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The key.
    pub key_id: KeyId,
    /// Its holder by the trust list.
    pub holder: Option<String>,
    /// The holder's party by the trust list.
    pub party: Option<Party>,
    /// The name that the statement gives.
    pub name_stated: Option<String>,
    /// The party that the statement gives.
    pub party_stated: Option<Party>,
    /// The verdict on this signature.
    pub verdict: SignerVerdict,
}

/// The verdict on one signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignerVerdict {
    /// Fits, trusted, counted.
    Counted,
    /// Fits and is trusted, but its holder was counted already.
    SameHolder,
    /// Fits and is trusted, but the statement does not name this key as a signer.
    NotNamed,
    /// Fits a key that the statement names, without a list that says whether to trust it.
    FitsUntrusted,
    /// Fits a key that the statement names and the trust list does not have.
    NotListed,
    /// The trust list revoked the key.
    Revoked,
    /// The key's time is over.
    Expired,
    /// The key's time had not begun.
    NotYetValid,
    /// Does not fit the key that it names.
    Invalid,
    /// The key that it names is nowhere to be found.
    UnknownKey,
}

/// How many holders were needed and found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The larger of the next two.
    pub needed: u32,
    /// By the trust list.
    pub by_trust: u32,
    /// By the statement.
    pub by_statement: u32,
    /// Distinct holders counted.
    pub counted: u32,
    /// Of these, not of the processor.
    pub counted_not_processor: u32,
    /// Whether one of them at least must not be of the processor.
    pub at_least_one_not_processor: bool,
}

impl Threshold {
    fn is_met(&self) -> bool {
        self.counted >= self.needed && !self.lacks_outsider()
    }

    fn lacks_outsider(&self) -> bool {
        self.at_least_one_not_processor && self.counted_not_processor == 0
    }
}

/// The trust list that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustUsed {
    /// Whose.
    pub region: String,
    /// Which version.
    pub version: u64,
    /// When it was made.
    pub issued_at: Instant,
    /// To compare with the published one.
    pub root_key_id: KeyId,
    /// Whether the caller pinned it.
    pub root_pinned: bool,
}

/// The statement in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Its number.
    pub certificate_id: String,
    /// When it was frozen, by its maker's clock.
    pub issued_at: Instant,
    /// Whose data.
    pub operator: String,
    /// The operator's taxpayer number, for the register.
    pub operator_inn: String,
    /// Contractor.
    pub processor: Option<String>,
    /// Which system.
    pub system: String,
    /// The day of the act.
    pub destroyed_on: crate::certificate::scalars::Day,
    /// What came of it.
    pub outcome: Outcome,
    /// Level by store.
    pub levels: BTreeMap<String, Level>,
    /// The headline figures.
    pub coverage: Coverage,
    /// Places where a destroyed value was found; `null` when nobody looked.
    pub residue_hits: Option<u64>,
    /// Known remains elsewhere.
    pub exceptions: u64,
    /// Units that still stand.
    pub standing_units: u64,
    /// The certificate that it replaces.
    pub supersedes: Option<String>,
    /// What is claimed.
    pub claims: Vec<Claim>,
}

/// Reads the statement inside a certificate, whoever signed it.
///
/// # Errors
/// Those of [`Envelope::parse`] and [`Statement::from_payload`].
pub fn read_statement(certificate: &[u8]) -> Result<Statement> {
    Statement::from_payload(Envelope::parse(certificate, PayloadType::Certificate)?.payload())
}

/// The files to look at for [`Question::evidence`], the journal's first lines among them.
#[must_use]
pub fn expected_evidence(statement: &Statement) -> Vec<ExpectedEvidence> {
    let files = statement.subject.iter().map(|evidence| ExpectedEvidence {
        name: evidence.name.clone(),
        sha256: evidence.digest.sha256,
        first_lines: None,
    });
    let journal = statement.predicate.journal;
    let journal =
        ExpectedEvidence { name: JOURNAL_FILE.into(), sha256: journal.sha256, first_lines: Some(journal.entries) };
    files.chain([journal]).collect()
}

/// Judges a certificate.
#[must_use]
pub fn check(question: &Question<'_>) -> CheckReport {
    let read = Envelope::parse(question.certificate, PayloadType::Certificate)
        .and_then(|envelope| Ok((Statement::from_payload(envelope.payload())?, envelope)));
    let (statement, envelope) = match read {
        Ok(read) => read,
        Err(failure) => return unreadable(&failure),
    };
    let trust = question.trust.map(|file| trust::open(file, question.pinned_root));
    let list = trust.as_ref().and_then(|read| read.as_ref().ok());
    let mut signers = signers::judge(&envelope, &statement, list, question.now);
    let threshold = list.and_then(|list| signers::count(&mut signers, &statement, list));
    let layers = Layers {
        bytes: Layer::new(State::Pass, "bytes-well-formed"),
        signatures: signatures_layer(&signers),
        trust: trust_layer(trust.as_ref(), threshold.as_ref()),
        evidence: evidence_layer(&statement, question.evidence),
    };
    CheckReport {
        verdict: verdict(&layers, &signers, threshold.as_ref()),
        not_checked: left_open(question, &statement, &layers, list),
        trust: list.map(|list| TrustUsed::of(list, question.pinned_root.is_some())),
        statement: Some(Summary::of(&statement)),
        layers,
        signers,
        threshold,
    }
}

fn unreadable(failure: &Failure) -> CheckReport {
    let unreached = || Layer::new(State::Unknown, "layer-not-reached");
    CheckReport {
        verdict: Verdict::Invalid,
        layers: Layers {
            bytes: Layer::failed(failure),
            signatures: unreached(),
            trust: unreached(),
            evidence: unreached(),
        },
        signers: Vec::new(),
        threshold: None,
        trust: None,
        not_checked: ["signatures", "trust", "evidence"].map(String::from).into(),
        statement: None,
    }
}

fn verdict(layers: &Layers, signers: &[Signer], threshold: Option<&Threshold>) -> Verdict {
    let any = |verdict| signers.iter().any(|signer| signer.verdict == verdict);
    if layers.signatures.state == State::Fail || layers.evidence.state == State::Fail {
        return Verdict::Invalid;
    }
    let Some(threshold) = threshold else { return Verdict::NotChecked };
    if any(SignerVerdict::UnknownKey) {
        return Verdict::UnknownKey; // a signature that nobody could check is a byte that nobody vouches for
    }
    if threshold.is_met() {
        return if layers.evidence.code == "evidence-missing" { Verdict::NotChecked } else { Verdict::Valid };
    }
    if any(SignerVerdict::Revoked) {
        Verdict::Revoked
    } else if any(SignerVerdict::Expired) || any(SignerVerdict::NotYetValid) {
        Verdict::Expired
    } else if any(SignerVerdict::NotListed) {
        Verdict::UnknownKey
    } else {
        Verdict::Invalid
    }
}

fn signatures_layer(signers: &[Signer]) -> Layer {
    let first = |verdict| signers.iter().find(|signer| signer.verdict == verdict);
    if let Some(signer) = first(SignerVerdict::Invalid) {
        return Layer::new(State::Fail, "envelope-signature-invalid").with("key_id", signer.key_id);
    }
    if let Some(signer) = first(SignerVerdict::UnknownKey) {
        return Layer::new(State::Unknown, "envelope-key-unknown").with("key_id", signer.key_id);
    }
    if signers.iter().any(|signer| signer.verdict == SignerVerdict::FitsUntrusted) {
        return Layer::new(State::Pass, "signatures-fit-untrusted").with("signatures", signers.len());
    }
    Layer::new(State::Pass, "signatures-fit").with("signatures", signers.len())
}

fn trust_layer(trust: Option<&Result<TrustList>>, threshold: Option<&Threshold>) -> Layer {
    let list = match trust {
        None => return Layer::new(State::Unknown, "trust-not-given"),
        Some(Err(failure)) => return Layer::failed(failure),
        Some(Ok(list)) => list,
    };
    let Some(threshold) = threshold else {
        return Layer::new(State::Unknown, "trust-no-policy").with("policy", CERTIFICATE_POLICY);
    };
    let layer = if threshold.counted < threshold.needed {
        Layer::new(State::Fail, "trust-too-few")
    } else if threshold.lacks_outsider() {
        Layer::new(State::Fail, "trust-processor-only")
    } else {
        Layer::new(State::Pass, "trust-threshold-met")
    };
    layer.with("counted", threshold.counted).with("needed", threshold.needed).with("root", list.root_key_id())
}

impl CheckReport {
    /// The case folder itself does not hold together, in a file that the certificate does not name: the journal whose
    /// first lines were signed vouches for it.
    pub fn evidence_broken(&mut self, failure: &Failure) {
        if self.statement.is_some() && self.layers.evidence.state != State::Fail {
            self.layers.evidence = Layer::failed(failure);
            self.verdict = Verdict::Invalid;
            self.not_checked.retain(|code| code != "evidence");
        }
    }
}

/// A file that differs fails; a file that is missing is unknown. All names are compared, whatever their order.
fn evidence_layer(statement: &Statement, found: Option<&[FoundEvidence]>) -> Layer {
    let Some(found) = found else { return Layer::new(State::Unknown, "evidence-not-given") };
    let expected = expected_evidence(statement);
    let digests = |name: &str| -> Vec<Digest> {
        found.iter().filter(|file| file.name == name).filter_map(|file| file.sha256).collect()
    };
    if let Some(file) = expected.iter().find(|file| digests(&file.name).iter().any(|sha256| *sha256 != file.sha256)) {
        return Layer::new(State::Fail, "evidence-differs").with("name", &file.name);
    }
    match expected.iter().find(|file| digests(&file.name).is_empty()) {
        Some(file) => Layer::new(State::Unknown, "evidence-missing").with("name", &file.name),
        None => Layer::new(State::Pass, "evidence-fits").with("files", expected.len()),
    }
}

/// What the verdict says nothing about. The first three hold for every certificate.
fn left_open(question: &Question<'_>, statement: &Statement, layers: &Layers, list: Option<&TrustList>) -> Vec<String> {
    let mut open = vec!["truth-of-claims", "time-of-signing", "other-copies"];
    match list {
        None => open.push("trust"),
        Some(_) => open.push("newer-trust-list"),
    }
    if list.is_some() && question.pinned_root.is_none() {
        open.push("root-not-pinned");
    }
    if layers.evidence.state == State::Unknown {
        open.push("evidence");
    }
    if statement.predicate.issued_at > question.now {
        open.push("issued-in-the-future");
    }
    open.into_iter().map(String::from).collect()
}

impl Layer {
    fn new(state: State, code: &str) -> Self {
        Self { state, code: code.into(), detail: BTreeMap::new() }
    }

    fn failed(failure: &Failure) -> Self {
        let args = failure.args.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Self { state: State::Fail, code: failure.code.into(), detail: args.collect() }
    }

    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.detail.insert(name.into(), value.to_string());
        self
    }
}

impl TrustUsed {
    fn of(list: &TrustList, root_pinned: bool) -> Self {
        Self {
            region: list.region.clone(),
            version: list.version,
            issued_at: list.issued_at,
            root_key_id: list.root_key_id(),
            root_pinned,
        }
    }
}

impl Summary {
    fn of(statement: &Statement) -> Self {
        let of = &statement.predicate;
        Self {
            certificate_id: of.certificate_id.clone(),
            issued_at: of.issued_at,
            operator: of.operator.name.clone(),
            operator_inn: of.operator.inn.clone(),
            processor: of.processor.as_ref().map(|processor| processor.name.clone()),
            system: of.system.name.clone(),
            destroyed_on: of.destroyed_on,
            outcome: of.outcome,
            levels: of.levels.iter().map(|level| (level.store.clone(), level.level)).collect(),
            coverage: of.coverage.clone(),
            residue_hits: of.residue.as_ref().map(|residue| residue.hits),
            exceptions: of.exceptions.len() as u64,
            standing_units: of.standing_units.len() as u64,
            supersedes: of.supersedes.clone(),
            claims: of.claims.clone(),
        }
    }
}
