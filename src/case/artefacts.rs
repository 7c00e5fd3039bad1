//! The artefacts: what each step writes, whole and once. Figures, names and digests; never a value of a row.
//!
//! Every artefact names the case, when it was made, and the digest of each input. A schema word with a version stands
//! first, so that a case begun with one version of the program is finished with the next.

use crate::category::Category;
use crate::detect::TableFinding;
use crate::residue;
use crate::verify::report::{MappingResult, TableResult};
use lastbell_contract as contract;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names of the artefacts in the case folder.
pub mod name {
    /// Of `discover`.
    pub const INVENTORY: &str = "inventory.json";
    /// Of `verify`.
    pub const VERIFICATION: &str = "verification.json";
    /// Of `plan`.
    pub const PLAN: &str = "plan.json";
    /// Of `erase`.
    pub const ERASURE: &str = "erasure.json";
    /// Of `residue`.
    pub const RESIDUE: &str = "residue.json";
    /// Of `certify`.
    pub const STATEMENT: &str = "statement.json";
    /// Of `sign`, at the threshold.
    pub const CERTIFICATE: &str = "certificate.json";
}

/// What stands at the head of every artefact.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// `lastbell.<artefact>/v1`.
    pub schema: String,
    /// The case's id.
    pub case: String,
    /// RFC 3339, UTC.
    pub made_at: String,
    /// Version of the program.
    pub program: String,
    /// SHA-256 of each input: artefacts by name, people's files by `file#section`.
    pub inputs: BTreeMap<String, String>,
}

/// A file that an artefact goes on from, kept in `history/`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Predecessor {
    /// Path inside the case.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// A level condition as it was found.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Stable word.
    pub code: String,
    /// `pass`, `fail` or `unknown`.
    pub state: String,
    /// The first level that it blocks.
    pub blocks: String,
    /// Figures and names.
    pub detail: BTreeMap<String, String>,
}

/// How deep destruction can go in a store.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ReachFound {
    /// The deepest level whose conditions pass.
    pub level: String,
    /// All that was looked at.
    pub conditions: Vec<Condition>,
}

impl From<&contract::Reach> for ReachFound {
    fn from(reach: &contract::Reach) -> Self {
        let condition = |found: &contract::Precondition| Condition {
            code: found.code.clone(),
            state: match found.state {
                contract::State::Pass => "pass",
                contract::State::Fail => "fail",
                contract::State::Unknown => "unknown",
            }
            .to_owned(),
            blocks: found.blocks.word().to_owned(),
            detail: found.detail.iter().cloned().collect(),
        };
        Self { level: reach.level.word().to_owned(), conditions: reach.preconditions.iter().map(condition).collect() }
    }
}

/// One store as it was found.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct StoreFound {
    /// Its name in case.yaml.
    pub name: String,
    /// `source` or `target`.
    pub role: String,
    /// The adapter's scheme.
    pub engine: String,
    /// The product.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Marks that tell this store from another.
    pub anchors: Vec<String>,
    /// Marks of stores that this one receives changes from; `null` when it could not be looked at.
    pub follows: Option<Vec<String>>,
    /// The role that we come as.
    pub role_name: String,
    /// May that role write? `null`: could not look.
    pub may_write: Option<bool>,
    /// A whole scan sees one moment.
    pub snapshot_reads: bool,
    /// A unit goes wholly or not at all.
    pub atomic_units: bool,
    /// The engine enforces declared links for everyone.
    pub enforces_links: bool,
    /// What reading does to the store.
    pub read_footprint: Vec<String>,
    /// The tables.
    pub tables: Vec<TableFound>,
    /// Views: they repeat the data of the tables that they read.
    pub views: Vec<String>,
}

/// A link declared in the store.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The constraint's name, where it has one.
    pub name: Option<String>,
    /// Columns of this table.
    pub columns: Vec<String>,
    /// The table it leads to.
    pub references: String,
    /// What a DELETE there would do here: `none`, `cascade`, `set-null`, `set-default`.
    pub on_delete: String,
    /// Whether the engine enforces it.
    pub enforced: bool,
}

