//! Keyed hashing of the needles: five independent keys out of one, so that a fingerprint tells nothing without it.
//!
//! SipHash-2-4 finds (64 bits, fast enough for every thousandth byte of a disk), HMAC-SHA-256 decides (128 bits). The
//! multiply hash of the quick filter is no pseudo-random function: a few known values would give away its key. So it
//! lives in memory only; on disk its result is masked.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A SipHash key.
type SipKey = (u64, u64);

/// Everything derived from the needle key.
pub(super) struct Keys {
    anchor: SipKey,
    check: SipKey,
    mask: SipKey,
    gram: [u64; 6],
    form: Hmac<Sha256>,
    value: Hmac<Sha256>,
    shard: Hmac<Sha256>,
    /// Shows that a shard was made under this key.
    pub(super) proof: [u8; 16],
}

impl Keys {
    /// Derives all keys.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let part = |label: &str| derive(key, label);
        let [gram_a, gram_b] = [part("gram 6 and 8"), part("gram 16")];
        Self {
            anchor: sip_key(&part("anchor")),
            check: sip_key(&part("check")),
            mask: sip_key(&part("mask")),
            // Odd multipliers keep every bit of the window.
            gram: [
                word(&gram_a, 0),
                word(&gram_a, 1) | 1,
                word(&gram_a, 2),
                word(&gram_a, 3) | 1,
                word(&gram_b, 0),
                word(&gram_b, 1),
            ],
            form: mac_of(&part("form")),
            value: mac_of(&part("value")),
            shard: mac_of(&part("shard")),
            proof: first16(&part("proof")),
        }
    }

    /// Fingerprint of an anchor window (6, 8 or 16 bytes; the length is part of the hash).
    pub(super) fn anchor(&self, window: &[u8]) -> u64 {
        sip(self.anchor, window)
    }

    /// A cheap check of a whole form, so that the expensive one is made on near-certain hits only.
    pub(super) fn check(&self, form: &[u8]) -> u32 {
        (sip(self.check, form) >> 32) as u32
    }

    /// The pad over a fingerprint's place and filter slots. Both inputs are the form's own, so no pad covers two texts.
    pub(super) fn mask(&self, anchor: u64, mac: &[u8; 16]) -> [u64; 3] {
        let mut input = [0; 17];
        input[..8].copy_from_slice(&anchor.to_le_bytes());
        input[8..16].copy_from_slice(&mac[..8]);
        [0, 1, 2].map(|number| {
            input[16] = number;
            sip(self.mask, &input)
        })
    }

    /// The deciding fingerprint of a form.
    pub(super) fn form(&self, form: &[u8]) -> [u8; 16] {
        first16(&finish(self.form.clone(), &[form]))
    }

    /// The identity of a value: equal values, equal identity.
    pub(super) fn value(&self, kind: u8, bytes: &[u8]) -> u64 {
        word(&finish(self.value.clone(), &[&[kind], bytes]), 0)
    }

    /// The seal under a shard's bytes.
    pub(super) fn shard(&self, bytes: &[u8]) -> [u8; 32] {
        finish(self.shard.clone(), &[bytes])
    }

    /// Quick filter: hash of the 6 low bytes.
    #[inline]
    pub(super) fn gram6(&self, window: u64) -> u32 {
        fold((window & 0xFFFF_FFFF_FFFF) ^ self.gram[0], self.gram[1])
    }

    /// Quick filter: hash of 8 bytes.
    #[inline]
    pub(super) fn gram8(&self, window: u64) -> u32 {
        fold(window ^ self.gram[2], self.gram[3])
    }

    /// Quick filter: hash of 16 bytes.
    #[inline]
    pub(super) fn gram16(&self, window: u128) -> u32 {
        fold(window as u64 ^ self.gram[4], (window >> 64) as u64 ^ self.gram[5])
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u32 {
    let product = u128::from(a) * u128::from(b);
    (((product >> 64) as u64 ^ product as u64) >> 32) as u32
}

fn derive(key: &[u8; 32], label: &str) -> [u8; 32] {
    finish(mac_of(key), &[b"lastbell residue 1 ", label.as_bytes()])
}

fn mac_of(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn finish(mut mac: Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn first16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&bytes[..16]);
    first
}

fn word(bytes: &[u8; 32], number: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[number * 8..number * 8 + 8]);
    u64::from_le_bytes(word)
}

fn sip_key(bytes: &[u8; 32]) -> SipKey {
    (word(bytes, 0), word(bytes, 1))
}

/// SipHash-2-4 (Aumasson, Bernstein 2012). The standard library has it, but without a key of one's own.
fn sip(key: SipKey, bytes: &[u8]) -> u64 {
    let mut v = [
        key.0 ^ 0x736f_6d65_7073_6575,
        key.1 ^ 0x646f_7261_6e64_6f6d,
        key.0 ^ 0x6c79_6765_6e65_7261,
        key.1 ^ 0x7465_6462_7974_6573,
    ];
    let (blocks, rest) = bytes.as_chunks::<8>();
    for block in blocks {
        absorb(&mut v, u64::from_le_bytes(*block));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8; // the length modulo 256, as specified
    absorb(&mut v, u64::from_le_bytes(last));
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline]
fn absorb(v: &mut [u64; 4], block: u64) {
    v[3] ^= block;
    round(v);
    round(v);
    v[0] ^= block;
}

#[inline]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siphash_gives_its_published_vectors() {
        let bytes: Vec<u8> = (0..16).collect();
        let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        assert_eq!(sip(key, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(sip(key, &bytes[..8]), 0x93f5_f579_9a93_2462);
        assert_eq!(sip(key, &bytes[..15]), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn another_key_gives_other_fingerprints() {
        let (a, b) = (Keys::new(&[1; 32]), Keys::new(&[2; 32]));
        assert_ne!(a.anchor(b"12345678"), b.anchor(b"12345678"));
        assert_ne!(a.form(b"12345678"), b.form(b"12345678"));
        assert_ne!(a.value(b't', b"12345678"), b.value(b't', b"12345678"));
        assert_ne!(a.gram8(77), b.gram8(77));
        assert_ne!(a.proof, b.proof);
    }
}
