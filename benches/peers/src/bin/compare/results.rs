//! All that was measured, and what can be said of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stickler_peers::report::{Broadcast, Compressed, Handshakes, Idle, Messages, Probe};

use crate::environment::Environment;

/// What goes into results.json, and what the reports are made from.
#[derive(Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) environment: Environment,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) warm_up: f64,
    /// Connections where there are many.
    pub(crate) many: usize,
    pub(crate) versions: BTreeMap<String, String>,
    /// Servers that could not be built.
    pub(crate) absent: Vec<String>,
    pub(crate) echo: Vec<(String, Rounds<Messages>)>,
    pub(crate) handshakes: Rounds<Handshakes>,
    pub(crate) probes: Vec<(String, Vec<Probe>)>,
    /// By the number of connections.
    pub(crate) growth: Vec<(usize, Rounds<Messages>)>,
    pub(crate) broadcast: Rounds<Broadcast>,
    pub(crate) workers: Vec<(String, Rounds<Messages>)>,
    pub(crate) compressed: Vec<(String, Rounds<Compressed>)>,
    pub(crate) idle: Rounds<Idle>,
    pub(crate) compressed_idle: Rounds<Idle>,
    #[serde(default)]
    pub(crate) tls: Vec<(String, Rounds<Messages>)>,
    #[serde(default)]
    pub(crate) tls_handshakes: Vec<(String, Rounds<Handshakes>)>,
    #[serde(default)]
    pub(crate) tls_idle: Rounds<Idle>,
    /// Seconds that each scenario took.
    pub(crate) took: Vec<(String, f64)>,
}

impl Results {
    /// These, and from an earlier run what this one left out.
    pub(crate) fn over(self, earlier: Results) -> Results {
        let again: Vec<_> = self.took.iter().map(|(title, _)| title.as_str()).collect();
        let began = format!(
            "{}; {}: {}",
            earlier.environment.began,
            again.join(", "),
            self.environment.began
        );
        let took = earlier.took.into_iter().filter(|(title, _)| !again.contains(&title.as_str()));
        Results {
            took: took.chain(self.took.iter().cloned()).collect(),
            environment: Environment { began, ..self.environment },
            echo: named(self.echo, earlier.echo),
            handshakes: self.handshakes.or(earlier.handshakes),
            probes: if self.probes.is_empty() { earlier.probes } else { self.probes },
            growth: named(self.growth, earlier.growth),
            broadcast: self.broadcast.or(earlier.broadcast),
            workers: named(self.workers, earlier.workers),
            compressed: named(self.compressed, earlier.compressed),
            idle: self.idle.or(earlier.idle),
            compressed_idle: self.compressed_idle.or(earlier.compressed_idle),
            tls: named(self.tls, earlier.tls),
            tls_handshakes: named(self.tls_handshakes, earlier.tls_handshakes),
            tls_idle: self.tls_idle.or(earlier.tls_idle),
            ..self
        }
    }
}

/// What was measured now, or else earlier, by name.
fn named<N: PartialEq, T>(
    now: Vec<(N, Rounds<T>)>,
    mut earlier: Vec<(N, Rounds<T>)>,
) -> Vec<(N, Rounds<T>)> {
    let either = |(name, rounds): (N, Rounds<T>)| {
        let same = earlier.iter().position(|(other, _)| *other == name);
        let rounds = match same.map(|index| earlier.swap_remove(index).1) {
            Some(earlier) => rounds.or(earlier),
            None => rounds,
        };
        (name, rounds)
    };
    now.into_iter().map(either).collect()
}

/// What each server did in each round; nothing where it failed. The first is the measure for others.
#[derive(Serialize, Deserialize)]
pub(crate) struct Rounds<T>(pub(crate) Vec<(String, Vec<Option<T>>)>);

/// Median, least and most of several rounds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of nothing there is none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(*values.get(middle.checked_sub(1)?)?, values[middle]),
            _ => values[middle],
        };
        Some(Self { median, least: *values.first()?, most: *values.last()? })
    }
}

impl<T> Default for Rounds<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Rounds<T> {
    /// This, if it was measured.
    fn or(self, earlier: Self) -> Self {
        if self.0.iter().any(|(_, rounds)| !rounds.is_empty()) { self } else { earlier }
    }

    /// What `value` is over the rounds, for each server.
    pub(crate) fn spreads(&self, value: impl Fn(&T) -> f64) -> Vec<(&str, Option<Spread>)> {
        let spread = |rounds: &[Option<T>]| Spread::of(rounds.iter().flatten().map(&value));
        self.0.iter().map(|(name, rounds)| (name.as_str(), spread(rounds))).collect()
    }

    /// What `value` is as a ratio to that of the first server in the same round, for each server.
    pub(crate) fn ratios(&self, value: impl Fn(&T) -> f64) -> Vec<(&str, Option<Spread>)> {
        let Some((first, _)) = self.0.first() else { return Vec::new() };
        self.0.iter().map(|(name, _)| (name.as_str(), self.ratio(name, first, &value))).collect()
    }

    /// What `value` of one server is as a ratio to that of another in the same round.
    pub(crate) fn ratio(&self, of: &str, to: &str, value: impl Fn(&T) -> f64) -> Option<Spread> {
        ratio(self.of(of)?, self.of(to)?, value)
    }

    /// What a server did, round by round.
    pub(crate) fn of(&self, name: &str) -> Option<&[Option<T>]> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, rounds)| rounds.as_slice())
    }

    /// The same with something else in place of what was measured.
    pub(crate) fn map<U>(self, convert: impl Fn(T) -> U) -> Rounds<U> {
        let server = |(name, rounds): (String, Vec<Option<T>>)| {
            (name, rounds.into_iter().map(|round| round.map(&convert)).collect())
        };
        Rounds(self.0.into_iter().map(server).collect())
    }
}

/// What `value` is in some rounds as a ratio to what it is in others, each to that of the same number.
pub(crate) fn ratio<T>(
    of: &[Option<T>],
    to: &[Option<T>],
    value: impl Fn(&T) -> f64,
) -> Option<Spread> {
    let ratio =
        |(of, to): (&Option<T>, &Option<T>)| Some(value(of.as_ref()?) / value(to.as_ref()?));
    Spread::of(of.iter().zip(to).filter_map(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of([]), None);
        let spread = |median, least, most| Some(Spread { median, least, most });
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), spread(3.0, 1.0, 9.0));
        assert_eq!(Spread::of([4.0, 1.0]), spread(2.5, 1.0, 4.0));
    }

    #[test]
    fn what_was_not_measured_again_stays() {
        let rounds = |values: &[f64]| {
            Rounds(vec![("raw-tcp".to_owned(), values.iter().copied().map(Some).collect())])
        };
        let now = vec![("a", rounds(&[])), ("b", rounds(&[2.0])), ("c", rounds(&[]))];
        let earlier = vec![("b", rounds(&[1.0])), ("a", rounds(&[1.0]))];
        let both = named(now, earlier);
        let values: Vec<_> = both.iter().map(|(_, rounds)| rounds.0[0].1.clone()).collect();
        assert_eq!(values, [vec![Some(1.0)], vec![Some(2.0)], vec![]]);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let raw = vec![Some(1.0), None, Some(4.0)];
        let other = vec![Some(2.0), Some(100.0), Some(4.0)];
        let rounds = Rounds(vec![("raw-tcp".into(), raw), ("other".into(), other)]);
        let ratios = rounds.ratios(|value| *value);
        assert_eq!(ratios[1].1, Some(Spread { median: 1.5, least: 1.0, most: 2.0 }));
    }
}
