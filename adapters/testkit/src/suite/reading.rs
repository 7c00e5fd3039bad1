//! Scans, samples, counts and snapshots: every row once, half a table never looks whole, and nothing is changed.

use super::rows::{int, pupil, sorted, table_of_pupils, text, three_tables, values};
use super::stage::{Stage, fails_with, read, request, whole};
use super::{Case, Ended, Told, promise};
use crate::setup::{Change, Setup, TableSetup, Written};
use lastbell_contract::{ErrorKind, Flow, Kind, Level, Location, Means, Reader, Row, Scan, TableId, Value};
use std::collections::BTreeSet;

pub(super) const CASES: &[Case] = &[
    Case { name: "a scan gives every row exactly once, in batches of any size", run: every_row_once },
    Case { name: "a scan gives the values that were written, of every kind", run: every_value },
    Case { name: "a scan gives the columns that were asked for, in that order", run: asked_columns },
    Case { name: "a scan of an empty table hands over no row", run: empty_table },
    Case { name: "a table without a key gives equal rows as often as they stand there", run: without_key },
    Case { name: "composite keys, text keys and NULL in unique keys lose no row", run: odd_keys },
    Case { name: "a visitor's stop ends a scan as Stopped, and it is not asked again", run: stop },
    Case { name: "a cancelled scan ends as Stopped, and the visit goes on", run: cancelled },
    Case { name: "a connection that breaks in a scan is an error, never an end", run: cut },
    Case { name: "an unknown table or column is NotFound", run: unknown_names },
    Case { name: "a sample depends on the seed alone, keeps to its size and takes small tables whole", run: sample },
    Case { name: "a count equals a scan", run: count },
    Case { name: "a snapshot does not see later writes, and its end lets them be seen", run: snapshot },
    Case { name: "a whole scan sees one moment", run: one_moment },
    Case { name: "a reader changes nothing", run: changes_nothing },
];

/// Reads a table by a new reader and by a locked unit: both make the same promises.
fn both_ways(stage: &Stage<'_>, location: &Location, scan: &Scan, check: &dyn Fn(Vec<Row>, &str) -> Told) -> Told {
    let mut reader = stage.reader(location)?;
    check(read(&mut |scan, visit| reader.scan(scan, visit), scan)?, "a reader")?;
    drop(reader);
    if !stage.subject.erases() {
        return Ok(());
    }
    let mut eraser = stage.eraser(location)?;
    let mut unit = eraser.lock(&request(&[&scan.table.name], &[]))?;
    check(read(&mut |scan, visit| unit.scan(scan, visit), scan)?, "a locked unit")
}

fn every_row_once(stage: &Stage<'_>) -> Told {
    let setup = table_of_pupils("pupils", 2500);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    for batch_rows in [1, 2, 7, 1000, 2500, usize::MAX] {
        let scan = Scan { batch_rows, ..Scan::whole(&TableId::plain("pupils"), &setup.column_names()) };
        both_ways(stage, &location, &scan, &|rows, who| {
            promise!(
                sorted(&rows) == sorted(&setup.rows),
                "{who} in batches of {batch_rows} gave {} rows of 2500, or others",
                rows.len()
            );
            Ok(())
        })?;
    }
    Ok(())
}

fn every_value(stage: &Stage<'_>) -> Told {
    for kind in stage.subject.expectations().kinds {
        let table = TableSetup::new("cells").column("id", Kind::Int).nullable("cell", kind).key(&["id"]);
        let cells = std::iter::once(Value::Null).chain(values(kind));
        let table = table.rows(cells.zip(1..).map(|(value, number)| vec![int(number), value]));
        let location = stage.fresh(&Setup::of(vec![table.clone()]));
        let scan = Scan::whole(&TableId::plain("cells"), &table.column_names());
        both_ways(stage, &location, &scan, &|rows, who| {
            let changed = table.rows.iter().filter(|row| !rows.contains(row)).count();
            promise!(changed == 0, "{who} gave {changed} of {} {kind:?} values otherwise", table.rows.len());
            promise!(rows.len() == table.rows.len(), "{who} gave {} rows of {kind:?}", rows.len());
            Ok(())
        })?;
    }
    Ok(())
}

fn asked_columns(stage: &Stage<'_>) -> Told {
    let setup = table_of_pupils("pupils", 30);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    for columns in [&["remark", "id"][..], &["name"], &["name", "remark", "id"], &["id", "id"]] {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let pick =
            |row: &Row| columns.iter().filter_map(|name| setup.position(name)).map(|at| row[at].clone()).collect();
        let expected: Vec<Row> = setup.rows.iter().map(pick).collect();
        let scan = Scan::whole(&TableId::plain("pupils"), &columns);
        both_ways(stage, &location, &scan, &|rows, who| {
            promise!(sorted(&rows) == sorted(&expected), "{who} asked for {columns:?} gave others");
            Ok(())
        })?;
    }
    Ok(())
}

