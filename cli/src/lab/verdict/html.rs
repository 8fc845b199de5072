//! The verdict for people: one page without anything to load, readable on a phone, and what
//! `reports/index.html` shows of it.

use std::fmt::Write;

use serde_json::json;

use super::comparison::Comparison;
use super::page::{
    COLUMNS, count, family_name, first_line, last_line, reasons, write_faults_found,
};

/// The page `verdict.html`.
pub(super) fn render(all: &[Comparison]) -> String {
    page(&headline(all), &all.iter().map(section).collect::<String>())
}

/// What each server came to, by its name where there are several.
fn headline(all: &[Comparison]) -> String {
    let told = |one: &Comparison| match all {
        [_] => last_line(one),
        _ => format!("{}: {}", one.agent, last_line(one)),
    };
    all.iter().map(told).collect::<Vec<_>>().join("; ")
}

/// What is told of one server.
fn section(comparison: &Comparison) -> String {
    let mut body = format!("<p>{}</p>\n{}", escape(&first_line(comparison)), table(comparison));
    let reasons = reasons(comparison);
    if !reasons.is_empty() {
        body += "<h2>Not OK, as expected</h2>\n<dl>";
        for (ids, reason) in reasons {
            body += &format!("<dt>{}</dt><dd>{}</dd>", escape(&ids), escape(reason));
        }
        body += "</dl>\n";
    }
    let mut faults = String::new();
    // Writing to a String cannot fail.
    let _ = write_faults_found(&mut faults, comparison);
    if !faults.is_empty() {
        body += &format!("<h2>Not as expected</h2>\n<pre>{}</pre>\n", escape(faults.trim_start()));
    }
    body
}

/// The script `made.js`, by which `reports/index.html` knows that there is a report, and what it came to.
pub(super) fn summarize(all: &[Comparison]) -> String {
    let counts = all.iter().map(|one| {
        let (_, total) = count(one);
        format!("{} OK, {} informational", total.ok, total.informational)
    });
    let counts = counts.collect::<Vec<_>>().join("; ");
    // Each reason once, however many servers it is told of.
    let mut told = Vec::new();
    for reason in all.iter().flat_map(reasons) {
        if !told.contains(&reason) {
            told.push(reason);
        }
    }
    made(&format!("{}: {counts}", headline(all)), &told)
}

/// The page and the script when there is nothing to compare.
pub(super) fn render_failure(sentence: &str) -> (String, String) {
    (page(sentence, ""), made(sentence, &[]))
}

fn made(verdict: &str, reasons: &[(String, &str)]) -> String {
    format!("made({});\n", json!({ "verdict": verdict, "reasons": reasons }))
}

fn table(comparison: &Comparison) -> String {
    let (families, total) = count(comparison);
    let mut table = String::from("<div class=\"wide\"><table><tr><th>family</th>");
    for (name, _) in COLUMNS {
        let _ = write!(table, "<th>{name}</th>");
    }
    table += "</tr>\n";
    let rows =
        families.iter().map(|(family, row)| (format!("{family} {}", family_name(*family)), row));
    for (name, row) in rows.chain([("all".to_owned(), &total)]) {
        let _ = write!(table, "<tr><td>{name}</td>");
        for cell in row.cells() {
            let _ = write!(table, "<td>{cell}</td>");
        }
        table += "</tr>\n";
    }
    table + "</table></div>\n"
}

fn page(verdict: &str, body: &str) -> String {
    let verdict = escape(verdict);
    format!("{HEAD}<h1>{verdict}</h1>\n{body}{FOOT}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Autobahn: the verdict</title>
<style>
:root { color-scheme: light dark; --line: light-dark(#d9dde2, #343a42); --card: light-dark(#f6f7f9, #1d2126) }
body {
    font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: auto; padding: 1rem; overflow-wrap: anywhere;
    color: light-dark(#1b1f24, #e6e8ea); background: light-dark(#ffffff, #15181c)
}
h1 { font-size: 1.4rem; line-height: 1.25 }
h2 { font-size: 1.15rem; margin: 1.5rem 0 .3rem }
a { color: inherit }
.wide, pre { overflow-x: auto }
table { border-collapse: collapse; overflow-wrap: normal; white-space: nowrap; font-variant-numeric: tabular-nums }
td, th { padding: .15rem .45rem; text-align: right; border-bottom: 1px solid var(--line) }
td:first-child, th:first-child {
    text-align: left; position: sticky; left: 0; padding-left: 0; background: light-dark(#ffffff, #15181c)
}
tr:last-child td { font-weight: 600 }
@media (max-width: 30rem) {
    table { width: 100%; font-size: .8rem }
    td, th { padding: .2rem .25rem }
    td:first-child, th:first-child { white-space: normal }
    :is(td, th):nth-child(5), :is(td, th):nth-child(8) { display: none }
}
dt { font-weight: 600; margin-top: .5rem }
dd { margin: 0 }
pre { font: .85rem/1.4 ui-monospace, monospace; padding: .6rem; background: var(--card); overflow-wrap: normal }
</style></head><body>
<p><a href="index.html">The suite's own pages</a></p>
"#;

const FOOT: &str = r"<p>Whatever the suite calls its cases, <code>stickler verdict</code> compares each with
<code>autobahn/expected.json</code>: how the case went, how the connection ended, and the status code in our Close.
An informational case is one that the suite looks at and does not judge.</p>
</body></html>
";
