//! Mappings that are refused, what coverage counts, and the drafted mapping of a table as itself.

use super::{PersonalColumns, Store, compiled, counts, int, problems, table, text, verify};
use crate::failure::Exit;
use crate::profile::profile_file::{Columns, Normaliser};
use crate::verify::identity::{Stores, draft};
use lastbell_contract::{Index, Kind, TableId, Value};

const GOOD: &str = r#"
name: marks
source:
  from: marks m
  join: [{table: students s, on: [[m.student_id, s.id]]}]
  where: {m.deleted: "0"}
target: {from: grades g}
key: [{source: s.snils, target: g.snils, as: digits}]
columns:
  - {source: m.mark, target: g.score, as: text, values: {"5": excellent}}
  - {source: m.note, target: g.note}
  - {source: m.id, not_migrated: "renumbered"}
  - {target: g.origin, constant: "old"}
may_change: [g.note]
"#;

fn old() -> Store {
    let students = [("id", Kind::Int), ("snils", Kind::Text), ("class", Kind::Text)];
    let marks = [
        ("id", Kind::Int),
        ("student_id", Kind::Int),
        ("mark", Kind::Int),
        ("note", Kind::Text),
        ("deleted", Kind::Int),
    ];
    Store::default().with("students", &["id"], &students, vec![]).with("marks", &["id"], &marks, vec![])
}

fn new() -> Store {
    let grades =
        [("id", Kind::Int), ("snils", Kind::Text), ("score", Kind::Text), ("note", Kind::Text), ("origin", Kind::Text)];
    Store::default().with("grades", &["id"], &grades, vec![])
}

fn personal(columns: &[(&str, &str, bool)]) -> PersonalColumns {
    let mut personal = PersonalColumns::default();
    for (table, column, identifies) in columns {
        personal.0.entry(TableId::plain(table)).or_default().insert((*column).to_owned(), *identifies);
    }
    personal
}

/// The codes of the problems, with what they point at.
fn found(yaml: &str, personal: &PersonalColumns) -> Vec<String> {
    problems(yaml, &old(), &new(), personal)
        .iter()
        .map(|problem| {
            let place = ["column", "table", "alias"].iter().find_map(|name| problem.arg(name)).unwrap_or("-");
            format!("{} {place}", problem.code)
        })
        .collect()
}

#[test]
fn the_good_mapping_has_no_problem() {
    assert_eq!(found(GOOD, &personal(&[("marks", "mark", false), ("students", "snils", true)])), [""; 0]);
}

#[test]
fn every_fault_is_named() {
    for (from, to, problem) in [
        ("marks m", "mark m", "mapping-table-unknown mark"),
        ("grades g", "Grades g", "mapping-table-unknown Grades"),
        ("m.mark, target", "m.marks, target", "mapping-column-unknown m.marks"),
        ("g.score", "g.scores", "mapping-column-unknown g.scores"),
        ("m.mark, target", "x.mark, target", "mapping-column-unknown x.mark"),
        ("s.snils", "s.SNILS", "mapping-column-unknown s.SNILS"),
        ("m.deleted", "m.erased", "mapping-column-unknown m.erased"),
        ("s.id]", "s.ident]", "mapping-column-unknown s.ident"),
        ("students s", "students m", "mapping-alias-twice m"),
        ("[m.student_id, s.id]", "[m.student_id, s.class]", "mapping-join-not-unique students"),
        ("[[m.student_id, s.id]]", "[]", "mapping-join-not-unique students"),
        ("[m.student_id, s.id]", "[m.student_id, m.id]", "mapping-join-pair students"),
        ("  - {source: m.note, target: g.note}\n", "", "mapping-column-left m.note"),
        ("  - {source: m.id, not_migrated: \"renumbered\"}\n", "", "mapping-column-left m.id"),
        ("  where: {m.deleted: \"0\"}\n", "", "mapping-column-left m.deleted"),
        ("source: m.id, not", "source: [m.id, m.note], not", "mapping-column-twice m.note"),
        ("may_change: [g.note]", "may_change: [g.origins]", "mapping-change-unknown g.origins"),
        ("may_change: [g.note]", "may_change: [g.note]\nchanged_at: g.when", "mapping-column-unknown g.when"),
        ("key: [{source: s.snils, target: g.snils, as: digits}]", "key: []", "mapping-change-keyless g.note"),
        ("{\"5\": excellent}", "{\"5\": excellent, \"4\": excellent}", "mapping-values-merge g.score"),
        (
            "as: text, values: {\"5\": excellent}",
            "as: int, values: {\"5\": 1, \"05\": 2}",
            "mapping-values-twice g.score",
        ),
        ("target: g.note}", "target: g.note, format: \"%d.%m.%Y\"}", "mapping-format g.note"),
        ("target: g.note}", "target: g.note, as: date, format: \"%d.%m.%y\"}", "mapping-format g.note"),
        ("m.note, target", "m.note, split: {by: \" \", part: 2}, target", "mapping-split m.note"),
        ("m.note, target", "m.note, split: {by: \"\", part: 1}, target", "mapping-split m.note"),
        ("m.note, target", "m.note, split: {by: \" \", part: 0}, target", "mapping-split m.note"),
        ("m.note, target", "m.note, join: \" \", target", "mapping-rule-shape 2"),
    ] {
        let yaml = GOOD.replace(from, to);
        assert_ne!(yaml, GOOD, "{from} stands in the mapping");
        let found = found(&yaml, &PersonalColumns::default());
        assert!(found.iter().any(|one| one == problem), "{to}: wanted {problem}, found {found:?}");
    }
}

