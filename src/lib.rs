//! Stickler: a strict WebSocket server.

#![deny(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

pub mod proto;

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "net")]
pub use net::{
    Config, Ending, Endpoint, Error, Incoming, Limits, Message, OwnedMessage, Receiver, Result,
    Sender, Timeouts, WebSocket, serve_connection,
};
pub use proto::assembler::{MessageKind, MessageLimits};
pub use proto::close::CloseCode;
pub use proto::outbound::SendError;
pub use proto::prepared::Prepared;
pub use proto::rejection::Rejection;
pub use proto::violation::Violation;
#[cfg(feature = "server")]
pub use server::{Handle, Server};

/// Compiles what README.md shows.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}
