//! Stickler: a strict WebSocket server.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod proto;

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "net")]
pub use net::{Incoming, Message};
/// stub
pub type Result<T> = std::result::Result<T, std::io::Error>;
#[cfg(feature = "server")]
pub use server::{Handle, Server};
