//! Values of every type come as they stand, on a real server; and whatever breaks a scan is an error, never an end.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use common::{MARIADB, SERVER, location, numbers, raw, reader, rows, store};
use lastbell_contract::{Adapter, ErrorKind, Flow, Kind, Location, Reader, Row, Scan, TableId, Value};
use lastbell_mysql::Mysql;
use lastbell_testkit::servers::{Mariadb, Options};
use mysql::prelude::Queryable;
use std::time::Duration;

const DAY: i64 = 86_400_000_000;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn invalid(kind: Kind, raw: &str) -> Value {
    Value::Invalid(kind, raw.as_bytes().to_vec())
}

/// The one column `v` of the table `t`, in the order of `id`.
fn column(sql: &str) -> Vec<Value> {
    let (_, location) = store(&SERVER, sql);
    let mut found = rows(reader(&location).as_mut(), "t", &["id", "v"]).unwrap();
    found.sort_by_key(|row| match row[0] {
        Value::Int(number) => number,
        _ => panic!("the key is no number"),
    });
    found.into_iter().map(|mut row| row.remove(1)).collect()
}

/// A table of one column of that type, with these expressions as rows.
fn of_type(declared: &str, values: &[&str]) -> Vec<Value> {
    let mode = "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00';";
    let lines: Vec<String> = values.iter().zip(1..).map(|(value, id)| format!("({id}, {value})")).collect();
    column(&format!(
        "{mode} CREATE TABLE t (id INT PRIMARY KEY, v {declared}); INSERT INTO t VALUES {};",
        lines.join(", ")
    ))
}

#[test]
fn integers_of_every_width_and_sign_are_exact() {
    for (declared, values) in [
        ("TINYINT", vec![-128, 127]),
        ("TINYINT(1)", vec![-1, 0, 1, 2]),
        ("TINYINT UNSIGNED", vec![255]),
        ("SMALLINT UNSIGNED", vec![65_535]),
        ("MEDIUMINT", vec![-8_388_608, 8_388_607]),
        ("MEDIUMINT UNSIGNED", vec![16_777_215]),
        ("INT(8) ZEROFILL", vec![42, 4_294_967_295]),
        ("BIGINT", vec![i64::MIN.into(), i64::MAX.into()]),
        ("BIGINT UNSIGNED", vec![0, u64::MAX.into()]),
        ("BIGINT(20) UNSIGNED ZEROFILL", vec![i128::from(i64::MAX) + 1]),
        ("YEAR", vec![0, 1901, 2026, 2155]),
    ] {
        let written: Vec<String> = values.iter().map(i128::to_string).collect();
        let found = of_type(declared, &written.iter().map(String::as_str).collect::<Vec<_>>());
        // YEAR takes the number 0 for the year 0000.
        assert_eq!(found, values.into_iter().map(Value::Int).collect::<Vec<_>>(), "{declared}");
    }
}

#[test]
fn bits_are_numbers() {
    assert_eq!(of_type("BIT(1)", &["b'0'", "b'1'", "NULL"]), [Value::Int(0), Value::Int(1), Value::Null]);
    assert_eq!(of_type("BIT(10)", &["b'1000000001'"]), [Value::Int(513)]);
    assert_eq!(of_type("BIT(64)", &["~0"]), [Value::Int(u64::MAX.into())]);
}

#[test]
fn decimals_keep_every_digit() {
    let longest = format!("{}.{}", "9".repeat(35), "8".repeat(30));
    let found = of_type("DECIMAL(65, 30)", &[&longest, "-0.5", "0"]);
    let zeros = "0".repeat(30);
    let expected = [longest.clone(), format!("-0.5{}", &zeros[1..]), format!("0.{zeros}")];
    assert_eq!(found, expected.map(Value::Decimal));
    assert_eq!(of_type("DECIMAL(8, 2) ZEROFILL", &["12.5"]), [Value::Decimal("12.50".to_owned())]);
}

#[test]
fn floats_come_with_all_their_bits() {
    let found = of_type("FLOAT", &["0.1", "1e20", "-2.5", "16777217"]);
    assert_eq!(found, [0.1_f32, 1e20, -2.5, 16_777_216.0].map(|number| Value::Float(number.into())));
    assert_eq!(of_type("DOUBLE", &["0.1", "1e308", "5e-324"]), [0.1, 1e308, 5e-324].map(Value::Float));
}

