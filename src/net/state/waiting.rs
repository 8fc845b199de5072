//! Futures that wait for something of a connection, and how they are woken.
//!
//! Waking a waker or dropping one may run code of the application, and that may call us. So neither
//! happens under the lock: who is to be woken is noted there, and leaves the state when the lock is
//! given up.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::State;
use super::latest::Latest;
use super::queue::Voice;
use super::shared::Shared;
use crate::proto::outbound::SendError;

/// What a handle may wait for. It is there for good, or until more is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Awaited {
    /// The queue is short enough for this one, or the connection is not open any more.
    Room {
        voice: Voice,
        /// In bytes.
        below: usize,
    },
    /// Replies keep no message from the Receiver, or the connection is not open any more.
    Gate(Gate),
    /// A whole message can begin behind so few bytes, or the connection is not open any more.
    Message {
        /// In bytes.
        below: usize,
    },
    /// Everything that was queued is written, or the transport has ended.
    Flush,
    /// The newest Ping that was sent is answered, or never will be.
    Pong,
    /// The peer's Close was read, or never will be.
    PeerClose,
    /// The transport has ended.
    End,
}

/// Which replies keep messages from the Receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Gate {
    /// So many bytes of them, or more.
    pub(in crate::net) below: usize,
    /// Whether they do so only until the transport has refused some.
    pub(in crate::net) opens_when_refused: bool,
}

/// A future's place among those who wait, given up when it is dropped.
#[derive(Debug)]
pub(in crate::net) struct Waiting<S: Deref<Target = Shared>> {
    shared: S,
    /// `None` until it had to wait.
    key: Option<Key>,
}

impl<'a> Waiting<&'a Shared> {
    pub(in crate::net) fn new(shared: &'a Shared) -> Waiting<&'a Shared> {
        Waiting { shared, key: None }
    }
}

#[cfg(feature = "futures")]
impl Waiting<Arc<Shared>> {
    /// For what is no future, and keeps its place between polls.
    pub(in crate::net) fn owned(shared: Arc<Shared>) -> Waiting<Arc<Shared>> {
        Waiting { shared, key: None }
    }
}

impl<S: Deref<Target = Shared>> Waiting<S> {
    /// Waits until it is there, and looks what else the state says then.
    pub(in crate::net) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        awaited: Awaited,
        look: impl Fn(&State) -> R,
    ) -> Poll<R> {
        let mut waker = None;
        loop {
            // What is in the cork of this thread counts.
            let mut state = self.shared.lock_for_sending();
            if state.is_there(awaited) {
                return Poll::Ready(look(&state));
            }
            let Some(waker) = waker.take() else {
                drop(state);
                waker = Some(cx.waker().clone());
                continue;
            };
            let waiters = state.waiters.get();
            let key = *self.key.get_or_insert_with(|| waiters.new_key());
            let replaced = waiters.others.insert(key, Waiter { waker, awaited });
            drop(state);
            drop(replaced);
            return Poll::Pending;
        }
    }

    /// Waits until less than so many bytes keep this task from sending, or the connection is not open
    /// any more.
    pub(in crate::net) fn poll_room(&mut self, cx: &Context<'_>, below: usize) -> Poll<()> {
        let voice = self.shared.lock().voice();
        self.poll(cx, Awaited::Room { voice, below }, |_| ())
    }

    /// Waits until everything is written, or the connection has ended.
    pub(in crate::net) fn poll_flushed(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll(cx, Awaited::Flush, |state| {
            if state.queue.has_lost() { Err(SendError::Closed) } else { Ok(()) }
        })
    }
}

impl<S: Deref<Target = Shared>> Drop for Waiting<S> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut state = self.shared.lock();
        let waiter = state.waiters.get_if_any().and_then(|all| all.others.remove(&key));
        drop(state);
        drop(waiter);
    }
}

/// Identifies a future that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) struct Key(u64);

impl Key {
    /// Of the Receiver, of which there is one.
    const RECEIVER: Key = Key(0);
}

/// The wakers of those who wait for something of one connection. Most connections have none.
#[derive(Debug, Default)]
pub(in crate::net) struct Waiters(Option<Box<All>>);

impl Waiters {
    fn get(&mut self) -> &mut All {
        self.0.get_or_insert_default()
    }

    fn get_if_any(&mut self) -> Option<&mut All> {
        self.0.as_deref_mut()
    }

    /// Whether somebody waits, or has waited.
    #[inline]
    pub(in crate::net) fn is_any(&self) -> bool {
        self.0.is_some()
    }

    /// The values that wait for room, if there ever were some.
    pub(in crate::net) fn latest_if_any(&self) -> Option<Arc<Mutex<Latest>>> {
        self.0.as_ref()?.latest.clone()
    }

    /// The values that wait for room. Their lock is taken before that of the connection.
    pub(in crate::net) fn latest(&mut self) -> Arc<Mutex<Latest>> {
        self.get().latest.get_or_insert_default().clone()
    }

    /// Whether somebody waits for something else than input.
    fn is_awaited(&self) -> bool {
        self.0.as_ref().is_some_and(|all| !all.others.is_empty())
    }
}

#[derive(Debug, Default)]
struct All {
    /// The Receiver, when it waits for input elsewhere than in the connection task.
    input: Option<Waker>,
    others: BTreeMap<Key, Waiter>,
    newest: u64,
    /// Values that wait for room, once there were some.
    latest: Option<Arc<Mutex<Latest>>>,
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    awaited: Awaited,
}

