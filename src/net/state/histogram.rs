//! Times that are counted by their length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds, in ascending order.
pub(super) type Bounds = [Duration; BOUNDS];

const BOUNDS: usize = 13;

/// The times of one context.
#[derive(Debug)]
pub(super) struct Buckets {
    bounds: &'static Bounds,
    /// The last one has what is beyond all bounds.
    counts: [AtomicU64; BOUNDS + 1],
    /// In nanoseconds: it wraps after 500 years.
    sum: AtomicU64,
}

/// Bounds of so many microseconds.
pub(super) const fn bounds(micros: [u64; BOUNDS]) -> Bounds {
    let mut bounds = [Duration::ZERO; BOUNDS];
    let mut at = 0;
    while at < BOUNDS {
        bounds[at] = Duration::from_micros(micros[at]);
        at += 1;
    }
    bounds
}

impl Buckets {
    pub(super) fn new(bounds: &'static Bounds) -> Buckets {
        Buckets { bounds, counts: Default::default(), sum: AtomicU64::new(0) }
    }

    pub(super) fn count(&self, time: Duration) {
        let at = self.bounds.partition_point(|bound| *bound < time);
        // There is a count for each bound, and one more.
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Adds what was counted here.
    #[cfg(feature = "server")]
    pub(super) fn add_to(&self, sum: &mut crate::net::numbers::Histogram) {
        sum.bounds = self.bounds;
        sum.counts.resize(self.counts.len(), 0);
        for (sum, count) in sum.counts.iter_mut().zip(&self.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        sum.sum += Duration::from_nanos(self.sum.load(Ordering::Relaxed));
        sum.count = sum.counts.iter().sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        static BY_MILLI: Bounds = bounds([
            1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 11_000, 12_000, 13_000,
        ]);
        let buckets = Buckets::new(&BY_MILLI);
        for (micros, at) in
            [(0, 0), (1000, 0), (1001, 1), (13_000, 12), (13_001, 13), (u64::MAX, 13)]
        {
            let before: Vec<_> =
                buckets.counts.iter().map(|each| each.load(Ordering::Relaxed)).collect();
            buckets.count(Duration::from_micros(micros));
            let grown = (0..)
                .zip(&buckets.counts)
                .filter(|(at, each)| each.load(Ordering::Relaxed) > before[*at]);
            assert_eq!(grown.map(|(at, _)| at).collect::<Vec<usize>>(), [at], "{micros}");
        }
    }
}
