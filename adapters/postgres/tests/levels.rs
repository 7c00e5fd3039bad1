//! How deep each role gets on which server: exactly as deep as was measured, with the name of what stands in the way.
#![allow(clippy::unwrap_used)]

mod store;
use lastbell_contract::{Eraser, ErrorKind, Level, Means, Moment, Operation, Reach, Setting, State};
use lastbell_testkit::scanner::scan_for;
use lastbell_testkit::servers::{Options, Postgres};
use std::path::PathBuf;
use store::*;

const LIFE: &str = "CREATE TABLE pupils (id int PRIMARY KEY, name text); CREATE INDEX ON pupils (name);
    INSERT INTO pupils SELECT i, 'canary-name-' || lpad(i::text, 6, '0') FROM generate_series(1, 2000) i;
    CREATE MATERIALIZED VIEW shown AS SELECT name FROM pupils;";

/// The owner of tables, the owner of the database besides, a role with every grant that a superuser may give.
const ROLES: &str =
    "CREATE ROLE owner LOGIN; CREATE ROLE dba LOGIN; CREATE ROLE granted LOGIN; CREATE ROLE reader LOGIN;
    GRANT pg_monitor TO granted; DO $$ BEGIN IF current_setting('server_version_num')::int >= 150000 THEN
    EXECUTE 'GRANT pg_checkpoint TO granted; GRANT ALTER SYSTEM ON PARAMETER wal_recycle TO granted'; END IF; END $$;";

const GRANTS: &str =
    "GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_ls_waldir(), pg_reload_conf(), pg_show_all_file_settings(),
    pg_control_system() TO granted; GRANT owner TO dba, granted; GRANT ALL ON SCHEMA public TO owner;";

fn server() -> Postgres {
    let server = Postgres::start(&Options::real().set("max_prepared_transactions", "5"));
    server.sql("postgres", ROLES);
    server
}

fn store_of<'a>(server: &'a Postgres, owner: &str) -> Store<'a> {
    let store = Store::on(server, &format!("{GRANTS} {LIFE}"));
    store.sql("ALTER TABLE pupils OWNER TO owner; ALTER MATERIALIZED VIEW shown OWNER TO owner; CHECKPOINT");
    store.sql(&format!("ALTER DATABASE \"{}\" OWNER TO {owner}", store.name));
    store
}

/// Codes that keep a level from being reached.
fn in_the_way(reach: &Reach, level: Level) -> Vec<&str> {
    let mut codes: Vec<&str> = Vec::new();
    for one in reach.preconditions.iter().filter(|one| one.blocks <= level && one.state != State::Pass) {
        codes.push(&one.code);
        let advice = one.detail.iter().find(|(name, _)| name == "unblock");
        assert!(advice.is_none_or(|(_, how)| !how.is_empty()), "{one:?}");
    }
    codes.sort_unstable();
    codes
}

fn canaries() -> String {
    (1..=2000).map(|row| format!("name\tcanary-name-{row:06}\n")).collect()
}

/// Role, owner of the database, means, level, what is in the way of L2.
const LEVELS: [(&str, &str, Means, Level, &[&str]); 5] = [
    (
        "owner",
        "postgres",
        Means::Dedicated,
        Level::L1,
        &[
            "catalogs-rewritable",
            "disk-space",
            "files-readable",
            "known-libraries",
            "no-temporary-files",
            "server-log",
            "statement-statistics",
            "statistics-clearable",
            "wal-turnover",
        ],
    ),
    (
        "dba",
        "dba",
        Means::Dedicated,
        Level::L1,
        &[
            "disk-space",
            "files-readable",
            "known-libraries",
            "no-temporary-files",
            "server-log",
            "statement-statistics",
            "statistics-clearable",
            "wal-turnover",
        ],
    ),
    ("granted", "dba", Means::Dedicated, Level::L1, &["catalogs-rewritable", "statistics-clearable"]),
    ("postgres", "postgres", Means::Shared, Level::L1, &["dedicated-server"]),
    ("postgres", "postgres", Means::Dedicated, Level::L2, &[]),
];

