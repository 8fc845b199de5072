//! Every rule of the catalogue in `tests/requirements` is claimed by a test that runs, or says why
//! it is not; every claim is of a rule that is there. `tests/requirements/README.md` tells how.
//!
//! With all features and on Linux, since a test that is not compiled claims nothing.
#![cfg(all(feature = "server", feature = "deflate", target_os = "linux"))]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use catalogue::Rule;
use claimed::{Claimed, claimed, sites_in};
use report::{Report, Shown, Standing};

#[path = "requirements/catalogue.rs"]
mod catalogue;
#[path = "requirements/claimed.rs"]
mod claimed;
#[path = "requirements/guard.rs"]
mod guard;
#[path = "requirements/items.rs"]
mod items;
#[path = "requirements/lexer.rs"]
mod lexer;
#[path = "requirements/listing.rs"]
mod listing;
#[path = "requirements/page.rs"]
mod page;
#[path = "requirements/readme.rs"]
mod readme;
#[path = "requirements/report.rs"]
mod report;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rules() -> Vec<Rule> {
    catalogue::read(&root().join("tests/requirements")).unwrap_or_else(|why| panic!("{why}"))
}

/// Every test binary by its name, and what its tests claim.
fn binaries() -> &'static BTreeMap<String, Claimed> {
    static BINARIES: OnceLock<BTreeMap<String, Claimed>> = OnceLock::new();
    BINARIES.get_or_init(|| {
        roots().into_iter().map(|(name, binary)| (name, claimed(&binary, root()))).collect()
    })
}

/// The crates that cargo finds in `tests` and `cli/tests`.
fn roots() -> BTreeMap<String, items::Binary> {
    let mut found = BTreeMap::new();
    let folders = ["tests", "cli/tests"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        let main = path.join("main.rs");
        let file = if path.is_dir() { main } else { path.clone() };
        // This one speaks about ids and claims none.
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if file.extension().is_none_or(|extension| extension != "rs")
            || !file.exists()
            || name == "requirements"
        {
            continue;
        }
        let binary = items::read(&relative(&file), &flag);
        found.insert(name, binary.unwrap_or_else(|why| panic!("{why}")));
    }
    found
}

/// Tests run in the root of the package, so a path from there names the file.
fn relative(file: &Path) -> PathBuf {
    file.strip_prefix(root()).unwrap().to_owned()
}

/// The `cfg` options that hold where this file is compiled.
fn flag(name: &str) -> bool {
    let features = ["feature=net", "feature=server", "feature=deflate"];
    features.contains(&name) || matches!(name, "target_os=linux" | "unix" | "test")
}

