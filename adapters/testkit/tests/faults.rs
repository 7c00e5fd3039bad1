//! The engine in memory breaks where a test says, and what it leaves is what a real engine would leave.
#![allow(clippy::unwrap_used)]

use lastbell_contract::{
    Adapter, AdapterError, ErasePermit, Eraser, ErrorKind, Flow, Kind, LockRequest, Moment, Operation, Scan, Statement,
    TableId, Value, Witness,
};
use lastbell_testkit::{Change, Fault, Gap, Memory, Point, Setup, TableSetup, Trouble, Written};
use std::sync::{Arc, Mutex};

struct Mute;

impl Witness for Mute {
    fn hear(&mut self, _moment: Moment, _statement: &Statement) -> Result<(), AdapterError> {
        Ok(())
    }
}

fn row(number: i128) -> Vec<Value> {
    vec![Value::Int(number)]
}

fn pupils() -> Memory {
    let table = |name| TableSetup::new(name).column("id", Kind::Int).key(&["id"]).rows((0..10).map(row));
    Memory::with("old", &Setup::of(vec![table("pupils"), table("marks")]))
}

fn eraser(memory: &Memory) -> Result<Box<dyn Eraser>, AdapterError> {
    memory.open_eraser(&Memory::location("old"), &ErasePermit::granted_by("", &[]))
}

fn request() -> LockRequest {
    let ids = ["pupils", "marks"].map(TableId::plain);
    LockRequest { unit: ids.to_vec(), watched: Vec::new(), wait_ms: 0 }
}

/// Destroys both tables; the first error ends it.
fn erase(memory: &Memory) -> Result<(), AdapterError> {
    let mut eraser = eraser(memory)?;
    eraser.tidy(&[], &mut Mute)?;
    let mut unit = eraser.lock(&request())?;
    unit.rebuild(&TableId::plain("pupils"), &mut |_| None, &mut Mute)?;
    unit.destroy(&[TableId::plain("marks")], &mut Mute)?;
    unit.commit(&mut Mute)
}

fn left(memory: &Memory) -> (usize, usize) {
    (memory.rows("old", "pupils").len(), memory.rows("old", "marks").len())
}

#[test]
fn a_death_before_the_commit_takes_back_an_atomic_unit_and_not_another() {
    for (atomic, expected) in [(true, (10, 10)), (false, (0, 10))] {
        let memory = pupils();
        memory.describe("old", |info| info.capabilities.atomic_units = atomic);
        memory.plan(Fault::new("old", Point::AfterStatement, 1, Trouble::Die));
        assert_eq!(erase(&memory).unwrap_err().kind, ErrorKind::Unreachable);
        assert_eq!(erase(&memory).unwrap_err().kind, ErrorKind::Unreachable, "the dead answer nobody");
        assert_eq!(left(&memory), expected, "atomic: {atomic}");
        memory.revive();
        erase(&memory).unwrap();
        assert_eq!(left(&memory), (0, 0), "atomic: {atomic}");
        assert!(memory.all_struck());
    }
}

#[test]
fn a_death_after_the_commit_leaves_it_done_though_nobody_was_told() {
    let memory = pupils();
    memory.plan(Fault::new("old", Point::After(Operation::Commit), 1, Trouble::Die));
    assert_eq!(erase(&memory).unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(left(&memory), (0, 0));
}

#[test]
fn a_visit_of_an_earlier_life_stays_broken() {
    let memory = pupils();
    let mut reader = memory.open_reader(&Memory::location("old")).unwrap();
    memory.kill();
    memory.revive();
    assert_eq!(reader.catalog().unwrap_err().kind, ErrorKind::Unreachable);
    memory.open_reader(&Memory::location("old")).unwrap().catalog().unwrap();
}

#[test]
fn a_broken_rebuild_leaves_a_shadow_and_tidy_removes_it() {
    let memory = pupils();
    memory.describe("old", |info| info.capabilities.atomic_units = false);
    memory.plan(Fault::new("old", Point::MidRebuild, 1, Trouble::Die));
    erase(&memory).unwrap_err();
    memory.revive();
    assert_eq!(memory.tables("old").len(), 3, "the shadow is residue until tidy");
    erase(&memory).unwrap();
    assert_eq!(memory.tables("old"), ["marks", "pupils"]);
}

#[test]
fn a_cut_connection_loses_its_locks_and_the_others_live() {
    let memory = pupils();
    let mut first = eraser(&memory).unwrap();
    let mut unit = first.lock(&request()).unwrap();
    memory.plan(Fault::new("old", Point::ScanBatch, 1, Trouble::Cut));
    let scan = Scan::whole(&TableId::plain("pupils"), &["id".to_owned()]);
    assert_eq!(unit.scan(&scan, &mut |_| Flow::Continue).unwrap_err().kind, ErrorKind::Unreachable);
    assert!(unit.commit(&mut Mute).is_err());
    erase(&memory).unwrap();
}

#[test]
fn a_planned_failure_strikes_once_at_its_number_and_only_in_its_database() {
    let memory = pupils();
    memory.create("new", &Setup::default());
    memory.plan(Fault::new("old", Point::Info, 2, Trouble::Fail(ErrorKind::Denied)));
    let mut reader = memory.open_reader(&Memory::location("old")).unwrap();
    let mut other = memory.open_reader(&Memory::location("new")).unwrap();
    let mut told = Vec::new();
    for _ in 0..4 {
        other.info().unwrap();
        told.push(reader.info().err().map(|error| error.kind));
    }
    assert_eq!(told, [None, Some(ErrorKind::Denied), None, None]);
}

#[test]
fn a_hook_is_called_in_each_gap_and_may_write_until_the_lock() {
    let memory = pupils();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (other, told) = (memory.clone(), Arc::clone(&seen));
    let mut number = 100;
    memory.on_gap(move |gap| {
        number += 1;
        let change = Change::Insert { table: "marks".into(), row: row(number) };
        told.lock().unwrap().push((gap, other.write("old", &change)));
    });
    erase(&memory).unwrap();
    let expected = [
        (Gap::BeforeLock, Written::Done),
        (Gap::AfterLock, Written::Excluded),
        (Gap::BeforeDestroy, Written::Excluded),
        (Gap::BeforeDestroy, Written::Excluded),
        (Gap::BeforeCommit, Written::Excluded),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn hidden_rows_make_the_two_counts_differ() {
    let memory = pupils();
    memory.hide_last_rows("old", "pupils", 3);
    let mut eraser = eraser(&memory).unwrap();
    let counted = eraser.lock(&request()).unwrap().count(&TableId::plain("pupils")).unwrap();
    assert_eq!((counted.by_scan, counted.by_count), (7, 10));
}
