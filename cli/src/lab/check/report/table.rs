//! For the terminal: a line for each case, what is not strict explained, totals.

use std::fmt::{self, Write};

use super::super::case::{Grade, Group};
use super::{GRADES, Report, name};

pub(in super::super) fn render(report: &Report<'_>) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report<'_>) -> fmt::Result {
    writeln!(page, "{}: {}\n", report.url, report.abilities())?;
    writeln!(page, "{:<11}{:<34}{:<18}observed", "grade", "case", "section")?;
    for (case, outcome) in &report.results {
        writeln!(
            page,
            "{:<11}{:<34}{:<18}{}",
            name(outcome.grade),
            case.id,
            case.section.trim_end_matches(['.', ' ']),
            shortened(&outcome.observed)
        )?;
    }
    write_violations(page, report)?;
    write_totals(page, report)
}

fn write_violations(page: &mut String, report: &Report<'_>) -> fmt::Result {
    for (case, outcome) in &report.results {
        if outcome.grade == Some(Grade::Violation) {
            let section = case.section.trim_end_matches(['.', ' ']);
            writeln!(page, "\nviolation of {section}: {}", case.rule)?;
            writeln!(page, "  case      {} ({})", case.id, case.requirements.join(", "))?;
            writeln!(page, "  expected  {}", outcome.expected)?;
            writeln!(page, "  observed  {}", outcome.observed)?;
        }
    }
    Ok(())
}

fn write_totals(page: &mut String, report: &Report<'_>) -> fmt::Result {
    writeln!(page)?;
    write!(page, "{:<11}", "group")?;
    for grade in GRADES {
        write!(page, "{:>12}", name(grade))?;
    }
    writeln!(page)?;
    for group in Group::ALL {
        if GRADES.iter().all(|grade| report.count_in(group, *grade) == 0) {
            continue;
        }
        write!(page, "{:<11}", group.name())?;
        for grade in GRADES {
            write!(page, "{:>12}", report.count_in(group, grade))?;
        }
        writeln!(page)?;
    }
    write!(page, "{:<11}", "all")?;
    for grade in GRADES {
        write!(page, "{:>12}", report.count(grade))?;
    }
    writeln!(page)
}

/// One line of a terminal's width, more or less.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

const MOST_CHARACTERS: usize = 90;
