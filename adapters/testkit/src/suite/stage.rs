//! What the cases stand on: opening visits, reading a table whole, locking a unit, writing down announcements.

use super::rows::sorted;
use super::{Ended, Subject, promise};
use crate::setup::{Change, Setup, TableSetup, Written};
use lastbell_contract::{
    AdapterError, Capabilities, ErasePermit, Eraser, ErrorKind, Flow, Location, LockRequest, LockedUnit, Moment,
    Operation, Reader, Row, Scan, Statement, TableId, Visit, Witness,
};

/// The engine under test.
pub(crate) struct Stage<'a> {
    pub(super) subject: &'a dyn Subject,
}

/// Any scan: a reader's or a locked unit's.
pub(super) type Scanner<'a> = dyn FnMut(&Scan, &mut Visit<'_>) -> Result<u64, AdapterError> + 'a;

impl<'a> Stage<'a> {
    pub(crate) fn new(subject: &'a dyn Subject) -> Self {
        Self { subject }
    }

    pub(super) fn can(&self) -> Capabilities {
        self.subject.expectations().capabilities
    }

    pub(super) fn fresh(&self, setup: &Setup) -> Location {
        self.subject.fresh(setup)
    }

    pub(super) fn reader(&self, location: &Location) -> Result<Box<dyn Reader>, AdapterError> {
        self.subject.adapter().open_reader(location)
    }

    pub(super) fn eraser(&self, location: &Location) -> Result<Box<dyn Eraser>, AdapterError> {
        let permit = ErasePermit::granted_by(&"0".repeat(64), &["1".repeat(64)]);
        self.subject.adapter().open_eraser(location, &permit)
    }

    pub(super) fn insert(&self, location: &Location, table: &str, row: Row) -> Written {
        self.subject.write_beside(location, &Change::Insert { table: table.to_owned(), row })
    }

    /// All rows of a table, by a new reader.
    pub(super) fn rows(&self, location: &Location, table: &TableSetup) -> Result<Vec<Row>, Ended> {
        let mut reader = self.reader(location)?;
        whole(&mut |scan, visit| reader.scan(scan, visit), table)
    }

    /// The store holds exactly the rows that the setup gave it, in every table but those named.
    pub(super) fn untouched(&self, location: &Location, setup: &Setup, but: &[&str]) -> Result<(), Ended> {
        for table in setup.tables.iter().filter(|table| !but.contains(&table.name.as_str())) {
            let now = self.rows(location, table)?;
            promise!(
                sorted(&now) == sorted(&table.rows),
                "`{}` was to stay as it was: {} rows then, {} now",
                table.name,
                table.rows.len(),
                now.len()
            );
        }
        Ok(())
    }

    /// The named tables are empty for a new reader, by scan and by count.
    pub(super) fn empty(&self, location: &Location, setup: &Setup, tables: &[&str]) -> Result<(), Ended> {
        for table in setup.tables.iter().filter(|table| tables.contains(&table.name.as_str())) {
            let left = self.rows(location, table)?.len();
            let counted = self.reader(location)?.count(&TableId::plain(&table.name))?;
            promise!(left == 0 && counted == 0, "`{}` still has {left} rows, by count {counted}", table.name);
        }
        Ok(())
    }

    /// Ends the case when an adapter does not claim the ability.
    pub(super) fn needs(&self, has: bool, why: &'static str) -> Result<(), Ended> {
        if has { Ok(()) } else { Err(Ended::DoesNotApply(why)) }
    }
}

pub(super) fn request(unit: &[&str], watched: &[&str]) -> LockRequest {
    let ids = |names: &[&str]| names.iter().map(|name| TableId::plain(name)).collect();
    LockRequest { unit: ids(unit), watched: ids(watched), wait_ms: 2000 }
}

