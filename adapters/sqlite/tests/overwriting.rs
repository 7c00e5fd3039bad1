//! L2f: the old file's bytes are overwritten where they lie, and a kill at any place loses no kept row.
#![allow(clippy::unwrap_used)]

mod common;
use common::*;
use lastbell_contract::{ErrorKind, Level, Means, Moment, Result, Scrub, State, Statement, Witness};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LOADED: &str = "CREATE TABLE pupils (id INTEGER PRIMARY KEY, name TEXT, note TEXT);
    CREATE TABLE kept (x UNIQUE);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO pupils SELECT i, printf('canary%06d', i), hex(randomblob(40)) FROM n;
    INSERT INTO kept SELECT id FROM pupils WHERE id <= 300; ANALYZE;";

/// A folder on a file system that overwrites in place: the usual one, or shared memory.
fn in_place(mode: &str) -> (TempDir, PathBuf) {
    for parent in [std::env::temp_dir(), PathBuf::from("/dev/shm")] {
        let Ok(folder) = tempfile::tempdir_in(parent) else { continue };
        let path = folder.path().join("diary.db");
        let mut writer = lastbell_sqlite::Writer::create(&path).unwrap();
        writer.execute(&format!("PRAGMA journal_mode = {mode}; PRAGMA secure_delete = OFF; {LOADED}")).unwrap();
        writer.finish().unwrap();
        if state(&path, "overwrite-in-place") == State::Pass {
            return (folder, path);
        }
    }
    panic!("these tests need a file system that overwrites in place: set TMPDIR");
}

fn state(path: &Path, code: &str) -> State {
    let reach = reader(path).unwrap().reach(Level::L2f, Means::Dedicated).unwrap();
    reach.preconditions.into_iter().find(|one| one.code == code).unwrap().state
}

/// An ordinary user cannot look into all processes. Then L2f must be refused, and that is all that can be tested.
fn cannot_look(path: &Path) -> bool {
    match state(path, "no-other-connection") {
        State::Pass => return false,
        State::Fail => panic!("nobody else has the file open, and yet somebody was seen"),
        State::Unknown => {}
    }
    let mut eraser = eraser(path).unwrap();
    destroy(eraser.as_mut(), &["pupils"]);
    let error = failed(scrub(eraser.as_mut(), Level::L2f, &["pupils"]));
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unsafe, Some("no-other-connection")));
    true
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    format!("{}{ending}", path.display()).into()
}

fn level_2f() -> Scrub {
    Scrub { level: Level::L2f, means: Means::Dedicated, tables: vec![table("pupils")] }
}

fn check_end(path: &Path, what: &str) {
    let folder = path.parent().unwrap();
    assert_eq!(canaries_in(folder).len(), 0, "{what}: destroyed values are left");
    assert_eq!(names(folder), ["diary.db"], "{what}: files are left");
    let mut reader = reader(path).unwrap();
    assert_eq!(all_rows(reader.as_mut(), "kept").len(), 300, "{what}: kept rows are lost");
    assert_eq!(reader.count(&table("pupils")).unwrap(), 0, "{what}");
}

#[test]
fn the_old_file_and_its_journals_are_zero_where_they_lie() {
    for (mode, ending) in [("DELETE", "-journal"), ("WAL", "-wal")] {
        let (folder, path) = in_place(mode);
        if cannot_look(&path) {
            return;
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let witness = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
        let (old, log) = (witness.path().join("old"), witness.path().join("log"));
        let mut eraser = eraser(&path).unwrap();
        destroy(eraser.as_mut(), &["pupils"]);
        std::fs::hard_link(&path, &old).unwrap();
        std::fs::hard_link(beside(&path, ending), &log).unwrap();
        let both = canaries_in(witness.path()).len();
        assert!(both >= 1800, "{mode}: the test must find at least 90 % before, not {both}");
        let scrubbed = eraser.scrub(&level_2f(), &mut Heard::default()).unwrap();
        assert_eq!(scrubbed.reach.level, Level::L2f, "{:?}", scrubbed.reach);
        for (name, bytes) in picture(witness.path()) {
            assert!(bytes.len() > 4096 && bytes.iter().all(|byte| *byte == 0), "{mode}: {name} is not zero");
        }
        drop(eraser);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640, "the file's mode was lost");
        check_end(&path, mode);
    }
}

#[test]
fn an_eraser_that_goes_before_the_scrub_leaves_no_log_in_free_blocks() {
    for (mode, ending) in [("DELETE", "-journal"), ("WAL", "-wal")] {
        let (folder, path) = in_place(mode);
        let witness = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
        let mut eraser = eraser(&path).unwrap();
        destroy(eraser.as_mut(), &["pupils"]);
        std::fs::hard_link(beside(&path, ending), witness.path().join("log")).unwrap();
        drop(eraser);
        let log = picture(witness.path()).remove("log").unwrap();
        assert!(log.len() > 4096 && log.iter().all(|byte| *byte == 0), "{mode}");
        assert_eq!(names(folder.path()), ["diary.db"], "{mode}");
        assert_eq!(all_rows(reader(&path).unwrap().as_mut(), "kept").len(), 300, "{mode}");
    }
}

