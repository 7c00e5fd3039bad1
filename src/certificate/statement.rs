//! The statement inside a certificate: an in-toto Statement v1 with lastbell's predicate.
//! Reads and writes canonical JSON; `rules` holds what the fields owe each other.
//!
//! The only personal data are the names of the commission and of those who decided or attest. Every text is one printable
//! line, every integer is within 2^53 − 1, no field is a float, no field is unknown.

mod rules;

use crate::{
    certificate::{
        claims::Claim,
        keys::{KeyId, SigningPublicKey},
        scalars::{Day, Digest, Instant, Level, Party, State},
    },
    failure::Result,
    json,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Years for which act and certificate are kept (Roskomnadzor order 179, item 8).
pub const RETAINED_YEARS: i16 = 3;

/// The journal's name beside the evidence files.
pub const JOURNAL_FILE: &str = "journal.jsonl";

/// `_type` of an in-toto Statement v1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StatementType {
    /// The only one.
    #[default]
    #[serde(rename = "https://in-toto.io/Statement/v1")]
    V1,
}

/// What the predicate is. `.invalid` (RFC 2606) names without promising a page: the format is documented in
/// `docs/certificate-v1.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PredicateType {
    /// The only one.
    #[default]
    #[serde(rename = "https://lastbell.invalid/deletion-certificate/v1")]
    DeletionCertificateV1,
}

/// The signed statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// In-toto Statement v1.
    #[serde(rename = "_type")]
    pub statement_type: StatementType,
    /// The evidence files, sorted by name.
    pub subject: Vec<Evidence>,
    /// Deletion certificate v1.
    #[serde(rename = "predicateType")]
    pub predicate_type: PredicateType,
    /// What is stated.
    pub predicate: Predicate,
}

/// A file on which the statement rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Its path in the case folder: `[A-Za-z0-9._-]` and `/`, relative, without `..`.
    pub name: String,
    /// Its digest.
    pub digest: DigestSet,
}

/// In-toto's set of digests, with the one that is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestSet {
    /// SHA-256.
    pub sha256: Digest,
}

/// The predicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The certificate's own number.
    pub certificate_id: String,
    /// When the statement was frozen, by this machine's clock.
    pub issued_at: Instant,
    /// Language of the texts, `ru` or `en`.
    pub language: Language,
    /// Whose data it was.
    pub operator: Organisation,
    /// Who did the work for the operator; `null` when nobody was charged with it.
    pub processor: Option<Processor>,
    /// What was taken out of the world.
    pub system: System,
    /// Why.
    pub legal_basis: LegalBasis,
    /// Categories of data, sorted by code.
    pub categories: Vec<Category>,
    /// Whose data, without naming anyone.
    pub subjects: Subjects,
    /// How deep, store by store.
    pub levels: Vec<StoreLevel>,
    /// What was done, store by store.
    pub methods: Vec<Method>,
    /// Where the rows were proved to be; `null` when no row was compared.
    pub target: Option<Target>,
    /// How much of the data the proof covers.
    pub coverage: Coverage,
    /// Rows destroyed without their equal in the target.
    pub waivers: Vec<Waiver>,
    /// Foreign keys of kept tables that led into destroyed ones.
    pub cuts: Vec<Cut>,
    /// Where a person set less protection than was detected.
    pub corrections_downwards: Vec<Correction>,
    /// How many tables were kept.
    pub tables_kept: u64,
    /// Gates of destruction that a person opened.
    pub allowances: Vec<Allowance>,
    /// What the search for remains looked at; `null` when it did not run.
    pub residue: Option<Residue>,
    /// First destructive step.
    pub started_at: Instant,
    /// End of the last step.
    pub finished_at: Instant,
    /// The day that the act names.
    pub destroyed_on: Day,
    /// What came of it.
    pub outcome: Outcome,
    /// Units that still stand.
    pub standing_units: Vec<StandingUnit>,
    /// What is known to remain elsewhere.
    pub exceptions: Vec<Exception>,
    /// The commission.
    pub persons: Vec<Person>,
    /// How many of them must sign.
    pub policy: SigningPolicy,
    /// The journal when the statement was frozen. It may grow later: the digest is that of the first `entries` lines.
    pub journal: Journal,
    /// What did it.
    pub tool: Tool,
    /// Where it ran, as the machine tells of itself.
    pub place: Place,
    /// Which clock the instants come from, as the machine tells of itself.
    pub clock: Clock,
    /// Kept at least until.
    pub retain_until: Day,
    /// The certificate that this one replaces.
    pub supersedes: Option<String>,
    /// What is claimed, sorted by code.
    pub claims: Vec<Claim>,
}

