//! The keys of a verification and the keyed digests of keys, rows and columns.
//! Reads a case key or a mapping's secret, writes nothing: keys live in memory and are wiped.
//!
//! Keying is not optional: 10^9 SNILS bodies at 58 ns each are tried in 58 seconds on one core, so an unkeyed SHA-256 of a
//! row would give the row away. Both sides of a mapping share its keys. They come from the mapping's secret, not from the
//! case key, so that the platform's keeper can make a receipt for one mapping without holding the key of the case.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a key digest.
pub const KEY_DIGEST_BYTES: usize = 16;
/// Bytes of a row digest.
pub const ROW_DIGEST_BYTES: usize = 32;
/// Bytes of the digest of one column that may change.
pub const COLUMN_DIGEST_BYTES: usize = 8;

type HmacSha256 = Hmac<Sha256>;

/// The digests of one mapping. Each key is held as a started HMAC, so that a row costs no key schedule.
#[derive(Clone)]
pub struct VerifyKeys {
    key: HmacSha256,
    row: HmacSha256,
    column: HmacSha256,
}

/// The secret of one mapping (or one table) under a case key. `label` names it: `mapping:NAME`, `table:NAME`.
#[must_use]
pub fn mapping_secret(case_key: &[u8; 32], label: &str) -> Zeroizing<[u8; 32]> {
    expand(case_key, "lastbell/v1/verify/mapping", label)
}

impl VerifyKeys {
    /// The keys of the mapping called `label` in the case of that key.
    #[must_use]
    pub fn derive(case_key: &[u8; 32], label: &str) -> Self {
        Self::from_secret(&mapping_secret(case_key, label))
    }

    /// The keys that belong to a mapping's secret: what the other side of a receipt uses.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        let start = |purpose| started(&expand(secret, purpose, ""));
        Self {
            key: start("lastbell/v1/verify/key"),
            row: start("lastbell/v1/verify/row"),
            column: start("lastbell/v1/verify/column"),
        }
    }

    /// Appends the digest of a canonical key: HMAC-SHA-256, the first 16 bytes.
    pub fn append_key_digest(&self, canonical: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&digest(&self.key, &[canonical])[..KEY_DIGEST_BYTES]);
    }

    /// Appends the digest of a canonical row: HMAC-SHA-256.
    pub fn append_row_digest(&self, canonical: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&digest(&self.row, &[canonical]));
    }

    /// Appends the digest of one column's canonical value: HMAC-SHA-256 over `position u32 BE | value`, the first 8 bytes.
    /// The position keeps equal values of two columns apart.
    pub fn append_column_digest(&self, position: u32, canonical: &[u8], out: &mut Vec<u8>) {
        let whole = digest(&self.column, &[&position.to_be_bytes(), canonical]);
        out.extend_from_slice(&whole[..COLUMN_DIGEST_BYTES]);
    }
}

impl std::fmt::Debug for VerifyKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VerifyKeys(hidden)")
    }
}

fn digest(started: &HmacSha256, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = started.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn started(key: &[u8; 32]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// HKDF-SHA-256 without salt; info is `purpose | 0x00 | label`. No purpose holds a zero byte, so no two infos meet.
fn expand(key: &[u8; 32], purpose: &str, label: &str) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, key)
        .expand_multi_info(&[purpose.as_bytes(), &[0], label.as_bytes()], out.as_mut())
        .expect("32 bytes are within HKDF's bound of 255 blocks");
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key_digest(keys: &VerifyKeys, canonical: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        keys.append_key_digest(canonical, &mut out);
        out
    }

    #[test]
    fn both_sides_of_a_mapping_share_keys_and_nobody_else_does() {
        let case = [7; 32];
        let source = VerifyKeys::derive(&case, "mapping:marks");
        let platform = VerifyKeys::from_secret(&mapping_secret(&case, "mapping:marks"));
        assert_eq!(key_digest(&source, b"x"), key_digest(&platform, b"x"));
        for other in [VerifyKeys::derive(&case, "mapping:pupils"), VerifyKeys::derive(&[8; 32], "mapping:marks")] {
            assert_ne!(key_digest(&source, b"x"), key_digest(&other, b"x"));
        }
    }

    #[test]
    fn the_three_digests_of_one_text_are_unlike() {
        let keys = VerifyKeys::derive(&[7; 32], "mapping:marks");
        let (mut row, mut first, mut second) = (Vec::new(), Vec::new(), Vec::new());
        keys.append_row_digest(b"x", &mut row);
        keys.append_column_digest(0, b"x", &mut first);
        keys.append_column_digest(1, b"x", &mut second);
        let key = key_digest(&keys, b"x");
        assert_eq!((key.len(), row.len(), first.len()), (16, 32, 8));
        assert!(row[..16] != key[..] && row[..8] != first[..] && first != second);
    }

    #[test]
    fn the_digest_is_the_hmac_of_the_specification() {
        let page = include_str!("../../docs/canonical-values.md");
        let keys = VerifyKeys::derive(&std::array::from_fn(|i| i as u8), "mapping:marks");
        let mut canonical = Vec::new();
        super::super::canonical::append_row(&mut canonical, [lastbell_contract::Value::Int(1)].iter());
        let (mut row, mut column) = (Vec::new(), Vec::new());
        keys.append_row_digest(&canonical, &mut row);
        keys.append_column_digest(0, &canonical[5..], &mut column);
        let secret = mapping_secret(&std::array::from_fn(|i| i as u8), "mapping:marks").to_vec();
        let key = key_digest(&keys, &canonical);
        let leaf = crate::merkle::leaf_hash(&[&key[..], &row].concat()).to_vec();
        for (name, bytes) in [
            ("mapping secret", secret),
            ("canonical row", canonical),
            ("key digest", key),
            ("row digest", row),
            ("column digest", column),
            ("leaf", leaf),
        ] {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(page.contains(&format!("| {name} | `{hex}` |")), "| {name} | `{hex}` |");
        }
    }
}
