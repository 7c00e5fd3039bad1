//! A small real PNG for each pupil, so that a scanner which trusts file headers has something to find. No image crate.

/// Pixels per side: a symmetric pattern of 8 × 8 fields, each 2 pixels wide.
const SIDE: usize = 16;

/// A PNG (true colour, 8 bits, stored without compression) whose pattern and colour follow from `seed`.
pub(super) fn png(seed: u64) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = (SIDE as u32).to_be_bytes();
    let mut header = [side, side].concat();
    header.extend([8, 2, 0, 0, 0]); // depth, colour type, compression, filter, interlace: PNG 3rd edition, 11.2.1
    chunk(&mut bytes, b"IHDR", &header);
    chunk(&mut bytes, b"IDAT", &stored(&pixels(seed)));
    chunk(&mut bytes, b"IEND", &[]);
    bytes
}

fn pixels(seed: u64) -> Vec<u8> {
    let [_, _, _, _, _, red, green, blue] = (seed.rotate_left(17)).to_be_bytes();
    let mut lines = Vec::with_capacity(SIDE * (1 + SIDE * 3));
    for y in 0..SIDE {
        lines.push(0); // filter: none
        for x in 0..SIDE {
            let across = if x < SIDE / 2 { x } else { SIDE - 1 - x };
            let field = (y / 2) * 4 + across / 2;
            lines.extend(if seed >> field & 1 == 1 { [red, green, blue] } else { [240, 240, 240] });
        }
    }
    lines
}

/// zlib with one stored block (RFC 1950, RFC 1951 section 3.2.4).
fn stored(raw: &[u8]) -> Vec<u8> {
    let length = u16::try_from(raw.len()).expect("16 × 16 pixels fit a stored block");
    let mut bytes = vec![0x78, 0x01, 0x01];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(raw);
    bytes.extend(adler32(raw).to_be_bytes());
    bytes
}

fn chunk(bytes: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    bytes.extend(u32::try_from(content.len()).expect("a few hundred bytes").to_be_bytes());
    let start = bytes.len();
    bytes.extend(kind);
    bytes.extend(content);
    let checksum = crc32(&bytes[start..]);
    bytes.extend(checksum.to_be_bytes());
}

fn adler32(raw: &[u8]) -> u32 {
    let (low, high) = raw.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

fn crc32(raw: &[u8]) -> u32 {
    !raw.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "CRC-32 check value");
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398, "Adler-32 known value");
        assert_ne!(png(1), png(2), "two pupils have one picture");
    }
}
