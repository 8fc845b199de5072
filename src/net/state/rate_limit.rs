//! How many lines of one kind the log gets.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::source::Source;

/// Lets so many lines through in a second, a few of each source, and counts the rest. So a flood from a few
/// sources neither fills the log nor keeps the lines of other peers out of it.
#[derive(Debug)]
pub(in crate::net) struct RateLimit {
    /// Lines of one source in a second.
    per_source: u32,
    window: Mutex<Window>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_source: PER_SOURCE, window: Mutex::default() }
    }
}

#[derive(Debug, Default)]
struct Window {
    second: u64,
    told: u32,
    /// Of whom lines were told in this second, and how many; [`PER_SECOND`] at most. Peers without an address
    /// are one source.
    by_source: Vec<(Option<Source>, u32)>,
    suppressed: u64,
}

impl RateLimit {
    /// Whether to tell; if so, how many were not told since the last time, of whatever source.
    pub(in crate::net) fn admit(&self, peer: Option<IpAddr>, now: Duration) -> Option<u64> {
        let source = peer.map(Source::of);
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let window = &mut *window;
        if window.second != now.as_secs() {
            (window.second, window.told) = (now.as_secs(), 0);
            window.by_source.clear();
        }
        let known = window.by_source.iter_mut().find(|(known, _)| *known == source);
        let most = match known.as_ref().map_or(0, |(_, told)| *told) {
            0 => PER_SECOND,
            // Half of the lines are for sources that have none yet.
            told if told < self.per_source => PER_SECOND / 2,
            _ => 0,
        };
        if window.told >= most {
            window.suppressed += 1;
            return None;
        }
        window.told += 1;
        match known {
            Some((_, told)) => *told += 1,
            None => window.by_source.push((source, 1)),
        }
        Some(std::mem::take(&mut window.suppressed))
    }
}

/// How many lines of each kind the log gets; the contexts of one server share it.
#[derive(Debug)]
pub(in crate::net) struct Told {
    /// Lines have a time of their own: the clocks of contexts go apart, and a line is no deadline.
    began: Instant,
    /// Peers that broke a rule.
    pub(in crate::net) violations: RateLimit,
    /// Opening handshakes that were refused, and timers that ran out.
    pub(in crate::net) refusals: RateLimit,
    /// Connections for which there is no memory.
    pub(in crate::net) memory: RateLimit,
    /// Connections whose history of messages has no memory.
    #[cfg(feature = "deflate")]
    pub(in crate::net) histories: RateLimit,
    /// Handlers that failed or panicked, and what they left undone.
    pub(in crate::net) failures: RateLimit,
    /// Connections for which there is no place.
    #[cfg(feature = "server")]
    pub(in crate::net) places: RateLimit,
    /// Headers of the PROXY protocol that were wrong.
    #[cfg(feature = "server")]
    pub(in crate::net) proxies: RateLimit,
    /// TLS handshakes that failed.
    #[cfg(feature = "tls")]
    pub(in crate::net) tls: RateLimit,
    /// Handshakes without a common subprotocol.
    pub(in crate::net) unspoken: PerAddress,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            violations: RateLimit::default(),
            refusals: RateLimit::default(),
            memory: RateLimit::default(),
            #[cfg(feature = "deflate")]
            histories: RateLimit::default(),
            failures: RateLimit::default(),
            // Each line says the same.
            #[cfg(feature = "server")]
            places: RateLimit { per_source: 1, ..RateLimit::default() },
            #[cfg(feature = "server")]
            proxies: RateLimit::default(),
            #[cfg(feature = "tls")]
            tls: RateLimit::default(),
            unspoken: PerAddress::default(),
        }
    }
}

impl Told {
    /// The time that lines are counted by.
    pub(in crate::net) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Lets one line of an address through in a minute, and counts the rest.
#[derive(Debug, Default)]
pub(in crate::net) struct PerAddress(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    /// Who was told of within the last minute, and when; the oldest first, [`MOST_ADDRESSES`] at most.
    addresses: VecDeque<(Option<IpAddr>, Duration)>,
    suppressed: u64,
}

impl PerAddress {
    /// Whether to tell; if so, how many were not told since the last time, of whatever address. Peers
    /// without an address count as one.
    pub(in crate::net) fn admit(&self, address: Option<IpAddr>, now: Duration) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while told.addresses.front().is_some_and(|(_, at)| now.saturating_sub(*at) >= MINUTE) {
            told.addresses.pop_front();
        }
        let is_known = told.addresses.iter().any(|(known, _)| *known == address);
        if is_known || told.addresses.len() >= MOST_ADDRESSES {
            told.suppressed += 1;
            return None;
        }
        told.addresses.push_back((address, now));
        Some(std::mem::take(&mut told.suppressed))
    }
}

