//! Names and values that break out of careless statements, and errors that would tell what stood in a row.

use super::rows::{int, sorted, table_of_pupils, text, three_tables};
use super::stage::{Ear, Stage, locked_rows, read, request};
use super::{Case, Ended, Told, promise};
use crate::setup::{Setup, TableSetup};
use lastbell_contract::{AdapterError, Flow, Kind, Location, Row, Scan, TableId, Value};

pub(super) const CASES: &[Case] = &[
    Case { name: "hostile names of tables and columns are read, rebuilt and destroyed like others", run: names },
    Case { name: "hostile values come back byte for byte, through a rebuild too", run: hostile_values },
    Case { name: "an error tells nothing of a row", run: silent_errors },
];

/// Each is a valid quoted name of at most 63 bytes (PostgreSQL's limit), distinct also without regard to case.
const NAMES: [&str; 13] = [
    "\"; DROP TABLE rooms; --",
    "'; DROP TABLE rooms; --",
    "`rooms`; --",
    "a \"quoted\" one",
    "tick`tick",
    "back\\slash",
    "two  spaces and a dot.dot",
    "Ученики",
    "№ 5 ?1 $1 :x @y",
    "1st",
    "select",
    "%s{0}",
    "sixty_three_bytes_sixty_three_bytes_sixty_three_bytes_sixty_thr",
];

fn hostile_table(name: &str) -> TableSetup {
    let mut table = TableSetup::new(name).column("id", Kind::Int).key(&["id"]);
    for column in NAMES {
        table = table.nullable(column, Kind::Int);
    }
    let cells = |row: i128| (0..NAMES.len() as i128).map(move |column| int(row * 100 + column));
    table.rows((1..=3).map(|row| std::iter::once(int(row)).chain(cells(row)).collect()))
}

fn hostile_store() -> Setup {
    let mut setup = three_tables();
    setup.tables.extend(NAMES.map(hostile_table));
    setup
}

fn names(stage: &Stage<'_>) -> Told {
    let setup = hostile_store();
    let location = stage.fresh(&setup);
    let catalog = stage.reader(&location)?.catalog()?;
    for name in NAMES {
        let told = catalog.table(&TableId::plain(name));
        let Some(told) = told else { return Err(Ended::Broken(format!("`{name}` is not in the catalog"))) };
        promise!(told.column_names() == hostile_table(name).column_names(), "columns of `{name}` are told otherwise");
        let counted = stage.reader(&location)?.count(&told.id)?;
        promise!(counted == 3, "`{name}` has 3 rows and counts {counted}");
    }
    stage.untouched(&location, &setup, &[])?;
    sampled(stage, &location)?;
    if !stage.subject.erases() {
        return Ok(());
    }
    erase_hostile(stage, &location, &setup)
}

fn sampled(stage: &Stage<'_>, location: &Location) -> Told {
    let mut reader = stage.reader(location)?;
    for name in NAMES {
        let table = hostile_table(name);
        let whole = Scan::whole(&TableId::plain(name), &table.column_names());
        let scan = Scan { sample: Some((1, 3)), ..whole };
        let rows = read(&mut |scan, visit| reader.scan(scan, visit), &scan)?;
        promise!(rows.iter().all(|row| table.rows.contains(row)), "a sample of `{name}` gives other rows");
    }
    Ok(())
}

/// Rebuilds every hostile table (one row stays), destroys every second one; the plain tables are watched.
fn erase_hostile(stage: &Stage<'_>, location: &Location, setup: &Setup) -> Told {
    let mut eraser = stage.eraser(location)?;
    let mut unit = eraser.lock(&request(&NAMES, &["pupils", "staff", "rooms"]))?;
    for (number, name) in NAMES.iter().enumerate() {
        let table = TableId::plain(name);
        if stage.can().rebuilds {
            let mut keep = |row: Row| (row[0] == int(2)).then_some(row);
            let kept = unit.rebuild(&table, &mut keep, &mut Ear::default())?;
            promise!(kept == 1, "a rebuild of `{name}` kept {kept} rows, not 1");
        }
        if number % 2 == 0 {
            unit.destroy(std::slice::from_ref(&table), &mut Ear::default())?;
        }
    }
    unit.commit(&mut Ear::default())?;
    drop(eraser);
    stage.untouched(location, setup, &NAMES)?;
    for (number, name) in NAMES.iter().enumerate() {
        let table = hostile_table(name);
        let left = stage.rows(location, &table)?;
        let expected = match (number % 2, stage.can().rebuilds) {
            (0, _) => Vec::new(),
            (_, true) => vec![table.rows[1].clone()],
            (_, false) => table.rows,
        };
        promise!(sorted(&left) == sorted(&expected), "`{name}` has {} rows in the end", left.len());
    }
    Ok(())
}

