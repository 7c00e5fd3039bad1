//! An open case with the files that people wrote, and what every step needs of them: which inputs an artefact stands on,
//! whether it must be made (again), what a person decided about a table, where the stores and keys are.

use super::{Line, Outcome};
use crate::case::artefacts::{Inventory, Origin, Plan, Predecessor, TableFound, name};
use crate::case::folder::write_whole;
use crate::case::{CaseFolder, Event, OperatorKey, Purpose, Secret, UnlockFile, WrappedKeys};
use crate::category::Category;
use crate::certificate::keys as key_files;
use crate::failure::{Failure, Result};
use crate::profile::case_file::{CaseFile, StoreRole};
use crate::profile::decisions::{self, Decisions, Effective, Settled};
use crate::profile::visit::VisitRules;
use crate::profile::{Profile, Zone, profile_file::Disposition, sections};
use crate::world::World;
use lastbell_contract::{Location, Moment, Setting, Table, TableId};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The people's files of a case.
pub const CASE_FILE: &str = "case.yaml";
/// See [`CASE_FILE`].
pub const PROFILE_FILE: &str = "profile.yaml";
/// See [`CASE_FILE`].
pub const DECISIONS_FILE: &str = "decisions.yaml";

/// Artefacts in the order in which they are made: each stands on those before it.
const CHAIN: [&str; 7] =
    [name::INVENTORY, name::VERIFICATION, name::PLAN, name::ERASURE, name::RESIDUE, name::STATEMENT, name::CERTIFICATE];

/// Sections that `verify` freezes.
const VERIFY_SECTIONS: [&str; 6] = [
    "case.receipt_signer",
    "profile.subjects",
    "profile.tables",
    "profile.mappings",
    "decisions.review",
    "decisions.table",
];
/// Sections that `plan` freezes besides.
const PLAN_SECTIONS: [&str; 11] = [
    "case.migrated_on",
    "case.target_days_max",
    "case.system",
    "case.level",
    "case.plan_valid_days",
    "case.commission",
    "case.attested",
    "decisions.waive",
    "decisions.retention",
    "decisions.cut",
    "decisions.hold",
];
/// Sections that `certify` freezes.
const CERTIFY_SECTIONS: [&str; 6] =
    ["case.operator", "case.processor", "case.legal", "case.exceptions", "case.attested", "case.system"];

/// Digests of what an artefact is made from, by name.
pub type Inputs = BTreeMap<String, String>;

/// What people wrote.
pub struct PeopleFiles {
    /// `case.yaml`.
    pub case: CaseFile,
    /// `profile.yaml`, when there is one.
    pub profile: Option<Profile>,
    /// `decisions.yaml`; empty when there is none.
    pub decisions: Decisions,
    /// What holds after all decisions; nothing before `discover`.
    pub effective: Effective,
}

/// A store of the case, ready to be opened.
pub struct StoreAt {
    /// Its name.
    pub name: String,
    /// Source or target.
    pub role: StoreRole,
    /// Its address with variables put in.
    pub location: Location,
    /// The clock of its times that tell no zone, where a person said so.
    pub zone: Option<Zone>,
    /// How it may be visited; of a target alone.
    pub visit: Option<VisitRules>,
}

/// Whether a step has work to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its artefact is there and stands on the inputs of now.
    Done,
    /// It must be made; the word says why: `first`, `again`, `stale`.
    ToMake(&'static str),
}

/// What is decided about a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The decision.
    pub disposition: Disposition,
    /// Why.
    pub reason: String,
    /// Who: a person's name, or `profile`.
    pub by: String,
    /// Checksum rules that the person overrides by name.
    pub overrides: Vec<String>,
    /// When: a person's date, or the day on which the case was opened for a profile's rule.
    pub at: String,
    /// True when a line of decisions.yaml settles the whole table, its columns in review too.
    pub by_person: bool,
}

/// An open case.
pub struct Session {
    /// The folder.
    pub case: CaseFolder,
    /// The people's files.
    pub files: PeopleFiles,
    /// Why the step that runs now makes its artefact anew, when it does.
    note: Option<Line>,
}

