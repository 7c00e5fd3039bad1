//! JSON in one form, for `as: json`: members sorted by name, numbers as exact decimals, strings with the fewest escapes.
//! Reads and writes text. A general parser will not do: serde_json turns `12345678901234567890.1` into a double, so two
//! different numbers would compare equal.

use super::canonical::normal_decimal;
use std::collections::BTreeMap;

/// Nesting beyond this is not read, so that a hostile text cannot exhaust the stack.
const DEPTH_MAX: usize = 128;

/// The one form; `None` when the text is no JSON, repeats a member's name, or nests too deep.
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let mut reader = Reader { rest: text };
    let form = reader.value(DEPTH_MAX)?;
    reader.blanks();
    reader.rest.is_empty().then_some(form)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes a character, with white space before it.
    fn takes(&mut self, letter: char) -> Option<()> {
        self.blanks();
        self.rest = self.rest.strip_prefix(letter)?;
        Some(())
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    fn value(&mut self, depth: usize) -> Option<String> {
        self.blanks();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b'"' => quoted(&self.string()?),
            b'-' | b'0'..=b'9' => self.number(),
            _ => ["true", "false", "null"]
                .iter()
                .find(|word| self.rest.starts_with(**word))
                .map(|word| self.take(word.len()).to_owned()),
        }
    }

    fn object(&mut self, depth: usize) -> Option<String> {
        self.takes('{')?;
        let mut members = BTreeMap::new();
        if self.takes('}').is_none() {
            loop {
                self.blanks();
                let name = self.string()?;
                self.takes(':')?;
                let value = self.value(depth)?;
                if members.insert(name, value).is_some() {
                    return None;
                }
                if self.takes('}').is_some() {
                    break;
                }
                self.takes(',')?;
            }
        }
        let members: Option<Vec<_>> = members.iter().map(|(name, value)| Some(quoted(name)? + ":" + value)).collect();
        Some(format!("{{{}}}", members?.join(",")))
    }

    fn array(&mut self, depth: usize) -> Option<String> {
        self.takes('[')?;
        let mut items = Vec::new();
        if self.takes(']').is_none() {
            loop {
                items.push(self.value(depth)?);
                if self.takes(']').is_some() {
                    break;
                }
                self.takes(',')?;
            }
        }
        Some(format!("[{}]", items.join(",")))
    }

    fn string(&mut self) -> Option<String> {
        let bytes = self.rest.as_bytes();
        (bytes.first() == Some(&b'"')).then_some(())?;
        let mut end = 1;
        while *bytes.get(end)? != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        serde_json::from_str(self.rest.get(..=end)?).ok().inspect(|_: &String| {
            self.take(end + 1);
        })
    }

    fn number(&mut self) -> Option<String> {
        let of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let token = self.take(self.rest.bytes().take_while(of_number).count());
        let digits = token.strip_prefix('-').unwrap_or(token).as_bytes();
        // JSON allows neither a leading zero nor a bare point, both of which the decimal grammar takes.
        let leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
        let bare_point = digits.windows(2).any(|pair| {
            (pair[0] == b'.' && !pair[1].is_ascii_digit()) || (pair[1] == b'.' && !pair[0].is_ascii_digit())
        }) || digits.first() == Some(&b'.')
            || digits.last() == Some(&b'.');
        (!leading_zero && !bare_point).then(|| normal_decimal(token)).flatten()
    }
}

fn quoted(text: &str) -> Option<String> {
    serde_json::to_string(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_meaning_has_one_form() {
        for (a, b) in [
            (r#"{"b": 1.50, "a": [true, null]}"#, r#"{"a":[true,null],"b":1.5}"#),
            (r#""\u0439\/""#, r#""й/""#),
            (r#"1E2"#, "100"),
            (r#"-0.0"#, "0"),
            ("\n[ ]\t", "[]"),
            ("{}", "{ }"),
        ] {
            assert_eq!(canonical(a), canonical(b), "{a}");
            assert!(canonical(a).is_some(), "{a}");
        }
        assert_ne!(canonical("12345678901234567890.1"), canonical("12345678901234567890.2"), "digits beyond a double");
        assert_ne!(canonical(r#"{"a":"1"}"#), canonical(r#"{"a":1}"#));
    }

    #[test]
    fn what_is_no_json_has_no_form() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":1}",
            "01",
            "1.",
            ".5",
            "+1",
            "tru",
            "nul",
            "\"",
            "\"\\",
            "\"\\ud800\"",
            "1 2",
            "'a'",
            "{a:1}",
            "--1",
            "1e",
            "truefalse",
            "\"a\nb\"",
            "-",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
        assert_eq!(canonical(&"[".repeat(1_000_000)), None, "deep nesting");
        let deepest = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(canonical(&deepest).is_some());
    }
}
