//! The certificate from outside: every byte touched, tricks with signers, rules of a statement, evidence, the manual;
//! beside it the committed vectors and openssl. All persons and numbers are invented.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "certificate/example.rs"]
mod example;
#[path = "certificate/openssl.rs"]
mod openssl;
#[path = "certificate/vectors.rs"]
mod vectors;

use example::*;
use lastbell::certificate::{
    check::{FoundEvidence, Question, SignerVerdict, Verdict, check},
    claims::ClaimCode,
    envelope::{Envelope, PayloadType},
    scalars::{Digest, Party, State},
    statement::*,
    trust::{self, Policy},
};
use std::fs;
use vectors::*;

// every byte counts

/// One bit; upper and lower case; a byte above ASCII: the changes that lenient readers forgive.
const MASKS: [u8; 3] = [0x01, 0x20, 0x80];

#[test]
fn no_changed_byte_of_a_certificate_is_ever_valid() {
    let (bytes, trust) = (sign(&statement(), &[CHAIR, MEMBER, ENGINEER]).to_bytes(), trust_list());
    assert_eq!(judge(&bytes, Some(&trust)).verdict, Verdict::Valid);
    let payload_end = bytes.iter().position(|byte| *byte == b',').unwrap();
    for place in (payload_end..bytes.len()).chain((0..payload_end).step_by(23)) {
        for mask in MASKS {
            let mut changed = bytes.clone();
            changed[place] ^= mask;
            assert_ne!(judge(&changed, Some(&trust)).verdict, Verdict::Valid, "byte {place} xor {mask:#x}");
        }
    }
}

#[test]
fn no_changed_byte_of_the_payload_leaves_the_signed_bytes() {
    let envelope = sign(&statement(), &[CHAIR]);
    let bytes = envelope.to_bytes();
    for place in 0..bytes.iter().position(|byte| *byte == b',').unwrap() {
        let masks = if place % 7 == 0 { &MASKS[..] } else { &MASKS[..1] };
        for mask in masks {
            let mut changed = bytes.clone();
            changed[place] ^= mask;
            let same = Envelope::parse(&changed, PayloadType::Certificate)
                .is_ok_and(|read| read.payload() == envelope.payload());
            assert!(!same, "byte {place} xor {mask:#x} is another spelling of the same payload");
        }
    }
}

#[test]
fn no_removed_or_doubled_byte_is_ever_valid() {
    let (bytes, trust) = (good(), trust_list());
    let payload_end = bytes.iter().position(|byte| *byte == b',').unwrap();
    for place in (payload_end..bytes.len() - 1).chain((0..payload_end).step_by(23)) {
        let removed = [&bytes[..place], &bytes[place + 1..]].concat();
        assert_ne!(judge(&removed, Some(&trust)).verdict, Verdict::Valid, "without byte {place}");
        let doubled = [&bytes[..=place], &bytes[place..]].concat();
        assert_ne!(judge(&doubled, Some(&trust)).verdict, Verdict::Valid, "byte {place} twice");
    }
}

#[test]
fn no_changed_byte_of_a_trust_list_is_ever_trusted() {
    let list = trust_list();
    for place in 0..list.len() {
        for mask in MASKS {
            let mut changed = list.clone();
            changed[place] ^= mask;
            assert!(trust::open(&changed, Some(key(ROOT).key_id())).is_err(), "byte {place} xor {mask:#x}");
        }
    }
    let mut changed = list;
    changed[100] ^= 1;
    assert_eq!(judge(&good(), Some(&changed)).verdict, Verdict::NotChecked, "the certificate is not called forged");
}

// tricks with signers

