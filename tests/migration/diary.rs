//! The demo's diary and its platform, which is of another schema from the start (persons, enrolments, grades; UUIDs, split and
//! merged names, words for marks): ten bugs of its migration, each alone; phones and names that changed since.

use crate::common::{SmallCase, world};
use crate::corpus::database::Database;
use crate::planted::{Bug, Pristine, each_alone, verify};
use lastbell::demo::{self, DemoTable, SEED};
use lastbell::engines::DemoWriter;
use lastbell::steps;
use lastbell::world::World;
use std::fs;
use std::path::Path;

/// The demo's case over both diaries, whose platform the repair has made whole, and where nobody has a new phone yet.
pub(crate) struct Diary {
    pub(crate) small: SmallCase,
    pub(crate) platform: Database,
    _keep: Option<tempfile::TempDir>,
}

impl Diary {
    /// In a folder of its own, discovered and decided.
    pub(crate) fn new(world: &mut World, pupils: usize) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let mut diary = Self::in_folder(keep.path(), "LB-DEMO-0001", world, pupils);
        diary._keep = Some(keep);
        diary
    }

    /// The same in a folder of the caller's, under an id.
    pub(crate) fn in_folder(folder: &Path, id: &str, world: &mut World, pupils: usize) -> Self {
        let small = SmallCase::reopened(folder);
        fs::copy(folder.join("keys/operator.pub.pem"), folder.join("keys/operator.x25519.pub.pem")).unwrap();
        let diaries = demo::diaries(SEED, pupils);
        write(&small.source(), &diaries.retired);
        write(&small.target(), &diaries.platform);
        let mut writer = DemoWriter::open(&small.target()).unwrap();
        diaries.left_out.iter().for_each(|(table, columns, rows)| writer.insert(table, columns, rows).unwrap());
        writer.execute(&format!("ATTACH '{}' AS old; {SAME_PHONES}", small.source().display())).unwrap();
        writer.finish().unwrap();
        let url = |path: &Path| format!("sqlite:{}", path.display());
        let answers = demo::answers(&url(&small.source()), &url(&small.target())).replace("LB-DEMO-0001", id);
        let given = steps::init::Given {
            profile: Some("demo".to_owned()),
            answers: Some(answers.into_bytes()),
            ..steps::init::Given::default()
        };
        steps::init::run(&small.case(), &given, world).unwrap();
        let mut session = small.session(world);
        steps::discover::run(&mut session, world, false).unwrap();
        drop(session);
        small.decide(world, &demo::decisions(&diaries));
        let platform = Database::File(small.target());
        Self { small, platform, _keep: None }
    }
}

/// The demo's platform knows of some phones that changed after the move; here a test changes them itself.
const SAME_PHONES: &str = "\
    UPDATE persons SET updated_at = '2026-09-01T03:00:00', phone = (SELECT '+7' || \
    substr(replace(replace(replace(replace(u.tel, ' ', ''), '-', ''), '(', ''), ')', ''), -10) FROM old.ucheniki u \
    WHERE replace(replace(u.snils, '-', ''), ' ', '') = persons.snils) \
    WHERE school_id = '77-0001' AND updated_at > '2026-09-02'; \
    UPDATE guardians SET updated_at = '2026-09-01T03:00:00', phone = (SELECT '+7' || \
    substr(replace(replace(r.tel, ' ', ''), '-', ''), -10) FROM old.roditeli r \
    WHERE replace(replace(r.snils, '-', ''), ' ', '') = guardians.snils) \
    WHERE school_id = '77-0001' AND updated_at > '2026-09-02'";

fn write(path: &Path, tables: &[DemoTable]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer = DemoWriter::create(path).unwrap();
    for table in tables {
        table.ddl.iter().for_each(|ddl| writer.execute(ddl).unwrap());
        writer.insert(table.name, &table.columns, &table.rows).unwrap();
    }
    writer.finish().unwrap();
}

/// Our school's part of the platform.
macro_rules! ours {
    () => {
        "person_id IN (SELECT id FROM persons WHERE school_id = '77-0001')"
    };
}

/// Pupils who have left.
macro_rules! leavers {
    () => {
        "(SELECT person_id FROM enrolments WHERE status = 'left' AND person_id IN \
         (SELECT id FROM persons WHERE school_id = '77-0001'))"
    };
}

/// The later one of two pupils of one name and birth date.
macro_rules! twin {
    () => {
        "(SELECT b.id FROM persons a JOIN persons b ON b.surname = a.surname AND b.given_name = a.given_name \
         AND b.birth_date = a.birth_date AND b.rowid > a.rowid AND b.school_id = a.school_id \
         ORDER BY a.rowid, b.rowid LIMIT 1)"
    };
}

