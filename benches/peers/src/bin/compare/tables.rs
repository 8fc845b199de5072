//! What was measured, as tables.

use stickler_peers::peers::PEERS;
use stickler_peers::report::Outcome;

use crate::results::Results;
use crate::scenarios::{BROADCAST_BAR, HANDSHAKE_BAR, IDLE_BAR, SCENARIOS};
use crate::table::{Table, side_by_side, spread, strings, with_bar};
use crate::{bars, tls};

/// All tables of the report.
pub(crate) fn all(results: &Results) -> Vec<Table> {
    let mut tables = vec![bars(results), ratios(results), probes(results)];
    tables.extend(results.echo.iter().map(|(title, _)| echo(results, title)));
    tables.extend([handshakes(results), broadcast(results), growth(results), workers(results)]);
    tables.extend(results.compressed.iter().map(|(title, _)| compressed(results, title)));
    tables.extend([idle(results), compressed_idle(results)]);
    tables.extend(tls::tables(results));
    tables.extend([peers(results), machine(results), took(results)]);
    tables.retain(|table| !table.rows.is_empty());
    tables
}

fn bars(results: &Results) -> Table {
    let row = |bar: bars::Bar| {
        let digits = bar.digits;
        let measured = spread(Some(bar.measured), digits);
        strings([&bar.of, &format!("{:.digits$}", bar.most), &measured, bar.verdict().word()])
    };
    Table {
        title: "stickler's bars".into(),
        note: "Median of the rounds (least to most); less is better. A bar counts as met when the median lies within 10 % of it.",
        head: strings(["what", "bar", "in this run", ""]),
        rows: bars::all(results).into_iter().map(row).collect(),
    }
}

fn ratios(results: &Results) -> Table {
    let mut head = strings(["server"]);
    let mut bars = strings(["*stickler's bar*"]);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (title, rounds) in &results.echo {
        let ratios = rounds.ratios(|messages| messages.cpu_us_per_message);
        if ratios.iter().all(|(_, ratio)| ratio.is_none()) {
            continue;
        }
        head.push(title.into());
        let scenario = SCENARIOS.iter().find(|scenario| scenario.title == *title);
        bars.push(scenario.map_or(String::new(), |scenario| format!("{:.2}", scenario.bar)));
        for (index, (name, ratio)) in ratios.iter().enumerate() {
            if rows.len() == index {
                rows.push(strings([*name]));
            }
            rows[index].push(spread(*ratio, 2));
        }
    }
    if !rows.is_empty() && !results.probes.is_empty() {
        head.push("not refused".into());
        for row in &mut rows {
            row.push(not_refused(results, &row[0]));
        }
    }
    if !rows.is_empty() {
        bars.resize(head.len(), String::new());
        rows.insert(1, bars);
    }
    Table {
        title: "CPU of the server per message, as a ratio to raw-tcp".into(),
        note: "raw-tcp is a TCP echo on tokio without WebSocket. Not refused: so many of the forbidden inputs below.",
        head,
        rows,
    }
}

/// How many of the questions a server, in whichever form, did not refuse.
fn not_refused(results: &Results, server: &str) -> String {
    let crate_name = server.split(',').next().unwrap_or(server);
    let Some((_, probes)) = results.probes.iter().find(|(name, _)| name == crate_name) else {
        return String::new();
    };
    let refused = probes.iter().filter(|probe| probe.outcome == Outcome::Refused).count();
    format!("{} of {}", probes.len() - refused, probes.len())
}

fn echo(results: &Results, title: &str) -> Table {
    let head = [
        "server",
        "CPU per message, µs",
        "ratio to raw-tcp",
        "user mode, ns",
        "messages per second",
        "p50, µs",
        "p99, µs",
        "p99.9, µs",
        "server busy",
        "load busy",
        "resident, KiB",
    ];
    let rounds = results.echo.iter().find(|(other, _)| *other == title).map(|(_, rounds)| rounds);
    let rows = rounds.map_or(Vec::new(), |rounds| {
        side_by_side(&[
            (rounds.spreads(|m| m.cpu_us_per_message), 3),
            (rounds.ratios(|m| m.cpu_us_per_message), 2),
            (rounds.spreads(|m| m.user_us_per_message * 1000.0), 0),
            (rounds.spreads(|m| m.messages_per_second), 0),
            (rounds.spreads(|m| m.latency_us.p50), 0),
            (rounds.spreads(|m| m.latency_us.p99), 0),
            (rounds.spreads(|m| m.latency_us.p999), 0),
            (rounds.spreads(|m| m.server_busy), 2),
            (rounds.spreads(|m| m.load_busy), 2),
            (rounds.spreads(|m| (m.resident_bytes >> 10) as f64), 0),
        ])
    });
    Table {
        title: title.into(),
        note: "Messages per second and latency depend on the load generator too, where it is busier than the server.",
        head: strings(head),
        rows,
    }
}