#[test]
fn two_keys_of_one_holder_are_one_signer() {
    let mut two_keys = predicate();
    two_keys.persons.push(person(CHAIR_AGAIN, PersonRole::Secretary, "секретарь", "Иванова-Вторая", Party::Operator));
    two_keys.policy.of = 4;
    let bytes = sign(&statement_of(two_keys), &[CHAIR, CHAIR_AGAIN]).to_bytes();
    let mut keys = commission_keys();
    keys.push(listed(CHAIR_AGAIN, "ИВАНОВА А.А.", Party::Operator));
    let report = judge_by(&bytes, keys);
    assert_eq!(report.verdict, Verdict::Invalid);
    assert_eq!(verdicts(&report), [SignerVerdict::Counted, SignerVerdict::SameHolder]);
    assert_eq!(report.threshold.unwrap().counted, 1);
}

#[test]
fn the_contractor_alone_never_makes_it_valid() {
    let bytes = sign(&statement(), &[MEMBER, ENGINEER]).to_bytes();
    let keys =
        vec![listed(MEMBER, "Петров Б. Б.", Party::Processor), listed(ENGINEER, "Сидоров В. В.", Party::Processor)];
    let report = judge_by(&bytes, keys.clone());
    // The statement calls one of them the operator's; the list knows better.
    assert_eq!((report.verdict, report.layers.trust.code.as_str()), (Verdict::Invalid, "trust-processor-only"));
    let relaxed = trust_with(Policy { threshold: 2, at_least_one_not_processor: false }, keys);
    assert_eq!(judge(&bytes, Some(&relaxed)).verdict, Verdict::Valid, "only a list that says so allows it");
}

#[test]
fn the_higher_threshold_holds() {
    let three = Policy { threshold: 3, at_least_one_not_processor: true };
    assert_eq!(judge(&good(), Some(&trust_with(three, commission_keys()))).verdict, Verdict::Invalid, "the list's");
    let mut strict = predicate();
    strict.policy.threshold = 3;
    let bytes = sign(&statement_of(strict), &[CHAIR, MEMBER]).to_bytes();
    assert_eq!(judge(&bytes, Some(&trust_list())).verdict, Verdict::Invalid, "the statement's");
    let mut lax = predicate();
    lax.policy.threshold = 1;
    let bytes = sign(&statement_of(lax), &[CHAIR]).to_bytes();
    assert_eq!(judge(&bytes, Some(&trust_list())).verdict, Verdict::Invalid, "a statement cannot lower the list's");
}

#[test]
fn a_trusted_key_that_the_statement_does_not_name_is_not_counted() {
    let mut keys = commission_keys();
    keys.push(listed(STRANGER, "Посторонний П. П.", Party::Operator));
    let report = judge_by(&sign(&statement(), &[CHAIR, STRANGER]).to_bytes(), keys.clone());
    assert_eq!(report.verdict, Verdict::Invalid);
    assert!(verdicts(&report).contains(&SignerVerdict::NotNamed));
    let report = judge_by(&sign(&statement(), &[CHAIR, MEMBER, STRANGER]).to_bytes(), keys);
    assert_eq!(report.verdict, Verdict::Valid, "it does no harm beside enough others");
}

#[test]
fn a_key_outside_its_time_is_not_counted() {
    let with = |not_before: &str, not_after: Option<&str>| {
        let mut keys = commission_keys();
        keys[1].not_before = at(not_before);
        keys[1].not_after = not_after.map(at);
        judge_by(&good(), keys)
    };
    let from = "2026-09-01T00:00:00Z";
    assert_eq!(with(from, Some("2027-01-01T00:00:00Z")).verdict, Verdict::Valid);
    assert_eq!(with(from, Some("2026-11-30T00:00:00Z")).verdict, Verdict::Expired, "over by now");
    assert_eq!(with(from, Some("2026-11-01T00:00:00Z")).verdict, Verdict::Expired, "over when it was issued");
    let early = with("2026-11-23T00:00:00Z", None);
    assert_eq!(early.verdict, Verdict::Expired, "not begun when it was issued");
    assert!(verdicts(&early).contains(&SignerVerdict::NotYetValid));
}

