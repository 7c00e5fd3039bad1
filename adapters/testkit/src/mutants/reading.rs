//! Bugs of reading.

use super::{Bug, Traces, Wrapped, kind_lost};
use lastbell_contract::{
    Action, AdapterError, Batch, Canceller, Catalog, ErrorKind, Flow, Known, Level, Means, Reach, Reader, Result, Row,
    Scan, Snapshot, StoreFile, StoreInfo, Table, TableId, Value, Visit,
};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// Any scan: a visit's or a locked unit's.
pub(super) type Scanner<'a> = dyn FnMut(&Scan, &mut Visit<'_>) -> Result<u64> + 'a;

impl<V: Reader + ?Sized> Reader for Wrapped<V> {
    fn info(&mut self) -> Result<StoreInfo> {
        let mut info = self.inner.info()?;
        if self.bug == Bug::OneAnchorForAll {
            info.identity.anchors.push("engine:one".to_owned());
        }
        if self.bug == Bug::AnchorPerVisit {
            info.identity.anchors = vec![format!("visit:{}", self.memory.calls.fetch_add(1, Ordering::Relaxed))];
        }
        info.capabilities.atomic_units ^= self.bug == Bug::ClaimsOtherAbilities;
        Ok(info)
    }

    fn catalog(&mut self) -> Result<Catalog> {
        let mut catalog = self.inner.catalog()?;
        change_catalog(self.bug, &mut catalog);
        let keyless = self.bug == Bug::RebuildLosesKeys && self.memory.rebuilt.load(Ordering::Relaxed);
        for table in &mut catalog.tables {
            change_table(self.bug, table);
            if keyless {
                table.primary_key.clear();
            }
        }
        Ok(catalog)
    }

    fn begin(&mut self) -> Result<Snapshot> {
        if matches!(self.bug, Bug::FakesSnapshots | Bug::ReadsEachBatchAnew) {
            return Ok(Snapshot { id: "none".to_owned() });
        }
        self.inner.begin()
    }