#[test]
fn each_role_reaches_exactly_the_level_that_was_measured() {
    for (role, owner, means, level, blocked) in LEVELS {
        let server = server();
        let store = store_of(&server, owner);
        let mut eraser = store.eraser_as(role);
        let before = eraser.reach(Level::L2, means).unwrap();
        let mut blocked = blocked.to_vec();
        // Before version 15 nobody but a superuser may be let to it.
        let grants = server.sql("postgres", "SELECT current_setting('server_version_num')::int >= 150000") == "t";
        blocked.extend((role == "granted" && !grants).then_some("wal-turnover"));
        assert_eq!((before.level, in_the_way(&before, Level::L2)), (level, blocked), "{role} {means:?}");
        destroy(eraser.as_mut(), &["pupils"]);
        let scrubbed = scrub(eraser.as_mut(), level, means, &["pupils"]).unwrap();
        assert_eq!(scrubbed.reach.level, level, "{role} {means:?}: {:?}", scrubbed.reach);
        if level < Level::L2 {
            assert_ne!(refusal(scrub(eraser.as_mut(), Level::L2, means, &["pupils"])).1, "", "{role} {means:?}");
        }
        drop(eraser);
        server.stop();
        let base: PathBuf = server.data_dir().join("base");
        assert_eq!(scan_for(&canaries(), &[base]).canaries, 0, "{role} {means:?}: L1 is about these files");
        let log = scan_for(&canaries(), &[server.data_dir().join("pg_wal")]).canaries;
        assert_eq!(log == 0, level == Level::L2, "{role} {means:?}: {log} values in the log");
    }
}

#[test]
fn a_role_without_tables_reaches_nothing() {
    let server = server();
    let store = store_of(&server, "postgres");
    let reach = store.reader_as("reader").reach(Level::L1, Means::Dedicated).unwrap();
    assert_eq!((reach.level, found(&reach, "owns-tables").state.clone()), (Level::L0, State::Fail));
}

/// What must stand in the way, of which level, after which statement.
const PRECONDITIONS: [(&str, &str, Level, &str); 9] = [
    (
        "BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION 'open'",
        "no-prepared-transaction",
        Level::L1,
        "ROLLBACK PREPARED 'open'",
    ),
    (
        "SELECT pg_create_physical_replication_slot('kept', true)",
        "no-replication-slot",
        Level::L2,
        "SELECT pg_drop_replication_slot('kept')",
    ),
    (
        "ALTER SYSTEM SET wal_keep_size = '16MB'; SELECT pg_reload_conf()",
        "no-wal-kept",
        Level::L2,
        "ALTER SYSTEM RESET wal_keep_size; SELECT pg_reload_conf()",
    ),
    (
        "SELECT lo_from_bytea(0, '\\x00')",
        "no-large-object",
        Level::L2,
        "SELECT lo_unlink(oid) FROM pg_largeobject_metadata",
    ),
    (
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION e()",
        "no-event-trigger",
        Level::L1,
        "DROP EVENT TRIGGER watch",
    ),
    (
        "ALTER SYSTEM SET log_destination = 'stderr,syslog'; SELECT pg_reload_conf()",
        "server-log",
        Level::L2,
        "ALTER SYSTEM RESET log_destination; SELECT pg_reload_conf()",
    ),
    (
        "CREATE ROLE stranger; ALTER MATERIALIZED VIEW shown OWNER TO stranger; REVOKE ALL ON SCHEMA public FROM stranger",
        "",
        Level::L1,
        "ALTER MATERIALIZED VIEW shown OWNER TO owner",
    ),
    (
        "COPY (SELECT 1) TO PROGRAM 'mkdir -p base/pgsql_tmp && touch base/pgsql_tmp/pgsql_tmp1.0'",
        "no-temporary-files",
        Level::L2,
        "COPY (SELECT 1) TO PROGRAM 'rm base/pgsql_tmp/pgsql_tmp1.0'",
    ),
    ("CREATE STATISTICS ext ON id, name FROM pupils", "", Level::L2, "DROP STATISTICS ext"),
];

#[test]
fn each_condition_is_seen_blocks_its_level_and_is_seen_to_be_gone() {
    let server = server();
    let store = store_of(&server, "postgres");
    store.sql("CREATE TABLE other (x int)");
    let mut eraser = store.eraser();
    for (setup, code, level, undo) in PRECONDITIONS {
        store.sql(setup);
        settled(eraser.as_mut(), code, false);
        let reach = eraser.reach(Level::L2, Means::Dedicated).unwrap();
        let below = [Level::L0, Level::L1][usize::from(level == Level::L2)];
        let (expected, blocked) = if code.is_empty() { (Level::L2, vec![]) } else { (below, vec![code]) };
        assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (expected, blocked), "{setup}");
        if !code.is_empty() {
            let told = refusal(scrub(eraser.as_mut(), level, Means::Dedicated, &["pupils"]));
            assert_eq!(told.1, code, "{setup}");
        }
        store.sql(undo);
        settled(eraser.as_mut(), code, true);
    }
    assert_eq!(eraser.reach(Level::L2, Means::Dedicated).unwrap().level, Level::L2);
}

