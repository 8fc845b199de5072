//! How many opening handshakes an address may begin in a second: a token bucket for each address.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::net::Source;

/// The buckets of all addresses that have begun an opening handshake within the last second or two.
#[derive(Debug)]
pub(super) struct Rates {
    began: Instant,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// When the bucket of an address will be full again: what it lacks, as a time. [`MOST_ADDRESSES`] at most.
    full_at: HashMap<Source, Duration>,
    /// When buckets that are full again are looked for.
    sweep_at: Duration,
}

impl Default for Rates {
    fn default() -> Self {
        Self { began: Instant::now(), buckets: Mutex::default() }
    }
}

impl Rates {
    /// Takes a token from the bucket of an address, which holds what comes in a second. Says whether there
    /// was one.
    pub(super) fn admit(&self, source: Source, per_second: u32) -> bool {
        self.admit_at(self.began.elapsed(), source, per_second)
    }

    fn admit_at(&self, now: Duration, source: Source, per_second: u32) -> bool {
        let token = SECOND / per_second.max(1);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.sweep(now);
        let full_at = buckets.full_at.get(&source).copied().unwrap_or(now).max(now);
        if full_at - now > SECOND - token {
            return false;
        }
        // So many addresses at once are no flood of one of them; the other caps hold.
        if buckets.full_at.len() < MOST_ADDRESSES || buckets.full_at.contains_key(&source) {
            buckets.full_at.insert(source, full_at + token);
        }
        true
    }
}

impl Buckets {
    /// Forgets the buckets that are full again, once in a second.
    fn sweep(&mut self, now: Duration) {
        if now >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.sweep_at = now + SECOND;
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Addresses whose rate is known at once: 1 MiB of buckets at most.
const MOST_ADDRESSES: usize = 16_384;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn source(number: u32) -> Source {
        Source::of(IpAddr::from(number.to_be_bytes()))
    }

    #[test]
    fn a_bucket_holds_a_second_and_fills_evenly() {
        let rates = Rates::default();
        let admitted = |millis| {
            let now = Duration::from_millis(millis);
            (0..50).filter(|_| rates.admit_at(now, source(1), 10)).count()
        };
        assert_eq!(admitted(0), 10);
        assert_eq!(admitted(99), 0);
        assert_eq!(admitted(100), 1);
        assert_eq!(admitted(450), 3);
        assert_eq!(admitted(10_000), 10);
    }

    #[test]
    fn each_address_has_its_own_bucket() {
        let rates = Rates::default();
        assert!(rates.admit_at(SECOND, source(1), 1));
        assert!(!rates.admit_at(SECOND, source(1), 1));
        assert!(rates.admit_at(SECOND, source(2), 1));
        assert!(!rates.admit_at(SECOND * 2 - Duration::from_nanos(1), source(1), 1));
        assert!(rates.admit_at(SECOND * 2, source(1), 1));
    }

    #[test]
    fn any_number_in_a_second_is_admitted_and_no_more() {
        for rate in [1, 2, 3, 7, 100, 999] {
            let rates = Rates::default();
            let admitted = (0..2000).filter(|_| rates.admit_at(SECOND, source(1), rate)).count();
            assert_eq!(admitted, rate as usize);
        }
    }

    #[test]
    fn many_addresses_take_no_more_memory_and_are_forgotten() {
        let rates = Rates::default();
        for number in 0..20_000 {
            assert!(rates.admit_at(Duration::ZERO, source(number), 5));
        }
        assert_eq!(rates.buckets.lock().unwrap().full_at.len(), MOST_ADDRESSES);
        assert!(rates.admit_at(SECOND * 2, source(7), 5));
        assert_eq!(rates.buckets.lock().unwrap().full_at.len(), 1);
    }
}
