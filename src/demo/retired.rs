//! The retired diary «Дневник-2009»: Russian words in Latin letters, dates as dd.mm.yyyy, one number per row, links
//! that nobody declared, a log with names in it. Renders the school into neutral tables; touches no engine.

use super::names::Name;
use super::people::{Pupil, Relation, file_number};
use super::school::{Cause, EXTRA_FIELDS, SUBJECTS, School, Score, Work};
use super::sheet::{DemoTable, id, number, russian, russian_time, text, text_or_null};
use lastbell_contract::{Row, Value};

/// All tables, parents before children, except those of accounts and logs.
pub(super) fn tables(school: &School) -> Vec<DemoTable> {
    let mut tables = vec![settings(), subjects(), textbooks()];
    tables.extend([teachers(school), rooms(school), classes(school)]);
    tables.extend([pupils(school), guardians(school), care(school)]);
    tables.extend([marks(school), absences(school), extra_fields(), extras(school)]);
    tables.extend([pictures(school), notes(school)]);
    tables
}

fn settings() -> DemoTable {
    let rows = [
        ("shkola", "Школа № 7 имени Н. Звонарёва, г. Звонковск"),
        ("versiya", "2.14.3"),
        ("uchebnyj_god", "2025/2026"),
        ("dlina_uroka", "40"),
        ("smtp_server", "mail.shkola7.example"),
    ];
    DemoTable::new("nastroyki", &["kluch TEXT PRIMARY KEY", "znachenie TEXT"])
        .filled(rows.map(|(key, value)| vec![text(key), text(value)]))
}

fn subjects() -> DemoTable {
    DemoTable::new(
        "predmety",
        &["id INTEGER PRIMARY KEY", "nazvanie VARCHAR(60) NOT NULL UNIQUE", "kratko VARCHAR(10)"],
    )
    .filled(SUBJECTS.iter().enumerate().map(|(at, (title, short, _))| vec![id(at), text(*title), text(*short)]))
}

/// Textbooks, called by their writers: names, but nobody's at this school.
fn textbooks() -> DemoTable {
    const WRITERS: [&str; SUBJECTS.len()] = [
        "Орлова Т. И.",
        "Тихонов В. С.",
        "Юдин А. А.",
        "Смирнов К. Л.",
        "Щукина Н. П.",
        "Эрлих Р. Г.",
        "Белых С. С.",
        "Ковальчук О. Д.",
        "Вишневская М. М.",
        "Петров Ю. Ю.",
    ];
    DemoTable::new(
        "uchebniki",
        &[
            "id INTEGER PRIMARY KEY",
            "predmet_id INTEGER REFERENCES predmety(id)",
            "avtor TEXT",
            "nazvanie TEXT",
            "god_izdaniya INTEGER",
        ],
    )
    .filled(SUBJECTS.iter().zip(WRITERS).enumerate().map(|(at, ((title, ..), writer))| {
        vec![id(at), id(at), text(writer), text(format!("{title}. Учебник для школы")), number(2015 + at)]
    }))
}

fn teachers(school: &School) -> DemoTable {
    DemoTable::new(
        "uchitelya",
        &[
            "id INTEGER PRIMARY KEY",
            "familiya VARCHAR(50)",
            "imya VARCHAR(50)",
            "otchestvo VARCHAR(50)",
            "data_rozhd TEXT",
            "snils VARCHAR(14) UNIQUE",
            "telefon TEXT",
            "pochta TEXT",
        ],
    )
    .filled(school.people.teachers.iter().enumerate().map(|(at, teacher)| {
        let mut row = vec![id(at)];
        row.extend(name(&teacher.name));
        row.extend([text(russian(teacher.born)), text(dashed(&teacher.snils)), text(spaced(&teacher.phone))]);
        row.push(text(&teacher.mail));
        row
    }))
}

/// Rooms are kept; the key to the person in charge is what has to be cut.
fn rooms(school: &School) -> DemoTable {
    let teachers = school.people.teachers.len();
    DemoTable::new(
        "kabinety",
        &[
            "id INTEGER PRIMARY KEY",
            "nomer VARCHAR(5)",
            "nazvanie TEXT",
            "otvetstvennyj_id INTEGER REFERENCES uchitelya(id)",
        ],
    )
    .filled(SUBJECTS.iter().enumerate().map(|(at, (title, ..))| {
        vec![id(at), text((101 + at).to_string()), text(format!("Кабинет: {title}")), id(at % teachers)]
    }))
}

