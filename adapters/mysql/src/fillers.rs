//! Writes values that mean nothing until the places that the server reuses hold nothing else: undo, doublewrite, the data
//! dictionary. Each filler is one table under our mark; it is dropped again, and `tidy` knows it.
//!
//! Measured on MariaDB 10.11.19, 20 MB buffer pool, 160,000 values in a 69 MB `ibdata1` (undo of an UPDATE of every row lies
//! there, and doublewrite): the undo filler left 2,537 of 20,000, all in the doublewrite area; the doublewrite filler then 0.
//! With a redo log of 4 MB the doublewrite filler left all of them: the server flushes too early, in parts too small to reach
//! the area's end. So the redo log is made bigger first (`turnover.rs`).

use crate::doublewrite::Area;
use crate::error::{odd_answer, refused};
use crate::mark::{FILLER_REMARK, Mark, Role};
use crate::place::Place;
use crate::quote::quote;
use crate::rebuild::drop_table;
use crate::session::Session;
use crate::turnover;
use lastbell_contract::{ErrorKind, Result};
use mysql::{Params, Value};

/// Rows of a filler: with two to a page 300 pages, more than twice the doublewrite area's 128.
const ROWS: u64 = 600;

/// Bytes of a row where a page has 16 KiB: two fit, and each stays in its page whole, so that undo holds it whole too.
const ROW_BYTES: u64 = 7000;

/// Rounds of the doublewrite filler: at least, and at most. Each flushes 300 pages, which go through the area in parts of 128.
const ROUNDS_LEAST: u64 = 6;
const ROUNDS_MOST: u64 = 24;

/// At most where it does not grow and a round costs 5 MB. On a busy machine the server flushes in small parts that reach the
/// first pages of the area alone, now and then for more rounds than 24 (seen once, in 414 killed runs).
const SMALL_ROUNDS_MOST: u64 = 96;

/// A filler that grows takes no more pages than this many bytes, and a quarter of the free disk: its undo, its redo and the
/// doublewrite area are as much again each.
const GROWN_BYTES_MOST: u64 = 256 << 20;

/// A table of nothing.
pub(crate) struct Filler {
    name: String,
    rows: u64,
    bytes: u64,
    round: u64,
}

impl Filler {
    /// Creates and fills one. Nothing of it goes into the binary log.
    pub(crate) fn make(session: &mut Session, mark: &Mark) -> Result<Self> {
        session.run("scrub", "SET SESSION sql_log_bin = 0", ())?;
        let page = session.variable("scrub", "innodb_page_size")?.and_then(|size| size.parse::<u64>().ok());
        let bytes = page.map_or(ROW_BYTES, |page| (page * 43 / 100).min(ROW_BYTES));
        let name = mark.name(mark.free_number(session, "scrub")?, Role::Fill);
        let create = format!(
            "CREATE TABLE {} (id INT NOT NULL PRIMARY KEY, v VARCHAR({ROW_BYTES}) CHARACTER SET latin1 NOT NULL) \
             ENGINE=InnoDB ROW_FORMAT=DYNAMIC COMMENT='{FILLER_REMARK}'",
            quote(&name)
        );
        session.run("scrub", &create, ())?;
        let rows = vec![format!("(?, REPEAT('.', {bytes}))"); usize::try_from(ROWS).unwrap_or_default()];
        let insert = format!("INSERT INTO {} VALUES {}", quote(&name), rows.join(", "));
        session.run("scrub", &insert, Params::Positional((0..ROWS).map(Value::from).collect()))?;
        Ok(Self { name, rows: ROWS, bytes, round: 0 })
    }

    /// Changes every byte of every row.
    fn turn(&mut self, session: &mut Session) -> Result<()> {
        self.round += 1;
        let sql = format!("UPDATE {} SET v = REPEAT(CHAR(97 + MOD(id + ?, 26)), {})", quote(&self.name), self.bytes);
        session.run("scrub", &sql, (self.round,)).map(drop)
    }

    /// Writes every page of it to its place. Pages pass the doublewrite area only from the second time on: a page that was
    /// never written needs no guard.
    fn flush(&self, session: &mut Session) -> Result<()> {
        session.run("scrub", &format!("FLUSH TABLES {} FOR EXPORT", quote(&self.name)), ())?;
        session.run_plain("scrub", &crate::plain::Plain::unlock())
    }

    /// Undo of one transaction, in bytes.
    fn undo_bytes(&self) -> u64 {
        self.rows * self.bytes
    }

    /// Turns the doublewrite area over: until no page of it is what it was. Returns how many still are. Where the first
    /// rounds are not enough, the filler may grow to `rows_most`.
    pub(crate) fn doublewrite(&mut self, session: &mut Session, area: &Area, rows_most: u64) -> Result<usize> {
        self.flush(session)?;
        let rounds = if rows_most > self.rows { ROUNDS_MOST } else { SMALL_ROUNDS_MOST };
        for round in 1..=rounds {
            if round > ROUNDS_LEAST && self.rows < rows_most {
                self.grow(session, rows_most)?;
            }
            self.turn(session)?;
            self.flush(session)?;
            if round >= ROUNDS_LEAST && area.unturned()? == 0 {
                return Ok(0);
            }
        }
        area.unturned()
    }

    /// Twice the rows, or as many as it may have.
    fn grow(&mut self, session: &mut Session, rows_most: u64) -> Result<()> {
        let (name, more) = (quote(&self.name), self.rows.min(rows_most - self.rows));
        let sql = format!("INSERT INTO {name} SELECT id + ?, v FROM {name} WHERE id < ?");
        session.run("scrub", &sql, (self.rows, more))?;
        self.rows += more;
        self.flush(session)
    }

