//! Profiles that prove little, through the program: one that compares a constant alone, one whose join drops rows. Neither
//! destroys anything.

use crate::common::{codes_of, files_below, lastbell_json, world};
use crate::diary::Diary;
use lastbell::profile::profile_file::{ColumnRule, Columns, Join, JoinKind, Mapping};

fn refused(diary: &Diary, step: &[&str], exit: i32) -> Vec<String> {
    let case = diary.small.case_argument();
    let (code, document) = lastbell_json(&[&[step[0], case.as_str()], &step[1..]].concat());
    assert_eq!(code, exit, "{step:?}: {document:#}");
    codes_of(&document)
}

/// Neither a plan nor an erasure, and the old diary as it was.
fn nothing_goes(diary: &Diary, plan: &str) {
    let source = files_below(diary.small.source().parent().unwrap());
    let codes = refused(diary, &["plan"], 4);
    assert!(codes.iter().any(|code| code == plan), "{codes:?}");
    refused(diary, &["erase", "--yes"], 4);
    assert!(!diary.small.case().join("plan.json").exists(), "no plan was made");
    assert!(files_below(diary.small.source().parent().unwrap()) == source, "not a byte of the old diary changed");
}

/// Everything is left behind but a column of the platform that always holds one text.
fn compares_a_constant_alone(mapping: &mut Mapping) {
    let mut sources: Vec<String> = mapping.columns.iter().flat_map(sources_of).collect();
    sources.sort();
    sources.dedup();
    let left = |source: String| ColumnRule {
        source: Some(Columns::One(source)),
        not_migrated: Some("not looked at".to_owned()),
        ..ColumnRule::default()
    };
    let constant = mapping.columns.iter().find(|rule| rule.constant.is_some()).unwrap().clone();
    mapping.columns = sources.into_iter().map(left).chain([constant]).collect();
    mapping.columns.push(left("u.snils".to_owned()));
    mapping.columns.push(left("u.klass_id".to_owned()));
    mapping.key.clear();
    mapping.may_change.clear();
    mapping.changed_at = None;
    mapping.must_compare = None;
}

fn sources_of(rule: &ColumnRule) -> Vec<String> {
    match &rule.source {
        None => Vec::new(),
        Some(Columns::One(source)) => vec![source.clone()],
        Some(Columns::Merged(sources)) => sources.clone(),
    }
}

#[test]
fn a_profile_that_compares_one_constant_column_is_refused() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 40);
    diary.small.change_mapping("ucheniki", compares_a_constant_alone);
    let codes = refused(&diary, &["verify"], 4);
    assert_eq!(codes, ["mapping-weakness", "mapping-compares-nothing", "mapping-weak"]);
    assert!(!diary.small.case().join("verification.json").exists(), "nothing was verified");
    nothing_goes(&diary, "step-missing");
}

#[test]
fn a_profile_whose_join_drops_rows_is_refused() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 40);
    let join = |table: &str, pair: [&str; 2]| Join {
        table: table.to_owned(),
        on: vec![pair.map(str::to_owned)],
        kind: JoinKind::One,
    };
    // Of absences only those of pupils with a picture, on both sides alike: what is compared is equal.
    diary.small.change_mapping("posesh", |mapping| {
        mapping.source.join.push(join("foto b", ["b.uchenik_id", "u.id"]));
        mapping.target.join.push(join("photos b", ["b.person_id", "p.id"]));
    });
    let absences = diary.small.count(&diary.small.source(), "posesh");
    let dropped = diary.platform.count(
        "SELECT 1 AS one FROM attendance a JOIN persons p ON p.id = a.person_id WHERE p.school_id = '77-0001' \
         AND a.person_id NOT IN (SELECT person_id FROM photos)",
    );
    let (exit, document) = lastbell_json(&["verify", &diary.small.case_argument()]);
    let found = document["result"]["mappings"].as_array().unwrap().iter().find(|found| found["mapping"] == "posesh");
    let counts = &found.unwrap()["counts"];
    assert!(dropped > 0 && dropped < absences, "{dropped} of {absences}");
    assert_eq!((exit, &counts["missing"], &counts["matched"]), (1, &dropped.into(), &(absences - dropped).into()));
    nothing_goes(&diary, "open-unproved");
}

#[test]
fn a_join_that_may_find_several_rows_is_refused_whole() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 40);
    diary.small.change_mapping("posesh", |mapping| {
        let join = Join {
            table: "ucheniki_roditeli l".to_owned(),
            on: vec![["l.uchenik_id".to_owned(), "u.id".to_owned()]],
            kind: JoinKind::One,
        };
        mapping.source.join.push(join);
    });
    let codes = refused(&diary, &["verify"], 2);
    assert!(codes.contains(&"mapping-join-not-unique".to_owned()), "{codes:?}");
    nothing_goes(&diary, "step-missing");
}
