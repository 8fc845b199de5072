//! One connection on transports in memory: what handlers see, and what the peer sees of them.
#![cfg(feature = "net")]

#[cfg(feature = "deflate")]
use stickler_testing::deflate;
use stickler_testing::{claims, logs, memory as support, random};

mod accept;
mod ages;
mod ahead;
mod ahead_elsewhere;
mod ahead_random;
mod budget;
mod closing;
#[cfg(feature = "deflate")]
mod compression;
mod drain;
mod embedding;
mod end_behind;
mod endings;
mod farewell;
mod fragments;
mod full;
mod handing;
mod handing_elsewhere;
mod handing_random;
mod handles;
mod health;
mod heard;
mod hsts;
mod ids;
mod inspect;
mod leaving;
mod messages;
mod opening;
mod pace;
#[cfg(feature = "http")]
mod plain;
mod pressure;
mod rejecting;
mod request;
mod send_latest;
mod tasks;
mod thread_end;
mod timers;
mod when_full;
mod writes;
