//! What the receiving half of a connection knows of permessage-deflate.

use super::Inflater;
use super::history::History;
use super::negotiation::Agreement;
use crate::proto::assembler::Assembler;
use crate::proto::mask::Mask;
use crate::proto::violation::Violation;

/// The receiving side of the extension. Every connection has one, so it is small.
#[derive(Debug, Default)]
pub(in crate::proto) enum Receiving {
    /// The extension is not in use.
    #[default]
    Unused,
    /// Nothing is kept.
    Idle(Context),
    /// What the last compressed message left to the next one.
    Keeping(Box<History>),
    /// An inflater is lent by the caller.
    Inflating(Box<Inflater>, Context),
}

/// What a message may refer to (RFC 7692 §7.1.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) enum Context {
    /// Itself.
    Own,
    /// Earlier messages too.
    TakenOver,
}

/// What receiving payload of a compressed message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proto) enum Received {
    /// All of it was inflated.
    All,
    /// There is more to do; others get their turn first.
    Paused,
    /// An inflater is needed.
    NoInflater,
}

impl Receiving {
    pub(in crate::proto) fn agree(&mut self, agreement: &Agreement) {
        let takes_over = !agreement.client_no_context_takeover();
        *self = Receiving::Idle(if takes_over { Context::TakenOver } else { Context::Own });
    }

    /// Whether messages may be compressed.
    #[inline]
    pub(in crate::proto) fn is_agreed(&self) -> bool {
        !matches!(self, Receiving::Unused)
    }

    /// Begins a message with an inflater that the caller lends.
    pub(in crate::proto) fn lend(&mut self, mut inflater: Box<Inflater>) {
        let context = self.context();
        let history = match std::mem::replace(self, Receiving::Idle(context)) {
            Receiving::Keeping(history) => Some(history),
            _ => None,
        };
        inflater.begin(history);
        *self = Receiving::Inflating(inflater, context);
    }

    /// Gives the inflater back, unless a message is unfinished.
    #[inline]
    pub(in crate::proto) fn reclaim(&mut self) -> Option<Box<Inflater>> {
        match self {
            Receiving::Inflating(inflater, context) if !inflater.is_begun() => {
                let kept = match context {
                    Context::TakenOver => Receiving::Keeping(inflater.take_history()),
                    Context::Own => Receiving::Idle(Context::Own),
                };
                match std::mem::replace(self, kept) {
                    Receiving::Inflating(inflater, _) => Some(inflater),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Lets go of what is kept: nothing will be inflated any more. What was agreed stays.
    pub(in crate::proto) fn forget(&mut self) {
        if self.is_agreed() {
            *self = Receiving::Idle(self.context());
        }
    }

    fn context(&self) -> Context {
        match self {
            Receiving::Idle(context) | Receiving::Inflating(_, context) => *context,
            Receiving::Keeping(_) => Context::TakenOver,
            Receiving::Unused => Context::Own,
        }
    }

    /// Inflates payload of the current frame into the assembler, unmasking what it takes from
    /// `payload`. Gives the bytes taken too.
    pub(in crate::proto) fn receive(
        &mut self,
        payload: &mut [u8],
        mask: &mut Mask,
        assembler: &mut Assembler,
        max_message_size: usize,
    ) -> Result<(usize, Received), Violation> {
        let Receiving::Inflating(inflater, context) = self else {
            return Ok((0, Received::NoInflater));
        };
        if !inflater.is_begun() {
            inflater.begin_next(*context == Context::TakenOver);
        }
        let mut taken = 0;
        loop {
            let rest = payload.get_mut(taken..).unwrap_or_default();
            if rest.is_empty() && !inflater.is_full() {
                return Ok((taken, Received::All));
            }
            let share = inflater.share_left();
            if share == 0 {
                return Ok((taken, Received::Paused));
            }
            let piece_len = rest.len().min(PIECE);
            let piece = rest.get_mut(..piece_len).unwrap_or_default();
            let allowed = left_of(max_message_size, inflater.produced());
            // One byte more than allowed is enough to know.
            let room = share.min(allowed.saturating_add(1)).min(room_for(piece_len));
            let masked = *mask;
            mask.apply(piece);
            let before = assembler.buffered();
            let inflated = inflater.inflate(piece, room, assembler.buffer_mut());
            // What came out counts before the fault behind it.
            assembler.validate_buffered(before, allowed)?;
            let consumed = inflated.map_err(|_| Violation::DeflateCorrupt)?;
            taken += consumed;
            // What was not taken comes again, masked as it was.
            let mut behind = masked;
            behind.skip(consumed);
            *mask = behind;
            behind.apply(piece.get_mut(consumed..).unwrap_or_default());
        }
    }

    /// Others get their turn before the next call of [`Receiving::receive`].
    pub(in crate::proto) fn pause(&mut self) {
        if let Receiving::Inflating(inflater, _) = self {
            inflater.begin_share();
        }
    }

    /// Ends the message, of which all frames were received.
    pub(in crate::proto) fn finish(&mut self) -> Result<(), Violation> {
        match self {
            Receiving::Inflating(inflater, _) => {
                inflater.finish().map_err(|_| Violation::DeflateCorrupt)
            }
            // Nothing was received of it.
            _ => Err(Violation::DeflateCorrupt),
        }
    }
}

/// How many more bytes the message may have.
fn left_of(max_message_size: usize, produced: u64) -> usize {
    let left = (max_message_size as u64).saturating_sub(produced);
    usize::try_from(left).unwrap_or(usize::MAX)
}

/// Output to make room for at once: what payload of this length usually needs.
fn room_for(piece_len: usize) -> usize {
    piece_len.saturating_mul(4).clamp(MIN_ROOM, MAX_ROOM)
}

/// Payload is unmasked and inflated in pieces, in bytes.
const PIECE: usize = 16 << 10;

const MIN_ROOM: usize = 1 << 10;
const MAX_ROOM: usize = 64 << 10;

const _: () = assert!(size_of::<Receiving>() <= 16);
