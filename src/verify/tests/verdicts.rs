//! Verdicts: the false ones of known tools, duplicates, multisets, joins, moved-on rows.

use super::{MIGRATED_ON, Store, compared, counts, int, text, verify};
use crate::verify::compare::Verdict;
use lastbell_contract::{Kind, Row, Value};

const PLAIN: &str = "
name: t
source: {from: t s}
target: {from: t t}
key: [{source: s.id, target: t.id}]
columns: [{source: s.a, target: t.a}, {source: s.b, target: t.b}]
";

const KEYLESS: &str = "
name: t
source: {from: t s}
target: {from: t t}
columns: [{source: s.id, target: t.id}, {source: s.a, target: t.a}, {source: s.b, target: t.b}]
";

fn store(rows: Vec<Row>) -> Store {
    Store::default().with("t", &["id"], &[("id", Kind::Int), ("a", Kind::Text), ("b", Kind::Text)], rows)
}

fn row(id: i128, a: Value, b: Value) -> Row {
    vec![int(id), a, b]
}

fn plain(yaml: &str, old: Vec<Row>, new: Vec<Row>) -> [u64; 6] {
    let counts = verify(yaml, &store(old), &store(new)).counts;
    [counts.matched, counts.moved_on, counts.different, counts.missing, counts.ambiguous, counts.extra]
}

#[test]
fn cells_that_known_tools_call_equal_differ() {
    for (name, old, new) in [
        ("NULL and <null>", (Value::Null, text("x")), (text("<null>"), text("x"))),
        ("NULL and the empty text", (Value::Null, text("x")), (text(""), text("x"))),
        ("NULL and NULL as a word", (Value::Null, text("x")), (text("NULL"), text("x"))),
        ("a trailing blank", (text("x"), text("x")), (text("x "), text("x"))),
        ("a wandering separator", (text("a|b"), text("c")), (text("b"), text("c|a"))),
        ("scale loss", (Value::Decimal("1.1234".into()), text("x")), (Value::Decimal("1.12".into()), text("x"))),
        (
            "NULL and a zero date",
            (Value::Null, text("x")),
            (Value::Invalid(Kind::Date, b"0000-00-00".to_vec()), text("x")),
        ),
        ("composed and decomposed й", (text("\u{439}"), text("x")), (text("\u{438}\u{306}"), text("x"))),
        ("е and ё", (text("еж"), text("x")), (text("ёж"), text("x"))),
        ("NULL and true", (Value::Null, text("x")), (Value::Bool(true), text("x"))),
        ("a float and its neighbour", (Value::Float(0.1), text("x")), (Value::Float(0.1 + 1e-17 + 2e-17), text("x"))),
        ("bad UTF-8", (Value::Invalid(Kind::Text, vec![0xff]), text("x")), (text("\u{fffd}"), text("x"))),
    ] {
        let old = (1..=50).map(|id| row(id, old.0.clone(), old.1.clone())).collect();
        let new = (1..=50).map(|id| row(id, new.0.clone(), new.1.clone())).collect();
        assert_eq!(plain(PLAIN, old, new), [0, 0, 50, 0, 0, 0], "{name}");
    }
}

#[test]
fn cells_of_equal_meaning_match() {
    for (name, old, new) in [
        ("zeros behind the point", Value::Decimal("1.50".into()), Value::Decimal("1.5".into())),
        ("minus zero", Value::Float(-0.0), Value::Float(0.0)),
        ("two NaNs", Value::Float(f64::NAN), Value::Float(-f64::NAN)),
        ("NULL and NULL", Value::Null, Value::Null),
        ("U+0000 and emoji", text("\0🔔"), text("\0🔔")),
        ("16 MiB", text(&"я".repeat(8 << 20)), text(&"я".repeat(8 << 20))),
    ] {
        assert_eq!(
            plain(PLAIN, vec![row(1, old, Value::Null)], vec![row(1, new, Value::Null)]),
            [1, 0, 0, 0, 0, 0],
            "{name}"
        );
    }
}

#[test]
fn equal_changes_in_two_rows_do_not_cancel() {
    // The pair that a CRC32 checksum over XOR-ed rows calls the same table.
    let marks = |first: i128, second: i128| {
        vec![vec![int(1), int(501), int(first)], vec![int(2), int(502), int(second)], vec![int(3), int(503), int(3)]]
    };
    assert_eq!(plain(PLAIN, marks(4, 4), marks(5, 5)), [1, 0, 2, 0, 0, 0]);
}

