//! Locking, destroying, committing, scrubbing: what was announced happens, and nothing else does.

use super::rows::{int, pupil, pupils_and_marks, sorted, table_of_pupils, text, three_tables};
use super::stage::{Ear, Stage, fails_with, locked_rows, refused_by_witness, request};
use super::{Case, Ended, Told, promise};
use crate::setup::{Change, Setup, TableSetup, Written};
use lastbell_contract::{
    Action, Counted, Eraser, ErrorKind, FileRole, Kind, Level, Location, LockRequest, LockedUnit, Means, Moment,
    Operation, Scrub, Statement, TableId,
};
use std::collections::BTreeSet;

pub(super) const CASES: &[Case] = &[
    Case { name: "a lock keeps every other writer out of unit and watched tables, and ends", run: excludes },
    Case { name: "a lock that another eraser holds is Busy, and taken when it is free", run: second_eraser },
    Case { name: "a lock of an unknown table is NotFound and locks nothing", run: unknown_table },
    Case { name: "destroy removes all rows of that table and of no other", run: destroys_one },
    Case { name: "a table outside the unit cannot be destroyed or rebuilt", run: outside_the_unit },
    Case { name: "destroy and commit announce Before and After, in order, and no more", run: announces },
    Case { name: "what the witness refuses does not happen", run: witness_refuses },
    Case { name: "an error of the witness after a statement is not swallowed", run: witness_refuses_after },
    Case { name: "a unit dropped without commit leaves everything, where units are atomic", run: dropped },
    Case { name: "each statement is durable at once, where units are not atomic", run: not_atomic },
    Case { name: "a commit is durable, and several units can follow one another", run: durable },
    Case { name: "destroying an empty table is no error", run: destroys_empty },
    Case { name: "a cascade never fires: rows that lead here stay byte for byte", run: cascades },
    Case { name: "a closed unit of parent and child is destroyed, child first", run: closed_unit },
    Case { name: "tables that lead to one another go in one call, in any order", run: together },
    Case { name: "a cut drops that link of a kept table and nothing else", run: cuts },
    Case { name: "a table that leads to itself is destroyed", run: leads_to_itself },
    Case { name: "a trigger that would fire is refused as Unsafe, and fires never", run: triggers },
    Case { name: "a scrub announces itself, says what it did and can be repeated", run: scrubs },
    Case { name: "a scrub that the witness refuses does not go on", run: scrub_refused },
    Case { name: "after a scrub the destroyed values are in no data file", run: scrubbed_files },
    Case { name: "tidy on a clean store does nothing", run: tidy },
];

fn id(name: &str) -> TableId {
    TableId::plain(name)
}

fn excludes(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils", "staff"], &["rooms"]))?;
    for table in ["pupils", "staff", "rooms"] {
        let attempts = [
            Change::Insert { table: table.into(), row: pupil(1000) },
            Change::Update { table: table.into(), key: ("id".into(), int(1)), set: ("name".into(), text("x")) },
            Change::DeleteAll { table: table.into() },
        ];
        for change in attempts {
            promise!(stage.subject.write_beside(&location, &change) == Written::Excluded, "under lock: {change:?}");
        }
        let seen = locked_rows(unit.as_mut(), setup.table(table).expect("one of the three"))?;
        promise!(sorted(&seen) == sorted(&setup.table(table).expect("one of the three").rows), "`{table}` changed");
    }
    drop(unit);
    drop(eraser);
    promise!(stage.insert(&location, "rooms", pupil(1000)) == Written::Done, "the lock outlives its eraser");
    stage.untouched(&location, &setup, &["rooms"])
}

fn second_eraser(stage: &Stage<'_>) -> Told {
    let location = stage.fresh(&three_tables());
    let wish = LockRequest { wait_ms: 50, ..request(&["pupils"], &["rooms"]) };
    let mut first = stage.eraser(&location)?;
    let unit = first.lock(&wish)?;
    let second = stage.eraser(&location).and_then(|mut second| second.lock(&wish).map(drop));
    fails_with(second, ErrorKind::Busy, "a second lock on the same unit")?;
    let on_watched = LockRequest { unit: vec![id("rooms")], watched: Vec::new(), wait_ms: 0 };
    let second = stage.eraser(&location).and_then(|mut second| second.lock(&on_watched).map(drop));
    fails_with(second, ErrorKind::Busy, "a lock on a watched table")?;
    drop(unit);
    drop(first);
    let mut third = stage.eraser(&location)?;
    third.lock(&wish)?;
    Ok(())
}