fn handshakes(results: &Results) -> Table {
    let rounds = &results.handshakes;
    let rows = side_by_side(&[
        (rounds.ratios(|h| h.cpu_us_per_handshake), 2),
        (rounds.spreads(|h| h.cpu_us_per_handshake), 1),
        (rounds.spreads(|h| h.handshakes_per_second), 0),
        (rounds.spreads(|h| h.latency_us.p50), 0),
        (rounds.spreads(|h| h.latency_us.p99), 0),
        (rounds.spreads(|h| h.server_busy), 2),
        (rounds.spreads(|h| h.given_up as f64), 0),
    ]);
    let head = [
        "server",
        "ratio to raw-tcp",
        "CPU each, µs",
        "per second",
        "p50, µs",
        "p99, µs",
        "server busy",
        "given up",
    ];
    Table {
        title: "Connect, opening handshake, close".into(),
        note: "32 at a time. raw-tcp answers every request with the same 101. Given up: not through after 800 ms.",
        head: strings(head),
        rows: with_bar(rows, format!("{HANDSHAKE_BAR:.2}"), 1),
    }
}

fn broadcast(results: &Results) -> Table {
    let rounds = &results.broadcast;
    let rows = side_by_side(&[
        (rounds.ratios(|b| b.cpu_us_per_delivery), 2),
        (rounds.spreads(|b| b.cpu_us_per_delivery), 2),
        (rounds.spreads(|b| b.user_us_per_delivery * 1000.0), 0),
        (rounds.spreads(|b| b.deliveries_per_second), 0),
        (rounds.spreads(|b| b.latency_us.p50 / 1000.0), 1),
        (rounds.spreads(|b| b.subscribers as f64), 0),
        (rounds.spreads(|b| b.server_busy), 2),
    ]);
    let head = [
        "server",
        "ratio to a bare write",
        "CPU per delivery, µs",
        "user mode, ns",
        "deliveries per second",
        "p50 until all have it, ms",
        "subscribers",
        "server busy",
    ];
    Table {
        title: "One message of 125 B to many".into(),
        note: "The next is published when all have the last; the load does not sleep meanwhile. raw-tcp writes the same bytes to each socket, with nothing around it.",
        head: strings(head),
        rows: with_bar(rows, format!("{BROADCAST_BAR:.2}"), 1),
    }
}

fn growth(results: &Results) -> Table {
    let row = |connections: usize, name: &str| {
        let (_, rounds) = results.growth.iter().find(|(other, _)| *other == connections)?;
        let value =
            |values: Vec<(&str, _)>| values.into_iter().find(|(other, _)| *other == name)?.1;
        let cpu = value(rounds.spreads(|m| m.cpu_us_per_message))?;
        Some(vec![
            name.into(),
            connections.to_string(),
            spread(Some(cpu), 2),
            spread(value(rounds.ratios(|m| m.cpu_us_per_message)), 2),
            spread(value(rounds.spreads(|m| m.messages_per_second)), 0),
            spread(value(rounds.spreads(|m| m.latency_us.p99)), 0),
            spread(value(rounds.spreads(|m| m.server_busy)), 2),
        ])
    };
    let servers = ["raw-tcp", "stickler"].into_iter();
    let rows = servers.flat_map(|name| {
        results.growth.iter().filter_map(move |(connections, _)| row(*connections, name))
    });
    let head = [
        "server",
        "connections",
        "CPU per message, µs",
        "ratio to raw-tcp",
        "messages per second",
        "p99, µs",
        "server busy",
    ];
    Table {
        title: "How it grows: 16 B, one in flight on each connection".into(),
        note: "",
        head: strings(head),
        rows: rows.collect(),
    }
}

fn workers(results: &Results) -> Table {
    let mut rows = Vec::new();
    for (title, rounds) in &results.workers {
        let columns = side_by_side(&[
            (rounds.spreads(|m| m.messages_per_second), 0),
            (rounds.ratios(|m| m.messages_per_second), 2),
            (rounds.spreads(|m| m.cpu_us_per_message), 2),
            (rounds.spreads(|m| m.server_busy), 2),
            (rounds.spreads(|m| m.load_busy), 2),
        ]);
        rows.extend(columns.into_iter().map(|mut row| {
            row.insert(0, title.into());
            row
        }));
    }
    let head = [
        "load",
        "stickler with",
        "messages per second",
        "to one worker",
        "CPU per message, µs",
        "server busy, cores",
        "load busy, cores",
    ];
    Table {
        title: "One worker and two".into(),
        note: "On two cores, of which the load takes its part: twice as much is out of reach, and the more so the less a server \
               does for a message.",
        head: strings(head),
        rows,
    }
}

