//! Starting, stopping, killing, settings, users, many at once.

use std::fs;
use std::path::Path;

use lastbell_testkit::servers::{Mariadb, Options, Postgres};

const NAME: &str = "дневник \"`' № 1";

#[test]
fn postgres_keeps_its_rows_over_stop_and_kill() {
    let server = Postgres::start(&Options::real());
    server.create_database(NAME);
    server.sql(NAME, "CREATE TABLE pupil (id int); INSERT INTO pupil VALUES (1)");
    server.restart();
    server.sql(NAME, "INSERT INTO pupil VALUES (2)");
    let pid = server.pid();
    server.kill9();
    assert!(!server.runs());
    assert!(server.try_sql("postgres", NAME, "SELECT 1").is_err(), "a killed server answers");
    server.restart();
    assert_ne!(server.pid(), pid);
    assert_eq!(server.sql(NAME, "SELECT id FROM pupil ORDER BY id"), "1\n2");
    assert!(fs::read_to_string(server.log_file()).unwrap().contains("automatic recovery in progress"));
}

#[test]
fn mariadb_keeps_its_rows_over_stop_and_kill() {
    let server = Mariadb::start(&Options::real());
    server.create_database(NAME);
    server.sql(NAME, "CREATE TABLE pupil (id int); INSERT INTO pupil VALUES (1)");
    server.restart();
    server.sql(NAME, "INSERT INTO pupil VALUES (2)");
    let pid = server.pid();
    server.kill9();
    assert!(!server.runs());
    assert!(server.try_sql("root", NAME, "SELECT 1").is_err(), "a killed server answers");
    server.restart();
    assert_ne!(server.pid(), pid);
    assert_eq!(server.sql(NAME, "SELECT id FROM pupil ORDER BY id"), "1\n2");
    assert!(fs::read_to_string(server.log_file()).unwrap().contains("crash recovery"));
}

#[test]
fn a_refused_statement_says_why_and_ends_the_script() {
    let postgres = Postgres::start(&Options::fast());
    let text =
        postgres.try_sql("postgres", "postgres", "CREATE TABLE a (); SELECT nothing; CREATE TABLE b ()").unwrap_err();
    assert!(text.contains("\"nothing\" does not exist"), "{text}");
    assert_eq!(postgres.sql("postgres", "SELECT relname FROM pg_class WHERE relname IN ('a', 'b')"), "a");
    let mariadb = Mariadb::start(&Options::fast());
    mariadb.create_database("d");
    let text =
        mariadb.try_sql("root", "d", "CREATE TABLE a (i int); SELECT nothing; CREATE TABLE b (i int)").unwrap_err();
    assert!(text.contains("Unknown column 'nothing'"), "{text}");
    assert_eq!(mariadb.sql("d", "SHOW TABLES"), "a");
}

#[test]
fn durability_is_on_in_real_servers_and_off_in_fast_ones() {
    let ask = "SELECT current_setting('fsync') || current_setting('full_page_writes') || current_setting('wal_level')";
    assert_eq!(Postgres::start(&Options::real()).sql("postgres", ask), "ononreplica");
    assert_eq!(Postgres::start(&Options::fast()).sql("postgres", ask), "offoffminimal");
    let ask = "SELECT @@innodb_flush_log_at_trx_commit, CONCAT(@@innodb_doublewrite) IN ('1', 'ON'), @@log_bin";
    assert_eq!(Mariadb::start(&Options::real()).sql("", ask), "1\t1\t0");
    assert_eq!(Mariadb::start(&Options::fast()).sql("", ask), "0\t0\t0");
}

#[test]
fn settings_are_taken_and_can_change_between_starts() {
    let postgres = Postgres::start(&Options::fast().set("wal_level", "logical").set("search_path", "it's"));
    assert_eq!(postgres.sql("postgres", "SHOW wal_level; SHOW search_path"), "logical\nit's");
    postgres.sql("postgres", "ALTER SYSTEM SET work_mem = '7MB'");
    postgres.set("work_mem", "9MB");
    postgres.set("max_prepared_transactions", "3");
    postgres.restart();
    let shown = postgres.sql("postgres", "SHOW work_mem; SHOW max_prepared_transactions");
    assert_eq!(shown, "7MB\n3", "ALTER SYSTEM stands above the file");
    let mut mariadb = Mariadb::start(&Options::real().set("log-bin", "").set("server_id", "7"));
    assert_eq!(mariadb.sql("", "SELECT @@log_bin, @@server_id"), "1\t7");
    mariadb.set("read_only", "1");
    mariadb.restart();
    assert_eq!(mariadb.sql("", "SELECT @@read_only, @@server_id"), "1\t7");
}