#[test]
fn a_view_of_another_owner_is_in_the_way_by_its_name_and_refused() {
    let server = server();
    let store = store_of(&server, "owner");
    store.sql("CREATE ROLE stranger; ALTER MATERIALIZED VIEW shown OWNER TO stranger");
    let mut eraser = store.eraser_as("owner");
    let reach = eraser.reach(Level::L1, Means::Dedicated).unwrap();
    assert_eq!((reach.level, in_the_way(&reach, Level::L1)), (Level::L0, vec!["materialised-views"]));
    let told = &found(&reach, "materialised-views").detail;
    assert_eq!(told[..2], [("views".to_owned(), "1".to_owned()), ("owned".to_owned(), "0".to_owned())]);
    destroy(eraser.as_mut(), &["pupils"]);
    let refused = refusal(scrub(eraser.as_mut(), Level::L1, Means::Dedicated, &["pupils"]));
    assert_eq!(refused, (ErrorKind::Unsafe, "materialised-views".to_owned()));
    // At L0, too, the rows that the view repeats would stay: it is no success.
    let ended = scrub(eraser.as_mut(), Level::L0, Means::Dedicated, &["pupils"]).unwrap_err();
    assert_eq!((ended.kind, ended.table.as_deref()), (ErrorKind::Denied, Some("shown")), "{ended}");
    assert_eq!(store.sql("SELECT count(*) FROM shown"), "2000");
    store.sql("ALTER MATERIALIZED VIEW shown OWNER TO owner");
    let scrubbed = scrub(eraser.as_mut(), Level::L1, Means::Dedicated, &["pupils"]).unwrap();
    assert_eq!((scrubbed.reach.level, store.sql("SELECT count(*) FROM shown")), (Level::L1, "0".to_owned()));
}

/// Its query can be answered only while there are pupils.
const SHARES: &str =
    "CREATE MATERIALIZED VIEW shares AS SELECT name FROM pupils UNION ALL SELECT (100 / count(*))::text FROM pupils";

#[test]
fn a_view_that_cannot_be_shown_anew_is_named_and_no_level_is_claimed() {
    for level in [Level::L0, Level::L1, Level::L2] {
        let server = server();
        let store = store_of(&server, "postgres");
        store.sql(SHARES);
        let mut eraser = store.eraser();
        assert_eq!(eraser.reach(Level::L2, Means::Dedicated).unwrap().level, Level::L2, "nobody can know beforehand");
        destroy(eraser.as_mut(), &["pupils"]);
        let ended = scrub(eraser.as_mut(), level, Means::Dedicated, &["pupils"]).unwrap_err();
        let told = (ended.kind, ended.code.as_deref(), ended.table.as_deref());
        assert_eq!(told, (ErrorKind::Unsafe, Some("view-not-shown-anew"), Some("shares")), "{level:?}");
        assert!(!format!("{ended} {ended:?}").contains("canary"), "{ended:?}");
        assert_eq!(store.sql("SELECT count(*) FROM shares"), "2001", "it still repeats the rows");
        store.sql("DROP MATERIALIZED VIEW shares");
        let scrubbed = scrub(eraser.as_mut(), level, Means::Dedicated, &["pupils"]).unwrap();
        assert_eq!(scrubbed.reach.level, level);
    }
}