fn classes(school: &School) -> DemoTable {
    DemoTable::new(
        "klassy",
        &[
            "id INTEGER PRIMARY KEY",
            "parallel INTEGER NOT NULL",
            "bukva VARCHAR(1) NOT NULL",
            "ruk_id INTEGER NOT NULL REFERENCES uchitelya(id)",
            "UNIQUE (parallel, bukva)",
        ],
    )
    .filled(
        school
            .people
            .classes
            .iter()
            .enumerate()
            .map(|(at, class)| vec![id(at), number(class.grade), text(class.letter), id(class.teacher)]),
    )
}

fn pupils(school: &School) -> DemoTable {
    DemoTable::new(
        "ucheniki",
        &[
            "id INTEGER PRIMARY KEY",
            "lichnoe_delo VARCHAR(12)",
            "familiya VARCHAR(50)",
            "imya VARCHAR(50)",
            "otchestvo VARCHAR(50)",
            "data_rozhd TEXT",
            "snils VARCHAR(14) UNIQUE",
            "pol VARCHAR(1)",
            "klass_id INTEGER NOT NULL REFERENCES klassy(id)",
            "adres TEXT",
            "tel TEXT",
            "vybyl INTEGER NOT NULL DEFAULT 0",
            "data_vyb TEXT",
        ],
    )
    .index("familiya")
    .filled(school.people.pupils.iter().enumerate().map(|(at, pupil)| pupil_row(at, pupil)))
}

fn pupil_row(at: usize, pupil: &Pupil) -> Row {
    let mut row = vec![id(at), text(file_number(at, pupil))];
    row.extend(name(&pupil.name));
    row.extend([text(russian(pupil.born)), text(dashed(&pupil.snils))]);
    row.extend([text(if pupil.name.female { "ж" } else { "м" }), id(pupil.class)]);
    // Every ninth address was typed with a blank behind it.
    row.push(text(if at.is_multiple_of(9) { format!("{} ", pupil.address) } else { pupil.address.clone() }));
    row.push(match &pupil.phone {
        Some(phone) if at.is_multiple_of(3) => text(format!("8 ({}) {}", &phone[..3], &phone[3..])),
        Some(phone) => text(spaced(phone)),
        None => text(""),
    });
    row.extend([number(i128::from(pupil.left.is_some())), text_or_null(pupil.left.map(russian))]);
    row
}

/// The old diary keeps a guardian's name in one column.
fn guardians(school: &School) -> DemoTable {
    DemoTable::new(
        "roditeli",
        &[
            "id INTEGER PRIMARY KEY",
            "fio TEXT NOT NULL",
            "snils VARCHAR(14) UNIQUE",
            "tel TEXT",
            "email TEXT",
            "mesto_raboty TEXT",
        ],
    )
    .index("fio")
    .filled(school.people.guardians.iter().enumerate().map(|(at, guardian)| {
        vec![
            id(at),
            text(guardian.name.full()),
            text(dashed(&guardian.snils)),
            text(spaced(&guardian.phone)),
            text(if at.is_multiple_of(7) { guardian.mail.to_uppercase() } else { guardian.mail.clone() }),
            text(guardian.employer),
        ]
    }))
}

fn care(school: &School) -> DemoTable {
    DemoTable::new(
        "ucheniki_roditeli",
        &[
            "uchenik_id INTEGER NOT NULL REFERENCES ucheniki(id)",
            "roditel_id INTEGER NOT NULL REFERENCES roditeli(id)",
            "kem VARCHAR(10)",
            "PRIMARY KEY (uchenik_id, roditel_id)",
        ],
    )
    .filled(school.people.care.iter().map(|care| {
        let relation = match care.relation {
            Relation::Mother => "мать",
            Relation::Father => "отец",
            Relation::Guardian => "опекун",
        };
        vec![id(care.pupil), id(care.guardian), text(relation)]
    }))
}

