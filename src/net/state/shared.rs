//! What the connection task, the Receiver and the Senders share, behind one small lock.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::context::{Context, tick_of};
use super::ending::Initiator;
use super::glance::{Glance, LastGlance};
use super::held;
use super::state::{Phase, State};
use super::waiting::{Wakes, Woken};
use crate::proto::close::CloseCode;
use crate::proto::rejection::Rejection;

/// One connection, as its handles and its task see it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) context: Arc<Context>,
    pub(super) peer: Option<SocketAddr>,
    glance: LastGlance,
    state: Mutex<State>,
}

/// The state, locked. When it is given up the glance is renewed, then those woken for whom that
/// was asked.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    state: MutexGuard<'a, State>,
    glance: &'a LastGlance,
    /// Nobody before the end; stands behind the guard, and is dropped after it.
    woken: Woken,
}

impl Shared {
    pub(super) fn new(context: Arc<Context>, peer: Option<SocketAddr>) -> Arc<Shared> {
        let deadline = context.now().checked_add(context.config.timeouts.handshake);
        let shared = Arc::new(Shared {
            context: context.clone(),
            peer,
            glance: LastGlance::default(),
            state: Mutex::new(State::new()),
        });
        shared.lock().set_deadline(deadline);
        let place = context.enter(shared.clone());
        shared.lock().place = place;
        if context.is_draining() {
            // The shutdown may have come before the connection was registered.
            shared.shutdown();
        }
        shared
    }

    #[inline(always)]
    pub(super) fn lock(&self) -> Locked<'_> {
        // A panic while the lock is held is ours; the connection goes on to its end.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { state, glance: &self.glance, woken: Woken::default() }
    }

    /// As [`Shared::lock`], for who queues or counts frames: those that this thread holds are
    /// queued first.
    #[inline]
    pub(super) fn lock_for_sending(&self) -> Locked<'_> {
        let (held, is_news) = held::take(self);
        let mut state = self.lock();
        if is_news {
            state.begin_polling();
        }
        if let Some(frames) = held {
            state.put_first(frames);
        }
        state
    }

    /// What the state was when its lock was last given up.
    #[inline]
    pub(super) fn glance(&self) -> Glance {
        self.glance.load()
    }

    /// Ends the registration; the connection task is going.
    pub(super) fn leave(&self) {
        let place = self.lock().place;
        self.context.leave(place);
    }

    /// Has the clock wake this connection at `deadline`, or earlier.
    pub(super) fn arm(&self, state: &mut State, deadline: Duration) {
        let tick = tick_of(deadline);
        if tick < state.armed {
            state.armed = tick;
            self.context.arm(state.place, tick);
        }
    }

    /// When a closing handshake that starts now is overdue.
    pub(super) fn close_deadline(&self) -> Option<Duration> {
        self.context.now().checked_add(self.context.config.timeouts.close)
    }

    pub(super) fn fire_timer(&self) {
        let mut state = self.lock();
        state.armed = u64::MAX;
        state.timer_due = true;
        state.wake_task();
    }

    /// The server shuts down (RFC 6455 §7.4.1: 1001).
    pub(super) fn shutdown(&self) {
        let now = self.context.now();
        let mut state = self.lock();
        match state.phase {
            // Who has asked for half a thing is told at once; who is silent gets a moment.
            Phase::Opening => {
                let late = now + LATE_MOMENT;
                let deadline = state.deadline().map_or(late, |known| known.min(late));
                state.set_deadline(Some(deadline));
                state.timer_due = true;
            }
            Phase::Deciding => state.refuse(&Rejection::ShuttingDown.into()),
            Phase::Open => {
                let deadline = self.close_deadline();
                state.close(Initiator::Shutdown, CloseCode::GOING_AWAY, "", deadline);
            }
            Phase::Finishing | Phase::Closed => {}
        }
        state.wake_task();
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
            self.woken = self.state.take_woken();
        }
    }
}

/// How long a connection that has not asked for anything may still do so when the server
/// shuts down.
const LATE_MOMENT: Duration = Duration::from_millis(250);
