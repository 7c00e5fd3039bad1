//! The invented school as neither diary writes it down: people, marks, absences, extra fields, notes, pictures.
//! Both diaries are rendered from it, so that they agree by construction and differ only where the story wants it.

use super::chance::Chance;
use super::people::{People, Pupil, Registry, days_after, people};
use super::picture::png;
use jiff::civil::{Date, DateTime, date};
use std::collections::BTreeSet;

/// Titles, short forms and the platform's codes of the taught subjects.
pub(super) const SUBJECTS: [(&str, &str, &str); 10] = [
    ("Русский язык", "рус", "russian"),
    ("Литература", "лит", "literature"),
    ("Математика", "мат", "mathematics"),
    ("Физика", "физ", "physics"),
    ("Химия", "хим", "chemistry"),
    ("Биология", "био", "biology"),
    ("История", "ист", "history"),
    ("География", "гео", "geography"),
    ("Английский язык", "анг", "english"),
    ("Физическая культура", "физ-ра", "sports"),
];

/// Extra fields that the school added to its old diary.
pub(super) const EXTRA_FIELDS: [&str; 4] = ["Группа здоровья", "Аллергия", "Кружок", "Многодетная семья"];

/// A mark.
pub(super) struct Mark {
    pub(super) pupil: usize,
    pub(super) subject: usize,
    pub(super) day: Date,
    pub(super) score: Score,
    pub(super) work: Work,
    pub(super) teacher: usize,
    pub(super) entered: DateTime,
}

/// What stands in the cell. «н» is not a mark, but old diaries write it there.
#[derive(Clone, Copy)]
pub(super) enum Score {
    Five,
    Four,
    Three,
    Two,
    Absent,
}

/// What the mark was given for.
#[derive(Clone, Copy)]
pub(super) enum Work {
    Answer,
    Homework,
    Test,
}

/// A missed lesson.
pub(super) struct Absence {
    pub(super) pupil: usize,
    pub(super) day: Date,
    pub(super) lesson: i128,
    pub(super) cause: Cause,
}

/// Why a lesson was missed.
#[derive(Clone, Copy)]
pub(super) enum Cause {
    Illness,
    Excused,
    Truancy,
}

/// The value of an extra field.
pub(super) struct Extra {
    pub(super) field: usize,
    pub(super) pupil: usize,
    pub(super) value: &'static str,
}

/// A remark about a pupil, as free text.
pub(super) struct Note {
    pub(super) day: Date,
    pub(super) class: usize,
    pub(super) author: usize,
    pub(super) text: String,
}

/// A pupil's picture.
pub(super) struct Picture {
    pub(super) pupil: usize,
    pub(super) taken: Date,
    pub(super) png: Vec<u8>,
}

/// Everything.
pub(super) struct School {
    pub(super) people: People,
    pub(super) marks: Vec<Mark>,
    pub(super) absences: Vec<Absence>,
    pub(super) extras: Vec<Extra>,
    pub(super) notes: Vec<Note>,
    pub(super) pictures: Vec<Picture>,
}

impl School {
    /// A school of so many pupils in the year 2025/26.
    pub(super) fn new(seed: u64, pupils: usize, registry: &mut Registry) -> Self {
        let people = people(seed, pupils, registry);
        Self {
            marks: marks(seed, &people),
            absences: absences(seed, &people),
            extras: extras(seed, &people),
            notes: notes(seed, &people),
            pictures: pictures(seed, &people),
            people,
        }
    }
}

/// The first school day.
pub(super) const YEAR_BEGINS: Date = date(2025, 9, 1);

/// How many school days a pupil was there: until leaving, or 38 weeks.
fn school_days(pupil: &Pupil) -> usize {
    match pupil.left {
        Some(left) => usize::try_from((left - YEAR_BEGINS).get_days()).expect("nobody leaves before coming") / 7 * 5,
        None => 38 * 5,
    }
}

/// The school day of that number; Monday to Friday, and 2025-09-01 was a Monday.
fn school_day(number: usize) -> Date {
    days_after(YEAR_BEGINS, number / 5 * 7 + number % 5)
}

