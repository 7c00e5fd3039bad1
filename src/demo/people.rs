//! The invented people: pupils, parents, teachers, with the numbers that tell them apart. Reads and writes nothing.
//!
//! Nobody can be met by accident: SNILS bodies begin with 9 (none issued so far begins above 2), the subscriber part of
//! every phone begins with 000, every mail ends in `.example`.

use super::chance::Chance;
use super::names::{Household, Name, latin};
use jiff::civil::{Date, date};

/// Pupils 0 and 1 share a name, pupils 2 and 3 share name and birth date: only their SNILS tells those two apart.
pub(super) const NAMESAKES: usize = 4;

/// A school class.
pub(super) struct Class {
    pub(super) grade: usize,
    pub(super) letter: &'static str,
    /// The class teacher, by position.
    pub(super) teacher: usize,
}

/// A pupil.
pub(super) struct Pupil {
    pub(super) name: Name,
    pub(super) born: Date,
    pub(super) snils: String,
    /// By position.
    pub(super) class: usize,
    pub(super) address: String,
    /// Ten digits.
    pub(super) phone: Option<String>,
    /// The day of leaving school.
    pub(super) left: Option<Date>,
    pub(super) login: String,
}

/// A parent or guardian.
pub(super) struct Guardian {
    pub(super) name: Name,
    pub(super) snils: String,
    pub(super) phone: String,
    pub(super) mail: String,
    pub(super) employer: &'static str,
    pub(super) login: String,
}

/// How a guardian stands to a pupil; both by position.
pub(super) struct Care {
    pub(super) pupil: usize,
    pub(super) guardian: usize,
    pub(super) relation: Relation,
}

/// What a guardian is to a pupil.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Mother,
    Father,
    Guardian,
}

/// A teacher.
pub(super) struct Teacher {
    pub(super) name: Name,
    pub(super) born: Date,
    pub(super) snils: String,
    pub(super) phone: String,
    pub(super) mail: String,
    pub(super) login: String,
}

/// Everybody of one school.
pub(super) struct People {
    pub(super) classes: Vec<Class>,
    pub(super) teachers: Vec<Teacher>,
    pub(super) pupils: Vec<Pupil>,
    pub(super) guardians: Vec<Guardian>,
    pub(super) care: Vec<Care>,
}

/// Hands out numbers, each once.
pub(super) struct Registry {
    series: u64,
    people: u64,
    phones: u64,
}

impl Registry {
    /// Schools of different series never share a number.
    pub(super) fn new(series: u64) -> Self {
        Self { series, people: 0, phones: 0 }
    }

    /// Eleven digits with a valid checksum.
    pub(super) fn snils(&mut self) -> String {
        self.people += 1;
        // 61,803,399 has no factor in common with 10^8: the bodies repeat only after 10^8 people, spread evenly.
        let body = 900_000_000 + (self.series * 50_000_000 + self.people * 61_803_399) % 100_000_000;
        let digits = format!("{body:09}");
        format!("{digits}{:02}", snils_checksum(&digits))
    }

    /// Ten digits: 9xx 000 xxxx. A series has 500,000 of them.
    pub(super) fn phone(&mut self) -> String {
        self.phones += 1;
        let number = self.series * 500_000 + (self.phones * 7_919) % 500_000;
        format!("9{:02}000{:04}", number / 10_000 % 100, number % 10_000)
    }
}

/// The two control digits of the nine before them (Pension Fund rule: weights 9…1, modulo 101, 100 counts as 0).
pub(super) fn snils_checksum(digits: &str) -> u32 {
    let sum: u32 = digits.chars().filter_map(|digit| digit.to_digit(10)).zip((1..=9).rev()).map(|(d, w)| d * w).sum();
    sum % 101 % 100
}

/// The people of a school of so many pupils.
pub(super) fn people(seed: u64, pupils: usize, registry: &mut Registry) -> People {
    let mut chance = Chance::new(seed, "people");
    let classes = classes(pupils);
    let teachers = (0..(pupils / 12).max(4)).map(|number| teacher(number, &mut chance, registry)).collect();
    let mut school =
        People { classes, teachers, pupils: Vec::with_capacity(pupils), guardians: Vec::new(), care: Vec::new() };
    while school.pupils.len() < pupils {
        family(&mut school, pupils, &mut chance, registry);
    }
    school
}

/// About fifteen pupils a class, the grades spread evenly, then the next letter.
fn classes(pupils: usize) -> Vec<Class> {
    const LETTERS: [&str; 4] = ["А", "Б", "В", "Г"];
    let number = (pupils / 15).clamp(2, 11 * LETTERS.len());
    (0..number)
        .map(|class| Class {
            grade: 1 + class * 5 % 11,
            letter: LETTERS[class / 11],
            teacher: class % (pupils / 12).max(4),
        })
        .collect()
}