fn unknown_table(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    for (unit, watched) in [(&["pupils", "nobody"][..], &[][..]), (&["pupils"], &["nobody"])] {
        let mut eraser = stage.eraser(&location)?;
        fails_with(eraser.lock(&request(unit, watched)).map(drop), ErrorKind::NotFound, "a lock of an unknown table")?;
        drop(eraser);
        promise!(stage.insert(&location, "pupils", pupil(1000)) == Written::Done, "a failed lock still locks");
        stage.subject.write_beside(&location, &Change::DeleteAll { table: "pupils".into() });
    }
    stage.untouched(&location, &setup, &["pupils"])
}

fn destroys_one(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils", "staff"], &["rooms"]))?;
    unit.destroy(&[id("pupils")], &mut Ear::default())?;
    for (table, rows) in [("pupils", 0), ("staff", 20), ("rooms", 10)] {
        let seen = locked_rows(unit.as_mut(), setup.table(table).expect("one of the three"))?.len() as u64;
        let counted = unit.count(&id(table))?;
        promise!(seen == rows, "after destroying `pupils`, `{table}` shows {seen} rows, not {rows}");
        promise!(counted == Counted { by_scan: rows, by_count: rows }, "`{table}` counts {counted:?}, not {rows}");
    }
    unit.commit(&mut Ear::default())?;
    drop(eraser);
    stage.empty(&location, &setup, &["pupils"])?;
    stage.untouched(&location, &setup, &["pupils"])
}

fn outside_the_unit(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    for table in ["rooms", "staff", "nobody"] {
        let mut eraser = stage.eraser(&location)?;
        let mut unit = eraser.lock(&request(&["pupils"], &["rooms"]))?;
        let mut ear = Ear::default();
        promise!(unit.destroy(&[id(table)], &mut ear).is_err(), "`{table}` is not of the unit and was destroyed");
        let rebuilt = unit.rebuild(&id(table), &mut |_| None, &mut ear);
        promise!(rebuilt.is_err(), "`{table}` is not of the unit and was rebuilt");
        promise!(ear.heard.is_empty(), "what is refused was announced: {:?}", ear.heard);
        unit.commit(&mut Ear::default())?;
    }
    stage.untouched(&location, &setup, &[])
}

fn announces(stage: &Stage<'_>) -> Told {
    let location = stage.fresh(&three_tables());
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils", "staff"], &["rooms"]))?;
    for table in ["staff", "pupils"] {
        let mut ear = Ear::default();
        unit.destroy(&[id(table)], &mut ear)?;
        ear.paired()?;
        let said = ear.statements();
        promise!(!said.is_empty(), "destroying `{table}` announces nothing");
        let right = |one: &&Statement| one.operation == Operation::Destroy && one.table == Some(id(table));
        promise!(said.iter().all(right), "destroying `{table}` announces {said:?}");
        promise!(said.iter().all(|one| !one.technique.is_empty()), "a statement has no technique");
    }
    let mut ear = Ear::default();
    unit.commit(&mut ear)?;
    ear.paired()?;
    let said = ear.statements();
    let commits = said.iter().filter(|one| one.operation == Operation::Commit).count();
    promise!(commits == said.len(), "a commit announces {said:?}");
    promise!(commits == 1 || !stage.can().atomic_units, "a commit is announced {commits} times");
    Ok(())
}

fn witness_refuses(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils", "staff"], &["rooms"]))?;
    let mut ear = Ear::refusing(Moment::Before, Operation::Destroy);
    refused_by_witness(unit.destroy(&[id("pupils")], &mut ear), "a refused destroy")?;
    promise!(ear.heard.len() == 1, "after a refusal more is announced: {:?}", ear.heard);
    let left = unit.count(&id("pupils"))?;
    promise!(left == Counted { by_scan: 30, by_count: 30 }, "a refused destroy left {left:?} of 30 rows");
    if stage.can().rebuilds {
        let mut ear = Ear::refusing(Moment::Before, Operation::Rebuild);
        refused_by_witness(unit.rebuild(&id("staff"), &mut |_| None, &mut ear), "a refused rebuild")?;
        let left = unit.count(&id("staff"))?;
        promise!(left == Counted { by_scan: 20, by_count: 20 }, "a refused rebuild left {left:?} of 20 rows");
    }
    drop(unit);
    drop(eraser);
    stage.untouched(&location, &setup, &[])?;
    commit_refused(stage, &location, &setup)
}

