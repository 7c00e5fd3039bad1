//! A kept table's key into a destroyed one, where the server enforces it.

use crate::common::DECISIONS;
use crate::server::{ENGINES, Server};
use crate::stage::Stage;
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
