//! An extractor for axum 0.8 (feature `axum`), with the names of `axum::extract::ws`: a program that
//! uses that changes its `use`.
//!
#![cfg_attr(feature = "axum", doc = "```")]
//! use axum::{Router, response::Response, routing::any};
//! use stickler::axum::{WebSocket, WebSocketUpgrade};
//!
//! let app: Router = Router::new().route("/ws", any(upgrade));
//!
//! async fn upgrade(ws: WebSocketUpgrade) -> Response {
//!     ws.on_upgrade(echo)
//! }
//!
//! async fn echo(mut socket: WebSocket) {
//!     while let Some(Ok(message)) = socket.recv().await {
//!         if socket.send(message).await.is_err() {
//!             return;
//!         }
//!     }
//! }
//! ```
//!
//! The extractor judges the request as our own listener does, with the same order of checks, and its
//! rejection is the same answer. Give the route with `any`, so that a wrong method is refused with its
//! clause too. Only HTTP/1.1 is accepted, and pages of another host are refused unless a [`Policy`]
//! welcomes them: CORS does not apply to WebSockets.
//!
//! A [`WebSocketLayer`] gives the routes an [`Endpoint`]: its configuration, and the graceful end of
//! all its connections by [`Endpoint::shutdown`]. It also shows the path as the client sent it, where
//! `nest` cuts off a prefix.
//!
//! [`Endpoint`]: crate::Endpoint
//! [`Endpoint::shutdown`]: crate::Endpoint::shutdown
//! [`Policy`]: crate::Policy

mod layer;
mod message;
mod socket;
mod upgrade;

pub use axum_core::Error;
pub use layer::{WebSocketLayer, WithEndpoint};
pub use message::{CloseCode, CloseFrame, Message, close_code};
pub use socket::WebSocket;
pub use upgrade::{WebSocketUpgrade, WebSocketUpgradeRejection};

/// Text that is UTF-8, by the name that axum's has.
pub type Utf8Bytes = crate::net::OwnedText;
