//! `lastbell demo`: the whole story on two invented SQLite diaries, told while the real steps run.

use super::messages::Language;
use crate::failure::Result;
use crate::steps::Outcome;
use crate::world::World;
use std::path::Path;

/// A folder that an earlier demo made carries this file; no other folder is ever replaced.
#[cfg(feature = "sqlite")]
const MARK: &str = ".lastbell-demo";

/// Tells the story.
#[cfg(feature = "sqlite")]
pub(super) fn run(world: &mut World, language: Language, json: bool, folder: &Path, pupils: usize) -> Result<Outcome> {
    let mut story = telling::Story::begin(world, language, json, folder, pupils)?;
    story.tell()
}

/// The embedded engine is not in this build.
#[cfg(not(feature = "sqlite"))]
pub(super) fn run(_: &mut World, _: Language, _: bool, _: &Path, _: usize) -> Result<Outcome> {
    Err(failure!(Usage, "engine-unknown", scheme = "sqlite", known = "-"))
}

#[cfg(feature = "sqlite")]
mod telling {
    use super::super::messages::Messages;
    use super::super::show;
    use super::{Language, MARK, Outcome, Path, Result, World};
    use crate::case::folder::write_synced;
    use crate::certificate::keys::{KeyKind, PrivateKey, SigningKey};
    use crate::certificate::scalars::{Instant, Party};
    use crate::certificate::trust;
    use crate::demo::{self, Diaries};
    use crate::engines::DemoWriter;
    use crate::failure::{Exit, Failure};
    use crate::steps::{self, Session};
    use std::fs;
    use std::path::PathBuf;

    /// The commission's people: file name of the key, holder, role, party.
    const HOLDERS: [(&str, &str, &str, Party); 3] = [
        ("ivanova", "Иванова Мария Петровна", "chair", Party::Operator),
        ("petrov", "Петров Олег Ильич", "member", Party::Operator),
        ("sidorov", "Сидоров Антон Львович", "member", Party::Processor),
    ];

