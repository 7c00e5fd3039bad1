//! What each normaliser makes equal, what stays different, and what it must not parse.

use super::super::canonical::append_value;
use super::super::transform::{Transform, lossy, lossy_from};
use super::{int, text};
use crate::profile::profile_file::{Normaliser, Tolerance};
use crate::verify::calendar::{DateFormat, parse_instant, parse_iso};
use lastbell_contract::{Batch, Kind, Value};

fn bytes(transform: &Transform, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    append_value(&mut out, &transform.apply(value));
    out
}

fn equal(normaliser: Normaliser, a: &Value, b: &Value) -> bool {
    let transform = Transform::of(normaliser);
    bytes(&transform, a) == bytes(&transform, b)
}

fn tolerant(tolerances: &[Tolerance]) -> Transform {
    Transform::new(None, None, tolerances.iter().copied().collect())
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.into())
}

fn invalid(kind: Kind, raw: &str) -> Value {
    Value::Invalid(kind, raw.as_bytes().to_vec())
}

#[test]
fn one_meaning_in_two_types_is_equal() {
    let uuid = Value::Uuid(std::array::from_fn(|i| (i as u8) * 0x11));
    for (normaliser, a, b) in [
        (Normaliser::Text, int(5), text("5")),
        (Normaliser::Text, decimal("4.50"), text("4.5")),
        (Normaliser::Text, Value::Float(5.0), int(5)),
        (Normaliser::Text, Value::Date(19_782), text("2024-02-29")),
        (Normaliser::Text, Value::Bytes("й".into()), text("й")),
        (Normaliser::Int, text("007"), int(7)),
        (Normaliser::Int, decimal("7.00"), int(7)),
        (Normaliser::Int, text("18446744073709551615"), int(18_446_744_073_709_551_615)),
        (Normaliser::Decimal, Value::Float(0.1), decimal("0.10")),
        (Normaliser::Decimal, int(-3), text("-3.0")),
        (Normaliser::Float, text("1e20"), Value::Float(1e20)),
        (Normaliser::Float, Value::Float(-0.0), int(0)),
        (Normaliser::Bool, int(1), Value::Bool(true)),
        (Normaliser::Bool, text("f"), int(0)),
        (Normaliser::Bytes, text("ab"), Value::Bytes(b"ab".to_vec())),
        (Normaliser::Date, text("2024-02-29 00:00:00.000000"), Value::Date(19_782)),
        (Normaliser::Date, Value::LocalDateTime(19_782 * 86_400_000_000 + 5), Value::Date(19_782)),
        (Normaliser::Date, text("0000-00-00"), invalid(Kind::Date, "0000-00-00")),
        (Normaliser::Date, text("2024-00-10"), invalid(Kind::Date, "2024-00-10")),
        (Normaliser::Datetime, text("1970-01-02T00:00"), Value::Date(1)),
        (Normaliser::Time, text("-838:59:59"), Value::Time(-3_020_399_000_000)),
        (Normaliser::Instant, text("1970-01-01 03:00:00+03"), Value::Instant(0)),
        (Normaliser::Uuid, text("{00112233-4455-6677-8899-AABBCCDDEEFF}"), uuid.clone()),
        (Normaliser::Uuid, Value::Bytes((0..16).map(|i| i * 0x11).collect()), uuid),
        (Normaliser::Json, text(r#"{"b":1.0,"a":"\u0439"}"#), Value::Json(r#"{"a": "й", "b": 1}"#.into())),
        (Normaliser::Digits, text("112-233-445 95"), int(11_223_344_595)),
        (Normaliser::Phone, text("8 (900) 000-12-34"), text("+79000001234")),
        (Normaliser::Phone, int(79_000_001_234), text("900 000 12 34")),
        (Normaliser::Lower, text("ЁЖИК"), text("ёжик")),
        (Normaliser::Hex, text("\\x00FF"), Value::Bytes(vec![0, 255])),
        (Normaliser::Hex, text("0x00ff"), Value::Bytes(vec![0, 255])),
    ] {
        assert!(equal(normaliser, &a, &b), "as {}: {a:?} and {b:?}", normaliser.word());
    }
}

#[test]
fn unlike_meanings_stay_unlike() {
    for (normaliser, a, b) in [
        (Normaliser::Text, text("007"), int(7)),
        (Normaliser::Text, text(""), Value::Null),
        (Normaliser::Int, text("7.5"), int(7)),
        (Normaliser::Int, text(" 7"), int(7)),
        (Normaliser::Int, text("abc"), text("abd")),
        (Normaliser::Decimal, decimal("0.1234"), decimal("0.12")),
        (Normaliser::Decimal, text("4,5"), decimal("4.5")),
        (Normaliser::Float, text("nan"), Value::Float(f64::NAN)),
        (Normaliser::Bool, int(2), Value::Bool(true)),
        (Normaliser::Bool, Value::Null, Value::Bool(true)),
        (Normaliser::Date, text("2024-02-29 10:00:00"), Value::Date(19_782)),
        (Normaliser::Date, text("0000-00-00"), Value::Null),
        (Normaliser::Date, text("0009-12-04"), Value::Null),
        (Normaliser::Date, text("0000-00-00"), invalid(Kind::Date, "2024-00-10")),
        (Normaliser::Date, Value::Instant(0), Value::Date(0)),
        (Normaliser::Datetime, text("1970-01-01 00:00:00.1234567"), Value::LocalDateTime(123_456)),
        (Normaliser::Instant, Value::LocalDateTime(0), Value::Instant(0)),
        (Normaliser::Instant, int(0), Value::Instant(0)),
        (Normaliser::Json, text(r#"{"a":1,"a":2}"#), text(r#"{"a":2}"#)),
        (Normaliser::Digits, text("Иванова"), text("Петрова")),
        (Normaliser::Digits, text("без номера"), text("")),
        (Normaliser::Phone, text("+8 900 000 12 34"), text("8 900 000 12 34")),
        (Normaliser::Phone, text("8 900 000 12 34 доб. 1"), text("8 900 000 12 34")),
        (Normaliser::Phone, text("900 000 12"), text("")),
        (Normaliser::Hex, text("0f0"), Value::Bytes(vec![0x0f])),
        (Normaliser::Uuid, text("0011223344556677-8899-aabbccddeeff--"), Value::Uuid([0; 16])),
    ] {
        assert!(!equal(normaliser, &a, &b), "as {}: {a:?} and {b:?}", normaliser.word());
    }
}

#[test]
fn a_moment_meets_a_clock_by_the_declared_zone_alone() {
    let on = |normaliser, zone: &str| Transform::of(normaliser).on_clock(crate::profile::Zone::parse(zone));
    let local = |text: &str| Value::LocalDateTime(parse_iso(text).unwrap().total_micros().unwrap());
    let moment = |text: &str| Value::Instant(parse_instant(text).unwrap());
    let same = |transform: &Transform, a: &Value, b: &Value| bytes(transform, a) == bytes(transform, b);
    let (moscow, clock) = (on(Normaliser::Instant, "Europe/Moscow"), on(Normaliser::Datetime, "Europe/Moscow"));
    let (summer, at) = (local("2010-07-01 12:00:00"), moment("2010-07-01 08:00:00Z"));
    for told in [text("2010-07-01 12:00:00"), text("2010-07-01 12:00:00+04"), text("2010-07-01T08:00Z"), summer.clone()]
    {
        assert!(same(&moscow, &told, &at), "{told:?}");
    }
    assert!(same(&clock, &summer, &at) && same(&clock, &text("2010-07-01 12:00:00"), &at));
    assert!(same(&moscow, &Value::Date(14_792), &moment("2010-07-01 20:00:00Z")), "a day begins at its midnight");
    assert!(!same(&on(Normaliser::Instant, "+03:00"), &summer, &at), "another clock is another moment");
    assert!(!same(&Transform::of(Normaliser::Instant), &summer, &at), "no clock, no moment");
    assert!(!same(&Transform::of(Normaliser::Datetime), &summer, &at));
    // 2014-10-26 01:30 was twice in Moscow.
    let (twice, hours) = (local("2014-10-26 01:30:00"), ["2014-10-25 21:30:00Z", "2014-10-25 22:30:00Z"].map(moment));
    assert!(hours.iter().all(|hour| !same(&moscow, &twice, hour)), "neither is taken for the one that was meant");
    assert!(hours.iter().all(|hour| same(&clock, &twice, hour)), "declared: both show that time");
    assert!(clock.loses(Kind::Instant) && !moscow.loses(Kind::Instant) && !moscow.loses(Kind::LocalDateTime));
}

#[test]
fn what_cannot_be_parsed_equals_only_its_own_text() {
    for normaliser in [Normaliser::Int, Normaliser::Date, Normaliser::Phone, Normaliser::Uuid, Normaliser::Bool] {
        assert!(equal(normaliser, &text("нет"), &text("нет")), "{}", normaliser.word());
        assert!(!equal(normaliser, &text("нет"), &text("нет ")), "{}", normaliser.word());
        assert!(!equal(normaliser, &text("нет"), &Value::Null), "{}", normaliser.word());
        assert_eq!(Transform::of(normaliser).apply(&Value::Null).as_ref(), &Value::Null, "NULL stays NULL");
    }
}

#[test]
fn without_a_transform_types_count() {
    let plain = Transform::default();
    assert_ne!(bytes(&plain, &int(5)), bytes(&plain, &text("5")));
    assert_ne!(bytes(&plain, &text("<null>")), bytes(&plain, &Value::Null));
    assert_ne!(bytes(&plain, &text("\u{439}")), bytes(&plain, &text("\u{438}\u{306}")));
}

#[test]
fn a_tolerance_hides_what_it_names_and_nothing_else() {
    for (tolerance, a, b) in [
        (Tolerance::Trim, text("Анна \u{a0}\t"), text("Анна")),
        (Tolerance::EmptyIsNull, text(""), Value::Null),
        (Tolerance::Case, text("АННА"), text("анна")),
        (Tolerance::Nfc, text("Е\u{308}жик Зеле\u{308}ныи\u{306} И\u{306}"), text("Ёжик Зелёный Й")),
    ] {
        assert_eq!(bytes(&tolerant(&[tolerance]), &a), bytes(&tolerant(&[tolerance]), &b), "{}", tolerance.word());
        for other in [Tolerance::Trim, Tolerance::EmptyIsNull, Tolerance::Case, Tolerance::Nfc] {
            if other != tolerance {
                assert_ne!(bytes(&tolerant(&[other]), &a), bytes(&tolerant(&[other]), &b), "{}", other.word());
            }
        }
    }
    let both = tolerant(&[Tolerance::Trim, Tolerance::EmptyIsNull]);
    assert_eq!(both.apply(&text("  ")).as_ref(), &Value::Null, "blanks are empty once they are trimmed");
    assert_ne!(bytes(&tolerant(&[Tolerance::Nfc]), &text("е")), bytes(&tolerant(&[Tolerance::Nfc]), &text("ё")));
    let dated = Transform::new(Some(Normaliser::Date), None, [Tolerance::EmptyIsNull].into());
    assert_eq!(dated.apply(&text("")).as_ref(), &Value::Null, "an empty text is NULL before it is parsed");
}

#[test]
fn a_declared_form_of_dates_is_read_and_iso_still_is() {
    let form = |form: &str| Transform::new(Some(Normaliser::Date), DateFormat::parse(form), [].into());
    let russian = form("%d.%m.%Y");
    for given in ["29.02.2024", "2024-02-29"] {
        assert_eq!(russian.apply(&text(given)).as_ref(), &Value::Date(19_782), "{given}");
    }
    assert_eq!(russian.apply(&text("02/29/2024")).as_ref(), &invalid(Kind::Date, "02/29/2024"));
    let cutting = form("%Y-%m-%d %H:%M:%S");
    assert_eq!(cutting.apply(&text("2024-02-29 10:00:00")).as_ref(), &Value::Date(19_782));
    assert!(cutting.loses(Kind::Text) && !russian.loses(Kind::Text), "cutting a time off is a loss that is printed");
}

#[test]
fn losses_are_known() {
    assert!(lossy(Normaliser::Digits) && lossy(Normaliser::Lower) && lossy(Normaliser::Date) && lossy(Normaliser::Int));
    assert!(!lossy(Normaliser::Text) && !lossy(Normaliser::Phone) && !lossy(Normaliser::Json));
    assert!(lossy_from(Kind::Text, Normaliser::Int) && !lossy_from(Kind::Decimal, Normaliser::Int));
    assert!(lossy_from(Kind::LocalDateTime, Normaliser::Date) && !lossy_from(Kind::Date, Normaliser::Date));
}

/// What is passed on without being looked at is what would have come out: every normaliser, on a cell of every kind.
#[test]
fn a_cell_that_passes_untouched_has_the_bytes_of_its_transform() {
    let cells: Vec<Value> = vec![
        Value::Null,
        int(0),
        int(-7),
        decimal("-1.50"),
        Value::Float(-0.0),
        Value::Bool(true),
        text(""),
        text(" Ёж "),
        text("и\u{306}"),
        text("7"),
        Value::Bytes(vec![0, 255]),
        Value::Date(-1),
        Value::Time(-1),
        Value::LocalDateTime(1),
        Value::Instant(1),
        Value::Uuid([7; 16]),
        Value::Json(r#"{"b":1.0,"a":2}"#.into()),
        invalid(Kind::Date, "0000-00-00"),
    ];
    let every = [Tolerance::Trim, Tolerance::EmptyIsNull, Tolerance::Case, Tolerance::Nfc];
    let words = [
        "text", "int", "decimal", "float", "bool", "bytes", "date", "time", "datetime", "instant", "uuid", "json",
        "digits", "phone", "lower", "hex",
    ];
    let normalisers =
        words.map(|word| Some(serde_yaml::from_str::<Normaliser>(word).unwrap())).into_iter().chain([None]);
    let mut passed = 0;
    for normaliser in normalisers {
        for (tolerances, filled) in [(&[][..], false), (&[], true), (&every, false), (&every[..1], true)] {
            let transform = Transform::new(normaliser, None, tolerances.iter().copied().collect()).of_filled(filled);
            let batch: Batch = cells.iter().map(|cell| vec![cell.clone()]).collect();
            for (row, value) in batch.rows().zip(&cells) {
                let cell = row.cells().next().unwrap();
                let Some(tag) = transform.passes(cell.tag()) else { continue };
                passed += 1;
                let whole = [&[tag], &cell.framed()[1..]].concat();
                assert_eq!(whole, bytes(&transform, value), "{transform:?} on {value:?}");
            }
        }
    }
    assert!(passed > 80, "only {passed} cells pass: the quick way is not taken any more");
}
