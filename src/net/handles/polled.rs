//! A Sender as a Sink wants it: polled, with its places among those who wait kept between polls.

use std::fmt;
use std::task::{Context, Poll, ready};

use super::outgoing::Outgoing;
use super::sender::Sender;
use crate::net::ending::Ending;
use crate::net::error::Result;
use crate::net::state::State;
use crate::net::state::waiting::{Awaited, Place};
use crate::proto::close::CloseCode;
use crate::proto::outbound::SendError;

/// A Sender that is polled.
pub(crate) struct PolledSender {
    sender: Sender,
    room: Place,
    written: Place,
    end: Place,
}

impl PolledSender {
    pub(crate) fn new(sender: Sender) -> PolledSender {
        PolledSender {
            sender,
            room: Place::of(Awaited::Room),
            written: Place::of(Awaited::Written),
            end: Place::of(Awaited::End),
        }
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// Waits for room in the queue.
    pub(crate) fn poll_ready(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        let shared = &*self.sender.shared;
        let bound = shared.context.config.limits.max_queued;
        self.room.poll(shared, cx, |state: &State| {
            if !state.life.is_open() || !state.queue.outbound().is_open() {
                return Some(Err(SendError::Closed));
            }
            state.queue.has_room(bound).then_some(Ok(()))
        })
    }

    pub(crate) fn send<M: Outgoing>(&self, message: M) -> Result<(), SendError> {
        self.sender.send(message)
    }

    /// Waits until all that is queued was written to the transport, and flushed.
    pub(crate) fn poll_flush(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        self.written.poll(&self.sender.shared, cx, |state: &State| state.queue.written())
    }

    /// Closes with 1000, unless a Close was sent or received, and waits until the connection has ended.
    pub(crate) fn poll_close(&mut self, cx: &Context<'_>) -> Poll<Result<()>> {
        // The Close that was sent first is the one.
        let _ = self.sender.close(CloseCode::NORMAL, "");
        let end = |state: &State| state.life.ended().map(Ending::to_error);
        let error = ready!(self.end.poll(&self.sender.shared, cx, end));
        Poll::Ready(error.map_or(Ok(()), Err))
    }
}

impl fmt::Debug for PolledSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sender.fmt(f)
    }
}

impl Drop for PolledSender {
    fn drop(&mut self) {
        for place in [&mut self.room, &mut self.written, &mut self.end] {
            place.give_up(&self.sender.shared);
        }
    }
}
