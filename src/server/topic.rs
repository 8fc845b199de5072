//! Topics: one message to many connections, encoded once, one hop per worker.
//!
//! A publisher does not touch the connections. It hands the message to each worker that has
//! subscribers, and a task there queues it to them, a few at a time, so that each of these is
//! written before the next ones are looked at. Embedders use them too: the feature `server`
//! brings no crate that `net` does not.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::{Context, Sender};
use crate::proto::outbound::SendError;
use crate::proto::prepared::Prepared;

/// Connections that get the same messages. Cheap to clone; clones are the same topic.
///
/// It may be used from any thread, inside a runtime or not, and by connections of several
/// servers and [`Endpoint`](crate::Endpoint)s at once. Nothing here waits, so there is nothing to
/// cancel, and nothing fails: who cannot be sent a message misses it.
///
/// ```no_run
/// use stickler::{Incoming, Prepared, Server, Topic};
///
/// fn main() -> std::io::Result<()> {
///     let room = Topic::new();
///     Server::bind("127.0.0.1:9001")?.serve(move |incoming| join(incoming, room.clone()))
/// }
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
    order: Mutex<Order>,
    skipped: Arc<AtomicU64>,
}

/// Under one lock, so that all workers see messages in the same order.
#[derive(Default)]
struct Order {
    /// Messages published so far.
    published: u64,
    branches: Vec<Arc<Branch>>,
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
        let mut order = self.order();
        let branch = order.branch_of(sender.context(), &self.shared.skipped);
        let member = Member { sender: sender.clone(), since: order.published };
        let slot = branch.lock().insert(member);
        drop(order);
        Subscription { branch, slot }
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
    /// Messages are queued to subscribers by their worker. When so many wait for one worker that it
    /// does not keep up, the publisher lends a hand before it returns, which bounds what waits.
    pub fn publish(&self, message: impl Borrow<Prepared>) -> usize {
        let message = message.borrow();
        let mut order = self.order();
        let number = order.published;
        order.published += 1;
        order.branches.iter().map(|branch| branch.publish(number, message)).sum()
    }

    /// Subscriptions, but for those that were found to be of connections that have ended.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.order().branches.iter().map(|branch| branch.lock().members).sum()
    }

    /// Messages that subscribers missed so far, each counted once for every one of them.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.shared.skipped.load(Ordering::Relaxed)
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.shared.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("subscribers", &self.subscribers()).finish_non_exhaustive()
    }
}

impl Order {
    /// The branch of this worker, made if there is none.
    fn branch_of(&mut self, context: &Arc<Context>, skipped: &Arc<AtomicU64>) -> Arc<Branch> {
        let known = self.branches.iter().find(|branch| Arc::ptr_eq(&branch.context, context));
        if let Some(branch) = known {
            return branch.clone();
        }
        // Members come only under this lock, so an empty one stays empty.
        self.branches.retain(|branch| branch.lock().members > 0);
        let branch = Arc::new(Branch {
            context: context.clone(),
            skipped: skipped.clone(),
            roll: Mutex::default(),
        });
        self.branches.push(branch.clone());
        branch
    }
}

/// One connection's place among the subscribers of a [`Topic`], given up when this is dropped:
/// messages that have not been queued to it by then are not.
///
/// It keeps the connection's state, but not the connection: that ends as if it were not there.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription {
    branch: Arc<Branch>,
    slot: usize,
}

impl Subscription {
    /// Messages that this subscriber missed so far, because it did not take earlier ones.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.branch.lock().slots.get(self.slot).map_or(0, |slot| slot.skipped)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let member = self.branch.lock().remove(self.slot);
        // Outside of the lock: it may be the last handle of its connection.
        drop(member);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("skipped", &self.skipped()).finish_non_exhaustive()
    }
}

/// The subscribers of one worker.
struct Branch {
    context: Arc<Context>,
    skipped: Arc<AtomicU64>,
    roll: Mutex<Roll>,
}

