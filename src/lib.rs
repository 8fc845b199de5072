//! Stickler: a strict WebSocket server, RFC 6455 and RFC 7692 over HTTP/1.1.
//!
//! Every rule that the RFCs set for the client is checked at the first byte that proves it broken,
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
//!     let mut socket = incoming.accept()?;
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A [`Server`] runs one worker thread per core. It calls the handler once for every opening
//! handshake that has no fault. One task owns a connection from its first byte to its last: it reads,
//! writes, answers Ping and Close, runs the timers, and polls the handler.
//!
//! # The opening handshake
//!
//! A handshake with a fault never reaches the handler: it is refused with the clause, a
//! [`Rejection`]. A [`Policy`] decides what needs no code: paths, origins, hosts, subprotocols. The
//! handler gets the rest as an [`Incoming`], with the whole request, and may take its time until
//! the deadline. Then it accepts, or rejects with any final [`http::Response`].
#![cfg_attr(feature = "net", doc = "```")]
#![cfg_attr(not(feature = "net"), doc = "```text")]
//! use stickler::Incoming;
//! use stickler::http::{Response, header};
//!
//! async fn room(incoming: Incoming) -> stickler::Result<()> {
//!     if incoming.bearer().is_none() {
//!         let response = Response::builder().status(401).header(header::WWW_AUTHENTICATE, "Bearer");
//!         return Ok(incoming.reject(response.body("")?)?);
//!     }
//!     let socket = incoming.accept()?; // the 101 is queued, and the connection is open
//!     Ok(socket.send("welcome")?)
//! }
//! ```
//!
//! Requests that ask for no WebSocket are answered by `Server::http` or `Server::http_service`, if by
//! anybody: pages, forms, a router of axum, on the same port.
//!
//! # Receiving
//!
//! [`WebSocket::recv`] waits for a whole message and gives it for keeping. [`WebSocket::split`] gives the
//! two halves: [`Receiver::recv`] *lends* the message until the next call, and
//! [`Message::into_owned`] keeps it. Text is UTF-8 by its type. The end is `None` after a completed closing
//! handshake, and an [`Error`] otherwise: the [`Violation`] that the peer committed, the [`TimeoutKind`]
//! that ran out, or the loss of the transport.
//!
//! [`Receiver::recv_fragments`] gives a message piece by piece, as [`Fragments`], without ever
//! holding it as a whole.
//!
//! # Sending
//!
//! [`Sender::send`] queues a message and does not wait. It refuses with [`SendError::QueueFull`] while
//! the queue to this peer holds its bound; [`Sender::try_send`] gives the message back then, and
//! [`Sender::send_ready`] waits for room. A task that replies to each message that it receives is never
//! refused: [`Receiver::recv`] gives it none while its replies fill the queue, whatever others send
//! ([`Receiver::read_while_full`] changes that). [`WhenFull`] has what is beyond the bound dropped, or the
//! connection closed, instead, and [`Sender::send_latest`] has a newer value replace one that waits.
//! [`Sender::flushed`] waits until all is written, and
//! [`Sender::ping_answered`] until the peer has read it. A `Sender` is cheap to clone and works from any
//! task. [`Sender::start_message`] sends a message fragment by fragment.
#![cfg_attr(feature = "net", doc = "```")]
#![cfg_attr(not(feature = "net"), doc = "```text")]
//! use stickler::{SendError, Sender};
//!
//! /// Says whether the peer still takes messages; a slow peer misses some.
//! fn tell(sender: &Sender, news: &str) -> bool {
//!     match sender.send(news) {
//!         Ok(()) | Err(SendError::QueueFull) => true,
//!         Err(_) => false,
//!     }
//! }
//! ```
//!
//! A [`Prepared`] message is encoded once for many connections, and a [`Topic`] sends it to all its
//! subscribers, on whatever worker they are; [`Topics`] has topics by name. A [`broker`] carries topics between
//! processes. Where permessage-deflate was
//! agreed, `Compressed` and `Uncompressed` decide for one message whether it is compressed;
//! `DeflateConfig` decides for all.
//!
//! # Closing
//!
//! When the handler returns, the connection closes: `Ok` with 1000, an error or a panic with 1011.
//! [`Sender::close`] closes earlier, with a [`CloseCode`] of your choice, and [`Sender::abort`] ends
//! without a Close. The library answers a Close of the peer by itself; [`Sender::peer_close`] gives its
//! code and reason. [`Sender::closed`] waits for the very end, TCP included, and gives the [`Ending`]: who
//! began it, the status codes in both directions, the rule or the timer. A handler that only sends takes
//! [`WebSocket::into_sender`]: messages of the peer are thrown away, so that its Close is always read.
//!
//! [`Handle::shutdown`] ends a whole server: 1001 to every connection, and a deadline.
//! [`Handle::shutdown_with`] takes a [`Farewell`]: another code, a last message, and time for handlers
//! that wait for [`Sender::draining`].
//!
//! # Limits
//!
//! Everything a peer sends has a bound, and everything it has to do has a deadline. [`Limits`] says how
//! much is too much, [`Timeouts`] how long is too long; together with the [`Policy`] they are the
//! [`Config`]. All have defaults.
#![cfg_attr(feature = "server", doc = "```no_run")]
#![cfg_attr(not(feature = "server"), doc = "```text")]
//! use std::time::Duration;
//!
//! use stickler::{Config, Limits, MessageLimits, Server, Timeouts};
//!
//! # fn main() -> std::io::Result<()> {
//! let message = MessageLimits::default().max_message_size(64 * 1024); // one byte more fails with 1009
//! let config = Config::default()
//!     .limits(Limits::default().message(message))
//!     .timeouts(Timeouts::default().keepalive_interval(Duration::from_secs(10))); // silence, then a Ping
//! let server = Server::bind("127.0.0.1:9001")?.config(config);
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! # Cancel safety
//!
//! Every public future may be dropped at any poll: in a `select!`, by a timeout, or with its task. No
//! progress lives in a future, so nothing is lost and nothing is sent twice. In particular
//! [`Receiver::recv`] keeps what has arrived for the next call. Each async function says the details
//! under *Cancel safety*.
//!
//! # Without the server
//!
//! - [`Endpoint`] runs connections on a tokio runtime of yours, over anything that is `AsyncRead` and
//!   `AsyncWrite`.
//! - [`Endpoint::accept`] gives the connection to code that has no handler.
//! - `stickler::axum`, an extractor, and `stickler::hyper` answer requests that these have read;
//!   [`Endpoint::negotiate`] and [`Endpoint::serve_upgraded`] do it behind any other HTTP server.
//! - [`proto`] is the protocol alone: bytes in, bytes out, without IO, clock and runtime.
//!
//! # Features
//!
//! `net` (one connection on tokio), `http` (answers to plain requests), `server` (many connections,
//! implies `http`), `tls` (TLS below them, by rustls) and `deflate` (permessage-deflate) are on by default. Without any, what is left is
//! [`proto`]. `json` adds `Json` and `Message::json`, by serde; `futures` adds `Stream` and `Sink`;
//! `axum` and `hyper` add what their names say; `test` adds a client in memory, for the tests of
//! applications.
//!
//! Pages for people are in the repository, in `docs`: from an echo to an application, rooms and feeds,
//! proxies, testing, the protocol in ten minutes, and what is refused.

