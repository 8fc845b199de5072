//! The sending handle of a connection.

use std::fmt;
use std::future::poll_fn;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::connection::connection_methods;
use super::fragments::FragmentedMessage;
use super::outgoing::{Choice, Outgoing};
use super::sending::{Bound, Turn};
use crate::net::ending::Initiator;
use crate::net::lent::amounts::Control;
use crate::net::state::State;
use crate::net::state::context::Context;
use crate::net::state::shared::Shared;
use crate::net::state::waiting::{Awaited, Waiting};
use crate::proto::assembler::MessageKind;
use crate::proto::close::{CloseCode, CloseFrame};
#[cfg(feature = "deflate")]
use crate::proto::deflate::Agreement;
#[cfg(feature = "axum")]
use crate::proto::event::ReceivedClose;
use crate::proto::frame::MAX_CONTROL_LEN;
use crate::proto::outbound::SendError;

/// Sends on one connection. Cheap to clone; clones send on the same connection, from any
/// task. Nothing here awaits the transport: the connection task writes.
pub struct Sender {
    pub(super) shared: Arc<Shared>,
}

impl Clone for Sender {
    fn clone(&self) -> Sender {
        self.shared.take_hold();
        Sender { shared: self.shared.clone() }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.lose_hold();
    }
}

/// A Sender that does not keep the connection open, where handles do.
pub(crate) struct Guest(Sender);

impl Guest {
    pub(crate) fn of(sender: &Sender) -> Guest {
        Guest(Sender { shared: sender.shared.clone() })
    }
}

impl Clone for Guest {
    fn clone(&self) -> Guest {
        Guest::of(&self.0)
    }
}

impl Deref for Guest {
    type Target = Sender;

    #[inline]
    fn deref(&self) -> &Sender {
        &self.0
    }
}

impl Drop for Guest {
    /// The Sender in it was never counted, and is about to be counted out.
    fn drop(&mut self) {
        self.0.shared.take_hold();
    }
}

impl Sender {
    /// The handle of a connection that is open.
    pub(super) fn new(shared: Arc<Shared>) -> Sender {
        Sender { shared }
    }

