//! An export keeps every promise of the contract's suite that a store can keep which nobody can erase: written plainly,
//! and compressed in several members with another delimiter and a word for NULL. The suite notices bugs planted around it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Style, write_table};
use lastbell_contract::{
    Adapter, Batches, Canceller, Capabilities, Catalog, ErasePermit, Eraser, Flow, Kind, Known, Level, Location, Means,
    Reach, Reader, Result, Row, Scan, Snapshot, StoreFile, StoreInfo, TableId, Value, Visit,
};
use lastbell_csv::Csv;
use lastbell_testkit::mutants::BUGS;
use lastbell_testkit::suite::{Verdict, run_some};
use lastbell_testkit::{Bug, Change, Expectations, MutantSubject, Setup, Subject, TableSetup, Written, run};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

type Setups = Arc<Mutex<BTreeMap<String, Setup>>>;

/// A folder per store.
struct Exports {
    folder: TempDir,
    style: Style,
    made: AtomicU64,
    setups: Setups,
    adapter: Typed,
}

impl Exports {
    fn new(style: Style) -> Self {
        let setups = Setups::default();
        let adapter = Typed { setups: Arc::clone(&setups) };
        Self { folder: TempDir::new().unwrap(), style, made: AtomicU64::new(0), setups, adapter }
    }

    fn folder_of(location: &Location) -> PathBuf {
        PathBuf::from(location.rest.split('?').next().unwrap())
    }
}

/// An export holds texts alone; the suite's tables hold numbers, too. Where the setup has a number, the text of exactly
/// that number is given back as one; any other text stays a text, so that the suite sees it.
struct Typed {
    setups: Setups,
}

impl Adapter for Typed {
    fn scheme(&self) -> &'static str {
        Csv.scheme()
    }

    fn open_reader(&self, location: &Location) -> Result<Box<dyn Reader>> {
        let setup = self.setups.lock().unwrap().get(&location.rest).cloned().unwrap_or_default();
        Ok(Box::new(TypedReader { reader: Csv.open_reader(location)?, setup }))
    }

    fn open_eraser(&self, location: &Location, permit: &ErasePermit) -> Result<Box<dyn Eraser>> {
        Csv.open_eraser(location, permit)
    }
}

struct TypedReader {
    reader: Box<dyn Reader>,
    setup: Setup,
}

fn typed(value: Value, kind: Option<Kind>) -> Value {
    let Value::Text(text) = &value else { return value };
    match kind {
        Some(Kind::Int) => {
            text.parse().ok().filter(|number: &i128| number.to_string() == *text).map_or(value, Value::Int)
        }
        _ => value,
    }
}

impl Reader for TypedReader {
    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        let table = self.setup.table(&scan.table.name);
        let kind = |name: &String| {
            let column = table?.columns.iter().find(|column| column.name == *name)?;
            Some(column.kind)
        };
        let kinds: Vec<Option<Kind>> = scan.columns.iter().map(kind).collect();
        let mut batches = Batches::new(scan, visit);
        let mut stopped = None;
        let read = self.reader.scan(scan, &mut |batch| {
            for row in batch.unpacked() {
                let row: Row = row.into_iter().zip(&kinds).map(|(value, kind)| typed(value, *kind)).collect();
                if let Err(error) = batches.push(&row) {
                    stopped = Some(error);
                    return Flow::Stop;
                }
            }
            Flow::Continue
        });
        stopped.map_or(read, Err)?;
        batches.finish()
    }

    fn info(&mut self) -> Result<StoreInfo> {
        self.reader.info()
    }
    fn catalog(&mut self) -> Result<Catalog> {
        self.reader.catalog()
    }
    fn begin(&mut self) -> Result<Snapshot> {
        self.reader.begin()
    }
    fn end(&mut self) -> Result<()> {
        self.reader.end()
    }
    fn count(&mut self, table: &TableId) -> Result<u64> {
        self.reader.count(table)
    }
    fn files(&mut self) -> Result<Vec<StoreFile>> {
        self.reader.files()
    }
    fn reach(&mut self, wanted: Level, means: Means) -> Result<Reach> {
        self.reader.reach(wanted, means)
    }
    fn raise_mark(&mut self, mark: &str) -> Result<()> {
        self.reader.raise_mark(mark)
    }
    fn sees_mark(&mut self, mark: &str) -> Result<Known<bool>> {
        self.reader.sees_mark(mark)
    }
    fn canceller(&mut self) -> Option<Canceller> {
        self.reader.canceller()
    }
}

impl Subject for Exports {
    fn adapter(&self) -> &dyn Adapter {
        &self.adapter
    }

