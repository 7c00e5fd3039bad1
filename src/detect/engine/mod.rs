//! The machine behind discovery: words, names, values, links, subjects, verdicts. Detectors lie beside this folder.

mod catalogue;
pub(crate) mod cell;
mod finding;
pub(crate) mod fold;
mod infer;
pub(crate) mod lexicon;
mod links;
mod names;
mod schema;
mod subject;
mod tokens;
mod words;

pub use finding::{ColumnFinding, Evidence, TableFinding, TableSample};
pub use words::{Category, RowAbout, SubjectKind, Verdict};

/// Judges every column of every table together: what a table is about depends on the others.
#[must_use]
pub fn judge(samples: &[TableSample<'_>]) -> Vec<TableFinding> {
    let lexicon = lexicon::lexicon();
    let mut tables = schema::read_all(lexicon, samples);
    catalogue::explain(lexicon, &mut tables);
    let entities = subject::entities(lexicon, &tables);
    let links = links::find(lexicon, &tables, &entities);
    let about = subject::about(lexicon, &tables, &entities, &links);
    tables.iter().enumerate().map(|(at, table)| finding(table, at, about[at], &links)).collect()
}

fn finding(table: &schema::TableView<'_>, at: usize, about: subject::About, links: &links::Links) -> TableFinding {
    let columns: Vec<ColumnFinding> =
        (0..table.columns.len()).map(|place| infer::column(table, at, place, about, links)).collect();
    let any = |verdict: Verdict| columns.iter().any(|column| column.verdict == verdict);
    let verdict = match (any(Verdict::Personal), any(Verdict::Review)) {
        (true, _) => Verdict::Personal,
        (false, true) => Verdict::Review,
        (false, false) => Verdict::Not,
    };
    TableFinding { table: table.id().to_string(), about: about.rows, subject: about.subject, columns, verdict }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod cases;