    /// What this connection shares with the others of its runtime.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.shared.context
    }

    /// What was agreed about compression; `None` when messages go uncompressed (RFC 7692 §5).
    #[cfg(feature = "deflate")]
    pub fn agreement(&self) -> Option<Agreement> {
        self.shared.lock().queue.agreement()
    }

    /// Queues a message, whole.
    ///
    /// A payload is copied, unless it has 16 KiB or more and need not be: one that is owned or
    /// prepared, and one just received that was assembled or ended its read. Where
    /// permessage-deflate was agreed it is compressed, if that makes it shorter;
    /// [`Compressed`](crate::Compressed) and [`Uncompressed`](crate::Uncompressed) decide
    /// otherwise for one message.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] while the queue holds its bound or more, unless
    /// [`WhenFull`](crate::WhenFull) has the message dropped or the connection closed then; and whatever
    /// RFC 6455 §5.4 and §6.1 forbid. Nothing was queued then.
    ///
    /// The bound, [`max_queued`](crate::Limits::max_queued), holds twice: for the replies of the task
    /// that receives, and for the queue as a whole when another task sends. So a task that replies to
    /// each message that it receives is never refused, however much others push.
    #[inline]
    pub fn send<M: Outgoing>(&self, message: M) -> Result<(), SendError> {
        match self.offer(message) {
            Err(SendError::QueueFull) => self.find_full(self.when_full()),
            result => result,
        }
    }

    /// Begins a message that is sent in fragments (RFC 6455 §5.4). Until it is finished no
    /// other message can be sent on this connection. Where permessage-deflate was agreed it is
    /// compressed as one, whatever its length: of each fragment so much as
    /// `deflate::Level::slice` says, and the rest is stored.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub fn start_message(&self, kind: MessageKind) -> Result<FragmentedMessage<'_>, SendError> {
        FragmentedMessage::start(self, kind, Choice::Compressed)
    }

    /// As [`Sender::start_message`], for a message that goes uncompressed, whatever was agreed.
    ///
    /// # Errors
    /// As [`Sender::send`].
    #[cfg(feature = "deflate")]
    pub fn start_uncompressed(
        &self,
        kind: MessageKind,
    ) -> Result<FragmentedMessage<'_>, SendError> {
        FragmentedMessage::start(self, kind, Choice::Uncompressed)
    }

    /// Sends a Ping with at most 125 bytes. Its Pong gives [`Sender::round_trip`], and
    /// [`Sender::ping_answered`] waits for it.
    ///
    /// # Errors
    /// As [`Sender::send`], and [`SendError::ControlTooLong`].
    pub fn ping(&self, data: &[u8]) -> Result<(), SendError> {
        let now = self.shared.context.now();
        let mut turn = Turn::for_data(&self.shared)?;
        turn.queue.append_control(Control::Ping, |outbound, batch| outbound.ping(data, batch))?;
        turn.pings.sent(data, now);
        Ok(())
    }

    /// Sends a Pong that answers no Ping, with at most 125 bytes: a heartbeat in one direction
    /// (RFC 6455 §5.5.3). The library answers Pings itself. While the peer does not read, only the
    /// newest Pong waits.
    ///
    /// # Errors
    /// As [`Sender::ping`].
    pub fn pong(&self, data: &[u8]) -> Result<(), SendError> {
        let mut turn = Turn::for_data(&self.shared)?;
        // RFC 6455 §5.5: 125 bytes at most, as in a Ping.
        if data.len() > MAX_CONTROL_LEN {
            return Err(SendError::ControlTooLong);
        }
        turn.queue.append_control(Control::Pong, |outbound, batch| outbound.pong(data, batch));
        Ok(())
    }

    /// The time from the newest answered Ping to its Pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.lock().pings.round_trip()
    }

    /// Waits until the newest Ping was answered, and gives the time that this took; `None` when the
    /// connection ends before. With no Ping under way it gives [`Sender::round_trip`] at once.
    ///
    /// A Ping goes behind all that was sent before it, and the peer answers it when it has read so far.
    /// So a Ping behind some messages, and this, tell when the peer has them, whatever the two kernels
    /// hold.
    ///
    /// ```
    /// use stickler::Sender;
    ///
    /// /// Sends the next one only when the peer has taken the one before.
    /// async fn deliver(sender: &Sender, news: &[&str]) -> stickler::Result<()> {
    ///     for each in news {
    ///         sender.send(each)?;
    ///         sender.ping(b"")?;
    ///         sender.ping_answered().await;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub async fn ping_answered(&self) -> Option<Duration> {
        let mut waiting = Waiting::new(&self.shared);
        let answered = |state: &State| {
            if state.pings.is_waiting() { None } else { state.pings.round_trip() }
        };
        poll_fn(|cx| waiting.poll(cx, Awaited::Pong, answered)).await
    }

    /// Starts the closing handshake: queues a Close behind what is queued.
    ///
    /// The peer's Close is then waited for up to the close timeout; what else it sends is
    /// discarded. Drop the Receiver or keep calling it, so that nobody holds back input.
    ///
    /// # Errors
    /// After a Close in either direction, with a code that a server does not send, or with a
    /// reason of more than 123 bytes.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.close_with(CloseFrame { code: Some(code), reason })
    }

    /// As [`Sender::close`], with an empty body.
    ///
    /// # Errors
    /// As [`Sender::close`].
    pub fn close_without_code(&self) -> Result<(), SendError> {
        self.close_with(CloseFrame { code: None, reason: "" })
    }

    fn close_with(&self, frame: CloseFrame<'_>) -> Result<(), SendError> {
        let mut state = self.shared.lock_for_sending();
        state.start_closing(Initiator::Application, frame)?;
        state.wake_task();
        Ok(())
    }

    /// Sends a message as soon as the queue is below its bound.
    ///
    /// # Errors
    /// As [`Sender::send`], but never [`SendError::QueueFull`].
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the message is dropped with it, and nothing of it was sent.
    pub async fn send_ready<M: Outgoing>(&self, message: M) -> Result<(), SendError> {
        self.ready().await;
        self.queue_message(message, Bound::WasAwaited)
    }

    /// As [`Sender::send`], and gives the message back when the queue is full.
    ///
    /// # Errors
    /// [`TrySendError::Full`] with the message, and as [`Sender::send`].
    pub fn try_send<M: Outgoing>(&self, message: M) -> Result<(), TrySendError<M>> {
        match Turn::for_message(&self.shared, Bound::Holds).map(drop) {
            Ok(()) => self.queue_message(message, Bound::WasAwaited).map_err(TrySendError::Refused),
            Err(SendError::QueueFull) => Err(TrySendError::Full(message)),
            Err(error) => Err(TrySendError::Refused(error)),
        }
    }

    /// Waits until the queue is below its bound, or the connection ends.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub async fn ready(&self) {
        self.ready_below(self.shared.max_queued_now()).await;
    }

    /// Waits until less than so many bytes are queued, or the connection ends. For the task that
    /// receives, its own replies count; for any other task the whole queue does.
    ///
    /// A message that is sent then has so many bytes before it at most. What the kernel holds comes
    /// on top.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub async fn ready_below(&self, bytes: usize) {
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(|cx| waiting.poll_room(cx, bytes)).await;
    }

    /// Waits until everything that was queued has been written to the transport.
    ///
    /// The peer has not received it by that: the kernel has it.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the connection ended before.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped; what was queued is written all the same.
    pub async fn flushed(&self) -> Result<(), SendError> {
        let mut waiting = Waiting::new(&self.shared);
        poll_fn(|cx| waiting.poll_flushed(cx)).await
    }

    /// Ends the connection at once: no Close is sent, what is queued is dropped, and the transport
    /// with it. The peer sees the connection break (RFC 6455 §7.1.7).
    pub fn abort(&self) {
        let mut state = self.shared.lock_for_sending();
        let unsent = state.abort();
        state.wake_task();
        drop(state);
        drop(unsent);
    }

    /// The Close that the peer sent, if it was received.
    #[cfg(feature = "axum")]
    pub(crate) fn received_close(&self) -> Option<ReceivedClose> {
        self.shared.lock().life.received_close().cloned()
    }

    /// Messages to this peer that were dropped because the queue had no room: by topics, and where
    /// [`WhenFull::Drop`](crate::WhenFull::Drop) is chosen. It counts up to `u32::MAX`.
    pub fn dropped(&self) -> u64 {
        self.shared.lock().queue.dropped().into()
    }

    /// Bytes queued to this peer.
    pub fn queued(&self) -> usize {
        self.shared.lock_for_sending().queue.len()
    }
}

connection_methods!(Sender, shared);

impl fmt::Debug for Sender {
    /// Lengths and states, without the lock; never what is queued.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("connection", &self.shared).finish()
    }
}

/// Why [`Sender::try_send`] did not send.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<M> {
    /// The queue to this peer holds its bound or more. The message comes back.
    Full(M),
    /// The message cannot be sent on this connection, now or later.
    Refused(SendError),
}

impl<M> fmt::Display for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(_) => SendError::QueueFull.fmt(f),
            TrySendError::Refused(error) => error.fmt(f),
        }
    }
}

/// Shows no message.
impl<M> fmt::Debug for TrySendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(_) => f.write_str("Full(..)"),
            TrySendError::Refused(error) => f.debug_tuple("Refused").field(error).finish(),
        }
    }
}

impl<M> std::error::Error for TrySendError<M> {}
