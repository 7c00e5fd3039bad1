//! Somebody else writes while we destroy. Whatever they committed was either proved under the lock before it was
//! destroyed, or it is still there afterwards.

use super::rows::{pupil, sorted, table_of_pupils};
use super::stage::{Ear, Stage, locked_rows, request};
use super::{Case, Ended, Told, promise};
use crate::seeded::Seeded;
use crate::setup::{Change, Setup, TableSetup, Written};
use lastbell_contract::{AdapterError, ErrorKind, Location, Moment, Operation, Row, TableId};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(super) const CASES: &[Case] = &[
    Case { name: "no row is lost when another connection writes in any gap of the protocol", run: every_gap },
    Case { name: "no row is lost when another connection never stops writing", run: never_stops },
];

/// Where the other connection writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    BeforeOpen,
    BeforeLock,
    BeforeProof,
    AfterProof,
    BeforeDestroy,
    AfterDestroy,
    BeforeCommit,
    AfterCommit,
    BeforeClose,
}

const GAPS: [Gap; 9] = [
    Gap::BeforeOpen,
    Gap::BeforeLock,
    Gap::BeforeProof,
    Gap::AfterProof,
    Gap::BeforeDestroy,
    Gap::AfterDestroy,
    Gap::BeforeCommit,
    Gap::AfterCommit,
    Gap::BeforeClose,
];

/// A set of encoded rows.
type Rows = BTreeSet<Vec<Vec<u8>>>;

fn every_gap(stage: &Stage<'_>) -> Told {
    let setup = Setup::of(vec![table_of_pupils("pupils", 20), table_of_pupils("rooms", 10)]);
    for gap in GAPS {
        let location = stage.fresh(&setup);
        let mut ledger = Ledger::of(&setup.tables[0]);
        let mut random = Seeded::new(0x6A70 + gap as u64);
        for _ in 0..stage.subject.expectations().gap_rounds {
            one_round(stage, &location, gap, &mut ledger, &mut random)?;
            ledger.check(stage, &location, gap)?;
        }
        stage.untouched(&location, &setup, &["pupils"])?;
    }
    Ok(())
}

/// What was ever committed to the table, and what was proved before it was destroyed.
struct Ledger {
    table: TableSetup,
    written: Vec<Row>,
    proved: Vec<Row>,
    next: u32,
}

impl Ledger {
    fn of(table: &TableSetup) -> Self {
        Self { table: table.clone(), written: table.rows.clone(), proved: Vec::new(), next: 1000 }
    }

    fn check(&self, stage: &Stage<'_>, location: &Location, gap: Gap) -> Told {
        let set = |rows: &[Row]| sorted(rows).into_iter().collect::<Rows>();
        let (written, proved) = (set(&self.written), set(&self.proved));
        let there = set(&stage.rows(location, &self.table)?);
        let lost = written.iter().filter(|row| !proved.contains(*row) && !there.contains(*row)).count();
        promise!(lost == 0, "{lost} rows written in the gap {gap:?} are lost: not proved, and not there");
        let back = proved.intersection(&there).count();
        promise!(back == 0, "{back} rows are there after their destruction was committed ({gap:?})");
        Ok(())
    }
}

/// Writes in one gap up to three rows of its own; remembers those that were committed.
struct Other<'a> {
    stage: &'a Stage<'a>,
    location: &'a Location,
    gap: Gap,
    first: u32,
    rows: u32,
    done: Cell<u32>,
}

impl Other<'_> {
    fn at(&self, gap: Gap) {
        if gap != self.gap {
            return;
        }
        for number in self.first..self.first + self.rows {
            if self.stage.insert(self.location, "pupils", pupil(number)) == Written::Done {
                self.done.set(self.done.get() + 1);
            } else {
                break; // so that the committed ones are the first ones
            }
        }
    }
}

fn one_round(
    stage: &Stage<'_>,
    location: &Location,
    gap: Gap,
    ledger: &mut Ledger,
    random: &mut Seeded,
) -> Result<(), Ended> {
    let rows = 1 + u32::try_from(random.below(3)).expect("below 3");
    let other = Other { stage, location, gap, first: ledger.next, rows, done: Cell::new(0) };
    let Some(proved) = protocol(stage, location, &ledger.table, &other)? else {
        return Err(Ended::Broken(format!("nobody else held a lock ({gap:?}), and it was Busy")));
    };
    ledger.proved.extend(proved);
    ledger.written.extend((ledger.next..ledger.next + other.done.get()).map(pupil));
    ledger.next += rows;
    Ok(())
}

