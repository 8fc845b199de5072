//! What is known of each rule: its tests, whether they held, and the Autobahn cases that touch it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    catalogue::{Rule, Status, is_id},
    run::{Claim, Run},
};

/// Everything that the page shows.
pub(crate) struct Report {
    pub(crate) rules: Vec<Shown>,
    /// Every case of the suite, and what it came to where a run was found.
    pub(crate) autobahn: BTreeMap<String, Option<Case>>,
    /// When the run of the suite began.
    pub(crate) autobahn_began: Option<String>,
    /// Whether the tests were run for this; if not, nothing is known of them.
    pub(crate) is_recorded: bool,
    /// What does not fit together; empty in a good report.
    pub(crate) faults: Vec<String>,
}

/// A rule and its tests.
pub(crate) struct Shown {
    pub(crate) rule: Rule,
    pub(crate) tests: Vec<Test>,
    pub(crate) cases: Vec<String>,
    pub(crate) mutations: Vec<Mutation>,
}

/// The rule was broken on purpose, and who noticed.
#[derive(Clone)]
pub(crate) struct Mutation {
    pub(crate) breaks: String,
    /// A test, or nobody.
    pub(crate) noticed: Option<String>,
}

/// A test that claims a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    pub(crate) binary: String,
    pub(crate) name: String,
    /// The file, from the root of the project, and the line.
    pub(crate) place: Option<(String, usize)>,
    pub(crate) held: bool,
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
            _ if self.tests.is_empty() => Standing::NotRun,
            _ if self.tests.iter().all(|test| test.held) => Standing::Proven,
            _ => Standing::Failed,
        }
    }

    pub(crate) fn is_missed_by_autobahn(&self) -> bool {
        self.rule.autobahn.patterns.is_empty()
    }
}

impl Report {
    /// Puts the catalogue and a run together.
    pub(crate) fn new(
        rules: Vec<Rule>,
        run: Option<&Run>,
        suite: &[String],
        root: &Path,
    ) -> Report {
        let folders = ["tests", "cli/tests"].map(|folder| root.join(folder));
        let faults =
            run.map(|run| run.faults(&rules, &folders, &root.join("testing"))).unwrap_or_default();
        let mut tests = run.map(|run| tests(run, root)).unwrap_or_default();
        let mutations = read_mutations(&root.join("tests/mutations/results.tsv"));
        let rules = rules.into_iter().map(|rule| {
            let tests = tests.remove(&rule.id).unwrap_or_default();
            let cases = suite.iter().filter(|case| rule.autobahn.touches(case)).cloned().collect();
            let mutations = mutations.get(&rule.id).cloned().unwrap_or_default();
            Shown { rule, tests, cases, mutations }
        });
        let rules = rules.collect();
        let folder = &root.join("reports/autobahn");
        let case_of = read_autobahn(folder);
        let began = fs::read_to_string(folder.join(".started")).ok();
        let autobahn_began = began.map(|began| began.trim().to_owned());
        let autobahn = suite.iter().map(|case| (case.clone(), case_of(case))).collect();
        Report { rules, autobahn, autobahn_began, is_recorded: run.is_some(), faults }
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

/// The tests that claimed each rule.
fn tests(run: &Run, root: &Path) -> BTreeMap<String, Vec<Test>> {
    let mut tests: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    let root = fs::canonicalize(root).unwrap_or_default();
    let mut places = BTreeMap::new();
    for (claim, held) in &run.claims {
        let Claim { id, binary, test } = claim;
        let place = places.entry((binary, test)).or_insert_with(|| {
            let (file, line) = run.place(claim)?;
            Some((file.strip_prefix(&root).ok()?.display().to_string(), line))
        });
        let test =
            Test { binary: binary.clone(), name: test.clone(), place: place.clone(), held: *held };
        tests.entry(id.clone()).or_default().push(test);
    }
    tests
}

/// What `tests/mutations` has written down, if it has: rule, name, what was broken, who noticed.
fn read_mutations(file: &Path) -> BTreeMap<String, Vec<Mutation>> {
    let mut mutations: BTreeMap<String, Vec<Mutation>> = BTreeMap::new();
    let text = fs::read_to_string(file).unwrap_or_default();
    for line in text.lines().filter(|line| line.split('\t').next().is_some_and(is_id)) {
        let [id, _, breaks, noticed] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{}: {line:?}", file.display());
        };
        let noticed = (noticed != "nobody").then(|| noticed.to_owned());
        let mutation = Mutation { breaks: breaks.to_owned(), noticed };
        mutations.entry(id.to_owned()).or_default().push(mutation);
    }
    mutations
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
