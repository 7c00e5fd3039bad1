//! Both servers with the diary in them, and a case that proves the marks. Everything lies in a temporary folder.

use crate::measure::{Figures, cpu_seconds, run};
use crate::raw;
use lastbell_testkit::servers::{Mariadb, Options, Postgres};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

const COLUMNS: &str = "id, pupil_id, subject, dt, mark, comment";

/// Caches hold the tables, and nothing of the servers runs beside the reading.
fn options() -> Options {
    Options::fast().tcp()
}

pub(crate) struct Stage {
    keep: TempDir,
    postgres: Postgres,
    mariadb: Mariadb,
}

impl Stage {
    /// Generates so many marks and loads them, with the variants.
    pub(crate) fn with_marks(marks: u64) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let postgres = Postgres::start(
            &options()
                .set("shared_buffers", "1500MB")
                .set("jit", "off")
                .set("autovacuum", "off")
                .set("max_wal_size", "8GB")
                .set("max_parallel_workers_per_gather", "0"),
        );
        let mariadb = Mariadb::start(
            &options()
                .set("innodb_buffer_pool_size", "1500M")
                .set("local_infile", "1")
                .set("innodb_log_file_size", "1G"),
        );
        let stage = Self { keep, postgres, mariadb };
        stage.load(marks);
        stage.make_case();
        stage
    }

    fn load(&self, marks: u64) {
        let bench = std::env::var_os("LASTBELL_BENCH").map_or_else(beside_the_corpus, PathBuf::from);
        let data = self.keep.path().join("data");
        let pupils = (marks / 25).max(1).to_string();
        let mut generate = Command::new("python3");
        generate.arg(bench.join("gen_diary.py")).arg(&data);
        generate.args(["--pupils", &pupils, "--marks", &marks.to_string()]);
        assert!(generate.status().unwrap().success(), "the data could not be made");
        let mut load = Command::new("bash");
        load.arg(bench.join("load.sh")).arg(&data).args(["pg", "mariadb"]).env("VARIANTS", "1");
        load.env("PGHOST", self.postgres.socket_dir()).env("PGPORT", self.postgres.port().to_string());
        load.env("PGUSER", "postgres").env("MYSQL_SOCKET", self.mariadb.socket());
        assert!(load.status().unwrap().success(), "the data could not be loaded");
        fs::remove_dir_all(data).unwrap();
    }

    fn make_case(&self) {
        let keys = self.keep.path().join("keys");
        fs::create_dir(&keys).unwrap();
        for (name, purpose) in [("ivanova", "signing"), ("operator", "sealing")] {
            let mut new = lastbell(&["keys", "new", "--for", purpose, "--out"]);
            assert!(new.arg(keys.join(name)).status().unwrap().success());
        }
        fs::write(self.keep.path().join("answers.yaml"), ANSWERS).unwrap();
        let mut init = lastbell(&["init"]);
        init.arg(self.case()).arg("--answers").arg(self.keep.path().join("answers.yaml"));
        assert!(init.status().unwrap().success(), "no case");
        self.map_to("marks");
        assert_eq!(self.step("discover").status().unwrap().code(), Some(0), "no inventory");
    }

    fn case(&self) -> PathBuf {
        self.keep.path().join("case")
    }

    /// The profile in which the marks are compared with that table.
    fn map_to(&self, table: &str) {
        fs::write(self.case().join("profile.yaml"), PROFILE.replace("TABLE", table)).unwrap();
    }

    fn step(&self, step: &str) -> Command {
        let mut command = lastbell(&["--json", "--lang", "en", step]);
        command.arg(self.case());
        command.env("BENCH_SOURCE", self.postgres.url("diary")).env("BENCH_TARGET", self.mariadb.url("diary"));
        command
    }

    /// `lastbell verify`, which must find so many rows to differ.
    pub(crate) fn verify(&self, table: &str, differ: u64) -> Figures {
        self.map_to(table);
        let (figures, _) = self.costing(|| run(self.step("verify").arg("--again")));
        let verification: serde_json::Value =
            serde_json::from_slice(&fs::read(self.case().join("verification.json")).unwrap()).unwrap();
        let counts = &verification["mappings"][0]["counts"];
        assert_eq!(counts["different"], differ, "{counts}");
        assert_eq!(counts["missing"], 0, "{counts}");
        figures
    }

    /// Both tables at once, received and thrown away.
    pub(crate) fn read_bare(&self, table: &str) -> Figures {
        let postgres = self.postgres.socket_dir().join(format!(".s.PGSQL.{}", self.postgres.port()));
        let mariadb = self.mariadb.socket();
        let (old, new) = (format!("SELECT {COLUMNS} FROM marks"), format!("SELECT {COLUMNS} FROM {table}"));
        let read = || {
            let began = Instant::now();
            std::thread::scope(|scope| {
                let other = scope.spawn(|| raw::mariadb(&mariadb, &new));
                assert!(raw::postgres(&postgres, &old) > 0 && other.join().unwrap() > 0);
            });
            (Figures { wall: began.elapsed().as_secs_f64(), ..Figures::default() }, ())
        };
        let own = cpu_seconds(std::process::id());
        let (mut figures, _) = self.costing(read);
        figures.client = cpu_seconds(std::process::id()) - own;
        figures
    }

    pub(crate) fn reladiff(&self, program: &Path, table: &str) -> Figures {
        let mut command = Command::new(program);
        command.arg(format!("postgresql://postgres@127.0.0.1:{}/diary", self.postgres.port())).arg("marks");
        command.arg(format!("mysql://root@127.0.0.1:{}/diary", self.mariadb.port().unwrap())).arg(table);
        for column in ["id", "pupil_id", "subject", "dt", "mark", "comment"] {
            command.args([if column == "id" { "-k" } else { "-c" }, column]);
        }
        let (figures, told) = self.costing(|| run(command.arg("--stats")));
        eprintln!("    {}", String::from_utf8_lossy(&told).lines().last().unwrap_or_default());
        figures
    }

    /// With what it cost the servers.
    fn costing<T>(&self, work: impl FnOnce() -> (Figures, T)) -> (Figures, T) {
        let servers = || (cpu_seconds(self.postgres.pid()), cpu_seconds(self.mariadb.pid()));
        let before = servers();
        let (figures, told) = work();
        // A backend of PostgreSQL counts when the server has waited for it.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let after = servers();
        (Figures { postgres: after.0 - before.0, mariadb: after.1 - before.1, ..figures }, told)
    }
}

