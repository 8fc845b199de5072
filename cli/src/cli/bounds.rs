//! The flags of `stickler serve` that say how much is too much, and how long.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::units::{Interval, Size, parse_duration, parse_timeout};

/// How much is too much.
#[derive(Clone, Debug, Args)]
pub(crate) struct Bounds {
    /// Largest message, after which the connection is failed with 1009
    #[arg(long, env = "STICKLER_MAX_MESSAGE_SIZE", value_name = "SIZE", default_value = "16MiB")]
    #[arg(help_heading = "Limits")]
    pub(crate) max_message_size: Size,

    /// Largest payload of one frame, likewise [default: the message size]
    #[arg(long, env = "STICKLER_MAX_FRAME_SIZE", value_name = "SIZE", help_heading = "Limits")]
    pub(crate) max_frame_size: Option<Size>,

    /// Most fragments of one message, after which the connection is failed with 1008
    #[arg(long, env = "STICKLER_MAX_FRAGMENTS", value_name = "N", default_value = "65536")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub(crate) max_fragments: u32,

    /// Most Pings of one peer in a second, after which it is not read for a moment
    #[arg(long, env = "STICKLER_MAX_PINGS_PER_SECOND", value_name = "N", default_value = "100")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub(crate) max_pings_per_second: u32,

    /// Most messages of one peer in a second; what happens beyond is said by --when-too-fast [default: off]
    #[arg(long, env = "STICKLER_MAX_MESSAGES_PER_SECOND", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub(crate) max_messages_per_second: Option<u32>,

    /// What happens to messages that come faster than that
    #[arg(long, env = "STICKLER_WHEN_TOO_FAST", value_name = "CHOICE", default_value = "wait")]
    #[arg(help_heading = "Limits")]
    pub(crate) when_too_fast: WhenTooFast,

    /// Largest head of a request; more gets 431, or 414 where it is the request-target
    #[arg(long, env = "STICKLER_MAX_HEAD_SIZE", value_name = "SIZE", default_value = "16KiB")]
    #[arg(value_parser = parse_head_size, help_heading = "Limits")]
    pub(crate) max_head_size: Size,

    /// Most header fields of a request, after which it gets 431
    #[arg(long, env = "STICKLER_MAX_HEADER_FIELDS", value_name = "N", default_value = "100")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    pub(crate) max_header_fields: u16,

    /// Most connections at once; others get 503 [default: nine tenths of the limit on open files]
    #[arg(long, env = "STICKLER_MAX_CONNECTIONS", value_name = "N", help_heading = "Limits")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: Option<u32>,

    /// Most of one address, or of one IPv6 /64 [default: no limit]
    ///
    /// Behind a proxy all clients have its address, unless --trusted-proxy names it.
    #[arg(long, env = "STICKLER_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub(crate) max_connections_per_address: Option<u32>,

    /// Most opening handshakes at once; others get 503 [default: a tenth of all, or 1024; half at most]
    #[arg(long, env = "STICKLER_MAX_HANDSHAKES", value_name = "N", help_heading = "Limits")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_handshakes: Option<u32>,

    /// Most begun in a second by one address, or /64; others get 429 [default: no limit]
    ///
    /// Behind a proxy all clients have its address, unless --trusted-proxy names it.
    #[arg(long, env = "STICKLER_MAX_HANDSHAKES_PER_ADDRESS", value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub(crate) max_handshakes_per_address: Option<u32>,

    /// Most memory of all connections; then idle ones go first [default: 1GiB, or half of the cgroup's]
    #[arg(long, env = "STICKLER_MAX_MEMORY", value_name = "SIZE", help_heading = "Limits")]
    pub(crate) max_memory: Option<Size>,

    /// Most bytes that wait for one peer; what happens beyond is said by --when-full
    #[arg(long, env = "STICKLER_MAX_QUEUED", value_name = "SIZE", default_value = "1MiB")]
    #[arg(help_heading = "Limits")]
    pub(crate) max_queued: Size,

