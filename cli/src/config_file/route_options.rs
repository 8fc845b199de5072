//! The options that a route can have: those that hold for single connections. By their names in clap.

/// Whether a route can have this option.
pub(super) fn has(id: &str) -> bool {
    all().any(|known| known == id)
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    [&HANDSHAKE[..], &LIMITS, &TIMES, &DEFLATE].into_iter().flatten().copied()
}

/// Those about the opening handshake.
const HANDSHAKE: [&str; 2] = ["subprotocol", "allowed_origin"];

/// Those about how much there may be.
pub(crate) const LIMITS: [&str; 9] = [
    "max_message_size",
    "max_frame_size",
    "max_fragments",
    "max_pings_per_second",
    "max_messages_per_second",
    "when_too_fast",
    "max_queued",
    "min_drain_rate",
    "when_full",
];

/// Those about how long something may take.
pub(crate) const TIMES: [&str; 5] = [
    "close_timeout",
    "message_idle_timeout",
    "message_timeout",
    "keepalive_interval",
    "keepalive_timeout",
];

/// Those about compression.
pub(crate) const DEFLATE: [&str; 3] =
    ["deflate", "deflate_window_bits", "deflate_client_window_bits"];