#![deny(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

pub mod proto;

#[cfg(any(feature = "futures", feature = "hyper"))]
mod adapters;
#[cfg(feature = "net")]
pub mod broker;
#[cfg(feature = "net")]
mod net;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "test")]
pub mod test;
#[cfg(feature = "net")]
mod topic;

/// The crate `bytes`, whose `Bytes` is in this crate's signatures.
#[cfg(feature = "net")]
pub use ::bytes;
/// The crate `http`, whose types are in this crate's signatures.
#[cfg(feature = "net")]
pub use ::http;
#[cfg(feature = "axum")]
pub use adapters::axum;
#[cfg(feature = "hyper")]
pub use adapters::hyper;
#[cfg(feature = "futures")]
pub use adapters::stream::{MessageSink, MessageStream, WebSocketStream};
#[cfg(feature = "http")]
pub use net::{Answer, Body, BodyError};
#[cfg(feature = "net")]
pub use net::{
    Binary, BoxError, Config, ConfigError, ConnectionId, Direction, Ending, Endpoint, Error,
    Farewell, ForwardedFields, FragmentedMessage, Fragments, Incoming, Initiator, Inspect,
    Inspected, InspectedFrame, InvalidNetwork, Limits, Message, Negotiated, NotUtf8, Outgoing,
    OwnedMessage, OwnedText, ParseConnectionIdError, Piece, Receiver, RejectError, Result, Sender,
    SentClose, Text, TimeoutKind, Timeouts, TransportAddr, TrustedProxies, TrySendError, WebSocket,
    WhenFull, WhenTooFast,
};
#[cfg(feature = "tls")]
pub use net::{ClientCertificate, TlsSession, TlsVersion};
#[cfg(feature = "server")]
pub use net::{
    CloseClass, CompressionTotals, ConnectionInfo, ConnectionPhase, Histogram, MemoryLevel,
    MessageTotals, Traffic,
};
#[cfg(all(feature = "net", feature = "deflate"))]
pub use net::{Compressed, DeflateConfig, Uncompressed};
#[cfg(feature = "json")]
pub use net::{Json, JsonError, JsonErrorKind};
pub use proto::assembler::{MessageKind, MessageLimits};
pub use proto::close::CloseCode;
pub use proto::event::ReceivedClose;
pub use proto::handshake::{
    AllowedOrigin, Authority, FieldError, HeadLimits, Policy, Refusal, StatusError, Subprotocol,
    SubprotocolNotOffered,
};
pub use proto::outbound::SendError;
pub use proto::prepared::Prepared;
pub use proto::rejection::Rejection;
pub use proto::violation::Violation;
#[cfg(feature = "server")]
pub use server::{
    Binding, BoundAddress, Caps, Counters, Drained, Handle, Listen, ProxyHeader, ProxyHeaderFault,
    Server, Serving, Snapshot,
};
#[cfg(feature = "tls")]
pub use server::{Tls, TlsCounters, TlsError};
#[cfg(feature = "net")]
pub use topic::{Subscription, Topic, Topics};

