//! Tests of whole verdicts: the nasty cases that school databases really hold, in invented tables.

use super::*;
use lastbell_contract::{Action, Column, ForeignKey, Kind, Row, Table, TableId, TableKind, Value};
use std::fmt::Write as _;

/// A database under test: tables as `name: column, column*` where `*` marks the primary key.
struct Diary {
    tables: Vec<Table>,
    rows: Vec<Vec<Row>>,
}

fn column(name: &str) -> Column {
    let (name, kind) = name.split_once(' ').unwrap_or((name, ""));
    let kind = match kind {
        "text" => Kind::Text,
        "date" => Kind::Date,
        "bool" => Kind::Bool,
        "bytes" => Kind::Bytes,
        "" if name.ends_with("id") || name.starts_with("id") || name.ends_with("by") => Kind::Int,
        "" => Kind::Text,
        other => panic!("no kind {other}"),
    };
    Column {
        name: name.to_owned(),
        declared_type: String::new(),
        kind,
        nullable: true,
        generated: false,
        comment: None,
        charset: None,
    }
}

impl Diary {
    fn new(lines: &[&str]) -> Self {
        let tables: Vec<Table> = lines
            .iter()
            .map(|line| {
                let (name, columns) = line.split_once(": ").unwrap();
                let keys = columns.split(", ").filter_map(|name| name.strip_suffix('*')).map(str::to_owned).collect();
                Table {
                    id: TableId::plain(name),
                    kind: TableKind::Base,
                    columns: columns.split(", ").map(|name| column(name.trim_end_matches('*'))).collect(),
                    primary_key: keys,
                    unique_keys: Vec::new(),
                    foreign_keys: Vec::new(),
                    parents: Vec::new(),
                    indexes: Vec::new(),
                    triggers: Vec::new(),
                    rows_estimate: None,
                    definition: None,
                    obstacles: Vec::new(),
                }
            })
            .collect();
        Self { rows: tables.iter().map(|_| Vec::new()).collect(), tables }
    }

    fn place(&self, table: &str) -> usize {
        self.tables.iter().position(|found| found.id.name == table).unwrap()
    }

    /// Fills one column with texts; the others stay NULL.
    fn fill(mut self, table: &str, column: &str, values: &[&str]) -> Self {
        let place = self.place(table);
        let at = self.tables[place].columns.iter().position(|found| found.name == column).unwrap();
        let width = self.tables[place].columns.len();
        for (row, text) in values.iter().enumerate() {
            if self.rows[place].len() <= row {
                self.rows[place].push(vec![Value::Null; width]);
            }
            self.rows[place][row][at] = match text.parse() {
                Ok(number) if self.tables[place].columns[at].kind == Kind::Int => Value::Int(number),
                Ok(_) | Err(_) => Value::Text((*text).to_owned()),
            };
        }
        self
    }

    fn link(mut self, table: &str, column: &str, target: &str) -> Self {
        let place = self.place(table);
        self.tables[place].foreign_keys.push(ForeignKey {
            name: None,
            columns: vec![column.to_owned()],
            references: TableId::plain(target),
            referenced_columns: Vec::new(),
            on_delete: Action::NoAction,
            enforced: true,
        });
        self
    }

    fn comment(mut self, table: &str, column: &str, text: &str) -> Self {
        let place = self.place(table);
        self.tables[place].columns.iter_mut().find(|found| found.name == column).unwrap().comment =
            Some(text.to_owned());
        self
    }

    fn judge(&self) -> Vec<TableFinding> {
        let samples: Vec<TableSample<'_>> = self
            .tables
            .iter()
            .zip(&self.rows)
            .map(|(table, rows)| TableSample { table, rows: rows.clone(), rows_counted: rows.len() as u64 })
            .collect();
        judge(&samples)
    }
}

/// `table.column verdict category`, for each column asked for.
fn answers(findings: &[TableFinding], asked: &[(&str, &str, &str)]) -> (String, String) {
    let (mut expected, mut found) = (String::new(), String::new());
    for (table, column, answer) in asked {
        let finding = findings.iter().find(|finding| finding.table == *table).unwrap();
        let finding = finding.columns.iter().find(|finding| finding.column == *column).unwrap();
        let given = match finding.verdict {
            Verdict::Personal => finding.category.word(),
            Verdict::Not => "not",
            Verdict::Review => "review",
        };
        writeln!(expected, "{table}.{column} {answer}").unwrap();
        writeln!(found, "{table}.{column} {given}").unwrap();
    }
    (expected, found)
}

