//! One-byte Cyrillic charsets and UTF-16, written only: text in, bytes out.

/// Windows-1251 from 0x80 to 0xBF (the WHATWG's index: 0x98, which stands for nothing, is U+0098). Besides signs of school
/// records these are the letters that UTF-8 turns into when it is misread.
const CP1251_SIGNS: &str = "\
    ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї";

/// KOI8-R from 0x80 to 0xBF (RFC 1489). It has neither «» nor №.
const KOI8R_SIGNS: &str = "\
    ─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{a0}⌡°²·÷═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©";

/// The small letters of KOI8-R from 0xC0 on; the capitals stand 0x20 higher.
const KOI8R_LETTERS: &str = "юабцдефгхийклмнопярстужвьызшэщчъ";

/// Text in windows-1251, or none where a character is not in it.
#[must_use]
pub fn cp1251(text: &str) -> Option<Vec<u8>> {
    text.chars().map(cp1251_byte).collect()
}

/// Text in KOI8-R, or none where a character is not in it.
#[must_use]
pub fn koi8r(text: &str) -> Option<Vec<u8>> {
    text.chars().map(koi8r_byte).collect()
}

/// Text in UTF-16, low byte first.
#[must_use]
pub fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Text in UTF-16, high byte first.
#[must_use]
pub fn utf16be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn cp1251_byte(letter: char) -> Option<u8> {
    match letter {
        '\0'..='\x7f' => Some(letter as u8),
        'А'..='я' => Some((letter as u32 - 'А' as u32 + 0xC0) as u8), // U+0410..U+044F, in the same order
        other => sign(CP1251_SIGNS, other),
    }
}

fn koi8r_byte(letter: char) -> Option<u8> {
    let small = |letter: char| KOI8R_LETTERS.chars().position(|known| known == letter).map(|at| 0xC0 + at as u8);
    match letter {
        '\0'..='\x7f' => Some(letter as u8),
        'а'..='я' => small(letter),
        'А'..='Я' => char::from_u32(letter as u32 + 0x20).and_then(small).map(|byte| byte + 0x20),
        other => sign(KOI8R_SIGNS, other),
    }
}

fn sign(signs: &str, wanted: char) -> Option<u8> {
    signs.chars().zip(0x80_u8..).find(|(known, _)| *known == wanted).map(|(_, byte)| byte)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_own_byte() {
        for encode in [cp1251, koi8r] {
            let mut bytes: Vec<u8> =
                ('А'..='я').chain(['ё', 'Ё']).flat_map(|c| encode(&c.to_string()).unwrap()).collect();
            bytes.sort_unstable();
            bytes.dedup();
            assert_eq!(bytes.len(), 66);
            assert!(bytes.iter().all(|byte| *byte >= 0x80));
        }
    }

    #[test]
    fn known_words_have_known_bytes() {
        assert_eq!(cp1251("Ёж №5").unwrap(), [0xA8, 0xE6, 0x20, 0xB9, 0x35]);
        assert_eq!(koi8r("Привет ё").unwrap(), [0xF0, 0xD2, 0xC9, 0xD7, 0xC5, 0xD4, 0x20, 0xA3]);
        assert_eq!(koi8r("№"), None);
        assert_eq!(cp1251("日"), None);
        assert_eq!(utf16le("Ия"), [0x18, 0x04, 0x4F, 0x04]);
        assert_eq!(utf16be("Ия"), [0x04, 0x18, 0x04, 0x4F]);
    }
}