#[test]
fn a_file_that_is_cut_at_each_commit_cannot_reach_2f() {
    let (_folder, path) = in_place("DELETE; PRAGMA auto_vacuum = FULL");
    assert_eq!(state(&path, "auto-vacuum-off"), State::Fail);
    let mut eraser = eraser(&path).unwrap();
    let error = failed(eraser.scrub(&level_2f(), &mut Heard::default()));
    assert!(["auto-vacuum-off", "no-other-connection"].contains(&error.code.as_deref().unwrap()));
}

#[test]
fn after_a_swap_the_eraser_goes_on_with_the_new_file() {
    let (_folder, path) = in_place("DELETE");
    if cannot_look(&path) {
        return;
    }
    let mut eraser = eraser(&path).unwrap();
    destroy(eraser.as_mut(), &["pupils"]);
    eraser.scrub(&level_2f(), &mut Heard::default()).unwrap();
    assert_eq!(all_rows(eraser.as_mut(), "kept").len(), 300);
    eraser.scrub(&level_2f(), &mut Heard::default()).unwrap();
    destroy(eraser.as_mut(), &["kept"]);
    eraser
        .scrub(&Scrub { level: Level::L2, means: Means::Dedicated, tables: vec![table("kept")] }, &mut Heard::default())
        .unwrap();
    drop(eraser);
    assert_eq!(reader(&path).unwrap().count(&table("kept")).unwrap(), 0);
    assert_eq!(names(path.parent().unwrap()), ["diary.db"]);
}

/// At each announcement a fresh process comes, tries, and is gone.
struct Comers<'a> {
    path: &'a Path,
    tries: usize,
}

impl Witness for Comers<'_> {
    fn hear(&mut self, moment: Moment, statement: &Statement) -> Result<()> {
        let mut other = Other::start("trying", self.path);
        assert_eq!(other.ask(), "read busy write busy", "{moment:?} {}", statement.technique);
        other.kill();
        self.tries += 1;
        Ok(())
    }
}

#[test]
fn nobody_comes_in_while_the_file_is_swapped() {
    for mode in ["DELETE", "WAL"] {
        let (_folder, path) = in_place(mode);
        if cannot_look(&path) {
            return;
        }
        let mut eraser = eraser(&path).unwrap();
        destroy(eraser.as_mut(), &["pupils"]);
        let mut comers = Comers { path: &path, tries: 0 };
        eraser.scrub(&level_2f(), &mut comers).unwrap();
        assert!(comers.tries >= 8, "{}", comers.tries);
        let mut other = Other::start("trying", &path);
        assert_eq!(other.ask(), "read busy write busy", "the new file is not locked");
        drop(eraser);
        assert_eq!(other.ask(), "read done write done");
        other.leave();
    }
}

#[test]
fn a_process_that_only_has_the_file_open_forbids_the_swap() {
    let (folder, path) = in_place("DELETE");
    let other = Other::start("resting", &path);
    let mut first = eraser(&path).unwrap();
    destroy(first.as_mut(), &["pupils"]);
    let error = failed(first.scrub(&level_2f(), &mut Heard::default()));
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Busy, Some("no-other-connection")));
    drop(first);
    other.leave();
    assert_eq!(names(folder.path()), ["diary.db"]);
    if !cannot_look(&path) {
        let mut second = eraser(&path).unwrap();
        second.scrub(&level_2f(), &mut Heard::default()).unwrap();
        drop(second);
        check_end(&path, "second run");
    }
}

/// A copy of a folder as a kill leaves it; two names of one file stay two names of one file.
fn as_killed(path: &Path) -> (TempDir, PathBuf) {
    let folder = path.parent().unwrap();
    let killed = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
    let copy = killed.path().join("diary.db");
    let inode = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.ino()).ok();
    for (name, bytes) in picture(folder) {
        let target = killed.path().join(&name);
        if name != "diary.db" && inode(&folder.join(&name)) == inode(path) {
            std::fs::hard_link(&copy, target).unwrap(); // "diary.db" sorts before all others
        } else {
            std::fs::write(target, bytes).unwrap();
        }
    }
    (killed, copy)
}

fn finish(path: &Path) {
    let mut eraser = eraser(path).unwrap();
    eraser.tidy(&[], &mut Heard::default()).unwrap();
    if eraser.count(&table("pupils")).unwrap() > 0 {
        destroy(eraser.as_mut(), &["pupils"]);
    }
    eraser.scrub(&level_2f(), &mut Heard::default()).unwrap();
}

