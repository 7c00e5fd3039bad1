//! Reading: what a reader and an eraser answer alike, over one session.

use crate::error::{About, Told, refused, system};
use crate::fulltext::{self, Content};
use crate::session::{Session, number, quote, quote_all};
use crate::shape::{self, Form, Shape};
use crate::{catalog, files, reach, sample, sidecars, values};
use lastbell_contract::{
    Batches, Canceller, Capabilities, Catalog, Cells, ErrorKind, Identity, Known, Level, Means, Reach, Reader, Result,
    Role, Row, Scan, Snapshot, StoreFile, StoreInfo, TableId, Visit,
};
use rusqlite::{Connection, Statement};
use std::os::unix::fs::MetadataExt;

/// A visit that cannot write.
pub(crate) struct SqliteReader {
    session: Session,
}

impl SqliteReader {
    /// Over a session that was opened for reading.
    pub(crate) fn new(session: Session) -> Self {
        Self { session }
    }

    fn session(&mut self) -> Result<&mut Session> {
        Ok(&mut self.session)
    }
}

lastbell_contract::read_through!(SqliteReader);

impl Reader for Session {
    fn info(&mut self) -> Result<StoreInfo> {
        let (device, inode) = self.place.presence.key();
        let writable = rustix::fs::access(&self.place.path, rustix::fs::Access::WRITE_OK).is_ok();
        Ok(StoreInfo {
            engine: "sqlite".to_owned(),
            product: "SQLite".to_owned(),
            version: rusqlite::version().to_owned(),
            identity: Identity {
                anchors: vec![format!("file:{device}:{inode}")],
                follows: Known::Yes(Vec::new()), // a plain file receives nothing by itself
                feeds: Known::Yes(Vec::new()),
            },
            role: Role { name: rustix::process::geteuid().as_raw().to_string(), may_write: Known::Yes(writable) },
            capabilities: Capabilities {
                snapshot_reads: true,
                atomic_units: true,
                rebuilds: true,
                enforces_links: false,
                sees_files: true,
                overwrites_freed: true,
            },
            last_write: last_write(self),
            remote: false,
            read_footprint: footprint(self)?,
        })
    }

    fn catalog(&mut self) -> Result<Catalog> {
        catalog::read(&self.connection)
    }

    fn begin(&mut self) -> Result<Snapshot> {
        self.end()?;
        self.connection.execute_batch("BEGIN").told("begin")?;
        self.snapshot = true;
        // BEGIN alone fixes nothing; the first read does.
        let schema = number(&self.connection, "begin", "PRAGMA schema_version")?;
        number(&self.connection, "begin", "SELECT count(*) FROM sqlite_schema")?;
        let counter = self.place.presence.bytes(24, 4).map_err(|error| system("begin", &error))?;
        let counter: String = counter.iter().map(|byte| format!("{byte:02x}")).collect();
        let log = sidecars::wal_mark(&self.place.path).told("begin")?;
        let log = log.map(|mark| format!(" wal:{mark}")).unwrap_or_default();
        Ok(Snapshot { id: format!("change:{counter} schema:{schema}{log}") })
    }

    fn end(&mut self) -> Result<()> {
        if std::mem::take(&mut self.snapshot) {
            self.connection.execute_batch("ROLLBACK").told("end")?;
        }
        Ok(())
    }

    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        scan_table(&self.connection, scan, visit)
    }

    fn count(&mut self, table: &TableId) -> Result<u64> {
        let shape = shape::of(&self.connection, "count", table)?;
        count_by_engine(&self.connection, table, &shape)
    }

    fn files(&mut self) -> Result<Vec<StoreFile>> {
        files::list(&self.place.path)
    }

    /// A file has one owner: who else lives on the machine changes nothing about it.
    fn reach(&mut self, wanted: Level, _: Means) -> Result<Reach> {
        reach::before(self, wanted)
    }

    /// Nothing to raise: device and inode tell one file from another under every name.
    fn raise_mark(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn sees_mark(&mut self, _: &str) -> Result<Known<bool>> {
        Ok(Known::Unknown("anchors-only".to_owned()))
    }

    fn canceller(&mut self) -> Option<Canceller> {
        let handle = self.connection.get_interrupt_handle();
        Some(Box::new(move || handle.interrupt()))
    }
}

fn last_write(session: &Session) -> Known<i64> {
    let path = &session.place.path;
    let time = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some(metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1000)
    };
    match time(path).max(time(&sidecars::wal(path))) {
        Some(micros) => Known::Yes(micros),
        None => Known::Unknown("file-denied".to_owned()),
    }
}

/// Reading in WAL mode marks the snapshot in the shared-memory file, and makes that file when there is none.
fn footprint(session: &Session) -> Result<Vec<String>> {
    let in_wal = session.journal_mode()? == "wal";
    Ok(if in_wal { vec!["shm-file".to_owned()] } else { Vec::new() })
}

/// [`Reader::scan`] on any connection.
pub(crate) fn scan_table(connection: &Connection, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
    let shape = shape::of(connection, "scan", &scan.table)?;
    check_readable(&shape).about(&scan.table)?;
    let known = shape.names();
    if scan.columns.iter().any(|column| !known.contains(column)) {
        return Err(refused(ErrorKind::NotFound, "scan", "column").on(&scan.table));
    }
    match scan.sample {
        None => stream(connection, scan, "", visit),
        Some((rows, _)) if is_at_most(connection, &scan.table, rows)? => stream(connection, scan, "", visit),
        Some((rows, seed)) => match &shape.row_id {
            Some(row_id) => scan_sample(connection, scan, row_id, rows, seed, visit),
            None => stream(connection, scan, &format!(" LIMIT {}", limit(rows)), visit), // by key: the first ones
        },
    }
    .about(&scan.table)
}

