//! Bugs of a migration, each planted alone into a platform that was clean: what `verify` must count for which mapping, and what
//! it must call the bug in which column. The platform's own engine says beforehand how many rows that are.
//! Changes the target of a case and puts it back; reads `verification.json` and what the program prints.

use crate::common::{json_file, lastbell_json};
use crate::corpus::database::{Database, Engine};
use crate::misread::misread;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A bug.
pub(crate) struct Bug {
    pub(crate) name: &'static str,
    /// What the migration did wrong, as statements on the target.
    pub(crate) sql: &'static str,
    /// Mapping, verdict, and the rows that get it: what stands behind FROM, asked of the clean target.
    pub(crate) found: &'static [(&'static str, &'static str, &'static str)],
    /// Mapping, column, cause, detail, and its rows.
    pub(crate) named: &'static [(&'static str, &'static str, &'static str, Option<i64>, &'static str)],
}

/// How the target was before.
pub(crate) struct Pristine {
    target: Database,
    tables: Vec<&'static str>,
    file: Option<PathBuf>,
}

impl Pristine {
    /// Keeps what is in these tables: beside the file, or beside the tables of a server.
    pub(crate) fn of(target: &Database, tables: &[&'static str]) -> Self {
        let tables = tables.to_vec();
        let file = match target {
            Database::File(file) => {
                // In another folder: what lies beside a store would be looked at, too.
                let kept = file.parent().unwrap().with_extension("pristine");
                fs::copy(file, &kept).unwrap();
                Some(kept)
            }
            Database::Postgres(..) | Database::Mysql(..) => {
                let keep = |table: &&str| format!("CREATE TABLE keep_{table} AS SELECT * FROM {table};\n");
                target.execute(&tables.iter().map(keep).collect::<String>());
                None
            }
        };
        Self { target: target.clone(), tables, file }
    }

    /// Puts everything back.
    pub(crate) fn restore(&self) {
        if let (Some(kept), Database::File(file)) = (&self.file, &self.target) {
            fs::copy(kept, file).unwrap();
            return;
        }
        let back = |table: &&str| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM keep_{table};\n");
        self.target.execute(&self.tables.iter().map(back).collect::<String>());
    }
}

/// The engine of a database.
pub(crate) fn engine(database: &Database) -> Engine {
    match database {
        Database::File(_) => Engine::Sqlite,
        Database::Postgres(..) => Engine::Postgres,
        Database::Mysql(..) => Engine::Mysql,
    }
}

/// Puts the engine's own words in the place of `{MOMENT}`, `{EARLIER c}`, `{LATER c}` and `{MISREAD c}`.
pub(crate) fn words(engine: Engine, sql: &str) -> String {
    let mut text = sql.replace("{MOMENT}", if engine == Engine::Postgres { "TIMESTAMP" } else { "DATETIME" });
    for (word, of_engine) in
        [("{EARLIER ", earlier as fn(Engine, &str) -> String), ("{LATER ", later), ("{MISREAD ", misread)]
    {
        while let Some(start) = text.find(word) {
            let end = start + text[start..].find('}').expect("the word is closed");
            let written = of_engine(engine, &text[start + word.len()..end]);
            text.replace_range(start..=end, &written);
        }
    }
    text
}

/// Three hours earlier: Moscow's time taken for UTC's.
fn earlier(engine: Engine, column: &str) -> String {
    match engine {
        Engine::Sqlite => format!("datetime({column}, '-3 hours')"),
        Engine::Postgres => format!("{column} - interval '3 hours'"),
        Engine::Mysql => format!("{column} - INTERVAL 3 HOUR"),
    }
}

/// The next day, at the same time.
fn later(engine: Engine, column: &str) -> String {
    match engine {
        Engine::Sqlite => format!("datetime({column}, '+1 day')"),
        Engine::Postgres => format!("{column} + interval '1 day'"),
        Engine::Mysql => format!("{column} + INTERVAL 1 DAY"),
    }
}

/// By mapping and verdict: rows other than 0.
type Counts = BTreeMap<(String, String), u64>;
/// By mapping, column, cause and detail: rows.
type Names = BTreeMap<(String, String, String, Option<i64>), u64>;

/// A verification of the case: its exit code, what was counted, what was named, what was printed.
pub(crate) struct Verified {
    pub(crate) exit: i32,
    pub(crate) counts: Counts,
    pub(crate) names: Names,
    pub(crate) document: Value,
}

/// Verifies a case again, as a process.
pub(crate) fn verify(case: &Path) -> Verified {
    let (exit, document) = lastbell_json(&["verify", &case.display().to_string(), "--again"]);
    assert!(exit == 0 || exit == 1, "{document:#}");
    let (mut counts, mut names) = (Counts::new(), Names::new());
    for result in json_file(&case.join("verification.json"))["mappings"].as_array().unwrap() {
        let mapping = result["mapping"].as_str().unwrap().to_owned();
        for verdict in ["moved_on", "different", "missing", "ambiguous", "extra"] {
            let rows = result["counts"][verdict].as_u64().unwrap();
            if rows > 0 {
                counts.insert((mapping.clone(), verdict.to_owned()), rows);
            }
        }
        for cause in result["causes"].as_array().into_iter().flatten() {
            let word = |key: &str| cause[key].as_str().unwrap().to_owned();
            let name = (mapping.clone(), word("column"), word("cause"), cause["detail"].as_i64());
            names.insert(name, cause["rows"].as_u64().unwrap());
        }
    }
    Verified { exit, counts, names, document }
}

impl Verified {
    /// Nothing but what moved on: exit 0, no finding.
    pub(crate) fn assert_clean(&self, what: &str) {
        let unlike: Vec<_> = self.counts.iter().filter(|((_, verdict), _)| verdict != "moved_on").collect();
        assert_eq!((unlike, &self.names), (Vec::new(), &Names::new()), "{what}: {:#}", self.document);
        assert_eq!(self.exit, 0, "{what}: {:#}", self.document);
        assert_eq!(self.document["findings"].as_array().unwrap().len(), 0, "{what}");
    }

