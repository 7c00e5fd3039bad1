//! The catalog tells what real schemas hold, and names what forbids destroying a table.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use common::{MARIADB, SERVER, database_name, reader, rows, store};
use lastbell_contract::{Action, Catalog, ErrorKind, Kind, Known, Obstacle, Table, TableId, TableKind};
use lastbell_testkit::servers::{Mariadb, Options};

fn catalog(sql: &str) -> Catalog {
    reader(&store(&SERVER, sql).1).catalog().unwrap()
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    catalog.table(&TableId::plain(name)).unwrap()
}

fn obstacles(table: &Table) -> Vec<&str> {
    table.obstacles.iter().map(|Obstacle(code)| code.as_str()).collect()
}

#[test]
fn columns_are_told_with_everything_about_them() {
    let catalog = catalog(
        "CREATE TABLE t (
            id INT(7) UNSIGNED ZEROFILL AUTO_INCREMENT PRIMARY KEY,
            flag TINYINT(1) NOT NULL,
            name VARCHAR(40) CHARACTER SET cp1251 COMMENT 'ФИО ученика',
            twice INT AS (flag * 2) VIRTUAL,
            born DATE NOT NULL,
            stamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
            kind ENUM('a', 'b'), note JSON, place POINT);",
    );
    let table = table(&catalog, "t");
    let told: Vec<(&str, &str, Kind, bool)> = table
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.declared_type.as_str(), column.kind, column.nullable))
        .collect();
    let (int, json) = if *MARIADB { ("int(11)", "longtext") } else { ("int", "json") };
    let expected = [
        ("id", "int(7) unsigned zerofill", Kind::Int, false),
        ("flag", "tinyint(1)", Kind::Int, false),
        ("name", "varchar(40)", Kind::Text, true),
        ("twice", int, Kind::Int, true),
        ("born", "date", Kind::Date, false),
        ("stamp", "timestamp", Kind::Instant, false),
        ("kind", "enum('a','b')", Kind::Text, true),
        ("note", json, Kind::Json, true),
        ("place", "point", Kind::Bytes, true),
    ];
    assert_eq!(told, expected);
    let generated: Vec<bool> = table.columns.iter().map(|column| column.generated).collect();
    assert_eq!(generated.iter().filter(|generated| **generated).count(), 1);
    assert!(table.column("twice").unwrap().generated);
    let name = table.column("name").unwrap();
    assert_eq!((name.charset.as_deref(), name.comment.as_deref()), (Some("cp1251"), Some("ФИО ученика")));
    assert_eq!(table.column("id").unwrap().charset, None);
}

#[test]
fn keys_and_indexes_are_told() {
    let catalog = catalog(
        "CREATE TABLE t (a INT NOT NULL, b INT, c VARCHAR(99), d TEXT, PRIMARY KEY (b, a), UNIQUE u (c(10), a),
            INDEX plain (c), FULLTEXT words (d));",
    );
    let table = table(&catalog, "t");
    assert_eq!(table.primary_key, ["b", "a"]);
    assert_eq!(table.unique_keys, [["c", "a"]]);
    let told: Vec<(&str, bool)> = table.indexes.iter().map(|index| (index.name.as_str(), index.unique)).collect();
    assert_eq!(told, [("PRIMARY", true), ("plain", false), ("u", true), ("words", false)]);
    assert_eq!(table.kind, TableKind::Base);
}

#[test]
fn links_are_told_with_what_a_delete_does() {
    let catalog = catalog(
        "CREATE TABLE p (a INT, b INT, PRIMARY KEY (a, b), UNIQUE (b));
         CREATE TABLE c (x INT, y INT, z INT,
            CONSTRAINT both_keys FOREIGN KEY (y, x) REFERENCES p (a, b) ON DELETE CASCADE,
            CONSTRAINT one_key FOREIGN KEY (z) REFERENCES p (b) ON DELETE SET NULL);",
    );
    let links = &table(&catalog, "c").foreign_keys;
    assert_eq!(links.len(), 2);
    assert_eq!(links[0].name.as_deref(), Some("both_keys"));
    assert_eq!(
        (&links[0].columns[..], &links[0].referenced_columns[..]),
        (&["y", "x"].map(String::from)[..], &["a", "b"].map(String::from)[..])
    );
    assert_eq!((links[0].on_delete, links[1].on_delete), (Action::Cascade, Action::SetNull));
    assert!(links.iter().all(|link| link.enforced && link.references == TableId::plain("p")));
}

#[test]
fn two_links_of_one_name_in_two_databases_are_not_mixed_up() {
    let sql =
        "CREATE TABLE p (a INT PRIMARY KEY); CREATE TABLE c (x INT, CONSTRAINT same FOREIGN KEY (x) REFERENCES p (a));";
    let (_, first) = store(&SERVER, sql);
    let (_, second) = store(&SERVER, sql);
    for location in [first, second] {
        let catalog = reader(&location).catalog().unwrap();
        assert_eq!(table(&catalog, "c").foreign_keys.len(), 1);
        assert_eq!(table(&catalog, "c").foreign_keys[0].columns, ["x"]);
    }
}

#[test]
fn a_link_from_another_database_is_an_obstacle() {
    let (name, location) = store(&SERVER, "CREATE TABLE p (a INT PRIMARY KEY); CREATE TABLE q (a INT PRIMARY KEY);");
    let other = database_name();
    SERVER.create_database(&other);
    SERVER.sql(&other, &format!("CREATE TABLE c (x INT, FOREIGN KEY (x) REFERENCES {name}.p (a) ON DELETE CASCADE);"));
    let catalog = reader(&location).catalog().unwrap();
    assert_eq!(obstacles(table(&catalog, "p")), [format!("linked-from:{other}.c")]);
    assert!(obstacles(table(&catalog, "q")).is_empty());
    let outward = reader(&common::location(&SERVER, &other)).catalog().unwrap();
    assert_eq!(table(&outward, "c").foreign_keys[0].references.schema.as_deref(), Some(name.as_str()));
}

