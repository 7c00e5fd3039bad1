//! A kept table's key into a destroyed one, where the server enforces it; and a password that is wrong.

use crate::common::{DECISIONS, root_code};
use crate::server::{DIARY, ENGINES, Engine, Server};
use crate::stage::{SECRET, Stage};
use lastbell_testkit::servers::Options;

#[test]
fn a_link_is_dropped_by_its_name_only_when_that_was_decided() {
    for engine in ENGINES {
        let server = Server::with_diary(engine, &Options::fast());
        let stage = Stage::on(&server);
        stage.case.set_case_line("level", "L1");
        let without: Vec<&str> = DECISIONS.lines().filter(|line| !line.contains("cut:")).collect();
        stage.discovered_with(&without.join("\n"));
        stage.runs(&["verify"], 0);
        let refused = stage.runs(&["plan"], 4);
        assert!(refused.to_string().contains("rooms"), "{engine:?}: the plan names the table: {refused:#}");
        assert!(!stage.case.case().join("plan.json").exists(), "{engine:?}: and writes nothing");
        let cut = DECISIONS.lines().find(|line| line.contains("cut:")).unwrap();
        stage.case.decide(&mut stage.world(), cut);
        stage.runs(&["plan"], 0);
        stage.approved_now();
        let kept = server.rows("rooms");
        assert_eq!(server.links_of_rooms(), "kept_by", "{engine:?}: until then it stands");
        stage.runs(&["erase", "--yes"], 0);
        assert_eq!(server.links_of_rooms(), "", "{engine:?}: it is dropped");
        assert_eq!(server.rows("rooms"), kept, "{engine:?}: the kept rows stay");
        assert_eq!(server.count("staff"), 0, "{engine:?}");
        let paper = stage.certified(1);
        assert!(paper["cuts"].to_string().contains("keeper_id"), "{engine:?}: {:#}", paper["cuts"]);
    }
}

#[test]
fn a_wrong_password_is_told_without_the_password_and_the_right_one_goes_on() {
    for engine in ENGINES {
        let options = Options::fast().tcp().hba("host all asked 127.0.0.1/32 scram-sha-256");
        let server = Server::with_diary(engine, &options);
        let right = "invented-9";
        server.sql(
            DIARY,
            &match engine {
                Engine::Postgres => format!("CREATE ROLE asked SUPERUSER LOGIN PASSWORD '{right}'"),
                Engine::Mariadb => format!(
                    "CREATE USER asked@'127.0.0.1' IDENTIFIED BY '{right}'; GRANT ALL ON *.* TO asked@'127.0.0.1'"
                ),
            },
        );
        let url = |password: &str| server.tcp_url("127.0.0.1", &format!("asked:{password}"), DIARY);
        let mut stage = Stage::with_source(&url(SECRET));
        let refused = stage.runs(&["discover"], 3);
        assert_ne!(root_code(&refused), "ok", "{engine:?}");
        stage.case.change_case_file("level: L2", "level: L1");
        stage.source = url(right);
        stage.approved();
        assert_eq!(server.count("pupils"), 4, "{engine:?}: nothing is lost");
        stage.assert_case_tells_nothing();
    }
}
