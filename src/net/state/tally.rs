//! What the connections of a context have exchanged and how they have ended, for the numbers of a server.
//!
//! | number | counted by | when |
//! |---|---|---|
//! | messages received | the Receiver, in itself | it comes here when the Receiver has to wait |
//! | messages sent, Pings, Pongs | the frames on their way | they come here when the task takes the frames |
//! | bytes of the wire | the task | at each read and write |
//! | the rest | whoever sees it | at once, or when the connection ends |
//!
//! So a message costs two additions to memory that is at hand, and a turn of a connection a few atomic ones. A
//! thread adds to a part of its own: threads that serve one context do not wait for each other's memory.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::histogram::{Bounds, Buckets, bounds};
use crate::net::ending::{Ending, Initiator, TimeoutKind};
use crate::net::lent::amounts::{Amounts, Sent};
use crate::proto::close::CloseCode;
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

/// What the connections of one context add up to.
#[derive(Debug)]
pub(in crate::net) struct Tally {
    pub(super) parts: [Part; PARTS],
    pub(super) accepted: AtomicU64,
    pub(super) rejections: [AtomicU64; Rejection::ALL.len()],
    pub(super) answers: [AtomicU64; 5],
    pub(super) violations: [AtomicU64; Violation::ALL.len()],
    pub(super) initiators: [AtomicU64; Initiator::ALL.len()],
    pub(super) timeouts: [AtomicU64; TimeoutKind::ALL.len()],
    pub(super) codes_received: Codes,
    pub(super) codes_sent: Codes,
    pub(super) round_trips: Buckets,
    pub(super) handler_polls: Buckets,
}

/// What one thread has added, or a few of them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Part {
    pub(super) received: Way,
    pub(super) sent: Way,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) wire: AtomicU64,
    /// Of text first, as the next.
    pub(super) messages: [AtomicU64; 2],
    pub(super) bytes: [AtomicU64; 2],
    pub(super) pings: AtomicU64,
    pub(super) pongs: AtomicU64,
    pub(super) inflated: AtomicU64,
    pub(super) deflated: AtomicU64,
}

/// How many parts there are: a power of two.
const PARTS: usize = 8;

thread_local! {
    /// Which part this thread adds to; none was chosen while it is `PARTS`.
    static PART: Cell<usize> = const { Cell::new(PARTS) };
}

/// The part of this thread.
#[inline]
fn part() -> usize {
    let part = PART.get();
    if part < PARTS { part } else { choose_part() }
}

#[cold]
fn choose_part() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    let part = THREADS.fetch_add(1, Ordering::Relaxed) % PARTS;
    PART.set(part);
    part
}

impl Tally {
    pub(super) fn new() -> Tally {
        Tally {
            parts: Default::default(),
            accepted: AtomicU64::new(0),
            rejections: std::array::from_fn(|_| AtomicU64::new(0)),
            answers: Default::default(),
            violations: std::array::from_fn(|_| AtomicU64::new(0)),
            initiators: Default::default(),
            timeouts: Default::default(),
            codes_received: Codes::default(),
            codes_sent: Codes::default(),
            round_trips: Buckets::new(&ROUND_TRIPS),
            handler_polls: Buckets::new(&HANDLER_POLLS),
        }
    }

    #[inline]
    fn here(&self) -> &Part {
        // The part is below their number; the remainder says so to the compiler.
        &self.parts[part() % PARTS]
    }

    /// So many bytes were read from a transport.
    #[inline]
    pub(in crate::net) fn read(&self, len: usize) {
        add(&self.here().received.wire, len as u64);
    }

    /// So many bytes were written to a transport.
    #[inline]
    pub(in crate::net) fn wrote(&self, len: usize) {
        add(&self.here().sent.wire, len as u64);
    }

    /// A Receiver has received these messages.
    #[inline]
    pub(super) fn received(&self, amounts: &Amounts) {
        self.here().received.add(amounts);
    }

    /// The task has taken these messages and control frames.
    #[inline]
    pub(super) fn sent(&self, Sent { messages, pings, pongs }: &Sent) {
        let sent = &self.here().sent;
        sent.add(messages);
        add_some(&sent.pings, (*pings).into());
        add_some(&sent.pongs, (*pongs).into());
    }

