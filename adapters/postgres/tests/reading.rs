//! Values of every type come as they are stored, under whatever settings a database has; an unknown type is refused by its
//! name; a scan that does not reach the end of its table is an error.
#![allow(clippy::unwrap_used)]

mod common;

use common::{all_rows, code, column, database, failed, in_schema, open, reader, rows, server, table, text};
use lastbell_contract::{ErrorKind, Flow, Kind, Scan, Value};
use std::time::{Duration, Instant};

/// One column of a type with values, and what they are read as.
fn cells(of_type: &str, written: &[&str], expected: &[Value]) {
    let values: Vec<String> = written.iter().enumerate().map(|(id, text)| format!("({id}, {text})")).collect();
    let database = database(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, cell {of_type}); INSERT INTO t VALUES {}",
        values.join(", ")
    ));
    assert_eq!(shown(&column(&database, "t", "cell")), shown(expected), "{of_type}");
    let kinds: Vec<Kind> =
        common::catalog(&database).table(&table("t")).unwrap().columns.iter().map(|c| c.kind).collect();
    for value in expected {
        let fits = matches!(value, Value::Null | Value::Invalid(..)) || value.variant() == kinds[1].word();
        assert!(fits, "{of_type}: {} in a column of kind {:?}", value.variant(), kinds[1]);
    }
}

/// Values with their content, for a failure's message: everything here is invented.
fn shown(values: &[Value]) -> Vec<String> {
    let show = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        Value::Int(number) => format!("int {number}"),
        Value::Decimal(text) => format!("decimal {text}"),
        Value::Float(number) => format!("float {number:?} {:x}", number.to_bits()),
        Value::Bool(yes) => format!("bool {yes}"),
        Value::Text(text) => format!("text {text:?}"),
        Value::Bytes(raw) => format!("bytes {raw:?}"),
        Value::Date(days) => format!("date {days}"),
        Value::Time(micros) => format!("time {micros}"),
        Value::LocalDateTime(micros) => format!("datetime {micros}"),
        Value::Instant(micros) => format!("instant {micros}"),
        Value::Uuid(raw) => format!("uuid {raw:?}"),
        Value::Json(text) => format!("json {text}"),
        Value::Invalid(kind, raw) => format!("invalid {} {:?}", kind.word(), String::from_utf8_lossy(raw)),
    };
    values.iter().map(show).collect()
}

fn invalid(kind: Kind, raw: &str) -> Value {
    Value::Invalid(kind, raw.as_bytes().to_vec())
}

#[test]
fn numbers() {
    cells("smallint", &["-32768", "32767", "NULL"], &[Value::Int(-32768), Value::Int(32767), Value::Null]);
    cells("int", &["-2147483648", "0"], &[Value::Int(-2_147_483_648), Value::Int(0)]);
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    cells("bigint", &["-9223372036854775808", "9223372036854775807"], &[Value::Int(least), Value::Int(most)]);
    cells("oid", &["0", "4294967295"], &[Value::Int(0), Value::Int(4_294_967_295)]);
    cells("boolean", &["true", "false", "NULL"], &[Value::Bool(true), Value::Bool(false), Value::Null]);
    // Version 14 brought infinite ones.
    let infinite: &[&str] = if common::major() >= 14 { &["Infinity", "-Infinity"] } else { &[] };
    let decimals = [
        &["0", "0.00", "-0.0001", "1.50", "10000", "9999.9999", "100000000.000000001", "NaN"][..],
        &["12345678901234567890123456789012345678901234567890123456789012345.678"],
        &["0.00000000000000000000000000000000000000000000000000000000000000001"][..],
        infinite,
    ]
    .concat();
    let written: Vec<String> = decimals.iter().map(|text| format!("'{text}'")).collect();
    let written: Vec<&str> = written.iter().map(String::as_str).collect();
    let read: Vec<Value> = decimals.iter().map(|text| Value::Decimal((*text).to_owned())).collect();
    cells("numeric", &written, &read);
    cells("numeric(8,3)", &["1.5"], &[Value::Decimal("1.500".to_owned())]);
    cells(
        "numeric",
        &["1e20", "1e-9"],
        &[Value::Decimal("100000000000000000000".to_owned()), Value::Decimal("0.000000001".to_owned())],
    );
    let floats = [0.1, -0.0, 1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY];
    cells(
        "double precision",
        &["0.1", "'-0'", "1e300", "5e-324", "'Infinity'", "'-Infinity'"],
        &floats.map(Value::Float),
    );
    cells(
        "real",
        &["0.1", "1e-45", "'Infinity'"],
        &[Value::Float(f64::from(0.1_f32)), Value::Float(f64::from(1e-45_f32)), Value::Float(f64::INFINITY)],
    );
    let database =
        database("CREATE TABLE t (id int, cell float8, four float4); INSERT INTO t VALUES (1, 'NaN', 'NaN')");
    for name in ["cell", "four"] {
        assert!(matches!(column(&database, "t", name)[0], Value::Float(number) if number.is_nan()), "{name}");
    }
    cells("money", &["1234.5"], &[text("$1,234.50")]);
}

