//! Caps on the number of connections, counted over all workers.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many connections there may be at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caps {
    pub(super) connections: Option<usize>,
    pub(super) per_address: Option<usize>,
}

/// Counts connections against the caps, over all workers.
#[derive(Debug, Default)]
pub(super) struct Admission {
    live: AtomicUsize,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Used only with a cap per address. Counts are never zero.
    by_source: Mutex<HashMap<Source, usize>>,
}

/// Which cap a connection was beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overload {
    Connections,
    PerAddress,
    /// All connections together hold as much memory as they may.
    Memory,
}

impl Admission {
    /// Counts a connection, which is to be dismissed with the answer.
    pub(super) fn admit(&self, peer: IpAddr, caps: Caps) -> Result<Option<Source>, Overload> {
        let admitted = self.admit_total(caps.connections).and_then(|()| {
            self.admit_source(peer, caps.per_address).inspect_err(|_| {
                self.live.fetch_sub(1, Ordering::Relaxed);
            })
        });
        match admitted {
            Ok(source) => {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                Ok(source)
            }
            Err(overload) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(overload)
            }
        }
    }

    fn admit_total(&self, cap: Option<usize>) -> Result<(), Overload> {
        let before = self.live.fetch_add(1, Ordering::Relaxed);
        if cap.is_some_and(|cap| before >= cap) {
            self.live.fetch_sub(1, Ordering::Relaxed);
            return Err(Overload::Connections);
        }
        Ok(())
    }

    fn admit_source(&self, peer: IpAddr, cap: Option<usize>) -> Result<Option<Source>, Overload> {
        let Some(cap) = cap else { return Ok(None) };
        let source = Source::of(peer);
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        let live = by_source.get(&source).copied().unwrap_or(0);
        if live >= cap {
            return Err(Overload::PerAddress);
        }
        by_source.insert(source, live + 1);
        Ok(Some(source))
    }

    /// Counts a connection that was refused for another reason.
    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives the place back.
    pub(super) fn dismiss(&self, source: Option<Source>) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        let Some(source) = source else { return };
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        match by_source.get_mut(&source) {
            Some(live) if *live > 1 => *live -= 1,
            _ => drop(by_source.remove(&source)),
        }
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Where connections come from: an IPv4 address, or the /64 of an IPv6 address,
/// which is what one household or machine has all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source(IpAddr);

impl Source {
    fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connections => "the server holds as many connections as it may",
            Self::Memory => "the connections hold as much memory as they may",
            Self::PerAddress => "this address holds as many connections as it may",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Caps = Caps { connections: None, per_address: None };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn without_caps_everyone_is_admitted_and_counted() {
        let admission = Admission::default();
        for _ in 0..100 {
            assert_eq!(admission.admit(ip("192.0.2.1"), OPEN), Ok(None));
        }
        assert_eq!((admission.live(), admission.accepted()), (100, 100));
        for _ in 0..100 {
            admission.dismiss(None);
        }
        assert_eq!((admission.live(), admission.accepted(), admission.refused()), (0, 100, 0));
    }

    #[test]
    fn the_cap_on_connections_is_inclusive_and_a_place_comes_back() {
        let admission = Admission::default();
        let caps = Caps { connections: Some(2), ..OPEN };
        let first = admission.admit(ip("192.0.2.1"), caps).unwrap();
        admission.admit(ip("192.0.2.2"), caps).unwrap();
        assert_eq!(admission.admit(ip("192.0.2.3"), caps), Err(Overload::Connections));
        admission.dismiss(first);
        assert!(admission.admit(ip("192.0.2.3"), caps).is_ok());
        assert_eq!(admission.refused(), 1);
    }

    #[test]
    fn the_cap_per_address_spares_other_addresses() {
        let admission = Admission::default();
        let caps = Caps { connections: Some(10), per_address: Some(1) };
        let first = admission.admit(ip("192.0.2.1"), caps).unwrap();
        assert_eq!(admission.admit(ip("192.0.2.1"), caps), Err(Overload::PerAddress));
        let second = admission.admit(ip("192.0.2.2"), caps).unwrap();
        admission.dismiss(first);
        let third = admission.admit(ip("192.0.2.1"), caps).unwrap();
        admission.dismiss(second);
        admission.dismiss(third);
        assert_eq!(admission.live(), 0);
        assert!(admission.by_source.lock().unwrap().is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let admission = Admission::default();
        let caps = Caps { per_address: Some(1), ..OPEN };
        admission.admit(ip("2001:db8:0:1::1"), caps).unwrap();
        assert_eq!(admission.admit(ip("2001:db8:0:1:ffff::2"), caps), Err(Overload::PerAddress));
        assert!(admission.admit(ip("2001:db8:0:2::1"), caps).is_ok());
    }
}
