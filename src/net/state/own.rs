//! The numbers of one connection, which are read without its lock.
//!
//! | number | written by |
//! |---|---|
//! | received | the Receiver, of which there is one |
//! | sent, heard | the connection task |
//! | since | whoever opens the connection |
//! | place | the register, under its lock |
//!
//! Each has one writer, so that none needs an atomic addition.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::context::Place;
use super::id::ConnectionId;
use super::shared::Shared;
use crate::net::lent::amounts::{Amounts, Sent};

/// What one connection has exchanged, and when. Not above 56 bytes: the allocator gives more in its next step.
#[derive(Debug)]
pub(in crate::net) struct Own {
    /// Nanoseconds from the beginning of the context until the connection opened; before, until it was accepted.
    since: AtomicU64,
    /// The same until the peer was last heard; 0 before.
    heard: AtomicU64,
    received: Way,
    sent: Way,
    /// Where the connection is registered.
    place: AtomicU64,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    messages: AtomicU64,
    /// Bytes of payload.
    bytes: AtomicU64,
}

impl Own {
    /// Of a connection that was accepted now.
    pub(super) fn new(now: Duration) -> Own {
        Own {
            since: AtomicU64::new(nanos(now)),
            heard: AtomicU64::new(0),
            received: Way::default(),
            sent: Way::default(),
            place: AtomicU64::new(0),
        }
    }

    /// The connection is registered there.
    pub(super) fn set_place(&self, place: Place) {
        self.place.store(place.to_bits(), Ordering::Relaxed);
    }

    /// Where the connection is registered.
    pub(super) fn place(&self) -> Place {
        Place::from_bits(self.place.load(Ordering::Relaxed))
    }

    /// The connection opens.
    pub(super) fn open(&self, now: Duration) {
        self.since.store(nanos(now), Ordering::Relaxed);
    }

    /// When it opened or, before that, was accepted.
    pub(super) fn since(&self) -> Duration {
        Duration::from_nanos(self.since.load(Ordering::Relaxed))
    }

    /// When the peer was last heard; when the connection opened, if that was later.
    #[cfg(feature = "server")]
    pub(super) fn heard(&self) -> Duration {
        Duration::from_nanos(self.heard.load(Ordering::Relaxed)).max(self.since())
    }

    /// Messages and bytes received.
    #[cfg(feature = "server")]
    pub(super) fn received(&self) -> (u64, u64) {
        self.received.load()
    }

    /// Messages and bytes sent.
    #[cfg(feature = "server")]
    pub(super) fn sent(&self) -> (u64, u64) {
        self.sent.load()
    }
}

impl Way {
    #[inline]
    fn add(&self, amounts: &Amounts) {
        let [(texts, text_bytes), (binaries, binary_bytes)] = amounts.by_kind();
        grow(&self.messages, texts + binaries);
        grow(&self.bytes, text_bytes + binary_bytes);
    }

    #[cfg(feature = "server")]
    fn load(&self) -> (u64, u64) {
        (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

/// Nobody else writes it.
#[inline]
fn grow(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

/// Whole nanoseconds: 500 years fit.
#[inline]
fn nanos(time: Duration) -> u64 {
    time.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(time.subsec_nanos()))
}

impl Shared {
    /// What every line about this connection has: its id, and the address of the peer.
    pub(in crate::net) fn named(
        &self,
    ) -> (
        tracing::field::DisplayValue<ConnectionId>,
        Option<tracing::field::DisplayValue<SocketAddr>>,
    ) {
        (tracing::field::display(self.id()), self.peer().map(tracing::field::display))
    }

    /// The 101 is queued, or was sent by something else, with this subprotocol.
    pub(in crate::net) fn note_opening(&self, subprotocol: Option<&str>) {
        self.own.open(self.context.now());
        self.context.tally.accepted();
        if let Some(name) = subprotocol {
            self.lock().set_subprotocol(name);
        }
    }

    /// The time since the connection opened or, before that, was accepted.
    pub(in crate::net) fn age(&self) -> Duration {
        self.context.now().saturating_sub(self.own.since())
    }

    /// So many bytes of the peer were read.
    #[inline]
    pub(in crate::net) fn count_read(&self, len: usize, now: Duration) {
        self.own.heard.store(nanos(now), Ordering::Relaxed);
        self.context.tally.read(len);
    }

    /// The Receiver has received these; it begins to count anew.
    #[inline]
    pub(in crate::net) fn count_received(&self, counted: &mut Amounts) {
        if !counted.is_nothing() {
            let counted = std::mem::take(counted);
            self.own.received.add(&counted);
            self.context.tally.received(&counted);
        }
    }

    /// The task has taken these frames, to write them.
    #[inline]
    pub(in crate::net) fn count_sent(&self, sent: &Sent) {
        self.own.sent.add(&sent.messages);
        self.context.tally.sent(sent);
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_connection_do_not_grow_by_a_step() {
        assert!(size_of::<Own>() <= 56, "{}", size_of::<Own>());
    }
}