fn compressed(results: &Results, title: &str) -> Table {
    let rounds = results.compressed.iter().find(|(other, _)| *other == title);
    let rows = rounds.map_or(Vec::new(), |(_, rounds)| {
        let mut rows = side_by_side(&[
            (rounds.spreads(|c| c.echo.cpu_us_per_message), 1),
            (rounds.ratios(|c| c.echo.cpu_us_per_message), 2),
            (rounds.spreads(|c| c.reply_bytes), 0),
            (rounds.spreads(|c| c.echo.messages_per_second), 0),
            (rounds.spreads(|c| c.echo.latency_us.p99), 0),
            (rounds.spreads(|c| c.echo.server_busy), 2),
        ]);
        for row in &mut rows {
            let mut answers = rounds.of(&row[0]).unwrap_or_default().iter().flatten();
            row.push(answers.next().map_or(String::new(), |answer| answer.extensions.clone()));
        }
        rows
    });
    let head = [
        "server",
        "CPU per message, µs",
        "ratio to the first",
        "bytes of a reply",
        "messages per second",
        "p99, µs",
        "server busy",
        "agreed on",
    ];
    Table {
        title: format!("JSON of 1 KiB, {title}"),
        note: "64 connections, client's level 6. By message, or takeover: with reference to earlier ones. stickler by \
               itself is as shipped: level 4.",
        head: strings(head),
        rows,
    }
}

fn idle(results: &Results) -> Table {
    let idle = &results.idle;
    let rows = side_by_side(&[
        (idle.spreads(|idle| idle.bytes_per_connection), 0),
        (idle.spreads(|idle| idle.bytes_per_connection_after_echo), 0),
        (idle.spreads(|idle| idle.connections as f64), 0),
    ]);
    Table {
        title: "Resident memory for each idle connection".into(),
        note: "Of the server's process; the sockets' memory in the kernel is not in it. raw-tcp keeps a buffer of 64 KiB for \
               each, and is no measure here.",
        head: strings([
            "server",
            "bytes, after the handshake",
            "after an echo of 1 KiB",
            "connections",
        ]),
        rows: with_bar(rows, format!("{IDLE_BAR:.0}"), 2),
    }
}

fn compressed_idle(results: &Results) -> Table {
    let idle = &results.compressed_idle;
    let rows = side_by_side(&[
        (idle.spreads(|idle| idle.bytes_per_connection), 0),
        (idle.spreads(|idle| idle.bytes_per_connection_after_echo), 0),
        (idle.spreads(|idle| idle.connections as f64), 0),
    ]);
    Table {
        title: "The same with permessage-deflate agreed on".into(),
        note: "The echo is compressed.",
        head: strings([
            "server",
            "bytes, after the handshake",
            "after an echo of 1 KiB",
            "connections",
        ]),
        rows,
    }
}

fn probes(results: &Results) -> Table {
    let mut head = strings(["about", "sent"]);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, probes) in &results.probes {
        head.push(name.clone());
        for (index, probe) in probes.iter().enumerate() {
            if rows.len() == index {
                rows.push(strings([&probe.about, &probe.input]));
            }
            let outcome = match probe.outcome {
                Outcome::Refused => "refused",
                Outcome::Accepted => "**accepted**",
                Outcome::Silent => "*silent*",
            };
            rows[index].push(outcome.into());
        }
    }
    // Alike things beside each other, in the order in which they first came.
    let order: Vec<String> = rows.iter().map(|row| row[0].clone()).collect();
    rows.sort_by_key(|row| order.iter().position(|about| *about == row[0]));
    Table {
        title: "What each lets pass".into(),
        note: "Asked in this run. Accepted: the server went on as if all were well, or answered a Close frame with another code \
               than 1002 or 1007. Silent: no answer within 400 ms, so it waits for more. § are of RFC 6455.",
        head,
        rows,
    }
}

fn peers(results: &Results) -> Table {
    let row = |peer: &stickler_peers::peers::Peer| {
        let absent = results.absent.iter().any(|name| name == peer.name);
        let name = if absent { format!("{} (not built)", peer.name) } else { peer.name.into() };
        strings([&name, peer.version(), peer.leaves_out, peer.limits])
    };
    Table {
        title: "Who, and what each leaves out".into(),
        note: "All with one thread and TCP_NODELAY, those in Rust on tokio's current-thread runtime. \"batch\" is feed and flush in \
               place of send, where a crate has them.",
        head: strings(["server", "version", "leaves out", "limits"]),
        rows: PEERS.iter().map(row).collect(),
    }
}

fn machine(results: &Results) -> Table {
    let mut rows: Vec<Vec<String>> =
        results.environment.rows().into_iter().map(Vec::from).collect();
    let Results { rounds, seconds, warm_up, .. } = results;
    let each = format!("{rounds}, of {seconds} s after {warm_up} s of warming up");
    rows.push(strings(["rounds", &each]));
    if !results.absent.is_empty() {
        let absent =
            format!("{}: see benches/peers/uwebsockets/build.sh", results.absent.join(", "));
        rows.push(strings(["could not be built", &absent]));
    }
    Table { title: "Where".into(), note: "", head: strings(["what", "here"]), rows }
}

fn took(results: &Results) -> Table {
    let row = |(title, seconds): &(String, f64)| vec![title.clone(), format!("{seconds:.0}")];
    let mut rows: Vec<_> = results.took.iter().map(row).collect();
    let all: f64 = results.took.iter().map(|(_, seconds)| seconds).sum();
    rows.push(strings(["all", &format!("{all:.0}")]));
    Table {
        title: "How long it took".into(),
        note: "",
        head: strings(["scenario", "seconds"]),
        rows,
    }
}
