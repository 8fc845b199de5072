//! The end of the `stickler` binary: what its flags change, what a service manager is told, and a crowd at SIGTERM.
//!
//! The crowd is small by default, so that two busy cores do for it. `run.sh` beside this file runs the whole: 10,000
//! clients, and 2,000 over TLS, in a release build.
#![cfg(unix)]

#[path = "../hostile/peer.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod peer;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;
#[path = "../hostile/unverified.rs"]
mod unverified;

mod crowd;
mod flags;
#[cfg(target_os = "linux")]
mod manager;
mod reload;
mod stdout;
mod support;
#[cfg(target_os = "linux")]
mod units;
