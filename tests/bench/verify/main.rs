//! How fast a verification is: five million marks on PostgreSQL against the same on MariaDB, on one machine, by `lastbell
//! verify`, by a bare read of both sides, and by reladiff where it is installed; in turn, several rounds, medians.
//!
//!     cargo bench --bench verify -- [--marks 5000000] [--rounds 3] [--reladiff PATH]
//!
//! Reads `LASTBELL_BENCH`, the folder with `gen_diary.py` and `load.sh` (default: `bench` beside the corpus's folder); wants
//! both servers' programs, their clients and Python. Prints a table of wall seconds, CPU seconds of the client and of both
//! servers, memory, and the ratios; seconds of a shared machine mean little, ratios of one run mean more.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench prints and may panic")]

/// A process, timed.
#[path = "measure.rs"]
mod measure;

/// A bare read of a table: every byte received, none looked at.
#[path = "raw.rs"]
mod raw;

/// Both servers with the data, and the case.
#[path = "stage.rs"]
mod stage;

use measure::Figures;
use stage::Stage;
use std::path::PathBuf;

/// The tables of the target that the marks are compared with, and how many rows lastbell must find to differ, by the
/// number of marks.
const VARIANTS: [Variant; 3] = [
    Variant { table: "marks", name: "identical", differ: |_| 0 },
    Variant { table: "marks_d001", name: "0.01 % differ", differ: |marks| marks / 10_000 },
    Variant { table: "marks_all", name: "all differ", differ: |marks| marks },
];

struct Variant {
    table: &'static str,
    name: &'static str,
    differ: fn(u64) -> u64,
}

/// What was asked for.
struct Wanted {
    marks: u64,
    rounds: usize,
    reladiff: Option<PathBuf>,
}

fn wanted() -> Wanted {
    let mut wanted = Wanted { marks: 5_000_000, rounds: 3, reladiff: None };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{argument} wants a value"));
        match argument.as_str() {
            "--marks" => wanted.marks = value.parse().unwrap(),
            "--rounds" => wanted.rounds = value.parse().unwrap(),
            "--reladiff" => wanted.reladiff = Some(value.into()),
            other => panic!("{other}: --marks N, --rounds N, --reladiff PATH"),
        }
    }
    wanted
}

/// The figures of one way of comparing one variant, a line for each round.
struct Line {
    variant: &'static str,
    way: &'static str,
    rounds: Vec<Figures>,
}

impl Line {
    fn median(&self, figure: fn(&Figures) -> f64) -> f64 {
        let mut all: Vec<f64> = self.rounds.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }
}

fn main() {
    let wanted = wanted();
    let stage = Stage::with_marks(wanted.marks);
    let mut lines: Vec<Line> = Vec::new();
    for round in 1..=wanted.rounds {
        for Variant { table, name: variant, differ } in VARIANTS {
            eprintln!("round {round} of {}: {variant}", wanted.rounds);
            note(&mut lines, variant, "bare read", stage.read_bare(table));
            note(&mut lines, variant, "lastbell", stage.verify(table, differ(wanted.marks)));
            // It does not finish when all rows differ: stopped after five minutes at 4.9 GB (measured).
            if let Some(reladiff) = wanted.reladiff.as_ref().filter(|_| table != "marks_all") {
                note(&mut lines, variant, "reladiff", stage.reladiff(reladiff, table));
            }
        }
    }
    print_table(&lines, wanted.marks);
}

fn note(lines: &mut Vec<Line>, variant: &'static str, way: &'static str, figures: Figures) {
    eprintln!("    {way}: {figures:?}");
    match lines.iter_mut().find(|line| (line.variant, line.way) == (variant, way)) {
        Some(line) => line.rounds.push(figures),
        None => lines.push(Line { variant, way, rounds: vec![figures] }),
    }
}

fn print_table(lines: &[Line], marks: u64) {
    println!("\n{marks} marks, PostgreSQL against MariaDB; medians of {} rounds\n", lines[0].rounds.len());
    println!(
        "| rows | way | wall s | client CPU s | PostgreSQL CPU s | MariaDB CPU s | peak MB | wall, times lastbell's |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for line in lines {
        let ours = lines.iter().find(|other| other.variant == line.variant && other.way == "lastbell");
        let ratio = ours.map_or(0.0, |ours| line.median(|one| one.wall) / ours.median(|one| one.wall));
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {ratio:.2} |",
            line.variant,
            line.way,
            line.median(|one| one.wall),
            line.median(|one| one.client),
            line.median(|one| one.postgres),
            line.median(|one| one.mariadb),
            line.median(|one| one.peak_mb),
        );
    }
}
