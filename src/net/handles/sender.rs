//! The sending handle of a connection.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::compressing::Sending;
use super::fragments::FragmentedMessage;
use super::message::{Choice, Outgoing, Parts};
use crate::net::ending::{Ending, Initiator};
use crate::net::lent::cork;
use crate::net::state::State;
#[cfg(feature = "server")]
use crate::net::state::context::Context;
use crate::net::state::shared::{Locked, Shared};
use crate::net::state::waiting::{Awaited, Waiting};
use crate::proto::assembler::MessageKind;
use crate::proto::close::{CloseCode, CloseFrame};
#[cfg(feature = "deflate")]
use crate::proto::deflate::Agreement;
use crate::proto::frame::HeaderBytes;
use crate::proto::outbound::SendError;

/// Sends on one connection. Cheap to clone; clones send on the same connection, from any
/// task. Nothing here awaits the transport: the connection task writes.
#[derive(Clone, Debug)]
pub struct Sender {
    pub(super) shared: Arc<Shared>,
}

impl Sender {
    /// The handle of a connection that is open.
    pub(super) fn new(shared: Arc<Shared>) -> Sender {
        Sender { shared }
    }

    /// What this connection shares with the others of its runtime.
    #[cfg(feature = "server")]
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
    /// [`SendError::QueueFull`] while the queue holds its bound or more, and whatever
    /// RFC 6455 §5.4 and §6.1 forbid. Nothing was queued then.
    #[inline]
    pub fn send<M: Outgoing>(&self, message: M) -> Result<(), SendError> {
        message.queue(|parts| self.queue(parts, M::CHOICE))
    }

    #[inline]
    fn queue(&self, parts: Parts<'_>, choice: Choice) -> Result<(), SendError> {
        match parts {
            Parts::Copied(kind, payload) if !is_large(payload.len()) => {
                self.queue_copied(kind, payload, choice)
            }
            // What is short is copied, whoever owns it.
            Parts::Owned(kind, payload) if !is_large(payload.len()) => {
                self.queue_copied(kind, &payload, choice)
            }
            Parts::Shared(kind, payload) if !is_large(payload.len()) => {
                self.queue_copied(kind, &payload, choice)
            }
            parts => self.queue_any(parts, choice),
        }
    }

    /// As `queue_any`, for most messages.
    fn queue_copied(
        &self,
        kind: MessageKind,
        payload: &[u8],
        choice: Choice,
    ) -> Result<(), SendError> {
        let look_from = self.shared.context.at_hand.look_from;
        if self.shared.glance().is_clear()
            && cork::append(self.shared.key(), look_from, kind, payload)
        {
            return Ok(());
        }
        let mut state = self.shared.lock_for_sending();
        if let Some(sending) = Sending::of(&state, &self.shared.context)
            && sending.wants(choice, payload.len())
        {
            drop(state);
            return self.queue_any(Parts::Copied(kind, payload), choice);
        }
        state.queue.check_message(self.shared.context.config.limits.max_queued)?;
        let header = state.queue.outbound_mut().start_message(kind, payload.len())?;
        state.queue.append_frame(&header, payload);
        state.wake_task();
        Ok(())
    }

    fn queue_any(&self, parts: Parts<'_>, choice: Choice) -> Result<(), SendError> {
        let mut state = self.lock_for_message()?;
        if let Some(sending) = Sending::of(&state, &self.shared.context)
            && sending.wants(choice, parts.payload().len())
        {
            match self.queue_compressed(&sending, state, &parts)? {
                Some(lock) => state = lock,
                None => return Ok(()),
            }
        }
        let payload_len = parts.bytes().len();
        let header = match parts {
            Parts::Prepared(_) => {
                state.queue.outbound_mut().start_prepared()?;
                None
            }
            Parts::Copied(kind, _)
            | Parts::Owned(kind, _)
            | Parts::Shared(kind, _)
            | Parts::Taken(kind, _)
            | Parts::Leased(kind, ..) => {
                Some(state.queue.outbound_mut().start_message(kind, payload_len)?)
            }
        };
        let copied = append(&mut state, header.as_ref(), parts);
        state.wake_task();
        drop(state);
        drop(copied);
        Ok(())
    }