fn expect(diary: &Diary, asked: &[(&str, &str, &str)]) {
    let (expected, found) = answers(&diary.judge(), asked);
    assert_eq!(found, expected);
}

#[test]
fn a_session_of_the_school_year_is_no_session_of_a_browser() {
    let diary = Diary::new(&[
        "sessions: id*, name, start_date date, end_date date",
        "marks: id*, student_id, session_id, mark",
    ]);
    expect(
        &diary,
        &[("marks", "session_id", "not"), ("sessions", "name", "not"), ("marks", "mark", "education_record")],
    );
}

#[test]
fn a_tree_is_told_from_a_family() {
    let diary = Diary::new(&[
        "menu_items: id*, parent_id, title",
        "parent_links: id*, parent_id, student_id, relationship",
        "parents: id*, last_name, phone",
        "students: id*, last_name, first_name",
    ]);
    expect(
        &diary,
        &[
            ("menu_items", "parent_id", "not"),
            ("parent_links", "parent_id", "pseudonymous_link"),
            ("parent_links", "relationship", "family"),
        ],
    );
}

#[test]
fn what_belongs_to_the_school_is_not_a_persons() {
    let diary = Diary::new(&["schools: id*, name, full_name text, phone, email, address, inn, director_name"])
        .fill("schools", "inn", &["7707083893", "7736050003", "7728168971"])
        .fill("schools", "phone", &["+7 495 000-11-22", "+7 495 000-11-23"]);
    expect(
        &diary,
        &[
            ("schools", "name", "not"),
            ("schools", "phone", "not"),
            ("schools", "email", "not"),
            ("schools", "address", "not"),
            ("schools", "inn", "not"),
            ("schools", "director_name", "name"),
        ],
    );
}

#[test]
fn switches_limits_and_prices_are_not_personal() {
    let diary = Diary::new(&[
        "courses: id*, title, gender_restriction, max_students, teacher_id",
        "dishes: id*, title, price_staff",
        "users: id*, login, password, email, email_verified bool, is_active bool",
    ]);
    expect(
        &diary,
        &[
            ("courses", "gender_restriction", "not"),
            ("courses", "max_students", "not"),
            ("courses", "title", "not"),
            ("courses", "teacher_id", "pseudonymous_link"),
            ("dishes", "price_staff", "not"),
            ("users", "email_verified", "not"),
            ("users", "is_active", "not"),
            ("users", "password", "credential"),
            ("users", "email", "contact_email"),
        ],
    );
}

#[test]
fn values_with_a_checksum_speak_through_an_opaque_name() {
    let numbers = ["112-233-445 95", "087-654-303 00", "112-233-446 98"];
    let diary = Diary::new(&["things: id*, custom_200000003, note"]).fill("things", "custom_200000003", &numbers[..1]);
    let found = diary.judge();
    let column = &found[0].columns[1];
    assert_eq!((column.verdict, column.category), (Verdict::Personal, Category::NationalId));
    assert_eq!(column.checksum_rule, None, "one value is no majority that binds a person");
}

#[test]
fn a_majority_of_valid_numbers_binds_the_person_who_overrides() {
    let valid: Vec<String> = (100_100_100u32..100_100_140).map(snils).collect();
    let values: Vec<&str> = valid.iter().map(String::as_str).collect();
    let found = Diary::new(&["things: id*, code text"]).fill("things", "code", &values).judge();
    assert_eq!(found[0].columns[1].checksum_rule.as_deref(), Some("value.snils"));
    assert_eq!(found[0].verdict, Verdict::Personal);
}

/// A SNILS with a valid check over nine digits.
fn snils(number: u32) -> String {
    let digits: Vec<u32> = format!("{number:09}").bytes().map(|digit| u32::from(digit - b'0')).collect();
    let sum: u32 = digits.iter().zip((1..=9).rev()).map(|(digit, weight)| digit * weight).sum();
    format!("{number:09}{:02}", sum % 101 % 100)
}

