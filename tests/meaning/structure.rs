//! Group 13: another shape of the same rows. And what is refused by it: a column that nobody speaks of, a table that is not
//! there, a view in a table's place, a join that may multiply rows.

use crate::case::{Case, Expected, all, each};
use lastbell::verify::compare::Verdict::{Different, Missing};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        renamed(),
        swapped(),
        merged(),
        split(),
        day_and_hour(),
        value_map(),
        constant(),
        more_columns(),
        fewer_columns(),
        filtered(),
        empty(),
        absent_table(),
        view(),
        loose_join(),
        partitioned(),
        computed(),
        one_to_several(),
    ]
}

const KEYED: &str = "source: {from: § s}\ntarget: {from: § t}\nkey: [{source: s.id, target: t.id}]\n";

fn matched(rows: u64) -> Expected {
    Expected::Figures([rows, 0, 0, 0, 0, 0], vec![])
}

fn columns(rules: &str) -> String {
    format!("{KEYED}columns: [{rules}]")
}

fn renamed() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, fio varchar(60), mark integer);
                   INSERT INTO § VALUES (1, 'Партин', 5), (2, 'Доскин', 4);");
    let new = all("CREATE TABLE §_grades (score integer, person varchar(60), num integer NOT NULL PRIMARY KEY);
                   INSERT INTO §_grades VALUES (4, 'Доскин', 2), (5, 'Партин', 1);");
    Case::of_tables(13, "renamed-and-reordered", old, new).mapped(
        "",
        "source: {from: § s}\ntarget: {from: §_grades t}\nkey: [{source: s.id, target: t.num}]\n\
         columns: [{source: s.mark, target: t.score}, {source: s.fio, target: t.person}]",
        matched(2),
    )
}

/// The most common bug of an import: two columns of one type the wrong way round.
fn swapped() -> Case {
    let make = |rows: &str| {
        all(&format!(
            "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, surname varchar(60), given varchar(60));
             INSERT INTO § VALUES {rows};"
        ))
    };
    let rules = "{source: s.surname, target: t.surname}, {source: s.given, target: t.given}";
    Case::of_tables(
        13,
        "swapped-columns",
        make("(1, 'Партин', 'Ждан'), (2, 'Глеб', 'Глеб')"),
        make("(1, 'Ждан', 'Партин'), (2, 'Глеб', 'Глеб')"),
    )
    .mapped("", &columns(rules), Expected::Figures([1, 0, 1, 0, 0, 0], vec![(Different, "1")]))
}

fn merged() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, f varchar(60), i varchar(60), o varchar(60));
                   INSERT INTO § VALUES (1, 'Партин', 'Ждан', 'Примерович'), (2, 'Доскин', 'Глеб', NULL), (3, 'Мелов', '', NULL),
                   (4, 'Ранцев', 'Пров', 'Опытович');");
    let new = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, fio varchar(180));
                   INSERT INTO § VALUES (1, 'Партин Ждан Примерович'), (2, 'Доскин Глеб'), (3, 'Мелов'), (4, 'Ранцев Пров');");
    Case::of_tables(13, "merged-columns", old, new).mapped(
        "",
        &columns("{source: [s.f, s.i, s.o], join: \" \", target: t.fio}"),
        Expected::Figures([3, 0, 1, 0, 0, 0], vec![(Different, "4")]),
    )
}

fn split() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, fio varchar(180));
                   INSERT INTO § VALUES (1, 'Партин Ждан Примерович'), (2, 'Доскин Глеб'), (3, 'Али Вели Рашид оглы'), (4, 'Мелов Нил Пробович');");
    let new = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, f varchar(60), i varchar(60), o varchar(60));
                   INSERT INTO § VALUES (1, 'Партин', 'Ждан', 'Примерович'), (2, 'Доскин', 'Глеб', NULL), (3, 'Али', 'Вели', 'Рашид оглы'),
                   (4, 'Мелов', 'Нил', NULL);");
    let part =
        |part: u32, target: &str| format!("{{source: s.fio, split: {{by: \" \", part: {part}}}, target: t.{target}}}");
    Case::of_tables(13, "split-columns", old, new).mapped(
        "",
        &columns(&[part(1, "f"), part(2, "i"), part(3, "o")].join(", ")),
        Expected::Figures([3, 0, 1, 0, 0, 0], vec![(Different, "4")]),
    )
}

