//! `Stream` and `Sink` of the crate futures, over owned messages (feature `futures`).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use crate::net::{OwnedMessage, Receiver, Result};

/// The messages of one connection, as a `Stream`: [`Receiver::into_stream`].
///
/// It ends after a completed closing handshake, and after an error, which is its last item.
///
/// A poll that is pending loses nothing, and neither does a `next()` that is dropped.
#[must_use = "a stream does nothing unless it is polled"]
pub struct MessageStream {
    /// `None` when the stream has ended.
    receiver: Option<Receiver>,
}

impl MessageStream {
    /// The Receiver again; `None` when the stream has ended.
    pub fn into_inner(self) -> Option<Receiver> {
        let mut receiver = self.receiver?;
        receiver.stop_polling();
        Some(receiver)
    }
}

impl Receiver {
    /// The messages as a `Stream` of owned ones, as by [`Message::into_owned`](crate::Message::into_owned).
    pub fn into_stream(self) -> MessageStream {
        MessageStream { receiver: Some(self) }
    }
}

impl Stream for MessageStream {
    type Item = Result<OwnedMessage>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(receiver) = &mut self.receiver else { return Poll::Ready(None) };
        let item = std::task::ready!(receiver.poll_recv(cx)).transpose();
        if !matches!(item, Some(Ok(_))) {
            self.receiver = None;
        }
        Poll::Ready(item)
    }
}

impl FusedStream for MessageStream {
    fn is_terminated(&self) -> bool {
        self.receiver.is_none()
    }
}

impl fmt::Debug for MessageStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStream").field("receiver", &self.receiver).finish()
    }
}
