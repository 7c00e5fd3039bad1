//! An engine without rollback that dies around each of its statements, and rows that somebody writes before the next run.

use crate::bench::{long, room, row};
use crate::common::{self, SetClock, SmallCase, code_of};
use lastbell::case::artefacts::{Erasure, UnitEnd, name};
use lastbell::failure::Result;
use lastbell::steps::{self, Outcome};
use lastbell::world::World;
use lastbell_contract::{Action, Capabilities, Kind, Location, Operation, Row, TableId};
use lastbell_testkit::memory::{Fault, Memory, Point, Trouble};
use lastbell_testkit::setup::{Change, Setup, TableSetup};
use std::sync::atomic::Ordering;
use tempfile::TempDir;

/// Pupils with their marks are one unit, staff another.
fn setup() -> Setup {
    let people = |name: &str| {
        TableSetup::new(name).column("id", Kind::Int).column("fio", Kind::Text).column("snils", Kind::Text).key(&["id"])
    };
    let person = |at: usize| row(common::PUPILS[at].0, &[common::PUPILS[at].1, common::PUPILS[at].2]);
    let marks =
        TableSetup::new("marks").column("id", Kind::Int).column("pupil_id", Kind::Int).column("mark", Kind::Text);
    let mark = |id: i128, pupil: i128| {
        let mut row = row(id, &[]);
        row.extend(self::row(pupil, &["пять"]));
        row
    };
    Setup::of(vec![
        people("pupils").rows([person(0), person(1)]),
        marks.key(&["id"]).link(&["pupil_id"], "pupils", &["id"], Action::NoAction).rows([
            mark(1, 1),
            mark(2, 2),
            mark(3, 1),
        ]),
        people("staff").rows([person(2), person(3)]),
    ])
}

struct Bench {
    memory: Memory,
    world: World,
    clock: SetClock,
    case: SmallCase,
    _keep: TempDir,
}

/// The same, and a kept table whose link into the staff is enforced and must be cut.
fn setup_with_rooms() -> Setup {
    let mut setup = setup();
    let rooms =
        TableSetup::new("rooms").column("id", Kind::Int).column("title", Kind::Text).nullable("keeper_id", Kind::Int);
    let room = |id: i128, keeper: i128| {
        let mut row = row(id, &["кабинет"]);
        row.push(lastbell_contract::Value::Int(keeper));
        row
    };
    let rooms = rooms.key(&["id"]).link(&["keeper_id"], "staff", &["id"], Action::SetNull);
    setup.tables.push(rooms.rows([room(1, 3), room(2, 4)]));
    setup
}

fn approved() -> Bench {
    approved_on(&setup(), &["visits", "subjects", "rooms"], |can| can.atomic_units = false)
}

fn approved_on(setup: &Setup, absent: &[&str], change: impl Fn(&mut Capabilities)) -> Bench {
    let memory = Memory::new();
    let keep = room();
    let (mut world, clock) = common::world_with(vec![Box::new(memory.clone())]);
    let case = SmallCase::in_folder(keep.path(), &mut world);
    for (path, url) in [(case.source(), "memory:old"), (case.target(), "memory:new")] {
        case.change_case_file(&format!("sqlite:{}", path.display()), url);
    }
    memory.create("old", setup);
    memory.create("new", setup);
    memory.with_files("old");
    memory.describe("old", |info| change(&mut info.capabilities));
    case.discovered_without(&mut world, absent);
    steps::verify::run(&mut case.session(&mut world), &mut world, false).unwrap();
    steps::plan::run(&mut case.session(&mut world), &mut world, false).unwrap();
    case.approve(&mut world);
    let units = case.session(&mut world).plan().unwrap().units.len();
    assert_eq!(units, 2, "pupils with marks, and staff");
    Bench { memory, world, clock, case, _keep: keep }
}

impl Bench {
    fn erase(&mut self) -> Result<Outcome> {
        self.case.erase(&mut self.world)
    }

    /// Dies at the n-th passing of a point; false when the run ended before.
    fn dies_at(&mut self, point: Point, nth: u32) -> bool {
        self.memory.plan(Fault::new("old", point, nth, Trouble::Die));
        let ended = self.erase();
        if !self.memory.all_struck() {
            assert_eq!(ended.unwrap().exit_code(), 0);
            return false;
        }
        assert!(ended.is_err(), "an engine that died ends the run");
        self.memory.revive();
        true
    }

