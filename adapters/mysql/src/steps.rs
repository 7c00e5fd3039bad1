//! Announces each step of a scrub or a tidy to the witness, and remembers the techniques that ran.

use lastbell_contract::{Moment, Operation, Result, Setting, Statement, TableId, Witness};

/// The announcer.
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
        let done = self.announce(&Statement::new(Operation::Scrub, table, technique), work)?;
        self.techniques.push(technique.to_owned());
        Ok(done)
    }

    /// One change of a setting. It is told with both values, so that the journal can take it back after a kill.
    pub(crate) fn set(&mut self, technique: &str, setting: &Setting, work: impl FnOnce() -> Result<()>) -> Result<()> {
        self.announce(&Statement::of_setting(technique, setting), work)?;
        self.techniques.push(technique.to_owned());
        Ok(())
    }

    fn announce<T>(&mut self, statement: &Statement, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.witness.hear(Moment::Before, statement)?;
        let done = work()?;
        self.witness.hear(Moment::After, statement)?;
        Ok(done)
    }

    /// The techniques that ran, in order.
    pub(crate) fn techniques(self) -> Vec<String> {
        self.techniques
    }
}
