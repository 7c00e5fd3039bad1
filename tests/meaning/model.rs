//! A cell as a person means it, in the words of every engine; near misses of it; tables of such cells. Seeded.

use crate::case::{Engine, Mariadb, Postgres, Sqlite};
use lastbell_contract::{Kind, Value};
use lastbell_testkit::seeded::Seeded;

/// What a cell means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    /// Ten-thousandths.
    Decimal(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Days since 1970-01-01.
    Day(i64),
    /// Microseconds since then.
    Moment(i64),
    /// Microseconds since midnight.
    Time(i64),
    Truth(bool),
    Uuid([u8; 16]),
}

/// Name, type on each engine, kind in memory, how the mapping compares it.
pub(crate) const COLUMNS: [(&str, [&str; 3], Kind, &str); 10] = [
    ("n", ["bigint", "bigint", "INTEGER"], Kind::Int, ""),
    ("p", ["numeric(18,4)", "decimal(18,4)", "TEXT"], Kind::Decimal, ", as: decimal"),
    ("f", ["double precision", "double", "REAL"], Kind::Float, ""),
    ("w", ["text", "varchar(60)", "TEXT"], Kind::Text, ""),
    ("x", ["text", "varchar(60) CHARACTER SET cp1251", "TEXT"], Kind::Text, ""),
    ("r", ["bytea", "varbinary(60)", "BLOB"], Kind::Bytes, ""),
    ("d", ["date", "date", "TEXT"], Kind::Date, ", as: date"),
    ("m", ["timestamp(6)", "datetime(6)", "TEXT"], Kind::LocalDateTime, ", as: datetime"),
    ("t", ["time(6)", "time(6)", "TEXT"], Kind::Time, ", as: time"),
    ("b", ["boolean", "tinyint(1)", "INTEGER"], Kind::Bool, ", as: bool"),
];

/// The key's second part where there is one, and the last column: a UUID.
pub(crate) const UUID: (&str, [&str; 3], Kind, &str) = ("u", ["uuid", "char(36)", "TEXT"], Kind::Uuid, ", as: uuid");

const DAY: i64 = 86_400_000_000;

/// Pieces that are easily taken for one another; all of them are letters of CP1251.
const PIECES: [&str; 14] = ["", " ", "Ёлкин", "ёлкин", "Елкин", "й", "и", "|", ",", "0", "NULL", "\\N", "'", "a\n"];

fn one<T: Copy>(of: &[T], random: &mut Seeded) -> T {
    of[random.below(of.len())]
}

/// A cell of the column at a place of [`COLUMNS`]; behind them the UUID.
pub(crate) fn cell(column: usize, random: &mut Seeded) -> Cell {
    if random.below(8) == 0 {
        return Cell::Null;
    }
    let small = i64::try_from(random.below(5)).unwrap() - 2;
    let any = i64::from_le_bytes(random.bits().to_le_bytes());
    match column {
        0 => Cell::Int(if small == 2 { any } else { small }),
        1 => Cell::Decimal(if small == 2 { any % 10_i64.pow(17) } else { small * 5_000 }),
        2 => Cell::Double(one(&[0.1, 0.3, 1e20, -2.5, 1e-300, any as f64], random)),
        3 => Cell::Text(text(random) + one(&["", "", "🔔", "и\u{306}", "\u{a0}"], random)),
        4 => Cell::Text(text(random)),
        5 => Cell::Bytes(random.bits().to_le_bytes()[..random.below(8)].to_vec()),
        6 => Cell::Day(any.rem_euclid(20_000)),
        7 => Cell::Moment(any.rem_euclid(20_000 * DAY)),
        8 => Cell::Time(any.rem_euclid(DAY)),
        9 => Cell::Truth(any % 2 == 0),
        _ => Cell::Uuid([any.to_le_bytes(), random.bits().to_le_bytes()].concat().try_into().unwrap()),
    }
}

fn text(random: &mut Seeded) -> String {
    (0..random.below(4)).map(|_| one(&PIECES, random)).collect()
}

/// Another value, as near as it can be; or any other.
pub(crate) fn another(column: usize, old: &Cell, random: &mut Seeded) -> Cell {
    loop {
        let new = if random.below(3) == 0 { cell(column, random) } else { near(old, random) };
        if new != *old && fits(column, &new) {
            return new;
        }
    }
}

/// Letters of both parts and pictures are not in every set.
fn fits(column: usize, cell: &Cell) -> bool {
    let Cell::Text(text) = cell else { return true };
    column != 4 || !text.contains(['\u{306}', '🔔'])
}

