//! Promises that a case keeps whatever the stores are like: the target is not the source, a level is claimed only when it was
//! reached, "could not look" never becomes "clean", names and values of any kind go the whole way, nothing fires by itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{LockHolder, SmallCase, code_of, codes, files_below, open_points, root, world};
use lastbell::case::artefacts::{Erasure, Plan, Residue, Verification, name};
use lastbell::engines::DemoWriter;
use lastbell::failure::Failure;
use lastbell::profile::profile_file::{ColumnRule, Columns, Profile};
use lastbell::residue::Clean;
use lastbell::steps;
use lastbell::world::World;
use lastbell_contract::{Known, Level, Precondition, State, Value};
use lastbell_testkit::Memory;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn verify(case: &SmallCase, world: &mut World) -> lastbell::failure::Result<steps::Outcome> {
    steps::verify::run(&mut case.session(world), world, false)
}

fn verify_fails(case: &SmallCase, world: &mut World) -> Failure {
    let failure = verify(case, world).expect_err("verify is refused");
    assert!(!case.case().join(name::VERIFICATION).exists(), "a refused verify writes nothing");
    failure
}

fn plan(case: &SmallCase, world: &mut World) -> Plan {
    steps::plan::run(&mut case.session(world), world, false).unwrap();
    case.artefact(world, name::PLAN)
}

/// From a verification to an erasure that leaves nothing.
fn erased(case: &SmallCase, world: &mut World) {
    steps::plan::run(&mut case.session(world), world, false).unwrap();
    case.approve(world);
    let erased = case.erase(world).unwrap();
    assert_eq!(erased.exit_code(), 0, "{:?}", erased.findings);
}

// ---- the target is another store

#[test]
fn a_target_that_is_the_source_is_refused_by_whatever_name() {
    type Alias = fn(&Path, &Path);
    let aliases: [(&str, Alias); 3] = [
        ("the same path", |_, _| {}),
        ("a symbolic link", |source, alias| symlink(source, alias).unwrap()),
        ("a hard link", |source, alias| fs::hard_link(source, alias).unwrap()),
    ];
    for (what, make) in aliases {
        let (mut world, _) = world();
        let case = SmallCase::new(&mut world);
        let alias = case.folder.join("alias.db");
        make(&case.source(), &alias);
        let there = if alias.exists() { alias } else { case.source() };
        case.change_case_file(&format!("sqlite:{}", case.target().display()), &format!("sqlite:{}", there.display()));
        case.discovered(&mut world);
        assert_eq!(root(&verify_fails(&case, &mut world)).code, "target-is-source", "{what}");
    }
}

#[test]
fn a_target_that_became_the_source_after_the_plan_is_refused() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    fs::remove_file(case.target()).unwrap();
    symlink(case.source(), case.target()).unwrap();
    let failure = case.erase(&mut world).unwrap_err();
    assert_eq!(failure.exit as i32, 4);
    assert!(["target-is-source", "target-changed"].contains(&root(&failure).code), "{:?}", codes(&failure));
    assert_eq!(case.count(&case.source(), "pupils"), 4, "nothing is gone");
}

#[test]
fn a_target_that_follows_the_source_is_refused() {
    let memory = Memory::new();
    let (mut world, _, case) = common::memory_case_undiscovered(&memory);
    let mut anchors = Vec::new();
    memory.describe("old", |info| anchors.clone_from(&info.identity.anchors));
    memory.describe("new", |info| info.identity.follows = Known::Yes(anchors));
    case.discovered_without(&mut world, &["marks", "visits", "subjects", "rooms"]);
    assert_eq!(root(&verify_fails(&case, &mut world)).code, "target-follows-source");
    // Through a stream that the source gives out it receives its changes, too.
    memory.describe("new", |info| info.identity.follows = Known::Yes(vec!["stream:marks".to_owned()]));
    memory.describe("old", |info| info.identity.feeds = Known::Yes(vec!["stream:marks".to_owned()]));
    assert_eq!(root(&verify_fails(&case, &mut world)).code, "target-follows-source");
    memory.describe("old", |info| info.identity.feeds = Known::Unknown("no-privilege".to_owned()));
    assert_eq!(root(&verify_fails(&case, &mut world)).to_string(), "kinship-unknown reason=no-privilege");
    memory.describe("old", |info| info.identity.feeds = Known::Yes(Vec::new()));
    // Of another store it may receive changes.
    memory.describe("new", |info| info.identity.follows = Known::Yes(vec!["memory:elsewhere".to_owned()]));
    assert_eq!(verify(&case, &mut world).unwrap().exit_code(), 0);
    assert_eq!(plan(&case, &mut world).kinship.unwrap().state, "apart");
}