#[test]
fn invalid_numbers_and_placeholders_leave_the_name_to_decide() {
    let diary =
        Diary::new(&["pupils: id*, surname, snils"]).fill("pupils", "snils", &["000-000-000 00", "123456789", "-"]);
    expect(&diary, &[("pupils", "snils", "national_id"), ("pupils", "surname", "name")]);
}

#[test]
fn short_russian_words_count_among_russian_names_only() {
    let russian = Diary::new(&["ucheniki: id_uchenika*, fam, im, ot, pol, dr, familiya_rod, imya_rod, adres, telefon"]);
    expect(
        &russian,
        &[
            ("ucheniki", "fam", "name"),
            ("ucheniki", "dr", "birth_date"),
            ("ucheniki", "pol", "other_personal"),
            ("ucheniki", "telefon", "contact_phone"),
            ("ucheniki", "adres", "address"),
        ],
    );
    let english = Diary::new(&["shapes: id*, f, im, pol, dr, kv"]);
    expect(
        &english,
        &[("shapes", "pol", "not"), ("shapes", "dr", "not"), ("shapes", "f", "not"), ("shapes", "kv", "not")],
    );
}

#[test]
fn a_passport_split_over_columns_is_found() {
    let diary = Diary::new(&[
        "doki: id*, id_uchenika, seria, nomer, kem, kodp",
        "ucheniki: id_uchenika*, familiya, imya, otchestvo",
        "raspisanie: id*, den_nedeli, nomer_uroka, predmet, kabinet",
    ]);
    expect(
        &diary,
        &[
            ("doki", "seria", "national_id"),
            ("doki", "nomer", "national_id"),
            ("doki", "kem", "national_id"),
            ("doki", "kodp", "national_id"),
            ("doki", "id_uchenika", "pseudonymous_link"),
            ("raspisanie", "nomer_uroka", "not"),
            ("raspisanie", "predmet", "not"),
        ],
    );
}

#[test]
fn dictionaries_with_personal_names_are_not_personal() {
    let diary = Diary::new(&[
        "ethnicity: ethnicity_id*, ethnicity_name, sort_order",
        "relationship_types: id*, title",
        "medical_conditions_list: id*, title, description",
        "student_field_categories: id*, title, sort_order",
        "languages: id*, name",
    ]);
    for finding in diary.judge() {
        assert_eq!(finding.verdict, Verdict::Not, "{}", finding.table);
    }
}

#[test]
fn polymorphic_pairs_lead_where_their_type_says() {
    let diary = Diary::new(&[
        "users: id*, login, password",
        "remarks: id*, commentable_type, commentable_id, body",
        "ratings: id*, rated_type, rated_id, stars",
        "lessons: id*, topic",
    ])
    .fill("remarks", "commentable_type", &["App\\Models\\Student", "App\\Models\\Student"])
    .fill("ratings", "rated_type", &["App\\Models\\Lesson"]);
    expect(
        &diary,
        &[
            ("remarks", "commentable_id", "pseudonymous_link"),
            ("remarks", "body", "education_record"),
            ("ratings", "rated_id", "not"),
        ],
    );
}

#[test]
fn lists_of_keys_and_logins_in_text_are_links() {
    let diary = Diary::new(&["users: id*, username, password", "surveys: id*, title, excluded_users text"]).fill(
        "surveys",
        "excluded_users",
        &["12,45", "7", "12,45,99"],
    );
    expect(&diary, &[("surveys", "excluded_users", "pseudonymous_link"), ("surveys", "title", "not")]);
}

#[test]
fn sparse_keys_link_by_overlap_and_dense_ones_do_not() {
    let sparse: Vec<String> = (0..60).map(|number| (1_000_003 + number * 7919).to_string()).collect();
    let dense: Vec<String> = (1..=60).map(|number| number.to_string()).collect();
    let build = |keys: &[String]| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        Diary::new(&["pupils: id*, surname, first_name", "entries: entry_id*, whoid, level"])
            .fill("pupils", "id", &keys)
            .fill("entries", "whoid", &keys[..30])
    };
    expect(&build(&sparse), &[("entries", "whoid", "pseudonymous_link")]);
    expect(&build(&dense), &[("entries", "whoid", "not")]);
}