fn values_table(stage: &Stage<'_>) -> TableSetup {
    let mut cells = vec![
        Value::Null,
        text(""),
        text(" "),
        text("NULL"),
        text("🔔𝕊💥"),
        text("\u{FEFF}\u{202E}\u{200B}"),
        text("line\r\nline\ttab\u{1}\u{7f}"),
        text("'); DROP TABLE rooms; --"),
        text("\\x00\\N\\."),
        text(&"ы".repeat(512 * 1024)),
    ];
    if stage.subject.expectations().text_with_nul {
        cells.extend([text("a\0b"), text("\0"), text("a\0"), text("a\0c")]);
    }
    let table = TableSetup::new("cells").column("id", Kind::Int).nullable("cell", Kind::Text);
    let table = table.nullable("big", Kind::Int).key(&["id"]);
    let extremes = [i128::from(i64::MIN), i128::from(i64::MAX), 0, -1];
    table.rows(
        cells.into_iter().zip(0..).map(|(cell, number)| vec![int(number), cell, int(extremes[number as usize % 4])]),
    )
}

fn hostile_values(stage: &Stage<'_>) -> Told {
    let table = values_table(stage);
    let location = stage.fresh(&Setup::of(vec![table.clone()]));
    let read = stage.rows(&location, &table)?;
    promise!(sorted(&read) == sorted(&table.rows), "a reader gives other values than were written");
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["cells"], &[]))?;
    unit.rebuild(&TableId::plain("cells"), &mut |row| Some(row), &mut Ear::default())?;
    let inside = locked_rows(unit.as_mut(), &table)?;
    promise!(sorted(&inside) == sorted(&table.rows), "a rebuild that keeps all rows changes values");
    unit.commit(&mut Ear::default())?;
    drop(eraser);
    let after = stage.rows(&location, &table)?;
    promise!(sorted(&after) == sorted(&table.rows), "after a rebuild that keeps all rows a reader gives others");
    Ok(())
}

/// Stands in every cell of the rows that are made to fail. Invented; nobody is called that.
const MARKER: &str = "Несуществующева-7F3A";

fn says_nothing(error: &AdapterError, what: &str) -> Told {
    for shown in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
        for part in [MARKER, "7F3A", "Несуществующева"] {
            promise!(!shown.contains(part), "{what}: the error tells what stood in the row");
        }
    }
    Ok(())
}

fn silent_errors(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().rebuilds, "it does not rebuild")?;
    let marked = |number: u32| vec![text(&format!("{MARKER}-{number}")), text(MARKER)];
    let table = TableSetup::new("people").column("name", Kind::Text).column("note", Kind::Text);
    let table = table.key(&["name"]).rows((0..5).map(marked));
    let twins = |row: Row| Some(vec![text(MARKER), row[1].clone()]);
    let holes = |row: Row| Some(vec![row[0].clone(), Value::Null]);
    let narrow = |row: Row| Some(row[..1].to_vec());
    for (what, rewrite) in [
        ("a duplicate key", &twins as &dyn Fn(Row) -> Option<Row>),
        ("a NULL where none may be", &holes),
        ("a row that is too short", &narrow),
    ] {
        let setup = Setup::of(vec![table.clone()]);
        let location = stage.fresh(&setup);
        let mut eraser = stage.eraser(&location)?;
        let mut unit = eraser.lock(&request(&["people"], &[]))?;
        let ended = unit.rebuild(&TableId::plain("people"), &mut |row| rewrite(row), &mut Ear::default());
        drop(unit);
        drop(eraser);
        let Err(error) = ended else { return Err(Ended::Broken(format!("a rebuild into {what} succeeded"))) };
        says_nothing(&error, what)?;
        stage.untouched(&location, &setup, &[])?;
    }
    silent_about_addresses(stage)
}

/// An unknown column whose name was made from a value, and an address with a secret in it.
fn silent_about_addresses(stage: &Stage<'_>) -> Told {
    let nowhere = stage.subject.absent();
    let secret = Location { scheme: nowhere.scheme, rest: format!("{}-{MARKER}", nowhere.rest) };
    let opened = stage.reader(&secret).err().map_or(Ok(()), |error| says_nothing(&error, "opening"));
    opened?;
    let location = stage.fresh(&Setup::of(vec![table_of_pupils("pupils", 1)]));
    let scan = Scan::whole(&TableId::plain("pupils"), &[MARKER.to_owned()]);
    let scanned = stage.reader(&location)?.scan(&scan, &mut |_| Flow::Continue);
    scanned.err().map_or(Ok(()), |error| says_nothing(&error, "an unknown column"))
}
