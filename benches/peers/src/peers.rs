//! Who is compared, in which version, and what each does not do.
//!
//! Versions are those of Cargo.lock. What is left out was read in the source of the version in `looked_at`, and a
//! test fails when another one is locked. What a server does with broken frames is not claimed here: `load --probe`
//! asks it.

use crate::echo::{Deflate, Form};

/// An echo server, and what is to be known about the crate it is made of.
#[derive(Debug)]
pub struct Peer {
    /// The crate.
    pub name: &'static str,
    /// The program in this package.
    pub binary: &'static str,
    /// The ways in which it can be asked to write.
    pub forms: &'static [Form],
    /// The ways in which it can be asked to compress.
    pub deflate: &'static [Deflate],
    /// The program, and its arguments, that sends one message to many; empty if there is none.
    pub broadcast: &'static [&'static str],
    /// The program that speaks TLS, given a certificate and a key; empty if there is none.
    pub tls: &'static str,
    /// Whether there may be no program, because it is not built with this package.
    pub is_optional: bool,
    /// The version in whose source `leaves_out` and `limits` were read.
    pub looked_at: &'static str,
    /// Work that others do and it does not, or not as shipped.
    pub leaves_out: &'static str,
    /// What bounds the size of a message, and what bounds time, as measured.
    pub limits: &'static str,
}

impl Peer {
    /// The version in Cargo.lock; for `raw-tcp`, of tokio, and for uWebSockets, of the crate with its source.
    pub fn version(&self) -> &'static str {
        let version = match self.name {
            RAW => versions(LOCK, "tokio").last(),
            UWEBSOCKETS => versions(UWEBSOCKETS_LOCK, "libuwebsockets-sys").last(),
            name => versions(LOCK, name).last(),
        };
        version.unwrap_or("unknown")
    }
}

/// The name of the server that everyone is measured against.
pub const RAW: &str = "raw-tcp";
/// Its name where TLS is measured.
pub const RAW_TLS: &str = "raw-tls";

const UWEBSOCKETS: &str = "uWebSockets";
const LOCK: &str = include_str!("../Cargo.lock");
const UWEBSOCKETS_LOCK: &str = include_str!("../uwebsockets/Cargo.lock");

/// By message, and with context takeover.
const BOTH: &[Deflate] = &[Deflate::EachMessage, Deflate::Takeover];

/// All servers, the measure first.
pub const PEERS: &[Peer] = &[
    Peer {
        name: RAW,
        binary: "raw-tcp",
        forms: &[Form::Plain],
        deflate: &[],
        broadcast: &["raw-tcp", "--broadcast"],
        tls: "raw-tls",
        is_optional: false,
        looked_at: "1.54.1",
        leaves_out: "WebSocket; it sends back what it reads, 64 KiB at a time",
        limits: "none",
    },
    Peer {
        name: "stickler",
        binary: "echo-stickler",
        forms: &[Form::Plain],
        deflate: &[
            Deflate::AsShipped,
            Deflate::EachMessage,
            Deflate::Level(1),
            Deflate::Level(2),
            Deflate::Level(6),
            Deflate::Takeover,
        ],
        broadcast: &["broadcast-stickler"],
        tls: "echo-stickler",
        is_optional: false,
        looked_at: "0.1.0",
        leaves_out: "nothing; permessage-deflate is on, and offered by the load only where it is measured",
        limits: "message 16 MiB; timeouts for handshake, writing and closing; keepalive",
    },
    Peer {
        name: "tokio-tungstenite",
        binary: "echo-tokio-tungstenite",
        forms: &[Form::Plain, Form::Batch],
        deflate: &[],
        broadcast: &[],
        tls: "echo-tokio-tungstenite",
        is_optional: false,
        looked_at: "0.30.0",
        leaves_out: "lengths in the shortest form are not asked for, nor Host, nor that there is one key",
        limits: "message 64 MiB, frame 16 MiB; no timeouts",
    },
    Peer {
        name: "tokio-websockets",
        binary: "echo-tokio-websockets",
        forms: &[Form::Plain, Form::Batch],
        deflate: &[],
        broadcast: &[],
        tls: "",
        is_optional: false,
        looked_at: "0.13.3",
        leaves_out: "the method, Host and the key's length in the handshake; in --batch, reading flushes first, so that \
                     feeding cannot batch",
        limits: "message 64 MiB; no timeouts",
    },
    Peer {
        name: "fastwebsockets",
        binary: "echo-fastwebsockets",
        forms: &[Form::Plain],
        deflate: &[],
        broadcast: &[],
        tls: "",
        is_optional: false,
        looked_at: "0.10.0",
        leaves_out: "masks are not asked for, nor lengths in the shortest form; method, Host and the key's length in the \
                     handshake; it has no form that batches",
        limits: "frame 64 MiB; no timeouts",
    },
    Peer {
        name: "sockudo-ws",
        binary: "echo-sockudo-ws",
        forms: &[Form::Plain, Form::Batch],
        deflate: BOTH,
        broadcast: &[],
        tls: "",
        is_optional: false,
        looked_at: "3.1.0",
        leaves_out: "nothing that was found, but a second Host",
        limits: "message 64 MiB, frame 16 MiB; idle 120 s, Ping each 30 s; none for the handshake as in its example",
    },
    Peer {
        name: "yawc",
        binary: "echo-yawc",
        forms: &[Form::Plain, Form::Batch],
        deflate: &[Deflate::EachMessage, Deflate::Level(1), Deflate::Takeover],
        broadcast: &[],
        tls: "",
        is_optional: false,
        looked_at: "0.5.0",
        leaves_out: "lengths in the shortest form are not asked for; method, Host and the key's length in the handshake; \
                     UTF-8 is checked only by an option, which is set here, and when a message is whole",
        limits: "message 2 MiB here (1 MiB as shipped); no timeouts",
    },
    Peer {
        name: "axum",
        binary: "echo-axum",
        forms: &[Form::Plain, Form::Batch],
        deflate: &[],
        broadcast: &[],
        tls: "",
        is_optional: false,
        looked_at: "0.8.9",
        leaves_out: "as tokio-tungstenite, which it uses in version 0.29; the key's length in the handshake",
        limits: "message 64 MiB, frame 16 MiB; no timeouts",
    },
    Peer {
        name: UWEBSOCKETS,
        binary: "echo-uwebsockets",
        forms: &[Form::Plain],
        deflate: BOTH,
        broadcast: &["echo-uwebsockets", "--broadcast"],
        tls: "echo-uwebsockets-tls",
        is_optional: true,
        looked_at: "0.0.10",
        leaves_out: "the version is that of the crate libuwebsockets-sys, whose C++ source is built, with -march=native. \
                     Lengths in the shortest form are not asked for; the version in the handshake; text is checked when \
                     its message is whole; a bad Close frame is not answered with 1002 or 1007",
        limits: "message 16 MiB here; idle 120 s, with Pings",
    },
];

/// The versions of `package` in a Cargo.lock, in its order.
fn versions(lock: &'static str, package: &str) -> impl Iterator<Item = &'static str> {
    let name = format!("\"{package}\"");
    let mut lines = lock.lines();
    std::iter::from_fn(move || {
        lines.find(|line| line.strip_prefix("name = ") == Some(&name))?;
        lines.next()?.strip_prefix("version = ").map(|version| version.trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_peer_is_said_of_the_locked_version() {
        for peer in PEERS {
            assert_eq!(peer.version(), peer.looked_at, "look again at {}", peer.name);
        }
    }
}
