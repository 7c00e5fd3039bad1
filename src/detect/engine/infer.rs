//! From evidence to a verdict: score = logistic(bias + best category + a quarter of the others + what speaks about the
//! column as a whole). The weights are log-odds times 1,000, set on labelled systems in English and Russian.

use super::finding::{ColumnFinding, Evidence};
use super::lexicon::{Lexicon, Strength, lexicon};
use super::links::{Link, Links, Role};
use super::names::{NameHit, Reading};
use super::schema::{ColumnView, TableView, ValueHit};
use super::subject::About;
use super::words::{Category, RowAbout, SubjectKind, Verdict};
use lastbell_contract::Kind;
use std::collections::BTreeMap;

const BIAS: i32 = -2000;
/// The least weight of evidence that decides alone: a strong name, a key, a checksum.
const DECISIVE: i32 = 4000;
/// From here on the answer is given without a person.
pub(crate) const PERSONAL_PERMILLE: u32 = 500;
/// From here on a person must look: recall of tables .98 to .99 on labelled systems.
pub(crate) const REVIEW_PERMILLE: u32 = 200;
/// A detector without a checksum never decides alone.
const ALONE_PERMILLE: u32 = 490;

/// Everything known of one column.
struct Case<'c> {
    lexicon: &'c Lexicon,
    table: &'c TableView<'c>,
    column: &'c ColumnView<'c>,
    about: About,
    link: Option<&'c Link>,
    /// Leads to a table that holds no person.
    elsewhere: bool,
    /// Half of a polymorphic pair that nobody could resolve.
    untold: bool,
    theme: Option<Category>,
    evidence: Vec<Evidence>,
}

/// Judges a column.
pub(crate) fn column(table: &TableView<'_>, at: usize, place: usize, about: About, links: &Links) -> ColumnFinding {
    let lexicon = lexicon();
    let mut case = Case {
        lexicon,
        table,
        column: &table.columns[place],
        about,
        link: links.people.get(&(at, place)),
        elsewhere: links.others.contains_key(&(at, place)) && keyish(&table.columns[place]),
        untold: links.untold.contains(&(at, place)),
        theme: table.theme(lexicon),
        evidence: Vec::new(),
    };
    case.link();
    case.own_key();
    case.name();
    case.person_in_text();
    case.remark();
    case.attribute();
    case.values();
    case.denials();
    case.conclude()
}

