//! The admin listener of the `stickler` binary: who may ask, what is answered, and that the pages about it are right.
#![cfg(unix)]

#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;
#[path = "../config/sighup.rs"]
mod sighup;

mod access;
mod ask;
mod connections;
mod logs;
mod metrics;
mod openmetrics;
mod probes;
mod reload;
mod usage;