#[test]
fn a_kinship_that_cannot_be_looked_at_must_be_attested() {
    let memory = Memory::new();
    let (mut world, _, case) = common::memory_case_undiscovered(&memory);
    memory.describe("new", |info| info.identity.follows = Known::Unknown("no-privilege".to_owned()));
    case.discovered_without(&mut world, &["marks", "visits", "subjects", "rooms"]);
    let failure = verify_fails(&case, &mut world);
    assert_eq!(root(&failure).to_string(), "kinship-unknown reason=no-privilege");
    case.set_case_line("attested", "[{what: target-apart, by: Ключевский, position: keeper, at: 2026-11-01}]");
    assert_eq!(verify(&case, &mut world).unwrap().exit_code(), 0);
    let kinship = plan(&case, &mut world).kinship.unwrap();
    assert_eq!((kinship.state.as_str(), kinship.attested_by.as_deref()), ("attested", Some("Ключевский")));
    // An answer beats a statement.
    let mut anchors = Vec::new();
    memory.describe("old", |info| anchors.clone_from(&info.identity.anchors));
    memory.describe("new", |info| info.identity.follows = Known::Yes(anchors));
    let again = steps::verify::run(&mut case.session(&mut world), &mut world, true).unwrap_err();
    assert_eq!(root(&again).code, "target-follows-source");
}

#[test]
fn a_target_that_looks_like_a_restored_copy_and_a_role_that_writes_are_named() {
    for (unlike, copy) in [("", true), ("ALTER TABLE rooms ADD COLUMN floor INTEGER", false)] {
        let (mut world, _) = world();
        let case = SmallCase::new(&mut world);
        case.sql(&case.target(), unlike);
        let verified = case.verified(&mut world);
        let told: BTreeSet<&str> = verified.lines.iter().map(|line| line.code).collect();
        assert_eq!(told.contains("verified-copy"), copy, "{told:?}");
        assert!(told.contains("verified-role-writes"), "{told:?}");
        let plan = plan(&case, &mut world);
        assert_eq!(plan.kinship.unwrap().looks_like_a_copy, copy);
        assert_eq!(plan.target.unwrap().role_could_write, Some(true));
    }
}

// ---- a level is claimed only when it was reached

fn certificate_level(case: &SmallCase) -> (String, String) {
    let level = case.predicate()["levels"][0].clone();
    (level["level"].as_str().unwrap().to_owned(), level["paper"].as_str().unwrap().to_owned())
}

#[test]
fn a_store_that_cannot_go_as_deep_as_was_wished_says_so() {
    for state in [State::Fail, State::Unknown] {
        for (blocks, reached, paper) in [(Level::L2, "L1", "act"), (Level::L1, "L0", "protocol")] {
            let memory = Memory::new();
            let (mut world, _, case) = common::memory_case_undiscovered(&memory);
            let condition =
                Precondition { code: "may-turn-log".to_owned(), state: state.clone(), blocks, detail: Vec::new() };
            memory.set_preconditions("old", vec![condition]);
            case.discovered_without(&mut world, &["marks", "visits", "subjects", "rooms"]);
            verify(&case, &mut world).unwrap();
            let planned = steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
            assert_eq!(planned.findings.len(), 1, "plan says which level can be reached: {:?}", planned.findings);
            assert_eq!(planned.findings[0].code, "planned-reach");
            case.approve(&mut world);
            let erased = case.erase(&mut world).unwrap();
            assert_eq!(erased.findings.iter().map(|one| one.code).collect::<Vec<_>>(), ["erased-shallower"]);
            assert_eq!((memory.rows("old", "pupils").len(), memory.rows("old", "staff").len()), (0, 0));
            case.certified(&mut world);
            assert_eq!(certificate_level(&case), (reached.to_owned(), paper.to_owned()), "{state:?} blocks {blocks:?}");
        }
    }
}

