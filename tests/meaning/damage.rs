//! Group 21: tables are copied, random cells of the copy get another value (as near as it can be), some rows go and some
//! come; exactly these rows must be told, by their keys. Each seed is a table and a mapping of its own, many in one run.

use crate::case::{ENGINES, Engine, Keys, Sqlite};
use crate::model::{COLUMNS, Cell, UUID, another, cell, type_on};
use crate::stores::{Bench, Said, Store};
use crate::suite::told;
use lastbell::engines::DemoWriter;
use lastbell::verify::compare::Verdict;
use lastbell_contract::Kind;
use lastbell_testkit::Memory;
use lastbell_testkit::seeded::Seeded;
use lastbell_testkit::setup::{Setup, TableSetup};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// A row: the first part of its key, the second, the other cells.
#[derive(Clone, Debug)]
struct Row {
    id: i64,
    code: String,
    cells: Vec<Cell>,
}

/// One seed: both tables, and what must be told of them.
pub(crate) struct Damage {
    seed: u64,
    /// Whether the code is part of the key, or `id` alone is.
    two: bool,
    old: Vec<Row>,
    new: Vec<Row>,
    expected: Keys,
    changed: usize,
}

/// Parts of keys that would run together without a length.
const CODES: [&str; 6] = ["1", "11", "1,1", "a|", "Ж", "ж"];

impl Damage {
    fn new(seed: u64) -> Self {
        let mut random = Seeded::new(seed);
        let two = random.below(2) == 0;
        let old: Vec<Row> = (0..6 + random.below(14)).map(|place| fresh(place, two, &mut random)).collect();
        let mut new = old.clone();
        for _ in 0..random.below(7) {
            let (place, column) = (random.below(new.len()), random.below(COLUMNS.len() + 1));
            new[place].cells[column] = another(column, &new[place].cells[column], &mut random);
        }
        let mut damage = Self { seed, two, old, new, expected: Keys::new(), changed: 0 };
        damage.changed_rows();
        damage.go_and_come(&mut random);
        damage.expected.values_mut().for_each(|keys| keys.sort());
        damage
    }

    /// A cell may have been changed twice, and back.
    fn changed_rows(&mut self) {
        for (old, new) in self.old.iter().zip(&self.new) {
            if old.cells != new.cells {
                self.expected.entry(Verdict::Different).or_default().push(key(old, self.two));
                self.changed += 1;
            }
        }
    }

    fn go_and_come(&mut self, random: &mut Seeded) {
        let rows = self.old.len();
        for _ in 0..random.below(8).saturating_sub(5) {
            let gone = self.new.remove(random.below(self.new.len()));
            self.expected.entry(Verdict::Missing).or_default().push(key(&gone, self.two));
            self.expected.entry(Verdict::Different).or_default().retain(|known| *known != key(&gone, self.two));
        }
        for more in 0..random.below(8).saturating_sub(5) {
            let come = fresh(rows + more, self.two, random);
            self.expected.entry(Verdict::Extra).or_default().push(key(&come, self.two));
            self.new.push(come);
        }
        self.expected.retain(|_, keys| !keys.is_empty());
        let order = random.draw(self.new.len(), self.new.len());
        self.new = order.into_iter().map(|place| self.new[place].clone()).collect();
    }

    fn table(&self) -> String {
        format!("d_{}", self.seed)
    }

    fn mapping(&self) -> String {
        let code = "{source: s.code, target: t.code}";
        let (key, column) =
            if self.two { (format!(", {code}"), String::new()) } else { (String::new(), format!("{code}, ")) };
        let rule = |(name, _, _, rule): &(&str, _, _, &str)| format!("{{source: s.{name}, target: t.{name}{rule}}}");
        let rules: Vec<String> = COLUMNS.iter().chain([&UUID]).map(rule).collect();
        let table = self.table();
        format!(
            "  - name: {table}\n    source: {{from: {table} s}}\n    target: {{from: {table} t}}\n    \
             key: [{{source: s.id, target: t.id}}{key}]\n    columns: [{column}{}]\n",
            rules.join(", ")
        )
    }