impl Case<'_> {
    fn say(&mut self, rule: impl Into<String>, category: Category, weight_millis: i32) {
        self.evidence.push(Evidence { rule: rule.into(), category, weight_millis, share_permille: None, seen: None });
    }

    fn link(&mut self) {
        if self.untold {
            self.say("key.pair.untold", Category::PseudonymousLink, 1500);
        }
        let Some(link) = self.link else { return };
        let named = self.column.share("value.full_name") > 500;
        let weight = match link.role {
            Role::Subject => 5000,
            Role::Actor => 4500,
        };
        // A login or a name that is used as a key stays what it is.
        let strong = |hit: &&NameHit| hit.strength == Strength::Strong && !hit.denied && hit.category.identifies();
        let own = self.column.reading.hits.iter().find(strong).map(|hit| hit.category);
        let category = if named { Category::Name } else { own.unwrap_or(Category::PseudonymousLink) };
        self.say(link.rule, category, weight);
    }

    fn is_own_key(&self) -> bool {
        self.table.key() == Some(self.column.column.name.as_str())
    }

    /// The key of a person table stands for the person everywhere else.
    fn own_key(&mut self) {
        let own = self.is_own_key();
        if self.about.rows == RowAbout::Person && own && keyish(self.column) {
            self.say("key.own", Category::PseudonymousLink, 4500);
        }
        let session = self.theme == Some(Category::OnlineId) && self.about.rows == RowAbout::Record && own;
        if session && self.column.column.kind == Kind::Text {
            self.say("key.session", Category::OnlineId, 3500);
        }
    }

    fn name(&mut self) {
        let hits = self.column.reading.hits.clone();
        self.phrases(&hits, "name", 1000);
    }

    fn remark(&mut self) {
        let hits = self.column.remark.hits.clone();
        self.phrases(&hits, "comment", 750);
    }

    fn phrases(&mut self, hits: &[NameHit], source: &str, permille: i32) {
        // The key of a record is called by the record: `medical_condition_id` of medical conditions is a number.
        let numbered = self.is_own_key() && self.column.reading.key && self.about.rows != RowAbout::Person;
        for hit in hits.iter().filter(|hit| !hit.denied && !numbered) {
            let weight = self.weight(hit);
            // A longer phrase knows better than a shorter one.
            let weight = (weight + 150 * i32::try_from(hit.words.min(4)).unwrap_or(4)) * permille / 1000;
            if weight > 0 {
                let rule = format!("{source}.{}.{}", hit.strength.word(), hit.category.word());
                self.say(rule, self.recast(hit), weight);
            }
        }
    }

    fn weight(&self, hit: &NameHit) -> i32 {
        let of_person = self.about.of_person();
        // A key that leads to no person says nothing by the words "comment" or "class".
        let key = self.elsewhere || (self.column.reading.key && self.link.is_none());
        match hit.strength {
            Strength::Strong if of_person || alone(hit.category) => 4000,
            Strength::Strong => 300,
            Strength::Context if hit.category == Category::PseudonymousLink && of_person => 3500,
            Strength::Context if key && self.trait_of_person(hit.category) => 3500,
            Strength::Context | Strength::Record if key && !self.record_key() => 0,
            Strength::Context if of_person => 3500,
            Strength::Record if of_person => 3100,
            Strength::Context => 200,
            Strength::Record => 0,
        }
    }

    /// In the row of a person a key to a dictionary of languages or faiths says what the person's is.
    fn trait_of_person(&self, category: Category) -> bool {
        self.about.rows == RowAbout::Person
            && matches!(category, Category::OtherPersonal | Category::Health | Category::Family)
    }

    /// A remark, a state or a result takes the theme of the record in which it stands.
    fn recast(&self, hit: &NameHit) -> Category {
        let record = matches!(self.about.rows, RowAbout::Record | RowAbout::Part) && self.about.of_person();
        if !record || hit.strength == Strength::Strong {
            return hit.category;
        }
        let theme = self.theme_category();
        match hit.category {
            Category::OtherPersonal | Category::EducationRecord => theme,
            Category::FreeTextAboutPerson if matches!(theme, Category::Health | Category::EducationRecord) => theme,
            category => category, // what is left names its own category
        }
    }

    fn record_key(&self) -> bool {
        if self.is_own_key() {
            return false;
        }
        let rest = &self.column.reading.rest;
        self.lexicon.record_keys.find(rest).is_some_and(|(at, words)| at + words == rest.len())
    }

    /// A text column called by a person noun holds a name or a login: `teacher`, `principal`, `father`.
    fn person_in_text(&mut self) {
        let reading = &self.column.reading;
        let text = matches!(self.column.column.kind, Kind::Text | Kind::Unknown);
        let switch = self.column.is_switch() || short(self.column);
        if self.link.is_none()
            && text
            && !switch
            && !reading.key
            && !reading.flag
            && !reading.measure
            && reading.person.is_some()
        {
            if self.listed_keys() {
                self.say("key.list", Category::PseudonymousLink, 4000);
                return;
            }
            let weight = self.person_weight();
            self.say("name.person", Category::Name, weight);
        }
    }

    /// `excluded_users`: numbers in a row, `,12,45,`.
    fn listed_keys(&self) -> bool {
        let cells = &self.column.values.cells;
        let lists =
            cells.iter().filter(|cell| cell.digits(",;| []\"").is_some_and(|digits| !digits.is_empty())).count();
        !cells.is_empty() && lists * 2 > cells.len()
    }

    /// Values that look like no name of a person speak against it: the owner of a lock, the author of a module.
    fn person_weight(&self) -> i32 {
        let rules = ["value.full_name", "value.surname", "value.given_name", "value.email"];
        let seen = self.column.values.cells.len();
        let named = rules.iter().any(|rule| self.column.share(rule) >= 300);
        if seen >= 5 && !named { 700 } else { 2700 }
    }

    /// What a record about a person says is about the person, whatever it is called.
    fn attribute(&mut self) {
        let reading = &self.column.reading;
        let key = self.elsewhere || reading.key;
        let hidden =
            reading.structural || reading.flag || self.link.is_some() || self.column.is_switch() && !known(reading);
        if !self.about.of_person() || self.about.listing || hidden || (key && !self.record_key()) {
            return;
        }
        // Of a composite key the parts that are no keys themselves, such as the day of an absence, are said of the person.
        if self.some_name() && !known(reading) {
            self.say("name.any", Category::Name, 3500);
            return;
        }
        if self.is_own_key() || (reading.soft && !known(reading) && !self.grave()) {
            return;
        }
        let category = self.theme_category();
        self.say("table.attribute", category, 2800);
    }

    /// `official_name` of a person: a name that is not a thing's.
    fn some_name(&self) -> bool {
        let rest = &self.column.reading.rest;
        let last = rest.last().is_some_and(|token| token.word == "name");
        self.about.rows == RowAbout::Person && last && !self.lexicon.negatives.hit(rest)
    }

    /// Records whose every word matters: health, money.
    fn grave(&self) -> bool {
        matches!(self.theme, Some(Category::Health | Category::Finance))
    }

    fn theme_category(&self) -> Category {
        if let (Some(theme), true) = (self.theme, self.about.rows != RowAbout::Person) {
            return theme;
        }
        match (self.about.rows, self.about.subject) {
            (RowAbout::Person, _) => Category::OtherPersonal,
            (_, SubjectKind::Pupil) => Category::EducationRecord,
            (_, SubjectKind::Parent) => Category::Family,
            (_, SubjectKind::Staff | SubjectKind::Mixed | SubjectKind::None) => Category::OtherPersonal,
        }
    }

    fn values(&mut self) {
        let column = self.column;
        for hit in &column.hits {
            let weight = self.value_weight(hit);
            if weight != 0 {
                self.evidence.push(Evidence {
                    rule: hit.detector.rule.to_owned(),
                    category: hit.detector.category,
                    weight_millis: weight,
                    share_permille: Some(hit.share_permille),
                    seen: Some(hit.seen),
                });
            }
        }
    }

    fn value_weight(&self, hit: &ValueHit) -> i32 {
        let full = hit.detector.weight_millis;
        let detector = hit.detector;
        if self.link.is_some() && !detector.checksum {
            return 0;
        }
        match hit.share_permille {
            501.. if detector.checksum => full,
            // Dates and surnames are common in records of people, too; only in a person's own row they are likely theirs.
            501.. if full < 1000 && self.about.rows != RowAbout::Person => full,
            501.. => full + if self.about.of_person() && full > 0 { 1500 } else { 0 },
            // Chance gives at most 6 % for a check digit; a fifth of the values is a mixture that a person should see.
            200.. if detector.checksum && hit.seen >= 10 => full / 2,
            20.. if detector.mention => full,
            _ => 0, // shares are open-ended
        }
    }

    fn denials(&mut self) {
        let reading = &self.column.reading;
        let strong = reading.hits.iter().any(|hit| hit.strength == Strength::Strong && !hit.denied);
        let denied = reading.hits.iter().any(|hit| hit.denied) && !strong;
        let (structural, flag) = (reading.structural && !strong, reading.flag && !strong);
        if self.link.is_some() {
            return;
        }
        if structural {
            self.say("name.structural", Category::None, -4000);
        }
        if flag {
            self.say("name.switch", Category::None, -3000);
        }
        if denied && !self.about.of_person() {
            self.say("name.denied", Category::None, -3000);
        }
        if self.about.organisation
            && !self.about.of_person()
            && reading.person.is_none()
            && !reading.hits.iter().any(|hit| alone(hit.category) && !contact(hit.category))
        {
            self.say("table.organisation", Category::None, -3000);
        }
    }

    fn conclude(self) -> ColumnFinding {
        let mut totals: BTreeMap<Category, i32> = BTreeMap::new();
        for evidence in &self.evidence {
            *totals.entry(evidence.category).or_default() += evidence.weight_millis;
        }
        let general = totals.remove(&Category::None).unwrap_or(0);
        // One witness that could decide alone names the category; the sum of several weak ones does not outvote it.
        let decisive = |category: Category| {
            self.evidence.iter().any(|one| one.category == category && one.weight_millis >= DECISIVE)
        };
        // The shape of most values says more of the kind than the words `value` and `status` do.
        let shaped = |one: &Evidence| one.rule.starts_with("value.") && one.weight_millis >= 3000;
        let shape = |category: Category| {
            let any = self.evidence.iter().any(|one| one.category == category && shaped(one));
            if any { 3500 } else { 0 }
        };
        let best = totals.iter().max_by_key(|&(category, weight)| {
            (decisive(*category), *weight + shape(*category), std::cmp::Reverse(*category))
        });
        let best = best.map(|(category, weight)| (*category, *weight));
        let others: i32 =
            totals.values().filter(|weight| **weight > 0).sum::<i32>() - best.map_or(0, |(_, weight)| weight.max(0));
        let sum = BIAS + general + best.map_or(0, |(_, weight)| weight) + others / 4;
        let checksum_rule = self.checksum_rule();
        let score = match logistic_permille(sum) {
            score if self.values_alone() => score.min(ALONE_PERMILLE),
            score => score,
        };
        let verdict = match score {
            PERSONAL_PERMILLE.. => Verdict::Personal,
            REVIEW_PERMILLE.. => Verdict::Review,
            0.. => Verdict::Not,
        };
        self.finding(verdict, best.map(|(category, _)| category), score, checksum_rule)
    }

    fn finding(
        self,
        verdict: Verdict,
        best: Option<Category>,
        score_permille: u32,
        checksum_rule: Option<String>,
    ) -> ColumnFinding {
        let subject = match verdict {
            Verdict::Not => SubjectKind::None,
            Verdict::Personal | Verdict::Review => self.subject(),
        };
        ColumnFinding {
            column: self.column.column.name.clone(),
            verdict,
            category: best.filter(|_| verdict == Verdict::Personal).unwrap_or(Category::None),
            guess: best.filter(|_| verdict == Verdict::Review),
            subject,
            score_permille,
            evidence: self.evidence,
            checksum_rule,
        }
    }

    fn subject(&self) -> SubjectKind {
        let own = self.link.map(|link| link.kind).or(self.column.reading.mentions);
        match own.unwrap_or(self.about.subject) {
            SubjectKind::None => SubjectKind::Mixed,
            kind => kind,
        }
    }

    fn checksum_rule(&self) -> Option<String> {
        let hits = self.column.hits.iter().filter(|hit| {
            hit.detector.checksum && hit.detector.weight_millis > 0 && hit.share_permille > 500 && hit.seen >= 3
        });
        hits.max_by_key(|hit| hit.share_permille).map(|hit| hit.detector.rule.to_owned())
    }

    /// Nothing speaks for it but detectors without a checksum.
    fn values_alone(&self) -> bool {
        let checked =
            |rule: &str| self.column.hits.iter().any(|hit| hit.detector.rule == rule && hit.detector.checksum);
        // A word that needs a person in the row, where there is none, is no second witness.
        self.evidence
            .iter()
            .filter(|evidence| evidence.weight_millis >= 1000)
            .all(|evidence| evidence.rule.starts_with("value.") && !checked(&evidence.rule) && !self.about.of_person())
    }
}

