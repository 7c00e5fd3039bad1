//! Destroying under lock: what goes goes wholly, what stays stays as it was, and what is unsafe is refused by its name.
#![allow(clippy::unwrap_used)]

mod store;
use lastbell_contract::{ErrorKind, LockRequest, Moment, Value};
use lastbell_testkit::servers::{Options, Postgres};
use std::process::Command;
use store::*;

const PUPILS_AND_MARKS: &str = "CREATE TABLE pupils (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE marks (id int PRIMARY KEY, pupil int REFERENCES pupils ON DELETE CASCADE, mark int);
    CREATE INDEX ON marks (pupil);
    INSERT INTO pupils SELECT i, 'pupil ' || i FROM generate_series(1, 100) i;
    INSERT INTO marks SELECT i, i, 5 FROM generate_series(1, 100) i;";

#[test]
fn tables_of_a_unit_go_together_whatever_their_order() {
    for order in [["pupils", "marks"], ["marks", "pupils"]] {
        let store = fresh(PUPILS_AND_MARKS);
        destroy(store.eraser().as_mut(), &order);
        assert_eq!((store.rows("pupils"), store.rows("marks")), (0, 0));
        let link = "SELECT count(*) FROM pg_constraint WHERE conname = 'marks_pupil_fkey'";
        assert_eq!(store.sql(link), "1", "the link is as it was");
    }
}

#[test]
fn one_by_one_they_go_too_and_the_link_stands_again() {
    for order in [["pupils", "marks"], ["marks", "pupils"]] {
        let store = fresh(PUPILS_AND_MARKS);
        let before = store.sql("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2");
        let mut eraser = store.eraser();
        let mut unit = eraser.lock(&request(&order, &[])).unwrap();
        for name in order {
            unit.destroy(&tables(&[name]), &mut Heard::default()).unwrap();
        }
        unit.commit(&mut Heard::default()).unwrap();
        assert_eq!((store.rows("pupils"), store.rows("marks")), (0, 0));
        assert_eq!(store.sql("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1, 2"), before);
    }
}

#[test]
fn a_parent_alone_of_its_unit_cannot_leave_a_child_behind() {
    let store = fresh(PUPILS_AND_MARKS);
    let mut eraser = store.eraser();
    let mut unit = eraser.lock(&request(&["pupils", "marks"], &[])).unwrap();
    unit.destroy(&tables(&["pupils"]), &mut Heard::default()).unwrap();
    let told = refusal(unit.commit(&mut Heard::default()));
    assert_eq!(told, (ErrorKind::Unsafe, "referenced-by:marks_pupil_fkey".to_owned()));
    drop(eraser);
    assert_eq!((store.rows("pupils"), store.rows("marks")), (100, 100));
}

#[test]
fn sequences_begin_again_and_files_are_new() {
    let store = fresh(
        "CREATE TABLE pupils (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
        INSERT INTO pupils (note) SELECT repeat('x', 5000) FROM generate_series(1, 10);",
    );
    let files = "SELECT pg_relation_filenode('pupils'), pg_relation_filenode('pupils_pkey'), \
                 pg_relation_filenode(reltoastrelid) FROM pg_class WHERE relname = 'pupils'";
    let before = store.sql(files);
    destroy(store.eraser().as_mut(), &["pupils"]);
    let after = store.sql(files);
    for (one, other) in before.split('|').zip(after.split('|')) {
        assert_ne!(one, other, "a file stayed");
    }
    assert_eq!(store.sql("INSERT INTO pupils (note) VALUES ('') RETURNING id"), "1");
}

#[test]
fn heirs_stay_and_partitions_go() {
    let store = fresh(
        "CREATE TABLE people (id int); CREATE TABLE teachers (subject text) INHERITS (people);
        INSERT INTO people VALUES (1); INSERT INTO teachers VALUES (2, 'x');
        CREATE TABLE visits (id int, year int) PARTITION BY RANGE (year);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (2020) TO (2021);
        CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM (2021) TO (2030) PARTITION BY RANGE (year);
        CREATE TABLE visits_3 PARTITION OF visits_2 DEFAULT;
        INSERT INTO visits SELECT i, 2020 + i % 2 FROM generate_series(1, 10) i;",
    );
    let mut eraser = store.eraser();
    destroy(eraser.as_mut(), &["people"]);
    assert_eq!((store.rows("people"), store.rows("teachers")), (0, 1));
    destroy(eraser.as_mut(), &["visits"]);
    assert_eq!(store.sql("SELECT count(*) FROM visits"), "0");
    let told = refusal(eraser.lock(&request(&["visits_1"], &[])).map(drop));
    assert_eq!(told, (ErrorKind::Unsupported, "partition".to_owned()));
}

