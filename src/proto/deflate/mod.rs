//! The extension permessage-deflate (RFC 7692): messages compressed with DEFLATE.
//!
//! [`negotiate`] finds the offer of the client that this server takes, and what both sides have
//! then agreed upon.

pub mod negotiation;

pub use negotiation::{Agreement, InvalidWindowBits, Policy, WindowBits, negotiate};
