//! The new platform: many schools in one store, UUIDs, split names, ISO dates, E.164 phones, marks as English words.
//! Renders schools into neutral tables, and sets aside the rows that the first move forgot; touches no engine.

use super::chance::Chance;
use super::people::{Pupil, Registry, Relation, file_number};
use super::platform_schema as schema;
use super::school::{Cause, EXTRA_FIELDS, SUBJECTS, School, Score, Work};
use super::sheet::{DemoTable, number, text, text_or_null};
use jiff::civil::{DateTime, date};
use lastbell_contract::{Row, Value};

/// Pupils whom the first move forgot, with everything that hangs on them; neither is a namesake, neither changed phone.
pub(super) const FORGOTTEN_PUPILS: [usize; 2] = [4, 9];
/// The class whose marks the first move forgot.
pub(super) const FORGOTTEN_CLASS: usize = 1;

const MOVED: DateTime = date(2026, 9, 1).at(3, 0, 0, 0);
const CHANGED: DateTime = date(2026, 10, 14).at(11, 20, 0, 0);

/// A table, and its rows that the first move forgot.
pub(super) struct Sheet {
    pub(super) table: DemoTable,
    pub(super) forgotten: Vec<Row>,
}

impl Sheet {
    fn new(table: DemoTable) -> Self {
        Self { table, forgotten: Vec::new() }
    }

    fn put(&mut self, row: Row, forgotten: bool) {
        if forgotten { &mut self.forgotten } else { &mut self.table.rows }.push(row);
    }
}

/// The platform, table by table.
pub(super) struct Platform {
    chance: Chance,
    schools: Sheet,
    subjects: Sheet,
    kinds: Sheet,
    staff: Sheet,
    classes: Sheet,
    persons: Sheet,
    enrolments: Sheet,
    guardians: Sheet,
    guardianships: Sheet,
    grades: Sheet,
    attendance: Sheet,
    attributes: Sheet,
    photos: Sheet,
    notes: Sheet,
    /// Pupils and guardians whose phone changed after the move.
    pub(super) phones_changed: usize,
}

/// One school on its way in.
struct Arrival<'a> {
    school: &'a School,
    /// The platform's id of the school.
    id: &'static str,
    /// Some rows are forgotten and some phones change.
    disturbed: bool,
    staff: Vec<String>,
    classes: Vec<String>,
    persons: Vec<String>,
    guardians: Vec<String>,
}

impl Arrival<'_> {
    fn forgets(&self, pupil: usize) -> bool {
        self.disturbed && FORGOTTEN_PUPILS.contains(&pupil)
    }

    fn forgets_marks(&self, pupil: usize) -> bool {
        self.forgets(pupil) || self.disturbed && self.school.people.pupils[pupil].class == FORGOTTEN_CLASS
    }
}

impl Platform {
    /// An empty platform that knows subjects and kinds of attributes.
    pub(super) fn new(seed: u64) -> Self {
        let mut platform = blank(Chance::new(seed, "platform ids"));
        for (title, _, code) in SUBJECTS {
            platform.subjects.put(vec![text(code), text(title)], false);
        }
        for (at, title) in EXTRA_FIELDS.iter().enumerate() {
            platform.kinds.put(vec![number(10 * (at + 1)), text(*title)], false);
        }
        platform
    }

    /// Moves a school in. A `disturbed` one loses some rows on the way and changes some phones afterwards.
    pub(super) fn add(&mut self, id: &'static str, school: &School, registry: &mut Registry, disturbed: bool) {
        let people = &school.people;
        let mut ids = |number: usize| (0..number).map(|_| self.chance.uuid()).collect::<Vec<_>>();
        let arrival = Arrival {
            school,
            id,
            disturbed,
            staff: ids(people.teachers.len()),
            classes: ids(people.classes.len()),
            persons: ids(people.pupils.len()),
            guardians: ids(people.guardians.len()),
        };
        self.schools.put(vec![text(id), text(format!("Школа {id}"))], false);
        self.add_staff(&arrival);
        self.add_persons(&arrival, registry);
        self.add_guardians(&arrival, registry);
        self.add_marks(&arrival);
        self.add_absences(&arrival);
        self.add_belongings(&arrival);
        self.add_notes(&arrival);
    }

