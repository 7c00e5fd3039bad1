//! How deep each account gets on which server: exactly as deep as was measured, with the name of what stands in the way and
//! with what would open it. And each condition, set up on a real server, blocks by its name.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;
mod erased;

use common::raw;
use erased::*;
use lastbell_contract::{ErrorKind, Level, Means, Moment, Reach, Scrub, State, Statement};
use lastbell_testkit::scanner::scan_for;
use lastbell_testkit::servers::Mariadb;
use mysql::prelude::Queryable;

fn life() -> String {
    format!("{LIFE} {}; FLUSH TABLES pupils FOR EXPORT; UNLOCK TABLES", statistics_of("pupils", "name"))
}

const LIFE: &str = "CREATE TABLE pupils (id INT PRIMARY KEY, name VARCHAR(80), KEY (name));
    INSERT INTO pupils SELECT seq, CONCAT('canary-name-', LPAD(seq, 6, '0')) FROM seq_1_to_2000;
    CREATE TABLE rooms (id INT PRIMARY KEY); INSERT INTO rooms VALUES (1);";

const OWNER: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, LOCK TABLES";

fn canaries() -> String {
    (1..=2000).map(|row| format!("name\tcanary-name-{row:06}\n")).collect()
}

/// Codes that keep a level from being reached; each says what would open it.
fn in_the_way(reach: &Reach, level: Level) -> Vec<&str> {
    let mut codes: Vec<&str> = Vec::new();
    for one in reach.preconditions.iter().filter(|one| one.blocks <= level && one.state != State::Pass) {
        codes.push(&one.code);
        assert!(one.detail.iter().any(|(name, how)| name == "unblock" && !how.is_empty()), "{one:?} says no way out");
    }
    codes.sort_unstable();
    codes
}

fn server() -> Mariadb {
    Mariadb::start(&ready().set("log_bin", "binlog"))
}

/// Global grants besides those of an owner of tables.
fn everything() -> Vec<&'static str> {
    let common = ["PROCESS", "RELOAD", "SELECT", "DROP"];
    let own: &[&str] = match *MARIADB {
        true => &["SUPER", "INSERT", "DELETE", "BINLOG MONITOR", "REPLICATION MASTER ADMIN"],
        false => &[
            "SYSTEM_VARIABLES_ADMIN",
            "REPLICATION CLIENT",
            "REPLICATION SLAVE",
            "CREATE TABLESPACE",
            "XA_RECOVER_ADMIN",
        ],
    };
    common.iter().chain(own).copied().collect()
}

#[test]
fn each_account_reaches_exactly_the_level_that_was_measured() {
    let all = everything().join(", ");
    let cases: [(&str, &str, Means, Level, &[&str]); 5] = [
        ("owner", OWNER, Means::Dedicated, Level::L1, &["server-privileges"]),
        ("owner_shared", OWNER, Means::Shared, Level::L1, &["dedicated-server", "server-privileges"]),
        ("granted_shared", &all, Means::Shared, Level::L1, &["dedicated-server"]),
        ("root", "", Means::Shared, Level::L1, &["dedicated-server"]),
        ("root", "", Means::Dedicated, Level::L2, &[]),
    ];
    for (account, privileges, means, level, blocked) in cases {
        let server = server();
        let store = Store::on(&server, &life());
        if account != "root" {
            store.account(account, OWNER);
        }
        if privileges == all {
            server.sql("", &format!("GRANT {all} ON *.* TO {account}@localhost"));
        }
        let mut eraser = store.eraser_as(account);
        let before = eraser.reach(Level::L2, means).unwrap();
        assert_eq!((before.level, in_the_way(&before, Level::L2)), (level, blocked.to_vec()), "{account} {means:?}");
        destroy(eraser.as_mut(), &["pupils"]);
        let scrubbed = scrub(eraser.as_mut(), level, means, &["pupils"]).unwrap();
        assert_eq!(scrubbed.reach.level, level, "{account} {means:?}: {:?}", scrubbed.reach);
        if level < Level::L2 {
            let refused = refusal(scrub(eraser.as_mut(), Level::L2, means, &["pupils"]));
            assert_eq!(refused.0, ErrorKind::Unsafe, "{account} {means:?}");
            assert!(blocked.contains(&refused.1.as_str()), "{account} {means:?}: {refused:?}");
        }
        drop(eraser);
        server.stop();
        let own = server.data_dir().join(&store.name);
        assert_eq!(
            scan_for(&canaries(), std::slice::from_ref(&own)).canaries,
            0,
            "{account} {means:?}: L1 is about these files"
        );
        let everywhere = scan_for(&canaries(), &[server.data_dir()]).canaries;
        assert_eq!(everywhere == 0, level == Level::L2, "{account} {means:?}: {everywhere} values elsewhere");
    }
}

