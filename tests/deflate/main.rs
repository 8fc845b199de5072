//! permessage-deflate by clause (RFC 7692).

#![cfg(feature = "deflate")]

use stickler_testing::{claims, deflate};
mod negotiation;

mod reader;
