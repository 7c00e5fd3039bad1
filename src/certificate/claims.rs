//! What a certificate may claim, what each claim rests on, and the codes of the texts that say what it proves and what
//! not. Reads the predicate, writes claims; the texts stand in the messages and in `docs/certificate-v1.md`.
//!
//! A claim repeats no figure by hand: its figures are taken from the predicate's own fields, and a reader takes them
//! again and compares.

use crate::certificate::statement::{AttestedBy, Outcome, Predicate, Residue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a claim rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The program looked and counted.
    Measured,
    /// A named person says so; the program did not and could not look.
    Attested,
}

/// Everything that a certificate can claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimCode {
    /// The inventory lists what the program saw in these stores before it began.
    InventoryTaken,
    /// Every entry of the journal up to the signed head is there, in order and unchanged.
    JournalComplete,
    /// Each store reached the level that stands beside it, with the preconditions that were checked.
    LevelReached,
    /// The medium itself was destroyed or sanitised under an external act.
    MediumDestroyed,
    /// No further copies of the data are known.
    NoOtherCopies,
    /// What was destroyed cannot be restored.
    NotRestorable,
    /// The plan that was carried out was approved by the signers it needs.
    PlanApproved,
    /// None of the values looked for stands in any file that was read.
    ResidueZeroHits,
    /// Counted again after the work: the tables of the plan hold no row that was to go.
    RowsGone,
    /// Each destroyed row had its equal in the target, or moved on there, or was waived with a printed reason.
    RowsProved,
    /// The target is the platform that is in use.
    TargetIsPlatform,
}

impl ClaimCode {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::InventoryTaken,
        Self::JournalComplete,
        Self::LevelReached,
        Self::MediumDestroyed,
        Self::NoOtherCopies,
        Self::NotRestorable,
        Self::PlanApproved,
        Self::ResidueZeroHits,
        Self::RowsGone,
        Self::RowsProved,
        Self::TargetIsPlatform,
    ];

    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InventoryTaken => "inventory-taken",
            Self::JournalComplete => "journal-complete",
            Self::LevelReached => "level-reached",
            Self::MediumDestroyed => "medium-destroyed",
            Self::NoOtherCopies => "no-other-copies",
            Self::NotRestorable => "not-restorable",
            Self::PlanApproved => "plan-approved",
            Self::ResidueZeroHits => "residue-zero-hits",
            Self::RowsGone => "rows-gone",
            Self::RowsProved => "rows-proved",
            Self::TargetIsPlatform => "target-is-platform",
        }
    }

    /// The only basis on which it may be claimed.
    #[must_use]
    pub fn basis(self) -> Basis {
        match self {
            Self::InventoryTaken
            | Self::JournalComplete
            | Self::LevelReached
            | Self::PlanApproved
            | Self::ResidueZeroHits
            | Self::RowsGone
            | Self::RowsProved => Basis::Measured,
            Self::MediumDestroyed | Self::NoOtherCopies | Self::NotRestorable | Self::TargetIsPlatform => {
                Basis::Attested
            }
        }
    }

    /// Message that says what the claim proves.
    #[must_use]
    pub fn text_code(self) -> String {
        format!("claim-{}-proves", self.word())
    }

    /// Message that says what it does not prove.
    #[must_use]
    pub fn limits_code(self) -> String {
        format!("claim-{}-limits", self.word())
    }

    /// The figures that stand in its text, from the predicate; `None` when the predicate does not bear the claim.
    #[must_use]
    pub fn figures(self, of: &Predicate) -> Option<BTreeMap<String, u64>> {
        let figures: Vec<(&str, u64)> = match self {
            Self::InventoryTaken => vec![("stores", of.system.stores.len() as u64)],
            Self::JournalComplete => vec![("entries", of.journal.entries)],
            Self::LevelReached if !of.levels.is_empty() => vec![("stores", of.levels.len() as u64)],
            Self::PlanApproved => {
                vec![("threshold", u64::from(of.policy.threshold)), ("of", u64::from(of.policy.of))]
            }
            Self::ResidueZeroHits => {
                // Where no file was read, nobody looked.
                let looked = |residue: &&Residue| residue.hits == 0 && residue.needles > 0 && residue.files > 0;
                let residue = of.residue.as_ref().filter(looked)?;
                vec![("needles", residue.needles), ("files", residue.files), ("bytes", residue.bytes)]
            }
            Self::RowsGone if of.outcome != Outcome::Unknown => vec![("rows", of.coverage.rows_total)],
            Self::RowsProved if of.target.is_some() => vec![
                ("rows_total", of.coverage.rows_total),
                ("rows_proved", of.coverage.rows_proved),
                ("rows_moved_on", of.coverage.rows_moved_on),
                ("rows_waived", of.coverage.rows_waived),
            ],
            Self::TargetIsPlatform => {
                of.target.as_ref()?.is_platform_attested_by.as_ref()?;
                vec![]
            }
            Self::MediumDestroyed | Self::NoOtherCopies | Self::NotRestorable => vec![],
            Self::LevelReached | Self::RowsGone | Self::RowsProved => return None,
        };
        Some(figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect())
    }
}

/// One sentence of the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What is claimed.
    pub code: ClaimCode,
    /// What it rests on.
    pub basis: Basis,
    /// Who attests it; `null` for what was measured.
    pub by: Option<AttestedBy>,
    /// The figures in its text.
    pub figures: BTreeMap<String, u64>,
    /// Message: what it proves.
    pub text_code: String,
    /// Message: what it does not prove.
    pub limits_code: String,
}

impl Claim {
    /// A measured claim, when the predicate bears it.
    #[must_use]
    pub fn measured(code: ClaimCode, of: &Predicate) -> Option<Self> {
        match code.basis() {
            Basis::Measured => Self::make(code, None, of),
            Basis::Attested => None,
        }
    }

    /// An attested claim, when the predicate bears it.
    #[must_use]
    pub fn attested(code: ClaimCode, by: AttestedBy, of: &Predicate) -> Option<Self> {
        match code.basis() {
            Basis::Measured => None,
            Basis::Attested => Self::make(code, Some(by), of),
        }
    }

    fn make(code: ClaimCode, by: Option<AttestedBy>, of: &Predicate) -> Option<Self> {
        let figures = code.figures(of)?;
        let (text_code, limits_code) = (code.text_code(), code.limits_code());
        Some(Self { code, basis: code.basis(), by, figures, text_code, limits_code })
    }

    /// Whether the claim is exactly what the predicate bears.
    #[must_use]
    pub fn is_borne_by(&self, of: &Predicate) -> bool {
        let attested_by_keeper = match (self.code, &of.target) {
            (ClaimCode::TargetIsPlatform, Some(target)) => self.by == target.is_platform_attested_by,
            (ClaimCode::TargetIsPlatform, None) => false,
            (_, _) => true, // the other claims do not name the target's keeper
        };
        attested_by_keeper
            && Self::make(self.code, self.by.clone(), of).as_ref() == Some(self)
            && self.by.is_some() == (self.basis == Basis::Attested)
    }
}

/// What a check itself shows, beside the claims inside: codes of texts with the same two halves,
/// `checked-<word>-proves` and `checked-<word>-limits`.
pub const CHECKED: [&str; 4] = ["signature", "qualified-signature", "inclusion-proof", "time-stamp"];
