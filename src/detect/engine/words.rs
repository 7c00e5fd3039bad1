//! The closed word lists of discovery: categories, whom a row is about, verdicts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::category::Category;

/// Whom a row or a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// Pupils and students.
    Pupil,
    /// Parents and guardians.
    Parent,
    /// Teachers and other staff.
    Staff,
    /// Several of these, or it cannot be told.
    Mixed,
    /// Nobody.
    None,
}

impl SubjectKind {
    /// The word used in artefacts and profiles.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pupil => "pupil",
            Self::Parent => "parent",
            Self::Staff => "staff",
            Self::Mixed => "mixed",
            Self::None => "none",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pupil, Self::Parent, Self::Staff, Self::Mixed, Self::None].into_iter().find(|kind| kind.word() == word)
    }

    /// The kind that covers both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, kind) | (kind, Self::None) => kind,
            (one, two) if one == two => one,
            (Self::Pupil | Self::Parent | Self::Staff | Self::Mixed, _) => Self::Mixed,
        }
    }
}

/// The answer for a column or a table. There is no "unknown": what cannot be told is for a person to review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Holds personal data.
    Personal,
    /// Holds none, as far as the evidence goes.
    Not,
    /// A person must decide.
    Review,
}

impl Verdict {
    /// The word used in artefacts and profiles.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Not => "not",
            Self::Review => "review",
        }
    }

    /// The verdict of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Personal, Self::Not, Self::Review].into_iter().find(|verdict| verdict.word() == word)
    }
}

/// How the rows of a table relate to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowAbout {
    /// A row is a person, or a paper or dwelling of one.
    Person,
    /// A row is a record about a person to whom it leads: a mark, an absence, a fee.
    Record,
    /// A row is a part of such a record, some hops away from the person.
    Part,
    /// A row only names the person who acted: the teacher of a lesson, the author of a plan.
    Actor,
    /// A row is about no person: a dictionary, a plan, a setting.
    Reference,
}

impl RowAbout {
    /// The word used in artefacts and profiles.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Record => "record",
            Self::Part => "part",
            Self::Actor => "actor",
            Self::Reference => "reference",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_is_what_serde_writes() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.word()), Some(category));
            assert_eq!(serde_json::to_string(&category).unwrap(), format!("\"{}\"", category.word()));
        }
        for kind in [SubjectKind::Pupil, SubjectKind::Parent, SubjectKind::Staff, SubjectKind::Mixed, SubjectKind::None]
        {
            assert_eq!(SubjectKind::parse(kind.word()), Some(kind));
        }
        for verdict in [Verdict::Personal, Verdict::Not, Verdict::Review] {
            assert_eq!(Verdict::parse(verdict.word()), Some(verdict));
        }
        assert_eq!(Category::parse("Name"), None);
    }

    #[test]
    fn kinds_join_to_the_kind_that_covers_both() {
        assert_eq!(SubjectKind::Pupil.with(SubjectKind::None), SubjectKind::Pupil);
        assert_eq!(SubjectKind::Pupil.with(SubjectKind::Pupil), SubjectKind::Pupil);
        assert_eq!(SubjectKind::Pupil.with(SubjectKind::Staff), SubjectKind::Mixed);
    }
}
