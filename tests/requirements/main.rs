//! The catalogue of rules in `tests/requirements` is well formed, and docs/conformance.md shows it.
//!
//! Which tests claim which rules is written down while the tests run. `tests/requirements/run.sh`
//! runs all of them, and then has these tests compare the records with the catalogue;
//! `tests/requirements/README.md` tells how.

use std::{
    env, fs, panic,
    path::{Path, PathBuf},
};
use stickler_testing::claims;

use catalogue::Rule;
use claims::Claim;
use report::Report;
use run::Run;

mod catalogue;
mod listing;
mod page;
mod report;
mod run;
mod table;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rules() -> Vec<Rule> {
    catalogue::read(&root().join("tests/requirements")).unwrap_or_else(|why| panic!("{why}"))
}

/// Ids are for good: what is listed stays, and what is new is added to the list.
#[test]
fn no_id_disappears() {
    let listed = fs::read_to_string(root().join("tests/requirements/ids.txt")).unwrap();
    let listed: Vec<&str> = listed.lines().collect();
    let rules = rules();
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let gone: Vec<_> = listed.iter().filter(|id| !ids.contains(id)).collect();
    let new: Vec<_> = ids.iter().filter(|id| !listed.contains(id)).collect();
    assert!(gone.is_empty(), "gone: {gone:?}");
    assert!(new.is_empty(), "not yet in ids.txt: {new:?}");
    assert_eq!(listed, ids, "ids.txt has the order of the files");
}

#[test]
fn a_claim_names_a_rule_of_the_catalogue() {
    let is_refused = |id: &'static str| panic::catch_unwind(|| drop(Claim::new(&[id]))).is_err();
    assert!(claims::is_known("6455-5.1-01"));
    for unknown in ["6455-5.1-99", "6455-5.1-1", "", "cli"] {
        assert!(is_refused(unknown), "{unknown:?}");
    }
    panic::catch_unwind(|| claims::record("made up", "6455-5.1-99", true)).unwrap_err();
}

#[test]
fn every_autobahn_case_that_a_rule_names_exists() {
    let cases = suite();
    for rule in rules() {
        for pattern in &rule.autobahn.patterns {
            let is_there = cases.iter().any(|case| catalogue::matches(pattern, case));
            assert!(is_there, "{}: no case {pattern}", rule.id);
        }
    }
}

/// The cases of the Autobahn suite, in its order.
fn suite() -> Vec<String> {
    let file = fs::read_to_string(root().join("autobahn/expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&file).unwrap();
    let mut cases: Vec<String> = expected["cases"].as_object().unwrap().keys().cloned().collect();
    let numbers =
        |case: &String| -> Vec<u32> { case.split('.').map(|part| part.parse().unwrap()).collect() };
    cases.sort_by_key(numbers);
    cases
}

/// Whether `run.sh --write` is to write docs/conformance.md anew.
fn writes() -> bool {
    env::var_os("STICKLER_WRITE").is_some()
}

/// Without a run nothing is known of the tests, so the names of tests are left out of the comparison.
#[test]
fn the_page_shows_the_catalogue() {
    let report = Report::new(rules(), None, &suite(), root());
    let wanted = table::without_tests(&table::markdown(&report).unwrap());
    for shown in &report.rules {
        let row = format!("\n| {} | [", shown.rule.id);
        assert_eq!(wanted.matches(&row).count(), 1, "{row}");
    }
    if !writes() {
        assert_same(&table::without_tests(&written()), &wanted);
    }
}

fn written() -> String {
    fs::read_to_string(root().join(table::PAGE)).unwrap_or_default()
}

fn assert_same(is: &str, wanted: &str) {
    let differs = is.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
    let more = "tests/requirements/run.sh --write makes it";
    assert!(is == wanted, "{} is not up to date, {more}: {differs:#?}", table::PAGE);
}

/// Compares the records with the catalogue and writes the reports, if `STICKLER_CONFORMANCE` names a
/// folder for them and `STICKLER_CLAIMS` one with the records; `run.sh` sets both. Without a run this
/// looks at the page of a report that knows no tests.
#[test]
fn the_run_proves_every_rule() {
    let folder = env::var_os("STICKLER_CONFORMANCE").map(PathBuf::from);
    let records = env::var_os("STICKLER_CLAIMS").map(PathBuf::from).filter(|_| folder.is_some());
    let run = records.map(|records| {
        let log = records.with_extension("log");
        Run::read(&records, &log).unwrap_or_else(|why| panic!("{why}"))
    });
    let report = Report::new(rules(), run.as_ref(), &suite(), root());
    let html = page::html(&report).unwrap();
    let totals = listing::markdown(&report).unwrap();
    for shown in &report.rules {
        assert_eq!(html.matches(&format!("<details id=\"{}\"", shown.rule.id)).count(), 1);
    }
    assert_eq!(totals.lines().count(), 2 + 13 + 1, "{totals}");
    let Some(folder) = folder else { return };
    let page = table::markdown(&report).unwrap();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("index.html"), html).unwrap();
    fs::write(folder.join("table.md"), &totals).unwrap();
    fs::write(folder.join("claims.tsv"), listing::claims(&report)).unwrap();
    fs::write(folder.join("conformance.md"), &page).unwrap();
    println!("{totals}");
    assert!(report.is_recorded && report.faults.is_empty(), "{:#?}", report.faults);
    if writes() {
        fs::write(root().join(table::PAGE), page).unwrap();
    } else {
        assert_same(&written(), &page);
    }
}
