//! Connections and opening handshakes, counted over all workers and admitted under the caps.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::caps::Caps;
use super::rates::Rates;
use crate::net::Source;
use crate::proto::rejection::Rejection;

/// Counts connections against the caps, over all workers.
#[derive(Debug, Default)]
pub(super) struct Admission {
    live: AtomicUsize,
    /// Connections whose opening handshake goes on.
    handshakes: AtomicUsize,
    accepted: AtomicU64,
    refused: Refused,
    /// Used only with a cap per address. Counts are never zero.
    by_source: Mutex<HashMap<Source, usize>>,
    rates: Rates,
    /// What holds for clients that proxies name, once the server has started or its caps were changed.
    of_clients: Mutex<Option<Caps>>,
}

/// Connections that were refused, by the cap that they were beyond.
#[derive(Debug, Default)]
struct Refused {
    connections: AtomicU64,
    handshakes: AtomicU64,
    per_address: AtomicU64,
    rate: AtomicU64,
    memory: AtomicU64,
}

impl Refused {
    fn of(&self, overload: Overload) -> &AtomicU64 {
        match overload {
            Overload::Connections => &self.connections,
            Overload::Handshakes => &self.handshakes,
            Overload::PerAddress => &self.per_address,
            Overload::Rate => &self.rate,
            Overload::Memory => &self.memory,
        }
    }
}

/// Which cap a connection was beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overload {
    Connections,
    Handshakes,
    PerAddress,
    Rate,
    /// All connections together hold as much memory as they may.
    Memory,
}

impl Overload {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Connections, Self::Handshakes, Self::PerAddress, Self::Rate, Self::Memory];

    /// What the peer is told.
    pub(super) fn rejection(self) -> Rejection {
        match self {
            Self::Rate => Rejection::TooManyHandshakes,
            Self::Connections | Self::Handshakes | Self::PerAddress | Self::Memory => {
                Rejection::Overloaded
            }
        }
    }
}

impl Admission {
    /// Counts a connection and its opening handshake; one without an address under the caps over all of them
    /// only. Each is to be given back once: the handshake by [`open`](Self::open), the connection by
    /// [`dismiss`](Self::dismiss) with the answer, which does not give the handshake back.
    pub(super) fn admit(
        &self,
        peer: Option<IpAddr>,
        caps: Caps,
    ) -> Result<Option<Source>, Overload> {
        match self.admit_all(peer, caps) {
            Ok(source) => {
                self.accepted.fetch_add(1, Ordering::Relaxed);
                Ok(source)
            }
            Err(overload) => {
                self.refused.of(overload).fetch_add(1, Ordering::Relaxed);
                Err(overload)
            }
        }
    }

    /// Has these caps hold for clients that proxies name, unless they were changed before the server started.
    pub(super) fn begin_caps_of_clients(&self, caps: Caps) {
        self.of_clients().get_or_insert(caps);
    }

    /// Has these caps hold for clients that proxies name.
    pub(super) fn change_caps_of_clients(&self, caps: Caps) {
        *self.of_clients() = Some(caps);
    }

    fn of_clients(&self) -> MutexGuard<'_, Option<Caps>> {
        self.of_clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection that has a place for its client, which a proxy has named: one that is refused now
    /// was accepted before. The answer is to be given to `dismiss`.
    pub(super) fn admit_client(&self, client: IpAddr) -> Result<Option<Source>, Overload> {
        let caps = self.of_clients().unwrap_or_default();
        self.admit_source(Some(client), caps).inspect_err(|overload| {
            self.refused.of(*overload).fetch_add(1, Ordering::Relaxed);
        })
    }

    fn admit_all(&self, peer: Option<IpAddr>, caps: Caps) -> Result<Option<Source>, Overload> {
        admit(&self.live, caps.connections, Overload::Connections)?;
        let handshake = admit(&self.handshakes, caps.handshakes, Overload::Handshakes);
        let source = handshake
            .and_then(|()| self.admit_source(peer, caps).inspect_err(|_| leave(&self.handshakes)));
        source.inspect_err(|_| leave(&self.live))
    }

    /// Counts a connection for its address. The rate comes last: a connection that is refused has not begun
    /// an opening handshake.
    fn admit_source(&self, peer: Option<IpAddr>, caps: Caps) -> Result<Option<Source>, Overload> {
        let Some(source) = peer.map(Source::of) else { return Ok(None) };
        let is_too_often =
            || caps.handshakes_per_address.is_some_and(|rate| !self.rates.admit(source, rate));
        let Some(cap) = caps.per_address else {
            return if is_too_often() { Err(Overload::Rate) } else { Ok(None) };
        };
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        let live = by_source.get(&source).copied().unwrap_or(0);
        if live >= cap {
            return Err(Overload::PerAddress);
        }
        if is_too_often() {
            return Err(Overload::Rate);
        }
        by_source.insert(source, live + 1);
        Ok(Some(source))
    }

