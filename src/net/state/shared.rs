//! The lock of a connection, and what may be seen without it.

use std::fmt;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::task::Waker;
use std::time::Duration;

use super::client::Rare;
use super::context::{Context, tick_of};
use super::drain::DrainRate;
use super::glance::{Glance, LastGlance};
use super::id::ConnectionId;
use super::marks::Marks;
use super::own::Own;
use super::settings::Settings;
use super::waiting::{Wakes, Woken};
use super::{Deadline, State};
use crate::net::lent::cork;
use crate::proto::rejection::Rejection;

/// One connection, as its handles and its task see it.
pub(in crate::net) struct Shared {
    pub(in crate::net) context: Arc<Context>,
    /// The peer of the transport. Behind a proxy it is not the client.
    pub(in crate::net) transport_addr: Option<SocketAddr>,
    /// What the handler chose for this connection.
    pub(super) settings: OnceLock<Box<Settings>>,
    /// What few connections have.
    pub(super) rare: OnceLock<Box<Rare>>,
    /// Its numbers.
    pub(super) own: Box<Own>,
    glance: LastGlance,
    state: Mutex<State>,
}

/// The state, locked. When the lock is given up the glance is renewed, and then those are woken who
/// are to be.
pub(in crate::net) struct Locked<'a> {
    state: MutexGuard<'a, State>,
    glance: &'a LastGlance,
    /// Nobody before the end; stands behind the guard, and is dropped after it.
    woken: Woken,
}

impl Shared {
    /// A connection that is registered, with what is known of its transport.
    pub(in crate::net) fn new(
        context: Arc<Context>,
        peer: Option<SocketAddr>,
        marks: Marks,
    ) -> Arc<Shared> {
        let now = context.now();
        let deadline = Deadline::at(now.checked_add(context.config.timeouts.handshake));
        let mut state = State::new(deadline);
        state.marks = marks;
        let shared = Arc::new(Shared {
            context: context.clone(),
            transport_addr: peer,
            settings: OnceLock::new(),
            rare: OnceLock::new(),
            own: Box::new(Own::new(now)),
            glance: LastGlance::default(),
            state: Mutex::new(state),
        });
        context.enter(shared.clone());
        if context.is_draining() {
            // The shutdown may have come before the connection was registered.
            shared.shutdown();
        }
        shared
    }

