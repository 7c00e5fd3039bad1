//! Group 20: one table written in another order into each engine and into files; the roots are one.
//! MariaDB is read by its binary protocol alone (only prepared statements are sent), so there is no text protocol to compare.

use crate::case::{ENGINES, Engine};
use crate::model::{COLUMNS, Cell, cell};
use crate::stores::{Bench, Store};
use crate::suite::told;
use lastbell_testkit::seeded::Seeded;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const ROWS: usize = 700;

/// Columns whose text form is one everywhere: number, decimal, words, day, moment.
const TAKEN: [usize; 5] = [0, 1, 3, 6, 7];
const RULES: [&str; 5] = [", as: int", ", as: decimal", ", as: text", ", as: date", ", as: datetime"];

fn rows() -> Vec<Vec<Cell>> {
    let mut random = Seeded::new(20);
    (0..ROWS).map(|_| TAKEN.iter().map(|column| cell(*column, &mut random)).collect()).collect()
}

fn mapping() -> String {
    let name = |place: usize| COLUMNS[TAKEN[place]].0;
    let rules: Vec<String> = (0..TAKEN.len())
        .map(|place| format!("{{source: s.{0}, target: t.{0}{1}}}", name(place), RULES[place]))
        .collect();
    format!(
        "  - name: o\n    source: {{from: o s}}\n    target: {{from: o t}}\n    \
         key: [{{source: s.id, target: t.id, as: int}}]\n    columns: [{}]\n",
        rules.join(", ")
    )
}

fn filled(engine: Engine, folder: &Path, rows: &[Vec<Cell>], order: u64) -> Store {
    let store = Store::new(engine, folder, "order_old");
    let columns =
        TAKEN.map(|column| format!("{} {}", COLUMNS[column].0, crate::model::type_on(engine, COLUMNS[column].1)));
    // Without a key of its own a table lies in the order in which it was written.
    let mut sql = format!("BEGIN;\nCREATE TABLE o (id integer, {});\n", columns.join(", "));
    for place in Seeded::new(order).draw(ROWS, ROWS) {
        let literal = |cell: &Cell| match (engine, cell) {
            (crate::case::Sqlite, Cell::Text(text)) => crate::case::exactly(text).on(engine).unwrap().to_owned(),
            (crate::case::Sqlite, Cell::Decimal(_)) => format!("'{}'", cell.sql(engine)),
            _ => cell.sql(engine), // a pair of ours and a cell
        };
        let cells: Vec<String> = rows[place].iter().map(literal).collect();
        let _ = writeln!(sql, "INSERT INTO o VALUES ({place}, {});", cells.join(", "));
    }
    store.sql(&(sql + "COMMIT;"));
    store
}

/// An export as a keeper writes it: nothing is NULL, every text stands in quotes.
fn exported(folder: &Path, rows: &[Vec<Cell>], order: u64) -> String {
    let names = TAKEN.map(|column| COLUMNS[column].0).join(",");
    let mut text = format!("id,{names}\r\n");
    for place in Seeded::new(order).draw(ROWS, ROWS) {
        let field = |cell: &Cell| match cell {
            Cell::Null => String::new(),
            Cell::Text(text) => format!("\"{}\"", text.replace('"', "\"\"")),
            other => other.sql(crate::case::Mariadb).trim_matches('\'').to_owned(),
        };
        let fields: Vec<String> = rows[place].iter().map(field).collect();
        let _ = write!(text, "{place},{}\r\n", fields.join(","));
    }
    let export = folder.join("export");
    fs::create_dir(&export).unwrap();
    fs::write(export.join("o.csv"), text).unwrap();
    format!("csv:{}", export.display())
}

/// All roots that the same rows have.
pub(crate) fn roots(folder: &Path) -> BTreeSet<String> {
    let rows = rows();
    let sources: Vec<Store> =
        ENGINES.iter().zip(1..).map(|(engine, order)| filled(*engine, folder, &rows, order)).collect();
    let export = exported(folder, &rows, 9);
    let mut roots = BTreeSet::new();
    for source in &sources {
        let mut bench = Bench::new(&source.url(), &export).unwrap();
        bench.profile(&["o".to_owned()], &mapping());
        let said = bench.verify().unwrap_or_else(|failure| panic!("{source:?}: {}", told(&failure)));
        assert_eq!(said["o"].figures(), [ROWS as u64, 0, 0, 0, 0, 0], "{source:?}: {:?}", said["o"].keys);
        roots.extend([said["o"].result.source.root.clone(), said["o"].result.target.root.clone()]);
    }
    roots
}