#[test]
fn texts() {
    let words = ["''", "' a '", "'Ёлка'", "'🔔𝕊'", "E'a\\tb\\nc\\\\d'", "'NULL'"];
    let read = ["", " a ", "Ёлка", "🔔𝕊", "a\tb\nc\\d", "NULL"].map(text);
    cells("text", &words, &read);
    cells("varchar(20)", &words, &read);
    cells("char(5)", &["'ab'", "''"], &[text("ab   "), text("     ")]);
    cells("\"char\"", &["'x'", "''"], &[text("x"), text("\0")]);
    cells("name", &["'имя'"], &[text("имя")]);
    cells("text COLLATE \"C\"", &["'a'"], &[text("a")]);
    cells("xml", &["'<a>ё</a>'"], &[text("<a>ё</a>")]);
    cells("bytea", &["''", "'\\x00ff'"], &[Value::Bytes(vec![]), Value::Bytes(vec![0, 255])]);
    cells(
        "uuid",
        &["'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'"],
        &[Value::Uuid([
            0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11,
        ])],
    );
    cells("json", &["'{\"b\": 1,  \"a\":1, \"a\":2}'"], &[Value::Json("{\"b\": 1,  \"a\":1, \"a\":2}".to_owned())]);
    cells("jsonb", &["'{\"b\": 1.50,  \"a\":1, \"a\":2}'"], &[Value::Json("{\"a\": 2, \"b\": 1.50}".to_owned())]);
}

#[test]
fn days_and_moments() {
    cells(
        "date",
        &["'1970-01-01'", "'0001-01-01'", "'9999-12-31'", "'infinity'", "'-infinity'", "'0044-03-15 BC'"],
        &[
            Value::Date(0),
            Value::Date(-719_162),
            Value::Date(2_932_896),
            invalid(Kind::Date, "infinity"),
            invalid(Kind::Date, "-infinity"),
            invalid(Kind::Date, "0044-03-15 BC"),
        ],
    );
    cells(
        "time",
        &["'00:00'", "'23:59:59.999999'", "'24:00'"],
        &[Value::Time(0), Value::Time(86_399_999_999), Value::Time(86_400_000_000)],
    );
    cells("timetz", &["'12:00:00.5+03'"], &[text("12:00:00.5+03")]);
    let last = "294276-12-31 23:59:59.999999";
    cells(
        "timestamp",
        &["'1970-01-01 00:00:00.000001'", "'infinity'", "'0001-01-01 BC'", &format!("'{last}'")],
        &[
            Value::LocalDateTime(1),
            invalid(Kind::LocalDateTime, "infinity"),
            invalid(Kind::LocalDateTime, "0001-01-01 00:00:00.000000 BC"),
            invalid(Kind::LocalDateTime, last),
        ],
    );
    cells(
        "timestamptz",
        &["'2014-10-26 02:00+03'", "'-infinity'", "'0044-03-15 12:00+00 BC'"],
        &[
            Value::Instant(1_414_278_000_000_000),
            invalid(Kind::Instant, "-infinity"),
            invalid(Kind::Instant, "0044-03-15 12:00:00.000000+00 BC"),
        ],
    );
    cells("interval", &["'1 year 2 mons 3 days 04:05:06.7'", "'-1 hour'"], &[text("P1Y2M3DT4H5M6.7S"), text("PT-1H")]);
}