fn day_and_hour() -> Case {
    let old = each("date", "date", "TEXT").with(|of| {
        format!(
            "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, d {of}, h varchar(20));
             INSERT INTO § VALUES (1, '2024-05-01', '08:30:00'), (2, '2024-05-01', '08:30:00');"
        )
    });
    let new = each("timestamp", "datetime", "TEXT").with(|of| {
        format!(
            "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, at {of});
             INSERT INTO § VALUES (1, '2024-05-01 08:30:00'), (2, '2024-05-01 20:30:00');"
        )
    });
    Case::of_tables(13, "a-day-and-an-hour", old, new).mapped(
        "",
        &columns("{source: [s.d, s.h], join: \" \", target: t.at, as: datetime}"),
        Expected::Figures([1, 0, 1, 0, 0, 0], vec![(Different, "2")]),
    )
}

fn value_map() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v varchar(20));
                   INSERT INTO § VALUES (1, '5'), (2, '4'), (3, 'н'), (4, '5'), (5, 'excellent');");
    let new = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v varchar(20));
                   INSERT INTO § VALUES (1, 'excellent'), (2, 'good'), (3, 'н'), (4, 'good'), (5, 'excellent');");
    // A text that only looks like a mapped one is not it.
    Case::of_tables(13, "mapped-values", old, new).mapped(
        "",
        &columns("{source: s.v, target: t.v, values: {\"5\": excellent, \"4\": good}}"),
        Expected::Figures([3, 0, 2, 0, 0, 0], vec![(Different, "4"), (Different, "5")]),
    )
}

fn constant() -> Case {
    let old = all(
        "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES (1, 1), (2, 2), (3, 3);",
    );
    let new = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer, origin varchar(20));
                   INSERT INTO § VALUES (1, 1, 'old diary'), (2, 2, 'old diary '), (3, 3, NULL);");
    Case::of_tables(13, "a-constant", old, new).mapped(
        "",
        &columns("{source: s.v, target: t.v}, {target: t.origin, constant: old diary}"),
        Expected::Figures([1, 0, 2, 0, 0, 0], vec![(Different, "2"), (Different, "3")]),
    )
}

/// The platform may know more.
fn more_columns() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES (1, 1);");
    let new = all(
        "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer, more varchar(20)); INSERT INTO § VALUES (1, 1, 'x');",
    );
    Case::of_tables(13, "more-columns", old, new).mapped("", &columns("{source: s.v, target: t.v}"), matched(1))
}

/// Nothing of the old system is left out in silence.
fn fewer_columns() -> Case {
    let old = all(
        "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer, note varchar(20)); INSERT INTO § VALUES (1, 1, 'x');",
    );
    let new = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES (1, 1);");
    let left = "{source: s.v, target: t.v}, {source: s.note, not_migrated: an order}";
    Case::of_tables(13, "fewer-columns", old, new)
        .mapped("", &columns("{source: s.v, target: t.v}"), Expected::Refused("mapping-column-left"))
        .mapped(" for a reason", &columns(left), matched(1))
}

/// Rows outside of every filter are missing, never dropped; those of the platform's other schools are nobody's business.
fn filtered() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer, gone varchar(5));
                   INSERT INTO § VALUES (1, 1, '0'), (2, 2, '0'), (3, 3, '1'), (4, 4, NULL);");
    let new = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer, school varchar(20));
                   INSERT INTO § VALUES (1, 1, '77-0001'), (2, 2, '77-0002'), (9, 9, '77-0002');");
    Case::of_tables(13, "filtered-rows", old, new).mapped(
        "",
        "source: {from: § s, where: {s.gone: \"0\"}}\ntarget: {from: § t, where: {t.school: \"77-0001\"}}\n\
         key: [{source: s.id, target: t.id}]\ncolumns: [{source: s.v, target: t.v}]",
        Expected::Figures([1, 0, 0, 3, 0, 0], vec![(Missing, "2")]),
    )
}

fn empty() -> Case {
    let table = "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer);";
    let full = format!("{table} INSERT INTO § VALUES (1, 1), (2, NULL);");
    Case::of_tables(13, "a-table-that-came-empty", all(&full), all(table)).mapped(
        "",
        &columns("{source: s.v, target: t.v}"),
        Expected::Figures([0, 0, 0, 2, 0, 0], vec![(Missing, "1"), (Missing, "2")]),
    )
}