impl All {
    fn new_key(&mut self) -> Key {
        self.newest += 1;
        Key(self.newest)
    }
}

/// Who is to be woken when the lock is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Wakes(u8);

impl Wakes {
    pub(in crate::net) const NOBODY: Wakes = Wakes(0);
    /// The connection task.
    pub(in crate::net) const TASK: Wakes = Wakes(1);
    /// The Receiver that waits for input.
    pub(in crate::net) const INPUT: Wakes = Wakes(2);
    /// All others for whom it is there.
    pub(in crate::net) const OTHERS: Wakes = Wakes(4);

    #[inline]
    pub(in crate::net) fn add(&mut self, others: Wakes) {
        self.0 |= others.0;
    }

    pub(in crate::net) fn remove(&mut self, others: Wakes) {
        self.0 &= !others.0;
    }

    fn has(self, one: Wakes) -> bool {
        self.0 & one.0 != 0
    }
}

/// Wakers that have left the state. They are woken when it is dropped. Most often there are none, and
/// dropping it is two looks.
#[derive(Debug, Default)]
pub(in crate::net) struct Woken {
    first: Option<Waker>,
    more: Option<Box<[Waker]>>,
}

impl Woken {
    #[inline(never)]
    fn wake(&mut self) {
        let more = self.more.take().into_iter().flatten();
        self.first.take().into_iter().chain(more).for_each(Waker::wake);
    }
}

impl FromIterator<Waker> for Woken {
    fn from_iter<I: IntoIterator<Item = Waker>>(wakers: I) -> Woken {
        let mut wakers = wakers.into_iter();
        let first = wakers.next();
        let more: Box<[Waker]> = wakers.collect();
        Woken { first, more: (!more.is_empty()).then_some(more) }
    }
}

impl Drop for Woken {
    #[inline]
    fn drop(&mut self) {
        if self.first.is_some() {
            self.wake();
        }
    }
}

impl State {
    /// Whether that which a handle waits for is there.
    fn is_there(&self, awaited: Awaited) -> bool {
        match awaited {
            Awaited::Room { voice, below } => {
                !self.life.is_open() || self.queue.has_room(voice, below)
            }
            Awaited::Gate(gate) => {
                let is_refused = gate.opens_when_refused && self.queue.is_blocked();
                !self.life.is_open()
                    || is_refused
                    || self.queue.has_room(self.answering_voice(), gate.below)
            }
            Awaited::Message { below } => {
                // A connection that has sent a Close takes nothing any more: sending says so.
                let takes = self.queue.check_message(Voice::Other, below);
                !self.life.is_open() || matches!(takes, Ok(()) | Err(SendError::Closed))
            }
            Awaited::Flush => self.queue.is_flushed() || self.life.is_closed(),
            Awaited::Pong => !self.pings.is_waiting() || self.life.is_over(),
            Awaited::PeerClose => self.life.is_over(),
            Awaited::End => self.life.is_closed(),
        }
    }

    /// Takes those out who are to be woken.
    #[inline(never)]
    pub(in crate::net) fn take_woken(&mut self) -> Woken {
        let wakes = std::mem::take(&mut self.wakes);
        let task = self.task.as_ref().filter(|_| wakes.has(Wakes::TASK)).cloned();
        // Taken out for as long as the state is asked.
        let Some(mut all) = self.waiters.0.take() else { return task.into_iter().collect() };
        let input = if wakes.has(Wakes::INPUT) { all.input.take() } else { None };
        let mut others = Vec::new();
        if wakes.has(Wakes::OTHERS) {
            all.others.retain(|_, waiter| {
                let is_there = self.is_there(waiter.awaited);
                if is_there {
                    others.push(std::mem::replace(&mut waiter.waker, Waker::noop().clone()));
                }
                !is_there
            });
        }
        self.waiters.0 = Some(all);
        task.into_iter().chain(input).chain(others).collect()
    }

    /// The queue may have become shorter, or a Ping was answered: wakes those who wait for that.
    #[inline]
    pub(in crate::net) fn offer_room(&mut self) {
        if self.waiters.is_awaited() {
            self.wakes.add(Wakes::OTHERS);
        }
    }

    /// The Receiver, which has left no waker, waits for room in the queue.
    pub(in crate::net) fn wait_for_room(&mut self, receiver: &Waker, gate: Gate) {
        let waiter = Waiter { waker: receiver.clone(), awaited: Awaited::Gate(gate) };
        let left = self.waiters.get().others.insert(Key::RECEIVER, waiter);
        debug_assert!(left.is_none());
    }

    /// The Receiver, which has left no waker, waits for input on another task.
    pub(in crate::net) fn wait_for_input(&mut self, receiver: &Waker) {
        let left = self.waiters.get().input.replace(receiver.clone());
        debug_assert!(left.is_none());
    }

    /// The Receiver waits for nothing.
    pub(in crate::net) fn forget_receiver(&mut self) -> Left {
        self.reading.stop_awaiting();
        let Some(all) = self.waiters.get_if_any() else { return Left::default() };
        let room = all.others.remove(&Key::RECEIVER).map(|waiter| waiter.waker);
        Left { _wakers: [all.input.take(), room] }
    }
}

/// What the Receiver had left, to be dropped without the lock.
#[derive(Debug, Default)]
#[must_use]
pub(in crate::net) struct Left {
    _wakers: [Option<Waker>; 2],
}
