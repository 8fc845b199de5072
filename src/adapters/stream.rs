//! `Stream` and `Sink` of the crate futures, over owned messages (feature `futures`).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use crate::net::{
    Error, Outgoing, OwnedMessage, PolledSender, Receiver, Result, Sender, WebSocket,
};

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

/// A connection as a `Sink` of whatever can be sent: [`Sender::into_sink`].
///
/// | of the Sink | here |
/// |---|---|
/// | ready | the queue to the peer is below its bound: [`Sender::ready`] |
/// | `start_send` | as [`Sender::send`], but never refused for a queue that is full |
/// | flush | all that is queued on the connection was written to the transport, whoever sent it: [`Sender::flushed`] |
/// | close | a Close 1000 is sent, unless there was one, and the connection has ended, TCP included |
///
/// An error of `start_send` leaves the connection as it is. Flush fails when the transport went before all was
/// written; close with what ended the connection other than a closing handshake.
///
/// Before `close` drop the [`Receiver`] or keep calling it, so that nobody holds back input. Dropping the
/// sink closes nothing, like dropping a Sender.
#[must_use = "a sink does nothing unless it is polled"]
pub struct MessageSink {
    polled: PolledSender,
}

impl MessageSink {
    /// The Sender.
    pub fn sender(&self) -> &Sender {
        self.polled.sender()
    }
}

impl Sender {
    /// The connection as a `Sink`.
    pub fn into_sink(self) -> MessageSink {
        MessageSink { polled: PolledSender::new(self) }
    }
}

impl<M: Outgoing> Sink<M> for MessageSink {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.polled.poll_ready(cx).map_err(Error::Send)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<()> {
        Ok(self.polled.send(message)?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.polled.poll_flush(cx).map_err(Error::Send)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.polled.poll_close(cx)
    }
}

impl fmt::Debug for MessageSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSink").field("sender", &self.polled).finish()
    }
}

/// A connection as a `Stream` and a `Sink` in one: [`WebSocket::into_stream`].
///
/// As a [`MessageStream`] and a [`MessageSink`], but that `close` drops the Receiver: the Stream has ended then.
#[must_use = "a stream does nothing unless it is polled"]
pub struct WebSocketStream {
    stream: MessageStream,
    sink: MessageSink,
}

impl WebSocketStream {
    /// The two halves, of which each may go to a task of its own, without the lock that a `split` of
    /// the crate futures has.
    pub fn into_parts(self) -> (MessageStream, MessageSink) {
        (self.stream, self.sink)
    }

    /// The Sender.
    pub fn sender(&self) -> &Sender {
        self.sink.sender()
    }
}

impl WebSocket {
    /// The connection as a `Stream` of owned messages and a `Sink`.
    pub fn into_stream(self) -> WebSocketStream {
        let (receiver, sender) = self.split();
        WebSocketStream { stream: receiver.into_stream(), sink: sender.into_sink() }
    }
}

impl Stream for WebSocketStream {
    type Item = Result<OwnedMessage>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl FusedStream for WebSocketStream {
    fn is_terminated(&self) -> bool {
        self.stream.is_terminated()
    }
}

impl<M: Outgoing> Sink<M> for WebSocketStream {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Sink::<M>::poll_ready(Pin::new(&mut self.sink), cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<()> {
        Pin::new(&mut self.sink).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Sink::<M>::poll_flush(Pin::new(&mut self.sink), cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        // What the peer sends before its Close is not to wait for anybody.
        self.stream.receiver = None;
        Sink::<M>::poll_close(Pin::new(&mut self.sink), cx)
    }
}

impl fmt::Debug for WebSocketStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}
