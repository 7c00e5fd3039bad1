//! Both servers with the same marks in them, a case in each direction, and a visitor that reads one of them again and again.

use lastbell_testkit::servers::{Mariadb, Options, Postgres};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// Who is the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Postgres,
    Mariadb,
}

impl Platform {
    fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }
}

pub(crate) struct Stage {
    keep: TempDir,
    pub(crate) postgres: Postgres,
    pub(crate) mariadb: Mariadb,
}

impl Stage {
    /// Makes so many marks on both servers.
    pub(crate) fn with_rows(rows: u64) -> Self {
        let postgres =
            Postgres::start(&Options::fast().set("shared_buffers", "1GB").set("jit", "off").set("max_wal_size", "4GB"));
        let mariadb =
            Mariadb::start(&Options::fast().set("innodb_buffer_pool_size", "1G").set("innodb_log_file_size", "512M"));
        let stage = Self { keep: tempfile::tempdir().unwrap(), postgres, mariadb };
        stage.load(rows);
        for platform in [Platform::Postgres, Platform::Mariadb] {
            stage.make_case(platform);
        }
        stage
    }

    fn load(&self, rows: u64) {
        let columns = "id bigint PRIMARY KEY, pupil_id bigint NOT NULL, dt date NOT NULL, mark varchar(8) NOT NULL, \
                       comment varchar(80)";
        self.postgres.sql("postgres", "CREATE DATABASE diary");
        self.postgres.sql(
            "diary",
            &format!(
                "CREATE TABLE marks ({columns});
                 INSERT INTO marks SELECT i, i % 40000, DATE '2020-09-01' + (i % 1500)::int, (2 + i % 4)::text,
                        CASE WHEN i % 3 = 0 THEN 'работа на уроке, номер ' || i END
                 FROM generate_series(1::bigint, {rows}) AS s(i);
                 VACUUM ANALYZE marks"
            ),
        );
        self.mariadb.sql("", "CREATE DATABASE diary; CREATE DATABASE users");
        self.mariadb.sql(
            "diary",
            &format!(
                "CREATE TABLE marks ({columns}) CHARSET utf8mb4;
                 INSERT INTO marks SELECT seq, seq % 40000, DATE '2020-09-01' + INTERVAL (seq % 1500) DAY, 2 + seq % 4,
                        IF(seq % 3 = 0, CONCAT('работа на уроке, номер ', seq), NULL)
                 FROM seq_1_to_{rows}"
            ),
        );
    }

    fn folder(&self, platform: Platform) -> PathBuf {
        self.keep.path().join(platform.word())
    }

    fn make_case(&self, platform: Platform) {
        let folder = self.folder(platform);
        fs::create_dir(&folder).unwrap();
        for (name, purpose) in [("ivanova", "signing"), ("operator", "sealing")] {
            let mut new = lastbell(&["keys", "new", "--for", purpose, "--out"]);
            assert!(new.arg(folder.join(name)).status().unwrap().success());
        }
        fs::write(folder.join("answers.yaml"), ANSWERS).unwrap();
        let mut init = lastbell(&["init"]);
        init.arg(folder.join("case")).arg("--answers").arg(folder.join("answers.yaml"));
        assert!(init.status().unwrap().success(), "no case");
        fs::write(folder.join("case/profile.yaml"), PROFILE).unwrap();
        assert!(self.step(platform, &["discover"]).status().unwrap().success(), "no inventory");
        assert!(self.step(platform, &["verify"]).status().unwrap().success(), "the same rows are on both sides");
    }

    fn step(&self, platform: Platform, typed: &[&str]) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", OURS, env!("CARGO_BIN_EXE_lastbell"), "--json", "--lang", "en"]).args(typed);
        command.arg(self.folder(platform).join("case")).stdin(Stdio::null()).stdout(Stdio::null());
        let (postgres, mariadb) = (self.postgres.url("diary"), self.mariadb.url("diary"));
        let (source, target) = match platform {
            Platform::Postgres => (mariadb, postgres),
            Platform::Mariadb => (postgres, mariadb),
        };
        command.env("BENCH_SOURCE", source).env("BENCH_TARGET", target);
        command
    }

    /// Puts each server on its processors.
    pub(crate) fn place(&self, platform: Platform) {
        let (postgres, mariadb) = match platform {
            Platform::Postgres => (THEIRS, OURS),
            Platform::Mariadb => (OURS, THEIRS),
        };
        for (pid, processors) in [(self.postgres.pid(), postgres), (self.mariadb.pid(), mariadb)] {
            let mut pin = Command::new("taskset");
            pin.args(["-a", "-c", "-p", processors]).arg(pid.to_string()).stdout(Stdio::null());
            assert!(pin.status().unwrap().success(), "taskset failed");
        }
    }

    /// Reads the platform again and again, no faster than that.
    pub(crate) fn visit(&self, platform: Platform, rate: &str) -> Visit {
        let over = Arc::new(AtomicBool::new(false));
        let typed = ["verify", "--again", "--max-rate", rate];
        let mut command = self.step(platform, &typed);
        let first = command.spawn().unwrap();
        let thread = std::thread::spawn({
            let over = Arc::clone(&over);
            move || visit_until(&over, &mut command, first)
        });
        Visit { over, thread }
    }
}

/// The platform's and its users' processor, and everybody else's.
pub(crate) const THEIRS: &str = "0";
const OURS: &str = "1";

/// A visitor that does not go away.
pub(crate) struct Visit {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Visit {
    /// Ends it; how often the platform was read from its first row to its last.
    pub(crate) fn end(self) -> u32 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn visit_until(over: &AtomicBool, command: &mut Command, mut now: Child) -> u32 {
    let mut visits = 0;
    loop {
        match now.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "a visit failed: {status}");
                visits += 1;
                now = command.spawn().unwrap();
            }
            None if over.load(Ordering::Relaxed) => {
                now.kill().unwrap();
                now.wait().unwrap();
                return visits;
            }
            None => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    }
}

fn lastbell(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
    command.args(arguments).stdin(Stdio::null());
    command
}

const ANSWERS: &str = r#"
case: LB-BENCH-0002
language: en
system: {name: "Diary", ispdn_id: ISPDN-01, server: dedicated}
operator: {name: "School", inn: "0000000000", ogrn: "0000000000000", address: "Testing, 1"}
legal: {reason: purpose-reached, purpose_reached_on: 2026-11-10, order: "No 1"}
stores:
  - {name: main, role: source, url: "${BENCH_SOURCE}"}
  - {name: new, role: target, url: "${BENCH_TARGET}"}
migrated_on: 2026-09-01
level: L1
operator_key: ../operator.pub.pem
unlock_file: ../case.unlock
commission:
  threshold: 1
  members:
    - {name: "Иванова", position: "head", role: chair, party: operator, key: ../ivanova.pub.pem}
"#;

const PROFILE: &str = r#"
profile: {name: bench, product: bench, version: 1}
tables:
  marks: {disposition: destroy}
mappings:
  - name: marks
    source: {from: marks m}
    target: {from: marks t}
    key: [{source: m.id, target: t.id}]
    columns:
      - {source: m.pupil_id, target: t.pupil_id}
      - {source: m.dt, target: t.dt}
      - {source: m.mark, target: t.mark}
      - {source: m.comment, target: t.comment}
"#;
