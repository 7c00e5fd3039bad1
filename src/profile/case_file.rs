//! `case.yaml`: the facts about one case, which only people know. Where the stores are, who is responsible, how deep.
//!
//! Passwords never stand here: a store's address names variables as `${NAME}`, which the caller looks up.

use super::render::{comment, line, list, map, optional, pair, scalar, word};
use super::visit::VisitRules;
use super::words::{Day, Language, When, blank, plain};
use super::yaml::{Place, Source};
use super::zone::Zone;
use crate::failure::{Failure, Result};
use lastbell_contract::{Location, Means};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The whole file. What is not answered yet is absent; the step that needs it refuses and names the line.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// The case's id: letters, digits, `-`, `_`.
    pub case: String,
    /// Language of comments, papers and messages about this case.
    #[serde(default)]
    pub language: Language,
    /// The retired system.
    #[serde(default)]
    pub system: System,
    /// Who answers for the data.
    #[serde(default)]
    pub operator: Party,
    /// Who handles the data on the operator's behalf, when somebody does.
    #[serde(default)]
    pub processor: Option<Party>,
    /// Why the data must go.
    #[serde(default)]
    pub legal: Legal,
    /// Where the data lies, and where it went.
    pub stores: Vec<StoreEntry>,
    /// The day from which the new platform was in use.
    #[serde(default)]
    pub migrated_on: Option<Day>,
    /// Name of a built-in profile, or a path such as `./profile.yaml`.
    #[serde(default)]
    pub profile: Option<String>,
    /// How deep destruction shall go.
    #[serde(default)]
    pub level: Depth,
    /// The operator's X25519 public key, for sealed files.
    #[serde(default)]
    pub operator_key: Option<String>,
    /// Where the unlock secret lies, outside the case and every store.
    #[serde(default)]
    pub unlock_file: Option<String>,
    /// The last day of the needles, when they shall outlive `close`.
    #[serde(default)]
    pub needles_until: Option<Day>,
    /// Who approves and signs.
    #[serde(default)]
    pub commission: Option<Commission>,
    /// A plan older than this is refused.
    #[serde(default = "fortnight")]
    pub plan_valid_days: u32,
    /// A receipt or an export of the new platform older than this proves nothing.
    #[serde(default = "thirty", skip_serializing_if = "is_thirty")]
    pub target_days_max: u32,
    /// How the new platform's keeper lets it be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_visit: Option<VisitRules>,
    /// The Ed25519 public key of the platform's keeper, who signs receipts: a path from the case folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_signer: Option<String>,
    /// Where else to look for what is left.
    #[serde(default)]
    pub residue: ResidueFolders,
    /// Copies out of our reach; printed in the certificate.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// What persons state; printed as their word, not ours.
    #[serde(default)]
    pub attested: Vec<Statement>,
}

fn fortnight() -> u32 {
    14
}

fn thirty() -> u32 {
    30
}

/// Left unsaid, the key is in no digest: a case that was begun before there was one goes on.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_thirty(days: &u32) -> bool {
    *days == thirty()
}

/// The retired system.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its name; `erase` wants it typed.
    #[serde(default)]
    pub name: Option<String>,
    /// The name of the information system (ИСПДн) in the operator's register.
    #[serde(default)]
    pub ispdn_id: Option<String>,
    /// Whether others use the database server.
    #[serde(default)]
    pub server: ServerUse,
}

/// Whether others use the database server.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ServerUse {
    /// Nobody else: L2 may turn over logs of the whole server.
    Dedicated,
    /// Others do, or we do not know: only the table owner's means.
    #[default]
    Shared,
}

/// A legal person.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Full name.
    #[serde(default)]
    pub name: Option<String>,
    /// INN, 10 or 12 digits; the check digits are checked.
    #[serde(default)]
    pub inn: Option<String>,
    /// OGRN, 13 or 15 digits; the check digit is checked.
    #[serde(default)]
    pub ogrn: Option<String>,
    /// Postal address.
    #[serde(default)]
    pub address: Option<String>,
    /// The contract that charges a processor with the work.
    #[serde(default)]
    pub contract: Option<String>,
}

/// Why the data must go.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Legal {
    /// The ground.
    #[serde(default)]
    pub reason: Option<LegalReason>,
    /// The day from which the term counts (152-FZ art. 21).
    #[serde(default)]
    pub purpose_reached_on: Option<Day>,
    /// The order that set the commission up.
    #[serde(default)]
    pub order: Option<String>,
}

/// Grounds for destruction in 152-FZ.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum LegalReason {
    /// Art. 5(7), 21(4): the purpose is reached.
    PurposeReached,
    /// Art. 5(7): the purpose is no longer needed.
    PurposeLost,
    /// Art. 21(5).
    ConsentWithdrawn,
    /// Art. 21(3).
    UnlawfulProcessing,
}

/// One store.
#[derive(Serialize, Deserialize, JsonSchema, Clone, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct StoreEntry {
    /// Short name.
    pub name: String,
    /// Old or new.
    pub role: StoreRole,
    /// `sqlite:PATH`, `postgres://…`, `mysql://…`, `file:DIR`; for targets also `receipt:FILE`, `csv:DIR`. With `${NAME}`.
    pub url: String,
    /// The clock of its times that tell no zone. It stands in the draft wherever one is compared with a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
}

impl std::fmt::Debug for StoreEntry {
    /// Without the address.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreEntry({}, {:?}, url hidden)", self.name, self.role)
    }
}

/// Old or new.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum StoreRole {
    /// The retired system.
    Source,
    /// The new platform.
    Target,
}

