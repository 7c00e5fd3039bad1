//! The only place that prints, asks, draws progress, reads the environment and picks exit codes.

mod args;
mod demo;
mod files;
pub mod messages;
mod outside;
mod progress;
mod show;

use self::args::{Arguments, Command, Digest, Erase, Keys, Lang, Profiles, Run, Trust, Verify};
use self::messages::{Language, Messages};
use crate::failure::{Exit, Failure, Result};
use crate::rate::Rate;
use crate::steps::{self, Outcome, Session};
use crate::world::World;
use clap::Parser;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;

/// Parses, runs, prints; returns the exit code.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let parsed = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => return show::usage(&error, json),
    };
    let language = language(parsed.lang);
    let messages = Messages::load(language);
    arm_faults();
    hide_panics(json);
    let mut world = outside::world(language, parsed.json);
    let work = std::panic::AssertUnwindSafe(|| dispatch(&parsed.command, &mut world, language, parsed.json));
    let result = std::panic::catch_unwind(work).unwrap_or_else(|_| Err(failure!(Bug, "bug")));
    world.progress.end();
    count_faults();
    show::result(&messages, parsed.json, name_of(&parsed.command), &result)
}

/// A panic's message may hold anything, a value of a row too: only the place in our code is told.
fn hide_panics(json: bool) {
    std::panic::set_hook(Box::new(move |panic| {
        if let (false, Some(place)) = (json, panic.location()) {
            show::panic_place(place.file(), place.line());
        }
    }));
}