#[test]
fn a_leftover_super_journal_keeps_the_level_down() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    fs::write(format!("{}-mj0A1B2C3D4", case.source().display()), b"other.db").unwrap();
    case.approved(&mut world);
    let erased = case.erase(&mut world).unwrap();
    assert_eq!(erased.exit_code(), 1, "{:?}", erased.findings);
    assert_eq!(case.count(&case.source(), "pupils"), 0);
    case.certified(&mut world);
    assert_eq!(certificate_level(&case).0, "L0");
}

/// What `residue` says with this done between erasing and searching, and the certificate after it.
fn searched(prepare: impl FnOnce(&SmallCase)) -> (SmallCase, i32, Residue) {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.verified(&mut world);
    erased(&case, &mut world);
    prepare(&case);
    let searched = steps::residue::run(&mut case.session(&mut world), &mut world, false).unwrap();
    let residue: Residue = case.artefact(&mut world, name::RESIDUE);
    case.certified(&mut world);
    let verdict = case.check(&world)["verdict"].clone();
    assert_eq!(verdict, "valid", "an honest certificate is valid");
    (case, searched.exit_code(), residue)
}

const VALUE: &str = "Линейкина Ефросинья Образцовна";

fn name_a_folder(case: &SmallCase, folder: &Path) {
    case.set_case_line("residue", &format!("{{folders: [\"{}\"]}}", folder.display()));
}

#[test]
fn a_clean_search_carries_the_level() {
    let (case, code, residue) = searched(|case| {
        let folder = case.folder.join("dumps");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("readme.txt"), "ничего").unwrap();
        name_a_folder(case, &folder);
    });
    assert_eq!(code, 0);
    assert!(residue.units.iter().all(|unit| unit.report.clean == Clean::Pass));
    assert!(residue.units.iter().any(|unit| unit.report.files.iter().any(|file| file.path.ends_with("readme.txt"))));
    assert_eq!(certificate_level(&case), ("L2".to_owned(), "act".to_owned()));
    assert_eq!(case.predicate()["outcome"], "destroyed");
}

#[test]
fn a_destroyed_value_in_any_reachable_file_takes_the_level_down() {
    type Leave = fn(&SmallCase);
    let places: [(&str, Leave); 5] = [
        ("a copy beside the database", |case| {
            fs::write(format!("{}.bak", case.source().display()), format!("x{VALUE}y")).unwrap();
        }),
        ("a copy that is a link", |case| {
            fs::write(case.folder.join("far.bin"), VALUE).unwrap();
            symlink(case.folder.join("far.bin"), format!("{}.bak", case.source().display())).unwrap();
        }),
        ("a file deep in a named folder", |case| {
            let folder = case.folder.join("uploads/2019/09");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("list.txt"), format!("1;{VALUE};7А")).unwrap();
            name_a_folder(case, &case.folder.join("uploads"));
        }),
        ("a link in a named folder", |case| {
            let folder = case.folder.join("uploads");
            fs::create_dir_all(&folder).unwrap();
            fs::write(case.folder.join("far.bin"), VALUE).unwrap();
            symlink(case.folder.join("far.bin"), folder.join("near.bin")).unwrap();
            name_a_folder(case, &folder);
        }),
        ("another encoding", |case| {
            let utf16: Vec<u8> = VALUE.encode_utf16().flat_map(u16::to_le_bytes).collect();
            fs::write(format!("{}-old", case.source().display()), utf16).unwrap();
        }),
    ];
    for (what, leave) in places {
        let (case, code, residue) = searched(leave);
        assert_eq!(code, 1, "{what}: residue is a finding");
        let found: u64 = residue.units.iter().map(|unit| unit.report.distinct_found).sum();
        assert_eq!(found, 1, "{what}: one value");
        assert_eq!(residue.levels["main"], "L1", "{what}");
        assert_eq!(certificate_level(&case).0, "L1", "{what}");
        let predicate = case.predicate();
        assert_eq!(predicate["outcome"], "destroyed_with_exceptions", "{what}");
        assert_eq!(predicate["exceptions"][0]["why"], "residue-found", "{what}");
        assert!(
            !fs::read_to_string(case.case().join(name::RESIDUE)).unwrap().contains(VALUE),
            "{what}: no value is told"
        );
    }
}