#[test]
fn without_any_one_of_the_servers_privileges_l2_is_not_claimed() {
    let server = server();
    let store = Store::on(&server, &life());
    for (at, missing) in everything().iter().enumerate() {
        let account = format!("lacks_{at}");
        store.account(&account, OWNER);
        let others: Vec<&str> = everything().into_iter().filter(|one| one != missing).collect();
        server.sql("", &format!("GRANT {} ON *.* TO {account}@localhost", others.join(", ")));
        let reach = store.reader_as(&account).reach(Level::L2, Means::Dedicated).unwrap();
        assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (Level::L1, vec!["server-privileges"]), "{missing}");
        let told = found(&reach, "server-privileges").detail.iter().find(|(name, _)| name == "missing").unwrap();
        assert!(told.1.contains(missing), "{missing} is not named: {told:?}");
    }
    store.account("has_all", OWNER);
    server.sql("", &format!("GRANT {} ON *.* TO has_all@localhost", everything().join(", ")));
    let mut eraser = store.eraser_as("has_all");
    assert_eq!(in_the_way(&eraser.reach(Level::L2, Means::Dedicated).unwrap(), Level::L2), [""; 0]);
    destroy(eraser.as_mut(), &["pupils"]);
    let scrubbed = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L2, "what is claimed beforehand is what the account can do");
}

#[test]
fn without_any_one_of_the_owners_privileges_nothing_is_claimed() {
    let server = server();
    let store = Store::on(&server, &life());
    let needed = ["SELECT", "LOCK TABLES", "DROP", "ALTER", "CREATE", "INSERT"];
    for (at, missing) in needed.iter().enumerate() {
        let account = format!("lacks_{at}");
        let others: Vec<&str> = needed.iter().filter(|one| *one != missing).copied().collect();
        store.account(&account, &others.join(", "));
        let reach = store.reader_as(&account).reach(Level::L1, Means::Dedicated).unwrap();
        assert_eq!(
            (reach.level, found(&reach, "table-privileges").state.clone()),
            (Level::L0, State::Fail),
            "{missing}"
        );
        let unblock = found(&reach, "table-privileges").detail.iter().find(|(name, _)| name == "unblock").unwrap();
        server.sql("", &unblock.1.clone());
        let reach = store.reader_as(&account).reach(Level::L1, Means::Dedicated).unwrap();
        assert_eq!(reach.level, Level::L1, "what is told to open it opens it: {unblock:?}");
    }
}

/// A condition that is not met at first and names itself; and is met once it is taken away.
#[track_caller]
fn blocks(store: &Store<'_>, code: &str, level: Level) {
    let mut eraser = store.eraser();
    let reach = eraser.reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (level, vec![code]));
    let (kind, told) = refusal(scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]));
    assert_eq!((kind, told.as_str()), (ErrorKind::Unsafe, code));
}

/// The server repeats a list of transactions that is up to 100 ms old.
#[track_caller]
fn opens(store: &Store<'_>) {
    std::thread::sleep(std::time::Duration::from_millis(150));
    let reach = store.eraser().reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (Level::L2, vec![]));
}

#[test]
fn an_open_transaction_blocks_and_so_does_a_prepared_one() {
    let server = server();
    let store = Store::on(&server, &life());
    let mut other = raw(&server, &store.name);
    other.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").unwrap();
    other.query_drop("SELECT COUNT(*) FROM rooms").unwrap();
    blocks(&store, "no-open-transaction", Level::L1);
    other.query_drop("COMMIT").unwrap();
    opens(&store);
    other.query_drop("XA START 'x'").unwrap();
    other.query_drop("INSERT INTO rooms VALUES (2)").unwrap();
    other.query_drop("XA END 'x'").unwrap();
    other.query_drop("XA PREPARE 'x'").unwrap();
    drop(other);
    let reach = store.eraser().reach(Level::L2, Means::Dedicated).unwrap();
    assert!(in_the_way(&reach, Level::L2).contains(&"no-prepared-transaction"), "{reach:?}");
    server.sql("", "XA ROLLBACK 'x'");
    opens(&store);
}

