//! An open connection as one handle.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;

use super::connection::connection_methods;
use super::message::Message;
use super::outgoing::Outgoing;
use super::owned::OwnedMessage;
use super::receiver::Receiver;
use super::sender::Sender;
use crate::net::error::Result;
use crate::net::state::shared::Shared;
use crate::net::state::waiting::{Awaited, Waiting};
use crate::proto::close::CloseCode;
use crate::proto::outbound::SendError;

/// An open connection: a [`Receiver`] and a [`Sender`] in one.
pub struct WebSocket {
    receiver: Receiver,
    sender: Sender,
}

impl WebSocket {
    pub(in crate::net) fn new(shared: Arc<Shared>) -> WebSocket {
        WebSocket { receiver: Receiver::new(shared.clone()), sender: Sender::new(shared) }
    }

    /// Until the Receiver is asked on another task, this is the one that receives.
    pub(in crate::net) fn note_receiving(&self) {
        self.sender.shared.lock().note_receiving();
    }

    /// The two handles apart.
    pub fn split(self) -> (Receiver, Sender) {
        (self.receiver, self.sender)
    }

    /// The sending handle alone, for a handler that never receives.
    ///
    /// Messages of the peer are judged and thrown away from here on. Pings are answered, the keepalive
    /// runs, and the peer's Close and the end of the transport are noticed at once, which
    /// [`Sender::closed`] waits for. A socket that is kept whole and only sends is served alike up to
    /// the peer's first message: that waits to be received, and with it whatever is behind it, the
    /// peer's Close too.
    pub fn into_sender(self) -> Sender {
        self.sender
    }

    /// Waits for the next message, and gives it for keeping, so that this socket may send meanwhile.
    ///
    /// `None` after a completed closing handshake. A short message is copied into memory of its own;
    /// [`Receiver::recv`], after [`WebSocket::split`], lends it instead.
    ///
    /// # Errors
    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    /// As [`Receiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<OwnedMessage>> {
        Ok(self.receiver.recv().await?.map(Message::into_owned))
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn send(&self, message: impl Outgoing) -> Result<(), SendError> {
        self.sender.send(message)
    }

    /// As [`Sender::send_ready`].
    ///
    /// # Errors
    /// As [`Sender::send_ready`].
    ///
    /// # Cancel safety
    /// As [`Sender::send_ready`].
    pub async fn send_ready(&self, message: impl Outgoing) -> Result<(), SendError> {
        self.sender.send_ready(message).await
    }

    /// As [`Sender::close`]; what the peer still sends is then discarded.
    ///
    /// # Errors
    /// As [`Sender::close`].
    pub fn close(self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.sender.close(code, reason)
    }

    /// Lets this socket and the handles that come of it keep the connection open. The future is ready
    /// when all of them are dropped, or when the connection has ended.
    pub(crate) fn hold(&self) -> impl Future<Output = ()> + Send + use<> {
        let shared = self.sender.shared.clone();
        // The Receiver and the Sender.
        shared.hold(2);
        async move {
            let mut waiting = Waiting::new(&shared);
            tokio::select! {
                () = shared.let_go() => {}
                () = poll_fn(|cx| waiting.poll(cx, Awaited::End, |_| ())) => {}
            }
        }
    }

    /// The receiving handle.
    pub fn receiver(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    /// The sending handle.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }
}

connection_methods!(WebSocket, sender.shared);

impl fmt::Debug for WebSocket {
    /// As of its [`Receiver`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}
