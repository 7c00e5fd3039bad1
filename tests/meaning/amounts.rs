//! Group 14: how many rows there are. Trees of every awkward size; everything differs; the last row; one bit of many rows.
//! Group 20: the same rows written in other orders. `LASTBELL_LONG=1` takes five million rows for the bit.

use crate::case::{Case, Expected, Words, each};
use crate::long;
use crate::stores::insert_many;
use lastbell::verify::compare::Verdict::Different;

/// Around powers of two, where a tree changes its shape.
const SIZES: [u64; 20] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1023, 1025];
const SUFFIXES: [&str; 20] = [
    " 0", " 1", " 2", " 3", " 4", " 5", " 7", " 8", " 9", " 15", " 16", " 17", " 63", " 64", " 65", " 255", " 256",
    " 257", " 1023", " 1025",
];

pub(crate) fn cases() -> Vec<Case> {
    vec![sizes(), last_rows(), all_differ(), one_bit(), shuffled()]
}

/// A table and many rows, on every engine.
fn filled(columns: &str, parts: &[(u64, String)]) -> Words {
    let make = |engine| {
        let rows = parts.iter().map(|(rows, cells)| insert_many(engine, "§", *rows, cells));
        format!("CREATE TABLE § ({columns});\n{}", rows.collect::<String>())
    };
    let [postgres, mariadb, sqlite] = crate::case::ENGINES.map(make);
    each(&postgres, &mariadb, &sqlite)
}

const SIZED: &str = "part integer NOT NULL, id integer NOT NULL, v integer, PRIMARY KEY (part, id)";

fn part_yaml(size: u64) -> String {
    format!(
        "source: {{from: § s, where: {{s.part: \"{size}\"}}}}\ntarget: {{from: § t, where: {{t.part: \"{size}\"}}}}\n\
         key: [{{source: s.id, target: t.id}}]\ncolumns: [{{source: s.v, target: t.v}}, {{source: s.part, target: t.part}}]"
    )
}

fn sizes() -> Case {
    let table = filled(SIZED, &SIZES.map(|size| (size, format!("{size}, n, n * 7"))));
    let case = Case::of_tables(14, "trees-of-awkward-sizes", table.clone(), table);
    SIZES.iter().zip(SUFFIXES).fold(case, |case, (size, suffix)| {
        case.mapped(suffix, &part_yaml(*size), Expected::Figures([*size, 0, 0, 0, 0, 0], vec![]))
    })
}

/// Of each size the last row differs.
fn last_rows() -> Case {
    let old = filled(SIZED, &SIZES.map(|size| (size, format!("{size}, n, n * 7"))));
    let new =
        filled(SIZED, &SIZES.map(|size| (size, format!("{size}, n, n * 7 + CASE WHEN n = {size} THEN 1 ELSE 0 END"))));
    let case = Case::of_tables(14, "the-last-row-differs", old, new);
    SIZES.iter().zip(SUFFIXES).skip(1).fold(case, |case, (size, suffix)| {
        let expected = Expected::Figures([size - 1, 0, 1, 0, 0, 0], vec![(Different, &suffix[1..])]);
        case.mapped(suffix, &part_yaml(*size), expected)
    })
}

const PLAIN: &str = "source: {from: § s}\ntarget: {from: § t}\nkey: [{source: s.id, target: t.id}]\n\
                     columns: [{source: s.v, target: t.v}]";

fn all_differ() -> Case {
    let table = |cells: &str| filled("id integer NOT NULL PRIMARY KEY, v integer", &[(900, cells.to_owned())]);
    Case::of_tables(14, "everything-differs", table("n, n"), table("n, n + 1")).mapped(
        "",
        PLAIN,
        Expected::Figures([0, 0, 900, 0, 0, 0], vec![]),
    )
}

fn one_bit() -> Case {
    let (rows, at) = if long() { (5_000_000, "3141592") } else { (4_000, "3141") };
    let table = |cells: &str| filled("id integer NOT NULL PRIMARY KEY, v bigint", &[(rows, cells.to_owned())]);
    let flipped = format!("n, n * 3 + CASE WHEN n = {at} THEN 1 - 2 * (n * 3 % 2) ELSE 0 END");
    Case::of_tables(14, "one-bit-of-many-rows", table("n, n * 3"), table(&flipped)).mapped(
        "",
        PLAIN,
        Expected::Figures([rows - 1, 0, 1, 0, 0, 0], vec![(Different, at)]),
    )
}

// ---- group 20

/// The order in which rows were written, and in which a table without a key gives them, is nothing.
fn shuffled() -> Case {
    let columns = each(
        "id integer, name varchar(40), paid numeric(12,2), born date",
        "id integer, name varchar(40), paid decimal(12,2), born date",
        "id integer, name TEXT, paid TEXT, born TEXT",
    );
    // 1009 is prime: multiplication by any number below it is another order of the same rows.
    let rows = |factors: [u64; 3]| {
        let make = |engine, factor: u64| {
            let number = format!("(n * {factor} % 1009)");
            let born = format!("CASE WHEN {number} % 5 = 0 THEN NULL ELSE '2011-0' || (1 + {number} % 9) || '-15' END");
            let born = if engine == crate::case::Postgres { format!("({born})::date") } else { born };
            let cells = format!("{number}, 'Ёлкин №' || {number}, {number} || '.50', {born}");
            let cells = cells.replace("|| '.50'", if engine == crate::case::Sqlite { "|| '.5'" } else { "+ 0.5" });
            let columns = columns.on(engine).unwrap();
            format!("CREATE TABLE § ({columns});\n{}", insert_many(engine, "§", 1008, &cells))
        };
        let [a, b, c] = factors;
        each(&make(crate::case::Postgres, a), &make(crate::case::Mariadb, b), &make(crate::case::Sqlite, c))
    };
    Case::of_tables(20, "any-order-of-rows", rows([1, 17, 400]), rows([1008, 500, 3])).mapped(
        "",
        "source: {from: § s}\ntarget: {from: § t}\nkey: [{source: s.id, target: t.id}]\n\
         columns: [{source: s.name, target: t.name}, {source: s.paid, target: t.paid, as: decimal}, \
         {source: s.born, target: t.born, as: date}]",
        Expected::Figures([1008, 0, 0, 0, 0, 0], vec![]),
    )
}
