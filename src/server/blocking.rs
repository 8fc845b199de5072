//! Handlers that block their thread: they are warned of, once for each kind.
//!
//! A worker serves all its connections on one thread, so a handler that computes, sleeps or waits for
//! a file for long within one poll stops them all. Each poll of a handler is timed with a clock that
//! costs little and is coarse; a handler that waits by `.await` is not polled meanwhile.

use std::any::type_name;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::worker::Shared;
use crate::net::{Incoming, Sender};

/// Which handlers blocked, for longer than what.
#[derive(Debug)]
pub(super) struct Watchman {
    bound: Option<Duration>,
    /// What was warned of. Paths come from peers, so there is a bound.
    told: Mutex<HashSet<Kind>>,
}

/// The handler's type, and the path that it was called for.
type Kind = (&'static str, String);

impl Watchman {
    pub(super) fn new(bound: Option<Duration>) -> Self {
        Self { bound, told: Mutex::default() }
    }

    fn tell(&self, handler: &'static str, connection: &Sender, blocked: Duration) {
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
            blocked_ms = u64::try_from(blocked.as_millis()).unwrap_or(u64::MAX),
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
    let begun = shared.watchman.bound.map(|bound| (bound, Clock::now()));
    let handler = handler(incoming);
    if let Some((bound, begun)) = begun {
        note::<F>(&shared, &connection, bound, begun);
    }
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
        let Some(bound) = this.shared.watchman.bound else { return this.handler.poll(cx) };
        let begun = Clock::now();
        let polled = this.handler.poll(cx);
        note::<F>(this.shared, this.connection, bound, begun);
        polled
    }
}

#[inline]
fn note<F>(shared: &Shared, connection: &Sender, bound: Duration, begun: Clock) {
    if begun.is_past(bound) {
        shared.watchman.tell(type_name::<F>(), connection, begun.elapsed());
    }
}

/// A time that is read at little cost.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy)]
struct Clock(rustix::time::Timespec);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Clock {
    /// The time of the kernel's last tick, 1 to 10 ms old.
    #[inline]
    fn now() -> Self {
        Self(rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse))
    }

    #[inline]
    fn is_past(self, bound: Duration) -> bool {
        let now = Self::now().0;
        // Nearly always within the same tick.
        (now.tv_nsec != self.0.tv_nsec || now.tv_sec != self.0.tv_sec) && self.elapsed() >= bound
    }

    #[cold]
    fn elapsed(self) -> Duration {
        let now = Self::now().0;
        let seconds = Duration::from_secs((now.tv_sec - self.0.tv_sec).unsigned_abs());
        let (now, then) = (now.tv_nsec.unsigned_abs(), self.0.tv_nsec.unsigned_abs());
        (seconds + Duration::from_nanos(now)).saturating_sub(Duration::from_nanos(then))
    }
}

/// A time that is read at little cost.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Clone, Copy)]
struct Clock(std::time::Instant);

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Clock {
    fn now() -> Self {
        Self(std::time::Instant::now())
    }

    fn is_past(self, bound: Duration) -> bool {
        self.elapsed() >= bound
    }

    fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How many kinds of handlers are warned of.
const KINDS: usize = 64;
