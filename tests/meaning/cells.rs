//! Groups 2 to 6: nothing and the texts that look like it, integers, decimals, floats, truth.

use crate::case::{Case, Want, Words, all, each, each_with_each, row};

pub(crate) fn cases() -> Vec<Case> {
    [nothing(), integers(), decimals(), floats(), truths()].concat()
}

fn text() -> Words {
    each("text", "varchar(60)", "TEXT")
}

// ---- group 2

fn nothing() -> Vec<Case> {
    let words = ["NULL", "''", "' '", "'\\N'", "'NULL'", "'null'", "'<null>'", "'0'"].map(all);
    let [null, empty, blank] = ["NULL", "''", "'  '"].map(all);
    vec![
        Case::of_cells(2, "nothing-and-what-looks-like-it", &text(), "", each_with_each(&words)),
        Case::of_cells(
            2,
            "empty-is-null",
            &text(),
            "",
            vec![
                row(&null, &empty, Want::Declared),
                row(&empty, &null, Want::Declared),
                row(&empty, &empty, Want::Equal),
                row(&null, &blank, Want::Different),
                row(&empty, &all("'NULL'"), Want::Different),
            ],
        )
        .declared("tolerate: [empty_is_null]"),
        Case::of_cells(
            2,
            "blank-is-null",
            &text(),
            "",
            vec![
                row(&null, &blank, Want::Declared),
                row(&blank, &empty, Want::Declared),
                row(&all("' a '"), &null, Want::Different),
            ],
        )
        .declared("tolerate: [trim, empty_is_null]"),
    ]
}

// ---- group 3

fn integers() -> Vec<Case> {
    let width = |name, types: Words, values: &[&str]| {
        let values: Vec<Words> = values.iter().map(|value| all(value)).collect();
        Case::of_cells(3, name, &types, "", each_with_each(&values))
    };
    let whole = |mariadb: &str| each("bigint", mariadb, "INTEGER");
    let unsigned = ["0", "9223372036854775807", "9223372036854775808", "18446744073709551614", "18446744073709551615"];
    let quoted = unsigned.map(|digits| each(digits, digits, &format!("'{digits}'")));
    vec![
        width("int-8", each("smallint", "tinyint", "INTEGER"), &["-128", "-1", "0", "1", "127", "NULL"]),
        width("int-8-unsigned", each("smallint", "tinyint unsigned", "INTEGER"), &["0", "127", "128", "255"]),
        width("int-16", each("smallint", "smallint", "INTEGER"), &["-32768", "-1", "0", "32767"]),
        width("int-24", each("integer", "mediumint", "INTEGER"), &["-8388608", "0", "8388607"]),
        width("int-32", each("integer", "integer", "INTEGER"), &["-2147483648", "-1", "0", "2147483647"]),
        width("int-32-unsigned", whole("integer unsigned"), &["2147483647", "2147483648", "4294967295"]),
        width(
            "int-64",
            whole("bigint"),
            &["-9223372036854775808", "-9223372036854775807", "-1", "0", "9223372036854775807"],
        ),
        width("year-and-zerofill", whole("integer(8) unsigned zerofill"), &["0", "42", "2024", "99999999"]),
        width("year", whole("year"), &["1901", "2024", "2155"]),
        Case::of_cells(3, "bits", &whole("bit(10)"), "", {
            let values = ["0", "1", "513", "1023"].map(|value| each(value, &format!("{value} + 0"), value));
            each_with_each(&values)
        }),
        Case::of_cells(
            3,
            "int-64-unsigned",
            &each("numeric(20)", "bigint unsigned", "TEXT"),
            "as: int",
            each_with_each(&quoted),
        ),
        digits_as_text(),
    ]
}

/// `007` and 7: one number, if somebody says that they are numbers; and two texts.
fn digits_as_text() -> Case {
    let seven = all("7");
    let rows = vec![
        row(&all("'007'"), &seven, Want::Declared),
        row(&all("'7'"), &seven, Want::Declared),
        row(&all("'+7'"), &seven, Want::Declared),
        row(&all("'8'"), &seven, Want::Different),
        row(&all("'7.5'"), &seven, Want::Different),
        row(&all("'7 '"), &seven, Want::Different),
        row(&all("'seven'"), &seven, Want::Different),
        row(&all("''"), &all("0"), Want::Different),
        row(&all("NULL"), &all("0"), Want::Different),
    ];
    let types = [text(), each("integer", "integer", "INTEGER")];
    Case::of_cells_between(3, "digits-as-text", [&types[0], &types[1]], "", rows).declared("as: int")
}

// ---- group 4

