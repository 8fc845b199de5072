//! The bars that stickler has set itself, and how far it is from each in this run.

use stickler_peers::peers::{RAW, RAW_TLS};

use crate::results::{Results, Rounds, Spread, ratio};
use crate::scenarios::{
    BROADCAST_BAR, GROWTH_BAR, HANDSHAKE_BAR, IDLE_BAR, SCENARIOS, SIXTEEN, TLS_HANDSHAKE_BAR,
    TLS_IDLE_BAR, TLS_SCENARIOS, USER_BAR,
};

const OURS: &str = "stickler";
/// As far beyond a bar as rounds lie apart on a quiet machine.
const NOISE: f64 = 1.1;

/// One bar, and what was measured.
pub(crate) struct Bar {
    pub(crate) of: String,
    pub(crate) most: f64,
    pub(crate) measured: Spread,
    /// Digits to show behind the point.
    pub(crate) digits: usize,
}

/// Where the median lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Met,
    Within,
    Missed,
}

impl Bar {
    pub(crate) fn verdict(&self) -> Verdict {
        match self.measured.median {
            median if median <= self.most => Verdict::Met,
            median if median <= self.most * NOISE => Verdict::Within,
            _ => Verdict::Missed,
        }
    }
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Within => "within 10\u{a0}%",
            Self::Missed => "**missed**",
        }
    }
}

/// All bars of which something was measured.
pub(crate) fn all(results: &Results) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    let mut add = |of: String, most, measured: Option<Spread>, digits| {
        bars.extend(measured.map(|measured| Bar { of, most, measured, digits }));
    };
    for (title, rounds) in &results.echo {
        let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.title == *title) else {
            continue;
        };
        let measured = rounds.ratio(OURS, RAW, |messages| messages.cpu_us_per_message);
        add(format!("{title}: CPU per message, to raw-tcp"), scenario.bar, measured, 2);
        if scenario.beside_the_best
            && let Some((best, measured)) = beside_the_best(rounds)
        {
            add(
                format!("{title}: CPU per message, to the best peer ({best})"),
                1.0,
                Some(measured),
                2,
            );
        }
        if *title == SIXTEEN {
            let user = spread(rounds, |messages| messages.user_us_per_message * 1000.0);
            add(format!("{title}: user mode per message, ns"), USER_BAR * 1000.0, user, 0);
        }
    }
    let handshakes = results.handshakes.ratio(OURS, RAW, |each| each.cpu_us_per_handshake);
    add("opening handshake: CPU, to a fixed 101 of raw-tcp".into(), HANDSHAKE_BAR, handshakes, 2);
    let delivery = results.broadcast.ratio(OURS, RAW, |sent| sent.cpu_us_per_delivery);
    let subscribers = results.many;
    add(
        format!("125 B to {subscribers} subscribers: CPU per delivery, to a bare write"),
        BROADCAST_BAR,
        delivery,
        2,
    );
    if let Some((from, to, measured)) = growth(results, OURS) {
        let raw = growth(results, RAW)
            .map_or(String::new(), |(.., raw)| format!(" (of raw-tcp: {:.2})", raw.median));
        let of = format!("CPU per message with {to} connections, to that with {from}{raw}");
        add(of, GROWTH_BAR, Some(measured), 2);
    }
    let idle = spread(&results.idle, |idle| idle.bytes_per_connection);
    add("bytes per idle connection".into(), IDLE_BAR, idle, 0);
    let echoed = spread(&results.idle, |idle| idle.bytes_per_connection_after_echo);
    add("bytes per idle connection that has echoed 1 KiB".into(), IDLE_BAR, echoed, 0);
    for (title, rounds) in &results.tls {
        let scenario = TLS_SCENARIOS.iter().find(|scenario| scenario.title == *title);
        let measured = rounds.ratio(OURS, RAW_TLS, |messages| messages.cpu_us_per_message);
        if let Some(scenario) = scenario {
            add(format!("{title}: CPU per message, to raw-tls"), scenario.bar, measured, 2);
        }
    }
    for (title, rounds) in &results.tls_handshakes {
        let measured = rounds.ratio(OURS, RAW_TLS, |each| each.cpu_us_per_handshake);
        let of = format!("{title}: CPU of both, to a fixed 101 of raw-tls");
        add(of, TLS_HANDSHAKE_BAR, measured, 2);
    }
    let idle = results.tls_idle.ratio(OURS, RAW_TLS, |idle| idle.bytes_per_connection);
    add("TLS, bytes per idle connection, to raw-tls".into(), TLS_IDLE_BAR, idle, 2);
    let echoed = results.tls_idle.ratio(OURS, RAW_TLS, |idle| idle.bytes_per_connection_after_echo);
    add("TLS, the same after an echo of 1 KiB, to raw-tls".into(), TLS_IDLE_BAR, echoed, 2);
    bars
}

fn spread<T>(rounds: &Rounds<T>, value: impl Fn(&T) -> f64) -> Option<Spread> {
    Spread::of(rounds.of(OURS)?.iter().flatten().map(value))
}

/// stickler's CPU per message as a ratio to that of the peer that needed least, and who that is.
fn beside_the_best(rounds: &Rounds<stickler_peers::report::Messages>) -> Option<(&str, Spread)> {
    let cpu = |messages: &stickler_peers::report::Messages| messages.cpu_us_per_message;
    let spreads = rounds.spreads(cpu).into_iter();
    let peers = spreads.filter(|(name, _)| *name != RAW && *name != OURS);
    let peers = peers.filter_map(|(name, spread)| Some((name, spread?)));
    let (best, _) = peers.min_by(|(_, one), (_, other)| one.median.total_cmp(&other.median))?;
    Some((best, rounds.ratio(OURS, best, cpu)?))
}

/// CPU per message with most connections as a multiple of that with fewest, and how many these are.
fn growth(results: &Results, server: &str) -> Option<(usize, usize, Spread)> {
    let measured: Vec<_> = results
        .growth
        .iter()
        .filter_map(|(connections, rounds)| Some((*connections, rounds.of(server)?)))
        .filter(|(_, rounds)| rounds.iter().any(Option::is_some))
        .collect();
    let [(from, fewest), .., (to, most)] = measured[..] else { return None };
    Some((from, to, ratio(most, fewest, |messages| messages.cpu_us_per_message)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_judged_by_the_median() {
        let verdict = |median| {
            let measured = Spread { median, least: 0.5, most: 3.0 };
            Bar { of: String::new(), most: 1.0, measured, digits: 2 }.verdict()
        };
        assert_eq!(verdict(1.0), Verdict::Met);
        assert_eq!(verdict(1.1), Verdict::Within);
        assert_eq!(verdict(1.11), Verdict::Missed);
    }
}