#[cfg(feature = "faults")]
fn arm_faults() {
    let number = |name: &str| outside::variable(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    crate::world::fault::arm(number("LASTBELL_FAULT"));
    crate::world::fault::arm_halt(number("LASTBELL_FAULT_HALT"));
    crate::world::fault::arm_panic(number("LASTBELL_PANIC"));
}

#[cfg(not(feature = "faults"))]
fn arm_faults() {}

/// How many such places an undisturbed run passes, for the crash tests to draw from.
#[cfg(feature = "faults")]
fn count_faults() {
    if let Some(path) = outside::variable("LASTBELL_FAULT_COUNT") {
        let _ = std::fs::write(path, crate::world::fault::passed().to_string());
    }
}

#[cfg(not(feature = "faults"))]
fn count_faults() {}

fn language(chosen: Option<Lang>) -> Language {
    let from_locale = || ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(outside::variable);
    match chosen {
        Some(Lang::Ru) => Language::Ru,
        Some(Lang::En) => Language::En,
        None if from_locale().is_some_and(|locale| locale.starts_with("ru")) => Language::Ru,
        None => Language::En,
    }
}

fn dispatch(command: &Command, world: &mut World, language: Language, json: bool) -> Result<Outcome> {
    world.max_rate = max_rate(command);
    match command {
        Command::Demo(demo) => demo::run(world, language, json, &demo.dir, demo.rows as usize),
        Command::Discover(discover) => match (&discover.store, &discover.case) {
            (Some(url), _) => show::first_look(&steps::discover::first_look(world, url)?, discover.csv),
            (None, Some(case)) => {
                let mut session = Session::open(case, world)?;
                let outcome = steps::discover::run(&mut session, world, discover.again)?;
                if discover.csv { show::inventory_csv(&session) } else { Ok(outcome) }
            }
            (None, None) => Err(failure!(Usage, "usage-case")),
        },
        Command::Init(init) => {
            let given = steps::init::Given {
                source: init.source.clone(),
                target: init.target.clone(),
                profile: init.profile.clone(),
                answers: init.answers.as_deref().map(files::read).transpose()?,
            };
            steps::init::run(&init.case, &given, world)
        }
        Command::Doctor(one) => steps::doctor::run(&mut Session::open(&one.case, world)?, world),
        Command::Decide(decide) => {
            let lines = files::read(&decide.from)?;
            let mut session = Session::open(&decide.case, world)?;
            steps::decide::run(&mut session, world, &decide.from, &lines)
        }
        Command::Verify(verify) => {
            steps::verify::run(&mut Session::open(&verify.step.case, world)?, world, verify.step.again)
        }
        Command::Digest(arguments) => digest(arguments, world),
        Command::Plan(step) => steps::plan::run(&mut Session::open(&step.case, world)?, world, step.again),
        Command::Approve(sign) => approve(sign, world),
        Command::Erase(erase) => {
            let mut session = Session::open(&erase.step.case, world)?;
            confirm(&session, erase.yes, json)?;
            steps::erase::run(&mut session, world, erase.step.again)
        }
        Command::Residue(step) => steps::residue::run(&mut Session::open(&step.case, world)?, world, step.again),
        Command::Certify(step) => steps::certify::run(&mut Session::open(&step.case, world)?, world, step.again),
        Command::Sign(arguments) => sign(arguments, world),
        Command::Check(check) => {
            let request = steps::check::Request {
                certificates: check.certificates.clone(),
                trust: check.trust.clone(),
                root: check.root.clone(),
                evidence: check.evidence.clone(),
            };
            steps::check::run(&request, world)
        }
        Command::Run(one) => steps::run::run(&one.case, world),
        Command::Status(cases) => steps::status::run(&cases.cases, world),
        Command::Show(show) => {
            // Into a file or a pipe it would be a copy of personal data outside the case.
            if json || !std::io::stdout().is_terminal() {
                return Err(failure!(Refused, "show-terminal"));
            }
            steps::show::run(&mut Session::open(&show.case, world)?, world, show.mapping.as_deref())
        }
        Command::Close(close) => steps::close::run(&mut Session::open(&close.case, world)?, world, close.finally),
        Command::Profiles(Profiles::Check { subject }) if subject.is_dir() => {
            steps::profiles_check::of_case(&mut Session::open(subject, world)?, world)
        }
        Command::Profiles(Profiles::Check { subject }) => {
            steps::profiles_check::of_file(subject, &files::read(subject)?)
        }
        Command::Keys(keys) => match keys {
            Keys::New { purpose, out, password_file } => files::new_key(world, *purpose, out, password_file.as_deref()),
            Keys::Show { file, password_file } => files::show_key(file, password_file.as_deref()),
        },
        Command::Trust(trust) => match trust {
            Trust::New { region, out, key, password_file } => {
                let key = files::signing_key(key, password_file.as_deref())?;
                files::new_trust(world, region, out, &key)
            }
            Trust::Add { trust, public, holder, role, party, from, key, password_file } => {
                let key = files::signing_key(key, password_file.as_deref())?;
                files::add_trust(
                    world,
                    trust,
                    &files::NewHolder { public, holder, role, party, from: from.as_deref() },
                    &key,
                )
            }
        },
    }
}

fn approve(arguments: &args::Sign, world: &mut World) -> Result<Outcome> {
    let key = files::signing_key(&arguments.key, arguments.password_file.as_deref())?;
    if arguments.subject.is_dir() {
        return steps::approve::in_case(&mut Session::open(&arguments.subject, world)?, world, &key);
    }
    steps::approve::file_alone(&arguments.subject, world, &key)
}

/// A request on our side, a receipt on the platform's.
fn digest(arguments: &args::Digest, world: &mut World) -> Result<Outcome> {
    use crate::steps::digest::{Answer, SealTo, Unseal};
    let password = files::password(arguments.password_file.as_deref())?;
    if let Some(case) = &arguments.request {
        let public = arguments.to.as_deref().map(files::sealing_public_key).transpose()?;
        let to = match (&public, &password) {
            (Some(public), _) => SealTo::Key(public),
            (None, Some(password)) => SealTo::Password(password),
            (None, None) => return Err(failure!(Usage, "request-to-whom")),
        };
        return steps::digest::request(&mut Session::open(case, world)?, world, &arguments.out, &to);
    }
    let (Some(request), Some(profile), Some(store), Some(key)) =
        (&arguments.answer, &arguments.profile, &arguments.store, &arguments.key)
    else {
        return Err(failure!(Bug, "bug")); // the command line demands them together
    };
    let key = files::signing_key(key, arguments.key_password_file.as_deref())?;
    let unseal = arguments.unseal.as_deref();
    let unseal = unseal.map(|path| files::sealing_key(path, arguments.unseal_password_file.as_deref())).transpose()?;
    let unseal = match (&unseal, &password) {
        (Some(key), _) => Unseal::Key(key),
        (None, Some(password)) => Unseal::Password(password),
        (None, None) => return Err(failure!(Usage, "request-unseal-how")),
    };
    let (request_bytes, profile_bytes) = (files::read(request)?, files::read(profile)?);
    let answer = Answer {
        request: (request, &request_bytes),
        profile: (profile, &profile_bytes),
        store,
        out: &arguments.out,
        key: &key,
        unseal,
    };
    steps::digest::answer(world, &answer)
}

fn sign(arguments: &args::Sign, world: &mut World) -> Result<Outcome> {
    let key = files::signing_key(&arguments.key, arguments.password_file.as_deref())?;
    if arguments.subject.is_dir() {
        return steps::sign::in_case(&mut Session::open(&arguments.subject, world)?, world, &key);
    }
    steps::sign::file_alone(&arguments.subject, &key)
}

/// At a terminal the system's name must be typed; `--yes` is for places without one.
fn confirm(session: &Session, yes: bool, json: bool) -> Result<()> {
    if steps::erase::nothing_left(session) {
        return Ok(());
    }
    let terminal = std::io::stdin().is_terminal() && !json;
    match (yes, terminal) {
        (true, _) => Ok(()),
        (false, true) => {
            let name = session.plan()?.system;
            if show::ask_name(&name)? { Ok(()) } else { Err(failure!(Refused, "confirm-other")) }
        }
        (false, false) => Err(failure!(Refused, "confirm-missing")),
    }
}

fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Demo(_) => "demo",
        Command::Discover(_) => "discover",
        Command::Init(_) => "init",
        Command::Doctor(_) => "doctor",
        Command::Decide(_) => "decide",
        Command::Verify(_) => "verify",
        Command::Digest(_) => "digest",
        Command::Plan(_) => "plan",
        Command::Approve(_) => "approve",
        Command::Erase(_) => "erase",
        Command::Residue(_) => "residue",
        Command::Certify(_) => "certify",
        Command::Sign(_) => "sign",
        Command::Check(_) => "check",
        Command::Run(_) => "run",
        Command::Status(_) => "status",
        Command::Show(_) => "show",
        Command::Close(_) => "close",
        Command::Profiles(_) => "profiles",
        Command::Keys(_) => "keys",
        Command::Trust(_) => "trust",
    }
}

/// How fast the new platform may be read, where a command that reads it was told.
fn max_rate(command: &Command) -> Option<Rate> {
    match command {
        Command::Verify(Verify { visit, .. })
        | Command::Erase(Erase { visit, .. })
        | Command::Run(Run { visit, .. })
        | Command::Digest(Digest { visit, .. }) => visit.max_rate,
        Command::Demo(_)
        | Command::Discover(_)
        | Command::Init(_)
        | Command::Doctor(_)
        | Command::Decide(_)
        | Command::Plan(_)
        | Command::Approve(_)
        | Command::Residue(_)
        | Command::Certify(_)
        | Command::Sign(_)
        | Command::Check(_)
        | Command::Status(_)
        | Command::Show(_)
        | Command::Close(_)
        | Command::Profiles(_)
        | Command::Keys(_)
        | Command::Trust(_) => None,
    }
}

/// A failure about a file that a person named.
fn named(path: &Path, error: &std::io::Error) -> Failure {
    let mut failure = Failure::file(path, error);
    if failure.exit == Exit::Refused {
        failure.exit = Exit::Usage;
    }
    failure
}