#[test]
fn a_part_of_a_record_is_personal_some_hops_away() {
    let diary = Diary::new(&[
        "students: id*, last_name, first_name",
        "purchases: id*, student_id, total_amount",
        "purchase_items: id*, purchase_id, amount",
        "dishes: id*, title",
    ])
    .link("purchase_items", "purchase_id", "purchases");
    expect(&diary, &[("purchase_items", "amount", "finance"), ("dishes", "title", "not")]);
    let found = diary.judge();
    assert_eq!(found[2].about, RowAbout::Part);
}

#[test]
fn a_teacher_of_a_lesson_makes_no_record_of_the_lesson() {
    let diary = Diary::new(&[
        "teachers: id*, surname, phone",
        "lessons: id*, teacher_id, topic, homework, room",
        "news: id*, title, body, created_by",
    ]);
    expect(
        &diary,
        &[
            ("lessons", "teacher_id", "pseudonymous_link"),
            ("lessons", "topic", "not"),
            ("lessons", "homework", "not"),
            ("lessons", "room", "not"),
            ("news", "created_by", "pseudonymous_link"),
            ("news", "title", "not"),
        ],
    );
}

#[test]
fn things_named_after_people_do_not_make_people() {
    let diary = Diary::new(&["books: id*, title, author text", "modules: id*, name, author text"])
        .fill("books", "title", &["Война и мир", "Отцы и дети", "Евгений Онегин", "Мёртвые души", "Обломов"])
        .fill("modules", "author", &["core", "team", "vendor", "system", "community"]);
    expect(&diary, &[("books", "title", "not"), ("modules", "name", "not")]);
    let found = diary.judge();
    assert_ne!(found[1].columns[2].verdict, Verdict::Personal, "an author of a module is not personal by name alone");
}

#[test]
fn an_empty_table_is_judged_by_its_design() {
    let diary = Diary::new(&[
        "Ученик: id*, Фамилия, Имя, Отчество, ДатаРождения date, Телефон",
        "Дисциплина: id*, Наименование",
    ]);
    expect(
        &diary,
        &[
            ("Ученик", "Фамилия", "name"),
            ("Ученик", "Имя", "name"),
            ("Ученик", "ДатаРождения", "birth_date"),
            ("Ученик", "Телефон", "contact_phone"),
            ("Дисциплина", "Наименование", "not"),
        ],
    );
}

#[test]
fn a_remark_explains_an_opaque_column() {
    let diary = Diary::new(&["students: id*, last_name, fld7, fld8"])
        .comment("students", "fld7", "Дата рождения")
        .comment("students", "fld8", "Номер СНИЛС (без пробелов)");
    expect(&diary, &[("students", "fld7", "birth_date"), ("students", "fld8", "national_id")]);
}

#[test]
fn custom_fields_take_the_title_of_their_catalogue_row() {
    let diary = Diary::new(&["students: id*, last_name, custom_12 text, custom_13 text", "custom_fields: id*, title"])
        .fill("custom_fields", "id", &["12", "13"])
        .fill("custom_fields", "title", &["Дата рождения", "Диагноз"]);
    expect(&diary, &[("students", "custom_12", "birth_date"), ("students", "custom_13", "health")]);
}

#[test]
fn hashes_decide_with_a_name_and_wait_for_a_person_without() {
    let hash = "$2y$10$abcdefghijklmnopqrstuuJ8Q1fWqabcdefghijklmnopqrstuv";
    let diary = Diary::new(&["settings: id*, item, content text"]).fill("settings", "content", &[hash]);
    expect(&diary, &[("settings", "content", "review")]);
}

#[test]
fn logs_and_mail_are_about_those_who_wrote_them() {
    let diary = Diary::new(&[
        "access_log: id*, username, ip_address, user_agent, login_time, document_root",
        "inbox: id*, to_user text, from_user text, mail_subject, mail_body",
    ]);
    expect(
        &diary,
        &[
            ("access_log", "username", "online_id"),
            ("access_log", "ip_address", "online_id"),
            ("access_log", "user_agent", "online_id"),
            ("inbox", "to_user", "online_id"),
            ("inbox", "mail_body", "free_text_about_person"),
        ],
    );
}

