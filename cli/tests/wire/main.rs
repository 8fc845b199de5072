//! Black-box tests of the `stickler` binary over TCP, written from the requirement catalogue alone.
//!
//! Every case names the id of its requirement, says what is sent and what must come back, and looks
//! at the running program only from outside: raw bytes on a socket, lines on standard output, exit
//! codes, and what `/proc` says about the process. Cases are data; `case.rs` runs them side by side,
//! `exchange.rs` plays a table row whole, byte by byte and cut in places.
//!
//! What can be asked of any server stands in the table of `stickler check`; `checked.rs` plays it here too, in
//! more deliveries and with what only this server promises.
//!
//! `WIRE_CASE=6455-5.2 cargo test --test wire` plays only the cases whose id or name holds that text, or
//! that prove the rule of this id.
#![cfg(target_os = "linux")]

use stickler_testing::{claims, deflate};

mod case;
/// The table of cases that `stickler check` plays against any server.
#[path = "../../src/lab/check"]
#[allow(dead_code, reason = "what plays and grades is used by the binary")]
mod check {
    pub(crate) mod case;
    pub(crate) mod cases;
    pub(crate) mod frame;
    pub(crate) mod head;
}
mod client;
mod exchange;
mod http;
mod inflating;
mod limit_flags;
mod opening;
mod server;

mod balancers;
mod buffers;
mod checked;
mod cli;
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
mod door;
mod environment;
mod filter;
mod fragmentation;
mod framing;
mod full;
mod handshake;
mod health;
mod hostile;
mod image;
mod keepalive;
mod limits;
mod logs;
mod model;
mod negotiation;
mod order;
mod origin;
mod rates;
mod shutdown;
mod syntax;
mod syscalls;
mod teardown;
mod utf8;

use check::frame;
