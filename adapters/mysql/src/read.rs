//! Reading: what a reader and an eraser answer alike, over one session.

use crate::error::{odd_answer, refused};
use crate::plain::Plain;
use crate::session::Session;
use crate::{catalog, files, identity, info, reach, scan};
use lastbell_contract::{
    Canceller, Catalog, ErrorKind, Known, Level, Means, Reach, Reader, Result, Scan, Snapshot, StoreFile, StoreInfo,
    TableId, Visit,
};

/// A visit that cannot write.
pub(crate) struct MysqlReader {
    session: Session,
}

impl MysqlReader {
    /// Over a session that was opened for reading.
    pub(crate) fn new(session: Session) -> Self {
        Self { session }
    }

    fn session(&mut self) -> Result<&mut Session> {
        Ok(&mut self.session)
    }
}

lastbell_contract::read_through!(MysqlReader);

impl Reader for Session {
    fn info(&mut self) -> Result<StoreInfo> {
        info::of(self)
    }

    fn catalog(&mut self) -> Result<Catalog> {
        catalog::read(self)
    }

    fn begin(&mut self) -> Result<Snapshot> {
        self.end()?;
        let tables = info::tables(self)?;
        if tables.transactional == 0 && tables.others > 0 {
            return Err(refused(ErrorKind::Unsupported, "begin", "not-transactional"));
        }
        self.run_plain("begin", &Plain::snapshot())?;
        self.snapshot = true;
        Ok(Snapshot { id: moment(self, tables.others)? })
    }

    fn end(&mut self) -> Result<()> {
        if std::mem::take(&mut self.snapshot) {
            self.run_plain("end", &Plain::rollback())?;
        }
        Ok(())
    }

    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        scan::table(self, scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<u64> {
        scan::count(self, table)
    }

    fn files(&mut self) -> Result<Vec<StoreFile>> {
        files::list(self)
    }

    fn reach(&mut self, wanted: Level, means: Means) -> Result<Reach> {
        reach::before(self, wanted, means)
    }

    fn clock(&mut self) -> Result<Known<String>> {
        let sql = "SELECT IF(@@GLOBAL.time_zone = 'SYSTEM', @@system_time_zone, @@GLOBAL.time_zone)";
        self.row("clock", sql, (), |row| row.text(0)).map(Known::Yes)
    }

    fn raise_mark(&mut self, mark: &str) -> Result<()> {
        let name = mark_name(self, mark)?;
        match self.row("mark", "SELECT GET_LOCK(?, 0)", (name,), |row| row.maybe_number(0))? {
            Some(1) => Ok(()),
            Some(_) | None => Err(refused(ErrorKind::Busy, "mark", "mark-taken")),
        }
    }

    fn sees_mark(&mut self, mark: &str) -> Result<Known<bool>> {
        let name = mark_name(self, mark)?;
        let sql = "SELECT COALESCE(IS_USED_LOCK(?), 0), CONNECTION_ID()";
        let (holder, own) = self.row("mark", sql, (name,), |row| Ok((row.number(0)?, row.number(1)?)))?;
        Ok(Known::Yes(holder != 0 && holder != own))
    }

    fn canceller(&mut self) -> Option<Canceller> {
        Some(Box::new(self.killer()))
    }
}

/// Place in the binary log, where there is one. MariaDB notes the one that belongs to the snapshot; MySQL tells the newest,
/// to those who may see it.
fn log_place(session: &mut Session) -> Result<Option<(String, String)>> {
    if session.server.is_mariadb() {
        let file = session.status("begin", "binlog_snapshot_file")?.filter(|file| !file.is_empty());
        return Ok(file.zip(session.status("begin", "binlog_snapshot_position")?));
    }
    let sql = if session.server.number < (8, 4) { "SHOW MASTER STATUS" } else { "SHOW BINARY LOG STATUS" };
    match session.first("begin", sql, (), |row| Ok((row.text(0)?, row.text(1)?))) {
        Err(error) if error.kind == ErrorKind::Denied => Ok(None),
        told => told,
    }
}

/// The moment: the server's clock, and the binary log's words for it.
fn moment(session: &mut Session, outside: u64) -> Result<String> {
    let gtid = match session.server.is_mariadb() {
        true => session.variable("begin", "gtid_current_pos")?,
        false => session.variable("begin", "gtid_executed")?,
    };
    let now =
        session.row("begin", "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')", (), |row| row.text(0))?;
    let mut id = format!("clock:{now}");
    if let Some((file, place)) = log_place(session)? {
        id.push_str(&format!(" binlog:{file}:{place}"));
    }
    if let Some(gtid) = gtid.filter(|gtid| !gtid.is_empty()) {
        id.push_str(&format!(" gtid:{}", gtid.replace(char::is_whitespace, "")));
    }
    if outside > 0 {
        id.push_str(&format!(" outside:{outside}"));
    }
    Ok(id)
}

/// A lock's name has at most 64 letters and is the server's, not the database's; so the database goes in as a number.
fn mark_name(session: &mut Session, mark: &str) -> Result<String> {
    if !mark.is_ascii() || mark.len() > 32 {
        return Err(odd_answer("mark"));
    }
    Ok(format!("lastbell-{mark}-{:016x}", fingerprint(&identity::folded(session)?)))
}

/// FNV-1a, 64 bits.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
