//! What a store is as a whole: where, which product, whose, what we may do there, which files lie behind it.

use std::fmt;
use std::path::PathBuf;

/// A store's address, split at the first colon. `Debug` hides the rest: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    /// `sqlite`, `postgres`, `mysql`, `file`…
    pub scheme: String,
    /// What follows the colon, untouched.
    pub rest: String,
}

impl Location {
    /// Splits `scheme:rest`; `None` when there is no colon or no scheme.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let plain = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (plain && !rest.is_empty()).then(|| Self { scheme: scheme.to_owned(), rest: rest.to_owned() })
    }

    /// The bytes of a part of an address: `%41` is `A` (RFC 3986, section 2.1). `None` when digits are missing.
    #[must_use]
    pub fn decoded(part: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(part.len());
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let mut digit = || char::from(rest.next()?).to_digit(16);
            bytes.push((digit()? * 16 + digit()?) as u8);
        }
        Some(bytes)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:(hidden)", self.scheme)
    }
}

/// How deep destruction went, or can go. The order is the order of depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No row is left in SQL.
    L0,
    /// Table, index and overflow files were rebuilt or replaced.
    L1,
    /// Besides, statistics, logs and journals were turned over.
    L2,
    /// Besides, freed space was overwritten.
    L2f,
}

impl Level {
    /// `L0`, `L1`, `L2`, `L2f`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::L0 => "L0",
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L2f => "L2f",
        }
    }

    /// The level of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::L0, Self::L1, Self::L2, Self::L2f].into_iter().find(|level| level.word() == word)
    }
}

/// Who else lives on the server, and so what cleaning may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The retired system alone: server-wide settings and logs may be turned over.
    Dedicated,
    /// Others too: only what the owner of the tables may do to them.
    Shared,
}

/// Knowledge that may be missing. «Could not look» is an answer of its own and never turns into the good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// We looked, this is what is there.
    Yes(T),
    /// We could not look; the stable word says why.
    Unknown(String),
}

/// What tells one store from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Stable marks of the physical store: `file:DEV:INODE`, `pg-system:ID/DB`… Two stores with a common mark are one.
    pub anchors: Vec<String>,
    /// Marks of the stores and streams that this one receives changes from (replication, subscription, triggers, foreign
    /// tables).
    pub follows: Known<Vec<String>>,
    /// Marks of the streams through which this one gives its changes out. A store that follows one of them, or one of the
    /// anchors, is fed from here.
    pub feeds: Known<Vec<String>>,
}

/// What the role that we connect with may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name by which the store knows us; for files, the user id.
    pub name: String,
    /// May it write? A target's role should not.
    pub may_write: Known<bool>,
}

/// What an engine can do, as data for plan and certificate: printed as limits, never found out by failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A whole scan sees one moment. Without it a verification says so.
    pub snapshot_reads: bool,
    /// A unit is destroyed wholly or not at all. Without it each statement has its own intent.
    pub atomic_units: bool,
    /// Rows can be written into the store again under lock, leaving some out (needed for part and anonymise).
    pub rebuilds: bool,
    /// The engine itself enforces declared links for every connection.
    pub enforces_links: bool,
    /// The files behind the store can be listed and read from here.
    pub sees_files: bool,
    /// Freed space can be overwritten (L2f).
    pub overwrites_freed: bool,
}

/// Everything about a store besides its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreInfo {
    /// The adapter's scheme.
    pub engine: String,
    /// The product, such as `SQLite`.
    pub product: String,
    /// Its version, as it says itself.
    pub version: String,
    /// Marks.
    pub identity: Identity,
    /// The role.
    pub role: Role,
    /// The abilities.
    pub capabilities: Capabilities,
    /// When something was last written, microseconds since 1970 UTC, as far as the engine tells.
    pub last_write: Known<i64>,
    /// It is reached over a network, and not by a file, a socket or a loopback address: others share the line and the server.
    pub remote: bool,
    /// What reading does to the store (hint bits, a shared-memory file): stable words, printed.
    pub read_footprint: Vec<String>,
}

/// What a file behind a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileRole {
    /// Tables and indexes.
    Data,
    /// Write-ahead log, journal, redo, undo, binlog.
    Log,
    /// A copy lying beside it, such as `diary.db.bak`. Nobody but its owner deletes it.
    Copy,
    /// Anything else that belongs to the store.
    Other,
}

/// One raw file behind a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFile {
    /// Absolute path.
    pub path: PathBuf,
    /// What it is.
    pub role: FileRole,
}

/// The answer of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Looked, and it is as it should be.
    Pass,
    /// Looked, and it is not.
    Fail,
    /// Could not look.
    Unknown,
}

/// One condition of a level, checked on the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// Stable word, such as `no-other-connection`, `disk-space`, `no-leftover-journal`.
    pub code: String,
    /// The answer.
    pub state: State,
    /// The first level that it blocks when it does not pass.
    pub blocks: Level,
    /// Figures or names that explain it, never row data: (`need_bytes`, `1048576`)…
    pub detail: Vec<(String, String)>,
}

/// How deep destruction can go from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The deepest level all of whose conditions pass.
    pub level: Level,
    /// All conditions that were looked at.
    pub preconditions: Vec<Precondition>,
}

impl Reach {
    /// What these conditions let be reached, not deeper than `most`. L0 when even that is blocked: the failed condition
    /// stands beside it. Unknown is no pass.
    #[must_use]
    pub fn of(preconditions: Vec<Precondition>, most: Level) -> Self {
        let blocked = |level: Level| preconditions.iter().any(|one| one.blocks <= level && one.state != State::Pass);
        let levels = [Level::L0, Level::L1, Level::L2, Level::L2f].into_iter().filter(|level| *level <= most);
        let level = levels.take_while(|level| !blocked(*level)).last().unwrap_or(Level::L0);
        Self { level, preconditions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(conditions: &[(Level, State)], most: Level) -> Level {
        let condition = |(blocks, state): &(Level, State)| Precondition {
            code: "a".into(),
            state: state.clone(),
            blocks: *blocks,
            detail: Vec::new(),
        };
        Reach::of(conditions.iter().map(condition).collect(), most).level
    }

    #[test]
    fn what_could_not_be_looked_at_blocks_its_level_and_all_deeper_ones() {
        let conditions = [(Level::L1, State::Pass), (Level::L2, State::Unknown)];
        assert_eq!(reached(&conditions, Level::L2f), Level::L1);
        assert_eq!(reached(&conditions[..1], Level::L2), Level::L2);
        assert_eq!(reached(&conditions[..1], Level::L2f), Level::L2f);
        assert_eq!(reached(&[(Level::L0, State::Fail)], Level::L2), Level::L0);
    }
}
