//! Group 1: differences that other tools were measured to call equal, or that they fail on.

use crate::case::{Case, Expected, Want, all, each, row};
use lastbell::verify::compare::Verdict;

const TEXT: [&str; 3] = ["text", "varchar(40)", "TEXT"];

pub(crate) fn cases() -> Vec<Case> {
    let [postgres, mariadb, sqlite] = TEXT;
    let text = each(postgres, mariadb, sqlite);
    vec![
        cancelling_checksums(),
        Case::of_cells(1, "null-and-a-word-for-it", &text, "", {
            let (null, word) = (all("NULL"), all("'<null>'"));
            vec![
                row(&null, &null, Want::Equal),
                row(&null, &word, Want::Different),
                row(&word, &null, Want::Different),
                row(&word, &word, Want::Equal),
            ]
        }),
        separators(),
        lost_scale(),
        Case::of_cells(1, "a-date-is-a-date", &each("date", "date", "TEXT"), "as: date", {
            let (day, next) = (all("'2008-01-19'"), all("'2008-01-20'"));
            vec![row(&day, &day, Want::Equal), row(&day, &next, Want::Different), row(&next, &day, Want::Different)]
        }),
        text_key(),
        Case::of_cells(1, "null-and-a-zero-date", &each("date", "date NULL", "TEXT"), "as: date", {
            let zero = each("!PostgreSQL has no zero date", "'0000-00-00'", "'0000-00-00'");
            let null = all("NULL");
            vec![
                row(&null, &zero, Want::Different),
                row(&zero, &null, Want::Different),
                row(&zero, &zero, Want::Equal),
                row(&null, &null, Want::Equal),
            ]
        }),
        a_moment_in_local_time(),
    ]
}

/// Equal changes in two rows: their CRC32s cancel under XOR.
fn cancelling_checksums() -> Case {
    let table = "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, pupil integer, mark integer);";
    let (old, new) = ("(1, 501, 4), (2, 502, 4), (3, 503, 3)", "(1, 501, 5), (2, 502, 5), (3, 503, 3)");
    let insert = |rows: &str| all(&format!("{table} INSERT INTO § VALUES {rows};"));
    Case::of_tables(1, "cancelling-checksums", insert(old), insert(new)).mapped(
        "",
        "source: {from: § s}\ntarget: {from: § t}\nkey: [{source: s.id, target: t.id}]\n\
         columns: [{source: s.pupil, target: t.pupil}, {source: s.mark, target: t.mark}]",
        Expected::Figures([1, 0, 2, 0, 0, 0], vec![(Verdict::Different, "1"), (Verdict::Different, "2")]),
    )
}

/// Cells that run together to the same text, whatever stands between them.
fn separators() -> Case {
    let [postgres, mariadb, sqlite] = TEXT;
    let make = |rows: &str| {
        each(postgres, mariadb, sqlite).with(|of| {
            format!("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, a {of}, b {of}); INSERT INTO § VALUES {rows};")
        })
    };
    let old = "(1, 'a|b', 'c'), (2, 'ab', 'c'), (3, 'a', NULL), (4, 'a#b', 'c'), (5, 'x', 'y')";
    let new = "(1, 'b', 'c|a'), (2, 'a', 'bc'), (3, NULL, 'a'), (4, 'a', 'b#c'), (5, 'x', 'y')";
    let yaml = |columns: &str| {
        format!(
            "source: {{from: § s}}\ntarget: {{from: § t}}\nkey: [{{source: s.id, target: t.id}}]\ncolumns: [{columns}]"
        )
    };
    let four = || ["1", "2", "3", "4"].map(|key| (Verdict::Different, key)).to_vec();
    let (a, b) = ("{source: s.a, target: t.a}", "{source: s.b, target: t.b}");
    Case::of_tables(1, "separators", make(old), make(new))
        .mapped("", &yaml(&format!("{a}, {b}")), Expected::Figures([1, 0, 4, 0, 0, 0], four()))
        .mapped(" turned", &yaml(&format!("{b}, {a}")), Expected::Figures([1, 0, 4, 0, 0, 0], four()))
}

/// `numeric(12,4)` that was moved into `decimal(12,2)`.
fn lost_scale() -> Case {
    let (old, new) = (each("numeric(12,4)", "decimal(12,4)", "TEXT"), each("numeric(12,2)", "decimal(12,2)", "TEXT"));
    let rows = vec![
        row(&all("'7.1234'"), &all("'7.12'"), Want::Different),
        row(&all("'-0.0001'"), &all("'0.00'"), Want::Different),
        row(&all("'7.1200'"), &all("'7.12'"), Want::Equal),
        row(&all("'7.0000'"), &all("'7.00'"), Want::Equal),
    ];
    Case::of_cells_between(1, "lost-scale", [&old, &new], "as: decimal", rows)
}

fn text_key() -> Case {
    let make = |rows: &str| {
        each("text", "varchar(40) COLLATE utf8mb4_bin", "TEXT").with(|of| {
            format!("CREATE TABLE § (id {of} NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES {rows};")
        })
    };
    let old = make("('Ёлкина', 1), ('ёлкина', 2), ('Елкина', 3), ('Елкина ', 4), ('ЪЫ', 5)");
    let new = make("('ЪЫ', 5), ('Елкина ', 3), ('Елкина', 4), ('ёлкина', 2), ('Ёлкина', 1)");
    let keys = vec![(Verdict::Different, "Елкина"), (Verdict::Different, "Елкина ")];
    let (old, new) = (old.unless(crate::case::Mariadb, PADS), new.unless(crate::case::Mariadb, PADS));
    Case::of_tables(1, "a-text-key", old, new).mapped(
        "",
        "source: {from: § s}\ntarget: {from: § t}\nkey: [{source: s.id, target: t.id}]\n\
         columns: [{source: s.v, target: t.v}]",
        Expected::Figures([3, 0, 2, 0, 0, 0], keys),
    )
}

const PADS: &str =
    "a key of MariaDB's padding collations takes no two texts that differ in blanks at the end: see group 11";

fn a_moment_in_local_time() -> Case {
    let types = [each("timestamptz", "timestamp NULL", "TEXT"), each("timestamp", "datetime", "TEXT")];
    let moment = each("'2024-01-15 09:00:00+00'", "'2024-01-15 09:00:00'", "'2024-01-15T09:00:00Z'");
    let rows = vec![
        row(&moment, &all("'2024-01-15 12:00:00'"), Want::Declared),
        row(&moment, &all("'2024-01-15 09:00:00'"), Want::Different),
        row(&moment, &all("'2024-01-15 13:00:00'"), Want::Different),
    ];
    Case::of_cells_between(1, "a-moment-in-local-time", [&types[0], &types[1]], "", rows)
        .declared("as: instant, zone: Europe/Moscow")
}