fn empty_table(stage: &Stage<'_>) -> Told {
    let setup = table_of_pupils("pupils", 0);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    for sample in [None, Some((10, 1))] {
        let scan = Scan { sample, ..Scan::whole(&TableId::plain("pupils"), &setup.column_names()) };
        both_ways(stage, &location, &scan, &|rows, who| {
            promise!(rows.is_empty(), "{who} gave {} rows of an empty table", rows.len());
            Ok(())
        })?;
    }
    Ok(())
}

fn without_key(stage: &Stage<'_>) -> Told {
    let row = |number: i128| vec![int(number % 4), text("same")];
    let table = TableSetup::new("log").column("number", Kind::Int).nullable("line", Kind::Text);
    let table = table.rows((0..40).map(row)).rows((0..3).map(|_| vec![int(9), Value::Null]));
    let location = stage.fresh(&Setup::of(vec![table.clone()]));
    let scan = Scan { batch_rows: 3, ..Scan::whole(&TableId::plain("log"), &table.column_names()) };
    both_ways(stage, &location, &scan, &|rows, who| {
        promise!(sorted(&rows) == sorted(&table.rows), "{who} gave {} rows of 43, or others", rows.len());
        Ok(())
    })
}

fn odd_keys(stage: &Stage<'_>) -> Told {
    let composite = TableSetup::new("lessons").column("hour", Kind::Int).column("room", Kind::Text);
    let composite = composite.column("day", Kind::Int).key(&["room", "day"]);
    let composite = composite.rows((0..60).map(|n| vec![int(n), text(&format!("№{}", n % 6)), int(n / 6)]));
    let words = ["a", "A", "a ", " a", "", "ё", "Ё", "е", "a\u{301}", "á", "%", "_", "0", "00", "'"];
    let textual = TableSetup::new("words").column("word", Kind::Text).column("number", Kind::Int).key(&["word"]);
    let textual = textual.rows(words.iter().zip(1..).map(|(word, number)| vec![text(word), int(number)]));
    let unique = TableSetup::new("codes").nullable("code", Kind::Int).column("number", Kind::Int).unique(&["code"]);
    let unique = unique.rows((0..20).map(|n| vec![if n % 2 == 0 { Value::Null } else { int(n) }, int(n)]));
    let setup = Setup::of(vec![composite, textual, unique]);
    let location = stage.fresh(&setup);
    for table in &setup.tables {
        let scan = Scan { batch_rows: 4, ..Scan::whole(&TableId::plain(&table.name), &table.column_names()) };
        both_ways(stage, &location, &scan, &|rows, who| {
            promise!(sorted(&rows) == sorted(&table.rows), "{who} of `{}` gave {} rows", table.name, rows.len());
            Ok(())
        })?;
    }
    Ok(())
}

/// More than what a server sends ahead and a client keeps: a cancelled statement may not end well by what is on its way.
fn cancelled(stage: &Stage<'_>) -> Told {
    let table = TableSetup::new("notes").column("id", Kind::Int).column("note", Kind::Text).key(&["id"]);
    let setup = table.rows((1..=6000).map(|n| vec![int(n), text(&"заметка ".repeat(130))]));
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    let mut reader = stage.reader(&location)?;
    let Some(cancel) = reader.canceller() else {
        return Err(Ended::DoesNotApply("no statement can be ended"));
    };
    let scan = Scan { batch_rows: 10, ..Scan::whole(&TableId::plain("notes"), &setup.column_names()) };
    let mut batches = 0;
    let ended = reader.scan(&scan, &mut |_| {
        batches += 1;
        if batches == 1 {
            cancel();
        }
        Flow::Continue
    });
    fails_with(ended, ErrorKind::Stopped, "a cancelled scan")?;
    promise!(batches < 600, "every row came after the scan was cancelled");
    let rows = reader.count(&TableId::plain("notes"))?;
    promise!(rows == 6000, "after a cancelled scan the visit counts {rows} rows");
    Ok(())
}