/// Compiles what README.md and the pages in `docs` show.
#[cfg(all(doctest, feature = "server", feature = "deflate"))]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/library.md")]
    mod library {}
    #[doc = include_str!("../docs/rooms.md")]
    mod rooms {}
    #[doc = include_str!("../docs/page.md")]
    mod page {}
    #[doc = include_str!("../docs/slow-peers.md")]
    mod slow_peers {}
    #[doc = include_str!("../docs/proxying.md")]
    mod proxying {}
    #[cfg(feature = "test")]
    #[doc = include_str!("../docs/testing.md")]
    mod testing {}
    #[doc = include_str!("../docs/handshakes.md")]
    mod handshakes {}
    #[doc = include_str!("../docs/embedding.md")]
    mod embedding {}
    #[doc = include_str!("../docs/numbers.md")]
    mod numbers {}
    #[cfg(feature = "axum")]
    #[doc = include_str!("../docs/from-axum.md")]
    mod from_axum {}
    #[cfg(feature = "futures")]
    #[doc = include_str!("../docs/from-tungstenite.md")]
    mod from_tungstenite {}
    #[doc = include_str!("../docs/limits.md")]
    mod limits {}
    #[doc = include_str!("../docs/restart.md")]
    mod restart {}
    #[doc = include_str!("../docs/multi-node.md")]
    mod multi_node {}
    #[doc = include_str!("../docs/compression.md")]
    mod compression {}
    #[cfg(all(feature = "json", feature = "futures"))]
    #[doc = include_str!("../docs/messages.md")]
    mod messages {}
}
