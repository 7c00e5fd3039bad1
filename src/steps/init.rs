//! Step init: makes a case folder with a commented `case.yaml`, and its unlock secret outside of it.
//! Reads the answers given, writes `case.yaml`, `profile.yaml` when one is given, and the first line of the journal.

use super::Outcome;
use super::session::{CASE_FILE, PROFILE_FILE, unlock_file};
use crate::case::{CaseFolder, Secret};
use crate::failure::Result;
use crate::profile::builtin::builtin;
use crate::profile::case_file::{self, CaseFile, StoreEntry, StoreRole};
use crate::profile::{Profile, Source};
use crate::world::World;
use std::path::Path;

/// What the command line gives.
#[derive(Default)]
pub struct Given {
    /// Address of the retired system's store.
    pub source: Option<String>,
    /// Address of the new platform's store.
    pub target: Option<String>,
    /// Name of a profile that comes with the program, or a file.
    pub profile: Option<String>,
    /// Text of the answers: the same keys as case.yaml.
    pub answers: Option<Vec<u8>>,
}

/// Makes the case.
///
/// # Errors
/// `case-exists`, `init-no-source`, or what is wrong in the answers or the profile, with its place.
pub fn run(path: &Path, given: &Given, world: &mut World) -> Result<Outcome> {
    let answers = given.answers.as_deref().map(|bytes| Source::read("answers", bytes)).transpose()?;
    let id = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let id: String =
        id.chars().map(|letter| if letter.is_alphanumeric() || letter == '-' { letter } else { '_' }).collect();
    let start = CaseFile::new(&id, stores(given));
    if start.stores.is_empty() && answers.is_none() {
        return Err(failure!(Usage, "init-no-source"));
    }
    let text = case_file::render_new(&start, answers.as_ref())?;
    let (case, _) = CaseFile::load(CASE_FILE, text.as_bytes())?;
    let profile = profile_text(given, &case)?;
    let mut people = vec![(CASE_FILE, text.as_str())];
    people.extend(profile.as_deref().map(|profile| (PROFILE_FILE, profile)));
    let unlock = unlock_file(&case, world, path);
    let folder = CaseFolder::create(path, &case.case, &people, world)?;
    unlock.make(folder.path(), &Secret::new(world.random()?))?;
    let open = case.unanswered();
    let mut outcome = Outcome::done(
        line!("case-made", path = path.display(), case = case.case),
        serde_json::json!({ "case": case.case, "path": path, "unlock_file": unlock.0, "unanswered": open }),
    );
    outcome.lines.push(line!("case-unlock", path = unlock.0.display()));
    if !open.is_empty() {
        outcome.lines.push(line!("case-unanswered", lines = open.join(", ")));
    }
    Ok(outcome)
}

/// The profile that the case begins with: given on the command line, else named in the answers. Without one `discover`
/// drafts it.
fn profile_text(given: &Given, case: &CaseFile) -> Result<Option<String>> {
    let named = given.profile.as_ref().or(case.profile.as_ref());
    let Some(named) = named.filter(|named| !named.ends_with(PROFILE_FILE) || given.profile.is_some()) else {
        return Ok(None);
    };
    let bytes = match builtin(named) {
        Some(text) => text.as_bytes().to_vec(),
        None => std::fs::read(named).map_err(|_| failure!(Usage, "profile-unknown", name = named))?,
    };
    Ok(Some(Profile::load(named, &bytes)?.1.text().to_owned()))
}

fn stores(given: &Given) -> Vec<StoreEntry> {
    let entry = |name: &str, role: StoreRole, url: &String| StoreEntry {
        name: name.to_owned(),
        role,
        url: absolute(url),
        zone: None,
    };
    let source = given.source.as_ref().map(|url| entry("old", StoreRole::Source, url));
    let target = given.target.as_ref().map(|url| entry("new", StoreRole::Target, url));
    source.into_iter().chain(target).collect()
}

/// A path typed at the shell means the shell's folder; in case.yaml it must mean the same from everywhere.
fn absolute(url: &str) -> String {
    match url.split_once(':') {
        Some((scheme @ ("sqlite" | "file" | "receipt" | "csv"), path)) if !path.contains("${") => {
            let options = if scheme == "csv" { path.find('?') } else { None };
            let (path, options) = path.split_at(options.unwrap_or(path.len()));
            let whole = std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.display().to_string());
            format!("{scheme}:{whole}{options}")
        }
        Some(_) | None => url.to_owned(),
    }
}