fn stop(stage: &Stage<'_>) -> Told {
    let setup = table_of_pupils("pupils", 10);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    let scan = Scan { batch_rows: 5, ..Scan::whole(&TableId::plain("pupils"), &setup.column_names()) };
    // Stopping at the last batch, too: the visitor did not want it all, so it does not look whole.
    for stop_at in [1, 2] {
        let mut asked = 0;
        let mut visit = |_| {
            asked += 1;
            if asked >= stop_at { Flow::Stop } else { Flow::Continue }
        };
        let ended = stage.reader(&location)?.scan(&scan, &mut visit);
        fails_with(ended, ErrorKind::Stopped, &format!("a scan stopped at batch {stop_at}"))?;
        promise!(asked == stop_at, "stopped at batch {stop_at}, the visitor was asked {asked} times");
    }
    if !stage.subject.erases() {
        return Ok(());
    }
    let mut eraser = stage.eraser(&location)?;
    let mut unit = eraser.lock(&request(&["pupils"], &[]))?;
    fails_with(unit.scan(&scan, &mut |_| Flow::Stop), ErrorKind::Stopped, "a stopped scan under lock")?;
    let again = whole(&mut |scan, visit| unit.scan(scan, visit), &setup)?;
    promise!(sorted(&again) == sorted(&setup.rows), "after a stopped scan the next one is not whole");
    Ok(())
}

fn cut(stage: &Stage<'_>) -> Told {
    let setup = table_of_pupils("pupils", 10);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    let scan = Scan { batch_rows: 5, ..Scan::whole(&TableId::plain("pupils"), &setup.column_names()) };
    for after in [0, 1, 2] {
        stage.needs(stage.subject.cut_next_scan(&location, after), "its connections cannot be cut from here")?;
        let mut batches = 0;
        let ended = stage.reader(&location)?.scan(&scan, &mut |_| {
            batches += 1;
            Flow::Continue
        });
        fails_with(ended, ErrorKind::Unreachable, &format!("a scan cut after {after} batches"))?;
        promise!(batches <= after, "a scan cut after {after} batches handed over {batches}");
    }
    Ok(())
}

fn unknown_names(stage: &Stage<'_>) -> Told {
    let location = stage.fresh(&three_tables());
    let mut reader = stage.reader(&location)?;
    let names = ["nobody", "PUPILS x", "pupils; DROP TABLE pupils", ""];
    for name in names {
        let table = TableId::plain(name);
        let scan = Scan::whole(&table, &["id".to_owned()]);
        fails_with(reader.scan(&scan, &mut |_| Flow::Continue), ErrorKind::NotFound, "a scan of an unknown table")?;
        fails_with(reader.count(&table), ErrorKind::NotFound, "a count of an unknown table")?;
    }
    // SQLite takes an unknown name in double quotes for a text, and gives it back in every row.
    for column in ["nothing", "id, name", "\"id\"", ""] {
        let scan = Scan::whole(&TableId::plain("pupils"), &["id".to_owned(), column.to_owned()]);
        fails_with(reader.scan(&scan, &mut |_| Flow::Continue), ErrorKind::NotFound, "a scan of an unknown column")?;
    }
    drop(reader);
    stage.untouched(&location, &three_tables(), &[])
}

fn sample(stage: &Stage<'_>) -> Told {
    let setup = table_of_pupils("pupils", 5000);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    let mut reader = stage.reader(&location)?;
    let mut take = |size: u64, seed: u64| {
        let scan = Scan { sample: Some((size, seed)), ..Scan::whole(&TableId::plain("pupils"), &setup.column_names()) };
        read(&mut |scan, visit| reader.scan(scan, visit), &scan)
    };
    let known: BTreeSet<_> = sorted(&setup.rows).into_iter().collect();
    let mut different = BTreeSet::new();
    for seed in 0..6 {
        let rows = take(500, seed)?;
        let keys = sorted(&rows);
        promise!((100..=1000).contains(&rows.len()), "about 500 rows were wanted, {} came", rows.len());
        promise!(keys.iter().all(|row| known.contains(row)), "a sampled row does not stand in the table");
        promise!(keys.iter().collect::<BTreeSet<_>>().len() == keys.len(), "a sample gives a row twice");
        promise!(keys == sorted(&take(500, seed)?), "the same seed gave other rows");
        different.insert(keys);
    }
    promise!(different.len() > 1, "six seeds gave the same rows");
    for size in [5000, 5001, u64::MAX >> 1] {
        promise!(take(size, 1)?.len() == 5000, "a table of at most {size} rows did not come whole");
    }
    Ok(())
}

