//! Discovery: which tables and columns hold personal data, judged from names, types, keys and sampled values. Pure: no
//! engine, no file, no clock; the same samples and the same rule set give the same findings.
//!
//! One file per detector, one line in [`DETECTORS`]; the words stand in `lexicon.yaml`; `engine/` weighs the evidence.

mod bank_card;
mod birth_certificate;
mod birth_date;
mod container;
mod email;
mod engine;
mod full_name;
mod gender;
mod given_name;
mod image;
mod inn_organisation;
mod inn_person;
mod ip_address;
mod json_web_token;
mod mac_address;
mod oms;
mod passport;
mod password_hash;
mod personal_text;
mod phone;
mod rule_set;
mod snils;
mod surname;
mod user_agent;
mod uuid;

use engine::cell::Cell;
pub use engine::{Category, ColumnFinding, Evidence, RowAbout, SubjectKind, TableFinding, TableSample, Verdict, judge};
pub use rule_set::{rule_set_sha256, rule_set_version};

/// Something that knows a value when it sees one.
pub(crate) struct Detector {
    /// Stable id, printed with the evidence.
    pub(crate) rule: &'static str,
    /// What a hit speaks for; `None`: against personal data, or for nothing.
    pub(crate) category: Category,
    /// Log-odds times 1,000 when more than half of the values hit. Below 2,000 it cannot decide alone.
    pub(crate) weight_millis: i32,
    /// The value checks itself, so a large share is no accident.
    pub(crate) checksum: bool,
    /// Two in a hundred values are enough: a mention inside text.
    pub(crate) mention: bool,
    /// Whether the value is a hit.
    pub(crate) hits: fn(&Cell<'_>) -> bool,
}

/// With a check digit: may decide alone.
const fn checked(rule: &'static str, category: Category, weight_millis: i32, hits: fn(&Cell<'_>) -> bool) -> Detector {
    Detector { rule, category, weight_millis, checksum: true, mention: false, hits }
}

/// By shape only: supports a name or a table.
const fn shaped(rule: &'static str, category: Category, weight_millis: i32, hits: fn(&Cell<'_>) -> bool) -> Detector {
    Detector { rule, category, weight_millis, checksum: false, mention: false, hits }
}

/// Every detector, a line each.
pub(crate) static DETECTORS: &[Detector] = &[
    checked("value.snils", Category::NationalId, 5500, snils::hits),
    checked("value.inn_person", Category::NationalId, 5000, inn_person::hits),
    checked("value.oms", Category::NationalId, 4500, oms::hits),
    checked("value.bank_card", Category::Finance, 5000, bank_card::hits),
    checked("value.inn_organisation", Category::None, -2000, inn_organisation::hits),
    shaped("value.phone", Category::ContactPhone, 1900, phone::hits),
    shaped("value.email", Category::ContactEmail, 1900, email::hits),
    shaped("value.passport", Category::NationalId, 1900, passport::hits),
    shaped("value.birth_certificate", Category::NationalId, 1900, birth_certificate::hits),
    shaped("value.ip_address", Category::OnlineId, 1900, ip_address::hits),
    shaped("value.mac_address", Category::OnlineId, 1500, mac_address::hits),
    shaped("value.user_agent", Category::OnlineId, 1900, user_agent::hits),
    shaped("value.password_hash", Category::Credential, 1900, password_hash::hits),
    shaped("value.json_web_token", Category::Credential, 1900, json_web_token::hits),
    shaped("value.image", Category::PhotoBiometric, 700, image::hits),
    shaped("value.birth_date", Category::BirthDate, 400, birth_date::hits),
    shaped("value.gender", Category::OtherPersonal, 900, gender::hits),
    shaped("value.full_name", Category::Name, 1900, full_name::hits),
    shaped("value.surname", Category::Name, 400, surname::hits),
    shaped("value.given_name", Category::Name, 1200, given_name::hits),
    shaped("value.container", Category::FreeTextAboutPerson, 200, container::hits),
    Detector {
        mention: true,
        ..shaped("value.personal_text", Category::FreeTextAboutPerson, 1200, personal_text::hits)
    },
    shaped("value.uuid", Category::None, 0, uuid::hits),
];
