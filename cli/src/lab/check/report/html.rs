//! For people: one page without anything to load, readable on a phone.

use std::fmt::{self, Write};

use super::super::case::{Case, Grade, Group, Row};
use super::super::run::{CaseOutcome, Outcome, Standing};
use super::{LEGEND, Report, STANDINGS, escape, name, row_name, section, told_rows};

pub(in super::super) fn render(report: &Report<'_>) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut page, report);
    page
}

fn write_page(page: &mut String, report: &Report<'_>) -> fmt::Result {
    let url = escape(report.url);
    write!(page, "{}", HEAD.replace("{title}", &format!("stickler check {url}")))?;
    writeln!(
        page,
        "<h1>{url}</h1>\n<p>{}; {} cases.</p>",
        escape(&report.abilities()),
        report.results.len()
    )?;
    if let Some(why) = report.incomplete() {
        writeln!(page, "<p><b class=\"incomplete\">incomplete</b> {}</p>", escape(&why))?;
    }
    for death in report.deaths {
        writeln!(page, "<p><b class=\"violation\">gone</b> {}</p>", escape(&report.told(death)))?;
    }
    write_totals(page, report)?;
    for group in Group::ALL {
        write_group(page, report, group)?;
    }
    writeln!(page, "<dl>")?;
    for (grade, meaning) in LEGEND {
        writeln!(page, "<dt class=\"{grade}\">{grade}</dt><dd>{meaning}</dd>")?;
    }
    writeln!(page, "</dl></body></html>")
}

fn write_totals(page: &mut String, report: &Report<'_>) -> fmt::Result {
    write!(page, "<table><tr><th>group</th>")?;
    for grade in STANDINGS {
        write!(page, "<th>{}</th>", name(grade))?;
    }
    writeln!(page, "</tr>")?;
    for group in Group::ALL {
        let counts = STANDINGS.map(|standing| (standing, report.count_in(group, standing)));
        if counts.iter().all(|(_, count)| *count == 0) {
            continue;
        }
        write!(page, "<tr><td><a href=\"#{0}\">{0}</a></td>", group.name())?;
        for (grade, count) in counts {
            let class = if count == 0 { "none" } else { name(grade) };
            write!(page, "<td class=\"{class}\">{count}</td>")?;
        }
        writeln!(page, "</tr>")?;
    }
    write!(page, "<tr><th>all</th>")?;
    for grade in STANDINGS {
        write!(page, "<th>{}</th>", report.count(grade))?;
    }
    writeln!(page, "</tr></table>")
}

fn write_group(page: &mut String, report: &Report<'_>, group: Group) -> fmt::Result {
    let mut results = report.results.iter().filter(|(case, _)| case.group == group).peekable();
    if results.peek().is_none() {
        return Ok(());
    }
    writeln!(page, "<h2 id=\"{0}\">{0}</h2>", group.name())?;
    for (case, outcome) in results {
        write_case(page, case, outcome)?;
    }
    Ok(())
}

fn write_case(page: &mut String, case: &Case, outcome: &CaseOutcome) -> fmt::Result {
    let grade = name(outcome.standing);
    write!(
        page,
        "<details{}><summary><b class=\"{grade}\">{grade}</b> {} <i>{}</i></summary>\
         <dl><dt>case</dt><dd>{} ({})</dd><dt>expected</dt><dd>{}</dd><dt>observed</dt><dd>{}</dd>\
         <dt>time</dt><dd>{} ms</dd></dl>",
        if grade == "violation" { " open" } else { "" },
        escape(case.rule),
        section(case),
        case.id,
        case.requirements.join(", "),
        escape(&outcome.expected),
        escape(&outcome.observed),
        outcome.took.as_millis()
    )?;
    for (row, outcome) in told_rows(case, outcome) {
        if !matches!(outcome.standing, Standing::Judged(Grade::Strict) | Standing::Skipped) {
            write_row(page, row, outcome)?;
        }
    }
    writeln!(page, "</details>")
}

fn write_row(page: &mut String, row: &Row, outcome: &Outcome) -> fmt::Result {
    let grade = row_name(outcome.standing);
    write!(
        page,
        "<dl><dt class=\"{grade}\">{grade}</dt><dd>{}</dd><dt>expected</dt><dd>{}</dd>\
         <dt>observed</dt><dd>{}</dd><dt>sent</dt><dd>{}</dd><dt>received</dt><dd>{}</dd>",
        escape(&row.what),
        escape(&row.expected()),
        escape(&outcome.observed),
        escape(&outcome.tapes.sent.readable()),
        escape(&outcome.tapes.received.readable())
    )?;
    if !outcome.basis.is_empty() {
        write!(page, "<dt>basis</dt><dd>{}</dd>", escape(&outcome.basis))?;
    }
    write!(page, "</dl>")
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\n\
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem;color:#222}\
h1{overflow-wrap:anywhere}table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:right;\
border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}details{padding:.2rem 0}\
summary{cursor:pointer}dl{display:grid;grid-template-columns:6.5rem 1fr;margin:.3rem 1rem;\
overflow-wrap:anywhere}dd{margin:0;min-width:0;font-family:ui-monospace,monospace;font-size:.9em}\
a{color:inherit}i{color:#767676;font-style:normal}b{display:inline-block;min-width:6rem}.strict{color:#1a7f37}\
.acceptable{color:#7a5c00}.violation{color:#c62828}.incomplete,.not-played{color:#8250df}.skipped,.none{color:#767676}\
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}\
.strict{color:#57c46f}.acceptable{color:#d8b04a}.violation{color:#ff7b72}.incomplete,.not-played{color:#c297ff}i,.skipped,.none{color:#9a9a9a}}\
@media(max-width:30rem){h1{font-size:1.5rem}b{min-width:0;margin-right:.3rem}\
table{width:100%;font-size:.65rem}td,th{padding:.2rem .12rem}}</style></head><body>\n";