#[test]
fn a_setting_on_the_command_line_is_in_the_way_of_l2_unless_it_is_already_as_wanted() {
    let life = format!("{LIFE} CHECKPOINT");
    let server = Postgres::start(&Options::real().fixed("wal_recycle", "on"));
    let store = Store::on(&server, &life);
    let mut eraser = store.eraser();
    let reach = eraser.reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (Level::L1, vec!["wal-turnover"]));
    assert_eq!(found(&reach, "wal-turnover").detail, [("fixed".to_owned(), "wal_recycle".to_owned())]);
    destroy(eraser.as_mut(), &["pupils"]);
    let mut heard = Heard::default();
    let wish = lastbell_contract::Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils"]) };
    assert_eq!(refusal(eraser.scrub(&wish, &mut heard)), (ErrorKind::Denied, "wal-turnover".to_owned()));
    assert!(heard.all.is_empty(), "nothing is begun: {:?}", heard.all);
    assert_eq!(scrub(eraser.as_mut(), Level::L1, Means::Dedicated, &["pupils"]).unwrap().reach.level, Level::L1);
    drop(eraser);
    drop(server);

    let server = Postgres::start(&Options::real().fixed("wal_recycle", "off"));
    let store = Store::on(&server, &life);
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &["pupils"]);
    assert_eq!(scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap().reach.level, Level::L2);
    let left = "SELECT count(*) FROM pg_file_settings WHERE name = 'wal_recycle' AND sourcefile LIKE '%auto.conf'";
    assert_eq!(store.sql(left), "0");
    drop(eraser);
    server.stop();
    assert_eq!(scan_for(&canaries(), &[server.data_dir()]).canaries, 0);
}

