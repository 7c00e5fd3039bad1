//! Servers on a small disk: full is full, and room comes back.

use lastbell_testkit::servers::{Mariadb, Options, Postgres, SmallFolder};
use std::io::ErrorKind;

#[test]
fn postgres_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let server = Postgres::start(&Options::real().disk(150 << 20));
    server.sql(
        "postgres",
        "CREATE TABLE t (x text); ALTER TABLE t ALTER x SET STORAGE PLAIN; INSERT INTO t VALUES ('one')",
    );
    let disk = server.disk().unwrap();
    disk.fill(4 << 20);
    assert!(disk.free_bytes() <= 4 << 20);
    let fill = "INSERT INTO t SELECT repeat('x', 7000) FROM generate_series(1, 3000)";
    let text = server.try_sql("postgres", "postgres", fill).unwrap_err();
    assert!(text.contains("No space left on device"), "{text}");
    disk.relieve();
    server.restart();
    assert_eq!(server.sql("postgres", "SELECT x FROM t"), "one");
    server.sql("postgres", fill);
}

/// A rebuild, not an INSERT: MariaDB 10.11 that has to roll back a large insert on a full disk aborts itself ("Out of disk
/// space in rollback"), measured.
#[test]
fn mariadb_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let server = Mariadb::start(&Options::real().disk(250 << 20));
    server.create_database("d");
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)";
    let fill = format!("INSERT INTO t {numbers} SELECT repeat('x', 100000) FROM n");
    server.sql("d", &format!("CREATE TABLE t (x longblob); {fill}"));
    let disk = server.disk().unwrap();
    disk.fill(4 << 20);
    let text = server.try_sql("root", "d", "ALTER TABLE t FORCE").unwrap_err();
    assert!(text.contains("is full"), "{text}");
    disk.relieve();
    assert_eq!(server.sql("d", "SELECT count(*), sum(length(x)) FROM t"), "200\t20000000");
    server.sql("d", "ALTER TABLE t FORCE");
    server.restart();
    assert_eq!(server.sql("d", "SELECT count(*), sum(length(x)) FROM t"), "200\t20000000");
}

#[test]
fn a_folder_on_a_full_disk_takes_nothing_until_there_is_room() {
    let small = SmallFolder::new(4 << 20);
    let file = small.path().join("file");
    small.disk().fill(0);
    let refused = std::fs::write(&file, [1; 100_000]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::StorageFull);
    small.disk().relieve();
    std::fs::write(&file, [1; 100_000]).unwrap();
    let path = small.path();
    drop(small);
    assert!(!path.exists(), "it goes with its disk");
}
