//! Who waits for something of a connection, and how they are woken.
//!
//! Waking a waker or dropping one may run code of the application, and that may call us. So neither
//! happens under the lock: who is to be woken is noted there, and leaves the state when the lock is
//! given up.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use super::shared::{Locked, Shared};
use super::state::State;

/// What a handle may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Room in the queue.
    Room,
    /// The end of TCP.
    End,
}

/// A future's place among those who wait for the same, given up when it is dropped.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    shared: &'a Shared,
    awaited: Awaited,
    /// `None` until it had to wait.
    key: Option<Key>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(shared: &'a Shared, awaited: Awaited) -> Waiting<'a> {
        Waiting { shared, awaited, key: None }
    }

    /// Looks for it, and waits if it is not there.
    pub(super) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        look: impl Fn(&State) -> Option<R>,
    ) -> Poll<R> {
        let mut waker = None;
        loop {
            let mut state = self.lock();
            if let Some(found) = look(&state) {
                return Poll::Ready(found);
            }
            let Some(waker) = waker.take() else {
                drop(state);
                waker = Some(cx.waker().clone());
                continue;
            };
            let rare = state.rare();
            let key = *self.key.get_or_insert_with(|| rare.waiters.new_key());
            let replaced = rare.waiters.of(self.awaited).insert(key, waker);
            drop(state);
            drop(replaced);
            return Poll::Pending;
        }
    }

    fn lock(&self) -> Locked<'a> {
        match self.awaited {
            Awaited::Room => self.shared.lock_for_sending(),
            Awaited::End => self.shared.lock(),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut state = self.shared.lock();
        let waker = state.rare_if_any().and_then(|rare| rare.waiters.of(self.awaited).remove(&key));
        drop(state);
        drop(waker);
    }
}

/// Identifies a future that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

impl Key {
    /// Of the Receiver, of which there is one.
    const RECEIVER: Key = Key(0);
}

/// Those who wait for something of one connection.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    /// The Receiver, when it waits for input elsewhere than in the connection task.
    input: Option<Waker>,
    room: BTreeMap<Key, Waker>,
    end: BTreeMap<Key, Waker>,
    newest: u64,
}

impl Waiters {
    fn new_key(&mut self) -> Key {
        self.newest += 1;
        Key(self.newest)
    }

    fn of(&mut self, awaited: Awaited) -> &mut BTreeMap<Key, Waker> {
        match awaited {
            Awaited::Room => &mut self.room,
            Awaited::End => &mut self.end,
        }
    }
}

/// Who is to be woken when the lock is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wakes(u8);

impl Wakes {
    pub(super) const NOBODY: Wakes = Wakes(0);
    /// The connection task.
    pub(super) const TASK: Wakes = Wakes(1);
    /// The Receiver.
    pub(super) const INPUT: Wakes = Wakes(2);
    pub(super) const ROOM: Wakes = Wakes(4);
    pub(super) const END: Wakes = Wakes(8);

    #[inline]
    pub(super) fn add(&mut self, others: Wakes) {
        self.0 |= others.0;
    }

    fn has(self, one: Wakes) -> bool {
        self.0 & one.0 != 0
    }
}

/// Wakers that have left the state. They are woken when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Woken(Leaving);

#[derive(Debug, Default)]
enum Leaving {
    #[default]
    Nobody,
    One(Waker),
    Several(Vec<Waker>),
}

impl Woken {
    fn add(&mut self, waker: Waker) {
        self.0 = match std::mem::take(&mut self.0) {
            Leaving::Nobody => Leaving::One(waker),
            Leaving::One(first) => Leaving::Several(vec![first, waker]),
            Leaving::Several(mut all) => {
                all.push(waker);
                Leaving::Several(all)
            }
        };
    }

    #[inline(never)]
    fn wake(&mut self) {
        match std::mem::take(&mut self.0) {
            Leaving::Nobody => {}
            Leaving::One(waker) => waker.wake(),
            Leaving::Several(wakers) => wakers.into_iter().for_each(Waker::wake),
        }
    }
}

impl Drop for Woken {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.0, Leaving::Nobody) {
            self.wake();
        }
    }
}

impl State {
    /// Takes those out who are to be woken.
    #[inline(never)]
    pub(super) fn take_woken(&mut self) -> Woken {
        let wakes = std::mem::take(&mut self.wakes);
        let mut woken = Woken::default();
        if wakes.has(Wakes::TASK)
            && let Some(task) = &self.task
        {
            woken.add(task.clone());
        }
        let Some(rare) = self.rare_if_any() else { return woken };
        if wakes.has(Wakes::INPUT) {
            rare.waiters.input.take().into_iter().for_each(|waker| woken.add(waker));
        }
        for (wake, awaited) in [(Wakes::ROOM, Awaited::Room), (Wakes::END, Awaited::End)] {
            if wakes.has(wake) {
                let all = std::mem::take(rare.waiters.of(awaited));
                all.into_values().for_each(|waker| woken.add(waker));
            }
        }
        woken
    }

    /// Whether somebody waits for room in the queue.
    pub(super) fn is_waited_for(&mut self) -> bool {
        self.rare_if_any().is_some_and(|rare| !rare.waiters.room.is_empty())
    }

    /// The Receiver, which has left no waker, waits for room in the queue.
    pub(super) fn wait_for_room(&mut self, receiver: &Waker) {
        let left = self.rare().waiters.room.insert(Key::RECEIVER, receiver.clone());
        debug_assert!(left.is_none());
    }

    /// The Receiver, which has left no waker, waits for input on another task.
    pub(super) fn wait_for_input(&mut self, receiver: &Waker) {
        let left = self.rare().waiters.input.replace(receiver.clone());
        debug_assert!(left.is_none());
    }

    /// The Receiver waits for nothing.
    pub(super) fn forget_receiver(&mut self) -> Left {
        let Some(rare) = self.rare_if_any() else { return Left::default() };
        Left { _wakers: [rare.waiters.input.take(), rare.waiters.room.remove(&Key::RECEIVER)] }
    }
}

/// What the Receiver had left, to be dropped without the lock.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Left {
    _wakers: [Option<Waker>; 2],
}