    fn key_columns(&self) -> &'static [&'static str] {
        if self.two { &["id", "code"] } else { &["id"] }
    }

    /// What the verification says that it must not, or does not say.
    fn wrong(&self, said: &Said) -> Option<String> {
        let gone = self.expected.get(&Verdict::Missing).map_or(0, Vec::len) as u64;
        let different = self.expected.get(&Verdict::Different).map_or(0, Vec::len) as u64;
        let extra = self.expected.get(&Verdict::Extra).map_or(0, Vec::len) as u64;
        let figures = [self.old.len() as u64 - gone - different, 0, different, gone, 0, extra];
        let right = said.figures() == figures && said.keys == self.expected;
        let sound = (said.result.source.root == said.result.target.root) == self.expected.is_empty();
        (!right || !sound).then(|| {
            format!("seed {}: {:?} {:?} and not {figures:?} {:?}", self.seed, said.figures(), said.keys, self.expected)
        })
    }
}

fn fresh(place: usize, two: bool, random: &mut Seeded) -> Row {
    let (id, code) =
        if two { (place / CODES.len(), CODES[place % CODES.len()]) } else { (place, CODES[random.below(CODES.len())]) };
    let cells = (0..=COLUMNS.len()).map(|column| cell(column, random)).collect();
    Row { id: i64::try_from(id).unwrap(), code: code.to_owned(), cells }
}

fn key(row: &Row, two: bool) -> String {
    if two { format!("{}|{}", row.id, row.code) } else { row.id.to_string() }
}

/// All seeds between two stores, in one verification.
fn told_exactly(bench: &mut Bench, damages: &[Damage]) {
    let tables: Vec<String> = damages.iter().map(Damage::table).collect();
    bench.profile(&tables, &damages.iter().map(Damage::mapping).collect::<String>());
    let said: BTreeMap<String, Said> = bench.verify().unwrap_or_else(|failure| panic!("{}", told(&failure)));
    let wrong: Vec<String> = damages.iter().filter_map(|damage| damage.wrong(&said[&damage.table()])).collect();
    assert!(wrong.is_empty(), "{} of {} seeds:\n{}", wrong.len(), damages.len(), wrong.join("\n"));
}

fn damages(seeds: std::ops::Range<u64>) -> Vec<Damage> {
    seeds.map(Damage::new).collect()
}

/// Rows changed and seeds with any: a test in which nothing was damaged would be none.
fn changed(damages: &[Damage]) -> (usize, usize) {
    let seeds = damages.iter().filter(|damage| damage.changed > 0).count();
    assert!(seeds * 2 > damages.len(), "{seeds} of {} seeds change a row", damages.len());
    (damages.iter().map(|damage| damage.changed).sum(), seeds)
}

/// Thousands of seeds in memory; how many rows were changed.
pub(crate) fn in_memory(seeds: std::ops::Range<u64>) -> (usize, usize) {
    let damages = damages(seeds);
    let memory = Memory::new();
    for (name, side) in [("old", (|damage| &damage.old) as fn(&Damage) -> &Vec<Row>), ("new", |damage| &damage.new)] {
        memory.create(name, &Setup::of(damages.iter().map(|damage| setup(damage, side(damage))).collect()));
    }
    let (world, _) = crate::common::world_with(vec![Box::new(memory)]);
    told_exactly(&mut Bench::in_world(world, "memory:old", "memory:new").unwrap(), &damages);
    changed(&damages)
}

