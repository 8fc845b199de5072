//! Attacks on the `stickler` binary over TCP: what a crowd of hostile peers costs the honest ones, and the server.
//!
//! Each file is one attack. What is judged is what `/proc` says about the process (resident memory, CPU time,
//! descriptors) and what honest peers see: the time of their echoes, and that none of them is lost.
//!
//! The numbers are small by default, so that two busy cores do for them. `run.sh` beside this file runs the whole:
//! the numbers of the real thing, in a release build. `STICKLER_HOSTILE_PROGRAM` names another program to attack.
#![cfg(target_os = "linux")]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod attacks;
mod bytes;
mod honest;
mod peer;
mod program;
#[path = "../wire/server.rs"]
#[allow(dead_code, reason = "what the tests beside it need is not all needed here")]
mod server;
mod unverified;

mod crowd;
mod descriptors;
mod inflaters;
mod memory_back;
mod pongs_owed;
mod queue_at_sigterm;
mod slow_readers;
mod stopped;
mod stopped_readers;
mod tls;
mod turns;
mod unfinished;

/// True where `run.sh` asks for the numbers of the real thing.
fn whole() -> bool {
    std::env::var_os("STICKLER_HOSTILE").is_some_and(|value| value == "whole")
}

/// Whether the readers are as slow as they are in earnest.
fn has_half_an_hour() -> bool {
    std::env::var_os("STICKLER_HOSTILE").is_some_and(|value| value == "slow")
}

/// One of two numbers: of the short test, and of the whole.
fn scaled<T>(short: T, long: T) -> T {
    if whole() { long } else { short }
}

/// Holds off the other tests of this target: they measure time and memory of the same two cores.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    program::raise_descriptor_limit();
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}
