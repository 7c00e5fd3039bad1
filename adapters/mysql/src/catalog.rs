//! What a database is made of: tables, columns, keys, links, indexes, triggers, views; and what forbids destroying.
//! Reads `information_schema` and the definitions; changes nothing.

use crate::columns::{self, Told};
use crate::error::odd_answer;
use crate::mentions;
use crate::quote::quote;
use crate::session::Session;
use lastbell_contract::{
    Action, Catalog, Column, ErrorKind, ForeignKey, Index, Obstacle, Result, Table, TableId, TableKind, Trigger, View,
};
use std::collections::BTreeMap;

/// Everything in the database, sorted by name.
pub(crate) fn read(session: &mut Session) -> Result<Catalog> {
    let found = objects(session)?;
    let mut columns: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for Told { table, column, .. } in columns::all(session)? {
        columns.entry(table).or_default().push(column);
    }
    let parts = Parts {
        columns,
        indexes: indexes(session)?,
        links: links(session)?,
        triggers: triggers(session)?,
        links_from_outside: links_from_outside(session)?,
        jobs: jobs(session)?,
    };
    let mut tables = Vec::new();
    for object in found.iter().filter(|object| object.is_table()) {
        let definition = definition(session, &object.name)?;
        tables.push(parts.table(object, definition)?);
    }
    tables.sort_by(|one, other| one.id.cmp(&other.id));
    let views = views(session, &found)?;
    Ok(Catalog { tables, views })
}

/// A line of `information_schema.TABLES`.
struct Object {
    name: String,
    table_type: String,
    engine: Option<String>,
    rows: Option<u64>,
}

impl Object {
    /// A SEQUENCE holds a counter and no row; a view is listed apart.
    fn is_table(&self) -> bool {
        ["BASE TABLE", "SYSTEM VERSIONED"].contains(&self.table_type.as_str())
    }
}

fn objects(session: &mut Session) -> Result<Vec<Object>> {
    let sql = "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS FROM information_schema.TABLES \
               WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";
    session.rows("catalog", sql, (), |row| {
        Ok(Object {
            name: row.text(0)?,
            table_type: row.text(1)?,
            engine: row.maybe_text(2)?,
            rows: row.maybe_number(3)?,
        })
    })
}

/// `None` where rows lie in files of this server, else the word for where they are: another server, a module, nowhere.
/// What is not known here counts as elsewhere, for nobody measured what it leaves behind.
pub(crate) fn kind_of_engine(engine: Option<&str>) -> Option<String> {
    const HERE: [&str; 6] = ["innodb", "myisam", "aria", "memory", "csv", "archive"];
    match engine.map(str::to_lowercase) {
        None => Some("unreadable".to_owned()),
        Some(known) if HERE.contains(&known.as_str()) => None,
        Some(merge) if merge == "mrg_myisam" => Some("merge".to_owned()),
        Some(other) => Some(other),
    }
}

/// What belongs to all tables, by table.
struct Parts {
    columns: BTreeMap<String, Vec<Column>>,
    indexes: BTreeMap<String, Vec<Index>>,
    links: BTreeMap<String, Vec<ForeignKey>>,
    triggers: BTreeMap<String, Vec<Trigger>>,
    links_from_outside: BTreeMap<String, Vec<String>>,
    jobs: Vec<Job>,
}

impl Parts {
    fn table(&self, object: &Object, definition: Option<String>) -> Result<Table> {
        let of = &object.name;
        let columns = self.columns.get(of).cloned().ok_or_else(|| odd_answer("catalog"))?;
        let indexes = self.indexes.get(of).cloned().unwrap_or_default();
        let primary_key = indexes.iter().find(|index| index.name == PRIMARY).map(|index| index.columns.clone());
        let further = indexes.iter().filter(|index| index.unique && index.name != PRIMARY);
        let unique_keys = further.map(|index| index.columns.clone()).collect();
        let kind = kind_of_engine(object.engine.as_deref()).map_or(TableKind::Base, TableKind::Elsewhere);
        let triggers = self.triggers.get(of).cloned().unwrap_or_default();
        Ok(Table {
            id: TableId::plain(of),
            obstacles: self.obstacles(object, &kind, &triggers),
            kind,
            columns,
            primary_key: primary_key.unwrap_or_default(),
            unique_keys,
            foreign_keys: self.links.get(of).cloned().unwrap_or_default(),
            indexes,
            triggers,
            rows_estimate: object.rows,
            definition,
            parents: Vec::new(),
        })
    }

    fn obstacles(&self, object: &Object, kind: &TableKind, triggers: &[Trigger]) -> Vec<Obstacle> {
        let mut all = Vec::new();
        if let TableKind::Elsewhere(word) = kind {
            all.push(Obstacle(format!("elsewhere:{word}")));
        }
        if object.table_type == "SYSTEM VERSIONED" {
            all.push(Obstacle("system-versioned".to_owned()));
        }
        let firing = triggers.iter().filter(|trigger| trigger.fires);
        all.extend(firing.map(|trigger| Obstacle(format!("trigger:{}", trigger.name))));
        let outside = self.links_from_outside.get(&object.name).into_iter().flatten();
        all.extend(outside.map(|from| Obstacle(format!("linked-from:{from}"))));
        let jobs = self.jobs.iter().filter(|job| job.may_touch(&object.name));
        all.extend(jobs.map(|job| Obstacle(format!("job:{}", job.name))));
        all.sort();
        all.dedup();
        all
    }
}

