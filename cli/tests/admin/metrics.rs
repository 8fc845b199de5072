//! `/metrics`, read strictly; and that the page, the dashboard and the alerts speak of what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::Instant;

use stickler_testing::blocking::read_frame;
use stickler_testing::frame::{frame, text};

use crate::ask::{At, open, start};
use crate::openmetrics::{Families, parse};
use crate::server::{PATIENCE, Server};

/// The numbers of now.
fn scrape(at: &At) -> Families {
    let answer = at.get("/metrics");
    assert_eq!(answer.status, 200);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.field("Content-Type"), kind);
    parse(&answer.body).unwrap_or_else(|why| panic!("{why}\n{}", answer.body))
}

/// A sample by its name, as `name` or `name{label="value"}`.
fn number(families: &Families, series: &str) -> f64 {
    let (name, rest) = series.split_once('{').unwrap_or((series, ""));
    let wanted: BTreeMap<String, String> = rest
        .trim_end_matches('}')
        .split(',')
        .filter_map(|label| label.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect();
    let samples = families.values().flat_map(|family| &family.samples);
    let mut found = samples.filter(|sample| sample.name == name && sample.labels == wanted);
    found.next().unwrap_or_else(|| panic!("there is no {series}")).value
}

/// Waits until a series has a value.
fn expect(at: &At, series: &str, value: f64) {
    let begun = Instant::now();
    loop {
        let seen = number(&scrape(at), series);
        if seen == value {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{series} is {seen}, not {value}");
    }
}

#[test]
fn the_text_is_openmetrics_whatever_happened() {
    let (server, at) = start(&[]);
    scrape(&at);
    let mut peer = open(&server);
    peer.write_all(&text("hello")).unwrap();
    read_frame(&mut peer);
    scrape(&at);
    server.retire().unwrap();
}

#[test]
fn each_number_moves_with_what_it_counts() {
    let (server, at) = start(&["--max-connections-per-address=1"]);
    assert_eq!(number(&scrape(&at), "stickler_connections"), 0.0);
    let peer = open(&server);
    expect(&at, "stickler_connections", 1.0);
    expect(&at, "stickler_connections_accepted_total", 1.0);
    expect(&at, "stickler_handshakes_pending", 0.0);
    let second = std::net::TcpStream::connect(server.address()).unwrap();
    expect(&at, "stickler_connections_refused_total{cap=\"connections_per_address\"}", 1.0);
    for cap in ["connections", "handshakes", "handshakes_per_address", "memory"] {
        expect(&at, &format!("stickler_connections_refused_total{{cap=\"{cap}\"}}"), 0.0);
    }
    drop(second);
    drop(peer);
    expect(&at, "stickler_connections", 0.0);
    // Nobody watches themselves: the requests for the numbers are no connections of the server.
    expect(&at, "stickler_connections_accepted_total", 1.0);
    server.retire().unwrap();
}

#[test]
fn a_limit_that_ended_a_connection_is_counted_by_its_name() {
    let (server, at) = start(&["--message-idle-timeout=50ms"]);
    let mut peer = open(&server);
    let whole = frame(0x82, [0; 10]);
    peer.write_all(&whole[..9]).unwrap();
    expect(&at, "stickler_limit_endings_total{limit=\"unfinished_message\"}", 1.0);
    expect(&at, "stickler_limit_endings_total{limit=\"pings\"}", 0.0);
    server.retire().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn the_numbers_of_the_process_are_those_of_the_system() {
    let (server, at) = start(&[]);
    let families = scrape(&at);
    let descriptors = number(&families, "process_open_fds");
    // One more for the connection that asks.
    assert!((descriptors - server.descriptors() as f64).abs() <= 1.0, "{descriptors}");
    let resident = number(&families, "process_resident_memory_bytes") / 1024.0;
    assert!((resident / server.resident() as f64 - 1.0).abs() < 0.2, "{resident}");
    assert!(number(&families, "process_cpu_seconds_total") > 0.0);
    assert!(number(&families, "process_max_fds") >= descriptors);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_secs_f64() - number(&families, "process_start_time_seconds");
    assert!((0.0..60.0).contains(&age), "{age}");
    server.retire().unwrap();
}

#[test]
fn the_end_of_the_certificate_is_there_with_tls() {
    let mut command = crate::server::stickler();
    command.args(["serve", "--listen-tls=127.0.0.1:0", "--tls-self-signed", "--admin=127.0.0.1:0"]);
    let server = Server::spawn(command, 1, "").unwrap();
    let families = scrape(&crate::ask::at(&server));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let left = number(&families, "stickler_tls_certificate_expiry_seconds") - now.as_secs_f64();
    assert!(left > 0.0, "{left}");
    server.retire().unwrap();
}

const PAGE: &str = include_str!("../../../docs/operations/README.md");
const DASHBOARD: &str = include_str!("../../../docs/operations/grafana.json");
const ALERTS: &str = include_str!("../../../docs/operations/alerts.yml");

/// All families that there may be: with TLS there is one more.
fn all_families() -> Families {
    let mut command = crate::server::stickler();
    command.args(["serve", "--listen-tls=127.0.0.1:0", "--tls-self-signed", "--admin=127.0.0.1:0"]);
    let server = Server::spawn(command, 1, "").unwrap();
    let families = scrape(&crate::ask::at(&server));
    server.retire().unwrap();
    families
}

/// The names under which series are stored, with the labels that each has.
fn series(families: &Families) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in families.values().flat_map(|family| &family.samples) {
        all.entry(sample.name.clone()).or_default().extend(sample.labels.keys().cloned());
    }
    all
}

#[test]
fn the_page_has_a_row_for_each_metric_and_no_other() {
    let families = all_families();
    let stored = series(&families);
    let rows: BTreeMap<&str, Vec<&str>> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter(|row| row.starts_with("stickler_") || row.starts_with("process_"))
        .map(|row| {
            let cells: Vec<_> = row.split(" | ").collect();
            (cells[0].trim_end_matches('`'), cells)
        })
        .collect();
    for (name, family) in &families {
        let suffix = match &family.kind[..] {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let stored_name = format!("{name}{suffix}");
        let row = rows.get(&stored_name[..]);
        let row = row.unwrap_or_else(|| panic!("the page lacks a row for {stored_name}"));
        let first = if family.kind == "histogram" { format!("{name}_bucket") } else { stored_name };
        let labels: Vec<_> = stored[&first].iter().map(|label| format!("`{label}`")).collect();
        assert_eq!(
            row[1],
            if labels.is_empty() { "none".into() } else { labels.join(", ") },
            "{name}"
        );
    }
    assert_eq!(rows.len(), families.len(), "a row for a metric that is not there");
}

/// The names in an expression of PromQL that look like metrics.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("stickler_") || word.starts_with("process_"))
}

/// What an expression is wrong about: a metric, a label, a bracket.
fn faults(expression: &str, stored: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used = 0;
    for name in names(expression) {
        used += 1;
        if !stored.contains_key(name) {
            faults.push(format!("there is no {name}"));
        }
    }
    if used == 0 {
        faults.push("it speaks of no metric".into());
    }
    for (open, close) in ["()", "{}", "[]"].map(|pair| pair.split_at(1)) {
        if expression.matches(open).count() != expression.matches(close).count() {
            faults.push(format!("{open}{close} do not match"));
        }
    }
    let labels: BTreeSet<&str> = stored.values().flatten().map(String::as_str).collect();
    for list in expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next()) {
        for label in list.split(',').map(str::trim) {
            if !labels.contains(label) && !["instance", "job"].contains(&label) {
                faults.push(format!("no metric has the label {label}"));
            }
        }
    }
    faults
}

#[test]
fn each_panel_of_the_dashboard_shows_metrics_that_exist() {
    let stored = series(&all_families());
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39), "for Grafana 11");
    assert!(dashboard["uid"].as_str().is_some_and(|uid| uid.len() <= 40));
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    let mut expressions = 0;
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        let place = &panel["gridPos"];
        let end = place["x"].as_u64().unwrap() + place["w"].as_u64().unwrap();
        assert!(end <= 24 && place["h"].as_u64() > Some(0), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let faults = faults(expression, &stored);
            assert!(faults.is_empty(), "{title}: {expression}: {faults:?}");
            expressions += 1;
        }
    }
    assert!(expressions >= 10, "{expressions}");
}

#[test]
fn each_alert_speaks_of_metrics_that_exist() {
    let stored = series(&all_families());
    let mut alerts = 0;
    for rule in ALERTS.split("      - alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let value = |key: &str| {
            let line = rule.lines().find_map(|line| line.trim_start().strip_prefix(key));
            line.unwrap_or_else(|| panic!("{name} has no {key}")).trim().to_owned()
        };
        let faults = faults(&value("expr:"), &stored);
        assert!(faults.is_empty(), "{name}: {faults:?}");
        assert!(["critical", "warning"].contains(&&value("severity:")[..]), "{name}");
        assert!(value("for:").ends_with('m') && !value("summary:").is_empty(), "{name}");
        assert!(PAGE.contains(&format!("| `{name}` |")), "the page lacks a row for {name}");
        alerts += 1;
    }
    assert!(alerts >= 6 && !ALERTS.contains('\t'), "{alerts}");
    let rows = PAGE.lines().filter(|line| line.starts_with("| `Stickler")).count();
    assert_eq!(rows, alerts, "a row for an alert that is not there");
}