    /// All tables, parents before children.
    pub(super) fn sheets(self) -> Vec<Sheet> {
        let mut sheets = vec![self.schools, self.subjects, self.kinds, self.staff, self.classes, self.persons];
        sheets.extend([self.enrolments, self.guardians, self.guardianships, self.grades]);
        sheets.extend([self.attendance, self.attributes, self.photos, self.notes]);
        sheets
    }

    fn add_staff(&mut self, arrival: &Arrival<'_>) {
        let people = &arrival.school.people;
        for (teacher, id) in people.teachers.iter().zip(&arrival.staff) {
            let mut row = vec![text(id), text(arrival.id), text(teacher.name.full()), text(teacher.born.to_string())];
            row.extend([text(&teacher.snils), text(international(&teacher.phone)), text(&teacher.mail)]);
            self.staff.put(row, false);
        }
        for (class, id) in people.classes.iter().zip(&arrival.classes) {
            let mut row = vec![text(id), text(arrival.id), number(class.grade), text(class.letter)];
            row.push(text(&arrival.staff[class.teacher]));
            self.classes.put(row, false);
        }
    }

    fn add_persons(&mut self, arrival: &Arrival<'_>, registry: &mut Registry) {
        for (at, pupil) in arrival.school.people.pupils.iter().enumerate() {
            let forgotten = arrival.forgets(at);
            let changed = arrival.disturbed && at % 50 == 7 && !forgotten;
            self.phones_changed += usize::from(changed);
            let (phone, updated) =
                if changed { (Some(registry.phone()), CHANGED) } else { (pupil.phone.clone(), MOVED) };
            let mut row = vec![text(&arrival.persons[at]), text(arrival.id)];
            row.extend(person(pupil));
            row.extend([text_or_null(phone.map(|phone| international(&phone))), text(&pupil.address)]);
            row.extend([text("Дневник-2009"), text(updated.to_string())]);
            self.persons.put(row, forgotten);
            let mut row = vec![text(self.chance.uuid()), text(&arrival.persons[at])];
            row.extend([text(&arrival.classes[pupil.class]), text(file_number(at, pupil))]);
            row.push(text(if pupil.left.is_some() { "left" } else { "active" }));
            row.push(text_or_null(pupil.left.map(|day| day.to_string())));
            self.enrolments.put(row, forgotten);
        }
    }

    fn add_guardians(&mut self, arrival: &Arrival<'_>, registry: &mut Registry) {
        let people = &arrival.school.people;
        for (at, (guardian, id)) in people.guardians.iter().zip(&arrival.guardians).enumerate() {
            let changed = arrival.disturbed && at % 60 == 5;
            self.phones_changed += usize::from(changed);
            let (phone, updated) = if changed { (registry.phone(), CHANGED) } else { (guardian.phone.clone(), MOVED) };
            let mut row = vec![text(id), text(arrival.id), text(&guardian.name.surname), text(&guardian.name.given)];
            row.extend([text_or_null(guardian.name.patronymic.as_deref()), text(&guardian.snils)]);
            row.extend([text(international(&phone)), text(&guardian.mail), text(updated.to_string())]);
            self.guardians.put(row, false);
        }
        for care in &people.care {
            let relation = match care.relation {
                Relation::Mother => "mother",
                Relation::Father => "father",
                Relation::Guardian => "guardian",
            };
            let mut row = vec![text(self.chance.uuid()), text(&arrival.persons[care.pupil])];
            row.extend([text(&arrival.guardians[care.guardian]), text(relation)]);
            self.guardianships.put(row, arrival.forgets(care.pupil));
        }
    }