#[test]
fn a_wrong_name_comes_with_those_that_were_meant() {
    let yaml = GOOD.replace("m.mark, target", "m.marks, target").replace("grades g", "grade g");
    let all = problems(&yaml, &old(), &new(), &PersonalColumns::default());
    assert_eq!((all.len(), all[0].arg("candidates"), all[0].exit), (1, Some("grades"), Exit::Usage));
    let yaml = GOOD.replace("m.mark, target", "m.marks, target");
    let all = problems(&yaml, &old(), &new(), &PersonalColumns::default());
    assert!(all[0].arg("candidates").unwrap().starts_with("m.mark"), "{:?}", all[0]);
}

#[test]
fn several_problems_are_told_at_once() {
    let yaml = GOOD.replace("m.mark, target", "m.marks, target").replace("g.note}", "g.notes}");
    let found = found(&yaml, &PersonalColumns::default());
    for problem in ["mapping-column-unknown m.marks", "mapping-column-unknown g.notes"] {
        assert!(found.iter().any(|one| one == problem), "{found:?}");
    }
}

#[test]
fn a_table_of_two_schemas_must_be_told_apart() {
    let mut target = new();
    let mut other = target.catalog.tables[0].clone();
    other.id.schema = Some("archive".to_owned());
    target.catalog.tables[0].id.schema = Some("public".to_owned());
    target.catalog.tables.push(other);
    let all = problems(GOOD, &old(), &target, &PersonalColumns::default());
    assert_eq!(
        (all[0].code, all[0].arg("candidates")),
        ("mapping-table-unknown", Some("public.grades, archive.grades"))
    );
    let told = GOOD.replace("grades g", "archive.grades g");
    assert_eq!(problems(&told, &old(), &target, &super::snils()), []);
}