/// The result, or nothing when somebody else was in the way.
fn unless_busy<T>(result: Result<T, AdapterError>) -> Result<Option<T>, Ended> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind == ErrorKind::Busy => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Lock, proof, destroy, commit; returns what the proof saw, or nothing when the lock could not be had.
fn protocol(
    stage: &Stage<'_>,
    location: &Location,
    table: &TableSetup,
    other: &Other<'_>,
) -> Result<Option<Vec<Row>>, Ended> {
    other.at(Gap::BeforeOpen);
    let Some(mut eraser) = unless_busy(stage.eraser(location))? else { return Ok(None) };
    other.at(Gap::BeforeLock);
    let Some(mut unit) = unless_busy(eraser.lock(&request(&["pupils"], &["rooms"])))? else { return Ok(None) };
    other.at(Gap::BeforeProof);
    let proved = locked_rows(unit.as_mut(), table)?;
    other.at(Gap::AfterProof);
    let mut act = |moment: Moment, operation: Operation| match (moment, operation) {
        (Moment::Before, Operation::Destroy) => other.at(Gap::BeforeDestroy),
        (Moment::After, Operation::Destroy) => other.at(Gap::AfterDestroy),
        (Moment::Before, Operation::Commit) => other.at(Gap::BeforeCommit),
        (Moment::After, Operation::Commit) => other.at(Gap::AfterCommit),
        (
            Moment::Before | Moment::After,
            Operation::Rebuild | Operation::Cut | Operation::Setting | Operation::Scrub,
        ) => {}
    };
    let mut ear = Ear::acting(&mut act);
    unit.destroy(&[TableId::plain("pupils")], &mut ear)?;
    unit.commit(&mut ear)?;
    other.at(Gap::BeforeClose);
    Ok(Some(proved))
}

fn never_stops(stage: &Stage<'_>) -> Told {
    let setup = Setup::of(vec![table_of_pupils("pupils", 20), table_of_pupils("rooms", 10)]);
    let location = stage.fresh(&setup);
    let stop = AtomicBool::new(false);
    let rounds = stage.subject.expectations().gap_rounds;
    let mut ledger = Ledger::of(&setup.tables[0]);
    let subject = stage.subject;
    let (ended, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| keep_writing(subject, &location, &stop));
        let ended = (0..rounds).try_for_each(|_| {
            let idle =
                Other { stage, location: &location, gap: Gap::BeforeOpen, first: 0, rows: 0, done: Cell::new(0) };
            ledger.proved.extend(patiently(stage, &location, &ledger.table, &idle)?);
            Ok::<(), Ended>(())
        });
        stop.store(true, Ordering::SeqCst);
        (ended, writer.join())
    });
    ended?;
    let written = written.map_err(|_| Ended::Broken("the other connection broke down".to_owned()))?;
    promise!(!written.is_empty(), "the other connection never got to write: nothing was tried");
    ledger.written.extend(written);
    ledger.check(stage, &location, Gap::BeforeLock)
}

/// An eraser may be refused while somebody writes; the operator tries again.
fn patiently(stage: &Stage<'_>, location: &Location, table: &TableSetup, idle: &Other<'_>) -> Result<Vec<Row>, Ended> {
    for _ in 0..200 {
        if let Some(proved) = protocol(stage, location, table, idle)? {
            return Ok(proved);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(Ended::Broken("a lock could not be had in 200 attempts beside one writer".to_owned()))
}

/// Writes until told to stop, and then, if nothing was committed yet, until one row is or 500 more were kept out: an engine
/// that holds a whole store from its opening on leaves hardly a gap, and who wrote nothing has tried nothing.
fn keep_writing(subject: &dyn super::Subject, location: &Location, stop: &AtomicBool) -> Vec<Row> {
    let mut written = Vec::new();
    let (mut number, mut more) = (100_000, 500);
    loop {
        let stopped = stop.load(Ordering::SeqCst);
        if stopped && (!written.is_empty() || more == 0) {
            return written;
        }
        more -= u32::from(stopped);
        let row = pupil(number);
        let change = Change::Insert { table: "pupils".into(), row: row.clone() };
        match subject.write_beside(location, &change) {
            Written::Done => written.push(row),
            Written::Excluded => {}
        }
        number += 1;
        std::thread::sleep(Duration::from_micros(200));
    }
}
