//! Reading an export: what a visit answers. Changes nothing; without snapshots, every scan is held to the files as they
//! were when the visit was opened.

use crate::error::refused;
use crate::export::Export;
use crate::table::Rows;
use lastbell_contract::{
    Batches, Canceller, Capabilities, Catalog, Column, ErrorKind, FileRole, Identity, Kind, Known, Level, Means,
    Precondition, Reach, Reader, Result, Role, Scan, Snapshot, State, StoreFile, StoreInfo, Table, TableId, TableKind,
    Visit,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A visit to an export.
pub(crate) struct ExportReader {
    export: Export,
    cancelled: Arc<AtomicBool>,
}

impl ExportReader {
    /// To an export that was looked at.
    pub(crate) fn new(export: Export) -> Self {
        Self { export, cancelled: Arc::default() }
    }

    /// Hands each row to `take` until it says that it has enough. Returns the number of rows, counted here.
    fn each(&self, rows: &mut Rows<'_>, table: &TableId, take: &mut Taker<'_>) -> Result<u64> {
        self.cancelled.store(false, Ordering::Relaxed);
        let mut count = 0;
        while rows.advance().map_err(|error| error.on(table))? {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(lastbell_contract::AdapterError::stopped(table));
            }
            take(count, rows)?;
            count += 1;
        }
        Ok(count)
    }

    fn count_rows(&self, table: &TableId, operation: &'static str) -> Result<u64> {
        self.each(&mut Rows::open(&self.export, table, operation)?, table, &mut |_, _| Ok(()))
    }
}

/// Takes a row: its number from 0, and the table at that place.
type Taker<'a> = dyn FnMut(u64, &Rows<'_>) -> Result<()> + 'a;

impl Reader for ExportReader {
    fn info(&mut self) -> Result<StoreInfo> {
        let key = |kind: &str, (device, inode): (u64, u64)| format!("{kind}:{device}:{inode}");
        let files = self.export.files.values();
        // A file that lies in two folders by a hard link makes them one store: it is the same export.
        let anchors = std::iter::once(key("folder", self.export.mark.key));
        let anchors = anchors.chain(files.clone().map(|file| key("file", file.mark.key)));
        let newest = files.clone().map(|file| file.mark.written).max();
        Ok(StoreInfo {
            engine: "csv".to_owned(),
            product: "CSV".to_owned(),
            version: "RFC 4180".to_owned(),
            identity: Identity {
                anchors: anchors.collect(),
                follows: Known::Yes(Vec::new()), // plain files receive nothing by themselves
                feeds: Known::Yes(Vec::new()),
            },
            role: Role {
                name: rustix::process::geteuid().as_raw().to_string(),
                may_write: Known::Yes(self.writable()),
            },
            capabilities: Capabilities {
                snapshot_reads: false,
                atomic_units: false,
                rebuilds: false,
                enforces_links: false,
                sees_files: true,
                overwrites_freed: false,
            },
            last_write: Known::Yes(newest.unwrap_or(self.export.mark.written)),
            remote: false,
            read_footprint: Vec::new(),
        })
    }

    fn catalog(&mut self) -> Result<Catalog> {
        let names = self.export.files.keys();
        let table = |name: &String| {
            let id = TableId::plain(name);
            let header = Rows::open(&self.export, &id, "catalog")?.header;
            Ok(described(id, header))
        };
        Ok(Catalog { tables: names.map(table).collect::<Result<_>>()?, views: Vec::new() })
    }

    fn begin(&mut self) -> Result<Snapshot> {
        Err(refused(ErrorKind::Unsupported, "begin", "csv-no-snapshot"))
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn scan(&mut self, scan: &Scan, visit: &mut Visit<'_>) -> Result<u64> {
        let chosen = match scan.sample {
            None => None,
            Some((wanted, seed)) => Some(Chosen::of(self.count_rows(&scan.table, "scan")?, wanted, seed)),
        };
        let mut rows = Rows::open(&self.export, &scan.table, "scan")?;
        let columns = rows.columns(&scan.columns).map_err(|error| error.on(&scan.table))?;
        let mut batches = Batches::new(scan, visit);
        let mut chosen = chosen;
        self.each(&mut rows, &scan.table, &mut |_, row| {
            if chosen.as_mut().is_none_or(Chosen::takes) { batches.push(&row.values(&columns)) } else { Ok(()) }
        })?;
        batches.finish()
    }

    fn count(&mut self, table: &TableId) -> Result<u64> {
        self.count_rows(table, "count")
    }

    fn files(&mut self) -> Result<Vec<StoreFile>> {
        let file = |file: &crate::file::ExportFile| StoreFile { path: file.path.clone(), role: FileRole::Data };
        let mut files: Vec<StoreFile> = self.export.files.values().map(file).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path); // a link in the folder leads to a file that has its own name, too
        Ok(files)
    }

    fn reach(&mut self, _: Level, _: Means) -> Result<Reach> {
        let nothing = Precondition {
            code: "read-only-store".to_owned(),
            state: State::Fail,
            blocks: Level::L0,
            detail: Vec::new(),
        };
        Ok(Reach::of(vec![nothing], Level::L0))
    }

    /// Nothing to raise: device and inode tell one folder from another under every name.
    fn raise_mark(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn sees_mark(&mut self, _: &str) -> Result<Known<bool>> {
        Ok(Known::Unknown("anchors-only".to_owned()))
    }

    fn canceller(&mut self) -> Option<Canceller> {
        let cancelled = Arc::clone(&self.cancelled);
        Some(Box::new(move || cancelled.store(true, Ordering::Relaxed)))
    }
}

impl ExportReader {
    fn writable(&self) -> bool {
        let may_write = |path: &std::path::Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        may_write(&self.export.folder) || self.export.files.values().any(|file| may_write(&file.path))
    }
}

/// A file tells the names of its columns and nothing else.
fn described(id: TableId, header: Vec<String>) -> Table {
    let column = |name: String| Column {
        name,
        declared_type: String::new(),
        kind: Kind::Text,
        nullable: true,
        generated: false,
        comment: None,
        charset: None,
    };
    Table {
        id,
        kind: TableKind::File,
        columns: header.into_iter().map(column).collect(),
        primary_key: Vec::new(),
        unique_keys: Vec::new(),
        foreign_keys: Vec::new(),
        parents: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        rows_estimate: None,
        definition: None,
        obstacles: Vec::new(),
    }
}

/// Which rows of a known number make a sample, asked row by row: each set of that size is as likely as any other
/// (Knuth, volume 2, 3.4.2, algorithm S). A compressed file has no places to jump to, so all of it is read twice.
struct Chosen {
    rows_left: u64,
    wanted: u64,
    random: u64,
}

impl Chosen {
    fn of(rows: u64, wanted: u64, seed: u64) -> Self {
        Self { rows_left: rows, wanted: wanted.min(rows), random: seed }
    }

    fn takes(&mut self) -> bool {
        // The bias of the remainder is of no weight here.
        let taken = self.wanted > 0 && self.next() % self.rows_left.max(1) < self.wanted;
        self.rows_left = self.rows_left.saturating_sub(1);
        self.wanted -= u64::from(taken);
        taken
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): a fixed sequence for each seed.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
