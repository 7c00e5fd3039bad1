//! One database of the engine in memory: tables, rows, keys, links, locks and, when asked for, real files.

use crate::setup::{Change, Setup, TableSetup};
use lastbell_contract::{
    Action, AdapterError, Capabilities, Catalog, Column, ErrorKind, FileRole, ForeignKey, Identity, Index, Known,
    Level, Precondition, Reach, Result, Role, Row, State, StoreFile, StoreInfo, Table, TableId, TableKind, Trigger,
    Value, View,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Tables of this name are what a rebuild fills before it swaps; `tidy` drops them.
pub(super) const SHADOW: &str = "lastbell_shadow_";

pub(super) struct Kept {
    pub(super) table: Table,
    /// Shared with snapshots; a change copies.
    pub(super) rows: Arc<Vec<Row>>,
    pub(super) hidden: usize,
}

pub(super) struct Database {
    pub(super) info: StoreInfo,
    pub(super) tables: BTreeMap<TableId, Kept>,
    pub(super) views: Vec<View>,
    pub(super) preconditions: Vec<Precondition>,
    /// Which visit holds a table.
    pub(super) locks: BTreeMap<TableId, u64>,
    /// Which visit raised a mark.
    pub(super) marks: Vec<(u64, String)>,
    pub(super) version: u64,
    files: Option<Files>,
}

struct Files {
    folder: TempDir,
    left: Vec<StoreFile>,
}

impl Files {
    fn data(&self) -> PathBuf {
        self.folder.path().join("store.memory")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("store.log")
    }
}

impl Database {
    pub(super) fn new(anchor: &str, setup: &Setup) -> Self {
        let mut database = Self {
            info: info(anchor),
            tables: BTreeMap::new(),
            views: setup.views.iter().map(view).collect(),
            preconditions: Vec::new(),
            locks: BTreeMap::new(),
            marks: Vec::new(),
            version: 1,
            files: None,
        };
        for table in &setup.tables {
            let kept = Kept { table: declared(table), rows: Arc::new(table.rows.clone()), hidden: 0 };
            check(&kept.table, &table.rows, "create").expect("the setup keeps its own keys");
            database.tables.insert(kept.table.id.clone(), kept);
        }
        database
    }

    /// A table that the test itself created.
    pub(super) fn kept(&mut self, table: &str) -> &mut Kept {
        self.tables.get_mut(&TableId::plain(table)).expect("the test created this table")
    }

    pub(super) fn find(&self, table: &TableId, operation: &str) -> Result<&Kept> {
        self.tables.get(table).ok_or_else(|| AdapterError::new(ErrorKind::NotFound, operation).on(table))
    }

    pub(super) fn catalog(&self) -> Catalog {
        let tables = self.tables.values().map(|kept| {
            let mut table = kept.table.clone();
            table.rows_estimate = Some(kept.rows.len() as u64);
            for link in &mut table.foreign_keys {
                link.enforced = self.info.capabilities.enforces_links;
            }
            table
        });
        Catalog { tables: tables.collect(), views: self.views.clone() }
    }

    /// Puts rows in place of a table's rows, durably. The files keep what was there until a scrub, as real ones do.
    pub(super) fn replace(&mut self, table: &TableId, rows: Arc<Vec<Row>>) {
        self.note(&rows);
        self.version += 1;
        if let Some(kept) = self.tables.get_mut(table) {
            kept.hidden = kept.hidden.min(rows.len());
            kept.rows = rows;
        }
    }

    pub(super) fn apply(&mut self, change: &Change) {
        let kept = self.kept(change.table());
        let mut rows = kept.rows.to_vec();
        match change {
            Change::Insert { row, .. } => rows.push(row.clone()),
            Change::Update { key, set, .. } => update(&kept.table, &mut rows, key, set),
            Change::DeleteAll { .. } => rows.clear(),
        }
        check(&kept.table, &rows, "write").expect("the test keeps the table's keys");
        let id = kept.table.id.clone();
        self.replace(&id, Arc::new(rows));
    }

    /// Whether a trigger would fire on destroying or rewriting a table.
    pub(super) fn fires(&self, table: &TableId) -> bool {
        self.tables.get(table).is_some_and(|kept| kept.table.triggers.iter().any(|trigger| trigger.fires))
    }

    /// Drops a link of a table that the visit `holder` has locked and that stays.
    pub(super) fn cut(&mut self, table: &TableId, name: &str, unit: &[TableId], holder: u64) -> Result<()> {
        let refused = |kind, code: &str| Err(AdapterError::new(kind, "cut").on(table).code(code));
        if !self.info.capabilities.enforces_links {
            return refused(ErrorKind::Unsupported, "not-enforced");
        }
        if unit.contains(table) || self.locks.get(table) != Some(&holder) {
            return refused(ErrorKind::Unsafe, "not-watched");
        }
        let Some(kept) = self.tables.get_mut(table) else { return refused(ErrorKind::NotFound, "table") };
        let links = kept.table.foreign_keys.len();
        kept.table.foreign_keys.retain(|link| link.name.as_deref() != Some(name));
        if kept.table.foreign_keys.len() == links { refused(ErrorKind::NotFound, "constraint") } else { Ok(()) }
    }

    /// Why an enforced link forbids that `table` has only `rows` from now on: rows elsewhere lead to what would be gone.
    /// `rows_of` tells rows as the unit sees them. A table's links to itself go with it.
    pub(super) fn pulled<'a>(
        &'a self,
        table: &TableId,
        rows: &[Row],
        rows_of: impl Fn(&TableId) -> &'a [Row],
    ) -> Option<&'static str> {
        let parent = &self.tables.get(table).filter(|_| self.info.capabilities.enforces_links)?.table;
        let children = self.tables.values().filter(|kept| &kept.table.id != table);
        let mut links = children.flat_map(|kept| kept.table.foreign_keys.iter().map(move |link| (&kept.table, link)));
        let (_, link) = links.find(|(child, link)| {
            let leads = &link.references == table;
            leads && dangles(child, link, rows_of(&child.id), parent, rows)
        })?;
        Some(match link.on_delete {
            Action::Cascade | Action::SetNull | Action::SetDefault => "cascade",
            Action::NoAction | Action::Restrict => "child-rows",
        })
    }

    pub(super) fn reach(&self) -> Reach {
        let mut preconditions = self.preconditions.clone();
        preconditions.push(Precondition {
            code: "overwrites-freed".to_owned(),
            state: if self.info.capabilities.overwrites_freed { State::Pass } else { State::Fail },
            blocks: Level::L2f,
            detail: Vec::new(),
        });
        Reach::of(preconditions, Level::L2f)
    }

    pub(super) fn open_files(&mut self) {
        self.info.capabilities.sees_files = true;
        let folder = tempfile::tempdir().expect("a temporary folder");
        self.files = Some(Files { folder, left: Vec::new() });
        self.rewrite_data();
        self.empty_log();
    }

    pub(super) fn leave_file(&mut self, file: &str, role: FileRole, bytes: &[u8]) -> PathBuf {
        let files = self.files.as_mut().expect("the test gave this database files");
        let path = files.folder.path().join(file);
        fs::write(&path, bytes).expect("a file in a temporary folder");
        files.left.push(StoreFile { path: path.clone(), role });
        path
    }

    pub(super) fn files(&self) -> Option<Vec<StoreFile>> {
        let files = self.files.as_ref().filter(|_| self.info.capabilities.sees_files)?;
        let own = [(files.data(), FileRole::Data), (files.log(), FileRole::Log)];
        let mut all: Vec<StoreFile> = own.into_iter().map(|(path, role)| StoreFile { path, role }).collect();
        all.extend(files.left.iter().cloned());
        Some(all)
    }

    pub(super) fn data_bytes(&self) -> Option<Vec<u8>> {
        self.files.as_ref().map(|files| fs::read(files.data()).expect("a file in a temporary folder"))
    }

    /// Writes the data file anew from the rows that are there.
    pub(super) fn rewrite_data(&self) {
        if let Some(files) = &self.files {
            let bytes: Vec<u8> = self.tables.values().flat_map(|kept| file_bytes(&kept.rows)).collect();
            fs::write(files.data(), bytes).expect("a file in a temporary folder");
        }
    }

    pub(super) fn empty_log(&self) {
        if let Some(files) = &self.files {
            fs::write(files.log(), []).expect("a file in a temporary folder");
        }
    }

    fn note(&self, rows: &[Row]) {
        if let Some(files) = &self.files {
            append(&files.data(), &file_bytes(rows));
            append(&files.log(), &file_bytes(rows));
        }
    }
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file in a temporary folder");
    file.write_all(bytes).expect("a file in a temporary folder");
}

