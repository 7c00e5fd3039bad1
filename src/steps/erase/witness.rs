//! Writes each statement that changes a store into the journal, synced, before it runs and again after it.

use crate::case::{CaseFolder, Event, SettingChanged};
use crate::failure::Failure;
use crate::world::{World, fault};
use lastbell_contract::{AdapterError, ErrorKind, Moment, Operation, Result, Statement, Witness};
use std::collections::BTreeMap;

/// The witness of one unit, or of work on the whole store.
pub(super) struct JournalWitness<'a> {
    case: &'a mut CaseFolder,
    world: &'a World,
    store: &'a str,
    unit: &'a str,
    /// Schema fingerprint by table, as it was under lock: drift after a crash is judged against it.
    schema: BTreeMap<String, String>,
    /// What the next statement leaves of its table's schema, when it changes it.
    schema_after: Option<String>,
    failure: Option<Failure>,
}

impl<'a> JournalWitness<'a> {
    pub(super) fn new(
        case: &'a mut CaseFolder,
        world: &'a World,
        store: &'a str,
        unit: &'a str,
        schema: BTreeMap<String, String>,
    ) -> Self {
        Self { case, world, store, unit, schema, schema_after: None, failure: None }
    }

    /// The next statements change their table's schema to this one.
    pub(super) fn schema_becomes(&mut self, fingerprint: Option<String>) {
        self.schema_after = fingerprint;
    }

    /// Our own failure, when it was ours that kept a statement from running.
    pub(super) fn into_failure(self) -> Option<Failure> {
        self.failure
    }

    fn record(&mut self, moment: Moment, statement: &Statement) -> crate::failure::Result<()> {
        if moment == Moment::Before {
            self.world.go_on()?;
        }
        let table = statement.table.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let event = Event::Statement {
            store: self.store.to_owned(),
            unit: self.unit.to_owned(),
            moment: match moment {
                Moment::Before => "before",
                Moment::After => "after",
            }
            .to_owned(),
            operation: match statement.operation {
                Operation::Destroy => "destroy",
                Operation::Rebuild => "rebuild",
                Operation::Cut => "cut",
                Operation::Commit => "commit",
                Operation::Setting => "setting",
                Operation::Scrub => "scrub",
            }
            .to_owned(),
            schema: self.schema.get(&table).cloned().unwrap_or_else(|| "-".to_owned()),
            table,
            schema_after: self.schema_after.clone(),
            technique: statement.technique.clone(),
            setting: statement.setting.as_ref().map(SettingChanged::from),
        };
        self.case.record(self.world, event)
    }
}

impl Witness for JournalWitness<'_> {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()> {
        fault::point();
        let recorded = self.record(moment, statement);
        fault::point();
        recorded.map_err(|failure| {
            self.failure = Some(failure);
            AdapterError::new(ErrorKind::Stopped, "journal")
        })
    }
}
