//! How deep destruction can go here: each condition of a level looked at on the server. Changes nothing.
//!
//! A condition that does not pass says in its detail what would open it (`unblock`), and which privileges are `missing`.

use crate::files;
use crate::logs;
use crate::place::{self, Place};
use crate::plain::Plain;
use crate::quote::quote;
use crate::role::{self, Grants};
use crate::session::Session;
use crate::turnover;
use lastbell_contract::{ErrorKind, FileRole, Level, Means, Precondition, Reach, Result, State};

/// Before anything is destroyed, or between the units.
pub(crate) fn before(session: &mut Session, wanted: Level, means: Means) -> Result<Reach> {
    let conditions = look(session, wanted, means, false)?;
    Ok(Reach::of(conditions, Level::L2f))
}

/// After a scrub that went to `level`; `found` is what it saw of its own work.
pub(crate) fn after(session: &mut Session, level: Level, means: Means, found: Vec<Precondition>) -> Result<Reach> {
    let mut conditions = look(session, level, means, true)?;
    conditions.extend(found);
    Ok(Reach::of(conditions, Level::L2f))
}

/// What a scrub found of the doublewrite area: so many pages of it are what they were.
pub(crate) fn doublewrite_turned_over(unturned: usize) -> Precondition {
    let told = with(condition("doublewrite-turned-over", Level::L2, passes(unturned == 0)), "pages", unturned);
    match unturned {
        0 => told,
        _ => with(told, "unblock", "run it again; on MySQL after SET GLOBAL innodb_buffer_pool_size = 134217728"),
    }
}

/// What the looks share.
struct Looker<'a> {
    session: &'a mut Session,
    grants: Grants,
    place: Option<Place>,
    /// The account that we are, in quotes.
    account: String,
}

