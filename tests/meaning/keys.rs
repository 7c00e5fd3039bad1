//! Groups 11 and 12: keys that look alike, keys that were given anew, keys that stand for several rows, and no key at all.

use crate::case::{Case, Expected, Words, all, each};
use lastbell::verify::compare::Verdict::{Ambiguous, Different, Extra, Missing};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        given_uuids(),
        composite(),
        collations(),
        one_key_for_a_loose_collation(),
        padded_keys(),
        null_in_a_key(),
        renumbered(),
        natural(),
        duplicates(),
        no_key(),
        no_key_and_null(),
    ]
}

/// A text column that may be a key and tells every letter apart.
fn strict() -> Words {
    each("text", "varchar(60) COLLATE utf8mb4_bin", "TEXT")
}

fn one_column(key: &str) -> String {
    format!("source: {{from: § s}}\ntarget: {{from: § t}}\nkey: [{key}]\ncolumns: [{{source: s.v, target: t.v}}]")
}

// ---- group 11

/// The old system counts, the new one has UUIDs; a table of the old one knows which is which.
fn given_uuids() -> Case {
    let uuid = |last: u32| format!("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd38{last:04}'");
    let old = strict().with(|text| {
        format!(
            "CREATE TABLE §_map (old integer NOT NULL PRIMARY KEY, new {text});
             INSERT INTO §_map VALUES (1, {}), (2, {}), (3, {});
             CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v {text});
             INSERT INTO § VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'nobody knows its new id');",
            uuid(1),
            uuid(2).to_uppercase(),
            uuid(3)
        )
    });
    let new = each("uuid", "uuid", "TEXT").with(|of| {
        format!(
            "CREATE TABLE § (id {of} NOT NULL PRIMARY KEY, v varchar(60));
             INSERT INTO § VALUES ({}, 'c'), ({}, 'a'), ({}, 'x');",
            uuid(3),
            uuid(1),
            uuid(2)
        )
    });
    // A row that joins nothing has no key by which it could be told; it is missing all the same.
    Case::of_tables(11, "given-uuids", old, new).mapped(
        "",
        "source: {from: § s, join: [{table: §_map m, on: [[s.id, m.old]], kind: one}]}\ntarget: {from: § t}\n\
         key: [{source: m.new, target: t.id, as: uuid}]\n\
         columns: [{source: s.v, target: t.v}, {source: s.id, not_migrated: ids were given anew}]",
        Expected::Figures([2, 0, 1, 1, 0, 0], vec![(Different, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380002")]),
    )
}

fn composite() -> Case {
    let make = |rows: &str| {
        all(&format!(
            "CREATE TABLE § (a integer NOT NULL, b integer NOT NULL, v integer, PRIMARY KEY (a, b));
             INSERT INTO § VALUES {rows};"
        ))
    };
    let key = "{source: s.a, target: t.a}, {source: s.b, target: t.b}";
    Case::of_tables(
        11,
        "a-key-of-two",
        make("(1, 11, 1), (11, 1, 2), (1, 1, 3), (111, 0, 4)"),
        make("(1, 11, 2), (11, 1, 1), (1, 1, 3), (11, 10, 4)"),
    )
    .mapped(
        "",
        &one_column(key),
        Expected::Figures(
            [1, 0, 2, 1, 0, 1],
            vec![(Different, "1|11"), (Different, "11|1"), (Missing, "111|0"), (Extra, "11|10")],
        ),
    )
}

/// A platform that takes letters of either case for one keeps the text all the same.
fn collations() -> Case {
    let make = |of: &Words, rows: &str| {
        of.with(|of| format!("CREATE TABLE § (id {of} NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES {rows};"))
    };
    let loose = each("text", "varchar(60) COLLATE utf8mb4_general_ci", "TEXT COLLATE NOCASE");
    let old = make(&strict(), "('Анна', 1), ('Борис', 2), ('вера', 3)");
    let new = make(&loose, "('анна', 1), ('Борис', 2), ('вера', 3)");
    Case::of_tables(11, "keys-of-another-case", old, new)
        .mapped(
            "",
            &one_column("{source: s.id, target: t.id}"),
            Expected::Figures([2, 0, 0, 1, 0, 1], vec![(Missing, "Анна"), (Extra, "анна")]),
        )
        .mapped(
            "+",
            &one_column("{source: s.id, target: t.id, as: lower}"),
            Expected::Figures([3, 0, 0, 0, 0, 0], vec![]),
        )
}

/// What `general_ci` calls one key are two to us, each with its own row.
fn one_key_for_a_loose_collation() -> Case {
    let make = |rows: &str| {
        strict().with(|of| {
            format!("CREATE TABLE § (id {of} NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES {rows};")
        })
    };
    Case::of_tables(
        11,
        "keys-that-general-ci-calls-one",
        make("('ёлка', 1), ('елка', 2), ('Anna', 3), ('anna', 4), ('ANNÁ', 5), ('и', 6), ('й', 7)"),
        make("('ёлка', 2), ('елка', 1), ('Anna', 3), ('anna', 4), ('ANNÁ', 5), ('и', 7), ('й', 6)"),
    )
    .mapped(
        "",
        &one_column("{source: s.id, target: t.id}"),
        Expected::Figures(
            [3, 0, 4, 0, 0, 0],
            vec![(Different, "ёлка"), (Different, "елка"), (Different, "и"), (Different, "й")],
        ),
    )
}

fn padded_keys() -> Case {
    let make = |rows: &str| {
        each("text", "varchar(60) COLLATE utf8mb4_nopad_bin", "TEXT").with(|of| {
            format!("CREATE TABLE § (id {of} NOT NULL PRIMARY KEY, v integer); INSERT INTO § VALUES {rows};")
        })
    };
    Case::of_tables(
        11,
        "keys-with-blanks",
        make("('a', 1), ('a ', 2), ('a  ', 3)"),
        make("('a', 2), ('a ', 1), ('a  ', 3)"),
    )
    .mapped(
        "",
        &one_column("{source: s.id, target: t.id}"),
        Expected::Figures([1, 0, 2, 0, 0, 0], vec![(Different, "a"), (Different, "a ")]),
    )
}

fn null_in_a_key() -> Case {
    let make = |rows: &str| {
        strict().with(|of| {
            format!("CREATE TABLE § (a integer, b {of}, v integer, UNIQUE (a, b)); INSERT INTO § VALUES {rows};")
        })
    };
    let key = "{source: s.a, target: t.a}, {source: s.b, target: t.b}";
    Case::of_tables(
        11,
        "null-in-a-key",
        make("(1, NULL, 1), (1, '', 2), (NULL, '1', 3), (1, 'NULL', 4), (2, NULL, 5)"),
        make("(1, '', 1), (1, NULL, 2), (NULL, '1', 3), (1, 'NULL', 4), (2, '', 5)"),
    )
    .mapped(
        "",
        &one_column(key),
        Expected::Figures(
            [2, 0, 2, 1, 0, 1],
            vec![(Different, "1|NULL"), (Different, "1|"), (Missing, "2|NULL"), (Extra, "2|")],
        ),
    )
}

/// Pupils have other numbers in the new system; marks are found by a table of the new one that tells the old number.
fn renumbered() -> Case {
    let old = all("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, pupil integer, mark integer);
                   INSERT INTO § VALUES (1, 10, 5), (2, 20, 4), (3, 30, 3);");
    let new = all("CREATE TABLE §_people (id integer NOT NULL PRIMARY KEY, was integer);
                   INSERT INTO §_people VALUES (700, 10), (800, 20), (900, 30);
                   CREATE TABLE § (id integer NOT NULL PRIMARY KEY, person integer, mark integer);
                   INSERT INTO § VALUES (1, 700, 5), (2, 900, 4), (3, 900, 3);");
    Case::of_tables(11, "given-numbers", old, new).mapped(
        "",
        "source: {from: § s}\n\
         target: {from: § t, join: [{table: §_people p, on: [[t.person, p.id]], kind: one}]}\n\
         key: [{source: s.id, target: t.id}]\n\
         columns: [{source: s.pupil, target: p.was}, {source: s.mark, target: t.mark}]",
        Expected::Figures([2, 0, 1, 0, 0, 0], vec![(Different, "2")]),
    )
}

/// The key is a number of the person's own, spelled in two ways. Two namesakes stay two.
fn natural() -> Case {
    let old = strict().with(|text| {
        format!(
            "CREATE TABLE §_pupils (id integer NOT NULL PRIMARY KEY, snils {text} UNIQUE);
             INSERT INTO §_pupils VALUES (1, '900-000-001 82'), (2, '900-000-002 83');
             CREATE TABLE § (id integer NOT NULL PRIMARY KEY, pupil integer, v {text});
             INSERT INTO § VALUES (1, 1, 'Звонкова'), (2, 2, 'Звонкова');"
        )
    });
    let new = strict().with(|text| {
        format!(
            "CREATE TABLE § (snils {text} NOT NULL PRIMARY KEY, v {text});
             INSERT INTO § VALUES ('90000000182', 'Звонкова'), ('90000000283', 'Звонкова');"
        )
    });
    Case::of_tables(11, "a-natural-key", old, new).mapped(
        "",
        "source: {from: § s, join: [{table: §_pupils p, on: [[s.pupil, p.id]], kind: one}]}\ntarget: {from: § t}\n\
         key: [{source: p.snils, target: t.snils, as: digits}]\n\
         columns: [{source: s.v, target: t.v}, {source: s.id, not_migrated: ids were given anew}]",
        Expected::Figures([2, 0, 0, 0, 0, 0], vec![]),
    )
}

fn duplicates() -> Case {
    let make = |rows: &str| all(&format!("CREATE TABLE § (id integer, v integer); INSERT INTO § VALUES {rows};"));
    Case::of_tables(
        11,
        "keys-that-come-twice",
        make("(1, 1), (1, 1), (2, 2), (2, 2), (3, 3), (3, 4), (4, 4), (5, 5)"),
        make("(1, 1), (1, 1), (2, 2), (3, 3), (3, 4), (4, 4), (4, 9), (5, 5), (5, 5)"),
    )
    .mapped(
        "",
        &one_column("{source: s.id, target: t.id}"),
        Expected::Figures([4, 0, 0, 1, 3, 1], vec![(Missing, "2"), (Ambiguous, "3"), (Ambiguous, "4"), (Extra, "5")]),
    )
}

// ---- group 12

fn no_key() -> Case {
    let make =
        |rows: &str| strict().with(|of| format!("CREATE TABLE § (w {of}, v integer); INSERT INTO § VALUES {rows};"));
    let yaml = |filter: &str| {
        format!(
            "source: {{from: § s, where: {{s.v: {filter:?}}}}}\ntarget: {{from: § t, where: {{t.v: {filter:?}}}}}\nkey: []\n\
             columns: [{{source: s.w, target: t.w}}, {{source: s.v, target: t.v}}]"
        )
    };
    Case::of_tables(
        12,
        "no-key",
        make("('a', 1), ('b', 1), ('a', 1), ('c', 1), ('a', 2), ('a', 2), ('a', 2), ('b', 3), ('b', 3), ('a', 4), ('b', 4)"),
        make("('c', 1), ('a', 1), ('a', 1), ('b', 1), ('a', 2), ('a', 2), ('b', 3), ('b', 3), ('b', 3), ('b', 4), ('b', 4)"),
    )
    .mapped(" in another order", &yaml("1"), Expected::Figures([4, 0, 0, 0, 0, 0], vec![]))
    .mapped(" three and two", &yaml("2"), Expected::Figures([2, 0, 0, 1, 0, 0], vec![(Missing, "a|2")]))
    .mapped(" two and three", &yaml("3"), Expected::Figures([2, 0, 0, 0, 0, 1], vec![(Extra, "b|3")]))
    .mapped(" one for another", &yaml("4"), Expected::Figures([1, 0, 0, 1, 0, 1], vec![(Missing, "a|4"), (Extra, "b|4")]))
}

fn no_key_and_null() -> Case {
    let make =
        |rows: &str| strict().with(|of| format!("CREATE TABLE § (w {of}, v {of}); INSERT INTO § VALUES {rows};"));
    let old = make("(NULL, 'a'), (NULL, NULL), (NULL, NULL), ('', NULL)");
    let new = make("('', NULL), (NULL, NULL), ('a', NULL), (NULL, NULL)");
    Case::of_tables(12, "no-key-and-null", old, new).mapped(
        "",
        "source: {from: § s}\ntarget: {from: § t}\nkey: []\n\
         columns: [{source: s.w, target: t.w}, {source: s.v, target: t.v}]",
        Expected::Figures([3, 0, 0, 1, 0, 1], vec![(Missing, "NULL|a"), (Extra, "a|NULL")]),
    )
}