#[test]
fn a_unique_index_is_a_key_to_join_by_and_a_longer_key_is_none() {
    let by_snils =
        GOOD.replace("[m.student_id, s.id]", "[m.student_id, s.snils]").replace("s.snils, target", "s.id, target");
    let join = |store: &Store| {
        let found = problems(&by_snils, store, &new(), &PersonalColumns::default());
        found.iter().any(|problem| problem.code == "mapping-join-not-unique")
    };
    let mut store = old();
    assert!(join(&store));
    let index = |columns: &[&str], unique| Index {
        name: "i".into(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        unique,
    };
    store.catalog.tables[0].indexes =
        vec![index(&["snils"], false), index(&["snils", "class"], true), index(&[""], true)];
    assert!(join(&store), "neither a plain index, nor a longer unique one, nor one over an expression");
    store.catalog.tables[0].indexes = vec![index(&["snils"], true)];
    assert!(!join(&store));
}

#[test]
fn a_link_is_accounted_for_only_when_what_it_leads_to_is_compared() {
    let by_class = GOOD.replace("s.snils, target: g.snils, as: digits", "s.class, target: g.snils");
    assert_eq!(
        found(&by_class, &PersonalColumns::default()),
        ["mapping-column-left m.student_id"],
        "many are of one class"
    );
    assert_eq!(found(&by_class, &personal(&[("students", "class", true)])), [""; 0], "unless it identifies");
    let by_id = GOOD.replace("s.snils, target", "s.id, target");
    assert_eq!(found(&by_id, &PersonalColumns::default()), [""; 0], "a unique key tells the joined row");
}

#[test]
fn weak_mappings_of_personal_tables_are_refused() {
    let weak = r#"{name: w, source: {from: students s}, target: {from: grades g}, key: [{source: s.id, target: g.id}],
        columns: [{source: s.class, target: g.note}, {source: s.snils, not_migrated: "no place"}]}"#;
    let identified = weak.replace("s.snils, not_migrated: \"no place\"", "s.snils, target: g.snils");
    let changing = identified.replace("columns:", "may_change: [g.snils], columns:");
    let half = weak.replace("target: g.note}", "target: g.note}, {target: g.snils, constant: \"0\"}");
    let snils = personal(&[("students", "snils", true), ("students", "class", false)]);
    let unknown_person = personal(&[("students", "snils", false), ("students", "class", false)]);
    for (name, yaml, personal, refused) in [
        ("the identifying column is left behind", weak, &snils, true),
        ("no column identifies, one is left behind", weak, &unknown_person, true),
        ("the identifying column may change", &changing, &snils, true),
        ("a constant proves nothing about a person", &half, &snils, true),
        ("it is compared", &identified, &snils, false),
        ("every column is compared", &identified, &unknown_person, false),
        ("nobody's data", weak, &PersonalColumns::default(), false),
    ] {
        let all = problems(yaml, &old(), &new(), personal);
        let weak = all.iter().filter(|problem| problem.code == "mapping-weak").collect::<Vec<_>>();
        assert_eq!(!weak.is_empty(), refused, "{name}: {all:?}");
        assert!(weak.iter().all(|problem| problem.exit == Exit::Refused), "{name}");
    }
    let in_key = weak.replace("key: [{source: s.id, target: g.id}]", "key: [{source: s.snils, target: g.snils}]");
    let in_key = in_key.replace("s.snils, not_migrated", "s.id, not_migrated");
    assert!(problems(&in_key, &old(), &new(), &snils).is_empty(), "being part of the key counts");
    let more = format!("{}, must_compare: 3}}", identified.trim_end_matches('}'));
    let all = problems(&more, &old(), &new(), &snils);
    assert_eq!(
        (all[0].code, all[0].arg("compared"), all[0].arg("needed")),
        ("mapping-must-compare", Some("2"), Some("3"))
    );
    assert!(problems(&more.replace(": 3", ": 2"), &old(), &new(), &snils).is_empty());
}

#[test]
fn a_mapping_that_compares_nothing_is_refused() {
    let yaml = r#"{name: w, source: {from: students s}, target: {from: grades g},
        columns: [{source: [s.id, s.snils, s.class], not_migrated: "x"}, {target: g.origin, constant: "old"}]}"#;
    assert_eq!(found(yaml, &PersonalColumns::default()), ["mapping-compares-nothing -"]);
}

#[test]
fn coverage_files_each_personal_column_once() {
    let all = personal(&[
        ("marks", "student_id", true),
        ("marks", "mark", false),
        ("marks", "note", false),
        ("marks", "deleted", false),
        ("marks", "id", false),
        ("students", "snils", true),
    ]);
    let store = old();
    let compiled =
        crate::verify::mapping::compile(&super::mapping(GOOD), &store.catalog, &new().catalog, &all).unwrap();
    let coverage = &compiled.coverage;
    assert_eq!(coverage.compared, ["mark", "student_id"]);
    assert_eq!((coverage.may_change.as_slice(), coverage.tolerated.len()), (["note".to_owned()].as_slice(), 0));
    assert_eq!(
        (coverage.left_out.as_slice(), coverage.personal_columns()),
        (["deleted".to_owned(), "id".to_owned()].as_slice(), 5)
    );
    assert_eq!(compiled.tolerances[0].tolerances, ["digits"], "a normaliser that loses something is printed");
    let tolerant = GOOD.replace("as: text, values: {\"5\": excellent}", "as: text, tolerate: [case]");
    let compiled =
        crate::verify::mapping::compile(&super::mapping(&tolerant), &store.catalog, &new().catalog, &all).unwrap();
    assert_eq!(compiled.coverage.tolerated, ["mark"]);
}

