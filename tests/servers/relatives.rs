//! A target that is the source, or that receives its changes, is refused: whatever it is called, and whenever it became one.

use crate::common::json_file;
use crate::server::{DIARY, ENGINES, Engine, Server};
use crate::stage::Stage;
use lastbell_testkit::servers::{Mariadb, Options, Postgres};

/// Rows of every table, so that "nothing is destroyed" means all of them.
fn all_rows(server: &Server) -> Vec<String> {
    ["pupils", "marks", "staff", "subjects", "rooms", "visits"].map(|table| server.rows(table)).into()
}

/// `verify` refuses for this reason and writes nothing; neither does any later step.
#[track_caller]
fn verify_refuses(server: &Server, stage: &Stage, reason: &str) {
    let before = all_rows(server);
    stage.discovered();
    stage.fails(&["verify"], 4, reason);
    assert!(!stage.case.case().join("verification.json").exists(), "nothing is written");
    stage.fails(&["plan"], 4, "step-missing");
    stage.runs(&["erase", "--yes"], 4);
    assert_eq!(all_rows(server), before);
}

/// `erase` refuses for this reason; no unit is begun.
#[track_caller]
fn erase_refuses(server: &Server, stage: &Stage, reason: &str) {
    let before = all_rows(server);
    stage.fails(&["erase", "--yes"], 4, reason);
    assert_eq!(all_rows(server), before, "nothing is destroyed");
    assert!(!stage.case.case().join("erasure.json").exists(), "nothing is written");
    let journal = std::fs::read_to_string(stage.case.case().join("journal.jsonl")).unwrap();
    assert!(!journal.contains("unit-proved") && !journal.contains("\"destroy\""), "no unit was begun");
}

/// Addresses of one database, as different as they come.
fn names_of(server: &Server) -> Vec<String> {
    let master = match server.engine() {
        Engine::Postgres => "postgres",
        Engine::Mariadb => "root",
    };
    let by_tcp = ["127.0.0.1", "localhost"].map(|host| server.tcp_url(host, master, DIARY));
    by_tcp.into_iter().chain([server.url(DIARY)]).collect()
}

#[test]
fn the_same_database_under_another_name_is_no_target() {
    for engine in ENGINES {
        let server = Server::with_diary(engine, &Options::fast().tcp());
        let names = names_of(&server);
        for (source, target) in [(2, 0), (2, 1), (0, 1), (0, 2), (0, 0)] {
            let stage = Stage::between(&names[source], &names[target]);
            verify_refuses(&server, &stage, "target-is-source");
        }
    }
}

/// The platform is another server when the plan is approved. Later its variable leads to the source itself.
#[test]
fn a_target_that_became_the_source_after_the_plan_is_refused_at_erasing() {
    for engine in ENGINES {
        let server = Server::with_diary(engine, &Options::fast().tcp());
        let platform = Server::with_diary(engine, &Server::apart(engine, &Options::fast()));
        let mut stage = Stage::between(&server.url(DIARY), &platform.url(DIARY));
        stage.case.set_case_line("level", "L1");
        stage.approved();
        for name in names_of(&server) {
            stage.target = name;
            erase_refuses(&server, &stage, "target-changed");
        }
        stage.target = platform.url(DIARY);
        stage.runs(&["erase", "--yes"], 0);
        assert_eq!((server.count("pupils"), platform.count("pupils")), (0, 4), "the plan itself was good");
    }
}

