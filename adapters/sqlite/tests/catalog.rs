//! The catalog tells everything that a schema has, whatever its names, and runs nothing of it.
#![allow(clippy::unwrap_used)]

mod common;
use common::*;
use lastbell_contract::{Action, Kind, Obstacle, TableKind};

const HOSTILE: [&str; 8] =
    ["with \"quotes\"", "two words", "ученики", "x\"; DROP TABLE y; --", "1st", "select", "it's", "[brackets]`"];

#[test]
fn hostile_names_are_listed_read_counted_and_emptied() {
    let sql: String = HOSTILE
        .iter()
        .map(|name| {
            let quoted = name.replace('"', "\"\"");
            format!(
                "CREATE TABLE \"{quoted}\" (\"{quoted}\" TEXT UNIQUE); INSERT INTO \"{quoted}\" VALUES ('a'), ('b');"
            )
        })
        .collect();
    let (_folder, path) = store(&sql);
    let mut expected: Vec<_> = HOSTILE.iter().map(|name| table(name)).collect();
    expected.sort();
    let listed: Vec<_> = catalog_of(&path).tables.into_iter().map(|one| one.id).collect();
    assert_eq!(listed, expected);
    let mut eraser = eraser(&path).unwrap();
    for name in HOSTILE {
        assert_eq!(all_rows(eraser.as_mut(), name), [[text("a")], [text("b")]]);
    }
    destroy(eraser.as_mut(), &HOSTILE);
    assert!(HOSTILE.iter().all(|name| eraser.count(&table(name)).unwrap() == 0));
}

#[test]
fn keys_links_indexes_and_kinds_are_told() {
    let (_folder, path) = store(
        "CREATE TABLE Classes (a INT, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
        CREATE TABLE pupils (id INTEGER PRIMARY KEY, a INT NOT NULL, b VARCHAR(9), born DATE, ok BOOLEAN, free,
            twice AS (a * 2), UNIQUE (a, b),
            FOREIGN KEY (b, a) REFERENCES classes ON DELETE CASCADE, FOREIGN KEY (a) REFERENCES absent (x));
        CREATE UNIQUE INDEX part ON pupils (b) WHERE a > 1;
        CREATE INDEX calculated ON pupils (a, lower(b));
        CREATE VIEW seen AS SELECT * FROM \"PUPILS\" JOIN classes;",
    );
    let catalog = catalog_of(&path);
    let pupils = catalog.table(&table("pupils")).unwrap();
    let kinds: Vec<_> = pupils.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds[..6], [Kind::Int, Kind::Int, Kind::Text, Kind::Date, Kind::Bool, Kind::Unknown]);
    assert!(pupils.column("twice").unwrap().generated && !pupils.column("id").unwrap().nullable);
    assert_eq!(pupils.primary_key, ["id"]);
    assert_eq!(pupils.unique_keys, [["a", "b"]], "a partial unique index is no key");
    let link = pupils.foreign_keys.iter().find(|key| key.columns.len() == 2).unwrap();
    assert_eq!((link.references.name.as_str(), link.on_delete, link.enforced), ("Classes", Action::Cascade, false));
    assert_eq!(pupils.foreign_keys.len(), 2);
    assert!(pupils.indexes.iter().any(|index| index.columns == ["a", ""] && !index.unique));
    assert_eq!(catalog.table(&table("Classes")).unwrap().primary_key, ["b", "a"]);
    assert_eq!(catalog.views[0].reads, [table("Classes"), table("pupils")]);
}

#[test]
fn what_stands_in_the_way_is_named() {
    let (_folder, path) = store(
        "CREATE TABLE pupils (id INTEGER PRIMARY KEY, name);
        CREATE TABLE log (x);
        CREATE TRIGGER gone AFTER DELETE ON pupils BEGIN INSERT INTO log VALUES (old.name); END;
        CREATE TRIGGER changed AFTER UPDATE ON pupils BEGIN INSERT INTO log VALUES (old.name); END;
        CREATE VIRTUAL TABLE own USING fts5(body);
        CREATE VIRTUAL TABLE outer_text USING fts5(name, content='Pupils', content_rowid=id);
        CREATE VIRTUAL TABLE boxes USING rtree(id, a, b);
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_schema VALUES ('table', 'ghost', 'ghost', 0, 'CREATE VIRTUAL TABLE ghost USING phantom(a)');
        INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0,
            'CREATE VIRTUAL TABLE odd USING fts5(a, tokenize=homemade)');",
    );
    let catalog = catalog_of(&path);
    let obstacles = |name: &str| catalog.table(&table(name)).unwrap().obstacles.clone();
    assert_eq!(obstacles("pupils"), [Obstacle("trigger:gone".into())]);
    assert_eq!(obstacles("ghost"), [Obstacle("elsewhere:phantom".into())]);
    assert_eq!(obstacles("boxes"), [Obstacle("elsewhere:rtree".into())]);
    assert_eq!(obstacles("odd"), [Obstacle("elsewhere:fts5".into())]);
    let kind = |name: &str| catalog.table(&table(name)).unwrap().kind.clone();
    assert_eq!(kind("own"), TableKind::FullText { content: None });
    assert_eq!(kind("outer_text"), TableKind::FullText { content: Some(table("pupils")) });
    let shadows = catalog.tables.iter().filter(|one| one.id.name.starts_with("own_")).count();
    assert_eq!(shadows, 0, "helper tables of a full-text index are no tables of their own");
}