/// A setting is heard of a moment after it was told.
fn settled(eraser: &mut dyn Eraser, code: &str, good: bool) {
    for _ in 0..100 {
        let reach = eraser.reach(Level::L2, Means::Dedicated).unwrap();
        if code.is_empty() || (found(&reach, code).state == State::Pass) == good {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn extended_statistics_comments_and_links_without_an_index_are_counted() {
    let server = server();
    let store = store_of(&server, "postgres");
    let reach = |code: &str, name: &str| {
        let reach = store.reader_as("postgres").reach(Level::L2, Means::Dedicated).unwrap();
        let detail = found(&reach, code).detail.iter().find(|(found, _)| found == name);
        detail.unwrap_or_else(|| panic!("{code} has no {name}")).1.clone()
    };
    let all = || {
        (
            reach("statistics-clearable", "extended"),
            reach("catalogs-rewritable", "comments"),
            reach("links-indexed", "unindexed"),
        )
    };
    assert_eq!(all(), ("0".into(), "0".into(), "0".into()));
    store.sql(
        "CREATE STATISTICS ext ON id, name FROM pupils; COMMENT ON TABLE pupils IS 'x';
        CREATE TABLE marks (id int PRIMARY KEY, pupil int REFERENCES pupils, other int REFERENCES pupils);
        CREATE INDEX ON marks (pupil, id); CREATE INDEX ON marks (id, other)",
    );
    assert_eq!(all(), ("1".into(), "1".into(), "1".into()));
}

#[test]
fn an_old_view_of_the_store_is_in_the_way_until_it_ends() {
    let server = server();
    let store = store_of(&server, "postgres");
    let mut eraser = store.eraser();
    let mut reader = store.reader_as("owner");
    reader.begin().unwrap();
    let reach = eraser.reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!((reach.level, in_the_way(&reach, Level::L2)), (Level::L1, vec!["no-old-snapshot"]));
    // TRUNCATE does not care: the table's files are new, whoever still sees the old ones.
    destroy(eraser.as_mut(), &["pupils"]);
    assert_eq!(scrub(eraser.as_mut(), Level::L1, Means::Dedicated, &["pupils"]).unwrap().reach.level, Level::L1);
    // A new eraser knows nothing of the truncation: it writes the files anew, and then the old view is in the way of L1.
    drop(eraser);
    let mut eraser = store.eraser();
    let scrubbed = scrub(eraser.as_mut(), Level::L1, Means::Dedicated, &["pupils"]).unwrap();
    assert_eq!((scrubbed.reach.level, found(&scrubbed.reach, "no-old-snapshot").blocks), (Level::L0, Level::L1));
    reader.end().unwrap();
    assert_eq!(scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap().reach.level, Level::L2);
}

#[test]
fn sessions_that_cannot_be_looked_into_are_unknown_and_not_clean() {
    let server = server();
    let store = store_of(&server, "postgres");
    let mut other = store.reader_as("reader");
    other.begin().unwrap();
    let mut owner = store.eraser_as("owner");
    let reach = owner.reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!(found(&reach, "no-old-snapshot").state, State::Unknown);
}

/// The size of a table that somebody keeps to himself is asked for by no function that waits for him.
#[test]
fn a_table_that_somebody_keeps_keeps_nobody_from_judging_the_store() {
    let server = server();
    let store = store_of(&server, "postgres");
    store.sql(
        "DROP INDEX pupils_name_idx; ALTER TABLE pupils ALTER name SET STORAGE EXTERNAL;
         UPDATE pupils SET name = repeat(name, 200); VACUUM pupils",
    );
    let need = |reach: &Reach| -> u64 {
        let told = found(reach, "disk-space").detail.iter().find(|(name, _)| name == "need_bytes").cloned();
        told.unwrap().1.parse().unwrap()
    };
    let free = store.eraser().reach(Level::L2, Means::Dedicated).unwrap();
    let held = server.hold(&store.name, "BEGIN; LOCK TABLE pupils IN ACCESS EXCLUSIVE MODE");
    let kept = store.eraser().reach(Level::L2, Means::Dedicated).unwrap();
    drop(held);
    assert_eq!(in_the_way(&kept, Level::L1), in_the_way(&free, Level::L1));
    let (free, kept) = (need(&free), need(&kept));
    assert!(kept > free * 8 / 10 && kept <= free, "{kept} of {free} bytes");
}

#[test]
fn a_standby_is_named_on_both_sides() {
    let primary = Postgres::start(&Options::real());
    let store = Store::on(&primary, LIFE);
    let standby = Postgres::standby_of(&primary, &Options::real());
    standby.catch_up(&primary);
    let reach = store.reader_as("postgres").reach(Level::L2, Means::Dedicated).unwrap();
    assert!(in_the_way(&reach, Level::L2).contains(&"no-standby"), "{reach:?}");
    let there = Store { server: &standby, name: "diary".to_owned() };
    let reach = there.reader_as("postgres").reach(Level::L2, Means::Dedicated).unwrap();
    assert_eq!((reach.level, found(&reach, "not-in-recovery").state.clone()), (Level::L0, State::Fail));
    assert_eq!(refusal(there.eraser().lock(&request(&["pupils"], &[])).map(drop)).0, ErrorKind::Denied);
}

/// Settings that only a start changes; the code; whether it still blocks after the other column's statement.
type Started = (&'static [(&'static str, &'static str)], &'static str, Option<&'static str>);

const SERVERS: [Started; 4] = [
    (&[("archive_mode", "on"), ("archive_command", "false")], "no-archiving", None),
    (
        &[("shared_preload_libraries", "pg_stat_statements")],
        "statement-statistics",
        Some("CREATE EXTENSION pg_stat_statements"),
    ),
    (&[("shared_preload_libraries", "pg_stat_statements,passwordcheck")], "known-libraries", None),
    (&[("logging_collector", "on"), ("log_directory", "log")], "", None),
];

#[test]
fn what_only_a_start_changes_is_seen() {
    for (settings, code, clears) in SERVERS {
        let options = settings.iter().fold(Options::real(), |options, (name, value)| options.set(name, value));
        let server = Postgres::start(&options);
        let store = Store::on(&server, LIFE);
        let blocked = |store: &Store<'_>| {
            let reach = store.reader_as("postgres").reach(Level::L2, Means::Dedicated).unwrap();
            in_the_way(&reach, Level::L2).contains(&code)
        };
        assert_eq!(blocked(&store), !code.is_empty(), "{settings:?}");
        if let Some(sql) = clears {
            store.sql(sql);
            assert!(!blocked(&store), "{settings:?}");
        }
        if code.is_empty() {
            let mut eraser = store.eraser();
            destroy(eraser.as_mut(), &["pupils"]);
            let logs = || std::fs::read_dir(server.data_dir().join("log")).unwrap().count();
            let scrubbed = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap();
            assert_eq!(scrubbed.reach.level, Level::L2);
            assert!(scrubbed.techniques.contains(&"log-rotate".to_owned()));
            assert!(logs() >= 1);
        }
    }
}

#[test]
fn the_setting_is_announced_with_both_values_and_restored() {
    for own in [None, Some("on")] {
        let server = server();
        let store = store_of(&server, "postgres");
        if let Some(value) = own {
            store.sql(&format!("ALTER SYSTEM SET wal_recycle = {value}; SELECT pg_reload_conf()"));
        }
        let mut eraser = store.eraser();
        destroy(eraser.as_mut(), &["pupils"]);
        let mut heard = Heard::default();
        let wish = lastbell_contract::Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils"]) };
        eraser.scrub(&wish, &mut heard).unwrap();
        let said =
            heard.all.iter().filter(|(moment, one)| *moment == Moment::Before && one.operation == Operation::Setting);
        let settings: Vec<Setting> = said.map(|(_, statement)| statement.setting.clone().unwrap()).collect();
        let old = own.map(str::to_owned);
        let change = Setting { name: "wal_recycle".to_owned(), old, new: Some("off".to_owned()) };
        assert_eq!(settings, [change.clone(), change.back()]);
        assert_eq!(store.sql("SHOW wal_recycle"), "on");
        let left = "SELECT count(*) FROM pg_file_settings WHERE name = 'wal_recycle' AND sourcefile LIKE '%auto.conf'";
        assert_eq!(store.sql(left), if own.is_some() { "1" } else { "0" });
    }
}

#[test]
fn what_a_killed_scrub_left_is_restored_by_tidy() {
    let server = server();
    let store = store_of(&server, "postgres");
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &["pupils"]);
    // The witness ends the run right after the setting was changed, as a kill would.
    let mut heard = Heard::refusing(Moment::After, "wal-recycle-off");
    let wish = lastbell_contract::Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils"]) };
    assert_eq!(refusal(eraser.scrub(&wish, &mut heard)).0, ErrorKind::Stopped);
    drop(eraser);
    assert_eq!(store.sql("SHOW wal_recycle"), "off");
    let told: Vec<(Moment, Setting)> = heard.settings().collect();
    let left = lastbell_contract::settings_left(told.iter().map(|(moment, setting)| (*moment, setting)));
    let mut eraser = store.eraser();
    let mut heard = Heard::default();
    eraser.tidy(&left, &mut heard).unwrap();
    assert_eq!(heard.techniques(), ["wal-recycle-restore"]);
    assert_eq!(store.sql("SELECT pg_sleep(0.5); SHOW wal_recycle").lines().last(), Some("on"));
    // Once more there is nothing to do, and a setting that somebody else set meanwhile is his.
    let mut heard = Heard::default();
    eraser.tidy(&left, &mut heard).unwrap();
    assert!(heard.all.is_empty());
    let foreign = Setting { name: "archive_command".to_owned(), old: Some("rm -rf /".to_owned()), new: None };
    assert_eq!(refusal(eraser.tidy(&[foreign], &mut Heard::default())).1, "setting-unknown");
}

#[test]
fn a_scrub_may_be_done_again_and_ends_the_same() {
    let server = server();
    let store = store_of(&server, "postgres");
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &["pupils"]);
    let first = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap();
    let second = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap();
    assert_eq!((first.reach.level, second.reach.level), (Level::L2, Level::L2));
    assert_eq!(store.sql("SELECT count(*) FROM shown"), "0", "the view was shown anew");
}

#[test]
fn an_owner_who_keeps_a_part_leaves_nothing_in_the_tables_files() {
    let server = server();
    let store = store_of(&server, "postgres");
    store.sql("ANALYZE; UPDATE pupils SET name = name || 'x' WHERE id < 0; CHECKPOINT");
    let mut eraser = store.eraser_as("owner");
    let mut unit = eraser.lock(&request(&["pupils"], &[])).unwrap();
    assert_eq!(unit.rebuild(&table("pupils"), &mut tenth, &mut Heard::default()).unwrap(), 200);
    unit.commit(&mut Heard::default()).unwrap();
    let scrubbed = scrub(eraser.as_mut(), Level::L1, Means::Shared, &["pupils"]).unwrap();
    assert_eq!(scrubbed.reach.level, Level::L1);
    drop(eraser);
    let old = "SELECT count(*) FROM pg_stats WHERE tablename = 'pupils' AND histogram_bounds::text LIKE '%canary-name-000001%'";
    assert_eq!(store.sql(old), "0", "the owner's ANALYZE shows kept values alone");
    // What is dead in the catalog's own file is no table's: that is for L2 and for another role.
    let statistics = store.sql(
        "SELECT relfilenode FROM pg_class WHERE oid IN (2619, (SELECT reltoastrelid FROM pg_class WHERE oid = 2619))
        UNION SELECT pg_relation_filenode('pg_statistic') UNION SELECT pg_relation_filenode(2840)",
    );
    let folder = store.sql("SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()");
    server.stop();
    let is_statistics = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        statistics.lines().any(|number| name == number)
    };
    let entries = std::fs::read_dir(server.data_dir().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<PathBuf> = entries.filter(|path| !is_statistics(path)).collect();
    let went: String =
        (1..=2000).filter(|row| row % 10 != 0).map(|row| format!("name\tcanary-name-{row:06}\n")).collect();
    let left = scan_for(&went, &files);
    assert_eq!((left.canaries, left.files), (0, files.len()));
}