fn file_bytes(rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in rows.iter().flatten() {
        bytes.extend(plain_bytes(value));
        bytes.push(b'\n');
    }
    bytes
}

fn plain_bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::Int(number) => number.to_string().into_bytes(),
        Value::Float(number) => number.to_string().into_bytes(),
        Value::Bool(truth) => vec![u8::from(*truth)],
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => text.clone().into_bytes(),
        Value::Bytes(raw) | Value::Invalid(_, raw) => raw.clone(),
        Value::Date(count) | Value::Time(count) | Value::LocalDateTime(count) | Value::Instant(count) => {
            count.to_string().into_bytes()
        }
        Value::Uuid(raw) => raw.to_vec(),
    }
}

fn update(table: &Table, rows: &mut [Row], key: &(String, Value), set: &(String, Value)) {
    let place = |name: &str| table.columns.iter().position(|column| column.name == name);
    let (by, to) = (place(&key.0).expect("a column"), place(&set.0).expect("a column"));
    for row in rows.iter_mut().filter(|row| row[by] == key.1) {
        row[to] = set.1.clone();
    }
}

/// Keys and NOT NULL, as an engine checks them; the error has no place for the row.
pub(super) fn check(table: &Table, rows: &[Row], operation: &str) -> Result<()> {
    let broken = |code: &str| Err(AdapterError::new(ErrorKind::Engine, operation).on(&table.id).code(code));
    if rows.iter().any(|row| row.len() != table.columns.len()) {
        return broken("row-width");
    }
    let required = table.columns.iter().enumerate().filter(|(_, column)| !column.nullable);
    for (place, _) in required {
        if rows.iter().any(|row| row[place].is_null()) {
            return broken("not-null");
        }
    }
    let keys = std::iter::once(&table.primary_key).chain(&table.unique_keys).filter(|key| !key.is_empty());
    for key in keys {
        if repeats(table, rows, key) {
            return broken("duplicate-key");
        }
    }
    Ok(())
}

