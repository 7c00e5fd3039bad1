//! Takes escapes out of text on the fly: `\u0438`, `\"`, `\n`… of JSON and SQL dumps.
//!
//! Six bytes of an escape carry one letter, so windows of escaped text are few and hot; and upper or lower case, doubled
//! backslashes and mixed text would multiply the forms. Instead the neighbourhood of each escape is unescaped and searched
//! as UTF-8. Reads bytes, writes bytes and where each came from.

use std::ops::Range;

/// An unescaped form is at most 128 bytes, so the escapes of one hit lie at most so far apart (16: an escape itself).
const REACH: usize = 128 + 16;
/// The most bytes that a searched value takes when every character is written as `\\u0041`.
pub(super) const LONGEST_ESCAPED: usize = 1024;

/// Text without its escapes.
#[derive(Default)]
pub(super) struct Unescaped {
    pub(super) bytes: Vec<u8>,
    /// Where each byte began; one more entry than bytes.
    from: Vec<usize>,
}

impl Unescaped {
    /// Where the bytes stood; none if no escape was among them.
    pub(super) fn origin(&self, span: Range<usize>) -> Option<Range<usize>> {
        let origin = self.from[span.start]..self.from[span.end];
        (origin.len() != span.len()).then_some(origin)
    }

    fn push(&mut self, byte: u8, from: usize) {
        self.bytes.push(byte);
        self.from.push(from);
    }

    /// Unescapes `text[stretch]`; places are those in `text`.
    pub(super) fn fill(&mut self, text: &[u8], stretch: Range<usize>) {
        self.bytes.clear();
        self.from.clear();
        let end = stretch.end;
        let (text, mut at) = (&text[..end], stretch.start);
        while at < end {
            at = if text[at] == b'\\' { self.escape(text, at) } else { self.literal(text, at) };
        }
        self.from.push(end);
    }

    fn literal(&mut self, text: &[u8], at: usize) -> usize {
        self.push(text[at], at);
        at + 1
    }

    /// Doubled backslashes (JSON inside JSON) are taken as one.
    fn escape(&mut self, text: &[u8], at: usize) -> usize {
        let after = run_end(text, at);
        let plain = match text.get(after) {
            Some(b'u') => {
                if let Some((letter, end)) = letter(text, after) {
                    let mut utf8 = [0; 4];
                    letter.encode_utf8(&mut utf8).bytes().for_each(|byte| self.push(byte, at));
                    return end;
                }
                None
            }
            Some(b'n') => Some(b'\n'),
            Some(b'r') => Some(b'\r'),
            Some(b't') => Some(b'\t'),
            Some(b'b') => Some(8),
            Some(b'f') => Some(12),
            Some(sign @ (b'"' | b'\'' | b'/')) => Some(*sign),
            Some(_) | None => None,
        };
        if let Some(byte) = plain {
            self.push(byte, at);
            return after + 1;
        }
        (0..((after - at) / 2).max(1)).for_each(|_| self.push(b'\\', at));
        after
    }
}

/// The next stretch with escapes at or after `at`, and where to go on looking.
pub(super) fn next_stretch(text: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let first = next_escape(text, at)?;
    let (start, mut last) = (first.start.saturating_sub(REACH), first);
    while let Some(next) = next_escape(&text[..text.len().min(last.end + REACH)], last.end) {
        last = next;
    }
    Some((start..text.len().min(last.end + REACH), last.end))
}

/// The next escape that could stand inside a value.
fn next_escape(text: &[u8], mut at: usize) -> Option<Range<usize>> {
    loop {
        let start = find_backslash(text, at)?;
        let after = run_end(text, start);
        let length = match text.get(after) {
            Some(b'u') => usize::from(unit(text, after).is_some()) * 5,
            Some(b'n' | b'r' | b't' | b'"' | b'\'' | b'/') => 1,
            Some(_) | None => 0,
        };
        if length > 0 || after - start > 1 {
            return Some(start..after + length);
        }
        at = after;
    }
}

fn run_end(text: &[u8], start: usize) -> usize {
    start + text[start..].iter().take_while(|byte| **byte == b'\\').count()
}

/// Eight bytes at a time: the classic test for a zero byte.
fn find_backslash(text: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let rest = text.get(from..)?;
    let (words, _) = rest.as_chunks::<8>();
    let clean = words
        .iter()
        .take_while(|word| {
            let zeroed = u64::from_le_bytes(**word) ^ (ONES * 0x5C);
            zeroed.wrapping_sub(ONES) & !zeroed & (ONES << 7) == 0
        })
        .count();
    rest[clean * 8..].iter().position(|byte| *byte == b'\\').map(|at| from + clean * 8 + at)
}

/// The character of `u0438` at `at`, or of a surrogate pair, and where it ends.
fn letter(text: &[u8], at: usize) -> Option<(char, usize)> {
    let first = unit(text, at)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first).map(|letter| (letter, at + 5));
    }
    let second_at = run_end(text, at + 5);
    let second = unit(text, second_at).filter(|unit| (0xDC00..0xE000).contains(unit) && second_at > at + 5)?;
    char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).map(|letter| (letter, second_at + 5))
}

fn unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 5)?.strip_prefix(b"u")?;
    digits.iter().try_fold(0, |unit, byte| char::from(*byte).to_digit(16).map(|digit| unit * 16 + digit))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn unescaped(text: &str) -> String {
        let mut out = Unescaped::default();
        out.fill(text.as_bytes(), 0..text.len());
        String::from_utf8(out.bytes).unwrap()
    }

    #[test]
    fn escapes_become_letters() {
        assert_eq!(unescaped(r#"a\u0418\u044Fb\"\n\/"#), "aИяb\"\n/");
        assert_eq!(unescaped(r"\\u0418\\n"), "И\n");
        assert_eq!(unescaped(r"\ud83d\ude00"), "😀");
        assert_eq!(unescaped(r"\u04 \x \ud83d"), r"\u04 \x \ud83d");
    }

    #[test]
    fn a_backslash_is_found_at_every_place() {
        for at in 0..40 {
            let mut text = vec![b'['; 40];
            text[at] = b'\\';
            assert_eq!(find_backslash(&text, 0), Some(at));
            assert_eq!(find_backslash(&text, at), Some(at));
            assert_eq!(find_backslash(&text, at + 1), None);
        }
    }
}