    fn add_marks(&mut self, arrival: &Arrival<'_>) {
        for mark in &arrival.school.marks {
            let score = match mark.score {
                Score::Five => "excellent",
                Score::Four => "good",
                Score::Three => "satisfactory",
                Score::Two => "poor",
                Score::Absent => "absent",
            };
            let work = match mark.work {
                Work::Answer => "answer",
                Work::Homework => "homework",
                Work::Test => "test",
            };
            let mut row = vec![text(self.chance.uuid()), text(&arrival.persons[mark.pupil])];
            row.extend([text(SUBJECTS[mark.subject].2), text(mark.day.to_string()), text(score), text(work)]);
            row.extend([text(&arrival.staff[mark.teacher]), text(mark.entered.to_string())]);
            self.grades.put(row, arrival.forgets_marks(mark.pupil));
        }
    }

    fn add_absences(&mut self, arrival: &Arrival<'_>) {
        for absence in &arrival.school.absences {
            let cause = match absence.cause {
                Cause::Illness => "illness",
                Cause::Excused => "excused",
                Cause::Truancy => "unexcused",
            };
            let mut row = vec![text(self.chance.uuid()), text(&arrival.persons[absence.pupil])];
            row.extend([text(absence.day.to_string()), number(absence.lesson), text(cause)]);
            self.attendance.put(row, arrival.forgets(absence.pupil));
        }
    }

    /// Attributes and pictures of persons.
    fn add_belongings(&mut self, arrival: &Arrival<'_>) {
        for extra in &arrival.school.extras {
            let row = vec![text(&arrival.persons[extra.pupil]), number(10 * (extra.field + 1)), text(extra.value)];
            self.attributes.put(row, arrival.forgets(extra.pupil));
        }
        for picture in &arrival.school.pictures {
            let mut row = vec![text(&arrival.persons[picture.pupil]), text("image/png")];
            row.extend([text(picture.taken.to_string()), Value::Bytes(picture.png.clone())]);
            self.photos.put(row, arrival.forgets(picture.pupil));
        }
    }

    fn add_notes(&mut self, arrival: &Arrival<'_>) {
        let people = &arrival.school.people;
        for note in &arrival.school.notes {
            let class = &people.classes[note.class];
            let mut row = vec![text(self.chance.uuid()), text(arrival.id), text(note.day.to_string())];
            row.push(text(format!("{}-{}", class.grade, class.letter)));
            row.extend([text(people.teachers[note.author].name.initials()), text(&note.text)]);
            self.notes.put(row, false);
        }
    }
}

/// Surname, given name, patronymic, birth date, SNILS, sex.
fn person(pupil: &Pupil) -> [Value; 6] {
    [
        text(&pupil.name.surname),
        text(&pupil.name.given),
        text_or_null(pupil.name.patronymic.as_deref()),
        text(pupil.born.to_string()),
        text(&pupil.snils),
        text(if pupil.name.female { "female" } else { "male" }),
    ]
}

fn international(phone: &str) -> String {
    format!("+7{phone}")
}

fn blank(chance: Chance) -> Platform {
    let sheet = |name, definitions| Sheet::new(DemoTable::new(name, definitions));
    Platform {
        chance,
        schools: sheet("schools", schema::SCHOOLS),
        subjects: sheet("subjects", schema::SUBJECTS),
        kinds: sheet("attribute_kinds", schema::ATTRIBUTE_KINDS),
        staff: sheet("staff", schema::STAFF),
        classes: sheet("classes", schema::CLASSES),
        persons: Sheet::new(DemoTable::new("persons", schema::PERSONS).index("surname")),
        enrolments: sheet("enrolments", schema::ENROLMENTS),
        guardians: sheet("guardians", schema::GUARDIANS),
        guardianships: sheet("guardianships", schema::GUARDIANSHIPS),
        grades: sheet("grades", schema::GRADES),
        attendance: sheet("attendance", schema::ATTENDANCE),
        attributes: sheet("person_attributes", schema::PERSON_ATTRIBUTES),
        photos: sheet("photos", schema::PHOTOS),
        notes: sheet("notes", schema::NOTES),
        phones_changed: 0,
    }
}
