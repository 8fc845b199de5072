//! The table of README.md, of every rule. The sources alone make it, so that it is the same in every
//! checkout, whatever was run there.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use super::{
    catalogue::{Rule, Status},
    listing::ORDER,
    page,
    report::{Report, Shown, Test},
};

const BEGIN: &str = "<!-- begin of the rules, by tests/requirements/run.sh --readme -->\n";
const END: &str = "<!-- end of the rules -->\n";

/// README.md with the table in it.
pub(crate) fn with_table(readme: &str, report: &Report) -> Result<String, String> {
    let (before, rest) = readme.split_once(BEGIN).ok_or(format!("README.md lacks {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or(format!("README.md lacks {END}"))?;
    let table = table(report).map_err(|error| error.to_string())?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// What README.md says of the rules in a sentence of its own.
pub(crate) fn totals(report: &Report) -> String {
    let of = |name| report.count(|shown| shown.rule.status.name() == name);
    let is_new = |shown: &Shown| shown.rule.is_to_be_claimed() && shown.is_missed_by_autobahn();
    format!(
        "{} of them, each with the tests that prove it. {} are proven, {} of these never exercised by Autobahn; \
         {} wait for TLS, HTTP/2 and HTTP/3, and {} do not apply.",
        report.rules.len(),
        report.count(|shown| shown.rule.is_to_be_claimed()),
        report.count(is_new),
        of("not yet"),
        of("not applicable"),
    )
}

/// Tests that the table names for a rule, and that did not come by it when they ran.
pub(crate) fn not_recorded(report: &Report, recorded: &Report) -> Vec<String> {
    let aims = aims(report);
    let mut missing = Vec::new();
    for (shown, ran) in report.rules.iter().zip(&recorded.rules) {
        for named in nearest(shown, &aims) {
            let is_same = |test: &Test| (&test.binary, &test.name) == (&named.binary, &named.name);
            if !ran.tests.iter().any(is_same) {
                missing.push(format!("{}: {} {}", shown.rule.id, named.binary, named.name));
            }
        }
    }
    missing
}

fn table(report: &Report) -> Result<String, fmt::Error> {
    let aims = aims(report);
    let mut table = format!(
        "<details>\n<summary>All {} rules</summary>\n\n\
         | id | section | level | status | in Autobahn | rule | here | tests, for instance |\n\
         |---|---|---|---|---|---|---|---|\n",
        report.rules.len()
    );
    for rfc in ORDER {
        for shown in report.rules.iter().filter(|shown| shown.rule.rfc() == rfc) {
            let rule = &shown.rule;
            writeln!(
                table,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                rule.id,
                rule.section(),
                rule.level,
                rule.status.name(),
                if shown.is_missed_by_autobahn() { "no" } else { "yes" },
                escaped(&rule.rule),
                escaped(here(rule)),
                tests(&nearest(shown, &aims)),
            )?;
        }
    }
    table.push_str("\n</details>\n");
    Ok(table)
}

/// What this server does, or why there is nothing to do.
fn here(rule: &Rule) -> &str {
    match &rule.status {
        Status::Tested | Status::Policy(_) => &rule.then,
        Status::NotApplicable(why) | Status::NotYet(why) => why,
    }
}

/// What each test claims: how many rules of each section, as `6455-5.1`.
fn aims(report: &Report) -> BTreeMap<&Test, BTreeMap<&str, usize>> {
    let mut aims: BTreeMap<&Test, BTreeMap<&str, usize>> = BTreeMap::new();
    for shown in &report.rules {
        for test in &shown.tests {
            *aims.entry(test).or_default().entry(section(&shown.rule)).or_default() += 1;
        }
    }
    aims
}

fn section(rule: &Rule) -> &str {
    rule.id.rsplit_once('-').map_or("", |(section, _)| section)
}

/// Of the tests in memory and of those over TCP the one that is most about this section, and among
/// such ones the one that claims the fewest rules.
fn nearest<'a>(
    shown: &'a Shown,
    aims: &BTreeMap<&'a Test, BTreeMap<&str, usize>>,
) -> Vec<&'a Test> {
    let distance = |test: &Test| {
        let claimed: usize = aims[test].values().sum();
        let elsewhere = claimed - aims[test][section(&shown.rule)];
        (elsewhere * 1000 / claimed, claimed)
    };
    let best = |is_tcp: bool| {
        let level =
            shown.tests.iter().filter(|test| (page::level(&test.binary) == "TCP") == is_tcp);
        level.min_by_key(|test| (distance(test), *test))
    };
    [best(false), best(true)].into_iter().flatten().collect()
}

/// Binary and name, as `cargo test --test` takes them; the module is left out.
fn tests(tests: &[&Test]) -> String {
    let name = |test: &&Test| {
        let name = test.name.rsplit("::").next().unwrap_or_default();
        format!("`{} {name}`", test.binary)
    };
    tests.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Text that Markdown shows as it stands, in a cell.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        if "\\`*_[]<>|~".contains(char) {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
