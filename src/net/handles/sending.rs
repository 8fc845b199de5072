//! How a message is queued: into the cork of the thread, or under the lock.

use std::ops::{Deref, DerefMut};

use super::compressing::Sending;
use super::outgoing::{Choice, Outgoing, Parts};
use super::sender::Sender;
use crate::net::lent::cork;
use crate::net::state::shared::{Locked, Shared};
use crate::net::state::{State, Voice};
use crate::proto::assembler::MessageKind;
use crate::proto::frame::HeaderBytes;
use crate::proto::outbound::SendError;

/// Whether the bound of the queue is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// The queue refuses what is beyond it.
    Holds,
    /// The sender has waited for room. Others may have taken it since; the message goes all the same.
    WasAwaited,
}

/// The lock, held by somebody who queues: in the end it is noted who that was, and the task is woken.
pub(super) struct Turn<'a> {
    state: Locked<'a>,
    voice: Voice,
    /// How long the queue was.
    before: usize,
}

impl<'a> Turn<'a> {
    /// Frames in the cork of this thread are queued first.
    #[inline]
    fn begin(shared: &'a Shared) -> Turn<'a> {
        let state = shared.lock_for_sending();
        let (voice, before) = (state.voice(), state.queue.len());
        Turn { state, voice, before }
    }

    /// A turn to begin a message.
    pub(super) fn for_message(shared: &'a Shared, bound: Bound) -> Result<Turn<'a>, SendError> {
        let turn = Turn::begin(shared);
        turn.queue.check_message(turn.voice, turn.bound(shared, bound))?;
        Ok(turn)
    }

    /// A turn to send a Ping, or a part of a message.
    pub(super) fn for_data(shared: &'a Shared) -> Result<Turn<'a>, SendError> {
        let turn = Turn::begin(shared);
        turn.queue.check_data(turn.voice, turn.bound(shared, Bound::Holds))?;
        Ok(turn)
    }

    #[inline]
    fn bound(&self, shared: &Shared, bound: Bound) -> usize {
        match bound {
            Bound::Holds => shared.queue_bound(self.before, shared.limits().max_queued),
            Bound::WasAwaited => usize::MAX,
        }
    }
}

impl Deref for Turn<'_> {
    type Target = State;

    #[inline]
    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Turn<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        let queued = self.state.queue.len().saturating_sub(self.before);
        if queued > 0 {
            self.state.queue.note_queued(self.voice, queued);
            self.state.wake_task();
        }
    }
}

impl Sender {
    #[inline]
    pub(super) fn queue_message<M: Outgoing>(
        &self,
        message: M,
        bound: Bound,
    ) -> Result<(), SendError> {
        message.queue(|parts| self.queue(parts, M::CHOICE, bound))
    }

    #[inline]
    fn queue(&self, parts: Parts<'_>, choice: Choice, bound: Bound) -> Result<(), SendError> {
        match parts {
            Parts::Copied(kind, payload) if !is_large(payload.len()) => {
                self.queue_copied(kind, payload, choice, bound)
            }
            // What is short is copied, whoever owns it.
            Parts::Owned(kind, payload) if !is_large(payload.len()) => {
                self.queue_copied(kind, &payload, choice, bound)
            }
            Parts::Shared(kind, payload) if !is_large(payload.len()) => {
                self.queue_copied(kind, &payload, choice, bound)
            }
            parts => self.queue_any(parts, choice, bound),
        }
    }

    /// As `queue_any`, for most messages.
    fn queue_copied(
        &self,
        kind: MessageKind,
        payload: &[u8],
        choice: Choice,
        bound: Bound,
    ) -> Result<(), SendError> {
        let look_from = self.shared.at_hand().look_from;
        if self.shared.glance().is_clear()
            && cork::append(self.shared.key(), look_from, kind, payload)
        {
            return Ok(());
        }
        let mut turn = Turn::for_message(&self.shared, bound)?;
        if let Some(sending) = Sending::of(&turn, &self.shared.context)
            && sending.wants(choice, payload.len())
        {
            drop(turn);
            return self.queue_any(Parts::Copied(kind, payload), choice, bound);
        }
        let header = turn.queue.outbound_mut().start_message(kind, payload.len())?;
        turn.queue.append_frame(&header, payload);
        turn.queue.count_message(kind, payload.len());
        Ok(())
    }

    fn queue_any(
        &self,
        mut parts: Parts<'_>,
        choice: Choice,
        bound: Bound,
    ) -> Result<(), SendError> {
        let mut turn = Turn::for_message(&self.shared, bound)?;
        if let Some(sending) = Sending::of(&turn, &self.shared.context)
            && sending.wants(choice, parts.payload().len())
        {
            match self.queue_compressed(&sending, turn, parts, bound)? {
                Some(plain) => (turn, parts) = plain,
                None => return Ok(()),
            }
        }
        let payload_len = parts.bytes().len();
        let (header, counted) = match &parts {
            Parts::Prepared(prepared) => {
                turn.queue.outbound_mut().start_prepared()?;
                (None, (prepared.kind(), prepared.payload().len()))
            }
            Parts::Copied(kind, _)
            | Parts::Owned(kind, _)
            | Parts::Shared(kind, _)
            | Parts::Taken(kind, _)
            | Parts::Leased(kind, ..) => {
                let header = turn.queue.outbound_mut().start_message(*kind, payload_len)?;
                (Some(header), (*kind, payload_len))
            }
        };
        let copied = append(&mut turn, header.as_ref(), parts);
        turn.queue.count_message(counted.0, counted.1);
        drop(turn);
        drop(copied);
        Ok(())
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