#[test]
fn every_rule_that_binds_is_claimed_and_no_other() {
    let binaries = binaries();
    let claimed: BTreeSet<&str> = binaries
        .values()
        .flat_map(|claimed| claimed.tests.values().flatten())
        .map(|site| site.id.as_str())
        .collect();
    let mut faults = Vec::new();
    for rule in rules() {
        match (rule.is_to_be_claimed(), claimed.contains(rule.id.as_str())) {
            (true, false) => faults.push(format!("{} is claimed by no test", rule.id)),
            (false, true) => {
                faults.push(format!("{} is {}, yet claimed", rule.id, rule.status.name()));
            }
            _ => {}
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_claim_is_of_a_rule_and_made_by_a_test_that_runs() {
    let known: BTreeSet<String> = rules().into_iter().map(|rule| rule.id).collect();
    let mut faults = Vec::new();
    for (name, claimed) in binaries() {
        for (site, why) in &claimed.idle {
            faults.push(format!("{name}: {}:{}: {}: {why}", site.file, site.line, site.id));
        }
        for site in claimed.tests.values().flatten() {
            if !known.contains(&site.id) {
                faults.push(format!("{}:{}: no rule {}", site.file, site.line, site.id));
            }
        }
    }
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_file_with_claims_is_left_out() {
    let read: BTreeSet<PathBuf> = roots()
        .into_values()
        .flat_map(|binary| binary.modules.into_iter().map(|module| module.file))
        .map(|file| fs::canonicalize(file).unwrap())
        .collect();
    let folders: Vec<&PathBuf> = binaries().values().flat_map(|claimed| &claimed.folders).collect();
    let mut faults = BTreeSet::new();
    for site in ["tests", "src", "cli"].iter().flat_map(|folder| sites_in(&root().join(folder))) {
        let file = fs::canonicalize(&site.file).unwrap();
        let below = file.strip_prefix(fs::canonicalize(root()).unwrap()).unwrap().to_owned();
        // What stands here speaks about ids and claims none.
        let is_ours = below.starts_with("tests/requirements") || below.ends_with("requirements.rs");
        let is_named = folders.iter().any(|folder| below.starts_with(folder));
        if !is_ours && !is_named && !read.contains(&file) {
            faults.insert(below);
        }
    }
    assert!(faults.is_empty(), "these belong to no test binary: {faults:#?}");
    // Binaries that cargo is told not to run would still be read here.
    for manifest in ["Cargo.toml", "cli/Cargo.toml"] {
        let manifest = fs::read_to_string(root().join(manifest)).unwrap();
        for word in ["[[test]]", "autotests"] {
            assert!(!manifest.contains(word), "{word}: tests are found by cargo alone");
        }
    }
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

/// Writes the report, if `STICKLER_CONFORMANCE` names a folder for it and `STICKLER_CLAIMS` one with
/// the records of a run; `run.sh` sets both. Otherwise the report is only looked at.
#[test]
fn the_report_shows_every_rule() {
    let folder = std::env::var_os("STICKLER_CONFORMANCE").map(PathBuf::from);
    let records = std::env::var_os("STICKLER_CLAIMS").map(PathBuf::from);
    let records = records.filter(|_| folder.is_some());
    let unrecorded = Report::new(rules(), binaries(), None, &suite(), root());
    let report = Report::new(rules(), binaries(), records.as_deref(), &suite(), root());
    let html = page::html(&report).unwrap();
    let table = listing::markdown(&report).unwrap();
    for shown in &report.rules {
        assert_eq!(html.matches(&format!("<details id=\"{}\"", shown.rule.id)).count(), 1);
    }
    assert_eq!(table.lines().count(), 2 + 13 + 1, "{table}");
    let Some(folder) = folder else { return };
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("index.html"), html).unwrap();
    fs::write(folder.join("table.md"), &table).unwrap();
    fs::write(folder.join("claims.tsv"), listing::claims(&report)).unwrap();
    println!("{table}");
    assert!(report.is_recorded && report.faults.is_empty(), "{:#?}", report.faults);
    assert_eq!(readme::not_recorded(&unrecorded, &report), [""; 0], "they stand in README.md");
    let open = |shown: &&Shown| matches!(shown.standing(), Standing::Failed | Standing::NotRun);
    let open: Vec<_> = report.rules.iter().filter(open).map(|shown| &shown.rule.id).collect();
    assert!(open.is_empty(), "not proven: {open:?}");
}

/// The table in README.md is what the sources make of it; where `STICKLER_README` is set, as by
/// `run.sh --readme`, it becomes that.
#[test]
fn the_readme_has_every_rule() {
    let file = root().join("README.md");
    let report = Report::new(rules(), binaries(), None, &suite(), root());
    let is = fs::read_to_string(&file).unwrap();
    let wanted = readme::with_table(&is, &report).unwrap();
    for shown in &report.rules {
        let row =
            format!("\n| {} | {} | {} | ", shown.rule.id, shown.rule.section(), shown.rule.level);
        assert_eq!(wanted.matches(&row).count(), 1, "{row}");
    }
    if std::env::var_os("STICKLER_README").is_some() {
        fs::write(&file, &wanted).unwrap();
    } else {
        let differs = is.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
        let more = "tests/requirements/run.sh --readme writes the table anew";
        assert!(is == wanted, "{more}: {differs:#?}");
    }
    let sentence = is.split_whitespace().collect::<Vec<_>>().join(" ");
    let totals = readme::totals(&report);
    assert!(sentence.contains(&totals), "README.md says otherwise: {totals}");
}