fn commit_refused(stage: &Stage<'_>, location: &Location, setup: &Setup) -> Told {
    if !stage.can().atomic_units {
        return Ok(());
    }
    let mut eraser = stage.eraser(location)?;
    let mut unit = eraser.lock(&request(&["pupils"], &[]))?;
    unit.destroy(&[id("pupils")], &mut Ear::default())?;
    let mut ear = Ear::refusing(Moment::Before, Operation::Commit);
    refused_by_witness(unit.commit(&mut ear), "a refused commit")?;
    drop(eraser);
    stage.untouched(location, setup, &[])
}

fn witness_refuses_after(stage: &Stage<'_>) -> Told {
    let location = stage.fresh(&three_tables());
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils"], &[]))?;
    let mut ear = Ear::refusing(Moment::After, Operation::Destroy);
    refused_by_witness(unit.destroy(&[id("pupils")], &mut ear), "a destroy whose end could not be journalled")
}

fn dropped(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().atomic_units, "its units are not atomic")?;
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils", "staff"], &["rooms"]))?;
    unit.destroy(&[id("pupils")], &mut Ear::default())?;
    if stage.can().rebuilds {
        unit.rebuild(&id("staff"), &mut |_| None, &mut Ear::default())?;
    }
    drop(unit);
    // The same visit goes on after it: nothing of the dropped unit may be left in it.
    let mut unit = eraser.lock(&request(&["rooms"], &["pupils"]))?;
    promise!(unit.count(&id("pupils"))?.by_scan == 30, "the next unit still sees the dropped one's destruction");
    unit.destroy(&[id("rooms")], &mut Ear::default())?;
    unit.commit(&mut Ear::default())?;
    drop(eraser);
    stage.empty(&location, &setup, &["rooms"])?;
    stage.untouched(&location, &setup, &["rooms"])
}

fn not_atomic(stage: &Stage<'_>) -> Told {
    stage.needs(!stage.can().atomic_units, "its units are atomic")?;
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils", "staff"], &["rooms"]))?;
    unit.destroy(&[id("pupils")], &mut Ear::default())?;
    drop(unit);
    drop(eraser);
    stage.empty(&location, &setup, &["pupils"])?;
    stage.untouched(&location, &setup, &["pupils"])
}

fn durable(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    for table in ["pupils", "staff"] {
        let mut unit = eraser.lock(&request(&[table], &["rooms"]))?;
        unit.destroy(&[id(table)], &mut Ear::default())?;
        unit.commit(&mut Ear::default())?;
    }
    let counted = eraser.count(&id("pupils"))?;
    promise!(counted == 0, "after the commit the eraser itself counts {counted} rows");
    drop(eraser);
    stage.empty(&location, &setup, &["pupils", "staff"])?;
    stage.untouched(&location, &setup, &["pupils", "staff"])
}

fn destroys_empty(stage: &Stage<'_>) -> Told {
    let setup = Setup::of(vec![table_of_pupils("nobody", 0), table_of_pupils("rooms", 3)]);
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    // Twice: a resumed run does it again.
    for _ in 0..2 {
        let mut unit = eraser.lock(&request(&["nobody"], &["rooms"]))?;
        unit.destroy(&[id("nobody")], &mut Ear::default())?;
        unit.commit(&mut Ear::default())?;
    }
    drop(eraser);
    stage.untouched(&location, &setup, &[])
}

fn cascades(stage: &Stage<'_>) -> Told {
    for on_delete in [Action::Cascade, Action::SetNull, Action::NoAction] {
        for rebuild in [false, true] {
            if rebuild && !stage.can().rebuilds {
                continue;
            }
            kept_child(stage, on_delete, rebuild)?;
        }
    }
    Ok(())
}

