//! Each account reaches exactly the level that was measured for it: `doctor`, `plan`, `erase` and the certificate name the same
//! one, and the same conditions that keep it from more.

use crate::common::json_file;
use crate::server::{DIARY, Engine, Server};
use crate::stage::{Stage, findings};
use lastbell_testkit::servers::Options;
use serde_json::Value;
use std::collections::BTreeSet;

/// An account on a server, and what it is to reach.
struct Reach {
    engine: Engine,
    account: &'static str,
    /// `dedicated` or `shared`.
    means: &'static str,
    level: &'static str,
    /// All that keeps it from L2.
    blocked: &'static [&'static str],
    /// Whether the search for what is left may read the server's files as this account.
    sees_files: bool,
}

/// The accounts: one that owns the tables, one that owns the database besides.
fn accounts(server: &Server) {
    let sql = match server.engine() {
        Engine::Postgres => {
            "CREATE ROLE holder LOGIN; CREATE ROLE dba LOGIN; GRANT holder TO dba; GRANT ALL ON SCHEMA public TO holder;
             ALTER TABLE pupils OWNER TO holder; ALTER TABLE marks OWNER TO holder; ALTER TABLE staff OWNER TO holder;
             ALTER TABLE subjects OWNER TO holder; ALTER TABLE rooms OWNER TO holder; ALTER TABLE visits OWNER TO holder;
             ALTER DATABASE diary OWNER TO dba"
        }
        Engine::Mariadb => {
            "CREATE USER holder@localhost; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES,
             LOCK TABLES ON diary.* TO holder@localhost"
        }
    };
    server.sql(DIARY, sql);
}

