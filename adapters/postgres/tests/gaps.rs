//! Somebody else writes in every gap of the lock protocol. Whatever he committed was either seen under the lock before it
//! was destroyed, or is still there.
#![allow(clippy::unwrap_used)]

mod store;
use lastbell_contract::{Batch, ErrorKind, Flow, LockedUnit, Moment, Operation, Scan, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use store::*;

const ROUNDS: usize = 25;

/// Each row has a version: what an update writes must not be lost, either.
const TABLES: &str = "CREATE TABLE pupils (id int PRIMARY KEY, version int NOT NULL);
    CREATE TABLE kept (id int PRIMARY KEY, version int NOT NULL);";

type Rows = BTreeMap<i128, i128>;

/// What the other one has committed so far and nobody has destroyed yet.
struct Other {
    beside: Beside,
    committed: Rows,
    next: i128,
    done: usize,
    kept_out: usize,
}

impl Other {
    fn new(store: &Store<'_>) -> Self {
        Self { beside: Beside::new(store), committed: Rows::new(), next: 1, done: 0, kept_out: 0 }
    }

    fn count(&mut self, done: bool) -> bool {
        if done {
            self.done += 1
        } else {
            self.kept_out += 1
        }
        done
    }

    /// An insert, an update, a delete.
    fn write(&mut self) {
        let id = self.next;
        self.next += 1;
        let inserted = self.beside.run(&format!("INSERT INTO pupils VALUES ({id}, 0)"));
        if self.count(inserted) {
            self.committed.insert(id, 0);
        }
        let (first, last) = (self.committed.keys().next().copied(), self.committed.keys().next_back().copied());
        let Some((first, last)) = first.zip(last) else { return };
        let updated = self.beside.run(&format!("UPDATE pupils SET version = version + 1 WHERE id = {last}"));
        if self.count(updated) {
            *self.committed.get_mut(&last).unwrap() += 1;
        }
        if self.committed.len() > 3 {
            let deleted = self.beside.run(&format!("DELETE FROM pupils WHERE id = {first}"));
            if self.count(deleted) {
                self.committed.remove(&first);
            }
        }
    }
}

fn pair(row: &[Value]) -> (i128, i128) {
    match row {
        [Value::Int(id), Value::Int(version)] => (*id, *version),
        other => panic!("{other:?}"),
    }
}

fn proved(unit: &mut dyn LockedUnit) -> Rows {
    let mut rows = Rows::new();
    let scan = Scan::whole(&table("pupils"), &["id".to_owned(), "version".to_owned()]);
    let mut take = |batch: Batch| {
        rows.extend(batch.unpacked().map(|row| pair(&row)));
        Flow::Continue
    };
    unit.scan(&scan, &mut take).unwrap();
    rows
}

#[test]
fn what_others_commit_in_any_gap_was_proved_or_is_still_there() {
    for rebuild in [false, true] {
        let store = fresh(TABLES);
        let other = RefCell::new(Other::new(&store));
        let mut eraser = store.eraser();
        for round in 0..ROUNDS {
            for _ in 0..4 {
                other.borrow_mut().write(); // before the lock
            }
            let mut unit = eraser.lock(&request(&["pupils"], &["kept"])).unwrap();
            other.borrow_mut().write(); // before the proof
            let seen = proved(unit.as_mut());
            assert_eq!(seen, other.borrow().committed, "round {round}: the proof sees what was committed");
            other.borrow_mut().write(); // after the proof
            let mut act = |moment: Moment, statement: &lastbell_contract::Statement| {
                let mut other = other.borrow_mut();
                if (moment, statement.operation) == (Moment::After, Operation::Commit) {
                    // From here on what was proved is gone, and the other writes into the empty table.
                    other.committed = if rebuild { tenths(&seen) } else { Rows::new() };
                }
                other.write();
            };
            let mut heard = Heard { acts: Some(&mut act), ..Heard::default() };
            if rebuild {
                unit.rebuild(&table("pupils"), &mut tenth, &mut heard).unwrap();
            } else {
                unit.destroy(&tables(&["pupils"]), &mut heard).unwrap();
            }
            unit.commit(&mut heard).unwrap();
            drop(heard);
            other.borrow_mut().write(); // after the commit
            let left = store.sql("SELECT string_agg(id || ':' || version, ',' ORDER BY id) FROM pupils");
            let other = other.borrow();
            let expected: Vec<String> = other.committed.iter().map(|(id, version)| format!("{id}:{version}")).collect();
            assert_eq!(left, expected.join(","), "round {round}, rebuild {rebuild}: a row was lost");
        }
        let other = other.borrow();
        assert!(other.done > 200 && other.kept_out > 100, "{} done, {} kept out", other.done, other.kept_out);
    }
}

fn tenths(rows: &Rows) -> Rows {
    rows.iter().filter(|(id, _)| **id % 10 == 0).map(|(id, version)| (*id, *version)).collect()
}

#[test]
fn no_row_is_lost_when_others_never_stop_writing() {
    let store = fresh(TABLES);
    let (stop, mut destroyed) = (AtomicBool::new(false), Rows::new());
    let committed = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|number: i128| {
                let (store, stop) = (&store, &stop);
                scope.spawn(move || {
                    let (mut beside, mut committed, mut id) = (Beside::new(store), Vec::new(), number);
                    while !stop.load(Ordering::Relaxed) {
                        id += 2;
                        if beside.run(&format!("INSERT INTO pupils VALUES ({id}, 0)")) {
                            committed.push(id);
                        }
                    }
                    committed
                })
            })
            .collect();
        let mut eraser = store.eraser();
        for _ in 0..60 {
            let mut unit = match eraser.lock(&request(&["pupils"], &["kept"])) {
                Err(error) if error.kind == ErrorKind::Busy => continue,
                unit => unit.unwrap(),
            };
            let seen = proved(unit.as_mut());
            unit.destroy(&tables(&["pupils"]), &mut Heard::default()).unwrap();
            unit.commit(&mut Heard::default()).unwrap();
            destroyed.extend(seen);
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<i128>>()
    });
    assert!(committed.len() > 200, "only {} rows were written", committed.len());
    let left = store.sql("SELECT string_agg(id::text, ',') FROM pupils");
    let left: Vec<i128> = left.split(',').filter_map(|id| id.parse().ok()).collect();
    let lost = committed.iter().filter(|id| !destroyed.contains_key(id) && !left.contains(id)).count();
    assert_eq!(lost, 0, "of {} rows", committed.len());
    assert_eq!(destroyed.len() + left.len(), committed.len());
}