#[test]
fn history_tables_are_an_obstacle() {
    if !*MARIADB {
        return; // MySQL has none
    }
    let catalog = catalog("CREATE TABLE t (id INT PRIMARY KEY) WITH SYSTEM VERSIONING; CREATE TABLE u (id INT);");
    assert_eq!(obstacles(table(&catalog, "t")), ["system-versioned"]);
    assert!(obstacles(table(&catalog, "u")).is_empty());
}

#[test]
fn triggers_and_jobs_that_would_write_are_obstacles() {
    let (name, location) = store(
        &SERVER,
        "CREATE TABLE t (id INT); CREATE TABLE u (id INT); CREATE TABLE log (id INT);
         CREATE TRIGGER on_delete AFTER DELETE ON t FOR EACH ROW INSERT INTO log VALUES (OLD.id);
         CREATE TRIGGER on_update BEFORE UPDATE ON u FOR EACH ROW SET NEW.id = 1;
         CREATE EVENT sweep ON SCHEDULE EVERY 1 DAY DO DELETE FROM log WHERE id < 5;
         CREATE EVENT asleep ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM u;",
    );
    let mut reader = reader(&location);
    let catalog = reader.catalog().unwrap();
    assert_eq!(obstacles(table(&catalog, "t")), ["trigger:on_delete"]);
    assert!(obstacles(table(&catalog, "u")).is_empty(), "an UPDATE never happens on our way");
    assert_eq!(table(&catalog, "u").triggers.len(), 1);
    assert_eq!(obstacles(table(&catalog, "log")), ["job:sweep"]);
    SERVER.sql(&name, "CREATE PROCEDURE p() DELETE FROM u; CREATE EVENT calls ON SCHEDULE EVERY 1 DAY DO CALL p();");
    let catalog = reader.catalog().unwrap();
    assert!(
        catalog.tables.iter().all(|table| obstacles(table).contains(&"job:calls")),
        "what it calls is not followed"
    );
}

#[test]
fn rows_that_lie_elsewhere_are_named_and_not_read() {
    let plugins = Options::fast().set("plugin-load-add", "ha_blackhole").set("plugin-load-add", "ha_federatedx");
    let server = Mariadb::start(&if *MARIADB { plugins.tcp() } else { Options::fast().set("federated", "").tcp() });
    let kept = if *MARIADB { "Aria; CREATE SEQUENCE s;" } else { "ARCHIVE;" };
    let own = format!("CREATE TABLE k (id INT) ENGINE = {kept}");
    server
        .sql("", "CREATE DATABASE far; CREATE TABLE far.t (id INT); CREATE USER net@'%'; GRANT ALL ON *.* TO net@'%';");
    let far = format!("'mysql://net@127.0.0.1:{}/far/t'", server.port().unwrap());
    let (_, location) = store(
        &server,
        &format!(
            "CREATE TABLE a (id INT) ENGINE = MyISAM; CREATE TABLE m (id INT) ENGINE = MERGE UNION = (a);
             CREATE TABLE b (id INT) ENGINE = BLACKHOLE; {own}
             CREATE TABLE f (id INT) ENGINE = FEDERATED CONNECTION = {far};"
        ),
    );
    let mut reader = reader(&location);
    let catalog = reader.catalog().unwrap();
    let names: Vec<&str> = catalog.tables.iter().map(|table| table.id.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "f", "k", "m"], "a sequence is no table");
    for (name, word) in [("m", "merge"), ("b", "blackhole"), ("f", "federated")] {
        assert_eq!(table(&catalog, name).kind, TableKind::Elsewhere(word.to_owned()));
        assert_eq!(obstacles(table(&catalog, name)), [format!("elsewhere:{word}")]);
        let error = rows(reader.as_mut(), name, &["id"]).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Unsupported, Some(format!("elsewhere:{word}"))));
        assert_eq!(reader.count(&TableId::plain(name)).unwrap_err().kind, ErrorKind::Unsupported);
    }
    assert_eq!(table(&catalog, "k").kind, TableKind::Base);
    assert_eq!(reader.info().unwrap().identity.follows, Known::Unknown("remote-tables".to_owned()));
}

#[test]
fn views_are_listed_with_what_they_read() {
    let catalog = catalog(
        "CREATE TABLE `a b` (id INT); CREATE TABLE c (id INT); CREATE TABLE unread (id INT);
         CREATE VIEW v AS SELECT x.id FROM `a b` AS x JOIN c ON c.id = x.id; CREATE VIEW w AS SELECT 1 AS one;",
    );
    assert_eq!(catalog.views.len(), 2);
    assert_eq!(catalog.views[0].reads, [TableId::plain("a b"), TableId::plain("c")]);
    assert!(catalog.views[1].reads.is_empty());
    assert!(catalog.views.iter().all(|view| !view.stored));
}

#[test]
fn a_definition_is_kept_and_does_not_change_with_the_rows() {
    let (name, location) = store(&SERVER, "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT);");
    let mut reader = reader(&location);
    let before = reader.catalog().unwrap();
    SERVER.sql(&name, "INSERT INTO t (v) VALUES (1), (2), (3);");
    let after = reader.catalog().unwrap();
    let definition = table(&before, "t").definition.clone().unwrap();
    assert!(definition.contains("NOT NULL AUTO_INCREMENT") && definition.ends_with(|end| end != ';'), "{definition}");
    assert_eq!(table(&after, "t").definition, Some(definition));
}