/// The commission.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Commission {
    /// So many members must sign.
    pub threshold: u32,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of the commission.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Full name.
    pub name: String,
    /// Position.
    pub position: String,
    /// Part in the commission.
    pub role: MemberRole,
    /// Whose person this is.
    pub party: MemberParty,
    /// Path of the public key, from the case folder.
    pub key: String,
}

/// Part in the commission.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "plain words")]
pub enum MemberRole {
    Chair,
    Member,
    Secretary,
}

/// Whose person a member is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "plain words")]
pub enum MemberParty {
    Operator,
    Processor,
    Other,
}

/// Further folders to search.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ResidueFolders {
    /// Absolute paths, or paths from the case folder.
    #[serde(default)]
    pub folders: Vec<String>,
}

/// A copy out of reach.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// What it is, such as backup tapes.
    pub what: String,
    /// Why it stays.
    pub why: String,
    /// The day by which it will be gone.
    pub until: Day,
    /// Who sees to it.
    pub responsible: String,
}

/// A person's statement.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What is stated: a code such as `target-is-platform`.
    pub what: String,
    /// Who states it.
    pub by: String,
    /// Their position.
    pub position: String,
    /// When.
    pub at: When,
}

/// The level wanted: `L0`, `L1`, `L2`, `L2f`. `L3` is an external act and only attested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth(pub lastbell_contract::Level);

impl Depth {
    /// The levels that can be asked for.
    pub const ALLOWED: &'static [&'static str] = &["L0", "L1", "L2", "L2f"];
}

impl Default for Depth {
    /// The deepest level that needs no rights over the whole server.
    fn default() -> Self {
        Self(lastbell_contract::Level::L1)
    }
}

impl Serialize for Depth {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de> Deserialize<'de> for Depth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let level = lastbell_contract::Level::parse(&word);
        level.map(Self).ok_or_else(|| D::Error::unknown_variant(&word, Self::ALLOWED))
    }
}

impl JsonSchema for Depth {
    fn schema_name() -> Cow<'static, str> {
        "Level".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "enum": Self::ALLOWED, "description": "How deep destruction shall go" })
    }
}

/// How the value of a variable is looked up; the caller alone reads the environment.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl StoreEntry {
    /// The address with its variables put in. Within `user:password@` their values are percent-encoded.
    ///
    /// # Errors
    /// `case-variable-missing` names the variable, `case-url` when no address comes out.
    pub fn location(&self, lookup: &Lookup<'_>) -> Result<Location> {
        let mut url = String::new();
        for part in parts(&self.url).ok_or_else(|| failure!(Usage, "case-variable", store = self.name))? {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Variable { name, at } => {
                    let value = lookup(name)
                        .ok_or_else(|| failure!(Usage, "case-variable-missing", name = name, store = self.name))?;
                    if is_user_part(&self.url, at) { encode(&value, &mut url) } else { url.push_str(&value) }
                }
            }
        }
        Location::parse(&url).ok_or_else(|| failure!(Usage, "case-url", store = self.name))
    }
}

enum Part<'a> {
    Text(&'a str),
    Variable { name: &'a str, at: usize },
}

/// Splits at `${NAME}`; `None` when a `${` is not closed or its name is not capital letters, digits and `_`.
fn parts(url: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(found) = url[at..].find("${") {
        let start = at + found;
        let end = start + url[start..].find('}')?;
        let name = &url[start + 2..end];
        let first = name.bytes().next()?;
        let fits = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if !fits || first.is_ascii_digit() {
            return None;
        }
        parts.push(Part::Text(&url[at..start]));
        parts.push(Part::Variable { name, at: start });
        at = end + 1;
    }
    parts.push(Part::Text(&url[at..]));
    Some(parts)
}

/// Whether the place lies between `://` and the `@` that ends the user's part.
fn is_user_part(url: &str, at: usize) -> bool {
    url.find("://").is_some_and(|slashes| slashes < at) && url[at..].contains('@')
}

fn encode(value: &str, url: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("a String takes all");
        }
    }
}

/// A password that stands in the address itself, in the user's part or as a parameter.
fn has_password(url: &str) -> bool {
    let is_path = ["sqlite:", "file:", "csv:", "receipt:"].iter().any(|scheme| url.starts_with(scheme));
    let address = url.split_once(':').filter(|_| !is_path).map(|(_, rest)| rest.trim_start_matches('/'));
    let user = address.and_then(|address| address.rsplit_once('@')).map(|(user, _)| user);
    let in_user = user.and_then(|user| user.split_once(':')).is_some_and(|(_, word)| !only_variables(word));
    let in_parameter = url.split(['?', '&', ' ', ';']).filter_map(|part| part.split_once('=')).any(|(name, value)| {
        let name = name.to_ascii_lowercase();
        ["passw", "pwd", "secret", "token"].iter().any(|word| name.contains(word)) && !only_variables(value)
    });
    in_user || in_parameter
}

fn only_variables(text: &str) -> bool {
    parts(text).is_some_and(|parts| parts.iter().all(|part| matches!(part, Part::Text("") | Part::Variable { .. })))
}

type Fits = std::result::Result<(), (Place, Failure)>;

impl CaseFile {
    /// A case about which nothing is known but its id and its stores.
    #[must_use]
    pub fn new(case: &str, stores: Vec<StoreEntry>) -> Self {
        Self {
            case: case.to_owned(),
            language: Language::default(),
            system: System::default(),
            operator: Party::default(),
            processor: None,
            legal: Legal::default(),
            stores,
            migrated_on: None,
            profile: None,
            level: Depth::default(),
            operator_key: None,
            unlock_file: None,
            needles_until: None,
            commission: None,
            plan_valid_days: fortnight(),
            target_days_max: thirty(),
            target_visit: None,
            receipt_signer: None,
            residue: ResidueFolders::default(),
            exceptions: Vec::new(),
            attested: Vec::new(),
        }
    }

