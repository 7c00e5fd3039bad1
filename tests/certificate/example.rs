//! An invented certificate and an invented list, made from fixed seeds; what the other files judge.

use lastbell::certificate::{
    check::{CheckReport, Question, SignerVerdict, check},
    claims::{Claim, ClaimCode},
    envelope::{Envelope, PayloadType},
    keys::SigningKey,
    scalars::{Day, Digest, Instant, Level, Party, State},
    statement::*,
    trust::{self, NewKey, Policy},
};

pub(super) const NOW: &str = "2026-12-01T00:00:00Z";
/// Seeds of the keys: root, chair, member, contractor's engineer, the chair's second key, a stranger.
pub(super) const ROOT: u8 = 1;
pub(super) const CHAIR: u8 = 2;
pub(super) const MEMBER: u8 = 3;
pub(super) const ENGINEER: u8 = 4;
pub(super) const CHAIR_AGAIN: u8 = 5;
pub(super) const STRANGER: u8 = 6;

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_random(&[seed; 32])
}

pub(super) fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

pub(super) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub(super) fn text(words: &str) -> String {
    words.to_owned()
}

/// Name and content of the evidence files; the journal stands beside them.
pub(super) const CASE: [(&str, &str); 6] = [
    ("approvals/chair.json", "{\"approval\":1}\n"),
    ("erasure.json", "{\"erasure\":1}\n"),
    ("inventory.json", "{\"inventory\":1}\n"),
    ("plan.json", "{\"plan\":1}\n"),
    ("residue.json", "{\"residue\":1}\n"),
    ("verification.json", "{\"verification\":1}\n"),
];
pub(super) const JOURNAL: [&str; 3] = ["{\"seq\":1}", "{\"seq\":2}", "{\"seq\":3}"];
pub(super) const JOURNAL_SIGNED: usize = 2;

pub(super) fn journal_prefix() -> String {
    JOURNAL[..JOURNAL_SIGNED].iter().map(|line| format!("{line}\n")).collect()
}

pub(super) fn person(seed: u8, role: PersonRole, position: &str, name: &str, party: Party) -> Person {
    Person { role, position: text(position), name: text(name), party, key: Some(key(seed).public().into()) }
}

pub(super) fn system() -> System {
    let store = |name: &str, engine: &str, product: &str, version: &str| Store {
        name: text(name),
        engine: text(engine),
        product: text(product),
        version: text(version),
        identity: Digest::of(name.as_bytes()),
    };
    System {
        name: text("ЭД «Образец»"),
        ispdn_id: text("ИСПДн-07"),
        server: Server::Dedicated,
        stores: vec![store("main", "postgres", "PostgreSQL", "15.4"), store("photos", "files", "ext4", "-")],
    }
}

pub(super) fn levels() -> Vec<StoreLevel> {
    let condition = |code: &str, blocks, state| Precondition { code: text(code), blocks: level(blocks), state };
    vec![
        StoreLevel {
            store: text("main"),
            level: level("L2"),
            preconditions: vec![
                condition("no-other-connection", "L1", State::Pass),
                condition("raw-device-readable", "L2f", State::Unknown),
            ],
            paper: Paper::Act,
        },
        StoreLevel { store: text("photos"), level: level("L0"), preconditions: vec![], paper: Paper::Protocol },
    ]
}

pub(super) fn level(word: &str) -> Level {
    Level::try_from(text(word)).unwrap()
}