#[test]
fn a_template_belongs_to_its_arguments() {
    let server = Postgres::start(&Options::fast().init("--wal-segsize=2"));
    assert_eq!(server.sql("postgres", "SHOW wal_segment_size"), "2MB");
    assert_eq!(Postgres::start(&Options::fast()).sql("postgres", "SHOW wal_segment_size"), "16MB");
    let page = "--innodb-page-size=8k";
    let server = Mariadb::start(&Options::fast().init(page).set("innodb_page_size", "8k"));
    assert_eq!(server.sql("", "SELECT @@innodb_page_size"), "8192");
}

#[test]
fn passwords_are_asked_where_a_test_wants_them() {
    let server = Postgres::start(&Options::fast().hba("local all locked scram-sha-256"));
    server.sql("postgres", "CREATE ROLE locked LOGIN PASSWORD 'invented'; CREATE ROLE open LOGIN");
    assert_eq!(server.try_sql("open", "postgres", "SELECT 1"), Ok("1".to_owned()));
    let text = server.try_sql("locked", "postgres", "SELECT 1").unwrap_err();
    assert!(text.contains("password"), "{text}");
}

#[test]
fn many_servers_live_side_by_side() {
    let work = |number: usize| {
        let postgres = Postgres::start(&Options::fast());
        let mariadb = Mariadb::start(&Options::fast());
        postgres.sql("postgres", &format!("CREATE TABLE t AS SELECT {number} AS n"));
        mariadb.create_database("d");
        mariadb.sql("d", &format!("CREATE TABLE t AS SELECT {number} AS n"));
        (postgres.sql("postgres", "SELECT n FROM t"), mariadb.sql("d", "SELECT n FROM t"), number.to_string())
    };
    let threads: Vec<_> = (0..4).map(|number| std::thread::spawn(move || work(number))).collect();
    for thread in threads {
        let (postgres, mariadb, number) = thread.join().unwrap();
        assert_eq!((&postgres, &mariadb), (&number, &number));
    }
}

#[test]
fn a_dropped_server_leaves_neither_processes_nor_files() {
    let (postgres, mariadb) = (Postgres::start(&Options::real()), Mariadb::start(&Options::real()));
    let folders = [postgres.socket_dir().to_owned(), mariadb.socket_dir().to_owned()];
    let pids = [postgres.pid(), mariadb.pid()];
    assert!(folders.iter().all(|folder| folder.is_dir()));
    drop((postgres, mariadb));
    assert!(folders.iter().all(|folder| !folder.exists()));
    assert!(pids.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()));
}

#[test]
fn a_killed_postgres_leaves_no_shared_memory() {
    let server = Postgres::start(&Options::fast());
    let pid_file = fs::read_to_string(server.data_dir().join("postmaster.pid")).unwrap();
    let id = pid_file.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let known = || {
        let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        table.lines().any(|line| line.split_whitespace().nth(1) == Some(&id))
    };
    server.kill9();
    assert!(known(), "the kernel keeps it after SIGKILL, or this test sees nothing");
    drop(server);
    assert!(!known());
}

#[test]
fn what_is_held_is_held_until_it_is_dropped() {
    let postgres = Postgres::start(&Options::fast());
    postgres.sql("postgres", "CREATE TABLE t (i int)");
    let look = "SET lock_timeout = 100; SELECT count(*) FROM t";
    let held = postgres.hold("postgres", "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    assert!(postgres.try_sql("postgres", "postgres", look).unwrap_err().contains("lock timeout"));
    drop(held);
    assert_eq!(postgres.sql("postgres", "SELECT count(*) FROM t"), "0");
    let mariadb = Mariadb::start(&Options::fast());
    mariadb.create_database("d");
    mariadb.sql("d", "CREATE TABLE t (i int)");
    let held = mariadb.hold("d", "LOCK TABLES t WRITE");
    let look = "SET lock_wait_timeout = 1; SELECT count(*) FROM t";
    assert!(mariadb.try_sql("root", "d", look).unwrap_err().contains("Lock wait timeout"));
    drop(held);
    assert_eq!(mariadb.sql("d", "SELECT count(*) FROM t"), "0");
}

#[test]
#[should_panic(expected = "nothing is held")]
fn what_cannot_be_held_is_told() {
    let _ = Postgres::start(&Options::fast()).hold("postgres", "BEGIN; LOCK TABLE nowhere");
}