fn check_readable(shape: &Shape) -> Result<()> {
    match &shape.form {
        Form::ByRowId | Form::ByKey => Ok(()),
        Form::FullText(index) if index.content == Content::Nowhere => {
            Err(refused(ErrorKind::Unsupported, "scan", "contentless"))
        }
        Form::FullText(_) => Ok(()),
        Form::Elsewhere(module) => Err(refused(ErrorKind::Unsupported, "scan", &format!("elsewhere:{module}"))),
    }
}

fn is_at_most(connection: &Connection, table: &TableId, rows: u64) -> Result<bool> {
    let more = limit(rows.saturating_add(1));
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {more})", quote(&table.name));
    Ok(number(connection, "scan", &sql).about(table)? <= rows)
}

/// SQLite takes a bigger LIMIT for a float and fails.
fn limit(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// `SELECT` of the wanted columns; without any, of a one, so that rows still come.
fn select(scan: &Scan, rest: &str) -> String {
    let columns = if scan.columns.is_empty() { "1".to_owned() } else { quote_all(&scan.columns) };
    format!("SELECT {columns} FROM {}{rest}", quote(&scan.table.name))
}

fn stream(connection: &Connection, scan: &Scan, rest: &str, visit: &mut Visit<'_>) -> Result<u64> {
    let mut statement = connection.prepare(&select(scan, rest)).told("scan")?;
    let mut cells = statement.query([]).told("scan")?;
    let mut batches = Batches::new(scan, visit);
    while let Some(row) = cells.next().told("scan")? {
        batches.write(|out| (0..scan.columns.len()).try_for_each(|at| append(row, at, out)))?;
    }
    batches.finish()
}

fn scan_sample(
    connection: &Connection,
    scan: &Scan,
    row_id: &str,
    rows: u64,
    seed: u64,
    visit: &mut Visit<'_>,
) -> Result<u64> {
    let chosen = sample::row_ids(connection, &scan.table.name, row_id, rows, seed)?;
    let sql = select(scan, &format!(" WHERE {} = ?1", quote(row_id)));
    let mut statement = connection.prepare(&sql).told("scan")?;
    let mut batches = Batches::new(scan, visit);
    for row_id in chosen {
        if let Some(row) = one_row(&mut statement, row_id, scan.columns.len())? {
            batches.push(&row)?;
        }
    }
    batches.finish()
}

fn one_row(statement: &mut Statement<'_>, row_id: i64, columns: usize) -> Result<Option<Row>> {
    let mut cells = statement.query([row_id]).told("scan")?;
    cells.next().told("scan")?.map(|row| values_of(row, columns)).transpose()
}

fn append(row: &rusqlite::Row<'_>, at: usize, out: &mut Cells) -> Result<()> {
    values::append(row.get_ref(at).told("scan")?, out);
    Ok(())
}

/// The first `columns` cells of a row.
pub(crate) fn values_of(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row> {
    values_from(row, 0, columns)
}

/// `columns` cells of a row, leaving out `first` ones.
pub(crate) fn values_from(row: &rusqlite::Row<'_>, first: usize, columns: usize) -> Result<Row> {
    (first..first + columns).map(|at| Ok(values::read(row.get_ref(at).told("scan")?))).collect()
}

/// The engine's own count; it may answer from an index.
pub(crate) fn count_by_engine(connection: &Connection, table: &TableId, shape: &Shape) -> Result<u64> {
    match &shape.form {
        Form::ByRowId | Form::ByKey => {
            number(connection, "count", &format!("SELECT count(*) FROM {}", quote(&table.name)))
        }
        Form::FullText(index) => match (fulltext::documents(connection, &table.name)?, &index.content) {
            (Some(documents), _) => Ok(documents),
            (None, Content::Own) => {
                number(connection, "count", &format!("SELECT count(*) FROM {}", quote(&table.name)))
            }
            (None, Content::External(_) | Content::Nowhere) => {
                Err(refused(ErrorKind::Unsupported, "count", "columnsize"))
            }
        },
        Form::Elsewhere(module) => Err(refused(ErrorKind::Unsupported, "count", &format!("elsewhere:{module}"))),
    }
    .about(table)
}

/// Rows seen one by one in the table's own b-tree, never in an index.
pub(crate) fn count_by_scan(connection: &Connection, table: &TableId, shape: &Shape) -> Result<u64> {
    let sql = match &shape.form {
        Form::ByRowId => format!("SELECT {} FROM {} NOT INDEXED", row_mark(shape), quote(&table.name)),
        Form::ByKey => format!("SELECT {} FROM {} NOT INDEXED", quote_all(&shape.key()), quote(&table.name)),
        Form::FullText(index) if index.content == Content::Own => {
            format!("SELECT rowid FROM {}", quote(&table.name))
        }
        Form::FullText(_) => format!("SELECT id FROM {}", quote(&format!("{}_docsize", table.name))),
        Form::Elsewhere(module) => {
            return Err(refused(ErrorKind::Unsupported, "count", &format!("elsewhere:{module}")).on(table));
        }
    };
    let mut statement = connection.prepare(&sql).told("count").about(table)?;
    let mut found = statement.query([]).told("count").about(table)?;
    let mut rows = 0;
    while found.next().told("count").about(table)?.is_some() {
        rows += 1;
    }
    Ok(rows)
}

fn row_mark(shape: &Shape) -> String {
    shape.row_id.as_ref().map_or_else(|| "1".to_owned(), |row_id| quote(row_id))
}
