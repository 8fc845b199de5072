//! What is said of a panic of the application.

use std::any::Any;

use crate::net::state::shared::Shared;

/// Counts the panic, and logs its message, the peer and the path.
pub(super) fn report(shared: &Shared, panic: &(dyn Any + Send)) {
    shared.context.count_panic();
    let peer = shared.peer.map(tracing::field::display);
    let path = shared.lock().path().to_owned();
    tracing::error!(peer, path, message = message(panic), "an answer to a plain request panicked");
}

/// The message of a panic; those of `panic!` are text.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not text")
}