/// The earlier one.
macro_rules! kept {
    () => {
        "(SELECT a.id FROM persons a JOIN persons b ON b.surname = a.surname AND b.given_name = a.given_name \
         AND b.birth_date = a.birth_date AND b.rowid > a.rowid AND b.school_id = a.school_id \
         ORDER BY a.rowid, b.rowid LIMIT 1)"
    };
}

/// Marks of pupils of the first class with the pupil in the same place of the second, who has no mark in that cell.
macro_rules! next_class {
    () => {
        "(WITH places AS (SELECT e.person_id AS person, c.rowid AS class, \
           row_number() OVER (PARTITION BY e.class_id ORDER BY e.rowid) AS place \
           FROM enrolments e JOIN classes c ON c.id = e.class_id WHERE c.school_id = '77-0001') \
         SELECT g.rowid AS mark, b.person AS person FROM grades g \
         JOIN places a ON a.person = g.person_id AND a.class = 1 JOIN places b ON b.class = 2 AND b.place = a.place \
         WHERE NOT EXISTS (SELECT 1 FROM grades o WHERE o.person_id = b.person \
           AND o.subject_code = g.subject_code AND o.day = g.day))"
    };
}

/// Marks of the later namesake in a cell where the earlier has none.
macro_rules! marks_moved {
    () => {
        concat!(
            "grades g WHERE person_id IN ",
            twin!(),
            " AND NOT EXISTS (SELECT 1 FROM grades o WHERE o.person_id IN ",
            kept!(),
            " AND o.subject_code = g.subject_code AND o.day = g.day)"
        )
    };
}

/// The same of absences.
macro_rules! absences_moved {
    () => {
        concat!(
            "attendance g WHERE person_id IN ",
            twin!(),
            " AND NOT EXISTS (SELECT 1 FROM attendance o WHERE o.person_id IN ",
            kept!(),
            " AND o.day = g.day AND o.lesson = g.lesson)"
        )
    };
}

/// Notes whose class, author and day have no other: these are cut, and all the rest tells which they were.
macro_rules! notes_cut {
    ($last:literal) => {
        concat!(
            "notes n WHERE school_id = '77-0001' AND length(body) > 24 AND substr(body, 24, 1) ",
            $last,
            " ' ' AND (SELECT count(DISTINCT o.body) FROM notes o WHERE o.school_id = n.school_id \
             AND o.written_on = n.written_on AND o.class_label = n.class_label AND o.author = n.author) = 1"
        )
    };
}

/// Forty pupils of ours.
const FORTY: &str = "persons WHERE school_id = '77-0001' AND rowid <= 40 AND surname <> given_name";