#[test]
fn a_composite_key_does_not_run_together() {
    let yaml = "{name: t, source: {from: t s}, target: {from: t t}, columns: [{source: s.b, target: t.b}],
                 key: [{source: s.id, target: t.id, as: text}, {source: s.a, target: t.a}]}";
    let (old, new) = (row(1, text("11"), text("x")), row(11, text("1"), text("x")));
    assert_eq!(plain(yaml, vec![old], vec![new]), [0, 0, 0, 1, 0, 1]);
}

#[test]
fn a_key_may_hold_null_and_text_of_any_case() {
    let yaml = "{name: t, source: {from: t s}, target: {from: t t}, key: [{source: s.a, target: t.a}],
                 columns: [{source: s.id, target: t.id}, {source: s.b, target: t.b}]}";
    let rows = || vec![row(1, Value::Null, text("x")), row(2, text("Ё"), text("x")), row(3, text("ё"), text("x"))];
    assert_eq!(plain(yaml, rows(), rows()), [3, 0, 0, 0, 0, 0], "keys that a collation would merge stay apart");
}

#[test]
fn equal_rows_of_one_key_are_paired_and_the_surplus_is_missing_or_extra() {
    let rows = |count| vec![row(1, text("a"), text("b")); count];
    for yaml in [PLAIN, KEYLESS] {
        assert_eq!(plain(yaml, rows(3), rows(2)), [2, 0, 0, 1, 0, 0], "three against two");
        assert_eq!(plain(yaml, rows(2), rows(3)), [2, 0, 0, 0, 0, 1], "two against three");
        assert_eq!(plain(yaml, rows(2), rows(2)), [2, 0, 0, 0, 0, 0]);
        assert_eq!(plain(yaml, rows(2), vec![]), [0, 0, 0, 2, 0, 0]);
    }
}

#[test]
fn unlike_rows_of_one_key_are_ambiguous_on_either_side() {
    let (a, b) = (|| row(1, text("a"), text("x")), || row(1, text("b"), text("x")));
    assert_eq!(plain(PLAIN, vec![a(), b()], vec![a(), b()]), [0, 0, 0, 0, 2, 0], "even when both sides hold both");
    assert_eq!(plain(PLAIN, vec![a()], vec![a(), b()]), [0, 0, 0, 0, 1, 0], "in the target");
    assert_eq!(plain(PLAIN, vec![a(), b()], vec![a()]), [0, 0, 0, 0, 2, 0], "in the source");
    assert_eq!(plain(PLAIN, vec![a(), b()], vec![]), [0, 0, 0, 0, 2, 0], "in the source alone");
    assert_eq!(
        plain(PLAIN, vec![], vec![a(), b()]),
        [0, 0, 0, 0, 0, 2],
        "in the target alone no source row is in doubt"
    );
}

#[test]
fn rows_without_a_key_are_a_multiset_in_any_order() {
    let rows: Vec<Row> = (0..200).map(|n| row(n % 7, text(&format!("{}", n % 5)), Value::Null)).collect();
    let mut permuted = rows.clone();
    permuted.reverse();
    permuted.rotate_left(41);
    let result = verify(KEYLESS, &store(rows.clone()), &store(permuted.clone()));
    assert_eq!((result.counts, &result.source.root), (counts([200, 0, 0, 0, 0, 0]), &result.target.root));
    assert!(!result.keyed);
    permuted[0][1] = text("other");
    assert_eq!(plain(KEYLESS, rows, permuted), [199, 0, 0, 1, 0, 1]);
}

const MOVING: &str = "
name: t
source: {from: t s}
target: {from: t t}
key: [{source: s.id, target: t.id}]
columns: [{source: s.a, target: t.a}, {source: s.b, target: t.b}]
may_change: [t.b]
";

fn moving(percent: u32, changed_at: bool) -> String {
    let changed = if changed_at { "changed_at: t.at\n" } else { "" };
    format!("{MOVING}may_change_percent_max: {percent}\n{changed}")
}

