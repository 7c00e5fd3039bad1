//! The new platform's tables: column definitions in the words of SQLite. Reads and writes nothing.

const ID: &str = "id TEXT PRIMARY KEY";
const SCHOOL: &str = "school_id TEXT NOT NULL REFERENCES schools(id)";
const PERSON: &str = "person_id TEXT NOT NULL REFERENCES persons(id)";
const SURNAME: &str = "surname TEXT NOT NULL";
const GIVEN_NAME: &str = "given_name TEXT NOT NULL";
const PATRONYMIC: &str = "patronymic TEXT";
const SNILS: &str = "snils TEXT NOT NULL UNIQUE";

pub(super) const SCHOOLS: &[&str] = &[ID, "title TEXT NOT NULL"];

pub(super) const SUBJECTS: &[&str] = &["code TEXT PRIMARY KEY", "title TEXT NOT NULL UNIQUE"];

pub(super) const ATTRIBUTE_KINDS: &[&str] = &["code INTEGER PRIMARY KEY", "title TEXT NOT NULL UNIQUE"];

pub(super) const STAFF: &[&str] =
    &[ID, SCHOOL, "full_name TEXT NOT NULL", "birth_date TEXT", SNILS, "phone TEXT", "mail TEXT"];

pub(super) const CLASSES: &[&str] = &[
    ID,
    SCHOOL,
    "grade INTEGER NOT NULL",
    "letter TEXT NOT NULL",
    "homeroom_id TEXT NOT NULL REFERENCES staff(id)",
    "UNIQUE (school_id, grade, letter)",
];

pub(super) const PERSONS: &[&str] = &[
    ID,
    SCHOOL,
    SURNAME,
    GIVEN_NAME,
    PATRONYMIC,
    "birth_date TEXT NOT NULL",
    SNILS,
    "sex TEXT",
    "phone TEXT",
    "address TEXT",
    "imported_from TEXT",
    "updated_at TEXT NOT NULL",
];

pub(super) const ENROLMENTS: &[&str] = &[
    ID,
    "person_id TEXT NOT NULL UNIQUE REFERENCES persons(id)",
    "class_id TEXT NOT NULL REFERENCES classes(id)",
    "file_number TEXT",
    "status TEXT NOT NULL",
    "left_on TEXT",
];

pub(super) const GUARDIANS: &[&str] =
    &[ID, SCHOOL, SURNAME, GIVEN_NAME, PATRONYMIC, SNILS, "phone TEXT", "mail TEXT", "updated_at TEXT NOT NULL"];

pub(super) const GUARDIANSHIPS: &[&str] =
    &[ID, PERSON, "guardian_id TEXT NOT NULL REFERENCES guardians(id)", "relation TEXT NOT NULL"];

pub(super) const GRADES: &[&str] = &[
    ID,
    PERSON,
    "subject_code TEXT NOT NULL REFERENCES subjects(code)",
    "day TEXT NOT NULL",
    "score TEXT NOT NULL",
    "work TEXT",
    "staff_id TEXT NOT NULL REFERENCES staff(id)",
    "entered_at TEXT",
];

pub(super) const ATTENDANCE: &[&str] =
    &[ID, PERSON, "day TEXT NOT NULL", "lesson INTEGER NOT NULL", "reason TEXT NOT NULL"];

pub(super) const PERSON_ATTRIBUTES: &[&str] = &[
    PERSON,
    "kind_code INTEGER NOT NULL REFERENCES attribute_kinds(code)",
    "value TEXT",
    "PRIMARY KEY (person_id, kind_code)",
];

pub(super) const PHOTOS: &[&str] = &[
    "person_id TEXT PRIMARY KEY REFERENCES persons(id)",
    "content_type TEXT NOT NULL",
    "taken_on TEXT",
    "image BLOB NOT NULL",
];

pub(super) const NOTES: &[&str] =
    &[ID, SCHOOL, "written_on TEXT NOT NULL", "class_label TEXT", "author TEXT", "body TEXT NOT NULL"];
