//! The server over TLS, by clients of rustls and by bytes.

mod data;
mod ends;
mod failures;
mod floods;
mod handshake;
mod opening;
mod reload;
mod support;
