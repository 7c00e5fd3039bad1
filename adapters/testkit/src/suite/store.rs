//! What a store says about itself: identity, abilities, files, levels; and that it is not made by looking for it.

use super::rows::three_tables;
use super::stage::{Stage, fails_with};
use super::{Case, Ended, Told, promise};
use crate::setup::Setup;
use lastbell_contract::{ErrorKind, FileRole, Known, Level, Location, Means, Reach, State};
use std::collections::BTreeSet;

pub(super) const CASES: &[Case] = &[
    Case { name: "a store that is not there fails to open and is not made by looking", run: absent },
    Case { name: "two visits to one store share an anchor, two stores share none", run: anchors },
    Case {
        name: "a mark that one visit raises is seen by others to the same store alone, while it stays",
        run: marks_raised,
    },
    Case { name: "a store names its engine and claims the abilities it has", run: claims },
    Case { name: "files are listed where they can be seen, and refused where not", run: files },
    Case { name: "snapshots are refused where the engine has none", run: no_snapshots },
    Case { name: "reach names its conditions, follows from them and repeats itself", run: reach },
];

fn absent(stage: &Stage<'_>) -> Told {
    let nowhere = stage.subject.absent();
    for attempt in ["first", "second"] {
        let Err(error) = stage.reader(&nowhere) else {
            return Err(Ended::Broken(format!("the {attempt} reader of no store opened")));
        };
        let kinds = [ErrorKind::NotFound, ErrorKind::Unreachable, ErrorKind::Denied];
        promise!(kinds.contains(&error.kind), "the {attempt} reader of no store failed as {:?}", error.kind);
        promise!(stage.eraser(&nowhere).is_err(), "the {attempt} eraser of no store opened");
    }
    Ok(())
}

fn anchors(stage: &Stage<'_>) -> Told {
    let (one, other) = (stage.fresh(&three_tables()), stage.fresh(&three_tables()));
    let marks = |location: &Location| -> Result<BTreeSet<String>, Ended> {
        let anchors = stage.reader(location)?.info()?.identity.anchors;
        promise!(!anchors.is_empty(), "a store without a mark cannot be told from the target");
        promise!(anchors.iter().all(|anchor| anchor.len() >= 3), "an empty mark");
        Ok(anchors.into_iter().collect())
    };
    let (first, again, apart) = (marks(&one)?, marks(&one)?, marks(&other)?);
    promise!(!first.is_disjoint(&again), "two visits to one store share no mark");
    promise!(first.is_disjoint(&apart), "two stores share a mark");
    if !stage.subject.erases() {
        return Ok(());
    }
    let by_eraser: BTreeSet<String> = stage.eraser(&one)?.info()?.identity.anchors.into_iter().collect();
    promise!(!first.is_disjoint(&by_eraser), "reader and eraser of one store share no mark");
    Ok(())
}

/// Where anchors alone tell one store from another, no mark may be said to be seen or not.
fn marks_raised(stage: &Stage<'_>) -> Told {
    let (one, other) = (stage.fresh(&three_tables()), stage.fresh(&three_tables()));
    let (mut raising, mut looking) = (stage.reader(&one)?, stage.reader(&one)?);
    if let Known::Unknown(why) = looking.sees_mark("mark-0")? {
        promise!(why == "anchors-only", "no mark can be seen, for the reason «{why}»");
        return Err(Ended::DoesNotApply("its anchors are enough"));
    }
    promise!(looking.sees_mark("mark-1")? == Known::Yes(false), "a mark is seen that nobody raised");
    raising.raise_mark("mark-1")?;
    promise!(looking.sees_mark("mark-1")? == Known::Yes(true), "a mark that was raised is not seen");
    promise!(looking.sees_mark("mark-2")? == Known::Yes(false), "another mark than the raised one is seen");
    promise!(stage.reader(&other)?.sees_mark("mark-1")? == Known::Yes(false), "it is seen on another store");
    drop(raising);
    // The server hears of a closed connection a little later.
    let left = (0..100).find(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        looking.sees_mark("mark-1").is_ok_and(|seen| seen == Known::Yes(false))
    });
    promise!(left.is_some(), "a mark outlives its visit");
    stage.untouched(&one, &three_tables(), &[])
}

