//! Group 7: texts. Letters in one part or two, blanks of every kind, character sets, bytes that are no text, and long ones.

use crate::case::{Case, Expected, Want, Words, all, each, each_with_each, exactly, row};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        every_text(),
        composed(),
        letter_case(),
        blanks(),
        filled(),
        three_bytes(),
        other_sets(),
        mojibake(),
        bad(),
        long(),
        very_long(),
        bytes(),
    ]
}

fn text() -> Words {
    each("text", "text", "TEXT")
}

/// й in two parts, and ё.
const TWO_PARTS: [&str; 2] = ["и\u{306}", "е\u{308}"];

fn every_text() -> Case {
    let texts = [
        "й",
        TWO_PARTS[0],
        "ё",
        TWO_PARTS[1],
        "е",
        "Ё",
        "abc",
        "ABC",
        "abc ",
        "abc\u{a0}",
        " abc",
        "a\u{200d}bc",
        "\u{feff}abc",
        "abc\n",
        "abc\r\n",
        "abc\t",
        "a\\bc",
        "a'bc",
        "👩‍👧",
        "👩👧",
        "?",
        "\u{fffd}",
        "ab\0c",
    ];
    Case::of_cells(7, "every-text", &text(), "", each_with_each(&texts.map(exactly)))
}

fn composed() -> Case {
    let rows = vec![
        row(&exactly("Чайкин й"), &exactly(&format!("Чайкин {}", TWO_PARTS[0])), Want::Declared),
        row(&exactly(TWO_PARTS[1]), &exactly("ё"), Want::Declared),
        row(&exactly("е"), &exactly("ё"), Want::Different),
        row(&exactly("и"), &exactly("й"), Want::Different),
        row(&exactly("e\u{301}"), &exactly("é"), Want::Different),
    ];
    Case::of_cells(7, "letters-in-two-parts", &text(), "", rows).declared("tolerate: [nfc]")
}

fn letter_case() -> Case {
    let rows = vec![
        row(&exactly("Ёлкина"), &exactly("ёЛКИНА"), Want::Declared),
        row(&exactly("Ёлкина"), &exactly("Елкина"), Want::Different),
        row(&exactly("Ёлкина"), &exactly("Ёлкина "), Want::Different),
    ];
    Case::of_cells(7, "letter-case", &text(), "", rows).declared("tolerate: [case]")
}

fn blanks() -> Case {
    let rows = vec![
        row(&exactly("abc  "), &exactly("abc"), Want::Declared),
        row(&exactly("\u{a0}abc"), &exactly("abc\n"), Want::Declared),
        row(&exactly("a bc"), &exactly("a  bc"), Want::Different),
        row(&exactly("a bc"), &exactly("a\u{a0}bc"), Want::Different),
        row(&exactly("abc\u{200d}"), &exactly("abc"), Want::Different),
    ];
    Case::of_cells(7, "blanks-at-the-ends", &text(), "", rows).declared("tolerate: [trim]")
}

/// CHAR(n) is filled up; the blanks are not the text's own. VARCHAR keeps those that it was given.
fn filled() -> Case {
    let types = [each("char(10)", "char(10)", "TEXT"), each("varchar(10)", "varchar(10)", "TEXT")];
    let rows = vec![
        row(&exactly("abc"), &exactly("abc"), Want::Equal),
        row(&exactly("abc"), &exactly("abc "), Want::Different),
        row(&exactly(""), &exactly(""), Want::Equal),
        row(&exactly(" abc"), &exactly("abc"), Want::Different),
        row(&exactly("abc"), &exactly("ABC"), Want::Different),
        row(&all("NULL"), &exactly(""), Want::Different),
    ];
    Case::of_cells_between(7, "char-in-varchar", [&types[0], &types[1]], "as: text", rows)
}

/// What a column of three bytes a letter does to one of four.
fn three_bytes() -> Case {
    let narrow = each("text", "varchar(60) CHARACTER SET utf8mb3", "TEXT");
    let rows = vec![
        row(&exactly("Ёлка №1"), &exactly("Ёлка №1"), Want::Equal),
        row(&exactly("звонок 🔔"), &exactly("звонок ?"), Want::Different),
        row(&exactly("звонок 🔔"), &exactly("звонок "), Want::Different),
    ];
    Case::of_cells_between(7, "three-bytes-a-letter", [&text(), &narrow], "", rows)
}

