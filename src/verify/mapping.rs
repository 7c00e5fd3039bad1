//! Compiles a mapping of the profile against both catalogs: every name found, every column accounted for, nothing weak.
//! Reads a mapping, two catalogs and what the inventory knows; writes a compiled mapping, or every problem at once.

use super::calendar::DateFormat;
use super::causes::LookedAtColumn;
use super::compare::CompareRules;
use super::coverage::{self, Use, Uses};
use super::names::{Names, SideName, holds_unique_key, listed, near};
use super::side::{Cell, CompiledJoin, CompiledSide, Content, Place, RecordShape, Scanned, ValueMap};
use super::transform::{Transform, is_filled, text_of};
use crate::failure::Failure;
use crate::profile::Zone;
use crate::profile::profile_file::{ColumnRule, KeyPair, Mapping, Normaliser, Shape, Split, Tolerance};
use lastbell_contract::{Catalog, Kind, TableKind, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};

pub use super::coverage::{Coverage, PersonalColumns};

/// A mapping that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledMapping {
    /// Its name.
    pub name: String,
    /// Extra rows in the target block.
    pub exact: bool,
    /// The old rows.
    pub source: CompiledSide,
    /// The new rows.
    pub target: CompiledSide,
    /// Whether rows are told apart by a declared key; otherwise by all compared columns, as a multiset.
    pub keyed: bool,
    /// What makes the key: the target's columns, or all compared ones.
    pub key_columns: Vec<String>,
    /// The target's columns of the compared values: those that may not change, then the others.
    pub compared_columns: Vec<String>,
    /// Of these, the columns that tell which row of a joined table is meant.
    pub links: BTreeSet<String>,
    /// Target columns that may change, in the order of their digests in a record.
    pub may_change: Vec<String>,
    /// The share of moved-on rows beyond which they count as different.
    pub may_change_percent_max: u32,
    /// What became of the source table's personal columns.
    pub coverage: Coverage,
    /// Compared columns with a tolerance or a loss: printed in the certificate.
    pub tolerances: Vec<ToleratedColumn>,
    /// Source columns that were left behind, with the reason.
    pub not_migrated: BTreeMap<String, String>,
}

/// A compared column for which some differences do not count.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ToleratedColumn {
    /// The target column.
    pub target: String,
    /// The normaliser that loses something, and the tolerances: the profile's words.
    pub tolerances: Vec<String>,
}

/// The target's half of a mapping, compiled where the source is not seen: what a receipt is made with.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledTarget {
    /// The mapping's name.
    pub name: String,
    /// The new rows.
    pub side: CompiledSide,
}

impl CompiledMapping {
    /// The rules of the comparison.
    #[must_use]
    pub fn rules(&self) -> CompareRules {
        CompareRules {
            shape: self.shape(),
            tells_change: self.target.changed_at.is_some(),
            may_change_percent_max: self.may_change_percent_max,
        }
    }

    /// The shape of the records of both sides.
    #[must_use]
    pub fn shape(&self) -> RecordShape {
        self.source.shape()
    }

    /// The columns of a row that is looked at again: its key's, unless all compared columns are the key; the compared ones.
    #[must_use]
    pub fn looked_at_columns(&self) -> Vec<LookedAtColumn> {
        let key = if self.keyed { &self.key_columns[..] } else { &[] };
        let names = key.iter().chain(&self.compared_columns);
        let key = if self.keyed { &self.source.key[..] } else { &[] };
        let cells = key.iter().chain(&self.source.fixed).chain(&self.source.movable);
        let column = |(name, cell): (&String, &Cell)| LookedAtColumn {
            name: name.clone(),
            words: cell.values.results.iter().cloned().collect(),
            is_link: self.links.contains(name),
        };
        names.zip(cells).map(column).collect()
    }

    /// The label of the mapping's keys; see [`super::keys::VerifyKeys::derive`].
    #[must_use]
    pub fn key_label(&self) -> String {
        key_label(&self.name)
    }
}

