//! What the retired diary knows about the use of itself: accounts, sessions, a log without a key. None of it moved to
//! the platform, which signs people in through ESIA. Renders neutral tables; touches no engine.

use super::chance::Chance;
use super::names::Name;
use super::people::days_after;
use super::school::{School, YEAR_BEGINS};
use super::sheet::{DemoTable, id, number, russian_time, text};
use jiff::civil::{DateTime, date};
use lastbell_contract::Value;

const HEX: &[u8] = b"0123456789abcdef";
const BCRYPT: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Accounts, sessions, log.
pub(super) fn tables(seed: u64, school: &School) -> Vec<DemoTable> {
    let accounts = accounts(seed, school);
    let sessions = sessions(seed, accounts.rows.len());
    vec![accounts, sessions, log(seed, school)]
}

/// Leavers' accounts still work, and a third was last used more than three months before September 2026.
fn accounts(seed: u64, school: &School) -> DemoTable {
    let mut chance = Chance::new(seed, "accounts");
    let people = &school.people;
    let holders = (people.pupils.iter().enumerate().map(|(at, pupil)| (&pupil.login, "uchenik", at)))
        .chain(people.guardians.iter().enumerate().map(|(at, guardian)| (&guardian.login, "roditel", at)))
        .chain(people.teachers.iter().enumerate().map(|(at, teacher)| (&teacher.login, "uchitel", at)));
    let rows = holders.enumerate().map(|(at, (login, role, person))| {
        let idle = if chance.percent(33) { 100 + chance.below(500) } else { chance.below(80) };
        let last_used = before(date(2026, 8, 31).at(20, 0, 0, 0), idle, &mut chance);
        vec![
            id(at),
            text(login),
            text(password(&mut chance)),
            text(role),
            id(person),
            text(russian_time(last_used)),
            number(1),
        ]
    });
    DemoTable::new(
        "polzovateli",
        &[
            "id INTEGER PRIMARY KEY",
            "login VARCHAR(60) NOT NULL UNIQUE",
            "parol VARCHAR(60) NOT NULL",
            "rol VARCHAR(10)",
            "chelovek_id INTEGER",
            "posl_vhod TEXT",
            "aktiven INTEGER",
        ],
    )
    .filled(rows)
}

/// Half of the accounts were made before bcrypt came. Neither is the hash of anything.
fn password(chance: &mut Chance) -> String {
    if chance.percent(50) { chance.text(HEX, 32) } else { format!("$2y$10${}", chance.text(BCRYPT, 53)) }
}

fn sessions(seed: u64, accounts: usize) -> DemoTable {
    const AGENTS: [&str; 3] = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/126.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 YaBrowser/24.1.0.0 Safari/537.36",
    ];
    let mut chance = Chance::new(seed, "sessions");
    let mut rows = Vec::new();
    for account in 0..accounts {
        for _ in 0..chance.below(3) {
            let begins = before(date(2026, 8, 31).at(21, 30, 0, 0), chance.below(300), &mut chance);
            rows.push(vec![
                text(chance.text(HEX, 40)),
                id(account),
                private_address(&mut chance),
                text(*chance.pick(&AGENTS)),
                text(russian_time(begins)),
            ]);
        }
    }
    DemoTable::new(
        "sessii",
        &[
            "klyuch TEXT PRIMARY KEY",
            "polzovatel_id INTEGER NOT NULL REFERENCES polzovateli(id)",
            "ip TEXT",
            "brauzer TEXT",
            "nachalo TEXT",
        ],
    )
    .filled(rows)
}

/// Names stand in the middle of the message, where no column name warns of them.
fn log(seed: u64, school: &School) -> DemoTable {
    let mut chance = Chance::new(seed, "log");
    let people = &school.people;
    let mut rows = Vec::new();
    for pupil in &people.pupils {
        for _ in 0..3 {
            let day = days_after(YEAR_BEGINS, chance.below(360));
            let moment = before(day.at(17, 0, 0, 0), 0, &mut chance);
            let teacher = &people.teachers[people.classes[pupil.class].teacher].login;
            let guardian = &chance.pick(&people.guardians).name;
            let message = message(teacher, &pupil.name, guardian, &mut chance);
            rows.push(vec![text(russian_time(moment)), private_address(&mut chance), text(message)]);
        }
    }
    DemoTable::new("log_old", &["vremya TEXT", "ip TEXT", "soobshchenie TEXT"]).filled(rows)
}

fn message(teacher: &str, pupil: &Name, guardian: &Name, chance: &mut Chance) -> String {
    match chance.below(5) {
        0 | 1 => {
            let score = 2 + chance.below(3);
            format!("Пользователь {teacher} изменил оценку ученику {}: {score} → {}", pupil.short(), score + 1)
        }
        2 => format!("Вход по паролю: {teacher}"),
        3 => format!("Родитель {} открыл дневник ({})", guardian.full(), pupil.initials()),
        _ => "Резервное копирование завершено, ошибок нет".to_owned(),
    }
}

fn private_address(chance: &mut Chance) -> Value {
    text(format!("10.7.{}.{}", chance.below(16), 1 + chance.below(250)))
}

/// So many days and some minutes earlier.
fn before(moment: DateTime, days: usize, chance: &mut Chance) -> DateTime {
    let minutes = days * 24 * 60 + chance.below(9 * 60);
    moment.saturating_sub(jiff::Span::new().minutes(i64::try_from(minutes).expect("a few years of minutes")))
}
