//! Futures that wait for something of a connection, and how they are woken.
//!
//! Waking a waker or dropping one may run code of the application, and that may call us. So neither
//! happens under the lock: who is to be woken is noted there, and leaves the state when the lock is
//! given up.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use super::State;
use super::shared::{Locked, Shared};

/// What a handle may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum Awaited {
    /// Room in the queue.
    Room,
    /// That all of the queue is written.
    #[cfg(feature = "futures")]
    Written,
    /// The end of TCP.
    End,
}

/// A future's place among those who wait for the same, given up when it is dropped.
#[derive(Debug)]
pub(in crate::net) struct Waiting<'a> {
    shared: &'a Shared,
    place: Place,
}

impl<'a> Waiting<'a> {
    pub(in crate::net) fn new(shared: &'a Shared, awaited: Awaited) -> Waiting<'a> {
        Waiting { shared, place: Place::of(awaited) }
    }

    /// Looks for it, and waits if it is not there.
    pub(in crate::net) fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        look: impl Fn(&State) -> Option<R>,
    ) -> Poll<R> {
        self.place.poll(self.shared, cx, look)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.place.give_up(self.shared);
    }
}

/// A place among those who wait for the same thing of one connection. Whoever has it gives it up.
#[derive(Debug)]
pub(in crate::net) struct Place {
    awaited: Awaited,
    /// `None` until it had to wait.
    key: Option<Key>,
}

impl Place {
    pub(in crate::net) fn of(awaited: Awaited) -> Place {
        Place { awaited, key: None }
    }

    /// As [`Waiting::poll`].
    pub(in crate::net) fn poll<R>(
        &mut self,
        shared: &Shared,
        cx: &Context<'_>,
        look: impl Fn(&State) -> Option<R>,
    ) -> Poll<R> {
        let mut waker = None;
        loop {
            let mut state = self.lock(shared);
            if let Some(found) = look(&state) {
                return Poll::Ready(found);
            }
            let Some(waker) = waker.take() else {
                drop(state);
                waker = Some(cx.waker().clone());
                continue;
            };
            let waiters = state.waiters.get();
            let key = *self.key.get_or_insert_with(|| waiters.new_key());
            let replaced = waiters.of(self.awaited).insert(key, waker);
            drop(state);
            drop(replaced);
            return Poll::Pending;
        }
    }

    fn lock<'a>(&self, shared: &'a Shared) -> Locked<'a> {
        match self.awaited {
            Awaited::Room => shared.lock_for_sending(),
            #[cfg(feature = "futures")]
            Awaited::Written => shared.lock_for_sending(),
            Awaited::End => shared.lock(),
        }
    }

    pub(in crate::net) fn give_up(&mut self, shared: &Shared) {
        let Some(key) = self.key.take() else { return };
        let mut state = shared.lock();
        let waker = state.waiters.get_if_any().and_then(|all| all.of(self.awaited).remove(&key));
        drop(state);
        drop(waker);
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

    /// Whether somebody waits for all of the queue to be written.
    #[cfg(feature = "futures")]
    fn is_written_awaited(&self) -> bool {
        self.0.as_ref().is_some_and(|all| !all.written.is_empty())
    }

    /// Whether somebody waits for room in the queue.
    pub(in crate::net) fn is_room_awaited(&self) -> bool {
        self.0.as_ref().is_some_and(|all| !all.room.is_empty())
    }
}

#[derive(Debug, Default)]
struct All {
    /// The Receiver, when it waits for input elsewhere than in the connection task.
    input: Option<Waker>,
    room: BTreeMap<Key, Waker>,
    #[cfg(feature = "futures")]
    written: BTreeMap<Key, Waker>,
    end: BTreeMap<Key, Waker>,
    newest: u64,
}

impl All {
    fn new_key(&mut self) -> Key {
        self.newest += 1;
        Key(self.newest)
    }

    fn of(&mut self, awaited: Awaited) -> &mut BTreeMap<Key, Waker> {
        match awaited {
            Awaited::Room => &mut self.room,
            #[cfg(feature = "futures")]
            Awaited::Written => &mut self.written,
            Awaited::End => &mut self.end,
        }
    }
}

/// Who is to be woken when the lock is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Wakes(u8);

impl Wakes {
    pub(in crate::net) const NOBODY: Wakes = Wakes(0);
    /// The connection task.
    pub(in crate::net) const TASK: Wakes = Wakes(1);
    /// The Receiver.
    pub(in crate::net) const INPUT: Wakes = Wakes(2);
    pub(in crate::net) const ROOM: Wakes = Wakes(4);
    pub(in crate::net) const END: Wakes = Wakes(8);
    #[cfg(feature = "futures")]
    pub(in crate::net) const WRITTEN: Wakes = Wakes(16);

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
    /// Takes those out who are to be woken.
    #[inline(never)]
    pub(in crate::net) fn take_woken(&mut self) -> Woken {
        let wakes = std::mem::take(&mut self.wakes);
        let task = self.task.as_ref().filter(|_| wakes.has(Wakes::TASK)).cloned();
        let Some(all) = self.waiters.get_if_any() else { return task.into_iter().collect() };
        let input = if wakes.has(Wakes::INPUT) { all.input.take() } else { None };
        let mut many = BTreeMap::new();
        for (wake, awaited) in [
            (Wakes::ROOM, Awaited::Room),
            (Wakes::END, Awaited::End),
            #[cfg(feature = "futures")]
            (Wakes::WRITTEN, Awaited::Written),
        ] {
            if wakes.has(wake) {
                // Keys differ, whatever is waited for.
                many.append(all.of(awaited));
            }
        }
        task.into_iter().chain(input).chain(many.into_values()).collect()
    }

    /// Wakes those who wait for room in the queue, if there is some.
    #[inline]
    pub(in crate::net) fn offer_room(&mut self, max_queued: usize) {
        if self.waiters.is_room_awaited() && self.life.is_open() && self.queue.has_room(max_queued)
        {
            self.wakes.add(Wakes::ROOM);
        }
    }

    /// Wakes those who wait for all of the queue to be written, if it is.
    #[inline]
    pub(in crate::net) fn tell_written(&mut self) {
        #[cfg(feature = "futures")]
        if self.waiters.is_written_awaited() && self.queue.written().is_some() {
            self.wakes.add(Wakes::WRITTEN);
        }
    }

    /// The Receiver, which has left no waker, waits for room in the queue.
    pub(in crate::net) fn wait_for_room(&mut self, receiver: &Waker) {
        let left = self.waiters.get().room.insert(Key::RECEIVER, receiver.clone());
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
        Left { _wakers: [all.input.take(), all.room.remove(&Key::RECEIVER)] }
    }
}

/// What the Receiver had left, to be dropped without the lock.
#[derive(Debug, Default)]
#[must_use]
pub(in crate::net) struct Left {
    _wakers: [Option<Waker>; 2],
}
