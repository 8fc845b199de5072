//! What runs: the task of one connection. It alone reads, writes and runs the timers, and it polls
//! the handler.

mod closing;
pub(super) mod connection;
mod handler;
mod opening;
mod reading;
mod report;
mod timers;
mod transport;
mod writing;
