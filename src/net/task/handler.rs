//! The end of a handler: it closes what is still open, and what went wrong is heard.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::net::ending::{Ending, Initiator};
use crate::net::error::{BoxError, Error};
use crate::net::state::counted::Counted;
use crate::net::state::shared::Shared;
use crate::proto::close::CloseCode;
use crate::proto::outbound::SendError;

/// What a handler has come to.
pub(super) enum Outcome {
    /// It returned `Ok`.
    Done,
    /// It returned this error.
    Failed(BoxError),
    /// It panicked with this.
    Panicked(Box<dyn Any + Send>),
}

/// The handler has ended: that closes what is still open. Its error or panic is logged here; a panic
/// hook of the program sees the panic too.
pub(super) fn end_handler(shared: &Shared, outcome: Outcome) {
    let (initiator, code) = match &outcome {
        Outcome::Done => (Initiator::Application, CloseCode::NORMAL),
        Outcome::Failed(error) => {
            report_error(shared, &**error);
            (Initiator::HandlerError, CloseCode::INTERNAL_ERROR)
        }
        Outcome::Panicked(panic) => {
            shared.context.count(Counted::Panic);
            report_panic(shared, &**panic);
            (Initiator::HandlerPanic, CloseCode::INTERNAL_ERROR)
        }
    };
    let mut state = shared.lock();
    match (&outcome, shared.context.farewell()) {
        // The handler has ended in the time that a shutdown gave it.
        (Outcome::Done, Some(farewell)) => {
            state.take_leave(farewell, shared.limits().max_queued);
        }
        _ => state.close(initiator, code, ""),
    }
    if !matches!(outcome, Outcome::Done) {
        state.marks.tell_failure();
    }
    drop(state);
    // An error may have the handshake in it, which is refused now.
    drop_caught(outcome, |panic| report_panic(shared, panic));
}

/// Drops what is the application's. If that panics this is told of it, and what it panicked with is never
/// dropped: that could panic again.
pub(super) fn drop_caught<T>(dropped: T, told: impl FnOnce(&(dyn Any + Send))) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(dropped))) {
        told(&*panic);
        std::mem::forget(panic);
    }
}

/// Logs an error that a handler returned, unless it only passes on how its connection ended: that is
/// logged as the end.
fn report_error(shared: &Shared, error: &(dyn StdError + 'static)) {
    let mut state = shared.lock();
    let path = state.path().to_string();
    let is_open = state.life.is_open() && state.queue.outbound().is_open();
    let ending = state.life.finished().cloned();
    drop(state);
    let (id, peer) = shared.named();
    let chain = Chain(error);
    if !is_open && passes_on(error, ending.as_ref()) {
        tracing::debug!(id, peer, path, error = %chain, "the handler ended with its connection");
    } else {
        let Some(suppressed) = shared.may_tell(|told| &told.failures) else { return };
        tracing::error!(id, peer, path, error = %chain, suppressed, "the handler failed");
    }
}

fn report_panic(shared: &Shared, panic: &(dyn Any + Send)) {
    let Some(suppressed) = shared.may_tell(|told| &told.failures) else { return };
    let path = shared.lock().path().to_string();
    let (id, peer) = shared.named();
    tracing::error!(id, peer, path, panic = said(panic), suppressed, "the handler panicked");
}

/// Whether this error, or one behind it, says how the connection ended.
fn passes_on(error: &(dyn StdError + 'static), ending: Option<&Ending>) -> bool {
    let is_ours = |error: &(dyn StdError + 'static)| {
        error.downcast_ref::<Error>().is_some_and(Error::is_of_connection)
            || error.downcast_ref::<SendError>() == Some(&SendError::Closed)
    };
    // An error of another crate that holds ours may hide its type, but not its words.
    let words = ending.and_then(Ending::to_error).map(|error| error.to_string());
    sources(error).any(|each| is_ours(each) || words.as_ref() == Some(&each.to_string()))
}

/// An error, and what is behind it.
fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

/// Shows an error and what is behind it in one line.
pub(super) struct Chain<'a>(pub(super) &'a (dyn StdError + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, error) in sources(self.0).enumerate() {
            if position > 0 {
                f.write_str(": ")?;
            }
            std::fmt::Display::fmt(error, f)?;
        }
        Ok(())
    }
}

/// What a panic said.
pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text")
}
