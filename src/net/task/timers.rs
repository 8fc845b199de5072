//! The timers of one connection, run when the coarse clock or a change of phase asks.

use std::time::Duration;

use super::opening::Opening;
use crate::net::ending::TimeoutKind;
use crate::net::lent::amounts::Control;
use crate::net::state::counted::Counted;
use crate::net::state::shared::Shared;
use crate::net::state::{Deadline, State};
use crate::proto::keepalive::{Keepalive, Silence};
use crate::proto::rejection::Rejection;

impl Shared {
    /// The handshake deadline while the head is incomplete: 408, or nothing for silence.
    pub(super) fn check_opening_timers(&self, opening: &Opening) {
        let mut state = self.lock();
        if !state.timer_due || !state.life.is_opening() {
            return;
        }
        state.timer_due = false;
        if self.context.is_draining() && !opening.is_silent() {
            return state.refuse(&opening.refusal(Rejection::ShuttingDown), self);
        }
        let deadline = state.life.deadline();
        if !deadline.is_past(self.context.clock.judged()) {
            return self.arm(&mut state, deadline);
        }
        if !opening.is_silent() {
            state.refuse(&opening.refusal(Rejection::HandshakeTooSlow), self);
        }
        if self.context.is_draining() {
            state.end_by_shutdown();
        } else {
            // RFC 6455 §7.2.2: the end is that of TCP, no Close is sent.
            state.expire(TimeoutKind::Handshake);
        }
        if opening.is_silent() {
            // Nothing was exchanged, so there is nothing to wait for either.
            state.life.give_up();
        }
    }

    pub(super) fn check_timers_if_due(&self, state: &mut State, keepalive: &mut Keepalive) {
        if state.timer_due {
            self.check_timers(state, keepalive);
        }
    }

    /// Runs what is due after the head is complete, and arms the clock for what is not. What had arrived by
    /// the time that this judges by was read.
    fn check_timers(&self, state: &mut State, keepalive: &mut Keepalive) {
        state.timer_due = false;
        let now = self.context.clock.judged();
        let next = if state.life.is_deciding() {
            if state.life.deadline().is_past(now) {
                state.refuse(&Rejection::HandlerTooSlow.into(), self);
                state.expire(TimeoutKind::Handshake);
            }
            state.life.deadline()
        } else if state.life.is_open() {
            Deadline::at(self.check_open(state, keepalive, now))
        } else if state.life.is_finishing() {
            self.check_finishing(state, now)
        } else {
            Deadline::NEVER
        };
        if !next.is_past(now) {
            self.arm(state, next);
        }
    }

    /// What is owed to the peer, then the end of TCP; gives when to look again.
    fn check_finishing(&self, state: &mut State, now: Duration) -> Deadline {
        // During a shutdown nobody waits for a peer that has got another answer than the 101.
        let is_hurried = self.context.is_draining() && state.life.was_answered();
        if state.life.is_end_unseen() && !state.queue.is_flushed() && !is_hurried {
            return judged_later(state.queue.drain_by(), now);
        }
        let end = self.end_deadline(state);
        state.life.wait_for_end(end);
        if state.life.deadline().is_past(now) {
            state.life.give_up();
            state.life.note_late_end();
        }
        state.life.deadline()
    }

    /// Back-pressure, the closing handshake and silence; gives when to look again.
    fn check_open(
        &self,
        state: &mut State,
        keepalive: &mut Keepalive,
        now: Duration,
    ) -> Option<Duration> {
        let timeouts = self.timeouts();
        let mut next = judged_later(state.queue.drain_by(), now).time();
        if state.reading.is_paused() {
            let until = state.pings.pause();
            if until <= now {
                self.resume(state);
            } else {
                next = next.into_iter().chain([until]).min();
            }
        }
        if let Some(until) = state.reading.held_until() {
            if until <= now {
                // A Receiver in the handler is polled in any case, and so is the input that nobody takes.
                state.release_message();
            } else {
                next = next.into_iter().chain([until]).min();
            }
        }
        if state.life.awaits_close() {
            let deadline = state.life.deadline();
            if deadline.is_past(now) {
                state.expire_at_once(TimeoutKind::Close);
                return None;
            }
            return next.into_iter().chain(deadline.time()).min();
        }
        if let Some((end, timer)) = state.reading.rest_deadline(timeouts) {
            if end <= now {
                self.context.count(Counted::LateMessage);
                state.give_up_message(timer);
                return None;
            }
            next = next.into_iter().chain([end]).min();
        }
        let Some(interval) = timeouts.keepalive_interval else { return next };
        if keepalive.is_new() || !state.reading.wants_input() || state.queue.is_blocked() {
            // Silence begins with the OPEN state, and while nobody reads it is ours.
            keepalive.heard(self.context.now());
        }
        let silence = loop {
            match keepalive.judge(now, interval, timeouts.keepalive_timeout) {
                Silence::Ping => {
                    let sent = self.context.now();
                    state.send_keepalive_ping(sent);
                    keepalive.pinged(sent);
                    if interval.is_zero() || timeouts.keepalive_timeout.is_zero() {
                        break sent + Duration::from_millis(1);
                    }
                }
                Silence::Until(due) => break due,
                Silence::Dead => {
                    state.give_up_silent_peer();
                    return None;
                }
            }
        };
        Some(next.map_or(silence, |next| next.min(silence)))
    }

    /// The pause of the peer is over: the task reads.
    fn resume(&self, state: &mut State) {
        state.reading.resume();
        if state.reading.lacks_rest() {
            state.await_rest(self);
        }
        state.wake_task();
    }
}

/// When the task is to look at a deadline that it judges elsewhere: never now, since it just has.
fn judged_later(deadline: Deadline, now: Duration) -> Deadline {
    deadline.max(Deadline::at(Some(now + Duration::from_millis(1))))
}

impl State {
    fn send_keepalive_ping(&mut self, now: Duration) {
        // The time sent tells one Ping from another.
        let data = u32::try_from(now.as_millis() & u128::from(u32::MAX)).unwrap_or(0).to_be_bytes();
        let queued =
            self.queue.append_control(Control::Ping, |outbound, batch| outbound.ping(&data, batch));
        if queued.is_ok() {
            self.pings.sent(&data, now);
        }
    }
}