fn moved_store(rows: Vec<Row>) -> Store {
    let columns = [("id", Kind::Int), ("a", Kind::Text), ("b", Kind::Text), ("at", Kind::Date)];
    Store::default().with("t", &["id"], &columns, rows)
}

fn ten_rows() -> Vec<Row> {
    (0..10).map(|id| row(id, text("a"), text("phone"))).collect()
}

fn with_change(id: usize, column: usize, at: Value) -> Vec<Row> {
    let mut rows: Vec<Row> =
        ten_rows().into_iter().map(|row| [row, vec![Value::Date(MIGRATED_ON - 1)]].concat()).collect();
    rows[id][column] = text("changed");
    rows[id][3] = at;
    rows
}

#[test]
fn a_row_moves_on_only_in_declared_columns_and_in_time() {
    let verdict = |yaml: &str, column, at: Value| {
        let result = verify(yaml, &store(ten_rows()), &moved_store(with_change(3, column, at)));
        (result.counts, result.changed_by_column["t.b"])
    };
    let (moved, different) = ((counts([9, 1, 0, 0, 0, 0]), 1), (counts([9, 0, 1, 0, 0, 0]), 0));
    let (silent, telling) = (moving(10, false), moving(10, true));
    assert_eq!(verdict(&silent, 2, Value::Null), moved, "the platform tells no time");
    assert_eq!(verdict(&silent, 1, Value::Null), different, "another column");
    assert_eq!(verdict(&telling, 2, Value::Date(MIGRATED_ON + 1)), moved, "the day after the migration");
    assert_eq!(verdict(&telling, 2, Value::Date(MIGRATED_ON)), different, "on the day of the migration");
    assert_eq!(verdict(&telling, 2, Value::Null), different, "no time where one is promised");
    assert_eq!(
        verdict(&telling, 2, text("2026-09-02T00:00:01+03:00")),
        different,
        "still the first of September in UTC"
    );
    assert_eq!(verdict(&telling, 2, Value::Instant((MIGRATED_ON + 1) * 86_400_000_000)), moved);
    assert_eq!(verdict(&telling, 1, Value::Date(MIGRATED_ON + 1)), different);
}

#[test]
fn too_many_rows_that_moved_on_are_different() {
    let mut rows = with_change(3, 2, Value::Null);
    rows[4][2] = text("changed");
    let (result, comparison) = compared(&moving(20, false), &store(ten_rows()), &moved_store(rows.clone()));
    assert_eq!((result.counts, result.over_limit), (counts([8, 2, 0, 0, 0, 0]), 0));
    assert_eq!((comparison.findings[&Verdict::MovedOn].total, result.blocking_rows()), (2, 0));
    let (result, comparison) = compared(&moving(19, false), &store(ten_rows()), &moved_store(rows.clone()));
    assert_eq!((result.counts, result.over_limit, result.changed_by_column["t.b"]), (counts([8, 0, 2, 0, 0, 0]), 2, 2));
    assert_eq!((comparison.findings[&Verdict::Different].listed.len(), result.blocking_rows()), (2, 2));
    assert!(!comparison.findings.contains_key(&Verdict::MovedOn));
    let none = verify(&moving(0, false), &store(ten_rows()), &moved_store(rows));
    assert_eq!(none.counts, counts([8, 0, 2, 0, 0, 0]), "0 percent allows no row");
}

#[test]
fn one_key_whose_rows_differ_only_where_they_may_is_ambiguous() {
    let mut rows = with_change(3, 2, Value::Null);
    rows.push(vec![int(3), text("a"), text("phone"), Value::Null]);
    let result = verify(&moving(100, false), &store(ten_rows()), &moved_store(rows));
    assert_eq!(result.counts, counts([9, 0, 0, 0, 1, 0]));
}

