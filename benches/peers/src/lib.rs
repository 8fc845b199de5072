//! Echo servers of stickler and its peers, what loads them, and what compares them.
//!
//! Here lives what the programs share. `src/bin/echo-*.rs` are the servers, one file per crate, `src/bin/load/`
//! is the client, `src/bin/compare/` runs both and writes the report.

pub mod accounting;
pub mod echo;
pub mod peers;
pub mod raw;
pub mod report;
pub mod tls;