impl Session {
    /// Opens a case: checks every machine file, reads the people's files, and takes new lines of decisions.yaml into the
    /// journal.
    ///
    /// # Errors
    /// `tampered…`, `case-other-id`, or what is wrong in a people's file, with its place.
    pub fn open(path: &Path, world: &mut World) -> Result<Self> {
        let case = CaseFolder::open(path, world)?;
        let files = PeopleFiles::load(case.path())?;
        if files.case.case != case.id() {
            return Err(failure!(Refused, "case-other-id", found = files.case.case, opened = case.id()));
        }
        let mut session = Self { case, files, note: None };
        session.take_decisions(world)?;
        Ok(session)
    }

    /// A line that was journalled may not change; every line is checked against the inventory, new ones are journalled.
    fn take_decisions(&mut self, world: &World) -> Result<()> {
        let journalled = self.journalled_decisions();
        self.files.decisions.check_journalled(&journalled)?;
        let new = self.files.decisions.digests().split_off(journalled.len());
        let Some(inventory) = self.case.artefact_if_made::<Inventory>(name::INVENTORY)? else {
            return if new.is_empty() { Ok(()) } else { Err(failure!(Refused, "decision-before-discover")) };
        };
        self.files.effective = self.judge_decisions(&inventory, &self.files.decisions)?;
        if new.is_empty() { Ok(()) } else { self.case.record(world, Event::Decided { entries: new }) }
    }

    /// What decisions come to, checked against the inventory.
    ///
    /// # Errors
    /// The first entry that does not fit, with its place; the others follow as causes.
    pub fn judge_decisions(&self, inventory: &Inventory, decisions: &Decisions) -> Result<Effective> {
        let known = Known { inventory, profile: self.files.profile.as_ref() };
        decisions.effective(&known).map_err(|failures| {
            let chained = failures.into_iter().rev().reduce(|later, failure| failure.because(later));
            chained.unwrap_or_else(|| failure!(Bug, "bug"))
        })
    }

    fn journalled_decisions(&self) -> Vec<String> {
        let decided = self.case.entries().iter().filter_map(|entry| match &entry.event {
            Event::Decided { entries } => Some(entries.clone()),
            _ => None, // every other event
        });
        decided.flatten().collect()
    }

    /// Does a step have work to do? If so, what was made before moves to `history/` and the journal says why.
    ///
    /// # Errors
    /// `unit-begun` when a unit is half destroyed: it keeps its plan; `erase` must finish it first.
    pub fn begin(
        &mut self,
        world: &mut World,
        step: &str,
        artefact: &str,
        inputs: &Inputs,
        again: bool,
    ) -> Result<Standing> {
        let made = self.case.finished(artefact).is_some();
        let changed = if made { self.changed(artefact, inputs)? } else { Vec::new() };
        let why = match (made, again, changed.is_empty()) {
            (false, _, _) => "first",
            (true, true, _) => "again",
            (true, false, false) => "stale",
            (true, false, true) => return Ok(Standing::Done),
        };
        if made {
            let told = if changed.is_empty() { "-".to_owned() } else { changed.join(", ") };
            self.note = Some(line!("made-again", path = artefact, why = why, changed = told));
            if let Some(unit) = self.begun_unit() {
                return Err(failure!(Refused, "unit-begun", unit = unit));
            }
            self.retire_from(world, artefact)?;
        }
        let event = Event::StepBegun { step: step.to_owned(), why: why.to_owned(), changed, inputs: inputs.clone() };
        self.case.record(world, event)?;
        Ok(Standing::ToMake(why))
    }

    /// Moves an artefact and everything made from it into `history/`; approvals die with their plan, signatures with their
    /// statement.
    fn retire_from(&mut self, world: &World, artefact: &str) -> Result<()> {
        let place = CHAIN.iter().position(|name| *name == artefact).unwrap_or(0);
        let dead = |name: &str| {
            CHAIN[place..].contains(&name)
                || (name.starts_with("approvals/") && place <= 2)
                || name.starts_with("signatures/")
                || name == "certificate.html"
        };
        let names: Vec<String> = self.case.files().keys().filter(|name| dead(name)).cloned().collect();
        self.case.retire(world, &names)?;
        Ok(())
    }