/// `uchitel_id` leads to a teacher, but nobody declared it.
fn marks(school: &School) -> DemoTable {
    DemoTable::new(
        "ocenki",
        &[
            "id INTEGER PRIMARY KEY",
            "uchenik_id INTEGER NOT NULL REFERENCES ucheniki(id)",
            "predmet_id INTEGER NOT NULL REFERENCES predmety(id)",
            "data TEXT NOT NULL",
            "ocenka VARCHAR(2)",
            "tip VARCHAR(5)",
            "uchitel_id INTEGER NOT NULL",
            "vneseno TEXT",
        ],
    )
    .index("uchenik_id")
    .filled(school.marks.iter().enumerate().map(|(at, mark)| {
        let score = match mark.score {
            Score::Five => "5",
            Score::Four => "4",
            Score::Three => "3",
            Score::Two => "2",
            Score::Absent => "н",
        };
        let work = match mark.work {
            Work::Answer => "отв",
            Work::Homework => "д/з",
            Work::Test => "к/р",
        };
        let mut row = vec![id(at), id(mark.pupil), id(mark.subject), text(russian(mark.day)), text(score)];
        row.extend([text(work), id(mark.teacher), text(russian_time(mark.entered))]);
        row
    }))
}

fn absences(school: &School) -> DemoTable {
    DemoTable::new(
        "posesh",
        &[
            "id INTEGER PRIMARY KEY",
            "uchenik_id INTEGER NOT NULL REFERENCES ucheniki(id)",
            "data TEXT NOT NULL",
            "urok INTEGER NOT NULL",
            "kod VARCHAR(1)",
        ],
    )
    .index("uchenik_id")
    .filled(school.absences.iter().enumerate().map(|(at, absence)| {
        let cause = match absence.cause {
            Cause::Illness => "б",
            Cause::Excused => "у",
            Cause::Truancy => "н",
        };
        vec![id(at), id(absence.pupil), text(russian(absence.day)), number(absence.lesson), text(cause)]
    }))
}

fn extra_fields() -> DemoTable {
    DemoTable::new("dop_polya", &["id INTEGER PRIMARY KEY", "nazvanie TEXT NOT NULL UNIQUE"])
        .filled(EXTRA_FIELDS.iter().enumerate().map(|(at, title)| vec![id(at), text(*title)]))
}

/// `uchenik_id` leads to a pupil, but nobody declared it.
fn extras(school: &School) -> DemoTable {
    DemoTable::new(
        "dop_znach",
        &[
            "pole_id INTEGER NOT NULL REFERENCES dop_polya(id)",
            "uchenik_id INTEGER NOT NULL",
            "znachenie TEXT",
            "PRIMARY KEY (pole_id, uchenik_id)",
        ],
    )
    .filled(school.extras.iter().map(|extra| vec![id(extra.field), id(extra.pupil), text(extra.value)]))
}

fn pictures(school: &School) -> DemoTable {
    DemoTable::new(
        "foto",
        &[
            "id INTEGER PRIMARY KEY",
            "uchenik_id INTEGER NOT NULL UNIQUE REFERENCES ucheniki(id)",
            "zagruzheno TEXT",
            "tip VARCHAR(20)",
            "kartinka BLOB",
        ],
    )
    .filled(school.pictures.iter().enumerate().map(|(at, picture)| {
        let mut row = vec![id(at), id(picture.pupil), text(russian(picture.taken)), text("image/png")];
        row.push(Value::Bytes(picture.png.clone()));
        row
    }))
}

/// No key at all: the note is its own key.
fn notes(school: &School) -> DemoTable {
    DemoTable::new("zametki", &["data TEXT", "klass TEXT", "avtor TEXT", "tekst TEXT"]).filled(school.notes.iter().map(
        |note| {
            let class = &school.people.classes[note.class];
            vec![
                text(russian(note.day)),
                text(format!("{}-{}", class.grade, class.letter)),
                text(school.people.teachers[note.author].name.initials()),
                text(&note.text),
            ]
        },
    ))
}

/// Surname, given name, patronymic; the old diary writes an empty text where there is none.
fn name(name: &Name) -> [Value; 3] {
    [text(&name.surname), text(&name.given), text(name.patronymic.as_deref().unwrap_or_default())]
}

/// 900-000-000 00
fn dashed(snils: &str) -> String {
    format!("{}-{}-{} {}", &snils[..3], &snils[3..6], &snils[6..9], &snils[9..])
}

/// +7 900 000-00-00
fn spaced(phone: &str) -> String {
    format!("+7 {} {}-{}-{}", &phone[..3], &phone[3..6], &phone[6..8], &phone[8..])
}
