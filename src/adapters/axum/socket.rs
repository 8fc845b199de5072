//! A connection with the methods that axum's has.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::Error;
use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;
use http::HeaderValue;

use super::message::{CloseFrame, Message};
use crate::net::{self, PolledSender, Sender};
use crate::proto::close::CloseCode;
use crate::proto::outbound::SendError;

/// An open connection, as `axum::extract::ws::WebSocket` is one.
///
/// It is open until all parts of it are dropped, which closes it with 1000. [`WebSocket::into_inner`]
/// gives what axum has no name for.
#[derive(Debug)]
pub struct WebSocket {
    socket: net::WebSocket,
    protocol: Option<HeaderValue>,
    /// Whether the end was received.
    is_terminated: bool,
    /// The Sink's half.
    polled: PolledSender,
}

impl WebSocket {
    pub(super) fn new(socket: net::WebSocket, protocol: Option<HeaderValue>) -> WebSocket {
        let polled = PolledSender::new(socket.sender().clone());
        WebSocket { socket, protocol, is_terminated: false, polled }
    }

    /// Waits for the next message. The last one is the Close that the peer sent; then `None` follows,
    /// as it does after an error.
    ///
    /// The error holds a [`stickler::Error`](crate::Error): the rule that the peer broke, the deadline
    /// that ran out, or the loss of the transport.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped: the connection keeps what has arrived.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits until there is room in the queue, and queues the message. The connection task writes it.
    ///
    /// # Errors
    /// After a Close in either direction, when the connection is lost, and for a control frame that
    /// breaks a rule. The error holds a [`SendError`].
    ///
    /// # Cancel safety
    /// Dropped before it is ready, nothing was queued.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        if !matches!(message, Message::Close(_)) {
            poll_fn(|cx| self.polled.poll_ready(cx)).await.map_err(Error::new)?;
        }
        send(self.socket.sender(), message).map_err(Error::new)
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&HeaderValue> {
        self.protocol.as_ref()
    }

    /// The connection with the methods of this library.
    pub fn into_inner(mut self) -> net::WebSocket {
        self.socket.receiver().stop_polling();
        self.socket
    }

    /// A handle that sends on this connection, from any task.
    pub fn sender(&self) -> &Sender {
        self.socket.sender()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.is_terminated {
            return Poll::Ready(None);
        }
        let received = ready!(self.socket.receiver().poll_recv(cx));
        self.is_terminated = !matches!(received, Ok(Some(_)));
        Poll::Ready(match received {
            Ok(Some(message)) => Some(Ok(message.into())),
            Ok(None) => self.socket.sender().received_close().map(|close| Ok((&close).into())),
            Err(error) => Some(Err(Error::new(error))),
        })
    }
}

/// Queues whatever it is.
fn send(sender: &Sender, message: Message) -> Result<(), SendError> {
    match message {
        Message::Text(text) => sender.send(text),
        Message::Binary(payload) => sender.send(payload),
        Message::Ping(data) => sender.ping(&data),
        Message::Pong(data) => sender.pong(&data),
        Message::Close(None) => sender.close_without_code(),
        Message::Close(Some(CloseFrame { code, reason })) => {
            sender.close(CloseCode::new(code), &reason)
        }
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        self.get_mut().poll_recv(cx)
    }
}

impl FusedStream for WebSocket {
    fn is_terminated(&self) -> bool {
        self.is_terminated
    }
}

impl Sink<Message> for WebSocket {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.polled.poll_ready(cx).map_err(Error::new)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        send(self.socket.sender(), message).map_err(Error::new)
    }

    /// Waits until all that was queued is written to the transport.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.polled.poll_flush(cx).map_err(Error::new)
    }

    /// Closes with 1000, unless a Close was sent or received before.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.socket.sender().is_open() {
            // The connection may have ended since; then it is closed.
            let _ = self.socket.sender().close(CloseCode::NORMAL, "");
        }
        self.as_mut().poll_flush(cx)
    }
}
