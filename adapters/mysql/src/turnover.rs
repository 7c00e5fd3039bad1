//! Turns over what the server keeps besides the tables: settings changed on the way and restored, purge, redo, undo, binary
//! log, statistics, logs. Everything here touches the whole server and runs on a dedicated one only.

use crate::doublewrite::Area;
use crate::error::{odd_answer, refused};
use crate::fillers::{self, Filler};
use crate::mark::Mark;
use crate::place::Place;
use crate::plain::Plain;
use crate::quote::quote_all;
use crate::session::Session;
use lastbell_contract::{ErrorKind, Result, Setting, Steps, TableId};
use mysql::Value;
use std::time::{Duration, Instant};

/// The settings that a scrub may change. A name from a journal is used only if it is one of these.
const CHANGEABLE: [&str; 5] = [
    "innodb_change_buffering",
    "innodb_log_file_size",
    "innodb_redo_log_capacity",
    "innodb_max_undo_log_size",
    "innodb_undo_log_truncate",
];

/// The redo log while fillers run; see `fillers.rs`.
const WORKING_REDO_BYTES: u64 = 96 << 20;

/// How long the server may take to purge, without getting on.
const PURGE_PATIENCE: Duration = Duration::from_secs(60);

/// Changes a setting of the server, announced with its old value. Returns what was changed; nothing when it was so already.
pub(crate) fn change(session: &mut Session, name: &str, new: &str, steps: &mut Steps<'_>) -> Result<Option<Setting>> {
    let old = session.variable("scrub", name)?.ok_or_else(|| odd_answer("scrub"))?;
    if old.eq_ignore_ascii_case(new) {
        return Ok(None);
    }
    let setting = Setting { name: name.to_owned(), old: Some(old), new: Some(new.to_owned()) };
    steps.set("set-global", &setting, || set_global(session, name, new))?;
    Ok(Some(setting))
}

/// Takes changes back, the last first.
pub(crate) fn restore(session: &mut Session, left: &[Setting], steps: &mut Steps<'_>) -> Result<()> {
    for setting in left.iter().rev() {
        if !CHANGEABLE.contains(&setting.name.as_str()) {
            return Err(refused(ErrorKind::Unsafe, "tidy", "setting-unknown"));
        }
        let back = setting.back();
        let Some(value) = back.new.clone() else { return Err(odd_answer("tidy")) };
        if settable(session, &back.name, &value)? {
            steps.set("restore-global", &back, || set_global(session, &back.name, &value))?;
        } else {
            // Nothing of it is stored: at its next start the server takes what its own configuration says.
            steps.set("restored-by-restart", &back, || Ok(()))?;
        }
    }
    Ok(())
}

/// A redo log smaller than its buffer can be configured, but not set (1210).
fn settable(session: &mut Session, name: &str, value: &str) -> Result<bool> {
    if name != "innodb_log_file_size" {
        return Ok(true);
    }
    let buffer = number_of(session, "innodb_log_buffer_size")?;
    Ok(value.parse::<u64>().is_ok_and(|bytes| bytes >= buffer))
}

fn set_global(session: &mut Session, name: &str, value: &str) -> Result<()> {
    if !CHANGEABLE.contains(&name) {
        return Err(refused(ErrorKind::Unsafe, "scrub", "setting-unknown"));
    }
    // A number as a text is refused (1232).
    let value = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
    session.run("scrub", &format!("SET GLOBAL {name} = ?"), (value,)).map(drop)
}

fn number_of(session: &mut Session, name: &str) -> Result<u64> {
    let text = session.variable("scrub", name)?.ok_or_else(|| odd_answer("scrub"))?;
    text.parse().map_err(|_| odd_answer("scrub"))
}

fn status(session: &mut Session, name: &str) -> Result<Option<u64>> {
    session.first("scrub", "SHOW GLOBAL STATUS WHERE Variable_name = ?", (name,), |row| row.number(1))
}

/// How many transactions' old versions wait to be purged.
pub(crate) fn history(session: &mut Session) -> Result<u64> {
    if let Some(length) = status(session, "Innodb_history_list_length")? {
        return Ok(length);
    }
    let sql = "SELECT `COUNT` FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'";
    session.first("scrub", sql, (), |row| row.number(0))?.ok_or_else(|| odd_answer("scrub"))
}

