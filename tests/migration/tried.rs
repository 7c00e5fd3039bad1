//! `profiles check`, through the program: a profile alone, one that fits, one that loses rows, one with mistakes in several
//! places. It changes neither store and writes no artefact.

use crate::common::{codes_of, files_below, lastbell_json, world};
use crate::diary::Diary;
use lastbell::profile::profile_file::Join;
use serde_json::{Value, json};
use std::fs;

fn check(subject: &str) -> (i32, Value) {
    lastbell_json(&["profiles", "check", subject])
}

#[test]
fn the_form_is_checked_without_a_store_and_a_mistake_has_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("register.yaml");
    fs::write(&path, crate::register::PROFILE).unwrap();
    let file = path.display().to_string();
    let (exit, document) = check(&file);
    assert_eq!((exit, &document["lines"][0]["args"]["mappings"]), (0, &"5".into()), "{document:#}");
    let wrong = crate::register::PROFILE.replacen("may_change_percent_max: 90", "may_change_percent_max: 101", 1);
    let line = wrong.lines().position(|line| line.contains("percent_max: 101")).unwrap() + 1;
    fs::write(&path, wrong).unwrap();
    let (exit, document) = check(&file);
    let args = &document["error"]["args"];
    assert_eq!((exit, &args["line"], &args["file"]), (2, &line.to_string().into(), &file.into()), "{document:#}");
}

#[test]
fn rows_of_both_sides_are_counted_by_what_becomes_of_them() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 40);
    let case = diary.small.case_argument();
    let artefacts = |diary: &Diary| -> Vec<String> {
        files_below(&diary.small.case()).into_keys().filter(|name| !name.starts_with("journal")).collect()
    };
    let (before, source) = (artefacts(&diary), files_below(diary.small.source().parent().unwrap()));
    let (exit, document) = check(&case);
    assert_eq!((exit, document["findings"].as_array().unwrap().len()), (0, 0), "{document:#}");
    let platform = |from: &str| diary.platform.count(&format!("SELECT 1 AS one FROM {from}"));
    let ours = platform("enrolments e JOIN persons p ON p.id = e.person_id WHERE p.school_id = '77-0001'");
    let read = platform("enrolments");
    let expected = json!({
        "mapping": "ucheniki",
        "source": { "read": 40, "compared": 40, "filtered": 0, "without_partner": 0, "ambiguous": 0 },
        "target": { "read": read, "compared": ours, "filtered": read - ours, "without_partner": 0, "ambiguous": 0 },
    });
    assert!(ours == 40 && read > ours, "the neighbours are there, too: {read}");
    assert!(document["result"]["mappings"].as_array().unwrap().contains(&expected), "{document:#}");

    // A join that loses rows.
    diary.small.change_mapping("posesh", |mapping| {
        let on = vec![["b.uchenik_id".to_owned(), "u.id".to_owned()]];
        mapping.source.join.push(Join { table: "foto b".to_owned(), on, kind: Default::default() });
    });
    let lost = platform(
        "attendance a JOIN persons p ON p.id = a.person_id WHERE p.school_id = '77-0001' \
         AND a.person_id NOT IN (SELECT person_id FROM photos)",
    );
    let (exit, document) = check(&case);
    let findings = document["findings"].as_array().unwrap();
    assert_eq!((exit, findings.len(), &findings[0]["code"]), (1, 1, &"profile-drops".into()), "{document:#}");
    assert_eq!(findings[0]["args"]["rows"], lost.to_string(), "{document:#}");
    assert_eq!(artefacts(&diary), before, "no artefact is written");
    assert!(files_below(diary.small.source().parent().unwrap()) == source, "not a byte of the source changed");
    let journal = fs::read_to_string(diary.small.case().join("journal.jsonl")).unwrap();
    assert_eq!(journal.matches(r#""purpose":"profiles-check""#).count(), 4, "both looks at both stores are journalled");
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let (mut world, _) = world();
    let diary = Diary::new(&mut world, 20);
    let path = diary.small.case().join("profile.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replacen("target: p.birth_date", "target: p.born", 1).replacen("z.urok", "z.lesson", 1);
    fs::write(&path, &text).unwrap();
    let line_of = |part: &str| (text.lines().position(|line| line.contains(part)).unwrap() + 1).to_string();
    let (exit, document) = check(&diary.small.case_argument());
    assert_eq!(exit, 2, "{document:#}");
    let codes = codes_of(&document);
    assert_eq!(codes[..3], ["mapping-problems", "profile-at", "mapping-column-unknown"], "{document:#}");
    let chain = std::iter::successors(Some(&document["error"]), |error| Some(&error["cause"]));
    let places = chain.take_while(|error| error.is_object()).filter(|error| error["code"] == "profile-at");
    let lines: Vec<&Value> = places.map(|error| &error["args"]["line"]).collect();
    assert!(lines.contains(&&line_of("target: p.born").into()), "{lines:?}");
    assert!(lines.contains(&&line_of("z.lesson").into()), "{lines:?}");
}