/// Destroys the parent of a kept child. It may be refused; the child's rows stay either way.
fn kept_child(stage: &Stage<'_>, on_delete: Action, rebuild: bool) -> Told {
    let setup = pupils_and_marks(on_delete);
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils"], &["marks"]))?;
    let mut ear = Ear::default();
    let ended = match rebuild {
        true => unit.rebuild(&id("pupils"), &mut |_| None, &mut ear).map(drop),
        false => unit.destroy(&[id("pupils")], &mut ear),
    };
    let gone = ended.is_ok();
    match ended {
        Ok(()) => unit.commit(&mut Ear::default())?,
        Err(error) => {
            promise!(error.kind == ErrorKind::Unsafe, "{on_delete:?}: refused as {:?}", error.kind);
            drop(unit);
        }
    }
    drop(eraser);
    if gone {
        stage.empty(&location, &setup, &["pupils"])?;
    }
    stage.untouched(&location, &setup, if gone { &["pupils"] } else { &[] })
}

fn closed_unit(stage: &Stage<'_>) -> Told {
    for on_delete in [Action::Cascade, Action::SetNull, Action::NoAction] {
        let setup = pupils_and_marks(on_delete);
        let location = stage.fresh(&setup);
        let mut eraser = stage.eraser(&location)?;
        let mut unit = eraser.lock(&request(&["pupils", "marks"], &[]))?;
        unit.destroy(&[id("marks")], &mut Ear::default())?;
        promise!(unit.count(&id("pupils"))?.by_scan == 5, "destroying the child took rows of the parent");
        unit.destroy(&[id("pupils")], &mut Ear::default())?;
        unit.commit(&mut Ear::default())?;
        drop(eraser);
        stage.empty(&location, &setup, &["pupils", "marks"])?;
    }
    Ok(())
}

fn together(stage: &Stage<'_>) -> Told {
    for on_delete in [Action::Cascade, Action::SetNull, Action::NoAction] {
        for order in [["pupils", "marks"], ["marks", "pupils"]] {
            let setup = pupils_and_marks(on_delete);
            let location = stage.fresh(&setup);
            let mut eraser = stage.eraser(&location)?;
            let mut unit = eraser.lock(&request(&order, &[]))?;
            let mut ear = Ear::default();
            unit.destroy(&order.map(id), &mut ear)?;
            for table in order {
                let heard = |moment| {
                    let of_table = |(at, said): &&(Moment, Statement)| *at == moment && said.table == Some(id(table));
                    ear.heard.iter().filter(of_table).count()
                };
                let told = (heard(Moment::Before), heard(Moment::After));
                promise!(told == (1, 1), "`{table}` was announced {told:?} times, not once before and once after");
            }
            unit.commit(&mut Ear::default())?;
            drop(eraser);
            stage.empty(&location, &setup, &order)?;
            stage.untouched(&location, &setup, &order)?;
        }
    }
    Ok(())
}

/// The names of a table's links to another.
fn links(eraser: &mut dyn Eraser, from: &str, to: &str) -> Result<Vec<String>, Ended> {
    let catalog = eraser.catalog()?;
    let links = catalog.table(&id(from)).map(|table| table.foreign_keys.clone()).unwrap_or_default();
    Ok(links.into_iter().filter(|link| link.references == id(to)).filter_map(|link| link.name).collect())
}

/// A child with two links, whose one parent goes.
fn cuts(stage: &Stage<'_>) -> Told {
    let mut setup = pupils_and_marks(Action::NoAction);
    let child = TableSetup::new("visits").column("id", Kind::Int).column("pupil", Kind::Int).column("mark", Kind::Int);
    let child = child.key(&["id"]).link(&["pupil"], "pupils", &["id"], Action::Cascade);
    let child = child.link(&["mark"], "marks", &["id"], Action::NoAction);
    setup.tables.push(child.rows((1..=5).map(|n| vec![int(n), int(n), int(n)])));
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let link = links(eraser.as_mut(), "visits", "pupils")?.pop().unwrap_or_else(|| "pupil".to_owned());
    let of_marks = links(eraser.as_mut(), "marks", "pupils")?;
    let mut ear = Ear::default();
    let mut unit = eraser.lock(&request(&["pupils"], &["visits", "marks"]))?;
    if !stage.can().enforces_links {
        let refused = unit.cut(&id("visits"), &link, &mut ear);
        return fails_with(refused, ErrorKind::Unsupported, "a cut where no link is enforced");
    }
    let refused = unit.cut(&id("pupils"), &link, &mut Ear::default());
    promise!(refused.is_err(), "a table of the unit was cut");
    let refused = unit.cut(&id("visits"), "nobody", &mut Ear::default());
    promise!(refused.is_err(), "a link that is not there was cut");
    unit.cut(&id("visits"), &link, &mut ear)?;
    for name in of_marks {
        unit.cut(&id("marks"), &name, &mut ear)?;
    }
    ear.paired()?;
    promise!(
        ear.statements().iter().all(|said| said.operation == Operation::Cut),
        "a cut is announced as another thing"
    );
    unit.destroy(&[id("pupils")], &mut Ear::default())?;
    unit.commit(&mut Ear::default())?;
    promise!(links(eraser.as_mut(), "visits", "pupils")?.is_empty(), "the link that was cut still stands");
    promise!(links(eraser.as_mut(), "visits", "marks")?.len() == 1, "the link that was not to be cut is gone");
    drop(eraser);
    stage.empty(&location, &setup, &["pupils"])?;
    stage.untouched(&location, &setup, &["pupils"])
}

