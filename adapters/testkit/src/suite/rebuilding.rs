//! Writing a table anew: the rewrite sees every row once, what it gives back stands there, and the table is as it was.

use super::rows::{int, pupil, pupils_and_marks, sorted, table_of_pupils, text};
use super::stage::{Ear, Stage, fails_with, locked_rows, request};
use super::{Case, Ended, Told, promise};
use crate::setup::{Setup, TableSetup};
use lastbell_contract::{Action, Counted, ErrorKind, Kind, Operation, Row, Table, TableId, Value};

pub(super) const CASES: &[Case] = &[
    Case { name: "a rebuild shows every row once and keeps those it is told to", run: keeps_part },
    Case { name: "a rebuild writes the values that it is given", run: replaces },
    Case { name: "a rebuild to nothing leaves an empty table", run: keeps_nothing },
    Case { name: "a rebuild leaves columns, keys, links and indexes as they were", run: keeps_shape },
    Case { name: "a rebuild of a table without a key keeps equal rows apart", run: without_key },
    Case { name: "a rebuild changes no other table, and rows that lead to kept rows still do", run: neighbours },
    Case { name: "a rebuild of a table whose trigger would fire is refused as Unsafe", run: triggers },
    Case { name: "a rebuild announces Before and After of its table", run: announces },
    Case { name: "a rebuild and a destroy of one table may follow each other", run: twice },
];

type Change<'a> = &'a dyn Fn(Row) -> Option<Row>;

/// Rebuilds one table and commits; checks what the rewrite saw, what was counted, what a new reader sees.
fn rebuild(stage: &Stage<'_>, setup: &Setup, name: &str, change: Change<'_>) -> Result<Vec<Row>, Ended> {
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    let table = setup.table(name).ok_or(Ended::DoesNotApply("no such table"))?;
    let expected: Vec<Row> = table.rows.iter().cloned().filter_map(change).collect();
    let location = stage.fresh(setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&[name], &[]))?;
    let mut shown = Vec::new();
    let mut rewrite = |row: Row| {
        shown.push(row.clone());
        change(row)
    };
    let kept = unit.rebuild(&TableId::plain(name), &mut rewrite, &mut Ear::default())?;
    promise!(
        sorted(&shown) == sorted(&table.rows),
        "the rewrite was shown {} rows of {}",
        shown.len(),
        table.rows.len()
    );
    promise!(kept == expected.len() as u64, "says it kept {kept} rows, not {}", expected.len());
    let inside = locked_rows(unit.as_mut(), table)?;
    promise!(sorted(&inside) == sorted(&expected), "under lock, {} rows or others", inside.len());
    let counted = unit.count(&TableId::plain(name))?;
    promise!(counted == Counted { by_scan: kept, by_count: kept }, "the two counts say {counted:?}, not {kept}");
    unit.commit(&mut Ear::default())?;
    drop(eraser);
    let after = stage.rows(&location, table)?;
    promise!(sorted(&after) == sorted(&expected), "after the commit, {} rows or others", after.len());
    stage.untouched(&location, setup, &[name])?;
    Ok(after)
}

fn id_of(row: &Row) -> i128 {
    match row.first() {
        Some(Value::Int(number)) => *number,
        Some(_) | None => -1,
    }
}

fn pupils() -> Setup {
    Setup::of(vec![table_of_pupils("pupils", 2000), table_of_pupils("rooms", 10)])
}

fn keeps_part(stage: &Stage<'_>) -> Told {
    let kept = rebuild(stage, &pupils(), "pupils", &|row| (id_of(&row) % 10 == 0).then_some(row))?;
    promise!(kept.len() == 200, "a tenth of 2000 rows was to stay, {} did", kept.len());
    Ok(())
}

fn replaces(stage: &Stage<'_>) -> Told {
    let anonymous = |row: Row| Some(vec![row[0].clone(), text(&format!("№{}", id_of(&row) * 7)), Value::Null]);
    let written = rebuild(stage, &pupils(), "pupils", &anonymous)?;
    promise!(written.iter().all(|row| row[2].is_null()), "a NULL that was given back is not there");
    // New values may repeat old ones of other rows, keys too: the rows come from the rewrite alone.
    rebuild(stage, &pupils(), "pupils", &|row| Some(vec![int(2001 - id_of(&row)), row[1].clone(), text("")])).map(drop)
}

fn keeps_nothing(stage: &Stage<'_>) -> Told {
    let left = rebuild(stage, &pupils(), "pupils", &|_| None)?;
    promise!(left.is_empty(), "{} rows are left", left.len());
    rebuild(stage, &Setup::of(vec![table_of_pupils("nobody", 0)]), "nobody", &Some).map(drop)
}

/// What a rebuild must not change; estimates and the definition's own text may.
fn shape(table: &Table) -> Table {
    let mut shape = Table { rows_estimate: None, definition: None, ..table.clone() };
    shape.indexes.sort_by(|one, other| one.name.cmp(&other.name));
    shape
}

