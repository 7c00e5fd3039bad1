//! The eraser: a session that holds the file for itself, hands out locked units, scrubs and tidies.

use crate::error::{Told, refused};
use crate::open;
use crate::scrub;
use crate::session::{Session, quote, rows};
use crate::sidecars;
use crate::swap;
use crate::unit::Unit;
use lastbell_contract::{
    Eraser, ErrorKind, LockRequest, LockedUnit, Reader, Result, Scrub, Scrubbed, Setting, Steps, TableId, Witness,
};

/// How the shadow tables of a rebuild begin.
pub(crate) const SHADOW_PREFIX: &str = "lastbell_shadow_";

/// A visit that may destroy.
pub(crate) struct SqliteEraser {
    /// `None` only when opening the swapped file again failed; everything then answers `lost`.
    session: Option<Session>,
}

impl SqliteEraser {
    /// Over a session that holds the exclusive lock.
    pub(crate) fn new(session: Session) -> Self {
        Self { session: Some(session) }
    }

    fn session(&mut self) -> Result<&mut Session> {
        self.session.as_mut().ok_or_else(|| refused(ErrorKind::Unreachable, "open", "lost"))
    }

    /// A session that can write. After a swap, whole or broken, the file is opened again; only in that moment the lock
    /// is free. A broken one leaves our connection on the old file while the new one stands in its place.
    fn writable(&mut self) -> Result<&mut Session> {
        let session = self.session()?;
        if session.swapped || !session.place.is_current().told("open")? {
            let path = session.place.path.clone();
            self.session = None; // two connections of one process exclude each other
            let session = open::writable(&path)?;
            open::hold_exclusively(&session)?;
            self.session = Some(session);
        }
        let session = self.session()?;
        session.end()?;
        session.keep_journal()?;
        Ok(session)
    }
}

lastbell_contract::read_through!(SqliteEraser);

impl Session {
    /// In rollback mode: from now on the journal's file stays where it is, so that it can be overwritten in place.
    pub(crate) fn keep_journal(&self) -> Result<()> {
        match self.journal_mode()?.as_str() {
            "wal" | "persist" => Ok(()),
            _ => self.set_journal_mode("persist"), // any other rollback mode
        }
    }

    /// Removes the rollback journal, overwritten first when asked. No transaction is open, so nothing needs it.
    /// Memory mode makes SQLite close its handle: in exclusive mode it would else write the next transaction's journal
    /// into a file without a name, and a crash would find none.
    pub(crate) fn drop_journal(&self, overwrite: bool) -> Result<()> {
        let journal = sidecars::journal(&self.place.path);
        self.set_journal_mode("memory")?;
        if overwrite {
            swap::overwrite(&journal).told("scrub")?;
        }
        sidecars::remove(&journal).told("scrub")?;
        sidecars::sync_folder(&self.place.path).told("scrub")
    }
}

impl Eraser for SqliteEraser {
    fn lock(&mut self, request: &LockRequest) -> Result<Box<dyn LockedUnit + '_>> {
        let session = self.writable()?;
        Ok(Box::new(Unit::begin(&session.connection, request)?))
    }

    fn scrub(&mut self, scrub: &Scrub, witness: &mut dyn Witness) -> Result<Scrubbed> {
        let session = self.writable()?;
        scrub::run(session, scrub, witness)
    }

    /// No setting is ever left: what is changed here belongs to the connection or to the file that is written anew.
    fn tidy(&mut self, _: &[Setting], witness: &mut dyn Witness) -> Result<()> {
        let session = self.writable()?;
        swap::finish_interrupted(&session.place, &mut Steps::new(witness))?;
        drop_shadows(session, witness)
    }
}

impl Drop for SqliteEraser {
    /// A log still holds old pages; it is ours, so it goes, overwritten: an L2f may still follow by another eraser. What
    /// cannot be removed now is seen by the next reach. A file that took our file's place keeps its journal.
    fn drop(&mut self) {
        let Some(session) = &self.session else { return };
        if !session.swapped && session.place.is_current().unwrap_or(false) {
            let _ = scrub::retire_log(session);
        }
    }
}

fn drop_shadows(session: &Session, witness: &mut dyn Witness) -> Result<()> {
    let all = rows(
        &session.connection,
        "tidy",
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, length(?1)) = ?1 ORDER BY name",
        [SHADOW_PREFIX],
        |row| row.get::<_, String>(0),
    )?;
    for name in all.iter().filter(|name| name[SHADOW_PREFIX.len()..].bytes().all(|byte| byte.is_ascii_digit())) {
        Steps::new(witness).run("drop-shadow", Some(&TableId::plain(name)), || {
            session.connection.execute_batch(&format!("DROP TABLE {}", quote(name))).told("tidy")
        })?;
    }
    Ok(())
}
