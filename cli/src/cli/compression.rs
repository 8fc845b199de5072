//! The flags of `stickler serve` about permessage-deflate (RFC 7692).

use clap::{Args, ValueEnum};
use stickler::proto::deflate::WindowBits;

use crate::units::Size;

/// Whether and how messages are compressed.
#[derive(Clone, Debug, Args)]
pub(crate) struct Compression {
    /// Whether to compress messages for clients that offer it
    #[arg(long, env = "STICKLER_DEFLATE", value_name = "MODE", default_value = "on")]
    #[arg(help_heading = "Compression (RFC 7692)")]
    pub(crate) deflate: Deflate,

    /// Effort to make messages small, from 1 to 9
    #[arg(long, env = "STICKLER_DEFLATE_LEVEL", value_name = "N", default_value = "4")]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=9))]
    #[arg(help_heading = "Compression (RFC 7692)")]
    pub(crate) deflate_level: u8,

    /// Largest window, from 9 to 15 bits [default: 15, or 12 with takeover]
    #[arg(long, env = "STICKLER_DEFLATE_WINDOW_BITS", value_name = "BITS")]
    #[arg(value_parser = parse_window_bits, help_heading = "Compression (RFC 7692)")]
    pub(crate) deflate_window_bits: Option<WindowBits>,

    /// What is kept of a client's messages where it offers that, from 9 to 15 bits [default: 12, or 15
    /// with takeover]
    #[arg(long, env = "STICKLER_DEFLATE_CLIENT_WINDOW_BITS", value_name = "BITS")]
    #[arg(value_parser = parse_window_bits, help_heading = "Compression (RFC 7692)")]
    pub(crate) deflate_client_window_bits: Option<WindowBits>,

    /// Smallest message to compress; with 0 every message is
    #[arg(long, env = "STICKLER_DEFLATE_MIN_SIZE", value_name = "SIZE", default_value = "128B")]
    #[arg(value_parser = Size::parse_from_zero, help_heading = "Compression (RFC 7692)")]
    pub(crate) deflate_min_size: Size,

    /// Most memory for compression, in all; with three quarters taken, offers are declined
    #[arg(long, env = "STICKLER_DEFLATE_MEMORY", value_name = "SIZE", default_value = "512MiB")]
    #[arg(help_heading = "Compression (RFC 7692)")]
    pub(crate) deflate_memory: Size,
}

/// Whether messages are compressed, and how much of them is remembered for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deflate {
    /// Each message to the client by itself; the client's may refer to earlier ones, which each
    /// connection keeps for that
    On,
    /// Each message by itself, which takes no memory between messages; some clients cannot
    Lean,
    /// Never
    Off,
    /// With reference to earlier messages both ways, which each connection keeps for that
    Takeover,
}

fn parse_window_bits(text: &str) -> Result<WindowBits, String> {
    // With 8 bits next to nothing is gained, so only a client may ask for them.
    let bits = text.parse().ok().filter(|bits| *bits > WindowBits::MIN);
    bits.ok_or_else(|| format!("wanted: a number from 9 to {}", WindowBits::MAX))
}
