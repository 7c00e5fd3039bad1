//! Names that break out of careless statements: of databases, tables and columns. They are read like others.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod common;

use common::{SERVER, location, raw, reader, rows, stores};
use lastbell_contract::{ErrorKind, TableId, Value};
use mysql::prelude::Queryable;

const NAMES: [&str; 14] = [
    "\"; drop table victim; -- ",
    "`; drop table victim; -- x",
    "`",
    "``",
    "журнал №1",
    "two  spaces.and.dots",
    "1st",
    "12345",
    "select",
    "a?b",
    ":name",
    "back\\slash",
    "%s{0}$1@x",
    "шестьдесят_четыре_буквы_шестьдесят_четыре_буквы_шестьдесят_четыр",
];

#[test]
fn hostile_names_of_databases_tables_and_columns_are_read() {
    for name in NAMES {
        // A name may not end in a blank on this server.
        let name = name.trim_end();
        SERVER.create_database(name);
        let mut connection = raw(&SERVER, name);
        connection.query_drop("CREATE TABLE victim (id INT)").unwrap();
        let quoted = stores::quoted(name);
        let table = format!("CREATE TABLE {quoted} ({quoted} INT PRIMARY KEY, other VARCHAR(9) CHARACTER SET cp1251)");
        connection.query_drop(table).unwrap();
        connection.query_drop(format!("INSERT INTO {quoted} VALUES (7, 'Ё')")).unwrap();
        let mut reader = reader(&location(&SERVER, name));
        let catalog = reader.catalog().unwrap();
        assert_eq!(catalog.tables.len(), 2, "{name}");
        assert_eq!(catalog.table(&TableId::plain(name)).unwrap().primary_key, [name]);
        let found = rows(reader.as_mut(), name, &[name, "other"]).unwrap();
        assert_eq!(found, [vec![Value::Int(7), Value::Text("Ё".to_owned())]], "{name}");
        assert_eq!(reader.count(&TableId::plain(name)), Ok(1), "{name}");
        assert!(reader.files().unwrap().iter().any(|file| file.path.ends_with("victim.ibd")), "{name}");
        connection.query_drop(format!("DROP DATABASE {quoted}")).unwrap();
    }
}

#[test]
fn a_name_that_is_not_there_is_not_found_and_runs_nothing() {
    let (name, location) = common::store(&SERVER, "CREATE TABLE victim (id INT);");
    let mut reader = reader(&location);
    for wanted in
        ["victim; DROP TABLE victim", "victim`; DROP TABLE victim; -- ", "VICTIM", "victim ", "", "mysql.user"]
    {
        assert_eq!(rows(reader.as_mut(), wanted, &["id"]).unwrap_err().kind, ErrorKind::NotFound, "{wanted}");
        assert_eq!(reader.count(&TableId::plain(wanted)).unwrap_err().kind, ErrorKind::NotFound, "{wanted}");
    }
    for column in ["id`; DROP TABLE victim; -- ", "ID", "id, id", "1", ""] {
        assert_eq!(rows(reader.as_mut(), "victim", &[column]).unwrap_err().kind, ErrorKind::NotFound, "{column}");
    }
    let elsewhere = TableId { schema: Some("mysql".to_owned()), name: "victim".to_owned() };
    assert_eq!(reader.count(&elsewhere).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(SERVER.sql(&name, "SHOW TABLES"), "victim");
}