#[test]
fn labels_are_text_and_the_label_that_is_none_is_empty() {
    let found = of_type("ENUM('да', 'нет', '')", &["'нет'", "1", "''"]);
    assert_eq!(found, [text("нет"), text("да"), text("")]);
    // Without strictness a wrong label becomes the error value, index 0, which reads as an empty text.
    assert_eq!(of_type("ENUM('a', 'b')", &["'wrong'", "'b'"]), [text(""), text("b")]);
    assert_eq!(of_type("SET('c', 'b', 'a')", &["'a,c'", "''", "'b'"]), [text("c,a"), text(""), text("b")]);
}

#[test]
fn dates_that_are_none_are_told_as_they_stand() {
    let found = of_type(
        "DATE",
        &["'2024-02-29'", "'0000-00-00'", "'2024-00-10'", "'2024-02-31'", "'0009-12-04'", "'9999-12-31'", "NULL"],
    );
    let expected = [
        Value::Date(19_782),
        invalid(Kind::Date, "0000-00-00"),
        invalid(Kind::Date, "2024-00-10"),
        invalid(Kind::Date, "2024-02-31"),
        Value::Date(-715_903),
        Value::Date(2_932_896),
        Value::Null,
    ];
    assert_eq!(found, expected);
}

#[test]
fn moments_are_told_from_dates_also_at_midnight() {
    let found = of_type("DATETIME", &["'2014-09-01 00:00:00'", "'2014-00-00 00:00:00'", "'0000-00-00 00:00:00'"]);
    let expected = [
        Value::LocalDateTime(16_314 * DAY),
        invalid(Kind::LocalDateTime, "2014-00-00 00:00:00"),
        invalid(Kind::LocalDateTime, "0000-00-00 00:00:00"),
    ];
    assert_eq!(found, expected);
    let fine = of_type("DATETIME(6)", &["'1969-12-31 23:59:59.999999'", "'2014-00-01 01:02:03.000004'"]);
    assert_eq!(fine, [Value::LocalDateTime(-1), invalid(Kind::LocalDateTime, "2014-00-01 01:02:03.000004")]);
    let instants = of_type("TIMESTAMP(3) NULL", &["'2026-11-24 12:00:00.250'", "'0000-00-00 00:00:00'"]);
    let expected =
        [Value::Instant(20_781 * DAY + DAY / 2 + 250_000), invalid(Kind::Instant, "0000-00-00 00:00:00.000")];
    assert_eq!(instants, expected);
}

#[test]
fn a_timestamp_is_one_moment_whatever_zone_wrote_it() {
    let found = column(
        "CREATE TABLE t (id INT PRIMARY KEY, v TIMESTAMP NULL); SET time_zone = '+03:00';
         INSERT INTO t VALUES (1, '2014-10-26 03:00:00'); SET time_zone = '-11:00';
         INSERT INTO t VALUES (2, '2014-10-25 13:00:00');",
    );
    assert_eq!(found[0], Value::Instant(16_369 * DAY));
    assert_eq!(found[0], found[1]);
}

#[test]
fn a_time_may_be_longer_than_a_day_and_negative() {
    let found = of_type("TIME(6)", &["'838:59:59'", "'-838:59:59'", "'-00:00:00.000001'", "'24:00:00'"]);
    assert_eq!(found, [3_020_399_000_000, -3_020_399_000_000, -1, DAY].map(Value::Time));
}

#[test]
fn bytes_and_padding_are_kept() {
    assert_eq!(of_type("BINARY(4)", &["x'0102'"]), [Value::Bytes(vec![1, 2, 0, 0])]);
    assert_eq!(of_type("VARBINARY(4)", &["x'00ff'", "''"]), [Value::Bytes(vec![0, 255]), Value::Bytes(Vec::new())]);
    assert_eq!(of_type("LONGBLOB", &["REPEAT(x'fe', 300000)"]), [Value::Bytes(vec![0xfe; 300_000])]);
    assert_eq!(of_type("CHAR(4)", &["'a  '"]), [text("a")]);
    assert_eq!(of_type("VARCHAR(4)", &["'a  '"]), [text("a  ")]);
}

