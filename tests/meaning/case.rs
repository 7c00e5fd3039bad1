//! What a case of the suite is: data. A name, a group, what each engine is told to create on either side, mappings, and the
//! verdict that each mapping must come to. Where an engine cannot have it, `!` and the reason stand in the place of SQL.

use lastbell::verify::compare::Verdict;
use std::collections::BTreeMap;

/// The engines of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Engine {
    Postgres,
    Mariadb,
    Sqlite,
}

pub(crate) use Engine::{Mariadb, Postgres, Sqlite};

pub(crate) const ENGINES: [Engine; 3] = [Postgres, Mariadb, Sqlite];

/// The old system's engine and the platform's.
pub(crate) type Pair = (Engine, Engine);

/// All pairs, each direction on its own.
pub(crate) fn pairs() -> impl Iterator<Item = Pair> {
    ENGINES.into_iter().flat_map(|old| ENGINES.into_iter().map(move |new| (old, new)))
}

/// The word of each engine for one thing, in the order of [`ENGINES`]; `!REASON` where it has none. An empty word is a hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words([String; 3]);

impl Words {
    /// What it is on an engine, or why it is not there.
    pub(crate) fn on(&self, engine: Engine) -> Result<&str, &str> {
        let word = self.0[engine as usize].as_str();
        word.strip_prefix('!').map_or(Ok(word), Err)
    }

    /// The same put into a longer word, wherever there is one.
    pub(crate) fn with(&self, change: impl Fn(&str) -> String) -> Self {
        self.map(|_, word| change(word))
    }

    /// The same, absent on one engine.
    pub(crate) fn unless(mut self, engine: Engine, reason: &str) -> Self {
        self.0[engine as usize] = format!("!{reason}");
        self
    }

    fn map(&self, change: impl Fn(Engine, &str) -> String) -> Self {
        Self(ENGINES.map(|engine| self.on(engine).map_or_else(|why| format!("!{why}"), |word| change(engine, word))))
    }

    fn text(&self, engine: Engine) -> &str {
        &self.0[engine as usize]
    }
}

/// One word for all engines.
pub(crate) fn all(word: &str) -> Words {
    each(word, word, word)
}

/// A word for each: PostgreSQL, MariaDB, SQLite.
pub(crate) fn each(postgres: &str, mariadb: &str, sqlite: &str) -> Words {
    Words([postgres, mariadb, sqlite].map(str::to_owned))
}

/// A literal for exactly this text, whatever the engine's client does to line ends and backslashes.
pub(crate) fn exactly(text: &str) -> Words {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let postgres = match text.contains('\0') {
        true => "!PostgreSQL has no U+0000 in a text".to_owned(),
        false => format!("convert_from(decode('{hex}', 'hex'), 'UTF8')"),
    };
    Words([postgres, format!("CONVERT(x'{hex}' USING utf8mb4)"), format!("CAST(x'{hex}' AS TEXT)")])
}

/// What a pair of cells must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Equal,
    Different,
    /// Different, and equal under the declared rule.
    Declared,
}

/// Two cells of one row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) old: Words,
    pub(crate) new: Words,
    pub(crate) want: Want,
}

/// A row.
pub(crate) fn row(old: &Words, new: &Words, want: Want) -> Row {
    Row { old: old.clone(), new: new.clone(), want }
}

/// Each value against each: equal to itself and to nothing else.
pub(crate) fn each_with_each(values: &[Words]) -> Vec<Row> {
    let against = |at: usize| {
        values
            .iter()
            .enumerate()
            .map(move |(other, new)| row(&values[at], new, if at == other { Want::Equal } else { Want::Different }))
    };
    (0..values.len()).flat_map(against).collect()
}

/// What a mapping must come to.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Rows 1, 2, 3…, under the declared rule or without it.
    Rows { declared: bool },
    /// Figures: matched, moved on, different, missing, ambiguous, extra; and the keys that did not match.
    Figures([u64; 6], Vec<(Verdict, &'static str)>),
    /// Refused before a row is read, with this code among its causes.
    Refused(&'static str),
}

/// One mapping over the tables of a case.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    /// Tells mappings of one case apart.
    pub(crate) suffix: &'static str,
    /// Its lines in profile.yaml, all but the name. `§` is the case's table.
    pub(crate) yaml: String,
    pub(crate) expected: Expected,
}

/// A case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) group: u8,
    pub(crate) name: &'static str,
    /// Statements that make the old system's tables; `§` is the first table's name.
    pub(crate) old: Words,
    pub(crate) new: Words,
    /// The rows that `old` and `new` were made of.
    pub(crate) rows: Vec<Row>,
    pub(crate) mappings: Vec<Mapped>,
}

impl Case {
    /// A table `(id, v)` with one compared column; `rule` is how it is compared (`as: date`).
    pub(crate) fn of_cells(group: u8, name: &'static str, types: &Words, rule: &str, rows: Vec<Row>) -> Self {
        Self::of_cells_between(group, name, [types, types], rule, rows)
    }