/// The label of the keys of the mapping with that name; see [`super::keys::mapping_secret`].
#[must_use]
pub fn key_label(mapping: &str) -> String {
    format!("mapping:{mapping}")
}

/// Compiles a mapping.
///
/// # Errors
/// Every problem that was found: unknown names with those probably meant, joins that may multiply rows, columns that are
/// not accounted for, value maps that merge, comparisons that prove too little.
pub fn compile(
    mapping: &Mapping,
    source: &Catalog,
    target: &Catalog,
    personal: &PersonalColumns,
) -> Result<CompiledMapping, Vec<Failure>> {
    let mut problems = Vec::new();
    let old = Names::find(&mapping.name, SideName::Source, &mapping.source, source, &mut problems);
    let new = Names::find(&mapping.name, SideName::Target, &mapping.target, target, &mut problems);
    let (Some(old), Some(new)) = (old, new) else { return Err(problems) };
    let mut compiler = Compiler {
        mapping,
        old: Builder::new(old, true),
        new: Builder::new(new, false),
        last_parts: last_parts(mapping),
        uses: Uses::new(),
        tolerances: Vec::new(),
        not_migrated: BTreeMap::new(),
        problems,
    };
    compiler.filtered();
    let cells = compiler.cells();
    compiler.links(personal);
    compiler.finish(cells, personal)
}

/// Compiles the target's half alone: the same side, to the last cell, that [`compile`] gives over the same catalog.
///
/// # Errors
/// Every problem of that half: unknown names with those probably meant, joins that may multiply rows, a format.
pub fn compile_target(mapping: &Mapping, target: &Catalog) -> Result<CompiledTarget, Vec<Failure>> {
    let mut problems = Vec::new();
    let names = Names::find(&mapping.name, SideName::Target, &mapping.target, target, &mut problems);
    let Some(names) = names else { return Err(problems) };
    let mut new = Builder::new(names, false);
    let (mut key, mut columns) = (Vec::new(), Vec::new());
    for pair in &mapping.key {
        let spoken = Spoken::of_key(pair);
        key.extend(new.cell(mapping, &spoken, &mut problems));
    }
    for rule in &mapping.columns {
        let Some(spoken) = rule.shape().and_then(|shape| Spoken::of_rule(rule, shape)) else { continue };
        let cell = new.cell(mapping, &spoken, &mut problems);
        columns.extend(cell.map(|cell| (spoken.target, cell)));
    }
    let changed_at = mapping.changed_at.as_deref().and_then(|column| new.place(column, &mut problems));
    let may_change = |column: &str| mapping.may_change.iter().position(|known| known == column);
    let (mut movable, fixed): (Vec<_>, Vec<_>) =
        columns.into_iter().partition(|(target, _)| may_change(target).is_some());
    movable.sort_by_key(|(target, _)| may_change(target));
    let cells = |named: Vec<(&str, Cell)>| -> Vec<Cell> { named.into_iter().map(|(_, cell)| cell).collect() };
    let (fixed, movable) = (cells(fixed), cells(movable));
    let key = if mapping.key.is_empty() { fixed.clone() } else { key };
    let side = side(&mut new, &mut problems, [key, fixed, movable], changed_at);
    if problems.is_empty() {
        Ok(CompiledTarget { name: mapping.name.clone(), side })
    } else {
        Err(deduplicated(problems))
    }
}

/// What a rule says of its target column, whatever it takes from the source.
struct Spoken<'a> {
    target: &'a str,
    normaliser: Option<Normaliser>,
    format: Option<&'a str>,
    tolerances: &'a BTreeSet<Tolerance>,
    zone: Option<&'a Zone>,
}

/// A key tolerates nothing.
static NO_TOLERANCES: BTreeSet<Tolerance> = BTreeSet::new();