const PRIMARY: &str = "PRIMARY";

/// A unique key over the beginnings of texts is stricter than one over the whole texts, so it counts as such.
fn indexes(session: &mut Session) -> Result<BTreeMap<String, Vec<Index>>> {
    let sql = "SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME FROM information_schema.STATISTICS \
               WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
    let lines = session.rows("catalog", sql, (), |row| {
        // MySQL names no column for an expression.
        Ok((row.text(0)?, row.text(1)?, row.number(2)?, row.maybe_text(3)?.unwrap_or_default()))
    })?;
    let mut all: BTreeMap<String, Vec<Index>> = BTreeMap::new();
    for (table, name, non_unique, column) in lines {
        let of = all.entry(table).or_default();
        match of.last_mut().filter(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => of.push(Index { name, columns: vec![column], unique: non_unique == 0 }),
        }
    }
    for of in all.values_mut() {
        of.sort_by(|one, other| one.name.cmp(&other.name)); // not by the server's collation
    }
    for index in all.values_mut().flatten() {
        index.unique = index.unique && index.columns.iter().all(|column| !column.is_empty());
    }
    Ok(all)
}

fn action(word: &str) -> Result<Action> {
    match word {
        "NO ACTION" => Ok(Action::NoAction),
        "RESTRICT" => Ok(Action::Restrict),
        "CASCADE" => Ok(Action::Cascade),
        "SET NULL" => Ok(Action::SetNull),
        "SET DEFAULT" => Ok(Action::SetDefault),
        _ => Err(odd_answer("catalog")),
    }
}

fn links(session: &mut Session) -> Result<BTreeMap<String, Vec<ForeignKey>>> {
    let here = session.database.clone();
    let sql = "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_SCHEMA, \
               k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE \
               FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r \
               ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME \
               AND r.TABLE_NAME = k.TABLE_NAME \
               WHERE k.TABLE_SCHEMA = DATABASE() AND r.CONSTRAINT_SCHEMA = DATABASE() \
               AND k.REFERENCED_TABLE_NAME IS NOT NULL \
               ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";
    let mut all: BTreeMap<String, Vec<ForeignKey>> = BTreeMap::new();
    let lines = session.rows("catalog", sql, (), |row| {
        let schema = Some(row.text(3)?).filter(|schema| *schema != here);
        let link = ForeignKey {
            name: Some(row.text(1)?),
            columns: vec![row.text(2)?],
            references: TableId { schema, name: row.text(4)? },
            referenced_columns: vec![row.text(5)?],
            on_delete: action(&row.text(6)?)?,
            enforced: true,
        };
        Ok((row.text(0)?, link))
    })?;
    for (table, link) in lines {
        let of = all.entry(table).or_default();
        match of.last_mut().filter(|known| known.name == link.name) {
            Some(known) => {
                known.columns.extend(link.columns);
                known.referenced_columns.extend(link.referenced_columns);
            }
            None => of.push(link),
        }
    }
    Ok(all)
}

/// Links of tables in other databases of the server: they cannot be locked or cut from here.
fn links_from_outside(session: &mut Session) -> Result<BTreeMap<String, Vec<String>>> {
    let sql = "SELECT REFERENCED_TABLE_NAME, CONSTRAINT_SCHEMA, TABLE_NAME \
               FROM information_schema.REFERENTIAL_CONSTRAINTS \
               WHERE UNIQUE_CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_SCHEMA <> DATABASE()";
    let lines = session.rows("catalog", sql, (), |row| {
        Ok((row.text(0)?, TableId { schema: Some(row.text(1)?), name: row.text(2)? }.to_string()))
    })?;
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, from) in lines {
        all.entry(table).or_default().push(from);
    }
    Ok(all)
}

/// TRUNCATE fires nothing; a trigger on DELETE or INSERT stands for what the application expects when rows go or come.
fn triggers(session: &mut Session) -> Result<BTreeMap<String, Vec<Trigger>>> {
    let sql = "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS \
               WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY EVENT_OBJECT_TABLE, TRIGGER_NAME";
    let lines = session.rows("catalog", sql, (), |row| Ok((row.text(0)?, row.text(1)?, row.text(2)?)))?;
    let mut all: BTreeMap<String, Vec<Trigger>> = BTreeMap::new();
    for (table, name, events) in lines {
        let fires = events.contains("DELETE") || events.contains("INSERT");
        all.entry(table).or_default().push(Trigger { name, fires });
    }
    Ok(all)
}

