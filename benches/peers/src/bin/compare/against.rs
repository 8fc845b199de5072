//! The program beside an older build of itself: what a change costs or saves.
//!
//! The old one runs twice in each round. How far it lies from itself says how much of the rest is chance.

use stickler_peers::report::Messages;

use crate::results::Rounds;
use crate::run::Run;
use crate::scenarios::{AGAINST, SCENARIOS, Scenario};
use crate::servers::Server;
use crate::table::{Table, spread, strings};

const OLD: &str = "old";
const NEW: &str = "new";
const CONTROL: &str = "old again";

/// Ratios of the server's CPU time per message, new to old, as a table in Markdown.
pub(crate) fn table(mut run: Run<'_>, old: &str, new: &str) -> String {
    let servers =
        [(OLD, old), (NEW, new), (CONTROL, old)].map(|(name, path)| Server::program(name, path));
    let scenarios = SCENARIOS.iter().filter(|scenario| AGAINST.contains(&scenario.title));
    let rows = scenarios.filter_map(|scenario| {
        let rounds = run.echo_of(&Scenario { times: 1.0, ..*scenario }, &servers);
        let was_asked_for = rounds.of(OLD).is_some_and(|old| !old.is_empty());
        was_asked_for.then(|| row(scenario.title, &rounds))
    });
    Table {
        title: "CPU of the server per message, against an older build".into(),
        note: "Medians over the rounds, with the least and the most. Ratios are taken within a round.",
        head: strings(["", "old, us", "new / old", "old again / old"]),
        rows: rows.collect(),
    }
    .markdown()
}

fn row(title: &str, rounds: &Rounds<Messages>) -> Vec<String> {
    let cpu = |messages: &Messages| messages.cpu_us_per_message;
    let old = rounds.spreads(cpu).into_iter().find(|(name, _)| *name == OLD);
    vec![
        title.into(),
        spread(old.and_then(|(_, spread)| spread), 3),
        spread(rounds.ratio(NEW, OLD, cpu), 3),
        spread(rounds.ratio(CONTROL, OLD, cpu), 3),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_is_named_is_there() {
        let named = SCENARIOS.iter().filter(|scenario| AGAINST.contains(&scenario.title)).count();
        assert_eq!(named, AGAINST.len());
    }

    #[test]
    fn a_row_has_the_new_one_and_the_control_beside_the_old() {
        let rounds = |name: &str, values: [f64; 3]| {
            let messages = |cpu_us_per_message| Messages {
                cpu_us_per_message,
                messages: 1,
                seconds: 1.0,
                messages_per_second: 1.0,
                latency_us: stickler_peers::report::Latency { p50: 1.0, p99: 1.0, p999: 1.0 },
                user_us_per_message: 0.0,
                system_us_per_message: 0.0,
                server_busy: 1.0,
                load_busy: 1.0,
                resident_bytes: 0,
            };
            (name.to_owned(), values.map(messages).map(Some).into())
        };
        let rounds = Rounds(vec![
            rounds(OLD, [1.0, 2.0, 4.0]),
            rounds(NEW, [1.0, 1.0, 1.0]),
            rounds(CONTROL, [1.5, 3.0, 6.0]),
        ]);
        let expected = ["t", "2.000 (1.000–4.000)", "0.500 (0.250–1.000)", "1.500"];
        assert_eq!(row("t", &rounds), expected);
    }
}
