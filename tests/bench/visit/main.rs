//! How much a live platform feels of our visit: the slowest hundredth of its users' transactions (p99) while `lastbell
//! verify` reads it, with `--max-rate 20MB/s` and without a bound, beside the same users alone; in turn, several rounds.
//!
//!     cargo bench --bench visit -- [--rows 2000000] [--rounds 5] [--seconds 15]
//!
//! Each server is once the platform, under pgbench or its like, and once the retired system. The platform and its users
//! have one processor, the retired system and lastbell the others: in life they are different machines. Users come at a
//! steady pace that the platform can bear, and their time counts from the moment at which they should have been served.
//! Wants both servers, pgbench, the mariadb client and taskset. Prints a table.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a bench prints and may panic")]

/// Both servers with the same rows, and a case in each direction.
#[path = "stage.rs"]
mod stage;

/// Users of a platform.
#[path = "users.rs"]
mod users;

use stage::{Platform, Stage};
use std::time::Duration;

struct Wanted {
    rows: u64,
    rounds: usize,
    seconds: u64,
}

fn wanted() -> Wanted {
    let mut wanted = Wanted { rows: 2_000_000, rounds: 5, seconds: 15 };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{argument} wants a value"));
        match argument.as_str() {
            "--rows" => wanted.rows = value.parse().unwrap(),
            "--rounds" => wanted.rounds = value.parse().unwrap(),
            "--seconds" => wanted.seconds = value.parse().unwrap(),
            other => panic!("{other}: --rows N, --rounds N, --seconds N"),
        }
    }
    wanted
}

/// How the platform is visited meanwhile.
const WAYS: [(&str, Option<&str>); 3] = [("nobody", None), ("20MB/s", Some("20MB/s")), ("no bound", Some("none"))];

fn main() {
    let wanted = wanted();
    let stage = Stage::with_rows(wanted.rows);
    println!("| platform | visited by | p50 ms | p99 ms | p99, times that of nobody | transactions | visits |");
    println!("|---|---|---|---|---|---|---|");
    for platform in [Platform::Postgres, Platform::Mariadb] {
        let mut rounds: [Vec<Round>; 3] = Default::default();
        for round in 1..=wanted.rounds {
            for ((name, rate), rounds) in WAYS.iter().zip(&mut rounds) {
                let one = measured(&stage, platform, *rate, Duration::from_secs(wanted.seconds));
                eprintln!("round {round}, {platform:?}, {name}: {one:?}");
                rounds.push(one);
            }
        }
        print(platform, &rounds);
    }
}

/// What the users of a round felt, in milliseconds.
#[derive(Debug)]
struct Round {
    p50: f64,
    p99: f64,
    transactions: usize,
    visits: u32,
}

fn measured(stage: &Stage, platform: Platform, rate: Option<&str>, time: Duration) -> Round {
    stage.place(platform);
    let visit = rate.map(|rate| stage.visit(platform, rate));
    let mut taken = users::serve(stage, platform, time);
    let visits = visit.map_or(0, stage::Visit::end);
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
    Round { p50: at(0.5), p99: at(0.99), transactions: taken.len(), visits }
}

fn print(platform: Platform, ways: &[Vec<Round>; 3]) {
    let median = |rounds: &[Round], figure: fn(&Round) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let alone = median(&ways[0], |round| round.p99);
    for ((name, _), rounds) in WAYS.iter().zip(ways) {
        let (p50, p99) = (median(rounds, |round| round.p50), median(rounds, |round| round.p99));
        let transactions: usize = rounds.iter().map(|round| round.transactions).sum();
        let visits: u32 = rounds.iter().map(|round| round.visits).sum();
        println!("| {platform:?} | {name} | {p50:.2} | {p99:.2} | {:.2} | {transactions} | {visits} |", p99 / alone);
    }
}
