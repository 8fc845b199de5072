//! The verdict as text: a table of families, what is explained, every difference, one last line.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Outcome;
use super::case_id::CaseId;
use super::comparison::{Comparison, Finding, JudgedCase};
use super::wire_log;

/// The whole text, each line ended.
pub(super) fn render(comparison: &Comparison) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut page, comparison);
    page
}

fn write_page(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    writeln!(page, "{}\n", first_line(comparison))?;
    write_table(page, comparison)?;
    write_reasons(page, comparison)?;
    write_faults_found(page, comparison)?;
    writeln!(page, "\n{}", last_line(comparison))
}

/// Whose report it is, and of when.
pub(super) fn first_line(comparison: &Comparison) -> String {
    let began = comparison.began.as_deref().unwrap_or("an unknown time");
    format!("Autobahn report of {}, begun {began}", comparison.agent)
}

/// Every case that did not come as expected, and what is wrong with the run; empty if nothing is.
pub(super) fn write_faults_found(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    for (id, case) in &comparison.cases {
        if case.finding != Finding::AsExpected {
            write_difference(page, id, case)?;
        }
    }
    write_faults(page, comparison)
}

/// Counts of one family of cases.
#[derive(Default)]
pub(super) struct Row {
    cases: usize,
    pub(super) ok: usize,
    pub(super) informational: usize,
    unimplemented: usize,
    failed: usize,
    missing: usize,
    duration_ms: u64,
}

impl Row {
    fn add(&mut self, case: &JudgedCase) {
        let grade = &case.came.grade;
        let column = match grade.behavior.as_str() {
            _ if grade.is_failure() => &mut self.failed,
            _ if grade.is_ok() => &mut self.ok,
            "UNIMPLEMENTED" => &mut self.unimplemented,
            _ => &mut self.informational,
        };
        *column += 1;
        self.cases += 1;
        self.duration_ms += case.came.duration_ms;
    }

    fn add_missing(&mut self) {
        self.missing += 1;
        self.cases += 1;
    }

    /// What stands in the columns.
    pub(super) fn cells(&self) -> [String; COLUMNS.len()] {
        let Row { cases, ok, informational, unimplemented, failed, missing, duration_ms } = self;
        let [cases, ok, informational, unimplemented, failed, missing] =
            [cases, ok, informational, unimplemented, failed, missing].map(usize::to_string);
        let seconds = std::time::Duration::from_millis(*duration_ms).as_secs_f64();
        [cases, ok, informational, unimplemented, failed, missing, format!("{seconds:.1}")]
    }
}

/// What is counted of a family, and how wide its column is in text.
pub(super) const COLUMNS: [(&str, usize); 7] = [
    ("cases", 6),
    ("OK", 6),
    ("inform.", 8),
    ("unimpl.", 8),
    ("failed", 8),
    ("missing", 9),
    ("seconds", 10),
];

fn write_table(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let mut write = |name: &str, cells: [&str; COLUMNS.len()]| {
        write!(page, "{name:<24}")?;
        for (cell, (_, width)) in cells.into_iter().zip(COLUMNS) {
            write!(page, "{cell:>width$}")?;
        }
        writeln!(page)
    };
    write("family", COLUMNS.map(|(name, _)| name))?;
    let (families, total) = count(comparison);
    for (family, row) in &families {
        let cells = row.cells();
        write(
            &format!("{family:>2} {}", family_name(*family)),
            cells.each_ref().map(|cell| &**cell),
        )?;
    }
    write("   all", total.cells().each_ref().map(|cell| &**cell))
}

/// The counts of each family, and of all.
pub(super) fn count(comparison: &Comparison) -> (BTreeMap<u32, Row>, Row) {
    let mut families: BTreeMap<u32, Row> = BTreeMap::new();
    let mut total = Row::default();
    for (id, case) in &comparison.cases {
        families.entry(id.family()).or_default().add(case);
        total.add(case);
    }
    for id in &comparison.missing {
        families.entry(id.family()).or_default().add_missing();
        total.add_missing();
    }
    (families, total)
}

fn write_reasons(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let reasons = reasons(comparison);
    if !reasons.is_empty() {
        writeln!(page, "\nnot OK, as expected:")?;
    }
    for (ids, reason) in reasons {
        writeln!(page, "  {ids}: {reason}")?;
    }
    Ok(())
}