impl<'a> Spoken<'a> {
    fn of_key(pair: &'a KeyPair) -> Self {
        let (format, zone) = (pair.format.as_deref(), pair.zone.as_ref());
        Self { target: &pair.target, normaliser: pair.r#as, format, tolerances: &NO_TOLERANCES, zone }
    }

    /// `None` for columns that are left behind.
    fn of_rule(rule: &'a ColumnRule, shape: Shape<'a>) -> Option<Self> {
        let (target, normaliser) = match shape {
            Shape::Compared { target, .. } | Shape::Part { target, .. } | Shape::Merged { target, .. } => {
                (target, rule.r#as)
            }
            // A constant is a text; the column is compared as text, whatever its type.
            Shape::Constant { target, .. } => (target, Some(Normaliser::Text)),
            Shape::NotMigrated { .. } => return None,
        };
        let (format, zone) = (rule.format.as_deref(), rule.zone.as_ref());
        Some(Self { target, normaliser, format, tolerances: &rule.tolerate, zone })
    }

    /// How both sides are read.
    fn transform(&self, mapping: &Mapping, problems: &mut Vec<Failure>) -> Transform {
        let dated = matches!(self.normaliser, Some(Normaliser::Date | Normaliser::Datetime));
        let parsed = self.format.map(DateFormat::parse);
        if parsed == Some(None) || (parsed.is_some() && !dated) {
            problems.push(failure!(Usage, "mapping-format", mapping = mapping.name, column = self.target));
        }
        Transform::new(self.normaliser, parsed.flatten(), self.tolerances.clone()).on_clock(self.zone.cloned())
    }
}

/// A side while it is put together: its tables, and the columns that turned out to be needed.
struct Builder<'a> {
    names: Names<'a>,
    columns: Vec<Vec<String>>,
}

impl<'a> Builder<'a> {
    /// All columns of the source's base table are scanned: each must be accounted for, several mappings share its rows,
    /// and the same pass digests the whole table.
    fn new(names: Names<'a>, whole_base: bool) -> Self {
        let mut columns = vec![Vec::new(); names.tables.len()];
        if whole_base {
            columns[0] = names.tables[0].column_names();
        }
        Self { names, columns }
    }

    fn place(&mut self, text: &'a str, problems: &mut Vec<Failure>) -> Option<Place> {
        let (table, column) = self.names.column(text, problems)?;
        Some(self.place_of(table, column))
    }

    fn place_of(&mut self, table: usize, column: &str) -> Place {
        let columns = &mut self.columns[table];
        let found = columns.iter().position(|known| known == column).unwrap_or_else(|| {
            columns.push(column.to_owned());
            columns.len() - 1
        });
        Place { table, column: found }
    }

    fn kind(&self, place: Place) -> Kind {
        let name = &self.columns[place.table][place.column];
        self.names.tables[place.table].column(name).map_or(Kind::Unknown, |column| column.kind)
    }

    /// The transform for a column of this side, which may be one that its engine fills up with blanks.
    fn read_as(&self, transform: &Transform, place: Option<Place>) -> Transform {
        let column = place.and_then(|place| self.names.tables[place.table].column(self.column_name(place)));
        transform.clone().of_filled(column.is_some_and(is_filled))
    }

    /// The cell of a target column.
    fn cell(&mut self, mapping: &Mapping, spoken: &Spoken<'a>, problems: &mut Vec<Failure>) -> Option<Cell> {
        let transform = spoken.transform(mapping, problems);
        let place = self.place(spoken.target, problems)?;
        let transform = self.read_as(&transform, Some(place));
        Some(Cell { content: Content::One(place), transform, values: ValueMap::default() })
    }

    fn column_name(&self, place: Place) -> &str {
        &self.columns[place.table][place.column]
    }

    fn joins(&mut self, problems: &mut Vec<Failure>) -> Vec<CompiledJoin> {
        let side = self.names.side;
        (1..).zip(&side.join).map(|(table, join)| self.join(table, &join.on, problems)).collect()
    }

