//! Topics: one message to many connections, encoded once, one hop per worker.
//!
//! This room knows connections by their [`Sender`]s. A server is not needed: whoever runs connections
//! by an [`Endpoint`](crate::Endpoint) uses topics as well, and workers are the runtimes of these then.
//!
//! A publisher hands the message to each worker that has subscribers, and a task there queues it
//! to them, a few at a time, so that each of these is written before the next ones are looked at.
//! What was published meanwhile goes with the next round, all of it to one after the other, and
//! so with one write to each. Only where a publisher is on the subscribers' own runtime and these
//! are few does it queue to them itself.

mod branch;
mod roll;
mod subscription;

use std::borrow::Borrow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::branch::{Branch, branch_of};
pub use self::subscription::Subscription;
use crate::net::Sender;
use crate::proto::prepared::Prepared;

/// Connections that get the same messages. Cheap to clone; clones are the same topic.
///
/// It may be used from any thread, inside a runtime or not, and by connections of several
/// servers and [`Endpoint`](crate::Endpoint)s at once. Nothing here waits, so there is nothing to
/// cancel, and nothing fails: who cannot be sent a message misses it.
///
/// ```
/// use stickler::{Incoming, Prepared, Topic};
///
/// async fn join(incoming: Incoming, room: Topic) -> stickler::Result<()> {
///     let (mut receiver, sender) = incoming.accept().await?.split();
///     let _subscription = room.subscribe(&sender);
///     while let Some(message) = receiver.next().await? {
///         if let Some(text) = message.as_text() {
///             room.publish(Prepared::text(text));
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Default)]
pub struct Topic {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Under one lock, so that all workers see messages in the same order.
    branches: Mutex<Vec<Arc<Branch>>>,
    skipped: Arc<AtomicU64>,
}

impl Topic {
    /// A topic without subscribers.
    #[must_use]
    pub fn new() -> Topic {
        Topic::default()
    }

    /// Sends this connection what is published from now on, until the subscription is dropped or
    /// the connection has sent or received a Close. Keep it in the handler: it goes with it.
    ///
    /// A connection that subscribes twice gets everything twice.
    pub fn subscribe(&self, sender: &Sender) -> Subscription {
        let mut branches = self.branches();
        let branch = branch_of(sender.context(), &mut branches, &self.shared.skipped);
        let number = branch.lock().insert(sender.clone());
        drop(branches);
        Subscription { branch, number }
    }

    /// Sends a message to all who are subscribed now, and returns how many these are.
    ///
    /// Nothing is awaited, and no subscriber holds up another: who still has
    /// [`max_queued`](crate::Limits::max_queued) bytes to take, or is in the middle of a message
    /// that is sent in fragments, misses this one; [`Topic::skipped`] and
    /// [`Subscription::skipped`] count that. Every subscriber gets the messages of one publisher in
    /// their order, and any two subscribers get the messages that both get in the same order. Between
    /// these and what is sent directly by a [`Sender`] there is none.
    ///
    /// Messages are queued to subscribers by their worker, as soon as it has its turn; to a few, by
    /// a publisher on the same worker, at once. When so many wait for one worker that it does not
    /// keep up, the publisher lends a hand before it returns, which bounds what waits.
    pub fn publish(&self, message: impl Borrow<Prepared>) -> usize {
        let message = message.borrow();
        let mut gone = Vec::new();
        let branches = self.branches();
        let members = branches.iter().map(|branch| branch.publish(message, &mut gone)).sum();
        drop(branches);
        // Outside of the locks: each may be the last handle of its connection.
        drop(gone);
        members
    }

    /// Subscriptions, but for those that were found to be of connections that have ended.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.branches().iter().map(|branch| branch.lock().live).sum()
    }

    /// Messages that subscribers missed so far, each counted once for every one of them.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.shared.skipped.load(Ordering::Relaxed)
    }

    fn branches(&self) -> MutexGuard<'_, Vec<Arc<Branch>>> {
        self.shared.branches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("subscribers", &self.subscribers()).finish_non_exhaustive()
    }
}
