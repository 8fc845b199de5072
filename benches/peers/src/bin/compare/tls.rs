//! What was measured over TLS, as tables.

use stickler_peers::report::{Handshakes, Messages};

use crate::results::{Results, Rounds};
use crate::scenarios::{TLS_HANDSHAKE_BAR, TLS_IDLE_BAR, TLS_SCENARIOS};
use crate::table::{Table, side_by_side, strings, with_bar};

/// All tables about TLS.
pub(crate) fn tables(results: &Results) -> Vec<Table> {
    let mut tables: Vec<_> =
        results.tls.iter().map(|(title, rounds)| echo(title, rounds)).collect();
    let each = results.tls_handshakes.iter();
    tables.extend(each.map(|(title, rounds)| handshakes(title, rounds)));
    tables.push(idle(results));
    tables
}

fn echo(title: &str, rounds: &Rounds<Messages>) -> Table {
    let rows = side_by_side(&[
        (rounds.ratios(|m| m.cpu_us_per_message), 2),
        (rounds.spreads(|m| m.cpu_us_per_message), 3),
        (rounds.spreads(|m| m.user_us_per_message * 1000.0), 0),
        (rounds.spreads(|m| m.messages_per_second), 0),
        (rounds.spreads(|m| m.latency_us.p50), 0),
        (rounds.spreads(|m| m.latency_us.p99), 0),
        (rounds.spreads(|m| m.server_busy), 2),
        (rounds.spreads(|m| m.load_busy), 2),
    ]);
    let head = [
        "server",
        "ratio to raw-tls",
        "CPU per message, µs",
        "user mode, ns",
        "messages per second",
        "p50, µs",
        "p99, µs",
        "server busy",
        "load busy",
    ];
    let scenario = TLS_SCENARIOS.iter().find(|scenario| scenario.title == title);
    let bar = scenario.map_or(String::new(), |scenario| format!("{:.2}", scenario.bar));
    Table {
        title: title.into(),
        note: "TLS 1.3, AES-128-GCM. raw-tls is a TLS echo on tokio-rustls without WebSocket. Each message of the load is a record.",
        head: strings(head),
        rows: with_bar(rows, bar, 1),
    }
}

fn handshakes(title: &str, rounds: &Rounds<Handshakes>) -> Table {
    let rows = side_by_side(&[
        (rounds.ratios(|h| h.cpu_us_per_handshake), 2),
        (rounds.spreads(|h| h.cpu_us_per_handshake), 1),
        (rounds.spreads(|h| h.handshakes_per_second), 0),
        (rounds.spreads(|h| h.resumed as f64 / h.handshakes as f64 * 100.0), 0),
        (rounds.spreads(|h| h.latency_us.p99), 0),
        (rounds.spreads(|h| h.server_busy), 2),
        (rounds.spreads(|h| h.given_up as f64), 0),
    ]);
    let head = [
        "server",
        "ratio to raw-tls",
        "CPU each, µs",
        "per second",
        "resumed, %",
        "p99, µs",
        "server busy",
        "given up",
    ];
    Table {
        title: format!("Connect, TLS handshake, opening handshake, close: {title}"),
        note: "X25519, a certificate with an ECDSA key on P-256. 32 at a time. raw-tls answers every request with the same 101.",
        head: strings(head),
        rows: with_bar(rows, format!("{TLS_HANDSHAKE_BAR:.2}"), 1),
    }
}

fn idle(results: &Results) -> Table {
    let idle = &results.tls_idle;
    let rows = side_by_side(&[
        (idle.ratios(|idle| idle.bytes_per_connection), 2),
        (idle.ratios(|idle| idle.bytes_per_connection_after_echo), 2),
        (idle.spreads(|idle| idle.bytes_per_connection), 0),
        (idle.spreads(|idle| idle.bytes_per_connection_after_echo), 0),
        (idle.spreads(|idle| idle.connections as f64), 0),
    ]);
    Table {
        title: "Resident memory for each idle connection over TLS".into(),
        note: "Of the server's process. raw-tls has the TLS stream and its task for each, and shares its buffers.",
        head: strings([
            "server",
            "ratio to raw-tls",
            "the same after an echo of 1 KiB",
            "bytes, after the handshakes",
            "after an echo",
            "connections",
        ]),
        rows: with_bar(rows, format!("{TLS_IDLE_BAR:.2}"), 2),
    }
}