#[test]
fn types_that_are_read_as_their_own_text() {
    cells("inet", &["'10.0.0.1'", "'::1/64'"], &[text("10.0.0.1"), text("::1/64")]);
    cells("cidr", &["'10.0.0.0/8'"], &[text("10.0.0.0/8")]);
    cells("macaddr", &["'08:00:2b:01:02:03'"], &[text("08:00:2b:01:02:03")]);
    cells("bit(5)", &["B'10101'"], &[text("10101")]);
    cells("bit varying", &["B'1'", "B''"], &[text("1"), text("")]);
    cells(
        "int[]",
        &["'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{}'", "NULL"],
        &[text("{1,NULL,3}"), text("{{1,2},{3,4}}"), text("{}"), Value::Null],
    );
    cells("text[]", &["ARRAY['a,b','\"','']"], &[text("{\"a,b\",\"\\\"\",\"\"}")]);
    cells("timestamptz[]", &["ARRAY['2020-01-01 03:00+03'::timestamptz]"], &[text("{\"2020-01-01 00:00:00+00\"}")]);
    cells("int4range", &["'[1,5]'", "'empty'"], &[text("[1,6)"), text("empty")]);
    cells("point", &["'(0.1,2)'"], &[text("(0.1,2)")]);
    cells("tsvector", &["'кот:1'"], &[text("'кот':1")]);
    cells("regclass", &["'pg_class'"], &[text("pg_class")]);
}

#[test]
fn domains_enumerations_and_extensions() {
    let made = database(
        "CREATE TYPE mood AS ENUM ('плохо', 'good, ok'); CREATE DOMAIN mark AS int CHECK (VALUE < 6); \
         CREATE DOMAIN mark2 AS mark; CREATE DOMAIN feeling AS mood; CREATE DOMAIN marks AS int[]; \
         CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE SCHEMA x; CREATE DOMAIN x.net AS inet; \
         CREATE TABLE t (id int, a mood, b mark2, c feeling, d citext, e hstore, f mood[], g marks, h x.net, i mark[]); \
         INSERT INTO t VALUES (1, 'плохо', 5, 'good, ok', 'aB', 'k=>v', '{плохо}', '{1}', '10.0.0.1', '{4}')",
    );
    let expected = [
        ("a", text("плохо")),
        ("b", Value::Int(5)),
        ("c", text("good, ok")),
        ("d", text("aB")),
        ("e", text("\"k\"=>\"v\"")),
        ("f", text("{плохо}")),
        ("g", text("{1}")),
        ("h", text("10.0.0.1")),
        ("i", text("{4}")),
    ];
    for (name, value) in expected {
        assert_eq!(shown(&column(&made, "t", name)), shown(&[value]), "{name}");
    }
}

#[test]
fn an_unknown_type_is_refused_by_its_name() {
    let made = database(
        "CREATE TYPE pair AS (a int, b text); CREATE DOMAIN paired AS pair; CREATE EXTENSION cube; \
         CREATE TABLE t (id int, a pair, b pair[], c cube, d paired); INSERT INTO t VALUES (1, '(1,x)', NULL, '(1)', NULL)",
    );
    let mut reader = reader(&made);
    let kinds: Vec<Kind> =
        reader.catalog().unwrap().table(&table("t")).unwrap().columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds, [Kind::Int, Kind::Unknown, Kind::Unknown, Kind::Unknown, Kind::Unknown]);
    for (column, told) in [("a", "type:row"), ("b", "type:row"), ("c", "type:cube"), ("d", "type:row")] {
        let scan = Scan::whole(&table("t"), &["id".to_owned(), column.to_owned()]);
        let error = failed(reader.scan(&scan, &mut |_| Flow::Continue));
        assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Unsupported, Some(told)), "{column}");
    }
    assert_eq!(rows(reader.as_mut(), &table("t"), &["id".to_owned()]).len(), 1, "the known column is read");
}

