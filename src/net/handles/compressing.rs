//! Which messages are compressed, and how they are queued (RFC 7692 §7.2.1).

use std::sync::Arc;

use super::outgoing::{Choice, Parts};
use super::sender::Sender;
use super::sending::{Bound, Turn, is_large};
use crate::net::lent::engines::{Scratch, return_compressor};
use crate::net::lent::outbox::Large;
use crate::net::state::State;
use crate::net::state::compression::lend_compressor;
use crate::net::state::context::Context;
use crate::proto::assembler::MessageKind;
use crate::proto::deflate::{Agreement, Compressor, Level, Shape};
use crate::proto::outbound::SendError;
use crate::proto::prepared::Prepared;

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
        let agreement = state.queue.agreement()?;
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
        // RFC 7692 §7.2.1: no reference goes further back than was agreed.
        Shape::of(self.level, self.agreement.server_max_window_bits(), payload_len)
    }

    /// Compresses a message; `None` when it does not get shorter, or there is no memory for it:
    /// it is to go as it is then. With a least size of 0 it may get longer.
    fn compress(&self, history: &[u8], message: &[u8], context: &Context) -> Option<Scratch> {
        let compressor = lend_compressor(context, self.shape(message.len()))?;
        if self.min_size == 0 {
            return Some(compress_always(compressor, history, message));
        }
        compress(compressor, history, message)
    }

    /// Whether messages refer to earlier ones, so that each is compressed in its turn.
    fn takes_over(&self) -> bool {
        !self.agreement.server_no_context_takeover()
    }

    /// The frame of a prepared message, compressed for all connections with this window.
    fn prepared<'a>(&self, prepared: &'a Prepared, context: &Context) -> Option<&'a Arc<[u8]>> {
        let window = self.agreement.server_max_window_bits();
        let compressor = if prepared.is_settled(window) {
            None
        } else {
            // Want of memory passes; what is settled stays.
            Some(lend_compressor(context, self.shape(prepared.payload().len()))?)
        };
        prepared.compressed(window, |payload| compress(compressor?, &[], payload))
    }
}

fn compress_always(mut compressor: Compressor, history: &[u8], message: &[u8]) -> Scratch {
    let mut scratch = Scratch::take();
    compressor.begin(history);
    compressor.compress_fragment(message, true, scratch.room());
    return_compressor(compressor);
    scratch
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
        let header = self.queue.outbound_mut().start_compressed(kind, payload.len())?;
        self.queue.append_frame(&header, payload);
        Ok(())
    }

    fn queue_compressed_fragment(
        &mut self,
        first: Option<MessageKind>,
        payload: &[u8],
        fin: bool,
    ) -> Result<(), SendError> {
        let header = self.queue.outbound_mut().start_fragment(first, payload.len(), fin)?;
        // RFC 7692 §6.1: the first fragment has the bit, and no other.
        let header = if first.is_some() { header.compressed() } else { header };
        self.queue.append_frame(&header, payload);
        Ok(())
    }
}

impl Sender {
    /// Queues a message compressed, unless it is to go as it is: then the lock comes back.
    #[cold]
    pub(super) fn queue_compressed<'a>(
        &'a self,
        sending: &Sending,
        turn: Turn<'a>,
        parts: &Parts<'_>,
        bound: Bound,
    ) -> Result<Option<Turn<'a>>, SendError> {
        let context = &*self.shared.context;
        let (kind, payload) = match parts {
            Parts::Prepared(prepared) => {
                drop(turn);
                return self.queue_prepared(sending, prepared, bound);
            }
            Parts::Copied(kind, _)
            | Parts::Owned(kind, _)
            | Parts::Shared(kind, _)
            | Parts::Taken(kind, _)
            | Parts::Leased(kind, ..) => (*kind, parts.payload()),
        };
        let (mut turn, compressed) = if sending.takes_over() {
            let compressed = sending.compress(turn.queue.outbound().history(), payload, context);
            (turn, compressed)
        } else {
            // What refers to no other message needs no lock.
            drop(turn);
            let compressed = sending.compress(&[], payload, context);
            (Turn::for_message(&self.shared, bound)?, compressed)
        };
        let Some(compressed) = compressed else { return Ok(Some(turn)) };
        turn.queue_compressed(kind, compressed.as_ref())?;
        turn.queue.outbound_mut().remember(payload);
        Ok(None)
    }

    /// Queues a prepared message compressed: once for all connections that can follow it.
    fn queue_prepared(
        &self,
        sending: &Sending,
        prepared: &Prepared,
        bound: Bound,
    ) -> Result<Option<Turn<'_>>, SendError> {
        let frame = sending.prepared(prepared, &self.shared.context);
        let mut turn = Turn::for_message(&self.shared, bound)?;
        let Some(frame) = frame else { return Ok(Some(turn)) };
        turn.queue.outbound_mut().start_prepared()?;
        queue_shared(&mut turn, frame);
        turn.queue.outbound_mut().remember(prepared.payload());
        Ok(None)
    }

    /// What compresses a message that comes in fragments; `None` when it is to go as it is.
    pub(super) fn begin_compressed(&self, choice: Choice, state: &State) -> Option<Fragments> {
        let sending = Sending::of(state, &self.shared.context)?;
        if choice != Choice::Compressed {
            return None;
        }
        let context = &*self.shared.context;
        // A handler may take its time between fragments: half is left to those who compress at once.
        if !context.budget.has_left(context.budget.limit() / 2) {
            return None;
        }
        let mut compressor = lend_compressor(context, sending.shape(usize::MAX))?;
        compressor.begin(state.queue.outbound().history());
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
        state.queue.outbound().check_fragment(first)?;
        let Some(compressor) = &mut self.compressor else { return Err(SendError::Closed) };
        let mut payload = Scratch::take();
        compressor.compress_fragment(piece, fin, payload.room());
        state.queue_compressed_fragment(first, payload.as_ref(), fin)?;
        state.queue.outbound_mut().remember(piece);
        Ok(())
    }
}

impl Drop for Fragments {
    fn drop(&mut self) {
        self.compressor.take().into_iter().for_each(return_compressor);
    }
}

/// Queues a frame that is shared with other connections.
fn queue_shared(state: &mut State, frame: &Arc<[u8]>) {
    if is_large(frame.len()) {
        state.queue.append_large(&[], Large::Shared(frame.clone()));
    } else {
        state.queue.append_encoded(frame);
    }
}