/// A column as it was found.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ColumnFound {
    /// Its name.
    pub name: String,
    /// The type in the store's words.
    pub declared_type: String,
    /// The logical kind.
    pub kind: String,
    /// NULL allowed.
    pub nullable: bool,
}

/// A table as it was found.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TableFound {
    /// Full name.
    pub name: String,
    /// `base`, `full-text` or `elsewhere`.
    pub kind: String,
    /// The table whose words a full-text table repeats.
    pub content: Option<String>,
    /// Rows, counted.
    pub rows: u64,
    /// SHA-256 over names, types, keys, links, triggers.
    pub fingerprint: String,
    /// Columns in the store's order.
    pub columns: Vec<ColumnFound>,
    /// Primary key.
    pub primary_key: Vec<String>,
    /// Declared links.
    pub links: Vec<Link>,
    /// Tables that it inherits from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// What forbids destroying it until decided.
    pub obstacles: Vec<String>,
    /// What discovery thinks; `null` for the target, whose rows are not looked at.
    pub finding: Option<TableFinding>,
}

impl TableFound {
    /// Tables that its declared links lead to, and those it inherits from.
    pub fn leads_to(&self) -> impl Iterator<Item = &String> {
        self.links.iter().map(|link| &link.references).chain(&self.parents)
    }

    /// The category that discovery gave a column, and its checksum rule.
    #[must_use]
    pub fn column_finding(&self, column: &str) -> Option<&crate::detect::ColumnFinding> {
        self.finding.as_ref()?.columns.iter().find(|finding| finding.column == column)
    }
}

/// `inventory.json`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Head.
    pub origin: Origin,
    /// Digest of the rules that judged.
    pub rule_set: String,
    /// Seed of the samples.
    pub seed: u64,
    /// Rows looked at per table, at most.
    pub sample_rows: u64,
    /// All stores.
    pub stores: Vec<StoreFound>,
}

impl Inventory {
    /// The source store and table of that name.
    #[must_use]
    pub fn source_table(&self, name: &str) -> Option<(&StoreFound, &TableFound)> {
        self.sources()
            .find_map(|store| store.tables.iter().find(|table| table.name == name).map(|table| (store, table)))
    }

    /// All source stores.
    pub fn sources(&self) -> impl Iterator<Item = &StoreFound> {
        self.stores.iter().filter(|store| store.role == "source")
    }

    /// The target, when there is one.
    #[must_use]
    pub fn target(&self) -> Option<&StoreFound> {
        self.stores.iter().find(|store| store.role == "target")
    }
}

/// A table's digest and how its rows are covered.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TableProof {
    /// The source store.
    pub store: String,
    /// Digest and count of all its rows.
    pub result: TableResult,
    /// Its mappings; empty when none: then only a waiver lets it go.
    pub mappings: Vec<String>,
}

/// The target as it was read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TargetRead {
    /// `live`, `receipt` or `export`.
    pub kind: String,
    /// Its name in case.yaml.
    pub store: String,
    /// When it was read, RFC 3339 UTC.
    pub read_at: String,
    /// The snapshot's mark.
    pub snapshot: String,
    /// Rows read there: the footprint of our visit.
    pub rows_read: u64,
    /// Bytes of these rows and of those read again to explain differences, in canonical form; 0 for a receipt.
    #[serde(default)]
    pub bytes_read: u64,
    /// The bound on our pace, such as `20MB/s`, or `none`; empty for a receipt.
    #[serde(default)]
    pub max_rate: String,
    /// A role that could write: a finding that is printed.
    pub role_could_write: Option<bool>,
    /// What was taken for it when it is a receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptRead>,
    /// What was read when it is an export. `read_at` is then the time of its newest file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<ExportRead>,
}

/// The export that stood for the platform.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ExportRead {
    /// All its files, by name.
    pub files: Vec<ExportFile>,
    /// Who says that they made it on the platform; `null` when nobody does.
    pub made_by: Option<String>,
}