/// Language of the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Russian.
    Ru,
    /// English.
    En,
}

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Full name.
    pub name: String,
    /// Taxpayer number, digits.
    pub inn: String,
    /// State registration number, digits.
    pub ogrn: String,
    /// Address.
    pub address: String,
}

/// A contractor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processor {
    /// Full name.
    pub name: String,
    /// Taxpayer number, digits.
    pub inn: String,
    /// Address.
    pub address: String,
    /// The contract that charges it with the work.
    pub contract: String,
}

/// The retired system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its name.
    pub name: String,
    /// Its number among the operator's systems with personal data.
    pub ispdn_id: String,
    /// Whether its server served others, too.
    pub server: Server,
    /// Its stores, sorted by name.
    pub stores: Vec<Store>,
}

/// Whom the server served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// This system alone.
    Dedicated,
    /// Others too, so that only a table owner's means were used.
    Shared,
}

/// A store of the retired system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Its name in the case.
    pub name: String,
    /// The adapter's name.
    pub engine: String,
    /// What the engine calls itself.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Digest of the marks that tell this store from any other.
    pub identity: Digest,
}

/// Why the data was destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegalBasis {
    /// Stable word, such as `purpose-reached`.
    pub reason: String,
    /// The day on which the purpose was reached.
    pub purpose_reached_on: Option<Day>,
    /// The order that decided it.
    pub order: Option<String>,
    /// The reason in words.
    pub text: String,
}

/// A category of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Stable word.
    pub code: String,
    /// In words.
    pub title: String,
}

/// Whose data: a number, or a number and a commitment to the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Subjects {
    /// A number.
    Count {
        /// Persons.
        count: u64,
        /// By group, sorted by code.
        groups: Vec<SubjectGroup>,
    },
    /// A number and the root of the subject tree; the list itself is sealed.
    Commitment {
        /// Persons.
        count: u64,
        /// By group, sorted by code.
        groups: Vec<SubjectGroup>,
        /// The tree.
        merkle: SubjectTree,
        /// The sealed list, also one of the subjects.
        annex: Option<Evidence>,
    },
}

/// Persons of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectGroup {
    /// Stable word: `pupil`, `parent`, `staff`…
    pub code: String,
    /// Persons.
    pub count: u64,
}

/// Root over one keyed leaf per person and store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectTree {
    /// How nodes are hashed.
    pub alg: TreeAlgorithm,
    /// What a leaf is made of.
    pub leaf: String,
    /// Leaves.
    pub size: u64,
    /// Root.
    pub root: Digest,
}

/// How nodes are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TreeAlgorithm {
    /// RFC 9162 with SHA-256.
    #[serde(rename = "rfc9162-sha256")]
    Rfc9162Sha256,
}

/// How deep destruction went in one store, and what was checked to say so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreLevel {
    /// The store.
    pub store: String,
    /// The lowest level of its tables.
    pub level: Level,
    /// What was checked.
    pub preconditions: Vec<Precondition>,
    /// The paper that fits the level.
    pub paper: Paper,
}

/// A condition of a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Precondition {
    /// Stable word.
    pub code: String,
    /// The first level that it blocks unless it passes.
    pub blocks: Level,
    /// The answer.
    pub state: State,
}

/// The paper beside a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paper {
    /// Protocol of the deletion of records: at L0.
    Protocol,
    /// Act of destruction: from L1 on.
    Act,
}