#[test]
fn special_types_are_typed() {
    let Value::Bytes(point) = &of_type("POINT", &["ST_GeomFromText('POINT(1 2)')"])[0] else { panic!("no bytes") };
    assert_eq!((point.len(), &point[..5]), (25, &[0, 0, 0, 0, 1][..]));
    // A text that merely holds JSON stays a text.
    assert_eq!(of_type("LONGTEXT", &["'{}'"]), [text("{}")]);
    if !*MARIADB {
        // MySQL keeps JSON parsed and writes it in a form of its own.
        let json = Value::Json(r#"{"a": null, "b": [1, 2]}"#.to_owned());
        assert_eq!(of_type("JSON", &[r#"'{"b": [1,2], "a": null}'"#]), [json]);
        return;
    }
    let uuid = "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'";
    let Value::Uuid(bytes) = of_type("UUID", &[uuid])[0] else { panic!("no uuid") };
    assert_eq!((bytes[0], bytes[15]), (0xa0, 0x11));
    assert_eq!(
        of_type("INET6", &["'2001:db8::1'", "'::ffff:192.0.2.1'"]),
        [text("2001:db8::1"), text("::ffff:192.0.2.1")]
    );
    let json = r#"{"b": [1,  2], "a": "Ё", "a": null}"#;
    assert_eq!(of_type("JSON", &[&format!("'{json}'")]), [Value::Json(json.to_owned())]);
}

#[test]
fn text_of_every_character_set_arrives_as_unicode() {
    for (charset, word) in [
        ("utf8mb4", "Ёлка №1 🔔"),
        ("utf8mb3", "Ёлка №1"),
        ("utf32", "Ёлка 🔔"),
        ("utf16", "Ёлка 🔔"),
        ("ucs2", "Ёлка"),
        ("cp1251", "Ёлка №1"),
        ("koi8r", "Ёлка"),
        ("cp866", "Ёлка"),
        ("latin1", "naïve €"),
        ("ascii", "plain"),
    ] {
        let found = of_type(&format!("VARCHAR(40) CHARACTER SET {charset}"), &[&format!("'{word}'"), "''", "NULL"]);
        assert_eq!(found, [text(word), text(""), Value::Null], "{charset}");
    }
    assert_eq!(of_type("ENUM('Ё') CHARACTER SET cp1251", &["'Ё'"]), [text("Ё")]);
}

#[test]
fn bytes_that_are_no_character_are_never_a_question_mark() {
    // 0x98 is no character of CP1251; the server converts it to `?`, which would look like any other question mark.
    let found = column(
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET cp1251);
         INSERT INTO t VALUES (1, x'cf98'), (2, '?'), (3, x'cfb8');",
    );
    assert_eq!(found, [Value::Invalid(Kind::Text, vec![0xcf, 0x98]), text("?"), text("Пё")]);
    // What a program wrote as CP1251 into a column that says latin1: every byte is a character, the wrong one.
    let mojibake = column(
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET latin1); INSERT INTO t VALUES (1, x'cff0e8');",
    );
    assert_eq!(mojibake, [text("Ïðè")]);
}

#[test]
fn what_looks_like_utf8_and_is_not_keeps_its_bytes() {
    let (name, location) = store(&SERVER, "CREATE TABLE t (id INT PRIMARY KEY, v VARBINARY(36)) ENGINE = MyISAM;");
    SERVER.sql(&name, "INSERT INTO t VALUES (1, x'cfeff1'), (2, 'ok');");
    // The bytes stay when the definition changes beneath them, as after a careless copy of files.
    SERVER.sql(&name, "CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET utf8mb4) ENGINE = MyISAM;");
    SERVER.sql(&name, "FLUSH TABLES;");
    for ending in ["MYD", "MYI"] {
        let folder = SERVER.data_dir().join(&name);
        std::fs::copy(folder.join(format!("t.{ending}")), folder.join(format!("u.{ending}"))).unwrap();
    }
    let found = rows(reader(&location).as_mut(), "u", &["v"]).unwrap();
    assert_eq!(found, [vec![Value::Invalid(Kind::Text, vec![0xcf, 0xef, 0xf1])], vec![text("ok")]]);
}

#[test]
fn long_and_strange_texts_come_whole() {
    let found = of_type(
        "LONGTEXT CHARACTER SET utf8mb4",
        &[
            "REPEAT('ы', 524288)",
            "'a\\0b'",
            "'🔔𝕊'",
            "'\"; DROP TABLE t; -- `'",
            "CONCAT('line', CHAR(13, 10), 'line')",
        ],
    );
    let long = "ы".repeat(524_288);
    assert_eq!(found, [long.as_str(), "a\0b", "🔔𝕊", "\"; DROP TABLE t; -- `", "line\r\nline"].map(text));
}

#[test]
fn computed_and_hidden_columns_are_read() {
    let (_, location) = store(
        &SERVER,
        "CREATE TABLE t (a INT, b INT AS (a + 1) VIRTUAL, c INT AS (a * 2) STORED, d INT DEFAULT 7 INVISIBLE);
         INSERT INTO t (a) VALUES (1);",
    );
    let found = rows(reader(&location).as_mut(), "t", &["d", "c", "b", "a"]).unwrap();
    assert_eq!(found, [[7, 2, 2, 1].map(Value::Int).to_vec()]);
}

#[test]
fn a_partitioned_table_is_read_as_one() {
    let (_, location) = store(
        &SERVER,
        &format!(
            "CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 4;
             INSERT INTO t SELECT seq FROM {};",
            numbers(1000)
        ),
    );
    let mut reader = reader(&location);
    assert_eq!(rows(reader.as_mut(), "t", &["id"]).unwrap().len(), 1000);
    assert_eq!(reader.count(&TableId::plain("t")).unwrap(), 1000);
    assert_eq!(reader.catalog().unwrap().tables.len(), 1);
}

/// A table of so many kilobytes.
fn filled(server: &Mariadb, kilobytes: u32) -> (String, Location) {
    store(
        server,
        &format!(
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(1000)) CHARACTER SET latin1;
             INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM {};",
            numbers(kilobytes)
        ),
    )
}

fn scan(
    reader: &mut dyn Reader,
    mut each: impl FnMut(Vec<Row>) -> Flow,
) -> Result<u64, lastbell_contract::AdapterError> {
    let columns = ["id".to_owned(), "v".to_owned()];
    reader.scan(&Scan::whole(&TableId::plain("t"), &columns), &mut |batch| each(batch.unpacked().collect()))
}

#[test]
fn a_stopped_scan_does_not_read_the_rest() {
    let (_, location) = filled(&SERVER, 60_000);
    let mut reader = reader(&location);
    let mut beside = raw(&SERVER, "");
    let mut sent = || -> u64 {
        let row: (String, String) = beside.query_first("SHOW GLOBAL STATUS LIKE 'Bytes_sent'").unwrap().unwrap();
        row.1.parse().unwrap()
    };
    let before = sent();
    let ended = scan(reader.as_mut(), |_| Flow::Stop).unwrap_err();
    assert_eq!(ended.kind, ErrorKind::Stopped);
    let crossed = sent() - before;
    assert!(crossed < 20_000_000, "{crossed} bytes of 60 MB crossed the line after the stop");
    assert_eq!(reader.count(&TableId::plain("t")).unwrap(), 60_000, "the visit goes on");
}

#[test]
fn a_server_that_dies_in_mid_scan_is_an_error() {
    let server = Mariadb::start(&Options::fast());
    let (_, location) = filled(&server, 20_000);
    let mut reader = reader(&location);
    let ended = scan(reader.as_mut(), |_| {
        server.kill9();
        Flow::Continue
    });
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Unreachable);
}