fn lastbell(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastbell"));
    command.args(arguments).stdin(std::process::Stdio::null());
    command
}

fn beside_the_corpus() -> PathBuf {
    let corpus = std::env::var_os("LASTBELL_CORPUS").expect("LASTBELL_BENCH or LASTBELL_CORPUS is set");
    Path::new(&corpus).with_file_name("bench")
}

const ANSWERS: &str = r#"
case: LB-BENCH-0001
language: en
system: {name: "Diary", ispdn_id: ISPDN-01, server: dedicated}
operator: {name: "School", inn: "0000000000", ogrn: "0000000000000", address: "Testing, 1"}
legal: {reason: purpose-reached, purpose_reached_on: 2026-11-10, order: "No 1"}
stores:
  - {name: main, role: source, url: "${BENCH_SOURCE}"}
  - {name: new, role: target, url: "${BENCH_TARGET}"}
migrated_on: 2026-09-01
level: L1
operator_key: ../keys/operator.pub.pem
unlock_file: ../case.unlock
commission:
  threshold: 1
  members:
    - {name: "Иванова", position: "head", role: chair, party: operator, key: ../keys/ivanova.pub.pem}
"#;

const PROFILE: &str = r#"
profile: {name: bench, product: bench, version: 1}
subjects: [{name: pupil, table: pupils, key: [id]}]
tables:
  marks: {disposition: destroy, subject: {via: pupil_id}}
  pupils: {disposition: keep, reason: "not measured"}
  marks_d001: {disposition: keep, reason: "not measured"}
  marks_m1: {disposition: keep, reason: "not measured"}
  marks_all: {disposition: keep, reason: "not measured"}
mappings:
  - name: marks
    source: {from: marks m}
    target: {from: TABLE t}
    key: [{source: m.id, target: t.id}]
    columns:
      - {source: m.pupil_id, target: t.pupil_id}
      - {source: m.subject, target: t.subject}
      - {source: m.dt, target: t.dt}
      - {source: m.mark, target: t.mark}
      - {source: m.comment, target: t.comment}
"#;