/// What was done in one store with one technique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// The store.
    pub store: String,
    /// Destroyed and anonymised stand apart.
    pub action: Action,
    /// Stable word or short text, such as `truncate + vacuum`.
    pub technique: String,
    /// Tables.
    pub tables: u64,
    /// Rows, counted in the store.
    pub rows: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Rows are gone.
    Destroy,
    /// Rows stay without what tells whose they are.
    Anonymise,
}

/// Where the rows were proved to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What was read.
    pub kind: TargetKind,
    /// Its name in the case.
    pub store: String,
    /// When it was read, or made.
    pub read_at: Instant,
    /// Who says that it is the platform in use: its keeper, never the contractor.
    pub is_platform_attested_by: Option<AttestedBy>,
    /// The receipt, when it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The export, when it was one; `read_at` is then when its newest file was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<Export>,
}

/// Files that the platform produced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// All of them.
    pub files: Vec<ExportFile>,
    /// Who says that they made them on the platform; never the contractor.
    pub made_by: Option<AttestedBy>,
}

/// A file of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// When it was written, as its file system told.
    pub modified_at: Instant,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// A receipt of the platform's keeper: whose word the digests are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Id of the key that signed it.
    pub signer: KeyId,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

/// What stood for the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A database that was read.
    Live,
    /// Keyed digests that its keeper made.
    Receipt,
    /// Files that it produced.
    Export,
}

/// Who attests something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttestedBy {
    /// Name.
    pub name: String,
    /// Whose person.
    pub party: Party,
}

/// The headline: how much of what was destroyed is proved, and by how many columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Rows destroyed; the sum of the next three.
    pub rows_total: u64,
    /// With their equal in the target.
    pub rows_proved: u64,
    /// With their counterpart there, changed since in columns that may change.
    pub rows_moved_on: u64,
    /// Without, waived with a reason.
    pub rows_waived: u64,
    /// Columns with personal data.
    pub personal_columns: u64,
    /// Of these, compared.
    pub compared: u64,
    /// Of the compared ones, with a declared tolerance.
    pub tolerated: u64,
    /// Of the personal columns, not compared.
    pub left_out: u64,
}

/// Rows destroyed without their equal, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// A mapping, or a table without one.
    pub of: WaiverOf,
    /// Its name.
    pub name: String,
    /// Verdict that was waived, `missing` or `different`…; `null` for a table without a mapping.
    pub verdict: Option<String>,
    /// Rows.
    pub rows: u64,
    /// The most that the decision allows.
    pub rows_max: u64,
    /// Reason.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// What a waiver is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaiverOf {
    /// A mapping.
    Mapping,
    /// A table that is not mapped.
    Table,
}

/// A kept table's foreign key that was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// `table.column`.
    pub key: String,
    /// Reason.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// A decision that protects less than was detected or proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Table.
    pub table: String,
    /// Column, when it is about one.
    pub column: Option<String>,
    /// What was detected.
    pub from: String,
    /// What was decided.
    pub to: String,
    /// Reason.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// A gate that a person opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allowance {
    /// Which.
    pub gate: Gate,
    /// Hours of cooling that were left; `null` for other gates.
    pub hours: Option<u64>,
    /// Reason.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: Instant,
}

/// A gate of destruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The waiting time between approval and destruction.
    Cooling,
    /// Signs of life in the system.
    Life,
}

/// What the search for remains looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Residue {
    /// Values looked for.
    pub needles: u64,
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Places where a value was found.
    pub hits: u64,
    /// Values that were not looked for.
    pub not_looked_for: Vec<NotLookedFor>,
    /// Places that were not looked at.
    pub not_looked_at: Vec<NotLookedAt>,
}

/// Values of a column that were not looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotLookedFor {
    /// Table.
    pub table: String,
    /// Column.
    pub column: String,
    /// Stable word: too short, common, sampled…
    pub why: String,
    /// Values.
    pub count: u64,
}

