//! What a connection is configured with.

use std::time::Duration;

use crate::proto::assembler::MessageLimits;
#[cfg(feature = "deflate")]
use crate::proto::deflate;
use crate::proto::handshake::{HeadLimits, Policy};

/// Everything that connections are configured with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// How much is too much.
    pub limits: Limits,
    /// How long is too long.
    pub timeouts: Timeouts,
    /// Which opening handshakes are accepted.
    pub policy: Policy,
    /// Compression of messages (RFC 7692).
    #[cfg(feature = "deflate")]
    pub deflate: DeflateConfig,
}

/// permessage-deflate (RFC 7692).
///
/// Compressed lengths tell something of the content. Where a message holds a secret beside
/// text of an attacker's choice, send it [`Uncompressed`](super::Uncompressed).
#[cfg(feature = "deflate")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// Which offers are accepted; `None` declines all of them. By default without context
    /// takeover.
    pub policy: Option<deflate::Policy>,
    /// How hard the compressor tries; 4 by default.
    pub level: deflate::Level,
    /// Messages shorter than this are sent uncompressed, unless they are wrapped in
    /// [`Compressed`](super::Compressed); 128 bytes by default. So is every message that
    /// compression does not make shorter.
    pub min_size: usize,
    /// Bytes for compression over all connections, 512 MiB by default: compressors and
    /// inflaters in use or kept by threads, and what connections with context takeover may keep.
    /// When three quarters of it are taken, offers are declined; when all of it is, messages go
    /// uncompressed, and a connection whose compressed message cannot be inflated is failed with
    /// 1013.
    pub max_memory: usize,
}

#[cfg(feature = "deflate")]
impl Default for DeflateConfig {
    fn default() -> DeflateConfig {
        DeflateConfig {
            policy: Some(deflate::Policy::default()),
            level: deflate::Level::default(),
            min_size: 128,
            max_memory: 512 << 20,
        }
    }
}

/// How much is too much. All bounds are inclusive, sizes are bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Messages and frames from the peer; by default 16 MiB and 65,536 fragments.
    pub message: MessageLimits,
    /// The request head; by default 16 KiB and 100 header fields.
    pub head: HeadLimits,
    /// Bytes queued to one peer, 1 MiB by default. A message is refused, and nothing is read,
    /// only while the queue holds this or more. So the true maximum is this and one message, and
    /// while the handler is polled what it has sent since: as much again, 64 KiB at most. Pongs
    /// and a Close are always queued; of Pongs those for what had been read, or the newest where
    /// the transport takes no bytes.
    pub max_queued: usize,
    /// The content of a request that does not ask for a WebSocket, where the application answers those;
    /// 1 MiB by default. More gets 413.
    pub max_body_size: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            message: MessageLimits::default(),
            head: HeadLimits::default(),
            max_queued: 1 << 20,
            max_body_size: 1 << 20,
        }
    }
}

/// How long is too long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// From accepting the transport to the 101; 10 s by default.
    pub handshake: Duration,
    /// From our Close to the peer's, and from our FIN to the peer's; 5 s by default.
    pub close: Duration,
    /// Silence after which a Ping is sent, 25 s by default; `None` sends none.
    pub keepalive_interval: Option<Duration>,
    /// From a keepalive Ping to any byte from the peer; 20 s by default.
    pub keepalive_timeout: Duration,
    /// How long the peer may take no byte of what is queued for it; 30 s by default.
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            handshake: Duration::from_secs(10),
            close: Duration::from_secs(5),
            keepalive_interval: Some(Duration::from_secs(25)),
            keepalive_timeout: Duration::from_secs(20),
            write: Duration::from_secs(30),
        }
    }
}
