//! Loads an echo server, verifies what comes back, and prints what it saw as one line of JSON.
//!
//! One thread. By default it echoes messages: each connection writes `--in-flight` messages at once, waits
//! until all have come back, and writes them again. `--deflate` does so with compressed JSON; `--idle`, `--handshakes`,
//! `--broadcast` and `--probe` do something else.

mod broadcast;
mod connection;
mod corpus;
mod deflate;
mod echo;
mod handshake;
mod idle;
mod probe;
mod setup;
mod transport;
mod wire;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use rustls::ClientConfig;
use rustls::client::Resumption;
use serde::Serialize;
use stickler_peers::report::Latency;
use stickler_peers::tls;

use self::wire::Kind;

/// Loads an echo server, and prints what came of it as JSON.
#[derive(Parser)]
struct Options {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,
    /// The server's process, for the kernel's account of it.
    #[arg(long)]
    pid: u32,
    /// How many connections there are.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The size of a message's payload, in bytes.
    #[arg(long, default_value_t = 16)]
    size: usize,
    /// What the payload is made of.
    #[arg(long, value_enum, default_value_t = Kind::Binary)]
    kind: Kind,
    /// Messages that a connection sends before it waits for replies.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Seconds of load before anything is counted.
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// Seconds of load that count.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// The server is raw-tcp: there is no handshake, and the same bytes come back.
    #[arg(long)]
    raw: bool,
    /// Sleep while there is nothing to read, where the server wants the core. The server then pays for waking the
    /// load, the more often the faster it is.
    #[arg(long)]
    sleeps: bool,
    /// Agree on permessage-deflate, and send messages of JSON, 1 KiB each, compressed.
    #[arg(long, conflicts_with = "raw")]
    deflate: bool,
    /// Speak TLS 1.3: AES-128-GCM, X25519, whatever the certificate. Each message is a record.
    #[arg(long, conflicts_with_all = ["deflate", "broadcast", "probe"])]
    tls: bool,
    /// Go on with the session of an earlier connection, as tickets allow it.
    #[arg(long, requires = "tls")]
    resume: bool,
    /// What makes the client's side of TLS.
    #[arg(skip)]
    client: Option<Arc<ClientConfig>>,
    /// Open this many connections that say nothing, and look at the server's memory.
    #[arg(long, value_name = "CONNECTIONS", group = "mode")]
    idle: Option<usize>,
    /// Connect, shake hands and close, `--connections` at a time.
    #[arg(long, group = "mode")]
    handshakes: bool,
    /// Have a message sent to this many connections, again and again.
    #[arg(long, value_name = "CONNECTIONS", group = "mode")]
    broadcast: Option<usize>,
    /// Send broken handshakes and frames, and tell which the server let pass.
    #[arg(long, group = "mode")]
    probe: bool,
}

impl Options {
    /// How long to wait for something to read, of so much time.
    fn wait(&self, at_most: Duration) -> Duration {
        if self.sleeps { at_most } else { Duration::ZERO }
    }

    fn resumption(&self) -> Resumption {
        if self.resume { Resumption::in_memory_sessions(1) } else { Resumption::disabled() }
    }

    fn phases(&self) -> Phases {
        let counting = Instant::now() + Duration::from_secs_f64(self.warm_up);
        Phases { counting, end: counting + Duration::from_secs_f64(self.seconds) }
    }
}

/// When counting begins, and when everything ends.
#[derive(Clone, Copy)]
struct Phases {
    counting: Instant,
    end: Instant,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::parse();
    options.client = options.tls.then(|| tls::client(options.resumption()));
    if let Some(connections) = options.idle {
        print(idle::measure(&options, connections)?)
    } else if options.handshakes {
        print(setup::measure(&options)?)
    } else if let Some(subscribers) = options.broadcast {
        print(broadcast::measure(&options, subscribers)?)
    } else if options.probe {
        print(probe::ask(options.address)?)
    } else if options.deflate {
        print(deflate::measure(&options)?)
    } else {
        print(echo::measure(&options)?)
    }
}

fn print(report: impl Serialize) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// How long things took, to three digits.
struct Durations(hdrhistogram::Histogram<u64>);

impl Durations {
    fn new() -> Self {
        let longest = Duration::from_secs(60).as_nanos() as u64;
        Self(
            hdrhistogram::Histogram::new_with_bounds(1, longest, 3)
                .expect("these bounds are allowed"),
        )
    }

    fn record(&mut self, duration: Duration, times: u64) {
        self.0.saturating_record_n(duration.as_nanos() as u64, times);
    }

    fn latency(&self) -> Latency {
        let quantile = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Latency { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999) }
    }
}