#[test]
fn what_could_not_be_read_is_never_clean() {
    type Leave = fn(&SmallCase);
    let places: [(&str, Leave); 3] = [
        ("a link to nothing", |case| {
            symlink("/nowhere/old.db", format!("{}.bak", case.source().display())).unwrap();
        }),
        ("a file whose reading fails", |case| {
            symlink("/proc/self/mem", format!("{}.bak", case.source().display())).unwrap();
        }),
        ("a folder behind a link", |case| {
            let folder = case.folder.join("uploads");
            fs::create_dir_all(&folder).unwrap();
            symlink("/usr", folder.join("more")).unwrap();
            name_a_folder(case, &folder);
        }),
    ];
    for (what, leave) in places {
        let (case, code, residue) = searched(leave);
        assert_eq!(code, 1, "{what}: it is a finding");
        for unit in &residue.units {
            assert_eq!(unit.report.clean, Clean::Unknown, "{what}");
            assert_eq!(unit.report.not_read.len(), 1, "{what} is listed: {:?}", unit.report.not_read);
            assert_eq!(unit.report.distinct_found, 0);
        }
        assert_eq!(certificate_level(&case).0, "L1", "{what}: unknown carries no L2");
        let predicate = case.predicate();
        assert_eq!(predicate["outcome"], "destroyed_with_exceptions", "{what}");
        assert_eq!(predicate["exceptions"][0]["why"], "residue-unread", "{what}");
    }
}

#[test]
fn a_socket_in_a_named_folder_is_named_and_never_opened() {
    let mut kept = None;
    let (case, code, _) = searched(|case| {
        let folder = case.folder.join("run");
        fs::create_dir_all(&folder).unwrap();
        kept = Some(UnixListener::bind(folder.join("app.sock")).unwrap());
        name_a_folder(case, &folder);
    });
    assert_eq!(code, 0, "a socket holds no rows");
    let unseen = case.predicate()["residue"]["not_looked_at"].clone();
    let named = unseen.as_array().unwrap().iter().any(|one| one["what"].as_str().unwrap().ends_with("run/app.sock"));
    assert!(named, "{unseen:#}");
}

#[test]
fn the_platforms_own_file_is_no_residue_but_a_copy_with_its_name_is() {
    let (case, code, residue) = searched(|case| name_a_folder(case, &case.folder.join("new")));
    assert_eq!(code, 0, "the platform holds the values lawfully");
    assert!(residue.units.iter().all(|unit| unit.report.files.iter().all(|file| !file.path.ends_with("new.db"))));
    assert!(residue.units.iter().all(|unit| unit.report.not_looked_at.iter().any(|one| one.why == "target-store")));
    drop(case);
    // `diary` is the platform, `diary.db` the retired system: by its name alone the latter could pass for a copy of the former.
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    let platform = case.folder.join("old/old");
    fs::rename(case.target(), &platform).unwrap();
    case.change_case_file(&format!("sqlite:{}", case.target().display()), &format!("sqlite:{}", platform.display()));
    case.verified(&mut world);
    erased(&case, &mut world);
    fs::write(format!("{}.bak", case.source().display()), VALUE).unwrap();
    let outcome = steps::residue::run(&mut case.session(&mut world), &mut world, false).unwrap();
    assert_eq!(outcome.exit_code(), 1, "the source's file and its copy were looked into");
    let residue: Residue = case.artefact(&mut world, name::RESIDUE);
    assert_eq!(residue.units.iter().map(|unit| unit.report.distinct_found).sum::<u64>(), 1);
}

// ---- what a mapping must compare

/// Runs `verify` with a changed profile, which must be refused: all codes.
fn verify_with(change: impl FnOnce(&mut Profile)) -> Vec<String> {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.discovered(&mut world);
    let before = [case.source(), case.target()].map(|path| fs::read(path).unwrap());
    case.change_profile(change);
    let failure = verify_fails(&case, &mut world);
    assert_eq!([case.source(), case.target()].map(|path| fs::read(path).unwrap()), before, "no store was changed");
    codes(&failure)
}

