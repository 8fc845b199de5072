//! What was measured, as tables, each in Markdown and in HTML.

use std::fmt::Write;

use stickler_peers::peers::PEERS;
use stickler_peers::report::Outcome;

use crate::results::{Results, Spread};
use crate::scenarios::{HANDSHAKE_BAR, IDLE_BAR, SCENARIOS};

/// A heading, what to know, and a table.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) note: &'static str,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// All tables of the report.
pub(crate) fn all(results: &Results) -> Vec<Table> {
    let mut tables = vec![machine(results), ratios(results)];
    tables.extend(results.scenarios.iter().map(|(title, _)| scenario(results, title)));
    tables.extend([idle(results), handshakes(results), probes(results), peers()]);
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn machine(results: &Results) -> Table {
    let mut rows: Vec<Vec<String>> =
        results.environment.rows().into_iter().map(Vec::from).collect();
    rows.push(vec!["rounds".into(), format!("{} of {} s", results.rounds, results.seconds)]);
    Table { title: "Where".into(), note: "", head: strings(["what", "here"]), rows }
}

fn ratios(results: &Results) -> Table {
    let mut head = strings(["server"]);
    let mut bars = strings(["*stickler's bar*"]);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (title, rounds) in &results.scenarios {
        head.push((*title).into());
        let scenario = SCENARIOS.iter().find(|scenario| scenario.title == *title);
        bars.push(scenario.map_or(String::new(), |scenario| format!("{:.2}", scenario.bar)));
        for (index, (name, ratio)) in rounds.ratios(|m| m.cpu_us_per_message).iter().enumerate() {
            if rows.len() == index {
                rows.push(strings([*name]));
            }
            rows[index].push(spread(*ratio, 2));
        }
    }
    if !rows.is_empty() {
        rows.insert(1, bars);
    }
    Table {
        title: "CPU of the server per message, as a ratio to raw-tcp".into(),
        note: "Median of the rounds (least to most). raw-tcp is a TCP echo on tokio without WebSocket. Less is better.",
        head,
        rows,
    }
}

fn scenario(results: &Results, title: &str) -> Table {
    let head = [
        "server",
        "CPU per message, µs",
        "ratio to raw-tcp",
        "of that user mode, µs",
        "messages per second",
        "p50, µs",
        "p99, µs",
        "p99.9, µs",
        "server busy",
        "load busy",
        "resident, KiB",
    ];
    let rounds =
        results.scenarios.iter().find(|(other, _)| *other == title).map(|(_, rounds)| rounds);
    let rows = rounds.map_or(Vec::new(), |rounds| {
        let columns = [
            (rounds.spreads(|m| m.cpu_us_per_message), 3),
            (rounds.ratios(|m| m.cpu_us_per_message), 2),
            (rounds.spreads(|m| m.user_us_per_message), 3),
            (rounds.spreads(|m| m.messages_per_second), 0),
            (rounds.spreads(|m| m.latency_us.p50), 0),
            (rounds.spreads(|m| m.latency_us.p99), 0),
            (rounds.spreads(|m| m.latency_us.p999), 0),
            (rounds.spreads(|m| m.server_busy), 2),
            (rounds.spreads(|m| m.load_busy), 2),
            (rounds.spreads(|m| (m.resident_bytes >> 10) as f64), 0),
        ];
        side_by_side(&columns)
    });
    Table {
        title: title.into(),
        note: "Messages per second and latency depend on the load generator too, where it is busier than the server.",
        head: strings(head),
        rows,
    }
}

fn idle(results: &Results) -> Table {
    let columns = [
        (results.idle.spreads(|idle| idle.bytes_per_connection), 0),
        (results.idle.spreads(|idle| idle.bytes_per_connection_after_echo), 0),
        (results.idle.spreads(|idle| idle.connections as f64), 0),
    ];
    let head =
        ["server", "bytes, after the handshake", "bytes, after an echo of 1 KiB", "connections"];
    let rows = with_bar(side_by_side(&columns), format!("{IDLE_BAR:.0}"), 2);
    Table {
        title: "Resident memory for each idle connection".into(),
        note: "Of the server's process; the sockets' memory in the kernel is not in it. raw-tcp keeps a buffer of 64 KiB for \
               each, and is no measure here.",
        head: strings(head),
        rows,
    }
}

fn handshakes(results: &Results) -> Table {
    let columns = [
        (results.handshakes.ratios(|h| h.cpu_us_per_handshake), 2),
        (results.handshakes.spreads(|h| h.cpu_us_per_handshake), 1),
        (results.handshakes.spreads(|h| h.handshakes_per_second), 0),
        (results.handshakes.spreads(|h| h.latency_us.p50), 0),
        (results.handshakes.spreads(|h| h.latency_us.p99), 0),
        (results.handshakes.spreads(|h| h.server_busy), 2),
    ];
    let head = [
        "server",
        "ratio to raw-tcp",
        "CPU each, µs",
        "per second",
        "p50, µs",
        "p99, µs",
        "server busy",
    ];
    let rows = with_bar(side_by_side(&columns), format!("{HANDSHAKE_BAR:.2}"), 1);
    Table {
        title: "Connect, opening handshake, close".into(),
        note: "32 at a time. raw-tcp answers every request with the same 101.",
        head: strings(head),
        rows,
    }
}

fn probes(results: &Results) -> Table {
    let mut head = strings(["sent"]);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, probes) in &results.probes {
        head.push(name.clone());
        for (index, probe) in probes.iter().enumerate() {
            if rows.len() == index {
                rows.push(strings([&probe.input]));
            }
            let outcome = match probe.outcome {
                Outcome::Refused => "refused",
                Outcome::Accepted => "**accepted**",
                Outcome::Silent => "silent",
            };
            rows[index].push(outcome.into());
        }
    }
    Table {
        title: "What each lets pass".into(),
        note: "Asked in this run. Accepted: the server went on as if all were well. § are of RFC 6455.",
        head,
        rows,
    }
}

