//! Opening handshakes that another HTTP server has read, answered as our own listener answers them.
//!
//! `hyper` judges a request of the crate `http`, answers it, and serves the connection when hyper hands
//! over the transport (`io`). `axum` is an extractor over that, with the names that axum's own has.
//! This room adds no rule and relaxes none: the verdict is that of `proto`, and what follows the 101 is
//! `net`.

#[cfg(feature = "axum")]
pub mod axum;
pub mod hyper;
mod io;