fn teacher(number: usize, chance: &mut Chance, registry: &mut Registry) -> Teacher {
    let home = Household::new(chance);
    let name = if chance.percent(80) { home.woman(chance) } else { home.father(chance) };
    let born = birthday(1960 + chance.below(40), chance);
    let login = format!("{}_u{number}", name.login());
    Teacher {
        snils: registry.snils(),
        phone: registry.phone(),
        mail: format!("{}.{number}@shkola7.example", latin(&name.surname).to_lowercase()),
        name,
        born,
        login,
    }
}

/// One or two children (three in a hundred live with a guardian of another name, a quarter with the mother alone).
fn family(school: &mut People, pupils: usize, chance: &mut Chance, registry: &mut Registry) {
    let home = Household::new(chance);
    let forced = school.pupils.len() < NAMESAKES;
    let children = if !forced && chance.percent(15) { 2 } else { 1 };
    let first = school.pupils.len();
    for _ in 0..children.min(pupils - first) {
        let number = school.pupils.len();
        let pupil = pupil(number, &home, school, chance, registry);
        school.pupils.push(pupil);
    }
    let mut adults = Vec::new();
    if chance.percent(3) {
        adults.push((Household::new(chance).woman(chance), Relation::Guardian));
    } else {
        adults.push((home.woman(chance), Relation::Mother));
        if chance.percent(75) {
            adults.push((home.father(chance), Relation::Father));
        }
    }
    for (name, relation) in adults {
        let guardian = school.guardians.len();
        school.guardians.push(adult(guardian, name, chance, registry));
        let links = (first..school.pupils.len()).map(|pupil| Care { pupil, guardian, relation });
        school.care.extend(links);
    }
}

fn pupil(number: usize, home: &Household, school: &People, chance: &mut Chance, registry: &mut Registry) -> Pupil {
    let forced = number < NAMESAKES;
    let name = if forced { Name::namesake(number >= NAMESAKES / 2) } else { home.child(chance) };
    let class = if forced { 0 } else { number % school.classes.len() };
    let born = match school.pupils.last() {
        Some(namesake) if number == NAMESAKES - 1 => namesake.born,
        Some(namesake) if number == 1 => days_after(namesake.born, 40),
        Some(_) | None => birthday(2019 - school.classes[class].grade, chance),
    };
    // Every seventeenth has left, and the account still works: what the ministry wrote about.
    let left = (number % 17 == 6).then(|| days_after(date(2025, 10, 1), chance.below(200)));
    let login = format!("{}_{number}", name.login());
    let phone = (number % 50 == 7 || chance.percent(70)).then(|| registry.phone());
    Pupil { name, born, snils: registry.snils(), class, address: address(chance), phone, left, login }
}

fn adult(number: usize, name: Name, chance: &mut Chance, registry: &mut Registry) -> Guardian {
    const EMPLOYERS: [&str; 5] = ["ООО «Литейный двор»", "Городская больница", "не работает", "МУП «Водоканал»", "ИП"];
    Guardian {
        snils: registry.snils(),
        phone: registry.phone(),
        mail: format!("{}{number}@pochta.example", latin(&name.surname).to_lowercase()),
        employer: chance.pick::<&str>(&EMPLOYERS),
        login: format!("{}_r{number}", name.login()),
        name,
    }
}

fn birthday(year: usize, chance: &mut Chance) -> Date {
    let year = i16::try_from(year).expect("a year of this age");
    days_after(date(year, 1, 1), chance.below(365))
}

fn address(chance: &mut Chance) -> String {
    const STREETS: [&str; 6] =
        ["ул. Колокольная", "ул. Литейная", "пер. Звонкий", "пр-т Мастеров", "ул. Третья Заречная", "ул. Ёлочная"];
    let street = chance.pick(&STREETS);
    format!("г. Звонковск, {street}, д. {}, кв. {}", 1 + chance.below(90), 1 + chance.below(120))
}

/// A day so many days later.
pub(super) fn days_after(day: Date, days: usize) -> Date {
    day.saturating_add(jiff::Span::new().days(i64::try_from(days).expect("a few years of days")))
}

/// The number of the pupil's paper file, the same in both diaries.
pub(super) fn file_number(at: usize, pupil: &Pupil) -> String {
    format!("{}-{:04}", pupil.name.surname.chars().next().unwrap_or('?'), at + 1)
}
