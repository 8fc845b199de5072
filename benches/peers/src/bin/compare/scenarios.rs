//! What is measured, and the bars that stickler has set itself.

/// One shape of load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) title: &'static str,
    pub(crate) connections: usize,
    pub(crate) size: usize,
    /// As `load --kind` takes it.
    pub(crate) kind: &'static str,
    pub(crate) in_flight: usize,
    /// The most that stickler's CPU per message may be, as a ratio to raw-tcp.
    pub(crate) bar: f64,
    /// Whether stickler's CPU per message is held against the best peer's too.
    pub(crate) beside_the_best: bool,
    /// How many times as long as others it is measured.
    pub(crate) times: f64,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

pub(crate) const SCENARIOS: &[Scenario] = &[
    small("16 B, 64 connections", 16, 64, 1, 1.05),
    small("16 B, 512 connections", 16, 512, 1, 1.05),
    small("1 KiB, 64 connections", KIB, 64, 1, 1.05),
    small("1 KiB, 512 connections", KIB, 512, 1, 1.05),
    // User mode is sampled, and a small part of little time: that takes long.
    Scenario { times: 3.0, ..small(SIXTEEN, 16, 16, 16, 1.05) },
    small("1 KiB, 16 in flight", KIB, 16, 16, 1.10),
    large("16 KiB of multi-byte text", 16 * KIB, 16, "multi-byte", 1.2),
    large("64 KiB of multi-byte text", 64 * KIB, 16, "multi-byte", 1.2),
    Scenario { beside_the_best: true, ..large("64 KiB", 64 * KIB, 16, "binary", 1.0) },
    Scenario { beside_the_best: true, ..large("1 MiB", MIB, 4, "binary", 1.0) },
];

/// Over TLS, as ratios to raw-tls.
pub(crate) const TLS_SCENARIOS: &[Scenario] = &[
    small("TLS, 1 KiB, 64 connections", KIB, 64, 1, 1.10),
    small("TLS, 1 KiB, 16 in flight", KIB, 64, 16, 1.10),
    small("TLS, 16 KiB, 64 connections", 16 * KIB, 64, 1, 1.10),
];

/// What a build of the program is measured with beside an older one.
pub(crate) const AGAINST: [&str; 5] =
    ["16 B, 64 connections", SIXTEEN, "1 KiB, 16 in flight", "16 KiB of multi-byte text", "64 KiB"];

/// Where the time in user mode has a bar.
pub(crate) const SIXTEEN: &str = "16 B, 16 in flight";
/// The most of it, in microseconds for a message.
pub(crate) const USER_BAR: f64 = 0.1;
/// The most resident bytes for an idle connection.
pub(crate) const IDLE_BAR: f64 = 1280.0;
/// The most CPU for an opening handshake, as a ratio to a fixed answer over raw-tcp.
pub(crate) const HANDSHAKE_BAR: f64 = 1.2;
/// The most CPU for both handshakes over TLS, as a ratio to a fixed answer over raw-tls.
pub(crate) const TLS_HANDSHAKE_BAR: f64 = 1.1;
/// The most resident bytes for an idle connection over TLS, as a ratio to raw-tls.
pub(crate) const TLS_IDLE_BAR: f64 = 1.2;
/// Idle connections over TLS, as far as there are to be so many.
pub(crate) const TLS_IDLE: usize = 2000;
/// Without sessions of earlier connections, and with them.
pub(crate) const TLS_HANDSHAKES: [(&str, &[&str]); 2] =
    [("TLS handshakes", &[]), ("TLS handshakes, resumed", &["--resume"])];
/// The most CPU for a delivery, as a ratio to a bare write.
pub(crate) const BROADCAST_BAR: f64 = 1.1;
/// The most CPU per message with all connections, as a multiple of that with the fewest.
pub(crate) const GROWTH_BAR: f64 = 1.0;

/// Connections that echo 16 B, as far as there are to be so many.
pub(crate) const GROWTH: [usize; 4] = [10, 100, 1000, 10_000];
/// What one and two workers are loaded with, on the cores of the load: title, arguments of `load`.
pub(crate) const WORKERS: [(&str, &[&str]); 3] = [
    ("16 B, one in flight", &["--connections", "64", "--sleeps"]),
    ("16 B, 16 in flight", &["--connections", "64", "--in-flight", "16", "--sleeps"]),
    (
        "1 KiB of JSON, compressed",
        &["--connections", "64", "--in-flight", "4", "--deflate", "--sleeps"],
    ),
];
/// Messages in flight on each of 64 connections that compress.
pub(crate) const DEFLATE: [(&str, &str); 2] =
    [("compressed, one in flight", "1"), ("compressed, 16 in flight", "16")];

const fn small(
    title: &'static str,
    size: usize,
    connections: usize,
    in_flight: usize,
    bar: f64,
) -> Scenario {
    let (kind, beside_the_best) = ("binary", false);
    Scenario { title, connections, size, kind, in_flight, bar, beside_the_best, times: 1.0 }
}

const fn large(
    title: &'static str,
    size: usize,
    connections: usize,
    kind: &'static str,
    bar: f64,
) -> Scenario {
    Scenario { kind, ..small(title, size, connections, 1, bar) }
}
