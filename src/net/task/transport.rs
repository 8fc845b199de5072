//! The transport of one connection, as long as it is there, and what the task knows of it.

use std::io;

use tokio::io::AsyncWrite;

use crate::net::lent::outbox::Outbox;
use crate::net::read_vec::ReadVec;
use crate::net::state::shared::Shared;
use crate::proto::keepalive::Keepalive;

/// The transport, and the frames that are being written to it. `reading.rs`, `writing.rs` and
/// `closing.rs` say what the task does with it.
pub(super) struct Transport<T> {
    /// `None` once it was dropped.
    pub(super) io: Option<T>,
    /// Frames that the task has taken. It resumes where a write ended; it compresses what is to be compressed there,
    /// and puts a Pong before that.
    pub(super) writing: Option<Box<Outbox>>,
    pub(super) keepalive: Keepalive,
    /// Bytes that may still be read: before other connections get their turn, and after our FIN
    /// before the connection is cut.
    pub(super) allowance: u32,
    /// Thousandths of a slice that were compressed in this turn.
    #[cfg(feature = "deflate")]
    pub(super) compressed: u32,
    /// Whether the fault that ends the connection has been logged.
    pub(super) is_reported: bool,
    pub(super) end: End,
}

/// How far the end of TCP has come (RFC 6455 §7.1.1).
///
/// ```text
///  NotYet --our FIN--> Draining --the peer's FIN, too much, too late--> (dropped)
///    |                                                                      ^
///    +--the peer's FIN--> PeerEnded --our FIN-------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Not begun.
    NotYet,
    /// The peer's FIN was read.
    PeerEnded,
    /// Our FIN is out; what still arrives is thrown away.
    Draining,
}

impl<T: ReadVec + AsyncWrite + Unpin> Transport<T> {
    pub(super) fn new(io: T) -> Transport<T> {
        Transport {
            io: Some(io),
            writing: None,
            keepalive: Keepalive::default(),
            allowance: 0,
            #[cfg(feature = "deflate")]
            compressed: 0,
            end: End::NotYet,
            is_reported: false,
        }
    }

    /// The transport failed.
    pub(super) fn lose(&mut self, shared: &Shared, error: &io::Error) {
        shared.lock().lose(Some(error.kind()));
        self.drop_io();
    }

    pub(super) fn drop_io(&mut self) {
        self.io = None;
        self.writing = None;
    }

    /// So many bytes were read.
    pub(super) fn spend(&mut self, read: usize) {
        self.allowance = u32::try_from(read).map_or(0, |read| self.allowance.saturating_sub(read));
    }
}