    fn join(&mut self, table: usize, on: &'a [[String; 2]], problems: &mut Vec<Failure>) -> CompiledJoin {
        let mut join = CompiledJoin { own: Vec::new(), earlier: Vec::new() };
        for [left, right] in on {
            let (left, right) = (self.place(left, problems), self.place(right, problems));
            let (Some(left), Some(right)) = (left, right) else { continue };
            match (left.table.cmp(&table), right.table.cmp(&table)) {
                (std::cmp::Ordering::Less, std::cmp::Ordering::Equal) => join.push(right, left),
                (std::cmp::Ordering::Equal, std::cmp::Ordering::Less) => join.push(left, right),
                (_, _) => problems.push(self.join_failure("mapping-join-pair", table)), // std's enum: neither order fits
            }
        }
        let own: Vec<&str> = join.own.iter().map(|column| self.columns[table][*column].as_str()).collect();
        // A file declares no keys: a row that finds several is left out as it is read, and stands for nothing.
        let declares_keys = self.names.tables[table].kind != TableKind::File;
        if declares_keys && !holds_unique_key(self.names.tables[table], &own) {
            problems.push(self.join_failure("mapping-join-not-unique", table).with("columns", listed_names(&own)));
        }
        join
    }

    fn join_failure(&self, code: &'static str, table: usize) -> Failure {
        Failure::new(crate::failure::Exit::Usage, code)
            .with("mapping", self.names.mapping)
            .with("side", self.names.name.word())
            .with("table", &self.names.tables[table].id)
    }

    fn filter(&mut self, problems: &mut Vec<Failure>) -> Vec<(Place, Option<String>)> {
        let side = self.names.side;
        let places = side.r#where.iter().map(|(column, wanted)| Some((self.place(column, problems)?, wanted.clone())));
        places.flatten().collect()
    }
}

impl CompiledJoin {
    fn push(&mut self, own: Place, earlier: Place) {
        self.own.push(own.column);
        self.earlier.push(earlier);
    }
}

fn listed_names(names: &[&str]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

/// For each source column that is split, the number of its last declared part.
fn last_parts(mapping: &Mapping) -> BTreeMap<&str, u32> {
    let mut last = BTreeMap::new();
    for rule in &mapping.columns {
        if let Some(Shape::Part { source, split, .. }) = rule.shape() {
            let known = last.entry(source).or_insert(split.part);
            *known = split.part.max(*known);
        }
    }
    last
}

/// A compared pair.
struct Pair {
    old: Cell,
    new: Cell,
    target: String,
}

struct Cells {
    key: Vec<Pair>,
    columns: Vec<Pair>,
}

struct Compiler<'a> {
    mapping: &'a Mapping,
    old: Builder<'a>,
    new: Builder<'a>,
    last_parts: BTreeMap<&'a str, u32>,
    uses: Uses,
    tolerances: Vec<ToleratedColumn>,
    not_migrated: BTreeMap<String, String>,
    problems: Vec<Failure>,
}

impl<'a> Compiler<'a> {
    fn problem(&mut self, code: &'static str, column: &str) {
        let failure = Failure::new(crate::failure::Exit::Usage, code).with("mapping", &self.mapping.name);
        self.problems.push(failure.with("column", column));
    }

    fn uses(&mut self, place: Place, one: Use) {
        let column = self.old.column_name(place).to_owned();
        self.uses.entry((place.table, column)).or_default().insert(one);
    }

    /// Columns in which the filter lets one value through are accounted for: the profile states that value.
    fn filtered(&mut self) {
        for (place, _) in self.old.filter(&mut self.problems) {
            self.uses(place, Use::Filtered);
        }
    }

    fn cells(&mut self) -> Cells {
        let mapping = self.mapping;
        self.check_splits();
        let key = mapping.key.iter().filter_map(|pair| self.key_pair(pair)).collect();
        let mut columns = Vec::new();
        for (rule, number) in mapping.columns.iter().zip(1_usize..) {
            match rule.shape() {
                None => self.problem("mapping-rule-shape", &number.to_string()),
                Some(Shape::NotMigrated { sources, reason }) => self.left_behind(sources, reason),
                Some(shape) => columns.extend(self.column_pair(rule, shape)),
            }
        }
        Cells { key, columns }
    }

