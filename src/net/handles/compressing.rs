//! Which messages are compressed, and how they are queued (RFC 7692 §7.2.1).

use super::outgoing::{Choice, Parts};
use super::sender::Sender;
use super::sending::{Bound, Turn};
use crate::net::lent::engines::{Scratch, return_compressor};
use crate::net::lent::outbox::Large;
use crate::net::lent::uncompressed::Uncompressed;
use crate::net::state::State;
use crate::net::state::compression::lend_compressor;
use crate::net::state::context::Context;
use crate::proto::assembler::MessageKind;
use crate::proto::deflate::{Agreement, Compressor, Level, Shape, WindowBits, store};
use crate::proto::outbound::SendError;

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

    pub(super) fn window(&self) -> WindowBits {
        self.agreement.server_max_window_bits()
    }

    pub(super) fn shape(&self, payload_len: usize) -> Shape {
        // RFC 7692 §7.2.1: no reference goes further back than was agreed.
        Shape::of(self.level, self.window(), payload_len)
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

    /// Whether a message of so many bytes may be compressed at once, behind `before` bytes that were since
    /// the task last took frames: others wait no longer than for a slice.
    pub(super) fn is_a_slice(&self, payload_len: usize, before: usize) -> bool {
        before.saturating_add(payload_len) <= self.level.slice()
    }

    /// Whether the beginning of a message gets shorter.
    fn shrinks(&self, message: &[u8], context: &Context) -> bool {
        let sample = message.get(..SAMPLE).unwrap_or(message);
        let shape = Shape::of(Level::FASTEST, self.window(), SAMPLE);
        lend_compressor(context, shape)
            .is_some_and(|compressor| compress(compressor, &[], sample).is_some())
    }

    /// Whether messages refer to earlier ones, so that each is compressed in its turn.
    pub(super) fn takes_over(&self) -> bool {
        !self.agreement.server_no_context_takeover()
    }
}

fn compress_always(mut compressor: Compressor, history: &[u8], message: &[u8]) -> Scratch {
    let mut scratch = Scratch::take();
    compressor.begin(history);
    compressor.compress_fragment(message, true, scratch.room());
    return_compressor(compressor);
    scratch
}

pub(super) fn compress(
    mut compressor: Compressor,
    history: &[u8],
    message: &[u8],
) -> Option<Scratch> {
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
    /// Queues a message compressed, or to be compressed by the task, unless it is to go as it is: then the
    /// lock comes back with it.
    #[cold]
    pub(super) fn queue_compressed<'a, 'p>(
        &'a self,
        sending: &Sending,
        turn: Turn<'a>,
        parts: Parts<'p>,
        bound: Bound,
    ) -> Result<Option<(Turn<'a>, Parts<'p>)>, SendError> {
        let context = &*self.shared.context;
        let (kind, payload) = match &parts {
            Parts::Prepared(prepared) => {
                let turn = self.queue_prepared(sending, turn, prepared, bound)?;
                return Ok(turn.map(|turn| (turn, parts)));
            }
            Parts::Copied(kind, _)
            | Parts::Owned(kind, _)
            | Parts::Shared(kind, _)
            | Parts::Taken(kind, _)
            | Parts::Leased(kind, ..) => (*kind, parts.payload()),
        };
        if !sending.is_a_slice(payload.len(), turn.queue.compressed()) {
            return self.queue_uncompressed(sending, turn, kind, parts);
        }
        let (mut turn, compressed) = if sending.takes_over() {
            let compressed = sending.compress(turn.queue.outbound().history(), payload, context);
            (turn, compressed)
        } else {
            // What refers to no other message needs no lock.
            drop(turn);
            let compressed = sending.compress(&[], payload, context);
            (Turn::for_message(&self.shared, bound)?, compressed)
        };
        let Some(compressed) = compressed else { return Ok(Some((turn, parts))) };
        turn.queue_compressed(kind, compressed.as_ref())?;
        turn.queue.count_message(kind, payload.len());
        context.tally.deflated(payload.len(), compressed.as_ref().len());
        turn.queue.note_compressed(payload.len());
        turn.queue.outbound_mut().remember(payload);
        Ok(None)
    }

    /// Queues a message that the task compresses.
    fn queue_uncompressed<'a, 'p>(
        &'a self,
        sending: &Sending,
        mut turn: Turn<'a>,
        kind: MessageKind,
        parts: Parts<'p>,
    ) -> Result<Option<(Turn<'a>, Parts<'p>)>, SendError> {
        let context = &*self.shared.context;
        let is_always = sending.min_size == 0;
        // RFC 7692 §7.1.1: later messages may refer to this one, so what it will be is decided now.
        if sending.takes_over() && !is_always && !sending.shrinks(parts.payload(), context) {
            return Ok(Some((turn, parts)));
        }
        turn.queue.outbound_mut().start_compressed(kind, parts.payload().len())?;
        let (shape, history) =
            (sending.shape(parts.payload().len()), turn.queue.outbound().history());
        let history = history.into();
        turn.queue.outbound_mut().remember(parts.payload());
        let (payload, copied) = match parts.into_large() {
            Ok(large) => (large, None),
            Err(copied) => (Large::Owned(copied.bytes().to_vec()), Some(copied)),
        };
        let is_owed = is_always || sending.takes_over();
        let message = Uncompressed::new(kind, payload, shape, history, is_owed);
        let len = message.len();
        turn.queue.append_uncompressed(message);
        turn.queue.count_message(kind, len);
        drop(turn);
        drop(copied);
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
    /// Queues a fragment, compressed up to a slice and stored from there; `first` gives the kind with the
    /// first one. Gives how many bytes of payload that came to.
    pub(super) fn queue(
        &mut self,
        state: &mut State,
        first: Option<MessageKind>,
        piece: &[u8],
        fin: bool,
    ) -> Result<usize, SendError> {
        // What may not be sent may not reach the compressor either.
        state.queue.outbound().check_fragment(first)?;
        let Some(compressor) = &mut self.compressor else { return Err(SendError::Closed) };
        let mut payload = Scratch::take();
        let (slice, rest) = piece.split_at(piece.len().min(compressor.shape().slice()));
        compressor.compress_fragment(slice, fin && rest.is_empty(), payload.room());
        if !rest.is_empty() {
            // Others wait no longer than for a slice, and the message is one stream: the rest is stored.
            store(rest, fin, payload.room());
            // What follows may refer to what the peer has got last.
            compressor.begin(piece);
        }
        state.queue_compressed_fragment(first, payload.as_ref(), fin)?;
        state.queue.outbound_mut().remember(piece);
        Ok(payload.as_ref().len())
    }
}

impl Drop for Fragments {
    fn drop(&mut self) {
        self.compressor.take().into_iter().for_each(return_compressor);
    }
}

/// What tells whether a message gets shorter, in bytes: as much as is compressed of one before it may be
/// given up.
const SAMPLE: usize = 66 << 10;