/// What a migration into this platform can do wrong.
const BUGS: [Bug; 11] = [
    Bug {
        name: "swapped columns",
        sql: "UPDATE persons SET surname = given_name, given_name = surname \
              WHERE school_id = '77-0001' AND rowid <= 40 AND surname <> given_name",
        found: &[("ucheniki", "different", FORTY)],
        named: &[
            ("ucheniki", "p.surname", "swapped", None, FORTY),
            ("ucheniki", "p.given_name", "swapped", None, FORTY),
        ],
    },
    Bug {
        name: "lost patronymics",
        sql: "UPDATE guardians SET patronymic = NULL WHERE school_id = '77-0001'",
        found: &[("roditeli", "different", "guardians WHERE school_id = '77-0001' AND patronymic IS NOT NULL")],
        named: &[(
            "roditeli",
            "g.patronymic",
            "lost",
            None,
            "guardians WHERE school_id = '77-0001' AND patronymic IS NOT NULL",
        )],
    },
    Bug {
        name: "cp1251 mojibake",
        sql: "UPDATE persons SET surname = {MISREAD surname} WHERE school_id = '77-0001' AND surname NOT LIKE '%И%'",
        found: &[("ucheniki", "different", "persons WHERE school_id = '77-0001' AND surname NOT LIKE '%И%'")],
        named: &[(
            "ucheniki",
            "p.surname",
            "mojibake",
            None,
            "persons WHERE school_id = '77-0001' AND surname NOT LIKE '%И%'",
        )],
    },
    Bug {
        name: "shifted birth dates",
        sql: "UPDATE persons SET birth_date = date(birth_date, '-1 day') WHERE school_id = '77-0001'",
        found: &[("ucheniki", "different", "persons WHERE school_id = '77-0001'")],
        named: &[("ucheniki", "p.birth_date", "day_shift", Some(-1), "persons WHERE school_id = '77-0001'")],
    },
    Bug {
        // The day is a part of the key: such marks are missing and extra, and found again by all else.
        name: "shifted dates of marks",
        sql: concat!(
            "UPDATE grades SET day = date(day, '+1 year') WHERE subject_code = (SELECT min(code) FROM subjects) AND ",
            ours!()
        ),
        found: &[
            (
                "ocenki",
                "missing",
                concat!("grades WHERE subject_code = (SELECT min(code) FROM subjects) AND ", ours!()),
            ),
            ("ocenki", "extra", concat!("grades WHERE subject_code = (SELECT min(code) FROM subjects) AND ", ours!())),
        ],
        named: &[(
            "ocenki",
            "g.day",
            "day_shift",
            Some(365),
            concat!("grades WHERE subject_code = (SELECT min(code) FROM subjects) AND ", ours!()),
        )],
    },
    Bug {
        // Notes have no key at all.
        name: "truncated comments",
        sql: "UPDATE notes SET body = substr(body, 1, 24) WHERE school_id = '77-0001'",
        found: &[
            ("zametki", "missing", "notes WHERE school_id = '77-0001' AND length(body) > 24"),
            ("zametki", "extra", "notes WHERE school_id = '77-0001' AND length(body) > 24"),
        ],
        named: &[
            ("zametki", "n.body", "truncated", Some(24), notes_cut!("<>")),
            ("zametki", "n.body", "truncated", Some(23), notes_cut!("=")),
        ],
    },
    Bug {
        name: "marks off by one class",
        sql: concat!(
            "CREATE TABLE moved AS SELECT * FROM ",
            next_class!(),
            "; \
             UPDATE grades SET person_id = (SELECT person FROM moved WHERE mark = grades.rowid) \
             WHERE rowid IN (SELECT mark FROM moved); DROP TABLE moved"
        ),
        found: &[("ocenki", "missing", next_class!()), ("ocenki", "extra", next_class!())],
        named: &[("ocenki", "p.snils", "reattached", None, next_class!())],
    },
    Bug {
        name: "duplicated rows",
        sql: concat!(
            "INSERT INTO grades SELECT 'again-' || id, person_id, subject_code, day, score, work, staff_id, entered_at \
             FROM grades WHERE rowid <= 50 AND ",
            ours!()
        ),
        found: &[("ocenki", "extra", concat!("grades WHERE rowid <= 50 AND ", ours!()))],
        named: &[(
            "ocenki",
            "p.snils, s.title, g.day",
            "duplicated",
            None,
            concat!("grades WHERE rowid <= 50 AND ", ours!()),
        )],
    },
    Bug {
        name: "dropped leavers",
        sql: concat!(
            "CREATE TABLE gone AS SELECT * FROM ",
            leavers!(),
            "; \
             DELETE FROM grades WHERE person_id IN (SELECT person_id FROM gone); \
             DELETE FROM attendance WHERE person_id IN (SELECT person_id FROM gone); \
             DELETE FROM person_attributes WHERE person_id IN (SELECT person_id FROM gone); \
             DELETE FROM photos WHERE person_id IN (SELECT person_id FROM gone); \
             DELETE FROM guardianships WHERE person_id IN (SELECT person_id FROM gone); \
             DELETE FROM enrolments WHERE person_id IN (SELECT person_id FROM gone); \
             DELETE FROM persons WHERE id IN (SELECT person_id FROM gone); DROP TABLE gone"
        ),
        found: &[
            ("ucheniki", "missing", leavers!()),
            ("ucheniki_roditeli", "missing", concat!("guardianships WHERE person_id IN ", leavers!())),
            ("ocenki", "missing", concat!("grades WHERE person_id IN ", leavers!())),
            ("posesh", "missing", concat!("attendance WHERE person_id IN ", leavers!())),
            ("dop_znach", "missing", concat!("person_attributes WHERE person_id IN ", leavers!())),
            ("foto", "missing", concat!("photos WHERE person_id IN ", leavers!())),
        ],
        named: &[("ucheniki", "e.status", "left_out", None, leavers!())],
    },
    Bug {
        name: "zone shift",
        sql: concat!("UPDATE grades SET entered_at = {EARLIER entered_at} WHERE ", ours!()),
        found: &[("ocenki", "different", concat!("grades WHERE ", ours!()))],
        named: &[("ocenki", "g.entered_at", "zone", Some(-180), concat!("grades WHERE ", ours!()))],
    },
    Bug {
        name: "merged namesakes",
        sql: concat!(
            "CREATE TABLE twins AS SELECT (SELECT * FROM ",
            kept!(),
            ") AS kept, (SELECT * FROM ",
            twin!(),
            ") AS gone; \
             CREATE TABLE moved AS SELECT g.id FROM ",
            marks_moved!(),
            "; \
             UPDATE grades SET person_id = (SELECT kept FROM twins) WHERE id IN (SELECT id FROM moved); DROP TABLE moved; \
             CREATE TABLE moved AS SELECT g.id FROM ",
            absences_moved!(),
            "; \
             UPDATE attendance SET person_id = (SELECT kept FROM twins) WHERE id IN (SELECT id FROM moved); \
             DROP TABLE moved; \
             UPDATE guardianships SET person_id = (SELECT kept FROM twins) WHERE person_id = (SELECT gone FROM twins); \
             DELETE FROM grades WHERE person_id = (SELECT gone FROM twins); \
             DELETE FROM attendance WHERE person_id = (SELECT gone FROM twins); \
             DELETE FROM person_attributes WHERE person_id = (SELECT gone FROM twins); \
             DELETE FROM photos WHERE person_id = (SELECT gone FROM twins); \
             DELETE FROM enrolments WHERE person_id = (SELECT gone FROM twins); \
             DELETE FROM persons WHERE id = (SELECT gone FROM twins); DROP TABLE twins"
        ),
        found: &[
            ("ucheniki", "missing", twin!()),
            ("ucheniki_roditeli", "missing", concat!("guardianships WHERE person_id IN ", twin!())),
            ("ucheniki_roditeli", "extra", concat!("guardianships WHERE person_id IN ", twin!())),
            ("ocenki", "missing", concat!("grades WHERE person_id IN ", twin!())),
            ("ocenki", "extra", marks_moved!()),
            ("posesh", "missing", concat!("attendance WHERE person_id IN ", twin!())),
            ("posesh", "extra", absences_moved!()),
            ("dop_znach", "missing", concat!("person_attributes WHERE person_id IN ", twin!())),
            ("foto", "missing", concat!("photos WHERE person_id IN ", twin!())),
        ],
        named: &[
            ("ucheniki_roditeli", "p.snils", "reattached", None, concat!("guardianships WHERE person_id IN ", twin!())),
            ("ocenki", "p.snils", "reattached", None, marks_moved!()),
            ("posesh", "p.snils", "reattached", None, absences_moved!()),
            ("dop_znach", "p.snils", "left_out", None, concat!("person_attributes WHERE person_id IN ", twin!())),
        ],
    },
];

