//! What users hold: an opening handshake to decide about, and the two halves of a connection.
//!
//! Nothing here reads or writes: handles look at the shared state, and wake the connection task.

pub(super) mod backlog;
#[cfg_attr(not(feature = "deflate"), path = "no_compressing.rs")]
pub(super) mod compressing;
pub(super) mod connection;
pub(super) mod fragments;
mod full;
pub(super) mod incoming;
#[cfg(feature = "json")]
pub(super) mod json;
pub(super) mod latest;
pub(super) mod message;
pub(super) mod outgoing;
pub(super) mod owned;
#[cfg(feature = "futures")]
pub(super) mod polled;
#[cfg(feature = "deflate")]
mod prepared;
pub(super) mod receiver;
pub(super) mod rejecting;
mod request;
pub(super) mod sender;
mod sending;
pub(super) mod websocket;
