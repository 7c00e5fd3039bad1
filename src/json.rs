//! Canonical JSON: the only form in which a machine file may stand.
//!
//! Keys sorted by their bytes, no white space, no floats, integers within ±(2^53 − 1) (measured: two JCS crates silently
//! rounded larger ones). A reader accepts bytes only when writing them again gives the same bytes; that refuses duplicate
//! keys, other number forms, white space and unknown escapes in one stroke.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// 2^53 − 1.
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why bytes or a value are not canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCanonical {
    /// Not JSON at all, or not of the expected shape.
    Shape,
    /// JSON, but written differently from its canonical form.
    Form,
    /// Holds a float or an integer beyond 2^53 − 1.
    Number,
}

/// The canonical bytes of a value, without a newline.
///
/// # Errors
/// `Number` for floats and large integers, `Shape` for maps whose keys are not strings.
pub fn to_canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, NotCanonical> {
    let value = serde_json::to_value(value).map_err(|_| NotCanonical::Shape)?;
    check_numbers(&value)?;
    // serde_json's map is a BTreeMap here (feature preserve_order is off), so keys come out sorted by their bytes.
    serde_json::to_vec(&value).map_err(|_| NotCanonical::Shape)
}

/// Reads canonical bytes.
///
/// # Errors
/// See [`NotCanonical`].
pub fn from_canonical<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotCanonical> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| NotCanonical::Shape)?;
    check_numbers(&value)?;
    if serde_json::to_vec(&value).map_err(|_| NotCanonical::Shape)? != bytes {
        return Err(NotCanonical::Form);
    }
    serde_json::from_value(value).map_err(|_| NotCanonical::Shape)
}

fn check_numbers(value: &Value) -> Result<(), NotCanonical> {
    match value {
        Value::Number(number) => {
            let fits = number.as_u64().is_some_and(|n| n <= INTEGER_MAX)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX);
            if fits { Ok(()) } else { Err(NotCanonical::Number) }
        }
        Value::Array(items) => items.iter().try_for_each(check_numbers),
        Value::Object(map) => map.values().try_for_each(check_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_read() {
        let read = |text: &str| from_canonical::<Value>(text.as_bytes()).map(|_| ());
        assert_eq!(read(r#"{"a":1,"b":"я"}"#), Ok(()));
        for (text, why) in [
            (r#"{"b":1,"a":1}"#, NotCanonical::Form),
            (r#"{"a":1,"a":1}"#, NotCanonical::Form),
            (r#"{"a": 1}"#, NotCanonical::Form),
            (r#"{"a":"\u044f"}"#, NotCanonical::Form),
            (r#"{"a":1.0}"#, NotCanonical::Number),
            (r#"{"a":9007199254740992}"#, NotCanonical::Number),
            (r#"{"a":1"#, NotCanonical::Shape),
            ("{\"a\":1}\n", NotCanonical::Form),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }
}