/// A file of an export: the locked proof takes the same bytes or none.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ExportFile {
    /// Its name in the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was written, as the file system tells. RFC 3339, UTC.
    pub modified_at: String,
    /// SHA-256 of its bytes as they lie there, compressed or not.
    pub sha256: String,
}

/// The receipt that stood for the platform.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRead {
    /// SHA-256 of the file: the locked proof takes the same bytes or none.
    pub sha256: String,
    /// The request that it answers.
    pub request: String,
    /// Key id of who signed it.
    pub signer: String,
    /// The store's engine, as the keeper's program saw it.
    pub engine: String,
    /// Its product.
    pub product: String,
    /// Its version.
    pub version: String,
    /// When the keeper's program had read everything, by their clock. RFC 3339, UTC.
    pub finished_at: String,
    /// What digests alone do not tell: unknown, not «none». Stable words.
    pub cannot_tell: Vec<String>,
}

/// `verification.json`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Head.
    pub origin: Origin,
    /// What it goes on from.
    pub predecessor: Option<Predecessor>,
    /// The target; `null` when the case has none.
    pub target: Option<TargetRead>,
    /// Snapshot mark of each source store.
    pub snapshots: BTreeMap<String, String>,
    /// Tables to be destroyed.
    pub tables: Vec<TableProof>,
    /// Their mappings.
    pub mappings: Vec<MappingResult>,
    /// Sides of tables that an earlier run had read, which broke off: in other views than the above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_before: Vec<ReadBefore>,
    /// Source and target apart?
    pub kinship: Option<Kinship>,
}

/// A side of a table that a run read which broke off, and that this one went on from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ReadBefore {
    /// The source store.
    pub store: String,
    /// Its table.
    pub table: String,
    /// `source` or `target`.
    pub side: String,
    /// The snapshot's mark.
    pub snapshot: String,
    /// When that was opened, RFC 3339 UTC.
    pub read_at: String,
}

impl Verification {
    /// The proof of a table.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableProof> {
        self.tables.iter().find(|proof| proof.result.table == name)
    }

    /// The proofs of a table's mappings.
    pub fn mappings_of<'a>(&'a self, table: &'a str) -> impl Iterator<Item = &'a MappingResult> {
        self.mappings.iter().filter(move |result| result.source.table == table)
    }
}

/// A waiver that the plan uses.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// The table.
    pub table: String,
    /// The mapping, or `null` for a table without one.
    pub mapping: Option<String>,
    /// `missing`, `different`, `ambiguous`, or `unmapped`.
    pub verdict: String,
    /// Rows found.
    pub rows: u64,
    /// Rows allowed.
    pub rows_max: u64,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: String,
}

/// A table that goes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PlannedTable {
    /// Its name.
    pub table: String,
    /// Rows that were proved or waived.
    pub rows: u64,
    /// Digest of all its rows.
    pub root: String,
    /// Schema fingerprint.
    pub fingerprint: String,
    /// Rows matched.
    pub matched: u64,
    /// Rows moved on.
    pub moved_on: u64,
    /// Rows waived.
    pub waived: u64,
    /// Where its record lives afterwards: `platform`, `paper`, `expired: DATE`.
    pub retention: String,
    /// What the records are, in the operator's list.
    pub retention_category: Option<String>,
    /// Categories of its personal columns.
    pub categories: Vec<Category>,
    /// What the proof compares of its personal columns.
    pub columns: ColumnCoverage,
    /// Tables that its declared links lead to.
    pub leads_to: Vec<String>,
    /// Mappings that must hold again under lock.
    pub mappings: Vec<String>,
    /// The subject kind whose own row this is, if it is.
    pub subject: Option<String>,
}

/// A table's personal columns, by what the proof does with them.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ColumnCoverage {
    /// All of them.
    pub personal: u64,
    /// Compared exactly.
    pub compared: u64,
    /// Compared with a tolerance, or allowed to have changed.
    pub tolerated: u64,
    /// Not compared.
    pub left_out: u64,
}

