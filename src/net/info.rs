//! What is known of one connection, for a listing.

use std::net::SocketAddr;
use std::time::Duration;

use super::state::id::ConnectionId;

/// What is known of one connection, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its name.
    pub id: ConnectionId,
    /// The peer's address, where the transport has one.
    pub peer_addr: Option<SocketAddr>,
    /// The path of the request target, undecoded and without the query; `/` until the request head is whole.
    pub path: String,
    /// Whether the transport is secured by TLS that ends here.
    pub is_tls: bool,
    /// Where it is in its life.
    pub phase: ConnectionPhase,
    /// The time since it opened; before that, the time since it was accepted.
    pub age: Duration,
    /// The time since a byte of the peer was last read; `age` if none was.
    pub idle: Duration,
    /// Bytes that are queued for the peer.
    pub queued: usize,
    /// Messages that the application has received.
    pub received_messages: u64,
    /// Bytes of payload in them, not compressed.
    pub received_bytes: u64,
    /// Messages that were sent: the connection task has taken them to write them.
    pub sent_messages: u64,
    /// Bytes of payload in them, not compressed.
    pub sent_bytes: u64,
    /// The time from the newest answered Ping to its Pong; `None` if none was answered.
    pub round_trip: Option<Duration>,
    /// The subprotocol that the 101 names. The peer chose it among those that are spoken here, unless all are.
    pub subprotocol: Option<String>,
    /// The value of Sec-WebSocket-Extensions in the 101.
    pub extensions: Option<String>,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionPhase {
    /// The opening handshake goes on, or a plain request is answered.
    Opening,
    /// Frames are exchanged, and no Close was sent.
    Open,
    /// The closing handshake goes on, or the end of TCP.
    Closing,
}
