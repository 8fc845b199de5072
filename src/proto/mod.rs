//! The protocol: bytes and rules, without IO, clock, runtime or threads.
//!
//! [`handshake`] turns a request head into a 101 or a refusal; after it [`inbound`] turns
//! bytes from the peer into events and [`outbound`] turns messages into frames.
#![deny(clippy::cast_possible_truncation, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::cast_possible_truncation))]

pub mod assembler;
pub mod close;
pub mod deflate;
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
