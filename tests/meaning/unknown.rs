//! Group 22: a type that nobody knows stops the work by its name, in the old system and in a compared column of the new one.

use crate::case::{Postgres, Sqlite};
use crate::stores::{Bench, Store};
use crate::suite::told;
use std::path::Path;

const PLAIN: &str =
    "CREATE TABLE c (id integer NOT NULL PRIMARY KEY, v varchar(20)); INSERT INTO c VALUES (1, '(1,2)');";
const ODD: &str = "CREATE TYPE odd AS (a integer, b integer);
    CREATE TABLE c (id integer NOT NULL PRIMARY KEY, v varchar(20), w odd); INSERT INTO c VALUES (1, '(1,2)', '(1,2)');";

fn yaml(column: &str) -> String {
    format!(
        "  - name: c\n    source: {{from: c s}}\n    target: {{from: c t}}\n    key: [{{source: s.id, target: t.id}}]\n    \
         columns: [{{source: s.v, target: t.{column}, as: text}}]\n"
    )
}

/// What each way of meeting such a type came to.
pub(crate) fn refusals(folder: &Path) -> [String; 3] {
    let store = |engine, name: &str, sql: &str| {
        let store = Store::new(engine, folder, name);
        store.sql(sql);
        store
    };
    let (odd, plain) = (store(Postgres, "unknown_odd", ODD), store(Sqlite, "unknown_plain", PLAIN));
    let in_source = match Bench::new(&odd.url(), &plain.url()) {
        Ok(_) => "discovered".to_owned(),
        Err(failure) => told(&failure),
    };
    let compared = |column: &str| {
        let mut bench = Bench::new(&plain.url(), &odd.url()).unwrap();
        bench.profile(&["c".to_owned()], &yaml(column));
        match bench.verify() {
            Ok(said) => format!("{:?}", said["c"].figures()),
            Err(failure) => told(&failure),
        }
    };
    [in_source, compared("w"), compared("v")]
}