    /// Which inputs of an artefact differ from those of now.
    ///
    /// # Errors
    /// `tampered`.
    pub fn changed(&self, artefact: &str, inputs: &Inputs) -> Result<Vec<String>> {
        let recorded = match artefact {
            // An in-toto statement has no room for them: they stand in the journal.
            name::STATEMENT => self.inputs_in_journal("certify"),
            _ => self.case.artefact::<Head>(artefact)?.origin.inputs, // a text
        };
        let names: BTreeSet<&String> = recorded.keys().chain(inputs.keys()).collect();
        Ok(names.into_iter().filter(|name| recorded.get(*name) != inputs.get(*name)).cloned().collect())
    }

    fn inputs_in_journal(&self, wanted: &str) -> Inputs {
        let begun = self.case.entries().iter().rev().find_map(|entry| match &entry.event {
            Event::StepBegun { step, inputs, .. } if step == wanted => Some(inputs.clone()),
            _ => None, // every other event
        });
        begun.unwrap_or_default()
    }

    /// Refuses when an artefact is not there or does not stand on the inputs of now.
    ///
    /// # Errors
    /// `step-missing`, `step-stale` naming the command.
    pub fn require(&self, step: &'static str, artefact: &str, inputs: &Inputs) -> Result<()> {
        if self.case.finished(artefact).is_none() {
            return Err(failure!(Refused, "step-missing", step = step, path = artefact));
        }
        let changed = self.changed(artefact, inputs)?;
        if !changed.is_empty() {
            return Err(failure!(Refused, "step-stale", step = step, changed = changed.join(", ")));
        }
        Ok(())
    }

    /// The step's outcome, headed by why it ran again.
    #[must_use]
    pub fn noted(&mut self, mut outcome: Outcome) -> Outcome {
        outcome.lines.splice(0..0, self.note.take());
        outcome
    }

    /// The outcome of a step that is done.
    ///
    /// # Errors
    /// None in practice.
    pub fn nothing_to_do(&self, artefact: &str) -> Result<Outcome> {
        Ok(Outcome::done(line!("already-done", path = artefact), serde_json::json!({ "already_done": artefact })))
    }

