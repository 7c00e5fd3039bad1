//! The committed vectors under `tests/vectors/certificate/`: one good certificate, broken ones that name the layer which
//! must refuse them, lists, public keys and a small case folder. `LASTBELL_WRITE_VECTORS=1` writes them again; otherwise a
//! difference between the files and what is made here fails.

use super::example::*;
use lastbell::certificate::{
    check::{FoundEvidence, Question, Verdict, check, expected_evidence},
    envelope::PayloadType,
    keys::{KeyId, PublicKey},
    scalars::{Digest, Party},
    statement::*,
    trust::{self, Policy},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A line of `cases.json`.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(super) struct Case {
    pub(super) file: String,
    trust: Option<String>,
    pinned_root: Option<KeyId>,
    with_evidence: bool,
    pub(super) verdict: Verdict,
    layer: String,
    code: String,
    /// Whether docs/check-with-openssl.sh, given the keys of chair, member and engineer and threshold 2, ends with 0.
    pub(super) openssl_says_good: bool,
}

pub(super) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/certificate")
}

pub(super) fn repository_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a file with what this program makes, or writes it.
pub(super) fn same_or_written(path: &Path, bytes: &[u8]) {
    if std::env::var_os("LASTBELL_WRITE_VECTORS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let committed = fs::read(path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    assert!(committed == bytes, "{} is not what is made today", path.display());
}

pub(super) fn edited(statement: &Statement, from: &str, to: &str) -> Vec<u8> {
    let payload = String::from_utf8(statement.to_payload().unwrap()).unwrap();
    assert!(payload.contains(from), "{from}");
    payload.replacen(from, to, 1).into_bytes()
}

pub(super) fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The signatures of an envelope as they stand in its text.
pub(super) fn signature_texts(envelope: &str) -> (String, Vec<String>) {
    let list = envelope.split_once('[').unwrap().1.split_once(']').unwrap().0.to_owned();
    let each = list.split("},").map(|one| format!("{}}}", one.trim_end_matches('}'))).collect();
    (list, each)
}

pub(super) type Made = (&'static str, Vec<u8>, Option<&'static str>, Verdict, &'static str, &'static str, bool);

/// Every committed certificate: name, bytes, list, and what must be said of it.
pub(super) fn made() -> Vec<Made> {
    use Verdict::*;
    let good_text = text_of(&good());
    let (list, each) = signature_texts(&good_text);
    let swap = |new: String| good_text.replace(&list, &new).into_bytes();
    let payload = statement().to_payload().unwrap();
    let certificate = |payload: Vec<u8>| sign_payload(payload, PayloadType::Certificate, &[CHAIR, MEMBER]).to_bytes();
    let approval = sign_payload(payload, PayloadType::Approval, &[CHAIR, MEMBER]).to_bytes();
    let retyped = text_of(&approval).replace(PayloadType::Approval.text(), PayloadType::Certificate.text());
    let other = text_of(&certificate(edited(&statement(), "\"rows_waived\":12", "\"rows_waived\":12 ")));
    let foreign_payload = {
        let changed = text_of(&certificate(edited(&statement(), "LB-77-0001-1", "LB-77-0001-2")));
        changed.replace(&signature_texts(&changed).0, &list)
    };
    let all = Some("trust.json");
    vec![
        ("good.json", good(), all, Valid, "trust", "trust-threshold-met", true),
        (
            "good-all-three.json",
            sign(&statement(), &[CHAIR, MEMBER, ENGINEER]).to_bytes(),
            all,
            Valid,
            "trust",
            "trust-threshold-met",
            true,
        ),
        ("good.json", good(), None, NotChecked, "signatures", "signatures-fit-untrusted", true),
        ("good.json", good(), Some("trust-revoked.json"), Revoked, "trust", "trust-too-few", true),
        ("good.json", good(), Some("trust-without-member.json"), UnknownKey, "trust", "trust-too-few", true),
        ("good.json", good(), Some("trust-one-holder.json"), Invalid, "trust", "trust-too-few", true),
        ("good.json", good(), Some("trust-other-root.json"), NotChecked, "trust", "trust-root-not-pinned", true),
        (
            "broken-garbage.json",
            b"\x00\xff not a certificate\n".to_vec(),
            all,
            Invalid,
            "bytes",
            "envelope-not-canonical",
            false,
        ),
        ("broken-empty.json", vec![], all, Invalid, "bytes", "envelope-not-canonical", false),
        (
            "broken-two-newlines.json",
            [good(), b"\n".to_vec()].concat(),
            all,
            Invalid,
            "bytes",
            "envelope-not-canonical",
            false,
        ),
        (
            "broken-spaced.json",
            good_text.replacen(':', ": ", 1).into_bytes(),
            all,
            Invalid,
            "bytes",
            "envelope-not-canonical",
            false,
        ),
        ("broken-approval.json", approval, all, Invalid, "bytes", "envelope-wrong-type", false),
        (
            "broken-base64.json",
            good_text.replacen("==\"", "=\"", 1).into_bytes(),
            all,
            Invalid,
            "bytes",
            "envelope-base64",
            false,
        ),
        ("broken-unsigned.json", swap(String::new()), all, Invalid, "bytes", "envelope-unsigned", false),
        (
            "broken-signature-twice.json",
            swap(format!("{0},{0}", each[0])),
            all,
            Invalid,
            "bytes",
            "envelope-key-twice",
            false,
        ),
        (
            "broken-order.json",
            swap(format!("{},{}", each[1], each[0])),
            all,
            Invalid,
            "bytes",
            "envelope-not-sorted",
            false,
        ),
        ("broken-payload-spelling.json", other.into_bytes(), all, Invalid, "bytes", "statement-not-canonical", true),
        (
            "broken-coverage.json",
            certificate(edited(&statement(), "\"rows_proved\":8900", "\"rows_proved\":8901")),
            all,
            Invalid,
            "bytes",
            "statement-rule",
            true,
        ),
        (
            "broken-terminal.json",
            certificate(edited(&statement(), "окно работ", "окно\\u001b[2J")),
            all,
            Invalid,
            "bytes",
            "statement-text",
            true,
        ),
        ("broken-retyped.json", retyped.into_bytes(), all, Invalid, "signatures", "envelope-signature-invalid", false),
        (
            "broken-other-payload.json",
            foreign_payload.into_bytes(),
            all,
            Invalid,
            "signatures",
            "envelope-signature-invalid",
            false,
        ),
        (
            "broken-renamed-key.json",
            swap(renamed_key(&each)),
            all,
            Invalid,
            "signatures",
            "envelope-signature-invalid",
            false,
        ),
        (
            "broken-stranger.json",
            sign(&statement(), &[CHAIR, MEMBER, STRANGER]).to_bytes(),
            all,
            UnknownKey,
            "signatures",
            "envelope-key-unknown",
            false,
        ),
        (
            "broken-one-signer.json",
            sign(&statement(), &[CHAIR]).to_bytes(),
            all,
            Invalid,
            "trust",
            "trust-too-few",
            false,
        ),
        ("broken-evidence.json", certificate(other_evidence()), all, Invalid, "evidence", "evidence-differs", false),
        (
            "broken-evidence-missing.json",
            certificate(missing_evidence()),
            all,
            NotChecked,
            "evidence",
            "evidence-missing",
            false,
        ),
    ]
}

/// The first signature under the key id of the engineer, whom the list trusts; sorted as the format asks.
pub(super) fn renamed_key(each: &[String]) -> String {
    let engineer = key(ENGINEER).key_id().to_string();
    let old = each[0].split("\"keyid\":\"").nth(1).unwrap()[..64].to_owned();
    let mut list = [each[0].replace(&old, &engineer), each[1].clone()];
    list.sort();
    list.join(",")
}

pub(super) fn other_evidence() -> Vec<u8> {
    let mut statement = statement();
    statement.subject[3].digest.sha256 = Digest::of(b"another plan");
    statement.to_payload().unwrap()
}

pub(super) fn missing_evidence() -> Vec<u8> {
    let mut statement = statement();
    let digest = DigestSet { sha256: Digest::of(b"") };
    statement.subject.push(Evidence { name: text("work-not-there.json"), digest });
    statement.to_payload().unwrap()
}

pub(super) fn lists() -> Vec<(&'static str, Vec<u8>)> {
    let revoked = trust::revoke(&trust_list(), key(MEMBER).key_id(), "утрачен", at("2026-11-25T00:00:00Z"), &key(ROOT));
    let one_holder =
        vec![listed(CHAIR, "Иванова А. А.", Party::Operator), listed(MEMBER, "иванова А.А.", Party::Operator)];
    let without = vec![listed(CHAIR, "Иванова А. А.", Party::Operator)];
    let other_root = trust::new("Образцовая область", Policy::default(), at("2026-09-01T00:00:00Z"), &key(STRANGER));
    vec![
        ("trust.json", trust_list()),
        ("trust-revoked.json", revoked.unwrap()),
        ("trust-one-holder.json", trust_with(Policy::default(), one_holder)),
        ("trust-without-member.json", trust_with(Policy::default(), without)),
        ("trust-other-root.json", other_root.unwrap()),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let case = |(file, _, trust, verdict, layer, code, openssl_says_good): Made| Case {
        file: text(file),
        trust: trust.map(text),
        pinned_root: trust.map(|_| key(ROOT).key_id()),
        with_evidence: true,
        verdict,
        layer: text(layer),
        code: text(code),
        openssl_says_good,
    };
    made().into_iter().map(case).collect()
}

/// Once per run, so that no test reads a file that another is writing.
pub(super) fn write_or_compare_vectors() {
    static DONE: std::sync::Once = std::sync::Once::new();
    DONE.call_once(write_or_compare_each);
}

pub(super) fn write_or_compare_each() {
    let folder = vectors();
    for (name, bytes, ..) in made() {
        same_or_written(&folder.join(name), &bytes);
    }
    for (name, bytes) in lists() {
        same_or_written(&folder.join(name), &bytes);
    }
    for (name, content) in CASE {
        same_or_written(&folder.join("case").join(name), content.as_bytes());
    }
    let journal: String = JOURNAL.iter().map(|line| format!("{line}\n")).collect();
    same_or_written(&folder.join("case/journal.jsonl"), journal.as_bytes());
    for (name, seed) in [("root", ROOT), ("chair", CHAIR), ("member", MEMBER), ("engineer", ENGINEER)] {
        let pem = PublicKey::Signing(key(seed).public()).to_pem();
        same_or_written(&folder.join(format!("{name}.pub.pem")), pem.as_bytes());
    }
    let cases = serde_json::to_string_pretty(&cases()).unwrap() + "\n";
    same_or_written(&folder.join("cases.json"), cases.as_bytes());
}

/// Digests of what the vectors' case folder holds under the expected names.
pub(super) fn look_at_case(certificate: &[u8]) -> Vec<FoundEvidence> {
    let Ok(statement) = lastbell::certificate::check::read_statement(certificate) else { return vec![] };
    let find = |name: &str, first_lines: Option<u64>| {
        let bytes = fs::read(vectors().join("case").join(name)).ok()?;
        let lines = first_lines.map_or(usize::MAX, |lines| usize::try_from(lines).unwrap());
        Some(Digest::of(&bytes.split_inclusive(|byte| *byte == b'\n').take(lines).collect::<Vec<_>>().concat()))
    };
    let look = expected_evidence(&statement).into_iter();
    look.map(|file| FoundEvidence { sha256: find(&file.name, file.first_lines), name: file.name }).collect()
}

#[test]
pub(super) fn every_vector_gets_its_verdict_from_its_layer() {
    write_or_compare_vectors();
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(vectors().join("cases.json")).unwrap()).unwrap();
    assert!(cases.len() > 20, "the list of vectors is whole");
    for case in cases {
        let certificate = fs::read(vectors().join(&case.file)).unwrap();
        let trust = case.trust.as_ref().map(|name| fs::read(vectors().join(name)).unwrap());
        let evidence = look_at_case(&certificate);
        let report = check(&Question {
            certificate: &certificate,
            trust: trust.as_deref(),
            pinned_root: case.pinned_root,
            now: at(NOW),
            evidence: case.with_evidence.then_some(&evidence),
        });
        let report_json = serde_json::to_value(&report).unwrap();
        assert_eq!(report.verdict, case.verdict, "{} by {:?}: {report_json:#}", case.file, case.trust);
        assert_eq!(report_json["layers"][&case.layer]["code"], case.code, "{} by {:?}", case.file, case.trust);
        assert!(!report.not_checked.is_empty(), "{}: nothing is said to be open", case.file);
    }
}