#[test]
fn a_connection_or_query_that_somebody_kills_is_an_error() {
    let (name, location) = filled(&SERVER, 20_000);
    for (command, kind) in [("KILL CONNECTION", ErrorKind::Unreachable), ("KILL QUERY", ErrorKind::Stopped)] {
        let mut reader = reader(&location);
        let mut done = false;
        let ended = scan(reader.as_mut(), |_| {
            if !std::mem::replace(&mut done, true) {
                let sql = format!(
                    "SELECT id FROM information_schema.PROCESSLIST WHERE db = '{name}' AND command = 'Execute'"
                );
                let id = SERVER.sql("", &sql);
                SERVER.sql("", &format!("{command} {id}"));
            }
            Flow::Continue
        });
        assert_eq!(ended.unwrap_err().kind, kind, "{command}");
    }
}

#[test]
fn a_statement_has_a_time_limit() {
    let (name, _) = filled(&SERVER, 20_000);
    let url = format!("{}&statement-timeout=1", SERVER.url(&name));
    let mut reader = Mysql.open_reader(&Location::parse(&url).unwrap()).unwrap();
    let ended = scan(reader.as_mut(), |_| {
        std::thread::sleep(Duration::from_millis(200));
        Flow::Continue
    });
    let error = ended.unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Busy, Some(if *MARIADB { "1969" } else { "3024" })));
}