    /// The same with another type in the new platform.
    pub(crate) fn of_cells_between(
        group: u8,
        name: &'static str,
        types: [&Words; 2],
        rule: &str,
        rows: Vec<Row>,
    ) -> Self {
        let side = |types: &Words, cell: fn(&Row) -> &Words| types.map(|engine, of| table(engine, of, &rows, cell));
        let (old, new) = (side(types[0], |row| &row.old), side(types[1], |row| &row.new));
        let plain = Mapped { suffix: "", yaml: cells_yaml(rule), expected: Expected::Rows { declared: false } };
        Self { group, name, old, new, rows, mappings: vec![plain] }
    }

    /// Besides, the same cells under a rule that declares a tolerance.
    pub(crate) fn declared(mut self, rule: &str) -> Self {
        let expected = Expected::Rows { declared: true };
        self.mappings.push(Mapped { suffix: "+", yaml: cells_yaml(rule), expected });
        self
    }

    /// Tables as told, equal in both stores but for what the statements say.
    pub(crate) fn of_tables(group: u8, name: &'static str, old: Words, new: Words) -> Self {
        Self { group, name, old, new, rows: Vec::new(), mappings: Vec::new() }
    }

    /// A mapping over them.
    pub(crate) fn mapped(mut self, suffix: &'static str, yaml: &str, expected: Expected) -> Self {
        self.mappings.push(Mapped { suffix, yaml: yaml.to_owned(), expected });
        self
    }

    /// Its first table.
    pub(crate) fn table(&self) -> String {
        format!("c_{}", self.name.replace('-', "_"))
    }

    /// Why it cannot be on a pair; `None` where it is.
    pub(crate) fn absent(&self, (old, new): Pair) -> Option<&str> {
        self.old.on(old).err().or_else(|| self.new.on(new).err())
    }

    /// Statements of a side, with its name; nothing where the engine cannot.
    pub(crate) fn statements(&self, engine: Engine, old: bool) -> Option<String> {
        let side = if old { &self.old } else { &self.new };
        side.on(engine).ok().map(|sql| sql.replace('§', &self.table()))
    }

    /// A mapping's name and its lines in profile.yaml.
    pub(crate) fn mapping(&self, mapped: &Mapped) -> (String, String) {
        let name = format!("{}{}", self.name, mapped.suffix);
        let body: String = mapped.yaml.trim().replace('§', &self.table()).replace('\n', "\n    ");
        (name.clone(), format!("  - name: {name:?}\n    {body}\n"))
    }

    /// What a mapping over rows must come to on a pair: figures, and the keys by verdict.
    pub(crate) fn of_rows(&self, (old, new): Pair, declared: bool) -> ([u64; 6], Keys) {
        let (mut figures, mut keys) = ([0; 6], Keys::new());
        for (row, id) in self.rows.iter().zip(1_u32..) {
            let equal = row.want == Want::Equal || (declared && row.want == Want::Declared);
            let (place, verdict) = match (row.old.on(old), row.new.on(new)) {
                (Err(_), Err(_)) => continue,
                (Ok(_), Err(_)) => (3, Some(Verdict::Missing)),
                (Err(_), Ok(_)) => (5, Some(Verdict::Extra)),
                (Ok(_), Ok(_)) if equal => (0, None),
                (Ok(_), Ok(_)) => (2, Some(Verdict::Different)),
            };
            figures[place] += 1;
            if let Some(verdict) = verdict {
                keys.entry(verdict).or_default().push(id.to_string());
            }
        }
        keys.values_mut().for_each(|keys| keys.sort());
        (figures, keys)
    }

    /// Every place of its data that has neither SQL nor a reason, and every pair on which nothing of it is told.
    pub(crate) fn holes(&self) -> Vec<String> {
        let mut holes = Vec::new();
        let words = self.rows.iter().flat_map(|row| [&row.old, &row.new]).chain([&self.old, &self.new]);
        for (word, engine) in words.flat_map(|words| ENGINES.map(|engine| (words.text(engine), engine))) {
            let empty = word.trim().is_empty() || word.strip_prefix('!').is_some_and(|reason| reason.trim().len() < 9);
            if empty {
                holes.push(format!("{}: {engine:?} has neither SQL nor a reason", self.name));
            }
        }
        if self.mappings.is_empty() {
            holes.push(format!("{}: no mapping", self.name));
        }
        holes
    }
}

/// Keys by verdict, sorted; the columns of one key joined by `|`.
pub(crate) type Keys = BTreeMap<Verdict, Vec<String>>;

fn cells_yaml(rule: &str) -> String {
    let rule = if rule.is_empty() { String::new() } else { format!(", {rule}") };
    format!(
        "source: {{from: § s}}\ntarget: {{from: § t}}\nkey: [{{source: s.id, target: t.id}}]\n\
         columns: [{{source: s.v, target: t.v{rule}}}]"
    )
}

fn table(engine: Engine, of_type: &str, rows: &[Row], cell: fn(&Row) -> &Words) -> String {
    let mut sql = format!("CREATE TABLE § (id integer NOT NULL PRIMARY KEY, v {of_type});\n");
    for (row, id) in rows.iter().zip(1_u32..) {
        if let Ok(value) = cell(row).on(engine) {
            sql += &format!("INSERT INTO § VALUES ({id}, {value});\n");
        }
    }
    sql
}
