//! What runs: the task of one connection. It alone reads, writes and runs the timers, and it polls
//! the handler.

#[cfg_attr(not(feature = "http"), path = "no_answering.rs")]
mod answering;
mod closing;
pub(super) mod connection;
mod draining;
mod handler;
mod health;
#[cfg(feature = "http")]
mod hyper_io;
pub(super) mod inspected;
mod opening;
mod reading;
mod report;
mod timers;
mod transport;
mod writing;
