//! The report as a table for people, and as a list for programs.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
};

use super::report::{Report, Shown, Standing};

/// What each RFC is called.
const TITLES: [(&str, &str); 13] = [
    ("3629", "UTF-8"),
    ("4648", "Base64"),
    ("6454", "The Web Origin Concept"),
    ("6455", "The WebSocket Protocol"),
    ("6585", "Additional HTTP Status Codes"),
    ("7692", "Compression Extensions for WebSocket"),
    ("7936", "Subprotocol Name Registry"),
    ("8307", "Well-Known URIs for WebSocket"),
    ("8441", "WebSockets with HTTP/2"),
    ("9110", "HTTP Semantics"),
    ("9112", "HTTP/1.1"),
    ("9113", "HTTP/2"),
    ("9220", "WebSockets with HTTP/3"),
];

/// Those that matter most come first.
pub(crate) const ORDER: [&str; 13] = [
    "6455", "7692", "9112", "9110", "3629", "6454", "6585", "7936", "8307", "4648", "8441", "9113",
    "9220",
];

pub(crate) fn title(rfc: &str) -> &'static str {
    TITLES.iter().find(|(number, _)| *number == rfc).map_or("", |(_, title)| title)
}

/// One line for each RFC, for people.
pub(crate) fn markdown(report: &Report) -> Result<String, fmt::Error> {
    let mut table = String::from(
        "| RFC | rules | proven by test | never in Autobahn | not applicable | not yet |\n\
         |---|---:|---:|---:|---:|---:|\n",
    );
    for rfc in ORDER {
        let name = format!("{rfc}, {}", title(rfc));
        row(&mut table, &name, report, &|shown| shown.rule.rfc() == rfc)?;
    }
    row(&mut table, "**all**", report, &|_| true)?;
    Ok(table)
}

fn row(
    table: &mut String,
    name: &str,
    report: &Report,
    is_in: &dyn Fn(&Shown) -> bool,
) -> fmt::Result {
    let rules: Vec<&Shown> = report.rules.iter().filter(|shown| is_in(shown)).collect();
    let of = |standing| rules.iter().filter(|shown| shown.standing() == standing).count();
    let missed = rules
        .iter()
        .filter(|shown| shown.standing() == Standing::Proven && shown.is_missed_by_autobahn());
    writeln!(
        table,
        "| {name} | {} | {} | {} | {} | {} |",
        rules.len(),
        of(Standing::Proven),
        missed.count(),
        of(Standing::NotApplicable),
        of(Standing::NotYet)
    )
}

/// `id`, binary and test, with tabs between.
pub(crate) fn claims(report: &Report) -> String {
    let mut lines = BTreeSet::new();
    for shown in &report.rules {
        for test in &shown.tests {
            lines.insert(format!("{}\t{}\t{}\n", shown.rule.id, test.binary, test.name));
        }
    }
    lines.into_iter().collect()
}
