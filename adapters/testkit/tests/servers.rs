//! The throw-away servers keep their promises.
#![allow(clippy::unwrap_used)]

use lastbell_testkit::servers::{Mariadb, Options, Postgres};

#[test]
fn postgres_keeps_its_rows_over_stop_and_kill() {
    let server = Postgres::start(&Options::real());
    server.create_database("diary \"№ 1");
    server.sql("diary \"№ 1", "CREATE TABLE pupil (id int); INSERT INTO pupil VALUES (1)");
    server.restart();
    server.sql("diary \"№ 1", "INSERT INTO pupil VALUES (2)");
    let pid = server.pid();
    server.kill9();
    assert!(!server.runs());
    server.restart();
    assert_ne!(server.pid(), pid);
    assert_eq!(server.sql("diary \"№ 1", "SELECT id FROM pupil ORDER BY id"), "1\n2");
}

#[test]
fn mariadb_keeps_its_rows_over_stop_and_kill() {
    let server = Mariadb::start(&Options::real());
    server.create_database("diary `№ 1");
    server.sql("diary `№ 1", "CREATE TABLE pupil (id int); INSERT INTO pupil VALUES (1)");
    server.restart();
    server.sql("diary `№ 1", "INSERT INTO pupil VALUES (2)");
    let pid = server.pid();
    server.kill9();
    assert!(!server.runs());
    server.restart();
    assert_ne!(server.pid(), pid);
    assert_eq!(server.sql("diary `№ 1", "SELECT id FROM pupil ORDER BY id"), "1\n2");
}