    /// The head of a new artefact.
    #[must_use]
    pub fn origin(&self, world: &World, kind: &str, inputs: Inputs) -> Origin {
        Origin {
            schema: format!("lastbell.{kind}/v1"),
            case: self.case.id().to_owned(),
            made_at: world.now_text(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            inputs,
        }
    }

    /// Inputs of `discover`: the stores of case.yaml.
    #[must_use]
    pub fn inputs_of_discover(&self) -> Inputs {
        self.pick(&["case.stores"], &[])
    }

    /// Inputs of `verify`.
    #[must_use]
    pub fn inputs_of_verify(&self) -> Inputs {
        self.pick(&[&VERIFY_SECTIONS[..], &["case.migrated_on"]].concat(), &[name::INVENTORY])
    }

    /// Inputs of `plan`.
    #[must_use]
    pub fn inputs_of_plan(&self) -> Inputs {
        self.pick(&[&VERIFY_SECTIONS[..], &PLAN_SECTIONS].concat(), &[name::INVENTORY, name::VERIFICATION])
    }

    /// Inputs of `erase`: the plan. Holds, releases and allowances are read as they are now.
    #[must_use]
    pub fn inputs_of_erase(&self) -> Inputs {
        self.pick(&[], &[name::PLAN])
    }

    /// Inputs of `residue`.
    #[must_use]
    pub fn inputs_of_residue(&self) -> Inputs {
        self.pick(&["case.residue"], &[name::ERASURE])
    }

    /// Inputs of `certify`.
    #[must_use]
    pub fn inputs_of_certify(&self) -> Inputs {
        let artefacts = [name::INVENTORY, name::VERIFICATION, name::PLAN, name::ERASURE, name::RESIDUE];
        self.pick(&CERTIFY_SECTIONS, &artefacts)
    }

    fn pick(&self, people: &[&str], artefacts: &[&str]) -> Inputs {
        let mut digests = sections::of_case(&self.files.case);
        digests.extend(self.files.profile.iter().flat_map(sections::of_profile));
        digests.extend(sections::of_decisions(&self.files.decisions));
        let mut inputs: Inputs = digests.into_iter().filter(|(name, _)| people.contains(&name.as_str())).collect();
        for artefact in artefacts {
            if let Some(finished) = self.case.finished(artefact) {
                inputs.insert((*artefact).to_owned(), finished.sha256.clone());
            }
        }
        inputs
    }

    /// The stores with their addresses.
    ///
    /// # Errors
    /// A variable that is not set.
    pub fn stores(&self, world: &World) -> Result<Vec<StoreAt>> {
        let at = |store: &crate::profile::case_file::StoreEntry| {
            let location = store.location(&*world.variable)?;
            let visit = self.files.case.target_visit.clone().filter(|_| store.role == StoreRole::Target);
            Ok(StoreAt { name: store.name.clone(), role: store.role, location, zone: store.zone.clone(), visit })
        };
        self.files.case.stores.iter().map(at).collect()
    }

    /// One store.
    ///
    /// # Errors
    /// `store-unknown`.
    pub fn store(&self, world: &World, name: &str) -> Result<StoreAt> {
        let found = self.stores(world)?.into_iter().find(|store| store.name == name);
        found.ok_or_else(|| failure!(Refused, "store-unknown", store = name))
    }

    /// Who states something in case.yaml, by its word.
    #[must_use]
    pub fn attested(&self, what: &str) -> Option<String> {
        let mut attested = self.files.case.attested.iter();
        attested.find(|statement| statement.what == what).map(|statement| statement.by.clone())
    }

    /// The profile.
    ///
    /// # Errors
    /// `profile-missing`.
    pub fn profile(&self) -> Result<&Profile> {
        self.files.profile.as_ref().ok_or_else(|| failure!(Refused, "profile-missing", path = PROFILE_FILE))
    }

    /// What is decided about a table: a person's latest line, else the profile's.
    ///
    /// # Errors
    /// `profile-missing`.
    pub fn ruling(&self, table: &str) -> Result<Ruling> {
        if let Some(decided) = self.files.effective.tables.get(table) {
            let disposition = match decided.value {
                Settled::Destroy => Disposition::Destroy,
                Settled::Keep => Disposition::Keep,
            };
            return Ok(Ruling {
                disposition,
                reason: decided.reason.clone(),
                by: decided.by.clone(),
                at: decided.at.text().to_owned(),
                overrides: decided.overrides.clone(),
                by_person: true,
            });
        }
        let rule = self.profile()?.tables.get(table);
        Ok(Ruling {
            disposition: rule.map_or(Disposition::Review, |rule| rule.disposition),
            reason: rule.and_then(|rule| rule.reason.clone()).unwrap_or_default(),
            by: "profile".to_owned(),
            at: self.case.entries().first().map(|entry| entry.at.clone()).unwrap_or_default(),
            overrides: Vec::new(),
            by_person: false,
        })
    }

    /// The source tables that are to be destroyed and still stand, with their stores' names.
    ///
    /// # Errors
    /// `profile-missing`.
    pub fn tables_to_destroy<'a>(&self, inventory: &'a Inventory) -> Result<Vec<(&'a str, &'a TableFound)>> {
        let gone = self.gone_tables();
        let mut tables = Vec::new();
        for store in inventory.sources() {
            for table in store.tables.iter().filter(|table| !gone.contains(&table.name)) {
                if self.ruling(&table.name)?.disposition == Disposition::Destroy {
                    tables.push((store.name.as_str(), table));
                }
            }
        }
        Ok(tables)
    }

    /// Tables of units that are done, over all plans of the case.
    #[must_use]
    pub fn gone_tables(&self) -> BTreeSet<String> {
        let left = self.case.entries().iter().filter_map(|entry| match &entry.event {
            Event::UnitDone { left, .. } => Some(left.keys().cloned()),
            _ => None, // every other event
        });
        left.flatten().collect()
    }

    /// Settings of a store's server that a killed run changed and did not surely restore.
    #[must_use]
    pub fn settings_left(&self, store: &str) -> Vec<Setting> {
        let heard: Vec<(Moment, Setting)> = self
            .case
            .entries()
            .iter()
            .filter_map(|entry| match &entry.event {
                Event::Statement { store: of, moment, setting: Some(changed), .. } if of == store => {
                    let moment = if moment == "before" { Moment::Before } else { Moment::After };
                    Some((moment, changed.into()))
                }
                _ => None, // every other event
            })
            .collect();
        lastbell_contract::settings_left(heard.iter().map(|(moment, setting)| (*moment, setting)))
    }

