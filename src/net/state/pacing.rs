//! What happens to messages that come faster than `Limits::max_messages_per_second`.
//!
//! A message takes its token when it is given as a whole. The next one is not begun before there is a token:
//!
//! | `WhenTooFast` | a message without a token |
//! |---|---|
//! | `Wait` | stays in the input, so that the task does not read; the clock wakes the Receiver |
//! | `Close` | fails the connection with 1008 |
//!
//! With `Close` the peer is not to pay for a handler, or a process, that was slow: its messages may have come
//! at any time since there was nothing left to read.

use tokio::time::Instant;

use super::counted::Counted;
use super::shared::Shared;
use super::{Deadline, Received, State};
use crate::net::config::{Limits, WhenTooFast};
use crate::proto::violation::Violation;

impl State {
    /// The connection is open: from here on its messages are counted, if that is to be.
    pub(in crate::net) fn keep_pace(&mut self, limits: &Limits) {
        if let Some(max) = limits.max_messages_per_second {
            self.reading.keep_pace(max, Instant::now());
        }
    }

    /// Whether the next message, if one is next, is given no token: what has come of that.
    #[inline]
    pub(in crate::net) fn hold_back(&mut self, shared: &Shared) -> Option<Received> {
        if self.reading.keeps_pace() { self.judge_pace(shared) } else { None }
    }

    #[cold]
    fn judge_pace(&mut self, shared: &Shared) -> Option<Received> {
        if !self.reading.begins_message() {
            return None;
        }
        let pace = self.reading.pace()?;
        let (now, choice) = (Instant::now(), shared.limits().when_too_fast);
        if choice == WhenTooFast::Wait {
            pace.caught_up(now);
        }
        let wait = pace.wait(now);
        if wait.is_zero() {
            pace.hold(None);
            return None;
        }
        match choice {
            WhenTooFast::Wait => {
                let until = shared.context.now() + wait;
                pace.hold(Some(until));
                shared.arm(self, Deadline::at(Some(until)));
                Some(Received::UsedUp)
            }
            WhenTooFast::Close => {
                shared.context.count(Counted::MessageFlood);
                self.fail(Violation::TooManyMessages);
                Some(Received::Over)
            }
        }
    }

    /// The next message may have its token now: a Receiver on another task looks.
    pub(in crate::net) fn release_message(&mut self) {
        if let Some(pace) = self.reading.pace() {
            pace.hold(None);
        }
        self.wake_receiver();
    }

    /// There was nothing to read: what comes now was not there before.
    #[cold]
    pub(in crate::net) fn note_caught_up(&mut self) {
        if let Some(pace) = self.reading.pace() {
            pace.caught_up(Instant::now());
        }
    }
}