#[test]
fn settings_of_database_and_role_change_no_value() {
    let made = database(
        "CREATE TABLE t (id int, moment timestamptz, number float8, day interval, raw bytea, price money); \
         INSERT INTO t VALUES (1, '2020-01-01 00:00+00', 0.1, '1 day', '\\x00', 1.5); \
         CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS $$SELECT 'stolen'$$; \
         CREATE FUNCTION public.count() RETURNS bigint LANGUAGE sql AS $$SELECT 7::bigint$$; \
         CREATE TABLE public.pg_class (x int)",
    );
    for setting in [
        "TimeZone = 'Asia/Vladivostok'",
        "DateStyle = 'German, DMY'",
        "IntervalStyle = 'sql_standard'",
        "extra_float_digits = -10",
        "bytea_output = 'escape'",
        "search_path = 'public, pg_catalog'",
        "default_transaction_read_only = off",
        "row_security = on",
    ] {
        server().sql(&made, &format!("ALTER DATABASE {made} SET {setting}"));
    }
    let read = |name: &str| shown(&column(&made, "t", name)).pop().unwrap();
    assert_eq!(read("moment"), "instant 1577836800000000");
    assert_eq!(read("number"), shown(&[Value::Float(0.1)])[0]);
    assert_eq!(read("day"), "text \"P1D\"");
    assert_eq!(read("raw"), "bytes [0]");
    assert_eq!(read("price"), "text \"$1.50\"");
    let mut reader = reader(&made);
    assert_eq!(reader.count(&table("t")).unwrap(), 1, "the store's own count() is not ours");
    assert_eq!(reader.count(&table("pg_class")).unwrap(), 0, "a table may be called like one of the system's");
}

#[test]
fn bytes_of_no_encoding_come_as_they_are() {
    let name = "no_encoding";
    server().sql(
        "postgres",
        &format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"),
    );
    server().sql(
        name,
        "SET client_encoding = 'SQL_ASCII'; CREATE TABLE t (id int, cell text); \
                        INSERT INTO t VALUES (1, E'\\xCF\\xF0'), (2, 'plain')",
    );
    let expected = [Value::Invalid(Kind::Text, vec![0xCF, 0xF0]), text("plain")];
    assert_eq!(shown(&column(name, "t", "cell")), shown(&expected));
    let cyrillic = "cyrillic";
    server().sql(
        "postgres",
        &format!("CREATE DATABASE {cyrillic} ENCODING 'WIN1251' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"),
    );
    server().sql(
        cyrillic,
        "SET client_encoding = 'UTF8'; CREATE TABLE \"Ученики\" (id int, \"Имя\" text); \
                            INSERT INTO \"Ученики\" VALUES (1, 'Ёж')",
    );
    assert_eq!(all_rows(reader(cyrillic).as_mut(), &table("Ученики")), [vec![Value::Int(1), text("Ёж")]]);
}

#[test]
fn a_megabyte_and_more_comes_whole() {
    let made = database(
        "CREATE TABLE t (id int, cell text, raw bytea); INSERT INTO t VALUES (1, repeat('ы🔔', 300000), decode(repeat('00ff', 3000000), 'hex')); \
         INSERT INTO t SELECT 2, string_agg(md5(i::text), ''), NULL FROM generate_series(1, 40000) i; \
         INSERT INTO t SELECT 3, 'small', '\\x00'",
    );
    let cells = column(&made, "t", "cell");
    assert!(cells[0] == text(&"ы🔔".repeat(300_000)));
    assert_eq!(cells[1].size(), 1_280_000);
    assert!(cells[2] == text("small"));
    assert_eq!(column(&made, "t", "raw")[0].size(), 6_000_000);
}

