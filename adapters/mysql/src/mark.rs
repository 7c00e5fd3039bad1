//! The names of what we put into a store for a while: our word, the first digits of the plan's digest, a number, a role.
//! By them `tidy` knows what a killed run left, and touches nothing else.

use crate::error::Told;
use crate::quote::quote;
use crate::session::Session;
use lastbell_contract::{ErasePermit, Result};
use mysql::prelude::Queryable;

/// How each of our names begins.
const PREFIX: &str = "lastbell_";

/// Digits of the plan's digest in a name.
const DIGITS: usize = 12;

/// What one of our tables is for. The word is the last part of its name, so that a name tells the state after a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// A shadow that is being filled, or is not needed any more: it may go.
    New,
    /// A shadow that holds every kept row.
    Full,
    /// What must be known of the table that a shadow stands for.
    Note,
    /// Holds nothing of value: written only to turn old pages over.
    Fill,
}

const ROLES: [Role; 4] = [Role::New, Role::Full, Role::Note, Role::Fill];

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Full => "full",
            Self::Note => "note",
            Self::Fill => "fill",
        }
    }
}

/// The mark of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(String);

impl Mark {
    /// That of the plan behind a permit.
    pub(crate) fn of(permit: &ErasePermit) -> Self {
        let digits: String = permit.plan_sha256().chars().filter(char::is_ascii_hexdigit).take(DIGITS).collect();
        Self(format!("{PREFIX}{digits:0<DIGITS$}_"))
    }

    /// A name of ours.
    pub(crate) fn name(&self, number: u32, role: Role) -> String {
        format!("{}{number}_{}", self.0, role.word())
    }

    /// Number and role of a name, when it is one of this plan's.
    pub(crate) fn parse(&self, name: &str) -> Option<(u32, Role)> {
        let (number, word) = name.strip_prefix(&self.0)?.split_once('_')?;
        let role = ROLES.into_iter().find(|role| role.word() == word)?;
        let parsed = number.parse().ok()?;
        (self.name(parsed, role) == name).then_some((parsed, role))
    }

    /// Our tables in the store, by number and role, each with its remark.
    pub(crate) fn tables(&self, session: &mut Session, operation: &str) -> Result<Vec<Found>> {
        let sql = "SELECT TABLE_NAME, TABLE_COMMENT FROM information_schema.TABLES \
                   WHERE TABLE_SCHEMA = DATABASE() AND LEFT(TABLE_NAME, CHAR_LENGTH(?)) = ? AND TABLE_TYPE = 'BASE TABLE'";
        let all = session.rows(operation, sql, (&self.0, &self.0), |row| Ok((row.text(0)?, row.text(1)?)))?;
        let parsed = all.into_iter().filter_map(|(name, remark)| {
            let (number, role) = self.parse(&name)?;
            Some(Found { number, role, name, remark })
        });
        let mut found: Vec<Found> = parsed.collect();
        found.sort_by_key(|one| (one.number, one.role));
        Ok(found)
    }

    /// The first number that none of our tables has.
    pub(crate) fn free_number(&self, session: &mut Session, operation: &str) -> Result<u32> {
        Ok(self.tables(session, operation)?.iter().map(|one| one.number + 1).max().unwrap_or(0))
    }
}

/// One of our tables, found in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) number: u32,
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) remark: String,
}

/// The remark of a filler.
pub(crate) const FILLER_REMARK: &str = "lastbell:filler";

/// Does this connection see a table by a name that it was never locked by? Only when it is not under table locks.
pub(crate) fn sees_by_alias(session: &mut Session, operation: &str, name: &str) -> Result<bool> {
    let probe = format!("SELECT 1 FROM {} AS lastbell_probe LIMIT 0", quote(name));
    match session.connection.exec_drop(&probe, ()) {
        Ok(()) => Ok(true),
        Err(mysql::Error::MySqlError(told)) if told.code == NOT_LOCKED => Ok(false),
        Err(error) => Err(error).told(operation),
    }
}

/// `ER_TABLE_NOT_LOCKED`: the session is under LOCK TABLES, and this table (or this alias) is not among them.
const NOT_LOCKED: u16 = 1100;

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark::of(&ErasePermit::granted_by(&"0123456789abcdef".repeat(4), &[]))
    }

    #[test]
    fn a_name_tells_what_it_is_and_nothing_else_is_ours() {
        assert_eq!(mark().name(3, Role::Full), "lastbell_0123456789ab_3_full");
        for role in ROLES {
            assert_eq!(mark().parse(&mark().name(17, role)), Some((17, role)));
        }
        for foreign in [
            "marks",
            "lastbell_0123456789ab_3_fully",
            "lastbell_0123456789ab_03_full",
            "lastbell_0123456789ab_3_full_2",
            "lastbell_ba9876543210_3_full",
            "lastbell_0123456789ab_+3_full",
            "LASTBELL_0123456789ab_3_full",
        ] {
            assert_eq!(mark().parse(foreign), None, "{foreign}");
        }
    }
}
