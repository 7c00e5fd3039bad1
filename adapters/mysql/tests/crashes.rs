//! Our own process is killed while a setting of the server is changed: the journal that it leaves is enough to restore it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod erased;

use erased::*;
use lastbell_contract::{
    Adapter, Level, Location, Means, Moment, Result, Scrub, Setting, Statement, Witness, settings_left,
};
use lastbell_mysql::Mysql;
use lastbell_testkit::servers::Mariadb;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

const LIFE: &str = "CREATE TABLE pupils (id INT PRIMARY KEY, name VARCHAR(80));
    INSERT INTO pupils SELECT seq, CONCAT('pupil ', seq) FROM seq_1_to_500;";

const TEST: &str = "settings_that_our_killed_process_left_are_restored_from_its_journal";

/// Where the child works, where it writes what it hears, and at which announcement it dies: `Before set-global`.
const STORE: &str = "LASTBELL_TEST_STORE";
const JOURNAL: &str = "LASTBELL_TEST_JOURNAL";
const DEATH: &str = "LASTBELL_TEST_DEATH";

/// Writes the settings down, each line synced as the core's journal is, and kills its own process at one announcement.
struct Suicidal {
    journal: File,
    at: String,
}

impl Witness for Suicidal {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()> {
        if let Some(Setting { name, old, new }) = &statement.setting {
            let (old, new) = (old.as_deref().unwrap(), new.as_deref().unwrap());
            writeln!(self.journal, "{moment:?}\t{name}\t{old}\t{new}").unwrap();
            self.journal.sync_all().unwrap();
        }
        if format!("{moment:?} {}", statement.technique) == self.at {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        Ok(())
    }
}

/// What the process does that gets killed.
fn scrub_and_die(url: &str) {
    let told = |name: &str| std::env::var(name).unwrap();
    let mut eraser = Mysql.open_eraser(&Location::parse(url).unwrap(), &permit()).unwrap();
    destroy(eraser.as_mut(), &["pupils"]);
    let wish = Scrub { level: Level::L2, means: Means::Dedicated, tables: tables(&["pupils"]) };
    let journal = OpenOptions::new().create_new(true).append(true).open(told(JOURNAL)).unwrap();
    let mut witness = Suicidal { journal, at: told(DEATH) };
    panic!("it outlived itself: {:?}", eraser.scrub(&wish, &mut witness).map(drop));
}

fn settings_of(journal: &Path) -> Vec<(Moment, Setting)> {
    let text = std::fs::read_to_string(journal).unwrap();
    let setting = |line: &str| {
        let parts: Vec<&str> = line.split('\t').collect();
        let moment = if parts[0] == "Before" { Moment::Before } else { Moment::After };
        (moment, Setting { name: parts[1].into(), old: Some(parts[2].into()), new: Some(parts[3].into()) })
    };
    text.lines().map(setting).collect()
}

/// Where the process dies; whether the setting is changed then; whether the journal names it as left.
const DEATHS: [(&str, bool, bool); 5] = [
    ("Before set-global", false, true),
    ("After set-global", true, true),
    ("Before drop-filler", true, true),
    ("Before restore-global", true, true),
    ("After restore-global", false, false),
];

#[test]
fn settings_that_our_killed_process_left_are_restored_from_its_journal() {
    if let Ok(url) = std::env::var(STORE) {
        return scrub_and_die(&url);
    }
    let name = if *MARIADB { "innodb_log_file_size" } else { "innodb_redo_log_capacity" };
    let folder = tempfile::tempdir().unwrap();
    // MySQL changes it only when the filler is gone.
    for (death, changed, named) in DEATHS.into_iter().filter(|one| *MARIADB || one.0 != "Before drop-filler") {
        let server = Mariadb::start(&ready().set(name, "33554432"));
        let store = Store::on(&server, LIFE);
        let size = || server.sql("", &format!("SELECT @@{name}")).trim().to_owned();
        let journal = folder.path().join(death);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", TEST]).env(STORE, server.url_as("root", &store.name));
        let ended = command.env(JOURNAL, &journal).env(DEATH, death).output().unwrap();
        assert_eq!(ended.status.signal(), Some(9), "{death}: {}", String::from_utf8_lossy(&ended.stdout));
        assert_eq!(size() != "33554432", changed, "{death}: {}", size());
        let told = settings_of(&journal);
        let left = settings_left(told.iter().map(|(moment, setting)| (*moment, setting)));
        assert_eq!(left.iter().any(|one| one.name == name), named, "{death}: {left:?}");
        let mut eraser = store.eraser();
        let mut heard = Heard::default();
        eraser.tidy(&left, &mut heard).unwrap();
        assert_eq!(heard.techniques().contains(&"restore-global"), named, "{death}: {:?}", heard.techniques());
        assert_eq!((size().as_str(), store.ours().as_str()), ("33554432", ""), "{death}");
        let reached = scrub(eraser.as_mut(), Level::L2, Means::Dedicated, &["pupils"]).unwrap().reach;
        assert_eq!(reached.level, Level::L2, "{death}: {reached:?}");
    }
}
