//! The timers of one connection, run when the coarse clock or a change of phase asks.

use std::task::Waker;
use std::time::Duration;

use super::ending::Timer;
use super::opening::Opening;
use super::shared::Shared;
use super::state::{Phase, State};
use crate::proto::close::CloseCode;
use crate::proto::inbound::Payload;
use crate::proto::keepalive::{Keepalive, Silence};
use crate::proto::rejection::Rejection;

impl Shared {
    /// Remembers the connection task for those who have to wake it.
    pub(super) fn remember_task(&self, waker: &Waker) {
        let waker = waker.clone();
        let replaced = self.lock().task.replace(waker);
        drop(replaced);
    }

    /// The handshake deadline while the head is incomplete: 408, or nothing for silence.
    pub(super) fn check_opening_timers(&self, opening: &Opening) {
        let mut state = self.lock();
        if !state.timer_due || state.phase != Phase::Opening {
            return;
        }
        state.timer_due = false;
        if self.context.is_draining() && !opening.is_silent() {
            return state.refuse(&opening.refusal(Rejection::ShuttingDown));
        }
        let Some(deadline) = state.deadline() else { return };
        if self.context.now() < deadline {
            return self.arm(&mut state, deadline);
        }
        if opening.is_silent() {
            // Nothing was exchanged, so there is nothing to wait for either.
            state.is_overdue = true;
        } else {
            state.refuse(&opening.refusal(Rejection::HandshakeTooSlow));
        }
        if self.context.is_draining() {
            state.end_by_shutdown();
        } else {
            state.expire(Timer::Handshake);
        }
    }

    pub(super) fn check_timers_if_due(&self, state: &mut State, keepalive: &mut Keepalive) {
        if state.timer_due {
            self.check_timers(state, keepalive);
        }
    }

    /// Runs what is due after the head is complete, and arms the clock for what is not.
    fn check_timers(&self, state: &mut State, keepalive: &mut Keepalive) {
        state.timer_due = false;
        let now = self.context.now();
        let timeouts = &self.context.config.timeouts;
        let next = match state.phase {
            Phase::Opening | Phase::Closed => None,
            Phase::Deciding => {
                let overdue = state.deadline().is_some_and(|deadline| deadline <= now);
                if overdue {
                    state.refuse(&Rejection::HandlerTooSlow.into());
                    state.expire(Timer::Handshake);
                }
                state.deadline()
            }
            Phase::Open => self.check_open(state, keepalive, now),
            Phase::Finishing => {
                let deadline = state.deadline().or_else(|| now.checked_add(timeouts.close));
                state.set_deadline(deadline);
                let deadline = deadline.unwrap_or(Duration::MAX);
                if deadline <= now {
                    state.is_overdue = true;
                    state.ending().timer.get_or_insert(Timer::Close);
                }
                Some(deadline)
            }
        };
        if let Some(next) = next.filter(|next| *next > now) {
            self.arm(state, next);
        }
    }

    /// Back-pressure, the closing handshake and silence; gives when to look again.
    fn check_open(
        &self,
        state: &mut State,
        keepalive: &mut Keepalive,
        now: Duration,
    ) -> Option<Duration> {
        let timeouts = &self.context.config.timeouts;
        let mut next = None;
        if let Some(deadline) =
            state.blocked_since().and_then(|since| since.checked_add(timeouts.write))
        {
            if deadline <= now {
                state.is_overdue = true;
                state.expire(Timer::Write);
                return None;
            }
            next = Some(deadline);
        }
        if state.outbound.has_sent_close() {
            let deadline = state.deadline()?;
            if deadline <= now {
                state.is_overdue = true;
                state.expire(Timer::Close);
                return None;
            }
            return Some(next.map_or(deadline, |next| next.min(deadline)));
        }
        let Some(interval) = timeouts.keepalive_interval else { return next };
        let max_queued = self.context.config.limits.max_queued;
        let is_reading = state.is_reading(max_queued) && state.blocked_since().is_none();
        if keepalive.is_new() || !is_reading {
            // Silence begins with the OPEN state, and while nobody reads it is ours.
            keepalive.heard(now);
        }
        let silence = loop {
            match keepalive.judge(now, interval, timeouts.keepalive_timeout) {
                Silence::Ping => {
                    state.send_keepalive_ping(now);
                    keepalive.pinged(now);
                    if interval.is_zero() || timeouts.keepalive_timeout.is_zero() {
                        break now + Duration::from_millis(1);
                    }
                }
                Silence::Until(due) => break due,
                Silence::Dead => {
                    state.with_batch(|_, outbound, batch| {
                        outbound.fail_with(CloseCode::INTERNAL_ERROR, NO_PONG, batch);
                    });
                    state.inbound.fail();
                    state.expire(Timer::Keepalive);
                    return None;
                }
            }
        };
        Some(next.map_or(silence, |next| next.min(silence)))
    }
}

impl State {
    fn send_keepalive_ping(&mut self, now: Duration) {
        // The time sent tells one Ping from another.
        let data = u32::try_from(now.as_millis() & u128::from(u32::MAX)).unwrap_or(0).to_be_bytes();
        if self.with_batch(|_, outbound, batch| outbound.ping(&data, batch)).is_ok() {
            self.rare().ping = Some((data.to_vec(), now));
        }
    }
}

/// A Pong that answers the newest Ping gives the round-trip time (RFC 6455 §5.5.3).
pub(super) fn note_pong(
    state: &mut State,
    shared: &Shared,
    at: &Payload,
    input: &[u8],
    position: usize,
) {
    let Some((data, sent)) = state.rare_if_any().and_then(|rare| rare.ping.take()) else { return };
    let body = match at {
        Payload::Input(range) => {
            input.get(range.start + position..range.end + position).unwrap_or_default()
        }
        _ => state.inbound.control(),
    };
    if body == data {
        state.rare().round_trip = Some(shared.context.now().saturating_sub(sent));
    } else {
        state.rare().ping = Some((data, sent));
    }
}

/// The reason of the Close that gives up a silent peer.
const NO_PONG: &str = "RFC 6455 5.5.2: no answer to a Ping in time";