/// A place that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotLookedAt {
    /// The place.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that the plan names is destroyed, and nothing looked for was found.
    Destroyed,
    /// Destroyed; something is known to remain elsewhere.
    DestroyedWithExceptions,
    /// Some units still stand.
    Incomplete,
    /// A step broke off, and what it did could not be established.
    Unknown,
}

/// A unit that still stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandingUnit {
    /// Its name in the plan.
    pub unit: String,
    /// Its tables.
    pub tables: Vec<String>,
    /// Code of the reason.
    pub why: String,
}

/// What is known to remain elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// Until when.
    pub until: Option<Day>,
    /// Who answers for it.
    pub responsible: String,
}

/// A member of the commission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Role.
    pub role: PersonRole,
    /// Position.
    pub position: String,
    /// Name.
    pub name: String,
    /// Whose person.
    pub party: Party,
    /// The key that this person signs with; `null` for those who sign on paper only.
    pub key: Option<PersonKey>,
}

/// Role in the commission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersonRole {
    /// Chair.
    Chair,
    /// Member.
    Member,
    /// Secretary.
    Secretary,
}

/// A person's key: the id, and the key itself, so that a signature can be checked (if not trusted) without a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonKey {
    /// SHA-256 of `spki`'s DER.
    pub key_id: KeyId,
    /// The key.
    pub spki: SigningPublicKey,
}

impl From<SigningPublicKey> for PersonKey {
    fn from(spki: SigningPublicKey) -> Self {
        Self { key_id: spki.key_id(), spki }
    }
}

/// How many must sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SigningPolicy {
    /// Distinct holders.
    pub threshold: u32,
    /// Persons with a key.
    pub of: u32,
}

/// The journal's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Lines.
    pub entries: u64,
    /// Digest of the last of these lines, without its newline.
    pub head: Digest,
    /// Digest of these lines, newlines included.
    pub sha256: Digest,
}

/// The program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Digest of the running binary; `null` when it could not be read.
    pub binary_sha256: Option<Digest>,
}

/// That something is what the machine tells of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelfReported {
    /// Told, not proved.
    #[default]
    SelfReported,
}

/// Where the program ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Always self-reported.
    pub basis: SelfReported,
    /// Host name.
    pub host: String,
    /// Account.
    pub user: String,
    /// Operating system.
    pub os: String,
    /// Digest of the machine's id; `null` when it has none.
    pub machine_id_sha256: Option<Digest>,
}

/// Which clock was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Always self-reported.
    pub basis: SelfReported,
    /// Stable word: `system`, `ntp`…
    pub source: String,
    /// Known offset from the reference, milliseconds.
    pub offset_ms: Option<i64>,
}

impl Statement {
    /// The bytes to sign: canonical JSON without a newline, after the rules were kept.
    ///
    /// # Errors
    /// As [`Statement::from_payload`].
    pub fn to_payload(&self) -> Result<Vec<u8>> {
        self.check_rules()?;
        json::to_canonical(self).map_err(|_| failure!(Refused, "statement-not-canonical"))
    }

    /// Reads signed bytes and checks the rules that the fields owe each other.
    ///
    /// # Errors
    /// `statement-not-canonical`, `statement-text`, `statement-rule` (placeholder `rule`).
    pub fn from_payload(payload: &[u8]) -> Result<Self> {
        let statement: Self =
            json::from_canonical(payload).map_err(|_| failure!(Refused, "statement-not-canonical"))?;
        statement.check_rules()?;
        // A field that may be null must say so: serde would read a missing one as null, and there would be two spellings.
        if json::to_canonical(&statement).is_ok_and(|written| written == payload) {
            Ok(statement)
        } else {
            Err(failure!(Refused, "statement-not-canonical"))
        }
    }

    /// Persons who have a key.
    pub fn signers(&self) -> impl Iterator<Item = (&Person, &PersonKey)> {
        self.predicate.persons.iter().filter_map(|person| Some((person, person.key.as_ref()?)))
    }
}
