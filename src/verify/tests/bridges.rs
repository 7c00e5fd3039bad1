//! The drafted comparison of each pair of unlike types: what the engines give for one value counts as equal, what they give
//! for another one does not; which drafts wait for a person, and by which clock moments meet times.

use super::{Store, compiled, counts, int, table, text, verify};
use crate::profile::Zone;
use crate::profile::profile_file::{KeyPair, Normaliser};
use crate::verify::identity::{Clock, Doubt, Drafted, Stores, Why, draft};
use lastbell_contract::{Kind, Value};

/// One value as an engine keeps it: the column's kind there and the cell.
type Kept = (Kind, Value);

fn unlike_engines() -> Stores {
    let moscow = Clock { declared: Zone::parse("Europe/Moscow"), setting: None };
    Stores { one_engine: false, source: moscow.clone(), target: moscow }
}

fn drafted(old: Kind, new: Kind, stores: &Stores) -> Drafted {
    let side = |kind| table("t", &["id"], &[("id", Kind::Int), ("x", kind)]);
    draft("t", &side(old), &side(new), stores)
}

/// Whether the draft takes the two for the same value.
fn same(old: &Kept, new: &Kept) -> bool {
    let stores = unlike_engines();
    let store = |(kind, value): &Kept| {
        Store::default().with("t", &["id"], &[("id", Kind::Int), ("x", *kind)], vec![vec![int(1), value.clone()]])
    };
    let drafted = drafted(old.0, new.0, &stores);
    assert_eq!(drafted.unbridged, Vec::<String>::new(), "{:?} and {:?} meet", old.0, new.0);
    let yaml = serde_yaml::to_string(&drafted.mapping).unwrap();
    let (old, new) = (store(old), store(new));
    compiled(&yaml, &old, &new);
    let seen = verify(&yaml, &old, &new).counts;
    assert!(
        seen == counts([1, 0, 0, 0, 0, 0]) || seen == counts([0, 0, 1, 0, 0, 0]),
        "one row, equal or different: {seen:?}"
    );
    seen.matched == 1
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.into())
}

