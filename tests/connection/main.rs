//! One connection on transports in memory: what handlers see, and what the peer sees of them.
#![cfg(feature = "net")]

#[path = "../support/claims.rs"]
mod claims;
#[path = "../support/random.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod random;
#[path = "../support/net.rs"]
mod support;

#[cfg(feature = "deflate")]
#[path = "../support/deflate/mod.rs"]
mod deflate;
#[cfg(feature = "deflate")]
#[path = "../support/logs.rs"]
mod logs;

mod ahead;
mod ahead_elsewhere;
mod ahead_random;
mod closing;
#[cfg(feature = "deflate")]
mod compression;
mod embedding;
mod end_behind;
mod endings;
mod fragments;
mod handing;
mod handing_elsewhere;
mod handing_random;
mod messages;
mod opening;
mod pressure;
mod tasks;
mod thread_end;
mod timers;
mod writes;
