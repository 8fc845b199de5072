//! What a context counts, for the counters of a server.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// A handler panicked.
    Panic,
    /// A connection was ended because its peer took bytes too slowly.
    SlowPeer,
    /// A message was dropped because the queue to its peer was full.
    DroppedMessage,
    /// A connection was closed because the queue to its peer was full.
    ClosedFull,
    /// An opening handshake was accepted although none of the subprotocols that it offered is spoken.
    UnspokenSubprotocols,
    /// The rest of a message or frame did not come in time.
    LateMessage,
    /// A connection was failed for its Pings.
    PingFlood,
    /// A connection was failed for its messages.
    MessageFlood,
    /// After the delay of a shutdown, a connection ended in which each side said what it had to, or nothing
    /// was ever said.
    DrainedClean,
    /// As before, but the peer, or its transport, did not keep to the closing handshake.
    DrainedUnclean,
    /// After the delay of a shutdown, a connection was dropped before its end.
    DrainedCut,
}

/// How often each of them was counted.
#[derive(Debug, Default)]
pub(super) struct Counts([AtomicU64; Counted::DrainedCut as usize + 1]);

impl Counts {
    pub(super) fn count(&self, what: Counted) {
        self.of(what).fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(feature = "server")]
    pub(super) fn get(&self, what: Counted) -> u64 {
        self.of(what).load(Ordering::Relaxed)
    }

    fn of(&self, what: Counted) -> &AtomicU64 {
        // There is one for each.
        &self.0[what as usize]
    }
}
