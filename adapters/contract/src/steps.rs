//! Announces the steps of a scrub or a tidy to the witness, alike for every engine; and what of them a killed run left.

use crate::{Moment, Operation, Result, Setting, Statement, TableId, Witness};

/// Announces each step and remembers the techniques that ran.
pub struct Steps<'a> {
    witness: &'a mut dyn Witness,
    techniques: Vec<String>,
}

impl<'a> Steps<'a> {
    /// None yet.
    pub fn new(witness: &'a mut dyn Witness) -> Self {
        Self { witness, techniques: Vec::new() }
    }

    /// One step: before, the work, after.
    ///
    /// # Errors
    /// Those of the work and of the witness.
    pub fn run<T>(&mut self, technique: &str, table: Option<&TableId>, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.announced(Statement::new(Operation::Scrub, table, technique), work)
    }

    /// One change of a setting. It is told with both values, so that the journal can take it back after a kill.
    ///
    /// # Errors
    /// As [`Steps::run`].
    pub fn set<T>(&mut self, technique: &str, setting: &Setting, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.announced(Statement::of_setting(technique, setting), work)
    }

    fn announced<T>(&mut self, statement: Statement, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.witness.hear(Moment::Before, &statement)?;
        let done = work()?;
        self.witness.hear(Moment::After, &statement)?;
        self.techniques.push(statement.technique);
        Ok(done)
    }

    /// The techniques that ran, in order.
    #[must_use]
    pub fn techniques(self) -> Vec<String> {
        self.techniques
    }
}

/// Settings that were changed and not surely restored, from what a witness heard of them, in the order of their first
/// changes: `old` is what each was at first, `new` what it may still be. A change that was announced may have been made,
/// and a restoration that was announced may not.
#[must_use]
pub fn settings_left<'a>(heard: impl IntoIterator<Item = (Moment, &'a Setting)>) -> Vec<Setting> {
    let mut left: Vec<Setting> = Vec::new();
    for (moment, change) in heard {
        let known = left.iter().position(|setting| setting.name == change.name);
        match (moment, known) {
            (Moment::Before, None) => left.push(change.clone()),
            // Announced as restored: until that is confirmed, what it is restored from may stand.
            (Moment::Before, Some(at)) if left[at].old == change.new => left[at].new.clone_from(&change.old),
            (Moment::Before, Some(at)) => left[at].new.clone_from(&change.new),
            (Moment::After, Some(at)) if left[at].old == change.new => drop(left.remove(at)),
            (Moment::After, Some(_) | None) => {}
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use Moment::{After, Before};

    fn setting(old: Option<&str>, new: Option<&str>) -> Setting {
        Setting { name: "wal_recycle".into(), old: old.map(str::to_owned), new: new.map(str::to_owned) }
    }

    #[test]
    fn a_setting_is_left_until_its_restoration_is_confirmed() {
        let (off, back) = (setting(None, Some("off")), setting(Some("off"), None));
        let heard = [(Before, &off), (After, &off), (Before, &back), (After, &back)];
        for killed_after in 1..=3 {
            let left = settings_left(heard[..killed_after].iter().copied());
            assert_eq!(left, std::slice::from_ref(&off), "{killed_after}");
        }
        assert_eq!(settings_left(heard), []);
    }

    #[test]
    fn of_several_changes_the_first_knows_what_was_there_and_a_new_run_begins_anew() {
        let (bigger, other) = (setting(Some("4"), Some("96")), setting(Some("96"), Some("8")));
        let heard = [(Before, &bigger), (After, &bigger), (Before, &other)];
        assert_eq!(settings_left(heard), [setting(Some("4"), Some("8"))]);
        let (back, later) = (setting(Some("8"), Some("4")), setting(Some("5"), Some("96")));
        let restored = heard.into_iter().chain([(After, &other), (Before, &back), (After, &back)]);
        assert_eq!(settings_left(restored.chain([(Before, &later)])), std::slice::from_ref(&later));
    }
}