    fn end(&mut self) -> Result<()> {
        if self.bug == Bug::SnapshotNeverEnds { Ok(()) } else { self.inner.end() }
    }

    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        let inner = &mut self.inner;
        scan_with(self.bug, &self.memory, &mut |scan, visit| inner.scan(scan, visit), scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<u64> {
        match self.inner.count(table) {
            Ok(rows) if self.bug == Bug::CountsOneLess => Ok(rows.saturating_sub(1)),
            Err(_) if self.bug == Bug::UnknownIsEmpty => Ok(0),
            Err(error) => Err(kind_lost(self.bug, error)),
            Ok(rows) => Ok(rows),
        }
    }

    fn files(&mut self) -> Result<Vec<StoreFile>> {
        if self.bug == Bug::ListsNoFiles { Ok(Vec::new()) } else { self.inner.files() }
    }

    fn reach(&mut self, wanted: Level, means: Means) -> Result<Reach> {
        let mut reach = self.inner.reach(wanted, means)?;
        if self.bug == Bug::ClaimsDepth {
            // Deeper than the conditions allow or, where all pass, short of them without a reason.
            reach.level = if reach.level == Level::L2f { Level::L0 } else { Level::L2f };
        }
        Ok(reach)
    }

    fn raise_mark(&mut self, mark: &str) -> Result<()> {
        if self.bug == Bug::RaisesNoMark { Ok(()) } else { self.inner.raise_mark(mark) }
    }

    fn sees_mark(&mut self, mark: &str) -> Result<Known<bool>> {
        match self.inner.sees_mark(mark)? {
            Known::Yes(_) if self.bug == Bug::SeesEveryMark => Ok(Known::Yes(true)),
            seen => Ok(seen),
        }
    }

    fn canceller(&mut self) -> Option<Canceller> {
        let inner = self.inner.canceller()?;
        let deaf = self.bug == Bug::DeafToCancelling;
        Some(Box::new(move || {
            if !deaf {
                inner()
            }
        }))
    }
}

fn change_catalog(bug: Bug, catalog: &mut Catalog) {
    if bug == Bug::ForgetsATable {
        catalog.tables.pop();
    }
    if bug == Bug::ReversesTables {
        catalog.tables.reverse();
    }
    if bug == Bug::ForgetsViews {
        catalog.views.clear();
    }
    if bug == Bug::ListsAGhost {
        catalog.tables.push(Table {
            id: TableId::plain("engine_sequence"),
            kind: lastbell_contract::TableKind::Base,
            columns: Vec::new(),
            primary_key: Vec::new(),
            unique_keys: Vec::new(),
            foreign_keys: Vec::new(),
            parents: Vec::new(),
            indexes: Vec::new(),
            triggers: Vec::new(),
            rows_estimate: None,
            definition: None,
            obstacles: Vec::new(),
        });
    }
}

fn change_table(bug: Bug, table: &mut Table) {
    if bug == Bug::ForgetsAColumn {
        table.columns.pop();
    }
    if bug == Bug::AllNullable {
        table.columns.iter_mut().for_each(|column| column.nullable = true);
    }
    if bug == Bug::SortsKeys {
        table.primary_key.sort();
        table.primary_key.reverse();
    }
    if bug == Bug::ForgetsUniqueKeys {
        table.unique_keys.clear();
    }
    if bug == Bug::ForgetsLinks {
        table.foreign_keys.clear();
    }
    if bug == Bug::HidesCascades {
        table.foreign_keys.iter_mut().for_each(|link| link.on_delete = Action::NoAction);
    }
    if bug == Bug::ForgetsTriggers {
        table.triggers.clear();
        table.obstacles.clear();
    }
}

/// A scan with a bug, whoever scans.
pub(super) fn scan_with(
    bug: Bug,
    memory: &Traces,
    inner: &mut Scanner<'_>,
    scan: &Scan,
    visit: &mut Visit<'_>,
) -> Result<u64> {
    if bug == Bug::QuotesBadly && scan.table.name.contains(['"', '`', '\'']) {
        return Err(AdapterError::new(ErrorKind::NotFound, "scan").on(&scan.table));
    }
    if bug == Bug::ReadsEachBatchAnew {
        return batch_by_batch(inner, scan, visit);
    }
    let asked = change_scan(bug, memory, scan);
    if changes_rows(bug) {
        let mut rows = Vec::new();
        inner(&asked, &mut |batch| {
            rows.extend(batch.unpacked());
            Flow::Continue
        })?;
        return hand_over(change_rows(bug, rows, scan), scan, visit);
    }
    let mut handed = 0;
    let ended = inner(&asked, &mut |batch| {
        handed += batch.len() as u64;
        let flow = visit(batch);
        if bug == Bug::AsksAfterStop && flow == Flow::Stop { visit(Batch::default()) } else { flow }
    });
    match ended {
        Ok(rows) if bug == Bug::MiscountsScans => Ok(rows + 1),
        Err(error) if bug == Bug::StopIsAnEnd && error.kind == ErrorKind::Stopped => Ok(handed),
        Err(error) if bug == Bug::CutIsAnEnd && error.kind == ErrorKind::Unreachable => Ok(handed),
        Err(error) if bug == Bug::UnknownIsEmpty && error.kind == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(kind_lost(bug, error)),
        Ok(rows) => Ok(rows),
    }
}

fn change_scan(bug: Bug, memory: &Traces, scan: &Scan) -> Scan {
    let mut asked = scan.clone();
    if bug == Bug::OneBigBatch {
        asked.batch_rows = usize::MAX;
    }
    asked.sample = match asked.sample {
        Some((size, _)) if bug == Bug::IgnoresTheSeed => Some((size, 1)),
        Some((size, seed)) if bug == Bug::IgnoresTheSeedOtherwise => {
            Some((size, seed + 100 + memory.calls.fetch_add(1, Ordering::Relaxed)))
        }
        Some(_) if bug == Bug::SampleIsWhole => None,
        other => other,
    };
    asked
}

fn changes_rows(bug: Bug) -> bool {
    let bugs = [
        Bug::LosesLastRow,
        Bug::GivesARowTwice,
        Bug::RepeatsAtBatchEdges,
        Bug::EmptyTextForNull,
        Bug::NullForEmptyText,
        Bug::IntsThroughFloats,
        Bug::SwapsColumns,
        Bug::GhostRow,
        Bug::MergesEqualRows,
        Bug::SkipsNullKeys,
        Bug::TrimsText,
        Bug::CutsAtNul,
    ];
    bugs.contains(&bug)
}

fn change_rows(bug: Bug, mut rows: Vec<Row>, scan: &Scan) -> Vec<Row> {
    if bug == Bug::LosesLastRow {
        rows.pop();
    }
    if bug == Bug::GivesARowTwice {
        rows.extend(rows.first().cloned());
    }
    if bug == Bug::RepeatsAtBatchEdges {
        rows = repeated_at_edges(&rows, scan.batch_rows);
    }
    if bug == Bug::GhostRow && rows.is_empty() {
        rows.push(vec![Value::Null; scan.columns.len()]);
    }
    if bug == Bug::MergesEqualRows {
        let mut seen: Vec<Row> = Vec::new();
        rows.retain(|row| {
            let new = !seen.contains(row);
            seen.extend(new.then(|| row.clone()));
            new
        });
    }
    if bug == Bug::SkipsNullKeys {
        rows.retain(|row| !row.first().is_some_and(Value::is_null));
    }
    for row in &mut rows {
        if bug == Bug::SwapsColumns && row.len() > 1 {
            row.swap(0, 1);
        }
        row.iter_mut().for_each(|value| change_value(bug, value));
    }
    rows
}

/// The rows as they come when each batch is asked for from the last row of the one before on, and not from behind it.
fn repeated_at_edges(rows: &[Row], batch_rows: usize) -> Vec<Row> {
    let new_ones = batch_rows.saturating_sub(1).max(1);
    let mut given: Vec<Row> = rows.iter().take(1).cloned().collect();
    for batch in rows.get(1..).unwrap_or_default().chunks(new_ones) {
        let repeats = (given.len() > 1 && batch_rows > 1).then(|| given.last().cloned()).flatten();
        given.extend(repeats);
        given.extend_from_slice(batch);
    }
    given
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "that is the bug")]
fn change_value(bug: Bug, value: &mut Value) {
    match value {
        Value::Null if bug == Bug::EmptyTextForNull => *value = Value::Text(String::new()),
        Value::Text(text) if bug == Bug::NullForEmptyText && text.is_empty() => *value = Value::Null,
        Value::Text(text) if bug == Bug::TrimsText => *text = text.trim_end().to_owned(),
        Value::Text(text) if bug == Bug::CutsAtNul => *text = text.split('\0').next().unwrap_or_default().to_owned(),
        Value::Int(number) if bug == Bug::IntsThroughFloats => *number = *number as f64 as i128,
        Value::Null
        | Value::Int(_)
        | Value::Decimal(_)
        | Value::Float(_)
        | Value::Bool(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::LocalDateTime(_)
        | Value::Instant(_)
        | Value::Uuid(_)
        | Value::Json(_)
        | Value::Invalid(..) => {}
    }
}

/// Hands rows over as the contract wants it, so that nothing but the planted bug can be noticed.
fn hand_over(rows: Vec<Row>, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
    let handed = rows.len() as u64;
    for rows in rows.chunks(scan.batch_rows.max(1)) {
        if visit(rows.iter().cloned().collect()) == Flow::Stop {
            return Err(AdapterError::stopped(&scan.table));
        }
    }
    Ok(handed)
}

fn batch_by_batch(inner: &mut Scanner<'_>, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
    let mut handed = 0;
    // A bound, because the visitor of one case writes a row for each batch: without it, this bug never ends.
    while handed < 200 {
        let mut rows = Vec::new();
        inner(scan, &mut |batch| {
            rows.extend(batch.unpacked());
            Flow::Continue
        })?;
        let next: Vec<Row> = rows.into_iter().skip(handed).take(scan.batch_rows.max(1)).collect();
        if next.is_empty() {
            break;
        }
        handed += next.len();
        if visit(next.into_iter().collect()) == Flow::Stop {
            return Err(AdapterError::stopped(&scan.table));
        }
    }
    Ok(handed as u64)
}

/// Rows that were seen, for the bugs that merge equal ones.
#[derive(Default)]
pub(super) struct Seen(BTreeSet<String>);

impl Seen {
    /// Whether a row was not seen before. Only numbers are looked at: the case that notices it has no more.
    pub(super) fn is_new(&mut self, row: &Row) -> bool {
        let numbers = row.iter().map(|value| match value {
            Value::Int(number) => number.to_string(),
            Value::Null
            | Value::Decimal(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::LocalDateTime(_)
            | Value::Instant(_)
            | Value::Uuid(_)
            | Value::Json(_)
            | Value::Invalid(..) => value.variant().to_owned(),
        });
        self.0.insert(numbers.collect::<Vec<_>>().join(" "))
    }
}