/// Waits until no old version waits any more; on MySQL, which idles at some tens (measured on 9.7.4), until no fewer do.
pub(crate) fn wait_for_purge(session: &mut Session) -> Result<()> {
    let (mut least, mut since) = (u64::MAX, Instant::now());
    loop {
        let length = history(session)?;
        let idle = since.elapsed();
        if length == 0 || (!session.server.is_mariadb() && length < 100 && idle > Duration::from_secs(5)) {
            return Ok(());
        }
        if length < least {
            (least, since) = (length, Instant::now());
        } else if idle > PURGE_PATIENCE {
            return Err(refused(ErrorKind::Busy, "scrub", "history-not-purged"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where the redo log stands, in bytes since the server was made.
pub(crate) fn redo_position(session: &mut Session) -> Result<u64> {
    status(session, "Innodb_lsn_current")?.ok_or_else(|| odd_answer("scrub"))
}

/// The redo log is replaced by a new file whenever its size changes, from MariaDB 10.9 on.
fn redo_is_replaceable(session: &Session) -> bool {
    session.server.is_mariadb() && session.server.number >= (10, 9)
}

/// MariaDB: undo, doublewrite and redo. Returns how many pages of the doublewrite area are what they were.
pub(crate) fn engine_of_mariadb(
    session: &mut Session,
    mark: &Mark,
    place: &Place,
    steps: &mut Steps<'_>,
) -> Result<usize> {
    let replaceable = redo_is_replaceable(session);
    let mut changed = Vec::new();
    let was = number_of(session, "innodb_log_file_size")?;
    if replaceable {
        let working = if was >= WORKING_REDO_BYTES { was.saturating_add(4 << 20) } else { WORKING_REDO_BYTES };
        changed.extend(change(session, "innodb_log_file_size", &working.to_string(), steps)?);
    }
    let undo_files = number_of(session, "innodb_undo_tablespaces")?;
    let cut = 10 << 20; // the smallest that the server accepts
    if undo_files > 0 {
        changed.extend(change(session, "innodb_max_undo_log_size", &u64::to_string(&cut), steps)?);
        changed.extend(change(session, "innodb_undo_log_truncate", "ON", steps)?);
    }
    let mut filler = steps.run("filler", None, || Filler::make(session, mark))?;
    // Undo lies in the system tablespace or in files of its own, never in both at a time.
    if undo_files > 0 {
        steps.run("undo-truncate", None, || filler.undo_files(session, undo_files, cut))?;
    } else {
        steps.run("undo-fill", None, || filler.system_undo(session))?;
    }
    let unturned = turn_doublewrite(session, &mut filler, place, steps)?;
    if !replaceable {
        let files = session.variable("scrub", "innodb_log_files_in_group")?.and_then(|count| count.parse().ok());
        steps.run("redo-fill", None, || filler.redo(session, was.saturating_mul(files.unwrap_or(1))))?;
    }
    steps.run("drop-filler", None, || filler.drop(session))?;
    steps.run("purge-wait", None, || wait_for_purge(session))?;
    restore(session, &changed, steps)?;
    if replaceable && !settable(session, "innodb_log_file_size", &was.to_string())? {
        let smallest = number_of(session, "innodb_log_buffer_size")?;
        let redo =
            steps.run("redo-replace", None, || set_global(session, "innodb_log_file_size", &smallest.to_string()));
        redo?;
    }
    Ok(unturned)
}

/// What it looks at first is what the steps before it left there, which write old pages out themselves. MariaDB has one area
/// for all pages, and a filler that grew would leave a system tablespace that never shrinks: there it does not grow.
fn turn_doublewrite(session: &mut Session, filler: &mut Filler, place: &Place, steps: &mut Steps<'_>) -> Result<usize> {
    steps.run("doublewrite-fill", None, || {
        let area = Area::look(session, place)?;
        let grows = !session.server.is_mariadb();
        let rows = if grows { fillers::rows_beyond_the_pool(session, place)? } else { 0 };
        filler.doublewrite(session, &area, rows)
    })
}

/// MySQL: undo, doublewrite, dictionary and redo, in the order that was measured: undo after doublewrite left 449 values.
/// Returns how many pages of the doublewrite area are what they were.
pub(crate) fn engine_of_mysql(
    session: &mut Session,
    mark: &Mark,
    place: &Place,
    steps: &mut Steps<'_>,
) -> Result<usize> {
    steps.run("dictionary-fill", None, || fillers::dictionary(session, mark))?;
    steps.run("undo-rotate", None, || rotate_undo(session))?;
    let mut filler = steps.run("filler", None, || Filler::make(session, mark))?;
    let unturned = turn_doublewrite(session, &mut filler, place, steps)?;
    steps.run("drop-filler", None, || filler.drop(session))?;
    let changed = change(session, "innodb_redo_log_capacity", &u64::to_string(&(8 << 20)), steps)?;
    steps.run("redo-wait", None, || wait_for_redo_files(session, 8 << 20))?;
    restore(session, changed.as_slice(), steps)?;
    Ok(unturned)
}

/// The names of the two undo tablespaces that stand in while the server's own are emptied.
const STAND_INS: [&str; 2] = ["lastbell_undo_1", "lastbell_undo_2"];

fn rotate_undo(session: &mut Session) -> Result<()> {
    let own = undo_tablespaces(session)?;
    for name in STAND_INS {
        if !own.iter().any(|known| known == name) {
            session.run_plain("scrub", &Plain::create_undo(name))?;
        }
    }
    let own: Vec<String> = own.into_iter().filter(|name| !STAND_INS.contains(&name.as_str())).collect();
    for name in &own {
        session.run_plain("scrub", &Plain::alter_undo(name, false))?;
    }
    wait_until_empty(session, &own)?;
    for name in &own {
        session.run_plain("scrub", &Plain::alter_undo(name, true))?;
    }
    let stand_ins = STAND_INS.map(str::to_owned);
    for name in &stand_ins {
        session.run_plain("scrub", &Plain::alter_undo(name, false))?;
    }
    wait_until_empty(session, &stand_ins)?;
    for name in &stand_ins {
        session.run_plain("scrub", &Plain::drop_undo(name))?;
    }
    Ok(())
}

fn undo_tablespaces(session: &mut Session) -> Result<Vec<String>> {
    let sql = "SELECT NAME FROM information_schema.INNODB_TABLESPACES WHERE SPACE_TYPE = 'Undo' ORDER BY NAME";
    session.rows("scrub", sql, (), |row| row.text(0))
}

fn wait_until_empty(session: &mut Session, names: &[String]) -> Result<()> {
    let since = Instant::now();
    let sql = "SELECT NAME FROM information_schema.INNODB_TABLESPACES WHERE SPACE_TYPE = 'Undo' AND STATE <> 'empty'";
    while session.rows("scrub", sql, (), |row| row.text(0))?.iter().any(|name| names.contains(name)) {
        if since.elapsed() > PURGE_PATIENCE {
            return Err(refused(ErrorKind::Busy, "scrub", "undo-not-emptied"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// The old files are removed one by one (measured on 9.7.4: within 8 s).
fn wait_for_redo_files(session: &mut Session, capacity: u64) -> Result<()> {
    let since = Instant::now();
    loop {
        let now = status(session, "Innodb_redo_log_capacity_resized")?.unwrap_or(capacity);
        let waited = since.elapsed();
        if now <= capacity && waited > Duration::from_secs(8) {
            return Ok(());
        }
        if waited > PURGE_PATIENCE {
            return Err(refused(ErrorKind::Busy, "scrub", "redo-not-resized"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Statistics that hold values: minima, maxima, histograms. MariaDB keeps them in tables whose rows go and whose bytes stay
/// (14 of 14, measured), until they are written anew.
pub(crate) fn statistics(session: &mut Session, tables: &[TableId], steps: &mut Steps<'_>) -> Result<()> {
    if session.server.is_mariadb() {
        session.run("scrub", "SET SESSION sql_log_bin = 0", ())?;
        for table in tables {
            steps.run("statistics-delete", Some(table), || {
                for kept_in in ["column_stats", "index_stats", "table_stats"] {
                    let sql = format!("DELETE FROM mysql.{kept_in} WHERE db_name = DATABASE() AND table_name = ?");
                    session.run("scrub", &sql, (&table.name,))?;
                }
                Ok(())
            })?;
        }
        steps.run("statistics-rewrite", None, || {
            session.run("scrub", "OPTIMIZE TABLE mysql.column_stats, mysql.index_stats, mysql.table_stats", ())?;
            // Tables that are open keep their statistics in memory, and would be judged by them.
            session.run("scrub", "FLUSH TABLES mysql.column_stats, mysql.index_stats, mysql.table_stats", ())
        })?;
        return session.run("scrub", "SET SESSION sql_log_bin = 1", ()).map(drop);
    }
    for table in tables {
        let sql = "SELECT COLUMN_NAME FROM information_schema.COLUMN_STATISTICS \
                   WHERE SCHEMA_NAME = DATABASE() AND TABLE_NAME = ?";
        let columns = session.rows("scrub", sql, (&table.name,), |row| row.text(0))?;
        if !columns.is_empty() {
            let name = crate::quote::quote(&table.name);
            let drop = format!("ANALYZE TABLE {name} DROP HISTOGRAM ON {}", quote_all(&columns));
            steps.run("histogram-drop", Some(table), || session.run("scrub", &drop, ()))?;
        }
    }
    Ok(())
}

/// All binary logs go, and a new, empty one begins. Nobody follows them: that was looked at before.
pub(crate) fn binary_log(session: &mut Session, steps: &mut Steps<'_>) -> Result<()> {
    if session.variable("scrub", "log_bin")?.is_none_or(|value| value == "OFF") {
        return Ok(());
    }
    let renamed = !session.server.is_mariadb() && session.server.number >= (8, 2);
    let reset = if renamed { "RESET BINARY LOGS AND GTIDS" } else { "RESET MASTER" };
    steps.run("binlog-reset", None, || session.run("scrub", reset, ()).map(drop))
}

/// Statements with their values, as the server remembers them in memory; and its logs where they are tables.
pub(crate) fn remembered_statements(session: &mut Session, steps: &mut Steps<'_>) -> Result<()> {
    for log in ["general_log", "slow_log"] {
        let empty = session.first("scrub", &format!("SELECT 1 FROM mysql.{log} LIMIT 1"), (), |_| Ok(()))?.is_none();
        if !empty {
            let sql = format!("TRUNCATE TABLE mysql.{log}");
            steps.run("log-table-truncate", None, || session.run("scrub", &sql, ()))?;
        }
    }
    if session.variable("scrub", "performance_schema")?.as_deref() == Some("ON") {
        steps.run("statement-history-truncate", None, || {
            for table in
                ["events_statements_history", "events_statements_history_long", "events_statements_summary_by_digest"]
            {
                session.run("scrub", &format!("TRUNCATE TABLE performance_schema.{table}"), ())?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