fn claims(stage: &Stage<'_>) -> Told {
    let location = stage.fresh(&three_tables());
    if !stage.subject.erases() {
        let opened = stage.eraser(&location).map(drop);
        fails_with(opened, ErrorKind::Unsupported, "an eraser of what cannot be erased")?;
    }
    let mut reader = stage.reader(&location)?;
    let info = reader.info()?;
    promise!(info.engine == stage.subject.adapter().scheme(), "the engine is not named by its scheme");
    promise!(!info.product.is_empty() && !info.version.is_empty(), "product or version is empty");
    promise!(info.capabilities == stage.can(), "claims {:?}, expected {:?}", info.capabilities, stage.can());
    if let Known::Unknown(why) = &info.role.may_write {
        promise!(is_word(why), "`may_write` is unknown for no stable word");
    }
    promise!(info.read_footprint.iter().all(|word| is_word(word)), "a footprint is no stable word");
    Ok(())
}

fn files(stage: &Stage<'_>) -> Told {
    let mut reader = stage.reader(&stage.fresh(&three_tables()))?;
    if !stage.can().sees_files {
        return fails_with(reader.files(), ErrorKind::Unsupported, "listing files that cannot be seen");
    }
    let files = reader.files()?;
    promise!(files.iter().any(|file| file.role == FileRole::Data), "no data file among {} files", files.len());
    for file in &files {
        promise!(file.path.is_absolute(), "a path is not absolute");
        promise!(file.path.try_exists().unwrap_or(false), "a listed file is not there: {:?}", file.path.file_name());
    }
    let paths: BTreeSet<_> = files.iter().map(|file| &file.path).collect();
    promise!(paths.len() == files.len(), "a file is listed twice");
    Ok(())
}

fn no_snapshots(stage: &Stage<'_>) -> Told {
    stage.needs(!stage.can().snapshot_reads, "it has snapshots")?;
    let mut reader = stage.reader(&stage.fresh(&three_tables()))?;
    fails_with(reader.begin(), ErrorKind::Unsupported, "opening a snapshot")
}

fn reach(stage: &Stage<'_>) -> Told {
    let location = stage.fresh(&three_tables());
    for wanted in [Level::L0, Level::L1, Level::L2, Level::L2f] {
        let mut reader = stage.reader(&location)?;
        let (first, again) = (reader.reach(wanted, Means::Dedicated)?, reader.reach(wanted, Means::Dedicated)?);
        explained(&first, wanted)?;
        promise!(first.level == again.level, "asked twice, the level differs");
        promise!(codes(&first) == codes(&again), "asked twice, other conditions are named");
    }
    stage.untouched(&location, &three_tables(), &[])?;
    reach_of_an_empty_store(stage)
}

fn reach_of_an_empty_store(stage: &Stage<'_>) -> Told {
    explained(&stage.reader(&stage.fresh(&Setup::default()))?.reach(Level::L2, Means::Dedicated)?, Level::L2)
}

/// The level is below every condition that does not pass, and falls short of `wanted` only with a reason.
fn explained(reach: &Reach, wanted: Level) -> Told {
    let failing = reach.preconditions.iter().filter(|condition| condition.state != State::Pass);
    let lowest = failing.map(|condition| condition.blocks).min();
    if let Some(lowest) = lowest {
        // There is no level below the first: where even that is blocked, it is claimed with its reason.
        promise!(
            reach.level < lowest || reach.level == Level::L0,
            "{} is claimed though a condition of {} does not pass",
            reach.level.word(),
            lowest.word()
        );
    }
    if reach.level < wanted {
        promise!(lowest.is_some_and(|lowest| lowest <= wanted), "falls short of {} without a reason", wanted.word());
    }
    for condition in &reach.preconditions {
        promise!(is_word(&condition.code), "`{}` is no stable code", condition.code);
    }
    Ok(())
}

fn codes(reach: &Reach) -> BTreeSet<&str> {
    reach.preconditions.iter().map(|condition| condition.code.as_str()).collect()
}

/// Lower-case words joined by hyphens; `word:argument` is one, too.
fn is_word(word: &str) -> bool {
    let code = word.split(':').next().unwrap_or_default();
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