    fn fresh(&self, setup: &Setup) -> Location {
        let folder = self.folder.path().join(format!("export-{}", self.made.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&folder).unwrap();
        setup.tables.iter().for_each(|table| write_table(&folder, table, self.style));
        let rest = format!("{}{}", folder.to_str().unwrap(), self.style.query());
        self.setups.lock().unwrap().insert(rest.clone(), setup.clone());
        Location { scheme: "csv".to_owned(), rest }
    }

    fn absent(&self) -> Location {
        Location { scheme: "csv".to_owned(), rest: self.folder.path().join("nowhere").to_str().unwrap().to_owned() }
    }

    fn write_beside(&self, location: &Location, change: &Change) -> Written {
        let mut setups = self.setups.lock().unwrap();
        let setup = setups.get_mut(&location.rest).unwrap();
        let table: &mut TableSetup = setup.tables.iter_mut().find(|table| table.name == change.table()).unwrap();
        match change {
            Change::Insert { row, .. } => table.rows.push(row.clone()),
            Change::Update { key, set, .. } => {
                let (key_at, set_at) = (table.position(&key.0).unwrap(), table.position(&set.0).unwrap());
                table.rows.iter_mut().filter(|row| row[key_at] == key.1).for_each(|row| row[set_at] = set.1.clone());
            }
            Change::DeleteAll { .. } => table.rows.clear(),
        }
        write_table(&Self::folder_of(location), table, self.style);
        Written::Done
    }

    fn expectations(&self) -> Expectations {
        Expectations {
            kinds: vec![Kind::Text],
            capabilities: Capabilities {
                snapshot_reads: false,
                atomic_units: false,
                rebuilds: false,
                enforces_links: false,
                sees_files: true,
                overwrites_freed: false,
            },
            text_with_nul: true,
            gap_rounds: 0,
        }
    }

    fn erases(&self) -> bool {
        false
    }

    fn keeps_schema(&self) -> bool {
        false
    }

    fn raw_bytes(&self, location: &Location) -> Option<Vec<u8>> {
        let folder = Self::folder_of(location);
        let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        Some(files.iter().flat_map(|path| fs::read(path).unwrap()).collect())
    }
}

/// What an export cannot promise for being a folder of texts that nobody changes.
const NOT_APPLYING: [&str; 9] = [
    "a mark that one visit raises is seen by others to the same store alone, while it stays",
    "the catalog tells primary keys in key order and further unique keys",
    "the catalog tells every link and what a DELETE does",
    "the catalog tells a trigger and makes it an obstacle when it would fire",
    "a connection that breaks in a scan is an error, never an end",
    "a snapshot does not see later writes, and its end lets them be seen",
    "a whole scan sees one moment",
    "hostile values come back byte for byte, through a rebuild too", // all but the rebuild is tried
    "an error tells nothing of a row",                               // tried in reading.rs
];

/// Every promise is kept but those above and what only an eraser can keep.
fn check(style: Style) {
    let report = run(&Exports::new(style));
    report.assert_all();
    let left = report.verdicts.iter().filter_map(|(name, verdict)| match verdict {
        Verdict::DoesNotApply("nothing can be destroyed there") | Verdict::Kept | Verdict::Broken(_) => None,
        Verdict::DoesNotApply(_) => Some(*name),
    });
    assert_eq!(left.collect::<Vec<_>>(), NOT_APPLYING, "{report}");
    let kept = report.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Kept).count();
    assert_eq!(kept, KEPT, "{report}");
}

/// Promises that are tried and kept, of those about stores, catalogs, reading and hostile names.
const KEPT: usize = 22;

#[test]
fn a_plain_export_keeps_every_promise_of_reading() {
    check(Style::Plain);
}

#[test]
fn a_compressed_export_with_words_of_its_own_keeps_every_promise_of_reading() {
    check(Style::Compressed);
}

/// What cannot show: an export has no views, no types and no numbers.
const EXCUSED: [Bug; 3] = [Bug::ForgetsViews, Bug::AllNullable, Bug::IntsThroughFloats];

/// Every bug that can show in a reader is noticed, each by every promise that it is said to break.
#[test]
fn bugs_planted_around_it_are_noticed() {
    let exports = Exports::new(Style::Plain);
    let (mut noticed, mut missed) = (Vec::new(), Vec::new());
    for (bug, promises) in BUGS {
        let report = run_some(&MutantSubject::new(&exports, *bug), promises);
        for (promise, verdict) in report.verdicts {
            match verdict {
                Verdict::Broken(_) => noticed.push(*bug),
                Verdict::Kept if EXCUSED.contains(bug) => {}
                Verdict::Kept => missed.push((*bug, promise)),
                Verdict::DoesNotApply(_) => {}
            }
        }
    }
    noticed.dedup();
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(noticed.len() >= 34, "only {} were noticed: {noticed:?}", noticed.len());
}
