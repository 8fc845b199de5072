//! WebSockets behind hyper and axum: as strict as our own listener, and with its endings.

mod axum;
mod hyper;
mod ported;
mod strict;
mod support;