/// A third database holds the same rows, as a copy that somebody works with would. Its schema and its rows are those that were
/// approved; it is not the one that was approved.
#[test]
fn a_source_whose_address_leads_elsewhere_after_the_inventory_is_refused_by_every_step() {
    for engine in ENGINES {
        let fast = Options::fast();
        let [server, other] =
            [fast.clone(), Server::apart(engine, &fast)].map(|options| Server::with_diary(engine, &options));
        let mut stage = Stage::on(&server);
        stage.case.set_case_line("level", "L1");
        stage.discovered();
        stage.source = other.url(DIARY);
        stage.fails(&["verify"], 4, "source-changed");
        stage.source = server.url(DIARY);
        stage.verified_and_approved();
        stage.source = other.url(DIARY);
        erase_refuses(&other, &stage, "source-changed");
        stage.source = server.url(DIARY);
        stage.runs(&["erase", "--yes"], 0);
        assert_eq!((server.count("pupils"), other.count("pupils")), (0, 4));
        // A search in the other one's files would say nothing of this one's.
        stage.source = other.url(DIARY);
        stage.fails(&["residue"], 4, "source-changed");
    }
}

/// A source that is fed to others in either way.
fn primary(engine: Engine) -> Server {
    match engine {
        Engine::Postgres => {
            let server = Server::with_diary(engine, &Options::real().set("wal_level", "logical"));
            server.sql(DIARY, "CREATE PUBLICATION diary FOR ALL TABLES");
            server
        }
        Engine::Mariadb => Server::with_diary(engine, &Options::real().set("server_id", "71").tcp()),
    }
}

#[test]
fn a_standby_of_the_source_is_no_target() {
    let source = primary(Engine::Postgres);
    let Server::Postgres(server) = &source else { unreachable!() };
    let standby = Postgres::standby_of(server, &Options::real());
    standby.catch_up(server);
    verify_refuses(&source, &Stage::between(&source.url(DIARY), &standby.url(DIARY)), "target-is-source");
}

#[test]
fn a_mariadb_replica_of_the_source_is_no_target_stopped_or_not() {
    let source = primary(Engine::Mariadb);
    let Server::Mariadb(server) = &source else { unreachable!() };
    let replica = Mariadb::replica_of(server, &Options::real().set("server_id", "72"));
    replica.catch_up(server);
    verify_refuses(&source, &Stage::between(&source.url(DIARY), &replica.url(DIARY)), "target-follows-source");
    replica.sql("", "STOP REPLICA");
    verify_refuses(&source, &Stage::between(&source.url(DIARY), &replica.url(DIARY)), "target-follows-source");
}

/// The platform with the diary, at first by itself.
fn platform(engine: Engine) -> Server {
    let options = Server::apart(engine, &Options::real());
    Server::with_diary(engine, &if engine == Engine::Mariadb { options.set("server_id", "73") } else { options })
}

/// Makes the platform follow the source from now on.
fn follow(platform: &Server, source: &Server) {
    let statement = match source {
        Server::Postgres(source) => format!(
            "CREATE SUBSCRIPTION diary CONNECTION '{}' PUBLICATION diary WITH (copy_data = false)",
            source.conninfo(DIARY)
        ),
        Server::Mariadb(source) => {
            source.sql("", "CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'invented'");
            source.sql("", "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'; RESET MASTER");
            format!(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'repl',
                 MASTER_PASSWORD = 'invented'; START REPLICA",
                source.port().unwrap()
            )
        }
    };
    platform.sql(DIARY, &statement);
    if let (Server::Mariadb(platform), Server::Mariadb(source)) = (platform, source) {
        platform.catch_up(source);
    }
}

#[test]
fn a_platform_that_is_fed_by_the_source_is_no_target_and_may_not_become_one_after_the_plan() {
    for engine in ENGINES {
        let (source, platform) = (primary(engine), platform(engine));
        let stage = Stage::between(&source.url(DIARY), &platform.url(DIARY));
        stage.case.set_case_line("level", "L1");
        stage.approved();
        assert_eq!(json_file(&stage.case.case().join("plan.json"))["kinship"]["state"], "apart", "{engine:?}: as yet");
        follow(&platform, &source);
        erase_refuses(&source, &stage, "target-follows-source");
        verify_refuses(&source, &Stage::between(&source.url(DIARY), &platform.url(DIARY)), "target-follows-source");
    }
}
