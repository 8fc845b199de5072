//! permessage-deflate by clause (RFC 7692).

#![cfg(feature = "deflate")]
mod negotiation;

#[path = "../support/claims.rs"]
mod claims;
#[path = "../support/deflate/mod.rs"]
mod deflate;
mod reader;