    /// Whether the program prints that cause of that column: among the findings, or the lines where it blocks nothing.
    fn prints(&self, mapping: &str, column: &str, cause: &str) -> bool {
        let code = format!("cause-{}", cause.replace('_', "-"));
        let lines = [&self.document["findings"], &self.document["lines"]];
        lines.iter().flat_map(|lines| lines.as_array().unwrap()).any(|line| {
            line["code"] == code.as_str() && line["args"]["mapping"] == mapping && line["args"]["column"] == column
        })
    }
}

/// Plants each bug alone, and at the end finds the target clean again.
pub(crate) fn each_alone(case: &Path, pristine: &Pristine, bugs: &[Bug]) {
    let (target, engine) = (&pristine.target, engine(&pristine.target));
    verify(case).assert_clean("before any bug");
    for bug in bugs {
        let rows = |from: &str| target.count(&words(engine, &format!("SELECT 1 AS one FROM {from}")));
        let mut counts = Counts::new();
        for (mapping, verdict, from) in bug.found {
            counts.insert((mapping.to_string(), verdict.to_string()), rows(from));
        }
        counts.retain(|_, rows| *rows > 0);
        let name = |(mapping, column, cause, detail, from): &(&str, &str, &str, Option<i64>, &str)| {
            ((mapping.to_string(), column.to_string(), cause.to_string(), *detail), rows(from))
        };
        let names: Names = bug.named.iter().map(name).collect();
        assert!(!counts.is_empty() && names.values().all(|rows| *rows > 0), "{}: {counts:?} {names:?}", bug.name);
        target.execute(&words(engine, bug.sql));
        let verified = verify(case);
        pristine.restore();
        assert_eq!(verified.counts, counts, "{}: {:?}", bug.name, verified.names);
        assert_eq!(verified.names, names, "{}", bug.name);
        let blocks = bug.found.iter().any(|(_, verdict, _)| *verdict != "extra");
        assert_eq!(verified.exit, i32::from(blocks), "{}: {:#}", bug.name, verified.document);
        for (mapping, column, cause, ..) in bug.named {
            assert!(verified.prints(mapping, column, cause), "{}: {:#}", bug.name, verified.document);
        }
        eprintln!("── {engine:?}, {}: {:?}; {:?}", bug.name, verified.counts, verified.names);
    }
    verify(case).assert_clean("after every bug");
}