#[test]
fn names_may_hold_dots_blanks_and_cyrillic() {
    let columns = [("№ п.п", Kind::Int), ("Ф.И.О.", Kind::Text)];
    let store = Store::default().with("Ученики школы", &["№ п.п"], &columns, vec![vec![int(1), text("Ян")]]);
    let yaml = "{name: n, source: {from: Ученики школы у}, target: {from: Ученики школы у},
                 key: [{source: у.№ п.п, target: у.№ п.п}], columns: [{source: у.Ф.И.О., target: у.Ф.И.О.}]}";
    assert_eq!(verify(yaml, &store, &store).counts, counts([1, 0, 0, 0, 0, 0]));
}

#[test]
fn a_table_is_drafted_as_itself_with_visible_transforms() {
    let old = table(
        "t",
        &["id"],
        &[
            ("id", Kind::Int),
            ("born", Kind::Text),
            ("on", Kind::Int),
            ("name", Kind::Text),
            ("gone", Kind::Text),
            ("at", Kind::LocalDateTime),
            ("doc", Kind::Json),
            ("took", Kind::Time),
        ],
    );
    let new = table(
        "t",
        &["id"],
        &[
            ("id", Kind::Text),
            ("born", Kind::Date),
            ("on", Kind::Bool),
            ("name", Kind::Text),
            ("at", Kind::Instant),
            ("doc", Kind::Json),
            ("took", Kind::Int),
            ("more", Kind::Text),
        ],
    );
    let drafted = draft("t", &old, &new, &Stores::default());
    assert_eq!(
        (drafted.absent.as_slice(), drafted.unbridged.as_slice()),
        (["gone".to_owned()].as_slice(), ["took".to_owned()].as_slice())
    );
    assert_eq!(drafted.mapping.key[0].r#as, Some(Normaliser::Text), "007 and 7 stay different");
    let rules: Vec<_> = drafted.mapping.columns.iter().map(|rule| (rule.source.clone().unwrap(), rule.r#as)).collect();
    let one = |name: &str| Columns::One(format!("s.{name}"));
    assert_eq!(
        rules,
        [
            (one("born"), Some(Normaliser::Date)),
            (one("on"), Some(Normaliser::Bool)),
            (one("name"), None),
            (one("at"), Some(Normaliser::Instant)),
            (one("doc"), Some(Normaliser::Json)),
        ]
    );
}

#[test]
fn a_draft_compiles_only_when_nothing_is_left_to_a_person() {
    let rows = || vec![vec![int(1), text("2010-05-04"), text("Ян")]];
    let store =
        |kind| Store::default().with("t", &["id"], &[("id", Kind::Int), ("born", kind), ("name", Kind::Text)], rows());
    let (old, mut new) = (store(Kind::Text), store(Kind::Date));
    new.rows.get_mut("t").unwrap()[0][1] = Value::Date(14_733);
    let drafted = draft("t", &old.catalog.tables[0], &new.catalog.tables[0], &Stores::default());
    let yaml = serde_yaml::to_string(&drafted.mapping).unwrap();
    assert_eq!(verify(&yaml, &old, &new).counts, counts([1, 0, 0, 0, 0, 0]));
    compiled(&yaml, &old, &new);
    new.catalog.tables[0].columns.pop();
    let drafted = draft("t", &old.catalog.tables[0], &new.catalog.tables[0], &Stores::default());
    let yaml = serde_yaml::to_string(&drafted.mapping).unwrap();
    let all = problems(&yaml, &old, &new, &PersonalColumns::default());
    assert_eq!((all.len(), all[0].code, all[0].arg("column")), (1, "mapping-column-left", Some("s.name")));
}

#[test]
fn a_table_without_a_shared_key_is_drafted_as_a_multiset() {
    let columns = [("a", Kind::Text), ("b", Kind::Text)];
    let drafted = draft("t", &table("t", &[], &columns), &table("t", &[], &columns), &Stores::default());
    assert_eq!((drafted.mapping.key.len(), drafted.mapping.columns.len()), (0, 2));
    let mut unique = table("t", &["gone"], &[("gone", Kind::Int), ("a", Kind::Text), ("b", Kind::Text)]);
    unique.unique_keys = vec![vec!["b".to_owned()]];
    assert_eq!(draft("t", &unique, &table("t", &[], &columns), &Stores::default()).mapping.key[0].source, "s.b");
}