/// Why cases that came as expected are not OK: which, and the reason that they share.
pub(super) fn reasons(comparison: &Comparison) -> Vec<(String, &str)> {
    let mut reasons: BTreeMap<&str, Vec<&CaseId>> = BTreeMap::new();
    for (id, case) in &comparison.cases {
        if case.finding == Finding::AsExpected && !case.expected.grade.is_ok() {
            let reason = Some(case.expected.reason.as_str()).filter(|reason| !reason.is_empty());
            reasons.entry(reason.unwrap_or("no reason is given")).or_default().push(id);
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by(|(_, one), (_, other)| one.cmp(other));
    reasons.into_iter().map(|(reason, ids)| (list(&ids), reason)).collect()
}

fn write_difference(page: &mut String, id: &CaseId, case: &JudgedCase) -> std::fmt::Result {
    let word = if case.finding == Finding::Better { "better than expected" } else { "regression" };
    writeln!(page, "\ncase {id}: {word}")?;
    writeln!(page, "  expected  {}", case.expected.grade)?;
    writeln!(page, "  came      {}", case.came.grade)?;
    for (label, field) in
        [("result", "result"), ("close", "resultClose"), ("reason", "remoteCloseReason")]
    {
        if let Some(text) = case.came.detail(field) {
            writeln!(page, "  {label:<8}  {}", text.escape_debug())?;
        }
    }
    let lines = wire_log::tail(&case.came, WIRE_LOG_LINES);
    writeln!(page, "  wire log{}", if lines.is_empty() { ": not there" } else { ", its end:" })?;
    for line in lines {
        writeln!(page, "    {line}")?;
    }
    Ok(())
}

fn write_faults(page: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let missing: Vec<&CaseId> = comparison.missing.iter().collect();
    let unknown: Vec<&CaseId> = comparison.unknown.iter().collect();
    if comparison.outcome() == Outcome::BrokenRun {
        writeln!(page, "\nwhat is wrong with the run:")?;
    }
    if !missing.is_empty() {
        writeln!(page, "  missing cases ({}): {}", missing.len(), list(&missing))?;
    }
    if !unknown.is_empty() {
        writeln!(
            page,
            "  cases that are not among those to judge ({}): {}",
            unknown.len(),
            list(&unknown)
        )?;
    }
    for fault in comparison.faults.iter().take(MAX_FAULTS) {
        writeln!(page, "  {fault}")?;
    }
    match comparison.faults.len().saturating_sub(MAX_FAULTS) {
        0 => Ok(()),
        more => writeln!(page, "  and {more} faults more"),
    }
}

pub(super) fn last_line(comparison: &Comparison) -> String {
    let cases = comparison.cases.len();
    let (worse, better) = (comparison.count(Finding::Worse), comparison.count(Finding::Better));
    let sample = match comparison.unselected {
        0 => String::new(),
        left_out => format!(", a sample: {left_out} more were left out"),
    };
    match comparison.outcome() {
        Outcome::AsExpected => format!("verdict: as expected ({cases} cases{sample})"),
        Outcome::Regression => format!("verdict: regression in {worse} of {cases} cases{sample}"),
        Outcome::Better => {
            format!(
                "verdict: better than expected in {better} of {cases} cases{sample}; update the expected file"
            )
        }
        Outcome::BrokenRun | Outcome::BadUsage => {
            "verdict: broken run, it proves nothing".to_owned()
        }
    }
}

/// Ids in one line, however many there are.
fn list(ids: &[&CaseId]) -> String {
    match ids {
        [first, .., last] if ids.len() > MAX_LISTED => {
            format!("{first} to {last}, {} cases", ids.len())
        }
        _ => ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", "),
    }
}

pub(super) fn family_name(family: u32) -> &'static str {
    match family {
        1 => "framing",
        2 => "pings and pongs",
        3 => "reserved bits",
        4 => "opcodes",
        5 => "fragmentation",
        6 => "UTF-8",
        7 => "closing",
        9 => "limits and speed",
        10 => "automatic fragments",
        12 => "deflate, payloads",
        13 => "deflate, parameters",
        _ => "",
    }
}

const WIRE_LOG_LINES: usize = 10;
const MAX_LISTED: usize = 8;
const MAX_FAULTS: usize = 20;