/// Categories that are a person's even where the row is not about one.
fn alone(category: Category) -> bool {
    match category {
        Category::Name
        | Category::BirthDate
        | Category::ContactPhone
        | Category::ContactEmail
        | Category::NationalId
        | Category::Credential
        | Category::OnlineId
        | Category::PseudonymousLink => true,
        Category::Address
        | Category::EducationRecord
        | Category::Health
        | Category::Family
        | Category::Finance
        | Category::PhotoBiometric
        | Category::FreeTextAboutPerson
        | Category::OtherPersonal
        | Category::None => false,
    }
}

fn contact(category: Category) -> bool {
    matches!(category, Category::ContactPhone | Category::ContactEmail | Category::NationalId)
}

fn known(reading: &Reading) -> bool {
    reading.hits.iter().any(|hit| !hit.denied)
}

/// Called or typed as a key.
fn keyish(column: &ColumnView<'_>) -> bool {
    column.reading.key || column.may_be_key()
}

/// All values are one or two letters: codes.
fn short(column: &ColumnView<'_>) -> bool {
    !column.values.cells.is_empty()
        && column.values.cells.iter().all(|cell| cell.text().is_none_or(|text| text.chars().count() <= 2))
}

/// The logistic function, per mille, in integers: steps of the table are 500, so every machine gives the same answer.
fn logistic_permille(log_odds_millis: i32) -> u32 {
    // logistic(0), logistic(0.5), … logistic(6)
    const STEPS: [i32; 13] = [500, 622, 731, 818, 881, 924, 953, 971, 982, 989, 993, 996, 998];
    let size = log_odds_millis.abs().min(5999);
    let at = usize::try_from(size / 500).unwrap_or(0);
    let upper = STEPS[at] + (STEPS[at + 1] - STEPS[at]) * (size % 500) / 500;
    u32::try_from(if log_odds_millis < 0 { 1000 - upper } else { upper }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logistic_function_is_exact_at_its_steps_and_symmetric() {
        for (log_odds, permille) in [(0, 500), (500, 622), (-500, 378), (2000, 881), (60_000, 997), (-60_000, 3)] {
            assert_eq!(logistic_permille(log_odds), permille, "{log_odds}");
        }
    }
}