fn keeps_shape(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    let parent = table_of_pupils("pupils", 9).unique(&["name"]);
    let child = TableSetup::new("marks").column("id", Kind::Int).nullable("pupil_id", Kind::Int).key(&["id"]);
    let child = child.unique(&["pupil_id", "id"]).link(&["pupil_id"], "pupils", &["id"], Action::NoAction);
    let child = child.rows((1..10).map(|number| vec![int(number), int(number)]));
    let location = stage.fresh(&Setup::of(vec![parent, child]).view("all_pupils", "pupils"));
    let mut eraser = stage.eraser(&location)?;
    let before = eraser.catalog()?;
    let mut unit = eraser.lock(&request(&["pupils", "marks"], &[]))?;
    unit.rebuild(&TableId::plain("marks"), &mut |row| (id_of(&row) < 5).then_some(row), &mut Ear::default())?;
    unit.rebuild(&TableId::plain("pupils"), &mut |row| (id_of(&row) < 7).then_some(row), &mut Ear::default())?;
    unit.commit(&mut Ear::default())?;
    drop(eraser);
    let after = stage.reader(&location)?.catalog()?;
    promise!(after.views == before.views, "a rebuild changed the views");
    promise!(after.tables.len() == before.tables.len(), "{} tables after a rebuild", after.tables.len());
    for (one, other) in before.tables.iter().zip(&after.tables) {
        promise!(shape(one) == shape(other), "a rebuild changed the shape of `{}`", one.id);
    }
    promise!(stage.insert(&location, "pupils", pupil(7)) == crate::setup::Written::Done, "the table cannot be written");
    Ok(())
}

fn without_key(stage: &Stage<'_>) -> Told {
    let table = TableSetup::new("log").column("number", Kind::Int).nullable("line", Kind::Text);
    let table = table.rows((0..40).map(|number| vec![int(number % 4), Value::Null]));
    let left = rebuild(stage, &Setup::of(vec![table]), "log", &|row| (id_of(&row) != 3).then_some(row))?;
    promise!(left.len() == 30, "of 40 rows, 30 were to stay, {} did", left.len());
    Ok(())
}

fn neighbours(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    for on_delete in [Action::Cascade, Action::SetNull, Action::NoAction] {
        let setup = pupils_and_marks(on_delete);
        let location = stage.fresh(&setup);
        let mut eraser = stage.eraser(&location)?;
        let mut unit = eraser.lock(&request(&["pupils"], &["marks"]))?;
        let anonymous = |row: Row| Some(vec![row[0].clone(), text("nobody"), Value::Null]);
        unit.rebuild(&TableId::plain("pupils"), &mut { anonymous }, &mut Ear::default())?;
        unit.commit(&mut Ear::default())?;
        drop(eraser);
        stage.untouched(&location, &setup, &["pupils"])?;
        let written = stage.rows(&location, &setup.tables[0])?;
        let right = written.len() == 5 && written.iter().all(|row| row[1] == text("nobody"));
        promise!(right, "{on_delete:?}: the parent was not written anew");
    }
    Ok(())
}

fn triggers(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    let pupils = table_of_pupils("pupils", 5).trigger("forget_staff", "staff");
    let setup = Setup::of(vec![pupils, table_of_pupils("staff", 5)]);
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let catalog = eraser.catalog()?;
    if !catalog.tables.iter().flat_map(|table| &table.triggers).any(|trigger| trigger.fires) {
        return Err(Ended::DoesNotApply("its way of rebuilding fires no trigger"));
    }
    let ended = match eraser.lock(&request(&["pupils"], &["staff"])) {
        Ok(mut unit) => unit.rebuild(&TableId::plain("pupils"), &mut |_| None, &mut Ear::default()).map(drop),
        Err(error) => Err(error),
    };
    fails_with(ended, ErrorKind::Unsafe, "rebuilding a table whose trigger would fire")?;
    drop(eraser);
    stage.untouched(&location, &setup, &[])
}

fn announces(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    let location = stage.fresh(&pupils());
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils"], &["rooms"]))?;
    let mut ear = Ear::default();
    unit.rebuild(&TableId::plain("pupils"), &mut |_| None, &mut ear)?;
    ear.paired()?;
    let said = ear.statements();
    promise!(!said.is_empty(), "a rebuild announces nothing");
    for one in said {
        let right = one.operation == Operation::Rebuild && one.table == Some(TableId::plain("pupils"));
        promise!(right && !one.technique.is_empty(), "a rebuild announces {one:?}");
    }
    Ok(())
}

fn twice(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    let setup = pupils();
    let location = stage.fresh(&setup);
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils"], &["rooms"]))?;
    let pupils = TableId::plain("pupils");
    unit.rebuild(&pupils, &mut |row| (id_of(&row) % 2 == 0).then_some(row), &mut Ear::default())?;
    let kept = unit.rebuild(&pupils, &mut |row| (id_of(&row) % 3 == 0).then_some(row), &mut Ear::default())?;
    promise!(kept == 333, "a rebuild of a rebuilt table kept {kept} rows, not 333");
    unit.destroy(std::slice::from_ref(&pupils), &mut Ear::default())?;
    let kept = unit.rebuild(&pupils, &mut |row| Some(row), &mut Ear::default())?;
    promise!(kept == 0, "a rebuild of a destroyed table kept {kept} rows");
    unit.commit(&mut Ear::default())?;
    drop(eraser);
    stage.empty(&location, &setup, &["pupils"])?;
    stage.untouched(&location, &setup, &["pupils"])
}
