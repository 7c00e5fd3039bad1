//! What reading costs the client: our reader of COPY's binary stream against the `postgres` crate's iterator, in CPU time of
//! this process. Run it with optimisation, alone:
//! `cargo test --release -p lastbell-postgres --test speed -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a figure for people")]

mod common;

use common::{database, reader, server, table};
use lastbell_contract::{Flow, Scan};
use postgres::binary_copy::BinaryCopyOutIter;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::Type;
use postgres::{Client, NoTls};

const ROWS: u64 = 1_000_000;

/// User and system time of this process in ticks (proc(5): fields 14 and 15, counted behind the name).
fn ticks() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn cost(work: impl FnOnce() -> u64) -> u64 {
    let before = ticks();
    assert_eq!(work(), ROWS);
    ticks() - before
}

fn by_crate(database: &str) -> u64 {
    let folder = server().socket_dir().display();
    let mut client = Client::connect(&format!("host={folder} user=postgres dbname={database}"), NoTls).unwrap();
    let copied = client.copy_out("COPY (SELECT id, pupil, mark, note FROM t) TO STDOUT (FORMAT binary)").unwrap();
    let mut rows = BinaryCopyOutIter::new(copied, &[Type::INT4, Type::INT8, Type::INT2, Type::TEXT]);
    let mut seen = 0;
    while let Some(row) = rows.next().unwrap() {
        let values: (i32, i64, i16, Option<String>) = (row.get(0), row.get(1), row.get(2), row.get(3));
        std::hint::black_box(values);
        seen += 1;
    }
    seen
}

fn by_us(database: &str) -> u64 {
    let columns = ["id", "pupil", "mark", "note"].map(str::to_owned);
    let scan = Scan::whole(&table("t"), &columns);
    reader(database)
        .scan(&scan, &mut |batch| {
            std::hint::black_box(batch);
            Flow::Continue
        })
        .unwrap()
}

#[test]
#[ignore = "a measurement"]
fn our_reader_costs_less_than_the_crates() {
    let made = database(&format!(
        "CREATE TABLE t AS SELECT i AS id, i::int8 * 7 AS pupil, (2 + i % 4)::int2 AS mark, \
         CASE WHEN i % 3 > 0 THEN 'отметка за урок ' || i END AS note FROM generate_series(1, {ROWS}) i"
    ));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        ours.push(cost(|| by_us(&made)));
        theirs.push(cost(|| by_crate(&made)));
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    let ratio = theirs[1] as f64 / ours[1] as f64;
    println!("ticks for {ROWS} rows: ours {ours:?}, the crate's {theirs:?}, ratio of the medians {ratio:.1}");
    assert!(ratio > 1.5, "our own reader no longer pays: {ratio:.1}");
}