#[test]
fn generated_columns_partitions_and_heirs() {
    let made = database(
        "CREATE TABLE g (id int, twice int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO g VALUES (4); \
         CREATE TABLE p (id int, y int) PARTITION BY RANGE (y); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); \
         CREATE SCHEMA s; CREATE TABLE s.p2 (y int, gone text, id int); ALTER TABLE s.p2 DROP COLUMN gone; \
         ALTER TABLE p ATTACH PARTITION s.p2 FOR VALUES FROM (10) TO (20); \
         CREATE TABLE p3 PARTITION OF p DEFAULT PARTITION BY LIST (y); CREATE TABLE p31 PARTITION OF p3 DEFAULT; \
         INSERT INTO p SELECT i, i FROM generate_series(0, 29) i; \
         CREATE TABLE elder (id int); CREATE TABLE heir (more text) INHERITS (elder); \
         INSERT INTO elder VALUES (1); INSERT INTO heir VALUES (2, 'x')",
    );
    assert_eq!(column(&made, "g", "twice"), [Value::Int(8)]);
    let expected: Vec<Value> = (0..30).map(Value::Int).collect();
    assert_eq!(column(&made, "p", "y"), expected);
    let mut reader = reader(&made);
    assert_eq!(reader.count(&table("p")).unwrap(), 30);
    assert_eq!(reader.count(&table("elder")).unwrap(), 1, "heirs are tables of their own");
    assert_eq!(rows(reader.as_mut(), &table("elder"), &["id".to_owned()]), [vec![Value::Int(1)]]);
    let sample = Scan { sample: Some((10, 3)), ..Scan::whole(&table("p"), &["id".to_owned()]) };
    let (first, again) = (reader.scan(&sample, &mut |_| Flow::Continue), reader.scan(&sample, &mut |_| Flow::Continue));
    assert_eq!(first, again);
    assert!((1..=30).contains(&first.unwrap()));
}

#[test]
fn large_objects_are_read_by_those_who_may() {
    let made = database(
        "SELECT lo_from_bytea(4711, '\\x00ff'); SELECT lo_from_bytea(4712, decode(repeat('ab', 5000), 'hex'))",
    );
    let objects = in_schema("pg_catalog", "pg_largeobject");
    let mut reader = reader(&made);
    let mut found = all_rows(reader.as_mut(), &objects);
    found.sort_by_key(|row| row[1].size());
    assert_eq!(found[0], [Value::Int(4711), Value::Bytes(vec![0, 255])]);
    assert_eq!((&found[1][0], found[1][1].size()), (&Value::Int(4712), 5000));
    assert_eq!(reader.count(&objects).unwrap(), 2);
    server().sql("postgres", "CREATE ROLE stranger LOGIN");
    let mut stranger = common::reader_as("stranger", &made);
    let scan = Scan::whole(&objects, &["data".to_owned()]);
    assert_eq!(failed(stranger.scan(&scan, &mut |_| Flow::Continue)).kind, ErrorKind::Denied);
}

#[test]
fn row_security_fails_instead_of_hiding() {
    server().sql("postgres", "CREATE ROLE teacher LOGIN");
    let made = database(
        "CREATE TABLE t (id int, owner text); INSERT INTO t VALUES (1, 'teacher'), (2, 'other'); \
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t USING (owner = current_user); \
         GRANT SELECT ON t TO teacher",
    );
    let mut teacher = common::reader_as("teacher", &made);
    let catalog = teacher.catalog().unwrap();
    let obstacles: Vec<&str> = catalog.table(&table("t")).unwrap().obstacles.iter().map(|one| one.0.as_str()).collect();
    assert_eq!(obstacles, ["row-security"]);
    let scan = Scan::whole(&table("t"), &["id".to_owned()]);
    assert_eq!(failed(teacher.scan(&scan, &mut |_| Flow::Continue)).kind, ErrorKind::Denied);
    assert_eq!(failed(teacher.count(&table("t"))).kind, ErrorKind::Denied);
    assert_eq!(reader(&made).count(&table("t")).unwrap(), 2, "it does not filter a superuser");
}