/// Conditions that keep a role from L2, sorted.
fn in_the_way(conditions: &Value) -> Vec<&str> {
    let blocking = conditions.as_array().unwrap().iter().filter(|one| one["state"] != "pass" && one["blocks"] != "L2f");
    let mut codes: Vec<&str> = blocking.map(|one| one["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    codes
}

impl Reach {
    #[track_caller]
    fn holds(&self) {
        let server = Server::with_diary(self.engine, &Options::real());
        accounts(&server);
        let stage = Stage::with_source(&server.url_as(self.account, DIARY));
        stage.case.change_case_file("dedicated", self.means);
        self.is_told_before(&stage);
        stage.approved_now();
        let erased = stage.runs(&["erase", "--yes"], self.unless_deep(1));
        self.is_named_in(&findings(&erased, "erased-shallower"), "reached");
        assert_eq!(server.count("pupils") + server.count("marks") + server.count("staff"), 0);
        assert_eq!(server.count("rooms") + server.count("subjects"), 3, "kept tables keep their rows");
        self.is_certified(&stage, if self.sees_files { "residue-found" } else { "residue-unseen" });
    }

    /// 0 where what was wished for is reached.
    fn unless_deep(&self, code: i32) -> i32 {
        if self.level == "L2" { 0 } else { code }
    }

    /// `doctor` and `plan` say beforehand what can be reached and what keeps from more.
    #[track_caller]
    fn is_told_before(&self, stage: &Stage) {
        let doctor = stage.runs(&["doctor"], self.unless_deep(1));
        let reach = &doctor["result"]["stores"][0]["reach"];
        assert_eq!(reach["level"], self.level, "{doctor:#}");
        assert_eq!(in_the_way(&reach["conditions"]), self.blocked, "{doctor:#}");
        let told = findings(&doctor, "doctor-condition");
        let told: BTreeSet<&str> = told.iter().map(|one| one["args"]["condition"].as_str().unwrap()).collect();
        assert_eq!(told, self.blocked.iter().copied().collect(), "doctor says each of them: {doctor:#}");
        stage.discovered();
        stage.runs(&["verify"], 0);
        let planned = stage.runs(&["plan"], self.unless_deep(1));
        self.is_named_in(&findings(&planned, "planned-reach"), "reachable");
        let plan = json_file(&stage.case.case().join("plan.json"));
        assert_eq!(plan["level"], "L2", "what was wished for stays on paper");
        assert_eq!(plan["reach"]["main"]["level"], self.level);
        assert_eq!(in_the_way(&plan["reach"]["main"]["conditions"]), self.blocked);
    }

    /// A finding says the level and all that keeps from L2; there is none when L2 is reached.
    #[track_caller]
    fn is_named_in(&self, told: &[&Value], level: &str) {
        assert_eq!(told.len(), usize::from(self.level != "L2"), "{told:#?}");
        for told in told {
            assert_eq!(told["args"][level], self.level, "{told:#}");
            let named: BTreeSet<&str> = told["args"]["blocked"].as_str().unwrap().split(", ").collect();
            let unnamed: Vec<_> = self.blocked.iter().filter(|code| !named.contains(*code)).collect();
            assert!(unnamed.is_empty(), "{unnamed:?} is in the way and not named: {told:#}");
        }
    }

    /// The certificate names the level, what kept from more, and says that values are left, or that nobody could look.
    #[track_caller]
    fn is_certified(&self, stage: &Stage, left: &str) {
        let paper = stage.certified(self.unless_deep(1));
        let of = &paper["levels"][0];
        assert_eq!((of["level"].as_str(), of["paper"].as_str()), (Some(self.level), Some("act")), "{of:#}");
        let named = in_the_way(&of["preconditions"]);
        let unnamed: Vec<_> = self.blocked.iter().filter(|code| !named.contains(code)).collect();
        assert!(unnamed.is_empty(), "{unnamed:?} is in the way and not named: {of:#}");
        let exceptions: BTreeSet<&str> =
            paper["exceptions"].as_array().unwrap().iter().map(|one| one["why"].as_str().unwrap()).collect();
        let clean = paper["claims"].as_array().unwrap().iter().any(|claim| claim["code"] == "residue-zero-hits");
        if self.level == "L2" {
            assert_eq!((paper["outcome"].as_str(), exceptions.len(), clean), (Some("destroyed"), 0, true), "{paper:#}");
        } else {
            assert_eq!(paper["outcome"], "destroyed_with_exceptions", "{paper:#}");
            assert_eq!((exceptions, clean), (BTreeSet::from([left]), false), "{paper:#}");
        }
    }
}

#[test]
fn on_postgres_the_owner_of_the_tables_reaches_l1() {
    Reach {
        engine: Engine::Postgres,
        account: "holder",
        means: "dedicated",
        level: "L1",
        blocked: &[
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
        sees_files: false,
    }
    .holds();
}

#[test]
fn on_postgres_the_owner_of_the_database_reaches_l1() {
    Reach {
        engine: Engine::Postgres,
        account: "dba",
        means: "dedicated",
        level: "L1",
        blocked: &[
            "disk-space",
            "files-readable",
            "known-libraries",
            "no-temporary-files",
            "server-log",
            "statement-statistics",
            "statistics-clearable",
            "wal-turnover",
        ],
        sees_files: false,
    }
    .holds();
}

#[test]
fn on_postgres_the_superuser_reaches_l2_on_a_server_of_its_own() {
    Reach {
        engine: Engine::Postgres,
        account: "postgres",
        means: "dedicated",
        level: "L2",
        blocked: &[],
        sees_files: true,
    }
    .holds();
}

#[test]
fn on_postgres_nobody_reaches_l2_on_a_shared_server() {
    Reach {
        engine: Engine::Postgres,
        account: "postgres",
        means: "shared",
        level: "L1",
        blocked: &["dedicated-server"],
        sees_files: true,
    }
    .holds();
}

#[test]
fn on_mariadb_the_owner_of_the_tables_reaches_l1() {
    Reach {
        engine: Engine::Mariadb,
        account: "holder",
        means: "dedicated",
        level: "L1",
        blocked: &["server-privileges"],
        sees_files: true,
    }
    .holds();
}

#[test]
fn on_mariadb_root_reaches_l2_on_a_server_of_its_own() {
    Reach { engine: Engine::Mariadb, account: "root", means: "dedicated", level: "L2", blocked: &[], sees_files: true }
        .holds();
}

#[test]
fn on_mariadb_nobody_reaches_l2_on_a_shared_server() {
    Reach {
        engine: Engine::Mariadb,
        account: "root",
        means: "shared",
        level: "L1",
        blocked: &["dedicated-server"],
        sees_files: true,
    }
    .holds();
}
