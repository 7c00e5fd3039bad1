//! Announces each step of a scrub and of a tidy, and remembers its technique.

use lastbell_contract::{Moment, Operation, Result, Setting, Statement, TableId, Witness};

/// What was done so far.
pub(crate) struct Steps<'a> {
    witness: &'a mut dyn Witness,
    techniques: Vec<String>,
}

impl<'a> Steps<'a> {
    /// None yet.
    pub(crate) fn new(witness: &'a mut dyn Witness) -> Self {
        Self { witness, techniques: Vec::new() }
    }

    /// One step: before, the work, after.
    pub(crate) fn run<T>(
        &mut self,
        technique: &str,
        table: Option<&TableId>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.announced(&Statement::new(Operation::Scrub, table, technique), work)
    }

    /// A change of a setting.
    pub(crate) fn set<T>(&mut self, technique: &str, setting: &Setting, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.announced(&Statement::of_setting(technique, setting), work)
    }

    fn announced<T>(&mut self, statement: &Statement, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.witness.hear(Moment::Before, statement)?;
        let done = work()?;
        self.witness.hear(Moment::After, statement)?;
        self.techniques.push(statement.technique.clone());
        Ok(done)
    }

    /// The techniques that ran, in order.
    pub(crate) fn techniques(self) -> Vec<String> {
        self.techniques
    }
}
