//! A Sender as a Sink wants it: polled, with its places among those who wait kept between polls.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::outgoing::Outgoing;
use super::sender::Sender;
use super::sending::Bound;
use crate::net::ending::Ending;
use crate::net::error::Result;
use crate::net::state::shared::Shared;
use crate::net::state::waiting::{Awaited, Waiting};
use crate::proto::close::CloseCode;
use crate::proto::outbound::SendError;

/// A Sender that is polled.
pub(crate) struct PolledSender {
    sender: Sender,
    /// For room in the queue.
    room: Waiting<Arc<Shared>>,
    /// For what was queued to be written, then for the end.
    rest: Waiting<Arc<Shared>>,
}

impl PolledSender {
    pub(crate) fn new(sender: Sender) -> PolledSender {
        let (room, rest) = (sender.shared.clone(), sender.shared.clone());
        PolledSender { sender, room: Waiting::owned(room), rest: Waiting::owned(rest) }
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// As [`Sender::ready`].
    pub(crate) fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.room.poll_room(cx, self.sender.shared.max_queued_now()));
        Poll::Ready(if self.sender.is_open() { Ok(()) } else { Err(SendError::Closed) })
    }

    /// Queues a message for which there was room.
    pub(crate) fn send<M: Outgoing>(&self, message: M) -> Result<(), SendError> {
        self.sender.queue_message(message, Bound::WasAwaited)
    }

    /// As [`Sender::flushed`].
    pub(crate) fn poll_flush(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        self.rest.poll_flushed(cx)
    }

    /// Closes with 1000, unless a Close was sent or received, and waits until the connection has ended.
    pub(crate) fn poll_close(&mut self, cx: &Context<'_>) -> Poll<Result<()>> {
        // The Close that was sent first is the one.
        let _ = self.sender.close(CloseCode::NORMAL, "");
        let error = ready!(
            self.rest
                .poll(cx, Awaited::End, |state| { state.life.ended().and_then(Ending::to_error) })
        );
        Poll::Ready(error.map_or(Ok(()), Err))
    }
}

impl fmt::Debug for PolledSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sender.fmt(f)
    }
}
