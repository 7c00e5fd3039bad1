//! Sealed files: what lies in `work/` and `sealed/` is personal data while its key lives, so it is stored encrypted.
//!
//! Format: `LBSEAL1\n`, 24 bytes nonce, XChaCha20-Poly1305 ciphertext with its tag. The associated data are the case's id
//! and the file's name, so that a file cannot be passed off as another one or carried into another case.

use super::keys::Secret;
use crate::failure::Result;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

const MAGIC: &[u8; 8] = b"LBSEAL1\n";
const NONCE: usize = 24;

/// Encrypts a file's content.
///
/// # Errors
/// `seal-failed` only when the content is beyond what the cipher takes (256 GiB).
pub fn seal(key: &Secret, case: &str, name: &str, nonce: [u8; NONCE], content: &[u8]) -> Result<Vec<u8>> {
    let aad = associated(case, name);
    let sealed = XChaCha20Poly1305::new(key.bytes().into())
        .encrypt(&XNonce::from(nonce), Payload { msg: content, aad: &aad })
        .map_err(|_| failure!(Bug, "seal-failed", path = name))?;
    Ok([MAGIC.as_slice(), &nonce, &sealed].concat())
}

/// Decrypts a file's content.
///
/// # Errors
/// `unseal-failed` when the key is another one, the bytes were changed, or the file belongs to another case or name.
pub fn unseal(key: &Secret, case: &str, name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let broken = || failure!(Refused, "unseal-failed", path = name);
    let body = bytes.strip_prefix(MAGIC.as_slice()).ok_or_else(broken)?;
    let (nonce, sealed) = body.split_first_chunk::<NONCE>().ok_or_else(broken)?;
    let aad = associated(case, name);
    XChaCha20Poly1305::new(key.bytes().into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad })
        .map_err(|_| broken())
}

/// Length-prefixed, so that no two pairs of case and name give the same bytes.
fn associated(case: &str, name: &str) -> Vec<u8> {
    let mut bytes = b"lastbell/v1/sealed".to_vec();
    for part in [case, name] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_file_opens_only_with_its_key_case_and_name() {
        let (key, other) = (Secret::new([7; 32]), Secret::new([8; 32]));
        let sealed = seal(&key, "LB-1", "work/needles", [1; 24], "Иванова".as_bytes()).unwrap();
        assert_eq!(unseal(&key, "LB-1", "work/needles", &sealed).unwrap(), "Иванова".as_bytes());
        assert!(unseal(&other, "LB-1", "work/needles", &sealed).is_err());
        assert!(unseal(&key, "LB-2", "work/needles", &sealed).is_err());
        assert!(unseal(&key, "LB-1", "work/undo", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(unseal(&key, "LB-1", "work/needles", &changed).is_err(), "byte {place}");
            assert!(unseal(&key, "LB-1", "work/needles", &sealed[..place]).is_err(), "cut at {place}");
        }
    }
}
