//! The catalog tells everything that later steps judge a table by: keys, links, indexes, triggers, views, partitions, heirs,
//! and what forbids destroying it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{catalog, database, in_schema, major, reader_as, server, table};
use lastbell_contract::{Action, Catalog, ForeignKey, Kind, Table, TableId, TableKind};

fn named<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    catalog.table(&table(name)).unwrap_or_else(|| panic!("`{name}` is not listed"))
}

fn obstacles(table: &Table) -> Vec<&str> {
    table.obstacles.iter().map(|one| one.0.as_str()).collect()
}

fn names(catalog: &Catalog) -> Vec<String> {
    catalog.tables.iter().map(|table| table.id.to_string()).collect()
}

#[test]
fn tables_of_all_schemas_and_no_others() {
    let made = database(
        "CREATE SCHEMA \"Школа № 5\"; CREATE TABLE \"Школа № 5\".\"select\" (id int); CREATE TABLE b (id int); \
         CREATE TABLE a (id int); CREATE TEMP TABLE hidden (id int); CREATE SEQUENCE s; CREATE UNLOGGED TABLE u (id int)",
    );
    assert_eq!(names(&catalog(&made)), ["a", "b", "u", "Школа № 5.select"]);
    assert!(catalog(&made).table(&in_schema("Школа № 5", "select")).is_some());
}

#[test]
fn columns_in_order_with_types_defaults_and_remarks() {
    let made = database(
        "CREATE DOMAIN must AS text NOT NULL; \
         CREATE TABLE t (z int, gone int, a varchar(20) NOT NULL, m must, twice int GENERATED ALWAYS AS (z * 2) STORED, \
                         i int GENERATED ALWAYS AS IDENTITY, n numeric(5,2)[]); \
         ALTER TABLE t DROP COLUMN gone; COMMENT ON COLUMN t.a IS 'фамилия'; ALTER TABLE t ALTER a SET DEFAULT 'Ёж'",
    );
    let listed = catalog(&made);
    let t = named(&listed, "t");
    assert_eq!(t.column_names(), ["z", "a", "m", "twice", "i", "n"]);
    let declared: Vec<&str> = t.columns.iter().map(|column| column.declared_type.as_str()).collect();
    assert_eq!(declared, ["integer", "character varying(20)", "public.must", "integer", "integer", "numeric(5,2)[]"]);
    let nullable: Vec<bool> = t.columns.iter().map(|column| column.nullable).collect();
    assert_eq!(nullable, [true, false, false, true, false, true]);
    let generated: Vec<bool> = t.columns.iter().map(|column| column.generated).collect();
    assert_eq!(generated, [false, false, false, true, false, false]);
    assert_eq!(t.columns[1].comment.as_deref(), Some("фамилия"));
    assert_eq!((t.columns[2].kind, t.columns[5].kind), (Kind::Text, Kind::Text));
    assert!(t.definition.as_ref().unwrap().contains("'Ёж'"), "texts that stay with the table are told");
}

#[test]
fn only_keys_that_hold_for_every_row_are_keys() {
    // Version 15 brought it; before, NULLs are distinct in every index.
    let alike = if major() >= 15 { "NULLS NOT DISTINCT" } else { "" };
    let made = database(&format!(
        "CREATE TABLE t (a int, b int, c int NOT NULL, d int, PRIMARY KEY (c, a)); \
         CREATE UNIQUE INDEX whole ON t (b); CREATE UNIQUE INDEX part ON t (d) WHERE d > 0; \
         CREATE UNIQUE INDEX expression ON t ((a + b)); CREATE UNIQUE INDEX more ON t (c) INCLUDE (d); \
         CREATE UNIQUE INDEX alike ON t (b, d) {alike}; CREATE INDEX plain ON t (d, b); \
         ALTER TABLE t ADD CONSTRAINT later UNIQUE (a, c) DEFERRABLE",
    ));
    let listed = catalog(&made);
    let t = named(&listed, "t");
    assert_eq!(t.primary_key, ["c", "a"]);
    let both = (alike.is_empty()).then_some(vec!["b", "d"]);
    let expected: Vec<Vec<&str>> = [vec!["a", "c"], vec!["b"]].into_iter().chain(both).chain([vec!["c"]]).collect();
    assert_eq!(t.unique_keys, expected);
    let indexes: Vec<(&str, Vec<&str>, bool)> = t
        .indexes
        .iter()
        .map(|index| (index.name.as_str(), index.columns.iter().map(String::as_str).collect(), index.unique))
        .collect();
    assert_eq!(
        indexes,
        [
            ("alike", vec!["b", "d"], true),
            ("expression", vec![""], true),
            ("later", vec!["a", "c"], true),
            ("more", vec!["c"], true),
            ("part", vec!["d"], false),
            ("plain", vec!["d", "b"], false),
            ("t_pkey", vec!["c", "a"], true),
            ("whole", vec!["b"], true),
        ]
    );
}