    /// Reads and checks `case.yaml`.
    ///
    /// # Errors
    /// `yaml-…` for the form, `case-…` for what does not fit together; each with its place.
    pub fn load(file: &str, bytes: &[u8]) -> Result<(Self, Source)> {
        let source = Source::read(file, bytes)?;
        let case: Self = source.parse()?;
        check(&case).map_err(|(place, failure)| source.at(&place, failure))?;
        Ok((case, source))
    }

    /// The stores of the retired system.
    pub fn sources(&self) -> impl Iterator<Item = &StoreEntry> {
        self.stores.iter().filter(|store| store.role == StoreRole::Source)
    }

    /// The new platform.
    #[must_use]
    pub fn target(&self) -> Option<&StoreEntry> {
        self.stores.iter().find(|store| store.role == StoreRole::Target)
    }

    /// What cleaning may touch.
    #[must_use]
    pub fn means(&self) -> Means {
        match self.system.server {
            ServerUse::Dedicated => Means::Dedicated,
            ServerUse::Shared => Means::Shared,
        }
    }

    /// What the papers need and nobody has filled in: paths of lines, in the order of the file.
    #[must_use]
    pub fn unanswered(&self) -> Vec<&'static str> {
        let text = |text: &Option<String>| text.is_none();
        [
            ("system.name", text(&self.system.name)),
            ("system.ispdn_id", text(&self.system.ispdn_id)),
            ("operator.name", text(&self.operator.name)),
            ("operator.inn", text(&self.operator.inn)),
            ("operator.ogrn", text(&self.operator.ogrn)),
            ("operator.address", text(&self.operator.address)),
            ("legal.reason", self.legal.reason.is_none()),
            ("legal.purpose_reached_on", self.legal.purpose_reached_on.is_none()),
            ("legal.order", text(&self.legal.order)),
            ("migrated_on", self.target().is_some() && self.migrated_on.is_none()),
            ("operator_key", text(&self.operator_key)),
            ("commission", self.commission.is_none()),
        ]
        .into_iter()
        .filter_map(|(path, open)| open.then_some(path))
        .collect()
    }
}

fn check(case: &CaseFile) -> Fits {
    let top = Place::top();
    if !plain(&case.case) {
        return Err((top.key("case"), failure!(Usage, "case-id")));
    }
    check_texts(case)?;
    check_party(&top.key("operator"), &case.operator)?;
    case.processor.iter().try_for_each(|party| check_party(&top.key("processor"), party))?;
    check_stores(&top.key("stores"), &case.stores)?;
    for (key, days) in [("plan_valid_days", case.plan_valid_days), ("target_days_max", case.target_days_max)] {
        if !(1..=366).contains(&days) {
            return Err((top.key(key), failure!(Usage, "yaml-number-range")));
        }
    }
    case.target_visit.iter().try_for_each(|rules| check_visit(&top.key("target_visit"), rules))?;
    case.commission.iter().try_for_each(|commission| check_commission(&top.key("commission"), commission))
}

/// An answer that is only white space is no answer, and would look like one in the act.
fn check_texts(case: &CaseFile) -> Fits {
    let top = Place::top();
    let mut texts = vec![
        (top.key("system").key("name"), case.system.name.as_deref()),
        (top.key("system").key("ispdn_id"), case.system.ispdn_id.as_deref()),
        (top.key("legal").key("order"), case.legal.order.as_deref()),
        (top.key("profile"), case.profile.as_deref()),
        (top.key("operator_key"), case.operator_key.as_deref()),
        (top.key("unlock_file"), case.unlock_file.as_deref()),
        (top.key("receipt_signer"), case.receipt_signer.as_deref()),
    ];
    for (index, folder) in case.residue.folders.iter().enumerate() {
        texts.push((top.key("residue").key("folders").item(index), Some(folder)));
    }
    for (index, exception) in case.exceptions.iter().enumerate() {
        let place = top.key("exceptions").item(index);
        texts.push((place.key("what"), Some(&exception.what)));
        texts.push((place.key("why"), Some(&exception.why)));
        texts.push((place.key("responsible"), Some(&exception.responsible)));
    }
    for (index, statement) in case.attested.iter().enumerate() {
        let place = top.key("attested").item(index);
        texts.push((place.key("what"), Some(&statement.what)));
        texts.push((place.key("by"), Some(&statement.by)));
        texts.push((place.key("position"), Some(&statement.position)));
    }
    texts.into_iter().try_for_each(|(place, text)| filled(&place, text))
}

fn filled(place: &Place, text: Option<&str>) -> Fits {
    if text.is_some_and(blank) { Err((place.clone(), failure!(Usage, "case-blank"))) } else { Ok(()) }
}

fn check_party(place: &Place, party: &Party) -> Fits {
    filled(&place.key("name"), party.name.as_deref())?;
    filled(&place.key("address"), party.address.as_deref())?;
    filled(&place.key("contract"), party.contract.as_deref())?;
    if party.inn.as_deref().is_some_and(|inn| !is_inn(inn)) {
        return Err((place.key("inn"), failure!(Usage, "case-inn")));
    }
    if party.ogrn.as_deref().is_some_and(|ogrn| !is_ogrn(ogrn)) {
        return Err((place.key("ogrn"), failure!(Usage, "case-ogrn")));
    }
    Ok(())
}

fn digits(text: &str) -> Option<Vec<u64>> {
    text.bytes().map(|byte| byte.is_ascii_digit().then(|| u64::from(byte - b'0'))).collect()
}

