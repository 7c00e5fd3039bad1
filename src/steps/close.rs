//! Step close: ends what must not outlive the case. Deletes the unlock secret, the keys of verification, pseudonyms and
//! needles, and everything sealed under them in `work/`. `close --final` after the retention ends proofs and `sealed/`.

use super::session::Session;
use super::{Outcome, kept};
use crate::case::artefacts::name;
use crate::case::folder::READING;
use crate::case::keys::{KEYS, KEYS_CLOSED};
use crate::case::{Event, Purpose, WrappedKeys};
use crate::certificate::scalars::Day;
use crate::certificate::statement::Statement;
use crate::failure::Result;
use crate::world::World;

/// Closes the case.
///
/// # Errors
/// `close-too-early` without a certificate, or before the retention's end for `--final`.
pub fn run(session: &mut Session, world: &mut World, finally: bool) -> Result<Outcome> {
    if session.case.finished(name::CERTIFICATE).is_none() {
        return Err(failure!(Refused, "close-too-early", path = name::CERTIFICATE, until = "-"));
    }
    if finally {
        refuse_before_retention_ends(session, world)?;
    }
    if session.is_closed(finally) {
        return Ok(Outcome::done(line!("already-closed"), serde_json::json!({ "already_closed": true })));
    }
    let ended = end_keys(session, world)?;
    // The keys went first: whatever a crash leaves behind of the files is then unreadable.
    session.unlock_file(world).end()?;
    kept::remove(&session.case.path().join(READING))?;
    let dead = |path: &&String| path.starts_with("work/") || (finally && path.starts_with("sealed/"));
    let files: Vec<String> = session.case.files().keys().filter(dead).cloned().collect();
    for file in &files {
        session.case.destroy(world, file, "closed")?;
    }
    session.case.record(world, Event::Closed { final_: finally })?;
    let mut outcome = Outcome::done(
        line!("closed", keys = ended.join(", "), files = files.len()),
        serde_json::json!({ "keys_ended": ended, "files_destroyed": files.len(), "final": finally }),
    );
    outcome.lines.push(if finally { line!("closed-final-ends") } else { line!("closed-ends") });
    Ok(outcome)
}

/// Leaves the key of the proofs alone, wrapped to the operator only, beside what it opens. The new file stands before the
/// old one goes, so that no crash can lose that key.
fn end_keys(session: &mut Session, world: &World) -> Result<Vec<String>> {
    let ending = [Purpose::Verify, Purpose::Anonymise, Purpose::Needles];
    let words: Vec<String> = ending.iter().map(|purpose| purpose.word().to_owned()).collect();
    if session.case.finished(KEYS).is_none() {
        return Ok(words); // an earlier close broke off after this
    }
    if session.case.finished(KEYS_CLOSED).is_none() {
        let keys: WrappedKeys = session.case.artefact(KEYS)?;
        session.case.record(world, Event::KeysEnded { keys: words.clone() })?;
        session.case.write_artefact(world, "close", KEYS_CLOSED, &keys.closed(&ending))?;
    }
    session.case.destroy(world, KEYS, "closed")?;
    Ok(words)
}

impl Session {
    fn is_closed(&self, finally: bool) -> bool {
        let closed = |event: &Event| matches!(event, Event::Closed { final_ } if *final_ || !finally);
        self.case.entries().iter().any(|entry| closed(&entry.event))
    }
}

fn refuse_before_retention_ends(session: &Session, world: &World) -> Result<()> {
    let bytes = session.case.read(name::STATEMENT)?;
    let statement = Statement::from_payload(super::certify::payload_of(&bytes)?)?;
    let until = statement.predicate.retain_until;
    let today = Day::parse(&world.clock.now().strftime("%Y-%m-%d").to_string());
    if today.is_none_or(|today| today < until) {
        return Err(failure!(Refused, "close-too-early", path = name::CERTIFICATE, until = until));
    }
    Ok(())
}