fn peers() -> Table {
    let row = |peer: &stickler_peers::peers::Peer| {
        strings([peer.name, peer.version(), peer.leaves_out, peer.limits])
    };
    Table {
        title: "Who, and what each leaves out".into(),
        note: "All on tokio's current-thread runtime, one thread, TCP_NODELAY, permessage-deflate not agreed on. \
               \"batch\" is feed and flush in place of send, where a crate has them.",
        head: strings(["server", "version", "leaves out", "limits"]),
        rows: PEERS.iter().map(row).collect(),
    }
}

/// Values of servers, one column for each, to so many digits after the point.
type Column<'a> = (Vec<(&'a str, Option<Spread>)>, usize);

/// One row for each server that has any value.
fn side_by_side(columns: &[Column<'_>]) -> Vec<Vec<String>> {
    let Some((first, _)) = columns.first() else { return Vec::new() };
    let row = |(index, (name, value)): (usize, &(&str, Option<Spread>))| {
        value.as_ref()?;
        let cells = columns.iter().map(|(values, digits)| spread(values[index].1, *digits));
        Some(strings([*name]).into_iter().chain(cells).collect())
    };
    first.iter().enumerate().filter_map(row).collect()
}

fn with_bar(mut rows: Vec<Vec<String>>, bar: String, times: usize) -> Vec<Vec<String>> {
    if let Some(width) = rows.first().map(Vec::len) {
        let mut row = strings(["*stickler's bar*"]);
        row.resize(times + 1, bar);
        row.resize(width, String::new());
        rows.insert(1, row);
    }
    rows
}

fn spread(spread: Option<Spread>, digits: usize) -> String {
    match spread {
        None => "failed".into(),
        Some(Spread { median, least, most }) if least == most => format!("{median:.digits$}"),
        Some(Spread { median, least, most }) => {
            format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
        }
    }
}

fn strings<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).into()
}

impl Table {
    /// With a heading, to be pasted.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.title);
        if !self.note.is_empty() {
            let _ = write!(text, "{}\n\n", self.note);
        }
        let _ = writeln!(text, "| {} |", self.head.join(" | "));
        let _ = writeln!(text, "|{}", "---|".repeat(self.head.len()));
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }

    /// Without the heading.
    pub(crate) fn html(&self) -> String {
        let row = |tag, cells: &[String]| {
            let cells: String =
                cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", emphasis(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        let rows: String = self.rows.iter().map(|cells| row("td", cells)).collect();
        format!(
            "<table>\n<thead>{}</thead>\n<tbody>{rows}</tbody>\n</table>\n",
            row("th", &self.head)
        )
    }
}

/// A cell that is emphasized as a whole in Markdown, or not at all.
fn emphasis(cell: &str) -> String {
    for (mark, tag) in [("**", "strong"), ("*", "em")] {
        let inner = cell.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
        if let Some(inner) = inner {
            return format!("<{tag}>{}</{tag}>", escape(inner));
        }
    }
    escape(cell)
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