fn count(stage: &Stage<'_>) -> Told {
    let setup = Setup::of(vec![
        table_of_pupils("pupils", 1234),
        table_of_pupils("nobody", 0),
        TableSetup::new("nulls").nullable("only", Kind::Int).rows((0..17).map(|_| vec![Value::Null])),
    ]);
    let location = stage.fresh(&setup);
    for table in &setup.tables {
        let id = TableId::plain(&table.name);
        let counted = stage.reader(&location)?.count(&id)?;
        promise!(counted == table.rows.len() as u64, "`{id}` has {} rows and counts {counted}", table.rows.len());
        if !stage.subject.erases() {
            continue;
        }
        let mut eraser = stage.eraser(&location)?;
        let both = eraser.lock(&request(&[&table.name], &[]))?.count(&id)?;
        let right = both.by_count == counted && both.by_scan == counted;
        promise!(right, "`{id}` has {counted} rows and counts {both:?} under lock");
    }
    Ok(())
}

fn snapshot(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().snapshot_reads, "it has no snapshots")?;
    let setup = table_of_pupils("pupils", 30);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    let mut reader = stage.reader(&location)?;
    reader.end()?;
    let opened = reader.begin()?;
    promise!(!opened.id.is_empty(), "the snapshot has no name");
    let rows = |reader: &mut dyn Reader| whole(&mut |scan, visit| reader.scan(scan, visit), &setup);
    promise!(sorted(&rows(reader.as_mut())?) == sorted(&setup.rows), "the snapshot misses rows");
    // An engine may keep the writer out instead: then there is nothing later to be seen.
    let written = stage.insert(&location, "pupils", pupil(1000));
    let renamed =
        Change::Update { table: "pupils".into(), key: ("id".into(), int(1)), set: ("name".into(), text("x")) };
    let changed = stage.subject.write_beside(&location, &renamed);
    promise!(sorted(&rows(reader.as_mut())?) == sorted(&setup.rows), "the snapshot sees a later write");
    promise!(reader.count(&TableId::plain("pupils"))? == 30, "a count in the snapshot sees a later write");
    reader.end()?;
    let later = rows(reader.as_mut())?;
    let expected = 30 + usize::from(written == Written::Done);
    promise!(later.len() == expected, "after the snapshot's end {} rows are seen, not {expected}", later.len());
    let seen = later.iter().any(|row| row[1] == text("x"));
    promise!(seen == (changed == Written::Done), "after the snapshot's end a changed row is not seen as written");
    Ok(())
}

fn one_moment(stage: &Stage<'_>) -> Told {
    stage.needs(stage.can().snapshot_reads, "it has no snapshots")?;
    let setup = table_of_pupils("pupils", 50);
    let location = stage.fresh(&Setup::of(vec![setup.clone()]));
    let scan = Scan { batch_rows: 10, ..Scan::whole(&TableId::plain("pupils"), &setup.column_names()) };
    let mut reader = stage.reader(&location)?;
    reader.begin()?;
    let (mut rows, mut next) = (Vec::new(), 1000);
    reader.scan(&scan, &mut |batch| {
        rows.extend(batch.unpacked());
        stage.insert(&location, "pupils", pupil(next));
        next += 1;
        Flow::Continue
    })?;
    promise!(sorted(&rows) == sorted(&setup.rows), "rows written during a scan are seen by it");
    Ok(())
}

fn changes_nothing(stage: &Stage<'_>) -> Told {
    let setup = three_tables();
    let location = stage.fresh(&setup);
    let before = stage.subject.raw_bytes(&location);
    full_visit(stage, &location, &setup)?;
    promise!(stage.subject.raw_bytes(&location) == before, "the store's bytes changed under a reader");
    stage.untouched(&location, &setup, &[])
}

/// Everything that a reader can be asked, once, and an end in the middle of a scan.
fn full_visit(stage: &Stage<'_>, location: &Location, setup: &Setup) -> Result<(), Ended> {
    let mut reader = stage.reader(location)?;
    reader.info()?;
    let catalog = reader.catalog()?;
    if stage.can().snapshot_reads {
        reader.begin()?;
    }
    for table in &catalog.tables {
        let scan = Scan { sample: Some((5, 7)), ..Scan::whole(&table.id, &table.column_names()) };
        read(&mut |scan, visit| reader.scan(scan, visit), &Scan { sample: None, ..scan.clone() })?;
        let _sampled: u64 = reader.scan(&scan, &mut |_| Flow::Continue)?;
        reader.count(&table.id)?;
    }
    if stage.can().sees_files {
        reader.files()?;
    }
    reader.reach(Level::L2f, Means::Dedicated)?;
    let first = &setup.tables[0];
    let scan = Scan { batch_rows: 1, ..Scan::whole(&TableId::plain(&first.name), &first.column_names()) };
    fails_with(reader.scan(&scan, &mut |_| Flow::Stop), ErrorKind::Stopped, "a stopped scan")?;
    Ok(reader.end()?)
}
