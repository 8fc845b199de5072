//! Black-box tests of the `stickler` binary over TCP, written from the requirement catalogue alone.
//!
//! Every case names the id of its requirement, says what is sent and what must come back, and looks
//! at the running program only from outside: raw bytes on a socket, lines on standard output, exit
//! codes, and what `/proc` says about the process. Cases are data; `case.rs` runs them side by side,
//! `exchange.rs` plays a table row whole, byte by byte and cut in places.
//!
//! `WIRE_CASE=6455-5.2 cargo test --test wire` plays only the cases whose id or name holds that text.
#![cfg(all(feature = "cli", target_os = "linux"))]

mod agreement;
mod case;
#[path = "../support/claims.rs"]
mod claims;
mod client;
#[path = "../support/deflate/mod.rs"]
mod deflate;
mod dice;
mod exchange;
mod frame;
mod http;
mod inflating;
mod opening;
mod server;

mod cli;
mod closing;
mod control;
mod deflate_cli;
mod deflate_corrupt;
mod deflate_frames;
mod deflate_history;
mod deflate_limits;
mod deflate_model;
mod deflate_negotiation;
mod deflate_replies;
mod deflate_streams;
mod deflate_text;
mod environment;
mod fragmentation;
mod framing;
mod handshake;
mod health;
mod hostile;
mod keepalive;
mod limits;
mod logs;
mod model;
mod negotiation;
mod order;
mod origin;
mod shutdown;
mod syntax;
mod teardown;
mod utf8;