    /// Fewest bytes per second that a peer may take while any wait for it; then it gets 1008
    #[arg(long, env = "STICKLER_MIN_DRAIN_RATE", value_name = "SIZE", default_value = "1KiB")]
    #[arg(help_heading = "Limits")]
    pub(crate) min_drain_rate: Size,

    /// What happens to an echo for which there is no room in the queue to its peer
    #[arg(long, env = "STICKLER_WHEN_FULL", value_name = "CHOICE", default_value = "wait")]
    #[arg(help_heading = "Limits")]
    pub(crate) when_full: WhenFull,

    /// Most bytes that the kernel holds for one peer, sent or not [default: as the kernel decides]
    #[arg(long, env = "STICKLER_SEND_BUFFER", value_name = "SIZE", help_heading = "Limits")]
    pub(crate) send_buffer: Option<Size>,

    /// Most bytes that it holds without having sent them, on Linux [default: 64KiB]
    #[arg(long, env = "STICKLER_UNSENT_LOW_WATER", value_name = "SIZE", help_heading = "Limits")]
    pub(crate) unsent_low_water: Option<Size>,
}

/// What happens to a message for which there is no room in the queue to its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenFull {
    /// No further message is taken from the peer until it reads
    Wait,
    /// The echo is dropped, and the peer is heard
    Drop,
    /// The connection is closed with 1008
    Close,
}

/// What happens to messages that come too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenTooFast {
    /// The next message waits, and the peer is not read
    Wait,
    /// The connection is failed with 1008
    Close,
}

/// How long is too long.
#[derive(Clone, Debug, Args)]
pub(crate) struct Times {
    /// Time from accepting a connection to its 101
    #[arg(long, env = "STICKLER_HANDSHAKE_TIMEOUT", value_name = "TIME", default_value = "10s")]
    #[arg(value_parser = parse_timeout, help_heading = "Times")]
    pub(crate) handshake_timeout: Duration,

    /// Time that a peer has to answer a Close frame
    #[arg(long, env = "STICKLER_CLOSE_TIMEOUT", value_name = "TIME", default_value = "5s")]
    #[arg(value_parser = parse_timeout, help_heading = "Times")]
    pub(crate) close_timeout: Duration,

    /// Time that connections have to end after SIGINT, SIGTERM or SIGHUP
    #[arg(long, env = "STICKLER_SHUTDOWN_TIMEOUT", value_name = "TIME", default_value = "8s")]
    #[arg(value_parser = parse_duration, help_heading = "Times")]
    pub(crate) shutdown_timeout: Duration,

    /// Time in which an unfinished message or frame gets no byte, after which 1008 ends it, or off
    #[arg(long, env = "STICKLER_MESSAGE_IDLE_TIMEOUT", value_name = "TIME", default_value = "30s")]
    #[arg(help_heading = "Times")]
    pub(crate) message_idle_timeout: Interval,

    /// Time from the first byte of a message to its last, likewise, or off
    #[arg(long, env = "STICKLER_MESSAGE_TIMEOUT", value_name = "TIME", default_value = "off")]
    #[arg(help_heading = "Times")]
    pub(crate) message_timeout: Interval,

    /// Silence after which a peer gets a Ping, or off
    #[arg(long, env = "STICKLER_KEEPALIVE_INTERVAL", value_name = "TIME", default_value = "25s")]
    #[arg(help_heading = "Times")]
    pub(crate) keepalive_interval: Interval,

    /// Time that a peer has to answer that Ping
    #[arg(long, env = "STICKLER_KEEPALIVE_TIMEOUT", value_name = "TIME", default_value = "20s")]
    #[arg(value_parser = parse_timeout, help_heading = "Times")]
    pub(crate) keepalive_timeout: Duration,
}

fn parse_head_size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if size.0 < SMALLEST_HEAD {
        return Err(format!(
            "below {SMALLEST_HEAD} bytes there is no room for an opening handshake"
        ));
    }
    Ok(size)
}

/// The opening handshake of a browser is twice as large.
const SMALLEST_HEAD: usize = 256;
