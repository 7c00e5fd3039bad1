//! A system of the corpus with Cyrillic names (`ru-cyr-sqlite`), moved into the platform of `register.sql` and mapped by
//! `register.yaml`: a file to a file, and PostgreSQL to MariaDB. Ten bugs, each alone; phones and names that changed since.

use crate::corpus::database::{Database, Engine};
use crate::corpus::system::System;
use crate::corpus::walk::Walk;
use crate::planted::{Bug, Pristine, each_alone, engine, verify, words};
use serde_json::Value;
use std::collections::BTreeSet;

/// The profile.
pub(crate) const PROFILE: &str = include_str!("register.yaml");
const MIGRATION: &str = include_str!("register.sql");

/// The platform's tables.
pub(crate) const TABLES: [&str; 8] =
    ["residences", "documents", "employees", "persons", "person_origins", "enrolments", "subjects", "grades"];

/// Makes the platform of the rows that were loaded into it.
pub(crate) fn migrate(target: &Database) {
    target.execute(&words(engine(target), MIGRATION));
}

/// A case over both, discovered and decided.
fn migrated(old: Engine, new: Engine, pupils: u32) -> Option<(Walk, Pristine)> {
    let system = System::find_of("ru-cyr-sqlite", pupils)?;
    let mut pristine = None;
    let mut walk = Walk::migrated(&system, old, new, PROFILE, |target| {
        migrate(target);
        pristine = Some(Pristine::of(target, &TABLES));
    });
    walk.run("discover", &[], 0);
    walk.decide();
    Some((walk, pristine.unwrap()))
}

/// What a migration into this platform can do wrong.
const BUGS: [Bug; 10] = [
    Bug {
        name: "swapped columns",
        sql: "CREATE TABLE aside AS SELECT * FROM persons WHERE person_no < 10700 AND family_name <> given_name;
              UPDATE persons SET family_name = (SELECT a.given_name FROM aside a WHERE a.person_no = persons.person_no),
                                 given_name = (SELECT a.family_name FROM aside a WHERE a.person_no = persons.person_no)
              WHERE person_no IN (SELECT person_no FROM aside); DROP TABLE aside",
        found: &[("pupils", "different", "persons WHERE person_no BETWEEN 2 AND 10699 AND family_name <> given_name")],
        named: &[
            (
                "pupils",
                "p.family_name",
                "swapped",
                None,
                "persons WHERE person_no BETWEEN 2 AND 10699 AND family_name <> given_name",
            ),
            (
                "pupils",
                "p.given_name",
                "swapped",
                None,
                "persons WHERE person_no BETWEEN 2 AND 10699 AND family_name <> given_name",
            ),
        ],
    },
    Bug {
        name: "lost patronymics",
        sql: "UPDATE persons SET patronymic = NULL",
        found: &[("pupils", "different", "persons WHERE patronymic IS NOT NULL")],
        named: &[("pupils", "p.patronymic", "lost", None, "persons WHERE patronymic IS NOT NULL")],
    },
    Bug {
        name: "cp1251 mojibake",
        sql: "UPDATE residences SET street = {MISREAD street} WHERE street NOT LIKE '%И%'",
        found: &[("addresses", "different", "residences WHERE street NOT LIKE '%И%'")],
        named: &[("addresses", "r.street", "mojibake", None, "residences WHERE street NOT LIKE '%И%'")],
    },
    Bug {
        name: "shifted dates",
        sql: "UPDATE grades SET held_at = {LATER held_at} WHERE old_no <= 400",
        found: &[("marks", "different", "grades WHERE old_no <= 400")],
        named: &[("marks", "g.held_at", "day_shift", Some(1), "grades WHERE old_no <= 400")],
    },
    Bug {
        name: "truncated comments",
        sql: "UPDATE grades SET remark = substr(remark, 1, 12)",
        found: &[("marks", "different", "grades WHERE remark <> 'опоздал'")],
        named: &[("marks", "g.remark", "truncated", Some(12), "grades WHERE remark <> 'опоздал'")],
    },
    Bug {
        name: "marks off by one class",
        sql: "UPDATE grades SET score = score - 1 WHERE score IN (4, 5)",
        found: &[("marks", "different", "grades WHERE score IN (4, 5)")],
        named: &[("marks", "g.score", "number_shift", Some(-1), "grades WHERE score IN (4, 5)")],
    },
    Bug {
        name: "duplicated rows",
        sql: "INSERT INTO grades SELECT grade_no + 500000, old_no, person_no, subject_no, employee_no, held_at, score, remark \
              FROM grades WHERE old_no <= 77",
        found: &[("marks", "extra", "grades WHERE old_no <= 77")],
        named: &[("marks", "g.old_no", "duplicated", None, "grades WHERE old_no <= 77")],
    },
    Bug {
        name: "dropped leavers",
        sql: "DELETE FROM enrolments WHERE person_no IN \
              (SELECT person_no FROM grades GROUP BY person_no HAVING max(held_at) < '2026-02-01')",
        found: &[
            ("pupils", "missing", LEAVERS),
            (
                "marks",
                "missing",
                "grades WHERE person_no IN (SELECT person_no FROM grades GROUP BY person_no HAVING max(held_at) < '2026-02-01')",
            ),
        ],
        named: &[],
    },
    Bug {
        name: "zone shift",
        sql: "UPDATE grades SET held_at = {EARLIER held_at}",
        found: &[("marks", "different", "grades")],
        named: &[("marks", "g.held_at", "zone", Some(-180), "grades")],
    },
    Bug {
        name: "merged namesakes",
        sql: "CREATE TABLE twins AS SELECT min(person_no) AS kept, max(person_no) AS gone FROM persons \
              GROUP BY family_name, given_name HAVING count(*) = 2; \
              UPDATE grades SET person_no = (SELECT kept FROM twins WHERE gone = grades.person_no) \
              WHERE person_no IN (SELECT gone FROM twins); \
              DELETE FROM enrolments WHERE person_no IN (SELECT gone FROM twins); \
              DELETE FROM person_origins WHERE person_no IN (SELECT gone FROM twins); \
              DELETE FROM persons WHERE person_no IN (SELECT gone FROM twins); DROP TABLE twins",
        found: &[("pupils", "missing", NAMESAKES), ("marks", "different", MARKS_OF_NAMESAKES)],
        named: &[("marks", "o.old_no", "reattached", None, MARKS_OF_NAMESAKES)],
    },
];

