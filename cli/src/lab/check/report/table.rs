//! For the terminal: a line for each case, what is not strict explained, totals.

use std::fmt::{self, Write};

use super::super::case::{Case, Grade, Group, Row};
use super::super::run::{CaseOutcome, Outcome, Standing};
use super::{LEGEND, Report, STANDINGS, name, row_name, section, told_rows};

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
            name(outcome.standing),
            case.id,
            section(case),
            shortened(&outcome.observed)
        )?;
    }
    write_acceptable(page, report)?;
    write_deaths(page, report)?;
    for (case, outcome) in &report.results {
        if outcome.standing == Standing::Judged(Grade::Violation) {
            write_violation(page, case, outcome)?;
        }
    }
    write_totals(page, report)?;
    match report.incomplete() {
        Some(why) => writeln!(page, "incomplete: {why}"),
        None => Ok(()),
    }
}

/// A line or two for each row that is acceptable.
fn write_acceptable(page: &mut String, report: &Report<'_>) -> fmt::Result {
    for (case, outcome) in &report.results {
        let is_told =
            |(_, of): &(&Row, &Outcome)| of.standing == Standing::Judged(Grade::Acceptable);
        let mut rows = told_rows(case, outcome).filter(is_told).peekable();
        if rows.peek().is_some() {
            writeln!(page, "\nacceptable under {}: {} ({})", section(case), case.rule, case.id)?;
        }
        for (row, outcome) in rows {
            write_row(page, row, outcome)?;
        }
    }
    Ok(())
}

fn write_deaths(page: &mut String, report: &Report<'_>) -> fmt::Result {
    for death in report.deaths {
        writeln!(page, "\n{}", report.told(death))?;
        if let Some((case, row)) = death.after
            && let Some(outcome) = report.results.get(case).and_then(|(_, of)| of.rows.get(row))
        {
            writeln!(page, "  sent      {}", outcome.tapes.sent.readable())?;
        }
    }
    Ok(())
}

fn write_violation(page: &mut String, case: &Case, outcome: &CaseOutcome) -> fmt::Result {
    writeln!(page, "\nviolation of {}: {}", section(case), case.rule)?;
    writeln!(page, "  case      {} ({})", case.id, case.requirements.join(", "))?;
    let is_told = |(_, of): &(&Row, &Outcome)| of.standing == Standing::Judged(Grade::Violation);
    for (row, outcome) in told_rows(case, outcome).filter(is_told) {
        write_row(page, row, outcome)?;
    }
    Ok(())
}

fn write_row(page: &mut String, row: &Row, outcome: &Outcome) -> fmt::Result {
    writeln!(page, "  {}: {}", row_name(outcome.standing), row.what)?;
    writeln!(page, "    expected  {}", row.expected())?;
    writeln!(page, "    observed  {}", outcome.observed)?;
    writeln!(page, "    sent      {}", outcome.tapes.sent.readable())?;
    writeln!(page, "    received  {}", outcome.tapes.received.readable())?;
    if !outcome.basis.is_empty() {
        writeln!(page, "    basis     {}", outcome.basis)?;
    }
    Ok(())
}

fn write_totals(page: &mut String, report: &Report<'_>) -> fmt::Result {
    writeln!(page)?;
    for (grade, meaning) in LEGEND {
        writeln!(page, "{grade:<11}{meaning}")?;
    }
    writeln!(page)?;
    write!(page, "{:<11}", "group")?;
    for standing in STANDINGS {
        write!(page, "{:>12}", name(standing))?;
    }
    writeln!(page)?;
    for group in Group::ALL {
        if STANDINGS.iter().all(|standing| report.count_in(group, *standing) == 0) {
            continue;
        }
        write!(page, "{:<11}", group.name())?;
        for standing in STANDINGS {
            write!(page, "{:>12}", report.count_in(group, standing))?;
        }
        writeln!(page)?;
    }
    write!(page, "{:<11}", "all")?;
    for standing in STANDINGS {
        write!(page, "{:>12}", report.count(standing))?;
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
