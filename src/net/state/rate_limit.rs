//! How many lines of one kind the log gets.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lets so many lines through in a second, and counts the rest.
#[derive(Debug, Default)]
pub(in crate::net) struct RateLimit(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    second: u64,
    told: u32,
    suppressed: u64,
}

impl RateLimit {
    /// Whether to tell; if so, how many were not told since the last time.
    pub(in crate::net) fn admit(&self, now: Duration) -> Option<u64> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.second != now.as_secs() {
            (window.second, window.told) = (now.as_secs(), 0);
        }
        if window.told >= PER_SECOND {
            window.suppressed += 1;
            return None;
        }
        window.told += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

/// Lets one line of an address through in a minute, and counts the rest.
#[derive(Debug, Default)]
pub(in crate::net) struct PerAddress(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
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

const MINUTE: Duration = Duration::from_secs(60);

/// Addresses that have a line within one minute.
const MOST_ADDRESSES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_counted_and_told_later() {
        let limit = RateLimit::default();
        let told = (0..150).filter(|_| limit.admit(Duration::from_secs(7)).is_some()).count();
        assert_eq!(told, PER_SECOND as usize);
        assert_eq!(limit.admit(Duration::from_secs(8)), Some(50));
        assert_eq!(limit.admit(Duration::from_secs(8)), Some(0));
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