/// Tables destroyed together.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PlannedUnit {
    /// `u1`, `u2`… in the order of work.
    pub unit: String,
    /// The store.
    pub store: String,
    /// Its tables, children before parents where declared links tell.
    pub tables: Vec<PlannedTable>,
    /// Kept tables that are locked with it.
    pub watched: Vec<String>,
    /// `whole-tables`.
    pub strategy: String,
    /// Why that strategy: a stable word.
    pub strategy_reason: String,
    /// Expected time under lock.
    pub lock_seconds: u64,
}

/// A kept table's key into a table that goes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The kept table.
    pub table: String,
    /// Its column.
    pub column: String,
    /// The table that goes.
    pub references: String,
    /// Whether the engine enforces the link, so that the constraint must be dropped by name.
    pub enforced: bool,
    /// The constraint's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// The decision; `null` blocks.
    pub decided_by: Option<String>,
    /// Its reason.
    pub reason: Option<String>,
    /// When it was decided.
    pub at: Option<String>,
}

/// A table that stays.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KeptTable {
    /// Its store.
    pub store: String,
    /// Its name.
    pub table: String,
    /// Why.
    pub reason: String,
    /// Rows at discovery.
    pub rows: u64,
    /// Schema fingerprint.
    pub fingerprint: String,
    /// Columns that discovery held to be personal, and a person did not: corrections downwards, printed in the act.
    pub corrections: Vec<Correction>,
}

/// A correction downwards.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// The column, or `null` for the whole table.
    pub column: Option<String>,
    /// What discovery said.
    pub category: Category,
    /// The checksum rule that was overridden by name, if one spoke.
    pub overridden_rule: Option<String>,
    /// Who corrected.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// A member of the commission.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Name: commission members are the only persons in the papers.
    pub name: String,
    /// Position.
    pub position: String,
    /// `chair`, `member`, `secretary`.
    pub role: String,
    /// `operator`, `processor`, `other`.
    pub party: String,
    /// SHA-256 of the public key's SPKI.
    pub key_id: String,
    /// The public key, SPKI PEM.
    pub public_key: String,
}

/// Who must approve.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Commission {
    /// How many distinct members.
    pub threshold: u64,
    /// Who may.
    pub members: Vec<Member>,
}

/// A hold that was in force when the plan was made (none may be), or was released.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The table.
    pub table: String,
    /// Why it is held.
    pub reason: String,
}

/// The relation of target and source.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Kinship {
    /// `apart`, or `attested` when it could not be looked at and a person states it.
    pub state: String,
    /// Who attested, if anyone.
    pub attested_by: Option<String>,
    /// Same tables with the same fingerprints as the source: looks like a restored copy. Named, never hidden.
    pub looks_like_a_copy: bool,
    /// Who attests that the target is the platform in use; a claim of its own.
    pub platform_attested_by: Option<String>,
}

/// `plan.json`: the dry run, whole. Its checker needs nothing else.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Head.
    pub origin: Origin,
    /// What it goes on from.
    pub predecessor: Option<Predecessor>,
    /// The system's name: typed by the operator before `erase`.
    pub system: String,
    /// After this moment no further unit begins. RFC 3339, UTC.
    pub valid_until: String,
    /// The level wanted.
    pub level: String,
    /// What each store's role can reach.
    pub reach: BTreeMap<String, ReachFound>,
    /// What goes.
    pub units: Vec<PlannedUnit>,
    /// What stays.
    pub kept: Vec<KeptTable>,
    /// Keys of kept tables into what goes.
    pub cuts: Vec<Cut>,
    /// Waivers used.
    pub waivers: Vec<Waived>,
    /// Holds in force.
    pub holds: Vec<Held>,
    /// Who must approve.
    pub commission: Commission,
    /// The target.
    pub target: Option<TargetRead>,
    /// Source and target apart? `null` when the case has no target.
    pub kinship: Option<Kinship>,
    /// Coverage of the proof.
    pub coverage: Coverage,
}

impl Plan {
    /// The unit of that name.
    #[must_use]
    pub fn unit(&self, name: &str) -> Option<&PlannedUnit> {
        self.units.iter().find(|unit| unit.unit == name)
    }