    fn rows(&self) -> [usize; 3] {
        ["pupils", "marks", "staff"].map(|table| self.memory.rows("old", table).len())
    }

    fn claims(&mut self) -> [serde_json::Value; 6] {
        self.case.certified(&mut self.world);
        assert_eq!(self.case.check(&self.world)["verdict"], "valid");
        let predicate = self.case.predicate();
        ["outcome", "coverage", "methods", "standing_units", "waivers", "subjects"]
            .map(|field| predicate[field].clone())
    }

    /// Links of the kept table.
    fn links(&mut self) -> usize {
        let location = Location::parse("memory:old").unwrap();
        let catalog = self.world.open_reader("old", &location).unwrap().catalog().unwrap();
        catalog.table(&TableId::plain("rooms")).unwrap().foreign_keys.len()
    }

    fn put_back(&self, table: &str, rows: &[Row]) {
        self.memory.write("old", &Change::DeleteAll { table: table.to_owned() });
        for row in rows {
            self.memory.write("old", &Change::Insert { table: table.to_owned(), row: row.clone() });
        }
    }

    /// Units that stand, with why.
    fn standing(&mut self) -> Vec<(String, String)> {
        let erasure: Erasure = self.case.artefact(&mut self.world, name::ERASURE);
        let code = |end: &UnitEnd| match end {
            UnitEnd::Refused { code, .. } => code.clone(),
            UnitEnd::Destroyed => panic!("a standing unit is a refused one"),
        };
        erasure.standing().map(|unit| (unit.tables[0].table.clone(), code(&unit.end))).collect()
    }
}

fn stranger() -> Row {
    row(99, &["Новичкова Ульяна Пробовна", "900-000-006 86"])
}

fn insert(table: &str, row: Row) -> Change {
    Change::Insert { table: table.to_owned(), row }
}

#[test]
fn an_engine_without_rollback_that_dies_around_any_statement_ends_the_same() {
    let mut undisturbed = approved();
    assert_eq!(undisturbed.erase().unwrap().exit_code(), 0);
    let wanted = undisturbed.claims();
    let mut deaths = 0;
    for point in [Point::BeforeStatement, Point::AfterStatement] {
        for nth in 1.. {
            let mut bench = approved();
            if !bench.dies_at(point, nth) {
                break;
            }
            deaths += 1;
            assert_eq!(bench.erase().unwrap().exit_code(), 0, "{point:?} {nth}");
            assert_eq!(bench.rows(), [0; 3], "{point:?} {nth}");
            assert_eq!(bench.claims(), wanted, "{point:?} {nth}: the same claims");
        }
    }
    println!("an engine without rollback died {deaths} times");
    assert!(deaths >= 14, "three destructions, two commits, two cleanings, before and after: {deaths}");
}

/// The link goes by its name, once, and never the rows that lead through it; wherever the engine dies.
#[test]
fn an_enforced_link_of_a_kept_table_is_cut_once_wherever_the_engine_dies() {
    let manners: &[bool] = if long() { &[false, true] } else { &[false] };
    for atomic in manners.iter().copied() {
        let approved = || {
            let enforcing = |can: &mut Capabilities| (can.atomic_units, can.enforces_links) = (atomic, true);
            approved_on(&setup_with_rooms(), &["visits", "subjects"], enforcing)
        };
        let mut undisturbed = approved();
        let kept = undisturbed.memory.rows("old", "rooms");
        assert_eq!(undisturbed.erase().unwrap().exit_code(), 0);
        let wanted = undisturbed.claims();
        let mut deaths = 0;
        for point in [Point::BeforeStatement, Point::AfterStatement] {
            for nth in 1.. {
                let mut bench = approved();
                if !bench.dies_at(point, nth) {
                    break;
                }
                deaths += 1;
                assert_eq!(bench.erase().unwrap().exit_code(), 0, "{point:?} {nth}");
                assert_eq!(bench.rows(), [0; 3], "{point:?} {nth}");
                assert_eq!(bench.memory.rows("old", "rooms"), kept, "{point:?} {nth}: the kept rows stay");
                assert_eq!(bench.links(), 0, "{point:?} {nth}: the link is gone");
                assert_eq!(bench.claims(), wanted, "{point:?} {nth}: the same claims");
            }
        }
        assert!(deaths >= 16, "a cut, three destructions, two commits, two cleanings, before and after: {deaths}");
    }
}

