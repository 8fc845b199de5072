//! permessage-deflate (RFC 7692).
//!
//! [`negotiate`] decides on the client's offers. A connection keeps no compressor and no
//! inflater: for each message it borrows one from the caller, who may pool them, and with
//! context takeover it keeps its [`history`], which primes the borrowed one. `receiving` and
//! `sending` are what the two halves of a connection know of the extension; [`budget`] bounds
//! the memory of all.

pub mod budget;
pub mod history;
mod negotiation;
pub(in crate::proto) mod receiving;
pub(in crate::proto) mod sending;

#[cfg(feature = "deflate")]
mod compressor;
#[cfg(feature = "deflate")]
mod inflater;
#[cfg(feature = "deflate")]
mod stored;

#[cfg(not(feature = "deflate"))]
mod absent;

#[cfg(not(feature = "deflate"))]
pub use absent::Inflater;
#[cfg(feature = "deflate")]
pub use compressor::{Compressor, DoesNotFit, Level, Shape};
#[cfg(feature = "deflate")]
pub use inflater::{Corrupt, Inflater};
pub use negotiation::{Agreement, InvalidWindowBits, Policy, WindowBits, negotiate};
pub(in crate::proto) use negotiation::{
    CLIENT_MAX_WINDOW_BITS, CLIENT_NO_CONTEXT_TAKEOVER, PERMESSAGE_DEFLATE, SERVER_MAX_WINDOW_BITS,
    SERVER_NO_CONTEXT_TAKEOVER,
};
#[cfg(feature = "deflate")]
pub use stored::store;

/// What of RFC 7692 §7.2.1 ends every message, and is left out of its payload.
#[cfg(feature = "deflate")]
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