fn mapping<'a>(profile: &'a mut Profile, name: &str) -> &'a mut lastbell::profile::profile_file::Mapping {
    profile.mappings.iter_mut().find(|mapping| mapping.name == name).expect("a drafted mapping")
}

#[test]
fn a_mapping_that_identifies_nobody_is_refused() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.discovered(&mut world);
    let who = "by: Иванова, at: 2026-11-12, reason: \"имена внутри\"";
    case.decide(&mut world, &format!("- {{review: visits.who, category: free_text_about_person, {who}}}\n"));
    case.change_mapping("visits", |mapping| {
        let column = Columns::One("s.who".to_owned());
        let rule = mapping.columns.iter_mut().find(|rule| rule.source.as_ref() == Some(&column)).unwrap();
        let not_migrated = Some("свободный текст".to_owned());
        *rule = ColumnRule { source: Some(column), not_migrated, ..ColumnRule::default() };
    });
    let failure = verify_fails(&case, &mut world);
    assert_eq!(
        codes(&failure),
        ["mapping-weakness", "mapping-weak mapping=visits table=visits"],
        "a time alone is nobody"
    );
}

#[test]
fn every_source_column_must_be_accounted_for() {
    let all = verify_with(|profile| {
        mapping(profile, "staff").columns.retain(|rule| rule.source != Some(Columns::One("s.email".to_owned())));
    });
    assert!(all.iter().any(|code| code == "mapping-column-left mapping=staff column=s.email"), "{all:?}");
}

#[test]
fn a_profile_cannot_run_sql() {
    let all =
        verify_with(|profile| mapping(profile, "staff").target.from = "staff\"; DROP TABLE staff; -- t".to_owned());
    assert!(all.len() > 1 && all[1].starts_with("mapping-"), "a name is a name: {all:?}");
    let all = verify_with(|profile| {
        let rule = &mut mapping(profile, "staff").columns[0];
        rule.target = Some("t.fio\" FROM staff; DROP TABLE staff; --".to_owned());
    });
    assert!(all.len() > 1 && all[1].starts_with("mapping-"), "{all:?}");
    for text in ["x' OR '1'='1", "\"; DROP TABLE staff; --", "%"] {
        let (mut world, _) = world();
        let case = SmallCase::new(&mut world);
        case.discovered(&mut world);
        let target = fs::read(case.target()).unwrap();
        case.change_mapping("staff", |mapping| {
            mapping.target.r#where.insert("t.fio".to_owned(), Some(text.to_owned()));
        });
        assert_eq!(verify(&case, &mut world).unwrap().exit_code(), 1, "{text}");
        let verification: Verification = case.artefact(&mut world, name::VERIFICATION);
        let staff = verification.mappings.iter().find(|result| result.mapping == "staff").unwrap();
        assert_eq!((staff.counts.missing, staff.counts.matched), (2, 0), "{text:?} is a value that no row has");
        assert_eq!(fs::read(case.target()).unwrap(), target);
    }
}

// ---- names and values of any kind

const HOSTILE: [&str; 5] = ["\"; drop", "back`tick", "Классный журнал №1", "select", "a.b 'c'"];