#[test]
fn a_replica_blocks_on_both_sides() {
    let primary = Mariadb::start(&ready().tcp().set("log_bin", "binlog").set("server_id", "1"));
    let store = Store::on(&primary, &life());
    let replica = Mariadb::replica_of(&primary, &ready().set("server_id", "2").set("log_bin", "binlog"));
    replica.catch_up(&primary);
    blocks(&store, "no-replicas", Level::L1);
    let copy = Store { server: &replica, name: store.name.clone() };
    let reach = copy.eraser().reach(Level::L2, Means::Dedicated).unwrap();
    assert!(in_the_way(&reach, Level::L2).contains(&"not-a-replica"), "{reach:?}");
    assert_eq!(reach.level, Level::L1);
    replica.sql("", if *MARIADB { "STOP ALL SLAVES; RESET SLAVE ALL" } else { "STOP REPLICA; RESET REPLICA ALL" });
    drop(replica);
    let mut tries = 0;
    while store.eraser().reach(Level::L2, Means::Dedicated).unwrap().level < Level::L2 {
        tries += 1;
        store.sql("DELETE FROM rooms; INSERT INTO rooms VALUES (1)"); // the primary notices when it has something to send
        assert!(tries < 300, "the replica is gone and still blocks");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_setting_that_keeps_old_values_blocks() {
    let server = server();
    let store = Store::on(&server, &life());
    server.sql("", "SET GLOBAL innodb_change_buffering = 'all'");
    blocks(&store, "change-buffering-off", Level::L1);
    server.sql("", "SET GLOBAL innodb_change_buffering = 'none'");
    opens(&store);
    let hidden = if *MARIADB { "PAGE_COMPRESSED=1" } else { "COMPRESSION='zlib'" };
    store.sql(&format!("CREATE TABLE hidden (id INT PRIMARY KEY, v TEXT) {hidden}"));
    blocks(&store, "storage-readable", Level::L1);
    store.sql("DROP TABLE hidden");
    opens(&store);
    server.sql("", "SET GLOBAL innodb_file_per_table = 0");
    blocks(&store, "own-tablespaces", Level::L0);
    store.sql("CREATE TABLE shared (id INT PRIMARY KEY)");
    server.sql("", "SET GLOBAL innodb_file_per_table = 1");
    blocks(&store, "own-tablespaces", Level::L0);
    let out = if *MARIADB { "FORCE" } else { "TABLESPACE = innodb_file_per_table" };
    store.sql(&format!("ALTER TABLE shared {out}"));
    opens(&store);
}

#[test]
fn tables_in_the_system_tablespace_are_found_without_the_right_to_ask() {
    let server = server();
    let store = Store::on(&server, &life());
    store.account("owner", OWNER);
    assert_eq!(store.reader_as("owner").reach(Level::L1, Means::Dedicated).unwrap().level, Level::L1);
    server.sql("", "SET GLOBAL innodb_file_per_table = 0");
    store.sql("CREATE TABLE shared (id INT PRIMARY KEY)");
    server.sql("", "SET GLOBAL innodb_file_per_table = 1");
    let reach = store.reader_as("owner").reach(Level::L1, Means::Dedicated).unwrap();
    assert_eq!((reach.level, in_the_way(&reach, Level::L1)), (Level::L0, vec!["own-tablespaces"]));
}

#[test]
fn a_server_that_guards_no_pages_keeps_what_it_once_wrote() {
    let server = Mariadb::start(&ready().set("innodb_doublewrite", "0"));
    blocks(&Store::on(&server, &life()), "doublewrite-on", Level::L1);
}

#[test]
fn a_doublewrite_area_that_is_not_written_any_more_is_seen_on_the_disk() {
    if !only_mysql("a doublewrite area that is switched over to detection") {
        return;
    }
    let server = server();
    let store = Store::on(&server, &life());
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &["pupils"]);
    // When every condition was looked at, and before the filler runs.
    let mut switch = |moment: Moment, statement: &Statement| {
        if (moment, statement.technique.as_str()) == (Moment::Before, "doublewrite-fill") {
            server.sql("", "SET GLOBAL innodb_doublewrite = 'DETECT_ONLY'");
        }
    };
    let mut heard = Heard { acts: Some(&mut switch), ..Heard::default() };
    let wish = Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils"]) };
    let reach = eraser.scrub(&wish, &mut heard).unwrap().reach;
    let blocked = ["doublewrite-on", "doublewrite-turned-over"];
    assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (Level::L1, blocked.to_vec()));
    let pages = &found(&reach, "doublewrite-turned-over").detail[0];
    assert!(pages.0 == "pages" && pages.1.parse::<u64>().unwrap() > 0, "{pages:?}");
    blocks(&store, "doublewrite-on", Level::L1);
    server.sql("", "SET GLOBAL innodb_doublewrite = 'DETECT_AND_RECOVER'");
    let reach = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap().reach;
    assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (Level::L2, vec![]));
}