/// The parts of a key in one row, comparable; `None` when one is NULL, because then the key equals no other.
fn key_of(table: &Table, row: &Row, key: &[String]) -> Option<Vec<(&'static str, Vec<u8>)>> {
    let place = |part: &String| table.columns.iter().position(|column| &column.name == part);
    key.iter()
        .map(|part| &row[place(part).expect("a key names columns")])
        .map(|value| (!value.is_null()).then(|| (value.variant(), plain_bytes(value))))
        .collect()
}

fn repeats(table: &Table, rows: &[Row], key: &[String]) -> bool {
    let mut seen = BTreeSet::new();
    rows.iter().filter_map(|row| key_of(table, row, key)).any(|parts| !seen.insert(parts))
}

/// Whether a row of the child leads to a key that the parent's rows do not have.
fn dangles(child: &Table, link: &ForeignKey, child_rows: &[Row], parent: &Table, parent_rows: &[Row]) -> bool {
    let named = &link.referenced_columns;
    let key = if named.is_empty() { &parent.primary_key } else { named };
    let there: BTreeSet<_> = parent_rows.iter().filter_map(|row| key_of(parent, row, key)).collect();
    child_rows.iter().filter_map(|row| key_of(child, row, &link.columns)).any(|parts| !there.contains(&parts))
}

fn info(anchor: &str) -> StoreInfo {
    StoreInfo {
        engine: "memory".to_owned(),
        product: "Memory".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        identity: Identity {
            anchors: vec![anchor.to_owned()],
            follows: Known::Yes(Vec::new()),
            feeds: Known::Yes(Vec::new()),
        },
        role: Role { name: "tester".to_owned(), may_write: Known::Yes(true) },
        capabilities: Capabilities {
            snapshot_reads: true,
            atomic_units: true,
            rebuilds: true,
            enforces_links: false,
            sees_files: false,
            overwrites_freed: false,
        },
        last_write: Known::Unknown("not-kept".to_owned()),
        remote: false,
        read_footprint: Vec::new(),
    }
}

fn view(setup: &crate::setup::ViewSetup) -> View {
    View { id: TableId::plain(&setup.name), reads: vec![TableId::plain(&setup.reads)], stored: false }
}

fn declared(setup: &TableSetup) -> Table {
    let unique = setup.unique_keys.iter().enumerate().map(|(number, columns)| Index {
        name: format!("{}_unique_{number}", setup.name),
        columns: columns.clone(),
        unique: true,
    });
    Table {
        id: TableId::plain(&setup.name),
        kind: TableKind::Base,
        columns: setup.columns.iter().map(column).collect(),
        primary_key: setup.primary_key.clone(),
        unique_keys: setup.unique_keys.clone(),
        foreign_keys: setup.links.iter().map(link).collect(),
        parents: Vec::new(),
        indexes: unique.collect(),
        triggers: setup.triggers.iter().map(|one| Trigger { name: one.name.clone(), fires: true }).collect(),
        rows_estimate: None,
        definition: None,
        obstacles: setup
            .triggers
            .iter()
            .map(|one| lastbell_contract::Obstacle(format!("trigger:{}", one.name)))
            .collect(),
    }
}

fn column(setup: &crate::setup::ColumnSetup) -> Column {
    Column {
        name: setup.name.clone(),
        declared_type: setup.kind.word().to_owned(),
        kind: setup.kind,
        nullable: setup.nullable,
        generated: false,
        comment: None,
        charset: None,
    }
}

fn link(setup: &crate::setup::LinkSetup) -> ForeignKey {
    ForeignKey {
        name: Some(format!("{}_to_{}", setup.columns.join("_"), setup.references)),
        columns: setup.columns.clone(),
        references: TableId::plain(&setup.references),
        referenced_columns: setup.referenced_columns.clone(),
        on_delete: setup.on_delete,
        enforced: false,
    }
}