    fn key_pair(&mut self, pair: &'a KeyPair) -> Option<Pair> {
        let transform = Spoken::of_key(pair).transform(self.mapping, &mut self.problems);
        let old = self.old.place(&pair.source, &mut self.problems);
        let new = self.new.place(&pair.target, &mut self.problems)?;
        let (content, places) = (Content::One(old?), vec![old?]);
        self.compared(&places, new, &transform, pair.r#as, &pair.target, false);
        let sides = [self.old.read_as(&transform, Some(old?)), self.new.read_as(&transform, Some(new))];
        Some(pair_of(content, ValueMap::default(), new, sides, &pair.target))
    }

    fn left_behind(&mut self, sources: &'a [String], reason: &str) {
        for source in sources {
            if let Some(place) = self.old.place(source, &mut self.problems) {
                self.uses(place, Use::NotMigrated);
                self.not_migrated.insert(source.clone(), reason.to_owned());
            }
        }
    }

    fn column_pair(&mut self, rule: &'a ColumnRule, shape: Shape<'a>) -> Option<Pair> {
        let spoken = Spoken::of_rule(rule, shape)?;
        let (target, normaliser) = (spoken.target, spoken.normaliser);
        let sources: Vec<&str> = match shape {
            Shape::Compared { source, .. } | Shape::Part { source, .. } => vec![source],
            Shape::Merged { sources, .. } => sources.iter().map(String::as_str).collect(),
            Shape::Constant { .. } | Shape::NotMigrated { .. } => Vec::new(),
        };
        let transform = spoken.transform(self.mapping, &mut self.problems);
        let values = self.values(rule, &transform, target);
        let places: Vec<Option<Place>> =
            sources.into_iter().map(|source| self.old.place(source, &mut self.problems)).collect();
        let new = self.new.place(target, &mut self.problems)?;
        let places: Vec<Place> = places.into_iter().collect::<Option<_>>()?;
        let content = match shape {
            Shape::Part { source, split, .. } => self.part(source, split, places[0]),
            Shape::Merged { by, .. } => Content::Merged { places: places.clone(), by: by.to_owned() },
            Shape::Constant { text, .. } => Content::Constant(Value::Text(text.to_owned())),
            Shape::Compared { .. } | Shape::NotMigrated { .. } => Content::One(*places.first()?),
        };
        let may_change = self.mapping.may_change.iter().any(|column| column == target);
        self.compared(&places, new, &transform, normaliser, target, may_change);
        let whole = if let Content::One(place) = &content { Some(*place) } else { None };
        let sides = [self.old.read_as(&transform, whole), self.new.read_as(&transform, Some(new))];
        Some(pair_of(content, values, new, sides, target))
    }

    fn part(&self, source: &str, split: &Split, place: Place) -> Content {
        let part = split.part.saturating_sub(1) as usize;
        Content::Part { place, by: split.by.clone(), part, last: self.last_parts.get(source) == Some(&split.part) }
    }

    /// Parts must be 1, 2, 3… with one separator: a part that nobody declares would be dropped unseen.
    fn check_splits(&mut self) {
        let mut parts: BTreeMap<&str, (BTreeSet<u32>, BTreeSet<&str>)> = BTreeMap::new();
        for rule in &self.mapping.columns {
            if let Some(Shape::Part { source, split, .. }) = rule.shape() {
                let entry = parts.entry(source).or_default();
                entry.0.insert(split.part);
                entry.1.insert(&split.by);
            }
        }
        for (source, (numbers, separators)) in parts {
            let whole = numbers.iter().copied().eq((1_u32..).take(numbers.len()));
            if !whole || separators.len() != 1 || separators.contains("") {
                self.problem("mapping-split", source);
            }
        }
    }

    /// Source text to target value, both as the transform makes them.
    fn values(&mut self, rule: &ColumnRule, transform: &Transform, target: &str) -> ValueMap {
        let as_compared = |text: &str| transform.apply(&Value::Text(text.to_owned())).into_owned();
        let mut values = ValueMap::default();
        let mut seen = HashSet::new();
        for (from, to) in &rule.values {
            let to = as_compared(to);
            let mut bytes = Vec::new();
            super::canonical::append_value(&mut bytes, &to);
            if !seen.insert(bytes) {
                self.problem("mapping-values-merge", target);
            }
            values.results.extend(text_of(&to).map(std::borrow::Cow::into_owned));
            let from = text_of(&as_compared(from)).map(std::borrow::Cow::into_owned);
            if from.is_none_or(|from| values.by_text.insert(from, to).is_some()) {
                self.problem("mapping-values-twice", target);
            }
        }
        values
    }

    /// Notes what a comparison does for the source columns that it reads, and what it tolerates.
    fn compared(
        &mut self,
        places: &[Place],
        new: Place,
        transform: &Transform,
        normaliser: Option<Normaliser>,
        target: &str,
        may_change: bool,
    ) {
        let target_loses = transform.loses(self.new.kind(new));
        let mut any_loss = target_loses;
        for place in places {
            let loses = target_loses || transform.loses(self.old.kind(*place));
            any_loss |= loses;
            let one = match (may_change, loses) {
                (true, _) => Use::MayChange,
                (false, true) => Use::Tolerated,
                (false, false) => Use::Compared,
            };
            self.uses(*place, one);
        }
        if any_loss {
            let words = normaliser.map(|normaliser| normaliser.word().to_owned()).into_iter();
            let tolerances = words.chain(transform.tolerance_words()).collect();
            self.tolerances.push(ToleratedColumn { target: target.to_owned(), tolerances });
        }
    }

    /// A link column is proved when what it leads to is told apart by what is compared: a unique key of the joined table,
    /// or a column that identifies a person. A link that only serves a filter proves nothing and stays to be accounted for.
    fn links(&mut self, personal: &PersonalColumns) {
        let joins = self.old.joins(&mut self.problems);
        for (join, table) in joins.iter().zip(1_usize..) {
            let joined = self.old.names.tables[table];
            let proved: Vec<&str> = self
                .uses
                .iter()
                .filter(|((of, _), uses)| *of == table && matches!(uses.first(), Some(Use::Compared | Use::Tolerated)))
                .map(|((_, column), _)| column.as_str())
                .collect();
            let told_apart = holds_unique_key(joined, &proved)
                || proved.iter().any(|column| personal.identifies(&joined.id, column));
            if told_apart {
                join.earlier.iter().filter(|place| place.table == 0).for_each(|place| self.uses(*place, Use::Compared));
            }
        }
    }

    /// Target columns that are a unique key of a joined table: another value there is another row.
    fn links_of_target(&self, cells: &Cells) -> BTreeSet<String> {
        let is_link = |pair: &&Pair| match &pair.new.content {
            Content::One(place) => {
                let table = self.new.names.tables[place.table];
                place.table > 0 && holds_unique_key(table, &[self.new.column_name(*place)])
            }
            Content::Part { .. } | Content::Merged { .. } | Content::Constant(_) => false,
        };
        cells.key.iter().chain(&cells.columns).filter(is_link).map(|pair| pair.target.clone()).collect()
    }

    fn changing(&mut self, cells: &Cells) {
        for column in &self.mapping.may_change {
            if !cells.columns.iter().any(|pair| &pair.target == column) {
                let all = cells.columns.iter().map(|pair| pair.target.clone());
                let failure = failure!(
                    Usage,
                    "mapping-change-unknown",
                    mapping = self.mapping.name,
                    column = column,
                    candidates = listed(&near(column, all))
                );
                self.problems.push(failure);
            }
        }
        if self.mapping.key.is_empty() && !self.mapping.may_change.is_empty() {
            self.problem("mapping-change-keyless", &self.mapping.may_change[0]);
        }
    }

    fn finish(mut self, cells: Cells, personal: &PersonalColumns) -> Result<CompiledMapping, Vec<Failure>> {
        self.changing(&cells);
        let changed_at = self.mapping.changed_at.as_deref();
        let changed_at = changed_at.and_then(|column| self.new.place(column, &mut self.problems));
        if !self.uses.values().any(|uses| matches!(uses.first(), Some(Use::Compared | Use::Tolerated))) {
            self.problems.push(failure!(Refused, "mapping-compares-nothing", mapping = self.mapping.name));
        }
        let base = self.old.names.tables[0];
        let alias = self.old.names.side.tables()[0].alias;
        self.problems.extend(coverage::unaccounted(&self.mapping.name, base, alias, &self.uses));
        let tables = &self.old.names.tables;
        let must = self.mapping.must_compare;
        self.problems.extend(coverage::weakness(&self.mapping.name, tables, &self.uses, personal, must));
        let coverage = coverage::coverage(base, &self.uses, personal);
        let links = self.links_of_target(&cells);
        let (sides, [key_columns, compared_columns]) = build_sides(&mut self, cells, changed_at);
        if !self.problems.is_empty() {
            return Err(deduplicated(self.problems));
        }
        let [source, target] = sides;
        Ok(CompiledMapping {
            name: self.mapping.name.clone(),
            exact: self.mapping.exact,
            source,
            target,
            keyed: !self.mapping.key.is_empty(),
            key_columns,
            compared_columns,
            links,
            may_change: self.mapping.may_change.clone(),
            may_change_percent_max: self.mapping.may_change_percent_max,
            coverage,
            tolerances: self.tolerances,
            not_migrated: self.not_migrated,
        })
    }
}

fn pair_of(
    content: Content,
    values: ValueMap,
    new: Place,
    [source, target_side]: [Transform; 2],
    target: &str,
) -> Pair {
    let new = Cell { content: Content::One(new), transform: target_side, values: ValueMap::default() };
    Pair { old: Cell { content, transform: source, values }, new, target: target.to_owned() }
}

/// Both sides, with their cells in the same order, and the names of these: of the key, of what is compared. Without a key
/// all compared columns are the key.
fn build_sides(
    compiler: &mut Compiler<'_>,
    cells: Cells,
    changed_at: Option<Place>,
) -> ([CompiledSide; 2], [Vec<String>; 2]) {
    let may_change = &compiler.mapping.may_change;
    let (movable, fixed): (Vec<Pair>, Vec<Pair>) =
        cells.columns.into_iter().partition(|pair| may_change.contains(&pair.target));
    let keyless = compiler.mapping.key.is_empty();
    let split = |pairs: &[Pair]| -> (Vec<Cell>, Vec<Cell>) {
        pairs.iter().map(|pair| (pair.old.clone(), pair.new.clone())).unzip()
    };
    let mut movable = movable;
    movable.sort_by_key(|pair| may_change.iter().position(|column| column == &pair.target));
    let key = if keyless { &fixed } else { &cells.key };
    let targets = |pairs: &[Pair]| -> Vec<String> { pairs.iter().map(|pair| pair.target.clone()).collect() };
    let names = [targets(key), [targets(&fixed), targets(&movable)].concat()];
    let (key, fixed, movable) = (split(key), split(&fixed), split(&movable));
    let problems = &mut compiler.problems;
    let sides = [
        side(&mut compiler.old, problems, [key.0, fixed.0, movable.0], None),
        side(&mut compiler.new, problems, [key.1, fixed.1, movable.1], changed_at),
    ];
    (sides, names)
}

fn side(
    builder: &mut Builder<'_>,
    problems: &mut Vec<Failure>,
    [key, fixed, movable]: [Vec<Cell>; 3],
    changed_at: Option<Place>,
) -> CompiledSide {
    let (joins, filter) = (builder.joins(problems), builder.filter(problems));
    let tables = builder.names.tables.iter().zip(&builder.columns);
    let tables = tables.map(|(table, columns)| Scanned { table: table.id.clone(), columns: columns.clone() }).collect();
    CompiledSide { tables, joins, filter, key, fixed, movable, changed_at }
}

/// A name that several rules use is one problem.
fn deduplicated(problems: Vec<Failure>) -> Vec<Failure> {
    let mut kept: Vec<Failure> = Vec::new();
    for problem in problems {
        if !kept.contains(&problem) {
            kept.push(problem);
        }
    }
    kept
}