#[test]
fn a_read_only_server_blocks_everything() {
    let server = server();
    let store = Store::on(&server, &life());
    store.account("owner", OWNER);
    server.sql("", "SET GLOBAL read_only = 1");
    let mut eraser = store.eraser_as("owner");
    let reach = eraser.reach(Level::L1, Means::Dedicated).unwrap();
    assert_eq!((reach.level, in_the_way(&reach, Level::L1)), (Level::L0, vec!["server-writable"]));
    assert_eq!(refusal(try_destroy(eraser.as_mut(), &["pupils"], &[])).0, ErrorKind::Denied);
    drop(eraser);
    assert_eq!(store.rows("pupils"), 2000);
}

#[test]
fn a_setting_changed_by_a_killed_run_is_restored() {
    let (name, step) = match *MARIADB {
        true => ("innodb_log_file_size", "doublewrite-fill"),
        false => ("innodb_redo_log_capacity", "redo-wait"),
    };
    let server = Mariadb::start(&ready().set(name, "33554432"));
    let store = Store::on(&server, &life());
    let size = || server.sql("", &format!("SELECT @@{name}")).trim().to_owned();
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &["pupils"]);
    let mut heard = Heard::refusing(Moment::Before, step);
    let wish = Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils"]) };
    assert_eq!(eraser.scrub(&wish, &mut heard).unwrap_err().kind, ErrorKind::Stopped);
    drop(eraser);
    assert_ne!(size(), (32 << 20).to_string(), "the test was to break off while it was changed");
    assert_eq!(store.ours().is_empty(), !*MARIADB, "and on MariaDB while a filler stood there");
    let left = heard.settings_left();
    assert_eq!(left.len(), 1, "{left:?}");
    let mut eraser = store.eraser();
    let mut again = Heard::default();
    eraser.tidy(&left, &mut again).unwrap();
    assert_eq!(size(), (32 << 20).to_string());
    let expected: &[&str] = if *MARIADB { &["drop-filler", "restore-global"] } else { &["restore-global"] };
    assert_eq!(again.techniques(), expected);
    assert_eq!(store.ours(), "");
    eraser.tidy(&[], &mut again).unwrap();
    assert_eq!(again.all.len(), 2 * expected.len(), "a second one has nothing to do");
    let reached = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap().reach;
    assert_eq!(reached.level, Level::L2, "{reached:?}");
}

#[test]
fn a_setting_that_lastbell_never_changes_is_not_restored_from_a_journal() {
    let store = fresh("CREATE TABLE pupils (id INT PRIMARY KEY)");
    let foreign = |name: &str| lastbell_contract::Setting {
        name: name.to_owned(),
        old: Some("1".to_owned()),
        new: Some("2".to_owned()),
    };
    for name in ["general_log", "innodb_log_file_size = 1; DROP TABLE pupils -- ", ""] {
        let refused = store.eraser().tidy(&[foreign(name)], &mut Heard::default());
        assert_eq!(refusal(refused), (ErrorKind::Unsafe, "setting-unknown".to_owned()), "{name}");
    }
}