fn look(session: &mut Session, wanted: Level, means: Means, afterwards: bool) -> Result<Vec<Precondition>> {
    let (grants, place) = (role::grants(session)?, place::find(session)?);
    let name = session.row("reach", "SELECT CURRENT_USER()", (), |row| row.text(0))?;
    let (user, host) = name.rsplit_once('@').unwrap_or((&name, "%"));
    let account = format!("{}@{}", quote(user), quote(host));
    let mut looker = Looker { session, grants, place, account };
    let mut all = vec![looker.writable()?, looker.table_privileges(), looker.own_tablespaces()?, looker.disk_space()?];
    let freed = condition("freed-space", Level::L2f, State::Fail);
    all.push(with(freed, "unblock", "overwrite the volume or destroy the medium, by an act"));
    if wanted < Level::L2 {
        // What was not looked at does not count as open.
        all.push(with(condition("not-looked-at", Level::L2, State::Unknown), "unblock", "ask for L2"));
        return Ok(all);
    }
    let dedicated = condition("dedicated-server", Level::L2, passes(means == Means::Dedicated));
    all.push(match means {
        Means::Dedicated => dedicated,
        Means::Shared => with(dedicated, "unblock", "move the database to a server of its own"),
    });
    all.push(looker.server_privileges());
    if all.iter().any(|one| one.blocks == Level::L2 && one.state != State::Pass) {
        // The further looks need the same privileges.
        all.push(looker.files_readable()?);
        return Ok(all);
    }
    all.extend([
        looker.files_readable()?,
        looker.no_transactions()?,
        looker.no_prepared()?,
        looker.no_replicas()?,
        looker.no_source()?,
        looker.no_cluster()?,
        looker.change_buffer()?,
        looker.doublewrite()?,
        looker.undo()?,
        looker.redo_limits()?,
        looker.storage_readable()?,
        looker.query_logs()?,
        looker.error_log()?,
    ]);
    if afterwards {
        all.extend([looker.history()?, looker.binary_log()?, looker.no_statistics()?]);
    }
    Ok(all)
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

impl Looker<'_> {
    fn grant(&self, privileges: &str, on: &str) -> String {
        format!("GRANT {privileges} ON {on} TO {}", self.account)
    }

    fn is_on(&mut self, variable: &str) -> Result<bool> {
        let value = self.session.variable("reach", variable)?;
        Ok(value.is_some_and(|value| !["OFF", "0", "NONE", ""].contains(&value.to_uppercase().as_str())))
    }

    /// A server that takes no writes destroys nothing.
    fn writable(&mut self) -> Result<Precondition> {
        let past = ["SUPER", "READ_ONLY ADMIN", "READ ONLY ADMIN", "CONNECTION_ADMIN", "ALL PRIVILEGES"];
        for variable in ["innodb_read_only", "super_read_only"] {
            if self.is_on(variable)? {
                let told = with(condition("server-writable", Level::L0, State::Fail), "setting", variable);
                return Ok(with(told, "unblock", "restart without it"));
            }
        }
        let locked = self.is_on("read_only")? && !self.grants.has_everywhere(&past);
        let told = condition("server-writable", Level::L0, passes(!locked));
        Ok(if locked { with(told, "unblock", "SET GLOBAL read_only = 0") } else { told })
    }

    /// What the lock and the rebuild of a table take. Those granted table by table, or by a role that is not active, are not
    /// told as far as this database goes.
    fn table_privileges(&mut self) -> Precondition {
        const NEEDED: [&str; 6] = ["SELECT", "LOCK TABLES", "DROP", "ALTER", "CREATE", "INSERT"];
        let missing: Vec<&str> =
            NEEDED.into_iter().filter(|needed| !self.grants.has(&[needed, "ALL PRIVILEGES"])).collect();
        let partly = self.grants.roles || !self.grants.on_tables.is_empty();
        let state = match (missing.is_empty(), partly) {
            (true, _) => State::Pass,
            (false, true) => State::Unknown,
            (false, false) => State::Fail,
        };
        let told = condition("table-privileges", Level::L0, state);
        if missing.is_empty() {
            return told;
        }
        let on = format!("{}.*", quote(&self.session.database));
        let grant = self.grant(&missing.join(", "), &on);
        with(with(told, "missing", missing.join(", ")), "unblock", grant)
    }

    /// Tables inside the system tablespace give their pages back to it, and it never shrinks.
    fn own_tablespaces(&mut self) -> Result<Precondition> {
        let told = |state| condition("own-tablespaces", Level::L1, state);
        if !self.is_on("innodb_file_per_table")? {
            return Ok(with(told(State::Fail), "unblock", "SET GLOBAL innodb_file_per_table = 1"));
        }
        match self.shared_tables()? {
            Some(0) => Ok(told(State::Pass)),
            Some(tables) => Ok(with(
                with(told(State::Fail), "tables", tables),
                "unblock",
                "ALTER TABLE … FORCE (MySQL: TABLESPACE = innodb_file_per_table), then a new data directory",
            )),
            None => {
                let told = with(told(State::Unknown), "missing", "PROCESS");
                Ok(with(told, "unblock", self.grant("PROCESS", "*.*")))
            }
        }
    }

    /// How many tables of this database lie in the system tablespace or a general one; nothing when it cannot be told.
    fn shared_tables(&mut self) -> Result<Option<u64>> {
        let mariadb = self.session.server.is_mariadb();
        let plain = self.session.database.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !mariadb && !plain {
            return self.tables_without_file(); // MySQL does not tell how it encodes a name
        }
        let (listed, general) =
            if mariadb { ("INNODB_SYS_TABLES", "SPACE = 0") } else { ("INNODB_TABLES", "SPACE_TYPE <> 'Single'") };
        let folder = if mariadb {
            "CONVERT(CAST(CONVERT(CAST(DATABASE() AS CHAR CHARACTER SET utf8mb4) USING filename) AS BINARY) USING utf8mb4)"
        } else {
            "DATABASE()"
        };
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.{listed} \
             WHERE {general} AND LEFT(NAME, CHAR_LENGTH({folder}) + 1) = CONCAT({folder}, '/')"
        );
        match self.session.number("reach", &sql, ()) {
            Ok(tables) => Ok(Some(tables)),
            Err(error) if error.kind == ErrorKind::Denied => self.tables_without_file(),
            Err(error) => Err(error),
        }
    }

    /// Without the privilege to ask: are there as many files as tables?
    fn tables_without_file(&mut self) -> Result<Option<u64>> {
        let Some(place) = self.place.clone() else { return Ok(None) };
        let Ok(folder) = std::fs::read_dir(files::database_folder(self.session, &place)?) else { return Ok(None) };
        let names = folder.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
        let files = names.filter(|name| name.ends_with(".ibd") && !name.to_lowercase().starts_with("fts_"));
        // Partitions have files of their own, and what begins with #sql is the rest of a statement that broke off.
        let files = files.filter(|name| !name.to_lowercase().contains("#p#") && !name.starts_with('#'));
        let sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                   AND ENGINE = 'InnoDB' AND CREATE_OPTIONS NOT LIKE '%partitioned%'";
        let tables = self.session.number("reach", sql, ())?;
        Ok(Some(tables.saturating_sub(files.count() as u64)))
    }

    /// A rebuild needs room for a second copy of the biggest table, fillers for themselves. Without sight of the disk a
    /// rebuild may stop for want of room; then nothing is lost, and it is told.
    fn disk_space(&mut self) -> Result<Precondition> {
        let Some(place) = &self.place else {
            let unseen = condition("disk-space", Level::L2, State::Unknown);
            return Ok(with(unseen, "unblock", "run lastbell on the server's own host"));
        };
        let sql = "SELECT CAST(COALESCE(MAX(DATA_LENGTH + INDEX_LENGTH), 0) AS UNSIGNED) FROM information_schema.TABLES \
                   WHERE TABLE_SCHEMA = DATABASE()";
        let need = self.session.number("reach", sql, ())?.saturating_mul(2).saturating_add(FILLERS_BYTES);
        let told = match rustix::fs::statvfs(&place.folder) {
            Ok(volume) => {
                let free = volume.f_bavail.saturating_mul(volume.f_frsize);
                with(condition("disk-space", Level::L1, passes(free >= need)), "free_bytes", free)
            }
            Err(_) => {
                with(condition("disk-space", Level::L1, State::Unknown), "unblock", "let lastbell read the volume")
            }
        };
        Ok(with(told, "need_bytes", need))
    }

    /// What turning the server over takes, by product.
    fn server_privileges(&mut self) -> Precondition {
        let needed: &[&str] = if self.session.server.is_mariadb() {
            &[
                "SUPER",
                "PROCESS",
                "RELOAD",
                "SELECT",
                "INSERT",
                "DELETE",
                "DROP",
                "BINLOG MONITOR|REPLICATION CLIENT",
                "REPLICATION MASTER ADMIN",
            ]
        } else {
            &[
                "SYSTEM_VARIABLES_ADMIN|SUPER",
                "PROCESS",
                "RELOAD",
                "SELECT",
                "DROP",
                "CREATE TABLESPACE",
                "REPLICATION CLIENT",
                "REPLICATION SLAVE",
                "XA_RECOVER_ADMIN",
            ]
        };
        let held = |needed: &&&str| {
            let alternatives: Vec<&str> = needed.split('|').chain(["ALL PRIVILEGES"]).collect();
            self.grants.has_everywhere(&alternatives)
        };
        let missing: Vec<&str> = needed.iter().filter(|needed| !held(needed)).copied().collect();
        let state = match (missing.is_empty(), self.grants.roles) {
            (true, _) => State::Pass,
            (false, true) => State::Unknown,
            (false, false) => State::Fail,
        };
        let told = condition("server-privileges", Level::L2, state);
        if missing.is_empty() {
            return told;
        }
        let first: Vec<&str> = missing.iter().filter_map(|needed| needed.split('|').next()).collect();
        let grant = self.grant(&first.join(", "), "*.*");
        with(with(told, "missing", missing.join(", ")), "unblock", grant)
    }

    /// L2 says what was looked for in which files; without files it says nothing.
    fn files_readable(&mut self) -> Result<Precondition> {
        let told = |state| condition("files-readable", Level::L2, state);
        if self.place.is_none() {
            return Ok(with(told(State::Unknown), "unblock", "run lastbell on the server's own host, as root"));
        }
        let files = match files::list(self.session) {
            Ok(files) => files,
            Err(error) if [ErrorKind::Denied, ErrorKind::Unsupported].contains(&error.kind) => {
                return Ok(with(told(State::Unknown), "unblock", "run lastbell as root or as the server's user"));
            }
            Err(error) => return Err(error),
        };
        // A file may go between the listing and now.
        let shut = files.iter().filter(|file| file.path.exists() && std::fs::File::open(&file.path).is_err()).count();
        let copies = files.iter().filter(|file| file.role == FileRole::Copy).count();
        let told = with(with(told(passes(shut == 0)), "files", files.len()), "not_readable", shut);
        Ok(if copies > 0 { with(told, "copies", copies) } else { told })
    }

    /// An old snapshot keeps old versions from being purged.
    fn no_transactions(&mut self) -> Result<Precondition> {
        let sql = "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id <> CONNECTION_ID()";
        let open = self.session.number("reach", sql, ())?;
        let told = with(condition("no-open-transaction", Level::L2, passes(open == 0)), "transactions", open);
        Ok(if open > 0 { with(told, "unblock", "KILL their connections: information_schema.INNODB_TRX") } else { told })
    }

    /// A transaction that was prepared and forgotten outlives its connection and the server.
    fn no_prepared(&mut self) -> Result<Precondition> {
        let told = |state| condition("no-prepared-transaction", Level::L2, state);
        match self.session.count_plain("reach", &Plain::xa_recover()) {
            Ok(0) => Ok(told(State::Pass)),
            Ok(found) => {
                Ok(with(with(told(State::Fail), "transactions", found), "unblock", "XA RECOVER; XA ROLLBACK …"))
            }
            Err(error) if error.kind == ErrorKind::Denied => {
                Ok(with(told(State::Unknown), "unblock", self.grant("XA_RECOVER_ADMIN", "*.*")))
            }
            Err(error) => Err(error),
        }
    }

    /// A replica keeps its own copies: relay logs, tables, binary logs. None of them is reached from here.
    fn no_replicas(&mut self) -> Result<Precondition> {
        let sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
        let dumps = self.session.number("reach", sql, ())?;
        let by_old_name = self.session.server.is_mariadb() || self.session.server.number == (8, 0);
        let known = match self.session.count_plain("reach", &Plain::replicas(by_old_name)) {
            Ok(known) => known,
            Err(error) if error.kind == ErrorKind::Denied => {
                return Ok(with(
                    condition("no-replicas", Level::L2, State::Unknown),
                    "unblock",
                    self.grant("REPLICATION MASTER ADMIN", "*.*"),
                ));
            }
            Err(error) => return Err(error),
        };
        let replicas = dumps.max(known);
        let told = condition("no-replicas", Level::L2, passes(replicas == 0));
        let told = with(told, "replicas", replicas);
        Ok(if replicas > 0 {
            with(
                told,
                "unblock",
                "STOP SLAVE; RESET SLAVE ALL on each replica, and erase it, too; KILL what is left of it in the process list",
            )
        } else {
            told
        })
    }

    /// A replica gets its rows again from elsewhere, and keeps relay logs.
    fn no_source(&mut self) -> Result<Precondition> {
        let sql = match (self.session.server.is_mariadb(), self.session.server.number) {
            (true, _) => "SHOW ALL SLAVES STATUS",
            (false, (8, 0)) => "SHOW SLAVE STATUS",
            (false, _) => "SHOW REPLICA STATUS",
        };
        let told = |state| condition("not-a-replica", Level::L2, state);
        match self.session.rows("reach", sql, (), |_| Ok(())) {
            Ok(sources) if sources.is_empty() => Ok(told(State::Pass)),
            Ok(sources) => {
                Ok(with(with(told(State::Fail), "sources", sources.len()), "unblock", "STOP SLAVE; RESET SLAVE ALL"))
            }
            Err(error) if error.kind == ErrorKind::Denied => {
                Ok(with(told(State::Unknown), "unblock", self.grant("REPLICA MONITOR", "*.*")))
            }
            Err(error) => Err(error),
        }
    }

    /// The nodes of a cluster keep the same rows, and a cache of write sets.
    fn no_cluster(&mut self) -> Result<Precondition> {
        let galera = self.is_on("wsrep_on")?;
        let sql = "SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'group_replication' \
                   AND PLUGIN_STATUS = 'ACTIVE'";
        let group = self.session.number("reach", sql, ())? > 0;
        let told = condition("no-cluster", Level::L2, passes(!galera && !group));
        let leave = "take this node out of its cluster and erase the others, too";
        Ok(match (galera, group) {
            (true, _) => with(with(told, "cluster", "galera"), "unblock", leave),
            (false, true) => with(with(told, "cluster", "group-replication"), "unblock", leave),
            (false, false) => told,
        })
    }

    /// Buffered changes hold index keys in the system tablespace, which never shrinks (8,244 values, measured on MySQL 9.7).
    fn change_buffer(&mut self) -> Result<Precondition> {
        let told = |state| condition("change-buffering-off", Level::L2, state);
        match self.session.variable("reach", "innodb_change_buffering")? {
            None => Ok(told(State::Pass)), // removed in MariaDB 11
            Some(value) if value.eq_ignore_ascii_case("none") => Ok(told(State::Pass)),
            Some(_) => {
                Ok(with(told(State::Fail), "unblock", "SET GLOBAL innodb_change_buffering = 'none' before erasing"))
            }
        }
    }

    /// MariaDB cuts undo files of its own when it likes to: of three runs one left 832 values in such a file (measured on
    /// 10.11.19). So nothing is promised of them; MySQL is told to rotate them, and undo in the system tablespace is filled.
    fn undo(&mut self) -> Result<Precondition> {
        let files = self.session.variable("reach", "innodb_undo_tablespaces")?.unwrap_or_default();
        let known = !self.session.server.is_mariadb() || files == "0";
        let told = condition("undo-turns-over", Level::L2, if known { State::Pass } else { State::Unknown });
        Ok(if known { told } else { with(told, "undo_tablespaces", files) })
    }

    /// Switched off, the area keeps what was written when it was on, and nothing overwrites it.
    fn doublewrite(&mut self) -> Result<Precondition> {
        // MySQL's DETECT_ONLY writes no pages there.
        let mode = self.session.variable("reach", "innodb_doublewrite")?.unwrap_or_default();
        let on = self.is_on("innodb_doublewrite")? && !mode.eq_ignore_ascii_case("DETECT_ONLY");
        let told = condition("doublewrite-on", Level::L2, passes(on));
        Ok(if on { told } else { with(told, "unblock", "restart with innodb_doublewrite = ON") })
    }

    /// A system tablespace that may not grow never shows that all of it was used.
    fn redo_limits(&mut self) -> Result<Precondition> {
        let path = self.session.variable("reach", "innodb_data_file_path")?.unwrap_or_default();
        let grows = path.to_lowercase().ends_with("autoextend");
        let told = condition("system-tablespace-grows", Level::L2, passes(grows || !self.session.server.is_mariadb()));
        Ok(if grows { told } else { with(told, "unblock", "restart with innodb_data_file_path ending in :autoextend") })
    }

    /// A search through encrypted files finds nothing, whatever is in them.
    fn storage_readable(&mut self) -> Result<Precondition> {
        let mut hidden = Vec::new();
        for variable in [
            "innodb_encrypt_tables",
            "innodb_encrypt_log",
            "encrypt_binlog",
            "binlog_encryption",
            "aria_encrypt_tables",
            "innodb_redo_log_encrypt",
            "innodb_undo_log_encrypt",
        ] {
            if self.is_on(variable)? {
                hidden.push(variable);
            }
        }
        let sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
                   AND (CREATE_OPTIONS LIKE '%encrypt%' OR CREATE_OPTIONS LIKE '%page_compressed%' \
                   OR CREATE_OPTIONS LIKE '%compression=%')";
        let tables = self.session.number("reach", sql, ())?;
        let told = condition("storage-readable", Level::L2, passes(hidden.is_empty() && tables == 0));
        let told = if hidden.is_empty() { told } else { with(told, "settings", hidden.join(", ")) };
        let told = if tables > 0 { with(told, "tables", tables) } else { told };
        let rewrite =
            "switch encryption and page compression off and write the tables anew, or destroy the key by an act";
        Ok(if told.state == State::Pass { told } else { with(told, "unblock", rewrite) })
    }

    /// Statements with their values. Those in files are emptied where we may write them.
    fn query_logs(&mut self) -> Result<Precondition> {
        let told = |state| condition("query-logs", Level::L2, state);
        let Some(place) = self.place.clone() else {
            return Ok(with(told(State::Unknown), "unblock", "run lastbell on the server's own host"));
        };
        let logs = logs::query_logs(self.session, &place)?;
        let shut: Vec<&logs::Log> = logs.iter().filter(|log| log.bytes > 0 && !log.writable).collect();
        let found = told(passes(shut.is_empty()));
        Ok(shut.iter().fold(found, |found, log| {
            let command = format!("SET GLOBAL {}; empty {}", switch_of(log.variable), log.path.display());
            with(found, "unblock", command)
        }))
    }

    /// It is the operator's and stays; the search reads it.
    fn error_log(&mut self) -> Result<Precondition> {
        let name = self.session.variable("reach", "log_error")?.unwrap_or_default();
        let told = |state| condition("error-log", Level::L2, state);
        if name.is_empty() || name == "stderr" {
            return Ok(with(told(State::Pass), "goes_to", "stderr"));
        }
        let path = self.place.as_ref().map(|place| place.folder.join(&name));
        let state =
            if path.is_some_and(|path| std::fs::File::open(path).is_ok()) { State::Pass } else { State::Unknown };
        let told = with(told(state), "file", name);
        Ok(if told.state == State::Pass { told } else { with(told, "unblock", "let lastbell read it") })
    }

    fn history(&mut self) -> Result<Precondition> {
        let length = turnover::history(self.session)?;
        let most = if self.session.server.is_mariadb() { 0 } else { 100 };
        Ok(with(condition("history-purged", Level::L2, passes(length <= most)), "length", length))
    }

    /// After the reset one log is left, which began then.
    fn binary_log(&mut self) -> Result<Precondition> {
        if !self.is_on("log_bin")? {
            return Ok(with(condition("binary-log-reset", Level::L2, State::Pass), "log_bin", "OFF"));
        }
        let logs = self.session.rows("reach", "SHOW BINARY LOGS", (), |_| Ok(()))?.len();
        Ok(with(condition("binary-log-reset", Level::L2, passes(logs <= 1)), "logs", logs))
    }

    /// Statistics of tables that are empty now would be of rows that are gone.
    fn no_statistics(&mut self) -> Result<Precondition> {
        let told = |state| condition("statistics-cleared", Level::L2, state);
        if !self.session.server.is_mariadb() {
            return Ok(told(State::Pass));
        }
        let sql = "SELECT COUNT(*) FROM mysql.column_stats AS s JOIN information_schema.TABLES AS t \
                   ON t.TABLE_SCHEMA = s.db_name AND t.TABLE_NAME = s.table_name \
                   WHERE s.db_name = DATABASE() AND s.min_value IS NOT NULL AND t.TABLE_ROWS = 0";
        let left = self.session.number("reach", sql, ())?;
        Ok(with(told(passes(left == 0)), "rows", left))
    }
}

/// Room for the fillers: the redo log while they run, their own table, and the step by which the system tablespace grows.
const FILLERS_BYTES: u64 = 256 << 20;

fn switch_of(variable: &str) -> &'static str {
    if variable == "general_log_file" { "general_log = 0" } else { "slow_query_log = 0" }
}