/// The table of the first unit that went, and the one that did not.
fn half_gone(bench: &Bench) -> (&'static str, &'static str) {
    match bench.rows() {
        [0, 3, 2] => ("pupils", "marks"),
        [2, 0, 2] => ("marks", "pupils"),
        other => panic!("one table of the first unit is gone: {other:?}"),
    }
}

#[test]
fn a_row_written_into_the_half_that_still_stands_is_never_lost() {
    let mut bench = approved();
    assert!(bench.dies_at(Point::After(Operation::Destroy), 1));
    let (_, stands) = half_gone(&bench);
    let rows = bench.memory.rows("old", stands);
    let mut new = rows[0].clone();
    new[0] = lastbell_contract::Value::Int(99);
    bench.memory.write("old", &insert(stands, new.clone()));
    for _ in 0..2 {
        assert_eq!(code_of(bench.erase()), "drift-rows", "a unit that is half gone is no unit that stands: it is said");
        assert!(bench.memory.rows("old", stands).contains(&new), "the row is never lost");
        assert_eq!(bench.memory.rows("old", stands).len(), rows.len() + 1, "nor the others beside it");
    }
    bench.put_back(stands, &rows);
    assert_eq!(bench.erase().unwrap().exit_code(), 0, "once the row is where it belongs, the unit is finished");
    assert_eq!(bench.rows(), [0; 3]);
    let mut undisturbed = approved();
    undisturbed.erase().unwrap();
    assert_eq!(bench.claims(), undisturbed.claims());
}

#[test]
fn a_row_written_into_a_unit_that_is_still_whole_makes_it_stand() {
    let mut bench = approved();
    assert!(bench.dies_at(Point::Before(Operation::Destroy), 1));
    assert_eq!(bench.rows(), [2, 3, 2], "announced is not done");
    bench.memory.write("old", &insert("pupils", stranger()));
    assert_eq!(bench.erase().unwrap().exit_code(), 4);
    assert_eq!(bench.rows(), [3, 3, 0], "the drifted unit stands whole, the other one went");
    let standing = bench.standing();
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].1, "drift-rows");
}

/// After its commit, whoever writes into a table of the unit.
#[test]
fn a_unit_that_went_is_never_said_to_stand_untouched() {
    for point in [Point::AfterStatement, Point::After(Operation::Commit)] {
        let mut bench = approved();
        // The last unit of the plan is the one of a single table; its commit is the second.
        let nth = if point == Point::AfterStatement { 5 } else { 2 };
        assert!(bench.dies_at(point, nth));
        assert_eq!(bench.rows(), [0; 3], "both units went");
        bench.memory.write("old", &insert("staff", stranger()));
        let code = code_of(bench.erase());
        assert!(
            ["drift-rows", "rows-again"].contains(&code),
            "rows where none may be are told, not passed over: {code}"
        );
        assert_eq!(bench.memory.rows("old", "staff"), [stranger()], "the row is not ours to destroy");
        bench.put_back("staff", &[]);
        assert_eq!(bench.erase().unwrap().exit_code(), 0);
        let mut undisturbed = approved();
        undisturbed.erase().unwrap();
        assert_eq!(bench.claims(), undisturbed.claims(), "the unit's rows are in the certificate");
    }
}

#[test]
fn a_run_that_is_finished_later_began_when_it_began() {
    let mut bench = approved();
    assert!(bench.dies_at(Point::Before(Operation::Scrub), 1), "all units are gone by now");
    bench.clock.0.fetch_add(7_200, Ordering::SeqCst);
    assert_eq!(bench.erase().unwrap().exit_code(), 0);
    let erasure: Erasure = bench.case.artefact(&mut bench.world, name::ERASURE);
    let first = erasure.units.iter().filter_map(|unit| unit.destroyed_at.clone()).min().unwrap();
    assert!(erasure.started_at <= first, "{} is not after {first}", erasure.started_at);
    bench.claims();
}