#[test]
fn a_prefix_of_the_product_is_not_read() {
    let diary = Diary::new(&[
        "mdl_user: id*, username, firstname, lastname, phone1, lastip",
        "mdl_grades: id*, userid, itemid, finalgrade, feedback text",
        "mdl_course: id*, fullname, shortname",
        "mdl_modules: id*, name",
        "mdl_forms: id*, title",
    ]);
    expect(
        &diary,
        &[
            ("mdl_user", "firstname", "name"),
            ("mdl_user", "phone1", "contact_phone"),
            ("mdl_user", "lastip", "online_id"),
            ("mdl_grades", "userid", "pseudonymous_link"),
            ("mdl_grades", "itemid", "not"),
            ("mdl_modules", "name", "not"),
            ("mdl_course", "shortname", "not"),
        ],
    );
}

#[test]
fn a_row_of_a_person_may_lead_to_relatives_and_a_table_without_keys_is_read() {
    let diary = Diary::new(&[
        "student_data: id, parent_id, teacher_id, last_name, official_name, school_name, birth_date date",
        "parents: id, first_name, mobile",
        "visits: std_id, reason, answer_sheet_id, form_id",
    ]);
    expect(
        &diary,
        &[
            ("student_data", "id", "pseudonymous_link"),
            ("student_data", "parent_id", "pseudonymous_link"),
            ("student_data", "teacher_id", "pseudonymous_link"),
            ("student_data", "official_name", "name"),
            ("student_data", "school_name", "not"),
            ("visits", "std_id", "pseudonymous_link"),
            ("visits", "reason", "education_record"),
            ("visits", "form_id", "not"),
        ],
    );
}

#[test]
fn a_link_to_the_person_by_a_role_behind_the_key_is_read() {
    let diary = Diary::new(&[
        "abcPerson: abcPersonID*, surname, firstName",
        "abcAbsence: abcAbsenceID*, abcPersonID, abcPersonIDCreator, reason",
        "abcFee: abcFeeID*, name, amount, abcPersonIDUpdate",
        "abcModule: abcModuleID*, name",
        "abcFamily: abcFamilyID*, name, homeAddress",
    ]);
    expect(
        &diary,
        &[
            ("abcPerson", "abcPersonID", "pseudonymous_link"),
            ("abcAbsence", "abcPersonID", "pseudonymous_link"),
            ("abcAbsence", "abcPersonIDCreator", "pseudonymous_link"),
            ("abcAbsence", "reason", "education_record"),
            ("abcFee", "amount", "not"),
            ("abcModule", "name", "not"),
            ("abcFamily", "homeAddress", "address"),
        ],
    );
}

#[test]
fn contacts_in_pairs_of_title_and_value_are_found() {
    let diary = Diary::new(&[
        "people: person_id*, last_name, first_name",
        "person_contacts: id*, person_id, title, value text",
    ])
    .fill("person_contacts", "value", &["+7 912 000-12-34", "8 912 000-12-35", "i@diary.example"]);
    expect(
        &diary,
        &[("person_contacts", "value", "contact_phone"), ("person_contacts", "person_id", "pseudonymous_link")],
    );
}

#[test]
fn a_rare_mention_in_long_texts_asks_for_a_person() {
    let plain = "Прочитать параграф и ответить на вопросы в конце, номер";
    let texts: Vec<String> = (0..40).map(|number| format!("{plain} {number}")).collect();
    let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    texts.push("Передать тетрадь, пусть Яна Игоревна проверит её до пятницы");
    let diary = Diary::new(&["homeworks: id*, lesson_id, wording text"]).fill("homeworks", "wording", &texts);
    expect(&diary, &[("homeworks", "wording", "review")]);
}

#[test]
fn the_same_samples_give_the_same_bytes_and_show_no_value() {
    let diary = Diary::new(&["pupils: id*, surname, phone"])
        .fill("pupils", "surname", &["Небывалова", "Вымышленский"])
        .fill("pupils", "phone", &["+7 912 000-12-34", "+7 912 000-12-35"]);
    let (one, two) = (diary.judge(), diary.judge());
    let written = serde_json::to_string(&one).unwrap();
    assert_eq!(written, serde_json::to_string(&two).unwrap());
    let back: Vec<TableFinding> = serde_json::from_str(&written).unwrap();
    assert_eq!(back, one);
    let samples = [TableSample { table: &diary.tables[0], rows: diary.rows[0].clone(), rows_counted: 2 }];
    for shown in [written, format!("{one:?}"), format!("{samples:?}")] {
        assert!(!shown.contains("Небывалова") && !shown.contains("912"), "a value is shown");
    }
}
