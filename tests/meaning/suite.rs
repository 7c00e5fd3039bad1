//! Runs every case over every pair: two databases on each engine, one verification for each pair, and one more for each
//! mapping that must be refused. Tells every verdict that is not the expected one.

use crate::case::{Case, ENGINES, Engine, Expected, Keys, Mapped, Pair, pairs};
use crate::stores::{Bench, Said, Store};
use lastbell::failure::{Exit, Failure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Both sides' databases on one engine.
pub(crate) struct Sides {
    old: Store,
    new: Store,
}

/// What came of all cases.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What was wrong.
    pub(crate) wrong: Vec<String>,
    /// Mappings judged, by group and pair.
    pub(crate) judged: BTreeMap<(u8, Pair), usize>,
    /// Cells of rows judged.
    pub(crate) cells: usize,
    /// Roots of matched mappings, of both sides and all pairs.
    roots: BTreeMap<String, BTreeSet<String>>,
}

/// Makes the tables of all cases on every engine.
pub(crate) fn load(cases: &[Case], folder: &Path) -> BTreeMap<Engine, Sides> {
    let side = |engine, name: &str, old| {
        let store = Store::new(engine, folder, name);
        let sql: Vec<String> = cases.iter().filter_map(|case| case.statements(engine, old)).collect();
        store.sql(&format!("BEGIN;\n{}\nCOMMIT;", sql.join("\n")));
        store
    };
    ENGINES
        .map(|engine| {
            (engine, Sides { old: side(engine, "meaning_old", true), new: side(engine, "meaning_new", false) })
        })
        .into()
}

impl Report {
    /// All cases over one pair.
    pub(crate) fn over(&mut self, cases: &[Case], stores: &BTreeMap<Engine, Sides>, pair: Pair) {
        let mut bench = Bench::new(&stores[&pair.0].old.url(), &stores[&pair.1].new.url()).unwrap();
        let here: Vec<&Case> = cases.iter().filter(|case| case.absent(pair).is_none()).collect();
        let all = here.iter().flat_map(|case| case.mappings.iter().map(move |mapped| (*case, mapped)));
        let (refused, compared): (Vec<_>, Vec<_>) =
            all.partition(|(_, mapped)| matches!(mapped.expected, Expected::Refused(_)));
        let yaml: String = compared.iter().map(|(case, mapped)| case.mapping(mapped).1).collect();
        let tables: Vec<String> = compared.iter().map(|(case, _)| case.table()).collect();
        bench.profile(&tables, &yaml);
        let said = bench.verify().unwrap_or_else(|failure| panic!("{pair:?}: {}", told(&failure)));
        for (case, mapped) in compared {
            self.judge(case, mapped, pair, &said[&case.mapping(mapped).0]);
        }
        for (case, mapped) in refused {
            self.refuse(&mut bench, case, mapped, pair);
        }
    }

    fn judge(&mut self, case: &Case, mapped: &Mapped, pair: Pair, said: &Said) {
        let name = case.mapping(mapped).0;
        let (figures, keys) = match &mapped.expected {
            Expected::Rows { declared } => case.of_rows(pair, *declared),
            Expected::Figures(figures, keys) => (*figures, by_verdict(keys)),
            Expected::Refused(_) => unreachable!("partitioned before"),
        };
        self.count(case, pair);
        self.cells += said.figures().iter().sum::<u64>() as usize;
        if said.figures() != figures {
            self.wrong.push(format!("{pair:?} {name}: {:?} and not {figures:?}; {:?}", said.figures(), said.keys));
        } else if said.keys != keys && !(keys.is_empty() && figures[2..] != [0; 4]) {
            self.wrong.push(format!("{pair:?} {name}: rows {:?} and not {keys:?}", said.keys));
        }
        let (old, new) = (&said.result.source.root, &said.result.target.root);
        let same = figures[1..] == [0; 5];
        if same != (old == new) {
            self.wrong.push(format!("{pair:?} {name}: the roots are equal: {}", old == new));
        }
        if same {
            self.roots.entry(name).or_default().extend([old.clone(), new.clone()]);
        }
    }

    fn refuse(&mut self, bench: &mut Bench, case: &Case, mapped: &Mapped, pair: Pair) {
        let Expected::Refused(code) = mapped.expected else { unreachable!("partitioned before") };
        let (name, yaml) = case.mapping(mapped);
        bench.profile(&[case.table()], &yaml);
        self.count(case, pair);
        match bench.verify() {
            Ok(said) => self.wrong.push(format!("{pair:?} {name}: verified as {:?}", said[&name].figures())),
            Err(failure) if told(&failure).contains(code) && failure.exit != Exit::Bug => {}
            Err(failure) => self.wrong.push(format!("{pair:?} {name}: refused by {}", told(&failure))),
        }
    }

    fn count(&mut self, case: &Case, pair: Pair) {
        *self.judged.entry((case.group, pair)).or_default() += 1;
    }

    /// Rows that are one in meaning have one root, wherever they lie; the key is the same in every case of this suite.
    pub(crate) fn one_root(&mut self, name: &str) {
        let roots = self.roots.get(name).map_or(0, BTreeSet::len);
        if roots != 1 {
            self.wrong.push(format!("{name}: {roots} roots of the same rows on all engines"));
        }
    }

    /// How many mappings were judged in each group, a column for each pair.
    pub(crate) fn table(&self) -> String {
        let groups: BTreeSet<u8> = self.judged.keys().map(|(group, _)| *group).collect();
        let short = |engine: Engine| format!("{engine:?}")[..2].to_owned();
        let mut text = format!(
            "group {}\n",
            pairs().map(|(a, b)| format!("{}-{}", short(a), short(b))).collect::<Vec<_>>().join(" ")
        );
        for group in groups {
            let figures = pairs().map(|pair| format!("{:5}", self.judged.get(&(group, pair)).unwrap_or(&0)));
            text += &format!("{group:5} {}\n", figures.collect::<Vec<_>>().join(" "));
        }
        text
    }
}

fn by_verdict(listed: &[(lastbell::verify::compare::Verdict, &str)]) -> Keys {
    let mut keys = Keys::new();
    listed.iter().for_each(|(verdict, key)| keys.entry(*verdict).or_default().push((*key).to_owned()));
    keys.values_mut().for_each(|keys| keys.sort());
    keys
}

/// All codes of a failure.
pub(crate) fn told(failure: &Failure) -> String {
    crate::common::codes(failure).join(" ← ")
}