#[derive(Default)]
struct Roll {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Slots with a member.
    members: usize,
    /// Messages that not all members have, by number.
    waiting: VecDeque<(u64, Prepared)>,
    /// Bytes of these, and what keeping them takes.
    waiting_len: usize,
    /// The slot that gets the first of these next.
    next: usize,
    /// Whether a task of the worker is at it.
    is_hopping: bool,
}

/// A subscription's place: its own until it is dropped, also without a member.
#[derive(Default)]
struct Slot {
    member: Option<Member>,
    skipped: u64,
}

struct Member {
    sender: Sender,
    /// The number of the first message that it gets.
    since: u64,
}

impl Branch {
    fn publish(self: &Arc<Branch>, number: u64, message: &Prepared) -> usize {
        let mut roll = self.lock();
        let members = roll.members;
        if members == 0 {
            return 0;
        }
        roll.waiting_len += weight(message);
        roll.waiting.push_back((number, message.clone()));
        let mut gone = Vec::new();
        while roll.waiting_len > self.context.max_queued() {
            roll.deliver(&self.skipped, &mut gone);
        }
        let is_hopping = std::mem::replace(&mut roll.is_hopping, true);
        drop(roll);
        if !is_hopping {
            self.context.spawn(hop(Hop(Some(self.clone()))));
        }
        members
    }

    fn lock(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task's turn at delivering: if it is dropped before its end, another may start.
struct Hop(Option<Arc<Branch>>);

impl Drop for Hop {
    fn drop(&mut self) {
        if let Some(branch) = &self.0 {
            branch.lock().is_hopping = false;
        }
    }
}

async fn hop(mut hop: Hop) {
    let Some(branch) = hop.0.clone() else { return };
    let mut gone = Vec::new();
    loop {
        {
            let mut roll = branch.lock();
            roll.deliver(&branch.skipped, &mut gone);
            if roll.waiting.is_empty() {
                roll.is_hopping = false;
                hop.0 = None;
                return;
            }
        }
        gone.clear();
        // Those who got it are written first: so few outboxes are in use at once.
        tokio::task::yield_now().await;
    }
}

impl Roll {
    fn insert(&mut self, member: Member) -> usize {
        self.members += 1;
        let slot = Slot { member: Some(member), skipped: 0 };
        match self.free.pop() {
            Some(free) => {
                if let Some(place) = self.slots.get_mut(free) {
                    *place = slot;
                }
                free
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    fn remove(&mut self, slot: usize) -> Option<Member> {
        let member = self.slots.get_mut(slot).and_then(|slot| slot.member.take());
        self.members -= usize::from(member.is_some());
        self.free.push(slot);
        if self.free.len() == self.slots.len() {
            // Nobody is left: what waits is for nobody, and no slot is known to anyone.
            let is_hopping = self.is_hopping;
            *self = Roll { is_hopping, ..Roll::default() };
        }
        member
    }

    /// Queues the first waiting message to a few members. Those who have ended are put into
    /// `gone`, to be dropped without the lock: each may be the last handle of its connection.
    fn deliver(&mut self, skipped: &AtomicU64, gone: &mut Vec<Member>) {
        let Some((number, message)) = self.waiting.front() else { return };
        let mut left = AT_ONCE;
        while let Some(slot) = self.slots.get_mut(self.next) {
            if left == 0 {
                return;
            }
            self.next += 1;
            let Some(member) = slot.member.as_ref().filter(|member| member.since <= *number) else {
                continue;
            };
            left -= 1;
            match member.sender.send(message) {
                Ok(()) => {}
                Err(SendError::Closed) => {
                    gone.extend(slot.member.take());
                    self.members -= 1;
                }
                Err(_) => {
                    slot.skipped += 1;
                    skipped.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.next = 0;
        self.waiting_len -= weight(message);
        self.waiting.pop_front();
    }
}

/// Bytes that a waiting message takes.
fn weight(message: &Prepared) -> usize {
    message.frame().len() + size_of::<(u64, Prepared)>()
}

/// Members that get a message before those who have it are written.
const AT_ONCE: usize = 16;
