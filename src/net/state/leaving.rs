//! The shutdown of a context: what is known of it from when on, and the order in which connections are told.
//!
//! ```text
//!  Announced --the delay--> Draining --the grace, the window--> everybody is told
//! ```
//!
//! | | announced | draining |
//! |---|---|---|
//! | health checks | 503 | 503 |
//! | opening handshakes | accepted | refused with 503 |
//! | handlers | know of nothing | see `draining()` resolve |
//!
//! Whoever has the times waits for them: the worker of a server, or a task of an endpoint.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::context::{Context, Place};
use crate::net::farewell::Farewell;

/// How far the shutdown of a context has come.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// What connections are to be told, from when a shutdown was asked for.
    farewell: OnceLock<Arc<Farewell>>,
    /// The delay is over.
    is_draining: AtomicBool,
    draining: Notify,
}

impl Context {
    /// Says to health checks that new connections are not welcome any more; all goes on otherwise. The first
    /// farewell counts.
    pub(crate) fn announce(&self, farewell: Arc<Farewell>) {
        let _ = self.leaving.farewell.set(farewell);
    }

    /// Lets handlers know of a shutdown, refuses undecided opening handshakes with 503 and all
    /// later ones too. The first farewell counts.
    pub(crate) fn drain(&self, farewell: Arc<Farewell>) {
        self.announce(farewell);
        // Before the register is looked at: who enters it later sees this.
        if !self.leaving.is_draining.swap(true, Ordering::SeqCst) {
            self.leaving.draining.notify_waiters();
        }
        self.everyone().iter().for_each(|connection| connection.drain());
    }

    /// As `drain`, and tells every connection 1001, or what the farewell says.
    pub(crate) fn shutdown(&self) {
        self.drain(Arc::default());
        self.everyone().iter().for_each(|connection| connection.shutdown());
    }

    /// Those who are connected, in an order of chance, each with a moment within the window.
    pub(crate) fn departures(&self) -> impl Iterator<Item = Departure> + Send + use<> {
        let chance = RandomState::new();
        let mut places = self.places();
        places.sort_by_cached_key(|place| chance.hash_one(place));
        // The contexts of a server do not all begin at the same time.
        let first = chance.hash_one(self.number) as f64 / u64::MAX as f64;
        let count = places.len() as f64;
        (0_u32..)
            .zip(places)
            .map(move |(at, place)| Departure { moment: (f64::from(at) + first) / count, place })
    }

    /// Tells this one connection what `shutdown` tells all.
    pub(crate) fn depart(&self, departure: &Departure) {
        if let Some(connection) = self.at(departure.place) {
            connection.shutdown();
        }
    }

    /// Whether a shutdown was asked for; its delay may go on.
    pub(in crate::net) fn is_announced(&self) -> bool {
        self.leaving.farewell.get().is_some()
    }

    /// Whether a shutdown was asked for, and its delay is over.
    pub(in crate::net) fn is_draining(&self) -> bool {
        self.leaving.is_draining.load(Ordering::SeqCst)
    }

    /// What connections are told, once they are to be told.
    pub(in crate::net) fn farewell(&self) -> Option<&Farewell> {
        let farewell = self.leaving.farewell.get().filter(|_| self.is_draining());
        farewell.map(|farewell| &**farewell)
    }

    /// Waits until a shutdown has been asked for, and its delay is over.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub(in crate::net) async fn draining(&self) {
        let mut draining = std::pin::pin!(self.leaving.draining.notified());
        // From here on no notification is missed.
        draining.as_mut().enable();
        if !self.is_draining() {
            draining.await;
        }
    }
}

/// When a connection is told, and which one.
#[derive(Debug)]
pub(crate) struct Departure {
    /// From 0, the beginning of the window, to 1, its end.
    moment: f64,
    place: Place,
}

impl Departure {
    /// How long after the beginning of such a window it is.
    pub(crate) fn after(&self, window: Duration) -> Duration {
        Duration::try_from_secs_f64(window.as_secs_f64() * self.moment).unwrap_or(window)
    }
}
