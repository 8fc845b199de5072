//! The numbers of many connections as applications read them: plain values, summed at the call.

use std::fmt;
use std::time::Duration;

use super::ending::{Initiator, TimeoutKind};
use crate::proto::close::CloseCode;
use crate::proto::rejection::Rejection;
use crate::proto::violation::Violation;

/// What has passed in one direction.
///
/// A message that comes in counts when the application receives it, one that goes out when the connection task
/// takes it to write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Text messages.
    pub text: MessageTotals,
    /// Binary messages.
    pub binary: MessageTotals,
    /// Ping frames.
    pub pings: u64,
    /// Pong frames.
    pub pongs: u64,
    /// Close frames: the first of each connection. They count when the connection has ended.
    pub closes: u64,
    /// Bytes that were read from, or written to, the transports: the opening handshake, frames and their headers.
    /// What TLS adds does not count, nor does the exchange behind a plain request.
    pub wire_bytes: u64,
    /// Payload of compressed messages, in both forms.
    pub compression: CompressionTotals,
}

/// MessageTotals, and what was in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageTotals {
    /// How many.
    pub count: u64,
    /// Bytes of payload, not compressed.
    pub bytes: u64,
}

/// Payload of messages that went compressed (RFC 7692), in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressionTotals {
    /// As the applications have it.
    pub inflated: u64,
    /// As it is on the wire.
    pub deflated: u64,
}

/// A level, and the bound that it stays below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryLevel {
    /// What is used now, in bytes.
    pub used: u64,
    /// What may be used, in bytes.
    pub limit: u64,
}

/// How often a time was measured, by its length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Histogram {
    /// The upper bounds of the buckets, in ascending order. They are the same at each call.
    pub bounds: &'static [Duration],
    /// How many times were at most as long as the bound of the same place, and longer than the bound before. One
    /// more than there are bounds: the last count is of all that were longer.
    pub counts: Vec<u64>,
    /// All times together.
    pub sum: Duration,
    /// How many times were measured: the sum of `counts`.
    pub count: u64,
}

/// Status codes of Close frames, as they are counted: the codes that an application makes up for itself would be
/// too many to be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CloseClass {
    /// The Close had no status code (RFC 6455 §7.1.5).
    WithoutCode,
    /// A code from 1000 to 2999, of the protocol (RFC 6455 §7.4.2).
    Protocol(u16),
    /// A code from 3000 to 3999, of libraries and frameworks.
    Registered,
    /// A code from 4000 to 4999, of applications.
    Private,
}

impl CloseClass {
    /// The class of the code of a Close.
    #[must_use]
    pub fn of(code: Option<CloseCode>) -> CloseClass {
        match code.map(CloseCode::get) {
            None => CloseClass::WithoutCode,
            Some(code @ ..3000) => CloseClass::Protocol(code),
            Some(3000..4000) => CloseClass::Registered,
            Some(_) => CloseClass::Private,
        }
    }
}

/// `none`, `1000`, `3xxx`, `4xxx`.
impl fmt::Display for CloseClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseClass::WithoutCode => f.write_str("none"),
            CloseClass::Protocol(code) => code.fmt(f),
            CloseClass::Registered => f.write_str("3xxx"),
            CloseClass::Private => f.write_str("4xxx"),
        }
    }
}

/// What several contexts have counted: see the fields of the same names in `Snapshot`.
#[derive(Debug, Default)]
pub(crate) struct Summed {
    pub(crate) handshakes_accepted: u64,
    pub(crate) handshakes_refused: Vec<(Rejection, u64)>,
    pub(crate) answers: [u64; 5],
    pub(crate) received: Traffic,
    pub(crate) sent: Traffic,
    pub(crate) close_codes_received: Vec<(CloseClass, u64)>,
    pub(crate) close_codes_sent: Vec<(CloseClass, u64)>,
    pub(crate) violations: Vec<(Violation, u64)>,
    pub(crate) endings: Vec<(Initiator, u64)>,
    pub(crate) timeouts: Vec<(TimeoutKind, u64)>,
    pub(crate) queued: u64,
    pub(crate) round_trips: Histogram,
    pub(crate) handler_polls: Histogram,
}
