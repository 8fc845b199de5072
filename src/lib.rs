//! Stickler: a strict WebSocket server.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod proto;

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "server")]
pub mod server;