    #[inline(always)]
    pub(in crate::net) fn lock(&self) -> Locked<'_> {
        // A panic while the lock is held is ours; the connection goes on to its end.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { state, glance: &self.glance, woken: Woken::default() }
    }

    /// The lock, unless somebody has it: that one makes progress.
    pub(super) fn try_lock(&self) -> Option<Locked<'_>> {
        let state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Locked { state, glance: &self.glance, woken: Woken::default() })
    }

    /// As [`Shared::lock`], for a caller that queues or counts frames: those in the cork of this
    /// thread are queued first.
    #[inline]
    pub(in crate::net) fn lock_for_sending(&self) -> Locked<'_> {
        let cork = cork::take(self.key());
        let mut state = self.lock();
        if let Some(frames) = cork {
            state.uncork(frames);
        }
        state
    }

    /// The name of the connection, for the cork.
    #[inline]
    pub(in crate::net) fn key(&self) -> cork::Key {
        cork::Key::of(&self.glance)
    }

    /// Remembers the connection task, for those who have to wake it.
    pub(in crate::net) fn remember_task(&self, waker: &Waker) {
        let waker = waker.clone();
        let replaced = self.lock().task.replace(waker);
        drop(replaced);
    }

    /// The name of the connection, for users.
    pub(in crate::net) fn id(&self) -> ConnectionId {
        ConnectionId::new(self.context.number, self.own.place())
    }

    /// What the state was when its lock was last given up.
    #[inline]
    pub(in crate::net) fn glance(&self) -> Glance {
        self.glance.load()
    }

    /// Ends the registration; the connection task is going.
    pub(in crate::net) fn leave(&self) {
        let mut state = self.lock();
        let place = self.own.place();
        let is_charged = std::mem::take(&mut state.is_charged);
        drop(state);
        if is_charged {
            self.context.memory.close_account(ConnectionId::new(self.context.number, place));
        }
        self.context.leave(place);
    }

    /// Has the clock wake this connection at `deadline`, or earlier.
    pub(in crate::net) fn arm(&self, state: &mut State, deadline: Deadline) {
        let Some(deadline) = deadline.time() else { return };
        let tick = u32::try_from(tick_of(deadline)).unwrap_or(u32::MAX - 1);
        if tick < state.armed {
            state.armed = tick;
            self.context.arm(self.own.place(), tick.into());
        }
    }

    /// How slowly the peer may take bytes.
    pub(in crate::net) fn drain_rate(&self) -> DrainRate {
        DrainRate::new(self.limits().min_drain_rate)
    }

    /// When the peer's Close, or its FIN, is overdue that is waited for from now on.
    pub(in crate::net) fn close_deadline(&self) -> Deadline {
        Deadline::at(self.context.now().checked_add(self.timeouts().close))
    }

    /// When the end of TCP is overdue that begins now: during a shutdown nobody waits long for a peer
    /// that has got another answer than the 101.
    pub(in crate::net) fn end_deadline(&self, state: &State) -> Deadline {
        if self.context.is_draining() && state.life.was_answered() {
            self.close_deadline().min(self.answered_deadline())
        } else {
            self.close_deadline()
        }
    }

    /// When a peer that has had its answer is overdue, during a shutdown.
    fn answered_deadline(&self) -> Deadline {
        Deadline::at(self.context.now().checked_add(LATE_END))
    }

    pub(in crate::net) fn fire_timer(&self) {
        let mut state = self.lock();
        state.armed = u32::MAX;
        state.timer_due = true;
        state.wake_task();
    }

    /// The server is about to shut down: an opening handshake that is undecided is refused.
    pub(in crate::net) fn drain(&self) {
        let now = self.context.now();
        let mut state = self.lock();
        if state.life.is_opening() {
            // A peer that has sent half a head is refused at once; one that is silent gets a moment.
            state.life.hurry(Deadline::at(Some(now + LATE_MOMENT)));
            state.timer_due = true;
        } else if state.life.is_deciding() {
            state.refuse(&Rejection::ShuttingDown.into(), self);
        } else if state.life.was_answered() {
            // A peer that has its answer is given a moment to take it and to end its side.
            state.life.hurry(self.answered_deadline());
            state.timer_due = true;
        } else {
            return;
        }
        state.wake_task();
    }

    /// The server shuts down (RFC 6455 §7.4.1: 1001, unless its farewell says otherwise).
    pub(in crate::net) fn shutdown(&self) {
        self.drain();
        let Some(farewell) = self.context.farewell() else { return };
        let mut state = self.lock();
        if state.life.is_open() {
            state.take_leave(farewell, self.limits().max_queued);
            state.wake_task();
        }
    }
}

impl fmt::Debug for Shared {
    /// What can be seen without the lock: whoever formats this may hold it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let glance = self.glance();
        f.debug_struct("Connection")
            .field("peer", &self.peer())
            .field("is_open", &glance.is_open())
            .field("queued", &glance.queued())
            .finish_non_exhaustive()
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        self.glance.store(self.state.glance());
        if self.state.wakes != Wakes::NOBODY {
            // The task looks at everything when it has polled its handler.
            if cork::is_open(cork::Key::of(self.glance)) {
                self.state.wakes.remove(Wakes::TASK);
                if self.state.wakes == Wakes::NOBODY {
                    return;
                }
            }
            self.woken = self.state.take_woken();
        }
    }
}

/// How long a connection that has not asked for anything may still do so when the server
/// shuts down.
const LATE_MOMENT: Duration = Duration::from_millis(250);

/// How long the end of TCP is waited for when the server shuts down and the peer was refused.
const LATE_END: Duration = Duration::from_secs(1);

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// The allocator gives a connection its memory in steps of 128 bytes, because tokio aligns its task to
    /// that: eight bytes more here once cost 175 for each idle connection.
    #[test]
    fn a_connection_does_not_grow_by_a_step() {
        assert!(size_of::<Shared>() <= 280, "{}", size_of::<Shared>());
    }
}