#[test]
fn hostile_names_and_values_go_the_whole_way() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let text = |text: String| Value::Text(text);
    for database in [case.source(), case.target()] {
        let mut writer = DemoWriter::open(&database).unwrap();
        for table in HOSTILE {
            let long = if table == HOSTILE[0] { 1 << 19 } else { 1 << 12 }; // two bytes a letter: 1 MiB once
            let ddl = format!(
                "CREATE TABLE {} (\"order\" INTEGER PRIMARY KEY, \"select\" TEXT, \"ф и о\" TEXT, \"x`\"\"\" BLOB)",
                quoted(table)
            );
            writer.execute(&ddl).unwrap();
            let rows = vec![
                vec![Value::Int(1), text("Нулев\0Пётр".into()), text(PUPIL.into()), Value::Bytes(vec![0, 255, 39, 34])],
                vec![Value::Int(2), text("я".repeat(long)), text("Длиннов Лев Пробович".into()), Value::Null],
                vec![
                    Value::Int(3),
                    text("𝄞🎓𐍈'\"--;".into()),
                    text("Знакова Яна Пробовна".into()),
                    Value::Bytes(vec![]),
                ],
                vec![
                    Value::Int(i128::from(i64::MIN)),
                    Value::Null,
                    text("'); DROP TABLE pupils; --".into()),
                    Value::Null,
                ],
            ];
            writer.insert(table, &["order", "select", "ф и о", "x`\""], &rows).unwrap();
        }
        writer.finish().unwrap();
    }
    case.discovered(&mut world);
    for table in HOSTILE {
        let name = serde_json::to_string(table).unwrap();
        let who = "by: Иванова, at: 2026-11-12, reason: \"имена\"";
        case.decide(
            &mut world,
            &format!(
                "- {{table: {name}, disposition: destroy, {who}}}\n- {{retention: {name}, until: platform, {who}}}\n"
            ),
        );
    }
    let verified = verify(&case, &mut world).unwrap();
    assert_eq!(verified.exit_code(), 0, "{:?}", verified.findings);
    erased(&case, &mut world);
    let mut left = 0;
    for table in HOSTILE {
        left += case.count(&case.source(), table);
        assert_eq!(case.count(&case.target(), table), 4, "{table}: the platform keeps its rows");
    }
    assert_eq!(left, 0, "every hostile table is empty");
    assert_eq!(case.count(&case.source(), "rooms"), 1, "nothing else was dropped");
    case.certified(&mut world);
    let predicate = case.predicate();
    assert_eq!(
        predicate["outcome"],
        "destroyed",
        "{:#} {:#?}",
        predicate["exceptions"],
        case.artefact::<Residue>(&mut world, name::RESIDUE)
    );
    assert_eq!(predicate["coverage"]["rows_total"], 40);
    assert_eq!(case.check(&world)["verdict"], "valid");
    let told: Vec<u8> = files_below(&case.case())
        .into_iter()
        .filter(|(name, _)| !name.starts_with("work/"))
        .flat_map(|(_, bytes)| bytes)
        .collect();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(!told.contains("Длиннов") && !told.contains("Знакова"), "no value stands in the case");
}

const PUPIL: &str = "Нулев Пётр Образцович";

// ---- nothing fires by itself

#[test]
fn no_cascade_touches_a_kept_row() {
    for action in ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"] {
        let (mut world, _) = world();
        let case = SmallCase::new(&mut world);
        let desks = format!(
            "CREATE TABLE desks (id INTEGER PRIMARY KEY, title TEXT, keeper_id INTEGER DEFAULT 0 REFERENCES staff(id) ON DELETE {action});
             INSERT INTO desks VALUES (1, 'у окна', 1), (2, 'у двери', 2);"
        );
        case.sql(&case.source(), &desks);
        case.discovered(&mut world);
        case.decide(
            &mut world,
            "- {table: desks, disposition: keep, by: Иванова, at: 2026-11-12, reason: \"мебель\"}\n",
        );
        verify(&case, &mut world).unwrap();
        let points = open_points(steps::plan::run(&mut case.session(&mut world), &mut world, false));
        assert_eq!(points, ["open-cut table=desks column=keeper_id references=staff"], "{action}: a person decides");
        case.decide(&mut world, "- {cut: desks.keeper_id, by: Иванова, at: 2026-11-12, reason: \"мебель остаётся\"}\n");
        erased(&case, &mut world);
        assert_eq!(case.count(&case.source(), "staff"), 0);
        let mut writer = DemoWriter::open(&case.source()).unwrap();
        let kept =
            "DELETE FROM desks WHERE (id = 1 AND title = 'у окна' AND keeper_id = 1) OR (id = 2 AND keeper_id = 2)";
        assert_eq!(writer.execute_with(kept, &[]).unwrap(), 2, "{action}: the kept rows were as they had been");
    }
}

