//! What is known of each rule: its tests, whether they held, and the Autobahn cases that touch it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    catalogue::{Rule, Status, is_id},
    claimed::Claimed,
};

/// Everything that the page shows.
pub(crate) struct Report {
    pub(crate) rules: Vec<Shown>,
    /// Every case of the suite, and what it came to where a run was found.
    pub(crate) autobahn: BTreeMap<String, Option<Case>>,
    /// When the run of the suite began.
    pub(crate) autobahn_began: Option<String>,
    /// Whether the tests were run for this; if not, only the claims are known.
    pub(crate) is_recorded: bool,
    /// What does not fit together; empty in a good report.
    pub(crate) faults: Vec<String>,
}

/// A rule and its tests.
pub(crate) struct Shown {
    pub(crate) rule: Rule,
    pub(crate) tests: Vec<Test>,
    pub(crate) cases: Vec<String>,
}

/// A test that claims a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    pub(crate) binary: String,
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) result: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    NotRun,
}

/// What one Autobahn case came to.
pub(crate) struct Case {
    pub(crate) behavior: String,
    /// The suite's own page about it, relative to the folder of its report.
    pub(crate) page: String,
}

/// Where a rule stands, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    Proven,
    Failed,
    NotRun,
    NotApplicable,
    NotYet,
}

impl Standing {
    pub(crate) const ALL: [Standing; 5] = [
        Standing::Proven,
        Standing::Failed,
        Standing::NotRun,
        Standing::NotApplicable,
        Standing::NotYet,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Standing::Proven => "proven by test",
            Standing::Failed => "failed",
            Standing::NotRun => "not run",
            Standing::NotApplicable => "not applicable",
            Standing::NotYet => "not yet",
        }
    }
}

impl Shown {
    pub(crate) fn standing(&self) -> Standing {
        match self.rule.status {
            Status::NotApplicable(_) => Standing::NotApplicable,
            Status::NotYet(_) => Standing::NotYet,
            _ if self.tests.iter().any(|test| test.result == Outcome::Failed) => Standing::Failed,
            _ if self.tests.iter().any(|test| test.result == Outcome::Passed) => Standing::Proven,
            _ => Standing::NotRun,
        }
    }

    pub(crate) fn is_missed_by_autobahn(&self) -> bool {
        self.rule.autobahn.patterns.is_empty()
    }
}

impl Report {
    /// Puts claims and records together; `records` is the folder that the tests wrote to.
    pub(crate) fn new(
        rules: Vec<Rule>,
        binaries: &BTreeMap<String, Claimed>,
        records: Option<&Path>,
        suite: &[String],
        autobahn: &Path,
    ) -> Report {
        let recorded = records.map(read_records).unwrap_or_default();
        let mut faults = Vec::new();
        let mut tests: BTreeMap<&str, BTreeSet<Test>> = BTreeMap::new();
        let mut known = BTreeSet::new();
        let ran: BTreeSet<(&str, &String)> =
            recorded.keys().map(|(id, binary, _)| (id.as_str(), binary)).collect();
        for (binary, claimed) in binaries {
            for (name, sites) in &claimed.tests {
                let (file, line) = claimed.places[name].clone();
                let ids: BTreeSet<&str> = sites.iter().map(|site| site.id.as_str()).collect();
                for id in ids {
                    let key = (id.to_owned(), binary.clone(), name.clone());
                    let result = match recorded.get(&key) {
                        Some(true) => Outcome::Passed,
                        Some(false) => Outcome::Failed,
                        // A test that picks rows of a table: the others are for its neighbours.
                        None if ran.contains(&(id, binary)) => continue,
                        None => Outcome::NotRun,
                    };
                    if records.is_some() && result != Outcome::Passed {
                        faults.push(format!("{id}: {binary} {name}: {result:?}"));
                    }
                    known.insert(key);
                    let (binary, name) = (binary.clone(), name.clone());
                    let test = Test { binary, name, file: file.clone(), line, result };
                    tests.entry(id).or_default().insert(test);
                }
            }
        }
        for (id, binary, name) in recorded.keys() {
            if !known.contains(&(id.clone(), binary.clone(), name.clone())) {
                faults.push(format!("{id}: {binary} {name}: recorded, yet not in the sources"));
            }
        }
        let rules = rules.into_iter().map(|rule| {
            let tests = tests.get(rule.id.as_str()).cloned().unwrap_or_default();
            let cases = suite.iter().filter(|case| rule.autobahn.touches(case)).cloned().collect();
            Shown { rule, tests: tests.into_iter().collect(), cases }
        });
        let run = read_autobahn(autobahn);
        let rules = rules.collect();
        let is_recorded = records.is_some();
        let began = fs::read_to_string(autobahn.join(".started")).ok();
        let autobahn_began = began.map(|began| began.trim().to_owned());
        let autobahn = suite.iter().map(|case| (case.clone(), run(case))).collect();
        Report { rules, autobahn, autobahn_began, is_recorded, faults }
    }

    pub(crate) fn count(&self, is_counted: impl Fn(&Shown) -> bool) -> usize {
        self.rules.iter().filter(|shown| is_counted(shown)).count()
    }

    /// How many different tests claim anything.
    pub(crate) fn tests(&self) -> usize {
        let tests = self.rules.iter().flat_map(|shown| &shown.tests);
        tests.map(|test| (&test.binary, &test.name)).collect::<BTreeSet<_>>().len()
    }
}

type Key = (String, String, String);

/// By id, binary and test: whether the rule held each time.
fn read_records(folder: &Path) -> BTreeMap<Key, bool> {
    let mut held = BTreeMap::new();
    let files =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for file in files {
        let path = file.unwrap().path();
        for line in fs::read_to_string(&path).unwrap().lines() {
            let [id, binary, test, result] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{}: {line:?}", path.display());
            };
            // Cases about the program and about hostile peers have ids of another kind.
            if !is_id(id) {
                continue;
            }
            let key = (id.to_owned(), binary.to_owned(), test.to_owned());
            *held.entry(key).or_insert(true) &= result == "ok";
        }
    }
    assert!(!held.is_empty(), "no test left a record in {}", folder.display());
    held
}

/// Looks cases up in the suite's `index.json`, if a run has left one.
fn read_autobahn(folder: &Path) -> impl Fn(&str) -> Option<Case> + use<> {
    let index = fs::read_to_string(folder.join("index.json")).ok();
    let index = index.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let cases = index.and_then(|index| index.as_object()?.values().next().cloned());
    move |case| {
        let entry = cases.as_ref()?.get(case)?;
        let behavior = match (entry["behavior"].as_str()?, entry["behaviorClose"].as_str()?) {
            (behavior, "OK" | "INFORMATIONAL") => behavior.to_owned(),
            (behavior, close) => format!("{behavior}, close {close}"),
        };
        let page = entry["reportfile"].as_str()?.replace(".json", ".html");
        Some(Case { behavior, page })
    }
}