fn school() -> Store {
    let students = [("id", Kind::Int), ("snils", Kind::Text), ("f", Kind::Text), ("i", Kind::Text), ("o", Kind::Text)];
    let student = |id, snils: &str, f: &str, i: &str, o: Value| vec![int(id), text(snils), text(f), text(i), o];
    let marks =
        [("id", Kind::Int), ("student_id", Kind::Int), ("dt", Kind::Text), ("mark", Kind::Int), ("deleted", Kind::Int)];
    let mark =
        |id, student: Value, day: &str, mark, deleted| vec![int(id), student, text(day), int(mark), int(deleted)];
    Store::default()
        .with(
            "students",
            &["id"],
            &students,
            vec![
                student(1, "112-233-445 95", "Пушкарёва", "Анна", text("Ивановна")),
                student(2, "087-654-303 00", "Де ла Крус", "Ян", Value::Null),
            ],
        )
        .with(
            "marks",
            &["id"],
            &marks,
            vec![
                mark(1, int(1), "01.09.2026", 5, 0),
                mark(2, int(2), "02.09.2026", 4, 0),
                mark(3, int(2), "03.09.2026", 3, 1),
                mark(4, int(9), "01.09.2026", 5, 0),
                mark(5, Value::Null, "01.09.2026", 5, 0),
            ],
        )
}

const MARKS: &str = r#"
name: marks
source: {from: marks m, join: [{table: students s, on: [[m.student_id, s.id]], kind: one}], where: {m.deleted: "0"}}
target: {from: grades g, where: {g.school: "77-0001"}}
key: [{source: s.snils, target: g.snils, as: digits}, {source: m.dt, target: g.day, as: date, format: "%d.%m.%Y"}]
columns:
  - {source: m.mark, target: g.score, as: text, values: {"5": excellent, "4": good}}
  - {source: m.id, not_migrated: "renumbered"}
  - {target: g.origin, constant: "old diary"}
"#;

fn grades(rows: Vec<Row>) -> Store {
    let columns = [
        ("snils", Kind::Text),
        ("day", Kind::Date),
        ("score", Kind::Text),
        ("school", Kind::Text),
        ("origin", Kind::Text),
    ];
    Store::default().with("grades", &[], &columns, rows)
}

fn grade(snils: &str, day: i64, score: &str, school: &str, origin: &str) -> Row {
    vec![text(snils), Value::Date(MIGRATED_ON + day), text(score), text(school), text(origin)]
}

#[test]
fn joins_filters_values_and_constants_meet() {
    let good = || {
        vec![
            grade("11223344595", 0, "excellent", "77-0001", "old diary"),
            grade("08765430300", 1, "good", "77-0001", "old diary"),
            grade("11223344595", 5, "good", "77-0002", "another"),
        ]
    };
    let result = verify(MARKS, &school(), &grades(good()));
    assert_eq!(result.counts, counts([2, 0, 0, 3, 0, 0]), "rows that join nothing or are filtered out are missing");
    assert_eq!((result.uncovered.no_partner, result.uncovered.outside_filter), (2, 1));
    assert_eq!(result.source.root, result.target.root);
    for (name, place, column, value) in [
        ("mark", 0, 2, "good"),
        ("unmapped word", 0, 2, "5"),
        ("constant", 1, 4, "typed in"),
        ("no constant", 1, 4, ""),
    ] {
        let mut rows = good();
        rows[place][column] = text(value);
        assert_eq!(verify(MARKS, &school(), &grades(rows)).counts, counts([1, 0, 1, 3, 0, 0]), "{name}");
    }
    let mut rows = good();
    rows[0][3] = text("77-0002");
    assert_eq!(verify(MARKS, &school(), &grades(rows)).counts, counts([1, 0, 0, 4, 0, 0]), "another school's row");
}

#[test]
fn an_undeclared_value_never_merges_with_a_mapped_one() {
    let yaml = "{name: t, source: {from: t s}, target: {from: t t}, key: [{source: s.id, target: t.id}],
                 columns: [{source: s.a, target: t.a, values: {'1': '2'}}, {source: s.b, target: t.b}]}";
    let rows = |a: [&str; 3]| (0..3).map(|id| row(id, text(a[id as usize]), Value::Null)).collect();
    assert_eq!(plain(yaml, rows(["1", "2", "3"]), rows(["2", "2", "3"])), [2, 0, 1, 0, 0, 0]);
    let declared = yaml.replace("'1': '2'", "'1': '2', '2': '1'");
    assert_eq!(plain(&declared, rows(["1", "2", "3"]), rows(["2", "1", "3"])), [3, 0, 0, 0, 0, 0]);
}