#[test]
fn a_trigger_that_would_fire_is_an_obstacle_and_one_added_later_stops_the_unit() {
    let trigger = "CREATE TRIGGER farewell AFTER DELETE ON staff BEGIN DELETE FROM rooms; END";
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.sql(&case.source(), trigger);
    case.verified(&mut world);
    let points = open_points(steps::plan::run(&mut case.session(&mut world), &mut world, false));
    assert_eq!(points, ["open-obstacle table=staff obstacle=trigger:farewell"]);

    let (mut world, _) = common::world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    case.sql(&case.source(), trigger);
    assert_eq!(case.erase(&mut world).unwrap().exit_code(), 4);
    let erasure: Erasure = case.artefact(&mut world, name::ERASURE);
    let standing: Vec<&str> = erasure.standing().map(|unit| unit.tables[0].table.as_str()).collect();
    assert_eq!(standing, ["staff"]);
    assert_eq!((case.count(&case.source(), "staff"), case.count(&case.source(), "rooms")), (2, 1));
    assert_eq!(case.count(&case.source(), "pupils"), 0, "the other units went");
}

// ---- a store in other hands

#[test]
#[ignore = "the other process of tests that need one"]
fn holds_a_write_lock() {
    common::hold_a_write_lock();
}

#[test]
fn a_store_that_another_process_writes_to_is_refused_by_the_program() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    let whole = fs::read(case.source()).unwrap();
    let holder = LockHolder::on(&case.source());
    let (code, document) = common::lastbell_json(&["erase", "--yes", &case.case_argument()]);
    assert_eq!(code, 4, "{document:#}");
    assert_eq!(document["result"]["standing"].as_array().unwrap().len(), 3, "every unit stands");
    drop(holder);
    assert_eq!(fs::read(case.source()).unwrap(), whole, "nothing is lost");
    let (code, document) = common::lastbell_json(&["erase", "--yes", "--again", &case.case_argument()]);
    assert_eq!(code, 0, "{document:#}");
    assert_eq!(document["result"]["destroyed_rows"], 20);
}

/// The program under an account that owns the case and may not write the source.
fn as_somebody(case: &SmallCase, arguments: &[&str]) -> (i32, serde_json::Value) {
    let program = case.folder.join("lastbell");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_lastbell"), &program).unwrap();
    }
    let mut command = Command::new(&program);
    command.args(["--json", "--lang", "en"]).args(arguments);
    if fs::metadata(&case.folder).unwrap().uid() == 0 || fs::metadata("/proc/self").unwrap().uid() == 0 {
        give_away(&case.folder);
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("one JSON document: {output:?}"));
    (output.status.code().unwrap(), document)
}

const NOBODY: u32 = 65_534;

fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give_away(&entry.unwrap().path()));
    }
}

#[test]
fn a_source_that_may_not_be_written_is_told_before_and_at_erasing() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.approved(&mut world);
    fs::set_permissions(case.source(), fs::Permissions::from_mode(0o444)).unwrap();
    let (_, document) = as_somebody(&case, &["doctor", &case.case_argument()]);
    let told = document["findings"].to_string();
    assert!(told.contains("file-writable"), "doctor names the condition: {told}");
    let (code, document) = as_somebody(&case, &["erase", "--yes", &case.case_argument()]);
    assert_eq!((code, common::root_code(&document).as_str()), (3, "store-denied"), "{document:#}");
    fs::set_permissions(case.source(), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(case.count(&case.source(), "pupils"), 4, "nothing is lost");
    let (code, document) = as_somebody(&case, &["erase", "--yes", &case.case_argument()]);
    assert_eq!(code, 0, "and the same plan goes on: {document:#}");
}

#[test]
fn a_copy_that_may_not_be_read_is_never_clean() {
    let (mut world, _) = world();
    let case = SmallCase::new(&mut world);
    case.verified(&mut world);
    erased(&case, &mut world);
    let copy = format!("{}.bak", case.source().display());
    fs::write(&copy, VALUE).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o000)).unwrap();
    let (code, document) = as_somebody(&case, &["residue", &case.case_argument()]);
    assert_eq!(code, 1, "{document:#}");
    assert_eq!(document["findings"][0]["code"], "residue-unread", "{document:#}");
    assert_eq!(document["result"]["levels"]["main"], "L1");
    assert_eq!(code_of(steps::residue::run(&mut case.session(&mut world), &mut world, false)), "ok");
}