fn near(old: &Cell, random: &mut Seeded) -> Cell {
    let step = one(&[-1, 1], random);
    match old {
        Cell::Null => Cell::Null,
        Cell::Int(number) => Cell::Int(number.wrapping_add(step)),
        Cell::Decimal(number) => Cell::Decimal(number + step),
        Cell::Double(number) => Cell::Double(if step > 0 { number.next_up() } else { number.next_down() }),
        Cell::Text(text) => Cell::Text(near_text(text, random)),
        Cell::Bytes(bytes) => {
            let mut bytes = bytes.clone();
            match bytes.last_mut() {
                Some(byte) if step > 0 => *byte ^= 1 << random.below(8),
                Some(_) | None => bytes.push(0),
            }
            Cell::Bytes(bytes)
        }
        Cell::Day(days) => Cell::Day((days + step).max(0)),
        Cell::Moment(micros) => Cell::Moment((micros + step).max(0)),
        Cell::Time(micros) => Cell::Time((micros + step).clamp(0, DAY - 1)),
        Cell::Truth(yes) => Cell::Truth(!yes),
        Cell::Uuid(raw) => {
            let mut raw = *raw;
            raw[random.below(16)] ^= 1 << random.below(8);
            Cell::Uuid(raw)
        }
    }
}

fn near_text(text: &str, random: &mut Seeded) -> String {
    match random.below(7) {
        0 => format!("{text} "),
        1 => format!(" {text}"),
        2 => text.replacen('й', "и\u{306}", 1),
        3 => text.replacen('Ё', "Е", 1),
        4 => text.to_lowercase(),
        5 => text.chars().skip(1).collect(),
        _ => text.replace('|', ","),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn day(days: i64) -> String {
    let start = jiff::civil::date(1970, 1, 1);
    start.checked_add(jiff::Span::new().days(days)).unwrap().to_string()
}

fn clock(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    format!("{:02}:{:02}:{:02}.{:06}", seconds / 3_600, seconds / 60 % 60, seconds % 60, micros % 1_000_000)
}

fn decimal(number: i64) -> String {
    let digits = number.unsigned_abs();
    format!("{}{}.{:04}", if number < 0 { "-" } else { "" }, digits / 10_000, digits % 10_000)
}

fn uuid(raw: &[u8; 16]) -> String {
    let hex = hex(raw);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Cell {
    /// As a literal of a server.
    pub(crate) fn sql(&self, engine: Engine) -> String {
        let postgres = engine == Postgres;
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Decimal(number) => decimal(*number),
            Self::Double(number) if postgres => format!("'{number:e}'"),
            Self::Double(number) => format!("{number:e}"),
            Self::Text(text) if postgres => format!("convert_from(decode('{}', 'hex'), 'UTF8')", hex(text.as_bytes())),
            Self::Text(text) => format!("CONVERT(x'{}' USING utf8mb4)", hex(text.as_bytes())),
            Self::Bytes(bytes) if postgres => format!("decode('{}', 'hex')", hex(bytes)),
            Self::Bytes(bytes) => format!("x'{}'", hex(bytes)),
            Self::Day(days) => format!("'{}'", day(*days)),
            Self::Moment(micros) => format!("'{} {}'", day(micros / DAY), clock(micros % DAY)),
            Self::Time(micros) => format!("'{}'", clock(*micros)),
            Self::Truth(yes) => yes.to_string(),
            Self::Uuid(raw) => format!("'{}'", uuid(raw)),
        }
    }

    /// As SQLite holds it, which has no types for most of them.
    pub(crate) fn in_a_file(&self) -> Value {
        match self {
            Self::Decimal(number) => Value::Text(decimal(*number)),
            Self::Truth(yes) => Value::Int((*yes).into()),
            Self::Day(days) => Value::Text(day(*days)),
            Self::Moment(micros) => Value::Text(format!("{} {}", day(micros / DAY), clock(micros % DAY))),
            Self::Time(micros) => Value::Text(clock(*micros)),
            Self::Uuid(raw) => Value::Text(uuid(raw)),
            Self::Null | Self::Int(_) | Self::Double(_) | Self::Text(_) | Self::Bytes(_) => self.in_memory(),
        }
    }

    /// As an engine holds it that has every type.
    pub(crate) fn in_memory(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int((*number).into()),
            Self::Decimal(number) => Value::Decimal(decimal(*number)),
            Self::Double(number) => Value::Float(*number),
            Self::Text(text) => Value::Text(text.clone()),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Self::Day(days) => Value::Date(*days),
            Self::Moment(micros) => Value::LocalDateTime(*micros),
            Self::Time(micros) => Value::Time(*micros),
            Self::Truth(yes) => Value::Bool(*yes),
            Self::Uuid(raw) => Value::Uuid(*raw),
        }
    }
}

/// Which of its types an engine uses.
pub(crate) fn type_on(engine: Engine, types: [&'static str; 3]) -> &'static str {
    let [postgres, mariadb, sqlite] = types;
    match engine {
        Postgres => postgres,
        Mariadb => mariadb,
        Sqlite => sqlite,
    }
}