#[test]
fn a_revoked_signer_beside_enough_others_is_named_and_not_counted() {
    let revoked = trust::revoke(&trust_list(), key(MEMBER).key_id(), "утрачен", at("2026-11-25T00:00:00Z"), &key(ROOT));
    let bytes = sign(&statement(), &[CHAIR, MEMBER, ENGINEER]).to_bytes();
    let report = judge(&bytes, Some(&revoked.unwrap()));
    assert_eq!(report.verdict, Verdict::Valid);
    assert!(verdicts(&report).contains(&SignerVerdict::Revoked));
    assert_eq!(report.threshold.unwrap().counted, 2);
}

#[test]
fn without_a_list_nothing_is_valid_and_a_list_made_by_the_signer_needs_no_pin_to_be_found_out() {
    let report = judge(&good(), None);
    assert_eq!((report.verdict, report.layers.trust.state), (Verdict::NotChecked, State::Unknown));
    assert_eq!(verdicts(&report), [SignerVerdict::FitsUntrusted; 2]);
    let trust = trust_list();
    let certificate = good();
    let question =
        Question { certificate: &certificate, trust: Some(&trust), pinned_root: None, now: at(NOW), evidence: None };
    let report = check(&question);
    assert!(report.not_checked.contains(&text("root-not-pinned")));
    assert_eq!(report.trust.unwrap().root_key_id, key(ROOT).key_id(), "what a reader compares");
}

#[test]
fn a_list_without_a_policy_says_nothing() {
    let list = trust::open(&trust_list(), None).unwrap();
    let bare = trust::TrustList { policies: Default::default(), ..list };
    let payload = serde_json::to_vec(&serde_json::to_value(&bare).unwrap()).unwrap();
    let file = sign_payload(payload, PayloadType::Trust, &[ROOT]).to_bytes();
    let report = judge(&good(), Some(&file));
    assert_eq!((report.verdict, report.layers.trust.code.as_str()), (Verdict::NotChecked, "trust-no-policy"));
}

// statements

#[test]
fn a_statement_reads_back_as_it_was_signed() {
    let payload = statement().to_payload().unwrap();
    assert_eq!(Statement::from_payload(&payload).unwrap(), statement());
    assert_eq!(statement().predicate.claims.len(), 9, "each claim that the example bears");
}

type Break = fn(&mut Statement);

/// The statement's target as an export, told whole.
fn as_export(statement: &mut Statement) -> &mut Target {
    let target = statement.predicate.target.as_mut().unwrap();
    let file = |name: &str, modified_at: &str| ExportFile {
        name: text(name),
        bytes: 7,
        modified_at: at(modified_at),
        sha256: Digest::of(name.as_bytes()),
    };
    let files = vec![file("marks.csv.gz", "2026-11-01T00:00:00Z"), file("pupils.csv", "2026-11-02T00:00:00Z")];
    target.kind = TargetKind::Export;
    target.read_at = at("2026-11-02T00:00:00Z");
    target.export = Some(Export { files, made_by: target.is_platform_attested_by.clone() });
    target
}

#[test]
fn an_export_is_told_with_all_its_files() {
    let mut told = statement();
    as_export(&mut told);
    assert_eq!(Statement::from_payload(&told.to_payload().unwrap()).unwrap(), told);
}