#[test]
fn merged_and_split_columns_keep_every_part() {
    let merged = r#"{name: p, source: {from: students s}, target: {from: people p},
        key: [{source: s.snils, target: p.snils, as: digits}],
        columns: [{source: [s.f, s.i, s.o], join: " ", target: p.full}, {source: s.id, not_migrated: "renumbered"}]}"#;
    let people = |names: [&str; 2]| {
        let rows = vec![vec![text("11223344595"), text(names[0])], vec![text("08765430300"), text(names[1])]];
        Store::default().with("people", &[], &[("snils", Kind::Text), ("full", Kind::Text)], rows)
    };
    let all = people(["Пушкарёва Анна Ивановна", "Де ла Крус Ян"]);
    assert_eq!(verify(merged, &school(), &all).counts, counts([2, 0, 0, 0, 0, 0]));
    let cut = people(["Пушкарёва Анна", "Де ла Крус Ян "]);
    assert_eq!(verify(merged, &school(), &cut).counts, counts([0, 0, 2, 0, 0, 0]), "a lost part, a blank too many");

    let split = r#"{name: p, source: {from: people p}, target: {from: parts t},
        key: [{source: p.snils, target: t.snils}],
        columns: [{source: p.full, split: {by: " ", part: 1}, target: t.f}, {source: p.full, split: {by: " ", part: 2}, target: t.i},
                  {source: p.full, split: {by: " ", part: 3}, target: t.o}]}"#;
    let parts = |third: Value| {
        let rows = vec![
            vec![text("11223344595"), text("Алиев"), text("Али"), third],
            vec![text("08765430300"), text("Ян"), Value::Null, Value::Null],
        ];
        let columns = [("snils", Kind::Text), ("f", Kind::Text), ("i", Kind::Text), ("o", Kind::Text)];
        Store::default().with("parts", &[], &columns, rows)
    };
    let names = people(["Алиев Али Вели оглы", "Ян"]);
    assert_eq!(verify(split, &names, &parts(text("Вели оглы"))).counts, counts([2, 0, 0, 0, 0, 0]));
    assert_eq!(
        verify(split, &names, &parts(text("Вели"))).counts,
        counts([1, 0, 1, 0, 0, 0]),
        "the last part takes the rest"
    );
    assert_eq!(verify(split, &names, &parts(Value::Null)).counts, counts([1, 0, 1, 0, 0, 0]));
}

#[test]
fn a_tolerance_counts_only_where_it_is_declared() {
    let yaml = PLAIN.replace("target: t.a}", "target: t.a, tolerate: [nfc, trim]}");
    let (old, new) = (row(1, text("\u{438}\u{306} "), text("x")), row(1, text("\u{439}"), text("x")));
    let result = verify(&yaml, &store(vec![old.clone()]), &store(vec![new.clone()]));
    assert_eq!(result.counts, counts([1, 0, 0, 0, 0, 0]));
    assert_eq!(
        (result.tolerances[0].target.as_str(), result.tolerances[0].tolerances.len()),
        ("t.a", 2),
        "and is printed"
    );
    assert_eq!(plain(PLAIN, vec![old], vec![new]), [0, 0, 1, 0, 0, 0]);
}

#[test]
fn a_join_into_a_key_that_is_not_unique_after_all_is_ambiguous() {
    let mut school = school();
    // SQLite lets a primary key column hold 2 and '2' side by side.
    school.rows.get_mut("students").unwrap().push(vec![
        text("2"),
        text("000-000-000 00"),
        text("x"),
        text("y"),
        Value::Null,
    ]);
    let result = verify(MARKS, &school, &grades(vec![grade("11223344595", 0, "excellent", "77-0001", "old diary")]));
    assert_eq!((result.counts, result.uncovered.ambiguous_join), (counts([1, 0, 0, 3, 1, 0]), 1));
}

#[test]
fn the_result_survives_canonical_json_and_holds_no_value() {
    let result = verify(MARKS, &school(), &grades(vec![grade("11223344595", 0, "good", "77-0001", "old diary")]));
    let bytes = crate::json::to_canonical(&result).unwrap();
    assert_eq!(crate::json::from_canonical::<super::MappingResult>(&bytes).unwrap(), result);
    let shown = String::from_utf8(bytes).unwrap() + &format!("{result:?}");
    for value in ["11223344595", "112-233", "Пушкарёва", "excellent"] {
        assert!(!shown.contains(value), "{value}");
    }
}
