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
//!
//! Locks, in the order in which they are taken: the registry of names; the branches of a topic; the
//! roll of a branch; the state of a connection. What may run code of the application (dropping a
//! handle, waking) happens without any.

mod branch;
mod member;
mod registry;
mod roll;
mod subscription;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::branch::Branch;
use self::registry::Home;
pub use self::registry::Topics;
use self::roll::Publication;
pub use self::subscription::Subscription;
use crate::net::{Context, Guest, Sender};
use crate::proto::prepared::Prepared;

/// Connections that get the same messages. Cheap to clone; clones are the same topic.
///
/// It may be used from any thread, inside a runtime or not, and by connections of several
/// servers and [`Endpoint`](crate::Endpoint)s at once. Nothing here waits, so there is nothing to
/// cancel, and nothing fails: a subscriber that cannot be sent a message misses it.
///
/// ```
/// use stickler::{Incoming, Prepared, Topic};
///
/// async fn join(incoming: Incoming, room: Topic) -> stickler::Result<()> {
///     let (mut receiver, sender) = incoming.accept()?.split();
///     let _subscription = room.subscribe(&sender);
///     while let Some(message) = receiver.recv().await? {
///         if let Some(text) = message.as_text() {
///             room.publish(Prepared::text(text));
///         }
///     }
///     Ok(())
/// }
/// ```
///
/// # Slow subscribers
///
/// | published by | a subscriber that is slow |
/// |---|---|
/// | [`Topic::publish`] | has up to [`max_queued`](crate::Limits::max_queued) bytes wait for it, and misses what comes while it has; [`Subscription::lagged`] tells its handler |
/// | [`Topic::publish_latest`] | gets the newest value of each key as soon as it can take it |
#[derive(Clone, Default)]
pub struct Topic {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Under one lock, so that all workers see messages in the same order.
    branches: Mutex<Vec<Arc<Branch>>>,
    skipped: Arc<AtomicU64>,
    /// Where it is known by its name, if it has one. It leaves when it is dropped.
    _home: Option<Home>,
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
        let number = branch.lock().insert(Guest::of(sender));
        drop(branches);
        Subscription::new(self.shared.clone(), branch, number)
    }

    /// Sends a message to all who are subscribed now, and returns how many these are.
    ///
    /// Nothing is awaited, and no subscriber holds up another: a subscriber that still has
    /// [`max_queued`](crate::Limits::max_queued) bytes to take, or is in the middle of a message
    /// that is sent in fragments, misses this one; [`Topic::skipped`] and
    /// [`Subscription::skipped`] count that. Every subscriber gets the messages of one publisher in
    /// their order, and any two subscribers get the messages that both get in the same order. Between
    /// these and what is sent directly by a [`Sender`] there is none.
    ///
    /// Messages are queued to subscribers by their worker, as soon as it has its turn; to a few, by
    /// a publisher on the same worker, at once. When so many wait for one worker that it does not
    /// keep up, the publisher lends a hand before it returns, which bounds what waits.
    pub fn publish(&self, message: impl Into<Prepared>) -> usize {
        self.publish_to(&Publication { message: &message.into(), key: None }, None)
    }

    /// As [`Topic::publish`], to all but this subscription: that of the connection that the message
    /// came from, for instance. A subscription to another topic changes nothing.
    ///
    /// ```
    /// use stickler::{Incoming, Prepared, Topic};
    ///
    /// async fn join(incoming: Incoming, room: Topic) -> stickler::Result<()> {
    ///     let (mut receiver, sender) = incoming.accept()?.split();
    ///     let me = room.subscribe(&sender);
    ///     while let Some(message) = receiver.recv().await? {
    ///         if let Some(text) = message.as_text() {
    ///             room.publish_except(Prepared::text(text), &me);
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn publish_except(&self, message: impl Into<Prepared>, except: &Subscription) -> usize {
        let publication = Publication { message: &message.into(), key: None };
        self.publish_to(&publication, Some(except))
    }

    /// Sends the newest value of something to all who are subscribed now, and returns how many these
    /// are. The key says of what: a later value with the same bytes as key replaces this one.
    ///
    /// A subscriber that keeps up gets every value: less than 4 KiB wait in its queue after a try to
    /// write. One whose transport takes no more at present has
    /// only the newest value of each key kept, and gets it when less than 4 KiB are queued before it:
    /// so a value is not outdated by a long queue, and an answer to the subscriber's own request does
    /// not wait behind one. Both wait behind what the kernels of the two sides hold: a second or two
    /// for a peer that reads 100 kB/s. The server's `unsent_low_water` and `send_buffer` bound its
    /// kernel's part. What is kept so takes up to [`max_queued`](crate::Limits::max_queued)
    /// bytes, keys included; beyond these a value is missed, and counted as such.
    ///
    /// Values of one key arrive in their order, some left out, and the newest arrives. A value arrives
    /// after the messages that were published before it, and one that was kept maybe after later ones
    /// too. Between kept values of different keys there is no order.
    ///
    /// ```
    /// # use stickler::{Prepared, Topic};
    /// # let prices = Topic::new();
    /// prices.publish_latest("EURUSD", Prepared::text(r#"{"EURUSD": 1.0712}"#));
    /// prices.publish_latest("EURUSD", Prepared::text(r#"{"EURUSD": 1.0713}"#));
    /// ```
    pub fn publish_latest(&self, key: impl AsRef<[u8]>, message: impl Into<Prepared>) -> usize {
        let key = key.as_ref().into();
        self.publish_to(&Publication { message: &message.into(), key: Some(&key) }, None)
    }

    fn publish_to(&self, publication: &Publication<'_>, except: Option<&Subscription>) -> usize {
        let mut count = 0;
        let mut aftermath = Vec::new();
        let branches = self.branches();
        for branch in &*branches {
            let except = except.filter(|except| Arc::ptr_eq(&except.branch, branch));
            let (members, left) = branch.publish(publication, except.map(|except| except.number));
            count += members;
            if !left.is_empty() {
                aftermath.push((branch.clone(), left));
            }
        }
        drop(branches);
        for (branch, left) in aftermath {
            branch.finish(left);
        }
        count
    }

    /// Subscriptions, but for those that were found to be of connections that have ended.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.branches().iter().map(|branch| branch.lock().live()).sum()
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

/// The branch of this worker, made if there is none.
fn branch_of(
    context: &Arc<Context>,
    branches: &mut Vec<Arc<Branch>>,
    skipped: &Arc<AtomicU64>,
) -> Arc<Branch> {
    let known = branches.iter().find(|branch| branch.context.is_beside(context));
    if let Some(branch) = known {
        return branch.clone();
    }
    // Members come only under this lock, so an empty one stays empty.
    branches.retain(|branch| branch.lock().live() > 0);
    let branch = Arc::new(Branch::new(context.clone(), skipped.clone()));
    branches.push(branch.clone());
    branch
}
