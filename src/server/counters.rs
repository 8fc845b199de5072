//! Numbers about a running server, and log lines that a flood cannot multiply.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use super::tls::{self, TlsCounters};

/// What a server has seen so far, read at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections that are open now, opening handshakes included.
    pub connections: usize,
    /// Of these, the connections whose opening handshake goes on.
    pub handshakes: usize,
    /// Connections accepted since the server was bound, without the refused ones.
    pub accepted: u64,
    /// Connections answered with 503 or 429, or dropped, because a cap was reached or memory was short. Those that
    /// are not among the ones below were beyond [`Server::max_connections`](crate::Server::max_connections).
    pub refused: u64,
    /// Of these, the ones beyond [`Server::max_handshakes`](crate::Server::max_handshakes).
    pub refused_handshakes: u64,
    /// Of the refused, those beyond
    /// [`Server::max_connections_per_address`](crate::Server::max_connections_per_address).
    pub refused_per_address: u64,
    /// Of the refused, those beyond
    /// [`Server::max_handshakes_per_address`](crate::Server::max_handshakes_per_address).
    pub refused_too_often: u64,
    /// Of the refused, those for which [`Config::max_memory`](crate::Config::max_memory) had not a byte left.
    pub refused_for_memory: u64,
    /// Connections that were closed for their header of the PROXY protocol: it was wrong, late, or from a peer
    /// that is not trusted ([`Listen::proxy_protocol`](crate::Listen::proxy_protocol)).
    pub proxy_header_faults: u64,
    /// Failures to accept that were the machine's own: descriptors, memory.
    pub accept_errors: u64,
    /// Handlers that panicked. Each ended its own connection and no other.
    pub panics: u64,
    /// Connections closed with 1008 because a message or frame was unfinished for too long
    /// ([`Timeouts::message_idle`](crate::Timeouts::message_idle), [`Timeouts::message`](crate::Timeouts::message)).
    pub late_messages: u64,
    /// Connections failed with 1008 because they sent far more Pings than
    /// [`Limits::max_pings_per_second`](crate::Limits::max_pings_per_second) for ten seconds.
    pub ping_floods: u64,
    /// Connections failed with 1008 because their messages came faster than
    /// [`Limits::max_messages_per_second`](crate::Limits::max_messages_per_second), as `WhenTooFast::Close` has it.
    pub message_floods: u64,
    /// Connections that were ended because the peer took bytes more slowly than `Limits::min_drain_rate`.
    pub slow_peers: u64,
    /// Messages that were dropped because the queue to their peer was full: by topics, and where
    /// `WhenFull::Drop` is chosen.
    pub dropped_messages: u64,
    /// Connections that were closed because the queue to their peer was full, as `WhenFull::Close` has it.
    pub closed_full: u64,
    /// Opening handshakes that were accepted although none of the subprotocols that they offered is spoken: the
    /// 101 then names none (RFC 6455 §4.2.2), and browsers give up without saying why.
    pub unspoken_subprotocols: u64,
    /// Bytes of memory that all connections hold now, of [`Config::max_memory`](crate::Config::max_memory).
    pub memory_used: usize,
    /// Connections that were ended because memory was short and their peers made no progress.
    pub memory_ended: u64,
    /// Messages that were refused with 1013 because there was no room for them.
    pub memory_refused: u64,
    /// How TLS handshakes have ended.
    #[cfg(feature = "tls")]
    pub tls: TlsCounters,
}

/// How connections have ended since a shutdown was asked for, and its delay was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Those that ended as they should: after a Close in each direction, or after another answer than the
    /// 101, or without a word.
    pub clean: u64,
    /// Those that ended otherwise by themselves: the peer did not answer the Close in time, broke a rule, or
    /// its transport was lost.
    pub unclean: u64,
    /// Those whose TCP has not ended. Once the server is gone, they were cut at the deadline.
    pub cut: u64,
}

/// What the workers count besides connections.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) accept_errors: AtomicU64,
    pub(super) proxy_faults: AtomicU64,
    /// A worker ended by its own fault.
    pub(super) is_broken: AtomicBool,
    #[cfg(feature = "tls")]
    pub(super) tls: tls::Tally,
}

/// Lets one log line per second through, over all threads.
#[derive(Debug)]
pub(super) struct OncePerSecond {
    began: Instant,
    /// Milliseconds after `began` until which there is silence.
    quiet_until: AtomicU64,
    suppressed: AtomicU64,
}

impl OncePerSecond {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            quiet_until: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Calls `tell` with the number of calls that were left out before this one, or
    /// leaves this one out.
    pub(super) fn tell(&self, tell: impl FnOnce(u64)) {
        self.tell_at(self.began.elapsed(), tell);
    }

    fn tell_at(&self, now: Duration, tell: impl FnOnce(u64)) {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let quiet_until = self.quiet_until.load(Ordering::Relaxed);
        let next = now.saturating_add(1000);
        let is_ours = now >= quiet_until
            && self
                .quiet_until
                .compare_exchange(quiet_until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_ours {
            tell(self.suppressed.swap(0, Ordering::Relaxed));
        } else {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_second_says_how_many_were_left_out() {
        let line = OncePerSecond::new();
        let mut told = Vec::new();
        for millis in [0, 1, 999, 1000, 1500, 2600] {
            line.tell_at(Duration::from_millis(millis), |suppressed| {
                told.push((millis, suppressed))
            });
        }
        assert_eq!(told, [(0, 0), (1000, 2), (2600, 1)]);
    }
}