#[test]
fn a_kill_at_each_announced_step_ends_the_same() {
    for mode in ["DELETE", "WAL"] {
        let mut techniques = vec!["vacuum-into", "swap-file", "overwrite", "journal-overwrite", "statistics-delete"];
        techniques.extend(if mode == "WAL" { vec!["wal-checkpoint", "wal-overwrite", "journal-mode"] } else { vec![] });
        for technique in techniques {
            for moment in [Moment::Before, Moment::After] {
                let (_folder, path) = in_place(mode);
                if cannot_look(&path) {
                    return;
                }
                let mut first = eraser(&path).unwrap();
                destroy(first.as_mut(), &["pupils"]);
                let mut heard = Heard::refusing(moment, technique);
                assert_eq!(failed(first.scrub(&level_2f(), &mut heard)).kind, ErrorKind::Stopped, "{mode} {technique}");
                let (_killed, copy) = as_killed(&path);
                first.tidy(&[], &mut Heard::default()).unwrap();
                first.scrub(&level_2f(), &mut Heard::default()).unwrap();
                drop(first);
                finish(&copy);
                check_end(&copy, &format!("{mode} {moment:?} {technique}, killed"));
                check_end(&path, &format!("{mode} {moment:?} {technique}, stopped"));
            }
        }
    }
}

#[test]
fn the_database_is_there_at_every_moment_of_a_swap() {
    let (_folder, path) = in_place("DELETE");
    if cannot_look(&path) {
        return;
    }
    let swapping = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut missing = 0;
            while swapping.load(std::sync::atomic::Ordering::Relaxed) {
                missing += u32::from(!path.exists());
            }
            missing
        });
        for _ in 0..10 {
            let mut eraser = eraser(&path).unwrap();
            eraser.scrub(&level_2f(), &mut Heard::default()).unwrap();
        }
        swapping.store(false, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(watcher.join().unwrap(), 0, "a kill at that moment would have left no database");
    });
}

#[test]
fn a_swap_that_broke_between_its_two_renames_or_while_overwriting_is_finished() {
    let (_folder, path) = in_place("DELETE");
    if cannot_look(&path) {
        return;
    }
    let original = std::fs::read(&path).unwrap();
    finish(&path);
    let states: [(&str, &dyn Fn()); 4] = [
        ("second name, half a new file", &|| {
            std::fs::hard_link(&path, beside(&path, ".lastbell-old")).unwrap();
            std::fs::write(beside(&path, ".lastbell-new"), &original[..5000]).unwrap();
        }),
        ("old file untouched", &|| std::fs::write(beside(&path, ".lastbell-old"), &original).unwrap()),
        ("old file without its body", &|| {
            let mut half = original.clone();
            half[4096..20_000].fill(0);
            std::fs::write(beside(&path, ".lastbell-old"), half).unwrap();
        }),
        ("old file without its head", &|| {
            let mut half = original.clone();
            half[..4096].fill(0);
            std::fs::write(beside(&path, ".lastbell-old"), half).unwrap();
        }),
    ];
    for (what, make) in states {
        make();
        let mut eraser = eraser(&path).unwrap();
        eraser.tidy(&[], &mut Heard::default()).unwrap();
        drop(eraser);
        check_end(&path, what);
    }
}

#[test]
fn a_stranger_of_our_name_is_refused_and_stays() {
    let (_folder, path) = in_place("DELETE");
    let stranger = beside(&path, ".lastbell-old");
    std::fs::write(&stranger, b"somebody's only copy of something").unwrap();
    let error = failed(eraser(&path).unwrap().tidy(&[], &mut Heard::default()));
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unsafe, Some("foreign-file")));
    assert_eq!(std::fs::read(&stranger).unwrap(), b"somebody's only copy of something");
    std::fs::remove_file(&stranger).unwrap();
    let target = path.with_file_name("target");
    std::fs::write(&target, b"SQLite format 3\0 and more").unwrap();
    std::os::unix::fs::symlink(&target, &stranger).unwrap();
    failed(eraser(&path).unwrap().tidy(&[], &mut Heard::default()));
    assert_eq!(std::fs::read(&target).unwrap(), b"SQLite format 3\0 and more", "a link was followed");
}

#[test]
fn a_process_killed_at_any_time_ends_the_same() {
    let (_folder, path) = in_place("DELETE");
    if cannot_look(&path) {
        return;
    }
    let begun = Instant::now();
    let mut whole = Other::start("erasing", &path);
    let ready = Instant::now();
    assert_eq!(whole.answer(), "done");
    let (needed, start) = (ready.elapsed(), ready - begun);
    whole.leave();
    check_end(&path, &format!("not killed, after {start:?}"));
    const KILLS: u32 = 24;
    for kill in 0..KILLS {
        let mode = if kill % 2 == 0 { "DELETE" } else { "WAL" };
        let (_folder, path) = in_place(mode);
        let other = Other::start("erasing", &path);
        std::thread::sleep(needed * kill / KILLS + Duration::from_micros(u64::from(kill) * 37));
        other.kill();
        finish(&path);
        check_end(&path, &format!("{mode}, killed {kill}/{KILLS} of the way"));
    }
}