/// A way to break each rule, by the rule's name.
fn breaks() -> Vec<(&'static str, Break)> {
    vec![
        ("evidence-named", |s| s.subject.clear()),
        ("evidence-named", |s| s.subject.reverse()),
        ("evidence-named", |s| s.subject[0].name = text("../plan.json")),
        ("evidence-named", |s| s.subject[0].name = text("/etc/passwd")),
        ("evidence-named", |s| s.subject[2].name = text("journal.jsonl")),
        ("stores-named", |s| s.predicate.system.stores.clear()),
        ("stores-named", |s| s.predicate.methods[0].store = text("another")),
        ("stores-named", |s| s.predicate.levels[0].store = text("another")),
        ("groups-sorted", |s| s.predicate.categories.reverse()),
        ("levels-borne", |s| s.predicate.levels[0].preconditions[0].state = State::Unknown),
        ("levels-borne", |s| s.predicate.levels[0].level = level("L2f")),
        ("levels-borne", |s| s.predicate.levels[1].paper = Paper::Act),
        ("coverage-sums", |s| s.predicate.coverage.rows_total += 1),
        ("coverage-sums", |s| s.predicate.coverage.rows_proved = u64::MAX),
        ("coverage-sums", |s| s.predicate.coverage.left_out = 0),
        ("coverage-sums", |s| s.predicate.target = None),
        ("waivers-sum", |s| s.predicate.waivers.clear()),
        ("waivers-sum", |s| s.predicate.waivers[0].rows_max = 11),
        ("waivers-sum", |s| s.predicate.waivers[0].reason = String::new()),
        ("times-in-order", |s| s.predicate.finished_at = at("2026-11-23T00:00:00Z")),
        ("times-in-order", |s| s.predicate.destroyed_on = day("2026-11-21")),
        ("times-in-order", |s| s.predicate.destroyed_on = day("2026-11-24")),
        ("times-in-order", |s| s.predicate.retain_until = day("2029-11-21")),
        ("outcome-fits", |s| s.predicate.outcome = Outcome::Destroyed),
        ("outcome-fits", |s| s.predicate.outcome = Outcome::Incomplete),
        ("outcome-fits", |s| s.predicate.residue = None),
        ("receipt-told", |s| s.predicate.target.as_mut().unwrap().kind = TargetKind::Receipt),
        ("export-told", |s| s.predicate.target.as_mut().unwrap().kind = TargetKind::Export),
        ("export-told", |s| as_export(s).kind = TargetKind::Live),
        ("export-told", |s| as_export(s).export.as_mut().unwrap().files.clear()),
        ("export-told", |s| as_export(s).read_at = at("2026-11-01T00:00:01Z")),
        ("export-told", |s| {
            let maker = AttestedBy { name: text("Сидоров В. В."), party: Party::Processor };
            as_export(s).export.as_mut().unwrap().made_by = Some(maker);
        }),
        ("platform-attested", |s| {
            let keeper = AttestedBy { name: text("Сидоров В. В."), party: Party::Processor };
            s.predicate.target.as_mut().unwrap().is_platform_attested_by = Some(keeper);
        }),
        ("persons-distinct", |s| s.predicate.persons[1].key = s.predicate.persons[0].key),
        ("persons-distinct", |s| {
            s.predicate.persons[1].key.as_mut().unwrap().key_id = Digest::of(b"another key");
        }),
        ("threshold-reachable", |s| s.predicate.policy.threshold = 4),
        ("threshold-reachable", |s| s.predicate.policy.threshold = 0),
        ("threshold-reachable", |s| s.predicate.policy.of = 4),
        ("claims-borne", |s| s.predicate.claims.reverse()),
        ("claims-borne", |s| s.predicate.residue.as_mut().unwrap().hits = 1),
        ("claims-borne", |s| {
            *s.predicate.claims.last_mut().unwrap().by.as_mut().unwrap() =
                AttestedBy { name: text("Кто-то"), party: Party::Other };
        }),
        ("claims-borne", |s| {
            s.predicate.claims[0].figures.insert(text("stores"), 3);
        }),
        ("claims-borne", |s| s.subject.retain(|evidence| evidence.name != "plan.json")),
    ]
}

#[test]
fn every_rule_of_a_statement_can_be_broken_and_is_then_named() {
    for (place, (rule, break_it)) in breaks().into_iter().enumerate() {
        let mut statement = statement();
        break_it(&mut statement);
        let failure = statement.to_payload().expect_err(&format!("break {place} of {rule} was signed"));
        assert_eq!((failure.code, failure.arg("rule")), ("statement-rule", Some(rule)), "break {place}");
    }
}

