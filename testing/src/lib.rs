//! What the tests of the library and of the program share: transports in memory and peers on them, naive twins of
//! the core, a slow reader and writer of DEFLATE, tables of bytes and what runs them, an echo server with faults to
//! switch on, and claims.
//!
//! Nothing here is used by the library or the program themselves. What stands against the clever version shares no
//! code with it.
#![allow(missing_docs, reason = "for the tests beside it, which stand in the same repository")]

pub mod allocator;
pub mod blocking;
pub mod claims;
pub mod deflate;
pub mod drive;
#[cfg(feature = "faulty")]
pub mod faulty;
pub mod folder;
pub mod frame;
#[cfg(all(unix, feature = "hangup"))]
pub mod hangup;
pub mod hex;
#[cfg(feature = "net")]
pub mod logs;
#[cfg(feature = "net")]
pub mod memory;
#[cfg(feature = "deflate")]
pub mod negotiation;
pub mod panics;
pub mod pipe;
pub mod random;
pub mod stream;
pub mod table;
#[cfg(feature = "server")]
pub mod tcp;
pub mod twin;
