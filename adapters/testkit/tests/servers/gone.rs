//! Everything is gone after SIGKILL of the test: the test binary itself, run as another process, is killed in the act.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lastbell_testkit::servers::{Mariadb, Options, Postgres};

/// The body of the other process. Says what it has started, and stays.
#[test]
#[ignore = "only another test runs this"]
#[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a test's child process speaks to its parent")]
fn starts_servers_and_waits() {
    let with_disk = std::env::var("LASTBELL_TEST_CHILD").expect("only another test runs this") == "disk";
    let options = |bytes| if with_disk { Options::real().disk(bytes) } else { Options::real() };
    let (postgres, mariadb) = (Postgres::start(&options(150 << 20)), Mariadb::start(&options(250 << 20)));
    postgres.sql("postgres", "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i");
    for (pid, folder) in [(postgres.pid(), postgres.socket_dir()), (mariadb.pid(), mariadb.socket_dir())] {
        println!("\nserver:{pid}:{}", folder.display());
    }
    std::thread::sleep(Duration::from_secs(600));
}

/// The same for a server that is only being started.
#[test]
#[ignore = "only another test runs this"]
#[allow(clippy::print_stdout, reason = "a test's child process speaks to its parent")]
fn starts_servers_without_end() {
    let first = Postgres::start(&Options::real());
    println!("\nserver:{}:{}", first.pid(), first.socket_dir().display());
    loop {
        let _ = (Postgres::start(&Options::real()), Mariadb::start(&Options::real()));
    }
}

fn child(test: &str, with: &str) -> (Child, impl Iterator<Item = (u32, PathBuf)> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("LASTBELL_TEST_CHILD", with)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.filter_map(|line| {
        let (pid, folder) = line.strip_prefix("server:")?.split_once(':')?;
        Some((pid.parse().ok()?, PathBuf::from(folder)))
    });
    (child, told)
}

fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

fn soon(what: &str, so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(Instant::now() < until, "not within two minutes: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn killed_with(with: &str) {
    let (mut child, mut told) = child("gone::starts_servers_and_waits", with);
    let servers = [told.next().unwrap(), told.next().unwrap()];
    for (pid, folder) in &servers {
        assert!(runs(*pid) && folder.is_dir(), "the servers are there before");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for (pid, folder) in &servers {
        soon("the server is gone", || !runs(*pid));
        soon("its folder is gone", || !folder.exists());
        let moved = format!("{}.gone", folder.display());
        soon("its folder is gone under the other name, too", || !Path::new(&moved).exists());
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&folder.display().to_string()), "its disk is unmounted");
    }
}

#[test]
fn servers_of_a_killed_test_are_gone() {
    killed_with("plain");
}

#[test]
fn servers_for_a_full_disk_of_a_killed_test_are_gone() {
    killed_with("disk");
}

/// Processes that have the environment of this test's child.
fn started_by(child: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mark = format!("LASTBELL_TEST_CHILD=startup-{child}");
        environment.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()) && runs(*pid)
    })
    .collect()
}

/// Wherever SIGKILL hits between the first and the last line of a start, nothing stays.
#[test]
fn servers_of_a_test_killed_while_they_start_are_gone() {
    let own = std::process::id();
    for round in 0..12 {
        let (mut child, mut told) = child("gone::starts_servers_without_end", &format!("startup-{own}"));
        let (_, folder) = told.next().unwrap();
        std::thread::sleep(Duration::from_millis(53 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        soon("no process of the killed test is left", || started_by(own).is_empty());
        let mark = format!("-{}-", child.id());
        let names = std::fs::read_dir(folder.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains(&mark)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