    pub(super) fn lock_for_message(&self) -> Result<Locked<'_>, SendError> {
        let state = self.shared.lock_for_sending();
        state.queue.check_message(self.shared.context.config.limits.max_queued)?;
        Ok(state)
    }

    pub(super) fn lock_for_data(&self) -> Result<Locked<'_>, SendError> {
        let state = self.shared.lock_for_sending();
        state.queue.check_data(self.shared.context.config.limits.max_queued)?;
        Ok(state)
    }

    /// Begins a message that is sent in fragments (RFC 6455 §5.4). Until it is finished no
    /// other message can be sent on this connection. Where permessage-deflate was agreed it is
    /// compressed as one, whatever its length.
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

    /// Sends a Ping with at most 125 bytes. Its Pong gives [`Sender::round_trip`].
    ///
    /// # Errors
    /// As [`Sender::send`], and [`SendError::ControlTooLong`].
    pub fn ping(&self, data: &[u8]) -> Result<(), SendError> {
        let now = self.shared.context.now();
        let mut state = self.lock_for_data()?;
        state.queue.append(|outbound, batch| outbound.ping(data, batch))?;
        state.pings.sent(data, now);
        state.wake_task();
        Ok(())
    }

    /// The time from the newest answered Ping to its Pong.
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.lock().pings.round_trip()
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
        let deadline = self.shared.close_deadline();
        let mut state = self.shared.lock_for_sending();
        state.start_closing(Initiator::Application, frame, deadline)?;
        state.wake_task();
        Ok(())
    }

    /// Waits until the queue is below its bound, or the connection ends.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub async fn ready(&self) {
        let bound = self.shared.context.config.limits.max_queued;
        let mut waiting = Waiting::new(&self.shared, Awaited::Room);
        let is_there = |state: &State| !state.life.is_open() || state.queue.has_room(bound);
        poll_fn(|cx| waiting.poll(cx, |state| is_there(state).then_some(()))).await;
    }

    /// Waits until the connection has ended, TCP included, and says how.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub async fn closed(&self) -> Ending {
        let mut waiting = Waiting::new(&self.shared, Awaited::End);
        poll_fn(|cx| waiting.poll(cx, |state| state.life.ended().cloned())).await
    }

    /// Waits until a shutdown of the server or endpoint has been asked for. Where its
    /// [`Farewell`](crate::Farewell) gives a grace, the handler has that long to send what it has
    /// to and return; else the Close has been queued already.
    ///
    /// It resolves for nothing else, so wait for it beside something that ends, in a `select!`.
    ///
    /// # Cancel safety
    /// Nothing is left of the future when it is dropped.
    pub async fn draining(&self) {
        self.shared.context.draining().await;
    }

    /// Whether messages may still be sent: the OPEN state (RFC 6455 §6.1).
    pub fn is_open(&self) -> bool {
        let state = self.shared.lock();
        state.life.is_open() && state.queue.outbound().is_open()
    }

    /// Bytes queued to this peer.
    pub fn queued(&self) -> usize {
        self.shared.lock_for_sending().queue.len()
    }

    /// The peer's address, where the transport has one.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.peer
    }

    /// The path of the request target, undecoded.
    pub fn path(&self) -> String {
        self.shared.lock().path().to_string()
    }
}

/// Appends a frame; one that was encoded before has no header here. What was copied comes back, to
/// be dropped without the lock: `Bytes` may run code of the application then.
#[must_use]
pub(super) fn append<'a>(
    state: &mut State,
    header: Option<&HeaderBytes>,
    parts: Parts<'a>,
) -> Option<Parts<'a>> {
    let large = if is_large(parts.bytes().len()) { parts.into_large() } else { Err(parts) };
    let copied = match large {
        Ok(large) => {
            state.queue.append_large(header.map_or(&[], HeaderBytes::as_bytes), large);
            return None;
        }
        Err(copied) => copied,
    };
    match header {
        Some(header) => state.queue.append_frame(header, copied.bytes()),
        None => state.queue.append_encoded(copied.bytes()),
    }
    Some(copied)
}

/// Whether so many bytes are referenced instead of copied, where they can be.
#[inline]
pub(super) fn is_large(len: usize) -> bool {
    len >= REFERENCE_FROM
}

/// From this size on, in bytes.
const REFERENCE_FROM: usize = 16 << 10;