fn absent_table() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES (1, 1);");
    let new =
        all("CREATE TABLE §_other (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO §_other VALUES (1, 1);");
    Case::of_tables(13, "a-table-that-is-not-there", old, new).mapped(
        "",
        &columns("{source: s.v, target: t.v}"),
        Expected::Refused("mapping-table-unknown"),
    )
}

/// A view shows whatever its maker likes.
fn view() -> Case {
    let table = "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES (1, 1);";
    let new = "CREATE TABLE §_base (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO §_base VALUES (1, 2);
               CREATE VIEW § AS SELECT id, 1 AS v FROM §_base;";
    Case::of_tables(13, "a-view-for-a-table", all(table), all(new)).mapped(
        "",
        &columns("{source: s.v, target: t.v}"),
        Expected::Refused("mapping-table-unknown"),
    )
}

/// A join by columns that are no key may take one row for several.
fn loose_join() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, pupil integer); INSERT INTO § VALUES (1, 1);
                   CREATE TABLE §_pupils (id integer, v integer); INSERT INTO §_pupils VALUES (1, 1), (1, 2);");
    let new = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES (1, 1);");
    Case::of_tables(13, "a-join-by-no-key", old, new).mapped(
        "",
        "source: {from: § s, join: [{table: §_pupils p, on: [[s.pupil, p.id]], kind: one}]}\ntarget: {from: § t}\n\
         key: [{source: s.id, target: t.id}]\ncolumns: [{source: p.v, target: t.v}]",
        Expected::Refused("mapping-join-not-unique"),
    )
}

fn partitioned() -> Case {
    let plain = |rows: &str| {
        format!("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES {rows};")
    };
    let rows = "(1, 1), (11, 2), (21, 3)";
    let old = each(
        &format!(
            "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer) PARTITION BY RANGE (id);
             CREATE TABLE §_a PARTITION OF § FOR VALUES FROM (0) TO (10);
             CREATE TABLE §_b PARTITION OF § FOR VALUES FROM (10) TO (100);
             INSERT INTO § VALUES {rows};"
        ),
        &format!(
            "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer) PARTITION BY HASH (id) PARTITIONS 3; INSERT INTO § VALUES {rows};"
        ),
        "!SQLite has no partitions",
    );
    Case::of_tables(13, "partitions", old, all(&plain("(21, 3), (11, 9), (1, 1)"))).mapped(
        "",
        &columns("{source: s.v, target: t.v}"),
        Expected::Figures([2, 0, 1, 0, 0, 0], vec![(Different, "11")]),
    )
}

/// What a table computes is compared as what it shows.
fn computed() -> Case {
    let make = |formula: &str| {
        all(&format!(
            "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer, w integer GENERATED ALWAYS AS ({formula}) STORED);
             INSERT INTO § (id, v) VALUES (1, 0), (2, 1), (3, 2);"
        ))
    };
    let rules = "{source: s.v, target: t.v}, {source: s.w, target: t.w}";
    Case::of_tables(13, "computed-columns", make("v * 2"), make("v + v * v")).mapped(
        "",
        &columns(rules),
        Expected::Figures([2, 0, 1, 0, 0, 0], vec![(Different, "3")]),
    )
}

/// One row of the old system became two tables of the new one; each half is proved, and so is the whole.
fn one_to_several() -> Case {
    let old = all(
        "CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v integer, w integer); INSERT INTO § VALUES (1, 1, 10), (2, 2, 20);",
    );
    let new = all("CREATE TABLE §_v (id integer NOT NULL PRIMARY KEY, v integer); INSERT INTO §_v VALUES (1, 1), (2, 2);
                   CREATE TABLE §_w (id integer NOT NULL PRIMARY KEY, w integer); INSERT INTO §_w VALUES (1, 10), (2, 21);");
    let half = |own: &str, other: &str| {
        format!(
            "source: {{from: § s}}\ntarget: {{from: §_{own} t}}\nkey: [{{source: s.id, target: t.id}}]\n\
             columns: [{{source: s.{own}, target: t.{own}}}, {{source: s.{other}, not_migrated: the other half}}]"
        )
    };
    Case::of_tables(13, "one-row-in-two", old, new).mapped(" first", &half("v", "w"), matched(2)).mapped(
        " second",
        &half("w", "v"),
        Expected::Figures([1, 0, 1, 0, 0, 0], vec![(Different, "2")]),
    )
}
