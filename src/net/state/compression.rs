//! permessage-deflate on one connection (RFC 7692): what is agreed, and which message to compress.

use std::fmt;
use std::sync::Arc;

use super::context::Context;
use super::engines::{
    Scratch, has_inflater, make_room, return_compressor, return_inflater, take_compressor,
    take_inflater,
};
use super::message::{Choice, Parts};
use super::pool;
use super::sender::Sender;
use super::shared::{Locked, Shared};
use super::state::State;
use crate::proto::assembler::MessageKind;
use crate::proto::deflate::budget::{Budget, Charge};
use crate::proto::deflate::{self, Agreement, Compressor, Level, Policy, Shape, WindowBits};
use crate::proto::extension::ExtensionOffer;
use crate::proto::outbound::SendError;
use crate::proto::prepared::Prepared;

/// What was agreed on a connection, with the memory that it may keep between messages.
#[derive(Clone, Debug)]
pub(super) struct Compression {
    agreement: Agreement,
    /// The charge for what the connection may keep between messages.
    kept: Arc<Charge>,
}

impl fmt::Display for Compression {
    /// The value of Sec-WebSocket-Extensions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.agreement.fmt(f)
    }
}

/// Which offers are accepted unless the application chooses otherwise.
pub(super) fn policy(context: &Context) -> Option<Policy> {
    context.config.deflate.policy
}

/// Decides on the offers of a client (RFC 7692 §7). Declines all of them while the memory for
/// compression is spent, and says so in the log.
pub(super) fn negotiate(
    context: &Context,
    offers: &[ExtensionOffer],
    policy: Option<&Policy>,
) -> Option<Compression> {
    let agreement = deflate::negotiate(offers, policy?)?;
    let budget = &context.budget;
    let keeps = kept_by(&agreement);
    // A quarter is left to the messages of those who have agreed already.
    let needs = keeps + budget.limit() / 4;
    let kept = make_room(|| budget.has_left(needs).then(|| budget.charge(keeps)).flatten());
    if let Some(kept) = kept
        && has_inflater(budget)
    {
        return Some(Compression { agreement, kept: Arc::new(kept) });
    }
    if let Some(suppressed) = context.memory_told.admit(context.now()) {
        let (used, limit) = (budget.used(), budget.limit());
        tracing::warn!(
            clause = "RFC 7692 7",
            used,
            limit,
            suppressed,
            "declined permessage-deflate: the memory for compression is spent"
        );
    }
    None
}

/// What a connection keeps between messages at most, in bytes.
fn kept_by(agreement: &Agreement) -> usize {
    let sent = agreement.server_max_window_bits().size();
    let sent = if agreement.server_no_context_takeover() { 0 } else { sent };
    let received = if agreement.client_no_context_takeover() { 0 } else { WindowBits::MAX.size() };
    sent + received
}

impl State {
    /// Messages may be compressed from here on, in both directions.
    pub(super) fn agree(&mut self, compression: Option<Compression>) {
        let Some(Compression { agreement, kept }) = compression else { return };
        self.inbound.agree(&agreement);
        self.outbound.agree(&agreement, Some(kept));
    }

    /// Lends an inflater for the message that has begun, or fails the connection with 1013.
    /// Says whether it goes on.
    pub(super) fn lend_inflater(&mut self, shared: &Shared) -> bool {
        let lent = take_inflater(&shared.context.budget);
        let is_lent = lent.is_some();
        match lent {
            Some(inflater) => {
                self.inbound.lend_inflater(inflater);
                // Nothing of the message is there yet.
                let unused = self.inbound.take_assembled(pool::take_small_buffer());
                debug_assert!(unused.is_empty());
                pool::return_message_buffer(unused);
            }
            None => self.overload(),
        }
        is_lent
    }

    /// Gives an inflater back that no message needs at present.
    #[inline]
    pub(super) fn reclaim_inflater(&mut self) {
        if let Some(inflater) = self.inbound.reclaim_inflater() {
            return_inflater(inflater);
        }
    }
}

impl Shared {
    /// Logs that the connection was failed for want of memory.
    pub(super) fn report_overload(&self) {
        let Some(suppressed) = self.context.memory_told.admit(self.context.now()) else { return };
        let peer = self.peer.map(tracing::field::display);
        let limit = self.context.budget.limit();
        tracing::warn!(
            peer,
            clause = "RFC 6455 10.4",
            code = 1013,
            limit,
            suppressed,
            "failed the connection: no memory is left to inflate its message"
        );
    }
}

/// How a connection sends compressed messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    agreement: Agreement,
    level: Level,
    min_size: usize,
}

impl Sending {
    /// `None` unless permessage-deflate was agreed.
    #[inline]
    pub(super) fn of(state: &State, context: &Context) -> Option<Sending> {
        let agreement = state.outbound.agreement()?;
        let config = &context.config.deflate;
        Some(Sending { agreement, level: config.level, min_size: config.min_size })
    }

    /// Whether this message is to be compressed.
    #[inline]
    pub(super) fn wants(&self, choice: Choice, payload_len: usize) -> bool {
        match choice {
            Choice::Auto => payload_len >= self.min_size,
            Choice::Compressed => true,
            Choice::Uncompressed => false,
        }
    }

    fn shape(&self, payload_len: usize) -> Shape {
        Shape::of(self.level, self.agreement.server_max_window_bits(), payload_len)
    }