#[test]
fn a_lock_of_somebody_else_is_waited_for_and_no_longer() {
    let (name, _) = store(&SERVER, "CREATE TABLE t (id INT PRIMARY KEY, v INT);");
    let mut holder = raw(&SERVER, &name);
    holder.query_drop("LOCK TABLES t WRITE").unwrap();
    let url = format!("{}&lock-timeout=1", SERVER.url(&name));
    let mut reader = Mysql.open_reader(&Location::parse(&url).unwrap()).unwrap();
    let error = scan(reader.as_mut(), |_| Flow::Continue).unwrap_err();
    assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Busy, Some("1205")));
    holder.query_drop("UNLOCK TABLES").unwrap();
    assert_eq!(scan(reader.as_mut(), |_| Flow::Continue), Ok(0));
}

#[test]
fn tables_outside_of_snapshots_are_told() {
    let (_, mixed) =
        store(&SERVER, "CREATE TABLE a (id INT) ENGINE = InnoDB; CREATE TABLE b (id INT) ENGINE = MyISAM;");
    let mut mixed = reader(&mixed);
    let info = mixed.info().unwrap();
    assert!(info.capabilities.snapshot_reads);
    assert!(info.read_footprint.contains(&"outside-snapshot:1".to_owned()), "{:?}", info.read_footprint);
    assert!(mixed.begin().unwrap().id.ends_with(" outside:1"));
    let (_, none) = store(&SERVER, "CREATE TABLE b (id INT) ENGINE = MyISAM;");
    let mut none = reader(&none);
    assert!(!none.info().unwrap().capabilities.snapshot_reads);
    assert_eq!(none.begin().unwrap_err().code.as_deref(), Some("not-transactional"));
}

#[test]
fn a_snapshot_names_its_place_in_the_binary_log() {
    let server = Mariadb::start(&Options::real().set("log_bin", "binlog").set("server_id", "7"));
    server.create_database("diary");
    server.sql("diary", "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1);");
    let mut reader = reader(&location(&server, "diary"));
    let id = reader.begin().unwrap().id;
    assert!(id.contains(" binlog:binlog.00000"), "{id}");
    assert!(!*MARIADB || id.contains(" gtid:0-7-"), "{id}");
}

#[test]
fn a_sample_of_any_key_keeps_to_its_seed() {
    for (key, row) in [
        ("id BIGINT UNSIGNED PRIMARY KEY", "18446744073709551615 - seq * 3"),
        ("id VARCHAR(20) PRIMARY KEY", "CONCAT('№', seq)"),
        ("id INT, n INT DEFAULT 1, PRIMARY KEY (n, id)", "seq"),
        ("id INT", "seq"),
    ] {
        let sql = format!("CREATE TABLE t ({key}); INSERT INTO t (id) SELECT {row} FROM {};", numbers(3000));
        let (_, location) = store(&SERVER, &sql);
        let mut reader = reader(&location);
        let mut take = |seed| {
            let mut shown = Vec::new();
            let scan = Scan { sample: Some((200, seed)), ..Scan::whole(&TableId::plain("t"), &["id".to_owned()]) };
            reader
                .scan(&scan, &mut |batch| {
                    shown.extend(batch.unpacked().map(|mut row| match row.remove(0) {
                        Value::Int(number) => number.to_string(),
                        Value::Text(text) => text,
                        _ => panic!("neither number nor text"),
                    }));
                    Flow::Continue
                })
                .unwrap();
            shown.sort();
            shown
        };
        let first = take(1);
        assert_eq!(first.len(), 200, "{key}");
        assert_eq!(first, take(1), "{key}");
        assert!(first.windows(2).all(|pair| pair[0] != pair[1]), "{key}: a row twice");
        if key.contains("PRIMARY") {
            assert_ne!(first, take(2), "{key}");
        }
    }
}
