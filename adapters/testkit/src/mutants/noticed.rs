//! Whether the suite notices every bug of [`BUGS`] around a real engine's adapter, too, and not only in memory. Reads the
//! list of bugs and the engine's subjects, writes nothing; the engine's own test says what cannot show there, and why.

use super::bugs::KINDS;
use super::{BUGS, Bug, MutantSubject};
use crate::suite::{Subject, Verdict, run_some};

/// A bug that cannot show on an engine, and why.
pub type Excuse = (Bug, &'static str);

/// Every `of`-th bug from the `nth` on, so that several tests can share them and run beside one another.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// From 0.
    pub nth: usize,
    /// How many share.
    pub of: usize,
}

/// Plants each bug of the share around the engine and tries the promises that it is said to break, in each manner that the
/// engine can have. Every such promise that the engine makes must be broken, and one at least; an excused bug breaks none.
///
/// # Panics
/// With all bugs that were not noticed, excuses that are not needed, and kinds of bugs of which none is left.
#[track_caller]
pub fn assert_noticed_on(manners: &[&dyn Subject], share: Share, excused: &[Excuse]) {
    let mut wrong = kinds_excused(excused);
    for (bug, promises) in BUGS.iter().skip(share.nth).step_by(share.of) {
        let excuse = excused.iter().find(|(known, _)| known == bug).map(|(_, why)| *why);
        let told: Vec<(&str, Seen)> = promises.iter().map(|promise| (*promise, seen(manners, *bug, promise))).collect();
        wrong.extend(judge(*bug, excuse, &told));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What one promise shows of a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It is broken, as it should be.
    Broken,
    /// It is kept, wherever the engine makes it.
    Kept,
    /// The engine does not make it.
    NotPromised,
}

fn seen(manners: &[&dyn Subject], bug: Bug, promise: &str) -> Seen {
    let mut seen = Seen::NotPromised;
    for subject in manners {
        let report = run_some(&MutantSubject::new(*subject, bug), &[promise]);
        assert_eq!(report.verdicts.len(), 1, "no promise is called «{promise}»");
        match &report.verdicts[0].1 {
            Verdict::Broken(_) => return Seen::Broken,
            Verdict::Kept => seen = Seen::Kept,
            Verdict::DoesNotApply(_) => {}
        }
    }
    seen
}

fn judge(bug: Bug, excuse: Option<&str>, told: &[(&str, Seen)]) -> Vec<String> {
    let named = |wanted: Seen| told.iter().filter(move |(_, seen)| *seen == wanted).map(|(promise, _)| *promise);
    if let Some(why) = excuse {
        let needless = |promise| format!("{bug:?} is excused ({why}) and was noticed by «{promise}»");
        return named(Seen::Broken).map(needless).collect();
    }
    let mut wrong: Vec<String> =
        named(Seen::Kept).map(|promise| format!("{bug:?} was not noticed by «{promise}»")).collect();
    if wrong.is_empty() && named(Seen::Broken).next().is_none() {
        wrong.push(format!("{bug:?} breaks nothing that this engine promises, and is not excused"));
    }
    wrong
}

/// A kind of bug that is excused whole was looked for by nobody.
fn kinds_excused(excused: &[Excuse]) -> Vec<String> {
    let all_excused = |bugs: &[Bug]| bugs.iter().all(|bug| excused.iter().any(|(known, _)| known == bug));
    let gone = KINDS.iter().filter(|(_, bugs)| all_excused(bugs));
    gone.map(|(kind, _)| format!("every bug of the kind «{kind}» is excused")).collect()
}
