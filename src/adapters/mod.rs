//! Connections as other crates want them.
//!
//! Each file is a feature and knows one crate of the ecosystem. This room imports `net` and `proto`, and decides
//! nothing about the protocol.

#[cfg(feature = "futures")]
pub mod stream;
