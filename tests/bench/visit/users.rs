//! Users of a platform: short transactions at a steady pace, each timed from the moment at which it should have begun.
//! pgbench's own on PostgreSQL; on MariaDB the same statements through its client.

use crate::stage::{Platform, Stage, THEIRS};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Transactions a second of all users together: below what one processor serves.
const PACE: u32 = 200;
const USERS: u32 = 4;
/// Accounts, as pgbench's scale of ten has them.
const ACCOUNTS: u64 = 1_000_000;

/// Serves them for that time; milliseconds of every transaction.
pub(crate) fn serve(stage: &Stage, platform: Platform, time: Duration) -> Vec<f64> {
    match platform {
        Platform::Postgres => pgbench(stage, time),
        Platform::Mariadb => mariadb(stage, time),
    }
}

fn pgbench(stage: &Stage, time: Duration) -> Vec<f64> {
    let bench = |arguments: &[&str]| {
        let mut command = Command::new("taskset");
        command.args(["-c", THEIRS, "pgbench", "-h"]).arg(stage.postgres.socket_dir());
        command.args(["-p", &stage.postgres.port().to_string(), "-U", "postgres"]).args(arguments).arg("users");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    if stage.postgres.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'users'").trim() == "0" {
        stage.postgres.sql("postgres", "CREATE DATABASE users");
        assert!(bench(&["-i", "-q", "-s", "10"]).status().unwrap().success(), "pgbench -i failed");
    }
    let logs = tempfile::tempdir().unwrap();
    let prefix = logs.path().join("log");
    let (pace, users, seconds) = (PACE.to_string(), USERS.to_string(), time.as_secs().to_string());
    let typed = ["-n", "-M", "prepared", "-c", &users, "-j", "1", "-R", &pace, "-T", &seconds, "-l", "--log-prefix"];
    let status = bench(&[&typed[..], &[prefix.to_str().unwrap()]].concat()).status().unwrap();
    assert!(status.success(), "pgbench failed");
    let lines = fs::read_dir(logs.path()).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let lines: String = lines.collect();
    // client, number, microseconds since it was due, script, seconds and microseconds of the clock, lag
    let micros = |line: &str| line.split(' ').nth(2)?.parse::<f64>().ok();
    lines.lines().filter_map(micros).map(|micros| micros / 1000.0).collect()
}

fn mariadb(stage: &Stage, time: Duration) -> Vec<f64> {
    if stage.mariadb.sql("users", "SHOW TABLES").trim().is_empty() {
        stage.mariadb.sql(
            "users",
            &format!(
                "CREATE TABLE accounts (aid BIGINT PRIMARY KEY, balance BIGINT NOT NULL, filler CHAR(84));
                 INSERT INTO accounts SELECT seq, 0, '' FROM seq_1_to_{ACCOUNTS};
                 CREATE TABLE history (id BIGINT AUTO_INCREMENT PRIMARY KEY, aid BIGINT, delta BIGINT, at DATETIME)"
            ),
        );
    }
    std::thread::scope(|scope| {
        let users: Vec<_> = (0..USERS).map(|user| scope.spawn(move || one_user(stage, user, time))).collect();
        users.into_iter().flat_map(|user| user.join().unwrap()).collect()
    })
}

/// One connection. A transaction that comes late makes the next ones late, and their waiting counts.
fn one_user(stage: &Stage, user: u32, time: Duration) -> Vec<f64> {
    let mut client = Command::new("taskset")
        .args(["-c", THEIRS, "mariadb", "--no-defaults", "-u", "root", "-BNn", "-S"])
        .arg(stage.mariadb.socket())
        .arg("users")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = client.stdin.take().unwrap();
    let mut told = BufReader::new(client.stdout.take().unwrap());
    let (began, step) = (Instant::now(), Duration::from_secs(1) * USERS / PACE);
    let mut taken = Vec::new();
    let mut state = u64::from(user) + 1;
    for number in 0.. {
        let due = step * number + step * user / USERS;
        if due > time {
            break;
        }
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (aid, delta) = (1 + (state >> 33) % ACCOUNTS, (state >> 20) % 1000);
        let sql = format!(
            "BEGIN; UPDATE accounts SET balance = balance + {delta} WHERE aid = {aid}; \
             SELECT balance FROM accounts WHERE aid = {aid}; \
             INSERT INTO history (aid, delta, at) VALUES ({aid}, {delta}, NOW()); COMMIT; SELECT 'done';\n"
        );
        typed.write_all(sql.as_bytes()).unwrap();
        let mut line = String::new();
        while line.trim() != "done" {
            line.clear();
            assert!(told.read_line(&mut line).unwrap() > 0, "the client ended");
        }
        taken.push((began.elapsed() - due).as_secs_f64() * 1000.0);
    }
    drop(typed);
    client.wait().unwrap();
    taken
}