/// Lines of one kind in a second.
const PER_SECOND: u32 = 100;

/// Lines of one kind and one source in a second.
const PER_SOURCE: u32 = 10;

const MINUTE: Duration = Duration::from_secs(60);

/// Addresses that have a line within one minute.
const MOST_ADDRESSES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Option<IpAddr> {
        Some(IpAddr::from(number.to_be_bytes()))
    }

    fn told(limit: &RateLimit, peers: impl Iterator<Item = u32>, second: u64) -> usize {
        let now = Duration::from_secs(second);
        peers.filter(|number| limit.admit(peer(*number), now).is_some()).count()
    }

    #[test]
    fn lines_beyond_the_rate_are_counted_and_told_later() {
        let limit = RateLimit::default();
        assert_eq!(told(&limit, 0..150, 7), PER_SECOND as usize);
        assert_eq!(limit.admit(peer(1), Duration::from_secs(8)), Some(50));
        assert_eq!(limit.admit(peer(1), Duration::from_secs(8)), Some(0));
    }

    #[test]
    fn a_flood_of_one_source_leaves_the_lines_of_others() {
        let limit = RateLimit::default();
        let one = || std::iter::repeat_n(1, 100_000);
        assert_eq!(told(&limit, one(), 7), PER_SOURCE as usize);
        assert_eq!(told(&limit, 2..3, 7), 1);
        let network = |number: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number]));
        let now = Duration::from_secs(8);
        let many = (0..1000).filter(|number| limit.admit(network(*number), now).is_some()).count();
        assert_eq!(many, PER_SOURCE as usize, "a /64 is one source");
        assert_eq!(limit.admit(None, now), Some(990));
    }

    #[test]
    fn a_flood_of_some_sources_leaves_half_of_the_lines_to_others() {
        let limit = RateLimit::default();
        let thirty = || (0..30).cycle().take(10_000);
        assert_eq!(told(&limit, thirty(), 7), 50);
        assert_eq!(told(&limit, 100..1000, 7), 50);
        assert_eq!(limit.window.lock().unwrap().by_source.len(), 80);
        assert_eq!(told(&limit, thirty(), 8), 50);
        assert_eq!(limit.window.lock().unwrap().by_source.len(), 30);
    }

    #[test]
    fn an_address_has_one_line_in_a_minute() {
        let limit = PerAddress::default();
        let second = Duration::from_secs;
        let address = |last: u8| Some(IpAddr::from([127, 0, 0, last]));
        assert_eq!(limit.admit(address(1), second(10)), Some(0));
        assert_eq!(limit.admit(address(1), second(11)), None);
        assert_eq!(limit.admit(address(1), second(69)), None);
        assert_eq!(limit.admit(address(2), second(69)), Some(2));
        assert_eq!(limit.admit(None, second(69)), Some(0));
        assert_eq!(limit.admit(None, second(70)), None);
        assert_eq!(limit.admit(address(1), second(70)), Some(1));
        assert_eq!(limit.admit(address(2), second(70)), None);
    }

    #[test]
    fn many_addresses_take_no_more_memory_and_no_more_lines() {
        let limit = PerAddress::default();
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let admitted = |from: u32, now| {
            (from..from + 10_000).filter(|n| limit.admit(address(*n), now).is_some()).count()
        };
        assert_eq!(admitted(0, Duration::ZERO), MOST_ADDRESSES);
        assert_eq!(admitted(0, MINUTE - Duration::from_nanos(1)), 0);
        assert_eq!(limit.0.lock().unwrap().addresses.len(), MOST_ADDRESSES);
        assert_eq!(admitted(20_000, MINUTE), MOST_ADDRESSES);
    }
}
