//! For whatever reads JUnit's XML: a suite for each group, a failure for each violation.

use std::fmt::{self, Write};
use std::time::Duration;

use super::super::case::{Grade, Group};
use super::{Report, escape};

pub(in super::super) fn render(report: &Report<'_>) -> String {
    let mut xml = String::new();
    // Writing to a String cannot fail.
    let _ = write_suites(&mut xml, report);
    xml
}

fn write_suites(xml: &mut String, report: &Report<'_>) -> fmt::Result {
    let (all, failures) = (report.results.len(), report.count(Some(Grade::Violation)));
    let url = escape(report.url);
    writeln!(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        xml,
        "<testsuites name=\"stickler check {url}\" tests=\"{all}\" failures=\"{failures}\">"
    )?;
    for group in Group::ALL {
        write_suite(xml, report, group)?;
    }
    writeln!(xml, "</testsuites>")
}

fn write_suite(xml: &mut String, report: &Report<'_>, group: Group) -> fmt::Result {
    let results = || report.results.iter().filter(|(case, _)| case.group == group);
    let count = results().count();
    if count == 0 {
        return Ok(());
    }
    let failures = report.count_in(group, Some(Grade::Violation));
    let skipped = report.count_in(group, None);
    let took: Duration = results().map(|(_, outcome)| outcome.took).sum();
    writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{count}\" failures=\"{failures}\" skipped=\"{skipped}\" time=\"{:.3}\">",
        group.name(),
        took.as_secs_f64()
    )?;
    for (case, outcome) in results() {
        let section = case.section.trim_end_matches(['.', ' ']);
        write!(
            xml,
            "    <testcase classname=\"{}\" name=\"{}: {}\" time=\"{:.3}\"",
            group.name(),
            case.id,
            escape(case.rule),
            outcome.took.as_secs_f64()
        )?;
        let (expected, observed) = (escape(&outcome.expected), escape(&outcome.observed));
        match outcome.grade {
            None => writeln!(xml, "><skipped message=\"{observed}\"/></testcase>")?,
            Some(Grade::Violation) => writeln!(
                xml,
                "><failure message=\"{section}: {observed}\">expected {expected}; observed {observed}</failure></testcase>"
            )?,
            Some(Grade::Acceptable) => writeln!(
                xml,
                "><system-out>acceptable: expected {expected}; observed {observed}</system-out></testcase>"
            )?,
            Some(Grade::Strict) => writeln!(xml, "/>")?,
        }
    }
    writeln!(xml, "  </testsuite>")
}