/// Setup, tables of the unit, watched ones, whether by a rebuild, the refusal.
const REFUSALS: &[(&str, &str, bool, ErrorKind, &str)] = &[
    (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER forget BEFORE TRUNCATE ON pupils EXECUTE FUNCTION f()",
        "postgres",
        false,
        ErrorKind::Unsafe,
        "trigger:forget",
    ),
    (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER write_down AFTER INSERT ON pupils FOR EACH ROW EXECUTE FUNCTION f()",
        "postgres",
        true,
        ErrorKind::Unsafe,
        "trigger:write_down",
    ),
    (
        "CREATE RULE elsewhere AS ON INSERT TO pupils DO INSTEAD NOTHING",
        "postgres",
        true,
        ErrorKind::Unsafe,
        "rule:elsewhere",
    ),
    (
        "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE EVENT TRIGGER watch ON ddl_command_start EXECUTE FUNCTION e()",
        "postgres",
        true,
        ErrorKind::Unsafe,
        "event-trigger:watch",
    ),
    (
        "ALTER TABLE pupils ENABLE ROW LEVEL SECURITY; ALTER TABLE pupils FORCE ROW LEVEL SECURITY;
         ALTER TABLE pupils OWNER TO owner",
        "owner",
        false,
        ErrorKind::Unsafe,
        "row-security",
    ),
    (
        "ALTER TABLE pupils RENAME TO gone; CREATE FOREIGN DATA WRAPPER far; CREATE SERVER there FOREIGN DATA WRAPPER far;
         CREATE FOREIGN TABLE pupils (id int) SERVER there; CREATE TABLE back AS TABLE gone",
        "postgres",
        false,
        ErrorKind::Unsafe,
        "elsewhere:foreign",
    ),
    ("GRANT ALL ON pupils TO guest", "guest", false, ErrorKind::Denied, "not-owner"),
    (
        "CREATE TABLE kept (pupil int REFERENCES pupils); INSERT INTO kept VALUES (1)",
        "postgres",
        false,
        ErrorKind::Unsafe,
        "referenced-by:kept",
    ),
    (
        "CREATE TABLE kept (pupil int REFERENCES pupils); INSERT INTO kept VALUES (1)",
        "postgres",
        true,
        ErrorKind::Unsafe,
        "referenced-by:kept_pupil_fkey",
    ),
];

const ROLES: &str = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(1);
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'owner') THEN CREATE ROLE owner LOGIN; CREATE ROLE guest LOGIN; END IF;
    END $$; GRANT CREATE ON SCHEMA public TO owner;";

#[test]
fn what_is_unsafe_is_refused_by_name_and_nothing_is_touched() {
    for (setup, role, rebuild, kind, code) in REFUSALS {
        let store = fresh(&format!(
            "{ROLES} CREATE TABLE pupils (id int PRIMARY KEY, name text);
             INSERT INTO pupils SELECT i, 'x' FROM generate_series(1, 20) i; {setup}"
        ));
        let mut eraser = store.eraser_as(role);
        let ended = match eraser.lock(&request(&["pupils"], &[])) {
            Err(error) => Err(error),
            Ok(mut unit) if *rebuild => unit.rebuild(&table("pupils"), &mut |_| None, &mut Heard::default()).map(drop),
            Ok(mut unit) => unit.destroy(&tables(&["pupils"]), &mut Heard::default()),
        };
        assert_eq!(refusal(ended), (*kind, (*code).to_owned()), "{setup}");
        drop(eraser);
        let rows = if setup.contains("FOREIGN") { "gone" } else { "pupils" };
        assert_eq!(store.rows(rows), 20, "{setup}");
    }
}