    /// Compresses a message; `None` when it does not get shorter, or there is no memory for it:
    /// it is to go as it is then.
    fn compress(&self, history: &[u8], message: &[u8], budget: &Arc<Budget>) -> Option<Scratch> {
        let compressor = take_compressor(self.shape(message.len()), budget)?;
        compress(compressor, history, message)
    }

    /// Whether messages refer to earlier ones, so that each is compressed in its turn.
    fn takes_over(&self) -> bool {
        !self.agreement.server_no_context_takeover()
    }

    /// The frame of a prepared message, compressed for all connections with this window.
    fn prepared<'a>(&self, prepared: &'a Prepared, budget: &Arc<Budget>) -> Option<&'a Arc<[u8]>> {
        let window = self.agreement.server_max_window_bits();
        let compressor = if prepared.is_settled(window) {
            None
        } else {
            // Want of memory passes; what is settled stays.
            Some(take_compressor(self.shape(prepared.payload().len()), budget)?)
        };
        prepared.compressed(window, |payload| compress(compressor?, &[], payload))
    }
}

fn compress(mut compressor: Compressor, history: &[u8], message: &[u8]) -> Option<Scratch> {
    let mut scratch = Scratch::take();
    let fits = compressor.compress(history, message, message.len(), scratch.room());
    return_compressor(compressor);
    fits.is_ok().then_some(scratch)
}

impl State {
    /// Queues a compressed payload behind its header.
    fn queue_compressed(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        let header = self.outbound.start_compressed(kind, payload.len())?;
        self.append_frame(&header, payload);
        Ok(())
    }

    fn queue_compressed_fragment(
        &mut self,
        first: Option<MessageKind>,
        payload: &[u8],
        fin: bool,
    ) -> Result<(), SendError> {
        let header = self.outbound.start_fragment(first, payload.len(), fin)?;
        // RFC 7692 §6.1: the first fragment has the bit, and no other.
        let header = if first.is_some() { header.compressed() } else { header };
        self.append_frame(&header, payload);
        Ok(())
    }
}

impl Sender {
    /// Queues a message compressed, unless it is to go as it is: then the lock comes back.
    #[cold]
    pub(super) fn queue_compressed<'a>(
        &'a self,
        sending: &Sending,
        state: Locked<'a>,
        parts: &Parts<'_>,
    ) -> Result<Option<Locked<'a>>, SendError> {
        let budget = &self.shared.context.budget;
        let (kind, payload) = match parts {
            Parts::Prepared(prepared) => {
                drop(state);
                return self.queue_prepared(sending, prepared);
            }
            Parts::Copied(kind, _)
            | Parts::Owned(kind, _)
            | Parts::Shared(kind, _)
            | Parts::Taken(kind, _)
            | Parts::Leased(kind, ..) => (*kind, parts.payload()),
        };
        let (mut state, compressed) = if sending.takes_over() {
            let compressed = sending.compress(state.outbound.history(), payload, budget);
            (state, compressed)
        } else {
            // What refers to no other message needs no lock.
            drop(state);
            let compressed = sending.compress(&[], payload, budget);
            (self.lock_for_message()?, compressed)
        };
        let Some(compressed) = compressed else { return Ok(Some(state)) };
        state.queue_compressed(kind, compressed.as_ref())?;
        state.outbound.remember(payload);
        state.wake_task();
        Ok(None)
    }

    /// Queues a prepared message compressed: once for all connections that can follow it.
    fn queue_prepared(
        &self,
        sending: &Sending,
        prepared: &Prepared,
    ) -> Result<Option<Locked<'_>>, SendError> {
        let frame = sending.prepared(prepared, &self.shared.context.budget);
        let mut state = self.lock_for_message()?;
        let Some(frame) = frame else { return Ok(Some(state)) };
        state.outbound.start_prepared()?;
        state.queue_shared(frame);
        state.outbound.remember(prepared.payload());
        state.wake_task();
        Ok(None)
    }

    /// What compresses a message that comes in fragments; `None` when it is to go as it is.
    pub(super) fn begin_compressed(&self, choice: Choice, state: &State) -> Option<Fragments> {
        let sending = Sending::of(state, &self.shared.context)?;
        if choice != Choice::Compressed {
            return None;
        }
        let shape = sending.shape(usize::MAX);
        let mut compressor = take_compressor(shape, &self.shared.context.budget)?;
        compressor.begin(state.outbound.history());
        Some(Fragments { compressor: Some(compressor) })
    }
}

/// Compresses a message that is sent in fragments.
#[derive(Debug)]
pub(super) struct Fragments {
    /// Given back to the thread in the end.
    compressor: Option<Compressor>,
}

impl Fragments {
    /// Queues a fragment; `first` gives the kind with the first one.
    pub(super) fn queue(
        &mut self,
        state: &mut State,
        first: Option<MessageKind>,
        piece: &[u8],
        fin: bool,
    ) -> Result<(), SendError> {
        // What may not be sent may not reach the compressor either.
        state.outbound.check_fragment(first)?;
        let Some(compressor) = &mut self.compressor else { return Err(SendError::Closed) };
        let mut payload = Scratch::take();
        compressor.compress_fragment(piece, fin, payload.room());
        state.queue_compressed_fragment(first, payload.as_ref(), fin)?;
        state.outbound.remember(piece);
        Ok(())
    }
}

impl Drop for Fragments {
    fn drop(&mut self) {
        self.compressor.take().into_iter().for_each(return_compressor);
    }
}
