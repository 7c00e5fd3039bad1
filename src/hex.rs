//! Lower hexadecimal, the one spelling of digests and wrapped keys in every file.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read};

/// Bytes as text.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

/// Text as bytes; `None` for anything but pairs of lower digits.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None, // a byte
    };
    let pairs = text.as_bytes().as_chunks::<2>();
    pairs.1.is_empty().then(|| pairs.0.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect())?
}

/// SHA-256 as text of all that comes, and how many bytes that were. `each` is asked before every piece: an error ends it.
///
/// # Errors
/// A read that fails, as `failed` puts it, and whatever `each` says.
pub fn sha256_of<E>(
    source: &mut dyn Read,
    failed: &dyn Fn(io::Error) -> E,
    each: &dyn Fn() -> Result<(), E>,
) -> Result<(String, u64), E> {
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        each()?;
        let read = source.read(&mut piece).map_err(failed)?;
        if read == 0 {
            return Ok((encode(&hash.finalize()), bytes));
        }
        hash.update(&piece[..read]);
        bytes += read as u64;
    }
}

/// SHA-256 as text.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_spelling() {
        assert_eq!(encode(&[0, 15, 255]), "000fff");
        assert_eq!(decode("000fff"), Some(vec![0, 15, 255]));
        for other in ["000FFF", "00f", "0g", "é0"] {
            assert_eq!(decode(other), None, "{other}");
        }
    }
}
