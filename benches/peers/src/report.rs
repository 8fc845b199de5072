//! What `load` prints, as JSON, and `compare` reads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::accounting::Cpu;

/// What came of echoing messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Messages {
    /// Messages that were sent and came back as they should.
    pub messages: u64,
    /// How long that took.
    pub seconds: f64,
    /// The one divided by the other.
    pub messages_per_second: f64,
    /// From the write of a batch of messages until the read that completed the reply to one.
    pub latency_us: Latency,
    /// The server's time on a core, by the scheduler's count.
    pub cpu_us_per_message: f64,
    /// Of that in user mode, from samples of 10 ms.
    pub user_us_per_message: f64,
    /// And in the kernel.
    pub system_us_per_message: f64,
    /// The part of the time for which the server had a core.
    pub server_busy: f64,
    /// The part of the time for which the load generator had one.
    pub load_busy: f64,
    /// The server's resident memory at the end, with all connections open.
    pub resident_bytes: u64,
}

impl Messages {
    /// Of so many messages, in this time, on so much of a core for the server and the load generator.
    pub fn new(
        count: u64,
        elapsed: Duration,
        (server, load): (Cpu, Cpu),
        latency_us: Latency,
        resident_bytes: u64,
    ) -> Self {
        let per_message = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        let busy = |cpu: Cpu| cpu.total.as_secs_f64() / elapsed.as_secs_f64();
        Self {
            messages: count,
            seconds: elapsed.as_secs_f64(),
            messages_per_second: count as f64 / elapsed.as_secs_f64(),
            latency_us,
            cpu_us_per_message: per_message(server.total),
            user_us_per_message: per_message(server.user),
            system_us_per_message: per_message(server.system),
            server_busy: busy(server),
            load_busy: busy(load),
            resident_bytes,
        }
    }
}

/// What came of echoing compressed messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compressed {
    /// As without compression.
    pub echo: Messages,
    /// What a reply takes on the wire, with its header.
    pub reply_bytes: f64,
    /// What a message to the server takes.
    pub sent_bytes: f64,
    /// What was agreed on.
    pub extensions: String,
}

/// What came of sending messages to many.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Broadcast {
    /// Connections that got each message.
    pub subscribers: usize,
    /// Messages that all of them got.
    pub messages: u64,
    /// Over all subscribers.
    pub deliveries_per_second: f64,
    /// The server's time on a core for one message to one subscriber.
    pub cpu_us_per_delivery: f64,
    /// Of that in user mode, from samples of 10 ms.
    pub user_us_per_delivery: f64,
    /// The part of the time for which the server had a core.
    pub server_busy: f64,
    /// From publishing until the last subscriber has it.
    pub latency_us: Latency,
}

/// Quantiles, in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

/// What open connections cost that say nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Idle {
    /// How many were opened between the two looks at the server's memory.
    pub connections: usize,
    /// Resident bytes for each after its opening handshake.
    pub bytes_per_connection: f64,
    /// Resident bytes for each after it has also echoed a message of 1 KiB.
    pub bytes_per_connection_after_echo: f64,
}

/// What came of connecting, shaking hands and closing, over and over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Handshakes {
    /// Opening handshakes that were completed and verified.
    pub handshakes: u64,
    /// How many there were per second.
    pub handshakes_per_second: f64,
    /// The server's time on a core for each.
    pub cpu_us_per_handshake: f64,
    /// The part of the time for which the server had a core.
    pub server_busy: f64,
    /// How many of them went on with an earlier session of TLS.
    #[serde(default)]
    pub resumed: u64,
    /// Connections that were not through after 800 ms, and are not counted.
    pub given_up: u64,
    /// From connecting to the end of the 101.
    pub latency_us: Latency,
}

/// What became of one broken input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// What it is about: the handshake, masks, framing, UTF-8, closing, limits.
    pub about: String,
    /// What was sent, in a few words.
    pub input: String,
    /// What the server did.
    pub outcome: Outcome,
}

/// What a server did with a broken input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A Close frame, the end of the connection, or an HTTP status other than 101.
    Refused,
    /// It went on as if all were well: it answered a well-formed message that came next, or sent a 101.
    Accepted,
    /// None of it within 400 ms: it waits for more, or looks later.
    Silent,
}