    /// Whether a table's schema is the expected one, or what a journalled cut of ours left of it.
    #[must_use]
    pub fn is_schema(&self, table: &Table, expected: &str) -> bool {
        let (name, now) = (table.id.to_string(), super::discover::fingerprint(table));
        now == expected
            || self.case.entries().iter().any(|entry| match &entry.event {
                Event::Statement { table, schema_after: Some(after), .. } => *table == name && *after == now,
                _ => false, // every other event
            })
    }

    /// A unit whose destruction has begun and is neither done nor refused.
    #[must_use]
    pub fn begun_unit(&self) -> Option<String> {
        let mut begun = BTreeSet::new();
        for entry in self.case.entries() {
            match &entry.event {
                Event::UnitProved { unit, .. } => {
                    begun.insert(unit.clone());
                }
                Event::UnitDone { unit, .. } | Event::UnitRefused { unit, .. } => {
                    begun.remove(unit);
                }
                _ => {} // events that are not about units
            }
        }
        begun.into_iter().next()
    }

    /// Personal columns of a table as they stand after a person's reviews, with their categories.
    #[must_use]
    pub fn personal_columns(&self, table: &TableFound) -> BTreeMap<String, Category> {
        let mut personal = BTreeMap::new();
        for column in &table.columns {
            let place = (table.name.clone(), column.name.clone());
            let reviewed = self.files.effective.reviews.get(&place).map(|decided| decided.value);
            let found = table.column_finding(&column.name).map(|finding| finding.category);
            let category = reviewed.or(found).unwrap_or(Category::None);
            if category != Category::None {
                personal.insert(column.name.clone(), category);
            }
        }
        personal
    }

    /// Where the unlock secret lies.
    #[must_use]
    pub fn unlock_file(&self, world: &World) -> UnlockFile {
        unlock_file(&self.files.case, world, self.case.path())
    }

    /// Opens one of the case's keys.
    ///
    /// # Errors
    /// `artefact-missing` before `discover`, `unlock-missing`, `unlock-wrong`, `key-ended`.
    pub fn key(&self, world: &World, purpose: Purpose) -> Result<Secret> {
        let keys: WrappedKeys = self.case.artefact(crate::case::keys::KEYS)?;
        keys.open(purpose, &self.unlock_file(world).read()?)
    }

    /// The operator's sealing key.
    ///
    /// # Errors
    /// `operator-key-missing` naming the line, or what is wrong with the file.
    pub fn operator_key(&self) -> Result<OperatorKey> {
        use hpke::Serializable as _;
        let named = self.files.case.operator_key.as_deref();
        let named = named.ok_or_else(|| failure!(Refused, "operator-key-missing", path = CASE_FILE))?;
        let path = self.beside(named);
        let about = |failure: Failure| failure!(Usage, "key-file", path = path.display()).caused(failure);
        let bytes = fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let key = key_files::read_public(&bytes).and_then(key_files::PublicKey::into_sealing).map_err(about)?;
        Ok(OperatorKey { public: key.for_hpke().to_bytes().into(), key_id: key.key_id().to_string() })
    }

    /// A path that a people's file names, from the case folder.
    #[must_use]
    pub fn beside(&self, named: &str) -> PathBuf {
        self.case.path().join(named)
    }

    /// Puts a drafted profile where it overwrites nothing that a person may have touched.
    ///
    /// # Errors
    /// File failures.
    pub fn put_draft(&mut self, profile: &Profile) -> Result<String> {
        let text = profile.render(self.files.case.language);
        if fs::read(self.case.path().join(PROFILE_FILE)).is_ok_and(|standing| standing == text.as_bytes()) {
            return Ok(PROFILE_FILE.to_owned()); // a run that broke off right after this had put it there
        }
        let name = if self.files.profile.is_some() { "profile.draft.yaml" } else { PROFILE_FILE };
        write_whole(&self.case.path().join(name), text.as_bytes())?;
        if name == PROFILE_FILE {
            self.files.profile = Some(profile.clone());
        }
        Ok(name.to_owned())
    }

