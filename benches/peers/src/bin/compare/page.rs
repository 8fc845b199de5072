//! The report: results.md to paste, index.html to look at.

use std::error::Error;

use crate::bars::{self, Verdict};
use crate::plots;
use crate::results::{Results, Spread};
use crate::scenarios::{BROADCAST_BAR, HANDSHAKE_BAR, IDLE_BAR, SCENARIOS};
use crate::table::{Table, escape};
use crate::tables;

const TITLE: &str = "stickler beside its peers";
const STYLE: &str = "body{font:15px/1.5 sans-serif;margin:1.5em auto;max-width:76em;padding:0 1em;color:#1c2733}\
    table{border-collapse:collapse;display:block;overflow-x:auto;font-size:14px}\
    th,td{border:1px solid #ccd;padding:.25em .6em;text-align:left;vertical-align:top}\
    th{background:#eef2f6}tr{background:#fff}tr:has(td:first-child em){background:#f7f7ee}\
    td:first-child{min-width:6.5em;background:inherit}:is(td,th):first-child{position:sticky;left:0}\
    td strong{color:#a11}svg{width:100%;max-width:44em;height:auto;display:block}\
    h2{margin-top:2em;border-bottom:1px solid #ccd}";

/// All tables in Markdown.
pub(crate) fn markdown(results: &Results) -> String {
    let tables: Vec<String> = tables::all(results).iter().map(Table::markdown).collect();
    format!("# {TITLE}\n\n{}\n\n{}", summary(results), tables.join("\n"))
}

/// All tables and plots in one page that needs nothing else.
pub(crate) fn html(results: &Results) -> Result<String, Box<dyn Error>> {
    let mut body = format!("<h1>{TITLE}</h1>\n<p>{}</p>\n", escape(&summary(results)));
    for table in tables::all(results) {
        body += &format!("<h2>{}</h2>\n", escape(&table.title));
        if !table.note.is_empty() {
            body += &format!("<p>{}</p>\n", escape(table.note));
        }
        body += &plot(results, &table.title)?;
        body += &table.html();
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{TITLE}</title>\n\
         <style>{STYLE}</style>\n<body>\n{body}</body>\n</html>\n"
    ))
}

/// When and on what, and how many bars were met.
fn summary(results: &Results) -> String {
    let environment = &results.environment;
    let bars = bars::all(results);
    let with = |verdict| bars.iter().filter(|bar| bar.verdict() == verdict).count();
    format!(
        "{}, {}, {} cores. Of {} bars {} are met, {} within 10 %, {} missed. Load average {} before and {} after.",
        environment.began,
        environment.cpu,
        environment.cores,
        bars.len(),
        with(Verdict::Met),
        with(Verdict::Within),
        with(Verdict::Missed),
        environment.load_average[0],
        environment.load_average[1],
    )
}

/// What belongs above the table with this title; the red line is the bar.
fn plot(results: &Results, title: &str) -> Result<String, Box<dyn Error>> {
    if let Some((_, rounds)) = results.echo.iter().find(|(other, _)| *other == title) {
        let bar = SCENARIOS.iter().find(|scenario| scenario.title == title);
        let ratios = rounds.ratios(|messages| messages.cpu_us_per_message);
        let unit = "CPU per message to raw-tcp; red: the bar";
        return plots::bars(unit, &ratios, bar.map(|scenario| scenario.bar));
    }
    let compressed = |(other, _): &&(String, _)| title.ends_with(other);
    if let Some((_, rounds)) = results.compressed.iter().find(compressed) {
        let cpu = rounds.spreads(|compressed| compressed.echo.cpu_us_per_message);
        return plots::bars("CPU per message, µs", &cpu, None);
    }
    if title.starts_with("How it grows") {
        return growth(results);
    }
    if title.starts_with("Resident memory") {
        let bytes = results.idle.spreads(|idle| idle.bytes_per_connection);
        return plots::bars("bytes per idle connection; red: the bar", &bytes, Some(IDLE_BAR));
    }
    if title.starts_with("Connect") {
        let ratios = results.handshakes.ratios(|handshakes| handshakes.cpu_us_per_handshake);
        return plots::bars("CPU each to raw-tcp; red: the bar", &ratios, Some(HANDSHAKE_BAR));
    }
    if title.starts_with("One message") {
        let ratios = results.broadcast.ratios(|sent| sent.cpu_us_per_delivery);
        return plots::bars(
            "CPU per delivery to a bare write; red: the bar",
            &ratios,
            Some(BROADCAST_BAR),
        );
    }
    Ok(String::new())
}

fn growth(results: &Results) -> Result<String, Box<dyn Error>> {
    let points = |name: &str| -> Vec<(usize, Spread)> {
        let point = |(connections, rounds): &(usize, crate::results::Rounds<_>)| {
            let cpu = |messages: &stickler_peers::report::Messages| messages.cpu_us_per_message;
            let rounds = rounds.of(name)?.iter().flatten();
            Some((*connections, Spread::of(rounds.map(cpu))?))
        };
        results.growth.iter().filter_map(point).collect()
    };
    let series = ["raw-tcp", "stickler"].map(|name| (name, points(name)));
    plots::lines("CPU per message, µs", &series)
}
