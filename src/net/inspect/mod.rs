//! Looking at the frames of chosen connections, as they are on the wire.
//!
//! An inspected connection has a transport of its own kind around its own (`watched.rs`): whatever is read and
//! written goes through a second, passive reader of frames (`frames.rs`). So the core knows nothing of inspectors,
//! what is shown is what went over the wire, and a connection that is not inspected pays nothing. Over TLS the
//! frames are shown in plain.

mod frames;
#[cfg_attr(not(feature = "deflate"), path = "no_inflating.rs")]
mod inflating;
pub(super) mod watched;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::state::id::ConnectionId;
use crate::proto::violation::Violation;

/// Looks at the frames of connections; set by [`Config::inspect`](crate::Config::inspect).
///
/// Its methods are called on the thread of the connection, in its turn: while one runs, nothing else of that
/// worker does. So they may not block. A panic in one ends the connection.
///
/// ```
/// use std::sync::Arc;
///
/// use stickler::{Config, Direction, Inspect, InspectedFrame};
///
/// #[derive(Debug)]
/// struct Lengths;
///
/// impl Inspect for Lengths {
///     fn frame(&self, frame: &InspectedFrame<'_>) {
///         let arrow = if frame.direction == Direction::Received { "<-" } else { "->" };
///         eprintln!("{} {arrow} {:?} bytes", frame.connection.id(), frame.payload_len);
///     }
/// }
///
/// let config = Config::default().inspect(Arc::new(Lengths));
/// # drop(config);
/// ```
pub trait Inspect: fmt::Debug + Send + Sync {
    /// Whether the frames of this connection are to be shown; all are by default. Asked once, when the 101 of the
    /// connection has been written.
    fn connection(&self, _connection: &Inspected) -> bool {
        true
    }

    /// How many bytes of each payload are kept to be shown, from its beginning; 0 by default. Each inspected
    /// connection holds up to twice as much. Asked once for each connection that is shown.
    fn payload_limit(&self) -> usize {
        0
    }

    /// A frame went over the wire, or as much of it as ever will.
    ///
    /// A frame from the peer is shown when its bytes were read, which is before the application gets it. A frame to
    /// the peer is shown when the transport has taken it. Frames that the peer sends behind its Close, or behind a
    /// frame that fails the connection, are no protocol any more and are not shown, except for those that came in
    /// the same read as a payload that breaks a rule.
    fn frame(&self, frame: &InspectedFrame<'_>);
}

/// A connection of which frames may be shown. Clones are cheap and share the path.
#[derive(Clone, Debug)]
pub struct Inspected {
    id: ConnectionId,
    peer_addr: Option<SocketAddr>,
    local_addr: Option<SocketAddr>,
    path: Arc<str>,
}

impl Inspected {
    /// The name of the connection.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The peer's address, where the transport has one.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer_addr
    }

    /// Our own address, where it is known: on TCP connections of a server.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// The path of the request target, undecoded and without the query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    Received,
    /// To the peer.
    Sent,
}

/// One frame as it was on the wire (RFC 6455 §5.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedFrame<'a> {
    /// The connection that it belongs to.
    pub connection: &'a Inspected,
    /// When its last byte that went over the wire was read, or taken by the transport.
    pub time: SystemTime,
    /// Which way it went.
    pub direction: Direction,
    /// The bytes of the header, masking key and all: 2 to 14 of them, fewer where the connection ended within.
    pub header: &'a [u8],
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits: 4 for RSV1, 2 for RSV2, 1 for RSV3.
    pub rsv: u8,
    /// The opcode as a number from 0 to 15, reserved ones too.
    pub opcode: u8,
    /// The length of the payload that the header has, in bytes; `None` where the header is cut off within it.
    pub payload_len: Option<u64>,
    /// The masking key of a masked frame.
    pub mask_key: Option<[u8; 4]>,
    /// How many bytes of the payload went over the wire; all, unless the connection ended before.
    pub passed_len: u64,
    /// The first bytes of these, unmasked: up to [`Inspect::payload_limit`].
    pub payload: &'a [u8],
    /// The status code and the reason of a whole Close frame that has them (RFC 6455 §5.5.1). The reason is that of
    /// the peer: any bytes.
    pub close: Option<(u16, &'a [u8])>,
    /// The length of the whole message after inflating, in bytes, with the last frame of a compressed message
    /// (RFC 7692). `None` also where that is not known: it is above the limit of the connection's messages, is no
    /// DEFLATE data, or there was no memory to find it out.
    pub message_len: Option<u64>,
    /// The rule that the header breaks, if one from the peer does. A payload may break others.
    pub violation: Option<Violation>,
}