    /// Every planned table.
    pub fn tables(&self) -> impl Iterator<Item = &PlannedTable> {
        self.units.iter().flat_map(|unit| &unit.tables)
    }
}

/// The headline: how much of what goes was proved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Rows that go.
    pub rows: u64,
    /// Rows found unchanged in the target.
    pub proved: u64,
    /// Rows that moved on there.
    pub moved_on: u64,
    /// Rows waived.
    pub waived: u64,
    /// Personal columns that go.
    pub personal_columns: u64,
    /// Of these, compared exactly.
    pub compared: u64,
    /// Compared with a tolerance.
    pub tolerated: u64,
    /// Not compared.
    pub left_out: u64,
    /// Rows moved on by target column.
    pub moved_on_by_column: BTreeMap<String, u64>,
    /// Tolerances and reasons, printed: `mapping.column: word`.
    pub tolerances: Vec<String>,
}

/// How a unit ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UnitEnd {
    /// All its rows are gone.
    Destroyed,
    /// Nothing of it was touched; the failure's code and placeholders say why.
    Refused {
        /// The code.
        code: String,
        /// The placeholders.
        args: BTreeMap<String, String>,
    },
}

/// A table after erasure.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ErasedTable {
    /// Its name.
    pub table: String,
    /// Rows under lock, by two routes that agreed.
    pub rows_before: u64,
    /// Rows counted again from the store after everything; `null` when the unit was refused.
    pub rows_left: Option<u64>,
}

/// A unit after erasure.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ErasedUnit {
    /// The unit.
    pub unit: String,
    /// Its store.
    pub store: String,
    /// Its end.
    pub end: UnitEnd,
    /// Its tables.
    pub tables: Vec<ErasedTable>,
    /// The proof under lock: figures by mapping.
    pub proof: Vec<MappingResult>,
    /// When destruction was committed; `null` when refused.
    pub destroyed_at: Option<String>,
    /// Sealed files that hold its needles.
    pub needles: Vec<String>,
    /// Snapshot mark of the target during the locked proof.
    pub target_snapshot: Option<String>,
}

/// A store after cleaning.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CleanedStore {
    /// Its name.
    pub store: String,
    /// What was reached, looked at again afterwards.
    pub reach: ReachFound,
    /// The techniques that ran, in order.
    pub techniques: Vec<String>,
    /// Why nobody can tell when the store was last written to; `null` when it was looked at, or a person answered for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_unknown: Option<String>,
}

/// A gate of `erase` that a person opened.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// `cooling` or `life`.
    pub gate: String,
    /// Hours, for `cooling`.
    pub hours: Option<u64>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// `erasure.json`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Head.
    pub origin: Origin,
    /// What it goes on from.
    pub predecessor: Option<Predecessor>,
    /// When the first unit began.
    pub started_at: String,
    /// Key ids whose approvals were counted.
    pub approved_by: Vec<String>,
    /// Gates that a person opened.
    pub allowances: Vec<Allowance>,
    /// Every unit of the plan.
    pub units: Vec<ErasedUnit>,
    /// Every store that was cleaned.
    pub stores: Vec<CleanedStore>,
}

impl Erasure {
    /// Units that still stand.
    pub fn standing(&self) -> impl Iterator<Item = &ErasedUnit> {
        self.units.iter().filter(|unit| matches!(unit.end, UnitEnd::Refused { .. }))
    }
}

/// What the search saw for one unit's values.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct UnitResidue {
    /// The store.
    pub store: String,
    /// The unit.
    pub unit: String,
    /// The figures.
    pub report: residue::Report,
}

/// `residue.json`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Residue {
    /// Head.
    pub origin: Origin,
    /// A report per unit that was destroyed under any plan of the case.
    pub units: Vec<UnitResidue>,
    /// Rows read from tables that stay, by table: their values are not looked for.
    pub kept_rows: BTreeMap<String, u64>,
    /// The level that each store's evidence carries now.
    pub levels: BTreeMap<String, String>,
}
