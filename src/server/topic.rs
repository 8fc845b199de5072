//! Topics: one message to many connections, encoded once, one hop per worker.
//!
//! A publisher hands the message to each worker that has subscribers, and a task there queues it
//! to them, a few at a time, so that each of these is written before the next ones are looked at.
//! What was published meanwhile goes with the next round, all of it to one after the other, and
//! so with one write to each. Only where a publisher is on the subscribers' own runtime and these
//! are few does it queue to them itself. Embedders use topics too: the feature `server` brings no
//! crate that `net` does not.

use std::borrow::Borrow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::runtime::{self, Handle};

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

/// The branch of this worker, made if there is none.
fn branch_of(
    context: &Arc<Context>,
    branches: &mut Vec<Arc<Branch>>,
    skipped: &Arc<AtomicU64>,
) -> Arc<Branch> {
    let known = branches.iter().find(|branch| Arc::ptr_eq(&branch.context, context));
    if let Some(branch) = known {
        return branch.clone();
    }
    // Members come only under this lock, so an empty one stays empty.
    branches.retain(|branch| branch.lock().live > 0);
    let branch = Arc::new(Branch {
        context: context.clone(),
        skipped: skipped.clone(),
        roll: Mutex::default(),
    });
    branches.push(branch.clone());
    branch
}

/// One connection's place among the subscribers of a [`Topic`], given up when this is dropped:
/// messages that have not been queued to it by then are not.
///
/// It keeps the connection's state, but not the connection: that ends as if it were not there.
#[must_use = "dropping it unsubscribes"]
pub struct Subscription {
    branch: Arc<Branch>,
    number: u64,
}

impl Subscription {
    /// Messages that this subscriber missed so far, because it did not take earlier ones.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.branch.lock().members.get(&self.number).map_or(0, |member| member.skipped)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let sender = self.branch.lock().remove(self.number);
        // Outside of the lock: it may be the last handle of its connection.
        drop(sender);
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
    /// Subscriptions, by number: the later one has the higher.
    members: BTreeMap<u64, Member>,
    /// The number of the next subscription.
    next_number: u64,
    /// Members whose connection was not found to have ended.
    live: usize,
    /// Messages that not all members have.
    waiting: VecDeque<Waiting>,
    /// Bytes of these, and what keeping them takes.
    waiting_len: usize,
    /// How many of them make this round: 0 <= in_round <= waiting.len()
    in_round: usize,
    /// The first number that has not had its turn in this round.
    next: u64,
    /// Whether a task of the worker is at it.
    is_hopping: bool,
    /// Where such a task ran last: the runtime of the members.
    runtime: Option<runtime::Id>,
}

struct Member {
    /// `None` once the connection was found to have ended.
    sender: Option<Sender>,
    skipped: u64,
}

struct Waiting {
    /// It is for the members below this number, who were there when it was published.
    below: u64,
    message: Prepared,
}

impl Branch {
    /// Gives the number of members. Those who have ended are put into `gone`, to be dropped
    /// without the lock: each may be the last handle of its connection.
    fn publish(self: &Arc<Branch>, message: &Prepared, gone: &mut Vec<Sender>) -> usize {
        let mut roll = self.lock();
        let live = roll.live;
        if live == 0 {
            return 0;
        }
        roll.push(message);
        while roll.waiting_len > self.context.max_queued() {
            roll.deliver(&self.skipped, gone);
        }
        if !roll.is_hopping && roll.members.len() <= AT_ONCE && roll.is_here() {
            while !roll.waiting.is_empty() {
                roll.deliver(&self.skipped, gone);
            }
        }
        if !roll.waiting.is_empty() && !std::mem::replace(&mut roll.is_hopping, true) {
            drop(roll);
            self.context.spawn(hop(Hop(Some(self.clone()))));
        }
        live
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
    branch.lock().runtime = Some(Handle::current().id());
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
        let_woken_run().await;
    }
}

/// Goes on behind the tasks that were woken before. tokio's `yield_now` would look at all sockets
/// first, which is a system call.
async fn let_woken_run() {
    let mut is_behind = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_behind, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Roll {
    fn insert(&mut self, sender: Sender) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.live += 1;
        self.members.insert(number, Member { sender: Some(sender), skipped: 0 });
        number
    }

    fn remove(&mut self, number: u64) -> Option<Sender> {
        let member = self.members.remove(&number)?;
        self.live -= usize::from(member.sender.is_some());
        if self.members.is_empty() {
            // What waits is for nobody.
            (self.waiting, self.waiting_len) = (VecDeque::new(), 0);
            (self.in_round, self.next) = (0, 0);
        }
        member.sender
    }

    fn push(&mut self, message: &Prepared) {
        self.waiting_len += weight(message);
        self.waiting.push_back(Waiting { below: self.next_number, message: message.clone() });
    }

    /// Whether this is the runtime of the members, where to wake one is cheap.
    fn is_here(&self) -> bool {
        self.runtime.is_some()
            && Handle::try_current().ok().map(|handle| handle.id()) == self.runtime
    }

    /// Queues the messages of a round to a few members. Those who have ended are put into `gone`,
    /// to be dropped without the lock: each may be the last handle of its connection.
    fn deliver(&mut self, skipped: &AtomicU64, gone: &mut Vec<Sender>) {
        if self.in_round == 0 {
            self.in_round = self.next_round();
        }
        let Some(last) = self.in_round.checked_sub(1).and_then(|last| self.waiting.get(last))
        else {
            return;
        };
        let mut left = AT_ONCE;
        for (number, member) in self.members.range_mut(self.next..last.below) {
            if left == 0 {
                self.next = *number;
                return;
            }
            left -= 1;
            let messages = self.waiting.iter().take(self.in_round);
            for waiting in messages.filter(|waiting| *number < waiting.below) {
                let Some(sender) = &member.sender else { break };
                match sender.send(&waiting.message) {
                    Ok(()) => {}
                    Err(SendError::Closed) => {
                        gone.extend(member.sender.take());
                        self.live -= 1;
                    }
                    Err(_) => {
                        member.skipped += 1;
                        skipped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
        self.end_round();
    }

    /// How many of the waiting messages go together: as many as are short, one at least.
    fn next_round(&self) -> usize {
        let mut len = 0;
        let fits = |waiting: &&Waiting| {
            len += waiting.message.frame().len();
            len <= MAX_ROUND
        };
        let short = self.waiting.iter().take(MAX_TOGETHER).take_while(fits).count();
        short.max(1).min(self.waiting.len())
    }

    fn end_round(&mut self) {
        for waiting in self.waiting.drain(..self.in_round) {
            self.waiting_len -= weight(&waiting.message);
        }
        if self.waiting.is_empty() && self.waiting.capacity() > MAX_TOGETHER {
            self.waiting = VecDeque::new();
        }
        (self.in_round, self.next) = (0, 0);
    }
}

/// Bytes that a waiting message takes.
fn weight(message: &Prepared) -> usize {
    message.frame().len() + size_of::<Waiting>()
}

/// Members that get a message before those who have it are written.
const AT_ONCE: usize = 16;

/// Messages that a member gets at once.
const MAX_TOGETHER: usize = 16;

/// Bytes of messages that a member gets at once, unless one alone has more.
const MAX_ROUND: usize = 16 << 10;