    pub(super) struct Story<'a> {
        world: &'a mut World,
        messages: Messages,
        quiet: bool,
        folder: PathBuf,
        diaries: Diaries,
        keys: Vec<SigningKey>,
        root: SigningKey,
    }

    impl<'a> Story<'a> {
        pub(super) fn begin(
            world: &'a mut World,
            language: Language,
            quiet: bool,
            folder: &Path,
            pupils: usize,
        ) -> Result<Self> {
            make_room(folder)?;
            let folder = fs::canonicalize(folder).map_err(|error| Failure::file(folder, &error))?;
            let mut keys = Vec::new();
            for (name, ..) in HOLDERS {
                keys.push(new_key(world, &folder, name, KeyKind::Signing)?.into_signing()?);
            }
            new_key(world, &folder, "operator.x25519", KeyKind::Sealing)?;
            let root = new_key(world, &folder, "root", KeyKind::Signing)?.into_signing()?;
            let diaries = demo::diaries(demo::SEED, pupils);
            let messages = Messages::load(language);
            Ok(Self { world, messages, quiet, folder, diaries, keys, root })
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.join(name)
        }

        pub(super) fn tell(&mut self) -> Result<Outcome> {
            self.publish_trust()?;
            self.write_diaries()?;
            self.look()?;
            self.be_refused()?;
            self.repair()?;
            self.prove_and_approve()?;
            self.erase()?;
            self.certify()?;
            self.check()
        }

        fn chapter(&self, heading: &str) {
            if !self.quiet {
                show::chapter(&self.messages, heading);
            }
        }

        fn say(&self, outcome: &Outcome) {
            if !self.quiet {
                show::lines(&self.messages, outcome);
            }
        }

        fn session(&mut self) -> Result<Session> {
            Session::open(&self.path("case"), self.world)
        }

        /// The region published its list before the case began: a key counts from the day on which it was listed.
        fn publish_trust(&mut self) -> Result<()> {
            let now = Instant::from_unix(self.world.clock.now().as_second());
            let now = now.ok_or_else(|| failure!(Usage, "clock-bad"))?;
            let mut list = trust::new("Звонковская область", trust::Policy::default(), now, &self.root)?;
            for (key, (_, holder, role, party)) in self.keys.iter().zip(HOLDERS) {
                let new = trust::NewKey {
                    key: key.public(),
                    holder: holder.to_owned(),
                    role: role.to_owned(),
                    party,
                    not_before: now,
                    not_after: None,
                };
                list = trust::add(&list, new, now, &self.root)?;
            }
            write_synced(&self.path("trust.json"), &list, 0o644)
        }

        fn write_diaries(&mut self) -> Result<()> {
            self.chapter("demo-chapter-1");
            for (file, tables) in
                [("old/diary.db", &self.diaries.retired), ("platform/platform.db", &self.diaries.platform)]
            {
                let path = self.folder.join(file);
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(|error| Failure::file(parent, &error))?;
                }
                let mut writer = DemoWriter::create(&path)?;
                for table in tables {
                    table.ddl.iter().try_for_each(|ddl| writer.execute(ddl))?;
                    writer.insert(table.name, &table.columns, &table.rows)?;
                }
                writer.finish()?;
            }
            let rows = |tables: &[demo::DemoTable]| tables.iter().map(|table| table.rows.len()).sum::<usize>();
            let mut outcome = Outcome::default();
            outcome.lines.push(line!(
                "demo-diaries",
                old = "old/diary.db",
                old_tables = self.diaries.retired.len(),
                old_rows = rows(&self.diaries.retired),
                new = "platform/platform.db",
                new_tables = self.diaries.platform.len(),
                phones = self.diaries.phones_changed
            ));
            self.say(&outcome);
            Ok(())
        }

        fn look(&mut self) -> Result<()> {
            self.chapter("demo-chapter-2");
            let url = |file: &str| format!("sqlite:{}", self.path(file).display());
            let given = steps::init::Given {
                profile: Some("demo".to_owned()),
                answers: Some(demo::answers(&url("old/diary.db"), &url("platform/platform.db")).into_bytes()),
                ..steps::init::Given::default()
            };
            let made = steps::init::run(&self.path("case"), &given, self.world)?;
            self.say(&made);
            let mut session = self.session()?;
            let found = steps::discover::run(&mut session, self.world, false)?;
            self.say(&found);
            let decisions = demo::decisions(&self.diaries);
            let decided = steps::decide::run(&mut session, self.world, Path::new("decisions"), decisions.as_bytes())?;
            self.say(&decided);
            Ok(())
        }

        /// Some rows are missing on the platform: that must stop everything.
        fn be_refused(&mut self) -> Result<()> {
            self.chapter("demo-chapter-3");
            let mut session = self.session()?;
            let verified = steps::verify::run(&mut session, self.world, false)?;
            self.say(&verified);
            if verified.findings.is_empty() {
                return Err(failure!(Bug, "demo-off-script", chapter = 3));
            }
            let refused = steps::plan::run(&mut session, self.world, false).err();
            let refused = refused.filter(|failure| failure.exit == Exit::Refused);
            let refused = refused.ok_or_else(|| failure!(Bug, "demo-off-script", chapter = 3))?;
            if !self.quiet {
                show::explain(&self.messages, &refused);
            }
            if steps::erase::run(&mut session, self.world, false).is_ok() {
                return Err(failure!(Bug, "demo-off-script", chapter = 3));
            }
            Ok(())
        }

        /// The platform's keeper adds what the move forgot.
        fn repair(&mut self) -> Result<()> {
            self.chapter("demo-chapter-4");
            let mut writer = DemoWriter::open(&self.path("platform/platform.db"))?;
            for (table, columns, rows) in &self.diaries.left_out {
                writer.insert(table, columns, rows)?;
            }
            writer.finish()?;
            let rows: usize = self.diaries.left_out.iter().map(|(_, _, rows)| rows.len()).sum();
            let mut outcome = Outcome::default();
            outcome.lines.push(line!("demo-repaired", rows = rows));
            self.say(&outcome);
            Ok(())
        }

        fn prove_and_approve(&mut self) -> Result<()> {
            self.chapter("demo-chapter-5");
            let mut session = self.session()?;
            let verified = steps::verify::run(&mut session, self.world, true)?;
            self.say(&verified);
            if !verified.findings.is_empty() {
                return Err(failure!(Bug, "demo-off-script", chapter = 5));
            }
            let planned = steps::plan::run(&mut session, self.world, false)?;
            self.say(&planned);
            for key in &self.keys[..2] {
                let approved = steps::approve::in_case(&mut session, self.world, key)?;
                if !self.quiet {
                    show::lines(&self.messages, &approved);
                }
            }
            Ok(())
        }

        fn erase(&mut self) -> Result<()> {
            self.chapter("demo-chapter-6");
            let mut session = self.session()?;
            let erased = steps::erase::run(&mut session, self.world, false)?;
            self.say(&erased);
            let searched = steps::residue::run(&mut session, self.world, false)?;
            self.say(&searched);
            if erased.exit_code() != 0 || searched.exit_code() != 0 {
                return Err(failure!(Bug, "demo-off-script", chapter = 6));
            }
            Ok(())
        }

        fn certify(&mut self) -> Result<()> {
            self.chapter("demo-chapter-7");
            let mut session = self.session()?;
            let certified = steps::certify::run(&mut session, self.world, false)?;
            self.say(&certified);
            for key in &self.keys[..2] {
                let signed = steps::sign::in_case(&mut session, self.world, key)?;
                if !self.quiet {
                    show::lines(&self.messages, &signed);
                }
            }
            Ok(())
        }

        fn check(&mut self) -> Result<Outcome> {
            self.chapter("demo-chapter-8");
            let request = steps::check::Request {
                certificates: vec![self.path("case/certificate.json")],
                trust: Some(self.path("trust.json")),
                root: Some(self.root.key_id().to_string()),
                evidence: Some(self.path("case")),
            };
            let checked = steps::check::run(&request, self.world)?;
            self.say(&checked);
            if checked.exit_code() != 0 {
                return Err(failure!(Bug, "demo-off-script", chapter = 8));
            }
            let root = self.root.key_id();
            let mut outcome = Outcome::done(
                line!("demo-done", folder = self.folder.display(), root = root),
                serde_json::json!({ "folder": self.folder, "root": root.to_string(), "check": checked.document }),
            );
            if !self.quiet {
                outcome.lines.insert(0, line!("empty"));
            }
            Ok(outcome)
        }
    }

    /// The demo's folder, empty. A folder without the mark is somebody else's.
    fn make_room(folder: &Path) -> Result<()> {
        let io = |error: std::io::Error| Failure::file(folder, &error);
        if folder.exists() {
            let empty = fs::read_dir(folder).map_err(io)?.next().is_none();
            if !empty && !folder.join(MARK).is_file() {
                return Err(failure!(Usage, "demo-foreign-folder", path = folder.display()));
            }
            fs::remove_dir_all(folder).map_err(io)?;
        }
        fs::create_dir_all(folder).map_err(io)?;
        write_synced(&folder.join(MARK), b"made by lastbell demo\n", 0o644)
    }

    fn new_key(world: &mut World, folder: &Path, name: &str, kind: KeyKind) -> Result<PrivateKey> {
        let keys = folder.join("keys");
        fs::create_dir_all(&keys).map_err(|error| Failure::file(&keys, &error))?;
        let key = PrivateKey::from_random(kind, &world.random()?);
        write_synced(&keys.join(format!("{name}.pem")), key.to_pem().as_bytes(), 0o600)?;
        write_synced(&keys.join(format!("{name}.pub.pem")), key.public().to_pem().as_bytes(), 0o644)?;
        Ok(key)
    }
}
