//! The protocol: bytes and rules, without IO, clock, runtime or threads.
//!
//! [`handshake`] turns a request head into a 101 or a refusal; after it [`inbound`] turns
//! bytes from the peer into events and [`outbound`] turns messages into frames.
#![deny(clippy::cast_possible_truncation, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::cast_possible_truncation))]

pub mod assembler;
pub mod client_frame;
pub mod close;
#[cfg(feature = "deflate")]
pub mod deflate;
// Without the feature its types are there, so that the rest reads the same, but nothing makes
// a value of them.
#[cfg(not(feature = "deflate"))]
#[allow(dead_code, unreachable_pub, unused_imports)]
pub(crate) mod deflate;
pub mod event;
pub mod extension;
pub mod frame;
pub mod handshake;
pub mod inbound;
pub mod keepalive;
pub mod mask;
pub mod outbound;
pub mod prepared;
pub mod rejection;
pub mod utf8;
pub mod violation;