#[test]
fn a_diary_in_another_schema_verifies_clean_and_each_bug_of_its_migration_is_named() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 200);
    let pristine = Pristine::of(&diary.platform, &[]);
    each_alone(&diary.small.case(), &pristine, &BUGS);
}

/// Five hundred pupils of ours.
const FIRST: &str = "rowid IN (SELECT rowid FROM persons WHERE school_id = '77-0001' ORDER BY rowid LIMIT 500)";

#[test]
fn five_hundred_phones_have_moved_on_as_far_as_the_profile_lets_them_and_five_hundred_names_have_not() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 600);
    let case = diary.small.case();
    let pristine = Pristine::of(&diary.platform, &[]);
    let pupils = |verdict: &str| [(("ucheniki".to_owned(), verdict.to_owned()), 500)].into();
    let phones = "phone = '+70000001234', updated_at = '2026-10-14T11:20:00'";
    diary.platform.execute(&format!("UPDATE persons SET {phones} WHERE {FIRST}"));
    let beyond = verify(&case);
    assert_eq!((beyond.exit, beyond.counts), (1, pupils("different")), "ten in a hundred, says the profile");
    diary.small.change_mapping("ucheniki", |mapping| mapping.may_change_percent_max = 90);
    let allowed = verify(&case);
    allowed.assert_clean("phones changed after the migration");
    assert_eq!(allowed.counts, pupils("moved_on"));

    pristine.restore();
    let names = "surname = surname || 'ова', updated_at = '2026-10-14T11:20:00'";
    diary.platform.execute(&format!("UPDATE persons SET {names} WHERE {FIRST}"));
    let renamed = verify(&case);
    assert_eq!((renamed.exit, renamed.counts), (1, pupils("different")), "a name does not move on");
    let (exit, refused) = crate::common::lastbell_json(&["plan", &diary.small.case_argument()]);
    assert_eq!((exit, refused["error"]["code"].as_str()), (4, Some("plan-open")), "{refused:#}");
}