/// Reads a table whole through any scan and holds the scan to what it says: sizes of batches, the number of rows.
pub(super) fn whole(scanner: &mut Scanner<'_>, table: &TableSetup) -> Result<Vec<Row>, Ended> {
    read(scanner, &Scan::whole(&TableId::plain(&table.name), &table.column_names()))
}

pub(super) fn read(scanner: &mut Scanner<'_>, scan: &Scan) -> Result<Vec<Row>, Ended> {
    let (mut rows, mut biggest) = (Vec::new(), 0);
    let handed = scanner(scan, &mut |batch| {
        biggest = biggest.max(batch.len());
        rows.extend(batch.unpacked());
        Flow::Continue
    })?;
    promise!(biggest <= scan.batch_rows, "a batch of {biggest} rows where at most {} were wanted", scan.batch_rows);
    promise!(handed == rows.len() as u64, "said {handed} rows and handed over {}", rows.len());
    promise!(
        rows.iter().all(|row| row.len() == scan.columns.len()),
        "a row of `{}` has another number of values than columns were asked for",
        scan.table
    );
    Ok(rows)
}

/// All rows of a table as a locked unit sees them.
pub(super) fn locked_rows(unit: &mut dyn LockedUnit, table: &TableSetup) -> Result<Vec<Row>, Ended> {
    whole(&mut |scan, visit| unit.scan(scan, visit), table)
}

/// Writes down what it hears; may refuse one announcement; may act in each.
#[derive(Default)]
pub(super) struct Ear<'a> {
    pub(super) heard: Vec<(Moment, Statement)>,
    refuses: Option<(Moment, Operation)>,
    acts: Option<&'a mut dyn FnMut(Moment, Operation)>,
}

/// The code of the error with which an [`Ear`] refuses.
pub(super) const REFUSED: &str = "the-witness-said-no";

impl<'a> Ear<'a> {
    pub(super) fn refusing(moment: Moment, operation: Operation) -> Self {
        Self { refuses: Some((moment, operation)), ..Self::default() }
    }

    pub(super) fn acting(acts: &'a mut dyn FnMut(Moment, Operation)) -> Self {
        Self { acts: Some(acts), ..Self::default() }
    }

    /// Every Before is followed at once by the After of the same statement.
    pub(super) fn paired(&self) -> Result<(), Ended> {
        let pairs = self.heard.chunks(2).all(|pair| match pair {
            [(first, before), (second, after)] => {
                *first == Moment::Before && *second == Moment::After && before == after
            }
            _ => false,
        });
        promise!(pairs, "announcements do not come in pairs of Before and After: {:?}", self.heard);
        Ok(())
    }

    pub(super) fn statements(&self) -> Vec<&Statement> {
        self.heard.iter().filter(|(moment, _)| *moment == Moment::Before).map(|(_, statement)| statement).collect()
    }
}

impl Witness for Ear<'_> {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<(), AdapterError> {
        self.heard.push((moment, statement.clone()));
        if let Some(acts) = &mut self.acts {
            acts(moment, statement.operation);
        }
        if self.refuses == Some((moment, statement.operation)) {
            return Err(AdapterError::new(ErrorKind::Stopped, "witness").code(REFUSED));
        }
        Ok(())
    }
}

/// The call ended with an error of that kind.
pub(super) fn fails_with<T>(result: Result<T, AdapterError>, kind: ErrorKind, what: &str) -> Result<(), Ended> {
    match result {
        Ok(_) => Err(Ended::Broken(format!("{what} succeeded; {kind:?} was promised"))),
        Err(error) => {
            promise!(error.kind == kind, "{what} failed as {:?}; {kind:?} was promised", error.kind);
            Ok(())
        }
    }
}

/// The call ended with the witness' own refusal.
pub(super) fn refused_by_witness<T>(result: Result<T, AdapterError>, what: &str) -> Result<(), Ended> {
    let code = result.err().and_then(|error| error.code);
    promise!(code.as_deref() == Some(REFUSED), "{what} did not end with the witness' error but with {code:?}");
    Ok(())
}