    /// Writes undo in one transaction until the system tablespace has to grow: then every free page of it was used.
    pub(crate) fn system_undo(&mut self, session: &mut Session) -> Result<()> {
        let before = system_bytes(session)?;
        session.run("scrub", "SET SESSION autocommit = 0", ())?;
        let filled = self.until_it_grows(session, before);
        // Rows of the filler may go either way.
        session.run("scrub", "COMMIT", ())?;
        session.run("scrub", "SET SESSION autocommit = 1", ())?;
        filled
    }

    fn until_it_grows(&mut self, session: &mut Session, before: u64) -> Result<()> {
        let mut written = 0;
        while system_bytes(session)? <= before {
            if written > before.saturating_mul(2).saturating_add(256 << 20) {
                return Err(refused(ErrorKind::Engine, "scrub", "undo-not-turned"));
            }
            self.turn(session)?;
            written += self.undo_bytes();
        }
        Ok(())
    }

    /// Writes undo in many transactions, which the server spreads over its undo tablespaces, each bigger than the size from
    /// which it cuts one down.
    pub(crate) fn undo_files(&mut self, session: &mut Session, files: u64, cut_bytes: u64) -> Result<()> {
        for _ in 0..files.saturating_mul(4) {
            session.run("scrub", "SET SESSION autocommit = 0", ())?;
            let mut written = 0;
            while written <= cut_bytes.saturating_add(2 << 20) {
                self.turn(session)?;
                written += self.undo_bytes();
            }
            session.run("scrub", "COMMIT", ())?;
            session.run("scrub", "SET SESSION autocommit = 1", ())?;
            turnover::wait_for_purge(session)?;
        }
        Ok(())
    }

    /// Writes so much redo that a log of that size was gone through twice: where it cannot be replaced while the server runs.
    pub(crate) fn redo(&mut self, session: &mut Session, log_bytes: u64) -> Result<()> {
        let start = turnover::redo_position(session)?;
        while turnover::redo_position(session)?.saturating_sub(start) <= log_bytes.saturating_mul(2) {
            self.turn(session)?;
        }
        self.flush(session)
    }

    /// Drops it.
    pub(crate) fn drop(self, session: &mut Session) -> Result<()> {
        drop_table(session, "scrub", &self.name)?;
        session.run("scrub", "SET SESSION sql_log_bin = 1", ()).map(drop)
    }
}

/// How many rows take twice the buffer pool, so that MySQL has to write half of their pages out to make room: it keeps a file
/// of the doublewrite area for those alone. None more than a filler has, where that would take too much.
pub(crate) fn rows_beyond_the_pool(session: &mut Session, place: &Place) -> Result<u64> {
    let mut number = |name| session.variable("scrub", name).map(|text| text.and_then(|text| text.parse::<u64>().ok()));
    let (pool, page) = (number("innodb_buffer_pool_size")?, number("innodb_page_size")?);
    let (pool, page) = pool.zip(page).ok_or_else(|| odd_answer("scrub"))?;
    let bytes = pool.saturating_mul(2);
    let free = rustix::fs::statvfs(&place.folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let room = bytes <= GROWN_BYTES_MOST.min(free / 4);
    Ok(if room { bytes / page * 2 } else { ROWS })
}

/// The size of the system tablespace, which holds undo where there are no files for it.
fn system_bytes(session: &mut Session) -> Result<u64> {
    let sql = "SELECT FILE_SIZE FROM information_schema.INNODB_SYS_TABLESPACES WHERE SPACE = 0";
    session.first("scrub", sql, (), |row| row.number(0))?.ok_or_else(|| odd_answer("scrub"))
}

/// MySQL keeps histograms in its data dictionary and gives their pages to the next ones: so many, so big ones that nothing
/// of the old is left (measured on 9.7.4: 4 of 4 runs).
pub(crate) fn dictionary(session: &mut Session, mark: &Mark) -> Result<()> {
    const COLUMNS: usize = 30;
    session.run("scrub", "SET SESSION sql_log_bin = 0", ())?;
    let name = mark.name(mark.free_number(session, "scrub")?, Role::Fill);
    let names: Vec<String> = (0..COLUMNS).map(|at| format!("c{at}")).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("{name} VARCHAR(60) CHARACTER SET latin1")).collect();
    let create =
        format!("CREATE TABLE {} ({}) ENGINE=InnoDB COMMENT='{FILLER_REMARK}'", quote(&name), columns.join(", "));
    session.run("scrub", &create, ())?;
    session.run("scrub", "SET SESSION cte_max_recursion_depth = 4000", ())?;
    // MySQL 9.7 has no MD5 (1305).
    let values: Vec<String> = (0..COLUMNS).map(|at| format!("LEFT(SHA2(CONCAT(i, '-{at}'), 256), 60)")).collect();
    let insert = format!(
        "INSERT INTO {} WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT {} FROM n",
        quote(&name),
        values.join(", ")
    );
    session.run("scrub", &insert, ())?;
    let analyze = format!("ANALYZE TABLE {} UPDATE HISTOGRAM ON {} WITH 1024 BUCKETS", quote(&name), names.join(", "));
    session.run("scrub", &analyze, ())?;
    drop_table(session, "scrub", &name)?;
    session.run("scrub", "SET SESSION sql_log_bin = 1", ()).map(drop)
}
