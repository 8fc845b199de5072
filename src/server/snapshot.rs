//! All numbers of a server at one moment, as plain values.

use super::Handle;
use super::counters::Counters;
use crate::net::{CloseClass, Histogram, Initiator, MemoryLevel, Summed, TimeoutKind, Traffic};
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

/// All numbers of a server, read at one moment by [`Handle::snapshot`](super::Handle::snapshot): owned, and of no
/// format, so that they can be exported to whatever reads metrics.
///
/// Counts go up only, from when the server was bound; `queued`, `memory`, `compression_memory` and what
/// [`Counters`] says to be of now are levels. Each list has all its rows, in a fixed order, those too that count 0.
/// How a connection ended is counted when TCP has ended, so after the log has said it; its handler may go on.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// What [`Handle::counters`](super::Handle::counters) gives.
    pub counters: Counters,
    /// Opening handshakes that were accepted.
    pub handshakes_accepted: u64,
    /// Requests that were refused, by the reason, which has a clause and a status. What is refused beyond the caps
    /// of the server is in `counters` only.
    pub handshakes_refused: Vec<(Rejection, u64)>,
    /// HTTP answers other than the 101 by the class of their status, the application's and refusals: `answers[3]`
    /// counts those from 400 to 499.
    pub answers: [u64; 5],
    /// What has come from peers.
    pub received: Traffic,
    /// What was sent to peers.
    pub sent: Traffic,
    /// Connections by the code of the first Close that the peer sent.
    pub close_codes_received: Vec<(CloseClass, u64)>,
    /// Connections by the code of the Close that was written to the peer.
    pub close_codes_sent: Vec<(CloseClass, u64)>,
    /// Connections that were failed, by the rule that the peer broke.
    pub violations: Vec<(Violation, u64)>,
    /// Connections that have ended, by what began to end them.
    pub endings: Vec<(Initiator, u64)>,
    /// Connections that a deadline ended, by the deadline.
    pub timeouts: Vec<(TimeoutKind, u64)>,
    /// Bytes that are queued for all peers now.
    pub queued: u64,
    /// Memory that all connections hold, and [`Config::max_memory`](crate::Config::max_memory). Compression's is part
    /// of it.
    pub memory: MemoryLevel,
    /// Memory that compression takes, and what it may take.
    pub compression_memory: MemoryLevel,
    /// The times from Pings to their Pongs.
    pub round_trips: Histogram,
    /// For how long a handler has had its thread within one poll: one poll in 64 is measured. A handler that
    /// waits by `.await` is not polled meanwhile.
    pub handler_polls: Histogram,
}

impl Handle {
    /// All numbers of the server, read now. Nothing is kept up to date for it but counts, most of which a message
    /// does not touch; it looks at each connection once, without its lock. It may be called from any thread.
    ///
    /// A message that a Receiver was given counts when that Receiver has to wait for the next one, at the latest.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut sum = Summed::default();
        self.contexts().for_each(|context| context.add_to(&mut sum));
        // The contexts share one budget.
        let levels = self.contexts().next().map(|context| context.memory_levels());
        let (memory, compression_memory) = levels.unwrap_or_default();
        Snapshot {
            counters: self.counters(),
            handshakes_accepted: sum.handshakes_accepted,
            handshakes_refused: sum.handshakes_refused,
            answers: sum.answers,
            received: sum.received,
            sent: sum.sent,
            close_codes_received: sum.close_codes_received,
            close_codes_sent: sum.close_codes_sent,
            violations: sum.violations,
            endings: sum.endings,
            timeouts: sum.timeouts,
            queued: sum.queued,
            memory,
            compression_memory,
            round_trips: sum.round_trips,
            handler_polls: sum.handler_polls,
        }
    }
}