#[test]
fn a_stop_ends_a_huge_scan_at_once_and_the_visit_goes_on() {
    let made = database("CREATE TABLE t AS SELECT i AS id, repeat('x', 200) AS pad FROM generate_series(1, 400000) i");
    let mut reader = reader(&made);
    let scan = Scan::whole(&table("t"), &["id".to_owned(), "pad".to_owned()]);
    let begun = Instant::now();
    assert_eq!(reader.scan(&scan, &mut |_| Flow::Continue).unwrap(), 400_000);
    let whole = begun.elapsed();
    for snapshot in [false, true] {
        if snapshot {
            reader.begin().unwrap();
        }
        let begun = Instant::now();
        assert_eq!(failed(reader.scan(&scan, &mut |_| Flow::Stop)).kind, ErrorKind::Stopped);
        assert!(begun.elapsed() < whole.max(Duration::from_millis(200)), "a stop read the table to its end");
        assert_eq!(reader.count(&table("t")).unwrap(), 400_000, "in a snapshot: {snapshot}");
        reader.end().unwrap();
    }
}

#[test]
fn a_server_that_dies_in_a_scan_is_an_error() {
    let own = lastbell_testkit::servers::Postgres::start(&lastbell_testkit::servers::Options::fast());
    own.create_database("d");
    own.sql("d", "CREATE TABLE t AS SELECT i AS id, repeat('x', 200) AS pad FROM generate_series(1, 400000) i");
    let mut reader = open(&own.url("d")).unwrap();
    let mut batches = 0;
    let ended = reader.scan(&Scan::whole(&table("t"), &["id".to_owned(), "pad".to_owned()]), &mut |_| {
        batches += 1;
        if batches == 3 {
            own.kill9();
        }
        Flow::Continue
    });
    assert_eq!(failed(ended).kind, ErrorKind::Unreachable);
    assert!(batches < 400);
    assert_eq!(failed(reader.count(&table("t"))).kind, ErrorKind::Unreachable, "and so is everything after it");
    assert_eq!(failed(open(&own.url("d"))).kind, ErrorKind::Unreachable);
}

#[test]
fn a_session_that_is_ended_in_a_scan_is_an_error() {
    let made = database("CREATE TABLE t AS SELECT i AS id, repeat('x', 200) AS pad FROM generate_series(1, 400000) i");
    let mut reader = reader(&made);
    let mut batches = 0;
    let ended = reader.scan(&Scan::whole(&table("t"), &["id".to_owned(), "pad".to_owned()]), &mut |_| {
        batches += 1;
        if batches == 3 {
            server().sql(
                "postgres",
                &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{made}'"),
            );
        }
        Flow::Continue
    });
    assert_eq!(failed(ended).kind, ErrorKind::Unreachable);
}

#[test]
fn a_table_that_somebody_locks_is_busy() {
    let made = database("CREATE TABLE t (id int)");
    let url = format!("{}&lock_timeout=100", server().url(&made));
    let (sent, locked) = std::sync::mpsc::channel();
    let name = made.clone();
    let holder = std::thread::spawn(move || {
        sent.send(()).unwrap();
        server().sql(&name, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT")
    });
    locked.recv().unwrap();
    let mut reader = open(&url).unwrap();
    let begun = Instant::now();
    let told = loop {
        match reader.count(&table("t")) {
            Err(error) => break error,
            Ok(_) => assert!(begun.elapsed() < Duration::from_secs(60), "nobody locked it"),
        }
    };
    assert_eq!((told.kind, told.code.as_deref()), (ErrorKind::Busy, Some("55P03")));
    assert_eq!(reader.catalog().unwrap().tables.len(), 1, "a locked table is listed all the same");
    holder.join().unwrap();
}

#[test]
fn a_reader_cannot_write() {
    let made = database(
        "CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING 1'; \
                         CREATE VIEW v AS SELECT f()",
    );
    let mut reader = reader(&made);
    assert_eq!(code(reader.count(&table("v"))), "table", "a view is no table and is never run");
    assert_eq!(reader.count(&table("t")).unwrap(), 0);
}
