//! Handlers that block their thread: they are warned of, once for each kind.
//!
//! A worker serves all its connections on one thread, so a handler that computes, sleeps or waits for
//! a file for long within one poll stops them all. Each poll of a handler is timed with the ticks of
//! `ticks.rs`; a handler that waits by `.await` is not polled meanwhile.

use std::any::type_name;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::ticks;
use super::worker::Shared;
use crate::net::{Incoming, Sender};

/// Which handlers blocked, for longer than what.
#[derive(Debug)]
pub(super) struct Watchman {
    /// So many ticks within one poll prove that the bound was passed; `None` watches nobody.
    bound: Option<u64>,
    /// What was warned of. Paths come from peers, so there is a bound.
    told: Mutex<HashSet<Kind>>,
}

/// The handler's type, and the path that it was called for.
type Kind = (&'static str, String);

impl Watchman {
    pub(super) fn new(bound: Option<Duration>) -> Self {
        let bound = bound.filter(|_| ticks::start());
        Self { bound: bound.map(ticks::that_prove), told: Mutex::default() }
    }

    /// Looks how long it is since then, which is when this handler was called or polled.
    #[inline]
    fn look<F>(&self, connection: &Sender, begun: u64) {
        let blocked = ticks::since(begun);
        if blocked > 1 && self.bound.is_some_and(|bound| blocked >= bound) {
            self.tell(type_name::<F>(), connection, blocked);
        }
    }

    #[cold]
    fn tell(&self, handler: &'static str, connection: &Sender, blocked: u64) {
        let path = connection.path();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= KINDS || !told.insert((handler, path.clone())) {
            return;
        }
        drop(told);
        let peer = connection.peer_addr().map(tracing::field::display);
        tracing::warn!(
            peer,
            path,
            handler,
            blocked_ms = ticks::millis(blocked - 1),
            "a handler blocked its thread, and with it all connections there; \
             tokio::task::spawn_blocking is for such work"
        );
    }
}

/// Calls the handler, and times that call and each poll.
pub(super) fn watched<F>(
    shared: Arc<Shared>,
    handler: impl FnOnce(Incoming) -> F,
    incoming: Incoming,
) -> Watched<F> {
    let connection = incoming.observer();
    let begun = ticks::now();
    let handler = handler(incoming);
    shared.watchman.look::<F>(&connection, begun);
    Watched { handler, connection, shared }
}

pin_project! {
    /// A handler's future, each poll of which is timed.
    pub(super) struct Watched<F> {
        #[pin]
        handler: F,
        connection: Sender,
        shared: Arc<Shared>,
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let begun = ticks::now();
        let polled = this.handler.poll(cx);
        this.shared.watchman.look::<F>(this.connection, begun);
        polled
    }
}

/// How many kinds of handlers are warned of.
const KINDS: usize = 64;
