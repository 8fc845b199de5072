//! The protocol: bytes and rules, without IO, clock, runtime or threads.
#![deny(clippy::cast_possible_truncation, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

pub mod extension;
pub mod handshake;
pub mod rejection;