    /// The opening handshake of a connection is over.
    pub(super) fn open(&self) {
        leave(&self.handshakes);
    }

    /// Counts a connection that was refused for want of memory.
    pub(super) fn count_out_of_memory(&self) {
        self.refused.of(Overload::Memory).fetch_add(1, Ordering::Relaxed);
    }

    /// Gives the place back.
    pub(super) fn dismiss(&self, source: Option<Source>) {
        leave(&self.live);
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

    pub(super) fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections that were refused because of this cap.
    pub(super) fn refused(&self, overload: Overload) -> u64 {
        self.refused.of(overload).load(Ordering::Relaxed)
    }
}

/// Counts one more, unless there are as many as may be.
fn admit(count: &AtomicUsize, cap: Option<usize>, overload: Overload) -> Result<(), Overload> {
    let before = count.fetch_add(1, Ordering::Relaxed);
    if cap.is_some_and(|cap| before >= cap) {
        leave(count);
        return Err(overload);
    }
    Ok(())
}

fn leave(count: &AtomicUsize) {
    count.fetch_sub(1, Ordering::Relaxed);
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connections => "the server holds as many connections as it may",
            Self::Handshakes => "as many opening handshakes go on as may",
            Self::Memory => "the connections hold as much memory as they may",
            Self::PerAddress => "this address holds as many connections as it may",
            Self::Rate => "this address has begun as many opening handshakes in a second as it may",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Caps = Caps {
        connections: None,
        per_address: None,
        handshakes: None,
        handshakes_per_address: None,
    };

    fn refused(admission: &Admission) -> u64 {
        Overload::ALL.into_iter().map(|overload| admission.refused(overload)).sum()
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
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
        assert_eq!((admission.live(), admission.accepted(), refused(&admission)), (0, 100, 0));
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
        assert_eq!((admission.refused(Overload::Connections), refused(&admission)), (1, 1));
    }

    #[test]
    fn the_cap_per_address_spares_other_addresses() {
        let admission = Admission::default();
        let caps = Caps { connections: Some(10), per_address: Some(1), ..OPEN };
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
    fn peers_without_an_address_have_no_cap_per_address() {
        let admission = Admission::default();
        let caps = Caps {
            connections: Some(3),
            per_address: Some(1),
            handshakes_per_address: Some(1),
            ..OPEN
        };
        for _ in 0..3 {
            assert_eq!(admission.admit(None, caps), Ok(None));
        }
        assert_eq!(admission.admit(None, caps), Err(Overload::Connections));
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let admission = Admission::default();
        let caps = Caps { per_address: Some(1), ..OPEN };
        admission.admit(ip("2001:db8:0:1::1"), caps).unwrap();
        assert_eq!(admission.admit(ip("2001:db8:0:1:ffff::2"), caps), Err(Overload::PerAddress));
        assert!(admission.admit(ip("2001:db8:0:2::1"), caps).is_ok());
    }

    #[test]
    fn opening_handshakes_have_a_cap_of_their_own_that_the_101_leaves() {
        let admission = Admission::default();
        let caps = Caps { connections: Some(4), handshakes: Some(2), ..OPEN };
        let peer = ip("192.0.2.1");
        admission.admit(peer, caps).unwrap();
        admission.admit(peer, caps).unwrap();
        assert_eq!(admission.admit(peer, caps), Err(Overload::Handshakes));
        assert_eq!((admission.live(), admission.handshakes()), (2, 2));
        admission.open();
        admission.admit(peer, caps).unwrap();
        admission.open();
        admission.admit(peer, caps).unwrap();
        assert_eq!(admission.admit(peer, caps), Err(Overload::Connections));
        assert_eq!((admission.live(), admission.handshakes()), (4, 2));
        assert_eq!(admission.refused(Overload::Handshakes), 1);
    }

    #[test]
    fn a_refused_connection_is_counted_nowhere() {
        let admission = Admission::default();
        let caps = Caps { per_address: Some(1), handshakes_per_address: Some(2), ..OPEN };
        let peer = ip("192.0.2.1");
        let first = admission.admit(peer, caps).unwrap();
        for _ in 0..9 {
            assert_eq!(admission.admit(peer, caps), Err(Overload::PerAddress));
        }
        admission.dismiss(first);
        // None of the nine counted for the rate.
        let second = admission.admit(peer, caps).unwrap();
        admission.dismiss(second);
        assert_eq!(admission.admit(peer, caps), Err(Overload::Rate));
        assert_eq!(admission.live(), 0);
        assert!(admission.by_source.lock().unwrap().is_empty());
    }
}