/// Check digits of the INN: weighted sum mod 11 mod 10; one for an organisation, two for a person.
fn is_inn(text: &str) -> bool {
    const WEIGHTS: [u64; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let Some(digits) = digits(text) else { return false };
    let fits = |at: usize| {
        let sum: u64 =
            digits[..at].iter().zip(&WEIGHTS[WEIGHTS.len() - at..]).map(|(digit, weight)| digit * weight).sum();
        sum % 11 % 10 == digits[at]
    };
    match digits.len() {
        10 => fits(9),
        12 => fits(10) && fits(11),
        _ => false,
    }
}

/// Check digit of the OGRN: the number before it mod 11 (13 digits) or mod 13 (15 digits), last digit.
fn is_ogrn(text: &str) -> bool {
    let divisor = match text.len() {
        13 => 11,
        15 => 13,
        _ => return false,
    };
    let Some(digits) = digits(text) else { return false };
    let number = digits[..digits.len() - 1].iter().fold(0, |number, digit| number * 10 + digit);
    number % divisor % 10 == digits[digits.len() - 1]
}

fn check_stores(place: &Place, stores: &[StoreEntry]) -> Fits {
    let mut names = BTreeSet::new();
    let mut targets = 0;
    for (index, store) in stores.iter().enumerate() {
        let place = place.item(index);
        if !plain(&store.name) {
            return Err((place.key("name"), failure!(Usage, "case-store-name")));
        }
        if !names.insert(&store.name) {
            return Err((place.key("name"), failure!(Usage, "case-store-twice", store = store.name)));
        }
        targets += usize::from(store.role == StoreRole::Target);
        if targets > 1 {
            return Err((place.key("role"), failure!(Usage, "case-two-targets")));
        }
        check_url(&place.key("url"), store)?;
    }
    if stores.len() == targets {
        return Err((place.clone(), failure!(Usage, "case-no-source")));
    }
    Ok(())
}

fn check_url(place: &Place, store: &StoreEntry) -> Fits {
    let Some(parts) = parts(&store.url) else {
        return Err((place.clone(), failure!(Usage, "case-variable", store = store.name)));
    };
    if has_password(&store.url) {
        return Err((place.clone(), failure!(Usage, "case-password", store = store.name)));
    }
    let scheme = store.url.split_once(':').map_or("", |(scheme, _)| scheme);
    if store.role == StoreRole::Source && ["receipt", "csv"].contains(&scheme) {
        return Err((place.clone(), failure!(Usage, "case-target-only", store = store.name, scheme = scheme)));
    }
    // An address that begins with a variable shows its scheme only when the variable is looked up.
    let begins_with_variable = store.url.starts_with("${") && parts.len() > 1;
    if !begins_with_variable && Location::parse(&store.url).is_none() {
        return Err((place.clone(), failure!(Usage, "case-url", store = store.name)));
    }
    Ok(())
}

fn check_visit(place: &Place, rules: &VisitRules) -> Fits {
    if rules.hours.is_some() && rules.zone.is_none() {
        return Err((place.key("hours"), failure!(Usage, "case-visit-zone")));
    }
    match rules.snapshot_minutes_max {
        Some(0) => Err((place.key("snapshot_minutes_max"), failure!(Usage, "yaml-number-range"))),
        Some(_) | None => Ok(()),
    }
}

fn check_commission(place: &Place, commission: &Commission) -> Fits {
    let members = u32::try_from(commission.members.len()).unwrap_or(u32::MAX);
    if !(1..=members).contains(&commission.threshold) {
        return Err((place.key("threshold"), failure!(Usage, "case-threshold", members = members)));
    }
    let (mut keys, mut chairs) = (BTreeSet::new(), 0);
    for (index, member) in commission.members.iter().enumerate() {
        let place = place.key("members").item(index);
        filled(&place.key("name"), Some(&member.name))?;
        filled(&place.key("position"), Some(&member.position))?;
        filled(&place.key("key"), Some(&member.key))?;
        if !keys.insert(&member.key) {
            return Err((place.key("key"), failure!(Usage, "case-key-twice")));
        }
        chairs += u32::from(member.role == MemberRole::Chair);
        if chairs > 1 {
            return Err((place.key("role"), failure!(Usage, "case-two-chairs")));
        }
    }
    Ok(())
}

/// A complete, commented `case.yaml` for `init`: `answers` (the same keys, any of them) are laid over `start`.
///
/// # Errors
/// The answers' form, with its place there; what does not fit together, with its place in the text that was to be written.
pub fn render_new(start: &CaseFile, answers: Option<&Source>) -> Result<String> {
    let case = match answers {
        None => start.clone(),
        Some(answers) => {
            let mut tree = Source::read("case.yaml", render(start).as_bytes())?.tree()?;
            tree.lay(&answers.tree()?);
            answers.give_type(&tree)?
        }
    };
    let text = render(&case);
    CaseFile::load("case.yaml", text.as_bytes())?;
    Ok(text)
}

/// The file as text. Reading it again gives the same case.
#[must_use]
pub fn render(case: &CaseFile) -> String {
    let (mut out, language) = (String::new(), case.language);
    comment(&mut out, language, HEAD[0], HEAD[1]);
    line(&mut out, 0, "case", &scalar(&case.case));
    line(&mut out, 0, "language", &word(&language));
    render_parties(&mut out, case);
    render_stores(&mut out, case);
    render_course(&mut out, case);
    render_commission(&mut out, case);
    render_rest(&mut out, case);
    out
}

const HEAD: [&str; 2] = [
    "Дело о выводе системы из эксплуатации. Пустые строки (null) заполняет человек; шаг, которому строка нужна, назовёт её.\n\
     Пароли здесь не пишут: только ${ИМЯ} переменной окружения латинскими прописными буквами. Описание: profile-guide.",
    "Facts about the case. People fill in the empty lines (null); a step that needs one names it.\n\
     Passwords never stand here: only ${NAME} of an environment variable. See the profile guide.",
];

fn date(day: Option<Day>) -> String {
    day.map_or_else(|| "null".to_owned(), |day| day.to_string())
}

fn party(out: &mut String, name: &str, party: &Party) {
    out.push_str(name);
    out.push_str(":\n");
    line(out, 2, "name", &optional(party.name.as_deref()));
    line(out, 2, "inn", &optional(party.inn.as_deref()));
    line(out, 2, "ogrn", &optional(party.ogrn.as_deref()));
    line(out, 2, "address", &optional(party.address.as_deref()));
    // The operator has none.
    if name == "processor" || party.contract.is_some() {
        line(out, 2, "contract", &optional(party.contract.as_deref()));
    }
}

fn render_parties(out: &mut String, case: &CaseFile) {
    let language = case.language;
    comment(
        out,
        language,
        "\nСистема. server: dedicated (сервер БД только её) или shared (на нём есть чужое: чужие журналы не трогаем).",
        "\nThe system. server: dedicated (nobody else uses the server) or shared (we leave the server's own logs alone).",
    );
    out.push_str("system:\n");
    line(out, 2, "name", &optional(case.system.name.as_deref()));
    line(out, 2, "ispdn_id", &optional(case.system.ispdn_id.as_deref()));
    line(out, 2, "server", &word(&case.system.server));
    comment(out, language, "\nОператор персональных данных.", "\nThe operator of the personal data.");
    party(out, "operator", &case.operator);
    comment(
        out,
        language,
        "\nОбработчик по поручению (null, если его нет): те же строки, что у оператора.",
        "\nThe processor (null when there is none): the same lines as the operator's.",
    );
    match &case.processor {
        Some(processor) => party(out, "processor", processor),
        None => line(out, 0, "processor", "null"),
    }
    comment(
        out,
        language,
        "\nОснование. reason: purpose-reached | purpose-lost | consent-withdrawn | unlawful-processing. Даты: ГГГГ-ММ-ДД.",
        "\nThe ground. reason: purpose-reached | purpose-lost | consent-withdrawn | unlawful-processing. Dates: YYYY-MM-DD.",
    );
    out.push_str("legal:\n");
    line(out, 2, "reason", &case.legal.reason.map_or_else(|| "null".to_owned(), |reason| word(&reason)));
    line(out, 2, "purpose_reached_on", &date(case.legal.purpose_reached_on));
    line(out, 2, "order", &optional(case.legal.order.as_deref()));
}

fn render_stores(out: &mut String, case: &CaseFile) {
    comment(
        out,
        case.language,
        "\nХранилища. role: source (старая система) или target (новая). url: sqlite:ПУТЬ, postgres://…, mysql://…, file:ПАПКА;\n\
         для новой системы также receipt:ФАЙЛ, справка её хранителя.\n\
         zone: Europe/Moscow — часы, по которым в хранилище записано время без часового пояса.",
        "\nStores. role: source (the old system) or target (the new one). url: sqlite:PATH, postgres://…, mysql://…, file:DIR;\n\
         for the new one also receipt:FILE, made by its keeper.\n\
         zone: Europe/Moscow — the clock of its times that tell no zone.",
    );
    items(out, "stores", &case.stores, |store| {
        let mut pairs = vec![
            pair("name", &scalar(&store.name)),
            pair("role", &word(&store.role)),
            pair("url", &scalar(&store.url)),
        ];
        pairs.extend(store.zone.iter().map(|zone| pair("zone", &scalar(zone.name()))));
        pairs
    });
}

fn visit(rules: &VisitRules) -> String {
    let mut pairs = Vec::new();
    pairs.extend(rules.max_rate.iter().map(|rate| pair("max_rate", &scalar(&rate.to_string()))));
    pairs.extend(rules.hours.iter().map(|hours| pair("hours", &scalar(&hours.to_string()))));
    pairs.extend(rules.zone.iter().map(|zone| pair("zone", &scalar(zone.name()))));
    pairs.extend(rules.snapshot_minutes_max.iter().map(|minutes| pair("snapshot_minutes_max", &minutes.to_string())));
    map(&pairs)
}

fn render_course(out: &mut String, case: &CaseFile) {
    let language = case.language;
    comment(
        out,
        language,
        "\nДень, с которого работают в новой системе.",
        "\nThe day from which the new platform was in use.",
    );
    line(out, 0, "migrated_on", &date(case.migrated_on));
    comment(
        out,
        language,
        "\nПрофиль продукта: имя встроенного или ./profile.yaml.",
        "\nThe product's profile: the name of a built-in one, or ./profile.yaml.",
    );
    line(out, 0, "profile", &optional(case.profile.as_deref()));
    comment(
        out,
        language,
        "\nГлубина уничтожения: L0 | L1 | L2 | L2f. L3 (носитель) бывает только по внешнему акту.",
        "\nLevel of destruction: L0 | L1 | L2 | L2f. L3 (the medium) is an external act only.",
    );
    line(out, 0, "level", &word(&case.level));
    comment(
        out,
        language,
        "\nОткрытый ключ оператора (X25519) и место секрета разблокировки (null: место по умолчанию).\n\
         needles_until: последний день отпечатков искомых значений (null: до close).",
        "\nThe operator's public key (X25519) and the place of the unlock secret (null: the default place).\n\
         needles_until: the last day of the fingerprints of destroyed values (null: until close).",
    );
    line(out, 0, "operator_key", &optional(case.operator_key.as_deref()));
    line(out, 0, "unlock_file", &optional(case.unlock_file.as_deref()));
    line(out, 0, "needles_until", &date(case.needles_until));
}

fn render_commission(out: &mut String, case: &CaseFile) {
    comment(
        out,
        case.language,
        "\nКомиссия: threshold (сколько подписей нужно) и members. role: chair | member | secretary;\n\
         party: operator | processor | other; key: открытый ключ. Без комиссии plan откажет. Пример:\n\
         commission:\n  threshold: 2\n  members:\n\
         \u{20}   - {name: Фамилия Имя Отчество, position: директор, role: chair, party: operator, key: keys/chair.pub.pem}",
        "\nThe commission: threshold (signatures needed) and members. role: chair | member | secretary;\n\
         party: operator | processor | other; key: the public key. Without one plan refuses. An example:\n\
         commission:\n  threshold: 2\n  members:\n\
         \u{20}   - {name: Full Name, position: headmaster, role: chair, party: operator, key: keys/chair.pub.pem}",
    );
    match &case.commission {
        None => line(out, 0, "commission", "null"),
        Some(commission) => {
            out.push_str("commission:\n");
            line(out, 2, "threshold", &commission.threshold.to_string());
            out.push_str("  members:\n");
            for member in &commission.members {
                let pairs = [
                    pair("name", &scalar(&member.name)),
                    pair("position", &scalar(&member.position)),
                    pair("role", &word(&member.role)),
                    pair("party", &word(&member.party)),
                    pair("key", &scalar(&member.key)),
                ];
                writeln!(out, "    - {}", map(&pairs)).expect("a String takes all");
            }
        }
    }
    comment(out, case.language, "\nСколько дней действует план.", "\nFor how many days a plan is good.");
    line(out, 0, "plan_valid_days", &case.plan_valid_days.to_string());
    comment(
        out,
        case.language,
        "\nСколько дней годится справка или выгрузка новой системы; открытый ключ её хранителя, подписывающего справки.",
        "\nFor how many days a receipt or an export of the new platform is good; the key of its keeper, who signs receipts.",
    );
    line(out, 0, "target_days_max", &case.target_days_max.to_string());
    if let Some(rules) = &case.target_visit {
        line(out, 0, "target_visit", &visit(rules));
    }
    line(out, 0, "receipt_signer", &optional(case.receipt_signer.as_deref()));
}

fn render_rest(out: &mut String, case: &CaseFile) {
    comment(out, case.language, "\nГде ещё искать остатки.", "\nWhere else to look for what is left.");
    line(out, 0, "residue", &map(&[pair("folders", &list(&case.residue.folders))]));
    comment(
        out,
        case.language,
        "\nКопии, до которых не дотянуться: {what: …, why: …, until: ГГГГ-ММ-ДД, responsible: …}. Печатаются в свидетельстве.",
        "\nCopies out of reach: {what: …, why: …, until: YYYY-MM-DD, responsible: …}. Printed in the certificate.",
    );
    items(out, "exceptions", &case.exceptions, |exception| {
        vec![
            pair("what", &scalar(&exception.what)),
            pair("why", &scalar(&exception.why)),
            pair("until", &exception.until.to_string()),
            pair("responsible", &scalar(&exception.responsible)),
        ]
    });
    comment(
        out,
        case.language,
        "\nЗаявления лиц: {what: target-is-platform, by: …, position: …, at: ГГГГ-ММ-ДД}.",
        "\nStatements of persons: {what: target-is-platform, by: …, position: …, at: YYYY-MM-DD}.",
    );
    items(out, "attested", &case.attested, |statement| {
        vec![
            pair("what", &scalar(&statement.what)),
            pair("by", &scalar(&statement.by)),
            pair("position", &scalar(&statement.position)),
            pair("at", &scalar(statement.at.text())),
        ]
    });
}

/// A list with a line per item, or `[]`.
fn items<T>(out: &mut String, key: &str, all: &[T], pairs: impl Fn(&T) -> Vec<String>) {
    if all.is_empty() {
        return line(out, 0, key, "[]");
    }
    out.push_str(key);
    out.push_str(":\n");
    for item in all {
        writeln!(out, "  - {}", map(&pairs(item))).expect("a String takes all");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::profile::render::tests::hostile;

    const WHOLE: &str = r#"
case: LB-77-0001
language: ru
system: {name: "ЭД Школа", ispdn_id: ИСПДн-07, server: dedicated}
operator: {name: "Школа № 0", inn: "0000000000", ogrn: "1000000000000", address: "г. Н."}
processor: {name: "ООО Подрядчик", inn: "000000000000"}
legal: {reason: purpose-reached, purpose_reached_on: 2026-11-10, order: "№ 101-ОД"}
stores:
  - {name: main, role: source, url: "${SOURCE_URL}"}
  - {name: photos, role: source, url: "file:/srv/photos"}
  - {name: new, role: target, url: "postgres://reader:${TARGET_PASSWORD}@db.example/diary"}
migrated_on: 2026-09-01
profile: rosariosis
level: L2
operator_key: keys/operator.x25519.pub.pem
unlock_file: /var/lib/lastbell/0001.unlock
needles_until: 2027-03-01
commission:
  threshold: 2
  members:
    - {name: "Один Один", position: директор, role: chair, party: operator, key: keys/1.pub.pem}
    - {name: "Два Два", position: инженер, role: member, party: processor, key: keys/2.pub.pem}
plan_valid_days: 7
target_days_max: 21
target_visit: {max_rate: 5MB/s, hours: "22:00-06:00", zone: Asia/Omsk, snapshot_minutes_max: 90}
receipt_signer: keys/keeper.pub.pem
residue: {folders: [/srv/backup, ../dumps]}
exceptions: [{what: "ленты", why: "хранилище банка", until: 2027-01-01, responsible: "Один Один"}]
attested: [{what: target-is-platform, by: "Три Три", position: "администратор платформы", at: "2026-11-12T10:00:00+03:00"}]
"#;

    fn load(text: &str) -> CaseFile {
        CaseFile::load("case.yaml", text.as_bytes()).unwrap_or_else(|failure| panic!("{failure}\n{text}")).0
    }

    #[test]
    fn what_is_rendered_reads_as_the_same() {
        let case = load(WHOLE);
        assert_eq!(load(&render(&case)), case);
        assert_eq!(load(&render(&CaseFile { language: Language::En, ..case.clone() })).language, Language::En);
        assert_eq!(case.unanswered(), Vec::<&str>::new());
        for name in hostile().into_iter().filter(|name| !blank(name)) {
            let mut odd = case.clone();
            odd.system.name = Some(name.clone());
            odd.residue.folders = vec![name.clone()];
            odd.exceptions[0].what = name.clone();
            assert_eq!(load(&render(&odd)), odd, "{name:?}");
        }
    }

    fn start() -> CaseFile {
        let store = StoreEntry {
            name: "main".to_owned(),
            role: StoreRole::Source,
            url: "sqlite:diary.db".to_owned(),
            zone: None,
        };
        CaseFile::new("LB-1", vec![store])
    }

    #[test]
    fn a_new_case_loads_and_says_what_is_open() {
        let text = render_new(&start(), None).unwrap();
        let case = load(&text);
        assert_eq!(case, start());
        assert!(case.unanswered().contains(&"commission") && case.unanswered().contains(&"operator.inn"));
        assert!(!case.unanswered().contains(&"migrated_on"), "without a target there was no migration");
        assert!(text.contains("# Комиссия"), "{text}");
    }

    #[test]
    fn answers_are_laid_over_the_start() {
        let answers = "language: en\nsystem: {name: Diary}\nlegal:\n  order:\ncommission:\n  threshold: 1\n  members: [{name: A B, position: head, role: chair, party: operator, key: k.pem}]\n";
        let answers = Source::read("answers.yaml", answers.as_bytes()).unwrap();
        let text = render_new(&start(), Some(&answers)).unwrap();
        let case = load(&text);
        assert_eq!(case.system, System { name: Some("Diary".to_owned()), ..System::default() });
        assert_eq!((case.stores, case.commission.unwrap().members.len()), (start().stores, 1));
        assert!(text.contains("# Stores"), "comments follow the answered language");
        let nothing = Source::read("answers.yaml", b"# nothing\n").unwrap();
        assert_eq!(load(&render_new(&start(), Some(&nothing)).unwrap()), start());
    }

    #[test]
    fn a_bad_answer_is_shown_in_the_answers() {
        for (text, code, line) in [
            ("system:\n  nam: x\n", "yaml-unknown-key-similar", "2"),
            ("level: L9\n", "yaml-unknown-value", "1"),
            ("a: b: c\n", "yaml-colon", "1"),
        ] {
            let answers = Source::read("answers.yaml", text.as_bytes()).unwrap();
            let failure = render_new(&start(), Some(&answers)).unwrap_err();
            assert_eq!(
                (failure.code, failure.arg("file"), failure.arg("line")),
                (code, Some("answers.yaml"), Some(line))
            );
        }
        let answers = Source::read("answers.yaml", b"operator: {inn: \"1\"}\n").unwrap();
        assert_eq!(render_new(&start(), Some(&answers)).unwrap_err().code, "case-inn");
        let mut start = start();
        start.stores[0].url = "postgres://a:hunter2@b/c".to_owned();
        let failure = render_new(&start, None).unwrap_err();
        assert!(failure.code == "case-password" && !failure.to_string().contains("hunter2"), "{failure}");
    }

    #[test]
    fn variables_are_put_in_and_encoded_where_they_must() {
        let case = load(WHOLE);
        let lookup = |name: &str| match name {
            "SOURCE_URL" => Some("sqlite:/srv/дневник.db".to_owned()),
            "TARGET_PASSWORD" => Some("p@ss/w:${X}".to_owned()),
            _ => None,
        };
        assert_eq!(case.stores[0].location(&lookup).unwrap(), Location::parse("sqlite:/srv/дневник.db").unwrap());
        let wanted = "postgres://reader:p%40ss%2Fw%3A%24%7BX%7D@db.example/diary";
        assert_eq!(case.target().unwrap().location(&lookup).unwrap(), Location::parse(wanted).unwrap());
        let failure = case.stores[0].location(&|_| None).unwrap_err();
        assert_eq!((failure.code, failure.arg("name")), ("case-variable-missing", Some("SOURCE_URL")));
        assert_eq!(case.stores[0].location(&|_| Some("diary".to_owned())).unwrap_err().code, "case-url");
    }

    #[test]
    fn a_password_in_an_address_is_refused_and_never_shown() {
        for url in [
            "postgres://app:hunter2@db/diary",
            "mysql://app:hunter2${X}@db/diary",
            "postgres://app:hun@ter2@db/diary",
            "postgres:app:hunter2@db/diary",
            "postgres://db/diary?user=app&password=hunter2",
            "postgres://db/diary?sslpassword=hunter2",
            "postgres:host=db PASSWORD=hunter2",
        ] {
            let text = WHOLE.replace("file:/srv/photos", url);
            let failure = CaseFile::load("case.yaml", text.as_bytes()).unwrap_err();
            assert_eq!(failure.code, "case-password", "{url}");
            assert!(
                !format!("{failure:?}").contains("hunter2") && !format!("{failure:?}").contains("ter2"),
                "{failure}"
            );
        }
        for url in [
            "postgres://app@db/diary",
            "postgres://app:${P}@db/diary",
            "postgres://db/diary?password=${P}",
            "sqlite:/a@b:c.db",
        ] {
            load(&WHOLE.replace("file:/srv/photos", url));
        }
    }

    #[test]
    fn the_address_is_not_in_debug() {
        let shown = format!("{:?}", CaseFile::load("case.yaml", WHOLE.as_bytes()).unwrap());
        assert!(!shown.contains("db.example") && !shown.contains("TARGET_PASSWORD"), "{shown}");
    }

    #[rustfmt::skip]
    const MISFITS: &[(&str, &str, &str, &str)] = &[
        ("case: LB-77-0001", "case: ../x", "case-id", "case"),
        ("case: LB-77-0001", "{}", "yaml-missing-key", "-"),
        ("name: \"ЭД Школа\"", "name: \" \"", "case-blank", "system.name"),
        ("server: dedicated", "server: mine", "yaml-unknown-value", "system.server"),
        ("inn: \"0000000000\"", "inn: \"0000000001\"", "case-inn", "operator.inn"),
        ("inn: \"000000000000\"", "inn: \"000000000001\"", "case-inn", "processor.inn"),
        ("ogrn: \"1000000000000\"", "ogrn: \"1000000000008\"", "case-ogrn", "operator.ogrn"),
        ("purpose-reached,", "because,", "yaml-unknown-value", "legal.reason"),
        ("purpose_reached_on: 2026-11-10", "purpose_reached_on: 2026-02-30", "yaml-expected-date", "legal.purpose_reached_on"),
        ("migrated_on: 2026-09-01", "migrated_on: 01.09.2026", "yaml-expected-date", "migrated_on"),
        ("migrated_on: 2026-09-01", "migrated_on: 20260901", "yaml-expected-date", "migrated_on"),
        ("migrated_on: 2026-09-01", "migrated_on: 2026-09-01T10:00:00", "yaml-expected-date", "migrated_on"),
        ("name: photos", "name: main", "case-store-twice", "stores[1].name"),
        ("name: photos", "name: a/b", "case-store-name", "stores[1].name"),
        ("name: photos, role: source", "name: photos, role: target", "case-two-targets", "stores[2].role"),
        ("${SOURCE_URL}", "${source_url}", "case-variable", "stores[0].url"),
        ("${SOURCE_URL}", "${SOURCE", "case-variable", "stores[0].url"),
        ("file:/srv/photos", "/srv/photos", "case-url", "stores[1].url"),
        ("file:/srv/photos", "receipt:keeper.lbr", "case-target-only", "stores[1].url"),
        ("file:/srv/photos", "csv:/srv/photos", "case-target-only", "stores[1].url"),
        (", zone: Asia/Omsk", "", "case-visit-zone", "target_visit.hours"),
        ("max_rate: 5MB/s", "max_rate: 5MB", "yaml-expected-rate", "target_visit.max_rate"),
        ("22:00-06:00", "22-6", "yaml-expected-hours", "target_visit.hours"),
        ("snapshot_minutes_max: 90", "snapshot_minutes_max: 0", "yaml-number-range", "target_visit.snapshot_minutes_max"),
        ("level: L2", "level: L3", "yaml-unknown-value", "level"),
        ("plan_valid_days: 7", "plan_valid_days: 0", "yaml-number-range", "plan_valid_days"),
        ("target_days_max: 21", "target_days_max: 367", "yaml-number-range", "target_days_max"),
        ("keys/keeper.pub.pem", "\" \"", "case-blank", "receipt_signer"),
        ("threshold: 2", "threshold: 3", "case-threshold", "commission.threshold"),
        ("threshold: 2", "threshold: 0", "case-threshold", "commission.threshold"),
        ("role: member, party", "role: chair, party", "case-two-chairs", "commission.members[1].role"),
        ("key: keys/2.pub.pem", "key: keys/1.pub.pem", "case-key-twice", "commission.members[1].key"),
        ("name: \"Два Два\"", "name: \"\"", "case-blank", "commission.members[1].name"),
        ("[/srv/backup, ../dumps]", "[\"\"]", "case-blank", "residue.folders[0]"),
        ("until: 2027-01-01", "until: никогда", "yaml-expected-date", "exceptions[0].until"),
        ("what: target-is-platform", "what: \"\"", "case-blank", "attested[0].what"),
        ("\"2026-11-12T10:00:00+03:00\"", "\"2026-11-12T10:00:00\"", "yaml-expected-moment", "attested[0].at"),
    ];

    #[test]
    fn what_does_not_fit_together_is_refused_at_its_place() {
        for (from, to, code, path) in MISFITS {
            assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
            let text = if *to == "{}" { WHOLE.replace(from, "") } else { WHOLE.replace(from, to) };
            let failure = CaseFile::load("case.yaml", text.as_bytes()).expect_err(to);
            assert_eq!((failure.code, failure.arg("path").unwrap()), (*code, *path), "{to}: {failure}");
        }
        let no_source = WHOLE.replace("role: source", "role: target");
        assert_eq!(CaseFile::load("x", no_source.as_bytes()).unwrap_err().code, "case-two-targets");
        let only_target = "case: x\nstores: [{name: a, role: target, url: \"sqlite:a\"}]\n";
        assert_eq!(CaseFile::load("x", only_target.as_bytes()).unwrap_err().code, "case-no-source");
    }

    #[test]
    fn check_digits_are_those_of_the_tax_service() {
        // Published examples of well-known organisations.
        for inn in ["7707083893", "7736050003", "500100732259"] {
            assert!(is_inn(inn), "{inn}");
        }
        for ogrn in ["1027700132195", "1027700070518", "304500116000157"] {
            assert!(is_ogrn(ogrn), "{ogrn}");
        }
        for bad in ["7707083894", "770708389", "", "77070838930", "７707083893", "500100732258"] {
            assert!(!is_inn(bad) && !is_ogrn(bad), "{bad}");
        }
    }
}
