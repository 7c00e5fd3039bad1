//! One digest per section of the written files, so that an edit makes stale only the steps that used the section.

use super::case_file::CaseFile;
use super::decisions::{Decisions, digests_by_kind, hex_digest};
use super::profile_file::{Mapping, Profile};
use serde::Serialize;
use std::collections::BTreeMap;

/// `case.stores`, `case.commission`, `case.level`, `case.plan_valid_days`…: every top key of case.yaml.
/// Digests are of what the text means, with defaults filled in: a comment or another order of keys changes nothing.
#[must_use]
pub fn of_case(case: &CaseFile) -> BTreeMap<String, String> {
    top_keys("case", case)
}

/// `profile.profile`, `profile.subjects`, `profile.tables`, `profile.mappings`.
#[must_use]
pub fn of_profile(profile: &Profile) -> BTreeMap<String, String> {
    top_keys("profile", profile)
}

/// `decisions.review`, `.table`, `.retention`, `.waive`, `.cut`, `.hold` (with release), `.allow`.
#[must_use]
pub fn of_decisions(decisions: &Decisions) -> BTreeMap<String, String> {
    digests_by_kind(decisions)
}

/// The digest of one mapping as it is meant, whatever stands around it in the file.
#[must_use]
pub fn of_mapping(mapping: &Mapping) -> String {
    hex_digest(&serde_json::to_value(mapping).expect("keys are texts, numbers are whole"))
}

fn top_keys<T: Serialize>(file: &str, value: &T) -> BTreeMap<String, String> {
    let value = serde_json::to_value(value).expect("keys are texts, numbers are whole");
    let serde_json::Value::Object(sections) = value else { unreachable!("both files are maps") };
    sections.iter().map(|(name, section)| (format!("{file}.{name}"), hex_digest(section))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CASE: &str = "case: a\nstores: [{name: m, role: source, url: \"sqlite:a\"}]\n";
    const PROFILE: &str = "profile: {name: d, product: D, version: 1}\ntables: {t: {disposition: destroy}}\n";
    const DECISIONS: &str = "- {release: t, by: А, at: 2026-11-01, reason: б}\n";

    fn of(case: &str, profile: &str, decisions: &str) -> BTreeMap<String, String> {
        let mut all = of_case(&CaseFile::load("x", case.as_bytes()).unwrap().0);
        all.extend(of_profile(&Profile::load("x", profile.as_bytes()).unwrap().0));
        all.extend(of_decisions(&Decisions::load("x", decisions.as_bytes()).unwrap()));
        all
    }

    fn changed(case: &str, profile: &str, decisions: &str) -> Vec<String> {
        let before = of(CASE, PROFILE, DECISIONS);
        let after = of(case, profile, decisions);
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        after.into_iter().filter(|(name, digest)| before[name] != *digest).map(|(name, _)| name).collect()
    }

    #[test]
    fn an_edit_changes_the_digest_of_its_section_alone() {
        let with = |line: &str| format!("{CASE}{line}\n");
        assert_eq!(changed(&with("level: L2"), PROFILE, DECISIONS), ["case.level"]);
        assert_eq!(changed(&with("plan_valid_days: 3"), PROFILE, DECISIONS), ["case.plan_valid_days"]);
        assert_eq!(changed(&CASE.replace("sqlite:a", "sqlite:b"), PROFILE, DECISIONS), ["case.stores"]);
        let commission =
            "commission: {threshold: 1, members: [{name: А, position: б, role: chair, party: operator, key: k}]}";
        assert_eq!(changed(&with(commission), PROFILE, DECISIONS), ["case.commission"]);
        assert_eq!(changed(CASE, &PROFILE.replace("version: 1", "version: 2"), DECISIONS), ["profile.profile"]);
        let kept = PROFILE.replace("destroy", "keep, reason: x");
        assert_eq!(changed(CASE, &kept, DECISIONS), ["profile.tables"]);
        let more = |body: &str| format!("{DECISIONS}- {{{body}, by: А, at: 2026-11-01, reason: б}}\n");
        for (body, section) in [
            ("review: t.c, category: name", "decisions.review"),
            ("table: t, disposition: keep", "decisions.table"),
            ("retention: t, until: paper", "decisions.retention"),
            ("waive: {table: t, rows_max: 1}", "decisions.waive"),
            ("cut: t.c", "decisions.cut"),
            ("hold: {tables: [t]}", "decisions.hold"),
            ("release: u", "decisions.hold"),
            ("allow: life", "decisions.allow"),
        ] {
            assert_eq!(changed(CASE, PROFILE, &more(body)), [section]);
        }
    }

    #[test]
    fn comments_layout_and_spelled_out_defaults_change_nothing() {
        let case = "# о деле\nplan_valid_days: 14\nprocessor: null\nstores:\n  - url: sqlite:a\n    role: source\n    name: m\ncase: a\n";
        assert_eq!(
            changed(case, &format!("# x\n{PROFILE}mappings: []\n"), &format!("# y\n{DECISIONS}")),
            Vec::<String>::new()
        );
    }
}
