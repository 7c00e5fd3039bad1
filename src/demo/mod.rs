//! The demo's material: two invented diaries from a seed, and the decisions that fit them. Reads `profiles/demo`
//! (compiled in), writes nothing: whoever tells the story feeds the tables to an engine.
//!
//! The retired diary and the platform are rendered from one school. They disagree in three ways on purpose: two pupils
//! and the marks of one class are missing on the platform until it is repaired, some phones changed after the move, and
//! what the old diary knew about its own use (accounts, sessions, log) never moved.

mod chance;
mod names;
mod people;
mod picture;
mod platform;
mod platform_schema;
mod retired;
mod school;
mod sheet;
#[cfg(test)]
mod tests;
mod traces;

pub use sheet::DemoTable;

use lastbell_contract::Row;
use people::Registry;
use platform::Platform;
use school::School;

/// The seed of the demo that is told when nobody asks for another.
pub const SEED: u64 = 2026;
/// How many pupils the demo has when nobody says otherwise.
pub const PUPILS: usize = 200;
/// With fewer pupils some part of the story would have nobody to happen to.
const PUPILS_MIN: usize = 12;
/// Another school on the same platform, which is none of the case's business.
const NEIGHBOURS: usize = 24;

const DECISIONS: &str = include_str!("../../profiles/demo/decisions.yaml");
const ANSWERS: &str = include_str!("../../profiles/demo/answers.yaml");

/// Two diaries with the same people in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Diaries {
    /// The retired diary; parents before children.
    pub retired: Vec<DemoTable>,
    /// The platform after the first move; parents before children.
    pub platform: Vec<DemoTable>,
    /// What the first move forgot: platform table, columns, rows. Inserting it in this order is the repair.
    pub left_out: Vec<(&'static str, Vec<&'static str>, Vec<Row>)>,
    /// Pupils and guardians whose phone is another one on the platform, changed after the move.
    pub phones_changed: usize,
}

/// The diaries of a school with so many pupils (at least 12). The same seed and size give the same diaries.
#[must_use]
pub fn diaries(seed: u64, pupils: usize) -> Diaries {
    let pupils = pupils.max(PUPILS_MIN);
    let (mut numbers, mut numbers_next_door) = (Registry::new(0), Registry::new(1));
    let school = School::new(seed, pupils, &mut numbers);
    let next_door = School::new(!seed, NEIGHBOURS, &mut numbers_next_door);
    let mut retired = retired::tables(&school);
    retired.extend(traces::tables(seed, &school));
    let mut platform = Platform::new(seed);
    platform.add("77-0001", &school, &mut numbers, true);
    platform.add("77-0002", &next_door, &mut numbers_next_door, false);
    let phones_changed = platform.phones_changed;
    let mut diaries = Diaries { retired, platform: Vec::new(), left_out: Vec::new(), phones_changed };
    for sheet in platform.sheets() {
        if !sheet.forgotten.is_empty() {
            diaries.left_out.push((sheet.table.name, sheet.table.columns.clone(), sheet.forgotten));
        }
        diaries.platform.push(sheet.table);
    }
    diaries
}

/// The decisions file for these diaries: `profiles/demo/decisions.yaml` with `${ROWS:table}` counted.
#[must_use]
pub fn decisions(diaries: &Diaries) -> String {
    diaries.retired.iter().fold(DECISIONS.to_owned(), |text, table| {
        text.replace(&format!("${{ROWS:{}}}", table.name), &table.rows.len().to_string())
    })
}

/// The answers to `init`: `profiles/demo/answers.yaml` with the two stores' URLs filled in.
#[must_use]
pub fn answers(source_url: &str, target_url: &str) -> String {
    ANSWERS.replace("${SOURCE_URL}", source_url).replace("${TARGET_URL}", target_url)
}
