//! The report: results.md to paste, index.html to look at.

use std::error::Error;

use crate::plots;
use crate::results::Results;
use crate::scenarios::{HANDSHAKE_BAR, IDLE_BAR, SCENARIOS};
use crate::tables::{self, Table, escape};

const TITLE: &str = "stickler beside its peers";
const STYLE: &str = "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:76em;padding:0 1em}\
    table{border-collapse:collapse;display:block;overflow-x:auto}\
    th,td{border:1px solid #ccd;padding:.25em .6em;text-align:left;vertical-align:top}\
    th{background:#eef2f6}tr:has(em){background:#f7f7ee}svg{max-width:100%;height:auto}";

/// All tables in Markdown.
pub(crate) fn markdown(results: &Results) -> String {
    let tables: Vec<String> = tables::all(results).iter().map(Table::markdown).collect();
    format!("# {TITLE}\n\n{}", tables.join("\n"))
}

/// All tables and plots in one page that needs nothing else.
pub(crate) fn html(results: &Results) -> Result<String, Box<dyn Error>> {
    let mut body = format!("<h1>{TITLE}</h1>\n");
    for table in tables::all(results) {
        body += &format!("<h2>{}</h2>\n", escape(&table.title));
        if !table.note.is_empty() {
            body += &format!("<p>{}</p>\n", escape(table.note));
        }
        body += &plot(results, &table.title)?;
        body += &table.html();
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{TITLE}</title>\n\
         <style>{STYLE}</style>\n<body>\n{body}</body>\n</html>\n"
    ))
}

/// What belongs above the table with this title; the red line is the bar.
fn plot(results: &Results, title: &str) -> Result<String, Box<dyn Error>> {
    if let Some((_, rounds)) = results.scenarios.iter().find(|(other, _)| *other == title) {
        let bar = SCENARIOS.iter().find(|scenario| scenario.title == title);
        let bar = bar.map_or(1.0, |scenario| scenario.bar);
        let ratios = rounds.ratios(|messages| messages.cpu_us_per_message);
        return plots::bars("CPU per message, ratio to raw-tcp; red: stickler's bar", &ratios, bar);
    }
    if title.starts_with("Resident memory") {
        let bytes = results.idle.spreads(|idle| idle.bytes_per_connection);
        return plots::bars("bytes per idle connection; red: stickler's bar", &bytes, IDLE_BAR);
    }
    if title.starts_with("Connect") {
        let ratios = results.handshakes.ratios(|handshakes| handshakes.cpu_us_per_handshake);
        return plots::bars(
            "CPU per handshake, ratio to raw-tcp; red: stickler's bar",
            &ratios,
            HANDSHAKE_BAR,
        );
    }
    Ok(String::new())
}