fn setup(damage: &Damage, rows: &[Row]) -> TableSetup {
    let table = TableSetup::new(&damage.table()).column("id", Kind::Int).column("code", Kind::Text);
    let table = COLUMNS.iter().chain([&UUID]).fold(table, |table, (name, _, kind, _)| table.nullable(name, *kind));
    let row = |row: &Row| {
        let key = [lastbell_contract::Value::Int(row.id.into()), lastbell_contract::Value::Text(row.code.clone())];
        key.into_iter().chain(row.cells.iter().map(Cell::in_memory)).collect()
    };
    table.key(damage.key_columns()).rows(rows.iter().map(row))
}

/// Seeds between two engines.
pub(crate) fn between(old: Engine, new: Engine, seeds: std::ops::Range<u64>, folder: &Path) -> (usize, usize) {
    let damages = damages(seeds.clone());
    let store = |engine: Engine, side: &str, rows: fn(&Damage) -> &Vec<Row>| {
        let word = |engine: Engine| format!("{engine:?}").to_lowercase();
        let name = format!("damage_{}_{}_{}_{side}", word(old), word(new), seeds.start);
        let store = Store::new(engine, folder, &name);
        fill(&store, &damages, rows);
        store
    };
    let (source, target) = (store(old, "old", |damage| &damage.old), store(new, "new", |damage| &damage.new));
    told_exactly(&mut Bench::new(&source.url(), &target.url()).unwrap(), &damages);
    changed(&damages)
}

fn fill(store: &Store, damages: &[Damage], rows: fn(&Damage) -> &Vec<Row>) {
    let mut sql = String::from("BEGIN;\n");
    for damage in damages {
        sql += &create(store.engine, damage);
        if store.engine != Sqlite {
            for row in rows(damage) {
                let cells: Vec<String> = row.cells.iter().map(|cell| cell.sql(store.engine)).collect();
                let _ = writeln!(
                    sql,
                    "INSERT INTO {} VALUES ({}, '{}', {});",
                    damage.table(),
                    row.id,
                    row.code,
                    cells.join(", ")
                );
            }
        }
    }
    store.sql(&(sql + "COMMIT;"));
    if store.engine == Sqlite {
        fill_file(Path::new(store.name()), damages, rows);
    }
}

fn create(engine: Engine, damage: &Damage) -> String {
    let code = type_on(engine, ["text", "varchar(20) COLLATE utf8mb4_bin", "TEXT"]);
    let columns = COLUMNS.iter().chain([&UUID]).map(|(name, types, ..)| format!("{name} {}", type_on(engine, *types)));
    format!(
        "CREATE TABLE {} (id integer NOT NULL, code {code} NOT NULL, {}, PRIMARY KEY ({}));\n",
        damage.table(),
        columns.collect::<Vec<_>>().join(", "),
        damage.key_columns().join(", ")
    )
}

/// As values and not as literals: SQLite's own reading of digits is not exact to the last bit.
fn fill_file(file: &Path, damages: &[Damage], rows: fn(&Damage) -> &Vec<Row>) {
    let names: Vec<&str> =
        ["id", "code"].into_iter().chain(COLUMNS.iter().chain([&UUID]).map(|(name, ..)| *name)).collect();
    let mut writer = DemoWriter::open(file).unwrap();
    writer.execute("PRAGMA synchronous = OFF").unwrap();
    for damage in damages {
        let row = |row: &Row| {
            let key = [lastbell_contract::Value::Int(row.id.into()), lastbell_contract::Value::Text(row.code.clone())];
            key.into_iter().chain(row.cells.iter().map(Cell::in_a_file)).collect::<lastbell_contract::Row>()
        };
        writer.insert(&damage.table(), &names, &rows(damage).iter().map(row).collect::<Vec<_>>()).unwrap();
    }
    writer.finish().unwrap();
}

/// Every pair of two engines.
pub(crate) fn pairs_of_two() -> Vec<(Engine, Engine)> {
    crate::case::pairs()
        .filter(|(old, new)| old != new)
        .chain([(ENGINES[0], ENGINES[0]), (ENGINES[1], ENGINES[1])])
        .collect()
}