    /// The artefact of that kind in `history/` that the current chain goes on from: the newest one that a unit was
    /// destroyed under.
    ///
    /// # Errors
    /// `tampered`.
    pub fn predecessor(&self, artefact: &str) -> Result<Option<Predecessor>> {
        if self.gone_tables().is_empty() {
            return Ok(None);
        }
        let number = |path: &str| path.split('/').nth(1).and_then(|number| number.parse::<u64>().ok());
        let suffix = format!("/{artefact}");
        let in_history =
            self.case.files().iter().filter(|(path, _)| path.starts_with("history/") && path.ends_with(&suffix));
        let newest = in_history.max_by_key(|(path, _)| number(path));
        Ok(newest.map(|(path, finished)| Predecessor { path: path.clone(), sha256: finished.sha256.clone() }))
    }

    /// The plans of the case, oldest first, each with its SHA-256: the current one and those that it goes on from.
    ///
    /// # Errors
    /// `artefact-missing`, `tampered`.
    pub fn plans(&self) -> Result<Vec<(String, Plan)>> {
        let digest = |path: &str| self.case.finished(path).map(|file| file.sha256.clone()).unwrap_or_default();
        let mut plans: Vec<(String, Plan)> = vec![(digest(name::PLAN), self.case.artefact(name::PLAN)?)];
        while let Some(predecessor) = plans.last().and_then(|(_, plan)| plan.predecessor.clone()) {
            if digest(&predecessor.path) != predecessor.sha256 {
                return Err(failure!(Refused, "tampered", path = predecessor.path));
            }
            plans.push((predecessor.sha256, self.case.artefact(&predecessor.path)?));
        }
        plans.reverse();
        Ok(plans)
    }

    /// The current plan.
    ///
    /// # Errors
    /// `artefact-missing`.
    pub fn plan(&self) -> Result<Plan> {
        self.case.artefact(name::PLAN)
    }
}

/// The part of an artefact that every one has.
#[derive(serde::Deserialize)]
struct Head {
    origin: Origin,
}

impl PeopleFiles {
    fn load(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Failure::file(&path, &error)),
            }
        };
        let case = read(CASE_FILE)?.ok_or_else(|| failure!(Usage, "case-file-missing", path = CASE_FILE))?;
        let profile = read(PROFILE_FILE)?.map(|bytes| Profile::load(PROFILE_FILE, &bytes)).transpose()?;
        let decisions = read(DECISIONS_FILE)?.unwrap_or_default();
        Ok(Self {
            case: CaseFile::load(CASE_FILE, &case)?.0,
            profile: profile.map(|(profile, _)| profile),
            decisions: Decisions::load(DECISIONS_FILE, &decisions)?,
            effective: Effective::default(),
        })
    }
}

/// Where the unlock secret of a case lies: case.yaml, then the environment, then the user's state folder.
#[must_use]
pub fn unlock_file(case: &CaseFile, world: &World, folder: &Path) -> UnlockFile {
    let named = case.unlock_file.as_ref().map(|named| folder.join(named));
    let from_environment = || (world.variable)("LASTBELL_UNLOCK_FILE").map(PathBuf::from);
    UnlockFile(
        named.or_else(from_environment).unwrap_or_else(|| world.unlock_folder.join(format!("{}.unlock", case.case))),
    )
}

/// What decisions may name.
struct Known<'a> {
    inventory: &'a Inventory,
    profile: Option<&'a Profile>,
}

impl decisions::Known for Known<'_> {
    fn has_table(&self, table: &str) -> bool {
        self.inventory.source_table(table).is_some()
    }

    fn has_column(&self, table: &str, column: &str) -> bool {
        self.inventory
            .source_table(table)
            .is_some_and(|(_, table)| table.columns.iter().any(|found| found.name == column))
    }

    fn has_mapping(&self, mapping: &str) -> bool {
        self.profile.is_some_and(|profile| profile.mappings.iter().any(|known| known.name == mapping))
    }

    fn checksum_rule(&self, table: &str, column: &str) -> Option<String> {
        self.inventory.source_table(table)?.1.column_finding(column)?.checksum_rule.clone()
    }

    fn checksum_rules(&self, table: &str) -> BTreeSet<String> {
        let finding = self.inventory.source_table(table).and_then(|(_, table)| table.finding.as_ref());
        finding.iter().flat_map(|finding| &finding.columns).filter_map(|column| column.checksum_rule.clone()).collect()
    }
}

/// The contract's name of a table of the inventory.
#[must_use]
pub fn table_id(catalog: &lastbell_contract::Catalog, name: &str) -> Option<TableId> {
    catalog.tables.iter().find(|table| table.id.to_string() == name).map(|table| table.id.clone())
}