#[test]
fn a_foreign_partition_and_the_systems_own_tables_are_refused() {
    let store = fresh(
        "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER there FOREIGN DATA WRAPPER far;
        CREATE TABLE visits (id int, year int) PARTITION BY RANGE (year);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (2020) TO (2021);
        CREATE FOREIGN TABLE visits_2 PARTITION OF visits DEFAULT SERVER there; INSERT INTO visits VALUES (1, 2020);",
    );
    let mut eraser = store.eraser();
    let told = refusal(try_destroy(eraser.as_mut(), &["visits"], &[]));
    assert_eq!(told, (ErrorKind::Unsafe, "elsewhere:foreign".to_owned()));
    assert_eq!(store.rows("visits_1"), 1);
    let told = refusal(try_destroy(eraser.as_mut(), &["pg_catalog.pg_largeobject"], &[]));
    assert_eq!(told, (ErrorKind::Unsafe, "system-table".to_owned()));
}

#[test]
fn what_subscribers_would_lose_is_refused() {
    let server = Postgres::start(&Options::fast().set("wal_level", "logical"));
    let store = Store::on(
        &server,
        "CREATE TABLE pupils (id int PRIMARY KEY); INSERT INTO pupils VALUES (1);
        CREATE PUBLICATION out FOR TABLE pupils;",
    );
    let mut eraser = store.eraser();
    store.sql("SELECT pg_create_logical_replication_slot('new_platform', 'pgoutput')");
    let told = refusal(try_destroy(eraser.as_mut(), &["pupils"], &[]));
    assert_eq!(told, (ErrorKind::Unsafe, "published:out".to_owned()));
    assert_eq!(store.rows("pupils"), 1);
    store.sql("SELECT pg_drop_replication_slot('new_platform')");
    store.sql("SELECT pg_create_logical_replication_slot('queue', 'test_decoding'); DROP PUBLICATION out");
    let told = refusal(try_destroy(eraser.as_mut(), &["pupils"], &[]));
    assert_eq!(told, (ErrorKind::Unsafe, "published:queue".to_owned()));
    store.sql("SELECT pg_drop_replication_slot('queue')");
    destroy(eraser.as_mut(), &["pupils"]);
}

#[test]
fn a_column_that_came_after_the_look_is_noticed_under_the_lock() {
    let store = fresh(PUPILS_AND_MARKS);
    let mut eraser = store.eraser();
    eraser.catalog().unwrap();
    eraser.lock(&request(&["pupils", "marks"], &[])).map(drop).unwrap();
    store.sql("ALTER TABLE marks ADD remark text");
    assert_eq!(
        refusal(eraser.lock(&request(&["pupils"], &["marks"])).map(drop)),
        (ErrorKind::Changed, "columns".into())
    );
    eraser.catalog().unwrap();
    destroy(eraser.as_mut(), &["pupils", "marks"]);
}

#[test]
fn an_owner_whom_row_security_does_not_filter_may_go_on() {
    let store = fresh(&format!(
        "{ROLES} CREATE TABLE pupils (id int); INSERT INTO pupils VALUES (1), (2);
         ALTER TABLE pupils ENABLE ROW LEVEL SECURITY; ALTER TABLE pupils OWNER TO owner"
    ));
    let mut eraser = store.eraser_as("owner");
    let mut unit = eraser.lock(&request(&["pupils"], &[])).unwrap();
    assert_eq!(unit.count(&table("pupils")).unwrap().by_scan, 2);
    unit.destroy(&tables(&["pupils"]), &mut Heard::default()).unwrap();
    unit.commit(&mut Heard::default()).unwrap();
    assert_eq!(store.rows("pupils"), 0);
}