    pub(super) fn received_ping(&self) {
        add(&self.here().received.pings, 1);
    }

    pub(super) fn received_pong(&self) {
        add(&self.here().received.pongs, 1);
    }

    /// Payload that had been compressed was inflated.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn inflated(&self, deflated: u64, inflated: u64) {
        self.here().received.compressed(deflated, inflated);
    }

    /// Payload was compressed to be sent.
    pub(in crate::net) fn deflated(&self, inflated: usize, deflated: usize) {
        self.here().sent.compressed(deflated as u64, inflated as u64);
    }

    /// An opening handshake was accepted.
    pub(super) fn accepted(&self) {
        add(&self.accepted, 1);
    }

    /// A request was refused of which there is no connection here.
    pub(in crate::net) fn refused(&self, rejection: Rejection) {
        bump(&self.rejections, rejection as usize);
        self.answered(rejection.status());
    }

    fn answered(&self, status: u16) {
        bump(&self.answers, (usize::from(status) / 100).saturating_sub(1));
    }

    /// A Pong has come after so long.
    pub(super) fn round_trip(&self, time: Duration) {
        self.round_trips.count(time);
    }

    /// One poll of a handler took so long.
    pub(in crate::net) fn handler_poll(&self, time: Duration) {
        self.handler_polls.count(time);
    }

    /// A connection has ended.
    pub(in crate::net) fn ended(&self, ending: &Ending) {
        bump(&self.initiators, ending.initiator as usize);
        if let Some(violation) = ending.violation {
            bump(&self.violations, violation as usize);
        }
        if let Some(timeout) = ending.timeout {
            bump(&self.timeouts, timeout as usize);
        }
        if let Some(rejection) = ending.rejection {
            self.refused(rejection);
        } else if let Some(status) = ending.answered {
            self.answered(status);
        }
        if let Some(close) = &ending.received {
            self.codes_received.count(close.code);
        }
        if ending.sent.is_sent() {
            self.codes_sent.count(ending.sent.code());
        }
    }
}

impl Way {
    #[inline]
    fn add(&self, amounts: &Amounts) {
        let [(texts, text_bytes), (binaries, binary_bytes)] = amounts.by_kind();
        let [of_text, of_binary] = &self.messages;
        add_some(of_text, texts);
        add_some(of_binary, binaries);
        let [of_text, of_binary] = &self.bytes;
        add_some(of_text, text_bytes);
        add_some(of_binary, binary_bytes);
    }

    fn compressed(&self, deflated: u64, inflated: u64) {
        add(&self.deflated, deflated);
        add(&self.inflated, inflated);
    }
}

#[inline]
fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// An atomic addition is not done for nothing.
#[inline]
fn add_some(counter: &AtomicU64, amount: u64) {
    if amount > 0 {
        add(counter, amount);
    }
}

fn bump(counters: &[AtomicU64], at: usize) {
    if let Some(counter) = counters.get(at) {
        add(counter, 1);
    }
}

/// Closes by their code.
#[derive(Debug, Default)]
pub(super) struct Codes {
    pub(super) without: AtomicU64,
    /// From [`FIRST_CODE`] on.
    pub(super) protocol: [AtomicU64; KNOWN_CODES],
    pub(super) registered: AtomicU64,
    pub(super) private: AtomicU64,
}

impl Codes {
    fn count(&self, code: Option<CloseCode>) {
        match code.map(CloseCode::get) {
            None => add(&self.without, 1),
            // No other code below 3000 may stand in a Close.
            Some(code @ ..3000) => {
                bump(&self.protocol, usize::from(code.saturating_sub(FIRST_CODE)))
            }
            Some(3000..4000) => add(&self.registered, 1),
            Some(_) => add(&self.private, 1),
        }
    }
}

pub(super) const FIRST_CODE: u16 = 1000;

/// Codes that are told apart: 1000 to 1014, among which are all below 3000 that may stand in a Close (RFC 6455
/// §7.4.1, and the registry of IANA).
const KNOWN_CODES: usize = 15;

static ROUND_TRIPS: Bounds = bounds([
    1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000,
]);

static HANDLER_POLLS: Bounds = bounds([
    10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000,
    10_000_000,
]);
