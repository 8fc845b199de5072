//! Handlers that block their thread: they are warned of, once for each kind.
//!
//! A worker serves all its connections on one thread, so a handler that computes, sleeps or waits for
//! a file for long within one poll stops them all. Each poll of a handler is timed with the ticks of
//! `ticks.rs`; a handler that waits by `.await` is not polled meanwhile.

use std::any::type_name;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "server")]
use std::time::Duration;

use super::shared::Shared;
use super::ticks;

/// Warns of handlers that block for longer than its bound. The contexts of one server share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchman {
    /// So many ticks within one poll prove that the bound was passed; `None` watches nobody.
    bound: Option<u64>,
    /// What was warned of. Paths come from peers, so there is a bound.
    told: Arc<Mutex<HashSet<Kind>>>,
}

/// The handler's type, and the path that it was called for.
type Kind = (&'static str, String);

/// When the thread went into code of a handler.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Begun(u64);

impl Watchman {
    /// Warns of what takes longer than this; of nothing without a bound.
    #[cfg(feature = "server")]
    pub(crate) fn new(bound: Option<Duration>) -> Watchman {
        let bound = bound.filter(|_| ticks::start());
        Watchman { bound: bound.map(ticks::that_prove), told: Arc::default() }
    }

    /// A handler is about to be called or polled.
    #[inline]
    pub(in crate::net) fn begin(&self) -> Begun {
        Begun(if self.bound.is_some() { ticks::now() } else { 0 })
    }

    /// The handler, of the type `F`, has given the thread back.
    #[inline]
    pub(in crate::net) fn look<F>(&self, connection: &Shared, Begun(begun): Begun) {
        let Some(bound) = self.bound else { return };
        let blocked = ticks::since(begun);
        if blocked > 1 && blocked >= bound {
            self.tell(type_name::<F>(), connection, blocked);
        }
    }

    #[cold]
    fn tell(&self, handler: &'static str, connection: &Shared, blocked: u64) {
        let path = connection.lock().path().to_owned();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= KINDS || !told.insert((handler, path.clone())) {
            return;
        }
        drop(told);
        let (id, peer) = connection.named();
        tracing::warn!(
            id,
            peer,
            path,
            handler,
            blocked_ms = ticks::millis(blocked - 1),
            "a handler blocked its thread, and with it all connections there; \
             tokio::task::spawn_blocking is for such work"
        );
    }
}

/// How many kinds of handlers are warned of.
const KINDS: usize = 64;