#[test]
fn links_with_their_actions_also_to_and_from_partitions() {
    let made = database(
        "CREATE SCHEMA s; CREATE TABLE s.parent (a int, b int, PRIMARY KEY (a, b)); \
         CREATE TABLE child (x int, y int, CONSTRAINT two FOREIGN KEY (y, x) REFERENCES s.parent (b, a) ON DELETE CASCADE); \
         CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); CREATE TABLE p2 PARTITION OF p DEFAULT; \
         CREATE TABLE leads (id int REFERENCES p ON DELETE SET NULL, self int UNIQUE, back int REFERENCES leads (self)); \
         CREATE TABLE q (id int, r int CONSTRAINT up REFERENCES p) PARTITION BY LIST (id); \
         CREATE TABLE q1 PARTITION OF q DEFAULT; ALTER TABLE q1 ADD CONSTRAINT own FOREIGN KEY (id) REFERENCES p1; \
         CREATE TABLE late (id int); ALTER TABLE late ADD FOREIGN KEY (id) REFERENCES p NOT VALID",
    );
    let listed = catalog(&made);
    let links = |name: &str| -> Vec<ForeignKey> {
        let all = &named(&listed, name).foreign_keys;
        assert!(all.iter().all(|link| link.enforced));
        all.clone()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let two = links("child").remove(0);
    assert_eq!((two.name.as_deref(), two.on_delete), (Some("two"), Action::Cascade));
    assert_eq!((two.columns, two.references), (words(&["y", "x"]), in_schema("s", "parent")));
    assert_eq!(two.referenced_columns, words(&["b", "a"]));
    let told: Vec<(TableId, Action)> =
        links("leads").into_iter().map(|link| (link.references, link.on_delete)).collect();
    assert_eq!(told, [(table("leads"), Action::NoAction), (table("p"), Action::SetNull)]);
    let told: Vec<(Option<String>, TableId)> =
        links("q").into_iter().map(|link| (link.name, link.references)).collect();
    assert_eq!(told, [(Some("up".to_owned()), table("p")), (Some("own".to_owned()), table("p"))]);
    assert_eq!(links("late").len(), 1);
    assert_eq!(names(&listed), ["child", "late", "leads", "p", "q", "s.parent"], "partitions are not listed");
}

#[test]
fn partitions_are_told_of_their_root() {
    let made = database(
        "CREATE TABLE p (id int, y int, PRIMARY KEY (id, y)) PARTITION BY RANGE (y); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); \
         CREATE TABLE p2 PARTITION OF p DEFAULT PARTITION BY LIST (id); CREATE TABLE p21 PARTITION OF p2 DEFAULT; \
         INSERT INTO p SELECT i, i FROM generate_series(0, 29) i; CREATE UNIQUE INDEX own ON p1 (y); \
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER on_root AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION f(); \
         CREATE TRIGGER on_leaf BEFORE TRUNCATE ON p21 EXECUTE FUNCTION f(); ANALYZE",
    );
    let listed = catalog(&made);
    assert_eq!(names(&listed), ["p"]);
    let p = named(&listed, "p");
    assert_eq!((&p.kind, p.primary_key.len(), p.rows_estimate), (&TableKind::Base, 2, Some(30)));
    let triggers: Vec<(&str, bool)> = p.triggers.iter().map(|one| (one.name.as_str(), one.fires)).collect();
    assert_eq!(triggers, [("on_leaf", true), ("on_root", false)]);
    assert_eq!(obstacles(p), ["trigger:on_leaf"]);
    assert!(p.unique_keys.is_empty(), "a key of one partition is no key of the table");
    assert!(p.parents.is_empty());
}

#[test]
fn heirs_know_their_parents() {
    let made = database(
        "CREATE SCHEMA s; CREATE TABLE one (id int); CREATE TABLE s.two (id int); \
         CREATE TABLE heir (more int) INHERITS (s.two, one); CREATE TABLE grandchild () INHERITS (heir)",
    );
    let listed = catalog(&made);
    assert_eq!(named(&listed, "heir").parents, [in_schema("s", "two"), table("one")]);
    assert_eq!(named(&listed, "grandchild").parents, [table("heir")]);
    assert!(named(&listed, "one").parents.is_empty());
    assert_eq!(named(&listed, "grandchild").column_names(), ["id", "more"]);
}

#[test]
fn triggers_that_fire_on_our_way_are_obstacles() {
    let made = database(
        "CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION f(); \
         CREATE TRIGGER guard BEFORE TRUNCATE ON t EXECUTE FUNCTION f(); \
         CREATE TRIGGER asleep BEFORE TRUNCATE ON t EXECUTE FUNCTION f(); ALTER TABLE t DISABLE TRIGGER asleep; \
         CREATE RULE quiet AS ON DELETE TO t DO INSTEAD NOTHING; CREATE TABLE u (id int UNIQUE REFERENCES u (id))",
    );
    let listed = catalog(&made);
    let t = named(&listed, "t");
    let triggers: Vec<(&str, bool)> = t.triggers.iter().map(|one| (one.name.as_str(), one.fires)).collect();
    assert_eq!(triggers, [("asleep", false), ("audit", false), ("guard", true), ("quiet", false)]);
    assert_eq!(obstacles(t), ["trigger:guard"]);
    assert!(named(&listed, "u").triggers.is_empty(), "what enforces a link is no trigger of people");
}

#[test]
fn views_tell_what_they_read_and_whether_they_keep_it() {
    let made = database(
        "CREATE SCHEMA s; CREATE TABLE a (id int); CREATE TABLE s.b (id int); CREATE TABLE c (id int); \
         CREATE VIEW v AS SELECT a.id FROM a JOIN s.b ON a.id = b.id; CREATE MATERIALIZED VIEW m AS SELECT * FROM v; \
         CREATE VIEW one AS SELECT 1 AS id",
    );
    let views = catalog(&made).views;
    let told: Vec<(String, bool, Vec<TableId>)> =
        views.into_iter().map(|view| (view.id.to_string(), view.stored, view.reads)).collect();
    let both = vec![table("a"), in_schema("s", "b")];
    assert_eq!(
        told,
        [("m".to_owned(), true, both.clone()), ("one".to_owned(), false, Vec::new()), ("v".to_owned(), false, both)]
    );
}

#[test]
fn rows_that_live_elsewhere_are_named() {
    let made = database(
        "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; \
         CREATE FOREIGN TABLE f (id int) SERVER far; CREATE TABLE p (id int) PARTITION BY LIST (id); \
         CREATE FOREIGN TABLE p1 PARTITION OF p DEFAULT SERVER far; CREATE TABLE here (id int)",
    );
    let listed = catalog(&made);
    for name in ["f", "p"] {
        assert_eq!(named(&listed, name).kind, TableKind::Elsewhere("postgres_fdw".to_owned()), "{name}");
        assert_eq!(obstacles(named(&listed, name)), ["elsewhere:postgres_fdw"]);
        assert_eq!(common::code(common::reader(&made).count(&table(name))), "elsewhere:postgres_fdw");
    }
    assert_eq!(named(&listed, "here").kind, TableKind::Base);
}

#[test]
fn large_objects_are_a_table_that_nobody_empties() {
    let empty = database("CREATE TABLE t (photo oid)");
    assert_eq!(names(&catalog(&empty)), ["t"]);
    server().sql(&empty, "INSERT INTO t VALUES (lo_from_bytea(0, '\\xff'))");
    let listed = catalog(&empty);
    assert_eq!(names(&listed), ["t", "pg_catalog.pg_largeobject"]);
    let objects = listed.table(&in_schema("pg_catalog", "pg_largeobject")).unwrap();
    assert_eq!((obstacles(objects), objects.rows_estimate), (vec!["large-objects"], Some(1)));
}

#[test]
fn a_role_that_may_do_nothing_still_sees_the_tables() {
    server().sql("postgres", "CREATE ROLE nobody_here LOGIN");
    let made = database("CREATE TABLE secret (id int PRIMARY KEY); CREATE VIEW v AS SELECT * FROM secret");
    let listed = reader_as("nobody_here", &made).catalog().unwrap();
    assert_eq!(names(&listed), ["secret"]);
    assert_eq!(named(&listed, "secret").primary_key, ["id"]);
}

#[test]
fn estimates_come_from_figures_and_are_not_invented() {
    let made = database("CREATE TABLE t AS SELECT generate_series(1, 5000) AS id; CREATE TABLE e (id int)");
    assert_eq!(named(&catalog(&made), "t").rows_estimate, None);
    server().sql(&made, "ANALYZE");
    let listed = catalog(&made);
    // Before version 14 an empty table and one that was never looked at have the same figures.
    let empty = (major() >= 14).then_some(0);
    assert_eq!((named(&listed, "t").rows_estimate, named(&listed, "e").rows_estimate), (Some(5000), empty));
}