fn other_sets() -> Case {
    let types = [
        each("text", "varchar(60) CHARACTER SET cp1251", "TEXT"),
        each("text", "varchar(60) CHARACTER SET koi8r", "TEXT"),
    ];
    let rows = vec![
        row(&exactly("Ёлкина Ъ"), &exactly("Ёлкина Ъ"), Want::Equal),
        row(&exactly("Ёлкина"), &exactly("Елкина"), Want::Different),
        row(&exactly("abc"), &exactly("abc "), Want::Different),
    ];
    Case::of_cells_between(7, "one-letter-in-two-sets", [&types[0], &types[1]], "", rows)
}

/// CP1251 read as Latin 1, and UTF-8 encoded twice.
fn mojibake() -> Case {
    let latin = each("text", "varchar(60) CHARACTER SET latin1", "TEXT");
    let rows = vec![
        row(&exactly("При"), &exactly("Ïðè"), Want::Different),
        row(&exactly("п"), &exactly("Ð¿"), Want::Different),
        row(&exactly("Ïðè"), &exactly("Ïðè"), Want::Equal),
    ];
    Case::of_cells_between(7, "mojibake", [&text(), &latin], "", rows)
}

fn bad() -> Case {
    let types = each("text", "varchar(60) CHARACTER SET cp1251", "TEXT");
    let bytes = |hex: &str| {
        each(
            "!a UTF-8 database of PostgreSQL takes no other bytes",
            &format!("x'{hex}'"),
            &format!("CAST(x'{hex}' AS TEXT)"),
        )
    };
    // 0x98 is no character of CP1251; in UTF-8 no text has it behind another ASCII letter.
    let values = [bytes("6198"), bytes("989861"), exactly("?"), exactly("a?"), exactly("a"), all("NULL")];
    Case::of_cells(7, "bytes-that-are-no-text", &types, "", each_with_each(&values))
}

fn many(letters: u32, last: &str) -> Words {
    each(
        &format!("repeat('ы', {letters}) || '{last}'"),
        &format!("REPEAT('ы', {letters}) || '{last}'"),
        &format!("replace(hex(zeroblob({letters})), '00', 'ы') || '{last}'"),
    )
}

/// Around 64 KB.
fn long() -> Case {
    let types = each("text", "longtext", "TEXT");
    let mut rows = vec![row(&many(32_768, ""), &many(32_767, ""), Want::Different)];
    for letters in [32_766, 32_767, 32_768] {
        rows.push(row(&many(letters, "ъ"), &many(letters, "ъ"), Want::Equal));
        rows.push(row(&many(letters, "ъ"), &many(letters, "ь"), Want::Different));
    }
    Case::of_cells(7, "long-texts", &types, "", rows)
}

/// Around 16 MB, where MariaDB's protocol begins another packet. The rows are too long to be held for a second look.
fn very_long() -> Case {
    let types = each("text", "longtext", "TEXT");
    let (short, whole) = (8_388_605, 8_388_607);
    let rows = vec![
        row(&many(short, "ъ"), &many(short, "ъ"), Want::Equal),
        row(&many(whole, "ъ"), &many(whole, "ъ"), Want::Equal),
        row(&many(whole, "ъ"), &many(whole, "ь"), Want::Different),
    ];
    let mut case = Case::of_cells(7, "very-long-texts", &types, "", rows);
    case.mappings[0].expected = Expected::Figures([2, 0, 1, 0, 0, 0], vec![]);
    case
}

fn bytes() -> Case {
    let types = each("bytea", "varbinary(60)", "BLOB");
    let bytes = |hex: &str| each(&format!("decode('{hex}', 'hex')"), &format!("x'{hex}'"), &format!("x'{hex}'"));
    let values =
        [bytes(""), bytes("00"), bytes("0000"), bytes("00ff"), bytes("ff00"), bytes("61"), bytes("6120"), all("NULL")];
    Case::of_cells(7, "bytes", &types, "", each_with_each(&values))
}
