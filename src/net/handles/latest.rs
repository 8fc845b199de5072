//! Values of which only the newest counts: what waits for room outside of the queue.
//!
//! ```text
//!              the queue is short              the queue is long, and the transport refuses bytes
//!   value ──────────────────────► queue   value ──────────────────────► held, the newest per key
//!                                                                          │  a task waits until the
//!                                   queue ◄───────────────────────────────┘  queue is short
//! ```
//!
//! As long as a value is held back, the later ones are held too: so none overtakes one of its key.
//! [`Sender::send_latest`] holds values back for its connection; a topic does so for each subscription
//! and uses what is here.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use super::backlog::Backlog;
use super::sender::{Guest, Sender};
use crate::net::state::latest::{Key, Latest};
use crate::proto::outbound::SendError;
use crate::proto::prepared::Prepared;

/// How far held values were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CatchUp {
    /// Some are left.
    Later,
    /// None is left.
    Over,
    /// The connection has ended.
    Ended,
}

impl Sender {
    /// Sends the newest value of something. The key says of what: a later value with the same bytes as
    /// key replaces this one, as long as this one waits.
    ///
    /// A value is queued at once while less than 4 KiB are queued that the transport does not take. Else
    /// it waits outside of the queue, and goes when less than 4 KiB are queued before it. As long as one
    /// value waits, those that come later wait too, and they leave in the order in which their keys began
    /// to wait. So a peer that keeps up gets every value, and a slow peer gets the newest of each key, not
    /// outdated by a long queue. Between values and what is sent otherwise there is no order, but a value
    /// goes behind all that was queued before it.
    ///
    /// What waits so takes up to [`max_queued`](crate::Limits::max_queued) bytes beside the queue, keys
    /// included. Values that wait are no part of [`Sender::queued`], [`Sender::flushed`] does not wait for
    /// them, and a Close drops them. A [`Topic`](crate::Topic) does the same for many with
    /// [`publish_latest`](crate::Topic::publish_latest).
    ///
    /// ```
    /// # fn tell(sender: &stickler::Sender) -> Result<(), stickler::SendError> {
    /// sender.send_latest("EURUSD", r#"{"EURUSD": 1.0712}"#)?;
    /// sender.send_latest("EURUSD", r#"{"EURUSD": 1.0713}"#)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError::QueueFull`] where the values that wait take their bound, unless
    /// [`WhenFull`](crate::WhenFull) has this one dropped or the connection closed then: the older
    /// value of its key is outdated, and not sent either. [`SendError::Closed`] after a Close.
    pub fn send_latest(
        &self,
        key: impl AsRef<[u8]>,
        message: impl Into<Prepared>,
    ) -> Result<(), SendError> {
        let message = message.into();
        let known = self.shared.lock().waiters.latest_if_any();
        if known.is_none()
            && let Some(sent) = self.send_soon(&message)
        {
            return sent;
        }
        let held = known.unwrap_or_else(|| self.shared.lock().waiters.latest());
        self.send_or_hold(&held, &key.as_ref().into(), &message)
    }

    fn send_or_hold(
        &self,
        held: &Arc<Mutex<Latest>>,
        key: &Key,
        message: &Prepared,
    ) -> Result<(), SendError> {
        let mut latest = lock(held);
        let is_first = latest.is_empty();
        if is_first && let Some(sent) = self.send_soon(message) {
            return sent;
        }
        if !self.shared.glance().is_open() {
            return Err(SendError::Closed);
        }
        let is_kept = latest.keep(key, message, self.max_queued());
        drop(latest);
        if !is_kept {
            return self.find_full(self.when_full());
        }
        if is_first {
            let duty = Duty { sender: Guest::of(self), held: Some(held.clone()) };
            self.shared.context.spawn(duty.fulfil());
        }
        Ok(())
    }

    /// Queues a value, if that is short or the transport has not been asked. `None`: it is to be held
    /// back.
    pub(crate) fn send_soon(&self, message: &Prepared) -> Option<Result<(), SendError>> {
        let is_soon = match self.backlog(LITTLE) {
            Backlog::Little => true,
            Backlog::Untried(queued) => queued < BURST,
            Backlog::Refused => false,
        };
        if !is_soon {
            return None;
        }
        match self.offer(message) {
            Ok(()) => Some(Ok(())),
            Err(SendError::Closed) => Some(Err(SendError::Closed)),
            // The queue is full, or another message is being sent in fragments.
            Err(_) => None,
        }
    }

    /// Whether a value would be held back only because the connection's task had no turn.
    pub(crate) fn wants_turn(&self) -> bool {
        matches!(self.backlog(LITTLE), Backlog::Untried(_))
    }

    /// Waits until a value can be sent behind little, or the connection ends.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub(crate) async fn ready_for_value(&self) {
        self.ready_for_message_below(LITTLE).await;
    }

    /// Queues held values until the queue is no longer short.
    pub(crate) fn catch_up(&self, latest: &mut Latest) -> CatchUp {
        while let Some(message) = latest.first() {
            if self.backlog(LITTLE) != Backlog::Little {
                return CatchUp::Later;
            }
            match self.offer(message) {
                Ok(()) => latest.drop_first(),
                Err(SendError::Closed) => return CatchUp::Ended,
                Err(_) => return CatchUp::Later,
            }
        }
        CatchUp::Over
    }
}

/// A task's duty to send the values that a connection holds back. If the task is dropped before its end,
/// as at the end of the runtime, nothing is held back any more.
struct Duty {
    sender: Guest,
    /// `None` once it is fulfilled.
    held: Option<Arc<Mutex<Latest>>>,
}

impl Duty {
    async fn fulfil(mut self) {
        loop {
            self.sender.ready_for_value().await;
            if self.queue() != CatchUp::Later {
                return;
            }
            // What was queued is written first: that may have made room.
            let_woken_run().await;
        }
    }

    fn queue(&mut self) -> CatchUp {
        let Some(held) = self.held.take() else { return CatchUp::Over };
        let mut latest = lock(&held);
        let caught_up = self.sender.catch_up(&mut latest);
        if caught_up == CatchUp::Later {
            drop(latest);
            self.held = Some(held);
        } else {
            // Tables of many keys do not stay.
            *latest = Latest::default();
        }
        caught_up
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if let Some(held) = &self.held {
            *lock(held) = Latest::default();
        }
    }
}

fn lock(held: &Mutex<Latest>) -> MutexGuard<'_, Latest> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Goes on behind the tasks that were woken before. tokio's `yield_now` would look at all sockets
/// first, which is a system call.
pub(crate) async fn let_woken_run() {
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

/// Bytes behind which a value goes to a peer whose transport refuses bytes: 41 ms at 100 kB/s.
const LITTLE: usize = 4 << 10;

/// Bytes behind which it goes to one whose transport has not been asked.
const BURST: usize = 64 << 10;