#[test]
fn a_cut_link_lets_the_parent_go_and_the_child_stay() {
    let store = fresh(PUPILS_AND_MARKS);
    let mut eraser = store.eraser();
    let mut unit = eraser.lock(&request(&["pupils"], &["marks"])).unwrap();
    let told = refusal(unit.cut(&table("marks"), "no_such", &mut Heard::default()));
    assert_eq!(told.0, ErrorKind::NotFound);
    let mut heard = Heard::default();
    unit.cut(&table("marks"), "marks_pupil_fkey", &mut heard).unwrap();
    assert_eq!(heard.techniques(), ["drop-foreign-key"]);
    unit.destroy(&tables(&["pupils"]), &mut Heard::default()).unwrap();
    unit.commit(&mut Heard::default()).unwrap();
    assert_eq!((store.rows("pupils"), store.rows("marks")), (0, 100));
    assert_eq!(store.sql("SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), "0");
}

#[test]
fn a_lock_that_takes_too_long_is_busy_within_its_time() {
    let store = fresh("CREATE TABLE pupils (id int); INSERT INTO pupils VALUES (1);");
    let mut first = store.eraser();
    let unit = first.lock(&request(&["pupils"], &[])).unwrap();
    let mut second = store.eraser();
    let began = std::time::Instant::now();
    let wish = LockRequest { wait_ms: 200, ..request(&["pupils"], &[]) };
    assert_eq!(refusal(second.lock(&wish).map(drop)), (ErrorKind::Busy, "55P03".to_owned()));
    assert!(began.elapsed().as_millis() < 5000, "{:?}", began.elapsed());
    drop(unit);
    drop(first);
    destroy(second.as_mut(), &["pupils"]);
}

#[test]
fn what_the_witness_refuses_does_not_happen() {
    for (moment, technique) in [(Moment::Before, "truncate"), (Moment::After, "truncate"), (Moment::Before, "commit")] {
        let store = fresh(PUPILS_AND_MARKS);
        let mut eraser = store.eraser();
        let mut unit = eraser.lock(&request(&["pupils", "marks"], &[])).unwrap();
        let mut heard = Heard::refusing(moment, technique);
        let ended = unit.destroy(&tables(&["pupils", "marks"]), &mut heard).and_then(|()| unit.commit(&mut heard));
        assert_eq!(refusal(ended).0, ErrorKind::Stopped);
        drop(eraser);
        assert_eq!((store.rows("pupils"), store.rows("marks")), (100, 100), "{moment:?} {technique}");
    }
}

/// One of each type that can be told apart from its neighbours only by its exact value.
const TYPES: &str = "CREATE TYPE mood AS ENUM ('gut', 'so so'); CREATE DOMAIN grade AS int CHECK (VALUE > 0);
    CREATE TABLE pupils (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone text, a smallint, b numeric(12, 4), c real,
    d double precision, e boolean, f varchar(30), g char(9), h bytea, i date, j time, k timestamp, l timestamptz, m uuid,
    n json, o jsonb, p inet, q int[], r interval, s mood, t grade, u timetz, v cidr, w macaddr, x bit(5), y int4range, z xml,
    up text GENERATED ALWAYS AS (upper(f)) STORED);
    ALTER TABLE pupils DROP COLUMN gone;
    INSERT INTO pupils (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z) VALUES
    (-32768, 12.5000, 0.1, 1e300, true, E'a\\\\b\\tc\\nd\\re', 'ab', '\\x00ff5c0a', '2026-11-24', '24:00', '0044-03-15 12:00 BC',
     'infinity', '6f9619ff-8b86-d011-b42d-00c04fc964ff', '{\"a\":  1}', '{\"b\": 2}', '10.0.0.1/8', '{1,NULL,3}',
     '1 mon -3 days 04:05:06.7', 'so so', 3, '12:00+03:30', '10.0.0.0/8', '08:00:2b:01:02:03', '10101', '[1,5)', '<a>b</a>'),
    (NULL, 'NaN', '-Infinity', '-0', NULL, '', NULL, '', 'infinity', NULL, NULL, '294276-12-31 23:59:59.999999+00', NULL, NULL,
     NULL, '::1', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'empty', NULL),
    (1, 0, 'NaN', 'NaN', false, '\\N', '', E'\\\\x', '-infinity', '00:00', '2020-01-01', '2020-01-01 00:00+03', NULL, NULL, NULL,
     NULL, NULL, NULL, 'gut', 1, NULL, NULL, NULL, NULL, NULL, NULL);";

#[test]
fn a_rebuild_that_changes_nothing_gives_every_value_again() {
    let store = fresh(TYPES);
    let all = "SELECT md5(string_agg(t::text, E'\\n' ORDER BY id)), count(*) FROM pupils t";
    let before = store.sql(all);
    let mut eraser = store.eraser();
    let mut unit = eraser.lock(&request(&["pupils"], &[])).unwrap();
    assert_eq!(unit.rebuild(&table("pupils"), &mut Some, &mut Heard::default()).unwrap(), 3);
    unit.commit(&mut Heard::default()).unwrap();
    assert_eq!(store.sql(all), before);
    assert_eq!(store.sql("INSERT INTO pupils (f) VALUES ('x') RETURNING id, up"), "4|X", "the sequence went on");
}

/// What hangs on tables, from the catalogs.
const EVERYTHING: &str = "SELECT relname, relkind, relowner, relacl, reloptions, relreplident, relpersistence, obj_description(oid)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1;
    SELECT attrelid::regclass, attname, atttypid, attstattarget, attidentity, attgenerated, attnotnull, attacl, attstorage,
    col_description(attrelid, attnum) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY attrelid::regclass::text, attnum;
    SELECT conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated, condeferrable, obj_description(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2;
    SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1;
    SELECT policyname, qual FROM pg_policies ORDER BY 1; SELECT viewname, definition FROM pg_views WHERE schemaname = 'public';
    SELECT stxname, stxkeys, stxkind FROM pg_statistic_ext ORDER BY 1;
    SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2;";

/// The same as PostgreSQL's own program sees it. It reads no server that is newer than itself.
fn schema_dump(store: &Store<'_>) -> String {
    let first_number = |text: &str| {
        let digits = text.split(|letter: char| !letter.is_ascii_digit()).find(|part| !part.is_empty()).unwrap();
        digits.parse::<u32>().unwrap()
    };
    let own = Command::new("pg_dump").arg("--version").output().unwrap().stdout;
    if first_number(&store.sql("SHOW server_version")) > first_number(&String::from_utf8(own).unwrap()) {
        return String::new();
    }
    let mut command = Command::new("pg_dump");
    command.args(["--schema-only", "-U", "postgres", "-h"]).arg(store.server.socket_dir()).arg(&store.name);
    let output = command.output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    // Newer versions frame a dump with a word of their own for each run.
    text.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_rebuild_writes_new_values_and_keeps_everything_that_hangs_on_the_table() {
    let store = fresh(&format!(
        "{ROLES} {PUPILS_AND_MARKS}
         ALTER TABLE pupils ADD COLUMN nick text DEFAULT 'none' CHECK (nick <> 'x'), ALTER COLUMN name SET STATISTICS 7,
             ADD UNIQUE (name), SET (fillfactor = 70), REPLICA IDENTITY FULL;
         COMMENT ON COLUMN pupils.nick IS 'nickname'; GRANT SELECT ON pupils TO guest;
         CREATE POLICY p ON pupils USING (true); CREATE VIEW shown AS SELECT name FROM pupils;
         COMMENT ON CONSTRAINT marks_pupil_fkey ON marks IS 'whose';
         CREATE STATISTICS both_columns ON id, name FROM pupils; CREATE INDEX lowered ON pupils (lower(name)) WHERE id > 5;
         ANALYZE;"
    ));
    let dump = || store.sql(EVERYTHING) + &schema_dump(&store);
    let before = dump();
    let mut eraser = store.eraser();
    let mut unit = eraser.lock(&request(&["pupils"], &["marks"])).unwrap();
    let mut rewrite = |mut row: Vec<Value>| {
        row[1] = Value::Text(format!("№ {}", number(&row)));
        Some(row)
    };
    assert_eq!(unit.rebuild(&table("pupils"), &mut rewrite, &mut Heard::default()).unwrap(), 100);
    unit.commit(&mut Heard::default()).unwrap();
    assert_eq!(dump(), before);
    assert_eq!(store.sql("SELECT count(*) FROM pupils WHERE name = '№ ' || id AND nick = 'none'"), "100");
    assert_eq!(store.rows("marks"), 100);
    let old = "SELECT count(*) FROM pg_stats WHERE tablename = 'pupils' AND histogram_bounds::text LIKE '%pupil %'";
    assert_eq!(store.sql(old), "0", "statistics repeat values that are gone");
}

#[test]
fn a_unit_is_rebuilt_in_any_order() {
    for order in [["pupils", "marks"], ["marks", "pupils"]] {
        let store = fresh(PUPILS_AND_MARKS);
        let mut eraser = store.eraser();
        let mut unit = eraser.lock(&request(&order, &[])).unwrap();
        for name in order {
            assert_eq!(unit.rebuild(&table(name), &mut tenth, &mut Heard::default()).unwrap(), 10);
        }
        unit.commit(&mut Heard::default()).unwrap();
        assert_eq!((store.rows("pupils"), store.rows("marks")), (10, 10));
        let link = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated";
        assert_eq!(store.sql(link), "1");
    }
}

#[test]
fn a_new_value_that_the_table_forbids_takes_the_unit_back() {
    let store = fresh(
        "CREATE TABLE pupils (id int PRIMARY KEY, name varchar(5) CHECK (name <> 'bad'));
        INSERT INTO pupils VALUES (1, 'a'), (2, 'b');",
    );
    for (name, code) in [("too long", "22001"), ("bad", "23514")] {
        let mut eraser = store.eraser();
        let mut unit = eraser.lock(&request(&["pupils"], &[])).unwrap();
        let mut rewrite = |row: Vec<Value>| Some(vec![row[0].clone(), Value::Text(name.to_owned())]);
        let ended = unit.rebuild(&table("pupils"), &mut rewrite, &mut Heard::default());
        assert_eq!(refusal(ended).1, code);
        assert_eq!(refusal(unit.commit(&mut Heard::default())).1, "unit-broken");
        drop(eraser);
        assert_eq!(store.sql("SELECT string_agg(name, ',' ORDER BY id) FROM pupils"), "a,b");
    }
}

#[test]
fn partitions_are_rebuilt_as_one_table() {
    let store = fresh(
        "CREATE TABLE visits (id int, year int) PARTITION BY RANGE (year);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (2020) TO (2021);
        CREATE TABLE visits_2 PARTITION OF visits DEFAULT;
        INSERT INTO visits SELECT i, 2020 + i % 2 FROM generate_series(1, 100) i;",
    );
    let files = "SELECT pg_relation_filenode('visits_1'), pg_relation_filenode('visits_2')";
    let before = store.sql(files);
    let mut eraser = store.eraser();
    let mut unit = eraser.lock(&request(&["visits"], &[])).unwrap();
    assert_eq!(unit.rebuild(&table("visits"), &mut tenth, &mut Heard::default()).unwrap(), 10);
    assert_eq!(unit.count(&table("visits")).unwrap().by_count, 10);
    unit.commit(&mut Heard::default()).unwrap();
    assert_eq!(store.sql("SELECT count(*) FROM visits"), "10");
    for (one, other) in before.split('|').zip(store.sql(files).split('|')) {
        assert_ne!(one, other, "a file stayed");
    }
}

#[test]
fn nothing_of_the_server_outlives_a_dropped_unit() {
    let store = fresh(PUPILS_AND_MARKS);
    let mut eraser = store.eraser();
    let mut unit = eraser.lock(&request(&["pupils", "marks"], &[])).unwrap();
    unit.rebuild(&table("marks"), &mut |_| None, &mut Heard::default()).unwrap();
    unit.destroy(&tables(&["pupils"]), &mut Heard::default()).unwrap();
    drop(unit);
    assert_eq!((store.rows("pupils"), store.rows("marks")), (100, 100));
    let mut unit = eraser.lock(&request(&["pupils", "marks"], &[])).unwrap();
    assert_eq!(unit.rebuild(&table("marks"), &mut tenth, &mut Heard::default()).unwrap(), 10);
    unit.commit(&mut Heard::default()).unwrap();
    assert_eq!(store.rows("marks"), 10);
    assert_eq!(store.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'lastbell%'"), "0");
}

#[test]
fn a_statement_that_is_ended_from_outside_takes_nothing_with_it() {
    let store = fresh(PUPILS_AND_MARKS);
    let mut eraser = store.eraser();
    let stop = eraser.canceller().unwrap();
    let mut unit = eraser.lock(&request(&["pupils", "marks"], &[])).unwrap();
    let mut rewrite = |row: Vec<Value>| {
        if number(&row) == 50 {
            stop();
        }
        Some(row)
    };
    // The wish may come between two statements, and then it was for none.
    let ended = unit.rebuild(&table("pupils"), &mut rewrite, &mut Heard::default());
    if let Err(error) = ended {
        assert_eq!(error.kind, ErrorKind::Stopped);
    }
    drop(unit);
    drop(eraser);
    assert_eq!((store.rows("pupils"), store.rows("marks")), (100, 100));
}

#[test]
fn a_wait_for_a_lock_can_be_ended_from_outside() {
    let store = fresh("CREATE TABLE pupils (id int); INSERT INTO pupils VALUES (1);");
    let mut first = store.eraser();
    let unit = first.lock(&request(&["pupils"], &[])).unwrap();
    let mut second = store.eraser();
    let stop = second.canceller().unwrap();
    let told = std::thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            let wish = LockRequest { wait_ms: 60_000, ..request(&["pupils"], &[]) };
            second.lock(&wish).map(drop).unwrap_err()
        });
        while !waiting.is_finished() {
            stop();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        waiting.join().unwrap()
    });
    assert_eq!(told.kind, ErrorKind::Stopped);
    drop(unit);
}