pub(super) fn predicate() -> Predicate {
    let keeper = AttestedBy { name: text("Хранителева Х. Х."), party: Party::Platform };
    Predicate {
        certificate_id: text("LB-77-0001-1"),
        issued_at: at("2026-11-22T07:05:00Z"),
        language: Language::Ru,
        operator: Organisation {
            name: text("Министерство образования Образцовой области"),
            inn: text("0000000000"),
            ogrn: text("0000000000000"),
            address: text("100000, г. Образцов, ул. Примерная, д. 1"),
        },
        processor: Some(Processor {
            name: text("ООО «Подрядчик» (образец)"),
            inn: text("0000000001"),
            address: text("100000, г. Образцов, ул. Пробная, д. 2"),
            contract: text("ГК № 12 от 01.09.2026"),
        }),
        system: system(),
        legal_basis: LegalBasis {
            reason: text("purpose-reached"),
            purpose_reached_on: Some(day("2026-11-10")),
            order: Some(text("№ 101-ОД")),
            text: text("Достижение цели обработки"),
        },
        categories: vec![
            Category { code: text("name"), title: text("фамилия, имя, отчество") },
            Category { code: text("national_id"), title: text("СНИЛС") },
        ],
        subjects: Subjects::Count {
            count: 1000,
            groups: vec![
                SubjectGroup { code: text("parent"), count: 380 },
                SubjectGroup { code: text("pupil"), count: 620 },
            ],
        },
        levels: levels(),
        methods: vec![Method {
            store: text("main"),
            action: Action::Destroy,
            technique: text("truncate"),
            tables: 12,
            rows: 9000,
        }],
        target: Some(Target {
            kind: TargetKind::Live,
            store: text("new"),
            read_at: at("2026-11-22T00:10:00Z"),
            is_platform_attested_by: Some(keeper),
            receipt: None,
            export: None,
        }),
        coverage: Coverage {
            rows_total: 9000,
            rows_proved: 8900,
            rows_moved_on: 88,
            rows_waived: 12,
            personal_columns: 40,
            compared: 37,
            tolerated: 2,
            left_out: 3,
        },
        waivers: vec![Waiver {
            of: WaiverOf::Mapping,
            name: text("marks"),
            verdict: Some(text("missing")),
            rows: 12,
            rows_max: 12,
            reason: text("учебные записи \"test\", приказ № 7, \\ и \"subject\":["),
            by: text("Иванова А. А."),
            at: at("2026-11-15T09:00:00Z"),
        }],
        cuts: vec![],
        corrections_downwards: vec![],
        tables_kept: 3,
        allowances: vec![Allowance {
            gate: Gate::Cooling,
            hours: Some(4),
            reason: text("окно работ"),
            by: text("Иванова А. А."),
            at: at("2026-11-21T20:00:00Z"),
        }],
        residue: Some(Residue {
            needles: 5000,
            files: 210,
            bytes: 734_003_200,
            hits: 0,
            not_looked_for: vec![NotLookedFor {
                table: text("pupils"),
                column: text("first_name"),
                why: text("too-short"),
                count: 620,
            }],
            not_looked_at: vec![NotLookedAt {
                what: text("лента № 14"), why: text("не подключена")
            }],
        }),
        started_at: at("2026-11-22T00:15:00Z"),
        finished_at: at("2026-11-22T06:50:00Z"),
        destroyed_on: day("2026-11-22"),
        outcome: Outcome::DestroyedWithExceptions,
        standing_units: vec![],
        exceptions: vec![Exception {
            what: text("резервные копии на ленте № 14"),
            why: text("вне области доступа программы"),
            until: Some(day("2027-01-15")),
            responsible: text("начальник отдела ЦОД"),
        }],
        persons: persons(),
        policy: SigningPolicy { threshold: 2, of: 3 },
        journal: Journal {
            entries: JOURNAL_SIGNED as u64,
            head: Digest::of(JOURNAL[JOURNAL_SIGNED - 1].as_bytes()),
            sha256: Digest::of(journal_prefix().as_bytes()),
        },
        tool: Tool { name: text("lastbell"), version: text("0.1.0"), binary_sha256: Some(Digest::of(b"binary")) },
        place: Place {
            basis: SelfReported::SelfReported,
            host: text("diary-1"),
            user: text("operator"),
            os: text("Debian 12"),
            machine_id_sha256: None,
        },
        clock: Clock { basis: SelfReported::SelfReported, source: text("system"), offset_ms: Some(-12) },
        retain_until: day("2029-11-22"),
        supersedes: None,
        claims: vec![],
    }
}

pub(super) fn persons() -> Vec<Person> {
    vec![
        person(CHAIR, PersonRole::Chair, "заместитель министра", "Иванова А. А.", Party::Operator),
        person(MEMBER, PersonRole::Member, "начальник отдела", "Петров Б. Б.", Party::Operator),
        person(ENGINEER, PersonRole::Member, "инженер подрядчика", "Сидоров В. В.", Party::Processor),
    ]
}

