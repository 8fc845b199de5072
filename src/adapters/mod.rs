//! Connections as other crates have them.
//!
//! Each file or folder is a feature and knows one crate of the ecosystem. `stream` has the messages of a
//! connection as futures have them. `hyper` judges a request of the crate `http`, answers it, and serves the
//! connection when hyper hands over the transport (`io`). `axum` is an extractor over that, with the names
//! that axum's own has.
//!
//! This room imports `net` and `proto`, adds no rule and relaxes none: the verdict is that of `proto`, and
//! what follows the 101 is `net`.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "hyper")]
mod io;
#[cfg(feature = "futures")]
pub(crate) mod stream;