fn decimals() -> Vec<Case> {
    let wide = each("numeric", "decimal(65,30)", "TEXT");
    let longest = format!("{}.{}", "9".repeat(35), "9".repeat(30));
    let nearly = format!("{}.{}8", "9".repeat(35), "9".repeat(29));
    let quoted = |text: &str| all(&format!("'{text}'"));
    let not_a_number =
        |word: &str| each(&format!("'{word}'"), "!a DECIMAL of MariaDB is always a number", &format!("'{word}'"));
    let values = [
        quoted("1.5"),
        quoted("1.05"),
        quoted("15"),
        quoted("-1.5"),
        quoted("0"),
        quoted("100000000000000000000"),
        quoted(&longest),
        quoted(&nearly),
        quoted("0.000000000000000000000000000001"),
        not_a_number("NaN"),
        not_a_number("Infinity"),
        not_a_number("-Infinity"),
        all("NULL"),
    ];
    let spelled = |one: &str, other: &str| row(&quoted(one), &quoted(other), Want::Equal);
    let spellings = vec![
        spelled("1.5", "1.50"),
        spelled("1.500", "1.5"),
        spelled("-0", "0"),
        spelled("0.00", "-0.000"),
        spelled("100000000000000000000", "1E20"),
        spelled("00012.50", "12.5"),
        row(&quoted("1.5"), &quoted("1.49"), Want::Different),
    ];
    let native = each("numeric(12,4)", "decimal(12,4)", "!SQLite has no exact decimal");
    let fine = ["1.5", "1.5000", "1.5001", "-0.0001", "99999999.9999", "0", "NULL"].map(all);
    let mut own: Vec<_> = fine.iter().map(|value| row(value, value, Want::Equal)).collect();
    own.extend([
        row(&fine[0], &fine[1], Want::Equal),
        row(&fine[1], &fine[2], Want::Different),
        row(&fine[3], &fine[5], Want::Different),
    ]);
    vec![
        Case::of_cells(4, "decimals", &wide, "as: decimal", each_with_each(&values)),
        Case::of_cells(4, "decimals-spelled-otherwise", &wide, "as: decimal", spellings),
        Case::of_cells(4, "decimals-of-a-scale", &native, "", own),
    ]
}

// ---- group 5

fn floats() -> Vec<Case> {
    let double = each("double precision", "double", "REAL");
    let number = |digits: &str| each(&format!("'{digits}'"), digits, digits);
    let endless =
        |word: &str, sqlite: &str| each(&format!("'{word}'"), "!a DOUBLE of MariaDB is always finite", sqlite);
    let values = [
        number("0.1e0"),
        number("0.30000000000000004e0"),
        number("0.3e0"),
        number("1e20"),
        number("1e308"),
        number("-2.5e0"),
        number("5e-324"),
        number("2.2250738585072014e-308"),
        number("0e0"),
        endless("Infinity", "9e999"),
        endless("-Infinity", "-9e999"),
        endless("NaN", "!SQLite stores NULL for NaN"),
        all("NULL"),
    ];
    let zero = number("0e0");
    let minus = each("'-0'", "-0e0", "-0.0");
    let single = each("real", "float", "!SQLite has doubles alone");
    let of_both = vec![
        row(&number("0.1e0"), &number("0.1e0"), Want::Different),
        row(&number("0.5e0"), &number("0.5e0"), Want::Equal),
        row(&number("16777217e0"), &number("16777216e0"), Want::Equal),
        row(&number("16777217e0"), &number("16777217e0"), Want::Different),
        row(&number("0.1e0"), &number("0.10000000149011612e0"), Want::Equal),
    ];
    let singles = ["0.1e0", "0.5e0", "16777216e0", "1e20", "-2.5e0"].map(number);
    vec![
        Case::of_cells(5, "doubles", &double, "", each_with_each(&values)),
        Case::of_cells(
            5,
            "the-zero-below-zero",
            &double,
            "",
            vec![row(&zero, &minus, Want::Equal), row(&minus, &zero, Want::Equal)],
        ),
        Case::of_cells_between(5, "singles-in-doubles", [&single, &double], "", of_both),
        Case::of_cells(5, "singles", &single, "", each_with_each(&singles)),
    ]
}

// ---- group 6

fn truths() -> Vec<Case> {
    let types = each("boolean", "tinyint(1)", "INTEGER");
    let no_number = "!a boolean of PostgreSQL is no number";
    let values = [
        each("true", "1", "1"),
        each("false", "0", "0"),
        each(no_number, "2", "2"),
        each(no_number, "-1", "-1"),
        all("NULL"),
    ];
    let word = |word: &str| all(&format!("'{word}'"));
    let (yes, no) = (each("true", "1", "1"), each("false", "0", "0"));
    let spoken = vec![
        row(&word("Y"), &yes, Want::Declared),
        row(&word("t"), &yes, Want::Declared),
        row(&word("1"), &yes, Want::Declared),
        row(&word("no"), &no, Want::Declared),
        row(&word("F"), &no, Want::Declared),
        row(&word("2"), &yes, Want::Different),
        row(&word("да"), &yes, Want::Different),
        row(&word(""), &no, Want::Different),
        row(&word("Y"), &no, Want::Different),
        row(&all("NULL"), &yes, Want::Different),
    ];
    let bits = each("bit(1)", "bit(1)", "INTEGER");
    let one = [each("B'1'", "b'1'", "1"), each("B'0'", "b'0'", "0"), all("NULL")];
    vec![
        Case::of_cells(6, "truths", &types, "as: bool", each_with_each(&values)),
        Case::of_cells_between(6, "truths-as-words", [&text(), &types], "", spoken).declared("as: bool"),
        Case::of_cells(6, "truths-as-bits", &bits, "as: bool", each_with_each(&one)),
    ]
}
