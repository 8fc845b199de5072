//! Stickler: a strict WebSocket server, RFC 6455 and RFC 7692 over HTTP/1.1.
//!
//! Every rule that the RFC sets for the client is checked at the first byte that proves it broken,
//! and the peer is told which clause that was. No option relaxes one.
//!
#![cfg_attr(feature = "server", doc = "```no_run")]
#![cfg_attr(not(feature = "server"), doc = "```text")]
//! use stickler::{Incoming, Server};
//!
//! fn main() -> std::io::Result<()> {
//!     Server::bind("127.0.0.1:9001")?.serve(echo)
//! }
//!
//! async fn echo(incoming: Incoming) -> stickler::Result<()> {
//!     let (mut receiver, sender) = incoming.accept().await?.split();
//!     while let Some(message) = receiver.next().await? {
//!         sender.send(message)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Where to begin:
//!
//! - [`Server`] runs one worker per core; [`Handle`] stops it.
//! - [`Endpoint`] runs connections on a runtime of yours, over anything that is `AsyncRead` and
//!   `AsyncWrite`; [`negotiate`] goes on where another HTTP server has read the request.
//! - [`Incoming`] is an opening handshake to accept or reject; [`Policy`] decides what needs no code.
//! - [`Topic`] sends one message to many connections.
//! - [`Receiver`] and [`Sender`] are the two halves of a [`WebSocket`]; messages are lent
//!   ([`Message`]), kept ([`OwnedMessage`]), streamed ([`Fragments`], [`FragmentedMessage`]), or
//!   encoded once for many ([`Prepared`]).
//! - `DeflateConfig` says how messages are compressed, `Compressed` and `Uncompressed` decide it for
//!   one of them.
//! - [`Limits`] and [`Timeouts`] say how much and how long is too much.
//! - [`Ending`] is how a connection ended; [`Violation`] and [`Rejection`] are the rules a peer can break.
//!
//! # Features
//!
//! `net` (one connection on tokio), `server` (many), `deflate` (permessage-deflate) and `cli` (what only
//! the program needs) are on by default. Without any, what is left is [`proto`]: the protocol, which knows no runtime.

#![deny(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

pub mod proto;

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "net")]
pub use net::{
    Binary, Config, Ending, Endpoint, Error, FragmentedMessage, Fragments, Incoming, Initiator,
    Limits, Message, Negotiated, Outgoing, OwnedMessage, OwnedText, Piece, Receiver, Result,
    Sender, Text, Timeouts, Timer, WebSocket, negotiate, serve_connection,
};
#[cfg(all(feature = "net", feature = "deflate"))]
pub use net::{Compressed, DeflateConfig, Uncompressed};
pub use proto::assembler::{MessageKind, MessageLimits};
pub use proto::close::CloseCode;
pub use proto::event::ReceivedClose;
pub use proto::handshake::{
    AllowedOrigin, Authority, HeadLimits, Policy, Refusal, Request, Response, Subprotocol,
};
pub use proto::outbound::SendError;
pub use proto::prepared::Prepared;
pub use proto::rejection::Rejection;
pub use proto::violation::Violation;
#[cfg(feature = "server")]
pub use server::{Counters, Handle, Server, Serving, Subscription, Topic};

/// Compiles what README.md and the pages in `docs` show.
#[cfg(all(doctest, feature = "server", feature = "deflate"))]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/library.md")]
    mod library {}
    #[doc = include_str!("../docs/handshakes.md")]
    mod handshakes {}
    #[doc = include_str!("../docs/embedding.md")]
    mod embedding {}
    #[doc = include_str!("../docs/limits.md")]
    mod limits {}
    #[doc = include_str!("../docs/compression.md")]
    mod compression {}
}
