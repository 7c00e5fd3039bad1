//! Rows of the cases: values of every kind, and comparing rows in which no order is promised.

use crate::setup::{Setup, TableSetup};
use lastbell_contract::{Action, Kind, Row, Value};

/// A value as bytes that are equal exactly when the values are.
fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = value.variant().as_bytes().to_vec();
    bytes.push(b':');
    match value {
        Value::Null => {}
        Value::Int(number) => bytes.extend(number.to_be_bytes()),
        Value::Float(number) => bytes.extend(number.to_bits().to_be_bytes()),
        Value::Bool(truth) => bytes.push(u8::from(*truth)),
        Value::Decimal(text) | Value::Text(text) | Value::Json(text) => bytes.extend(text.as_bytes()),
        Value::Bytes(raw) => bytes.extend(raw),
        Value::Date(count) | Value::Time(count) | Value::LocalDateTime(count) | Value::Instant(count) => {
            bytes.extend(count.to_be_bytes());
        }
        Value::Uuid(raw) => bytes.extend(raw),
        Value::Invalid(kind, raw) => {
            bytes.extend(kind.word().as_bytes());
            bytes.extend(raw);
        }
    }
    bytes
}

/// Rows as a multiset: two of these are equal exactly when the same rows stand in them, each as often.
pub(super) fn sorted(rows: &[Row]) -> Vec<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<Vec<u8>>> = rows.iter().map(|row| row.iter().map(encoded).collect()).collect();
    all.sort_unstable();
    all
}

pub(super) fn int(number: i128) -> Value {
    Value::Int(number)
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Values of a kind that an adapter may get wrong.
pub(super) fn values(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Int => [i64::MIN, -1, 0, 1, i64::MAX].map(|number| Value::Int(number.into())).to_vec(),
        Kind::Decimal => ["0.0000", "-0.0001", "1.5000", "12345678901234567890.1234"]
            .map(|number| Value::Decimal(number.to_owned()))
            .to_vec(),
        Kind::Float => [0.1, -2.5, 1e300, f64::MIN_POSITIVE, 3.0].map(Value::Float).to_vec(),
        Kind::Bool => vec![Value::Bool(true), Value::Bool(false)],
        Kind::Text => {
            ["", " ", "a", "A", "a ", "Ёлка", "0", "007", "NULL", "🔔", "line\nline", "'\"`\\"].map(text).to_vec()
        }
        Kind::Bytes => {
            vec![Value::Bytes(Vec::new()), Value::Bytes((0..=255).collect()), Value::Bytes(b"text".to_vec())]
        }
        Kind::Date => [-25_000, -1, 0, 19_000].map(Value::Date).to_vec(),
        Kind::Time => [0, 1, 43_200_000_000, 86_399_999_999].map(Value::Time).to_vec(),
        Kind::LocalDateTime => [-1, 0, 1_700_000_000_123_456].map(Value::LocalDateTime).to_vec(),
        Kind::Instant => [1_000_000, 1_700_000_000_123_456].map(Value::Instant).to_vec(),
        Kind::Uuid => vec![Value::Uuid([0; 16]), Value::Uuid([0xA5; 16]), Value::Uuid(*b"0123456789abcdef")],
        Kind::Json => ["{}", "[1, 2]", "{\"b\": 1, \"a\": \"Ё\"}"].map(|json| Value::Json(json.to_owned())).to_vec(),
        Kind::Unknown => Vec::new(),
    }
}

/// A pupil as most cases use one: number, name, remark that is NULL, empty or text.
pub(super) fn pupil(number: u32) -> Row {
    let remark = match number % 3 {
        0 => Value::Null,
        1 => text(""),
        _ => text(&format!("remark {number}")),
    };
    vec![int(number.into()), text(&format!("pupil {number}")), remark]
}

pub(super) fn table_of_pupils(name: &str, rows: u32) -> TableSetup {
    TableSetup::new(name)
        .column("id", Kind::Int)
        .column("name", Kind::Text)
        .nullable("remark", Kind::Text)
        .key(&["id"])
        .rows((1..=rows).map(pupil))
}

/// Three tables of pupils without links: `pupils` of 30 rows, `staff` of 20, `rooms` of 10.
pub(super) fn three_tables() -> Setup {
    Setup::of(vec![table_of_pupils("pupils", 30), table_of_pupils("staff", 20), table_of_pupils("rooms", 10)])
}

/// `pupils` of five rows, and `marks` of ten that lead to them; deleting a pupil does `on_delete` to the marks.
pub(super) fn pupils_and_marks(on_delete: Action) -> Setup {
    let marks = TableSetup::new("marks")
        .column("id", Kind::Int)
        .nullable("pupil_id", Kind::Int)
        .column("mark", Kind::Int)
        .key(&["id"])
        .link(&["pupil_id"], "pupils", &["id"], on_delete)
        .rows((1..=10).map(|number| vec![int(number), int(1 + number % 5), int(2 + number % 4)]));
    Setup::of(vec![table_of_pupils("pupils", 5), marks])
}
