//! Names that break out of careless statements go through every call unharmed, in tables, columns, schemas and databases.
#![allow(clippy::unwrap_used)]

mod common;

use common::{catalog, database, in_schema, open, rows, server, text};
use lastbell_contract::{
    Adapter, ErasePermit, ErrorKind, Flow, LockRequest, Moment, Scan, Statement, TableId, Value, Witness,
};
use lastbell_postgres::Postgres;

const NAMES: [&str; 14] = [
    "\"; DROP TABLE t; --",
    "'; DROP TABLE t; --",
    "$$; DROP TABLE t; $$",
    "Ученики 5 «Б»",
    "№ 5",
    "with \"quotes\" and 'more'",
    "two  blanks",
    "1st",
    "select",
    "back\\slash",
    "dot.dot",
    "{curly} %s ?1 $1",
    "🔔 bell",
    "sixty_three_bytes_sixty_three_bytes_sixty_three_bytes_sixty_thr",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

struct Deaf;

impl Witness for Deaf {
    fn hear(&mut self, _: Moment, _: &Statement) -> lastbell_contract::Result<()> {
        Ok(())
    }
}

/// A table for each name, in the schema of that name and in `public`, with a column for each name.
fn made() -> String {
    let columns: Vec<String> = NAMES.iter().map(|name| format!("{} text DEFAULT 'x'", quoted(name))).collect();
    let mut sql = "CREATE TABLE t (id int); INSERT INTO t VALUES (1);".to_owned();
    for name in NAMES {
        let (schema, table) = (quoted(name), quoted(name));
        sql.push_str(&format!("CREATE SCHEMA {schema};"));
        for place in [table.clone(), format!("{schema}.{table}")] {
            sql.push_str(&format!(
                "CREATE TABLE {place} ({columns}, id int, PRIMARY KEY (id)); INSERT INTO {place} (id) VALUES (1), (2);",
                columns = columns.join(", ")
            ));
        }
    }
    database(&sql)
}

fn everywhere() -> Vec<TableId> {
    NAMES.iter().flat_map(|name| [TableId::plain(name), in_schema(name, name)]).collect()
}

#[test]
fn every_call_takes_every_name() {
    let made = made();
    let listed = catalog(&made);
    assert_eq!(listed.tables.len(), 2 * NAMES.len() + 1);
    let columns: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let mut reader = common::reader(&made);
    for id in everywhere() {
        let told = listed.table(&id).unwrap_or_else(|| panic!("{id} is not listed"));
        assert_eq!(told.column_names()[..NAMES.len()], columns);
        assert_eq!(reader.count(&id).unwrap(), 2, "{id}");
        let read = rows(reader.as_mut(), &id, &columns);
        assert_eq!(read, vec![vec![text("x"); NAMES.len()]; 2], "{id}");
        let scan = Scan { sample: Some((1, 1)), ..Scan::whole(&id, &columns) };
        assert!(reader.scan(&scan, &mut |_| Flow::Continue).is_ok(), "{id}");
    }
    assert_eq!(reader.count(&TableId::plain("t")).unwrap(), 1);
}

#[test]
fn every_name_is_destroyed_and_rebuilt_alone() {
    let made = made();
    let mut eraser = common::eraser(&made).unwrap();
    let all = everywhere();
    let (gone, kept) = all.split_at(all.len() / 2);
    let mut unit = eraser.lock(&LockRequest { unit: all.clone(), watched: vec![], wait_ms: 1000 }).unwrap();
    unit.destroy(gone, &mut Deaf).unwrap();
    for id in kept {
        let only_first = &mut |row: lastbell_contract::Row| (row.last() == Some(&Value::Int(1))).then_some(row);
        assert_eq!(unit.rebuild(id, only_first, &mut Deaf).unwrap(), 1, "{id}");
    }
    unit.commit(&mut Deaf).unwrap();
    drop(eraser);
    let mut reader = common::reader(&made);
    for (ids, left) in [(gone, 0), (kept, 1)] {
        for id in ids {
            assert_eq!(reader.count(id).unwrap(), left, "{id}");
        }
    }
    assert_eq!(reader.count(&TableId::plain("t")).unwrap(), 1);
}

#[test]
fn names_that_are_not_there_are_not_found() {
    let made = made();
    let mut reader = common::reader(&made);
    // The last one is 64 bytes: a statement would cut it to the table of 63.
    let longer = format!("{}x", NAMES[13]);
    for name in ["", "T", "t; DROP TABLE t", "public.t", "\"t\"", "t\0", &longer] {
        let told = common::failed(reader.count(&TableId::plain(name)));
        assert_eq!(told.kind, ErrorKind::NotFound, "{name:?}");
        assert_eq!(
            common::failed(reader.count(&in_schema(name, "t"))).kind,
            ErrorKind::NotFound,
            "{name:?} as a schema"
        );
    }
    assert_eq!(reader.count(&TableId::plain("t")).unwrap(), 1);
}

#[test]
fn a_database_and_a_role_may_be_called_anything() {
    for name in ["Школа № 5", "a\"b'c", "select", "100%25"] {
        server().sql("postgres", &format!("CREATE DATABASE {0}; CREATE ROLE {0} LOGIN", quoted(name)));
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut reader = open(&server().url_as(&encoded, &encoded)).unwrap();
        assert_eq!(reader.info().unwrap().role.name, name);
        assert!(reader.catalog().unwrap().tables.is_empty());
        let permit = ErasePermit::granted_by("00", &[]);
        assert!(Postgres.open_eraser(&common::location(&server().url_as(&encoded, &encoded)), &permit).is_ok());
    }
}