fn leads_to_itself(stage: &Stage<'_>) -> Told {
    for on_delete in [Action::Cascade, Action::NoAction] {
        let table = TableSetup::new("staff").column("id", Kind::Int).nullable("chief", Kind::Int).key(&["id"]);
        let table = table.link(&["chief"], "staff", &["id"], on_delete);
        let table = table.rows((1..=9).map(|n| {
            let chief = if n == 1 { lastbell_contract::Value::Null } else { int(n / 2) };
            vec![int(n), chief]
        }));
        let setup = Setup::of(vec![table, table_of_pupils("pupils", 3)]);
        let location = stage.fresh(&setup);
        let mut eraser = stage.eraser(&location)?;
        let mut unit = eraser.lock(&request(&["staff"], &["pupils"]))?;
        unit.destroy(&[id("staff")], &mut Ear::default())?;
        unit.commit(&mut Ear::default())?;
        drop(eraser);
        stage.empty(&location, &setup, &["staff"])?;
        stage.untouched(&location, &setup, &["staff"])?;
    }
    Ok(())
}

fn triggers(stage: &Stage<'_>) -> Told {
    let setup =
        Setup::of(vec![table_of_pupils("pupils", 5).trigger("forget_staff", "staff"), table_of_pupils("staff", 5)]);
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let catalog = eraser.catalog()?;
    let fires = catalog.tables.iter().flat_map(|table| &table.triggers).any(|trigger| trigger.fires);
    let mut ear = Ear::default();
    let ended = match eraser.lock(&request(&["pupils"], &["staff"])) {
        Ok(mut unit) => match unit.destroy(&[id("pupils")], &mut ear) {
            Ok(()) => unit.commit(&mut Ear::default()),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    drop(eraser);
    if fires {
        fails_with(ended, ErrorKind::Unsafe, "destroying a table whose trigger would fire")?;
        promise!(ear.heard.is_empty(), "what is refused was announced: {:?}", ear.heard);
        return stage.untouched(&location, &setup, &[]);
    }
    ended?;
    stage.empty(&location, &setup, &["pupils"])?;
    stage.untouched(&location, &setup, &["pupils"])
}

/// A store whose `pupils` are gone, and the eraser that did it.
fn destroyed(stage: &Stage<'_>, setup: &Setup) -> Result<(Location, Box<dyn Eraser>), Ended> {
    let location = stage.fresh(setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit: Box<dyn LockedUnit> = eraser.lock(&request(&["pupils"], &["rooms"]))?;
    unit.destroy(&[id("pupils")], &mut Ear::default())?;
    unit.commit(&mut Ear::default())?;
    Ok((location, eraser))
}

fn scrubs(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let (location, mut eraser) = destroyed(stage, &setup)?;
    let deepest = eraser.reach(Level::L2f, Means::Dedicated)?.level;
    let levels = [Level::L0, Level::L1, Level::L2, Level::L2f].into_iter().filter(|level| *level <= deepest);
    for level in levels {
        let wish = Scrub { level, means: Means::Dedicated, tables: vec![id("pupils")] };
        for time in ["first", "second"] {
            let mut ear = Ear::default();
            let done = eraser.scrub(&wish, &mut ear)?;
            ear.paired()?;
            let said = ear.statements();
            let right = said.iter().all(|one| matches!(one.operation, Operation::Scrub | Operation::Setting));
            promise!(right, "the {time} scrub to {} announces {said:?}", level.word());
            let announced: BTreeSet<&str> = said.iter().map(|one| one.technique.as_str()).collect();
            let told: BTreeSet<&str> = done.techniques.iter().map(String::as_str).collect();
            promise!(announced == told, "the {time} scrub announced {announced:?} and tells {told:?}");
            promise!(
                done.reach.level >= level,
                "the {time} scrub reached {} of {}",
                done.reach.level.word(),
                level.word()
            );
            promise!(level == Level::L0 || !told.is_empty(), "a scrub to {} did nothing", level.word());
        }
    }
    drop(eraser);
    stage.empty(&location, &setup, &["pupils"])?;
    stage.untouched(&location, &setup, &["pupils"])
}

fn scrub_refused(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let (location, mut eraser) = destroyed(stage, &setup)?;
    stage.needs(eraser.reach(Level::L1, Means::Dedicated)?.level >= Level::L1, "it cannot reach L1 here")?;
    let mut ear = Ear::refusing(Moment::Before, Operation::Scrub);
    let wish = Scrub { level: Level::L1, means: Means::Dedicated, tables: vec![id("pupils")] };
    refused_by_witness(eraser.scrub(&wish, &mut ear), "a refused scrub")?;
    promise!(ear.heard.len() == 1, "after a refusal more is announced: {:?}", ear.heard);
    eraser.scrub(&wish, &mut Ear::default())?;
    drop(eraser);
    stage.untouched(&location, &setup, &["pupils"])
}

/// Distinctive, and in one row only.
const LOOKED_FOR: &str = "looked-for-5d1c0f7a";
/// Likewise, in a row that stays.
const KEPT: &str = "kept-5d1c0f7b";

fn scrubbed_files(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().sees_files, "its files cannot be seen")?;
    let mut setup = three_tables();
    setup.tables[0].rows[3][2] = text(LOOKED_FOR);
    setup.tables[2].rows[3][2] = text(KEPT);
    let before = stage.fresh(&setup);
    promise!(in_data_files(stage, &before, LOOKED_FOR)?, "the value is not in the data files to begin with");
    let (location, eraser) = destroyed(stage, &setup)?;
    cleans_files(stage, &setup, &location, eraser)?;
    let location = deleted(stage, &setup)?;
    promise!(in_data_files(stage, &location, LOOKED_FOR)?, "a value that another connection deleted is gone already");
    let eraser = stage.eraser(&location)?;
    cleans_files(stage, &setup, &location, eraser)
}

/// A store whose `pupils` somebody else has emptied, so that no visit knows of it: as after a run that was killed. Where
/// destroying takes the values away by itself, only this shows whether the scrub does anything.
fn deleted(stage: &Stage<'_>, setup: &Setup) -> Result<Location, Ended> {
    let location = stage.fresh(setup);
    let emptied = stage.subject.write_beside(&location, &Change::DeleteAll { table: "pupils".into() });
    promise!(emptied == Written::Done, "nobody held a lock, and another connection was kept out");
    Ok(location)
}

/// After a scrub to L1 the value of `pupils` is in no data file, and the kept one still is.
fn cleans_files(stage: &Stage<'_>, setup: &Setup, location: &Location, mut eraser: Box<dyn Eraser>) -> Told {
    stage.needs(eraser.reach(Level::L1, Means::Dedicated)?.level >= Level::L1, "it cannot reach L1 here")?;
    eraser
        .scrub(&Scrub { level: Level::L1, means: Means::Dedicated, tables: vec![id("pupils")] }, &mut Ear::default())?;
    drop(eraser);
    promise!(!in_data_files(stage, location, LOOKED_FOR)?, "a destroyed value is still in a data file");
    promise!(in_data_files(stage, location, KEPT)?, "a kept value is gone from the data files");
    stage.untouched(location, setup, &["pupils"])
}

fn in_data_files(stage: &Stage<'_>, location: &Location, value: &str) -> Result<bool, Ended> {
    let files = stage.reader(location)?.files()?;
    let data = files.iter().filter(|file| file.role == FileRole::Data);
    for file in data {
        let bytes = std::fs::read(&file.path).map_err(|_| Ended::Broken("a data file cannot be read".to_owned()))?;
        if bytes.windows(value.len()).any(|window| window == value.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tidy(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let before = eraser.catalog()?;
    for _ in 0..2 {
        let mut ear = Ear::default();
        eraser.tidy(&[], &mut ear)?;
        promise!(ear.heard.is_empty(), "tidy on a clean store announces {:?}", ear.heard);
    }
    promise!(eraser.catalog()? == before, "tidy on a clean store changed the catalog");
    drop(eraser);
    stage.untouched(&location, &setup, &[])
}
