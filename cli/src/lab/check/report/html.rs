//! For people: one page without anything to load, readable on a phone.

use std::fmt::{self, Write};

use super::super::case::Group;
use super::{GRADES, Report, escape, name};

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
        report.abilities(),
        report.results.len()
    )?;
    write_totals(page, report)?;
    for group in Group::ALL {
        write_group(page, report, group)?;
    }
    writeln!(page, "{LEGEND}</body></html>")
}

fn write_totals(page: &mut String, report: &Report<'_>) -> fmt::Result {
    write!(page, "<table><tr><th>group</th>")?;
    for grade in GRADES {
        write!(page, "<th>{}</th>", name(grade))?;
    }
    writeln!(page, "</tr>")?;
    for group in Group::ALL {
        let counts = GRADES.map(|grade| (grade, report.count_in(group, grade)));
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
    for grade in GRADES {
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
        let grade = name(outcome.grade);
        writeln!(
            page,
            "<details{}><summary><b class=\"{grade}\">{grade}</b> {} <i>{}</i></summary>\
             <dl><dt>case</dt><dd>{} ({})</dd><dt>expected</dt><dd>{}</dd><dt>observed</dt><dd>{}</dd>\
             <dt>time</dt><dd>{} ms</dd></dl></details>",
            if grade == "violation" { " open" } else { "" },
            escape(case.rule),
            case.section.trim_end_matches(['.', ' ']),
            case.id,
            case.requirements.join(", "),
            escape(&outcome.expected),
            escape(&outcome.observed),
            outcome.took.as_millis()
        )?;
    }
    Ok(())
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\n\
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem;color:#222}\
h1{overflow-wrap:anywhere}table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:right;\
border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}details{padding:.2rem 0}\
summary{cursor:pointer}dl{display:grid;grid-template-columns:6rem 1fr;margin:.3rem 1rem;\
overflow-wrap:anywhere}dd{margin:0;min-width:0;font-family:ui-monospace,monospace;font-size:.9em}\
a{color:inherit}i{color:#767676;font-style:normal}b{display:inline-block;min-width:6rem}.strict{color:#1a7f37}\
.acceptable{color:#7a5c00}.violation{color:#c62828}.skipped,.none{color:#767676}\
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}\
.strict{color:#57c46f}.acceptable{color:#d8b04a}.violation{color:#ff7b72}i,.skipped,.none{color:#9a9a9a}}\
@media(max-width:30rem){table{width:100%;font-size:.8rem}td,th{padding:.2rem .25rem}}</style></head><body>\n";

const LEGEND: &str = "<p>Strict: exactly what the rule demands. Acceptable: the RFC leaves it open, or it is a \
weaker but legal way. Violation: a MUST or MUST NOT is broken. Skipped: it needs an echo or an extension that \
is not there.</p>\n";
