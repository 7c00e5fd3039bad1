//! How deep destruction can go here: each condition of a level looked at on the store. Changes nothing.

use crate::catalog;
use crate::error::{Told, system_number};
use crate::others;
use crate::session::{Session, number, rows};
use crate::sidecars;
use lastbell_contract::{Level, Precondition, Reach, Result, State};
use rustix::fs::{Access, access};

/// Before anything is destroyed. All conditions are looked at, whatever is wanted: they are cheap.
pub(crate) fn before(session: &Session, _wanted: Level) -> Result<Reach> {
    let path = &session.place.path;
    let conditions = vec![
        condition("file-writable", Level::L0, passes(access(path, Access::WRITE_OK).is_ok())),
        condition("folder-writable", Level::L0, passes(access(sidecars::folder(path), Access::WRITE_OK).is_ok())),
        no_other_lock(session),
        no_super_journal(session)?,
        disk_space(session)?,
        known_collations(session)?,
        no_other_connection(session),
        overwrite_in_place(session)?,
        no_truncation(session)?,
    ];
    Ok(Reach::of(conditions, Level::L2f))
}

/// After a scrub that went to `level`; `intact` is what the engine's own check said, where it ran.
pub(crate) fn after(session: &Session, level: Level, intact: Option<bool>) -> Result<Reach> {
    let mut conditions = vec![
        no_other_lock(session),
        no_super_journal(session)?,
        no_helper_files(session)?,
        no_other_connection(session),
        overwrite_in_place(session)?,
    ];
    let state = intact.map_or(State::Unknown, passes);
    conditions.push(condition("integrity", Level::L2, state));
    Ok(Reach::of(conditions, level))
}

fn condition(code: &str, blocks: Level, state: State) -> Precondition {
    Precondition { code: code.to_owned(), state, blocks, detail: Vec::new() }
}

fn with(mut condition: Precondition, name: &str, value: impl ToString) -> Precondition {
    condition.detail.push((name.to_owned(), value.to_string()));
    condition
}

fn passes(good: bool) -> State {
    if good { State::Pass } else { State::Fail }
}

/// Locks are seen across containers; a connection that rests in rollback mode holds none.
fn no_other_lock(session: &Session) -> Precondition {
    let state = others::is_locked_elsewhere(&session.place.presence).map_or(State::Unknown, |locked| passes(!locked));
    condition("no-other-lock", Level::L0, state)
}

/// A process that merely has the file open would go on with the old file after a swap.
fn no_other_connection(session: &Session) -> Precondition {
    let Ok(openers) = others::openers(&session.place.presence) else {
        return condition("no-other-connection", Level::L2f, State::Unknown);
    };
    let state = match (openers.found, openers.hidden) {
        (0, 0) => State::Pass,
        (0, _) => State::Unknown,
        _ => State::Fail, // any number of processes was found
    };
    let mut told = condition("no-other-connection", Level::L2f, state);
    told = with(told, "processes", openers.found);
    told = with(told, "processes_hidden", openers.hidden);
    if others::in_own_namespace() {
        told = with(told, "scope", "pid-namespace");
    }
    told
}

/// A super-journal may belong to other databases too, so it is never removed here.
fn no_super_journal(session: &Session) -> Result<Precondition> {
    let found = sidecars::super_journals(&session.place.path).told("reach")?;
    let told = condition("no-leftover-journal", Level::L1, passes(found.is_empty()));
    Ok(with(told, "super_journals", found.len()))
}

/// No `-journal`, `-wal`, `-shm` is left.
fn no_helper_files(session: &Session) -> Result<Precondition> {
    let path = &session.place.path;
    let mut left = 0;
    for helper in [sidecars::journal(path), sidecars::wal(path), sidecars::shm(path)] {
        left += u64::from(sidecars::size(&helper).told("reach")?.is_some());
    }
    Ok(with(condition("no-helper-files", Level::L2, passes(left == 0)), "files", left))
}

/// VACUUM needs up to twice the file: the journal and the copy (sqlite.org/lang_vacuum.html).
fn disk_space(session: &Session) -> Result<Precondition> {
    let path = &session.place.path;
    let size = sidecars::size(path).told("reach")?.unwrap_or(0);
    let log = sidecars::size(&sidecars::wal(path)).told("reach")?.unwrap_or(0);
    let need = (size + log).saturating_mul(2);
    let volume = rustix::fs::statvfs(sidecars::folder(path)).map_err(|error| system_number("reach", error))?;
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    let told = condition("disk-space", Level::L1, passes(free >= need));
    Ok(with(with(told, "need_bytes", need), "free_bytes", free))
}

/// An index sorted by a collation of the application's own cannot be rebuilt here, whichever table it is of.
fn known_collations(session: &Session) -> Result<Precondition> {
    let tables = rows(
        &session.connection,
        "reach",
        "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'index' ORDER BY 1",
        [],
        |row| row.get::<_, String>(0),
    )?;
    let mut foreign = 0;
    for table in tables {
        foreign += catalog::foreign_collations(&session.connection, &table)?.len();
    }
    Ok(with(condition("known-collations", Level::L1, passes(foreign == 0)), "foreign", foreign))
}

/// With `auto_vacuum = FULL` each commit cuts freed pages off the file, before anybody could overwrite them.
fn no_truncation(session: &Session) -> Result<Precondition> {
    let mode = number(&session.connection, "reach", "PRAGMA auto_vacuum")?;
    Ok(condition("auto-vacuum-off", Level::L2f, passes(mode != 1)))
}

/// Does the file system write where the old bytes lie? Volume managers and flash below it stay unseen.
fn overwrite_in_place(session: &Session) -> Result<Precondition> {
    let kind =
        rustix::fs::statfs(sidecars::folder(&session.place.path)).map_err(|error| system_number("reach", error))?;
    #[allow(clippy::unnecessary_cast, reason = "the word's width differs by platform")]
    let magic = kind.f_type as u32; // all magic numbers are 32 bits wide
    let (state, name) = match magic {
        0xef53 => (State::Pass, "ext"),
        0x0102_1994 => (State::Pass, "tmpfs"),
        0x4d44 => (State::Pass, "fat"),
        0x2011_bab0 => (State::Pass, "exfat"),
        0x9123_683e => (State::Fail, "btrfs"),
        0x2fc1_2fc1 => (State::Fail, "zfs"),
        0x794c_7630 => (State::Fail, "overlay"),
        0xca45_1a4e => (State::Fail, "bcachefs"),
        0xf2f5_2010 => (State::Fail, "f2fs"),
        0x5846_5342 => (State::Unknown, "xfs"), // writes elsewhere when an extent is shared (reflink)
        _ => (State::Unknown, "other"),         // network and user-space file systems do as they please
    };
    Ok(with(condition("overwrite-in-place", Level::L2f, state), "file_system", name))
}