const LEAVERS: &str = "(SELECT person_no FROM grades GROUP BY person_no HAVING max(held_at) < '2026-02-01') leavers";
const NAMESAKES: &str =
    "(SELECT max(person_no) AS gone FROM persons GROUP BY family_name, given_name HAVING count(*) = 2) twins";
const MARKS_OF_NAMESAKES: &str = "grades WHERE person_no IN \
     (SELECT max(person_no) FROM persons GROUP BY family_name, given_name HAVING count(*) = 2)";

#[test]
fn a_register_in_another_schema_verifies_clean_and_each_bug_of_its_migration_is_named() {
    let Some((walk, pristine)) = migrated(Engine::Sqlite, Engine::Sqlite, 1000) else { return };
    each_alone(&walk.case(), &pristine, &BUGS);
    eprintln!("── seconds: {}", walk.seconds());
}

#[test]
fn from_postgres_to_mariadb_each_bug_is_named_alike() {
    let Some((walk, pristine)) = migrated(Engine::Postgres, Engine::Mysql, 250) else { return };
    each_alone(&walk.case(), &pristine, &BUGS);
    eprintln!("── seconds: {}", walk.seconds());
}

/// Five hundred persons.
const FIRST: &str = "person_no IN (SELECT person_no FROM persons WHERE person_no > 1 ORDER BY person_no LIMIT 500)";

#[test]
fn five_hundred_phones_have_moved_on_and_five_hundred_names_have_not() {
    let Some((mut walk, pristine)) = migrated(Engine::Sqlite, Engine::Sqlite, 1000) else { return };
    let case = walk.case();
    let pupils = |verdict: &str| (("pupils".to_owned(), verdict.to_owned()), 500);
    walk.new.execute(&format!("UPDATE persons SET phone = '+70000001234', changed_on = '2026-10-01' WHERE {FIRST}"));
    let verified = verify(&case);
    verified.assert_clean("phones changed after the migration");
    assert_eq!(verified.counts, [pupils("moved_on")].into());
    walk.run("plan", &[], 0);
    let plan = crate::common::json_file(&case.join("plan.json"));
    assert_eq!(plan["coverage"]["moved_on"], 500, "the commission is told: {:#}", plan["coverage"]);

    for (what, change) in [
        ("phones that the platform has not changed since", "phone = '+70000001234'"),
        ("names", "family_name = family_name || 'ова', changed_on = '2026-10-01'"),
    ] {
        pristine.restore();
        walk.new.execute(&format!("UPDATE persons SET {change} WHERE {FIRST}"));
        let verified = verify(&case);
        assert_eq!((verified.exit, verified.counts), (1, [pupils("different")].into()), "{what}");
        let refused = walk.run("plan", &[], 4);
        assert_eq!(open_mappings(&refused), ["pupils".to_owned()].into(), "{what}");
    }
}

/// The mappings whose rows a refused plan leaves open.
fn open_mappings(refused: &Value) -> BTreeSet<String> {
    assert_eq!(refused["error"]["code"], "plan-open", "{refused:#}");
    let mut mappings = BTreeSet::new();
    let mut point = &refused["error"]["cause"];
    while point.is_object() {
        mappings.insert(point["args"]["mapping"].as_str().unwrap_or("-").to_owned());
        point = &point["cause"];
    }
    mappings
}
