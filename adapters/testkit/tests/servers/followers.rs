//! Standbys, subscriptions, replicas.

use lastbell_testkit::servers::{Mariadb, Options, Postgres};

#[test]
fn a_postgres_standby_shows_what_its_primary_writes() {
    let primary = Postgres::start(&Options::real());
    primary.sql("postgres", "CREATE TABLE pupil (id int); INSERT INTO pupil VALUES (1)");
    let standby = Postgres::standby_of(&primary, &Options::real());
    primary.sql("postgres", "INSERT INTO pupil VALUES (2)");
    standby.catch_up(&primary);
    assert_eq!(standby.sql("postgres", "SELECT id FROM pupil ORDER BY id"), "1\n2");
    assert!(standby.try_sql("postgres", "postgres", "DELETE FROM pupil").unwrap_err().contains("read-only"));
    standby.kill9();
    primary.sql("postgres", "DELETE FROM pupil WHERE id = 1");
    standby.restart();
    standby.catch_up(&primary);
    assert_eq!(standby.sql("postgres", "SELECT id FROM pupil"), "2");
}

#[test]
fn a_postgres_subscriber_follows_a_publication() {
    let (from, to) = (Postgres::start(&Options::real().set("wal_level", "logical")), Postgres::start(&Options::real()));
    for server in [&from, &to] {
        server.sql("postgres", "CREATE TABLE pupil (id int PRIMARY KEY)");
    }
    from.sql("postgres", "INSERT INTO pupil VALUES (1); CREATE PUBLICATION diary FOR TABLE pupil");
    let subscribe = format!("CREATE SUBSCRIPTION diary CONNECTION '{}' PUBLICATION diary", from.conninfo("postgres"));
    to.sql("postgres", &subscribe);
    let mut tries = 0;
    while to.sql("postgres", "SELECT count(*) FROM pupil") != "1" {
        tries += 1;
        assert!(tries < 1200, "the subscriber does not follow");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_mariadb_replica_shows_what_its_primary_writes() {
    let primary = Mariadb::start(&Options::real().set("log_bin", "bin").set("server_id", "1").tcp());
    primary.create_database("diary");
    primary.sql("diary", "CREATE TABLE pupil (id int); INSERT INTO pupil VALUES (1)");
    let replica = Mariadb::replica_of(&primary, &Options::real());
    assert_eq!(replica.sql("diary", "SELECT id FROM pupil"), "1");
    replica.kill9();
    primary.sql("diary", "INSERT INTO pupil VALUES (2)");
    replica.restart();
    replica.catch_up(&primary);
    assert_eq!(replica.sql("diary", "SELECT id FROM pupil ORDER BY id"), "1\n2");
}
