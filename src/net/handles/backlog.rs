//! What stands before a message that is sent now, for those who would rather wait than queue.

use std::future::poll_fn;

use super::sender::Sender;
use crate::net::state::waiting::{Awaited, Waiting};

/// What stands before a message that is sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backlog {
    /// Less than was asked for; or the connection has ended, and sending says so.
    Little,
    /// So many bytes that the connection task has not tried to write.
    Untried(usize),
    /// Bytes that the transport does not take.
    Refused,
}

impl Sender {
    /// Looks at the queue; `little` is in bytes.
    #[inline]
    pub(super) fn backlog(&self, little: usize) -> Backlog {
        // What is in the cork of this thread is not seen here. The cork is short.
        if self.shared.glance().is_open_below(little) {
            return Backlog::Little;
        }
        self.look_at_backlog(little)
    }

    #[inline(never)]
    fn look_at_backlog(&self, little: usize) -> Backlog {
        let state = self.shared.lock_for_sending();
        let queue = &state.queue;
        if queue.len() < little || !queue.outbound().is_open() {
            Backlog::Little
        } else if queue.is_blocked() {
            Backlog::Refused
        } else {
            Backlog::Untried(queue.len())
        }
    }

    /// Waits until a message can be sent, behind less than so many bytes, or the connection ends.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub(super) async fn ready_for_message_below(&self, queued: usize) {
        let below = queued.min(self.max_queued());
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(|cx| waiting.poll(cx, Awaited::Message { below }, |_| ())).await;
    }

    /// Bytes that may be queued on this connection.
    pub(crate) fn max_queued(&self) -> usize {
        self.shared.limits().max_queued
    }
}
