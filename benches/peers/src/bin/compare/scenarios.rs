//! What is measured, and the bars that stickler has set itself.

/// One shape of load.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) title: &'static str,
    pub(crate) connections: usize,
    pub(crate) size: usize,
    /// As `load --kind` takes it.
    pub(crate) kind: &'static str,
    pub(crate) in_flight: usize,
    /// The most that stickler's CPU per message may be, as a ratio to raw-tcp.
    pub(crate) bar: f64,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

pub(crate) const SCENARIOS: &[Scenario] = &[
    small("16 B, 64 connections", 16, 64, 1, 1.05),
    small("16 B, 512 connections", 16, 512, 1, 1.05),
    small("1 KiB, 64 connections", KIB, 64, 1, 1.05),
    small("1 KiB, 512 connections", KIB, 512, 1, 1.05),
    small("16 B, 16 in flight", 16, 16, 16, 1.05),
    small("1 KiB, 16 in flight", KIB, 16, 16, 1.10),
    large("16 KiB of multi-byte text", 16 * KIB, 16, "multi-byte", 1.2),
    large("64 KiB of multi-byte text", 64 * KIB, 16, "multi-byte", 1.2),
    large("64 KiB", 64 * KIB, 16, "binary", 1.0),
    large("1 MiB", MIB, 4, "binary", 1.0),
];

/// The most resident bytes for an idle connection.
pub(crate) const IDLE_BAR: f64 = 1280.0;
/// The most CPU for an opening handshake, as a ratio to a fixed answer over raw-tcp.
pub(crate) const HANDSHAKE_BAR: f64 = 1.2;

const fn small(
    title: &'static str,
    size: usize,
    connections: usize,
    in_flight: usize,
    bar: f64,
) -> Scenario {
    Scenario { title, connections, size, kind: "binary", in_flight, bar }
}

const fn large(
    title: &'static str,
    size: usize,
    connections: usize,
    kind: &'static str,
    bar: f64,
) -> Scenario {
    Scenario { title, connections, size, kind, in_flight: 1, bar }
}