/// A scheduled event that is switched on.
struct Job {
    name: String,
    /// `None` when it is not shown to us.
    body: Option<String>,
    /// Of this database, so that a bare name in it means a table of ours.
    ours: bool,
    database: String,
}

impl Job {
    /// What a procedure does is not followed: an event that calls one may touch every table.
    fn may_touch(&self, table: &str) -> bool {
        match &self.body {
            None => self.ours,
            Some(body) if self.ours => mentions::word(body, "call") || mentions::name(body, table),
            Some(body) => mentions::name(body, &self.database) && mentions::name(body, table),
        }
    }
}

fn jobs(session: &mut Session) -> Result<Vec<Job>> {
    let database = session.database.clone();
    let sql = "SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS \
               WHERE STATUS = 'ENABLED' ORDER BY EVENT_SCHEMA, EVENT_NAME";
    session.rows("catalog", sql, (), |row| {
        let (schema, name) = (row.text(0)?, row.text(1)?);
        let ours = schema == database;
        let name = if ours { name } else { format!("{schema}.{name}") };
        let body = row.maybe_text(2)?.filter(|body| !body.is_empty());
        Ok(Job { name, body, ours, database: database.clone() })
    })
}

/// `SHOW CREATE TABLE`, the counter taken out: it changes with each row, and the definition does not. `None` for a table
/// that the server cannot open.
fn definition(session: &mut Session, table: &str) -> Result<Option<String>> {
    let sql = format!("SHOW CREATE TABLE {}", quote(table));
    match session.first("catalog", &sql, (), |row| row.text(1)) {
        Ok(text) => Ok(text.map(|text| without_counter(&text))),
        Err(error) if error.kind == ErrorKind::Unreachable || error.kind == ErrorKind::Stopped => Err(error),
        Err(_) => Ok(None),
    }
}

fn without_counter(text: &str) -> String {
    let Some(options) = text.rfind("\n)") else { return text.to_owned() };
    let (body, options) = text.split_at(options);
    let Some(start) = options.find(" AUTO_INCREMENT=") else { return text.to_owned() };
    let after = &options[start + " AUTO_INCREMENT=".len()..];
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    format!("{body}{}{}", &options[..start], &after[digits..])
}

/// MariaDB does not say what a view reads; its stored definition names each table with its database, in backticks.
fn views(session: &mut Session, objects: &[Object]) -> Result<Vec<View>> {
    let sql = "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() \
               ORDER BY TABLE_NAME";
    let found = session.rows("catalog", sql, (), |row| Ok((row.text(0)?, row.maybe_text(1)?.unwrap_or_default())))?;
    let database = session.database.clone();
    let view = |(name, text): (String, String)| {
        let mut reads = mentions::qualified(&text, &database);
        reads.retain(|read| objects.iter().any(|object| object.name == *read && object.name != name));
        View {
            id: TableId::plain(&name),
            reads: reads.iter().map(|read| TableId::plain(read)).collect(),
            stored: false,
        }
    };
    let mut views: Vec<View> = found.into_iter().map(view).collect();
    views.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(views)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_lie_elsewhere_are_told() {
        for (engine, expected) in [
            (Some("InnoDB"), None),
            (Some("MyISAM"), None),
            (Some("Aria"), None),
            (Some("FEDERATED"), Some("federated")),
            (Some("MRG_MyISAM"), Some("merge")),
            (Some("CONNECT"), Some("connect")),
            (Some("BLACKHOLE"), Some("blackhole")),
            (Some("S3"), Some("s3")),
            (Some("SPIDER"), Some("spider")),
            (Some("a new one"), Some("a new one")),
            (None, Some("unreadable")),
        ] {
            assert_eq!(kind_of_engine(engine).as_deref(), expected, "{engine:?}");
        }
    }

    #[test]
    fn a_definition_does_not_change_with_its_counter() {
        let text = "CREATE TABLE `t` (\n  `a` int COMMENT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB AUTO_INCREMENT=12 DEFAULT CHARSET=utf8mb4";
        let plain =
            "CREATE TABLE `t` (\n  `a` int COMMENT ' AUTO_INCREMENT=5'\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
        assert_eq!(without_counter(text), plain);
        assert_eq!(without_counter(plain), plain);
    }

    #[test]
    fn a_job_touches_what_it_names_or_may_name() {
        let job = |body: Option<&str>, ours| Job {
            name: "j".into(),
            body: body.map(str::to_owned),
            ours,
            database: "diary".into(),
        };
        for (body, ours, touches) in [
            (Some("DELETE FROM marks WHERE day < now()"), true, true),
            (Some("delete from `marks`"), true, true),
            (Some("DELETE FROM bookmarks"), true, false),
            (Some("CALL tidy()"), true, true),
            (None, true, true),
            (Some("DELETE FROM marks"), false, false),
            (Some("DELETE FROM diary.marks"), false, true),
            (Some("DELETE FROM `diary`.`marks`"), false, true),
        ] {
            assert_eq!(job(body, ours).may_touch("marks"), touches, "{body:?}");
        }
    }
}
