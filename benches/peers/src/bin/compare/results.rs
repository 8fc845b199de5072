//! All that was measured, and what can be said of it.

use std::collections::BTreeMap;

use serde::Serialize;
use stickler_peers::report::{Handshakes, Idle, Messages, Probe};

use crate::environment::Environment;

/// What goes into results.json, and what the reports are made from.
#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) environment: Environment,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) versions: BTreeMap<&'static str, &'static str>,
    pub(crate) scenarios: Vec<(&'static str, Rounds<Messages>)>,
    pub(crate) idle: Rounds<Idle>,
    pub(crate) handshakes: Rounds<Handshakes>,
    pub(crate) probes: Vec<(String, Vec<Probe>)>,
}

/// What each server did in each round; nothing where it failed. raw-tcp is the first.
#[derive(Serialize)]
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

impl<T> Rounds<T> {
    /// What `value` is over the rounds, for each server.
    pub(crate) fn spreads(&self, value: impl Fn(&T) -> f64) -> Vec<(&str, Option<Spread>)> {
        let spread = |rounds: &[Option<T>]| Spread::of(rounds.iter().flatten().map(&value));
        self.0.iter().map(|(name, rounds)| (name.as_str(), spread(rounds))).collect()
    }

    /// What `value` is as a ratio to that of raw-tcp in the same round, for each server.
    pub(crate) fn ratios(&self, value: impl Fn(&T) -> f64) -> Vec<(&str, Option<Spread>)> {
        let Some((_, raw)) = self.0.first() else { return Vec::new() };
        let ratio =
            |(of, to): (&Option<T>, &Option<T>)| Some(value(of.as_ref()?) / value(to.as_ref()?));
        let spread = |rounds: &[Option<T>]| Spread::of(rounds.iter().zip(raw).filter_map(ratio));
        self.0.iter().map(|(name, rounds)| (name.as_str(), spread(rounds))).collect()
    }
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
    fn ratios_are_taken_within_a_round() {
        let raw = vec![Some(1.0), None, Some(4.0)];
        let other = vec![Some(2.0), Some(100.0), Some(4.0)];
        let rounds = Rounds(vec![("raw-tcp".into(), raw), ("other".into(), other)]);
        let ratios = rounds.ratios(|value| *value);
        assert_eq!(ratios[1].1, Some(Spread { median: 1.5, least: 1.0, most: 2.0 }));
    }
}