pub(super) fn claims_of(predicate: &Predicate) -> Vec<Claim> {
    let attested = |code, by: &AttestedBy| Claim::attested(code, by.clone(), predicate);
    let chair = AttestedBy { name: text("Иванова А. А."), party: Party::Operator };
    let keeper = predicate.target.as_ref().and_then(|target| target.is_platform_attested_by.clone());
    let claim = |code| match code {
        ClaimCode::TargetIsPlatform => attested(code, keeper.as_ref()?),
        ClaimCode::NotRestorable => attested(code, &chair),
        ClaimCode::MediumDestroyed | ClaimCode::NoOtherCopies => None,
        ClaimCode::InventoryTaken
        | ClaimCode::JournalComplete
        | ClaimCode::LevelReached
        | ClaimCode::PlanApproved
        | ClaimCode::ResidueZeroHits
        | ClaimCode::RowsGone
        | ClaimCode::RowsProved => Claim::measured(code, predicate),
    };
    ClaimCode::ALL.into_iter().filter_map(claim).collect()
}

pub(super) fn statement_of(mut predicate: Predicate) -> Statement {
    predicate.claims = claims_of(&predicate);
    let evidence = |(name, content): (&str, &str)| Evidence {
        name: text(name),
        digest: DigestSet { sha256: Digest::of(content.as_bytes()) },
    };
    Statement {
        statement_type: StatementType::V1,
        subject: CASE.into_iter().map(evidence).collect(),
        predicate_type: PredicateType::DeletionCertificateV1,
        predicate,
    }
}

pub(super) fn statement() -> Statement {
    statement_of(predicate())
}

pub(super) fn sign(statement: &Statement, signers: &[u8]) -> Envelope {
    sign_payload(statement.to_payload().unwrap(), PayloadType::Certificate, signers)
}

pub(super) fn sign_payload(payload: Vec<u8>, payload_type: PayloadType, signers: &[u8]) -> Envelope {
    let mut envelope = Envelope::sign(payload_type, payload, &key(signers[0]));
    signers[1..].iter().for_each(|seed| envelope.add(&key(*seed)).unwrap());
    envelope
}

pub(super) fn good() -> Vec<u8> {
    sign(&statement(), &[CHAIR, MEMBER]).to_bytes()
}

pub(super) fn listed(seed: u8, holder: &str, party: Party) -> NewKey {
    NewKey {
        key: key(seed).public(),
        holder: text(holder),
        role: text("commission"),
        party,
        not_before: at("2026-09-01T00:00:00Z"),
        not_after: None,
    }
}

pub(super) fn trust_with(policy: Policy, keys: Vec<NewKey>) -> Vec<u8> {
    let first = trust::new("Образцовая область", policy, at("2026-09-01T00:00:00Z"), &key(ROOT)).unwrap();
    let add = |list: Vec<u8>, new: NewKey| trust::add(&list, new, at("2026-09-01T10:00:00Z"), &key(ROOT)).unwrap();
    keys.into_iter().fold(first, add)
}

pub(super) fn commission_keys() -> Vec<NewKey> {
    vec![
        listed(CHAIR, "Иванова А. А.", Party::Operator),
        listed(MEMBER, "Петров Б. Б.", Party::Operator),
        listed(ENGINEER, "Сидоров В. В.", Party::Processor),
    ]
}

pub(super) fn trust_list() -> Vec<u8> {
    trust_with(Policy::default(), commission_keys())
}

pub(super) fn judge(certificate: &[u8], trust: Option<&[u8]>) -> CheckReport {
    let pinned_root = trust.map(|_| key(ROOT).key_id());
    check(&Question { certificate, trust, pinned_root, now: at(NOW), evidence: None })
}

pub(super) fn judge_by(certificate: &[u8], keys: Vec<NewKey>) -> CheckReport {
    judge(certificate, Some(&trust_with(Policy::default(), keys)))
}

pub(super) fn verdicts(report: &CheckReport) -> Vec<SignerVerdict> {
    let mut verdicts: Vec<_> = report.signers.iter().map(|signer| signer.verdict).collect();
    verdicts.sort_by_key(|verdict| format!("{verdict:?}"));
    verdicts
}