#[test]
fn a_statement_has_one_spelling() {
    let read = |from: &str, to: &str| Statement::from_payload(&edited(&statement(), from, to)).err().map(|f| f.code);
    for (from, to) in [
        ("\"entries\":2,\"head\"", "\"entries\":2.0,\"head\""),
        ("\"entries\":2,\"head\"", "\"entries\":9007199254740992,\"head\""),
        ("\"entries\":2,\"head\"", "\"entries\":2,\"extra\":1,\"head\""),
        ("\"supersedes\":null,", ""),
        ("2026-11-22T07:05:00Z", "2026-11-22T10:05:00+03:00"),
        ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"),
        ("deletion-certificate/v1", "deletion-certificate/v2"),
        ("\"kind\":\"count\"", "\"kind\":\"names\""),
        ("\"L2\"", "\"L3\""),
    ] {
        assert_eq!(read(from, to), Some("statement-not-canonical"), "{from} as {to}");
    }
    assert_eq!(read("LB-77-0001-1", "LB-77-0001-9"), None, "the reader itself works");
}

#[test]
fn a_commitment_to_the_subjects_fits_the_same_shape() {
    let mut predicate = predicate();
    let annex =
        Evidence { name: text("verification.json"), digest: DigestSet { sha256: Digest::of(CASE[5].1.as_bytes()) } };
    predicate.subjects = Subjects::Commitment {
        count: 1000,
        groups: vec![],
        merkle: SubjectTree {
            alg: TreeAlgorithm::Rfc9162Sha256,
            leaf: text("lastbell.leaf/v1"),
            size: 1000,
            root: Digest::of(b"root"),
        },
        annex: Some(annex),
    };
    let payload = statement_of(predicate).to_payload().unwrap();
    assert!(Statement::from_payload(&payload).is_ok());
}

// evidence

#[test]
fn evidence_that_was_not_looked_at_never_counts_as_looked_at() {
    let (certificate, trust) = (good(), trust_list());
    let judge = |evidence: Option<&[FoundEvidence]>| {
        let pinned_root = Some(key(ROOT).key_id());
        check(&Question { certificate: &certificate, trust: Some(&trust), pinned_root, now: at(NOW), evidence })
    };
    let none = judge(None);
    assert_eq!((none.verdict, none.layers.evidence.state), (Verdict::Valid, State::Unknown));
    assert!(none.not_checked.contains(&text("evidence")), "{:?}", none.not_checked);
    let all = look_at_case(&certificate);
    let whole = judge(Some(&all));
    assert_eq!((whole.verdict, whole.layers.evidence.state), (Verdict::Valid, State::Pass));
    for place in 0..all.len() {
        let without: Vec<_> =
            all.iter().enumerate().filter(|(n, _)| *n != place).map(|(_, file)| file.clone()).collect();
        assert_eq!(judge(Some(&without)).verdict, Verdict::NotChecked, "{} left out", all[place].name);
        let mut missing = all.clone();
        missing[place].sha256 = None;
        assert_eq!(judge(Some(&missing)).verdict, Verdict::NotChecked, "{} missing", all[place].name);
        let mut differs = all.clone();
        differs[place].sha256 = Some(Digest::of(b"else"));
        assert_eq!(judge(Some(&differs)).verdict, Verdict::Invalid, "{} differs", all[place].name);
        let both = [all.clone(), differs].concat();
        assert_eq!(judge(Some(&both)).verdict, Verdict::Invalid, "{} found twice, unlike", all[place].name);
    }
}

// the manual

#[test]
fn the_manual_names_every_claim_rule_type_and_field() {
    let manual = fs::read_to_string(repository_file("docs/certificate-v1.md")).unwrap();
    let written = serde_json::to_value(statement()).unwrap();
    let fields = written["predicate"].as_object().unwrap().keys().cloned();
    let words = ClaimCode::ALL.into_iter().map(|code| text(code.word()));
    let rules = breaks().into_iter().map(|(rule, _)| text(rule));
    let types = [PayloadType::Certificate, PayloadType::Approval, PayloadType::Trust].map(|kind| text(kind.text()));
    for word in fields.chain(words).chain(rules).chain(types) {
        let named = manual.contains(&format!("`{word}`")) || manual.contains(&format!("`{word}[]`"));
        assert!(named, "docs/certificate-v1.md does not name {word}");
    }
}