fn marks(seed: u64, people: &People) -> Vec<Mark> {
    const SCORES: [Score; 8] =
        [Score::Five, Score::Five, Score::Four, Score::Four, Score::Four, Score::Three, Score::Two, Score::Absent];
    const WORKS: [Work; 3] = [Work::Answer, Work::Homework, Work::Test];
    let mut chance = Chance::new(seed, "marks");
    let mut marks = Vec::new();
    for (number, pupil) in people.pupils.iter().enumerate() {
        // One cell per pupil, subject and day: the set keeps it so, and gives the platform its key.
        let mut cells = BTreeSet::new();
        while cells.len() < 16 {
            cells.insert((chance.below(school_days(pupil)), chance.below(SUBJECTS.len())));
        }
        for (day, subject) in cells {
            let day = school_day(day);
            let minute = i8::try_from(chance.below(60)).expect("below 60");
            marks.push(Mark {
                pupil: number,
                subject,
                day,
                score: *chance.pick(&SCORES),
                work: *chance.pick(&WORKS),
                teacher: (subject + pupil.class) % people.teachers.len(),
                entered: day.at(15, minute, 0, 0),
            });
        }
    }
    marks
}

fn absences(seed: u64, people: &People) -> Vec<Absence> {
    const CAUSES: [Cause; 4] = [Cause::Illness, Cause::Illness, Cause::Excused, Cause::Truancy];
    let mut chance = Chance::new(seed, "absences");
    let mut absences = Vec::new();
    for (number, pupil) in people.pupils.iter().enumerate() {
        let cells: BTreeSet<(usize, i128)> = (0..chance.below(7))
            .map(|_| (chance.below(school_days(pupil)), if chance.percent(50) { 1 } else { 4 }))
            .collect();
        for (day, lesson) in cells {
            let day = school_day(day);
            absences.push(Absence { pupil: number, day, lesson, cause: *chance.pick(&CAUSES) });
        }
    }
    absences
}

fn extras(seed: u64, people: &People) -> Vec<Extra> {
    const VALUES: [&[&str]; EXTRA_FIELDS.len()] = [
        &["I", "II", "II", "III"],
        &["нет", "цитрусовые", "пыльца", "арахис"],
        &["шахматы", "хор", "лыжи", "робототехника"],
        &["да", "нет"],
    ];
    let mut chance = Chance::new(seed, "extras");
    let mut extras = Vec::new();
    for pupil in 0..people.pupils.len() {
        for (field, values) in VALUES.iter().enumerate() {
            if chance.percent(55) {
                extras.push(Extra { field, pupil, value: chance.pick::<&str>(values) });
            }
        }
    }
    extras
}

fn notes(seed: u64, people: &People) -> Vec<Note> {
    let mut chance = Chance::new(seed, "notes");
    let mut notes = Vec::new();
    for pupil in &people.pupils {
        if !chance.percent(20) {
            continue;
        }
        let name = pupil.name.short();
        let (text, times) = match chance.below(4) {
            0 => (format!("{name}: беседа с родителями, часто опаздывает на первый урок"), 1),
            1 => (format!("{name}: призовое место на городской олимпиаде, отметить на линейке"), 1),
            2 => (format!("{name}: освобождение от физкультуры на две недели, справка у медсестры"), 1),
            // Saved twice by a double click: equal rows, which a table without a key cannot tell apart.
            _ => (format!("{name}: перевести на питание за счёт бюджета, заявление принято"), 2),
        };
        let day = school_day(chance.below(school_days(pupil)));
        let author = people.classes[pupil.class].teacher;
        for _ in 0..times {
            notes.push(Note { day, class: pupil.class, author, text: text.clone() });
        }
    }
    notes
}

fn pictures(seed: u64, people: &People) -> Vec<Picture> {
    let mut chance = Chance::new(seed, "pictures");
    let mut pictures = Vec::new();
    for pupil in 0..people.pupils.len() {
        // The seed of a picture is drawn for everyone, so that a higher share would not change the others' pictures.
        let (seed, taken) = (chance.next(), days_after(date(2025, 9, 10), chance.below(20)));
        if chance.percent(60) {
            pictures.push(Picture { pupil, taken, png: png(seed) });
        }
    }
    pictures
}