/// One value as the engines keep it, the typed form first, to which all others are compared; then other values.
fn meanings() -> Vec<(&'static str, Vec<Kept>, Vec<Kept>)> {
    let day = 86_400_000_000;
    let uuid: [u8; 16] = std::array::from_fn(|i| i as u8 * 0x11);
    vec![
        (
            "bool, tinyint, BOOLEAN, Y/N",
            vec![(Kind::Bool, Value::Bool(true)), (Kind::Int, int(1)), (Kind::Bool, int(1)), (Kind::Text, text("Y"))],
            vec![
                (Kind::Bool, Value::Bool(false)),
                (Kind::Int, int(2)),
                (Kind::Bool, Value::Null),
                (Kind::Text, text("N")),
            ],
        ),
        (
            "integer, bigint unsigned, numeric, TEXT, a column without a type",
            vec![(Kind::Int, int(7)), (Kind::Text, text("7")), (Kind::Unknown, int(7)), (Kind::Unknown, text("7"))],
            vec![
                (Kind::Int, int(8)),
                (Kind::Text, text("007")),
                (Kind::Unknown, Value::Null),
                (Kind::Unknown, text("7.0")),
            ],
        ),
        (
            "numeric, DECIMAL, REAL, integer, TEXT",
            vec![
                (Kind::Decimal, decimal("1250.50")),
                (Kind::Decimal, Value::Float(1250.5)),
                (Kind::Float, Value::Float(1250.5)),
                (Kind::Text, text("1250.5")),
            ],
            vec![
                (Kind::Decimal, decimal("1250.51")),
                (Kind::Decimal, Value::Float(1_250.499_999)),
                (Kind::Float, Value::Float(1250.0)),
                (Kind::Text, text("1250,5")),
            ],
        ),
        (
            "numeric(20), bigint unsigned",
            vec![(Kind::Decimal, decimal("18446744073709551615")), (Kind::Int, int(18_446_744_073_709_551_615))],
            vec![(Kind::Decimal, decimal("18446744073709551614")), (Kind::Int, int(18_446_744_073_709_551_614))],
        ),
        (
            "enum, set, varchar, citext",
            vec![
                (Kind::Text, text("FIXED")),
                (Kind::Text, text("FIXED")),
                (Kind::Bytes, Value::Bytes(b"FIXED".to_vec())),
            ],
            vec![
                (Kind::Text, text("fixed")),
                (Kind::Text, text("FIXED ")),
                (Kind::Bytes, Value::Bytes(b"FIXE".to_vec())),
            ],
        ),
        (
            "date, DATE in SQLite, TEXT, DATETIME, BLOB",
            vec![
                (Kind::Date, Value::Date(19_782)),
                (Kind::Date, text("2024-02-29")),
                (Kind::Text, text("2024-02-29")),
                (Kind::LocalDateTime, Value::LocalDateTime(19_782 * day)),
                (Kind::LocalDateTime, text("2024-02-29 00:00:00")),
            ],
            vec![
                (Kind::Date, Value::Date(19_783)),
                (Kind::Date, text("2024-02-28")),
                (Kind::Text, text("29.02.2024")),
                (Kind::LocalDateTime, Value::LocalDateTime(19_782 * day + 1)),
                (Kind::LocalDateTime, text("2024-02-29 00:01:00")),
            ],
        ),
        (
            "a date that is none",
            vec![(Kind::Date, Value::Invalid(Kind::Date, b"0000-00-00".to_vec())), (Kind::Date, text("0000-00-00"))],
            vec![(Kind::Date, Value::Null), (Kind::Date, text("2024-00-10"))],
        ),
        (
            "time, TIME, TEXT",
            vec![
                (Kind::Time, Value::Time(32_400_000_000)),
                (Kind::Time, text("09:00:00")),
                (Kind::Text, text("09:00")),
                (Kind::Bytes, Value::Bytes(b"09:00:00".to_vec())),
            ],
            vec![
                (Kind::Time, Value::Time(32_400_000_001)),
                (Kind::Time, text("9 часов")),
                (Kind::Text, text("21:00")),
                (Kind::Bytes, Value::Bytes(vec![9])),
            ],
        ),
        (
            "timestamptz, TIMESTAMP, DATETIME, timestamp in SQLite, TEXT",
            vec![
                (Kind::Instant, Value::Instant(1_277_971_200_000_000)), // 2010-07-01 08:00 UTC
                (Kind::LocalDateTime, Value::LocalDateTime(1_277_985_600_000_000)), // 12:00 in Moscow's summer
                (Kind::LocalDateTime, text("2010-07-01 12:00:00")),
                (Kind::Instant, text("2010-07-01 12:00:00+04:00")),
            ],
            vec![
                (Kind::Instant, Value::Instant(1_277_974_800_000_000)),
                (Kind::LocalDateTime, Value::LocalDateTime(1_277_982_000_000_000)),
                (Kind::LocalDateTime, text("2010-07-01 11:00:00")),
                (Kind::Instant, text("2010-07-01 12:00:00+03:00")),
            ],
        ),
        (
            "uuid, CHAR(36), BINARY(16)",
            vec![
                (Kind::Uuid, Value::Uuid(uuid)),
                (Kind::Uuid, text("00112233-4455-6677-8899-AABBCCDDEEFF")),
                (Kind::Text, text("00112233-4455-6677-8899-aabbccddeeff")),
                (Kind::Uuid, Value::Bytes(uuid.to_vec())),
            ],
            vec![
                (Kind::Uuid, Value::Uuid([0; 16])),
                (Kind::Uuid, text("00112233-4455-6677-8899-AABBCCDDEEFE")),
                (Kind::Text, text("нет")),
                (Kind::Uuid, Value::Bytes(uuid[..15].to_vec())),
            ],
        ),
        (
            "json, jsonb, LONGTEXT",
            vec![
                (Kind::Json, Value::Json(r#"{"b": 1.0, "a": "й"}"#.into())),
                (Kind::Text, text(r#"{"a":"й","b":1}"#)),
                (Kind::Json, text(r#"{"a":"\u0439","b":1}"#)),
                (Kind::Bytes, Value::Bytes(r#"{"a":"й","b":1}"#.into())),
            ],
            vec![
                (Kind::Json, Value::Json(r#"{"b": 1.5, "a": "й"}"#.into())),
                (Kind::Text, text(r#"{"a":"й","b":1"#)),
                (Kind::Json, text(r#"{"a":"й","b":"1"}"#)),
                (Kind::Bytes, Value::Bytes(r#"["a"]"#.into())),
            ],
        ),
        (
            "bytea, BLOB",
            vec![(Kind::Bytes, Value::Bytes(vec![0, 255])), (Kind::Bytes, Value::Bytes(vec![0, 255]))],
            vec![(Kind::Bytes, Value::Bytes(vec![0])), (Kind::Bytes, Value::Bytes(vec![]))],
        ),
    ]
}

#[test]
fn every_pair_of_types_that_hold_one_value_is_drafted_so_that_it_is_one() {
    for (what, equal, unlike) in meanings() {
        let measure = &equal[0];
        for kept in &equal {
            assert!(same(measure, kept) && same(kept, measure), "{what}: {measure:?} is {kept:?}");
        }
        for kept in unlike {
            assert!(!same(measure, &kept) && !same(&kept, measure), "{what}: {measure:?} is not {kept:?}");
        }
    }
}

#[test]
fn what_loses_waits_for_a_person_and_the_rest_does_not() {
    let all = Kind::ALL;
    let loses = |old, new| {
        let doubts = drafted(old, new, &unlike_engines()).doubts;
        doubts.into_iter().next().map(|Doubt { column, why }| (column, why))
    };
    for old in all {
        for new in all {
            let number = |kind| match kind {
                Kind::Decimal => Some(Normaliser::Decimal),
                Kind::Float => Some(Normaliser::Float),
                _ => None, // of all kinds, two lose when they are read from text
            };
            let read_from_text =
                |text, kind| matches!(text, Kind::Text | Kind::Unknown).then(|| number(kind)).flatten();
            let expected = read_from_text(old, new).or_else(|| read_from_text(new, old));
            let expected = expected.map(|normaliser| ("x".to_owned(), Why::Loses(normaliser)));
            assert_eq!(loses(old, new), expected, "{old:?} and {new:?}");
        }
    }
}

#[test]
fn a_moment_and_a_time_are_drafted_with_a_clock_that_is_visible() {
    let zone = |name: &str| Zone::parse(name).unwrap();
    let clock = |declared: Option<&str>, setting: Option<&str>| Clock {
        declared: declared.map(zone),
        setting: setting.map(zone),
    };
    let of = |old, new, source: Clock, target: Clock| {
        let drafted = drafted(old, new, &Stores { one_engine: false, source, target });
        let rule = &drafted.mapping.columns[0];
        assert_eq!(rule.r#as, Some(Normaliser::Instant));
        let doubt = drafted.doubts.into_iter().map(|doubt| doubt.why).next();
        (rule.zone.as_ref().map(ToString::to_string), doubt)
    };
    let (local, moment) = (Kind::LocalDateTime, Kind::Instant);
    let told = |name: &str| Some(name.to_owned());
    // Declared for the store that needs it: exact, nothing to agree to.
    let declared = clock(Some("Asia/Omsk"), Some("UTC"));
    assert_eq!(of(local, moment, declared.clone(), clock(Some("UTC"), None)), (told("Asia/Omsk"), None));
    assert_eq!(of(moment, local, clock(Some("UTC"), None), declared.clone()), (told("Asia/Omsk"), None));
    assert_eq!(of(Kind::Date, moment, declared.clone(), Clock::default()), (told("Asia/Omsk"), None));
    // Else by the setting of the store with the moments, and a person has to agree; UTC when there is none.
    let (open, set) = (clock(None, Some("+05:00")), clock(None, Some("+03:00")));
    assert_eq!(of(local, moment, open.clone(), set.clone()), (told("+03:00"), Some(Why::Clock(zone("+03:00")))));
    assert_eq!(of(moment, local, set, open), (told("+03:00"), Some(Why::Clock(zone("+03:00")))));
    assert_eq!(of(local, moment, Clock::default(), declared.clone()).1, Some(Why::Clock(zone("UTC"))));
    // A text may tell its own zone.
    assert_eq!(of(Kind::Text, moment, Clock::default(), Clock::default()), (None, None));
    assert_eq!(of(Kind::Text, moment, declared.clone(), Clock::default()), (told("Asia/Omsk"), None));
    assert_eq!(of(moment, Kind::Text, declared, Clock::default()), (None, None));
}

#[test]
fn one_engine_needs_no_transform_between_equal_types() {
    let alike = Stores { one_engine: true, ..Stores::default() };
    for kind in [Kind::Decimal, Kind::Bool, Kind::Date, Kind::Time, Kind::LocalDateTime, Kind::Instant, Kind::Uuid] {
        assert_eq!(drafted(kind, kind, &alike).mapping.columns[0].r#as, None, "{kind:?}");
        assert!(drafted(kind, kind, &unlike_engines()).mapping.columns[0].r#as.is_some(), "{kind:?}");
    }
}

#[test]
fn a_key_without_a_doubt_is_taken_before_one_with() {
    let mut old = table("t", &["sum"], &[("sum", Kind::Text), ("at", Kind::LocalDateTime), ("n", Kind::Int)]);
    let new = table("t", &[], &[("sum", Kind::Decimal), ("at", Kind::Instant), ("n", Kind::Int)]);
    old.unique_keys = vec![vec!["n".to_owned()]];
    let drafted = draft("t", &old, &new, &unlike_engines());
    let pair = KeyPair { source: "s.n".into(), target: "t.n".into(), r#as: None, format: None, zone: None };
    assert_eq!(drafted.mapping.key, [pair]);
    assert_eq!(drafted.doubts, [Doubt { column: "sum".into(), why: Why::Loses(Normaliser::Decimal) }]);
    old.unique_keys = vec![vec!["at".to_owned()]];
    let drafted = draft("t", &old, &new, &unlike_engines());
    assert_eq!(drafted.mapping.key[0].zone, Zone::parse("Europe/Moscow"), "a key has its clock, too");
}

#[test]
fn blanks_that_fill_a_char_up_are_not_its_text_and_all_others_are() {
    let typed = |declared: &str, cell: &str| {
        let mut store = Store::default().with(
            "t",
            &["id"],
            &[("id", Kind::Int), ("x", Kind::Text)],
            vec![vec![int(1), text(cell)]],
        );
        store.catalog.tables[0].columns[1].declared_type = declared.to_owned();
        store
    };
    let same = |old: &Store, new: &Store, one_engine: bool| {
        let stores = Stores { one_engine, ..Stores::default() };
        let drafted = draft("t", &old.catalog.tables[0], &new.catalog.tables[0], &stores);
        assert_eq!(drafted.doubts, [], "nothing is lost");
        verify(&serde_yaml::to_string(&drafted.mapping).unwrap(), old, new).counts.matched == 1
    };
    let filled = typed("character(5)", "Аня  ");
    for (declared, cell, one_engine, equal) in [
        ("varchar(5)", "Аня", false, true),
        ("varchar(5)", "Аня ", false, false), // a blank of its own
        ("char(5)", "Аня", false, true),      // MySQL takes them away
        ("TEXT", "Аня\u{a0}", false, false),  // no blank of those
        ("TEXT", "Ан", false, false),
        ("character(8)", "Аня     ", true, true),
        ("character(5)", "Аня  ", true, true),
    ] {
        let other = typed(declared, cell);
        assert_eq!(same(&filled, &other, one_engine), equal, "{declared} {cell:?}");
        assert_eq!(same(&other, &filled, one_engine), equal, "{declared} {cell:?}, the other way");
    }
}
