//! For whatever reads JUnit's XML: a suite for each group, a failure for each violation, an error for each case that
//! was not played.

use std::fmt::{self, Write};
use std::time::Duration;

use super::super::case::{Case, Grade, Group, Row};
use super::super::run::{CaseOutcome, Outcome, Standing};
use super::{Report, escape, section, told_rows};

pub(in super::super) fn render(report: &Report<'_>) -> String {
    let mut xml = String::new();
    // Writing to a String cannot fail.
    let _ = write_suites(&mut xml, report);
    xml
}

fn write_suites(xml: &mut String, report: &Report<'_>) -> fmt::Result {
    let all = report.results.len();
    let failures = report.count(Standing::Judged(Grade::Violation));
    let errors = report.count(Standing::NotPlayed);
    let url = escape(report.url);
    writeln!(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        xml,
        "<testsuites name=\"stickler check {url}\" tests=\"{all}\" failures=\"{failures}\" errors=\"{errors}\">"
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
    let failures = report.count_in(group, Standing::Judged(Grade::Violation));
    let errors = report.count_in(group, Standing::NotPlayed);
    let skipped = report.count_in(group, Standing::Skipped);
    let took: Duration = results().map(|(_, outcome)| outcome.took).sum();
    writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{count}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\" time=\"{:.3}\">",
        group.name(),
        took.as_secs_f64()
    )?;
    for (case, outcome) in results() {
        write_case(xml, case, outcome)?;
    }
    writeln!(xml, "  </testsuite>")
}

fn write_case(xml: &mut String, case: &Case, outcome: &CaseOutcome) -> fmt::Result {
    write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}: {}\" time=\"{:.3}\"",
        case.group.name(),
        case.id,
        escape(case.rule),
        outcome.took.as_secs_f64()
    )?;
    let (section, observed) = (section(case), escape(&outcome.observed));
    match outcome.standing {
        Standing::Judged(Grade::Strict) => return writeln!(xml, "/>"),
        Standing::Skipped => write!(xml, "><skipped message=\"{observed}\"/>")?,
        Standing::NotPlayed => write!(xml, "><error message=\"not played: {observed}\"/>")?,
        Standing::Judged(Grade::Violation) => {
            write!(xml, "><failure message=\"{section}: {observed}\">")?;
            write_rows(xml, case, outcome, Grade::Violation)?;
            write!(xml, "</failure>")?;
        }
        Standing::Judged(Grade::Acceptable) => {
            write!(xml, "><system-out>")?;
            write_rows(xml, case, outcome, Grade::Acceptable)?;
            write!(xml, "</system-out>")?;
        }
    }
    writeln!(xml, "</testcase>")
}

fn write_rows(xml: &mut String, case: &Case, outcome: &CaseOutcome, grade: Grade) -> fmt::Result {
    let is_told = |(_, of): &(&Row, &Outcome)| of.standing == Standing::Judged(grade);
    for (row, outcome) in told_rows(case, outcome).filter(is_told) {
        write!(
            xml,
            "{}: {}: expected {}; observed {}; sent {}; received {}",
            grade.name(),
            escape(&row.what),
            escape(&row.expected()),
            escape(&outcome.observed),
            outcome.tapes.sent,
            outcome.tapes.received
        )?;
        let end = if outcome.basis.is_empty() { "" } else { "; basis " };
        writeln!(xml, "{end}{}", escape(&outcome.basis))?;
    }
    Ok(())
}
